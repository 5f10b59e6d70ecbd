//! [`Tree`] and [`Transaction`]: commands on the tree.

use core::cell::Cell;

use dm_proto::{StatusCode, message::Alert};

use crate::{
    Acl, Edit, Node, NodeUri, UriLimits, View,
    ddf::Ddf,
    description::{Access, CaseSense, Described, NodeDescription},
    object::{Decision, Job, ManagementObject, Outcome},
    std_objects::{DmAcc, Inbox},
    store::{Batch, Kind, Store, StoreError, StoreErrorKind},
    transaction::{RawEdit, status_of},
};

/// The tree of a device: a store, and the management objects that own subtrees.
pub struct Tree {
    store: Box<dyn Store>,
    mounts: Vec<Mount>,
    limits: UriLimits,
    options: TreeOptions,
    /// The time last heard of.
    now: u64,
}

/// An object and the place of its subtree.
pub(crate) struct Mount {
    pub(crate) root: NodeUri,
    pub(crate) object: Box<dyn ManagementObject>,
    /// Whether part of its subtree is computed.
    computes: bool,
    /// Whether the description says somewhere that case does not count.
    pub(crate) ignores_case: bool,
    pub(crate) is_inbox: bool,
    /// Whether there are accounts of servers in it.
    pub(crate) has_accounts: bool,
}

/// What a tree does where the documents leave a choice.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TreeOptions {
    /// Whether an Add makes the interior nodes that are missing on the way, where description and ACL
    /// allow each of them. Default no: 404. OMA-TS-DM_RepPro, Add.
    pub implicit_add: bool,
    /// The ACL of an interior node whose creator may not Replace its parent.
    pub creator_acl: CreatorAcl,
    /// The largest value in octets that a server may set; larger ones are answered 413. Default `None`:
    /// what a message can carry.
    pub max_value: Option<usize>,
    /// About how much memory in octets the results of one Get may take; more is answered 413 before it is
    /// taken. Default `None`: as much as there is. An [agent](crate::agent) without one takes the memory budget
    /// of its sessions, which could not send more.
    pub max_results: Option<usize>,
}

/// The ACL that a server gets on an interior node that it adds where it may not Replace the parent.
/// OMA-TS-DM_TND, ACL.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum CreatorAcl {
    /// Add, Delete and Replace, and Exec and Get where it had them before: its own ACL would take
    /// them away.
    #[default]
    Keeping,
    /// Add, Delete and Replace, as the text says.
    Literal,
}

/// Why the tree cannot be set up.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum TreeError {
    /// Two objects want the same place, or one inside the other, or the root of the tree.
    #[error("{0} overlaps a mounted object")]
    Overlap(NodeUri),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object failed to set up its nodes.
    #[error("{root} could not be set up: {status:?}")]
    Setup {
        /// The object.
        root: NodeUri,
        /// Its reason.
        status: StatusCode,
    },
}

impl Tree {
    /// A tree on a store.
    pub fn new(store: Box<dyn Store>) -> Self {
        Self {
            store,
            mounts: Vec::new(),
            limits: UriLimits::default(),
            options: TreeOptions::default(),
            now: 0,
        }
    }

    /// The same at a time: that of the nodes that come into being with mounts.
    #[must_use]
    pub fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// Mounts an object; its permanent nodes come into being where they are missing, and so do the
    /// interior nodes that lead to it. At the first mount the object sets up the rest.
    ///
    /// # Errors
    ///
    /// If the place is taken, the object fails to set up its nodes, or the storage fails. Then nothing
    /// is mounted.
    pub fn mount(
        &mut self,
        root: NodeUri,
        object: Box<dyn ManagementObject>,
    ) -> Result<(), TreeError> {
        let overlaps =
            |mount: &Mount| mount.root.below(&root).is_some() || root.below(&mount.root).is_some();
        if root == NodeUri::ROOT || self.mounts.iter().any(overlaps) {
            return Err(TreeError::Overlap(root));
        }
        self.mounts.push(Mount::new(root, object));
        let set_up = self.set_up(self.mounts.len() - 1);
        if set_up.is_err() {
            self.mounts.pop();
        }
        set_up
    }

    /// Sets how long URIs may be that servers use; longer ones are answered 414. At first there is no
    /// limit but those of [`NodeUri`].
    pub fn set_uri_limits(&mut self, limits: UriLimits) {
        self.limits = limits;
    }

    /// Sets what the tree does where there is a choice.
    pub fn set_options(&mut self, options: TreeOptions) {
        self.options = options;
    }

