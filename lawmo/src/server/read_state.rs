//! [`ReadState`]: reads state and wipe list.

use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot, Summary, SummaryState},
};
use serde::{Deserialize, Serialize};

use super::{Ended, operation};
use crate::{MO_ID, OPERATION_COMPLETE, State, nodes};

/// Reads state and wipe list. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReadState {
    course: Course<Look>,
}

/// What the object of a device says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// The lock state; `None` if the device has none of the three values.
    pub state: Option<State>,
    /// The wipe list; `None` if there is none.
    pub wipe_list: Option<Vec<ListItem>>,
    /// Whether the user is told about operations.
    pub notify_user: Option<bool>,
}

/// An item of a device's wipe list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ListItem {
    /// The name of its node.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
    /// Whether the next Wipe includes it.
    pub to_be_wiped: bool,
}

impl ReadState {
    /// Reads them.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look {}, order);
        Self { course }
    }

    fn typed(&self, conclusion: &Conclusion) -> Result<LockStatus, Ended> {
        match (conclusion, self.course.root()) {
            (Conclusion::Read, Some(root)) => Ok(status(root, self.course.snapshot())),
            (Conclusion::Ended(ended), _) => Err(*ended),
            _ => Err(Ended::Unknown),
        }
    }
}

operation!(ReadState, Result<LockStatus, Ended>);

impl LockStatus {
    /// The outcome in the flat form that all operations share.
    pub(super) fn summary(outcome: &Result<Self, Ended>) -> Summary {
        match outcome {
            Ok(_) => Summary::new(SummaryState::Succeeded),
            Err(ended) => Summary::from(*ended),
        }
    }
}

fn status(root: &NodeUri, seen: &Snapshot) -> LockStatus {
    let text = |from: &NodeUri, path: &str| {
        from.join(path)
            .ok()
            .and_then(|leaf| seen.text(&leaf))
            .map(Text::from)
    };
    let list = root.join(nodes::AVAILABLE_WIPE_LIST).ok();
    let wipe_list = list.filter(|list| seen.exists(list)).map(|list| {
        seen.children(&list)
            .map(|item| ListItem {
                node: Text::from(item.name()),
                list_item_name: text(item, nodes::LIST_ITEM_NAME).unwrap_or_default(),
                to_be_wiped: text(item, nodes::TO_BE_WIPED)
                    .and_then(|value| nodes::truth(&value))
                    .unwrap_or_default(),
            })
            .collect()
    });
    let notify_user = root
        .join(nodes::CONFIG)
        .ok()
        .and_then(|config| text(&config, nodes::NOTIFY_USER))
        .and_then(|value| nodes::truth(&value));
    LockStatus {
        state: text(root, nodes::STATE).and_then(|value| State::parse(&value)),
        wipe_list,
        notify_user,
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Look {}

impl Script for Look {
    const MO_IDS: &'static [&'static str] = &[MO_ID];
    const REPORTS: &'static [&'static str] = &[OPERATION_COMPLETE];

    fn reads(&self) -> Vec<&'static str> {
        vec![nodes::STATE, nodes::AVAILABLE_WIPE_LIST, nodes::CONFIG]
    }

    fn plan(&self, _: &NodeUri, _: &Snapshot) -> Option<Plan> {
        None
    }
}
