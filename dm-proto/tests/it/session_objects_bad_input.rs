//! Peers that send large objects wrongly, or not as we do. OMA-TS-DM_Protocol, large object handling.

use std::sync::Arc;

use dm_proto::{
    AlertCode, Data, StatusCode,
    auth::Nonce,
    codec::{DecodeOptions, Encoding, encode},
    message::{Alert, Command, CommandName, Item, Meta, Replace, Results, Status, SyncMl},
    session::{
        ClientEvent, ClientSession, Ending, Headers, Misbehaviour, Received, SessionError, Start,
        Trigger,
    },
    testing::message,
};

use crate::session_support::*;

/// A chunk for a node.
fn chunk(uri: &str, data: &str, size: Option<u64>, more_data: bool) -> Item {
    let meta = Meta {
        size,
        ..Meta::format("chr")
    };
    Item {
        more_data,
        ..Item::for_target(uri).with_data(data).with_meta(meta)
    }
}

fn replace_of(cmd_id: &str, items: Vec<Item>) -> Command {
    Replace {
        cmd_id: cmd_id.into(),
        items,
        ..Replace::default()
    }
    .into()
}

fn first(uri: &str) -> Command {
    replace_of("50", vec![chunk(uri, "abc", Some(6), true)])
}

fn last(uri: &str) -> Command {
    replace_of("50", vec![chunk(uri, "def", None, false)])
}

/// A device that is spoken to in messages of a test's making.
struct Device {
    session: ClientSession,
    template: SyncMl,
    sent: u32,
    /// What was executed: `Replace ./A abcdef`; `chunk 0 abc`; `discard`; `ended`.
    executed: Vec<String>,
    ending: Option<Ending>,
}

impl Device {
    fn new(change: impl FnOnce(&mut Scene)) -> Self {
        let mut scene = Scene::new(Encoding::Xml);
        change(&mut scene);
        let start = Start::new(Trigger::Client, "A1".into(), dev_info());
        let config = Arc::new(scene.client.clone());
        let mut session = ClientSession::start(config, &scene.client_account, start);
        let request = session.poll_transmit().expect("package 1");
        let mut pair = scene.pair();
        let answer = pair.server.exchange(&request).expect("package 2");
        Self {
            session,
            template: message(&answer).expect("a message"),
            sent: 0,
            executed: Vec::new(),
            ending: None,
        }
    }

    /// Hands over a message. What the device answers: `50 213`, `alert 1222`; `final`.
    fn take(&mut self, commands: Vec<Command>, is_final: bool) -> Vec<String> {
        self.sent += 1;
        let mut message_of_server = self.template.clone();
        message_of_server.header.msg_id = self.sent.into();
        message_of_server.is_final = is_final;
        message_of_server.commands = vec![
            Status {
                cmd_id: "1".into(),
                msg_ref: self.sent.into(),
                cmd_ref: "0".into(),
                cmd: CommandName::SYNC_HDR,
                data: StatusCode::AUTHENTICATION_ACCEPTED,
                ..Status::default()
            }
            .into(),
        ];
        message_of_server.commands.extend(commands);
        let octets = encode(Encoding::Xml, &message_of_server).expect("a message");
        let headers = Headers::new(Encoding::Xml.media_type());
        let received =
            Received::read(octets, headers, &DecodeOptions::default()).expect("a message");
        let _ = self.session.handle(received, Nonce::default());
        while let Some(event) = self.session.poll_event() {
            match event {
                ClientEvent::Execute(ticket, execute) => {
                    let uri = execute.item.target_uri().unwrap();
                    let data = execute.item.data.as_ref().and_then(Data::as_str);
                    let data = data.unwrap_or("-");
                    self.executed
                        .push(format!("{:?} {uri} {data}", execute.verb));
                    self.session.answer(ticket, StatusCode::OK.into());
                }
                ClientEvent::Chunk(ticket, chunk) => {
                    let octets = core::str::from_utf8(&chunk.bytes).unwrap();
                    self.executed
                        .push(format!("chunk {} {octets}", chunk.offset));
                    self.session.answer(ticket, StatusCode::OK.into());
                }
                ClientEvent::Rollback(ticket) => self.session.rolled_back(ticket, true),
                ClientEvent::Discard => self.executed.push("discard".into()),
                ClientEvent::Ended(ending) => self.ending = Some(ending),
                _ => {}
            }
        }
        let Some(transmit) = self.session.poll_transmit() else {
            return Vec::new();
        };
        let answer = message(&transmit).expect("a message");
        let mut lines: Vec<String> = answer
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::Status(status) if status.cmd_ref != "0" => {
                    let target = status.target_refs.first();
                    let target = target.map_or(String::new(), |target| format!(" {target}"));
                    Some(format!(
                        "{} {}{target}",
                        status.cmd_ref.as_str(),
                        status.data
                    ))
                }
                Command::Alert(alert) => {
                    let item = alert.items.first().and_then(Item::target_uri);
                    let item = item.map_or(String::new(), |uri| format!(" {uri}"));
                    Some(format!("alert {}{item}", alert.code.unwrap()))
                }
                _ => None,
            })
            .collect();
        if answer.is_final {
            lines.push("final".into());
        }
        lines
    }
}

