//! What is chosen where the documents leave it open, and where it can be chosen otherwise: one test for
//! each row of the table in `DESIGN.md` that is about this object, unless a test elsewhere fails when it
//! changes.

use dm_proto::{
    codec::Encoding,
    session::{ClientConfig, DeviceProfile, SequencePolicy, ServerConfig},
};
use dm_tree::{
    agent::AgentConfig,
    remote::{Checks, Decision, Instance, Order, Refusal, Rules},
};
use lawmo::{
    Operation,
    device::{Config, Function, Prompts, Reporting, ResetMarker, Sessions, Unanswered, UsePolicy},
};

use crate::{
    raw::{Rig, exec},
    support::{Phone, config},
};

#[test]
fn a_report_is_an_int_with_a_mark_by_how_bad_it_is() {
    let report = Config::new(["srv1"]).report;
    assert_eq!(report.alert_type, "urn:oma:at:lawmo:1.0:OperationComplete");
    assert_eq!(report.format, "int");
    let marks = report.marks.expect("marks");
    assert_eq!(marks.success, "informational");
    assert_eq!(marks.not_done, "warning");
    assert_eq!(marks.failure, "critical");
}

#[test]
fn everything_is_offered_nothing_can_be_wiped_and_the_user_is_neither_told_nor_asked() {
    let config = Config::new(["srv1"]);
    assert_eq!(config.operations, Operation::ALL);
    assert_eq!(config.wipe_list, None);
    assert!(!config.wipe_all);
    assert!(!config.notify_user);
    let Prompts {
        lock,
        wipe,
        factory_reset,
        vendor,
        ..
    } = config.prompts;
    assert!(!(lock || wipe || factory_reset || vendor));
    assert_eq!(config.reporting, Reporting::InSession);
    assert!(config.operations_ext.is_empty() && config.ext.is_empty());
}

#[test]
fn a_locked_device_speaks_with_the_entitled_and_takes_calls_if_partially_locked() {
    let UsePolicy {
        fully_locked,
        partially_locked,
        sessions,
        ..
    } = Config::new(["srv1"]).use_policy;
    assert!(fully_locked.is_empty());
    assert_eq!(partially_locked, [Function::IncomingCalls]);
    assert_eq!(sessions, Sessions::Entitled);
}

#[test]
fn a_reset_takes_place_after_three_tries_or_three_sessions() {
    assert_eq!(Config::new(["srv1"]).unanswered, Unanswered::Proceed);
    assert_eq!(AgentConfig::default().retries, 3);
    assert_eq!(ResetMarker::RETRIES, 3);
}

#[test]
fn a_session_has_three_challenges_and_a_failure_stops_its_sequence() {
    assert_eq!(ClientConfig::default().challenges, 3);
    assert_eq!(ServerConfig::default().challenges, 3);
    assert_eq!(ClientConfig::default().sequence, SequencePolicy::Stop);
}

#[test]
fn sixteen_operations_wait_and_the_next_is_refused() {
    let phone = Phone::default();
    let config = config().with_reporting(Reporting::AfterSession);
    let mut rig = Rig::new(&phone, &[("./LAWMO", config)], Encoding::Wbxml);
    rig.leaves_jobs = true;
    let locks = (0..17).map(|number| {
        let correlator = number.to_string();
        exec("./LAWMO/Operations/FullyLock", Some(&correlator))
    });
    rig.says(0, vec![locks.collect()]);
    let codes = rig.servers[0].manager.codes();
    assert_eq!(codes.get(..16), Some(&[202; 16][..]));
    assert_eq!(codes.get(16..), Some(&[1400][..]));
}

#[test]
fn an_order_asks_nobody_checks_what_it_knows_and_repairs_an_acl() {
    let order = Order::new("srv1", "a");
    assert_eq!(order.question, None);
    assert_eq!(order.profile, DeviceProfile::STANDARD);
    assert!(!order.profile.sequence_guards, "questions go first, alone");
    assert_eq!(order.checks, Checks::Known);
    assert_eq!(order.instance, Instance::First);
    assert_eq!((order.offers, order.deadline), (None, None));
    assert!(order.repairs_acl);
    assert!(order.report_types.is_empty());
}

#[test]
fn the_infrastructure_gets_what_it_asks_for_and_devices_nothing() {
    let rules = Rules::default();
    let refused = Decision::Refused(Refusal::NotEntitled);
    assert_eq!(rules.infrastructure, Decision::Now);
    assert_eq!((rules.device, rules.user), (refused, refused));
    assert_eq!(rules.max_open, 64);
}
