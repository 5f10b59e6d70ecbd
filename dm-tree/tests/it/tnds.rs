//! Serialized subtrees in Get, Add and Replace. OMA-TS-DM_TNDS, OMA-TS-DM_RepPro.

use bytes::Bytes;
use dm_proto::{
    Data, StatusCode,
    codec::Encoding,
    message::{Item, Meta},
    session::{Answer, Verb},
};
use dm_tree::{
    Acl, Node, NodeFormat, Right, Tree, TreeOptions, UriLimits,
    description::{Access, NodeDescription, Occurrence},
    store::Memory,
    tnds::{Tnds, TndsNode},
};

use crate::support::{Plain, execute, item, uri};

/// `./T`: an open subtree, and instances that need an `Id`. `./Q`: only `owner` may touch it.
fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let all = Access::GET | Access::REPLACE | Access::DELETE | Access::ADD;
    let leaf = |name: &'static str| NodeDescription::leaf(name, NodeFormat::Chr).access(all);
    let description = NodeDescription::interior("T")
        .access(all)
        .child(NodeDescription::interior("Ext").access(all).open())
        .child(
            NodeDescription::interior("Set")
                .access(all)
                .child(leaf("Fixed").default_value("fixed"))
                .child(NodeDescription::leaf("Read", NodeFormat::Chr).default_value("read"))
                .child(NodeDescription::leaf("Secret", NodeFormat::Chr).access(Access::REPLACE))
                .child(
                    NodeDescription::any()
                        .access(all)
                        .occurrence(Occurrence::OneOrMore)
                        .child(leaf("Id").dynamic())
                        .child(leaf("Held").dynamic().access(Access::GET | Access::ADD)),
                ),
        );
    let nodes = vec![
        (
            "",
            Node::interior("").with_acl(Acl::all(["s"]).grant(Right::Get, "*")),
        ),
        ("Set/a", Node::interior("")),
        ("Set/a/Id", Node::leaf(NodeFormat::Chr, "a")),
    ];
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    let description = NodeDescription::interior("Q").access(all).open();
    let nodes = vec![("", Node::interior("").with_acl(Acl::all(["owner"])))];
    tree.mount(uri("./Q"), Box::new(Plain { description, nodes }))
        .unwrap();
    tree
}

fn run(tree: &mut Tree, server: &str, verb: Verb, item: Item) -> Answer {
    let mut transaction = tree.begin(994_869_497);
    let answer = execute(&mut transaction, server, verb, item);
    transaction.commit().unwrap();
    answer
}

fn document(nodes: Vec<TndsNode>) -> Tnds {
    let mut tnds = Tnds::default();
    for node in nodes {
        tnds.push(node);
    }
    tnds
}

fn carrying(target: &str, tnds: &Tnds) -> Item {
    let octets = tnds.write(Encoding::Xml).unwrap();
    let text = core::str::from_utf8(&octets).unwrap();
    Item::for_target(target)
        .with_data(text)
        .with_meta(Meta::format("xml").with_type(Tnds::XML))
}

fn send(tree: &mut Tree, verb: Verb, target: &str, nodes: Vec<TndsNode>) -> u16 {
    let answer = run(tree, "s", verb, carrying(target, &document(nodes)));
    answer.status.as_u16()
}

fn read(tree: &mut Tree, server: &str, target: &str) -> Tnds {
    let answer = run(tree, server, Verb::Get, item(target, None, None));
    assert_eq!(answer.status, StatusCode::OK, "{target}");
    let result = &answer.results[0];
    let meta = result.meta.as_ref().unwrap();
    assert_eq!(meta.format.as_deref(), Some("xml"));
    assert_eq!(meta.type_.as_deref(), Some(Tnds::XML));
    let text = result.data.as_ref().and_then(Data::as_str).unwrap();
    let octets = Bytes::copy_from_slice(text.as_bytes());
    Tnds::read(Encoding::Xml, &octets, &Tnds::limits()).unwrap()
}

/// Path (or nothing), name, value of each node, indented by depth.
fn outline(tnds: &Tnds) -> Vec<String> {
    tnds.nodes()
        .iter()
        .map(|node| {
            let indent = "  ".repeat(node.depth);
            let path = node.path.as_deref().map(|path| format!("[{path}]"));
            let value = node
                .value
                .as_ref()
                .map(|value| format!("={}", core::str::from_utf8(value).unwrap_or("octets")));
            let name = node.name.as_deref().unwrap_or_default();
            format!(
                "{indent}{}{name}{}",
                path.unwrap_or_default(),
                value.unwrap_or_default()
            )
        })
        .collect()
}

