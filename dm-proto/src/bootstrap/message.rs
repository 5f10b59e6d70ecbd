//! [`Message`]: a bootstrap message as it came, and what is in it once it is authentic.

use alloc::{format, string::String, vec, vec::Vec};

use bytes::Bytes;

use super::{
    BootstrapError, Document,
    mac::{self, Digest, Secrets, Security},
};
use crate::{
    Limits, LocUri, Secret,
    auth::base64,
    codec::{self, DecodeOptions, Encoding},
    message::{Command, Item, Meta},
    wap_push::Push,
};

/// What a message carries, by its media type.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub enum Kind {
    /// A Client Provisioning document.
    Provisioning,
    /// A DM message with serialized objects, for the Inbox.
    Management,
    /// A serialized object alone.
    Objects,
}

/// The media types: kind, whether in WBXML, name.
const MEDIA_TYPES: [(Kind, bool, &str); 6] = [
    (
        Kind::Provisioning,
        true,
        "application/vnd.wap.connectivity-wbxml",
    ),
    (Kind::Provisioning, false, "text/vnd.wap.connectivity-xml"),
    (Kind::Management, true, "application/vnd.syncml.dm+wbxml"),
    (Kind::Management, false, "application/vnd.syncml.dm+xml"),
    (Kind::Objects, true, "application/vnd.syncml.dmtnds+wbxml"),
    (Kind::Objects, false, "application/vnd.syncml.dmtnds+xml"),
];

/// How often a PIN may be wrong.
const PIN_ATTEMPTS: u8 = 3;

/// A bootstrap message that is not believed.
///
/// It counts the PINs that were tried: keep it, over a restart too, as long as its user may try another.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Message {
    kind: Kind,
    is_wbxml: bool,
    /// How it is secured, and its MAC, where that goes with it.
    security: Option<(Security, Option<Digest>)>,
    body: Bytes,
    attempts: u8,
}

/// A bootstrap message that is believed.
#[derive(Clone, Eq, PartialEq)]
pub struct Authentic {
    kind: Kind,
    is_wbxml: bool,
    body: Bytes,
}

/// What is in a bootstrap message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A provisioning document.
    Provisioning(Document),
    /// Management objects, each a TNDS document.
    Objects(Vec<SerializedObject>),
}

/// A management object as it came.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct SerializedObject {
    /// Where its message wants it: `./Inbox` or below, as a rule; none for one that came alone.
    pub target: Option<LocUri>,
    /// The TNDS document.
    pub octets: Bytes,
    /// Its encoding.
    pub encoding: Encoding,
}

