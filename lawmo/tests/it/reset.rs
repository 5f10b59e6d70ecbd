//! The factory reset on the device: what its user may say, what it leaves, and what a boot finds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_proto::{codec::Encoding, testing::Fault};
use dm_tree::object::Job;
use lawmo::device::{
    AGREED, AtBoot, Config, Consent, Device, Effect, Prompts, Reporting, Request, ResetEffect,
    ResetMarker, Unanswered, WipeEffect, WipeItem,
};

use proptest::prelude::*;

use crate::{
    raw::{Rig, exec},
    support::{Phone, config},
};

const RESET: &str = "./LAWMO/Operations/FactoryReset";
const LOCK: &str = "./LAWMO/Operations/FullyLock";

fn asking() -> Config {
    config().with_prompts(Prompts::ALL)
}

fn rig(phone: &Phone, config: Config) -> Rig {
    Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml)
}

#[test]
fn a_user_who_refuses_is_the_status_of_the_exec_whatever_else_is_under_way() {
    for consent in [Consent::No, Consent::Postponed] {
        for reporting in [
            Reporting::Synchronous,
            Reporting::InSession,
            Reporting::AfterSession,
        ] {
            let phone = Phone::default();
            phone.user_says(consent);
            let mut config = asking().with_reporting(reporting);
            config.prompts.lock = false;
            let mut rig = rig(&phone, config);
            rig.says(0, vec![vec![exec(LOCK, Some("a")), exec(RESET, Some("b"))]]);
            rig.settle();
            assert_eq!(rig.servers[0].manager.status_of(2), Some(1401));
            assert_eq!(rig.resets, 0);
            let done = phone.done();
            assert!(!done.contains(&"reset".to_owned()), "{done:?}");
            assert!(done.contains(&"lock fully".to_owned()), "{done:?}");
            let told = rig.servers[0].manager.told();
            assert!(
                told.iter().all(|told| told.1 != RESET),
                "no report: {told:?}"
            );
        }
    }
}

#[test]
fn a_user_who_agrees_is_asked_before_the_status_and_reset_after_the_session() {
    let phone = Phone::default();
    let mut rig = rig(&phone, asking());
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202]);
    assert_eq!(phone.done(), ["ask the user: FactoryReset", "reset"]);
    assert_eq!(rig.resets, 1);
}

#[test]
fn the_exec_of_a_reset_waits_for_a_user_who_answers_later() {
    for agrees in [true, false] {
        let phone = Phone::default();
        phone.user_says(Consent::Later);
        let mut rig = rig(&phone, asking());
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        assert!(rig.servers[0].manager.codes().is_empty(), "not answered");
        // Even over a restart.
        rig.cut();
        rig.leaves_jobs = true;
        rig.run();
        rig.leaves_jobs = false;
        let job = rig.left.pop().expect("the job again");
        assert_eq!((job.stage, job.resumed), (0, true));
        if agrees {
            let agent = rig.agent();
            agent.after_session(job.id, AGREED, 3000).expect("agreed");
        } else {
            let request = Request::of(&job).expect("ours");
            let outcome = request.outcome(lawmo::ResultCode::USER_CANCELLED);
            rig.agent()
                .complete(job.id, outcome, 3000)
                .expect("refused");
        }
        rig.run();
        let codes = rig.servers[0].manager.codes();
        assert_eq!(codes, [if agrees { 202 } else { 1401 }]);
        assert_eq!(rig.resets, u32::from(agrees));
    }
}

#[test]
fn a_power_cut_anywhere_in_a_confirmed_reset_ends_in_one_reset() {
    let mut whole = rig(&Phone::default(), asking());
    whole.says(0, vec![vec![exec(RESET, Some("b"))]]);
    for cut in 1..=whole.step {
        let phone = Phone::default();
        let mut rig = rig(&phone, asking());
        rig.cuts.insert(cut);
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        rig.run();
        let resets = |done: &[String]| done.iter().filter(|it| it.starts_with("reset")).count();
        let done = phone.done();
        // A session that had sent nothing is not opened again.
        let was_asked = !rig.servers[0].manager.codes().is_empty();
        assert_eq!(
            resets(&done),
            usize::from(was_asked),
            "cut at {cut}: {done:?}"
        );
    }
}

