//! [`Outgoing`]: a large object on its way to the peer.

use alloc::{boxed::Box, sync::Arc};

use bytes::Bytes;

use super::Source;
use crate::{
    Data, StatusCode,
    message::{Command, Item, Meta, Status},
    session::{
        link::reference,
        meta::complete_meta,
        package::{Draft, Parcel, Unfit},
    },
};

/// A command whose data goes out in as many messages as it takes.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(in crate::session) struct Outgoing {
    /// The command, its one item without data and size.
    parcel: Parcel,
    body: Body,
    /// Octets of the data.
    total: u64,
    /// Octets of the data that were sent.
    offset: u64,
    /// The octets travel as Base64.
    is_base64: bool,
    /// The chunk in our last message.
    flight: Option<Flight>,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Body {
    Held(Data),
    Source {
        source: Source,
        /// What the caller provided last, and where it begins. Not saved: it is asked for again.
        #[cfg_attr(feature = "serde", serde(skip))]
        window: Option<(u64, Bytes)>,
    },
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Flight {
    msg: u32,
    cmd: u32,
    /// Where the chunk begins.
    from: u64,
}

/// What became of an object in a message.
#[derive(Debug, PartialEq)]
pub(in crate::session) enum Chunked {
    /// Nothing of it is in the message.
    Not,
    /// A chunk, after which nothing else may stand in the message.
    Chunk,
    /// The rest, under this identifier.
    Last(u32),
}

/// What a status says of a chunk.
#[derive(Debug, PartialEq)]
pub(in crate::session) enum Verdict {
    /// Go on.
    Taken,
    /// The object ends, with this status.
    Refused(StatusCode),
}

impl Outgoing {
    /// An object of a command that fits into no message, or whose data comes from a source.
    ///
    /// # Errors
    ///
    /// The command, if it has no single item with data that can be split.
    pub(in crate::session) fn begin(
        mut parcel: Parcel,
        draft: &Draft,
    ) -> Result<Self, Box<Parcel>> {
        let source = parcel.source;
        let Some((common, item)) = single_item(&mut parcel.command) else {
            return Err(Box::new(parcel));
        };
        let body = match (source, item.data.take()) {
            (Some(source), _) => Body::Source {
                source,
                window: None,
            },
            (None, Some(data)) if data.as_markup().is_none() => {
                // What is one kind of data as a whole stays so in its pieces.
                Body::Held(match data.to_bytes() {
                    Some(octets) if draft.needs_base64(&data) => Data::binary(octets),
                    _ => data,
                })
            }
            (None, data) => {
                item.data = data;
                return Err(Box::new(parcel));
            }
        };
        complete_meta(item, common.as_deref());
        if let Some(meta) = &mut item.meta {
            Arc::make_mut(meta).size = None;
        }
        let total = match &body {
            Body::Held(data) => octets_in(data),
            Body::Source { source, .. } => source.len,
        };
        let is_binary = match &body {
            Body::Held(data) => data.is_binary(),
            Body::Source { source, .. } => !source.is_text,
        };
        let is_base64 = is_binary && draft.needs_base64(&Data::binary(Bytes::new()));
        Ok(Self {
            parcel,
            body,
            total,
            offset: 0,
            is_base64,
            flight: None,
        })
    }

    /// The command, as it was given.
    pub(in crate::session) fn into_parcel(mut self) -> Parcel {
        if let (Body::Held(data), Some((_, item))) =
            (self.body, single_item(&mut self.parcel.command))
        {
            item.data = Some(data);
        }
        self.parcel
    }

    pub(in crate::session) fn parcel(&self) -> &Parcel {
        &self.parcel
    }

    /// The `Size` that is declared.
    pub(in crate::session) fn size(&self) -> u64 {
        match self.is_base64 {
            true => self.total.div_ceil(3).saturating_mul(4),
            false => self.total,
        }
    }

    /// Whether nothing of it was sent.
    pub(in crate::session) fn is_fresh(&self) -> bool {
        self.offset == 0 && self.flight.is_none()
    }

    /// Whether all of it was sent.
    pub(in crate::session) fn is_sent(&self) -> bool {
        self.offset >= self.total && (self.flight.is_some() || self.total > 0)
    }

    /// The piece that the caller must provide before the next message: source, offset, octets at most.
    pub(in crate::session) fn needs(&self, largest: u64) -> Option<(u64, u64, u64)> {
        let Body::Source { source, window } = &self.body else {
            return None;
        };
        let rest = self.total.saturating_sub(self.offset);
        let is_there = window.as_ref().is_some_and(|(at, _)| *at == self.offset);
        (!is_there && rest > 0).then(|| (source.id, self.offset, rest.min(largest)))
    }

    /// Takes a piece of the data. Whether it was asked for.
    pub(in crate::session) fn provide(&mut self, id: u64, offset: u64, octets: Bytes) -> bool {
        match &mut self.body {
            Body::Source { source, window } if source.id == id && offset == self.offset => {
                *window = Some((offset, octets));
                true
            }
            _ => false,
        }
    }

    /// Our last message was not believed: the chunk in it goes out again.
    pub(in crate::session) fn take_back(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.offset = flight.from;
        }
    }

    /// What a status says of the chunk in our last message, if it is for that. What it says of a last
    /// chunk is said of the command.
    pub(in crate::session) fn answered(&mut self, status: &Status) -> Option<Verdict> {
        if !self.is_awaited(status) {
            return None;
        }
        match status.data {
            StatusCode::IN_PROGRESS => Some(Verdict::Taken),
            StatusCode::CHUNK_ACCEPTED => {
                self.flight = None;
                Some(Verdict::Taken)
            }
            // Who takes a piece for the whole does not know large objects.
            code if code.is_success() => Some(Verdict::Refused(StatusCode::SIZE_MISMATCH)),
            code => Some(Verdict::Refused(code)),
        }
    }

    /// Whether a status is for the chunk in our last message, which was not the last one.
    pub(in crate::session) fn is_awaited(&self, status: &Status) -> bool {
        let refs = reference(status.msg_ref.as_str()).zip(reference(status.cmd_ref.as_str()));
        let flight = self.flight.map(|flight| (flight.msg, flight.cmd));
        flight.is_some() && refs == flight && !self.is_sent()
    }

    /// Adds as much to a message as it has room for: all of the rest, or a chunk that fills it.
    ///
    /// # Errors
    ///
    /// Why no message takes it.
    pub(in crate::session) fn push(
        &mut self,
        draft: &mut Draft,
        splits: bool,
    ) -> Result<Chunked, Unfit> {
        let octets = self.window(draft.least_room().max(draft.room()));
        let rest = self.total.saturating_sub(self.offset);
        if octets.is_empty() && rest > 0 {
            return Ok(Chunked::Not);
        }
        if u64::try_from(octets.len()) == Ok(rest) {
            let mut command = self.piece(&octets, octets.len(), false)?;
            let needed = draft.measure(&command)?;
            if needed <= draft.room() {
                let ids = draft.push(&mut command)?;
                self.sent(draft, ids.start, octets.len());
                return Ok(Chunked::Last(ids.start));
            }
            // OMA-TS-DM_Protocol: what fits into one message is not split.
            if self.offset == 0 && needed <= draft.least_room() {
                return Ok(Chunked::Not);
            }
        }
        if !splits {
            return Err(Unfit::Ever);
        }
        let empty = self.piece(&octets, 0, true)?;
        let overhead = draft.measure(&empty)?;
        let least = overhead.saturating_add(LEAST);
        if least > draft.room() {
            return match least > draft.least_room() && self.offset == 0 {
                true => Err(Unfit::Ever),
                false => Ok(Chunked::Not),
            };
        }
        let len = self.fit(draft, &octets, overhead)?;
        if len == 0 {
            return Ok(Chunked::Not);
        }
        let mut command = self.piece(&octets, len, true)?;
        let ids = draft.push(&mut command)?;
        self.sent(draft, ids.start, len);
        Ok(Chunked::Chunk)
    }

    fn sent(&mut self, draft: &Draft, cmd: u32, len: usize) {
        self.flight = Some(Flight {
            msg: draft.msg_id(),
            cmd,
            from: self.offset,
        });
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(len);
    }

    /// How many of the octets fit as a chunk: as many as possible, cut where a reader can bear it.
    ///
    /// What an octet takes depends on the encoding, the characters to escape and the length of lengths.
    /// So the number is closed in on, by what the last guess took.
    fn fit(&self, draft: &mut Draft, octets: &Bytes, overhead: usize) -> Result<usize, Unfit> {
        let room = draft.room();
        let mut fits = 0;
        let rest = self.total.saturating_sub(self.offset);
        // As many as there is room for never do, nor is there a chunk without a rest behind it.
        let mut fails = match u64::try_from(octets.len()) == Ok(rest) {
            true => octets.len().min(room),
            false => octets.len().saturating_add(1).min(room),
        };
        let mut guess = room.saturating_sub(overhead);
        if self.is_base64 {
            guess = (guess / 4).saturating_mul(3);
        }
        for round in 0..ROUNDS {
            let len = self.cut(octets, guess.min(fails.saturating_sub(1)));
            if len <= fits {
                break;
            }
            let needed = draft.measure(&self.piece(octets, len, true)?)?;
            if needed <= room {
                fits = len;
                let more = room.saturating_sub(needed);
                guess = fits.saturating_add(if round < CLOSE { more } else { more / 2 });
            } else {
                fails = len;
                let less = needed.saturating_sub(room);
                guess = match round < CLOSE {
                    true => len.saturating_sub(less),
                    false => fits.midpoint(fails),
                };
            }
        }
        Ok(fits)
    }

    /// The largest place up to `len` where the octets may be cut: between characters; Base64 between
    /// its groups, so that who decodes piece by piece can.
    fn cut(&self, octets: &[u8], len: usize) -> usize {
        let mut len = len.min(octets.len());
        if self.is_base64 {
            return len.saturating_sub(len % 3);
        }
        if !self.is_text() {
            return len;
        }
        if self.is_base64_text() {
            // The place counts from the begin of the whole.
            let before = usize::try_from(self.offset % 4).unwrap_or(0);
            let end = len.saturating_add(before);
            return end.saturating_sub(end % 4).saturating_sub(before);
        }
        while len > 0 && octets.get(len).is_some_and(|octet| octet & 0xC0 == 0x80) {
            len = len.saturating_sub(1);
        }
        len
    }

    fn is_text(&self) -> bool {
        match &self.body {
            Body::Held(data) => !data.is_binary(),
            Body::Source { source, .. } => source.is_text,
        }
    }

    fn is_base64_text(&self) -> bool {
        let items = self.parcel.command.items();
        let meta = items.first().and_then(|item| item.meta.as_deref());
        let format = meta.and_then(|meta| meta.format.as_ref());
        format.is_some_and(|format| format.trim() == "b64")
    }

    /// The octets at hand that follow what was sent.
    ///
    /// Not more than fit into `room`, since text is copied, and whole characters of them.
    fn window(&self, room: usize) -> Bytes {
        let octets = match &self.body {
            Body::Held(data) => {
                let from = usize::try_from(self.offset).unwrap_or(usize::MAX);
                let rest = data.as_bytes().and_then(|octets| octets.get(from..));
                let rest = rest.unwrap_or_default();
                Bytes::copy_from_slice(rest.get(..room).unwrap_or(rest))
            }
            Body::Source { window, .. } => match window {
                Some((at, octets)) if *at == self.offset => octets.slice(..room.min(octets.len())),
                _ => Bytes::new(),
            },
        };
        let whole = match core::str::from_utf8(&octets) {
            Err(error) if self.is_text() && error.error_len().is_none() => error.valid_up_to(),
            _ => octets.len(),
        };
        octets.slice(..whole)
    }

    /// The command with the first `len` of the octets.
    fn piece(&self, octets: &Bytes, len: usize, more_data: bool) -> Result<Command, Unfit> {
        let mut command = self.parcel.command.clone();
        let octets = octets.slice(..len.min(octets.len()));
        if let Some((_, item)) = single_item(&mut command) {
            item.data = Some(match self.is_text() {
                // Only a source can have promised text and give something else.
                true => Data::text(core::str::from_utf8(&octets).map_err(|_| Unfit::NotEncodable)?),
                false => Data::binary(octets),
            });
            item.more_data = more_data;
            if more_data && self.offset == 0 {
                Arc::make_mut(item.meta.get_or_insert_default()).size = Some(self.size());
            }
        }
        Ok(command)
    }
}

/// The item of a command that can have data, if it has just one, and the meta of the command, which
/// is taken out of it.
fn single_item(command: &mut Command) -> Option<(Option<Arc<Meta>>, &mut Item)> {
    let (meta, items) = match command {
        Command::Add(command) => (&mut command.meta, &mut command.items),
        Command::Exec(command) => (&mut command.meta, &mut command.items),
        Command::Replace(command) => (&mut command.meta, &mut command.items),
        Command::Results(command) => (&mut command.meta, &mut command.items),
        Command::Alert(command) => {
            let [item] = command.items.as_mut_slice() else {
                return None;
            };
            return Some((None, item));
        }
        _ => return None,
    };
    match items.as_mut_slice() {
        [item] => Some((meta.take(), item)),
        _ => None,
    }
}

fn octets_in(data: &Data) -> u64 {
    let octets = data.as_bytes().map_or(0, <[u8]>::len);
    u64::try_from(octets).unwrap_or(u64::MAX)
}

/// Octets of data that make a chunk worth sending.
const LEAST: usize = 24;
/// Guesses at the size of a chunk, and how many of them go by what the last one took.
const ROUNDS: usize = 24;
const CLOSE: usize = 6;
