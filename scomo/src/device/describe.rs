//! What the subtree looks like.

use dm_tree::{
    NodeFormat,
    description::{Access, NodeDescription, Occurrence},
};

use super::Config;
use crate::{Branch, DownloadStatus, MO_ID_1_1, nodes};

pub(super) fn describe(config: &Config) -> NodeDescription {
    let written = Access::GET | Access::ADD | Access::REPLACE;
    let mut download = NodeDescription::interior(nodes::DOWNLOAD).access(written);
    for name in &config.permanent_downloads {
        let node = NodeDescription::interior(name.clone()).access(written);
        download = download.child(leaves(node, Branch::Download, config, Lifetime::Permanent));
    }
    let node = NodeDescription::any().access(written | Access::DELETE);
    download = download.child(leaves(node, Branch::Download, config, Lifetime::Dynamic));

    let node = NodeDescription::any().access(written | Access::DELETE);
    let delivered = NodeDescription::interior(nodes::DELIVERED)
        .access(Access::GET | Access::ADD)
        .occurrence(Occurrence::ZeroOrOne)
        .child(leaves(node, Branch::Delivered, config, Lifetime::Dynamic));
    let node = NodeDescription::any();
    let deployed = NodeDescription::interior(nodes::DEPLOYED).child(leaves(
        node,
        Branch::Deployed,
        config,
        Lifetime::Dynamic,
    ));
    let root = NodeDescription::interior("SCOMO")
        .type_(config.mo_id.clone())
        .child(download)
        .child(
            NodeDescription::interior(nodes::INVENTORY)
                .child(delivered)
                .child(deployed),
        );
    if config.ext.is_empty() {
        return root;
    }
    root.child(with_children(optional(nodes::EXT), config.ext.iter()))
}

/// Whether a node comes with the object or with its parent.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Lifetime {
    Permanent,
    Dynamic,
}

/// The node `<X>` with all that may be below it.
fn leaves(
    mut node: NodeDescription,
    branch: Branch,
    config: &Config,
    lifetime: Lifetime,
) -> NodeDescription {
    let live = |description: NodeDescription| match lifetime {
        Lifetime::Permanent => description,
        Lifetime::Dynamic => description.dynamic(),
    };
    let written = Access::GET | Access::ADD | Access::REPLACE;
    let (access, names): (_, &[_]) = match branch {
        Branch::Download => (
            written,
            &[
                (nodes::PKG_ID, Occurrence::One),
                (nodes::NAME, Occurrence::ZeroOrOne),
                (nodes::PKG_URL, Occurrence::One),
                (nodes::INSTALL_PARAMS, Occurrence::ZeroOrOne),
                (nodes::DESCRIPTION, Occurrence::ZeroOrOne),
                (nodes::ENV_TYPE, Occurrence::ZeroOrOne),
                (nodes::PKG_TYPE, Occurrence::ZeroOrOne),
            ],
        ),
        Branch::Delivered => (
            written,
            &[
                (nodes::PKG_ID, Occurrence::One),
                (nodes::NAME, Occurrence::ZeroOrOne),
                (nodes::INSTALL_PARAMS, Occurrence::ZeroOrOne),
                (nodes::DESCRIPTION, Occurrence::ZeroOrOne),
                (nodes::ENV_TYPE, Occurrence::ZeroOrOne),
                (nodes::PKG_TYPE, Occurrence::ZeroOrOne),
            ],
        ),
        Branch::Deployed => (
            Access::GET,
            &[
                (nodes::ID, Occurrence::One),
                (nodes::PKG_ID_REF, Occurrence::ZeroOrOne),
                (nodes::NAME, Occurrence::ZeroOrOne),
                (nodes::DESCRIPTION, Occurrence::ZeroOrOne),
                (nodes::VERSION, Occurrence::ZeroOrOne),
                (nodes::ENV_TYPE, Occurrence::ZeroOrOne),
            ],
        ),
    };
    for (name, occurrence) in names {
        let leaf = NodeDescription::leaf(*name, NodeFormat::Chr);
        node = node.child(live(leaf.access(access).occurrence(*occurrence)));
    }
    if branch != Branch::Deployed && config.mo_id == MO_ID_1_1 {
        let leaf = NodeDescription::leaf(nodes::REBOOT, NodeFormat::Chr);
        node = node.child(live(leaf.access(access).occurrence(Occurrence::ZeroOrOne)));
    }
    if branch == Branch::Delivered {
        // No Get: the content is not for reading. Any type: PkgType names it.
        let data = NodeDescription::leaf(nodes::DATA, NodeFormat::Bin)
            .any_type()
            .access(Access::ADD | Access::REPLACE)
            .occurrence(Occurrence::ZeroOrOne);
        node = node.child(live(data));
    }
    node = node.child(ext(branch, config));
    let status = NodeDescription::leaf(nodes::STATUS, NodeFormat::Int);
    node = node.child(live(status.default_value(DownloadStatus::Idle.as_str())));
    if branch != Branch::Download {
        node = node.child(live(NodeDescription::leaf(nodes::STATE, NodeFormat::Int)));
    }
    let mut operations = NodeDescription::interior(nodes::OPERATIONS);
    for operation in &config.operations {
        if operation.branch() == branch {
            let leaf = NodeDescription::leaf(operation.node_name(), NodeFormat::Null)
                .access(Access::EXEC | Access::GET)
                .occurrence(Occurrence::ZeroOrOne);
            operations = operations.child(live(leaf));
        }
    }
    if config.operations_ext_of(branch).next().is_some() {
        let added = config.operations_ext_of(branch);
        operations = operations.child(with_children(optional(nodes::EXT), added));
    }
    node.child(live(operations))
}

/// `Ext` of a package or component: ours come and go, a vendor's are what the vendor says.
fn ext(branch: Branch, config: &Config) -> NodeDescription {
    let own = |name, format, text| {
        NodeDescription::leaf(name, format)
            .occurrence(Occurrence::ZeroOrOne)
            .text(text)
            .dynamic()
    };
    let text = "the jobs that are on it";
    let mut ext = optional(nodes::EXT).child(own(nodes::JOBS, NodeFormat::Chr, text));
    if branch == Branch::Delivered {
        let text = "where the content is that is not in Data";
        ext = ext.child(own(nodes::CONTENT, NodeFormat::Chr, text));
        let text = "what is known of content that was fetched";
        let facts = own(nodes::FACTS, NodeFormat::Bin, text);
        ext = ext.child(facts.any_type().access(Access::NONE));
    }
    if config.node_ext_of(branch).next().is_none() {
        return ext.dynamic();
    }
    with_children(ext, config.node_ext_of(branch))
}

fn optional(name: &'static str) -> NodeDescription {
    NodeDescription::interior(name).occurrence(Occurrence::ZeroOrOne)
}

fn with_children<'d>(
    parent: NodeDescription,
    children: impl Iterator<Item = &'d NodeDescription>,
) -> NodeDescription {
    children.cloned().fold(parent, NodeDescription::child)
}
