//! [`Policy`]: who gets what they ask this server for.

use std::{collections::BTreeMap, path::Path};

use dm_tree::remote::{Actor, Decision, DeviceRequest, Refusal, RequestTypes, Rules, Subject};
use serde::{Deserialize, Serialize};

use super::{
    device::Device,
    request::{LawmoVerb, OperationRequest, RequestError, ScomoVerb},
};

/// Who gets what they ask this server for. By default the infrastructure gets everything, and devices
/// nothing.
///
/// The decision itself is that of [`Rules`]; this says which of them hold for a request.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Policy {
    /// How many operations of a device may be open, whoever asks for them: 64 by default, at most
    /// [`Self::MAX_OPEN`].
    pub max_open: usize,
    /// Operations that the infrastructure may ask for only with a question to the user, by their names in
    /// the REST API.
    pub needs_consent: Vec<String>,
    /// Operations that the infrastructure may not ask for, by on whose behalf it would.
    pub refused: BTreeMap<Behalf, Vec<String>>,
    /// What devices get that ask by themselves; the first that fits counts.
    pub rules: Vec<Rule>,
}

/// On whose behalf the infrastructure asks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Behalf {
    /// Its own: an operator's or an enterprise's.
    #[default]
    Infrastructure,
    /// The user's, who has asked it by means of its own.
    User,
}

impl Behalf {
    pub(super) const fn actor(self) -> Actor {
        match self {
            Self::Infrastructure => Actor::Infrastructure,
            Self::User => Actor::User,
        }
    }
}

/// What devices get that ask by themselves: by an alert of a type, or by opening a session.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Rule {
    /// The type of a generic alert (1226) or client event (1224), to the letter; `Reversed-Domain-Name:`
    /// before it, which some devices write, does not matter.
    pub alert: Option<String>,
    /// Instead of an alert: the device opens a session by itself (1201).
    pub session: bool,
    /// The source of the item that has the type, where it matters.
    pub source: Option<String>,
    /// The device, where it matters.
    pub device: Option<String>,
    /// Whether alerts of the type say that the user has asked the device.
    pub by_user: bool,
    /// What is answered.
    pub answer: Answer,
    /// What is done.
    pub operation: Option<OperationRequest>,
}

/// What a [`Rule`] answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Answer {
    /// It is done in this session (200).
    #[default]
    Now,
    /// It is done in the next session (202).
    Later,
    /// It is not done (403).
    Refuse,
}

impl Answer {
    pub(super) const fn decision(self) -> Decision {
        match self {
            Self::Now => Decision::Now,
            Self::Later => Decision::Later,
            Self::Refuse => Decision::Refused(Refusal::NotEntitled),
        }
    }
}

/// Why a policy makes no sense.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not JSON, or other members than these.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A limit out of bounds.
    #[error("\"max_open\" must be 1 to {}", Policy::MAX_OPEN)]
    MaxOpen,
    /// Not the name of an operation.
    #[error("\"{member}\" names {name:?}, which is no operation")]
    Operation {
        /// The member.
        member: &'static str,
        /// The name.
        name: String,
    },
    /// A rule whose operation makes no sense.
    #[error("rule {number}: {error}")]
    Request {
        /// Which, from 1.
        number: usize,
        /// Why.
        error: RequestError,
    },
    /// A rule that makes no sense.
    #[error("rule {number}: {error}")]
    Rule {
        /// Which, from 1.
        number: usize,
        /// Why.
        error: &'static str,
    },
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_open: Rules::default().max_open,
            needs_consent: Vec::new(),
            refused: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

impl Policy {
    /// The most that [`max_open`](Self::max_open) may be: all of them are read and written with each
    /// message of the device.
    pub const MAX_OPEN: usize = 1024;

