//! [`Draft`]: a message of ours in the making, within the size that the peer takes.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::ops::Range;

use super::{CommandTag, NotSent, config::ProtocolVersion, object::Source};
use crate::{
    AlertCode, CmdId, Data, Text,
    codec::{Encoding, MessageBuilder, PushError},
    message::{Command, Cred, Item, Status, SyncHdr},
};

/// More than a status without items takes, in octets.
const STATUS_SIZE: usize = 128;

/// A command on its way, and whose it is.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Parcel {
    pub(super) command: Command,
    /// The caller's name for it; none for what the session says on its own.
    pub(super) tag: Option<CommandTag>,
    /// Where the data of its item is, if the caller holds it.
    pub(super) source: Option<Source>,
    /// It is one item of a command that was too large as a whole.
    pub(super) is_part: bool,
}

impl Parcel {
    pub(super) fn new(command: Command, tag: CommandTag) -> Self {
        Self {
            tag: Some(tag),
            ..Self::from(command)
        }
    }

    /// The target that a status for it is about, where it does not say so itself.
    pub(super) fn target(&self) -> Option<Text> {
        let item = self.command.items().first().filter(|_| self.is_part)?;
        item.target_uri().map(|uri| uri.as_str().into())
    }

    /// One for each item, if there are several and they are processed one by one anyway.
    fn split(&mut self) -> Option<Vec<Self>> {
        fn each<T: Clone + Into<Command>>(
            command: &mut T,
            items: fn(&mut T) -> &mut Vec<Item>,
        ) -> Option<Vec<Command>> {
            let all = items(command);
            if all.len() < 2 {
                return None;
            }
            let all = core::mem::take(all);
            let one = |item| {
                let mut command = command.clone();
                items(&mut command).push(item);
                command.into()
            };
            Some(all.into_iter().map(one).collect())
        }
        let commands = match &mut self.command {
            Command::Add(command) => each(command, |command| &mut command.items),
            Command::Copy(command) => each(command, |command| &mut command.items),
            Command::Delete(command) => each(command, |command| &mut command.items),
            Command::Exec(command) => each(command, |command| &mut command.items),
            Command::Get(command) => each(command, |command| &mut command.items),
            Command::Replace(command) => each(command, |command| &mut command.items),
            // OMA-TS-DM_Protocol, generic alert: the items may stand in one alert or in several.
            Command::Alert(alert)
                if matches!(
                    alert.code,
                    Some(AlertCode::CLIENT_EVENT | AlertCode::GENERIC_ALERT)
                ) =>
            {
                each(alert, |alert| &mut alert.items)
            }
            _ => None,
        }?;
        let parcels = commands.into_iter().map(|command| Self {
            tag: self.tag,
            is_part: true,
            ..Self::from(command)
        });
        Some(parcels.collect())
    }
}

/// What a draft ran out of.
#[derive(Debug, PartialEq)]
pub(super) enum Unfit {
    /// The message is full; another one may take the command.
    ForNow,
    /// No message is large enough for the command.
    Ever,
    /// It has data that the peer does not take in any number of messages.
    TooLarge,
    /// The command has no encoded form.
    NotEncodable,
}

impl From<Unfit> for NotSent {
    fn from(why: Unfit) -> Self {
        match why {
            Unfit::ForNow | Unfit::Ever => Self::DoesNotFit,
            Unfit::TooLarge => Self::TooLarge,
            Unfit::NotEncodable => Self::NotEncodable,
        }
    }
}

/// What the header of a message says besides the addresses.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) name: Option<Text>,
    pub(super) cred: Option<Box<Cred>>,
    pub(super) max_msg_size: u64,
    pub(super) max_obj_size: u64,
    /// The versions that a peer is told of who speaks another; none for all others.
    pub(super) versions: Vec<ProtocolVersion>,
}

/// A message in the making.
#[derive(Debug)]
pub(super) struct Draft {
    builder: MessageBuilder,
    msg_id: u32,
    next_cmd_id: u32,
    /// The octets that there are for commands.
    capacity: usize,
    /// The octets that the data of an item may have.
    max_obj_size: u64,
}

