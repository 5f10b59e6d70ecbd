//! What a peer may get wrong, and what it gets for it.

use dm_proto::{
    AlertCode, MsgId, SessionId, StatusCode, Text,
    auth::Nonce,
    codec::{DecodeOptions, Encoding, encode},
    message::{
        Alert, Command, CommandName, Copy, Exec, Get, Item, Meta, Replace, Results, Status, SyncMl,
    },
    session::{
        Answer, ClientEvent, ClientSession, Ending, Headers, Incompatibility, Misbehaviour,
        ReceiveError, Received, ServerEvent, ServerSession, SessionError, Start, Trigger,
    },
    testing::{message, read},
};
use std::sync::Arc;

use crate::session_support::*;

/// A client session that has sent package 1, and an answer of the server to change.
struct Bench {
    session: ClientSession,
    answer: SyncMl,
}

fn bench() -> Bench {
    let scene = Scene::new(Encoding::Xml);
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    let mut session =
        ClientSession::start(Arc::new(scene.client.clone()), &scene.client_account, start);
    let request = session.poll_transmit().expect("package 1");
    let mut pair = scene.pair();
    let answer = pair.server.exchange(&request).expect("package 2");
    Bench {
        session,
        answer: message(&answer).expect("a message"),
    }
}

fn received(message: &SyncMl) -> Received {
    let transmit_body = encode(Encoding::Xml, message).expect("a message");
    let headers = Headers::new(Encoding::Xml.media_type());
    Received::read(transmit_body, headers, &DecodeOptions::default()).expect("a message")
}

impl Bench {
    /// Hands over the answer with commands added; runs everything with 200.
    fn run(mut self, commands: Vec<Command>) -> (Vec<String>, SyncMl) {
        self.answer.commands.extend(commands);
        self.session
            .handle(received(&self.answer), Nonce::default())
            .expect("a message of the session");
        let mut executed = Vec::new();
        while let Some(event) = self.session.poll_event() {
            if let ClientEvent::Execute(ticket, execute) = event {
                executed.push(format!("{:?}", execute.verb));
                self.session.answer(ticket, StatusCode::OK.into());
            }
        }
        let sent = self.session.poll_transmit().expect("an answer");
        (executed, message(&sent).expect("a message"))
    }
}

fn numbered(mut command: Command, id: &str) -> Command {
    match &mut command {
        Command::Exec(exec) => exec.cmd_id = id.into(),
        Command::Get(get) => get.cmd_id = id.into(),
        Command::Alert(alert) => alert.cmd_id = id.into(),
        Command::Replace(replace) => replace.cmd_id = id.into(),
        Command::Sequence(sequence) => sequence.cmd_id = id.into(),
        Command::Unsupported(unsupported) => unsupported.cmd_id = id.into(),
        Command::Results(results) => results.cmd_id = id.into(),
        Command::Copy(copy) => copy.cmd_id = id.into(),
        other => panic!("{other:?}"),
    }
    command
}

/// The status for a command: reference and code.
fn answers(message: &SyncMl) -> Vec<(String, u16)> {
    message
        .commands
        .iter()
        .skip(1)
        .filter_map(|command| match command {
            Command::Status(status) => {
                Some((status.cmd_ref.as_str().to_owned(), status.data.as_u16()))
            }
            _ => None,
        })
        .collect()
}

fn alert(code: u16) -> Command {
    Alert {
        code: Some(AlertCode::new(code)),
        ..Alert::default()
    }
    .into()
}

fn unsupported(name: &str) -> Command {
    let element = match name {
        "Put" => "<Put><CmdID>50</CmdID></Put>",
        _ => "<Frob><CmdID>50</CmdID></Frob>",
    };
    let xml = format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2\
         </VerProto><SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>t</LocURI></Target>\
         <Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody>{element}</SyncBody></SyncML>"
    );
    let headers = Headers::new(Encoding::Xml.media_type());
    let received =
        Received::read(xml.into(), headers, &DecodeOptions::default()).expect("a message");
    received.message().commands[0].clone()
}

