//! [`Software`]: SCOMO on the packages of a root.

use std::io;

use dm_proto::{StatusCode, Text};
use dm_tree::object::Job;
use scomo::{
    Operation, ResultCode,
    device::{
        Activation, Component, Device, Effect, InstallEffect, Package, PackageIs, STARTED, Subject,
    },
};

use super::{
    download::{DownloadError, Downloader},
    package::{PackageError, Sha256Digest, essence, is_deb_type, is_package_type},
    packages::{Installed, PackageKind, Packages},
    user::SharedUser,
};

/// The execution environment of our packages.
const ENVIRONMENT: &str = "linux";

/// SCOMO on the packages of a root.
///
/// A resumed job looks at what is there: what it was to do and is done counts as done, all else is done
/// again from the beginning, since each step leaves either everything or nothing.
pub(super) struct Software {
    pub(super) packages: Packages,
    pub(super) downloader: Downloader,
    pub(super) user: SharedUser,
}

impl Software {
    /// Tells the user of a failure, and returns the result for the server.
    fn failed(&self, what: &str, error: &dyn core::error::Error, result: ResultCode) -> ResultCode {
        self.user.tell(&format!("{what} failed: {error}"));
        result
    }

    fn fetch_package(&self, package: &Package) -> Result<(), DownloadError> {
        let url = package.url.as_deref().unwrap_or_default();
        self.check_kind(package)?;
        // The digest comes over the authenticated session, the package from anywhere.
        let params = package.install_params.as_deref().unwrap_or_default();
        let digest = Sha256Digest::in_params(params)?;
        self.downloader
            .fetch(url, digest, &package.id, &self.packages, |message| {
                self.user.tell(message);
            })
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
        self.check_kind(package)?;
        if let Some(data) = &package.data {
            self.packages.deliver(&package.id, data)?;
        }
        match package
            .install_params
            .as_deref()
            .map(Sha256Digest::in_params)
        {
            Some(Ok(digest)) => self.packages.check(&package.id, digest)?,
            // Delivered in the session itself, a package needs no digest.
            None | Some(Err(PackageError::NoDigest)) if package.data.is_some() => {}
            Some(Err(error)) => return Err(error),
            None => return Err(PackageError::NoDigest),
        }
        let found = self.packages.kind(&package.id)?;
        if declared_kind(package).is_some_and(|declared| declared != found) {
            let reason = format!("it is a {found:?}, not what PkgType says");
            return Err(PackageError::malformed(reason));
        }
        let activate = activation == Activation::Active;
        self.packages.install(&package.id, activate, job.id.0)
    }

    fn set_active(&self, component: &Component, active: bool, failed: ResultCode) -> Effect {
        let what = if active { "activating" } else { "deactivating" };
        Effect::Done(match self.packages.set_active(&component.id, active) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(PackageError::AlwaysActive) => ResultCode::NOT_IMPLEMENTED,
            Err(error) => self.failed(what, &error, failed),
        })
    }

    /// Refuses a package whose type or address says that this device cannot install it.
    fn check_kind(&self, package: &Package) -> Result<(), PackageError> {
        let debs = self.packages.takes_debs();
        if !debs && is_called_deb(package) {
            return Err(PackageError::Kind(".deb"));
        }
        match package.pkg_type.as_deref().map(essence).as_deref() {
            None | Some("") => Ok(()),
            Some(known) if is_package_type(known, debs) => Ok(()),
            Some(_) => Err(PackageError::Kind("other than .tar and .deb")),
        }
    }
}

impl Device for Software {
    fn fetch(&mut self, package: &Package, job: &Job) -> Effect {
        // Kept means checked: an interrupted download leaves nothing that could be taken for a package.
        // Only a resumed job may take it for its own, and only if it is what was announced.
        if job.resumed && job.stage >= STARTED {
            let params = package.install_params.as_deref().unwrap_or_default();
            let checked = Sha256Digest::in_params(params)
                .and_then(|digest| self.packages.check(&package.id, digest));
            if checked.is_ok() {
                return Effect::Done(ResultCode::SUCCESSFUL);
            }
        }
        Effect::Done(match self.fetch_package(package) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => self.failed("download", &error, error.result_code()),
        })
    }

    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect {
        // Fetched only to be installed, a package is not kept.
        let is_fetched = package.url.is_some();
        let kept = |kept| {
            if kept {
                PackageIs::Kept
            } else {
                PackageIs::Deleted
            }
        };
        match self.install_package(package, activation, job) {
            Ok(components) => {
                if is_fetched {
                    // What cannot be deleted takes room, no more.
                    let _ = self.packages.delete(&package.id);
                }
                InstallEffect::Installed {
                    components: components.iter().map(to_component).collect(),
                    package: kept(!is_fetched),
                }
            }
            Err(error) => {
                if is_fetched {
                    let _ = self.packages.delete(&package.id);
                }
                let result = install_result(&error);
                InstallEffect::Failed {
                    result: self.failed("installation", &error, result),
                    package: kept(!is_fetched && self.packages.has(&package.id)),
                }
            }
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
        Effect::Done(match self.packages.delete(&package.id) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => self.failed("removal", &error, ResultCode::REMOVE_FAILED),
        })
    }

    fn supports_environment(&self, env_type: &str) -> bool {
        env_type.is_empty() || env_type.eq_ignore_ascii_case(ENVIRONMENT)
    }

    fn allows(&self, operation: Operation, subject: &Subject) -> Result<(), StatusCode> {
        match subject {
            Subject::Package(package) => {
                if self.check_kind(package).is_err() {
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
                let deactivates = operation == Operation::Deactivate;
                if deactivates && self.packages.is_deb(&component.id) {
                    return Err(ResultCode::NOT_IMPLEMENTED.into());
                }
                Ok(())
            }
        }
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
        PackageError::Digest { .. } | PackageError::NoDigest => {
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
