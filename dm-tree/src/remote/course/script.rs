//! [`Script`]: what tells one operation from another; [`Plan`]: what it does.

use core::fmt::Debug;

use dm_proto::{Data, Text, message::Command};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    NodeUri,
    remote::{Order, Snapshot, Unmet, command},
};

/// What tells one operation from another: where its object is known by, what it reads, what it does.
pub trait Script: Clone + Debug + Serialize + DeserializeOwned {
    /// The identifiers of the object: values of its root's Type property.
    const MO_IDS: &'static [&'static str];

    /// The types of its reports.
    const REPORTS: &'static [&'static str];

    /// What of the object, relative to its root, is read before [`plan`](Self::plan).
    fn reads(&self) -> Vec<&'static str>;

    /// What to do on the device; `None` if that is nothing, since reading was all, or since what was
    /// read says so.
    fn plan(&self, root: &NodeUri, seen: &Snapshot) -> Option<Plan>;

    /// Whether it is about every object of its kind, and not about one: it reads them all.
    fn every(&self) -> bool {
        false
    }

    /// The name of its operation, as [`Order::offers`] has it; `None` if it only reads.
    fn operation(&self) -> Option<Text> {
        None
    }

    /// Where, relative to the root, the names of what the object offers are, if [`reads`](Self::reads)
    /// does not have it.
    fn offered_in(&self) -> Option<&'static str> {
        None
    }

    /// Whether what it sends may be a large object. Then the device is asked whether it takes such
    /// (`./DevDetail/LrgObj`), and if not, and it does not fit into a message, nothing is sent.
    fn sends_large(&self) -> bool {
        false
    }

    /// Whether it must know all that [`reads`](Self::reads) names. Then it ends as
    /// [`Ended::TooMuch`](crate::remote::Ended::TooMuch) on a device that has more than is kept.
    fn needs_all(&self) -> bool {
        false
    }

    /// What stands against it whatever the device is like.
    fn unmet_at_once(&self) -> Option<Unmet> {
        None
    }

    /// What, by what was read, stands against it.
    fn unmet(&self, root: &NodeUri, seen: &Snapshot) -> Option<Unmet> {
        let _ = (root, seen);
        None
    }

    /// Whether a report follows an Exec that was answered 202. Without one, 202 is the result.
    fn reports(&self) -> bool {
        true
    }

    /// Whether a device that takes it forgets what it took before: operations and their reports.
    fn erases(&self) -> bool {
        false
    }

    /// Whether an Exec whose answer was lost is sent again, with the same correlator. If not, its
    /// outcome is unknown.
    fn resends(&self, order: &Order) -> bool {
        order.profile.correlator
    }
}

/// What an operation does on the device.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Plan {
    /// What comes first, each in a message of its own. All of it must succeed.
    pub prepare: Vec<Prepare>,
    /// The node to execute.
    pub exec: NodeUri,
    /// The node whose ACL is repaired once if the Exec gets 425, if no node between it and the one to execute
    /// has an ACL of its own: then it is that one's.
    pub acl: NodeUri,
}

/// Changes that prepare an Exec.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Prepare {
    /// Nodes to create, parents first. One that is there already is taken for our own, sent before; if
    /// it is a leaf its value is set, if it is not, its [stale](Setting::cleared) leaves are emptied. The
    /// node that has such leaves is looked at first, in the same message: not every device answers 418.
    /// In a Sequence with the question it is not: that ends with the first command that fails.
    Add(Vec<Setting>),
    /// Values to set together: in an Atomic, or, on a device that has none, one by one and read back.
    Replace(Vec<Setting>),
}

/// A node with the value it is to have.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The node.
    pub uri: NodeUri,
    /// Its format: `node` for an interior node.
    pub format: Text,
    /// The MIME type of its value, if it has to be named.
    pub type_: Option<Text>,
    /// Its value; `None` for an interior node.
    pub value: Option<Data>,
    /// Whether the operation ends if the device does not take it.
    pub required: bool,
    /// Whether it is only for a node that was there before: what an earlier operation has left in it.
    #[serde(default)]
    pub stale: bool,
}

impl Setting {
    /// An interior node.
    pub fn interior(uri: NodeUri) -> Self {
        Self {
            uri,
            format: Text::from_static("node"),
            type_: None,
            value: None,
            required: true,
            stale: false,
        }
    }

    /// A leaf.
    pub fn leaf(uri: NodeUri, format: impl Into<Text>, value: impl Into<Data>) -> Self {
        Self {
            uri,
            format: format.into(),
            type_: None,
            value: Some(value.into()),
            required: true,
            stale: false,
        }
    }

    /// The same with a MIME type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<Text>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// A leaf of [`Prepare::Add`] that is not asked for: if its parent turns out to be there, it is made
    /// empty, since an earlier operation may have left a value in it. Not every node can be deleted.
    pub fn cleared(uri: NodeUri, format: impl Into<Text>) -> Self {
        Self {
            required: false,
            stale: true,
            ..Self::leaf(uri, format, "")
        }
    }

    /// The same, to be left out if the device does not take it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

impl Prepare {
    /// The node that is looked at first: whether it is there.
    pub(super) fn looked_at(&self) -> Option<&NodeUri> {
        let Self::Add(settings) = self else {
            return None;
        };
        let stale = settings.iter().find(|setting| setting.stale)?;
        let parent = stale.uri.parent()?;
        settings
            .iter()
            .map(|setting| &setting.uri)
            .find(|uri| **uri == parent)
    }

    /// The commands, one by one.
    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        let (settings, command): (_, fn(&Setting) -> Command) = match self {
            Self::Add(settings) => (settings, command::add),
            Self::Replace(settings) => (settings, command::replace),
        };
        let asked = settings.iter().filter(|setting| !setting.stale);
        asked.map(command)
    }
}
