//! WBXML, the binary encoding. OMA/WAP-192-WBXML.

mod header;
mod integer;
mod reader;
mod writer;

pub(super) use self::{reader::Reader, writer::Writer};

/// Global tokens, the same in both code spaces.
mod token {
    pub(super) const SWITCH_PAGE: u8 = 0x00;
    pub(super) const END: u8 = 0x01;
    pub(super) const ENTITY: u8 = 0x02;
    pub(super) const STR_I: u8 = 0x03;
    pub(super) const LITERAL: u8 = 0x04;
    pub(super) const EXT_I_0: u8 = 0x40;
    pub(super) const EXT_I_2: u8 = 0x42;
    pub(super) const PI: u8 = 0x43;
    pub(super) const EXT_T_0: u8 = 0x80;
    pub(super) const EXT_T_2: u8 = 0x82;
    pub(super) const STR_T: u8 = 0x83;
    pub(super) const EXT_0: u8 = 0xC0;
    pub(super) const EXT_2: u8 = 0xC2;
    pub(super) const OPAQUE: u8 = 0xC3;

    /// In a tag: an attribute list follows.
    pub(super) const ATTRIBUTES: u8 = 0x80;
    /// In a tag: content follows.
    pub(super) const CONTENT: u8 = 0x40;
    /// In a tag: which element it is.
    pub(super) const IDENTITY: u8 = 0x3F;
}

/// The namespace in which tokens that the tables do not have get names, so that they are kept and
/// written back: `page1-token17` for an element, `page0-attribute05` for an attribute.
pub(super) const UNKNOWN_TOKENS: &str = "urn:wbxml:unknown-tokens";

/// Where the first NUL is. Most strings are shorter than what a call of memchr is worth.
#[inline(always)]
fn find_nul(octets: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, _) = octets.as_chunks::<8>();
    let mut passed = 0_usize;
    for word in words.iter().take(4) {
        let word = u64::from_le_bytes(*word);
        // The lowest octet that has its top bit here is the first that is 0.
        let zeros = word.wrapping_sub(ONES) & !word & TOPS;
        if zeros != 0 {
            let within = usize::try_from(zeros.trailing_zeros() >> 3).unwrap_or_default();
            return Some(passed.saturating_add(within));
        }
        passed = passed.saturating_add(8);
    }
    memchr::memchr(0, octets.get(passed..)?).map(|at| passed.saturating_add(at))
}
