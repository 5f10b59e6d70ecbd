//! What the management infrastructure asks for, checked and made an operation.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{Actor, Instance, Order},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Behalf, device::Device, operation::AnyOperation};

/// An operation as the REST API takes it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OperationRequest {
    /// A LAWMO operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lawmo: Option<LawmoVerb>,
    /// A SCOMO operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scomo: Option<ScomoVerb>,
    /// What to wipe: nodes or names of the device's wipe list, or `*` alone for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<String>>,
    /// The package of a SCOMO operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageRequest>,
    /// The component of a SCOMO operation, by its ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The path of a vendor's operation below what it works on, such as `Operations/Ext/Check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Asks the user first, with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// How many seconds the user has for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u32>,
    /// The root of the object, of a device that has several; without it, the first that is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Who has asked the one who asks this server: `infrastructure`, which is itself, or `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behalf: Option<Behalf>,
    /// When the operation ends as *expired* or *unknown* at the latest, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

/// The operations of LAWMO.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LawmoVerb {
    /// Locks the device; only what the lock itself needs still works.
    FullyLock,
    /// Locks the device but for some functions.
    PartiallyLock,
    /// Unlocks it.
    Unlock,
    /// Erases items of its wipe list.
    Wipe,
    /// Locks it fully and erases items of its wipe list: one request with one outcome.
    LockAndWipe,
    /// Restores the state in which it left the factory.
    FactoryReset,
    /// Reads lock state and wipe list.
    State,
    /// Executes an operation of a vendor's.
    Vendor,
}

/// The operations of SCOMO.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScomoVerb {
    /// Fetches a package.
    Download,
    /// Fetches, installs and activates it.
    DownloadInstall,
    /// Fetches and installs it.
    DownloadInstallInactive,
    /// Installs and activates a package that is on the device.
    Install,
    /// Installs a package that is on the device.
    InstallInactive,
    /// Activates a component.
    Activate,
    /// Deactivates a component.
    Deactivate,
    /// Removes a package or a component.
    Remove,
    /// Reads packages and components.
    Inventory,
    /// Executes an operation of a vendor's on a package, a component or the object.
    Vendor,
}

