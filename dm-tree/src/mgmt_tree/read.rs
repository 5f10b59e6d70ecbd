//! Pieces of a document into nodes.

use std::vec::Vec;

use bytes::{Bytes, BytesMut};
use dm_proto::{
    Limits, Piece, Text,
    codec::{Document, DocumentOptions, DocumentType, Encoding},
};

use super::{
    Content, DocumentError, Framework, MgmtTree, RawNode, RunTime,
    element::{Element, Occurs},
};
use crate::{NodeUri, Property, ddf::MICROSOFT, description::Occurrence};

/// Reads a document.
pub(crate) fn read(
    encoding: Encoding,
    octets: &Bytes,
    limits: &Limits,
) -> Result<MgmtTree, DocumentError> {
    let options = DocumentOptions::default()
        .with_limits(limits.clone())
        .with_document(DocumentType::DmDdf);
    let document = Document::read(encoding, octets, &options)?;
    read_pieces(document.fragment().pieces(), limits)
}

/// Reads a document that is taken apart already.
///
/// Elements that the document type does not have are passed over with what is in them: extensions of
/// vendors stand there.
pub(crate) fn read_pieces(pieces: &[Piece], limits: &Limits) -> Result<MgmtTree, DocumentError> {
    let mut reader = Reader {
        tree: MgmtTree::default(),
        open: Vec::new(),
        nodes: Vec::new(),
        foreign: 0,
        is_kept: false,
        text: None,
        memory: limits.memory,
        limit: limits.memory,
    };
    for piece in pieces {
        reader.keep(piece)?;
        match piece {
            Piece::Start(name) => reader.start(&name.namespace, &name.local)?,
            Piece::Text(text) => reader.text(text),
            Piece::Opaque(octets) => reader.octets(octets),
            Piece::End => reader.end()?,
            _ => {}
        }
    }
    let tree = reader.tree;
    match tree.ver_dtd.trim() {
        // Version 1.1 differs in what is optional, 1.2 is what is checked.
        "1.1" | "1.1.2" | "1.2" => Ok(tree),
        "" => Err(DocumentError::Missing {
            node: Text::EMPTY,
            element: "VerDTD",
        }),
        _ => Err(DocumentError::Version(excerpt(&tree.ver_dtd))),
    }
}

struct Reader {
    tree: MgmtTree,
    open: Vec<Element>,
    /// The places of the open nodes in the tree.
    nodes: Vec<usize>,
    /// How many elements are open that the document type does not have.
    foreign: usize,
    /// Whether these are Microsoft's.
    is_kept: bool,
    /// The content of the innermost element.
    text: Option<Content>,
    memory: usize,
    limit: usize,
}

type Result<T, E = DocumentError> = core::result::Result<T, E>;

impl Reader {
    /// Keeps what is in an element of Microsoft's, and such an element, in `DFProperties`.
    fn keep(&mut self, piece: &Piece) -> Result<()> {
        if self.foreign == 0 {
            self.is_kept = match piece {
                Piece::Start(name) => {
                    name.namespace == MICROSOFT && self.open.last() == Some(&Element::DfProperties)
                }
                _ => false,
            };
        }
        if !self.is_kept {
            return Ok(());
        }
        let length = match piece {
            Piece::Start(name) => name.local.len(),
            Piece::Attribute(name, value) => name.local.len().saturating_add(value.len()),
            Piece::Text(text) => text.len(),
            _ => 0,
        };
        self.charge(size_of::<Piece>().saturating_add(length))?;
        if let Some(framework) = self.framework() {
            framework.microsoft.push(piece.clone());
        }
        Ok(())
    }

