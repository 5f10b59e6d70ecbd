//! The flows of the SCOMO architecture document, end to end: a device and a server joined in memory.

mod alternatives;
mod checks;
mod deferral;
mod delivery;
mod faults;
mod life_cycle;
mod server;
mod server_interactions;
mod support;