#[test]
fn a_write_that_fails_anywhere_neither_loses_nor_doubles_a_reset() {
    for forgets_sessions in [false, true] {
        let start = |phone: &Phone| {
            let mut rig = rig(phone, asking());
            rig.forgets_sessions = forgets_sessions;
            rig.agent();
            rig
        };
        let ask = |rig: &mut Rig| {
            rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
            rig.settle();
        };
        let mut whole = start(&Phone::default());
        let first = whole.written();
        ask(&mut whole);
        for write in first..whole.written() {
            let phone = Phone::default();
            let mut rig = start(&phone);
            rig.failing.insert(write);
            ask(&mut rig);
            let case = format!("write {write}, forgets sessions: {forgets_sessions}");
            let done = phone.done();
            let begun = done.iter().filter(|it| *it == "reset").count();
            let codes = rig.servers[0].manager.codes();
            // Whether or not its server has come to know of it.
            assert!(resets(&done) > 0 || codes.is_empty(), "{case}: {done:?}");
            // Where the storage could not be erased it is done again, and said to be.
            assert!(begun <= 1 && resets(&done) <= 2, "{case}: {done:?}");
            assert!(rig.servers[0].manager.told().is_empty(), "{case}");
            // The device is as new, and can be reset again.
            assert_eq!(rig.agent().deferred_jobs().count(), 0, "{case}");
            rig.says(0, vec![vec![exec(RESET, Some("c"))]]);
            let last = rig.servers[0].manager.codes().pop();
            assert_eq!(last, Some(202), "{case}");
            let done = phone.done();
            assert!(done.ends_with(&["reset".to_owned()]), "{case}: {done:?}");
        }
    }
}

/// A phone whose reset erases all but a marker, in three steps, of which one may be the last of this boot.
#[derive(Clone, Default)]
struct Eraser(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    marker: Option<String>,
    erased: Vec<u32>,
    power_left: Option<u32>,
}

impl Eraser {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marker(&self) -> Option<ResetMarker> {
        let disk = self.disk();
        disk.marker.as_deref().and_then(ResetMarker::parse)
    }

    /// Whether it came to its end.
    fn erase(&self, marker: ResetMarker) -> bool {
        let mut disk = self.disk();
        disk.marker = Some(marker.erasing().to_string());
        for part in 0..3 {
            if disk.power_left == Some(part) {
                disk.power_left = None;
                return false;
            }
            disk.erased.push(part);
        }
        disk.marker = None;
        true
    }
}

impl Device for Eraser {
    fn fully_lock(&mut self, _: &Job) -> Effect {
        unreachable!("nobody asks")
    }

    fn partially_lock(&mut self, _: &Job) -> Effect {
        unreachable!("nobody asks")
    }

    fn unlock(&mut self, _: &Job) -> Effect {
        unreachable!("nobody asks")
    }

    fn wipe(&mut self, _: &[WipeItem], _: &Job) -> WipeEffect {
        unreachable!("nobody asks")
    }

    fn factory_reset(&mut self, job: &Job) -> ResetEffect {
        let marker = self
            .marker()
            .unwrap_or_else(|| ResetMarker::pending(job.server.clone()));
        if self.erase(marker) {
            ResetEffect::Erased
        } else {
            ResetEffect::Later
        }
    }

    fn confirm(&mut self, _: &Request, job: &Job) -> Consent {
        // Accepted from here on.
        self.disk().marker = Some(ResetMarker::pending(job.server.clone()).to_string());
        Consent::Yes
    }
}

