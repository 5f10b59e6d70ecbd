//! A string table for strings that a document repeats.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{find_nul, integer, token};

/// Moves strings that the content repeats to the end of the table, wherever that makes the document
/// shorter, and gives the new table and content. `content` is what a [`Writer`](super::Writer) writes.
///
/// Time and memory are linear in the content, whatever it holds: a string is compared with at most
/// [`PROBES`] others. What may be missed then is that it repeats.
pub(super) fn share(mut table: Vec<u8>, content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut ranges = Vec::with_capacity(content.len() / 16);
    scan(content, |range| ranges.push(range));
    let mut seen = Seen::new(content, ranges.len());
    let uses: Vec<Option<usize>> = ranges.iter().map(|range| seen.count(range)).collect();
    let mut entries = seen.entries;

    // What is used most comes first, where offsets are short. Powers of two will do, and need no sorting.
    let mut repeated: Vec<&mut Entry> = entries.iter_mut().filter(|entry| entry.uses > 1).collect();
    let most = repeated.iter().map(|entry| entry.uses).max();
    for power in (1..=most.map_or(0, usize::ilog2)).rev() {
        for entry in &mut repeated {
            if entry.uses.checked_ilog2() == Some(power) {
                entry.settle(&mut table, content);
            }
        }
    }

    let mut out = Vec::with_capacity(content.len());
    let mut copied = 0;
    for (range, entry) in ranges.into_iter().zip(uses) {
        let entry = entry.and_then(|entry| entries.get(entry));
        let Some(offset) = entry.and_then(|entry| entry.offset) else {
            continue;
        };
        // The token stands before the string, the NUL after it.
        let before = copied..range.start.saturating_sub(1);
        out.extend_from_slice(content.get(before).unwrap_or_default());
        out.push(token::STR_T);
        integer::write(&mut out, offset);
        copied = range.end.saturating_add(1);
    }
    out.extend_from_slice(content.get(copied..).unwrap_or_default());
    (table, out)
}

/// How many places of [`Seen`] are looked at for one string.
const PROBES: usize = 16;

/// A string, and what it comes to.
struct Entry {
    range: Range<usize>,
    hash: u64,
    uses: usize,
    /// Where it stands in the table.
    offset: Option<u32>,
}

impl Entry {
    /// Puts the string into the table if that is shorter than all its uses.
    fn settle(&mut self, table: &mut Vec<u8>, content: &[u8]) {
        let length = self.range.len();
        let end = table.len().saturating_add(length).saturating_add(1);
        // The table's own length has to be expressible, too.
        let (Ok(offset), Ok(_)) = (u32::try_from(table.len()), u32::try_from(end)) else {
            return;
        };
        let reference = integer::written_len(offset).saturating_add(1);
        let inline = self.uses.saturating_mul(length.saturating_add(2));
        let shared = self.uses.saturating_mul(reference);
        if shared.saturating_add(length).saturating_add(1) >= inline {
            return;
        }
        table.extend_from_slice(content.get(self.range.clone()).unwrap_or_default());
        table.push(0);
        self.offset = Some(offset);
    }
}

/// The strings seen so far, by a hash.
struct Seen<'c> {
    content: &'c [u8],
    entries: Vec<Entry>,
    /// Numbers of entries, counted from one; half of the places at most are taken.
    slots: Vec<u32>,
}

impl<'c> Seen<'c> {
    fn new(content: &'c [u8], strings: usize) -> Self {
        let slots = strings.saturating_mul(2).next_power_of_two();
        Self {
            content,
            entries: Vec::with_capacity(strings / 2),
            slots: vec![0; slots],
        }
    }

    /// Counts one more use of a string; gives its entry, if there is room for it.
    fn count(&mut self, range: &Range<usize>) -> Option<usize> {
        let octets = self.content.get(range.clone())?;
        let hash = hash(octets);
        let mask = self.slots.len().wrapping_sub(1);
        for probe in 0..PROBES {
            let slot = self
                .slots
                .get_mut((hash as usize).wrapping_add(probe) & mask)?;
            let Some(at) = (*slot as usize).checked_sub(1) else {
                let at = self.entries.len();
                *slot = u32::try_from(at).ok()?.checked_add(1)?;
                self.entries.push(Entry {
                    range: range.clone(),
                    hash,
                    uses: 1,
                    offset: None,
                });
                return Some(at);
            };
            let entry = self.entries.get_mut(at)?;
            if entry.hash == hash && self.content.get(entry.range.clone()) == Some(octets) {
                entry.uses = entry.uses.saturating_add(1);
                return Some(at);
            }
        }
        None
    }
}

/// A hash that is the same everywhere and always, since the table depends on it.
fn hash(octets: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(ODD);
    let (words, rest) = octets.as_chunks::<8>();
    let hash = words.iter().fold(octets.len() as u64, |hash, word| {
        mix(hash, u64::from_le_bytes(*word))
    });
    let hash = rest
        .iter()
        .fold(hash, |hash, octet| mix(hash, u64::from(*octet)));
    hash ^ hash >> 32
}

/// Finds the inline strings of what a writer wrote: where each begins and ends, without its token and
/// its NUL.
fn scan(content: &[u8], mut found: impl FnMut(Range<usize>)) {
    let mut rest = content;
    let mut in_attributes = false;
    while let Some((&octet, after)) = rest.split_first() {
        rest = match octet {
            token::SWITCH_PAGE => after.get(1..).unwrap_or_default(),
            token::END => {
                in_attributes = false;
                after
            }
            token::STR_I => {
                let start = content.len().saturating_sub(after.len());
                let length = find_nul(after).unwrap_or(after.len());
                found(start..start.saturating_add(length));
                after.get(length.saturating_add(1)..).unwrap_or_default()
            }
            token::OPAQUE => {
                let (after, length) = integer::mb_u_int32(after).unwrap_or((after, 0));
                usize::try_from(length)
                    .ok()
                    .and_then(|length| after.get(length..))
                    .unwrap_or_default()
            }
            // An attribute, or an element, whose name is in the table.
            _ if in_attributes || octet & token::IDENTITY == token::LITERAL => {
                in_attributes |= octet & token::ATTRIBUTES != 0;
                integer::mb_u_int32(after).map_or(after, |(after, _)| after)
            }
            _ => {
                in_attributes = octet & token::ATTRIBUTES != 0;
                after
            }
        };
    }
}
