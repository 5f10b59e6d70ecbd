//! The object as any server sees it.

use dm_proto::{StatusCode, codec::Encoding, session::Trigger};
use dm_tree::{object::Outcome, testing::Disk};
use lawmo::{
    Operation, ResultCode,
    device::{Reporting, Request},
    server::{AnyOperation, Lock},
};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, Result, config, order, start},
};

const LOCK: &str = "./LAWMO/Operations/FullyLock";
const UNLOCK: &str = "./LAWMO/Operations/UnLock";

#[test]
fn a_job_that_goes_on_elsewhere_is_finished_by_the_integrator() -> Result {
    let mut setup = start(config(), Disk::default(), Encoding::Wbxml)?;
    setup.bench.leaves_jobs = true;
    let lock = Lock::fully(order("a"));
    setup.bench.push(1, AnyOperation::Lock(lock))?;
    setup.bench.run_session(Trigger::Server)?;
    assert_eq!(setup.outcome(1)?, None);
    let job = setup.bench.left.pop().expect("a job is left");
    let request = Request::of(&job).expect("it is ours");
    assert_eq!(request.operation(), Some(Operation::FullyLock));
    assert_eq!(setup.value("State")?, "30");
    let outcome = request.outcome(ResultCode::SUCCESSFUL);
    setup.bench.agent()?.complete(job.id, outcome, 1)?;
    assert_eq!(setup.value("State")?, "10");
    setup.bench.settle()?;
    assert_eq!(setup.summary(1)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn a_job_of_another_object_is_no_request() -> Result {
    let mut setup = start(config(), Disk::default(), Encoding::Wbxml)?;
    setup.bench.leaves_jobs = true;
    let lock = Lock::fully(order("a"));
    setup.bench.push(1, AnyOperation::Lock(lock))?;
    setup.bench.run_session(Trigger::Server)?;
    let mut job = setup.bench.left.pop().expect("a job is left");
    job.memo = b"something else".to_vec();
    assert_eq!(Request::of(&job), None);
    // Whoever completes it in a way that we do not know is not believed either.
    let outcome = Outcome::from(StatusCode::new(1200));
    setup.bench.agent()?.complete(job.id, outcome, 1)?;
    assert_eq!(
        setup.value("State")?,
        "10",
        "the stored memo is what counts"
    );
    Ok(())
}

#[test]
fn a_job_that_later_software_cannot_read_is_reported_as_unknown_and_changes_nothing() {
    let nodes =
        ["FullyLock", "Wipe", "FactoryReset"].map(|name| format!("./LAWMO/Operations/{name}"));
    for node in nodes {
        let phone = Phone::default();
        let config = config().with_reporting(Reporting::AfterSession);
        let mut rig = Rig::new(&phone, &[("./LAWMO", config)], Encoding::Wbxml);
        rig.leaves_jobs = true;
        let media = "./LAWMO/AvailableWipeList/Media/ToBeWiped";
        rig.says(
            0,
            vec![vec![replace(media, "bool", "true"), exec(&node, Some("a"))]],
        );
        let job = rig.left.pop().expect("a job");
        let memo = b"another form".to_vec();
        rig.agent().note(job.id, 0, memo, 3000).expect("noted");
        rig.cut();
        rig.leaves_jobs = false;
        rig.settle();
        let told = rig.servers[0].manager.told();
        if node.ends_with("/FactoryReset") {
            assert!(told.is_empty(), "never a report");
        } else {
            assert_eq!(told, [(Some("a".into()), node.clone(), 1400)]);
        }
        assert!(phone.done().is_empty(), "{node}");
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
        assert_eq!(rig.value(media).as_deref(), Some("true"));
        assert_eq!(rig.resets, 0);
    }
}

#[test]
fn a_job_that_goes_on_elsewhere_starts_once_more_only_if_it_is_taken_up() {
    let phone = Phone::default();
    phone.is_slow();
    let mut rig = Rig::new(&phone, &[("./LAWMO", config())], Encoding::Wbxml);
    rig.leaves_jobs = true;
    rig.says(
        0,
        vec![vec![exec(LOCK, Some("a")), exec(UNLOCK, Some("b"))]],
    );
    let job = rig.left.pop().expect("a job");
    let agent = rig.agent();
    agent.run(job.id, 3000).expect("it is started");
    agent.run(job.id, 3000).expect_err("it was started");
    assert_eq!(phone.done(), ["lock fully"]);
    agent.take_up(job.id, 3000).expect("its user has answered");
    rig.run();
    let again = rig.left.pop().expect("the job again");
    assert_eq!((again.id, again.resumed), (job.id, false));
    let agent = rig.agent();
    agent.run(job.id, 3000).expect("it goes on");
    assert_eq!(phone.done(), ["lock fully"]);
    let outcome = Request::of(&job)
        .expect("ours")
        .outcome(ResultCode::SUCCESSFUL);
    agent.complete(job.id, outcome.clone(), 3000).expect("done");
    agent
        .complete(job.id, outcome, 3000)
        .expect_err("it is over");
    agent.run(job.id, 3000).expect_err("it is over");
    phone.is_slow_no_more();
    rig.leaves_jobs = false;
    rig.settle();
    assert_eq!(phone.done(), ["unlock"]);
    assert_eq!(
        rig.servers[0].manager.told(),
        [
            (Some("a".into()), LOCK.into(), 1200),
            (Some("b".into()), UNLOCK.into(), 1200)
        ]
    );
}

#[test]
fn a_device_that_cannot_tell_what_came_of_a_job_before_a_restart_says_so_and_changes_nothing() {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let phone = Phone::default();
        phone.is_slow();
        let config = config().with_reporting(reporting);
        let mut rig = Rig::new(&phone, &[("./LAWMO", config)], Encoding::Wbxml);
        let media = "./LAWMO/AvailableWipeList/Media/ToBeWiped";
        let all = [
            replace(media, "bool", "true"),
            exec(LOCK, Some("a")),
            exec("./LAWMO/Operations/Wipe", Some("b")),
        ];
        rig.says(0, vec![all.to_vec()]);
        assert_eq!(phone.done(), ["lock fully"]);
        phone.is_slow_no_more();
        phone.ends_with(ResultCode::CLIENT_ERROR);
        rig.cut();
        rig.settle();
        assert_eq!(phone.done(), ["lock fully again", "wipe Media"]);
        let told = rig.servers[0].manager.told();
        let told: Vec<_> = told.iter().map(|told| told.2).collect();
        assert_eq!(told, [1400, 1400], "{reporting:?}");
        assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
        assert_eq!(rig.value(media).as_deref(), Some("true"));
    }
}