#[test]
fn a_boot_that_finds_erasing_resumes_and_the_marker_goes_last() {
    for power_left in [None, Some(0), Some(1), Some(2)] {
        let eraser = Eraser::default();
        eraser.disk().power_left = power_left;
        let mut rig = Rig::new(&eraser, &[("./LAWMO", asking())], Encoding::Wbxml);
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        assert_eq!(rig.servers[0].manager.codes(), [202]);
        if power_left.is_some() {
            let marker = eraser.marker();
            let at_boot =
                ResetMarker::at_boot(marker.as_ref(), ResetMarker::RETRIES, Unanswered::Proceed);
            assert_eq!(at_boot, AtBoot::Erase);
            rig.cut();
            rig.run();
        }
        assert_eq!(eraser.marker(), None);
        assert!(eraser.disk().erased.ends_with(&[0, 1, 2]));
        assert_eq!(rig.resets, 1);
        assert!(rig.servers[0].manager.told().is_empty());
    }
}

#[test]
fn a_boot_that_finds_pending_has_its_session_first() {
    // Package 1 is the first exchange, then comes the message with the 202.
    let eraser = Eraser::default();
    let mut rig = Rig::new(&eraser, &[("./LAWMO", asking())], Encoding::Wbxml);
    rig.faults.insert(2, Fault::LoseRequest);
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    let job = rig.left.pop().expect("the question");
    let agent = rig.agent();
    agent.run(job.id, 3000).expect("it agrees");
    let marker = eraser.marker();
    let at_boot = ResetMarker::at_boot(marker.as_ref(), ResetMarker::RETRIES, Unanswered::Proceed);
    assert_eq!(at_boot, AtBoot::OpenSession("srv1".into()));
    // The agent takes up the session that was open, sends the 202 again, and only then resets.
    rig.cut();
    rig.leaves_jobs = false;
    rig.run();
    assert_eq!(rig.servers[0].manager.codes(), [202]);
    assert_eq!(rig.resets, 1);
    assert_eq!(eraser.marker(), None);
}

#[test]
fn a_reset_whose_server_is_never_reached_again_takes_place() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    // The message with the 202, and its three repeats.
    rig.faults
        .extend((2..6).map(|exchange| (exchange, Fault::LoseRequest)));
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert!(rig.servers[0].manager.codes().is_empty());
    assert_eq!(phone.done(), ["reset"]);
    assert_eq!(rig.resets, 1);
}

fn abandoning() -> Config {
    config().with_unanswered(Unanswered::Abandon)
}

/// From the message with the 202 on, so many messages get lost.
fn unheard(rig: &mut Rig, messages: u32) {
    let first = rig.exchanges + 2;
    let lost = first..first + messages;
    rig.faults
        .extend(lost.map(|exchange| (exchange, Fault::LoseRequest)));
}

fn resets(done: &[String]) -> usize {
    done.iter().filter(|it| it.starts_with("reset")).count()
}

#[test]
fn a_reset_whose_server_does_not_answer_is_abandoned_where_that_is_configured() {
    let phone = Phone::default();
    let mut rig = rig(&phone, abandoning());
    unheard(&mut rig, 4);
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert!(rig.servers[0].manager.codes().is_empty());
    assert_eq!(phone.done(), ["give up"]);
    assert_eq!(rig.agent().report_due().expect("read"), None, "no report");
    // Its server, asking again for the same, hears what became of it; asking anew it gets a reset.
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(rig.servers[0].manager.status_of(2), Some(1400));
    rig.cut();
    rig.run();
    assert_eq!((phone.done().len(), rig.resets), (0, 0));
    rig.says(0, vec![vec![exec(RESET, Some("c"))]]);
    assert_eq!(rig.servers[0].manager.status_of(3), Some(202));
    assert_eq!(phone.done(), ["reset"]);
    assert_eq!(rig.resets, 1);
}

