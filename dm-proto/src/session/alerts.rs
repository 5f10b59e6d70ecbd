//! [`Alerts`]: the device's own alerts on their way to one outcome each.

use alloc::{collections::VecDeque, vec::Vec};
use core::ops::Range;

use super::{
    CommandTag, NotSent,
    link::reference,
    package::{Parcel, put_first},
};
use crate::{
    StatusCode,
    message::{Alert, Status},
};

/// Alerts that were not sent yet, and those that were and have no answer.
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(from = "Form", into = "Form"))]
pub(super) struct Alerts {
    pub(super) waiting: VecDeque<Parcel>,
    sent: Vec<Sent>,
    /// What became of some items of an alert that goes out as one alert for each of its items.
    partly: Vec<Part>,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Sent {
    msg: u32,
    cmd: u32,
    tag: CommandTag,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Part {
    tag: CommandTag,
    /// The message that the item was in; none if it was not sent.
    msg: Option<u32>,
    outcome: Outcome,
}

/// What is saved: without names, since it is empty nearly always.
#[cfg(feature = "serde")]
type Form = (VecDeque<Parcel>, Vec<Sent>, Vec<Part>);

#[cfg(feature = "serde")]
impl From<Form> for Alerts {
    fn from((waiting, sent, partly): Form) -> Self {
        Self {
            waiting,
            sent,
            partly,
        }
    }
}

#[cfg(feature = "serde")]
impl From<Alerts> for Form {
    fn from(alerts: Alerts) -> Self {
        (alerts.waiting, alerts.sent, alerts.partly)
    }
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum Outcome {
    Answered(StatusCode),
    NotSent(NotSent),
}

impl Outcome {
    /// How much it matters beside the outcomes of other items of the alert.
    fn weight(self) -> u8 {
        match self {
            Self::Answered(code) => u8::from(!code.is_success()),
            Self::NotSent(_) => 2,
        }
    }
}

impl Alerts {
    /// Queues an alert of the caller's.
    pub(super) fn queue(&mut self, alert: Alert, tag: CommandTag) {
        self.waiting.push_back(Parcel::new(alert.into(), tag));
    }

    /// Whether none waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes that an alert is in our message.
    pub(super) fn sent(&mut self, msg: u32, ids: &Range<u32>, tag: CommandTag) {
        let cmd = ids.start;
        self.sent.push(Sent { msg, cmd, tag });
    }

    /// Whether a status is for an alert that has no answer.
    pub(super) fn is_awaited(&self, status: &Status) -> bool {
        self.place(status).is_some()
    }

    fn place(&self, status: &Status) -> Option<usize> {
        let refs = reference(status.msg_ref.as_str()).zip(reference(status.cmd_ref.as_str()));
        let mut alerts = self.sent.iter();
        alerts.position(|sent| refs == Some((sent.msg, sent.cmd)))
    }

    /// Takes a status. Returns the alert that has its outcome now: all of its items were answered.
    /// `is_under_way` says of which alert an item is on its way in chunks.
    pub(super) fn answered(
        &mut self,
        status: &Status,
        is_under_way: impl Fn(CommandTag) -> bool,
    ) -> Option<(CommandTag, Outcome)> {
        let place = self.place(status)?;
        if status.data == StatusCode::IN_PROGRESS {
            return None;
        }
        let Sent { msg, tag, .. } = self.sent.remove(place);
        self.conclude(tag, Some(msg), Outcome::Answered(status.data), is_under_way)
    }

    /// An alert, or an item of one, has its outcome. Returns that of the alert, once it has one.
    pub(super) fn conclude(
        &mut self,
        tag: CommandTag,
        msg: Option<u32>,
        outcome: Outcome,
        is_under_way: impl Fn(CommandTag) -> bool,
    ) -> Option<(CommandTag, Outcome)> {
        let is_open = self.sent.iter().any(|sent| sent.tag == tag)
            || self.waiting.iter().any(|parcel| parcel.tag == Some(tag))
            || is_under_way(tag);
        if is_open {
            self.partly.push(Part { tag, msg, outcome });
            return None;
        }
        // The first of those that matter most.
        let mut worst: Option<Outcome> = None;
        let mut weigh = |outcome: Outcome| {
            if worst.is_none_or(|worst| outcome.weight() > worst.weight()) {
                worst = Some(outcome);
            }
        };
        self.partly.retain(|part| {
            let is_of_it = part.tag == tag;
            if is_of_it {
                weigh(part.outcome);
            }
            !is_of_it
        });
        weigh(outcome);
        worst.map(|worst| (tag, worst))
    }

    /// Alerts of our message `msg` go out again: what was said about them counts for nothing.
    pub(super) fn say_again(&mut self, msg: u32, alerts: Vec<Parcel>) {
        self.sent.retain(|sent| sent.msg != msg);
        self.partly.retain(|part| part.msg != Some(msg));
        put_first(&mut self.waiting, alerts);
    }
}
