//! [`Packages`]: packages below the root, each installed as a whole or not at all: plain `.tar` packages,
//! and `.deb` packages where this machine has dpkg.

mod debs;

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use cap_std::fs::{Dir, File, Permissions, PermissionsExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    dpkg::Dpkg,
    factory::entry_path,
    package::{MANIFEST, Manifest, ManifestComponent, PackageError, Sha256Digest, is_id},
    progress::{self, OnProgress, Work},
    root::{self, Root},
};

/// The file in the folder of a component that says what it is and where it came from.
const RECORD: &str = ".dm-component.json";

/// Active components, a folder each, named by their ID.
const ACTIVE: &str = "opt";

/// Inactive components, likewise. One rename moves a component from here to there.
const INACTIVE: &str = "opt/.inactive";

/// Installations that are not finished, a folder each, named by their job.
const STAGE: &str = "opt/.stage";

/// What is on its way out.
const TRASH: &str = "opt/.trash";

/// Packages that were fetched or delivered.
const CACHE: &str = "var/cache/dm";

/// The file of a stage that makes it a decision: from here on it is finished, not undone.
const COMMIT: &str = "commit.json";

const MAX_RECORD: u64 = 64 << 10;

/// What a package may be at most.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PackageLimits {
    /// Octets of the package. Default 256 MiB.
    pub package: u64,
    /// Octets of what it holds. Default 1 GiB.
    pub content: u64,
    /// Files in it. Default 10 000.
    pub files: u32,
}

impl Default for PackageLimits {
    fn default() -> Self {
        Self {
            package: 256 << 20,
            content: 1 << 30,
            files: 10_000,
        }
    }
}

/// What a package is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "what this device takes")]
pub enum PackageKind {
    /// A plain `.tar` with a manifest.
    Tar,
    /// A package of Debian's.
    Deb,
}

/// An installed component.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Installed {
    /// What it is.
    pub component: ManifestComponent,
    /// The `PkgID` of the package it came from.
    pub package: String,
    /// The job that installed it; `None` if it left the factory with the device.
    pub job: Option<u64>,
    /// Whether it is active. Its place says so.
    #[serde(skip)]
    pub active: bool,
}

#[derive(Deserialize, Serialize)]
struct Commit {
    active: bool,
    components: Vec<String>,
}

/// The packages and components below a root.
#[derive(Clone, Debug)]
pub struct Packages {
    root: Root,
    limits: PackageLimits,
    dpkg: Option<Dpkg>,
    downgrades: bool,
    progress: Option<OnProgress>,
}

impl Packages {
    /// Opens them, and finishes or undoes what was interrupted: an installation that was decided is
    /// finished, any other is undone.
    ///
    /// # Errors
    ///
    /// If something cannot be read or written.
    pub fn open(root: Root, limits: PackageLimits) -> io::Result<Self> {
        let packages = Self {
            root,
            limits,
            dpkg: Dpkg::find(),
            downgrades: false,
            progress: None,
        };
        packages.recover()?;
        Ok(packages)
    }

    /// The same, letting packages bring older versions than are there, or not.
    #[must_use]
    pub fn allowing_downgrades(mut self, downgrades: bool) -> Self {
        self.downgrades = downgrades;
        self
    }

    /// The same, telling how far a download or an installation is.
    #[must_use]
    pub fn telling(mut self, progress: Option<OnProgress>) -> Self {
        self.progress = progress;
        self
    }

    /// Tells how far something is.
    pub(super) fn tell(&self, what: Work, done: u64, total: Option<u64>) {
        if let Some(progress) = &self.progress {
            progress.tell(what, done, total);
        }
    }

    /// The limits.
    pub fn limits(&self) -> &PackageLimits {
        &self.limits
    }

    fn recover(&self) -> io::Result<()> {
        for job in self.root.names(STAGE)? {
            self.settle(&format!("{STAGE}/{job}"))?;
        }
        self.root.empty(TRASH)
    }

