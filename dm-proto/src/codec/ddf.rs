//! The names of DM DDF and TNDS, which stand inside messages as code page 2.

/// A tag or an attribute value: its token and its text.
pub(super) type Row = (u8, &'static str);
/// Names by their tokens; empty where a token has none.
pub(super) type Names = [Local; 0x40];

/// A local name, and the tag that ends its element in XML: what is as long for each is copied without a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Local {
    pub(super) name: &'static str,
    /// The tag, then octets that mean nothing.
    pub(super) end: [u8; Self::ROOM],
}

impl Local {
    /// As long as the longest tag at least.
    pub(super) const ROOM: usize = 32;
    pub(super) const NONE: Self = Self::new("");

    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "evaluated when the crate is built"
    )]
    pub(super) const fn new(name: &'static str) -> Self {
        let mut end = [b'>'; Self::ROOM];
        end[0] = b'<';
        end[1] = b'/';
        let octets = name.as_bytes();
        assert!(octets.len() + 3 <= Self::ROOM);
        let mut next = 0;
        while next < octets.len() {
            end[next + 2] = octets[next];
            next += 1;
        }
        Self { name, end }
    }
}

/// The namespace of DM DDF and TNDS.
pub(super) const NAMESPACE: &str = "syncml:dmddf1.2";
/// Their code page.
pub(super) const PAGE: u8 = 2;

/// The name behind a token of the page.
pub(super) fn name(token: u8) -> Option<&'static str> {
    NAMES
        .get(usize::from(token))
        .map(|local| local.name)
        .filter(|name| !name.is_empty())
}

/// The token of a name.
pub(super) fn token(local: &str) -> Option<u8> {
    ROWS.iter().find(|row| row.1 == local).map(|row| row.0)
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated when the crate is built"
)]
pub(super) const fn names(rows: &[Row]) -> Names {
    let mut names = [Local::NONE; 0x40];
    let mut next = 0;
    while next < rows.len() {
        names[rows[next].0 as usize] = Local::new(rows[next].1);
        next += 1;
    }
    names
}

pub(super) static NAMES: Names = names(ROWS);

/// OMA DM DDF 1.2, code page 2. OMA-TS-DM_TNDS, WBXML definition.
pub(super) const ROWS: &[Row] = &[
    (0x05, "AccessType"),
    (0x06, "ACL"),
    (0x07, "Add"),
    (0x08, "b64"),
    (0x09, "bin"),
    (0x0A, "bool"),
    (0x0B, "chr"),
    (0x0C, "CaseSense"),
    (0x0D, "CIS"),
    (0x0E, "Copy"),
    (0x0F, "CS"),
    (0x10, "date"),
    (0x11, "DDFName"),
    (0x12, "DefaultValue"),
    (0x13, "Delete"),
    (0x14, "Description"),
    (0x15, "DFFormat"),
    (0x16, "DFProperties"),
    (0x17, "DFTitle"),
    (0x18, "DFType"),
    (0x19, "Dynamic"),
    (0x1A, "Exec"),
    (0x1B, "float"),
    (0x1C, "Format"),
    (0x1D, "Get"),
    (0x1E, "int"),
    (0x1F, "Man"),
    (0x20, "MgmtTree"),
    (0x21, "MIME"),
    (0x22, "Mod"),
    (0x23, "Name"),
    (0x24, "Node"),
    (0x25, "node"),
    (0x26, "NodeName"),
    (0x27, "null"),
    (0x28, "Occurrence"),
    (0x29, "One"),
    (0x2A, "OneOrMore"),
    (0x2B, "OneOrN"),
    (0x2C, "Path"),
    (0x2D, "Permanent"),
    (0x2E, "Replace"),
    (0x2F, "RTProperties"),
    (0x30, "Scope"),
    (0x31, "Size"),
    (0x32, "time"),
    (0x33, "Title"),
    (0x34, "TStamp"),
    (0x35, "Type"),
    (0x36, "Value"),
    (0x37, "VerDTD"),
    (0x38, "VerNo"),
    (0x39, "xml"),
    (0x3A, "ZeroOrMore"),
    (0x3B, "ZeroOrN"),
    (0x3C, "ZeroOrOne"),
];
