//! `dm-inspect`.

fn main() {}
