//! WBXML: integers, lengths, offsets, strings, entities, nesting, tokens.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind as Kind, Limits,
    codec::{DecodeOptions, Decoded, Encoding, ToleranceKind, decode},
    message::Command,
};

use super::{MIB, kinds};
use crate::hex;

/// Version 1.2, SyncML 1.2, UTF-8, no string table.
const HEADER: &str = "02 a401 6a 00";
/// SyncML, an empty SyncHdr, SyncBody.
const BODY: &str = "6d 2c 6b";
/// A Replace with the content of its Data, to be closed by `01 01 01 01 01`.
const DATA: &str = "60 4b 033100 01 54 4f";

fn marked(digits: &str) -> (Bytes, usize) {
    let (before, after) = digits.split_once('!').expect("a mark");
    let (before, after) = (hex(before), hex(after));
    let offset = before.len();
    ([before, after].concat().into(), offset)
}

fn refused(digits: &str, kind: &Kind) {
    let (octets, offset) = marked(digits);
    let found = super::refusal(Encoding::Wbxml, &octets);
    assert_eq!((&found.0, &found.1), (&offset, kind), "{digits}");
}

fn read(digits: &str) -> Decoded {
    super::read(Encoding::Wbxml, &hex(digits))
}

/// The Data that this content makes.
fn data(header: &str, content: &str) -> Data {
    let decoded = read(&format!("{header} {BODY} {DATA} {content} 01 01 01 01 01"));
    let item = &decoded.message.commands[0].items()[0];
    item.data.clone().expect("data")
}

/// A document with this table and body, whatever their size.
fn document(table: &[u8], body: &[u8]) -> Bytes {
    let length = u32::try_from(table.len()).expect("small");
    let mut octets = vec![0x02, 0xA4, 0x01, 0x6A];
    for shift in [21, 14, 7] {
        octets.push(0x80 | (length >> shift & 0x7F) as u8);
    }
    octets.push((length & 0x7F) as u8);
    octets.extend_from_slice(table);
    octets.extend([0x6D, 0x2C, 0x6B]);
    octets.extend_from_slice(body);
    octets.extend([0x01, 0x01]);
    octets.into()
}

/// Every place where an integer stands, up to it.
fn before_integers() -> [String; 8] {
    [
        "02".into(),
        "02 00".into(),
        "02 a401".into(),
        "02 a401 6a".into(),
        format!("{HEADER} {BODY} {DATA} 83"),
        format!("{HEADER} {BODY} {DATA} c3"),
        format!("{HEADER} {BODY} {DATA} 02"),
        format!("{HEADER} {BODY} {DATA} 80"),
    ]
}

#[test]
fn an_integer_has_at_most_five_octets_and_32_bits() {
    for before in before_integers() {
        for integer in ["808080808001", "ffffffffff7f", "9080808000", "ffffffff7f"] {
            refused(
                &format!("{before} !{integer} 00 00 00 00"),
                &Kind::InvalidInteger,
            );
        }
        refused(&format!("{before} 80808080!"), &Kind::UnexpectedEnd);
        refused(&format!("{before}!"), &Kind::UnexpectedEnd);
    }
    let endless = [hex("02"), vec![0xFF; MIB].into()].concat().into();
    let found = super::refusal(Encoding::Wbxml, &endless);
    assert_eq!(found, (1, Kind::InvalidInteger));
}

#[test]
fn leading_zero_groups_of_an_integer_mean_nothing() {
    for (header, content) in [
        ("02 8080a401 808080806a 8000", "03 41 00"),
        ("02 a401 6a 8080808002 4100", "83 80808000"),
        ("02 a401 6a 00", "c3 8080808001 41"),
        ("02 a401 6a 00", "02 8080808041"),
    ] {
        let data = data(header, content);
        assert_eq!(data.as_bytes(), Some(&b"A"[..]), "{header} {content}");
    }
}

#[test]
fn a_string_table_lies_within_the_input() {
    for (length, value) in [
        ("02", 2),
        ("8fffffff7f", u32::MAX),
        ("8fffffff7e", u32::MAX - 1),
    ] {
        refused(
            &format!("02 a401 6a !{length} 61"),
            &Kind::LengthPastEnd {
                length: value,
                left: 1,
            },
        );
    }
}

