//! Documents of every type, converted between WBXML and XML.

use bytes::Bytes;
use dm_proto::{
    DecodeErrorKind, Limits,
    codec::{
        ConvertOptions, Converted, DocumentType, Encoding, Mode, ToleranceKind, WbxmlVersion,
        wbxml_to_xml, xml_to_wbxml,
    },
};

use crate::hex;

pub(crate) const TNDS: &str = "
    0300006a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e00
    0002607703312e3200016466034100016f5c0b01756103746578742f706c61696e0001010176037800010101";
const TNDS_XML: &str = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName>\
    <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\
    <Value>x</Value></Node></MgmtTree>";

pub(crate) const PROVISIONING: &str = "
    030b6a00c54503312e310001c600015501873600000603773700018700013800000603737276310001c600015601873400000603
    687474703a2f2f732f646d000101c600015701873000000600018d018733000006000193018731000006037500018700013200000603
    700001010101";
const PROVISIONING_XML: &str = "<wap-provisioningdoc version=\"1.1\"><characteristic type=\"APPLICATION\">\
    <parm name=\"APPID\" value=\"w7\"/><parm name=\"PROVIDER-ID\" value=\"srv1\"/>\
    <characteristic type=\"APPADDR\"><parm name=\"ADDR\" value=\"http://s/dm\"/></characteristic>\
    <characteristic type=\"APPAUTH\"><parm name=\"AAUTHLEVEL\" value=\"APPSRV\"/>\
    <parm name=\"AAUTHTYPE\" value=\"DIGEST\"/><parm name=\"AAUTHNAME\" value=\"u\"/>\
    <parm name=\"AAUTHSECRET\" value=\"p\"/></characteristic></characteristic></wap-provisioningdoc>";

fn options() -> ConvertOptions {
    ConvertOptions::default().with_version(WbxmlVersion::V1_3)
}

fn to_xml(octets: &Bytes, options: &ConvertOptions) -> String {
    match wbxml_to_xml(octets, options) {
        Ok(done) => String::from_utf8(done.octets.to_vec()).expect("xml is text"),
        Err(error) => panic!("{error}"),
    }
}

fn to_wbxml(xml: &str) -> Bytes {
    match xml_to_wbxml(&Bytes::copy_from_slice(xml.as_bytes()), &options()) {
        Ok(done) => done.octets,
        Err(error) => panic!("{error}"),
    }
}

fn refused(octets: &str, options: &ConvertOptions) -> DecodeErrorKind {
    let error = wbxml_to_xml(&hex(octets), options).expect_err("it is broken");
    assert!(error.offset() <= hex(octets).len());
    error.kind().clone()
}

#[test]
fn a_tnds_document_converts_to_the_octet_both_ways() {
    assert_eq!(to_xml(&hex(TNDS), &options()), TNDS_XML);
    assert_eq!(to_wbxml(TNDS_XML), hex(TNDS));
}

#[test]
fn a_provisioning_document_converts_to_the_octet_both_ways() {
    assert_eq!(hex(PROVISIONING).len(), 112);
    assert_eq!(to_xml(&hex(PROVISIONING), &options()), PROVISIONING_XML);
    assert_eq!(to_wbxml(PROVISIONING_XML), hex(PROVISIONING));
}

#[test]
fn the_version_of_devinf_gives_its_public_identifier_and_the_name_of_its_size() {
    for (version, id, size) in [
        ("1.0", "9f52", "Size"),
        ("1.1", "9f54", "Size"),
        ("1.2", "a403", "MaxSize"),
    ] {
        let xml = format!(
            "<DevInf xmlns=\"syncml:devinf\"><VerDTD>{version}</VerDTD><{size}>9</{size}></DevInf>"
        );
        let wbxml = to_wbxml(&xml);
        assert_eq!(wbxml[1..3], hex(id)[..], "{version}");
        assert_eq!(to_xml(&wbxml, &options()), xml);
    }
}

