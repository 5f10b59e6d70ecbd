//! What lenient reading passes over, and strict reading refuses: one of each.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind, ForeignAttribute, Name, Piece, StatusCode,
    codec::{DecodeOptions, Decoded, Encoding, ToleranceKind, decode},
    message::{Command, SyncMl},
};

use crate::hex;

const HEADER: &str = "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>\
    <MsgID>1</MsgID><Target><LocURI>t</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr>";

/// A message with this body.
pub(crate) fn xml(body: &str) -> Bytes {
    format!("<SyncML xmlns=\"SYNCML:SYNCML1.2\">{HEADER}<SyncBody>{body}</SyncBody></SyncML>")
        .into()
}

/// A message whose one command has this content.
fn replace(content: &str) -> Bytes {
    xml(&format!("<Replace><CmdID>1</CmdID>{content}</Replace>"))
}

pub(crate) fn item(content: &str) -> Bytes {
    replace(&format!("<Item>{content}</Item>"))
}

/// The header of `HEADER` as WBXML, after a document header with this string table.
pub(crate) fn wbxml(version: &str, table: &str, body: &str) -> Bytes {
    hex(&format!(
        "{version} a401 6a {table} 6d 6c 71 03312e3200 01 72 03444d2f312e3200 01 65 033100 01 5b 033100 01
         6e 57 037400 01 01 67 57 037300 01 01 01 6b {body} 01 01"
    ))
}

