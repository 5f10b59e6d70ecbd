//! [`Node`]: one node with its properties.

use core::fmt;

use bytes::Bytes;
use dm_proto::Text;
use serde::{Deserialize, Serialize};

use crate::Acl;

/// A node: its value and its run-time properties but for Name and Size, which follow.
#[non_exhaustive]
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Node {
    /// `node` for an interior node.
    pub format: NodeFormat,
    /// MIME type of a leaf; identifier of the management object, or empty, of an interior node.
    pub type_: Text,
    /// A title for people.
    pub title: Text,
    /// Its own ACL; empty means that it inherits.
    pub acl: Acl,
    /// The value; empty for an interior node.
    pub value: Bytes,
    /// When it changed last: seconds since 1970-01-01 UTC, as the caller gave them.
    pub tstamp: u64,
    /// Counts changes; wraps.
    pub ver_no: u16,
}

impl Node {
    /// An interior node; `type_` may be empty.
    pub fn interior(type_: impl Into<Text>) -> Self {
        Self {
            format: NodeFormat::Node,
            type_: type_.into(),
            title: Text::EMPTY,
            acl: Acl::default(),
            value: Bytes::new(),
            tstamp: 0,
            ver_no: 0,
        }
    }

    /// A leaf of type `text/plain`.
    pub fn leaf(format: NodeFormat, value: impl Into<Bytes>) -> Self {
        Self {
            format,
            type_: Text::from_static("text/plain"),
            title: Text::EMPTY,
            acl: Acl::default(),
            value: value.into(),
            tstamp: 0,
            ver_no: 0,
        }
    }

    /// The same with a type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<Text>) -> Self {
        self.type_ = type_.into();
        self
    }

    /// The same with a title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Text>) -> Self {
        self.title = title.into();
        self
    }

    /// The same with an ACL of its own.
    #[must_use]
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Whether it is an interior node.
    pub fn is_interior(&self) -> bool {
        self.format == NodeFormat::Node
    }

    /// The value as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.value).ok()
    }
}

/// Shows everything but the value, which may be a password: of that its length.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("format", &self.format)
            .field("type_", &self.type_)
            .field("title", &self.title)
            .field("acl", &self.acl)
            .field("value", &format_args!("{} octets", self.value.len()))
            .field("tstamp", &self.tstamp)
            .field("ver_no", &self.ver_no)
            .finish()
    }
}

/// The format of a node. OMA-TS-DM_TND, Format.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
#[expect(missing_docs, reason = "named by the standard")]
pub enum NodeFormat {
    B64,
    Bin,
    Bool,
    Chr,
    Date,
    Float,
    Int,
    Node,
    Null,
    Time,
    Xml,
}

impl NodeFormat {
    /// The name in `Meta` and in the Format property.
    pub const fn name(self) -> &'static str {
        match self {
            Self::B64 => "b64",
            Self::Bin => "bin",
            Self::Bool => "bool",
            Self::Chr => "chr",
            Self::Date => "date",
            Self::Float => "float",
            Self::Int => "int",
            Self::Node => "node",
            Self::Null => "null",
            Self::Time => "time",
            Self::Xml => "xml",
        }
    }

    /// The format with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::B64,
            Self::Bin,
            Self::Bool,
            Self::Chr,
            Self::Date,
            Self::Float,
            Self::Int,
            Self::Node,
            Self::Null,
            Self::Time,
            Self::Xml,
        ]
        .into_iter()
        .find(|format| format.name() == name)
    }

    /// Reads a value of the format `bool`, in any of the spellings in use: devices and servers in the field
    /// write `0` and `1` too, and `true` and `false` in any case. `None` if it is none.
    pub fn truth(value: &str) -> Option<bool> {
        match value.trim() {
            "1" => Some(true),
            "0" => Some(false),
            value if value.eq_ignore_ascii_case("true") => Some(true),
            value if value.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

impl fmt::Display for NodeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Seconds since 1970 as the TStamp property has them: UTC, ISO 8601 basic, `20010711T163817Z`.
pub(crate) fn tstamp_text(seconds: u64) -> String {
    // Years of more than four digits cannot be written: the last second of 9999 stands for them.
    let seconds = seconds.min(253_402_300_799);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 0000-03-01, so that a leap day ends its year (in eras of 400 years).
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = match month {
        0..=9 => (month + 3, year + era * 400),
        _ => (month - 9, year + era * 400 + 1),
    };
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_shows_in_debug() {
        let node = Node::leaf(NodeFormat::Chr, "secret");
        let text = format!("{node:?}");
        assert!(
            text.contains("6 octets") && !text.contains("secret"),
            "{text}"
        );
    }

    #[test]
    fn tstamp_is_iso_8601_basic_in_utc() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (994_869_497, "20010711T163817Z"),
            (951_782_400, "20000229T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (u64::MAX, "99991231T235959Z"),
        ] {
            assert_eq!(tstamp_text(seconds), text);
        }
    }

    #[test]
    fn every_format_has_the_name_that_reads_it() {
        for name in [
            "b64", "bin", "bool", "chr", "date", "float", "int", "node", "null", "time", "xml",
        ] {
            assert_eq!(
                NodeFormat::from_name(name).map(NodeFormat::name),
                Some(name)
            );
        }
        assert_eq!(NodeFormat::from_name("CHR"), None);
    }
}
