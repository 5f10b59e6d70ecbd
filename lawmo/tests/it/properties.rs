//! Whatever two servers with different rights ask for, and whatever is lost, doubled or cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dm_proto::{codec::Encoding, message::Command, testing::Fault};
use dm_tree::object::Job;
use lawmo::{
    Operation, ResultCode,
    device::{
        Config, Consent, Device, Effect, ItemOutcome, Prompts, Reporting, Request, ResetEffect,
        WipeEffect, WipeItem,
    },
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
    /// The user of the device, if asked, does not want it.
    is_unwanted: bool,
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

    /// The status with which it is refused, if it is. The second server may neither wipe nor reset, and a
    /// reset that the user does not want is refused.
    fn refusal(self) -> Option<u16> {
        match self.what {
            What::Missing => Some(404),
            What::NotExecutable => Some(405),
            What::Operation(Operation::FactoryReset | Operation::Wipe) if self.server == 1 => {
                Some(425)
            }
            What::Operation(Operation::FactoryReset) if self.is_unwanted => Some(1401),
            What::Operation(_) | What::Vendor => None,
        }
    }

    /// The code in which it ends if it is not refused. A reset has one only if it failed, for who asks again.
    fn result(self) -> u16 {
        match (self.what, self.fails) {
            _ if self.is_unwanted => 1401,
            (What::Operation(Operation::FactoryReset), true) => 1400,
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
        let mark = (is_wipe && self.refusal().is_none()).then(|| replace(leaf, "bool", "true"));
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
    /// What was started.
    starts: Vec<Start>,
    asks: BTreeMap<Key, Ask>,
    put_off: BTreeSet<Key>,
    /// How often everything was erased: whatever the device knew it knows no more.
    erased: u32,
}

struct Start {
    key: Key,
    /// Whether it was said to be.
    is_resumed: bool,
    /// After how many resets, and as which job.
    at: (u32, u64),
}

impl Notes {
    fn asked(&self, job: &Job) -> (Key, Ask) {
        let correlator = job.correlator.as_ref().expect("a correlator");
        let key = (job.server.to_string(), correlator.as_str().to_owned());
        let ask = *self.asks.get(&key).expect("somebody asked");
        (key, ask)
    }
}

impl Noting {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes of it; `None` if it is put off, and nothing was begun.
    fn start(&self, job: &Job) -> Option<ResultCode> {
        let mut notes = self.notes();
        let (key, ask) = notes.asked(job);
        if ask.waits && notes.put_off.insert(key.clone()) {
            return None;
        }
        let at = (notes.erased, job.id.0);
        notes.starts.push(Start {
            key,
            is_resumed: job.resumed,
            at,
        });
        Some(ResultCode::new(ask.result()))
    }

    fn effect(&self, job: &Job) -> Effect {
        self.start(job).map_or(Effect::Deferred, Effect::Done)
    }

    /// The states that the device may be in: after all that was started, or all but the last.
    fn states(&self) -> [&'static str; 2] {
        let notes = self.notes();
        let after = |starts: &[Start]| {
            starts
                .iter()
                .fold("30", |state, start| match notes.asks.get(&start.key) {
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
            Some(_) if self.notes().asked(job).1.fails => ResetEffect::Failed,
            Some(_) => {
                self.notes().erased += 1;
                ResetEffect::Erased
            }
        }
    }

    fn confirm(&mut self, _: &Request, job: &Job) -> Consent {
        match self.notes().asked(job).1.is_unwanted {
            true => Consent::No,
            false => Consent::Yes,
        }
    }

    fn vendor(&mut self, _: &str, job: &Job) -> Effect {
        self.effect(job)
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
    let ask = |(server, what, fails, waits, is_unwanted)| Ask {
        server,
        what,
        fails,
        waits,
        is_unwanted,
    };
    let rarely = || prop::bool::weighted(0.25);
    (0..2_usize, what(), rarely(), rarely(), rarely()).prop_map(ask)
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
/// that failed or not. The steps that it took, and the writes.
fn run(
    rounds: &[Vec<Ask>],
    reporting: Reporting,
    encoding: Encoding,
    mishaps: Mishaps,
) -> Result<(u32, u32), TestCaseError> {
    // Whether the device asks its user: else nobody objects.
    let asks_user = rounds.iter().flatten().any(|ask| ask.is_unwanted);
    let device = Noting::default();
    let config = Config::new(["srv1", "srv2"])
        .with_wipe_list([WipeItem::new("Media")])
        .with_vendor_operation("Beep")
        .with_prompts(if asks_user {
            Prompts::ALL
        } else {
            Prompts::default()
        })
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
    // How often the device had been erased when it was asked.
    let mut erased: BTreeMap<Key, u32> = BTreeMap::new();
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
                .all(|(_, ask)| ask.refusal().is_some())
                .then(|| {
                    rig.settle();
                    rig.take_up();
                    rig.settle();
                    rig.whole("./LAWMO")
                });
            for (key, _) in &open {
                erased.insert(key.clone(), device.notes().erased);
            }
            // Until all are answered it asks again, with the same correlators, once it has heard all
            // that the device has to say.
            for attempt in 0.. {
                if attempt > 0 {
                    rig.settle();
                }
                open.retain(|(key, _)| !is_known(&rig, server, &statuses, key));
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
    let is_in_turn = device.notes().starts.is_sorted_by_key(|start| start.at);
    prop_assert!(is_in_turn, "out of turn");
    for (key, ask) in &asks {
        let notes = device.notes();
        let starts = notes.starts.iter().filter(|start| start.key == *key);
        let starts: Vec<(u32, bool)> = starts.map(|it| (it.at.0, it.is_resumed)).collect();
        let statuses = statuses.get(key).map(Vec::as_slice).unwrap_or_default();
        let reports = reports(&rig, ask.server, &key.1);
        let case = format!("{key:?} {ask:?}: {statuses:?}, {reports:?}, {starts:?}");
        let mut outcomes: Vec<u16> = statuses
            .iter()
            .copied()
            .filter(|code| *code != 202)
            .collect();
        // What was told in the answer is not told again.
        prop_assert!(outcomes.is_empty() || reports.is_empty(), "{case}");
        outcomes.extend(reports.iter().map(|report| report.2));
        outcomes.dedup();
        let expected = ask.refusal().unwrap_or_else(|| ask.result());
        prop_assert!(outcomes.iter().all(|it| *it == expected), "{case}");
        prop_assert!(outcomes.len() <= 1, "{case}");
        prop_assert!(
            reports.iter().all(|report| report.1 == ask.node()),
            "{case}"
        );
        // A reset forgets what was asked for before it.
        let was_erased = erased.get(key) != Some(&notes.erased);
        if ask.refusal().is_some() {
            prop_assert!(outcomes.len() == 1 && reports.is_empty(), "{case}");
            prop_assert!(starts.is_empty(), "{case}");
            continue;
        }
        for (at, _) in &starts {
            let fresh = starts.iter().filter(|start| *start == &(*at, false));
            prop_assert!(fresh.count() <= 1, "{case}");
        }
        if ask.is_reset() {
            prop_assert!(reports.is_empty(), "{case}");
            prop_assert!(was_erased || ask.fails, "{case}");
        } else {
            prop_assert!(was_erased || outcomes.len() == 1, "{case}");
        }
        let is_started = !starts.is_empty();
        prop_assert!(is_started || ask.is_unwanted || was_erased, "{case}");
        prop_assert!(!(is_started && ask.is_unwanted), "{case}");
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
        run(&rounds, reporting, encoding, mishaps)?;
    }
}

/// Three ways to report, without mishaps, then with a restart at each step, then with each write failing.
fn run_all(rounds: &[Vec<Ask>]) -> Result<(), TestCaseError> {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let run = |mishaps| run(rounds, reporting, Encoding::Wbxml, mishaps);
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

fn asked(server: usize, what: What) -> Ask {
    Ask {
        server,
        what,
        fails: false,
        waits: false,
        is_unwanted: false,
    }
}

fn asked_for(server: usize, operation: Operation) -> Ask {
    asked(server, What::Operation(operation))
}

fn failing(ask: Ask) -> Ask {
    Ask { fails: true, ..ask }
}

fn waiting(ask: Ask) -> Ask {
    Ask { waits: true, ..ask }
}

fn unwanted(ask: Ask) -> Ask {
    Ask {
        is_unwanted: true,
        ..ask
    }
}

#[test]
fn a_restart_or_a_failed_write_at_every_step_changes_nothing_of_it() -> Result<(), TestCaseError> {
    run_all(&[
        vec![
            asked_for(0, Operation::FullyLock),
            waiting(asked_for(0, Operation::Wipe)),
            asked_for(1, Operation::PartiallyLock),
            asked_for(1, Operation::Wipe),
        ],
        vec![
            failing(asked_for(1, Operation::UnLock)),
            asked(0, What::Vendor),
            asked(0, What::Missing),
        ],
    ])
}

#[test]
fn a_restart_or_a_failed_write_at_every_step_of_a_reset_leaves_a_new_device_or_the_old_one()
-> Result<(), TestCaseError> {
    run_all(&[
        vec![
            asked_for(0, Operation::FullyLock),
            failing(asked_for(0, Operation::FactoryReset)),
            asked_for(1, Operation::FactoryReset),
        ],
        vec![
            asked_for(0, Operation::PartiallyLock),
            waiting(asked_for(0, Operation::FactoryReset)),
            asked_for(1, Operation::FullyLock),
        ],
    ])
}

#[test]
fn a_restart_or_a_failed_write_at_every_step_of_a_question_to_the_user_is_not_a_yes()
-> Result<(), TestCaseError> {
    run_all(&[
        vec![
            unwanted(asked_for(0, Operation::FullyLock)),
            unwanted(asked_for(0, Operation::FactoryReset)),
            unwanted(asked_for(0, Operation::Wipe)),
        ],
        vec![
            asked_for(1, Operation::PartiallyLock),
            asked_for(0, Operation::FactoryReset),
        ],
    ])
}
