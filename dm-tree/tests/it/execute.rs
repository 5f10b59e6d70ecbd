//! Get, Add, Replace, Delete, Copy, and the status of each case. OMA-TS-DM_TND, OMA-TS-DM_RepPro.

use dm_proto::{
    Data, Fragment, Name, Piece, StatusCode,
    message::Item,
    session::{Answer, Verb},
};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, Right, Tree, UriLimits, View,
    description::{Access, NodeDescription, Occurrence},
    object::{Change, ManagementObject},
    store::Memory,
};

use crate::support::{Plain, execute, item, uri};

/// `./T`: leaves of several kinds, instances, an open subtree. `./Q`: what only `owner` may touch.
fn tree() -> Tree {
    let all = Access::GET | Access::REPLACE | Access::DELETE | Access::COPY | Access::ADD;
    let leaf = |name: &'static str, format| NodeDescription::leaf(name, format).access(all);
    let description = NodeDescription::interior("T")
        .type_("urn:test:t:1.0")
        .access(Access::GET | Access::ADD)
        .child(leaf("Text", NodeFormat::Chr).default_value("text"))
        .child(leaf("Int", NodeFormat::Int).default_value("7"))
        .child(leaf("Bin", NodeFormat::Bin).type_("application/octet-stream"))
        .child(leaf("Native", NodeFormat::B64))
        .child(
            leaf("Json", NodeFormat::Chr)
                .type_("application/json")
                .default_value("{}"),
        )
        .child(NodeDescription::leaf("Fixed", NodeFormat::Chr).default_value("fixed"))
        .child(NodeDescription::leaf("Secret", NodeFormat::Chr).access(Access::REPLACE))
        .child(NodeDescription::interior("Empty"))
        .child(
            NodeDescription::interior("Pair")
                .access(Access::GET | Access::ADD)
                .child(
                    NodeDescription::any()
                        .access(Access::GET | Access::DELETE | Access::REPLACE)
                        .occurrence(Occurrence::OneOrN(2))
                        .child(leaf("Id", NodeFormat::Chr).dynamic())
                        .child(
                            leaf("Sub", NodeFormat::Chr)
                                .dynamic()
                                .occurrence(Occurrence::ZeroOrOne),
                        ),
                ),
        )
        .child(NodeDescription::interior("Ext").open());
    let mut tree = Tree::new(Box::new(Memory::new()));
    let nodes = vec![
        (
            "",
            description
                .initial()
                .with_acl(Acl::all(["s"]).grant(Right::Get, "*")),
        ),
        ("Pair/a", Node::interior("")),
        ("Pair/a/Id", Node::leaf(NodeFormat::Chr, "a")),
    ];
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let description = NodeDescription::interior("Q")
        .access(Access::ADD | Access::GET)
        .open();
    let nodes = vec![
        ("", Node::interior("").with_acl(Acl::all(["owner"]))),
        ("x", Node::leaf(NodeFormat::Chr, "x")),
    ];
    tree.mount(uri("./Q"), Box::new(Plain { description, nodes }))
        .unwrap();
    tree.set_uri_limits(UriLimits {
        max_depth: 6,
        max_tot_len: 40,
        max_seg_len: 12,
    });
    tree
}

fn run(tree: &mut Tree, verb: Verb, item: Item) -> Answer {
    let mut transaction = tree.begin(994_869_497);
    let answer = execute(&mut transaction, "s", verb, item);
    transaction.commit().unwrap();
    answer
}

fn get(tree: &mut Tree, target: &str) -> Result<Item, u16> {
    let mut answer = run(tree, Verb::Get, item(target, None, None));
    match answer.status {
        StatusCode::OK => Ok(answer.results.remove(0)),
        status => Err(status.as_u16()),
    }
}

fn text(tree: &mut Tree, target: &str) -> Result<String, u16> {
    get(tree, target).map(|item| item.data.unwrap().as_str().unwrap().to_owned())
}

/// `(status, target, data, (format, type))` of one command each.
type Row<'a> = (u16, &'a str, Option<&'a str>, Option<(&'a str, &'a str)>);

