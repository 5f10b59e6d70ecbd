//! [`DmAcc`], and the accounts as the tree has them.

use dm_proto::{
    LocUri, Secret, StatusCode, Text,
    auth::{Account, Credentials, Nonce, Scheme, Side},
};

#[cfg(feature = "bootstrap")]
use dm_proto::bootstrap::ServerAccount;

use crate::{
    Acl, Edit, Node, NodeFormat, NodeUri, Right, View,
    acl::EVERYONE,
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
    /// 403 for the ServerID `*`, which means everyone in ACLs; 500 for a scheme that has no name in DMAcc; 510 if
    /// the storage fails.
    pub fn provision(edit: &mut Edit<'_>, account: &Account) -> Result<(), StatusCode> {
        remove_accounts(edit, &account.server_id)?;
        provision(edit, account)
    }

    /// Puts an account that was bootstrapped in the place of the one of its server: all that the document
    /// says of it. OMA-TS-DM_StdObj, mapping of Client Provisioning.
    ///
    /// # Errors
    ///
    /// 403 for the ServerID `*`, which means everyone in ACLs; 510 if the storage fails.
    #[cfg(feature = "bootstrap")]
    pub fn bootstrap(edit: &mut Edit<'_>, account: &ServerAccount) -> Result<(), StatusCode> {
        remove_accounts(edit, &account.server_id)?;
        let addresses = account.addresses.iter().map(|address| {
            let ports = address.ports.iter().map(Text::as_str).collect();
            let type_ = address.type_.as_deref().unwrap_or("URI");
            (address.addr.as_str(), type_, ports)
        });
        let auth = (1_u32..).zip(&account.auth).map(|(number, auth)| {
            let proof: Proof<'_> = (&auth.name, &auth.secret, &auth.nonce);
            let node = Text::from(number.to_string());
            (node, auth.level.node_value(), auth.type_.as_str(), proof)
        });
        put_account(
            edit,
            &Provision {
                server_id: &account.server_id,
                name: account.name.as_deref(),
                connections: account.connections.iter().map(Text::as_str).collect(),
                addresses: addresses.collect(),
                auth: auth.collect(),
            },
        )
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

/// What the nodes of an account are made of.
struct Provision<'a> {
    server_id: &'a str,
    name: Option<&'a str>,
    connections: Vec<&'a str>,
    /// Address, type, ports.
    addresses: Vec<(&'a str, &'a str, Vec<&'a str>)>,
    /// Name of the node, level, type, credentials.
    auth: Vec<(Text, &'a str, &'a str, Proof<'a>)>,
}

/// Name, password, nonce.
type Proof<'a> = (&'a str, &'a Secret, &'a Nonce);

fn provision(edit: &mut Edit<'_>, account: &Account) -> Result<(), StatusCode> {
    let sides = [
        ("client", LEVEL_CLIENT, &account.client),
        ("server", LEVEL_SERVER, &account.server),
    ];
    let auth = sides.into_iter().map(|(node, level, credentials)| {
        let type_ = type_of(credentials.scheme).ok_or(StatusCode::COMMAND_FAILED)?;
        let proof: Proof<'_> = (&credentials.name, &credentials.secret, &credentials.nonce);
        Ok((Text::from(node), level, type_, proof))
    });
    put_account(
        edit,
        &Provision {
            server_id: &account.server_id,
            name: None,
            connections: Vec::new(),
            addresses: vec![(account.server_uri.as_str(), "URI", Vec::new())],
            auth: auth.collect::<Result<_, StatusCode>>()?,
        },
    )
}

/// Removes every account of a server: it may have renamed its own.
fn remove_accounts(edit: &mut Edit<'_>, server: &str) -> Result<(), StatusCode> {
    for name in edit.view().children(edit.root())? {
        let leaf = edit.root().child_named(&name).child_named("ServerID");
        let is_its_own = match edit.view().text(&leaf) {
            Ok(id) => id == server,
            Err(StatusCode::NOT_FOUND | StatusCode::COMMAND_FAILED) => false,
            Err(status) => return Err(status),
        };
        if is_its_own {
            edit.remove(&name)?;
        }
    }
    Ok(())
}

/// A name for the account of a server: that of the server, and a number if it is taken.
fn free_name(edit: &Edit<'_>, server: &str) -> Result<String, StatusCode> {
    let own = crate::uri::escape(server);
    let mut name = own.clone();
    let mut number = 1_u64;
    while edit.view().find(&edit.root().child_named(&name))?.is_some() {
        number = number.saturating_add(1);
        name = format!("{own}-{number}");
    }
    Ok(name)
}

/// The nodes of an account; 403 for one of [everyone](EVERYONE). The server gets the rights on them that a bootstrap gives: Get, Replace
/// and Delete (OMA-TS-DM_Bootstrap).
fn put_account(edit: &mut Edit<'_>, account: &Provision<'_>) -> Result<(), StatusCode> {
    let server = account.server_id;
    if server == EVERYONE {
        return Err(StatusCode::FORBIDDEN);
    }
    let acl = Acl::default()
        .grant(Right::Delete, server)
        .grant(Right::Get, server)
        .grant(Right::Replace, server);
    let leaf = |value: &str| Node::leaf(NodeFormat::Chr, value.to_owned());
    let interior = || Node::interior("");
    let at = free_name(edit, server)?;
    edit.put(&at, Node::interior(DmAcc::TYPE).with_acl(acl))?;
    edit.put(&format!("{at}/AppID"), leaf("w7"))?;
    edit.put(&format!("{at}/ServerID"), leaf(server))?;
    if let Some(name) = account.name {
        edit.put(&format!("{at}/Name"), leaf(name))?;
    }
    match account.connections.as_slice() {
        [] => {}
        [connection] => edit.put(&format!("{at}/PrefConRef"), leaf(connection))?,
        connections => {
            edit.put(&format!("{at}/ToConRef"), interior())?;
            for (number, connection) in (1_u32..).zip(connections) {
                let at = format!("{at}/ToConRef/{number}");
                edit.put(&at, interior())?;
                edit.put(&format!("{at}/ConRef"), leaf(connection))?;
            }
        }
    }
    edit.put(&format!("{at}/AppAddr"), interior())?;
    for (number, (addr, type_, ports)) in (1_u32..).zip(&account.addresses) {
        let at = format!("{at}/AppAddr/{number}");
        edit.put(&at, interior())?;
        edit.put(&format!("{at}/Addr"), leaf(addr))?;
        edit.put(&format!("{at}/AddrType"), leaf(type_))?;
        if !ports.is_empty() {
            edit.put(&format!("{at}/Port"), interior())?;
        }
        for (number, port) in (1_u32..).zip(ports) {
            let at = format!("{at}/Port/{number}");
            edit.put(&at, interior())?;
            edit.put(&format!("{at}/PortNbr"), leaf(port))?;
        }
    }
    edit.put(&format!("{at}/AppAuth"), interior())?;
    for (node, level, type_, (name, secret, nonce)) in &account.auth {
        let at = format!("{at}/AppAuth/{node}");
        edit.put(&at, interior())?;
        edit.put(&format!("{at}/AAuthLevel"), leaf(level))?;
        edit.put(&format!("{at}/AAuthType"), leaf(type_))?;
        edit.put(&format!("{at}/AAuthName"), leaf(name))?;
        edit.put(&format!("{at}/AAuthSecret"), leaf(secret.expose()))?;
        edit.put(&format!("{at}/AAuthData"), nonce_node(nonce))?;
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

    /// The places of accounts with their servers.
    #[cfg(feature = "bootstrap")]
    pub(crate) fn held(&self) -> Result<Vec<(NodeUri, Text)>, StatusCode> {
        let places = self.places()?.into_iter();
        places
            .map(|(_, uri)| Ok((uri.clone(), self.leaf(&uri, "ServerID")?)))
            .collect()
    }

    /// Whether a session can be begun with the account at this place.
    #[cfg(feature = "bootstrap")]
    pub(crate) fn is_usable(&self, uri: &NodeUri) -> Result<bool, StatusCode> {
        Ok(self.read(uri)?.is_some())
    }

    /// Whether a change at this node, or of the subtree that it is the root of, may concern an account.
    pub(crate) fn concerns(&self, uri: &NodeUri) -> bool {
        self.mounts.iter().any(|mount| {
            mount.has_accounts
                && (uri.below(&mount.root).is_some() || mount.root.below(uri).is_some())
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
        if server_id == EVERYONE {
            return Ok(None);
        }
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
        if self.view.find(&addresses)?.is_none() {
            return Ok(None);
        }
        for name in self.view.children(&addresses)? {
            let address = addresses.child_named(&name);
            let type_ = self.leaf(&address, "AddrType")?;
            let addr = self.leaf(&address, "Addr")?;
            if matches!(type_.as_str(), "" | "URI") && !addr.is_empty() {
                let port = self.port(&address)?;
                return Ok(Some(LocUri::from(addr).with_port(port.as_deref())));
            }
        }
        Ok(None)
    }

    /// The first port of an address.
    fn port(&self, address: &NodeUri) -> Result<Option<Text>, StatusCode> {
        let ports = address.child_named("Port");
        if self.view.find(&ports)?.is_none() {
            return Ok(None);
        }
        let names = self.view.children(&ports)?;
        let Some(name) = names.first() else {
            return Ok(None);
        };
        let port = self.leaf(&ports.child_named(name), "PortNbr")?;
        Ok(Some(port).filter(|port| !port.is_empty()))
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

    /// The credentials of a side: of those whose scheme is known the ones that the account prefers for the
    /// device (`AAuthPref`), else the strongest; of unknown ones the first. OMA-TS-DM_StdObj, DMAcc.
    fn credential_set(&self, uri: &NodeUri, side: Side) -> Result<Option<NodeUri>, StatusCode> {
        let (level, preferred) = match side {
            Side::Client => (LEVEL_CLIENT, self.leaf(uri, "AAuthPref")?),
            Side::Server => (LEVEL_SERVER, Text::EMPTY),
        };
        let sets = uri.child_named("AppAuth");
        if self.view.find(&sets)?.is_none() {
            return Ok(None);
        }
        let mut best: Option<(usize, NodeUri)> = None;
        for name in self.view.children(&sets)? {
            let set = sets.child_named(&name);
            if self.leaf(&set, "AAuthLevel")? != level {
                continue;
            }
            let type_ = self.leaf(&set, "AAuthType")?;
            let rank = match SCHEMES.iter().position(|(_, known)| type_ == *known) {
                Some(_) if type_ == preferred => usize::MAX,
                Some(place) => place.saturating_add(1),
                None => 0,
            };
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, set));
            }
        }
        Ok(best.map(|(_, set)| set))
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
/// From the weakest to the strongest.
const SCHEMES: [(Scheme, &str); 4] = [
    (Scheme::Transport, "TRANSPORT"),
    (Scheme::Basic, "BASIC"),
    (Scheme::Md5, "DIGEST"),
    (Scheme::Hmac, "HMAC"),
];
