//! The meta of items, completed from that of their command.

use alloc::{sync::Arc, vec::Vec};

use crate::message::{Command, Item, Meta, Results};

/// The meta of an item, completed from that of its command, element by element: those elements that
/// DM gives a meaning in an item.
pub(super) fn complete_meta(item: &mut Item, command: Option<&Meta>) {
    let Some(common) = command else { return };
    let own = Arc::make_mut(item.meta.get_or_insert_default());
    fn inherit<T: Clone>(own: &mut Option<T>, common: &Option<T>) {
        if own.is_none() {
            own.clone_from(common);
        }
    }
    inherit(&mut own.format, &common.format);
    inherit(&mut own.type_, &common.type_);
    inherit(&mut own.mark, &common.mark);
    inherit(&mut own.size, &common.size);
}

/// Whether the meta of a Replace or Results is too long to be given to each of its items: a single long
/// text in a small message would take gigabytes.
pub(super) fn is_too_common(command: &Command) -> bool {
    let (meta, items) = match command {
        Command::Replace(command) => (&command.meta, &command.items),
        Command::Results(command) => (&command.meta, &command.items),
        _ => return false,
    };
    let Some(meta) = meta else { return false };
    let octets = [&meta.format, &meta.type_, &meta.mark]
        .into_iter()
        .flatten()
        .fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    octets.saturating_mul(items.len()) > COMMON_META
}

/// The items of a `Results`, each with its whole meta.
pub(super) fn items_of(results: Results) -> Vec<Item> {
    let common = results.meta;
    let mut items = results.items;
    for item in &mut items {
        complete_meta(item, common.as_deref());
    }
    items
}

/// Octets that completing the items of one command may take: a type of 64 for 1000 items.
const COMMON_META: usize = 64 << 10;