fn chr(depth: usize, name: &str, value: &str) -> TndsNode {
    TndsNode::leaf(depth, name, NodeFormat::Chr, value.to_owned())
}

fn node(depth: usize, name: &str) -> TndsNode {
    TndsNode::interior(depth, name, "")
}

#[test]
fn a_subtree_is_read_as_one_document_and_goes_back_the_same() {
    let mut tree = tree();
    let octets = TndsNode::leaf(1, "octets", NodeFormat::Bin, vec![0, 255]).with_type("image/png");
    let own = node(1, "own").with_acl(Acl::parse("Get=*&Replace=s&Add=s&Delete=s").unwrap());
    let sent = vec![
        TndsNode::interior(0, "box", "urn:x:box:1.0"),
        octets,
        own,
        chr(2, "deep", "<v>"),
        TndsNode::leaf(1, "seven", NodeFormat::Int, "7"),
    ];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext", sent), 200);
    let first = read(&mut tree, "s", "./T/Ext/box?list=TNDS-TStamp");
    assert_eq!(
        outline(&first),
        [
            "box",
            "  octets=octets",
            "  own",
            "    deep=<v>",
            "  seven=7"
        ]
    );
    assert_eq!(first.nodes()[0].type_.as_deref(), Some("urn:x:box:1.0"));
    assert_eq!(first.nodes()[1].type_.as_deref(), Some("image/png"));
    assert_eq!(first.nodes()[1].format, Some(NodeFormat::Bin));
    assert_eq!(
        first.nodes()[2]
            .acl
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("Add=s&Delete=s&Get=*&Replace=s")
    );
    // Deleted and added again from what was read, it is what it was.
    run(
        &mut tree,
        "s",
        Verb::Delete,
        item("./T/Ext/box", None, None),
    );
    let again = run(&mut tree, "s", Verb::Add, carrying("./T/Ext/box", &first));
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(
        read(&mut tree, "s", "./T/Ext/box?list=TNDS-TStamp-VerNo"),
        {
            let mut expected = Tnds::default();
            for node in first.nodes() {
                let mut node = node.clone();
                node.ver_no = None;
                expected.push(node);
            }
            expected
        }
    );
}

#[test]
fn a_selection_limits_what_is_told_of_each_node() {
    let mut tree = tree();
    let tnds = read(&mut tree, "s", "./T/Set/a/Id?list=TNDS+Value+ACL");
    let mut expected = TndsNode::default();
    expected.name = Some("Id".into());
    expected.value = Some("a".into());
    assert_eq!(tnds.nodes(), [expected]);
    let tnds = read(&mut tree, "s", "./T/Set/a/Id?list=TNDS-Value-Format");
    let id = &tnds.nodes()[0];
    assert_eq!((id.format, &id.value), (None, &None));
    assert_eq!(id.tstamp.as_deref(), Some("19700101T000000Z"));
    assert_eq!(
        (id.ver_no, id.type_.as_deref()),
        (Some(0), Some("text/plain"))
    );
    // A Format that is not asked for is told where the value could not be read without it.
    let octets = item("./T/Ext/o", Some("AAH/"), Some(("b64", "image/png")));
    run(&mut tree, "s", Verb::Add, octets);
    let tnds = read(&mut tree, "s", "./T/Ext/o?list=TNDS+Value");
    let node = &tnds.nodes()[0];
    assert_eq!(
        (node.format, node.value.as_deref()),
        (Some(NodeFormat::Bin), Some(&[0, 1, 255][..]))
    );
    for refused in ["TNDS+Value-ACL", "TNDS+Size", "TNDS-Name", "TNDS+", "TNDSx"] {
        let target = format!("./T?list={refused}");
        let answer = run(&mut tree, "s", Verb::Get, item(&target, None, None));
        assert_eq!(answer.status.as_u16(), 406, "{refused}");
    }
}

