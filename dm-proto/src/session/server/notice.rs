//! [`Notice`]: an event that waits to be polled.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    AlertCode, Extra, StatusCode, Text,
    auth::{Nonce, Side},
    message::Item,
    session::{
        Chunk, CommandTag, Ending,
        event::{NotSent, ServerEvent},
    },
};

/// An event that needs no answer.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum Notice {
    Opened(AlertCode, Vec<Item>),
    Status {
        tag: CommandTag,
        part: u32,
        target_ref: Option<Text>,
        status: StatusCode,
        items: Vec<Item>,
        #[cfg_attr(feature = "serde", serde(default))]
        extra: Extra,
    },
    Results(CommandTag, u32, Vec<Item>),
    Chunk(CommandTag, u32, Box<Chunk>),
    NoStatus(CommandTag, u32),
    Ready,
    NonceChanged(Side, Nonce),
    Ended(Ending),
    NotSent(CommandTag, NotSent),
}

impl From<Notice> for ServerEvent {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Opened(trigger, dev_info) => Self::Opened { trigger, dev_info },
            Notice::Status {
                tag,
                part,
                target_ref,
                status,
                items,
                extra,
            } => Self::Status {
                tag,
                part,
                target_ref,
                status,
                items,
                extra,
            },
            Notice::Results(tag, part, items) => Self::Results { tag, part, items },
            Notice::Chunk(tag, part, chunk) => Self::Chunk {
                tag,
                part,
                chunk: *chunk,
            },
            Notice::NoStatus(tag, part) => Self::NoStatus { tag, part },
            Notice::Ready => Self::Ready,
            Notice::NonceChanged(side, nonce) => Self::NonceChanged { side, nonce },
            Notice::Ended(ending) => Self::Ended(ending),
            Notice::NotSent(tag, reason) => Self::NotSent { tag, reason },
        }
    }
}