    /// Reads a policy: a JSON object of its members, or an array of rules alone.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or makes no sense.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let octets = std::fs::read(path)?;
        let is_array = octets.trim_ascii_start().starts_with(b"[");
        let policy = if is_array {
            Self {
                rules: serde_json::from_slice(&octets)?,
                ..Self::default()
            }
        } else {
            serde_json::from_slice(&octets)?
        };
        policy.check()?;
        Ok(policy)
    }

    /// Says what makes no sense now, not when somebody asks.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        if !(1..=Self::MAX_OPEN).contains(&self.max_open) {
            return Err(PolicyError::MaxOpen);
        }
        let refused = self.refused.values().flatten();
        let refused = refused.map(|name| ("refused", name));
        let consent = self.needs_consent.iter();
        let mut names = refused.chain(consent.map(|name| ("needs_consent", name)));
        if let Some((member, name)) = names.find(|(_, name)| !is_verb(name)) {
            return Err(PolicyError::Operation {
                member,
                name: name.clone(),
            });
        }
        for (number, rule) in (1..).zip(&self.rules) {
            let said = self.check_rule(rule);
            said.map_err(|error| PolicyError::Rule { number, error })?;
            if let Some(operation) = &rule.operation {
                let built = operation.build(&Device::new("anyone"), "");
                built.map_err(|error| PolicyError::Request { number, error })?;
            }
        }
        Ok(())
    }

    fn check_rule(&self, rule: &Rule) -> Result<(), &'static str> {
        let wrong = |is_wrong: bool, why| if is_wrong { Err(why) } else { Ok(()) };
        match &rule.alert {
            Some(type_) => {
                wrong(rule.session, "name an \"alert\" or a \"session\", not both")?;
                let is_bare = !type_.is_empty() && type_.trim() == type_;
                wrong(
                    !is_bare,
                    "\"alert\" must be a type without spaces around it",
                )?;
                let prefixed = ["Reversed-Domain-Name:", "Content-Type:"]
                    .into_iter()
                    .any(|prefix| type_.starts_with(prefix));
                wrong(prefixed, "write the type without the prefix before it")?;
                let others = self.rules.iter().filter(|other| other.alert == rule.alert);
                let mut others = others.map(|other| other.by_user);
                wrong(
                    others.any(|by_user| by_user != rule.by_user),
                    "another rule says otherwise of who asks by this type of alert (\"by_user\")",
                )?;
            }
            None => {
                wrong(!rule.session, "needs an \"alert\", or \"session\": true")?;
                let narrowed = rule.source.is_some() || rule.by_user;
                wrong(narrowed, "a session has no \"source\" and no \"by_user\"")?;
            }
        }
        match &rule.operation {
            None => wrong(
                rule.answer != Answer::Refuse,
                "needs an \"operation\", or \"answer\": \"refuse\"",
            ),
            Some(operation) => {
                wrong(
                    rule.answer == Answer::Refuse,
                    "what is refused has no \"operation\"",
                )?;
                wrong(
                    operation.behalf.is_some(),
                    "the operation has no \"behalf\": the alert says it (\"by_user\")",
                )?;
                wrong(
                    self.lacks_consent(operation),
                    "its operation is in \"needs_consent\": give it a \"confirm\"",
                )
            }
        }
    }

    fn lacks_consent(&self, request: &OperationRequest) -> bool {
        request.confirm.is_none() && is_among(request, &self.needs_consent)
    }

    /// What the rules are for requests of devices that are to get this.
    pub(super) fn rules_for(&self, decision: Decision) -> Rules {
        let mut rules = Rules::default();
        rules.device = decision;
        rules.user = decision;
        rules.max_open = self.max_open;
        rules
    }

    /// What is said of a request of the infrastructure's before the rules: nothing, or why it is refused.
    pub(super) fn refuses(&self, request: &OperationRequest) -> Option<Refusal> {
        let behalf = request.behalf.unwrap_or_default();
        let refused = self.refused.get(&behalf);
        if refused.is_some_and(|names| is_among(request, names)) {
            Some(Refusal::NotEntitled)
        } else if self.lacks_consent(request) {
            Some(Refusal::NeedsConsent)
        } else {
            None
        }
    }

    /// The types of the alerts by which devices ask.
    pub(super) fn request_types(&self) -> RequestTypes {
        let of = |by_user| {
            let rules = self
                .rules
                .iter()
                .filter(move |rule| rule.by_user == by_user);
            rules.filter_map(|rule| rule.alert.as_deref())
        };
        RequestTypes::of_device(of(false)).and_of_user(of(true))
    }

    /// The rules that a device's request comes under, each once: the first that fits of each of its items,
    /// or of the session.
    pub(super) fn rules_of(&self, device: &str, asked: &DeviceRequest) -> Vec<&Rule> {
        let mut found: Vec<&Rule> = Vec::new();
        let of_device = |rule: &&Rule| rule.device.as_ref().is_none_or(|named| named == device);
        let first = |fits: &dyn Fn(&Rule) -> bool| {
            let mut rules = self.rules.iter().filter(of_device);
            rules.find(|rule| fits(rule))
        };
        if asked.type_.is_none() {
            found.extend(first(&|rule| rule.session));
        }
        for subject in &asked.subjects {
            if let Some(rule) = first(&|rule| rule.is_about(subject))
                && !found.iter().any(|known| core::ptr::eq(*known, rule))
            {
                found.push(rule);
            }
        }
        found
    }
}

