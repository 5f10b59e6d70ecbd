//! [`WipeItem`]: a category of data that can be wiped. [`WipeList`]: the list of them, at run time.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    Edit, Node, NodeFormat, NodeUri,
    agent::Agent,
    store::{StoreError, StoreErrorKind},
};
use serde::{Deserialize, Serialize};

use crate::{ResultCode, nodes};

/// An item of the wipe list: a category of data.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WipeItem {
    /// The name of its node: one segment of a URI, as it stands there.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
}

impl WipeItem {
    /// An item whose node and name are the same.
    pub fn new(name: impl Into<Text>) -> Self {
        let name = name.into();
        Self {
            node: name.clone(),
            list_item_name: name,
        }
    }

    /// The same with another name for people.
    #[must_use]
    pub fn named(mut self, list_item_name: impl Into<Text>) -> Self {
        self.list_item_name = list_item_name.into();
        self
    }
}

/// What came of an item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's codes tell no more")]
pub enum ItemOutcome {
    /// Its data is erased; it stays in the list, and is not marked any more, unless a server has marked it
    /// again since the Exec.
    Erased,
    /// Its data is erased, and the category makes no sense any more: the item leaves the list.
    Gone,
    /// Erasing it began and failed; it stays marked.
    Failed,
    /// Nothing of it was erased; it stays marked.
    NotPerformed,
}

impl ItemOutcome {
    /// The result of a wipe by those of its items: 1406 if none was erased or tried, 1405 if any was
    /// not erased, 1202 if all have left the list, else 1201.
    pub fn fold(outcomes: &[Self]) -> ResultCode {
        let all = |wanted: Self| outcomes.iter().all(|outcome| *outcome == wanted);
        if all(Self::NotPerformed) {
            ResultCode::WIPE_NOT_PERFORMED
        } else if !outcomes.iter().all(|outcome| outcome.is_erased()) {
            ResultCode::WIPE_FAILED
        } else if all(Self::Gone) {
            ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL
        } else {
            ResultCode::WIPE_SUCCESSFUL
        }
    }

    /// Whether the data is erased.
    pub const fn is_erased(self) -> bool {
        matches!(self, Self::Erased | Self::Gone)
    }
}

/// The wipe list of a device while it runs: what of it can be wiped comes and goes.
///
/// Each call is durable when it returns. A wipe that was accepted before goes on with the items that were
/// marked then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WipeList {
    root: NodeUri,
}