#[test]
fn the_last_string_of_a_table_needs_no_nul() {
    assert_eq!(data("02 a401 6a 02 6162", "83 00").as_str(), Some("ab"));
}

#[test]
fn an_offset_lies_within_the_table() {
    for (length, table) in [(0, "00"), (2, "02 6100")] {
        let past = |offset| Kind::TableOffset { offset, length };
        let header = format!("02 a401 6a {table}");
        for (integer, offset) in [
            ("02", 2),
            ("8fffffff7f", u32::MAX),
            ("8fffffff7e", u32::MAX - 1),
        ] {
            refused(
                &format!("{header} {BODY} {DATA} 83 !{integer}"),
                &past(offset),
            );
            // A literal tag, and a literal attribute.
            refused(&format!("{header} {BODY} 04 !{integer}"), &past(offset));
            refused(&format!("{header} {BODY} 85 04 !{integer}"), &past(offset));
            refused(
                &format!("02 00 !{integer} 6a {table} {BODY} 01 01"),
                &past(offset),
            );
        }
        // An extension's number is not an offset to us: SyncML has none, so none is looked up.
        let extended = read(&format!("{header} {BODY} 80 8fffffff7f 01 01"));
        assert_eq!(
            kinds(&extended),
            [ToleranceKind::ExtensionToken { token: 0x80 }]
        );
    }
    refused(
        &format!("{HEADER} {BODY} {DATA} 83 !00"),
        &Kind::TableOffset {
            offset: 0,
            length: 0,
        },
    );
}

#[test]
fn an_offset_into_a_string_gives_its_rest_but_not_half_a_character() {
    let header = "02 a401 6a 05 6162c3a900";
    assert_eq!(data(header, "83 01").as_str(), Some("bé"));
    refused(
        &format!("{header} {BODY} {DATA} 83 !03 01"),
        &Kind::InvalidText { charset: "utf-8" },
    );
    assert_eq!(data(header, "83 04").as_str(), Some(""));
}

#[test]
fn an_inline_string_ends_with_nul_and_is_text_of_the_character_set() {
    refused(
        &format!("{HEADER} {BODY} {DATA} 03 616263!"),
        &Kind::UnexpectedEnd,
    );
    assert_eq!(data(HEADER, "03 00").as_str(), Some(""));
    for octets in ["ff", "c0 80", "ed a0 80", "f4 90 80 80", "c3"] {
        refused(
            &format!("{HEADER} {BODY} {DATA} 03 !{octets} 00"),
            &Kind::InvalidText { charset: "utf-8" },
        );
    }
    assert_eq!(data("02 a401 00 00", "03 c3a9 00").as_str(), Some("é"));
    assert_eq!(data("02 a401 04 00", "03 e9 00").as_str(), Some("é"));
}

#[test]
fn a_character_set_that_is_not_read_is_named() {
    for (mib, value) in [
        ("8768", 1000),
        ("8775", 1013),
        ("8777", 1015),
        ("ce0f", 9999),
        ("8fffffff7f", u32::MAX),
    ] {
        refused(
            &format!("02 a401 !{mib} 00 {BODY} 01 01"),
            &Kind::UnsupportedCharset { mib: value },
        );
    }
}

#[test]
fn opaque_octets_lie_within_the_input() {
    for (length, value) in [
        ("03", 3),
        ("8fffffff7f", u32::MAX),
        ("88808080 00", 1 << 31),
    ] {
        refused(
            &format!("{HEADER} {BODY} {DATA} c3 !{length} 6162"),
            &Kind::LengthPastEnd {
                length: value,
                left: 2,
            },
        );
    }
    assert_eq!(data(HEADER, "c3 00").as_bytes(), Some(&b""[..]));
}

#[test]
fn a_document_in_opaque_octets_is_not_entered() {
    // Each a document whose Data holds the next, a thousand deep.
    let mut inner = vec![0xFF];
    for _ in 0..1000 {
        let mut body = hex(DATA).to_vec();
        let length = u32::try_from(inner.len()).expect("small");
        body.push(0xC3);
        for shift in [14, 7] {
            body.push(0x80 | (length >> shift & 0x7F) as u8);
        }
        body.push((length & 0x7F) as u8);
        body.extend(inner);
        body.extend([0x01; 3]);
        inner = document(b"", &body).to_vec();
    }
    let decoded = super::read(Encoding::Wbxml, &inner.clone().into());
    let data = decoded.message.commands[0].items()[0].data.as_ref();
    let octets = data.and_then(Data::as_bytes).expect("octets");
    assert!(octets.len() > inner.len() - 64);
}

