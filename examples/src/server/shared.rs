//! What the parts of the server share: storage, configuration, and how a change is stored and told.

use core::time::Duration;
use std::sync::Arc;

use dm_proto::{auth::Nonce, session::ServerConfig};
use dm_tree::remote::{DeviceRequest, Notice, Operation as _, Step, Verdict};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{
    Hooks, Policy,
    desk::Asked,
    device::Row,
    operation::{Late, Record, State},
    outcome::Outcome,
    store::{Change, Key, Store, StoreError},
    unclaimed::Unclaimed,
};
use crate::printable::printable_line;

/// What the parts of the server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) session: Arc<ServerConfig>,
    pub(super) policy: Policy,
    pub(super) hooks: Hooks,
    /// Tells the scheduler that the agenda has changed.
    pub(super) agenda: Notify,
    /// Counts commits, so that event streams know when to look.
    pub(super) commits: watch::Sender<u64>,
    /// Becomes true when the server ends.
    pub(super) ending: watch::Receiver<bool>,
}

/// Changes of operations, and requests of the device, that are stored together with its row.
#[derive(Debug, Default)]
pub(super) struct Updates {
    records: Vec<(String, Update)>,
    requests: Vec<Asked>,
}

#[derive(Debug)]
enum Update {
    New(Box<Record>),
    Advance(State),
    Finish(Box<Outcome>),
    Late(Box<Late>),
}

impl Updates {
    pub(super) fn add(&mut self, record: Record) {
        let update = (record.id.clone(), Update::New(Box::new(record)));
        self.records.push(update);
    }

    /// Takes note of a request of the device's, and of how it was answered.
    pub(super) fn asked(&mut self, row: &Row, asked: &DeviceRequest, verdict: &Verdict, now: i64) {
        self.requests.push(Asked::new(row, asked, verdict, now));
    }

    /// Moves the operation with this number in the row on to a state on the way.
    pub(super) fn advance(&mut self, row: &Row, number: u32, state: State) {
        if let Some(open) = row.open.iter().find(|open| open.number == number) {
            let update = (open.id.clone(), Update::Advance(state));
            self.records.push(update);
        }
    }

    /// Closes the operation with this number if it has an outcome.
    pub(super) fn finish(&mut self, row: &mut Row, number: u32) {
        let Some(outcome) = row.queue.get(number).and_then(|found| found.outcome()) else {
            return;
        };
        if let Some(open) = row.closed(number) {
            row.calls.times = 0;
            self.records
                .push((open.id, Update::Finish(Box::new(outcome))));
        }
    }

    /// Ends the operation with this number if it needs no session to be over: what is known of the device says
    /// that it cannot be done.
    pub(super) fn settle(&mut self, row: &mut Row, number: u32) {
        if let Some(operation) = row.queue.get_mut(number) {
            let mut tried = operation.clone();
            if matches!(tried.step(), Step::Done) {
                *operation = tried;
            }
        }
        self.finish(row, number);
    }

    /// Ends the operations whose deadline has come.
    pub(super) fn expire(&mut self, row: &mut Row, now: i64) {
        let is_due = |deadline: Option<i64>| deadline.is_some_and(|deadline| deadline <= now);
        let due = row.open.iter().filter(|open| is_due(open.deadline));
        let due: Vec<u32> = due.map(|open| open.number).collect();
        for number in due {
            row.queue.expire_one(number);
            self.finish(row, number);
        }
        // An operation that will not end at its deadline must not be asked again and again.
        for open in &mut row.open {
            if is_due(open.deadline) {
                open.deadline = None;
            }
        }
    }

    /// Takes what the queue has to tell, except for nonces, which belong to a session.
    pub(super) fn notice(&mut self, row: &mut Row, notice: &Notice, now: i64) {
        match notice {
            Notice::Opened { dev_info, .. } => {
                row.in_session = true;
                row.calls.session_id = None;
                row.calls.back_off(now);
                row.set_dev_info(dev_info);
            }
            Notice::Ended(_) => row.in_session = false,
            Notice::Sent(number) => self.advance(row, *number, State::Sent),
            Notice::Accepted(number) => self.advance(row, *number, State::Accepted),
            Notice::Finished(number) => self.finish(row, *number),
            Notice::Late { id, alert } => {
                if let Some(id) = row.id_of(*id) {
                    let late = Update::Late(Box::new(Late::new(alert, now)));
                    self.records.push((id.to_owned(), late));
                }
            }
            Notice::Unclaimed(alert) => row.heard(Unclaimed::new(alert, now)),
            Notice::Requested { asked, verdict, .. } => self.asked(row, asked, verdict, now),
            _ => {}
        }
    }
}

