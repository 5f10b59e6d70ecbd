//! Alerts of the device, and of the server, that are neither questions nor control codes of packages.
//! OMA-TS-DM_Protocol, generic alert, client event, session abort.

use dm_proto::{
    AlertCode, Importance, StatusCode,
    message::{Alert, Item, Meta},
    session::{Ending, UserReply},
};

use crate::session_support::*;

fn alert(code: u16, items: Vec<Item>) -> Alert {
    Alert {
        code: Some(AlertCode::new(code)),
        items,
        ..Alert::default()
    }
}

fn event(type_: &'static str, data: &'static str) -> Item {
    Item::default()
        .with_meta(Meta::of_type(type_).with_format("chr"))
        .with_data(data)
}

/// What the device hears of an alert of its own, and the server of it.
fn answered(alert: Alert, status: StatusCode) -> (Vec<String>, Vec<String>) {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .alert(0, alert.clone(), 7)
            .with_status(status)
            .run();
        if encoding == ENCODINGS[1] {
            let only = |lines: Vec<String>, word: &str| {
                let kept = lines.into_iter().filter(|line| line.starts_with(word));
                kept.collect()
            };
            return (
                only(pair.client.device.heard, "answered"),
                only(pair.server.manager.heard, "alert"),
            );
        }
    }
    unreachable!("both encodings were tried")
}

#[test]
fn events_and_reports_are_for_the_application_to_answer() {
    for (code, status) in [
        (1224, 200),
        (1224, 406),
        (1226, 200),
        (1226, 202),
        (1226, 415),
    ] {
        let sent = alert(
            code,
            vec![event("org.test.event", "1"), event("com.x/Y", "2")],
        );
        let (device, server) = answered(sent, StatusCode::new(status));
        assert_eq!(device, [format!("answered 7 {status}")]);
        assert_eq!(server, [format!("alert {code}")], "once for all items");
    }
}

#[test]
fn an_event_or_report_without_an_item_is_412_and_one_of_an_unknown_code_406() {
    for (code, status) in [
        (1224, 412),
        (1226, 412),
        (1100, 406),
        (1105, 406),
        (1221, 406),
        (1227, 406),
        (1, 406),
        (65535, 406),
    ] {
        let items = match status {
            412 => vec![],
            _ => vec![event("org.test.event", "1")],
        };
        let (device, server) = answered(alert(code, items), StatusCode::OK);
        assert_eq!(device, [format!("answered 7 {status}")], "{code}");
        assert!(server.is_empty(), "nobody is asked about {code}");
    }
}

#[test]
fn a_report_with_an_item_without_type_format_or_data_is_412() {
    let whole = || event("org.test.event", "1");
    let without = |leave_out: fn(&mut Meta)| {
        let mut item = whole();
        leave_out(
            item.meta
                .as_mut()
                .map(std::sync::Arc::make_mut)
                .expect("a meta"),
        );
        item
    };
    let no_data = || Item {
        data: None,
        ..whole()
    };
    for item in [
        without(|meta| meta.type_ = None),
        without(|meta| meta.format = None),
        no_data(),
    ] {
        let (device, server) = answered(alert(1226, vec![whole(), item]), StatusCode::OK);
        assert_eq!(device, ["answered 7 412"]);
        assert!(server.is_empty(), "nobody is asked: {server:?}");
    }
    // Events of Windows have no format, and data may be empty.
    for sent in [
        alert(1224, vec![without(|meta| meta.format = None)]),
        alert(1226, vec![event("org.test.event", "")]),
    ] {
        let (device, server) = answered(sent, StatusCode::OK);
        assert_eq!(device, ["answered 7 200"]);
        assert_eq!(server.len(), 1);
    }
}