#[test]
fn an_unknown_public_identifier_takes_the_hint_of_the_caller() {
    let octets = "03 01 6a 00 47 46 03 78 00 01 01";
    assert_eq!(
        refused(octets, &options()),
        DecodeErrorKind::UnknownDocument
    );
    let hinted = options().with_document(DocumentType::DevInf);
    assert_eq!(
        to_xml(&hex(octets), &hinted),
        "<DataStore xmlns=\"syncml:devinf\"><CTType>x</CTType></DataStore>"
    );
}

fn message(type_: &str, data: &str) -> String {
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD></SyncHdr><SyncBody><Add><CmdID>1</CmdID>\
         <Item><Meta><Format xmlns=\"syncml:metinf\">xml</Format><Type xmlns=\"syncml:metinf\">{type_}</Type></Meta>\
         <Data>{data}</Data></Item></Add></SyncBody></SyncML>"
    )
}

#[test]
fn a_document_in_data_is_opaque_in_wbxml_and_elements_in_xml() {
    let xml = message("application/vnd.syncml.dmtnds+xml", TNDS_XML);
    let wbxml = to_wbxml(&xml);
    let inner = hex(TNDS);
    assert!(wbxml.windows(inner.len()).any(|octets| octets == inner));
    assert!(wbxml.windows(13).any(|octets| octets == b"dmtnds+wbxml\0"));
    assert_eq!(to_xml(&wbxml, &options()), xml);
}

#[test]
fn elements_in_data_stay_elements_where_no_type_names_their_document() {
    let tnds = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree>";
    let xml = message("text/plain", tnds);
    let wbxml = to_wbxml(&xml);
    assert_eq!(to_xml(&wbxml, &options()), xml);
}

#[test]
fn octets_are_base64_in_xml_also_where_they_would_be_text() {
    // Format bin; Type that ends in wbxml, which is no document.
    for meta in ["47 0362696e0001", "53 03612b7762786d6c0001"] {
        let octets = hex(&format!(
            "03a4016a006d6c7103312e320001016b454b0331000154 5a 0001 {meta} 01 0000 4fc303616263 01 01 01 01 01"
        ));
        let xml = to_xml(&octets, &options());
        assert!(xml.contains(">b64</Format>"), "{xml}");
        assert!(xml.contains("<Data>YWJj</Data>"), "{xml}");
    }
}

#[test]
fn the_version_of_a_document_in_data_is_not_that_of_the_message() {
    let xml = "<SyncML xmlns=\"SYNCML:SYNCML1.1\"><SyncHdr><VerDTD>1.1</VerDTD></SyncHdr><SyncBody><Add><Item>\
        <Data><MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree></Data></Item></Add></SyncBody></SyncML>";
    let xml = Bytes::copy_from_slice(xml.as_bytes());
    for embedded in [true, false] {
        let options = options().with_embedded(embedded);
        let done = xml_to_wbxml(&xml, &options).expect("it converts");
        // The public identifier of SyncML 1.1, 0x0FD3.
        assert_eq!(
            done.octets.get(..3),
            Some(&[0x03, 0x9F, 0x53][..]),
            "{embedded}"
        );
    }
}

#[test]
fn octets_in_data_are_base64_in_xml_with_the_format_that_says_so() {
    let head = "03a4016a006d6c7103312e320001016b454b0331000154";
    let with = |meta: &str| {
        to_xml(
            &hex(&format!("{head}{meta}4fc30300ff01 01 01 01 01 01")),
            &options(),
        )
    };
    let format = "<Format xmlns=\"syncml:metinf\">b64</Format>";
    for meta in [
        "",                                // no Meta
        "5a 0001 47 0362696e0001 01 0000", // Format bin
    ] {
        assert!(
            with(meta).contains(&format!(
                "<Item><Meta>{format}</Meta><Data>AP8B</Data></Item>"
            )),
            "{}",
            with(meta)
        );
    }
    assert!(with("5a 0001 52 033300 01 01 0000").contains(&format!("<Meta>{format}<Size ")));
}

#[test]
fn what_xml_cannot_hold_outside_data_is_refused() {
    assert_eq!(
        refused("03a4016a006d6c71030100010101", &options()),
        DecodeErrorKind::NotRepresentable
    );
}

