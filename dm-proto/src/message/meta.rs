//! [`Meta`]: meta information from the MetInf document type.

use alloc::{boxed::Box, vec::Vec};

use crate::{Extra, Secret, Text};

/// A `Meta`: the format and type of data, sizes, nonces.
///
/// OMA-TS-DM_RepPro, `Meta`; its children are those of MetInf (WBXML: code page 1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Meta {
    /// `Format` of the data: an open value, `chr` if absent.
    pub format: Option<Text>,
    /// `Type` of the data, of credentials or of an alert; `text/plain` if absent.
    #[doc(alias = "type")]
    pub type_: Option<Text>,
    /// `Mark`: the importance of an alert.
    pub mark: Option<Text>,
    /// `Size` of a large object in octets; in the first chunk only.
    pub size: Option<u64>,
    /// `Anchor`; not used in DM.
    pub anchor: Option<Box<Anchor>>,
    /// `Version`; not used in DM.
    pub version: Option<Text>,
    /// `NextNonce` of a challenge, in Base64.
    pub next_nonce: Option<Secret>,
    /// `MaxMsgSize`: the largest message in octets that the sender takes.
    pub max_msg_size: Option<u64>,
    /// `MaxObjSize`: the largest object in octets that the sender takes.
    pub max_obj_size: Option<u64>,
    /// `EMI`: experimental meta information.
    pub emi: Vec<Text>,
    /// `Mem`; not used in DM.
    pub mem: Option<Box<Mem>>,
    /// `FieldLevel`; not used in DM.
    pub field_level: bool,
    /// What the element held beyond this model.
    pub extra: Extra,
}

impl Meta {
    /// A `Meta` with a format.
    pub fn format(format: impl Into<Text>) -> Self {
        Self {
            format: Some(format.into()),
            ..Self::default()
        }
    }

    /// A `Meta` with a type.
    pub fn of_type(type_: impl Into<Text>) -> Self {
        Self {
            type_: Some(type_.into()),
            ..Self::default()
        }
    }

    /// The same with a type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<Text>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// The same with a format.
    #[must_use]
    pub fn with_format(mut self, format: impl Into<Text>) -> Self {
        self.format = Some(format.into());
        self
    }
}

/// `Anchor`: synchronization anchors of data synchronization. Content: `Last?, Next`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Anchor {
    /// The anchor of the last synchronization.
    pub last: Option<Text>,
    /// The anchor of this one.
    pub next: Text,
    /// What the element held beyond this model.
    pub extra: Extra,
}

/// `Mem`: free memory, of data synchronization. Content: `SharedMem?, FreeMem, FreeID`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Mem {
    /// Whether the memory is shared with other datastores.
    pub shared: SharedMem,
    /// Free octets.
    pub free_mem: u64,
    /// Free item identifiers.
    pub free_id: u64,
    /// What the element held beyond this model.
    pub extra: Extra,
}

/// Whether a `Mem` carries `SharedMem`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "an element is present or absent")]
pub enum SharedMem {
    /// Absent.
    #[default]
    No,
    /// Present.
    Yes,
}
