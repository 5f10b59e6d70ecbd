//! `.deb` packages: installed and removed by dpkg, each as a whole or not at all.
//!
//! dpkg finishes or undoes most of what fails, but not what is cut. So the archive of each installed package
//! is kept, and what was begun is written down before it begins: what was cut is brought back from the archive
//! of the version before, or purged.

use std::{collections::BTreeSet, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        dpkg::{self, Deb, Dpkg, Entry},
        locks::{FULLY_LOCKED, PARTIALLY_LOCKED},
        package::{ManifestComponent, PackageError, is_id},
        progress,
        root::MARKER,
    },
    ACTIVE, CACHE, INACTIVE, Installed, MAX_RECORD, Packages, STAGE, TRASH, cached,
};

/// The record and the archive of each installed package.
pub(super) const DEBS: &str = "var/lib/dm-device/debs";

/// The file of a stage that says what was begun.
const PLAN: &str = "plan.json";

/// The package of a stage.
const NEW: &str = "new.deb";

/// The longest plan, which names folders.
const MAX_PLAN: u64 = 16 << 20;

/// The longest list of a package's files.
const MAX_LIST: u64 = 16 << 20;

/// What was begun.
#[derive(Deserialize, Serialize)]
struct Plan {
    /// What is there if it is finished.
    record: Installed,
    /// The version that was there before.
    previous: Option<String>,
    /// The folders that were there before and are the package's, too: dpkg removes them if they are empty.
    folders: Vec<String>,
}

fn record(name: &str) -> String {
    format!("{DEBS}/{name}.json")
}

fn archive(name: &str) -> String {
    format!("{DEBS}/{name}.deb")
}

/// The name of a package, if this is the path of its record.
pub(super) fn recorded(path: &str) -> Option<&str> {
    let name = path.strip_prefix(DEBS)?.strip_prefix('/')?;
    name.strip_suffix(".json").filter(|name| is_id(name))
}

impl Packages {
    /// Whether `.deb` packages can be installed: where this machine has dpkg.
    pub fn takes_debs(&self) -> bool {
        self.dpkg.is_some()
    }

    /// Whether a component came as a `.deb`, which is always active.
    pub fn is_deb(&self, id: &str) -> bool {
        is_id(id) && self.root.exists(&record(id))
    }

    fn dpkg(&self) -> Result<&Dpkg, PackageError> {
        self.dpkg.as_ref().ok_or(PackageError::Kind(".deb"))
    }

