//! [`Document`]: a document of any type as a tree of elements.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::iter;

use bytes::Bytes;

use super::{DocumentOptions, DocumentType};
use crate::{
    DecodeError, EncodeError, Fragment, Name, Piece, Text,
    codec::{Encoding, Tolerance, WbxmlVersion},
};

/// A document as a tree of elements, for readers and writers of DDF, TNDS, DevInf and Client
/// Provisioning.
///
/// It is stored flat, so that nothing recurses, however deep a peer nested it. Going to the next
/// sibling takes constant time.
///
/// ```
/// use bytes::Bytes;
/// use dm_proto::codec::{Document, DocumentOptions, DocumentType, Encoding};
///
/// let xml = Bytes::from_static(b"<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>\
///     <Node><NodeName>A</NodeName><Value>x</Value></Node></MgmtTree>");
/// let document = Document::read(Encoding::Xml, &xml, &DocumentOptions::default())?;
/// assert_eq!(document.document_type(), DocumentType::DmDdf);
///
/// let mut open = vec![document.root().children()];
/// let mut names = Vec::new();
/// while let Some(children) = open.last_mut() {
///     let Some(element) = children.next() else {
///         open.pop();
///         continue;
///     };
///     if element.local() == "NodeName" {
///         names.push(element.text().into_owned());
///     }
///     open.push(element.children());
/// }
/// assert_eq!(names, ["A"]);
///
/// let mut again = Document::builder(DocumentType::DmDdf);
/// again.leaf("VerDTD", "1.2").start("Node").leaf("NodeName", "A").leaf("Value", "x").end();
/// assert_eq!(again.finish().root(), document.root());
/// # Ok::<(), dm_proto::DecodeError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    document: DocumentType,
    pieces: Fragment,
    /// For each piece that starts an element, the place of its end.
    ends: Vec<u32>,
    tolerances: Vec<Tolerance>,
}

impl Document {
    /// Reads a document.
    ///
    /// White space between elements is left out; text that came in pieces is one. Opaque octets stay
    /// octets, see [`Element::octets`]. Names that stand without a namespace have that of the type, and
    /// those of SyncML that of SyncML 1.2.
    ///
    /// # Errors
    ///
    /// What is wrong, with the offset and the path of the element.
    pub fn read(
        encoding: Encoding,
        octets: &Bytes,
        options: &DocumentOptions,
    ) -> Result<Self, DecodeError> {
        super::read_tree::read(encoding, octets, options)
    }

    /// A document with these pieces: one element.
    ///
    /// # Errors
    ///
    /// [`EncodeError::MalformedFragment`] if they are not one balanced element.
    pub fn from_fragment(document: DocumentType, pieces: Fragment) -> Result<Self, EncodeError> {
        let ends = ends(pieces.pieces()).ok_or(EncodeError::MalformedFragment)?;
        Ok(Self {
            document,
            pieces,
            ends,
            tolerances: Vec::new(),
        })
    }

    /// The same that was read with tolerances.
    pub(super) fn with_tolerances(mut self, tolerances: Vec<Tolerance>) -> Self {
        self.tolerances = tolerances;
        self
    }

    /// Begins a document of this type, whose root is open.
    pub fn builder(document: DocumentType) -> DocumentBuilder {
        DocumentBuilder::new(document)
    }

    /// Its type.
    pub fn document_type(&self) -> DocumentType {
        self.document
    }

    /// What in it broke the letter of the documents when it was read.
    pub fn tolerances(&self) -> &[Tolerance] {
        &self.tolerances
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        Element {
            document: self,
            at: 0,
        }
    }

    /// The elements as they are stored.
    pub fn fragment(&self) -> &Fragment {
        &self.pieces
    }

    /// Writes the document. Deterministic: the same document gives the same octets.
    ///
    /// # Errors
    ///
    /// If it holds what the encoding cannot represent.
    pub fn encode(&self, encoding: Encoding) -> Result<Bytes, EncodeError> {
        match encoding {
            #[cfg(feature = "xml")]
            Encoding::Xml => self.to_xml(false),
            #[cfg(not(feature = "xml"))]
            Encoding::Xml => Err(EncodeError::EncodingNotBuilt),
            Encoding::Wbxml => self.to_wbxml(WbxmlVersion::default()),
        }
    }

