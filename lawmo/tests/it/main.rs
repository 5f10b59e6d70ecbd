//! The flows of the LAWMO architecture document, end to end: a device and a server joined in memory.

mod faults;
mod object;
mod server;
mod support;
mod with_confirmation;
mod without_confirmation;