#[test]
fn a_server_that_answers_a_repeat_gets_its_reset_whatever_is_configured() {
    for lost in 0..4 {
        let phone = Phone::default();
        let mut rig = rig(&phone, abandoning());
        unheard(&mut rig, lost);
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        assert_eq!(rig.servers[0].manager.codes(), [202], "{lost} lost");
        assert_eq!(phone.done(), ["reset"], "{lost} lost");
    }
}

#[test]
fn a_power_cut_anywhere_in_an_abandoned_reset_resets_nothing() {
    let ask = |rig: &mut Rig| {
        unheard(rig, 4);
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    };
    let mut whole = rig(&Phone::default(), abandoning());
    ask(&mut whole);
    for cut in 1..=whole.step {
        let phone = Phone::default();
        let mut rig = rig(&phone, abandoning());
        rig.cuts.insert(cut);
        ask(&mut rig);
        rig.run();
        let done = phone.done();
        // A start has as many tries as any: the server may be reached after all.
        let is_told = rig.servers[0].manager.codes() == [202];
        assert_eq!(
            resets(&done),
            usize::from(is_told),
            "cut at {cut}: {done:?}"
        );
        let given_up = done.iter().filter(|it| it.starts_with("give up")).count();
        assert_eq!(given_up > 0, !is_told && !done.is_empty(), "cut at {cut}");
    }
}

#[test]
fn a_reset_that_has_begun_is_not_abandoned() {
    let phone = Phone::default();
    phone.is_slow();
    let mut config = abandoning();
    config.unanswered = Unanswered::Proceed;
    let mut begun = rig(&phone, config);
    unheard(&mut begun, 4);
    begun.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(phone.done(), ["reset"]);
    // The next boot has other software, with another mind.
    let mut begun = begun.with(&phone, abandoning());
    begun.run();
    assert_eq!(phone.done(), ["reset again"]);
}

#[test]
fn a_start_that_has_lost_the_session_has_another_one_before_the_reset() {
    for (config, unreachable, does_reset) in [
        (config(), 0, true),
        (abandoning(), 0, true),
        // Three sessions, of four tries each.
        (config(), 12, true),
        (abandoning(), 12, false),
        (abandoning(), 11, true),
    ] {
        let mut whole = rig(&Phone::default(), config.clone());
        whole.says(0, vec![vec![exec(RESET, Some("b"))]]);
        let mut tried = 0;
        for cut in 1..=whole.step {
            let phone = Phone::default();
            let mut rig = rig(&phone, config.clone());
            rig.cuts.insert(cut);
            rig.forgets_sessions = true;
            rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
            let is_owed = rig.agent().report_due().expect("read").is_some();
            let was_told = rig.servers[0].manager.codes() == [202];
            let case = format!("cut at {cut}, {unreachable} lost");
            if !is_owed {
                assert_eq!(resets(&phone.done()), usize::from(was_told), "{case}");
                continue;
            }
            tried += 1;
            assert!(
                phone.done().is_empty(),
                "{case}: nothing before the session"
            );
            let next = rig.exchanges + 1;
            rig.faults
                .extend((next..next + unreachable).map(|it| (it, Fault::LoseRequest)));
            rig.settle();
            let done = phone.done();
            let expected = if does_reset { "reset" } else { "give up" };
            assert_eq!(done, [expected], "{case}");
        }
        assert!(tried > 0, "{unreachable} lost");
    }
}

#[test]
fn a_start_that_has_lost_server_and_session_resets_without() {
    let phone = Phone::default();
    let mut rig = rig(&phone, asking());
    phone.user_says(Consent::Later);
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    phone.done();
    rig.forgets_sessions = true;
    rig.cut();
    rig.leaves_jobs = true;
    rig.run();
    rig.leaves_jobs = false;
    let job = rig.left.pop().expect("the question again");
    let agent = rig.agent();
    agent.after_session(job.id, AGREED, 3000).expect("agreed");
    assert_eq!(agent.report_due().expect("read").as_deref(), Some("srv1"));
    rig.run();
    assert_eq!(rig.resets, 0, "its server was never told");
    let mut transaction = rig.agent().begin(3000);
    let mut accounts = transaction
        .edit(&dm_tree::NodeUri::parse("./DMAcc").expect("a uri"))
        .expect("the accounts");
    accounts.remove("srv1").expect("it is removed");
    transaction.commit().expect("it is stored");
    assert_eq!(rig.agent().report_due().expect("read"), None);
    rig.run();
    assert_eq!(rig.resets, 1);
}