#[test]
fn improper_commands_get_their_code_and_are_not_executed() {
    let none: Vec<Item> = Vec::new();
    let cases: Vec<(&str, Command, &str, u16)> = vec![
        ("no CmdID", numbered(exec("./A"), ""), "", 400),
        ("CmdID 0", numbered(exec("./A"), "0"), "0", 400),
        (
            "unknown command",
            numbered(unsupported("Frob"), "50"),
            "50",
            501,
        ),
        (
            "unsupported command",
            numbered(unsupported("Put"), "50"),
            "50",
            406,
        ),
        ("unknown alert", numbered(alert(1221), "50"), "50", 406),
        ("alert of a client", numbered(alert(1226), "50"), "50", 406),
        (
            "alert without code",
            numbered(Alert::default().into(), "50"),
            "50",
            412,
        ),
        (
            "no target",
            numbered(
                Exec {
                    items: vec![Item::default()],
                    ..Exec::default()
                }
                .into(),
                "50",
            ),
            "50",
            412,
        ),
        ("empty target", numbered(get(&[""]), "50"), "50", 412),
        (
            "copy without source",
            numbered(
                Copy {
                    items: vec![Item::for_target("./A")],
                    ..Copy::default()
                }
                .into(),
                "50",
            ),
            "50",
            412,
        ),
        (
            "no item",
            numbered(
                Get {
                    items: none,
                    ..Get::default()
                }
                .into(),
                "50",
            ),
            "50",
            412,
        ),
        (
            "results of a server",
            numbered(
                Results {
                    cmd_ref: "1".into(),
                    items: vec![Item::for_source("./A").with_data("x")],
                    ..Results::default()
                }
                .into(),
                "50",
            ),
            "50",
            405,
        ),
    ];
    for (what, command, reference, code) in cases {
        let (executed, sent) = bench().run(vec![command]);
        assert_eq!(answers(&sent), [(reference.to_owned(), code)], "{what}");
        assert_eq!(executed, Vec::<String>::new(), "{what}");
    }
}

#[test]
fn the_later_of_two_commands_with_one_id_is_400() {
    let (executed, sent) = bench().run(vec![
        numbered(exec("./A"), "50"),
        numbered(get(&["./A"]), "50"),
        numbered(exec("./B"), "51"),
    ]);

    assert_eq!(
        answers(&sent),
        [
            ("50".to_owned(), 200),
            ("50".to_owned(), 400),
            ("51".to_owned(), 200)
        ]
    );
    assert_eq!(executed, ["Exec", "Exec"]);
}

#[test]
fn a_container_without_an_id_is_not_entered() {
    let inner = numbered(exec("./A"), "51");
    let (executed, sent) = bench().run(vec![numbered(sequence([inner]), "")]);

    assert_eq!(
        answers(&sent),
        [(String::new(), 400), ("51".to_owned(), 215)]
    );
    assert_eq!(executed, Vec::<String>::new());
}

#[test]
fn ids_may_be_any_text() {
    let id = "f1b2c3d4-0000-4000-8000-123456789abc";
    let (_, sent) = bench().run(vec![numbered(exec("./A"), id)]);

    assert_eq!(answers(&sent), [(id.to_owned(), 200)]);
}

#[test]
fn the_meta_of_a_command_completes_that_of_its_items_element_by_element() {
    let mut bench = bench();
    let replace = Replace {
        cmd_id: "50".into(),
        meta: Some(Arc::new(Meta::format("int").with_type("text/x-common"))),
        items: vec![
            Item::for_target("./A").with_data("1"),
            Item::for_target("./B")
                .with_meta(Meta::format("chr"))
                .with_data("2"),
        ],
        ..Replace::default()
    };
    bench.answer.commands.push(replace.into());
    bench
        .session
        .handle(received(&bench.answer), Nonce::default())
        .expect("a message");
    let mut metas = Vec::new();
    while let Some(event) = bench.session.poll_event() {
        if let ClientEvent::Execute(ticket, execute) = event {
            let meta = execute.item.meta.expect("a meta");
            metas.push((meta.format.clone(), meta.type_.clone()));
            bench.session.answer(ticket, StatusCode::OK.into());
        }
    }

    let text = |text: &str| Some(Text::from(text));
    assert_eq!(
        metas,
        [
            (text("int"), text("text/x-common")),
            (text("chr"), text("text/x-common")),
        ]
    );
}

