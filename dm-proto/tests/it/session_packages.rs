//! Packages over several messages and small messages. OMA-TS-DM_Protocol, multiple messages in a
//! package.

use std::sync::Arc;

use dm_proto::{
    StatusCode,
    auth::{Nonce, Side},
    codec::{DecodeOptions, Encoding},
    message::{Command, Get, Item},
    session::{
        Answer, ClientEvent, Ending, Incompatibility, Misuse, Received, SMALLEST_MESSAGE,
        SessionError, Transmit,
    },
    testing::{NoAnswer, PairError, message, read},
};

use crate::session_support::*;

fn received(transmit: &Transmit) -> Received {
    read(transmit, &DecodeOptions::default()).expect("a message")
}

#[test]
fn results_that_do_not_fit_into_one_message_follow_in_more() {
    for encoding in ENCODINGS {
        let value = "x".repeat(300);
        let mut scene = Scene::new(encoding).batch((0..8).map(|_| get(&["./A"])));
        scene.server.max_msg_size = 1200;
        let results = vec![Item::for_source("./A").with_data(value.as_str())];
        let pair = scene.answer("./A", Answer::results(results)).run();

        let results = pair
            .server
            .manager
            .heard
            .iter()
            .filter(|line| line.starts_with("results"))
            .count();
        assert_eq!(results, 8);
        assert_eq!(status_lines(&pair.server.manager.heard).len(), 8);
        let messages = pair.messages().expect("messages");
        let of_client = || messages.iter().filter(|(side, _)| *side == Side::Client);
        assert!(of_client().count() > 3);
        for (side, transmit) in &pair.transcript[1..] {
            if *side == Side::Client {
                assert!(transmit.body.len() <= 1200, "{}", transmit.body.len());
            }
        }
        // The package of the client ends once, and the server asks on without commands or Final.
        let finals = of_client().filter(|(_, message)| message.is_final).count();
        assert_eq!(finals, 2);
        let asks: Vec<_> = messages
            .iter()
            .filter(|(side, message)| *side == Side::Server && !message.is_final)
            .collect();
        assert!(!asks.is_empty());
        for (_, message) in asks {
            assert_eq!(names(message).last().map(String::as_str), Some("Alert"));
            assert!(names(message).iter().all(|name| name != "Get"));
        }
        for (_, message) in &messages[1..] {
            assert!(
                statuses(message)[0].starts_with("SyncHdr"),
                "the status of the header comes first"
            );
        }
    }
}

#[test]
fn statuses_keep_the_order_of_their_commands_over_messages() {
    let mut scene = Scene::new(ENCODINGS[0]).batch((0..40).map(|_| exec("./Op")));
    scene.server.max_msg_size = 1500;
    let pair = scene.run();

    let expected: Vec<String> = (1..=40).map(|tag| format!("{tag}.0 200")).collect();
    assert_eq!(status_lines(&pair.server.manager.heard), expected);
}

#[test]
fn without_large_objects_a_result_that_fits_into_no_message_is_413() {
    for encoding in ENCODINGS {
        let value = "x".repeat(3000);
        let mut scene = Scene::new(encoding).send(get(&["./Small", "./Big"]));
        scene.client.large_objects = false;
        scene.server.max_msg_size = 2000;
        let results = vec![Item::for_source("./Big").with_data(value.as_str())];
        let pair = scene.answer("./Big", Answer::results(results)).run();

        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 200 ./Small", "1.0 413 ./Big"]
        );
        assert!(pair.server.manager.heard.contains(&"results 1.0 1".into()));
    }
}

#[test]
fn commands_that_do_not_fit_wait_for_the_statuses_of_those_before() {
    for encoding in ENCODINGS {
        let mut scene =
            Scene::new(encoding).batch((0..20).map(|_| exec("./A/rather/long/address")));
        scene.client.max_msg_size = 900;
        let pair = scene.run();

        assert_eq!(status_lines(&pair.server.manager.heard).len(), 20);
        let mut open = 0_usize;
        for (side, message) in pair.messages().expect("messages") {
            let count = |name| {
                names(&message)
                    .iter()
                    .filter(|found| *found == name)
                    .count()
            };
            match side {
                Side::Server => {
                    assert!(
                        open == 0 || count("Exec") == 0,
                        "new commands before the statuses of the old"
                    );
                    assert_eq!(
                        message.is_final,
                        count("Exec") > 0 || count("Status") == 1,
                        "each message with commands is a package"
                    );
                    open += count("Exec");
                }
                Side::Client => open -= count("Status").saturating_sub(1),
            }
        }
        for (side, transmit) in &pair.transcript {
            if *side == Side::Server {
                assert!(transmit.body.len() <= 900);
            }
        }
    }
}

#[test]
fn without_large_objects_a_command_that_fits_into_no_message_is_not_sent() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding).batch([
            replace(&["./A"]),
            Command::Replace(dm_proto::message::Replace {
                items: vec![Item::for_target("./B").with_data("x".repeat(3000).as_str())],
                ..Default::default()
            }),
            replace(&["./C"]),
        ]);
        scene.server.large_objects = false;
        scene.client.max_msg_size = 2000;
        let pair = scene.run();

        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 200", "3.0 200"]
        );
        let heard = &pair.server.manager.heard;
        assert!(heard.contains(&"not sent 2 DoesNotFit".into()), "{heard:?}");
        assert_eq!(pair.client.device.executed, ["Replace ./A", "Replace ./C"]);
    }
}

