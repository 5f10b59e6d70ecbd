//! [`Folder`]: the children of a node, in the order of their names.

use core::cmp::Ordering;
use std::sync::Arc;

/// Slots in an order that the caller knows, in pieces, so that an insertion among a million moves
/// hundreds.
#[derive(Clone)]
pub(super) struct Folder {
    /// The URI of the node, as its children have it.
    pub(super) path: Arc<str>,
    /// None is empty.
    pieces: Vec<Vec<u32>>,
}

impl Folder {
    pub(super) fn new(path: Arc<str>) -> Self {
        Self {
            path,
            pieces: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.pieces.iter().flatten().copied()
    }

    /// Inserts a slot that is not there. `order` compares another one with it.
    pub(super) fn insert(&mut self, slot: u32, order: impl Fn(u32) -> Ordering) {
        let at = self.piece(&order);
        let last = self.pieces.len().saturating_sub(1);
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push(vec![slot]);
            return;
        };
        let place = piece.partition_point(|other| order(*other) == Ordering::Less);
        if piece.len() < PIECE {
            piece.insert(place, slot);
        } else if at == last && place == piece.len() {
            // In order, as when a tree is filled: pieces stay full.
            self.pieces.push(vec![slot]);
        } else {
            let mut upper = piece.split_off(PIECE / 2);
            match place.checked_sub(PIECE / 2) {
                Some(place) => upper.insert(place, slot),
                None => piece.insert(place, slot),
            }
            self.pieces.insert(at + 1, upper);
        }
    }

    /// Removes the slot to which `order` says equal.
    pub(super) fn remove(&mut self, order: impl Fn(u32) -> Ordering) {
        let at = self.piece(&order);
        let Some(piece) = self.pieces.get_mut(at) else {
            return;
        };
        if let Ok(place) = piece.binary_search_by(|other| order(*other)) {
            piece.remove(place);
        }
        if piece.is_empty() {
            self.pieces.remove(at);
            return;
        }
        // What is left of many must not be as large as they were.
        let is_sparse = |piece: &Vec<u32>| piece.len() < PIECE / 4;
        if is_sparse(piece)
            && self.pieces.get(at + 1).is_some_and(is_sparse)
            && let upper = self.pieces.remove(at + 1)
            && let Some(piece) = self.pieces.get_mut(at)
        {
            piece.extend(upper);
        }
    }

    /// The piece in which a slot is or would be.
    fn piece(&self, order: &impl Fn(u32) -> Ordering) -> usize {
        let starts_before =
            |piece: &Vec<u32>| piece.first().is_some_and(|first| order(*first).is_le());
        self.pieces.partition_point(starts_before).saturating_sub(1)
    }
}

/// The most slots in a piece.
const PIECE: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stand_in_order_whatever_order_they_come_and_go_in() {
        for step in [1_u32, 7, 3001, 4999] {
            let mut folder = Folder::new(Arc::default());
            let mut known = std::collections::BTreeSet::new();
            for number in 0..5000_u32 {
                let slot = number * step % 5003;
                folder.insert(slot, |other| other.cmp(&slot));
                known.insert(slot);
            }
            assert!(folder.iter().eq(known.iter().copied()), "{step}");
            for number in 0..4990_u32 {
                let slot = number * step % 5003;
                folder.remove(|other| other.cmp(&slot));
                known.remove(&slot);
                assert_eq!(folder.iter().count(), known.len());
            }
            assert!(folder.iter().eq(known.iter().copied()), "{step}");
            assert!(folder.pieces.len() <= 3, "{}", folder.pieces.len());
        }
    }

    #[test]
    fn removing_what_is_not_there_changes_nothing() {
        let mut folder = Folder::new(Arc::default());
        folder.remove(|other| other.cmp(&1));
        assert!(folder.is_empty());
        folder.insert(2, |other| other.cmp(&2));
        folder.remove(|other| other.cmp(&1));
        assert_eq!(folder.iter().collect::<Vec<_>>(), [2]);
    }
}
