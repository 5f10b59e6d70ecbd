#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(any(feature = "xml", test))]
extern crate std;

#[cfg(feature = "session")]
pub mod auth;
#[cfg(feature = "bootstrap")]
pub mod bootstrap;
pub mod codec;
#[cfg(all(feature = "xml", any(fuzzing, test)))]
pub mod fuzzing;
pub mod message;
#[cfg(feature = "session")]
pub mod notification;
#[cfg(feature = "session")]
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "session")]
pub mod wap_push;

mod alert_code;
mod data;
mod error;
mod importance;
mod limits;
mod secret;
mod status_code;
mod text;
#[cfg(all(test, feature = "session"))]
mod vectors;

pub use self::{
    alert_code::AlertCode,
    data::{Data, Extra, ForeignAttribute, Fragment, Name, Piece},
    error::{DecodeError, DecodeErrorKind, EncodeError},
    importance::Importance,
    limits::Limits,
    secret::Secret,
    status_code::StatusCode,
    text::{CmdId, Correlator, LocUri, MsgId, SessionId, Text},
};