#[test]
fn broken_documents_are_refused_with_what_is_wrong() {
    use DecodeErrorKind::{
        InvalidCharacter, LengthPastEnd, TableOffset, UnexpectedEnd, UnexpectedToken, UnmatchedEnd,
    };
    for (octets, kind) in [
        ("", UnexpectedEnd),
        ("030b6a00c54503312e31", UnexpectedEnd),
        ("030b6a00", UnexpectedEnd),
        ("030b6a0001", UnmatchedEnd),
        ("030b6a0085 8501", UnexpectedToken { token: 0x85 }),
        ("030b6a0045 0200 01", InvalidCharacter { value: 0 }),
        (
            "030b6a0045 8300 01",
            TableOffset {
                offset: 0,
                length: 0,
            },
        ),
        ("030b6a0045 c305 01", LengthPastEnd { length: 5, left: 1 }),
        ("030b6a05 00", LengthPastEnd { length: 5, left: 1 }),
    ] {
        assert_eq!(refused(octets, &options()), kind, "{octets}");
    }
}

#[test]
fn depth_and_amplification_have_limits() {
    let mut deep = hex("030b6a00").to_vec();
    deep.resize(100_000, 0x46);
    let error = wbxml_to_xml(&deep.into(), &options()).expect_err("too deep");
    assert_eq!(*error.kind(), DecodeErrorKind::TooDeep { limit: 32 });

    let mut octets = hex("03a4016a 8768").to_vec();
    octets.extend([b'a'; 1000]);
    octets.push(0x6D);
    for _ in 0..10_000 {
        octets.extend([0x4F, 0x83, 0x00, 0x01]);
    }
    octets.push(0x01);
    let limit = 1 << 20;
    let options = options().with_limits(Limits::default().with_memory(limit));
    let error = wbxml_to_xml(&octets.into(), &options).expect_err("too much");
    assert_eq!(*error.kind(), DecodeErrorKind::TooMuchMemory { limit });
}

/// Both ways, and the XML again.
fn there_and_back(xml: &str, options: &ConvertOptions) -> (Bytes, String) {
    let wbxml = match xml_to_wbxml(&Bytes::copy_from_slice(xml.as_bytes()), options) {
        Ok(done) => done.octets,
        Err(error) => panic!("{error}"),
    };
    let back = to_xml(&wbxml, options);
    (wbxml, back)
}

#[test]
fn each_version_of_syncml_has_its_namespace_and_public_identifier() {
    for (version, id) in [("1.0", "9f51"), ("1.1", "9f53"), ("1.2", "a401")] {
        let xml = format!(
            "<SyncML xmlns=\"SYNCML:SYNCML{version}\"><SyncHdr><VerDTD>{version}</VerDTD></SyncHdr>\
             <SyncBody><Final/></SyncBody></SyncML>"
        );
        let (wbxml, back) = there_and_back(&xml, &options());
        assert_eq!(wbxml[1..3], hex(id)[..], "{version}");
        assert_eq!(back, xml);
        // The version that the document says counts more than the identifier.
        let mut other = wbxml.to_vec();
        other[1..3].copy_from_slice(&hex("9f53"));
        assert_eq!(to_xml(&other.into(), &options()), xml);
    }
}

#[test]
fn metinf_is_a_document_of_its_own() {
    let xml = "<MetInf xmlns=\"syncml:metinf\"><Type>x</Type><EMI>e</EMI></MetInf>";
    let octets = "03a4026a0000014e53037800014603650001 01";
    assert_eq!(there_and_back(xml, &options()), (hex(octets), xml.into()));
    // By name, and on page 0.
    let name = "-//SYNCML//DTD MetInf 1.1//EN";
    let mut named = vec![3, 0, 0, 0x6A, name.len() as u8];
    named.extend(name.bytes());
    named.extend(&hex("4e530378000101")[..]);
    assert_eq!(
        to_xml(&named.into(), &options()),
        "<MetInf xmlns=\"syncml:metinf\"><Type>x</Type></MetInf>"
    );
}

