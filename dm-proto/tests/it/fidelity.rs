//! What was read is written with the same meaning: in its own encoding, and through the other one.

use bytes::Bytes;
use dm_proto::{
    Correlator, Data, EncodeError, ForeignAttribute, Name, Piece, StatusCode,
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Add, Alert, Command, Exec, Item, Meta, Status, SyncMl},
};

use crate::tolerance::{item, lenient, wbxml, xml};

const BOTH: [Encoding; 2] = [Encoding::Xml, Encoding::Wbxml];

/// Every way of two steps through the encodings, and there and back again.
const WAYS: [&[Encoding]; 6] = [
    &[Encoding::Xml],
    &[Encoding::Wbxml],
    &[Encoding::Xml, Encoding::Wbxml],
    &[Encoding::Wbxml, Encoding::Xml],
    &[Encoding::Xml, Encoding::Wbxml, Encoding::Xml],
    &[Encoding::Wbxml, Encoding::Xml, Encoding::Wbxml],
];

fn through(message: &SyncMl, way: &[Encoding]) -> SyncMl {
    let mut message = message.clone();
    for &encoding in way {
        let octets = encode(encoding, &message).expect("it has a form");
        assert_eq!(encode(encoding, &message).as_ref(), Ok(&octets));
        message = match decode(encoding, &octets, &DecodeOptions::default()) {
            Ok(decoded) => decoded.message,
            Err(error) => panic!("{error}"),
        };
    }
    message
}

fn survives(message: &SyncMl) {
    for way in WAYS {
        assert_eq!(&through(message, way), message, "{way:?}");
    }
}

fn message(commands: Vec<Command>) -> SyncMl {
    SyncMl {
        commands,
        ..lenient(Encoding::Xml, &xml("")).message
    }
}

fn add(item: Item) -> SyncMl {
    message(vec![
        Add {
            cmd_id: "1".into(),
            items: vec![item],
            ..Add::default()
        }
        .into(),
    ])
}

fn with_data(data: impl Into<Data>) -> SyncMl {
    add(Item::for_target("./a").with_data(data))
}

#[test]
fn commands_of_all_kinds_keep_their_order() {
    let read = lenient(
        Encoding::Xml,
        &xml(
            "<Put><CmdID>1</CmdID><Item/></Put><Get><CmdID>2</CmdID><Item/></Get>\
             <Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>\
             <Data>212</Data></Status><Alert><CmdID>4</CmdID><Data>1201</Data></Alert>\
             <Sequence><CmdID>5</CmdID><Delete><CmdID>6</CmdID><Item/></Delete>\
             <Alert><CmdID>7</CmdID><Data>1101</Data></Alert><Add><CmdID>8</CmdID><Item/></Add>\
             </Sequence><Frob xmlns='urn:x'><a/></Frob><Add><CmdID>9</CmdID><Item/></Add>\
             <Results><CmdID>10</CmdID><CmdRef>2</CmdRef><Item/></Results><Final/>",
        ),
    );
    let order = |message: &SyncMl| -> Vec<String> {
        let name = |command: &Command| command.name().as_str().to_owned();
        let mut names: Vec<String> = Vec::new();
        for command in &message.commands {
            names.push(name(command));
            names.extend(command.children().iter().map(name));
        }
        names
    };
    let expected = [
        "Put", "Get", "Status", "Alert", "Sequence", "Delete", "Alert", "Add", "Frob", "Add",
        "Results",
    ];
    for way in WAYS {
        let message = through(&read.message, way);
        assert_eq!(order(&message), expected, "{way:?}");
        assert_eq!(message, read.message, "{way:?}");
    }
}

#[test]
fn status_codes_that_nobody_knows_survive() {
    for code in [0, 1, 199, 299, 418, 555, 1599, 65535] {
        survives(&message(vec![
            Status {
                cmd_id: "1".into(),
                msg_ref: "1".into(),
                cmd_ref: "1".into(),
                cmd: "Get".into(),
                data: StatusCode::new(code),
                ..Status::default()
            }
            .into(),
        ]));
    }
}

