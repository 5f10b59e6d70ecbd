//! Who may do what. OMA-TS-DM_TND, ACL.

use dm_proto::{
    Data,
    session::{Answer, Verb},
};
use dm_tree::{
    Acl, Node, NodeFormat, Transaction, Tree, description::NodeDescription, store::Memory,
};

use crate::support::{Plain, execute, item, uri};

fn mount(tree: &mut Tree, root: &str, nodes: Vec<(&'static str, Node)>) {
    let description = NodeDescription::interior("x").open();
    tree.mount(uri(root), Box::new(Plain { description, nodes }))
        .unwrap();
}

fn interior(acl: &str) -> Node {
    Node::interior("").with_acl(Acl::parse(acl).unwrap())
}

fn leaf(acl: &str) -> Node {
    Node::leaf(NodeFormat::Chr, "v").with_acl(Acl::parse(acl).unwrap())
}

/// The example of the document.
fn published() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    mount(
        &mut tree,
        "./NodeA",
        vec![
            ("", interior("Get=ServerC&Replace=ServerC")),
            ("Node1", leaf("Get=*")),
        ],
    );
    mount(
        &mut tree,
        "./NodeB",
        vec![
            ("", interior("Get=ServerA&Replace=ServerA")),
            ("Node2", leaf("")),
            (
                "Node3",
                interior("Get=ServerB&Replace=ServerB&Delete=ServerB"),
            ),
            ("Node3/Node4", leaf("")),
            (
                "Node3/Node5",
                leaf("Get=ServerA&Replace=ServerA&Get=ServerB"),
            ),
        ],
    );
    mount(
        &mut tree,
        "./NodeC",
        vec![("", interior("Get=ServerA&Replace=ServerA"))],
    );
    tree
}

fn data(answer: &Answer) -> &str {
    answer.results[0]
        .data
        .as_ref()
        .and_then(Data::as_str)
        .unwrap()
}

fn status(
    transaction: &mut Transaction<'_>,
    server: &str,
    verb: Verb,
    target: &str,
    value: Option<&str>,
) -> u16 {
    execute(transaction, server, verb, item(target, value, None))
        .status
        .as_u16()
}

#[test]
fn the_published_example_holds() {
    let mut tree = published();
    for server in ["ServerA", "ServerB", "ServerC"] {
        let mut t = tree.begin(0);
        let acl = "./NodeA/Node1?prop=ACL";
        assert_eq!(
            status(&mut t, server, Verb::Get, "./NodeA/Node1", None),
            200
        );
        assert_eq!(
            status(&mut t, server, Verb::Delete, "./NodeA/Node1", None),
            425
        );
        assert_eq!(
            status(&mut t, server, Verb::Replace, "./NodeA/Node1", Some("x")),
            425
        );
        let answer = execute(&mut t, server, Verb::Get, item(acl, None, None));
        assert_eq!(data(&answer), "Get=*");
        let expected = if server == "ServerC" { 200 } else { 425 };
        assert_eq!(
            status(&mut t, server, Verb::Replace, acl, Some("Get=*")),
            expected
        );
    }
    let mut t = tree.begin(0);
    for (expected, server, verb, target) in [
        (200, "ServerA", Verb::Replace, "./NodeB/Node3/Node5"),
        (200, "ServerB", Verb::Get, "./NodeB/Node3/Node5"),
        (425, "ServerB", Verb::Replace, "./NodeB/Node3/Node5"),
        (200, "ServerB", Verb::Get, "./NodeB/Node3/Node4"),
        (425, "ServerA", Verb::Get, "./NodeB/Node3/Node4"),
        (200, "ServerA", Verb::Get, "./NodeB/Node2"),
        (425, "ServerB", Verb::Get, "./NodeB/Node2"),
    ] {
        let data = (verb == Verb::Replace).then_some("x");
        assert_eq!(
            status(&mut t, server, verb, target, data),
            expected,
            "{server} {target}"
        );
    }
    let inherited = item("./NodeB/Node3/Node4?prop=ACL", None, None);
    let answer = execute(&mut t, "ServerB", Verb::Get, inherited);
    assert_eq!(data(&answer), "", "an ACL that is inherited is not told");
}

