//! What servers see of a device's tree and agent.

mod acl;
mod agent;
mod atomic;
mod crash;
mod execute;
mod large;
mod std_objects;
mod support;
