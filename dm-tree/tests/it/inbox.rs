//! The Inbox. OMA-TS-DM_StdObj, Inbox.

use bytes::Bytes;
use dm_proto::{
    StatusCode,
    codec::Encoding,
    message::{Add, Command, Item, Meta},
    session::Verb,
};
use dm_tree::{
    Acl, Node, NodeFormat, Right, Tree,
    description::{Access, NodeDescription},
    std_objects::Inbox,
    store::{Kind, Memory, Store as _},
    tnds::{Tnds, TndsNode},
};

use crate::support::{Failure, Objects, Plain, Script, Setting, execute, item, uri};

const MAIL: &str = "urn:x:mail:1.0";

/// `./Vendor/Mail`: accounts of type `urn:x:mail:1.0`, to which `s` and `srv` may add.
fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    for (root, object) in objects() {
        tree.mount(root, object).unwrap();
    }
    tree
}

fn objects() -> Objects {
    let all = Access::GET | Access::REPLACE | Access::DELETE | Access::ADD;
    let account = NodeDescription::any()
        .type_(MAIL)
        .access(all)
        .child(
            NodeDescription::leaf("Ref", NodeFormat::Chr)
                .dynamic()
                .access(all),
        )
        .child(NodeDescription::interior("Ext").dynamic().open());
    let description = NodeDescription::interior("Vendor").child(
        NodeDescription::interior("Mail")
            .access(Access::GET | Access::ADD)
            .child(account),
    );
    let acl = Acl::all(["s", "srv"]).grant(Right::Get, "*");
    let nodes = vec![("", Node::interior("").with_acl(acl))];
    vec![
        (uri("./Vendor"), Box::new(Plain { description, nodes })),
        (uri(Inbox::ROOT), Box::new(Inbox::new())),
    ]
}

fn status(tree: &mut Tree, server: &str, verb: Verb, item: Item) -> u16 {
    let mut transaction = tree.begin(1);
    let answer = execute(&mut transaction, server, verb, item);
    transaction.commit().unwrap();
    answer.status.as_u16()
}

fn carrying(target: &str, nodes: Vec<TndsNode>) -> Item {
    let mut tnds = Tnds::default();
    for node in nodes {
        tnds.push(node);
    }
    let octets: Bytes = tnds.write(Encoding::Xml).unwrap();
    Item::for_target(target)
        .with_data(core::str::from_utf8(&octets).unwrap())
        .with_meta(Meta::format("xml").with_type(Tnds::XML))
}

fn mail(name: &str) -> Vec<TndsNode> {
    let reference = format!("./Inbox/{name}/Ext/y");
    vec![
        TndsNode::interior(0, name, MAIL),
        TndsNode::leaf(1, "Ref", NodeFormat::Chr, reference),
        TndsNode::interior(1, "Ext", ""),
        TndsNode::leaf(2, "y", NodeFormat::Chr, "./Inbox2"),
    ]
}

#[test]
fn an_object_goes_where_its_identifier_belongs_and_its_references_follow() {
    let mut tree = tree();
    assert_eq!(
        status(&mut tree, "s", Verb::Add, carrying("./Inbox", mail("work"))),
        200
    );
    let text = |tree: &Tree, at: &str| tree.view().text(&uri(at)).unwrap().to_string();
    assert_eq!(
        text(&tree, "./Vendor/Mail/work/Ref"),
        "./Vendor/Mail/work/Ext/y"
    );
    assert_eq!(text(&tree, "./Vendor/Mail/work/Ext/y"), "./Inbox2");
    // Flat, with a path into the Inbox.
    let flat = vec![
        TndsNode::interior(0, "flat", MAIL),
        TndsNode::leaf(0, "Ref", NodeFormat::Chr, "r").with_path("flat"),
    ];
    assert_eq!(
        status(&mut tree, "s", Verb::Add, carrying("./Inbox", flat)),
        200
    );
    assert_eq!(text(&tree, "./Vendor/Mail/flat/Ref"), "r");
    // A name that is to be given: that of the target, or a number.
    assert_eq!(
        status(
            &mut tree,
            "s",
            Verb::Add,
            carrying("./Inbox/home", mail(""))
        ),
        200
    );
    assert!(tree.view().exists(&uri("./Vendor/Mail/home/Ref")));
    for number in ["1", "2"] {
        assert_eq!(
            status(&mut tree, "s", Verb::Add, carrying("./Inbox", mail(""))),
            200
        );
        assert!(
            tree.view()
                .exists(&uri(&format!("./Vendor/Mail/{number}/Ref")))
        );
    }
    // A single node without a document.
    let plain = item("./Inbox/plain", None, Some(("node", MAIL)));
    assert_eq!(status(&mut tree, "s", Verb::Add, plain), 200);
    assert!(tree.view().exists(&uri("./Vendor/Mail/plain")));
    assert_eq!(tree.view().children(&uri("./Inbox")).unwrap().len(), 0);
}