    /// All components, sorted by ID.
    ///
    /// # Errors
    ///
    /// If a folder or file cannot be read. A component with a record that is none is no component.
    pub fn installed(&self) -> io::Result<Vec<Installed>> {
        let mut all = Vec::new();
        for place in [ACTIVE, INACTIVE] {
            for id in self.root.names(place)? {
                if is_id(&id)
                    && let Some(component) = self.at(place, &id)?
                {
                    all.push(component);
                }
            }
        }
        all.extend(self.debs()?);
        all.sort_by(|a, b| a.component.id.cmp(&b.component.id));
        Ok(all)
    }

    /// A component.
    ///
    /// # Errors
    ///
    /// If its folder cannot be read.
    pub fn component(&self, id: &str) -> io::Result<Option<Installed>> {
        if !is_id(id) {
            return Ok(None);
        }
        for place in [ACTIVE, INACTIVE] {
            if let Some(component) = self.at(place, id)? {
                return Ok(Some(component));
            }
        }
        self.deb(id)
    }

    fn at(&self, place: &str, id: &str) -> io::Result<Option<Installed>> {
        // What is there and not ours, such as a link to some other tool, hides no component of ours.
        let folder = self.root.metadata(&format!("{place}/{id}"))?;
        if !folder.is_some_and(|folder| folder.is_dir()) {
            return Ok(None);
        }
        let path = format!("{place}/{id}/{RECORD}");
        let record = self.root.metadata(&path)?;
        if !record.is_some_and(|record| record.is_file() && record.len() <= MAX_RECORD) {
            return Ok(None);
        }
        let Some(record) = self.root.read(&path, MAX_RECORD)? else {
            return Ok(None);
        };
        let component = serde_json::from_slice::<Installed>(&record).ok();
        Ok(component
            .filter(|component| component.component.id == id)
            .map(|component| Installed {
                active: place == ACTIVE,
                ..component
            }))
    }

