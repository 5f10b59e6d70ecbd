//! What is written.

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::{
    AlertCode, Data, EncodeError, Fragment, Name, Piece, StatusCode,
    codec::{
        DecodeOptions, Encoding, MessageBuilder, PushError, Tolerance, decode, decode_fragment,
        encode, encode_fragment,
    },
    message::{
        Add, Alert, Command, CommandName, Cred, Get, Item, Meta, Replace, Status, SyncHdr, SyncMl,
    },
};

use crate::hex;

fn header() -> SyncHdr {
    SyncHdr {
        ver_dtd: "1.2".into(),
        msg_id: 1.into(),
        ..SyncHdr::default()
    }
}

fn message(command: impl Into<Command>) -> SyncMl {
    SyncMl {
        header: header(),
        commands: vec![command.into()],
        ..SyncMl::default()
    }
}

fn add(item: Item) -> SyncMl {
    message(Add {
        items: vec![item],
        ..Add::default()
    })
}

/// The XML of the one item of a message.
fn item_xml(item: Item) -> Result<String, EncodeError> {
    let xml = encode(Encoding::Xml, &add(item))?;
    let xml = String::from_utf8(xml.into()).expect("xml is text");
    let from = xml.find("<Item>").expect("an item");
    let to = xml.find("</Item>").expect("an item");
    Ok(xml[from + "<Item>".len()..to].into())
}

#[test]
fn xml_has_namespaces_in_their_places_and_no_layout() {
    let mut message = message(Alert {
        cmd_id: 1.into(),
        code: Some(AlertCode::GENERIC_ALERT),
        items: vec![
            Item::for_source("./a?b&c")
                .with_meta(Meta::format("chr").with_type("x"))
                .with_data("\"1\" < 2\r\n"),
        ],
        ..Alert::default()
    });
    message.is_final = true;
    assert_eq!(
        encode(Encoding::Xml, &message).expect("xml has a form for it"),
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><MsgID>1</MsgID></SyncHdr>\
         <SyncBody><Alert><CmdID>1</CmdID><Data>1226</Data><Item><Source><LocURI>./a?b&amp;c</LocURI></Source>\
         <Meta><Format xmlns=\"syncml:metinf\">chr</Format><Type xmlns=\"syncml:metinf\">x</Type></Meta>\
         <Data>\"1\" &lt; 2&#13;\n</Data></Item></Alert><Final/></SyncBody></SyncML>"
    );
}

#[test]
fn the_version_chooses_namespace_and_public_identifier() {
    for (version, namespace, public_id) in [
        ("1.0", "SYNCML:SYNCML1.0", [0x9F, 0x51]),
        ("1.1", "SYNCML:SYNCML1.1", [0x9F, 0x53]),
        ("1.2", "SYNCML:SYNCML1.2", [0xA4, 0x01]),
        ("2.0", "SYNCML:SYNCML1.2", [0xA4, 0x01]),
    ] {
        let mut message = SyncMl::default();
        message.header.ver_dtd = version.into();
        let xml = encode(Encoding::Xml, &message).expect("xml has a form for it");
        assert!(xml.starts_with(format!("<SyncML xmlns=\"{namespace}\">").as_bytes()));
        let wbxml = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        assert_eq!(wbxml[1..3], public_id);
    }
}

#[test]
fn octets_are_base64_in_xml() {
    let octets = Data::binary(vec![0x00, 0x01, 0x02, 0xFF]);
    let base64 = "<Meta><Format xmlns=\"syncml:metinf\">b64</Format></Meta><Data>AAEC/w==</Data>";
    assert_eq!(
        item_xml(Item::default().with_data(octets.clone())).as_deref(),
        Ok(base64)
    );
    let with_format = Item::default()
        .with_meta(Meta::format("bin"))
        .with_data(octets);
    assert_eq!(item_xml(with_format).as_deref(), Ok(base64));
}

#[test]
fn text_that_xml_cannot_hold_is_base64_in_data_and_an_error_elsewhere() {
    for (text, base64) in [("a\u{1}", "YQE="), ("\u{FFFF}", "77+/"), ("\0", "AA==")] {
        let expected = format!(
            "<Meta><Format xmlns=\"syncml:metinf\">b64</Format></Meta><Data>{base64}</Data>"
        );
        assert_eq!(item_xml(Item::default().with_data(text)), Ok(expected));
    }
    let error = item_xml(Item::for_target("a\u{1}"));
    assert_eq!(
        error,
        Err(EncodeError::NotRepresentable {
            element: "LocURI",
            character: 1
        })
    );
    assert_eq!(
        error.expect_err("just compared").to_string(),
        "LocURI holds U+0001, which xml cannot represent"
    );
}

