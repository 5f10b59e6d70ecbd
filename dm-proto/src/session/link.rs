//! What both sides keep of a session: its numbers, addresses and sizes, and what is in flight.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec, vec::Vec};
use core::ops::Range;

use super::{
    CommandTag, SMALLEST_MESSAGE, Transmit,
    config::ProtocolVersion,
    error::{Incompatibility, Misbehaviour, SessionError},
    imprint::Imprint,
    object::{Chunked, Outgoing, Verdict as ChunkVerdict},
    package::{Draft, Loaded, LoadedTags, Opening, Parcel, Unfit, put_first},
    proof::Verdict,
    received::Received,
    saved::Disposition,
};
use crate::{
    AlertCode, CmdId, Data, LocUri, MsgId, SessionId, StatusCode, Text,
    auth::Nonce,
    codec::{Encoding, PushError},
    message::{Alert, Command, CommandName, Item, Location, Meta, Status, SyncHdr, SyncMl},
};

/// Messages in a row that neither say anything nor end the package. A peer needs one or two.
const IDLE_MESSAGES: u8 = 16;

/// The largest message to a peer that declares none: what peers like us read.
const UNDECLARED: usize = crate::Limits::DEFAULT.message_size;

/// Messages of one side in a session. A large object takes thousands; a peer that never comes to an end
/// is left.
const MESSAGES: u32 = 1_000_000;

/// A `MaxMsgSize` from which on a header and some statuses fit for sure.
const ROOMY_MESSAGE: usize = 16 << 10;

/// Octets of an identifier that is not looked at: UUIDs have 38.
const PLAIN_ID: usize = 64;

/// One side's view of the exchange.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Link {
    pub(super) session_id: SessionId,
    pub(super) encoding: Encoding,
    ver_dtd: Text,
    ver_proto: Text,
    pub(super) local: LocUri,
    pub(super) remote: LocUri,
    /// Where our messages go.
    pub(super) uri: LocUri,
    /// The number of our last message; 0 before the first.
    pub(super) sent: u32,
    /// The number of the peer's last message; 0 before the first.
    pub(super) received: u32,
    #[cfg_attr(feature = "serde", serde(rename = "digest"))]
    imprint: Imprint,
    peer_max_msg_size: Option<u64>,
    peer_max_obj_size: Option<u64>,
    /// Whether data that fits into no message is split.
    splits: bool,
    /// The status for the header of the peer's last message, until it is sent.
    pub(super) header_status: Option<HeaderStatus>,
    /// The peer has ended its package, and we have not ended ours.
    pub(super) peer_ended: bool,
    idle: u8,
    pub(super) next_ticket: u32,
    outbox: VecDeque<Parcel>,
    /// What was in our last message, while it may come back with a challenge.
    in_flight: Vec<Parcel>,
    /// The large object that is under way, until its last chunk has arrived.
    outgoing: Option<Outgoing>,
}

/// The status for a header.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum HeaderStatus {
    /// About the credentials.
    Verdict(Verdict),
    /// The version is not spoken.
    Version(StatusCode),
}

/// What a message of the peer is.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    /// The next one.
    Next,
    /// The last one again.
    Repeat,
}

impl Link {
    pub(super) fn new(
        session_id: SessionId,
        encoding: Encoding,
        local: LocUri,
        remote: LocUri,
        uri: LocUri,
    ) -> Self {
        let version = ProtocolVersion::Dm1_2;
        Self {
            session_id,
            encoding,
            ver_dtd: Text::from_static(version.ver_dtd()),
            ver_proto: Text::from_static(version.ver_proto()),
            local,
            remote,
            uri,
            sent: 0,
            received: 0,
            imprint: Imprint::NONE,
            peer_max_msg_size: None,
            peer_max_obj_size: None,
            splits: true,
            header_status: None,
            peer_ended: true,
            idle: 0,
            next_ticket: 0,
            outbox: VecDeque::new(),
            in_flight: Vec::new(),
            outgoing: None,
        }
    }

    /// The same, splitting data or not.
    pub(super) fn splitting(mut self, splits: bool) -> Self {
        self.splits = splits;
        self
    }

    /// No data is split any more.
    pub(super) fn splits_no_more(&mut self) {
        self.splits = false;
    }