#[test]
fn children_of_meta_that_nobody_knows_survive() {
    let octets = item(
        "<Meta><Format xmlns='syncml:metinf'>chr</Format>\
         <x:Priority xmlns:x='urn:x' level='7'>hi<x:a/></x:Priority>\
         <Vendor xmlns='syncml:metinf'>v</Vendor></Meta><Data>1</Data>",
    );
    let read = lenient(Encoding::Xml, &octets).message;
    let extra = |message: &SyncMl| {
        let meta = message.commands[0].items()[0].meta.clone();
        meta.expect("it is there").extra.elements().to_vec()
    };
    assert_eq!(
        extra(&read),
        [
            Piece::Start(Name::new("urn:x", "Priority")),
            Piece::Attribute(Name::new("", "level"), "7".into()),
            Piece::Text("hi".into()),
            Piece::Start(Name::new("urn:x", "a")),
            Piece::End,
            Piece::End,
            Piece::Start(Name::new("syncml:metinf", "Vendor")),
            Piece::Text("v".into()),
            Piece::End,
        ]
    );
    survives(&read);
    // A token that no table has, which WBXML writes as it came.
    let octets = wbxml(
        "02",
        "00",
        "60 4b 033100 01 54 5a 0001 57 036100 01 01 0000 01 01",
    );
    survives(&lenient(Encoding::Wbxml, &octets).message);
}

#[test]
fn foreign_attributes_survive_where_they_stood() {
    let microsoft = "http://schemas.microsoft.com/MobileDevice/MDM";
    let octets = xml(&format!(
        "<Status a='1'><CmdID b='2'>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd>\
         <Data msft:originalerror='0x86000002' xmlns:msft='{microsoft}'>404</Data></Status>\
         <Add><CmdID>2</CmdID><Item><Meta><Type xmlns='syncml:metinf' c=' &#10;&lt;&quot;'>t</Type>\
         </Meta><Data d=''>x</Data></Item></Add>"
    ));
    let read = lenient(Encoding::Xml, &octets).message;
    let Command::Status(status) = &read.commands[0] else {
        panic!()
    };
    let attribute = |on: &str, name: Name, value: &str| ForeignAttribute {
        on: on.into(),
        name,
        value: value.into(),
    };
    assert_eq!(
        status.extra.attributes(),
        [
            attribute("", Name::new("", "a"), "1"),
            attribute("CmdID", Name::new("", "b"), "2"),
            attribute("Data", Name::new(microsoft, "originalerror"), "0x86000002"),
        ]
    );
    let meta = read.commands[1].items()[0].meta.as_ref();
    assert_eq!(
        meta.map(|meta| meta.extra.attributes()),
        Some(&[attribute("Type", Name::new("", "c"), " \n<\"")][..])
    );
    survives(&read);
}

#[test]
fn items_with_the_same_meta_survive_where_only_one_has_an_attribute_or_octets() {
    let meta = || Meta::format("chr").with_type("text/plain");
    let plain = || Item::for_target("./A").with_meta(meta()).with_data("a");
    let bare = Item::default().with_meta(meta());
    let mut marked = bare.clone();
    marked.extra.push_attribute(ForeignAttribute {
        on: "".into(),
        name: Name::new("urn:x", "a"),
        value: "v".into(),
    });
    let other = plain().with_meta(Meta::format("int").with_type("text/plain"));
    let more = plain().with_meta(Meta {
        size: Some(1),
        ..meta()
    });
    for items in [
        vec![marked.clone(), bare.clone(), marked.clone(), plain()],
        vec![plain(), marked, plain(), bare],
        vec![plain(), other.clone(), other, plain()],
        vec![more.clone(), plain(), more, plain()],
    ] {
        survives(&message(vec![
            Add {
                cmd_id: "1".into(),
                items,
                ..Add::default()
            }
            .into(),
        ]));
    }
}

#[test]
fn empty_data_stays_apart_from_none() {
    let read = |octets: &Bytes, encoding| {
        let message = lenient(encoding, octets).message;
        let items = message.commands[0].items().to_vec();
        let data: Vec<_> = items.into_iter().map(|item| item.data).collect();
        (message, data)
    };
    let empty = || Some(Data::text(""));
    let octets = xml(
        "<Add><CmdID>1</CmdID><Item><Data/></Item><Item/><Item><Data></Data></Item>\
         <Item><Data><![CDATA[]]></Data></Item><Item><Data> </Data></Item></Add>",
    );
    let (message, data) = read(&octets, Encoding::Xml);
    let space = Some(Data::text(" "));
    assert_eq!(data, [empty(), None, empty(), empty(), space]);
    survives(&message);
    let octets = wbxml(
        "02",
        "00",
        "45 4b 033100 01 54 0f 01 14 54 4f 01 01 54 4f 0300 01 01 54 4f c300 01 01 01",
    );
    let (message, data) = read(&octets, Encoding::Wbxml);
    assert_eq!(data, [empty(), None, empty(), empty(), empty()]);
    survives(&message);
}

