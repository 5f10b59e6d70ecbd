//! Documents inside the `Data` of a message.

use alloc::vec::Vec;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

use super::{Document, DocumentOptions, DocumentType, read_tree};
use crate::{
    Data, DecodeError, DecodeErrorKind,
    codec::Encoding,
    message::{Item, Meta},
};

impl Document {
    /// The document inside an item, in any of the forms in which they travel; `None` if its Type is
    /// not that of a document.
    ///
    /// The Type is that of the item or else of its command's `meta`. These forms are read:
    ///
    /// - a Type that ends in `+wbxml`: opaque octets that are a WBXML document of its own, or their
    ///   Base64, as XML carries octets;
    /// - a Type that ends in `+xml`, or `text/xml`: text, which was escaped or a CDATA section;
    /// - elements that stand in `Data` as they are, whatever the Type: in XML, and in WBXML after a
    ///   switch to code page 2.
    ///
    /// A type of plain XML or WBXML counts if the document itself says what it is. `options` bound the
    /// document alone: its size, its own depth, its memory.
    ///
    /// # Errors
    ///
    /// If the Type names a document that cannot be read; the offset is that within the document.
    pub fn in_item(
        item: &Item,
        meta: Option<&Meta>,
        options: &DocumentOptions,
    ) -> Result<Option<Self>, DecodeError> {
        let own = item.meta.as_deref();
        let type_ = [own, meta]
            .into_iter()
            .flatten()
            .find_map(|meta| meta.type_.as_deref());
        match &item.data {
            Some(data) => Self::in_data(data, type_, options),
            None => Ok(None),
        }
    }

    /// The document inside `Data` of this Type, see [`in_item`](Self::in_item).
    ///
    /// # Errors
    ///
    /// If the Type names a document that cannot be read.
    pub fn in_data(
        data: &Data,
        type_: Option<&str>,
        options: &DocumentOptions,
    ) -> Result<Option<Self>, DecodeError> {
        if let Some(markup) = data.as_markup() {
            return read_tree::from_markup(markup.pieces(), options);
        }
        let essence = type_.and_then(|type_| type_.split(';').next());
        let essence = essence.unwrap_or_default().trim();
        let Some(encoding) = encoding_of(essence) else {
            return Ok(None);
        };
        let Some(octets) = data.to_bytes() else {
            return Ok(None);
        };
        let named = DocumentType::from_media_type(essence);
        let octets = match encoding {
            Encoding::Wbxml if !data.is_binary() => unpacked(octets, options)?,
            _ => octets,
        };
        let mut options = options.clone();
        if options.document.is_none() && encoding == Encoding::Wbxml {
            options.document = named;
        }
        match Self::read(encoding, &octets, &options) {
            // Plain XML may be anything.
            Err(error) if named.is_none() && *error.kind() == DecodeErrorKind::UnknownDocument => {
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}

/// The encoding that a media type without parameters names.
fn encoding_of(essence: &str) -> Option<Encoding> {
    let ends = |suffix: &str| {
        essence
            .len()
            .checked_sub(suffix.len())
            .and_then(|from| essence.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    if ends("+wbxml") || ends(".wbxml") || ends("-wbxml") {
        Some(Encoding::Wbxml)
    } else if ends("+xml") || ends("/xml") || ends("-xml") {
        Some(Encoding::Xml)
    } else {
        None
    }
}

/// The octets behind Base64 text; text that is none is taken for the octets themselves, since short
/// opaque octets are sometimes text.
fn unpacked(text: Bytes, options: &DocumentOptions) -> Result<Bytes, DecodeError> {
    // No version of WBXML begins like Base64.
    if text.first().is_none_or(|&first| first < 0x10) {
        return Ok(text);
    }
    let limit = options.limits.memory;
    let broken = |kind| DecodeError::new(Encoding::Wbxml, 0, alloc::string::String::new(), kind);
    if text.len() > limit {
        return Err(broken(DecodeErrorKind::TooMuchMemory { limit }));
    }
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    match LENIENT.decode(&digits) {
        Ok(octets) => Ok(octets.into()),
        Err(_) => Err(broken(DecodeErrorKind::InvalidText { charset: "base64" })),
    }
}

/// Devices leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
