//! Documents as trees of elements, and those inside messages.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind, Limits,
    codec::{
        DecodeOptions, Document, DocumentOptions, DocumentType, Encoding, Mode, Tolerance,
        ToleranceKind, decode, encode,
    },
    message::{Command, Item, Meta},
};

use crate::hex;

const TNDS: &str = "
    0300006a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e00
    0002607703312e3200016466034100016f5c0b01756103746578742f706c61696e0001010176037800010101";
const TNDS_XML: &str = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName>\
    <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\
    <Value>x</Value></Node></MgmtTree>";

fn read(encoding: Encoding, octets: impl Into<Bytes>) -> Document {
    match Document::read(encoding, &octets.into(), &DocumentOptions::default()) {
        Ok(document) => document,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_document_is_the_same_tree_from_both_encodings_and_is_written_as_it_was() {
    let document = read(Encoding::Xml, TNDS_XML);
    assert_eq!(read(Encoding::Wbxml, hex(TNDS)), document);
    assert_eq!(document.encode(Encoding::Xml).expect("xml"), TNDS_XML);
    let wbxml = document
        .to_wbxml(dm_proto::codec::WbxmlVersion::V1_3)
        .expect("wbxml");
    assert_eq!(wbxml, hex(TNDS));
    let node = document.root().child("Node").expect("a node");
    let format = node
        .child("RTProperties")
        .and_then(|set| set.child("Format"));
    let format = format.and_then(|format| format.children().next());
    assert_eq!(format.map(|format| format.local()), Some("chr"));
}

#[test]
fn names_without_a_namespace_have_that_of_the_document() {
    let bare = TNDS_XML.replace(" xmlns=\"syncml:dmddf1.2\"", "");
    let document = read(Encoding::Xml, bare);
    assert_eq!(document.root(), read(Encoding::Xml, TNDS_XML).root());
    let listed: Vec<_> = document.tolerances().iter().map(|one| &one.kind).collect();
    assert_eq!(listed, [&ToleranceKind::MissingNamespace]);
    // Client Provisioning has none.
    let document = read(Encoding::Xml, "<wap-provisioningdoc/>");
    assert_eq!(document.tolerances(), []);
    let foreign = "<MgmtTree xmlns='syncml:dmddf1.2'><x:Node xmlns:x='urn:x'/></MgmtTree>";
    assert_eq!(read(Encoding::Xml, foreign).root().child("Node"), None);
}

#[test]
fn strict_reading_refuses_what_lenient_reading_lists() {
    let options = DocumentOptions::default().with_mode(Mode::Strict);
    let error = Document::read(Encoding::Wbxml, &hex("030b6a00 45 3e 01"), &options);
    let error = error.expect_err("an unknown token");
    assert_eq!(
        error.to_string(),
        "wbxml byte 5 at wap-provisioningdoc: unknown token 0x3E on code page 0"
    );
    let bare = Bytes::from_static(b"<DevInf/>");
    let error = Document::read(Encoding::Xml, &bare, &options).expect_err("no namespace");
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::Strict(ToleranceKind::MissingNamespace)
    );
    let whole = Bytes::from_static(b"<wap-provisioningdoc version='1.0'/>");
    assert!(Document::read(Encoding::Xml, &whole, &options).is_ok());
}

#[test]
fn size_depth_and_memory_of_a_document_have_limits() {
    let options = |limits: Limits| DocumentOptions::default().with_limits(limits);
    let kind = |encoding, octets: Vec<u8>, limits| {
        let read = Document::read(encoding, &octets.into(), &options(limits));
        read.expect_err("beyond a limit").kind().clone()
    };
    let mut deep = hex("030b6a00").to_vec();
    deep.resize(1_000_000, 0x46);
    assert_eq!(
        kind(Encoding::Wbxml, deep, Limits::DEFAULT.with_depth(7)),
        DecodeErrorKind::TooDeep { limit: 7 }
    );
    let deep = "<Node>".repeat(100_000);
    assert_eq!(
        kind(
            Encoding::Xml,
            format!("<MgmtTree>{deep}").into(),
            Limits::DEFAULT.with_depth(100)
        ),
        DecodeErrorKind::TooDeep { limit: 100 }
    );
    let many = format!("<MgmtTree>{}</MgmtTree>", "<Node/>".repeat(10_000));
    assert_eq!(
        kind(
            Encoding::Xml,
            many.clone().into(),
            Limits::DEFAULT.with_memory(1 << 20)
        ),
        DecodeErrorKind::TooMuchMemory { limit: 1 << 20 }
    );
    assert_eq!(
        kind(
            Encoding::Xml,
            many.into(),
            Limits::DEFAULT.with_message_size(100)
        ),
        DecodeErrorKind::TooLarge {
            size: 70_021,
            limit: 100
        }
    );
}

/// The item of a message of one command, whose Type stands in the command or in the item.
fn command(encoding: Encoding, meta: &str, item: &str) -> (Option<Meta>, Item) {
    let xml = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target>\
         <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID>{meta}\
         <Item>{item}</Item></Add></SyncBody></SyncML>"
    );
    let options = DecodeOptions::default();
    let message = decode(Encoding::Xml, &Bytes::from(xml), &options).expect("a message");
    let octets = encode(encoding, &message.message).expect("it is written");
    let message = decode(encoding, &octets, &options)
        .expect("it is read")
        .message;
    match message.commands.into_iter().next() {
        Some(Command::Add(mut add)) => (add.meta.map(|meta| (*meta).clone()), add.items.remove(0)),
        other => panic!("{other:?}"),
    }
}

