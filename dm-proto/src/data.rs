//! [`Data`], [`Fragment`] and [`Extra`]: content that the grammar does not model further.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::Bytes;

use crate::Text;

/// The content of a `Data` element: text, octets, or markup that was not escaped.
///
/// The codec picks the transfer form of octets: Base64 with Format `b64` in XML, opaque in WBXML.
/// Base64 text that came over XML stays text until the tree, which knows the node, decodes it: one
/// chunk of a large object need not be decodable on its own.
///
/// Large octets share the buffer that the message was read from; others are copied, so that a small
/// value never keeps a whole message alive.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Data(Repr);

#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Repr {
    Text(Text),
    // Boxed, since nearly all is text: together they are no larger than that.
    Binary(Box<Bytes>),
    Markup(Box<Fragment>),
}

impl Data {
    /// Text.
    pub fn text(text: impl Into<Text>) -> Self {
        Self(Repr::Text(text.into()))
    }

    /// Text that stands in a place already.
    pub(crate) fn set_text(place: &mut Option<Self>, text: &str) {
        let data = place.insert(Self(Repr::Text(Text::EMPTY)));
        if let Repr::Text(place) = &mut data.0 {
            place.set(text);
        }
    }

    /// Octets.
    pub fn binary(octets: impl Into<Bytes>) -> Self {
        Self(Repr::Binary(Box::new(octets.into())))
    }

    /// Elements that stand in `Data` unescaped.
    pub fn markup(fragment: Fragment) -> Self {
        Self(Repr::Markup(Box::new(fragment)))
    }

    /// The text, if the data is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Text(text) => Some(text.as_str()),
            Repr::Binary(_) | Repr::Markup(_) => None,
        }
    }

    /// The octets of text or binary data.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::Text(text) => Some(text.as_bytes()),
            Repr::Binary(octets) => Some(octets),
            Repr::Markup(_) => None,
        }
    }

    /// The octets of text or binary data, shared where they are.
    pub fn to_bytes(&self) -> Option<Bytes> {
        match &self.0 {
            Repr::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
            Repr::Binary(octets) => Some(Bytes::clone(octets)),
            Repr::Markup(_) => None,
        }
    }

    /// The elements, if the data is markup.
    pub fn as_markup(&self) -> Option<&Fragment> {
        match &self.0 {
            Repr::Markup(fragment) => Some(fragment),
            Repr::Text(_) | Repr::Binary(_) => None,
        }
    }

    /// Whether the data is octets rather than text or markup.
    pub fn is_binary(&self) -> bool {
        matches!(self.0, Repr::Binary(_))
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Text> for Data {
    fn from(text: Text) -> Self {
        Self::text(text)
    }
}

impl From<alloc::string::String> for Data {
    fn from(text: alloc::string::String) -> Self {
        Self::text(text)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Text(text) => fmt::Debug::fmt(text, f),
            Repr::Binary(octets) => fmt::Debug::fmt(octets, f),
            Repr::Markup(fragment) => fmt::Debug::fmt(fragment, f),
        }
    }
}

/// A sequence of elements, flat: what the grammar met and does not model.
///
/// Flat, so that comparing, cloning and dropping what a peer nested does not recurse.
/// `Debug` leaves out what stands in a `Cred` or a `NextNonce`.
#[derive(Clone, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Fragment(Vec<Piece>);

/// One piece of a [`Fragment`]. Attributes follow the start they belong to; each start has an end.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Piece {
    /// An element begins.
    Start(Name),
    /// An attribute of the element that just began.
    Attribute(Name, Text),
    /// Character data.
    Text(Text),
    /// Opaque octets.
    Opaque(Bytes),
    /// The innermost open element ends.
    End,
}

/// The name of an element or attribute: a namespace, if it has one, and a local part.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Name {
    /// The namespace; empty where the name has none.
    pub namespace: Text,
    /// The name within the namespace.
    pub local: Text,
}

impl Name {
    /// A name in a namespace, which is empty for a name without one.
    pub fn new(namespace: impl Into<Text>, local: impl Into<Text>) -> Self {
        Self {
            namespace: namespace.into(),
            local: local.into(),
        }
    }
}

impl Fragment {
    /// No pieces.
    pub const EMPTY: Self = Self(Vec::new());

