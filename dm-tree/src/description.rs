//! [`NodeDescription`]: what nodes there may be, and what may be done with them.

use bytes::Bytes;
use dm_proto::Text;

use crate::{Node, NodeFormat};

/// A node of the description framework, built in code. OMA-TS-DM_TND, device description framework.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDescription {
    name: Option<Text>,
    format: NodeFormat,
    types: Vec<Text>,
    access: Access,
    scope: Scope,
    occurrence: Occurrence,
    default: Option<Bytes>,
    children: Vec<Self>,
    open: bool,
    computed: bool,
}

/// The commands that a node supports, whatever the ACL says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Access(u8);

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Add: children may be added below.
    pub const ADD: Self = Self(1);
    /// Copy.
    pub const COPY: Self = Self(2);
    /// Delete.
    pub const DELETE: Self = Self(4);
    /// Exec.
    pub const EXEC: Self = Self(8);
    /// Get.
    pub const GET: Self = Self(16);
    /// Replace.
    pub const REPLACE: Self = Self(32);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl core::ops::BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether a node comes with the object or is made at run time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Scope {
    /// Made and removed at run time.
    #[default]
    Dynamic,
    /// There from the start; no server creates, deletes or renames it.
    Permanent,
}

/// How often a node occurs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
#[expect(missing_docs, reason = "named by the standard")]
pub enum Occurrence {
    #[default]
    One,
    ZeroOrOne,
    ZeroOrMore,
    OneOrMore,
    ZeroOrN(u32),
    OneOrN(u32),
}

impl NodeDescription {
    /// A permanent interior node that supports Get.
    pub fn interior(name: impl Into<Text>) -> Self {
        Self {
            name: Some(name.into()),
            format: NodeFormat::Node,
            types: Vec::new(),
            access: Access::GET,
            scope: Scope::Permanent,
            occurrence: Occurrence::One,
            default: None,
            children: Vec::new(),
            open: false,
            computed: false,
        }
    }

    /// A permanent leaf of type `text/plain` that supports Get.
    pub fn leaf(name: impl Into<Text>, format: NodeFormat) -> Self {
        Self {
            format,
            types: vec![Text::from_static("text/plain")],
            ..Self::interior(name)
        }
    }

    /// Dynamic interior nodes whose names are chosen at run time (`<X>`), any number, with Get.
    pub fn any() -> Self {
        Self {
            name: None,
            scope: Scope::Dynamic,
            occurrence: Occurrence::ZeroOrMore,
            ..Self::interior("")
        }
    }

    /// The same, dynamic: made and removed at run time.
    #[must_use]
    pub fn dynamic(mut self) -> Self {
        self.scope = Scope::Dynamic;
        self
    }

    /// The same with other supported commands.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The same with another occurrence.
    #[must_use]
    pub fn occurrence(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = occurrence;
        self
    }

    /// The same with a type: the identifier of a management object, or a MIME type (any, if none).
    #[must_use]
    pub fn type_(mut self, type_: impl Into<Text>) -> Self {
        self.types = vec![type_.into()];
        self
    }

    /// The same with no type prescribed.
    #[must_use]
    pub fn any_type(mut self) -> Self {
        self.types = Vec::new();
        self
    }