fn device() -> Device {
    Device::new(|_| {})
}

#[test]
fn each_chunk_but_the_last_is_accepted_and_the_next_asked_for() {
    let mut device = device();
    assert_eq!(
        device.take(vec![first("./A")], false),
        ["50 213", "alert 1222"]
    );
    assert_eq!(device.take(vec![last("./A")], true), ["50 200", "final"]);
    assert_eq!(device.executed, ["Replace ./A abcdef"]);
}

#[test]
fn a_size_that_is_not_that_of_the_data_is_424_and_nothing_is_executed() {
    for (size, rest) in [(7, "def"), (5, "def"), (6, "de"), (6, "")] {
        let mut device = device();
        let begin = replace_of("50", vec![chunk("./A", "abc", Some(size), true)]);
        assert_eq!(device.take(vec![begin], false), ["50 213", "alert 1222"]);
        let end = replace_of("50", vec![chunk("./A", rest, None, false)]);
        assert_eq!(device.take(vec![end], true), ["50 424", "final"]);
        assert_eq!(device.executed, [""; 0]);
    }
    // Too long before the end.
    let mut device = device();
    let begin = replace_of("50", vec![chunk("./A", "abc", Some(2), true)]);
    assert_eq!(device.take(vec![begin], false), ["50 424", "alert 1222"]);
}

#[test]
fn a_size_that_is_said_again_must_be_the_same() {
    for (again, code) in [(6, 200), (7, 424)] {
        let mut device = device();
        device.take(vec![first("./A")], false);
        let last = replace_of("50", vec![chunk("./A", "def", Some(again), false)]);
        let expected = [format!("50 {code}"), "final".into()];
        assert_eq!(device.take(vec![last], true), expected);
        assert_eq!(device.executed.len(), usize::from(code == 200));
    }
}

#[test]
fn a_chunk_that_comes_again_in_another_message_is_424_in_the_end() {
    let mut device = device();
    device.take(vec![first("./A")], false);
    device.take(vec![first("./A")], false);
    assert_eq!(device.take(vec![last("./A")], true), ["50 424", "final"]);
    assert_eq!(device.executed, [""; 0]);
}

#[test]
fn a_size_above_the_limit_is_416_and_none_411() {
    let mut device = Device::new(|scene| scene.client.max_obj_size = 5);
    assert_eq!(
        device.take(vec![first("./A")], false),
        ["50 416", "alert 1222"]
    );
    let without = replace_of("50", vec![chunk("./A", "abc", None, true)]);
    assert_eq!(device.take(vec![without], false), ["50 411", "alert 1222"]);
}

#[test]
fn a_device_without_large_objects_refuses_the_first_chunk_with_413() {
    let mut device = Device::new(|scene| scene.client.large_objects = false);
    assert_eq!(
        device.take(vec![first("./A")], false),
        ["50 413", "alert 1222"]
    );
}

