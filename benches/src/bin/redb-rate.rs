//! Durable commits, ours and those of redb alone, in turns: the disk and the neighbours of this process
//! change from second to second, and both get their share of it.
//!
//! ```text
//! DM_BENCH_DIR=/a/disk target/release/redb-rate NODES COMMITS
//! ```
//!
//! One commit is one Replace of a leaf with the record of a session and a message beside it. Printed are
//! the medians in microseconds, and the rate of ours as a part of the other.

use core::time::Duration;
use std::time::Instant;

use dm_benches::tree::{Bare, Scratch, command, in_file, leaf, replace, some_leaf, tree, value};
use dm_proto::session::Verb;

const RECORDS: (&[u8], &[u8]) = (&[0x5A; 1000], &[0xA5; 600]);

fn main() {
    let arguments: Vec<u32> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("a number"))
        .collect();
    let [nodes, commits] = *arguments else {
        eprintln!("usage: redb-rate NODES COMMITS");
        std::process::exit(2);
    };
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let mut tree = tree(Box::new(in_file(&scratch, nodes)));
    let bare = Bare::new(&other, nodes);
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for turn in 0..commits {
        let number = some_leaf(turn, nodes);
        let command = command(Verb::Replace, &leaf(number), Some(&value(number)));
        ours.push(timed(|| replace(&mut tree, &command, Some(RECORDS))));
        others.push(timed(|| bare.replace(number, RECORDS.0, RECORDS.1)));
    }
    let (ours, others) = (median(ours), median(others));
    println!(
        "{nodes} nodes, {commits} commits: {} us, redb alone {} us, {:.2} of its rate",
        ours.as_micros(),
        others.as_micros(),
        others.as_secs_f64() / ours.as_secs_f64(),
    );
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
