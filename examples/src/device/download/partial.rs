//! [`Partial`]: a package on its way, which a cut or a restart leaves to be gone on with.

use std::io::{self, Seek, SeekFrom};

use cap_std::fs::File;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        package::Sha256Digest,
        root::{self, Root},
    },
    owed::Owed,
};

/// The longest record that is read.
const MAX_RECORD: u64 = 16 << 10;

/// The most packages that are kept in part.
const MOST: usize = 8;

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
        self.make_room()?;
        if let Some(origin) = origin {
            let record = serde_json::to_vec(origin)?;
            self.root.write(&self.record(), &record)?;
        }
        self.root.create_file(&self.path)
    }

    /// Forgets the oldest of what was begun and not gone on with, where there is too much of it.
    fn make_room(&self) -> io::Result<()> {
        let (folder, _) = root::split(&self.path)?;
        let mut begun = Vec::new();
        for name in self.root.names(folder)? {
            let path = format!("{folder}/{name}");
            if name.ends_with(".part")
                && let Some(found) = self.root.metadata(&path)?
            {
                begun.push((found.modified()?.into_std(), path));
            }
        }
        begun.sort();
        let superfluous = (begun.len() + 1).saturating_sub(MOST);
        for (_, path) in begun.into_iter().take(superfluous) {
            Partial::new(self.root, path).forget()?;
        }
        Ok(())
    }

    /// Makes the file the whole package.
    pub(super) fn keep(&self, file: &File, to: &str) -> io::Result<()> {
        file.sync_all()?;
        self.root.remove_file(&self.record())?;
        self.root.rename(&self.path, to)
    }

    /// Forgets what is here, and that anybody is to be told of it.
    pub(super) fn forget(&self) -> io::Result<()> {
        Owed::forget(self.root, &self.path)?;
        self.discard()
    }

    /// Forgets what is here.
    pub(super) fn discard(&self) -> io::Result<()> {
        self.root.remove_file(&self.record())?;
        self.root.remove_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::{fs, io::Write as _};

    use super::*;
    use crate::device::root::MARKER;

    #[test]
    fn of_many_packages_in_part_the_oldest_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let digest = Sha256Digest::of(b"");
        let origin = Origin {
            url: "u".into(),
            etag: "\"1\"".into(),
            digest: digest.to_string(),
            length: None,
        };
        let partial = |n: usize| Partial::new(&root, format!("cache/{n}.part"));
        for n in 0..MOST + 3 {
            let mut file = partial(n).begin(Some(&origin)).unwrap();
            file.write_all(b"part").unwrap();
            // Older than all that come after it.
            let path = dir.path().join(format!("cache/{n}.part"));
            let file = fs::File::options().write(true).open(path).unwrap();
            let time = std::time::UNIX_EPOCH + Duration::from_secs(n as u64);
            file.set_modified(time).unwrap();
        }
        for n in 0..MOST + 3 {
            let kept = partial(n).resume("u", digest).unwrap().is_some();
            assert_eq!(kept, n >= 3, "{n}");
        }
        assert_eq!(root.names("cache").unwrap().len(), 2 * MOST);
    }
}
