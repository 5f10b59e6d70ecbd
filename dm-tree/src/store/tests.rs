//! One suite for every store.

use super::*;
use crate::NodeFormat;

fn uri(uri: &str) -> NodeUri {
    NodeUri::parse(uri).unwrap()
}

fn node(value: &'static str) -> Node {
    Node::leaf(NodeFormat::Chr, value)
}

fn set(uris: &[&str]) -> Batch {
    let mut batch = Batch::default();
    for each in uris {
        batch.nodes.insert(uri(each), Some(node("v")));
    }
    batch
}

fn children(store: &dyn Store, of: &str) -> Vec<String> {
    let mut names = Vec::new();
    store
        .children(&uri(of), &mut |name| names.push(name.to_string()))
        .unwrap();
    names
}

fn nodes_are_read_as_they_were_committed(store: &mut dyn Store) {
    let mut set = Batch::default();
    let mut stored = node("value").with_title("t").with_acl(Acl::all(["s"]));
    stored.tstamp = 7;
    stored.ver_no = 0xFFFF;
    set.nodes.insert(uri("./A"), Some(stored.clone()));
    set.nodes.insert(NodeUri::ROOT, Some(Node::interior("")));
    store.commit(set).unwrap();
    assert_eq!(store.node(&uri("./A")).unwrap(), Some(stored));
    assert_eq!(
        store.node(&NodeUri::ROOT).unwrap(),
        Some(Node::interior(""))
    );
    assert_eq!(store.node(&uri("./B")).unwrap(), None);
    let value = store.value(&uri("./A")).unwrap();
    assert_eq!(value.as_deref(), Some(&b"value"[..]));
    assert_eq!(store.value(&NodeUri::ROOT).unwrap(), None);
    assert_eq!(store.value(&uri("./B")).unwrap(), None);
    let mut unset = Batch::default();
    unset.nodes.insert(uri("./A"), None);
    unset.nodes.insert(uri("./never"), None);
    store.commit(unset).unwrap();
    assert_eq!(store.node(&uri("./A")).unwrap(), None);
}

fn children_are_listed_without_their_own_and_in_order(store: &mut dyn Store) {
    store
        .commit(set(&[
            ".", "./A", "./A/c", "./A/b", "./A/b/x", "./A/b-c", "./A/b!/y", "./A-", "./A-/z",
            "./AA",
        ]))
        .unwrap();
    assert_eq!(children(store, "."), ["A", "A-", "AA"]);
    assert_eq!(children(store, "./A"), ["b", "b-c", "c"]);
    assert_eq!(children(store, "./A/b"), ["x"]);
    assert!(children(store, "./A/c").is_empty());
    assert!(children(store, "./none").is_empty());
}

fn entries_are_the_children_with_their_nodes(store: &mut dyn Store) {
    store
        .commit(set(&[".", "./A", "./A/c", "./A/b", "./A/b/x", "./A/d!/y"]))
        .unwrap();
    let mut entries = Vec::new();
    store
        .entries(&uri("./A"), &mut |name, node| {
            entries.push((name.to_string(), node));
        })
        .unwrap();
    let expected = ["b", "c"].map(|name| (name.to_owned(), node("v")));
    assert_eq!(entries, expected);
}

fn the_acl_that_counts_is_the_nearest(store: &mut dyn Store) {
    let acl = |server: &str| Acl::all([server]);
    let mut batch = set(&["./A/b", "./A/b/c", "./A/b/c/d", "./B", "./N/x"]);
    let root = Node::interior("").with_acl(acl("root"));
    batch.nodes.insert(NodeUri::ROOT, Some(root));
    let a = Node::interior("").with_acl(acl("a"));
    batch.nodes.insert(uri("./A"), Some(a));
    let c = node("a value that is longer than the others").with_acl(acl("c"));
    batch.nodes.insert(uri("./A/b/c"), Some(c));
    store.commit(batch).unwrap();
    for (at, expected) in [
        (".", Some("root")),
        ("./B", Some("root")),
        ("./A", Some("a")),
        ("./A/b", Some("a")),
        ("./A/b/c", Some("c")),
        ("./A/b/c/d", Some("c")),
        // Its parent is missing.
        ("./N/x", None),
        ("./none", None),
    ] {
        let met = store.effective_acl(&uri(at)).unwrap();
        assert_eq!(met, expected.map(acl), "{at}");
    }
    store.clear().unwrap();
    store.commit(set(&[".", "./A"])).unwrap();
    let none = store.effective_acl(&uri("./A")).unwrap();
    assert_eq!(none, Some(Acl::default()));
}

fn a_store_may_be_read_while_it_is_read(store: &mut dyn Store) {
    store.commit(set(&[".", "./A", "./B"])).unwrap();
    let mut met = Vec::new();
    store
        .children(&NodeUri::ROOT, &mut |name| {
            let child = NodeUri::ROOT.child_named(&name);
            met.push(store.node(&child).unwrap().is_some());
        })
        .unwrap();
    assert_eq!(met, [true, true]);
}

