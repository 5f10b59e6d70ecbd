//! [`Profile`]: what a provisioning document means for device management.
//!
//! OMA-TS-DM_StdObj, mapping of Client Provisioning to DMAcc: each `APPLICATION` whose `APPID` is `w7` is an
//! account of a server.

use alloc::{vec, vec::Vec};

use super::{BootstrapError, Characteristic, Document};
use crate::{
    LocUri, Secret, Text,
    auth::{Account, Credentials, Nonce, Scheme, base64},
};

/// The accounts of a document, and all else in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The accounts of servers, in order.
    pub accounts: Vec<ServerAccount>,
    /// What is not for device management: access points, proxies, other applications.
    pub others: Vec<Characteristic>,
}

/// An account as it is provisioned. More than an [`Account`]: what a tree keeps of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerAccount {
    /// `PROVIDER-ID`: the server's identifier.
    pub server_id: Text,
    /// `NAME`: the account's name for people.
    pub name: Option<Text>,
    /// `TO-PROXY` and `TO-NAPID`: the connections to use, the first one first.
    pub connections: Vec<Text>,
    /// The addresses of the server, the first one first.
    pub addresses: Vec<AppAddr>,
    /// How both sides prove themselves.
    pub auth: Vec<AppAuth>,
    /// `INIT`: the device begins a session after the bootstrap. It should anyway.
    pub init: bool,
}

/// An address of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AppAddr {
    /// `ADDR`.
    pub addr: Text,
    /// `ADDRTYPE`: `URI` unless it says otherwise.
    pub type_: Option<Text>,
    /// `PORTNBR` of each port.
    pub ports: Vec<Text>,
}

/// Credentials of one side.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AppAuth {
    /// Whose they are.
    pub level: AuthLevel,
    /// `AAUTHTYPE`: `BASIC`, `DIGEST`, `HMAC` and others.
    pub type_: Text,
    /// `AAUTHNAME`.
    pub name: Text,
    /// `AAUTHSECRET`.
    pub secret: Secret,
    /// `AAUTHDATA`: the nonce.
    pub nonce: Nonce,
}

/// Whose credentials, `AAUTHLEVEL`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthLevel {
    /// `APPSRV`: the device's, for the server. `CLCRED` in DMAcc.
    Client,
    /// `CLIENT`: the server's, for the device. `SRVCRED` in DMAcc.
    Server,
    /// `OBEX`, or another: as it stands.
    Other(Text),
}

impl AuthLevel {
    fn from_parameter(level: &Text) -> Self {
        match level.as_str() {
            "APPSRV" => Self::Client,
            "CLIENT" => Self::Server,
            _ => Self::Other(level.clone()),
        }
    }

    fn parameter(&self) -> &str {
        match self {
            Self::Client => "APPSRV",
            Self::Server => "CLIENT",
            Self::Other(level) => level,
        }
    }

    /// What DMAcc calls it: `AAuthLevel`.
    pub fn node_value(&self) -> &str {
        match self {
            Self::Client => "CLCRED",
            Self::Server => "SRVCRED",
            Self::Other(level) => level,
        }
    }
}

const APPLICATION: &str = "APPLICATION";
const APP_ID: &str = "w7";

impl Profile {
    /// Understands a document.
    ///
    /// # Errors
    ///
    /// If an account has no server identifier or no address.
    pub fn read(document: &Document) -> Result<Self, BootstrapError> {
        let mut profile = Self::default();
        for characteristic in &document.characteristics {
            let is_account = characteristic.type_ == APPLICATION
                && characteristic
                    .parm("APPID")
                    .is_some_and(|id| id.trim() == APP_ID);
            match is_account {
                true => profile.accounts.push(ServerAccount::read(characteristic)?),
                false => profile.others.push(characteristic.clone()),
            }
        }
        Ok(profile)
    }

    /// The document that says so.
    pub fn to_document(&self) -> Document {
        let accounts = self.accounts.iter().map(ServerAccount::to_characteristic);
        Document {
            version: Some("1.1".into()),
            characteristics: self.others.iter().cloned().chain(accounts).collect(),
        }
    }
}