    /// What `message` is to this exchange. OMA-TS-DM_Protocol fixes none of this.
    pub(super) fn disposition(&self, message: &Received) -> Disposition {
        let Some(number) = message.number() else {
            return Disposition::OutOfOrder;
        };
        if message.header().session_id != self.session_id {
            return match number {
                1 => Disposition::NewSession,
                _ => Disposition::OutOfOrder,
            };
        }
        if Some(number) == self.received.checked_add(1) {
            Disposition::Next
        } else if number == self.received && message.imprint == self.imprint {
            Disposition::Repeat
        } else if number == 1 {
            Disposition::NewSession
        } else {
            Disposition::OutOfOrder
        }
    }

    /// Lets a message in, or not. Changes nothing unless it is the next one.
    pub(super) fn admit(&mut self, message: &Received) -> Result<Arrival, SessionError> {
        let header = message.header();
        if header.session_id != self.session_id {
            let id = Text::from(header.session_id.clone());
            return Err(Misbehaviour::SessionId(id).into());
        }
        match self.disposition(message) {
            Disposition::Next => {}
            Disposition::Repeat => return Ok(Arrival::Repeat),
            Disposition::NewSession | Disposition::OutOfOrder => {
                return Err(Misbehaviour::MessageOrder(header.msg_id.clone().into()).into());
            }
        }
        self.received = self.received.saturating_add(1);
        self.imprint.clone_from(&message.imprint);
        self.peer_ended |= message.message.is_final;
        if let Some(size) = header.meta.as_ref().and_then(|meta| meta.max_msg_size) {
            self.peer_max_msg_size = Some(size);
        }
        if let Some(size) = header.meta.as_ref().and_then(|meta| meta.max_obj_size) {
            self.peer_max_obj_size = Some(size);
        }
        Ok(Arrival::Next)
    }

    /// Looks at the versions of a message.
    ///
    /// # Errors
    ///
    /// If they are not spoken; the status that says so is set.
    pub(super) fn check_version(
        &mut self,
        header: &SyncHdr,
        known: &[ProtocolVersion],
    ) -> Result<(), SessionError> {
        let (dtd, proto) = (header.ver_dtd.trim(), header.ver_proto.trim());
        let is_spoken =
            |version: &ProtocolVersion| (version.ver_dtd(), version.ver_proto()) == (dtd, proto);
        if known.iter().any(is_spoken) {
            return Ok(());
        }
        let cause = if known.iter().any(|version| version.ver_dtd() == dtd) {
            Incompatibility::VerProto(header.ver_proto.clone())
        } else {
            Incompatibility::VerDtd(header.ver_dtd.clone())
        };
        let error = SessionError::from(cause);
        self.header_status = Some(HeaderStatus::Version(StatusCode::from(&error)));
        Err(error)
    }

    /// Speaks a version from now on.
    pub(super) fn speak(&mut self, version: ProtocolVersion) {
        self.ver_dtd = Text::from_static(version.ver_dtd());
        self.ver_proto = Text::from_static(version.ver_proto());
    }

    /// Speaks the version of a message from now on.
    pub(super) fn adopt_version(&mut self, header: &SyncHdr) {
        self.ver_dtd = header.ver_dtd.trim().into();
        self.ver_proto = header.ver_proto.trim().into();
    }

    /// Counts messages, and those that say nothing, so that their exchange ends.
    pub(super) fn count_idle(&mut self, is_idle: bool) -> Result<(), SessionError> {
        self.idle = match is_idle {
            true => self.idle.saturating_add(1),
            false => 0,
        };
        if self.idle > IDLE_MESSAGES || self.received > MESSAGES {
            return Err(Misbehaviour::Endless.into());
        }
        Ok(())
    }

    /// Adds a command to what is to be sent.
    pub(super) fn post(&mut self, command: impl Into<Parcel>) {
        self.outbox.push_back(command.into());
    }

    /// Adds commands to what is to be sent.
    pub(super) fn post_all(&mut self, commands: Vec<Parcel>) {
        if self.outbox.is_empty() {
            self.outbox = commands.into();
        } else {
            self.outbox.extend(commands);
        }
    }

