//! [`DmAcc`], and the accounts as the tree has them.

use dm_proto::{
    LocUri, Secret, StatusCode, Text,
    auth::{Account, Credentials, Nonce, Scheme, Side},
};

use crate::{
    Acl, Edit, Node, NodeFormat, NodeUri, Right, View,
    description::{Access, NodeDescription, Occurrence},
    object::ManagementObject,
    std_objects::dev_info,
    tree::Mount,
};

/// `./DMAcc`: the accounts of servers, provisioned at the first start.
///
/// OMA-TS-DM_StdObj, DMAcc. From then on the tree is what counts: [`accounts`](Self::accounts) are
/// read only when there is no `./DMAcc`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DmAcc {
    /// The accounts of a factory-new device.
    pub accounts: Vec<Account>,
    description: NodeDescription,
}

impl DmAcc {
    /// The identifier of each account (`DMAcc/<X>`).
    pub const TYPE: &'static str = "urn:oma:mo:oma-dm-dmacc:1.0";
    /// The usual place.
    pub const ROOT: &'static str = "./DMAcc";

    /// The accounts of a factory-new device.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self {
            accounts,
            description: description(),
        }
    }

    /// Puts an account in the place of the one of its server, as the first start does: for a device whose
    /// owner gives it other credentials, or another address of the server, later on. The object's edit comes from
    /// [`Transaction::edit`](crate::Transaction::edit).
    ///
    /// # Errors
    ///
    /// 500 for a scheme that has no name in DMAcc, 510 if the storage fails.
    pub fn provision(edit: &mut Edit<'_>, account: &Account) -> Result<(), StatusCode> {
        edit.remove(&crate::uri::escape(&account.server_id))?;
        provision(edit, account)
    }
}

impl ManagementObject for DmAcc {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        for account in &self.accounts {
            provision(edit, account)?;
        }
        Ok(())
    }
}

/// The nodes of an account. The server gets the rights on them that a bootstrap gives: Get, Replace
/// and Delete (OMA-TS-DM_Bootstrap).
fn provision(edit: &mut Edit<'_>, account: &Account) -> Result<(), StatusCode> {
    let server = &account.server_id;
    let acl = Acl::default()
        .grant(Right::Delete, server)
        .grant(Right::Get, server)
        .grant(Right::Replace, server);
    let leaf = |value: &str| Node::leaf(NodeFormat::Chr, value.to_owned());
    let at = crate::uri::escape(server);
    edit.put(&at, Node::interior(DmAcc::TYPE).with_acl(acl))?;
    edit.put(&format!("{at}/AppID"), leaf("w7"))?;
    edit.put(&format!("{at}/ServerID"), leaf(server))?;
    edit.put(&format!("{at}/AppAddr"), Node::interior(""))?;
    edit.put(&format!("{at}/AppAddr/1"), Node::interior(""))?;
    edit.put(
        &format!("{at}/AppAddr/1/Addr"),
        leaf(account.server_uri.as_str()),
    )?;
    edit.put(&format!("{at}/AppAddr/1/AddrType"), leaf("URI"))?;
    edit.put(&format!("{at}/AppAuth"), Node::interior(""))?;
    for (name, level, credentials) in [
        ("client", LEVEL_CLIENT, &account.client),
        ("server", LEVEL_SERVER, &account.server),
    ] {
        let at = format!("{at}/AppAuth/{name}");
        let scheme = type_of(credentials.scheme).ok_or(StatusCode::COMMAND_FAILED)?;
        edit.put(&at, Node::interior(""))?;
        edit.put(&format!("{at}/AAuthLevel"), leaf(level))?;
        edit.put(&format!("{at}/AAuthType"), leaf(scheme))?;
        edit.put(&format!("{at}/AAuthName"), leaf(&credentials.name))?;
        edit.put(
            &format!("{at}/AAuthSecret"),
            leaf(credentials.secret.expose()),
        )?;
        edit.put(&format!("{at}/AAuthData"), nonce_node(&credentials.nonce))?;
    }
    Ok(())
}

/// Stores a nonce at a [place](Accounts::nonce_place) of one.
pub(crate) fn put_nonce(edit: &mut Edit<'_>, path: &str, nonce: &Nonce) -> Result<(), StatusCode> {
    edit.put(path, nonce_node(nonce))
}

fn nonce_node(nonce: &Nonce) -> Node {
    Node::leaf(NodeFormat::Bin, nonce.as_bytes().to_vec()).with_type("application/octet-stream")
}

