//! [`Wipe`]: wipes items of a device's list.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    NodeUri,
    remote::{
        Conclusion, Course, Order, Plan, Prepare, Script, Setting, Snapshot, Summarize, Summary,
        SummaryState,
    },
};
use serde::{Deserialize, Serialize};

use super::{Ended, executed};
use crate::{MO_ID, OPERATION_COMPLETE, Operation, ResultCode, nodes};

/// Wipes items of a device's list: reads the list, sets every item of it together, wanted or not, and
/// only then executes, in a message of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Wipe {
    course: Course<Erase>,
}

/// What came of a wipe.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum WipeOutcome {
    /// The items are erased.
    Wiped {
        /// 1201; 1202 if the items have left the list too; or another 12xx.
        result: ResultCode,
    },
    /// The device tried and failed (1405), or did not try (1406).
    Failed(ResultCode),
    /// These are not in the wipe list; nothing was changed.
    UnknownItems(Vec<Text>),
    /// It did not come to a result.
    Ended(Ended),
}

impl Wipe {
    /// Wipes `items`, each named by its node or its `ListItemName`. All other items are kept.
    pub fn items(items: impl IntoIterator<Item = impl Into<Text>>, order: Order) -> Self {
        let items = items.into_iter().map(Into::into).collect();
        let course = Course::new(Erase { items: Some(items) }, order);
        Self { course }
    }

    /// Wipes every item of the list; on a device without a list, all that it declares.
    pub fn everything(order: Order) -> Self {
        let course = Course::new(Erase { items: None }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> WipeOutcome {
        if let (Conclusion::Read, Some(root)) = (conclusion, self.course.root()) {
            let script = self.course.script();
            if let Err(unknown) = script.wanted(root, self.course.snapshot()) {
                return WipeOutcome::UnknownItems(unknown);
            }
        }
        match executed(conclusion) {
            Ok(result) if result.is_success() => WipeOutcome::Wiped { result },
            Ok(result) => WipeOutcome::Failed(result),
            Err(ended) => WipeOutcome::Ended(ended),
        }
    }
}

dm_tree::coursed!(Wipe => WipeOutcome);

impl Summarize for WipeOutcome {
    fn summary(&self) -> Summary {
        match self {
            Self::Wiped { result } => {
                Summary::new(SummaryState::Succeeded).with_result((*result).into())
            }
            Self::Failed(result) => {
                Summary::new(SummaryState::Failed).with_result((*result).into())
            }
            Self::UnknownItems(_) => {
                Summary::new(SummaryState::Failed).with_status(StatusCode::NOT_FOUND)
            }
            Self::Ended(ended) => Summary::from(*ended),
        }
    }
}

/// What to erase; `None` for everything.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Erase {
    items: Option<Vec<Text>>,
}

impl Erase {
    /// Each item of the list, and whether it is wanted; else the wanted ones that are not in it.
    fn wanted<'s>(
        &self,
        root: &NodeUri,
        seen: &'s Snapshot,
    ) -> Result<Vec<(&'s NodeUri, bool)>, Vec<Text>> {
        let list: Vec<&NodeUri> = root
            .join(nodes::AVAILABLE_WIPE_LIST)
            .map(|list| seen.children(&list).collect())
            .unwrap_or_default();
        let Some(items) = &self.items else {
            return Ok(list.into_iter().map(|item| (item, true)).collect());
        };
        let mut wanted: Vec<_> = list.into_iter().map(|item| (item, false)).collect();
        let mut unknown = Vec::new();
        for name in items {
            let by_node = wanted.iter().any(|(item, _)| item.name() == name.as_str());
            let mut known = false;
            for (item, marked) in &mut wanted {
                let same = if by_node {
                    item.name() == name.as_str()
                } else {
                    item.join(nodes::LIST_ITEM_NAME)
                        .is_ok_and(|leaf| seen.text(&leaf) == Some(name.as_str()))
                };
                *marked |= same;
                known |= same;
            }
            if !known {
                unknown.push(name.clone());
            }
        }
        if unknown.is_empty() {
            Ok(wanted)
        } else {
            Err(unknown)
        }
    }
}

impl Script for Erase {
    const MO_IDS: &'static [&'static str] = &[MO_ID];
    const REPORTS: &'static [&'static str] = &[OPERATION_COMPLETE];

    fn reads(&self) -> Vec<&'static str> {
        vec![nodes::AVAILABLE_WIPE_LIST]
    }

    fn plan(&self, root: &NodeUri, seen: &Snapshot) -> Option<Plan> {
        let settings: Vec<_> = self
            .wanted(root, seen)
            .ok()?
            .into_iter()
            .filter_map(|(item, wanted)| {
                let leaf = item.join(nodes::TO_BE_WIPED).ok()?;
                let value = if wanted { "true" } else { "false" };
                Some(Setting::leaf(leaf, "bool", value))
            })
            .collect();
        let prepare = if settings.is_empty() {
            Vec::new()
        } else {
            vec![Prepare::Replace(settings)]
        };
        Some(Plan {
            prepare,
            exec: nodes::operation(root, Operation::Wipe)?,
            acl: root.clone(),
        })
    }

    fn operation(&self) -> Option<Text> {
        Some(Text::from_static(Operation::Wipe.node_name()))
    }

    fn offered_in(&self) -> Option<&'static str> {
        Some(nodes::OPERATIONS)
    }
}
