//! Messages signed in the transport header. OMA-TS-DM_Security, integrity.

use dm_proto::{
    Secret, StatusCode, Text,
    auth::{Account, Credentials, Nonce, Scheme, SchemePolicy},
    codec::{DecodeOptions, Encoding},
    message::{Chal, Command, Meta, SyncMl},
    session::{Ending, Headers, Incompatibility, Misbehaviour, Received, SessionError, Transmit},
    testing::{NoAnswer, PairError, message, read},
};

use crate::session_support::*;

fn client_hmac(nonce: &[u8]) -> Credentials {
    Credentials::hmac("Bruce2", "OhBehave", Nonce::from(nonce))
}

fn server_hmac(nonce: &[u8]) -> Credentials {
    Credentials::hmac("srv", "server-secret", Nonce::from(nonce))
}

/// Both sides sign, and know each other's nonces.
fn mutual() -> Account {
    account(client_hmac(b"client-nonce"), server_hmac(b"server-nonce"))
}

fn header_status(message: &SyncMl) -> String {
    statuses(message).first().cloned().unwrap_or_default()
}

fn next_nonce(message: &SyncMl) -> Option<&Secret> {
    message.commands.iter().find_map(|command| match command {
        Command::Status(status) if status.cmd_ref == "0" => {
            status.chal.as_ref()?.meta.next_nonce.as_ref()
        }
        _ => None,
    })
}

/// The same message with something changed in it after it was signed.
fn tampered(transmit: &Transmit) -> Transmit {
    let mut message = message(transmit).expect("a message");
    message.header.meta = None;
    with_message(transmit, &message)
}

fn unsigned(transmit: &Transmit) -> Transmit {
    let mut transmit = transmit.clone();
    transmit.hmac = None;
    transmit
}

#[test]
fn every_message_is_signed_accepted_for_itself_and_followed_by_a_new_nonce() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./A"))
            .send(exec("./B"))
            .run();

        assert_eq!(pair.client.device.executed, ["Exec ./A", "Exec ./B"]);
        assert_eq!(pair.transcript.len(), 6, "nobody was challenged");
        let messages = pair.messages().expect("messages");
        let mut nonces = Vec::new();
        for ((_, transmit), (_, message)) in pair.transcript.iter().zip(&messages) {
            assert!(transmit.hmac.is_some());
            assert_eq!(message.header.cred, None, "never in the message");
            assert!(message.header.source.loc_name.is_some());
        }
        for (_, message) in &messages[1..] {
            assert_eq!(header_status(message), "SyncHdr 200");
            nonces.push(next_nonce(message).expect("a nonce").clone());
        }
        nonces.sort_by_key(|nonce| nonce.expose().to_owned());
        nonces.dedup();
        assert_eq!(nonces.len(), 5, "each is new");
        assert_eq!(pair.client.account, pair.server.account, "stored by both");
    }
}

#[test]
fn the_header_names_the_sender_as_the_message_does() {
    let mut scene = Scene::new(Encoding::Xml);
    scene.client_account = account(
        Credentials::hmac("Robert \"Bob\" Jordan", "OhBehave", Nonce::default()),
        Credentials::transport(),
    );
    scene.server_account = scene.client_account.clone();
    let mut pair = scene.pair();
    let request = pair.client.transmit().expect("package 1");

    let header = request.hmac.as_deref().expect("a signature");
    assert!(
        header.starts_with(r#"algorithm=MD5, username="Robert \"Bob\" Jordan", mac="#),
        "{header}"
    );
    assert_eq!(
        message(&request)
            .expect("a message")
            .header
            .source
            .loc_name
            .as_deref(),
        Some(r#"Robert "Bob" Jordan"#)
    );
    pair.server.exchange(&request).expect("it is believed");
    assert!(
        pair.server
            .session
            .as_ref()
            .is_some_and(|session| session.is_authenticated())
    );
}

#[test]
fn a_name_that_no_header_can_hold_ends_the_session() {
    let mut scene = Scene::new(Encoding::Wbxml);
    scene.client_account = account(
        Credentials::hmac("a\r\nSet-Cookie: b", "secret", Nonce::default()),
        Credentials::transport(),
    );
    let mut pair = scene.pair();

    assert_eq!(pair.client.transmit(), None);
    assert_eq!(
        pair.client.ending,
        Some(Ending::Failed(SessionError::PeerIncompatible(
            Incompatibility::NotRepresentable
        )))
    );
}

#[test]
fn stale_nonces_of_both_sides_are_repaired_by_challenges_of_the_same_type() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding)
            .send(exec("./Op"))
            .alert(0, report("r"), 7);
        scene.client_account = account(client_hmac(b"stale"), server_hmac(b"also stale"));
        scene.server_account = mutual();
        let pair = scene.run();

        let messages = pair.messages().expect("messages");
        assert_eq!(header_status(&messages[1].1), "SyncHdr 401");
        assert!(next_nonce(&messages[1].1).is_some());
        assert_eq!(
            pair.transcript[1].1.hmac, None,
            "nothing to guess at for who has shown nothing"
        );
        assert_eq!(pair.client.device.executed, ["Exec ./Op"], "once");
        assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 200"]);
        assert_eq!(pair.client.account, pair.server.account);
        assert_eq!(pair.client.ending, Some(Ending::Complete));
    }
}

