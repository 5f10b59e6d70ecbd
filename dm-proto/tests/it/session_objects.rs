//! Large objects. OMA-TS-DM_Protocol, large object handling.

use std::collections::BTreeMap;

use bytes::Bytes;
use dm_proto::{
    Data, StatusCode,
    auth::Side,
    codec::Encoding,
    message::{Alert, Command, Item, Replace, SyncMl},
    session::{
        Answer, Chunk, ClientEvent, CommandTag, Ending, Execute, Saved, ServerEvent, Source, Start,
        Trigger, Verb,
    },
    testing::{Client, Device, Fault, Manager, Pair, Server},
};
use proptest::prelude::*;

use crate::session_support::*;

/// A device of values, which takes large ones as a whole or piece by piece.
#[derive(Clone, Debug, Default)]
struct Values {
    nodes: BTreeMap<String, Vec<u8>>,
    is_source: bool,
    /// What is open of an object, and what the device answers for the n-th piece.
    spool: Vec<u8>,
    refusal: Option<(u64, StatusCode)>,
    executed: Vec<String>,
    heard: Vec<String>,
    alerts: Vec<(Alert, CommandTag)>,
}

impl Device for Values {
    fn execute(&mut self, execute: &Execute) -> Answer {
        let uri = execute.item.target_uri().unwrap().as_str().to_owned();
        match execute.verb {
            Verb::Get => {
                let value = self.nodes[&uri].clone();
                let item = Item::for_source(uri.as_str());
                if self.is_source {
                    let source = Source {
                        id: 7,
                        len: value.len() as u64,
                        is_text: true,
                    };
                    return Answer::from_source(item, source);
                }
                Answer::results(vec![item.with_data(data(&value))])
            }
            _ => {
                let value = match &execute.item.data {
                    Some(data) => data.as_bytes().unwrap().to_vec(),
                    None => core::mem::take(&mut self.spool),
                };
                let is_base64 = execute
                    .item
                    .meta
                    .as_ref()
                    .is_some_and(|meta| meta.format.as_deref() == Some("b64"));
                self.executed.push(format!("{:?} {uri}", execute.verb));
                let value = if is_base64 { unbase64(&value) } else { value };
                self.nodes.insert(uri, value);
                StatusCode::OK.into()
            }
        }
    }

    fn chunk(&mut self, chunk: &Chunk) -> StatusCode {
        // A piece may come again.
        self.spool.truncate(chunk.offset.try_into().unwrap());
        assert_eq!(self.spool.len() as u64, chunk.offset);
        self.spool.extend_from_slice(&chunk.bytes);
        match self.refusal {
            Some((offset, status)) if chunk.offset >= offset => status,
            _ => StatusCode::OK,
        }
    }

    fn payload(&mut self, _: u64, offset: u64, len: u64) -> Bytes {
        let value = self
            .nodes
            .get("./There")
            .or_else(|| self.nodes.get("./Large"))
            .unwrap();
        piece(value, offset, len)
    }

    fn hear(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Discard => {
                self.spool.clear();
                self.heard.push("discard".into());
            }
            ClientEvent::Answered { tag, status } => {
                self.heard.push(format!("answered {} {status}", tag.0));
            }
            _ => {}
        }
    }

    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        core::mem::take(&mut self.alerts)
    }
}

fn piece(value: &[u8], offset: u64, len: u64) -> Bytes {
    let from = usize::try_from(offset).unwrap();
    let to = value.len().min(from + usize::try_from(len).unwrap());
    Bytes::copy_from_slice(&value[from..to])
}

fn data(value: &[u8]) -> Data {
    match core::str::from_utf8(value) {
        Ok(text) => Data::text(text),
        Err(_) => Data::binary(value.to_vec()),
    }
}

/// Decodes Base64, each padded piece of it.
fn unbase64(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        let mut count = 0_usize;
        for character in group {
            let value = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => continue,
            };
            bits |= u32::from(value) << (18 - 6 * count);
            count += 1;
        }
        octets.extend_from_slice(&bits.to_be_bytes()[1..=count.saturating_sub(1)]);
    }
    octets
}

/// A server that sends commands all at once and writes down what it hears.
#[derive(Clone, Debug, Default)]
struct Sender {
    commands: Vec<Command>,
    sources: Vec<(Command, Vec<u8>)>,
    heard: Vec<String>,
    results: Vec<(u64, Vec<u8>)>,
    spool: Vec<u8>,
    alerts: Vec<Alert>,
}