impl Draft {
    /// Begins a message, with the status of the peer's header first.
    pub(super) fn new(
        encoding: Encoding,
        header: &SyncHdr,
        msg_id: u32,
        budget: usize,
        status: Option<Status>,
    ) -> Result<Self, PushError> {
        let mut builder = MessageBuilder::new(encoding, header, budget)?;
        let mut next_cmd_id = 1;
        if let Some(status) = status {
            let mut command = status.into();
            number(&mut command, &mut next_cmd_id);
            builder.push(&command)?;
        }
        Ok(Self {
            capacity: builder.room(),
            builder,
            msg_id,
            next_cmd_id,
            max_obj_size: u64::MAX,
        })
    }

    /// The same for a peer that takes no data above a size.
    pub(super) fn for_objects_up_to(mut self, size: Option<u64>) -> Self {
        self.max_obj_size = size.unwrap_or(u64::MAX);
        self
    }

    /// Beside a command of the caller's there may always be a status for an Alert 1222.
    pub(super) fn set_aside_a_status(&mut self) {
        self.capacity = self.capacity.saturating_sub(STATUS_SIZE);
    }

    /// The room that is left.
    pub(super) fn room(&self) -> usize {
        self.builder.room()
    }

    /// The room that there is in every message, beside a status for an Alert 1222.
    pub(super) fn least_room(&self) -> usize {
        self.capacity.saturating_sub(STATUS_SIZE)
    }

    /// The octets that a command takes, about: its identifier may be longer than that of the next.
    pub(super) fn measure(&mut self, command: &Command) -> Result<usize, Unfit> {
        let mut command = command.clone();
        number(&mut command, &mut self.next_cmd_id.clone());
        let measured = self.builder.measure(&command);
        measured.map_err(|_| Unfit::NotEncodable)
    }

    /// Whether a command has data that the peer does not take, however it is sent.
    pub(super) fn is_too_large(&self, command: &Command) -> bool {
        self.max_obj_size < u64::MAX
            && !matches!(command, Command::Status(_))
            && largest_data(command) > self.max_obj_size
    }

    /// Whether data travels as Base64.
    pub(super) fn needs_base64(&self, data: &Data) -> bool {
        self.builder.needs_base64(data)
    }

    /// Ends the message.
    pub(super) fn finish(self, is_final: bool) -> bytes::Bytes {
        self.builder.finish(is_final)
    }

    /// Adds a command, giving it and those in it their identifiers, which it returns in order.
    pub(super) fn push(&mut self, command: &mut Command) -> Result<Range<u32>, Unfit> {
        let before = self.next_cmd_id;
        let ids = number(command, &mut self.next_cmd_id);
        let pushed = self.builder.push(command);
        if pushed.is_err() {
            self.next_cmd_id = before;
        }
        match pushed {
            Ok(()) => Ok(ids),
            Err(PushError::Full { needed, .. }) if needed > self.capacity => Err(Unfit::Ever),
            Err(PushError::Full { .. }) => Err(Unfit::ForNow),
            Err(PushError::Encode(_)) => Err(Unfit::NotEncodable),
        }
    }

    /// The number of the message.
    pub(super) fn msg_id(&self) -> u32 {
        self.msg_id
    }

    /// Adds what fits of a queue, up to a command whose data has to be split. What fits into no
    /// message leaves the queue too.
    ///
    /// `sent` gets what goes, with the identifiers of the command and of those inside it.
    pub(super) fn load(
        &mut self,
        queue: &mut VecDeque<Parcel>,
        mut sent: impl FnMut(Parcel, Range<u32>),
    ) -> Loaded {
        let mut loaded = Loaded::default();
        while let Some(parcel) = queue.front_mut() {
            let pushed = if parcel.source.is_some() {
                Err(Unfit::Ever)
            } else if self.is_too_large(&parcel.command) {
                Err(Unfit::TooLarge)
            } else {
                self.push(&mut parcel.command)
            };
            // A status is shortened rather than lost.
            let stays = match &pushed {
                Err(Unfit::ForNow) => break,
                Err(Unfit::Ever | Unfit::NotEncodable) => shorten(&mut parcel.command),
                Ok(_) | Err(Unfit::TooLarge) => false,
            };
            if stays {
                continue;
            }
            let Some(mut parcel) = queue.pop_front() else {
                break;
            };
            match pushed {
                Ok(ids) => sent(parcel, ids),
                Err(Unfit::Ever) if !matches!(parcel.command, Command::Status(_)) => {
                    let parts = match parcel.source {
                        None => parcel.split(),
                        Some(_) => None,
                    };
                    let Some(parts) = parts else {
                        loaded.large = Some(parcel);
                        break;
                    };
                    put_first(queue, parts);
                }
                Err(why) => loaded.unfit.push((parcel, why)),
            }
        }
        loaded
    }
}

