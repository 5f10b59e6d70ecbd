//! A locked device: who locked it, what it knows after a restart, whom it speaks with, what it asks.

use dm_proto::codec::Encoding;
use lawmo::{
    ResultCode, State,
    device::{AGREED, Config, Consent, Prompts, Reporting, Request, Sessions, Standing, UsePolicy},
};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, config, uri},
};

const FULLY: &str = "./LAWMO/Operations/FullyLock";
const PARTIALLY: &str = "./LAWMO/Operations/PartiallyLock";
const UNLOCK: &str = "./LAWMO/Operations/UnLock";
const WIPE: &str = "./LAWMO/Operations/Wipe";

fn both() -> Config {
    let mut config = config().with_reporting(Reporting::Synchronous);
    config.servers = vec!["srv1".into(), "srv2".into()];
    config
}

fn rig(phone: &Phone, config: Config) -> Rig {
    Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml)
}

fn standing(rig: &mut Rig) -> (State, Option<String>) {
    let transaction = rig.agent().begin(3000);
    let standing = Standing::read(&transaction.view(), &uri("./LAWMO")).expect("it is read");
    let locked_by = standing.locked_by.map(|server| server.to_string());
    (standing.state, locked_by)
}

#[test]
fn every_transition_is_kept_over_a_restart_with_who_brought_it_about() {
    use State::{FullyLocked, PartiallyLocked, Unlocked};
    let phone = Phone::default();
    let mut rig = rig(&phone, both());
    let by = |server: usize| Some(crate::raw::server_id(server));
    let steps = [
        (0, UNLOCK, Unlocked, None),
        (0, FULLY, FullyLocked, by(0)),
        // Nothing changes, so nobody else has locked it.
        (1, FULLY, FullyLocked, by(0)),
        (1, PARTIALLY, PartiallyLocked, by(1)),
        (0, PARTIALLY, PartiallyLocked, by(1)),
        (0, FULLY, FullyLocked, by(0)),
        (1, UNLOCK, Unlocked, None),
        (1, UNLOCK, Unlocked, None),
        (1, PARTIALLY, PartiallyLocked, by(1)),
        (0, UNLOCK, Unlocked, None),
    ];
    for (server, operation, state, locked_by) in steps {
        rig.says(server, vec![vec![exec(operation, None)]]);
        assert_eq!(
            standing(&mut rig),
            (state, locked_by.clone()),
            "{operation}"
        );
        rig.cut();
        assert_eq!(
            standing(&mut rig),
            (state, locked_by.clone()),
            "{operation}"
        );
        let told = phone.standings().pop().expect("it was started");
        let told_by = told.locked_by.map(|server| server.to_string());
        assert_eq!((told.state, told_by), (state, locked_by), "{operation}");
    }
    assert!(
        rig.servers[1]
            .manager
            .codes()
            .iter()
            .all(|code| *code == 1200)
    );
}

#[test]
fn a_failed_operation_leaves_the_state_and_who_brought_it_about() {
    let phone = Phone::default();
    let mut rig = rig(&phone, both());
    rig.says(0, vec![vec![exec(PARTIALLY, None)]]);
    for (operation, result) in [
        (FULLY, ResultCode::FULLY_LOCK_FAILED),
        (PARTIALLY, ResultCode::PARTIALLY_LOCK_FAILED),
        (UNLOCK, ResultCode::UNLOCK_FAILED),
    ] {
        phone.ends_with(result);
        rig.says(1, vec![vec![exec(operation, None)]]);
        let expected = (State::PartiallyLocked, Some("srv1".to_owned()));
        assert_eq!(standing(&mut rig), expected, "{operation}");
    }
    assert_eq!(rig.servers[1].manager.codes(), [1402, 1403, 1404]);
}

