//! What two open clients do otherwise than the documents say, each deviation with a client that does so: the
//! profile knows it, or the server needs to know nothing.

use dm_proto::{
    auth::{Account, Credentials, Nonce, SpecialNonce},
    codec::Encoding,
    message::{Command, CommandName},
    notification::{Notification, NotificationError, Received, Resynchronization, Verified},
    session::{DeviceProfile, Ending, Transmit},
    testing::message,
};

use crate::{session_bad_input::status_of, session_support::*};

fn named() -> Account {
    let mut account = account(client_md5(b"c"), server_md5(b"s"));
    account.server.name = "other-name".into();
    account
}

/// What a device hears that knows a server by one name only.
fn known_by(account: &Account, name: &str) -> Account {
    let mut account = account.clone();
    account.server.name = name.into();
    account.server_id = name.into();
    account
}

#[test]
fn libdmclient_verifies_a_notification_by_the_name_of_the_credentials() {
    // Our verifier tries both names; one of which the names are the same tries only that.
    let account = named();
    for (profile, expected) in [
        (DeviceProfile::LIBDMCLIENT, "other-name"),
        (DeviceProfile::ANDROID, "srv"),
        (DeviceProfile::STANDARD, "srv"),
    ] {
        let sent = Notification::new(1, "srv").to_octets_for(&account, &profile, false);
        let sent = sent.expect("a notification");
        for name in ["other-name", "srv"] {
            // The same trigger, as a device would verify it under one name.
            let digest = Notification::new(1, "srv")
                .to_octets_for(
                    &known_by(&account, name),
                    &DeviceProfile::LIBDMCLIENT,
                    false,
                )
                .expect("a notification");
            assert_eq!(digest == sent, name == expected, "{name} {profile:?}");
        }
        let received = Received::read(&sent).expect("a notification");
        assert!(
            received
                .verify(&account, Resynchronization::Refused)
                .is_some(),
            "ours takes either"
        );
    }
}

#[test]
fn libdmclient_has_the_special_nonce_as_text() {
    let account = named();
    let policy = Resynchronization::AllowedWithText;
    for (profile, special) in [
        (DeviceProfile::LIBDMCLIENT, SpecialNonce::Text),
        (DeviceProfile::ANDROID, SpecialNonce::Octets),
    ] {
        let sent = Notification::new(1, "srv").to_octets_for(&account, &profile, true);
        let received = Received::read(&sent.expect("a notification")).expect("one");
        assert_eq!(
            received.verify(&account, policy),
            Some(Verified::SpecialNonce(special))
        );
    }
}

#[test]
fn android_takes_no_long_server_identifier() {
    let profile = DeviceProfile::ANDROID;
    for (octets, fits) in [(23, true), (24, false)] {
        let id = "x".repeat(octets);
        let made = Notification::new(1, id.as_str()).to_octets_for(&named(), &profile, false);
        match fits {
            true => assert!(made.is_ok()),
            false => assert_eq!(made, Err(NotificationError::ServerId { offset: 24 })),
        }
    }
}

/// Leaves something out of what the device says.
fn changed(transmit: &Transmit, change: impl FnOnce(&mut dm_proto::message::SyncMl)) -> Transmit {
    let mut message = message(transmit).expect("a message");
    change(&mut message);
    with_message(transmit, &message)
}

#[test]
fn libdmclient_never_sends_its_name() {
    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(account(client_md5(b"c"), server_md5(b"s")))
        .send(exec("./Op"))
        .pair();
    let nameless =
        |transmit: &Transmit| changed(transmit, |message| message.header.source.loc_name = None);
    let request = pair.client.transmit().expect("package 1");
    let answer = pair
        .server
        .exchange(&nameless(&request))
        .expect("package 2");
    assert_eq!(
        statuses(&message(&answer).expect("a message"))[0],
        "SyncHdr 212"
    );
}

