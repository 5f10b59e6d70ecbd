//! Lost and doubled messages, and power cuts between every two steps.

use dm_proto::{session::Trigger, testing::Fault};
use lawmo::{
    ResultCode,
    device::Reporting,
    server::{AnyOperation, FactoryReset, Lock, Wipe},
};

use crate::support::{Result, Setup, config, order, start};
use dm_proto::codec::Encoding;
use dm_tree::testing::Disk;

fn setup(reporting: Reporting) -> Result<Setup> {
    let config = config().with_reporting(reporting);
    start(config, Disk::default(), Encoding::Wbxml)
}

fn push_wipe(setup: &mut Setup) -> Result {
    let wipe = Wipe::items(["Contacts"], order("w-1"));
    setup.bench.push(1, AnyOperation::Wipe(wipe))
}

const REPORTING: [Reporting; 3] = [
    Reporting::Synchronous,
    Reporting::InSession,
    Reporting::AfterSession,
];

#[test]
fn a_lost_or_doubled_message_does_not_wipe_twice() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        push_wipe(&mut whole)?;
        whole.bench.settle()?;
        for exchange in 1..=whole.bench.exchanges() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::RepeatRequest] {
                let mut setup = setup(reporting)?;
                push_wipe(&mut setup)?;
                setup.bench.fault(exchange, fault);
                setup.bench.settle()?;
                let case = format!("{reporting:?}, {fault:?} at {exchange}");
                assert_eq!(setup.phone.done(), ["wipe Contacts"], "{case}");
                assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201), "{case}");
                assert!(setup.is_told_once(), "{case}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_session_that_breaks_off_anywhere_does_not_wipe_twice() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        push_wipe(&mut whole)?;
        whole.bench.settle()?;
        for exchange in 1..=whole.bench.exchanges() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
                let mut setup = setup(reporting)?;
                setup.bench.configure(|config| config.retries = 0)?;
                push_wipe(&mut setup)?;
                setup.bench.fault(exchange, fault);
                setup.bench.settle()?;
                // The server hears nothing more, and has the device come again.
                if setup.outcome(1)?.is_none() {
                    setup.bench.queue(|queue| queue.session_lost())?;
                    setup.bench.settle()?;
                }
                let case = format!("{reporting:?}, {fault:?} at {exchange}");
                assert_eq!(setup.phone.done(), ["wipe Contacts"], "{case}");
                assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201), "{case}");
                assert!(setup.is_told_once(), "{case}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_power_cut_before_any_step_neither_loses_nor_doubles_a_wipe() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        push_wipe(&mut whole)?;
        whole.bench.settle()?;
        for step in 0..whole.bench.steps() {
            let mut setup = setup(reporting)?;
            push_wipe(&mut setup)?;
            setup.bench.power_cut(step);
            setup.bench.settle()?;
            if setup.outcome(1)?.is_none() {
                setup.bench.queue(|queue| queue.session_lost())?;
                setup.bench.settle()?;
            }
            let case = format!("{reporting:?}, power cut at {step}");
            let done = setup.phone.done();
            // Cut off between being handed out and being started, it is handed out as resumed.
            assert!(
                done == ["wipe Contacts"] || done == ["wipe Contacts again"],
                "{case}: {done:?}"
            );
            assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201), "{case}");
            assert!(setup.is_told_once(), "{case}");
        }
    }
    Ok(())
}

#[test]
fn a_reset_whose_answer_is_lost_is_not_sent_again() -> Result {
    let mut setup = setup(Reporting::InSession)?;
    setup.bench.configure(|config| config.retries = 0)?;
    let reset = FactoryReset::new(order("r-1"));
    setup.bench.push(1, AnyOperation::FactoryReset(reset))?;
    // Package 1, the search, then the message with the 202.
    setup.bench.fault(3, Fault::LoseRequest);
    setup.bench.run_session(Trigger::Server)?;
    setup.bench.queue(|queue| queue.session_lost())?;
    setup.bench.settle()?;
    assert_eq!(setup.summary(1)?, ("unknown", 0, 0));
    Ok(())
}

