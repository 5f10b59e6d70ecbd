//! The element table: every element's name, namespace, code page and token, written once.

/// The namespace of SyncML 1.2, which stands for that of 1.0 and 1.1 and for none.
pub(crate) const SYNCML_1_2: &str = "SYNCML:SYNCML1.2";
/// The namespace of SyncML 1.1.
pub(crate) const SYNCML_1_1: &str = "SYNCML:SYNCML1.1";
/// The namespace of SyncML 1.0.
pub(crate) const SYNCML_1_0: &str = "SYNCML:SYNCML1.0";
/// The namespace of MetInf, all versions.
pub(crate) const METINF: &str = "syncml:metinf";

/// The namespace of namespace declarations, to which nothing may be bound.
pub(crate) const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";
/// The namespace of the prefix `xml`, which is always bound.
#[cfg(feature = "xml")]
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// The code page of SyncML.
pub(crate) const PAGE_SYNCML: u8 = 0;
/// The code page of MetInf.
pub(crate) const PAGE_METINF: u8 = 1;

macro_rules! elements {
    ($($page:literal { $($token:literal $variant:ident $name:literal;)+ })+) => {
        /// An element of the table.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Element {
            $($($variant,)+)+
        }

        impl Element {
            /// Its name.
            #[inline(always)]
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)+)+
                }
            }

            /// Its code page.
            #[inline(always)]
            pub(crate) const fn page(self) -> u8 {
                match self {
                    $($(Self::$variant => $page,)+)+
                }
            }

            /// Its token within the page.
            #[inline(always)]
            pub(crate) const fn token(self) -> u8 {
                match self {
                    $($(Self::$variant => $token,)+)+
                }
            }

            /// The element behind a token of a page.
            #[inline(always)]
            pub(crate) const fn from_token(page: u8, token: u8) -> Option<Self> {
                match (page, token) {
                    $($(($page, $token) => Some(Self::$variant),)+)+
                    _ => None,
                }
            }

            /// Every element.
            pub(crate) const ALL: &[Self] = &[$($(Self::$variant,)+)+];
        }
    };
}

elements! {
    // OMA-TS-DM_RepPro, WBXML definition of SyncML. Token 0x30 is reserved.
    0 {
        0x05 Add "Add";
        0x06 Alert "Alert";
        0x07 Archive "Archive";
        0x08 Atomic "Atomic";
        0x09 Chal "Chal";
        0x0A Cmd "Cmd";
        0x0B CmdId "CmdID";
        0x0C CmdRef "CmdRef";
        0x0D Copy "Copy";
        0x0E Cred "Cred";
        0x0F Data "Data";
        0x10 Delete "Delete";
        0x11 Exec "Exec";
        0x12 Final "Final";
        0x13 Get "Get";
        0x14 Item "Item";
        0x15 Lang "Lang";
        0x16 LocName "LocName";
        0x17 LocUri "LocURI";
        0x18 Map "Map";
        0x19 MapItem "MapItem";
        0x1A Meta "Meta";
        0x1B MsgId "MsgID";
        0x1C MsgRef "MsgRef";
        0x1D NoResp "NoResp";
        0x1E NoResults "NoResults";
        0x1F Put "Put";
        0x20 Replace "Replace";
        0x21 RespUri "RespURI";
        0x22 Results "Results";
        0x23 Search "Search";
        0x24 Sequence "Sequence";
        0x25 SessionId "SessionID";
        0x26 SftDel "SftDel";
        0x27 Source "Source";
        0x28 SourceRef "SourceRef";
        0x29 Status "Status";
        0x2A Sync "Sync";
        0x2B SyncBody "SyncBody";
        0x2C SyncHdr "SyncHdr";
        0x2D SyncMl "SyncML";
        0x2E Target "Target";
        0x2F TargetRef "TargetRef";
        0x31 VerDtd "VerDTD";
        0x32 VerProto "VerProto";
        0x33 NumberOfChanges "NumberOfChanges";
        0x34 MoreData "MoreData";
        0x35 Field "Field";
        0x36 Filter "Filter";
        0x37 Record "Record";
        0x38 FilterType "FilterType";
        0x39 SourceParent "SourceParent";
        0x3A TargetParent "TargetParent";
        0x3B Move "Move";
        0x3C Correlator "Correlator";
    }
    // OMA SyncML MetInf, WBXML definition.
    1 {
        0x05 Anchor "Anchor";
        0x06 Emi "EMI";
        0x07 Format "Format";
        0x08 FreeId "FreeID";
        0x09 FreeMem "FreeMem";
        0x0A Last "Last";
        0x0B Mark "Mark";
        0x0C MaxMsgSize "MaxMsgSize";
        0x0D Mem "Mem";
        0x0E MetInf "MetInf";
        0x0F Next "Next";
        0x10 NextNonce "NextNonce";
        0x11 SharedMem "SharedMem";
        0x12 Size "Size";
        0x13 Type "Type";
        0x14 Version "Version";
        0x15 MaxObjSize "MaxObjSize";
        0x16 FieldLevel "FieldLevel";
    }
}