fn table(verb: Verb, rows: &[Row<'_>]) {
    for (status, target, data, meta) in rows {
        let mut tree = tree();
        let before = contents(&tree);
        let answer = run(&mut tree, verb, item(target, *data, *meta));
        let what = format!("{verb:?} {target} {data:?} {meta:?}");
        assert_eq!(answer.status.as_u16(), *status, "{what}");
        if *status != 200 {
            assert_eq!(
                contents(&tree),
                before,
                "a refusal changed the tree: {what}"
            );
        }
    }
}

fn contents(tree: &Tree) -> Vec<(String, Node)> {
    fn walk(view: View<'_>, at: &dm_tree::NodeUri, into: &mut Vec<(String, Node)>) {
        into.push((at.to_string(), view.node(at).unwrap()));
        for name in view.children(at).unwrap() {
            walk(view, &at.child(&name).unwrap(), into);
        }
    }
    let mut nodes = Vec::new();
    walk(tree.view(), &dm_tree::NodeUri::ROOT, &mut nodes);
    nodes
}

const DEEP: &str = "./T/Ext/1/2/3/4";

#[test]
fn addresses_are_refused_before_anything_else_is_looked_at() {
    for verb in [Verb::Add, Verb::Delete, Verb::Get, Verb::Replace] {
        table(
            verb,
            &[
                (400, "./T//x", None, None),
                (400, "./T/../T", None, None),
                (400, "/T", None, None),
                (400, "./T/a b", None, None),
                (400, "", None, None),
                (414, DEEP, None, None),
                (414, "./T/Ext/a234567890123", None, None),
                (
                    414,
                    "./T/Ext/a23456789012/b23456789012/c2345678",
                    None,
                    None,
                ),
                (406, "./T/Text?foo=bar", None, None),
                (406, "./T/Text?prop=None", None, None),
                (406, "./T/Text?list=Everything", None, None),
            ],
        );
    }
    let mut tree = tree();
    for verb in [Verb::Get, Verb::Add, Verb::Copy] {
        assert_eq!(run(&mut tree, verb, Item::default()).status.as_u16(), 400);
    }
}

#[test]
fn get_of_a_leaf_tells_value_and_what_is_not_default() {
    let mut tree = tree();
    let plain = get(&mut tree, "T/Text").unwrap();
    assert_eq!(plain, Item::for_source("T/Text").with_data("text"));
    let int = get(&mut tree, "./T/Int").unwrap();
    assert_eq!(int.meta.unwrap().format.as_deref(), Some("int"));
    let json = get(&mut tree, "./T/Json").unwrap().meta.unwrap();
    assert_eq!(
        (json.format.as_deref(), json.type_.as_deref()),
        (None, Some("application/json"))
    );
    let octets = get(&mut tree, "./T/Bin").unwrap();
    assert!(octets.data.unwrap().is_binary());
    assert_eq!(octets.meta.unwrap().format.as_deref(), Some("bin"));
}

#[test]
fn get_of_an_interior_node_lists_its_children() {
    let mut tree = tree();
    run(&mut tree, Verb::Add, item("./T/Ext/%2f", Some("v"), None));
    run(&mut tree, Verb::Add, item("./T/Ext/b", Some("v"), None));
    assert_eq!(text(&mut tree, "./T/Ext").unwrap(), "%2F/b");
    let listed = get(&mut tree, "./T/Ext").unwrap().meta.unwrap();
    assert_eq!(listed.format.as_deref(), Some("node"));
    assert_eq!(listed.type_.as_deref(), Some("text/plain"));
    let root = get(&mut tree, "./T").unwrap().meta.unwrap();
    assert_eq!(root.type_.as_deref(), Some("urn:test:t:1.0"));
    assert_eq!(text(&mut tree, "./T/Empty").unwrap(), "");
    assert_eq!(text(&mut tree, ".").unwrap(), "Q/T");
}

#[test]
fn get_is_refused_by_case() {
    table(
        Verb::Get,
        &[
            (404, "./T/None", None, None),
            (425, "./Q/x", None, None),
            (425, "./Q?list=Struct", None, None),
            (405, "./T/Secret", None, None),
            (406, "./T?list=TNDS+Value-ACL", None, None),
            (404, "./T/None?prop=ACL", None, None),
        ],
    );
}

#[test]
fn every_property_is_read() {
    let mut tree = tree();
    run(
        &mut tree,
        Verb::Replace,
        item("./T/Text", Some("n\u{e4}hr"), None),
    );
    for (target, value) in [
        ("./T/Text?prop=ACL", Ok("")),
        ("./T?prop=ACL", Ok("Add=s&Delete=s&Exec=s&Get=*&Replace=s")),
        ("./T/Int?prop=Format", Ok("int")),
        ("./T?prop=Format", Ok("node")),
        ("./T/Text?prop=Name", Ok("Text")),
        ("./T/Text?prop=Size", Ok("5")),
        ("./T?prop=Size", Err(406)),
        ("./T/Secret?prop=Size", Err(405)),
        ("./T/Secret?prop=Name", Ok("Secret")),
        ("./T/Text?prop=Title", Ok("")),
        ("./T/Text?prop=TStamp", Ok("20010711T163817Z")),
        ("./T/Json?prop=Type", Ok("application/json")),
        ("./T?prop=Type", Ok("urn:test:t:1.0")),
        ("./T/Text?prop=VerNo", Ok("1")),
        ("./Q/x?prop=Name", Err(425)),
    ] {
        let value = value.map(str::to_owned);
        assert_eq!(text(&mut tree, target), value, "{target}");
    }
    let item = get(&mut tree, "./T/Text?prop=Size").unwrap();
    assert_eq!(item, Item::for_source("./T/Text?prop=Size").with_data("5"));
}

#[test]
fn a_structure_is_listed_parents_first_and_without_what_is_not_readable() {
    let mut tree = tree();
    let answer = run(
        &mut tree,
        Verb::Get,
        item("./T/Pair?list=Struct", None, None),
    );
    let nodes: Vec<_> = answer
        .results
        .iter()
        .map(|item| {
            let format = item.meta.as_ref().and_then(|meta| meta.format.as_deref());
            (
                item.source_uri().unwrap().as_str(),
                format,
                item.data.is_some(),
            )
        })
        .collect();
    assert_eq!(
        nodes,
        [
            ("./T/Pair", Some("node"), false),
            ("./T/Pair/a", Some("node"), false),
            ("./T/Pair/a/Id", None, false),
        ]
    );
    let answer = run(&mut tree, Verb::Get, item("T?list=StructData", None, None));
    let data = |of: &str| {
        let item = answer
            .results
            .iter()
            .find(|item| item.source_uri().unwrap() == of);
        item.unwrap().data.as_ref().and_then(Data::as_str)
    };
    assert_eq!(data("T/Pair/a/Id"), Some("a"));
    assert_eq!(data("T"), None);
    assert_eq!(data("T/Secret"), None, "no Get, no data");
    let answer = run(&mut tree, Verb::Get, item(".?list=Struct", None, None));
    assert!(!format!("{answer:?}").contains("./Q"));
    let answer = run(
        &mut tree,
        Verb::Get,
        item("./T/Text?list=StructData", None, None),
    );
    assert_eq!(
        answer.results,
        [Item::for_source("./T/Text").with_data("text")]
    );
}

#[test]
fn add_creates_what_description_and_acl_allow() {
    table(
        Verb::Add,
        &[
            (200, "./T/Pair/b", None, Some(("node", ""))),
            (200, "./T/Pair/b", None, Some(("node", "text/plain"))),
            (200, "./T/Pair/b", None, None),
            (
                200,
                "./T/Pair/a/Sub",
                Some("v"),
                Some(("chr", "text/plain")),
            ),
            (200, "./T/Ext/x", Some("1"), Some(("int", "text/plain"))),
            (
                200,
                "./T/Ext/x",
                Some("{}"),
                Some(("chr", "application/json")),
            ),
            (418, "./T/Text", Some("v"), None),
            (418, ".", None, Some(("node", ""))),
            (404, "./T/None/x", Some("v"), None),
            (405, "./T/Text/x", Some("v"), None),
            (405, "./T/Unknown", Some("v"), None),
            (405, "./T/Pair/a/Unknown", Some("v"), None),
            (405, "./T/Empty/x", Some("v"), None),
            (405, "./New", Some("v"), None),
            (405, "./T/Ext/x?prop=Title", Some("v"), None),
            (425, "./Q/y", Some("v"), None),
            (415, "./T/Pair/a/Sub", Some("v"), Some(("int", ""))),
            (415, "./T/Pair/a/Sub", Some("v"), Some(("node", ""))),
            (415, "./T/Pair/a/Sub", Some("v"), Some(("chr", "image/png"))),
            (415, "./T/Pair/b", Some("v"), Some(("node", ""))),
            (415, "./T/Pair/b", None, Some(("chr", ""))),
            (415, "./T/Ext/x", Some("one"), Some(("int", ""))),
            (415, "./T/Ext/x", Some("v"), Some(("text", ""))),
            (
                400,
                "./T/Ext/o",
                Some("<x/>"),
                Some(("xml", "application/vnd.syncml.dmtnds+xml")),
            ),
        ],
    );
}

#[test]
fn thousands_of_adds_do_not_look_at_each_other() {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let description = NodeDescription::interior("O")
        .access(Access::GET | Access::ADD)
        .child(NodeDescription::any());
    let nodes = vec![("", Node::interior("").with_acl(Acl::all(["s"])))];
    tree.mount(uri("./O"), Box::new(Plain { description, nodes }))
        .unwrap();
    let mut transaction = tree.begin(1);
    // With each looking at all before it this would take minutes.
    for number in 0..20_000 {
        let node = item(&format!("./O/{number}"), None, Some(("node", "")));
        let answer = execute(&mut transaction, "s", Verb::Add, node);
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[test]
fn add_below_what_is_missing_names_the_node_to_add_first() {
    let mut tree = tree();
    let answer = run(&mut tree, Verb::Add, item("./T/Ext/1/2/3", Some("v"), None));
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.items, [Item::for_target("./T/Ext/1")]);
}

#[test]
fn the_number_of_instances_is_bounded_in_both_directions() {
    let mut tree = tree();
    let add = |tree: &mut Tree, target: &str| {
        run(tree, Verb::Add, item(target, None, Some(("node", ""))))
            .status
            .as_u16()
    };
    let delete = |tree: &mut Tree, target: &str| {
        run(tree, Verb::Delete, item(target, None, None))
            .status
            .as_u16()
    };
    assert_eq!(add(&mut tree, "./T/Pair/b"), 200);
    assert_eq!(add(&mut tree, "./T/Pair/c"), 405);
    assert_eq!(delete(&mut tree, "./T/Pair/a"), 200);
    assert_eq!(delete(&mut tree, "./T/Pair/b"), 405);
}

#[test]
fn an_added_node_has_all_its_properties() {
    let mut tree = tree();
    let added = item("./T/Ext/o", Some("AAH/"), Some(("b64", "image/png")));
    assert_eq!(run(&mut tree, Verb::Add, added).status.as_u16(), 200);
    let node = tree.view().node(&uri("./T/Ext/o")).unwrap();
    assert_eq!(node.format, NodeFormat::Bin);
    assert_eq!(node.type_, "image/png");
    assert_eq!(&node.value[..], [0, 1, 255]);
    assert_eq!((node.tstamp, node.ver_no), (994_869_497, 0));
    assert!(node.acl.is_empty());
    assert_eq!(text(&mut tree, "./T/Ext/o?prop=Size").unwrap(), "3");
}

#[test]
fn replace_sets_values_where_it_may() {
    table(
        Verb::Replace,
        &[
            (200, "./T/Text", Some("new"), None),
            (200, "./T/Text", None, None),
            (
                200,
                "./T/Text",
                Some("new"),
                Some(("chr", "text/plain;charset=UTF-8")),
            ),
            (200, "./T/Int", Some("-5"), None),
            (200, "./T/Bin", Some("AAH/"), Some(("b64", ""))),
            (200, "./T/Native", Some("AAH/"), Some(("b64", ""))),
            (200, "./T/Secret", Some("s"), None),
            (404, "./T/None", Some("v"), None),
            (405, "./T", Some("v"), None),
            (425, ".", Some("v"), None),
            (405, "./T/Fixed", Some("v"), None),
            (405, "./T/Text", Some("v"), Some(("node", ""))),
            (425, "./Q/x", Some("v"), None),
            (415, "./T/Int", Some("five"), None),
            (415, "./T/Int", Some("5"), Some(("chr", ""))),
            (415, "./T/Text", Some("v"), Some(("chr", "image/png"))),
            (400, "./T/Bin", Some("no base64!"), Some(("b64", ""))),
            (
                400,
                "./T",
                Some("<x/>"),
                Some(("xml", "application/vnd.syncml.dmtnds+xml")),
            ),
            (405, "./T/Text?prop=Format", Some("int"), None),
            (405, "./T/Text?prop=Size", Some("1"), None),
            (405, "./T/Text?prop=TStamp", Some("1"), None),
            (405, "./T/Text?prop=Type", Some("1"), None),
            (405, "./T/Text?prop=VerNo", Some("1"), None),
            (405, "./T/Text?list=Struct", Some("1"), None),
        ],
    );
}

#[test]
fn replace_without_meta_keeps_format_and_type_and_counts() {
    let mut tree = tree();
    for value in ["{1}", "{2}"] {
        run(
            &mut tree,
            Verb::Replace,
            item("./T/Json", Some(value), None),
        );
    }
    let node = tree.view().node(&uri("./T/Json")).unwrap();
    assert_eq!(
        (node.format, node.type_.as_str()),
        (NodeFormat::Chr, "application/json")
    );
    assert_eq!((node.as_str(), node.ver_no), (Some("{2}"), 2));
}

#[test]
fn octets_and_markup_go_only_where_they_belong() {
    let mut tree = tree();
    let octets = Item::for_target("./T/Bin").with_data(Data::binary(&[0_u8, 255][..]));
    assert_eq!(run(&mut tree, Verb::Replace, octets).status.as_u16(), 200);
    let octets = Item::for_target("./T/Text").with_data(Data::binary(&[0_u8, 255][..]));
    assert_eq!(run(&mut tree, Verb::Replace, octets).status.as_u16(), 415);
    let mut markup = Fragment::EMPTY;
    markup.push(Piece::Start(Name::new("", "x")));
    markup.push(Piece::End);
    let markup = Item::for_target("./T/Text").with_data(Data::markup(markup));
    assert_eq!(run(&mut tree, Verb::Replace, markup).status.as_u16(), 415);
}

#[test]
fn a_title_is_set_up_to_255_octets() {
    let mut tree = tree();
    let mut set = |length: usize| {
        let title = "t".repeat(length);
        run(
            &mut tree,
            Verb::Replace,
            item("./T/Text?prop=Title", Some(&title), None),
        )
        .status
        .as_u16()
    };
    assert_eq!(set(256), 413);
    assert_eq!(set(255), 200);
    assert_eq!(text(&mut tree, "./T/Text?prop=Title").unwrap().len(), 255);
}

#[test]
fn a_name_is_replaced_with_all_that_is_below() {
    let mut tree = tree();
    let rename = |tree: &mut Tree, target: &str, name: &str| {
        run(tree, Verb::Replace, item(target, Some(name), None))
            .status
            .as_u16()
    };
    assert_eq!(rename(&mut tree, "./T/Pair/a?prop=Name", "z"), 200);
    assert_eq!(text(&mut tree, "./T/Pair").unwrap(), "z");
    assert_eq!(text(&mut tree, "./T/Pair/z/Id").unwrap(), "a");
    assert_eq!(text(&mut tree, "./T/Pair/a/Id"), Err(404));
    run(
        &mut tree,
        Verb::Add,
        item("./T/Pair/a", None, Some(("node", ""))),
    );
    for (status, target, name) in [
        (200, "./T/Pair/z?prop=Name", "z"),
        (418, "./T/Pair/z?prop=Name", "a"),
        (400, "./T/Pair/z?prop=Name", "a/b"),
        (400, "./T/Pair/z?prop=Name", ""),
        (400, "./T/Pair/z?prop=Name", ".."),
        (414, "./T/Pair/z?prop=Name", "a234567890123"),
        (405, "./T/Pair?prop=Name", "x"),
        (405, "./T?prop=Name", "x"),
        (425, ".?prop=Name", "x"),
        (405, "./T/Pair/z/Id?prop=Name", "Sub"),
        (404, "./T/None?prop=Name", "x"),
        (425, "./Q/x?prop=Name", "y"),
    ] {
        assert_eq!(rename(&mut tree, target, name), status, "{target} {name:?}");
    }
}

#[test]
fn delete_removes_subtrees_but_nothing_permanent() {
    let mut tree = tree();
    run(
        &mut tree,
        Verb::Add,
        item("./T/Pair/b", None, Some(("node", ""))),
    );
    let answer = run(&mut tree, Verb::Delete, item("./T/Pair/a", None, None));
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(text(&mut tree, "./T/Pair/a/Id"), Err(404));
    // The same name can be taken again and is new.
    run(
        &mut tree,
        Verb::Add,
        item("./T/Pair/a", None, Some(("node", ""))),
    );
    assert_eq!(text(&mut tree, "./T/Pair/a").unwrap(), "");
    table(
        Verb::Delete,
        &[
            (404, "./T/None", None, None),
            (405, ".", None, None),
            (405, "./T/Text", None, None),
            (405, "./T/Pair", None, None),
            (405, "./T", None, None),
            (405, "./T/Pair/a/Id", None, None),
            (405, "./T/Text?prop=Title", None, None),
            (425, "./Q/x", None, None),
        ],
    );
}

#[test]
fn copy_overwrites_a_leaf_with_another_or_makes_it() {
    let copy = |tree: &mut Tree, source: &str, target: &str| {
        let item = Item {
            source: Some(source.into()),
            ..Item::for_target(target)
        };
        run(tree, Verb::Copy, item).status.as_u16()
    };
    let mut tree = tree();
    assert_eq!(copy(&mut tree, "./T/Fixed", "./T/Text"), 200);
    assert_eq!(text(&mut tree, "./T/Text").unwrap(), "fixed");
    assert_eq!(copy(&mut tree, "./T/Json", "./T/Ext/json"), 200);
    let node = tree.view().node(&uri("./T/Ext/json")).unwrap();
    assert_eq!(
        (node.as_str(), node.type_.as_str()),
        (Some("{}"), "application/json")
    );
    for (status, source, target) in [
        (404, "./T/None", "./T/Text"),
        (405, "./T/Empty", "./T/Text"),
        (405, "./T/Text", "./T/Empty"),
        (405, "./T/Secret", "./T/Text"),
        (405, "./T/Text", "./T/Fixed"),
        (405, "./T/Text?prop=Name", "./T/Text"),
        (405, "./T/Text", "./T/Unknown"),
        (404, "./T/Text", "./T/None/x"),
        (415, "./T/Int", "./T/Text"),
        (425, "./Q/x", "./T/Text"),
        (425, "./T/Text", "./Q/x"),
        (425, "./T/Text", "./Q/y"),
        (414, "./T/Text", DEEP),
    ] {
        assert_eq!(
            copy(&mut tree, source, target),
            status,
            "{source} to {target}"
        );
    }
}

/// Refuses `no`, undoes `late`, computes `Now`, and keeps a copy of what it takes.
struct Opinionated(NodeDescription);

impl ManagementObject for Opinionated {
    fn description(&self) -> &NodeDescription {
        &self.0
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        edit.put("", Node::interior("").with_acl(Acl::all(["s"])))
    }

    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        match change {
            Change::Replace(at, node) => {
                assert_eq!(view.text(at).unwrap(), "old");
                match node.as_str() {
                    Some("no") => Err(StatusCode::FORBIDDEN),
                    _ => Ok(()),
                }
            }
            Change::Add(at, _) | Change::Delete(at) if at.name() == "held" => {
                Err(StatusCode::FORBIDDEN)
            }
            Change::Rename(_, "held") => Err(StatusCode::FORBIDDEN),
            _ => Ok(()),
        }
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let Change::Replace(_, node) = change else {
            return Ok(());
        };
        edit.set("Copy", node.value.clone())?;
        match node.as_str() {
            Some("late") => Err(StatusCode::DEVICE_FULL),
            _ => Ok(()),
        }
    }

    fn read(
        &self,
        _view: &View<'_>,
        node: &dm_tree::NodeUri,
    ) -> Option<Result<bytes::Bytes, StatusCode>> {
        match node.name() {
            "Now" => Some(Ok("computed".into())),
            "Broken" => Some(Err(StatusCode::COMMAND_FAILED)),
            _ => None,
        }
    }
}

#[test]
fn an_object_refuses_undoes_adds_to_and_computes() {
    let leaf = |name: &'static str| {
        NodeDescription::leaf(name, NodeFormat::Chr)
            .access(Access::GET | Access::REPLACE)
            .default_value("old")
    };
    let description = NodeDescription::interior("O")
        .child(leaf("Value"))
        .child(leaf("Copy"))
        .child(leaf("Now"))
        .child(leaf("Broken"));
    for (data, status, value, copy) in [
        ("yes", 200, "yes", "yes"),
        ("no", 403, "old", "old"),
        ("late", 420, "old", "old"),
    ] {
        let mut tree = Tree::new(Box::new(Memory::new()));
        tree.mount(uri("./O"), Box::new(Opinionated(description.clone())))
            .unwrap();
        let answer = run(
            &mut tree,
            Verb::Replace,
            item("./O/Value", Some(data), None),
        );
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(text(&mut tree, "./O/Value").unwrap(), value);
        assert_eq!(text(&mut tree, "./O/Copy").unwrap(), copy);
        assert_eq!(text(&mut tree, "./O/Now").unwrap(), "computed");
        assert_eq!(text(&mut tree, "./O/Now?prop=Size").unwrap(), "8");
        assert_eq!(text(&mut tree, "./O/Broken"), Err(500));
    }
}

