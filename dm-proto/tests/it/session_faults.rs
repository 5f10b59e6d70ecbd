//! Messages lost, doubled and broken, and sides restarted between any two steps.

use dm_proto::{
    auth::{Nonce, Side},
    codec::{DecodeOptions, Encoding},
    session::{
        ClientEvent, ClientSession, CommandTag, Disposition, Ending, Headers, Misbehaviour, Misuse,
        Received, Saved, ServerEvent, ServerSession, SessionError, Start, Transmit, Trigger,
        UserReply,
    },
    testing::{Fault, NoAnswer, Pair, Transcode, message, read},
};
use std::sync::Arc;

use crate::session_support::*;

pub(crate) fn through_json(saved: Saved) -> Saved {
    let text = serde_json::to_string(&saved).expect("json");
    serde_json::from_str(&text).expect("saved")
}

pub(crate) fn through_postcard(saved: Saved) -> Saved {
    let octets = postcard::to_allocvec(&saved).expect("postcard");
    postcard::from_bytes(&octets).expect("saved")
}

/// A session with everything in it: challenges in both directions, an Atomic that is rolled back, a
/// question, results, reports.
fn rich(encoding: Encoding) -> Scene {
    let mut scene = Scene::new(encoding)
        .answer("./Fail", dm_proto::StatusCode::ALREADY_EXISTS)
        .reply(UserReply::Yes)
        .alert(0, report("first"), 70)
        .alert(2, report("second"), 71)
        .batch([
            sequence([confirm(), exec("./Op")]),
            atomic([confirm(), add("./A"), add("./Fail")]),
            get(&["./A", "./B"]),
        ])
        .batch([
            atomic([add("./C"), replace(&["./D", "./E"])]),
            exec("./Op2"),
        ]);
    scene.client_account = account(client_md5(b"stale"), server_md5(b"server"));
    scene.server_account = account(client_md5(b"client"), server_md5(b"stale"));
    scene
}

/// All that a run leaves behind.
fn trace(pair: &Pair<Scripted, Script>) -> (Vec<String>, Vec<String>, Vec<String>, String) {
    let mut heard = pair.server.manager.heard.clone();
    // A server that had nothing to say may be asked again.
    heard.dedup_by(|one, other| one == "ready" && other == "ready");
    (
        pair.client.device.executed.clone(),
        pair.client.device.heard.clone(),
        heard,
        format!("{:?} {:?}", pair.client.account, pair.server.account),
    )
}

#[test]
fn a_restart_between_any_two_steps_changes_nothing() {
    let transcodes: [(Encoding, Transcode); 2] = [
        (Encoding::Xml, through_json),
        (Encoding::Wbxml, through_postcard),
    ];
    for (encoding, transcode) in transcodes {
        let whole = rich(encoding).run();
        let expected = trace(&whole);
        assert!(expected.0.contains(&"Exec ./Op2".to_owned()));
        for side in [Side::Client, Side::Server] {
            let steps = whole.steps(side);
            assert!(steps > 20, "{steps}");
            for step in 0..steps {
                let mut pair = rich(encoding).pair().with_restart(side, step, transcode);
                pair.run()
                    .unwrap_or_else(|error| panic!("{side:?} restarted after {step}: {error}"));
                assert_eq!(trace(&pair), expected, "{side:?} restarted after {step}");
            }
        }
    }
}

#[test]
fn restarts_at_every_step_of_both_sides_change_nothing() {
    let expected = trace(&rich(Encoding::Wbxml).run());
    let mut pair = rich(Encoding::Wbxml).pair();
    // Not after every step: an event whose ticket is lost each time never gets its answer.
    for step in (0..400).step_by(2) {
        pair = pair
            .with_restart(Side::Client, step * 2, through_postcard)
            .with_restart(Side::Server, step * 2, through_postcard);
    }
    pair.run().expect("the session runs to its end");

    assert_eq!(trace(&pair), expected);
}