    /// Octets that a command may take so that it fits into a message of the peer's for sure, and its data
    /// is taken.
    pub(super) fn sure_room(&self) -> usize {
        let room = self.budget().unwrap_or_default();
        let largest = usize::try_from(self.peer_max_obj_size.unwrap_or(u64::MAX));
        room.saturating_sub(ROOMY_MESSAGE)
            .min(largest.unwrap_or(usize::MAX))
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_silent(&self) -> bool {
        self.outbox.is_empty() && !self.is_sending()
    }

    /// Whether nothing waits to be sent but the rest of a large object.
    pub(super) fn has_said_all(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Whether a status for this command waits to be sent.
    pub(super) fn holds_status(&self, msg_id: &MsgId, cmd_id: &CmdId) -> bool {
        self.outbox.iter().any(|parcel| match &parcel.command {
            Command::Status(status) => status.msg_ref == *msg_id && status.cmd_ref == *cmd_id,
            _ => false,
        })
    }

    /// Takes back all that waits and all that is on its way.
    pub(super) fn clear(&mut self) {
        self.outbox.clear();
        self.in_flight.clear();
        self.outgoing = None;
    }

    /// Our last message was not believed: what was in it, to go out again.
    pub(super) fn take_back(&mut self) -> Vec<Parcel> {
        let mut again = core::mem::take(&mut self.in_flight);
        if let Some(mut outgoing) = self.outgoing.take() {
            outgoing.take_back();
            if outgoing.is_fresh() {
                again.push(outgoing.into_parcel());
            } else {
                self.outgoing = Some(outgoing);
            }
        }
        again
    }

    /// The command of the large object under way.
    pub(super) fn object(&self) -> Option<&Parcel> {
        self.outgoing.as_ref().map(Outgoing::parcel)
    }

    /// The large object under way has arrived after all.
    pub(super) fn forget_object(&mut self) {
        self.outgoing = None;
    }

    /// Puts what was taken back before all that waits.
    pub(super) fn post_first(&mut self, parcels: Vec<Parcel>) {
        put_first(&mut self.outbox, parcels);
    }

    /// This has arrived for good, whatever becomes of the rest of its message.
    pub(super) fn forget_tagged(&mut self, tag: CommandTag) {
        self.in_flight.retain(|parcel| parcel.tag != Some(tag));
    }

    /// Our last message has arrived for good.
    pub(super) fn forget_in_flight(&mut self) {
        self.in_flight.clear();
    }

    /// The largest message that the peer takes. Without a declaration there is none known.
    fn budget(&self) -> Result<usize, SessionError> {
        match self.peer_max_msg_size {
            None => Ok(UNDECLARED),
            Some(size) if size < SMALLEST_MESSAGE => Err(Incompatibility::MaxMsgSize.into()),
            Some(size) => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
        }
    }

    /// Looks whether the peer's messages have room for the statuses of commands with these identifiers,
    /// before anything is executed that could then not be told of.
    ///
    /// # Errors
    ///
    /// If they have not, or an identifier has no encoded form.
    pub(super) fn check_room<'c>(
        &self,
        opening: impl FnOnce() -> Opening,
        msg_id: &MsgId,
        cmd_ids: impl Iterator<Item = &'c CmdId>,
    ) -> Result<(), SessionError> {
        let is_roomy = self.budget()? >= ROOMY_MESSAGE && is_plain(msg_id.as_str());
        let mut longest: Option<&CmdId> = None;
        let mut draft = None;
        let mut opening = Some(opening);
        let mut check = |cmd_id: &CmdId| {
            if let Some(opening) = opening.take() {
                draft = Some(self.draft(opening())?);
            }
            let Some(draft) = &mut draft else {
                return Ok(());
            };
            let status = Status {
                msg_ref: msg_id.clone(),
                ..self.status(cmd_id, CommandName::SEQUENCE, StatusCode::OK)
            };
            match draft.measure(&status.into()) {
                Ok(needed) if needed <= draft.room() => Ok(()),
                Ok(_) => Err(unfit(Unfit::Ever)),
                Err(why) => Err(unfit(why)),
            }
        };
        for cmd_id in cmd_ids {
            if !is_plain(cmd_id.as_str()) {
                check(cmd_id)?;
            } else if longest.is_none_or(|longest| cmd_id.as_str().len() > longest.as_str().len()) {
                longest = Some(cmd_id);
            }
        }
        match longest {
            Some(cmd_id) if !is_roomy => check(cmd_id),
            _ => Ok(()),
        }
    }

    /// Begins our next message, with the status of the peer's header in it.
    pub(super) fn draft(&self, opening: Opening) -> Result<Draft, SessionError> {
        let msg_id = self.sent.saturating_add(1);
        let header = SyncHdr {
            ver_dtd: self.ver_dtd.clone(),
            ver_proto: self.ver_proto.clone(),
            session_id: self.session_id.clone(),
            msg_id: MsgId::from(msg_id),
            target: Location::from(self.remote.clone()),
            source: Location {
                loc_name: opening.name,
                ..Location::from(self.local.clone())
            },
            cred: opening.cred,
            meta: Some(Arc::new(Meta {
                max_msg_size: Some(opening.max_msg_size),
                max_obj_size: Some(opening.max_obj_size),
                ..Meta::default()
            })),
            ..SyncHdr::default()
        };
        let status = self
            .header_status
            .as_ref()
            .map(|status| self.status_of_header(status, &opening.versions));
        let draft = Draft::new(self.encoding, &header, msg_id, self.budget()?, status);
        Ok(draft
            .map_err(fatal)?
            .for_objects_up_to(self.peer_max_obj_size))
    }

    /// The versions of `known` that the peer must be told of: all of them, or none.
    pub(super) fn versions_to_tell(&self, known: &[ProtocolVersion]) -> Vec<ProtocolVersion> {
        match &self.header_status {
            Some(HeaderStatus::Version(_)) => known.to_vec(),
            Some(HeaderStatus::Verdict(_)) | None => Vec::new(),
        }
    }

    /// The nonce that the status of the peer's header gives it for its next proof.
    pub(super) fn offered_nonce(&self) -> Option<Nonce> {
        match &self.header_status {
            Some(HeaderStatus::Verdict(verdict)) => verdict.offered(),
            Some(HeaderStatus::Version(_)) | None => None,
        }
    }

    /// OMA-TS-DM_Protocol: the first status of every message is that of the header.
    fn status_of_header(&self, status: &HeaderStatus, versions: &[ProtocolVersion]) -> Status {
        let mut answer = Status {
            msg_ref: MsgId::from(self.received),
            cmd_ref: CmdId::from("0"),
            cmd: CommandName::SYNC_HDR,
            target_refs: vec![self.local.as_str().into()],
            source_refs: vec![self.remote.as_str().into()],
            ..Status::default()
        };
        match status {
            HeaderStatus::Verdict(verdict) => {
                answer.data = verdict.code;
                answer.chal = verdict.chal();
            }
            HeaderStatus::Version(code) => {
                answer.data = *code;
                let is_dtd = *code == StatusCode::DTD_VERSION_NOT_SUPPORTED;
                let mut known: Vec<&str> = versions
                    .iter()
                    .map(|version| match is_dtd {
                        true => version.ver_dtd(),
                        false => version.ver_proto(),
                    })
                    .collect();
                known.dedup();
                answer.items = known
                    .into_iter()
                    .map(|version| Item::default().with_data(version))
                    .collect();
            }
        }
        answer
    }

    /// Moves what waits into the draft, as much as fits. While a large object is under way that is
    /// only what keeps the exchange going: all else keeps its order behind the object.
    ///
    /// # Errors
    ///
    /// If something fits into no message at all.
    pub(super) fn load(&mut self, draft: &mut Draft, keep: bool) -> Result<(), SessionError> {
        match self.is_sending() {
            true => self.load_statuses(draft, keep),
            false => self.load_all(draft, keep),
        }
    }

    /// Moves what waits into the draft, as much as fits.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(super) fn load_all(&mut self, draft: &mut Draft, keep: bool) -> Result<(), SessionError> {
        loop {
            let loaded = draft.load(&mut self.outbox, kept(&mut self.in_flight, keep));
            let Some(parcel) = all_fit(loaded)? else {
                return Ok(());
            };
            if self.outgoing.is_some() {
                // One at a time: the last one may still come back.
                self.outbox.push_front(parcel);
                return Ok(());
            }
            self.begin(parcel, draft)
                .and_then(|()| self.go_on(draft))
                .map_err(|refused| unfit(refused.1))?;
            if self.is_sending() {
                return Ok(());
            }
        }
    }

