//! Reads of a leaf by the text of its URI, ours and those of the yardsticks, in turns: what else runs on
//! the machine changes from second to second, and all get their share of it.
//!
//! ```text
//! DM_BENCH_DIR=/a/disk target/release/read-rate NODES TURNS
//! ```
//!
//! A turn is a thousand reads of leaves in no order. Printed are the medians in nanoseconds a read.

use core::{hint::black_box, time::Duration};
use std::time::Instant;

use dm_benches::tree::{Bare, Scratch, in_file, in_memory, leaf, map, some_leaf, tree};
use dm_tree::{NodeUri, Tree};

const READS: u32 = 1000;

fn main() {
    let arguments: Vec<u32> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("a number"))
        .collect();
    let [nodes, turns] = *arguments else {
        eprintln!("usage: read-rate NODES TURNS");
        std::process::exit(2);
    };
    {
        let (tree, map) = (in_memory(nodes), map(nodes));
        let mut times = [const { Vec::new() }; 4];
        for turn in 0..turns {
            let paths = paths(turn, nodes);
            let [lent, node, borrowed, cloned] = &mut times;
            lent.push(timed(&paths, |path| lend(&tree, path)));
            borrowed.push(timed(&paths, |path| map[path].len()));
            node.push(timed(&paths, |path| hand_out(&tree, path)));
            cloned.push(timed(&paths, |path| black_box(map[path].clone()).len()));
        }
        let [lent, node, borrowed, cloned] = times.map(median);
        println!("{nodes} nodes, {turns} turns");
        compare("memory, value lent", lent, "HashMap, lent", borrowed);
        compare("memory, node", node, "HashMap, cloned", cloned);
    }
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let tree = tree(Box::new(in_file(&scratch, nodes)));
    let bare = Bare::new(&other, nodes);
    let table = bare.table();
    let get = |path: &str| {
        let value = table.get(path.as_bytes()).expect("it can be read");
        black_box(value.expect("it is there").value().to_vec()).len()
    };
    let mut times = [const { Vec::new() }; 3];
    for turn in 0..turns {
        let paths = paths(turn, nodes);
        let [value, node, alone] = &mut times;
        value.push(timed(&paths, |path| lend(&tree, path)));
        alone.push(timed(&paths, get));
        node.push(timed(&paths, |path| hand_out(&tree, path)));
    }
    let [value, node, alone] = times.map(median);
    compare("redb, value", value, "redb alone", alone);
    compare("redb, node", node, "redb alone", alone);
}

fn lend(tree: &Tree, path: &str) -> usize {
    let uri = NodeUri::parse(path).expect("it is one");
    tree.view().value(&uri).expect("it is there").len()
}

fn hand_out(tree: &Tree, path: &str) -> usize {
    let uri = NodeUri::parse(path).expect("it is one");
    let node = tree.view().node(&uri).expect("it is there");
    black_box(node).value.len()
}

fn paths(turn: u32, nodes: u32) -> Vec<String> {
    let first = turn.wrapping_mul(READS);
    let turns = first..first.saturating_add(READS);
    turns.map(|turn| leaf(some_leaf(turn, nodes))).collect()
}

fn timed(paths: &[String], mut read: impl FnMut(&str) -> usize) -> Duration {
    let start = Instant::now();
    for path in paths {
        assert!(read(black_box(path)) > 0);
    }
    start.elapsed() / READS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn compare(what: &str, ours: Duration, other: &str, others: Duration) {
    println!(
        "{what}: {} ns; {other}: {} ns; {:.2} times",
        ours.as_nanos(),
        others.as_nanos(),
        ours.as_secs_f64() / others.as_secs_f64(),
    );
}
