//! `dm-server`.

fn main() {}
