//! [`Outcome`]: what became of an operation, as it is stored and shown.

use dm_proto::StatusCode;
use dm_tree::remote::{ComponentResult, Ended, Summary, SummaryState, Unmet};
use lawmo::server::{AnyOutcome as Lawmo, LockOutcome, ResetOutcome, VendorOutcome, WipeOutcome};
use scomo::server::{AnyOutcome as Scomo, Outcome as InvokeOutcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What became of an operation, of either object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Outcome {
    pub(super) state: SummaryState,
    pub(super) status: Option<StatusCode>,
    pub(super) result: Option<StatusCode>,
    pub(super) components: Vec<ComponentResult>,
    /// Why there is no result of the device's, by its name in the REST API.
    pub(super) reason: Option<String>,
    /// What was read, as JSON text: the stored form has no room for absent members.
    pub(super) contents: Option<String>,
    /// Of a combined operation, each part; `None` for one that was left out.
    pub(super) parts: Vec<Option<Self>>,
}

impl From<Summary> for Outcome {
    fn from(summary: Summary) -> Self {
        let parts = summary.parts.into_iter();
        Self {
            state: summary.state,
            status: summary.status,
            result: summary.result,
            components: summary.components,
            reason: None,
            contents: None,
            parts: parts.map(|part| part.map(Self::from)).collect(),
        }
    }
}

impl From<Lawmo> for Outcome {
    fn from(outcome: Lawmo) -> Self {
        let plain = Self::from(outcome.summary());
        match outcome {
            Lawmo::Lock(LockOutcome::Ended(ended))
            | Lawmo::Wipe(WipeOutcome::Ended(ended))
            | Lawmo::FactoryReset(ResetOutcome::Ended(ended))
            | Lawmo::Vendor(VendorOutcome::Ended(ended)) => plain.because(ended),
            Lawmo::Wipe(WipeOutcome::UnknownItems(items)) => {
                let items = items.iter().map(|item| item.as_str());
                let items = json!({ "unknown_items": items.collect::<Vec<_>>() });
                Self {
                    reason: Some("unknown-items".to_owned()),
                    contents: Some(items.to_string()),
                    ..plain
                }
            }
            Lawmo::ReadState(read) => plain.with_contents(read.map(|read| vec![read])),
            Lawmo::ReadStates(read) => plain.with_contents(read),
            Lawmo::Combined(whole) => plain.with_parts(whole.parts),
            _ => plain,
        }
    }
}

impl From<Scomo> for Outcome {
    fn from(outcome: Scomo) -> Self {
        let plain = Self::from(outcome.summary());
        match outcome {
            Scomo::Invoke(InvokeOutcome::Ended(ended))
            | Scomo::Vendor(InvokeOutcome::Ended(ended)) => plain.because(ended),
            Scomo::Inventory(read) => plain.with_contents(read.map(|read| vec![read])),
            Scomo::Inventories(read) => plain.with_contents(read),
            Scomo::Combined(whole) => plain.with_parts(whole.parts),
            _ => plain,
        }
    }
}

impl Outcome {
    fn because(self, ended: Ended) -> Self {
        Self {
            reason: Some(reason(ended).to_owned()),
            ..self
        }
    }

    fn with_contents(self, read: Result<Vec<impl Serialize>, Ended>) -> Self {
        match read {
            Ok(read) => {
                let mut read = json!(read);
                tidy(&mut read);
                Self {
                    contents: Some(read.to_string()),
                    ..self
                }
            }
            Err(ended) => self.because(ended),
        }
    }

    fn with_parts<T: Into<Self>>(self, parts: Vec<Option<T>>) -> Self {
        let parts = parts.into_iter();
        let parts: Vec<Option<Self>> = parts.map(|part| part.map(T::into)).collect();
        // The part that decided says why: the first that is no success, or the last.
        let is_success =
            |part: &&Self| matches!(part.state, SummaryState::Succeeded | SummaryState::Accepted);
        let mut ended = parts.iter().flatten();
        let decisive = ended.clone().find(|part| !is_success(part));
        let decisive = decisive.or_else(|| ended.next_back());
        let reason = decisive.and_then(|part| part.reason.clone());
        Self {
            parts,
            reason,
            ..self
        }
    }

    /// What the REST API shows of it beside the state.
    pub(super) fn show(&self, object: &mut Map<String, Value>) {
        if let Some(status) = self.status {
            object.insert("status".into(), status.as_u16().into());
        }
        if let Some(reason) = &self.reason {
            object.insert("reason".into(), reason.as_str().into());
        }
        if self.result.is_some() || !self.components.is_empty() {
            let components = self.components.iter().map(|component| {
                json!({
                    "uri": component.uri.as_ref().map(|text| text.as_str()),
                    "id": component.id.as_ref().map(|text| text.as_str()),
                    "code": component.code.as_u16(),
                })
            });
            let result = json!({
                "code": self.result.map(StatusCode::as_u16),
                "components": components.collect::<Vec<_>>(),
            });
            object.insert("result".into(), result);
        }
        if let Some(contents) = &self.contents {
            let contents = serde_json::from_str(contents).unwrap_or_default();
            object.insert("contents".into(), contents);
        }
        if !self.parts.is_empty() {
            let parts = self.parts.iter().map(|part| {
                let Some(part) = part else {
                    return json!({"state": "left-out"});
                };
                let mut object = Map::new();
                object.insert("state".into(), part.state.as_str().into());
                part.show(&mut object);
                object.into()
            });
            object.insert("parts".into(), parts.collect());
        }
    }
}

/// The name of a reason.
fn reason(ended: Ended) -> &'static str {
    match ended {
        Ended::Refused(_) => "refused",
        Ended::Declined(_) => "declined",
        Ended::NotAsked(_) => "not-asked",
        Ended::WithoutConsent { .. } => "without-consent",
        Ended::NotFound => "not-found",
        Ended::Ambiguous => "ambiguous",
        Ended::TooMuch => "too-much",
        Ended::Unsupported => "unsupported",
        Ended::Unmet(Unmet::AlreadySo) => "already-so",
        Ended::Unmet(_) => "incomplete",
        Ended::Skipped => "skipped",
        Ended::NotPrepared => "not-prepared",
        Ended::HalfDone(_) => "half-done",
        Ended::NotSent(_) => "not-sent",
        Ended::Cancelled => "cancelled",
        Ended::Expired => "expired",
        Ended::Forgotten => "forgotten",
        Ended::ExpiredHalfDone => "expired-half-done",
        _ => "unknown",
    }
}