    fn load_statuses(&mut self, draft: &mut Draft, keep: bool) -> Result<(), SessionError> {
        let is_urgent = |parcel: &Parcel| match &parcel.command {
            Command::Status(status) => {
                status.data == StatusCode::CHUNK_ACCEPTED || status.cmd == CommandName::ALERT
            }
            _ => false,
        };
        let outbox = core::mem::take(&mut self.outbox);
        let (mut now, later): (VecDeque<_>, VecDeque<_>) = outbox.into_iter().partition(is_urgent);
        let loaded = draft.load(&mut now, kept(&mut self.in_flight, keep));
        self.outbox = later;
        put_first(&mut self.outbox, now.into());
        all_fit(loaded).map(|_| ())
    }

    /// Moves commands of the caller's into the draft, as many as fit, or the next chunk of one.
    pub(super) fn load_tagged(
        &mut self,
        draft: &mut Draft,
        queue: &mut VecDeque<Parcel>,
        keep: bool,
    ) -> LoadedTags {
        draft.set_aside_a_status();
        let mut tags = LoadedTags::default();
        if self.is_sending() {
            tags = self.load_chunk(draft);
        }
        while !self.is_sending() {
            let Loaded { unfit, large } = draft.load(queue, |parcel, ids| {
                let target = parcel.target();
                tags.sent.extend(parcel.tag.map(|tag| (tag, ids, target)));
                if keep {
                    self.in_flight.push(parcel);
                }
            });
            for unfit in unfit {
                tags.take(Err(Box::new(unfit)));
            }
            let Some(parcel) = large else { break };
            let is_asked_for = parcel.source.is_some() && !tags.sent.is_empty();
            if self.outgoing.is_some() || is_asked_for {
                queue.push_front(parcel);
                break;
            }
            let pushed = self.begin(parcel, draft).and_then(|()| self.go_on(draft));
            tags.take(pushed);
        }
        tags
    }

