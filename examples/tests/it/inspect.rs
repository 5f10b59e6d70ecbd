//! `dm-inspect`, run as a process.

mod documents;

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// Package 1 of a device: credentials, an alert, device information.
const PACKAGE_1: &str = concat!(
    r#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>"#,
    "<SessionID>1A</SessionID><MsgID>1</MsgID>",
    "<Target><LocURI>http://dm.example/dm</LocURI></Target>",
    "<Source><LocURI>IMEI:493005100592800</LocURI><LocName>phone</LocName></Source>",
    r#"<Cred><Meta><Format xmlns="syncml:metinf">b64</Format>"#,
    r#"<Type xmlns="syncml:metinf">syncml:auth-basic</Type></Meta>"#,
    "<Data>cGhvbmU6c2VjcmV0</Data></Cred>",
    r#"<Meta><MaxMsgSize xmlns="syncml:metinf">5000</MaxMsgSize></Meta></SyncHdr>"#,
    "<SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert>",
    "<Replace><CmdID>2</CmdID>",
    "<Item><Source><LocURI>./DevInfo/DevId</LocURI></Source>",
    "<Data>IMEI:493005100592800</Data></Item>",
    "<Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Sons &amp; Co</Data></Item>",
    "</Replace><Final/></SyncBody></SyncML>",
);

/// A server's message with what the outline has to show: statuses, containers, correlators.
const PACKAGE_2: &str = concat!(
    r#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>"#,
    "<SessionID>1A</SessionID><MsgID>1</MsgID>",
    "<Target><LocURI>IMEI:493005100592800</LocURI></Target>",
    "<Source><LocURI>http://dm.example/dm</LocURI></Source></SyncHdr>",
    "<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>",
    r#"<Chal><Meta><Format xmlns="syncml:metinf">b64</Format>"#,
    r#"<Type xmlns="syncml:metinf">syncml:auth-md5</Type>"#,
    r#"<NextNonce xmlns="syncml:metinf">bm9uY2Vub25jZQ==</NextNonce></Meta></Chal>"#,
    "<Data>212</Data></Status>",
    "<Sequence><CmdID>2</CmdID>",
    "<Alert><CmdID>3</CmdID><Data>1101</Data><Item/><Item><Data>Wipe?</Data></Item></Alert>",
    "<Exec><CmdID>4</CmdID><Correlator>op-1</Correlator>",
    "<Item><Target><LocURI>./LAWMO/Operations/Wipe</LocURI></Target></Item></Exec>",
    "</Sequence><Final/></SyncBody></SyncML>",
);

/// A published notification: session 0x1234 of `com.mgmtsrv.manage`.
const NOTIFICATION: &str = "bc1817ccde348b802f2d4973e580018b 02d0000000 1234 12 \
                            636f6d2e6d676d747372762e6d616e616765";

fn inspect(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dm-inspect"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dm-inspect starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that refuses its arguments does not read.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("dm-inspect ends")
}

/// The output of a run that must succeed without a word on standard error.
fn convert(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = inspect(arguments, input);
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    output.stdout
}

fn text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).expect("text")
}

/// Checks that a run ended in exit code 1 and this one line.
fn refused(output: &Output, expected: &str) {
    assert_eq!(text(&output.stderr), format!("error: {expected}\n"));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_message_becomes_wbxml_and_xml_again_unchanged() {
    for message in [PACKAGE_1, PACKAGE_2] {
        let wbxml = convert(&["decode", "--to", "wbxml", "-"], message.as_bytes());
        assert_eq!(wbxml.first(), Some(&0x02), "WBXML 1.2");
        assert!(wbxml.len() < message.len() / 2);

        let xml = convert(&["decode", "--to", "xml", "-"], &wbxml);
        assert_eq!(text(&xml).trim_end(), message);
    }
}

#[test]
fn the_encoding_of_the_input_can_be_said_and_is_believed() {
    let wbxml = convert(&["decode", "--to", "wbxml", "-"], PACKAGE_1.as_bytes());
    let said = convert(&["decode", "--from", "wbxml", "--to", "xml", "-"], &wbxml);
    assert_eq!(text(&said).trim_end(), PACKAGE_1);

    let output = inspect(&["decode", "--from", "xml", "-"], &wbxml);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: xml byte "));
}

#[test]
fn an_error_shows_the_names_of_the_input_without_what_steers_a_terminal() {
    for (name, shown) in [("a\rb", "</a\\rb>"), ("a\u{202e}b", "</a\\u{202e}b>")] {
        let input = format!("<SyncML xmlns=\"SYNCML:SYNCML1.2\"></{name}>");
        let output = inspect(&["decode", "-"], input.as_bytes());
        assert_eq!(output.status.code(), Some(1));
        let stderr = text(&output.stderr);
        assert!(stderr.contains(shown), "{stderr}");
    }
}

#[test]
fn a_file_is_read_like_standard_input() {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/inspect-package-1.xml");
    std::fs::write(path, PACKAGE_1).expect("a file");
    assert_eq!(
        convert(&["decode", path], b""),
        convert(&["decode", "-"], PACKAGE_1.as_bytes())
    );
}

#[test]
fn the_outline_reads_well_and_keeps_credentials_and_nonces_back() {
    let expected = "\
message 1 of session 1A
  IMEI:493005100592800 (phone) -> http://dm.example/dm
  credentials syncml:auth-basic: (secret)
  [MaxMsgSize 5000]
  1 Alert 1201 client-initiated management
  2 Replace
    ./DevInfo/DevId = \"IMEI:493005100592800\"
    ./DevInfo/Man = \"Sons & Co\"
  Final
";
    let outline = convert(&["decode", "-"], PACKAGE_1.as_bytes());
    assert_eq!(text(&outline), expected);

    let expected = "\
message 1 of session 1A
  http://dm.example/dm -> IMEI:493005100592800
  1 Status 212 authentication accepted for SyncHdr of message 1
    challenge syncml:auth-md5, next nonce (secret)
  2 Sequence of 2
    3 Alert 1101 confirm or reject
      (empty item)
      = \"Wipe?\"
    4 Exec ./LAWMO/Operations/Wipe correlator \"op-1\"
  Final
";
    let wbxml = convert(&["decode", "--to", "wbxml", "-"], PACKAGE_2.as_bytes());
    let outline = convert(&["decode", "--to", "outline", "-"], &wbxml);
    assert_eq!(text(&outline), expected);
}

#[test]
fn json_has_the_names_of_the_elements() {
    let json = convert(&["decode", "--to", "json", "-"], PACKAGE_2.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");

    assert_eq!(json["SyncHdr"]["SessionID"], "1A");
    assert_eq!(json["Final"], true);
    let status = &json["SyncBody"][0]["Status"];
    assert_eq!(status["Data"], 212);
    assert_eq!(status["Chal"]["Meta"]["NextNonce"], "bm9uY2Vub25jZQ==");
    let exec = &json["SyncBody"][1]["Sequence"]["commands"][1]["Exec"];
    assert_eq!(exec["Correlator"], "op-1");
    assert_eq!(
        exec["Item"][0]["Target"]["LocURI"],
        "./LAWMO/Operations/Wipe"
    );
}

#[test]
fn bad_input_is_refused_with_its_place_and_path() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "wbxml byte 0 at /: unexpected end of input"),
        (b"<SyncML", "xml byte 7 at /: unexpected end of input"),
        (
            b"<html></html>",
            "xml byte 0 at html: the root element is \"html\", not \"SyncML\"",
        ),
        (
            b"\x02\xA4\x01\x6A\0\x6D\x6C\x71\x031.2",
            "wbxml byte 12 at SyncML/SyncHdr/VerDTD: unexpected end of input",
        ),
        (
            b"\x52\xA4\x01\x6A\0\x6D\x01",
            "wbxml byte 0 at /: unsupported wbxml version octet 0x52",
        ),
    ];
    for (input, expected) in cases {
        refused(&inspect(&["decode", "-"], input), expected);
    }
}

