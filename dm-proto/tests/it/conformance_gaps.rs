//! Requirements that the flows of other modules touch without showing them. Each names its document.

use std::sync::Arc;

use dm_proto::{
    AlertCode, Secret, StatusCode,
    auth::{Credentials, Nonce, Scheme, SchemePolicy},
    codec::DecodeOptions,
    message::{Alert, Chal, Command, Item, Meta, Replace, Status, SyncMl},
    session::{Answer, Ending, Incompatibility, SequencePolicy, SessionError, Transmit, UserReply},
    testing::{NoAnswer, message, read},
};

use crate::session_support::*;

fn changed(transmit: &Transmit, change: impl FnOnce(&mut SyncMl)) -> Transmit {
    let mut message = message(transmit).expect("a message");
    change(&mut message);
    with_message(transmit, &message)
}

/// OMA-TS-DM_Protocol, session abort: an answer to an abort is ignored.
#[test]
fn an_answer_to_an_abort_changes_nothing() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding).send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        pair.server.exchange(&request).expect("package 2");
        pair.client.session.abort();
        let abort = pair.client.transmit().expect("an abort");
        let answer = pair.server.exchange(&abort).expect("an answer");
        let heard = pair.client.device.heard.clone();

        let answer = read(&answer, &DecodeOptions::default()).expect("a message");
        assert_eq!(pair.client.handle(answer), Err(SessionError::Over));
        assert_eq!(pair.client.transmit(), None);
        assert_eq!(pair.client.device.heard, heard);
        assert_eq!(pair.client.ending, Some(Ending::Aborted));

        let mut scene = Scene::new(encoding).send(exec("./Op"));
        scene.script.leaves_at = Some(1);
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        deliver(&mut pair.client, &answer);
        let request = pair.client.transmit().expect("package 3");
        let abort = pair.server.exchange(&request).expect("an abort");
        let abort = message(&abort).expect("a message");
        assert_eq!(names(&abort).last().map(String::as_str), Some("Alert"));
        let heard = pair.server.manager.heard.clone();

        let answer = changed(&request, |message| message.header.msg_id = 3.into());
        let over = NoAnswer::Session(SessionError::Over);
        assert_eq!(pair.server.exchange(&answer), Err(over));
        assert_eq!(pair.server.manager.heard, heard);
        assert_eq!(pair.server.ending, Some(Ending::Aborted));
    }
}

/// OMA-TS-DM_RepPro, `Cred`: in the header only.
#[test]
fn credentials_inside_a_command_prove_nothing() {
    let mutual = || {
        let account = account(client_md5(b"client-nonce"), server_md5(b"server-nonce"));
        Scene::new(ENCODINGS[0])
            .accounts(account)
            .send(exec("./Op"))
    };
    let mut pair = mutual().pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let moved = changed(&package_1, |message| {
        let cred = message.header.cred.take();
        assert!(cred.is_some());
        for command in &mut message.commands {
            match command {
                Command::Alert(alert) => alert.cred.clone_from(&cred),
                Command::Replace(replace) => replace.cred.clone_from(&cred),
                _ => {}
            }
        }
    });
    let answer = pair.server.exchange(&moved).expect("a challenge");
    assert_eq!(
        statuses(&message(&answer).expect("a message")),
        ["SyncHdr 407", "Alert 407", "Replace 407"]
    );
    assert!(pair.server.manager.heard.is_empty());

    let mut pair = mutual().pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    let moved = changed(&package_2, |message| {
        let cred = message.header.cred.take();
        assert!(cred.is_some());
        for command in &mut message.commands {
            if let Command::Exec(exec) = command {
                exec.cred.clone_from(&cred);
            }
        }
    });
    deliver(&mut pair.client, &moved);
    let answer = pair.client.transmit().expect("a challenge");
    assert_eq!(
        statuses(&message(&answer).expect("a message")),
        ["SyncHdr 407", "Exec 407"]
    );
    assert!(pair.client.device.executed.is_empty());
}