#[test]
fn a_message_without_a_signature_where_one_is_needed_is_407_and_with_another_kind_401() {
    for (client, code) in [
        (Credentials::transport(), "SyncHdr 407"),
        (client_md5(b"client-nonce"), "SyncHdr 401"),
        (Credentials::basic("Bruce2", "OhBehave"), "SyncHdr 401"),
    ] {
        let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
        scene.client_account = account(client, server_hmac(b"server-nonce"));
        scene.server_account = mutual();
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let answer =
            message(&pair.server.exchange(&request).expect("an answer")).expect("a message");

        assert_eq!(header_status(&answer), code);
        let Some(Command::Status(status)) = answer.commands.first() else {
            panic!("the first command is a status");
        };
        let type_ = status
            .chal
            .as_ref()
            .and_then(|chal| chal.meta.type_.clone());
        assert_eq!(type_.as_deref(), Some("syncml:auth-MAC"));
        assert_eq!(names(&answer), vec!["Status"; answer.commands.len()]);
    }
}

#[test]
fn a_challenge_for_signatures_is_answered_with_them() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding).send(exec("./Op"));
        scene.client_account = account(client_md5(b"client-nonce"), server_md5(b"server-nonce"));
        scene.server_account = account(client_hmac(b"client-nonce"), server_md5(b"server-nonce"));
        let pair = scene.run();

        let signed: Vec<bool> = pair
            .transcript
            .iter()
            .map(|(_, transmit)| transmit.hmac.is_some())
            .collect();
        assert_eq!(signed, [false, false, true, false, true, false]);
        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    }
}

#[test]
fn a_policy_may_keep_other_types_out() {
    let mut scene = Scene::new(Encoding::Wbxml);
    scene.client_account = account(client_md5(b"client-nonce"), Credentials::transport());
    scene.server_account = account(client_hmac(b"client-nonce"), Credentials::transport());
    scene.client.schemes = SchemePolicy::only_own();

    let ended = scene.pair().run();

    assert_eq!(
        ended,
        Err(PairError::Client(SessionError::PeerIncompatible(
            Incompatibility::Scheme("syncml:auth-MAC".into())
        )))
    );
}

#[test]
fn a_policy_may_let_a_weaker_type_in() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = account(
        Credentials::basic("Bruce2", "OhBehave"),
        Credentials::transport(),
    );
    scene.server_account = account(client_hmac(b"n"), Credentials::transport());
    scene.server.schemes = SchemePolicy::Listed(vec![Scheme::Basic]);
    let pair = scene.run();

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(pair.transcript.len(), 4, "nobody was challenged");
}

#[test]
fn signatures_may_come_unasked_where_md5_would_do() {
    let mut scene = Scene::new(Encoding::Xml).send(exec("./Op"));
    scene.client_account = mutual();
    scene.server_account = account(client_md5(b"client-nonce"), server_hmac(b"server-nonce"));
    let pair = scene.run();

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    let messages = pair.messages().expect("messages");
    assert_eq!(header_status(&messages[1].1), "SyncHdr 200");
    assert_eq!(header_status(&messages[3].1), "SyncHdr 200");
}

#[test]
fn a_message_that_was_changed_on_its_way_is_not_executed() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        deliver(&mut pair.client, &tampered(&answer));
        let refusal = pair.client.transmit().expect("a challenge");

        assert_eq!(
            statuses(&message(&refusal).expect("a message")),
            ["SyncHdr 401", "Exec 401"]
        );
        assert!(pair.client.device.executed.is_empty());
        assert!(!pair.client.session.is_authenticated());
    }
}

