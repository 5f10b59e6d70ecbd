//! A bootstrap message in a file: how a device comes to its first account.

use std::{fs, io::Read as _, path::Path};

use bytes::Bytes;
use dm_proto::{
    Limits,
    auth::Account,
    bootstrap::{
        BootstrapError, Content, Kind, Message, Profile, Secrets, SerializedObject, ServerAccount,
    },
    wap_push::Push,
};
use dm_tree::{
    Edit, NodeUri, Transaction,
    agent::{Agent, AgentConfig, AgentError},
    bootstrap::RefusedObject,
    object::ManagementObject,
    std_objects::{DevInfo, DmAcc},
    store::Memory,
};

use super::Error;

/// What a bootstrap message brought.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Bootstrap {
    /// An account, from a Client Provisioning document.
    Account(Box<ServerAccount>),
    /// Management objects, an account among them.
    Objects(Vec<SerializedObject>),
}

/// Why a file gives no account.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is longer than a bootstrap message is.
    #[error("it is longer than {MAX_LENGTH} octets")]
    TooLong,
    /// It is neither a document nor a WAP push with one.
    #[error("it is neither a provisioning document nor a push with one")]
    Unknown,
    /// A secret was given, and it is no push, which alone has a MAC.
    #[error("it is no push: there is no mac that a pin or imsi could check")]
    NoPush,
    /// The message is not followed.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// It holds management objects that cannot be put into the tree.
    #[error(transparent)]
    Objects(#[from] RefusedObject),
    /// The tree that they are tried in cannot be set up.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// It holds no account of a server.
    #[error("it holds no account of a server")]
    NoAccount,
}

const MAX_LENGTH: u64 = 64 << 10;

impl Bootstrap {
    /// Reads a file: a Client Provisioning document, or management objects (a DM message or a TNDS document), as
    /// XML or WBXML, or a WAP push with one of them.
    ///
    /// What is there alone is believed, since whoever may give this program files may give it accounts as well. A
    /// push came from elsewhere: it is believed if its MAC is right, by the secrets that are given.
    ///
    /// # Errors
    ///
    /// If there is no account in it, or it is not authentic.
    pub fn read(file: &Path, secrets: &Secrets) -> Result<Self, FileError> {
        let mut octets = Vec::new();
        fs::File::open(file)?
            .take(MAX_LENGTH + 1)
            .read_to_end(&mut octets)?;
        if octets.len() as u64 > MAX_LENGTH {
            return Err(FileError::TooLong);
        }
        let limits = Limits::DEFAULT;
        let octets = Bytes::from(octets);
        let pushed = Push::read(&octets).ok();
        let pushed = pushed.and_then(|push| Message::from_push(&push).ok());
        let authentic = match pushed {
            Some(mut message) => message.authenticate(secrets)?,
            None => {
                // Whoever gave a secret wants it checked.
                if *secrets != Secrets::default() {
                    return Err(FileError::NoPush);
                }
                let media_type = Kind::detect(&octets, &limits).ok_or(FileError::Unknown)?;
                Message::read(media_type, octets)?.trust_the_transport()
            }
        };
        match authentic.content(&limits)? {
            Content::Provisioning(document) => {
                let accounts = Profile::read(&document)?.accounts;
                let first = accounts.into_iter().next().ok_or(FileError::NoAccount)?;
                Ok(Self::Account(Box::new(first)))
            }
            Content::Objects(objects) => Ok(Self::Objects(objects)),
            _ => Err(FileError::Unknown),
        }
    }

    /// The first account, for the device with this identifier.
    ///
    /// # Errors
    ///
    /// If there is none, or its objects are refused.
    pub fn account(&self, device_uri: &str) -> Result<Account, FileError> {
        match self {
            Self::Account(account) => Ok(account.to_account(device_uri)?),
            Self::Objects(objects) => {
                // In a tree of their own, before anything of the device is touched.
                let at = |root| NodeUri::parse(root).expect("a constant");
                let dev_info = DevInfo::new(device_uri, "", "");
                let accounts = DmAcc::new(Vec::new());
                let mounts: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
                    (at(DevInfo::ROOT), Box::new(dev_info)),
                    (at(DmAcc::ROOT), Box::new(accounts)),
                ];
                let store = Box::new(Memory::new());
                let mut agent = Agent::open(store, mounts, AgentConfig::default(), 0)?;
                let mut transaction = agent.begin(0);
                let servers = transaction.bootstrap(objects)?.servers;
                transaction.commit().map_err(AgentError::from)?;
                let first = servers.first().ok_or(FileError::NoAccount)?;
                let mut accounts = agent.accounts()?.into_iter();
                let found = accounts.find(|account| account.server_id == *first);
                found.ok_or(FileError::NoAccount)
            }
        }
    }

    /// Puts what it brought into the tree of a device.
    pub(super) fn follow(&self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        match self {
            Self::Account(account) => {
                let at = NodeUri::parse(DmAcc::ROOT).expect("a constant");
                let put = |mut edit: Edit<'_>| DmAcc::bootstrap(&mut edit, account);
                transaction
                    .edit(&at)
                    .map_or(Ok(()), put)
                    .map_err(Error::Account)
            }
            Self::Objects(objects) => {
                transaction.bootstrap(objects).map_err(Error::Bootstrap)?;
                Ok(())
            }
        }
    }
}