#[test]
fn wbxml_is_written_for_who_asks_for_it_and_read() {
    let mut tree = tree();
    let ask =
        Item::for_target("./T/Set/a?list=TNDS").with_meta(Meta::default().with_type(Tnds::WBXML));
    let answer = run(&mut tree, "s", Verb::Get, ask);
    let result = &answer.results[0];
    let meta = result.meta.as_ref().unwrap();
    assert_eq!(meta.type_.as_deref(), Some(Tnds::WBXML));
    let octets = result.data.as_ref().and_then(Data::to_bytes).unwrap();
    let tnds = Tnds::read(Encoding::Wbxml, &octets, &Tnds::limits()).unwrap();
    assert_eq!(outline(&tnds), ["a", "  Id=a"]);
    let send = |data: Data, format: &str| {
        Item::for_target("./T/Ext/b")
            .with_data(data)
            .with_meta(Meta::format(format).with_type(Tnds::WBXML))
    };
    let tnds = document(vec![node(0, "b"), chr(1, "c", "d")]);
    let octets = tnds.write(Encoding::Wbxml).unwrap();
    let answer = run(&mut tree, "s", Verb::Add, send(Data::binary(octets), "bin"));
    assert_eq!(answer.status, StatusCode::OK);
    let answer = run(&mut tree, "s", Verb::Add, send("?".into(), "b64"));
    assert_eq!(answer.status.as_u16(), 400);
    assert_eq!(tree.view().text(&uri("./T/Ext/b/c")).unwrap(), "d");
}

#[test]
fn the_target_is_the_parent_or_the_node_itself() {
    for (target, nodes, made) in [
        // There: the parent.
        (
            "./T/Ext",
            vec![node(0, "x"), chr(1, "y", "v")],
            "./T/Ext/x/y",
        ),
        (
            "./T/Ext",
            vec![chr(0, "one", "1"), chr(0, "y", "v")],
            "./T/Ext/y",
        ),
        // Not there: the node, if it has the same name or none.
        (
            "./T/Ext/x",
            vec![node(0, "x"), chr(1, "y", "v")],
            "./T/Ext/x/y",
        ),
        (
            "./T/Ext/x",
            vec![node(0, ""), chr(1, "y", "v")],
            "./T/Ext/x/y",
        ),
        // Flat, with paths from the target, or with its name before them.
        (
            "./T/Ext",
            vec![
                node(0, "x"),
                node(0, "z").with_path("x"),
                chr(0, "y", "v").with_path("./x/z"),
            ],
            "./T/Ext/x/z/y",
        ),
        (
            "./T/Ext/x",
            vec![
                node(0, "x"),
                node(0, "z").with_path(""),
                chr(0, "y", "v").with_path("z"),
            ],
            "./T/Ext/x/z/y",
        ),
        (
            "./T/Ext/x",
            vec![
                node(0, "x"),
                node(0, "z").with_path("x"),
                chr(0, "y", "v").with_path("x/z"),
            ],
            "./T/Ext/x/z/y",
        ),
    ] {
        let mut tree = tree();
        assert_eq!(
            send(&mut tree, Verb::Add, target, nodes),
            200,
            "{target} {made}"
        );
        assert!(tree.view().exists(&uri(made)), "{made}");
    }
}

