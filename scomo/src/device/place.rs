//! The places where packages and components live, and what their leaves say.

use dm_proto::{StatusCode, Text};
use dm_tree::{Edit, Node, NodeFormat, NodeUri, View};

use crate::{DeliveredStatus, DeployedStatus, DownloadStatus, Operation, nodes};

/// The three places where packages and components live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Branch {
    Download,
    Delivered,
    Deployed,
}

/// The node `<X>` of a package or component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) branch: Branch,
    pub(super) uri: NodeUri,
    /// Relative to the root of the object.
    pub(super) path: String,
}

/// Where the content of a delivered package is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// In `Data`; nowhere if that is empty or missing.
    InTree,
    /// The device has fetched it.
    Fetched,
    /// It comes in pieces, and is not complete.
    Receiving,
    /// Its last piece is here: so many octets.
    Complete(u64),
    /// The sink has it: so many octets.
    Received(u64),
}

impl Content {
    fn to_text(self) -> Option<String> {
        match self {
            Self::InTree => None,
            Self::Fetched => Some("fetched".into()),
            Self::Receiving => Some("receiving".into()),
            Self::Complete(size) => Some(format!("complete {size}")),
            Self::Received(size) => Some(format!("received {size}")),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "fetched" => Some(Self::Fetched),
            None if text == "receiving" => Some(Self::Receiving),
            Some(("complete", size)) => size.parse().ok().map(Self::Complete),
            Some(("received", size)) => size.parse().ok().map(Self::Received),
            _ => None,
        }
    }
}

impl Branch {
    pub(super) const ALL: [Self; 3] = [Self::Download, Self::Delivered, Self::Deployed];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Download => nodes::DOWNLOAD,
            Self::Delivered => nodes::DELIVERED_PATH,
            Self::Deployed => nodes::DEPLOYED_PATH,
        }
    }

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
        Some(Self { branch, uri, path })
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

    /// The place and the primitive behind an executed node.
    pub(super) fn executed(root: &NodeUri, node: &NodeUri) -> Option<(Self, Operation)> {
        let (place, rest) = Self::of(root, node)?;
        let (parent, name) = rest.split_once('/')?;
        if parent != nodes::OPERATIONS {
            return None;
        }
        let operation = Operation::ALL
            .into_iter()
            .filter(|operation| operation.branch() == place.branch.path())
            .find(|operation| operation.node_name() == name)?;
        Some((place, operation))
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
    let value = view.text(&place.uri.join(name).ok()?).ok()?;
    (!value.is_empty()).then_some(value)
}

pub(super) fn set_status(
    edit: &mut Edit<'_>,
    place: &Place,
    status: &'static str,
) -> Result<(), StatusCode> {
    edit.set(&place.leaf(nodes::STATUS), status)
}

pub(super) fn set_state(
    edit: &mut Edit<'_>,
    place: &Place,
    state: &'static str,
) -> Result<(), StatusCode> {
    edit.set(&place.leaf(nodes::STATE), state)
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

pub(super) fn set_content(
    edit: &mut Edit<'_>,
    place: &Place,
    content: Content,
) -> Result<(), StatusCode> {
    let ext = place.leaf(nodes::EXT);
    match content.to_text() {
        None => edit.remove(&ext),
        Some(text) => {
            edit.put(&ext, Node::interior(""))?;
            edit.put(
                &place.leaf(nodes::CONTENT_PATH),
                Node::leaf(NodeFormat::Chr, text),
            )
        }
    }
}
