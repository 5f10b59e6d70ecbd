//! [`Cred`] and [`Chal`].

use alloc::sync::Arc;

use super::Meta;
use crate::{Extra, Secret};

/// A `Cred`: what its sender proves itself with. Content: `Meta?, Data`.
///
/// OMA-TS-DM_RepPro, `Cred`. In DM only inside `SyncHdr`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Cred {
    /// Type (`syncml:auth-basic`, `syncml:auth-md5`) and Format (`b64`).
    pub meta: Option<Arc<Meta>>,
    /// The credential in the form that the type asks for, in Base64.
    pub data: Secret,
    /// What the element held beyond this model.
    pub extra: Extra,
}

/// A `Chal`: asks for credentials, or tells the nonce for the next ones. Content: `Meta`.
///
/// OMA-TS-DM_RepPro, `Chal`. In DM inside the `Status` of a `SyncHdr`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Chal {
    /// The type asked for, its Format and the `NextNonce`.
    pub meta: Meta,
    /// What the element held beyond this model.
    pub extra: Extra,
}
