//! Jobs and reports: what the agent must not forget, and when it may.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use dm_proto::{
    Correlator, Data, MsgId, SessionId, StatusCode, Text,
    message::{Alert, Command, CommandName, SyncMl},
    notification::SessionLog,
    session::{NotSent, Origin},
};
use serde::{Deserialize, Serialize};

use super::Notified;
use crate::{
    Address, NodeUri, Transaction,
    object::{Job, JobId},
    store::{Kind, Store, StoreError, decode, encode},
};

/// Every job and report that is not settled.
///
/// It is kept in memory and written down by [`flush`](Self::flush), in the transaction whose commit
/// makes the rest of what happened durable.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) jobs: BTreeMap<u64, Entry>,
    pub(super) reports: BTreeMap<u64, Report>,
    /// The next id of a job or report. Ids are not used again.
    next: u64,
    /// The sessions that notifications have led to.
    log: SessionLog,
    changed: BTreeSet<(Kind, u64)>,
}

/// A job, and what the server knows of it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) when: When,
    pub(super) state: State,
    pub(super) reply: Reply,
    /// The Exec that has, or gets, the reply: the last one that asked for this job. None once its
    /// session is over: another one may have the same id, and the same numbers.
    asked: Option<Origin>,
    /// Our message that carries the reply.
    sent: Option<MsgId>,
    /// The reply is known to have arrived, or there is nobody left to wait for.
    has_arrived: bool,
    /// Given to the integrator since the start of the process, who has not come back with it.
    #[serde(skip)]
    pub(super) is_out: bool,
    /// Out, and going on elsewhere: only jobs of its own object wait for it.
    #[serde(skip)]
    pub(super) is_elsewhere: bool,
    /// How often the job was put off, and since when: the job's own fields are not stored.
    deferrals: u32,
    deferred_since: Option<u64>,
    pub(super) heard: Heard,
}

/// What is known of the server of a job that may start [once it is told](When::OnceTold).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Heard {
    /// It has the 202, or may get it still; or it was in a session since.
    Yes,
    /// It was told as often as there are retries, and did not answer.
    No,
    /// The session in which it was to be told is lost: so many others are tried first.
    Try(u8),
}

impl Entry {
    fn goes_on_elsewhere(&self) -> bool {
        self.is_out && self.is_elsewhere
    }
}

/// When a job may start.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum When {
    Now,
    Accepted,
    AfterSession,
    /// Now, to find out whether it is accepted at all.
    Agreed,
    /// After the session, and not before its server could be told.
    OnceTold,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum State {
    Waiting,
    Started,
    /// With this result, of which it is not known that it has arrived.
    Finished(StatusCode),
    /// Put off until the integrator takes it up again.
    Deferred,
}

/// What the Exec was answered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Reply {
    /// Nothing yet: the answer waits for the result. If its session is lost meanwhile, a report tells
    /// the result.
    Owed,
    /// 202: a report tells the result.
    Accepted,
    /// The result itself.
    Result,
}

/// An alert that the server has to acknowledge.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Report {
    pub(super) server: Text,
    pub(super) alert: Alert,
    job: Option<u64>,
    is_retried: bool,
    /// Refused for good: kept for the application, not sent.
    pub(super) is_parked: bool,
}

/// What a repeated Exec is answered.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    Answer(JobId, StatusCode),
    /// The very Exec whose job was going to run before its answer: it takes it up again.
    TakeUp(JobId),
}