#[test]
fn the_inbox_grants_nothing_that_the_place_does_not() {
    let before = tree().view().children(&uri("./Vendor/Mail")).unwrap();
    for (expected, server, sent) in [
        (425, "other", carrying("./Inbox", mail("x"))),
        (
            405,
            "s",
            carrying("./Inbox", vec![TndsNode::interior(0, "x", "urn:unknown")]),
        ),
        (
            405,
            "s",
            carrying("./Inbox", vec![TndsNode::interior(0, "x", "")]),
        ),
        (
            405,
            "s",
            carrying(
                "./Inbox",
                [
                    mail("x"),
                    vec![TndsNode::leaf(1, "No", NodeFormat::Chr, "")],
                ]
                .concat(),
            ),
        ),
        (
            418,
            "s",
            carrying("./Inbox", [mail("x"), mail("x")].concat()),
        ),
        (
            400,
            "s",
            carrying("./Inbox", vec![TndsNode::interior(0, "a/b", MAIL)]),
        ),
        (404, "s", carrying("./Inbox/a/b", mail("b"))),
        (418, "s", item("./Inbox", None, Some(("node", MAIL)))),
        (
            405,
            "s",
            item("./Inbox/x", Some("v"), Some(("chr", "text/plain"))),
        ),
    ] {
        let mut tree = tree();
        let what = format!("{sent:?}");
        assert_eq!(
            status(&mut tree, server, Verb::Add, sent),
            expected,
            "{what}"
        );
        assert_eq!(tree.view().children(&uri("./Vendor/Mail")).unwrap(), before);
    }
    // Who may use it is the matter of its own ACL, too.
    let mut tree = tree();
    let mut transaction = tree.begin(1);
    let mut edit = transaction.edit(&uri(Inbox::ROOT)).unwrap();
    let acl = Acl::default().grant(Right::Add, "other");
    edit.put("", Node::interior(Inbox::TYPE).with_acl(acl))
        .unwrap();
    transaction.commit().unwrap();
    assert_eq!(
        status(&mut tree, "s", Verb::Add, carrying("./Inbox", mail("x"))),
        425
    );
}

