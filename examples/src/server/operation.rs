//! Operations on their way: what runs on the device, and the record that tells what became of it.

use dm_proto::message::Alert;
use dm_tree::remote::{Actor, Operation, Progress, Reply, Step, SummaryState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{device::head, outcome::Outcome, request::OperationRequest};

/// An operation of either object, for one queue per device.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum AnyOperation {
    Lawmo(Box<lawmo::server::AnyOperation>),
    Scomo(Box<scomo::server::AnyOperation>),
}

impl Operation for AnyOperation {
    type Outcome = Outcome;

    fn step(&mut self) -> Step {
        match self {
            Self::Lawmo(operation) => operation.step(),
            Self::Scomo(operation) => operation.step(),
        }
    }

    fn handle(&mut self, reply: Reply<'_>) {
        match self {
            Self::Lawmo(operation) => operation.handle(reply),
            Self::Scomo(operation) => operation.handle(reply),
        }
    }

    fn takes_large_objects(&self) -> bool {
        match self {
            Self::Lawmo(operation) => operation.takes_large_objects(),
            Self::Scomo(operation) => operation.takes_large_objects(),
        }
    }

    fn progress(&self) -> Progress {
        match self {
            Self::Lawmo(operation) => operation.progress(),
            Self::Scomo(operation) => operation.progress(),
        }
    }

    fn claims(&self, alert: &Alert) -> bool {
        match self {
            Self::Lawmo(operation) => operation.claims(alert),
            Self::Scomo(operation) => operation.claims(alert),
        }
    }

    fn cancel(&mut self) -> bool {
        match self {
            Self::Lawmo(operation) => operation.cancel(),
            Self::Scomo(operation) => operation.cancel(),
        }
    }

    fn expire(&mut self) {
        match self {
            Self::Lawmo(operation) => operation.expire(),
            Self::Scomo(operation) => operation.expire(),
        }
    }

    fn erases(&self) -> bool {
        match self {
            Self::Lawmo(operation) => operation.erases(),
            Self::Scomo(operation) => operation.erases(),
        }
    }

    fn doubt(&mut self) {
        match self {
            Self::Lawmo(operation) => operation.doubt(),
            Self::Scomo(operation) => operation.doubt(),
        }
    }

    fn forget(&mut self) {
        match self {
            Self::Lawmo(operation) => operation.forget(),
            Self::Scomo(operation) => operation.forget(),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Lawmo(operation) => operation.outcome().map(Outcome::from),
            Self::Scomo(operation) => operation.outcome().map(Outcome::from),
        }
    }
}

/// Where an operation is, as the REST API names it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum State {
    Queued,
    Notified,
    Sent,
    /// The device has taken the command and will report.
    Accepted,
    /// As the outcome says.
    Final(SummaryState),
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Notified => "notified",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Final(state) => state.as_str(),
        }
    }

    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Final(_))
    }
}

/// A change of state: what the event stream tells.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) state: State,
    pub(super) outcome: Option<Outcome>,
}

/// What is known of an operation, also once it is over.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) device: String,
    /// Its name in the device's queue.
    pub(super) number: u32,
    /// The request as JSON text: the stored form of a record has no room for absent members.
    request: String,
    pub(super) deadline: Option<i64>,
    /// Who has asked this server, and on whose behalf.
    by: Actor,
    behalf: Actor,
    /// Alerts of the device's that came behind the outcome.
    late: Vec<Late>,
    /// Every change of state, the first when it was queued. Never empty.
    first: Event,
    later: Vec<Event>,
}

impl Record {
    pub(super) fn new(
        id: String,
        device: &str,
        number: u32,
        request: &OperationRequest,
        deadline: Option<i64>,
        now: i64,
    ) -> Self {
        Self {
            id,
            by: Actor::Infrastructure,
            behalf: request.behalf(),
            late: Vec::new(),
            device: device.to_owned(),
            number,
            request: json!(request).to_string(),
            deadline,
            first: Event {
                at: now,
                state: State::Queued,
                outcome: None,
            },
            later: Vec::new(),
        }
    }

    /// The same, of an operation that the device has asked for.
    pub(super) fn asked_by_device(self, behalf: Actor) -> Self {
        Self {
            by: Actor::Device,
            behalf,
            ..self
        }
    }

    /// Takes note of an alert that came behind the outcome.
    pub(super) fn came_late(&mut self, late: Late) {
        let is_known = self.late.iter_mut().any(|known| known.folds(&late));
        if !is_known && self.late.len() < LATE {
            self.late.push(late);
        }
    }

    pub(super) fn state(&self) -> State {
        self.last().state
    }

    /// The last change of state.
    pub(super) fn last(&self) -> &Event {
        self.later.last().unwrap_or(&self.first)
    }

    /// Every change of state with its number, from 1.
    pub(super) fn events(&self) -> impl Iterator<Item = (u64, &Event)> {
        (1..).zip(core::iter::once(&self.first).chain(&self.later))
    }

    /// Moves on to a state on the way; never back, and never out of a final state.
    pub(super) fn advance(&mut self, state: State, now: i64) -> bool {
        if self.state().is_final() || rank(state) <= rank(self.state()) {
            return false;
        }
        self.later.push(Event {
            at: now,
            state,
            outcome: None,
        });
        true
    }