#[test]
fn public_identifiers_stand_anywhere_in_the_string_table_with_or_without_an_end() {
    let name = b"-//OMA//DTD-DM-DDF 1.2//EN";
    let body = hex("0002607703312e32000101");
    for (before, after) in [(&b""[..], &b"\0"[..]), (b"xy\0", b"\0z\0"), (b"ab\0", b"")] {
        let table = [before, name, after].concat();
        let mut octets = vec![3, 0, before.len() as u8, 0x6A, table.len() as u8];
        octets.extend(&table);
        octets.extend(&body[..]);
        assert_eq!(
            to_xml(&octets.into(), &options()),
            "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree>"
        );
    }
}

#[test]
fn wbxml_1_0_has_no_charset_and_charset_0_is_utf_8() {
    for head in ["00 0b 00", "01 0b 00 00", "03 0b 6a 00"] {
        let octets = hex(&format!("{head} c5 45 03 c3a9 00 01 01"));
        assert_eq!(
            to_xml(&octets, &options()),
            "<wap-provisioningdoc version=\"é\"/>"
        );
    }
    let latin_1 = hex("03 0b 04 00 c5 45 03 e9 00 01 01");
    assert_eq!(
        to_xml(&latin_1, &options()),
        "<wap-provisioningdoc version=\"é\"/>"
    );
    assert_eq!(
        refused("03 0b 03 00 c5 45 03 e9 00 01 01", &options()),
        DecodeErrorKind::InvalidText {
            charset: "us-ascii"
        }
    );
    assert_eq!(
        refused("03 0b 8377 00 c5 45", &options()),
        DecodeErrorKind::UnsupportedCharset { mib: 503 }
    );
}

#[test]
fn every_attribute_token_of_provisioning_converts_both_ways() {
    // All starts of both pages, each with a value of both pages where it has none of its own.
    for page in [0_u8, 1] {
        for token in (0x05..=0x3F_u8).chain(0x45..=0x7F) {
            let mut octets = hex("03 0b 6a 00 85").to_vec();
            octets.extend([0, page, token, 0x03, b'v', 0, 0x01]);
            let octets = Bytes::from(octets);
            let done = wbxml_to_xml(&octets, &options()).expect("it converts");
            let again = xml_to_wbxml(&done.octets, &options()).expect("it converts back");
            let read = wbxml_to_xml(&again.octets, &options()).expect("it is read");
            assert_eq!(read.octets, done.octets, "{page} {token:02X}");
        }
    }
    let octets = hex("03 0b 6a 00 87 05 0001 91 92 01");
    assert_eq!(to_xml(&octets, &options()), "<parm name=\"HTTP-BASIC\"/>");
    let octets = hex("03 0b 6a 00 87 4e 0001 e0 01");
    assert_eq!(
        to_xml(&octets, &options()),
        "<parm name=\"AUTH-ENTITYAAA\"/>"
    );
}

#[test]
fn tokens_that_the_tables_do_not_have_convert_to_names_and_back() {
    for octets in [
        // An element, with content, on another page.
        "03 0b 6a 00 45 00 05 7e 03 7800 01 01",
        // An attribute start.
        "03 0b 6a 00 85 7d 03 7800 01",
        // An attribute value between text.
        "03 0b 6a 00 85 45 03 6100 97 03 6200 01",
        // The same on another page, alone.
        "03 0b 6a 00 85 45 0007 c5 01",
        "02 a401 6a 00 6d 6c 3e 01 01",
    ] {
        let done = wbxml_to_xml(&hex(octets), &options()).expect("it converts");
        assert!(
            matches!(done.tolerances[..], [ref one] if matches!(one.kind, ToleranceKind::UnknownToken { .. })),
            "{octets}: {:?}",
            done.tolerances
        );
        let version = if octets.starts_with("02") {
            WbxmlVersion::V1_2
        } else {
            WbxmlVersion::V1_3
        };
        let back = xml_to_wbxml(&done.octets, &options().with_version(version));
        assert_eq!(
            back.expect("it converts back").octets,
            hex(octets),
            "{done:?}"
        );

        let strict = options().with_mode(Mode::Strict);
        let error = wbxml_to_xml(&hex(octets), &strict).expect_err("strict");
        assert!(
            matches!(
                error.kind(),
                DecodeErrorKind::Strict(ToleranceKind::UnknownToken { .. })
            ),
            "{error}"
        );
    }
}

