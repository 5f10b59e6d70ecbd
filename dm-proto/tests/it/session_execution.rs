//! Sequence, Atomic and the user's answers, row by row. OMA-TS-DM_RepPro, `Atomic`, `Sequence`;
//! OMA-TS-DM_Protocol, user interaction commands.

use dm_proto::{
    AlertCode, StatusCode,
    message::{Alert, Command, Exec, Item, Meta, Replace},
    session::{SequencePolicy, UserReply},
};

use crate::session_support::*;

/// What the user answers to a confirmation, and the code it has; none for a user who cannot be asked.
const REPLIES: [(Option<UserReply>, u16); 6] = [
    (Some(UserReply::Yes), 200),
    (Some(UserReply::No), 304),
    (Some(UserReply::Cancelled), 214),
    (Some(UserReply::TimedOut), 408),
    (Some(UserReply::CannotDisplay), 416),
    (None, 406),
];

struct Run {
    statuses: Vec<String>,
    executed: Vec<String>,
}

/// Runs one batch. Node `./Fail` answers 418.
fn run(scene: Scene, commands: impl IntoIterator<Item = Command>) -> Run {
    let pair = scene
        .answer("./Fail", StatusCode::ALREADY_EXISTS)
        .batch(commands)
        .run();
    Run {
        statuses: status_lines(&pair.server.manager.heard)
            .into_iter()
            .map(String::from)
            .collect(),
        executed: pair.client.device.executed,
    }
}

fn scene_of(reply: &Option<UserReply>) -> Scene {
    let mut scene = Scene::new(ENCODINGS[1]);
    scene.client.user_interaction = reply.is_some();
    scene.device.reply.clone_from(reply);
    scene
}

fn scene() -> Scene {
    Scene::new(ENCODINGS[0])
}

#[test]
fn a_sequence_runs_in_order_and_is_200() {
    let run = run(
        scene(),
        [sequence([add("./A"), exec("./B"), get(&["./C"])])],
    );

    assert_eq!(run.statuses, ["1.0 200", "1.1 200", "1.2 200", "1.3 200"]);
    assert_eq!(run.executed, ["Add ./A", "Exec ./B", "Get ./C"]);
}

#[test]
fn a_failure_stops_a_sequence_exec_included_and_nothing_else() {
    let run = run(
        scene(),
        [
            sequence([add("./A"), add("./Fail"), exec("./B")]),
            exec("./C"),
        ],
    );

    assert_eq!(
        run.statuses,
        ["1.0 200", "1.1 200", "1.2 418", "1.3 215", "2.0 200"]
    );
    assert_eq!(run.executed, ["Add ./A", "Add ./Fail", "Exec ./C"]);
}

#[test]
fn a_sequence_goes_on_after_a_failure_where_so_configured() {
    let mut scene = scene();
    scene.client.sequence = SequencePolicy::Continue;
    let run = run(scene, [sequence([add("./Fail"), exec("./B")])]);

    assert_eq!(run.statuses, ["1.0 200", "1.1 418", "1.2 200"]);
}

#[test]
fn only_yes_lets_a_sequence_go_on_whatever_the_policy() {
    for policy in [SequencePolicy::Stop, SequencePolicy::Continue] {
        for (reply, code) in &REPLIES {
            let mut scene = scene_of(reply);
            scene.client.sequence = policy;
            let run = run(scene, [sequence([confirm(), exec("./Op")])]);

            let rest = if *code == 200 { 200 } else { 215 };
            assert_eq!(
                run.statuses,
                [
                    "1.0 200".to_owned(),
                    format!("1.1 {code}"),
                    format!("1.2 {rest}")
                ]
            );
            assert_eq!(
                run.executed.contains(&"Exec ./Op".to_owned()),
                *code == 200,
                "{code}"
            );
        }
    }
}

#[test]
fn an_incomplete_confirmation_is_412_and_no_consent() {
    let incomplete = ask(AlertCode::CONFIRM_OR_REJECT, &["MAXDT=30"]);
    let run = run(scene(), [sequence([incomplete, exec("./Op")])]);

    assert_eq!(run.statuses, ["1.0 200", "1.1 412", "1.2 215"]);
    assert_eq!(run.executed, Vec::<String>::new());
}

