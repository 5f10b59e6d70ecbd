//! The device's side: [`Device`], what an integrator implements, and [`Scomo`], the object to mount.

use bytes::Bytes;
use dm_proto::{StatusCode, Text};
use dm_tree::{
    NodeUri,
    description::NodeDescription,
    object::{Job, ManagementObject, Outcome},
};
use serde::{Deserialize, Serialize};

use crate::{Operation, ResultCode};

/// A delivery package: what is fetched and installed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Package {
    /// Its node: `Download/<X>` or `Inventory/Delivered/<X>`.
    pub uri: NodeUri,
    /// `PkgID`
    pub id: Text,
    /// `PkgURL`: where the package or its download descriptor is. `None` for a delivered package.
    pub url: Option<Text>,
    /// `Name`
    pub name: Option<Text>,
    /// `Description`
    pub description: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// `PkgType`: its content type.
    pub pkg_type: Option<Text>,
    /// `Reboot` (1.1): opaque.
    pub reboot: Option<Text>,
    /// `Data`: the package itself, if the server delivered it in the tree.
    pub data: Option<Bytes>,
}

/// A deployment component: what exists on the device after an installation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Component {
    /// `ID`: unique on the device, given by the device or the package.
    pub id: Text,
    /// `PkgIDRef`: the package it came from.
    pub pkg_id: Option<Text>,
    /// `Name`
    pub name: Option<Text>,
    /// `Description`
    pub description: Option<Text>,
    /// `Version`
    pub version: Option<Text>,
    /// `EnvType`
    pub env_type: Option<Text>,
    /// Whether it is active.
    pub active: bool,
}

impl Component {
    /// A component with nothing but its ID, inactive.
    pub fn new(id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            pkg_id: None,
            name: None,
            description: None,
            version: None,
            env_type: None,
            active: false,
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with a version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Text>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// Whether what is installed is to be left active.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Activation {
    /// Left active.
    Active,
    /// Left inactive.
    Inactive,
}

/// What became of the package in a failed installation, and whether it is kept after a good one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum PackageIs {
    /// Still on the device.
    Kept,
    /// Gone.
    Deleted,
}

/// What came of starting to fetch, activate, deactivate or remove.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Effect {
    /// It is over, with this result.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::complete` with an outcome of [`Request`] ends it.
    Later,
}

/// What came of starting an installation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum InstallEffect {
    /// Installed: these components are there now, new or updated. Whether they are active is the
    /// request's word.
    Installed {
        /// The components.
        components: Vec<Component>,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// Nothing was installed.
    Failed {
        /// Why.
        result: ResultCode,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// It goes on elsewhere; `Agent::complete` with [`Request::installed`] or [`Request::failed`].
    Later,
}

/// What an integrator implements.
///
/// Called with no transaction open, once the job is durable. A job is started once; after a restart it
/// is handed out again with [`Job::resumed`] and the last durable stage ([`STARTED`], [`FETCHED`]), and
/// the device goes on, ends it with a result, or says that it cannot tell with
/// [`ResultCode::UNDEFINED_ERROR`]. What fails leaves everything as it was.
pub trait Device: Send {
    /// Fetches a package from its URL, and checks it.
    fn fetch(&mut self, package: &Package, job: &Job) -> Effect;

    /// Installs a package that was fetched, or delivered in [`Package::data`].
    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect;

    /// Makes an inactive component active.
    fn activate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Makes an active component inactive.
    fn deactivate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Uninstalls a component, active or not.
    fn remove_component(&mut self, component: &Component, job: &Job) -> Effect;

    /// Deletes a package; what was installed from it stays.
    fn remove_package(&mut self, package: &Package, job: &Job) -> Effect;

    /// Whether packages for an execution environment can be installed; if not the Exec gets 1413.
    fn supports_environment(&self, env_type: &str) -> bool {
        let _ = env_type;
        true
    }

    /// A veto, asked before the Exec is answered: 403, or a result code.
    ///
    /// # Errors
    ///
    /// The status with which it is refused.
    fn allows(&self, operation: Operation, subject: &Subject) -> Result<(), StatusCode> {
        let _ = (operation, subject);
        Ok(())
    }
}

/// What a primitive works on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Subject {
    /// A package, to be fetched or delivered.
    Package(Package),
    /// A component.
    Component(Component),
}

