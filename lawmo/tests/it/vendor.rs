//! What vendors add below `Operations/Ext` and `Ext`.

use dm_proto::codec::Encoding;
use dm_tree::{
    NodeFormat,
    description::{Access, NodeDescription},
};
use lawmo::{
    ResultCode,
    device::{Config, Consent, Prompts, Reporting},
};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, config},
};

const BEEP: &str = "./LAWMO/Operations/Ext/Beep";
const WIPE_ALL: &str = "./LAWMO/Ext/WipeAll";
const VOLUME: &str = "./LAWMO/Ext/Volume";

fn vendors_config() -> Config {
    config()
        .with_vendor_operation("Beep")
        .with_vendor_node(NodeDescription::leaf("WipeAll", NodeFormat::Null).access(Access::EXEC))
        .with_vendor_node(
            NodeDescription::leaf("Volume", NodeFormat::Int)
                .access(Access::GET | Access::REPLACE)
                .default_value("5"),
        )
}

fn rig(phone: &Phone, config: Config) -> Rig {
    Rig::new(phone, &[("./LAWMO", config)], Encoding::Xml)
}

#[test]
fn a_vendor_operation_is_run_and_reported_like_the_others() {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        for (result, node, done) in [
            (1250, BEEP, "do Operations/Ext/Beep"),
            (1299, WIPE_ALL, "do Ext/WipeAll"),
            (1450, BEEP, "do Operations/Ext/Beep"),
            (1499, WIPE_ALL, "do Ext/WipeAll"),
        ] {
            let phone = Phone::default();
            phone.ends_with(ResultCode::new(result));
            let mut rig = rig(&phone, vendors_config().with_reporting(reporting));
            rig.says(0, vec![vec![exec(node, Some("v"))]]);
            rig.settle();
            assert_eq!(phone.done(), [done]);
            let server = &rig.servers[0].manager;
            if reporting == Reporting::Synchronous {
                assert_eq!(server.codes(), [result]);
                assert!(server.told().is_empty());
            } else {
                assert_eq!(server.codes(), [202]);
                assert_eq!(server.told(), [(Some("v".into()), node.into(), result)]);
            }
            assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
        }
    }
}

#[test]
fn a_plain_vendor_node_is_read_and_written_as_the_device_allows() {
    let phone = Phone::default();
    let mut rig = rig(&phone, vendors_config());
    assert_eq!(rig.value(VOLUME).as_deref(), Some("5"));
    rig.says(
        0,
        vec![vec![
            replace(VOLUME, "int", "9"),
            replace(VOLUME, "int", "1000"),
            exec(VOLUME, Some("a")),
        ]],
    );
    assert_eq!(rig.servers[0].manager.codes(), [200, 403, 405]);
    assert_eq!(rig.value(VOLUME).as_deref(), Some("9"));
    rig.cut();
    assert_eq!(rig.value(VOLUME).as_deref(), Some("9"), "it is kept");
}

#[test]
fn what_no_vendor_declared_is_404_or_405() {
    let phone = Phone::default();
    let mut rig = rig(&phone, vendors_config());
    rig.says(
        0,
        vec![vec![
            exec("./LAWMO/Operations/Ext/Nope", Some("a")),
            exec("./LAWMO/Ext", Some("b")),
            exec("./LAWMO/Operations/Ext", Some("c")),
            replace("./LAWMO/Ext/LockedBy", "chr", "x"),
        ]],
    );
    assert_eq!(rig.servers[0].manager.codes(), [404, 405, 405, 404]);
    assert!(phone.done().is_empty());
}

#[test]
fn a_vendor_operation_is_confirmed_and_told_of_where_that_is_wanted() {
    let mut config = vendors_config().with_prompts(Prompts::ALL);
    config.notify_user = true;
    for (consent, code, done) in [
        (
            Consent::Yes,
            1250,
            &[
                "ask the user: Operations/Ext/Beep",
                "tell the user: Operations/Ext/Beep",
                "do Operations/Ext/Beep",
            ][..],
        ),
        (Consent::No, 1401, &["ask the user: Operations/Ext/Beep"]),
    ] {
        let phone = Phone::default();
        phone.user_says(consent);
        let mut rig = rig(&phone, config.clone());
        rig.says(0, vec![vec![exec(BEEP, Some("v"))]]);
        rig.settle();
        assert_eq!(phone.done(), done);
        let told = rig.servers[0].manager.told();
        assert_eq!(told, [(Some("v".into()), BEEP.into(), code)]);
    }
}