#[test]
fn fragments_that_xml_cannot_hold_are_an_error() {
    let markup = |piece| {
        let mut fragment = Fragment::EMPTY;
        fragment.push(Piece::Start(Name::new("urn:x", "y")));
        fragment.push(piece);
        fragment.push(Piece::End);
        item_xml(Item::default().with_data(Data::markup(fragment)))
    };
    assert_eq!(
        markup(Piece::Text("\u{1}".into())),
        Err(EncodeError::NotRepresentable {
            element: "Data",
            character: 1
        })
    );
    let error = markup(Piece::Opaque(Bytes::from_static(b"\xFF")));
    assert_eq!(
        error,
        Err(EncodeError::OctetsNotRepresentable { element: "Data" })
    );
    assert_eq!(
        markup(Piece::Opaque(Bytes::from_static(b"a"))).as_deref(),
        Ok("<Data><y xmlns=\"urn:x\">a</y></Data>")
    );
}

#[test]
fn fragments_that_do_not_balance_are_refused() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for pieces in [
            vec![Piece::End],
            vec![Piece::Start(Name::new("", "x"))],
            vec![Piece::Attribute(Name::new("", "x"), "".into())],
            vec![
                Piece::Start(Name::new("", "x")),
                Piece::Text("t".into()),
                Piece::Attribute(Name::new("", "x"), "".into()),
                Piece::End,
            ],
        ] {
            let mut fragment = Fragment::EMPTY;
            pieces.into_iter().for_each(|piece| fragment.push(piece));
            let message = add(Item::default().with_data(Data::markup(fragment)));
            assert_eq!(
                encode(encoding, &message),
                Err(EncodeError::MalformedFragment)
            );
        }
    }
}

#[test]
fn a_document_has_one_root() {
    let root = || [Piece::Start(Name::new("urn:x", "y")), Piece::End];
    for (pieces, is_one) in [
        (vec![], false),
        (vec![Piece::Text("t".into())], false),
        (root().to_vec(), true),
        ([root(), root()].concat(), false),
    ] {
        let mut fragment = Fragment::EMPTY;
        pieces.into_iter().for_each(|piece| fragment.push(piece));
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let written = encode_fragment(encoding, &fragment);
            assert_eq!(written.is_ok(), is_one);
            if let Ok(octets) = written {
                let read = decode_fragment(encoding, &octets, &DecodeOptions::default());
                assert_eq!(read.as_ref(), Ok(&fragment));
            }
        }
    }
}

#[test]
fn names_that_are_none_are_refused() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for local in ["", "a b", "1", "a:b", "<", "a\0"] {
            let mut fragment = Fragment::EMPTY;
            fragment.push(Piece::Start(Name::new("urn:x", local)));
            fragment.push(Piece::End);
            let message = add(Item::default().with_data(Data::markup(fragment)));
            assert_eq!(
                encode(encoding, &message),
                Err(EncodeError::InvalidName { name: local.into() })
            );
        }
    }
}

#[test]
fn octets_under_format_b64_go_as_bin_in_wbxml() {
    let item = Item::default()
        .with_meta(Meta::format("b64"))
        .with_data(Data::binary(vec![0xFF]));
    let wbxml = encode(Encoding::Wbxml, &add(item)).expect("wbxml has a form for it");
    let decoded =
        decode(Encoding::Wbxml, &wbxml, &DecodeOptions::default()).expect("it was written");
    let item = &decoded.message.commands[0].items()[0];
    assert_eq!(
        item.meta.as_ref().and_then(|meta| meta.format.as_deref()),
        Some("bin")
    );
    assert_eq!(item.data, Some(Data::binary(vec![0xFF])));
}

#[test]
fn names_without_a_token_go_into_the_string_table_once() {
    let mut message = add(Item::default());
    for _ in 0..2 {
        message
            .extra
            .push_piece(Piece::Start(Name::new("urn:x", "Foo")));
        message.extra.push_piece(Piece::End);
    }
    let expected = hex("02 a401 6a
         0a 466f6f00 786d6c6e7300               Foo, xmlns
         6d 6c 71 03312e3200 01 5b 033100 01 01 SyncML, SyncHdr
         6b 45 14 01 01                         SyncBody, Add, Item
         84 00 04 04 0375726e3a7800 01          Foo, xmlns
         84 00 04 04 0375726e3a7800 01
         01"
    .split('\n')
    .map(|line| line.split_at(line.len().min(48)).0)
    .collect::<String>()
    .as_str());
    assert_eq!(encode(Encoding::Wbxml, &message), Ok(expected));
}

