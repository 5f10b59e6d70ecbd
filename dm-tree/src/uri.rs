//! [`NodeUri`], the address of a node.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

use std::string::String;

use dm_proto::{StatusCode, Text};
use serde::{Deserialize, Serialize};

/// The full URI of a node in its one canonical form: `.` for the root, else `./A/B`.
///
/// OMA-TS-DM_TND, addressing: no empty segment, no `..`, no `/` at the end. Escapes of unreserved
/// characters are resolved (`%41` is `A`), other escapes are in upper case (`%2F` is a character of
/// the name and never a separator), and characters outside ASCII are escaped: two spellings of the
/// same node are equal. Names are case sensitive.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct NodeUri(Text);

impl NodeUri {
    /// The root of the tree.
    pub const ROOT: Self = Self(Text::from_static("."));

    /// The longest URI that is read, in octets of its canonical form. A device announces less in
    /// `./DevDetail/URI/MaxTotLen`.
    pub const MAX_LEN: usize = 2048;

    /// The most segments below the root that are read. A device announces less in
    /// `./DevDetail/URI/MaxDepth`.
    pub const MAX_DEPTH: usize = 64;

    /// Reads a node URI without a query; `A/B` and `./A/B` are the same.
    ///
    /// # Errors
    ///
    /// If it is not the URI of a node.
    pub fn parse(uri: &str) -> Result<Self, UriError> {
        if is_usual(uri) {
            return Ok(Self(uri.into()));
        }
        if let Some(relative) = uri.strip_prefix("./")
            && let Some(segments) = plain_segments(relative)
            && segments <= Self::MAX_DEPTH
            && uri.len() <= Self::MAX_LEN
        {
            return Ok(Self(uri.into()));
        }
        let uri = uri.trim();
        match uri {
            "" => return Err(UriError::EmptySegment(uri.into())),
            "." => return Ok(Self::ROOT),
            _ => {}
        }
        Self::ROOT.join(uri.strip_prefix("./").unwrap_or(uri))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URI of a descendant: `relative` is one or more segments.
    ///
    /// # Errors
    ///
    /// If `relative` is not made of segments.
    pub fn join(&self, relative: &str) -> Result<Self, UriError> {
        let mut canonical = String::with_capacity(self.0.len().saturating_add(relative.len()));
        canonical.push_str(self.as_str());
        let mut depth = self.depth();
        if let Some(segments) = plain_segments(relative) {
            canonical.push('/');
            canonical.push_str(relative);
            let is_too_deep = depth.saturating_add(segments) > Self::MAX_DEPTH;
            if canonical.len() > Self::MAX_LEN || is_too_deep {
                return Err(UriError::TooLong);
            }
            return Ok(Self(canonical.into()));
        }
        for segment in relative.split('/') {
            canonical.push('/');
            push_segment(&mut canonical, segment, relative)?;
            depth = depth.saturating_add(1);
            if canonical.len() > Self::MAX_LEN || depth > Self::MAX_DEPTH {
                return Err(UriError::TooLong);
            }
        }
        Ok(Self(canonical.into()))
    }

    /// The URI of the child with this name, whatever characters the name has: those that a segment
    /// cannot hold are escaped, `/` and `%` among them.
    ///
    /// # Errors
    ///
    /// If the name is empty, `.` or `..`, or the URI gets too long.
    pub fn child(&self, name: &str) -> Result<Self, UriError> {
        self.join(&escape(name))
    }

    /// The parent; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Some(Self(parent.into()))
    }

    /// The last segment; `.` for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(".", |(_, name)| name)
    }

    /// The segments below the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> + '_ {
        self.0.as_str().split('/').skip(1)
    }

    /// How many segments there are below the root.
    pub fn depth(&self) -> usize {
        self.segments().count()
    }

    /// What is left of `self` below `ancestor`: `Some("")` for `ancestor` itself.
    pub fn below<'a>(&'a self, ancestor: &Self) -> Option<&'a str> {
        let rest = self.as_str().strip_prefix(ancestor.as_str())?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.strip_prefix('/')
    }

    /// The URI of a child whose name is a canonical segment already.
    pub(crate) fn child_named(&self, name: &str) -> Self {
        let mut uri = self.0.clone();
        uri.push_str("/");
        uri.push_str(name);
        Self(uri)
    }
}