#[test]
fn a_value_behind_another_acl_takes_two_steps() {
    let mut tree = published();
    let mut t = tree.begin(0);
    let node = "./NodeA/Node1";
    assert_eq!(
        status(&mut t, "ServerC", Verb::Replace, node, Some("x")),
        425
    );
    let acl = "./NodeA/Node1?prop=ACL";
    assert_eq!(
        status(
            &mut t,
            "ServerC",
            Verb::Replace,
            acl,
            Some("Replace=ServerC")
        ),
        200
    );
    assert_eq!(
        status(&mut t, "ServerC", Verb::Replace, node, Some("x")),
        200
    );
    // Without an entry it inherits again.
    assert_eq!(status(&mut t, "ServerC", Verb::Replace, acl, None), 200);
    assert_eq!(status(&mut t, "ServerC", Verb::Get, node, None), 200);
    assert_eq!(status(&mut t, "ServerA", Verb::Get, node, None), 425);
}

#[test]
fn the_acl_of_an_interior_node_is_its_own_or_its_parents_to_change() {
    let mut tree = published();
    let acl = "./NodeB/Node3?prop=ACL";
    for (server, expected) in [("ServerA", 200), ("ServerB", 200), ("ServerC", 425)] {
        let mut t = tree.begin(0);
        let kept = "Get=ServerB&Replace=ServerB";
        assert_eq!(
            status(&mut t, server, Verb::Replace, acl, Some(kept)),
            expected,
            "{server}"
        );
    }
    // That of a leaf is its parent's alone.
    let mut t = tree.begin(0);
    let acl = "./NodeB/Node3/Node5?prop=ACL";
    assert_eq!(
        status(&mut t, "ServerA", Verb::Replace, acl, Some("Get=*")),
        425
    );
    assert_eq!(
        status(&mut t, "ServerB", Verb::Replace, acl, Some("Get=*")),
        200
    );
}

#[test]
fn what_is_no_acl_is_refused_and_the_root_keeps_one() {
    let mut tree = published();
    let mut t = tree.begin(0);
    let acl = "./NodeC?prop=ACL";
    assert_eq!(
        status(&mut t, "ServerA", Verb::Replace, acl, Some("Get=")),
        400
    );
    let long = format!("Get={}", "a".repeat(20_000));
    assert_eq!(
        status(&mut t, "ServerA", Verb::Replace, acl, Some(&long)),
        413
    );
    assert_eq!(
        status(
            &mut t,
            "ServerA",
            Verb::Replace,
            ".?prop=ACL",
            Some("Get=*")
        ),
        425
    );
    let answer = execute(&mut t, "anyone", Verb::Get, item(".?prop=ACL", None, None));
    assert_eq!(data(&answer), "Add=*&Get=*");
    assert_eq!(
        status(&mut t, "anyone", Verb::Replace, "./NodeC", Some("x")),
        425
    );
}

#[test]
fn who_adds_where_it_may_not_replace_gets_the_rights_to_go_on() {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let acl = "Add=adder+owner&Exec=adder&Get=*&Replace=owner";
    mount(&mut tree, "./D", vec![("", interior(acl))]);
    let mut t = tree.begin(0);
    let mut add = |server: &str, target: &str, format| {
        execute(
            &mut t,
            server,
            Verb::Add,
            item(target, None, Some((format, ""))),
        )
        .status
        .as_u16()
    };
    assert_eq!(add("adder", "./D/x", "node"), 200);
    assert_eq!(add("adder", "./D/x/y", "node"), 200);
    assert_eq!(add("adder", "./D/leaf", "chr"), 200);
    assert_eq!(add("owner", "./D/o", "node"), 200);
    assert_eq!(add("owner", "./D/x/z", "node"), 425);
    for (target, acl) in [
        (
            "./D/x",
            "Add=adder&Delete=adder&Exec=adder&Get=adder&Replace=adder",
        ),
        // Below its own node it may Replace already.
        ("./D/x/y", ""),
        ("./D/leaf", ""),
        ("./D/o", ""),
    ] {
        assert_eq!(
            t.view().node(&uri(target)).unwrap().acl.to_string(),
            acl,
            "{target}"
        );
    }
    assert_eq!(status(&mut t, "adder", Verb::Delete, "./D/x", None), 200);
    assert_eq!(status(&mut t, "adder", Verb::Delete, "./D/leaf", None), 425);
}
