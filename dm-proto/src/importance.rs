//! [`Importance`]: how much an alert matters.

use core::fmt;

use crate::message::{Alert, Item};

/// How important an item of a generic alert is: its `Mark`, in order.
///
/// OMA-TS-DM_Protocol, generic alert.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Importance {
    /// `indeterminate`.
    Indeterminate,
    /// `harmless`.
    Harmless,
    /// `informational`: what it is without a `Mark`.
    #[default]
    Informational,
    /// `warning`.
    Warning,
    /// `minor`.
    Minor,
    /// `critical`.
    Critical,
    /// `fatal`.
    Fatal,
}

impl Importance {
    /// All of them, the least first.
    pub const ALL: &[Self] = &[
        Self::Indeterminate,
        Self::Harmless,
        Self::Informational,
        Self::Warning,
        Self::Minor,
        Self::Critical,
        Self::Fatal,
    ];

    /// The value of `Mark`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Indeterminate => "indeterminate",
            Self::Harmless => "harmless",
            Self::Informational => "informational",
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Critical => "critical",
            Self::Fatal => "fatal",
        }
    }

    /// What a `Mark` says, whatever its case; `None` if it is none of these.
    pub fn from_mark(mark: &str) -> Option<Self> {
        let all = Self::ALL.iter().copied();
        let mark = mark.trim();
        all.into_iter()
            .find(|importance| importance.as_str().eq_ignore_ascii_case(mark))
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Item {
    /// How important it says to be; a `Mark` that is not known counts as none.
    pub fn importance(&self) -> Importance {
        let mark = self.meta.as_ref().and_then(|meta| meta.mark.as_deref());
        mark.and_then(Importance::from_mark).unwrap_or_default()
    }
}

impl Alert {
    /// The importance of its most important item.
    pub fn importance(&self) -> Importance {
        let all = self.items.iter().map(Item::importance);
        all.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Meta;

    fn item(mark: Option<&str>) -> Item {
        Item::default().with_meta(Meta {
            mark: mark.map(Into::into),
            ..Meta::default()
        })
    }

    #[test]
    fn marks_are_read_in_their_order() {
        assert!(Importance::ALL.is_sorted());
        for importance in Importance::ALL {
            let mark = alloc::format!(" {importance}\n").to_uppercase();
            assert_eq!(Importance::from_mark(&mark), Some(*importance));
        }
        assert_eq!(Importance::from_mark("urgent"), None);
    }

    #[test]
    fn an_alert_is_as_important_as_its_most_important_item() {
        let alert = |marks: &[Option<&str>]| Alert {
            items: marks.iter().map(|mark| item(*mark)).collect(),
            ..Alert::default()
        };
        assert_eq!(alert(&[]).importance(), Importance::Informational);
        assert_eq!(alert(&[None]).importance(), Importance::Informational);
        assert_eq!(
            alert(&[Some("harmless"), Some("critical"), Some("urgent")]).importance(),
            Importance::Critical
        );
    }
}