    /// Adds a piece. Starts and ends must balance when the fragment is written.
    pub fn push(&mut self, piece: Piece) {
        self.0.push(piece);
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Whether there is no piece.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut depth = 0_usize;
        // How deep the element is that holds a secret.
        let mut secret = None;
        let mut list = f.debug_list();
        for piece in &self.0 {
            match piece {
                Piece::Start(name) => {
                    depth = depth.saturating_add(1);
                    if matches!(name.local.as_str(), "Cred" | "NextNonce") {
                        secret.get_or_insert(depth);
                    }
                    list.entry(piece);
                }
                Piece::Text(_) | Piece::Opaque(_) if secret.is_some() => {
                    list.entry(&format_args!("(secret)"));
                }
                Piece::End => {
                    if secret == Some(depth) {
                        secret = None;
                    }
                    depth = depth.saturating_sub(1);
                    list.entry(piece);
                }
                _ => {
                    list.entry(piece);
                }
            }
        }
        list.finish()
    }
}

/// What an element held beyond its model: foreign attributes and elements, kept and written back.
///
/// Not kept, though noted as a tolerance: foreign attributes of a second `TargetRef`, `SourceRef` or
/// `EMI`, of a `MetInf` around the children of a `Meta`, and of the `LocURI` in a `SourceParent` or
/// `TargetParent`; and elements in elements that hold only text.
///
/// Its memory is one pointer while there is nothing.
#[derive(Clone, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Extra(Option<Box<Inner>>);

#[derive(Clone, Default, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Inner {
    attributes: Vec<ForeignAttribute>,
    elements: Fragment,
}

impl PartialEq for Inner {
    /// Attributes of different children have no order between them: what came in another order than the
    /// DTD's is written in that, and means the same.
    fn eq(&self, other: &Self) -> bool {
        self.elements == other.elements
            && (self.attributes == other.attributes
                || self.attributes.len() == other.attributes.len()
                    && self.by_child() == other.by_child())
    }
}

impl Inner {
    fn by_child(&self) -> Vec<&ForeignAttribute> {
        let mut attributes: Vec<_> = self.attributes.iter().collect();
        attributes.sort_by(|one, other| one.on.cmp(&other.on));
        attributes
    }
}

/// An attribute that SyncML does not know, such as Windows' `msft:originalerror` on `Data`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct ForeignAttribute {
    /// The modelled child that carries it, such as `Data`; empty for the element itself.
    pub on: Text,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Text,
}

impl Extra {
    /// Nothing extra.
    pub const NONE: Self = Self(None);

    /// Whether there is nothing extra.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The foreign attributes of the element and of its simple children.
    pub fn attributes(&self) -> &[ForeignAttribute] {
        self.0.as_ref().map_or(&[], |inner| &inner.attributes)
    }

    /// The foreign child elements, in the order they came. They are written after the modelled ones.
    pub fn elements(&self) -> &[Piece] {
        self.0.as_ref().map_or(&[], |inner| inner.elements.pieces())
    }

    /// Adds a foreign attribute.
    pub fn push_attribute(&mut self, attribute: ForeignAttribute) {
        self.0.get_or_insert_default().attributes.push(attribute);
    }

    /// Adds a piece of a foreign child element.
    pub fn push_piece(&mut self, piece: Piece) {
        self.0.get_or_insert_default().elements.push(piece);
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("-"),
            Some(inner) => f
                .debug_struct("Extra")
                .field("attributes", &inner.attributes)
                .field("elements", &inner.elements)
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_different_children_have_no_order() {
        let extra = |attributes: &[(&'static str, &'static str)]| {
            let mut extra = Extra::NONE;
            for (on, local) in attributes {
                extra.push_attribute(ForeignAttribute {
                    on: Text::from_static(on),
                    name: Name::new("", *local),
                    value: Text::EMPTY,
                });
            }
            extra
        };
        let one = extra(&[("CmdID", "a"), ("Data", "b"), ("Data", "c")]);
        assert_eq!(one, extra(&[("Data", "b"), ("CmdID", "a"), ("Data", "c")]));
        assert_ne!(one, extra(&[("CmdID", "a"), ("Data", "c"), ("Data", "b")]));
        assert_ne!(one, extra(&[("CmdID", "a"), ("Data", "b")]));
        assert_ne!(one, extra(&[("Data", "a"), ("Data", "b"), ("Data", "c")]));
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn data_is_as_small_as_text() {
        assert_eq!(size_of::<Option<Data>>(), size_of::<Text>());
    }
}
