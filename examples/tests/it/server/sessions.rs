//! Sessions of devices, over HTTP.

use core::time::Duration;
use std::{net::UdpSocket, sync::Arc};

use dm_examples::server::{Config, Direction, Server};
use dm_proto::{
    AlertCode, Correlator, StatusCode,
    auth::Scheme,
    codec::Encoding,
    message::{Alert, Command, Item, Meta},
    notification,
    session::{Ending, Start, Trigger, UserReply},
    testing::Client,
};
use serde_json::json;

use super::{
    Emi, PHONE, PHONE_PATH, Phone, account, converse, exchange, folder, md5_session, phone_account,
    post, read, session, start, turn,
};

/// The status of the header in an answer of the server's.
fn header_status(answer: &dm_proto::session::Received) -> StatusCode {
    match answer.message().commands.first() {
        Some(Command::Status(status)) => status.data,
        other => panic!("{other:?} where the header's status must stand"),
    }
}

pub(super) fn report(correlator: &Correlator, code: &str) -> Alert {
    let meta = Meta::of_type("urn:oma:at:lawmo:1.0:OperationComplete").with_format("int");
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: Some(correlator.clone()),
        items: vec![
            Item::for_source("./LAWMO/Operations/FullyLock")
                .with_meta(meta)
                .with_data(code),
        ],
        ..Alert::default()
    }
}

#[test]
fn a_lock_goes_to_the_device_and_its_outcome_to_who_asked() {
    let schemes = [
        ("md5", Scheme::Md5),
        ("basic", Scheme::Basic),
        ("hmac", Scheme::Hmac),
        ("none", Scheme::Transport),
    ];
    for (auth, scheme) in schemes {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let server = start(&format!("lock-{auth}-{encoding}"));
            let emi = Emi::new(server.emi_url());
            let mut account = account();
            account["auth"] = json!(auth);
            assert_eq!(emi.put(PHONE_PATH, &account).0, 201);
            let id = emi.queue(&json!({"lawmo": "fully-lock"}));

            let account = phone_account(server.dm_url(), scheme);
            let mut client = session(account, "1", encoding, Phone::default());
            converse(server.dm_url(), &mut client);

            assert_eq!(client.ending, Some(Ending::Complete));
            assert_eq!(client.device.names(), ["FullyLock"]);
            let operation = emi.operation(&id);
            assert_eq!(operation["state"], "succeeded", "{operation}");
            assert_eq!(operation["final"], true);
            assert_eq!(operation["result"], json!({"code": 1200, "components": []}));
            assert_eq!(emi.states(&id), ["queued", "sent", "succeeded"]);
            let (_, device) = emi.get(PHONE_PATH);
            assert_eq!(device["dev_info"]["./DevInfo/Man"], "Example");
        }
    }
}

#[test]
fn a_session_without_operations_ends_at_once() {
    let server = start("nothing-to-do");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    converse(server.dm_url(), &mut client);
    assert_eq!(client.ending, Some(Ending::Complete));
    assert!(client.device.executed.is_empty());
}

#[test]
fn nonces_are_kept_from_one_session_to_the_next() {
    let server = start("nonces");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let mut first = md5_session(server.dm_url(), "1", Phone::default());
    converse(server.dm_url(), &mut first);

    // With the nonce of the last session the first message is believed without a challenge.
    let mut second = session(first.account, "2", Encoding::Wbxml, Phone::default());
    let package_1 = second.transmit().expect("package 1");
    let answer = exchange(server.dm_url(), &package_1);
    assert_eq!(header_status(&answer), StatusCode::AUTHENTICATION_ACCEPTED);
}

#[test]
fn operations_run_in_their_order() {
    let server = start("order");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let lock = emi.queue(&json!({"lawmo": "partially-lock"}));
    let unlock = emi.queue(&json!({"lawmo": "unlock"}));

    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    converse(server.dm_url(), &mut client);

    assert_eq!(client.device.names(), ["PartiallyLock", "UnLock"]);
    assert_eq!(emi.state(&lock), "succeeded");
    assert_eq!(emi.state(&unlock), "succeeded");
}

