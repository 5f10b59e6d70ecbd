//! LAWMO AD 5.4.2: operations with user confirmation.

use dm_proto::session::{Trigger, UserReply};
use dm_tree::remote::{Order, SummaryState};
use lawmo::{
    device::Reporting,
    server::{AnyOperation, AnyOutcome, Ended, FactoryReset, ResetOutcome, Wipe, WipeOutcome},
};

use crate::support::{Result, Setup, config, each, order, order_in_sequence};

type Answer = (fn() -> UserReply, u16, SummaryState);

/// The answers that are not *yes*, with the status of the question.
const NO: [Answer; 4] = [
    (|| UserReply::No, 304, SummaryState::Declined),
    (|| UserReply::Cancelled, 214, SummaryState::Declined),
    (|| UserReply::TimedOut, 408, SummaryState::Declined),
    (|| UserReply::CannotDisplay, 416, SummaryState::Declined),
];

fn wipe(order: Order) -> AnyOperation {
    let order = order.confirmed_by_user("Erase your contacts?", Some(60));
    AnyOperation::Wipe(Wipe::items(["Contacts"], order))
}

fn reset(order: Order) -> AnyOperation {
    let order = order.confirmed_by_user("Reset your phone?", None);
    AnyOperation::FactoryReset(FactoryReset::new(order))
}

fn nothing_happened(setup: &mut Setup) -> Result {
    assert!(setup.phone.done().is_empty());
    for item in ["Contacts", "Media", "AppData"] {
        let leaf = format!("AvailableWipeList/{item}/ToBeWiped");
        assert_eq!(setup.value(&leaf)?, "false", "{item}");
    }
    Ok(())
}

#[test]
fn two_steps_yes_a_wipe_follows_its_question_in_messages_of_their_own() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        each(&config().with_reporting(reporting), |setup| {
            setup.bench.set_user(|prompt| {
                assert_eq!(prompt.text, "Erase your contacts?");
                assert_eq!(prompt.max_display, Some(60));
                assert_eq!(prompt.initial, None, "no answer is suggested");
                UserReply::Yes
            });
            // 1: the management infrastructure asks for it. 2: the server starts a session.
            setup.bench.push(1, wipe(order("w-1")))?;
            setup.bench.run_session(Trigger::Server)?;
            let sent = setup.server_sent();
            assert_eq!(
                sent.get(..5).unwrap_or_default(),
                [
                    "Get, Get",                          // where the object is
                    "Get, Get",                          // what it offers, and what it can wipe
                    "Alert",                             // 3: the question alone
                    "Atomic(Replace, Replace, Replace)", // 5: on yes, the list
                    "Exec",                              // and a message later the operation
                ]
            );
            // 6, 7: the client performs it and reports.
            setup.bench.settle()?;
            assert_eq!(setup.phone.done(), ["wipe Contacts"]);
            assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn two_steps_yes_a_reset_is_accepted() -> Result {
    each(&config(), |setup| {
        setup.bench.push(1, reset(order("r-1")))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.server_sent(),
            ["Get, Get", "Get", "Alert", "Exec", ""],
            "the question alone, and only then the reset"
        );
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::FactoryReset(ResetOutcome::Accepted))
        );
        assert_eq!(setup.bench.resets, 1);
        Ok(())
    })
}

#[test]
fn two_steps_no_nothing_is_sent_and_nothing_has_changed() -> Result {
    for (reply, status, state) in NO {
        each(&config(), |setup| {
            setup.bench.set_user(move |_| reply());
            setup.bench.push(1, wipe(order("w-1")))?;
            setup.bench.push(2, reset(order("r-1")))?;
            setup.bench.settle()?;
            for id in [1, 2] {
                assert_eq!(setup.summary(id)?, (state.as_str(), status, 0));
            }
            assert_eq!(
                setup.server_sent(),
                [
                    "Get, Get", "Get, Get", "Alert", "Get, Get", "Get", "Alert", ""
                ]
            );
            nothing_happened(setup)
        })?;
    }
    Ok(())
}