#[test]
fn the_size_may_stand_in_the_meta_of_the_command() {
    let mut device = device();
    let mut item = chunk("./A", "abc", None, true);
    let meta = item.meta.take();
    let begin = Replace {
        cmd_id: "50".into(),
        meta: meta.map(|mut meta| {
            Arc::make_mut(&mut meta).size = Some(6);
            meta
        }),
        items: vec![item],
        ..Replace::default()
    };
    assert_eq!(
        device.take(vec![begin.into()], false),
        ["50 213", "alert 1222"]
    );
    assert_eq!(device.take(vec![last("./A")], true), ["50 200", "final"]);
}

#[test]
fn later_chunks_may_leave_out_the_address_and_the_meta() {
    let mut device = device();
    device.take(vec![first("./A")], false);
    let bare = replace_of("50", vec![Item::default().with_data("def")]);
    assert_eq!(device.take(vec![bare], true), ["50 200", "final"]);
    assert_eq!(device.executed, ["Replace ./A abcdef"]);
}

#[test]
fn what_comes_instead_of_the_rest_is_executed_and_the_object_is_not() {
    let others: [(Command, &str); 4] = [
        (
            replace_of("51", vec![Item::for_target("./B").with_data("b")]),
            "Replace ./B b",
        ),
        (replace_of("51", vec![chunk("./B", "b", Some(2), true)]), ""),
        (
            {
                let Command::Get(mut get) = get(&["./A"]) else {
                    unreachable!()
                };
                get.cmd_id = "51".into();
                get.into()
            },
            "Get ./A -",
        ),
        (
            {
                let inner = replace_of("52", vec![Item::for_target("./B").with_data("b")]);
                let Command::Sequence(mut sequence) = sequence([inner]) else {
                    unreachable!()
                };
                sequence.cmd_id = "51".into();
                sequence.into()
            },
            "Replace ./B b",
        ),
    ];
    for (other, executed) in others {
        for chunks in [false, true] {
            let mut device = Device::new(|scene| scene.client.chunks = chunks);
            device.take(vec![first("./A")], false);
            let answers = device.take(vec![other.clone()], true);
            assert!(answers.contains(&"alert 1225 ./A".into()), "{answers:?}");
            let mut heard = device.executed.clone();
            heard.retain(|line| !line.starts_with("chunk"));
            let mut expected = vec![];
            expected.extend(chunks.then_some("discard"));
            expected.extend((!executed.is_empty()).then_some(executed));
            assert_eq!(heard, expected);
            // What was left of it is no whole value.
            let rest = device.take(vec![last("./A")], true);
            assert!(
                !device.executed.contains(&"Replace ./A abcdef".into()),
                "{rest:?}"
            );
        }
    }
}

#[test]
fn a_chunk_that_is_not_the_last_of_its_message_is_broken_off() {
    let mut device = device();
    let two = replace_of(
        "50",
        vec![
            chunk("./A", "abc", Some(6), true),
            Item::for_target("./B").with_data("b"),
        ],
    );
    assert_eq!(
        device.take(vec![two], false),
        ["50 213 ./A", "50 200 ./B", "alert 1225 ./A", "alert 1222"]
    );
    assert_eq!(device.executed, ["Replace ./B b"]);
}

#[test]
fn a_package_that_ends_without_the_rest_is_told_so() {
    let mut device = Device::new(|scene| scene.client.chunks = true);
    device.take(vec![first("./A")], false);
    assert_eq!(device.take(Vec::new(), true), ["alert 1225 ./A", "final"]);
    assert_eq!(device.executed, ["chunk 0 abc", "discard"]);
}

#[test]
fn a_sender_that_ends_its_package_with_every_chunk_is_understood() {
    let mut device = device();
    assert_eq!(device.take(vec![first("./A")], true), ["50 213", "final"]);
    assert_eq!(device.take(vec![last("./A")], true), ["50 200", "final"]);
    assert_eq!(device.executed, ["Replace ./A abcdef"]);
}

#[test]
fn an_abort_in_the_middle_executes_nothing() {
    let mut device = Device::new(|scene| scene.client.chunks = true);
    device.take(vec![first("./A")], false);
    let abort = Alert {
        cmd_id: "51".into(),
        code: Some(AlertCode::SESSION_ABORT),
        ..Alert::default()
    };
    device.take(vec![abort.into()], true);
    assert_eq!(device.ending, Some(Ending::AbortedByPeer));
    assert_eq!(device.executed, ["chunk 0 abc", "discard"]);
}

