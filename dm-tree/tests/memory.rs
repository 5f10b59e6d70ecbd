//! How much memory the store in memory takes. A binary of its own, since the allocator counts for the
//! whole process.

use dm_tree::{
    Node, NodeFormat, NodeUri,
    store::{Batch, Memory, Store},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Ten leaves in each folder, a hundred folders in each group.
fn path(number: u32) -> [String; 4] {
    let group = format!("./Inventory/Group-{}", number / 1000);
    let folder = format!("{group}/Component-{}", number / 10);
    let leaf = format!("{folder}/Property-{}", number % 10);
    ["./Inventory".into(), group, folder, leaf]
}

#[test]
fn a_node_takes_at_most_160_octets_beside_its_name_and_value() {
    const LEAVES: u32 = 120_000;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut store = Memory::new();
    let mut nodes = 0;
    let mut payload = 0;
    let mut numbers = (0..LEAVES).peekable();
    while numbers.peek().is_some() {
        let mut batch = Batch::default();
        for number in numbers.by_ref().take(200) {
            for (level, path) in path(number).iter().enumerate() {
                let uri = NodeUri::parse(path).unwrap();
                let node = match level {
                    3 => Node::leaf(NodeFormat::Chr, format!("value number {number}")),
                    _ => Node::interior(""),
                };
                if batch.nodes.contains_key(&uri) || store.node(&uri).unwrap().is_some() {
                    continue;
                }
                nodes += 1;
                payload += uri.name().len() + node.value.len();
                batch.nodes.insert(uri, Some(node));
            }
        }
        store.commit(batch).unwrap();
    }
    let each = |octets: usize| octets.saturating_sub(before + payload) / nodes;
    let (kept, peak) = (
        each(ALLOCATOR.current_usage()),
        each(ALLOCATOR.peak_usage()),
    );
    println!("{nodes} nodes: {kept} octets each, {peak} at most on the way");
    assert!(kept <= 160, "{kept}");
    // Nothing doubles on the way: a vector of all nodes would take half as much again.
    assert!(peak <= 160, "{peak}");
    // Reading does not make it grow.
    for number in 0..LEAVES {
        let uri = NodeUri::parse(&path(number)[3]).unwrap();
        assert!(store.node(&uri).unwrap().is_some());
    }
    assert_eq!(each(ALLOCATOR.current_usage()), kept);
}
