//! Whole sessions that read like the flows of OMA-TS-DM_Protocol.

use dm_proto::{
    AlertCode, StatusCode,
    message::{Alert, Command},
    session::{Answer, Ending, Trigger, UserReply},
    testing::Fault,
};

use crate::session_support::*;

#[test]
fn an_exec_is_executed_and_answered() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).send(exec("./Op")).run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        assert_eq!(
            pair.server.manager.heard,
            [
                "opened 1201 5",
                "ready",
                "status 1.0 200",
                "ready",
                "ended Complete"
            ]
        );
        assert_eq!(pair.client.ending, Some(Ending::Complete));
    }
}

#[test]
fn a_client_initiated_session_has_the_packages_of_the_document() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).send(get(&["./A"])).run();

        let messages = pair.messages().expect("messages");
        let flow: Vec<Vec<String>> = messages.iter().map(|(_, message)| names(message)).collect();
        assert_eq!(
            flow,
            [
                vec!["Alert", "Replace"],
                vec!["Status", "Status", "Status", "Get"],
                vec!["Status", "Status", "Results"],
                vec!["Status"],
            ]
        );
        assert!(messages.iter().all(|(_, message)| message.is_final));
        let numbers: Vec<&str> = messages
            .iter()
            .map(|(_, message)| message.header.msg_id.as_str())
            .collect();
        assert_eq!(numbers, ["1", "1", "2", "2"]);
        assert!(messages.iter().all(|(_, message)| {
            message.header.session_id == "A1"
                && message.header.ver_dtd == "1.2"
                && message.header.ver_proto == "DM/1.2"
        }));
        let (_, package_2) = &messages[1];
        assert_eq!(
            statuses(package_2),
            ["SyncHdr 200", "Alert 200", "Replace 200"]
        );
        assert_eq!(package_2.header.target.loc_uri, "IMEI:493005100592800");
        assert_eq!(package_2.header.source.loc_uri, "http://server.test/dm");
    }
}

#[test]
fn a_server_initiated_session_begins_with_alert_1200() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding);
        scene.trigger = Trigger::Server;
        let pair = scene.run();

        assert_eq!(
            pair.server.manager.heard,
            ["opened 1200 5", "ready", "ended Complete"]
        );
        assert_eq!(pair.client.device.heard, ["delivered 1", "ended Complete"]);
        assert_eq!(pair.transcript.len(), 2, "the lone status is not sent");
    }
}

#[test]
fn several_packages_of_commands_follow_each_other() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .batch([add("./A"), replace(&["./A/B"])])
            .batch([delete("./A")])
            .run();

        assert_eq!(
            pair.client.device.executed,
            ["Add ./A", "Replace ./A/B", "Delete ./A"]
        );
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 200", "2.0 200", "3.0 200"]
        );
    }
}

#[test]
fn results_follow_their_status_and_name_their_source() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .batch([get(&["./A", "./B"]), get(&["./C"])])
            .run();

        let messages = pair.messages().expect("messages");
        assert_eq!(
            names(&messages[2].1),
            ["Status", "Status", "Results", "Status", "Results"]
        );
        assert_eq!(
            pair.server.manager.heard[2..6],
            [
                "status 1.0 200",
                "results 1.0 2",
                "status 2.0 200",
                "results 2.0 1"
            ]
        );
    }
}

#[test]
fn items_with_different_codes_get_a_status_each() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .answer("./B", StatusCode::NOT_FOUND)
            .send(get(&["./A", "./B", "./C"]))
            .run();

        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 200 ./A", "1.0 404 ./B", "1.0 200 ./C"]
        );
        assert!(
            pair.server
                .manager
                .heard
                .contains(&"results 1.0 2".to_owned())
        );
    }
}

#[test]
fn items_with_the_same_code_share_a_status() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).send(replace(&["./A", "./B"])).run();

        assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 200"]);
    }
}

#[test]
fn a_result_code_of_a_management_object_arrives_as_it_is() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .answer("./Op", StatusCode::new(1401))
            .send(exec("./Op"))
            .run();

        assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 1401"]);
    }
}

#[test]
fn the_user_types_and_chooses() {
    for encoding in ENCODINGS {
        let typed = Scene::new(encoding)
            .reply(UserReply::Text("me".into()))
            .send(ask(AlertCode::TEXT_INPUT, &["MAXLEN=5", "name?"]))
            .run();
        let chosen = Scene::new(encoding)
            .reply(UserReply::Choices(vec![1, 3]))
            .send(ask(
                AlertCode::MULTIPLE_CHOICE,
                &["", "which?", "a", "b", "c"],
            ))
            .run();

        assert_eq!(
            status_lines(&typed.server.manager.heard),
            ["1.0 200 \"me\""]
        );
        assert_eq!(
            status_lines(&chosen.server.manager.heard),
            ["1.0 200 \"1\" \"3\""]
        );
    }
}

#[test]
fn a_report_in_package_1_is_answered() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).alert(0, report("1200"), 7).run();

        assert_eq!(
            pair.client.device.heard,
            ["delivered 1", "answered 7 200", "ended Complete"]
        );
        assert_eq!(
            pair.server.manager.heard,
            ["opened 1201 5", "alert 1226", "ready", "ended Complete"]
        );
        let messages = pair.messages().expect("messages");
        assert_eq!(names(&messages[0].1), ["Alert", "Replace", "Alert"]);
    }
}

