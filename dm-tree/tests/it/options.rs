//! What a tree does where the documents leave a choice, and what its descriptions say of names and defaults.

use dm_proto::{
    Data, StatusCode,
    message::{Item, Meta},
    session::{Answer, Verb},
};
use dm_tree::{
    Acl, CreatorAcl, Node, NodeFormat, Right, Tree, TreeOptions, UriLimits,
    description::{Access, CaseSense, NodeDescription, Occurrence},
    object::ManagementObject,
    store::Memory,
    tnds::Tnds,
};

use crate::support::{Plain, account, execute, item, uri};

const ALL: [Access; 4] = [Access::GET, Access::REPLACE, Access::DELETE, Access::ADD];

fn all() -> Access {
    ALL.into_iter().fold(Access::NONE, |all, one| all | one)
}

fn mounted(description: NodeDescription, acl: Acl) -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let nodes = vec![("", Node::interior("").with_acl(acl))];
    tree.mount(uri("./T"), Box::new(Plain { description, nodes }))
        .unwrap();
    tree
}

fn run(tree: &mut Tree, verb: Verb, item: Item) -> Answer {
    let mut transaction = tree.begin(1);
    let answer = execute(&mut transaction, "s", verb, item);
    transaction.commit().unwrap();
    answer
}

fn status(tree: &mut Tree, verb: Verb, target: &str, data: Option<&str>, format: &str) -> u16 {
    run(tree, verb, item(target, data, Some((format, ""))))
        .status
        .as_u16()
}

fn options(change: impl FnOnce(&mut TreeOptions)) -> TreeOptions {
    let mut options = TreeOptions::default();
    change(&mut options);
    options
}

#[test]
fn interior_nodes_are_added_implicitly_where_each_could_be_added() {
    let description = NodeDescription::interior("T").access(all()).open();
    let acl = Acl::default().grant(Right::Add, "s").grant(Right::Get, "*");
    let mut tree = mounted(description, acl.clone());
    tree.set_options(options(|options| options.implicit_add = true));
    assert_eq!(
        status(&mut tree, Verb::Add, "./T/a/b/c", Some("v"), "chr"),
        200
    );
    let node = |at: &str| tree.view().node(&uri(at)).unwrap();
    assert!(node("./T/a").is_interior() && node("./T/a/b").is_interior());
    // Its creator has no Replace on ./T, and has it on what it made there.
    assert_eq!(
        node("./T/a").acl.to_string(),
        "Add=s&Delete=s&Get=s&Replace=s"
    );
    assert!(node("./T/a/b").acl.is_empty());

    let description = NodeDescription::interior("T").access(all()).child(
        NodeDescription::any().child(NodeDescription::leaf("Id", NodeFormat::Chr).dynamic()),
    );
    let mut tree = mounted(description, acl);
    tree.set_options(options(|options| options.implicit_add = true));
    let answer = run(&mut tree, Verb::Add, item("./T/x/y/z", Some("v"), None));
    assert_eq!(answer.status, StatusCode::COMMAND_NOT_ALLOWED);
    assert_eq!(answer.items, [Item::for_target("./T/x/y")]);
    assert!(
        !tree.view().exists(&uri("./T/x")),
        "a failure leaves nothing"
    );
}

