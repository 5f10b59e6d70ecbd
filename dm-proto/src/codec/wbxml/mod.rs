//! WBXML, the binary encoding. OMA/WAP-192-WBXML.

mod header;
pub(super) mod integer;
mod reader;
mod writer;

pub(super) use self::{reader::Reader, writer::Writer};

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
