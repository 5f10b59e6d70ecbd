//! The message flows of the documents, replayed to the octet in both roles: `testdata/transcripts`.
//!
//! A file says what each side sends, as XML laid out for reading. The session of either side gets what
//! the other sends, and must say what stands there; then both do so in WBXML.

use std::{env, fs, path::PathBuf};

use dm_proto::{
    AlertCode, StatusCode, Text,
    auth::{Credentials, HMAC_HEADER, Nonce, Side},
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Exec, Item, Meta, Replace},
    session::{Answer, Ending, Transmit, Trigger, UserReply},
    testing::read,
};

use crate::session_support::*;

/// A flow: its file, what it shows and where that is from, and what stands behind the two sessions.
struct Flow {
    name: &'static str,
    shows: &'static str,
    scene: fn(Encoding) -> Scene,
    ending: Ending,
}

fn flows() -> Vec<Flow> {
    let flow = |name, shows, scene| Flow {
        name,
        shows,
        scene,
        ending: Ending::Complete,
    };
    vec![
        flow(
            "settings-confirmed",
            "OMA-TS-DM_Protocol, protocol examples, the first: a session that the server asked for.\n\
             Both sides give basic credentials. The user agrees to new settings, which are set.",
            settings_confirmed,
        ),
        flow(
            "definitions-updated",
            "OMA-TS-DM_Protocol, protocol examples, the second: the user is told, a version is read,\n\
             and in another package new data is set, since the version is old.",
            definitions_updated,
        ),
        flow(
            "basic-on-challenge",
            "OMA-TS-DM_Protocol, authentication examples, basic: a client begins without credentials,\n\
             is asked for them, begins again, and is accepted for the session.",
            basic_on_challenge,
        ),
        flow(
            "md5-on-challenge",
            "OMA-TS-DM_Protocol, authentication examples, MD5: the same with a digest over the nonce\n\
             of the challenge. The nonce that comes with the acceptance is for the next session.",
            md5_on_challenge,
        ),
        flow(
            "md5-both-sides",
            "OMA-TS-DM_Security, authentication, MD5: both sides know their nonces and give digests at\n\
             once. Both get the nonce of their next session.",
            md5_both_sides,
        ),
        flow(
            "md5-stale-nonces",
            "OMA-TS-DM_Security, authentication, the digest: both nonces are stale. Each side is\n\
             challenged once more, with a new nonce; what was not believed is said again.",
            md5_stale_nonces,
        ),
        flow(
            "hmac-both-sides",
            "OMA-TS-DM_Security, integrity: every message is signed in the transport's header, accepted for\n\
             itself with 200, and followed by the nonce for the next.",
            hmac_both_sides,
        ),
        flow(
            "hmac-on-challenge",
            "OMA-TS-DM_Security, integrity: signatures are asked for with a challenge, as other\n\
             credentials are, and used from then on.",
            hmac_on_challenge,
        ),
        flow(
            "results-in-several-messages",
            "OMA-TS-DM_Protocol, multiple messages in package: what was read does not fit into one\n\
             message of the server's size. It asks for the next with Alert 1222, without Final.",
            results_in_several_messages,
        ),
        flow(
            "large-objects",
            "OMA-TS-DM_Protocol, large object handling: a new value that fits into no message of the\n\
             device's size, then one that was read and fits into none of the server's. Each chunk but the\n\
             last is accepted with 213, and the first has the size.",
            large_objects,
        ),
        flow(
            "report-of-an-exec",
            "OMA-TS-DM_Protocol, generic alert: an Exec is accepted, and its result follows as an\n\
             Alert 1226 with the correlator, in answer to a closing package.",
            report_of_an_exec,
        ),
        flow(
            "user-input-and-choices",
            "OMA-TS-DM_Protocol, user interaction: text is typed, one item is chosen, then two.",
            user_input_and_choices,
        ),
        flow(
            "user-says-no",
            "OMA-TS-DM_Protocol, user interaction, confirmation: a \"no\" in a Sequence, in an Atomic,\n\
             and on its own, where it stops nothing.",
            user_says_no,
        ),
        Flow {
            ending: Ending::AbortedByPeer,
            ..flow(
                "server-aborts",
                "OMA-TS-DM_Protocol, session abort: the server leaves in the middle of a package of the\n\
                 client's. The client does not answer.",
                server_aborts,
            )
        },
        Flow {
            ending: Ending::Aborted,
            ..flow(
                "client-aborts",
                "OMA-TS-DM_Protocol, session abort: the client leaves, with the statuses and results of what\n\
                 it has executed. The server answers with statuses and no commands.",
                client_aborts,
            )
        },
    ]
}

