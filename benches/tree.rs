//! The tree at 10^3 and 10^5 nodes, and at 10^6 where `DM_BENCH_LARGE` is set, in memory and in a
//! redb file, beside a `HashMap` of paths and beside redb alone.

use core::hint::black_box;
use std::time::Instant;

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use dm_benches::tree::{
    Bare, DEEP, ROOT, SERVER, Scratch, command, folder, in_file, in_memory, leaf, map,
    nodes_to_leaves, replace, run, some_leaf, tnds, tree, value,
};
use dm_proto::session::Verb;
use dm_tree::{NodeUri, Right, Tree, store::Redb};
use redb::Database;

/// About as long as a saved session, and a message with a status.
const RECORDS: (&[u8], &[u8]) = (&[0x5A; 1000], &[0xA5; 600]);

fn sizes() -> Vec<u32> {
    let mut sizes = vec![1_000, 100_000];
    if std::env::var_os("DM_BENCH_LARGE").is_some() {
        sizes.push(1_000_000);
    }
    sizes
}

/// Paths of leaves in no order.
fn paths(nodes: u32) -> impl Iterator<Item = String> {
    (0..4096).map(move |turn| leaf(some_leaf(turn, nodes)))
}

/// A number that is new at each call.
fn turns() -> impl FnMut() -> u32 {
    let mut turn = 0_u32;
    move || {
        turn = turn.wrapping_add(1);
        turn
    }
}

