//! Documents of every type, converted between WBXML and XML.

use bytes::Bytes;
use dm_proto::{
    DecodeErrorKind, Limits,
    codec::{ConvertOptions, DocumentType, WbxmlVersion, wbxml_to_xml, xml_to_wbxml},
};

use crate::hex;

const TNDS: &str = "
    0300006a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e00
    0002607703312e3200016466034100016f5c0b01756103746578742f706c61696e0001010176037800010101";
const TNDS_XML: &str = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName>\
    <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\
    <Value>x</Value></Node></MgmtTree>";

const PROVISIONING: &str = "
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
