//! What is read, in the forms that it may have.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind, Limits,
    codec::{DecodeOptions, Encoding, decode},
    message::{Command, SyncMl},
};

use crate::hex;

fn read(encoding: Encoding, octets: impl Into<Bytes>) -> SyncMl {
    match decode(encoding, &octets.into(), &DecodeOptions::default()) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{error}"),
    }
}

/// An XML message whose one item has this data.
fn xml_with(data: &str) -> String {
    format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody><Add><Item><Data>{data}</Data></Item>\
         </Add></SyncBody></SyncML>"
    )
}

fn data_of(message: &SyncMl) -> Option<&Data> {
    message.commands[0].items()[0].data.as_ref()
}

fn xml_data(data: &str) -> Option<Data> {
    data_of(&read(Encoding::Xml, xml_with(data))).cloned()
}

/// A WBXML message whose one item has this data, with a `Meta` before it.
fn wbxml_data(charset: &str, meta: &str, data: &str) -> Option<Data> {
    let octets = hex(&format!(
        "02 a401 {charset} 00 6d 2c 6b 60 54 {meta} 4f {data} 01 01 01 01 01"
    ));
    data_of(&read(Encoding::Wbxml, octets)).cloned()
}

#[test]
fn sections_escapes_and_comments_do_not_change_a_value() {
    let expected = Some(Data::text("a<b>&amp;c"));
    for data in [
        "a&lt;b&gt;&amp;amp;c",
        "<![CDATA[a<b>&amp;c]]>",
        "a<![CDATA[<b>]]>&amp;<!-- d -->amp;c",
        "&#97;&#x3C;b><?pi x?>&#38;amp;c",
    ] {
        assert_eq!(xml_data(data), expected, "{data}");
    }
}

#[test]
fn line_ends_become_line_feeds_unless_they_are_references() {
    assert_eq!(
        xml_data("a\r\nb\rc&#13;\nd<![CDATA[\r\n]]>"),
        Some(Data::text("a\nb\nc\r\nd\n"))
    );
}

#[test]
fn base64_over_xml_stays_text() {
    let xml = xml_with("AAEC/w==").replace(
        "<Data>",
        "<Meta><Format xmlns='syncml:metinf'>b64</Format></Meta><Data>",
    );
    assert_eq!(
        data_of(&read(Encoding::Xml, xml)),
        Some(&Data::text("AAEC/w=="))
    );
}

#[test]
fn empty_data_is_not_absent() {
    assert_eq!(xml_data(""), Some(Data::text("")));
    let absent = xml_with("").replace("<Data></Data>", "");
    assert_eq!(data_of(&read(Encoding::Xml, absent)), None);
    let empty = hex("02 a401 6a 00 6d 2c 6b 60 54 0f 01 01 01 01");
    assert_eq!(
        data_of(&read(Encoding::Wbxml, empty)),
        Some(&Data::text(""))
    );
}

#[test]
fn any_prefix_and_any_namespace_of_syncml_mean_the_same() {
    let expected = read(Encoding::Xml, xml_with("x"));
    for namespace in ["SYNCML:SYNCML1.0", "SYNCML:SYNCML1.1", "SYNCML:SYNCML1.2"] {
        let xml = xml_with("x").replace("SYNCML:SYNCML1.2", namespace);
        assert_eq!(read(Encoding::Xml, xml), expected);
    }
    let prefixed = xml_with("x")
        .replace("</", "</s:")
        .replace('<', "<s:")
        .replace("<s:/s:", "</s:")
        .replace("xmlns=", "xmlns:s=");
    assert_eq!(read(Encoding::Xml, prefixed), expected);
}

#[test]
fn a_prefix_bound_to_another_namespace_is_another_element() {
    let xml = xml_with("x").replace("<Data>x</Data>", "<m:Data xmlns:m='urn:x'>x</m:Data>");
    let message = read(Encoding::Xml, xml);
    assert_eq!(data_of(&message), None);
    assert!(!message.commands[0].items()[0].extra.is_empty());
}