impl core::fmt::Display for NodeUri {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a URI is canonical as it stands, and plainly so: `./`, then segments of letters, digits and a
/// few marks, none of which begins with a dot. No for what is too short for this or takes a closer look.
///
/// Sixteen octets at a time, each beside the one before it, in a form that compilers make vector
/// instructions of. Every command and every node of a document comes by here.
fn is_usual(uri: &str) -> bool {
    let octets = uri.as_bytes();
    let (Some((_, after)), Some((last, before))) = (octets.split_first(), octets.split_last())
    else {
        return false;
    };
    // A segment and its separator are two octets at least: there is no need to count these.
    if octets.len() > NodeUri::MAX_DEPTH.saturating_mul(2)
        || !uri.starts_with("./")
        || *last == b'/'
    {
        return false;
    }
    let (Some(last_before), Some(last_after)) =
        (before.last_chunk::<16>(), after.last_chunk::<16>())
    else {
        return false;
    };
    let blocks = before.as_chunks().0.iter().zip(after.as_chunks().0);
    // Octets that are looked at twice do no harm.
    blocks
        .chain([(last_before, last_after)])
        .all(|(before, after)| is_usual_block(before, after))
}

fn is_usual_block(before: &[u8; 16], octets: &[u8; 16]) -> bool {
    let mut is_unusual = false;
    for (before, octet) in before.iter().zip(octets) {
        let is_letter = (octet | 0x20).wrapping_sub(b'a') < 26;
        // `&'()*+,-./`, digits, and `:`.
        let is_digit_or_mark = octet.wrapping_sub(b'&') <= b':' - b'&';
        let is_plain = is_letter | is_digit_or_mark | (*octet == b'_') | (*octet == b'=');
        // An empty segment, or one that may be dots only.
        let is_start = (*before == b'/') & ((*octet == b'/') | (*octet == b'.'));
        is_unusual |= !is_plain | is_start;
    }
    !is_unusual
}

/// How many segments there are, if they are canonical as they stand, as nearly all are: that takes one
/// look.
fn plain_segments(relative: &str) -> Option<usize> {
    let mut segments = 1_usize;
    // What a segment has but dots decides whether it is one; `...` is left to a closer look.
    let mut is_name = false;
    for &octet in relative.as_bytes() {
        match PLAIN.get(usize::from(octet)) {
            Some(Plain::Name) => is_name = true,
            Some(Plain::Dot) => {}
            Some(Plain::Slash) if is_name => {
                segments = segments.saturating_add(1);
                is_name = false;
            }
            _ => return None,
        }
    }
    is_name.then_some(segments)
}

/// What an octet is to [`plain_segments`].
#[derive(Clone, Copy)]
enum Plain {
    Name,
    Dot,
    Slash,
    Other,
}

const PLAIN: [Plain; 256] = {
    let mut plain = [Plain::Other; 256];
    let mut octet = 0_u8;
    #[expect(clippy::indexing_slicing, reason = "checked when this is compiled")]
    while octet < 0x80 {
        plain[octet as usize] = match octet {
            b'.' => Plain::Dot,
            b'/' => Plain::Slash,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => Plain::Name,
            b'-' | b'_' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => Plain::Name,
            b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' => Plain::Name,
            _ => Plain::Other,
        };
        octet += 1;
    }
    plain
};

/// Appends the canonical form of one segment of `whole`.
fn push_segment(canonical: &mut String, segment: &str, whole: &str) -> Result<(), UriError> {
    let start = canonical.len();
    let mut rest = segment.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'%' => {
                let Some((&[high, low], after)) = rest.split_first_chunk::<2>() else {
                    return Err(UriError::Escape(whole.into()));
                };
                let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) else {
                    return Err(UriError::Escape(whole.into()));
                };
                rest = after;
                let octet = (high << 4) | low;
                if is_unreserved(octet) {
                    canonical.push(char::from(octet));
                } else {
                    push_escape(canonical, octet);
                }
            }
            _ if is_segment_octet(octet) => canonical.push(char::from(octet)),
            0x80.. => push_escape(canonical, octet),
            _ => return Err(UriError::Character(whole.into())),
        }
    }
    match canonical.get(start..) {
        None | Some("") => Err(UriError::EmptySegment(whole.into())),
        Some("." | "..") => Err(UriError::DotSegment(whole.into())),
        Some(_) => Ok(()),
    }
}

