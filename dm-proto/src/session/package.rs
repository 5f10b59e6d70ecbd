//! [`Draft`]: a message of ours in the making, within the size that the peer takes.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use super::{CommandTag, config::ProtocolVersion};
use crate::{
    CmdId, StatusCode, Text,
    codec::{Encoding, MessageBuilder, PushError},
    message::{Command, Cred, Status, SyncHdr},
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
}

/// What a draft ran out of.
#[derive(Debug, PartialEq)]
pub(super) enum Unfit {
    /// The message is full; another one may take the command.
    ForNow,
    /// No message is large enough for the command.
    Ever,
    /// The command has no encoded form.
    NotEncodable,
}

/// What the header of a message says besides the addresses.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) name: Option<Text>,
    pub(super) cred: Option<Box<Cred>>,
    pub(super) max_msg_size: u64,
    pub(super) max_obj_size: u64,
    /// The versions that a peer is told of who speaks another.
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
        })
    }

    /// Beside a command of the caller's there may always be a status for an Alert 1222.
    pub(super) fn set_aside_a_status(&mut self) {
        self.capacity = self.capacity.saturating_sub(STATUS_SIZE);
    }

    /// Ends the message.
    pub(super) fn finish(self, is_final: bool) -> bytes::Bytes {
        self.builder.finish(is_final)
    }

    /// Adds a command, giving it and those in it their identifiers, which it returns in order.
    pub(super) fn push(&mut self, command: &mut Command) -> Result<Vec<u32>, Unfit> {
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

    /// Adds what fits of a queue. What fits into no message leaves the queue too.
    pub(super) fn load(&mut self, queue: &mut VecDeque<Parcel>) -> Loaded {
        let mut loaded = Loaded::default();
        while let Some(mut parcel) = queue.pop_front() {
            match self.push(&mut parcel.command) {
                Ok(ids) => loaded.sent.push((parcel, ids)),
                Err(Unfit::ForNow) => {
                    queue.push_front(parcel);
                    break;
                }
                // A status is shortened rather than lost.
                Err(_) if shorten(&mut parcel.command) => queue.push_front(parcel),
                Err(why) => loaded.unfit.push((parcel, why)),
            }
        }
        loaded
    }
}

/// What became of commands of the caller's.
#[derive(Debug)]
pub(super) struct LoadedTags {
    /// Those that go, with the identifiers of the command and of those inside it.
    pub(super) sent: Vec<(CommandTag, Vec<u32>)>,
    /// Those that never can, with the status that says why.
    pub(super) refused: Vec<(CommandTag, StatusCode)>,
}

/// What became of a queue.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// What goes, with the identifiers of the command and of those inside it.
    pub(super) sent: Vec<(Parcel, Vec<u32>)>,
    /// What fits into no message.
    pub(super) unfit: Vec<(Parcel, Unfit)>,
}

impl From<Command> for Parcel {
    fn from(command: Command) -> Self {
        Self { command, tag: None }
    }
}

/// Puts parcels before all others of a queue.
pub(super) fn put_first(queue: &mut VecDeque<Parcel>, parcels: Vec<Parcel>) {
    for parcel in parcels.into_iter().rev() {
        queue.push_front(parcel);
    }
}

/// Numbers a command and those in it, depth first.
fn number(command: &mut Command, next: &mut u32) -> Vec<u32> {
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
    (first..*next).collect()
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
