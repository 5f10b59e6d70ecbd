//! The places where packages and components live, and what their leaves say.

use dm_proto::{StatusCode, Text};
use dm_tree::{Edit, Node, NodeFormat, NodeUri, View};

use super::{Asked, Config};
use crate::{Branch, DeliveredStatus, DeployedStatus, DownloadStatus, Operation, nodes};

/// The node `<X>` of a package or component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) branch: Branch,
    pub(super) uri: NodeUri,
    /// Relative to the root of the object.
    pub(super) path: String,
    /// What was there for the job in question is gone, and what may be there now is another's.
    pub(super) is_lost: bool,
}

/// Where the content of a delivered package is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// In `Data`; nowhere if that is empty or missing.
    InTree,
    /// The device has fetched it.
    Fetched,
    /// The same, and the sink has what was here before: a job may still read that.
    FetchedAnew,
    /// It comes in pieces, and is not complete.
    Receiving,
    /// Its last piece is here: so many octets.
    Complete(u64),
    /// The sink has it: so many octets.
    Received(u64),
}

impl Content {
    /// Whether it is all the sink's, whole or in part.
    pub(super) fn is_in_sink(self) -> bool {
        matches!(
            self,
            Self::Receiving | Self::Complete(_) | Self::Received(_)
        )
    }

    fn to_text(self) -> Option<String> {
        match self {
            Self::InTree => None,
            Self::Fetched => Some("fetched".into()),
            Self::FetchedAnew => Some("fetched anew".into()),
            Self::Receiving => Some("receiving".into()),
            Self::Complete(size) => Some(format!("complete {size}")),
            Self::Received(size) => Some(format!("received {size}")),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "fetched" => Some(Self::Fetched),
            None if text == "receiving" => Some(Self::Receiving),
            Some(("fetched", "anew")) => Some(Self::FetchedAnew),
            Some(("complete", size)) => size.parse().ok().map(Self::Complete),
            Some(("received", size)) => size.parse().ok().map(Self::Received),
            _ => None,
        }
    }
}

impl Branch {
    /// The values of `Status` while a job is on it, each with what it becomes when nobody is any more.
    pub(super) fn left_behind(self) -> Vec<(&'static str, &'static str)> {
        use {
            DeliveredStatus as Delivered, DeployedStatus as Deployed, DownloadStatus as Download,
        };
        match self {
            Self::Download => vec![
                (
                    Download::Downloading.as_str(),
                    Download::DownloadFailed.as_str(),
                ),
                // The package is here, and will not be installed.
                (
                    Download::Downloaded.as_str(),
                    Download::InstallFailed.as_str(),
                ),
                (
                    Download::Installing.as_str(),
                    Download::InstallFailed.as_str(),
                ),
            ],
            Self::Delivered => vec![
                (
                    Delivered::Installing.as_str(),
                    Delivered::InstallFailed.as_str(),
                ),
                (
                    Delivered::Removing.as_str(),
                    Delivered::RemoveFailed.as_str(),
                ),
            ],
            Self::Deployed => vec![
                (Deployed::Removing.as_str(), Deployed::RemoveFailed.as_str()),
                (
                    Deployed::Activating.as_str(),
                    Deployed::ActivateFailed.as_str(),
                ),
                (
                    Deployed::Deactivating.as_str(),
                    Deployed::DeactivateFailed.as_str(),
                ),
            ],
        }
    }
}

impl Place {
    pub(super) fn new(root: &NodeUri, branch: Branch, name: &str) -> Option<Self> {
        let path = format!("{}/{name}", branch.path());
        let uri = root.join(&path).ok()?;
        Some(Self {
            branch,
            uri,
            path,
            is_lost: false,
        })
    }

    /// The place that a node belongs to, and what it is there: `""` for the place itself.
    pub(super) fn of<'a>(root: &NodeUri, node: &'a NodeUri) -> Option<(Self, &'a str)> {
        let below = node.below(root)?;
        Branch::ALL.into_iter().find_map(|branch| {
            let rest = below.strip_prefix(branch.path())?.strip_prefix('/')?;
            let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
            Some((Self::new(root, branch, name)?, rest))
        })
    }

    /// What is behind an executed node, and the place that it works on: none, if that is the object.
    pub(super) fn executed(root: &NodeUri, node: &NodeUri) -> Option<(Option<Self>, Asked)> {
        let path = node.below(root)?;
        if let Some((place, rest)) = Self::of(root, node) {
            let asked = if nodes::is_vendors(rest) {
                Asked::Vendor(rest.into())
            } else {
                let name = rest.strip_prefix(nodes::OPERATIONS)?.strip_prefix('/')?;
                Asked::Operation(Operation::from_node_name(place.branch, name)?)
            };
            return Some((Some(place), asked));
        }
        nodes::is_vendors(path).then(|| (None, Asked::Vendor(path.into())))
    }

    pub(super) fn name(&self) -> &str {
        self.uri.name()
    }

    pub(super) fn leaf(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}

