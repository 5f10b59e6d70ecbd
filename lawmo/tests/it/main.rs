//! The flows of the LAWMO architecture document, end to end: a device and a server joined in memory.

mod accounts;
mod defaults;
mod faults;
mod flows;
mod locked;
mod nodes;
mod object;
mod properties;
mod raw;
mod refusals;
mod reset;
mod server;
mod support;
mod unreadable;
mod vendor;
mod wipe_list;
mod with_confirmation;
mod without_confirmation;
