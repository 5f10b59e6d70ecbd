//! White space around values: trimmed everywhere but in `Data` of items and in correlators.

use dm_proto::{
    codec::{DecodeOptions, Encoding, ToleranceKind, decode},
    message::Command,
};

use crate::tolerance::{check_xml, kinds, lenient, xml};

/// A message with a value in every place, `[` and `]` around each that is trimmed.
fn body() -> Vec<(&'static str, String)> {
    let meta = " xmlns='syncml:metinf'";
    let in_meta =
        |content: &str| format!("<Add><CmdID>1</CmdID><Item><Meta>{content}</Meta></Item></Add>");
    let status = |content: &str| {
        format!(
            "<Status>{content}</Status>",
            content = content.replace(
                '*',
                "<CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd>"
            )
        )
    };
    let results = |content: &str| format!("<Results>{content}<Item/></Results>");
    let mut bodies = vec![
        ("CmdID", "<Get><CmdID>[1]</CmdID><Item/></Get>".to_owned()),
        (
            "Lang",
            "<Get><CmdID>1</CmdID><Lang>[en]</Lang><Item/></Get>".into(),
        ),
        (
            "Data",
            "<Alert><CmdID>1</CmdID><Data>[1201]</Data></Alert>".into(),
        ),
        (
            "LocURI",
            "<Get><CmdID>1</CmdID><Item><Target><LocURI>[./a]</LocURI></Target></Item></Get>"
                .into(),
        ),
        (
            "LocName",
            "<Get><CmdID>1</CmdID><Item><Source><LocURI>a</LocURI><LocName>[n]</LocName></Source>\
             </Item></Get>"
                .into(),
        ),
        (
            "LocURI",
            "<Get><CmdID>1</CmdID><Item><SourceParent><LocURI>[a]</LocURI></SourceParent></Item>\
             </Get>"
                .into(),
        ),
        (
            "CmdID",
            status(
                "<CmdID>[1]</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>200</Data>",
            ),
        ),
        (
            "MsgRef",
            status(
                "<CmdID>1</CmdID><MsgRef>[1]</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>200</Data>",
            ),
        ),
        (
            "CmdRef",
            status(
                "<CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>[1]</CmdRef><Cmd>Get</Cmd><Data>200</Data>",
            ),
        ),
        (
            "Cmd",
            status(
                "<CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>[Get]</Cmd><Data>200</Data>",
            ),
        ),
        (
            "TargetRef",
            status("*<TargetRef>[./a]</TargetRef><Data>200</Data>"),
        ),
        (
            "SourceRef",
            status("*<SourceRef>[./a]</SourceRef><Data>200</Data>"),
        ),
        ("Data", status("*<Data>[200]</Data>")),
        (
            "Data",
            status("*<Cred><Data>[YQ==]</Data></Cred><Data>200</Data>"),
        ),
        (
            "NextNonce",
            status(&format!(
                "*<Chal><Meta><NextNonce{meta}>[YQ==]</NextNonce></Meta></Chal><Data>401</Data>"
            )),
        ),
        (
            "MsgRef",
            results("<CmdID>1</CmdID><MsgRef>[1]</MsgRef><CmdRef>1</CmdRef>"),
        ),
        ("CmdRef", results("<CmdID>1</CmdID><CmdRef>[1]</CmdRef>")),
        (
            "TargetRef",
            results("<CmdID>1</CmdID><CmdRef>1</CmdRef><TargetRef>[a]</TargetRef>"),
        ),
    ];
    for (element, value) in [
        ("Format", "chr"),
        ("Type", "text/plain"),
        ("Mark", "fatal"),
        ("Size", "3"),
        ("Version", "1"),
        ("NextNonce", "YQ=="),
        ("MaxMsgSize", "4"),
        ("MaxObjSize", "5"),
        ("EMI", "e"),
    ] {
        bodies.push((
            element,
            in_meta(&format!("<{element}{meta}>[{value}]</{element}>")),
        ));
    }
    bodies
}

#[test]
fn white_space_around_ids_and_addresses_is_a_tolerance_of_each() {
    for (element, body) in body() {
        let trimmed = xml(&body.replace(['[', ']'], ""));
        let strict = DecodeOptions::strict(Default::default());
        let expected = match decode(Encoding::Xml, &trimmed, &strict) {
            Ok(decoded) => decoded.message,
            Err(error) => panic!("{body}: {error}"),
        };
        let padded = xml(&body.replace('[', "\r\n\t ").replace(']', " \n"));
        let message = check_xml(
            &padded,
            ToleranceKind::SurroundingSpace { element },
            &format!("white space around {element}"),
        );
        assert_eq!(message, expected, "{body}");
    }
}

#[test]
fn white_space_in_the_header_is_trimmed() {
    for element in [
        "VerDTD",
        "VerProto",
        "SessionID",
        "MsgID",
        "LocURI",
        "RespURI",
    ] {
        let octets = String::from_utf8(xml("<Final/>").to_vec()).expect("text");
        let octets = octets.replace(
            "</Source></SyncHdr>",
            "</Source><RespURI>r</RespURI></SyncHdr>",
        );
        let padded = octets.replacen(&format!("<{element}>"), &format!("<{element}>\n "), 1);
        let message = check_xml(
            &padded.into(),
            ToleranceKind::SurroundingSpace { element },
            &format!("white space around {element}"),
        );
        assert_eq!(message, lenient(Encoding::Xml, &octets.into()).message);
    }
}

#[test]
fn white_space_of_correlators_and_data_is_theirs() {
    let octets = xml(
        "<Exec><CmdID>1</CmdID><Correlator>\n c1 &#13;\n</Correlator><Item><Data>\t x \n</Data></Item>\
         </Exec><Alert><CmdID>2</CmdID><Data>1226</Data><Correlator> </Correlator></Alert>",
    );
    let decoded = lenient(Encoding::Xml, &octets);
    assert_eq!(kinds(&decoded), []);
    let [Command::Exec(exec), Command::Alert(alert)] = &decoded.message.commands[..] else {
        panic!()
    };
    let text = |correlator: &Option<dm_proto::Correlator>| {
        correlator
            .as_ref()
            .map(|correlator| correlator.as_str().to_owned())
    };
    assert_eq!(text(&exec.correlator).as_deref(), Some("\n c1 \r\n"));
    assert_eq!(text(&alert.correlator).as_deref(), Some(" "));
    let data = exec.items[0].data.as_ref().and_then(dm_proto::Data::as_str);
    assert_eq!(data, Some("\t x \n"));
}