fn base(encoding: Encoding) -> Scene {
    let mut scene = Scene::new(encoding);
    scene.client.max_msg_size = 5000;
    scene.session_id = "1F";
    scene
}

fn with_credentials(scene: Scene, client: Credentials, server: Credentials) -> Scene {
    scene.accounts(account(client, server))
}

fn settings_confirmed(encoding: Encoding) -> Scene {
    let mut scene = with_credentials(
        base(encoding),
        Credentials::basic("device", "device-secret"),
        Credentials::basic("srv", "server-secret"),
    );
    scene.trigger = Trigger::Server;
    let settings = Item::for_target("./Settings/Access/Home")
        .with_meta(Meta::of_type("text/x-access-point").with_format("b64"))
        .with_data("bmFtZT1Ib21lCmFwbj1pbnRlcm5ldA==");
    let settings = Replace {
        items: vec![settings],
        ..Replace::default()
    };
    scene.batch([sequence([
        ask(
            AlertCode::CONFIRM_OR_REJECT,
            &["", "Add the access point \"Home\"?"],
        ),
        settings.into(),
    ])])
}

fn definitions_updated(encoding: Encoding) -> Scene {
    let mut scene = with_credentials(
        base(encoding),
        Credentials::basic("device", "device-secret"),
        Credentials::basic("srv", "server-secret"),
    );
    scene.trigger = Trigger::Server;
    let version = Item::for_source("./Scanner/Version").with_data("2025-03-01/7");
    let data = Item::for_target("./Scanner/Definitions")
        .with_meta(Meta::of_type("application/x-definitions").with_format("b64"))
        .with_data("ZGVmaW5pdGlvbnMgOA==");
    let data = Replace {
        items: vec![data],
        ..Replace::default()
    };
    scene
        .answer("./Scanner/Version", Answer::results(vec![version]))
        .batch([
            ask(AlertCode::DISPLAY, &["", "The scanner is being updated."]),
            get(&["./Scanner/Version"]),
        ])
        .send(data)
}

fn basic_on_challenge(encoding: Encoding) -> Scene {
    let mut scene = with_credentials(
        base(encoding),
        Credentials::basic("Bruce2", "OhBehave"),
        Credentials::transport(),
    );
    scene.client.unasked_credentials = false;
    scene.send(get(&["./DevDetail/SwV"]))
}

fn md5_on_challenge(encoding: Encoding) -> Scene {
    let mut scene = with_credentials(base(encoding), client_md5(b""), Credentials::transport());
    scene.client.unasked_credentials = false;
    scene.send(get(&["./DevDetail/SwV"]))
}

fn md5_both_sides(encoding: Encoding) -> Scene {
    with_credentials(base(encoding), client_md5(b"Nonce"), server_md5(b"ecnoN"))
        .send(get(&["./DevDetail/SwV"]))
}

fn md5_stale_nonces(encoding: Encoding) -> Scene {
    let mut scene = base(encoding)
        .alert(0, report("0"), 1)
        .send(get(&["./DevDetail/SwV"]));
    scene.client_account = account(client_md5(b"stale"), server_md5(b"server"));
    scene.server_account = account(client_md5(b"client"), server_md5(b"stale"));
    scene
}

fn client_hmac(nonce: &[u8]) -> Credentials {
    Credentials::hmac("Bruce2", "OhBehave", Nonce::from(nonce))
}

fn hmac_both_sides(encoding: Encoding) -> Scene {
    let server = Credentials::hmac("srv", "server-secret", Nonce::from(&b"ecnoN"[..]));
    with_credentials(base(encoding), client_hmac(b"Nonce"), server).send(get(&["./DevDetail/SwV"]))
}

