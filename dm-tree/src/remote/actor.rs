//! [`Actor`]: who may ask whom for an operation; [`Desk`]: where a server decides on what it is asked for.
//!
//! The architecture documents of LAWMO and SCOMO know four actors. Who of them asks whom, and what comes
//! back:
//!
//! | who | asks | by | the answer |
//! |---|---|---|---|
//! | user | external management infrastructure | means of its own | what it says |
//! | user | device | its user interface | what it shows; a veto is the user's too |
//! | infrastructure | server | a northbound interface, such as REST | a [`Decision`], then the outcome |
//! | device | server | a session with Alert 1201, or a generic alert in a session | a status: 200, 202 or a refusal |
//! | server | device | Exec, in a session that it may ask for by notification | a status or 202, then a report |
//!
//! Nobody asks the user for an operation, only for consent, and nobody asks the infrastructure but the
//! user. All that a server is asked for goes over one [`Desk`], whoever asks.

use dm_proto::{
    AlertCode, Correlator, LocUri, StatusCode, Text,
    message::{Alert, Item, Location, Meta},
};
use serde::{Deserialize, Serialize};

use super::report;

/// One of those who take part, in the words of the architecture documents of LAWMO and SCOMO.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the architecture's list is complete"
)]
pub enum Actor {
    /// Who owns or uses the device.
    User,
    /// The device: the DM client and the objects behind it.
    Device,
    /// The DM server.
    Server,
    /// The external management infrastructure: an operator's or an enterprise's systems.
    Infrastructure,
}

/// How one actor puts a request to another.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the architecture's list is complete"
)]
pub enum Channel {
    /// Outside of all this: a shop, a hotline, a web page.
    Outside,
    /// The device's own user interface.
    UserInterface,
    /// An interface of the server outside the DM protocol.
    Northbound,
    /// A session opened with Alert 1201, or a generic alert (1226) in a session.
    Alert,
    /// Exec in a session. OMA-TS-DM_RepPro, Exec.
    Exec,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Device, Self::Server, Self::Infrastructure];

    /// How this actor asks another for an operation; `None` if that is not its place.
    pub const fn asks(self, other: Self) -> Option<Channel> {
        match (self, other) {
            (Self::User, Self::Infrastructure) => Some(Channel::Outside),
            (Self::User, Self::Device) => Some(Channel::UserInterface),
            (Self::Infrastructure, Self::Server) => Some(Channel::Northbound),
            (Self::Device, Self::Server) => Some(Channel::Alert),
            (Self::Server, Self::Device) => Some(Channel::Exec),
            _ => None,
        }
    }

    /// The name, as it stands in interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Device => "device",
            Self::Server => "server",
            Self::Infrastructure => "infrastructure",
        }
    }
}

/// What is decided on a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "who answers a request must know them all"
)]
pub enum Decision {
    /// It is done as soon as can be: in this session, if there is one.
    Now,
    /// It is done in a later session, not in this one.
    Later,
    /// It is not done.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// This actor does not ask the server at all.
    #[error("the {} does not ask the server for operations", .0.as_str())]
    NotItsPlace(Actor),
    /// Who asks is not entitled to this operation.
    #[error("who asks is not entitled to this operation")]
    NotEntitled,
    /// This operation needs the user's consent, and the request does not have the user asked.
    #[error("this operation needs the consent of the user")]
    NeedsConsent,
    /// The device does not offer the operation.
    #[error("the device does not offer this operation")]
    Unsupported,
    /// What is asked for is not told, or cannot be understood.
    #[error("the request cannot be understood")]
    Unintelligible,
    /// Too many operations wait for the device; it may ask again later.
    #[error("too many operations wait for the device")]
    TooMany,
}