impl Message {
    /// Takes a message with the content type that it came with.
    ///
    /// # Errors
    ///
    /// If that is not one of a bootstrap message, or has a security method that is not known or a MAC that is
    /// none.
    pub fn read(content_type: &str, body: impl Into<Bytes>) -> Result<Self, BootstrapError> {
        let mut parts = content_type.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let (kind, is_wbxml, _) = MEDIA_TYPES
            .into_iter()
            .find(|(.., known)| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| BootstrapError::UnsupportedMediaType(content_type.into()))?;
        let mut parameters = Vec::new();
        for part in parts {
            if let Some((name, value)) = part.split_once('=') {
                let value = value.trim().trim_matches('"');
                parameters.push((name.trim().to_ascii_uppercase(), value));
            }
        }
        let parameter = |wanted: &str| {
            let mut found = parameters.iter().filter(|(name, _)| name == wanted);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(Some(*value)),
                (None, _) => Ok(None),
                (Some(_), Some(_)) => Err(BootstrapError::NotAuthenticated),
            }
        };
        let security = match (parameter("SEC")?, parameter("MAC")?) {
            (None, None) => None,
            (None, Some(_)) => return Err(BootstrapError::NotAuthenticated),
            (Some(sec), digest) => {
                let sec = Security::from_parameter(kind, sec)
                    .ok_or_else(|| BootstrapError::UnsupportedSecurity(sec.into()))?;
                let digest = match sec {
                    // The user has it.
                    Security::UserPinWithMac => None,
                    _ => {
                        let digest = digest.and_then(mac::from_text);
                        Some(digest.ok_or(BootstrapError::NotAuthenticated)?)
                    }
                };
                Some((sec, digest))
            }
        };
        Ok(Self {
            kind,
            is_wbxml,
            security,
            body: body.into(),
            attempts: 0,
        })
    }

    /// Takes a message that came by WAP push.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_push(push: &Push) -> Result<Self, BootstrapError> {
        Self::read(&push.content_type, push.body.clone())
    }

    /// The content type of a document with the MAC over it: what a server sends it as. The body must be WBXML.
    /// With [`Security::UserPinWithMac`] the MAC is for the user: [`pin_with_mac`](Self::pin_with_mac).
    ///
    /// # Errors
    ///
    /// If a secret that the method needs is missing, or the profile does not have the method.
    pub fn content_type(
        kind: Kind,
        security: Security,
        secrets: &Secrets,
        body: &[u8],
    ) -> Result<String, BootstrapError> {
        let media_type = MEDIA_TYPES
            .into_iter()
            .find_map(|row| (row.0 == kind && row.1).then_some(row.2))
            .unwrap_or_default();
        let sec = security
            .parameter(kind)
            .ok_or_else(|| BootstrapError::UnsupportedSecurity("USERPINMAC".into()))?;
        if security == Security::UserPinWithMac {
            return Ok(format!("{media_type}; SEC={sec}"));
        }
        let mac = mac::mac(kind, security, secrets, body);
        let mac = mac::to_text(&mac.ok_or(BootstrapError::NoSecret(security))?);
        Ok(format!("{media_type}; SEC={sec}; MAC={mac}"))
    }

    /// What a server tells the user of a document in another way, for [`Security::UserPinWithMac`]: the PIN,
    /// and behind it as many digits of the MAC. `None` unless the PIN has 5 to 20 characters, which should be
    /// random digits.
    pub fn pin_with_mac(pin: &str, body: &[u8]) -> Option<Secret> {
        let digits = mac::digits_behind(pin, body)?;
        Some(Secret::from(format!("{pin}{digits}")))
    }

    /// What the message says that it carries.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is needed to authenticate it; `None` if it has no MAC.
    pub fn security(&self) -> Option<Security> {
        self.security.map(|(security, _)| security)
    }

    /// How often the PIN may still be tried.
    pub fn attempts_left(&self) -> u8 {
        PIN_ATTEMPTS.saturating_sub(self.attempts)
    }

    /// Verifies the MAC, in constant time. The network's secret may be tried as often as one likes, a PIN
    /// three times.
    ///
    /// # Errors
    ///
    /// If there is no MAC, a secret is missing, or it is wrong.
    pub fn authenticate(&mut self, secrets: &Secrets) -> Result<Authentic, BootstrapError> {
        // The MAC is over the octets of WBXML; text has other octets.
        let Some((security, digest)) = self.security.filter(|_| self.is_wbxml) else {
            return Err(BootstrapError::NotAuthenticated);
        };
        if security.needs_pin() && self.attempts_left() == 0 {
            return Err(BootstrapError::NoAttemptsLeft);
        }
        let is_right = match digest {
            Some(digest) => mac::mac(self.kind, security, secrets, &self.body)
                .map(|mac| mac::equal(&mac, &digest)),
            None => secrets
                .pin
                .as_ref()
                .map(|typed| mac::is_with_mac(typed, &self.body)),
        };
        if is_right.ok_or(BootstrapError::NoSecret(security))? {
            return Ok(self.believed());
        }
        if security.needs_pin() {
            self.attempts = self.attempts.saturating_add(1);
        }
        Err(BootstrapError::WrongMac)
    }

    /// Believes the message because of the way it came: a smart card, the image of the device, a file of its
    /// owner, a transport that has authenticated the server. **Never for what came by SMS.**
    /// OMA-TS-DM_Security, bootstrap: where the transport is secure, its security takes the place of the MAC.
    #[must_use]
    pub fn trust_the_transport(self) -> Authentic {
        self.believed()
    }

    fn believed(&self) -> Authentic {
        Authentic {
            kind: self.kind,
            is_wbxml: self.is_wbxml,
            body: self.body.clone(),
        }
    }
}

