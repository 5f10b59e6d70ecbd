//! DevInfo, DevDetail, DMAcc.

use dm_proto::{
    Data, StatusCode,
    auth::{Credentials, Scheme},
    session::{Execute, Verb},
};
use dm_tree::{
    Acl, Node, NodeFormat, Tree, UriLimits,
    description::{Access, NodeDescription},
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::Memory,
};

use crate::support::{Plain, Script, Setting, account, command, item, uri};

fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new())).at(994_869_497);
    let mut detail = DevDetail::new("phone", "oem", "fw", "sw", "hw");
    detail.uri = UriLimits {
        max_depth: 9,
        max_tot_len: 0,
        max_seg_len: 32,
    };
    tree.mount(
        uri(DevInfo::ROOT),
        Box::new(DevInfo::new("urn:x", "Man", "Mod")),
    )
    .unwrap();
    tree.mount(uri(DevDetail::ROOT), Box::new(detail)).unwrap();
    tree.mount(uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()])))
        .unwrap();
    tree
}

fn get(target: &str) -> Execute {
    command(Verb::Get, item(target, None, None))
}

#[test]
fn the_standard_leaves_are_read() {
    let mut tree = tree();
    let mut transaction = tree.begin(1);
    for (target, value) in [
        ("./DevInfo", "DevId/DmV/Lang/Man/Mod"),
        ("./DevInfo/DevId", "urn:x"),
        ("./DevInfo/DevId?prop=TStamp", "20010711T163817Z"),
        ("./DevDetail/LrgObj", "true"),
        ("./DevDetail/URI/MaxDepth", "9"),
        ("./DevDetail/URI/MaxTotLen", "0"),
        ("./DMAcc/srv/ServerID", "srv"),
        ("./DMAcc/srv/AppAddr/1/Addr", "http://server.example/dm"),
        ("./DMAcc/srv/AppAuth/client/AAuthType", "DIGEST"),
        ("./DMAcc/srv?prop=ACL", "Delete=srv&Get=srv&Replace=srv"),
    ] {
        let answer = transaction.execute("srv", &get(target));
        assert_eq!(answer.status, StatusCode::OK, "{target}");
        let data = answer.results[0].data.as_ref().and_then(Data::as_str);
        assert_eq!(data, Some(value), "{target}");
    }
}

#[test]
fn secrets_and_nonces_are_never_read() {
    let mut tree = tree();
    let mut transaction = tree.begin(1);
    for leaf in ["AAuthSecret", "AAuthData"] {
        let target = format!("./DMAcc/srv/AppAuth/client/{leaf}");
        let answer = transaction.execute("srv", &get(&target));
        assert_eq!(answer.status, StatusCode::COMMAND_NOT_ALLOWED);
        let answer = transaction.execute("srv", &get(&format!("{target}?prop=Size")));
        assert_eq!(answer.status, StatusCode::COMMAND_NOT_ALLOWED);
    }
    let answer = transaction.execute("srv", &get(".?list=StructData"));
    let listed = format!("{:?}", answer.results);
    assert!(
        listed.contains("AAuthSecret") && !listed.contains("device secret"),
        "{listed}"
    );
}

#[test]
fn another_server_may_not_read_an_account() {
    let mut tree = tree();
    let mut transaction = tree.begin(1);
    let answer = transaction.execute("other", &get("./DMAcc/srv/ServerID"));
    assert_eq!(answer.status, StatusCode::PERMISSION_DENIED);
}