#[test]
fn any_fault_at_any_request_changes_nothing() {
    for encoding in ENCODINGS {
        let whole = rich(encoding).run();
        let expected = trace(&whole);
        let requests = whole.transcript.len() / 2;
        for fault in [
            Fault::LoseRequest,
            Fault::LoseAnswer,
            Fault::RepeatRequest,
            Fault::RepeatAnswer,
            Fault::DelayRequest,
            Fault::DelayAnswer,
            Fault::CutRequest,
            Fault::CutAnswer,
        ] {
            for request in 1..=requests {
                let mut pair = rich(encoding).pair().with_fault(request, fault);
                pair.run()
                    .unwrap_or_else(|error| panic!("{fault:?} at {request}: {error}"));
                assert_eq!(trace(&pair), expected, "{fault:?} at {request}");
            }
        }
    }
}

#[test]
fn a_repeated_request_gets_the_same_octets_without_events() {
    let mut pair = Scene::new(Encoding::Wbxml)
        .send(exec("./Op"))
        .alert(0, report("r"), 7)
        .pair();
    let request = pair.client.transmit().expect("package 1");
    let first = pair.server.exchange(&request).expect("package 2");
    let heard = pair.server.manager.heard.clone();

    let second = pair.server.exchange(&request).expect("package 2 again");

    assert_eq!(first, second);
    assert_eq!(pair.server.manager.heard, heard);
}

#[test]
fn a_repeated_answer_gets_the_same_octets_without_events() {
    let mut pair = Scene::new(Encoding::Wbxml).send(exec("./Op")).pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let first = pair.client.transmit().expect("package 3");
    let executed = pair.client.device.executed.clone();

    deliver(&mut pair.client, &answer);

    assert_eq!(pair.client.transmit(), Some(first));
    assert_eq!(pair.client.device.executed, executed);
}

#[test]
fn a_repeated_request_to_another_process_gets_the_stored_answer() {
    let scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    let mut pair = scene.clone().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let saved = pair.server.session.as_ref().expect("session").save();
    let received = || read(&request, &DecodeOptions::default()).expect("a message");
    assert_eq!(saved.disposition(&received()), Disposition::Repeat);
    let restore = |last_sent| {
        ServerSession::restore(
            saved.clone(),
            last_sent,
            Arc::new(scene.server.clone()),
            &scene.server_account,
        )
        .expect("a session")
    };

    let mut with_answer = restore(Some(answer.clone()));
    with_answer
        .handle(received(), Nonce::default())
        .expect("a repeat");
    assert_eq!(with_answer.poll_event(), None);
    assert_eq!(with_answer.poll_transmit(), Some(answer));

    let mut without = restore(None);
    assert_eq!(
        without.handle(received(), Nonce::default()),
        Err(SessionError::ApiMisuse(Misuse::LastSent))
    );
}

#[test]
fn a_message_is_told_apart_from_those_before() {
    let mut pair = Scene::new(Encoding::Xml).send(exec("./Op")).pair();
    let first = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&first).expect("package 2");
    let saved = pair.server.session.as_ref().expect("session").save();
    deliver(&mut pair.client, &answer);
    let next = pair.client.transmit().expect("package 3");
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("xml");
    let changed = |from: &str, to: &str| {
        let body = text(&next.body).replace(from, to);
        let headers = Headers::new("application/vnd.syncml.dm+xml");
        Received::read(body.into(), headers, &DecodeOptions::default()).expect("a message")
    };

    for (from, to, expected) in [
        ("", "", Disposition::Next),
        ("<MsgID>2<", "<MsgID>3<", Disposition::OutOfOrder),
        ("<MsgID>2<", "<MsgID>0<", Disposition::OutOfOrder),
        ("<MsgID>2<", "<MsgID>x<", Disposition::OutOfOrder),
        ("<MsgID>2<", "<MsgID>1<", Disposition::NewSession),
        ("<SessionID>A1<", "<SessionID>B<", Disposition::OutOfOrder),
    ] {
        let received = if from.is_empty() {
            read(&next, &DecodeOptions::default()).expect("a message")
        } else {
            changed(from, to)
        };
        assert_eq!(saved.disposition(&received), expected, "{from} {to}");
    }
    let repeat = read(&first, &DecodeOptions::default()).expect("a message");
    assert_eq!(saved.disposition(&repeat), Disposition::Repeat);
    pair.server.exchange(&next).expect("package 4");
    let further_on = pair.server.session.as_ref().expect("session").save();
    assert_eq!(further_on.disposition(&repeat), Disposition::NewSession);
}

