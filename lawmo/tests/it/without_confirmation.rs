//! LAWMO AD 5.4.1: operations without user confirmation.

use dm_proto::{AlertCode, message::Command, session::Trigger};
use dm_tree::remote::{Checks, Notice, Summary};
use lawmo::{
    Operation, ResultCode, State,
    device::{Config, Reporting},
    server::{
        AnyOperation, AnyOutcome, Ended, FactoryReset, Lock, LockOutcome, ReadState, ResetOutcome,
        Wipe, WipeOutcome,
    },
};

use crate::support::{Result, config, each, flat, order};

/// Every lock, in every way to report.
#[test]
fn a_lock_changes_the_state_and_reports_once() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        each(&config().with_reporting(reporting), |setup| {
            for (id, lock, done, state) in [
                (1, Lock::partially(order("p")), "lock partially", "20"),
                (2, Lock::fully(order("f")), "lock fully", "10"),
                (3, Lock::partially(order("p2")), "lock partially", "20"),
                (4, Lock::unlock(order("u")), "unlock", "30"),
                (5, Lock::unlock(order("u2")), "unlock", "30"),
            ] {
                // 1: the server starts a session, 2: and asks for the operation.
                setup.bench.push(id, AnyOperation::Lock(lock))?;
                setup.bench.run_session(Trigger::Server)?;
                // 3, 4: the client takes it and performs it.
                assert_eq!(setup.phone.done(), [done]);
                assert_eq!(setup.value("State")?, state);
                // 5: the client reports, in this session or the next.
                let reported_at_once = reporting != Reporting::AfterSession;
                assert_eq!(setup.outcome(id)?.is_some(), reported_at_once);
                setup.bench.settle()?;
                assert_eq!(setup.summary(id)?, ("succeeded", 0, 1200));
                assert_eq!(setup.bench.agent()?.report_due()?, None);
            }
            let finished = |n: &&Notice| matches!(n, Notice::Finished(_));
            assert_eq!(setup.bench.notices.iter().filter(finished).count(), 5);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_report_after_the_session_comes_in_a_session_of_the_client() -> Result {
    each(&config().with_reporting(Reporting::AfterSession), |setup| {
        setup
            .bench
            .push(1, AnyOperation::Lock(Lock::fully(order("c-1"))))?;
        setup.bench.run_session(Trigger::Server)?;
        assert_eq!(setup.outcome(1)?, None);
        assert_eq!(setup.bench.agent()?.report_due()?.as_deref(), Some("srv1"));
        setup.bench.settle()?;
        let triggers: Vec<AlertCode> = setup
            .bench
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Opened { trigger, .. } => Some(*trigger),
                _ => None,
            })
            .collect();
        assert_eq!(
            triggers,
            [
                AlertCode::SERVER_INITIATED_MGMT,
                AlertCode::CLIENT_INITIATED_MGMT
            ]
        );
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::Lock(LockOutcome::Done(ResultCode::SUCCESSFUL)))
        );
        Ok(())
    })
}

#[test]
fn a_failed_lock_keeps_the_state_and_says_why() -> Result {
    for reporting in [Reporting::Synchronous, Reporting::InSession] {
        each(&config().with_reporting(reporting), |setup| {
            setup.phone.ends_with(ResultCode::FULLY_LOCK_FAILED);
            let lock = Lock::fully(order("c-1"));
            setup.bench.push(1, AnyOperation::Lock(lock))?;
            setup.bench.settle()?;
            assert_eq!(setup.value("State")?, "30");
            assert_eq!(
                setup.outcome(1)?,
                Some(AnyOutcome::Lock(LockOutcome::Failed(
                    ResultCode::FULLY_LOCK_FAILED
                )))
            );
            Ok(())
        })?;
    }
    Ok(())
}

