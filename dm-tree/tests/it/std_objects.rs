//! DevInfo, DevDetail, DMAcc.

use dm_proto::{
    Data, StatusCode,
    auth::{Credentials, Scheme},
    session::{Execute, Verb},
};
use dm_tree::{
    Tree, UriLimits,
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::Memory,
};

use crate::support::{Script, Setting, account, command, item, uri};

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