#[test]
fn an_entity_is_a_character() {
    for (integer, value) in [
        ("00", 0),
        ("83b000", 0xD800),
        ("83bf7f", 0xDFFF),
        ("c48000", 0x11_0000),
        ("8880808000", 0x8000_0000),
        ("8fffffff7f", u32::MAX),
    ] {
        refused(
            &format!("{HEADER} {BODY} {DATA} 02 !{integer} 01"),
            &Kind::InvalidCharacter { value },
        );
    }
    assert_eq!(data(HEADER, "02 c3ff7f").as_str(), Some("\u{10FFFF}"));
    assert_eq!(data(HEADER, "02 8080808041").as_str(), Some("A"));
}

#[test]
fn a_million_levels_are_refused_at_the_first_too_many() {
    let limit = Limits::DEFAULT.depth;
    // Sequence in Sequence; an unknown tag in an unknown tag; a literal in a literal; a Sequence with
    // attributes; markup in Data.
    for (start, level) in [
        ("", "64"),
        ("", "7f"),
        ("", "4400"),
        ("", "e401"),
        (DATA, "54"),
    ] {
        let level = hex(level);
        let start = hex(start);
        let body = [start.clone(), level.repeat(1_000_000).into()].concat();
        let octets = document(b"a\0", &body);
        // SyncML, SyncBody, and what is open before.
        let open = 2 + if start.is_empty() { 0 } else { 3 };
        let before = 13 + start.len();
        let (offset, kind) = super::refusal(Encoding::Wbxml, &octets);
        assert_eq!(kind, Kind::TooDeep { limit });
        assert!(
            (before..=before + level.len() * (limit - open + 1)).contains(&offset),
            "{level:?} at {offset}"
        );
    }
}

#[test]
fn a_limit_of_depth_counts_elements() {
    let body = [[0x64].repeat(30), [0x01].repeat(30)].concat();
    super::read(Encoding::Wbxml, &document(b"", &body));
    let body = [[0x64].repeat(31), [0x01].repeat(31)].concat();
    let (_, kind) = super::refusal(Encoding::Wbxml, &document(b"", &body));
    assert_eq!(kind, Kind::TooDeep { limit: 32 });
}

#[test]
fn starts_and_ends_match() {
    refused(&format!("{HEADER} !01 {BODY} 01 01"), &Kind::UnmatchedEnd);
    refused(&format!("{HEADER} {BODY} 01!"), &Kind::UnexpectedEnd);
    refused(&format!("{HEADER} {BODY} 60!"), &Kind::UnexpectedEnd);
    for (after, count) in [("01", 1), ("6d 2c 2b 01", 4), ("00", 1), ("ff ff", 2)] {
        let decoded = read(&format!("{HEADER} {BODY} 01 01 {after}"));
        assert_eq!(kinds(&decoded), [ToleranceKind::TrailingBytes { count }]);
    }
}

#[test]
fn unknown_tokens_and_pages_are_kept_as_unknown_elements() {
    for (content, page, token) in [
        ("3f", 0, 0x3F),
        ("00 02 3f", 2, 0x3F),
        ("00 03 05", 3, 0x05),
        ("00 ff 3f", 255, 0x3F),
    ] {
        let decoded = read(&format!("{HEADER} {BODY} {content} 01 01"));
        let name = format!("page{page}-token{token:02X}");
        assert_eq!(
            kinds(&decoded),
            [
                ToleranceKind::UnknownToken { page, token },
                ToleranceKind::ForeignElement { name: name.into() },
            ]
        );
    }
}

#[test]
fn a_page_switch_says_nothing_by_itself() {
    refused(&format!("{HEADER} {BODY} 00!"), &Kind::UnexpectedEnd);
    refused(&format!("{HEADER} {BODY} 00 01!"), &Kind::UnexpectedEnd);
    // Before an end, many times over, and left over behind a Meta.
    let switches = "00 01 00 00".repeat(1000);
    let decoded = read(&format!("{HEADER} {BODY} {switches} 05 00 01 01 00 00 01"));
    assert_eq!(decoded.message.commands.len(), 1);
    let leftover = read(&format!(
        "{HEADER} {BODY} 60 5a 00 01 47 03 63 00 01 01 54 4f 03 61 00 01 01 01 01 01"
    ));
    assert!(kinds(&leftover).contains(&ToleranceKind::LeftoverPage));
}