/// The accounts of a tree, wherever its objects keep them.
pub(crate) struct Accounts<'t> {
    view: View<'t>,
    mounts: &'t [Mount],
}

impl<'t> Accounts<'t> {
    pub(crate) fn new(view: View<'t>, mounts: &'t [Mount]) -> Self {
        Self { view, mounts }
    }

    /// Every account that is complete and whose schemes are known.
    pub(crate) fn all(&self) -> Result<Vec<Account>, StatusCode> {
        let mut accounts = Vec::new();
        for (_, uri) in self.places()? {
            accounts.extend(self.read(&uri)?);
        }
        Ok(accounts)
    }

    /// The account of a server.
    pub(crate) fn of(&self, server_id: &str) -> Result<Option<Account>, StatusCode> {
        let accounts = self.all()?;
        Ok(accounts
            .into_iter()
            .find(|account| account.server_id == server_id))
    }

    /// The servers that have an account, complete or not.
    pub(crate) fn servers(&self) -> Result<Vec<Text>, StatusCode> {
        let mut servers = Vec::new();
        for (_, uri) in self.places()? {
            servers.push(self.leaf(&uri, "ServerID")?);
        }
        Ok(servers)
    }

    /// Whether a change at this node, or of the subtree that it is the root of, may concern an account.
    pub(crate) fn concerns(&self, uri: &NodeUri) -> bool {
        let is_account = |description: &NodeDescription| {
            description.types().iter().any(|type_| type_ == DmAcc::TYPE)
        };
        self.mounts
            .iter()
            .filter(|mount| uri.below(&mount.root).is_some() || mount.root.below(uri).is_some())
            .any(|mount| {
                let description = mount.object.description();
                is_account(description) || description.children().iter().any(is_account)
            })
    }

    /// Where the nonce of one side of an account is kept: the object, and the leaf below it.
    pub(crate) fn nonce_place(
        &self,
        server_id: &str,
        side: Side,
    ) -> Result<Option<(NodeUri, Text)>, StatusCode> {
        for (root, uri) in self.places()? {
            if self.leaf(&uri, "ServerID")? == server_id
                && let Some(set) = self.credential_set(&uri, side)?
                && let Some(path) = set.child_named("AAuthData").below(&root)
            {
                return Ok(Some((root, path.into())));
            }
        }
        Ok(None)
    }

    /// The places of accounts: nodes described with the type of one, with the object they are in.
    fn places(&self) -> Result<Vec<(NodeUri, NodeUri)>, StatusCode> {
        let is_account = |description: &NodeDescription| {
            description.types().iter().any(|type_| type_ == DmAcc::TYPE)
        };
        let mut places = Vec::new();
        for mount in self.mounts {
            let description = mount.object.description();
            if is_account(description) {
                places.push((mount.root.clone(), mount.root.clone()));
            } else if description.children().iter().any(is_account) {
                for name in self.view.children(&mount.root)? {
                    let uri = mount.root.child_named(&name);
                    if self.view.node(&uri)?.type_ == DmAcc::TYPE {
                        places.push((mount.root.clone(), uri));
                    }
                }
            }
        }
        Ok(places)
    }

    fn read(&self, uri: &NodeUri) -> Result<Option<Account>, StatusCode> {
        let server_id = self.leaf(uri, "ServerID")?;
        let Some(server_uri) = self.server_uri(uri)? else {
            return Ok(None);
        };
        let device_uri = match dev_info::root(self.mounts) {
            Some(root) => self.leaf(root, "DevId")?,
            None => Text::EMPTY,
        };
        let (Some(client), Some(server)) = (
            self.credentials(uri, Side::Client)?,
            self.credentials(uri, Side::Server)?,
        ) else {
            return Ok(None);
        };
        Ok((!server_id.is_empty()).then(|| Account {
            server_id,
            server_uri,
            device_uri: LocUri::from(device_uri),
            client,
            server,
        }))
    }

    /// The first address that is a URI.
    fn server_uri(&self, uri: &NodeUri) -> Result<Option<LocUri>, StatusCode> {
        let addresses = uri.child_named("AppAddr");
        if !self.view.exists(&addresses) {
            return Ok(None);
        }
        for name in self.view.children(&addresses)? {
            let address = addresses.child_named(&name);
            let type_ = self.leaf(&address, "AddrType")?;
            let addr = self.leaf(&address, "Addr")?;
            if matches!(type_.as_str(), "" | "URI") && !addr.is_empty() {
                return Ok(Some(LocUri::from(addr)));
            }
        }
        Ok(None)
    }

