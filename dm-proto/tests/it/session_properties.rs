//! What holds for any commands, whatever the device and the user answer.

use dm_proto::{
    StatusCode,
    codec::{DecodeOptions, Encoding, encode},
    message::{Command, Item, Replace, SyncMl},
    session::{Headers, Received, SequencePolicy, UserReply},
    testing::Fault,
};
use proptest::prelude::*;

use crate::{
    session_support::*,
    strategy::{Characters, message},
};

/// Any command, with containers up to three deep.
fn any_command() -> impl Strategy<Value = Command> {
    let leaf = prop_oneof![
        Just(exec("./Op")),
        Just(get(&["./A", "./Fail"])),
        Just(add("./Fail")),
        Just(add("./B")),
        Just(delete("./C")),
        Just(replace(&["./A", "./Fail", "./B"])),
        Just(confirm()),
        Just(ask(dm_proto::AlertCode::DISPLAY, &["", "hello"])),
        Just(Command::from(Replace {
            items: vec![Item::default()],
            ..Replace::default()
        })),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(sequence),
            prop::collection::vec(inner, 0..4).prop_map(atomic),
        ]
    })
}

fn any_reply() -> impl Strategy<Value = UserReply> {
    prop_oneof![
        3 => Just(UserReply::Yes),
        1 => Just(UserReply::No),
        1 => Just(UserReply::Cancelled),
        1 => Just(UserReply::TimedOut),
    ]
}

/// The command and those inside, depth first.
fn flat(command: &Command) -> Vec<&Command> {
    let mut all = vec![command];
    for child in command.children() {
        all.extend(flat(child));
    }
    all
}

proptest! {
    #[test]
    fn every_command_has_its_statuses_in_order_and_atomics_are_balanced(
        commands in prop::collection::vec(any_command(), 1..5),
        reply in any_reply(),
        continues: bool,
        partly: bool,
        small: bool,
    ) {
        let mut scene = Scene::new(Encoding::Wbxml)
            .answer("./Fail", StatusCode::ALREADY_EXISTS)
            .reply(reply)
            .batch(commands.clone());
        if continues {
            scene.client.sequence = SequencePolicy::Continue;
        }
        scene.device.rolls_back_partly = partly;
        if small {
            scene.server.max_msg_size = 600;
        }
        let pair = scene.run();

        let mut expected = Vec::new();
        for (place, command) in commands.iter().enumerate() {
            let parts = flat(command).len();
            expected.extend((0..parts).map(|part| format!("{}.{part}", place + 1)));
        }
        let mut answered: Vec<String> = status_lines(&pair.server.manager.heard)
            .iter()
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect();
        answered.dedup();
        prop_assert_eq!(answered, expected);

        let mut is_open = false;
        for line in &pair.client.device.executed {
            match line.as_str() {
                "savepoint" => {
                    prop_assert!(!is_open);
                    is_open = true;
                }
                "release" | "rollback" => {
                    prop_assert!(is_open);
                    is_open = false;
                }
                line => prop_assert!(
                    !is_open || !(line.starts_with("Exec") || line.starts_with("Get")
                        || line.starts_with("ask")),
                    "{} in an Atomic", line
                ),
            }
        }
        prop_assert!(!is_open);
    }

    #[test]
    fn nothing_is_executed_twice_whatever_gets_lost(
        commands in prop::collection::vec(any_command(), 1..4),
        request in 1_usize..4,
        fault in prop_oneof![
            Just(Fault::LoseRequest),
            Just(Fault::LoseAnswer),
            Just(Fault::RepeatRequest),
            Just(Fault::RepeatAnswer),
            Just(Fault::CutRequest),
            Just(Fault::CutAnswer),
        ],
    ) {
        let scene = Scene::new(Encoding::Wbxml).batch(commands);
        let whole = scene.clone().run();
        let mut pair = scene.pair().with_fault(request, fault);
        pair.run().expect("the session runs to its end");

        prop_assert_eq!(pair.client.device.executed, whole.client.device.executed);
        prop_assert_eq!(pair.server.manager.heard, whole.server.manager.heard);
    }
}

/// What a peer might send: any messages at all, or what a decent peer sends with other commands in it,
/// with headers that mostly fit.
fn any_messages() -> impl Strategy<Value = Vec<(SyncMl, bool)>> {
    let plausible = (
        message(Characters::Xml),
        prop::collection::vec(any_command(), 0..3),
        prop::bool::weighted(0.8),
    );
    prop::collection::vec(
        plausible.prop_map(|(mut message, more, fits)| {
            message.commands.extend(more);
            for (id, command) in (1_u32..).zip(&mut message.commands) {
                if let Command::Exec(exec) = command {
                    exec.cmd_id = id.into();
                }
            }
            (message, fits)
        }),
        1..6,
    )
}

fn fitted(message: &SyncMl, number: u32, template: &SyncMl) -> SyncMl {
    let mut message = message.clone();
    message.header = template.header.clone();
    message.header.msg_id = number.into();
    message
}

fn received(message: &SyncMl) -> Option<Received> {
    let octets = encode(Encoding::Wbxml, message).ok()?;
    let headers = Headers::new(Encoding::Wbxml.media_type());
    Received::read(octets, headers, &DecodeOptions::default()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_client_takes_any_messages_and_has_an_answer_or_an_end(
        messages in any_messages(),
        is_md5: bool,
    ) {
        let mut scene = Scene::new(Encoding::Wbxml);
        if is_md5 {
            scene = scene.accounts(account(client_md5(b"c"), server_md5(b"s")));
        }
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let template = pair.server.exchange(&request).expect("package 2");
        let template = dm_proto::testing::message(&template).expect("a message");
        for (number, (message, fits)) in (1_u32..).zip(&messages) {
            let message = match fits {
                true => fitted(message, number, &template),
                false => message.clone(),
            };
            let Some(received) = received(&message) else { continue };
            let handled = pair.client.handle(received);
            let sent = pair.client.transmit();
            if sent.is_none() || handled.is_err() {
                prop_assert!(pair.client.ending.is_some(), "{handled:?}");
                break;
            }
            prop_assert!(pair.client.ending.is_none());
            let sent = dm_proto::testing::message(&sent.expect("it is there")).expect("a message");
            prop_assert_eq!(sent.header.session_id, template.header.session_id.clone());
        }
        if is_md5 && !pair.client.session.is_authenticated() {
            prop_assert_eq!(pair.client.device.executed, Vec::<String>::new());
        }
    }

    #[test]
    fn a_server_takes_any_messages_and_has_an_answer_or_refuses(
        messages in any_messages(),
        is_md5: bool,
    ) {
        let mut scene = Scene::new(Encoding::Wbxml).batch([exec("./A"), get(&["./B"])]);
        if is_md5 {
            scene = scene.accounts(account(client_md5(b"c"), server_md5(b"s")));
        }
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let template = dm_proto::testing::message(&request).expect("a message");
        for (number, (message, fits)) in (1_u32..).zip(&messages) {
            let message = match fits {
                true => fitted(message, number, &template),
                false => message.clone(),
            };
            if encode(Encoding::Wbxml, &message).is_err() {
                continue;
            }
            if let Ok(answer) = pair.server.exchange(&with_message(&request, &message)) {
                let answer = dm_proto::testing::message(&answer).expect("a message");
                prop_assert!(statuses(&answer).first().is_some_and(|first| first.starts_with("SyncHdr")));
            }
        }
    }
}
