//! Package 0.
