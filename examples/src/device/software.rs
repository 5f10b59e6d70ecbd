//! [`Software`]: SCOMO on the packages of a root.

use std::io;

use dm_proto::{StatusCode, Text, session::UserReply};
use dm_tree::{NodeUri, object::Job};
use scomo::{
    Operation, ResultCode,
    device::{
        Activation, Asked, Component, Consent, Device, Effect, Facts, FetchEffect, InstallEffect,
        Package, PackageIs, Question, STARTED, Sink, Subject, Verdict,
    },
};

use super::{
    background::{Background, Gate},
    download::{DownloadError, Downloader},
    package::{PackageError, Sha256Digest, essence, is_deb_type, is_out_of_room, is_package_type},
    packages::{Installed, PackageKind, Packages},
    user::SharedUser,
};

/// Checks a package that is on the device against what was announced of it: an operation of our own.
pub(super) const CHECK: &str = "Check";

/// The execution environment of our packages.
const ENVIRONMENT: &str = "linux";

/// SCOMO on the packages of a root.
///
/// A resumed job looks at what is there: what it was to do and is done counts as done, all else is done
/// again from the beginning, since each step leaves either everything or nothing.
pub(super) struct Software {
    pub(super) packages: Packages,
    pub(super) fetcher: Fetcher,
    pub(super) user: SharedUser,
    /// Where downloads go on by themselves; without it the device waits for them.
    pub(super) background: Option<Background>,
}

/// Fetches packages, wherever that goes on.
#[derive(Clone)]
pub(super) struct Fetcher {
    pub(super) packages: Packages,
    pub(super) downloader: Downloader,
    pub(super) user: SharedUser,
}

impl Fetcher {
    fn fetch(&self, package: &Package, job: &Job, gate: &Gate) -> Result<Facts, ResultCode> {
        let tell = |message: &str| self.user.tell(message);
        // Kept means checked: an interrupted download leaves nothing that could be taken for a package.
        // Only a resumed job may take it for its own, and only if it is what was announced.
        if job.resumed && job.stage >= STARTED {
            let params = package.install_params.as_deref().unwrap_or_default();
            let checked = Sha256Digest::in_params(params)
                .and_then(|digest| self.packages.check(&package.id, digest));
            if checked.is_ok() {
                let fetched =
                    self.downloader
                        .fetched_before(&package.id, &self.packages, gate, tell);
                return fetched.map_err(|error| error.result_code());
            }
        }
        self.fetch_package(package, gate).map_err(|error| {
            // Once it was stopped, nobody is there any more to be told.
            if !matches!(error, DownloadError::Stopped) {
                self.user.tell(&format!("download failed: {error}"));
            }
            error.result_code()
        })
    }

    fn fetch_package(&self, package: &Package, gate: &Gate) -> Result<Facts, DownloadError> {
        let url = package.url.as_deref().unwrap_or_default();
        check_kind(package, &self.packages)?;
        // The digest comes over the authenticated session, the package from anywhere.
        let params = package.install_params.as_deref().unwrap_or_default();
        let digest = Sha256Digest::in_params(params)?;
        self.downloader
            .fetch(url, digest, &package.id, &self.packages, gate, |message| {
                self.user.tell(message);
            })
    }
}

impl Software {
    /// Tells the user of a failure, and returns the result for the server.
    fn failed(&self, what: &str, error: &dyn core::error::Error, result: ResultCode) -> ResultCode {
        self.user.tell(&format!("{what} failed: {error}"));
        result
    }

    /// Checks that a package that is here, fetched or delivered, is what was announced.
    fn check(&self, package: &Package) -> Result<(), PackageError> {
        check_kind(package, &self.packages)?;
        let is_delivered = package.data.is_some() || package.received.is_some();
        if let Some(data) = &package.data {
            self.packages.deliver(&package.id, data)?;
        } else if package.received.is_some() {
            self.packages
                .take_delivery(package.uri.as_str(), &package.id)?;
        }
        let params = package.install_params.as_deref().unwrap_or_default();
        match Sha256Digest::in_params(params) {
            Ok(digest) => self.packages.check(&package.id, digest)?,
            // Delivered in the session itself, a package needs no digest.
            Err(PackageError::NoDigest) if is_delivered => {}
            Err(error) => return Err(error),
        }
        let size = self.packages.size(&package.id)?;
        if package
            .facts
            .size
            .is_some_and(|described| described != size)
        {
            let reason = format!("it has {size} octets, not what its descriptor says");
            return Err(PackageError::malformed(reason));
        }
        let found = self.packages.kind(&package.id)?;
        if declared_kind(package).is_some_and(|declared| declared != found) {
            let reason = format!("it is a {found:?}, not what PkgType says");
            return Err(PackageError::malformed(reason));
        }
        Ok(())
    }

    fn install_package(
        &self,
        package: &Package,
        activation: Activation,
        job: &Job,
    ) -> Result<Vec<Installed>, PackageError> {
        if job.resumed {
            let done = self.packages.installed_by(job.id.0)?;
            if !done.is_empty() {
                return Ok(done);
            }
        }
        let activate = activation == Activation::Active;
        self.packages.install(&package.id, activate, job.id.0)
    }

