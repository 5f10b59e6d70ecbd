//! The status of an Exec, case by case: one test for each row of the matrix.

use dm_proto::{
    codec::Encoding,
    message::{Atomic, Command, Exec, Item, Sequence},
};
use lawmo::{
    ResultCode,
    device::{Config, Reporting, WipeItem},
};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, config},
};

const LOCK: &str = "./LAWMO/Operations/FullyLock";
const UNLOCK: &str = "./LAWMO/Operations/UnLock";
const WIPE: &str = "./LAWMO/Operations/Wipe";
const RESET: &str = "./LAWMO/Operations/FactoryReset";
const CONTACTS: &str = "./LAWMO/AvailableWipeList/Contacts/ToBeWiped";

fn rig(phone: &Phone, config: Config) -> Rig {
    Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml)
}

/// What the first commands of the first server are answered, and what the phone did.
fn answered(config: Config, commands: Vec<Command>) -> (Vec<u16>, Vec<String>) {
    let phone = Phone::default();
    let mut rig = rig(&phone, config);
    rig.says(0, vec![commands]);
    rig.settle();
    (rig.servers[0].manager.codes(), phone.done())
}

#[test]
fn a_repeat_is_looked_up_before_everything_else() {
    let phone = Phone::default();
    let config = config().with_reporting(Reporting::AfterSession);
    let mut rig = rig(&phone, config);
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    // Neither its right nor the veto counts any more.
    rig.set_acl("./LAWMO", "Operations/FullyLock", "Exec=srv2");
    phone.vetoes(ResultCode::CLIENT_ERROR);
    rig.says(0, vec![vec![exec(LOCK, Some(" a\n"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202, 202]);
    assert_eq!(rig.left.len(), 1, "one job");
    // Another server's correlator is another's: what it asks for is new.
    rig.says(1, vec![vec![exec(LOCK, Some("a"))]]);
    assert_eq!(rig.servers[1].manager.codes(), [1400]);
}

#[test]
fn a_repeat_is_202_while_its_report_is_not_taken() {
    let phone = Phone::default();
    let config = config().with_reporting(Reporting::InSession);
    let mut rig = rig(&phone, config);
    rig.servers[0].manager.fails = true;
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202, 202]);
    rig.servers[0].manager.fails = false;
    rig.settle();
    assert_eq!(phone.done(), ["lock fully"]);
    let told = rig.servers[0].manager.told();
    assert!(told.len() >= 2, "{told:?}");
    assert!(
        told.iter()
            .all(|report| *report == (Some("a".into()), LOCK.into(), 1200))
    );
}

#[test]
fn a_blank_correlator_makes_nothing_a_repeat_and_is_echoed() {
    for blank in ["", " \n"] {
        let phone = Phone::default();
        let mut rig = rig(&phone, config());
        // None of the reports is taken, so that whatever has a key is remembered.
        rig.servers[0].manager.fails = true;
        for operation in [LOCK, UNLOCK, LOCK] {
            rig.says(0, vec![vec![exec(operation, Some(blank))]]);
        }
        assert_eq!(phone.done(), ["lock fully", "unlock", "lock fully"]);
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("10"));
        let told = rig.servers[0].manager.told();
        assert!(told.iter().all(|told| told.0.as_deref() == Some(blank)));
    }
}

#[test]
fn what_is_accepted_and_reported_later_is_202() {
    let config = config().with_reporting(Reporting::AfterSession);
    let (codes, done) = answered(config, vec![exec(LOCK, Some("a"))]);
    assert_eq!((codes, done), (vec![202], vec!["lock fully".into()]));
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let config = self::config().with_reporting(reporting);
        let (codes, done) = answered(config, vec![exec(RESET, Some("a"))]);
        assert_eq!((codes, done), (vec![202], vec!["reset".into()]));
    }
}

