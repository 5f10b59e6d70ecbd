//! [`ReadState`], [`ReadStates`]: reads state, wipe list and what the object offers.

use std::collections::BTreeMap;

use dm_proto::Text;
use dm_tree::{
    NodeFormat, NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::Ended;
use crate::{MO_ID, OPERATION_COMPLETE, Operation, State, nodes};

/// Reads state, wipe list and what the object offers. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReadState {
    course: Course<Look>,
}

/// The same of every such object of the device, however many there are.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReadStates {
    course: Course<Look>,
}

/// What the object of a device says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// The root of the object.
    pub root: NodeUri,
    /// The lock state; `None` if the device has none of the three values.
    pub state: Option<State>,
    /// The wipe list; `None` if there is none.
    pub wipe_list: Option<Vec<ListItem>>,
    /// Whether the user is told about operations.
    pub notify_user: Option<bool>,
    /// The operations that the object offers; `None` if the device does not show them.
    pub operations: Option<Vec<Operation>>,
    /// The names of a vendor's operations, below `Operations` and `Operations/Ext`.
    pub vendor_operations: Vec<Text>,
    /// Leaves whose values are none of the standard's, by their paths below the root.
    pub others: BTreeMap<Text, Text>,
    /// Whether that is all: of a device that has more than 4096 nodes there is what was read.
    pub complete: bool,
}

/// An item of a device's wipe list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ListItem {
    /// The name of its node.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
    /// Whether the next Wipe includes it; `false` for a value that is no truth value
    /// ([`LockStatus::others`] has that).
    pub to_be_wiped: bool,
}

impl ReadState {
    /// Reads them.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look { every: false }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Result<LockStatus, Ended> {
        let mut all = statuses(&self.course, conclusion)?.into_iter();
        all.next().ok_or(Ended::NotFound)
    }
}

impl ReadStates {
    /// Reads them.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look { every: true }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Result<Vec<LockStatus>, Ended> {
        statuses(&self.course, conclusion)
    }
}

dm_tree::coursed!(ReadState => Result<LockStatus, Ended>);
dm_tree::coursed!(ReadStates => Result<Vec<LockStatus>, Ended>);

impl LockStatus {
    /// Whether the object offers an operation; `None` if the device does not show it.
    pub fn offers(&self, operation: Operation) -> Option<bool> {
        let operations = self.operations.as_ref()?;
        Some(operations.contains(&operation))
    }

    fn new(root: &NodeUri, seen: &Snapshot) -> Self {
        let mut leaves = Leaves {
            root,
            seen,
            others: BTreeMap::new(),
        };
        let list = root.join(nodes::AVAILABLE_WIPE_LIST).ok();
        let wipe_list = list.filter(|list| seen.exists(list)).map(|list| {
            seen.children(&list)
                .map(|item| ListItem {
                    node: Text::from(item.name()),
                    list_item_name: leaves.text(item, nodes::LIST_ITEM_NAME).unwrap_or_default(),
                    to_be_wiped: leaves
                        .read(item, nodes::TO_BE_WIPED, NodeFormat::truth)
                        .unwrap_or_default(),
                })
                .collect()
        });
        let config = root.join(nodes::CONFIG).ok();
        let notify_user =
            config.and_then(|config| leaves.read(&config, nodes::NOTIFY_USER, NodeFormat::truth));
        let state = leaves.read(root, nodes::STATE, State::parse);
        let names = |path: &str| -> Vec<Text> {
            root.join(path)
                .map(|uri| seen.names(&uri).map(Text::from).collect())
                .unwrap_or_default()
        };
        let offered = names(nodes::OPERATIONS);
        let known = |name: &Text| Operation::from_node_name(name);
        let is_vendor = |name: &Text| known(name).is_none() && name != nodes::EXT;
        let mut vendor_operations: Vec<Text> = offered
            .iter()
            .filter(|name| is_vendor(name))
            .cloned()
            .collect();
        vendor_operations.extend(names(OPERATIONS_EXT));
        Self {
            root: root.clone(),
            state,
            wipe_list,
            notify_user,
            operations: (!offered.is_empty()).then(|| offered.iter().filter_map(known).collect()),
            vendor_operations,
            others: leaves.others,
            complete: seen.is_complete(),
        }
    }
}