impl Shared {
    /// Stores a row with its updates, or nothing; then tells who waits for them.
    pub(super) async fn commit(
        &self,
        mut row: Row,
        updates: Updates,
        key: Option<Key>,
    ) -> Result<Row, StoreError> {
        let now = now();
        let mut records: Vec<Record> = Vec::new();
        let mut told = Vec::new();
        for (id, update) in updates.records {
            let at = records.iter().position(|record| record.id == id);
            let mut record = match at {
                Some(at) => records.remove(at),
                None => match (&update, self.store.record(&id).await?) {
                    (Update::New(record), _) => *record.clone(),
                    (_, Some(record)) => record,
                    // Rows and records are stored together.
                    (_, None) => return Err(self.store.damaged("an operation")),
                },
            };
            let has_changed = match update {
                Update::New(_) => true,
                Update::Advance(state) => record.advance(state, now),
                Update::Finish(outcome) => record.finish(*outcome, now),
                Update::Late(late) => {
                    record.came_late(*late);
                    false
                }
            };
            if has_changed {
                told.push((record.id.clone(), record.state().as_str()));
            }
            records.push(record);
        }
        let asked = updates.requests.iter().map(|asked| asked.line(&row.id));
        let asked: Vec<String> = asked.collect();
        let requests = self.counted(&mut row, updates.requests).await?;
        let change = Change {
            row,
            records,
            key,
            requests,
        };
        let row = self.store.commit(change).await?;
        for line in asked {
            self.log(format_args!("{line}"));
        }
        for (id, state) in told {
            self.log(format_args!("operation {id} on {:?}: {state}", row.id));
        }
        self.agenda.notify_one();
        self.commits
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(row)
    }

    /// The requests of a device as they are to be stored: one that comes again while it is worked on counts
    /// as one, as long as it is remembered.
    async fn counted(&self, row: &mut Row, asked: Vec<Asked>) -> Result<Vec<Asked>, StoreError> {
        let known = match asked.iter().any(Asked::is_repeat) {
            true => self.store.requests(&row.id, 0, usize::MAX).await?,
            false => Vec::new(),
        };
        let mut requests: Vec<Asked> = Vec::new();
        for mut request in asked {
            if request.is_repeat() {
                let mut found = requests.iter_mut().rev();
                if found.any(|first| first.came_again(&request)) {
                    continue;
                }
                let mut found = known.iter().rev().cloned();
                if let Some(first) = found.find_map(|mut first| {
                    let is_same = first.came_again(&request);
                    is_same.then_some(first)
                }) {
                    requests.push(first);
                    continue;
                }
            }
            row.requests = row.requests.saturating_add(1);
            request.number = row.requests;
            requests.push(request);
        }
        Ok(requests)
    }

    /// Writes a line to the log, if there is one. Never give it a secret. What could steer the terminal
    /// that shows it is escaped: much of it is said by devices.
    pub(super) fn log(&self, line: core::fmt::Arguments<'_>) {
        if let Some(log) = &self.hooks.log {
            log(&printable_line(&line.to_string()));
        }
    }

    /// Resolves when the server ends.
    pub(super) async fn ended(&self) {
        let mut ending = self.ending.clone();
        // If nobody can end the server any more, it has ended.
        let _ = ending.wait_for(|ending| *ending).await;
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(super) struct NoRandomness;

/// Fresh random octets.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|_| NoRandomness)?;
    Ok(octets)
}

/// A fresh nonce.
pub(super) fn nonce() -> Result<Nonce, NoRandomness> {
    random::<16>().map(Nonce::from)
}

/// A fresh identifier: 16 hexadecimal digits.
pub(super) fn identifier() -> Result<String, NoRandomness> {
    Ok(format!("{:016x}", u64::from_be_bytes(random()?)))
}

/// `milliseconds` as a time to wait; none if it has passed.
pub(super) fn wait(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
