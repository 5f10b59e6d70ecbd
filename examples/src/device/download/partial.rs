//! [`Partial`]: a package on its way, which a cut or a restart leaves to be gone on with.

use std::io::{self, Seek, SeekFrom};

use cap_std::fs::File;
use serde::{Deserialize, Serialize};

use super::super::{package::Sha256Digest, root::Root};

/// The longest record that is read.
const MAX_RECORD: u64 = 16 << 10;

/// Where a part of a package came from. Only the rest of the very same thing may follow it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Origin {
    /// The address of the package.
    pub(super) url: String,
    /// The server's strong validator of it.
    pub(super) etag: String,
    /// The digest that the whole must have.
    pub(super) digest: String,
    /// The octets of the whole, if the server said.
    pub(super) length: Option<u64>,
}

/// The file that a package is received into, and the record beside it.
///
/// The record is durable before the first octet is written, and goes first: a file without a record is
/// no part of anything.
pub(super) struct Partial<'a> {
    root: &'a Root,
    path: String,
}

impl<'a> Partial<'a> {
    /// The partial package at `path` in a root.
    pub(super) fn new(root: &'a Root, path: String) -> Self {
        Self { root, path }
    }

    fn record(&self) -> String {
        format!("{}.json", self.path)
    }

    /// What is here of the package at `url` that has `digest`: the file, at its end, and where it came
    /// from.
    pub(super) fn resume(
        &self,
        url: &str,
        digest: Sha256Digest,
    ) -> io::Result<Option<(Origin, File)>> {
        let Some(record) = self.root.read(&self.record(), MAX_RECORD)? else {
            return Ok(None);
        };
        let Ok(origin) = serde_json::from_slice::<Origin>(&record) else {
            return Ok(None);
        };
        if origin.url != url || origin.digest != digest.to_string() {
            return Ok(None);
        }
        let Some(mut file) = self.root.open_for_update(&self.path)? else {
            return Ok(None);
        };
        Ok((file.seek(SeekFrom::End(0))? > 0).then_some((origin, file)))
    }

    /// An empty file. With an origin it can be gone on with later.
    pub(super) fn begin(&self, origin: Option<&Origin>) -> io::Result<File> {
        self.discard()?;
        if let Some(origin) = origin {
            let record = serde_json::to_vec(origin)?;
            self.root.write(&self.record(), &record)?;
        }
        self.root.create_file(&self.path)
    }

    /// Makes the file the whole package.
    pub(super) fn keep(&self, file: &File, to: &str) -> io::Result<()> {
        file.sync_all()?;
        self.root.remove_file(&self.record())?;
        self.root.rename(&self.path, to)
    }

    /// Forgets what is here.
    pub(super) fn discard(&self) -> io::Result<()> {
        self.root.remove_file(&self.record())?;
        self.root.remove_file(&self.path)
    }
}
