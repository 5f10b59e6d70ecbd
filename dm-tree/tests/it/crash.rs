//! The device is killed, or its storage fails, at every commit there is: each operation takes effect
//! once, and the server learns its outcome once.

use proptest::prelude::*;

use dm_tree::store::{Kind, Memory, Redb, Store};

use crate::support::{Failure, GO, Loss, Script, Setting, exec, told};

fn memory() -> Memory {
    Memory::new()
}

fn redb() -> Redb {
    let database = redb::Database::builder()
        .create_with_backend(redb::backends::InMemoryBackend::new())
        .unwrap();
    Redb::with_database(database).unwrap()
}

/// Runs one operation with a failure at every commit in turn.
fn every_commit<S: Store + 'static>(store: fn() -> S, script: Script) {
    for correlator in [Some("c"), None] {
        every_commit_of(store, script, correlator);
    }
}

fn every_commit_of<S: Store + 'static>(store: fn() -> S, script: Script, correlator: Option<&str>) {
    let run = |plan: Option<(u32, Failure)>| {
        let mut setting = Setting::new(store(), script, vec![vec![exec(GO, correlator)]]);
        if let Some((commit, failure)) = plan {
            setting.store.fail_at(commit, failure);
        }
        setting.run();
        setting
    };
    let commits = run(None).store.commits();
    assert!(commits > 5);
    for commit in 1..=commits {
        for failure in [Failure::Refused, Failure::KilledAfter] {
            let setting = run(Some((commit, failure)));
            let trace = &setting.trace;
            let what = format!("{script:?}, {correlator:?}, {failure:?} at {commit}: {trace}");
            check(&setting, correlator, 1, &what);
        }
    }
}

fn check(setting: &Setting, correlator: Option<&str>, crashes: usize, what: &str) {
    let world = setting.world();
    let fresh = |stage| {
        world
            .starts
            .iter()
            .filter(|start| **start == (false, stage))
            .count()
    };
    assert!(fresh(0) <= 1 && fresh(1) <= 1, "started twice: {what}");
    let resumed = world.starts.iter().filter(|(resumed, _)| *resumed).count();
    assert!(resumed <= crashes, "resumed without a crash: {what}");
    if setting.script == Script::Reset {
        assert!(world.resets >= 1, "not reset: {what}");
    } else {
        let stages: &[u32] = match setting.script {
            Script::Staged | Script::Noted | Script::Ask => &[0, 1],
            _ => &[0],
        };
        let effects: Vec<_> = stages.iter().map(|stage| (*stage, 1)).collect();
        let met: Vec<_> = world
            .effects
            .iter()
            .map(|(stage, times)| (*stage, *times))
            .collect();
        assert_eq!(met, effects, "{what}");
    }
    let manager = setting.manager();
    let outcomes = manager
        .statuses
        .iter()
        .filter(|(_, code)| *code != 202)
        .map(|(_, code)| code.to_string());
    let reports: Vec<_> = manager.reports.iter().map(told).collect();
    let is_told = |report: &(Option<&str>, &str, &str)| *report == (correlator, "1200", "int");
    assert!(reports.iter().all(is_told), "{what}");
    let outcomes: Vec<_> = outcomes
        .chain(reports.iter().map(|(_, code, _)| (*code).to_owned()))
        .collect();
    let expected: &[&str] = if setting.script == Script::Reset {
        &[]
    } else {
        &["1200"]
    };
    assert_eq!(outcomes, expected, "{what}");
    assert_eq!(manager.statuses.len(), 1, "one status: {what}");
    for kind in [
        Kind::Session,
        Kind::LastSent,
        Kind::Job,
        Kind::Report,
        Kind::Spool,
    ] {
        assert_eq!(setting.store.count(kind), 0, "{kind:?} left: {what}");
    }
}

macro_rules! crashes {
    ($($name:ident: $script:ident,)+) => {
        mod in_memory {
            $(#[test] fn $name() {
                super::every_commit(super::memory, super::Script::$script);
            })+
        }

        mod on_redb {
            $(#[test] fn $name() {
                super::every_commit(super::redb, super::Script::$script);
            })+
        }
    };
}

