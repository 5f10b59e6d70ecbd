//! [`ManagementObject`]: how an object plugs into the tree, and the jobs that its Execs become.

use bytes::Bytes;
use dm_proto::{Correlator, Data, StatusCode, Text, message::Alert, session::Origin};
use serde::{Deserialize, Serialize};

use crate::{Edit, Node, NodeUri, View, description::NodeDescription};

/// Names a job for as long as the device remembers it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct JobId(pub u64);

/// An Exec that a server asked for: what was asked, by whom, and how far it is.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The ServerID of who asked.
    pub server: Text,
    /// The executed node.
    pub node: NodeUri,
    /// The Exec's correlator, to the letter.
    pub correlator: Option<Correlator>,
    /// The Exec's data.
    pub argument: Option<Data>,
    /// The Exec in its session.
    pub origin: Origin,
    /// What the object wrote down when it accepted the Exec: enough to run it.
    pub memo: Vec<u8>,
    /// The last [`Progress::Stage`] that is durable; 0 at first.
    pub stage: u32,
    /// Whether it was started before and a restart came between: what was done then is not known here.
    pub resumed: bool,
    /// How often it was put off ([`Progress::Deferred`]).
    #[serde(skip)]
    pub deferrals: u32,
    /// When it was put off first: seconds since 1970, as the caller gave them.
    #[serde(skip)]
    pub deferred_since: Option<u64>,
    /// How many jobs of the same object were not finished when this one was decided on.
    #[serde(skip)]
    pub ahead: u32,
    /// Of a job that was decided [once told](Decision::OnceTold): its server is not known to have the 202, which
    /// was sent as often as there are retries, and has not been heard of since.
    #[serde(skip)]
    pub unanswered: bool,
}

impl Job {
    /// An Exec as it is handed to [`ManagementObject::decide`]: for the tests of an object. In a device,
    /// the agent makes the jobs.
    pub fn new(id: JobId, server: impl Into<Text>, node: NodeUri, origin: Origin) -> Self {
        Self {
            id,
            server: server.into(),
            node,
            correlator: None,
            argument: None,
            origin,
            memo: Vec::new(),
            stage: 0,
            resumed: false,
            deferrals: 0,
            deferred_since: None,
            ahead: 0,
            unanswered: false,
        }
    }

    /// The correlator by which a repeat is recognised; a blank one tells nothing apart.
    pub(crate) fn key(&self) -> Option<&Correlator> {
        let correlator = self.correlator.as_ref()?;
        (!correlator.as_str().trim().is_empty()).then_some(correlator)
    }
}

/// The object's answer to an Exec.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the agent must know them all")]
pub enum Decision {
    /// No, with this status; nothing has changed.
    Refuse(StatusCode),
    /// Run before the answer leaves; the answer is the result.
    Now,
    /// Answer 202; run while the session goes on, once the server has the answer.
    Accept,
    /// Answer 202; run after the session has closed.
    AfterSession,
    /// The same for what has no report, so that its server has to have the 202: if a restart has lost the
    /// session in which it was to arrive, another one with that server comes first, and as many more as there
    /// are retries if they fail. Where nothing was heard of the server the job says so
    /// ([`Job::unanswered`]). While it [goes on elsewhere](Progress::Later) no other job begins.
    OnceTold,
    /// Run before the answer leaves, whatever else is under way, to ask the user whether it is accepted
    /// at all: yes is [`Progress::AfterSession`], which is then as [`OnceTold`](Self::OnceTold), no is
    /// [`Progress::Done`] with the status of the refusal. [`Progress::Later`] leaves the Exec unanswered
    /// until the integrator knows.
    Ask,
}

