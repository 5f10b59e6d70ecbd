//! `dm-demo`.

fn main() {}
