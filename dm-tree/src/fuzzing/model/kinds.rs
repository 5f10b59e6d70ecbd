//! What the objects of [`tree_ops`](crate::fuzzing::tree_ops) describe, as the model sees it.

use super::Place;

/// What is described of a place.
#[derive(Clone, Copy)]
pub(in crate::fuzzing) enum Kind {
    /// Nothing: the root, and where there can be no node.
    Nothing,
    /// Any node.
    Open,
    /// This.
    Node(&'static Described),
}

/// What nodes of a kind are like.
pub(in crate::fuzzing) struct Described {
    pub(super) format: &'static str,
    /// Empty for any.
    pub(super) type_: &'static str,
    /// Commands that it supports.
    access: &'static [&'static str],
    is_permanent: bool,
    pub(super) default: Option<&'static str>,
}

impl Kind {
    pub(super) fn of(place: Place<'_>) -> Self {
        let is_instance = |name: &str| !FIXED.contains(&name);
        match *place {
            ["M"] => Self::Node(&OPEN),
            ["M", ..] => Self::Open,
            ["E"] => Self::Node(&EXECUTED),
            ["E", "State"] => Self::Node(&STATE),
            ["E", name] if is_instance(name) => Self::Node(&INSTANCE),
            ["E", _] => Self::Node(&RUN),
            ["E", name, "Run"] if is_instance(name) => Self::Node(&RUN),
            ["E", name, "Count"] if is_instance(name) => Self::Node(&COUNT),
            ["E", name, "Id"] if is_instance(name) => Self::Node(&ID),
            ["Inbox"] => Self::Node(&INBOX),
            _ => Self::Nothing,
        }
    }

    pub(super) fn supports(self, command: &str) -> bool {
        match self {
            Self::Nothing => command == "Get",
            Self::Open => command != "Exec",
            Self::Node(described) => described.access.contains(&command),
        }
    }

    pub(super) fn is_permanent(self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Open => false,
            Self::Node(described) => described.is_permanent,
        }
    }

    pub(super) fn is(self, other: &'static Described) -> bool {
        matches!(self, Self::Node(described) if core::ptr::eq(described, other))
    }

    pub(super) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Open, Self::Open) => true,
            (Self::Node(described), other) => other.is(described),
            _ => false,
        }
    }

    /// Whether a node of it may be added below one of another.
    pub(super) fn may_be_below(self, parent: Self) -> bool {
        match (parent, self) {
            (_, Self::Nothing) => false,
            (_, Self::Open) => true,
            (Self::Node(above), Self::Node(described)) => {
                let has_add = |of: &Described| of.access.contains(&"Add");
                !described.is_permanent && (has_add(above) || has_add(described))
            }
            _ => false,
        }
    }

    /// 415 unless a node may have this format and type.
    pub(super) fn fits(self, format: &str, type_: &str) -> Result<(), u16> {
        match self {
            Self::Node(described)
                if described.format != format || !["", type_].contains(&described.type_) =>
            {
                Err(415)
            }
            _ => Ok(()),
        }
    }
}

/// The names below `E` that are no instance.
const FIXED: [&str; 4] = ["State", "now", "later", "refuse"];
/// How many instances there may be.
pub(in crate::fuzzing) const MOST_INSTANCES: usize = 2;
pub(in crate::fuzzing) const INSTANCE_TYPE: &str = "urn:test:e:1.0";

static OPEN: Described = Described {
    format: "node",
    type_: "",
    access: &["Add", "Get"],
    is_permanent: true,
    default: None,
};
static EXECUTED: Described = Described {
    format: "node",
    type_: "",
    access: &["Add", "Get"],
    is_permanent: true,
    default: None,
};
static STATE: Described = Described {
    format: "int",
    type_: "text/plain",
    access: &["Get"],
    is_permanent: true,
    default: Some("0"),
};
static RUN: Described = Described {
    format: "null",
    type_: "text/plain",
    access: &["Exec"],
    is_permanent: true,
    default: None,
};
static COUNT: Described = Described {
    format: "int",
    type_: "text/plain",
    access: &["Get"],
    is_permanent: true,
    default: Some("1"),
};
static INBOX: Described = Described {
    format: "node",
    type_: "urn:oma:mo:oma-dm-inbox:1.0",
    access: &["Add"],
    is_permanent: true,
    default: None,
};
pub(super) static INSTANCE: Described = Described {
    format: "node",
    type_: INSTANCE_TYPE,
    access: &["Add", "Delete", "Get", "Replace"],
    is_permanent: false,
    default: None,
};
pub(super) static ID: Described = Described {
    format: "chr",
    type_: "text/plain",
    access: &["Add", "Copy", "Delete", "Get", "Replace"],
    is_permanent: false,
    default: Some("d"),
};
