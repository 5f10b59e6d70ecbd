//! Decoding of messages for people.
