//! [`NodeDescription`]: what nodes there may be, and what may be done with them.

use bytes::Bytes;
use dm_proto::Text;

use crate::{Acl, Node, NodeFormat, Property, PropertySet, ddf::Microsoft};

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
    title: Option<Text>,
    text: Option<Text>,
    case: Option<CaseSense>,
    properties: PropertySet,
    new_acl: Acl,
    new_title: Text,
    microsoft: Option<Box<Microsoft>>,
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

    /// Each command with its name, in the order of the standard.
    const NAMES: [(Self, &str); 6] = [
        (Self::ADD, "Add"),
        (Self::COPY, "Copy"),
        (Self::DELETE, "Delete"),
        (Self::EXEC, "Exec"),
        (Self::GET, "Get"),
        (Self::REPLACE, "Replace"),
    ];

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The command of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let named = Self::NAMES.into_iter().find(|(_, known)| *known == name);
        named.map(|(access, _)| access)
    }

    /// The names of the commands in it.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(access, _)| self.contains(*access))
            .map(|(_, name)| name)
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

/// Whether the names below a node differ by case. OMA-TS-DM_TND, CaseSense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum CaseSense {
    /// `CS`: they do.
    Sensitive,
    /// `CIS`: names that differ by the case of ASCII letters alone are the same; the spelling that a
    /// node was made with is kept.
    Insensitive,
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
            title: None,
            text: None,
            case: None,
            properties: PropertySet::ALL.without(Property::Size),
            new_acl: Acl::default(),
            new_title: Text::EMPTY,
            microsoft: None,
        }
    }

    /// A permanent leaf of type `text/plain` that supports Get.
    pub fn leaf(name: impl Into<Text>, format: NodeFormat) -> Self {
        Self {
            format,
            types: vec![Text::from_static("text/plain")],
            properties: PropertySet::ALL,
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

    /// The same, open: below it there may be any nodes beside those that are described, of any format, with
    /// every command but Exec. For `Ext` and `Bearer` subtrees, which the standard objects leave to vendors.
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

    /// The same with a title for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<Text>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The same with a text that says what the node is for.
    #[must_use]
    pub fn text(mut self, text: impl Into<Text>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with one more type that it may have.
    #[must_use]
    pub fn or_type(mut self, type_: impl Into<Text>) -> Self {
        self.types.push(type_.into());
        self
    }

    /// The same with a rule for the names below it; without one that of the node above holds, and at
    /// last that case counts.
    #[must_use]
    pub fn case_sense(mut self, case: CaseSense) -> Self {
        self.case = Some(case);
        self
    }

    /// The same with these run-time properties, and those that every node has. By default all of them,
    /// since the tree keeps them; interior nodes have no Size.
    #[must_use]
    pub fn properties(mut self, properties: PropertySet) -> Self {
        self.properties = properties.and(PropertySet::LEAST);
        if self.format == NodeFormat::Node {
            self.properties = self.properties.without(Property::Size);
        }
        self
    }

    /// The same with an ACL that its nodes have when they are made. OMA-TS-DM_TND, RTProperties. An interior
    /// node whose creator may not Replace its parent has [that of a creator](crate::CreatorAcl) instead.
    #[must_use]
    pub fn new_acl(mut self, acl: Acl) -> Self {
        self.new_acl = acl;
        self
    }

    /// The same with a Title, at most 255 octets, that its nodes have when they are made; so they have that
    /// property.
    #[must_use]
    pub fn new_title(mut self, title: impl Into<Text>) -> Self {
        self.new_title = title.into();
        self.properties = self.properties.with(Property::Title);
        self
    }

    /// The same with what Microsoft's descriptions say beside the framework.
    #[must_use]
    pub fn with_microsoft(mut self, microsoft: Microsoft) -> Self {
        self.microsoft = (microsoft != Microsoft::default()).then(|| Box::new(microsoft));
        self
    }

    /// The same under another name; `None` for a name that is chosen at run time.
    #[must_use]
    pub fn named(mut self, name: Option<Text>) -> Self {
        self.name = name;
        self
    }

    /// What Microsoft's descriptions say of it beside the framework.
    pub fn microsoft(&self) -> Option<&Microsoft> {
        self.microsoft.as_deref()
    }

    /// The commands that it supports.
    pub fn supported(&self) -> Access {
        self.access
    }

    /// Whether it comes with the object.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// How often it occurs.
    pub fn occurs(&self) -> Occurrence {
        self.occurrence
    }

    /// The value with which it is created if none is given.
    pub fn default_of(&self) -> Option<&Bytes> {
        self.default.as_ref()
    }

    /// The ACL of its nodes when they are made.
    pub fn new_acl_of(&self) -> &Acl {
        &self.new_acl
    }

    /// The Title of its nodes when they are made.
    pub fn new_title_of(&self) -> &Text {
        &self.new_title
    }

    /// Its title for people.
    pub fn title_of(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What it is for.
    pub fn text_of(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Its own rule for the names below it.
    pub fn case_of(&self) -> Option<CaseSense> {
        self.case
    }

    /// Its run-time properties.
    pub fn properties_of(&self) -> PropertySet {
        self.properties
    }

    /// Whether there may be any nodes below it.
    pub fn is_open(&self) -> bool {
        self.open
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
        let node = match self.format {
            NodeFormat::Node => Node::interior(type_),
            format => Node::leaf(format, self.default.clone().unwrap_or_default()).with_type(type_),
        };
        node.with_acl(self.new_acl.clone())
            .with_title(self.new_title.clone())
    }

    /// What is said of the node at `path` (segments joined by `/`) below this one.
    pub(crate) fn lookup(&self, path: &str) -> Described<'_> {
        self.lookup_with_case(path).0
    }

    /// The same, and whether the names below that node differ by case.
    pub(crate) fn lookup_with_case(&self, path: &str) -> (Described<'_>, CaseSense) {
        let mut description = self;
        let mut case = self.case.unwrap_or(CaseSense::Sensitive);
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            match description.child_for(segment, case) {
                Some(child) => {
                    description = child;
                    case = child.case.unwrap_or(case);
                }
                None if description.open => return (Described::Open, case),
                None => return (Described::Nothing, case),
            }
        }
        (Described::Node(description), case)
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
        let mut case = self.case.unwrap_or(CaseSense::Sensitive);
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if description.computed {
                return true;
            }
            match description.child_for(segment, case) {
                Some(child) => {
                    description = child;
                    case = child.case.unwrap_or(case);
                }
                None => return false,
            }
        }
        description.computed
    }

    /// The description of a child by its name: the one that has it, else the placeholder.
    fn child_for(&self, name: &str, case: CaseSense) -> Option<&Self> {
        let is_named = |child: &&Self| {
            child.name.as_ref().is_some_and(|known| match case {
                CaseSense::Sensitive => known == name,
                CaseSense::Insensitive => known.eq_ignore_ascii_case(name),
            })
        };
        let placeholder = || self.children.iter().find(|child| child.name.is_none());
        self.children.iter().find(is_named).or_else(placeholder)
    }

    /// Adds a child that a document describes. What is described is not any more whatever a server likes,
    /// unless an Add could be for nothing else: not for the node itself, nor for a child of its.
    pub(crate) fn push_child(&mut self, child: Self) {
        self.children.push(child);
        self.open = self.supports(Access::ADD) && self.has_fixed_children();
    }

    /// Whether it is permanent and all its children are, so that a server can add none of them.
    pub(crate) fn has_fixed_children(&self) -> bool {
        self.is_permanent() && self.children.iter().all(Self::comes_with_parent)
    }

    /// The description at a path of names, where anything may stand for a placeholder.
    pub(crate) fn descendant_mut(&mut self, path: &str) -> Option<&mut Self> {
        let mut at = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let is_named = |child: &Self| child.name() == Some(name);
            let place = at.children.iter().position(is_named);
            let place =
                place.or_else(|| at.children.iter().position(|child| child.name.is_none()))?;
            at = at.children.get_mut(place)?;
        }
        Some(at)
    }

    /// Whether case does not count somewhere in the subtree.
    pub(crate) fn ignores_case(&self) -> bool {
        let mut pending = vec![self];
        while let Some(description) = pending.pop() {
            if description.case == Some(CaseSense::Insensitive) {
                return true;
            }
            pending.extend(&description.children);
        }
        false
    }

    /// How many of `siblings` this description of a child of `self` stands for.
    pub(crate) fn count(&self, child: &Self, case: CaseSense, siblings: &[Text]) -> usize {
        siblings
            .iter()
            .filter(|name| {
                self.child_for(name, case)
                    .is_some_and(|found| core::ptr::eq(found, child))
            })
            .count()
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.scope == Scope::Permanent
    }

    /// Whether it has this very type, among others or not.
    pub(crate) fn has_type(&self, type_: &str) -> bool {
        self.types.iter().any(|known| known == type_)
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

    /// Whether the node is created with its parent: when the object is mounted, or when a server adds a
    /// dynamic node above it. What may be missing at first is described as dynamic, without Add.
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

/// A description without its children, as a document has it.
pub(crate) struct Parts {
    pub(crate) name: Option<Text>,
    pub(crate) format: NodeFormat,
    pub(crate) types: Vec<Text>,
    pub(crate) access: Access,
    pub(crate) scope: Scope,
    pub(crate) occurrence: Occurrence,
    pub(crate) default: Option<Bytes>,
    pub(crate) open: bool,
    pub(crate) title: Option<Text>,
    pub(crate) text: Option<Text>,
    pub(crate) case: Option<CaseSense>,
    pub(crate) properties: PropertySet,
    pub(crate) new_acl: Acl,
    pub(crate) new_title: Text,
    pub(crate) microsoft: Option<Box<Microsoft>>,
}

impl From<Parts> for NodeDescription {
    fn from(parts: Parts) -> Self {
        Self {
            name: parts.name,
            format: parts.format,
            types: parts.types,
            access: parts.access,
            scope: parts.scope,
            occurrence: parts.occurrence,
            default: parts.default,
            children: Vec::new(),
            open: parts.open,
            // A document cannot say it: it is how an object keeps its nodes.
            computed: false,
            title: parts.title,
            text: parts.text,
            case: parts.case,
            properties: PropertySet::NONE,
            new_acl: parts.new_acl,
            new_title: parts.new_title,
            microsoft: parts.microsoft,
        }
        .properties(parts.properties)
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
    /// The ACL and the Title of a node when it is made.
    pub(crate) fn proposed(&self) -> (Acl, Text) {
        match self {
            Self::Node(description) => (description.new_acl.clone(), description.new_title.clone()),
            Self::Open | Self::Nothing => Default::default(),
        }
    }

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
pub(crate) fn essence(type_: &str) -> String {
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
        assert_eq!(
            description.count(&description.children[1], CaseSense::Sensitive, &siblings),
            2
        );
    }

    #[test]
    fn parameters_and_case_of_a_type_do_not_matter() {
        let leaf = NodeDescription::leaf("x", NodeFormat::Chr);
        assert!(leaf.accepts_type("Text/Plain; charset=UTF-8"));
        assert!(!leaf.accepts_type("text/html"));
        assert!(NodeDescription::interior("x").accepts_type("urn:any"));
    }
}