#[test]
fn a_sequence_or_atomic_that_fits_into_no_message_is_not_sent() {
    let long = || (0..40).map(|_| exec("./A/rather/long/address"));
    for encoding in ENCODINGS {
        for command in [sequence(long()), atomic(long())] {
            let mut scene =
                Scene::new(encoding).batch([replace(&["./A"]), command, replace(&["./C"])]);
            scene.client.max_msg_size = 900;
            let pair = scene.run();

            let heard = &pair.server.manager.heard;
            assert_eq!(status_lines(heard), ["1.0 200", "3.0 200"]);
            assert!(heard.contains(&"not sent 2 DoesNotFit".into()), "{heard:?}");
            assert_eq!(pair.client.device.executed, ["Replace ./A", "Replace ./C"]);
        }
    }
}

#[test]
fn a_device_that_refuses_is_told_apart_from_what_was_not_sent() {
    let pair = Scene::new(ENCODINGS[0])
        .send(atomic([replace(&["./A"])]))
        .answer("./A", StatusCode::REQUEST_ENTITY_TOO_LARGE)
        .run();

    let heard = &pair.server.manager.heard;
    assert!(heard.contains(&"status 1.1 413".into()), "{heard:?}");
    assert!(!heard.iter().any(|line| line.starts_with("not sent")));
}

#[test]
fn a_status_is_shortened_rather_than_lost() {
    let failing = Answer {
        items: vec![Item::default().with_data("x".repeat(3000).as_str())],
        ..StatusCode::COMMAND_FAILED.into()
    };
    let mut scene = Scene::new(ENCODINGS[1])
        .answer("./Op", failing)
        .send(exec("./Op"));
    scene.server.max_msg_size = 2000;
    let pair = scene.run();

    assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 500"]);
}

#[test]
fn a_peer_with_a_tiny_message_size_ends_the_session() {
    for size in [0, 1, 255, 256, SMALLEST_MESSAGE - 1] {
        let with_size = |transmit: &Transmit| {
            let mut tiny = message(transmit).expect("a message");
            let meta = tiny.header.meta.get_or_insert_default();
            Arc::make_mut(meta).max_msg_size = Some(size);
            with_message(transmit, &tiny)
        };
        let mut pair = Scene::new(ENCODINGS[0]).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let tiny = SessionError::from(Incompatibility::MaxMsgSize);
        let refused = pair.client.handle(received(&with_size(&answer)));
        assert_eq!(refused, Err(tiny.clone()));

        assert_eq!(pair.client.transmit(), None);
        assert_eq!(pair.client.ending, Some(Ending::Failed(tiny.clone())));

        let mut pair = Scene::new(ENCODINGS[0]).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        assert!(pair.server.exchange(&with_size(&request)).is_err());
        assert_eq!(pair.server.ending, Some(Ending::Failed(tiny)));
    }
}

#[test]
fn a_session_with_a_tiny_message_size_of_our_own_does_not_begin() {
    let tiny = || SessionError::from(Misuse::MaxMsgSize(SMALLEST_MESSAGE - 1));
    let mut scene = Scene::new(ENCODINGS[0]);
    scene.client.max_msg_size = SMALLEST_MESSAGE - 1;
    let mut pair = scene.pair();
    assert_eq!(pair.client.transmit(), None);
    assert_eq!(pair.client.ending, Some(Ending::Failed(tiny())));

    let mut scene = Scene::new(ENCODINGS[0]);
    scene.server.max_msg_size = SMALLEST_MESSAGE - 1;
    let end = scene.pair().run();
    assert_eq!(end, Err(PairError::Server(NoAnswer::Session(tiny()))));
}

#[test]
fn the_device_knows_which_statuses_have_arrived() {
    let mut scene = Scene::new(ENCODINGS[0]).batch((0..12).map(|_| exec("./Op")));
    scene.server.max_msg_size = 1300;
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let session = &mut pair.client.session;
    session
        .handle(received(&answer), Nonce::default())
        .expect("package 2");
    let mut origins = Vec::new();
    while let Some(event) = session.poll_event() {
        if let ClientEvent::Execute(ticket, execute) = event {
            session.answer(ticket, StatusCode::OK.into());
            assert!(session.is_unsent(&execute.origin));
            origins.push(execute.origin);
        }
    }
    let request = session.poll_transmit().expect("package 3, first message");
    let carried = names(&message(&request).expect("a message")).len() - 1;
    let answer = pair.server.exchange(&request).expect("a request to go on");
    let session = &mut pair.client.session;
    session
        .handle(received(&answer), Nonce::default())
        .expect("the same");

    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::Delivered("2".into()))
    );
    assert!((1..12).contains(&carried));
    for (place, origin) in origins.iter().enumerate() {
        assert_eq!(session.is_unsent(origin), place >= carried, "{place}");
    }
}

