//! What clients in the field answer, and what the server makes of it: no status for a container or for
//! what is in it, statuses in another order, results for an Exec.

use dm_proto::{
    AlertCode, StatusCode,
    message::{Command, CommandName, Item, Results, Status},
};

use crate::{
    session_bad_input::{answer_of_client, status_of},
    session_support::*,
};

/// The statuses of package 2 take the first three identifiers: the first command of it is number 4.
const SYNC_HDR: (&str, CommandName, u16) = ("0", CommandName::SYNC_HDR, 200);

/// What the server hears of a package 3 with these statuses.
fn heard(batch: Vec<Command>, statuses: Vec<(&str, CommandName, u16)>) -> Vec<String> {
    let statuses = statuses
        .into_iter()
        .map(|(cmd_ref, name, code)| status_of(cmd_ref, name, code))
        .collect();
    answer_of_client(batch, statuses, true)
}

/// With what follows every package 3 of a server that has nothing else to say.
fn and_the_end(lines: &[&str]) -> Vec<String> {
    let all = lines.iter().chain(&["ready", "ended Complete"]);
    all.map(|line| (*line).to_owned()).collect()
}

#[test]
fn an_atomic_without_a_status_of_its_own_is_told_by_what_is_in_it() {
    let heard = heard(
        vec![atomic([add("./A"), add("./B")])],
        vec![
            SYNC_HDR,
            ("5", CommandName::ADD, 200),
            ("6", CommandName::ADD, 418),
        ],
    );

    assert_eq!(
        heard,
        and_the_end(&["status 1.1 200", "status 1.2 418", "no status 1.0"])
    );
}

#[test]
fn a_sequence_may_be_answered_after_its_commands_and_with_the_users_answer() {
    for (code, rest) in [(304, true), (214, false), (408, false), (416, false)] {
        let mut statuses = vec![SYNC_HDR, ("5", CommandName::ALERT, code)];
        if rest {
            statuses.push(("6", CommandName::EXEC, 215));
        }
        statuses.push(("4", CommandName::SEQUENCE, code));
        let heard = heard(vec![sequence([confirm(), exec("./Op")])], statuses);

        let alert = format!("status 1.1 {code}");
        let container = format!("status 1.0 {code}");
        let expected = match rest {
            true => and_the_end(&[&alert, "status 1.2 215", &container]),
            false => and_the_end(&[&alert, &container, "no status 1.2"]),
        };
        assert_eq!(heard, expected);
    }
}

#[test]
fn a_container_may_be_answered_alone() {
    let heard = heard(
        vec![sequence([add("./A"), atomic([add("./B")])]), exec("./Op")],
        vec![
            SYNC_HDR,
            ("4", CommandName::SEQUENCE, 200),
            ("8", CommandName::EXEC, 202),
        ],
    );

    assert_eq!(
        heard,
        and_the_end(&[
            "status 1.0 200",
            "status 2.0 202",
            "no status 1.1",
            "no status 1.2",
            "no status 1.3"
        ])
    );
}

#[test]
fn an_exec_that_ran_behind_a_failure_is_told_as_it_is() {
    let heard = heard(
        vec![sequence([
            confirm(),
            add("./A"),
            exec("./Op"),
            get(&["./B"]),
        ])],
        vec![
            SYNC_HDR,
            ("4", CommandName::SEQUENCE, 200),
            ("5", CommandName::ALERT, 304),
            ("6", CommandName::ADD, 215),
            ("7", CommandName::EXEC, 202),
            ("8", CommandName::GET, 215),
        ],
    );

    assert_eq!(
        heard,
        and_the_end(&[
            "status 1.0 200",
            "status 1.1 304",
            "status 1.2 215",
            "status 1.3 202",
            "status 1.4 215"
        ])
    );
}

#[test]
fn an_atomic_whose_answers_take_several_messages_may_be_517() {
    let heard = heard(
        vec![atomic([add("./A"), add("./B")])],
        vec![
            SYNC_HDR,
            ("4", CommandName::ATOMIC, 517),
            ("5", CommandName::ADD, 216),
            ("6", CommandName::ADD, 516),
        ],
    );

    assert_eq!(
        heard,
        and_the_end(&["status 1.0 517", "status 1.1 216", "status 1.2 516"])
    );
}

fn results_of(cmd_ref: &str, uris: &[&str]) -> Command {
    let items = uris.iter().map(|uri| Item::for_source(*uri).with_data("v"));
    Results {
        cmd_id: format!("3{cmd_ref}").into(),
        msg_ref: Some("1".into()),
        cmd_ref: cmd_ref.into(),
        items: items.collect(),
        ..Results::default()
    }
    .into()
}

#[test]
fn results_for_an_exec_are_given_to_the_caller() {
    let heard = answer_of_client(
        vec![exec("./Op")],
        vec![
            status_of("0", CommandName::SYNC_HDR, 200),
            status_of("4", CommandName::EXEC, 200),
            results_of("4", &["./Op"]),
        ],
        true,
    );

    assert_eq!(heard, and_the_end(&["status 1.0 200", "results 1.0 1"]));
}

#[test]
fn results_may_come_before_their_status_together_or_one_by_one() {
    let status_of_item = |uri: &str, code| {
        Command::from(Status {
            cmd_id: format!("1{uri}").into(),
            msg_ref: "1".into(),
            cmd_ref: "4".into(),
            cmd: CommandName::GET,
            target_refs: vec![uri.into()],
            data: StatusCode::new(code),
            ..Status::default()
        })
    };
    let together = answer_of_client(
        vec![get(&["./A", "./B", "./C"])],
        vec![
            status_of("0", CommandName::SYNC_HDR, 200),
            status_of_item("./A", 200),
            status_of_item("./B", 404),
            status_of_item("./C", 200),
            results_of("4", &["./A", "./C"]),
        ],
        true,
    );
    let first = answer_of_client(
        vec![get(&["./A", "./B"])],
        vec![
            results_of("4", &["./A"]),
            results_of("4", &["./B"]),
            status_of("4", CommandName::GET, 200),
        ],
        true,
    );

    assert_eq!(
        together,
        and_the_end(&[
            "status 1.0 200 ./A",
            "status 1.0 404 ./B",
            "status 1.0 200 ./C",
            "results 1.0 2"
        ])
    );
    assert_eq!(
        first,
        and_the_end(&["results 1.0 1", "results 1.0 1", "status 1.0 200"])
    );
}

#[test]
fn a_package_without_any_status_leaves_every_command_without_one() {
    let heard = answer_of_client(
        vec![
            get(&["./A"]),
            sequence([ask(AlertCode::DISPLAY, &["", "hello"])]),
        ],
        Vec::new(),
        true,
    );

    assert_eq!(
        heard,
        and_the_end(&["no status 1.0", "no status 2.0", "no status 2.1"])
    );
}

#[test]
fn what_a_status_adds_to_the_name_of_its_command_does_not_matter() {
    // Some clients name the wrong command, or write references with white space around them.
    let status = Status {
        cmd_id: "1".into(),
        msg_ref: " 1 ".into(),
        cmd_ref: "\n4".into(),
        cmd: CommandName::REPLACE,
        data: StatusCode::OK,
        ..Status::default()
    };
    let heard = answer_of_client(vec![add("./A")], vec![status.into()], true);

    assert_eq!(heard, and_the_end(&["status 1.0 200"]));
}
