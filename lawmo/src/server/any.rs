//! [`AnyOperation`]: any operation of this object, for a queue that holds them all.

use dm_tree::remote::{Combined, CombinedOutcome, Next, Order};

use super::{
    Ended, FactoryReset, Lock, LockOutcome, LockStatus, ReadState, ReadStates, ResetOutcome,
    Vendor, VendorOutcome, Wipe, WipeOutcome,
};

dm_tree::any_operation! {
    /// Lock, partial lock, unlock.
    Lock(Lock) => LockOutcome,
    /// Wipe.
    Wipe(Wipe) => WipeOutcome,
    /// Factory reset.
    FactoryReset(FactoryReset) => ResetOutcome,
    /// Reading.
    ReadState(ReadState) => Result<LockStatus, Ended>,
    /// Reading every object of this kind.
    ReadStates(ReadStates) => Result<Vec<LockStatus>, Ended>,
    /// A vendor's.
    Vendor(Vendor) => VendorOutcome,
    /// Several, with one outcome.
    Combined(Combined<AnyOperation>) => CombinedOutcome<AnyOutcome>,
}

impl AnyOperation {
    /// Locks a device fully and wipes it, for one that was stolen: one request with one outcome. The wipe
    /// does not wait for the report of the lock, and is done too if the lock fails; the user, if asked, is
    /// asked once.
    ///
    /// `wipe` makes the wipe of its order: `|order| Wipe::everything(order)`.
    pub fn lock_and_wipe(order: &Order, wipe: impl FnOnce(Order) -> Wipe) -> Self {
        let parts = [
            Self::Lock(Lock::fully(order.part(1))),
            Self::Wipe(wipe(order.part(2))),
        ];
        Self::Combined(Combined::new(Next::OnceTaken, parts))
    }
}
