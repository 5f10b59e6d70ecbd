//! The programs of this package, run as processes and over sockets.

mod demo;
mod device;
mod inspect;
mod kill;
mod server;
mod tools;
