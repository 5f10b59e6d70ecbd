//! [`AnyOperation`]: any operation of this object, for a queue that holds them all.

use dm_tree::remote::{Combined, CombinedOutcome};

use super::{Contents, Ended, Inventories, Inventory, Invoke, Outcome, Vendor};

dm_tree::any_operation! {
    /// A primitive.
    Invoke(Invoke) => Outcome,
    /// Reading.
    Inventory(Inventory) => Result<Contents, Ended>,
    /// Reading every object of this kind.
    Inventories(Inventories) => Result<Vec<Contents>, Ended>,
    /// A vendor's.
    Vendor(Vendor) => Outcome,
    /// Several, with one outcome.
    Combined(Combined<AnyOperation>) => CombinedOutcome<AnyOutcome>,
}
