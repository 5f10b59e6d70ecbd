//! Trees of a given size, and what they are measured against.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use dm_proto::{
    StatusCode,
    message::{Item, Meta},
    session::{Execute, Origin, Verb},
};
use dm_tree::{
    Acl, Node, NodeFormat, NodeUri, Transaction, Tree,
    description::NodeDescription,
    object::ManagementObject,
    store::{Batch, Kind, Memory, Redb, Store},
    tnds::{Tnds, TndsNode},
};
use redb::{Database, TableDefinition};

/// The server that everything is asked by.
pub const SERVER: &str = "dm.example.com";
/// The root of the nodes that are counted.
pub const ROOT: &str = "./Inventory";
/// A leaf ten segments below the root of the tree; the ACL that counts is nine segments above it.
pub const DEEP: &str = "./Inventory/Ext/D2/D3/D4/D5/D6/D7/D8/Leaf";

/// Leaves of a folder.
const LEAVES: u32 = 10;
/// Folders of a group.
const FOLDERS: u32 = 100;

/// The URI of a leaf. Every one is as deep as the other, whatever the size of the tree, and about 45
/// octets long: the inventory of a device.
#[must_use]
pub fn leaf(number: u32) -> String {
    format!("{}/Property-{}", folder(number / LEAVES), number % LEAVES)
}

/// The URI of a folder of ten leaves.
#[must_use]
pub fn folder(number: u32) -> String {
    format!(
        "{ROOT}/Group-{:03}/Component-{:06}",
        number / FOLDERS,
        number
    )
}

/// The value of a leaf, about 20 octets.
#[must_use]
pub fn value(number: u32) -> String {
    format!("{number}.17.4 (build 17)")
}

