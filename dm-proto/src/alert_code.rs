//! [`AlertCode`]: what an `Alert` is about.

use core::fmt;

/// The `Data` of an `Alert`. OMA-TS-DM_RepPro, alert codes; only the named ones are used in DM.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct AlertCode(u16);

macro_rules! alert_codes {
    ($($(#[$meta:meta])* $number:literal $name:ident $text:literal;)+) => {
        impl AlertCode {
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

alert_codes! {
    /// Show a text. Server to client.
    1100 DISPLAY "display";
    /// Ask the user to confirm or reject. Server to client.
    1101 CONFIRM_OR_REJECT "confirm or reject";
    /// Ask the user for text. Server to client.
    1102 TEXT_INPUT "text input";
    /// Let the user choose one. Server to client.
    1103 SINGLE_CHOICE "single choice";
    /// Let the user choose several. Server to client.
    1104 MULTIPLE_CHOICE "multiple choice";
    /// The session was asked for by the server. Client to server, package 1.
    1200 SERVER_INITIATED_MGMT "server-initiated management";
    /// The session was started by the client. Client to server, package 1.
    1201 CLIENT_INITIATED_MGMT "client-initiated management";
    /// Asks for the next message of the package.
    1222 NEXT_MESSAGE "next message";
    /// Ends the session.
    1223 SESSION_ABORT "session abort";
    /// An event on the client. Client to server.
    1224 CLIENT_EVENT "client event";
    /// The end of a large object did not come.
    1225 NO_END_OF_DATA "no end of data";
    /// A generic alert: a report or request of a management object. Client to server.
    1226 GENERIC_ALERT "generic alert";
}

impl AlertCode {
    /// A code by its number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number of the code.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the alert is a question or message to the user (1100 to 1104).
    pub const fn is_user_interaction(self) -> bool {
        matches!(self.0, 1100..=1104)
    }
}

impl fmt::Display for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}
