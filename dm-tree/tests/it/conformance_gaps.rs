//! Requirements that the tests of other modules touch without showing them. Each names its document.

use dm_proto::session::Verb;
use dm_tree::{
    Acl, Node, NodeFormat, Tree,
    description::{Access, NodeDescription},
    store::Memory,
};

use crate::support::{Plain, execute, item, uri};

fn all() -> Access {
    Access::GET | Access::REPLACE | Access::DELETE | Access::ADD
}

/// OMA-TS-DM_TND, property values: a change by device or user updates TStamp and VerNo.
#[test]
fn what_the_device_changes_itself_is_stamped_and_counted() {
    let description = NodeDescription::interior("T")
        .child(NodeDescription::leaf("v", NodeFormat::Chr).default_value("old"));
    let mut tree = Tree::new(Box::new(Memory::new())).at(1);
    let nodes = Vec::new();
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let of = |tree: &Tree| {
        let node = tree.view().node(&uri("./T/v")).unwrap();
        (node.tstamp, node.ver_no)
    };
    let (_, before) = of(&tree);
    for (count, now) in [(1, 50), (2, 60)] {
        let mut transaction = tree.begin(now);
        let mut edit = transaction.edit(&uri("./T")).unwrap();
        edit.set("v", format!("new {now}")).unwrap();
        transaction.commit().unwrap();
        assert_eq!(of(&tree), (now, before + count));
    }
}

/// OMA-TS-DM_TND, properties: nothing but the ACL is inherited.
#[test]
fn a_new_node_has_none_of_the_properties_of_its_parent() {
    let description = NodeDescription::interior("T").access(all()).open();
    let root = Node::interior("urn:x:t:1.0").with_acl(Acl::all(["s"]));
    let mut tree = Tree::new(Box::new(Memory::new())).at(1);
    let nodes = vec![("", root)];
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let mut transaction = tree.begin(50);
    for (verb, target, data, meta) in [
        (Verb::Replace, "./T?prop=Title", Some("title"), None),
        (Verb::Add, "./T/n", None, Some(("node", ""))),
    ] {
        let answer = execute(&mut transaction, "s", verb, item(target, data, meta));
        assert_eq!(answer.status.as_u16(), 200, "{target}");
    }
    let of = |at: &str| transaction.view().node(&uri(at)).unwrap();
    assert_eq!(of("./T").title, "title");
    assert_ne!(of("./T").ver_no, 0);
    let node = of("./T/n");
    assert_eq!((node.title.as_str(), node.type_.as_str()), ("", ""));
    assert_eq!((node.tstamp, node.ver_no), (50, 0));
}

/// OMA-TS-DM_TND, protection: an access type without Delete protects a node from a Delete of its own, not
/// from one of its parent.
#[test]
fn what_may_not_be_deleted_itself_goes_with_its_parent() {
    let kept = NodeDescription::leaf("Kept", NodeFormat::Chr)
        .dynamic()
        .access(Access::GET | Access::ADD);
    let description = NodeDescription::interior("T")
        .access(all())
        .child(NodeDescription::any().access(all()).child(kept));
    let nodes = vec![
        ("", Node::interior("").with_acl(Acl::all(["s"]))),
        ("x", Node::interior("")),
        ("x/Kept", Node::leaf(NodeFormat::Chr, "v")),
    ];
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let mut transaction = tree.begin(1);
    for (status, target, is_left) in [(405, "./T/x/Kept", true), (200, "./T/x", false)] {
        let delete = item(target, None, None);
        let answer = execute(&mut transaction, "s", Verb::Delete, delete);
        assert_eq!(answer.status.as_u16(), status, "{target}");
        assert_eq!(transaction.view().exists(&uri("./T/x/Kept")), is_left);
    }
}

/// OMA-TS-DM_TND, ACL: each property is changed by who may Replace, whatever else it may.
#[test]
fn who_may_only_read_a_node_changes_none_of_its_properties() {
    let description = NodeDescription::interior("T").access(all()).open();
    let acl = Acl::parse("Add=*&Delete=*&Exec=*&Get=*&Replace=owner").unwrap();
    let nodes = vec![
        ("", Node::interior("").with_acl(acl)),
        ("x", Node::leaf(NodeFormat::Chr, "v")),
    ];
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let mut transaction = tree.begin(1);
    for (server, status) in [("reader", 425), ("owner", 200)] {
        for (property, value) in [("Title", "t"), ("Name", "x"), ("ACL", "Get=*")] {
            let replace = item(&format!("./T/x?prop={property}"), Some(value), None);
            let answer = execute(&mut transaction, server, Verb::Replace, replace);
            assert_eq!(answer.status.as_u16(), status, "{server} {property}");
        }
        let node = transaction.view().node(&uri("./T/x")).unwrap();
        assert_eq!(node.title == "t", status == 200);
        assert_eq!(node.acl.is_empty(), status != 200);
    }
}
