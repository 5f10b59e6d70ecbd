//! [`Phase`]: whose turn it is.

use super::Ending;

/// Whose turn it is.
///
/// ```text
/// client: start ───► Ours ──message──► Theirs ──handle──► Ours ─ ... ─ nothing to say ──► Over(Complete)
/// server: accept ──► Theirs ──handle──► Ours ──commands──► Theirs        report of the device │
///                                        └───── none: closing package ──► Over(Complete) ─────┴──► Ours
/// both:   Ours, Theirs ── abort, fatal error ──► Leaving ──last message──► Over
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum Phase {
    /// We have a message to take in, events to answer, or something to say.
    Ours,
    /// Our message is on its way.
    Theirs,
    /// Our last message is still to be sent.
    Leaving(Ending),
    /// The session is over, although a report of the device may continue one that is complete.
    Over(Ending),
}
