//! The program: its command line, its user, and what it leaves in its folders.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Output, Stdio},
};

use super::{Lab, lawmo, program, wipe};

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_refuses_the_machine_and_what_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("precious"), "mine").unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
    for (root, reason) in [
        (Path::new("/"), "the root of a device cannot be /"),
        (
            &folder.path().join("link"),
            "the root of a device cannot be /",
        ),
        (&root, "has no .dm-device-root"),
    ] {
        let mut program = program(root, &state, "http://127.0.0.1:9/dm");
        let output = program.arg("--once").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
    }
    assert_eq!(fs::read(root.join("precious")).unwrap(), b"mine");
}

#[test]
fn what_is_not_supported_yet_is_said() {
    let lab = Lab::new();
    let output = program(&lab.root(), &lab.state(), "https://127.0.0.1:9/dm").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("HTTPS is not supported yet"));
    let output = lab.program().arg("--encoding=asn1").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn it_locks_and_unlocks_whatever_the_encoding_and_the_credentials() {
    for auth in ["none", "basic", "md5", "hmac"] {
        let lab = Lab::with_auth(auth);
        for (encoding, verb) in [("xml", "fully-lock"), ("wbxml", "unlock")] {
            let operation = lab.order(&lawmo(verb));
            let output = lab
                .program()
                .args(["--encoding", encoding, "--auth", auth])
                .output()
                .unwrap();
            assert!(output.status.success(), "{auth} {}", errors(&output));
            assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
            let is_locked = lab.root().join("etc/nologin").exists();
            assert_eq!(is_locked, verb == "fully-lock", "{auth}");
        }
    }
}

#[test]
fn credentials_are_needed_where_they_are_used() {
    let lab = Lab::with_auth("none");
    let operation = lab.order(&lawmo("fully-lock"));
    let bare = |auth: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dm-device"));
        command
            .args(["--server", lab.server.dm_url(), "--id", super::ID])
            .args(["--server-id", "s", "--auth", auth, "--once", "--root"])
            .arg(lab.root())
            .arg("--state")
            .arg(lab.state());
        command.output().unwrap()
    };
    let output = bare("md5");
    assert_eq!(output.status.code(), Some(2));
    let reason = "the account needs --user, --password, --server-password";
    assert!(errors(&output).contains(reason), "{}", errors(&output));
    assert!(!lab.root().exists(), "nothing was begun");
    let output = bare("none");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
}

#[test]
fn without_an_answer_of_the_server_it_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on a port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/dm", listener.local_addr().unwrap());
    drop(listener);
    let (root, state) = (folder.path().join("root"), folder.path().join("state"));
    let output = program(&root, &state, &url).arg("--once").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no answer"), "{}", errors(&output));
}

#[test]
fn the_user_is_asked_and_silence_is_no_consent() {
    for (answer, state, code, erased) in [
        (Some("yes\n"), "succeeded", 1201, true),
        (Some("maybe\nno\n"), "declined", 304, false),
        (Some("\n"), "declined", 304, false),
        (Some("c\n"), "declined", 214, false),
        // The end of input.
        (None, "declined", 408, false),
    ] {
        let lab = Lab::new();
        let mut request = wipe(&["Contacts"]);
        request["confirm"] = "Erase all contacts?".into();
        let operation = lab.order(&request);
        let mut child = lab.program().stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = child.stderr.take().unwrap();
        let mut seen = Vec::new();
        let mut octet = [0];
        // What comes before the question would be no answer to it.
        while !seen.ends_with(b"[yes, NO, cancel; 60 s] ") {
            assert_eq!(output.read(&mut octet).unwrap(), 1, "it never asks");
            seen.push(octet[0]);
        }
        assert!(String::from_utf8_lossy(&seen).contains("Erase all contacts?"));
        if let Some(answer) = answer {
            input.write_all(answer.as_bytes()).unwrap();
        } else {
            drop(input);
        }
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success(), "{rest}");
        assert_eq!(lab.outcome(&operation), (state.to_owned(), code));
        let contacts = fs::read_dir(lab.root().join("home/user/Contacts")).unwrap();
        assert_eq!(contacts.count() == 0, erased);
    }
}