/// A name as a segment: everything that is not unreserved is escaped.
pub(crate) fn escape(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for octet in name.bytes() {
        if octet != b'%' && is_segment_octet(octet) {
            segment.push(char::from(octet));
        } else {
            push_escape(&mut segment, octet);
        }
    }
    segment
}

fn push_escape(text: &mut String, octet: u8) {
    text.push('%');
    text.push(hex_digit(octet >> 4));
    text.push(hex_digit(octet & 15));
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// RFC 2396, `unreserved`.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet)
}

/// RFC 2396, `pchar` without escapes.
fn is_segment_octet(octet: u8) -> bool {
    is_unreserved(octet) || b":@&=+$,".contains(&octet)
}

/// Why text is not the URI of a node.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UriError {
    /// Empty, or with an empty segment.
    #[error("uri {0:?} has an empty segment")]
    EmptySegment(Text),
    /// A segment is `.` (but for the first) or `..`.
    #[error("uri {0:?} has a dot segment")]
    DotSegment(Text),
    /// A character that must be escaped.
    #[error("uri {0:?} has a character that must be escaped")]
    Character(Text),
    /// A `%` without two hexadecimal digits.
    #[error("uri {0:?} has a malformed escape")]
    Escape(Text),
    /// Longer than [`NodeUri::MAX_LEN`] or deeper than [`NodeUri::MAX_DEPTH`].
    #[error("uri is too long")]
    TooLong,
    /// A query other than `?prop=` and `?list=` with a known value.
    #[error("uri {0:?} has an unknown query")]
    Query(Text),
}

impl From<&UriError> for StatusCode {
    fn from(error: &UriError) -> Self {
        match error {
            UriError::TooLong => Self::URI_TOO_LONG,
            UriError::Query(_) => Self::OPTIONAL_FEATURE_NOT_SUPPORTED,
            UriError::EmptySegment(_)
            | UriError::DotSegment(_)
            | UriError::Character(_)
            | UriError::Escape(_) => Self::BAD_REQUEST,
        }
    }
}

/// How long the URIs of a device may be. OMA-TS-DM_StdObj, DevDetail, URI.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the standard's list is complete")]
pub struct UriLimits {
    /// `MaxDepth`: segments, the root among them; 0 for no limit of its own.
    pub max_depth: u16,
    /// `MaxTotLen`: characters of the whole URI; 0 for no limit of its own.
    pub max_tot_len: u16,
    /// `MaxSegLen`: characters of a segment; 0 for no limit of its own.
    pub max_seg_len: u16,
}

impl UriLimits {
    /// Whether a URI keeps to the limits. If not, it is answered 414.
    pub fn allow(&self, uri: &NodeUri) -> bool {
        let within = |count: usize, limit: u16| limit == 0 || count <= usize::from(limit);
        (self.max_depth == 0 || within(uri.depth().saturating_add(1), self.max_depth))
            && within(uri.as_str().len(), self.max_tot_len)
            && (self.max_seg_len == 0
                || uri
                    .segments()
                    .all(|segment| within(segment.len(), self.max_seg_len)))
    }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(uri: &str) -> Result<String, UriError> {
        NodeUri::parse(uri).map(|uri| uri.as_str().into())
    }

