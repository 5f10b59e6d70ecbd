//! [`Root`]: the folder that the device lives in. No path and no link leads out of it.

use std::{
    io::{self, Read, Seek as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, OpenOptions, Permissions, PermissionsExt},
};

/// The file that says that a folder is the root of a device, to be locked, wiped and reset.
pub const MARKER: &str = ".dm-device-root";

/// The longest path below the root, in octets.
const MAX_PATH: usize = 1024;

/// Why a folder cannot be the root of a device.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It is the root of this machine.
    #[error("the root of a device cannot be /")]
    Machine,
    /// There is something in it, and no marker.
    #[error("{0} is not empty and has no {MARKER}: create that file to let it be wiped and reset")]
    Unmarked(PathBuf),
    /// Of state, root and factory image two are one, or one is inside the other.
    #[error("the folders of root, state and factory image must not contain each other")]
    Nested,
    /// Another process has this state or root open.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder that the device lives in.
///
/// Paths are relative, their segments parted by `/`. Each segment is opened in the folder before it and
/// never through a symbolic link, so that neither `..` nor a link that a package or a user left there
/// leads anywhere else.
#[derive(Clone, Debug)]
pub struct Root {
    dir: Arc<Dir>,
    path: PathBuf,
}

impl Root {
    /// Opens a folder that has the marker.
    ///
    /// # Errors
    ///
    /// If it is `/`, has no marker, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let root = Self::open_unmarked(path)?;
        if root.has_marker()? {
            Ok(root)
        } else {
            Err(RootError::Unmarked(root.path))
        }
    }

    /// Opens a folder that has the marker or is empty.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(super) fn open_or_empty(path: &Path) -> Result<Self, RootError> {
        let root = Self::open_unmarked(path)?;
        if root.has_marker()? || root.is_empty().map_err(|e| root.error(e))? {
            Ok(root)
        } else {
            Err(RootError::Unmarked(root.path))
        }
    }

    fn open_unmarked(path: &Path) -> Result<Self, RootError> {
        let error = |source| RootError::Io {
            path: path.to_owned(),
            source,
        };
        let path = path.canonicalize().map_err(error)?;
        if path.parent().is_none() {
            return Err(RootError::Machine);
        }
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(error)?;
        Ok(Self {
            dir: Arc::new(dir),
            path,
        })
    }

    fn error(&self, source: io::Error) -> RootError {
        RootError::Io {
            path: self.path.clone(),
            source,
        }
    }

    /// Whether the marker is there, as a file of its own.
    fn has_marker(&self) -> Result<bool, RootError> {
        let found = self.metadata(MARKER).map_err(|source| self.error(source))?;
        Ok(found.is_some_and(|marker| marker.is_file()))
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.dir.entries()?.next().is_none())
    }

    /// Makes it the root of a device. In one step: an interruption must not leave a folder that is
    /// neither marked nor empty.
    pub(super) fn mark(&self) -> io::Result<()> {
        let mut marker = create_in(&self.dir, MARKER)?;
        marker
            .write_all(b"This folder is the root of a device: dm-device wipes and resets it.\n")?;
        marker.sync_all()?;
        sync(&self.dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root folder itself.
    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// A folder; every segment must be one, none a link.
    ///
    /// # Errors
    ///
    /// If one is not.
    pub fn folder(&self, path: &str) -> io::Result<Dir> {
        let mut dir = self.dir.try_clone()?;
        for segment in segments(path)? {
            dir = dir.open_dir_nofollow(segment)?;
        }
        Ok(dir)
    }

    /// A folder, made where it is missing.
    ///
    /// # Errors
    ///
    /// If a segment is something else.
    pub fn make_folder(&self, path: &str) -> io::Result<Dir> {
        make_folder_in(&self.dir, path)
    }

    /// What is at a path; a link is a link. `None` if nothing is.
    ///
    /// # Errors
    ///
    /// If a segment before the last is not a folder.
    pub fn metadata(&self, path: &str) -> io::Result<Option<Metadata>> {
        let (parent, name) = split(path)?;
        let found = self
            .folder(parent)
            .and_then(|dir| dir.symlink_metadata(name));
        missing_is_none(found)
    }

    /// Whether there is anything at a path; what cannot be looked at is not there.
    pub fn exists(&self, path: &str) -> bool {
        matches!(self.metadata(path), Ok(Some(_)))
    }

    /// Opens a file for reading; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is a link or cannot be read.
    pub fn open_file(&self, path: &str) -> io::Result<Option<File>> {
        let (parent, name) = split(path)?;
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        missing_is_none(
            self.folder(parent)
                .and_then(|dir| dir.open_with(name, &options)),
        )
    }

    /// A file to read and to write to; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is a link or cannot be opened.
    pub(super) fn open_for_update(&self, path: &str) -> io::Result<Option<File>> {
        let (parent, name) = split(path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).follow(FollowSymlinks::No);
        missing_is_none(
            self.folder(parent)
                .and_then(|dir| dir.open_with(name, &options)),
        )
    }

    /// Writes octets behind the first `offset` of a file; what stood there goes. They are durable when this
    /// returns.
    ///
    /// # Errors
    ///
    /// If there is no such file, it has fewer octets, or it cannot be written.
    pub(super) fn write_at(&self, path: &str, offset: u64, octets: &[u8]) -> io::Result<()> {
        let file = self.open_for_update(path)?;
        let mut file = file.ok_or(io::ErrorKind::NotFound)?;
        if file.metadata()?.len() < offset {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.set_len(offset)?;
        file.seek(io::SeekFrom::End(0))?;
        file.write_all(octets)?;
        file.sync_data()
    }

    /// A new file, where there is none of that name.
    ///
    /// # Errors
    ///
    /// If there is one, or it cannot be made.
    pub(super) fn create_file(&self, path: &str) -> io::Result<File> {
        let (parent, name) = split(path)?;
        create_in(&self.make_folder(parent)?, name)
    }

    /// The octets that the file system of the root has room for.
    ///
    /// # Errors
    ///
    /// If it cannot be asked.
    pub fn room(&self) -> io::Result<u64> {
        let found = rustix::fs::fstatvfs(&*self.dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Reads a file of at most `limit` octets; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is a link, too long, or cannot be read.
    pub fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(path)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{path} is longer than {limit} octets"),
            ));
        }
        Ok(Some(content))
    }

    /// Puts a file in its place: all of it, or, if this is interrupted, what was there before.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let dir = self.make_folder(parent)?;
        let partial = format!(".{name}.part");
        remove_if_there(&dir, &partial)?;
        let mut file = create_in(&dir, &partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        dir.rename(&partial, &dir, name)?;
        sync(&dir)
    }

    /// Removes a file or link; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove_file(&self, path: &str) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let dir = match self.folder(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        remove_if_there(&dir, name)?;
        sync(&dir)
    }

    /// Removes a folder with all that is in it; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// If something in it cannot be removed.
    pub fn remove_folder(&self, path: &str) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let dir = match self.folder(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        match remove_entry(&dir, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Removes what is in a folder, and leaves the folder. Nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// If the folder is a link, or something in it cannot be removed.
    pub fn empty(&self, path: &str) -> io::Result<()> {
        let dir = match self.folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        empty_but(&dir, |_| false)
    }

    /// Moves a file or folder within the root.
    ///
    /// # Errors
    ///
    /// If it is not there, or its new place is taken or not to be had.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = split(from)?;
        let (to_parent, to_name) = split(to)?;
        let from = self.folder(from_parent)?;
        let to = self.make_folder(to_parent)?;
        from.rename(from_name, &to, to_name)?;
        sync(&to)?;
        sync(&from)
    }

    /// Gives a file a second name; as a copy where the file system has no such names.
    ///
    /// # Errors
    ///
    /// If it is not there, or its new name is taken or not to be had.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = split(from)?;
        let (to_parent, to_name) = split(to)?;
        let from = self.folder(from_parent)?;
        let to = self.make_folder(to_parent)?;
        let linked = from.hard_link(from_name, &to, to_name);
        if linked.is_err() {
            let mut options = OpenOptions::new();
            options.read(true).follow(FollowSymlinks::No);
            let mut copy = create_in(&to, to_name)?;
            io::copy(&mut from.open_with(from_name, &options)?, &mut copy)?;
            copy.sync_all()?;
        }
        sync(&to)
    }

    /// The names of what is in a folder, sorted; none if there is no folder. Names that are not UTF-8
    /// are none of ours and left out.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let dir = match self.folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found?,
        };
        let mut names = Vec::new();
        for entry in dir.entries()? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The segments of a relative path; none for the empty path.
