//! What holds for any commands, whatever the device and the user answer.

use dm_proto::{
    StatusCode,
    codec::Encoding,
    message::{Command, Item, Replace},
    session::{SequencePolicy, UserReply},
    testing::Fault,
};
use proptest::prelude::*;

use crate::session_support::*;

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
