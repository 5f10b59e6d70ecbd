//! The account: what was given at the start counts, and nobody else is obeyed.

use dm_examples::device::{Config, Device, Error, credentials, user::Script};
use dm_proto::auth::Scheme;

use super::{Lab, lawmo};

fn open(config: Config) -> Device {
    Device::open(config, Script::default()).expect("the device opens")
}

/// Why the session of a device with this account fails.
fn failure(config: Config) -> String {
    match open(config).run_once() {
        Err(error @ Error::Session(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_with_the_wrong_password_changes_nothing() {
    let lab = Lab::new();
    let operation = lab.order(&lawmo("fully-lock"));
    let mut config = lab.config();
    config.account.server = credentials(Scheme::Md5, "su", "other");
    assert_eq!(
        failure(config),
        "the session failed: the peer did not authenticate"
    );
    assert!(!lab.root().join("etc/nologin").exists());
    assert_ne!(lab.outcome(&operation).0, "succeeded");
}

#[test]
fn what_is_given_otherwise_at_a_later_start_counts() {
    let lab = Lab::new();
    let operation = lab.order(&lawmo("fully-lock"));
    let mut config = lab.config();
    config.account.client = credentials(Scheme::Md5, "u", "mistyped");
    assert_eq!(
        failure(config),
        "the session failed: the peer refuses our credentials"
    );
    open(lab.config()).run_once().expect("a session");
    assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));

    // The server has moved.
    let moved = Lab::new();
    let operation = moved.order(&lawmo("unlock"));
    let mut config = lab.config();
    config.account.server_uri = moved.server.dm_url().into();
    open(config).run_once().expect("a session");
    assert_eq!(moved.outcome(&operation), ("succeeded".to_owned(), 1200));
}

#[test]
fn a_state_is_not_taken_over_by_another_server() {
    let lab = Lab::new();
    drop(open(lab.config()));
    let mut config = lab.config();
    config.account.server_id = "other".into();
    let refused = Device::open(config, Script::default()).err();
    assert!(matches!(refused, Some(Error::OtherServer(_))));
}
