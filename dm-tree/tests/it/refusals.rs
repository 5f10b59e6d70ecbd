//! What a server, or storage that fails, tries in vain: found by attacking the tree.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use dm_proto::{
    StatusCode, Text,
    message::Item,
    session::{Answer, Verb},
};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, NodeUri, Property, PropertySet, Right, Tree, TreeOptions, View,
    description::{Access, CaseSense, NodeDescription},
    object::ManagementObject,
    std_objects::DmAcc,
    store::{Batch, Kind, Memory, Store, StoreError, StoreErrorKind},
    tnds::{Tnds, TndsNode},
};

use crate::support::{Plain, account, execute, item, uri};

fn all() -> Access {
    Access::GET | Access::REPLACE | Access::DELETE | Access::ADD | Access::COPY
}

fn mounted(store: impl Store + 'static, description: NodeDescription, acl: Acl) -> Tree {
    let mut tree = Tree::new(Box::new(store));
    let nodes = vec![("", Node::interior("").with_acl(acl))];
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    tree
}

fn open() -> NodeDescription {
    NodeDescription::interior("T").access(all()).open()
}

/// A command in a transaction of its own, committed.
fn run(tree: &mut Tree, server: &str, verb: Verb, item: Item) -> Answer {
    let mut transaction = tree.begin(1);
    let answer = execute(&mut transaction, server, verb, item);
    transaction.commit().unwrap();
    answer
}

fn status(tree: &mut Tree, server: &str, verb: Verb, item: Item) -> u16 {
    run(tree, server, verb, item).status.as_u16()
}

/// An item that carries nodes as one document.
fn carrying(target: &str, nodes: Vec<TndsNode>) -> Item {
    let mut document = Tnds::default();
    for node in nodes {
        document.push(node);
    }
    let xml = document.write(dm_proto::codec::Encoding::Xml).unwrap();
    let text = core::str::from_utf8(&xml).unwrap();
    item(target, Some(text), Some(("xml", Tnds::XML)))
}

// ---- storage that fails at reading ------------------------------------------------------------------

/// A store one of whose reads of a node fails: the n-th from now on, for as long as there is one.
struct Moody {
    store: Memory,
    reads: Arc<AtomicU32>,
}

impl Store for Moody {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        let left = self.reads.load(Ordering::Relaxed);
        self.reads.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 {
            return Err(StoreError::new(StoreErrorKind::Io));
        }
        self.store.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.store.children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.store.records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.store.clear()
    }
}

#[test]
fn a_read_that_fails_is_510_and_never_a_node_that_is_missing() {
    let with_data = |target: &str, data: &str| item(target, Some(data), None);
    let mut copy = item("./T/b", None, None);
    copy.source = Some(Item::for_source("./T/a").source.unwrap());
    let document = carrying("./T/a", vec![TndsNode::leaf(0, "", NodeFormat::Chr, "new")]);
    for (verb, item, otherwise) in [
        (Verb::Add, with_data("./T/a", "new"), 418),
        (Verb::Add, document, 418),
        (Verb::Add, with_data("./T/A", "new"), 418),
        (Verb::Replace, with_data("./T/a?prop=Name", "b"), 418),
        (Verb::Replace, with_data("./T/a?prop=Name", "B"), 418),
        (Verb::Copy, copy, 200),
        (Verb::Delete, with_data("./T/dir", ""), 200),
        (Verb::Get, with_data("./T?list=StructData", ""), 200),
    ] {
        let mut met = Vec::new();
        for at in 1..40 {
            let reads = Arc::new(AtomicU32::new(0));
            let store = Moody {
                store: Memory::new(),
                reads: Arc::clone(&reads),
            };
            let description = open().case_sense(CaseSense::Insensitive);
            let mut tree = mounted(store, description, Acl::all(["s"]));
            for (name, data, format) in [
                ("a", Some("1"), "chr"),
                ("b", Some("2"), "chr"),
                ("dir", None, "node"),
                ("dir/x", Some("3"), "chr"),
            ] {
                let target = format!("./T/{name}");
                let added = self::item(&target, data, Some((format, "")));
                assert_eq!(status(&mut tree, "s", Verb::Add, added), 200);
            }
            reads.store(at, Ordering::Relaxed);
            let status = status(&mut tree, "s", verb, item.clone());
            let has_failed = reads.swap(0, Ordering::Relaxed) == 0;
            met.push(status);
            let expected = if has_failed { 510 } else { otherwise };
            assert_eq!(status, expected, "{verb:?} {item:?}, read {at}");
            if status != 200 {
                let view = tree.view();
                assert_eq!(view.text(&uri("./T/a")).unwrap(), "1");
                assert_eq!(view.text(&uri("./T/b")).unwrap(), "2");
                assert_eq!(view.text(&uri("./T/dir/x")).unwrap(), "3");
            }
        }
        assert!(met.contains(&510) && met.contains(&otherwise), "{met:?}");
    }
}

