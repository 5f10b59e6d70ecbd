//! Octets that are no message: each way to be wrong, with its place and its text.

use bytes::Bytes;
use dm_proto::{
    DecodeError, DecodeErrorKind, Limits,
    codec::{DecodeOptions, Encoding, decode},
};

use crate::hex;

/// An input, and what reading it says. `¦` in XML, `!` in WBXML marks the offset.
struct Row {
    input: &'static str,
    kind: DecodeErrorKind,
    display: &'static str,
}

fn options() -> DecodeOptions {
    DecodeOptions::lenient(Limits::DEFAULT.with_depth(8))
}

fn refuse(encoding: Encoding, octets: &Bytes, options: &DecodeOptions) -> DecodeError {
    match decode(encoding, octets, options) {
        Ok(decoded) => panic!("accepted: {decoded:?}"),
        Err(error) => error,
    }
}

fn check(encoding: Encoding, rows: &[Row], parse: impl Fn(&str) -> (Bytes, usize)) {
    for Row {
        input,
        kind,
        display,
    } in rows
    {
        let (octets, offset) = parse(input);
        let error = refuse(encoding, &octets, &options());
        assert_eq!(error.to_string(), *display, "{input}");
        assert_eq!(error.kind(), kind, "{input}");
        assert_eq!(error.offset(), offset, "{input}");
        assert_eq!(error.encoding(), encoding);
    }
}

#[test]
fn wbxml_that_is_wrong_is_refused_with_its_place() {
    use DecodeErrorKind as Kind;
    let rows = [
        Row {
            input: "!",
            kind: Kind::UnexpectedEnd,
            display: "wbxml byte 0 at /: unexpected end of input",
        },
        Row {
            input: "! 13 a401 6a 00",
            kind: Kind::UnsupportedVersion { version: 0x13 },
            display: "wbxml byte 0 at /: unsupported wbxml version octet 0x13",
        },
        Row {
            input: "02 ! 0b 6a 00",
            kind: Kind::OtherDocumentType { id: 0x0B },
            display: "wbxml byte 1 at /: public identifier 0xB is not that of SyncML",
        },
        Row {
            input: "02 ! 9080808000 6a 00",
            kind: Kind::InvalidInteger,
            display: "wbxml byte 1 at /: an integer of more than 32 bits",
        },
        Row {
            input: "02 a401 ! 8777 00",
            kind: Kind::UnsupportedCharset { mib: 1015 },
            display: "wbxml byte 3 at /: unsupported character set 1015",
        },
        Row {
            input: "02 a401 6a ! 8fffffff7f 00",
            kind: Kind::LengthPastEnd {
                length: u32::MAX,
                left: 1,
            },
            display: "wbxml byte 4 at /: a length of 4294967295 octets where 1 are left",
        },
        Row {
            input: "02 00 ! 05 6a 03 612f00",
            kind: Kind::TableOffset {
                offset: 5,
                length: 3,
            },
            display: "wbxml byte 2 at /: offset 5 in a string table of 3 octets",
        },
        Row {
            input: "02 a401 6a 00 !",
            kind: Kind::UnexpectedEnd,
            display: "wbxml byte 5 at /: unexpected end of input",
        },
        Row {
            input: "02 a401 6a 00 ! 01",
            kind: Kind::UnmatchedEnd,
            display: "wbxml byte 5 at /: an end without a start",
        },
        Row {
            input: "02 a401 6a 00 ! 034100",
            kind: Kind::NoRoot,
            display: "wbxml byte 5 at /: no root element",
        },
        Row {
            input: "02 a401 6a 00 ! 6b 01",
            kind: Kind::NotSyncMl {
                root: "SyncBody".into(),
            },
            display: "wbxml byte 5 at SyncBody: the root element is \"SyncBody\", not \"SyncML\"",
        },
        Row {
            input: "02 a401 6a 00 6d 6b 01 ! 01",
            kind: Kind::MissingHeader,
            display: "wbxml byte 8 at /: SyncHdr is missing",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 033100 01 4f 034100 01 01 !",
            kind: Kind::UnexpectedEnd,
            display: "wbxml byte 20 at SyncML/SyncBody: unexpected end of input",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 0331 !",
            kind: Kind::UnexpectedEnd,
            display: "wbxml byte 12 at SyncML/SyncBody/Alert/CmdID: unexpected end of input",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 83 ! 00 01 01 01 01",
            kind: Kind::TableOffset {
                offset: 0,
                length: 0,
            },
            display: "wbxml byte 11 at SyncML/SyncBody/Alert/CmdID: offset 0 in a string table of 0 octets",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 60 54 4f c3 ! 8fffffff7f 00",
            kind: Kind::LengthPastEnd {
                length: u32::MAX,
                left: 1,
            },
            display: "wbxml byte 12 at SyncML/SyncBody/Replace/Item/Data: a length of 4294967295 octets where 1 are left",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 02 ! 83b000 01",
            kind: Kind::InvalidCharacter { value: 0xD800 },
            display: "wbxml byte 11 at SyncML/SyncBody/Alert/CmdID: 0xD800 is not a character",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 02 ! 00 01",
            kind: Kind::InvalidCharacter { value: 0 },
            display: "wbxml byte 11 at SyncML/SyncBody/Alert/CmdID: 0x0 is not a character",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 46 4b 03 ! ff00 01",
            kind: Kind::InvalidText { charset: "utf-8" },
            display: "wbxml byte 11 at SyncML/SyncBody/Alert/CmdID: the octets are not utf-8 text",
        },
        Row {
            input: "02 a401 03 00 6d 2c 6b 46 4b 03 ! e900 01",
            kind: Kind::InvalidText {
                charset: "us-ascii",
            },
            display: "wbxml byte 11 at SyncML/SyncBody/Alert/CmdID: the octets are not us-ascii text",
        },
        Row {
            input: "02 a401 6a 04 20612000 6d 2c 6b 04 ! 00",
            kind: Kind::InvalidName { name: " a ".into() },
            display: "wbxml byte 13 at SyncML/SyncBody: \" a \" is not a name",
        },
        Row {
            input: "02 a401 6a 00 6d 2c eb ! 85 01",
            kind: Kind::UnexpectedToken { token: 0x85 },
            display: "wbxml byte 8 at SyncML/SyncBody: unexpected token 0x85",
        },
        Row {
            input: "02 a401 6a 00 6d 2c 6b 64 64 64 64 64 64 ! 64",
            kind: Kind::TooDeep { limit: 8 },
            display: "wbxml byte 14 at SyncML/SyncBody/Sequence/Sequence/Sequence/Sequence/Sequence/Sequence: elements nest deeper than 8",
        },
    ];
    check(Encoding::Wbxml, &rows, |input| {
        let (before, after) = input.split_once('!').expect("a mark");
        let (before, after) = (hex(before), hex(after));
        let offset = before.len();
        ([before, after].concat().into(), offset)
    });
}