/// The value of a leaf; `None` if it is missing or empty.
pub(super) fn text(view: &View<'_>, place: &Place, name: &str) -> Option<Text> {
    if place.is_lost {
        return None;
    }
    let value = view.text(&place.uri.join(name).ok()?).ok()?;
    (!value.is_empty()).then_some(value)
}

pub(super) fn set_status(
    edit: &mut Edit<'_>,
    place: &Place,
    status: &'static str,
) -> Result<(), StatusCode> {
    set(edit, place, nodes::STATUS, status)
}

pub(super) fn set_state(
    edit: &mut Edit<'_>,
    place: &Place,
    state: &'static str,
) -> Result<(), StatusCode> {
    set(edit, place, nodes::STATE, state)
}

fn set(
    edit: &mut Edit<'_>,
    place: &Place,
    name: &str,
    value: &'static str,
) -> Result<(), StatusCode> {
    if place.is_lost {
        return Err(StatusCode::NOT_FOUND);
    }
    edit.set(&place.leaf(name), value)
}

/// Removes a place with all that is below it.
pub(super) fn remove(edit: &mut Edit<'_>, place: &Place) -> Result<(), StatusCode> {
    if place.is_lost {
        return Ok(());
    }
    edit.remove(&place.path)
}

/// Whether there is nothing of it any more.
pub(super) fn is_gone(view: &View<'_>, place: &Place) -> bool {
    place.is_lost || view.node(&place.uri) == Err(StatusCode::NOT_FOUND)
}

/// Makes a node or, where it is already, makes it this one: the rights that servers have given there and
/// its title stay.
pub(super) fn put(edit: &mut Edit<'_>, path: &str, mut node: Node) -> Result<(), StatusCode> {
    if let Some(known) = find(edit, path)? {
        node.acl = known.acl;
        node.title = known.title;
    }
    edit.put(path, node)
}

/// The node at a path below the root, if it is there.
pub(super) fn find(edit: &Edit<'_>, path: &str) -> Result<Option<Node>, StatusCode> {
    let uri = edit.root().join(path);
    let uri = uri.map_err(|error| StatusCode::from(&error))?;
    match edit.view().node(&uri) {
        Ok(node) => Ok(Some(node)),
        Err(StatusCode::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

pub(super) fn is_progressing(view: &View<'_>, place: &Place) -> bool {
    text(view, place, nodes::STATUS).is_some_and(|status| {
        place
            .branch
            .left_behind()
            .iter()
            .any(|(progressing, _)| status == *progressing)
    })
}

/// Where the content of a package is.
pub(super) fn content(view: &View<'_>, place: &Place) -> Content {
    text(view, place, nodes::CONTENT_PATH)
        .and_then(|text| Content::parse(&text))
        .unwrap_or(Content::InTree)
}

/// Says where the content of a package is. What is known of fetched content goes with it.
pub(super) fn set_content(
    edit: &mut Edit<'_>,
    place: &Place,
    content: Content,
    config: &Config,
) -> Result<(), StatusCode> {
    if !matches!(content, Content::Fetched | Content::FetchedAnew) {
        put_own(edit, place, nodes::FACTS_PATH, None, config)?;
    }
    let text = content.to_text();
    let node = text.map(|text| Node::leaf(NodeFormat::Chr, text));
    put_own(edit, place, nodes::CONTENT_PATH, node, config)
}

/// Sets or removes a leaf of ours below `Ext`, which goes with the last of them unless it is a vendor's.
pub(super) fn put_own(
    edit: &mut Edit<'_>,
    place: &Place,
    path: &str,
    node: Option<Node>,
    config: &Config,
) -> Result<(), StatusCode> {
    let ext = place.leaf(nodes::EXT);
    let uri = place.uri.join(nodes::EXT);
    let uri = uri.map_err(|error| StatusCode::from(&error))?;
    match node {
        Some(node) => {
            if edit.view().node(&uri) == Err(StatusCode::NOT_FOUND) {
                edit.put(&ext, Node::interior(""))?;
            }
            edit.put(&place.leaf(path), node)
        }
        None => {
            edit.remove(&place.leaf(path))?;
            let is_empty = match edit.view().children(&uri) {
                Ok(children) => children.is_empty(),
                Err(_) => false,
            };
            if is_empty && config.node_ext_of(place.branch).next().is_none() {
                edit.remove(&ext)?;
            }
            Ok(())
        }
    }
}