#[test]
fn a_confirmation_on_its_own_stops_the_message_when_cancelled_only() {
    for (reply, code) in &REPLIES {
        let run = run(
            scene_of(reply),
            [confirm(), exec("./Op"), sequence([add("./A")])],
        );

        let rest = match code {
            214 | 408 => 215,
            _ => 200,
        };
        assert_eq!(
            run.statuses,
            [
                format!("1.0 {code}"),
                format!("2.0 {rest}"),
                format!("3.0 {rest}"),
                format!("3.1 {rest}")
            ]
        );
    }
}

#[test]
fn a_cancelled_question_in_a_sequence_stops_the_message_too() {
    for (reply, code, after) in [
        (UserReply::No, 304, 200),
        (UserReply::Cancelled, 214, 215),
        (UserReply::TimedOut, 408, 215),
        (UserReply::CannotDisplay, 416, 200),
    ] {
        let run = run(
            scene_of(&Some(reply)),
            [sequence([confirm(), add("./A")]), exec("./Op")],
        );
        assert_eq!(
            run.statuses,
            [
                "1.0 200".to_owned(),
                format!("1.1 {code}"),
                "1.2 215".to_owned(),
                format!("2.0 {after}")
            ]
        );
    }
}

#[test]
fn an_atomic_that_succeeds_is_released() {
    let run = run(scene(), [atomic([add("./A"), replace(&["./B", "./C"])])]);

    assert_eq!(run.statuses, ["1.0 200", "1.1 200", "1.2 200"]);
    assert_eq!(
        run.executed,
        [
            "savepoint",
            "Add ./A",
            "Replace ./B",
            "Replace ./C",
            "release"
        ]
    );
}

#[test]
fn an_atomic_that_fails_is_rolled_back() {
    let run = run(scene(), [atomic([add("./A"), add("./Fail"), add("./B")])]);

    assert_eq!(run.statuses, ["1.0 507", "1.1 216", "1.2 418", "1.3 215"]);
    assert_eq!(
        run.executed,
        ["savepoint", "Add ./A", "Add ./Fail", "rollback"]
    );
}

#[test]
fn an_atomic_that_cannot_be_rolled_back_says_so() {
    let mut scene = scene();
    scene.device.rolls_back_partly = true;
    let run = run(
        scene,
        [atomic([confirm(), add("./A"), add("./Fail"), add("./B")])],
    );

    assert_eq!(
        run.statuses,
        ["1.0 507", "1.1 216", "1.2 516", "1.3 418", "1.4 215"]
    );
}

#[test]
fn the_items_of_a_command_in_an_atomic_fail_together() {
    let run = run(
        scene(),
        [atomic([replace(&["./A", "./Fail", "./B"]), add("./C")])],
    );

    assert_eq!(
        run.statuses,
        [
            "1.0 507",
            "1.1 216 ./A",
            "1.1 418 ./Fail",
            "1.1 215 ./B",
            "1.2 215"
        ]
    );
}

#[test]
fn what_an_atomic_must_not_hold_fails_it_before_anything_is_changed() {
    for forbidden in [atomic([add("./X")]), get(&["./X"]), exec("./X")] {
        let inner = if forbidden.children().is_empty() {
            0
        } else {
            1
        };
        let run = run(scene(), [atomic([add("./A"), forbidden, add("./B")])]);

        let mut expected = vec!["1.0 507", "1.1 216", "1.2 500", "1.3 215"];
        expected.extend(["1.4 215"].iter().take(inner));
        assert_eq!(run.statuses, expected);
        assert_eq!(run.executed, Vec::<String>::new());
    }
}

#[test]
fn a_sequence_in_an_atomic_is_part_of_it() {
    let run_ok = run(
        scene(),
        [atomic([sequence([add("./A"), add("./B")]), add("./C")])],
    );
    let run_fail = run(
        scene(),
        [atomic([
            sequence([add("./A"), add("./Fail"), add("./B")]),
            add("./C"),
        ])],
    );
    let run_get = run(scene(), [atomic([sequence([add("./A"), get(&["./B"])])])]);

    assert_eq!(
        run_ok.statuses,
        ["1.0 200", "1.1 200", "1.2 200", "1.3 200", "1.4 200"]
    );
    assert_eq!(
        run_fail.statuses,
        [
            "1.0 507", "1.1 200", "1.2 216", "1.3 418", "1.4 215", "1.5 215"
        ]
    );
    assert_eq!(
        run_get.statuses,
        ["1.0 507", "1.1 200", "1.2 216", "1.3 500"]
    );
}