#[test]
fn byte_order_marks_and_utf_16_are_understood() {
    let text = format!(
        "<?xml version='1.0' encoding='UTF-16'?>{}",
        xml_with("é\u{1F600}")
    );
    let expected = Some(Data::text("é\u{1F600}"));
    let mut little = vec![0xFF, 0xFE];
    little.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let mut big = vec![0xFE, 0xFF];
    big.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    for octets in [little, big] {
        assert_eq!(Encoding::detect(&octets), Some(Encoding::Xml));
        assert_eq!(data_of(&read(Encoding::Xml, octets)).cloned(), expected);
    }
    let marked = format!("\u{FEFF}{}", text.replace("UTF-16", "utf-8"));
    assert_eq!(Encoding::detect(marked.as_bytes()), Some(Encoding::Xml));
    assert_eq!(
        data_of(&read(Encoding::Xml, marked.clone())).cloned(),
        expected
    );
    let twice = Bytes::from(format!("\u{FEFF}{marked}"));
    let error =
        decode(Encoding::Xml, &twice, &DecodeOptions::default()).expect_err("one mark is enough");
    assert_eq!(error.to_string(), "xml byte 3 at /: no root element");
}

#[test]
fn a_document_type_is_passed_over() {
    let xml = format!(
        "<?xml version='1.0'?>\n<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'file:///etc/passwd'>{}",
        xml_with("x")
    );
    assert_eq!(data_of(&read(Encoding::Xml, xml)), Some(&Data::text("x")));
}

#[test]
fn metinf_may_wrap_the_children_of_meta() {
    let wrapped = xml_with("x").replace(
        "<Data>",
        "<Meta><MetInf xmlns='syncml:metinf'><Size>1</Size><Format>chr</Format></MetInf></Meta><Data>",
    );
    let decoded = decode(
        Encoding::Xml,
        &wrapped.replace("<SyncHdr/>", "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr>").replace("<Add>", "<Add><CmdID>1</CmdID>").into(),
        &DecodeOptions::strict(Limits::default()),
    )
    .expect("the DTD of MetInf has it so");
    let meta = decoded.message.commands[0].items()[0].meta.as_deref();
    assert_eq!(meta.and_then(|meta| meta.size), Some(1));
    assert_eq!(meta.and_then(|meta| meta.format.as_deref()), Some("chr"));
}

#[test]
fn opaque_octets_are_data_by_format_by_type_or_for_want_of_text() {
    let text = Some(Data::text("C"));
    let octets = Some(Data::binary(&b"C"[..]));
    assert_eq!(wbxml_data("6a", "", "c30143"), text);
    let bin = "5a 0001 47 0362696e00 01 01 0000";
    assert_eq!(wbxml_data("6a", bin, "c30143"), octets);
    let wbxml = "5a 0001 53 03782b7762786d6c00 01 01 0000";
    assert_eq!(wbxml_data("6a", wbxml, "c30143"), octets);
    let chr = "5a 0001 47 0363687200 01 01 0000";
    assert_eq!(wbxml_data("6a", chr, "c30143"), text);
    assert_eq!(
        wbxml_data("6a", chr, "c301ff"),
        Some(Data::binary(&b"\xFF"[..]))
    );
    // In several parts, and together with text.
    assert_eq!(
        wbxml_data("6a", bin, "c30143 034400 c30145"),
        Some(Data::binary(&b"CDE"[..]))
    );
    assert_eq!(
        wbxml_data("6a", "", "c302c3a9 034400"),
        Some(Data::text("éD"))
    );
    assert_eq!(wbxml_data("6a", "", "c301c3 c301a9"), Some(Data::text("é")));
}