#[test]
fn the_answer_can_be_decided_on_the_command_line() {
    for (confirm, state, code) in [("yes", "accepted", 0), ("no", "declined", 304)] {
        let lab = Lab::new();
        let mut request = lawmo("factory-reset");
        request["confirm"] = "Reset?".into();
        let operation = lab.order(&request);
        let output = lab.program().args(["--confirm", confirm]).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(lab.outcome(&operation).0, state);
        if code != 0 {
            assert_eq!(lab.outcome(&operation).1, code);
        }
    }
}

#[test]
fn it_comes_when_it_is_notified() {
    let lab = Lab::new();
    let mut child = lab
        .program()
        .args(["--notify", "127.0.0.1:0"])
        .spawn()
        .unwrap();
    let mut output = child.stderr.take().unwrap();
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\n") {
        assert_eq!(output.read(&mut octet).unwrap(), 1, "it says no address");
        line.push(octet[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let address = line.trim().strip_prefix("notifications on udp://").unwrap();
    // What is no notification is passed over.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"", address).unwrap();
    socket.send_to(&[0; 40], address).unwrap();
    lab.notify_at(address);
    let operation = lab.order(&lawmo("partially-lock"));
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
    assert!(lab.root().join("etc/dm/partially-locked").exists());
}

/// A bootstrap document for the account that the server of the lab has.
fn document(lab: &Lab, auth: &str) -> Vec<u8> {
    let url = lab.server.dm_url();
    format!(
        "<wap-provisioningdoc version=\"1.1\"><characteristic type=\"APPLICATION\">\
         <parm name=\"APPID\" value=\"w7\"/><parm name=\"PROVIDER-ID\" value=\"s\"/>\
         <parm name=\"NAME\" value=\"Lab\"/>\
         <characteristic type=\"APPADDR\"><parm name=\"ADDR\" value=\"{url}\"/></characteristic>\
         <characteristic type=\"APPAUTH\"><parm name=\"AAUTHLEVEL\" value=\"APPSRV\"/>\
         <parm name=\"AAUTHTYPE\" value=\"{auth}\"/><parm name=\"AAUTHNAME\" value=\"u\"/>\
         <parm name=\"AAUTHSECRET\" value=\"p\"/></characteristic>\
         <characteristic type=\"APPAUTH\"><parm name=\"AAUTHLEVEL\" value=\"CLIENT\"/>\
         <parm name=\"AAUTHTYPE\" value=\"{auth}\"/><parm name=\"AAUTHNAME\" value=\"su\"/>\
         <parm name=\"AAUTHSECRET\" value=\"sp\"/></characteristic></characteristic>\
         </wap-provisioningdoc>"
    )
    .into_bytes()
}

/// The program with an account from a file.
fn bootstrapped(lab: &Lab, file: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dm-device"));
    command
        .args(["--id", super::ID, "--once", "--bootstrap"])
        .arg(file)
        .arg("--root")
        .arg(lab.root())
        .arg("--state")
        .arg(lab.state());
    command
}

#[test]
fn it_takes_its_account_from_a_bootstrap_document() {
    for (auth, type_) in [("md5", "DIGEST"), ("hmac", "HMAC")] {
        let lab = Lab::with_auth(auth);
        let file = lab.state().with_extension("prov");
        fs::write(&file, document(&lab, type_)).unwrap();
        // Twice: the second start finds it as it was.
        for verb in ["fully-lock", "unlock"] {
            let operation = lab.order(&lawmo(verb));
            let output = bootstrapped(&lab, &file).output().unwrap();
            assert!(output.status.success(), "{}", errors(&output));
            assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
        }
    }
}

#[test]
fn a_bootstrap_push_is_believed_with_its_pin_only() {
    use dm_proto::{
        bootstrap::{Kind, Message, Secrets, Security},
        codec::xml_to_wbxml,
        wap_push::Push,
    };
    let lab = Lab::new();
    let xml = document(&lab, "DIGEST").into();
    let body = xml_to_wbxml(&xml, &dm_proto::codec::ConvertOptions::default());
    let body = body.unwrap().octets;
    let secrets = Secrets::default().with_pin("1234");
    let content_type =
        Message::content_type(Kind::Provisioning, Security::UserPin, &secrets, &body).unwrap();
    let push = Push::new(1, content_type, body.to_vec());
    let file = lab.state().with_extension("push");
    fs::write(&file, push.to_octets().unwrap()).unwrap();

    for (pin, reason) in [
        (None, "needs a secret that is not at hand"),
        (Some("4321"), "the mac is wrong"),
    ] {
        let mut program = bootstrapped(&lab, &file);
        program.args(pin.iter().flat_map(|pin| ["--bootstrap-pin", pin]));
        let output = program.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
        assert!(!lab.root().exists(), "nothing was begun");
    }
    let operation = lab.order(&lawmo("fully-lock"));
    let mut program = bootstrapped(&lab, &file);
    let output = program.args(["--bootstrap-pin", "1234"]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
}

/// The account that the server of the lab has, as a management object for the Inbox.
fn object(lab: &Lab) -> Vec<u8> {
    let url = lab.server.dm_url();
    let leaf = |name: &str, value: &str| {
        format!("<Node><NodeName>{name}</NodeName><Value>{value}</Value></Node>")
    };
    let credentials = |node, level, name, secret| {
        format!("<Node><NodeName>{node}</NodeName>")
            + &leaf("AAuthLevel", level)
            + &leaf("AAuthType", "DIGEST")
            + &leaf("AAuthName", name)
            + &leaf("AAuthSecret", secret)
            + "</Node>"
    };
    let tnds = "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>lab</NodeName><RTProperties>\
        <Format><node/></Format><Type><DDFName>urn:oma:mo:oma-dm-dmacc:1.0</DDFName></Type></RTProperties>"
        .to_owned()
        + &leaf("AppID", "w7")
        + &leaf("ServerID", "s")
        + "<Node><NodeName>AppAddr</NodeName><Node><NodeName>1</NodeName>"
        + &leaf("Addr", url)
        + &leaf("AddrType", "URI")
        + "</Node></Node><Node><NodeName>AppAuth</NodeName>"
        + &credentials("c", "CLCRED", "u", "p")
        + &credentials("s", "SRVCRED", "su", "sp")
        + "</Node></Node></MgmtTree>";
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>0</SessionID><MsgID>0</MsgID><Target><LocURI>x</LocURI></Target>\
         <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID><Meta>\
         <Type xmlns=\"syncml:metinf\">application/vnd.syncml.dmtnds+xml</Type></Meta><Item>\
         <Target><LocURI>./Inbox</LocURI></Target><Data><![CDATA[{tnds}]]></Data></Item></Add>\
         <Final/></SyncBody></SyncML>"
    )
    .into_bytes()
}

#[test]
fn it_takes_its_account_from_management_objects() {
    let lab = Lab::new();
    let file = lab.state().with_extension("dm");
    fs::write(&file, object(&lab)).unwrap();
    for verb in ["fully-lock", "unlock"] {
        let operation = lab.order(&lawmo(verb));
        let output = bootstrapped(&lab, &file).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
    }
    // Objects without an account, and one without an address.
    let text = String::from_utf8(object(&lab)).unwrap();
    for (broken, reason) in [
        (
            text.replace("oma-dm-dmacc:1.0", "oma-dm-other:1.0"),
            "no account of a server",
        ),
        (
            text.replace("AddrType", "Foreign"),
            "object 0 of the message: 405 for",
        ),
        (text.replace("</MgmtTree>", ""), "object 0 of the message: "),
    ] {
        let lab = Lab::new();
        fs::write(&file, broken).unwrap();
        let output = bootstrapped(&lab, &file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
        assert!(!lab.root().exists(), "nothing was begun");
    }
}

#[test]
fn a_file_that_is_no_bootstrap_is_refused_with_the_reason() {
    let lab = Lab::new();
    let file = lab.state().with_extension("prov");
    for (content, reason) in [
        (
            &b"hello"[..],
            "neither a provisioning document nor a push with one",
        ),
        (b"<wap-provisioningdoc/>", "no account of a server"),
        (
            b"<wap-provisioningdoc><characteristic type='APPLICATION'>\
              <parm name='APPID' value='w7'/></characteristic></wap-provisioningdoc>",
            "an account has no PROVIDER-ID",
        ),
    ] {
        fs::write(&file, content).unwrap();
        let output = bootstrapped(&lab, &file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
    }
    // A secret that nothing is checked with.
    fs::write(&file, document(&lab, "DIGEST")).unwrap();
    let mut program = bootstrapped(&lab, &file);
    let output = program.args(["--bootstrap-pin", "1234"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let reason = "it is no push: there is no mac that a pin or imsi could check";
    assert!(errors(&output).contains(reason), "{}", errors(&output));
    assert!(!lab.root().exists(), "nothing was begun");
    let mut both = lab.program();
    let output = both.arg("--bootstrap").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "an account from two places");
}