#[test]
fn what_breaks_the_letter_is_listed_and_refused_if_strict() {
    let wbxml: &[(&str, ToleranceKind, usize)] = &[
        (
            "040b6a00 05",
            ToleranceKind::UnknownVersion { version: 4 },
            0,
        ),
        (
            "030b6a00 05 00",
            ToleranceKind::TrailingBytes { count: 1 },
            5,
        ),
        (
            "030b6a00 45 c0 01",
            ToleranceKind::ExtensionToken { token: 0xC0 },
            5,
        ),
        // Page 1 is still active at the Item.
        (
            "03a4016a00 6d 6b 60 5a 0001 53 037800 01 01 14 01 01 01",
            ToleranceKind::LeftoverPage,
            17,
        ),
        (
            "03a4016a00 6d 6c 71 c303312e32 01 01 01",
            ToleranceKind::OpaqueString { element: "VerDTD" },
            8,
        ),
    ];
    for (octets, kind, offset) in wbxml {
        let done = wbxml_to_xml(&hex(octets), &options()).expect("it converts");
        let listed: Vec<_> = done
            .tolerances
            .iter()
            .map(|one| (&one.kind, one.offset))
            .collect();
        assert_eq!(listed, [(kind, *offset)], "{octets}");
        let strict = options().with_mode(Mode::Strict);
        let error = wbxml_to_xml(&hex(octets), &strict).expect_err("strict");
        assert_eq!(
            *error.kind(),
            DecodeErrorKind::Strict(kind.clone()),
            "{octets}"
        );
    }
    for (xml, kind, offset) in [
        ("<SyncML/>", ToleranceKind::MissingNamespace, 0),
        ("<MgmtTree/>", ToleranceKind::MissingNamespace, 0),
        (
            "<wap-provisioningdoc/>x",
            ToleranceKind::TrailingBytes { count: 1 },
            22,
        ),
        (
            "<wap-provisioningdoc><a:b/></wap-provisioningdoc>",
            ToleranceKind::UndeclaredPrefix { prefix: "a".into() },
            21,
        ),
    ] {
        let xml = Bytes::copy_from_slice(xml.as_bytes());
        let done = xml_to_wbxml(&xml, &options()).expect("it converts");
        let listed: Vec<_> = done
            .tolerances
            .iter()
            .map(|one| (&one.kind, one.offset))
            .collect();
        assert_eq!(listed, [(&kind, offset)], "{xml:?}");
        let strict = options().with_mode(Mode::Strict);
        let error = xml_to_wbxml(&xml, &strict).expect_err("strict");
        assert_eq!(*error.kind(), DecodeErrorKind::Strict(kind), "{xml:?}");
    }
    for xml in [PROVISIONING_XML, TNDS_XML] {
        let strict = options().with_mode(Mode::Strict);
        assert_eq!(there_and_back(xml, &strict).1, xml);
    }
}

/// A command with one Type for items that hold these data.
fn shared(type_: &str, items: &[&str]) -> String {
    let items: String = items
        .iter()
        .map(|data| format!("<Item>{data}</Item>"))
        .collect();
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD></SyncHdr><SyncBody><Add><CmdID>1</CmdID>\
         <Meta><Format xmlns=\"syncml:metinf\">xml</Format><Type xmlns=\"syncml:metinf\">{type_}</Type></Meta>\
         {items}</Add></SyncBody></SyncML>"
    )
}