impl Manager for Sender {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        let commands = core::mem::take(&mut self.commands);
        (1..)
            .map(CommandTag)
            .zip(commands)
            .map(|(tag, command)| (command, tag))
            .collect()
    }

    fn ready_from(&mut self) -> Vec<(Command, Source, CommandTag)> {
        if self.heard.iter().filter(|line| *line == "ready").count() > 0 {
            return Vec::new();
        }
        let each = self.sources.iter().zip(100..);
        each.map(|((command, value), id)| {
            let source = Source {
                id,
                len: value.len() as u64,
                is_text: core::str::from_utf8(value).is_ok(),
            };
            (command.clone(), source, CommandTag(id))
        })
        .collect()
    }

    fn payload(&mut self, id: u64, offset: u64, len: u64) -> Bytes {
        let (_, value) = &self.sources[usize::try_from(id - 100).unwrap()];
        piece(value, offset, len)
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        self.alerts.push(alert.clone());
        StatusCode::OK
    }

    fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Ready => self.heard.push("ready".into()),
            ServerEvent::Status {
                tag,
                target_ref,
                status,
                ..
            } => {
                let target = target_ref.as_ref().map_or("", |target| target.as_str());
                let line = format!("{} {status} {target}", tag.0);
                self.heard.push(line.trim_end().into());
            }
            ServerEvent::NotSent { tag, reason } => {
                self.heard.push(format!("{} not sent {reason:?}", tag.0));
            }
            ServerEvent::NoStatus { tag, .. } => self.heard.push(format!("{} none", tag.0)),
            ServerEvent::Chunk { chunk, .. } => {
                self.spool.truncate(chunk.offset.try_into().unwrap());
                self.spool.extend_from_slice(&chunk.bytes);
            }
            ServerEvent::Results { tag, items, .. } => {
                for item in items {
                    let is_base64 = item
                        .meta
                        .as_ref()
                        .is_some_and(|meta| meta.format.as_deref() == Some("b64"));
                    let value = match &item.data {
                        Some(data) => data.as_bytes().unwrap().to_vec(),
                        None => core::mem::take(&mut self.spool),
                    };
                    let value = if is_base64 { unbase64(&value) } else { value };
                    self.results.push((tag.0, value));
                }
            }
            _ => {}
        }
    }
}

fn replace_with(uri: &str, value: impl Into<Data>) -> Command {
    Replace {
        items: vec![Item::for_target(uri).with_data(value)],
        ..Replace::default()
    }
    .into()
}

/// A session of a device and a server with these sizes of messages.
fn pair(
    encoding: Encoding,
    sizes: (u64, u64),
    device: Values,
    sender: Sender,
) -> Pair<Values, Sender> {
    let mut scene = Scene::new(encoding);
    scene.client.max_msg_size = sizes.0;
    scene.server.max_msg_size = sizes.1;
    with_scene(scene, device, sender)
}

fn with_scene(scene: Scene, device: Values, sender: Sender) -> Pair<Values, Sender> {
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    Pair::new(
        Client::new(scene.client, scene.client_account, start, device),
        Server::new(scene.server, scene.server_account, sender),
    )
}

fn lines(pair: &Pair<Values, Sender>) -> Vec<&str> {
    let lines = pair.server.manager.heard.iter().map(String::as_str);
    lines.filter(|line| *line != "ready").collect()
}

/// Every message is within the size that its reader declared, and the sizes of chunks are as told.
fn check_sizes(pair: &Pair<Values, Sender>, sizes: (u64, u64)) {
    // The first message of a client is made before the server has declared anything.
    for (side, transmit) in &pair.transcript[1..] {
        let limit = match side {
            Side::Client => sizes.1,
            Side::Server => sizes.0,
        };
        assert!(
            transmit.body.len() as u64 <= limit,
            "{side:?} {}",
            transmit.body.len()
        );
    }
}

fn chunks(message: &SyncMl) -> Vec<&Item> {
    let items = message.commands.iter().flat_map(|command| command.items());
    items.filter(|item| item.more_data).collect()
}

fn text(len: usize) -> String {
    "The <quick> & brown fox, äöü €, jumps.\r\n"
        .chars()
        .cycle()
        .take(len)
        .collect()
}

fn octets(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| (place * 7 + place / 256) as u8)
        .collect()
}

