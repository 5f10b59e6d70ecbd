#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use proptest::prelude::*;

use super::*;

fn read(xml: &str) -> Result<Tnds, DocumentError> {
    let octets = Bytes::copy_from_slice(xml.as_bytes());
    Tnds::read(Encoding::Xml, &octets, &Tnds::limits())
}

fn wrapped(nodes: &str) -> String {
    format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{nodes}</MgmtTree>")
}

fn sample() -> Tnds {
    let acl = Acl::parse("Get=*&Replace=s").unwrap();
    let mut tnds = Tnds {
        man: Some("Maker".into()),
        mod_: Some("<Model>".into()),
        ..Tnds::default()
    };
    let mut root = TndsNode::interior(0, "A", "urn:x:1.0").with_acl(acl);
    root.title = Some("a title & more".into());
    root.tstamp = Some("20010711T163817Z".into());
    root.ver_no = Some(65_535);
    tnds.push(root);
    tnds.push(TndsNode::leaf(1, "chr", NodeFormat::Chr, " 1 < 2\r\n"));
    tnds.push(TndsNode::leaf(1, "bin", NodeFormat::Bin, "text"));
    tnds.push(TndsNode::leaf(1, "b64", NodeFormat::B64, "AAE="));
    tnds.push(TndsNode::leaf(1, "empty", NodeFormat::Chr, ""));
    tnds.push(TndsNode::interior(1, "B", ""));
    tnds.push(TndsNode::leaf(2, "octets", NodeFormat::Bin, vec![0, 255]).with_type("image/png"));
    tnds.push(TndsNode::leaf(0, "flat", NodeFormat::Int, "7").with_path("A/B"));
    tnds
}

#[test]
fn what_is_written_reads_the_same_in_both_encodings() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = sample().write(encoding).unwrap();
        let again = Tnds::read(encoding, &octets, &Tnds::limits()).unwrap();
        assert_eq!(again, sample(), "{encoding}");
        assert_eq!(again.write(encoding).unwrap(), octets);
    }
}

#[test]
fn octets_are_opaque_in_wbxml_and_base64_in_xml() {
    let holds = |octets: &[u8], part: &[u8]| octets.windows(part.len()).any(|at| at == part);
    let mut tnds = Tnds::default();
    tnds.push(TndsNode::leaf(0, "n", NodeFormat::Bin, "octets"));
    let xml = tnds.write(Encoding::Xml).unwrap();
    assert!(holds(&xml, b"<Value>b2N0ZXRz</Value>"));
    // OPAQUE, their number, the octets.
    let wbxml = tnds.write(Encoding::Wbxml).unwrap();
    assert!(holds(&wbxml, b"\xC3\x06octets"));
}

#[test]
fn octets_that_no_format_calls_so_have_no_form_in_xml() {
    let mut tnds = Tnds::default();
    tnds.push(TndsNode::leaf(0, "n", NodeFormat::Chr, vec![0, 255]));
    let error = tnds.write(Encoding::Xml).unwrap_err();
    assert!(matches!(error, DocumentError::Encode(_)), "{error}");
    let wbxml = tnds.write(Encoding::Wbxml).unwrap();
    let again = Tnds::read(Encoding::Wbxml, &wbxml, &Tnds::limits());
    assert_eq!(again, Ok(tnds));
}

#[test]
fn the_published_example_is_read() {
    // OMA-TS-DM_TNDS, in our words: an interior node without RTProperties is in it.
    let tnds = read(&wrapped(
        "<Node><NodeName>E-Mail</NodeName><RTProperties><Format><node/></Format>\
         <Type><DDFName>com.example.dm/1.0/EMail</DDFName></Type></RTProperties>\
         <Node><NodeName>POP3</NodeName><Node><NodeName>Server</NodeName><RTProperties>\
         <Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\
         <Value>mail.example.com</Value></Node></Node></Node>",
    ))
    .unwrap();
    let nodes: Vec<_> = tnds
        .nodes()
        .iter()
        .map(|node| (node.depth, node.name.as_deref(), node.is_interior()))
        .collect();
    assert_eq!(
        nodes,
        [
            (0, Some("E-Mail"), true),
            (1, Some("POP3"), true),
            (2, Some("Server"), false)
        ]
    );
    assert_eq!(
        tnds.nodes()[0].type_.as_deref(),
        Some("com.example.dm/1.0/EMail")
    );
    assert_eq!(
        tnds.nodes()[2].value.as_deref(),
        Some(&b"mail.example.com"[..])
    );
}

#[test]
fn what_other_devices_write_is_read() {
    let tnds = read(&wrapped(
        "<Node vendor='1'><NodeName> a </NodeName><Path/><RTProperties><Name>a</Name><Size>1</Size>\
         <Format><chr/></Format><Type>text/plain</Type><x:New xmlns:x='urn:x'><y/></x:New>\
         </RTProperties><DFProperties><AccessType><Get/></AccessType></DFProperties>\
         <Value><![CDATA[<v>]]></Value></Node>",
    ))
    .unwrap();
    let mut expected = TndsNode::leaf(0, "a", NodeFormat::Chr, "<v>");
    expected.path = Some("".into());
    assert_eq!(tnds.nodes(), [expected]);
    assert!(read("<MgmtTree><VerDTD>1.1</VerDTD><Node/></MgmtTree>").is_ok());
}

