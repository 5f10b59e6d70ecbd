//! A device: its account as the management infrastructure sets it, and the row that everything about it
//! is stored in.

use std::collections::{BTreeMap, VecDeque};

use dm_proto::{
    LocUri, Secret,
    auth::{Account, Credentials, Nonce, Scheme, Side},
    message::Item,
    session::{DeviceProfile, Saved, Transmit},
};
use dm_tree::{
    NodeUri,
    remote::{Actor, Decision, Desk, Queue, Refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{operation::AnyOperation, unclaimed::Unclaimed};

/// A device's account, as `PUT /devices/{id}` takes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Device {
    /// Our identifier in the device's account (`ServerID`).
    pub server_id: String,
    /// How both sides prove themselves in messages.
    #[serde(default)]
    pub auth: Auth,
    /// The name that the device proves itself with.
    #[serde(default)]
    pub user: String,
    /// The device's password.
    #[serde(default)]
    pub password: Secret,
    /// The name that we prove ourselves with; `server_id` if empty.
    #[serde(default)]
    pub server_user: String,
    /// Our password.
    #[serde(default)]
    pub server_password: Secret,
    /// Where notifications go, as `udp://host:port`; without it the device must come by itself.
    #[serde(default)]
    pub notify: Option<String>,
    /// What kind of device it is.
    #[serde(default)]
    pub profile: Profile,
    /// Where its management objects are.
    #[serde(default)]
    pub mo_roots: MoRoots,
}

/// How both sides prove themselves in messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Auth {
    /// Not at all: something before us authenticates devices.
    None,
    /// `syncml:auth-basic`
    Basic,
    /// `syncml:auth-md5`
    #[default]
    Md5,
    /// `syncml:auth-MAC`: every message is signed.
    Hmac,
}

/// What a kind of device does, by name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Profile {
    /// As the documents ask, except that no Sequence is trusted to hold an Exec back.
    #[default]
    Standard,
    /// As the documents ask; a question and its Exec go in one Sequence.
    SequenceGuards,
    /// Windows (MS-MDM).
    Windows,
    /// Intel's libdmclient.
    Libdmclient,
    /// The DM client of Android phones.
    Android,
}

impl Profile {
    /// What it stands for.
    pub fn to_profile(self) -> DeviceProfile {
        match self {
            Self::Standard => DeviceProfile::STANDARD,
            Self::SequenceGuards => DeviceProfile::STANDARD.with_sequence_guards(),
            Self::Windows => DeviceProfile::WINDOWS,
            Self::Libdmclient => DeviceProfile::LIBDMCLIENT,
            Self::Android => DeviceProfile::ANDROID,
        }
    }
}

/// Where the management objects of a device are: tried in order before its tree is searched.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MoRoots {
    /// Roots of LAWMO.
    pub lawmo: Vec<String>,
    /// Roots of SCOMO.
    pub scomo: Vec<String>,
}

impl Default for MoRoots {
    fn default() -> Self {
        Self {
            lawmo: vec!["./LAWMO".into()],
            scomo: vec!["./SCOMO".into()],
        }
    }
}

impl MoRoots {
    pub(super) fn lawmo(&self) -> impl Iterator<Item = NodeUri> {
        roots(&self.lawmo)
    }

    pub(super) fn scomo(&self) -> impl Iterator<Item = NodeUri> {
        roots(&self.scomo)
    }
}

fn roots(uris: &[String]) -> impl Iterator<Item = NodeUri> {
    // They were checked when they came.
    uris.iter().filter_map(|uri| NodeUri::parse(uri).ok())
}

/// Why an account is refused.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// A member that the rest makes necessary is empty.
    #[error("\"{0}\" must not be empty")]
    Empty(&'static str),
    /// A place for notifications that is not one.
    #[error("\"notify\" is not of the form udp://host:port")]
    Notify,
    /// Not the URI of a node.
    #[error("{0:?} in \"mo_roots\" is not the uri of a node")]
    Root(String),
    /// A server identifier that does not fit into a notification.
    #[error("\"server_id\" has more than 255 octets")]
    ServerId,
}

