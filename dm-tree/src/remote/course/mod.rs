//! [`Course`]: the way every operation goes.

mod acl;
mod consent;
mod prepare;
mod reports;
mod script;
#[cfg(test)]
mod tests;

pub use self::script::{Plan, Prepare, Script, Setting};

use dm_proto::{
    StatusCode, Text,
    message::{Alert, Command},
    session::NotSent,
};
use serde::{Deserialize, Serialize};

use self::{consent::Consent, prepare::How};
use super::{
    Checks, ComponentResult, Ended, Instance, Order, Progress, Reply, Snapshot, Step, command,
    finder::{Find, Finder, Wanted},
    reader::{Read, Reader, lrg_obj},
    replies::Replies,
};
use crate::{NodeFormat, NodeUri};

/// How a course ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "an operation must know them all")]
pub enum Conclusion {
    /// There was nothing to do but read ([`Course::snapshot`]).
    Read,
    /// The device says what came of it: 200, a result code, or 202 where no report follows.
    Result(StatusCode, Vec<ComponentResult>),
    /// It did not come to a result.
    Ended(Ended),
}

/// The way every operation goes: find the object, read what must be known, ask the user, prepare,
/// execute, wait for the report. Each step is taken in a message of its own, and taken again from a
/// safe point if the session ends before it is answered:
///
/// - before the Exec was sent, or after the device answered that it did not execute, everything begins
///   anew, the question included: neither consent nor what was prepared outlives its session;
/// - once it may have arrived, the Exec is sent again with the same correlator, by which the device
///   knows it, or its outcome is unknown ([`Script::resends`]).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(bound = "")]
pub struct Course<S: Script> {
    script: S,
    order: Order,
    phase: Phase,
    replies: Replies,
    /// Every object that was found, the one that this is about first.
    instances: Vec<NodeUri>,
    seen: Snapshot,
    plan: Option<Plan>,
    in_flight: bool,
    /// Waits for the next session: the device is busy.
    paused: bool,
    /// Something was sent that changes the device.
    changed: bool,
    /// An Exec was sent and may have arrived.
    executed: bool,
    consent: Consent,
    attempts: u8,
    /// How often the device was too busy.
    busy: u8,
    acl_repaired: bool,
    /// The device took it, and then a reset.
    doubtful: bool,
    conclusion: Option<Conclusion>,
    /// Source and data of a report without correlator, to know its copies.
    report: Option<Alert>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Phase {
    Find(Finder),
    Read(Reader),
    Ask,
    /// Question, preparation and Exec in one Sequence.
    AskInSequence,
    Prepare {
        index: usize,
        how: How,
    },
    Exec,
    /// The ACLs of a node and of those that it may inherit from; then what was refused is tried again.
    ReadAcl {
        nodes: Vec<NodeUri>,
        again: Box<Self>,
    },
    WriteAcl {
        node: NodeUri,
        acl: Text,
        again: Box<Self>,
    },
    Report,
}

impl Phase {
    /// Whether nothing but the Exec is left, or the ACL that keeps it from being executed.
    fn is_about_exec(&self) -> bool {
        match self {
            Self::Exec => true,
            Self::ReadAcl { again, .. } | Self::WriteAcl { again, .. } => {
                matches!(**again, Self::Exec)
            }
            _ => false,
        }
    }
}

/// How often a message without an answer is sent again before the operation gives up.
const ATTEMPTS: u8 = 3;

impl<S: Script> Course<S> {
    /// A course that has not begun.
    pub fn new(script: S, order: Order) -> Self {
        let mut course = Self {
            phase: Phase::Find(finder(&script, None, &order)),
            script,
            replies: Replies::default(),
            instances: Vec::new(),
            seen: Snapshot::default(),
            plan: None,
            in_flight: false,
            paused: false,
            changed: false,
            executed: false,
            consent: match order.question {
                Some(_) => Consent::Needed,
                None => Consent::NotNeeded,
            },
            attempts: 0,
            busy: 0,
            acl_repaired: false,
            doubtful: false,
            conclusion: None,
            report: None,
            order,
        };
        if let Some(ended) = course.known_at_once() {
            course.end(ended);
        }
        course
    }