fn meta(type_: &str) -> String {
    format!("<Meta><Type xmlns='syncml:metinf'>{type_}</Type></Meta>")
}

#[test]
fn documents_in_data_are_read_escaped_as_a_section_as_elements_and_as_base64() {
    use base64::Engine as _;
    let escaped = TNDS_XML.replace('<', "&lt;");
    let section = format!("<![CDATA[{TNDS_XML}]]>");
    let base64 = base64::engine::general_purpose::STANDARD.encode(hex(TNDS));
    let bare = TNDS_XML.replace(" xmlns=\"syncml:dmddf1.2\"", "");
    let expected = read(Encoding::Xml, TNDS_XML);
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for (type_, data) in [
            ("application/vnd.syncml.dmtnds+xml", &*escaped),
            ("application/vnd.syncml.dmtnds+xml; charset=utf-8", &section),
            ("text/xml", &section),
            ("application/vnd.syncml.dmtnds+xml", TNDS_XML),
            ("", TNDS_XML),
            ("", &format!("\n {bare} \n")),
            ("application/vnd.syncml.dmtnds+wbxml", &base64),
        ] {
            let data = format!("<Data>{data}</Data>");
            for (shared, own) in [(meta(type_), String::new()), (String::new(), meta(type_))] {
                let (shared, item) = command(encoding, &shared, &format!("{own}{data}"));
                let document =
                    Document::in_item(&item, shared.as_ref(), &DocumentOptions::default());
                let document = document.expect("a document").expect("a document");
                assert_eq!(
                    document.root(),
                    expected.root(),
                    "{encoding} {type_} {data}"
                );
            }
        }
    }
}

#[test]
fn documents_in_data_are_read_as_opaque_wbxml_and_after_a_switch_of_the_page() {
    let options = DocumentOptions::default();
    let expected = read(Encoding::Xml, TNDS_XML);
    let data = Data::binary(hex(TNDS));
    let type_ = "application/vnd.syncml.dmtnds+wbxml";
    let read = Document::in_data(&data, Some(type_), &options).expect("a document");
    assert_eq!(read, Some(expected.clone()));

    let inline = hex("0002 60 77 03312e320001 64 66 03410001 6f 5c 0b 01 \
        75 61 03746578742f706c61696e0001 01 01 76 03780001 01 01");
    let mut message = hex("03a4016a00 6d 2c 6b 45 4b 033100 01 54 4f").to_vec();
    message.extend(&inline[..]);
    message.extend(&hex("01 0000 01 01 01 01")[..]);
    let message = decode(Encoding::Wbxml, &message.into(), &DecodeOptions::default());
    let message = message.expect("a message").message;
    let item = message.commands[0].items().first().expect("an item");
    let read = Document::in_item(item, None, &options).expect("a document");
    assert_eq!(
        read.map(|read| read.fragment().clone()),
        Some(expected.fragment().clone())
    );
}

#[test]
fn a_document_of_an_unknown_identifier_is_what_its_media_type_says() {
    let data = Data::binary(hex("03 01 6a 00 0a"));
    let type_ = "application/vnd.syncml-devinf+wbxml";
    let read = Document::in_data(&data, Some(type_), &DocumentOptions::default());
    let read = read.expect("a document").expect("a document");
    assert_eq!(read.document_type(), DocumentType::DevInf);
    assert_eq!(read.root().local(), "DevInf");
}

