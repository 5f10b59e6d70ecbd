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
    package::{PackageError, Sha256Digest, essence, is_package_type},
    packages::{Installed, Packages},
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
        refuse_kind(package)?;
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
        refuse_kind(package)?;
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
        let activate = activation == Activation::Active;
        self.packages.install(&package.id, activate, job.id.0)
    }

    fn set_active(&self, component: &Component, active: bool, failed: ResultCode) -> Effect {
        let what = if active { "activating" } else { "deactivating" };
        Effect::Done(match self.packages.set_active(&component.id, active) {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => self.failed(what, &error, failed),
        })
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

    fn allows(&self, _operation: Operation, subject: &Subject) -> Result<(), StatusCode> {
        match subject {
            Subject::Package(package) if refuse_kind(package).is_err() => {
                Err(ResultCode::ENVIRONMENT_NOT_SUPPORTED.into())
            }
            Subject::Package(_) | Subject::Component(_) => Ok(()),
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

/// Refuses a package whose type or address says that it is none of ours.
fn refuse_kind(package: &Package) -> Result<(), PackageError> {
    let pkg_type = package.pkg_type.as_deref().map(essence);
    let is_deb = pkg_type.as_deref() == Some("application/vnd.debian.binary-package")
        || package
            .url
            .as_deref()
            .is_some_and(|url| url.ends_with(".deb"));
    if is_deb {
        return Err(PackageError::Kind(".deb"));
    }
    match pkg_type.as_deref() {
        None | Some("") => Ok(()),
        Some(known) if is_package_type(known) => Ok(()),
        Some(_) => Err(PackageError::Kind("other than .tar")),
    }
}

fn install_result(error: &PackageError) -> ResultCode {
    match error {
        PackageError::Digest { .. } | PackageError::NoDigest => {
            ResultCode::PACKAGE_VALIDATION_FAILED
        }
        PackageError::Kind(_) => ResultCode::ENVIRONMENT_NOT_SUPPORTED,
        error if error.is_out_of_room() => ResultCode::INSTALL_OUT_OF_MEMORY,
        PackageError::Io(error) if error.kind() == io::ErrorKind::Interrupted => {
            ResultCode::UNDEFINED_ERROR
        }
        _ => ResultCode::INSTALL_FAILED,
    }
}
