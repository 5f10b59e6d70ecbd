//! [`MessageBuilder`]: a message that grows within a byte budget.

use core::fmt;

use bytes::Bytes;

#[cfg(feature = "xml")]
use super::xml;
use super::{Encoding, event::SinkResult, wbxml, write};
use crate::{
    EncodeError,
    message::{Command, SyncHdr},
};

/// Grows a message command by command within a byte budget. A command that does not fit leaves the
/// message exactly as it was.
///
/// What [`finish`](Self::finish) gives has the same octets as [`encode`](super::encode) of a message
/// with the same header and commands. A push costs time in the size of the command only.
pub struct MessageBuilder {
    writer: Writer,
    budget: usize,
}

enum Writer {
    Wbxml(wbxml::Writer),
    #[cfg(feature = "xml")]
    Xml(xml::Writer),
}

/// Why a command was not added to a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum PushError {
    /// It does not fit into what is left of the budget.
    #[error("the command needs {needed} octets, {room} are left")]
    Full {
        /// What the command takes.
        needed: usize,
        /// What is left.
        room: usize,
    },
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl MessageBuilder {
    /// Begins a message of at most `budget` octets, which must hold the header and the end.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); [`PushError::Full`] counts the whole message without commands.
    pub fn new(encoding: Encoding, header: &SyncHdr, budget: usize) -> Result<Self, PushError> {
        let writer = match encoding {
            Encoding::Wbxml => {
                let mut writer = wbxml::Writer::new(&header.ver_dtd);
                write::begin(&mut writer, header).map_err(|error| *error)?;
                Writer::Wbxml(writer)
            }
            #[cfg(feature = "xml")]
            Encoding::Xml => {
                let mut writer = xml::Writer::new(&header.ver_dtd);
                write::begin(&mut writer, header).map_err(|error| *error)?;
                Writer::Xml(writer)
            }
            #[cfg(not(feature = "xml"))]
            Encoding::Xml => return Err(EncodeError::EncodingNotBuilt.into()),
        };
        let builder = Self { writer, budget };
        let needed = builder.len();
        if needed > budget {
            return Err(PushError::Full {
                needed,
                room: budget,
            });
        }
        Ok(builder)
    }

    /// Adds a command.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] if it does not fit, [`PushError::Encode`] if it has no encoded form; the
    /// message is as before.
    pub fn push(&mut self, command: &Command) -> Result<(), PushError> {
        let before = self.len();
        let room = self.room();
        match &mut self.writer {
            Writer::Wbxml(writer) => {
                let mark = writer.mark();
                let result = write::command(writer, command);
                Self::settle(
                    result,
                    writer.len().saturating_add(writer.closing_len()),
                    before,
                    room,
                )
                .inspect_err(|_| writer.reset(&mark))
            }
            #[cfg(feature = "xml")]
            Writer::Xml(writer) => {
                let mark = writer.mark();
                let result = write::command(writer, command);
                Self::settle(
                    result,
                    writer.len().saturating_add(writer.closing_len()),
                    before,
                    room,
                )
                .inspect_err(|_| writer.reset(&mark))
            }
        }
    }

    fn settle(
        result: SinkResult,
        after: usize,
        before: usize,
        room: usize,
    ) -> Result<(), PushError> {
        result.map_err(|error| *error)?;
        let needed = after.saturating_sub(before);
        if needed > room {
            return Err(PushError::Full { needed, room });
        }
        Ok(())
    }

    /// The octets that a command takes, which is not added.
    #[cfg(feature = "session")]
    pub(crate) fn measure(&mut self, command: &Command) -> Result<usize, EncodeError> {
        let before = self.len();
        match &mut self.writer {
            Writer::Wbxml(writer) => {
                let mark = writer.mark();
                let result = write::command(writer, command);
                let after = writer.len().saturating_add(writer.closing_len());
                writer.reset(&mark);
                result
                    .map(|()| after.saturating_sub(before))
                    .map_err(|error| *error)
            }
            #[cfg(feature = "xml")]
            Writer::Xml(writer) => {
                let mark = writer.mark();
                let result = write::command(writer, command);
                let after = writer.len().saturating_add(writer.closing_len());
                writer.reset(&mark);
                result
                    .map(|()| after.saturating_sub(before))
                    .map_err(|error| *error)
            }
        }
    }

    /// Whether octets travel as Base64, and text too that has characters without a form in XML.
    #[cfg(feature = "session")]
    pub(crate) fn needs_base64(&self, data: &crate::Data) -> bool {
        #[cfg(feature = "xml")]
        if let Writer::Xml(_) = &self.writer {
            let can_hold = <xml::Writer as super::event::Sink>::can_hold;
            return data.as_markup().is_none() && !data.as_str().is_some_and(can_hold);
        }
        let _ = data;
        false
    }

    /// The octets left for commands, with those for `Final` and the end already set aside.
    #[must_use]
    pub fn room(&self) -> usize {
        self.budget.saturating_sub(self.len())
    }

    /// The octets of the message if it ended here with `Final`.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        match &self.writer {
            Writer::Wbxml(writer) => writer.len().saturating_add(writer.closing_len()),
            #[cfg(feature = "xml")]
            Writer::Xml(writer) => writer.len().saturating_add(writer.closing_len()),
        }
    }

    /// Ends the message.
    #[must_use]
    pub fn finish(self, is_final: bool) -> Bytes {
        let octets = match self.writer {
            Writer::Wbxml(mut writer) => {
                write::finish(&mut writer, is_final).and_then(|()| writer.finish())
            }
            #[cfg(feature = "xml")]
            Writer::Xml(mut writer) => {
                write::finish(&mut writer, is_final).map(|()| writer.finish())
            }
        };
        // What is left to write has neither text nor foreign names, and `push` has kept everything
        // below the budget, so nothing of this can fail.
        Bytes::from(octets.expect("the end of a message can always be written"))
    }
}

/// Without the octets, which may hold credentials.
impl fmt::Debug for MessageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBuilder")
            .field("len", &self.len())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