#[test]
fn a_message_out_of_order_ends_the_clients_session() {
    type Change = fn(&mut SyncMl);
    let cases: [(Change, Misbehaviour); 4] = [
        (
            |message| message.header.msg_id = MsgId::from("2"),
            Misbehaviour::MessageOrder("2".into()),
        ),
        (
            |message| message.header.msg_id = MsgId::from("0"),
            Misbehaviour::MessageOrder("0".into()),
        ),
        (
            |message| message.header.msg_id = MsgId::from("one"),
            Misbehaviour::MessageOrder("one".into()),
        ),
        (
            |message| message.header.session_id = SessionId::from("B2"),
            Misbehaviour::SessionId("B2".into()),
        ),
    ];
    for (change, expected) in cases {
        let Bench {
            mut session,
            mut answer,
        } = bench();
        answer.commands.push(numbered(exec("./A"), "50"));
        change(&mut answer);
        let error = SessionError::PeerMisbehaved(expected);

        assert_eq!(
            session.handle(received(&answer), Nonce::default()),
            Err(error.clone())
        );
        let last = message(&session.poll_transmit().expect("an abort")).expect("a message");
        assert_eq!(names(&last), ["Alert"]);
        assert_eq!(
            session.poll_event(),
            Some(ClientEvent::Ended(Ending::Failed(error.clone())))
        );
        assert_eq!(session.poll_transmit(), None);
        assert_eq!(
            session.handle(received(&answer), Nonce::default()),
            Err(error),
            "it stays failed"
        );
    }
}

#[test]
fn an_unknown_version_is_answered_with_those_known() {
    let cases = [
        ("1.2", "DM/2.0", 513, vec!["DM/1.2", "DM/1.3", "DM/1.1"]),
        ("2.0", "DM/2.0", 505, vec!["1.2", "1.1"]),
        ("1.1", "DM/9", 513, vec!["DM/1.2", "DM/1.3", "DM/1.1"]),
    ];
    for (dtd, proto, code, known) in cases {
        let scene = Scene::new(Encoding::Xml);
        let mut first = message(&scene.clone().pair().client.transmit().expect("package 1"))
            .expect("a message");
        first.header.ver_dtd = dtd.into();
        first.header.ver_proto = proto.into();
        let first = received(&first);
        let mut session = ServerSession::accept(
            &first,
            Arc::new(scene.server.clone()),
            &scene.server_account,
        )
        .expect("a first message");
        let error = session
            .handle(first, Nonce::default())
            .expect_err("the version");

        assert!(matches!(
            &error,
            SessionError::PeerIncompatible(
                Incompatibility::VerDtd(_) | Incompatibility::VerProto(_)
            )
        ));
        let answer = session.poll_transmit().expect("an answer");
        let Command::Status(status) = &message(&answer).expect("a message").commands[0] else {
            panic!("no status")
        };
        assert_eq!(status.data.as_u16(), code);
        let named: Vec<&str> = status
            .items
            .iter()
            .filter_map(|item| item.data.as_ref()?.as_str())
            .collect();
        assert_eq!(named, known);
    }
}

#[test]
fn a_device_of_version_1_1_is_answered_alike() {
    let scene = Scene::new(Encoding::Xml);
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    let mut first = message(&request).expect("a message");
    first.header.ver_dtd = "1.1".into();
    first.header.ver_proto = "DM/1.1".into();
    let request = with_message(&request, &first);
    let answer = pair.server.exchange(&request).expect("an answer");

    let header = message(&answer).expect("a message").header;
    assert_eq!(header.ver_dtd, "1.1");
    assert_eq!(header.ver_proto, "DM/1.1");
}