/// The stolen phone: full lock, then wipe.
#[test]
fn a_wipe_goes_on_while_the_lock_before_it_has_not_reported() -> Result {
    each(&config().with_reporting(Reporting::AfterSession), |setup| {
        setup
            .bench
            .push(1, AnyOperation::Lock(Lock::fully(order("lock"))))?;
        setup
            .bench
            .push(2, AnyOperation::Wipe(Wipe::everything(order("wipe"))))?;
        setup.bench.run_session(Trigger::Server)?;
        // Both were sent in one session, in order, the Exec of the Wipe behind its Atomic.
        assert_eq!(
            setup.server_sent(),
            [
                "Get, Get", // where the object is
                "Exec",     // the lock
                "Get, Get", // where the object is
                "Get",      // the list
                "Atomic(Replace, Replace, Replace)",
                "Exec", // the wipe
                "",     // nothing more
            ]
        );
        setup.bench.settle()?;
        assert_eq!(
            setup.phone.done(),
            ["lock fully", "wipe AppData+Contacts+Media"]
        );
        assert_eq!(setup.summary(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.summary(2)?, ("succeeded", 0, 1201));
        Ok(())
    })
}

#[test]
fn a_wipe_sets_every_item_and_resets_what_was_wiped() -> Result {
    each(&config(), |setup| {
        // Somebody marked an item before, which is not wanted now.
        setup.bench.push(
            1,
            AnyOperation::Wipe(Wipe::items(["Contacts", "Photos and films"], order("w-1"))),
        )?;
        setup.bench.settle()?;
        assert_eq!(setup.phone.done(), ["wipe Contacts+Media"]);
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::Wipe(WipeOutcome::Wiped {
                result: ResultCode::WIPE_SUCCESSFUL
            }))
        );
        for item in ["Contacts", "Media", "AppData"] {
            let leaf = format!("AvailableWipeList/{item}/ToBeWiped");
            assert_eq!(setup.value(&leaf)?, "false", "{item}");
        }
        Ok(())
    })
}

#[test]
fn items_that_make_no_sense_any_more_leave_the_list() -> Result {
    each(&config(), |setup| {
        let wipe = Wipe::items(["AppData"], order("w-1"));
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("succeeded", 0, 1202));
        assert_eq!(
            setup.bench.children("./LAWMO/AvailableWipeList")?,
            ["Contacts", "Media"]
        );
        Ok(())
    })
}

#[test]
fn a_failed_wipe_keeps_its_marks() -> Result {
    each(&config(), |setup| {
        setup.phone.ends_with(ResultCode::WIPE_FAILED);
        let wipe = Wipe::items(["Media"], order("w-1"));
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("failed", 0, 1405));
        assert_eq!(setup.value("AvailableWipeList/Media/ToBeWiped")?, "true");
        // The next wipe says anew what it wants.
        setup.phone.ends_with(ResultCode::WIPE_SUCCESSFUL);
        let wipe = Wipe::items(["Contacts"], order("w-2"));
        setup.bench.push(2, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.phone.done(), ["wipe Media", "wipe Contacts"]);
        Ok(())
    })
}

#[test]
fn unknown_items_end_a_wipe_before_anything_is_changed() -> Result {
    each(&config(), |setup| {
        let wipe = Wipe::items(["Contacts", "Diary"], order("w-1"));
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::Wipe(WipeOutcome::UnknownItems(vec![
                "Diary".into()
            ])))
        );
        assert_eq!(setup.server_sent(), ["Get, Get", "Get", ""]);
        assert_eq!(setup.summary(1)?, ("failed", 404, 0));
        Ok(())
    })
}

#[test]
fn a_wipe_of_nothing_is_not_performed() -> Result {
    each(&config(), |setup| {
        let blindly = order("w-1").with_checks(Checks::Off);
        let wipe = Wipe::items([] as [&str; 0], blindly);
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("failed", 0, 1406));
        assert!(setup.phone.done().is_empty());
        Ok(())
    })
}

#[test]
fn without_a_list_everything_is_wiped_only_if_the_device_declares_it() -> Result {
    let mut config = Config::new(["srv1"]);
    each(&config, |setup| {
        let wipe = Wipe::everything(order("w-1"));
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("failed", 0, 1406));
        Ok(())
    })?;
    config.wipe_all = true;
    each(&config, |setup| {
        let wipe = Wipe::everything(order("w-1"));
        setup.bench.push(1, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201));
        assert_eq!(setup.phone.done(), ["wipe "]);
        Ok(())
    })
}