    #[test]
    fn the_short_cut_agrees_with_the_long_way() {
        // One octet at a time is changed in a URI that is usual.
        let usual = "./Inventory/Group-017/Component-001742/Property_3";
        assert!(is_usual(usual));
        for at in 0..usual.len() {
            for octet in 0..0x80_u8 {
                let mut uri = usual.to_owned();
                uri.replace_range(at..=at, char::from(octet).encode_utf8(&mut [0; 4]));
                if is_usual(&uri) {
                    let long = NodeUri::ROOT.join(&uri[2..]);
                    assert_eq!(long.as_ref().map(NodeUri::as_str), Ok(uri.as_str()));
                }
            }
        }
        for uri in [
            "./Inventory/Group-017//Property",
            "./Inventory/Group-017/../Property",
            "./Inventory/Group-017/Property/",
            "./Inventory/Group-017/./Property",
            "./Inventory/Group-017/Property/.",
            ".//Inventory/Group-017/Property",
            "././Inventory/Group-017/Property",
            "./../Inventory/Group-017/Property",
            "./Inventory/Group-017/Prop erty",
            "./Inventory/Group-017/Prop%41rty",
            "./Inventory/Group-017/Prop?list=Struct",
            "../Inventory/Group-017/Property",
        ] {
            assert!(!is_usual(uri), "{uri}");
        }
        for depth in [60, 63, 64, 65, 100] {
            let uri = format!(".{}", "/A".repeat(depth));
            assert_eq!(NodeUri::parse(&uri).is_ok(), depth <= 64, "{depth}");
        }
    }

    #[test]
    fn spellings_of_one_node_have_one_canonical_form() {
        for (spelling, expected) in [
            (".", "."),
            ("A", "./A"),
            ("./A/B", "./A/B"),
            (" A/B\n", "./A/B"),
            ("./%41%2d/%2f", "./A-/%2F"),
            ("./B\u{fc}ro", "./B%C3%BCro"),
            ("./a.b/c.", "./a.b/c."),
            ("./x:@&=+$,;".trim_end_matches(';'), "./x:@&=+$,"),
        ] {
            assert_eq!(canonical(spelling).as_deref(), Ok(expected), "{spelling:?}");
        }
    }

    #[test]
    fn what_needs_one_look_is_what_is_canonical_as_it_stands() {
        for octet in 0..=0x7F_u8 {
            let segment = char::from(octet).to_string();
            let mut canonical = String::new();
            let is_segment = push_segment(&mut canonical, &segment, &segment).is_ok();
            let is_plain = is_segment && canonical == segment;
            assert_eq!(plain_segments(&segment).is_some(), is_plain, "{segment:?}");
        }
        for (relative, segments) in [
            ("a", Some(1)),
            ("a/b/c", Some(3)),
            ("a/.../b", None),
            (".a/b.", Some(2)),
            ("a/./b", None),
            ("a/..", None),
            ("a//b", None),
            ("a/", None),
            ("/a", None),
            ("", None),
            ("%41", None),
            ("\u{fc}", None),
        ] {
            assert_eq!(plain_segments(relative), segments, "{relative:?}");
        }
    }