/// How far a job came.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the agent must know them all")]
pub enum Progress {
    /// It is done.
    Done(Outcome),
    /// It reached a stage that should be durable; run it again.
    Stage(u32),
    /// The same, with something to remember.
    Noted {
        /// The stage.
        stage: u32,
        /// What [`Job::memo`] is from now on.
        memo: Vec<u8>,
    },
    /// It may be done, and will be after the session: its Exec is answered 202 if that was not done yet,
    /// and it runs again at this stage.
    AfterSession(u32),
    /// It goes on elsewhere; the integrator calls `Agent::complete`. Later jobs of its object wait for
    /// it; those of other objects pass, so that a download keeps nobody from locking a lost phone: what
    /// must not happen beside it, such as a factory reset, is the integrator's to know.
    Later,
    /// Not now: battery, memory, or a user who will not be disturbed. It stays in the queue, durable
    /// and in its place, with all later jobs of its object behind it, until the integrator calls
    /// `Agent::take_up`. Jobs of other objects pass.
    Deferred,
    /// The device was reset: the agent forgets everything and sets the tree up anew. Only for a job
    /// that runs after the session ([`Decision::OnceTold`]): an open session is forgotten too,
    /// and its Exec never answered.
    Reset,
}

/// The result of a job.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Outcome {
    /// The result code: the status of a synchronous answer, the code of a report.
    pub code: StatusCode,
    /// What the object needs to know of it in [`ManagementObject::finish`].
    pub detail: Vec<u8>,
}

impl From<StatusCode> for Outcome {
    fn from(code: StatusCode) -> Self {
        Self {
            code,
            detail: Vec::new(),
        }
    }
}

/// A change that a server wants to make.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Change<'a> {
    /// A new node.
    Add(&'a NodeUri, &'a Node),
    /// A new value.
    Replace(&'a NodeUri, &'a Node),
    /// A removal.
    Delete(&'a NodeUri),
    /// A new name.
    Rename(&'a NodeUri, &'a str),
}

/// A piece of a large value, for an object that takes it as a stream.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Octets of the value before this piece. 0 begins a value, and ends one that was not finished;
    /// after a restart it may be less than what was taken already: then what was taken from there on
    /// comes again.
    pub offset: u64,
    /// The octets. Where octets travel as Base64 text they are decoded.
    pub octets: &'a [u8],
    /// The declared size of the value as it is transferred: of Base64 text more than there are octets.
    pub total: u64,
    /// Whether this is the first piece. Another may have the offset 0 too, if nothing could be decoded
    /// before it.
    pub first: bool,
    /// Whether this is the last piece.
    pub last: bool,
}

/// An object that owns a subtree.
///
/// An Exec has three moments: [`decide`](Self::decide) inside the transaction, [`run`](Self::run)
/// outside any transaction once the job is durable, [`finish`](Self::finish) inside the transaction
/// that makes the result durable.
pub trait ManagementObject: Send {
    /// What the subtree looks like. Permanent nodes are created from it when the object is mounted.
    fn description(&self) -> &NodeDescription;