    /// The description of every mounted object. OMA-TS-DM_TND, device description framework.
    pub fn ddf(&self) -> Ddf {
        let described = |mount: &Mount| (mount.root.clone(), mount.object.description().clone());
        Ddf::of(self.mounts.iter().map(described))
    }

    /// Begins a transaction at `now` (seconds since 1970). Dropping it undoes it.
    pub fn begin(&mut self, now: u64) -> Transaction<'_> {
        self.now = now;
        Transaction {
            store: &mut *self.store,
            mounts: &self.mounts,
            limits: self.limits,
            options: self.options,
            layers: vec![Batch::default()],
            now,
            met: Cell::new(None),
            failure: None,
            authority: Authority::Server,
        }
    }

    /// Read access to what is committed.
    pub fn view(&self) -> View<'_> {
        View::new(&*self.store, &[]).with_mounts(&self.mounts)
    }

    /// Removes everything and sets the tree up anew from its objects, as at the first start. The time is
    /// that of the last transaction.
    ///
    /// # Errors
    ///
    /// If an object fails to set up its nodes or the storage fails. Once everything is removed,
    /// mounting the objects on the same store ends in the same.
    pub fn reset(&mut self) -> Result<(), TreeError> {
        self.store.clear()?;
        (0..self.mounts.len()).try_for_each(|index| self.set_up(index))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The object that owns a node.
    pub(crate) fn object_mut(&mut self, node: &NodeUri) -> Option<&mut dyn ManagementObject> {
        let mount = self
            .mounts
            .iter_mut()
            .find(|mount| node.below(&mount.root).is_some())?;
        Some(&mut *mount.object)
    }

    /// Creates what is missing of a mounted object.
    fn set_up(&mut self, index: usize) -> Result<(), TreeError> {
        let mut transaction = self.begin(self.now);
        let Some(mount) = transaction.mounts.get(index) else {
            return Ok(());
        };
        let failed = |status| TreeError::Setup {
            root: mount.root.clone(),
            status,
        };
        let first = transaction
            .view()
            .find(&mount.root)
            .map_err(failed)?
            .is_none();
        transaction.grow(mount).map_err(failed)?;
        if first {
            mount
                .object
                .setup(&mut transaction.edit_of(mount))
                .map_err(failed)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

impl core::fmt::Debug for Tree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let roots: Vec<_> = self.mounts.iter().map(|mount| &mount.root).collect();
        f.debug_struct("Tree")
            .field("mounts", &roots)
            .finish_non_exhaustive()
    }
}

/// Changes that take effect together, or not at all.
pub struct Transaction<'t> {
    store: &'t mut dyn Store,
    pub(crate) mounts: &'t [Mount],
    pub(crate) limits: UriLimits,
    pub(crate) options: TreeOptions,
    /// The changes, and above them those since each open savepoint.
    layers: Vec<Batch>,
    now: u64,
    /// The last failure of the storage that an edit met.
    met: Cell<Option<StoreErrorKind>>,
    /// A failure of the storage that nobody could be told of: this must not be committed.
    failure: Option<StoreErrorKind>,
    pub(crate) authority: Authority,
}

/// By whose right commands are executed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Authority {
    /// A server's: ACLs and access types count.
    Server,
    /// The device's own: those are for others. What else descriptions say counts all the same.
    Device,
}