#[test]
fn a_factory_reset_is_accepted_and_never_reported() -> Result {
    each(&config(), |setup| {
        let lock = Lock::fully(order("lock"));
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        setup.bench.settle()?;
        let reset = FactoryReset::new(order("reset"));
        setup.bench.push(2, AnyOperation::FactoryReset(reset))?;
        setup.bench.run_session(Trigger::Server)?;
        assert_eq!(
            setup.outcome(2)?,
            Some(AnyOutcome::FactoryReset(ResetOutcome::Accepted))
        );
        assert_eq!(setup.bench.resets, 1);
        assert_eq!(setup.phone.done(), ["lock fully", "reset"]);
        // The device is as new: unlocked, with nothing to report.
        assert_eq!(setup.value("State")?, "30");
        assert_eq!(setup.bench.agent()?.report_due()?, None);
        assert_eq!(setup.summary(2)?, ("accepted", 0, 0));
        Ok(())
    })
}

#[test]
fn a_factory_reset_that_fails_is_not_reported_either() -> Result {
    each(&config(), |setup| {
        setup.phone.ends_with(ResultCode::CLIENT_ERROR);
        let reset = FactoryReset::new(order("reset"));
        setup.bench.push(1, AnyOperation::FactoryReset(reset))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("accepted", 0, 0));
        assert_eq!(setup.bench.resets, 0);
        assert_eq!(setup.bench.agent()?.report_due()?, None);
        let said = setup.bench.transcript.iter();
        let mut said = said.flat_map(|(_, message)| &message.commands);
        let is_report = |command: &Command| match command {
            Command::Alert(alert) => alert.code == Some(AlertCode::GENERIC_ALERT),
            _ => false,
        };
        assert!(!said.any(is_report), "nor was it, in any session");
        Ok(())
    })
}

#[test]
fn a_local_veto_is_the_answer_to_the_exec() -> Result {
    each(&config(), |setup| {
        setup.phone.vetoes(ResultCode::USER_CANCELLED);
        let reset = FactoryReset::new(order("reset"));
        setup.bench.push(1, AnyOperation::FactoryReset(reset))?;
        let wipe = Wipe::everything(order("wipe"));
        setup.bench.push(2, AnyOperation::Wipe(wipe))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("declined", 0, 1401));
        assert_eq!(setup.summary(2)?, ("declined", 0, 1401));
        assert!(setup.phone.done().is_empty());
        Ok(())
    })
}

