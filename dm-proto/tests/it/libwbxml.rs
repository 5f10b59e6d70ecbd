//! What we write, an independent reader reads with the same meaning, and the other way round:
//! `wbxml2xml` and `xml2wbxml` of libwbxml, looked up on `PATH` (Debian: `libwbxml2-utils`).
//!
//! Where the programs differ from us, so that generated text does without:
//!
//! - they trim white space around text, and write carriage returns as they are;
//! - `wbxml2xml` copies opaque octets into its XML as they are, and gives a name without a prefix one;
//! - `xml2wbxml` drops attributes, and writes references to characters above U+FFFF as two surrogates,
//!   which are no text: we write characters as themselves.

use bytes::Bytes;
use dm_proto::{
    Text,
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Atomic, Command, Exec, Get, Item, Meta, Replace, Results, Status, SyncMl},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::{tools::run, vectors};

/// Converts a document, or `None` where the program is not installed.
pub(crate) fn wbxml2xml(wbxml: &Bytes) -> Option<Bytes> {
    run(
        "wbxml2xml",
        "libwbxml2-utils",
        &["-m", "0", "-o", "-"],
        wbxml,
    )
}

/// The same the other way, with a string table or without.
fn xml2wbxml(xml: &Bytes, has_table: bool) -> Option<Bytes> {
    let table: &[&str] = if has_table { &[] } else { &["-n"] };
    let arguments = [&["-v", "1.2", "-o", "-"], table].concat();
    run("xml2wbxml", "libwbxml2-utils", &arguments, xml)
}

fn read(encoding: Encoding, octets: &Bytes) -> SyncMl {
    match decode(encoding, octets, &DecodeOptions::default()) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(octets)),
    }
}

#[test]
fn vectors_mean_the_same_to_wbxml2xml() {
    for name in vectors::names() {
        // It copies octets into its XML as they are, and makes a prefix of a name that has none.
        if ["binary-results", "windows-original-error"].contains(&name.as_str()) {
            continue;
        }
        let octets = vectors::octets(&name, Encoding::Wbxml);
        let Some(xml) = wbxml2xml(&octets) else {
            return;
        };
        assert_eq!(
            read(Encoding::Xml, &xml),
            read(Encoding::Wbxml, &octets),
            "{name}"
        );
    }
}

/// Text that the program does not change on its way: it trims, and writes line ends as they are.
fn text() -> impl Strategy<Value = Text> {
    "[!-~é€\u{1F600}]([ -~é€]{0,30}[!-~é€\u{1F600}])?".prop_map(Text::from)
}

/// Messages of the commands of a session, with the text that survives.
pub(crate) fn generated() -> impl Strategy<Value = SyncMl> {
    let item = (text(), text(), text(), text()).prop_map(|(target, format, type_, data)| {
        Item::for_target(target)
            .with_meta(Meta::format(format).with_type(type_))
            .with_data(data)
    });
    let items = proptest::collection::vec(item, 1..4);
    let command = (0..7_u8, text(), text(), items).prop_map(|(kind, cmd_id, other, items)| {
        let cmd_id = cmd_id.into();
        match kind {
            0 => Command::from(Alert {
                cmd_id,
                items,
                ..Alert::default()
            }),
            1 => Exec {
                cmd_id,
                correlator: Some(other.into()),
                items,
                ..Exec::default()
            }
            .into(),
            2 => Get {
                cmd_id,
                lang: Some(other),
                items,
                ..Get::default()
            }
            .into(),
            3 => Status {
                cmd_id,
                msg_ref: "1".into(),
                cmd_ref: other.into(),
                cmd: "Get".into(),
                items,
                ..Status::default()
            }
            .into(),
            4 => Results {
                cmd_id,
                msg_ref: Some("1".into()),
                cmd_ref: other.into(),
                items,
                ..Results::default()
            }
            .into(),
            5 => Atomic {
                cmd_id,
                commands: vec![
                    Replace {
                        cmd_id: other.into(),
                        items,
                        ..Replace::default()
                    }
                    .into(),
                ],
                ..Atomic::default()
            }
            .into(),
            _ => Replace {
                cmd_id,
                items,
                ..Replace::default()
            }
            .into(),
        }
    });
    let commands = proptest::collection::vec(command, 0..4);
    (text(), text(), commands, proptest::bool::ANY).prop_map(
        |(session_id, source, commands, is_final)| {
            let mut message = SyncMl {
                commands,
                is_final,
                ..SyncMl::default()
            };
            message.header.ver_dtd = "1.2".into();
            message.header.ver_proto = "DM/1.2".into();
            message.header.session_id = session_id.into();
            message.header.msg_id = "1".into();
            message.header.target = "t".into();
            message.header.source.loc_uri = source.into();
            message
        },
    )
}

/// Messages that are the same in every run.
pub(crate) fn some(count: usize) -> Vec<SyncMl> {
    let mut runner = TestRunner::deterministic();
    let strategy = generated();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a message").current())
        .collect()
}

#[test]
fn generated_messages_mean_the_same_to_wbxml2xml() {
    for message in some(50) {
        let octets = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        let Some(xml) = wbxml2xml(&octets) else {
            return;
        };
        assert_eq!(read(Encoding::Xml, &xml), message);
    }
}

#[test]
fn what_xml2wbxml_makes_of_our_xml_means_the_same() {
    for (number, message) in some(50).into_iter().enumerate() {
        let xml = encode(Encoding::Xml, &message).expect("xml has a form for it");
        let Some(octets) = xml2wbxml(&xml, number % 2 == 0) else {
            return;
        };
        assert_eq!(read(Encoding::Wbxml, &octets), message);
    }
    for name in vectors::names() {
        // It drops the attribute.
        if name == "windows-original-error" {
            continue;
        }
        let xml = vectors::octets(&name, Encoding::Xml);
        let Some(octets) = xml2wbxml(&xml, true) else {
            return;
        };
        assert_eq!(
            read(Encoding::Wbxml, &octets),
            read(Encoding::Xml, &xml),
            "{name}"
        );
    }
}