#[test]
fn an_exec_that_repeats_one_about_which_the_user_is_asked_waits_for_the_answer_too() {
    for agrees in [true, false] {
        let phone = Phone::default();
        phone.user_says(Consent::Later);
        let mut rig = rig(&phone, asking());
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        rig.forgets_sessions = true;
        rig.cut();
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        assert!(rig.servers[0].manager.codes().is_empty(), "nothing yet");
        phone.user_says(if agrees { Consent::Yes } else { Consent::No });
        rig.forgets_sessions = false;
        rig.cut();
        rig.run();
        let status = rig.servers[0].manager.status_of(2);
        assert_eq!(status, Some(if agrees { 202 } else { 1401 }));
        assert_eq!(rig.resets, u32::from(agrees));
    }
}

#[test]
fn a_reset_that_failed_is_not_done_again_for_a_repeat() {
    let phone = Phone::default();
    phone.ends_once_with(lawmo::ResultCode::CLIENT_ERROR);
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(phone.done(), ["reset"]);
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202, 1400]);
    assert_eq!(phone.done().len(), 0);
    assert_eq!(rig.resets, 0);
}

#[test]
fn nothing_is_left_of_jobs_and_reports_after_a_reset() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config().with_reporting(Reporting::AfterSession));
    rig.says(0, vec![vec![exec(LOCK, Some("a")), exec(RESET, Some("b"))]]);
    assert_eq!(phone.done(), ["lock fully", "reset"]);
    assert_eq!(rig.agent().report_due().expect("read"), None);
    assert_eq!(rig.value("./LAWMO/State").as_deref(), Some("30"));
    assert_eq!(rig.value("./LAWMO/Ext/LockedBy"), None);
    rig.settle();
    assert!(rig.servers[0].manager.told().is_empty());
}

#[test]
fn what_still_goes_on_when_a_reset_is_done_ends_no_job_of_the_new_device() {
    let phone = Phone::default();
    let both = [("./LAWMO", config()), ("./Guest/LAWMO", config())];
    let mut rig = Rig::new(&phone, &both, Encoding::Wbxml);
    let guest = "./Guest/LAWMO/Operations/FullyLock";
    rig.leaves_jobs = true;
    rig.says(
        0,
        vec![vec![exec(guest, Some("a"))], vec![exec(RESET, Some("b"))]],
    );
    let old = rig.left.pop().expect("a job");
    phone.is_slow();
    rig.agent().run(old.id, 3000).expect("it goes on elsewhere");
    rig.run();
    let reset = rig.left.pop().expect("the reset");
    assert_eq!(reset.node.as_str(), RESET);
    rig.agent().run(reset.id, 3000).expect("it begins");
    rig.run();
    let reset = rig.left.pop().expect("the reset again");
    phone.is_slow_no_more();
    rig.agent().run(reset.id, 3000).expect("it is done");
    rig.run();
    assert_eq!(rig.resets, 1);
    rig.says(0, vec![vec![exec(guest, Some("c"))]]);
    let new = rig.left.pop().expect("a job");
    assert!(new.id > reset.id, "{:?} is used again", new.id);
    let done = dm_proto::StatusCode::new(1200).into();
    let late = rig.agent().complete(old.id, done, 3000);
    assert!(late.is_err(), "there is no such job any more");
    assert_eq!(rig.value("./Guest/LAWMO/State").as_deref(), Some("30"));
}