#[test]
fn xml_that_is_wrong_is_refused_with_its_place() {
    use DecodeErrorKind as Kind;
    let syntax = |reason| Kind::Syntax { reason };
    let rows = [
        Row {
            input: "¦",
            kind: Kind::NoRoot,
            display: "xml byte 0 at /: no root element",
        },
        Row {
            input: "¦hello<SyncML/>",
            kind: Kind::NoRoot,
            display: "xml byte 0 at /: no root element",
        },
        Row {
            input: "¦<html/>",
            kind: Kind::NotSyncMl {
                root: "html".into(),
            },
            display: "xml byte 0 at html: the root element is \"html\", not \"SyncML\"",
        },
        Row {
            input: "<SyncML><SyncBody/>¦</SyncML>",
            kind: Kind::MissingHeader,
            display: "xml byte 19 at /: SyncHdr is missing",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>1¦",
            kind: Kind::UnexpectedEnd,
            display: "xml byte 25 at SyncML/SyncHdr/MsgID: unexpected end of input",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID¦",
            kind: Kind::UnexpectedEnd,
            display: "xml byte 23 at SyncML/SyncHdr: unexpected end of input",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>1¦</SyncHdr></SyncML>",
            kind: Kind::MismatchedEnd {
                expected: "MsgID".into(),
                found: "SyncHdr".into(),
            },
            display: "xml byte 25 at SyncML/SyncHdr/MsgID: </SyncHdr> where </MsgID> must stand",
        },
        Row {
            input: "¦</SyncML>",
            kind: Kind::UnmatchedEnd,
            display: "xml byte 0 at /: an end without a start",
        },
        Row {
            input: "<SyncML>¦<1/></SyncML>",
            kind: Kind::InvalidName { name: "1".into() },
            display: "xml byte 8 at SyncML: \"1\" is not a name",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>¦&#0;</MsgID></SyncHdr></SyncML>",
            kind: Kind::InvalidCharacter { value: 0 },
            display: "xml byte 24 at SyncML/SyncHdr/MsgID: 0x0 is not a character",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>¦&#xFFFFFFFFFF;</MsgID></SyncHdr></SyncML>",
            kind: Kind::InvalidCharacter { value: u32::MAX },
            display: "xml byte 24 at SyncML/SyncHdr/MsgID: 0xFFFFFFFF is not a character",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>ab¦\u{1}</MsgID></SyncHdr></SyncML>",
            kind: Kind::InvalidCharacter { value: 1 },
            display: "xml byte 26 at SyncML/SyncHdr/MsgID: 0x1 is not a character",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID><![CDATA[a¦\u{FFFE}]]></MsgID></SyncHdr></SyncML>",
            kind: Kind::InvalidCharacter { value: 0xFFFE },
            display: "xml byte 34 at SyncML/SyncHdr/MsgID: 0xFFFE is not a character",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>¦&nbsp;</MsgID></SyncHdr></SyncML>",
            kind: Kind::UndefinedEntity {
                name: "nbsp".into(),
            },
            display: "xml byte 24 at SyncML/SyncHdr/MsgID: undefined entity \"nbsp\"",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>a ¦& b</MsgID></SyncHdr></SyncML>",
            kind: syntax("an & that begins no reference"),
            display: "xml byte 26 at SyncML/SyncHdr/MsgID: an & that begins no reference",
        },
        Row {
            input: "<SyncML><SyncHdr><MsgID>¦&#x;</MsgID></SyncHdr></SyncML>",
            kind: syntax("a character reference without a number"),
            display: "xml byte 24 at SyncML/SyncHdr/MsgID: a character reference without a number",
        },
        Row {
            input: "<?xml version=\"1.0\"?>¦<!DOCTYPE SyncML [<!ENTITY a \"b\">]><SyncML>&a;</SyncML>",
            kind: Kind::InternalSubset,
            display: "xml byte 21 at /: a document type declaration with an internal subset",
        },
        Row {
            input: "¦<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><SyncML/>",
            kind: Kind::UnsupportedEncoding {
                name: "Shift_JIS".into(),
            },
            display: "xml byte 0 at /: unsupported encoding \"Shift_JIS\"",
        },
        Row {
            input: "¦<SyncML a='1' b='2' a='3'/>",
            kind: Kind::DuplicateAttribute { name: "a".into() },
            display: "xml byte 0 at /: a second attribute \"a\"",
        },
        Row {
            input: "¦<SyncML a/>",
            kind: syntax("a malformed attribute"),
            display: "xml byte 0 at /: a malformed attribute",
        },
        Row {
            input: "¦<SyncML xmlns:xmlns='urn:x'/>",
            kind: Kind::InvalidNamespace,
            display: "xml byte 0 at /: an invalid namespace declaration",
        },
        Row {
            input: "<SyncML>¦<?xml version='1.0'?></SyncML>",
            kind: syntax("a declaration inside the root element"),
            display: "xml byte 8 at SyncML: a declaration inside the root element",
        },
        Row {
            input: "<SyncML><SyncHdr/><SyncBody><Atomic><Atomic><Atomic><Atomic><Atomic><Atomic>¦<Atomic>",
            kind: Kind::TooDeep { limit: 8 },
            display: "xml byte 76 at SyncML/SyncBody/Atomic/Atomic/Atomic/Atomic/Atomic/Atomic: elements nest deeper than 8",
        },
    ];
    check(Encoding::Xml, &rows, |input| {
        let offset = input.find('¦').expect("a mark");
        (input.replace('¦', "").into(), offset)
    });
}

