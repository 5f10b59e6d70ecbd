//! Generated documents of every type: what conversion and independent programs make of them.

use bytes::Bytes;
use dm_proto::codec::{
    ConvertOptions, Document, DocumentBuilder, DocumentOptions, DocumentType, Encoding, Mode,
    encode, wbxml_to_xml, xml_to_wbxml,
};
use dm_proto::message::SyncMl;
use proptest::{
    collection::vec,
    strategy::{BoxedStrategy, Just, Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::{libwbxml, tools::run};

/// An element that is generated.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(&'static str, Vec<(&'static str, String)>, String),
    Node(&'static str, Vec<Self>),
}

/// Names of each type, some of them of none.
fn names(document: DocumentType) -> &'static [&'static str] {
    match document {
        DocumentType::MetInf => &["Type", "EMI", "Mem", "Anchor", "Next", "Size"],
        DocumentType::DevInf => &[
            "DataStore",
            "SourceRef",
            "Rx-Pref",
            "CTType",
            "Man",
            "UTC",
            "MaxSize",
        ],
        DocumentType::DmDdf => &[
            "Node",
            "NodeName",
            "RTProperties",
            "Format",
            "bin",
            "chr",
            "Value",
            "Path",
            "Type",
            "MIME",
            "node",
            "AccessType",
            "Get",
        ],
        DocumentType::Provisioning => &["characteristic", "parm"],
        _ => &["SyncBody", "Add", "Item", "Final", "Alert"],
    }
}

fn attributes(
    document: DocumentType,
    is_simple: bool,
) -> BoxedStrategy<Vec<(&'static str, String)>> {
    if document != DocumentType::Provisioning {
        return Just(Vec::new()).boxed();
    }
    let known = [
        "APPLICATION",
        "NAPDEF",
        "APPID",
        "AAUTHTYPE",
        "DIGEST",
        "HTTP-",
        "IPV4",
        "1.0",
        "PORT",
        "INTERNET",
        "AAA",
    ];
    let value = proptest::prop_oneof![
        proptest::sample::select(known.to_vec()).prop_map(String::from),
        text(is_simple),
    ];
    proptest::sample::subsequence(vec!["type", "name", "value", "version"], 0..=4)
        .prop_flat_map(move |names| {
            let count = names.len();
            (Just(names), vec(value.clone(), count))
        })
        .prop_map(|(names, values)| names.into_iter().zip(values).collect())
        .boxed()
}

/// Text of any characters that XML has, or of those that other programs leave alone.
fn text(is_simple: bool) -> BoxedStrategy<String> {
    if is_simple {
        return "([!-~é€]([ -~é€]{0,30}[!-~é€])?)?".boxed();
    }
    proptest::prop_oneof![
        "[ -~\t\n\ré€\u{1F600}\u{FFFD}]{0,40}",
        "[ \t\n\r]{0,3}",
        "[&<>\"']{0,9}",
        "[A-Za-z0-9+/]{4}",
    ]
    .boxed()
}

fn trees(document: DocumentType, is_simple: bool) -> impl Strategy<Value = Vec<Tree>> {
    let name = proptest::sample::select(names(document).to_vec());
    // Text is no part of Client Provisioning.
    let content = if document == DocumentType::Provisioning {
        Just(String::new()).boxed()
    } else {
        text(is_simple)
    };
    let leaf = (name.clone(), attributes(document, is_simple), content)
        .prop_map(|(name, attributes, text)| Tree::Leaf(name, attributes, text));
    let tree = leaf.prop_recursive(6, 40, 5, move |inner| {
        (name.clone(), vec(inner, 1..5)).prop_map(|(name, inner)| Tree::Node(name, inner))
    });
    vec(tree, 0..5)
}

fn build(document: DocumentType, trees: &[Tree]) -> Document {
    fn add(builder: &mut DocumentBuilder, tree: &Tree) {
        match tree {
            Tree::Leaf(name, attributes, text) => {
                builder.start(*name);
                for (name, value) in attributes {
                    builder.attribute(*name, &**value);
                }
                builder.text(&**text).end();
            }
            Tree::Node(name, inner) => {
                builder.start(*name);
                for tree in inner {
                    add(builder, tree);
                }
                builder.end();
            }
        }
    }
    let mut builder = Document::builder(document);
    for tree in trees {
        add(&mut builder, tree);
    }
    builder.finish()
}

/// Documents that are the same in every run.
fn some(document: DocumentType, is_simple: bool, count: usize) -> Vec<Document> {
    let mut runner = TestRunner::deterministic();
    let strategy = trees(document, is_simple);
    (0..count)
        .map(|_| {
            strategy
                .new_tree(&mut runner)
                .expect("a document")
                .current()
        })
        .map(|trees| build(document, &trees))
        .collect()
}

fn read(encoding: Encoding, octets: &Bytes, document: DocumentType) -> Document {
    let options = DocumentOptions::default().with_document(document);
    match Document::read(encoding, octets, &options) {
        Ok(document) => document,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(octets)),
    }
}

