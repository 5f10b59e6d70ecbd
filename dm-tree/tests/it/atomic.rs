//! Savepoints: what an Atomic undoes.

use dm_proto::session::Verb;
use dm_tree::{
    Acl, Node, NodeFormat, Tree,
    description::NodeDescription,
    store::{Kind, Memory, Store},
};
use proptest::prelude::*;

use crate::support::{Plain, execute, item, uri};

fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let nodes = vec![
        ("", Node::interior("").with_acl(Acl::all(["s"]))),
        ("a", Node::interior("")),
        ("a/x", Node::leaf(NodeFormat::Chr, "x")),
        ("b", Node::leaf(NodeFormat::Int, "1")),
    ];
    let description = NodeDescription::interior("T").open();
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    tree
}

fn dump(transaction: &dm_tree::Transaction<'_>) -> Vec<(String, Node)> {
    let view = transaction.view();
    let mut pending = vec![dm_tree::NodeUri::ROOT];
    let mut nodes = Vec::new();
    while let Some(at) = pending.pop() {
        nodes.push((at.to_string(), view.node(&at).unwrap()));
        for name in view.children(&at).unwrap() {
            pending.push(at.child(&name).unwrap());
        }
    }
    nodes
}

#[test]
fn a_rollback_restores_values_properties_names_and_nodes() {
    let mut tree = tree();
    let mut t = tree.begin(77);
    let before = dump(&t);
    t.savepoint();
    for (verb, target, data) in [
        (Verb::Replace, "./T/b", Some("2")),
        (Verb::Replace, "./T/b?prop=ACL", Some("Get=*&Replace=s")),
        (Verb::Replace, "./T/b?prop=Title", Some("title")),
        (Verb::Replace, "./T/a?prop=Name", Some("c")),
        (Verb::Add, "./T/n", Some("new")),
        (Verb::Delete, "./T/c/x", None),
    ] {
        let answer = execute(&mut t, "s", verb, item(target, data, None));
        assert_eq!(answer.status.as_u16(), 200, "{verb:?} {target}");
    }
    assert_ne!(dump(&t), before);
    t.rollback();
    assert_eq!(dump(&t), before);
}

#[test]
fn what_is_released_stays_and_what_came_before_a_rollback_too() {
    let mut tree = tree();
    let mut t = tree.begin(0);
    let set = |t: &mut dm_tree::Transaction<'_>, value: &str| {
        execute(t, "s", Verb::Replace, item("./T/b", Some(value), None));
        t.view().text(&uri("./T/b")).unwrap().to_string()
    };
    assert_eq!(set(&mut t, "2"), "2");
    t.savepoint();
    assert_eq!(set(&mut t, "3"), "3");
    t.savepoint();
    assert_eq!(set(&mut t, "4"), "4");
    t.rollback();
    assert_eq!(t.view().text(&uri("./T/b")).unwrap(), "3");
    t.release();
    // Without a savepoint there is nothing to undo to.
    t.rollback();
    t.commit().unwrap();
    assert_eq!(tree.view().text(&uri("./T/b")).unwrap(), "3");
}

#[test]
fn a_transaction_that_is_dropped_leaves_nothing() {
    let store = crate::support::Shared::new(Memory::new());
    let mut tree = Tree::new(Box::new(store.clone()));
    let mut t = tree.begin(0);
    t.put(Kind::Job, 1, Some(vec![1]));
    drop(t);
    assert_eq!(store.record(Kind::Job, 1).unwrap(), None);
    let mut t = tree.begin(0);
    t.put(Kind::Job, 1, Some(vec![1]));
    t.commit().unwrap();
    assert_eq!(store.record(Kind::Job, 1).unwrap(), Some(vec![1]));
}

proptest! {
    /// Whatever servers do, a tree stays a tree: each node's parent is there and interior, and a
    /// rollback restores everything.
    #[test]
    fn any_commands_leave_a_tree(
        commands in proptest::collection::vec(
            (0_usize..5, "T(/[abc]){1,3}", "T(/[abc]){1,3}", "[abc]", any::<bool>()),
            1..30,
        )
    ) {
        let mut tree = tree();
        let mut t = tree.begin(1);
        let before = dump(&t);
        t.savepoint();
        for (verb, target, source, name, is_interior) in commands {
            let format = if is_interior { "node" } else { "chr" };
            let data = (!is_interior).then_some(name.as_str());
            let (verb, mut item) = match verb {
                0 => (Verb::Add, item(&target, data, Some((format, "")))),
                1 => (Verb::Replace, item(&target, Some(&name), None)),
                2 => (Verb::Delete, item(&target, None, None)),
                3 => (Verb::Copy, item(&target, None, None)),
                _ => (Verb::Replace, item(&format!("{target}?prop=Name"), Some(&name), None)),
            };
            item.source = Some(source.as_str().into());
            execute(&mut t, "s", verb, item);
            for (at, _) in dump(&t) {
                if let Some(parent) = uri(&at).parent() {
                    prop_assert!(t.view().node(&parent).unwrap().is_interior(), "{} has children", parent);
                }
            }
        }
        t.rollback();
        prop_assert_eq!(dump(&t), before);
    }
}