#[test]
fn one_node_that_fails_undoes_all_and_is_named() {
    for (status, target, nodes, failed) in [
        (
            418,
            "./T/Ext",
            vec![node(0, "x"), chr(1, "y", ""), chr(1, "y", "")],
            "./T/Ext/x/y",
        ),
        (
            405,
            "./T/Ext",
            vec![chr(0, "x", ""), chr(0, "y", "").with_path("x")],
            "./T/Ext/x/y",
        ),
        (
            404,
            "./T/Ext",
            vec![chr(0, "y", "").with_path("none")],
            "./T/Ext/none",
        ),
        (
            404,
            "./T/Ext/x",
            vec![chr(0, "a", ""), chr(0, "b", "")],
            "./T/Ext/x",
        ),
        (
            415,
            "./T/Set",
            vec![node(0, "b"), TndsNode::leaf(1, "Id", NodeFormat::Int, "1")],
            "./T/Set/b/Id",
        ),
        (
            405,
            "./T/Set",
            vec![node(0, "b"), chr(1, "Other", "")],
            "./T/Set/b/Other",
        ),
        (425, "./Q", vec![chr(0, "x", "")], "./Q/x"),
        (
            414,
            "./T/Ext",
            vec![chr(0, "a2345678901234567", "")],
            "./T/Ext/a2345678901234567",
        ),
        (
            415,
            "./T/Ext",
            vec![
                chr(0, "ok", ""),
                TndsNode::leaf(0, "n", NodeFormat::Int, "one"),
            ],
            "./T/Ext/n",
        ),
    ] {
        let mut tree = tree();
        tree.set_uri_limits(UriLimits {
            max_seg_len: 16,
            ..UriLimits::default()
        });
        let before = read(&mut tree, "owner", ".?list=TNDS");
        let sent = carrying(target, &document(nodes));
        let answer = run(&mut tree, "s", Verb::Add, sent);
        assert_eq!(answer.status.as_u16(), status, "{target} {failed}");
        assert_eq!(answer.items, [Item::for_target(failed)]);
        assert_eq!(read(&mut tree, "owner", ".?list=TNDS"), before);
    }
    let mut tree = tree();
    // Nodes without a name where none can be given, and one that is there.
    assert_eq!(
        send(&mut tree, Verb::Add, "./T/Ext", vec![node(0, "")]),
        418
    );
    assert_eq!(
        send(&mut tree, Verb::Add, "./T/Set/Fixed", vec![chr(0, "", "")]),
        418
    );
    assert_eq!(
        send(
            &mut tree,
            Verb::Add,
            "./T/Ext",
            vec![node(0, "x"), chr(1, "", "")]
        ),
        400
    );
    let empty = item("./T/Ext", None, Some(("xml", Tnds::XML)));
    assert_eq!(run(&mut tree, "s", Verb::Add, empty).status.as_u16(), 400);
    let other = item(
        "./T/Ext/x",
        Some("v"),
        Some(("xml", "application/vnd.syncml.dmtnds+json")),
    );
    assert_eq!(run(&mut tree, "s", Verb::Add, other).status.as_u16(), 200);
}

#[test]
fn acls_in_a_document_follow_the_rules_for_changing_them() {
    let mut tree = tree();
    let acl = |text: &str| Acl::parse(text).unwrap();
    // Who adds under its own ACL may set others, whatever they leave to itself.
    let sent = vec![
        node(0, "x").with_acl(acl("Get=t")),
        chr(1, "y", "v").with_acl(acl("Get=*")),
        chr(1, "z", "v"),
    ];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext", sent), 200);
    let acl_of = |tree: &Tree, at: &str| tree.view().node(&uri(at)).unwrap().acl.to_string();
    assert_eq!(acl_of(&tree, "./T/Ext/x"), "Get=t");
    assert_eq!(acl_of(&tree, "./T/Ext/x/y"), "Get=*");
    // A server that may only add: its interior nodes are its own, the ACL of a leaf beside them is not.
    let adders = item("./T/Ext?prop=ACL", Some("Add=adder&Get=*&Replace=s"), None);
    run(&mut tree, "s", Verb::Replace, adders);
    let inner = carrying(
        "./T/Ext",
        &document(vec![node(0, "i").with_acl(acl("Get=*"))]),
    );
    assert_eq!(
        run(&mut tree, "adder", Verb::Add, inner).status.as_u16(),
        200
    );
    let leaf = carrying(
        "./T/Ext",
        &document(vec![chr(0, "l", "v").with_acl(acl("Get=*"))]),
    );
    assert_eq!(
        run(&mut tree, "adder", Verb::Add, leaf).status.as_u16(),
        425
    );
}

#[test]
fn what_a_server_may_not_read_is_left_out_and_what_is_below_it_keeps_its_place() {
    let mut tree = tree();
    let acl = |text: &str| Acl::parse(text).unwrap();
    let sent = vec![
        node(0, "x"),
        node(1, "hidden").with_acl(acl("Get=s&Replace=s")),
        node(2, "shown").with_acl(acl("Get=*&Replace=s")),
        chr(3, "leaf", "v"),
        chr(2, "gone", "v"),
        chr(1, "after", "v"),
    ];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext", sent), 200);
    let seen = read(&mut tree, "other", "./T/Ext/x?list=TNDS");
    assert_eq!(
        outline(&seen),
        ["x", "  after=v", "[hidden]shown", "  leaf=v"]
    );
    let seen = read(&mut tree, "s", "./T/Set?list=TNDS");
    let secret = seen
        .nodes()
        .iter()
        .find(|node| node.name.as_deref() == Some("Secret"));
    assert_eq!(secret.unwrap().value, None, "no Get, no value");
    let answer = run(&mut tree, "s", Verb::Get, item("./Q?list=TNDS", None, None));
    assert_eq!(answer.status.as_u16(), 425);
}