#[test]
fn a_device_keeps_its_version_whatever_the_server_speaks() {
    let mut bench = bench();
    bench.answer.header.ver_dtd = "1.1".into();
    bench.answer.header.ver_proto = "DM/1.1".into();
    let (executed, sent) = bench.run(vec![numbered(exec("./A"), "50")]);

    assert_eq!(executed, ["Exec"]);
    assert_eq!(sent.header.ver_dtd, "1.2");
    assert_eq!(sent.header.ver_proto, "DM/1.2");
}

#[test]
fn a_session_begins_with_message_1() {
    let scene = Scene::new(Encoding::Xml);
    let mut first =
        message(&scene.clone().pair().client.transmit().expect("package 1")).expect("a message");
    first.header.msg_id = "2".into();

    assert_eq!(
        ServerSession::accept(
            &received(&first),
            Arc::new(scene.server.clone()),
            &scene.server_account
        )
        .expect_err("message 2"),
        SessionError::PeerMisbehaved(Misbehaviour::MessageOrder("2".into()))
    );
}

/// Hands the server a package 1 with more commands in it; returns what it heard and its statuses.
fn to_server(commands: Vec<Command>) -> (Vec<String>, Vec<(String, u16)>) {
    let mut pair = Scene::new(Encoding::Xml).pair();
    let request = pair.client.transmit().expect("package 1");
    let mut first = message(&request).expect("a message");
    first.commands.extend(commands);
    let request = with_message(&request, &first);
    let answer = pair.server.exchange(&request).expect("an answer");
    let answers = answers(&message(&answer).expect("a message"));
    (pair.server.manager.heard, answers[2..].to_vec())
}

#[test]
fn what_only_a_server_may_send_is_refused_by_the_server() {
    let cases: Vec<(Command, Vec<u16>)> = vec![
        (numbered(exec("./A"), "50"), vec![405]),
        (numbered(get(&["./A"]), "50"), vec![405]),
        (
            numbered(sequence([numbered(exec("./A"), "51")]), "50"),
            vec![405, 405],
        ),
        (numbered(replace(&["./A"]), "50"), vec![405]),
        (numbered(alert(1101), "50"), vec![406]),
        (numbered(alert(1221), "50"), vec![406]),
        (numbered(alert(1222), "50"), vec![200]),
        (numbered(unsupported("Put"), "50"), vec![406]),
        (numbered(unsupported("Frob"), "50"), vec![501]),
        (numbered(exec("./A"), ""), vec![400]),
        (numbered(alert(1226), "1"), vec![400]),
    ];
    for (command, codes) in cases {
        let shown = format!("{command:?}");
        let (heard, answers) = to_server(vec![command]);
        let got: Vec<u16> = answers.iter().map(|(_, code)| *code).collect();
        assert_eq!(got, codes, "{shown}");
        assert_eq!(
            heard,
            ["opened 1201 5", "ready", "ended Complete"],
            "{shown}"
        );
    }
}

#[test]
fn answers_to_nothing_are_ignored() {
    let status = |msg_ref: &str, cmd_ref: &str| -> Command {
        Status {
            cmd_id: "60".into(),
            msg_ref: msg_ref.into(),
            cmd_ref: cmd_ref.into(),
            cmd: CommandName::EXEC,
            ..Status::default()
        }
        .into()
    };
    let (heard, answers) = to_server(vec![
        status("1", "1"),
        status("9", "0"),
        status("", ""),
        status("x", "y"),
        Results {
            cmd_id: "61".into(),
            items: vec![Item::for_source("./A").with_data("x")],
            ..Results::default()
        }
        .into(),
    ]);

    assert_eq!(heard, ["opened 1201 5", "ready", "ended Complete"]);
    assert_eq!(answers, []);
}