pub(super) fn segments(path: &str) -> io::Result<impl Iterator<Item = &str>> {
    let bad = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains('\0');
    if path.len() > MAX_PATH || !path.is_empty() && path.split('/').any(bad) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{path:?} is not a path below the root"),
        ));
    }
    Ok(path.split('/').filter(|segment| !segment.is_empty()))
}

/// Parts a path in its folder and its last segment.
pub(super) fn split(path: &str) -> io::Result<(&str, &str)> {
    let _ = segments(path)?;
    match path.rsplit_once('/') {
        Some((parent, name)) => Ok((parent, name)),
        None if path.is_empty() => Err(io::ErrorKind::InvalidInput.into()),
        None => Ok(("", path)),
    }
}

/// A folder in another, made where it is missing.
pub(super) fn make_folder_in(dir: &Dir, path: &str) -> io::Result<Dir> {
    let mut dir = dir.try_clone()?;
    for segment in segments(path)? {
        match dir.create_dir(segment) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => sync(&dir)?,
        }
        dir = dir.open_dir_nofollow(segment)?;
    }
    Ok(dir)
}

/// A new file in a folder, which must not have anything of that name.
pub(super) fn create_in(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .follow(FollowSymlinks::No);
    dir.open_with(name, &options)
}

/// Removes everything in a folder but what `keep` names. Links are removed, not followed.
pub(super) fn empty_but(dir: &Dir, keep: impl Fn(&str) -> bool) -> io::Result<()> {
    // Listed before the first removal: what a listing shows while entries vanish is undefined.
    let names: Vec<_> = dir
        .entries()?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    for name in names {
        if !name.to_str().is_some_and(&keep) {
            remove_entry(dir, name)?;
        }
    }
    sync(dir)
}

