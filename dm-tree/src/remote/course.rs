//! [`Course`]: the way every operation goes.

use core::fmt::Debug;

use dm_proto::{
    Data, StatusCode, Text,
    message::{Alert, Command},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    ComponentResult, Ended, Order, Progress, Reply, Snapshot, Step, command,
    finder::{Find, Finder},
    reader::{Read, Reader},
    replies::Replies,
    report,
};
use crate::NodeUri;

/// What tells one operation from another: where its object is known by, what it reads, what it does.
pub trait Script: Clone + Debug + Serialize + DeserializeOwned {
    /// The identifiers of the object: values of its root's Type property.
    const MO_IDS: &'static [&'static str];

    /// The types of its reports.
    const REPORTS: &'static [&'static str];

    /// What of the object, relative to its root, is read before [`plan`](Self::plan).
    fn reads(&self) -> Vec<&'static str>;

    /// What to do on the device; `None` if that is nothing, since reading was all, or since what was
    /// read says so.
    fn plan(&self, root: &NodeUri, seen: &Snapshot) -> Option<Plan>;

    /// Whether a report follows an Exec that was answered 202. Without one, 202 is the result.
    fn reports(&self) -> bool {
        true
    }

    /// Whether an Exec whose answer was lost is sent again, with the same correlator. If not, its
    /// outcome is unknown.
    fn resends(&self, order: &Order) -> bool {
        order.profile.correlator
    }
}

/// What an operation does on the device.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Plan {
    /// What comes first, each in a message of its own. All of it must succeed.
    pub prepare: Vec<Prepare>,
    /// The node to execute.
    pub exec: NodeUri,
    /// The node whose ACL is repaired once if the Exec gets 425.
    pub acl: NodeUri,
}

/// Changes that prepare an Exec.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Prepare {
    /// Nodes to create, parents first. One that is there already is taken for our own, sent before; if
    /// it is a leaf its value is set.
    Add(Vec<Setting>),
    /// Values to set together: in an Atomic, or, on a device that has none, one by one and read back.
    Replace(Vec<Setting>),
}

/// A node with the value it is to have.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The node.
    pub uri: NodeUri,
    /// Its format: `node` for an interior node.
    pub format: Text,
    /// The MIME type of its value, if it has to be named.
    pub type_: Option<Text>,
    /// Its value; `None` for an interior node.
    pub value: Option<Data>,
    /// Whether the operation ends if the device does not take it.
    pub required: bool,
}

impl Setting {
    /// An interior node.
    pub fn interior(uri: NodeUri) -> Self {
        Self {
            uri,
            format: Text::from_static("node"),
            type_: None,
            value: None,
            required: true,
        }
    }

    /// A leaf.
    pub fn leaf(uri: NodeUri, format: impl Into<Text>, value: impl Into<Data>) -> Self {
        Self {
            uri,
            format: format.into(),
            type_: None,
            value: Some(value.into()),
            required: true,
        }
    }

    /// The same with a MIME type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<Text>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// The same, to be left out if the device does not take it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

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
/// - before the Exec was sent, everything begins anew, the question included: consent does not outlive
///   its session;
/// - once it may have arrived, the Exec is sent again with the same correlator, by which the device
///   knows it, or its outcome is unknown ([`Script::resends`]).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(bound = "")]
pub struct Course<S: Script> {
    script: S,
    order: Order,
    phase: Phase,
    replies: Replies,
    root: Option<NodeUri>,
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
    acl_repaired: bool,
    conclusion: Option<Conclusion>,
    /// Source and data of a report without correlator, to know its copies.
    report: Option<Alert>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum Consent {
    /// Nobody has to be asked.
    NotNeeded,
    /// To be asked.
    Needed,
    /// The answer was 200.
    Given,
    /// It was not; or none came.
    Withheld(Option<StatusCode>),
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
    ReadAcl {
        nodes: Vec<NodeUri>,
    },
    WriteAcl {
        acl: Text,
    },
    Report,
}

/// How the changes of one [`Prepare`] are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
enum How {
    /// As planned: Adds, or an Atomic.
    Planned,
    /// Replaces of these, one by one, with a read-back or without.
    OneByOne { settings: Vec<Setting>, check: bool },
    /// Reading back.
    ReadBack {
        settings: Vec<Setting>,
        reader: Reader,
    },
}

/// How often a message without an answer is sent again before the operation gives up.
const ATTEMPTS: u8 = 3;

impl<S: Script> Course<S> {
    /// A course that has not begun.
    pub fn new(script: S, order: Order) -> Self {
        let mut course = Self {
            phase: Phase::Find(Finder::new(candidates(&order))),
            script,
            replies: Replies::default(),
            root: None,
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
            acl_repaired: false,
            conclusion: None,
            report: None,
            order,
        };
        if course.consent == Consent::Needed && !course.order.profile.user_interaction {
            course.end(Ended::NotAsked(None));
        }
        course
    }

