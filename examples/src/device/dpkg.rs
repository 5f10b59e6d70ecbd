//! [`Dpkg`]: Debian's package manager, on a root that is not that of this machine.

use core::time::Duration;
use std::{
    env,
    ffi::OsStr,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use rustix::fs::FlockOperation;

use super::{
    factory::entry_path,
    package::PackageError,
    root::{self, Root},
};

/// Where dpkg keeps its books, below the root.
pub(super) const ADMIN: &str = "var/lib/dpkg";

/// What dpkg is called with each time: without being root, without asking, and with all files of a
/// package whatever this machine leaves out of its own.
const ALWAYS: [&str; 4] = [
    "--force-not-root,bad-path,confdef,confold",
    "--log=/dev/null",
    "--no-debsig",
    "--path-include=*",
];

/// What would run on this machine, since the root need not have anything to run it with.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// The most of an answer of dpkg's that is read.
const MAX_ANSWER: u64 = 64 << 10;

/// How long another dpkg, begun before this program was killed, is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The package manager.
#[derive(Clone, Debug)]
pub(super) struct Dpkg {
    path: PathBuf,
}

/// What a `.deb` says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Deb {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: Option<String>,
    /// What it takes the place of, in part or as a whole.
    pub(super) replaces: Vec<Relation>,
}

/// A package that another names, maybe of some versions only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Relation {
    name: String,
    /// How the version is compared, as `dpkg --compare-versions` takes it, and with what.
    version: Option<(String, String)>,
}

impl Relation {
    /// The relations of a field of a control file.
    fn parse(field: &str) -> Vec<Self> {
        let relations = field.split([',', '|']).map(|relation| {
            let (name, version) = match relation.split_once('(') {
                Some((name, version)) => (name, version.split(')').next()),
                None => (relation, None),
            };
            let version = version.map(str::trim).map(|version| {
                let is_of_operator = |c| matches!(c, '<' | '=' | '>');
                let end = version.find(|c| !is_of_operator(c));
                let (operator, version) = version.split_at(end.unwrap_or(version.len()));
                (operator.to_owned(), version.trim().to_owned())
            });
            Self {
                name: name.split(':').next().unwrap_or_default().trim().to_owned(),
                version,
            }
        });
        relations
            .filter(|relation| !relation.name.is_empty())
            .collect()
    }
}

/// A package in the books of a root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Known {
    pub(super) name: String,
    version: String,
    provides: Vec<Relation>,
}

/// What is in a `.deb`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    Folder,
    File,
    Link,
}

impl Dpkg {
    /// The one on this machine, if it has one.
    pub(super) fn find() -> Option<Self> {
        let path = env::var_os("PATH")?;
        let found = env::split_paths(&path).find(|folder| {
            ["dpkg", "dpkg-deb", "dpkg-query"]
                .iter()
                .all(|name| folder.join(name).is_file())
        });
        found.map(|path| Self { path })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path.join(name));
        // Nothing of who runs this program: not its language, not its configuration.
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path.display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn on(&self, root: &Root, name: &str) -> Command {
        let mut command = self.command(name);
        command.arg("--admindir").arg(root.path().join(ADMIN));
        command
    }