#[test]
fn a_power_cut_before_any_step_ends_a_reset_in_one_reset() -> Result {
    let mut whole = setup(Reporting::InSession)?;
    let reset = || AnyOperation::FactoryReset(FactoryReset::new(order("r-1")));
    whole.bench.push(1, reset())?;
    whole.bench.settle()?;
    for step in 0..whole.bench.steps() {
        let mut setup = setup(Reporting::InSession)?;
        setup.bench.push(1, reset())?;
        setup.bench.power_cut(step);
        setup.bench.settle()?;
        let done = setup.phone.done();
        assert!(
            done == ["reset"] || done == ["reset again"] || done.is_empty(),
            "power cut at {step}: {done:?}"
        );
        if done.is_empty() {
            assert_eq!(setup.outcome(1)?, None, "power cut at {step}");
        }
    }
    Ok(())
}

#[test]
fn operations_queue_on_the_device_and_run_in_order() -> Result {
    let mut setup = setup(Reporting::AfterSession)?;
    for (id, lock) in [
        (1, Lock::fully(order("a"))),
        (2, Lock::unlock(order("b"))),
        (3, Lock::partially(order("c"))),
    ] {
        setup.bench.push(id, AnyOperation::Lock(lock))?;
    }
    setup.bench.settle()?;
    assert_eq!(
        setup.phone.done(),
        ["lock fully", "unlock", "lock partially"]
    );
    assert_eq!(setup.value("State")?, "20");
    for id in [1, 2, 3] {
        assert_eq!(setup.summary(id)?, ("succeeded", 0, 1200), "{id}");
    }
    Ok(())
}

#[test]
fn a_second_wipe_of_what_has_left_the_list_is_no_failure() -> Result {
    let mut setup = setup(Reporting::AfterSession)?;
    for (id, correlator) in [(1, "a"), (2, "b")] {
        let wipe = Wipe::items(["Contacts"], order(correlator));
        setup.bench.push(id, AnyOperation::Wipe(wipe))?;
    }
    // The first takes the items off the list.
    setup
        .phone
        .ends_once_with(ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL);
    setup.bench.settle()?;
    assert_eq!(setup.phone.done(), ["wipe Contacts", "wipe Contacts"]);
    assert_eq!(setup.summary(1)?, ("succeeded", 0, 1202));
    assert_eq!(setup.summary(2)?, ("succeeded", 0, 1201));
    Ok(())
}

/// The disk fails when something is to be written: before the wipe, after it, or elsewhere.
#[test]
fn a_write_that_fails_neither_loses_nor_hides_a_wipe() -> Result {
    for reporting in REPORTING {
        let config = config().with_reporting(reporting);
        let disk = Disk::default();
        let mut whole = start(config.clone(), disk.clone(), Encoding::Wbxml)?;
        let first = disk.commits();
        push_wipe(&mut whole)?;
        whole.bench.settle()?;
        for commit in first..disk.commits() {
            let disk = Disk::default();
            let mut setup = start(config.clone(), disk.clone(), Encoding::Wbxml)?;
            disk.fail_at(commit);
            push_wipe(&mut setup)?;
            setup.bench.settle()?;
            if setup.outcome(1)?.is_none() {
                setup.bench.queue(|queue| queue.session_lost())?;
                setup.bench.settle()?;
            }
            let case = format!("{reporting:?}, commit {commit}");
            let done = setup.phone.done();
            // What was done and could not be written down is handed out again, and said to be.
            assert!(
                done == ["wipe Contacts"]
                    || done == ["wipe Contacts again"]
                    || done == ["wipe Contacts", "wipe Contacts again"],
                "{case}: {done:?}"
            );
            assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201), "{case}");
            assert!(setup.is_told_once(), "{case}");
        }
    }
    Ok(())
}