    /// What tells this operation from others.
    pub fn script(&self) -> &S {
        &self.script
    }

    /// Where the object was found.
    pub fn root(&self) -> Option<&NodeUri> {
        self.root.as_ref()
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
            Reply::Status { .. } | Reply::Results { .. } | Reply::NoStatus { .. } => {
                if self.in_flight {
                    self.replies.take(reply);
                }
            }
        }
    }

    /// As [`Operation::claims`](super::Operation::claims).
    pub fn claims(&self, alert: &Alert) -> bool {
        if !self.executed {
            return false;
        }
        if let Some(correlator) = &alert.correlator {
            return correlator.is_same(&self.order.correlator);
        }
        // Without a correlator a report is ours only if the device is known to echo none; else it is
        // unsolicited.
        if self.order.profile.correlator || !report::is_of_type(alert, S::REPORTS) {
            return false;
        }
        match &self.report {
            Some(report) => report.items == alert.items,
            None => {
                self.conclusion.is_none()
                    && self
                        .plan
                        .as_ref()
                        .is_some_and(|plan| report::is_from(alert, plan.exec.as_str()))
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
            } else {
                Ended::Expired
            });
        }
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
                    let prepare = plan.prepare.iter().flat_map(plain);
                    prepare.chain([command::exec(&plan.exec, &self.order.correlator)])
                });
                vec![command::sequence(question.chain(plan).collect())]
            }
            Phase::Prepare { index, how } => {
                self.changed = true;
                match how {
                    How::Planned => {
                        let prepare = self.plan.as_ref().and_then(|p| p.prepare.get(*index));
                        match prepare {
                            Some(Prepare::Replace(_)) if self.order.profile.atomic => {
                                vec![command::atomic(
                                    prepare.into_iter().flat_map(plain).collect(),
                                )]
                            }
                            _ => prepare.into_iter().flat_map(plain).collect(),
                        }
                    }
                    How::OneByOne { settings, .. } => {
                        settings.iter().map(command::replace).collect()
                    }
                    How::ReadBack { reader, .. } => reader.commands(),
                }
            }
            Phase::Exec => {
                self.changed = true;
                self.executed = true;
                self.plan
                    .iter()
                    .map(|plan| command::exec(&plan.exec, &self.order.correlator))
                    .collect()
            }
            Phase::ReadAcl { nodes } => nodes
                .iter()
                .map(|uri| command::get(uri, "?prop=ACL"))
                .collect(),
            Phase::WriteAcl { acl } => self
                .plan
                .iter()
                .map(|plan| command::replace_acl(&plan.acl, acl))
                .collect(),
            Phase::Report => Vec::new(),
        }
    }

    fn answered(&mut self) {
        match core::mem::replace(&mut self.phase, Phase::Report) {
            Phase::Find(finder) => match finder.answered(&self.replies, S::MO_IDS) {
                Find::More(finder) => self.phase = Phase::Find(finder),
                Find::Found(root) => self.found(root),
                Find::Missing => self.end(Ended::NotFound),
            },
            Phase::Read(reader) => match reader.answered(&self.replies) {
                Read::More(reader) => self.phase = Phase::Read(reader),
                Read::Done(seen) => {
                    self.seen = seen;
                    self.read();
                }
                Read::Refused(status) => self.end(Ended::Refused(status)),
            },
            Phase::Ask => {
                let answer = self.replies.status(0, 0);
                if answer == Some(StatusCode::OK) {
                    self.consent = Consent::Given;
                    self.prepare(0);
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
            Phase::ReadAcl { nodes } => {
                let acl = (0_u16..)
                    .zip(&nodes)
                    .filter_map(|(command, _)| self.replies.items(command).next())
                    .filter_map(super::reader::text)
                    .find(|acl| !acl.trim().is_empty())
                    .unwrap_or_default();
                self.phase = Phase::WriteAcl {
                    acl: with_rights(&acl, &self.order.server_id),
                };
            }
            Phase::WriteAcl { .. } => match self.replies.status(0, 0) {
                Some(status) if status.is_success() => self.phase = Phase::Exec,
                _ => self.end(Ended::Refused(StatusCode::PERMISSION_DENIED)),
            },
            Phase::Report => {}
        }
    }

    fn found(&mut self, root: NodeUri) {
        let reads: Vec<_> = self
            .script
            .reads()
            .into_iter()
            .filter_map(|path| match path {
                "" => Some(root.clone()),
                path => root.join(path).ok(),
            })
            .collect();
        self.root = Some(root);
        if reads.is_empty() {
            self.read();
        } else {
            self.phase = Phase::Read(Reader::new(reads));
        }
    }

    fn read(&mut self) {
        let Some(root) = &self.root else { return };
        let Some(plan) = self.script.plan(root, &self.seen) else {
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

    fn prepare(&mut self, index: usize) {
        let prepare = self.plan.as_ref().and_then(|plan| plan.prepare.get(index));
        self.attempts = 0;
        self.phase = match prepare {
            None => Phase::Exec,
            Some(Prepare::Replace(settings)) if !self.order.profile.atomic => Phase::Prepare {
                index,
                how: How::OneByOne {
                    settings: settings.clone(),
                    check: true,
                },
            },
            Some(_) => Phase::Prepare {
                index,
                how: How::Planned,
            },
        };
    }

    fn prepared(&mut self, index: usize, how: How) {
        let next = index.saturating_add(1);
        match how {
            How::Planned => {
                let plan = self.plan.as_ref().and_then(|plan| plan.prepare.get(index));
                match plan.cloned() {
                    Some(Prepare::Add(settings)) => self.added(index, settings),
                    Some(Prepare::Replace(settings)) => self.atomic_answered(index, settings),
                    None => self.prepare(next),
                }
            }
            How::OneByOne { settings, check } => {
                for (command, setting) in (0_u16..).zip(&settings) {
                    match self.replies.status(command, 0) {
                        Some(status) if status.is_success() => {}
                        _ if !setting.required => {}
                        Some(status) => return self.end(Ended::Refused(status)),
                        None => {
                            let how = How::OneByOne { settings, check };
                            return self.try_again(Phase::Prepare { index, how });
                        }
                    }
                }
                if check {
                    self.read_back(index, settings);
                } else {
                    self.prepare(next);
                }
            }
            How::ReadBack { settings, reader } => match reader.answered(&self.replies) {
                Read::More(reader) => {
                    let how = How::ReadBack { settings, reader };
                    self.phase = Phase::Prepare { index, how };
                }
                Read::Done(seen) => {
                    let same = settings.iter().all(|setting| {
                        let wanted = setting.value.as_ref().and_then(Data::as_str);
                        is_same(seen.text(&setting.uri), wanted)
                    });
                    if same {
                        self.prepare(next);
                    } else {
                        self.end(Ended::NotPrepared);
                    }
                }
                Read::Refused(status) => self.end(Ended::Refused(status)),
            },
        }
    }

    fn added(&mut self, index: usize, settings: Vec<Setting>) {
        let mut there = Vec::new();
        for (command, setting) in (0_u16..).zip(&settings) {
            match self.replies.status(command, 0) {
                Some(status) if status.is_success() => {}
                // Our own Add, sent before, or a node that the device made: set its value.
                Some(StatusCode::ALREADY_EXISTS) => {
                    if setting.value.is_some() {
                        there.push(setting.clone());
                    }
                }
                _ if !setting.required => {}
                Some(status) => return self.end(Ended::Refused(status)),
                None => {
                    let how = How::Planned;
                    return self.try_again(Phase::Prepare { index, how });
                }
            }
        }
        if there.is_empty() {
            self.prepare(index.saturating_add(1));
        } else {
            let how = How::OneByOne {
                settings: there,
                check: false,
            };
            self.phase = Phase::Prepare { index, how };
        }
    }

    fn atomic_answered(&mut self, index: usize, settings: Vec<Setting>) {
        let parts: Vec<_> = (1_u32..)
            .zip(&settings)
            .map(|(part, _)| self.replies.status(0, part))
            .collect();
        if parts
            .iter()
            .all(|status| status.is_some_and(StatusCode::is_success))
        {
            // Whatever the Atomic itself says: some clients send no status for it.
            return self.prepare(index.saturating_add(1));
        }
        let atomic = self.replies.status(0, 0);
        let unsupported = matches!(
            atomic,
            Some(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED | StatusCode::COMMAND_NOT_IMPLEMENTED)
        );
        if unsupported {
            let how = How::OneByOne {
                settings,
                check: true,
            };
            self.phase = Phase::Prepare { index, how };
        } else if let Some(failure) = parts
            .iter()
            .flatten()
            .find(|status| !status.is_success() && !is_consequence(**status))
            .copied()
            .or(atomic.filter(|status| !status.is_success()))
        {
            self.end(Ended::Refused(failure));
        } else if atomic.is_some() {
            self.read_back(index, settings);
        } else {
            let how = How::Planned;
            self.try_again(Phase::Prepare { index, how });
        }
    }

    fn read_back(&mut self, index: usize, settings: Vec<Setting>) {
        let nodes = settings.iter().map(|setting| setting.uri.clone()).collect();
        let reader = Reader::new(nodes);
        let how = How::ReadBack { settings, reader };
        self.phase = Phase::Prepare { index, how };
    }

    fn answered_in_sequence(&mut self) {
        let prepared = self.plan.as_ref().map_or(0, |plan| {
            plan.prepare
                .iter()
                .map(|prepare| plain(prepare).count())
                .sum()
        });
        let last = u32::try_from(prepared)
            .unwrap_or(u32::MAX)
            .saturating_add(2);
        let answer = self.replies.status(0, 1);
        let exec = self.replies.status(0, last);
        let first_time = self.attempts == 0;
        if answer == Some(StatusCode::OK) {
            self.consent = Consent::Given;
            match exec {
                Some(StatusCode::NOT_EXECUTED) => {
                    // A command before it failed: each is tried again, and the failure looked at.
                    self.executed = !first_time;
                    self.prepare(0);
                }
                Some(status) => self.exec_answered(status),
                None => self.exec_lost(),
            }
        } else if let Some(result) = exec.filter(|status| has_run(*status)) {
            self.end(Ended::WithoutConsent { answer, result });
        } else if answer.is_none() && exec.is_none() {
            let sequence = self.replies.status(0, 0);
            if sequence.is_some_and(|status| !status.is_success()) && !self.replies.any_part(0) {
                // No Sequence at all: nothing in it ran.
                self.executed = !first_time;
                self.phase = Phase::Ask;
            } else {
                self.consent = Consent::Withheld(None);
                self.try_again(Phase::AskInSequence);
            }
        } else if first_time {
            self.executed = false;
            self.withheld(answer);
        } else {
            // It was sent before, and nobody knows what came of that.
            self.end(Ended::Unknown);
        }
    }

    fn withheld(&mut self, answer: Option<StatusCode>) {
        self.consent = Consent::Withheld(answer);
        self.end(match answer {
            Some(
                status @ (StatusCode::NOT_MODIFIED
                | StatusCode::OPERATION_CANCELLED
                | StatusCode::REQUEST_TIMEOUT),
            ) => Ended::Declined(status),
            answer => Ended::NotAsked(answer),
        });
    }

    fn exec_answered(&mut self, status: StatusCode) {
        match status {
            StatusCode::ACCEPTED if self.script.reports() => self.phase = Phase::Report,
            StatusCode::RETRY_LATER | StatusCode::SERVICE_UNAVAILABLE => {
                self.paused = true;
                self.try_again(Phase::Exec);
            }
            StatusCode::PERMISSION_DENIED if self.order.profile.acl && !self.acl_repaired => {
                self.acl_repaired = true;
                let plan = self.plan.as_ref();
                let nodes = core::iter::successors(plan.map(|plan| plan.acl.clone()), |node| {
                    NodeUri::parent(node)
                });
                self.phase = Phase::ReadAcl {
                    nodes: nodes.collect(),
                };
            }
            StatusCode::NOT_MODIFIED
            | StatusCode::OPERATION_CANCELLED
            | StatusCode::REQUEST_TIMEOUT => self.end(Ended::Declined(status)),
            StatusCode::NOT_EXECUTED => self.end(Ended::Refused(status)),
            status if status.is_success() || status.is_result_code() => {
                self.result(status, Vec::new());
            }
            status => self.end(Ended::Refused(status)),
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
        match &self.phase {
            Phase::Report => {}
            Phase::Exec | Phase::ReadAcl { .. } | Phase::WriteAcl { .. } if self.executed => {
                if cut && matches!(self.phase, Phase::Exec) {
                    self.exec_lost();
                } else {
                    self.phase = Phase::Exec;
                }
            }
            Phase::AskInSequence if self.executed && cut => {
                // Only the questions and Execs that got an answer are known; what did not may have run.
                if let Some(status) = self.replies.status(0, 1)
                    && status != StatusCode::OK
                {
                    self.answered_in_sequence();
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
                let mut candidates = candidates(&self.order);
                candidates.extend(self.root.take());
                candidates.rotate_right(1);
                self.phase = Phase::Find(Finder::new(candidates));
            }
        }
    }

    fn reported(&mut self, alert: &Alert) {
        if self.report.is_none() && alert.correlator.is_none() {
            self.report = Some(alert.clone());
        }
        let mut components = report::components(alert);
        match &mut self.conclusion {
            None => {}
            // Several alerts may report on one operation, an item each.
            Some(Conclusion::Result(code, known)) if !known.is_empty() => {
                components.retain(|component| !known.contains(component));
                known.append(&mut components);
                *code = report::overall(known).unwrap_or(*code);
                return;
            }
            Some(_) => return,
        }
        let Some(code) = report::overall(&components) else {
            self.end(Ended::Unknown);
            return;
        };
        match self.consent {
            Consent::Withheld(answer) if code.is_success() => {
                self.end(Ended::WithoutConsent {
                    answer,
                    result: code,
                });
            }
            _ => self.result(code, components),
        }
    }

    fn result(&mut self, code: StatusCode, components: Vec<ComponentResult>) {
        // 1401 in both objects: the device asked its user.
        if code.as_u16() == 1401 {
            self.end(Ended::Declined(code));
        } else {
            self.conclude(Conclusion::Result(code, components));
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

fn candidates(order: &Order) -> Vec<NodeUri> {
    let mut candidates: Vec<NodeUri> = Vec::new();
    for uri in order.known_root.iter().chain(&order.usual_roots) {
        if !candidates.contains(uri) {
            candidates.push(uri.clone());
        }
    }
    candidates
}

/// The commands of a preparation, one by one.
fn plain(prepare: &Prepare) -> impl Iterator<Item = Command> {
    let (settings, command): (_, fn(&Setting) -> Command) = match prepare {
        Prepare::Add(settings) => (settings, command::add),
        Prepare::Replace(settings) => (settings, command::replace),
    };
    settings.iter().map(command)
}

/// Whether an Exec with this status was run, or will be.
fn has_run(status: StatusCode) -> bool {
    matches!(status, StatusCode::OK | StatusCode::ACCEPTED)
        || (status.is_result_code() && status.is_success())
}

/// Whether the status follows from the failure of another command.
fn is_consequence(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_EXECUTED
            | StatusCode::ATOMIC_ROLL_BACK_OK
            | StatusCode::ATOMIC_ROLL_BACK_FAILED
    )
}

/// Whether a value read is the one set; truth has several spellings.
fn is_same(read: Option<&str>, set: Option<&str>) -> bool {
    fn truth(value: &str) -> Option<bool> {
        match value.trim() {
            "1" => Some(true),
            "0" => Some(false),
            value if value.eq_ignore_ascii_case("true") => Some(true),
            value if value.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
    match (read, set) {
        (Some(read), Some(set)) => match (truth(read), truth(set)) {
            (Some(read), Some(set)) => read == set,
            _ => read == set,
        },
        _ => false,
    }
}

/// An ACL with every right for a server, the entries of others kept.
fn with_rights(acl: &str, server_id: &str) -> Text {
    let mut text = String::new();
    for right in ["Add", "Delete", "Exec", "Get", "Replace"] {
        let mut holders: Vec<&str> = acl
            .split('&')
            .filter_map(|entry| entry.split_once('='))
            .filter(|(name, _)| name.trim() == right)
            .flat_map(|(_, holders)| holders.split('+'))
            .map(str::trim)
            .filter(|holder| !holder.is_empty())
            .collect();
        if !holders.contains(&"*") && !holders.contains(&server_id) {
            holders.push(server_id);
        }
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(right);
        text.push('=');
        text.push_str(&holders.join("+"));
    }
    Text::from(text)
}