#[test]
fn a_message_of_the_device_that_was_changed_is_not_looked_at() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .alert(1, report("late"), 7)
            .pair();
        let package_1 = pair.client.transmit().expect("package 1");
        let package_2 = pair.server.exchange(&package_1).expect("package 2");
        deliver(&mut pair.client, &package_2);
        let package_3 = pair.client.transmit().expect("package 3");
        let refusal = pair
            .server
            .exchange(&tampered(&package_3))
            .expect("a challenge");

        assert_eq!(
            statuses(&message(&refusal).expect("a message")),
            ["SyncHdr 401", "Alert 401"]
        );
        assert!(status_lines(&pair.server.manager.heard).is_empty());
        assert!(!pair.server.manager.heard.contains(&"alert 1226".into()));

        // It is sent again as it was, under the new nonce.
        deliver(&mut pair.client, &refusal);
        let again = pair.client.transmit().expect("package 3 again");
        pair.server.exchange(&again).expect("package 4");
        assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 200"]);
        assert!(pair.server.manager.heard.contains(&"alert 1226".into()));
        assert_eq!(pair.client.device.executed, ["Exec ./Op"], "once");
    }
}

#[test]
fn who_has_signed_must_go_on_signing() {
    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    deliver(&mut pair.client, &package_2);
    let package_3 = pair.client.transmit().expect("package 3");
    let last = pair
        .server
        .exchange(&unsigned(&package_3))
        .expect("a last word");

    let last = message(&last).expect("a message");
    assert_eq!(header_status(&last), "SyncHdr 401");
    assert_eq!(next_nonce(&last), None, "nobody is asked again");
    assert_eq!(
        pair.server.ending,
        Some(Ending::Failed(SessionError::NotAuthenticated))
    );

    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(mutual())
        .send(exec("./A"))
        .send(exec("./B"))
        .pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    deliver(&mut pair.client, &package_2);
    let package_3 = pair.client.transmit().expect("package 3");
    let package_4 = pair.server.exchange(&package_3).expect("package 4");
    let received = read(&unsigned(&package_4), &DecodeOptions::default()).expect("a message");
    assert_eq!(
        pair.client.handle(received),
        Err(SessionError::NotAuthenticated)
    );
    assert_eq!(pair.client.device.executed, ["Exec ./A"]);
}

#[test]
fn a_captured_message_is_refused_when_it_comes_again_under_another_number() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    deliver(&mut pair.client, &package_2);
    let package_3 = pair.client.transmit().expect("package 3");
    pair.server.exchange(&package_3).expect("package 4");

    // The octets of package 1 with its own signature: message 1 again begins another session.
    let mut again = Scene::new(Encoding::Xml)
        .accounts(pair.server.account.clone())
        .pair();
    let answer = again.server.exchange(&package_1).expect("an answer");
    assert_eq!(
        header_status(&message(&answer).expect("a message")),
        "SyncHdr 401"
    );
}

#[test]
fn a_signed_message_that_is_accepted_without_a_new_nonce_ends_the_session() {
    for (code, keeps_chal) in [
        (StatusCode::AUTHENTICATION_ACCEPTED, true),
        (StatusCode::OK, false),
    ] {
        let mut pair = Scene::new(Encoding::Xml)
            .accounts(account(client_hmac(b"n"), Credentials::transport()))
            .send(exec("./Op"))
            .pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let mut changed = message(&answer).expect("a message");
        if let Some(Command::Status(status)) = changed.commands.first_mut() {
            status.data = code;
            status.chal = status.chal.take().filter(|_| keeps_chal);
        }
        let answer = with_message(&answer, &changed);
        let received = read(&answer, &DecodeOptions::default()).expect("a message");

        assert_eq!(
            pair.client.handle(received),
            Err(SessionError::PeerMisbehaved(Misbehaviour::NoNextNonce))
        );
    }
}

#[test]
fn who_signs_is_not_talked_into_less() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(account(client_hmac(b"n"), Credentials::transport()))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let mut changed = message(&answer).expect("a message");
    if let Some(Command::Status(status)) = changed.commands.first_mut() {
        status.data = StatusCode::INVALID_CREDENTIALS;
        status.chal = Some(Box::new(Chal {
            meta: Meta::of_type("syncml:auth-md5").with_format("b64"),
            ..Chal::default()
        }));
    }
    let answer = with_message(&answer, &changed);
    let received = read(&answer, &DecodeOptions::default()).expect("a message");

    assert_eq!(
        pair.client.handle(received),
        Err(SessionError::PeerIncompatible(Incompatibility::Scheme(
            "syncml:auth-md5".into()
        )))
    );
}