    /// Fetched only to be installed, a package is not kept; what cannot be deleted takes room, no more.
    fn dispose(&self, package: &Package) -> PackageIs {
        if package.url.is_some() {
            let _ = self.packages.delete(&package.id);
        }
        if self.packages.has(&package.id) {
            PackageIs::Kept
        } else {
            PackageIs::Deleted
        }
    }

    fn set_active(&self, component: &Component, active: bool, failed: ResultCode) -> Effect {
        let what = if active { "activating" } else { "deactivating" };
        Effect::Done(match self.packages.set_active(&component.id, active) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(PackageError::AlwaysActive) => ResultCode::NOT_IMPLEMENTED,
            Err(error) => self.failed(what, &error, failed),
        })
    }
}

impl Device for Software {
    fn fetch(&mut self, package: &Package, job: &Job) -> FetchEffect {
        if let Some(background) = &self.background {
            let fetcher = self.fetcher.clone();
            let (of_package, of_job) = (package.clone(), job.clone());
            let spawned = background.spawn(job.clone(), move |gate| {
                fetcher.fetch(&of_package, &of_job, gate)
            });
            // Where the system has no thread to give, it is waited for.
            if spawned.is_ok() {
                return FetchEffect::Later;
            }
        }
        match self.fetcher.fetch(package, job, &Gate::default()) {
            Ok(facts) => FetchEffect::Fetched(facts),
            Err(result) => FetchEffect::Done(result),
        }
    }

    fn download_abandoned(&self, package: &Package, delivered: PackageIs) {
        // What cannot be deleted takes room, no more.
        let _ = self.fetcher.downloader.forget(&package.id, &self.packages);
        if delivered == PackageIs::Deleted {
            let _ = self.packages.delete(&package.id);
        }
    }

    fn verify(&mut self, package: &Package, _job: &Job) -> Verdict {
        match self.check(package) {
            Ok(()) => Verdict::Valid,
            Err(error) => Verdict::Invalid {
                result: self.failed("verification", &error, install_result(&error)),
                package: self.dispose(package),
            },
        }
    }

    fn contents(&mut self, package: &Package, _job: &Job) -> Vec<Component> {
        // What is malformed fails when it is installed.
        let contents = self.packages.contents(&package.id).unwrap_or_default();
        let component = |(id, version): (String, Option<String>)| {
            let mut component = Component::new(id);
            component.version = version.map(Text::from);
            component
        };
        contents.into_iter().map(component).collect()
    }

    fn confirm(&mut self, question: Question, subject: &Subject, job: &Job) -> Consent {
        let what = match question {
            Question::Download => "Download",
            Question::Install => "Install",
            Question::Vendor => job.node.name(),
        };
        let name = subject.name().map_or("this device", Text::as_str);
        match self.user.confirm(&format!("{what} {name}?")) {
            UserReply::Yes => Consent::Yes,
            UserReply::No => Consent::No,
            _ => Consent::Postponed,
        }
    }

    fn sink(&self) -> Option<&dyn Sink> {
        Some(&self.packages)
    }

    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect {
        match self.install_package(package, activation, job) {
            Ok(components) => InstallEffect::Installed {
                components: components.iter().map(to_component).collect(),
                package: self.dispose(package),
            },
            Err(error) => InstallEffect::Failed {
                result: self.failed("installation", &error, install_result(&error)),
                package: self.dispose(package),
            },
        }
    }

    fn activate(&mut self, component: &Component, _job: &Job) -> Effect {
        self.set_active(component, true, ResultCode::ACTIVATE_FAILED)
    }

    fn deactivate(&mut self, component: &Component, _job: &Job) -> Effect {
        self.set_active(component, false, ResultCode::DEACTIVATE_FAILED)
    }

    fn remove_component(&mut self, component: &Component, job: &Job) -> Effect {
        Effect::Done(match self.packages.remove(&component.id) {
            Ok(()) => ResultCode::SUCCESSFUL,
            // It was removed before the restart.
            Err(PackageError::NoComponent(_)) if job.resumed => ResultCode::SUCCESSFUL,
            Err(error) => self.failed("removal", &error, ResultCode::REMOVE_FAILED),
        })
    }

