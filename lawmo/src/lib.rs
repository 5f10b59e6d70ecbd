//! OMA Lock and Wipe Management Object (LAWMO 1.0): lock, unlock, wipe and factory reset, for devices
//! ([`device`]) and servers ([`server`]).
//!
//! It knows the nodes of the object, its operations, states, result codes and reports. What a lock or a
//! wipe is on a device, it leaves to the implementor of [`device::Device`]; sessions, storage, jobs and
//! the delivery of reports to [`dm_tree`].
//!
//! The facts are reconstructed, and nothing here claims conformance: the project's `PROVENANCE.md` says
//! where each of them comes from.
//!
//! # A device
//!
//! The whole of it but the way to the server: `post`, the clock and the dice are the integrator's. With
//! storage that lasts, it may be killed between any two lines and goes on where it was.
//!
//! ```
//! use bytes::Bytes;
//! use dm_proto::{
//!     auth::{Account, Nonce},
//!     session::{Headers, Transmit, Trigger, UserReply},
//! };
//! use dm_tree::{
//!     NodeUri,
//!     agent::{Agent, AgentConfig, Output},
//!     object::{Job, ManagementObject},
//!     std_objects::{DevDetail, DevInfo, DmAcc},
//!     store::Memory, // or `Redb`, which lasts
//! };
//! use lawmo::{
//!     ResultCode, State,
//!     device::{
//!         Config, Device, Effect, ItemOutcome, Lawmo, ResetEffect, Standing, UsePolicy, WipeEffect,
//!         WipeItem,
//!     },
//! };
//!
//! /// A phone that prints what a real one does. What can be done twice without harm, as all of this, need
//! /// not look at [`Job::resumed`].
//! struct Phone {
//!     policy: UsePolicy,
//! }
//!
//! impl Phone {
//!     fn enter(&mut self, state: State) -> Effect {
//!         println!("{state:?} leaves {:?}", self.policy);
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//! }
//!
//! impl Device for Phone {
//!     fn fully_lock(&mut self, _: &Job) -> Effect {
//!         self.enter(State::FullyLocked)
//!     }
//!     fn partially_lock(&mut self, _: &Job) -> Effect {
//!         self.enter(State::PartiallyLocked)
//!     }
//!     fn unlock(&mut self, _: &Job) -> Effect {
//!         self.enter(State::Unlocked)
//!     }
//!     fn wipe(&mut self, items: &[WipeItem], _: &Job) -> WipeEffect {
//!         // One at a time: after a crash the next call has what is left.
//!         let erase = |item: &WipeItem| {
//!             println!("erasing {}", item.list_item_name);
//!             ItemOutcome::Erased
//!         };
//!         WipeEffect::Items(items.iter().take(1).map(erase).collect())
//!     }
//!     fn factory_reset(&mut self, _: &Job) -> ResetEffect {
//!         // A reset that goes on over a reboot keeps a `ResetMarker` outside of what it erases.
//!         ResetEffect::Erased
//!     }
//!     fn started(&self, standing: &Standing) {
//!         println!("{:?}, by {:?}", standing.state, standing.locked_by);
//!     }
//! }
//!
//! # fn now() -> u64 { 0 }
//! # fn random() -> Nonce { Nonce::from([0; 16]) }
//! /// One session with the server of an account, and what follows from it.
//! fn run(
//!     account: Account,
//!     mut post: impl FnMut(&Transmit) -> std::io::Result<(Bytes, String)>,
//! ) -> Result<Agent, Box<dyn std::error::Error>> {
//!     let server = account.server_id.clone();
//!     let config = Config::new([server.clone()])
//!         .with_wipe_list(["Contacts", "Media", "Messages"].map(WipeItem::new));
//!     let phone = Phone { policy: config.use_policy.clone() };
//!     let objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
//!         (NodeUri::parse("./DevInfo")?, Box::new(DevInfo::new("IMEI:1", "Maker", "Model"))),
//!         (NodeUri::parse("./DevDetail")?, Box::new(DevDetail::new("phone", "Maker", "1", "1", "1"))),
//!         (NodeUri::parse("./DMAcc")?, Box::new(DmAcc::new(vec![account]))),
//!         (NodeUri::parse("./LAWMO")?, Box::new(Lawmo::new(phone, config))),
//!     ];
//!     let mut agent = Agent::open(Box::new(Memory::default()), objects, AgentConfig::default(), now())?;
//!     if !agent.in_session() {
//!         agent.connect(&server, Trigger::Client, "1".into(), now())?;
//!     }
//!     loop {
//!         match agent.poll(now())? {
//!             Output::Transmit(message) => match post(&message) {
//!                 Ok((body, content_type)) => {
//!                     if agent.handle(body, Headers::new(&content_type), random()).is_err() {
//!                         agent.transport_failed(now())?; // what is no message is no answer
//!                     }
//!                 }
//!                 Err(_) => agent.transport_failed(now())?, // the same octets come again
//!             },
//!             Output::Ask(question, _) => agent.reply(question, UserReply::TimedOut)?,
//!             Output::Run(job) => agent.run(job.id, now())?,
//!             Output::Idle => return Ok(agent), // `report_due` says whether to connect again
//!             _ => {}
//!         }
//!     }
//! }
//! # use dm_proto::{auth::Credentials, codec::DecodeOptions};
//! # use dm_proto::session::{Disposition, Received, Saved, ServerConfig, ServerSession};
//! # use dm_tree::remote::{Order, Queue};
//! # use lawmo::server::{AnyOperation, Lock};
//! # // The server of the example below.
//! # fn server(account: Account, queue: Queue<AnyOperation>) -> impl FnMut(&Transmit) -> std::io::Result<(Bytes, String)> {
//! #     let mut stored: Option<(Saved, Option<Transmit>)> = None;
//! #     let mut queue = queue;
//! #     move |message| {
//! #         let config = std::sync::Arc::new(ServerConfig::default());
//! #         let headers = Headers::new(message.encoding.media_type());
//! #         let received = Received::read(message.body.clone(), headers, &DecodeOptions::default()).expect("a message");
//! #         let mut session = match stored.take() {
//! #             Some((saved, last)) if saved.disposition(&received) == Disposition::Next => {
//! #                 ServerSession::restore(saved, last, config, &account).expect("its own")
//! #             }
//! #             _ => ServerSession::accept(&received, config, &account).expect("known"),
//! #         };
//! #         session.handle(received, random()).expect("in order");
//! #         queue.drive(&mut session);
//! #         let answer = session.poll_transmit().expect("an answer");
//! #         queue.drive(&mut session);
//! #         stored = Some((session.save(), Some(answer.clone())));
//! #         Ok((answer.body.clone(), answer.encoding.media_type().into()))
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let account = Account {
//! #         server_id: "dm.example.com".into(),
//! #         server_uri: "https://dm.example.com/dm".into(),
//! #         device_uri: "IMEI:1".into(),
//! #         client: Credentials::basic("phone", "secret"),
//! #         server: Credentials::basic("dm.example.com", "secret too"),
//! #     };
//! #     let mut queue = Queue::new();
//! #     queue.push(1, AnyOperation::Lock(Lock::fully(Order::new("dm.example.com", "1"))));
//! #     let mut agent = run(account.clone(), server(account, queue))?;
//! #     let transaction = agent.begin(0);
//! #     let standing = Standing::read(&transaction.view(), &NodeUri::parse("./LAWMO")?).expect("it is read");
//! #     assert_eq!(standing.state, State::FullyLocked);
//! #     assert_eq!(standing.locked_by.as_deref(), Some("dm.example.com"));
//! #     Ok(())
//! # }
//! ```
//!
//! [`device::WipeList`] maintains the list of what can be wiped while the device runs, [`device::UsePolicy`]
//! is what a lock leaves and with whom the locked device speaks, [`device::ResetMarker`] what a reset leaves,
//! and the methods of [`device::Device`] that have defaults ask the user and perform vendor operations.
//!
//! # A server
//!
//! Operations stand in a queue, stored with the session of their device. One message in, one message
//! out, by any process.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use dm_proto::{
//!     auth::{Account, Nonce, Side},
//!     codec::DecodeOptions,
//!     session::{Disposition, Headers, Received, Saved, ServerConfig, ServerSession, Transmit},
//! };
//! use dm_tree::remote::{Notice, Operation, Order, Queue};
//! use lawmo::server::{AnyOperation, AnyOutcome, FactoryReset, Lock, LockOutcome, Wipe, WipeOutcome};
//!
//! /// What is stored for a device, with a version to compare and swap on.
//! struct Row {
//!     account: Account,
//!     session: Option<Saved>,
//!     last_sent: Option<Transmit>,
//!     queue: Queue<AnyOperation>,
//! }
//!
//! impl Row {
//!     /// A phone is stolen: as soon as it comes, or is notified, it is locked and wiped.
//!     fn stolen(&mut self) {
//!         self.queue.push(1, AnyOperation::Lock(Lock::fully(order("stolen-1"))));
//!         self.queue.push(2, AnyOperation::Wipe(Wipe::everything(order("stolen-2"))));
//!     }
//!
//!     /// A phone is sold: its user is asked, who has a minute.
//!     fn sold(&mut self) {
//!         let asked = order("sold-3").confirmed_by_user("Reset your phone?", Some(60));
//!         self.queue.push(3, AnyOperation::FactoryReset(FactoryReset::new(asked)));
//!     }
//!
//!     /// Takes a message of the device.
//!     fn post(
//!         &mut self,
//!         body: Bytes,
//!         content_type: &str,
//!         random: Nonce,
//!     ) -> Result<Option<Transmit>, Box<dyn std::error::Error>> {
//!         let config = Arc::new(ServerConfig::default());
//!         let received = Received::read(body, Headers::new(content_type), &DecodeOptions::default())?;
//!         let mut session = match &self.session {
//!             Some(saved)
//!                 if matches!(saved.disposition(&received), Disposition::Next | Disposition::Repeat) =>
//!             {
//!                 let last_sent = self.last_sent.clone();
//!                 ServerSession::restore(saved.clone(), last_sent, config, &self.account)?
//!             }
//!             // Where strangers can send messages: beside the old one, until it has authenticated.
//!             _ => ServerSession::accept(&received, config, &self.account)?,
//!         };
//!         session.handle(received, random)?;
//!         let mut notices = self.queue.drive(&mut session);
//!         let answer = session.poll_transmit();
//!         notices.extend(self.queue.drive(&mut session));
//!         for notice in notices {
//!             match notice {
//!                 Notice::Finished(id) => self.tell(id),
//!                 // For the next digest, in this session or a notification.
//!                 Notice::NonceChanged { side: Side::Client, nonce } => self.account.client.nonce = nonce,
//!                 Notice::NonceChanged { side: Side::Server, nonce } => self.account.server.nonce = nonce,
//!                 _ => {} // sent, accepted, reports that belong to nothing ...
//!             }
//!         }
//!         // Store the row, and only then answer.
//!         self.session = Some(session.save());
//!         self.last_sent.clone_from(&answer);
//!         Ok(answer)
//!     }
//!
//!     /// An operation has come to its end, in this session or a later one.
//!     fn tell(&self, id: u32) {
//!         match self.queue.get(id).and_then(Operation::outcome) {
//!             Some(AnyOutcome::Lock(LockOutcome::Done(_))) => println!("{id}: locked"),
//!             Some(AnyOutcome::Wipe(WipeOutcome::Wiped { result })) => println!("{id}: {result:?}"),
//!             other => println!("{id}: {other:?}"), // accepted, failed, refused, declined ...
//!         }
//!     }
//! }
//!
//! /// The correlator tells this operation from any other, for ever.
//! fn order(correlator: &str) -> Order {
//!     Order::new("dm.example.com", correlator)
//! }
//! # use dm_proto::{auth::Credentials, session::{Trigger, UserReply}};
//! # use dm_tree::{NodeUri, agent::{Agent, AgentConfig, Output}, object::{Job, ManagementObject}};
//! # use dm_tree::{std_objects::{DevInfo, DmAcc}, store::Memory};
//! # use lawmo::{ResultCode, device::{Config, Device, Effect, ItemOutcome, Lawmo, ResetEffect, WipeEffect, WipeItem}, server::ResetOutcome};
//! # struct Phone;
//! # impl Device for Phone {
//! #     fn fully_lock(&mut self, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn partially_lock(&mut self, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn unlock(&mut self, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn wipe(&mut self, items: &[WipeItem], _: &Job) -> WipeEffect {
//! #         WipeEffect::Items(vec![ItemOutcome::Erased; items.len()])
//! #     }
//! #     fn factory_reset(&mut self, _: &Job) -> ResetEffect { ResetEffect::Erased }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let random = || Nonce::from([0; 16]);
//! #     let account = Account {
//! #         server_id: "dm.example.com".into(),
//! #         server_uri: "https://dm.example.com/dm".into(),
//! #         device_uri: "IMEI:1".into(),
//! #         client: Credentials::md5("phone", "secret", Nonce::default()),
//! #         server: Credentials::md5("dm.example.com", "secret too", Nonce::default()),
//! #     };
//! #     let mut row = Row { account: account.clone(), session: None, last_sent: None, queue: Queue::new() };
//! #     row.stolen();
//! #     row.sold();
//! #     let config = Config::new(["dm.example.com"]).with_wipe_list([WipeItem::new("Contacts")]);
//! #     let objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
//! #         (NodeUri::parse("./DevInfo")?, Box::new(DevInfo::new("IMEI:1", "Maker", "Model"))),
//! #         (NodeUri::parse("./DMAcc")?, Box::new(DmAcc::new(vec![account]))),
//! #         (NodeUri::parse("./LAWMO")?, Box::new(Lawmo::new(Phone, config))),
//! #     ];
//! #     let mut agent = Agent::open(Box::new(Memory::default()), objects, AgentConfig::default(), 0)?;
//! #     agent.connect("dm.example.com", Trigger::Client, "1".into(), 0)?;
//! #     loop {
//! #         match agent.poll(0)? {
//! #             Output::Transmit(message) => {
//! #                 let answer = row.post(message.body, message.encoding.media_type(), random())?.expect("an answer");
//! #                 agent.handle(answer.body, Headers::new(answer.encoding.media_type()), random())?;
//! #             }
//! #             Output::Run(job) => agent.run(job.id, 0)?,
//! #             Output::Ask(question, _) => agent.reply(question, UserReply::Yes)?,
//! #             Output::Idle => break,
//! #             _ => {}
//! #         }
//! #     }
//! #     let outcome = |id| row.queue.get(id).and_then(Operation::outcome);
//! #     assert!(matches!(outcome(1), Some(AnyOutcome::Lock(LockOutcome::Done(_)))), "{:?}", outcome(1));
//! #     assert!(matches!(outcome(2), Some(AnyOutcome::Wipe(WipeOutcome::Wiped { .. }))), "{:?}", outcome(2));
//! #     let reset = AnyOutcome::FactoryReset(ResetOutcome::Accepted);
//! #     assert_eq!(outcome(3), Some(reset));
//! #     assert!(row.account.client.nonce == random() && row.account.server.nonce == random());
//! #     Ok(())
//! # }
//! ```
//!
//! # What is not implemented
//!
//! - Enforcing what stays usable, and with whom a locked device speaks: [`device::UsePolicy`] says it, the
//!   integrator sees to it.
//! - A report on what a user or a device changes by itself; `Agent::raise` sends what the integrator makes.

pub mod alert;
pub mod device;
pub mod nodes;
pub mod server;

mod operation;
mod result_code;
mod state;

pub use self::{operation::Operation, result_code::ResultCode, state::State};

/// The identifier of the object: the value of its root's Type property.
pub const MO_ID: &str = "urn:oma:mo:oma-lawmo:1.0";

/// The type of the final alert.
pub const OPERATION_COMPLETE: &str = "urn:oma:at:lawmo:1.0:OperationComplete";
