//! A Linux device.