    fn remove_package(&mut self, package: &Package, _job: &Job) -> Effect {
        self.packages.abandoned(&package.uri);
        Effect::Done(match self.packages.delete(&package.id) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => self.failed("removal", &error, ResultCode::REMOVE_FAILED),
        })
    }

    fn vendor(&mut self, _path: &str, subject: &Subject, _job: &Job) -> Effect {
        // There is but one: `CHECK`.
        let Subject::Package(package) = subject else {
            return Effect::Done(ResultCode::NOT_IMPLEMENTED);
        };
        Effect::Done(match self.check(package) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => self.failed("verification", &error, install_result(&error)),
        })
    }

    fn supports_environment(&self, env_type: &str) -> bool {
        env_type.is_empty() || env_type.eq_ignore_ascii_case(ENVIRONMENT)
    }

    fn allows(&self, asked: &Asked, subject: &Subject) -> Result<(), StatusCode> {
        let Asked::Operation(operation) = asked else {
            return Ok(());
        };
        match subject {
            Subject::Package(package) => {
                if check_kind(package, &self.packages).is_err() {
                    return Err(ResultCode::ENVIRONMENT_NOT_SUPPORTED.into());
                }
                if operation.activates() == Some(false)
                    && declared_kind(package) == Some(PackageKind::Deb)
                {
                    return Err(ResultCode::NOT_IMPLEMENTED.into());
                }
                Ok(())
            }
            Subject::Component(component) => {
                let deactivates = *operation == Operation::Deactivate;
                if deactivates && self.packages.is_deb(&component.id) {
                    return Err(ResultCode::NOT_IMPLEMENTED.into());
                }
                Ok(())
            }
            Subject::Object => Ok(()),
        }
    }
}

/// Packages that are delivered in pieces go into files, and become packages when they are verified.
impl Sink for Packages {
    fn begin(&self, uri: &NodeUri, size: u64) -> Result<(), StatusCode> {
        if size > self.limits().package {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        if self.root().room().is_ok_and(|room| room < size) {
            return Err(StatusCode::DEVICE_FULL);
        }
        let path = self.delivery(uri.as_str());
        self.root()
            .write(&path, b"")
            .map_err(|error| status(&error))
    }

    fn write(&self, uri: &NodeUri, offset: u64, octets: &[u8]) -> Result<(), StatusCode> {
        let path = self.delivery(uri.as_str());
        let written = self.root().write_at(&path, offset, octets);
        written.map_err(|error| status(&error))
    }

    fn abandoned(&self, uri: &NodeUri) {
        // What cannot be deleted is overwritten by the next.
        let _ = self.root().remove_file(&self.delivery(uri.as_str()));
    }
}

fn status(error: &io::Error) -> StatusCode {
    if is_out_of_room(error) {
        StatusCode::DEVICE_FULL
    } else {
        StatusCode::COMMAND_FAILED
    }
}

/// What left the factory with the device, from the files of its image.
pub(super) fn factory_components(files: Vec<(String, Vec<u8>)>) -> Vec<Component> {
    files
        .iter()
        .filter_map(|(path, content)| super::packages::read_record(path, content))
        .map(|installed| to_component(&installed))
        .collect()
}

fn to_component(installed: &Installed) -> Component {
    let text = |text: &Option<String>| text.as_deref().map(Text::from);
    let mut component = Component::new(installed.component.id.as_str());
    component.pkg_id = Some(installed.package.as_str().into());
    component.name = text(&installed.component.name);
    component.version = text(&installed.component.version);
    component.description = text(&installed.component.description);
    component.env_type = Some(Text::from_static(ENVIRONMENT));
    component.active = installed.active;
    component
}

/// Refuses a package whose type or address says that this device cannot install it.
fn check_kind(package: &Package, packages: &Packages) -> Result<(), PackageError> {
    let debs = packages.takes_debs();
    if !debs && is_called_deb(package) {
        return Err(PackageError::Kind(".deb"));
    }
    match package.pkg_type.as_deref().map(essence).as_deref() {
        None | Some("") => Ok(()),
        Some(known) if is_package_type(known, debs) => Ok(()),
        Some(_) => Err(PackageError::Kind("other than .tar and .deb")),
    }
}

/// Whether the type or the address of a package is that of a `.deb`.
fn is_called_deb(package: &Package) -> bool {
    let url = package.url.as_deref().unwrap_or_default();
    declared_kind(package) == Some(PackageKind::Deb) || url.ends_with(".deb")
}

/// What the type of a package says that it is, if it says it.
fn declared_kind(package: &Package) -> Option<PackageKind> {
    match essence(package.pkg_type.as_deref()?).as_str() {
        "application/x-tar" => Some(PackageKind::Tar),
        other if is_deb_type(other) => Some(PackageKind::Deb),
        _ => None,
    }
}

fn install_result(error: &PackageError) -> ResultCode {
    match error {
        PackageError::Digest { .. } | PackageError::NoDigest | PackageError::BadDigest(_) => {
            ResultCode::PACKAGE_VALIDATION_FAILED
        }
        PackageError::Kind(_) | PackageError::Scripts(_) => ResultCode::ENVIRONMENT_NOT_SUPPORTED,
        PackageError::AlwaysActive => ResultCode::NOT_IMPLEMENTED,
        error if error.is_out_of_room() => ResultCode::INSTALL_OUT_OF_MEMORY,
        PackageError::Io(error) if error.kind() == io::ErrorKind::Interrupted => {
            ResultCode::UNDEFINED_ERROR
        }
        _ => ResultCode::INSTALL_FAILED,
    }
}