#[test]
fn xml_that_is_not_utf_8_is_refused_where_it_stops_to_be() {
    let error = refuse(
        Encoding::Xml,
        &Bytes::from_static(b"<SyncML>\xE9</SyncML>"),
        &options(),
    );
    assert_eq!(
        error.to_string(),
        "xml byte 8 at /: the octets are not utf-8 text"
    );
    let error = refuse(
        Encoding::Xml,
        &Bytes::from_static(b"\xFE\xFF\0<\xD8\x00\0>"),
        &options(),
    );
    assert_eq!(
        error.to_string(),
        "xml byte 4 at /: the octets are not utf-16 text"
    );
}

#[test]
fn offsets_in_utf_16_are_those_of_the_octets() {
    let text = "<SyncML><SyncHdr/><SyncBody>\u{1F600}&x;</SyncBody></SyncML>";
    let mut octets = vec![0xFF, 0xFE];
    octets.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let error = refuse(Encoding::Xml, &octets.into(), &options());
    assert_eq!(
        error.to_string(),
        "xml byte 62 at SyncML/SyncBody: undefined entity \"x\""
    );
}

#[test]
fn attribute_and_namespace_floods_are_refused() {
    let mut attributes = String::from("<SyncML");
    let mut namespaces = String::from("<SyncML");
    for number in 0..200_000 {
        attributes.push_str(&format!(" a{number}=''"));
        namespaces.push_str(&format!(" xmlns:a{number}='u'"));
    }
    let limits = Limits::DEFAULT.with_message_size(8 << 20);
    for (document, kind) in [
        (
            attributes + "/>",
            DecodeErrorKind::TooManyAttributes { limit: 1024 },
        ),
        (
            namespaces + "/>",
            DecodeErrorKind::TooManyNamespaces { limit: 128 },
        ),
    ] {
        let error = refuse(
            Encoding::Xml,
            &document.into(),
            &DecodeOptions::lenient(limits.clone()),
        );
        assert_eq!(error.kind(), &kind);
    }
    let long = format!("<SyncML xmlns='{}&amp;'/>", "x".repeat(2000));
    let error = refuse(Encoding::Xml, &long.into(), &options());
    assert_eq!(error.kind(), &DecodeErrorKind::InvalidNamespace);
}

#[test]
fn a_message_over_the_limit_is_not_read() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let error = refuse(
            encoding,
            &Bytes::from_static(b"0123456789"),
            &DecodeOptions::lenient(Limits::DEFAULT.with_message_size(9)),
        );
        assert_eq!(
            error.kind(),
            &DecodeErrorKind::TooLarge { size: 10, limit: 9 }
        );
        assert_eq!(
            error.to_string(),
            format!("{encoding} byte 9 at /: the message has 10 octets, the limit is 9")
        );
    }
}
