//! [`Incoming`]: a large object on its way to us.

use alloc::{sync::Arc, vec::Vec};

use bytes::Bytes;

use super::Chunk;
use crate::{
    Data, LocUri, StatusCode,
    message::{CommandName, Item, Location, Meta},
    session::memory::octets_of,
};

/// What is done with objects that come in.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(in crate::session) struct Rules {
    /// Whether any are taken.
    pub(in crate::session) are_taken: bool,
    /// The largest `Size` that is taken.
    pub(in crate::session) max_size: u64,
    /// The pieces go to the caller, and are not held.
    pub(in crate::session) to_sink: bool,
}

/// An object of which the last chunk is still to come.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(in crate::session) struct Incoming {
    command: CommandName,
    target: Option<Location>,
    source: Option<Location>,
    /// Without the size.
    meta: Option<Arc<Meta>>,
    declared: u64,
    taken: u64,
    /// The octets behind the Base64, if the object is that.
    behind: Option<Behind>,
    /// What came so far, unless the caller has it.
    held: Option<Vec<u8>>,
    /// The items of the alert before this one: who takes an alert takes it as a whole.
    before: Vec<Item>,
}

impl Incoming {
    /// The object that the first chunk begins; the chunk itself is still to be [taken](Self::take).
    ///
    /// # Errors
    ///
    /// The status of the refusal: 411 without a size, 416 if the size is above the limit, 413 if no
    /// large objects are taken.
    pub(in crate::session) fn begin(
        command: &CommandName,
        item: &Item,
        rules: Rules,
    ) -> Result<Self, StatusCode> {
        if !rules.are_taken {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        let mut meta = item.meta.clone();
        let size = meta
            .as_mut()
            .and_then(|meta| Arc::make_mut(meta).size.take());
        let declared = size.ok_or(StatusCode::SIZE_REQUIRED)?;
        if declared > rules.max_size {
            return Err(StatusCode::REQUESTED_SIZE_TOO_BIG);
        }
        let is_base64 = format_of(meta.as_deref()) == Some("b64");
        Ok(Self {
            command: command.clone(),
            target: item.target.clone(),
            source: item.source.clone(),
            meta,
            declared,
            taken: 0,
            behind: is_base64.then(Behind::default),
            held: (!rules.to_sink).then(Vec::new),
            before: Vec::new(),
        })
    }

    /// The same, behind other items of an alert.
    ///
    /// # Errors
    ///
    /// 413 if these take more memory than the largest object may.
    pub(in crate::session) fn behind(
        mut self,
        before: Vec<Item>,
        rules: Rules,
    ) -> Result<Self, StatusCode> {
        let octets = before.iter().map(octets_of).fold(0, usize::saturating_add);
        if u64::try_from(octets).unwrap_or(u64::MAX) > rules.max_size {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        self.before = before;
        Ok(self)
    }

    /// Takes out the items of the alert before this one.
    pub(in crate::session) fn take_before(&mut self) -> Vec<Item> {
        core::mem::take(&mut self.before)
    }

    /// Whether an item of a command is the next piece of this. Who leaves out the addresses means it.
    pub(in crate::session) fn goes_on(&self, command: &CommandName, item: &Item) -> bool {
        let same = |one: Option<&LocUri>, other: Option<&LocUri>| one.is_none() || one == other;
        *command == self.command
            && same(item.target_uri(), self.item().target_uri())
            && same(item.source_uri(), self.item().source_uri())
    }

    /// Takes a chunk.
    ///
    /// # Errors
    ///
    /// The status with which the object ends: 424 if it is longer, or in the end shorter, than
    /// declared, 415 if there are no octets in the chunk but markup.
    pub(in crate::session) fn take(&mut self, item: &Item) -> Result<Chunk, StatusCode> {
        let size = item.meta.as_ref().and_then(|meta| meta.size);
        // Some senders say it again in every chunk.
        if size.is_some_and(|size| size != self.declared) {
            return Err(StatusCode::SIZE_MISMATCH);
        }
        let bytes = match &item.data {
            None => Bytes::new(),
            Some(data) => data.to_bytes().ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?,
        };
        let offset = self.taken;
        let octets = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.taken = self.taken.saturating_add(octets);
        if let Some(behind) = &mut self.behind {
            behind.count(&bytes);
        }
        let last = !item.more_data;
        let is_right = match last {
            true => self.is_whole(),
            false => self.may_go_on(),
        };
        if !is_right {
            return Err(StatusCode::SIZE_MISMATCH);
        }
        if let Some(held) = &mut self.held {
            held.extend_from_slice(&bytes);
        }
        Ok(Chunk {
            command: self.command.clone(),
            item: self.item(),
            offset,
            bytes,
            total: self.declared,
            last,
        })
    }

    /// The item as if it had come in one piece; without data if the caller has the pieces.
    pub(in crate::session) fn into_item(self) -> Item {
        let mut item = self.item();
        let is_binary = format_of(self.meta.as_deref()) == Some("bin");
        item.data = self.held.map(|held| match is_binary {
            true => Data::binary(held),
            // A piece of text may have come as octets.
            false => match alloc::string::String::from_utf8(held) {
                Ok(text) => Data::text(text),
                Err(error) => Data::binary(error.into_bytes()),
            },
        });
        item
    }

    /// What the object is of.
    pub(in crate::session) fn item(&self) -> Item {
        Item {
            target: self.target.clone(),
            source: self.source.clone(),
            meta: self.meta.clone(),
            ..Item::default()
        }
    }

    /// Whether the pieces are with the caller.
    pub(in crate::session) fn is_in_sink(&self) -> bool {
        self.held.is_none()
    }

    fn is_whole(&self) -> bool {
        let behind = self.behind.as_ref().map(Behind::octets);
        self.taken == self.declared || behind == Some(self.declared)
    }

    /// Whether what came is not longer than declared. Base64 is half as long again at most, with its
    /// line ends.
    fn may_go_on(&self) -> bool {
        let slack = match &self.behind {
            Some(_) => (self.declared / 2).saturating_add(BASE64_SLACK),
            None => 0,
        };
        self.taken <= self.declared.saturating_add(slack)
    }
}

fn format_of(meta: Option<&Meta>) -> Option<&str> {
    Some(meta?.format.as_ref()?.trim())
}

/// Octets that Base64 may take beyond half of what is behind it: short texts have longer ends.
const BASE64_SLACK: u64 = 64;

/// Counts the octets behind Base64 text that comes in pieces: of one text cut anywhere, or each piece
/// a text of its own with padding.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Behind {
    octets: u64,
    /// Characters since the last four that were complete.
    open: u8,
}

impl Behind {
    fn count(&mut self, text: &[u8]) {
        for character in text {
            match character {
                b'=' => {
                    self.octets = self.octets();
                    self.open = 0;
                }
                character if character.is_ascii_whitespace() => {}
                _ if self.open == 3 => {
                    self.octets = self.octets.saturating_add(3);
                    self.open = 0;
                }
                _ => self.open = self.open.saturating_add(1),
            }
        }
    }

