//! What servers see of a device's tree and agent.

mod acl;
mod agent;
mod atomic;
mod bootstrap;
mod conformance_gaps;
mod crash;
mod execute;
mod fixture;
mod hooks;
mod inbox;
mod large;
mod options;
mod power_cut;
mod refusals;
mod std_objects;
mod support;
mod tnds;