// ---- names ------------------------------------------------------------------------------------------

#[test]
fn a_document_makes_no_two_nodes_whose_names_differ_by_case_where_that_does_not_count() {
    let description = open().case_sense(CaseSense::Insensitive);
    let mut tree = mounted(Memory::new(), description, Acl::all(["s"]));
    let twice = vec![
        TndsNode::leaf(0, "Foo", NodeFormat::Chr, "1"),
        TndsNode::leaf(0, "foo", NodeFormat::Chr, "2"),
    ];
    for verb in [Verb::Add, Verb::Replace] {
        assert_eq!(
            status(&mut tree, "s", verb, carrying("./T", twice.clone())),
            418,
            "{verb:?}"
        );
        assert_eq!(tree.view().children(&uri("./T")).unwrap().len(), 0);
    }
    // A path may say it otherwise than the node that it means.
    let mut below = TndsNode::leaf(0, "x", NodeFormat::Chr, "1");
    below.path = Some("DIR".into());
    let nodes = vec![TndsNode::interior(0, "Dir", ""), below];
    let added = carrying("./T", nodes);
    assert_eq!(status(&mut tree, "s", Verb::Add, added), 200);
    assert_eq!(tree.view().text(&uri("./T/Dir/x")).unwrap(), "1");
}

#[test]
fn a_path_in_a_document_may_begin_with_a_dot_that_is_part_of_a_name() {
    let mut tree = mounted(Memory::new(), open(), Acl::all(["s"]));
    let mut below = TndsNode::leaf(0, "x", NodeFormat::Chr, "1");
    below.path = Some(".hidden".into());
    let nodes = vec![TndsNode::interior(0, ".hidden", ""), below];
    assert_eq!(
        status(&mut tree, "s", Verb::Add, carrying("./T", nodes)),
        200
    );
    assert_eq!(tree.view().text(&uri("./T/.hidden/x")).unwrap(), "1");
}

// ---- what may not be read -----------------------------------------------------------------------------

#[test]
fn a_document_does_not_tell_whether_a_guess_of_what_may_not_be_read_is_right() {
    let hidden = |name: &'static str, access| {
        NodeDescription::leaf(name, NodeFormat::Chr)
            .dynamic()
            .access(access)
    };
    let description = NodeDescription::interior("T").access(all()).child(
        NodeDescription::any()
            .access(all())
            .child(hidden("Pin", Access::ADD))
            .child(hidden("Own", all())),
    );
    let mut tree = mounted(Memory::new(), description, Acl::all(["s"]));
    for (target, data, format) in [
        ("./T/x", None, "node"),
        ("./T/x/Pin", Some("1234"), "chr"),
        ("./T/x/Own", Some("1234"), "chr"),
    ] {
        let added = item(target, data, Some((format, "")));
        assert_eq!(status(&mut tree, "s", Verb::Add, added), 200);
    }
    let acl = item("./T/x/Own?prop=ACL", Some("Get=t&Replace=t"), None);
    assert_eq!(status(&mut tree, "s", Verb::Replace, acl), 200);
    let replace = |pin: &str, own: &str| {
        let mut own = TndsNode::leaf(1, "Own", NodeFormat::Chr, own.to_owned());
        own.acl = Some(Acl::parse("Get=t&Replace=t").unwrap());
        let pin = TndsNode::leaf(1, "Pin", NodeFormat::Chr, pin.to_owned());
        carrying("./T/x", vec![TndsNode::interior(0, "x", ""), pin, own])
    };
    let right = run(&mut tree, "s", Verb::Replace, replace("1234", "0000"));
    let wrong = run(&mut tree, "s", Verb::Replace, replace("0000", "0000"));
    assert_eq!(right.status.as_u16(), 405, "the access type of Pin");
    assert_eq!(right, wrong);
    let mut open = TndsNode::interior(0, "x", "");
    open.path = None;
    for guess in ["1234", "0000"] {
        let mut own = TndsNode::leaf(1, "Own", NodeFormat::Chr, guess);
        own.acl = Some(Acl::parse("Get=t&Replace=t").unwrap());
        let mut pin = TndsNode::leaf(1, "Pin", NodeFormat::Chr, "");
        pin.value = None;
        let sent = carrying("./T/x", vec![open.clone(), pin, own]);
        assert_eq!(
            status(&mut tree, "s", Verb::Replace, sent),
            425,
            "the ACL of Own, guess {guess}"
        );
    }
}