/// What is measured of every tree.
fn bench_reads(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, tree: &mut Tree, nodes: u32) {
    let mut turn = turns();
    let leaves: Vec<String> = paths(nodes).collect();
    let mut next = leaves.iter().cycle();
    group.bench_function(format!("get/{name}/{nodes}"), |bencher| {
        bencher.iter(|| {
            let path = next.next().expect("it goes round");
            let uri = NodeUri::parse(black_box(path)).expect("it is one");
            let value = tree.view().value(&uri).expect("it is there");
            assert!(!value.is_empty());
            value.len()
        });
    });
    let mut next = leaves.iter().cycle();
    group.bench_function(format!("get-node/{name}/{nodes}"), |bencher| {
        bencher.iter(|| {
            let path = next.next().expect("it goes round");
            let uri = NodeUri::parse(black_box(path)).expect("it is one");
            let node = tree.view().node(&uri).expect("it is there");
            assert!(!node.value.is_empty());
            node
        });
    });
    let uris = leaves.iter().map(|path| NodeUri::parse(path));
    let uris: Vec<NodeUri> = uris.map(|uri| uri.expect("it is one")).collect();
    let mut next = uris.iter().cycle();
    group.bench_function(format!("get-parsed/{name}/{nodes}"), |bencher| {
        bencher.iter(|| {
            let uri = next.next().expect("it goes round");
            let value = tree.view().value(black_box(uri)).expect("it is there");
            assert!(!value.is_empty());
            value.len()
        });
    });
    group.bench_function(format!("get-command/{name}/{nodes}"), |bencher| {
        bencher.iter_batched(
            || command(Verb::Get, &leaf(some_leaf(turn(), nodes)), None),
            |command| assert_eq!(run(&mut tree.begin(0), &command), 1),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(10));
    group.bench_function(format!("children/{name}/{nodes}"), |bencher| {
        bencher.iter_batched(
            || NodeUri::parse(&folder(some_leaf(turn(), nodes) / 10)).expect("it is one"),
            |uri| assert_eq!(tree.view().children(&uri).expect("it is there").len(), 10),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(1));
    let deep = NodeUri::parse(DEEP).expect("it is one");
    group.bench_function(format!("acl-at-depth-10/{name}/{nodes}"), |bencher| {
        bencher.iter(|| {
            let acl = tree.view().effective_acl(black_box(&deep));
            assert!(acl.expect("it is there").allows(Right::Get, SERVER));
        });
    });
    let (read, write) = tnds(tree);
    group.bench_function(format!("tnds-out/{name}/{nodes}"), |bencher| {
        bencher.iter(|| assert_eq!(run(&mut tree.begin(0), &read), 1));
    });
    // Without the commit: how many nodes there are to write is another matter.
    group.bench_function(format!("tnds-in/{name}/{nodes}"), |bencher| {
        bencher.iter(|| assert_eq!(run(&mut tree.begin(0), &write), 0));
    });
    let all = command(Verb::Get, &format!("{ROOT}?list=StructData"), None);
    group.throughput(Throughput::Elements(u64::from(nodes)));
    group.sample_size(10);
    group.bench_function(format!("struct-data/{name}/{nodes}"), |bencher| {
        bencher.iter(|| {
            let results = run(&mut tree.begin(0), &all);
            assert!(results > nodes as usize * 9 / 10);
        });
    });
    group.throughput(Throughput::Elements(1));
    group.sample_size(100);
}

fn bench_memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    for nodes in sizes() {
        let map = map(nodes);
        let leaves: Vec<String> = paths(nodes).collect();
        let mut next = leaves.iter().cycle();
        group.bench_function(format!("get/hash-map/{nodes}"), |bencher| {
            bencher.iter(|| {
                let path = next.next().expect("it goes round");
                let value = map.get(black_box(path)).expect("it is there");
                assert!(!value.is_empty());
                value
            });
        });
        // What a node costs beside it, which is handed out and not lent.
        group.bench_function(format!("get-copied/hash-map/{nodes}"), |bencher| {
            bencher.iter(|| {
                let path = next.next().expect("it goes round");
                let value = map.get(black_box(path)).expect("it is there");
                assert!(!value.is_empty());
                value.clone()
            });
        });
        drop(map);
        let mut tree = in_memory(nodes);
        bench_reads(&mut group, "memory", &mut tree, nodes);
        let mut turn = turns();
        group.bench_function(format!("replace/memory/{nodes}"), |bencher| {
            bencher.iter_batched(
                || {
                    let number = some_leaf(turn(), nodes);
                    command(Verb::Replace, &leaf(number), Some(&value(number)))
                },
                |command| replace(&mut tree, &command, None),
                BatchSize::SmallInput,
            );
        });
    }
}

fn bench_redb(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    for nodes in sizes() {
        let scratch = Scratch::new();
        let bare = Bare::new(&scratch, nodes);
        let table = bare.table();
        let leaves: Vec<String> = paths(nodes).collect();
        let mut next = leaves.iter().cycle();
        group.bench_function(format!("get/bare-redb/{nodes}"), |bencher| {
            bencher.iter(|| {
                let path = next.next().expect("it goes round");
                let value = table.get(path.as_bytes()).expect("it can be read");
                value.expect("it is there").value().to_vec()
            });
        });
        drop(table);
        let mut turn = turns();
        group.bench_function(format!("replace/bare-redb/{nodes}"), |bencher| {
            bencher.iter(|| bare.replace(some_leaf(turn(), nodes), RECORDS.0, RECORDS.1));
        });
        drop((bare, scratch));

        let scratch = Scratch::new();
        let mut tree = tree(Box::new(in_file(&scratch, nodes)));
        bench_reads(&mut group, "redb", &mut tree, nodes);
        let mut turn = turns();
        group.bench_function(format!("replace/redb/{nodes}"), |bencher| {
            bencher.iter_batched(
                || {
                    let number = some_leaf(turn(), nodes);
                    command(Verb::Replace, &leaf(number), Some(&value(number)))
                },
                |command| replace(&mut tree, &command, Some(RECORDS)),
                BatchSize::SmallInput,
            );
        });
        drop(tree);
        bench_open(&mut group, &scratch, nodes);
    }
}

/// Opening a file that was closed, beside the same by redb alone. The first node is read.
fn bench_open(group: &mut BenchmarkGroup<'_, WallTime>, scratch: &Scratch, nodes: u32) {
    let uri = NodeUri::parse(&leaf(nodes_to_leaves(nodes) / 2)).expect("it is one");
    group.sample_size(10);
    group.bench_function(format!("open/bare-redb/{nodes}"), |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                Database::open(scratch.path()).expect("it is one");
            }
            start.elapsed()
        });
    });
    group.bench_function(format!("open/redb/{nodes}"), |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                let tree = tree(Box::new(Redb::open(scratch.path()).expect("it is one")));
                assert!(tree.view().exists(&uri));
            }
            start.elapsed()
        });
    });
    group.sample_size(100);
}

criterion_group!(benches, bench_memory, bench_redb);
criterion_main!(benches);
