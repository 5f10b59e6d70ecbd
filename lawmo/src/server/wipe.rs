//! [`Wipe`]: wipes items of a device's list.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    NodeUri,
    remote::{
        Conclusion, Course, Order, Plan, Prepare, Script, Setting, Snapshot, Summarize, Summary,
        SummaryState, Unmet,
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
    /// Wipes `items`, each named by its node or its `ListItemName`. All other items are kept. Without any it
    /// ends as [`Ended::Unmet`], unless nothing is to be checked.
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
    fn wanted(&self, root: &NodeUri, seen: &Snapshot) -> Result<Vec<(NodeUri, bool)>, Vec<Text>> {
        // Those too that cannot be read: they may be marked all the same.
        let list: Vec<NodeUri> = root
            .join(nodes::AVAILABLE_WIPE_LIST)
            .map(|list| {
                let items = seen.names(&list).map(|name| list.join(name));
                items.filter_map(Result::ok).collect()
            })
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

    /// An item that was not seen may be marked.
    fn needs_all(&self) -> bool {
        true
    }

    fn operation(&self) -> Option<Text> {
        Some(Text::from_static(Operation::Wipe.node_name()))
    }

    fn offered_in(&self) -> Option<&'static str> {
        Some(nodes::OPERATIONS)
    }

    fn unmet_at_once(&self) -> Option<Unmet> {
        let is_none = self.items.as_ref().is_some_and(Vec::is_empty);
        is_none.then_some(Unmet::Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use dm_proto::message::{Command, Item, Meta};
    use dm_tree::remote::{Operation as _, Reply, Step};

    use super::*;

    /// A device that knows no lists of subtrees, and lets the server read one of its two items.
    fn answer(wipe: &mut Wipe, commands: &[Command]) {
        for (command, get) in (0_u16..).zip(commands) {
            let Command::Get(get) = get else {
                panic!("{get:?}");
            };
            let uri = get.items[0].target_uri().expect("a target").as_str();
            let (status, format, data) = match uri {
                "./LAWMO?prop=Type" => (200, "chr", MO_ID),
                "./LAWMO/AvailableWipeList" => (200, "node", "Media/Secret"),
                "./LAWMO/AvailableWipeList/Media" => (200, "node", "ListItemName/ToBeWiped"),
                "./LAWMO/AvailableWipeList/Media/ListItemName" => (200, "chr", "Films"),
                "./LAWMO/AvailableWipeList/Media/ToBeWiped" => (200, "bool", "false"),
                uri if uri.ends_with("?list=StructData") => (406, "", ""),
                _ => (425, "", ""),
            };
            wipe.handle(Reply::Status {
                command,
                part: 0,
                target_ref: None,
                status: StatusCode::new(status),
                items: &[],
            });
            if status == 200 {
                let item = Item::for_source(uri)
                    .with_meta(Meta::format(format))
                    .with_data(data);
                wipe.handle(Reply::Results {
                    command,
                    part: 0,
                    items: &[item],
                });
            }
        }
        wipe.handle(Reply::Answered);
    }

    #[test]
    fn an_item_that_may_not_be_read_is_set_too() {
        let root = NodeUri::parse("./LAWMO").expect("a uri");
        let order = Order::new("srv1", "w").with_usual_roots([root]);
        for (mut wipe, secret) in [
            (Wipe::items(["Films"], order.clone()), "false"),
            (Wipe::items(["Media", "Secret"], order.clone()), "true"),
            (Wipe::everything(order), "true"),
        ] {
            let atomic = loop {
                match wipe.step() {
                    Step::Send(commands) if matches!(commands[..], [Command::Atomic(_)]) => {
                        break commands;
                    }
                    Step::Send(commands) => answer(&mut wipe, &commands),
                    other => panic!("{other:?}, {:?}", wipe.outcome()),
                }
            };
            let [Command::Atomic(atomic)] = &atomic[..] else {
                panic!("an Atomic");
            };
            let set: Vec<_> = atomic
                .commands
                .iter()
                .map(|command| match command {
                    Command::Replace(replace) => {
                        let item = &replace.items[0];
                        let uri = item.target_uri().expect("a target").as_str();
                        let value = item.data.as_ref().and_then(|data| data.as_str());
                        (
                            uri.rsplit('/').nth(1).expect("a name"),
                            value.expect("text"),
                        )
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(set, [("Media", "true"), ("Secret", secret)]);
        }
    }

    #[test]
    fn a_list_that_is_not_read_to_its_end_is_not_wiped() {
        let root = NodeUri::parse("./LAWMO").expect("a uri");
        let order = Order::new("srv1", "w").with_usual_roots([root]);
        for (items, ended) in [(1000, false), (5000, true)] {
            let mut wipe = Wipe::items(["Item1"], order.clone());
            let Step::Send(find) = wipe.step() else {
                panic!("{:?}", wipe.outcome());
            };
            answer(&mut wipe, &find);
            assert!(matches!(wipe.step(), Step::Send(_)), "a Get of the list");
            let mut list =
                vec![Item::for_source("./LAWMO/AvailableWipeList").with_meta(Meta::format("node"))];
            list.extend((0..items).map(|number| {
                Item::for_source(format!("./LAWMO/AvailableWipeList/Item{number}"))
                    .with_meta(Meta::format("node"))
            }));
            wipe.handle(Reply::Results {
                command: 0,
                part: 0,
                items: &list,
            });
            wipe.handle(Reply::Answered);
            let outcome = ended.then_some(WipeOutcome::Ended(Ended::TooMuch));
            assert_eq!(wipe.outcome(), outcome, "{items}");
        }
    }

    #[test]
    fn a_wipe_of_no_item_is_none() {
        let none: [&str; 0] = [];
        let wipe = Wipe::items(none, Order::new("srv1", "w"));
        let incomplete = Ended::Unmet(Unmet::Incomplete);
        assert_eq!(wipe.outcome(), Some(WipeOutcome::Ended(incomplete)));
    }
}