    fn start(&mut self, namespace: &str, local: &str) -> Result<()> {
        if self.foreign > 0 {
            self.foreign = self.foreign.saturating_add(1);
            return Ok(());
        }
        let Some(&parent) = self.open.last() else {
            if local != "MgmtTree" {
                return Err(DocumentError::Root(excerpt(local)));
            }
            self.open.push(Element::MgmtTree);
            return Ok(());
        };
        let element = if is_ours(namespace) {
            parent.inside(local)
        } else {
            None
        };
        let Some(element) = element else {
            if parent.is_text() {
                return Err(DocumentError::Misplaced {
                    node: self.place(),
                    element: excerpt(local),
                });
            }
            self.foreign = 1;
            return Ok(());
        };
        match element {
            Element::Node => self.node()?,
            Element::RtProperties => {
                let Some(node) = self.innermost() else {
                    return Ok(());
                };
                if node.run_time.replace(RunTime::default()).is_some() {
                    return Err(self.twice(element));
                }
            }
            Element::DfProperties => {
                let Some(node) = self.innermost() else {
                    return Ok(());
                };
                if node.framework.replace(Box::default()).is_some() {
                    return Err(self.twice(element));
                }
            }
            Element::AccessType => {
                if let Some(framework) = self.framework() {
                    framework.access.get_or_insert_default();
                }
            }
            _ => {}
        }
        self.text = None;
        self.open.push(element);
        Ok(())
    }

    fn node(&mut self) -> Result<()> {
        if self.nodes.len() >= NodeUri::MAX_DEPTH {
            return Err(DocumentError::TooDeep);
        }
        if let Some(parent) = self.innermost()
            && parent.value.is_some()
        {
            // OMA-TS-DM_TNDS, Node: a value ends the recursion.
            return Err(DocumentError::Misplaced {
                node: self.place(),
                element: Text::from_static("Node"),
            });
        }
        self.charge(size_of::<RawNode>().saturating_add(size_of::<RunTime>()))?;
        let place = self.tree.nodes.len();
        self.tree.nodes.push(RawNode {
            depth: self.nodes.len(),
            ..RawNode::default()
        });
        self.nodes.push(place);
        Ok(())
    }

    fn text(&mut self, more: &str) {
        if self.foreign > 0 || !self.takes_text() {
            return;
        }
        match &mut self.text {
            None => self.text = Some(Content::Text(more.into())),
            Some(Content::Text(text)) => text.push_str(more),
            Some(Content::Octets(octets)) => {
                *octets = grown(core::mem::take(octets), more.as_bytes())
            }
        }
    }

    fn octets(&mut self, more: &Bytes) {
        if self.foreign > 0 || !self.takes_text() {
            return;
        }
        let octets = match self.text.take() {
            None => more.clone(),
            Some(Content::Text(text)) => grown(Bytes::copy_from_slice(text.as_bytes()), more),
            Some(Content::Octets(octets)) => grown(octets, more),
        };
        self.text = Some(Content::Octets(octets));
    }

    fn takes_text(&self) -> bool {
        self.open.last().is_some_and(|element| {
            element.is_text()
                || matches!(
                    element,
                    // Some write the type without an element around it.
                    Element::Occurs(_) | Element::Property(Property::Type) | Element::DfType
                )
        })
    }