impl Rule {
    /// A rule that grants an operation to alerts of this type.
    pub fn granting(alert: impl Into<String>, operation: OperationRequest) -> Self {
        Self {
            alert: Some(alert.into()),
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// Type and source must be those of the same item.
    fn is_about(&self, subject: &Subject) -> bool {
        self.alert.is_some()
            && self.alert.as_deref() == subject.type_.as_deref()
            && (self.source.is_none() || self.source.as_deref() == subject.source.as_deref())
    }
}

/// Whether one of the names is that of an operation, or of a part of it.
fn is_among(request: &OperationRequest, names: &[String]) -> bool {
    let parts: &[LawmoVerb] = match request.lawmo {
        Some(LawmoVerb::LockAndWipe) => &[LawmoVerb::FullyLock, LawmoVerb::Wipe],
        _ => &[],
    };
    let verbs = parts.iter().map(|part| part.as_str());
    let mut verbs = verbs.chain([request.verb()]);
    verbs.any(|verb| names.iter().any(|name| name == verb))
}

/// Whether an operation has this name.
fn is_verb(name: &str) -> bool {
    let name = || serde_json::Value::from(name);
    serde_json::from_value::<LawmoVerb>(name()).is_ok()
        || serde_json::from_value::<ScomoVerb>(name()).is_ok()
}

#[cfg(test)]
mod tests {
    use dm_tree::remote::DeviceRequest;
    use serde_json::{Value, json};

    use super::*;

    fn policy(value: Value) -> Policy {
        let policy: Policy = serde_json::from_value(value).expect("a policy");
        policy.check().expect("it makes sense");
        policy
    }

    fn lock() -> Value {
        json!({"lawmo": "fully-lock"})
    }

    /// The numbers of the rules that an alert of these items (type, source) comes under.
    fn found(policy: &Policy, device: &str, items: &[(&str, &str)]) -> Option<Vec<usize>> {
        let mut alerts = items
            .iter()
            .map(|(type_, source)| DeviceRequest::alert(*type_, *source, ""));
        let mut alert = alerts.next().expect("an item");
        alert.items.extend(alerts.flat_map(|alert| alert.items));
        let asked = policy.request_types().read(&alert)?;
        let rules = policy.rules_of(device, &asked).into_iter();
        let number = |rule: &Rule| {
            policy
                .rules
                .iter()
                .position(|other| core::ptr::eq(other, rule))
        };
        rules.map(number).collect()
    }

    #[test]
    fn type_and_source_are_those_of_one_item() {
        let policy = policy(json!({"rules": [
            {"alert": "a", "source": "./A", "operation": lock()},
            {"alert": "b", "operation": lock()},
        ]}));
        assert_eq!(found(&policy, "phone", &[("a", "./A")]), Some(vec![0]));
        let crossed = [("a", "./B"), ("b", "./A")];
        assert_eq!(found(&policy, "phone", &crossed), Some(vec![1]));
        let both = [("b", "./B"), ("a", "./A"), ("b", "./C")];
        assert_eq!(
            found(&policy, "phone", &both),
            Some(vec![1, 0]),
            "each once"
        );
        let prefixed = [("Reversed-Domain-Name: a", "./A")];
        assert_eq!(found(&policy, "phone", &prefixed), Some(vec![0]));
        assert_eq!(
            found(&policy, "phone", &[("a.b", "./A")]),
            None,
            "to the letter"
        );
    }

    #[test]
    fn the_first_rule_that_fits_the_device_counts() {
        let policy = policy(json!({"rules": [
            {"alert": "a", "device": "phone", "answer": "refuse"},
            {"session": true, "device": "car", "operation": lock()},
            {"alert": "a", "operation": lock()},
        ]}));
        assert_eq!(found(&policy, "phone", &[("a", "./A")]), Some(vec![0]));
        assert_eq!(found(&policy, "car", &[("a", "./A")]), Some(vec![2]));
        let session = DeviceRequest::session();
        assert!(policy.rules_of("phone", &session).is_empty());
        assert_eq!(policy.rules_of("car", &session), [&policy.rules[1]]);
    }

    #[test]
    fn the_infrastructure_is_refused_what_the_policy_says() {
        let policy = policy(json!({
            "needs_consent": ["factory-reset"],
            "refused": {"user": ["unlock"]},
        }));
        let refuses = |request: Value| {
            let request = serde_json::from_value(request).expect("a request");
            policy.refuses(&request)
        };
        assert_eq!(refuses(json!({"lawmo": "unlock"})), None);
        let by_user = json!({"lawmo": "unlock", "behalf": "user"});
        assert_eq!(refuses(by_user), Some(Refusal::NotEntitled));
        let reset = json!({"lawmo": "factory-reset"});
        assert_eq!(refuses(reset), Some(Refusal::NeedsConsent));
        assert_eq!(
            refuses(json!({"lawmo": "factory-reset", "confirm": "Sure?"})),
            None
        );
    }

    #[test]
    fn what_is_said_of_a_part_holds_for_the_whole() {
        for (part, is_part) in [
            ("fully-lock", true),
            ("wipe", true),
            ("lock-and-wipe", true),
            ("partially-lock", false),
        ] {
            let mut both = OperationRequest::lawmo(LawmoVerb::LockAndWipe);
            let refusing = policy(json!({"refused": {"infrastructure": [part]}}));
            let refused = is_part.then_some(Refusal::NotEntitled);
            assert_eq!(refusing.refuses(&both), refused, "{part}");
            let asking = policy(json!({"needs_consent": [part]}));
            let refused = is_part.then_some(Refusal::NeedsConsent);
            assert_eq!(asking.refuses(&both), refused, "{part}");
            both.confirm = Some("Sure?".to_owned());
            assert_eq!(asking.refuses(&both), None, "{part}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (value, reason) in [
            (json!({"max_open": 0}), "\"max_open\" must be 1 to 1024"),
            (
                json!({"needs_consent": ["explode"]}),
                "\"needs_consent\" names \"explode\", which is no operation",
            ),
            (
                json!({"refused": {"user": ["x"]}}),
                "\"refused\" names \"x\", which is no operation",
            ),
            (
                json!({"rules": [{}]}),
                "rule 1: needs an \"alert\", or \"session\": true",
            ),
            (
                json!({"rules": [{"alert": "x", "session": true}]}),
                "rule 1: name an \"alert\" or a \"session\", not both",
            ),
            (
                json!({"rules": [{"alert": " x"}]}),
                "rule 1: \"alert\" must be a type without spaces around it",
            ),
            (
                json!({"rules": [{"alert": "Reversed-Domain-Name:x"}]}),
                "rule 1: write the type without the prefix before it",
            ),
            (
                json!({"rules": [{"session": true, "source": "./A"}]}),
                "rule 1: a session has no \"source\" and no \"by_user\"",
            ),
            (
                json!({"rules": [{"alert": "x"}]}),
                "rule 1: needs an \"operation\", or \"answer\": \"refuse\"",
            ),
            (
                json!({"rules": [{"alert": "x", "answer": "refuse", "operation": lock()}]}),
                "rule 1: what is refused has no \"operation\"",
            ),
            (
                json!({"rules": [
                    {"alert": "x", "operation": lock()},
                    {"alert": "x", "by_user": true, "operation": lock()},
                ]}),
                "rule 1: another rule says otherwise of who asks by this type of alert (\"by_user\")",
            ),
            (
                json!({"needs_consent": ["fully-lock"], "rules": [{"alert": "x", "operation": lock()}]}),
                "rule 1: its operation is in \"needs_consent\": give it a \"confirm\"",
            ),
            (
                json!({"rules": [{"alert": "x", "operation": {"lawmo": "unlock", "behalf": "user"}}]}),
                "rule 1: the operation has no \"behalf\": the alert says it (\"by_user\")",
            ),
            (
                json!({"rules": [{"alert": "x", "operation": {"lawmo": "wipe"}}]}),
                "rule 1: wipe needs \"items\"",
            ),
        ] {
            let policy: Policy = serde_json::from_value(value.clone()).expect("its members");
            let error = policy.check().expect_err("it makes no sense");
            assert_eq!(error.to_string(), reason, "{value}");
        }
    }
}