impl Ledger {
    /// Reads what the last process left. What was started then is *resumed* from now on.
    pub(super) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut ledger = Self {
            next: 1,
            ..Self::default()
        };
        if let Some(record) = store.record(Kind::Agent, COUNTER)? {
            ledger.next = decode(&record)?;
        }
        if let Some(record) = store.record(Kind::Agent, LOG)? {
            ledger.log = decode(&record)?;
        }
        let mut failure = None;
        store.records(Kind::Job, &mut |id, mut record| {
            // Records from before there were deferrals and `heard` end before them, which are none then.
            record.extend([0, 0, 0]);
            match decode::<Entry>(&record) {
                Ok(mut entry) => {
                    // What was put off is what it was when it was handed out the last time.
                    entry.job.resumed = match entry.state {
                        State::Started => true,
                        State::Deferred => entry.job.resumed,
                        State::Waiting | State::Finished(_) => false,
                    };
                    entry.job.deferrals = entry.deferrals;
                    entry.job.deferred_since = entry.deferred_since;
                    entry.job.unanswered = entry.heard == Heard::No;
                    ledger.jobs.insert(id, entry);
                }
                Err(error) => failure = Some(error),
            }
        })?;
        store.records(
            Kind::Report,
            &mut |id, record| match decode::<Report>(&record) {
                Ok(report) => {
                    ledger.reports.insert(id, report);
                }
                Err(error) => failure = Some(error),
            },
        )?;
        failure.map_or(Ok(ledger), Err)
    }

    /// One that knows of nothing but which ids were used.
    pub(super) fn anew(&self) -> Self {
        Self {
            next: self.next,
            changed: [(Kind::Agent, COUNTER)].into(),
            ..Self::default()
        }
    }

    /// Whether a notification asks for a session that was completed.
    pub(super) fn has_completed(&self, notified: &Notified) -> bool {
        self.log.contains(&notified.server_id, &notified.session_id)
    }

    /// A session that a notification asked for is complete.
    pub(super) fn completed(&mut self, server_id: &str, session_id: &SessionId) {
        self.log.remember(server_id, session_id);
        self.changed.insert((Kind::Agent, LOG));
    }

    /// Writes down what changed.
    pub(super) fn flush(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        for (kind, id) in core::mem::take(&mut self.changed) {
            let record = match kind {
                Kind::Job => self.jobs.get(&id).map(encode).transpose()?,
                Kind::Report => self.reports.get(&id).map(encode).transpose()?,
                _ if id == LOG => Some(encode(&self.log)?),
                _ => Some(encode(&self.next)?),
            };
            transaction.put(kind, id, record);
        }
        Ok(())
    }

    /// The jobs that are not finished, in order.
    pub(super) fn open_jobs(&self) -> Vec<Job> {
        self.unfinished().map(|entry| entry.job.clone()).collect()
    }

    fn unfinished(&self) -> impl Iterator<Item = &Entry> {
        self.jobs
            .values()
            .filter(|entry| !matches!(entry.state, State::Finished(_)))
    }

    /// Whether no more jobs are taken from a server.
    pub(super) fn is_full(&self, server: &str) -> bool {
        let reports = self.reports.values();
        let untaken = reports.filter(|report| report.server == server).count();
        let unfinished = self.unfinished();
        // Each server has its own share: none can keep the others out.
        let open = unfinished
            .filter(|entry| entry.job.server == server)
            .count();
        open >= MAX_JOBS || untaken >= MAX_REPORTS
    }

    /// Whether a job on this node would have to wait for others.
    pub(super) fn is_busy<T: PartialEq>(
        &self,
        node: &NodeUri,
        object_of: impl Fn(&NodeUri) -> T,
    ) -> bool {
        let (next, held) = self.next(&object_of);
        next.is_some() || held.contains(&object_of(node))
    }

    /// How many jobs of the object of a node are not finished.
    pub(super) fn open_of<T: PartialEq>(
        &self,
        node: &NodeUri,
        object_of: impl Fn(&NodeUri) -> T,
    ) -> u32 {
        let object = object_of(node);
        let open = self.unfinished();
        let open = open.filter(|entry| object_of(&entry.job.node) == object);
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// The first job that nothing holds up, and the objects that are held up by what was put off or goes
    /// on elsewhere.
    fn next<T: PartialEq>(&self, object_of: impl Fn(&NodeUri) -> T) -> (Option<&Entry>, Vec<T>) {
        let mut held = Vec::new();
        let mut next = None;
        for entry in self.unfinished() {
            let object = object_of(&entry.job.node);
            if held.contains(&object) {
                continue;
            } else if entry.state == State::Deferred || entry.goes_on_elsewhere() {
                held.push(object);
            } else if next.is_none() {
                next = Some(entry);
            }
        }
        (next, held)
    }

    pub(super) fn allocate(&mut self) -> u64 {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.changed.insert((Kind::Agent, COUNTER));
        id
    }

    /// A job to change.
    pub(super) fn job_mut(&mut self, id: u64) -> Option<&mut Entry> {
        let entry = self.jobs.get_mut(&id)?;
        self.changed.insert((Kind::Job, id));
        Some(entry)
    }

    /// Takes a job that its object decided on.
    pub(super) fn accept(&mut self, job: Job, when: When) {
        let id = job.id.0;
        let is_now = matches!(when, When::Now | When::Agreed);
        let asked = Some(job.origin.clone());
        let entry = Entry {
            job,
            when,
            // A job that runs before its answer is started by the same commit.
            state: if is_now {
                State::Started
            } else {
                State::Waiting
            },
            reply: if is_now { Reply::Owed } else { Reply::Accepted },
            asked,
            sent: None,
            has_arrived: false,
            is_out: false,
            is_elsewhere: false,
            deferrals: 0,
            deferred_since: None,
            heard: Heard::Yes,
        };
        self.jobs.insert(id, entry);
        self.changed.insert((Kind::Job, id));
    }

    /// What an Exec gets that asks for a job that is known.
    ///
    /// The key is (server, node, correlator); without a correlator only the same Exec of the same
    /// message, which a restored session repeats, is the same. A blank one tells nothing apart: it is echoed,
    /// and is none otherwise.
    pub(super) fn repeat(
        &mut self,
        server: &str,
        node: &NodeUri,
        correlator: Option<&Correlator>,
        origin: &Origin,
    ) -> Option<Repeat> {
        let is_same = |entry: &Entry| {
            let by_correlator = correlator
                .zip(entry.job.key())
                .is_some_and(|(asked, known)| asked.is_same(known));
            entry.job.server == server
                && entry.job.node == *node
                && (by_correlator || entry.asked.as_ref() == Some(origin))
        };
        let id = *self.jobs.iter().find(|(_, entry)| is_same(entry))?.0;
        let has_report = self
            .reports
            .values()
            .any(|report| report.job == Some(id) && !report.is_parked);
        let entry = self.job_mut(id)?;
        let answer = match (entry.state, entry.reply) {
            // Of what the user is still being asked about, nothing can be told yet: this Exec waits too.
            (State::Waiting | State::Started, Reply::Owed)
                if entry.when == When::Agreed || entry.asked.as_ref() == Some(origin) =>
            {
                entry.asked = Some(origin.clone());
                return Some(Repeat::TakeUp(entry.job.id));
            }
            (State::Finished(code), Reply::Result) => code,
            (State::Finished(code), _) if !has_report => code,
            _ => {
                // Also for a job whose own Exec will not be answered any more.
                entry.reply = Reply::Accepted;
                StatusCode::ACCEPTED
            }
        };
        entry.asked = Some(origin.clone());
        entry.sent = None;
        entry.has_arrived = false;
        Some(Repeat::Answer(JobId(id), answer))
    }

    /// The job that is next, if it may start or go on. One at a time, in the order they were accepted;
    /// what was put off, or goes on elsewhere, lets the jobs of other objects pass.
    pub(super) fn due<T: PartialEq>(
        &self,
        in_session: bool,
        object_of: impl Fn(&NodeUri) -> T,
    ) -> Option<JobId> {
        let is_here = |entry: &Entry| entry.is_out && !entry.is_elsewhere;
        if self.unfinished().any(is_here) {
            return None;
        }
        let entry = self.next(object_of).0?;
        let may = match (entry.state, entry.when) {
            (_, When::AfterSession) => !in_session,
            (_, When::OnceTold) => !in_session && !entry.has_to_try(),
            (State::Started, _) => true,
            (_, When::Now | When::Accepted | When::Agreed) => !in_session || entry.has_arrived,
        };
        may.then_some(entry.job.id)
    }

    /// Puts a job off.
    pub(super) fn defer(&mut self, id: u64, now: u64) {
        if let Some(entry) = self.job_mut(id) {
            entry.state = State::Deferred;
            entry.is_out = false;
            entry.deferrals = entry.deferrals.saturating_add(1);
            entry.deferred_since.get_or_insert(now);
            entry.job.deferrals = entry.deferrals;
            entry.job.deferred_since = entry.deferred_since;
        }
    }

    /// Lets a job go on elsewhere.
    pub(super) fn leave(&mut self, id: u64) {
        // Nothing of it is stored: after a restart nobody goes on with it.
        if let Some(entry) = self.jobs.get_mut(&id) {
            // Beside a reset nothing begins.
            entry.is_elsewhere = entry.when != When::OnceTold;
        }
    }

    /// Keeps an alert for a server.
    pub(super) fn report(&mut self, server: Text, alert: Alert, job: Option<u64>) {
        let id = self.allocate();
        let report = Report {
            server,
            alert,
            job,
            is_retried: false,
            is_parked: false,
        };
        self.reports.insert(id, report);
        self.changed.insert((Kind::Report, id));
    }

    /// The server answered a report. Whether it should be sent again at once.
    pub(super) fn report_answered(&mut self, id: u64, status: StatusCode) -> bool {
        let Some(report) = self.reports.get_mut(&id) else {
            return false;
        };
        match status {
            StatusCode::OK | StatusCode::ACCEPTED => {
                self.drop_report(id);
                return false;
            }
            StatusCode::INCOMPLETE_COMMAND | StatusCode::UNSUPPORTED_MEDIA_TYPE
                if !report.is_retried && change_format(&mut report.alert) =>
            {
                report.is_retried = true;
                self.changed.insert((Kind::Report, id));
                return true;
            }
            // The session sees to these; what is left of them is tried in the next one.
            StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS => {}
            // The server failed: in another session.
            _ if (500..600).contains(&status.as_u16()) => {}
            _ => {
                report.is_parked = true;
                self.changed.insert((Kind::Report, id));
            }
        }
        false
    }

    /// A report was not sent: what the server does not take today it will not take tomorrow, but what was
    /// only broken off is sent again in the next session.
    pub(super) fn report_not_sent(&mut self, id: u64, reason: NotSent) {
        if reason != NotSent::BrokenOff
            && let Some(report) = self.reports.get_mut(&id)
        {
            report.is_parked = true;
            self.changed.insert((Kind::Report, id));
        }
    }

    /// Removes a report and the job that it tells of.
    pub(super) fn drop_report(&mut self, id: u64) {
        self.changed.insert((Kind::Report, id));
        if let Some(job) = self.reports.remove(&id).and_then(|report| report.job) {
            self.forget_job(job);
        }
    }

    /// A job has its result.
    pub(super) fn finish(&mut self, id: u64, code: StatusCode, reply: Reply) {
        if let Some(entry) = self.job_mut(id) {
            entry.state = State::Finished(code);
            entry.reply = reply;
            entry.is_out = false;
        }
    }

    pub(super) fn forget_job(&mut self, id: u64) {
        self.jobs.remove(&id);
        self.changed.insert((Kind::Job, id));
    }

    /// Whether a reply to an Exec is under way.
    pub(super) fn awaits_arrival(&self, session: &SessionId) -> bool {
        self.jobs.values().any(|entry| entry.is_under_way(session))
    }

    /// Notes which replies a message of ours carries.
    pub(super) fn sent(&mut self, session: &SessionId, message: &SyncMl) {
        let msg_id = &message.header.msg_id;
        for command in &message.commands {
            let Command::Status(status) = command else {
                continue;
            };
            if status.cmd != CommandName::EXEC {
                continue;
            }
            for (id, entry) in &mut self.jobs {
                let is_for_node = status.target_refs.is_empty()
                    || status.target_refs.iter().any(|target| {
                        Address::parse(target).is_ok_and(|address| address.uri == entry.job.node)
                    });
                let is_asked = entry.asked.as_ref().is_some_and(|asked| {
                    asked.msg_id == status.msg_ref && asked.cmd_id == status.cmd_ref
                });
                if entry.is_under_way(session) && is_asked && is_for_node {
                    entry.sent = Some(msg_id.clone());
                    self.changed.insert((Kind::Job, *id));
                }
            }
        }
    }

    /// A message of ours has arrived, with the replies in it.
    pub(super) fn delivered(&mut self, session: &SessionId, msg_id: &MsgId) {
        self.settle(|entry| {
            let is_in_it = entry.is_under_way(session) && entry.sent.as_ref() == Some(msg_id);
            entry.has_arrived |= is_in_it;
            if is_in_it && entry.is_told() {
                Settled::Forgotten
            } else if is_in_it {
                Settled::Changed
            } else {
                Settled::Untouched
            }
        });
    }

    /// A session with this server is complete.
    pub(super) fn heard_of(&mut self, server: &str) {
        self.settle(|entry| {
            if entry.job.server == server && entry.heard != Heard::Yes {
                entry.hear(Heard::Yes);
                Settled::Changed
            } else {
                Settled::Untouched
            }
        });
    }

    /// A session with this server broke off, having done what it could: what was not heard of the server in it
    /// was not to be had.
    pub(super) fn gave_up_on(&mut self, server: &str) {
        self.settle(|entry| {
            let is_asked = entry.asked.is_some() && !entry.has_arrived;
            let heard = match entry.heard {
                _ if entry.job.server != server || !entry.has_to_be_told() => {
                    return Settled::Untouched;
                }
                Heard::Yes if is_asked => Heard::No,
                Heard::Try(sessions) => Heard::sessions(sessions.saturating_sub(1)),
                Heard::Yes | Heard::No => return Settled::Untouched,
            };
            entry.hear(heard);
            Settled::Changed
        });
    }

    /// A restart has lost the session: so many others come first where a server had to be told in it.
    pub(super) fn session_lost(&mut self, sessions: u8) {
        self.settle(|entry| {
            if entry.asked.is_some() && !entry.has_arrived && entry.has_to_be_told() {
                entry.hear(Heard::sessions(sessions));
                Settled::Changed
            } else {
                Settled::Untouched
            }
        });
        self.session_over();
    }

    /// The servers that have to be told of a job before it may start.
    pub(super) fn to_be_told(&self) -> impl Iterator<Item = (JobId, &Text)> {
        let entries = self.unfinished().filter(|entry| entry.has_to_try());
        entries.map(|entry| (entry.job.id, &entry.job.server))
    }

    /// There is no session any more in which a reply could be given or could arrive.
    pub(super) fn session_over(&mut self) {
        self.settle(|entry| {
            let was_asked = entry.asked.take().is_some();
            entry.sent = None;
            // Without a correlator nobody can ask for the result again.
            if entry.is_told() && entry.job.key().is_none() {
                Settled::Forgotten
            } else if !entry.has_arrived && entry.state == State::Waiting {
                entry.has_arrived = true;
                Settled::Changed
            } else if was_asked {
                Settled::Changed
            } else {
                Settled::Untouched
            }
        });
        // A server that never asks again for results that it did not get must not fill the storage.
        let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
        let mut over = Vec::new();
        let newest_first = self.jobs.iter().rev();
        for (id, entry) in newest_first.filter(|(_, entry)| entry.is_told()) {
            let kept = kept.entry(&entry.job.server).or_default();
            *kept = kept.saturating_add(1);
            if *kept > MAX_RESULTS {
                over.push(*id);
            }
        }
        for id in over {
            self.forget_job(id);
        }
    }

    /// Forgets the jobs of nodes that are not `known`.
    pub(super) fn forget_jobs_but(&mut self, known: impl Fn(&NodeUri) -> bool) {
        self.settle(|entry| {
            if known(&entry.job.node) {
                Settled::Untouched
            } else {
                Settled::Forgotten
            }
        });
    }

    fn settle(&mut self, mut each: impl FnMut(&mut Entry) -> Settled) {
        let changed = &mut self.changed;
        self.jobs.retain(|id, entry| {
            let settled = each(entry);
            if settled != Settled::Untouched {
                changed.insert((Kind::Job, *id));
            }
            settled != Settled::Forgotten
        });
    }
}