    #[test]
    fn what_is_not_a_node_is_refused_with_its_reason() {
        let long = "a/".repeat(2000) + "a";
        for (uri, error, status, text) in [
            (
                "",
                UriError::EmptySegment("".into()),
                400,
                "uri \"\" has an empty segment",
            ),
            (
                "./",
                UriError::EmptySegment("".into()),
                400,
                "uri \"\" has an empty segment",
            ),
            (
                "/A",
                UriError::EmptySegment("/A".into()),
                400,
                "uri \"/A\" has an empty segment",
            ),
            (
                "A//B",
                UriError::EmptySegment("A//B".into()),
                400,
                "uri \"A//B\" has an empty segment",
            ),
            (
                "A/",
                UriError::EmptySegment("A/".into()),
                400,
                "uri \"A/\" has an empty segment",
            ),
            (
                "A/../B",
                UriError::DotSegment("A/../B".into()),
                400,
                "uri \"A/../B\" has a dot segment",
            ),
            (
                "A/%2e%2E",
                UriError::DotSegment("A/%2e%2E".into()),
                400,
                "uri \"A/%2e%2E\" has a dot segment",
            ),
            (
                "././A",
                UriError::DotSegment("./A".into()),
                400,
                "uri \"./A\" has a dot segment",
            ),
            (
                "A B",
                UriError::Character("A B".into()),
                400,
                "uri \"A B\" has a character that must be escaped",
            ),
            (
                "A#B",
                UriError::Character("A#B".into()),
                400,
                "uri \"A#B\" has a character that must be escaped",
            ),
            (
                "A%4",
                UriError::Escape("A%4".into()),
                400,
                "uri \"A%4\" has a malformed escape",
            ),
            (
                "A%+1",
                UriError::Escape("A%+1".into()),
                400,
                "uri \"A%+1\" has a malformed escape",
            ),
            (&long, UriError::TooLong, 414, "uri is too long"),
        ] {
            let met = NodeUri::parse(uri).unwrap_err();
            assert_eq!(met, error);
            assert_eq!(StatusCode::from(&met).as_u16(), status);
            assert_eq!(met.to_string(), text);
        }
    }

    #[test]
    fn relatives_are_found_by_whole_segments() {
        let uri = NodeUri::parse("./A/B/C").unwrap();
        assert_eq!(uri.name(), "C");
        assert_eq!(uri.parent(), NodeUri::parse("./A/B").ok());
        assert_eq!(uri.below(&NodeUri::parse("./A").unwrap()), Some("B/C"));
        assert_eq!(uri.below(&NodeUri::ROOT), Some("A/B/C"));
        assert_eq!(uri.below(&uri), Some(""));
        assert_eq!(uri.below(&NodeUri::parse("./A/B/CC").unwrap()), None);
        assert_eq!(
            NodeUri::parse("./A/BB")
                .unwrap()
                .below(&uri.parent().unwrap()),
            None
        );
        assert_eq!(NodeUri::ROOT.parent(), None);
        assert_eq!(NodeUri::ROOT.name(), ".");
        assert_eq!(
            NodeUri::ROOT.child("a/b %").unwrap().as_str(),
            "./a%2Fb%20%25"
        );
    }

    #[test]
    fn limits_count_segments_characters_and_the_whole() {
        let uri = NodeUri::parse("./abc/de").unwrap();
        let limits = |max_depth, max_tot_len, max_seg_len| UriLimits {
            max_depth,
            max_tot_len,
            max_seg_len,
        };
        assert!(limits(0, 0, 0).allow(&uri));
        assert!(limits(3, 8, 3).allow(&uri));
        assert!(!limits(2, 8, 3).allow(&uri));
        assert!(!limits(3, 7, 3).allow(&uri));
        assert!(!limits(3, 8, 2).allow(&uri));
    }

    proptest! {
        #[test]
        fn reading_is_idempotent_and_never_panics(text in "\\PC{0,40}|[./%a-c0-9?]{0,20}") {
            if let Ok(uri) = NodeUri::parse(&text) {
                prop_assert_eq!(NodeUri::parse(uri.as_str()), Ok(uri));
            }
        }

        #[test]
        fn any_name_becomes_one_segment(name in "\\PC{1,20}") {
            prop_assume!(name != "." && name != "..");
            let uri = NodeUri::ROOT.child(&name).unwrap();
            prop_assert_eq!(uri.depth(), 1);
            prop_assert_eq!(uri.parent(), Some(NodeUri::ROOT));
        }
    }
}