#[test]
fn two_steps_without_a_user_to_ask_nothing_is_sent() -> Result {
    each(&config(), |setup| {
        setup
            .bench
            .configure(|config| config.session.user_interaction = false)?;
        setup.bench.push(1, reset(order("r-1")))?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("declined", 406, 0));
        nothing_happened(setup)
    })
}

#[test]
fn a_device_that_is_known_to_have_no_user_is_not_asked_at_all() -> Result {
    each(&config(), |setup| {
        let windows = dm_proto::session::DeviceProfile::WINDOWS;
        setup
            .bench
            .push(1, reset(order("r-1").with_profile(windows)))?;
        setup.bench.settle()?;
        assert_eq!(setup.bench.exchanges(), 0);
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::FactoryReset(ResetOutcome::Ended(
                Ended::NotAsked(None)
            )))
        );
        Ok(())
    })
}

#[test]
fn consent_does_not_outlive_its_session() -> Result {
    each(&config(), |setup| {
        use dm_proto::testing::Fault;
        setup.bench.configure(|config| config.retries = 0)?;
        setup.bench.push(1, wipe(order("w-1")))?;
        // The answer with the question's 200 never arrives: package 1, Get, Get, Alert.
        setup.bench.fault(4, Fault::LoseRequest);
        setup.bench.run_session(Trigger::Server)?;
        assert_eq!(setup.outcome(1)?, None);
        setup.bench.set_user(|_| UserReply::No);
        setup.bench.queue(|queue| queue.session_lost())?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("declined", 304, 0));
        nothing_happened(setup)
    })
}

#[test]
fn in_sequence_yes_question_list_and_exec_are_one_message() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        each(&config().with_reporting(reporting), |setup| {
            setup.bench.push(1, wipe(order_in_sequence("w-1")))?;
            setup.bench.settle()?;
            assert_eq!(
                setup.server_sent().get(..3).unwrap_or_default(),
                [
                    "Get, Get", // where the object is
                    "Get, Get", // what it offers, and what it can wipe
                    "Sequence(Alert, Replace, Replace, Replace, Exec)"
                ]
            );
            assert_eq!(setup.phone.done(), ["wipe Contacts"]);
            assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn in_sequence_yes_a_reset_is_accepted() -> Result {
    each(&config(), |setup| {
        setup.bench.push(1, reset(order_in_sequence("r-1")))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.server_sent(),
            ["Get, Get", "Get", "Sequence(Alert, Exec)", ""],
            "the question and, guarded by it, the reset"
        );
        assert_eq!(setup.summary(1)?, ("accepted", 0, 0));
        assert_eq!(setup.bench.resets, 1);
        assert_eq!(setup.bench.agent()?.report_due()?, None);
        Ok(())
    })
}

#[test]
fn in_sequence_no_skips_everything_behind_the_question() -> Result {
    for (reply, status, state) in NO {
        each(&config(), |setup| {
            setup.bench.set_user(move |_| reply());
            setup.bench.push(1, wipe(order_in_sequence("w-1")))?;
            setup.bench.push(2, reset(order_in_sequence("r-1")))?;
            setup.bench.settle()?;
            for id in [1, 2] {
                assert_eq!(setup.summary(id)?, (state.as_str(), status, 0));
            }
            nothing_happened(setup)
        })?;
    }
    Ok(())
}

#[test]
fn in_sequence_without_a_user_to_ask_nothing_is_run() -> Result {
    each(&config(), |setup| {
        setup
            .bench
            .configure(|config| config.session.user_interaction = false)?;
        setup.bench.push(1, wipe(order_in_sequence("w-1")))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::Wipe(WipeOutcome::Ended(Ended::NotAsked(Some(
                dm_proto::StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED
            )))))
        );
        nothing_happened(setup)
    })
}
