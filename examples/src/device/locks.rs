//! LAWMO on the files of a root.

use std::io;

use dm_proto::session::UserReply;
use dm_tree::object::Job;
use lawmo::{
    Operation, ResultCode,
    device::{
        Asked, Consent, Device, Effect, ItemOutcome, Request, ResetEffect, WipeEffect, WipeItem,
    },
};

use super::{background::Background, factory::Factory, root::Root, user::SharedUser};

/// While it is there, nobody logs in: the lock of the system's own login. Its text is shown to who
/// tries.
pub const FULLY_LOCKED: &str = "etc/nologin";

/// While it is there, the device is partially locked: sessions of users may look for it and leave what
/// the policy leaves.
pub const PARTIALLY_LOCKED: &str = "etc/dm/partially-locked";

const NOTICE: &str = "This device was locked by its management.\n";

/// How far the device is locked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Locked {
    /// Not.
    No,
    /// Partially.
    Partially,
    /// Fully.
    Fully,
}

/// What the files of a root say.
///
/// # Errors
///
/// If they cannot be read.
pub fn locked(root: &Root) -> io::Result<Locked> {
    if root.metadata(FULLY_LOCKED)?.is_some() {
        Ok(Locked::Fully)
    } else if root.metadata(PARTIALLY_LOCKED)?.is_some() {
        Ok(Locked::Partially)
    } else {
        Ok(Locked::No)
    }
}

/// A category of data that can be wiped: its item in the list, and the folder that holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Category {
    /// The name of the item.
    pub name: String,
    /// The folder below the root. A wipe empties it.
    pub folder: String,
}

impl Category {
    /// The data that a new root has: contacts, messages and photos of its user.
    pub fn usual() -> Vec<Self> {
        ["Contacts", "Messages", "Photos"]
            .map(|name| Self {
                name: name.to_owned(),
                folder: format!("home/user/{name}"),
            })
            .into()
    }
}

/// LAWMO on the files of a root. Each operation can be run again from any point at which it was
/// interrupted, so that a resumed job is simply run.
pub(super) struct Locks {
    pub(super) root: Root,
    pub(super) factory: Factory,
    pub(super) categories: Vec<Category>,
    pub(super) user: SharedUser,
    pub(super) background: Background,
}

impl Locks {
    fn done(&self, what: &str, done: io::Result<()>, failed: ResultCode) -> Effect {
        Effect::Done(match done {
            Ok(()) => ResultCode::SUCCESSFUL,
            Err(error) => {
                self.user.tell(&format!("{what} failed: {error}"));
                failed
            }
        })
    }

    fn wipe_item(&self, item: &WipeItem) -> io::Result<()> {
        let category = self
            .categories
            .iter()
            .find(|category| item.node == category.name.as_str());
        match category {
            Some(category) => self.root.empty(&category.folder),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Device for Locks {
    // Between the steps of a change the device is locked at least as far as before or after it.

    fn fully_lock(&mut self, _job: &Job) -> Effect {
        let locked = self
            .root
            .write(FULLY_LOCKED, NOTICE.as_bytes())
            .and_then(|()| self.root.remove_file(PARTIALLY_LOCKED));
        self.done("locking", locked, ResultCode::FULLY_LOCK_FAILED)
    }

    fn partially_lock(&mut self, _job: &Job) -> Effect {
        let locked = self
            .root
            .write(PARTIALLY_LOCKED, NOTICE.as_bytes())
            .and_then(|()| self.root.remove_file(FULLY_LOCKED));
        self.done(
            "partially locking",
            locked,
            ResultCode::PARTIALLY_LOCK_FAILED,
        )
    }

    fn unlock(&mut self, _job: &Job) -> Effect {
        let unlocked = self
            .root
            .remove_file(FULLY_LOCKED)
            .and_then(|()| self.root.remove_file(PARTIALLY_LOCKED));
        self.done("unlocking", unlocked, ResultCode::UNLOCK_FAILED)
    }

    fn wipe(&mut self, items: &[WipeItem], _job: &Job) -> WipeEffect {
        // One at a time, so that each is known to be done. One that fails keeps none of the others from
        // being wiped.
        let outcome = |item: &WipeItem| match self.wipe_item(item) {
            Ok(()) => ItemOutcome::Erased,
            Err(error) => {
                self.user
                    .tell(&format!("wiping {} failed: {error}", item.node));
                ItemOutcome::Failed
            }
        };
        WipeEffect::Items(items.iter().take(1).map(outcome).collect())
    }

    fn factory_reset(&mut self, _job: &Job) -> ResetEffect {
        // A download must not write into what is being erased; the job that it is of goes, too.
        self.background.stop();
        match self.factory.reset() {
            // The mark of the reset stays until the tree is as new, too.
            Ok(()) => ResetEffect::Erased,
            // It also stays if the reset failed half-way: the next start tries again.
            Err(error) => {
                self.user.tell(&format!("factory reset failed: {error}"));
                ResetEffect::Failed
            }
        }
    }

    fn reset_abandoned(&mut self, _job: &Job) {
        self.user.tell(
            "The management that wanted to reset this device is out of reach: nothing is reset.",
        );
    }

    fn allows(&self, asked: &Asked) -> Result<(), ResultCode> {
        let is_reset = *asked == Asked::Operation(Operation::FactoryReset);
        if is_reset && !self.factory.has_image() {
            return Err(ResultCode::CLIENT_ERROR);
        }
        Ok(())
    }

    fn confirm(&mut self, request: &Request, _job: &Job) -> Consent {
        let question = match request.operation() {
            Some(Operation::FullyLock) => "Lock this device?",
            Some(Operation::PartiallyLock) => "Lock this device partially?",
            Some(Operation::UnLock) => "Unlock this device?",
            Some(Operation::FactoryReset) => "Reset this device to how it left the factory?",
            Some(Operation::Wipe) => "Erase data on this device?",
            None => return Consent::No,
        };
        match self.user.confirm(question) {
            UserReply::Yes => Consent::Yes,
            UserReply::Cancelled => Consent::Postponed,
            // Silence is a no.
            _ => Consent::No,
        }
    }

    fn notify_user(&mut self, asked: &Asked) {
        let Asked::Operation(operation) = asked else {
            return;
        };
        let what = match operation {
            Operation::FullyLock => "locks this device",
            Operation::PartiallyLock => "partially locks this device",
            Operation::UnLock => "unlocks this device",
            Operation::FactoryReset => "resets this device to how it left the factory",
            Operation::Wipe => "erases data on this device",
        };
        self.user.tell(&format!("The management {what}."));
    }
}