#[test]
fn a_type_for_all_items_changes_only_if_all_of_them_are_documents() {
    let xml_type = "application/vnd.syncml.dmtnds+xml";
    let document = format!("<Data>{TNDS_XML}</Data>");
    let both = shared(xml_type, &[&document, &document]);
    assert_eq!(there_and_back(&both, &options()).1, both);

    // One is a document and the other is not: the document gets a Meta of its own.
    let mixed = shared(xml_type, &[&document, "<Data>text</Data>"]);
    let (wbxml, back) = there_and_back(&mixed, &options());
    let own = format!(
        "<Meta><Format xmlns=\"syncml:metinf\">xml</Format>\
         <Type xmlns=\"syncml:metinf\">{xml_type}</Type></Meta>{document}"
    );
    let expected = shared(xml_type, &[&own, "<Data>text</Data>"]);
    assert_eq!(back, expected);
    let inside = |name: &[u8]| wbxml.windows(name.len()).any(|octets| octets == name);
    assert!(inside(b"dmtnds+wbxml\0") && inside(b"dmtnds+xml\0"));

    // The other way, and with a Meta in the item already.
    let head = "03a4016a00 6d 6c 71 03312e3200 01 01 6b 45 4b 033100 01 \
                5a 0001 53 03 6170706c69636174696f6e2f766e642e73796e636d6c2e646d746e64732b7762786d6c00 01 01";
    let opaque = |octets: &[u8]| {
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("c3{:02x}{digits}", octets.len())
    };
    let inner = opaque(&hex(TNDS));
    let octets = format!(
        "{head} 0000 54 5a 0001 47 03 62696e 00 01 01 0000 4f {inner} 01 01 \
         54 4f {} 01 01 01 01 01",
        opaque(&[0xFF])
    );
    let xml = to_xml(&hex(&octets), &options());
    let wbxml_type = "application/vnd.syncml.dmtnds+wbxml";
    assert!(
        xml.contains(&format!(
            "<CmdID>1</CmdID><Meta><Type xmlns=\"syncml:metinf\">{wbxml_type}</Type></Meta>\
             <Item><Meta><Format xmlns=\"syncml:metinf\">bin</Format>\
             <Type xmlns=\"syncml:metinf\">{xml_type}</Type></Meta>{document}</Item>\
             <Item><Meta><Format xmlns=\"syncml:metinf\">b64</Format>\
             <Type xmlns=\"syncml:metinf\">{wbxml_type}</Type></Meta><Data>/w==</Data></Item>"
        )),
        "{xml}"
    );
}

#[test]
fn a_document_in_data_without_a_type_gets_one() {
    let xml = message("x", TNDS_XML).replace(
        "<Meta><Format xmlns=\"syncml:metinf\">xml</Format><Type xmlns=\"syncml:metinf\">x</Type></Meta>",
        "",
    );
    let typed = xml.replace(
        "<Item>",
        "<Item><Meta><Type xmlns=\"syncml:metinf\">application/vnd.syncml.dmtnds+xml</Type></Meta>",
    );
    let (wbxml, back) = there_and_back(&xml, &options());
    assert_eq!(back, typed);
    assert_eq!(there_and_back(&typed, &options()), (wbxml, typed));

    // Under another Type, elements stay elements: those of code page 2.
    let other = message("text/plain", TNDS_XML);
    assert_eq!(there_and_back(&other, &options()).1, other);
}

#[test]
fn elements_of_ddf_in_data_are_those_of_page_2_if_documents_are_not_converted() {
    let options = options().with_embedded(false);
    let xml = message("application/vnd.syncml.dmtnds+xml", TNDS_XML);
    let (wbxml, back) = there_and_back(&xml, &options);
    assert_eq!(back, xml);
    // Data, page 2, MgmtTree; and no string table.
    let inline = hex("4f 0002 60 77 03312e3200");
    assert!(wbxml.windows(inline.len()).any(|octets| octets == inline));
    assert_eq!(wbxml[4], 0);
    let devinf = message(
        "application/vnd.syncml-devinf+xml",
        "<DevInf xmlns=\"syncml:devinf\"><VerDTD>1.2</VerDTD></DevInf>",
    );
    assert_eq!(there_and_back(&devinf, &options).1, devinf);
    assert_eq!(there_and_back(&devinf, &self::options()).1, devinf);
}

/// A message with opaque octets under a Type.
fn with_opaque(type_: &str, octets: &[u8]) -> Bytes {
    let mut message = hex("03a4016a00 6d 6b 45 54 5a 0001 53 03").to_vec();
    message.extend(type_.bytes());
    message.extend(&hex("00 01 01 0000 4f c3")[..]);
    message.push(octets.len() as u8);
    message.extend(octets);
    message.extend([1; 5]);
    message.into()
}

