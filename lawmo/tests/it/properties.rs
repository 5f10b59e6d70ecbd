//! Whatever two servers with different rights ask for, and whatever is lost, doubled or cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dm_proto::{codec::Encoding, message::Command, testing::Fault};
use dm_tree::object::Job;
use lawmo::{
    Operation, ResultCode,
    device::{Config, Device, Effect, ItemOutcome, Reporting, ResetEffect, WipeEffect, WipeItem},
};
use proptest::prelude::*;

use crate::raw::{Rig, exec, replace, server_id, told};

/// What a server asks for.
#[derive(Clone, Copy, Debug)]
struct Ask {
    server: usize,
    what: What,
    fails: bool,
    /// It is put off when it is started first.
    waits: bool,
}

/// The state that an operation leads to. By the table, not by the crate's own words.
fn leads_to(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::FullyLock => Some("10"),
        Operation::PartiallyLock => Some("20"),
        Operation::UnLock | Operation::FactoryReset => Some("30"),
        Operation::Wipe => None,
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Operation(Operation),
    Vendor,
    Missing,
    NotExecutable,
}

impl Ask {
    fn node(self) -> String {
        match self.what {
            What::Operation(operation) => format!("./LAWMO/Operations/{}", operation.node_name()),
            What::Vendor => "./LAWMO/Operations/Ext/Beep".into(),
            What::Missing => "./LAWMO/Operations/Nope".into(),
            What::NotExecutable => "./LAWMO/State".into(),
        }
    }

    fn is_reset(self) -> bool {
        matches!(self.what, What::Operation(Operation::FactoryReset))
    }

    /// The status with which it is refused, if it is. The second server may neither wipe nor reset; some
    /// devices refuse every reset.
    fn refusal(self, resets: bool) -> Option<u16> {
        match self.what {
            What::Missing => Some(404),
            What::NotExecutable => Some(405),
            What::Operation(Operation::FactoryReset | Operation::Wipe) if self.server == 1 => {
                Some(425)
            }
            What::Operation(Operation::FactoryReset) if !resets => Some(1400),
            What::Operation(_) | What::Vendor => None,
        }
    }

    /// The code in which it ends if it is not refused.
    fn result(self) -> u16 {
        match (self.what, self.fails) {
            (What::Operation(Operation::Wipe), false) => 1201,
            (What::Operation(Operation::Wipe), true) => 1405,
            (What::Vendor, false) => 1250,
            (_, false) => 1200,
            (_, true) => 1450,
        }
    }

    fn commands(self, correlator: &str) -> Vec<Command> {
        let leaf = "./LAWMO/AvailableWipeList/Media/ToBeWiped";
        let is_wipe = matches!(self.what, What::Operation(Operation::Wipe));
        // Who is refused leaves the list alone, so that nothing at all may have changed.
        let mark = (is_wipe && self.refusal(true).is_none()).then(|| replace(leaf, "bool", "true"));
        let exec = exec(&self.node(), Some(correlator));
        mark.into_iter().chain([exec]).collect()
    }
}

/// A device that notes what it starts.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Notes>>);

/// Server and correlator: two servers may use the same one.
type Key = (String, String);

#[derive(Default)]
struct Notes {
    /// What was started, and whether it was said to be resumed; by a device that was reset so often.
    starts: Vec<(Key, bool, u32)>,
    /// The jobs that were started, in this order, likewise.
    jobs: Vec<(u32, u64)>,
    asks: BTreeMap<Key, Ask>,
    /// Whether it may be reset.
    resets: bool,
    /// How often it was.
    was_reset: u32,
    /// The same when something was asked for last.
    asked: BTreeMap<Key, u32>,
    put_off: BTreeSet<Key>,
}

impl Noting {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes of it; `None` if it is put off, and nothing was begun.
    fn start(&self, job: &Job) -> Option<ResultCode> {
        let mut notes = self.notes();
        let correlator = job.correlator.as_ref().expect("a correlator");
        let key = (job.server.to_string(), correlator.as_str().to_owned());
        let ask = *notes.asks.get(&key).expect("somebody asked");
        if ask.waits && notes.put_off.insert(key.clone()) {
            return None;
        }
        let was_reset = notes.was_reset;
        notes.starts.push((key, job.resumed, was_reset));
        notes.jobs.push((was_reset, job.id.0));
        Some(ResultCode::new(ask.result()))
    }

