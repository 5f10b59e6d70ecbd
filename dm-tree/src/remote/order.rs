//! [`Order`]: what every operation is given; [`Ended`] and [`Summary`]: what every outcome can say.

use dm_proto::{
    Correlator, StatusCode, Text,
    session::{DeviceProfile, NotSent},
};
use serde::{Deserialize, Serialize};

use super::{Checks, Instance, Unmet};
use crate::NodeUri;

/// What an operation needs to know besides what it is: whose it is, its correlator, what the device can
/// do, whether the user is asked, and where the object may be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Order {
    /// The ServerID, for ACLs that have to be repaired.
    pub server_id: Text,
    /// The correlator, unique for the device among this server's operations. It never changes.
    pub correlator: Correlator,
    /// What the device does and does not do.
    pub profile: DeviceProfile,
    /// Asks the user first.
    pub question: Option<Question>,
    /// Where the object was the last time; believed once its Type agrees.
    pub known_root: Option<NodeUri>,
    /// Where objects of its kind are on such devices, tried in order before the tree is searched.
    pub usual_roots: Vec<NodeUri>,
    /// Which of several objects it is for.
    pub instance: Instance,
    /// What is looked at before something is sent that changes the device.
    pub checks: Checks,
    /// The operations that such devices offer, by the names that the object's crate has for them; an
    /// operation that is not among them ends as [`Ended::Unsupported`] without a message. `None` if that
    /// is not known.
    pub offers: Option<Vec<Text>>,
    /// An Exec that gets 425, or what prepares it, is tried once more with an ACL that lets this server, if it
    /// may change that ([`DeviceProfile::acl`] says whether the device has ACLs at all).
    pub repairs_acl: bool,
    /// Types of alerts that are reports too, beside those of the standard: a vendor's spelling.
    pub report_types: Vec<Text>,
    /// When the operation ends if it has not by then, in the caller's own unit and from its own epoch:
    /// [`Queue::expire`](super::Queue::expire) compares it with the caller's clock.
    pub deadline: Option<u64>,
}

/// A question to the user that must be answered with *yes* (Alert 1101).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Question {
    /// What the user is asked.
    pub text: Text,
    /// Seconds to wait for the answer (`MAXDT`). Silence is a *no*.
    pub wait: Option<u32>,
    /// Seconds that the question is shown at least (`MINDT`); no more than [`wait`](Self::wait) is sent.
    pub show: Option<u32>,
}

impl Question {
    /// A question that the device shows as long as it likes.
    ///
    /// There is no way to give an answer beforehand (`DR`): a client may take it for that of a silent
    /// user, and an operation hangs on this one. OMA-TS-DM_Protocol, user interaction options.
    pub fn new(text: impl Into<Text>) -> Self {
        Self {
            text: text.into(),
            wait: None,
            show: None,
        }
    }

    /// The same, with seconds to wait for the answer.
    #[must_use]
    pub fn waiting(mut self, seconds: u32) -> Self {
        self.wait = Some(seconds);
        self
    }

    /// The same, with seconds that it is shown at least.
    #[must_use]
    pub fn shown_for(mut self, seconds: u32) -> Self {
        self.show = Some(seconds);
        self
    }

    /// The option string of its alert.
    pub(super) fn options(&self) -> String {
        let mut options = Vec::new();
        if let Some(seconds) = self.show {
            let seconds = self.wait.map_or(seconds, |wait| seconds.min(wait));
            options.push(format!("MINDT={seconds}"));
        }
        if let Some(seconds) = self.wait {
            options.push(format!("MAXDT={seconds}"));
        }
        options.join("&")
    }
}

impl Order {
    /// An order on a standard device, without a question.
    pub fn new(server_id: impl Into<Text>, correlator: impl Into<Correlator>) -> Self {
        Self {
            server_id: server_id.into(),
            correlator: correlator.into(),
            profile: DeviceProfile::STANDARD,
            question: None,
            known_root: None,
            usual_roots: Vec::new(),
            instance: Instance::First,
            checks: Checks::Known,
            offers: None,
            repairs_acl: true,
            report_types: Vec::new(),
            deadline: None,
        }
    }