#[test]
fn an_unanswered_event_comes_again_with_another_ticket_and_the_same_origin() {
    let scene = Scene::new(Encoding::Wbxml).batch([exec("./One"), exec("./Two")]);
    let mut pair = scene.clone().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let mut session = restored(&scene, pair.client.session.save(), None);
    session
        .handle(
            read(&answer, &DecodeOptions::default()).expect("a message"),
            Nonce::default(),
        )
        .expect("package 2");
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::Delivered("1".into()))
    );
    let Some(ClientEvent::Execute(old_ticket, first)) = session.poll_event() else {
        panic!("no command")
    };

    let mut session = restored(&scene, session.save(), None);
    session.answer(old_ticket, dm_proto::StatusCode::OK.into());
    let Some(ClientEvent::Execute(ticket, again)) = session.poll_event() else {
        panic!("no command")
    };

    assert_eq!(again, first, "the old ticket answers nothing");
    session.answer(ticket, dm_proto::StatusCode::OK.into());
    let Some(ClientEvent::Execute(_, second)) = session.poll_event() else {
        panic!("no command")
    };
    assert_eq!(
        second.item.target_uri().map(|uri| uri.as_str()),
        Some("./Two")
    );
}

#[test]
fn a_session_restored_on_the_other_side_or_out_of_turn_is_an_error() {
    let scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    let mut pair = scene.clone().pair();
    let saved = pair.client.session.save();
    assert_eq!(
        ServerSession::restore(
            saved,
            None,
            Arc::new(scene.server.clone()),
            &scene.server_account
        )
        .expect_err("the client's"),
        SessionError::ApiMisuse(Misuse::SavedSide)
    );

    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let other = Scene::new(Encoding::Wbxml).send(get(&["./A"])).run();
    let received = read(&other.transcript[1].1, &DecodeOptions::default()).expect("a message");
    assert_eq!(
        pair.client.handle(received),
        Err(SessionError::ApiMisuse(Misuse::Turn))
    );
    pair.run().expect("the session is as it was");
}

#[test]
fn a_message_that_is_no_message_is_refused_by_the_server_only_for_itself() {
    let mut pair = Scene::new(Encoding::Wbxml).send(exec("./Op")).pair();
    let mut request = pair.client.transmit().expect("package 1");
    let good = request.clone();
    request.body = request.body.slice(..10);
    assert!(matches!(
        pair.server.exchange(&request),
        Err(NoAnswer::Receive(_))
    ));
    assert!(pair.server.exchange(&good).is_ok());
}

#[test]
fn start_is_the_same_session_however_often_it_is_restored() {
    let scene = Scene::new(Encoding::Wbxml);
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    let mut direct =
        ClientSession::start(Arc::new(scene.client.clone()), &scene.client_account, start);
    let mut session = restored(&scene, through_postcard(direct.save()), None);
    let sent = session.poll_transmit();
    assert_eq!(sent, direct.poll_transmit());

    let mut again = restored(&scene, through_json(session.save()), sent.clone());
    assert_eq!(
        again.poll_transmit(),
        sent,
        "the last message is sent again"
    );
    assert_eq!(again.poll_transmit(), None, "once");
}

fn restored(scene: &Scene, saved: Saved, last_sent: Option<Transmit>) -> ClientSession {
    ClientSession::restore(
        saved,
        last_sent,
        Arc::new(scene.client.clone()),
        &scene.client_account,
    )
    .expect("a session")
}

