//! What a description says of a command, whatever the ACLs and the tree: for the device that executes it
//! and for the server that thinks of sending it.

use dm_proto::StatusCode;

use super::value::Given;
use crate::{
    Node, NodeFormat, Property,
    description::{Access, Described, essence},
};

/// Whether a server may add this child below this parent; how many there are is another question.
pub(crate) fn may_add(parent: Described<'_>, child: Described<'_>) -> Result<(), StatusCode> {
    let may = match (parent, child) {
        (_, Described::Nothing) => false,
        (_, Described::Open) => true,
        // Descriptions in use name Add on either of the two.
        (Described::Node(parent), Described::Node(child)) => {
            !child.is_permanent() && (parent.supports(Access::ADD) || child.supports(Access::ADD))
        }
        (Described::Open | Described::Nothing, Described::Node(_)) => false,
    };
    allowed(may)
}

/// Whether a server may delete the node.
pub(crate) fn may_delete(described: Described<'_>) -> Result<(), StatusCode> {
    allowed(!described.is_permanent() && described.supports(Access::DELETE))
}

/// The node that an Add makes.
pub(crate) fn added(described: Described<'_>, given: &Given<'_>) -> Result<Node, StatusCode> {
    let format = match (described, given.format) {
        (Described::Node(node), _) => node.format(),
        // Octets come as `b64` over XML.
        (_, Some(NodeFormat::B64)) if given.is_transfer => NodeFormat::Bin,
        (_, Some(declared)) => declared,
        (_, None) => NodeFormat::Chr,
    };
    let default = match described {
        Described::Node(node) => node.default_of(),
        Described::Open | Described::Nothing => None,
    };
    let value = match (&given.value, default) {
        // OMA-TS-DM_TND, DefaultValue: what a node has that is made without a value.
        (None, Some(default)) if given.format.is_none_or(|declared| declared == format) => {
            default.clone()
        }
        _ => given.value_of(format)?,
    };
    let node = Node::leaf(format, value);
    let type_ = match (given.type_, described) {
        (Some(type_), _) => type_.into(),
        (None, Described::Node(node)) => node.types().first().cloned().unwrap_or_default(),
        (None, _) if format == NodeFormat::Node => Default::default(),
        (None, _) => node.type_.clone(),
    };
    let node = node.with_type(type_);
    // A server may call an interior node what the documents call every value.
    if node.is_interior() && node.type_ == "text/plain" {
        return Ok(match described {
            Described::Node(node) => node.initial(),
            Described::Open | Described::Nothing => Node::interior(""),
        });
    }
    fits(described, &node)?;
    let (acl, title) = described.proposed();
    Ok(node.with_acl(acl).with_title(title))
}

/// The node that a Replace of its value leaves.
pub(crate) fn replaced(
    described: Described<'_>,
    known: &Node,
    given: &Given<'_>,
) -> Result<Node, StatusCode> {
    allowed(
        !known.is_interior()
            && described.supports(Access::REPLACE)
            && given.format != Some(NodeFormat::Node),
    )?;
    let format = match (described, given.format) {
        // What nothing describes may change its format with its value.
        (Described::Open, Some(NodeFormat::B64))
            if given.is_transfer && known.format != NodeFormat::B64 =>
        {
            NodeFormat::Bin
        }
        (Described::Open, Some(declared)) => declared,
        _ => known.format,
    };
    let node = Node {
        format,
        type_: given.type_.map_or_else(|| known.type_.clone(), Into::into),
        value: given.value_of(format)?,
        ..known.clone()
    };
    fits(described, &node)?;
    keeps_type(described, known, &node)?;
    Ok(node)
}

/// OMA-TS-DM_RepPro, Replace: the Type of what is permanent stays, even where there are several.
pub(crate) fn keeps_type(
    described: Described<'_>,
    known: &Node,
    node: &Node,
) -> Result<(), StatusCode> {
    let is_changed = !known.type_.is_empty() && essence(&node.type_) != essence(&known.type_);
    allowed(!(described.is_permanent() && is_changed))
}

/// Whether a node has a run-time property; if not, it is answered 406. OMA-TS-DM_TND, RTProperties.
pub(crate) fn has_property(described: Described<'_>, property: Property) -> bool {
    match described {
        Described::Node(description) => description.properties_of().contains(property),
        Described::Open | Described::Nothing => true,
    }
}

/// Whether a description takes a node of this format and type.
pub(crate) fn fits(described: Described<'_>, node: &Node) -> Result<(), StatusCode> {
    match described {
        Described::Node(description)
            if description.format() != node.format || !description.accepts_type(&node.type_) =>
        {
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
        _ => Ok(()),
    }
}

/// Whether two names are described alike, so that the node under one may have the other.
pub(crate) fn is_same(one: Described<'_>, other: Described<'_>) -> bool {
    match (one, other) {
        (Described::Node(one), Described::Node(other)) => core::ptr::eq(one, other),
        (Described::Open, Described::Open) => true,
        _ => false,
    }
}

pub(crate) fn allowed(is_allowed: bool) -> Result<(), StatusCode> {
    if is_allowed {
        Ok(())
    } else {
        Err(StatusCode::COMMAND_NOT_ALLOWED)
    }
}