#[test]
fn a_structure_that_takes_too_much_memory_is_413() {
    let mut tree = mounted(Memory::new(), open(), Acl::all(["s"]));
    let data = "x".repeat(1000);
    for number in 0..100 {
        let added = item(&format!("./T/{number}"), Some(&data), None);
        assert_eq!(status(&mut tree, "s", Verb::Add, added), 200);
    }
    let mut options = TreeOptions::default();
    for (max, structure, with_data, serialized) in [
        (None, 200, 200, 200),
        (Some(1 << 20), 200, 200, 200),
        (Some(80 << 10), 200, 413, 413),
        (Some(1 << 10), 413, 413, 413),
    ] {
        options.max_results = max;
        tree.set_options(options);
        for (list, expected) in [
            ("Struct", structure),
            ("StructData", with_data),
            ("TNDS", serialized),
        ] {
            let get = item(&format!("./T?list={list}"), None, None);
            let answer = run(&mut tree, "s", Verb::Get, get);
            assert_eq!(answer.status.as_u16(), expected, "{list} {max:?}");
            assert_eq!(answer.results.is_empty(), expected == 413);
        }
        let get = item("./T/7", None, None);
        assert_eq!(status(&mut tree, "s", Verb::Get, get), 200);
    }
}

#[test]
fn no_copy_changes_the_type_of_what_is_permanent() {
    let leaf = |name: &'static str| NodeDescription::leaf(name, NodeFormat::Chr).access(all());
    let description = NodeDescription::interior("T")
        .child(leaf("Json").type_("application/json"))
        .child(leaf("Both").or_type("application/json"))
        .child(leaf("Text").default_value("text"));
    let mut tree = mounted(Memory::new(), description, Acl::all(["s"]));
    let copy = |from: &str| {
        let mut copy = item("./T/Both", None, None);
        copy.source = Some(Item::for_source(from).source.unwrap());
        copy
    };
    assert_eq!(status(&mut tree, "s", Verb::Copy, copy("./T/Json")), 405);
    assert_eq!(status(&mut tree, "s", Verb::Copy, copy("./T/Text")), 200);
    let both = tree.view().node(&uri("./T/Both")).unwrap();
    assert_eq!((&*both.type_, both.as_str()), ("text/plain", Some("text")));
}

#[test]
fn properties_that_a_description_does_not_have_are_406() {
    let description = NodeDescription::interior("T")
        .access(all())
        .properties(PropertySet::LEAST)
        .child(
            NodeDescription::leaf("v", NodeFormat::Chr)
                .properties(PropertySet::LEAST.with(Property::VerNo)),
        );
    let mut tree = mounted(Memory::new(), description, Acl::all(["s"]));
    for (expected, verb, target) in [
        (406, Verb::Get, "./T?prop=Title"),
        (406, Verb::Replace, "./T?prop=Title"),
        (406, Verb::Get, "./T/v?prop=TStamp"),
        (406, Verb::Replace, "./T/v?prop=TStamp"),
        (406, Verb::Get, "./T/v?prop=Size"),
        (200, Verb::Get, "./T/v?prop=VerNo"),
        (405, Verb::Replace, "./T/v?prop=VerNo"),
        (200, Verb::Get, "./T/v?prop=Type"),
        (200, Verb::Replace, "./T?prop=ACL"),
    ] {
        let item = item(target, Some("Get=s&Replace=s"), None);
        let status = status(&mut tree, "s", verb, item);
        assert_eq!(status, expected, "{verb:?} {target}");
    }
}

#[test]
fn an_added_node_has_the_acl_and_the_title_that_its_description_proposes() {
    let acl = Acl::parse("Get=t&Replace=s").unwrap();
    let leaf = NodeDescription::leaf("v", NodeFormat::Chr)
        .dynamic()
        .access(all())
        .new_acl(acl.clone())
        .new_title("Value");
    let description = NodeDescription::interior("T").access(all()).child(leaf);
    let mut tree = mounted(Memory::new(), description, Acl::all(["s"]));
    let proposed = |tree: &Tree| {
        let node = tree.view().node(&uri("./T/v")).unwrap();
        node.acl == acl && node.title == "Value"
    };
    let added = item("./T/v", Some("1"), None);
    assert_eq!(status(&mut tree, "s", Verb::Add, added), 200);
    assert!(proposed(&tree));
    for (target, data) in [("./T/v?prop=Title", "x"), ("./T/v?prop=ACL", "")] {
        let changed = item(target, Some(data), None);
        assert_eq!(status(&mut tree, "s", Verb::Replace, changed), 200);
    }
    assert!(!proposed(&tree));
    // What a document replaces is as new.
    let again = carrying("./T", vec![TndsNode::leaf(0, "v", NodeFormat::Chr, "2")]);
    assert_eq!(status(&mut tree, "s", Verb::Replace, again), 200);
    assert!(proposed(&tree));
}

