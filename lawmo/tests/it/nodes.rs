//! The nodes of the object: each with its format, and the commands that it supports.

use dm_proto::{
    codec::Encoding,
    message::{Add, Command, Copy, Delete, Get, Item, Meta},
};
use dm_tree::NodeFormat;
use lawmo::{MO_ID, Operation, device::Config};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, config, uri},
};

/// Path, format, and which of Replace and Exec it supports.
const NODES: [(&str, NodeFormat, bool, bool); 16] = [
    ("", NodeFormat::Node, false, false),
    ("/State", NodeFormat::Int, false, false),
    ("/AvailableWipeList", NodeFormat::Node, false, false),
    ("/AvailableWipeList/Media", NodeFormat::Node, false, false),
    (
        "/AvailableWipeList/Media/ListItemName",
        NodeFormat::Chr,
        false,
        false,
    ),
    (
        "/AvailableWipeList/Media/ToBeWiped",
        NodeFormat::Bool,
        true,
        false,
    ),
    ("/LAWMOConfig", NodeFormat::Node, false, false),
    ("/LAWMOConfig/NotifyUser", NodeFormat::Bool, true, false),
    ("/Operations", NodeFormat::Node, false, false),
    ("/Operations/FullyLock", NodeFormat::Null, false, true),
    ("/Operations/PartiallyLock", NodeFormat::Null, false, true),
    ("/Operations/UnLock", NodeFormat::Null, false, true),
    ("/Operations/FactoryReset", NodeFormat::Null, false, true),
    ("/Operations/Wipe", NodeFormat::Null, false, true),
    ("/Operations/Ext", NodeFormat::Node, false, false),
    ("/Ext", NodeFormat::Node, false, false),
];

fn rig(config: Config) -> Rig {
    let phone = Phone::default();
    // Nothing that is executed is done.
    phone.vetoes(lawmo::ResultCode::USER_CANCELLED);
    Rig::new(&phone, &[("./Moved/LAWMO", config)], Encoding::Wbxml)
}

#[test]
fn each_node_supports_the_commands_of_its_table_and_no_others() {
    let mut rig = rig(config().with_vendor_operation("Beep"));
    for (path, format, is_replaced, is_executed) in NODES {
        let target = format!("./Moved/LAWMO{path}");
        let transaction = rig.agent().begin(3000);
        let node = transaction.view().node(&uri(&target)).expect("it is there");
        assert_eq!(node.format, format, "{path}");
        drop(transaction);
        let get: Command = Get {
            items: vec![Item::for_target(target.as_str())],
            ..Get::default()
        }
        .into();
        let delete: Command = Delete {
            items: vec![Item::for_target(target.as_str())],
            ..Delete::default()
        }
        .into();
        let add: Command = Add {
            items: vec![
                Item::for_target(format!("{target}/New").as_str())
                    .with_meta(Meta::format("chr"))
                    .with_data("x"),
            ],
            ..Add::default()
        }
        .into();
        let copy: Command = Copy {
            items: vec![Item {
                source: Item::for_source(target.as_str()).source,
                ..Item::for_target("./Moved/LAWMO/AvailableWipeList/Copy")
            }],
            ..Copy::default()
        }
        .into();
        let value = if format == NodeFormat::Bool {
            "true"
        } else {
            "1"
        };
        let replace = replace(&target, format.name(), value);
        let sent = rig.servers[0].manager.codes().len();
        rig.says(
            0,
            vec![vec![get, exec(&target, None), add, copy, replace, delete]],
        );
        rig.settle();
        let codes = rig.servers[0].manager.codes().split_off(sent);
        let executed = if is_executed { 1401 } else { 405 };
        let [got, exec, add, copy, replace, delete] = codes[..] else {
            panic!("{path}: {codes:?}");
        };
        assert_eq!((got, exec), (200, executed), "{path}");
        assert_eq!(replace == 200, is_replaced, "{path}: {replace}");
        assert_eq!((add, copy, delete), (405, 405, 405), "{path}");
    }
}

