//! Credentials and challenges in both directions. OMA-TS-DM_Security; OMA-TS-DM_Protocol,
//! authentication.

use dm_proto::{
    Secret, StatusCode,
    auth::{Account, Credentials, Nonce},
    codec::{DecodeOptions, Encoding},
    message::{Chal, Command, Cred, Meta, Status, SyncMl},
    session::{Ending, Incompatibility, ServerConfig, SessionError, Transmit, UserReply},
    testing::{NoAnswer, Nobody, PairError, Server, message, read},
};

use crate::session_support::*;

/// Both sides prove themselves by MD5 and know each other's nonces.
fn mutual() -> Account {
    account(client_md5(b"client-nonce"), server_md5(b"server-nonce"))
}

fn with_nonces(client: &[u8], server: &[u8]) -> Account {
    account(client_md5(client), server_md5(server))
}

fn re_encoded(transmit: &Transmit, change: impl FnOnce(&mut SyncMl)) -> Transmit {
    let mut message = message(transmit).expect("a message");
    change(&mut message);
    with_message(transmit, &message)
}

#[test]
fn both_sides_authenticate_without_a_challenge_when_nonces_are_known() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        let messages = pair.messages().expect("messages");
        let codes: Vec<String> = messages
            .iter()
            .skip(1)
            .map(|(_, message)| statuses(message)[0].clone())
            .collect();
        assert_eq!(codes, ["SyncHdr 212", "SyncHdr 212", "SyncHdr 212"]);
        let with_cred: Vec<bool> = messages
            .iter()
            .map(|(_, message)| message.header.cred.is_some())
            .collect();
        assert_eq!(
            with_cred,
            [true, true, false, false],
            "212 ends credentials for the session"
        );
        assert_eq!(
            messages[0].1.header.source.loc_name.as_deref(),
            Some("Bruce2")
        );
    }
}

#[test]
fn both_sides_store_the_same_new_nonces() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .run();

        assert_eq!(pair.client.account, pair.server.account);
        assert_ne!(pair.client.account.client.nonce, mutual().client.nonce);
        assert_ne!(pair.client.account.server.nonce, mutual().server.nonce);
    }
}

#[test]
fn nonces_roll_over_from_session_to_session() {
    for encoding in ENCODINGS {
        let first = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .run();
        let mut scene = Scene::new(encoding).send(exec("./Op"));
        scene.session_id = "A2";
        scene.client_account = first.client.account.clone();
        scene.server_account = first.server.account.clone();
        let second = scene.run();

        assert_eq!(second.transcript.len(), 4, "no challenge was needed");
        assert_eq!(second.client.account, second.server.account);
        let cred = |transmit: &Transmit| {
            let message = message(transmit).expect("a message");
            message.header.cred.expect("credentials").data
        };
        assert_ne!(
            cred(&first.transcript[0].1),
            cred(&second.transcript[0].1),
            "a digest is used once"
        );
    }
}

#[test]
fn a_stale_nonce_of_the_client_is_repaired_by_a_challenge() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding)
            .send(exec("./Op"))
            .alert(0, report("r"), 7);
        scene.client_account = with_nonces(b"stale", b"server-nonce");
        scene.server_account = mutual();
        let pair = scene.run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        let messages = pair.messages().expect("messages");
        assert_eq!(
            statuses(&messages[1].1),
            ["SyncHdr 401", "Alert 401", "Replace 401", "Alert 401"]
        );
        assert_eq!(names(&messages[1].1), ["Status"; 4], "statuses only");
        assert!(
            messages[1].1.header.cred.is_none(),
            "no credentials to who has shown none"
        );
        assert_eq!(
            names(&messages[2].1),
            ["Status", "Alert", "Replace", "Alert"],
            "package 1 again"
        );
        assert_eq!(messages[2].1.header.msg_id, "2");
        assert_eq!(
            pair.server.manager.heard[..4],
            ["nonce Client", "opened 1201 5", "alert 1226", "ready"],
            "the application sees one session"
        );
        assert!(pair.client.device.heard.contains(&"answered 7 200".into()));
        assert_eq!(pair.client.account, pair.server.account);
    }
}

