//! The model of a SyncML message, ignorant of how it is encoded.
//!
//! Structs mirror the DTD of OMA-TS-DM_RepPro 1.2, which is frozen: their fields are public and
//! complete, each has an `extra` for what the grammar met and does not know, and all can be built
//! with `..Default::default()`.

mod command;
mod cred;
mod header;
mod item;
mod meta;
mod status;

pub use self::{
    command::{
        Add, Alert, Atomic, Command, CommandName, Copy, Delete, Exec, Get, Replace, Sequence,
        Unsupported,
    },
    cred::{Chal, Cred},
    header::{SyncHdr, SyncMl},
    item::{Item, Location},
    meta::{Anchor, Mem, Meta, SharedMem},
    status::{Results, Status},
};
