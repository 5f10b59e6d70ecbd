//! Where it is decided on what this server is asked for: [`DeviceDesk`] for devices, [`FrontDesk`] for the
//! management infrastructure. [`Asked`] is what is remembered of a device's request.
//!
//! What is granted to a device, what is remembered of its request, and the answer to it are stored in one
//! transaction, before a byte of the answer leaves: a device that hears nothing sends its message again,
//! and is either decided on for the first time or given the answer that was stored.

use dm_proto::StatusCode;
use dm_tree::remote::{
    Actor, Decision, Desk, DeviceRequest, Refusal, Request, RequestTypes, Understood, Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    device::{Device, Row, after, head},
    operation::{AnyOperation, time},
    policy::Policy,
    request::OperationRequest,
    shared::{NoRandomness, identifier},
};

/// Decides on what the infrastructure asks for.
#[derive(Debug)]
pub(super) struct FrontDesk<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a OperationRequest,
}

impl Desk<AnyOperation> for FrontDesk<'_> {
    fn decide(&mut self, request: &Request<'_, AnyOperation>) -> Decision {
        match self.policy.refuses(self.request) {
            Some(refusal) => Decision::Refused(refusal),
            // What devices get does not matter here.
            None => self.policy.rules_for(Decision::Now).decide(request),
        }
    }
}

/// Decides on what a device asks for, and makes operations of it.
#[derive(Debug)]
pub(super) struct DeviceDesk<'a> {
    policy: &'a Policy,
    id: &'a str,
    device: &'a Device,
    next_number: u32,
    made: Vec<Made>,
    /// What the operator should hear of.
    pub(super) notes: Vec<String>,
    /// Why nothing can be decided: all that was is to be forgotten.
    pub(super) fault: Option<NoRandomness>,
}

/// An operation that was made of a device's request; it is in the queue only if it was granted.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) number: u32,
    pub(super) id: String,
    pub(super) request: OperationRequest,
    pub(super) deadline: Option<i64>,
    pub(super) behalf: Actor,
    decision: Decision,
}

impl<'a> DeviceDesk<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        id: &'a str,
        device: &'a Device,
        next_number: u32,
    ) -> Self {
        Self {
            policy,
            id,
            device,
            next_number,
            made: Vec::new(),
            notes: Vec::new(),
            fault: None,
        }
    }

    /// What was made, and the number of what is made next.
    pub(super) fn into_made(self) -> (Vec<Made>, u32) {
        (self.made, self.next_number)
    }

    /// Makes the operation of a rule.
    fn make(
        &mut self,
        request: &OperationRequest,
        behalf: Actor,
        decision: Decision,
    ) -> Option<(u32, AnyOperation)> {
        let id = match identifier() {
            Ok(id) => id,
            Err(fault) => {
                self.fault = Some(fault);
                return None;
            }
        };
        let built = request.build(self.device, &id);
        match built.and_then(|operation| Ok((operation, request.deadline()?))) {
            Ok((operation, deadline)) => {
                let number = self.next_number;
                self.next_number = after(number);
                self.made.push(Made {
                    number,
                    id,
                    request: request.clone(),
                    deadline,
                    behalf,
                    decision,
                });
                Some((number, operation))
            }
            Err(error) => {
                let note = format!(
                    "the policy grants {:?} what makes no sense: {error}",
                    self.id
                );
                self.notes.push(note);
                None
            }
        }
    }
}

impl Desk<AnyOperation> for DeviceDesk<'_> {
    fn request_types(&self) -> RequestTypes {
        self.policy.request_types()
    }

    fn understand(&mut self, asked: &DeviceRequest) -> Understood<AnyOperation> {
        let policy = self.policy;
        let rules = policy.rules_of(self.id, asked);
        if rules.is_empty() && asked.type_.is_none() {
            return Understood::NotARequest;
        }
        let mut operations = Vec::new();
        let mut refusal = Refusal::NotEntitled;
        for rule in rules {
            if let Some(request) = &rule.operation {
                let made = self.make(request, asked.behalf, rule.answer.decision());
                if made.is_none() {
                    refusal = Refusal::Unsupported;
                }
                operations.extend(made);
            }
        }
        if operations.is_empty() {
            Understood::Refused(refusal)
        } else {
            Understood::Operations(operations)
        }
    }

    fn decide(&mut self, request: &Request<'_, AnyOperation>) -> Decision {
        let made = self.made.iter().find(|made| made.number == request.id);
        let refused = Decision::Refused(Refusal::NotEntitled);
        let decision = made.map_or(refused, |made| made.decision);
        self.policy.rules_for(decision).decide(request)
    }
}

