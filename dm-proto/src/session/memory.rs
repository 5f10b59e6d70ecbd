//! [`octets_of`]: what it takes to hold an item.

use crate::{
    Data, Extra, Name, Piece, Text,
    message::{Anchor, Item, Location, Mem, Meta},
};

/// The memory that an item takes, about: all that a peer can make long. What is shared counts as if it were
/// not.
pub(super) fn octets_of(item: &Item) -> usize {
    let Item {
        target,
        source,
        source_parent,
        target_parent,
        meta,
        data,
        more_data: _,
        extra,
    } = item;
    let parents = [source_parent, target_parent].into_iter().flatten();
    let parents = parents.map(|uri| uri.as_str().len());
    sum([
        size_of::<Item>(),
        target.as_ref().map_or(0, of_location),
        source.as_ref().map_or(0, of_location),
        meta.as_deref().map_or(0, of_meta),
        data.as_ref().map_or(0, of_data),
        of_extra(extra),
    ])
    .saturating_add(sum(parents))
}

fn of_location(location: &Location) -> usize {
    let Location {
        loc_uri,
        loc_name,
        extra,
    } = location;
    sum([
        loc_uri.as_str().len(),
        loc_name.as_ref().map_or(0, |text| text.len()),
        of_extra(extra),
    ])
}

fn of_meta(meta: &Meta) -> usize {
    let Meta {
        format,
        type_,
        mark,
        size: _,
        anchor,
        version,
        next_nonce,
        max_msg_size: _,
        max_obj_size: _,
        emi,
        mem,
        field_level: _,
        extra,
    } = meta;
    let texts = [format, type_, mark, version].into_iter().flatten();
    let texts = texts.map(|text| text.len());
    let emi = emi
        .iter()
        .map(|text| size_of::<Text>().saturating_add(text.len()));
    sum([
        size_of::<Meta>(),
        sum(texts),
        sum(emi),
        next_nonce.as_ref().map_or(0, |nonce| nonce.expose().len()),
        anchor.as_deref().map_or(0, of_anchor),
        mem.as_deref().map_or(0, of_mem),
        of_extra(extra),
    ])
}

fn of_anchor(anchor: &Anchor) -> usize {
    let Anchor { last, next, extra } = anchor;
    sum([
        size_of::<Anchor>(),
        last.as_ref().map_or(0, |text| text.len()),
        next.len(),
        of_extra(extra),
    ])
}

fn of_mem(mem: &Mem) -> usize {
    size_of::<Mem>().saturating_add(of_extra(&mem.extra))
}

fn of_data(data: &Data) -> usize {
    match data.as_markup() {
        Some(fragment) => of_pieces(fragment.pieces()),
        None => data.as_bytes().map_or(0, <[u8]>::len),
    }
}

fn of_extra(extra: &Extra) -> usize {
    if extra.is_empty() {
        return 0;
    }
    let attributes = extra.attributes().iter().map(|attribute| {
        sum([
            size_of_val(attribute),
            attribute.on.len(),
            of_name(&attribute.name),
            attribute.value.len(),
        ])
    });
    sum(attributes).saturating_add(of_pieces(extra.elements()))
}

fn of_pieces(pieces: &[Piece]) -> usize {
    sum(pieces.iter().map(|piece| {
        let held = match piece {
            Piece::Start(name) => of_name(name),
            Piece::Attribute(name, value) => of_name(name).saturating_add(value.len()),
            Piece::Text(text) => text.len(),
            Piece::Opaque(octets) => octets.len(),
            Piece::End => 0,
        };
        held.saturating_add(size_of::<Piece>())
    }))
}

fn of_name(name: &Name) -> usize {
    name.namespace.len().saturating_add(name.local.len())
}

fn sum(octets: impl IntoIterator<Item = usize>) -> usize {
    octets.into_iter().fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, sync::Arc, vec};

    use super::*;
    use crate::{Fragment, Secret};

    const LONG: usize = 10_000;

    fn long() -> Text {
        Text::from("x".repeat(LONG).as_str())
    }

    fn with_meta(change: impl FnOnce(&mut Meta)) -> Item {
        let mut meta = Meta::default();
        change(&mut meta);
        Item {
            meta: Some(Arc::new(meta)),
            ..Item::default()
        }
    }

    #[test]
    fn whatever_is_long_in_an_item_counts() {
        let name = || Name::new("", long());
        let mut element = Extra::NONE;
        element.push_piece(Piece::Start(name()));
        element.push_piece(Piece::Attribute(name(), long()));
        element.push_piece(Piece::Opaque(vec![0; LONG].into()));
        element.push_piece(Piece::End);
        let mut markup = Fragment::EMPTY;
        markup.push(Piece::Text(long()));
        let items = [
            (4, with_meta(|meta| meta.extra = element.clone())),
            (1, Item::default().with_data(Data::markup(markup))),
            (1, Item::default().with_data(Data::binary(vec![0; LONG]))),
            (2, with_meta(|meta| meta.emi = vec![long(), long()])),
            (1, with_meta(|meta| meta.version = Some(long()))),
            (
                1,
                with_meta(|meta| meta.next_nonce = Some(Secret::from(long()))),
            ),
            (
                2,
                with_meta(|meta| {
                    meta.anchor = Some(Box::new(Anchor {
                        last: Some(long()),
                        next: long(),
                        extra: Extra::NONE,
                    }));
                }),
            ),
            (
                4,
                with_meta(|meta| {
                    meta.mem = Some(Box::new(Mem {
                        extra: element.clone(),
                        ..Mem::default()
                    }));
                }),
            ),
        ];
        for (place, (times, item)) in items.iter().enumerate() {
            let octets = octets_of(item);
            assert!(
                (times * LONG..times * LONG + 2000).contains(&octets),
                "{place}: {octets}"
            );
        }
    }

    #[test]
    fn many_empty_pieces_count_too() {
        let mut many = Extra::NONE;
        for _ in 0..1000 {
            many.push_piece(Piece::Start(Name::new("", "")));
            many.push_piece(Piece::End);
        }
        let item = Item {
            extra: many,
            ..Item::default()
        };
        assert!(octets_of(&item) >= 2000 * size_of::<Piece>());
    }
}
