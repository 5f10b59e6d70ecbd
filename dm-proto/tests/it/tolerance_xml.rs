//! Tolerances of XML itself: encodings, declarations, sections; and orders seen in the documents' samples.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind,
    codec::{DecodeOptions, Encoding, ToleranceKind, decode, encode},
    message::Command,
};

use crate::tolerance::{check_xml, item, kinds, lenient, xml};

fn declared(encoding: &str, data: &str) -> String {
    let body = item(&format!("<Data>{data}</Data>"));
    let body = core::str::from_utf8(&body).expect("text");
    format!("<?xml version='1.0' encoding='{encoding}'?>{body}")
}

fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Bytes {
    text.encode_utf16()
        .flat_map(unit)
        .collect::<Vec<u8>>()
        .into()
}

fn data(octets: &Bytes) -> Option<Data> {
    lenient(Encoding::Xml, octets).message.commands[0].items()[0]
        .data
        .clone()
}

#[test]
fn utf_16_shows_by_its_first_octets_where_the_mark_is_missing() {
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let octets = utf_16(&declared("UTF-16", "€\u{1F600}"), unit);
        assert_eq!(Encoding::detect(&octets), Some(Encoding::Xml));
        let message = check_xml(
            &octets,
            ToleranceKind::MissingByteOrderMark,
            "utf-16 without a byte order mark",
        );
        let data = message.commands[0].items()[0].data.clone();
        assert_eq!(data, Some(Data::text("€\u{1F600}")));
        // Without a declaration too.
        let bare = item("<Data>€</Data>");
        let octets = utf_16(core::str::from_utf8(&bare).expect("text"), unit);
        let found = lenient(Encoding::Xml, &octets);
        assert_eq!(kinds(&found), [ToleranceKind::MissingByteOrderMark]);
    }
}