#[test]
fn credentials_that_are_asked_for_go_to_the_resp_uri_of_the_challenge() {
    let mut pair = Scene::new(Encoding::Wbxml).accounts(mutual()).pair();
    let request = pair.client.transmit().expect("package 1");
    let bare = re_encoded(&request, |message| message.header.cred = None);
    let challenge = pair.server.exchange(&bare).expect("a challenge");
    let challenge = re_encoded(&challenge, |message| {
        message.header.resp_uri = Some("http://server.test/dm?s=1".into());
    });

    deliver(&mut pair.client, &challenge);
    let retry = pair.client.transmit().expect("package 1 again");
    assert_eq!(retry.uri, "http://server.test/dm?s=1");
}

#[test]
fn missing_credentials_are_asked_for_with_407() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(mutual())
            .send(exec("./Op"))
            .pair();
        let request = pair.client.transmit().expect("package 1");
        let bare = re_encoded(&request, |message| message.header.cred = None);
        let answer = pair.server.exchange(&bare).expect("a challenge");

        let message = message(&answer).expect("a message");
        assert_eq!(
            statuses(&message),
            ["SyncHdr 407", "Alert 407", "Replace 407"]
        );
        assert_eq!(pair.server.manager.heard, Vec::<String>::new());

        deliver(&mut pair.client, &answer);
        pair.run().expect("the session runs to its end");
        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    }
}

#[test]
fn a_stale_nonce_of_the_server_is_repaired_by_a_challenge_and_commands_come_again() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding).batch([exec("./Op"), sequence([add("./A")])]);
        scene.client_account = mutual();
        scene.server_account = with_nonces(b"client-nonce", b"stale");
        let pair = scene.alert(0, report("r"), 7).run();

        let messages = pair.messages().expect("messages");
        assert_eq!(
            statuses(&messages[2].1),
            ["SyncHdr 401", "Exec 401", "Sequence 401", "Add 401"]
        );
        assert_eq!(names(&messages[2].1), ["Status"; 4], "statuses only");
        assert_eq!(pair.client.device.executed, ["Exec ./Op", "Add ./A"]);
        assert_eq!(
            status_lines(&pair.server.manager.heard),
            ["1.0 200", "2.0 200", "2.1 200"],
            "the application sees one command"
        );
        assert_eq!(
            pair.client.device.heard[..5],
            [
                "nonce Client",
                "delivered 1",
                "answered 7 200",
                "delivered 2",
                "nonce Server"
            ],
            "what the server said counts once it has authenticated"
        );
        assert_eq!(pair.client.account, pair.server.account);
    }
}

#[test]
fn nothing_is_executed_for_a_server_with_a_wrong_password() {
    for encoding in ENCODINGS {
        for server in [
            Credentials::md5("srv", "wrong", Nonce::from(&b"server-nonce"[..])),
            Credentials::basic("srv", "wrong"),
            Credentials::transport(),
        ] {
            let mut scene = Scene::new(encoding)
                .batch([exec("./Op"), atomic([add("./A")]), confirm()])
                .alert(0, report("r"), 7);
            scene.client_account = mutual();
            scene.server_account = account(client_md5(b"client-nonce"), server);
            let mut pair = scene.pair();
            let end = pair.run();

            assert_ne!(pair.client.ending, Some(Ending::Complete), "{end:?}");
            assert_eq!(pair.client.device.executed, Vec::<String>::new());
            assert!(
                !pair
                    .client
                    .device
                    .heard
                    .iter()
                    .any(|line| line.starts_with("answered") || line.starts_with("nonce")),
                "{:?}",
                pair.client.device.heard
            );
            assert_eq!(pair.client.account, mutual(), "no nonce was stored");
        }
    }
}