#[test]
fn what_is_permanent_below_a_dynamic_node_comes_and_goes_with_it() {
    let run_it = NodeDescription::leaf("Run", NodeFormat::Null).access(Access::EXEC);
    let instance = NodeDescription::any()
        .access(all())
        .child(NodeDescription::leaf("Id", NodeFormat::Chr).dynamic())
        .child(NodeDescription::leaf("State", NodeFormat::Int).default_value("10"))
        .child(NodeDescription::interior("Operations").child(run_it))
        .child(NodeDescription::interior("Parts").computed());
    let description = NodeDescription::interior("T").access(all()).child(instance);
    let mut tree = mounted(description, Acl::all(["s"]));
    assert_eq!(status(&mut tree, Verb::Add, "./T/x", None, "node"), 200);
    let text = |tree: &Tree, at: &str| tree.view().text(&uri(at)).unwrap().to_string();
    assert_eq!(text(&tree, "./T/x/State"), "10");
    assert!(tree.view().exists(&uri("./T/x/Operations/Run")));
    assert!(!tree.view().exists(&uri("./T/x/Id")));
    // No server makes, takes or renames it, but it goes with what it came with.
    for (expected, verb, target) in [
        (418, Verb::Add, "./T/x/State"),
        (405, Verb::Delete, "./T/x/Operations"),
        (405, Verb::Replace, "./T/x/State?prop=Name"),
        (200, Verb::Replace, "./T/x?prop=Name"),
    ] {
        let answer = run(&mut tree, verb, item(target, Some("y"), None));
        assert_eq!(answer.status.as_u16(), expected, "{target}");
    }
    assert_eq!(text(&tree, "./T/y/State"), "10");
    let read = run(&mut tree, Verb::Get, item("./T/y?list=TNDS", None, None));
    assert_eq!(status(&mut tree, Verb::Delete, "./T/y", None, ""), 200);
    assert!(!tree.view().exists(&uri("./T/y/Operations/Run")));
    // A document of all of it makes it again: what came with it is there once.
    let document = read.results.into_iter().next().unwrap();
    let carrying = |data: &str| Item {
        data: Some(data.into()),
        ..Item::for_target("./T").with_meta(Meta::format("xml").with_type(Tnds::XML))
    };
    let data = document.data.as_ref().and_then(Data::as_str).unwrap();
    for (expected, data) in [
        (405, data.replace(">10<", ">20<")),
        (
            418,
            data.replace("<NodeName>State<", "<NodeName>Operations<"),
        ),
        (200, data.to_owned()),
        (418, data.to_owned()),
    ] {
        let answer = run(&mut tree, Verb::Add, carrying(&data));
        assert_eq!(answer.status.as_u16(), expected, "{data}");
    }
    assert_eq!(text(&tree, "./T/y/State"), "10");
    assert_eq!(status(&mut tree, Verb::Delete, "./T/y", None, ""), 200);
    // A refusal leaves nothing of it.
    let mut transaction = tree.begin(1);
    transaction.savepoint();
    execute(
        &mut transaction,
        "s",
        Verb::Add,
        item("./T/z", None, Some(("node", ""))),
    );
    transaction.rollback();
    assert!(!transaction.view().exists(&uri("./T/z/State")));
}

#[test]
fn a_creator_gets_the_literal_acl_where_the_tree_says_so() {
    for (kept, acl) in [
        (CreatorAcl::Keeping, "Add=s&Delete=s&Exec=s&Get=s&Replace=s"),
        (CreatorAcl::Literal, "Add=s&Delete=s&Replace=s"),
    ] {
        let description = NodeDescription::interior("T").access(all()).open();
        let inherited = Acl::parse("Add=s&Get=*&Exec=s").unwrap();
        let mut tree = mounted(description, inherited);
        tree.set_options(options(|options| options.creator_acl = kept));
        assert_eq!(status(&mut tree, Verb::Add, "./T/n", None, "node"), 200);
        assert_eq!(
            tree.view().node(&uri("./T/n")).unwrap().acl.to_string(),
            acl
        );
    }
}

#[test]
fn a_value_that_is_too_large_is_413() {
    let description = NodeDescription::interior("T").access(all()).open();
    let mut tree = mounted(description, Acl::all(["s"]));
    tree.set_options(options(|options| options.max_value = Some(3)));
    assert_eq!(
        status(&mut tree, Verb::Add, "./T/x", Some("1234"), "chr"),
        413
    );
    assert_eq!(
        status(&mut tree, Verb::Add, "./T/x", Some("123"), "chr"),
        200
    );
    assert_eq!(
        status(&mut tree, Verb::Replace, "./T/x", Some("1234"), "chr"),
        413
    );
}

#[test]
fn a_default_value_is_what_a_node_has_that_is_made_without_one() {
    let leaf = NodeDescription::leaf("Id", NodeFormat::Int)
        .dynamic()
        .access(all())
        .default_value("7");
    let description = NodeDescription::interior("T").access(all()).child(leaf);
    for (data, value) in [(None, "7"), (Some("8"), "8")] {
        let mut tree = mounted(description.clone(), Acl::all(["s"]));
        assert_eq!(status(&mut tree, Verb::Add, "./T/Id", data, "int"), 200);
        assert_eq!(tree.view().text(&uri("./T/Id")).unwrap(), value);
    }
    let mut tree = mounted(description, Acl::all(["s"]));
    assert_eq!(status(&mut tree, Verb::Add, "./T/Id", Some(""), "int"), 415);
    assert_eq!(status(&mut tree, Verb::Add, "./T/Id", None, "chr"), 415);
}

