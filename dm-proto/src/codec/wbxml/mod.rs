//! WBXML, the binary encoding. OMA/WAP-192-WBXML.

mod buffer;
mod header;
pub(super) mod integer;
mod reader;
mod strings;
mod writer;

pub(super) use self::{reader::Reader, writer::Writer};
use super::words;

/// Global tokens, the same in both code spaces.
pub(super) mod token {
    pub(in crate::codec) const SWITCH_PAGE: u8 = 0x00;
    pub(in crate::codec) const END: u8 = 0x01;
    pub(in crate::codec) const ENTITY: u8 = 0x02;
    pub(in crate::codec) const STR_I: u8 = 0x03;
    pub(in crate::codec) const LITERAL: u8 = 0x04;
    pub(in crate::codec) const EXT_I_0: u8 = 0x40;
    pub(in crate::codec) const EXT_I_2: u8 = 0x42;
    pub(in crate::codec) const PI: u8 = 0x43;
    pub(in crate::codec) const EXT_T_0: u8 = 0x80;
    pub(in crate::codec) const EXT_T_2: u8 = 0x82;
    pub(in crate::codec) const STR_T: u8 = 0x83;
    pub(in crate::codec) const EXT_0: u8 = 0xC0;
    pub(in crate::codec) const EXT_2: u8 = 0xC2;
    pub(in crate::codec) const OPAQUE: u8 = 0xC3;

    /// In a tag: an attribute list follows.
    pub(in crate::codec) const ATTRIBUTES: u8 = 0x80;
    /// In a tag: content follows.
    pub(in crate::codec) const CONTENT: u8 = 0x40;
    /// In a tag: which element it is.
    pub(in crate::codec) const IDENTITY: u8 = 0x3F;
}

/// The namespace in which tokens that the tables do not have get names, so that they are kept and
/// written back: `page1-token17` for an element, `page0-attribute05` for an attribute.
pub(super) const UNKNOWN_TOKENS: &str = "urn:wbxml:unknown-tokens";

/// Where the first NUL is. Most strings are shorter than what a call of memchr is worth.
#[inline(always)]
pub(super) fn find_nul(octets: &[u8]) -> Option<usize> {
    let (chunks, _) = octets.as_chunks::<8>();
    let mut passed = 0_usize;
    for word in chunks.iter().take(8) {
        let zeros = words::zeros(u64::from_le_bytes(*word));
        if zeros != 0 {
            let within = usize::try_from(zeros.trailing_zeros() >> 3).unwrap_or_default();
            return Some(passed.saturating_add(within));
        }
        passed = passed.saturating_add(8);
    }
    memchr::memchr(0, octets.get(passed..)?).map(|at| passed.saturating_add(at))
}

/// Whether there is a NUL, for strings that mostly are short.
#[inline]
fn has_nul(octets: &[u8]) -> bool {
    if octets.len() > 128 {
        return memchr::memchr(0, octets).is_some();
    }
    if octets.len() < 4 {
        return octets.contains(&0);
    }
    words::any(octets, words::zeros)
}
