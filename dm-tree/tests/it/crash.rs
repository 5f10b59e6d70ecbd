//! The device is killed, or its storage fails, at every commit there is: each operation takes effect
//! once, and the server learns its outcome once.

use std::collections::BTreeSet;

use dm_tree::store::{Kind, Memory, Redb, Store};

use crate::support::{Failure, GO, Script, Setting, exec, told};

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
    let run = |plan: Option<(u32, Failure)>| {
        let mut setting = Setting::new(store(), script, vec![vec![exec(GO, Some("c"))]]);
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
            check(&setting, &format!("{script:?}, {failure:?} at {commit}: {}", setting.trace));
        }
    }
}

fn check(setting: &Setting, what: &str) {
    let world = setting.world();
    let fresh = |stage| {
        world
            .starts
            .iter()
            .filter(|start| **start == (false, stage))
            .count()
    };
    assert!(fresh(0) <= 1 && fresh(1) <= 1, "started twice: {what}");
    if setting.script == Script::Reset {
        assert!(world.resets >= 1, "not reset: {what}");
    } else {
        let stages: &[u32] = if setting.script == Script::Staged { &[0, 1] } else { &[0] };
        let effects: Vec<_> = stages.iter().map(|stage| (*stage, 1)).collect();
        let met: Vec<_> = world.effects.iter().map(|(stage, times)| (*stage, *times)).collect();
        assert_eq!(met, effects, "{what}");
    }
    let manager = setting.manager();
    let outcomes = manager
        .statuses
        .iter()
        .filter(|(_, code)| *code != 202)
        .map(|(_, code)| code.to_string());
    let reports: BTreeSet<_> = manager.reports.iter().map(told).collect();
    assert!(
        reports.iter().all(|report| *report == (Some("c"), "1200", "int")),
        "{what}"
    );
    let outcomes: Vec<_> = outcomes
        .chain(reports.iter().map(|(_, code, _)| (*code).to_owned()))
        .collect();
    let expected: &[&str] = if setting.script == Script::Reset { &[] } else { &["1200"] };
    assert_eq!(outcomes, expected, "{what}");
    assert_eq!(manager.statuses.len(), 1, "one status: {what}");
    for kind in [Kind::Session, Kind::LastSent, Kind::Job, Kind::Report] {
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
    a_reset_ends_in_a_new_device: Reset,
}