fn hmac_on_challenge(encoding: Encoding) -> Scene {
    let mut scene = with_credentials(base(encoding), client_hmac(b""), Credentials::transport());
    scene.client.unasked_credentials = false;
    scene.send(get(&["./DevDetail/SwV"]))
}

fn results_in_several_messages(encoding: Encoding) -> Scene {
    let mut scene = base(encoding);
    scene.server.max_msg_size = 2400;
    for uri in ["./Log/1", "./Log/2", "./Log/3"] {
        let line = format!("{uri} was written here. ");
        let item = Item::for_source(uri).with_data(line.repeat(40).trim_end());
        scene = scene.answer(uri, Answer::results(vec![item]));
    }
    scene.send(get(&["./Log/1", "./Log/2", "./Log/3"]))
}

fn large_objects(encoding: Encoding) -> Scene {
    let mut scene = base(encoding);
    scene.client.max_msg_size = 1600;
    scene.server.max_msg_size = 1600;
    let large = |line: &str| line.repeat(40).trim_end().to_owned();
    let new = Item::for_target("./Banner")
        .with_meta(Meta::format("chr"))
        .with_data(large("This is what to show. "));
    let old = Item::for_source("./Log").with_data(large("This was written here. "));
    scene
        .answer("./Log", Answer::results(vec![old]))
        .send(Replace {
            items: vec![new],
            ..Replace::default()
        })
        .send(get(&["./Log"]))
}

fn server_aborts(encoding: Encoding) -> Scene {
    let mut scene = results_in_several_messages(encoding);
    scene.script.leaves_at = Some(1);
    scene
}

fn client_aborts(encoding: Encoding) -> Scene {
    let mut scene = definitions_updated(encoding);
    scene.device.leaves_at = Some(1);
    scene
}

fn report_of_an_exec(encoding: Encoding) -> Scene {
    let exec = Exec {
        correlator: Some("c-1".into()),
        items: vec![Item::for_target("./Op")],
        ..Exec::default()
    };
    let report = Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: Some("c-1".into()),
        items: vec![
            Item::for_source("./Op")
                .with_meta(Meta {
                    mark: Some("critical".into()),
                    ..Meta::of_type("Reversed-Domain-Name: test.example.op.done").with_format("int")
                })
                .with_data("200"),
        ],
        ..Alert::default()
    };
    base(encoding)
        .answer("./Op", StatusCode::new(202))
        .send(exec)
        .alert(2, report, 1)
        .with_status(StatusCode::new(202))
}

fn user_input_and_choices(encoding: Encoding) -> Scene {
    let choose = ["MINDT=10", "Which service?", "Mail", "News", "Games"];
    let mut scene = base(encoding).batch([
        ask(
            AlertCode::TEXT_INPUT,
            &["MAXLEN=30&IT=A", "Name of the service?"],
        ),
        ask(AlertCode::SINGLE_CHOICE, &choose),
        ask(AlertCode::MULTIPLE_CHOICE, &choose),
    ]);
    scene.device.replies = [
        UserReply::Text("Mail at home".into()),
        UserReply::Choices(vec![2]),
        UserReply::Choices(vec![3, 2]),
    ]
    .into();
    scene
}

fn user_says_no(encoding: Encoding) -> Scene {
    let question = || ask(AlertCode::CONFIRM_OR_REJECT, &["MAXDT=60&DR=0", "Now?"]);
    base(encoding).reply(UserReply::No).batch([
        sequence([question(), exec("./Op")]),
        atomic([add("./A"), question(), add("./B")]),
        question(),
        exec("./Op"),
    ])
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/transcripts")
        .join(format!("{name}.txt"))
}

/// What one side says.
#[derive(Clone, PartialEq)]
struct Said {
    side: Side,
    /// The value of the transport header with the signature.
    hmac: Option<String>,
    octets: Vec<u8>,
}

impl Said {
    fn new(side: Side, sent: &Transmit) -> Self {
        Self {
            side,
            hmac: sent.hmac.as_ref().map(|value| value.as_str().to_owned()),
            octets: sent.body.to_vec(),
        }
    }

    /// As it stands in a file.
    fn shown(&self) -> String {
        let header = self.hmac.as_ref();
        let header = header.map_or(String::new(), |value| format!("{HMAC_HEADER}: {value}\n"));
        header + &shown(&self.octets)
    }

