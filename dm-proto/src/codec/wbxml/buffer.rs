//! The octets of a document that grows.

use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Octets with room behind them: what is written is mostly so short that a check of the room and a
/// copy of known length is all of it, and lengthening a vector for each piece took as long again.
pub(super) struct Buffer {
    /// What is written, then room, whose octets mean nothing.
    octets: Vec<u8>,
    /// How much is written.
    length: usize,
}

/// How much room is made at a time. A short message fits into it.
const ROOM: usize = 1024;
/// Memory beyond what is written that is not worth giving back.
const SPARE: usize = 8 << 10;

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            octets: vec![0; ROOM],
            length: 0,
        }
    }

    /// How much is written.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// What is written.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// The room behind, if it is so much. What is put there counts with [`advance`](Self::advance).
    #[inline(always)]
    pub(super) fn room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        let end = self.length.wrapping_add(N);
        self.octets.get_mut(self.length..end)?.try_into().ok()
    }

    /// Counts octets that were put into the room, which is as long.
    #[inline(always)]
    pub(super) fn advance(&mut self, octets: usize) {
        self.length = self.length.wrapping_add(octets);
    }

    /// An octet that is written.
    #[inline(always)]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut u8> {
        self.octets.get_mut(at)
    }

    #[inline(always)]
    pub(super) fn push(&mut self, octet: u8) {
        match self.octets.get_mut(self.length) {
            Some(place) => {
                *place = octet;
                self.length = self.length.saturating_add(1);
            }
            None => self.append(1, |octets| octets.push(octet)),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, more: &[u8]) {
        let end = self.length.saturating_add(more.len());
        match self.octets.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(more);
                self.length = end;
            }
            None => self.append(more.len(), |octets| octets.extend_from_slice(more)),
        }
    }

    /// Writes octets that were written before once more.
    #[inline]
    pub(super) fn repeat(&mut self, range: Range<usize>) {
        let length = range.len();
        if self.octets.len().saturating_sub(self.length) < length {
            self.make_room(length);
        }
        let Some((written, room)) = self.octets.split_at_mut_checked(self.length) else {
            return;
        };
        if let (Some(written), Some(room)) = (written.get(range), room.get_mut(..length)) {
            room.copy_from_slice(written);
            self.length = self.length.saturating_add(length);
        }
    }

    /// Adds to what is written in any way; so many octets are expected.
    #[cold]
    pub(super) fn append(&mut self, expected: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.octets.truncate(self.length);
        // With room for what comes next, so that a large text is not moved for the few octets after it.
        self.octets.reserve(expected.saturating_add(4 * ROOM));
        write(&mut self.octets);
        self.length = self.octets.len();
        self.make_room(0);
    }

    /// Makes room for so many octets and for more, the more the longer what is written is.
    #[cold]
    pub(super) fn make_room(&mut self, octets: usize) {
        let more = (self.length / 2).clamp(ROOM, 8 * ROOM);
        let length = self.length.saturating_add(octets).saturating_add(more);
        if self.octets.len() < length {
            self.octets.resize(length, 0);
        }
    }

    /// Makes ready for so many octets.
    pub(super) fn reserve(&mut self, octets: usize) {
        let ready = self.octets.len().saturating_sub(self.length);
        self.octets.reserve(octets.saturating_sub(ready));
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// What is written, without much room.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.octets.truncate(self.length);
        if self.octets.capacity().saturating_sub(self.length) > SPARE {
            self.octets.shrink_to_fit();
        }
        self.octets
    }
}

impl Extend<u8> for Buffer {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, octets: I) {
        for octet in octets {
            self.push(octet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_of_any_length_is_there_in_order() {
        let mut buffer = Buffer::new();
        let mut plain = Vec::new();
        for length in (0..200).chain([ROOM - 1, ROOM, ROOM + 1, 70_000, 3]) {
            let piece: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let from = buffer.len();
            buffer.write(&piece);
            buffer.push(7);
            buffer.repeat(from..from + length);
            plain.extend_from_slice(&piece);
            plain.push(7);
            plain.extend_from_slice(&piece);
            if let Some(room) = buffer.room::<3>() {
                *room = [1, 2, 3];
                buffer.advance(2);
                plain.extend_from_slice(&[1, 2]);
            }
            assert_eq!(buffer.octets(), plain);
        }
        buffer.truncate(5);
        buffer.write(b"end");
        plain.truncate(5);
        plain.extend_from_slice(b"end");
        assert_eq!(buffer.finish(), plain);
    }

    #[test]
    fn room_is_had_as_far_as_there_is_some() {
        let mut buffer = Buffer::new();
        buffer.write(&[1; ROOM - 3]);
        assert_eq!(buffer.room::<4>(), None);
        assert!(buffer.room::<3>().is_some());
        buffer.advance(3);
        assert_eq!(buffer.len(), ROOM);
        assert_eq!(buffer.room::<1>(), None);
        buffer.push(1);
        assert!(buffer.room::<ROOM>().is_some());
    }
}