#[test]
fn accounts_come_from_the_tree() {
    let setting = Setting::new(Memory::new(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    assert_eq!(agent.accounts().unwrap()[1], account());
    // What the tree says counts, not what was provisioned.
    let mut transaction = agent.begin(1);
    let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
    edit.set("srv/AppAuth/server/AAuthType", "TRANSPORT")
        .unwrap();
    edit.remove("other/AppAuth").unwrap();
    transaction.commit().unwrap();
    drop(agent);
    let accounts = setting.open().unwrap().accounts().unwrap();
    assert_eq!(accounts[0].client, Credentials::transport());
    assert_eq!(accounts[1].server.scheme, Scheme::Transport);
    assert_eq!(accounts[1].client, account().client);
}

#[test]
fn an_account_with_an_unknown_scheme_is_not_used_with_a_weaker_one() {
    let setting = Setting::new(Memory::new(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let mut transaction = agent.begin(1);
    let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
    edit.set("srv/AppAuth/server/AAuthType", "SECURID").unwrap();
    transaction.commit().unwrap();
    let accounts = agent.accounts().unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].server_id, "other");
}

#[test]
fn nobody_has_an_account_as_everyone() {
    let everyone = dm_proto::auth::Account {
        server_id: "*".into(),
        ..account()
    };
    let setting = Setting::new(Memory::new(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let mut transaction = agent.begin(1);
    let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
    assert_eq!(
        DmAcc::provision(&mut edit, &everyone),
        Err(StatusCode::FORBIDDEN)
    );
    // One that an object wrote all the same is none.
    edit.set("srv/ServerID", "*").unwrap();
    transaction.commit().unwrap();
    let accounts = agent.accounts().unwrap();
    assert!(accounts.iter().all(|account| account.server_id == "other"));
    // Where servers may add accounts, they add none of everyone.
    let all = Access::GET | Access::ADD | Access::REPLACE;
    let server_id = NodeDescription::leaf("ServerID", NodeFormat::Chr).dynamic();
    let instance = NodeDescription::any()
        .type_(DmAcc::TYPE)
        .access(all)
        .child(server_id.access(all));
    let description = NodeDescription::interior("Acc").access(all).child(instance);
    let nodes = vec![("", Node::interior("").with_acl(Acl::all(["srv"])))];
    let mut tree = tree();
    tree.mount(uri("./Acc"), Box::new(Plain { description, nodes }))
        .unwrap();
    let mut transaction = tree.begin(1);
    for (expected, verb, target, data, format) in [
        (200, Verb::Add, "./Acc/x", None, "node"),
        (403, Verb::Add, "./Acc/x/ServerID", Some("*"), "chr"),
        (200, Verb::Add, "./Acc/x/ServerID", Some("new"), "chr"),
        (403, Verb::Replace, "./Acc/x/ServerID", Some("*"), "chr"),
    ] {
        let type_ = if format == "node" { DmAcc::TYPE } else { "" };
        let item = item(target, data, Some((format, type_)));
        let answer = transaction.execute("srv", &command(verb, item));
        assert_eq!(answer.status.as_u16(), expected, "{target} {data:?}");
    }
}

#[test]
fn of_several_credentials_the_preferred_ones_are_used_and_else_the_strongest() {
    let setting = Setting::new(Memory::new(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let mut put = |nodes: &[(&str, &'static str)]| {
        let mut transaction = agent.begin(1);
        let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
        for (path, value) in nodes {
            let node = match *value {
                "" => Node::interior(""),
                value => Node::leaf(NodeFormat::Chr, value),
            };
            edit.put(&format!("srv/{path}"), node).unwrap();
        }
        transaction.commit().unwrap();
        let accounts = agent.accounts().unwrap();
        let account = accounts.iter().find(|found| found.server_id == "srv");
        let account = account.unwrap();
        let of = |side: &Credentials| format!("{:?} {}", side.scheme, side.name);
        [of(&account.client), of(&account.server)]
    };
    assert_eq!(put(&[]), ["Md5 device", "Md5 srv"]);
    // A weaker one before it by name changes nothing; nor does one that this version does not know.
    let weaker = [
        ("AppAuth/a", ""),
        ("AppAuth/a/AAuthLevel", "CLCRED"),
        ("AppAuth/a/AAuthType", "BASIC"),
        ("AppAuth/a/AAuthName", "basic"),
        ("AppAuth/b", ""),
        ("AppAuth/b/AAuthLevel", "SRVCRED"),
        ("AppAuth/b/AAuthType", "SECURID"),
    ];
    assert_eq!(put(&weaker), ["Md5 device", "Md5 srv"]);
    let stronger = [
        ("AppAuth/z", ""),
        ("AppAuth/z/AAuthLevel", "SRVCRED"),
        ("AppAuth/z/AAuthType", "HMAC"),
        ("AppAuth/z/AAuthName", "hmac"),
    ];
    assert_eq!(put(&stronger), ["Md5 device", "Hmac hmac"]);
    assert_eq!(
        put(&[("AAuthPref", "BASIC")]),
        ["Basic basic", "Hmac hmac"],
        "what the device prefers is its own matter"
    );
    for none in ["HMAC", "SECURID"] {
        let used = put(&[("AAuthPref", none)]);
        assert_eq!(used, ["Md5 device", "Hmac hmac"], "{none}");
    }
}

#[test]
fn a_bootstrapped_account_is_kept_with_all_that_its_document_says() {
    use dm_proto::{
        auth::Nonce,
        bootstrap::{Characteristic, Document, Profile},
    };
    let application = Characteristic::new("APPLICATION")
        .with("APPID", "w7")
        .with("PROVIDER-ID", "new.server")
        .with("NAME", "New Server")
        .with("TO-PROXY", "px")
        .with("TO-NAPID", "nap")
        .containing(
            Characteristic::new("APPADDR")
                .with("ADDR", "http://new.example/dm")
                .containing(Characteristic::new("PORT").with("PORTNBR", "8080")),
        )
        .containing(
            Characteristic::new("APPAUTH")
                .with("AAUTHLEVEL", "APPSRV")
                .with("AAUTHTYPE", "HMAC")
                .with("AAUTHNAME", "device")
                .with("AAUTHSECRET", "secret")
                .with("AAUTHDATA", "bm9uY2U="),
        )
        .containing(
            Characteristic::new("APPAUTH")
                .with("AAUTHLEVEL", "CLIENT")
                .with("AAUTHTYPE", "DIGEST")
                .with("AAUTHNAME", "server")
                .with("AAUTHSECRET", "secret2"),
        );
    let document = Document {
        version: Some("1.1".into()),
        characteristics: vec![application],
    };
    let profile = Profile::read(&document).unwrap();
    let setting = Setting::new(Memory::new(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let mut transaction = agent.begin(1);
    let mut edit = transaction.edit(&uri(DmAcc::ROOT)).unwrap();
    // A second time it takes the place of the first.
    for account in [&profile.accounts[0], &profile.accounts[0]] {
        DmAcc::bootstrap(&mut edit, account).unwrap();
    }
    transaction.commit().unwrap();

    let accounts = agent.accounts().unwrap();
    let account = accounts
        .iter()
        .find(|account| account.server_id == "new.server");
    let expected = profile.accounts[0].to_account("urn:test:1").unwrap();
    assert_eq!(account, Some(&expected));
    assert_eq!(expected.server_uri, "http://new.example:8080/dm");
    assert_eq!(
        expected.client,
        Credentials::hmac("device", "secret", Nonce::from(&b"nonce"[..]))
    );
    let mut transaction = agent.begin(1);
    for (leaf, value) in [
        ("Name", "New Server"),
        ("ToConRef/1/ConRef", "px"),
        ("ToConRef/2/ConRef", "nap"),
        ("AppAddr/1/Port/1/PortNbr", "8080"),
        ("AppAuth/1/AAuthType", "HMAC"),
        ("AppAuth/1/AAuthLevel", "CLCRED"),
        ("AppAuth/2/AAuthLevel", "SRVCRED"),
    ] {
        let target = format!("./DMAcc/new.server/{leaf}");
        let answer = transaction.execute("new.server", &get(&target));
        assert_eq!(answer.status, StatusCode::OK, "{target}");
        let data = answer.results[0].data.as_ref().and_then(Data::as_str);
        assert_eq!(data, Some(value), "{target}");
    }
    let answer = transaction.execute("srv", &get("./DMAcc/new.server/Name"));
    assert_eq!(answer.status, StatusCode::PERMISSION_DENIED);
}