#[test]
fn jobs_of_before_a_reset_have_no_namesakes_even_after_the_next_start() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    let old = rig.left.pop().expect("a job");
    rig.leaves_jobs = false;
    rig.agent().run(old.id, 3000).expect("it runs");
    rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
    assert_eq!(rig.resets, 1);
    rig.cut();
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![exec(LOCK, Some("c"))]]);
    let new = rig.left.pop().expect("a job");
    assert!(new.id > old.id, "{:?} is used again", new.id);
}

#[test]
fn a_reset_that_goes_on_elsewhere_and_needs_no_reboot_is_taken_up_when_it_is_done() {
    let phone = Phone::default();
    phone.is_slow();
    let mut rig = rig(&phone, config());
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![exec(RESET, Some("a"))]]);
    // Once to begin, and once it is durable that it has.
    for _ in 0..2 {
        let job = rig.left.pop().expect("the reset");
        rig.agent().run(job.id, 3000).expect("it goes on");
        rig.run();
        if rig.left.is_empty() {
            phone.is_slow_no_more();
            rig.agent().take_up(job.id, 3000).expect("it is done");
        }
    }
    assert_eq!((phone.done(), rig.resets), (vec!["reset".to_owned()], 0));
    rig.leaves_jobs = false;
    rig.run();
    assert_eq!((phone.done(), rig.resets), (vec!["reset".to_owned()], 1));
    assert!(rig.servers[0].manager.told().is_empty());
}

#[test]
fn nothing_begins_beside_a_reset_that_goes_on_elsewhere() {
    let phone = Phone::default();
    phone.is_slow();
    let both = [("./LAWMO", config()), ("./Guest/LAWMO", config())];
    let mut rig = Rig::new(&phone, &both, Encoding::Wbxml);
    rig.says(0, vec![vec![exec(RESET, Some("a"))]]);
    assert_eq!(phone.done(), ["reset"]);
    let guest = "./Guest/LAWMO/Operations/FullyLock";
    rig.says(0, vec![vec![exec(guest, Some("b"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [202, 202]);
    assert!(phone.done().is_empty());
    // The next boot goes on with it.
    rig.cut();
    phone.is_slow_no_more();
    rig.run();
    assert_eq!(phone.done(), ["reset again"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_lost_or_cut_a_reset_is_done_once_or_given_up_and_nothing_is_left(
        cuts in proptest::collection::btree_set(1_u32..40, 0..5),
        losses in proptest::collection::vec(0_u8..3, 0..30),
        forgets in any::<bool>(),
        abandons in any::<bool>(),
        asks in any::<bool>(),
    ) {
        let phone = Phone::default();
        let mut config = if abandons { abandoning() } else { config() };
        config.prompts.factory_reset = asks;
        let mut rig = rig(&phone, config);
        rig.cuts = cuts;
        rig.forgets_sessions = forgets;
        rig.faults = (1..)
            .zip(losses)
            .filter_map(|(exchange, loss)| match loss {
                0 => None,
                1 => Some((exchange, Fault::LoseRequest)),
                _ => Some((exchange, Fault::LoseAnswer)),
            })
            .collect();
        rig.says(0, vec![vec![exec(RESET, Some("b"))]]);
        rig.settle();
        let done = phone.done();
        let given_up = done.iter().filter(|it| it.starts_with("give up")).count();
        prop_assert!(rig.resets <= 1, "{:?}", done);
        prop_assert!(resets(&done) == 0 || given_up == 0, "{:?}", done);
        prop_assert!(abandons || given_up == 0, "{:?}", done);
        if rig.servers[0].manager.codes() == [202] {
            prop_assert!(resets(&done) + given_up > 0, "{:?}", done);
        }
        prop_assert!(rig.servers[0].manager.told().is_empty());
        // The device is ready for the next one.
        rig.cuts.clear();
        rig.faults.clear();
        let known = rig.resets;
        rig.says(0, vec![vec![exec(RESET, Some("c"))]]);
        let last = rig.servers[0].manager.codes().pop();
        prop_assert_eq!(last, Some(202));
        prop_assert_eq!(rig.resets, known + 1);
    }
}
