//! [`ResultCode`]: how an operation ended.

use core::fmt;

use dm_proto::StatusCode;
use serde::{Deserialize, Serialize};

/// How an operation ended: the status of an Exec that finished at once, or the data of its report.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ResultCode(u16);

macro_rules! result_codes {
    ($($(#[$meta:meta])* $number:literal $name:ident $text:literal;)+) => {
        impl ResultCode {
            $($(#[$meta])* pub const $name: Self = Self($number);)+

            /// The name of the code, where it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)+
                    _ => None,
                }
            }
        }
    };
}

result_codes! {
    /// Locked, partially locked or unlocked.
    1200 SUCCESSFUL "operation successful";
    /// The marked data is erased.
    1201 WIPE_SUCCESSFUL "wipe data successful";
    /// The marked data is erased, and the list items are gone.
    1202 WIPE_AND_LIST_ITEMS_SUCCESSFUL "wipe data and list items successful";
    /// Failed on the device; also: what came of it is not known after a restart.
    1400 CLIENT_ERROR "client error";
    /// The user refused.
    1401 USER_CANCELLED "user cancelled";
    /// The full lock failed.
    1402 FULLY_LOCK_FAILED "fully lock failed";
    /// The partial lock failed.
    1403 PARTIALLY_LOCK_FAILED "partially lock failed";
    /// The unlock failed.
    1404 UNLOCK_FAILED "unlock failed";
    /// The wipe began and failed.
    1405 WIPE_FAILED "wipe data failed";
    /// The wipe did not take place.
    1406 WIPE_NOT_PERFORMED "wipe data not performed";
}

impl ResultCode {
    /// A code by its number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number of the code.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the code is one that vendors give a meaning: 1250 to 1299 for success, 1450 to 1499 for
    /// failure.
    pub const fn is_vendor(self) -> bool {
        matches!(self.0, 1250..=1299 | 1450..=1499)
    }

    /// The code, if it is that of a result; else [`CLIENT_ERROR`](Self::CLIENT_ERROR): a 202, say, would
    /// tell a server to wait for what never comes.
    pub(crate) const fn or_client_error(self) -> Self {
        match self.0 {
            1200..=1599 => self,
            _ => Self::CLIENT_ERROR,
        }
    }

    /// Whether the operation was done: 12xx.
    pub const fn is_success(self) -> bool {
        matches!(self.0, 1200..=1299)
    }
}

impl From<ResultCode> for StatusCode {
    fn from(code: ResultCode) -> Self {
        Self::new(code.0)
    }
}

impl From<StatusCode> for ResultCode {
    fn from(code: StatusCode) -> Self {
        Self(code.as_u16())
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_codes_of_the_object_have_names() {
        let named: Vec<u16> = (0..2000)
            .filter(|number| ResultCode::new(*number).name().is_some())
            .collect();
        let known = [1200, 1201, 1202, 1400, 1401, 1402, 1403, 1404, 1405, 1406];
        assert_eq!(named, known);
    }

    #[test]
    fn unknown_codes_are_read_by_their_hundreds() {
        for (number, is_success) in [
            (1199, false),
            (1200, true),
            (1250, true),
            (1299, true),
            (1300, false),
            (1450, false),
            (1550, false),
        ] {
            assert_eq!(ResultCode::new(number).is_success(), is_success, "{number}");
        }
        assert_eq!(format!("{:?}", ResultCode::new(1250)), "1250");
    }

    #[test]
    fn vendors_have_fifty_codes_for_success_and_fifty_for_failure() {
        let count = |codes: core::ops::Range<u16>| {
            codes
                .filter(|number| ResultCode::new(*number).is_vendor())
                .count()
        };
        assert_eq!((count(1250..1300), count(1450..1500)), (50, 50));
        assert_eq!(count(0..2000), 100);
    }
}
