//! [`Combined`]: several operations that are one request, with one outcome.

use dm_proto::message::Alert;
use serde::{Deserialize, Serialize};

use super::{Operation, Progress, Reply, Step, Summarize, Summary, SummaryState};
use crate::NodeUri;

/// Several operations that are one request, with one outcome: done one after the other, in a queue that
/// knows them as one.
///
/// The parts have correlators of their own ([`Order::part`](super::Order::part)), since each executes a
/// node of its own. If a part asks the user, its answer is for all that come after it: give the question
/// to the first.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Combined<O> {
    parts: Vec<O>,
    next: Next,
    /// The part whose commands are in flight.
    sender: Option<u16>,
    /// No part begins any more: one has ended in a way that leaves out the rest.
    stopped: bool,
}

/// When the next part of a [`Combined`] operation begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Next {
    /// Once the one before has succeeded. After anything else the rest are left out.
    #[default]
    OnceSucceeded,
    /// Once the device has taken the one before, or the one before has failed or was refused by the
    /// device: its report is not waited for. What the user declined, or did not consent to, and what was
    /// cancelled or has expired, ends the rest too.
    OnceTaken,
}

/// What came of a [`Combined`] operation: of each part, in order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CombinedOutcome<T> {
    /// The outcomes; `None` for a part that was left out, since one before it did not succeed.
    pub parts: Vec<Option<T>>,
}

impl<O: Operation> Combined<O>
where
    O::Outcome: Summarize,
{
    /// One request of these parts. Commands of one part at most are in flight at a time.
    pub fn new(next: Next, parts: impl IntoIterator<Item = O>) -> Self {
        let mut combined = Self {
            parts: parts.into_iter().collect(),
            next,
            sender: None,
            stopped: false,
        };
        // A part may be over before anything is sent: the device is known not to offer it.
        combined.settle();
        combined
    }

    /// The parts.
    pub fn parts(&self) -> &[O] {
        &self.parts
    }

    fn sender(&mut self) -> Option<&mut O> {
        self.parts.get_mut(usize::from(self.sender?))
    }

    /// Whether what has become of a part keeps the next ones from beginning: `None` if that is not known
    /// yet.
    fn stops(next: Next, part: &O) -> Option<bool> {
        let Some(outcome) = part.outcome() else {
            let is_taken = part.progress() >= Progress::Accepted;
            return (next == Next::OnceTaken && is_taken).then_some(false);
        };
        let state = outcome.summary().state;
        Some(match next {
            Next::OnceSucceeded => {
                !matches!(state, SummaryState::Succeeded | SummaryState::Accepted)
            }
            Next::OnceTaken => matches!(
                state,
                SummaryState::Declined
                    | SummaryState::Unconfirmed
                    | SummaryState::Cancelled
                    | SummaryState::Expired
            ),
        })
    }

    /// The parts that have begun or may begin now.
    fn admitted(&self) -> usize {
        let mut admitted = 0_usize;
        for part in &self.parts {
            admitted = admitted.saturating_add(1);
            if Self::stops(self.next, part) != Some(false) {
                break;
            }
        }
        admitted
    }

    /// Notes whether the rest is left out.
    fn settle(&mut self) {
        let next = self.next;
        let stops = |part| Self::stops(next, part) == Some(true);
        self.stopped |= self.parts.iter().any(stops);
    }
}

/// Whether it is on its way or over, so that its outcome counts.
fn has_begun<O: Operation>(part: &O) -> bool {
    part.progress() > Progress::Queued
}