    /// What needs no message to be known.
    fn known_at_once(&self) -> Option<Ended> {
        if self.order.checks != Checks::Off {
            let operation = self.script.operation();
            if let (Some(operation), Some(offers)) = (&operation, &self.order.offers)
                && !offers.contains(operation)
            {
                return Some(Ended::Unsupported);
            }
            if let Some(unmet) = self.script.unmet_at_once() {
                return Some(Ended::Unmet(unmet));
            }
        }
        let asks = self.consent == Consent::Needed;
        (asks && !self.order.profile.user_interaction).then_some(Ended::NotAsked(None))
    }

    /// What tells this operation from others.
    pub fn script(&self) -> &S {
        &self.script
    }

    /// What it was given.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Where the object was found.
    pub fn root(&self) -> Option<&NodeUri> {
        self.instances.first()
    }

    /// Where objects of its kind were found: all that the device has, if the whole tree was searched, as
    /// [`Instance::Only`] and [`Script::every`] have it; else those that were met.
    pub fn instances(&self) -> &[NodeUri] {
        &self.instances
    }

    /// The objects that were read: one, or every one.
    pub fn read_instances(&self) -> impl Iterator<Item = &NodeUri> {
        let count = match self.script.every() {
            true => usize::MAX,
            false => 1,
        };
        self.instances.iter().take(count)
    }

    /// What was read of it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.seen
    }

    /// How it ended, once it has.
    pub fn conclusion(&self) -> Option<&Conclusion> {
        self.conclusion.as_ref()
    }

    /// As [`Operation::step`](super::Operation::step).
    pub fn step(&mut self) -> Step {
        if self.conclusion.is_some() {
            return Step::Done;
        }
        if self.in_flight || self.paused {
            return Step::Wait;
        }
        let commands = self.commands();
        if commands.is_empty() {
            return Step::Wait;
        }
        self.replies.clear();
        self.in_flight = true;
        Step::Send(commands)
    }