impl Device {
    /// An account in which both sides prove themselves with MD5 digests.
    pub fn new(server_id: impl Into<String>) -> Self {
        Self {
            server_id: server_id.into(),
            auth: Auth::Md5,
            user: String::new(),
            password: Secret::default(),
            server_user: String::new(),
            server_password: Secret::default(),
            notify: None,
            profile: Profile::Standard,
            mo_roots: MoRoots::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), DeviceError> {
        if self.server_id.is_empty() {
            return Err(DeviceError::Empty("server_id"));
        }
        if self.server_id.len() > 255 {
            return Err(DeviceError::ServerId);
        }
        match self.auth {
            Auth::None => {}
            Auth::Basic | Auth::Md5 | Auth::Hmac => {
                let needed = [
                    ("user", self.user.as_str()),
                    ("password", self.password.expose()),
                    ("server_password", self.server_password.expose()),
                ];
                if let Some((name, _)) = needed.into_iter().find(|(_, value)| value.is_empty()) {
                    return Err(DeviceError::Empty(name));
                }
            }
        }
        if self.notify.is_some() && self.notify_address().is_none() {
            return Err(DeviceError::Notify);
        }
        let mut uris = self.mo_roots.lawmo.iter().chain(&self.mo_roots.scomo);
        match uris.find(|uri| NodeUri::parse(uri).is_err()) {
            Some(uri) => Err(DeviceError::Root(uri.clone())),
            None => Ok(()),
        }
    }

    /// The `host:port` that notifications go to.
    pub(super) fn notify_address(&self) -> Option<&str> {
        let address = self.notify.as_deref()?.strip_prefix("udp://")?;
        let (host, port) = address.rsplit_once(':')?;
        let fits = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0);
        fits.then_some(address)
    }

    /// The account as the session wants it. `server_uri` is how the device addresses us.
    pub(super) fn account(&self, id: &str, server_uri: &LocUri, nonces: &Nonces) -> Account {
        let scheme = match self.auth {
            Auth::None => Scheme::Transport,
            Auth::Basic => Scheme::Basic,
            Auth::Md5 => Scheme::Md5,
            Auth::Hmac => Scheme::Hmac,
        };
        let server_user = if self.server_user.is_empty() {
            &self.server_id
        } else {
            &self.server_user
        };
        let credentials = |name: &str, secret: &Secret, nonce: &Nonce| match self.auth {
            Auth::None => Credentials::transport(),
            _ => Credentials {
                scheme,
                name: name.into(),
                secret: secret.clone(),
                nonce: nonce.clone(),
            },
        };
        Account {
            server_id: self.server_id.as_str().into(),
            server_uri: server_uri.clone(),
            device_uri: id.into(),
            client: credentials(&self.user, &self.password, &nonces.client),
            server: credentials(server_user, &self.server_password, &nonces.server),
        }
    }

    /// Whether the same credentials are used, so that nonces and sessions stay valid.
    fn same_credentials(&self, other: &Self) -> bool {
        let of = |device: &Self| {
            (
                device.server_id.clone(),
                device.auth,
                device.user.clone(),
                device.password.clone(),
                device.server_user.clone(),
                device.server_password.clone(),
            )
        };
        of(self) == of(other)
    }
}

/// The nonces of the next digests of both sides.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Nonces {
    pub(super) client: Nonce,
    pub(super) server: Nonce,
}

impl Nonces {
    pub(super) fn set(&mut self, side: Side, nonce: Nonce) {
        match side {
            Side::Client => self.client = nonce,
            Side::Server => self.server = nonce,
        }
    }
}

/// A session between two messages, with its last answer and its nonces.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Slot {
    pub(super) saved: Saved,
    /// The answer to the last message; `None` if there was nothing to say.
    pub(super) last_sent: Option<Transmit>,
    pub(super) nonces: Nonces,
}

/// How the device is called to open a session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Calls {
    /// The session that it is to open: the same at each call, so that it opens one.
    pub(super) session_id: Option<u16>,
    /// How often it was called since an operation was queued or ended.
    pub(super) times: u32,
    /// When it may be called again, in milliseconds since 1970.
    pub(super) not_before: i64,
}