    /// Moves the next chunk of a large object into the draft.
    pub(super) fn load_chunk(&mut self, draft: &mut Draft) -> LoadedTags {
        let mut tags = LoadedTags::default();
        let pushed = self.go_on(draft);
        tags.take(pushed);
        tags
    }

    /// Whether a large object is under way, and not all of it was sent.
    pub(super) fn is_sending(&self) -> bool {
        self.outgoing
            .as_ref()
            .is_some_and(|outgoing| !outgoing.is_sent())
    }

    /// Whether a large object of this command is under way, and not all of it was sent.
    pub(super) fn is_sending_tagged(&self, tag: CommandTag) -> bool {
        self.is_sending() && self.object().is_some_and(|parcel| parcel.tag == Some(tag))
    }

    /// Our turn begins: what was sent, and did not come back, has arrived.
    pub(super) fn forget_sent_object(&mut self) {
        if self.outgoing.as_ref().is_some_and(Outgoing::is_sent) {
            self.outgoing = None;
        }
    }

    /// Begins to send a large object.
    pub(super) fn begin(&mut self, parcel: Parcel, draft: &Draft) -> Result<(), Refused> {
        if !self.splits && parcel.source.is_none() {
            return Err(Box::new((parcel, Unfit::Ever)));
        }
        let outgoing =
            Outgoing::begin(parcel, draft).map_err(|parcel| Box::new((*parcel, Unfit::Ever)))?;
        let largest = self.peer_max_obj_size.unwrap_or(u64::MAX);
        if outgoing.size() > largest {
            return Err(Box::new((outgoing.into_parcel(), Unfit::TooLarge)));
        }
        self.outgoing = Some(outgoing);
        Ok(())
    }

    /// Why a command of ours can never be sent, if so.
    ///
    /// One draft is there for all that is tried out: what no longer fits into it still fits into the
    /// next message.
    pub(super) fn try_out(
        &self,
        trial: &mut Option<Draft>,
        parcel: &mut Parcel,
        opening: impl Fn() -> Opening,
    ) -> Option<Unfit> {
        // A message that cannot even begin is told of when it is made.
        if trial.is_none() {
            *trial = Some(self.draft(opening()).ok()?);
        }
        let draft = trial.as_mut()?;
        if draft.is_too_large(&parcel.command) {
            return Some(Unfit::TooLarge);
        }
        if parcel.source.is_none() {
            match draft.push(&mut parcel.command) {
                Ok(_) | Err(Unfit::ForNow) => return None,
                Err(Unfit::NotEncodable) => return Some(Unfit::NotEncodable),
                Err(Unfit::Ever | Unfit::TooLarge) => {}
            }
        }
        let mut draft = self.draft(opening()).ok()?;
        match Outgoing::begin(parcel.clone(), &draft) {
            Ok(outgoing) if outgoing.size() > self.peer_max_obj_size.unwrap_or(u64::MAX) => {
                Some(Unfit::TooLarge)
            }
            Ok(mut outgoing) => outgoing.push(&mut draft, self.splits).err(),
            Err(_) => Some(Unfit::Ever),
        }
    }

