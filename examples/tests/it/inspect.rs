//! dm-inspect.
