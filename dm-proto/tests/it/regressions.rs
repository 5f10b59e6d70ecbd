//! Faults that were found, each with the input that showed it.

use bytes::Bytes;
use dm_proto::{
    EncodeError, Extra, ForeignAttribute, Name,
    codec::{DecodeOptions, Encoding, decode, encode},
    message::SyncMl,
};

fn message_with_attributes(names: impl IntoIterator<Item = Name>) -> SyncMl {
    let mut message = SyncMl::default();
    for name in names {
        message.extra.push_attribute(ForeignAttribute {
            on: "".into(),
            name,
            value: "".into(),
        });
    }
    message
}

/// Found by the target `round_trip`: each attribute declared a prefix of its own, so that XML came out
/// which the reader refused for its number of prefixes.
#[test]
fn attributes_of_one_namespace_share_a_prefix() {
    let message =
        message_with_attributes((0..200).map(|number| Name::new("urn:x", format!("a{number}"))));
    let xml = encode(Encoding::Xml, &message).expect("xml has a form for it");
    assert_eq!(
        xml.windows(8)
            .filter(|octets| octets == b"xmlns:a0")
            .count(),
        1
    );
    let read = decode(Encoding::Xml, &xml, &DecodeOptions::default()).expect("it was written");
    assert_eq!(read.message, message);
}

/// The same, where there is no way to write it.
#[test]
fn what_no_reader_would_take_is_not_written() {
    let many =
        message_with_attributes((0..200).map(|number| Name::new(format!("urn:{number}"), "a")));
    assert_eq!(
        encode(Encoding::Xml, &many),
        Err(EncodeError::TooManyNamespaces { limit: 128 })
    );
    let twice = message_with_attributes([Name::new("urn:x", "a"), Name::new("urn:x", "a")]);
    assert_eq!(
        encode(Encoding::Xml, &twice),
        Err(EncodeError::DuplicateAttribute { name: "a".into() })
    );
}

/// Found by a seed of `round_trip`: two attributes were one after their undeclared prefix was dropped.
#[test]
fn an_undeclared_prefix_keeps_attributes_apart() {
    let xml = Bytes::from_static(b"<SyncML a:b='1' b='2'><SyncHdr/><SyncBody/></SyncML>");
    let read = decode(Encoding::Xml, &xml, &DecodeOptions::default()).expect("lenient");
    let names: Vec<_> = read
        .message
        .extra
        .attributes()
        .iter()
        .map(|attribute| &attribute.name)
        .collect();
    assert_eq!(names, [&Name::new("a", "b"), &Name::new("", "b")]);
    let written = encode(Encoding::Xml, &read.message).expect("xml has a form for it");
    let again = decode(Encoding::Xml, &written, &DecodeOptions::default()).expect("it was written");
    assert_eq!(again.message, read.message);
    assert_ne!(read.message.extra, Extra::NONE);
}