impl Authentic {
    /// What is in it.
    ///
    /// # Errors
    ///
    /// If the octets are not what the content type says, or exceed a limit.
    pub fn content(&self, limits: &Limits) -> Result<Content, BootstrapError> {
        let encoding = match self.is_wbxml {
            true => Encoding::Wbxml,
            false => Encoding::Xml,
        };
        match self.kind {
            Kind::Provisioning => {
                Document::read(encoding, &self.body, limits).map(Content::Provisioning)
            }
            Kind::Objects => Ok(Content::Objects(vec![SerializedObject {
                target: None,
                octets: self.body.clone(),
                encoding,
            }])),
            Kind::Management => {
                let commands = self.commands(limits)?;
                let mut objects = Vec::new();
                // In their order, with those inside a Sequence or Atomic.
                let mut pending: Vec<&Command> = commands.iter().rev().collect();
                while let Some(command) = pending.pop() {
                    objects.extend(objects_of(command)?);
                    pending.extend(command.children().iter().rev());
                }
                match objects.is_empty() {
                    true => Err(BootstrapError::NoObject),
                    false => Ok(Content::Objects(objects)),
                }
            }
        }
    }
}

impl Authentic {
    /// The commands of a message of the Device Management profile, as they stand; none of one that is no
    /// message.
    ///
    /// OMA-TS-DM_Bootstrap, processing of the bootstrap: it is processed like any DM message, but for the
    /// answer, which is never sent. [`content`](Self::content) has what a device is bootstrapped with, the
    /// objects; who wants to execute other commands, such as the Add of a single node, has them from here. There
    /// is nobody to answer, so that a Get asks for nothing, and a question to the user has no server yet.
    ///
    /// # Errors
    ///
    /// If the octets are not a message, or exceed a limit.
    pub fn commands(&self, limits: &Limits) -> Result<Vec<Command>, BootstrapError> {
        if self.kind != Kind::Management {
            return Ok(Vec::new());
        }
        let encoding = match self.is_wbxml {
            true => Encoding::Wbxml,
            false => Encoding::Xml,
        };
        let options = DecodeOptions::lenient(limits.clone());
        Ok(codec::decode(encoding, &self.body, &options)?
            .message
            .commands)
    }
}

/// The serialized objects of an Add or Replace. OMA-TS-DM_Bootstrap, Device Management profile.
fn objects_of(command: &Command) -> Result<Vec<SerializedObject>, BootstrapError> {
    let (meta, items) = match command {
        Command::Add(command) => (&command.meta, &command.items),
        Command::Replace(command) => (&command.meta, &command.items),
        _ => return Ok(Vec::new()),
    };
    items
        .iter()
        .filter_map(|item| object_of(item, meta.as_deref()).transpose())
        .collect()
}

fn object_of(
    item: &Item,
    common: Option<&Meta>,
) -> Result<Option<SerializedObject>, BootstrapError> {
    let metas = || item.meta.as_deref().into_iter().chain(common);
    let type_ = metas().find_map(|meta| meta.type_.as_deref());
    let format = metas().find_map(|meta| meta.format.as_deref());
    let type_ = type_.unwrap_or_default().trim();
    let encoding = MEDIA_TYPES.into_iter().find_map(|(kind, is_wbxml, name)| {
        let encoding = match is_wbxml {
            true => Encoding::Wbxml,
            false => Encoding::Xml,
        };
        (kind == Kind::Objects && name.eq_ignore_ascii_case(type_)).then_some(encoding)
    });
    let Some((encoding, data)) = encoding.zip(item.data.as_ref()) else {
        return Ok(None);
    };
    let is_base64 = format.is_some_and(|format| format.trim() == "b64");
    let octets = match (data.as_markup(), data.as_str().filter(|_| is_base64)) {
        // Elements that were not escaped: as a document of their own again.
        (Some(fragment), _) => codec::encode_fragment(Encoding::Xml, fragment)?,
        (None, Some(text)) => base64::decode(text)
            .ok_or(BootstrapError::NotBase64)?
            .into(),
        (None, None) => data.to_bytes().unwrap_or_default(),
    };
    Ok(Some(SerializedObject {
        target: item.target_uri().cloned(),
        octets,
        encoding,
    }))
}

