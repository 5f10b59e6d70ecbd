//! [`Owed`]: what the server of a download descriptor is to be told yet, which a restart must not lose.

use std::io;

use scomo::device::Facts;
use serde::{Deserialize, Serialize};

use super::super::{package::PackageError, root::Root};

/// The longest record that is read: all of a descriptor may be in it.
const MAX_RECORD: u64 = 128 << 10;

/// What is known of a package from its descriptor, and who is told that it is here.
///
/// It is durable before the package is whole, and goes once that was told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Owed {
    pub(super) notify: Option<String>,
    pub(super) facts: Facts,
}

impl Owed {
    /// The record beside the part of a package.
    fn record(part: &str) -> String {
        format!("{part}.owed")
    }

    /// Keeps it.
    pub(super) fn note(&self, root: &Root, part: &str) -> Result<(), PackageError> {
        let record = serde_json::to_vec(self).map_err(io::Error::from)?;
        Ok(root.write(&Self::record(part), &record)?)
    }

    /// What is owed; nothing, if that cannot be read.
    pub(super) fn of(root: &Root, part: &str) -> Option<Self> {
        let record = root.read(&Self::record(part), MAX_RECORD).ok()??;
        serde_json::from_slice(&record).ok()
    }

    /// It was told, or never will be.
    pub(super) fn forget(root: &Root, part: &str) -> io::Result<()> {
        root.remove_file(&Self::record(part))
    }
}