impl<'t> Transaction<'t> {
    /// Read access.
    pub fn view(&self) -> View<'_> {
        View::new(&*self.store, &self.layers).with_mounts(self.mounts)
    }

    /// Decides on an Exec: existence (404), ACL (425), executability (405), then the object.
    ///
    /// A refusal leaves nothing of what the object may have written before it refused. What it decided on
    /// reads that failed is not decided: that is refused (510).
    pub fn decide(&mut self, job: &mut Job) -> Decision {
        let acl = match self.view().effective_acl(&job.node) {
            Ok(acl) => acl,
            Err(status) => return Decision::Refuse(status),
        };
        if !acl.allows(crate::Right::Exec, &job.server) {
            return Decision::Refuse(StatusCode::PERMISSION_DENIED);
        }
        let Some(mount) = self.mount_of(&job.node) else {
            return Decision::Refuse(StatusCode::COMMAND_NOT_ALLOWED);
        };
        if !mount.describe(&job.node).supports(Access::EXEC) {
            return Decision::Refuse(StatusCode::COMMAND_NOT_ALLOWED);
        }
        self.savepoint();
        self.met.set(None);
        let mut decision = mount.object.decide(&mut self.edit_of(mount), job);
        if let Some(kind) = self.met.take() {
            decision = Decision::Refuse(status_of(&StoreError::new(kind)));
        }
        match decision {
            Decision::Refuse(_) => self.rollback(),
            Decision::Now
            | Decision::Accept
            | Decision::AfterSession
            | Decision::OnceTold
            | Decision::Ask => {
                self.release();
            }
        }
        decision
    }

    /// Lets the object of a job make its result part of the tree.
    ///
    /// The object cannot refuse: where the storage fails meanwhile, nothing of what it wrote is left, and
    /// the [commit](Self::commit) fails with what the storage said.
    pub fn finish(&mut self, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let mount = self.mount_of(&job.node)?;
        self.whole(|transaction| {
            let mut edit = transaction.edit_of(mount);
            mount.object.finish(&mut edit, job, outcome)
        })
    }

    /// Lets the object of a job make a stage part of the tree; as [`finish`](Self::finish).
    pub fn stage(&mut self, job: &Job) {
        if let Some(mount) = self.mount_of(&job.node) {
            self.whole(|transaction| mount.object.stage(&mut transaction.edit_of(mount), job));
        }
    }

    /// Lets the object of a job hear that its Exec was repeated; as [`finish`](Self::finish).
    pub fn repeated(&mut self, job: &mut Job, result: Option<StatusCode>) {
        if let Some(mount) = self.mount_of(&job.node) {
            self.whole(|transaction| {
                let mut edit = transaction.edit_of(mount);
                mount.object.repeated(&mut edit, job, result);
            });
        }
    }

    /// Runs what cannot fail, in a savepoint of its own.
    fn whole<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.savepoint();
        self.met.set(None);
        let result = run(self);
        match self.met.take() {
            None => self.release(),
            Some(kind) => {
                self.rollback();
                self.failure.get_or_insert(kind);
            }
        }
        result
    }

    /// Lets an object repair what a restart left behind. `jobs` are those that are not finished; the
    /// object gets its own.
    ///
    /// # Errors
    ///
    /// The object's, or 510 if the storage failed meanwhile.
    pub fn restarted(&mut self, root: &NodeUri, jobs: &[Job]) -> Result<(), StatusCode> {
        let Some(mount) = self.mount_at(root) else {
            return Err(StatusCode::NOT_FOUND);
        };
        let own: Vec<Job> = jobs
            .iter()
            .filter(|job| job.node.below(root).is_some())
            .cloned()
            .collect();
        self.met.set(None);
        let result = mount.object.restarted(&mut self.edit_of(mount), &own);
        match self.met.take() {
            None => result,
            Some(kind) => Err(status_of(&StoreError::new(kind))),
        }
    }

    /// 405 for a node that is computed: there is nothing that could be changed.
    pub(crate) fn stored(&self, uri: &NodeUri) -> Result<(), StatusCode> {
        match self.mount_of(uri) {
            Some(mount) if mount.computes(uri) => Err(StatusCode::COMMAND_NOT_ALLOWED),
            _ => Ok(()),
        }
    }

    /// Write access below a mounted root.
    pub fn edit(&mut self, root: &NodeUri) -> Option<Edit<'_>> {
        let mount = self.mount_at(root)?;
        Some(self.edit_of(mount))
    }

    /// Begins a savepoint.
    pub fn savepoint(&mut self) {
        self.layers.push(Batch::default());
    }

    /// Keeps what came since the last savepoint. Without one, nothing happens.
    pub fn release(&mut self) {
        if self.layers.len() > 1
            && let Some(later) = self.layers.pop()
            && let Some(layer) = self.layers.last_mut()
        {
            layer.append(later);
        }
    }

    /// Undoes what came since the last savepoint. Without one, nothing happens: a transaction is
    /// undone by dropping it.
    pub fn rollback(&mut self) {
        if self.layers.len() > 1 {
            self.layers.pop();
        }
    }

    /// Sets or removes a record.
    pub fn put(&mut self, kind: Kind, id: u64, record: Option<Vec<u8>>) {
        if let Some(layer) = self.layers.last_mut() {
            layer.records.insert((kind, id), record);
        }
    }

    /// A record, as this transaction sees it.
    pub(crate) fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        for layer in self.layers.iter().rev() {
            if let Some(record) = layer.records.get(&(kind, id)) {
                return Ok(record.clone());
            }
        }
        self.store.record(kind, id)
    }

    /// Lets a node that this transaction has written keep its value in spool records.
    pub(crate) fn adopt(&mut self, uri: &NodeUri, records: core::ops::Range<u64>) {
        if let Some(layer) = self.layers.last_mut()
            && layer.nodes.get(uri).is_some_and(Option::is_some)
        {
            layer.adopted.insert(uri.clone(), records);
        }
    }

    /// Makes everything durable; open savepoints are kept.
    ///
    /// # Errors
    ///
    /// If the storage fails; then nothing changed.
    pub fn commit(self) -> Result<(), StoreError> {
        if let Some(kind) = self.failure {
            return Err(StoreError::new(kind));
        }
        let mut batch = Batch::default();
        for layer in self.layers {
            batch.append(layer);
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.store.commit(batch)
    }

    pub(crate) fn mount_of(&self, node: &NodeUri) -> Option<&'t Mount> {
        self.mounts
            .iter()
            .find(|mount| node.below(&mount.root).is_some())
    }

    fn mount_at(&self, root: &NodeUri) -> Option<&'t Mount> {
        self.mounts.iter().find(|mount| mount.root == *root)
    }

    pub(crate) fn edit_of(&mut self, mount: &'t Mount) -> Edit<'_> {
        Edit {
            raw: self.raw(),
            root: &mount.root,
        }
    }

    pub(crate) fn raw(&mut self) -> RawEdit<'_> {
        RawEdit {
            store: &*self.store,
            layers: &mut self.layers,
            now: self.now,
            met: &self.met,
        }
    }

    /// What the descriptions say of a node.
    pub(crate) fn describe(&self, node: &NodeUri) -> Described<'t> {
        self.mount_of(node)
            .map_or(Described::Nothing, |mount| mount.describe(node))
    }

    /// Creates the permanent nodes of an object, and those that lead to it, where they are missing.
    fn grow(&mut self, mount: &'t Mount) -> Result<(), StatusCode> {
        let mut above = mount.root.parent();
        let mut missing = Vec::new();
        while let Some(uri) = above {
            above = uri.parent();
            match self.view().find(&uri)? {
                Some(node) if node.is_interior() => break,
                Some(_) => return Err(StatusCode::COMMAND_NOT_ALLOWED),
                None => missing.push(uri),
            }
        }
        for uri in missing.into_iter().rev() {
            let mut node = Node::interior("");
            if uri == NodeUri::ROOT {
                node.acl = Acl::of_root();
            }
            self.raw().write(uri, node, None);
        }
        self.grow_at(mount.root.clone(), mount.object.description())
    }

    /// Creates a node and the permanent ones below it where they are missing.
    fn grow_at(&mut self, uri: NodeUri, description: &NodeDescription) -> Result<(), StatusCode> {
        let mut pending = vec![(uri, description)];
        while let Some((uri, description)) = pending.pop() {
            if self.view().find(&uri)?.is_none() {
                self.raw().write(uri.clone(), description.initial(), None);
            }
            if description.is_computed() {
                continue;
            }
            for child in description.children() {
                if let Some(name) = child.name()
                    && child.comes_with_parent()
                {
                    let child_uri = uri.child(name).map_err(|error| StatusCode::from(&error))?;
                    pending.push((child_uri, child));
                }
            }
        }
        Ok(())
    }

    /// Creates the permanent nodes below a node that was just made: no server can.
    pub(crate) fn grow_below(&mut self, uri: &NodeUri) -> Result<(), StatusCode> {
        match self.describe(uri) {
            Described::Node(description) => self.grow_at(uri.clone(), description),
            Described::Open | Described::Nothing => Ok(()),
        }
    }
}