#[test]
fn chunks_in_a_sequence_or_atomic_are_413() {
    for container in [sequence([first("./A")]), atomic([first("./A")])] {
        let container = match container {
            Command::Sequence(mut container) => {
                container.cmd_id = "49".into();
                Command::from(container)
            }
            Command::Atomic(mut container) => {
                container.cmd_id = "49".into();
                container.into()
            }
            _ => unreachable!(),
        };
        let mut device = device();
        let answers = device.take(vec![container], true);
        assert!(answers.contains(&"50 413".into()), "{answers:?}");
        assert!(
            !device
                .executed
                .iter()
                .any(|line| line.starts_with("Replace"))
        );
    }
}

#[test]
fn chunks_without_data_do_not_go_on_for_ever() {
    let mut device = device();
    let empty = || replace_of("50", vec![chunk("./A", "", Some(6), true)]);
    for _ in 0..40 {
        device.take(vec![empty()], false);
    }
    let endless = SessionError::PeerMisbehaved(Misbehaviour::Endless);
    assert_eq!(device.ending, Some(Ending::Failed(endless)));
}

/// A server whose first commands were answered by a message of a test's making, then another. What
/// the server heard, and what it answered each: `9 213`, `alert 1222`.
fn to_server(
    batch: Vec<Command>,
    messages: Vec<(Vec<Command>, bool)>,
    change: impl FnOnce(&mut Scene),
) -> (Vec<String>, Vec<Vec<String>>) {
    let mut scene = Scene::new(Encoding::Xml).batch(batch);
    change(&mut scene);
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    pair.server.exchange(&request).expect("package 2");
    let mut answers = Vec::new();
    for (place, (commands, is_final)) in messages.into_iter().enumerate() {
        let mut next = message(&request).expect("a message");
        next.header.msg_id = (u32::try_from(place).unwrap() + 2).into();
        next.commands = commands;
        next.is_final = is_final;
        let answer = pair
            .server
            .exchange(&with_message(&request, &next))
            .expect("an answer");
        let answer = message(&answer).expect("a message");
        let lines = answer.commands.iter().filter_map(|command| match command {
            Command::Status(status) if status.cmd_ref != "0" => {
                Some(format!("{} {}", status.cmd_ref.as_str(), status.data))
            }
            Command::Alert(alert) => Some(format!("alert {}", alert.code.unwrap())),
            _ => None,
        });
        answers.push(lines.collect());
    }
    let heard = pair.server.manager.heard;
    let heard = heard
        .into_iter()
        .skip_while(|line| !line.starts_with("ready"));
    (heard.skip(1).collect(), answers)
}

fn result(item: Item) -> Command {
    Results {
        cmd_id: "9".into(),
        msg_ref: Some("1".into()),
        // Behind the statuses of header, alert and DevInfo.
        cmd_ref: "4".into(),
        items: vec![item],
        ..Results::default()
    }
    .into()
}

fn status_of_get() -> Command {
    Status {
        cmd_id: "2".into(),
        msg_ref: "1".into(),
        cmd_ref: "4".into(),
        cmd: CommandName::GET,
        data: StatusCode::OK,
        ..Status::default()
    }
    .into()
}

fn of_source(item: Item) -> Item {
    Item {
        source: item.target,
        target: None,
        ..item
    }
}

#[test]
fn the_server_puts_results_together() {
    let part = |data, size, more| result(of_source(chunk("./A", data, size, more)));
    let (heard, answers) = to_server(
        vec![get(&["./A"])],
        vec![
            (vec![status_of_get(), part("abc", Some(6), true)], false),
            (vec![part("def", None, false)], true),
        ],
        |_| {},
    );
    assert_eq!(heard[..2], ["status 1.0 200", "results 1.0 1"]);
    assert_eq!(answers[0], ["9 213", "alert 1222"]);
    assert_eq!(answers[1], [""; 0]);
}