impl Heard {
    pub(super) fn sessions(left: u8) -> Self {
        match left {
            0 => Self::No,
            left => Self::Try(left),
        }
    }
}

impl Entry {
    /// Notes what is known of its server.
    pub(super) fn hear(&mut self, heard: Heard) {
        self.heard = heard;
        self.job.unanswered = heard == Heard::No;
    }

    /// Whether it waits for its server to be told.
    fn has_to_be_told(&self) -> bool {
        self.when == When::OnceTold && self.state == State::Waiting
    }

    fn has_to_try(&self) -> bool {
        self.has_to_be_told() && matches!(self.heard, Heard::Try(_))
    }

    /// The session in which its Exec was to be answered is gone.
    pub(super) fn is_orphan(&self) -> bool {
        self.asked.is_none()
    }

    /// The result was, or is going to be, the answer.
    fn is_told(&self) -> bool {
        matches!(self.state, State::Finished(_)) && self.reply == Reply::Result
    }

    fn is_under_way(&self, session: &SessionId) -> bool {
        let is_of_session = |asked: &Origin| asked.session_id == *session;
        self.reply != Reply::Owed
            && !self.has_arrived
            && self.asked.as_ref().is_some_and(is_of_session)
    }
}

#[derive(Eq, PartialEq)]
enum Settled {
    Untouched,
    Changed,
    Forgotten,
}