#[test]
fn an_operation_that_is_not_offered_is_unsupported() -> Result {
    let config = config().offering([Operation::PartiallyLock]);
    each(&config, |setup| {
        for (id, operation) in [
            (1, AnyOperation::Lock(Lock::fully(order("a")))),
            (2, AnyOperation::Wipe(Wipe::everything(order("b")))),
            (3, AnyOperation::FactoryReset(FactoryReset::new(order("c")))),
            // Who offers a lock offers to unlock.
            (4, AnyOperation::Lock(Lock::unlock(order("d")))),
        ] {
            setup.bench.push(id, operation)?;
        }
        setup.bench.settle()?;
        for id in [1, 2, 3] {
            let outcome = setup.outcome(id)?.map(|outcome| outcome.summary());
            assert_eq!(outcome, Some(Summary::from(Ended::Unsupported)), "{id}");
        }
        assert_eq!(setup.summary(4)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_server_that_is_not_entitled_is_refused() -> Result {
    let config = Config::new(["somebody-else"]);
    each(&config, |setup| {
        // It cannot even see the object.
        let lock = Lock::fully(order("a").with_known_root(crate::support::uri("./LAWMO")));
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("failed", 404, 0));
        assert!(setup.phone.done().is_empty());
        Ok(())
    })
}

#[test]
fn the_user_is_told_only_if_the_server_wants_it() -> Result {
    let mut config = config();
    config.notify_user = true;
    each(&config, |setup| {
        let lock = Lock::fully(order("a"));
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.phone.done(),
            ["tell the user: FullyLock", "lock fully"]
        );
        Ok(())
    })
}

#[test]
fn state_and_wipe_list_can_be_read() -> Result {
    each(&config(), |setup| {
        let lock = Lock::partially(order("a"));
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        let read = ReadState::new(order("b"));
        setup.bench.push(2, AnyOperation::ReadState(read))?;
        setup.bench.settle()?;
        let Some(AnyOutcome::ReadState(Ok(status))) = setup.outcome(2)? else {
            panic!("nothing was read: {:?}", setup.outcome(2)?);
        };
        assert_eq!(status.state, Some(State::PartiallyLocked));
        assert_eq!(status.notify_user, Some(false));
        let list: Vec<(String, String, bool)> = status
            .wipe_list
            .into_iter()
            .flatten()
            .map(|item| {
                let name = item.list_item_name.to_string();
                (item.node.to_string(), name, item.to_be_wiped)
            })
            .collect();
        assert_eq!(
            list,
            [
                ("AppData".into(), "AppData".into(), false),
                ("Contacts".into(), "Contacts".into(), false),
                ("Media".into(), "Photos and films".into(), false),
            ]
        );
        assert_eq!(setup.summary(2)?, ("succeeded", 0, 0));
        Ok(())
    })
}

#[test]
fn an_object_at_an_unusual_place_is_found_by_its_type() -> Result {
    each(&config(), |setup| {
        let order = dm_tree::remote::Order::new("srv1", "a")
            .with_known_root(crate::support::uri("./Moved/LAWMO"));
        let lock = Lock::fully(order);
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("succeeded", 0, 1200));
        assert_eq!(
            setup.server_sent(),
            ["Get", "Get", "Exec", "", ""],
            "where it was, the whole tree, the operation; then nothing, also after the report"
        );
        let root = setup
            .bench
            .queue(|queue| queue.get(1).and_then(|lock| lock.root().cloned()))?;
        assert_eq!(root, Some(crate::support::uri("./LAWMO")));
        Ok(())
    })
}

#[test]
fn an_operation_can_be_cancelled_until_it_is_sent() -> Result {
    each(&config(), |setup| {
        let lock = Lock::fully(order("a"));
        setup.bench.push(1, AnyOperation::Lock(lock))?;
        let cancelled = setup.bench.queue(|queue| {
            use dm_tree::remote::Operation;
            queue.get_mut(1).is_some_and(Operation::cancel)
        })?;
        assert!(cancelled);
        setup.bench.settle()?;
        assert_eq!(setup.bench.exchanges(), 0, "nobody needs a session");
        assert_eq!(setup.summary(1)?, ("cancelled", 0, 0));

        let lock = Lock::fully(order("b"));
        setup.bench.push(2, AnyOperation::Lock(lock))?;
        setup.bench.settle()?;
        let cancelled = setup.bench.queue(|queue| {
            use dm_tree::remote::Operation;
            queue.get_mut(2).is_some_and(Operation::cancel)
        })?;
        assert!(!cancelled);
        Ok(())
    })
}

#[test]
fn a_deadline_ends_an_operation_as_expired_before_it_is_sent_and_as_unknown_after() -> Result {
    each(&config(), |setup| {
        use dm_tree::remote::Operation;
        setup.phone.is_slow();
        for (id, correlator) in [(1, "a"), (2, "b")] {
            let lock = Lock::fully(order(correlator));
            setup.bench.push(id, AnyOperation::Lock(lock))?;
            if id == 1 {
                setup.bench.settle()?;
            }
        }
        for id in [1, 2] {
            setup
                .bench
                .queue(|queue| queue.get_mut(id).map(Operation::expire))?;
        }
        assert_eq!(setup.summary(1)?, ("unknown", 0, 0));
        assert_eq!(setup.summary(2)?, ("expired", 0, 0));
        let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
        assert_eq!(summary.as_ref().map(flat), Some(("unknown", 0, 0)));
        Ok(())
    })
}
