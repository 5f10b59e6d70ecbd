//! [`Limits`]: caps on what a peer controls.

/// Caps on what a peer controls while a message is decoded.
///
/// Others are fixed. WBXML: integers, and with them lengths and offsets, have 32 bits in at most five
/// octets; lengths and offsets lie within the input and the string table; what is opaque is not entered.
/// XML: an element has at most 1024 attributes, at most 128 namespace prefixes are in scope, and nothing
/// can be declared, so that no reference stands for more than a character.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The largest message in octets. Default 1 MiB: far above any `MaxMsgSize` in use.
    pub message_size: usize,
    /// The deepest nesting of elements. Default 32: an Atomic in a Sequence with a Filter needs 12.
    /// Keep it small: containers drop, clone and compare recursively.
    pub depth: usize,
    /// The memory in octets that the model of one message may take, charged per element and per
    /// copied octet while decoding; so is what an XML or WBXML reader copies, and what it takes from
    /// the string table, each time it is referred to. Decoding takes at most twice this at its peak.
    /// So much a client also keeps of the results that one message asks for.
    /// Default 4 MiB: real messages take about twice their size as XML and seven times as WBXML, a MiB
    /// of empty items would take 200 times its size.
    pub memory: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        message_size: 1 << 20,
        depth: 32,
        memory: 4 << 20,
    };

    /// The same with another largest message.
    #[must_use]
    pub fn with_message_size(mut self, octets: usize) -> Self {
        self.message_size = octets;
        self
    }

    /// The same with another depth.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The same with another memory budget.
    #[must_use]
    pub fn with_memory(mut self, octets: usize) -> Self {
        self.memory = octets;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