impl ServerAccount {
    /// What a server provisions a device with for this account.
    pub fn new(account: &Account) -> Self {
        let auth = |level, credentials: &Credentials| AppAuth {
            level,
            type_: type_of(credentials.scheme),
            name: credentials.name.clone(),
            secret: credentials.secret.clone(),
            nonce: credentials.nonce.clone(),
        };
        Self {
            server_id: account.server_id.clone(),
            name: None,
            connections: Vec::new(),
            addresses: vec![AppAddr {
                addr: account.server_uri.as_str().into(),
                type_: Some("URI".into()),
                ports: Vec::new(),
            }],
            auth: vec![
                auth(AuthLevel::Client, &account.client),
                auth(AuthLevel::Server, &account.server),
            ],
            init: false,
        }
    }

    fn read(application: &Characteristic) -> Result<Self, BootstrapError> {
        let text = |from: &Characteristic, name| from.parm(name).map(|value| value.trim().into());
        let server_id = text(application, "PROVIDER-ID")
            .filter(|id: &Text| !id.is_empty())
            .ok_or(BootstrapError::Missing("PROVIDER-ID"))?;
        let addr = |addr: &Text| AppAddr {
            addr: addr.trim().into(),
            ..AppAddr::default()
        };
        // An address may stand in the application itself.
        let mut addresses: Vec<AppAddr> = application.parms("ADDR").map(addr).collect();
        for characteristic in application.of_type("APPADDR") {
            let ports = characteristic.of_type("PORT");
            addresses.push(AppAddr {
                addr: text(characteristic, "ADDR").unwrap_or_default(),
                type_: text(characteristic, "ADDRTYPE"),
                ports: ports.filter_map(|port| text(port, "PORTNBR")).collect(),
            });
        }
        addresses.retain(|address| !address.addr.is_empty());
        if addresses.is_empty() {
            return Err(BootstrapError::Missing("ADDR"));
        }
        let auth = application.of_type("APPAUTH").map(|auth| {
            let level = text(auth, "AAUTHLEVEL").unwrap_or_default();
            let nonce = auth.parm("AAUTHDATA");
            AppAuth {
                level: AuthLevel::from_parameter(&level),
                type_: text(auth, "AAUTHTYPE").unwrap_or_default(),
                name: auth.parm("AAUTHNAME").cloned().unwrap_or_default(),
                secret: auth.parm("AAUTHSECRET").cloned().unwrap_or_default().into(),
                nonce: nonce.map(nonce_of).unwrap_or_default(),
            }
        });
        let connections = application
            .parms
            .iter()
            .filter(|parm| matches!(parm.name.as_str(), "TO-PROXY" | "TO-NAPID"));
        Ok(Self {
            server_id,
            name: text(application, "NAME"),
            connections: connections.filter_map(|parm| parm.value.clone()).collect(),
            addresses,
            auth: auth.collect(),
            init: application.has("INIT"),
        })
    }

    fn to_characteristic(&self) -> Characteristic {
        let mut application = Characteristic::new(APPLICATION)
            .with("APPID", APP_ID)
            .with("PROVIDER-ID", self.server_id.clone());
        if let Some(name) = &self.name {
            application = application.with("NAME", name.clone());
        }
        for connection in &self.connections {
            application = application.with("TO-NAPID", connection.clone());
        }
        if self.init {
            application = application.with("INIT", "");
        }
        for address in &self.addresses {
            let mut written = Characteristic::new("APPADDR").with("ADDR", address.addr.clone());
            // A URI needs no type.
            if let Some(type_) = address.type_.as_ref().filter(|type_| *type_ != "URI") {
                written = written.with("ADDRTYPE", type_.clone());
            }
            for port in &address.ports {
                let port = Characteristic::new("PORT").with("PORTNBR", port.clone());
                written = written.containing(port);
            }
            application = application.containing(written);
        }
        for auth in &self.auth {
            let mut written = Characteristic::new("APPAUTH")
                .with("AAUTHLEVEL", auth.level.parameter())
                .with("AAUTHTYPE", auth.type_.clone())
                .with("AAUTHNAME", auth.name.clone())
                .with("AAUTHSECRET", auth.secret.expose());
            if !auth.nonce.as_bytes().is_empty() {
                written = written.with("AAUTHDATA", base64::encode(auth.nonce.as_bytes()));
            }
            application = application.containing(written);
        }
        application
    }