#[test]
fn challenges_to_the_server_end() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = mutual();
    scene.server_account = account(
        client_md5(b"client-nonce"),
        Credentials::md5("srv", "wrong", Nonce::default()),
    );
    scene.server.challenges = 100;
    let mut pair = scene.pair();

    assert_eq!(
        pair.run(),
        Err(PairError::Client(SessionError::NotAuthenticated))
    );
    // Package 1, three challenges.
    let requests = pair.transcript.len().div_ceil(2);
    assert_eq!(requests, 4);
}

#[test]
fn challenges_to_the_client_end() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.server_account = mutual();
    scene.client_account = account(
        Credentials::md5("Bruce2", "wrong", Nonce::default()),
        server_md5(b"server-nonce"),
    );
    scene.client.challenges = 100;
    let mut pair = scene.clone().pair();
    let end = pair.run();

    // Package 1, three challenges met, and one more credentials, which nobody looks at.
    assert_eq!(
        end,
        Err(PairError::Server(NoAnswer::Session(
            SessionError::NotAuthenticated
        )))
    );
    let refusals = pair.messages().expect("messages");
    let refusals: Vec<_> = refusals.iter().skip(1).step_by(2).collect();
    assert_eq!(refusals.len(), 4);
    for (_, message) in refusals {
        let Some(Command::Status(status)) = message.commands.first() else {
            panic!("a status of the header")
        };
        assert_eq!(status.data, StatusCode::INVALID_CREDENTIALS);
        let chal = status
            .chal
            .as_ref()
            .expect("a challenge, in the last one too");
        assert_eq!(chal.meta.type_.as_deref(), Some("syncml:auth-md5"));
        assert!(chal.meta.next_nonce.is_some());
    }
    assert_eq!(
        pair.server.ending,
        Some(Ending::Failed(SessionError::NotAuthenticated))
    );
    assert_eq!(pair.server.manager.heard.len(), 1, "no event but the end");
    assert_eq!(pair.server.account, mutual(), "no nonce was stored");

    scene.client.challenges = 3;
    scene.server.challenges = 100;
    let mut pair = scene.pair();
    assert_eq!(pair.run(), Err(PairError::Client(SessionError::Refused)));
    assert_eq!(
        pair.client.ending,
        Some(Ending::Failed(SessionError::Refused))
    );
}

#[test]
fn basic_credentials_work_in_both_directions() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding)
            .accounts(account(
                Credentials::basic("Bruce2", "OhBehave"),
                Credentials::basic("srv", "server-secret"),
            ))
            .send(exec("./Op"))
            .run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        let messages = pair.messages().expect("messages");
        let cred = messages[0].1.header.cred.as_ref().expect("credentials");
        assert_eq!(cred.data, Secret::from("QnJ1Y2UyOk9oQmVoYXZl"));
        let meta = cred.meta.as_ref().expect("a meta");
        assert_eq!(meta.type_.as_deref(), Some("syncml:auth-basic"));
        assert_eq!(meta.format.as_deref(), Some("b64"));
        assert_eq!(statuses(&messages[1].1)[0], "SyncHdr 212");
    }
}

#[test]
fn the_server_may_use_its_identifier_as_user_name() {
    let mut scene = Scene::new(Encoding::Xml).send(exec("./Op"));
    let device_side = Credentials::md5("other-name", "server-secret", Nonce::from(&b"n"[..]));
    scene.client_account = account(client_md5(b"c"), device_side);
    scene.server_account = account(client_md5(b"c"), server_md5(b"n"));
    let pair = scene.run();

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(pair.transcript.len(), 4);
}

#[test]
fn a_challenge_of_a_weaker_or_unknown_type_ends_the_session() {
    for type_ in [
        "syncml:auth-basic",
        "syncml:auth-securid",
        "syncml:auth-X509",
    ] {
        let mut pair = Scene::new(Encoding::Xml).accounts(mutual()).pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let challenge = re_encoded(&answer, |message| {
            if let Some(Command::Status(status)) = message.commands.first_mut() {
                status.data = StatusCode::INVALID_CREDENTIALS;
                status.chal = Some(Box::new(Chal {
                    meta: Meta::of_type(type_).with_format("b64"),
                    ..Chal::default()
                }));
            }
        });
        let received = read(&challenge, &DecodeOptions::default()).expect("a message");

        assert_eq!(
            pair.client.handle(received),
            Err(SessionError::PeerIncompatible(Incompatibility::Scheme(
                type_.into()
            )))
        );
    }
}

