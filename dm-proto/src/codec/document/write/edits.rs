//! Changes in what is already written.

use alloc::vec::Vec;
use core::ops::Range;

/// Replacements in what is already written, made in one pass at the end.
pub(in crate::codec::document) struct Edits(Vec<(Range<usize>, Vec<u8>)>);

impl Edits {
    pub(in crate::codec::document) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(in crate::codec::document) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces a range. The first replacement of a place counts.
    pub(in crate::codec::document) fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        self.0.push((range, with.to_vec()));
    }

    /// Puts the replacements in order; gives how long so many octets become.
    pub(in crate::codec::document) fn length_of(&mut self, length: usize) -> usize {
        // Stable, so the first of a place stays the first.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        self.0.dedup_by(|next, kept| next.0 == kept.0);
        self.0.iter().fold(length, |length, (range, with)| {
            length
                .saturating_sub(range.len())
                .saturating_add(with.len())
        })
    }

    /// Copies octets, with the replacements after [`length_of`](Self::length_of).
    pub(in crate::codec::document) fn apply(&self, from: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        for (range, with) in &self.0 {
            out.extend_from_slice(from.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = range.end;
        }
        out.extend_from_slice(from.get(at..).unwrap_or_default());
    }
}