#[test]
fn a_value_that_fits_into_no_message_arrives_in_chunks() {
    for encoding in ENCODINGS {
        for value in [text(9000).into_bytes(), octets(9000)] {
            let sender = Sender {
                commands: vec![
                    replace(&["./Before"]),
                    replace_with("./Large", data(&value)),
                    replace(&["./After"]),
                ],
                ..Sender::default()
            };
            let sizes = (2000, 2000);
            let mut pair = pair(encoding, sizes, Values::default(), sender);
            pair.run().expect("the session runs to its end");

            assert_eq!(pair.client.device.nodes["./Large"], value, "{encoding:?}");
            assert_eq!(
                pair.client.device.executed,
                ["Replace ./Before", "Replace ./Large", "Replace ./After"]
            );
            assert_eq!(lines(&pair), ["1 200", "2 200", "3 200"]);
            check_sizes(&pair, sizes);
            let messages = pair.messages().expect("messages");
            let mut count = 0;
            for (side, message) in &messages {
                let chunks = chunks(message);
                if let [chunk] = chunks.as_slice() {
                    assert_eq!(*side, Side::Server);
                    // A chunk is the last item, the package goes on, and only the first has the size.
                    assert!(!message.is_final);
                    assert_eq!(
                        message.commands.last().unwrap().items().last(),
                        Some(*chunk)
                    );
                    let size = chunk.meta.as_ref().and_then(|meta| meta.size);
                    assert_eq!(size.is_some(), count == 0);
                    count += 1;
                }
            }
            assert!(count > 4);
            let answered = messages.iter().filter(|(_, message)| {
                statuses(message).contains(&"Replace 213".to_owned())
                    && names(message).last().map(String::as_str) == Some("Alert")
            });
            assert_eq!(answered.count(), count);
        }
    }
}

/// OMA-TS-DM_Protocol, large objects: chunks in messages that follow each other, and no other command or
/// item before the last of them.
#[test]
fn nothing_but_statuses_stands_between_the_chunks_of_an_object() {
    for encoding in ENCODINGS {
        let device = Values {
            nodes: [("./There", 6000), ("./Small", 6)]
                .map(|(uri, len)| (uri.to_owned(), text(len).into_bytes()))
                .into(),
            ..Values::default()
        };
        let sender = Sender {
            commands: vec![
                replace(&["./Before"]),
                replace_with("./Large", text(6000).as_str()),
                get(&["./There"]),
                get(&["./Small"]),
                replace(&["./After"]),
            ],
            ..Sender::default()
        };
        let mut pair = pair(encoding, (2000, 2000), device, sender);
        pair.run().expect("the session runs to its end");

        let messages = pair.messages().expect("messages");
        for (sender, name, uri) in [
            (Side::Server, "Replace", "./Large"),
            (Side::Client, "Results", "./There"),
        ] {
            let sent = messages.iter().filter(|(side, _)| *side == sender);
            let mut is_open = false;
            let mut pieces = 0;
            for (_, message) in sent {
                let mut commands = message.commands.iter();
                let mut others = commands.by_ref().filter(|command| {
                    let name = command.name();
                    !matches!(name.as_str(), "Status" | "Alert")
                });
                if is_open {
                    // The next piece is the first that the next message says.
                    let next = others.next().expect("the next piece");
                    assert_eq!(next.name().as_str(), name);
                    let item = &next.items()[0];
                    let place = item.target_uri().or_else(|| item.source_uri());
                    assert_eq!(place.map(|place| place.as_str()), Some(uri));
                    pieces += 1;
                    is_open = item.more_data;
                }
                // A piece that goes on is the last that its message says.
                for command in others {
                    assert!(!is_open, "{}", command.name().as_str());
                    is_open = command.items().last().is_some_and(|item| item.more_data);
                }
            }
            assert!(!is_open && pieces > 2, "{name} {pieces}");
        }
    }
}

#[test]
fn messages_with_chunks_are_full_to_the_octet() {
    for (encoding, slack) in ENCODINGS.into_iter().zip([0, 0]) {
        let sender = Sender {
            commands: vec![replace_with("./Large", "x".repeat(20_000).as_str())],
            ..Sender::default()
        };
        let mut pair = pair(encoding, (2000, 2000), Values::default(), sender);
        pair.run().expect("the session runs to its end");

        let full = pair.transcript.iter().filter(|(side, transmit)| {
            *side == Side::Server && transmit.body.len() + slack >= 2000 - "<Final/>".len()
        });
        assert!(full.count() > 10, "{encoding:?}");
    }
}

