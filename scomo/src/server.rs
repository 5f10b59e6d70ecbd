//! The server's side: typed requests that become operations, and their typed outcomes.

use bytes::Bytes;
use dm_proto::{Text, message::Alert};
pub use dm_tree::remote::{ComponentResult, Ended};
use dm_tree::remote::{Operation as RemoteOperation, Order, Reply, Step, Summary};
use serde::{Deserialize, Serialize};

use crate::{
    DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, Operation, ResultCode,
};

/// A package as a server describes it to a device.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Package {
    /// The name of its node; `None` for one made from the ID.
    pub node: Option<Text>,
    /// `PkgID`: the server's own identifier of it.
    pub id: Text,
    /// `Name`
    pub name: Option<Text>,
    /// `Description`
    pub description: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `EnvType`
    pub env_type: Option<Text>,
    /// `PkgType`
    pub pkg_type: Option<Text>,
    /// `Reboot` (1.1): opaque. Left out for a device that has no such leaf.
    pub reboot: Option<Text>,
}

impl Package {
    /// A package with nothing but its ID.
    pub fn new(id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// The same with a node of that name, such as a permanent one.
    #[must_use]
    pub fn at_node(mut self, node: impl Into<Text>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with parameters.
    #[must_use]
    pub fn with_install_params(mut self, params: impl Into<Text>) -> Self {
        self.install_params = Some(params.into());
        self
    }
}

/// What came of a primitive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Outcome {
    /// Done.
    Succeeded {
        /// 1200 or another 12xx.
        result: ResultCode,
        /// What the report says per component; empty if the result came in the status.
        components: Vec<ComponentResult>,
    },
    /// The device tried and failed.
    Failed {
        /// Why. The worst, if several components failed.
        result: ResultCode,
        /// What the report says per component.
        components: Vec<ComponentResult>,
    },
    /// It did not come to the operation.
    Ended(Ended),
}

/// Invokes a primitive.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Invoke {
    operation: Operation,
}

impl Invoke {
    /// Has a package fetched from `url`.
    pub fn download(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let _ = (package, url.into(), order);
        todo!()
    }

    /// Has a package fetched, installed and left active.
    pub fn download_install(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let _ = (package, url.into(), order);
        todo!()
    }

    /// Has a package fetched, installed and left inactive.
    pub fn download_install_inactive(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let _ = (package, url.into(), order);
        todo!()
    }

    /// Delivers a package in the tree, and has it installed and left active.
    pub fn deliver_install(package: Package, data: Bytes, order: Order) -> Self {
        let _ = (package, data, order);
        todo!()
    }

    /// Delivers a package in the tree, and has it installed and left inactive.
    pub fn deliver_install_inactive(package: Package, data: Bytes, order: Order) -> Self {
        let _ = (package, data, order);
        todo!()
    }

    /// Has a package that is on the device installed and left active.
    pub fn install(pkg_id: impl Into<Text>, order: Order) -> Self {
        let _ = (pkg_id.into(), order);
        todo!()
    }

    /// Has a package that is on the device installed and left inactive.
    pub fn install_inactive(pkg_id: impl Into<Text>, order: Order) -> Self {
        let _ = (pkg_id.into(), order);
        todo!()
    }

    /// Deletes a package from the device; what was installed from it stays.
    pub fn remove_package(pkg_id: impl Into<Text>, order: Order) -> Self {
        let _ = (pkg_id.into(), order);
        todo!()
    }

    /// Activates a component.
    pub fn activate(component_id: impl Into<Text>, order: Order) -> Self {
        let _ = (component_id.into(), order);
        todo!()
    }

    /// Deactivates a component.
    pub fn deactivate(component_id: impl Into<Text>, order: Order) -> Self {
        let _ = (component_id.into(), order);
        todo!()
    }

    /// Uninstalls a component.
    pub fn remove_component(component_id: impl Into<Text>, order: Order) -> Self {
        let _ = (component_id.into(), order);
        todo!()
    }

    /// The primitive.
    pub fn operation(&self) -> Operation {
        self.operation
    }
}

/// A package in a device's inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delivered {
    /// The name of its node.
    pub node: Text,
    /// `PkgID`
    pub pkg_id: Text,
    /// `Name`
    pub name: Option<Text>,
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeliveredState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeliveredStatus>,
}

/// A component in a device's inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Deployed {
    /// The name of its node.
    pub node: Text,
    /// `ID`
    pub id: Text,
    /// `PkgIDRef`
    pub pkg_id: Option<Text>,
    /// `Name`
    pub name: Option<Text>,
    /// `Version`
    pub version: Option<Text>,
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeployedState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeployedStatus>,
}

/// What is on a device.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contents {
    /// The packages.
    pub delivered: Vec<Delivered>,
    /// The components.
    pub deployed: Vec<Deployed>,
}

/// Reads the inventory. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Inventory {
    outcome: Option<Result<Contents, Ended>>,
}

impl Inventory {
    /// Reads it.
    pub fn new(order: Order) -> Self {
        let _ = order;
        todo!()
    }
}

macro_rules! operation {
    ($name:ident, $outcome:ty) => {
        impl RemoteOperation for $name {
            type Outcome = $outcome;

            fn step(&mut self) -> Step {
                todo!()
            }

            fn handle(&mut self, reply: Reply<'_>) {
                let _ = reply;
                todo!()
            }

            fn claims(&self, alert: &Alert) -> bool {
                let _ = alert;
                todo!()
            }

            fn cancel(&mut self) -> bool {
                todo!()
            }

            fn expire(&mut self) {
                todo!()
            }

            fn outcome(&self) -> Option<$outcome> {
                todo!()
            }
        }
    };
}

operation!(Invoke, Outcome);
operation!(Inventory, Result<Contents, Ended>);
operation!(AnyOperation, AnyOutcome);

/// Any operation of this object, for a queue that holds them all.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub enum AnyOperation {
    /// A primitive.
    Invoke(Invoke),
    /// Reading.
    Inventory(Inventory),
}

/// The outcome of [`AnyOperation`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum AnyOutcome {
    /// A primitive.
    Invoke(Outcome),
    /// Reading.
    Inventory(Result<Contents, Ended>),
}

impl AnyOutcome {
    /// The outcome in the flat form that all operations share.
    pub fn summary(&self) -> Summary {
        todo!()
    }
}