impl<O: Operation> Operation for Combined<O>
where
    O::Outcome: Summarize,
{
    type Outcome = CombinedOutcome<O::Outcome>;

    fn step(&mut self) -> Step {
        if self.outcome().is_some() {
            return Step::Done;
        }
        if self.sender.is_some() {
            return Step::Wait;
        }
        let admitted = self.admitted();
        for (index, part) in (0_u16..).zip(self.parts.iter_mut().take(admitted)) {
            if self.stopped && !has_begun(part) {
                continue;
            }
            let step = part.step();
            if let Step::Send(_) = step {
                self.sender = Some(index);
                return step;
            }
        }
        Step::Wait
    }

    fn handle(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Alert(alert) => {
                if let Some(part) = self.parts.iter_mut().find(|part| part.claims(alert)) {
                    part.handle(reply);
                }
            }
            Reply::SessionOver => {
                self.sender = None;
                for part in &mut self.parts {
                    part.handle(reply);
                }
            }
            Reply::Answered | Reply::Unsendable { .. } => {
                if let Some(part) = self.sender() {
                    part.handle(reply);
                }
                self.sender = None;
            }
            Reply::Status { .. }
            | Reply::Results { .. }
            | Reply::NoStatus { .. }
            | Reply::NotSent { .. } => {
                if let Some(part) = self.sender() {
                    part.handle(reply);
                }
            }
        }
        self.settle();
    }

    fn claims(&self, alert: &Alert) -> bool {
        self.parts.iter().any(|part| part.claims(alert))
    }

    fn cancel(&mut self) -> bool {
        if self.has_changed() {
            return false;
        }
        let mut cancelled = false;
        for part in &mut self.parts {
            cancelled |= part.cancel();
        }
        self.settle();
        cancelled
    }

    fn expire(&mut self) {
        if self.outcome().is_none() {
            for part in &mut self.parts {
                part.expire();
            }
            self.settle();
        }
    }

    fn erases(&self) -> bool {
        self.parts.iter().any(O::erases)
    }

    fn doubt(&mut self) {
        for part in &mut self.parts {
            part.doubt();
        }
    }

    fn forget(&mut self) {
        for part in &mut self.parts {
            part.forget();
        }
        self.settle();
    }

    fn deadline(&self) -> Option<u64> {
        self.parts.iter().filter_map(O::deadline).min()
    }

    fn takes_large_objects(&self) -> bool {
        self.parts.iter().all(O::takes_large_objects)
    }

    fn progress(&self) -> Progress {
        if self.outcome().is_some() {
            Progress::Finished
        } else if self
            .parts
            .iter()
            .all(|part| part.progress() >= Progress::Accepted)
        {
            Progress::Accepted
        } else if self.parts.iter().any(has_begun) {
            Progress::Sent
        } else {
            Progress::Queued
        }
    }

    fn has_changed(&self) -> bool {
        self.parts.iter().any(O::has_changed)
    }

    fn outcome(&self) -> Option<Self::Outcome> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let outcome = part.outcome();
            if outcome.is_none() && (!self.stopped || has_begun(part)) {
                return None;
            }
            parts.push(outcome);
        }
        Some(CombinedOutcome { parts })
    }

    fn root(&self) -> Option<&NodeUri> {
        self.parts.iter().find_map(O::root)
    }

    fn instances(&self) -> &[NodeUri] {
        let instances = self.parts.iter().map(O::instances);
        instances
            .max_by_key(|roots| roots.len())
            .unwrap_or_default()
    }
}

/// The outcome of the whole: the first that is no success decides; if all are, the last. What the reports
/// say of components is said of all, and [`Summary::parts`] has each part.
impl<T: Summarize> Summarize for CombinedOutcome<T> {
    fn summary(&self) -> Summary {
        let parts: Vec<Option<Summary>> = self
            .parts
            .iter()
            .map(|part| part.as_ref().map(T::summary))
            .collect();
        let is_success = |part: &&Summary| {
            matches!(part.state, SummaryState::Succeeded | SummaryState::Accepted)
        };
        let ended = || parts.iter().flatten();
        let decisive = ended()
            .find(|part| !is_success(part))
            .or_else(|| ended().last());
        let mut whole = match decisive {
            Some(part) => Summary {
                components: Vec::new(),
                parts: Vec::new(),
                ..part.clone()
            },
            // Nothing was asked for, and nothing is missing.
            None => Summary::new(SummaryState::Succeeded),
        };
        whole.components = ended().flat_map(|part| part.components.clone()).collect();
        whole.parts = parts;
        whole
    }
}