#[test]
fn a_document_that_cannot_be_read_stays_octets_and_is_listed() {
    for (inner, offset, reason) in [
        (
            hex("030b6a00 45 7e"),
            44,
            "the type of the document is not known",
        ),
        (
            hex("0300006a00"),
            44,
            "offset 0 in a string table of 0 octets",
        ),
        (hex(&TNDS[..TNDS.len() - 2]), 44, "unexpected end of input"),
    ] {
        let message = with_opaque("application/x-tnds+wbxml", &inner);
        let done = wbxml_to_xml(&message, &options()).expect("it converts");
        let xml = String::from_utf8(done.octets.to_vec()).expect("text");
        assert!(xml.contains("b64</Format><Type"), "{xml}");
        assert!(xml.contains("x-tnds+wbxml</Type>"), "{xml}");
        assert_eq!(done.tolerances.len(), 1, "{xml}");
        let listed = &done.tolerances[0];
        assert_eq!(
            listed.to_string(),
            format!("byte {offset}: an unreadable document in Data: {reason}"),
        );
        let strict = options().with_mode(Mode::Strict);
        let refused = wbxml_to_xml(&message, &strict).map_err(|error| error.kind().clone());
        assert!(
            matches!(
                refused,
                Err(DecodeErrorKind::Strict(
                    ToleranceKind::UnreadableDocument { .. }
                ))
            ),
            "{refused:?}"
        );
    }
    // What is odd inside is listed with its place in the whole.
    let mut odd = hex(TNDS).to_vec();
    odd.push(0);
    let message = with_opaque("a+wbxml", &odd);
    let done = wbxml_to_xml(&message, &options()).expect("it converts");
    let listed = &done.tolerances[..];
    assert!(
        matches!(listed, [one] if one.kind == ToleranceKind::TrailingBytes { count: 1 }
            && one.offset == message.len() - 6),
        "{listed:?}"
    );
}

#[test]
fn octets_in_pieces_become_one_base64() {
    let data = |content: &str| {
        to_xml(
            &hex(&format!(
                "03a4016a026162 6d 6b 45 54 4f {content} 01 01 01 01 01"
            )),
            &options(),
        )
    };
    // Text, a reference into the table, a character, and octets that are no text.
    let xml = data("03 7800 8300 02 2d c302ff00 03 7900 c3017a");
    let expected = "eGFiLf8AeXo=";
    assert!(
        xml.contains(&format!("b64</Format></Meta><Data>{expected}</Data>")),
        "{xml}"
    );
    // The same if all of it is one string with a character that XML does not have.
    assert!(data("03 610100").contains("<Data>YQE=</Data>"));
    assert_eq!(
        refused(
            "03a4016a00 6d 6b 45 54 4f 0a c301ff 01 01 01 01 01",
            &options()
        ),
        DecodeErrorKind::NotRepresentable
    );
    // Format bin: text or not.
    let bin = "03a4016a00 6d 6b 45 54 5a 0001 47 03 62696e00 01 01 0000 4f c30161 01 01 01 01 01";
    let xml = to_xml(&hex(bin), &options());
    assert!(
        xml.contains("b64</Format></Meta><Data>YQ==</Data>"),
        "{xml}"
    );
}

#[test]
fn values_of_format_bin_are_base64_in_xml_and_opaque_in_wbxml() {
    let xml = TNDS_XML
        .replace("<chr/>", "<bin/>")
        .replace("<Value>x</Value>", "<Value>AP8B</Value>");
    let (wbxml, back) = there_and_back(&xml, &options());
    assert_eq!(back, xml);
    let value = hex("76 c3 03 00ff01 01");
    assert!(wbxml.windows(value.len()).any(|octets| octets == value));
    // The format of one node is not that of the next.
    let two = xml.replace(
        "</MgmtTree>",
        "<Node><NodeName>B</NodeName><Value>AP8B</Value></Node></MgmtTree>",
    );
    let (wbxml, back) = there_and_back(&two, &options());
    assert_eq!(back, two);
    assert!(wbxml.windows(6).any(|octets| octets == b"\x03AP8B\0"));
    // Text that is no Base64 stays.
    let odd = xml.replace("AP8B", "A");
    assert_eq!(there_and_back(&odd, &options()).1, odd);
}