    /// Writes XML, perhaps with each element on a line of its own.
    ///
    /// Octets that are text are text; others are Base64 where they are the `Value` of a node (which
    /// says so by its Format), and have no form elsewhere.
    ///
    /// # Errors
    ///
    /// If it holds what XML cannot represent.
    #[cfg(feature = "xml")]
    pub fn to_xml(&self, indent: bool) -> Result<Bytes, EncodeError> {
        super::write_tree_xml::to_xml(self, indent)
    }

    /// Writes WBXML.
    ///
    /// # Errors
    ///
    /// If it holds names or text that WBXML has no form for.
    pub fn to_wbxml(&self, version: WbxmlVersion) -> Result<Bytes, EncodeError> {
        super::write_tree::to_wbxml(self, version)
    }
}

/// An element of a [`Document`]. Equal to another of the same name and content.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d> {
    document: &'d Document,
    at: usize,
}

impl<'d> Element<'d> {
    fn pieces(&self) -> &'d [Piece] {
        let after = self.after();
        self.document
            .pieces
            .pieces()
            .get(self.at..after)
            .unwrap_or_default()
    }

    /// The place behind the end of the element.
    fn after(&self) -> usize {
        self.document.ends.get(self.at).map_or(self.at, |&end| {
            usize::try_from(end).unwrap_or(usize::MAX).saturating_add(1)
        })
    }

    /// Its name.
    pub fn name(&self) -> &'d Name {
        const NONE: &Name = &Name {
            namespace: Text::EMPTY,
            local: Text::EMPTY,
        };
        match self.pieces().first() {
            Some(Piece::Start(name)) => name,
            // A document is one element at least.
            _ => NONE,
        }
    }

    /// The local part of its name.
    pub fn local(&self) -> &'d str {
        self.name().local.as_str()
    }

    /// Its attributes: names and values.
    pub fn attributes(&self) -> impl Iterator<Item = (&'d Name, &'d str)> + use<'d> {
        self.pieces().iter().skip(1).map_while(|piece| match piece {
            Piece::Attribute(name, value) => Some((name, value.as_str())),
            _ => None,
        })
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, local: &str) -> Option<&'d str> {
        self.attributes()
            .find(|(name, _)| name.namespace.is_empty() && name.local == local)
            .map(|(_, value)| value)
    }

    /// The elements directly inside it.
    pub fn children(&self) -> Children<'d> {
        Children {
            document: self.document,
            at: self.at.saturating_add(1),
            end: self.after().saturating_sub(1),
        }
    }

    /// The first child of this local name, in a namespace of OMA or in none.
    pub fn child(&self, local: &str) -> Option<Self> {
        self.children_named(local).next()
    }

    /// The children of this local name, in a namespace of OMA or in none.
    pub fn children_named(&self, local: &str) -> impl Iterator<Item = Self> + use<'d> {
        let local = Text::from(local);
        self.children()
            .filter(move |child| child.local() == local.as_str() && child.is_standard())
    }

    /// Whether its namespace is one of OMA, or none.
    pub fn is_standard(&self) -> bool {
        super::is_standard(&self.name().namespace)
    }

    /// The text directly inside it, opaque octets included as far as they are text.
    pub fn text(&self) -> Cow<'d, str> {
        let mut text = Cow::Borrowed("");
        for piece in self.content() {
            let more = match piece {
                Piece::Text(more) => more.as_str(),
                Piece::Opaque(octets) => core::str::from_utf8(octets).unwrap_or_default(),
                _ => continue,
            };
            if text.is_empty() {
                text = Cow::Borrowed(more);
            } else {
                text.to_mut().push_str(more);
            }
        }
        text
    }

    /// The octets inside it, if they came opaque and alone. Such are the values of Format `bin` in
    /// WBXML; in XML they are Base64 text.
    pub fn octets(&self) -> Option<&'d Bytes> {
        let mut content = self.content();
        match (content.next(), content.next()) {
            (Some(Piece::Opaque(octets)), None) => Some(octets),
            _ => None,
        }
    }

    /// The names of the elements around it and its own, as errors give them: `MgmtTree/Node/Value`.
    /// Takes time in proportion to what stands before it.
    pub fn path(&self) -> String {
        let mut path = String::new();
        let before = self
            .document
            .pieces
            .pieces()
            .iter()
            .zip(&self.document.ends);
        for (piece, &end) in before.take(self.at.saturating_add(1)) {
            if let Piece::Start(name) = piece
                && usize::try_from(end).is_ok_and(|end| end >= self.at)
            {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(&name.local);
            }
        }
        path
    }

    /// The pieces directly inside it, without attributes and elements.
    fn content(&self) -> impl Iterator<Item = &'d Piece> + use<'d> {
        let document = self.document;
        let mut at = self.at.saturating_add(1);
        let end = self.after().saturating_sub(1);
        iter::from_fn(move || {
            while at < end {
                let piece = document.pieces.pieces().get(at)?;
                let this = Self { document, at };
                match piece {
                    Piece::Start(_) => at = this.after(),
                    Piece::Text(_) | Piece::Opaque(_) => {
                        at = at.saturating_add(1);
                        return Some(piece);
                    }
                    _ => at = at.saturating_add(1),
                }
            }
            None
        })
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.pieces() == other.pieces()
    }
}