#[test]
fn libdmclient_leaves_its_credentials_out_after_a_200_and_is_not_asked_for_ever() {
    // A server of ours answers 212, after which nobody needs them.
    let mut pair = Scene::new(Encoding::Wbxml)
        .accounts(account(client_md5(b"c"), Credentials::transport()))
        .send(exec("./Op"))
        .pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let request = pair.client.transmit().expect("package 3");
    let bare = changed(&request, |message| message.header.cred = None);
    let answer = pair.server.exchange(&bare).expect("package 4");
    assert_eq!(
        statuses(&message(&answer).expect("a message"))[0],
        "SyncHdr 212"
    );
    assert_eq!(pair.server.ending, Some(Ending::Complete));
}

/// What the server hears of a package 3 that holds these statuses.
fn heard(batch: Vec<Command>, statuses: &[(&str, CommandName, u16)]) -> Vec<String> {
    let mut pair = Scene::new(Encoding::Xml).batch(batch).pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    deliver(&mut pair.client, &package_2);
    let package_3 = pair.client.transmit().expect("package 3");
    let package_3 = changed(&package_3, |message| {
        message.commands = statuses
            .iter()
            .map(|(cmd_ref, name, code)| status_of(cmd_ref, name.clone(), *code))
            .collect();
    });
    pair.server.exchange(&package_3).expect("package 4");
    pair.server.manager.heard
}

const HEADER: (&str, CommandName, u16) = ("0", CommandName::SYNC_HDR, 200);

#[test]
fn libdmclient_undoes_nothing_and_gives_an_atomic_no_status() {
    let profile = DeviceProfile::LIBDMCLIENT;
    assert!(!profile.atomic);
    let heard = heard(
        vec![atomic([add("./A"), add("./B")])],
        &[
            HEADER,
            ("5", CommandName::ADD, 200),
            ("6", CommandName::ADD, 500),
        ],
    );
    for line in ["status 1.1 200", "status 1.2 500", "no status 1.0"] {
        assert!(heard.contains(&line.to_owned()), "{line}");
    }
}

#[test]
fn libdmclient_runs_an_exec_behind_a_question_that_nobody_was_asked() {
    let profile = DeviceProfile::LIBDMCLIENT;
    assert!(!profile.sequence_guards);
    let heard = heard(
        vec![sequence([confirm(), exec("./Op")])],
        &[
            HEADER,
            ("5", CommandName::ALERT, 406),
            ("6", CommandName::EXEC, 200),
            ("4", CommandName::SEQUENCE, 200),
        ],
    );
    assert_eq!(
        status_lines(&heard),
        ["1.1 406", "1.2 200", "1.0 200"],
        "the caller sees that it ran without consent"
    );
}

#[test]
fn android_runs_an_exec_behind_a_no_and_skips_all_else() {
    let profile = DeviceProfile::ANDROID;
    assert!(!profile.sequence_guards);
    let heard = heard(
        vec![sequence([confirm(), add("./A"), exec("./Op")])],
        &[
            HEADER,
            ("4", CommandName::SEQUENCE, 200),
            ("5", CommandName::ALERT, 304),
            ("6", CommandName::ADD, 215),
            ("7", CommandName::EXEC, 200),
        ],
    );
    assert_eq!(
        status_lines(&heard),
        ["1.0 200", "1.1 304", "1.2 215", "1.3 200"]
    );
}

#[test]
fn android_verifies_the_servers_credentials_by_its_identifier() {
    // The server proves itself under its identifier, which is its name unless configured otherwise.
    let server = account(client_md5(b"c"), server_md5(b"s"));
    assert_eq!(server.server.name, server.server_id);
    let mut device = server.clone();
    device.server = Credentials::md5("srv", "server-secret", Nonce::from(&b"s"[..]));
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = device;
    scene.server_account = server;
    let pair = scene.run();
    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(pair.transcript.len(), 4);
}
