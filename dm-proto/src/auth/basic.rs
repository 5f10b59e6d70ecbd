//! `syncml:auth-basic`. OMA-TS-DM_Security, basic authentication.

use alloc::{string::String, vec::Vec};

use subtle::ConstantTimeEq as _;

use super::base64;

/// The content of `Data`.
pub(crate) fn data(name: &str, secret: &str) -> String {
    base64::encode(&joined(name, secret))
}

/// Whether `data` proves knowledge of the password.
pub(crate) fn verify(data: &str, name: &str, secret: &str) -> bool {
    base64::decode(data).is_some_and(|got| bool::from(got.ct_eq(&joined(name, secret))))
}

fn joined(name: &str, secret: &str) -> Vec<u8> {
    [name.as_bytes(), b":", secret.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_value_is_made_and_believed() {
        assert_eq!(data("Bruce2", "OhBehave"), "QnJ1Y2UyOk9oQmVoYXZl");
        assert!(verify("QnJ1Y2UyOk9oQmVoYXZl", "Bruce2", "OhBehave"));
    }

    #[test]
    fn another_password_or_broken_data_is_refused() {
        assert!(!verify("QnJ1Y2UyOk9oQmVoYXZl", "Bruce2", "OhBehave2"));
        assert!(!verify("QnJ1Y2UyOk9oQmVoYXZ", "Bruce2", "OhBehave"));
        assert!(!verify("", "Bruce2", "OhBehave"));
    }
}