/// A server that has sent one batch, and a message 2 of the client with these commands.
pub(crate) fn answer_of_client(
    batch: Vec<Command>,
    commands: Vec<Command>,
    is_final: bool,
) -> Vec<String> {
    let mut pair = Scene::new(Encoding::Xml).batch(batch).pair();
    let request = pair.client.transmit().expect("package 1");
    pair.server.exchange(&request).expect("package 2");
    let heard = pair.server.manager.heard.len();
    let mut second = message(&request).expect("a message");
    second.header.msg_id = "2".into();
    second.commands = commands;
    second.is_final = is_final;
    let request = with_message(&request, &second);
    pair.server.exchange(&request).expect("an answer");
    pair.server.manager.heard.split_off(heard)
}

pub(crate) fn status_of(cmd_ref: &str, cmd: CommandName, code: u16) -> Command {
    Status {
        cmd_id: format!("1{cmd_ref}").into(),
        msg_ref: "1".into(),
        cmd_ref: cmd_ref.into(),
        cmd,
        data: StatusCode::new(code),
        ..Status::default()
    }
    .into()
}

#[test]
fn commands_without_a_status_are_told_at_the_final_in_any_order() {
    // Commands 4 (Sequence), 5 and 6 inside, 7: the package before them takes 1 to 3.
    let batch = || vec![sequence([exec("./A"), exec("./B")]), get(&["./C"])];
    let heard = answer_of_client(
        batch(),
        vec![
            status_of("0", CommandName::SYNC_HDR, 200),
            status_of("6", CommandName::EXEC, 404),
            status_of("5", CommandName::EXEC, 200),
        ],
        true,
    );
    assert_eq!(
        heard,
        [
            "status 1.2 404",
            "status 1.1 200",
            "no status 1.0",
            "no status 2.0",
            "ready",
            "ended Complete"
        ]
    );

    let heard = answer_of_client(batch(), vec![status_of("5", CommandName::EXEC, 200)], false);
    assert_eq!(
        heard,
        ["status 1.1 200"],
        "without Final there is more to come"
    );
}

#[test]
fn results_without_references_mean_message_1() {
    let heard = answer_of_client(
        vec![get(&["./C"])],
        vec![
            status_of("4", CommandName::GET, 200),
            Results {
                cmd_id: "9".into(),
                cmd_ref: "4".into(),
                items: vec![Item::for_source("./C").with_data("x")],
                ..Results::default()
            }
            .into(),
        ],
        true,
    );

    assert_eq!(heard[..2], ["status 1.0 200", "results 1.0 1"]);
}

#[test]
fn a_large_object_without_a_size_is_refused_by_both_sides() {
    let chunk = |uri: &str| {
        let mut item = Item::for_target(uri).with_data("first part");
        item.source = item.target.clone();
        item.more_data = true;
        item
    };
    let replace = Replace {
        items: vec![chunk("./A")],
        ..Replace::default()
    };
    let (executed, sent) = bench().run(vec![numbered(replace.into(), "50")]);
    assert_eq!(answers(&sent), [("50".to_owned(), 411)]);
    assert_eq!(executed, Vec::<String>::new());

    let results = Results {
        cmd_id: "9".into(),
        cmd_ref: "4".into(),
        items: vec![chunk("./C")],
        ..Results::default()
    };
    let heard = answer_of_client(
        vec![get(&["./C"])],
        vec![status_of("4", CommandName::GET, 200), results.into()],
        true,
    );
    assert_eq!(heard, ["status 1.0 200", "ready", "ended Complete"]);

    let alert = Alert {
        items: vec![chunk("./A")],
        ..report("x")
    };
    let (heard, answers) = to_server(vec![numbered(alert.into(), "50")]);
    assert_eq!(answers, [("50".to_owned(), 411)]);
    assert!(!heard.contains(&"alert 1226".to_owned()));
}