#[test]
fn attributes_and_instructions_are_read_where_syncml_has_none() {
    // A known tag with an attribute start that no table has, a value of an unknown page, and none.
    let decoded = read(&format!(
        "{HEADER} {BODY} 85 05 03 61 00 85 c3 01 62 02 41 01 01 01"
    ));
    let [Command::Add(add)] = &decoded.message.commands[..] else {
        panic!("an empty add");
    };
    assert_eq!(add.extra.attributes().len(), 1);
    for mixed in ["85 !80", "c5 06 83 !00", "85 !02 41"] {
        let (octets, offset) = marked(&format!("{HEADER} {BODY} {mixed} 01 01 01 01"));
        let found = decode(Encoding::Wbxml, &octets, &DecodeOptions::default());
        if let Err(error) = found {
            assert_eq!(error.offset(), offset, "{mixed}");
        }
    }
    let decoded = read(&format!(
        "{HEADER} 43 05 03 6100 01 {BODY} 43 05 01 01 01 43 05 01"
    ));
    assert_eq!(kinds(&decoded), []);
    refused(&format!("{HEADER} {BODY} 43 05!"), &Kind::UnexpectedEnd);
}

/// Repeats a piece between others up to a size.
fn flood(start: &[u8], piece: &[u8], end: &[u8], size: usize) -> Vec<u8> {
    let count = size.saturating_sub(start.len() + end.len()) / piece.len();
    [start, &piece.repeat(count), end].concat()
}

#[test]
fn small_elements_by_the_million_meet_the_memory_budget() {
    let memory = Limits::DEFAULT.memory;
    for size in [MIB - 100, 64 * MIB - 100] {
        for (start, piece) in [
            (&[0x60][..], 0x14),
            (&[], 0x05),
            (&[], 0x29),
            (&[], 0x3F),
            (&[0x60], 0x0B),
        ] {
            let end: &[u8] = if start.is_empty() { &[] } else { &[0x01] };
            let octets = document(b"", &flood(start, &[piece], end, size));
            let limits = Limits::DEFAULT.with_message_size(octets.len());
            let error = decode(Encoding::Wbxml, &octets, &DecodeOptions::lenient(limits))
                .expect_err("over the budget");
            assert_eq!(error.kind(), &Kind::TooMuchMemory { limit: memory });
            assert!(error.offset() < MIB, "{error}");
        }
    }
}

#[test]
fn every_reference_to_a_table_entry_is_charged_with_its_length() {
    let table = vec![b'x'; 60_000];
    let memory = Limits::DEFAULT.memory;
    for start in [&hex(DATA)[..], &[0x60][..], &[0x85, 0x05][..]] {
        let body = flood(start, &[0x83, 0x00], &[0x01; 3], 10_000);
        let error = decode(
            Encoding::Wbxml,
            &document(&table, &body),
            &DecodeOptions::default(),
        )
        .expect_err("over the budget");
        assert_eq!(error.kind(), &Kind::TooMuchMemory { limit: memory });
        let references = error.offset().saturating_sub(table.len()) / 2;
        assert!(references <= memory / table.len() + 20, "{error}");
    }
}

#[test]
fn a_reference_costs_no_more_than_what_it_gives() {
    // The same short entry, at the start of a long table of short ones.
    let table = b"ab\0".repeat(20_000);
    let item = [0x54, 0x4F, 0x83, 0x00, 0x01, 0x01];
    let body = flood(&[0x60], &item, &[0x01], 60_000);
    let octets = document(&table, &body);
    let decoded = super::read(Encoding::Wbxml, &octets);
    let Command::Replace(replace) = &decoded.message.commands[0] else {
        panic!("a replace");
    };
    assert!(
        replace
            .items
            .iter()
            .all(|item| item.data.as_ref().and_then(Data::as_str) == Some("ab"))
    );
    assert_eq!(replace.items.len(), 9999);
}