#[test]
fn what_the_command_says_about_form_holds_for_its_items() {
    let octets = hex(
        "02 a401 6a 00 6d 2c 6b 60 5a 0001 47 0362696e00 01 01 0000 54 4f c30143 01 01 01 01 01",
    );
    assert_eq!(
        data_of(&read(Encoding::Wbxml, octets)),
        Some(&Data::binary(&b"C"[..]))
    );
    // The item's own format counts first, wherever it stands.
    let octets = hex("02 a401 6a 00 6d 2c 6b 60 5a 0001 47 0362696e00 01 01 0000
         54 4f c30143 01 5a 0001 47 0363687200 01 01 01 0000 01 01 01");
    assert_eq!(
        data_of(&read(Encoding::Wbxml, octets)),
        Some(&Data::text("C"))
    );
}

#[test]
fn character_sets_are_followed() {
    assert_eq!(wbxml_data("04", "", "03e900"), Some(Data::text("é")));
    assert_eq!(wbxml_data("03", "", "036500"), Some(Data::text("e")));
    assert_eq!(wbxml_data("00", "", "03c3a900"), Some(Data::text("é")));
    // Version 1.0 has none.
    let octets = hex("00 a401 00 6d 2c 6b 60 54 4f 03c3a900 01 01 01 01 01");
    assert_eq!(
        data_of(&read(Encoding::Wbxml, octets)),
        Some(&Data::text("é"))
    );
}

#[test]
fn references_may_point_into_a_string_but_not_into_a_character() {
    let octets = hex("02 a401 6a 05 c3a9626300 6d 2c 6b 60 54 4f 8302 01 01 01 01 01");
    assert_eq!(
        data_of(&read(Encoding::Wbxml, octets)),
        Some(&Data::text("bc"))
    );
    let octets = hex("02 a401 6a 05 c3a9626300 6d 2c 6b 60 54 4f 8301 01 01 01 01 01");
    let error =
        decode(Encoding::Wbxml, &octets, &DecodeOptions::default()).expect_err("half a character");
    assert_eq!(
        error.kind(),
        &DecodeErrorKind::InvalidText { charset: "utf-8" }
    );
}

#[test]
fn processing_instructions_are_passed_over() {
    let octets = hex("02 a401 6a 00 43 05 036100 01 6d 43 05 85 8000 01 2c 6b 12 01 01 43 05 01");
    assert!(read(Encoding::Wbxml, octets).is_final);
}

#[test]
fn large_octets_share_the_buffer_and_small_ones_do_not() {
    let mut octets = hex("02 a401 6a 00 6d 2c 6b 60 54 4f c3 c000").to_vec();
    octets.extend(core::iter::repeat_n(0xFF, 0x2000));
    octets.extend([
        0x01, 0x01, 0x54, 0x4F, 0xC3, 0x01, 0xFF, 0x01, 0x01, 0x01, 0x01, 0x01,
    ]);
    let octets = Bytes::from(octets);
    let message = read(Encoding::Wbxml, octets.clone());
    let within = |data: Option<&Data>| {
        let value = data.and_then(Data::as_bytes).expect("octets");
        octets.as_ptr_range().contains(&value.as_ptr())
    };
    let items = message.commands[0].items();
    assert!(within(items[0].data.as_ref()));
    assert!(!within(items[1].data.as_ref()));
}

#[test]
fn commands_keep_their_place() {
    let octets = hex("02 a401 6a 00 6d 2c 6b 29 05 1f 22 05 24 01 01");
    let message = read(Encoding::Wbxml, octets);
    let names: Vec<_> = message
        .commands
        .iter()
        .map(|command| command.name().to_string())
        .collect();
    assert_eq!(
        names,
        ["Status", "Add", "Put", "Results", "Add", "Sequence"]
    );
    assert!(matches!(message.commands[2], Command::Unsupported(_)));
}

#[test]
fn secrets_in_what_is_kept_whole_stay_out_of_debug() {
    let xml = xml_with("x").replace(
        "<Add>",
        "<Put><Cred><Meta><NextNonce xmlns='syncml:metinf'>tell</NextNonce></Meta><Data>whisper</Data></Cred>\
         <Data>loud</Data></Put><Add>",
    );
    let debug = format!("{:?}", read(Encoding::Xml, xml));
    assert!(debug.contains("loud"));
    assert!(
        !debug.contains("whisper") && !debug.contains("tell"),
        "{debug}"
    );
}

#[test]
fn encodings_are_told_apart_by_their_beginning() {
    assert_eq!(Encoding::detect(b""), None);
    assert_eq!(Encoding::detect(b"{}"), None);
    assert_eq!(Encoding::detect(b" \n<SyncML/>"), Some(Encoding::Xml));
    assert_eq!(Encoding::detect(&[0x03, 0xA4]), Some(Encoding::Wbxml));
    assert_eq!(Encoding::detect(&[0x00]), Some(Encoding::Wbxml));
}