    /// The components that a job installed: what tells a resumed job that it was done.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn installed_by(&self, job: u64) -> io::Result<Vec<Installed>> {
        let mut components = self.installed()?;
        components.retain(|component| component.job == Some(job));
        Ok(components)
    }

    /// Where a package is received, and where it is once it is whole.
    pub(super) fn paths(&self, package_id: &str) -> (String, String) {
        (partial(package_id), cached(package_id))
    }

    /// The folder that everything lies in.
    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Whether the package is on the device.
    pub fn has(&self, package_id: &str) -> bool {
        self.root.exists(&cached(package_id))
    }

    /// Puts a package on the device.
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn deliver(&self, package_id: &str, content: &[u8]) -> io::Result<()> {
        self.root.write(&cached(package_id), content)
    }

    /// Where what is delivered to a node is received.
    pub(super) fn delivery(&self, node: &str) -> String {
        format!("{CACHE}/{}.data", Sha256Digest::of(node.as_bytes()))
    }

    /// Takes what was delivered to a node for a package; nothing happens if it was taken before.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub(super) fn take_delivery(&self, node: &str, package_id: &str) -> Result<(), PackageError> {
        let delivery = self.delivery(node);
        if self.root.exists(&delivery) {
            Ok(self.root.rename(&delivery, &cached(package_id))?)
        } else if self.has(package_id) {
            Ok(())
        } else {
            Err(PackageError::Missing)
        }
    }

    /// What a package that is on the device is going to install, with the versions as far as they are to be
    /// compared here: dpkg compares those of its own by itself.
    ///
    /// # Errors
    ///
    /// If it is not there, or malformed.
    pub(super) fn contents(
        &self,
        package_id: &str,
    ) -> Result<Vec<(String, Option<String>)>, PackageError> {
        if self.kind(package_id)? == PackageKind::Deb {
            return Ok(Vec::new());
        }
        let bad = |error: io::Error| PackageError::malformed(error.to_string());
        let mut archive = tar::Archive::new(self.open_cached(package_id)?);
        let entries = archive.entries_with_seek().map_err(bad)?;
        for entry in entries.take(self.limits.files as usize) {
            let entry = entry.map_err(bad)?;
            if entry_path(&entry).map_err(bad)? == MANIFEST {
                let mut json = Vec::new();
                entry.take(MAX_RECORD).read_to_end(&mut json).map_err(bad)?;
                let manifest = read_manifest(&json)?;
                let components = manifest.components.into_iter();
                return Ok(components
                    .map(|component| (component.id, component.version))
                    .collect());
            }
        }
        Err(PackageError::malformed(format!("no {MANIFEST}")))
    }

    /// Deletes a package; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be deleted.
    pub fn delete(&self, package_id: &str) -> io::Result<()> {
        self.root.remove_file(&cached(package_id))
    }

    /// Checks a package that is on the device.
    ///
    /// # Errors
    ///
    /// If it is not there, or not what was announced.
    pub fn check(&self, package_id: &str, expected: Sha256Digest) -> Result<(), PackageError> {
        let mut file = self.open_cached(package_id)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hasher.update(buffer.get(..read).unwrap_or_default()),
            }
        }
        let found = Sha256Digest::finish(hasher);
        if found == expected {
            Ok(())
        } else {
            Err(PackageError::Digest { expected, found })
        }
    }

    /// The octets of a package that is on the device.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub fn size(&self, package_id: &str) -> Result<u64, PackageError> {
        Ok(self.open_cached(package_id)?.metadata()?.len())
    }

    /// What a package that is on the device is, as its first octets say.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub fn kind(&self, package_id: &str) -> Result<PackageKind, PackageError> {
        let mut magic = Vec::new();
        let file = self.open_cached(package_id)?;
        file.take(8).read_to_end(&mut magic)?;
        Ok(if magic == b"!<arch>\n" {
            PackageKind::Deb
        } else {
            PackageKind::Tar
        })
    }

    fn open_cached(&self, package_id: &str) -> Result<File, PackageError> {
        let file = self.root.open_file(&cached(package_id))?;
        file.ok_or(PackageError::Missing)
    }

    /// Installs a package that is on the device. Whatever interrupts it, all of its components are
    /// there afterwards, or all is as it was.
    ///
    /// # Errors
    ///
    /// If it is not there, malformed or too large, or there is no room; then nothing has changed.
    pub fn install(
        &self,
        package_id: &str,
        activate: bool,
        job: u64,
    ) -> Result<Vec<Installed>, PackageError> {
        let kind = self.kind(package_id)?;
        let stage = format!("{STAGE}/{job}");
        self.settle(&stage)?;
        if kind == PackageKind::Deb {
            if !activate {
                return Err(PackageError::AlwaysActive);
            }
            let installed = self.install_deb(package_id, &stage, job);
            self.root.remove_folder(&stage)?;
            return installed;
        }
        let file = self.open_cached(package_id)?;
        match self.unpack(file, &stage, package_id, job) {
            Ok(components) => {
                let commit = Commit {
                    active: activate,
                    components,
                };
                let commit = serde_json::to_vec(&commit).map_err(io::Error::from)?;
                self.root.write(&format!("{stage}/{COMMIT}"), &commit)?;
                self.settle(&stage)?;
                Ok(self.installed_by(job)?)
            }
            Err(error) => {
                self.root.remove_folder(&stage)?;
                Err(error)
            }
        }
    }

    /// Makes a component active, or inactive. Nothing happens if it is.
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn set_active(&self, id: &str, active: bool) -> Result<(), PackageError> {
        let found = self
            .component(id)?
            .ok_or_else(|| PackageError::NoComponent(id.to_owned()))?;
        if found.active == active {
            return Ok(());
        }
        if self.is_deb(id) {
            return Err(PackageError::AlwaysActive);
        }
        let (from, to) = if active {
            (INACTIVE, ACTIVE)
        } else {
            (ACTIVE, INACTIVE)
        };
        Ok(self
            .root
            .rename(&format!("{from}/{id}"), &format!("{to}/{id}"))?)
    }

    /// Uninstalls a component: one rename takes it away, and what is left of it goes then.
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn remove(&self, id: &str) -> Result<(), PackageError> {
        let found = self
            .component(id)?
            .ok_or_else(|| PackageError::NoComponent(id.to_owned()))?;
        if self.is_deb(id) {
            return self.remove_deb(id);
        }
        let place = if found.active { ACTIVE } else { INACTIVE };
        let trash = format!("{TRASH}/{id}");
        self.root.remove_folder(&trash)?;
        self.root.rename(&format!("{place}/{id}"), &trash)?;
        // The component is gone. If the rest fails, the next start empties the trash.
        let _ = self.root.remove_folder(&trash);
        Ok(())
    }

    /// Unpacks a package into its stage and checks it against its manifest. Its components' IDs.
    fn unpack(
        &self,
        file: File,
        stage: &str,
        package_id: &str,
        job: u64,
    ) -> Result<Vec<String>, PackageError> {
        if file.metadata()?.len() > self.limits.package {
            return Err(PackageError::TooLarge);
        }
        let new = self.root.make_folder(&format!("{stage}/new"))?;
        let (manifest, found) = self.unpack_files(file, &new)?;
        manifest.check(&found)?;
        if let Some(component) = manifest
            .components
            .iter()
            .find(|component| component.files.contains(RECORD))
        {
            let id = &component.id;
            return Err(PackageError::malformed(format!("{id}/{RECORD} is ours")));
        }
        let mut ids = Vec::new();
        for component in manifest.components {
            let id = component.id.clone();
            if self.is_deb(&id) {
                return Err(PackageError::malformed(format!(
                    "{id} is there and came as a .deb"
                )));
            }
            for place in [ACTIVE, INACTIVE] {
                if self.root.exists(&format!("{place}/{id}")) && self.at(place, &id)?.is_none() {
                    return Err(PackageError::malformed(format!(
                        "{place}/{id} is there and no component"
                    )));
                }
            }
            let record = Installed {
                component,
                package: package_id.to_owned(),
                job: Some(job),
                active: false,
            };
            let record = serde_json::to_vec(&record).map_err(io::Error::from)?;
            // Before anything is decided: what is installed must be found again.
            if record.len() as u64 > MAX_RECORD {
                return Err(PackageError::TooLarge);
            }
            self.root
                .write(&format!("{stage}/new/{id}/{RECORD}"), &record)?;
            ids.push(id);
        }
        Ok(ids)
    }

    fn unpack_files(
        &self,
        file: File,
        new: &Dir,
    ) -> Result<(Manifest, BTreeSet<String>), PackageError> {
        let mut manifest = None;
        let mut found = BTreeSet::new();
        let mut room = self.limits.content;
        let bad = |error: io::Error| match error.kind() {
            io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                PackageError::malformed(error.to_string())
            }
            _ => PackageError::Io(error),
        };
        let total = file.metadata()?.len();
        let bar = progress::bar("installing", Some(total), 0);
        let mut archive = tar::Archive::new(bar.wrap_read(file));
        for entry in archive.entries().map_err(bad)? {
            let mut entry = entry.map_err(bad)?;
            let path = entry_path(&entry).map_err(bad)?;
            match entry.header().entry_type() {
                // Folders are made for the files in them.
                kind if kind.is_dir() => continue,
                kind if kind.is_file() => {}
                // No links, no devices: whatever they are for, it is not in the package.
                kind => {
                    return Err(PackageError::malformed(format!(
                        "{path:?} is neither file nor folder ({kind:?})"
                    )));
                }
            }
            room = room
                .checked_sub(entry.size())
                .ok_or(PackageError::TooLarge)?;
            if found.len() >= self.limits.files as usize {
                return Err(PackageError::TooLarge);
            }
            if path == MANIFEST {
                if entry.size() > MAX_RECORD {
                    return Err(PackageError::TooLarge);
                }
                let mut json = Vec::new();
                entry.read_to_end(&mut json).map_err(bad)?;
                manifest = Some(read_manifest(&json)?);
                continue;
            }
            let (parent, name) =
                root::split(&path).map_err(|error| PackageError::malformed(error.to_string()))?;
            if !found.insert(path.clone()) {
                return Err(PackageError::malformed(format!("{path:?} comes twice")));
            }
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
            let dir = root::make_folder_in(new, parent)
                .and_then(|dir| root::create_in(&dir, name).map(|file| (dir, file)));
            let (dir, mut file) = dir.map_err(|error| match error.kind() {
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    PackageError::malformed(format!("{path:?}: {error}"))
                }
                _ => PackageError::Io(error),
            })?;
            io::copy(&mut entry, &mut file).map_err(bad)?;
            file.set_permissions(Permissions::from_mode(if executable {
                0o755
            } else {
                0o644
            }))?;
            file.sync_all()?;
            root::sync(&dir)?;
            let done = entry.raw_file_position().saturating_add(entry.size());
            self.tell(Work::Install, total.min(done), Some(total));
        }
        bar.finish();
        let manifest = manifest.ok_or_else(|| PackageError::malformed(format!("no {MANIFEST}")))?;
        Ok((manifest, found))
    }

    /// Finishes a stage that was decided; undoes any other.
    fn settle(&self, stage: &str) -> io::Result<()> {
        if self.settle_deb(stage)? {
            return self.root.remove_folder(stage);
        }
        let commit = self.root.read(&format!("{stage}/{COMMIT}"), MAX_RECORD)?;
        if let Some(commit) = commit {
            let commit: Commit = serde_json::from_slice(&commit)?;
            let place = if commit.active { ACTIVE } else { INACTIVE };
            for id in &commit.components {
                let new = format!("{stage}/new/{id}");
                // Where it is gone, it is in its place already.
                if !self.root.exists(&new) {
                    continue;
                }
                for old in [ACTIVE, INACTIVE] {
                    if self.root.exists(&format!("{old}/{id}")) {
                        let kept = format!("{stage}/old/{old}/{id}");
                        self.root.rename(&format!("{old}/{id}"), &kept)?;
                    }
                }
                self.root.rename(&new, &format!("{place}/{id}"))?;
            }
        }
        self.root.remove_folder(stage)
    }
}