#[test]
fn the_questions_of_an_atomic_come_before_its_changes() {
    let run = run(
        scene(),
        [atomic([add("./A"), confirm(), add("./B"), confirm()])],
    );

    assert_eq!(
        run.statuses,
        ["1.0 200", "1.1 200", "1.2 200", "1.3 200", "1.4 200"]
    );
    assert_eq!(
        run.executed,
        [
            "ask sure?",
            "ask sure?",
            "savepoint",
            "Add ./A",
            "Add ./B",
            "release"
        ]
    );
}

#[test]
fn an_atomic_without_consent_changes_nothing() {
    for (reply, code) in REPLIES.iter().skip(1) {
        let run = run(
            scene_of(reply),
            [atomic([add("./A"), confirm(), add("./B")]), add("./C")],
        );

        let after = match code {
            214 | 408 => 215,
            _ => 200,
        };
        assert_eq!(
            run.statuses,
            [
                "1.0 507".to_owned(),
                "1.1 216".to_owned(),
                format!("1.2 {code}"),
                "1.3 215".to_owned(),
                format!("2.0 {after}"),
            ]
        );
        assert!(!run.executed.contains(&"savepoint".to_owned()), "{code}");
        assert!(!run.executed.contains(&"Add ./A".to_owned()), "{code}");
    }
}

#[test]
fn a_failed_atomic_stops_the_sequence_around_it() {
    let run = run(
        scene(),
        [sequence([
            atomic([add("./A"), add("./Fail")]),
            exec("./Op"),
        ])],
    );

    assert_eq!(
        run.statuses,
        ["1.0 200", "1.1 507", "1.2 216", "1.3 418", "1.4 215"]
    );
}

#[test]
fn a_question_to_nobody_is_406_and_asked_of_nobody() {
    for code in [
        AlertCode::DISPLAY,
        AlertCode::CONFIRM_OR_REJECT,
        AlertCode::TEXT_INPUT,
        AlertCode::SINGLE_CHOICE,
        AlertCode::MULTIPLE_CHOICE,
    ] {
        let run = run(scene_of(&None), [ask(code, &["", "text", "one"])]);
        assert_eq!(run.statuses, ["1.0 406"]);
        assert_eq!(run.executed, Vec::<String>::new());
    }
}

#[test]
fn a_device_without_atomic_answers_406_and_runs_nothing_of_it() {
    let mut scene = scene();
    scene.client.atomic = false;
    let run = run(
        scene,
        [
            atomic([add("./A"), confirm(), sequence([get(&["./B"])])]),
            sequence([atomic([add("./C")]), exec("./D")]),
            exec("./E"),
        ],
    );

    assert_eq!(
        run.statuses,
        [
            "1.0 406", "1.1 215", "1.2 215", "1.3 215", "1.4 215", "2.0 200", "2.1 406", "2.2 215",
            "2.3 215", "3.0 200"
        ]
    );
    assert_eq!(run.executed, ["Exec ./E"]);
}

#[test]
fn an_alert_in_an_atomic_that_cannot_be_understood_fails_it_before_anything_is_changed() {
    let cases = [
        (ask(AlertCode::CONFIRM_OR_REJECT, &["MAXDT=30"]), 412),
        (ask(AlertCode::new(1221), &[]), 406),
        (ask(AlertCode::GENERIC_ALERT, &["x"]), 406),
        (Command::from(Alert::default()), 412),
    ];
    for (alert, code) in cases {
        let run = run(scene(), [atomic([add("./A"), alert, add("./B")])]);

        assert_eq!(
            run.statuses,
            [
                "1.0 507".to_owned(),
                "1.1 216".to_owned(),
                format!("1.2 {code}"),
                "1.3 215".to_owned()
            ]
        );
        assert_eq!(run.executed, Vec::<String>::new());
    }
}

