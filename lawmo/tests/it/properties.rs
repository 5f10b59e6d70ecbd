//! Whatever two servers with different rights ask for, and whatever is lost, doubled or cut.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dm_proto::{codec::Encoding, message::Command, testing::Fault};
use dm_tree::object::Job;
use lawmo::{
    Operation, ResultCode, State,
    device::{Config, Device, Effect, ItemOutcome, Reporting, ResetEffect, WipeEffect, WipeItem},
};
use proptest::prelude::*;

use crate::raw::{Rig, exec, replace, told};

/// What a server asks for.
#[derive(Clone, Copy, Debug)]
struct Ask {
    server: usize,
    what: What,
    fails: bool,
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

    /// The status with which it is refused, if it is. The second server may neither wipe nor reset; the
    /// device refuses every reset.
    fn refusal(self) -> Option<u16> {
        match self.what {
            What::Missing => Some(404),
            What::NotExecutable => Some(405),
            What::Operation(Operation::FactoryReset | Operation::Wipe) if self.server == 1 => {
                Some(425)
            }
            What::Operation(Operation::FactoryReset) => Some(1400),
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
        let mark = matches!(self.what, What::Operation(Operation::Wipe))
            .then(|| replace(leaf, "bool", "true"));
        let exec = exec(&self.node(), Some(correlator));
        mark.into_iter().chain([exec]).collect()
    }
}

/// A device that notes what it starts.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    /// Correlator and whether it was resumed.
    starts: Vec<(String, bool)>,
    asks: BTreeMap<String, Ask>,
}

impl Noting {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, job: &Job) -> ResultCode {
        let mut notes = self.notes();
        let correlator = job.correlator.as_ref().map(|it| it.as_str().to_owned());
        let correlator = correlator.expect("a correlator");
        let result = notes.asks.get(&correlator).map(|ask| ask.result());
        notes.starts.push((correlator, job.resumed));
        ResultCode::new(result.expect("somebody asked"))
    }

    /// The states that the device may be in: after all that was started, or all but the last.
    fn states(&self) -> [State; 2] {
        let notes = self.notes();
        let after = |starts: &[(String, bool)]| {
            starts
                .iter()
                .fold(State::Unlocked, |state, (correlator, _)| {
                    match notes.asks.get(correlator) {
                        Some(Ask {
                            what: What::Operation(operation),
                            fails: false,
                            ..
                        }) => operation.leads_to().unwrap_or(state),
                        _ => state,
                    }
                })
        };
        let but_last = notes.starts.len().saturating_sub(1);
        let but_last = notes.starts.get(..but_last).unwrap_or_default();
        [after(&notes.starts), after(but_last)]
    }
}

impl Device for Noting {
    fn fully_lock(&mut self, job: &Job) -> Effect {
        Effect::Done(self.start(job))
    }

    fn partially_lock(&mut self, job: &Job) -> Effect {
        Effect::Done(self.start(job))
    }

    fn unlock(&mut self, job: &Job) -> Effect {
        Effect::Done(self.start(job))
    }

    fn wipe(&mut self, items: &[WipeItem], job: &Job) -> WipeEffect {
        let is_success = self.start(job).is_success();
        let outcome = if is_success {
            ItemOutcome::Erased
        } else {
            ItemOutcome::Failed
        };
        WipeEffect::Items(vec![outcome; items.len()])
    }

    fn factory_reset(&mut self, _: &Job) -> ResetEffect {
        unreachable!("it is always refused")
    }

    fn vendor(&mut self, _: &str, job: &Job) -> Effect {
        Effect::Done(self.start(job))
    }