impl Eq for Element<'_> {}

/// The elements inside another, in their order.
#[derive(Clone, Debug)]
pub struct Children<'d> {
    document: &'d Document,
    at: usize,
    end: usize,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            let at = self.at;
            let piece = self.document.pieces.pieces().get(at)?;
            if let Piece::Start(_) = piece {
                let element = Element {
                    document: self.document,
                    at,
                };
                self.at = element.after();
                return Some(element);
            }
            self.at = at.saturating_add(1);
        }
        None
    }
}

/// Makes a [`Document`]. Names have the namespace of its type.
///
/// What does not fit is not written: an end beyond the root, an attribute behind content.
#[derive(Clone, Debug)]
pub struct DocumentBuilder {
    document: DocumentType,
    pieces: Fragment,
    depth: usize,
    takes_attributes: bool,
}

impl DocumentBuilder {
    fn new(document: DocumentType) -> Self {
        let mut builder = Self {
            document,
            pieces: Fragment::EMPTY,
            depth: 0,
            takes_attributes: false,
        };
        builder.start(document.root());
        builder
    }

    /// Begins an element.
    pub fn start(&mut self, local: impl Into<Text>) -> &mut Self {
        let name = Name::new(self.document.namespace(), local);
        self.pieces.push(Piece::Start(name));
        self.depth = self.depth.saturating_add(1);
        self.takes_attributes = true;
        self
    }

    /// Adds an attribute to the element that just began.
    pub fn attribute(&mut self, local: impl Into<Text>, value: impl Into<Text>) -> &mut Self {
        if self.takes_attributes {
            let name = Name::new("", local);
            self.pieces.push(Piece::Attribute(name, value.into()));
        }
        self
    }

    /// Adds text.
    pub fn text(&mut self, text: impl Into<Text>) -> &mut Self {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
            self.takes_attributes = false;
        }
        self
    }

    /// Adds octets: opaque in WBXML.
    pub fn octets(&mut self, octets: impl Into<Bytes>) -> &mut Self {
        self.pieces.push(Piece::Opaque(octets.into()));
        self.takes_attributes = false;
        self
    }

    /// Adds an element with this text.
    pub fn leaf(&mut self, local: impl Into<Text>, text: impl Into<Text>) -> &mut Self {
        self.start(local).text(text).end()
    }

    /// Adds an empty element.
    pub fn empty(&mut self, local: impl Into<Text>) -> &mut Self {
        self.start(local).end()
    }

    /// Ends the innermost open element, but for the root.
    pub fn end(&mut self) -> &mut Self {
        if self.depth > 1 {
            self.pieces.push(Piece::End);
            self.depth = self.depth.saturating_sub(1);
            self.takes_attributes = false;
        }
        self
    }

    /// The document; what is open ends.
    pub fn finish(mut self) -> Document {
        for _ in 0..self.depth {
            self.pieces.push(Piece::End);
        }
        let ends = ends(self.pieces.pieces()).unwrap_or_default();
        Document {
            document: self.document,
            pieces: self.pieces,
            ends,
            tolerances: Vec::new(),
        }
    }
}

