//! What the server is told: the statuses and results of the steps.

use alloc::{vec, vec::Vec};

use super::step::{Kind, Step};
use crate::{
    CmdId, LocUri, MsgId, StatusCode, Text,
    message::{Command, Item, Meta, Results, Status},
    session::{
        event::Answer,
        object::Source,
        package::{Parcel, Unfit},
    },
};

/// Finds out whether results can be sent at all, before a status says that they come.
pub(in crate::session) struct Trial<'t> {
    /// Results that take no more than this fit for sure: nearly all do, and are not encoded twice.
    pub(in crate::session) room: usize,
    /// Tells why a command can never be sent, if so.
    pub(in crate::session) try_out: &'t mut dyn FnMut(&mut Parcel) -> Option<Unfit>,
}

impl Step {
    /// Adds the statuses and results of the step.
    pub(super) fn reply(
        mut self,
        msg_id: &MsgId,
        trial: &mut Trial<'_>,
        replies: &mut Vec<Parcel>,
    ) {
        let mut answers = core::mem::take(&mut self.answers);
        // The references may be of any length.
        let room = trial
            .room
            .saturating_sub(octets_of_refs(msg_id, &self.cmd_id));
        // OMA-TS-DM_RepPro, `Get`: 413 if the server does not take the result, 415 if it has no form
        // in a message.
        for answer in &mut answers {
            let source = answer.source;
            let refusal = answer.results.iter().find_map(|item| {
                if source.is_none() && octets_at_most(item).is_some_and(|most| most <= room) {
                    return None;
                }
                (trial.try_out)(&mut self.results(msg_id, vec![item.clone()], source))
            });
            match refusal {
                None => {}
                Some(Unfit::NotEncodable) => *answer = StatusCode::UNSUPPORTED_MEDIA_TYPE.into(),
                Some(Unfit::Ever | Unfit::TooLarge | Unfit::ForNow) => {
                    *answer = StatusCode::REQUEST_ENTITY_TOO_LARGE.into();
                }
            }
        }
        let first = answers.first().map(|answer| answer.status);
        let is_one_for_all = answers.iter().all(|answer| Some(answer.status) == first);
        let has_sources = answers
            .iter()
            .any(|answer| answer.source.is_some() && !answer.results.is_empty());
        if is_one_for_all {
            let mut all = answers.iter_mut();
            if let Some(one) = all.next() {
                let mut items = core::mem::take(&mut one.items);
                for answer in all {
                    items.append(&mut answer.items);
                }
                let status = self.status(msg_id, one.status, items);
                replies.push(Command::from(status).into());
            }
        } else {
            let items = match &self.kind {
                Kind::Items { items, .. } => items.as_slice(),
                _ => &[],
            };
            for (place, answer) in answers.iter_mut().enumerate() {
                let (target_refs, source_refs) = refs_of(items.get(place));
                let status = Status {
                    target_refs,
                    source_refs,
                    ..self.status(msg_id, answer.status, core::mem::take(&mut answer.items))
                };
                replies.push(Command::from(status).into());
            }
        }
        if has_sources {
            for answer in answers {
                let results = answer.results.into_iter();
                replies.extend(results.map(|item| self.results(msg_id, vec![item], answer.source)));
            }
            return;
        }
        self.reply_results(msg_id, answers, room, trial, replies);
    }

    /// Adds the results that are all at hand: together, if they fit so. What takes no more than `room` does for
    /// sure.
    fn reply_results(
        &self,
        msg_id: &MsgId,
        answers: Vec<Answer>,
        room: usize,
        trial: &mut Trial<'_>,
        replies: &mut Vec<Parcel>,
    ) {
        let mut all = answers.into_iter();
        let mut items = all.next().map(|answer| answer.results).unwrap_or_default();
        for answer in all {
            items.extend(answer.results);
        }
        let most = match items.as_slice() {
            [] => return,
            // It was tried out.
            [_] => Some(0),
            items => items
                .iter()
                .try_fold(0_usize, |sum, item| sum.checked_add(octets_at_most(item)?)),
        };
        let is_small = most.is_some_and(|most| most <= room);
        let mut together = self.results(msg_id, items, None);
        if is_small || (trial.try_out)(&mut together).is_none() {
            replies.push(together);
            return;
        }
        if let Command::Results(together) = together.command {
            let each = together.items.into_iter();
            replies.extend(each.map(|item| self.results(msg_id, vec![item], None)));
        }
    }

    fn status(&self, msg_id: &MsgId, code: StatusCode, items: Vec<Item>) -> Status {
        Status {
            msg_ref: msg_id.clone(),
            cmd_ref: self.cmd_id.clone(),
            cmd: self.name.clone(),
            data: code,
            items,
            ..Status::default()
        }
    }

    fn results(&self, msg_id: &MsgId, items: Vec<Item>, source: Option<Source>) -> Parcel {
        let results = Results {
            msg_ref: Some(msg_id.clone()),
            cmd_ref: self.cmd_id.clone(),
            items,
            ..Results::default()
        };
        Parcel {
            source,
            ..Parcel::from(Command::from(results))
        }
    }
}

/// What a status for one of several items refers to.
fn refs_of(item: Option<&Item>) -> (Vec<Text>, Vec<Text>) {
    let text = |uri: Option<&LocUri>| uri.map(|uri| uri.as_str().into());
    let target: Option<Text> = text(item.and_then(Item::target_uri));
    let source: Option<Text> = text(item.and_then(Item::source_uri));
    (target.into_iter().collect(), source.into_iter().collect())
}

