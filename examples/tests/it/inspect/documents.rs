//! Documents other than messages.

use super::{convert, inspect, refused, text};

const PROVISIONING: &str = concat!(
    r#"<wap-provisioningdoc version="1.1"><characteristic type="APPLICATION">"#,
    r#"<parm name="APPID" value="w7"/><characteristic type="APPAUTH">"#,
    r#"<parm name="AAUTHNAME" value="u"/><parm name="AAUTHSECRET" value="hidden"/>"#,
    "</characteristic></characteristic></wap-provisioningdoc>",
);

const TNDS: &str = concat!(
    r#"<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Man>Example</Man>"#,
    "<Node><NodeName>Acc</NodeName><RTProperties><ACL>Get=*</ACL><Format><node/></Format>",
    "<Type><DDFName>org.openmobilealliance/1.0/w7</DDFName></Type></RTProperties>",
    "<Node><NodeName>Name</NodeName><RTProperties><Format><chr/></Format>",
    "<Type><MIME>text/plain</MIME></Type></RTProperties><Value>home</Value></Node>",
    "<Node><NodeName>AAuthSecret</NodeName><RTProperties><Format><bin/></Format></RTProperties>",
    "<Value>AP8B</Value></Node>",
    "<Node><NodeName>Key</NodeName><RTProperties><Format><bin/></Format></RTProperties>",
    "<Value>AP8B</Value></Node></Node></MgmtTree>",
);

const DDF: &str = concat!(
    r#"<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>"#,
    "<Node><NodeName>SCOMO</NodeName><DFProperties><AccessType><Get/></AccessType>",
    "<DFFormat><node/></DFFormat><Occurrence><ZeroOrOne/></Occurrence>",
    "<Scope><Permanent/></Scope><DFTitle>Software</DFTitle>",
    "<DFType><DDFName/></DFType></DFProperties>",
    "<Node><NodeName/><DFProperties><AccessType><Get/><Add/></AccessType>",
    "<DFFormat><node/></DFFormat><Occurrence><ZeroOrN>8</ZeroOrN></Occurrence>",
    "<Scope><Dynamic/></Scope><DFType><DDFName/></DFType></DFProperties>",
    "<Node><NodeName>State</NodeName><DFProperties><AccessType><Get/></AccessType>",
    "<DefaultValue>10</DefaultValue><DFFormat><int/></DFFormat>",
    "<DFType><MIME>text/plain</MIME></DFType></DFProperties></Node></Node></Node></MgmtTree>",
);

const DEVINF: &str =
    r#"<DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><Man>M</Man><UTC/></DevInf>"#;

#[test]
fn documents_of_every_type_are_known_by_themselves_and_convert_both_ways() {
    for (doc, xml) in [
        ("cp", PROVISIONING),
        ("dmddf", TNDS),
        ("dmddf", DDF),
        ("devinf", DEVINF),
    ] {
        let wbxml = convert(&["decode", "--to", "wbxml", "-"], xml.as_bytes());
        let said = convert(
            &["decode", "--doc", doc, "--to", "wbxml", "-"],
            xml.as_bytes(),
        );
        assert_eq!(wbxml, said, "{doc}");
        assert_eq!(
            convert(&["decode", "--to", "wbxml", "-"], &wbxml),
            wbxml,
            "{doc}"
        );
        let shown = convert(&["decode", "--to", "xml", "-"], &wbxml);
        assert_eq!(
            convert(&["decode", "--to", "xml", "-"], xml.as_bytes()),
            shown,
            "{doc}"
        );
        let lines: String = text(&shown).lines().map(str::trim_start).collect();
        assert_eq!(lines, xml);
        for to in ["outline", "json"] {
            assert_eq!(
                convert(&["decode", "--to", to, "-"], &wbxml).is_empty(),
                convert(&["decode", "--to", to, "-"], xml.as_bytes()).is_empty(),
                "{doc} as {to}"
            );
        }
    }
}

#[test]
fn an_outline_of_provisioning_shows_parameters_without_secrets() {
    let expected = "\
wap-provisioningdoc version=\"1.1\"
  APPLICATION
    APPID = \"w7\"
    APPAUTH
      AAUTHNAME = \"u\"
      AAUTHSECRET = (secret)
";
    let outline = convert(&["decode", "-"], PROVISIONING.as_bytes());
    assert_eq!(text(&outline), expected);
    let outline = convert(&["decode", "-"], DEVINF.as_bytes());
    assert_eq!(
        text(&outline),
        "DevInf\n  VerDTD = \"1.2\"\n  Man = \"M\"\n  UTC\n"
    );
}