impl Refusal {
    /// The status of an alert that is refused. A device gives up what is answered 403, 405 or 412, and
    /// asks again after 503.
    pub const fn status_code(self) -> StatusCode {
        match self {
            Self::NotItsPlace(_) | Self::NotEntitled | Self::NeedsConsent => StatusCode::FORBIDDEN,
            Self::Unsupported => StatusCode::COMMAND_NOT_ALLOWED,
            Self::Unintelligible => StatusCode::INCOMPLETE_COMMAND,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Decision {
    /// The status of an alert that asks for it: 200 now, 202 later, else the refusal's. The pattern is
    /// that of FUMO (OMA-TS-DM-FUMO, client-initiated update).
    pub const fn status_code(self) -> StatusCode {
        match self {
            Self::Now => StatusCode::OK,
            Self::Later => StatusCode::ACCEPTED,
            Self::Refused(refusal) => refusal.status_code(),
        }
    }
}

/// A request to the server for an operation, for a [`Desk`] to decide on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a, O> {
    /// The caller's own name for the operation.
    pub id: u32,
    /// Who asks the server: the infrastructure or the device.
    pub by: Actor,
    /// On whose behalf, as far as the one who asks says so: a user's, for example.
    pub behalf: Actor,
    /// The operation.
    pub operation: &'a O,
    /// What the device said, if it is the device that asks.
    pub asked: Option<&'a DeviceRequest>,
    /// How many operations of the device are not over.
    pub open: usize,
}

impl<'a, O> Request<'a, O> {
    pub(super) fn new(id: u32, by: Actor, operation: &'a O, open: usize) -> Self {
        Self {
            id,
            by,
            behalf: by,
            operation,
            asked: None,
            open,
        }
    }
}

/// Where a server decides on what it is asked for, whoever asks.
pub trait Desk<O> {
    /// The types of the generic alerts by which devices ask for operations. No standard has one: by
    /// default there is none.
    fn request_types(&self) -> RequestTypes {
        RequestTypes::default()
    }

    /// What operations are to be made of a device's request, each with its name for the queue. They are
    /// [decided](Self::decide) on one by one.
    fn understand(&mut self, asked: &DeviceRequest) -> Understood<O> {
        let _ = asked;
        Understood::NotARequest
    }

    /// Whether an operation that somebody asks for is done.
    fn decide(&mut self, request: &Request<'_, O>) -> Decision;
}

/// What a device's request comes to.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "who understands a request must know them all"
)]
pub enum Understood<O> {
    /// It asks for nothing.
    NotARequest,
    /// It asks for these operations; if there are none, it is heard and answered 200.
    Operations(Vec<(u32, O)>),
    /// It asks for something that it will not get, or that is not clear.
    Refused(Refusal),
}

/// How a device's request was answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "who tells of a request must know them all"
)]
pub enum Verdict {
    /// It was understood, and decided on operation by operation. Those that are not refused are in the
    /// queue, under these names; if there are none, it was heard and nothing more.
    Decided(Vec<(u32, Decision)>),
    /// None of it was understood or allowed.
    Refused(Refusal),
    /// It asks for what is being worked on: by these operations of the queue, which came of the same
    /// request.
    Again(Vec<u32>),
}

impl Verdict {
    /// The status of the alert: that of the best that any operation got, or 202 for what is being worked
    /// on.
    pub fn status_code(&self) -> StatusCode {
        let rank = |decision: &Decision| match decision {
            Decision::Now => 0,
            Decision::Later => 1,
            Decision::Refused(_) => 2,
        };
        match self {
            Self::Decided(decisions) => {
                let best = decisions.iter().map(|(_, decision)| decision);
                best.min_by_key(|decision| rank(decision))
                    .map_or(StatusCode::OK, |decision| decision.status_code())
            }
            Self::Refused(refusal) => refusal.status_code(),
            Self::Again(_) => StatusCode::ACCEPTED,
        }
    }

    /// Why nothing of it is done, if nothing is.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Again(_) => None,
            Self::Decided(decisions) => {
                let refusal = |(_, decision): &(u32, Decision)| match decision {
                    Decision::Refused(refusal) => Some(*refusal),
                    Decision::Now | Decision::Later => None,
                };
                let refusals: Option<Vec<Refusal>> = decisions.iter().map(refusal).collect();
                refusals?.first().copied()
            }
        }
    }
}