#[test]
fn what_is_finished_at_once_is_its_result_code() {
    let config = config().with_reporting(Reporting::Synchronous);
    let (codes, done) = answered(config, vec![exec(LOCK, None)]);
    assert_eq!((codes, done), (vec![1200], vec!["lock fully".into()]));
}

#[test]
fn a_missing_operation_is_404() {
    let nodes = ["./LAWMO/Operations/Nope", "./LAWMO/Operations/Unlock"];
    for node in nodes {
        let (codes, done) = answered(config(), vec![exec(node, Some("a"))]);
        assert_eq!((codes, done), (vec![404], vec![]), "{node}");
    }
    let (codes, _) = answered(
        config().offering([lawmo::Operation::Wipe]),
        vec![exec(LOCK, Some("a")), exec(UNLOCK, Some("b"))],
    );
    assert_eq!(codes, [404, 404], "not offered");
}

#[test]
fn a_node_that_cannot_be_executed_is_405() {
    for node in [
        "./LAWMO",
        "./LAWMO/State",
        "./LAWMO/Operations",
        "./LAWMO/AvailableWipeList/Contacts",
        CONTACTS,
        "./LAWMO/LAWMOConfig/NotifyUser",
        "./LAWMO/Ext",
    ] {
        let (codes, done) = answered(config(), vec![exec(node, Some("a"))]);
        assert_eq!((codes, done), (vec![405], vec![]), "{node}");
    }
}