#[test]
fn attributes_of_namespaces_survive_both_ways() {
    for xml in [
        "<MgmtTree xmlns=\"syncml:dmddf1.2\" xml:lang=\"en\"><VerDTD>1.2</VerDTD></MgmtTree>",
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><Node xmlns:n1=\"urn:x\" a=\"&lt;&quot;\" n1:b=\"&#9;\"/></MgmtTree>",
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><a xmlns=\"urn:x\"><b/></a><c xmlns=\"\"/></MgmtTree>",
    ] {
        let back = there_and_back(xml, &options()).1;
        let again = there_and_back(&back, &options()).1;
        assert_eq!(again, back);
        assert_eq!(back.matches("urn:x").count(), xml.matches("urn:x").count());
        assert_eq!(back.contains("xml:lang"), xml.contains("xml:lang"));
    }
    let nested = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><a xmlns=\"urn:x\"><b/></a></MgmtTree>";
    assert_eq!(there_and_back(nested, &options()).1, nested);
}

#[test]
fn white_space_is_text_in_a_leaf_and_nothing_between_elements() {
    let xml = "<MgmtTree xmlns=\"syncml:dmddf1.2\">\n <Node> <NodeName> </NodeName>\n\
               <Value> &#32;<![CDATA[ x]]>&amp; </Value>\t</Node></MgmtTree> \n";
    assert_eq!(
        there_and_back(xml, &options()).1,
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><Node><NodeName> </NodeName>\
         <Value>   x&amp; </Value></Node></MgmtTree>"
    );
}

#[test]
fn the_type_of_a_document_is_told_by_identifier_or_root() {
    for (xml, document) in [
        ("<SyncML/>", Some(DocumentType::SyncMl)),
        (
            "<?xml version='1.0'?><!-- x --><MgmtTree xmlns='syncml:dmddf1.2'",
            None,
        ),
        (
            "<m:MgmtTree xmlns:m='syncml:dmddf1.2'>",
            Some(DocumentType::DmDdf),
        ),
        ("<wap-provisioningdoc>", Some(DocumentType::Provisioning)),
        ("<DevInf xmlns='syncml:devinf'>", Some(DocumentType::DevInf)),
        ("<DevInf xmlns='urn:other'>", None),
        ("<html/>", None),
        ("", None),
    ] {
        assert_eq!(
            DocumentType::detect(Encoding::Xml, xml.as_bytes()),
            document,
            "{xml}"
        );
    }
    for (octets, document) in [
        ("02a4016a00", Some(DocumentType::SyncMl)),
        ("030b6a00", Some(DocumentType::Provisioning)),
        (TNDS, Some(DocumentType::DmDdf)),
        // Unknown identifiers: the root tells.
        ("03016a00 6d", Some(DocumentType::SyncMl)),
        ("03016a00 0002 60", Some(DocumentType::DmDdf)),
        ("03016a00 4a", Some(DocumentType::DevInf)),
        ("03016a00 c5", Some(DocumentType::Provisioning)),
        ("03016a00 47", None),
        ("03016a00", None),
        ("", None),
    ] {
        let octets = hex(octets);
        assert_eq!(
            DocumentType::detect(Encoding::Wbxml, &octets),
            document,
            "{octets:?}"
        );
    }
}

#[test]
fn the_output_never_exceeds_the_limit() {
    let convert = |xml: &str, memory: usize| -> Result<Converted, _> {
        let options = options().with_limits(Limits::default().with_memory(memory));
        xml_to_wbxml(&Bytes::copy_from_slice(xml.as_bytes()), &options)
    };
    let xml = message("application/vnd.syncml.dmtnds+xml", TNDS_XML);
    let wbxml = to_wbxml(&xml);
    for memory in 0..wbxml.len() + 400 {
        if let Ok(done) = convert(&xml, memory) {
            assert!(done.octets.len() <= memory);
        }
        let options = options().with_limits(Limits::default().with_memory(memory));
        if let Ok(done) = wbxml_to_xml(&wbxml, &options) {
            assert!(done.octets.len() <= memory);
        }
    }
    assert!(convert(&xml, wbxml.len() + 1024).is_ok());
}