#[test]
fn json_of_a_document_has_its_elements_in_order() {
    let json = convert(&["decode", "--to", "json", "-"], PROVISIONING.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let root = &json["wap-provisioningdoc"];
    assert_eq!(root[0]["@version"], "1.1");
    let parameter = &root[1]["characteristic"][1]["parm"];
    assert_eq!(parameter[0]["@name"], "APPID");
    assert_eq!(parameter[1]["@value"], "w7");

    let wbxml = convert(&["decode", "--to", "wbxml", "-"], TNDS.as_bytes());
    let json = convert(&["decode", "--to", "json", "-"], &wbxml);
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let node = &json["MgmtTree"][2]["Node"];
    assert_eq!(node[0]["NodeName"], "Acc");
    assert_eq!(node[4]["Node"][2]["Value"][0]["base64"], "AP8B");
}

#[test]
fn a_tree_shows_values_formats_types_and_access_of_nodes() {
    let expected = "\
MgmtTree VerDTD \"1.2\" Man \"Example\"
  Acc [node, org.openmobilealliance/1.0/w7, ACL \"Get=*\"]
    Name = \"home\" [chr, text/plain]
    AAuthSecret = (secret) [bin]
    Key = \"AP8B\" [bin]
";
    assert_eq!(text(&convert(&["tree", "-"], TNDS.as_bytes())), expected);
    let wbxml = convert(&["decode", "--to", "wbxml", "-"], TNDS.as_bytes());
    assert_eq!(
        text(&convert(&["tree", "-"], &wbxml)),
        expected.replace("\"AP8B\"", "(3 octets)")
    );

    let expected = "\
MgmtTree VerDTD \"1.2\"
  SCOMO [node, ZeroOrOne, Permanent, Get, \"Software\"]
    <x> [node, ZeroOrN 8, Dynamic, Get Add]
      State [int, text/plain, Get, default \"10\"]
";
    assert_eq!(text(&convert(&["tree", "-"], DDF.as_bytes())), expected);
    assert_eq!(text(&convert(&["decode", "-"], DDF.as_bytes())), expected);
}

#[test]
fn a_tree_of_nodes_with_paths_is_that_of_nested_ones() {
    let node = |path: &str, name: &str, value: &str| {
        format!("<Node><NodeName>{name}</NodeName><Path>{path}</Path>{value}</Node>")
    };
    let flat = format!(
        "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{}{}{}{}</MgmtTree>",
        node("./A", "B", ""),
        node("A/B", "C", "<Value>1</Value>"),
        node("A/B", "D", "<Value>2</Value>"),
        node("", "A", ""),
    );
    let expected = "\
MgmtTree VerDTD \"1.2\"
  A []
    B []
      C = \"1\" []
      D = \"2\" []
";
    assert_eq!(text(&convert(&["tree", "-"], flat.as_bytes())), expected);
}

#[test]
fn a_document_inside_a_message_is_shown_below_its_item() {
    let escaped = TNDS.replace('<', "&lt;");
    let message = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target>\
         <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID><Meta>\
         <Type xmlns='syncml:metinf'>application/vnd.syncml.dmtnds+xml</Type></Meta>\
         <Item><Target><LocURI>./Acc</LocURI></Target><Data>{escaped}</Data></Item></Add>\
         <Final/></SyncBody></SyncML>"
    );
    let outline = convert(&["decode", "-"], message.as_bytes());
    let outline = text(&outline);
    assert!(
        outline.contains("    ./Acc = (DM DDF document)\n      MgmtTree VerDTD"),
        "{outline}"
    );
    assert!(outline.contains("AAuthSecret = (secret)"), "{outline}");
    let raw = message.replace(&escaped, TNDS);
    let output = inspect(&["decode", "-"], raw.as_bytes());
    assert!(text(&output.stdout).contains("Name = \"home\""));
}

#[test]
fn a_document_inside_a_message_goes_from_one_encoding_to_the_other() {
    let message = format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target>\
         <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID>\
         <Item><Target><LocURI>./Acc</LocURI></Target><Meta>\
         <Type xmlns=\"syncml:metinf\">application/vnd.syncml.dmtnds+xml</Type></Meta>\
         <Data>{TNDS}</Data></Item></Add><Final/></SyncBody></SyncML>"
    );
    let there = inspect(&["decode", "--to", "wbxml", "-"], message.as_bytes());
    assert_eq!(there.status.code(), Some(0));
    let public_id = b"-//OMA//DTD-DM-DDF 1.2//EN";
    assert!(there.stdout.windows(26).any(|octets| octets == public_id));
    let back = convert(&["decode", "--to", "xml", "-"], &there.stdout);
    assert_eq!(text(&back).trim_end(), message);
}

#[test]
fn a_broken_document_inside_a_message_is_called_that_and_keeps_its_secrets() {
    let message = "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
        <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target>\
        <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID><Item>\
        <Meta><Type xmlns='syncml:metinf'>application/vnd.syncml.dmtnds+xml</Type></Meta>\
        <Data>&lt;MgmtTree>&lt;AAuthSecret>hidden&lt;/x></Data></Item></Add><Final/></SyncBody></SyncML>";
    let outline = convert(&["decode", "-"], message.as_bytes());
    let outline = text(&outline);
    assert!(
        outline.contains(
            "= (33 octets, not the document they should be: xml byte 29 at MgmtTree/AAuthSecret: "
        ),
        "{outline}"
    );
    assert!(!outline.contains("hidden"), "{outline}");
}

#[test]
fn wbxml_that_does_not_say_what_it_is_can_be_told() {
    let meta = "<MetInf xmlns=\"syncml:metinf\"><Format>chr</Format></MetInf>";
    let mut wbxml = convert(&["decode", "--to", "wbxml", "-"], meta.as_bytes());
    // Public identifier 1, "unknown", in place of 0x1202; and no root that gives it away.
    wbxml.splice(1..3, [0x01]);
    wbxml.splice(4..7, [0x46]);
    refused(
        &inspect(&["decode", "-"], &wbxml),
        "wbxml byte 4 at Alert: the root element is \"Alert\", not \"SyncML\" \
         (--doc tells what it is if it is no message)",
    );
    wbxml.splice(4..5, [0x00, 0x01, 0x4E]);
    let arguments = ["decode", "--doc", "metinf", "--to", "xml", "-"];
    let shown = convert(&arguments, &wbxml);
    let lines: String = text(&shown).lines().map(str::trim_start).collect();
    assert_eq!(lines, meta);
}

#[test]
fn broken_documents_are_refused_with_their_place_and_path() {
    for (input, expected) in [
        (
            &b"\x02\x0B\x6A\0\x45\xC6"[..],
            "wbxml byte 6 at wap-provisioningdoc: unexpected end of input",
        ),
        (
            b"<DevInf xmlns='syncml:devinf'><Man>",
            "xml byte 35 at DevInf/Man: unexpected end of input",
        ),
        (
            b"<MgmtTree xmlns='syncml:dmddf1.2'></Node>",
            "xml byte 34 at MgmtTree: </Node> where </MgmtTree> must stand",
        ),
    ] {
        for to in ["outline", "json", "xml", "wbxml"] {
            refused(&inspect(&["decode", "--to", to, "-"], input), expected);
        }
    }
    refused(
        &inspect(&["tree", "-"], b"<MgmtTree"),
        "xml byte 9 at /: unexpected end of input",
    );
    refused(
        &inspect(&["tree", "-"], PROVISIONING.as_bytes()),
        "the document is Client Provisioning, not a DDF or TNDS document",
    );
}

#[test]
fn deep_and_large_documents_are_refused_and_not_overflowed_by() {
    let mut deep = b"\x02\x0B\x6A\0\x45".to_vec();
    deep.resize(1_000_000, 0x46);
    let output = inspect(&["decode", "--to", "json", "-"], &deep);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).ends_with(": elements nest deeper than 128\n"),
        "{}",
        text(&output.stderr)
    );
    let deep = format!(
        "<MgmtTree xmlns='syncml:dmddf1.2'>{}",
        "<Node>".repeat(1_000_000)
    );
    let output = inspect(&["tree", "-"], deep.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).ends_with(": elements nest deeper than 128\n"));

    let path = format!(
        "<MgmtTree xmlns='syncml:dmddf1.2'><Node><NodeName>A</NodeName><Path>{}</Path></Node></MgmtTree>",
        "a/".repeat(1_000_000)
    );
    let shown = convert(&["tree", "-"], path.as_bytes());
    assert!(shown.len() < 4_000_000, "{} octets", shown.len());
}