#[test]
fn what_the_acl_forbids_is_425_and_only_for_whom_it_does() {
    let phone = Phone::default();
    let both = Config::new(["srv1", "srv2"]).with_reporting(Reporting::Synchronous);
    let mut rig = rig(&phone, both);
    rig.set_acl("./LAWMO", "Operations/FactoryReset", "Exec=srv1");
    rig.says(1, vec![vec![exec(RESET, Some("a")), exec(LOCK, Some("b"))]]);
    assert_eq!(rig.servers[1].manager.codes(), [425, 1200]);
    assert_eq!(phone.done(), ["lock fully"]);
    rig.says(0, vec![vec![exec(RESET, Some("c"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202]);
    assert_eq!(phone.done(), ["reset"]);
}

#[test]
fn nobody_but_the_entitled_servers_may_do_anything() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    let get = |node: &str| -> Command {
        dm_proto::message::Get {
            items: vec![Item::for_target(node)],
            ..Default::default()
        }
        .into()
    };
    rig.says(
        1,
        vec![vec![
            exec(LOCK, Some("a")),
            replace(CONTACTS, "bool", "true"),
            get("./LAWMO/State"),
        ]],
    );
    assert_eq!(rig.servers[1].manager.codes(), [425, 425, 425]);
    assert_eq!(rig.value(CONTACTS).as_deref(), Some("false"));
    assert!(phone.done().is_empty());
}

#[test]
fn without_any_server_nobody_may_change_or_execute_anything() {
    for servers in [&[][..], &["", "no server", "a+b", "srv1=srv2"]] {
        let phone = Phone::default();
        let config = Config::new(servers.iter().copied()).with_wipe_list([WipeItem::new("Media")]);
        let mut rig = rig(&phone, config);
        let mark = "./LAWMO/AvailableWipeList/Media/ToBeWiped";
        let get: Command = dm_proto::message::Get {
            items: vec![Item::for_target("./LAWMO/State")],
            ..Default::default()
        }
        .into();
        let all = vec![exec(LOCK, None), replace(mark, "bool", "true"), get];
        rig.says(0, vec![all]);
        assert_eq!(rig.servers[0].manager.codes(), [425, 425, 200]);
        assert_eq!(rig.value(mark).as_deref(), Some("false"));
        assert!(phone.done().is_empty());
    }
}

#[test]
fn behind_a_failed_command_of_a_sequence_it_is_215() {
    let sequence: Command = Sequence {
        commands: vec![
            replace("./LAWMO/AvailableWipeList/Nope/ToBeWiped", "bool", "true"),
            exec(WIPE, Some("a")),
        ],
        ..Sequence::default()
    }
    .into();
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(
        0,
        vec![vec![replace(CONTACTS, "bool", "true")], vec![sequence]],
    );
    rig.settle();
    let statuses = &rig.servers[0].manager.statuses;
    let code = |part| {
        statuses
            .iter()
            .find(|status| status.0 == 2 && status.1 == part)
    };
    assert_eq!(code(1).map(|status| status.2), Some(404));
    assert_eq!(code(2).map(|status| status.2), Some(215));
    assert!(
        phone.done().is_empty(),
        "what was marked before is not wiped"
    );
}

#[test]
fn behind_others_it_is_queued_and_only_a_full_queue_is_1400() {
    for reporting in [Reporting::Synchronous, Reporting::AfterSession] {
        let phone = Phone::default();
        let mut config = config().with_reporting(reporting);
        config.max_open = 2;
        let mut rig = rig(&phone, config);
        rig.leaves_jobs = true;
        if reporting == Reporting::Synchronous {
            // The first goes on elsewhere, so that the second is queued although it could run at once.
            phone.is_slow();
            rig.leaves_jobs = false;
        }
        rig.says(
            0,
            vec![vec![
                exec(LOCK, Some("a")),
                exec(UNLOCK, Some("b")),
                exec(RESET, Some("c")),
            ]],
        );
        assert_eq!(rig.servers[0].manager.codes(), [202, 202, 1400]);
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
    }
}

#[test]
fn a_wipe_of_nothing_is_1406_with_and_without_a_list() {
    let without = Config::new(["srv1"]);
    for config in [config(), without] {
        let (codes, done) = answered(config, vec![exec(WIPE, Some("a"))]);
        assert_eq!((codes, done), (vec![1406], vec![]));
    }
}

#[test]
fn a_veto_is_the_status_of_the_exec() {
    for veto in [1400, 1401, 1406, 1450] {
        let phone = Phone::default();
        phone.vetoes(ResultCode::new(veto));
        let mut rig = rig(&phone, config());
        rig.says(0, vec![vec![exec(RESET, Some("a")), exec(LOCK, Some("b"))]]);
        rig.settle();
        assert_eq!(rig.servers[0].manager.codes(), [veto, veto]);
        assert!(phone.done().is_empty());
        assert!(rig.servers[0].manager.told().is_empty(), "no report");
    }
}

#[test]
fn a_code_that_is_no_result_is_none_and_one_that_is_no_refusal_refuses() {
    for (code, told) in [
        (200, 1400),
        (202, 1400),
        (0, 1400),
        (1200, 1400),
        (1550, 1550),
    ] {
        let phone = Phone::default();
        phone.vetoes(ResultCode::new(code));
        let mut rig = rig(&phone, config());
        rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
        assert_eq!(rig.servers[0].manager.codes(), [told], "veto {code}");
    }
    for (code, told, state) in [
        (200, 1400, "30"),
        (202, 1400, "30"),
        (1250, 1250, "10"),
        (1550, 1550, "30"),
    ] {
        let phone = Phone::default();
        phone.ends_with(ResultCode::new(code));
        let config = config().with_reporting(Reporting::Synchronous);
        let mut rig = rig(&phone, config);
        rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
        assert_eq!(rig.servers[0].manager.codes(), [told], "result {code}");
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some(state));
    }
}

#[test]
fn several_items_have_a_status_and_a_job_each() {
    let both: Command = Exec {
        correlator: Some("a".into()),
        items: vec![Item::for_target(LOCK), Item::for_target(UNLOCK)],
        ..Exec::default()
    }
    .into();
    let one_is_missing: Command = Exec {
        correlator: Some("a".into()),
        items: vec![
            Item::for_target(LOCK),
            Item::for_target("./LAWMO/Operations/Nope"),
        ],
        ..Exec::default()
    }
    .into();
    let (codes, done) = answered(
        config().with_reporting(Reporting::Synchronous),
        vec![one_is_missing],
    );
    assert_eq!((codes, done), (vec![1200, 404], vec!["lock fully".into()]));
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![both]]);
    rig.settle();
    let report = |node: &str| (Some("a".to_owned()), node.to_owned(), 1200);
    let told = rig.servers[0].manager.told();
    assert_eq!(told, [report(LOCK), report(UNLOCK)]);
}