/// A number of a leaf of a tree with `nodes` nodes that is as good as random, the next one for each
/// `turn`.
#[must_use]
pub fn some_leaf(turn: u32, nodes: u32) -> u32 {
    let spread = u64::from(turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    u32::try_from(spread % u64::from(nodes_to_leaves(nodes))).unwrap_or(0)
}

/// How many of the nodes are leaves.
#[must_use]
pub fn nodes_to_leaves(nodes: u32) -> u32 {
    nodes / (LEAVES + 1) * LEAVES
}

/// Fills a store with about `nodes` nodes, in batches of a thousand.
pub fn fill(store: &mut dyn Store, nodes: u32) {
    let put = |batch: &mut Batch, uri: &str, node: Node| {
        let uri = NodeUri::parse(uri).expect("it is one");
        batch.nodes.insert(uri, Some(node));
    };
    let mut batch = Batch::default();
    put(
        &mut batch,
        ".",
        Node::interior("").with_acl(Acl::parse("Add=*&Get=*").expect("it is one")),
    );
    put(
        &mut batch,
        ROOT,
        Node::interior("urn:example:inventory:1.0").with_acl(Acl::all([SERVER])),
    );
    for (end, _) in DEEP.match_indices('/').skip(2) {
        put(&mut batch, &DEEP[..end], Node::interior(""));
    }
    put(&mut batch, DEEP, Node::leaf(NodeFormat::Chr, "deep"));
    for number in 0..nodes_to_leaves(nodes) / LEAVES {
        let folder = folder(number);
        if number % FOLDERS == 0 {
            let group = folder.rsplit_once('/').expect("it has a parent").0;
            put(&mut batch, group, Node::interior(""));
        }
        put(&mut batch, &folder, Node::interior(""));
        for leaf_number in number * LEAVES..(number + 1) * LEAVES {
            let node = Node::leaf(NodeFormat::Chr, value(leaf_number));
            put(&mut batch, &leaf(leaf_number), node);
        }
        if batch.nodes.len() > 1000 {
            store
                .commit(core::mem::take(&mut batch))
                .expect("it has room");
        }
    }
    store.commit(batch).expect("it has room");
}

/// A tree on a store that is filled.
#[must_use]
pub fn tree(store: Box<dyn Store>) -> Tree {
    struct Open(NodeDescription);
    impl ManagementObject for Open {
        fn description(&self) -> &NodeDescription {
            &self.0
        }
    }
    let mut tree = Tree::new(store);
    let description = NodeDescription::interior("Inventory").open();
    let root = NodeUri::parse(ROOT).expect("it is one");
    tree.mount(root, Box::new(Open(description)))
        .expect("it is there");
    tree
}

/// A tree in memory.
#[must_use]
pub fn in_memory(nodes: u32) -> Tree {
    let mut store = Memory::new();
    fill(&mut store, nodes);
    tree(Box::new(store))
}

/// The yardstick in memory: path to value.
#[must_use]
pub fn map(nodes: u32) -> HashMap<String, Vec<u8>> {
    (0..nodes_to_leaves(nodes))
        .map(|number| (leaf(number), value(number).into_bytes()))
        .collect()
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A name that nobody else has, below `DM_BENCH_DIR` or the folder for temporary files.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dm-bench-{}-{number}.redb", std::process::id());
        let folder =
            std::env::var_os("DM_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        Self(folder.join(name))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A store in a file.
///
/// # Panics
///
/// If the file cannot be written.
#[must_use]
pub fn in_file(scratch: &Scratch, nodes: u32) -> Redb {
    let mut store = Redb::open(scratch.path()).expect("it can be written");
    fill(&mut store, nodes);
    store
}

/// The yardstick in a file: the same octets in the same database without anything of ours. Keys and
/// values have the lengths of those of [`Redb`].
#[derive(Debug)]
pub struct Bare(Database);

const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");
const RECORDS: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("records");

impl Bare {
    /// Fills a file.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    #[must_use]
    pub fn new(scratch: &Scratch, nodes: u32) -> Self {
        let database = Database::create(scratch.path()).expect("it can be written");
        let write = database.begin_write().expect("nobody else writes");
        {
            let mut table = write.open_table(NODES).expect("it can be made");
            write.open_table(RECORDS).expect("it can be made");
            for number in 0..nodes_to_leaves(nodes) {
                let value = Self::value(number);
                table
                    .insert(leaf(number).as_bytes(), &*value)
                    .expect("it has room");
            }
        }
        write.commit().expect("it has room");
        Self(database)
    }

    /// What is stored for a leaf: its value, and as many octets again as its properties take.
    #[must_use]
    pub fn value(number: u32) -> Vec<u8> {
        let mut stored = vec![0; 18];
        stored.extend_from_slice(value(number).as_bytes());
        stored
    }

    /// Reads with the table open already.
    ///
    /// # Panics
    ///
    /// If the file cannot be read.
    #[must_use]
    pub fn table(&self) -> redb::ReadOnlyTable<&'static [u8], &'static [u8]> {
        use redb::ReadableDatabase;
        let read = self.0.begin_read().expect("it can be read");
        read.open_table(NODES).expect("it was made")
    }

    /// Writes a leaf and two records in one commit.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn replace(&self, number: u32, session: &[u8], message: &[u8]) {
        let write = self.0.begin_write().expect("nobody else writes");
        {
            let mut table = write.open_table(NODES).expect("it was made");
            let value = Self::value(number);
            table
                .insert(leaf(number).as_bytes(), &*value)
                .expect("it has room");
            let mut records = write.open_table(RECORDS).expect("it was made");
            records.insert((1, 0), session).expect("it has room");
            records.insert((2, 0), message).expect("it has room");
        }
        write.commit().expect("it has room");
    }
}

/// Replaces a leaf as a server's command does, with a session and a message in the same commit.
///
/// # Panics
///
/// If the tree refuses.
pub fn replace(tree: &mut Tree, command: &Execute, records: Option<(&[u8], &[u8])>) {
    let mut transaction = tree.begin(1_000_000);
    run(&mut transaction, command);
    if let Some((session, message)) = records {
        transaction.put(Kind::Session, 0, Some(session.to_vec()));
        transaction.put(Kind::LastSent, 0, Some(message.to_vec()));
    }
    transaction.commit().expect("it has room");
}

/// Runs a command that succeeds, and says how many results there are.
///
/// # Panics
///
/// If it does not.
pub fn run(transaction: &mut Transaction<'_>, command: &Execute) -> usize {
    let answer = transaction.execute(SERVER, command);
    assert_eq!(answer.status, StatusCode::OK);
    answer.results.len()
}

/// A serialized subtree of about a thousand nodes, as a server reads it, and the command that puts it in
/// the place of what is there.
///
/// # Panics
///
/// If the tree refuses.
#[must_use]
pub fn tnds(tree: &mut Tree) -> (Execute, Execute) {
    let group = format!("{ROOT}/Group-000");
    let read = command(Verb::Get, &format!("{group}?list=TNDS"), None);
    let mut answer = tree.begin(0).execute(SERVER, &read);
    assert_eq!(answer.status, StatusCode::OK);
    let document = answer.results.pop().expect("it is one item");
    let mut write = command(Verb::Replace, &group, None);
    write.item.meta = document.meta;
    write.item.data = document.data;
    (read, write)
}

/// The same nodes as of a tree of about `nodes`, serialized, in one document.
#[must_use]
pub fn document(nodes: u32) -> Tnds {
    let mut tnds = Tnds::default();
    tnds.push(TndsNode::interior(0, "Inventory", ""));
    for number in 0..nodes_to_leaves(nodes) / LEAVES {
        let name = format!("Component-{number:06}");
        tnds.push(TndsNode::interior(1, name, ""));
        for leaf in 0..LEAVES {
            let value = value(number * LEAVES + leaf);
            let name = format!("Property-{leaf}");
            tnds.push(TndsNode::leaf(2, name, NodeFormat::Chr, value));
        }
    }
    tnds
}

/// A command on a node.
#[must_use]
pub fn command(verb: Verb, uri: &str, value: Option<&str>) -> Execute {
    let origin = Origin {
        session_id: "1".into(),
        msg_id: 1.into(),
        cmd_id: 1.into(),
        item: 0,
    };
    let mut item = Item::for_target(uri);
    if let Some(value) = value {
        item = item.with_meta(Meta::format("chr")).with_data(value);
    }
    Execute::new(origin, verb, item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_about_as_many_nodes_as_asked_for() {
        let mut tree = in_memory(1000);
        let mut transaction = tree.begin(0);
        let all = command(Verb::Get, "./Inventory?list=StructData", None);
        let nodes = run(&mut transaction, &all);
        assert!((900..1100).contains(&nodes), "{nodes}");
        let leaf = leaf(some_leaf(17, 1000));
        assert_eq!(run(&mut transaction, &command(Verb::Get, &leaf, None)), 1);
        assert_eq!(run(&mut transaction, &command(Verb::Get, DEEP, None)), 1);
        drop(transaction);
        let (read, write) = tnds(&mut tree);
        let mut transaction = tree.begin(0);
        assert_eq!(run(&mut transaction, &write), 0);
        assert_eq!(run(&mut transaction, &read), 1);
    }

    #[test]
    fn the_yardstick_stores_as_many_octets_as_a_node_takes() {
        let node = Node::leaf(NodeFormat::Chr, value(7));
        let scratch = Scratch::new();
        let mut store = Redb::open(scratch.path()).expect("it can be written");
        let mut batch = Batch::default();
        batch
            .nodes
            .insert(NodeUri::parse(&leaf(7)).expect("it is one"), Some(node));
        store.commit(batch).expect("it has room");
        drop(store);
        let database = Database::open(scratch.path()).expect("it was written");
        let read = redb::ReadableDatabase::begin_read(&database).expect("it can be read");
        let table = TableDefinition::<&[u8], &[u8]>::new("dm-tree");
        let table = read.open_table(table).expect("it was made");
        let (key, stored) = redb::ReadableTable::first(&table)
            .expect("it can be read")
            .expect("it has an entry");
        assert_eq!(key.value().len(), leaf(7).len());
        assert_eq!(stored.value().len(), Bare::value(7).len());
    }
}