/// The types of the alerts by which devices ask for operations.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestTypes {
    /// The device asks on its own account.
    pub device: Vec<Text>,
    /// Its user has asked it to.
    pub user: Vec<Text>,
}

impl RequestTypes {
    /// These types for requests of the device's own.
    pub fn of_device(types: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            device: types.into_iter().map(Into::into).collect(),
            user: Vec::new(),
        }
    }

    /// The same with types for requests of the user's.
    #[must_use]
    pub fn and_of_user(mut self, types: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.user = types.into_iter().map(Into::into).collect();
        self
    }

    /// Reads a request, if the alert is one: a generic alert (1226) or a client event (1224) with an item
    /// of one of these types. White space and the prefixes of the type do not matter; otherwise the type
    /// is compared to the letter. Items of other types are no part of the request.
    ///
    /// An alert that has items of both kinds is its user's request.
    pub fn read(&self, alert: &Alert) -> Option<DeviceRequest> {
        if !matches!(
            alert.code,
            Some(AlertCode::GENERIC_ALERT | AlertCode::CLIENT_EVENT)
        ) {
            return None;
        }
        let of = |types: &[Text]| -> Vec<Subject> {
            let subjects = alert.items.iter().map(Subject::of);
            let is_of = |subject: &Subject| {
                let type_ = subject.type_.as_ref();
                type_.is_some_and(|type_| types.contains(type_))
            };
            subjects.filter(is_of).take(SUBJECTS).collect()
        };
        let (behalf, subjects) = [(Actor::User, &self.user), (Actor::Device, &self.device)]
            .map(|(behalf, types)| (behalf, of(types)))
            .into_iter()
            .find(|(_, subjects)| !subjects.is_empty())?;
        Some(DeviceRequest {
            behalf,
            type_: subjects.first().and_then(|subject| subject.type_.clone()),
            correlator: alert.correlator.clone(),
            subjects,
        })
    }
}

/// Items of a request that are looked at; no device asks for as much at a time.
const SUBJECTS: usize = 64;

/// Octets that are kept of a text in a request, the first: the queue stores it with each operation that comes
/// of it.
const SUBJECT_TEXT: usize = 4096;

/// A device asks for operations: it has opened the session itself (1201), or sends a generic alert.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceRequest {
    /// On whose behalf: the device's own, or its user's.
    pub behalf: Actor,
    /// The type of the first item; `None` for a session that the device opened (1201), which asks for
    /// whatever the server may have for it.
    pub type_: Option<Text>,
    /// The correlator of the alert, if it has one.
    pub correlator: Option<Correlator>,
    /// What it is about, an entry for each item.
    pub subjects: Vec<Subject>,
}

/// What a device's request is about. Of long texts the first 4096 octets are kept.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Subject {
    /// The type of the item, without white space and prefixes.
    pub type_: Option<Text>,
    /// The node: an operation's, a package's, an object's root.
    pub source: Option<Text>,
    /// Data of the device maker's own.
    pub data: Option<Text>,
}

impl Subject {
    fn of(item: &Item) -> Self {
        let data = item.data.as_ref().and_then(|data| data.as_bytes());
        let type_ = item.meta.as_ref().and_then(|meta| meta.type_.as_deref());
        Self {
            type_: type_.map(|type_| kept(report::bare_type(type_))),
            source: item.source_uri().map(|uri| kept(uri.as_str())),
            data: data
                .and_then(|data| core::str::from_utf8(data).ok())
                .filter(|data| !data.is_empty())
                .map(kept),
        }
    }
}