pub(crate) fn lenient(encoding: Encoding, octets: &Bytes) -> Decoded {
    match decode(encoding, octets, &DecodeOptions::default()) {
        Ok(decoded) => decoded,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn kinds(decoded: &Decoded) -> Vec<ToleranceKind> {
    decoded
        .tolerances
        .iter()
        .map(|tolerance| tolerance.kind.clone())
        .collect()
}

/// Reads both ways: lenient passes over exactly this, strict refuses exactly this at the same place.
pub(crate) fn check(
    encoding: Encoding,
    octets: &Bytes,
    kind: ToleranceKind,
    display: &str,
) -> SyncMl {
    let decoded = lenient(encoding, octets);
    assert_eq!(kinds(&decoded), core::slice::from_ref(&kind));
    assert_eq!(kind.to_string(), display);
    let offset = decoded.tolerances[0].offset;
    let error = decode(encoding, octets, &DecodeOptions::strict(Default::default()))
        .expect_err("strict mode tolerates nothing");
    assert_eq!(error.kind(), &DecodeErrorKind::Strict(kind));
    assert_eq!(error.offset(), offset);
    assert_eq!(
        error.to_string(),
        format!(
            "{encoding} byte {offset} at {}: {display}",
            if error.path().is_empty() {
                "/"
            } else {
                error.path()
            }
        )
    );
    decoded.message
}

pub(crate) fn check_xml(octets: &Bytes, kind: ToleranceKind, display: &str) -> SyncMl {
    check(Encoding::Xml, octets, kind, display)
}

#[test]
fn what_keeps_to_the_letter_is_accepted_by_strict_mode() {
    let octets = item(
        "<Target><LocURI>./a</LocURI></Target><Meta><Format xmlns='syncml:metinf'>chr</Format></Meta><Data> x </Data>",
    );
    let strict = decode(
        Encoding::Xml,
        &octets,
        &DecodeOptions::strict(Default::default()),
    )
    .expect("nothing is wrong");
    assert_eq!(strict.tolerances, []);
    assert_eq!(strict, lenient(Encoding::Xml, &octets));
}

#[test]
fn children_in_another_order() {
    let octets = xml("<Replace><Item/><CmdID>1</CmdID></Replace>");
    let message = check_xml(
        &octets,
        ToleranceKind::ElementOrder { element: "CmdID" },
        "CmdID stands too late",
    );
    assert_eq!(message.commands[0].cmd_id(), "1");
}

#[test]
fn the_first_of_two_counts() {
    let octets = item("<Data>one</Data><Data>two<x/></Data>");
    let message = check_xml(
        &octets,
        ToleranceKind::DuplicateElement { element: "Data" },
        "a second Data",
    );
    assert_eq!(message.commands[0].items()[0].data, Some(Data::text("one")));
}

#[test]
fn a_command_without_an_identifier() {
    let octets = xml("<Replace><Item/></Replace>");
    let message = check_xml(
        &octets,
        ToleranceKind::MissingElement { element: "CmdID" },
        "CmdID is missing",
    );
    assert_eq!(message.commands[0].cmd_id(), "");
}

#[test]
fn a_header_without_session_can_still_be_answered() {
    let octets =
        Bytes::from(String::from_utf8_lossy(&item("")).replace("<SessionID>1</SessionID>", ""));
    let message = check_xml(
        &octets,
        ToleranceKind::MissingElement {
            element: "SessionID",
        },
        "SessionID is missing",
    );
    assert_eq!(message.header.session_id, "");
    assert_eq!(message.header.msg_id, "1");
}

#[test]
fn an_element_that_belongs_elsewhere_is_kept() {
    let octets = item("<Cmd>Get</Cmd>");
    let message = check_xml(
        &octets,
        ToleranceKind::MisplacedElement { element: "Cmd" },
        "Cmd does not belong here",
    );
    assert_eq!(
        message.commands[0].items()[0].extra.elements(),
        [
            Piece::Start(Name::new("SYNCML:SYNCML1.2", "Cmd")),
            Piece::Text("Get".into()),
            Piece::End
        ]
    );
}

#[test]
fn a_foreign_element_is_kept() {
    let octets = item("<x:y xmlns:x='urn:x'>z</x:y>");
    let message = check_xml(
        &octets,
        ToleranceKind::ForeignElement { name: "y".into() },
        "unknown element \"y\"",
    );
    assert_eq!(
        message.commands[0].items()[0].extra.elements(),
        [
            Piece::Start(Name::new("urn:x", "y")),
            Piece::Text("z".into()),
            Piece::End
        ]
    );
}

#[test]
fn a_foreign_attribute_is_kept() {
    let octets = xml(
        "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd>\
         <Data msft:originalerror='0x86000002' xmlns:msft='http://schemas.microsoft.com/MobileDevice/MDM'>404</Data></Status>",
    );
    let message = check_xml(
        &octets,
        ToleranceKind::ForeignAttribute {
            name: "originalerror".into(),
        },
        "unknown attribute \"originalerror\"",
    );
    let Command::Status(status) = &message.commands[0] else {
        panic!()
    };
    assert_eq!(
        status.extra.attributes(),
        [ForeignAttribute {
            on: "Data".into(),
            name: Name::new(
                "http://schemas.microsoft.com/MobileDevice/MDM",
                "originalerror"
            ),
            value: "0x86000002".into(),
        }]
    );
}

#[test]
fn an_element_in_text_is_dropped() {
    let octets = xml("<Replace><CmdID>1<b>2</b></CmdID><Item/></Replace>");
    let message = check_xml(
        &octets,
        ToleranceKind::ElementInText { name: "b".into() },
        "element \"b\" where only text may stand",
    );
    assert_eq!(message.commands[0].cmd_id(), "1");
}

#[test]
fn text_between_elements_is_dropped() {
    check_xml(
        &item("x"),
        ToleranceKind::StrayText,
        "text where only elements may stand",
    );
}

#[test]
fn white_space_is_trimmed_but_for_data_and_correlator() {
    let octets = xml(
        "<Exec><CmdID>\n 1\t</CmdID><Correlator> c\n</Correlator><Item><Data> x </Data></Item></Exec>",
    );
    let message = check_xml(
        &octets,
        ToleranceKind::SurroundingSpace { element: "CmdID" },
        "white space around CmdID",
    );
    let Command::Exec(exec) = &message.commands[0] else {
        panic!()
    };
    assert_eq!(exec.cmd_id, "1");
    assert_eq!(exec.correlator.as_ref().map(|c| c.as_str()), Some(" c\n"));
    assert_eq!(exec.items[0].data, Some(Data::text(" x ")));
}

#[test]
fn meta_without_its_namespace() {
    let octets = item("<Meta><Format>int</Format></Meta>");
    let message = check_xml(
        &octets,
        ToleranceKind::MissingMetInfNamespace { element: "Format" },
        "Format without the namespace of MetInf",
    );
    let meta = message.commands[0].items()[0].meta.as_deref();
    assert_eq!(meta.and_then(|meta| meta.format.as_deref()), Some("int"));
}

#[test]
fn a_root_without_namespace() {
    let octets =
        Bytes::from(String::from_utf8_lossy(&item("")).replace(" xmlns=\"SYNCML:SYNCML1.2\"", ""));
    check_xml(
        &octets,
        ToleranceKind::MissingNamespace,
        "the root has no namespace",
    );
}

#[test]
fn a_prefix_that_nothing_declares() {
    let octets = item("<Meta><mi:Type>a</mi:Type></Meta>");
    let decoded = lenient(Encoding::Xml, &octets);
    assert_eq!(
        kinds(&decoded),
        [
            ToleranceKind::UndeclaredPrefix {
                prefix: "mi".into()
            },
            ToleranceKind::MissingMetInfNamespace { element: "Type" },
        ]
    );
    assert_eq!(
        decoded.tolerances[0].to_string(),
        format!(
            "byte {}: undeclared prefix \"mi\"",
            decoded.tolerances[0].offset
        )
    );
    let meta = decoded.message.commands[0].items()[0].meta.as_deref();
    assert_eq!(meta.and_then(|meta| meta.type_.as_deref()), Some("a"));
}

#[test]
fn an_address_without_loc_uri() {
    let octets = item("<Target> ./a </Target>");
    let message = check_xml(
        &octets,
        ToleranceKind::BareLocation,
        "an address without LocURI",
    );
    assert_eq!(
        message.commands[0].items()[0].target_uri(),
        Some(&"./a".into())
    );
}

#[test]
fn markup_in_data_is_kept() {
    let octets =
        item("<Data>a<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD></MgmtTree></Data>");
    let message = check_xml(
        &octets,
        ToleranceKind::RawMarkup,
        "elements in Data that are not escaped",
    );
    let data = message.commands[0].items()[0].data.as_ref();
    assert_eq!(
        data.and_then(Data::as_markup).map(|markup| markup.pieces()),
        Some(
            &[
                Piece::Text("a".into()),
                Piece::Start(Name::new("syncml:dmddf1.2", "MgmtTree")),
                Piece::Start(Name::new("syncml:dmddf1.2", "VerDTD")),
                Piece::Text("1.2".into()),
                Piece::End,
                Piece::End,
            ][..]
        )
    );
}

#[test]
fn the_command_name_that_windows_puts_into_results() {
    let octets = xml(
        "<Results><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Get</Cmd><Item/></Results>",
    );
    check_xml(&octets, ToleranceKind::CmdInResults, "Cmd in Results");
}

#[test]
fn results_need_no_message_reference() {
    let octets = xml("<Results><CmdID>1</CmdID><CmdRef>2</CmdRef><Item/></Results>");
    let decoded = lenient(Encoding::Xml, &octets);
    assert_eq!(decoded.tolerances, []);
    let Command::Results(results) = &decoded.message.commands[0] else {
        panic!()
    };
    assert_eq!(results.msg_ref, None);
}

#[test]
fn a_status_without_a_number_is_400() {
    let status = "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd>";
    for data in [
        "",
        "<Data/>",
        "<Data>OK</Data>",
        "<Data>+200</Data>",
        "<Data>70000</Data>",
    ] {
        let octets = xml(&format!("{status}{data}</Status>"));
        let message = check_xml(
            &octets,
            ToleranceKind::StatusCode,
            "a Status without a numeric code",
        );
        let Command::Status(status) = &message.commands[0] else {
            panic!()
        };
        assert_eq!(status.data, StatusCode::BAD_REQUEST);
    }
}

#[test]
fn a_number_that_is_none() {
    let octets = item("<Meta><Size xmlns='syncml:metinf'>big</Size></Meta>");
    let message = check_xml(
        &octets,
        ToleranceKind::InvalidNumber { element: "Size" },
        "Size is not a number",
    );
    assert_eq!(
        message.commands[0].items()[0]
            .meta
            .as_ref()
            .and_then(|meta| meta.size),
        None
    );
}

#[test]
fn octets_after_the_root() {
    for (end, count) in [("\0", 1), ("<a/>", 4), ("abc", 3)] {
        let octets = Bytes::from([&item("")[..], end.as_bytes()].concat());
        check_xml(
            &octets,
            ToleranceKind::TrailingBytes { count },
            &format!("{count} octets after the root element"),
        );
    }
    let octets = Bytes::from([&wbxml("02", "00", "60 4b 033100 01 14 01")[..], b"\0\0"].concat());
    check(
        Encoding::Wbxml,
        &octets,
        ToleranceKind::TrailingBytes { count: 2 },
        "2 octets after the root element",
    );
    let with_comment = Bytes::from([&item("")[..], b" <!-- end -->\n<?pi?>"].concat());
    assert_eq!(lenient(Encoding::Xml, &with_comment).tolerances, []);
}

#[test]
fn strings_as_opaque_octets() {
    let octets = wbxml("02", "00", "60 4b c30131 01 14 01");
    let message = check(
        Encoding::Wbxml,
        &octets,
        ToleranceKind::OpaqueString { element: "CmdID" },
        "CmdID as opaque octets",
    );
    assert_eq!(message.commands[0].cmd_id(), "1");
    // In Data they are nothing unusual.
    let octets = wbxml("02", "00", "60 4b 033100 01 54 4f c30131 01 01 01");
    assert_eq!(lenient(Encoding::Wbxml, &octets).tolerances, []);
}

#[test]
fn a_digest_in_octets_reads_as_its_base64() {
    let octets = wbxml("02", "00", "60 4b 033100 01 4e 4f c303fffefd 01 01 14 01");
    let message = check(
        Encoding::Wbxml,
        &octets,
        ToleranceKind::RawOctets { element: "Data" },
        "Data in octets instead of Base64",
    );
    let Command::Replace(replace) = &message.commands[0] else {
        panic!()
    };
    assert_eq!(
        replace.cred.as_ref().map(|cred| cred.data.expose()),
        Some("//79")
    );
}

#[test]
fn a_code_page_left_active() {
    // Meta with Format on page 1; then Data, which is Next on page 1, without a switch back.
    let octets = wbxml(
        "02",
        "00",
        "60 4b 033100 01 54 5a 0001 47 0363687200 01 01 4f 037800 01 01 01",
    );
    let message = check(
        Encoding::Wbxml,
        &octets,
        ToleranceKind::LeftoverPage,
        "code page 1 is still active",
    );
    assert_eq!(message.commands[0].items()[0].data, Some(Data::text("x")));
}

#[test]
fn unknown_tokens_are_kept_and_written_back() {
    // Token 17 on page 1 is one vendor's FP.
    let octets = wbxml(
        "02",
        "00",
        "60 4b 033100 01 5a 0001 57 036100 01 01 0000 14 01",
    );
    let decoded = lenient(Encoding::Wbxml, &octets);
    assert_eq!(
        kinds(&decoded),
        [
            ToleranceKind::UnknownToken {
                page: 1,
                token: 0x17
            },
            ToleranceKind::ForeignElement {
                name: "page1-token17".into()
            },
        ]
    );
    assert_eq!(
        decoded.tolerances[0].kind.to_string(),
        "unknown token 0x17 on code page 1"
    );
    let written = dm_proto::codec::encode(Encoding::Wbxml, &decoded.message).expect("it was read");
    assert_eq!(lenient(Encoding::Wbxml, &written).message, decoded.message);
    assert!(
        written.windows(4).any(|octets| octets == hex("57 036100")),
        "{written:?}"
    );
    let error = decode(
        Encoding::Wbxml,
        &octets,
        &DecodeOptions::strict(Default::default()),
    )
    .expect_err("strict mode tolerates nothing");
    assert_eq!(
        error.kind(),
        &DecodeErrorKind::Strict(ToleranceKind::UnknownToken {
            page: 1,
            token: 0x17
        })
    );
}

#[test]
fn extension_tokens_are_ignored() {
    for (octets, token) in [("40 6100", 0x40), ("81 05", 0x81), ("c2", 0xC2)] {
        let octets = wbxml(
            "02",
            "00",
            &format!("60 4b 033100 {octets} 033200 01 14 01"),
        );
        let message = check(
            Encoding::Wbxml,
            &octets,
            ToleranceKind::ExtensionToken { token },
            &format!("extension token 0x{token:02X}"),
        );
        assert_eq!(message.commands[0].cmd_id(), "12");
    }
}

#[test]
fn a_later_version_is_read_as_1_3() {
    let octets = wbxml("04", "00", "60 4b 033100 01 14 01");
    check(
        Encoding::Wbxml,
        &octets,
        ToleranceKind::UnknownVersion { version: 4 },
        "wbxml version octet 0x04",
    );
}

#[test]
fn a_second_final_and_commands_after_it() {
    let octets = xml("<Final/><Get><CmdID>1</CmdID><Item/></Get><Final/>");
    let decoded = lenient(Encoding::Xml, &octets);
    assert_eq!(
        kinds(&decoded),
        [
            ToleranceKind::ElementOrder { element: "Get" },
            ToleranceKind::DuplicateElement { element: "Final" },
        ]
    );
    assert!(decoded.message.is_final);
    assert_eq!(decoded.message.commands.len(), 1);
}

#[test]
fn commands_that_dm_does_not_use_are_kept_whole() {
    let octets = xml("<Put><CmdID>7</CmdID><Item><Data>x</Data></Item></Put>\
         <Atomic><CmdID>8</CmdID><x:Frob xmlns:x='urn:x'><CmdID xmlns='SYNCML:SYNCML1.2'> 9 </CmdID></x:Frob></Atomic>");
    let decoded = lenient(Encoding::Xml, &octets);
    assert_eq!(
        kinds(&decoded),
        [ToleranceKind::ForeignElement {
            name: "Frob".into()
        }]
    );
    let [Command::Unsupported(put), Command::Atomic(atomic)] = &decoded.message.commands[..] else {
        panic!("{:?}", decoded.message.commands);
    };
    assert_eq!((put.name.as_str(), put.cmd_id.as_str()), ("Put", "7"));
    assert_eq!(put.element.pieces().len(), 10);
    assert_eq!(atomic.commands[0].name().as_str(), "Frob");
    assert_eq!(atomic.commands[0].cmd_id(), "9");
}