#[test]
fn the_object_tells_its_identifier_its_state_and_that_it_is_silent() {
    let mut rig = rig(config());
    let transaction = rig.agent().begin(3000);
    let root = transaction
        .view()
        .node(&uri("./Moved/LAWMO"))
        .expect("there");
    assert_eq!(root.type_, MO_ID);
    drop(transaction);
    let value = |rig: &mut Rig, leaf: &str| rig.value(&format!("./Moved/LAWMO/{leaf}"));
    assert_eq!(value(&mut rig, "State").as_deref(), Some("30"));
    let notify_user = value(&mut rig, "LAWMOConfig/NotifyUser");
    assert_eq!(notify_user.as_deref(), Some("false"));
    let name = value(&mut rig, "AvailableWipeList/Media/ListItemName");
    assert_eq!(name.as_deref(), Some("Photos and films"));
}

#[test]
fn what_is_not_offered_is_not_there_and_a_lock_brings_its_unlock() {
    for (offered, there) in [
        (vec![Operation::FullyLock], vec!["FullyLock", "UnLock"]),
        (vec![Operation::FactoryReset], vec!["FactoryReset"]),
        (vec![], vec![]),
    ] {
        let mut rig = rig(Config::new(["srv1"]).offering(offered));
        let transaction = rig.agent().begin(3000);
        let view = transaction.view();
        let operations = view.children(&uri("./Moved/LAWMO/Operations"));
        assert_eq!(operations.expect("there"), there);
        let list = uri("./Moved/LAWMO/AvailableWipeList");
        assert!(!view.exists(&list), "nor is the list");
        let ext = uri("./Moved/LAWMO/Ext");
        assert_eq!(view.exists(&ext), there.contains(&"UnLock"));
    }
}

#[test]
fn what_an_update_does_not_offer_any_more_is_not_there_any_more() {
    let phone = Phone::default();
    let (wipe, beep) = ("./LAWMO/Operations/Wipe", "./LAWMO/Operations/Ext/Beep");
    let contacts = "./LAWMO/AvailableWipeList/Contacts";
    let before = config()
        .with_vendor_operation("Beep")
        .with_vendor_operation("Blink");
    let mut rig = Rig::new(&phone, &[("./LAWMO", before)], Encoding::Wbxml);
    let mark = replace(&format!("{contacts}/ToBeWiped"), "bool", "true");
    rig.says(
        0,
        vec![vec![mark, exec("./LAWMO/Operations/FullyLock", None)]],
    );
    phone.done();
    let after = Config::new(["srv1"])
        .offering([Operation::FullyLock, Operation::Wipe])
        .with_vendor_operation("Blink");
    let mut rig = rig.with(&phone, after);
    let get = |node: &str| -> Command {
        Get {
            items: vec![Item::for_target(node)],
            ..Get::default()
        }
        .into()
    };
    rig.says(
        0,
        vec![vec![
            get("./LAWMO/Operations"),
            get("./LAWMO/Operations/Ext"),
            get(contacts),
            exec("./LAWMO/Operations/FactoryReset", None),
            exec(beep, None),
            // What was marked before is not wiped by it.
            exec(wipe, None),
        ]],
    );
    let server = &rig.servers[0].manager;
    assert_eq!(server.codes().split_off(2), [200, 200, 404, 404, 404, 1406]);
    assert_eq!(server.results, ["Ext/FullyLock/UnLock/Wipe", "Blink"]);
    assert!(phone.done().is_empty());
    assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("10"), "kept");
    // With none of a vendor's left, their parent goes too.
    let mut rig = rig.with(&phone, Config::new(["srv1"]).offering([]));
    rig.says(0, vec![vec![get("./LAWMO/Operations/Ext")]]);
    assert_eq!(rig.servers[0].manager.codes().pop(), Some(404));
    // What comes back is as at first.
    let mut rig = rig.with(&phone, config());
    rig.says(0, vec![vec![exec(wipe, None)]]);
    assert_eq!(rig.servers[0].manager.codes().pop(), Some(1406));
}