/// The beginning of a text, as much of it as is kept.
fn kept(text: &str) -> Text {
    let mut ends = (0..=SUBJECT_TEXT.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    Text::from(end.and_then(|end| text.get(..end)).unwrap_or_default())
}

impl DeviceRequest {
    /// A session that the device has opened.
    pub fn session() -> Self {
        Self {
            behalf: Actor::Device,
            type_: None,
            correlator: None,
            subjects: Vec::new(),
        }
    }

    /// The device's side: an alert of a type of its maker's, about a node. To be raised by
    /// [`Agent::raise`](crate::agent::Agent::raise), which keeps it until the server has answered it.
    pub fn alert(
        type_: impl Into<Text>,
        source: impl Into<LocUri>,
        data: impl Into<Text>,
    ) -> Alert {
        let meta = Meta::of_type(type_).with_format("chr");
        Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            items: vec![
                Item {
                    source: Some(Location::from(source.into())),
                    ..Item::default()
                }
                .with_meta(meta)
                .with_data(data.into()),
            ],
            ..Alert::default()
        }
    }
}

/// A desk that no device asks anything at, and that grants everybody everything else.
pub(super) struct Open;

impl<O> Desk<O> for Open {
    fn decide(&mut self, _: &Request<'_, O>) -> Decision {
        Decision::Now
    }
}

/// A desk with rules that are data: who may ask for something, and when it is done.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rules {
    /// What the infrastructure asks for.
    pub infrastructure: Decision,
    /// What a device asks for on its own account.
    pub device: Decision,
    /// What a user asks for through the device.
    pub user: Decision,
    /// How many operations may wait for a device.
    pub max_open: usize,
}

impl Default for Rules {
    /// The infrastructure gets what it asks for, at once; devices and their users nothing.
    fn default() -> Self {
        let refused = Decision::Refused(Refusal::NotEntitled);
        Self {
            infrastructure: Decision::Now,
            device: refused,
            user: refused,
            max_open: 64,
        }
    }
}

impl Rules {
    /// What they say of a request.
    pub fn decide<O>(&self, request: &Request<'_, O>) -> Decision {
        let decision = match (request.by, request.behalf) {
            (Actor::Infrastructure, _) => self.infrastructure,
            (Actor::Device, Actor::User) => self.user,
            (Actor::Device, _) => self.device,
            (by, _) => Decision::Refused(Refusal::NotItsPlace(by)),
        };
        match decision {
            Decision::Now | Decision::Later if request.open >= self.max_open => {
                Decision::Refused(Refusal::TooMany)
            }
            decision => decision,
        }
    }
}

