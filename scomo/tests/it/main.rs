//! The flows of the SCOMO architecture document, end to end: a device and a server joined in memory.

mod alternatives;
mod checks;
mod defaults;
mod deferral;
mod delivery;
mod faults;
mod instances;
mod life_cycle;
mod machine;
mod nodes;
mod reports;
mod results;
mod rights;
mod server;
mod server_interactions;
mod support;
mod updates;
mod vendor;
mod waiting;
