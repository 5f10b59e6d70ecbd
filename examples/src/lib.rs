//! What the four programs of this package are made of: `dm-inspect`, `dm-server`, `dm-device` and
//! `dm-demo`, each a thin `main` over a module here.
//!
//! The libraries do no I/O: sockets, files, clocks and random numbers are brought in by these modules,
//! which show how.

pub mod demo;
pub mod device;
pub mod inspect;
mod printable;
pub mod server;

/// The program in the repository's README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
