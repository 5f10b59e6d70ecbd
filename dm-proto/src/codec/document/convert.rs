//! [`wbxml_to_xml`] and [`xml_to_wbxml`].

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use bytes::Bytes;

use super::{ConvertOptions, DocumentType, to_wbxml, to_xml};
use crate::{
    DecodeError,
    codec::{Encoding, Tolerance},
};

/// A converted document.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Converted {
    /// The document in the other encoding.
    pub octets: Bytes,
    /// Its type.
    pub document: DocumentType,
    /// What broke the letter of the documents and was converted all the same; empty in strict mode.
    pub tolerances: Vec<Tolerance>,
}

/// Converts WBXML into XML, as a stream and in time linear in what is read and written.
///
/// Octets and text in the `Data` of SyncML that XML cannot hold become Base64, and the Format in the
/// item's Meta becomes `b64`; a Meta is made where there is none. So do the octets in the `Value` of a
/// node whose Format is `bin`, and that Format stays, as TNDS has it. Anywhere else what XML cannot hold
/// is an error. Opaque octets that are text are text, unless their Format is `bin`.
///
/// Tokens that the tables do not have get names that stand for them, in the namespace
/// `urn:wbxml:unknown-tokens`, and unknown attribute values the text `{page0-value8C}`; all of these
/// become tokens again on the way back. Extensions and processing instructions are passed over.
///
/// # Errors
///
/// What is wrong, with the offset in the WBXML and the path of the element.
///
/// ```
/// use bytes::Bytes;
/// use dm_proto::codec::{ConvertOptions, DocumentType, wbxml_to_xml, xml_to_wbxml};
///
/// let xml = Bytes::from_static(b"<wap-provisioningdoc version=\"1.1\"><characteristic type=\"APPLICATION\">\
///     <parm name=\"APPID\" value=\"w7\"/></characteristic></wap-provisioningdoc>");
/// let wbxml = xml_to_wbxml(&xml, &ConvertOptions::default())?;
/// assert_eq!(wbxml.document, DocumentType::Provisioning);
/// assert_eq!(wbxml_to_xml(&wbxml.octets, &ConvertOptions::default())?.octets, xml);
/// # Ok::<(), dm_proto::DecodeError>(())
/// ```
pub fn wbxml_to_xml(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    super::check_size(Encoding::Wbxml, octets, &options.limits)?;
    to_xml::convert(octets, options)
}

/// Converts XML into WBXML, as a stream and in time linear in what is read and written.
///
/// White space between elements is left out; names without a token become literals, with their
/// namespaces as attributes `xmlns`. Comments and processing instructions are left out. Without
/// [`ConvertOptions::embedded`], the elements of DDF and TNDS inside `Data` are those of code page 2,
/// and those of DevInf, which has no page there, are literals.
///
/// # Errors
///
/// What is wrong, with the offset in the XML and the path of the element.
pub fn xml_to_wbxml(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    super::check_size(Encoding::Xml, octets, &options.limits)?;
    to_wbxml::convert(octets, options)
}

/// What is kept about an open element of SyncML. Places are in what is written.
#[derive(Default)]
pub(super) struct Holder {
    /// Where it began.
    pub(super) at: usize,
    /// The code page before it, in WBXML.
    pub(super) page: u8,
    /// Where the content of its `Meta` begins, and the texts of Format and Type in that.
    pub(super) meta: Option<usize>,
    pub(super) format: Option<Range<usize>>,
    pub(super) type_: Option<Range<usize>>,
    /// How many items it has.
    pub(super) items: usize,
    /// Its items whose `Data` is a document in the other encoding now while its own `Meta` has the
    /// Type.
    pub(super) embedded: Vec<Embedded>,
}

/// An item whose Type has to change without that of the others.
pub(super) struct Embedded {
    /// Where its `Data` began, and the page there.
    pub(super) data: usize,
    pub(super) page: u8,
    /// Its own Format, if it has a `Meta` with one.
    pub(super) format: Option<Range<usize>>,
    /// Where the content of its own `Meta` begins.
    pub(super) meta: Option<usize>,
}

/// The open elements of SyncML, and what is kept about them.
#[derive(Default)]
pub(super) struct Holders(Vec<Holder>);

impl Holders {
    pub(super) fn push(&mut self, at: usize, page: u8) {
        self.0.push(Holder {
            at,
            page,
            ..Holder::default()
        });
    }

    pub(super) fn pop(&mut self) -> Option<Holder> {
        self.0.pop()
    }

    /// The innermost, or the one so many above.
    pub(super) fn up(&self, above: usize) -> Option<&Holder> {
        self.0.iter().rev().nth(above)
    }

    pub(super) fn up_mut(&mut self, above: usize) -> Option<&mut Holder> {
        self.0.iter_mut().rev().nth(above)
    }

    /// Notes that the innermost element is a `Meta` whose content begins here.
    pub(super) fn note_meta(&mut self, content: usize) {
        if let Some(holder) = self.up_mut(1) {
            holder.meta = Some(content);
        }
    }

    /// Notes a Format or Type in a `Meta` for the element around that, which is so many above the
    /// innermost.
    pub(super) fn note(&mut self, above: usize, local: &str, range: Range<usize>) {
        let Some(holder) = self.up_mut(above) else {
            return;
        };
        match local {
            "Format" => holder.format = Some(range),
            "Type" => holder.type_ = Some(range),
            _ => {}
        }
    }

    /// The Type that holds for the `Data` that is innermost: its own item's or the command's.
    pub(super) fn data_type(&self) -> Option<&Range<usize>> {
        [1, 2]
            .into_iter()
            .find_map(|above| self.up(above)?.type_.as_ref())
    }

    /// The Format likewise.
    pub(super) fn data_format(&self) -> Option<&Range<usize>> {
        [1, 2]
            .into_iter()
            .find_map(|above| self.up(above)?.format.as_ref())
    }
}

/// A media type that ends in one suffix, with another; white space around it is left out.
pub(super) fn with_suffix(media_type: &[u8], from: &str, to: &str) -> Option<String> {
    let text = core::str::from_utf8(media_type).ok()?.trim();
    let mut changed = String::with_capacity(text.len().saturating_add(to.len()));
    changed.push_str(text.strip_suffix(from)?);
    changed.push_str(to);
    Some(changed)
}