#[test]
fn what_is_no_document_is_none_and_a_broken_one_is_an_error() {
    let options = DocumentOptions::default();
    for (data, type_) in [
        (Data::text("<MgmtTree/>"), None),
        (Data::text("<MgmtTree/>"), Some("text/plain")),
        (Data::text("<html/>"), Some("text/xml")),
        (Data::binary(vec![0xFF]), Some("application/octet-stream")),
    ] {
        assert_eq!(
            Document::in_data(&data, type_, &options),
            Ok(None),
            "{data:?}"
        );
    }
    for (data, type_) in [
        (
            Data::text("<MgmtTree>"),
            "application/vnd.syncml.dmtnds+xml",
        ),
        (Data::text("%%"), "application/vnd.syncml.dmtnds+wbxml"),
        (
            Data::binary(vec![0x03]),
            "application/vnd.syncml.dmtnds+wbxml",
        ),
        (Data::text("<html/>"), "application/vnd.syncml.dmtnds+xml"),
    ] {
        let read = Document::in_data(&data, Some(type_), &options);
        assert!(read.is_err(), "{data:?}: {read:?}");
    }
    // It has a depth of its own.
    let deep = format!(
        "<MgmtTree xmlns='syncml:dmddf1.2'>{}",
        "<Node>".repeat(1000)
    );
    let error = Document::in_data(&Data::from(deep), Some("text/xml"), &options);
    assert_eq!(
        *error.expect_err("too deep").kind(),
        DecodeErrorKind::TooDeep { limit: 128 }
    );
}

#[test]
fn documents_with_what_an_encoding_has_no_form_for_are_not_written() {
    let with = |text: &str| {
        let mut builder = Document::builder(DocumentType::DevInf);
        builder.leaf("Man", text);
        builder.finish()
    };
    assert!(with("a\u{1}").encode(Encoding::Xml).is_err());
    let document = with("a\u{1}\0");
    let wbxml = document.encode(Encoding::Wbxml).expect("wbxml");
    let again = read(Encoding::Wbxml, wbxml);
    assert_eq!(
        again.root().child("Man").map(|man| man.text().into_owned()),
        Some("a\u{1}\0".into())
    );
    for name in ["a b", "", "1"] {
        let mut builder = Document::builder(DocumentType::DevInf);
        builder.empty(name);
        let document = builder.finish();
        assert!(document.encode(Encoding::Xml).is_err(), "{name:?}");
        assert!(document.encode(Encoding::Wbxml).is_err(), "{name:?}");
    }
}

/// A message with this in an item of a `Replace`.
fn replace(content: &str) -> Bytes {
    hex(&format!(
        "03a4016a00 6d 2c 6b 60 4b 033100 01 {content} 01 01 01"
    ))
}

#[test]
fn a_tree_in_data_is_the_same_markup_in_both_encodings_of_a_message() {
    let xml = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody><Replace><CmdID>1</CmdID><Item>\
         <Data>{TNDS_XML}</Data></Item></Replace></SyncBody></SyncML>"
    );
    let from_xml = decode(
        Encoding::Xml,
        &xml.clone().into(),
        &DecodeOptions::default(),
    );
    let from_xml = from_xml.expect("a message").message;
    let wbxml = encode(Encoding::Wbxml, &from_xml).expect("it has a form");
    // Data, page 2, MgmtTree; and no string table.
    assert_eq!(wbxml[4], 0);
    let tokens = hex("4f 0002 60 77");
    assert!(wbxml.windows(5).any(|octets| octets == tokens));

    let decoded = decode(Encoding::Wbxml, &wbxml, &DecodeOptions::default()).expect("a message");
    assert_eq!(decoded.message, from_xml);
    let is_odd =
        |tolerance: &Tolerance| matches!(tolerance.kind, ToleranceKind::UnknownToken { .. });
    assert!(!decoded.tolerances.iter().any(is_odd));
    let written = encode(Encoding::Xml, &decoded.message).expect("it has a form");
    let written = str::from_utf8(&written).expect("text");
    assert!(written.contains(TNDS_XML), "{written}");
}

#[test]
fn a_page_2_left_active_after_data_means_page_0() {
    let left = replace("54 4f 0002 60 77 03312e3200 01 01 01 01 54 4f 037800 01 01");
    let decoded = decode(Encoding::Wbxml, &left, &DecodeOptions::default()).expect("a message");
    let items = decoded.message.commands[0].items();
    assert_eq!(items[1].data.as_ref().and_then(Data::as_str), Some("x"));
    let kinds: Vec<_> = decoded.tolerances.iter().map(|one| &one.kind).collect();
    assert!(kinds.contains(&&ToleranceKind::LeftoverPage), "{kinds:?}");
}

#[test]
fn elements_of_a_tree_where_none_belong_survive() {
    let octets = replace("0002 24 0000 54 0002 24 0002 25 01");
    let decoded = decode(Encoding::Wbxml, &octets, &DecodeOptions::default()).expect("a message");
    let written = encode(Encoding::Wbxml, &decoded.message).expect("it has a form");
    let again = decode(Encoding::Wbxml, &written, &DecodeOptions::default()).expect("a message");
    assert_eq!(again.message, decoded.message);
    let xml = encode(Encoding::Xml, &decoded.message).expect("it has a form");
    let again = decode(Encoding::Xml, &xml, &DecodeOptions::default()).expect("a message");
    assert_eq!(again.message, decoded.message);
    let xml = str::from_utf8(&xml).expect("text");
    assert_eq!(xml.matches("syncml:dmddf1.2").count(), 3, "{xml}");
}
