//! The optional string table of strings that a message repeats.

use bytes::Bytes;
use dm_proto::{
    Limits,
    codec::{DecodeOptions, EncodeOptions, Encoding, decode, encode, encode_with},
    message::{Item, Meta, Replace, SyncMl},
};
use proptest::prelude::*;

use crate::{
    libwbxml,
    strategy::{Characters, message},
    tshark, vectors,
};

fn with_table(message: &SyncMl) -> Bytes {
    let options = EncodeOptions::default().with_string_table(true);
    encode_with(Encoding::Wbxml, message, &options).expect("wbxml has a form for it")
}

fn read(octets: &Bytes) -> SyncMl {
    let limits = Limits::DEFAULT
        .with_message_size(octets.len())
        .with_memory(1 << 30);
    decode(Encoding::Wbxml, octets, &DecodeOptions::strict(limits))
        .expect("what was written")
        .message
}

fn items(values: impl Iterator<Item = String>) -> SyncMl {
    let items = values.map(|value| Item::for_target("./A").with_data(value.as_str()));
    let mut message = libwbxml::some(1).remove(0);
    message.commands = vec![
        Replace {
            cmd_id: 1.into(),
            items: items.collect(),
            ..Replace::default()
        }
        .into(),
    ];
    message
}

#[test]
fn what_repeats_stands_once_and_is_referred_to() {
    let item = |uri: &str| {
        Item::for_target(uri)
            .with_meta(Meta::format("chr").with_type("text/plain"))
            .with_data("v")
    };
    let mut message = items(core::iter::empty());
    message.commands = vec![
        Replace {
            cmd_id: 1.into(),
            items: vec![item("./A"), item("./B")],
            ..Replace::default()
        }
        .into(),
    ];
    let octets = with_table(&message);
    // A table of 15 octets: both save more than they take.
    assert_eq!(&octets[4..20], b"\x0fchr\0text/plain\0");
    let type_ = [0x53, 0x83, 0x04, 0x01];
    assert_eq!(octets.windows(4).filter(|w| *w == type_).count(), 2);
    assert_eq!(read(&octets), message);
}

#[test]
fn nothing_changes_where_a_table_would_save_nothing() {
    let message = items((0..100).map(|number| format!("value {number}")));
    let mut message = message;
    // The address repeats.
    if let Some(dm_proto::message::Command::Replace(replace)) = message.commands.first_mut() {
        for (number, item) in replace.items.iter_mut().enumerate() {
            item.target = Some(format!("./{number}").into());
        }
    }
    let plain = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
    assert_eq!(with_table(&message), plain);
}

#[test]
fn what_was_written_with_a_table_means_the_same_to_wbxml2xml() {
    for message in libwbxml::some(50) {
        let octets = with_table(&message);
        let Some(xml) = libwbxml::wbxml2xml(&octets) else {
            return;
        };
        let decoded = decode(Encoding::Xml, &xml, &DecodeOptions::default()).expect("xml");
        assert_eq!(decoded.message, message);
    }
}

#[test]
fn what_was_written_with_a_table_is_the_same_tokens_to_tshark() {
    let octets: Vec<Bytes> = libwbxml::some(50).iter().map(with_table).collect();
    tshark::compare(&octets);
}

#[test]
fn vectors_keep_their_meaning_with_a_table() {
    for name in vectors::names() {
        let octets = vectors::octets(&name, Encoding::Wbxml);
        let message = decode(Encoding::Wbxml, &octets, &DecodeOptions::default())
            .expect("a vector")
            .message;
        let plain = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        let shared = with_table(&message);
        assert!(shared.len() <= plain.len(), "{name}");
        let again = |octets| decode(Encoding::Wbxml, octets, &DecodeOptions::default());
        assert_eq!(
            again(&shared).expect("a message").message,
            again(&plain).expect("a message").message,
            "{name}"
        );
    }
}

#[test]
fn a_mebibyte_of_one_string_becomes_references() {
    let value = "x".repeat(100);
    let message = items((0..10_000).map(|_| value.clone()));
    let plain = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
    assert!(plain.len() > 1 << 20);
    let octets = with_table(&message);
    // Item, Target, LocURI, its reference, Data, its reference, and four ends.
    assert!(octets.len() < 10_000 * 13 + 1_000, "{}", octets.len());
    assert_eq!(read(&octets), message);
}

#[test]
fn a_mebibyte_of_distinct_strings_shares_only_their_address() {
    let message = items((0..70_000).map(|number| format!("{number:08}")));
    let plain = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
    assert!(plain.len() > 1 << 20);
    let octets = with_table(&message);
    // "./A" takes five octets, a reference two; the table holds it once.
    assert_eq!(octets.len(), plain.len() - 70_000 * 3 + 4);
    assert_eq!(read(&octets), message);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_message_keeps_its_meaning_with_a_table(message in message(Characters::Any)) {
        let plain = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        let shared = with_table(&message);
        prop_assert!(shared.len() <= plain.len());
        prop_assert_eq!(&shared, &with_table(&message));
        let options = DecodeOptions::lenient(Limits::DEFAULT.with_memory(64 << 20));
        let read = |octets| decode(Encoding::Wbxml, octets, &options).map(|decoded| decoded.message);
        prop_assert_eq!(read(&shared), read(&plain));
    }
}
