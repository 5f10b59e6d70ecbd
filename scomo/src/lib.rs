//! OMA Software Component Management Object (SCOMO 1.0, 1.1): download, install, activate and remove
//! software, for devices ([`device`]) and servers ([`server`]).
//!
//! It knows the nodes of the object, its primitives, states, result codes and reports. What it is to
//! fetch a package and to install it, it leaves to the implementor of [`device::Device`]; sessions,
//! storage, jobs and the delivery of reports to [`dm_tree`].
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
//! use std::collections::BTreeMap;
//!
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
//! use scomo::{
//!     ResultCode,
//!     device::{
//!         Activation, Component, Config, Device, Effect, Facts, FetchEffect, InstallEffect, Package,
//!         PackageIs, Scomo, Verdict,
//!     },
//! };
//!
//! /// A car that keeps packages in memory. A real one has files, and looks at them when a job is
//! /// [resumed](Job::resumed): a restart came between, and what was done is there or not.
//! #[derive(Default)]
//! struct Car {
//!     fetched: BTreeMap<String, Vec<u8>>,
//! }
//!
//! impl Device for Car {
//!     fn fetch(&mut self, package: &Package, _: &Job) -> FetchEffect {
//!         match &package.url {
//!             // An HTTP client goes here; `scomo::descriptor` reads download descriptors.
//!             Some(url) => {
//!                 let content = url.as_bytes().to_vec();
//!                 let size = content.len() as u64;
//!                 self.fetched.insert(package.id.to_string(), content);
//!                 FetchEffect::Fetched(Facts::default().with_size(size))
//!             }
//!             None => FetchEffect::Done(ResultCode::DOWNLOAD_FAILED),
//!         }
//!     }
//!     fn verify(&mut self, package: &Package, _: &Job) -> Verdict {
//!         // Digest and signature go here, against `package.install_params` and `package.facts`.
//!         match self.fetched.get(package.id.as_str()) {
//!             Some(content) if package.facts.size == Some(content.len() as u64) => Verdict::Valid,
//!             _ => Verdict::Invalid {
//!                 result: ResultCode::PACKAGE_VALIDATION_FAILED,
//!                 package: PackageIs::Deleted,
//!             },
//!         }
//!     }
//!     fn install(&mut self, package: &Package, _: Activation, _: &Job) -> InstallEffect {
//!         let id = package.id.clone();
//!         self.fetched.remove(id.as_str());
//!         InstallEffect::Installed {
//!             components: vec![Component::new(id).with_version("1.0")],
//!             package: PackageIs::Deleted,
//!         }
//!     }
//!     fn activate(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn deactivate(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn remove_component(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn remove_package(&mut self, package: &Package, _: &Job) -> Effect {
//!         self.fetched.remove(package.id.as_str());
//!         Effect::Done(ResultCode::SUCCESSFUL)
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
//!     let objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
//!         (NodeUri::parse("./DevInfo")?, Box::new(DevInfo::new("VIN:1", "Maker", "Model"))),
//!         (NodeUri::parse("./DevDetail")?, Box::new(DevDetail::new("car", "Maker", "1", "1", "1"))),
//!         (NodeUri::parse("./DMAcc")?, Box::new(DmAcc::new(vec![account]))),
//!         (
//!             NodeUri::parse("./SCOMO")?,
//!             Box::new(Scomo::new(Car::default(), Config::new([server.clone()]))),
//!         ),
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
//! # use scomo::server::{AnyOperation, Invoke};
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
//! #         device_uri: "VIN:1".into(),
//! #         client: Credentials::basic("car", "secret"),
//! #         server: Credentials::basic("dm.example.com", "secret too"),
//! #     };
//! #     let mut queue = Queue::new();
//! #     let package = scomo::server::Package::new("com.example.maps");
//! #     let order = Order::new("dm.example.com", "1");
//! #     let install = Invoke::download_install(package, "https://example.com/maps", order);
//! #     queue.push(1, AnyOperation::Invoke(install));
//! #     let mut agent = run(account.clone(), server(account, queue))?;
//! #     let version = NodeUri::parse("./SCOMO/Inventory/Deployed/com.example.maps/Version")?;
//! #     assert_eq!(agent.begin(0).view().text(&version).unwrap(), "1.0");
//! #     Ok(())
//! # }
//! ```
//!
//! [`device::Sink`] takes packages that a server delivers in pieces, [`device::Components`] knows what
//! comes and goes without a server, and the methods of [`device::Device`] that have defaults ask the
//! user, put off what cannot be done now, and keep versions from going back. Vendors add primitives and
//! nodes of their own below `Ext` ([`device::Config::with_vendor_operation`], [`server::Vendor`]).
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
//! use scomo::server::{AnyOperation, AnyOutcome, Invoke, Outcome, Package};
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
//!     /// Has a package fetched, installed and left active: as soon as the device comes, or is notified.
//!     fn install(&mut self, id: u32, package: &str, url: &str) {
//!         // The correlator tells this installation from any other, for ever.
//!         let order = Order::new("dm.example.com", format!("install-{id}").as_str());
//!         let install = Invoke::download_install(Package::new(package), url, order);
//!         self.queue.push(id, AnyOperation::Invoke(install));
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
//!             Some(AnyOutcome::Invoke(Outcome::Succeeded { components, .. })) => {
//!                 println!("{id}: {components:?} installed");
//!             }
//!             Some(AnyOutcome::Invoke(Outcome::Failed { result, .. })) => println!("{id}: {result:?}"),
//!             other => println!("{id}: {other:?}"), // refused, declined, not supported ...
//!         }
//!     }
//! }
//! # use dm_proto::{auth::Credentials, session::{Trigger, UserReply}};
//! # use dm_tree::{NodeUri, agent::{Agent, AgentConfig, Output}, object::{Job, ManagementObject}};
//! # use dm_tree::{std_objects::{DevInfo, DmAcc}, store::Memory};
//! # use scomo::{ResultCode, device::{self, Activation, Component, Config, Device, Effect, FetchEffect, InstallEffect, PackageIs, Scomo}};
//! # struct Car;
//! # impl Device for Car {
//! #     fn fetch(&mut self, _: &device::Package, _: &Job) -> FetchEffect { FetchEffect::Done(ResultCode::SUCCESSFUL) }
//! #     fn install(&mut self, package: &device::Package, _: Activation, _: &Job) -> InstallEffect {
//! #         InstallEffect::Installed { components: vec![Component::new(package.id.clone())], package: PackageIs::Deleted }
//! #     }
//! #     fn activate(&mut self, _: &Component, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn deactivate(&mut self, _: &Component, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn remove_component(&mut self, _: &Component, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! #     fn remove_package(&mut self, _: &device::Package, _: &Job) -> Effect { Effect::Done(ResultCode::SUCCESSFUL) }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let random = || Nonce::from([0; 16]);
//! #     let account = Account {
//! #         server_id: "dm.example.com".into(),
//! #         server_uri: "https://dm.example.com/dm".into(),
//! #         device_uri: "VIN:1".into(),
//! #         client: Credentials::md5("car", "secret", Nonce::default()),
//! #         server: Credentials::md5("dm.example.com", "secret too", Nonce::default()),
//! #     };
//! #     let mut row = Row { account: account.clone(), session: None, last_sent: None, queue: Queue::new() };
//! #     row.install(1, "com.example.maps", "https://example.com/maps");
//! #     let objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
//! #         (NodeUri::parse("./DevInfo")?, Box::new(DevInfo::new("VIN:1", "Maker", "Model"))),
//! #         (NodeUri::parse("./DMAcc")?, Box::new(DmAcc::new(vec![account]))),
//! #         (NodeUri::parse("./SCOMO")?, Box::new(Scomo::new(Car, Config::new(["dm.example.com"])))),
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
//! #     let outcome = row.queue.get(1).and_then(Operation::outcome);
//! #     assert!(matches!(outcome, Some(AnyOutcome::Invoke(Outcome::Succeeded { .. }))), "{outcome:?}");
//! #     assert!(row.account.client.nonce == random() && row.account.server.nonce == random());
//! #     Ok(())
//! # }
//! ```
//!
//! An operation that depends on another, such as [`Invoke::activate`](server::Invoke::activate) of what
//! is installed here, is pushed once that has its outcome: a queue does not wait for reports.
//!
//! # Life cycle
//!
//! | from | primitive | to |
//! |---|---|---|
//! | `Download/<X>` | `Download` | delivered |
//! | `Download/<X>` | `DownloadInstallInactive` | components inactive |
//! | `Download/<X>` | `DownloadInstall` | components active |
//! | delivered | `InstallInactive` | components inactive, package installed or gone |
//! | delivered | `Install` | components active, package installed or gone |
//! | delivered or installed | `Remove` | package gone, components stay |
//! | inactive | `Activate` | active |
//! | active | `Deactivate` | inactive |
//! | inactive or active | `Remove` | component gone; its package, if it was the last, delivered |
//!
//! What fails keeps its state and shows in its `Status`. A newer package for a component that is there
//! updates its node, and may take others away. Leaves that servers have written stay until servers
//! change them, whatever became of the operation.
//!
//! # What is not implemented
//!
//! - Of 1.1 the lists of components and the periodic update check: neither their nodes nor their rules are
//!   known. A vendor's nodes ([`device::Config::ext`]) may stand in for them.

pub mod alert;
pub mod descriptor;
pub mod device;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod nodes;
pub mod server;

mod branch;
mod operation;
mod result_code;
mod state;

pub use self::{
    branch::Branch,
    operation::Operation,
    result_code::ResultCode,
    state::{DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, DownloadStatus},
};

/// The identifier of the object in version 1.0: the value of its root's Type property.
pub const MO_ID: &str = "urn:oma:mo:oma-scomo:1.0";

/// The identifier of the object in version 1.1.
pub const MO_ID_1_1: &str = "urn:oma:mo:oma-scomo:1.1";

/// The type of the final alert.
pub const OPERATION_COMPLETE: &str = "urn:oma:at:scomo:1.0:OperationComplete";

/// The type of the final alert that a 1.1 device might send; read, not sent by default.
pub const OPERATION_COMPLETE_1_1: &str = "urn:oma:at:scomo:1.1:OperationComplete";

/// The type of the final alert before the standard; read, not sent by default.
pub const OPERATION_COMPLETE_DRAFT: &str =
    "org.openmobilealliance.dm.softwarecomponent.OperationComplete";