/// OMA-TS-DM_Security, MD5: without a challenge since, the last nonce is used again.
#[test]
fn without_a_new_nonce_the_last_one_is_used_again() {
    for encoding in ENCODINGS {
        let account = account(client_md5(b"Nonce"), Credentials::transport());
        let mut pair = Scene::new(encoding).accounts(account.clone()).pair();
        let first = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&first).expect("package 2");
        let without = changed(&answer, |message| {
            let Some(Command::Status(status)) = message.commands.first_mut() else {
                panic!("the status of the header comes first");
            };
            assert_eq!(status.data, StatusCode::AUTHENTICATION_ACCEPTED);
            status.chal = None;
        });
        deliver(&mut pair.client, &without);
        assert_eq!(pair.client.transmit(), None);
        assert_eq!(pair.client.ending, Some(Ending::Complete));
        assert_eq!(pair.client.account, account);

        let mut scene = Scene::new(encoding).accounts(pair.client.account.clone());
        scene.session_id = "A2";
        let second = scene.pair().client.transmit().expect("package 1");
        let cred = |transmit| message(transmit).expect("a message").header.cred;
        assert_eq!(cred(&second), cred(&first));
        assert!(cred(&second).is_some());
    }
}

fn with_limit(transmit: &Transmit, max_obj_size: u64) -> Transmit {
    changed(transmit, |message| {
        let meta = message.header.meta.get_or_insert_default();
        Arc::make_mut(meta).max_obj_size = Some(max_obj_size);
    })
}

/// OMA-TS-DM_Protocol, large objects: `MaxObjSize` binds until the peer says another.
#[test]
fn a_later_limit_of_objects_takes_the_place_of_the_earlier() {
    let value = || "x".repeat(9_000);
    let large = || Replace {
        items: vec![Item::for_target("./Large").with_data(value())],
        ..Replace::default()
    };
    for encoding in ENCODINGS {
        for (first, later, is_sent) in [(20_000, 5_000, false), (5_000, 20_000, true)] {
            // What the device says binds the server.
            let mut scene = Scene::new(encoding).send(exec("./Op")).send(large());
            scene.client.max_obj_size = first;
            let mut pair = scene.pair();
            let request = pair.client.transmit().expect("package 1");
            let answer = pair.server.exchange(&request).expect("package 2");
            deliver(&mut pair.client, &answer);
            let request = pair.client.transmit().expect("package 3");
            let answer = pair.server.exchange(&with_limit(&request, later));
            let answer = message(&answer.expect("package 4")).expect("a message");
            assert_eq!(names(&answer).contains(&"Replace".to_owned()), is_sent);
            let refusal = "not sent 2 TooLarge".to_owned();
            assert_eq!(pair.server.manager.heard.contains(&refusal), !is_sent);

            // What the server says binds the device.
            let results = vec![Item::for_source("./Large").with_data(value())];
            let mut scene = Scene::new(encoding)
                .answer("./Large", Answer::results(results))
                .send(exec("./Op"))
                .send(get(&["./Large"]));
            scene.server.max_obj_size = first;
            let mut pair = scene.pair();
            let request = pair.client.transmit().expect("package 1");
            let answer = pair.server.exchange(&request).expect("package 2");
            deliver(&mut pair.client, &answer);
            let request = pair.client.transmit().expect("package 3");
            let answer = pair.server.exchange(&request).expect("package 4");
            deliver(&mut pair.client, &with_limit(&answer, later));
            let told = pair.client.transmit().expect("package 5");
            let code = if is_sent { "Get 200" } else { "Get 413" };
            assert_eq!(
                statuses(&message(&told).expect("a message")),
                ["SyncHdr 200", code]
            );
        }
    }
}

