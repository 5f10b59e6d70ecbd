//! [`WipeItem`]: a category of data that can be wiped.

use dm_proto::Text;
use serde::{Deserialize, Serialize};

/// An item of the wipe list: a category of data.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WipeItem {
    /// The name of its node.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
    /// Whether it makes no sense any more after it was wiped, so that its node goes with it.
    pub removed_after_wipe: bool,
}

impl WipeItem {
    /// An item whose node and name are the same.
    pub fn new(name: impl Into<Text>) -> Self {
        let name = name.into();
        Self {
            node: name.clone(),
            list_item_name: name,
            removed_after_wipe: false,
        }
    }

    /// The same with another name for people.
    #[must_use]
    pub fn named(mut self, list_item_name: impl Into<Text>) -> Self {
        self.list_item_name = list_item_name.into();
        self
    }

    /// The same, leaving the list when it was wiped.
    #[must_use]
    pub fn removed_after_wipe(mut self) -> Self {
        self.removed_after_wipe = true;
        self
    }
}
