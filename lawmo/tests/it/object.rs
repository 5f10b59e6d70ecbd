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
