//! What is chosen where the documents leave it open, and where it can be chosen otherwise: one test for
//! each row of the table in `DESIGN.md` that is about this object, unless a test elsewhere fails when it
//! changes.

use core::cmp::Ordering;

use dm_tree::object::{Decision, Job, JobId};
use scomo::{
    MO_ID, Operation, ResultCode,
    device::{
        Activation, Asked, Component, Config, Device, Effect, FetchEffect, InstallEffect, Package,
        Prompts, Reporting, Subject,
    },
};

use crate::{
    nodes::{filled, job},
    support::config,
};

#[test]
fn a_report_is_text_with_a_mark_by_how_bad_it_is() {
    let report = Config::new(["srv1"]).report;
    assert_eq!(report.alert_type, "urn:oma:at:scomo:1.0:OperationComplete");
    assert_eq!(report.format, "text/plain");
    let marks = report.marks.expect("marks");
    assert_eq!(marks.success, "informational");
    assert_eq!(marks.not_done, "warning");
    assert_eq!(marks.failure, "critical");
}

#[test]
fn everything_is_offered_by_an_object_of_1_0_and_the_user_is_not_asked() {
    let config = Config::new(["srv1"]);
    assert_eq!(config.operations, Operation::ALL);
    assert_eq!(config.mo_id, MO_ID);
    assert!(config.permanent_downloads.is_empty() && config.components.is_empty());
    let Prompts {
        download,
        install,
        vendor,
        ..
    } = config.prompts;
    assert!(!(download || install || vendor));
    assert_eq!(config.reporting, Reporting::InSession);
    assert!(config.operations_ext.is_empty());
    assert!(config.node_ext.is_empty() && config.ext.is_empty());
}

#[test]
fn no_version_goes_back_a_job_waits_as_long_as_it_must_and_packages_are_of_any_size() {
    let config = Config::new(["srv1"]);
    assert!(!config.downgrades);
    assert_eq!(config.max_deferrals, None);
    assert_eq!(config.max_package, None);
}

#[test]
fn sixteen_operations_are_open_and_the_next_is_refused() {
    let mut tree = filled(config());
    let mut ahead = |ahead| {
        let mut job = job("srv1", "Inventory/Deployed/c/Operations/Activate");
        job.id = JobId(1 + u64::from(ahead));
        job.ahead = ahead;
        tree.begin(1).decide(&mut job)
    };
    assert_eq!(ahead(15), Decision::Accept);
    let full = ResultCode::CLIENT_ERROR.into();
    assert_eq!(ahead(16), Decision::Refuse(full));
}

/// A device that says no more than it must.
struct Plain;

impl Device for Plain {
    fn fetch(&mut self, _: &Package, _: &Job) -> FetchEffect {
        FetchEffect::Later
    }
    fn install(&mut self, _: &Package, _: Activation, _: &Job) -> InstallEffect {
        InstallEffect::Later
    }
    fn activate(&mut self, _: &Component, _: &Job) -> Effect {
        Effect::Later
    }
    fn deactivate(&mut self, _: &Component, _: &Job) -> Effect {
        Effect::Later
    }
    fn remove_component(&mut self, _: &Component, _: &Job) -> Effect {
        Effect::Later
    }
    fn remove_package(&mut self, _: &Package, _: &Job) -> Effect {
        Effect::Later
    }
}

#[test]
fn what_is_active_may_be_removed_and_what_has_no_package_activated() {
    let mut component = Component::new("c");
    component.active = true;
    let subject = Subject::Component(component);
    for operation in [Operation::RemoveComponent, Operation::Activate] {
        let allowed = Plain.allows(&Asked::Operation(operation), &subject);
        assert_eq!(allowed, Ok(()), "{operation:?}");
    }
    assert!(Plain.supports_environment("anything"));
    assert!(
        Plain.sink().is_none(),
        "what is delivered goes into the tree"
    );
    let newer = Plain.compare_versions("1.10", "1.9");
    assert_eq!(newer, Ordering::Greater);
}