/// The stage of a job that has started: whatever it does may be half done after a restart.
pub const STARTED: u32 = 1;

/// The stage of a download that has its package, and begins or has begun to install it.
pub const FETCHED: u32 = 2;

/// When an Exec is answered and run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Reporting {
    /// Run before the answer, which is the result.
    Synchronous,
    /// Answer 202, run while the session goes on, and report in it if it is still open.
    #[default]
    InSession,
    /// Answer 202, run when the session is over, and report in the next.
    AfterSession,
}

/// What the final alert looks like where implementations differ.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReportStyle {
    /// `Meta/Type`. Default [`crate::OPERATION_COMPLETE`].
    pub alert_type: Text,
    /// `Meta/Format`. Default `text/plain`, which is no format but what devices send.
    pub format: Text,
    /// Whether `Meta/Mark` is sent: `informational` for success, `warning` for 1401, `critical` for the
    /// rest. Default yes.
    pub mark: bool,
}

impl Default for ReportStyle {
    fn default() -> Self {
        Self {
            alert_type: Text::from_static(crate::OPERATION_COMPLETE),
            format: Text::from_static("text/plain"),
            mark: true,
        }
    }
}

/// How the object is set up.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The ServerIDs that may use the object: the ACL of its root names them, Exec and Replace
    /// included. Nobody else may.
    pub servers: Vec<Text>,
    /// What is offered. Default all.
    pub operations: Vec<Operation>,
    /// Names of permanent `Download/<X>` nodes, which servers fill in and no operation removes.
    pub permanent_downloads: Vec<Text>,
    /// What is on the device when the object is mounted first.
    pub components: Vec<Component>,
    /// The identifier of the object: [`crate::MO_ID`] (default) or [`crate::MO_ID_1_1`].
    pub mo_id: Text,
    /// When an Exec is answered and run.
    pub reporting: Reporting,
    /// The final alert.
    pub report: ReportStyle,
}

impl Config {
    /// Everything offered to `servers`.
    pub fn new(servers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            operations: Operation::ALL.to_vec(),
            permanent_downloads: Vec::new(),
            components: Vec::new(),
            mo_id: Text::from_static(crate::MO_ID),
            reporting: Reporting::default(),
            report: ReportStyle::default(),
        }
    }

    /// The same with another time of answering.
    #[must_use]
    pub fn with_reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }

    /// The same offering only `operations`.
    #[must_use]
    pub fn offering(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = operations.into_iter().collect();
        self
    }

    /// The same with components that are there from the start.
    #[must_use]
    pub fn with_components(mut self, components: impl IntoIterator<Item = Component>) -> Self {
        self.components = components.into_iter().collect();
        self
    }

    /// The same with a permanent `Download/<X>`.
    #[must_use]
    pub fn with_permanent_download(mut self, name: impl Into<Text>) -> Self {
        self.permanent_downloads.push(name.into());
        self
    }
}

/// What a job of this object asks for. For integrators that finish it themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// The primitive.
    pub operation: Operation,
    /// What it works on.
    pub subject: Subject,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        let _ = job;
        todo!()
    }

    /// The outcome, for `Agent::complete`, of anything that installs nothing: a result code, good or
    /// bad.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        let _ = result;
        todo!()
    }

    /// The outcome of an installation: these components are there now.
    pub fn installed(&self, components: Vec<Component>, package: PackageIs) -> Outcome {
        let _ = (components, package);
        todo!()
    }

    /// The outcome of a failed installation.
    pub fn failed(&self, result: ResultCode, package: PackageIs) -> Outcome {
        let _ = (result, package);
        todo!()
    }
}

/// The object: mount it in an agent.
#[derive(Debug)]
pub struct Scomo<D> {
    device: D,
    config: Config,
    description: NodeDescription,
}

impl<D: Device> Scomo<D> {
    /// The object of a device.
    pub fn new(device: D, config: Config) -> Self {
        let _ = (device, config);
        todo!()
    }
}

impl<D: Device> ManagementObject for Scomo<D> {
    fn description(&self) -> &NodeDescription {
        let _ = (&self.device, &self.config);
        &self.description
    }
}