#[test]
fn an_object_is_asked_about_every_kind_of_change() {
    let leaf = NodeDescription::leaf("Copy", NodeFormat::Chr);
    let instance = NodeDescription::any().access(Access::DELETE | Access::ADD | Access::GET);
    let description = NodeDescription::interior("O").child(leaf).child(instance);
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.mount(uri("./O"), Box::new(Opinionated(description)))
        .unwrap();
    let mut transaction = tree.begin(0);
    let mut edit = transaction.edit(&uri("./O")).unwrap();
    edit.put("held", Node::interior("")).unwrap();
    edit.put("free", Node::interior("")).unwrap();
    transaction.commit().unwrap();
    for (status, verb, target, data) in [
        (403, Verb::Delete, "./O/held", None),
        (200, Verb::Replace, "./O/held?prop=Name", Some("x")),
        (403, Verb::Add, "./O/held", None),
        (403, Verb::Replace, "./O/free?prop=Name", Some("held")),
        (200, Verb::Delete, "./O/free", None),
    ] {
        let answer = run(&mut tree, verb, item(target, data, None));
        assert_eq!(answer.status.as_u16(), status, "{verb:?} {target}");
    }
}

#[test]
fn objects_do_not_overlap() {
    let mut tree = tree();
    let plain = || {
        Box::new(Plain {
            description: NodeDescription::interior("x"),
            nodes: Vec::new(),
        })
    };
    for root in ["./T", "./T/Ext", "."] {
        let error = tree.mount(uri(root), plain()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{root} overlaps a mounted object")
        );
    }
    tree.mount(uri("./A/B/C"), plain()).unwrap();
    tree.mount(uri("./A/B/D"), plain()).unwrap();
    assert_eq!(text(&mut tree, "./A/B").unwrap(), "C/D");
}