#[test]
fn text_for_an_atomic_that_fails_later_is_not_told() {
    let run = run(
        scene_of(&Some(UserReply::Text("typed".into()))),
        [atomic([
            ask(AlertCode::TEXT_INPUT, &["", "name?"]),
            add("./Fail"),
        ])],
    );

    assert_eq!(run.statuses, ["1.0 507", "1.1 216", "1.2 418"]);
}

#[test]
fn every_item_of_an_exec_has_its_status() {
    let items = ["./A", "./Fail", "./B"].map(Item::for_target).to_vec();
    let run = run(
        scene(),
        [Exec {
            items,
            ..Exec::default()
        }
        .into()],
    );

    assert_eq!(
        run.statuses,
        ["1.0 200 ./A", "1.0 418 ./Fail", "1.0 200 ./B"]
    );
    assert_eq!(run.executed, ["Exec ./A", "Exec ./Fail", "Exec ./B"]);
}

/// The command with `NoResp` wherever it may stand.
fn quiet(mut command: Command) -> Command {
    match &mut command {
        Command::Add(command) => command.no_resp = true,
        Command::Alert(command) => command.no_resp = true,
        Command::Exec(command) => command.no_resp = true,
        Command::Get(command) => command.no_resp = true,
        Command::Atomic(command) => {
            command.no_resp = true;
            command.commands = core::mem::take(&mut command.commands)
                .into_iter()
                .map(quiet)
                .collect();
        }
        Command::Sequence(command) => {
            command.no_resp = true;
            command.commands = core::mem::take(&mut command.commands)
                .into_iter()
                .map(quiet)
                .collect();
        }
        other => panic!("{other:?}"),
    }
    command
}

// OMA-TS-DM_RepPro, `NoResp`: not used in DM.
#[test]
fn no_resp_keeps_no_answer_back() {
    let run = run(
        scene(),
        [
            quiet(sequence([confirm(), exec("./A")])),
            quiet(atomic([add("./B"), add("./Fail")])),
            quiet(get(&["./C"])),
        ],
    );

    assert_eq!(
        run.statuses,
        [
            "1.0 200", "1.1 200", "1.2 200", "2.0 507", "2.1 216", "2.2 418", "3.0 200"
        ]
    );
}

#[test]
fn an_empty_container_is_200_and_a_savepoint_for_nothing() {
    let run = run(scene(), [sequence([]), atomic([])]);

    assert_eq!(run.statuses, ["1.0 200", "2.0 200"]);
    assert_eq!(run.executed, ["savepoint", "release"]);
}

#[test]
fn containers_in_containers_fail_from_the_inside_out() {
    // A Sequence whose Atomic fails, in a Sequence; beside it, a command that nothing stops.
    let commands = || {
        [
            sequence([
                sequence([atomic([add("./A"), add("./Fail")]), add("./B")]),
                add("./C"),
            ]),
            add("./D"),
        ]
    };
    let stopped = run(scene(), commands());
    let mut scene = scene();
    scene.client.sequence = SequencePolicy::Continue;
    let continued = run(scene, commands());

    assert_eq!(
        stopped.statuses,
        [
            "1.0 200", "1.1 200", "1.2 507", "1.3 216", "1.4 418", "1.5 215", "1.6 200", "2.0 200"
        ]
    );
    assert_eq!(
        continued.statuses,
        [
            "1.0 200", "1.1 200", "1.2 507", "1.3 216", "1.4 418", "1.5 200", "1.6 200", "2.0 200"
        ]
    );
}

#[test]
fn what_the_command_says_about_its_items_reaches_each_in_a_container() {
    let replace = Replace {
        meta: Some(Meta::of_type("text/x").with_format("xml").into()),
        items: ["./A", "./B"].map(Item::for_target).to_vec(),
        ..Replace::default()
    };
    let mut pair = scene().batch([atomic([sequence([replace.into()])])]).pair();
    pair.client.device.keeps_items = true;
    pair.run().expect("the session runs to its end");

    let metas: Vec<_> = pair
        .client
        .device
        .items
        .iter()
        .map(|item| item.meta.clone().expect("meta"))
        .map(|meta| (meta.type_.clone(), meta.format.clone()))
        .collect();
    assert_eq!(metas, vec![(Some("text/x".into()), Some("xml".into())); 2]);
}