#[test]
fn a_result_that_fits_into_no_message_arrives_in_chunks() {
    for encoding in ENCODINGS {
        for is_source in [false, true] {
            let device = Values {
                nodes: [("./Large".to_owned(), text(9000).into_bytes())].into(),
                is_source,
                ..Values::default()
            };
            let sender = Sender {
                commands: vec![get(&["./Large"]), replace(&["./A"]), get(&["./Large"])],
                ..Sender::default()
            };
            let sizes = (2000, 2000);
            let mut pair = pair(encoding, sizes, device, sender);
            pair.run().expect("the session runs to its end");

            let value = text(9000).into_bytes();
            assert_eq!(
                pair.server.manager.results,
                [(1, value.clone()), (3, value)]
            );
            assert_eq!(lines(&pair), ["1 200", "2 200", "3 200"]);
            check_sizes(&pair, sizes);
        }
    }
}

#[test]
fn a_report_that_fits_into_no_message_arrives_in_chunks() {
    for encoding in ENCODINGS {
        let device = Values {
            alerts: vec![
                (report(&text(5000)), CommandTag(7)),
                (report("small"), CommandTag(8)),
            ],
            ..Values::default()
        };
        let mut scene = Scene::new(encoding);
        scene.server.max_msg_size = 2000;
        // The size of the server's messages is known from its first one.
        let mut pair = with_scene(
            scene,
            Values::default(),
            Sender {
                commands: vec![exec("./Op")],
                ..Sender::default()
            },
        );
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        pair.client.device = device;
        let received =
            dm_proto::testing::read(&answer, &dm_proto::codec::DecodeOptions::default()).unwrap();
        pair.client.handle(received).unwrap();
        pair.run().expect("the session runs to its end");

        assert_eq!(
            pair.server
                .manager
                .alerts
                .iter()
                .map(|alert| &alert.items)
                .collect::<Vec<_>>(),
            [&report(&text(5000)).items, &report("small").items]
        );
        assert_eq!(
            pair.client.device.heard,
            ["answered 7 200", "answered 8 200"]
        );
    }
}

#[test]
fn data_comes_from_a_source_and_goes_to_a_sink_piece_by_piece() {
    for encoding in ENCODINGS {
        for value in [text(30_000).into_bytes(), octets(30_000), octets(3)] {
            let sender = Sender {
                commands: vec![replace(&["./A"])],
                sources: vec![
                    (replace_with("./Large", ""), value.clone()),
                    (replace_with("./More", ""), value.clone()),
                ],
                ..Sender::default()
            };
            let mut scene = Scene::new(encoding);
            scene.client.max_msg_size = 2000;
            scene.client.chunks = true;
            scene.server.chunks = true;
            let mut pair = with_scene(scene, Values::default(), sender);
            pair.run().expect("the session runs to its end");

            assert_eq!(pair.client.device.nodes["./Large"], value);
            assert_eq!(pair.client.device.nodes["./More"], value);
            assert_eq!(lines(&pair), ["1 200", "100 200", "101 200"]);
        }
    }
}

#[test]
fn what_is_saved_holds_no_payload() {
    fn small(saved: Saved) -> Saved {
        let octets = postcard::to_extend(&saved, Vec::new()).expect("it can be written");
        assert!(octets.len() < 1500, "{}", octets.len());
        postcard::from_bytes(&octets).expect("it can be read")
    }
    let value = octets(40_000);
    let sender = Sender {
        sources: vec![(replace_with("./Large", ""), value.clone())],
        ..Sender::default()
    };
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding);
        scene.client.max_msg_size = 4096;
        scene.client.chunks = true;
        let mut pair = with_scene(scene, Values::default(), sender.clone());
        while let Some(request) = pair.client.transmit() {
            small(pair.client.session.save());
            let answer = pair.server.exchange(&request).expect("an answer");
            small(pair.server.session.as_ref().unwrap().save());
            let options = dm_proto::codec::DecodeOptions::default();
            pair.client
                .handle(dm_proto::testing::read(&answer, &options).unwrap())
                .unwrap();
        }
        assert_eq!(pair.client.device.nodes["./Large"], value);
    }
}

#[test]
fn several_items_of_a_command_are_sent_one_by_one_if_they_do_not_fit() {
    for encoding in ENCODINGS {
        let items =
            ["./A", "./B", "./C"].map(|uri| Item::for_target(uri).with_data(text(1500).as_str()));
        let command = Replace {
            items: items.into(),
            ..Replace::default()
        };
        let sender = Sender {
            commands: vec![command.into()],
            ..Sender::default()
        };
        let mut pair = pair(encoding, (2000, 2000), Values::default(), sender);
        pair.run().expect("the session runs to its end");

        assert_eq!(lines(&pair), ["1 200 ./A", "1 200 ./B", "1 200 ./C"]);
        assert_eq!(pair.client.device.nodes.len(), 3);
    }
}