/// Gives a report that was refused another Format: `int` for a bare code that had another, else `chr`.
/// Whether there was anything to change.
fn change_format(alert: &mut Alert) -> bool {
    let mut has_changed = false;
    for item in &mut alert.items {
        let is_code = item
            .data
            .as_ref()
            .and_then(Data::as_str)
            .is_some_and(|data| data.trim().parse::<u16>().is_ok());
        let meta = Arc::make_mut(item.meta.get_or_insert_default());
        let format = match meta.format.as_deref() {
            Some("int") => "chr",
            _ if is_code => "int",
            _ => "chr",
        };
        if meta.format.as_deref() != Some(format) {
            meta.format = Some(Text::from_static(format));
            has_changed = true;
        }
    }
    has_changed
}

/// The record of [`Kind::Agent`] that holds the sessions of notifications.
const LOG: u64 = 1;

/// The record of [`Kind::Agent`] that holds the next id.
const COUNTER: u64 = 0;
/// Jobs of a server that wait or run at the same time; more are refused to it.
const MAX_JOBS: usize = 64;
/// Reports that a server may leave untaken; more jobs are then refused to it.
const MAX_REPORTS: usize = 128;
/// Results that are kept for a server that did not get them.
const MAX_RESULTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(nodes: &[&str]) -> Ledger {
        let mut ledger = Ledger::default();
        for (id, node) in (1..).zip(nodes) {
            let origin = Origin {
                session_id: SessionId::from("1"),
                msg_id: MsgId::from("1"),
                cmd_id: "1".into(),
                item: 0,
            };
            let node = NodeUri::parse(node).unwrap();
            ledger.accept(Job::new(JobId(id), "s", node, origin), When::Accepted);
        }
        ledger
    }

    /// The first segment tells objects apart.
    fn object_of(node: &NodeUri) -> String {
        node.as_str().split('/').nth(1).unwrap().to_owned()
    }

    #[test]
    fn what_is_put_off_holds_up_its_object_and_lets_others_pass() {
        let mut ledger = ledger(&["./A/1", "./A/2", "./B/1"]);
        let due = |ledger: &Ledger| ledger.due(false, object_of).map(|id| id.0);
        assert_eq!(due(&ledger), Some(1));
        ledger.defer(1, 100);
        assert_eq!(due(&ledger), Some(3));
        assert!(ledger.is_busy(&NodeUri::parse("./C/1").unwrap(), object_of));
        ledger.forget_job(3);
        assert_eq!(due(&ledger), None);
        assert!(!ledger.is_busy(&NodeUri::parse("./B/1").unwrap(), object_of));
        assert!(ledger.is_busy(&NodeUri::parse("./A/3").unwrap(), object_of));
        ledger.defer(1, 200);
        let entry = ledger.job_mut(1).unwrap();
        assert_eq!(
            (entry.job.deferrals, entry.job.deferred_since),
            (2, Some(100))
        );
        // Taken up again it has its old place.
        entry.state = State::Started;
        assert_eq!(due(&ledger), Some(1));
        ledger.forget_job(1);
        assert_eq!(due(&ledger), Some(2));
    }

    #[test]
    fn what_goes_on_elsewhere_holds_up_its_object_and_lets_others_pass() {
        let mut ledger = ledger(&["./A/1", "./A/2", "./B/1"]);
        let due = |ledger: &Ledger| ledger.due(false, object_of).map(|id| id.0);
        let start = |ledger: &mut Ledger, id| {
            let entry = ledger.job_mut(id).unwrap();
            entry.state = State::Started;
            entry.is_out = true;
        };
        start(&mut ledger, 1);
        assert_eq!(due(&ledger), None);
        ledger.leave(1);
        assert_eq!(due(&ledger), Some(3));
        start(&mut ledger, 3);
        assert_eq!(due(&ledger), None);
        ledger.leave(3);
        assert_eq!(due(&ledger), None, "the second of an object waits");
        ledger.finish(1, StatusCode::OK, Reply::Accepted);
        assert_eq!(due(&ledger), Some(2));
    }

    #[test]
    fn results_that_a_server_does_not_fetch_push_out_its_own_and_no_others() {
        let mut ledger = Ledger::default();
        let done = |ledger: &mut Ledger, server: &str, correlator: u64| {
            let origin = Origin {
                session_id: SessionId::from("1"),
                msg_id: MsgId::from("1"),
                cmd_id: "1".into(),
                item: 0,
            };
            let id = ledger.allocate();
            let node = NodeUri::parse("./Lock").unwrap();
            let mut job = Job::new(JobId(id), server, node, origin);
            job.correlator = Some(Correlator::from(correlator.to_string().as_str()));
            ledger.accept(job, When::Now);
            ledger.finish(id, StatusCode::OK, Reply::Result);
            id
        };
        let first = done(&mut ledger, "quiet", 1);
        let greedy: Vec<u64> = (0..MAX_RESULTS as u64 + 2)
            .map(|correlator| done(&mut ledger, "greedy", correlator))
            .collect();
        ledger.session_over();
        assert!(ledger.jobs.contains_key(&first));
        let kept = greedy.iter().filter(|id| ledger.jobs.contains_key(id));
        assert_eq!(kept.count(), MAX_RESULTS);
        assert!(!ledger.jobs.contains_key(&greedy[1]), "the oldest go");
    }

    #[test]
    fn a_refused_report_has_one_other_format() {
        use dm_proto::message::{Item, Meta};
        for (format, data, other) in [
            (Some("int"), "1200", Some("chr")),
            (Some("chr"), "1200", Some("int")),
            (Some("text/plain"), " 1200\n", Some("int")),
            (None, "1200", Some("int")),
            (
                Some("text/plain"),
                "<ResultCode>1200</ResultCode>",
                Some("chr"),
            ),
            (Some("chr"), "<ResultCode>1200</ResultCode>", None),
        ] {
            let meta = Meta {
                format: format.map(Text::from_static),
                ..Meta::default()
            };
            let mut alert = Alert {
                items: vec![Item::default().with_meta(meta).with_data(data)],
                ..Alert::default()
            };
            let has_changed = change_format(&mut alert);
            assert_eq!(has_changed, other.is_some(), "{format:?} {data}");
            let meta = alert.items[0].meta.as_ref().unwrap();
            assert_eq!(
                meta.format.as_deref(),
                other.or(format),
                "{format:?} {data}"
            );
        }
    }

    #[test]
    fn nothing_starts_while_a_job_is_out() {
        let mut ledger = ledger(&["./A/1", "./B/1"]);
        let entry = ledger.job_mut(2).unwrap();
        entry.state = State::Started;
        entry.is_out = true;
        assert_eq!(ledger.due(false, object_of), None);
    }

    #[test]
    fn a_server_with_all_the_jobs_it_may_have_keeps_no_other_out() {
        let mut ledger = Ledger::default();
        let node = NodeUri::parse("./Lock").unwrap();
        let mut accept = |server: &str| {
            let origin = Origin {
                session_id: SessionId::from("1"),
                msg_id: MsgId::from("1"),
                cmd_id: "1".into(),
                item: 0,
            };
            let id = JobId(ledger.allocate());
            let is_full = ledger.is_full(server);
            ledger.accept(Job::new(id, server, node.clone(), origin), When::Accepted);
            is_full
        };
        assert!((0..MAX_JOBS).all(|_| !accept("greedy")));
        assert!(accept("greedy"));
        assert!(!accept("other"));
    }
}
