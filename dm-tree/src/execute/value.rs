//! Values between messages and nodes. OMA-TS-DM_TND, Format and Type.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use dm_proto::{
    Data, StatusCode,
    message::{Item, Meta},
};

use super::format;
use crate::{Node, NodeFormat, tnds::TndsNode};

/// What a command, or a document in it, says of a node.
#[derive(Clone, Debug)]
pub(crate) struct Given<'i> {
    pub(crate) format: Option<NodeFormat>,
    pub(crate) type_: Option<&'i str>,
    /// `None` if there is none, which is not the same as empty.
    pub(crate) value: Option<Bytes>,
    /// Whether `b64` may be how octets travel, rather than what the node holds.
    pub(crate) is_transfer: bool,
}

impl<'i> Given<'i> {
    /// What an item says.
    pub(crate) fn of_item(item: &'i Item) -> Result<Self, StatusCode> {
        let value = match &item.data {
            None => None,
            // Markup that was not escaped: a value is text or octets.
            Some(data) => Some(data.to_bytes().ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?),
        };
        Ok(Self {
            format: declared_format(item)?,
            type_: declared_type(item),
            value,
            is_transfer: true,
        })
    }

    /// What a serialized node says.
    pub(crate) fn of_node(node: &'i TndsNode) -> Self {
        let format = if node.is_interior() {
            Some(NodeFormat::Node)
        } else {
            node.format
        };
        Self {
            format,
            type_: node.type_.as_deref().filter(|type_| !type_.is_empty()),
            value: node.value.clone(),
            is_transfer: false,
        }
    }

    /// The value as a leaf of a format holds it.
    ///
    /// `b64` for a node of format `bin` is the transfer form of octets and is decoded. Without a
    /// format, the data is taken as what the node holds: many servers leave it out.
    pub(crate) fn value_of(&self, format: NodeFormat) -> Result<Bytes, StatusCode> {
        let octets = self.value.clone().unwrap_or_default();
        let value = match self.format {
            None => octets,
            Some(declared) if declared == format => octets,
            Some(NodeFormat::B64) if format == NodeFormat::Bin => decode_base64(&octets)?,
            Some(_) => return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        };
        if is_value_of(format, &value) {
            Ok(value)
        } else {
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
    }
}

/// The format that an item declares.
fn declared_format(item: &Item) -> Result<Option<NodeFormat>, StatusCode> {
    item.meta
        .as_ref()
        .and_then(|meta| meta.format.as_ref())
        .map(|format| {
            NodeFormat::from_name(format.trim()).ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        })
        .transpose()
}

/// The type that an item declares.
pub(crate) fn declared_type(item: &Item) -> Option<&str> {
    let type_ = item.meta.as_ref()?.type_.as_ref()?.trim();
    (!type_.is_empty()).then_some(type_)
}

/// Whether octets are a value of a format, as far as that can be told.
fn is_value_of(format: NodeFormat, value: &[u8]) -> bool {
    if format == NodeFormat::Bin {
        return true;
    }
    let Ok(text) = core::str::from_utf8(value) else {
        return false;
    };
    match format {
        NodeFormat::Bool => NodeFormat::truth(text).is_some(),
        NodeFormat::Int => text.trim().parse::<i32>().is_ok(),
        NodeFormat::Float => format::is_float(text.trim()),
        NodeFormat::Date => format::is_date(text.trim()),
        NodeFormat::Time => format::is_time(text.trim()),
        NodeFormat::Node | NodeFormat::Null => text.is_empty(),
        NodeFormat::B64 | NodeFormat::Bin | NodeFormat::Chr | NodeFormat::Xml => true,
    }
}

fn decode_base64(text: &[u8]) -> Result<Bytes, StatusCode> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    // Who sends a large object may have encoded each chunk on its own: padding in the middle.
    for piece in padded_pieces(&text) {
        let decoded = BASE64.decode_vec(piece, &mut octets);
        decoded.map_err(|_| StatusCode::BAD_REQUEST)?;
    }
    Ok(Bytes::from(octets))
}