#[test]
fn an_object_above_the_devices_limit_is_not_sent() {
    for encoding in ENCODINGS {
        let sender = Sender {
            commands: vec![
                replace_with("./Large", text(9000).as_str()),
                replace(&["./A"]),
            ],
            ..Sender::default()
        };
        let mut scene = Scene::new(encoding);
        scene.client.max_msg_size = 2000;
        scene.client.max_obj_size = 5000;
        let mut pair = with_scene(scene, Values::default(), sender);
        pair.run().expect("the session runs to its end");

        assert_eq!(lines(&pair), ["1 not sent TooLarge", "2 200"]);
        assert_eq!(pair.client.device.executed, ["Replace ./A"]);
    }
}

#[test]
fn a_result_above_the_servers_limit_is_413() {
    let device = Values {
        nodes: [("./Large".to_owned(), octets(9000))].into(),
        ..Values::default()
    };
    let sender = Sender {
        commands: vec![get(&["./Large"])],
        ..Sender::default()
    };
    let mut scene = Scene::new(ENCODINGS[0]);
    scene.server.max_obj_size = 5000;
    let mut pair = with_scene(scene, device, sender);
    pair.run().expect("the session runs to its end");

    assert_eq!(lines(&pair), ["1 413"]);
}

#[test]
fn what_a_source_holds_above_the_peers_limit_is_not_begun() {
    for encoding in ENCODINGS {
        let sender = Sender {
            commands: vec![get(&["./There"])],
            sources: vec![(replace_with("./Large", ""), text(9000).into_bytes())],
            ..Sender::default()
        };
        let device = Values {
            nodes: [("./There".to_owned(), text(9000).into_bytes())].into(),
            is_source: true,
            ..Values::default()
        };
        let mut scene = Scene::new(encoding);
        scene.client.max_obj_size = 5000;
        scene.server.max_obj_size = 5000;
        let mut pair = with_scene(scene, device, sender);
        pair.run().expect("the session runs to its end");

        let mut told = lines(&pair);
        told.sort_unstable();
        assert_eq!(told, ["1 413", "100 not sent TooLarge"]);
        assert!(pair.client.device.executed.is_empty());
        assert!(pair.server.manager.results.is_empty());
    }
}

#[test]
fn a_refused_chunk_ends_the_object_and_the_session_goes_on() {
    for encoding in ENCODINGS {
        for code in [
            StatusCode::DEVICE_FULL,
            StatusCode::REQUEST_ENTITY_TOO_LARGE,
        ] {
            let sender = Sender {
                commands: vec![
                    replace_with("./Large", text(9000).as_str()),
                    replace(&["./A"]),
                ],
                ..Sender::default()
            };
            let mut scene = Scene::new(encoding);
            scene.client.max_msg_size = 2000;
            scene.client.chunks = true;
            let device = Values {
                refusal: Some((3000, code)),
                ..Values::default()
            };
            let mut pair = with_scene(scene, device, sender);
            pair.run().expect("the session runs to its end");

            assert_eq!(lines(&pair), [format!("1 {code}"), "2 200".into()]);
            assert_eq!(pair.client.device.executed, ["Replace ./A"]);
        }
    }
}

#[test]
fn faults_between_chunks_change_nothing() {
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::RepeatRequest,
        Fault::RepeatAnswer,
        Fault::CutRequest,
        Fault::CutAnswer,
    ];
    for encoding in ENCODINGS {
        for fault in faults {
            for at in 2..8 {
                let device = Values {
                    nodes: [("./There".to_owned(), octets(5000))].into(),
                    ..Values::default()
                };
                let sender = Sender {
                    commands: vec![
                        replace_with("./Large", text(5000).as_str()),
                        get(&["./There"]),
                    ],
                    ..Sender::default()
                };
                let mut pair = pair(encoding, (2000, 2000), device, sender).with_fault(at, fault);
                pair.run().expect("the session runs to its end");

                assert_eq!(pair.client.device.nodes["./Large"], text(5000).into_bytes());
                assert_eq!(pair.client.device.executed, ["Replace ./Large"]);
                assert_eq!(pair.server.manager.results, [(2, octets(5000))]);
                assert_eq!(lines(&pair), ["1 200", "2 200"]);
            }
        }
    }
}