// The documents hold passwords.

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("security", &self.security())
            .field("attempts_left", &self.attempts_left())
            .field("octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Authentic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authentic")
            .field("kind", &self.kind)
            .field("octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for SerializedObject {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SerializedObject")
            .field("target", &self.target)
            .field("encoding", &self.encoding)
            .field("octets", &self.octets.len())
            .finish()
    }
}

impl Kind {
    /// What a file holds that came without a content type, in which case it has no MAC either: its media type,
    /// from the root element of the document.
    pub fn detect(octets: &Bytes, limits: &Limits) -> Option<&'static str> {
        let encoding = Encoding::detect(octets)?;
        let is_wbxml = encoding == Encoding::Wbxml;
        let root = Document::root(encoding, octets, limits)?;
        let kind = match root.as_str() {
            "wap-provisioningdoc" => Self::Provisioning,
            "SyncML" => Self::Management,
            "MgmtTree" => Self::Objects,
            _ => return None,
        };
        MEDIA_TYPES
            .into_iter()
            .find_map(|row| (row.0 == kind && row.1 == is_wbxml).then_some(row.2))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mac::NetworkSecret, *};
    use crate::{
        Data,
        codec::encode,
        message::{Add, SyncMl},
    };

    /// The Client Provisioning document of the vectors, 112 octets.
    const DOCUMENT: &str = "030b6a00c54503312e310001c600015501873600000603773700018700013800000603737276310001\
        c600015601873400000603687474703a2f2f732f646d000101c600015701873000000600018d018733000006000193018731\
        000006037500018700013200000603700001010101";
    const PROVISIONING: &str = "application/vnd.wap.connectivity-wbxml";

    fn octets(hex: &str) -> Bytes {
        crate::vectors::octets(hex)
    }

    fn secrets() -> Secrets {
        let network = NetworkSecret::imsi("262010123456789").expect("an imsi");
        Secrets::default().with_network(network).with_pin("1234")
    }

    fn message(parameters: &str) -> Message {
        let content_type = format!("{PROVISIONING}{parameters}");
        Message::read(&content_type, octets(DOCUMENT)).expect("a message")
    }

    /// The methods of Client Provisioning with the MACs of the vectors.
    const MACS: [(&str, Security, &str); 3] = [
        (
            "0",
            Security::Network,
            "8EBF22EE0F8AEC09743C1902C46757A53A55E975",
        ),
        (
            "1",
            Security::UserPin,
            "C9F2B672906761A303D7E4F86F79DA1F196DF3F9",
        ),
        (
            "2",
            Security::UserPinAndNetwork,
            "05196B559EA8E627507EDED3FB4D648D3D76AA3B",
        ),
    ];

    #[test]
    fn the_vectors_of_client_provisioning_are_made_and_believed() {
        for (sec, security, mac) in MACS {
            let made =
                Message::content_type(Kind::Provisioning, security, &secrets(), &octets(DOCUMENT));
            assert_eq!(made, Ok(format!("{PROVISIONING}; SEC={sec}; MAC={mac}")));
            for parameters in [
                format!("; SEC={sec}; MAC={mac}"),
                format!(";mac=\"{}\";sec=\"{sec}\"", mac.to_lowercase()),
            ] {
                let mut message = message(&parameters);
                assert_eq!(message.security(), Some(security));
                let authentic = message.authenticate(&secrets()).expect("it is authentic");
                let content = authentic.content(&Limits::DEFAULT).expect("a document");
                let Content::Provisioning(document) = content else {
                    panic!("it is a provisioning document");
                };
                assert_eq!(document.write(Encoding::Wbxml), Ok(octets(DOCUMENT)));
            }
        }
    }

    #[test]
    fn the_vectors_of_the_dm_profile_are_made() {
        // A whole message of 94 octets; what it says does not matter here.
        let body = octets(
            "02a4016a006d6c7103312e3200017203444d2f312e32000165033100015b033100016e5703687474703a2f2f7300010167\
             5703494d45493a310001015a00014c03343039360001010100006b464b033100014f0331323031000101120101",
        );
        for (sec, security, mac) in [
            (
                "NETWORKID",
                Security::Network,
                "289F2307BFB6BCBE88687FAF2BE6FA6C2A8BED2E",
            ),
            (
                "USERPIN",
                Security::UserPin,
                "ECE84C32F91059F7050A02660930FE97A28F7609",
            ),
            (
                "USERPIN_NETWORKID",
                Security::UserPinAndNetwork,
                "3AB3863BFD97BA7F96098CADB7F8CD158871296C",
            ),
        ] {
            let expected = format!("application/vnd.syncml.dm+wbxml; SEC={sec}; MAC={mac}");
            let made = Message::content_type(Kind::Management, security, &secrets(), &body);
            assert_eq!(made.as_ref(), Ok(&expected));
            let mut message = Message::read(&expected, body.clone()).expect("a message");
            assert!(message.authenticate(&secrets()).is_ok(), "{sec}");
        }
    }

    #[test]
    fn what_is_not_authenticated_or_wrong_is_refused() {
        let network = Secrets::default()
            .with_network(NetworkSecret::imsi("262010123456780").expect("an imsi"));
        let (_, _, mac) = MACS[0];
        let signed = format!("; SEC=0; MAC={mac}");
        assert_eq!(
            message("").authenticate(&secrets()),
            Err(BootstrapError::NotAuthenticated)
        );
        assert_eq!(
            message(&signed).authenticate(&network),
            Err(BootstrapError::WrongMac)
        );
        assert_eq!(
            message(&signed).authenticate(&Secrets::default()),
            Err(BootstrapError::NoSecret(Security::Network))
        );
        let changed = octets(&DOCUMENT.replace("7073", "7074").replace("773700", "773800"));
        let content_type = format!("{PROVISIONING}{signed}");
        let mut changed = Message::read(&content_type, changed).expect("a message");
        assert_eq!(
            changed.authenticate(&secrets()),
            Err(BootstrapError::WrongMac)
        );
        // The MAC is over WBXML.
        let xml = format!("text/vnd.wap.connectivity-xml{signed}");
        let mut xml = Message::read(&xml, &b"<wap-provisioningdoc/>"[..]).expect("a message");
        assert_eq!(
            xml.authenticate(&secrets()),
            Err(BootstrapError::NotAuthenticated)
        );
    }

    #[test]
    fn a_content_type_that_says_too_little_or_too_much_is_refused() {
        let (_, _, mac) = MACS[0];
        let read = |parameters: &str| {
            Message::read(&format!("{PROVISIONING}{parameters}"), Bytes::new()).map(|_| ())
        };
        let cases = [
            ("; SEC=0".into(), BootstrapError::NotAuthenticated),
            (format!("; MAC={mac}"), BootstrapError::NotAuthenticated),
            ("; SEC=0; MAC=12".into(), BootstrapError::NotAuthenticated),
            (
                format!("; SEC=0; SEC=1; MAC={mac}"),
                BootstrapError::NotAuthenticated,
            ),
            (
                format!("; SEC=4; MAC={mac}"),
                BootstrapError::UnsupportedSecurity("4".into()),
            ),
            (
                format!("; SEC=NETWORKID; MAC={mac}"),
                BootstrapError::UnsupportedSecurity("NETWORKID".into()),
            ),
        ];
        for (parameters, error) in cases {
            assert_eq!(read(&parameters), Err(error), "{parameters}");
        }
        assert_eq!(
            Message::read("text/html", Bytes::new()),
            Err(BootstrapError::UnsupportedMediaType("text/html".into()))
        );
    }

    #[test]
    fn a_pin_may_be_wrong_three_times_and_the_networks_secret_always() {
        let (_, _, mac) = MACS[1];
        let mut of_user = message(&format!("; SEC=1; MAC={mac}"));
        for left in [2, 1, 0] {
            assert_eq!(
                of_user.authenticate(&secrets().with_pin("4321")),
                Err(BootstrapError::WrongMac)
            );
            assert_eq!(of_user.attempts_left(), left);
            // No PIN is no attempt.
            if left > 0 {
                assert_eq!(
                    of_user.authenticate(&Secrets::default()),
                    Err(BootstrapError::NoSecret(Security::UserPin))
                );
            }
            let text = serde_json::to_string(&of_user).expect("it is stored");
            of_user = serde_json::from_str(&text).expect("it is read");
        }
        assert_eq!(
            of_user.authenticate(&secrets()),
            Err(BootstrapError::NoAttemptsLeft)
        );

        let mut of_network = message(&format!("; SEC=0; MAC={mac}"));
        for _ in 0..5 {
            assert_eq!(
                of_network.authenticate(&secrets()),
                Err(BootstrapError::WrongMac)
            );
        }
    }

    #[test]
    fn a_pin_with_a_mac_proves_the_document_to_who_types_it() {
        let sec = Message::content_type(
            Kind::Provisioning,
            Security::UserPinWithMac,
            &Secrets::default(),
            &octets(DOCUMENT),
        );
        assert_eq!(sec, Ok(format!("{PROVISIONING}; SEC=3")));
        let typed = Message::pin_with_mac("90817", &octets(DOCUMENT)).expect("a pin");
        for parameters in ["; SEC=3", "; SEC=USERPINMAC; MAC=00"] {
            let mut message = message(parameters);
            assert_eq!(message.security(), Some(Security::UserPinWithMac));
            assert_eq!(
                message.authenticate(&Secrets::default()),
                Err(BootstrapError::NoSecret(Security::UserPinWithMac))
            );
            assert_eq!(
                message.authenticate(&Secrets::default().with_pin("9081712345")),
                Err(BootstrapError::WrongMac)
            );
            assert_eq!(message.attempts_left(), 2);
            let secrets = Secrets::default().with_pin(typed.clone());
            assert!(message.authenticate(&secrets).is_ok());
        }
        let changed = Message::read(
            &format!("{PROVISIONING}; SEC=3"),
            octets(&DOCUMENT.replace("773700", "773800")),
        );
        assert_eq!(
            changed
                .expect("a message")
                .authenticate(&Secrets::default().with_pin(typed)),
            Err(BootstrapError::WrongMac)
        );
        // The Device Management profile has no such method.
        let refused = Message::content_type(
            Kind::Management,
            Security::UserPinWithMac,
            &secrets(),
            &octets(DOCUMENT),
        );
        let error = BootstrapError::UnsupportedSecurity("USERPINMAC".into());
        assert_eq!(refused, Err(error));
    }

    #[test]
    fn objects_may_come_as_base64_and_other_commands_are_handed_out() {
        let add = |data: &str| Add {
            cmd_id: "1".into(),
            meta: Some(Meta::of_type("application/vnd.syncml.dmtnds+wbxml").into()),
            items: vec![
                Item::for_target("./Inbox")
                    .with_meta(Meta::format("b64"))
                    .with_data(data),
            ],
            ..Add::default()
        };
        let read = |data: &str| {
            let single = Add {
                cmd_id: "2".into(),
                items: vec![Item::for_target("./DevDetail/Ext/A").with_data("1")],
                ..Add::default()
            };
            let message = SyncMl {
                commands: vec![add(data).into(), single.into()],
                ..SyncMl::default()
            };
            let body = encode(Encoding::Wbxml, &message).expect("octets");
            let message = Message::read("application/vnd.syncml.dm+wbxml", body).expect("one");
            message.trust_the_transport()
        };
        let authentic = read("AwAA\r\nag==");
        let Ok(Content::Objects(objects)) = authentic.content(&Limits::DEFAULT) else {
            panic!("there is an object");
        };
        let octets: Vec<_> = objects.into_iter().map(|object| object.octets).collect();
        assert_eq!(octets, [&b"\x03\x00\x00\x6a"[..]]);
        let commands = authentic.commands(&Limits::DEFAULT).expect("commands");
        assert_eq!(commands.len(), 2);
        assert_eq!(
            read("no*base64").content(&Limits::DEFAULT),
            Err(BootstrapError::NotBase64)
        );
        assert_eq!(
            message("").trust_the_transport().commands(&Limits::DEFAULT),
            Ok(vec![])
        );
    }

    #[test]
    fn a_message_of_the_dm_profile_hands_its_objects_on() {
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let tnds = b"\x03\x00\x00\x6a";
            let item = |data: Data, type_: &'static str| {
                Item::for_target("./Inbox")
                    .with_meta(Meta::of_type(type_))
                    .with_data(data)
            };
            let add = Add {
                cmd_id: "1".into(),
                items: vec![
                    item(
                        Data::binary(&tnds[..]),
                        "application/vnd.syncml.dmtnds+wbxml",
                    ),
                    item("<MgmtTree/>".into(), "application/vnd.syncml.dmtnds+xml"),
                    item("other".into(), "text/plain"),
                ],
                ..Add::default()
            };
            let message = SyncMl {
                commands: vec![add.into()],
                is_final: true,
                ..SyncMl::default()
            };
            let body = encode(Encoding::Wbxml, &message).expect("octets");
            let message = Message::read("application/vnd.syncml.dm+wbxml", body).expect("one");
            let content = message.trust_the_transport().content(&Limits::DEFAULT);
            let Ok(Content::Objects(objects)) = content else {
                panic!("{content:?}");
            };
            let [wbxml, xml] = objects.as_slice() else {
                panic!("there are two: {objects:?}");
            };
            let wanted = match encoding {
                Encoding::Wbxml => wbxml,
                Encoding::Xml => xml,
            };
            assert_eq!(wanted.encoding, encoding);
            assert_eq!(wanted.target.as_ref().map(LocUri::as_str), Some("./Inbox"));
            let octets = match encoding {
                Encoding::Wbxml => &tnds[..],
                Encoding::Xml => b"<MgmtTree/>",
            };
            assert_eq!(wanted.octets, octets);
        }
        let empty = encode(Encoding::Xml, &SyncMl::default()).expect("octets");
        let message = Message::read("application/vnd.syncml.dm+xml", empty).expect("a message");
        assert_eq!(
            message.trust_the_transport().content(&Limits::DEFAULT),
            Err(BootstrapError::NoObject)
        );
    }

    #[test]
    fn an_object_alone_is_handed_on_as_it_is() {
        let body = Bytes::from_static(b"<MgmtTree/>");
        let message = Message::read("application/vnd.syncml.dmtnds+xml", body.clone());
        let content = message
            .expect("a message")
            .trust_the_transport()
            .content(&Limits::DEFAULT);
        assert_eq!(
            content,
            Ok(Content::Objects(vec![SerializedObject {
                target: None,
                octets: body,
                encoding: Encoding::Xml,
            }]))
        );
    }

    #[test]
    fn a_file_says_by_its_root_what_it_is() {
        let detect =
            |octets: &[u8]| Kind::detect(&Bytes::copy_from_slice(octets), &Limits::DEFAULT);
        assert_eq!(detect(&octets(DOCUMENT)), Some(PROVISIONING));
        assert_eq!(
            detect(b"<wap-provisioningdoc/>"),
            Some("text/vnd.wap.connectivity-xml")
        );
        assert_eq!(
            detect(b"<MgmtTree xmlns='syncml:dmddf1.2'/>"),
            Some("application/vnd.syncml.dmtnds+xml")
        );
        for other in [&b"<html/>"[..], b"", b"\xFF\xFF"] {
            assert_eq!(detect(other), None);
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_document() {
        let message = message("");
        let shown = format!("{message:?} {:?}", message.clone().trust_the_transport());
        assert!(!shown.contains("srv1") && shown.contains("112"), "{shown}");
    }
}