impl core::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transaction")
            .field("layers", &self.layers)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Mount {
    fn new(root: NodeUri, object: Box<dyn ManagementObject>) -> Self {
        let description = object.description();
        Self {
            computes: description.computes(),
            ignores_case: description.ignores_case(),
            is_inbox: description.has_type(Inbox::TYPE),
            has_accounts: description.has_type(DmAcc::TYPE)
                || description
                    .children()
                    .iter()
                    .any(|child| child.has_type(DmAcc::TYPE)),
            root,
            object,
        }
    }

    /// Whether the children of a node are computed.
    pub(crate) fn computes_below(&self, node: &NodeUri) -> bool {
        self.computes
            && node
                .below(&self.root)
                .is_some_and(|path| self.object.description().computes_below(path))
    }

    /// Whether a node is computed.
    pub(crate) fn computes(&self, node: &NodeUri) -> bool {
        self.computes
            && node
                .parent()
                .is_some_and(|parent| self.computes_below(&parent))
    }

    /// What the object says of a node of its own.
    pub(crate) fn describe(&self, node: &NodeUri) -> Described<'_> {
        match node.below(&self.root) {
            Some(path) => self.object.description().lookup(path),
            None => Described::Nothing,
        }
    }

    /// Whether the names directly below a node of its own differ by case.
    pub(crate) fn case_below(&self, node: &NodeUri) -> CaseSense {
        match node.below(&self.root) {
            Some(path) => self.object.description().lookup_with_case(path).1,
            None => CaseSense::Sensitive,
        }
    }
}