    /// As it is sent; all else as in `template`.
    fn transmit(self, template: &Transmit) -> Transmit {
        let mut transmit = template.clone();
        transmit.body = self.octets.into();
        transmit.hmac = self.hmac.map(Text::from);
        transmit
    }
}

/// Behind the name of a flow whose messages hold other commands in WBXML, where more of them fit.
const IN_WBXML: &str = "-in-wbxml";

/// Who says what, as octets in this encoding.
fn transcript(name: &str, encoding: Encoding) -> Vec<Said> {
    let own = path(&format!("{name}{IN_WBXML}"));
    let path = match encoding {
        Encoding::Wbxml if own.exists() => own,
        _ => path(name),
    };
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut messages: Vec<Said> = Vec::new();
    for line in text.lines().map(str::trim) {
        let header = line.strip_prefix(HMAC_HEADER);
        let side = match line {
            "device:" => Some(Side::Client),
            "server:" => Some(Side::Server),
            _ => None,
        };
        match (side, messages.last_mut()) {
            (Some(side), _) => messages.push(Said {
                side,
                hmac: None,
                octets: Vec::new(),
            }),
            (None, Some(said)) => match header.and_then(|value| value.strip_prefix(": ")) {
                Some(value) => said.hmac = Some(value.to_owned()),
                None => said.octets.extend_from_slice(line.as_bytes()),
            },
            (None, None) => assert!(line.is_empty() || line.starts_with('#'), "{name}"),
        }
    }
    if encoding == Encoding::Wbxml {
        for Said { octets, .. } in &mut messages {
            let xml = octets.clone().into();
            let message = decode(Encoding::Xml, &xml, &DecodeOptions::default())
                .unwrap_or_else(|error| panic!("{name}: {error}"))
                .message;
            *octets = encode(encoding, &message).expect("a message").to_vec();
        }
    }
    messages
}

/// As XML, whatever it is.
fn shown(octets: &[u8]) -> String {
    let octets = bytes::Bytes::copy_from_slice(octets);
    let encoding = Encoding::detect(&octets).expect("a message");
    let message = decode(encoding, &octets, &DecodeOptions::default()).expect("a message");
    let xml = encode(Encoding::Xml, &message.message).expect("it has a form in XML");
    laid_out(core::str::from_utf8(&xml).expect("text"))
}

/// XML with an element a line. Every line begins with a tag, so that taking the white space around
/// lines away gives it back.
fn laid_out(xml: &str) -> String {
    let mut lines = String::new();
    let mut depth = 0;
    let mut rest = xml;
    while let Some(end) = rest.find('>') {
        let (tag, after) = rest.split_at(end + 1);
        let indent = "  ".repeat(depth - usize::from(tag.starts_with("</")));
        // A text, or nothing, and the end tag stay with the start tag.
        let text = after.find('<').unwrap_or(after.len());
        let is_leaf = !tag.starts_with("</") && after[text..].starts_with("</");
        if tag.starts_with("</") {
            depth -= 1;
        } else if !tag.ends_with("/>") && !is_leaf {
            depth += 1;
        }
        let leaf = match is_leaf && !tag.ends_with("/>") {
            true => after[text..].find('>').map_or(0, |end| text + end + 1),
            false => 0,
        };
        lines += &format!("{indent}{tag}{}\n", &after[..leaf]);
        rest = &after[leaf..];
    }
    lines
}

/// What both sides say to each other.
fn run(flow: &Flow, encoding: Encoding) -> Vec<Said> {
    let mut pair = (flow.scene)(encoding).pair();
    let mut said = Vec::new();
    while let Some(request) = pair.client.transmit() {
        said.push(Said::new(Side::Client, &request));
        let answer = pair.server.exchange(&request).expect("an answer");
        said.push(Said::new(Side::Server, &answer));
        if pair.client.ending.is_none() {
            deliver(&mut pair.client, &answer);
        }
    }
    assert_eq!(
        pair.client.ending.as_ref(),
        Some(&flow.ending),
        "{}",
        flow.name
    );
    said
}

