//! Tolerances in WBXML: what encoders of devices do.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind, StatusCode,
    codec::{DecodeOptions, Encoding, ToleranceKind, decode, encode},
    message::Command,
};

use crate::{
    hex,
    tolerance::{check, kinds, lenient, wbxml, xml},
};

fn check_wbxml(octets: &Bytes, kind: ToleranceKind, display: &str) -> dm_proto::message::SyncMl {
    check(Encoding::Wbxml, octets, kind, display)
}

fn strict(octets: &Bytes) -> Result<dm_proto::message::SyncMl, DecodeErrorKind> {
    let strict = DecodeOptions::strict(Default::default());
    match decode(Encoding::Wbxml, octets, &strict) {
        Ok(decoded) => Ok(decoded.message),
        Err(error) => Err(error.kind().clone()),
    }
}

fn digits(text: &str) -> String {
    text.bytes().map(|octet| format!("{octet:02x}")).collect()
}

/// An old handset family sends each of its strings like this.
#[test]
fn a_message_may_have_every_string_as_opaque_octets() {
    let with = |string: fn(&str) -> String| {
        let text = |text: &str| format!("{} 01", string(text));
        hex(&format!(
            "02 a401 6a 00 6d 6c 71 {} 72 {} 65 {} 5b {} 6e 57 {} 01 67 57 {} 01 01 6b
             46 4b {} 4f {} 01 60 4b {} 54 6e 57 {} 01 5a 0001 47 {} 01 0000 4f {} 01 01 01 01",
            text("1.2"),
            text("DM/1.2"),
            text("1"),
            text("1"),
            text("t"),
            text("s"),
            text("1"),
            text("1201"),
            text("2"),
            text("./a"),
            text("chr"),
            text("x"),
        ))
    };
    let inline = with(|text| format!("03{}00", digits(text)));
    let opaque = with(|text| format!("c3{:02x}{}", text.len(), digits(text)));
    let expected = strict(&inline).expect("by the letter");
    let decoded = lenient(Encoding::Wbxml, &opaque);
    assert_eq!(decoded.message, expected);
    let named: Vec<&str> = decoded
        .tolerances
        .iter()
        .map(|tolerance| match tolerance.kind {
            ToleranceKind::OpaqueString { element } => element,
            ref other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        named,
        [
            "VerDTD",
            "VerProto",
            "SessionID",
            "MsgID",
            "LocURI",
            "LocURI",
            "CmdID",
            "Data",
            "CmdID",
            "LocURI",
            "Format"
        ]
    );
    assert_eq!(
        strict(&opaque),
        Err(DecodeErrorKind::Strict(ToleranceKind::OpaqueString {
            element: "VerDTD"
        }))
    );
}

#[test]
fn a_nonce_in_octets_reads_as_its_base64() {
    // Status with Chal: Meta of Format bin and the octets FF 00.
    let octets = wbxml(
        "02",
        "00",
        "69 4b 033100 01 5c 033100 01 4c 033000 01 4a 03 53796e634864720001
         49 5a 0001 50 c302ff00 01 01 01 0000 4f 0334303100 01 01",
    );
    let message = check_wbxml(
        &octets,
        ToleranceKind::RawOctets {
            element: "NextNonce",
        },
        "NextNonce in octets instead of Base64",
    );
    let Command::Status(status) = &message.commands[0] else {
        panic!()
    };
    let nonce = status
        .chal
        .as_ref()
        .and_then(|chal| chal.meta.next_nonce.as_ref());
    assert_eq!(nonce.map(|nonce| nonce.expose()), Some("/wA="));
    assert_eq!(status.data, StatusCode::INVALID_CREDENTIALS);
}

/// The same faults as in XML have the same names.
#[test]
fn faults_of_the_grammar_have_one_name_in_both_encodings() {
    for (of_xml, of_wbxml) in [
        (
            "<Replace><Item/><CmdID>1</CmdID></Replace>",
            "60 14 4b 033100 01 01",
        ),
        (
            "<Replace><CmdID>1</CmdID><CmdID>2</CmdID><Item/></Replace>",
            "60 4b 033100 01 4b 033200 01 14 01",
        ),
        ("<Replace><Item/></Replace>", "60 14 01"),
        (
            "<Replace><CmdID>1</CmdID><Item>x</Item></Replace>",
            "60 4b 033100 01 54 037800 01 01",
        ),
        (
            "<Replace><CmdID> 1</CmdID><Item/></Replace>",
            "60 4b 03203100 01 14 01",
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Cmd>a</Cmd></Item></Replace>",
            "60 4b 033100 01 54 4a 036100 01 01 01",
        ),
        (
            "<Replace><CmdID>1<Cmd/></CmdID><Item/></Replace>",
            "60 4b 033100 0a 01 14 01",
        ),
        (
            "<Get><CmdID>1</CmdID><Item><Target>./a</Target></Item></Get>",
            "53 4b 033100 01 54 6e 032e2f6100 01 01 01",
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Data>a<Item/></Data></Item></Replace>",
            "60 4b 033100 01 54 4f 036100 14 01 01 01",
        ),
        (
            "<Results><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Get</Cmd><Item/></Results>",
            "62 4b 033100 01 5c 033100 01 4c 033200 01 4a 0347657400 01 14 01",
        ),
        (
            "<Results><CmdID>1</CmdID><MsgRef>1</MsgRef><Item/></Results>",
            "62 4b 033100 01 5c 033100 01 14 01",
        ),
        (
            "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>x</Data></Status>",
            "69 4b 033100 01 5c 033100 01 4c 033100 01 4a 0347657400 01 4f 037800 01 01",
        ),
        (
            "<Alert><CmdID>1</CmdID><Data>x</Data></Alert>",
            "46 4b 033100 01 4f 037800 01 01",
        ),
        ("<Final/><Final/>", "12 12"),
    ] {
        let from_xml = lenient(Encoding::Xml, &xml(of_xml));
        let octets = wbxml("02", "00", of_wbxml);
        let from_wbxml = lenient(Encoding::Wbxml, &octets);
        assert_eq!(kinds(&from_wbxml), kinds(&from_xml), "{of_xml}");
        assert_eq!(from_wbxml.message, from_xml.message, "{of_xml}");
        let [kind] = &kinds(&from_wbxml)[..] else {
            panic!("{of_xml}: {:?}", from_wbxml.tolerances)
        };
        assert_eq!(strict(&octets), Err(DecodeErrorKind::Strict(kind.clone())));
    }
}

/// OMA-WBXML leaves these to the encoder; none of them is a tolerance.
#[test]
fn what_encoders_are_free_to_do_is_no_tolerance() {
    let letter = strict(&wbxml(
        "02",
        "00",
        "60 4b 033100 01 54 4f 0361626300 01 01 01",
    ))
    .expect("by the letter");
    for (version, table, body) in [
        // 1.3; 1.1; an unused string table.
        ("03", "00", "60 4b 033100 01 54 4f 0361626300 01 01 01"),
        ("01", "00", "60 4b 033100 01 54 4f 0361626300 01 01 01"),
        (
            "02",
            "03 616200",
            "60 4b 033100 01 54 4f 0361626300 01 01 01",
        ),
        // Text in parts, from the table, as entities.
        ("02", "00", "60 4b 033100 01 54 4f 036100 03626300 01 01 01"),
        ("02", "05 7861626300", "60 4b 033100 01 54 4f 8301 01 01 01"),
        (
            "02",
            "00",
            "60 4b 033100 01 54 4f 0261 0262 02808080 8063 01 01 01",
        ),
        // A switch to the page in force, and early ones, before an end and before text.
        (
            "02",
            "00",
            "0000 60 4b 033100 01 0001 0000 54 4f 0361626300 0000 01 01 01",
        ),
        (
            "02",
            "00",
            "60 4b 033100 01 54 4f 0001 0361626300 01 01 0000 01",
        ),
    ] {
        let octets = wbxml(version, table, body);
        assert_eq!(strict(&octets), Ok(letter.clone()), "{body}");
    }
    // Content that is empty, and none.
    let empty = wbxml("02", "00", "60 4b 033100 01 54 4f 01 01 01");
    let none = wbxml("02", "00", "60 4b 033100 01 54 0f 01 01");
    assert_eq!(strict(&empty), strict(&none));
    assert!(strict(&none).is_ok());
}

#[test]
fn the_public_identifier_may_be_unknown_or_of_another_version() {
    let octets = wbxml("02", "00", "12");
    let letter = strict(&octets).expect("by the letter");
    for id in ["01", "9f51", "9f53", "80a401"] {
        let other = [&hex("02")[..], &hex(id), &octets[3..]].concat();
        assert_eq!(strict(&other.into()), Ok(letter.clone()), "{id}");
    }
    for (name, end) in [
        ("-//SYNCML//DTD SyncML 1.2//EN", "00"),
        ("-//OMA//DTD SYNCML 1.1//EN", "00"),
        ("-//syncml//dtd syncml 1.2//en", ""),
    ] {
        let table = [&hex("6100")[..], name.as_bytes(), &hex(end)].concat();
        let length = u8::try_from(table.len()).expect("short");
        let other = [&hex("020002 6a")[..], &[length], &table, &octets[5..]].concat();
        assert_eq!(strict(&other.into()), Ok(letter.clone()), "{name}");
    }
}

#[test]
fn wbxml_1_0_has_no_character_set() {
    let octets = wbxml("02", "00", "12");
    let letter = strict(&octets).expect("by the letter");
    let older = [&hex("00 a401 00")[..], &octets[5..]].concat();
    assert_eq!(strict(&older.into()), Ok(letter));
}

#[test]
fn tokens_of_later_versions_are_read_in_any() {
    // SourceParent, of 1.2, and one vendor's extension of 1.1.
    let octets = wbxml("02", "00", "60 4b 033100 01 54 79 57 036100 01 01 01 01");
    let older = Bytes::from([&hex("02 9f53")[..], &octets[3..]].concat());
    let message = strict(&older).expect("by the letter");
    let parent = message.commands[0].items()[0].source_parent.clone();
    assert_eq!(parent.map(|uri| *uri), Some("a".into()));
}

#[test]
fn a_document_on_code_page_2_is_kept_as_markup() {
    let octets = wbxml(
        "02",
        "00",
        "60 4b 033100 01 54 4f 0002 60 77 03312e3200 01 01 0000 01 01 01",
    );
    let decoded = lenient(Encoding::Wbxml, &octets);
    assert!(kinds(&decoded).contains(&ToleranceKind::RawMarkup));
    let data = decoded.message.commands[0].items()[0].data.as_ref();
    assert!(data.and_then(Data::as_markup).is_some());
    // It goes out with the tokens that it came with.
    let again = encode(Encoding::Wbxml, &decoded.message).expect("it has a form");
    assert_eq!(lenient(Encoding::Wbxml, &again).message, decoded.message);
}

#[test]
fn what_is_foreign_has_one_name_in_both_encodings() {
    // Names are from the string table: "a" at 0, "Foo" at 2, "xmlns" at 6.
    let table = "0c 6100 466f6f00 786d6c6e7300";
    for (of_xml, of_wbxml, kind) in [
        (
            "<Replace><CmdID a='v'>1</CmdID><Item/></Replace>",
            "60 cb 0400 037600 01 033100 01 14 01",
            ToleranceKind::ForeignAttribute { name: "a".into() },
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Foo xmlns=''>x</Foo></Item></Replace>",
            "60 4b 033100 01 54 4402 037800 01 01 01",
            ToleranceKind::ForeignElement { name: "Foo".into() },
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Foo xmlns='u:x'>x</Foo></Item></Replace>",
            "60 4b 033100 01 54 c402 0406 03753a7800 01 037800 01 01 01",
            ToleranceKind::ForeignElement { name: "Foo".into() },
        ),
        (
            "<Foo xmlns='u:x'><CmdID xmlns='SYNCML:SYNCML1.2'>1</CmdID></Foo>",
            "c402 0406 03753a7800 01 4b 033100 01 01",
            ToleranceKind::ForeignElement { name: "Foo".into() },
        ),
    ] {
        let from_xml = lenient(Encoding::Xml, &xml(of_xml));
        let octets = wbxml("02", table, of_wbxml);
        let from_wbxml = lenient(Encoding::Wbxml, &octets);
        assert_eq!(kinds(&from_xml), core::slice::from_ref(&kind), "{of_xml}");
        assert_eq!(kinds(&from_wbxml), core::slice::from_ref(&kind), "{of_xml}");
        assert_eq!(from_wbxml.message, from_xml.message, "{of_xml}");
        assert_eq!(strict(&octets), Err(DecodeErrorKind::Strict(kind)));
    }
}