    fn effect(&self, job: &Job) -> Effect {
        self.start(job).map_or(Effect::Deferred, Effect::Done)
    }

    /// The states that the device may be in: after all that was started, or all but the last.
    fn states(&self) -> [&'static str; 2] {
        let notes = self.notes();
        let after = |starts: &[(Key, bool, u32)]| {
            starts
                .iter()
                .fold("30", |state, (key, ..)| match notes.asks.get(key) {
                    Some(Ask {
                        what: What::Operation(operation),
                        fails: false,
                        ..
                    }) => leads_to(*operation).unwrap_or(state),
                    _ => state,
                })
        };
        let but_last = notes.starts.len().saturating_sub(1);
        let but_last = notes.starts.get(..but_last).unwrap_or_default();
        [after(&notes.starts), after(but_last)]
    }
}

impl Device for Noting {
    fn fully_lock(&mut self, job: &Job) -> Effect {
        self.effect(job)
    }

    fn partially_lock(&mut self, job: &Job) -> Effect {
        self.effect(job)
    }

    fn unlock(&mut self, job: &Job) -> Effect {
        self.effect(job)
    }

    fn wipe(&mut self, items: &[WipeItem], job: &Job) -> WipeEffect {
        let outcome = match self.start(job) {
            None => return WipeEffect::Deferred,
            Some(result) if result.is_success() => ItemOutcome::Erased,
            Some(_) => ItemOutcome::Failed,
        };
        WipeEffect::Items(vec![outcome; items.len()])
    }

    fn factory_reset(&mut self, job: &Job) -> ResetEffect {
        match self.start(job) {
            None => ResetEffect::Deferred,
            Some(result) if result.is_success() => {
                self.notes().was_reset += 1;
                ResetEffect::Erased
            }
            Some(_) => ResetEffect::Failed,
        }
    }

    fn vendor(&mut self, _: &str, job: &Job) -> Effect {
        self.effect(job)
    }

    fn allows(&self, asked: &lawmo::device::Asked) -> Result<(), ResultCode> {
        let reset = lawmo::device::Asked::Operation(Operation::FactoryReset);
        if *asked == reset && !self.notes().resets {
            return Err(ResultCode::CLIENT_ERROR);
        }
        Ok(())
    }
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        5 => prop::sample::select(&Operation::ALL[..]).prop_map(What::Operation),
        1 => Just(What::Vendor),
        1 => Just(What::Missing),
        1 => Just(What::NotExecutable),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let ask = |(server, what, fails, waits)| Ask {
        server,
        what,
        fails,
        waits,
    };
    let rarely = || prop::bool::weighted(0.25);
    (0..2_usize, what(), rarely(), rarely()).prop_map(ask)
}

fn mishaps() -> impl Strategy<Value = Mishaps> {
    (
        faults(),
        prop::collection::btree_set(1..60_u32, 0..4),
        prop::collection::btree_set(0..60_u32, 0..4),
        any::<bool>(),
    )
        .prop_map(|(faults, cuts, failing, is_impatient)| Mishaps {
            faults,
            cuts,
            failing,
            is_impatient,
        })
}

fn faults() -> impl Strategy<Value = Vec<(u32, Fault)>> {
    let fault = prop_oneof![
        Just(Fault::LoseRequest),
        Just(Fault::LoseAnswer),
        Just(Fault::RepeatRequest),
    ];
    prop::collection::vec((1..24_u32, fault), 0..6)
}

fn reporting() -> impl Strategy<Value = Reporting> {
    prop_oneof![
        Just(Reporting::Synchronous),
        Just(Reporting::InSession),
        Just(Reporting::AfterSession),
    ]
}

/// What goes wrong on the way.
#[derive(Clone, Debug, Default)]
struct Mishaps {
    faults: Vec<(u32, Fault)>,
    /// The power is cut before these steps.
    cuts: BTreeSet<u32>,
    /// These writes fail, and the phone starts again: what it did meanwhile it may not know.
    failing: BTreeSet<u32>,
    /// A lost message ends its session.
    is_impatient: bool,
}