#[test]
fn the_server_refuses_results_of_another_size_or_above_its_limit() {
    for (size, rest, max, codes) in [
        (7, "def", 100, ["9 213", "9 424"]),
        (6, "defg", 100, ["9 213", "9 424"]),
        (6, "def", 5, ["9 416", ""]),
    ] {
        let part = |data, size, more| result(of_source(chunk("./A", data, size, more)));
        let (heard, answers) = to_server(
            vec![get(&["./A"])],
            vec![
                (vec![status_of_get(), part("abc", Some(size), true)], false),
                (vec![part(rest, None, false)], true),
            ],
            |scene| scene.server.max_obj_size = max,
        );
        assert_eq!(answers[0], [codes[0], "alert 1222"]);
        assert_eq!(answers[1].first().map_or("", String::as_str), codes[1]);
        if !codes[1].is_empty() {
            assert!(!heard.contains(&"results 1.0 1".into()), "{heard:?}");
        }
    }
}

#[test]
fn the_server_tells_of_results_without_an_end() {
    let part = result(of_source(chunk("./A", "abc", Some(6), true)));
    for is_final in [true, false] {
        let next = match is_final {
            true => Vec::new(),
            false => vec![
                Alert {
                    cmd_id: "3".into(),
                    ..report("x")
                }
                .into(),
            ],
        };
        let (heard, answers) = to_server(
            vec![get(&["./A"])],
            vec![
                (vec![status_of_get(), part.clone()], false),
                (next, is_final),
            ],
            |_| {},
        );
        assert!(answers[1].contains(&"alert 1225".into()), "{answers:?}");
        assert_eq!(heard.contains(&"alert 1226".into()), !is_final);
        assert!(!heard.iter().any(|line| line.starts_with("results")));
    }
}

/// What became of a large value that is sent to a device which answers its first chunk so.
fn sent(commands: impl Fn(&str) -> Vec<Command>, is_final: bool) -> Vec<String> {
    let value = "x".repeat(5000);
    let large = Replace {
        items: vec![Item::for_target("./A").with_data(value.as_str())],
        ..Replace::default()
    };
    let mut scene = Scene::new(Encoding::Xml).send(large);
    scene.client.max_msg_size = 2000;
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let chunk = message(&answer).expect("a message");
    let cmd_id = chunk.commands.last().unwrap().cmd_id().as_str().to_owned();
    let mut next = message(&request).expect("a message");
    next.header.msg_id = "2".into();
    next.commands = commands(&cmd_id);
    next.is_final = is_final;
    let _ = pair.server.exchange(&with_message(&request, &next));
    let lines = pair.server.manager.heard.iter();
    lines
        .filter(|line| line.starts_with("status") || line.starts_with("no status"))
        .cloned()
        .collect()
}

#[test]
fn a_device_that_does_not_take_chunks_ends_the_object() {
    let answer = |code: u16| {
        move |cmd_id: &str| -> Vec<Command> {
            vec![
                Status {
                    cmd_id: "1".into(),
                    msg_ref: "1".into(),
                    cmd_ref: cmd_id.into(),
                    cmd: CommandName::REPLACE,
                    data: StatusCode::new(code),
                    ..Status::default()
                }
                .into(),
            ]
        }
    };
    for code in [411, 412, 400, 413, 416, 420, 500] {
        assert_eq!(sent(answer(code), true), [format!("status 1.0 {code}")]);
    }
    // Taken for the whole.
    assert_eq!(sent(answer(200), true), ["status 1.0 424"]);
    // Going on, with the status or only by asking for it.
    assert_eq!(sent(answer(213), false), [""; 0]);
    let next = |code| {
        move |_: &str| -> Vec<Command> {
            vec![
                Alert {
                    cmd_id: "1".into(),
                    code: Some(code),
                    ..Alert::default()
                }
                .into(),
            ]
        }
    };
    assert_eq!(sent(next(AlertCode::NEXT_MESSAGE), false), [""; 0]);
    assert_eq!(
        sent(next(AlertCode::NO_END_OF_DATA), true),
        ["no status 1.0"]
    );
    assert_eq!(
        sent(next(AlertCode::SESSION_ABORT), true),
        ["no status 1.0"]
    );
}
