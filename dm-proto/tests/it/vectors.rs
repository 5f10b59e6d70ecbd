//! The messages in `testdata/messages`: each as XML and as WBXML, read and written by both codecs in both
//! directions.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use dm_proto::{
    codec::{DecodeOptions, Encoding, Mode, decode, encode},
    message::SyncMl,
};

/// Messages that break the letter of the documents, as their senders do.
const LENIENT: [&str; 1] = ["windows-original-error"];
/// Messages whose data is octets: as XML it is Base64, and reads as that text.
const WITH_OCTETS: [&str; 1] = ["binary-results"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/messages")
}

/// The names of the vectors.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder of vectors")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert!(names.len() >= 12, "vectors are missing: {names:?}");
    names
}

/// The octets of a vector in an encoding.
pub(crate) fn octets(name: &str, encoding: Encoding) -> Bytes {
    let path = folder().join(format!("{name}.{encoding}"));
    match fs::read(&path) {
        Ok(octets) => octets.into(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn read(name: &str, encoding: Encoding, octets: &Bytes) -> SyncMl {
    let mut options = DecodeOptions::default();
    if !LENIENT.contains(&name) {
        options.mode = Mode::Strict;
    }
    match decode(encoding, octets, &options) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn write(encoding: Encoding, message: &SyncMl) -> Bytes {
    encode(encoding, message).expect("both encodings have a form for it")
}

#[test]
fn both_encodings_of_a_vector_mean_the_same() {
    for name in names() {
        let from_xml = read(&name, Encoding::Xml, &octets(&name, Encoding::Xml));
        let from_wbxml = read(&name, Encoding::Wbxml, &octets(&name, Encoding::Wbxml));
        if WITH_OCTETS.contains(&name.as_str()) {
            let through_xml = read(&name, Encoding::Xml, &write(Encoding::Xml, &from_wbxml));
            assert_eq!(through_xml, from_xml, "{name}");
        } else {
            assert_eq!(from_wbxml, from_xml, "{name}");
        }
    }
}

#[test]
fn a_vector_is_written_as_wbxml_to_the_octet() {
    for name in names() {
        let expected = octets(&name, Encoding::Wbxml);
        let message = read(&name, Encoding::Wbxml, &expected);
        assert_eq!(write(Encoding::Wbxml, &message), expected, "{name}");
    }
}

#[test]
fn a_vector_is_written_as_xml_without_its_layout() {
    for name in names() {
        let message = read(&name, Encoding::Xml, &octets(&name, Encoding::Xml));
        let written = write(Encoding::Xml, &message);
        assert_eq!(read(&name, Encoding::Xml, &written), message, "{name}");
        assert!(!written.contains(&b'\n'), "{name}");
    }
}

#[test]
fn the_encoding_of_a_vector_is_detected() {
    for name in names() {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            assert_eq!(
                Encoding::detect(&octets(&name, encoding)),
                Some(encoding),
                "{name}"
            );
        }
    }
}