/// Every server gets every outcome of what it asked for, sessions that broke off, power cuts and writes
/// that failed or not; but what a reset came after may have none. The steps that it took, and the writes.
fn run(
    rounds: &[Vec<Ask>],
    resets: bool,
    reporting: Reporting,
    encoding: Encoding,
    mishaps: Mishaps,
) -> Result<(u32, u32), TestCaseError> {
    let device = Noting::default();
    device.notes().resets = resets;
    let config = Config::new(["srv1", "srv2"])
        .with_wipe_list([WipeItem::new("Media")])
        .with_vendor_operation("Beep")
        .with_reporting(reporting);
    let mut rig = Rig::new(&device, &[("./LAWMO", config)], encoding);
    rig.retries = mishaps.is_impatient.then_some(0);
    rig.keeps_acl("./LAWMO", "Operations/Wipe", "Exec=srv1");
    rig.keeps_acl("./LAWMO", "Operations/FactoryReset", "Exec=srv1");
    rig.faults.extend(mishaps.faults);
    rig.cuts = mishaps.cuts;
    let written = rig.written();
    rig.failing = mishaps.failing.iter().map(|nth| written + nth).collect();
    // What the servers know: the status of each ask, once there is one.
    let mut statuses: BTreeMap<Key, Vec<u16>> = BTreeMap::new();
    let mut asks: Vec<(Key, Ask)> = Vec::new();
    for (round, batch) in rounds.iter().enumerate() {
        for server in 0..2 {
            let mine = batch.iter().filter(|ask| ask.server == server);
            let mut open: Vec<(Key, Ask)> = (0..)
                .zip(mine)
                .map(|(place, ask)| ((server_id(server), format!("{round}-{place}")), *ask))
                .collect();
            asks.extend(open.iter().cloned());
            device.notes().asks.extend(open.iter().cloned());
            let before = open
                .iter()
                .all(|(_, ask)| ask.refusal(resets).is_some())
                .then(|| {
                    rig.settle();
                    rig.take_up();
                    rig.settle();
                    rig.whole("./LAWMO")
                });
            // Until all are answered it asks again, with the same correlators, once it has heard all
            // that the device has to say.
            for attempt in 0.. {
                if attempt > 0 {
                    rig.settle();
                }
                open.retain(|(key, ask)| {
                    // Of a reset nobody asks a second time.
                    let is_reset = ask.is_reset() && ask.refusal(resets).is_none();
                    let is_over = is_reset && attempt > 0;
                    !(is_over || is_known(&rig, server, &statuses, key))
                });
                if open.is_empty() {
                    break;
                }
                prop_assert!(attempt < 12, "never answered: {open:?}");
                let mut tag = rig.servers[server].manager.sent();
                let mut tags = Vec::new();
                let mut commands = Vec::new();
                for ((_, correlator), ask) in &open {
                    let more = ask.commands(correlator);
                    tag += u64::try_from(more.len()).unwrap_or_default();
                    tags.push(tag);
                    commands.extend(more);
                }
                let was_reset = device.notes().was_reset;
                let asked = open.iter().map(|(key, _)| (key.clone(), was_reset));
                device.notes().asked.extend(asked);
                rig.says(server, vec![commands]);
                for ((key, _), tag) in open.iter().zip(tags) {
                    let status = rig.servers[server].manager.status_of(tag);
                    statuses.entry(key.clone()).or_default().extend(status);
                }
                let state = rig.value("./LAWMO/State");
                let may_be = device.states().map(|state| Some(state.to_owned()));
                prop_assert!(may_be.contains(&state), "{state:?}, not {may_be:?}");
            }
            if let Some(before) = before {
                prop_assert_eq!(rig.whole("./LAWMO"), before, "{:?}", batch);
            }
        }
    }
    rig.settle();
    rig.take_up();
    rig.settle();
    let state = rig.value("./LAWMO/State");
    prop_assert_eq!(state.as_deref(), Some(device.states()[0]));
    prop_assert!(device.notes().jobs.is_sorted(), "out of turn");
    for (key, ask) in &asks {
        let notes = device.notes();
        let starts = notes.starts.iter().filter(|start| start.0 == *key);
        let starts: Vec<(bool, u32)> = starts.map(|start| (start.1, start.2)).collect();
        let statuses = statuses.get(key).map(Vec::as_slice).unwrap_or_default();
        let reports = reports(&rig, ask.server, &key.1);
        let mut outcomes: Vec<u16> = statuses
            .iter()
            .copied()
            .filter(|code| *code != 202)
            .collect();
        let case = format!("{key:?} {ask:?}: {statuses:?}, {reports:?}, {starts:?}");
        // What was told in the answer is not told again.
        prop_assert!(outcomes.is_empty() || reports.is_empty(), "{}", case);
        prop_assert!(
            reports.iter().all(|report| report.1 == ask.node()),
            "{}",
            case
        );
        outcomes.extend(reports.iter().map(|report| report.2));
        outcomes.dedup();
        for was_reset in 0..=notes.was_reset {
            let fresh = starts.iter().filter(|start| **start == (false, was_reset));
            prop_assert!(fresh.count() <= 1, "{}", case);
        }
        let refusal = ask.refusal(resets);
        if refusal.is_none() && ask.is_reset() {
            prop_assert!(outcomes.is_empty(), "a reset has no report: {}", case);
        } else if refusal.is_some() || notes.asked.get(key) == Some(&notes.was_reset) {
            let expected = refusal.unwrap_or_else(|| ask.result());
            prop_assert_eq!(&outcomes, &[expected], "{}", case);
        } else {
            // A reset came after it.
            outcomes.retain(|code| *code != ask.result());
            prop_assert!(outcomes.is_empty(), "{}", case);
        }
        if refusal.is_some() {
            prop_assert!(starts.is_empty() && reports.is_empty(), "{}", case);
        } else if statuses.contains(&202) && notes.asked.get(key) == Some(&notes.was_reset) {
            prop_assert!(!starts.is_empty(), "{}", case);
        }
    }
    for server in 0..2 {
        for report in &rig.servers[server].manager.reports {
            let correlator = told(report).0.unwrap_or_default();
            let key = (server_id(server), correlator);
            let is_its = asks.iter().any(|(asked, _)| *asked == key);
            prop_assert!(is_its, "{:?} was told to the other server", key);
        }
    }
    Ok((rig.step, rig.written() - written))
}

