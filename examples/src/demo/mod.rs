//! The demo: a server and a device over loopback HTTP.