/// The elements by a hash of their names, each at the first free place from that of its hash on.
static BY_NAME: [Option<Element>; SLOTS] = by_name();
const SLOTS: usize = 512;

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated when the crate is built"
)]
const fn by_name() -> [Option<Element>; SLOTS] {
    let mut table = [None; SLOTS];
    let mut next = 0;
    while next < Element::ALL.len() {
        let element = Element::ALL[next];
        let mut slot = slot_of(element.name());
        while table[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = Some(element);
        next += 1;
    }
    table
}

/// A place that the length and three letters of a name choose.
#[inline]
const fn slot_of(name: &str) -> usize {
    let octets = name.as_bytes();
    let [first, .., last] = octets else {
        return 0;
    };
    let (_, half) = octets.split_at(octets.len() / 2);
    let middle = match half.first() {
        Some(&middle) => middle,
        None => 0,
    };
    let mixed = (*first as usize)
        .wrapping_mul(231)
        .wrapping_add((*last as usize).wrapping_mul(77))
        .wrapping_add((middle as usize).wrapping_mul(140))
        .wrapping_add(octets.len().wrapping_mul(92));
    mixed % SLOTS
}

impl Element {
    /// The element of a name within a page.
    #[inline]
    pub(crate) fn from_name(page: u8, name: &str) -> Option<Self> {
        let mut slot = slot_of(name);
        while let Some(Some(element)) = BY_NAME.get(slot) {
            if element.page() == page && element.name() == name {
                return Some(*element);
            }
            slot = slot.wrapping_add(1) % SLOTS;
        }
        None
    }

    /// The element of a qualified name. Every SyncML namespace and none mean page 0.
    pub(crate) fn from_qualified(namespace: &str, local: &str) -> Option<Self> {
        if is_syncml(namespace) {
            Self::from_name(PAGE_SYNCML, local)
        } else if namespace == METINF {
            Self::from_name(PAGE_METINF, local)
        } else {
            None
        }
    }

    /// The namespace that stands for the element in a [`Fragment`](crate::Fragment).
    pub(crate) const fn namespace(self) -> &'static str {
        match self.page() {
            PAGE_METINF => METINF,
            _ => SYNCML_1_2,
        }
    }
}

/// Whether a namespace is that of SyncML, which may be left out.
pub(crate) fn is_syncml(namespace: &str) -> bool {
    matches!(namespace, "" | SYNCML_1_2 | SYNCML_1_1 | SYNCML_1_0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_found_by_its_token_and_by_its_name() {
        for &element in Element::ALL {
            assert_eq!(
                Element::from_token(element.page(), element.token()),
                Some(element)
            );
            assert_eq!(
                Element::from_qualified(element.namespace(), element.name()),
                Some(element)
            );
        }
        assert_eq!(Element::ALL.len(), 55 + 18);
    }

    #[test]
    fn every_token_lies_in_the_range_of_tags() {
        for element in Element::ALL {
            assert!((0x05..=0x3F).contains(&element.token()), "{element:?}");
        }
    }
}