#[test]
fn a_repeated_message_gets_the_same_octets_and_runs_nothing_again() {
    let server = start("repeat");
    let emi = Emi::new(server.emi_url());
    emi.register();
    emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    let mut messages = 0;
    while let Some(transmit) = client.transmit() {
        let media_type = transmit.encoding.media_type();
        let first = post(server.dm_url(), media_type, &transmit.body);
        let second = post(server.dm_url(), media_type, &transmit.body);
        assert_eq!(first, second);
        let (status, content_type, body) = second;
        assert_eq!(status, 200);
        client
            .handle(read(&content_type, body))
            .expect("the session goes on");
        messages += 1;
    }
    assert_eq!(messages, 3, "device information, object, lock");
    assert_eq!(client.device.names(), ["FullyLock"]);
}

#[test]
fn of_many_copies_of_a_message_one_is_executed_and_all_get_its_answer() {
    let server = start("copies");
    let url = server.dm_url();
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(url, "1", Phone::default());
    while let Some(transmit) = client.transmit() {
        let media_type = transmit.encoding.media_type();
        let answers = std::thread::scope(|scope| {
            let copies: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| post(url, media_type, &transmit.body)))
                .collect();
            let answers = copies.into_iter().map(|copy| copy.join());
            answers
                .map(|answer| answer.expect("an answer"))
                .collect::<Vec<_>>()
        });
        let (status, content_type, body) = answers.first().cloned().expect("answers");
        assert_eq!(status, 200);
        assert!(answers.iter().all(|answer| answer.2 == body));
        client
            .handle(read(&content_type, body))
            .expect("the session goes on");
    }
    assert_eq!(client.device.names(), ["FullyLock"]);
    assert_eq!(emi.states(&id), ["queued", "sent", "succeeded"]);
}

#[test]
fn operations_that_are_asked_for_at_once_are_all_queued() {
    let server = start("at-once");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let ids = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Emi::new(server.emi_url()).queue(&json!({"lawmo": "unlock"}))))
            .collect();
        let ids = askers.into_iter().map(|asker| asker.join());
        ids.map(|id| id.expect("an identifier")).collect::<Vec<_>>()
    });
    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    converse(server.dm_url(), &mut client);
    assert_eq!(client.device.names(), ["UnLock"; 8]);
    for id in ids {
        assert_eq!(emi.state(&id), "succeeded");
    }
}

#[test]
fn a_report_in_a_later_session_ends_the_operation() {
    let server = start("report");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let phone = Phone {
        status: StatusCode::ACCEPTED,
        ..Phone::default()
    };
    let mut client = md5_session(server.dm_url(), "1", phone);
    converse(server.dm_url(), &mut client);
    let operation = emi.operation(&id);
    assert_eq!(operation["state"], "accepted");
    assert_eq!(operation["final"], false);
    let problem = json!({"error": "the operation cannot be cancelled: it is accepted"});
    assert_eq!(emi.delete(&format!("/operations/{id}")), (409, problem));

    let (_, correlator) = &client.device.executed[0];
    let correlator = correlator.clone().expect("a correlator");
    let phone = Phone {
        reports: vec![report(&correlator, "1402")],
        ..Phone::default()
    };
    let mut client = session(client.account, "2", Encoding::Wbxml, phone);
    converse(server.dm_url(), &mut client);
    assert_eq!(emi.states(&id), ["queued", "sent", "accepted", "failed"]);
    assert_eq!(emi.operation(&id)["result"]["code"], 1402);
    assert!(client.device.executed.is_empty(), "nothing is sent again");
}

#[test]
fn only_a_yes_of_the_user_lets_an_operation_run() {
    let cases = [
        (UserReply::Yes, "succeeded", None, 1),
        (UserReply::No, "declined", Some(304), 0),
        (UserReply::Cancelled, "declined", Some(214), 0),
        (UserReply::TimedOut, "declined", Some(408), 0),
    ];
    for (reply, state, status, executed) in cases {
        let server = start(&format!("confirm-{reply:?}"));
        let emi = Emi::new(server.emi_url());
        emi.register();
        let id = emi.queue(&json!({"lawmo": "fully-lock", "confirm": "Lock the phone?"}));
        let phone = Phone {
            reply,
            ..Phone::default()
        };
        let mut client = md5_session(server.dm_url(), "1", phone);
        converse(server.dm_url(), &mut client);
        let operation = emi.operation(&id);
        assert_eq!(operation["state"], state, "{operation}");
        if status.is_some() {
            assert_eq!(operation["status"], json!(status), "{operation}");
        }
        assert_eq!(client.device.executed.len(), executed);
    }
}

