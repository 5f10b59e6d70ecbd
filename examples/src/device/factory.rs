//! [`Factory`]: the image of the root as it left the factory, and the reset that restores it.

use std::{
    fs,
    io::{self, Read, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    image,
    root::{Root, RootError},
};

/// The image in the folder of the state: a plain `.tar`.
const IMAGE: &str = "factory.tar";

/// The tree of a device, with its jobs and reports.
pub(super) const TREE: &str = "device.redb";

/// The note of the account that was given last: it is there as soon as the tree is in use.
pub(super) const GIVEN: &str = "account";

/// The mark of a reset that has begun and is not finished.
const RESET: &str = "reset";

/// The file whose lock says that a device is open.
const LOCK: &str = "lock";

/// The image of the root as it left the factory, and the reset that restores it.
///
/// Image and mark lie in the folder of the state, outside what is erased. A reset is marked before it
/// begins, and the mark goes last: a start that finds it finishes the reset.
#[derive(Clone, Debug)]
pub struct Factory {
    root: Root,
    state: PathBuf,
    /// Held as long as the device is open, of state and root: two processes would take each other's work for
    /// interrupted.
    _locks: Arc<[Lock; 2]>,
}

/// A locked file or folder.
#[derive(Debug)]
struct Lock(fs::File);

impl Lock {
    /// Locks what is open, of what is at `path`.
    fn new(file: io::Result<fs::File>, path: &Path) -> Result<Self, RootError> {
        let error = |source| RootError::Io {
            path: path.to_owned(),
            source,
        };
        let file = file.map_err(error)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(RootError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(error(source)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it is not enough: a process that is just being started has a copy of it for a moment.
        let _ = self.0.unlock();
    }
}

/// What a start found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Found {
    /// The root as it was left.
    AsLeft,
    /// An empty root, or a reset that was interrupted: the root is as it left the factory now, and no
    /// tree of before may be used.
    FactoryNew,
}

impl Factory {
    /// Opens root and state, both made where they are missing, and brings the root into a known state:
    /// finishes a reset that was interrupted, lays out an empty root, takes the image of one that has
    /// none.
    ///
    /// An `image` that is given, a folder or a plain `.tar`, is the one that counts from here on.
    ///
    /// # Errors
    ///
    /// If the root is refused, the image cannot be restored or that of a device in use is gone, another process has the device open, or something cannot be read or
    /// written.
    pub fn prepare(
        root: &Path,
        state: &Path,
        image: Option<&Path>,
    ) -> Result<(Root, Self, Found), RootError> {
        let error_at = |path: &Path| {
            let path = path.to_owned();
            move |source| RootError::Io { path, source }
        };
        fs::create_dir_all(root).map_err(error_at(root))?;
        let root = Root::open_or_empty(root)?;
        // The tree holds passwords: only its owner is to read it.
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(state).map_err(error_at(state))?;
        let state = state.canonicalize().map_err(error_at(state))?;
        if state.starts_with(root.path()) || root.path().starts_with(&state) {
            return Err(RootError::Nested);
        }
        let locks = [
            Lock::new(fs::File::create(state.join(LOCK)), &state)?,
            Lock::new(fs::File::open(root.path()), root.path())?,
        ];
        let factory = Self {
            root,
            state,
            _locks: Arc::new(locks),
        };
        if let Some(image) = image {
            let canonical = image.canonicalize().map_err(error_at(image))?;
            let outside =
                |path: &Path| !path.starts_with(&canonical) && !canonical.starts_with(path);
            if canonical.is_dir() && !(outside(factory.root.path()) && outside(&factory.state)) {
                return Err(RootError::Nested);
            }
            let imported = factory.put(IMAGE, |file| image::import(&canonical, file));
            imported.map_err(error_at(image))?;
        }
        let found = factory.settle().map_err(error_at(factory.root.path()))?;
        Ok((factory.root.clone(), factory, found))
    }

    fn settle(&self) -> io::Result<Found> {
        if self.root.is_empty()? {
            // The order lets any interruption be found: image, mark of the reset, marker of the root.
            if !self.path(IMAGE).exists() {
                self.put(IMAGE, image::write_built_in)?;
            }
            self.put(RESET, |_| Ok(()))?;
            self.root.mark()?;
        }
        if self.path(RESET).exists() {
            self.restore()?;
            return Ok(Found::FactoryNew);
        }
        if !self.path(IMAGE).exists() {
            // The image comes before the tree. What the root is now is not how it left the factory: a
            // reset would bring back what it is to erase.
            if self.path(TREE).exists() {
                return Err(io::Error::other(format!(
                    "the image of this device in use, {}, is gone: put it back, or name another with --factory-image",
                    self.path(IMAGE).display()
                )));
            }
            self.put(IMAGE, |file| image::take(self.root.dir(), file))?;
        }
        // A new tree would say that the device is unlocked and has no software, whatever its root says.
        let is_gone = || fs::metadata(self.path(TREE)).map_or(true, |found| found.len() == 0);
        if self.note(GIVEN)?.is_some() && is_gone() {
            return Err(io::Error::other(format!(
                "the tree of this device in use, {}, is gone: put it back, or begin with another root and state",
                self.path(TREE).display()
            )));
        }
        Ok(Found::AsLeft)
    }

    /// Brings the root back to how it left the factory. The mark stays, until [`done`](Self::done).
    ///
    /// # Errors
    ///
    /// If something cannot be erased or restored; the next start tries again.
    pub fn reset(&self) -> io::Result<()> {
        self.put(RESET, |_| Ok(()))?;
        self.restore()
    }

    /// Ends a reset: nothing of before is left, in the tree neither.
    ///
    /// # Errors
    ///
    /// If the mark cannot be removed.
    pub fn done(&self) -> io::Result<()> {
        match fs::remove_file(self.path(RESET)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Whether there is an image to restore.
    pub fn has_image(&self) -> bool {
        self.path(IMAGE).exists()
    }

    /// The content of the files of the image whose path `wanted` accepts, for what a device that left
    /// the factory knows of itself. Files over 64 KiB are left out.
    ///
    /// # Errors
    ///
    /// If the image cannot be read.
    pub fn files(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        let mut read = || {
            for entry in tar::Archive::new(fs::File::open(self.path(IMAGE))?).entries_with_seek()? {
                let mut entry = entry.map_err(image::damaged)?;
                let path = entry_path(&entry)?;
                let is_file = entry.header().entry_type().is_file();
                if is_file && entry.size() <= 64 << 10 && wanted(&path) {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    files.push((path, content));
                }
            }
            Ok(())
        };
        read().map_err(|error| self.of_image(error))?;
        Ok(files)
    }

    /// Keeps a note beside the image, until it is replaced by another.
    pub(super) fn keep_note(&self, name: &str, note: &str) -> io::Result<()> {
        self.put(name, |mut file| file.write_all(note.as_bytes()))
    }

    /// The note of this name; `None` if there is none, or nothing that was ever noted.
    pub(super) fn note(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path(name)) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidData
                ) =>
            {
                Ok(None)
            }
            note => note.map(Some),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Puts a file into the state: all of it, durably, or nothing.
    fn put(&self, name: &str, fill: impl FnOnce(&fs::File) -> io::Result<()>) -> io::Result<()> {
        let partial = self.path(&format!("{name}.part"));
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&partial)?;
        fill(&file)?;
        file.sync_all()?;
        fs::rename(&partial, self.path(name))?;
        fs::File::open(&self.state)?.sync_all()
    }

    fn restore(&self) -> io::Result<()> {
        let restore = || image::restore(&self.root, fs::File::open(self.path(IMAGE))?);
        restore().map_err(|error| self.of_image(error))
    }

    /// An error, with the image if it is about that and not about the root.
    fn of_image(&self, error: io::Error) -> io::Error {
        if error.kind() != io::ErrorKind::InvalidData {
            return error;
        }
        let image = self.path(IMAGE);
        io::Error::new(error.kind(), format!("{}: {error}", image.display()))
    }
}

/// The path of an entry without `./` before and `/` after it.
pub(super) fn entry_path<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<String> {
    let path = entry.path_bytes();
    let path = core::str::from_utf8(&path)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a name is not UTF-8"))?;
    Ok(path
        .trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::{super::root::MARKER, *};

    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (root, state) = (dir.path().join("root"), dir.path().join("state"));
        (dir, root, state)
    }

    #[test]
    fn an_empty_root_gets_the_built_in_content() {
        let (_dir, root, state) = folders();
        let (_, factory, found) = Factory::prepare(&root, &state, None).unwrap();
        assert_eq!(found, Found::FactoryNew);
        factory.done().unwrap();
        assert!(root.join("home/user/Contacts/readme.vcf").exists());
        assert!(root.join(MARKER).exists());
        drop(factory);
        let (_, _, found) = Factory::prepare(&root, &state, None).unwrap();
        assert_eq!(found, Found::AsLeft);
    }

    #[test]
    fn a_root_in_use_is_not_taken_for_the_image_that_is_gone() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        factory.done().unwrap();
        drop(factory);
        fs::write(state.join(TREE), "").unwrap();
        fs::remove_file(state.join(IMAGE)).unwrap();
        let error = Factory::prepare(&root, &state, None).unwrap_err();
        assert!(error.to_string().contains(IMAGE), "{error}");
        assert!(!state.join(IMAGE).exists());
        let image = tempfile::tempdir().unwrap();
        let (_, _, found) = Factory::prepare(&root, &state, Some(image.path())).unwrap();
        assert_eq!(found, Found::AsLeft);
    }

    #[test]
    fn a_root_in_use_gets_no_new_tree_for_the_one_that_is_gone() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        factory.done().unwrap();
        drop(factory);
        // Nothing was begun yet: a start that was cut goes on.
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        factory.keep_note(GIVEN, "digest").unwrap();
        drop(factory);
        for damage in [fs::remove_file, |tree: PathBuf| fs::write(tree, "")] {
            fs::write(state.join(TREE), "a tree").unwrap();
            assert!(Factory::prepare(&root, &state, None).is_ok());
            damage(state.join(TREE)).unwrap();
            let error = Factory::prepare(&root, &state, None).unwrap_err();
            assert!(error.to_string().contains(TREE), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_image_is_said_with_its_path_and_without_its_octets() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        fs::write(state.join(IMAGE), [7; 2048]).unwrap();
        let expected = format!(
            "{}: it is no plain .tar, or damaged",
            state.canonicalize().unwrap().join(IMAGE).display()
        );
        let error = factory.reset().unwrap_err();
        assert_eq!(error.to_string(), expected);
        let error = factory.files(|_| true).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_reset_restores_files_modes_and_links_and_nothing_else() {
        let (_dir, root, state) = folders();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join(MARKER), "").unwrap();
        fs::write(root.join("bin/tool"), "#!").unwrap();
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", root.join("link")).unwrap();
        let (_, factory, found) = Factory::prepare(&root, &state, None).unwrap();
        assert_eq!(found, Found::AsLeft);

        fs::write(root.join("bin/tool"), "broken").unwrap();
        fs::write(root.join("new"), "").unwrap();
        fs::remove_file(root.join("link")).unwrap();
        factory.reset().unwrap();
        factory.done().unwrap();

        assert_eq!(fs::read(root.join("bin/tool")).unwrap(), b"#!");
        let mode = fs::metadata(root.join("bin/tool")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o755);
        assert_eq!(
            fs::read_link(root.join("link")).unwrap(),
            Path::new("/etc/passwd")
        );
        assert!(!root.join("new").exists());
    }

    #[test]
    fn a_start_finishes_a_reset_that_was_interrupted() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        factory.done().unwrap();
        drop(factory);
        // As if the power went while half was erased and part of it restored.
        fs::write(state.join(RESET), "").unwrap();
        fs::remove_dir_all(root.join("home")).unwrap();
        fs::write(root.join("etc/nologin"), "").unwrap();

        let (_, factory, found) = Factory::prepare(&root, &state, None).unwrap();
        assert_eq!(found, Found::FactoryNew);
        assert!(root.join("home/user/Messages/welcome.txt").exists());
        assert!(!root.join("etc/nologin").exists());
        // Until the tree is as new too, every start says so.
        drop(factory);
        let (_, factory, found) = Factory::prepare(&root, &state, None).unwrap();
        assert_eq!(found, Found::FactoryNew);
        factory.done().unwrap();
        drop(factory);
        assert_eq!(
            Factory::prepare(&root, &state, None).unwrap().2,
            Found::AsLeft
        );
    }

    #[test]
    fn of_two_who_open_a_state_one_is_refused() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        let refused = Factory::prepare(&root, &state, None).unwrap_err();
        assert!(matches!(refused, RootError::InUse(_)), "{refused}");
        drop(factory);
        assert!(Factory::prepare(&root, &state, None).is_ok());
    }

    #[test]
    fn of_two_who_open_a_root_one_is_refused_whatever_its_state_is() {
        let (_dir, root, state) = folders();
        let (_, factory, _) = Factory::prepare(&root, &state, None).unwrap();
        let other = state.with_extension("other");
        let refused = Factory::prepare(&root, &other, None).unwrap_err();
        assert!(
            matches!(&refused, RootError::InUse(path) if *path == root),
            "{refused}"
        );
        drop(factory);
        assert!(Factory::prepare(&root, &other, None).is_ok());
    }

    #[test]
    fn the_state_may_not_lie_in_the_root() {
        let (_dir, root, _) = folders();
        let error = Factory::prepare(&root, &root.join("state"), None).unwrap_err();
        assert!(matches!(error, RootError::Unmarked(_) | RootError::Nested));
        let (_dir, _, state) = folders();
        let error = Factory::prepare(&state.join("root"), &state, None).unwrap_err();
        assert!(matches!(error, RootError::Nested), "{error}");
    }
}