#[test]
fn messages_that_say_nothing_do_not_go_on_for_ever() {
    let mut pair = Scene::new(Encoding::Xml).send(exec("./A")).pair();
    let request = pair.client.transmit().expect("package 1");
    pair.server.exchange(&request).expect("package 2");
    let mut next = message(&request).expect("a message");
    next.commands = vec![numbered(alert(1222), "1")];
    next.is_final = false;
    let mut answered = 0;
    for number in 2_u32..200 {
        next.header.msg_id = number.into();
        let request = with_message(&request, &next);
        if pair.server.exchange(&request).is_err() {
            break;
        }
        answered += 1;
    }

    assert!(answered < 30, "{answered}");
    assert_eq!(
        pair.server.ending,
        Some(Ending::Failed(SessionError::PeerMisbehaved(
            Misbehaviour::Endless
        )))
    );
}

#[test]
fn a_server_that_never_ends_its_package_is_left() {
    let Bench {
        mut session,
        mut answer,
    } = bench();
    let mut rounds = 0_u32;
    let error = loop {
        rounds += 1;
        answer.header.msg_id = rounds.into();
        answer.is_final = false;
        answer.commands = vec![numbered(alert(1222), "1")];
        if let Err(error) = session.handle(received(&answer), Nonce::default()) {
            break error;
        }
        while session.poll_event().is_some() {}
        let sent = session.poll_transmit().expect("a request to go on");
        assert!(!message(&sent).expect("a message").is_final);
        assert!(rounds < 100);
    };

    assert_eq!(error, SessionError::PeerMisbehaved(Misbehaviour::Endless));
}

#[test]
fn a_resp_uri_is_followed_on_the_same_host_only() {
    for (resp_uri, expected) in [
        ("http://server.test/dm?s=1", "http://server.test/dm?s=1"),
        ("HTTP://Server.Test/other", "HTTP://Server.Test/other"),
        ("http://server.test:81/dm", "http://server.test/dm"),
        ("https://server.test/dm", "http://server.test/dm"),
        ("http://server.test@evil.test/", "http://server.test/dm"),
        ("http://evil.test/dm", "http://server.test/dm"),
        ("/relative", "http://server.test/dm"),
    ] {
        let Bench {
            mut session,
            mut answer,
        } = bench();
        answer.header.resp_uri = Some(resp_uri.into());
        answer.commands.push(numbered(exec("./A"), "50"));
        session
            .handle(received(&answer), Nonce::default())
            .expect("a message");
        while let Some(event) = session.poll_event() {
            if let ClientEvent::Execute(ticket, _) = event {
                session.answer(ticket, StatusCode::OK.into());
            }
        }
        let sent = session.poll_transmit().expect("an answer");
        assert_eq!(sent.uri, expected, "{resp_uri}");
    }
}

#[test]
fn a_message_the_server_refuses_as_a_whole_ends_the_session() {
    let Bench {
        mut session,
        mut answer,
    } = bench();
    if let Some(Command::Status(status)) = answer.commands.first_mut() {
        status.data = StatusCode::SERVICE_UNAVAILABLE;
    }

    assert_eq!(
        session.handle(received(&answer), Nonce::default()),
        Err(SessionError::Rejected(StatusCode::SERVICE_UNAVAILABLE))
    );
    assert_eq!(session.poll_transmit(), None);
}

#[test]
fn only_dm_media_types_are_received() {
    let body = Scene::new(Encoding::Xml)
        .pair()
        .client
        .transmit()
        .expect("package 1")
        .body;
    let options = DecodeOptions::default();
    for (content_type, is_read) in [
        ("application/vnd.syncml.dm+xml", true),
        ("Application/Vnd.Syncml.DM+XML; charset=utf-8", true),
        ("application/vnd.syncml+xml", false),
        ("text/xml", false),
        ("", false),
    ] {
        let result = Received::read(body.clone(), Headers::new(content_type), &options);
        match result {
            Ok(_) => assert!(is_read, "{content_type}"),
            Err(error) => {
                assert!(!is_read, "{content_type}");
                assert_eq!(
                    error,
                    ReceiveError::UnsupportedMediaType(content_type.into())
                );
            }
        }
    }
}