#[test]
fn a_wrong_password_reaches_nothing() {
    let server = start("wrong-password");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut account = phone_account(server.dm_url(), Scheme::Md5);
    account.client.secret = "guess".into();
    let mut client = session(account, "1", Encoding::Wbxml, Phone::default());
    while let Some(transmit) = client.transmit() {
        let answer = exchange(server.dm_url(), &transmit);
        assert!(!header_status(&answer).is_success());
        if client.handle(answer).is_err() {
            break;
        }
    }
    assert!(client.device.executed.is_empty());
    assert_eq!(emi.state(&id), "queued");
    assert_eq!(emi.get(PHONE_PATH).1["last_seen"], json!(null));
}

#[test]
fn nobody_comes_between_a_device_and_its_session() {
    // With a session id of his own, and with the very one of the phone's session.
    for own_id in [true, false] {
        let server = start(if own_id {
            "intruder"
        } else {
            "intruder-same-id"
        });
        let url = server.dm_url();
        let emi = Emi::new(server.emi_url());
        emi.register();
        let id = emi.queue(&json!({"lawmo": "fully-lock"}));
        let mut client = md5_session(url, "1", Phone::default());
        let mut number = 0;
        loop {
            // Between any two messages of the phone somebody claims to be it.
            number += 1;
            let mut account = phone_account(url, Scheme::Md5);
            account.client.secret = "guess".into();
            let session_id = if own_id {
                format!("F{number}")
            } else {
                String::from("1")
            };
            let mut intruder = session(account, &session_id, Encoding::Xml, Phone::default());
            let package_1 = intruder.transmit().expect("package 1");
            if client.session.is_authenticated() {
                assert!(!header_status(&exchange(url, &package_1)).is_success());
            }
            if !turn(url, &mut client) {
                break;
            }
        }
        assert_eq!(client.device.names(), ["FullyLock"], "own id: {own_id}");
        assert_eq!(emi.state(&id), "succeeded", "own id: {own_id}");
    }
}

#[test]
fn a_new_session_takes_up_what_the_old_one_left() {
    let server = start("reset-device");
    let url = server.dm_url();
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    // The phone forgets its session once it was given commands.
    let mut lost = md5_session(url, "1", Phone::default());
    while lost.device.executed.is_empty() {
        assert!(turn(url, &mut lost));
        if emi.state(&id) == "sent" {
            break;
        }
    }
    assert_eq!(emi.state(&id), "sent");

    let mut client = md5_session(url, "2", Phone::default());
    converse(url, &mut client);
    assert_eq!(client.device.names(), ["FullyLock"]);
    assert_eq!(emi.state(&id), "succeeded");
}

#[test]
fn a_device_that_is_not_registered_is_asked_for_credentials_and_they_are_not_taken() {
    let server = start("unknown-device");
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let account = phone_account(server.dm_url(), Scheme::Md5);
        let mut client = session(account, "1", encoding, Phone::default());
        let mut seen = Vec::new();
        // It tries until its own patience is over.
        while let Some(message) = client.transmit() {
            let answer = exchange(server.dm_url(), &message);
            assert_eq!(answer.encoding(), encoding);
            assert_eq!(answer.header().target.loc_uri, PHONE);
            assert!(answer.message().is_final);
            let challenge = answer
                .message()
                .commands
                .iter()
                .find_map(|command| match command {
                    Command::Status(status) => status.chal.as_deref(),
                    _ => None,
                });
            let meta = &challenge.expect("a challenge").meta;
            assert_eq!(meta.type_.as_deref(), Some("syncml:auth-md5"));
            seen.push((header_status(&answer), meta.next_nonce.clone().unwrap()));
            // Its session is over, whatever it calls that.
            let _ = client.handle(answer);
        }
        let statuses: Vec<_> = seen.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses.first(), Some(&StatusCode::INVALID_CREDENTIALS));
        assert!((2..=4).contains(&seen.len()), "{statuses:?}");
        assert_ne!(seen[0].1.expose(), seen[1].1.expose(), "each nonce is new");
    }
}

#[test]
fn a_message_out_of_order_is_refused_in_a_message() {
    let server = start("out-of-order");
    let url = server.dm_url();
    let emi = Emi::new(server.emi_url());
    emi.register();
    emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(url, "1", Phone::default());
    assert!(turn(url, &mut client));
    let second = client.transmit().expect("a second message");

    let server = start("out-of-order-elsewhere");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let answer = exchange(server.dm_url(), &second);
    assert_eq!(header_status(&answer), StatusCode::BAD_REQUEST);
}

