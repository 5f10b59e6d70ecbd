//! Data: Base64, declared sizes, chunks of large objects.

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::{
    Data,
    codec::{Encoding, ToleranceKind, encode},
    message::{Item, Meta, Replace, SyncMl},
};

use super::{kinds, read};

fn replace(content: &str) -> Bytes {
    format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>a</LocURI></Target>\
         <Source><LocURI>b</LocURI></Source></SyncHdr><SyncBody><Replace><CmdID>1</CmdID>\
         {content}</Replace></SyncBody></SyncML>"
    )
    .into()
}

fn first_item(octets: &Bytes) -> Item {
    read(Encoding::Xml, octets).message.commands[0].items()[0].clone()
}

#[test]
fn base64_is_text_to_the_codec_whatever_its_padding() {
    for text in ["YQ==", "YQ=", "YQ", "Y Q = =\n", "=", "YR==", "Y\u{e9}"] {
        let octets = replace(&format!(
            "<Item><Meta><Format xmlns='syncml:metinf'>b64</Format></Meta><Data>{text}</Data></Item>"
        ));
        let item = first_item(&octets);
        assert_eq!(item.data.as_ref().and_then(Data::as_str), Some(text));
        // It crosses into WBXML and back as it is.
        let message = read(Encoding::Xml, &octets).message;
        let wbxml = encode(Encoding::Wbxml, &message).expect("it has a form");
        assert_eq!(read(Encoding::Wbxml, &wbxml).message, message);
    }
}

#[test]
fn a_declared_size_is_a_number_and_reserves_nothing() {
    for (size, value) in [
        ("0", Some(0)),
        ("1", Some(1)),
        ("00000000000000000007", Some(7)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("1e3", None),
        ("", None),
    ] {
        let octets = replace(&format!(
            "<Item><Meta><Size xmlns='syncml:metinf'>{size}</Size></Meta><Data>abc</Data>\
             <MoreData/></Item>"
        ));
        let decoded = read(Encoding::Xml, &octets);
        let item = &decoded.message.commands[0].items()[0];
        assert_eq!(
            item.meta.as_ref().and_then(|meta| meta.size),
            value,
            "{size}"
        );
        let expected = match value {
            Some(_) => vec![],
            None => vec![ToleranceKind::InvalidNumber { element: "Size" }],
        };
        assert_eq!(kinds(&decoded), expected, "{size}");
    }
}

#[test]
fn of_two_sizes_the_first_counts_and_that_of_the_command_is_kept_apart() {
    let octets = replace(
        "<Meta><Size xmlns='syncml:metinf'>9</Size></Meta><Item><Meta>\
         <Size xmlns='syncml:metinf'>1</Size><Size xmlns='syncml:metinf'>2</Size></Meta>\
         <Data>abc</Data><MoreData/></Item><Item><Data>d</Data></Item>",
    );
    let decoded = read(Encoding::Xml, &octets);
    assert_eq!(
        kinds(&decoded),
        [ToleranceKind::DuplicateElement { element: "Size" }]
    );
    let dm_proto::message::Command::Replace(Replace { meta, items, .. }) =
        &decoded.message.commands[0]
    else {
        panic!("a replace");
    };
    let size = |meta: &Option<Arc<Meta>>| meta.as_ref().and_then(|meta| meta.size);
    assert_eq!(size(meta), Some(9));
    assert_eq!(size(&items[0].meta), Some(1));
    assert!(items[0].more_data);
    assert_eq!(size(&items[1].meta), None);
}

/// A chunk is cut by octets: what a cut leaves of a character is octets, and what it leaves of Base64
/// is text that does not decode. Both come through, so that chunks can be joined before they are read.
#[test]
fn a_chunk_may_end_inside_a_character_or_a_quantum() {
    let whole = "aé€\u{1F600}z".as_bytes();
    for cut in 0..=whole.len() {
        let (first, second) = whole.split_at(cut);
        let chunk = |octets: &[u8], more_data| Item {
            more_data,
            ..Item::for_target("./A")
                .with_meta(Meta::format("bin"))
                .with_data(Data::binary(octets.to_vec()))
        };
        let message = SyncMl {
            commands: vec![
                Replace {
                    items: vec![chunk(first, true), chunk(second, false)],
                    ..Replace::default()
                }
                .into(),
            ],
            ..SyncMl::default()
        };
        let wbxml = encode(Encoding::Wbxml, &message).expect("it has a form");
        let decoded = read(Encoding::Wbxml, &wbxml);
        let joined: Vec<u8> = decoded.message.commands[0]
            .items()
            .iter()
            .flat_map(|item| item.data.as_ref().and_then(Data::to_bytes).expect("octets"))
            .collect();
        assert_eq!(joined, whole);
    }
    // A reference cannot be cut: each document is well-formed by itself.
    for content in ["a&am", "a&#x4", "a&"] {
        let octets = replace(&format!("<Item><Data>{content}</Data><MoreData/></Item>"));
        super::refusal(Encoding::Xml, &octets);
    }
}