    /// Adds the next chunk of a large object to a message.
    pub(super) fn go_on(&mut self, draft: &mut Draft) -> Result<Gone, Refused> {
        let Some(outgoing) = &mut self.outgoing else {
            return Ok(Gone::default());
        };
        let splits = self.splits;
        match outgoing.push(draft, splits) {
            Ok(chunked) => Ok(Gone {
                is_chunked: chunked == Chunked::Chunk,
                last: match chunked {
                    Chunked::Last(id) => {
                        let parcel = outgoing.parcel();
                        let ids = id..id.saturating_add(1);
                        parcel.tag.map(|tag| (tag, ids, parcel.target()))
                    }
                    _ => None,
                },
            }),
            Err(why) => match self.outgoing.take() {
                Some(outgoing) => Err(Box::new((outgoing.into_parcel(), why))),
                None => Ok(Gone::default()),
            },
        }
    }

    /// The piece of a large object that the caller must provide before our next message.
    pub(super) fn needs(&self) -> Option<(u64, u64, u64)> {
        let largest = self.budget().ok().and_then(|size| u64::try_from(size).ok());
        self.outgoing.as_ref()?.needs(largest.unwrap_or(u64::MAX))
    }

    /// Takes a piece of a large object that the caller holds. Whether it was asked for.
    pub(super) fn provide(&mut self, id: u64, offset: u64, octets: bytes::Bytes) -> bool {
        self.outgoing
            .as_mut()
            .is_some_and(|outgoing| outgoing.provide(id, offset, octets))
    }

    /// What a status says of the chunk in our last message, if it is for that. The object goes if it
    /// was refused.
    pub(super) fn chunk_answered(
        &mut self,
        status: &Status,
    ) -> Option<Option<(Parcel, StatusCode)>> {
        match self.outgoing.as_mut()?.answered(status)? {
            ChunkVerdict::Taken => Some(None),
            ChunkVerdict::Refused(code) => {
                let parcel = self.drop_object()?;
                Some(Some((parcel, code)))
            }
        }
    }

    /// Whether a status is for the chunk in our last message.
    pub(super) fn is_of_chunk(&self, status: &Status) -> bool {
        self.outgoing
            .as_ref()
            .is_some_and(|outgoing| outgoing.is_awaited(status))
    }

    /// Gives up a large object of which not all was sent.
    pub(super) fn drop_object(&mut self) -> Option<Parcel> {
        if !self.is_sending() {
            return None;
        }
        self.outgoing.take().map(Outgoing::into_parcel)
    }

    /// Ends our message.
    pub(super) fn seal(&mut self, draft: Draft, is_final: bool) -> Transmit {
        self.sent = draft.msg_id();
        self.header_status = None;
        if is_final {
            self.peer_ended = false;
        }
        Transmit {
            uri: self.uri.clone(),
            body: draft.finish(is_final),
            encoding: self.encoding,
            hmac: None,
        }
    }

    /// A message that only says that we go, with what still fits of what waits.
    pub(super) fn farewell(
        &mut self,
        opening: Opening,
        last_word: Option<Alert>,
    ) -> Result<Transmit, SessionError> {
        let mut draft = self.draft(opening.clone())?;
        // What would take more than this message is not begun any more.
        self.outgoing = None;
        loop {
            let loaded = draft.load(&mut self.outbox, |_, _| ());
            if all_fit(loaded)?.is_none() {
                break;
            }
        }
        if let Some(alert) = last_word {
            let mut alert = alert.into();
            if draft.push(&mut alert).is_err() {
                // That we leave matters more than the rest.
                draft = self.draft(opening)?;
                // Full or not encodable: then the status of the header has to do.
                let _ = draft.push(&mut alert);
            }
        }
        self.clear();
        Ok(self.seal(draft, true))
    }

    /// A status for a command of the peer's last message.
    pub(super) fn status(&self, cmd_id: &CmdId, cmd: CommandName, code: StatusCode) -> Status {
        Status {
            msg_ref: MsgId::from(self.received),
            cmd_ref: cmd_id.clone(),
            cmd,
            data: code,
            ..Status::default()
        }
    }

    /// The next number of a [`Ticket`](super::Ticket).
    pub(super) fn ticket(&mut self) -> u32 {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.next_ticket
    }

