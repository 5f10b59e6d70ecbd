//! Package 0.

use crate::{
    auth::{Account, Credentials, Nonce},
    notification::{Received, Resynchronization, Verified},
};

/// Octets are a notification or an error. What is read, signed and read again is the same and
/// verifies; with another secret, nonce or server it does not.
pub fn notification(octets: &[u8]) {
    let Ok(received) = Received::read(octets) else {
        return;
    };
    let notification = &received.notification;
    let id = notification.server_id.as_str();
    let account = account(id, "secret", b"nonce");
    for resynchronization in [Resynchronization::Refused, Resynchronization::Allowed] {
        assert_eq!(
            received.verify(&account, resynchronization),
            None,
            "nobody signed it"
        );
    }
    let signed = notification
        .to_octets(&account)
        .expect("what was read can be written");
    assert_eq!(signed.len(), octets.len());
    let again = Received::read(&signed).expect("what was written can be read");
    assert_eq!(&again.notification, notification);
    assert_eq!(again.version, 11);
    let verify = |account: &Account| again.verify(account, Resynchronization::Refused);
    assert_eq!(verify(&account), Some(Verified::StoredNonce));
    assert_eq!(verify(&self::account(id, "guessed", b"nonce")), None);
    assert_eq!(verify(&self::account(id, "secret", b"other")), None);
    assert_eq!(verify(&self::account("", "secret", b"nonce")), None);
}

fn account(server_id: &str, secret: &str, nonce: &[u8]) -> Account {
    Account {
        server_id: server_id.into(),
        server_uri: "http://server.test/dm".into(),
        device_uri: "IMEI:1".into(),
        client: Credentials::transport(),
        server: Credentials::md5("srv", secret, Nonce::from(nonce)),
    }
}