/// Leaves out what is not there, and writes the names of values as everything else is written here.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            for (name, value) in members {
                match (name.as_str(), &mut *value) {
                    ("state" | "status", Value::String(text)) => *text = kebab(text),
                    ("known" | "operations", Value::Array(values)) => {
                        for value in values {
                            if let Value::String(text) = value {
                                *text = kebab(text);
                            }
                        }
                    }
                    _ => tidy(value),
                }
            }
        }
        _ => {}
    }
}

/// `InstallFailed` as `install-failed`, and `UnLock` as the one word that it is in a request.
pub(super) fn kebab(name: &str) -> String {
    if name == "UnLock" {
        return "unlock".to_owned();
    }
    let mut text = String::with_capacity(name.len().saturating_add(4));
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use lawmo::ResultCode;

    use super::*;

    #[test]
    fn of_a_combined_operation_the_part_that_decided_says_why() {
        let lock = |outcome| Some(Lawmo::Lock(outcome));
        let wipe = |outcome| Some(Lawmo::Wipe(outcome));
        let refused = Ended::Refused(StatusCode::PERMISSION_DENIED);
        let done = LockOutcome::Done(ResultCode::SUCCESSFUL);
        let failed = LockOutcome::Failed(ResultCode::FULLY_LOCK_FAILED);
        for (parts, reason) in [
            (vec![lock(failed), wipe(WipeOutcome::Ended(refused))], None),
            (
                vec![lock(done), wipe(WipeOutcome::Ended(refused))],
                Some("refused"),
            ),
            (
                vec![lock(LockOutcome::Ended(Ended::Skipped)), None],
                Some("skipped"),
            ),
        ] {
            let outcome = Outcome::from(Summary::new(SummaryState::Failed)).with_parts(parts);
            assert_eq!(outcome.reason.as_deref(), reason, "{outcome:?}");
        }
    }

    #[test]
    fn what_is_read_is_written_as_the_rest_of_the_api() {
        let mut read = json!([{
            "root": "./SCOMO",
            "deployed": [{
                "id": "Game",
                "version": null,
                "state": "Active",
                "status": "ActivateFailed",
                "operations": {"known": ["RemoveComponent", "UnLock"], "vendor": ["Update"]},
            }],
        }]);
        tidy(&mut read);
        let expected = json!([{
            "root": "./SCOMO",
            "deployed": [{
                "id": "Game",
                "state": "active",
                "status": "activate-failed",
                "operations": {"known": ["remove-component", "unlock"], "vendor": ["Update"]},
            }],
        }]);
        assert_eq!(read, expected);
    }
}