/// The same as a map, whatever is set and removed in whatever order.
fn a_store_is_a_sorted_map(store: &mut dyn Store) {
    let mut known = BTreeMap::new();
    let mut random = 7_u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..40 {
        let mut batch = Batch::default();
        for _ in 0..60 {
            let depth = 1 + draw(4);
            let path = (0..depth).fold("./A".to_owned(), |path, _| format!("{path}/n{}", draw(6)));
            let len = usize::try_from(draw(400)).unwrap();
            let node = Node::leaf(NodeFormat::Chr, "v".repeat(len));
            let node = (draw(3) > 0).then_some(node);
            batch.nodes.insert(uri(&path), node.clone());
            match node {
                Some(node) => known.insert(uri(&path), node),
                None => known.remove(&uri(&path)),
            };
        }
        store.commit(batch).unwrap();
        let mut paths = vec![uri("./A")];
        for level in 0..4 {
            let above = paths.clone();
            for path in above {
                assert_eq!(store.node(&path).unwrap().as_ref(), known.get(&path));
                let names = children(store, path.as_str());
                let expected: Vec<String> = known
                    .keys()
                    .filter(|known| known.parent().as_ref() == Some(&path))
                    .map(|known| known.name().to_owned())
                    .collect();
                assert_eq!(names, expected, "{path} at level {level}");
            }
            paths = paths
                .iter()
                .flat_map(|path| (0..6).map(|n| path.child_named(&format!("n{n}"))))
                .collect();
        }
    }
}

fn records_are_kept_by_kind_and_id(store: &mut dyn Store) {
    let mut batch = Batch::default();
    batch.records.insert((Kind::Job, 2), Some(vec![2]));
    batch.records.insert((Kind::Job, 1), Some(vec![1]));
    batch.records.insert((Kind::Report, 1), Some(Vec::new()));
    store.commit(batch).unwrap();
    assert_eq!(store.record(Kind::Job, 2).unwrap(), Some(vec![2]));
    assert_eq!(store.record(Kind::Session, 2).unwrap(), None);
    assert_eq!(store.record(Kind::Report, 1).unwrap(), Some(Vec::new()));
    let mut batch = Batch::default();
    batch.records.insert((Kind::Job, 2), None);
    store.commit(batch).unwrap();
    let mut jobs = Vec::new();
    store
        .records(Kind::Job, &mut |id, record| jobs.push((id, record)))
        .unwrap();
    assert_eq!(jobs, [(1, vec![1])]);
}

fn clearing_leaves_nothing_and_the_store_goes_on(store: &mut dyn Store) {
    let mut batch = set(&[".", "./A"]);
    batch.records.insert((Kind::Agent, 0), Some(vec![1]));
    store.commit(batch).unwrap();
    store.clear().unwrap();
    assert_eq!(store.node(&uri("./A")).unwrap(), None);
    assert_eq!(store.record(Kind::Agent, 0).unwrap(), None);
    assert!(children(store, ".").is_empty());
    store.commit(set(&["./B"])).unwrap();
    assert_eq!(children(store, "."), ["B"]);
}

macro_rules! suite {
    ($($name:ident)+) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&mut super::Memory::new()); })+
        }

        #[cfg(feature = "redb")]
        mod redb {
            $(#[test] fn $name() { super::$name(&mut super::scratch()); })+
        }
    };
}

suite! {
    nodes_are_read_as_they_were_committed
    children_are_listed_without_their_own_and_in_order
    entries_are_the_children_with_their_nodes
    the_acl_that_counts_is_the_nearest
    a_store_may_be_read_while_it_is_read
    a_store_is_a_sorted_map
    records_are_kept_by_kind_and_id
    clearing_leaves_nothing_and_the_store_goes_on
}

#[cfg(feature = "redb")]
fn scratch() -> Redb {
    let backend = ::redb::backends::InMemoryBackend::new();
    let database = ::redb::Database::builder()
        .create_with_backend(backend)
        .unwrap();
    Redb::with_database(database).unwrap()
}

#[cfg(feature = "redb")]
#[test]
fn a_format_of_another_version_is_refused_as_corrupt() {
    let database = ::redb::Database::builder()
        .create_with_backend(::redb::backends::InMemoryBackend::new())
        .unwrap();
    let write = database.begin_write().unwrap();
    let table = ::redb::TableDefinition::<(), u32>::new("dm-format");
    write.open_table(table).unwrap().insert((), 99).unwrap();
    write.commit().unwrap();
    let error = Redb::with_database(database).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert_eq!(error.to_string(), "storage: corrupt");
}

#[cfg(feature = "redb")]
#[test]
fn a_file_keeps_what_was_committed() {
    let path = std::env::temp_dir().join(format!("dm-tree-store-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    Redb::open(&path).unwrap().commit(set(&["./A"])).unwrap();
    let reopened = Redb::open(&path).unwrap();
    assert_eq!(reopened.node(&uri("./A")).unwrap(), Some(node("v")));
    drop(reopened);
    std::fs::write(&path, "something else, long enough to look at").unwrap();
    let error = Redb::open(&path).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_stored_form_of_another_version_is_corrupt() {
    let mut octets = encode(&node("v")).unwrap();
    assert_eq!(decode::<Node>(&octets).unwrap(), node("v"));
    octets[0] += 1;
    assert_eq!(
        decode::<Node>(&octets).unwrap_err().kind,
        StoreErrorKind::Corrupt
    );
    assert_eq!(
        decode::<Node>(&[]).unwrap_err().kind,
        StoreErrorKind::Corrupt
    );
}