#[test]
fn correlator_and_importance_of_a_report_arrive_as_they_were_given() {
    use dm_proto::{message::Command, testing::message};
    for encoding in ENCODINGS {
        let mut report = report("1200");
        report.correlator = Some(" c-1 \u{fc}".into());
        if let Some(meta) = report.items[0].meta.as_mut().map(std::sync::Arc::make_mut) {
            meta.mark = Some(Importance::Critical.as_str().into());
        }
        let mut pair = Scene::new(encoding).alert(0, report.clone(), 7).pair();
        let request = pair.client.transmit().expect("package 1");
        let message = message(&request).expect("a message");
        let sent = message.commands.iter().find_map(|command| match command {
            Command::Alert(alert) if alert.code == Some(AlertCode::GENERIC_ALERT) => Some(alert),
            _ => None,
        });
        let sent = sent.expect("the report");
        assert_eq!(sent.correlator, report.correlator);
        assert_eq!(sent.importance(), Importance::Critical);
    }
}

#[test]
fn a_server_that_sends_what_only_devices_send_gets_406() {
    for code in [1105, 1199, 1221, 1224, 1226, 1300] {
        let sent = alert(code, vec![event("org.test.event", "1")]);
        let pair = Scene::new(ENCODINGS[0]).send(sent).run();
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 406"],
            "{code}"
        );
        assert!(pair.client.device.executed.is_empty());
    }
}

#[test]
fn a_reply_that_does_not_fit_or_does_not_come_is_no_consent() {
    for (options, reply, status) in [
        ("DR=1", UserReply::TimedOut, 408),
        ("DR=1&MAXDT=1", UserReply::Cancelled, 214),
        ("DR=1", UserReply::Text("yes".into()), 416),
        ("DR=1", UserReply::Choices(vec![1]), 416),
        ("DR=1", UserReply::CannotDisplay, 416),
    ] {
        let question = ask(AlertCode::CONFIRM_OR_REJECT, &[options, "sure?"]);
        let pair = Scene::new(ENCODINGS[1])
            .send(sequence([question, exec("./Op")]))
            .reply(reply.clone())
            .run();
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            [
                "1.0 200".to_owned(),
                format!("1.1 {status}"),
                "1.2 215".to_owned()
            ],
            "{options} {reply:?}"
        );
        assert_eq!(pair.client.device.executed, ["ask sure?"]);
    }
}

#[test]
fn input_that_is_not_of_the_kind_asked_for_is_416_and_goes_nowhere() {
    for (options, text, line) in [
        ("IT=N", "12.5", "1.0 200 \"12.5\""),
        ("IT=N", "twelve", "1.0 416"),
        ("IT=D", "31122026", "1.0 200 \"31122026\""),
        ("IT=D", "2026-12-31", "1.0 416"),
        ("MAXLEN=4", "12345", "1.0 416"),
        ("MAXLEN=4&ET=P", "1234", "1.0 200 \"1234\""),
        ("IT=Z&MAXLEN=x", "anything", "1.0 200 \"anything\""),
    ] {
        let pair = Scene::new(ENCODINGS[0])
            .send(ask(AlertCode::TEXT_INPUT, &[options, "PIN?"]))
            .reply(UserReply::Text(text.into()))
            .run();
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            [line],
            "{options}"
        );
    }
}

#[test]
fn several_choices_come_back_one_item_each() {
    let question = ask(
        AlertCode::MULTIPLE_CHOICE,
        &["MINDT=1&MAXDT=60&DR=1-3", "which?", "a", "b", "c"],
    );
    let pair = Scene::new(ENCODINGS[1])
        .send(question)
        .reply(UserReply::Choices(vec![3, 1]))
        .run();
    assert_eq!(
        status_lines(&pair.server.manager.heard),
        ["1.0 200 \"3\" \"1\""]
    );
}

#[test]
fn an_abort_of_either_side_ends_the_session_on_both() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        pair.server.exchange(&request).expect("package 2");
        pair.client.session.abort();
        let abort = pair.client.transmit().expect("an abort");
        let answer = pair.server.exchange(&abort).expect("an answer");
        let answer = dm_proto::testing::message(&answer).expect("a message");
        assert_eq!(statuses(&answer), ["SyncHdr 200", "Alert 200"]);
        assert_eq!(names(&answer), ["Status"; 2], "no commands");
        assert_eq!(pair.client.ending, Some(Ending::Aborted));
        assert_eq!(pair.server.ending, Some(Ending::AbortedByPeer));
        assert!(pair.client.device.executed.is_empty());
    }
}