    /// Ends it. An outcome comes exactly once; a second one is not taken.
    pub(super) fn finish(&mut self, outcome: Outcome, now: i64) -> bool {
        if self.state().is_final() {
            return false;
        }
        self.later.push(Event {
            at: now,
            state: State::Final(outcome.state),
            outcome: Some(outcome),
        });
        true
    }

    /// The operation as the REST API shows it, at one of its events.
    pub(super) fn view(&self, event: &Event) -> Value {
        let request = serde_json::from_str::<Value>(&self.request).unwrap_or_default();
        let mut view = json!({
            "id": self.id,
            "device": self.device,
            "by": self.by.as_str(),
            "behalf": self.behalf.as_str(),
            "request": request,
            "state": event.state.as_str(),
            "final": event.state.is_final(),
            "created": time(self.first.at),
            "updated": time(event.at),
        });
        if let (Some(object), Some(outcome)) = (view.as_object_mut(), &event.outcome) {
            outcome.show(object);
            if !self.late.is_empty() {
                let late: Vec<Value> = self.late.iter().map(Late::view).collect();
                object.insert("late".into(), late.into());
            }
        }
        view
    }
}

/// An alert of the device's that came behind the outcome: a copy of its report, or more of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Late {
    /// Milliseconds since 1970, of the last time that it came.
    at: i64,
    /// How often it came.
    times: u32,
    items: Vec<LateItem>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct LateItem {
    alert_type: Option<String>,
    source: Option<String>,
    data: Option<String>,
}

impl Late {
    pub(super) fn new(alert: &Alert, now: i64) -> Self {
        let items = alert.items.iter().take(LATE_ITEMS).map(|item| LateItem {
            alert_type: item
                .meta
                .as_ref()
                .and_then(|meta| meta.type_.as_deref())
                .map(head),
            source: item.source_uri().map(|uri| head(uri.as_str())),
            data: item
                .data
                .as_ref()
                .and_then(|data| core::str::from_utf8(data.as_bytes()?).ok())
                .map(head),
        });
        Self {
            at: now,
            times: 1,
            items: items.collect(),
        }
    }

    /// Takes another one for a copy of this one, if it is.
    pub(super) fn folds(&mut self, other: &Self) -> bool {
        let is_copy = self.items == other.items;
        if is_copy {
            self.times = self.times.saturating_add(1);
            self.at = other.at;
        }
        is_copy
    }

    pub(super) fn view(&self) -> Value {
        let items = self
            .items
            .iter()
            .map(|item| json!({"type": item.alert_type, "source": item.source, "data": item.data}));
        json!({"at": time(self.at), "times": self.times, "items": items.collect::<Vec<_>>()})
    }
}

/// How many late alerts of an operation are remembered, and how many items of each.
const LATE: usize = 8;
const LATE_ITEMS: usize = 16;

fn rank(state: State) -> u8 {
    match state {
        State::Queued => 0,
        State::Notified => 1,
        State::Sent => 2,
        State::Accepted => 3,
        State::Final(_) => 4,
    }
}

/// A time as RFC 3339 writes it.
pub(super) fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use dm_proto::StatusCode;
    use dm_tree::remote::{ComponentResult, Summary};

    use super::*;

    fn record() -> Record {
        let request = OperationRequest::lawmo(crate::server::LawmoVerb::Unlock);
        Record::new("1".into(), "phone", 1, &request, None, 0)
    }

    fn states(record: &Record) -> Vec<(u64, &'static str)> {
        record
            .events()
            .map(|(number, event)| (number, event.state.as_str()))
            .collect()
    }

    #[test]
    fn a_record_goes_on_and_never_back() {
        let mut record = record();
        for state in [State::Sent, State::Notified, State::Sent, State::Accepted] {
            record.advance(state, 1);
        }
        let expected = [(1, "queued"), (2, "sent"), (3, "accepted")];
        assert_eq!(states(&record), expected);
    }

    #[test]
    fn an_outcome_comes_once() {
        let mut record = record();
        record.finish(Summary::new(SummaryState::Succeeded).into(), 1);
        record.finish(Summary::new(SummaryState::Failed).into(), 2);
        record.advance(State::Accepted, 3);
        assert_eq!(states(&record), [(1, "queued"), (2, "succeeded")]);
    }

    #[test]
    fn a_view_has_codes_and_components_where_there_are_some() {
        let mut record = record();
        assert_eq!(
            record.view(record.last()),
            json!({
                "id": "1",
                "device": "phone",
                "by": "infrastructure",
                "behalf": "infrastructure",
                "request": {"lawmo": "unlock"},
                "state": "queued",
                "final": false,
                "created": "1970-01-01T00:00:00Z",
                "updated": "1970-01-01T00:00:00Z",
            })
        );
        let component = ComponentResult::new(None, Some("c1".into()), StatusCode::new(1407));
        let summary = Summary::new(SummaryState::Failed)
            .with_status(StatusCode::ACCEPTED)
            .with_result(StatusCode::new(1407))
            .with_components(vec![component]);
        record.finish(summary.into(), 1_500);
        let view = record.view(record.last());
        assert_eq!(view["updated"], "1970-01-01T00:00:01.5Z");
        assert_eq!(view["status"], 202);
        let components = json!([{"uri": null, "id": "c1", "code": 1407}]);
        assert_eq!(
            view["result"],
            json!({"code": 1407, "components": components})
        );
    }
}