#[test]
fn plain_adds_go_below_what_was_put_into_the_inbox_in_the_same_session() {
    let mut tree = tree();
    let text = |tree: &Tree, at: &str| tree.view().text(&uri(at)).unwrap().to_string();
    let node = |type_| Some(("node", type_));
    for (expected, target, data, meta) in [
        (404, "./Inbox/x/Ref", Some("r"), None),
        (200, "./Inbox/x", None, node(MAIL)),
        (200, "./Inbox/x/Ref", Some("./Inbox/x/Ext/y"), None),
        (418, "./Inbox/x/Ref", Some("r"), None),
        (200, "./Inbox/x/Ext", None, node("")),
        (200, "./Inbox/x/Ext/y", Some("v"), None),
        (405, "./Inbox/x/No", Some("v"), None),
        (404, "./Inbox/x/Missing/z", Some("v"), None),
        (404, "./Inbox/y/Ref", Some("v"), None),
    ] {
        let sent = item(target, data, meta);
        assert_eq!(
            status(&mut tree, "s", Verb::Add, sent),
            expected,
            "{target}"
        );
    }
    assert_eq!(text(&tree, "./Vendor/Mail/x/Ref"), "./Vendor/Mail/x/Ext/y");
    assert_eq!(text(&tree, "./Vendor/Mail/x/Ext/y"), "v");
    // Below a document, too, whatever name the device gave it.
    let unnamed = vec![
        TndsNode::interior(0, "", MAIL),
        TndsNode::interior(1, "Ext", ""),
    ];
    let sent = carrying("./Inbox/z", unnamed);
    assert_eq!(status(&mut tree, "s", Verb::Add, sent), 200);
    let sent = item("./Inbox/z/Ref", Some("r"), None);
    // Another server has nothing in there, and neither has another session.
    assert_eq!(status(&mut tree, "other", Verb::Add, sent.clone()), 404);
    let mut later = crate::support::command(Verb::Add, sent.clone());
    later.origin.session_id = "2".into();
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.execute("s", &later).status.as_u16(), 404);
    drop(transaction);
    // What is rolled back was not put there.
    let mut transaction = tree.begin(1);
    transaction.savepoint();
    let put = item("./Inbox/w", None, node(MAIL));
    let below = item("./Inbox/w/Ref", Some("r"), None);
    for (expected, sent) in [(200, &put), (200, &below)] {
        let answer = execute(&mut transaction, "s", Verb::Add, sent.clone());
        assert_eq!(answer.status.as_u16(), expected);
    }
    transaction.rollback();
    let answer = execute(&mut transaction, "s", Verb::Add, below);
    assert_eq!(answer.status.as_u16(), 404);
    drop(transaction);
    assert_eq!(status(&mut tree, "s", Verb::Add, sent), 200);
    assert_eq!(text(&tree, "./Vendor/Mail/z/Ref"), "r");
    assert_eq!(tree.view().children(&uri("./Inbox")).unwrap().len(), 0);
}

#[test]
fn nothing_is_read_in_the_inbox() {
    let mut tree = tree();
    for target in [
        "./Inbox",
        "./Inbox/x",
        "./Inbox/x/y",
        "./Inbox?list=Struct",
        "./Inbox?prop=ACL",
    ] {
        let code = status(&mut tree, "s", Verb::Get, item(target, None, None));
        assert_eq!(code, StatusCode::COMMAND_NOT_ALLOWED.as_u16(), "{target}");
    }
    for verb in [Verb::Delete, Verb::Replace] {
        assert_eq!(
            status(&mut tree, "s", verb, item("./Inbox", Some("v"), None)),
            425
        );
        assert_eq!(
            status(&mut tree, "s", verb, item("./Inbox/x", Some("v"), None)),
            404
        );
    }
}

#[test]
fn what_was_put_into_the_inbox_is_remembered_for_one_session_even_if_the_next_has_its_id() {
    let add = |target: &str, data: Option<&str>, meta| -> Command {
        Add {
            items: vec![item(target, data, meta)],
            ..Add::default()
        }
        .into()
    };
    let put = || add("./Inbox/x", None, Some(("node", MAIL)));
    let refer = || add("./Inbox/x/Ref", Some("./Inbox/x/Ext"), None);
    let run = |killed_after: Option<u32>| {
        let batches = vec![vec![put()], vec![refer()]];
        let mut setting = Setting::new(Memory::new(), Script::Now, batches);
        setting.more = objects;
        setting.has_one_id = true;
        if let Some(commit) = killed_after {
            setting.store.fail_at(commit, Failure::KilledAfter);
        }
        setting.run();
        setting
    };
    // A restart at any point of the session changes nothing.
    for commit in 1..=run(None).store.commits() {
        let setting = run(Some(commit));
        assert_eq!(setting.manager().statuses, [(1, 200), (2, 200)], "{commit}");
        let node = setting.store.node(&uri("./Vendor/Mail/x/Ref")).unwrap();
        assert_eq!(node.unwrap().as_str(), Some("./Vendor/Mail/x/Ext"));
        assert_eq!(setting.store.count(Kind::Inbox), 0, "{commit}");
    }
    let mut setting = run(None);
    let later = vec![add("./Inbox/x/Ext", None, Some(("node", "")))];
    setting.server.manager.batches.push_back(later);
    setting.run();
    assert_eq!(setting.manager().statuses.last(), Some(&(3, 404)));
}