#[test]
fn a_locked_device_speaks_with_whom_the_policy_says() {
    for (sessions, srv1, srv2, other) in [
        (Sessions::Entitled, true, true, false),
        (Sessions::LockingServer, true, false, false),
    ] {
        let phone = Phone::default();
        let mut policy = UsePolicy::default();
        policy.sessions = sessions;
        let mut rig = rig(&phone, both().with_use_policy(policy.clone()));
        let admits = |rig: &mut Rig, server: &str| {
            let transaction = rig.agent().begin(3000);
            policy.admits(&transaction.view(), &uri("./LAWMO"), server)
        };
        assert!(admits(&mut rig, "other"), "unlocked, all");
        for operation in [FULLY, PARTIALLY] {
            rig.says(0, vec![vec![exec(operation, None)]]);
            assert_eq!(admits(&mut rig, "srv1"), srv1);
            assert_eq!(admits(&mut rig, "srv2"), srv2);
            assert_eq!(admits(&mut rig, "other"), other);
            rig.cut();
            assert_eq!(admits(&mut rig, "srv2"), srv2, "after a restart");
        }
        // Who may only do part of it is entitled too.
        for path in ["FullyLock", "PartiallyLock", "UnLock", "FactoryReset"] {
            rig.set_acl("./LAWMO", &format!("Operations/{path}"), "Exec=srv1");
        }
        assert_eq!(admits(&mut rig, "srv2"), srv2, "it may wipe");
        rig.set_acl("./LAWMO", "Operations/Wipe", "Exec=srv1");
        assert!(!admits(&mut rig, "srv2"));
        rig.says(0, vec![vec![exec(UNLOCK, None)]]);
        assert!(admits(&mut rig, "other"));
    }
}

#[test]
fn a_device_whose_locking_server_has_lost_its_rights_speaks_with_those_that_have_some() {
    let phone = Phone::default();
    let mut policy = UsePolicy::default();
    policy.sessions = Sessions::LockingServer;
    let mut rig = rig(&phone, both().with_use_policy(policy.clone()));
    rig.says(0, vec![vec![exec(FULLY, None)]]);
    let admits = |rig: &mut Rig, server: &str| {
        let transaction = rig.agent().begin(3000);
        policy.admits(&transaction.view(), &uri("./LAWMO"), server)
    };
    assert!(!admits(&mut rig, "srv2"));
    rig.set_acl("./LAWMO", "Operations", "Exec=srv2");
    assert!(admits(&mut rig, "srv2"), "or it would stay locked for ever");
    assert!(!admits(&mut rig, "srv1"));
    assert!(!admits(&mut rig, "other"));
}

#[test]
fn two_objects_in_one_device_know_nothing_of_each_other() {
    let (phone, guest) = (Phone::default(), Phone::default());
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let objects = [
            ("./LAWMO", both()),
            (
                "./Guest/Locks/LAWMO",
                both().with_reporting(Reporting::AfterSession),
            ),
        ];
        let mut rig = Rig::new(&phone, &objects, encoding);
        let other = |node: &str| node.replace("./LAWMO", "./Guest/Locks/LAWMO");
        rig.says(
            0,
            vec![vec![
                exec(FULLY, Some("a")),
                exec(&other(PARTIALLY), Some("a")),
                replace(
                    &other("./LAWMO/AvailableWipeList/Media/ToBeWiped"),
                    "bool",
                    "true",
                ),
                exec(WIPE, Some("b")),
                exec(&other(WIPE), Some("b")),
            ]],
        );
        rig.settle();
        assert_eq!(rig.servers[0].manager.codes(), [1200, 202, 200, 1406, 202]);
        assert_eq!(
            rig.servers[0].manager.told(),
            [
                (Some("a".into()), other(PARTIALLY), 1200),
                (Some("b".into()), other(WIPE), 1201),
            ]
        );
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("10"));
        assert_eq!(rig.value(&other("./LAWMO/State")).as_deref(), Some("20"));
        assert_eq!(phone.done(), ["lock fully", "lock partially", "wipe Media"]);
    }
    assert!(guest.done().is_empty());
}

#[test]
fn correlators_are_echoed_to_the_letter_or_absent() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for reporting in [Reporting::InSession, Reporting::AfterSession] {
            let phone = Phone::default();
            let config = both().with_reporting(reporting);
            let mut rig = Rig::new(&phone, &[("./LAWMO", config)], encoding);
            let correlators = [
                None,
                Some("\n  wipe-7\t\n"),
                Some("a b"),
                None,
                Some("\u{fc}<&>"),
            ];
            let execs = correlators.map(|correlator| exec(FULLY, correlator));
            rig.says(0, vec![execs.to_vec()]);
            rig.settle();
            let told = rig.servers[0].manager.told();
            let told: Vec<Option<&str>> = told.iter().map(|told| told.0.as_deref()).collect();
            assert_eq!(told, correlators, "{encoding:?} {reporting:?}");
        }
    }
}

