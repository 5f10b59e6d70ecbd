//! The documents in `testdata/documents`: each as XML and as WBXML, converted in both directions and read
//! as trees, and what libwbxml thinks of them.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use dm_proto::codec::{
    ConvertOptions, Document, DocumentOptions, DocumentType, Encoding, Mode, wbxml_to_xml,
    xml_to_wbxml,
};

use crate::libwbxml::wbxml2xml;

/// The vectors, and the types of them.
const VECTORS: [(&str, DocumentType); 7] = [
    ("description", DocumentType::DmDdf),
    ("devinf-1.1", DocumentType::DevInf),
    ("devinf-1.2", DocumentType::DevInf),
    ("message-with-subtree", DocumentType::SyncMl),
    ("meta", DocumentType::MetInf),
    ("provisioning", DocumentType::Provisioning),
    ("subtree", DocumentType::DmDdf),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/documents")
}

fn octets(name: &str, encoding: Encoding) -> Bytes {
    let path = folder().join(format!("{name}.{encoding}"));
    match fs::read(&path) {
        Ok(octets) => octets.into(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn tree(name: &str, encoding: Encoding, octets: &Bytes) -> Document {
    match Document::read(encoding, octets, &DocumentOptions::default()) {
        Ok(document) => document,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn strict() -> ConvertOptions {
    ConvertOptions::default().with_mode(Mode::Strict)
}

#[test]
fn every_document_in_the_folder_is_tested() {
    let mut found: Vec<String> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect();
    found.sort();
    let expected = VECTORS.map(|(name, _)| [format!("{name}.wbxml"), format!("{name}.xml")]);
    assert_eq!(found, expected.as_flattened());
}

#[test]
fn xml_converts_to_the_wbxml_to_the_octet() {
    for (name, document) in VECTORS {
        let xml = octets(name, Encoding::Xml);
        let done = xml_to_wbxml(&xml, &strict());
        let done = done.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(done.document, document, "{name}");
        assert_eq!(done.octets, octets(name, Encoding::Wbxml), "{name}");
    }
}

#[test]
fn wbxml_converts_to_the_xml_with_its_layout() {
    for (name, document) in VECTORS {
        let wbxml = octets(name, Encoding::Wbxml);
        let done = wbxml_to_xml(&wbxml, &strict().with_indent(true));
        let done = done.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(done.document, document, "{name}");
        let expected = octets(name, Encoding::Xml);
        assert_eq!(
            str::from_utf8(&done.octets).expect("text"),
            str::from_utf8(&expected).expect("text").trim_end(),
            "{name}"
        );
    }
}

#[test]
fn both_encodings_of_a_document_are_the_same_tree() {
    for (name, document) in VECTORS {
        // Their forms of what is in them differ.
        if matches!(name, "message-with-subtree" | "subtree") {
            continue;
        }
        let trees = [Encoding::Xml, Encoding::Wbxml].map(|encoding| {
            let tree = tree(name, encoding, &octets(name, encoding));
            assert_eq!(tree.document_type(), document, "{name}");
            assert_eq!(tree.tolerances(), [], "{name}");
            tree
        });
        assert_eq!(trees[0].root(), trees[1].root(), "{name}");
        let written = trees[0].encode(Encoding::Wbxml).expect("it has a form");
        assert_eq!(written, octets(name, Encoding::Wbxml), "{name}");
    }
}

#[test]
fn wbxml2xml_reads_the_same() {
    for (name, _) in VECTORS {
        // Opaque octets are none of its business.
        if matches!(name, "message-with-subtree" | "subtree") {
            continue;
        }
        let wbxml = octets(name, Encoding::Wbxml);
        let Some(xml) = wbxml2xml(&wbxml) else {
            return;
        };
        assert_eq!(
            tree(name, Encoding::Xml, &xml).root(),
            tree(name, Encoding::Wbxml, &wbxml).root(),
            "{name}"
        );
    }
}
