//! Vectors of the binary encoding, which an independent decoder reads as stated.

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::{
    AlertCode, Data, StatusCode,
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Command, Item, Meta, Results, SyncMl},
};

use crate::hex;

fn read(octets: &Bytes) -> SyncMl {
    match decode(Encoding::Wbxml, octets, &DecodeOptions::default()) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{error}"),
    }
}

/// A package 1: `SyncHdr`, an `Alert` 1201, `Final`.
const V1: &str = "
    02a4016a006d6c7103312e3200017203444d2f312e32000165033100015b033100016e5703687474703a2f2f73000101
    675703494d45493a310001015a00014c03343039360001010100006b464b033100014f0331323031000101120101";

fn package_1() -> SyncMl {
    let mut message = SyncMl {
        commands: vec![Command::Alert(Alert {
            cmd_id: "1".into(),
            code: Some(AlertCode::CLIENT_INITIATED_MGMT),
            ..Alert::default()
        })],
        is_final: true,
        ..SyncMl::default()
    };
    let header = &mut message.header;
    header.ver_dtd = "1.2".into();
    header.ver_proto = "DM/1.2".into();
    header.session_id = "1".into();
    header.msg_id = "1".into();
    header.target = "http://s".into();
    header.source = "IMEI:1".into();
    header.meta = Some(Arc::new(Meta {
        max_msg_size: Some(4096),
        ..Meta::default()
    }));
    message
}

#[test]
fn a_package_1_is_read_and_written_to_the_octet() {
    let octets = hex(V1);
    assert_eq!(octets.len(), 94);
    assert_eq!(read(&octets), package_1());
    assert_eq!(encode(Encoding::Wbxml, &package_1()).as_ref(), Ok(&octets));
}

#[test]
fn wbxml_1_3_reads_the_same() {
    let mut octets = hex(V1).to_vec();
    octets[0] = 0x03;
    assert_eq!(read(&octets.into()), package_1());
}

#[test]
fn a_textual_public_identifier_may_lack_its_nul() {
    let body = hex(V1).slice(5..);
    for (length, fpi) in [
        (0x1E, "-//SYNCML//DTD SyncML 1.2//EN\0"),
        (0x1D, "-//SYNCML//DTD SyncML 1.2//EN"),
    ] {
        let mut octets = vec![0x02, 0x00, 0x00, 0x6A, length];
        octets.extend_from_slice(fpi.as_bytes());
        octets.extend_from_slice(&body);
        assert_eq!(read(&octets.into()), package_1());
    }
}

#[test]
fn a_string_may_come_from_the_table() {
    let octets = hex("
        03a4016a07444d2f312e32006d6c7103312e3200017283000165033100015b033100016e5703687474703a2f2f7300010167
        5703494d45493a310001015a00014c03343039360001010100006b464b033100014f0331323031000101120101");
    assert_eq!(read(&octets), package_1());
}

#[test]
fn the_public_identifier_of_syncml_1_1_is_accepted() {
    let mut octets = vec![0x02, 0x9F, 0x53];
    octets.extend_from_slice(&hex(V1)[3..]);
    assert_eq!(read(&octets.into()), package_1());
}

#[test]
fn binary_results_keep_their_octets() {
    let octets = hex("
        03a4016a006d6c7103312e3200017203444d2f312e32000165033100015b033200016e5703687474703a2f2f73000101675703494d
        45493a31000101016b694b033100015c033100014c033200014a0347657400014f03323030000101624b033200015c033100014c03
        320001546757032e2f412f420001015a0001470362696e000153036170706c69636174696f6e2f6f637465742d73747265616d0001
        0100004fc304000102ff010101120101");
    assert_eq!(octets.len(), 175);
    let message = read(&octets);
    let [Command::Status(status), Command::Results(results)] = &message.commands[..] else {
        panic!("{:?}", message.commands);
    };
    assert_eq!(status.data, StatusCode::OK);
    assert_eq!(status.cmd.as_str(), "Get");
    assert_eq!(
        results,
        &Results {
            cmd_id: "2".into(),
            msg_ref: Some("1".into()),
            cmd_ref: "2".into(),
            items: vec![
                Item::for_source("./A/B")
                    .with_meta(Meta::format("bin").with_type("application/octet-stream"))
                    .with_data(Data::binary(vec![0x00, 0x01, 0x02, 0xFF]))
            ],
            ..Results::default()
        }
    );
    // The writer's own version octet is that of 1.2.
    let written = encode(Encoding::Wbxml, &message).expect("it was read");
    assert_eq!(written[1..], octets[1..]);
}

/// The `Data` of the one Item of the one command, of a document with this string table and content.
fn item_data(table: &str, content: &str) -> Option<Data> {
    let octets = hex(&format!(
        "03 a401 6a {table} 6d 6c 71 03 312e3200 01 01 6b 60 4b 033100 01 54 4f {content} 01 01 01 01 01"
    ));
    let message = read(&octets);
    message.commands[0].items()[0].data.clone()
}

#[test]
fn text_in_several_parts_is_one_text() {
    assert_eq!(
        item_data("03 424200", "034100 8300 c30143"),
        Some(Data::text("ABBC"))
    );
}

#[test]
fn entities_are_characters() {
    assert_eq!(
        item_data("00", "034100 0226 028169 0287ec00 034200"),
        Some(Data::text("A&\u{E9}\u{1F600}B"))
    );
}