#[test]
fn what_is_not_a_message_is_refused_by_http_with_the_reason() {
    let server = start("not-a-message");
    let wbxml = Encoding::Wbxml.media_type();
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");

    let (status, _, body) = post(server.dm_url(), "text/xml", b"<SyncML/>");
    assert_eq!(status, 415);
    assert_eq!(
        text(body),
        "send a DM message as application/vnd.syncml.dm+xml or application/vnd.syncml.dm+wbxml\n"
    );
    let (status, _, body) = post(server.dm_url(), wbxml, b"\x02\xA4\x01\x6A\0\x6D\x6C");
    assert_eq!(status, 400);
    assert_eq!(
        text(body),
        "wbxml byte 7 at SyncML/SyncHdr: unexpected end of input\n"
    );
    // Who has said who it is is answered in a message.
    let first = md5_session(server.dm_url(), "1", Phone::default())
        .transmit()
        .expect("a message");
    let cut = &first.body[..first.body.len() - 2];
    let (status, content_type, body) = post(server.dm_url(), wbxml, cut);
    assert_eq!((status, content_type.as_str()), (200, wbxml));
    let answer = read(wbxml, body);
    assert_eq!(header_status(&answer), StatusCode::BAD_REQUEST);
    let (status, _, body) = post(server.dm_url(), wbxml, &vec![0; (1 << 20) + 1]);
    assert_eq!(status, 413);
    assert_eq!(text(body), "a message may have 1048576 octets\n");
    let response = super::agent().get(server.dm_url()).call();
    assert_eq!(response.expect("an answer").status(), 405);
}

#[test]
fn answers_are_not_for_caches() {
    let server = start("cache-control");
    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    let package_1 = client.transmit().expect("package 1");
    let response = super::agent()
        .post(server.dm_url())
        .content_type(package_1.encoding.media_type())
        .send(&package_1.body[..])
        .expect("an answer");
    let header = response.headers().get("cache-control");
    assert_eq!(header.expect("the header"), "private");
}

#[test]
fn a_queued_operation_calls_the_device_with_a_notification_it_can_verify() {
    let server = start("notification");
    let emi = Emi::new(server.emi_url());
    let phone_socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    phone_socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time-out");
    let address = phone_socket.local_addr().expect("an address");
    let mut device = account();
    device["notify"] = json!(format!("udp://{address}"));
    assert_eq!(emi.put(PHONE_PATH, &device).0, 201);

    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut octets = [0; 512];
    let length = phone_socket.recv(&mut octets).expect("a notification");
    assert_eq!(emi.state(&id), "notified");

    let received = notification::Received::read(&octets[..length]).expect("a notification");
    let account = phone_account(server.dm_url(), Scheme::Md5);
    let verified = received.verify(&account, notification::Resynchronization::Refused);
    assert_eq!(verified, Some(notification::Verified::StoredNonce));

    let session_id = received.notification.session_id_text();
    let start = Start::new(Trigger::Server, session_id, Vec::new());
    let mut client = Client::new(Default::default(), account, start, Phone::default());
    converse(server.dm_url(), &mut client);
    assert_eq!(client.device.names(), ["FullyLock"]);
    let states = emi.states(&id);
    assert_eq!(states, ["queued", "notified", "sent", "succeeded"]);
}

#[test]
fn the_tap_sees_each_message_both_ways() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut config = Config::new(folder("tap"));
    let sink = Arc::clone(&seen);
    config.hooks.tap = Some(Arc::new(move |traffic| {
        let mut seen = sink.lock().expect("no test panics in between");
        seen.push((traffic.direction, traffic.octets.clone()));
    }));
    let server = Server::spawn(config).expect("the server starts");
    Emi::new(server.emi_url()).register();
    let mut client = md5_session(server.dm_url(), "1", Phone::default());
    let package_1 = client.transmit().expect("package 1");
    let answer = post(
        server.dm_url(),
        package_1.encoding.media_type(),
        &package_1.body,
    );

    let seen = seen.lock().expect("no test panics in between");
    let (directions, octets): (Vec<_>, Vec<_>) = seen.iter().cloned().unzip();
    assert_eq!(directions, [Direction::FromDevice, Direction::ToDevice]);
    assert_eq!(octets, [package_1.body, answer.2.into()]);
}