/// OMA-TS-DM_RepPro, `MaxMsgSize`: what the peer said last binds, in both directions.
#[test]
fn a_later_size_of_messages_takes_the_place_of_the_earlier() {
    let with_size = |transmit: &Transmit, size: u64| {
        changed(transmit, |message| {
            let meta = message.header.meta.get_or_insert_default();
            Arc::make_mut(meta).max_msg_size = Some(size);
        })
    };
    let long = || (0..30).map(|_| exec("./A/rather/long/address"));
    for encoding in ENCODINGS {
        for size in [1_000, 64 << 10] {
            let is_small = |transmit: &Transmit| transmit.body.len() <= 1_000;
            let mut pair = Scene::new(encoding).send(exec("./Op")).batch(long()).pair();
            let request = pair.client.transmit().expect("package 1");
            let answer = pair.server.exchange(&request).expect("package 2");
            deliver(&mut pair.client, &answer);
            let request = pair.client.transmit().expect("package 3");
            let answer = pair.server.exchange(&with_size(&request, size));
            let answer = answer.expect("package 4");
            assert_eq!(is_small(&answer), size == 1_000, "{}", answer.body.len());

            let mut pair = Scene::new(encoding).send(exec("./Op")).batch(long()).pair();
            let request = pair.client.transmit().expect("package 1");
            let answer = pair.server.exchange(&request).expect("package 2");
            deliver(&mut pair.client, &answer);
            let request = pair.client.transmit().expect("package 3");
            let answer = pair.server.exchange(&request).expect("package 4");
            deliver(&mut pair.client, &with_size(&answer, size));
            let told = pair.client.transmit().expect("package 5");
            assert_eq!(is_small(&told), size == 1_000, "{}", told.body.len());
        }
    }
}

/// OMA-TS-DM_Protocol, packages: a server answers every package of a client; one without anything to say
/// closes with statuses and `Final`.
#[test]
fn every_package_of_a_device_is_answered() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .send(exec("./Op"))
            .alert(3, report("late"), 7)
            .pair();
        let mut answers = Vec::new();
        while let Some(request) = pair.client.transmit() {
            let answer = pair.server.exchange(&request).expect("an answer");
            answers.push(message(&answer).expect("a message"));
            deliver(&mut pair.client, &answer);
        }
        let said: Vec<_> = answers
            .iter()
            .map(|answer| (names(answer).join(" "), answer.is_final))
            .collect();
        assert_eq!(
            said,
            [
                ("Status Status Status Exec".to_owned(), true),
                ("Status".to_owned(), true),
                ("Status Status".to_owned(), true)
            ]
        );
    }
}

/// OMA-TS-DM_Protocol, package 1: an item for each node of DevInfo, with its source and data; the same
/// addresses, session and a number of its own in every message.
#[test]
fn package_1_holds_dev_info_node_by_node_and_every_header_is_complete() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).send(exec("./Op")).run();
        let messages = pair.messages().expect("messages");
        let (_, first) = &messages[0];
        let Some(Command::Replace(replace)) = first.commands.get(1) else {
            panic!("the second command is DevInfo");
        };
        assert_eq!(replace.items, dev_info());
        let is_plain = |item: &Item| item.source.is_some() && item.data.is_some();
        assert!(replace.items.iter().all(is_plain));
        let (device, server) = ("IMEI:493005100592800", "http://server.test/dm");
        for (place, (_, message)) in messages.iter().enumerate() {
            let header = &message.header;
            let (target, source) = match place % 2 {
                0 => (server, device),
                _ => (device, server),
            };
            assert_eq!(header.target.loc_uri, target);
            assert_eq!(header.source.loc_uri, source);
            assert_eq!(header.session_id, "A1");
            assert_eq!(header.msg_id.as_str(), (place / 2 + 1).to_string());
            let meta = header.meta.as_deref();
            assert!(meta.and_then(|meta: &Meta| meta.max_obj_size).is_some());
        }
    }
}

/// The status of the header of a message, to change.
fn of_header(message: &mut SyncMl) -> &mut Status {
    match message.commands.first_mut() {
        Some(Command::Status(status)) => status,
        other => panic!("the status of the header comes first: {other:?}"),
    }
}

