//! Runs one operation of the tree many times, for callgrind to count:
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' \
//!     target/release/tree-instructions memory get 1000000 10000
//! ```
//!
//! Store: `memory`, `redb`, `map` (`get` and `get-copied`), `bare` (`get` and `replace`). Operation: `get` (the value is
//! lent), `get-node`, `get-parsed`, `get-command`, `replace`, `children` (of folders of ten), `acl`, `struct`, `tnds-out` and
//! `tnds-in` (of a thousand nodes). With the store `document`, `write` and `read` of a serialized subtree of as many nodes, for
//! which no command has room. The total divided by the
//! last argument is what one of them takes.

use core::hint::black_box;

use dm_benches::tree::{
    Bare, DEEP, ROOT, SERVER, Scratch, command, document, folder, in_file, in_memory, leaf, map,
    replace, run, some_leaf, tnds, tree, value,
};
use dm_proto::{codec::Encoding, session::Verb};
use dm_tree::{NodeUri, Right, Tree, tnds::Tnds};

const RECORDS: (&[u8], &[u8]) = (&[0x5A; 1000], &[0xA5; 600]);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, operation, nodes, times] = &*arguments else {
        eprintln!("usage: tree-instructions STORE OPERATION NODES TIMES");
        std::process::exit(2);
    };
    let nodes: u32 = nodes.parse().expect("a number of nodes");
    let times: u32 = times.parse().expect("a number of times");
    let scratch = Scratch::new();
    match store.as_str() {
        "map" => {
            let map = map(nodes);
            repeat(times, |turn| {
                let path = leaf(some_leaf(turn, nodes));
                if operation == "get" {
                    measured(|| assert!(!map[black_box(&path)].is_empty()));
                } else {
                    measured(|| drop(black_box(map[black_box(&path)].clone())));
                }
            });
        }
        "bare" => {
            let bare = Bare::new(&scratch, nodes);
            if operation == "get" {
                let table = bare.table();
                repeat(times, |turn| {
                    let path = leaf(some_leaf(turn, nodes));
                    measured(|| {
                        let value = table.get(path.as_bytes()).expect("it can be read");
                        drop(black_box(value.expect("it is there").value().to_vec()));
                    });
                });
            } else {
                repeat(times, |turn| {
                    measured(|| bare.replace(some_leaf(turn, nodes), RECORDS.0, RECORDS.1));
                });
            }
        }
        "document" => {
            let tnds = document(nodes);
            let octets = tnds.write(Encoding::Xml).expect("it can be written");
            let limits = Tnds::limits()
                .with_message_size(octets.len())
                .with_memory(usize::MAX);
            repeat(times, |_| {
                if operation == "write" {
                    measured(|| drop(black_box(tnds.write(Encoding::Xml))));
                } else {
                    let read = || Tnds::read(Encoding::Xml, black_box(&octets), &limits);
                    measured(|| assert!(read().is_ok_and(|read| read.nodes().len() > 1)));
                }
            });
        }
        "memory" => measure(&mut in_memory(nodes), operation, nodes, times, false),
        _ => {
            let mut tree = tree(Box::new(in_file(&scratch, nodes)));
            measure(&mut tree, operation, nodes, times, true);
        }
    }
}

fn measure(tree: &mut Tree, operation: &str, nodes: u32, times: u32, is_durable: bool) {
    let uri = |text: &str| NodeUri::parse(text).expect("it is one");
    let (read, write) = tnds(tree);
    repeat(times, |turn| {
        let number = some_leaf(turn, nodes);
        let path = leaf(number);
        match operation {
            "tnds-out" => measured(|| assert_eq!(run(&mut tree.begin(0), &read), 1)),
            "tnds-in" => measured(|| assert_eq!(run(&mut tree.begin(0), &write), 0)),
            "get" => measured(|| {
                let value = tree.view().value(&uri(black_box(&path)));
                assert!(!value.expect("it is there").is_empty());
            }),
            "get-node" => measured(|| {
                drop(black_box(
                    tree.view().node(&uri(&path)).expect("it is there"),
                ));
            }),
            "get-parsed" => {
                let uri = uri(&path);
                measured(|| {
                    let value = tree.view().value(black_box(&uri));
                    assert!(!value.expect("it is there").is_empty());
                });
            }
            "get-command" => {
                let get = command(Verb::Get, &path, None);
                measured(|| assert_eq!(run(&mut tree.begin(0), &get), 1));
            }
            "replace" => {
                let records = is_durable.then_some(RECORDS);
                let command = command(Verb::Replace, &path, Some(&value(number)));
                measured(|| replace(tree, &command, records));
            }
            "children" => {
                let uri = uri(&folder(number / 10));
                measured(|| {
                    assert_eq!(tree.view().children(&uri).map(|names| names.len()), Ok(10))
                });
            }
            "acl" => {
                let uri = uri(DEEP);
                measured(|| {
                    let acl = tree.view().effective_acl(&uri).expect("it is there");
                    assert!(acl.allows(Right::Get, SERVER));
                });
            }
            "struct" => {
                let all = command(Verb::Get, &format!("{ROOT}?list=StructData"), None);
                measured(|| assert!(run(&mut tree.begin(0), &all) > nodes as usize * 9 / 10));
            }
            other => panic!("no operation {other:?}"),
        }
    });
}

fn repeat(times: u32, each: impl FnMut(u32)) {
    (0..times).for_each(each);
}

/// What callgrind counts.
#[inline(never)]
fn measured(operation: impl FnOnce()) {
    operation();
}