    /// The account that sessions work with. A side without credentials is the transport's to authenticate.
    ///
    /// # Errors
    ///
    /// If no address is a URI, or the credentials of a side are all of kinds that are not supported.
    pub fn to_account(&self, device_uri: impl Into<LocUri>) -> Result<Account, BootstrapError> {
        let address = self
            .addresses
            .iter()
            .find(|address| matches!(address.type_.as_deref(), None | Some("" | "URI")))
            .ok_or(BootstrapError::Missing("ADDR"))?;
        Ok(Account {
            server_id: self.server_id.clone(),
            server_uri: address.uri(),
            device_uri: device_uri.into(),
            client: self.credentials(&AuthLevel::Client)?,
            server: self.credentials(&AuthLevel::Server)?,
        })
    }

    fn credentials(&self, level: &AuthLevel) -> Result<Credentials, BootstrapError> {
        let mut of_side = self.auth.iter().filter(|auth| auth.level == *level);
        let mut unknown = None;
        let known = of_side.find_map(|auth| {
            let scheme = scheme_of(&auth.type_);
            if scheme.is_none() {
                unknown.get_or_insert(&auth.type_);
            }
            Some((scheme?, auth))
        });
        match (known, unknown) {
            (Some((Scheme::Transport, _)), _) | (None, None) => Ok(Credentials::transport()),
            (Some((scheme, auth)), _) => Ok(Credentials {
                scheme,
                name: auth.name.clone(),
                secret: auth.secret.clone(),
                nonce: auth.nonce.clone(),
            }),
            (None, Some(type_)) => Err(BootstrapError::UnsupportedAuth(type_.clone())),
        }
    }
}

impl AppAddr {
    /// The address with its first port, where it does not name one itself.
    pub fn uri(&self) -> LocUri {
        LocUri::from(self.addr.as_str()).with_port(self.ports.first().map(Text::as_str))
    }
}

/// The schemes as `AAUTHTYPE` and DMAcc name them.
const SCHEMES: [(Scheme, &str); 4] = [
    (Scheme::Basic, "BASIC"),
    (Scheme::Md5, "DIGEST"),
    (Scheme::Hmac, "HMAC"),
    (Scheme::Transport, "TRANSPORT"),
];

fn scheme_of(type_: &str) -> Option<Scheme> {
    let row = SCHEMES.iter().find(|row| row.1 == type_)?;
    Some(row.0)
}

fn type_of(scheme: Scheme) -> Text {
    let row = SCHEMES.iter().find(|row| row.0 == scheme);
    row.map_or(Text::EMPTY, |row| Text::from_static(row.1))
}

