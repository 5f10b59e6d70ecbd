//! [`Queue`]: the operations of a device, and its session.

use dm_proto::{
    AlertCode, StatusCode,
    auth::{Nonce, Side},
    message::{Alert, Item},
    session::{CommandTag, Ending, ServerEvent, ServerSession},
};
use serde::{Deserialize, Serialize};

use super::{Operation, Progress, Reply, Step};

/// The operations of one device in their order. Serializable: it is stored with the session.
///
/// One operation sends at a time, the oldest that has something to send; one that waits for its report
/// holds up nobody. Commands that others give to the session use tags from `1 << 63` up.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Queue<O> {
    version: u64,
    entries: Vec<Entry<O>>,
    /// The operation that sent last: it goes on first, so that nothing comes between a question and
    /// what hangs on it.
    current: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Entry<O> {
    id: u32,
    operation: O,
    /// The commands in flight that have no status yet; `None` if nothing is in flight.
    open: Option<Vec<u16>>,
    accepted: bool,
    finished: bool,
}

/// What [`Queue::drive`] tells.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The device opened the session.
    Opened {
        /// 1200 or 1201: who asked for it.
        trigger: AlertCode,
        /// Its DevInfo.
        dev_info: Vec<Item>,
    },
    /// Commands of the operation go out with the next message.
    Sent(u32),
    /// The device took the operation, and will report.
    Accepted(u32),
    /// The operation has its outcome.
    Finished(u32),
    /// An alert that no operation claims; it was answered 200.
    Unclaimed(Alert),
    /// Store the nonce in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over.
    Ended(Ending),
}