#[test]
fn case_does_not_count_where_the_description_says_so_and_spellings_are_kept() {
    let all = all() | Access::COPY;
    let instance = NodeDescription::any()
        .access(all)
        .child(
            NodeDescription::leaf("Id", NodeFormat::Chr)
                .dynamic()
                .access(all),
        )
        .child(
            NodeDescription::interior("Strict")
                .access(all)
                .case_sense(CaseSense::Sensitive)
                .dynamic()
                .open(),
        );
    let description = NodeDescription::interior("T")
        .access(all)
        .case_sense(CaseSense::Insensitive)
        .child(
            NodeDescription::leaf("One", NodeFormat::Chr)
                .dynamic()
                .access(all)
                .occurrence(Occurrence::ZeroOrOne),
        )
        .child(instance);
    let mut tree = mounted(description, Acl::all(["s"]));
    for (expected, verb, target, data, format) in [
        (200, Verb::Add, "./T/Abc", None, "node"),
        (418, Verb::Add, "./T/aBC", None, "node"),
        (200, Verb::Add, "./T/ABC/id", Some("v"), "chr"),
        (200, Verb::Replace, "./T/abc/ID", Some("w"), "chr"),
        (418, Verb::Add, "./T/abc/Id", Some("v"), "chr"),
        (200, Verb::Add, "./T/one", Some("v"), "chr"),
        (418, Verb::Add, "./T/ONE", Some("v"), "chr"),
        (200, Verb::Add, "./T/def", None, "node"),
        (418, Verb::Replace, "./T/def?prop=Name", Some("ABC"), ""),
        (200, Verb::Replace, "./T/def?prop=Name", Some("DEF"), ""),
        (200, Verb::Add, "./T/abc/Strict", None, "node"),
        (200, Verb::Add, "./T/abc/strict/x", Some("v"), "chr"),
        (200, Verb::Add, "./T/abc/strict/X", Some("v"), "chr"),
        (404, Verb::Get, "./t", None, ""),
    ] {
        assert_eq!(
            status(&mut tree, verb, target, data, format),
            expected,
            "{verb:?} {target}"
        );
    }
    let names = |at: &str| {
        let names = tree.view().children(&uri(at)).unwrap();
        names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("/")
    };
    assert_eq!(names("./T"), "Abc/DEF/one");
    assert_eq!(names("./T/Abc"), "Strict/id");
    assert_eq!(names("./T/Abc/Strict"), "X/x");
    assert_eq!(tree.view().text(&uri("./T/Abc/id")).unwrap(), "w");
    assert_eq!(status(&mut tree, Verb::Delete, "./T/aBc", None, ""), 200);
    assert!(!tree.view().exists(&uri("./T/Abc")));
}

#[test]
fn a_name_may_not_make_uris_below_too_long() {
    let description = NodeDescription::interior("T").access(all()).open();
    let mut tree = mounted(description, Acl::all(["s"]));
    status(&mut tree, Verb::Add, "./T/a", None, "node");
    status(&mut tree, Verb::Add, "./T/a/0123456789", Some("v"), "chr");
    tree.set_uri_limits(UriLimits {
        max_tot_len: 20,
        ..UriLimits::default()
    });
    assert_eq!(
        status(
            &mut tree,
            Verb::Replace,
            "./T/a?prop=Name",
            Some("12345"),
            ""
        ),
        200
    );
    assert_eq!(
        status(
            &mut tree,
            Verb::Replace,
            "./T/12345?prop=Name",
            Some("123456"),
            ""
        ),
        414
    );
    assert!(tree.view().exists(&uri("./T/12345/0123456789")));
}

