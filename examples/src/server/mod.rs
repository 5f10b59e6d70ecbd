//! A DM server.