    /// The same with a default value.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Bytes>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The same with one more child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The same, open: below it there may be any nodes, of any format, with every command but Exec.
    /// For `Ext` and `Bearer` subtrees, which the standard objects leave to vendors.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.open = true;
        self.access = self.access | Access::ADD | Access::GET;
        self
    }

    /// The same, computed: what is below it is not stored, and its object is asked
    /// ([`ManagementObject::list`](crate::object::ManagementObject::list)) whenever somebody looks. What
    /// the children below it support is theirs to describe; what is not described supports Get.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// The name; `None` if it is chosen at run time.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The format.
    pub fn format(&self) -> NodeFormat {
        self.format
    }

    /// The types that it may have; any, if there is none.
    pub fn types(&self) -> &[Text] {
        &self.types
    }

    /// The children.
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// The node as it is created, when the description alone decides.
    pub fn initial(&self) -> Node {
        let type_ = self.types.first().cloned().unwrap_or_default();
        if self.format == NodeFormat::Node {
            return Node::interior(type_);
        }
        Node::leaf(self.format, self.default.clone().unwrap_or_default()).with_type(type_)
    }

    /// What is said of the node at `path` (segments joined by `/`) below this one.
    pub(crate) fn lookup(&self, path: &str) -> Described<'_> {
        let mut description = self;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            match description.child_for(segment) {
                Some(child) => description = child,
                None if description.open => return Described::Open,
                None => return Described::Nothing,
            }
        }
        Described::Node(description)
    }

    pub(crate) fn is_computed(&self) -> bool {
        self.computed
    }

    /// Whether something at or below this one is computed.
    pub(crate) fn computes(&self) -> bool {
        let mut pending = vec![self];
        while let Some(description) = pending.pop() {
            if description.computed {
                return true;
            }
            pending.extend(&description.children);
        }
        false
    }

    /// Whether the children of the node at `path` are computed: it, or a node that leads to it, is
    /// described so.
    pub(crate) fn computes_below(&self, path: &str) -> bool {
        let mut description = self;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if description.computed {
                return true;
            }
            match description.child_for(segment) {
                Some(child) => description = child,
                None => return false,
            }
        }
        description.computed
    }

    /// The description of a child by its name: the one that has it, else the placeholder.
    fn child_for(&self, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find(|child| child.name() == Some(name))
            .or_else(|| self.children.iter().find(|child| child.name.is_none()))
    }

    /// How many of `siblings` this description of a child of `self` stands for.
    pub(crate) fn count(&self, child: &Self, siblings: &[Text]) -> usize {
        siblings
            .iter()
            .filter(|name| {
                self.child_for(name)
                    .is_some_and(|found| core::ptr::eq(found, child))
            })
            .count()
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.scope == Scope::Permanent
    }

    pub(crate) fn occurs(&self) -> Occurrence {
        self.occurrence
    }

    pub(crate) fn supports(&self, access: Access) -> bool {
        self.access.contains(access)
    }

    /// Whether a type, parameters aside, is one that the node may have.
    pub(crate) fn accepts_type(&self, type_: &str) -> bool {
        self.types.is_empty()
            || self
                .types
                .iter()
                .any(|known| essence(known) == essence(type_))
    }

    /// Whether the node is created when the object is mounted. What may be missing at first is
    /// described as dynamic, without Add.
    pub(crate) fn comes_with_parent(&self) -> bool {
        self.is_permanent() && self.name.is_some()
    }
}

impl Occurrence {
    pub(crate) const fn least(self) -> usize {
        match self {
            Self::One | Self::OneOrMore | Self::OneOrN(_) => 1,
            Self::ZeroOrOne | Self::ZeroOrMore | Self::ZeroOrN(_) => 0,
        }
    }

    pub(crate) const fn most(self) -> usize {
        match self {
            Self::One | Self::ZeroOrOne => 1,
            Self::ZeroOrMore | Self::OneOrMore => usize::MAX,
            Self::ZeroOrN(n) | Self::OneOrN(n) => n as usize,
        }
    }
}

/// What descriptions say of a place in the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Described<'d> {
    /// This.
    Node(&'d NodeDescription),
    /// Anything goes.
    Open,
    /// There is no such node.
    Nothing,
}

impl Described<'_> {
    /// Whether the node supports a command.
    pub(crate) fn supports(&self, access: Access) -> bool {
        match self {
            Self::Node(description) => description.supports(access),
            Self::Open => !access.contains(Access::EXEC),
            Self::Nothing => access == Access::GET,
        }
    }

    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::Node(description) => description.is_permanent(),
            Self::Open => false,
            // The root, and what leads from there to the objects.
            Self::Nothing => true,
        }
    }
}

/// A MIME type without parameters, in lower case.
fn essence(type_: &str) -> String {
    let essence = type_.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(description: &NodeDescription, path: &str) -> Option<String> {
        match description.lookup(path) {
            Described::Node(node) => Some(node.name().unwrap_or("<X>").into()),
            Described::Open => Some("open".into()),
            Described::Nothing => None,
        }
    }

    #[test]
    fn a_name_goes_before_a_placeholder_and_open_takes_the_rest() {
        let description = NodeDescription::interior("S")
            .child(NodeDescription::interior("Named"))
            .child(NodeDescription::any().child(NodeDescription::leaf("ID", NodeFormat::Chr)))
            .child(NodeDescription::interior("Ext").open());
        assert_eq!(described(&description, "").as_deref(), Some("S"));
        assert_eq!(described(&description, "Named").as_deref(), Some("Named"));
        assert_eq!(described(&description, "Other/ID").as_deref(), Some("ID"));
        assert_eq!(described(&description, "Named/ID"), None);
        assert_eq!(
            described(&description, "Ext/a/b/c").as_deref(),
            Some("open")
        );
        let siblings = ["Named", "x", "y", "Ext"].map(Text::from);
        assert_eq!(description.count(&description.children[1], &siblings), 2);
    }

    #[test]
    fn parameters_and_case_of_a_type_do_not_matter() {
        let leaf = NodeDescription::leaf("x", NodeFormat::Chr);
        assert!(leaf.accepts_type("Text/Plain; charset=UTF-8"));
        assert!(!leaf.accepts_type("text/html"));
        assert!(NodeDescription::interior("x").accepts_type("urn:any"));
    }
}
