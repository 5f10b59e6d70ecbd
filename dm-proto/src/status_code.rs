//! [`StatusCode`]: the answers to commands.

use core::fmt;

/// The `Data` of a `Status`: how a command went.
///
/// OMA-TS-DM_RepPro, response status codes. Unknown values are values: they decode, print and
/// re-encode. LAWMO and SCOMO answer an `Exec` that finished at once with their own four-digit
/// result code, so a status is not limited to three digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct StatusCode(u16);

macro_rules! status_codes {
    ($($(#[$meta:meta])* $number:literal $name:ident $text:literal;)+) => {
        impl StatusCode {
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

status_codes! {
    /// Still executing; a final status with the same `CmdRef` follows.
    101 IN_PROGRESS "in progress";
    /// Success.
    200 OK "ok";
    /// Accepted for processing; a generic alert tells the result later.
    202 ACCEPTED "accepted for processing";
    /// Nothing to return.
    204 NO_CONTENT "no content";
    /// Only part of the command was done.
    206 PARTIAL_CONTENT "partial content";
    /// Authenticated for the session.
    212 AUTHENTICATION_ACCEPTED "authentication accepted";
    /// A chunk of a large object was stored.
    213 CHUNK_ACCEPTED "chunked item accepted";
    /// The user cancelled.
    214 OPERATION_CANCELLED "operation cancelled";
    /// Skipped: an earlier refusal or failure in the same container, or a cancelled message.
    215 NOT_EXECUTED "not executed";
    /// Undone because its Atomic failed.
    216 ATOMIC_ROLL_BACK_OK "atomic roll back ok";
    /// The user answered *no* to a confirmation.
    304 NOT_MODIFIED "not modified";
    /// Malformed command.
    400 BAD_REQUEST "bad request";
    /// Authentication failed; carries a challenge.
    401 INVALID_CREDENTIALS "invalid credentials";
    /// Refused for a reason other than the ACL.
    403 FORBIDDEN "forbidden";
    /// Node or path missing.
    404 NOT_FOUND "not found";
    /// Not permitted on this node or property.
    405 COMMAND_NOT_ALLOWED "command not allowed";
    /// Optional feature not supported.
    406 OPTIONAL_FEATURE_NOT_SUPPORTED "optional feature not supported";
    /// No credentials; carries a challenge.
    407 MISSING_CREDENTIALS "missing credentials";
    /// The user did not answer in time.
    408 REQUEST_TIMEOUT "request timeout";
    /// `Size` missing in the first chunk.
    411 SIZE_REQUIRED "size required";
    /// Missing or wrong parameters.
    412 INCOMPLETE_COMMAND "incomplete command";
    /// Item larger than the recipient can take.
    413 REQUEST_ENTITY_TOO_LARGE "request entity too large";
    /// URI, segment or depth over the limit.
    414 URI_TOO_LONG "uri too long";
    /// Type or Format not supported.
    415 UNSUPPORTED_MEDIA_TYPE "unsupported media type or format";
    /// Declared size too big, or an alert that cannot be displayed.
    416 REQUESTED_SIZE_TOO_BIG "requested size too big";
    /// Busy.
    417 RETRY_LATER "retry later";
    /// The target of an Add is there.
    418 ALREADY_EXISTS "already exists";
    /// No storage left.
    420 DEVICE_FULL "device full";
    /// Reassembled size differs from the declared one.
    424 SIZE_MISMATCH "size mismatch";
    /// The ACL refuses.
    425 PERMISSION_DENIED "permission denied";
    /// Unspecified failure.
    500 COMMAND_FAILED "command failed";
    /// Command not recognised.
    501 COMMAND_NOT_IMPLEMENTED "command not implemented";
    /// Busy; retry later.
    503 SERVICE_UNAVAILABLE "service unavailable";
    /// `VerDTD` not supported.
    505 DTD_VERSION_NOT_SUPPORTED "dtd version not supported";
    /// Processing error; may be tried again.
    506 PROCESSING_ERROR "processing error";
    /// A command of the Atomic failed.
    507 ATOMIC_FAILED "atomic failed";
    /// Storage error.
    510 DATA_STORE_FAILURE "data store failure";
    /// The recipient failed severely.
    511 SERVER_FAILURE "server failure";
    /// `VerProto` not supported.
    513 PROTOCOL_VERSION_NOT_SUPPORTED "protocol version not supported";
    /// Undoing a command failed.
    516 ATOMIC_ROLL_BACK_FAILED "atomic roll back failed";
    /// The responses of an Atomic do not fit into a message.
    517 ATOMIC_RESPONSE_TOO_LARGE "atomic response too large to fit";
}

impl StatusCode {
    /// A code by its number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number of the code.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the command was carried out or accepted: class 2xx but for 214, 215 and 216, which say
    /// that it was not, or a successful result code 12xx of a management object.
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=213 | 217..=299 | 1200..=1299)
    }

    /// Whether the code is a four-digit result code of a management object (LAWMO, SCOMO).
    pub const fn is_result_code(self) -> bool {
        self.0 >= 1000
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for StatusCode {
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
    fn debug_prints_number_and_name() {
        assert_eq!(
            alloc::format!("{:?}", StatusCode::NOT_FOUND),
            "404 not found"
        );
        assert_eq!(alloc::format!("{:?}", StatusCode::new(1405)), "1405");
    }

    #[test]
    fn result_codes_of_management_objects_count_as_success() {
        assert!(StatusCode::new(1201).is_success());
        assert!(!StatusCode::new(1401).is_success());
        assert!(StatusCode::ACCEPTED.is_success());
        assert!(!StatusCode::NOT_MODIFIED.is_success());
    }

    #[test]
    fn what_was_cancelled_skipped_or_undone_is_no_success() {
        for code in [
            StatusCode::OPERATION_CANCELLED,
            StatusCode::NOT_EXECUTED,
            StatusCode::ATOMIC_ROLL_BACK_OK,
        ] {
            assert!(!code.is_success(), "{code:?}");
        }
    }
}