    fn allows(&self, asked: &lawmo::device::Asked) -> Result<(), ResultCode> {
        let reset = lawmo::device::Asked::Operation(Operation::FactoryReset);
        if *asked == reset {
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
    let ask = |(server, what, fails)| Ask {
        server,
        what,
        fails,
    };
    (0..2_usize, what(), prop::bool::weighted(0.25)).prop_map(ask)
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

/// Every server gets every outcome of what it asked for, sessions that broke off and power cuts or not.
fn run(
    rounds: &[Vec<Ask>],
    reporting: Reporting,
    faults: Vec<(u32, Fault)>,
    cuts: impl IntoIterator<Item = u32>,
) -> Result<u32, TestCaseError> {
    let device = Noting::default();
    let config = Config::new(["srv1", "srv2"])
        .with_wipe_list([WipeItem::new("Media")])
        .with_vendor_operation("Beep")
        .with_reporting(reporting);
    let mut rig = Rig::new(&device, &[("./LAWMO", config)], Encoding::Wbxml);
    rig.set_acl("./LAWMO", "Operations/Wipe", "Exec=srv1");
    rig.set_acl("./LAWMO", "Operations/FactoryReset", "Exec=srv1");
    rig.faults.extend(faults);
    rig.cuts.extend(cuts);
    // What the servers know: the status of each ask, once there is one.
    let mut statuses: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    let mut asks: Vec<(String, Ask)> = Vec::new();
    for (round, batch) in rounds.iter().enumerate() {
        for server in 0..2 {
            let mut open: Vec<(String, Ask)> = (0..)
                .zip(batch)
                .filter(|(_, ask)| ask.server == server)
                .map(|(place, ask)| (format!("{round}-{place}"), *ask))
                .collect();
            asks.extend(open.iter().cloned());
            device.notes().asks.extend(open.iter().cloned());
            // Until all are answered it asks again, with the same correlators.
            for attempt in 0.. {
                open.retain(|(correlator, _)| !is_known(&rig, server, &statuses, correlator));
                if open.is_empty() {
                    break;
                }
                prop_assert!(attempt < 12, "never answered: {open:?}");
                let mut tag = rig.servers[server].manager.sent();
                let mut tags = Vec::new();
                let mut commands = Vec::new();
                for (correlator, ask) in &open {
                    let more = ask.commands(correlator);
                    tag += u64::try_from(more.len()).unwrap_or_default();
                    tags.push(tag);
                    commands.extend(more);
                }
                rig.says(server, vec![commands]);
                for ((correlator, _), tag) in open.iter().zip(tags) {
                    let status = rig.servers[server].manager.status_of(tag);
                    statuses
                        .entry(correlator.clone())
                        .or_default()
                        .extend(status);
                }
                let state = rig.value("./LAWMO/State");
                let may_be = device.states().map(|state| Some(state.as_str().to_owned()));
                prop_assert!(may_be.contains(&state), "{state:?}, not {may_be:?}");
            }
        }
    }
    rig.settle();
    let state = rig.value("./LAWMO/State");
    prop_assert_eq!(state.as_deref(), Some(device.states()[0].as_str()));
    for (correlator, ask) in &asks {
        let notes = device.notes();
        let starts = notes.starts.iter().filter(|start| start.0 == *correlator);
        let resumed: Vec<bool> = starts.map(|start| start.1).collect();
        let statuses = statuses
            .get(correlator)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let reports = reports(&rig, ask.server, correlator);
        let mut outcomes: Vec<u16> = statuses
            .iter()
            .copied()
            .filter(|code| *code != 202)
            .collect();
        outcomes.extend(reports.iter().map(|report| report.2));
        outcomes.dedup();
        let expected = ask.refusal().unwrap_or_else(|| ask.result());
        prop_assert_eq!(
            &outcomes,
            &[expected],
            "{} {:?}: {:?}",
            correlator,
            ask,
            statuses
        );
        prop_assert!(reports.iter().all(|report| report.1 == ask.node()));
        let others = reports_of_others(&rig, ask.server, correlator);
        prop_assert!(!others, "{} was told to the other server", correlator);
        if ask.refusal().is_some() {
            prop_assert!(resumed.is_empty() && reports.is_empty(), "{:?}", ask);
        } else {
            let fresh = resumed.iter().filter(|resumed| !**resumed).count();
            prop_assert!(
                fresh <= 1 && !resumed.is_empty(),
                "{:?}: {:?}",
                ask,
                resumed
            );
        }
    }
    Ok(rig.step)
}

fn is_known(
    rig: &Rig,
    server: usize,
    statuses: &BTreeMap<String, Vec<u16>>,
    correlator: &str,
) -> bool {
    let is_answered = statuses
        .get(correlator)
        .is_some_and(|codes| !codes.is_empty());
    is_answered || !reports(rig, server, correlator).is_empty()
}

fn reports(rig: &Rig, server: usize, correlator: &str) -> Vec<(Option<String>, String, u16)> {
    let reports = rig.servers[server].manager.reports.iter().map(told);
    reports
        .filter(|report| report.0.as_deref() == Some(correlator))
        .collect()
}

fn reports_of_others(rig: &Rig, server: usize, correlator: &str) -> bool {
    !reports(rig, 1 - server, correlator).is_empty()
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
        faults in faults(),
        cuts in prop::collection::btree_set(1..60_u32, 0..4),
    ) {
        run(&rounds, reporting, faults, cuts)?;
    }
}

#[test]
fn a_restart_at_every_step_changes_nothing_of_it() -> Result<(), TestCaseError> {
    let ask = |server, what, fails| Ask {
        server,
        what,
        fails,
    };
    let rounds = [
        vec![
            ask(0, What::Operation(Operation::FullyLock), false),
            ask(0, What::Operation(Operation::Wipe), false),
            ask(1, What::Operation(Operation::PartiallyLock), false),
            ask(1, What::Operation(Operation::Wipe), false),
        ],
        vec![
            ask(1, What::Operation(Operation::UnLock), true),
            ask(0, What::Vendor, false),
            ask(0, What::Missing, false),
        ],
    ];
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let steps = run(&rounds, reporting, Vec::new(), [])?;
        for cut in 1..=steps {
            run(&rounds, reporting, Vec::new(), [cut])?;
        }
    }
    Ok(())
}