#[test]
fn ready_comes_again_until_a_command_is_given() {
    let scene = Scene::new(Encoding::Wbxml);
    let request = scene.clone().pair().client.transmit().expect("package 1");
    let received = read(&request, &DecodeOptions::default()).expect("a message");
    let config = Arc::new(scene.server.clone());
    let account = &scene.server_account;
    let restore = |saved| {
        ServerSession::restore(saved, None, Arc::clone(&config), account).expect("a session")
    };
    let mut session =
        ServerSession::accept(&received, Arc::clone(&config), account).expect("a first message");
    session
        .handle(received, Nonce::default())
        .expect("package 1");
    let drain = |session: &mut ServerSession| {
        let events = core::iter::from_fn(|| session.poll_event());
        events
            .map(|event| event == ServerEvent::Ready)
            .collect::<Vec<bool>>()
    };
    assert_eq!(drain(&mut session), [false, true]);

    let mut session = restore(through_postcard(session.save()));
    assert_eq!(drain(&mut session), [true]);
    session.send(exec("./Op"), CommandTag(1));
    let mut session = restore(through_postcard(session.save()));
    assert_eq!(drain(&mut session), Vec::<bool>::new());
    let sent = session.poll_transmit().expect("package 2");
    let names = names(&message(&sent).expect("a message"));
    assert_eq!(names.last().map(String::as_str), Some("Exec"));
}

/// A server session at message 1, and all that it needs.
fn opened(scene: &Scene) -> (ServerSession, Received) {
    let request = scene.clone().pair().client.transmit().expect("package 1");
    let received = read(&request, &DecodeOptions::default()).expect("a message");
    let config = Arc::new(scene.server.clone());
    let session =
        ServerSession::accept(&received, config, &scene.server_account).expect("a first message");
    (session, received)
}

/// Takes a message and answers it with these commands.
fn answered(
    session: &mut ServerSession,
    message: Received,
    commands: &[dm_proto::message::Command],
) -> Option<Transmit> {
    session
        .handle(message, Nonce::from([7; 16]))
        .expect("the next message");
    while let Some(event) = session.poll_event() {
        match event {
            ServerEvent::Alert(ticket, _) => session.answer(ticket, dm_proto::StatusCode::OK),
            ServerEvent::Ready => {
                for (tag, command) in (1..).zip(commands) {
                    session.send(command.clone(), CommandTag(tag));
                }
            }
            _ => {}
        }
    }
    session.poll_transmit()
}

#[test]
fn a_commit_that_fails_leaves_a_message_to_be_taken_again_with_the_same_answer() {
    for encoding in ENCODINGS {
        let scene = Scene::new(encoding).accounts(account(client_md5(b"c"), server_md5(b"s")));
        let (session, received) = opened(&scene);
        let before = session.save();
        let config = Arc::new(scene.server.clone());
        let restore = || {
            let saved = through_json(before.clone());
            ServerSession::restore(saved, None, Arc::clone(&config), &scene.server_account)
                .expect("a session")
        };
        let mut lost = restore();
        let first = answered(&mut lost, received.clone(), &[exec("./Op")]).expect("package 2");
        drop(lost);

        let again = answered(&mut restore(), received, &[exec("./Op")]).expect("package 2");
        assert_eq!(again, first, "what never left may be said again");

        // The device's side: the message that could not be stored is taken again.
        let mut pair = scene.clone().send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        let before = pair.client.session.save();
        let answer = pair.server.exchange(&request).expect("package 2");
        deliver(&mut pair.client, &answer);
        let told = pair.client.transmit().expect("package 3");
        let mut session = restored(&scene, before, Some(request.clone()));
        assert_eq!(session.poll_transmit(), Some(request), "asked again");
        let received = read(&answer, &DecodeOptions::default()).expect("a message");
        session
            .handle(received, Nonce::from([0x41; 16]))
            .expect("the next message");
        while let Some(event) = session.poll_event() {
            if let ClientEvent::Execute(ticket, _) = event {
                session.answer(ticket, dm_proto::StatusCode::OK.into());
            }
        }
        assert_eq!(session.poll_transmit(), Some(told));
    }
}