/// Base64 texts that stand one after the other, each but the last with padding at its end.
fn padded_pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.chunk_by(|before, after| *before != b'=' || *after == b'=')
}

/// The standard alphabet; the padding may be missing, as it is with some servers.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `Meta` of a node in results: what differs from `chr` and `text/plain`.
pub(crate) fn meta_of(node: &Node) -> Option<Meta> {
    let default_type = if node.is_interior() { "" } else { "text/plain" };
    let meta = Meta {
        format: (node.format != NodeFormat::Chr).then(|| node.format.name().into()),
        type_: (!node.type_.is_empty() && node.type_ != default_type).then(|| node.type_.clone()),
        ..Meta::default()
    };
    (meta != Meta::default()).then_some(meta)
}

/// A value as the data of an item: octets of `bin`, else text.
pub(crate) fn data_of(format: NodeFormat, value: Bytes) -> Data {
    if format != NodeFormat::Bin
        && let Ok(text) = core::str::from_utf8(&value)
    {
        return Data::text(text);
    }
    Data::binary(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(format: Option<&str>, data: impl Into<Data>) -> Item {
        let item = Item::for_target("./x").with_data(data);
        match format {
            Some(format) => item.with_meta(Meta::format(format)),
            None => item,
        }
    }

    fn read(format: Option<&str>, data: impl Into<Data>, node: NodeFormat) -> Result<Bytes, u16> {
        let item = item(format, data);
        Given::of_item(&item)
            .and_then(|given| given.value_of(node))
            .map_err(StatusCode::as_u16)
    }

    #[test]
    fn base64_is_decoded_for_octets_and_kept_where_it_is_native() {
        let bin = NodeFormat::Bin;
        assert_eq!(
            read(Some("b64"), "AAH/\n", bin),
            Ok(Bytes::from_static(&[0, 1, 255]))
        );
        assert_eq!(
            read(Some("b64"), "AAE", bin),
            Ok(Bytes::from_static(&[0, 1]))
        );
        // Encoded piece by piece.
        assert_eq!(
            read(Some("b64"), "AAE=Ag==AwQF", bin),
            Ok(Bytes::from_static(&[0, 1, 2, 3, 4, 5]))
        );
        assert_eq!(read(Some("b64"), "====", bin), Err(400));
        assert_eq!(read(Some("b64"), "?", bin), Err(400));
        assert_eq!(
            read(Some("b64"), "AAH/", NodeFormat::B64),
            Ok("AAH/".into())
        );
        assert_eq!(read(Some("b64"), "AAH/", NodeFormat::Chr), Err(415));
        let octets = Data::binary(&[0_u8, 255][..]);
        assert_eq!(
            read(Some("bin"), octets.clone(), bin),
            Ok(Bytes::from_static(&[0, 255]))
        );
        assert_eq!(
            read(None, octets.clone(), bin),
            Ok(Bytes::from_static(&[0, 255]))
        );
        assert_eq!(read(None, octets, NodeFormat::Chr), Err(415));
    }

    #[test]
    fn a_value_that_is_not_of_the_format_is_415() {
        assert_eq!(read(None, "12", NodeFormat::Int), Ok("12".into()));
        assert_eq!(read(None, "2147483648", NodeFormat::Int), Err(415));
        assert_eq!(
            read(Some("bool"), "True", NodeFormat::Bool),
            Ok("True".into())
        );
        assert_eq!(read(Some("bool"), "yes", NodeFormat::Bool), Err(415));
        assert_eq!(read(Some("chr"), "1", NodeFormat::Int), Err(415));
        assert_eq!(read(Some("text"), "1", NodeFormat::Chr), Err(415));
        for (format, good, bad) in [
            (NodeFormat::Date, "2001-07-11", "11.7.2001"),
            (NodeFormat::Time, "16:38:17Z", "half past four"),
            (NodeFormat::Float, "-1.5e3", "1,5"),
            (NodeFormat::Null, "", "something"),
        ] {
            let name = Some(format.name());
            assert_eq!(read(name, good, format), Ok(good.into()));
            assert_eq!(read(name, bad, format), Err(415), "{format:?}");
        }
    }
}