#[test]
fn errors_say_what_was_wrong() {
    let cases = [
        (
            SessionError::from(Misbehaviour::MessageOrder("7".into())),
            "the peer broke the protocol: message \"7\" is out of order",
        ),
        (
            SessionError::from(Incompatibility::Scheme("x".into())),
            "the peer is incompatible: credentials of type \"x\" are asked for",
        ),
        (
            SessionError::Rejected(StatusCode::SERVICE_UNAVAILABLE),
            "the peer refuses our message with status 503",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_message_read_back_is_the_one_that_was_sent() {
    let request = Scene::new(Encoding::Wbxml)
        .pair()
        .client
        .transmit()
        .expect("package 1");
    let received = read(&request, &DecodeOptions::default()).expect("a message");

    assert_eq!(received.encoding(), Encoding::Wbxml);
    assert_eq!(received.tolerances(), []);
    assert_eq!(received.header().session_id, "A1");
}

#[test]
fn a_long_type_of_a_device_is_not_copied_to_thousands_of_items() {
    let meta = || Some(Arc::new(Meta::of_type("x".repeat(200_000))));
    let items = |item: fn(&'static str) -> Item| vec![item("./A"); 1_000];
    let results = Results {
        cmd_id: "50".into(),
        cmd_ref: "4".into(),
        meta: meta(),
        items: items(Item::for_source),
        ..Results::default()
    };
    let heard = answer_of_client(vec![get(&["./A"])], vec![results.into()], true);
    assert_eq!(heard, ["no status 1.0", "ready", "ended Complete"]);

    let dev_info = Replace {
        meta: meta(),
        items: items(|_| Item::for_source("./DevInfo/Man")),
        ..Replace::default()
    };
    let (heard, answers) = to_server(vec![numbered(dev_info.into(), "50")]);
    assert_eq!(heard, ["opened 1201 5", "ready", "ended Complete"]);
    assert_eq!(answers, [("50".to_owned(), 413)]);
}

#[test]
fn results_beyond_the_memory_budget_are_413() {
    let mut scene = Scene::new(Encoding::Wbxml).send(get(&["./A"; 5_000]));
    let large = Item::for_source("./A").with_data("x".repeat(10_000));
    scene = scene.answer("./A", Answer::results(vec![large]));
    let pair = scene.run();

    assert_eq!(pair.client.device.executed.len(), 5_000);
    let results = pair.server.manager.heard.iter();
    let lines: Vec<_> = results.filter(|line| line.starts_with("results")).collect();
    assert!(lines.len() <= 420, "{}", lines.len());
    let refused = |line: &&str| line.starts_with("1.0 413");
    let statuses = status_lines(&pair.server.manager.heard);
    assert!(statuses.iter().filter(|line| refused(line)).count() > 4_500);
}

#[test]
fn the_items_of_a_status_are_not_copied_to_each_of_its_references() {
    let Command::Status(mut status) = status_of("4", CommandName::GET, 404) else {
        panic!("not a status");
    };
    status.target_refs = vec!["./A".into(), "./B".into()];
    status.items = vec![Item::default().with_data("why")];
    let heard = answer_of_client(vec![get(&["./A", "./B"])], vec![status.into()], true);
    assert_eq!(
        heard,
        [
            "status 1.0 404 ./A \"why\"",
            "status 1.0 404 ./B",
            "ready",
            "ended Complete"
        ]
    );
}

#[test]
fn a_server_that_repeats_its_answer_for_ever_is_left() {
    let Bench {
        mut session,
        answer,
    } = bench();
    let mut answer = answer;
    answer.commands.push(numbered(get(&["./A"]), "50"));
    let mut rounds = 0;
    let error = loop {
        if let Err(error) = session.handle(received(&answer), Nonce::default()) {
            break error;
        }
        while let Some(event) = session.poll_event() {
            if let ClientEvent::Execute(ticket, _) = event {
                session.answer(ticket, StatusCode::OK.into());
            }
        }
        session.poll_transmit().expect("a message");
        rounds += 1;
        assert!(rounds < 100);
    };

    assert_eq!(error, SessionError::PeerMisbehaved(Misbehaviour::Endless));
}

#[test]
fn statuses_do_not_keep_a_session_going_for_ever() {
    let Bench {
        mut session,
        mut answer,
    } = bench();
    let mut rounds = 0_u32;
    let error = loop {
        rounds += 1;
        answer.header.msg_id = rounds.into();
        answer.is_final = false;
        answer.commands = vec![status_of("9", CommandName::REPLACE, 200)];
        if let Err(error) = session.handle(received(&answer), Nonce::default()) {
            break error;
        }
        while session.poll_event().is_some() {}
        session.poll_transmit().expect("a request to go on");
        assert!(rounds < 100);
    };

    assert_eq!(error, SessionError::PeerMisbehaved(Misbehaviour::Endless));
}

#[test]
fn a_server_may_show_message_after_message() {
    let mut scene = Scene::new(Encoding::Wbxml);
    for _ in 0..40 {
        scene = scene.send(ask(AlertCode::DISPLAY, &["", "hello"]));
    }
    let pair = scene.run();

    assert_eq!(pair.server.ending, Some(Ending::Complete));
    assert_eq!(pair.client.device.executed.len(), 40);
}

#[test]
fn a_device_may_have_reports_for_many_messages() {
    let mut scene = Scene::new(Encoding::Wbxml).send(get(&["./A"]));
    scene.server.max_msg_size = 1_000;
    for tag in 0..40 {
        scene = scene.alert(1, report(&"x".repeat(400)), tag);
    }
    let pair = scene.run();

    assert_eq!(pair.client.ending, Some(Ending::Complete));
    let answered = |line: &&String| line.starts_with("answered");
    assert_eq!(pair.client.device.heard.iter().filter(answered).count(), 40);
}

#[test]
fn thousands_of_alerts_may_be_taken_before_the_first_is_answered() {
    let mut pair = Scene::new(Encoding::Wbxml).pair();
    let request = pair.client.transmit().expect("package 1");
    let mut first = message(&request).expect("a message");
    first
        .commands
        .extend((0..5_000).map(|id| numbered(report("x").into(), &format!("r{id}"))));
    let request = with_message(&request, &first);
    let first = read(&request, &DecodeOptions::default()).expect("a message");
    let scene = Scene::new(Encoding::Wbxml);
    let mut session = ServerSession::accept(&first, Arc::new(scene.server), &scene.server_account)
        .expect("message 1");
    session.handle(first, Nonce::default()).expect("message 1");
    let mut tickets = Vec::new();
    while let Some(event) = session.poll_event() {
        if let ServerEvent::Alert(ticket, _) = event {
            tickets.push(ticket);
        }
    }
    assert_eq!(tickets.len(), 5_000);
    for ticket in tickets {
        session.answer(ticket, StatusCode::OK);
    }
    while session.poll_event().is_some() {}
    assert!(session.poll_transmit().is_some());
}

#[test]
fn a_broken_body_is_400_for_the_header_where_that_can_be_read() {
    use dm_proto::testing::message;
    for encoding in ENCODINGS {
        let request = Scene::new(encoding).pair().client.transmit().unwrap();
        let media_type = encoding.media_type();
        let options = DecodeOptions::default();
        let headers = Headers::new(media_type);
        let cut = request.body.slice(..request.body.len() - 2);
        assert!(Received::read(cut.clone(), headers, &options).is_err());

        let answer = Received::refuse_unreadable(&cut, headers, &options).expect("an answer");
        let answer = message(&answer).expect("a message");
        assert_eq!(statuses(&answer), ["SyncHdr 400"]);
        assert_eq!(answer.header.target.loc_uri, "IMEI:493005100592800");
        assert_eq!(answer.header.session_id, "A1");
        assert!(answer.is_final);

        let head = request.body.slice(..40);
        assert_eq!(Received::refuse_unreadable(&head, headers, &options), None);
        let other = Headers::new("text/html");
        assert_eq!(Received::refuse_unreadable(&cut, other, &options), None);
    }
}