    /// The credentials of a side; the transport's if there are none; `None` if of a kind that this
    /// version does not know, since something weaker must not take its place.
    fn credentials(&self, uri: &NodeUri, side: Side) -> Result<Option<Credentials>, StatusCode> {
        let Some(set) = self.credential_set(uri, side)? else {
            return Ok(Some(Credentials::transport()));
        };
        let Some(scheme) = scheme_of(&self.leaf(&set, "AAuthType")?) else {
            return Ok(None);
        };
        let nonce = self.view.find(&set.child_named("AAuthData"))?;
        Ok(Some(Credentials {
            scheme,
            name: self.leaf(&set, "AAuthName")?,
            secret: Secret::from(self.leaf(&set, "AAuthSecret")?),
            nonce: nonce.map_or_else(Nonce::default, |node| Nonce::from(&node.value[..])),
        }))
    }

    fn credential_set(&self, uri: &NodeUri, side: Side) -> Result<Option<NodeUri>, StatusCode> {
        let level = match side {
            Side::Client => LEVEL_CLIENT,
            Side::Server => LEVEL_SERVER,
        };
        let sets = uri.child_named("AppAuth");
        if !self.view.exists(&sets) {
            return Ok(None);
        }
        for name in self.view.children(&sets)? {
            let set = sets.child_named(&name);
            if self.leaf(&set, "AAuthLevel")? == level {
                return Ok(Some(set));
            }
        }
        Ok(None)
    }

    /// The text of a leaf, empty if it is missing.
    fn leaf(&self, uri: &NodeUri, name: &str) -> Result<Text, StatusCode> {
        match self.view.text(&uri.child_named(name)) {
            Err(StatusCode::NOT_FOUND) => Ok(Text::EMPTY),
            result => result,
        }
    }
}

fn scheme_of(type_: &str) -> Option<Scheme> {
    SCHEMES
        .into_iter()
        .find(|(_, name)| *name == type_)
        .map(|(scheme, _)| scheme)
}

fn type_of(scheme: Scheme) -> Option<&'static str> {
    SCHEMES
        .into_iter()
        .find(|(known, _)| *known == scheme)
        .map(|(_, name)| name)
}

/// OMA-TS-DM_StdObj, DMAcc 1.0, with the occurrences of its figure.
fn description() -> NodeDescription {
    let chr = |name: &'static str| NodeDescription::leaf(name, NodeFormat::Chr).dynamic();
    let maybe = |node: NodeDescription| node.occurrence(Occurrence::ZeroOrOne);
    let interior = |name: &'static str| NodeDescription::interior(name).dynamic();
    let secret = |name: &'static str, format| {
        maybe(
            NodeDescription::leaf(name, format)
                .dynamic()
                .access(Access::NONE),
        )
    };
    let several = || NodeDescription::any().occurrence(Occurrence::OneOrMore);
    let account = several()
        .type_(DmAcc::TYPE)
        .child(chr("AppID"))
        .child(chr("ServerID"))
        .child(maybe(chr("Name")))
        .child(maybe(chr("PrefConRef")))
        .child(maybe(
            interior("ToConRef").child(several().child(chr("ConRef"))),
        ))
        .child(
            interior("AppAddr").child(several().child(chr("Addr")).child(chr("AddrType")).child(
                maybe(interior("Port").child(several().child(chr("PortNbr")))),
            )),
        )
        .child(maybe(chr("AAuthPref")))
        .child(maybe(
            interior("AppAuth").child(
                several()
                    .child(chr("AAuthLevel"))
                    .child(chr("AAuthType"))
                    .child(maybe(chr("AAuthName")))
                    .child(secret("AAuthSecret", NodeFormat::Chr))
                    .child(secret("AAuthData", NodeFormat::Bin).type_("application/octet-stream")),
            ),
        ))
        .child(maybe(interior("Ext").open()));
    NodeDescription::interior("DMAcc").child(account)
}

const LEVEL_CLIENT: &str = "CLCRED";
const LEVEL_SERVER: &str = "SRVCRED";
const SCHEMES: [(Scheme, &str); 4] = [
    (Scheme::Basic, "BASIC"),
    (Scheme::Md5, "DIGEST"),
    (Scheme::Hmac, "HMAC"),
    (Scheme::Transport, "TRANSPORT"),
];