#[test]
fn a_declaration_that_says_the_order_of_octets_needs_no_mark() {
    for (name, unit) in [
        ("UTF-16LE", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ("utf-16be", u16::to_be_bytes),
    ] {
        let octets = utf_16(&declared(name, "€"), unit);
        let strict = DecodeOptions::strict(Default::default());
        decode(Encoding::Xml, &octets, &strict).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(data(&octets), Some(Data::text("€")));
    }
}

#[test]
fn offsets_in_utf_16_without_a_mark_are_those_of_the_octets() {
    let text = declared("UTF-16", "é&x;");
    let place = text.find("&x;").expect("it is there") - 1;
    let octets = utf_16(&text, u16::to_le_bytes);
    let error = decode(Encoding::Xml, &octets, &DecodeOptions::default()).expect_err("no entity");
    assert_eq!(error.offset(), 2 * place);
    assert!(matches!(
        error.kind(),
        DecodeErrorKind::UndefinedEntity { .. }
    ));
    let mut half = octets.to_vec();
    half.truncate(half.len() - 1);
    let error = decode(Encoding::Xml, &half.into(), &DecodeOptions::default())
        .expect_err("half a code unit");
    assert_eq!(
        error.kind(),
        &DecodeErrorKind::InvalidText { charset: "utf-16" }
    );
}

#[test]
fn latin_1_and_ascii_are_read_where_they_are_declared() {
    let latin_1 = |text: &str| -> Bytes {
        text.chars()
            .map(|character| u8::try_from(u32::from(character)).expect("latin-1"))
            .collect::<Vec<u8>>()
            .into()
    };
    let strict = DecodeOptions::strict(Default::default());
    // C3 A9 is two characters here, though it would be one in UTF-8.
    for name in ["ISO-8859-1", "iso-8859-1"] {
        let octets = latin_1(&declared(name, "é\u{C3}\u{A9}"));
        decode(Encoding::Xml, &octets, &strict).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(data(&octets), Some(Data::text("é\u{C3}\u{A9}")));
    }
    let octets = Bytes::from(declared("US-ASCII", "e"));
    decode(Encoding::Xml, &octets, &strict).unwrap_or_else(|error| panic!("{error}"));
    // An offset behind a character of two octets in UTF-8.
    let text = declared("ISO-8859-1", "éé&x;");
    let place = text.chars().position(|character| character == '&');
    let error = decode(Encoding::Xml, &latin_1(&text), &strict).expect_err("no entity");
    assert_eq!(Some(error.offset()), place);
}

#[test]
fn octets_count_more_than_the_declaration() {
    // A string made for UTF-16 and sent as UTF-8, and the other way round.
    for (octets, name) in [
        (Bytes::from(declared("UTF-16", "é")), "UTF-16"),
        (Bytes::from(declared("us-ascii", "é")), "us-ascii"),
        (
            Bytes::from([b"\xEF\xBB\xBF", declared("ISO-8859-1", "é").as_bytes()].concat()),
            "ISO-8859-1",
        ),
        (
            [
                Bytes::from_static(b"\xFF\xFE"),
                utf_16(&declared("utf-8", "é"), u16::to_le_bytes),
            ]
            .concat()
            .into(),
            "utf-8",
        ),
    ] {
        let message = check_xml(
            &octets,
            ToleranceKind::DeclaredEncoding { name: name.into() },
            &format!("the octets are not in the declared encoding {name:?}"),
        );
        let data = message.commands[0].items()[0].data.clone();
        assert_eq!(data, Some(Data::text("é")), "{name}");
    }
}

#[test]
fn a_declaration_stands_first_and_is_of_version_1() {
    let body = item("");
    for before in [
        "\n<?xml version='1.0'?>",
        "<!-- --><?xml version='1.0'?>",
        "<?xml version='2.0'?>",
    ] {
        check_xml(
            &[before.as_bytes(), &body].concat().into(),
            ToleranceKind::Declaration,
            "an xml declaration that is late or of another version",
        );
    }
    let later = Bytes::from([b"<?xml version='1.1'?>\n", &body[..]].concat());
    assert_eq!(lenient(Encoding::Xml, &later).tolerances, []);
}

#[test]
fn the_end_of_a_section_in_text_is_read_as_it_is() {
    let message = check_xml(
        &item("<Data>a]]>b</Data>"),
        ToleranceKind::SectionEnd,
        "]]> outside a section",
    );
    let data = message.commands[0].items()[0].data.clone();
    assert_eq!(data, Some(Data::text("a]]>b")));
    // Between elements it is dropped with the text around it.
    let between = lenient(Encoding::Xml, &item("]]>"));
    assert_eq!(
        kinds(&between),
        [ToleranceKind::SectionEnd, ToleranceKind::StrayText]
    );
    for well in ["]]&gt;", "]] >", "<![CDATA[]]>]<![CDATA[]>]]>", "<?x ]]>?>"] {
        let well = item(&format!("<Data>{well}</Data>"));
        let strict = DecodeOptions::strict(Default::default());
        decode(Encoding::Xml, &well, &strict).unwrap_or_else(|error| panic!("{error}"));
    }
    // Written, it is escaped.
    let written = encode(Encoding::Xml, &message).expect("it has a form");
    assert_eq!(lenient(Encoding::Xml, &written).tolerances, []);
}

#[test]
fn what_declares_a_prefix_is_a_name() {
    for prefix in ["", "1", "-a"] {
        let octets = format!("<SyncML xmlns:{prefix}='urn:x'><SyncHdr/></SyncML>");
        let error = decode(Encoding::Xml, &octets.into(), &DecodeOptions::default())
            .expect_err("not a name");
        assert_eq!(
            error.kind(),
            &DecodeErrorKind::InvalidName {
                name: format!("xmlns:{prefix}")
            }
        );
    }
}

/// The orders of the samples in OMA-TS-DM_Protocol and OMA-TS-DM_RepPro, which are not those of the DTD.
#[test]
fn orders_of_published_samples_are_read() {
    let status = "<CmdRef>1</CmdRef><Cmd>Get</Cmd>";
    for (body, late) in [
        (
            format!("<Status><MsgRef>1</MsgRef><CmdID>1</CmdID>{status}<Data>200</Data></Status>"),
            "CmdID",
        ),
        (
            "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><Cmd>Get</Cmd><CmdRef>1</CmdRef>\
             <Data>200</Data></Status>"
                .into(),
            "CmdRef",
        ),
        (
            format!(
                "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef>{status}<Data>401</Data><Chal><Meta/>\
                 </Chal></Status>"
            ),
            "Chal",
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Meta/><Target><LocURI>a</LocURI></Target></Item>\
             </Replace>"
                .into(),
            "Target",
        ),
        (
            "<Replace><CmdID>1</CmdID><Item><Data>1</Data><Meta/></Item></Replace>".into(),
            "Meta",
        ),
        ("<Get><Item/><CmdID>1</CmdID></Get>".into(), "CmdID"),
        (
            "<Exec><CmdID>1</CmdID><Item/><Correlator>c</Correlator></Exec>".into(),
            "Correlator",
        ),
        (
            "<Sequence><Get><CmdID>2</CmdID><Item/></Get><CmdID>1</CmdID></Sequence>".into(),
            "CmdID",
        ),
        (
            "<Results><CmdRef>2</CmdRef><CmdID>1</CmdID><Item/></Results>".into(),
            "CmdID",
        ),
        (
            "<Alert><Data>1201</Data><CmdID>1</CmdID></Alert>".into(),
            "CmdID",
        ),
        (
            "<Copy><CmdID>1</CmdID><Item><Source><LocURI>a</LocURI></Source>\
             <Target><LocURI>b</LocURI></Target></Item></Copy>"
                .into(),
            "Target",
        ),
    ] {
        let octets = xml(&body);
        let message = check_xml(
            &octets,
            ToleranceKind::ElementOrder { element: late },
            &format!("{late} stands too late"),
        );
        // What is written is in order, in both encodings, and means the same.
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let written = encode(encoding, &message).expect("it has a form");
            let strict = DecodeOptions::strict(Default::default());
            let again = decode(encoding, &written, &strict).expect("it is in order");
            assert_eq!(again.message, message, "{body}");
        }
    }
}