#[test]
fn replace_makes_the_subtree_what_the_document_says() {
    let mut tree = tree();
    let first = vec![
        node(0, "x"),
        chr(1, "kept", "1").with_acl(Acl::parse("Get=*&Replace=s").unwrap()),
        node(1, "gone"),
        chr(2, "too", "v"),
        chr(1, "turned", "leaf"),
    ];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext", first), 200);
    let second = || {
        vec![
            node(0, "x"),
            chr(1, "kept", "2"),
            node(1, "turned"),
            chr(2, "new", "v"),
        ]
    };
    assert_eq!(send(&mut tree, Verb::Replace, "./T/Ext/x", second()), 200);
    let seen = read(&mut tree, "s", "./T/Ext/x?list=TNDS");
    assert_eq!(outline(&seen), ["x", "  kept=2", "  turned", "    new=v"]);
    // As if it had been made anew: without an ACL, since none is given.
    assert!(
        tree.view()
            .node(&uri("./T/Ext/x/kept"))
            .unwrap()
            .acl
            .is_empty()
    );
    // Without a node that stands for the target, the nodes go below it.
    assert_eq!(
        send(
            &mut tree,
            Verb::Replace,
            "./T/Ext",
            vec![chr(0, "only", "v")]
        ),
        200
    );
    let seen = read(&mut tree, "s", "./T/Ext?list=TNDS");
    assert_eq!(outline(&seen), ["Ext", "  only=v"]);
    // A leaf.
    assert_eq!(
        send(
            &mut tree,
            Verb::Replace,
            "./T/Ext/only",
            vec![chr(0, "", "w")]
        ),
        200
    );
    assert_eq!(tree.view().text(&uri("./T/Ext/only")).unwrap(), "w");
}

#[test]
fn replace_changes_nothing_if_anything_is_refused() {
    let id = |value: &str| vec![node(0, "Set"), node(1, "a"), chr(2, "Id", value)];
    let with = |more: Vec<TndsNode>| {
        let mut nodes = vec![node(0, "Set")];
        nodes.extend(more);
        nodes
    };
    let fixed = || {
        vec![
            chr(1, "Fixed", "f"),
            chr(1, "Read", "read"),
            chr(1, "Secret", "s"),
        ]
    };
    for (status, target, nodes) in [
        (404, "./T/None", vec![node(0, "None")]),
        (425, "./Q", vec![node(0, "Q")]),
        // Permanent nodes that are left out would have to be deleted.
        (405, "./T/Set", id("new")),
        (
            415,
            "./T/Set",
            with([fixed(), vec![chr(1, "a", "v")]].concat()),
        ),
        // Not one of what there must be one of at least.
        (405, "./T/Set", with(fixed())),
        // A leaf that cannot be replaced, and one that nothing describes.
        (
            405,
            "./T/Set",
            with(vec![
                chr(1, "Fixed", "f"),
                chr(1, "Read", "x"),
                chr(1, "Secret", "s"),
                node(1, "a"),
                chr(2, "Id", "a"),
            ]),
        ),
        (
            405,
            "./T/Set/a",
            vec![node(0, "a"), chr(1, "Id", "a"), chr(1, "No", "a")],
        ),
        (
            415,
            "./T/Set/a",
            vec![node(0, "a"), TndsNode::leaf(1, "Id", NodeFormat::Int, "1")],
        ),
        (
            418,
            "./T/Set/a",
            vec![node(0, "a"), chr(1, "Id", "1"), chr(1, "Id", "2")],
        ),
        (405, "./T/Set/a/Id", vec![node(0, "Id")]),
    ] {
        let mut tree = tree();
        let before = read(&mut tree, "s", "./T?list=TNDS");
        let outline = outline(&document(nodes.clone()));
        assert_eq!(
            send(&mut tree, Verb::Replace, target, nodes),
            status,
            "{target} {outline:?}"
        );
        assert_eq!(read(&mut tree, "s", "./T?list=TNDS"), before);
    }
    // What a Get returned goes back, read-only values and values that are not told included.
    let mut tree = tree();
    let seen = read(&mut tree, "s", "./T/Set?list=TNDS");
    let answer = run(&mut tree, "s", Verb::Replace, carrying("./T/Set", &seen));
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(read(&mut tree, "s", "./T/Set?list=TNDS"), seen);
    // One instance takes the place of another.
    let mut nodes = with(fixed());
    nodes.extend([node(1, "b"), chr(2, "Id", "b")]);
    assert_eq!(send(&mut tree, Verb::Replace, "./T/Set", nodes), 200);
    assert!(!tree.view().exists(&uri("./T/Set/a")) && tree.view().exists(&uri("./T/Set/b/Id")));
}