    fn end(&mut self) -> Result<()> {
        if self.foreign > 0 {
            self.foreign = self.foreign.saturating_sub(1);
            return Ok(());
        }
        let Some(element) = self.open.pop() else {
            return Ok(());
        };
        let content = self.text.take();
        let length = match &content {
            None => 0,
            Some(Content::Text(text)) => text.len(),
            Some(Content::Octets(octets)) => octets.len(),
        };
        self.charge(length)?;
        match element {
            Element::VerDtd => self.tree.ver_dtd = self.as_text(element, content)?,
            Element::Man => self.tree.man = Some(self.as_text(element, content)?),
            Element::Mod => self.tree.mod_ = Some(self.as_text(element, content)?),
            Element::Node => {
                let place = self.nodes.pop();
                let node = place.and_then(|place| self.tree.nodes.get(place));
                if node.is_some_and(|node| node.path.is_some() && node.depth > 0) {
                    // OMA-TS-DM_TNDS, Path: only on children of the root element.
                    return Err(DocumentError::Misplaced {
                        node: self.place(),
                        element: Text::from_static("Path"),
                    });
                }
            }
            Element::NodeName | Element::Path => {
                let text = Text::from(self.as_text(element, content)?.trim());
                if let Some(node) = self.innermost() {
                    let place = if element == Element::Path {
                        &mut node.path
                    } else {
                        &mut node.name
                    };
                    if place.is_some() {
                        return Err(self.twice(element));
                    }
                    *place = Some(text);
                }
            }
            Element::Value => {
                let has_children = self
                    .nodes
                    .last()
                    .is_some_and(|&place| place.saturating_add(1) < self.tree.nodes.len());
                if has_children {
                    return Err(DocumentError::Misplaced {
                        node: self.place(),
                        element: Text::from_static("Value"),
                    });
                }
                let content = content.unwrap_or(Content::Text(Text::EMPTY));
                if let Some(node) = self.innermost()
                    && node.value.replace(content).is_some()
                {
                    return Err(self.twice(element));
                }
            }
            Element::Property(property) => self.property(property, content)?,
            Element::DefaultValue => {
                let content = content.unwrap_or(Content::Text(Text::EMPTY));
                if let Some(framework) = self.framework() {
                    framework.default = Some(content);
                }
            }
            Element::Description => {
                let text = self.as_text(element, content)?;
                if let Some(framework) = self.framework() {
                    framework.description = Some(text);
                }
            }
            Element::DfTitle => {
                let text = self.as_text(element, content)?;
                if let Some(framework) = self.framework() {
                    framework.title = Some(text);
                }
            }
            Element::Mime | Element::DdfName => {
                let text = self.as_text(element, content)?;
                self.type_(&text);
            }
            // Some write the type without an element around it.
            Element::DfType if content.is_some() => {
                let text = self.as_text(element, content)?;
                self.type_(&text);
            }
            Element::Format(format) => {
                if self.open.last() == Some(&Element::DfFormat) {
                    if let Some(framework) = self.framework() {
                        framework.format = Some(format);
                    }
                } else if let Some(run_time) = self.run_time() {
                    run_time.format = Some(format);
                }
            }
            Element::Access(access) => {
                if let Some(framework) = self.framework() {
                    let known = framework.access.get_or_insert_default();
                    *known = *known | access;
                }
            }
            Element::Occurs(occurs) => {
                let text = self.as_text(element, content)?;
                let count = || {
                    let count = text.trim().parse().ok();
                    // OMA-TS-DM_TND, ZeroOrN and OneOrN.
                    let count = count.filter(|count| (2..=65_536).contains(count));
                    count.ok_or_else(|| DocumentError::Malformed {
                        node: self.place(),
                        element: element.name(),
                    })
                };
                let occurrence = match occurs {
                    Occurs::One => Occurrence::One,
                    Occurs::ZeroOrOne => Occurrence::ZeroOrOne,
                    Occurs::ZeroOrMore => Occurrence::ZeroOrMore,
                    Occurs::OneOrMore => Occurrence::OneOrMore,
                    Occurs::ZeroOrN => Occurrence::ZeroOrN(count()?),
                    Occurs::OneOrN => Occurrence::OneOrN(count()?),
                };
                if let Some(framework) = self.framework() {
                    framework.occurrence = Some(occurrence);
                }
            }
            Element::Scoped(scope) => {
                if let Some(framework) = self.framework() {
                    framework.scope = Some(scope);
                }
            }
            Element::Case(case) => {
                if let Some(framework) = self.framework() {
                    framework.case = Some(case);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn property(&mut self, property: Property, content: Option<Content>) -> Result<()> {
        let element = Element::Property(property);
        let has_content = content.is_some();
        let text = self.as_text(element, content)?;
        let Some(run_time) = self.run_time() else {
            return Ok(());
        };
        if run_time.mentioned.contains(property) {
            return Err(self.twice(element));
        }
        run_time.mentioned = run_time.mentioned.with(property);
        match property {
            Property::Acl => run_time.acl = Some(text),
            Property::Title => run_time.title = Some(text),
            Property::TStamp => run_time.tstamp = Some(text),
            Property::VerNo => run_time.ver_no = Some(text),
            Property::Type if has_content && run_time.type_.is_none() => {
                run_time.type_ = Some(text.trim().into());
            }
            // Format has an element inside; Name and Size follow from the node.
            Property::Format | Property::Name | Property::Size | Property::Type => {}
        }
        Ok(())
    }

    fn type_(&mut self, type_: &str) {
        let type_ = Text::from(type_.trim());
        if self.open.contains(&Element::DfProperties) {
            if let Some(framework) = self.framework()
                && !type_.is_empty()
            {
                framework.types.push(type_);
            }
        } else if let Some(run_time) = self.run_time() {
            run_time.type_ = Some(type_);
        }
    }

    fn as_text(&self, element: Element, content: Option<Content>) -> Result<Text> {
        match content {
            None => Ok(Text::EMPTY),
            Some(Content::Text(text)) => Ok(text),
            Some(Content::Octets(octets)) => {
                core::str::from_utf8(&octets).map(Text::from).map_err(|_| {
                    DocumentError::Malformed {
                        node: self.place(),
                        element: element.name(),
                    }
                })
            }
        }
    }

    fn innermost(&mut self) -> Option<&mut RawNode> {
        let place = *self.nodes.last()?;
        self.tree.nodes.get_mut(place)
    }

    fn run_time(&mut self) -> Option<&mut RunTime> {
        self.innermost()?.run_time.as_mut()
    }

    fn framework(&mut self) -> Option<&mut Framework> {
        self.innermost()?.framework.as_deref_mut()
    }

    fn twice(&self, element: Element) -> DocumentError {
        DocumentError::Twice {
            node: self.place(),
            element: element.name(),
        }
    }

    /// The names of the open nodes.
    fn place(&self) -> Text {
        let names: Vec<&str> = self
            .nodes
            .iter()
            .filter_map(|&place| self.tree.nodes.get(place))
            .map(|node| node.name.as_deref().unwrap_or_default())
            .collect();
        excerpt(&names.join("/"))
    }

    fn charge(&mut self, octets: usize) -> Result<()> {
        match self.memory.checked_sub(octets) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(DocumentError::TooMuchMemory { limit: self.limit }),
        }
    }
}

/// Whether an element may be one of the document type: in a namespace of OMA, since inside a message
/// some leave out their own, or in none.
fn is_ours(namespace: &str) -> bool {
    let prefix = namespace.get(.."syncml:".len());
    namespace.is_empty() || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("syncml:"))
}

/// Octets with more of them, where they lie if nobody else has them: a peer may send one by one.
fn grown(octets: Bytes, more: &[u8]) -> Bytes {
    let mut octets = octets
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&*shared));
    octets.extend_from_slice(more);
    octets.freeze()
}

/// The beginning of what a peer wrote, for an error.
fn excerpt(text: &str) -> Text {
    const LONGEST: usize = 96;
    let short: String = text.chars().take(LONGEST).collect();
    short.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_come_one_by_one_are_not_moved_each_time() {
        let mut octets = Bytes::from_static(&[0]);
        let mut moves = 0;
        for octet in 1..=u16::MAX {
            let before = octets.as_ptr();
            octets = grown(octets, &octet.to_le_bytes()[..1]);
            moves += usize::from(octets.as_ptr() != before);
        }
        assert_eq!(octets.len(), 1 << 16);
        assert!(
            octets
                .iter()
                .zip(0_u32..)
                .all(|(octet, n)| u32::from(*octet) == n % 256)
        );
        assert!(moves < 64, "{moves}");
    }
}