    /// Called in the transaction of the first mount, after the permanent nodes have been created.
    ///
    /// # Errors
    ///
    /// If it cannot set up its nodes.
    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let _ = edit;
        Ok(())
    }

    /// Called at every start, with the jobs of this object that are not finished: repairs what a
    /// restart left behind, and updates what the device maintains.
    ///
    /// # Errors
    ///
    /// If it cannot.
    fn restarted(&self, edit: &mut Edit<'_>, jobs: &[Job]) -> Result<(), StatusCode> {
        let _ = (edit, jobs);
        Ok(())
    }

    /// Whether a server may make a change that ACL and description allow.
    ///
    /// # Errors
    ///
    /// The status of the refusal.
    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let _ = (view, change);
        Ok(())
    }

    /// Called after a server's change, in its transaction: adds what belongs to it.
    ///
    /// # Errors
    ///
    /// The status with which the change is undone.
    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let _ = (edit, change);
        Ok(())
    }

    /// A value computed at reading; `None` for what is stored.
    fn read(&self, view: &View<'_>, node: &NodeUri) -> Option<Result<Bytes, StatusCode>> {
        let _ = (view, node);
        None
    }

    /// Takes a piece of a large value that a server writes to a node, and that need not lie in the tree:
    /// makes it durable outside of it. `None` leaves the value to the tree; of the first piece this
    /// decides for all of the value. What is edited becomes durable with the message that brought the
    /// piece.
    ///
    /// Behind the last piece the command is run with an empty value, and [`check`](Self::check) and
    /// [`changed`](Self::changed) hear of that.
    fn stream(
        &self,
        edit: &mut Edit<'_>,
        node: &NodeUri,
        piece: &Piece<'_>,
    ) -> Option<Result<(), StatusCode>> {
        let _ = (edit, node, piece);
        None
    }

    /// The rest of a value that came as a [`stream`](Self::stream) will not come, or its command was
    /// refused.
    fn stream_ended(&self, edit: &mut Edit<'_>, node: &NodeUri) {
        let _ = (edit, node);
    }

    /// The children of a node whose subtree is [computed](NodeDescription::computed): names, with
    /// whatever characters, and nodes. They are asked for whenever somebody looks, each level for
    /// itself; nothing of them is stored. TStamp and VerNo are what the nodes given say.
    ///
    /// The tree sees to ACLs, properties and structures, and refuses every change (405); Exec is
    /// decided on as everywhere. `view` shows what is stored.
    ///
    /// # Errors
    ///
    /// 404 if there is no such node, or what the system says.
    fn list(&self, view: &View<'_>, node: &NodeUri) -> Result<Vec<(Text, Node)>, StatusCode> {
        let _ = (view, node);
        Ok(Vec::new())
    }

    /// One node that is [computed](NodeDescription::computed); `None` if there is none. Unless
    /// something quicker is known, it is looked for among its siblings.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn look(&self, view: &View<'_>, node: &NodeUri) -> Result<Option<Node>, StatusCode> {
        let Some(parent) = node.parent() else {
            return Ok(None);
        };
        let siblings = match self.list(view, &parent) {
            Err(StatusCode::NOT_FOUND) => return Ok(None),
            siblings => siblings?,
        };
        let is_it = |name: &Text| parent.child(name).is_ok_and(|uri| uri == *node);
        Ok(siblings
            .into_iter()
            .find_map(|(name, sibling)| is_it(&name).then_some(sibling)))
    }

    /// 1. Inside the transaction: accepts or refuses an Exec, and writes down in `job.memo` what
    ///    running it takes. No effect outside the tree.
    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        let _ = (edit, job);
        Decision::Refuse(StatusCode::COMMAND_NOT_ALLOWED)
    }

    /// Called inside the transaction when an Exec is told to repeat the one that a job was made of, and is
    /// answered without the object. Who repeats does not know what has arrived, and may have prepared
    /// again what was prepared before: that belongs to this job too. `job.memo` may be changed. `result` is
    /// the code of a job that is over.
    fn repeated(&self, edit: &mut Edit<'_>, job: &mut Job, result: Option<StatusCode>) {
        let _ = (edit, job, result);
    }

    /// 2. Outside any transaction, once the job is durable. Called again after a restart
    ///    ([`Job::resumed`]), after [`Progress::Stage`], and when a job is taken up again that was
    ///    [put off](Progress::Deferred).
    fn run(&mut self, job: &Job) -> Progress {
        let _ = job;
        Progress::Done(Outcome::from(StatusCode::COMMAND_FAILED))
    }

    /// Called inside the transaction that makes a [`Progress::Stage`] durable.
    fn stage(&self, edit: &mut Edit<'_>, job: &Job) {
        let _ = (edit, job);
    }

    /// 3. Inside the transaction that makes the result durable. The alert is the report; it is
    ///    dropped if the Exec was answered with the result itself.
    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let _ = (edit, job, outcome);
        None
    }
}