fn written(flow: &Flow, encoding: Encoding) -> String {
    let mut text = String::new();
    for line in flow.shows.lines() {
        text += &format!("# {line}\n");
    }
    for said in run(flow, encoding) {
        let who = match said.side {
            Side::Client => "device",
            Side::Server => "server",
        };
        text += &format!("\n{who}:\n{}", said.shown());
    }
    text
}

fn compare(flow: &Flow, said: &[Said], encoding: Encoding) {
    let expected = transcript(flow.name, encoding);
    for (number, (said, expected)) in said.iter().zip(&expected).enumerate() {
        must_be(flow, number, said, expected);
    }
    assert_eq!(said.len(), expected.len(), "{}", flow.name);
}

/// The same, to the octet; shown as XML where it is not.
fn must_be(flow: &Flow, number: usize, said: &Said, expected: &Said) {
    assert!(
        said == expected,
        "{}: message {number} is\n{}instead of\n{}",
        flow.name,
        said.shown(),
        expected.shown(),
    );
}

#[test]
fn the_flows_of_the_documents_are_said_to_the_octet() {
    for flow in flows() {
        if env::var_os("DM_WRITE_TESTDATA").is_some() {
            let [xml, wbxml] = ENCODINGS.map(|encoding| written(&flow, encoding));
            if wbxml != xml {
                let own = path(&format!("{}{IN_WBXML}", flow.name));
                fs::write(own, wbxml).expect("a writable file");
            }
            fs::write(path(flow.name), xml).expect("a writable file");
        }
        for encoding in ENCODINGS {
            compare(&flow, &run(&flow, encoding), encoding);
        }
    }
}

#[test]
fn a_device_says_its_part_of_each_flow_to_the_octet() {
    for flow in flows() {
        for encoding in ENCODINGS {
            let mut client = (flow.scene)(encoding).pair().client;
            for (number, expected) in transcript(flow.name, encoding).into_iter().enumerate() {
                match expected.side {
                    Side::Client => {
                        let sent = client.transmit().expect("a message");
                        let said = Said::new(Side::Client, &sent);
                        must_be(&flow, number, &said, &expected);
                    }
                    Side::Server if client.ending.is_none() => {
                        let template = client.session.last_sent().expect("a message").clone();
                        deliver(&mut client, &expected.transmit(&template));
                    }
                    Side::Server => {}
                }
            }
            assert_eq!(client.transmit(), None, "{}", flow.name);
            assert_eq!(client.ending, Some(flow.ending.clone()), "{}", flow.name);
        }
    }
}

#[test]
fn a_server_says_its_part_of_each_flow_to_the_octet() {
    for flow in flows() {
        for encoding in ENCODINGS {
            let mut pair = (flow.scene)(encoding).pair();
            let template = pair.client.transmit().expect("package 1");
            let mut answer = None;
            for (number, expected) in transcript(flow.name, encoding).into_iter().enumerate() {
                match expected.side {
                    Side::Client => {
                        let request = expected.transmit(&template);
                        assert!(read(&request, &DecodeOptions::default()).is_ok());
                        answer = Some(pair.server.exchange(&request));
                    }
                    Side::Server => {
                        let answer = answer.take().expect("a request").expect("an answer");
                        let said = Said::new(Side::Server, &answer);
                        must_be(&flow, number, &said, &expected);
                    }
                }
            }
            assert!(pair.server.ending.is_some(), "{}", flow.name);
        }
    }
}

#[test]
fn every_transcript_is_replayed() {
    let folder = path("x");
    let folder = folder.parent().expect("a folder");
    let mut files: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .filter_map(|name| name.strip_suffix(".txt").map(String::from))
        .filter(|name| !name.ends_with(IN_WBXML))
        .collect();
    let mut names: Vec<String> = flows().iter().map(|flow| flow.name.to_owned()).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn what_is_laid_out_is_read_back_the_same() {
    let xml = "<A><B/><C>text, and < more</C><D></D><E><F>1</F></E></A>";
    let joined: String = laid_out(xml).lines().map(str::trim).collect();
    assert_eq!(joined, xml);
}

#[test]
fn the_digest_that_the_document_computes_is_in_its_flow() {
    let text = fs::read_to_string(path("md5-both-sides")).expect("a file");
    assert!(text.contains("<Data>Zz6EivR3yeaaENcRN6lpAQ==</Data>"));
}