/// The most octets that results with an item like most take, in either encoding: text without
/// characters that need a look, and nothing rare. `None` for all else.
fn octets_at_most(item: &Item) -> Option<usize> {
    let is_common = item.target.is_none()
        && item.source_parent.is_none()
        && item.target_parent.is_none()
        && item.extra.is_empty();
    let source = match &item.source {
        Some(source) if source.loc_name.is_none() && source.extra.is_empty() => {
            source.loc_uri.as_str()
        }
        None => "",
        Some(_) => return None,
    };
    let data = match item.data.as_ref() {
        Some(data) => data.as_str()?,
        None => "",
    };
    let meta = match item.meta.as_deref() {
        Some(meta) if is_common_meta(meta) => [&meta.format, &meta.type_],
        None => [&None, &None],
        Some(_) => return None,
    };
    let [format, type_] = meta.map(|text| text.as_ref().map_or("", Text::as_str));
    let mut octets = MARKUP;
    for text in [source, data, format, type_] {
        // All of them, without a way out in between: many at once.
        if !text
            .bytes()
            .fold(true, |all, octet| all & is_harmless(octet))
        {
            return None;
        }
        octets = octets.checked_add(text.len().checked_mul(ESCAPED)?)?;
    }
    is_common.then_some(octets)
}

/// The most octets that references take.
fn octets_of_refs(msg_id: &MsgId, cmd_id: &CmdId) -> usize {
    let octets = [msg_id.as_str().len(), cmd_id.as_str().len()];
    let octets = octets.into_iter().fold(0, usize::saturating_add);
    octets.saturating_mul(ESCAPED)
}

/// Whether a meta has a format and a type at most.
fn is_common_meta(meta: &Meta) -> bool {
    let Meta {
        format: _,
        type_: _,
        mark: None,
        size: None,
        anchor: None,
        version: None,
        next_nonce: None,
        max_msg_size: None,
        max_obj_size: None,
        emi,
        mem: None,
        field_level: false,
        extra,
    } = meta
    else {
        return false;
    };
    emi.is_empty() && extra.is_empty()
}

/// Whether an octet of text is part of a character that both encodings have a form for. Those behind
/// 0xEF need a look: U+FFFE and U+FFFF are among them.
fn is_harmless(octet: u8) -> bool {
    ((octet >= b' ') | (octet == b'\n') | (octet == b'\t')) & (octet != 0xEF)
}

/// More than the elements around results with one item take, without their references.
const MARKUP: usize = 1024;
/// What an octet takes at most: `&quot;`.
const ESCAPED: usize = 6;

#[cfg(test)]
mod tests {
    use std::{string::String, sync::Arc, vec};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Data, Extra,
        codec::{Encoding, MessageBuilder},
        message::{Location, SyncHdr},
    };

    /// Characters that have a form of their own somewhere, in one to four octets.
    const HARMLESS: &str = "&<>\"'\n\t ]\u{85}\u{a0}\u{7f}\u{2028}\u{7ff}\u{1f600}\u{10ffff}";
    /// Characters that are told apart, or that need a look.
    const OTHERS: &str = "\r\u{feff}\u{fffd}\u{ffff}\u{1}\0";

    fn text_of(others: u32) -> impl Strategy<Value = String> {
        let among = |characters: &'static str| {
            prop::sample::select(characters.chars().collect::<Vec<char>>())
        };
        let mixed = prop_oneof![200 => among(HARMLESS), others => among(OTHERS)];
        let mixed = prop::collection::vec(mixed, 0..200).prop_map(String::from_iter);
        let alike = (among("&<\u{7ff}"), 0..2000_usize);
        let alike = alike.prop_map(|(character, times)| String::from_iter(vec![character; times]));
        prop_oneof![mixed, alike]
    }

    fn text() -> impl Strategy<Value = String> {
        text_of(1)
    }

    fn item() -> impl Strategy<Value = Item> {
        let texts = (text(), text(), text(), text());
        let data = prop_oneof![
            text().prop_map(|text| Some(Data::text(text))),
            prop::collection::vec(any::<u8>(), 0..60).prop_map(|octets| Some(Data::binary(octets))),
            Just(None),
        ];
        (texts, data, any::<[bool; 4]>()).prop_map(|((uri, format, type_, name), data, is)| Item {
            source: is[0].then(|| Location {
                loc_name: (is[1] && is[2] && is[3]).then(|| name.as_str().into()),
                loc_uri: uri.as_str().into(),
                extra: Extra::NONE,
            }),
            meta: is[1].then(|| {
                Arc::new(Meta {
                    format: is[2].then(|| format.as_str().into()),
                    type_: is[3].then(|| type_.as_str().into()),
                    ..Meta::default()
                })
            }),
            data,
            more_data: is[2],
            ..Item::default()
        })
    }

    proptest! {
        #[test]
        fn results_never_take_more_than_was_foretold(
            items in prop::collection::vec(item(), 1..4),
            msg in text_of(0),
            cmd in text_of(0),
        ) {
            let most = items
                .iter()
                .try_fold(0_usize, |sum, item| sum.checked_add(octets_at_most(item)?));
            let results = Command::from(Results {
                cmd_id: u32::MAX.into(),
                msg_ref: Some(msg.as_str().into()),
                cmd_ref: cmd.as_str().into(),
                items,
                ..Results::default()
            });
            let Some(most) = most else { return Ok(()) };
            let refs = octets_of_refs(&msg.as_str().into(), &cmd.as_str().into());
            for encoding in [Encoding::Xml, Encoding::Wbxml] {
                let builder = MessageBuilder::new(encoding, &SyncHdr::default(), usize::MAX);
                let octets = builder.expect("a header").measure(&results);
                let octets = octets.expect("what was foretold has a form");
                prop_assert!(octets.saturating_sub(refs) <= most, "{encoding}: {octets} {most}");
            }
        }
    }
}