fn challenge(type_: &'static str) -> Option<Box<Chal>> {
    let meta = Meta {
        next_nonce: Some(Secret::from("bmV4dA==")),
        ..Meta::of_type(type_).with_format("b64")
    };
    Some(Box::new(Chal {
        meta,
        ..Chal::default()
    }))
}

fn client_hmac(nonce: &[u8]) -> Credentials {
    Credentials::hmac("Bruce2", "OhBehave", Nonce::from(nonce))
}

fn server_hmac(nonce: &[u8]) -> Credentials {
    Credentials::hmac("srv", "server-secret", Nonce::from(nonce))
}

/// OMA-TS-DM_Security, integrity: once used, for all messages of the session, whatever else the configuration
/// allows.
#[test]
fn who_has_signed_goes_on_signing_though_weaker_types_are_allowed() {
    for encoding in ENCODINGS {
        let account = account(client_hmac(b"n"), Credentials::transport());
        let mut scene = Scene::new(encoding).accounts(account);
        scene.client.schemes = SchemePolicy::Listed(vec![Scheme::Md5]);
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let weaker = changed(&answer, |message| {
            let status = of_header(message);
            status.data = StatusCode::INVALID_CREDENTIALS;
            status.chal = challenge("syncml:auth-md5");
        });

        let weaker = read(&weaker, &DecodeOptions::default()).expect("a message");
        let scheme = Incompatibility::Scheme("syncml:auth-md5".into());
        assert_eq!(pair.client.handle(weaker), Err(scheme.into()));
    }
}

/// OMA-TS-DM_Security, integrity: signatures may come unasked, where the policy lets another type in.
#[test]
fn a_signature_proves_nothing_where_only_the_own_type_is_allowed() {
    let mut scene = Scene::new(ENCODINGS[1]).send(exec("./Op"));
    scene.client_account = account(client_hmac(b"client-nonce"), server_md5(b"s"));
    scene.server_account = account(client_md5(b"client-nonce"), server_md5(b"s"));
    scene.server.schemes = SchemePolicy::only_own();
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");
    assert!(request.hmac.is_some());
    let answer = pair.server.exchange(&request).expect("a challenge");

    let mut answer = message(&answer).expect("a message");
    let status = of_header(&mut answer);
    assert_eq!(status.data, StatusCode::MISSING_CREDENTIALS);
    let type_ = status
        .chal
        .as_ref()
        .and_then(|chal| chal.meta.type_.clone());
    assert_eq!(type_.as_deref(), Some("syncml:auth-md5"));
    assert!(pair.server.manager.heard.is_empty());
}

/// OMA-TS-DM_Security, MD5: the latest nonce is used for the next proof, though who gave it is not believed.
#[test]
fn a_refusal_is_signed_with_the_nonce_of_the_message_that_is_refused() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(account(client_hmac(b"c"), server_hmac(b"s")))
            .send(exec("./Op"))
            .pair();
        let package_1 = pair.client.transmit().expect("package 1");
        let package_2 = pair.server.exchange(&package_1).expect("package 2");
        deliver(&mut pair.client, &package_2);
        let package_3 = pair.client.transmit().expect("package 3");
        let broken = changed(&package_3, |message| message.header.meta = None);
        let refusal = pair.server.exchange(&broken).expect("a challenge");
        let mut told = message(&refusal).expect("a message");
        assert_eq!(of_header(&mut told).data, StatusCode::INVALID_CREDENTIALS);

        deliver(&mut pair.client, &refusal);
        let again = pair.client.transmit().expect("package 3 again");
        let mut again = message(&again).expect("a message");
        assert_eq!(of_header(&mut again).data, StatusCode::OK, "it is believed");
    }
}