fn is_known(rig: &Rig, server: usize, statuses: &BTreeMap<Key, Vec<u16>>, key: &Key) -> bool {
    let is_answered = statuses.get(key).is_some_and(|codes| !codes.is_empty());
    is_answered || !reports(rig, server, &key.1).is_empty()
}

fn reports(rig: &Rig, server: usize, correlator: &str) -> Vec<(Option<String>, String, u16)> {
    let reports = rig.servers[server].manager.reports.iter().map(told);
    reports
        .filter(|report| report.0.as_deref() == Some(correlator))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_operation_is_started_once_and_ends_in_one_outcome_at_its_server(
        rounds in prop::collection::vec(prop::collection::vec(ask(), 1..4), 1..4),
        reporting in reporting(),
        encoding in prop_oneof![Just(Encoding::Xml), Just(Encoding::Wbxml)],
        mishaps in mishaps(),
    ) {
        run(&rounds, false, reporting, encoding, mishaps)?;
    }

    #[test]
    fn a_device_that_is_reset_time_and_again_keeps_to_all_of_it(
        rounds in prop::collection::vec(prop::collection::vec(ask(), 1..4), 1..4),
        reporting in reporting(),
        encoding in prop_oneof![Just(Encoding::Xml), Just(Encoding::Wbxml)],
        mishaps in mishaps(),
    ) {
        run(&rounds, true, reporting, encoding, mishaps)?;
    }
}

#[test]
fn a_restart_or_a_failed_write_at_every_step_changes_nothing_of_it() -> Result<(), TestCaseError> {
    let ask = |server, what, fails, waits| Ask {
        server,
        what,
        fails,
        waits,
    };
    let rounds = [
        vec![
            ask(0, What::Operation(Operation::FullyLock), false, false),
            ask(0, What::Operation(Operation::Wipe), false, true),
            ask(1, What::Operation(Operation::PartiallyLock), false, false),
            ask(1, What::Operation(Operation::Wipe), false, false),
        ],
        vec![
            ask(1, What::Operation(Operation::UnLock), true, false),
            ask(0, What::Vendor, false, false),
            ask(0, What::Missing, false, false),
        ],
    ];
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let run = |mishaps| run(&rounds, false, reporting, Encoding::Wbxml, mishaps);
        let (steps, writes) = run(Mishaps::default())?;
        for cut in 1..=steps {
            run(Mishaps {
                cuts: [cut].into(),
                ..Mishaps::default()
            })?;
        }
        for write in 0..writes {
            run(Mishaps {
                failing: [write].into(),
                ..Mishaps::default()
            })?;
        }
    }
    Ok(())
}