#[test]
fn documents_of_every_type_survive_conversion_both_ways() {
    let options = ConvertOptions::default().with_mode(Mode::Strict);
    for &type_ in DocumentType::ALL {
        for document in some(type_, false, 100) {
            let xml = document.encode(Encoding::Xml).expect("xml");
            let to_wbxml = |xml: &Bytes| xml_to_wbxml(xml, &options).expect("it converts").octets;
            let to_xml = |wbxml: &Bytes| wbxml_to_xml(wbxml, &options).expect("it converts").octets;
            let wbxml = to_wbxml(&xml);
            assert_eq!(to_xml(&wbxml), xml);
            assert_eq!(to_wbxml(&to_xml(&wbxml)), wbxml);

            let own = document.encode(Encoding::Wbxml).expect("wbxml");
            assert_eq!(to_xml(&own), xml);
            assert_eq!(read(Encoding::Wbxml, &own, type_).root(), document.root());
            assert_eq!(read(Encoding::Xml, &xml, type_).root(), document.root());

            let indented = document.to_xml(true).expect("xml");
            assert_eq!(to_wbxml(&indented), wbxml);
        }
    }
}

#[test]
fn generated_messages_convert_as_the_model_writes_them() {
    let options = ConvertOptions::default();
    // The writer of messages has another form of an empty body.
    let has_body = |message: &SyncMl| message.is_final;
    for message in libwbxml::some(100).into_iter().filter(has_body) {
        let wbxml = encode(Encoding::Wbxml, &message).expect("wbxml");
        let xml = encode(Encoding::Xml, &message).expect("xml");
        let converted = wbxml_to_xml(&wbxml, &options).expect("it converts");
        assert_eq!(converted.octets, xml);
        assert_eq!(converted.tolerances, []);
        let converted = xml_to_wbxml(&xml, &options).expect("it converts");
        assert_eq!(converted.octets, wbxml);
        assert_eq!(converted.tolerances, []);
    }
}

/// Types as `wbxml2xml` calls them, and their public identifiers.
const PEERS: [(DocumentType, &str, &str); 4] = [
    (
        DocumentType::DevInf,
        "DEVINF12",
        "-//SYNCML//DTD DevInf 1.2//EN",
    ),
    (DocumentType::DmDdf, "DMDDF12", "-//OMA//DTD-DM-DDF 1.2//EN"),
    (
        DocumentType::MetInf,
        "METINF12",
        "-//SYNCML//DTD MetInf 1.2//EN",
    ),
    (
        DocumentType::Provisioning,
        "PROV10",
        "-//WAPFORUM//DTD PROV 1.0//EN",
    ),
];

#[test]
fn wbxml2xml_reads_the_documents_that_we_write() {
    for (type_, language, _) in PEERS {
        for document in some(type_, true, 20) {
            let wbxml = document.encode(Encoding::Wbxml).expect("wbxml");
            let arguments = ["-m", "0", "-l", language, "-o", "-"];
            let Some(xml) = run("wbxml2xml", "libwbxml2-utils", &arguments, &wbxml) else {
                return;
            };
            let ours = wbxml_to_xml(&wbxml, &ConvertOptions::default()).expect("it converts");
            assert_eq!(
                read(Encoding::Xml, &xml, type_).root(),
                read(Encoding::Xml, &ours.octets, type_).root(),
                "{}",
                String::from_utf8_lossy(&xml)
            );
        }
    }
}

#[test]
fn we_read_the_documents_that_xml2wbxml_writes() {
    for (type_, _, public_id) in PEERS {
        for (number, document) in some(type_, true, 20).into_iter().enumerate() {
            let xml = document.encode(Encoding::Xml).expect("xml");
            let declaration = format!("<!DOCTYPE {} PUBLIC '{public_id}' 'u'>", type_.root());
            let xml = Bytes::from([declaration.as_bytes(), &xml].concat());
            // With a string table and without.
            let arguments: &[&str] = if number % 2 == 0 {
                &["-v", "1.2", "-o", "-"]
            } else {
                &["-v", "1.3", "-n", "-o", "-"]
            };
            let Some(wbxml) = run("xml2wbxml", "libwbxml2-utils", arguments, &xml) else {
                return;
            };
            let read_back = wbxml_to_xml(&wbxml, &ConvertOptions::default()).expect("it converts");
            assert_eq!(read_back.document, type_);
            assert_eq!(
                read(Encoding::Xml, &read_back.octets, type_).root(),
                document.root()
            );
        }
    }
}