/// A package of a SCOMO operation.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackageRequest {
    /// Its identifier, the server's own.
    pub id: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the device gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Parameters of its installation, opaque to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<String>,
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its media type (`PkgType`).
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub pkg_type: Option<String>,
    /// The execution environment that it is for (`EnvType`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_type: Option<String>,
    /// Whether and when the device restarts for it (`Reboot`, SCOMO 1.1), opaque to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot: Option<String>,
    /// The node of the device that is to be used for it; without it, one named after the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The package itself in Base64, for an installation: it is delivered in the session, in as many
    /// messages as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// Why an operation that was asked for makes no sense.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Neither or both.
    #[error("name one operation, under \"lawmo\" or under \"scomo\"")]
    OneOperation,
    /// A member that the operation needs is missing.
    #[error("{operation} needs \"{member}\"")]
    Missing {
        /// The operation.
        operation: &'static str,
        /// The member.
        member: &'static str,
    },
    /// A member that the operation has no use for.
    #[error("{operation} takes no \"{member}\"")]
    Superfluous {
        /// The operation.
        operation: &'static str,
        /// The member.
        member: &'static str,
    },
    /// `*` beside other items, or an empty list or name.
    #[error("\"items\" names at least one item, or is [\"*\"] for all of the list")]
    Items,
    /// A URL that is not `http:` or `https:`.
    #[error("the url of the package must begin with http:// or https:// and a host")]
    Url,
    /// Not the URI of a node.
    #[error("\"root\" is not the uri of a node")]
    Root,
    /// A question before something that is only read.
    #[error("{0} asks nobody: it changes nothing")]
    AsksNobody(&'static str),
    /// Not the name of a node.
    #[error("the node of the package is no name of a node")]
    Node,
    /// Not where vendors' operations are.
    #[error("\"path\" must begin with Ext/ or Operations/Ext/, and go on with names of nodes")]
    VendorPath,
    /// Not Base64.
    #[error("the data of the package is not Base64")]
    Data,
    /// Not a time.
    #[error("\"deadline\" is not a time as in \"2030-01-31T12:00:00Z\"")]
    Deadline,
    /// A text with control characters, which messages in XML cannot hold and terminals obey.
    #[error("\"{0}\" must have no control characters")]
    Control(&'static str),
    /// A text that is empty or longer than devices take.
    #[error("\"{member}\" must have 1 to {limit} octets")]
    Length {
        /// The member.
        member: &'static str,
        /// The most it may have.
        limit: usize,
    },
}

impl OperationRequest {
    /// A LAWMO operation.
    pub fn lawmo(verb: LawmoVerb) -> Self {
        Self {
            lawmo: Some(verb),
            ..Self::default()
        }
    }

    /// A SCOMO operation.
    pub fn scomo(verb: ScomoVerb) -> Self {
        Self {
            scomo: Some(verb),
            ..Self::default()
        }
    }

    /// The name of the operation, as it stands in the REST API; empty if it names none.
    pub(super) fn verb(&self) -> &'static str {
        let lawmo = self.lawmo.map(LawmoVerb::as_str);
        lawmo
            .or_else(|| self.scomo.map(ScomoVerb::as_str))
            .unwrap_or("")
    }

    /// On whose behalf it is asked for.
    pub(super) fn behalf(&self) -> Actor {
        self.behalf.unwrap_or_default().actor()
    }

    /// The deadline, in milliseconds since 1970.
    pub(super) fn deadline(&self) -> Result<Option<i64>, RequestError> {
        let parse = |text: &String| text.parse::<Timestamp>();
        let deadline = self.deadline.as_ref().map(parse).transpose();
        let deadline = deadline.map_err(|_| RequestError::Deadline)?;
        Ok(deadline.map(Timestamp::as_millisecond))
    }

    /// The operation on a device, under this correlator.
    pub(super) fn build(
        &self,
        device: &Device,
        correlator: &str,
    ) -> Result<AnyOperation, RequestError> {
        self.deadline()?;
        let mut order = Order::new(device.server_id.as_str(), correlator)
            .with_profile(device.profile.to_profile());
        if let Some(text) = &self.confirm {
            within("confirm", text, 1024)?;
            order = order.confirmed_by_user(text.as_str(), self.confirm_seconds);
        } else if self.confirm_seconds.is_some() {
            return Err(RequestError::Missing {
                operation: "\"confirm_seconds\"",
                member: "confirm",
            });
        }
        if let Some(root) = &self.root {
            let root = NodeUri::parse(root).map_err(|_| RequestError::Root)?;
            order = order.for_instance(Instance::At(root));
        }
        match (self.lawmo, self.scomo) {
            (Some(verb), None) => {
                order = order.with_usual_roots(device.mo_roots.lawmo());
                let operation = self.build_lawmo(verb, order)?;
                Ok(AnyOperation::Lawmo(Box::new(operation)))
            }
            (None, Some(verb)) => {
                order = order.with_usual_roots(device.mo_roots.scomo());
                let operation = self.build_scomo(verb, order)?;
                Ok(AnyOperation::Scomo(Box::new(operation)))
            }
            _ => Err(RequestError::OneOperation),
        }
    }

    fn build_lawmo(
        &self,
        verb: LawmoVerb,
        order: Order,
    ) -> Result<lawmo::server::AnyOperation, RequestError> {
        use lawmo::server::{AnyOperation, FactoryReset, Lock, ReadState, ReadStates, Vendor};

        let operation = verb.as_str();
        self.without_package(operation)?;
        self.without_component(operation)?;
        if !matches!(verb, LawmoVerb::Wipe | LawmoVerb::LockAndWipe) {
            self.without_items(operation)?;
        }
        if verb != LawmoVerb::Vendor {
            self.without_path(operation)?;
        }
        Ok(match verb {
            LawmoVerb::Vendor => AnyOperation::Vendor(Vendor::new(self.path(operation)?, order)),
            LawmoVerb::FullyLock => AnyOperation::Lock(Lock::fully(order)),
            LawmoVerb::PartiallyLock => AnyOperation::Lock(Lock::partially(order)),
            LawmoVerb::Unlock => AnyOperation::Lock(Lock::unlock(order)),
            LawmoVerb::FactoryReset => AnyOperation::FactoryReset(FactoryReset::new(order)),
            LawmoVerb::Wipe => AnyOperation::Wipe(self.wipe(operation)?(order)),
            LawmoVerb::LockAndWipe => AnyOperation::lock_and_wipe(&order, self.wipe(operation)?),
            LawmoVerb::State => {
                self.without_question(operation)?;
                match self.root {
                    Some(_) => AnyOperation::ReadState(ReadState::new(order)),
                    None => AnyOperation::ReadStates(ReadStates::new(order)),
                }
            }
        })
    }

    /// What makes the wipe of an order.
    fn wipe(
        &self,
        operation: &'static str,
    ) -> Result<impl FnOnce(Order) -> lawmo::server::Wipe, RequestError> {
        use lawmo::server::Wipe;

        // What is erased is always named; nothing stands for "all" by being left out.
        let items = self.items.clone().ok_or(RequestError::Missing {
            operation,
            member: "items",
        })?;
        let is_all = matches!(items.as_slice(), [all] if all == "*");
        if !is_all {
            let bad = |item: &String| item.is_empty() || item == "*";
            if items.is_empty() || items.iter().any(bad) {
                return Err(RequestError::Items);
            }
            for item in &items {
                within("items", item, 255)?;
            }
        }
        Ok(move |order| {
            if is_all {
                Wipe::everything(order)
            } else {
                Wipe::items(items.iter().map(String::as_str), order)
            }
        })
    }

    fn build_scomo(
        &self,
        verb: ScomoVerb,
        order: Order,
    ) -> Result<scomo::server::AnyOperation, RequestError> {
        use scomo::server::{AnyOperation, Inventories, Inventory, Invoke};

        let operation = verb.as_str();
        self.without_items(operation)?;
        if verb != ScomoVerb::Vendor {
            self.without_path(operation)?;
        }
        let invoke = match verb {
            ScomoVerb::Inventory => {
                self.without_package(operation)?;
                self.without_component(operation)?;
                self.without_question(operation)?;
                return Ok(match self.root {
                    Some(_) => AnyOperation::Inventory(Inventory::new(order)),
                    None => AnyOperation::Inventories(Inventories::new(order)),
                });
            }
            ScomoVerb::Download
            | ScomoVerb::DownloadInstall
            | ScomoVerb::DownloadInstallInactive => {
                self.without_component(operation)?;
                let request = self.package(operation)?;
                absent(operation, "package.data", request.data.is_some())?;
                let (package, url) = (request.to_package()?, request.url()?);
                match verb {
                    ScomoVerb::Download => Invoke::download(package, url, order),
                    ScomoVerb::DownloadInstall => Invoke::download_install(package, url, order),
                    _ => Invoke::download_install_inactive(package, url, order),
                }
            }
            ScomoVerb::Install | ScomoVerb::InstallInactive => {
                self.without_component(operation)?;
                let request = self.package(operation)?;
                let is_active = verb == ScomoVerb::Install;
                match request.data()? {
                    Some(data) => {
                        absent(operation, "package.url", request.url.is_some())?;
                        let package = request.to_package()?;
                        match is_active {
                            true => Invoke::deliver_install(package, data, order),
                            false => Invoke::deliver_install_inactive(package, data, order),
                        }
                    }
                    None => {
                        let id = request.bare_id(operation)?;
                        match is_active {
                            true => Invoke::install(id, order),
                            false => Invoke::install_inactive(id, order),
                        }
                    }
                }
            }
            ScomoVerb::Activate | ScomoVerb::Deactivate => {
                self.without_package(operation)?;
                let id = self.component(operation)?;
                if verb == ScomoVerb::Activate {
                    Invoke::activate(id, order)
                } else {
                    Invoke::deactivate(id, order)
                }
            }
            ScomoVerb::Remove if self.package.is_some() => {
                self.without_component(operation)?;
                let id = self.package(operation)?.bare_id(operation)?;
                Invoke::remove_package(id, order)
            }
            ScomoVerb::Remove if self.component.is_none() => {
                return Err(RequestError::Missing {
                    operation,
                    member: "component\" or \"package",
                });
            }
            ScomoVerb::Remove => Invoke::remove_component(self.component(operation)?, order),
            ScomoVerb::Vendor => return self.vendor(operation, order),
        };
        Ok(AnyOperation::Invoke(invoke))
    }

    fn vendor(
        &self,
        operation: &'static str,
        order: Order,
    ) -> Result<scomo::server::AnyOperation, RequestError> {
        use scomo::{Branch, server::Vendor};

        let path = self.path(operation)?;
        let vendor = if self.package.is_some() {
            self.without_component(operation)?;
            let id = self.package(operation)?.bare_id(operation)?;
            Vendor::new(Branch::Delivered, id, path, order)
        } else if self.component.is_some() {
            Vendor::new(Branch::Deployed, self.component(operation)?, path, order)
        } else {
            Vendor::of_object(path, order)
        };
        Ok(scomo::server::AnyOperation::Vendor(vendor))
    }

    fn path(&self, operation: &'static str) -> Result<&str, RequestError> {
        let member = "path";
        let path = self.path.as_deref();
        let path = path.ok_or(RequestError::Missing { operation, member })?;
        within(member, path, 255)?;
        let below = ["Ext/", "Operations/Ext/"]
            .into_iter()
            .find_map(|at| path.strip_prefix(at));
        let is_node = |below: &str| NodeUri::parse(&format!("./{below}")).is_ok();
        if below.is_some_and(|below| !below.is_empty() && is_node(below)) {
            Ok(path)
        } else {
            Err(RequestError::VendorPath)
        }
    }

    fn package(&self, operation: &'static str) -> Result<&PackageRequest, RequestError> {
        let package = self.package.as_ref().ok_or(RequestError::Missing {
            operation,
            member: "package",
        })?;
        within("package.id", &package.id, 255)?;
        Ok(package)
    }

    fn component(&self, operation: &'static str) -> Result<&str, RequestError> {
        let component = self.component.as_deref().ok_or(RequestError::Missing {
            operation,
            member: "component",
        })?;
        within("component", component, 255)?;
        Ok(component)
    }

    fn without_items(&self, operation: &'static str) -> Result<(), RequestError> {
        absent(operation, "items", self.items.is_some())
    }

    fn without_path(&self, operation: &'static str) -> Result<(), RequestError> {
        absent(operation, "path", self.path.is_some())
    }

    fn without_question(&self, operation: &'static str) -> Result<(), RequestError> {
        match self.confirm {
            Some(_) => Err(RequestError::AsksNobody(operation)),
            None => Ok(()),
        }
    }

    fn without_package(&self, operation: &'static str) -> Result<(), RequestError> {
        absent(operation, "package", self.package.is_some())
    }

    fn without_component(&self, operation: &'static str) -> Result<(), RequestError> {
        absent(operation, "component", self.component.is_some())
    }
}