#[test]
fn inside_an_atomic_it_is_500_and_nothing_of_the_atomic_stays() {
    let atomic: Command = Atomic {
        commands: vec![
            replace(CONTACTS, "bool", "true"),
            exec(WIPE, Some("a")),
            replace("./LAWMO/LAWMOConfig/NotifyUser", "bool", "true"),
        ],
        ..Atomic::default()
    }
    .into();
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![atomic]]);
    rig.settle();
    let statuses = &rig.servers[0].manager.statuses;
    let last = |part| {
        let of = statuses.iter().filter(|status| status.1 == part);
        of.map(|status| status.2).next_back()
    };
    assert_eq!(
        [last(0), last(1), last(2), last(3)],
        [Some(507), Some(216), Some(500), Some(215)]
    );
    assert!(phone.done().is_empty());
    assert_eq!(rig.value(CONTACTS).as_deref(), Some("false"));
    let notify_user = rig.value("./LAWMO/LAWMOConfig/NotifyUser");
    assert_eq!(notify_user.as_deref(), Some("false"));
}

#[test]
fn what_stands_in_an_exec_beside_its_node_does_not_count() {
    let with_data: Command = Exec {
        items: vec![Item::for_target(LOCK).with_data("please")],
        ..Exec::default()
    }
    .into();
    let (codes, done) = answered(
        config().with_reporting(Reporting::Synchronous),
        vec![with_data],
    );
    assert_eq!((codes, done), (vec![1200], vec!["lock fully".into()]));
}

#[test]
fn servers_change_nothing_but_the_truth_values() {
    let item = |node: &str| vec![Item::for_target(node)];
    let add: Command = dm_proto::message::Add {
        items: vec![
            Item::for_target("./LAWMO/AvailableWipeList/Mine")
                .with_meta(dm_proto::message::Meta::format("node")),
        ],
        ..Default::default()
    }
    .into();
    let delete: Command = dm_proto::message::Delete {
        items: item("./LAWMO/AvailableWipeList/Contacts"),
        ..Default::default()
    }
    .into();
    let copy: Command = dm_proto::message::Copy {
        items: vec![Item {
            source: Item::for_source("./LAWMO/AvailableWipeList/Contacts").source,
            ..Item::for_target("./LAWMO/AvailableWipeList/Mine")
        }],
        ..Default::default()
    }
    .into();
    let (codes, _) = answered(
        config(),
        vec![
            add,
            delete,
            copy,
            replace("./LAWMO/State", "int", "10"),
            replace(
                "./LAWMO/AvailableWipeList/Contacts/ListItemName",
                "chr",
                "x",
            ),
        ],
    );
    assert_eq!(codes, [405, 405, 405, 405, 405]);
}

#[test]
fn truth_values_are_taken_in_any_spelling_and_kept_in_one() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    for (written, kept) in [
        ("TRUE", Some("true")),
        ("False", Some("false")),
        ("1", Some("true")),
        ("0", Some("false")),
        ("true", Some("true")),
        ("yes", None),
        ("2", None),
    ] {
        for leaf in [CONTACTS, "./LAWMO/LAWMOConfig/NotifyUser"] {
            let before = rig.value(leaf);
            rig.says(0, vec![vec![replace(leaf, "bool", written)]]);
            let after = rig.value(leaf);
            assert_eq!(after.as_deref(), kept.or(before.as_deref()), "{written}");
        }
    }
    let codes = rig.servers[0].manager.codes();
    assert_eq!(codes.get(..10), Some(&[200; 10][..]));
    assert_eq!(codes.get(10..), Some(&[415; 4][..]));
}