#[test]
fn a_builder_sets_the_end_aside_and_refuses_what_is_an_octet_too_large() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let commands = [
            // Leaves page 1 active in WBXML, so that the end takes more.
            Command::from(Get {
                cmd_id: 1.into(),
                meta: Some(Arc::new(Meta::format("chr"))),
                ..Get::default()
            }),
            Command::from(Replace {
                cmd_id: 2.into(),
                items: vec![Item::for_target("./a").with_data("b")],
                ..Replace::default()
            }),
        ];
        let whole = SyncMl {
            header: header(),
            commands: commands.to_vec(),
            is_final: true,
            ..SyncMl::default()
        };
        let octets = encode(encoding, &whole).expect("both have a form for it");

        let mut builder =
            MessageBuilder::new(encoding, &header(), octets.len() - 1).expect("the header fits");
        builder.push(&commands[0]).expect("the first fits");
        let room = builder.room();
        let refused = builder.push(&commands[1]);
        assert_eq!(
            refused,
            Err(PushError::Full {
                needed: room + 1,
                room
            })
        );
        assert_eq!(
            refused.expect_err("just compared").to_string(),
            format!("the command needs {} octets, {room} are left", room + 1)
        );
        assert_eq!(builder.room(), room);
        let first = SyncMl {
            commands: commands[..1].to_vec(),
            ..whole.clone()
        };
        assert_eq!(Ok(builder.finish(true)), encode(encoding, &first));

        let mut builder =
            MessageBuilder::new(encoding, &header(), octets.len()).expect("the header fits");
        for command in &commands {
            builder.push(command).expect("they just fit");
        }
        assert_eq!((builder.room(), builder.len()), (0, octets.len()));
        let not_final = SyncMl {
            is_final: false,
            ..whole
        };
        assert_eq!(Ok(builder.finish(false)), encode(encoding, &not_final));
    }
}

#[test]
fn a_builder_forgets_names_of_what_did_not_fit() {
    let mut fragment = Fragment::EMPTY;
    fragment.push(Piece::Start(Name::new("urn:x", "Foo")));
    fragment.push(Piece::Attribute(
        Name::new("urn:y", "bar"),
        "x".repeat(100).as_str().into(),
    ));
    fragment.push(Piece::End);
    let foreign = Command::from(Add {
        items: vec![Item::default().with_data(Data::markup(fragment))],
        ..Add::default()
    });
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let empty = SyncMl {
            header: header(),
            ..SyncMl::default()
        };
        let octets = encode(encoding, &empty).expect("both have a form for it");
        let mut builder =
            MessageBuilder::new(encoding, &header(), octets.len() + 60).expect("the header fits");
        let room = builder.room();
        assert!(matches!(
            builder.push(&foreign),
            Err(PushError::Full { .. })
        ));
        assert_eq!(builder.room(), room);
        assert_eq!(builder.finish(false), octets);
    }
}

#[test]
fn a_builder_does_not_show_what_is_in_it() {
    let mut header = header();
    header.cred = Some(Box::new(Cred {
        data: "whisper".into(),
        ..Cred::default()
    }));
    let builder = MessageBuilder::new(Encoding::Xml, &header, 1000).expect("the header fits");
    let len = builder.len();
    assert_eq!(
        format!("{builder:?}"),
        format!("MessageBuilder {{ len: {len}, budget: 1000, .. }}")
    );
}

#[test]
fn a_budget_that_does_not_hold_the_header_is_refused() {
    let refused = MessageBuilder::new(Encoding::Wbxml, &header(), 10).expect_err("it does not fit");
    assert!(
        matches!(refused, PushError::Full { needed, room: 10 } if needed > 10),
        "{refused:?}"
    );
}

#[test]
fn a_command_without_a_form_leaves_a_builder_as_it_was() {
    let mut builder = MessageBuilder::new(Encoding::Xml, &header(), 1000).expect("the header fits");
    let room = builder.room();
    let refused = builder.push(
        &Add {
            items: vec![Item::for_target("\u{1}")],
            ..Add::default()
        }
        .into(),
    );
    assert_eq!(
        refused,
        Err(PushError::Encode(EncodeError::NotRepresentable {
            element: "LocURI",
            character: 1
        }))
    );
    assert_eq!(builder.room(), room);
}

#[test]
fn a_status_of_a_command_without_a_number_has_an_empty_reference() {
    let status = Status {
        cmd_id: "1".into(),
        msg_ref: "1".into(),
        cmd: CommandName::GET,
        data: StatusCode::BAD_REQUEST,
        ..Status::default()
    };
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = encode(encoding, &message(status.clone())).expect("a message");
        let read = decode(encoding, &octets, &DecodeOptions::default());
        let read = read.expect("a message");
        assert_eq!(read.message, message(status.clone()));
        let is_about_status = |tolerance: &&Tolerance| format!("{tolerance:?}").contains("CmdRef");
        assert_eq!(read.tolerances.iter().find(is_about_status), None);
    }
    let xml = encode(Encoding::Xml, &message(status)).expect("a message");
    let xml = String::from_utf8(xml.to_vec()).expect("text");
    assert!(
        xml.contains("<MsgRef>1</MsgRef><CmdRef/><Cmd>Get</Cmd>"),
        "{xml}"
    );
}