impl<O: Operation> Queue<O> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            version: 0,
            entries: Vec::new(),
            current: None,
        }
    }

    /// How often the queue was stored by [`store`](Self::store): 0 for a new one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Stores the queue if nobody else has since it was read; whether it did. If not, read it anew and do
    /// everything again on that, and send nothing of what was done on this one: of two processes that
    /// hold the same queue, one sends.
    ///
    /// `swap` is given the version that is replaced and the queue in its next one. It stores that, with
    /// the session and its answer if there is one, in one step with the comparison, and says whether the
    /// stored version was the one replaced; where nothing is stored, that is 0.
    ///
    /// # Errors
    ///
    /// What `swap` says. Whether the queue was stored is not known then: read it anew.
    pub fn store<E>(
        &mut self,
        swap: impl FnOnce(u64, &Self) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let replaced = self.version;
        self.version = replaced.saturating_add(1);
        let stored = swap(replaced, self);
        if !matches!(stored, Ok(true)) {
            self.version = replaced;
        }
        stored
    }

    /// Adds an operation at the end. `id` is the caller's own name for it, used once.
    pub fn push(&mut self, id: u32, operation: O) {
        self.entries.push(Entry {
            id,
            operation,
            open: None,
            accepted: false,
            finished: false,
        });
    }

    /// An operation.
    pub fn get(&self, id: u32) -> Option<&O> {
        self.iter()
            .find(|(i, _)| *i == id)
            .map(|(_, operation)| operation)
    }

    /// An operation, to cancel or expire it.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut O> {
        self.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .map(|entry| &mut entry.operation)
    }

    /// The operations with their ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &O)> {
        self.entries
            .iter()
            .map(|entry| (entry.id, &entry.operation))
    }

    /// Whether an operation has something to send, so that the device should be notified.
    pub fn wants_session(&self) -> bool {
        self.entries.iter().any(|entry| {
            entry.open.is_none() && matches!(entry.operation.clone().step(), Step::Send(_))
        })
    }

    /// Removes an operation. While it is in the queue, late copies of its report are known for what
    /// they are; keep it as long as they may come.
    pub fn remove(&mut self, id: u32) -> Option<O> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(index).operation)
    }

    /// Cancels an operation if nothing of it was sent that changes the device; whether it did. `false` for
    /// one that is not there.
    pub fn cancel(&mut self, id: u32) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        entry.is_some_and(|entry| {
            let cancelled = entry.operation.cancel();
            entry.finished |= cancelled;
            cancelled
        })
    }

    /// Ends the operations whose deadline is `now` or earlier, by the caller's clock: as unknown if the
    /// Exec may have arrived, else as expired. Says which, each once.
    pub fn expire(&mut self, now: u64) -> Vec<u32> {
        let mut expired = Vec::new();
        for entry in &mut self.entries {
            let is_due = entry.operation.deadline().is_some_and(|due| due <= now);
            if is_due && !entry.finished {
                entry.operation.expire();
                entry.finished = true;
                expired.push(entry.id);
            }
        }
        expired
    }

    /// The first deadline of an operation that is not over.
    pub fn next_deadline(&self) -> Option<u64> {
        let open = self.entries.iter().filter(|entry| !entry.finished);
        open.filter_map(|entry| entry.operation.deadline()).min()
    }

    /// Says that the session is lost: the device has not been heard of for too long. What was in flight
    /// will be sent again. A new session says so by itself.
    pub fn session_lost(&mut self) {
        self.current = None;
        for entry in &mut self.entries {
            entry.open = None;
            entry.operation.handle(Reply::SessionOver);
        }
    }

    /// Drains the session's events into the operations, and gives the session the next commands:
    /// those of the first operation that has any. Call after `ServerSession::handle` and before
    /// `poll_transmit`, and once more after it, since the message may have ended the session; store
    /// session and queue before the answer leaves.
    pub fn drive(&mut self, session: &mut ServerSession) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut ready = false;
        while let Some(event) = session.poll_event() {
            match event {
                ServerEvent::Opened {
                    trigger, dev_info, ..
                } => {
                    // Whatever was in flight in an earlier session is not any more.
                    self.session_lost();
                    notices.push(Notice::Opened { trigger, dev_info });
                }
                ServerEvent::Status {
                    tag,
                    part,
                    target_ref,
                    status,
                    items,
                    ..
                } => {
                    let reply = |command| Reply::Status {
                        command,
                        part,
                        target_ref: target_ref.as_ref(),
                        status,
                        items: &items,
                    };
                    let last = status != StatusCode::IN_PROGRESS && part == 0;
                    self.reply(tag, last, reply);
                }
                ServerEvent::Results { tag, part, items } => {
                    self.reply(tag, false, |command| Reply::Results {
                        command,
                        part,
                        items: &items,
                    });
                }
                ServerEvent::NoStatus { tag, part } => {
                    self.reply(tag, part == 0, |command| Reply::NoStatus { command, part });
                }
                ServerEvent::NotSent { tag, reason } => {
                    self.reply(tag, true, |command| Reply::NotSent { command, reason });
                }
                ServerEvent::Alert(ticket, alert) => {
                    match self.claimant(&alert) {
                        Some(entry) if entry.finished => {}
                        Some(entry) => entry.operation.handle(Reply::Alert(&alert)),
                        None => notices.push(Notice::Unclaimed(alert)),
                    }
                    session.answer(ticket, StatusCode::OK);
                }
                ServerEvent::Ready => {
                    self.answered();
                    ready = true;
                }
                ServerEvent::NonceChanged { side, nonce } => {
                    notices.push(Notice::NonceChanged { side, nonce });
                }
                ServerEvent::Ended(ending) => {
                    self.session_lost();
                    ready = false;
                    notices.push(Notice::Ended(ending));
                }
                // An event that is not known here needs no answer of operations.
                _ => {}
            }
        }
        if ready && let Some(id) = self.send(session) {
            notices.push(Notice::Sent(id));
        }
        for entry in &mut self.entries {
            match entry.operation.progress() {
                Progress::Accepted if !entry.accepted => {
                    entry.accepted = true;
                    notices.push(Notice::Accepted(entry.id));
                }
                Progress::Finished if !entry.finished => {
                    entry.finished = true;
                    notices.push(Notice::Finished(entry.id));
                }
                _ => {}
            }
        }
        notices
    }

    fn reply<'a>(&mut self, tag: CommandTag, last: bool, reply: impl FnOnce(u16) -> Reply<'a>) {
        let Some((id, command)) = untagged(tag) else {
            return;
        };
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else {
            return;
        };
        // An answer to what is not in flight: of a session that was given up.
        let Some(open) = &mut entry.open else { return };
        if last {
            open.retain(|c| *c != command);
        }
        entry.operation.handle(reply(command));
    }

    fn claimant(&mut self, alert: &Alert) -> Option<&mut Entry<O>> {
        self.entries
            .iter_mut()
            .find(|entry| entry.operation.claims(alert))
    }

    fn answered(&mut self) {
        for entry in &mut self.entries {
            if entry.open.as_ref().is_some_and(Vec::is_empty) {
                entry.open = None;
                entry.operation.handle(Reply::Answered);
            }
        }
    }

    fn send(&mut self, session: &mut ServerSession) -> Option<u32> {
        // Commands wait for their answers over there, or to be sent again after a challenge.
        if self.entries.iter().any(|entry| entry.open.is_some()) {
            return None;
        }
        let current = self.current.take();
        let (first, rest): (Vec<_>, Vec<_>) = self
            .entries
            .iter_mut()
            .partition(|entry| Some(entry.id) == current);
        for entry in first.into_iter().chain(rest) {
            if let Step::Send(commands) = entry.operation.step() {
                let mut open = Vec::with_capacity(commands.len());
                for (index, command) in (0_u16..).zip(commands) {
                    session.send(command, tag(entry.id, index));
                    open.push(index);
                }
                entry.open = Some(open);
                self.current = Some(entry.id);
                return self.current;
            }
        }
        None
    }
}