#[test]
fn what_breaks_the_letter_is_a_warning_or_refused_if_strict() {
    // An unknown token and octets behind the root.
    let input = b"\x02\x0B\x6A\0\x45\x1E\x01\x05";
    let output = inspect(&["decode", "--to", "xml", "-"], input);
    assert_eq!(
        text(&output.stderr),
        "warning: wbxml byte 5: unknown token 0x1E on code page 0\n\
         warning: wbxml byte 7: 1 octets after the root element\n"
    );
    assert_eq!(output.status.code(), Some(0));
    refused(
        &inspect(&["decode", "--strict", "--to", "xml", "-"], input),
        "wbxml byte 5 at wap-provisioningdoc: unknown token 0x1E on code page 0",
    );
}

#[test]
fn no_broken_document_makes_it_crash() {
    let wbxml = convert(&["decode", "--to", "wbxml", "-"], PROVISIONING.as_bytes());
    for at in 0..wbxml.len() {
        let mut octets = wbxml.clone();
        octets[at] ^= 0xC7;
        for input in [octets.as_slice(), &wbxml[..at]] {
            let output = inspect(&["decode", "--doc", "cp", "-"], input);
            match output.status.code() {
                Some(0) => {}
                Some(1) => assert!(text(&output.stderr).contains("error: wbxml byte ")),
                other => panic!("exit code {other:?} for {input:02x?}"),
            }
        }
    }
}