/// A nonce as it is provisioned: in Base64, or, where it is not that, as text.
fn nonce_of(text: &Text) -> Nonce {
    match base64::decode(text) {
        Some(octets) => Nonce::from(octets.as_slice()),
        None => Nonce::from(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(addr: &str, ports: &[&str]) -> AppAddr {
        AppAddr {
            addr: addr.into(),
            type_: None,
            ports: ports.iter().map(|port| Text::from(*port)).collect(),
        }
    }

    #[test]
    fn a_port_enters_an_address_that_has_none() {
        for (address, ports, expected) in [
            ("http://s/dm", &["8080", "81"][..], "http://s:8080/dm"),
            ("http://s", &["8080"], "http://s:8080"),
            ("http://s?x=1:2", &["8080"], "http://s:8080?x=1:2"),
            ("http://s:1/dm", &["8080"], "http://s:1/dm"),
            ("http://[::1]/dm", &["8080"], "http://[::1]:8080/dm"),
            ("http://[::1]:1/dm", &["8080"], "http://[::1]:1/dm"),
            ("http://s/dm", &[], "http://s/dm"),
            ("+491234", &["8080"], "+491234"),
        ] {
            assert_eq!(addr(address, ports).uri().as_str(), expected);
        }
    }

    fn application() -> Characteristic {
        Characteristic::new("APPLICATION")
            .with("APPID", "w7")
            .with("PROVIDER-ID", " srv ")
            .with("NAME", "My Server")
            .with("TO-PROXY", "px")
            .with("TO-NAPID", "nap")
            .with("INIT", "")
            .containing(
                Characteristic::new("APPADDR")
                    .with("ADDR", "+49123")
                    .with("ADDRTYPE", "E164"),
            )
            .containing(
                Characteristic::new("APPADDR")
                    .with("ADDR", "http://s/dm")
                    .containing(Characteristic::new("PORT").with("PORTNBR", "8080")),
            )
    }

    fn auth(level: &str, type_: &str) -> Characteristic {
        Characteristic::new("APPAUTH")
            .with("AAUTHLEVEL", level)
            .with("AAUTHTYPE", type_)
            .with("AAUTHNAME", "name")
            .with("AAUTHSECRET", "secret")
            .with("AAUTHDATA", "bm9uY2U=")
    }

    fn account(application: Characteristic) -> Result<Account, BootstrapError> {
        let document = Document {
            version: None,
            characteristics: vec![Characteristic::new("NAPDEF"), application],
        };
        let mut profile = Profile::read(&document)?;
        assert_eq!(profile.others, [Characteristic::new("NAPDEF")]);
        profile.accounts.remove(0).to_account("IMEI:1")
    }

    #[test]
    fn an_application_of_device_management_is_an_account() {
        let application = application()
            .containing(auth("APPSRV", "HMAC"))
            .containing(auth("CLIENT", "DIGEST"));
        let read = ServerAccount::read(&application).expect("an account");
        assert_eq!(read.server_id, "srv");
        assert_eq!(read.name.as_deref(), Some("My Server"));
        assert_eq!(read.connections, ["px", "nap"]);
        assert!(read.init);

        let nonce = || Nonce::from(&b"nonce"[..]);
        assert_eq!(
            account(application),
            Ok(Account {
                server_id: "srv".into(),
                server_uri: "http://s:8080/dm".into(),
                device_uri: "IMEI:1".into(),
                client: Credentials::hmac("name", "secret", nonce()),
                server: Credentials::md5("name", "secret", nonce()),
            })
        );
    }

    #[test]
    fn a_side_without_credentials_is_the_transports_but_unknown_ones_are_an_error() {
        let plain = account(application()).expect("an account");
        assert_eq!(plain.client, Credentials::transport());
        assert_eq!(plain.server, Credentials::transport());

        let http = application().containing(auth("APPSRV", "HTTP-BASIC"));
        assert_eq!(
            account(http.clone()),
            Err(BootstrapError::UnsupportedAuth("HTTP-BASIC".into()))
        );
        let both = http.containing(auth("APPSRV", "BASIC"));
        assert_eq!(
            account(both).expect("an account").client.scheme,
            Scheme::Basic
        );
    }

    #[test]
    fn an_account_without_identifier_or_address_is_an_error() {
        let nameless = Characteristic::new("APPLICATION")
            .with("APPID", "w7")
            .with("ADDR", "http://s");
        assert_eq!(
            account(nameless.clone()),
            Err(BootstrapError::Missing("PROVIDER-ID"))
        );
        assert_eq!(
            account(nameless.with("PROVIDER-ID", "srv"))
                .expect("an address in the application is one")
                .server_uri
                .as_str(),
            "http://s"
        );
        let homeless = Characteristic::new("APPLICATION")
            .with("APPID", "w7")
            .with("PROVIDER-ID", "srv");
        assert_eq!(account(homeless), Err(BootstrapError::Missing("ADDR")));
    }

    #[test]
    fn what_a_server_provisions_is_what_a_device_reads() {
        let account = Account {
            server_id: "srv".into(),
            server_uri: "http://s/dm".into(),
            device_uri: "IMEI:1".into(),
            client: Credentials::hmac("c", "cs", Nonce::from([0xFF; 16])),
            server: Credentials::basic("s", "ss"),
        };
        let profile = Profile {
            accounts: vec![ServerAccount::new(&account)],
            others: vec![Characteristic::new("NAPDEF").with("NAPID", "n")],
        };
        let again = Profile::read(&profile.to_document()).expect("a profile");
        assert_eq!(again.others, profile.others);
        let [again] = again.accounts.as_slice() else {
            panic!("there is one account");
        };
        assert_eq!(again.to_account("IMEI:1"), Ok(account));
    }

    #[test]
    fn a_nonce_that_is_no_base64_is_text() {
        assert_eq!(nonce_of(&"bm9uY2U=".into()), Nonce::from(&b"nonce"[..]));
        assert_eq!(nonce_of(&"a-b!".into()), Nonce::from(&b"a-b!"[..]));
    }
}