#[test]
fn a_document_that_stands_unescaped_in_a_message_is_read() {
    let xml = "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
        <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>d</LocURI></Target><Source><LocURI>s</LocURI>\
        </Source></SyncHdr><SyncBody><Add><CmdID>4</CmdID><Item><Target><LocURI>./T/Ext</LocURI></Target>\
        <Meta><Format xmlns='syncml:metinf'>xml</Format><Type xmlns='syncml:metinf'>\
        application/vnd.syncml.dmtnds+xml</Type></Meta><Data>NS\
        <VerDTD>1.2</VerDTD><Node><NodeName>E-Mail</NodeName><RTProperties><Format><node/></Format>\
        <Type><DDFName>com.example/1.0/Mail</DDFName></Type></RTProperties><Node><NodeName>User</NodeName>\
        <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\
        <Value>UserName</Value></Node></Node></MgmtTree></Data></Item></Add><Final/></SyncBody></SyncML>";
    for root in ["<MgmtTree xmlns='syncml:dmddf1.2'>", "<MgmtTree>"] {
        let octets = Bytes::from(xml.replace("NS", root));
        let decoded = dm_proto::codec::decode(Encoding::Xml, &octets, &Default::default()).unwrap();
        let item = decoded.message.commands[0].items()[0].clone();
        let mut tree = tree();
        assert_eq!(
            run(&mut tree, "s", Verb::Add, item).status,
            StatusCode::OK,
            "{root}"
        );
        assert_eq!(
            tree.view().text(&uri("./T/Ext/E-Mail/User")).unwrap(),
            "UserName"
        );
    }
}

#[test]
fn interior_nodes_on_the_way_are_made_only_by_a_tree_that_does_so() {
    let mut tree = tree();
    let sent = || vec![node(0, "x"), chr(1, "y", "v")];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext/a/b", sent()), 404);
    let mut options = TreeOptions::default();
    options.implicit_add = true;
    tree.set_options(options);
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext/a/b", sent()), 200);
    assert!(tree.view().exists(&uri("./T/Ext/a/b/x/y")));
}

#[test]
fn a_rollback_restores_what_documents_and_properties_changed() {
    let mut tree = tree();
    let sent = vec![node(0, "x"), chr(1, "y", "v"), chr(1, "z", "v")];
    assert_eq!(send(&mut tree, Verb::Add, "./T/Ext", sent), 200);
    let before = read(&mut tree, "s", "./T?list=TNDS");
    let mut transaction = tree.begin(2_000_000_000);
    transaction.savepoint();
    let replaced = document(vec![node(0, "x"), chr(1, "y", "w"), node(1, "new")]);
    for (verb, command) in [
        (Verb::Replace, carrying("./T/Ext/x", &replaced)),
        (
            Verb::Add,
            carrying("./T/Ext/x/new", &document(vec![chr(0, "deep", "v")])),
        ),
        (
            Verb::Replace,
            item("./T/Ext/x?prop=Name", Some("renamed"), None),
        ),
        (
            Verb::Replace,
            item("./T/Ext/renamed/y", Some("7"), Some(("int", "text/plain"))),
        ),
        (
            Verb::Replace,
            item("./T/Ext/renamed/y?prop=Title", Some("title"), None),
        ),
        (
            Verb::Replace,
            item("./T/Ext/renamed?prop=ACL", Some("Get=*&Replace=s"), None),
        ),
        (Verb::Delete, item("./T/Set/a/Id", None, None)),
    ] {
        let what = format!("{verb:?} {command:?}");
        let status = execute(&mut transaction, "s", verb, command)
            .status
            .as_u16();
        // There must be an Id.
        let expected = if verb == Verb::Delete { 405 } else { 200 };
        assert_eq!(status, expected, "{what}");
    }
    assert!(transaction.view().exists(&uri("./T/Ext/renamed/new/deep")));
    transaction.rollback();
    transaction.commit().unwrap();
    assert_eq!(read(&mut tree, "s", "./T?list=TNDS"), before);
}