/// A request of a device's, and how it was answered, as the operator sees it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Asked {
    /// Counts the requests of the device, from 1; 0 for one that is not counted yet.
    pub(super) number: u64,
    /// Milliseconds since 1970.
    at: i64,
    /// How often it was asked for, and when the last time: what comes again while it is worked on is no
    /// other request.
    times: u32,
    last: i64,
    behalf: Actor,
    /// `None` for a session.
    alert_type: Option<String>,
    correlator: Option<String>,
    subjects: Vec<AskedSubject>,
    answer: AskedAnswer,
    refusal: Option<Refusal>,
    /// `None` for a session, which is answered anyway.
    status: Option<StatusCode>,
    /// The operations that do it.
    operations: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct AskedSubject {
    alert_type: Option<String>,
    source: Option<String>,
    data: Option<String>,
}

/// What a device was told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum AskedAnswer {
    Granted,
    Later,
    Refused,
    Again,
}

impl AskedAnswer {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Again(_) => Self::Again,
            _ if verdict.refusal().is_some() => Self::Refused,
            Verdict::Decided(decisions)
                if !decisions.is_empty()
                    && decisions
                        .iter()
                        .all(|(_, decision)| *decision != Decision::Now) =>
            {
                Self::Later
            }
            Verdict::Decided(_) | Verdict::Refused(_) => Self::Granted,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Later => "later",
            Self::Refused => "refused",
            Self::Again => "again",
        }
    }
}

impl Asked {
    /// Of a row that knows the operations that were made of it.
    pub(super) fn new(row: &Row, asked: &DeviceRequest, verdict: &Verdict, now: i64) -> Self {
        let numbers: Vec<u32> = match verdict {
            Verdict::Decided(decisions) => decisions.iter().map(|(number, _)| *number).collect(),
            Verdict::Again(numbers) => numbers.clone(),
            Verdict::Refused(_) => Vec::new(),
        };
        let subjects = asked.subjects.iter().take(SUBJECTS);
        Self {
            number: 0,
            at: now,
            times: 1,
            last: now,
            behalf: asked.behalf,
            alert_type: asked.type_.as_deref().map(head),
            correlator: asked
                .correlator
                .as_ref()
                .map(|correlator| head(correlator.as_str())),
            subjects: subjects
                .map(|subject| AskedSubject {
                    alert_type: subject.type_.as_deref().map(head),
                    source: subject.source.as_deref().map(head),
                    data: subject.data.as_deref().map(head),
                })
                .collect(),
            answer: AskedAnswer::of(verdict),
            refusal: verdict.refusal(),
            status: asked.type_.is_some().then(|| verdict.status_code()),
            operations: numbers
                .into_iter()
                .filter_map(|number| row.id_of(number).map(str::to_owned))
                .collect(),
        }
    }

    /// Whether it asks for what is being worked on.
    pub(super) fn is_repeat(&self) -> bool {
        self.answer == AskedAnswer::Again
    }

    /// Takes note of a repeat of it, if it is one: some of the same operations do it.
    pub(super) fn came_again(&mut self, repeat: &Self) -> bool {
        let mut operations = repeat.operations.iter();
        let is_same = operations.any(|operation| self.operations.contains(operation));
        if is_same {
            self.times = self.times.saturating_add(1);
            self.last = repeat.last;
        }
        is_same
    }

    /// The line of the log.
    pub(super) fn line(&self, device: &str) -> String {
        let what = match &self.alert_type {
            Some(type_) => format!("by an alert of type {type_:?}"),
            None => "by opening a session".to_owned(),
        };
        let mut line = format!("{device:?} asks {what}: {}", self.answer.as_str());
        if let Some(status) = self.status {
            line.push_str(&format!(" ({status})"));
        }
        if let Some(refusal) = &self.refusal {
            line.push_str(&format!(", {refusal}"));
        }
        if !self.operations.is_empty() {
            line.push_str(&format!(", operation {}", self.operations.join(", ")));
        }
        line
    }

    /// The request as the REST API shows it.
    pub(super) fn view(&self) -> Value {
        let subjects = self.subjects.iter().map(|subject| {
            json!({"type": subject.alert_type, "source": subject.source, "data": subject.data})
        });
        json!({
            "number": self.number,
            "at": time(self.at),
            "times": self.times,
            "last": time(self.last),
            "by": if self.alert_type.is_some() { "alert" } else { "session" },
            "behalf": self.behalf.as_str(),
            "type": self.alert_type,
            "correlator": self.correlator,
            "items": subjects.collect::<Vec<_>>(),
            "answer": self.answer.as_str(),
            "status": self.status.map(StatusCode::as_u16),
            "reason": self.refusal.map(|refusal| refusal.to_string()),
            "operations": self.operations,
        })
    }
}

/// How many items of a request are remembered.
const SUBJECTS: usize = 16;
