//! The OMA Device Management tree: nodes with their properties, ACLs and descriptions, durable
//! storage, management objects, the device agent, and the server's view of a device's tree.
//!
//! Messages and sessions are `dm-proto`'s; what the nodes of a particular object mean is that of the
//! object's crate (`lawmo`, `scomo`). Nothing here opens a socket, reads a clock or makes a random
//! number: those come in as arguments.
//!
//! # Documents
//!
//! OMA-TS-DM_TND 1.2 (tree, properties, ACL, description), OMA-TS-DM_RepPro 1.2 (commands and their
//! statuses), OMA-TS-DM_Protocol 1.2 (sessions), OMA-TS-DM_StdObj 1.2 (DevInfo, DevDetail, DMAcc).
//!
//! # The parts
//!
//! - [`Tree`] runs the commands of servers on a [`store`], in a [`Transaction`] with savepoints. What
//!   may be where says a [description](description::NodeDescription); who may do what, an [`Acl`].
//! - A [`ManagementObject`](object::ManagementObject) owns a subtree: it may refuse a change, computes
//!   reads, and takes Execs.
//! - An [`Agent`](agent::Agent) is a whole device: a session, the tree, its objects, their jobs and the
//!   reports on them, in the one order that survives a crash between any two steps.
//! - [`remote`] is the server's side: operations on a device that span messages and sessions.
//!
//! # A device
//!
//! ```no_run
//! use dm_proto::{
//!     SessionId,
//!     auth::{Account, Nonce},
//!     session::{Headers, Transmit, Trigger, UserReply},
//! };
//! use dm_tree::{
//!     NodeUri,
//!     agent::{Agent, AgentConfig, AgentError, Output},
//!     std_objects::{DevInfo, DmAcc},
//!     store::Memory,
//! };
//!
//! # fn account() -> Account { unimplemented!() }
//! # fn now() -> u64 { 0 }
//! # fn random() -> Nonce { Nonce::from([0; 16]) }
//! # fn post(_: &Transmit) -> Option<(String, Vec<u8>)> { None }
//! fn device() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut agent = Agent::open(
//!         Box::new(Memory::new()),
//!         vec![
//!             (
//!                 NodeUri::parse(DevInfo::ROOT)?,
//!                 Box::new(DevInfo::new("urn:example:1", "Maker", "Model")),
//!             ),
//!             (NodeUri::parse(DmAcc::ROOT)?, Box::new(DmAcc::new(vec![account()]))),
//!         ],
//!         AgentConfig::default(),
//!         now(),
//!     )?;
//!     agent.connect("server.example", Trigger::Client, SessionId::from("1"), now())?;
//!     loop {
//!         match agent.poll(now())? {
//!             Output::Transmit(message) => match post(&message) {
//!                 Some((content_type, answer)) => {
//!                     agent.handle(answer.into(), Headers::new(&content_type), random())?;
//!                 }
//!                 None => agent.transport_failed(now())?,
//!             },
//!             Output::Run(job) => agent.run(job.id, now())?,
//!             Output::Ask(question, _prompt) => agent.reply(question, UserReply::No)?,
//!             Output::Idle => return Ok(()),
//!             _ => {}
//!         }
//!     }
//! }
//! ```
//!
//! # Features
//!
//! - `redb`: [`store`] in one file of an embedded database. Needed for anything that must survive a
//!   restart.
//!
//! # What is not implemented
//!
//! - TNDS (`?list=TNDS` is answered 406, Add and Replace of serialized trees 415) and the Inbox.
//! - DDF documents: descriptions are built in code.
//! - Implicit Add: a missing parent is 404, with the node to add first in the status.
//! - Values that arrive in pieces: the session answers for large objects.

pub mod agent;
pub mod description;
pub mod object;
pub mod remote;
pub mod std_objects;
pub mod store;

mod acl;
mod execute;
mod node;
mod transaction;
mod tree;
mod uri;

pub use self::{
    acl::{Acl, AclError, Right},
    node::{Node, NodeFormat},
    transaction::{Edit, View},
    tree::{Transaction, Tree, TreeError},
    uri::{Address, ListKind, NodeUri, Property, Query, UriError, UriLimits},
};