    /// Whether a status is that of the header of our last message.
    pub(super) fn is_of_our_header(&self, status: &Status) -> bool {
        status.cmd_ref == "0" && reference(status.msg_ref.as_str()) == Some(self.sent)
    }
}

/// A command of which nothing can be sent, and why.
type Refused = Box<(Parcel, Unfit)>;

/// What goes into a message of a large object.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// A chunk that is not the last.
    pub(super) is_chunked: bool,
    /// The last one, if the object is the caller's: its tag, identifier and target.
    pub(super) last: Option<(CommandTag, Range<u32>, Option<Text>)>,
}

impl LoadedTags {
    fn take(&mut self, pushed: Result<Gone, Refused>) {
        match pushed {
            Ok(gone) => {
                self.is_chunked |= gone.is_chunked;
                self.sent.extend(gone.last);
            }
            Err(refused) => {
                let (parcel, why) = *refused;
                self.refused.extend(parcel.tag.map(|tag| (tag, why.into())));
            }
        }
    }
}

/// Keeps what is sent, if it may come back.
fn kept(in_flight: &mut Vec<Parcel>, keep: bool) -> impl FnMut(Parcel, Range<u32>) {
    move |parcel, _| {
        if keep {
            in_flight.push(parcel);
        }
    }
}

/// What is left over of what the session itself has to say.
fn all_fit(loaded: Loaded) -> Result<Option<Parcel>, SessionError> {
    match loaded.unfit.into_iter().next() {
        None => Ok(loaded.large),
        Some((_, why)) => Err(unfit(why)),
    }
}

/// Something that the session itself has to say does not fit, or has no encoded form.
fn unfit(why: Unfit) -> SessionError {
    match why {
        Unfit::NotEncodable => Incompatibility::NotRepresentable.into(),
        Unfit::Ever | Unfit::TooLarge | Unfit::ForNow => Incompatibility::MaxMsgSize.into(),
    }
}

/// The header of a message does not fit, or has no encoded form.
fn fatal(error: PushError) -> SessionError {
    match error {
        PushError::Full { .. } => Incompatibility::MaxMsgSize.into(),
        PushError::Encode(_) => Incompatibility::NotRepresentable.into(),
    }
}

/// Whether an identifier is short, and each of its characters takes an octet in any encoding.
fn is_plain(id: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.{}".contains(&octet);
    id.len() <= PLAIN_ID && id.bytes().all(is_plain)
}

/// The number that a reference names.
pub(super) fn reference(text: &str) -> Option<u32> {
    // Nearly always there is nothing around it.
    text.parse().or_else(|_| text.trim().parse()).ok()
}

/// The alert with which a side leaves.
pub(super) fn session_abort() -> Alert {
    Alert {
        code: Some(AlertCode::SESSION_ABORT),
        ..Alert::default()
    }
}

/// The alert that tells that an object has no end.
pub(super) fn no_end_of_data(item: Item) -> Alert {
    Alert {
        code: Some(AlertCode::NO_END_OF_DATA),
        items: vec![item],
        ..Alert::default()
    }
}

/// Whether a message says that its sender leaves.
pub(super) fn is_abort(message: &SyncMl) -> bool {
    message.commands.iter().any(|command| {
        matches!(command, Command::Alert(alert) if alert.code == Some(AlertCode::SESSION_ABORT))
    })
}

/// Whether a message has nothing in it but a request to go on, and statuses that nobody awaits.
pub(super) fn says_nothing(message: &SyncMl, is_awaited: impl Fn(&Status) -> bool) -> bool {
    message.commands.iter().all(|command| match command {
        Command::Status(status) => !is_awaited(status),
        Command::Alert(alert) if alert.code == Some(AlertCode::NEXT_MESSAGE) => true,
        // Chunks without anything in them could come for ever.
        command => match command.items() {
            [item] => item.more_data && item.data.as_ref().is_none_or(is_empty),
            _ => false,
        },
    })
}

fn is_empty(data: &Data) -> bool {
    data.as_bytes().is_some_and(<[u8]>::is_empty)
}

/// Whether two addresses have the same scheme and authority.
pub(super) fn same_origin(one: &str, other: &str) -> bool {
    fn origin(uri: &str) -> Option<&str> {
        let (scheme, rest) = uri.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        uri.get(..scheme.len().checked_add(3)?.checked_add(authority.len())?)
    }
    match (origin(one), origin(other)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}