#[test]
fn line_ends_of_values_survive() {
    for text in ["\r", "\n", "\r\n", "a\rb\nc\r\nd\n\re", "\r\n\r\n", "\t \r"] {
        survives(&with_data(text));
        survives(&message(vec![
            Exec {
                cmd_id: "1".into(),
                correlator: Some(Correlator::from(text)),
                items: vec![Item::for_target("./a")],
                ..Exec::default()
            }
            .into(),
        ]));
    }
    let written = encode(Encoding::Xml, &with_data("a\r\nb\r")).expect("it has a form");
    let written = core::str::from_utf8(&written).expect("text");
    assert!(written.contains("<Data>a&#13;\nb&#13;</Data>"), "{written}");
}

#[test]
fn the_white_space_of_a_correlator_survives() {
    for text in ["", " ", "\n  id-1\n  ", "\tid\r\n"] {
        survives(&message(vec![
            Alert {
                cmd_id: "1".into(),
                code: Some(dm_proto::AlertCode::GENERIC_ALERT),
                correlator: Some(Correlator::from(text)),
                ..Alert::default()
            }
            .into(),
        ]));
    }
}

#[test]
fn sections_and_escapes_are_one_value_and_are_written_as_escapes() {
    let forms = [
        "<![CDATA[<a b=\"c\">&amp;]]]]><![CDATA[>]]>",
        "&lt;a b=&quot;c&quot;&gt;&amp;amp;]]&gt;",
        "&#60;a b=\"c\">&#x26;amp;]<![CDATA[]]]>&gt;",
    ];
    let messages: Vec<SyncMl> = forms
        .iter()
        .map(|form| lenient(Encoding::Xml, &item(&format!("<Data>{form}</Data>"))).message)
        .collect();
    let data = messages[0].commands[0].items()[0].data.clone();
    assert_eq!(data, Some(Data::text("<a b=\"c\">&amp;]]>")));
    for message in &messages {
        assert_eq!(message, &messages[0]);
        survives(message);
        let written = encode(Encoding::Xml, message).expect("it has a form");
        assert!(!written.windows(3).any(|octets| octets == b"<!["));
    }
}

#[test]
fn what_xml_cannot_carry_in_data_is_base64_from_then_on() {
    for text in ["\0", "\u{1}", "a\u{B}b", "\u{1F}", "\u{FFFE}", "x\u{FFFF}"] {
        let message = with_data(text);
        // WBXML carries it.
        assert_eq!(through(&message, &[Encoding::Wbxml]), message);
        let base64 = through(&message, &[Encoding::Xml]);
        let item = &base64.commands[0].items()[0];
        let format = item.meta.as_ref().and_then(|meta| meta.format.as_deref());
        assert_eq!(format, Some("b64"));
        assert_ne!(item.data, message.commands[0].items()[0].data);
        survives(&base64);
    }
    // Octets, too, also where they would be text.
    for octets in [&b"\x00\xFF"[..], b"text"] {
        let item = Item::for_target("./a")
            .with_meta(Meta::format("bin").with_type("application/x"))
            .with_data(Data::binary(octets.to_vec()));
        let message = add(item);
        assert_eq!(through(&message, &[Encoding::Wbxml]), message);
        let base64 = through(&message, &[Encoding::Xml]);
        let meta = base64.commands[0].items()[0].meta.clone();
        let meta = meta.expect("it is there");
        assert_eq!(meta.format.as_deref(), Some("b64"));
        assert_eq!(meta.type_.as_deref(), Some("application/x"));
        survives(&base64);
    }
}

#[test]
fn what_xml_cannot_carry_elsewhere_is_an_error_that_names_the_element() {
    let mut broken: Vec<(&str, SyncMl)> = Vec::new();
    let bad = "a\u{1}";
    let mut exec = Exec {
        cmd_id: "1".into(),
        items: vec![Item::for_target("./a")],
        ..Exec::default()
    };
    exec.correlator = Some(Correlator::from(bad));
    broken.push(("Correlator", message(vec![exec.into()])));
    broken.push(("LocURI", add(Item::for_target(bad))));
    let typed = Item::for_target("a").with_meta(Meta::format("chr").with_type(bad));
    broken.push(("Type", add(typed)));
    let mut header = message(Vec::new());
    header.header.session_id = bad.into();
    broken.push(("SessionID", header));
    for (element, message) in broken {
        assert_eq!(
            encode(Encoding::Xml, &message),
            Err(EncodeError::NotRepresentable {
                element,
                character: 1
            })
        );
        assert_eq!(through(&message, &[Encoding::Wbxml]), message, "{element}");
    }
}

