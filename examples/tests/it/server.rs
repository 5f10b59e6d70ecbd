//! dm-server.