#[test]
fn an_operation_that_the_device_confirms_itself_ends_in_1401_in_status_or_report() {
    for reporting in [Reporting::Synchronous, Reporting::InSession] {
        for (consent, code, state, done) in [
            (
                Consent::Yes,
                1200,
                "10",
                &["ask the user: FullyLock", "lock fully"][..],
            ),
            (Consent::No, 1401, "30", &["ask the user: FullyLock"]),
        ] {
            let phone = Phone::default();
            phone.user_says(consent);
            let config = both().with_reporting(reporting);
            let mut rig = rig(&phone, config.with_prompts(Prompts::ALL));
            rig.says(0, vec![vec![exec(FULLY, Some("a"))]]);
            rig.settle();
            let server = &rig.servers[0].manager;
            match reporting {
                Reporting::Synchronous => assert_eq!(server.codes(), [code]),
                _ => assert_eq!(server.told(), [(Some("a".into()), FULLY.into(), code)]),
            }
            assert_eq!(phone.done(), done);
            assert_eq!(rig.value("./LAWMO/State").as_deref(), Some(state));
        }
    }
}

#[test]
fn an_answer_of_the_user_can_come_later_or_another_time() {
    let phone = Phone::default();
    phone.user_says(Consent::Later);
    let mut rig = rig(&phone, both().with_prompts(Prompts::ALL));
    rig.says(
        0,
        vec![vec![exec(FULLY, Some("a")), exec(PARTIALLY, Some("b"))]],
    );
    assert_eq!(rig.servers[0].manager.codes(), [202, 202]);
    assert_eq!(phone.done(), ["ask the user: FullyLock"]);
    // After a restart the question comes again, and then the user wants it another time.
    phone.user_says(Consent::Postponed);
    rig.cut();
    rig.run();
    assert_eq!(phone.done(), ["ask the user: FullyLock again"]);
    assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
    // That time is now; the other one is behind it all the while.
    phone.user_says(Consent::Yes);
    let job = rig.agent().deferred_jobs().next().map(|job| job.id);
    let job = job.expect("it was put off");
    rig.agent().take_up(job, 3000).expect("taken up");
    rig.settle();
    assert_eq!(
        phone.done(),
        [
            "ask the user: FullyLock again",
            "lock fully",
            "ask the user: PartiallyLock",
            "lock partially"
        ]
    );
    let told = rig.servers[0].manager.told();
    let told: Vec<u16> = told.iter().map(|told| told.2).collect();
    assert_eq!(told, [1200, 1200]);
}

#[test]
fn what_the_device_cannot_do_now_is_put_off_or_given_up() {
    let phone = Phone::default();
    phone.defers(true);
    let mut rig = rig(&phone, both());
    rig.says(0, vec![vec![exec(FULLY, Some("a"))]]);
    assert_eq!(phone.done(), ["lock fully"]);
    rig.cut();
    rig.run();
    assert!(phone.done().is_empty(), "not before somebody says so");
    let job = rig
        .agent()
        .deferred_jobs()
        .next()
        .cloned()
        .expect("it is put off");
    let request = Request::of(&job).expect("ours");
    let outcome = request.outcome(ResultCode::FULLY_LOCK_FAILED);
    rig.agent()
        .complete(job.id, outcome, 3000)
        .expect("given up");
    rig.settle();
    let told = rig.servers[0].manager.told();
    assert_eq!(told, [(Some("a".into()), FULLY.into(), 1402)]);
    assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
}

#[test]
fn the_user_is_told_once_of_each_operation_whatever_comes_in_between() {
    let mut config = both();
    config.notify_user = true;
    let mut whole = rig(&Phone::default(), config.clone());
    whole.says(0, vec![vec![exec(FULLY, Some("a"))]]);
    for cut in 0..=whole.step {
        let phone = Phone::default();
        phone.defers(true);
        let mut rig = rig(&phone, config.clone());
        rig.cuts.insert(cut);
        rig.says(0, vec![vec![exec(FULLY, Some("a"))]]);
        rig.run();
        for _ in 0..3 {
            let job = rig.agent().deferred_jobs().next().map(|job| job.id);
            if let Some(job) = job {
                rig.agent().take_up(job, 3000).expect("taken up");
                rig.run();
            }
        }
        let done = phone.done();
        let told = done.iter().filter(|it| it.starts_with("tell")).count();
        let was_asked = !rig.servers[0].manager.codes().is_empty();
        assert_eq!(told, usize::from(was_asked), "cut at {cut}: {done:?}");
    }
}