#[test]
fn wrong_signatures_are_challenged_so_often_and_no_more() {
    let mut scene = Scene::new(Encoding::Wbxml);
    scene.client_account = account(
        Credentials::hmac("Bruce2", "wrong", Nonce::default()),
        Credentials::transport(),
    );
    scene.server_account = account(client_hmac(b"n"), Credentials::transport());
    let mut pair = scene.pair();

    assert_eq!(
        pair.run(),
        Err(PairError::Client(SessionError::Refused)),
        "{:?}",
        pair.server.ending
    );
    assert_eq!(
        pair.server.ending,
        Some(Ending::Failed(SessionError::NotAuthenticated))
    );
    let challenges = pair
        .messages()
        .expect("messages")
        .iter()
        .filter(|(_, message)| next_nonce(message).is_some())
        .count();
    assert_eq!(challenges, 4, "three are met; the last refusal has one too");
}

#[test]
fn a_header_that_is_no_signature_is_a_wrong_one() {
    let mut pair = Scene::new(Encoding::Wbxml).accounts(mutual()).pair();
    let mut request = pair.client.transmit().expect("package 1");
    request.hmac = Some(Text::from("nonsense"));
    let answer = pair.server.exchange(&request).expect("an answer");

    assert_eq!(
        header_status(&message(&answer).expect("a message")),
        "SyncHdr 401"
    );
    let headers = Headers::new(request.encoding.media_type()).with_hmac(Some("nonsense"));
    let received = Received::read(request.body, headers, &DecodeOptions::default());
    assert!(received.expect("a message").has_credentials());
}

#[test]
fn signed_sessions_go_on_after_a_restart_between_any_two_steps() {
    fn transcode(saved: dm_proto::session::Saved) -> dm_proto::session::Saved {
        let text = serde_json::to_string(&saved).expect("it is saved");
        serde_json::from_str(&text).expect("it is read")
    }
    for side in [dm_proto::auth::Side::Client, dm_proto::auth::Side::Server] {
        let scene = || {
            let mut scene = Scene::new(Encoding::Wbxml)
                .send(exec("./A"))
                .send(exec("./B"));
            scene.client_account = account(client_hmac(b"stale"), server_hmac(b"stale"));
            scene.server_account = mutual();
            scene
        };
        let steps = scene().run().steps(side);
        for step in 0..steps {
            let mut pair = scene().pair().with_restart(side, step, transcode);
            let ran = pair.run();
            assert_eq!(ran, Ok(()), "{side:?} {step}");
            assert_eq!(pair.client.device.executed, ["Exec ./A", "Exec ./B"]);
            assert_eq!(pair.client.account, pair.server.account, "{side:?} {step}");
        }
    }
}

#[test]
fn a_lost_or_doubled_message_costs_a_signed_session_nothing() {
    use dm_proto::testing::Fault;
    for fault in [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::RepeatRequest,
        Fault::RepeatAnswer,
        Fault::CutRequest,
        Fault::CutAnswer,
    ] {
        for request in 1..=3 {
            let mut pair = Scene::new(Encoding::Xml)
                .accounts(mutual())
                .send(exec("./A"))
                .send(exec("./B"))
                .pair()
                .with_fault(request, fault);
            let ran = pair.run();
            assert_eq!(ran, Ok(()), "{fault:?} {request}");
            assert_eq!(pair.client.device.executed, ["Exec ./A", "Exec ./B"]);
            assert_eq!(pair.client.account, pair.server.account);
        }
    }
}

#[test]
fn an_abort_is_signed_too() {
    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    deliver(&mut pair.client, &package_2);
    pair.client.session.abort();
    let abort = pair.client.transmit().expect("an abort");
    pair.server.exchange(&abort).expect("an answer");

    assert_eq!(pair.server.ending, Some(Ending::AbortedByPeer));

    // Anybody's abort is not.
    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let package_1 = pair.client.transmit().expect("package 1");
    pair.server.exchange(&package_1).expect("package 2");
    let forged = pair.server.exchange(&unsigned(&abort));
    assert!(!matches!(forged, Err(NoAnswer::Silent)), "{forged:?}");
    assert_ne!(pair.server.ending, Some(Ending::AbortedByPeer));
}