impl<O: Operation> Default for Queue<O> {
    fn default() -> Self {
        Self::new()
    }
}

fn tag(id: u32, command: u16) -> CommandTag {
    CommandTag((u64::from(id) << 16) | u64::from(command))
}

fn untagged(tag: CommandTag) -> Option<(u32, u16)> {
    let id = u32::try_from(tag.0 >> 16).ok()?;
    let command = u16::try_from(tag.0 & 0xFFFF).ok()?;
    Some((id, command))
}

#[cfg(test)]
mod tests {
    use dm_proto::{
        Text,
        auth::{Account, Credentials},
        codec::Encoding,
        message::Meta,
        session::Trigger,
        testing::Fault,
    };

    use super::*;
    use crate::{
        NodeUri,
        object::ManagementObject,
        remote::command,
        std_objects::{DevInfo, DmAcc},
        testing::{Bench, Disk},
    };

    /// Reads DevInfo a number of times, then waits for an alert with its name.
    #[derive(Clone, Debug, Deserialize, Serialize)]
    struct Toy {
        name: Text,
        /// How often it has nothing to send at first.
        idle: u32,
        /// How often it sends.
        sends: u32,
        heard: Vec<Text>,
    }

    impl Toy {
        fn new(name: &str, idle: u32, sends: u32) -> Self {
            Self {
                name: name.into(),
                idle,
                sends,
                heard: Vec::new(),
            }
        }
    }

    impl Operation for Toy {
        type Outcome = Vec<Text>;

        fn step(&mut self) -> Step {
            if self.idle > 0 {
                self.idle -= 1;
                return Step::Wait;
            }
            if self.sends == 0 {
                return Step::Wait;
            }
            self.sends -= 1;
            let uri = NodeUri::parse("./DevInfo/Man").expect("a uri");
            Step::Send(vec![command::get(&uri, ""), command::get(&uri, "")])
        }

        fn handle(&mut self, reply: Reply<'_>) {
            self.heard.push(match reply {
                Reply::Status {
                    command, status, ..
                } => format!("{command}: {status}").into(),
                Reply::Results { command, items, .. } => {
                    format!("{command}: {} items", items.len()).into()
                }
                Reply::NoStatus { command, .. } => format!("{command}: none").into(),
                Reply::NotSent { command, reason } => format!("{command}: {reason:?}").into(),
                Reply::Answered => "answered".into(),
                Reply::Alert(_) => "alert".into(),
                Reply::SessionOver => "over".into(),
            });
        }

        fn claims(&self, alert: &Alert) -> bool {
            alert.items.iter().any(|item| {
                let type_ = item.meta.as_ref().and_then(|meta| meta.type_.as_ref());
                type_ == Some(&self.name)
            })
        }

        fn cancel(&mut self) -> bool {
            false
        }

        fn expire(&mut self) {}

        fn progress(&self) -> Progress {
            if self.outcome().is_some() {
                Progress::Finished
            } else {
                Progress::Queued
            }
        }

        fn outcome(&self) -> Option<Vec<Text>> {
            self.heard
                .contains(&Text::from("alert"))
                .then(|| self.heard.clone())
        }
    }