    /// As [`Operation::handle`](super::Operation::handle).
    pub fn handle(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Alert(alert) => self.reported(alert),
            Reply::SessionOver => self.session_over(),
            Reply::Answered if self.in_flight => {
                self.in_flight = false;
                if self.conclusion.is_none() {
                    self.answered();
                }
            }
            Reply::Answered => {}
            Reply::Unsendable { reason, .. } if self.in_flight => self.unsendable(reason),
            Reply::Unsendable { .. } => {}
            Reply::Status { .. }
            | Reply::Results { .. }
            | Reply::NoStatus { .. }
            | Reply::NotSent { .. } => {
                if self.in_flight {
                    self.replies.take(reply);
                }
            }
        }
    }

    /// As [`Operation::cancel`](super::Operation::cancel).
    pub fn cancel(&mut self) -> bool {
        if self.changed || self.conclusion.is_some() {
            return false;
        }
        self.end(Ended::Cancelled);
        true
    }

    /// As [`Operation::expire`](super::Operation::expire).
    pub fn expire(&mut self) {
        if self.conclusion.is_none() {
            self.end(if self.executed {
                Ended::Unknown
            } else if self.has_prepared() {
                Ended::ExpiredHalfDone
            } else {
                Ended::Expired
            });
        }
    }

    /// As [`Operation::erases`](super::Operation::erases).
    pub fn erases(&self) -> bool {
        let is_done =
            |conclusion| matches!(conclusion, &Conclusion::Result(code, _) if code.is_success());
        self.script.erases() && self.conclusion.as_ref().is_some_and(is_done)
    }

    /// As [`Operation::doubt`](super::Operation::doubt).
    pub fn doubt(&mut self) {
        self.doubtful = self.progress() == Progress::Accepted;
    }

    /// As [`Operation::forget`](super::Operation::forget).
    pub fn forget(&mut self) {
        let is_doubtful = core::mem::take(&mut self.doubtful);
        if is_doubtful && self.progress() == Progress::Accepted {
            self.end(Ended::Forgotten);
        }
    }

    /// Whether something was sent that the device keeps although it did not execute.
    fn has_prepared(&self) -> bool {
        let prepares = self
            .plan
            .as_ref()
            .is_some_and(|plan| !plan.prepare.is_empty());
        let has_written_acl = match self.phase {
            Phase::ReadAcl { .. } => false,
            Phase::WriteAcl { .. } => self.in_flight,
            _ => self.acl_repaired,
        };
        self.changed && (prepares || has_written_acl)
    }

    /// As [`Operation::has_changed`](super::Operation::has_changed).
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// As [`Operation::takes_large_objects`](super::Operation::takes_large_objects).
    pub fn takes_large_objects(&self) -> bool {
        self.order.profile.large_objects
    }

    /// As [`Operation::progress`](super::Operation::progress).
    pub fn progress(&self) -> Progress {
        if self.conclusion.is_some() {
            Progress::Finished
        } else if matches!(self.phase, Phase::Report) {
            Progress::Accepted
        } else if self.changed {
            Progress::Sent
        } else {
            Progress::Queued
        }
    }

    fn commands(&mut self) -> Vec<Command> {
        match &mut self.phase {
            Phase::Find(finder) => finder.commands(),
            Phase::Read(reader) => reader.commands(),
            Phase::Ask => self.order.question.iter().map(command::question).collect(),
            Phase::AskInSequence => {
                self.changed = true;
                self.executed = true;
                let question = self.order.question.iter().map(command::question);
                let plan = self.plan.iter().flat_map(|plan| {
                    let prepare = plan.prepare.iter().flat_map(Prepare::commands);
                    prepare.chain([command::exec(&plan.exec, &self.order.correlator)])
                });
                vec![command::sequence(question.chain(plan).collect())]
            }
            Phase::Prepare { index, how } => {
                self.changed = true;
                let (index, how) = (*index, how.clone());
                self.preparation(index, how)
            }
            Phase::Exec => {
                self.changed = true;
                self.executed = true;
                self.plan
                    .iter()
                    .map(|plan| command::exec(&plan.exec, &self.order.correlator))
                    .collect()
            }
            Phase::ReadAcl { nodes, .. } => nodes
                .iter()
                .map(|uri| command::get(uri, "?prop=ACL"))
                .collect(),
            Phase::WriteAcl { node, acl, .. } => vec![command::replace_acl(node, acl)],
            Phase::Report => Vec::new(),
        }
    }

    /// What was to be sent was not.
    fn unsendable(&mut self, reason: NotSent) {
        let is_first = matches!(
            self.phase,
            Phase::Prepare {
                index: 0,
                how: How::Planned
            }
        );
        if is_first && self.attempts == 0 && !self.acl_repaired {
            self.changed = false;
        }
        self.end(Ended::NotSent(reason));
    }

    fn answered(&mut self) {
        match core::mem::replace(&mut self.phase, Phase::Report) {
            Phase::Find(finder) => match finder.answered(&self.replies, S::MO_IDS) {
                Find::More(finder) => self.phase = Phase::Find(finder),
                Find::Found(roots) => self.found(roots),
                Find::Missing => self.end(Ended::NotFound),
                Find::Refused(ended) => self.end(ended),
            },
            Phase::Read(reader) => match reader.answered(&self.replies, |uri| self.may_miss(uri)) {
                Read::More(reader) => self.phase = Phase::Read(reader),
                Read::Done(seen) => {
                    self.seen = seen;
                    self.read();
                }
                Read::Refused(ended) => self.end(ended),
            },
            Phase::Ask => {
                let answer = self.replies.status(0, 0);
                if answer == Some(StatusCode::OK) {
                    self.consent = Consent::Given;
                    self.prepare(0);
                } else if let Some(reason) = self.replies.not_sent(0) {
                    self.end(Ended::NotSent(reason));
                } else {
                    self.withheld(answer);
                }
            }
            Phase::AskInSequence => self.answered_in_sequence(),
            Phase::Prepare { index, how } => self.prepared(index, how),
            Phase::Exec => match self.replies.status(0, 0) {
                Some(status) => self.exec_answered(status),
                None => self.exec_lost(),
            },
            Phase::ReadAcl { nodes, again } => self.acl_read(&nodes, again),
            Phase::WriteAcl { again, .. } => match self.replies.status(0, 0) {
                Some(status) if status.is_success() => self.phase = *again,
                _ => self.end(Ended::Refused(StatusCode::PERMISSION_DENIED)),
            },
            Phase::Report => {}
        }
    }

    fn found(&mut self, roots: Vec<NodeUri>) {
        self.instances = roots;
        if self.order.instance == Instance::Only && self.instances.len() > 1 && !self.script.every()
        {
            return self.end(Ended::Ambiguous);
        }
        let mut paths = self.script.reads();
        let is_read_first = match self.order.checks {
            Checks::Off => false,
            Checks::Known => self.consent == Consent::Needed,
            Checks::Read => true,
        };
        if is_read_first {
            paths.extend(self.script.offered_in());
        }
        let mut reads: Vec<_> = self
            .read_instances()
            .flat_map(|root| paths.iter().map(move |path| (root, *path)))
            .filter_map(|(root, path)| match path {
                "" => Some(root.clone()),
                path => root.join(path).ok(),
            })
            .collect();
        let asks_for_large_objects = self.order.checks != Checks::Off
            && self.order.profile.large_objects
            && self.script.sends_large();
        if asks_for_large_objects {
            reads.extend(lrg_obj());
        }
        if reads.is_empty() {
            self.read();
        } else {
            self.phase = Phase::Read(Reader::new(reads));
        }
    }

    /// Whether a node is read only to find out more: what cannot be found out stops nothing.
    fn may_miss(&self, uri: &NodeUri) -> bool {
        let reads = self.script.reads();
        let offered_in = self.script.offered_in();
        let is_offer = offered_in
            .filter(|path| !reads.contains(path))
            .is_some_and(|path| {
                let mut roots = self.read_instances();
                roots.any(|root| uri.below(root) == Some(path))
            });
        is_offer || lrg_obj().as_ref() == Some(uri)
    }

    fn read(&mut self) {
        let Some(root) = self.instances.first() else {
            return;
        };
        let takes_large_objects =
            lrg_obj().and_then(|uri| NodeFormat::truth(self.seen.text(&uri)?));
        if takes_large_objects == Some(false) {
            self.order.profile.large_objects = false;
        }
        let plan = self.script.plan(root, &self.seen);
        // What was not seen may be what it is about.
        let may_lack = plan.is_none() && self.script.operation().is_some();
        if !self.seen.is_complete() && (self.script.needs_all() || may_lack) {
            return self.end(Ended::TooMuch);
        }
        if plan.is_some() && self.order.checks != Checks::Off {
            let exec = plan.as_ref().map(|plan| &plan.exec);
            if exec.and_then(|exec| self.seen.offers(exec)) == Some(false) {
                return self.end(Ended::Unsupported);
            }
            if let Some(unmet) = self.script.unmet(root, &self.seen) {
                return self.end(Ended::Unmet(unmet));
            }
        }
        let Some(plan) = plan else {
            self.conclude(Conclusion::Read);
            return;
        };
        self.plan = Some(plan);
        if self.consent != Consent::Needed {
            self.prepare(0);
        } else if self.order.profile.sequence_guards {
            self.phase = Phase::AskInSequence;
        } else {
            self.phase = Phase::Ask;
        }
    }

    fn exec_answered(&mut self, status: StatusCode) {
        if let Some(reason) = self.replies.not_sent(0) {
            return self.end(match self.attempts {
                0 => Ended::NotSent(reason),
                // An Exec of before may have arrived.
                _ => Ended::Unknown,
            });
        }
        match status {
            StatusCode::ACCEPTED if self.script.reports() => self.phase = Phase::Report,
            StatusCode::RETRY_LATER | StatusCode::SERVICE_UNAVAILABLE => {
                self.busy = self.busy.saturating_add(1);
                if self.busy >= ATTEMPTS {
                    return self.end(Ended::Refused(status));
                }
                self.paused = true;
                self.phase = Phase::Exec;
                self.not_executed();
            }
            status if self.may_repair_acl(status) => {
                self.not_executed();
                let node = self.plan.as_ref().map(|plan| plan.exec.clone());
                self.read_acl(node, Phase::Exec);
            }
            StatusCode::NOT_MODIFIED
            | StatusCode::OPERATION_CANCELLED
            | StatusCode::REQUEST_TIMEOUT => self.end(Ended::Declined(status)),
            StatusCode::NOT_EXECUTED => self.end(Ended::Skipped),
            status if status.is_success() || status.is_result_code() => {
                self.result(status, Vec::new());
            }
            status => self.end(Ended::Refused(status)),
        }
    }

    /// The device says that it did not execute. If it was never asked before, another session begins
    /// anew: neither consent nor what was prepared outlives this one.
    fn not_executed(&mut self) {
        if self.attempts == 0 {
            self.executed = false;
        }
    }

    fn exec_lost(&mut self) {
        if self.script.resends(&self.order) {
            self.try_again(Phase::Exec);
        } else {
            self.end(Ended::Unknown);
        }
    }

    fn try_again(&mut self, phase: Phase) {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts < ATTEMPTS {
            self.phase = phase;
        } else {
            self.end(if self.executed {
                Ended::Unknown
            } else {
                Ended::NotPrepared
            });
        }
    }

    fn session_over(&mut self) {
        self.paused = false;
        let cut = core::mem::take(&mut self.in_flight);
        if self.conclusion.is_some() {
            return;
        }
        let exec_status = match &self.phase {
            Phase::Exec if cut => self.replies.status(0, 0),
            _ => None,
        };
        if let Some(status) = exec_status {
            // The session broke off behind the answer.
            self.exec_answered(status);
            return self.session_over();
        }
        match &self.phase {
            Phase::Report => {}
            Phase::Exec if self.executed && cut => self.exec_lost(),
            phase if self.executed && phase.is_about_exec() => {
                self.acl_repaired = false;
                self.phase = Phase::Exec;
            }
            Phase::AskInSequence if self.executed && cut => {
                let (answer, exec) = self.sequence_answers();
                let is_refused = answer.is_some_and(|answer| answer != StatusCode::OK);
                // What has no answer may have run.
                if is_refused || exec.is_some() {
                    self.answered_in_sequence();
                    self.session_over();
                } else if self.script.resends(&self.order) {
                    self.try_again(Phase::AskInSequence);
                } else {
                    self.end(Ended::Unknown);
                }
            }
            _ => {
                // Consent does not outlive its session, and what was read may have changed.
                if self.order.question.is_some() {
                    self.consent = Consent::Needed;
                }
                self.acl_repaired = false;
                let root = core::mem::take(&mut self.instances).into_iter().next();
                self.phase = Phase::Find(finder(&self.script, root, &self.order));
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        self.conclude(Conclusion::Ended(ended));
    }

    fn conclude(&mut self, conclusion: Conclusion) {
        self.phase = Phase::Report;
        self.in_flight = false;
        self.replies.clear();
        self.conclusion.get_or_insert(conclusion);
    }
}

/// Looks for the object: first, each place once, where it was and where it usually is.
fn finder<S: Script>(script: &S, root: Option<NodeUri>, order: &Order) -> Finder {
    let mut candidates: Vec<NodeUri> = Vec::new();
    let known = order.known_root.iter().chain(&order.usual_roots);
    for uri in root.iter().chain(known) {
        if !candidates.contains(uri) {
            candidates.push(uri.clone());
        }
    }
    let wanted = match &order.instance {
        _ if script.every() => Wanted::Every,
        Instance::First => Wanted::First,
        Instance::At(root) => Wanted::At(root.clone()),
        Instance::Only => Wanted::Every,
    };
    Finder::new(wanted, candidates)
}