#[test]
fn a_result_that_has_no_form_in_xml_is_415() {
    for (encoding, expected) in ENCODINGS.into_iter().zip(["415", "200"]) {
        let results = vec![Item::for_source("./A\u{7}").with_data("value")];
        let pair = Scene::new(encoding)
            .answer("./A", Answer::results(results))
            .send(get(&["./A"]))
            .run();

        assert_eq!(
            status_lines(&pair.server.manager.heard),
            [format!("1.0 {expected}")]
        );
    }
}

#[test]
fn a_command_that_has_no_form_in_xml_is_not_sent() {
    let pair = Scene::new(ENCODINGS[0])
        .batch([exec("./A\u{1}"), exec("./B")])
        .run();

    assert_eq!(status_lines(&pair.server.manager.heard), ["2.0 200"]);
    let heard = &pair.server.manager.heard;
    assert!(
        heard.contains(&"not sent 1 NotEncodable".into()),
        "{heard:?}"
    );
}

#[test]
fn a_status_loses_items_that_have_no_form_in_xml() {
    let failing = Answer {
        items: vec![Item::for_target("./A\u{1}")],
        ..StatusCode::COMMAND_FAILED.into()
    };
    let pair = Scene::new(ENCODINGS[0])
        .answer("./Op", failing)
        .send(exec("./Op"))
        .run();

    assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 500"]);
}

#[test]
fn nothing_is_executed_where_no_status_would_fit() {
    for encoding in ENCODINGS {
        let mut smallest = None;
        for size in (256..1500).step_by(16) {
            let mut scene = Scene::new(encoding).send(exec("./Op"));
            scene.server.max_msg_size = size;
            let mut pair = scene.pair();
            if pair.run().is_err() {
                pair.give_up();
            }
            let has_run = !pair.client.device.executed.is_empty();
            let is_told = pair
                .server
                .manager
                .heard
                .contains(&"status 1.0 200".to_owned());

            assert_eq!(has_run, is_told, "{encoding} {size}");
            if has_run {
                smallest = smallest.or(Some(size));
            } else {
                assert_eq!(smallest, None, "{encoding} {size}");
            }
        }
        // With the addresses of this scene: what the page of the sessions says.
        assert!(smallest.is_some_and(|size| size <= 1024), "{smallest:?}");
    }
}

/// What a device does with one command of a server whose messages may have 40 000 octets, and that has these
/// numbers: what it executes, and what it answers or how it ends.
fn numbered(command: Command, msg_id: &str, encoding: Encoding) -> (Vec<String>, String) {
    let value = Item::for_source("./A").with_data("x".repeat(3500));
    let mut scene = Scene::new(encoding).send(exec("./Op"));
    scene.server.max_msg_size = 40_000;
    scene.client.large_objects = false;
    scene = scene.answer("./A", Answer::results(vec![value]));
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let mut changed = message(&answer).expect("a message");
    changed
        .commands
        .retain(|command| matches!(command, Command::Status(_)));
    changed.commands.push(command);
    changed.header.msg_id = msg_id.into();
    let changed = with_message(&answer, &changed);
    let _ = pair.client.handle(received(&changed));
    let reply = pair.client.transmit();
    let told = match &pair.client.ending {
        Some(ending) => format!("{ending:?}"),
        None => statuses(&message(&reply.expect("a reply")).expect("a message")).join(","),
    };
    (pair.client.device.executed, told)
}

#[test]
fn numbers_that_no_status_can_name_are_noticed_before_anything_is_executed() {
    let long = |octets: usize| "7".repeat(octets);
    let get = |cmd_id: String| {
        Command::from(Get {
            cmd_id: cmd_id.as_str().into(),
            items: vec![Item::for_target("./A")],
            ..Get::default()
        })
    };
    for encoding in ENCODINGS {
        let (executed, told) = numbered(get("7".into()), "1", encoding);
        assert_eq!(executed, ["Get ./A"]);
        assert_eq!(told, "SyncHdr 200,Get 200");

        for (cmd_id, msg_id) in [
            (long(45_000), "1".into()),
            ("&".repeat(20_000), "1".to_owned()),
            ("7".into(), "0".repeat(45_000) + "1"),
        ] {
            if encoding == Encoding::Wbxml && cmd_id.starts_with('&') {
                continue;
            }
            let (executed, told) = numbered(get(cmd_id), &msg_id, encoding);
            assert_eq!(executed, Vec::<String>::new(), "{encoding} {told}");
            assert!(told.contains("MaxMsgSize"), "{told}");
        }
    }
}

#[test]
fn results_that_do_not_fit_beside_a_long_number_are_413() {
    for encoding in ENCODINGS {
        let get = Get {
            cmd_id: "7".repeat(38_500).as_str().into(),
            items: vec![Item::for_target("./A")],
            ..Get::default()
        };
        let (executed, told) = numbered(get.into(), "1", encoding);
        assert_eq!(executed, ["Get ./A"]);
        assert_eq!(told, "SyncHdr 200,Get 413");
    }
}