impl Calls {
    /// The device was called, or has come by itself: it is left alone for a while, longer each time that
    /// nothing comes of it.
    pub(super) fn back_off(&mut self, now: i64) {
        let wait = 5_000_i64.checked_shl(self.times.min(16));
        let wait = wait.unwrap_or(i64::MAX).min(3_600_000);
        self.not_before = now.saturating_add(wait);
    }
}

/// Everything about a device, stored as one under a version that compare-and-swap goes by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    /// Counts the changes; 0 for a row that was never stored.
    pub(super) version: u64,
    pub(super) device: Device,
    /// Those of the last session that authenticated, for the next one and for notifications.
    pub(super) nonces: Nonces,
    /// The session that authenticated last.
    pub(super) session: Option<Slot>,
    /// A session that has not authenticated yet. It touches nothing else.
    pub(super) candidate: Option<Slot>,
    /// Whether the session is still on, as far as we know.
    pub(super) in_session: bool,
    /// When its last message came, in milliseconds since 1970.
    pub(super) seen: Option<i64>,
    pub(super) queue: Queue<AnyOperation>,
    /// The operations of the queue: number, identifier, deadline.
    pub(super) open: Vec<Open>,
    /// Operations that are over and still in the queue, oldest first: number, identifier. What a device
    /// sends of them now comes too late, but is not lost.
    pub(super) over: VecDeque<(u32, String)>,
    pub(super) next_number: u32,
    /// How many requests the device has made.
    pub(super) requests: u64,
    pub(super) calls: Calls,
    /// What the device says of itself when it opens a session.
    pub(super) dev_info: BTreeMap<String, String>,
    /// The latest alerts that belong to no operation, oldest first.
    pub(super) unclaimed: VecDeque<Unclaimed>,
}

/// An operation of the queue.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Open {
    pub(super) number: u32,
    pub(super) id: String,
    /// Milliseconds since 1970.
    pub(super) deadline: Option<i64>,
}

impl Row {
    pub(super) fn new(id: &str, device: Device) -> Self {
        Self {
            id: id.to_owned(),
            version: 0,
            device,
            nonces: Nonces::default(),
            session: None,
            candidate: None,
            in_session: false,
            seen: None,
            queue: Queue::new(),
            open: Vec::new(),
            over: VecDeque::new(),
            next_number: 1,
            requests: 0,
            calls: Calls::default(),
            dev_info: BTreeMap::new(),
            unclaimed: VecDeque::new(),
        }
    }

    /// Sets another account. New credentials end what was proved with the old ones.
    pub(super) fn set_device(&mut self, device: Device) {
        if !self.device.same_credentials(&device) {
            self.nonces = Nonces::default();
            self.session = None;
            self.candidate = None;
            self.in_session = false;
        }
        self.device = device;
    }

    /// Adds an operation that somebody asks for, if the desk grants it; its number.
    pub(super) fn admit(
        &mut self,
        id: &str,
        deadline: Option<i64>,
        behalf: Actor,
        operation: AnyOperation,
        desk: &mut impl Desk<AnyOperation>,
    ) -> Result<u32, Refusal> {
        let number = self.next_number;
        let by = Actor::Infrastructure;
        match self.queue.admit(number, by, behalf, operation, desk) {
            Decision::Refused(refusal) => Err(refusal),
            Decision::Now | Decision::Later => {
                self.next_number = after(number);
                self.opened(number, id, deadline);
                Ok(number)
            }
        }
    }

    /// Takes note of an operation that is in the queue now.
    pub(super) fn opened(&mut self, number: u32, id: &str, deadline: Option<i64>) {
        self.calls = Calls {
            session_id: self.calls.session_id,
            ..Calls::default()
        };
        self.open.push(Open {
            number,
            id: id.to_owned(),
            deadline,
        });
    }

    /// Takes note of an operation that is over; `None` if it was so before. It stays in the queue for a
    /// while, unless it is large: who asked has its outcome.
    pub(super) fn closed(&mut self, number: u32) -> Option<Open> {
        let at = self.open.iter().position(|open| open.number == number)?;
        let open = self.open.remove(at);
        let operation = self.queue.get(number);
        let stored = operation.and_then(|operation| postcard::to_allocvec(operation).ok());
        if stored.is_some_and(|stored| stored.len() <= OVER_OCTETS) {
            self.over.push_back((number, open.id.clone()));
        } else {
            self.queue.remove(number);
        }
        while self.over.len() > OVER {
            if let Some((number, _)) = self.over.pop_front() {
                self.queue.remove(number);
            }
        }
        Some(open)
    }