    fn absolute(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The packages that were installed, with those that are not whole left out.
    pub(super) fn debs(&self) -> io::Result<Vec<Installed>> {
        let mut all = Vec::new();
        for file in self.root.names(DEBS)? {
            if let Some(name) = file.strip_suffix(".json")
                && let Some(found) = self.deb(name)?
            {
                all.push(found);
            }
        }
        Ok(all)
    }

    pub(super) fn deb(&self, name: &str) -> io::Result<Option<Installed>> {
        if !is_id(name) {
            return Ok(None);
        }
        let Some(found) = self.root.read(&record(name), MAX_RECORD)? else {
            return Ok(None);
        };
        let found = serde_json::from_slice::<Installed>(&found).ok();
        Ok(found
            .filter(|found| found.component.id == name)
            .map(|found| Installed {
                active: true,
                ..found
            }))
    }

    /// Installs a package that is on the device.
    pub(super) fn install_deb(
        &self,
        package_id: &str,
        stage: &str,
        job: u64,
    ) -> Result<Vec<Installed>, PackageError> {
        let dpkg = self.dpkg()?;
        let new = format!("{stage}/{NEW}");
        self.root.link(&cached(package_id), &new)?;
        let deb = dpkg.read(&self.absolute(&new))?;
        let name = deb.name.clone();
        let previous = self.check_deb(dpkg, &deb)?;
        let folders = self.check_content(dpkg, &new)?;
        self.check_list(&name)?;
        let mut component = ManifestComponent::new(&name, &name, &deb.version);
        component.description = deb.description;
        let plan = Plan {
            record: Installed {
                component,
                package: package_id.to_owned(),
                job: Some(job),
                active: true,
            },
            previous,
            folders,
        };
        let written = serde_json::to_vec(&plan).map_err(io::Error::from)?;
        if written.len() as u64 > MAX_PLAN {
            return Err(PackageError::TooLarge);
        }
        self.root.write(&format!("{stage}/{PLAN}"), &written)?;
        let spinner = progress::spinner(&format!("installing {name} {}", deb.version));
        let installed = dpkg.install(&self.root, &self.absolute(&new));
        spinner.finish();
        match installed {
            Ok(()) => {
                self.keep_deb(stage, &plan)?;
                Ok(vec![plan.record])
            }
            Err(error) => {
                self.undo_deb(dpkg, &plan)?;
                Err(error)
            }
        }
    }

    /// Whether it may be installed; the version that is there.
    fn check_deb(&self, dpkg: &Dpkg, deb: &Deb) -> Result<Option<String>, PackageError> {
        let Deb { name, version, .. } = deb;
        if !is_id(name) {
            return Err(PackageError::malformed(format!("package name {name:?}")));
        }
        for place in [ACTIVE, INACTIVE] {
            if self.at(place, name)?.is_some() {
                let reason = format!("{name} is there and did not come as a .deb");
                return Err(PackageError::malformed(reason));
            }
        }
        if let Some(replaced) = dpkg.replaced_by(&self.root, deb)? {
            let reason = format!("it replaces {}, which is there", replaced.name);
            return Err(PackageError::malformed(reason));
        }
        let installed = dpkg.status(&self.root, name)?;
        match (self.deb(name)?, installed) {
            (Some(_), Some((installed, true))) => {
                if !self.downgrades && dpkg.is_earlier(version, &installed)? {
                    return Err(PackageError::Older {
                        installed,
                        offered: version.clone(),
                    });
                }
                Ok(Some(installed))
            }
            (None, None) => Ok(None),
            // Nobody has the archive that would bring it back.
            _ => Err(PackageError::malformed(format!(
                "{name} is in the books of dpkg and was not installed by this program"
            ))),
        }
    }

    /// Whether what is in it may be put into the root; the folders of it that are there.
    fn check_content(&self, dpkg: &Dpkg, new: &str) -> Result<Vec<String>, PackageError> {
        let mut room = self.limits.content;
        let mut entries = 0_u32;
        let mut links = BTreeSet::new();
        let mut folders = Folders::default();
        dpkg.content(&self.absolute(new), |path, kind, size| {
            entries = entries.saturating_add(1);
            room = room.checked_sub(size).ok_or(PackageError::TooLarge)?;
            if entries > self.limits.files {
                return Err(PackageError::TooLarge);
            }
            if is_ours(path) {
                return Err(PackageError::malformed(format!("{path:?} is ours")));
            }
            if let Some(id) = path.strip_prefix("opt/")
                && let Some(id) = id.split('/').next()
                && self.at(ACTIVE, id)?.is_some()
            {
                let reason = format!("{path:?} is in the folder of another component");
                return Err(PackageError::malformed(reason));
            }
            folders.check(self, path, kind == Entry::Folder)?;
            if kind == Entry::Link {
                links.insert(path.to_owned());
            }
            Ok(())
        })?;
        // dpkg would put what is behind a link where the link leads.
        let behind = folders.seen.iter().find(|folder| links.contains(*folder));
        if let Some(link) = behind {
            return Err(PackageError::malformed(format!("{link:?} is a link")));
        }
        Ok(folders.there)
    }

    /// Whether dpkg would stay in the root while it removes the files of a package.
    fn check_list(&self, name: &str) -> Result<(), PackageError> {
        let path = format!("{}/info/{name}.list", dpkg::ADMIN);
        let Some(list) = self.root.read(&path, MAX_LIST)? else {
            return Ok(());
        };
        let list = String::from_utf8_lossy(&list);
        let mut folders = Folders::default();
        for path in list.lines().map(|line| line.trim_start_matches('/')) {
            if !matches!(path, "" | ".") {
                folders.check(self, path, false)?;
            }
        }
        Ok(())
    }

    /// Makes the package of a stage the one that is there.
    fn keep_deb(&self, stage: &str, plan: &Plan) -> io::Result<()> {
        let name = &plan.record.component.id;
        let new = format!("{stage}/{NEW}");
        // Where it is gone, it is in its place already.
        if self.root.exists(&new) {
            self.root.rename(&new, &archive(name))?;
        }
        let written = serde_json::to_vec(&plan.record)?;
        self.root.write(&record(name), &written)
    }

    /// Brings back what was there before.
    fn undo_deb(&self, dpkg: &Dpkg, plan: &Plan) -> Result<(), PackageError> {
        let name = &plan.record.component.id;
        let found = dpkg.status(&self.root, name)?;
        match &plan.previous {
            // The same version may be another archive.
            Some(previous)
                if found != Some((previous.clone(), true))
                    || plan.record.component.version.as_ref() == Some(previous) =>
            {
                dpkg.install(&self.root, &self.absolute(&archive(name)))?;
            }
            Some(_) => {}
            None if found.is_some() => dpkg.purge(&self.root, name, true)?,
            None => {}
        }
        for folder in &plan.folders {
            self.root.make_folder(folder)?;
        }
        Ok(())
    }

    /// Finishes what dpkg had finished and undoes what it had not; false if the stage is none of dpkg's.
    pub(super) fn settle_deb(&self, stage: &str) -> io::Result<bool> {
        let Some(plan) = self.root.read(&format!("{stage}/{PLAN}"), MAX_PLAN)? else {
            return Ok(false);
        };
        let plan: Plan = serde_json::from_slice(&plan)?;
        let dpkg = self.dpkg().map_err(io::Error::other)?;
        dpkg.wait(&self.root)?;
        let component = &plan.record.component;
        let found = dpkg.status(&self.root, &component.id)?;
        let is_done = found
            .is_some_and(|(version, whole)| whole && component.version.as_ref() == Some(&version));
        if is_done && plan.previous != component.version {
            self.keep_deb(stage, &plan)?;
        } else {
            self.undo_deb(dpkg, &plan).map_err(io::Error::other)?;
        }
        Ok(true)
    }

    /// Uninstalls a package. What was cut is done again.
    pub(super) fn remove_deb(&self, name: &str) -> Result<(), PackageError> {
        let dpkg = self.dpkg()?;
        dpkg.wait(&self.root)?;
        self.check_list(name)?;
        dpkg.purge(&self.root, name, false)?;
        self.root.remove_file(&archive(name))?;
        // Last: until it is gone, the component is there.
        Ok(self.root.remove_file(&record(name))?)
    }
}

/// The folders that paths lead through, none of which may be a link: dpkg would follow it.
#[derive(Default)]
struct Folders {
    seen: BTreeSet<String>,
    there: Vec<String>,
}

impl Folders {
    /// Looks at the folders before a path, and at the path itself if it is one.
    fn check(
        &mut self,
        packages: &Packages,
        path: &str,
        is_folder: bool,
    ) -> Result<(), PackageError> {
        let ends = path.match_indices('/').map(|(at, _)| at);
        let ends = ends.chain(is_folder.then_some(path.len()));
        for folder in ends.filter_map(|end| path.get(..end)) {
            if self.seen.contains(folder) {
                continue;
            }
            let found = packages.root.metadata(folder)?;
            match found {
                Some(found) if found.is_symlink() => {
                    return Err(PackageError::malformed(format!("{folder:?} is a link")));
                }
                Some(found) if found.is_dir() => self.there.push(folder.to_owned()),
                Some(_) | None => {}
            }
            self.seen.insert(folder.to_owned());
        }
        Ok(())
    }
}

/// Whether a path is where this program or dpkg keep their books, or what locks the device.
fn is_ours(path: &str) -> bool {
    let inside = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    [MARKER, FULLY_LOCKED, PARTIALLY_LOCKED].contains(&path)
        || [DEBS, dpkg::ADMIN, INACTIVE, STAGE, TRASH, CACHE]
            .into_iter()
            .any(|folder| path == folder || inside(folder))
}