fn read_manifest(json: &[u8]) -> Result<Manifest, PackageError> {
    let manifest = serde_json::from_slice(json);
    manifest.map_err(|error| PackageError::malformed(format!("{MANIFEST}: {error}")))
}

/// The record of a component among the files of a factory image, from its path and content.
pub(super) fn is_record(path: &str) -> bool {
    path.starts_with("opt/") && path.ends_with(RECORD) || debs::recorded(path).is_some()
}

/// Reads such a record.
pub(super) fn read_record(path: &str, content: &[u8]) -> Option<Installed> {
    let component = serde_json::from_slice::<Installed>(content).ok()?;
    let active = !path.starts_with(INACTIVE);
    is_id(&component.component.id).then_some(Installed {
        active,
        ..component
    })
}

/// Where a package lies. `PkgID` is any text of the server's, so a digest of it is the name.
fn cached(package_id: &str) -> String {
    format!("{CACHE}/{}.pkg", Sha256Digest::of(package_id.as_bytes()))
}

fn partial(package_id: &str) -> String {
    format!("{CACHE}/{}.part", Sha256Digest::of(package_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;
    use crate::device::{package::build, root::MARKER};

    fn packages() -> (tempfile::TempDir, Packages) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        let packages = reopen(dir.path());
        (dir, packages)
    }

    fn reopen(path: &Path) -> Packages {
        Packages::open(Root::open(path).unwrap(), PackageLimits::default()).unwrap()
    }

    fn game(version: &str) -> Vec<u8> {
        build(&[(
            ManifestComponent::new("game", "Game", version),
            &[("bin/game", version.as_bytes()), ("level", b"1")],
        )])
        .unwrap()
    }

    /// A package of one entry made by hand, beside a manifest that names it.
    fn evil(entry: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut package = tar::Builder::new(Vec::new());
        let manifest = br#"{"components":[{"id":"game","files":["x"]}]}"#;
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        package
            .append_data(&mut header, MANIFEST, manifest.as_slice())
            .unwrap();
        entry(&mut package);
        package.into_inner().unwrap()
    }

    /// All that is below a folder, with the content of files.
    fn snapshot(path: &Path) -> Vec<(String, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap().path();
                let name = entry.strip_prefix(path).unwrap().display().to_string();
                if entry.is_dir() {
                    folders.push(entry);
                    found.push((name, None));
                } else {
                    found.push((name, Some(fs::read(entry).unwrap())));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_component_is_installed_deactivated_activated_updated_and_removed() {
        let (dir, packages) = packages();
        packages.deliver("p", &game("1")).unwrap();
        let installed = packages.install("p", false, 7).unwrap();
        assert_eq!(installed.len(), 1);
        assert!(!installed[0].active);
        assert!(!dir.path().join("opt/game").exists());
        packages.set_active("game", true).unwrap();
        assert_eq!(
            fs::read(dir.path().join("opt/game/bin/game")).unwrap(),
            b"1"
        );
        packages.deliver("q", &game("2")).unwrap();
        let updated = packages.install("q", false, 8).unwrap();
        assert_eq!(updated[0].component.version.as_deref(), Some("2"));
        assert_eq!(packages.installed().unwrap(), updated);
        assert!(!dir.path().join("opt/game").exists());
        packages.remove("game").unwrap();
        assert!(packages.installed().unwrap().is_empty());
        assert!(matches!(
            packages.remove("game"),
            Err(PackageError::NoComponent(_))
        ));
    }

    #[test]
    fn a_bad_package_leaves_everything_as_it_was() {
        let (dir, packages) = packages();
        packages.deliver("good", &game("1")).unwrap();
        packages.install("good", true, 1).unwrap();
        let append = |path: &'static str| {
            move |package: &mut tar::Builder<Vec<u8>>| {
                let mut header = tar::Header::new_gnu();
                let name = header.as_gnu_mut().unwrap();
                name.name[..path.len()].copy_from_slice(path.as_bytes());
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(0);
                header.set_mode(0o644);
                header.set_cksum();
                package.append(&header, io::empty()).unwrap();
            }
        };
        let link = |kind: tar::EntryType, target: &'static str| {
            move |package: &mut tar::Builder<Vec<u8>>| {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(kind);
                header.set_size(0);
                package.append_link(&mut header, "game/x", target).unwrap();
            }
        };
        let deb = b"!<arch>\ndebian-binary   ".to_vec();
        let mut short = game("2");
        short.truncate(1500);
        let cases: [(&str, Vec<u8>, &str); 11] = [
            ("parent", evil(append("../x")), "not a path below the root"),
            ("inner parent", evil(append("game/../../x")), "not a path"),
            ("absolute", evil(append("/etc/x")), "not a path"),
            ("unnamed", evil(append("game/y")), "not both in"),
            (
                "record",
                evil(append("game/.dm-component.json")),
                "not both in",
            ),
            (
                "symlink",
                evil(link(tar::EntryType::Symlink, "/etc")),
                "neither file",
            ),
            (
                "hard link",
                evil(link(tar::EntryType::Link, "/etc/passwd")),
                "neither file",
            ),
            ("nothing", evil(|_| ()), "not both in"),
            ("no tar", b"not a tar at all".to_vec(), "bad package"),
            ("short", short, "bad package"),
            ("deb", deb, "bad package: "),
        ];
        for (name, package, reason) in cases {
            packages.deliver("bad", &package).unwrap();
            let before = snapshot(dir.path());
            let error = packages.install("bad", true, 2).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
            let mut after = snapshot(dir.path());
            after.retain(|(path, _)| path != STAGE);
            let mut before = before;
            before.retain(|(path, _)| path != STAGE);
            assert_eq!(after, before, "{name}");
        }
    }

    #[test]
    fn what_a_package_holds_is_bounded() {
        let (_dir, packages) = packages();
        packages.deliver("p", &game("1")).unwrap();
        for limits in [
            PackageLimits {
                package: 100,
                ..PackageLimits::default()
            },
            PackageLimits {
                content: 100,
                ..PackageLimits::default()
            },
            PackageLimits {
                files: 1,
                ..PackageLimits::default()
            },
        ] {
            let packages = Packages {
                limits,
                ..packages.clone()
            };
            let error = packages.install("p", true, 1).unwrap_err();
            assert!(error.is_out_of_room(), "{error}");
        }
    }

    #[test]
    fn a_stage_that_was_not_decided_is_undone_and_one_that_was_is_finished() {
        let (dir, packages) = packages();
        packages.deliver("p", &game("1")).unwrap();
        packages.install("p", true, 1).unwrap();
        packages.deliver("q", &game("2")).unwrap();
        let file = packages.root.open_file(&cached("q")).unwrap().unwrap();
        let stage = format!("{STAGE}/2");
        let ids = packages.unpack(file, &stage, "q", 2).unwrap();

        // The power goes before the decision.
        let undone = reopen(dir.path());
        assert_eq!(
            undone
                .component("game")
                .unwrap()
                .unwrap()
                .component
                .version
                .as_deref(),
            Some("1")
        );
        assert!(undone.root.names(STAGE).unwrap().is_empty());

        // It goes after the decision, with the old component out of its place already.
        let file = packages.root.open_file(&cached("q")).unwrap().unwrap();
        packages.unpack(file, &stage, "q", 2).unwrap();
        let commit = serde_json::to_vec(&Commit {
            active: true,
            components: ids,
        })
        .unwrap();
        packages
            .root
            .write(&format!("{stage}/{COMMIT}"), &commit)
            .unwrap();
        packages
            .root
            .rename("opt/game", &format!("{stage}/old/opt/game"))
            .unwrap();
        let finished = reopen(dir.path());
        let game = finished.component("game").unwrap().unwrap();
        assert_eq!(game.component.version.as_deref(), Some("2"));
        assert_eq!(finished.installed_by(2).unwrap(), [game]);
        assert!(finished.root.names(STAGE).unwrap().is_empty());
    }

    #[test]
    fn what_is_in_opt_and_no_component_is_in_nobodys_way() {
        let (dir, packages) = packages();
        fs::create_dir_all(dir.path().join("opt/folder")).unwrap();
        fs::write(dir.path().join("opt/file"), "").unwrap();
        symlink("/etc", dir.path().join("opt/link")).unwrap();
        fs::create_dir_all(dir.path().join("opt/long")).unwrap();
        let long = vec![b' '; MAX_RECORD as usize + 1];
        fs::write(dir.path().join("opt/long").join(RECORD), long).unwrap();
        fs::create_dir_all(dir.path().join("opt/linked")).unwrap();
        symlink("/etc/passwd", dir.path().join("opt/linked").join(RECORD)).unwrap();
        packages.deliver("p", &game("1")).unwrap();
        let installed = packages.install("p", true, 1).unwrap();
        assert_eq!(installed.len(), 1);
        assert_eq!(packages.installed().unwrap().len(), 1);
    }

    #[test]
    fn a_component_whose_record_would_be_too_long_is_not_installed() {
        // As long as a manifest may be: the record of its component, which says more, is longer.
        let manifest = |files: &[String]| {
            serde_json::json!({"components": [{"id": "game", "files": files}]}).to_string()
        };
        let mut files: Vec<_> = (0..1200).map(|n| format!("{n:050}")).collect();
        while manifest(&files).len() + 53 <= MAX_RECORD as usize {
            files.push(format!("{:050}", files.len()));
        }
        let mut package = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            package.append_data(&mut header, path, content).unwrap();
        };
        add(MANIFEST, manifest(&files).as_bytes());
        for file in &files {
            add(&format!("game/{file}"), b"");
        }
        let (_dir, packages) = packages();
        packages
            .deliver("p", &package.into_inner().unwrap())
            .unwrap();
        let refused = packages.install("p", true, 1);
        assert!(
            matches!(refused, Err(PackageError::TooLarge)),
            "{refused:?}"
        );
        assert!(packages.installed().unwrap().is_empty());
    }

    #[test]
    fn a_link_in_the_place_of_opt_is_not_followed() {
        let (dir, packages) = packages();
        let outside = tempfile::tempdir().unwrap();
        packages.deliver("p", &game("1")).unwrap();
        let opt = dir.path().join("opt");
        if opt.exists() {
            fs::remove_dir_all(&opt).unwrap();
        }
        symlink(outside.path(), &opt).unwrap();
        assert!(packages.install("p", true, 1).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