    fn octets(&self) -> u64 {
        self.octets
            .saturating_add(u64::from(self.open.saturating_sub(1)))
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
mod tests {
    use std::string::String;

    use super::*;

    const HERE: Rules = Rules {
        are_taken: true,
        max_size: 100,
        to_sink: false,
    };

    fn chunk(data: &str, format: &str, size: Option<u64>, more_data: bool) -> Item {
        let mut meta = Meta::format(format);
        meta.size = size;
        Item {
            more_data,
            ..Item::for_target("./A").with_data(data).with_meta(meta)
        }
    }

    /// The data of an object of these chunks, or the status that ends it.
    fn whole(format: &str, size: u64, chunks: &[&str]) -> Result<String, u16> {
        let items = chunks.iter().enumerate().map(|(place, data)| {
            let size = (place == 0).then_some(size);
            chunk(data, format, size, place + 1 < chunks.len())
        });
        let items: Vec<Item> = items.collect();
        let mut object =
            Incoming::begin(&CommandName::REPLACE, &items[0], HERE).map_err(StatusCode::as_u16)?;
        for item in &items {
            assert!(object.goes_on(&CommandName::REPLACE, item));
            object.take(item).map_err(StatusCode::as_u16)?;
        }
        let data = object.into_item().data.unwrap();
        Ok(data.as_str().unwrap().into())
    }

    #[test]
    fn chunks_make_the_whole_if_the_size_is_right() {
        assert_eq!(whole("chr", 6, &["ab", "cd", "ef"]), Ok("abcdef".into()));
        assert_eq!(whole("chr", 7, &["ab", "cd", "ef"]), Err(424));
        assert_eq!(whole("chr", 5, &["ab", "cd", "ef"]), Err(424));
        assert_eq!(whole("chr", 1, &["ab", "cd"]), Err(424));
        assert_eq!(whole("chr", 100, &["ab", ""]), Err(424));
        assert_eq!(whole("chr", 101, &["ab", ""]), Err(416));
    }

    #[test]
    fn the_size_of_base64_is_that_of_the_text_or_of_the_octets_behind_it() {
        for size in [8, 5] {
            assert_eq!(whole("b64", size, &["AAECA", "wQ="]), Ok("AAECAwQ=".into()));
        }
        // Each piece encoded on its own, with line ends.
        assert_eq!(whole("b64", 3, &["AAE=\r\n", "Ag=="]).map(|_| ()), Ok(()));
        assert_eq!(whole("b64", 4, &["AAE=", "Ag=="]), Err(424));
    }

    #[test]
    fn the_first_chunk_has_the_size() {
        let first = chunk("ab", "chr", None, true);
        let begun = Incoming::begin(&CommandName::ADD, &first, HERE);
        assert_eq!(begun.err(), Some(StatusCode::SIZE_REQUIRED));
    }

    #[test]
    fn a_later_chunk_may_repeat_the_size_but_not_change_it() {
        let first = chunk("ab", "chr", Some(4), true);
        let mut object = Incoming::begin(&CommandName::ADD, &first, HERE).unwrap();
        object.take(&first).unwrap();
        assert!(
            object
                .clone()
                .take(&chunk("cd", "chr", Some(4), false))
                .is_ok()
        );
        let other = object.take(&chunk("cd", "chr", Some(5), false));
        assert_eq!(other, Err(StatusCode::SIZE_MISMATCH));
    }

    #[test]
    fn an_item_of_another_node_or_command_does_not_go_on() {
        let first = chunk("ab", "chr", Some(4), true);
        let object = Incoming::begin(&CommandName::ADD, &first, HERE).unwrap();
        assert!(!object.goes_on(&CommandName::REPLACE, &first));
        assert!(!object.goes_on(&CommandName::ADD, &Item::for_target("./B")));
        assert!(object.goes_on(&CommandName::ADD, &Item::default().with_data("cd")));
    }
}