/// OMA-TS-DM_Protocol, authentication: a refusal holds statuses only. What else is in it is not executed.
#[test]
fn who_does_not_believe_us_has_nothing_to_command() {
    for encoding in ENCODINGS {
        let account = account(client_md5(b"n"), Credentials::transport());
        let mut pair = Scene::new(encoding)
            .accounts(account)
            .send(exec("./Op"))
            .pair();
        let package_1 = pair.client.transmit().expect("package 1");
        let package_2 = pair.server.exchange(&package_1).expect("package 2");
        let refusal = changed(&package_2, |message| {
            let status = of_header(message);
            status.data = StatusCode::INVALID_CREDENTIALS;
            status.chal = challenge("syncml:auth-md5");
        });
        deliver(&mut pair.client, &refusal);
        let again = pair.client.transmit().expect("package 1 again");

        let again = message(&again).expect("a message");
        assert_eq!(statuses(&again), ["SyncHdr 200", "Exec 400"]);
        assert!(names(&again).contains(&"Replace".to_owned()));
        assert!(pair.client.device.executed.is_empty());
    }
}

/// OMA-TS-DM_Protocol, authentication: a Status 401 or 407 for a header has a Chal; one for Basic has no nonce.
#[test]
fn every_refusal_of_basic_credentials_has_a_challenge() {
    let mut scene = Scene::new(ENCODINGS[0]);
    scene.server_account = account(
        Credentials::basic("Bruce2", "OhBehave"),
        Credentials::transport(),
    );
    scene.client_account = account(
        Credentials::basic("Bruce2", "wrong"),
        Credentials::transport(),
    );
    scene.client.challenges = 100;
    let mut pair = scene.pair();
    assert!(pair.run().is_err());

    let messages = pair.messages().expect("messages");
    let refusals: Vec<_> = messages.into_iter().skip(1).step_by(2).collect();
    assert_eq!(refusals.len(), 4);
    for (_, mut refusal) in refusals {
        let status = of_header(&mut refusal);
        assert_eq!(status.data, StatusCode::INVALID_CREDENTIALS);
        let meta = &status.chal.as_ref().expect("a challenge").meta;
        assert_eq!(meta.type_.as_deref(), Some("syncml:auth-basic"));
        assert_eq!(meta.next_nonce, None);
    }
}

/// OMA-TS-DM_Protocol, large objects: Alert 1225 ends an object of the device's, too.
#[test]
fn a_server_that_misses_the_rest_of_an_object_gets_no_more_of_it() {
    for encoding in ENCODINGS {
        let results = vec![Item::for_source("./Large").with_data("x".repeat(9_000))];
        let mut scene = Scene::new(encoding)
            .answer("./Large", Answer::results(results))
            .send(get(&["./Large"]));
        scene.server.max_msg_size = 2_000;
        let mut pair = scene.pair();
        let package_1 = pair.client.transmit().expect("package 1");
        let package_2 = pair.server.exchange(&package_1).expect("package 2");
        deliver(&mut pair.client, &package_2);
        let chunk = pair.client.transmit().expect("the first chunk");
        let has_chunk = |transmit: &Transmit| {
            let message = message(transmit).expect("a message");
            let mut items = message.commands.iter().flat_map(Command::items);
            items.any(|item| item.more_data)
        };
        assert!(has_chunk(&chunk));
        let answer = pair.server.exchange(&chunk).expect("a request to go on");
        let unheard = changed(&answer, |message| {
            let header = message.commands.remove(0);
            let missed = Alert {
                cmd_id: "9".into(),
                code: Some(AlertCode::NO_END_OF_DATA),
                items: vec![Item::for_source("./Large")],
                ..Alert::default()
            };
            message.commands = vec![header, missed.into()];
        });
        deliver(&mut pair.client, &unheard);
        let next = pair.client.transmit().expect("what is left to say");
        assert!(!has_chunk(&next));
        let next = message(&next).expect("a message");
        assert!(!names(&next).contains(&"Results".to_owned()));
        assert!(next.is_final);
    }
}