/// Makes what was created, renamed and removed in a folder survive a loss of power.
pub(super) fn sync(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

fn remove_entry(dir: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
    let name = name.as_ref();
    if !dir.symlink_metadata(name)?.is_dir() {
        return dir.remove_file(name);
    }
    match dir.remove_dir_all(name) {
        // A folder that nobody may write to keeps what is in it, unless one is root.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(dir, name)?;
            dir.remove_dir_all(name)
        }
        done => done,
    }
}

/// Lets their owner into a folder and all folders in it.
fn open_up(dir: &Dir, name: &Path) -> io::Result<()> {
    let enter = |dir: &Dir, name: &Path| {
        dir.set_permissions(name, Permissions::from_mode(0o700))?;
        dir.open_dir_nofollow(name)
    };
    let mut folders = vec![enter(dir, name)?];
    while let Some(dir) = folders.pop() {
        for entry in dir.entries()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(enter(&dir, entry.file_name().as_ref())?);
            }
        }
    }
    Ok(())
}

fn remove_if_there(dir: &Dir, name: &str) -> io::Result<()> {
    missing_is_none(dir.remove_file(name)).map(|_| ())
}

fn missing_is_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn marked() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    #[test]
    fn the_root_of_the_machine_is_refused_by_every_name() {
        for name in ["/", "//", "/usr/..", "/proc/self/root"] {
            assert!(
                matches!(Root::open(Path::new(name)), Err(RootError::Machine)),
                "{name}"
            );
        }
        let dir = tempfile::tempdir().unwrap();
        symlink("/", dir.path().join("link")).unwrap();
        let error = Root::open(&dir.path().join("link")).unwrap_err();
        assert_eq!(error.to_string(), "the root of a device cannot be /");
    }

    #[test]
    fn a_folder_with_content_and_without_marker_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "").unwrap();
        assert!(matches!(
            Root::open_or_empty(dir.path()),
            Err(RootError::Unmarked(_))
        ));
        // A link is not a marker.
        symlink("precious", dir.path().join(MARKER)).unwrap();
        assert!(matches!(
            Root::open(dir.path()),
            Err(RootError::Unmarked(_))
        ));
        fs::remove_file(dir.path().join(MARKER)).unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        assert!(Root::open(dir.path()).is_ok());
    }

    #[test]
    fn no_path_leads_out() {
        let (_dir, root) = marked();
        for path in [
            "../x",
            "a/../../x",
            "/etc/x",
            "a//x",
            "./x",
            "a/",
            "a\0b",
            "..",
        ] {
            let error = root.write(path, b"").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        }
    }

    #[test]
    fn no_link_is_followed_not_even_inside() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "mine").unwrap();
        let (dir, root) = marked();
        fs::create_dir(dir.path().join("inside")).unwrap();
        symlink(outside.path(), dir.path().join("out")).unwrap();
        symlink("inside", dir.path().join("in")).unwrap();
        for folder in ["out", "in"] {
            assert!(root.folder(folder).is_err(), "{folder}");
            assert!(root.write(&format!("{folder}/new"), b"").is_err());
            assert!(root.empty(folder).is_err());
            assert!(root.open_file(&format!("{folder}/precious")).is_err());
        }
        // Writing over a link replaces the link.
        symlink(outside.path().join("precious"), dir.path().join("file")).unwrap();
        assert!(root.read("file", 100).is_err());
        root.write("file", b"yours").unwrap();
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"yours");
        // Removing a folder removes the links in it, not what they point at.
        symlink(outside.path(), dir.path().join("inside/out")).unwrap();
        root.empty("inside").unwrap();
        root.remove_folder("inside").unwrap();
        assert_eq!(fs::read(outside.path().join("precious")).unwrap(), b"mine");
        assert!(!dir.path().join("inside").exists());
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let (_dir, root) = marked();
        root.write("a/b", b"12345").unwrap();
        assert_eq!(root.read("a/b", 5).unwrap().unwrap(), b"12345");
        assert!(root.read("a/b", 4).is_err());
        assert!(root.read("a/c", 4).unwrap().is_none());
    }
}
