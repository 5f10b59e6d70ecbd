//! What only conversion as a stream asks of the reader: whole steps at once, places to come back to.

use alloc::vec::Vec;

use super::{Charset, Reader, Result};
use crate::codec::{
    Tolerance,
    document::{Standard, tables::Local},
    wbxml::{find_nul, integer::mb_u_int32, token},
};

/// A frequent step, without the weight of a [`Piece`].
pub(in crate::codec::document) enum Step<'i> {
    /// An element of the tables without attributes.
    Start(Standard, &'static Local),
    /// An element of the tables with this text and nothing else.
    Leaf(Standard, &'static Local, &'i str),
    End,
    /// Something else, or nothing: [`Reader::next`] tells.
    Other,
}

/// A place in the content of an element, to come back to.
pub(in crate::codec::document) struct Mark<'i> {
    rest: &'i [u8],
    last: usize,
    odd: usize,
}

impl<'i> Reader<'i> {
    /// The next step, if it is a frequent one; otherwise nothing is taken.
    #[inline(always)]
    pub(in crate::codec::document) fn step(&mut self) -> Step<'i> {
        if self.is_empty {
            self.is_empty = false;
            self.open.pop();
            return Step::End;
        }
        let (mut rest, mut page, mut switched) = (self.rest, self.page, self.switched);
        if let [token::SWITCH_PAGE, to, after @ ..] = rest {
            (rest, page, switched) = (after, *to, true);
        }
        let Some((&octet, after)) = rest.split_first() else {
            return Step::Other;
        };
        let Some(&parent) = self.open.last() else {
            return Step::Other;
        };
        if octet == token::END {
            self.open.pop();
            self.last = rest.len();
            (self.rest, self.page, self.switched) = (after, page, false);
            return Step::End;
        }
        if octet & token::ATTRIBUTES != 0 {
            return Step::Other;
        }
        let identity = octet & token::IDENTITY;
        let Some((space, local)) = self.document.tag(self.version, page, identity) else {
            return Step::Other;
        };
        if !switched && self.is_leftover(page, parent) {
            return Step::Other;
        }
        self.last = rest.len();
        (self.page, self.switched) = (page, false);
        if octet & token::CONTENT != 0
            && let [token::STR_I, string @ ..] = after
            && let Some((text, left)) = self.whole_text(string)
        {
            self.rest = left;
            return Step::Leaf(space, local, text);
        }
        self.rest = after;
        self.is_empty = octet & token::CONTENT == 0;
        self.open.push((page, identity));
        Step::Start(space, local)
    }

    /// A string, if it is the rest of an element, and what follows.
    #[inline(always)]
    fn whole_text(&self, string: &'i [u8]) -> Option<(&'i str, &'i [u8])> {
        let end = find_nul(string)?;
        let [0, token::END, left @ ..] = string.get(end..)? else {
            return None;
        };
        let from = self.checked_from.checked_sub(string.len())?;
        let text = match self.checked.get(from..from.saturating_add(end)) {
            Some(text) => text,
            None if self.charset == Charset::Utf8 => {
                core::str::from_utf8(string.get(..end)?).ok()?
            }
            None => return None,
        };
        Some((text, left))
    }

    /// Opaque octets, if they come next.
    pub(in crate::codec::document) fn next_opaque(&mut self) -> Option<&'i [u8]> {
        let [token::OPAQUE, rest @ ..] = self.rest else {
            return None;
        };
        if self.is_empty {
            return None;
        }
        let (rest, length) = mb_u_int32(rest).ok()?;
        let (octets, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.mark();
        self.rest = rest;
        Some(octets)
    }

    /// A place to come back to while no element has begun or ended.
    pub(in crate::codec::document) fn place(&self) -> Mark<'i> {
        Mark {
            rest: self.rest,
            last: self.last,
            odd: self.odd.len(),
        }
    }

    /// Goes back to a place; what was noted since stays.
    pub(in crate::codec::document) fn rewind(&mut self, mark: &Mark<'i>) {
        (self.rest, self.last) = (mark.rest, mark.last);
    }

    /// Goes back to a place, as if nothing had been read since.
    pub(in crate::codec::document) fn back_to(&mut self, mark: &Mark<'i>) {
        self.rewind(mark);
        self.odd.truncate(mark.odd);
    }

    /// The octets of memory that were spent since this was asked last.
    pub(in crate::codec::document) fn spent(&mut self) -> usize {
        let spent = self.reported.saturating_sub(self.budget);
        self.reported = self.budget;
        spent
    }

    /// The name of the innermost element, if the tables have it.
    pub(in crate::codec::document) fn element(&self) -> Option<&'static str> {
        let &(page, token) = self.open.last()?;
        let (_, local) = self.document.tag(self.version, page, token)?;
        Some(local.name)
    }

    /// Takes over what was noted in opaque octets that were taken last.
    pub(in crate::codec::document) fn take_notes(
        &mut self,
        notes: Vec<Tolerance>,
        length: usize,
    ) -> Result<()> {
        let from = self
            .length
            .saturating_sub(self.rest.len())
            .saturating_sub(length);
        for mut tolerance in notes {
            self.spend(size_of::<[Tolerance; 2]>())?;
            tolerance.offset = tolerance.offset.saturating_add(from);
            self.odd.push(tolerance);
        }
        Ok(())
    }
}
