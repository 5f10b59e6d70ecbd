//! dm-demo.