    /// The identifier of an operation that is in the queue, be it over or not.
    pub(super) fn id_of(&self, number: u32) -> Option<&str> {
        let open = self.open.iter().map(|open| (open.number, &open.id));
        let over = self.over.iter().map(|(number, id)| (*number, id));
        let mut all = open.chain(over);
        all.find_map(|(n, id)| (n == number).then_some(id.as_str()))
    }

    /// Remembers what the device says of itself.
    pub(super) fn set_dev_info(&mut self, items: &[Item]) {
        self.dev_info = items
            .iter()
            .filter_map(|item| {
                let uri = item.source_uri().or_else(|| item.target_uri())?.as_str();
                let text = item.data.as_ref()?.as_str()?;
                Some((head(uri), head(text)))
            })
            .take(16)
            .collect();
    }

    /// Remembers an alert that belongs to no operation.
    pub(super) fn heard(&mut self, unclaimed: Unclaimed) {
        let mut known = self.unclaimed.iter_mut();
        if !known.any(|known| known.folds(&unclaimed)) {
            self.unclaimed.push_back(unclaimed);
        }
        if self.unclaimed.len() > UNCLAIMED {
            self.unclaimed.pop_front();
        }
    }

    /// When something is to be done for this device without its asking: a deadline or a notification.
    pub(super) fn due(&self) -> Option<i64> {
        let deadlines = self.open.iter().filter_map(|open| open.deadline);
        deadlines.chain(self.notification_due()).min()
    }

    /// When the device is to be told to come; `None` if it need not or cannot be told.
    pub(super) fn notification_due(&self) -> Option<i64> {
        self.device.notify_address()?;
        if !self.queue.wants_session() {
            return None;
        }
        let seen = self.seen.unwrap_or(0);
        let quiet = if self.in_session {
            seen.saturating_add(PATIENCE)
        } else {
            0
        };
        Some(quiet.max(self.calls.not_before))
    }

    /// The account as the REST API shows it: never with a password.
    pub(super) fn view(&self) -> Value {
        let Device {
            server_id,
            auth,
            user,
            password: _,
            server_user,
            server_password: _,
            notify,
            profile,
            mo_roots,
        } = &self.device;
        let open = self.open.iter().map(|open| open.id.as_str());
        json!({
            "id": self.id,
            "server_id": server_id,
            "auth": auth,
            "user": user,
            "server_user": server_user,
            "notify": notify,
            "profile": profile,
            "mo_roots": mo_roots,
            "operations": open.collect::<Vec<_>>(),
            "last_seen": self.seen.map(super::operation::time),
            "dev_info": self.dev_info,
            "alerts": self.unclaimed.iter().map(Unclaimed::view).collect::<Vec<_>>(),
        })
    }
}

/// The number behind this one.
pub(super) fn after(number: u32) -> u32 {
    number.wrapping_add(1).max(1)
}

/// How many operations that are over stay in the queue, and how many octets each may have.
const OVER: usize = 16;
const OVER_OCTETS: usize = 8 << 10;

/// How many alerts that belong to no operation are remembered.
const UNCLAIMED: usize = 16;

/// The beginning of a text of the device's.
pub(super) fn head(text: &str) -> String {
    text.chars().take(256).collect()
}

/// How long a session that has gone quiet counts as going on, in milliseconds.
const PATIENCE: i64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_does_not_come_is_called_less_and_less_often() {
        let wait = |times| {
            let mut calls = Calls {
                times,
                ..Calls::default()
            };
            calls.back_off(1_000);
            calls.not_before - 1_000
        };
        let waits: Vec<_> = (0..12).map(wait).collect();
        assert_eq!(waits.first(), Some(&5_000));
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&3_600_000));
        assert_eq!(wait(u32::MAX), 3_600_000);
    }
}