#[test]
fn what_the_device_does_to_its_lock_by_itself_is_in_the_tree_too() {
    use State::{FullyLocked, PartiallyLocked, Unlocked};
    let phone = Phone::default();
    let mut rig = rig(&phone, both());
    let root = uri("./LAWMO");
    rig.says(0, vec![vec![exec(FULLY, None)]]);
    // A repair shop unlocks it, and the lock of a server that comes later is that server's.
    assert!(Standing::change(rig.agent(), &root, Unlocked, 3000).expect("stored"));
    assert_eq!(standing(&mut rig), (Unlocked, None));
    rig.says(1, vec![vec![exec(PARTIALLY, None)]]);
    assert_eq!(standing(&mut rig), (PartiallyLocked, Some("srv2".into())));
    // The same changes nothing; another lock of its own is nobody's.
    assert!(Standing::change(rig.agent(), &root, PartiallyLocked, 3000).expect("stored"));
    assert_eq!(standing(&mut rig), (PartiallyLocked, Some("srv2".into())));
    assert!(Standing::change(rig.agent(), &root, FullyLocked, 3000).expect("stored"));
    assert_eq!(standing(&mut rig), (FullyLocked, None));
    rig.cut();
    assert_eq!(standing(&mut rig), (FullyLocked, None));
    // What it was when a server locks what is locked already stays nobody's.
    rig.says(0, vec![vec![exec(FULLY, None), exec(UNLOCK, None)]]);
    assert_eq!(standing(&mut rig), (Unlocked, None));
    let elsewhere = uri("./Elsewhere");
    assert!(!Standing::change(rig.agent(), &elsewhere, Unlocked, 3000).expect("nothing"));
}

#[test]
fn servers_say_by_notify_user_whether_the_user_is_told_until_they_say_otherwise() {
    let phone = Phone::default();
    let mut rig = rig(&phone, both());
    let notify_user = |value| replace("./LAWMO/LAWMOConfig/NotifyUser", "bool", value);
    rig.says(0, vec![vec![exec(FULLY, None)]]);
    assert_eq!(phone.done(), ["lock fully"]);
    rig.says(0, vec![vec![notify_user("1")], vec![exec(FULLY, None)]]);
    assert_eq!(phone.done(), ["tell the user: FullyLock", "lock fully"]);
    // Over a restart, and of another server's operations too.
    rig.cut();
    rig.says(1, vec![vec![exec(UNLOCK, None)]]);
    assert_eq!(phone.done(), ["tell the user: UnLock", "unlock"]);
    rig.says(1, vec![vec![notify_user("false"), exec(FULLY, None)]]);
    assert_eq!(phone.done(), ["lock fully"]);
}

#[test]
fn an_answer_that_comes_later_lets_the_job_go_on_or_ends_it() {
    for (agrees, code, done) in [(true, 1200, &["lock fully"][..]), (false, 1401, &[])] {
        for reporting in [Reporting::Synchronous, Reporting::InSession] {
            let phone = Phone::default();
            phone.user_says(Consent::Later);
            let config = both().with_reporting(reporting);
            let mut rig = rig(&phone, config.with_prompts(Prompts::ALL));
            rig.leaves_jobs = true;
            rig.says(0, vec![vec![exec(FULLY, Some("a"))]]);
            let job = rig.left.pop().expect("a job");
            rig.agent().run(job.id, 3000).expect("it asks");
            rig.run();
            assert_eq!(rig.servers[0].manager.codes(), [202]);
            assert_eq!(phone.done(), ["ask the user: FullyLock"]);
            rig.leaves_jobs = false;
            let agent = rig.agent();
            if agrees {
                agent.reached(job.id, AGREED, 3000).expect("noted");
                agent.take_up(job.id, 3000).expect("taken up");
            } else {
                let request = Request::of(&job).expect("ours");
                let outcome = request.outcome(ResultCode::USER_CANCELLED);
                agent.complete(job.id, outcome, 3000).expect("over");
            }
            rig.settle();
            assert_eq!(phone.done(), done, "{reporting:?}");
            let told = rig.servers[0].manager.told();
            assert_eq!(told, [(Some("a".into()), FULLY.into(), code)]);
        }
    }
}