    fn bench() -> Bench<Toy> {
        let account = Account {
            server_id: "srv".into(),
            server_uri: "http://localhost/dm".into(),
            device_uri: "urn:device".into(),
            client: Credentials::transport(),
            server: Credentials::transport(),
        };
        let provisioned = account.clone();
        let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
            let uri = |text| NodeUri::parse(text).expect("a uri");
            vec![
                (
                    uri(DevInfo::ROOT),
                    Box::new(DevInfo::new("urn:device", "Maker", "Model")),
                ),
                (
                    uri(DmAcc::ROOT),
                    Box::new(DmAcc::new(vec![provisioned.clone()])),
                ),
            ]
        };
        Bench::new(Disk::default(), account, Box::new(objects), Encoding::Wbxml).expect("a device")
    }

    fn alert(name: &str, data: &str) -> Alert {
        Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            items: vec![
                Item::for_source("./DevInfo")
                    .with_meta(Meta::of_type(name).with_format("chr"))
                    .with_data(data),
            ],
            ..Alert::default()
        }
    }

    fn notices(bench: &mut Bench<Toy>) -> Vec<Notice> {
        let mut notices = core::mem::take(&mut bench.notices);
        notices.retain(|notice| {
            matches!(
                notice,
                Notice::Sent(_) | Notice::Finished(_) | Notice::Unclaimed(_)
            )
        });
        notices
    }

    #[test]
    fn one_operation_sends_at_a_time_and_goes_on_before_others() {
        let mut bench = bench();
        for (id, toy) in [
            (1, Toy::new("a", 1, 2)),
            (2, Toy::new("b", 0, 3)),
            (3, Toy::new("c", 0, 1)),
        ] {
            bench.push(id, toy).expect("pushed");
        }
        bench.run_session(Trigger::Server).expect("a session");
        let sent = [2, 2, 2, 1, 1, 3].map(Notice::Sent);
        assert_eq!(notices(&mut bench), sent);
    }

    #[test]
    fn an_operation_hears_of_all_its_commands_and_then_that_they_are_answered() {
        let mut bench = bench();
        bench.push(7, Toy::new("a", 0, 1)).expect("pushed");
        bench.run_session(Trigger::Server).expect("a session");
        let heard = bench
            .queue(|queue| queue.get(7).map(|toy| toy.heard.clone()))
            .expect("a queue")
            .expect("it is there");
        let (answers, rest) = heard.split_at(5);
        let mut answers = answers.to_vec();
        answers.sort();
        assert_eq!(
            answers,
            ["0: 1 items", "0: 200", "1: 1 items", "1: 200", "over"]
        );
        assert_eq!(rest, ["answered", "over"]);
    }

    #[test]
    fn a_report_is_heard_once_and_its_copies_are_known() {
        let mut bench = bench();
        bench.push(1, Toy::new("a", 0, 0)).expect("pushed");
        for _ in 0..3 {
            let agent = bench.agent().expect("an agent");
            agent.raise("srv", alert("a", "done"), 1).expect("raised");
            bench.run_session(Trigger::Client).expect("a session");
        }
        assert_eq!(notices(&mut bench), [Notice::Finished(1)]);
        let heard = bench.outcome(1).expect("a queue").expect("an outcome");
        assert_eq!(heard.iter().filter(|what| **what == "alert").count(), 1);
        // Once the operation is gone, nobody knows what they were.
        bench.queue(|queue| queue.remove(1)).expect("a queue");
        let agent = bench.agent().expect("an agent");
        agent.raise("srv", alert("a", "done"), 1).expect("raised");
        bench.run_session(Trigger::Client).expect("a session");
        assert_eq!(
            notices(&mut bench)
                .iter()
                .filter(|notice| matches!(notice, Notice::Unclaimed(_)))
                .count(),
            1
        );
        let due = bench.agent().expect("an agent").report_due();
        assert_eq!(due.expect("storage"), None, "each was answered");
    }

    #[test]
    fn what_was_in_flight_is_over_when_the_device_opens_another_session() {
        let mut bench = bench();
        bench
            .configure(|config| config.retries = 0)
            .expect("a device");
        bench.push(1, Toy::new("a", 0, 2)).expect("pushed");
        // The answer to the first commands does not arrive.
        bench.fault(2, Fault::LoseRequest);
        bench.run_session(Trigger::Server).expect("a session");
        assert_eq!(notices(&mut bench), [Notice::Sent(1)]);
        let wants = bench.queue(|queue| queue.wants_session());
        assert!(!wants.expect("a queue"), "it waits for an answer");
        bench.run_session(Trigger::Client).expect("a session");
        assert_eq!(notices(&mut bench), [Notice::Sent(1)]);
        let heard = bench
            .queue(|queue| queue.get(1).map(|toy| toy.heard.clone()))
            .expect("a queue");
        let overs = heard
            .iter()
            .flatten()
            .filter(|what| **what == "over")
            .count();
        assert_eq!(
            overs, 3,
            "at the start of each session, and at the end: {heard:?}"
        );
    }

    #[test]
    fn a_tag_names_operation_and_command() {
        for (id, command) in [(0, 0), (1, 2), (u32::MAX, u16::MAX)] {
            assert_eq!(untagged(tag(id, command)), Some((id, command)));
        }
        assert_eq!(untagged(CommandTag(1 << 63)), None);
    }
}
