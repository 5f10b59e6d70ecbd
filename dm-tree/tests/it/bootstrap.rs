//! Bootstrap messages of the Device Management profile. OMA-TS-DM_Bootstrap.

use dm_proto::{
    Data, Limits, StatusCode,
    auth::{Credentials, Nonce, Scheme},
    bootstrap::{BootstrapError, Content, Kind, Message, Secrets, Security, SerializedObject},
    codec::{self, Encoding},
    message::{Add, Atomic, Command, Item, Meta, SyncMl},
    session::Verb,
};
use dm_tree::{
    Acl, NodeFormat, NodeUri, Right, Tree,
    agent::{Agent, AgentConfig},
    bootstrap::Reason,
    description::NodeDescription,
    object::ManagementObject,
    std_objects::{DevInfo, DmAcc, Inbox},
    store::Memory,
    tnds::{Tnds, TndsNode},
};

use crate::support::{Plain, execute, item, uri};

const LINK: &str = "urn:x:link:1.0";

/// A device without any account, with connections at `./Con`.
fn mounts() -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
    let link = NodeDescription::any()
        .type_(LINK)
        .child(NodeDescription::leaf("Name", NodeFormat::Chr).dynamic());
    let description = NodeDescription::interior("Con").child(link);
    let nodes = Vec::new();
    let dev_info = DevInfo::new("IMEI:1", "Man", "Mod");
    vec![
        (uri("./Con"), Box::new(Plain { description, nodes })),
        (uri(DevInfo::ROOT), Box::new(dev_info)),
        (uri(DmAcc::ROOT), Box::new(DmAcc::new(Vec::new()))),
        (uri(Inbox::ROOT), Box::new(Inbox::new())),
    ]
}

fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    for (root, object) in mounts() {
        tree.mount(root, object).unwrap();
    }
    tree
}

fn chr(depth: usize, name: &str, value: &str) -> TndsNode {
    TndsNode::leaf(depth, name, NodeFormat::Chr, value.to_owned())
}

/// An account of a server under a name.
fn account(name: &str, server: &str) -> Vec<TndsNode> {
    let inner = |depth, name: &str| TndsNode::interior(depth, name, "");
    vec![
        TndsNode::interior(0, name, DmAcc::TYPE),
        chr(1, "AppID", "w7"),
        chr(1, "ServerID", server),
        chr(1, "PrefConRef", "./Inbox/link"),
        inner(1, "AppAddr"),
        inner(2, "1"),
        chr(3, "Addr", "http://server.test/dm"),
        chr(3, "AddrType", "URI"),
        inner(1, "AppAuth"),
        inner(2, "c"),
        chr(3, "AAuthLevel", "CLCRED"),
        chr(3, "AAuthType", "DIGEST"),
        chr(3, "AAuthName", "u"),
        chr(3, "AAuthSecret", "p"),
        TndsNode::leaf(3, "AAuthData", NodeFormat::Bin, &b"nonce"[..])
            .with_type("application/octet-stream"),
    ]
}

fn link(name: &str) -> Vec<TndsNode> {
    vec![TndsNode::interior(0, name, LINK), chr(1, "Name", "gprs")]
}

/// The item that brings nodes to a place.
fn carrying(target: &str, nodes: Vec<TndsNode>) -> Item {
    let mut tnds = Tnds::default();
    for node in nodes {
        tnds.push(node);
    }
    let octets = tnds.write(Encoding::Wbxml).unwrap();
    Item::for_target(target)
        .with_meta(Meta::of_type(Tnds::WBXML).with_format("bin"))
        .with_data(Data::binary(octets))
}

fn add(items: Vec<Item>) -> Command {
    Add {
        cmd_id: "1".into(),
        items,
        ..Add::default()
    }
    .into()
}

fn secrets() -> Secrets {
    Secrets::default().with_pin("1234")
}

/// A message as it comes, signed with the PIN.
fn message(commands: Vec<Command>) -> Message {
    let message = SyncMl {
        commands,
        is_final: true,
        ..SyncMl::default()
    };
    let body = codec::encode(Encoding::Wbxml, &message).unwrap();
    let content_type =
        Message::content_type(Kind::Management, Security::UserPin, &secrets(), &body).unwrap();
    Message::read(&content_type, body).unwrap()
}

fn objects(commands: Vec<Command>) -> Vec<SerializedObject> {
    let authentic = message(commands).authenticate(&secrets()).unwrap();
    match authentic.content(&Limits::DEFAULT) {
        Ok(Content::Objects(objects)) => objects,
        other => panic!("{other:?}"),
    }
}

fn text(tree: &Tree, at: &str) -> String {
    tree.view().text(&uri(at)).unwrap().to_string()
}