/// What became of commands of the caller's.
#[derive(Debug, Default)]
pub(super) struct LoadedTags {
    /// Those that go, with the identifiers of the command and of those inside it, and the target
    /// that their status is about if it does not say so.
    pub(super) sent: Vec<(CommandTag, Range<u32>, Option<Text>)>,
    /// Those that never can, and why.
    pub(super) refused: Vec<(CommandTag, NotSent)>,
    /// There is a chunk in the message.
    pub(super) is_chunked: bool,
}

/// What became of a queue.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// What fits into no message.
    pub(super) unfit: Vec<(Parcel, Unfit)>,
    /// What fits into no message unless its data is split, or has its data elsewhere.
    pub(super) large: Option<Parcel>,
}

impl<C: Into<Command>> From<C> for Parcel {
    fn from(command: C) -> Self {
        Self {
            command: command.into(),
            tag: None,
            source: None,
            is_part: false,
        }
    }
}

/// Puts parcels before all others of a queue.
pub(super) fn put_first(queue: &mut VecDeque<Parcel>, parcels: Vec<Parcel>) {
    for parcel in parcels.into_iter().rev() {
        queue.push_front(parcel);
    }
}

/// Numbers a command and those in it, depth first.
fn number(command: &mut Command, next: &mut u32) -> Range<u32> {
    let first = *next;
    // Most have nothing inside: then there is no stack to make.
    let mut current = Some(command);
    let mut stack = Vec::new();
    while let Some(command) = current {
        let (cmd_id, children): (_, &mut [Command]) = match command {
            Command::Add(command) => (&mut command.cmd_id, &mut []),
            Command::Alert(command) => (&mut command.cmd_id, &mut []),
            Command::Atomic(command) => (&mut command.cmd_id, &mut command.commands),
            Command::Copy(command) => (&mut command.cmd_id, &mut []),
            Command::Delete(command) => (&mut command.cmd_id, &mut []),
            Command::Exec(command) => (&mut command.cmd_id, &mut []),
            Command::Get(command) => (&mut command.cmd_id, &mut []),
            Command::Replace(command) => (&mut command.cmd_id, &mut []),
            Command::Results(command) => (&mut command.cmd_id, &mut []),
            Command::Sequence(command) => (&mut command.cmd_id, &mut command.commands),
            Command::Status(command) => (&mut command.cmd_id, &mut []),
            Command::Unsupported(command) => (&mut command.cmd_id, &mut []),
        };
        *cmd_id = CmdId::from(*next);
        *next = next.saturating_add(1);
        stack.extend(children.iter_mut().rev());
        current = stack.pop();
    }
    first..*next
}

/// The octets of the largest data in a command and those in it.
fn largest_data(command: &Command) -> u64 {
    let mut largest = 0;
    // Most have nothing inside: then there is no stack to make.
    let mut current = Some(command);
    let mut stack = Vec::new();
    while let Some(command) = current {
        for item in command.items() {
            let data = item.data.as_ref().and_then(Data::as_bytes);
            largest = data.map_or(0, <[u8]>::len).max(largest);
        }
        stack.extend(command.children());
        current = stack.pop();
    }
    u64::try_from(largest).unwrap_or(u64::MAX)
}

/// Leaves out of a status what is not needed to understand it. Whether there was something.
fn shorten(command: &mut Command) -> bool {
    let Command::Status(status) = command else {
        return false;
    };
    let had_more = !status.items.is_empty();
    status.items.clear();
    had_more
}