    /// The same for a device of another kind.
    #[must_use]
    pub fn with_profile(mut self, profile: DeviceProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The same, asking the user first, who has `wait` seconds if that is given.
    #[must_use]
    pub fn confirmed_by_user(self, text: impl Into<Text>, wait: Option<u32>) -> Self {
        self.asking(Question {
            wait,
            ..Question::new(text)
        })
    }

    /// The same, asking the user first.
    #[must_use]
    pub fn asking(mut self, question: Question) -> Self {
        self.question = Some(question);
        self
    }

    /// The same, with the place where the object was the last time.
    #[must_use]
    pub fn with_known_root(mut self, root: NodeUri) -> Self {
        self.known_root = Some(root);
        self
    }

    /// The same, with places to try before the tree is searched.
    #[must_use]
    pub fn with_usual_roots(mut self, roots: impl IntoIterator<Item = NodeUri>) -> Self {
        self.usual_roots = roots.into_iter().collect();
        self
    }

    /// The same for one of several objects.
    #[must_use]
    pub fn for_instance(mut self, instance: Instance) -> Self {
        self.instance = instance;
        self
    }

    /// The same, looking at so much before.
    #[must_use]
    pub fn with_checks(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// The same for a device that is known to offer these operations and no others.
    #[must_use]
    pub fn offering(mut self, operations: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.offers = Some(operations.into_iter().map(Into::into).collect());
        self
    }

    /// The same, taking a 425 for the last word.
    #[must_use]
    pub fn without_acl_repair(mut self) -> Self {
        self.repairs_acl = false;
        self
    }

    /// The same, with types of alerts that are reports too.
    #[must_use]
    pub fn with_report_types(mut self, types: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.report_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// The same with a deadline.
    #[must_use]
    pub fn until(mut self, deadline: u64) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The order of the `number`-th part of a combined operation: the correlator is that of the whole
    /// with the number behind it, and only the first part asks the user.
    #[must_use]
    pub fn part(&self, number: u16) -> Self {
        let mut order = self.clone();
        let correlator = self.correlator.as_str().trim();
        order.correlator = Correlator::from(Text::from(format!("{correlator}.{number}")));
        if number > 1 {
            order.question = None;
        }
        order
    }
}

/// Why an operation ended without a result of the device's.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Ended {
    /// The device refused: 401, 403, 405, 425, 500 and so on.
    Refused(StatusCode),
    /// The user did not say *yes*: 304 no, 214 cancelled, 408 no answer, 1401 refused on the device.
    Declined(StatusCode),
    /// The user could not be asked (406, 412, 416, or the profile says so); nothing was sent.
    NotAsked(Option<StatusCode>),
    /// The device ran it although its user had not said *yes*. `result` is what it says came of it.
    WithoutConsent {
        /// The answer to the question; `None` if there was none.
        answer: Option<StatusCode>,
        /// The status of the Exec, or the code of its report.
        result: StatusCode,
    },
    /// The device has no such object, or the object no such component.
    NotFound,
    /// The device has more than is read of it, and what the operation is about may be in the rest; nothing was
    /// sent that changes it.
    TooMuch,
    /// The device has several such objects, and the order is for the only one.
    Ambiguous,
    /// The object does not offer the operation, or such devices are known not to.
    Unsupported,
    /// It makes no sense as the device is; nothing was sent that changes it.
    Unmet(Unmet),
    /// The device skipped it (215), since a command before it failed or was refused.
    Skipped,
    /// The device did not take what prepares the operation, which was not executed.
    NotPrepared,
    /// The device took some of what prepares the operation, and refused the rest with this status. The
    /// operation was not executed.
    HalfDone(StatusCode),
    /// A command of it cannot be sent to this device, which did not execute the operation.
    NotSent(NotSent),
    /// Cancelled before anything was sent that changes the device.
    Cancelled,
    /// The deadline came before anything of the operation was done on the device.
    Expired,
    /// It was sent, and what came of it cannot be known.
    Unknown,
    /// The device took it, then took a factory reset, and came back without a report of it: what came of it
    /// cannot be known.
    Forgotten,
    /// The deadline came while what prepares the operation was being sent: the device may have taken some of
    /// it, or all, and keeps it. The operation was not executed.
    ExpiredHalfDone,
}

/// The flat form of any outcome, for interfaces that do not know the operations apart.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// What became of it.
    pub state: SummaryState,
    /// The status that decided, where one did: of the Exec, or of the question.
    pub status: Option<StatusCode>,
    /// The result code, from the status or the report.
    pub result: Option<StatusCode>,
    /// What the report says per component.
    pub components: Vec<ComponentResult>,
    /// Of a combined operation, each part; `None` for one that was left out.
    pub parts: Vec<Option<Self>>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
pub enum SummaryState {
    /// Done, as the device says.
    Succeeded,
    /// Tried and failed, or it could not come to it: object missing, not offered, not prepared, unknown
    /// items.
    Failed,
    /// The device refused.
    Refused,
    /// The user did not say *yes*, or could not be asked.
    Declined,
    /// The device ran it although its user had not said *yes*.
    Unconfirmed,
    /// A factory reset that the device took.
    Accepted,
    /// Cancelled in time.
    Cancelled,
    /// Its deadline came in time: it was not executed. With 412 something that prepares it was sent.
    Expired,
    /// It was sent, and what came of it cannot be known.
    Unknown,
}

/// What a report says of one component.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComponentResult {
    /// Where it is now, if the report says so.
    pub uri: Option<Text>,
    /// Its identifier, if the report says so.
    pub id: Option<Text>,
    /// Its result code.
    pub code: StatusCode,
}

impl ComponentResult {
    /// The result of a component.
    pub fn new(uri: Option<Text>, id: Option<Text>, code: StatusCode) -> Self {
        Self { uri, id, code }
    }
}

impl SummaryState {
    /// The name, as it stands in interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Unconfirmed => "unconfirmed",
            Self::Accepted => "accepted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

impl Summary {
    /// A summary without codes.
    pub fn new(state: SummaryState) -> Self {
        Self {
            state,
            status: None,
            result: None,
            components: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// The same with the status that decided.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same with a result code.
    #[must_use]
    pub fn with_result(mut self, result: StatusCode) -> Self {
        self.result = Some(result);
        self
    }

    /// The same with what the report says per component.
    #[must_use]
    pub fn with_components(mut self, components: Vec<ComponentResult>) -> Self {
        self.components = components;
        self
    }
}

impl From<Ended> for Summary {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Refused(status) => Self::new(SummaryState::Refused).with_status(status),
            Ended::NotSent(reason) => {
                Self::new(SummaryState::Failed).with_status(reason.status_code())
            }
            Ended::Declined(status) if status.is_result_code() => {
                Self::new(SummaryState::Declined).with_result(status)
            }
            Ended::Declined(status) => Self::new(SummaryState::Declined).with_status(status),
            Ended::NotAsked(status) => Self {
                status,
                ..Self::new(SummaryState::Declined)
            },
            Ended::WithoutConsent { answer, result } => Self {
                status: answer,
                ..Self::new(SummaryState::Unconfirmed).with_result(result)
            },
            Ended::NotFound => Self::new(SummaryState::Failed).with_status(StatusCode::NOT_FOUND),
            Ended::Ambiguous | Ended::TooMuch => Self::new(SummaryState::Failed),
            Ended::Unmet(Unmet::AlreadySo) => Self::new(SummaryState::Succeeded),
            Ended::Unmet(Unmet::Incomplete) => {
                Self::new(SummaryState::Failed).with_status(StatusCode::NOT_FOUND)
            }
            Ended::Skipped => {
                Self::new(SummaryState::Refused).with_status(StatusCode::NOT_EXECUTED)
            }
            Ended::HalfDone(status) => Self::new(SummaryState::Refused).with_status(status),
            Ended::Unsupported => {
                Self::new(SummaryState::Failed).with_status(StatusCode::COMMAND_NOT_ALLOWED)
            }
            Ended::NotPrepared => {
                Self::new(SummaryState::Failed).with_status(StatusCode::INCOMPLETE_COMMAND)
            }
            Ended::Cancelled => Self::new(SummaryState::Cancelled),
            Ended::Expired => Self::new(SummaryState::Expired),
            Ended::ExpiredHalfDone => {
                Self::new(SummaryState::Expired).with_status(StatusCode::INCOMPLETE_COMMAND)
            }
            Ended::Unknown | Ended::Forgotten => Self::new(SummaryState::Unknown),
        }
    }
}