    /// What a `.deb` says of itself.
    ///
    /// # Errors
    ///
    /// If it is none, or wants to run scripts.
    pub(super) fn read(&self, archive: &Path) -> Result<Deb, PackageError> {
        let mut control = None;
        self.entries(archive, "--ctrl-tarfile", |name, _, entry| {
            if SCRIPTS.contains(&name) {
                return Err(PackageError::Scripts(name.to_owned()));
            }
            if name == "control" {
                let mut text = String::new();
                entry
                    .take(MAX_ANSWER)
                    .read_to_string(&mut text)
                    .map_err(|error| PackageError::malformed(error.to_string()))?;
                control = Some(text);
            }
            Ok(())
        })?;
        let control = control.ok_or_else(|| PackageError::malformed("no control file"))?;
        // A field goes on in lines that begin with a space; all but descriptions are one list.
        let unfolded = control.replace("\n ", "\0").replace("\n\t", "\0");
        let field = |name: &str| {
            unfolded.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                let value = value.trim();
                (found.eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
            })
        };
        let first_line = |text: String| text.split('\0').next().unwrap_or_default().to_owned();
        let needed = |name| {
            let missing = || PackageError::malformed(format!("no {name} in its control file"));
            field(name).ok_or_else(missing)
        };
        Ok(Deb {
            name: needed("Package")?,
            version: needed("Version")?,
            description: field("Description").map(first_line),
            replaces: Relation::parse(&field("Replaces").unwrap_or_default().replace('\0', " ")),
        })
    }

    /// Calls `each` with every path in a `.deb`, relative to the root, and its size.
    ///
    /// # Errors
    ///
    /// If it is none, holds what is neither file nor folder nor link, or `each` fails.
    pub(super) fn content(
        &self,
        archive: &Path,
        mut each: impl FnMut(&str, Entry, u64) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        self.entries(archive, "--fsys-tarfile", |name, size, entry| {
            let kind = entry.header().entry_type();
            let kind = if kind.is_dir() {
                Entry::Folder
            } else if kind.is_file() || kind.is_hard_link() {
                Entry::File
            } else if kind.is_symlink() {
                Entry::Link
            } else {
                return Err(PackageError::malformed(format!(
                    "{name:?} is neither file, folder nor link ({kind:?})"
                )));
            };
            if kind == Entry::File
                && let Some(target) = entry.link_name_bytes()
            {
                // To a file of its own, if to any.
                let target = core::str::from_utf8(&target).unwrap_or("..");
                let target = target.trim_start_matches("./");
                root::split(target).map_err(|error| PackageError::malformed(error.to_string()))?;
            }
            each(name, kind, size)
        })
    }

    fn entries(
        &self,
        archive: &Path,
        which: &str,
        mut each: impl FnMut(&str, u64, &mut tar::Entry<'_, Stream>) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let bad = |error: io::Error| PackageError::malformed(error.to_string());
        let mut command = self.command("dpkg-deb");
        command.arg(which).arg(archive).stdout(Stdio::piped());
        let mut tar = tar::Archive::new(Stream(command.spawn()?));
        for entry in tar.entries().map_err(bad)? {
            let mut entry = entry.map_err(bad)?;
            let name = entry_path(&entry).map_err(bad)?;
            // The folder that all the others are in.
            if matches!(name.as_str(), "" | ".") {
                continue;
            }
            root::split(&name).map_err(bad)?;
            let size = entry.size();
            each(&name, size, &mut entry)?;
        }
        let mut stream = tar.into_inner();
        // What follows the end of a tar is padding.
        io::copy(&mut Read::by_ref(&mut stream), &mut io::sink()).map_err(bad)?;
        if stream.0.wait()?.success() {
            Ok(())
        } else {
            Err(PackageError::malformed("dpkg-deb cannot read it"))
        }
    }

    /// The version of a package in the books of a root, and whether all of it is there; `None` if it is
    /// not there at all.
    pub(super) fn status(&self, root: &Root, name: &str) -> io::Result<Option<(String, bool)>> {
        let output = self
            .on(root, "dpkg-query")
            .args([
                "--show",
                "--showformat=${db:Status-Status} ${Version}\n",
                name,
            ])
            .stdout(Stdio::piped())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let found = text.lines().next().and_then(|line| line.split_once(' '));
        Ok(found
            .filter(|(status, _)| output.status.success() && *status != "not-installed")
            .map(|(status, version)| (version.to_owned(), status == "installed")))
    }

    /// The packages in the books of a root.
    fn known(&self, root: &Root) -> io::Result<Vec<Known>> {
        let output = self
            .on(root, "dpkg-query")
            .args([
                "--show",
                "--showformat=${Package}\t${Version}\t${Provides}\n",
            ])
            .stdout(Stdio::piped())
            .output()?;
        // It fails where there is none, too.
        let text = String::from_utf8_lossy(&output.stdout);
        let known = text.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next()?.to_owned();
            let version = fields.next()?.to_owned();
            let provides = Relation::parse(fields.next()?);
            Some(Known {
                name,
                version,
                provides,
            })
        });
        Ok(known.collect())
    }

    /// Another package of a root that one would take the place of: dpkg removes such a package, or gives its
    /// files to the new one, which then cannot be undone.
    pub(super) fn replaced_by(&self, root: &Root, deb: &Deb) -> io::Result<Option<Known>> {
        if deb.replaces.is_empty() {
            return Ok(None);
        }
        for known in self.known(root)? {
            for replaced in &deb.replaces {
                let is_meant = if known.name == deb.name {
                    false
                } else if known.name == replaced.name {
                    match &replaced.version {
                        Some((operator, version)) => {
                            self.compare(&known.version, operator, version)?
                        }
                        None => true,
                    }
                } else {
                    let mut provided = known.provides.iter();
                    provided.any(|provided| provided.name == replaced.name)
                };
                if is_meant {
                    return Ok(Some(known));
                }
            }
        }
        Ok(None)
    }

    /// Whether one version is earlier than another, as Debian compares them.
    pub(super) fn is_earlier(&self, one: &str, other: &str) -> io::Result<bool> {
        self.compare(one, "lt", other)
    }

    /// Whether one version is to another as `operator` says.
    fn compare(&self, one: &str, operator: &str, other: &str) -> io::Result<bool> {
        let status = self
            .command("dpkg")
            .args(["--compare-versions", one, operator, other])
            .status()?;
        Ok(status.success())
    }

    /// Installs an archive, over whatever version is there.
    pub(super) fn install(&self, root: &Root, archive: &Path) -> Result<(), PackageError> {
        self.act(
            root,
            &["--force-downgrade", "--install"],
            archive.as_os_str(),
        )
    }

    /// Removes a package with its configuration.
    pub(super) fn purge(&self, root: &Root, name: &str, force: bool) -> Result<(), PackageError> {
        let forced = ["--force-depends,remove-reinstreq", "--purge"];
        let arguments = if force { &forced[..] } else { &["--purge"] };
        self.act(root, arguments, OsStr::new(name))
    }

    fn act(&self, root: &Root, arguments: &[&str], on: &OsStr) -> Result<(), PackageError> {
        // No link of a user's may stand in the place of one of these.
        for folder in ["", "/info", "/triggers", "/updates"] {
            root.make_folder(&format!("{ADMIN}{folder}"))?;
        }
        self.wait(root)?;
        let mut child = self
            .on(root, "dpkg")
            .arg("--instdir")
            .arg(root.path())
            .args(ALWAYS)
            .args(arguments)
            .arg(on)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = Vec::new();
        if let Some(stderr) = &mut child.stderr {
            stderr.take(MAX_ANSWER).read_to_end(&mut said)?;
            // What else it says must not hold it up.
            io::copy(stderr, &mut io::sink())?;
        }
        if child.wait()?.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let said: Vec<_> = said.lines().map(str::trim).collect();
        Err(PackageError::Dpkg(said.join(" ")))
    }

    /// Waits until no other dpkg works on a root: one that outlived the program that began it.
    pub(super) fn wait(&self, root: &Root) -> io::Result<()> {
        const STEP: Duration = Duration::from_millis(20);
        let Some(file) = root.open_for_update(&format!("{ADMIN}/lock"))? else {
            return Ok(());
        };
        let mut waited = Duration::ZERO;
        // The lock goes with the file.
        while let Err(error) =
            rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)
        {
            if waited >= PATIENCE {
                return Err(error.into());
            }
            thread::sleep(STEP);
            waited = waited.saturating_add(STEP);
        }
        Ok(())
    }
}

/// What a process writes. It ends with this.
struct Stream(Child);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0.stdout {
            Some(stdout) => stdout.read(buffer),
            None => Ok(0),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It has ended, or nobody reads what it writes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