#[test]
fn elements_in_data_survive() {
    let octets = item(
        "<Data>a <MgmtTree xmlns='syncml:dmddf1.2'><Node x:y='1' xmlns:x='urn:x'> </Node>\
         </MgmtTree>&#13;<b xmlns=''/></Data>",
    );
    survives(&lenient(Encoding::Xml, &octets).message);
}

/// OMA-TS-DM_RepPro has them for data synchronization: Put, Map, Search, Sync, Move.
#[test]
fn commands_of_data_synchronization_are_one_thing_in_both_encodings() {
    let of_xml = "<Put><CmdID>1</CmdID><Meta><Type xmlns='syncml:metinf'>t</Type></Meta><Item/></Put>\
        <Map><CmdID>2</CmdID><Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source>\
        <MapItem><Target><LocURI>c</LocURI></Target><Source><LocURI>d</LocURI></Source></MapItem></Map>\
        <Search><CmdID>3</CmdID><NoResults/><Source><LocURI>s</LocURI></Source><Meta/><Data>q</Data></Search>\
        <Sync><CmdID>4</CmdID><NumberOfChanges>1</NumberOfChanges><Add><CmdID>5</CmdID><Item/></Add></Sync>\
        <Move><CmdID>6</CmdID><Item/></Move>\
        <Atomic><CmdID>7</CmdID><Map><CmdID>8</CmdID></Map></Atomic>";
    let of_wbxml = "5f 4b 033100 01 5a 0001 53 037400 01 01 0000 14 01
        58 4b 033200 01 6e 57 036100 01 01 67 57 036200 01 01
        59 6e 57 036300 01 01 67 57 036400 01 01 01 01
        63 4b 033300 01 1e 67 57 037300 01 01 1a 4f 037100 01 01
        6a 4b 033400 01 73 033100 01 45 4b 033500 01 14 01 01
        7b 4b 033600 01 14 01
        48 4b 033700 01 58 4b 033800 01 01 01";
    let from_xml = lenient(Encoding::Xml, &xml(of_xml));
    let from_wbxml = lenient(Encoding::Wbxml, &wbxml("02", "00", of_wbxml));
    assert_eq!(from_xml.message, from_wbxml.message);
    // They are commands, if not of DM.
    assert_eq!(from_xml.tolerances, []);
    assert_eq!(from_wbxml.tolerances, []);
    let ids: Vec<(String, String)> = from_xml
        .message
        .commands
        .iter()
        .map(|command| {
            (
                command.name().as_str().into(),
                command.cmd_id().as_str().into(),
            )
        })
        .collect();
    let expected = [
        ("Put", "1"),
        ("Map", "2"),
        ("Search", "3"),
        ("Sync", "4"),
        ("Move", "6"),
        ("Atomic", "7"),
    ];
    assert_eq!(ids, expected.map(|(name, id)| (name.into(), id.into())));
    assert_eq!(from_xml.message.commands[5].children()[0].cmd_id(), "8");
    survives(&from_xml.message);
}

#[test]
fn both_encodings_write_children_in_the_order_of_the_dtd() {
    let octets = xml(
        "<Exec><Item><MoreData/><Data>x</Data><Meta><Type xmlns='syncml:metinf'>t</Type>\
         <Format xmlns='syncml:metinf'>f</Format></Meta><Source><LocURI>s</LocURI></Source>\
         <Target><LocName>n</LocName><LocURI>t</LocURI></Target></Item><Correlator>c</Correlator>\
         <Meta/><NoResp/><CmdID>1</CmdID></Exec>",
    );
    let message = lenient(Encoding::Xml, &octets).message;
    let written = encode(Encoding::Xml, &message).expect("it has a form");
    let written = core::str::from_utf8(&written).expect("text");
    let meta = " xmlns=\"syncml:metinf\"";
    let expected = format!(
        "<Exec><CmdID>1</CmdID><NoResp/><Meta/><Correlator>c</Correlator><Item><Target><LocURI>t</LocURI>\
         <LocName>n</LocName></Target><Source><LocURI>s</LocURI></Source><Meta><Format{meta}>f</Format>\
         <Type{meta}>t</Type></Meta><Data>x</Data><MoreData/></Item></Exec>"
    );
    assert!(written.contains(&expected), "{written}");
    for encoding in BOTH {
        let octets = encode(encoding, &message).expect("it has a form");
        let strict = DecodeOptions::strict(Default::default());
        decode(encoding, &octets, &strict).unwrap_or_else(|error| panic!("{error}"));
    }
}
