//! dm-device.
