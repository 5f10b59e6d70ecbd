//! [`Secret`]: text that never shows itself.

use core::fmt;

use crate::Text;

/// A credential, password or nonce: readable by code that asks, absent from `Debug` and logs.
///
/// Comparing two secrets with `==` takes time that depends on them; sessions compare digests in
/// constant time instead.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Secret(Text);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Text> for Secret {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl From<alloc::string::String> for Secret {
    fn from(text: alloc::string::String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