// ---- accounts ---------------------------------------------------------------------------------------

/// Accounts that servers may change as they like.
struct Loose(DmAcc, NodeDescription);

impl Loose {
    fn tree() -> Tree {
        let description = NodeDescription::interior("DMAcc").access(all()).child(
            NodeDescription::any()
                .type_(DmAcc::TYPE)
                .access(all())
                .open(),
        );
        let loose = Self(DmAcc::new(vec![account()]), description);
        let acl = Acl::all(["s"]).grant(Right::Get, "*");
        let mut tree = mounted(Memory::new(), open(), acl);
        tree.mount(uri(DmAcc::ROOT), Box::new(loose)).unwrap();
        tree
    }
}

impl ManagementObject for Loose {
    fn description(&self) -> &NodeDescription {
        &self.1
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        self.0.setup(edit)
    }
}

#[test]
fn no_server_makes_an_account_in_the_name_of_another() {
    let mut tree = Loose::tree();
    let acc = || TndsNode::interior(0, "0", DmAcc::TYPE);
    let id = |id: &'static str| TndsNode::leaf(1, "ServerID", NodeFormat::Chr, id);
    let taken = carrying("./DMAcc", vec![acc(), id("srv")]);
    assert_eq!(status(&mut tree, "evil", Verb::Add, taken), 403);
    assert!(!tree.view().exists(&uri("./DMAcc/0")));
    let own = carrying("./DMAcc", vec![acc(), id("evil")]);
    assert_eq!(status(&mut tree, "evil", Verb::Add, own), 200);
    let renamed = item("./DMAcc/0/ServerID", Some("srv"), None);
    assert_eq!(status(&mut tree, "evil", Verb::Replace, renamed), 403);
    let mut copied = item("./DMAcc/0/ServerID", None, None);
    copied.source = Some(Item::for_source("./T/name").source.unwrap());
    let name = item("./T/name", Some("srv"), None);
    assert_eq!(status(&mut tree, "s", Verb::Add, name), 200);
    assert_eq!(status(&mut tree, "evil", Verb::Copy, copied), 403);
    assert_eq!(
        tree.view().text(&uri("./DMAcc/0/ServerID")).unwrap(),
        "evil"
    );
    let second = item("./DMAcc/0/ServerID", Some("evil.example"), None);
    assert_eq!(status(&mut tree, "evil", Verb::Replace, second), 200);
}

#[test]
fn an_account_that_was_renamed_is_the_one_that_is_provisioned_again() {
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.mount(uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()])))
        .unwrap();
    let renamed = item("./DMAcc/srv?prop=Name", Some("other"), None);
    assert_eq!(status(&mut tree, "srv", Verb::Replace, renamed), 200);
    let provision = |tree: &mut Tree, server: &str| {
        let mut account = account();
        account.server_id = server.into();
        let mut transaction = tree.begin(2);
        let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
        DmAcc::provision(&mut edit, &account).unwrap();
        transaction.commit().unwrap();
        let children = tree.view().children(&uri(DmAcc::ROOT)).unwrap();
        let ids = children.iter().map(|name| {
            let leaf = uri(&format!("{}/{name}/ServerID", DmAcc::ROOT));
            tree.view().text(&leaf).unwrap().to_string()
        });
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.join(" ")
    };
    // Another server's account has the name that this one's would get.
    assert_eq!(provision(&mut tree, "other"), "other srv");
    // The old credentials are gone with the old account.
    assert_eq!(provision(&mut tree, "srv"), "other srv");
}

#[test]
fn a_server_whose_account_goes_leaves_what_is_computed_alone() {
    struct Live(NodeDescription);
    impl ManagementObject for Live {
        fn description(&self) -> &NodeDescription {
            &self.0
        }
        fn list(&self, _: &View<'_>, at: &NodeUri) -> Result<Vec<(Text, Node)>, StatusCode> {
            let acl = Acl::default().grant(Right::Get, "srv");
            let leaf = Node::leaf(NodeFormat::Chr, "1").with_acl(acl);
            match at.name() {
                "Live" => Ok(vec![("a".into(), leaf)]),
                // The system has its moods; nobody who deletes an account cares.
                _ => Err(StatusCode::DATA_STORE_FAILURE),
            }
        }
    }
    let mut tree = Loose::tree();
    let live = NodeDescription::interior("Live").computed();
    tree.mount(uri("./Live"), Box::new(Live(live))).unwrap();
    let mut transaction = tree.begin(1);
    let gone = item("./DMAcc/srv", None, None);
    let answer = execute(&mut transaction, "srv", Verb::Delete, gone);
    assert_eq!(answer.status.as_u16(), 200);
    assert!(!format!("{transaction:?}").contains("./Live/a"));
}
