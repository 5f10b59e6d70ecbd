//! Direct delivery: packages that servers write into the tree, and [`Sink`], which takes the large ones
//! past it.

use dm_proto::StatusCode;
use dm_tree::{Edit, NodeUri, View, object::Piece};

use super::{
    Config, busy,
    place::{self, Content, Place},
};
use crate::{Branch, nodes};

/// Takes packages that servers deliver in pieces, so that none ever sits whole in memory or in the tree.
/// What is small enough for one message comes in [`Package::data`](super::Package::data) all the same.
///
/// A package is named by the URI of its node, `Inventory/Delivered/<X>`. Called inside a transaction,
/// which may come to nothing: whether a package is complete is what the tree says, and only what is
/// complete is handed to [`Device::install`](super::Device::install).
pub trait Sink {
    /// A package begins; what there was of another at this node is of no use any more. `size` is the
    /// declared size: as many octets, or more if they travel as Base64.
    ///
    /// # Errors
    ///
    /// The status with which the server is refused: 413 if it is too large, 420 if there is no room.
    fn begin(&self, uri: &NodeUri, size: u64) -> Result<(), StatusCode>;

    /// Octets that come behind `offset` octets before; they are durable when this returns. After a
    /// restart the offset may be less than what was taken already: then what is there from `offset` on
    /// is cut off, and comes again.
    ///
    /// # Errors
    ///
    /// The status with which the server is refused: 420 if there is no room, 500 otherwise.
    fn write(&self, uri: &NodeUri, offset: u64, octets: &[u8]) -> Result<(), StatusCode>;

    /// All `size` octets are here. After a restart the last of them may still come again.
    ///
    /// # Errors
    ///
    /// The status with which the server is refused.
    fn end(&self, uri: &NodeUri, size: u64) -> Result<(), StatusCode> {
        let _ = (uri, size);
        Ok(())
    }

    /// What is here of this package is of no use any more and can be deleted: the rest will not come, or
    /// other content has taken its place and nothing is being installed from this one. Told at least
    /// once, and perhaps of what is not here.
    fn abandoned(&self, uri: &NodeUri);
}

/// Takes a piece of the `Data` of a package. `None` if it belongs into the tree.
pub(super) fn take(
    edit: &mut Edit<'_>,
    node: &NodeUri,
    piece: &Piece<'_>,
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Option<Result<(), StatusCode>> {
    let place = place_of(edit, node)?;
    let most = config.max_package;
    if piece.first && most.is_some_and(|most| least(piece) > most) {
        return Some(Err(StatusCode::REQUEST_ENTITY_TOO_LARGE));
    }
    Some(receive(edit, &place, piece, sink?, config))
}

/// The rest of the `Data` of a package will not come.
pub(super) fn abandon(
    edit: &mut Edit<'_>,
    node: &NodeUri,
    sink: Option<&dyn Sink>,
    config: &Config,
) {
    let Some(place) = place_of(edit, node) else {
        return;
    };
    if let Content::Receiving | Content::Complete(_) = place::content(&edit.view(), &place) {
        // If the node is gone there is nothing to say of it.
        let _ = place::set_content(edit, &place, Content::InTree, config);
    }
    if let Some(sink) = sink {
        sink.abandoned(&place.uri);
    }
}

/// `Data` was written by a command.
pub(super) fn written(
    edit: &mut Edit<'_>,
    place: &Place,
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Result<(), StatusCode> {
    let content = match (place::content(&edit.view(), place), sink) {
        // The command behind the last piece, which has no value of its own.
        (Content::Complete(size), Some(sink)) => {
            sink.end(&place.uri, size)?;
            Content::Received(size)
        }
        (before, sink) => {
            if let Some(sink) = sink.filter(|_| before.is_in_sink()) {
                sink.abandoned(&place.uri);
            }
            Content::InTree
        }
    };
    place::set_content(edit, place, content, config)
}

/// The device has fetched a package that was delivered before. What the sink had goes, unless a job is on
/// the package that may read it.
pub(super) fn fetched(
    edit: &mut Edit<'_>,
    place: &Place,
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Result<(), StatusCode> {
    let before = place::content(&edit.view(), place);
    let has_sunk = before.is_in_sink() || before == Content::FetchedAnew;
    let content = match sink.filter(|_| has_sunk) {
        Some(_) if busy::is_busy(&edit.view(), place) => Content::FetchedAnew,
        Some(sink) => {
            sink.abandoned(&place.uri);
            Content::Fetched
        }
        None => Content::Fetched,
    };
    place::set_content(edit, place, content, config)
}

/// A server has deleted a package: what may have come of one that broke off goes with it.
pub(super) fn deleted(place: &Place, sink: Option<&dyn Sink>) {
    if let Some(sink) = sink.filter(|_| place.branch == Branch::Delivered) {
        sink.abandoned(&place.uri);
    }
}

/// The last job on a package is over, or the package is gone: what the sink had before it was fetched
/// goes too.
pub(super) fn released(
    edit: &mut Edit<'_>,
    place: &Place,
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Result<(), StatusCode> {
    if let Some(sink) = sink {
        sink.abandoned(&place.uri);
    }
    if place::content(&edit.view(), place) == Content::FetchedAnew {
        place::set_content(edit, place, Content::Fetched, config)?;
    }
    Ok(())
}

/// Whether the content of a package must not be overwritten: a job is on it, or it was fetched.
pub(super) fn may_write(view: &View<'_>, place: &Place) -> Result<(), StatusCode> {
    let is_fetched = matches!(
        place::content(view, place),
        Content::Fetched | Content::FetchedAnew
    );
    if is_fetched || busy::is_busy(view, place) {
        Err(StatusCode::FORBIDDEN)
    } else {
        Ok(())
    }
}

fn receive(
    edit: &mut Edit<'_>,
    place: &Place,
    piece: &Piece<'_>,
    sink: &dyn Sink,
    config: &Config,
) -> Result<(), StatusCode> {
    if piece.first {
        may_write(&edit.view(), place)?;
        sink.begin(&place.uri, piece.total)?;
        place::set_content(edit, place, Content::Receiving, config)?;
    } else if let Content::InTree | Content::Fetched | Content::FetchedAnew =
        place::content(&edit.view(), place)
    {
        // Other content has taken its place meanwhile.
        return Err(StatusCode::FORBIDDEN);
    }
    let most = config.max_package;
    let len = u64::try_from(piece.octets.len()).unwrap_or(u64::MAX);
    let size = piece.offset.saturating_add(len);
    if most.is_some_and(|most| size > most) {
        return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
    }
    sink.write(&place.uri, piece.offset, piece.octets)?;
    if piece.last {
        place::set_content(edit, place, Content::Complete(size), config)?;
    }
    Ok(())
}

/// The least octets that a value of the declared size has: Base64 takes four for three.
fn least(piece: &Piece<'_>) -> u64 {
    piece.total / 4 * 3
}

fn place_of(edit: &Edit<'_>, node: &NodeUri) -> Option<Place> {
    match Place::of(edit.root(), node) {
        Some((place, nodes::DATA)) => Some(place),
        _ => None,
    }
}
