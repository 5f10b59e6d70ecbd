//! Messages with octets changed, read by us and by `wbxml2xml` and `xml2wbxml` (Debian:
//! `libwbxml2-utils`): where both accept, they mean the same.
//!
//! Strict mode stands for us. Beside what `libwbxml.rs` names, that program takes trailing octets, a
//! second root, code points that are no characters, an end before any tag and offsets into a string;
//! strict mode refuses these, or they are no difference in meaning.

use bytes::Bytes;
use dm_proto::{
    codec::{ConvertOptions, DecodeOptions, Encoding, decode, encode, wbxml_to_xml, xml_to_wbxml},
    message::SyncMl,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    documents, hex,
    libwbxml::some,
    tools::{attempt, run},
};

/// A place, as a part of the whole, and what happens there.
#[derive(Clone, Debug)]
enum Change {
    Replace(u8),
    Insert(u8),
    Remove,
    Repeat(u8),
}

/// Changes to octets that mean something in an encoding, and to any.
fn changes(encoding: Encoding) -> impl Strategy<Value = Vec<(f64, Change)>> {
    let some = match encoding {
        Encoding::Xml => b"<></&;\"' ]!-ab1".to_vec(),
        _ => {
            b"\0\x01\x02\x03\x04\x12\x14\x40\x43\x44\x4F\x54\x5A\x80\x83\x84\xC0\xC3\xC4a".to_vec()
        }
    };
    let octet = prop_oneof![prop::sample::select(some), any::<u8>(),];
    let change = prop_oneof![
        4 => octet.clone().prop_map(Change::Replace),
        2 => octet.prop_map(Change::Insert),
        2 => Just(Change::Remove),
        1 => (1..40_u8).prop_map(Change::Repeat),
    ];
    prop::collection::vec((0.0..1.0_f64, change), 1..4)
}

fn changed(octets: &[u8], changes: &[(f64, Change)]) -> Bytes {
    let mut octets = octets.to_vec();
    for (part, change) in changes {
        let at = (octets.len() as f64 * part) as usize;
        match *change {
            Change::Replace(octet) => octets[at] = octet,
            Change::Insert(octet) => octets.insert(at, octet),
            Change::Remove => {
                octets.remove(at);
            }
            Change::Repeat(count) => {
                let end = octets.len().min(at + usize::from(count));
                let piece = octets[at..end].to_vec();
                octets.splice(at..at, piece);
            }
        }
    }
    octets.into()
}

/// As XML, without the white space around texts, which the program trims.
fn normalized(message: &SyncMl) -> Option<String> {
    let xml = encode(Encoding::Xml, message).ok()?;
    let xml = core::str::from_utf8(&xml).expect("xml is text");
    let is_space = [' ', '\t', '\n'];
    let parts: Vec<String> = xml
        .split('<')
        .map(|part| match part.split_once('>') {
            Some((tag, text)) => format!("{tag}>{}", text.trim_matches(is_space)),
            None => part.to_owned(),
        })
        .collect();
    Some(parts.join("<"))
}

#[test]
fn changed_messages_that_both_read_mean_the_same() {
    let mut runner = TestRunner::deterministic();
    let changes = changes(Encoding::Wbxml);
    let mut both = 0;
    for message in some(3000) {
        let octets = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        let changes = changes.new_tree(&mut runner).expect("changes").current();
        let octets = changed(&octets, &changes);
        // It writes carriage returns as they are, which makes line feeds of them.
        if octets.contains(&b'\r') {
            continue;
        }
        let strict = DecodeOptions::strict(Default::default());
        let Ok(ours) = decode(Encoding::Wbxml, &octets, &strict) else {
            continue;
        };
        let arguments = ["-m", "0", "-o", "-"];
        let Some(theirs) = attempt("wbxml2xml", "libwbxml2-utils", &arguments, &octets) else {
            return;
        };
        // Octets that are no XML are copied into its XML as they are.
        let Some(theirs) =
            theirs.and_then(|xml| decode(Encoding::Xml, &xml, &DecodeOptions::default()).ok())
        else {
            continue;
        };
        let (Some(ours), Some(theirs)) = (normalized(&ours.message), normalized(&theirs.message))
        else {
            continue;
        };
        both += 1;
        assert_eq!(ours, theirs, "{octets:02x?}");
    }
    assert!(both > 100, "both read {both} of them only");
}

#[test]
fn changed_xml_that_both_read_means_the_same() {
    let mut runner = TestRunner::deterministic();
    let changes = changes(Encoding::Xml);
    let mut both = 0;
    for message in some(3000) {
        let octets = encode(Encoding::Xml, &message).expect("xml has a form for it");
        let changes = changes.new_tree(&mut runner).expect("changes").current();
        let octets = changed(&octets, &changes);
        let strict = DecodeOptions::strict(Default::default());
        let Ok(ours) = decode(Encoding::Xml, &octets, &strict) else {
            continue;
        };
        let arguments = ["-v", "1.2", "-o", "-"];
        let Some(theirs) = attempt("xml2wbxml", "libwbxml2-utils", &arguments, &octets) else {
            return;
        };
        let Some(theirs) = theirs
            .and_then(|octets| decode(Encoding::Wbxml, &octets, &DecodeOptions::default()).ok())
        else {
            continue;
        };
        both += 1;
        let shown = String::from_utf8_lossy(&octets);
        assert_eq!(
            normalized(&ours.message),
            normalized(&theirs.message),
            "{shown}"
        );
    }
    assert!(both > 50, "both read {both} of them only");
}

/// The conversion without the model, on documents of every type that the program knows by their public
/// identifier.
#[test]
fn documents_converted_by_both_are_the_same_documents() {
    let mut all: Vec<Bytes> = some(100)
        .iter()
        .map(|message| encode(Encoding::Wbxml, message).expect("wbxml has a form for it"))
        .collect();
    all.extend([documents::TNDS, documents::PROVISIONING].map(hex));
    all.push(hex(
        "02 a403 6a 00 4a 65 03312e3200 01 47 5c 033900 01 01 01",
    ));
    all.push(hex("02 9f54 6a 00 4a 65 03312e3100 01 51 034d00 01 01"));
    let options = ConvertOptions::default();
    for octets in all {
        let Some(theirs) = run(
            "wbxml2xml",
            "libwbxml2-utils",
            &["-m", "0", "-o", "-"],
            &octets,
        ) else {
            return;
        };
        let ours = wbxml_to_xml(&octets, &options).expect("it converts").octets;
        // Both as WBXML, in which neither layout nor the spelling of references shows.
        let again = |xml: &Bytes| match xml_to_wbxml(xml, &options) {
            Ok(converted) => converted.octets,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(xml)),
        };
        let shown = String::from_utf8_lossy(&theirs).into_owned();
        assert_eq!(again(&ours), again(&theirs), "{shown}");
    }
}