crashes! {
    a_job_before_its_answer_is_done_once_and_known_once: Now,
    an_accepted_job_is_done_once_and_known_once: Accept,
    a_job_after_the_session_is_done_once_and_known_once: AfterSession,
    a_job_in_stages_is_done_once_and_known_once: Staged,
    a_job_that_notes_its_stages_is_done_once_and_known_once: Noted,
    a_job_that_asks_first_is_done_once_and_known_once: Ask,
    a_reset_ends_in_a_new_device: Reset,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Several crashes, and messages lost on the way as well.
    #[test]
    fn any_series_of_crashes_and_losses_ends_in_one_effect_and_one_outcome(
        crashes in proptest::collection::btree_map(1_u32..25, any::<bool>(), 0..5),
        losses in proptest::collection::vec(0_u8..4, 0..12),
        script in 0_usize..7,
        has_correlator in any::<bool>(),
    ) {
        let script = [
            Script::Now,
            Script::Accept,
            Script::AfterSession,
            Script::Staged,
            Script::Noted,
            Script::Ask,
            Script::Reset,
        ][script];
        let correlator = has_correlator.then_some("c");
        let mut setting = Setting::new(memory(), script, vec![vec![exec(GO, correlator)]]);
        for (commit, is_refused) in &crashes {
            let failure = if *is_refused { Failure::Refused } else { Failure::KilledAfter };
            setting.store.fail_at(*commit, failure);
        }
        // Never so many in a row that the session is given up.
        setting.losses = losses
            .iter()
            .map(|loss| match loss {
                0 => Some(Loss::Request),
                1 => Some(Loss::Answer),
                _ => None,
            })
            .collect();
        for three in 1..=setting.losses.len() / 3 {
            setting.losses[three * 3 - 1] = None;
        }
        setting.run();
        let what = format!("{script:?}, {correlator:?}, {crashes:?}, {losses:?}: {}", setting.trace);
        check(&setting, correlator, crashes.len(), &what);
    }
}

#[test]
fn several_jobs_are_each_started_once_and_each_known_once() {
    for script in [
        Script::Now,
        Script::Accept,
        Script::AfterSession,
        Script::Staged,
    ] {
        let run = |plan: Option<(u32, Failure)>| {
            let other = "./Lock/Operations/Other";
            let batches = vec![
                vec![exec(GO, Some("1")), exec(other, Some("2"))],
                vec![exec(GO, Some("3"))],
            ];
            let mut setting = Setting::new(memory(), script, batches);
            if let Some((commit, failure)) = plan {
                setting.store.fail_at(commit, failure);
            }
            setting.run();
            setting
        };
        let commits = run(None).store.commits();
        for commit in 1..=commits {
            for failure in [Failure::Refused, Failure::KilledAfter] {
                let setting = run(Some((commit, failure)));
                let what = format!("{script:?} {failure:?} at {commit}: {}", setting.trace);
                let starts = &setting.world().starts;
                let stages = if script == Script::Staged { 0..2 } else { 0..1 };
                for stage in stages {
                    let fresh = starts.iter().filter(|start| **start == (false, stage));
                    let again = starts.iter().filter(|start| **start == (true, stage));
                    let (fresh, again) = (fresh.count(), again.count());
                    assert!(fresh <= 3 && fresh + again >= 3 && again <= 1, "{what}");
                }
                let manager = setting.manager();
                let mut told_by: Vec<String> = manager
                    .statuses
                    .iter()
                    .filter(|(_, code)| *code == 1200)
                    .map(|(tag, _)| tag.to_string())
                    .collect();
                told_by.extend(manager.reports.iter().map(|report| {
                    let (correlator, ..) = told(report);
                    correlator.unwrap().to_owned()
                }));
                told_by.sort();
                assert_eq!(told_by, ["1", "2", "3"], "{what}");
                for kind in [
                    Kind::Session,
                    Kind::LastSent,
                    Kind::Job,
                    Kind::Report,
                    Kind::Spool,
                ] {
                    assert_eq!(setting.store.count(kind), 0, "{kind:?} left: {what}");
                }
            }
        }
    }
}