/// For each piece that starts an element, the place of its end; `None` if they are not one element.
fn ends(pieces: &[Piece]) -> Option<Vec<u32>> {
    let mut ends = Vec::with_capacity(pieces.len());
    // The places of the open elements.
    let mut open: Vec<usize> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if open.is_empty() && at > 0 {
            return None;
        }
        let place = u32::try_from(at).ok()?;
        ends.push(place);
        match piece {
            Piece::Start(_) => open.push(at),
            Piece::End => {
                let start = open.pop()?;
                *ends.get_mut(start)? = place;
            }
            Piece::Attribute(..) => {
                let before = pieces.get(at.checked_sub(1)?)?;
                if !matches!(before, Piece::Start(_) | Piece::Attribute(..)) {
                    return None;
                }
            }
            _ if open.is_empty() => return None,
            _ => {}
        }
    }
    (open.is_empty() && !ends.is_empty()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;

    fn sample() -> Document {
        let mut builder = Document::builder(DocumentType::DmDdf);
        builder
            .leaf("VerDTD", "1.2")
            .start("Node")
            .attribute("a", "1")
            .leaf("NodeName", "A")
            .start("Value")
            .octets(vec![0xFF])
            .end()
            .end()
            .empty("Node");
        builder.finish()
    }

    #[test]
    fn elements_are_found_by_name_with_text_octets_attributes_and_path() {
        let document = sample();
        let root = document.root();
        assert_eq!(root.local(), "MgmtTree");
        assert_eq!(root.children().count(), 3);
        let node = root.child("Node").expect("a node");
        assert_eq!(node.attribute("a"), Some("1"));
        assert_eq!(node.child("NodeName").expect("a name").text(), "A");
        let value = node.child("Value").expect("a value");
        assert_eq!(value.octets(), Some(&Bytes::from_static(&[0xFF])));
        assert_eq!(value.text(), "");
        assert_eq!(value.path(), "MgmtTree/Node/Value");
        assert_eq!(root.children_named("Node").count(), 2);
        assert_eq!(root.child("Other"), None);
    }

    #[test]
    fn a_fragment_that_is_not_one_element_is_no_document() {
        let start = || Piece::Start(Name::new("", "a"));
        let attribute = Piece::Attribute(Name::new("", "a"), "v".into());
        let text = || Piece::Text("t".into());
        for pieces in [
            vec![],
            vec![start()],
            vec![Piece::End],
            vec![text()],
            vec![start(), Piece::End, text()],
            vec![start(), Piece::End, start(), Piece::End],
            vec![start(), text(), attribute, Piece::End],
        ] {
            let mut fragment = Fragment::EMPTY;
            for piece in pieces {
                fragment.push(piece);
            }
            assert_eq!(
                Document::from_fragment(DocumentType::DmDdf, fragment),
                Err(EncodeError::MalformedFragment)
            );
        }
        let whole = Document::from_fragment(DocumentType::DmDdf, sample().fragment().clone());
        assert_eq!(whole.map_err(|error| error.to_string()), Ok(sample()));
    }

    #[test]
    fn ends_beyond_the_root_and_late_attributes_are_left_out() {
        let mut builder = Document::builder(DocumentType::DmDdf);
        builder.end().end().text("x").attribute("a", "b");
        let document = builder.finish();
        assert_eq!(document.root().text(), "x");
        assert_eq!(document.root().attributes().count(), 0);
    }
}