fn names(tree: &Tree, at: &str) -> Vec<String> {
    let names = tree.view().children(&uri(at)).unwrap();
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn the_objects_of_a_message_go_where_they_belong_with_the_rights_of_their_server() {
    let mut tree = tree();
    let both = [link("link"), account("acc", "s")].concat();
    let mut transaction = tree.begin(1);
    let done = transaction.bootstrap(&objects(vec![add(vec![carrying("./Inbox", both)])]));
    transaction.commit().unwrap();
    let done = done.unwrap();
    assert_eq!(done.servers, ["s"]);
    assert!(done.ignored.is_empty());
    assert_eq!(text(&tree, "./Con/link/Name"), "gprs");
    assert_eq!(text(&tree, "./DMAcc/acc/PrefConRef"), "./Con/link");
    assert_eq!(names(&tree, "./Inbox"), [""; 0]);
    let acl = tree.view().node(&uri("./DMAcc/acc")).unwrap().acl;
    assert_eq!(acl.to_string(), "Delete=s&Get=s&Replace=s");
}

#[test]
fn sessions_are_begun_with_the_account_of_a_message() {
    let config = AgentConfig::default();
    let mut agent = Agent::open(Box::new(Memory::new()), mounts(), config, 1).unwrap();
    assert!(agent.accounts().unwrap().is_empty());
    let mut transaction = agent.begin(1);
    transaction
        .bootstrap(&objects(vec![add(vec![carrying(
            "./Inbox",
            account("acc", "s"),
        )])]))
        .unwrap();
    transaction.commit().unwrap();
    let accounts = agent.accounts().unwrap();
    let [account] = &accounts[..] else {
        panic!("one account");
    };
    assert_eq!(account.server_id, "s");
    assert_eq!(account.server_uri, "http://server.test/dm");
    assert_eq!(account.device_uri, "IMEI:1");
    let expected = Credentials::md5("u", "p", Nonce::from(&b"nonce"[..]));
    assert_eq!(account.client, expected);
    assert_eq!(account.server.scheme, Scheme::Transport);
}

#[test]
fn acls_in_the_documents_are_the_acls() {
    let mut tree = tree();
    let mut nodes = account("acc", "s");
    let acl = Acl::all(["s"]).grant(Right::Get, "*");
    nodes[0].acl = Some(acl.clone());
    nodes[2].acl = Some(Acl::default().grant(Right::Get, "s"));
    let mut transaction = tree.begin(1);
    transaction
        .bootstrap(&objects(vec![add(vec![carrying("./Inbox", nodes)])]))
        .unwrap();
    // The server has what the document gives, others have not, and the right of the device ended with it.
    let replace = |value| item("./DMAcc/acc/AppID", Some(value), None);
    let answer = execute(&mut transaction, "x", Verb::Replace, replace("x"));
    assert_eq!(answer.status, StatusCode::PERMISSION_DENIED);
    transaction.commit().unwrap();
    let node = |at: &str| tree.view().node(&uri(at)).unwrap();
    assert_eq!(node("./DMAcc/acc").acl, acl);
    assert_eq!(node("./DMAcc/acc/ServerID").acl.to_string(), "Get=s");
}

#[test]
fn the_same_message_twice_is_the_same_account() {
    let mut tree = tree();
    for name in ["acc", "acc", "", ""] {
        let objects = objects(vec![add(vec![carrying("./Inbox", account(name, "s"))])]);
        let mut transaction = tree.begin(1);
        let done = transaction.bootstrap(&objects).unwrap();
        transaction.commit().unwrap();
        assert_eq!(done.servers, ["s"]);
        let name = if name.is_empty() { "1" } else { name };
        assert_eq!(names(&tree, "./DMAcc"), [name]);
    }
    // The account of another server keeps its name; the new one gets another.
    let other = objects(vec![add(vec![carrying("./Inbox", account("1", "t"))])]);
    let mut transaction = tree.begin(1);
    transaction.bootstrap(&other).unwrap();
    transaction.commit().unwrap();
    assert_eq!(text(&tree, "./DMAcc/1/ServerID"), "s");
    assert_eq!(text(&tree, "./DMAcc/2/ServerID"), "t");
}

#[test]
fn objects_of_unknown_kinds_are_passed_over_with_all_that_is_theirs() {
    let mut tree = tree();
    let unknown = vec![
        TndsNode::interior(0, "new", "urn:x:unknown:2.0"),
        chr(1, "a", "b"),
        chr(0, "c", "d").with_path("new"),
        chr(0, "c", "d").with_path("./new/e"),
        // A dot may begin a name.
        TndsNode::interior(0, ".dot", "urn:x:unknown:3.0"),
        chr(0, "c", "d").with_path(".dot"),
        chr(0, "c", "d").with_path("./.dot/"),
    ];
    let items = vec![
        carrying("./Inbox", [unknown, account("acc", "s")].concat()),
        carrying("./Inbox", link("l")),
    ];
    let atomic = Atomic {
        cmd_id: "2".into(),
        commands: vec![add(items)],
        ..Atomic::default()
    };
    let mut transaction = tree.begin(1);
    let done = transaction.bootstrap(&objects(vec![atomic.into()]));
    transaction.commit().unwrap();
    let done = done.unwrap();
    assert_eq!(done.servers, ["s"]);
    assert_eq!(done.ignored, ["urn:x:unknown:2.0", "urn:x:unknown:3.0"]);
    assert_eq!(names(&tree, "./Con"), ["l"]);
}

#[test]
fn one_object_that_is_refused_refuses_all_and_is_named() {
    let broken = Item::for_target("./Inbox")
        .with_meta(Meta::of_type(Tnds::XML))
        .with_data("<MgmtTree><VerDTD>1.2</VerDTD><Node>");
    let without_address: Vec<_> = account("b", "b").into_iter().take(3).collect();
    let mut unsupported = account("b", "b");
    unsupported[11] = chr(3, "AAuthType", "X509");
    let mut foreign = account("b", "b");
    foreign.push(chr(1, "Foreign", "x"));
    for (bad, reason) in [
        (broken, "object 1 of the message: "),
        (
            carrying("./Inbox", without_address),
            "object 1 of the message: no session can be begun with the account of \"b\"",
        ),
        (
            carrying("./Inbox", unsupported),
            "object 1 of the message: no session can be begun with the account of \"b\"",
        ),
        (
            carrying("./Inbox", foreign),
            "object 1 of the message: 405 for ./DMAcc/b/Foreign",
        ),
        // The same server twice.
        (
            carrying("./Inbox", account("b", "s")),
            "object 1 of the message: 418",
        ),
        (
            carrying("./Inbox/a/b", link("b")),
            "object 1 of the message: 404",
        ),
        (
            carrying("./Nowhere", link("b")),
            "object 1 of the message: 404",
        ),
        (
            carrying("./Con?prop=ACL", link("b")),
            "object 1 of the message: 405",
        ),
    ] {
        let mut tree = tree();
        let good = carrying("./Inbox", account("acc", "s"));
        let mut transaction = tree.begin(1);
        let refused = transaction
            .bootstrap(&objects(vec![add(vec![good, bad])]))
            .unwrap_err();
        transaction.commit().unwrap();
        assert_eq!(refused.object, 1);
        assert!(refused.to_string().starts_with(reason), "{refused}");
        let is_document = matches!(refused.reason, Reason::Document(_));
        assert_eq!(is_document, reason.ends_with(": "), "{refused}");
        assert_eq!(names(&tree, "./DMAcc"), [""; 0]);
        assert_eq!(names(&tree, "./Con"), [""; 0]);
    }
}

#[test]
fn a_refused_message_leaves_the_account_that_it_would_have_replaced() {
    let mut tree = tree();
    let bootstrap = |tree: &mut Tree, items| {
        let mut transaction = tree.begin(1);
        let done = transaction.bootstrap(&objects(vec![add(items)]));
        transaction.commit().unwrap();
        done
    };
    bootstrap(&mut tree, vec![carrying("./Inbox", account("acc", "s"))]).unwrap();
    let items = vec![
        carrying("./Inbox", account("new", "s")),
        carrying("./Nowhere", link("b")),
    ];
    bootstrap(&mut tree, items).unwrap_err();
    assert_eq!(names(&tree, "./DMAcc"), ["acc"]);
}

#[test]
fn a_message_that_is_not_authentic_hands_nothing_to_the_tree() {
    let add = || vec![add(vec![carrying("./Inbox", account("acc", "s"))])];
    let guessed = Secrets::default().with_pin("4321");
    assert_eq!(
        message(add()).authenticate(&guessed).err(),
        Some(BootstrapError::WrongMac)
    );
    assert_eq!(
        message(add()).authenticate(&Secrets::default()).err(),
        Some(BootstrapError::NoSecret(Security::UserPin))
    );
}

#[test]
fn an_object_alone_is_for_its_place_too_and_outside_the_inbox_for_its_target() {
    let mut tree = tree();
    let mut document = Tnds::default();
    for node in account("acc", "s") {
        document.push(node);
    }
    let octets = document.write(Encoding::Xml).unwrap();
    let alone = Message::read(Tnds::XML, octets)
        .unwrap()
        .trust_the_transport();
    let Ok(Content::Objects(alone)) = alone.content(&Limits::DEFAULT) else {
        panic!("an object");
    };
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.bootstrap(&alone).unwrap().servers, ["s"]);
    let there = objects(vec![add(vec![carrying("./Con", link("here"))])]);
    assert!(transaction.bootstrap(&there).unwrap().servers.is_empty());
    transaction.commit().unwrap();
    assert_eq!(names(&tree, "./DMAcc"), ["acc"]);
    assert_eq!(text(&tree, "./Con/here/Name"), "gprs");
}
