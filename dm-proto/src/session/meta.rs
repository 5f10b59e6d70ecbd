//! The meta of items, completed from that of their command.

use alloc::vec::Vec;

use crate::message::{Item, Meta, Results};

/// The meta of an item, completed from that of its command, element by element.
pub(super) fn complete_meta(item: &mut Item, command: Option<&Meta>) {
    let Some(common) = command else { return };
    let own = item.meta.get_or_insert_default();
    fn inherit<T: Clone>(own: &mut Option<T>, common: &Option<T>) {
        if own.is_none() {
            own.clone_from(common);
        }
    }
    inherit(&mut own.format, &common.format);
    inherit(&mut own.type_, &common.type_);
    inherit(&mut own.mark, &common.mark);
    inherit(&mut own.size, &common.size);
    inherit(&mut own.anchor, &common.anchor);
    inherit(&mut own.version, &common.version);
    inherit(&mut own.next_nonce, &common.next_nonce);
    inherit(&mut own.max_msg_size, &common.max_msg_size);
    inherit(&mut own.max_obj_size, &common.max_obj_size);
    inherit(&mut own.mem, &common.mem);
    if own.emi.is_empty() {
        own.emi.clone_from(&common.emi);
    }
    own.field_level |= common.field_level;
    if own.extra.is_empty() {
        own.extra.clone_from(&common.extra);
    }
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