#[test]
fn once_accepted_the_type_of_credentials_stays_the_same() {
    for type_ in ["syncml:auth-MAC", "syncml:auth-basic"] {
        let scene = Scene::new(Encoding::Xml).accounts(mutual());
        let mut pair = scene.send(exec("./Op")).pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        assert_eq!(
            statuses(&message(&answer).expect("a message"))[0],
            "SyncHdr 212"
        );
        deliver(&mut pair.client, &answer);
        let request = pair.client.transmit().expect("package 3");
        let answer = pair.server.exchange(&request).expect("package 4");
        let challenge = re_encoded(&answer, |message| {
            if let Some(Command::Status(status)) = message.commands.first_mut() {
                status.data = StatusCode::INVALID_CREDENTIALS;
                let meta = Meta::of_type(type_).with_format("b64");
                status.chal = Some(Box::new(Chal {
                    meta: Meta {
                        next_nonce: Some("bm9uY2U=".into()),
                        ..meta
                    },
                    ..Chal::default()
                }));
            }
        });
        let received = read(&challenge, &DecodeOptions::default()).expect("a message");
        let refusal = Incompatibility::Scheme(type_.into());
        assert_eq!(
            pair.client.handle(received),
            Err(SessionError::PeerIncompatible(refusal))
        );
    }
}

#[test]
fn credentials_in_a_command_prove_nothing() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    // Those of the device, in its alert instead of the header.
    let moved = re_encoded(&request, |message| {
        let cred = message.header.cred.take();
        if let Some(Command::Alert(alert)) = message.commands.first_mut() {
            alert.cred = cred;
        }
    });
    let mut server = Server::new(ServerConfig::default(), mutual(), Nobody);
    let answer = server.exchange(&moved).expect("an answer");
    let answer = message(&answer).expect("a message");
    assert_eq!(
        statuses(&answer),
        ["SyncHdr 407", "Alert 407", "Replace 407"]
    );
    // Those of the server, in its Exec.
    let answer = pair.server.exchange(&request).expect("package 2");
    let moved = re_encoded(&answer, |message| {
        let cred = message.header.cred.take();
        if let Some(Command::Exec(exec)) = message.commands.last_mut() {
            exec.cred = cred;
        }
    });
    deliver(&mut pair.client, &moved);
    let answer = pair.client.transmit().expect("an answer");
    let answer = message(&answer).expect("a message");
    assert_eq!(statuses(&answer), ["SyncHdr 407", "Exec 407"]);
    assert_eq!(pair.client.device.executed, [""; 0]);
}

#[test]
fn credentials_in_a_command_disprove_nothing() {
    for encoding in ENCODINGS {
        let Command::Exec(mut command) = exec("./Op") else {
            panic!("it is an Exec");
        };
        command.cred = Some(Box::new(Cred {
            meta: Some(Meta::of_type("syncml:auth-basic").with_format("b64").into()),
            data: "Z3Vlc3NlZDp3cm9uZw==".into(),
            ..Default::default()
        }));
        let pair = Scene::new(encoding).accounts(mutual()).send(command).run();
        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        assert_eq!(status_lines(&pair.server.manager.heard), ["1.0 200"]);
    }
}

#[test]
fn a_challenge_of_a_stronger_type_is_met() {
    for encoding in ENCODINGS {
        let mut scene = Scene::new(encoding).send(exec("./Op"));
        scene.client_account = account(
            Credentials::basic("Bruce2", "OhBehave"),
            server_md5(b"server-nonce"),
        );
        scene.server_account = mutual();
        let pair = scene.run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        assert_eq!(
            statuses(&pair.messages().expect("messages")[1].1)[0],
            "SyncHdr 401",
            "Basic is weaker than what the server wants"
        );
    }
}