/// Reads leaves, and keeps what is none of the standard's.
struct Leaves<'a> {
    root: &'a NodeUri,
    seen: &'a Snapshot,
    others: BTreeMap<Text, Text>,
}

impl Leaves<'_> {
    fn text(&self, from: &NodeUri, path: &str) -> Option<Text> {
        let leaf = from.join(path).ok()?;
        self.seen.text(&leaf).map(Text::from)
    }

    fn read<T>(
        &mut self,
        from: &NodeUri,
        path: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(from, path)?;
        let parsed = parse(&value);
        if parsed.is_none()
            && let Ok(leaf) = from.join(path)
            && let Some(path) = leaf.below(self.root)
        {
            self.others.insert(Text::from(path), value);
        }
        parsed
    }
}

fn statuses(course: &Course<Look>, conclusion: &Conclusion) -> Result<Vec<LockStatus>, Ended> {
    match conclusion {
        Conclusion::Read => Ok(course
            .read_instances()
            .map(|root| LockStatus::new(root, course.snapshot()))
            .collect()),
        Conclusion::Ended(ended) => Err(*ended),
        Conclusion::Result(..) => Err(Ended::Unknown),
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Look {
    every: bool,
}

impl Script for Look {
    const MO_IDS: &'static [&'static str] = &[MO_ID];
    const REPORTS: &'static [&'static str] = &[OPERATION_COMPLETE];

    fn reads(&self) -> Vec<&'static str> {
        vec![
            nodes::STATE,
            nodes::AVAILABLE_WIPE_LIST,
            nodes::CONFIG,
            nodes::OPERATIONS,
        ]
    }

    fn plan(&self, _: &NodeUri, _: &Snapshot) -> Option<Plan> {
        None
    }

    fn every(&self) -> bool {
        self.every
    }
}

/// The vendor's operations.
const OPERATIONS_EXT: &str = "Operations/Ext";

#[cfg(test)]
mod tests {
    use super::*;

    fn status(leaves: &[(&str, Option<&str>)]) -> LockStatus {
        let uri = |path: &str| NodeUri::parse(path).expect("a uri");
        let seen = Snapshot::of(leaves.iter().map(|(path, value)| (uri(path), *value)));
        LockStatus::new(&uri("./L"), &seen)
    }

    #[test]
    fn values_that_are_none_of_the_standards_are_kept_as_they_are() {
        let status = status(&[
            ("./L/State", Some("40")),
            ("./L/AvailableWipeList", None),
            ("./L/AvailableWipeList/X", None),
            ("./L/AvailableWipeList/X/ListItemName", Some("x")),
            ("./L/AvailableWipeList/X/ToBeWiped", Some("maybe")),
            ("./L/LAWMOConfig", None),
            ("./L/LAWMOConfig/NotifyUser", Some("TRUE")),
        ]);
        assert_eq!(status.state, None);
        assert_eq!(status.notify_user, Some(true));
        let others: Vec<_> = status.others.iter().collect();
        let text = |text| Text::from_static(text);
        assert_eq!(
            others,
            [
                (&text("AvailableWipeList/X/ToBeWiped"), &text("maybe")),
                (&text("State"), &text("40")),
            ]
        );
        assert_eq!(status.operations, None, "the device does not show them");
        assert_eq!(status.offers(Operation::Wipe), None);
    }

    #[test]
    fn what_a_vendor_offers_is_told_apart() {
        let status = status(&[
            ("./L/Operations", None),
            ("./L/Operations/Wipe", Some("")),
            ("./L/Operations/UnLock", Some("")),
            ("./L/Operations/Unlock", Some("")),
            ("./L/Operations/Ext", None),
            ("./L/Operations/Ext/Ring", Some("")),
        ]);
        assert_eq!(
            status.operations,
            Some(vec![Operation::UnLock, Operation::Wipe])
        );
        assert_eq!(status.vendor_operations, ["Unlock", "Ring"]);
        assert_eq!(status.offers(Operation::Wipe), Some(true));
        assert_eq!(status.offers(Operation::FactoryReset), Some(false));
    }
}
