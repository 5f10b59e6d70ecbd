//! Files that earlier versions wrote are read, and the device goes on where it was.

use std::{collections::BTreeSet, fs, path::PathBuf};

use dm_tree::{
    Node, NodeUri,
    store::{Memory, Redb, Store},
};

use crate::support::{GO, Script, Setting, exec, told};

const OTHER: &str = "./Lock/Operations/Other";

/// A device with two jobs, the first of them started, killed at that point.
fn half_way(store: impl Store + 'static) -> Setting {
    let batches = vec![vec![exec(GO, Some("1")), exec(OTHER, Some("2"))]];
    let mut setting = Setting::new(store, Script::Accept, batches);
    setting.fail_next_run();
    setting
}

/// A copy, since opening it may change it.
fn copy_of(name: &str) -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/store")
        .join(name);
    let copy = std::env::temp_dir().join(format!("dm-tree-{}-{name}", std::process::id()));
    fs::copy(source, &copy).unwrap();
    copy
}

fn nodes(store: &dyn Store) -> Vec<(NodeUri, Node)> {
    let mut nodes = Vec::new();
    let mut pending = vec![NodeUri::ROOT];
    while let Some(uri) = pending.pop() {
        store
            .children(&uri, &mut |name| pending.push(uri.child(&name).unwrap()))
            .unwrap();
        let node = store.node(&uri).unwrap().unwrap();
        nodes.push((uri, node));
    }
    nodes
}

fn goes_on(name: &str) {
    let path = copy_of(name);
    for opening in 0..2 {
        let store = Redb::open(&path).unwrap();
        let expected = half_way(Memory::new());
        assert_eq!(nodes(&store), nodes(&expected.store), "opening {opening}");
    }
    let store = Redb::open(&path).unwrap();
    let mut setting = Setting::new(store, Script::Accept, Vec::new());
    setting.is_wanted = false;
    setting.run();
    assert_eq!(setting.world().starts, [(true, 0), (false, 0)]);
    // The server does not know the session that is left, so the reports come once more in another.
    let reports: BTreeSet<_> = setting.manager().reports.iter().map(told).collect();
    let expected = ["1", "2"].map(|correlator| (Some(correlator), "1200", "int"));
    assert_eq!(reports, BTreeSet::from(expected));
    drop(setting);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_device_goes_on_with_a_file_of_format_1() {
    goes_on("format-1.redb");
}

#[test]
fn a_device_goes_on_with_a_file_of_format_2() {
    goes_on("format-2.redb");
}

/// Made once for each format, and then committed: `DM_FIXTURE=testdata/store/format-N.redb cargo test
/// -p dm-tree --test it write_the_file -- --ignored`.
#[test]
#[ignore = "writes the file of this version"]
fn write_the_file_of_this_version() {
    let path = std::env::var("DM_FIXTURE").unwrap();
    half_way(Redb::open(path).unwrap());
}