#[test]
fn a_report_in_package_3_follows_the_statuses() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .answer("./Op", StatusCode::ACCEPTED)
            .send(exec("./Op"))
            .alert(1, report("1200"), 7)
            .run();

        let messages = pair.messages().expect("messages");
        assert_eq!(names(&messages[2].1), ["Status", "Status", "Alert"]);
        assert_eq!(
            pair.server.manager.heard,
            [
                "opened 1201 5",
                "ready",
                "status 1.0 202",
                "alert 1226",
                "ready",
                "ended Complete"
            ]
        );
    }
}

#[test]
fn a_report_may_answer_a_closing_package() {
    for encoding in ENCODINGS {
        // The device speaks the third time when the server has closed and it had nothing to say.
        let pair = Scene::new(encoding)
            .send(exec("./Op"))
            .alert(3, report("1200"), 7)
            .run();

        assert_eq!(
            pair.server.manager.heard,
            [
                "opened 1201 5",
                "ready",
                "status 1.0 200",
                "ready",
                "ended Complete",
                "alert 1226",
                "ready",
                "ended Complete",
            ]
        );
        assert_eq!(
            pair.client.device.heard,
            [
                "delivered 1",
                "delivered 2",
                "ended Complete",
                "delivered 3",
                "answered 7 200",
                "ended Complete"
            ]
        );
    }
}

#[test]
fn the_servers_answer_to_a_report_is_told_whatever_it_is() {
    let mut scene = Scene::new(ENCODINGS[1]).alert(0, report("x"), 7);
    scene.script.alert_status = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let pair = scene.run();

    assert!(pair.client.device.heard.contains(&"answered 7 415".into()));
}

#[test]
fn the_server_aborts() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        let mut answer = pair.server.exchange(&request).expect("package 2");
        // The session is given up after the commands went out, and says so in the next message.
        deliver(&mut pair.client, &answer);
        pair.server.session.as_mut().expect("session").abort();
        let request = pair.client.transmit().expect("package 3");
        assert!(!request.body.is_empty());
        answer = pair
            .server
            .session
            .as_mut()
            .expect("session")
            .poll_transmit()
            .expect("the abort");
        deliver(&mut pair.client, &answer);

        assert_eq!(pair.client.transmit(), None, "an abort is not answered");
        assert_eq!(pair.client.ending, Some(Ending::AbortedByPeer));
    }
}

#[test]
fn the_client_aborts() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        deliver(&mut pair.client, &answer);
        pair.client.session.abort();
        pair.run().expect("the session ends");

        assert_eq!(pair.client.device.executed, Vec::<String>::new());
        assert_eq!(pair.client.ending, Some(Ending::Aborted));
        assert_eq!(pair.server.ending, Some(Ending::AbortedByPeer));
        assert_eq!(
            pair.server.manager.heard[2..],
            ["no status 1.0", "ended AbortedByPeer"]
        );
        let messages = pair.messages().expect("messages");
        assert_eq!(names(&messages[0].1), ["Status", "Alert"]);
        assert_eq!(
            statuses(&messages[1].1),
            ["SyncHdr 200", "Alert 200"],
            "statuses and no commands"
        );
    }
}

#[test]
fn a_session_that_is_aborted_before_it_began_sends_nothing() {
    let mut pair = Scene::new(ENCODINGS[0]).pair();
    pair.client.session.abort();

    assert_eq!(pair.client.transmit(), None);
    assert_eq!(pair.client.ending, Some(Ending::Aborted));
}

#[test]
fn the_same_session_gives_the_same_octets() {
    for encoding in ENCODINGS {
        let run = || {
            Scene::new(encoding)
                .accounts(account(client_md5(b"n"), server_md5(b"m")))
                .batch([get(&["./A"]), exec("./Op")])
                .alert(1, report("1200"), 7)
                .run()
                .transcript
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn an_answer_in_progress_stays_pending_beyond_the_package() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .answer("./Op", StatusCode::IN_PROGRESS)
            .send(exec("./Op"))
            .send(get(&["./A"]))
            .run();

        let heard = &pair.server.manager.heard;
        let place = |line: &str| heard.iter().position(|heard| heard == line);
        assert!(
            place("no status 1.0") > place("status 2.0 200"),
            "it is given up with the session, not with the package: {heard:?}"
        );
    }
}

#[test]
fn a_status_has_what_the_device_adds_to_it() {
    let failing = Answer {
        items: vec![dm_proto::message::Item::default().with_data("why")],
        ..StatusCode::COMMAND_FAILED.into()
    };
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .answer("./Op", failing.clone())
            .send(exec("./Op"))
            .run();
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 500 \"why\""]
        );
    }
}

#[test]
fn client_events_are_given_to_the_server() {
    let event = Alert {
        code: Some(AlertCode::CLIENT_EVENT),
        ..report("user")
    };
    let pair = Scene::new(ENCODINGS[0])
        .alert(0, event, 9)
        .with_status(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED)
        .run();

    assert!(pair.server.manager.heard.contains(&"alert 1224".to_owned()));
    assert!(pair.client.device.heard.contains(&"answered 9 406".into()));
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let pair = Scene::new(ENCODINGS[1]).send(exec("./Op")).pair();
    let mut pair = pair.with_fault(1, Fault::LoseAnswer);
    pair.run().expect("the session runs to its end");

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(pair.transcript[1], pair.transcript[2]);
    assert!(matches!(
        pair.messages().expect("messages")[3].1.commands[0],
        Command::Status(_)
    ));
}