/// Why the wipe list was not changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WipeListError {
    /// There is no object at the root, or it has no wipe list
    /// ([`Config::with_wipe_list`](super::Config::with_wipe_list)).
    #[error("no wipe list at {0}")]
    NoList(NodeUri),
    /// This cannot be the name of a node, or is too long for one at this place.
    #[error("{0:?} cannot be the name of a node")]
    Name(Text),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WipeList {
    /// That of the object mounted at `root`.
    pub fn of(root: NodeUri) -> Self {
        Self { root }
    }

    /// What is in it: each item, and whether it is marked.
    ///
    /// # Errors
    ///
    /// If there is no list, or the storage fails.
    pub fn items(&self, agent: &mut Agent) -> Result<Vec<(WipeItem, bool)>, WipeListError> {
        self.edit(agent, 0, false, |edit| items(edit))
    }

    /// Adds an item, not marked. One that is there gets the name for people, and keeps its mark.
    ///
    /// # Errors
    ///
    /// If there is no list, its name is none, or the storage fails.
    pub fn add(&self, agent: &mut Agent, item: &WipeItem, now: u64) -> Result<(), WipeListError> {
        checked(&self.root, item)?;
        self.edit(agent, now, true, |edit| put(edit, item))
    }

    /// Removes an item, marked or not; whether it was there.
    ///
    /// # Errors
    ///
    /// If there is no list, or the storage fails.
    pub fn remove(&self, agent: &mut Agent, node: &str, now: u64) -> Result<bool, WipeListError> {
        self.edit(agent, now, true, |edit| {
            let is_there = items(edit)?.iter().any(|(item, _)| item.node == node);
            if is_there {
                edit.remove(&path(node))?;
            }
            Ok(is_there)
        })
    }

    /// Makes these the items: those that stay keep their marks.
    ///
    /// # Errors
    ///
    /// If there is no list, a name is none, or the storage fails. Then nothing has changed.
    pub fn set(
        &self,
        agent: &mut Agent,
        items: &[WipeItem],
        now: u64,
    ) -> Result<(), WipeListError> {
        let mut all = items.iter();
        all.try_for_each(|item| checked(&self.root, item))?;
        self.edit(agent, now, true, |edit| set(edit, items))
    }

    fn edit<T>(
        &self,
        agent: &mut Agent,
        now: u64,
        changes: bool,
        run: impl FnOnce(&mut Edit<'_>) -> Result<T, StatusCode>,
    ) -> Result<T, WipeListError> {
        let no_list = || WipeListError::NoList(self.root.clone());
        let failed = |status| match status {
            StatusCode::NOT_FOUND | StatusCode::COMMAND_NOT_ALLOWED => no_list(),
            StatusCode::DEVICE_FULL => StoreError::new(StoreErrorKind::Full).into(),
            _ => StoreError::new(StoreErrorKind::Io).into(),
        };
        let mut transaction = agent.begin(now);
        let mut edit = transaction.edit(&self.root).ok_or_else(no_list)?;
        let result = run(&mut edit).map_err(failed)?;
        if changes {
            transaction.commit()?;
        }
        Ok(result)
    }
}

/// The items in the tree, and whether they are marked. 404 if there is no list.
pub(super) fn items(edit: &Edit<'_>) -> Result<Vec<(WipeItem, bool)>, StatusCode> {
    let view = edit.view();
    let list = edit.root().join(nodes::AVAILABLE_WIPE_LIST);
    let list = list.map_err(|_| StatusCode::NOT_FOUND)?;
    let mut items = Vec::new();
    for name in view.children(&list)? {
        let leaf = |leaf: &str| match list.join(&name).and_then(|item| item.join(leaf)) {
            Err(_) => Ok(None),
            Ok(uri) => match view.text(&uri) {
                Err(StatusCode::NOT_FOUND) => Ok(None),
                text => text.map(Some),
            },
        };
        if let Some(list_item_name) = leaf(nodes::LIST_ITEM_NAME)? {
            let mark = leaf(nodes::TO_BE_WIPED)?.and_then(|mark| NodeFormat::truth(&mark));
            let item = WipeItem::new(name.clone()).named(list_item_name);
            items.push((item, mark == Some(true)));
        }
    }
    Ok(items)
}

/// Adds an item, or gives one that is there its name for people.
pub(super) fn put(edit: &mut Edit<'_>, item: &WipeItem) -> Result<(), StatusCode> {
    let path = path(&item.node);
    let uri = edit.root().join(&path);
    let name = format!("{path}/{}", nodes::LIST_ITEM_NAME);
    if uri.is_ok_and(|uri| edit.view().exists(&uri)) {
        return edit.set(&name, item.list_item_name.to_string());
    }
    edit.put(&path, Node::interior(""))?;
    let list_item_name = item.list_item_name.to_string();
    edit.put(&name, Node::leaf(NodeFormat::Chr, list_item_name))?;
    let mark = Node::leaf(NodeFormat::Bool, nodes::FALSE);
    edit.put(&format!("{path}/{}", nodes::TO_BE_WIPED), mark)
}

/// Makes these the items.
pub(super) fn set(edit: &mut Edit<'_>, items: &[WipeItem]) -> Result<(), StatusCode> {
    for (known, _) in self::items(edit)? {
        match items.iter().find(|item| item.node == known.node) {
            None => edit.remove(&path(&known.node))?,
            Some(item) if *item != known => put(edit, item)?,
            Some(_) => {}
        }
    }
    let known = self::items(edit)?;
    let is_new = |item: &&WipeItem| known.iter().all(|(known, _)| known.node != item.node);
    items
        .iter()
        .filter(is_new)
        .try_for_each(|item| put(edit, item))
}

/// How often the mark of an item was set, and when: it tells a mark from one that is set later, also of an
/// item that was removed meanwhile and is there again.
pub(super) fn mark_of(edit: &Edit<'_>, item: &WipeItem) -> Option<(u16, u64)> {
    let mark = edit.root().join(&path(&item.node)).ok()?;
    let mark = mark.join(nodes::TO_BE_WIPED).ok()?;
    let mark = edit.view().node(&mark).ok()?;
    Some((mark.ver_no, mark.tstamp))
}

/// Writes down what came of an item. `is_its` says whether its mark is the one that the wipe was about.
pub(super) fn settle(
    edit: &mut Edit<'_>,
    item: &WipeItem,
    outcome: ItemOutcome,
    is_its: bool,
) -> Result<(), StatusCode> {
    let path = path(&item.node);
    match outcome {
        ItemOutcome::Gone => edit.remove(&path),
        ItemOutcome::Erased if is_its => {
            match edit.set(&format!("{path}/{}", nodes::TO_BE_WIPED), nodes::FALSE) {
                // It has left the list meanwhile.
                Err(StatusCode::NOT_FOUND) => Ok(()),
                done => done,
            }
        }
        // Set again since: for the next wipe.
        ItemOutcome::Erased | ItemOutcome::Failed | ItemOutcome::NotPerformed => Ok(()),
    }
}

fn path(node: &str) -> String {
    format!("{}/{node}", nodes::AVAILABLE_WIPE_LIST)
}

/// What cannot be in the list is not in it.
pub(super) fn possible(root: &NodeUri, mut items: Vec<WipeItem>) -> Vec<WipeItem> {
    items.retain(|item| checked(root, item).is_ok());
    items
}

/// A name is one segment, and leaves room for the nodes below it.
fn checked(root: &NodeUri, item: &WipeItem) -> Result<(), WipeListError> {
    let name = NodeUri::ROOT.join(&item.node);
    let is_name = name.is_ok_and(|uri| uri.name() == item.node.as_str());
    let path = format!("{}/{}", path(&item.node), nodes::LIST_ITEM_NAME);
    if is_name && root.join(&path).is_ok() {
        Ok(())
    } else {
        Err(WipeListError::Name(item.node.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_of_items_fold_to_one_result() {
        use ItemOutcome::{Erased, Failed, Gone, NotPerformed};
        for (outcomes, code) in [
            (&[][..], 1406),
            (&[Erased], 1201),
            (&[Gone], 1202),
            (&[Gone, Gone], 1202),
            (&[Gone, Erased], 1201),
            (&[Failed], 1405),
            (&[Erased, Failed], 1405),
            (&[Gone, Failed, Gone], 1405),
            (&[NotPerformed], 1406),
            (&[NotPerformed, NotPerformed], 1406),
            (&[Erased, NotPerformed], 1405),
            (&[Failed, NotPerformed], 1405),
        ] {
            assert_eq!(ItemOutcome::fold(outcomes).as_u16(), code, "{outcomes:?}");
        }
    }

    #[test]
    fn what_is_no_single_segment_is_no_name() {
        let root = NodeUri::parse("./LAWMO").expect("a uri");
        for name in ["", "a/b", "..", ".", "a/"] {
            let item = WipeItem::new(name);
            let refused = checked(&root, &item).expect_err("no name");
            assert_eq!(
                refused.to_string(),
                format!("{name:?} cannot be the name of a node")
            );
        }
        assert!(checked(&root, &WipeItem::new("CallLogs")).is_ok());
    }
}