#[test]
fn two_processes_handed_the_same_message_say_the_same() {
    let scene = Scene::new(Encoding::Wbxml);
    let (session, received) = opened(&scene);
    let saved = session.save();
    let config = Arc::new(scene.server.clone());
    let restore = |last_sent| {
        ServerSession::restore(
            through_postcard(saved.clone()),
            last_sent,
            Arc::clone(&config),
            &scene.server_account,
        )
        .expect("a session")
    };
    let (mut one, mut other) = (restore(None), restore(None));
    let commands = [exec("./Op"), get(&["./A"])];
    let stored = answered(&mut one, received.clone(), &commands).expect("package 2");
    let refused = answered(&mut other, received.clone(), &commands);

    assert_eq!(refused.as_ref(), Some(&stored));
    // Who stores second reads what the first has stored, and answers with it.
    let mut second = ServerSession::restore(
        one.save(),
        Some(stored.clone()),
        config,
        &scene.server_account,
    )
    .expect("a session");
    assert_eq!(second.disposition(&received), Disposition::Repeat);
    while second.poll_event().is_some() {}
    assert_eq!(answered(&mut second, received, &[]), Some(stored));
}

#[test]
fn an_answer_from_another_session_ends_the_session_and_executes_nothing() {
    for encoding in ENCODINGS {
        let mut other = Scene::new(encoding).send(exec("./Other"));
        other.session_id = "B2";
        let other = other.run();
        let mut pair = Scene::new(encoding).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        pair.server.exchange(&request).expect("package 2");
        let received = read(&other.transcript[1].1, &DecodeOptions::default()).expect("a message");

        let error = SessionError::PeerMisbehaved(Misbehaviour::SessionId("B2".into()));
        assert_eq!(pair.client.handle(received), Err(error.clone()));
        assert_eq!(pair.client.device.executed, Vec::<String>::new());
        pair.give_up();
        assert_eq!(pair.client.ending, Some(Ending::Failed(error)));
        assert_eq!(pair.server.ending, Some(Ending::AbortedByPeer));
        assert!(
            pair.server
                .manager
                .heard
                .contains(&"no status 1.0".to_owned())
        );
    }
}

#[test]
fn an_abort_brings_what_was_executed_and_what_was_not_is_known_to_have_no_status() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .batch([
                exec("./A"),
                get(&["./B"]),
                atomic([add("./C"), add("./D")]),
                exec("./E"),
            ])
            .pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let received = read(&answer, &DecodeOptions::default()).expect("a message");
        let session = &mut pair.client.session;
        session
            .handle(received, Nonce::default())
            .expect("the next message");
        let mut executed = 0;
        while let Some(event) = session.poll_event() {
            if let ClientEvent::Execute(ticket, execute) = event {
                // Inside the Atomic.
                if executed == 3 {
                    break;
                }
                executed += 1;
                session.answer(ticket, pair.client.device.answer_to(&execute));
            }
        }
        session.abort();
        pair.run().expect("the session ends");

        assert_eq!(pair.client.ending, Some(Ending::Aborted));
        assert_eq!(
            pair.server.manager.heard[2..],
            [
                "status 1.0 200",
                "status 2.0 200",
                "results 2.0 1",
                "no status 3.0",
                "no status 3.1",
                "no status 3.2",
                "no status 4.0",
                "ended AbortedByPeer"
            ]
        );
    }
}

#[test]
fn a_session_of_a_million_messages_is_left() {
    // Only what is stored can be so old.
    let aged = |saved: Saved| {
        let text = serde_json::to_string(&saved).expect("json");
        let aged = text
            .replace("\"sent\":1,", "\"sent\":1000000,")
            .replace("\"received\":1,", "\"received\":1000000,");
        assert_ne!(aged, text);
        serde_json::from_str(&aged).expect("saved")
    };
    let mut pair = Scene::new(Encoding::Xml).send(exec("./Op")).pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let mut last = message(&pair.client.transmit().expect("package 3")).expect("a message");
    last.header.msg_id = "1000001".into();

    let session = pair.server.session.take().expect("a session");
    let config = Arc::new(Scene::new(Encoding::Xml).server);
    let account = &pair.server.account;
    pair.server.session = Some(
        ServerSession::restore(aged(session.save()), None, config, account).expect("a session"),
    );
    let answer = pair
        .server
        .exchange(&with_message(&request, &last))
        .expect("a last word");

    assert_eq!(
        names(&message(&answer).expect("a message")),
        ["Status", "Alert"]
    );
    assert_eq!(
        pair.server.ending,
        Some(Ending::Failed(SessionError::PeerMisbehaved(
            Misbehaviour::Endless
        )))
    );
    assert!(
        pair.server
            .manager
            .heard
            .contains(&"no status 1.0".to_owned())
    );
}

