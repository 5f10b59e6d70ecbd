//! Sides that have lost their nonces, and notifications that bring them together again.
//! OMA-TS-DM_Notification, use of nonce values.

use dm_proto::{
    auth::{Account, Credentials, Nonce, SpecialNonce},
    codec::Encoding,
    notification::{Notification, Received, Resynchronization, Verified},
    session::{Ending, SessionError},
};

use crate::session_support::*;

fn accounts(hmac: bool, client: &[u8], server: &[u8]) -> Account {
    let make = |name: &str, secret: &str, nonce: &[u8]| match hmac {
        true => Credentials::hmac(name, secret, Nonce::from(nonce)),
        false => Credentials::md5(name, secret, Nonce::from(nonce)),
    };
    account(
        make("Bruce2", "OhBehave", client),
        make("srv", "server-secret", server),
    )
}

#[test]
fn after_a_factory_reset_a_notification_brings_both_sides_together_without_a_challenge() {
    for (hmac, special) in [
        (false, SpecialNonce::Octets),
        (false, SpecialNonce::Text),
        (true, SpecialNonce::Octets),
        (true, SpecialNonce::Text),
    ] {
        // The device is as provisioned; the server has the nonces of the last session.
        let device = accounts(hmac, b"", b"");
        let server = accounts(hmac, b"client-7", b"server-7");
        let notification = Notification::new(0xA1, "srv");

        let stored = notification.to_octets(&server).expect("a notification");
        let policy = Resynchronization::AllowedWithText;
        let received = Received::read(&stored).expect("a notification");
        assert_eq!(received.verify(&device, policy), None);

        let special_octets = notification
            .to_octets_with(&server, special)
            .expect("a notification");
        let received = Received::read(&special_octets).expect("a notification");
        assert_eq!(received.verify(&device, Resynchronization::Refused), None);
        let verified = received.verify(&device, policy);
        assert_eq!(verified, Some(Verified::SpecialNonce(special)));

        let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
        scene.client_account = device;
        scene.server_account = server;
        scene.special_nonce = verified.and_then(Verified::special_nonce);
        scene.server.resynchronization = policy;
        let pair = scene.run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        assert_eq!(pair.transcript.len(), 4, "nobody was challenged");
        assert_eq!(pair.client.account, pair.server.account);
        assert_ne!(pair.client.account.client.nonce, special.nonce());
        assert_ne!(pair.client.account.server.nonce, special.nonce());
    }
}

#[test]
fn a_server_that_does_not_take_the_special_nonce_challenges_and_all_is_well() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = accounts(false, b"", b"");
    scene.server_account = accounts(false, b"client-7", b"server-7");
    scene.special_nonce = Some(SpecialNonce::Octets);
    let pair = scene.run();

    assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
    assert_eq!(pair.transcript.len(), 8, "each was challenged once");
    assert_eq!(pair.client.account, pair.server.account);
}

#[test]
fn without_its_notification_the_special_nonce_of_a_server_is_worth_nothing() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = accounts(false, b"c", b"stored");
    scene.server_account = accounts(false, b"c", &[0; 4]);
    let pair = scene.run();

    let first = &pair.messages().expect("messages")[2].1;
    assert_eq!(statuses(first), ["SyncHdr 401", "Exec 401"]);
}

#[test]
fn the_special_nonce_is_tried_once() {
    // A wrong password under the stored nonce first, then the special one.
    let mut scene = Scene::new(Encoding::Wbxml);
    scene.client_account = account(
        Credentials::md5("Bruce2", "wrong", Nonce::default()),
        Credentials::transport(),
    );
    scene.server_account = account(client_md5(b"stored"), Credentials::transport());
    scene.server.resynchronization = Resynchronization::Allowed;
    let mut pair = scene.pair();
    let first = pair.client.transmit().expect("package 1");
    pair.server.exchange(&first).expect("a challenge");

    let mut second = dm_proto::testing::message(&first).expect("a message");
    second.header.msg_id = 2.into();
    if let Some(cred) = &mut second.header.cred {
        // The digest of the vector, over the special nonce.
        cred.data = "cnPI6nO9RgujiHU0y58kNA==".into();
    }
    let answer = pair
        .server
        .exchange(&with_message(&first, &second))
        .expect("a challenge");
    let answer = dm_proto::testing::message(&answer).expect("a message");
    assert_eq!(statuses(&answer)[0], "SyncHdr 401");

    // As the first credentials of a session it is good.
    let mut first_of_all = dm_proto::testing::message(&first).expect("a message");
    first_of_all.header.cred = second.header.cred;
    let mut scene = Scene::new(Encoding::Wbxml);
    scene.server_account = account(client_md5(b"stored"), Credentials::transport());
    scene.server.resynchronization = Resynchronization::Allowed;
    let mut pair = scene.pair();
    let answer = pair
        .server
        .exchange(&with_message(&first, &first_of_all))
        .expect("package 2");
    let answer = dm_proto::testing::message(&answer).expect("a message");
    assert_eq!(statuses(&answer)[0], "SyncHdr 212");
}

#[test]
fn the_special_nonce_does_not_make_up_for_a_wrong_password() {
    let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
    scene.client_account = accounts(false, b"", b"");
    scene.server_account = accounts(false, b"", b"");
    scene.server_account.server.secret = "wrong".into();
    scene.special_nonce = Some(SpecialNonce::Octets);
    scene.server.resynchronization = Resynchronization::Allowed;
    let mut pair = scene.pair();
    let _ = pair.run();

    assert!(pair.client.device.executed.is_empty());
    assert_eq!(
        pair.client.ending,
        Some(Ending::Failed(SessionError::NotAuthenticated))
    );
}
