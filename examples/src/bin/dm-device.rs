//! `dm-device`.

fn main() {}