#[test]
fn no_broken_message_makes_it_crash() {
    let wbxml = convert(&["decode", "--to", "wbxml", "-"], PACKAGE_2.as_bytes());
    let cut = (0..wbxml.len()).map(|end| wbxml[..end].to_vec());
    let flipped = (0..wbxml.len()).map(|at| {
        let mut octets = wbxml.clone();
        octets[at] ^= 0xC7;
        octets
    });
    for input in cut.chain(flipped) {
        let output = inspect(&["decode", "-"], &input);
        let stderr = text(&output.stderr);
        match output.status.code() {
            // A changed character of a text is another text.
            Some(0) => assert!(!stderr.contains("error:"), "{stderr}"),
            Some(1) => assert!(stderr.contains("error: wbxml byte "), "{stderr}"),
            other => panic!("exit code {other:?} for {input:02x?}: {stderr}"),
        }
    }
}

#[test]
fn what_breaks_the_letter_is_read_with_a_warning_and_refused_if_strict() {
    // MsgID stands before SessionID.
    let message = PACKAGE_1.replace(
        "<SessionID>1A</SessionID><MsgID>1</MsgID>",
        "<MsgID>1</MsgID><SessionID>1A</SessionID>",
    );
    let output = inspect(&["decode", "-"], message.as_bytes());
    let offset = message.find("<SessionID>").expect("the element");
    assert_eq!(
        text(&output.stderr),
        format!("warning: xml byte {offset}: SessionID stands too late\n")
    );
    assert_eq!(output.status.code(), Some(0));

    refused(
        &inspect(&["decode", "--strict", "-"], message.as_bytes()),
        &format!("xml byte {offset} at SyncML/SyncHdr/SessionID: SessionID stands too late"),
    );
}

#[test]
fn a_missing_file_is_bad_input_and_not_wrong_usage() {
    let output = inspect(&["decode", "/nonexistent/message"], b"");
    assert!(text(&output.stderr).starts_with("error: cannot read /nonexistent/message: "));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_usage_exits_with_2() {
    let cases: [&[&str]; 7] = [
        &[],
        &["decode"],
        &["decode", "--to", "yaml", "-"],
        &["encode", "-"],
        &["notification"],
        &["notification", "--hex", "00", "-"],
        &["decode", "--lenient", "-"],
    ];
    for arguments in cases {
        let output = inspect(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(inspect(&["--help"], b"").status.code(), Some(0));
}

#[test]
fn a_notification_is_shown_from_hexadecimal_digits_and_from_octets() {
    let expected = "\
version:    1.1
session:    1234
server:     \"com.mgmtsrv.manage\"
ui mode:    background
initiator:  client
body:       (none)
digest:     bc1817ccde348b802f2d4973e580018b (not verified)
";
    let shown = convert(&["notification", "--hex", NOTIFICATION], b"");
    assert_eq!(text(&shown), expected);

    let digits: String = NOTIFICATION.split_whitespace().collect();
    let octets: Vec<u8> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).expect("digits"))
        .collect();
    let shown = convert(&["notification", "-"], &octets);
    assert_eq!(text(&shown), expected);
}

#[test]
fn a_bad_notification_is_refused_with_its_place() {
    refused(
        &inspect(&["notification", "--hex", "bc18 17"], b""),
        "notification byte 3: unexpected end of input",
    );
    refused(
        &inspect(&["notification", "--hex", "bc1"], b""),
        "--hex takes pairs of hexadecimal digits",
    );
}
