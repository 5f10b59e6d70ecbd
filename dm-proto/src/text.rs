//! [`Text`] and the identifiers made of it.

use core::fmt;

use compact_str::CompactString;

/// The longest text that [`Text`] stores inline.
pub(crate) const INLINE: usize = 24;

/// A piece of text from or for a message: an identifier, a URI, a value.
///
/// Up to 24 octets are stored inline, without an allocation.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Text(CompactString);

impl Text {
    /// The empty text.
    pub const EMPTY: Self = Self(CompactString::const_new(""));

    /// A text known when the program is built.
    pub const fn from_static(text: &'static str) -> Self {
        Self(CompactString::const_new(text))
    }

    /// The text as a string slice.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Replaces the text.
    #[inline(never)]
    pub(crate) fn set(&mut self, text: &str) {
        if text.len() > INLINE || self.0.is_heap_allocated() {
            return self.set_on_heap(text);
        }
        // There is nothing to release, and without that this function calls none.
        core::mem::forget(core::mem::replace(self, Self::from(text)));
    }

    #[inline(never)]
    fn set_on_heap(&mut self, text: &str) {
        *self = Self::from(text);
    }

    /// Appends to the text.
    pub fn push_str(&mut self, more: &str) {
        self.0.push_str(more);
    }
}

impl core::ops::Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl core::borrow::Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        Self(CompactString::new(text))
    }
}

impl From<alloc::string::String> for Text {
    fn from(text: alloc::string::String) -> Self {
        Self(CompactString::from(text))
    }
}

impl From<alloc::borrow::Cow<'_, str>> for Text {
    fn from(text: alloc::borrow::Cow<'_, str>) -> Self {
        Self(CompactString::from(text))
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

macro_rules! identifiers {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(Text);

        impl $name {
            /// The identifier as it stands, or will stand, in the message.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            pub(crate) fn text_mut(&mut self) -> &mut Text {
                &mut self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<Text> for $name {
            fn from(text: Text) -> Self {
                Self(text)
            }
        }

        impl From<alloc::string::String> for $name {
            fn from(text: alloc::string::String) -> Self {
                Self(text.into())
            }
        }

        impl From<$name> for Text {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(Text(compact_str::ToCompactString::to_compact_string(&number)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
    )+};
}

identifiers! {
    /// A `CmdID`: names one command within its message. Opaque: servers in the field use UUIDs.
    ///
    /// OMA-TS-DM_RepPro, `CmdID`. Never `0` on a command; `0` in a `CmdRef` means the `SyncHdr`.
    #[doc(alias = "CmdID")]
    CmdId;
    /// A `MsgID`: the number of a message of one sender within its session, from `1`.
    #[doc(alias = "MsgID")]
    MsgId;
    /// A `SessionID`: the same in every message of a session.
    #[doc(alias = "SessionID")]
    SessionId;
    /// A `LocURI`: the address of a node, a device or a server, as it came, without its surrounding
    /// white space.
    #[doc(alias = "LocURI")]
    LocUri;
}

/// A `Correlator`: ties the report of an operation to the `Exec` that asked for it.
///
/// OMA-TS-DM_RepPro, `Correlator`: it comes back as it was sent, white space included. Two
/// correlators are *the same* when they are equal apart from surrounding white space.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Correlator(Text);

impl Correlator {
    /// The correlator to the letter.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether both name the same operation: equal apart from surrounding white space.
    pub fn is_same(&self, other: &Self) -> bool {
        self.as_str().trim() == other.as_str().trim()
    }
}

impl From<&str> for Correlator {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Text> for Correlator {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl fmt::Display for Correlator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl LocUri {
    /// The address with this port in its authority, where it has none. What is no URL stays as it is.
    ///
    /// OMA-TS-DM_StdObj, DMAcc: ports stand beside addresses.
    #[must_use]
    pub fn with_port(self, port: Option<&str>) -> Self {
        let (Some(port), Some((scheme, rest))) = (port, self.as_str().split_once("://")) else {
            return self;
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // The colons of an IPv6 address stand in brackets.
        let host_end = authority.rfind(']').unwrap_or(0);
        let after_host = authority.get(host_end..).unwrap_or_default();
        match after_host.contains(':') {
            true => self,
            false => Self::from(alloc::format!("{scheme}://{authority}:{port}{path}")),
        }
    }
}