#[test]
fn a_challenge_without_a_type_is_a_refusal() {
    let mut pair = Scene::new(Encoding::Xml).accounts(mutual()).pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let refusal = re_encoded(&answer, |message| {
        message.commands = vec![
            Status {
                cmd_id: "1".into(),
                msg_ref: "1".into(),
                cmd_ref: "0".into(),
                cmd: "SyncHdr".into(),
                data: StatusCode::INVALID_CREDENTIALS,
                ..Status::default()
            }
            .into(),
        ];
    });
    let received = read(&refusal, &DecodeOptions::default()).expect("a message");

    assert_eq!(pair.client.handle(received), Err(SessionError::Refused));
}

#[test]
fn a_peer_that_answers_200_gets_credentials_in_every_message() {
    for encoding in ENCODINGS {
        let mut pair = Scene::new(encoding)
            .accounts(account(client_md5(b"n"), Credentials::transport()))
            .send(exec("./Op"))
            .pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let answer = re_encoded(&answer, |message| {
            if let Some(Command::Status(status)) = message.commands.first_mut() {
                status.data = StatusCode::OK;
            }
        });
        deliver(&mut pair.client, &answer);
        let request = pair.client.transmit().expect("package 3");

        let message = message(&request).expect("a message");
        assert!(message.header.cred.is_some());
    }
}

/// The answer of a server to message `number` of the client, for which its credentials have `code`.
fn answer_with(transmit: &Transmit, number: u32, code: StatusCode, command: Command) -> Transmit {
    re_encoded(transmit, |message| {
        message.header.msg_id = number.into();
        let chal = Chal {
            meta: Meta {
                next_nonce: Some(Secret::from("bmV4dA==")),
                ..Meta::of_type("syncml:auth-md5").with_format("b64")
            },
            ..Chal::default()
        };
        let status = Status {
            cmd_id: "1".into(),
            msg_ref: number.into(),
            cmd_ref: "0".into(),
            cmd: "SyncHdr".into(),
            data: code,
            chal: Some(Box::new(chal)),
            ..Status::default()
        };
        message.commands = vec![status.into()];
        if code == StatusCode::OK {
            message.commands.push(command);
        }
    })
}

#[test]
fn a_challenge_in_the_middle_gets_the_same_answers_again() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(account(client_md5(b"n"), Credentials::transport()))
        .pair();
    let first = pair.client.transmit().expect("package 1");
    let template = pair.server.exchange(&first).expect("package 2");
    let mut command = exec("./Op");
    if let Command::Exec(exec) = &mut command {
        exec.cmd_id = "2".into();
    }
    // 200 asks for credentials in each message.
    let package_2 = answer_with(&template, 1, StatusCode::OK, command.clone());
    deliver(&mut pair.client, &package_2);
    let package_3 = pair.client.transmit().expect("package 3");
    let challenge = answer_with(&template, 2, StatusCode::MISSING_CREDENTIALS, command);
    deliver(&mut pair.client, &challenge);
    let again = pair.client.transmit().expect("package 3 again");

    let read = |transmit| message(transmit).expect("a message");
    assert_eq!(statuses(&read(&package_3)), ["SyncHdr 200", "Exec 200"]);
    assert_eq!(statuses(&read(&again)), ["SyncHdr 200", "Exec 200"]);
    assert_eq!(read(&again).header.msg_id, "3");
    assert_ne!(
        read(&again).header.cred.expect("credentials").data,
        read(&first).header.cred.expect("credentials").data
    );
    assert_eq!(pair.client.device.executed, ["Exec ./Op"], "once");
}

