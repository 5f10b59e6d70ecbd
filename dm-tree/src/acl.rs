//! [`Acl`]: which server may do what.

use dm_proto::Text;
use serde::{Deserialize, Serialize};

/// An access control list as it stands on a node. OMA-TS-DM_TND, ACL.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Acl {
    entries: Vec<(Right, Vec<Text>)>,
}

/// A command that an ACL can grant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Right {
    /// Add below.
    Add,
    /// Delete.
    Delete,
    /// Exec.
    Exec,
    /// Get.
    Get,
    /// Replace.
    Replace,
}

/// Why text is not an ACL.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AclError {
    /// The text does not follow the grammar from this octet on.
    #[error("acl is malformed at octet {0}")]
    Malformed(usize),
}

impl Acl {
    /// Reads the text of an ACL property.
    ///
    /// # Errors
    ///
    /// If it does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, AclError> {
        let _ = text;
        todo!()
    }

    /// Grants `right` to `server`, `*` for all.
    #[must_use]
    pub fn grant(self, right: Right, server: impl Into<Text>) -> Self {
        let _ = (right, server.into());
        todo!()
    }

    /// Grants Add, Delete, Exec, Get and Replace to each of `servers`.
    pub fn all(servers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        let _ = servers.into_iter().map(Into::into).collect::<Vec<Text>>();
        todo!()
    }

    /// Whether `server` has `right`.
    pub fn allows(&self, right: Right, server: &str) -> bool {
        let _ = (right, server);
        todo!()
    }

    /// Whether there is no entry: the node inherits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