#[test]
fn what_is_no_document_is_refused_with_the_node_at_fault() {
    let leaf = |inner: &str| wrapped(&format!("<Node><NodeName>n</NodeName>{inner}</Node>"));
    let cases = [
        (
            "<x/>".to_owned(),
            "the root element is \"x\", not \"MgmtTree\"",
        ),
        ("<MgmtTree/>".to_owned(), "node \"\" has no VerDTD"),
        (wrapped(""), "node \"\" has no Node"),
        (
            "<MgmtTree><VerDTD>2.0</VerDTD><Node/></MgmtTree>".to_owned(),
            "the version is \"2.0\", not 1.1 or 1.2",
        ),
        (leaf("<NodeName/>"), "node \"n\" has NodeName twice"),
        (leaf("<Value/><Value/>"), "node \"n\" has Value twice"),
        (
            leaf("<Value>v</Value><Node/>"),
            "node \"n\" has Node where it cannot stand",
        ),
        (
            leaf("<Node/><Value>v</Value>"),
            "node \"n\" has Value where it cannot stand",
        ),
        (
            leaf("<Node><NodeName>m</NodeName><Path>p</Path></Node>"),
            "node \"n\" has Path where it cannot stand",
        ),
        (
            leaf("<Value><b/></Value>"),
            "node \"n\" has b where it cannot stand",
        ),
        (
            leaf("<RTProperties><Format><bin/></Format></RTProperties><Value>secret!</Value>"),
            "node \"n\" has a malformed Value",
        ),
        (
            leaf("<RTProperties><ACL>Get</ACL></RTProperties>"),
            "node \"n\" has a malformed ACL",
        ),
        (
            leaf("<RTProperties><VerNo>65536</VerNo></RTProperties>"),
            "node \"n\" has a malformed VerNo",
        ),
        (
            leaf("<RTProperties/><RTProperties/>"),
            "node \"n\" has RTProperties twice",
        ),
        (
            wrapped(&("<Node>".repeat(65) + &"</Node>".repeat(65))),
            "nodes nest deeper than 64",
        ),
    ];
    for (xml, reason) in cases {
        assert_eq!(read(&xml).unwrap_err().to_string(), reason, "{xml}");
    }
    assert!(matches!(read("<MgmtTree>"), Err(DocumentError::Decode(_))));
}

#[test]
fn nodes_take_no_more_memory_than_they_may() {
    let limits = Tnds::limits().with_memory(64 << 10);
    let octets = Bytes::from(wrapped(&"<Node/>".repeat(1_000)));
    let error = Tnds::read(Encoding::Xml, &octets, &limits).unwrap_err();
    let status = dm_proto::StatusCode::from(&error).as_u16();
    assert!(matches!(
        error,
        DocumentError::Decode(_) | DocumentError::TooMuchMemory { .. }
    ));
    assert!(matches!(status, 400 | 413));
}

#[test]
fn a_node_goes_no_deeper_than_it_can() {
    let mut tnds = Tnds::default();
    tnds.push(TndsNode::interior(3, "a", ""));
    tnds.push(TndsNode::leaf(9, "b", NodeFormat::Chr, "v"));
    tnds.push(TndsNode::leaf(9, "c", NodeFormat::Chr, "v"));
    let depths: Vec<_> = tnds.nodes().iter().map(|node| node.depth).collect();
    assert_eq!(depths, [0, 1, 1]);
}

#[test]
fn a_value_never_shows_in_debug() {
    let text = format!("{:?}", TndsNode::leaf(0, "a", NodeFormat::Chr, "secret"));
    assert!(
        text.contains("Some(6)") && !text.contains("secret"),
        "{text}"
    );
}

prop_compose! {
    fn node()(
        depth in 0_usize..6,
        name in proptest::option::of("[a-z<&\u{e4} ]{0,4}[a-z]"),
        path in proptest::option::of("[a-z/]{0,6}"),
        format in proptest::option::of(0_usize..3),
        title in proptest::option::of("\\PC{1,6}"),
        ver_no in any::<Option<u16>>(),
        octets in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6)),
        text in "\\PC{0,6}",
    ) -> TndsNode {
        let format = format.map(|which| [NodeFormat::Bin, NodeFormat::Chr, NodeFormat::Xml][which]);
        let value = octets.map(|octets| match format {
            Some(NodeFormat::Bin) => octets.into(),
            _ => Bytes::from(text),
        });
        TndsNode {
            depth,
            name: name.map(|name| name.trim().into()),
            path: path.map(Text::from),
            format,
            title: title.map(Text::from),
            ver_no,
            value,
            ..TndsNode::default()
        }
    }
}

proptest! {
    #[test]
    fn any_subtree_survives_both_encodings(nodes in proptest::collection::vec(node(), 1..12)) {
        let mut tnds = Tnds::default();
        for mut node in nodes {
            if tnds.nodes().is_empty() || node.depth > 0 {
                node.path = None;
            }
            tnds.push(node);
        }
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let octets = tnds.write(encoding).unwrap();
            let again = Tnds::read(encoding, &octets, &Tnds::limits());
            prop_assert_eq!(again.as_ref(), Ok(&tnds), "{}", encoding);
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        let octets = Bytes::from(octets);
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let _ = Tnds::read(encoding, &octets, &Tnds::limits());
        }
    }
}
