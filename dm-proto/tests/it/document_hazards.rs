//! Conversion of documents inside messages: what hostile and careless senders put into `Data`.

use bytes::Bytes;
use dm_proto::codec::{ConvertOptions, wbxml_to_xml, xml_to_wbxml};

use crate::hex;

fn to_xml(octets: &Bytes) -> String {
    match wbxml_to_xml(octets, &ConvertOptions::default()) {
        Ok(done) => String::from_utf8(done.octets.to_vec()).expect("xml is text"),
        Err(error) => panic!("{error}"),
    }
}

fn to_wbxml(xml: &str) -> Bytes {
    match xml_to_wbxml(
        &Bytes::copy_from_slice(xml.as_bytes()),
        &ConvertOptions::default(),
    ) {
        Ok(done) => done.octets,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn elements_in_data_stay_elements_where_no_type_names_their_document() {
    let tnds = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree>";
    let xml = format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD></SyncHdr><SyncBody><Add>\
         <CmdID>1</CmdID><Item><Meta><Type xmlns=\"syncml:metinf\">text/plain</Type></Meta>\
         <Data>{tnds}</Data></Item></Add></SyncBody></SyncML>"
    );
    let wbxml = to_wbxml(&xml);
    assert_eq!(to_xml(&wbxml), xml);
}

#[test]
fn octets_are_base64_in_xml_also_where_they_would_be_text() {
    // Format bin; Type that ends in wbxml, which is no document.
    for meta in ["47 0362696e0001", "53 03612b7762786d6c0001"] {
        let octets = hex(&format!(
            "03a4016a006d6c7103312e320001016b454b0331000154 5a 0001 {meta} 01 0000 4fc303616263 01 01 01 01 01"
        ));
        let xml = to_xml(&octets);
        assert!(xml.contains(">b64</Format>"), "{xml}");
        assert!(xml.contains("<Data>YWJj</Data>"), "{xml}");
    }
}

#[test]
fn a_document_in_a_document_is_entered_once() {
    // A message in the Data of a message, a thousand deep, each under a Type that says so.
    let type_ = "5a 0001 53 03 6170706c69636174696f6e2f766e642e73796e636d6c2e646d2b7762786d6c 00 01 01 0000";
    let mut inner = hex("02 a403 6a 00 0a");
    for _ in 0..1000 {
        let length = u32::try_from(inner.len()).expect("small");
        let lengths = [14, 7, 0].map(|shift| (length >> shift & 0x7F) as u8);
        let opaque = [0xC3, 0x80 | lengths[0], 0x80 | lengths[1], lengths[2]];
        inner = [
            &hex("02 a401 6a 00 6d 2c 6b 45 54")[..],
            &hex(type_),
            &[0x4F],
            &opaque,
            &inner,
            &[0x01; 5],
        ]
        .concat()
        .into();
    }
    let xml = to_xml(&inner);
    assert_eq!(xml.matches("<SyncML ").count(), 1);
    assert!(xml.contains(">b64</Format>"), "octets are Base64");
}