#[test]
fn a_corrupted_message_is_asked_for_again_or_ends_the_session_with_a_reason() {
    for encoding in ENCODINGS {
        let whole = rich(encoding).run();
        let executed = trace(&whole).0;
        let mut ends = std::collections::BTreeMap::<&str, usize>::new();
        for request in 1..=whole.transcript.len() / 2 {
            for bit in (3..whole.transcript[0].1.body.len() * 8).step_by(397) {
                for fault in [Fault::CorruptRequest(bit), Fault::CorruptAnswer(bit)] {
                    let mut pair = rich(encoding).pair().with_fault(request, fault);
                    let end = match pair.run() {
                        Ok(()) if pair.client.device.executed == executed => "as without",
                        Ok(()) => "otherwise",
                        Err(_) => "given up",
                    };
                    *ends.entry(end).or_default() += 1;
                    pair.give_up();
                    assert!(pair.client.ending.is_some(), "{fault:?} at {request}");
                    assert!(pair.server.ending.is_some(), "{fault:?} at {request}");
                }
            }
        }
        assert!(ends["as without"] > ends["given up"], "{ends:?}");
    }
}

#[test]
fn a_repeat_is_told_apart_by_its_octets_after_any_form_of_saving() {
    let scene = Scene::new(Encoding::Xml).send(exec("./Op"));
    let forms: [fn(Saved) -> Saved; 3] = [|saved| saved, through_json, through_postcard];
    for form in forms {
        let mut pair = scene.clone().pair();
        let first = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&first).expect("package 2");
        deliver(&mut pair.client, &answer);
        let next = pair.client.transmit().expect("package 3");
        let end = pair.server.exchange(&next).expect("package 4");

        // A message that says the same in other octets is not the one that was answered.
        let again = |transmit: &Transmit, is_changed: bool| {
            let mut transmit = transmit.clone();
            if is_changed {
                let text = String::from_utf8(transmit.body.to_vec()).expect("xml");
                transmit.body = text.replacen("</SyncML>", "</SyncML >", 1).into();
                assert_ne!(transmit.body, text);
            }
            read(&transmit, &DecodeOptions::default()).expect("a message")
        };
        let saved = form(pair.server.session.as_ref().expect("a session").save());
        let config = Arc::new(scene.server.clone());
        let account = &scene.server_account;
        let mut server = ServerSession::restore(saved, Some(end.clone()), config, account)
            .expect("a session of the server");
        for is_changed in [true, false, true, false] {
            let expected = match is_changed {
                true => Disposition::OutOfOrder,
                false => Disposition::Repeat,
            };
            let message = again(&next, is_changed);
            assert_eq!(server.disposition(&message), expected);
            let handled = server.handle(message, Nonce::default());
            assert_eq!(handled.is_err(), is_changed, "{handled:?}");
            assert_eq!(server.poll_event(), None);
            assert_eq!(server.poll_transmit(), (!is_changed).then(|| end.clone()));
        }

        // The device: of two answers to its message one is taken.
        for is_changed in [true, false] {
            let mut pair = scene.clone().pair();
            let first = pair.client.transmit().expect("package 1");
            let answer = pair.server.exchange(&first).expect("package 2");
            deliver(&mut pair.client, &answer);
            let next = pair.client.transmit().expect("package 3");
            let saved = form(pair.client.session.save());
            let config = Arc::new(scene.client.clone());
            let account = &scene.client_account;
            let mut client = ClientSession::restore(saved, Some(next.clone()), config, account)
                .expect("a session of the device");
            assert_eq!(client.poll_transmit(), Some(next.clone()));
            let handled = client.handle(again(&answer, is_changed), Nonce::default());
            assert_eq!(handled.is_err(), is_changed, "{handled:?}");
            assert!(!matches!(
                client.poll_event(),
                Some(ClientEvent::Execute(..))
            ));
            let sent = client.poll_transmit();
            assert_eq!(sent == Some(next), !is_changed);
        }
    }
}