#[test]
fn an_address_may_stand_bare_in_a_source_too() {
    let octets = xml(
        "<Copy><CmdID>1</CmdID><Item><Target><LocURI>./b</LocURI></Target>\
         <Source>\n./a</Source></Item></Copy>",
    );
    let message = check_xml(
        &octets,
        ToleranceKind::BareLocation,
        "an address without LocURI",
    );
    let Command::Copy(copy) = &message.commands[0] else {
        panic!()
    };
    let source = copy.items[0].source.as_ref();
    assert_eq!(
        source.map(|source| source.loc_uri.clone()),
        Some("./a".into())
    );
}

/// Seen in the field and allowed by the documents: none of it is a tolerance.
#[test]
fn what_devices_send_by_the_letter_is_no_tolerance() {
    let meta = " xmlns='syncml:metinf'";
    for body in [
        // Windows: Source, Meta, Data; a UUID as CmdID; Results without MsgRef.
        format!(
            "<Results><CmdID>0f8fad5b-d9cb-469f-a165-70867728950e</CmdID><CmdRef>2</CmdRef><Item>\
             <Source><LocURI>./DevInfo/DmV</LocURI></Source><Meta><Format{meta}>int</Format></Meta>\
             <Data>1</Data></Item></Results>"
        ),
        // Formats that are none of the table, children of Meta in any order, MetInf around them.
        format!(
            "<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Type{meta}>urn:x</Type>\
             <Format{meta}>text/plain</Format></Meta><Data/></Item></Alert>"
        ),
        "<Add><CmdID>1</CmdID><Item><Meta><MetInf xmlns='syncml:metinf'><Type>t</Type>\
         <Format>chr</Format></MetInf></Meta></Item></Add>"
            .into(),
        // More than one item in an Exec, which the DTD has one of.
        "<Exec><CmdID>1</CmdID><Item/><Item/></Exec>".into(),
        "<Get><CmdID>1</CmdID><Item><Target><LocURI>./a</LocURI><Filter><Meta/></Filter></Target>\
         </Item></Get>"
            .into(),
        "<!-- a comment --><?target instruction?><Final/>".into(),
    ] {
        let octets = xml(&body);
        let strict = DecodeOptions::strict(Default::default());
        if let Err(error) = decode(Encoding::Xml, &octets, &strict) {
            panic!("{body}: {error}");
        }
        assert_eq!(lenient(Encoding::Xml, &octets).tolerances, [], "{body}");
    }
}