impl<O> Desk<O> for Rules {
    fn decide(&mut self, request: &Request<'_, O>) -> Decision {
        Self::decide(self, request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_whom_is_the_table_of_the_architecture() {
        let mut asks = Vec::new();
        for by in Actor::ALL {
            for of in Actor::ALL {
                if let Some(channel) = by.asks(of) {
                    asks.push((by, of, channel));
                }
            }
        }
        assert_eq!(
            asks,
            [
                (Actor::User, Actor::Device, Channel::UserInterface),
                (Actor::User, Actor::Infrastructure, Channel::Outside),
                (Actor::Device, Actor::Server, Channel::Alert),
                (Actor::Server, Actor::Device, Channel::Exec),
                (Actor::Infrastructure, Actor::Server, Channel::Northbound),
            ]
        );
    }

    #[test]
    fn a_request_is_read_back_as_the_device_wrote_it() {
        let types = RequestTypes::of_device(["com.example.ask"]).and_of_user(["com.example.user"]);
        let alert =
            DeviceRequest::alert(" Reversed-Domain-Name: com.example.user", "./L", "please");
        let request = types.read(&alert).expect("a request");
        assert_eq!(request.behalf, Actor::User);
        assert_eq!(request.type_.as_deref(), Some("com.example.user"));
        assert_eq!(
            request.subjects,
            [Subject {
                type_: Some("com.example.user".into()),
                source: Some("./L".into()),
                data: Some("please".into())
            }]
        );
        let alert = DeviceRequest::alert("com.example.ask", "./L", "");
        let request = types.read(&alert).expect("a request");
        assert_eq!(request.behalf, Actor::Device);
        assert_eq!(request.subjects[0].data, None, "data may be empty");
        let other = DeviceRequest::alert("com.example.other", "./L", "");
        assert_eq!(types.read(&other), None);
        let mut event = DeviceRequest::alert("com.example.ask", "./L", "");
        event.code = Some(AlertCode::CLIENT_EVENT);
        assert!(
            types.read(&event).is_some(),
            "an event of this type asks, too"
        );
        event.code = Some(AlertCode::DISPLAY);
        assert_eq!(types.read(&event), None);
    }

    #[test]
    fn a_type_stays_with_the_item_that_has_it() {
        let types = RequestTypes::of_device(["com.example.a", "com.example.b"]);
        let mut alert = DeviceRequest::alert("com.example.b", "./B", "");
        for (type_, source) in [("com.example.a", "./A"), ("com.example.other", "./O")] {
            alert
                .items
                .extend(DeviceRequest::alert(type_, source, "").items);
        }
        let request = types.read(&alert).expect("a request");
        let subject = |type_: &str, source: &str| Subject {
            type_: Some(type_.into()),
            source: Some(source.into()),
            data: None,
        };
        assert_eq!(
            request.subjects,
            [
                subject("com.example.b", "./B"),
                subject("com.example.a", "./A")
            ]
        );
    }

    #[test]
    fn a_verdict_is_as_good_as_the_best_of_its_decisions() {
        let no = Decision::Refused(Refusal::TooMany);
        for (verdict, status, refusal) in [
            (Verdict::Decided(vec![]), 200, None),
            (
                Verdict::Decided(vec![(1, no), (2, Decision::Later)]),
                202,
                None,
            ),
            (
                Verdict::Decided(vec![(1, Decision::Later), (2, Decision::Now)]),
                200,
                None,
            ),
            (Verdict::Decided(vec![(1, no)]), 503, Some(Refusal::TooMany)),
            (
                Verdict::Refused(Refusal::NotEntitled),
                403,
                Some(Refusal::NotEntitled),
            ),
            (Verdict::Again(vec![3]), 202, None),
        ] {
            let found = (verdict.status_code().as_u16(), verdict.refusal());
            assert_eq!(found, (status, refusal), "{verdict:?}");
        }
    }

    #[test]
    fn of_a_request_so_much_is_kept() {
        let types = RequestTypes::of_device(["com.example.a"]);
        let long = format!("x{}", "\u{e4}".repeat(SUBJECT_TEXT));
        let mut alert = DeviceRequest::alert("com.example.a", "./A", long.as_str());
        alert.items = vec![alert.items[0].clone(); SUBJECTS + 1];
        let request = types.read(&alert).expect("a request");
        assert_eq!(request.subjects.len(), SUBJECTS);
        let data = request.subjects[0].data.as_deref().expect("data");
        assert_eq!(data.len(), SUBJECT_TEXT - 1, "between characters");
        assert!(long.starts_with(data));
    }

    #[test]
    fn rules_tell_the_actors_apart() {
        let rules = Rules {
            device: Decision::Later,
            max_open: 2,
            ..Rules::default()
        };
        let refused = |refusal| Decision::Refused(refusal);
        let request = |by, behalf, open| {
            let mut request = Request::new(1, by, &(), open);
            request.behalf = behalf;
            rules.decide(&request)
        };
        for (by, behalf, open, decision) in [
            (Actor::Infrastructure, Actor::User, 0, Decision::Now),
            (
                Actor::Infrastructure,
                Actor::User,
                2,
                refused(Refusal::TooMany),
            ),
            (Actor::Device, Actor::Device, 1, Decision::Later),
            (Actor::Device, Actor::User, 0, refused(Refusal::NotEntitled)),
            (
                Actor::User,
                Actor::User,
                0,
                refused(Refusal::NotItsPlace(Actor::User)),
            ),
        ] {
            assert_eq!(request(by, behalf, open), decision, "{by:?} {behalf:?}");
        }
    }
}