#[test]
fn a_server_that_challenges_again_and_again_is_left() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(account(client_md5(b"n"), Credentials::transport()))
        .pair();
    let first = pair.client.transmit().expect("package 1");
    let template = pair.server.exchange(&first).expect("package 2");
    let mut challenges = 0;
    let end = loop {
        challenges += 1;
        let code = StatusCode::MISSING_CREDENTIALS;
        let challenge = answer_with(&template, challenges, code, exec("./Op"));
        let received = read(&challenge, &DecodeOptions::default()).expect("a message");
        if let Err(error) = pair.client.handle(received) {
            break error;
        }
        pair.client.transmit().expect("package 1 again");
    };

    assert_eq!(end, SessionError::Refused);
    assert_eq!(challenges, 4, "three are met");
}

#[test]
fn a_server_without_credentials_and_without_commands_is_not_challenged() {
    let mut scene = Scene::new(Encoding::Wbxml).alert(0, report("r"), 7);
    scene.client_account = mutual();
    scene.server_account = account(client_md5(b"client-nonce"), Credentials::transport());
    let pair = scene.run();

    assert_eq!(pair.transcript.len(), 2, "a lone status is not sent");
    assert_eq!(pair.client.ending, Some(Ending::Complete));
    assert_eq!(
        pair.client.device.heard,
        ["ended Complete"],
        "the report is not answered by who has not authenticated"
    );
}

#[test]
fn credentials_that_are_not_needed_do_no_harm() {
    let mut scene = Scene::new(Encoding::Xml).send(exec("./Op"));
    scene.client_account = account(client_md5(b"n"), Credentials::transport());
    let pair = scene.run();

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(
        statuses(&pair.messages().expect("messages")[1].1)[0],
        "SyncHdr 200"
    );
}

#[test]
fn a_message_of_another_device_changes_nothing() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(mutual())
        .send(exec("./Op"))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    pair.server.exchange(&request).expect("package 2");
    let before = format!("{:?}", pair.server.session);
    let foreign = re_encoded(&request, |message| {
        message.header.source.loc_uri = "IMEI:666".into();
        message.header.msg_id = "2".into();
    });

    assert!(matches!(
        pair.server.exchange(&foreign),
        Err(NoAnswer::Session(SessionError::PeerMisbehaved(_)))
    ));
    assert_eq!(format!("{:?}", pair.server.session), before);
}

#[test]
fn debug_of_sessions_and_saved_sessions_shows_no_secret() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(account(
            client_md5(b"hidden-nonce"),
            Credentials::basic("srv", "server-secret"),
        ))
        .send(replace(&["./Secret"]))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let server = pair.server.session.as_ref().expect("session");
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        pair.client.session,
        pair.client.session.save(),
        server,
        server.save()
    );

    for secret in ["OhBehave", "server-secret", "hidden", "new", "Cred"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("A1"));
}

#[test]
fn debug_of_a_reply_shows_nothing_that_was_typed() {
    let reply = UserReply::Text("hunter2".into());
    assert_eq!(format!("{reply:?}"), "Text(7 octets)");
}

#[test]
fn saved_sessions_hold_no_password() {
    let mut pair = Scene::new(Encoding::Xml)
        .accounts(account(
            Credentials::basic("Bruce2", "OhBehave"),
            Credentials::basic("srv", "server-secret"),
        ))
        .send(exec("./Op"))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let saved = [
        serde_json::to_string(&pair.client.session.save()).expect("json"),
        serde_json::to_string(&pair.server.session.as_ref().expect("session").save())
            .expect("json"),
    ];
    for saved in saved {
        assert!(!saved.contains("OhBehave") && !saved.contains("server-secret"));
        assert!(!saved.contains("QnJ1Y2Uy"), "nor its Base64");
    }
}

#[test]
fn a_credential_of_no_type_is_wrong() {
    let mut pair = Scene::new(Encoding::Xml).accounts(mutual()).pair();
    let request = pair.client.transmit().expect("package 1");
    let untyped = re_encoded(&request, |message| {
        message.header.cred = Some(Box::new(Cred {
            data: Secret::from("AAAA"),
            ..Cred::default()
        }));
    });
    let answer = pair.server.exchange(&untyped).expect("a challenge");

    let message = message(&answer).expect("a message");
    assert_eq!(statuses(&message)[0], "SyncHdr 401");
}