impl PackageRequest {
    /// A package with nothing but its identifier.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    fn to_package(&self) -> Result<scomo::server::Package, RequestError> {
        let mut package = scomo::server::Package::new(self.id.as_str());
        if let Some(name) = &self.name {
            within("package.name", name, 255)?;
            package = package.named(name.as_str());
        }
        if let Some(params) = &self.params {
            within("package.params", params, 4096)?;
            package = package.with_install_params(params.as_str());
        }
        if let Some(type_) = &self.pkg_type {
            within("package.type", type_, 255)?;
            package = package.with_pkg_type(type_.as_str());
        }
        if let Some(env_type) = &self.env_type {
            within("package.env_type", env_type, 255)?;
            package = package.with_env_type(env_type.as_str());
        }
        if let Some(node) = &self.node {
            let bad = |c: char| matches!(c, '/' | '?' | '\n');
            if node.contains(bad) || matches!(node.as_str(), "." | "..") {
                return Err(RequestError::Node);
            }
            within("package.node", node, 64)?;
            package = package.at_node(node.as_str());
        }
        for (member, value) in [
            ("package.description", &self.description),
            ("package.reboot", &self.reboot),
        ] {
            if let Some(value) = value {
                within(member, value, 1024)?;
            }
        }
        let text = |value: &Option<String>| value.as_deref().map(Text::from);
        package.description = text(&self.description);
        package.reboot = text(&self.reboot);
        Ok(package)
    }

    fn url(&self) -> Result<&str, RequestError> {
        let url = self.url.as_deref().unwrap_or_default();
        within("package.url", url, 2048)?;
        let mut schemes = ["http://", "https://"].into_iter();
        let rest = schemes.find_map(|scheme| url.strip_prefix(scheme));
        if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#'])) {
            Ok(url)
        } else {
            Err(RequestError::Url)
        }
    }

    /// The package itself, if it is here.
    fn data(&self) -> Result<Option<Bytes>, RequestError> {
        let decode = |data: &String| STANDARD.decode(data).map(Bytes::from);
        let data = self.data.as_ref().map(decode).transpose();
        data.map_err(|_| RequestError::Data)
    }

    /// The identifier of a package of which nothing else is said.
    fn bare_id(&self, operation: &'static str) -> Result<&str, RequestError> {
        absent(operation, "package.data", self.data.is_some())?;
        absent(operation, "package.url", self.url.is_some())?;
        absent(operation, "package.name", self.name.is_some())?;
        for (member, value) in [
            ("package.params", &self.params),
            ("package.description", &self.description),
            ("package.type", &self.pkg_type),
            ("package.env_type", &self.env_type),
            ("package.reboot", &self.reboot),
            ("package.node", &self.node),
        ] {
            absent(operation, member, value.is_some())?;
        }
        Ok(&self.id)
    }
}

fn within(member: &'static str, text: &str, limit: usize) -> Result<(), RequestError> {
    if !(1..=limit).contains(&text.len()) {
        Err(RequestError::Length { member, limit })
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        Err(RequestError::Control(member))
    } else {
        Ok(())
    }
}

fn absent(
    operation: &'static str,
    member: &'static str,
    present: bool,
) -> Result<(), RequestError> {
    if present {
        Err(RequestError::Superfluous { operation, member })
    } else {
        Ok(())
    }
}

impl LawmoVerb {
    /// The name, as it stands in the REST API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullyLock => "fully-lock",
            Self::PartiallyLock => "partially-lock",
            Self::Unlock => "unlock",
            Self::Wipe => "wipe",
            Self::LockAndWipe => "lock-and-wipe",
            Self::FactoryReset => "factory-reset",
            Self::State => "state",
            Self::Vendor => "vendor",
        }
    }
}

impl ScomoVerb {
    /// The name, as it stands in the REST API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::DownloadInstall => "download-install",
            Self::DownloadInstallInactive => "download-install-inactive",
            Self::Install => "install",
            Self::InstallInactive => "install-inactive",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Remove => "remove",
            Self::Inventory => "inventory",
            Self::Vendor => "vendor",
        }
    }
}