#[test]
fn a_restart_of_either_side_after_any_step_changes_nothing() {
    fn transcode(saved: Saved) -> Saved {
        let octets = postcard::to_extend(&saved, Vec::new()).expect("it can be written");
        postcard::from_bytes(&octets).expect("it can be read")
    }
    let run = |encoding, chunks, restart: Option<(Side, u32)>| {
        let device = Values {
            nodes: [("./There".to_owned(), text(4000).into_bytes())].into(),
            is_source: chunks,
            ..Values::default()
        };
        let sender = Sender {
            commands: vec![replace(&["./A"]), get(&["./There"])],
            sources: vec![(replace_with("./Large", ""), text(4000).into_bytes())],
            ..Sender::default()
        };
        let mut scene = Scene::new(encoding);
        scene.client.max_msg_size = 1800;
        scene.server.max_msg_size = 1800;
        scene.client.chunks = chunks;
        scene.server.chunks = chunks;
        let mut pair = with_scene(scene, device, sender);
        if let Some((side, step)) = restart {
            pair = pair.with_restart(side, step, transcode);
        }
        pair.run().expect("the session runs to its end");
        assert_eq!(pair.client.device.nodes["./Large"], text(4000).into_bytes());
        assert_eq!(pair.server.manager.results, [(2, text(4000).into_bytes())]);
        assert_eq!(lines(&pair), ["1 200", "2 200", "100 200"]);
        pair
    };
    for encoding in ENCODINGS {
        for chunks in [false, true] {
            let whole = run(encoding, chunks, None);
            for side in [Side::Client, Side::Server] {
                for step in 0..whole.steps(side) {
                    run(encoding, chunks, Some((side, step)));
                }
            }
        }
    }
}

/// Whatever is sent in whatever sizes: every value arrives, once and whole, within the sizes.
fn arrives(
    encoding: Encoding,
    lens: &[usize],
    sizes: (u64, u64),
    is_text: bool,
    chunks: bool,
) -> Result<(), TestCaseError> {
    let value = |place: usize, len: usize| match is_text {
        true => text(len + place).into_bytes(),
        false => octets(len + place),
    };
    let mut device = Values::default();
    let mut sender = Sender::default();
    for (place, len) in lens.iter().enumerate() {
        let value = value(place, *len);
        device
            .nodes
            .insert(format!("./There{place}"), value.clone());
        sender
            .commands
            .push(replace_with(&format!("./New{place}"), data(&value)));
        sender.commands.push(get(&[&format!("./There{place}")]));
    }
    let mut scene = Scene::new(encoding);
    scene.client.max_msg_size = sizes.0;
    scene.server.max_msg_size = sizes.1;
    scene.client.chunks = chunks;
    scene.server.chunks = chunks;
    let mut pair = with_scene(scene, device, sender);
    pair.run()
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&pair.client.ending, &Some(Ending::Complete));
    let expected: Vec<String> = (1..=2 * lens.len())
        .map(|tag| format!("{tag} 200"))
        .collect();
    prop_assert_eq!(lines(&pair), expected);
    for (place, len) in lens.iter().enumerate() {
        let value = value(place, *len);
        let uri = format!("./New{place}");
        prop_assert!(pair.client.device.nodes[&uri] == value);
        let tag = 2 * place as u64 + 2;
        prop_assert!(pair.server.manager.results[place] == (tag, value));
    }
    for (side, transmit) in &pair.transcript[1..] {
        let limit = match side {
            Side::Client => sizes.1,
            Side::Server => sizes.0,
        };
        prop_assert!(transmit.body.len() as u64 <= limit);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn values_of_any_size_arrive_in_messages_of_any_size(
        lens in prop::collection::vec(prop_oneof![4 => 0..5000_usize, 4 => 0..50_000_usize, 1 => 0..200_000_usize], 1..4),
        sizes in (prop_oneof![0..2000_u64, 0..69_000_u64], prop_oneof![0..2000_u64, 0..69_000_u64]),
        is_xml: bool,
        is_text: bool,
        chunks: bool,
    ) {
        let (encoding, least) = match is_xml {
            true => (Encoding::Xml, 1100),
            false => (Encoding::Wbxml, 600),
        };
        let sizes = (least + sizes.0, least + sizes.1);
        // Few enough messages for a pair.
        let longest = 30 * usize::try_from(sizes.0.min(sizes.1)).unwrap();
        let lens: Vec<usize> = lens.iter().map(|len| longest.min(*len)).collect();
        arrives(encoding, &lens, sizes, is_text, chunks)?;
    }
}
