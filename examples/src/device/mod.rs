//! A Linux device.

pub mod factory;
pub mod packages;
pub mod root;