/// OMA-TS-DM_Notification, session identifier: the same one where the same session is triggered again. A device
/// that lost its session begins it anew, and nobody else does.
#[test]
fn a_session_that_is_triggered_again_takes_the_place_of_the_one_that_was_left() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(account(client_md5(b"c"), server_md5(b"s")))
            .send(exec("./Op"))
            .send(exec("./Op2"))
            .pair();
        let first = pair.client.transmit().expect("package 1");
        pair.server
            .exchange(&first)
            .expect("package 2, which is lost");
        let stored = pair.server.account.clone();

        let mut guess = stored.clone();
        guess.client.secret = Secret::from("guess");
        let mut stranger = Scene::new(encoding).accounts(guess).pair().client;
        let request = stranger.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("a challenge");
        let mut answer = message(&answer).expect("a message");
        assert_eq!(of_header(&mut answer).data, StatusCode::INVALID_CREDENTIALS);
        let left = ["no status 1.0".to_owned(), "ended Aborted".to_owned()];
        let heard = |line| pair.server.manager.heard.contains(line);
        assert!(!left.iter().any(heard), "who is not believed ends nothing");

        let mut again = Scene::new(encoding).accounts(stored).pair().client;
        while let Some(request) = again.transmit() {
            let answer = pair.server.exchange(&request).expect("an answer");
            deliver(&mut again, &answer);
        }
        let heard = |line| pair.server.manager.heard.contains(line);
        assert!(left.iter().all(heard), "{:?}", pair.server.manager.heard);
        assert_eq!(again.device.executed, ["Exec ./Op2"]);
        assert_eq!(again.ending, Some(Ending::Complete));
        assert_eq!(status_lines(&pair.server.manager.heard), ["2.0 200"]);
        assert_eq!(pair.server.ending, Some(Ending::Complete));
    }
}

/// OMA-TS-DM_Protocol, confirmation: what is behind a refusal is bypassed, in each Sequence around it.
#[test]
fn a_no_keeps_everything_behind_it_in_the_containers_around_it_from_running() {
    for policy in [SequencePolicy::Stop, SequencePolicy::Continue] {
        let mut scene = Scene::new(ENCODINGS[1]).reply(UserReply::No).batch([
            sequence([sequence([confirm(), exec("./A")]), exec("./B")]),
            exec("./C"),
        ]);
        scene.client.sequence = policy;
        let pair = scene.run();

        assert_eq!(
            status_lines(&pair.server.manager.heard),
            [
                "1.0 200", "1.1 200", "1.2 304", "1.3 215", "1.4 215", "2.0 200"
            ]
        );
        assert_eq!(pair.client.device.executed, ["ask sure?", "Exec ./C"]);
    }
}

/// OMA-TS-DM_Protocol, packages: a client sends no commands but its own; nothing in a container is one of them.
#[test]
fn nothing_in_a_container_of_a_device_is_taken() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding).pair();
        let request = pair.client.transmit().expect("package 1");
        let wrapped = changed(&request, |message| {
            let mut dev_info = message.commands.pop().expect("DevInfo");
            if let Command::Replace(replace) = &mut dev_info {
                replace.cmd_id = "52".into();
            }
            let alert = Alert {
                cmd_id: "51".into(),
                ..report("x")
            };
            let Command::Sequence(mut sequence) = sequence([alert.into(), dev_info]) else {
                unreachable!("a Sequence was made");
            };
            sequence.cmd_id = "50".into();
            message.commands.push(sequence.into());
        });
        let answer = pair.server.exchange(&wrapped).expect("package 2");
        assert_eq!(
            statuses(&message(&answer).expect("a message")),
            [
                "SyncHdr 200",
                "Alert 200",
                "Sequence 405",
                "Alert 405",
                "Replace 405"
            ]
        );
        assert_eq!(
            pair.server.manager.heard,
            ["opened 1201 0", "ready", "ended Complete"]
        );
    }
}
