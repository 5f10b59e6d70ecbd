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
    /// Done.
    1200 SUCCESSFUL "success";
    /// Failed because of the user or the device.
    1400 CLIENT_ERROR "client error";
    /// The user declined.
    1401 USER_CANCELLED "user cancelled";
    /// The download failed.
    1402 DOWNLOAD_FAILED "download failed";
    /// The download server wants credentials, and refused ours.
    1403 DOWNLOAD_AUTHENTICATION_FAILED "alternate download authentication failed";
    /// The package does not fit.
    1404 DOWNLOAD_OUT_OF_MEMORY "download failed, out of memory";
    /// The installation failed.
    1405 INSTALL_FAILED "install failed";
    /// What the package holds does not fit.
    1406 INSTALL_OUT_OF_MEMORY "install failed, out of memory";
    /// The package is not what was signed.
    1407 PACKAGE_VALIDATION_FAILED "package validation failed";
    /// The removal failed.
    1408 REMOVE_FAILED "remove failed";
    /// The activation failed.
    1409 ACTIVATE_FAILED "activate failed";
    /// The deactivation failed.
    1410 DEACTIVATE_FAILED "deactivate failed";
    /// Not supported by the device.
    1411 NOT_IMPLEMENTED "not implemented";
    /// Failed for another reason; also: what came of it is not known after a restart.
    1412 UNDEFINED_ERROR "undefined error";
    /// The execution environment is not supported.
    1413 ENVIRONMENT_NOT_SUPPORTED "operation rejected, environment not supported";
    /// The download server failed.
    1500 DOWNLOAD_SERVER_ERROR "alternate download server error";
    /// The download server does not answer.
    1501 DOWNLOAD_SERVER_UNAVAILABLE "alternate download server unavailable";
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
    /// failure, 1550 to 1599 for that of a download server.
    pub const fn is_vendor(self) -> bool {
        matches!(self.0, 1250..=1299 | 1450..=1499 | 1550..=1599)
    }

    /// The code, if it is that of a result; else [`UNDEFINED_ERROR`](Self::UNDEFINED_ERROR): a 202, say,
    /// would tell a server to wait for what never comes.
    pub(crate) const fn or_undefined_error(self) -> Self {
        match self.0 {
            1200..=1599 => self,
            _ => Self::UNDEFINED_ERROR,
        }
    }

    /// The same code, or `failure` if this one is a success.
    pub(crate) const fn or_failure(self, failure: Self) -> Self {
        if self.is_success() { failure } else { self }
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
        let known = [
            1200, 1400, 1401, 1402, 1403, 1404, 1405, 1406, 1407, 1408, 1409, 1410, 1411, 1412,
            1413, 1500, 1501,
        ];
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
    fn vendors_have_fifty_codes_for_success_and_fifty_for_each_kind_of_failure() {
        for number in 0..2000 {
            let is_vendors = [12, 14, 15].contains(&(number / 100)) && number % 100 >= 50;
            assert_eq!(ResultCode::new(number).is_vendor(), is_vendors, "{number}");
        }
    }
}