#[test]
fn a_count_of_changes_begins_again_after_the_last() {
    let description = NodeDescription::interior("T").access(all()).open();
    let mut tree = mounted(description, Acl::all(["s"]));
    status(&mut tree, Verb::Add, "./T/a", Some("v"), "chr");
    let mut transaction = tree.begin(1);
    for _ in 0..0xFFFF {
        execute(
            &mut transaction,
            "s",
            Verb::Replace,
            item("./T/a", Some("v"), None),
        );
    }
    assert_eq!(
        transaction.view().node(&uri("./T/a")).unwrap().ver_no,
        0xFFFF
    );
    execute(
        &mut transaction,
        "s",
        Verb::Replace,
        item("./T/a", Some("v"), None),
    );
    assert_eq!(transaction.view().node(&uri("./T/a")).unwrap().ver_no, 0);
}

#[test]
fn a_server_whose_account_goes_is_in_no_acl_any_more() {
    use dm_tree::std_objects::DmAcc;
    struct Deletable(DmAcc, NodeDescription);
    impl ManagementObject for Deletable {
        fn description(&self) -> &NodeDescription {
            &self.1
        }
        fn setup(&self, edit: &mut dm_tree::Edit<'_>) -> Result<(), StatusCode> {
            self.0.setup(edit)
        }
    }
    let accounts = DmAcc::new(vec![account()]);
    let instance = NodeDescription::any()
        .type_(DmAcc::TYPE)
        .access(all())
        .open();
    let description = NodeDescription::interior("DMAcc").child(instance);
    let mut tree = mounted(
        NodeDescription::interior("T").access(all()).open(),
        Acl::all(["s", "srv"]).grant(Right::Get, "*"),
    );
    tree.mount(uri(DmAcc::ROOT), Box::new(Deletable(accounts, description)))
        .unwrap();
    let own = item("./T/own", None, Some(("node", "")));
    run(&mut tree, Verb::Add, own);
    let acl = item("./T/own?prop=ACL", Some("Get=srv&Replace=srv"), None);
    assert_eq!(run(&mut tree, Verb::Replace, acl).status, StatusCode::OK);
    let mut transaction = tree.begin(1);
    let gone = execute(
        &mut transaction,
        "srv",
        Verb::Delete,
        item("./DMAcc/srv", None, None),
    );
    assert_eq!(gone.status, StatusCode::OK);
    transaction.commit().unwrap();
    let acl = |at: &str| tree.view().node(&uri(at)).unwrap().acl.to_string();
    assert_eq!(acl("./T"), "Add=s&Delete=s&Exec=s&Get=*&Replace=s");
    assert_eq!(acl("./T/own"), "", "it inherits again");
    assert_eq!(acl("."), "Add=*&Get=*");
}

#[test]
fn a_tree_describes_what_is_mounted() {
    use dm_proto::codec::Encoding;
    use dm_tree::{
        ddf::Ddf,
        std_objects::{DevInfo, Inbox},
    };
    let mut tree = mounted(
        NodeDescription::interior("any").access(all()).open(),
        Acl::all(["s"]),
    );
    tree.mount(
        uri("./DevInfo"),
        Box::new(DevInfo::new("urn:x", "Man", "Mod")),
    )
    .unwrap();
    tree.mount(uri(Inbox::ROOT), Box::new(Inbox::new()))
        .unwrap();
    let xml = tree.ddf().write(Encoding::Xml).unwrap();
    let ddf = Ddf::read(Encoding::Xml, &xml, &Ddf::limits()).unwrap();
    // What a server learns from the document is what the device answers.
    for (verb, target) in [
        (Verb::Get, "./DevInfo/DevId"),
        (Verb::Replace, "./DevInfo/DevId"),
        (Verb::Delete, "./DevInfo/DevId"),
        (Verb::Add, "./DevInfo/New"),
        (Verb::Get, "./DevInfo/None"),
        (Verb::Add, "./T/x"),
        (Verb::Delete, "./T"),
    ] {
        let command = item(target, Some("v"), None);
        let told = ddf
            .check(verb, &command)
            .map_or_else(StatusCode::as_u16, |()| 200);
        let mut transaction = tree.begin(1);
        // With every right, so that only the description decides.
        let mut edit = transaction.edit(&uri("./DevInfo")).unwrap();
        let node = edit.view().node(&uri("./DevInfo")).unwrap();
        edit.put("", node.with_acl(Acl::all(["s"]))).unwrap();
        let answered = execute(&mut transaction, "s", verb, command)
            .status
            .as_u16();
        assert_eq!(told, answered, "{verb:?} {target}");
    }
}
