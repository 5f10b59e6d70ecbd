//! What both sides keep of a session: its numbers, addresses and sizes, and what is in flight.

use alloc::{collections::VecDeque, sync::Arc, vec, vec::Vec};

use super::{
    Transmit,
    config::ProtocolVersion,
    error::{Incompatibility, Misbehaviour, SessionError},
    package::{Draft, Loaded, LoadedTags, Opening, Parcel, Unfit, put_first},
    proof::Verdict,
    received::Received,
    saved::Disposition,
};
use crate::{
    AlertCode, CmdId, LocUri, MsgId, SessionId, StatusCode, Text,
    auth::{Nonce, md5},
    codec::{Encoding, PushError},
    message::{Alert, Command, CommandName, Item, Location, Meta, Status, SyncHdr, SyncMl},
};

/// Messages in a row that neither say anything nor end the package. A peer needs one or two.
const IDLE_MESSAGES: u8 = 16;

/// Messages of one side in a session. A large object takes thousands; a peer that never comes to an end
/// is left.
const MESSAGES: u32 = 1_000_000;

/// The smallest `MaxMsgSize` that is taken for one: below, no header fits.
const SMALLEST_MESSAGE: u64 = 256;

/// A `MaxMsgSize` from which on a header and some statuses fit for sure.
const ROOMY_MESSAGE: usize = 16 << 10;

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
    digest: md5::Digest,
    peer_max_msg_size: Option<u64>,
    /// The status for the header of the peer's last message, until it is sent.
    pub(super) header_status: Option<HeaderStatus>,
    /// The peer has ended its package, and we have not ended ours.
    pub(super) peer_ended: bool,
    idle: u8,
    pub(super) next_ticket: u32,
    outbox: VecDeque<Parcel>,
    /// What was in our last message, while it may come back with a challenge.
    in_flight: Vec<Parcel>,
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
            digest: [0; 16],
            peer_max_msg_size: None,
            header_status: None,
            peer_ended: true,
            idle: 0,
            next_ticket: 0,
            outbox: VecDeque::new(),
            in_flight: Vec::new(),
        }
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
        } else if number == self.received && message.digest == self.digest {
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
        self.digest = message.digest;
        self.peer_ended |= message.message.is_final;
        if let Some(size) = header.meta.as_ref().and_then(|meta| meta.max_msg_size) {
            self.peer_max_msg_size = Some(size);
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
    pub(super) fn post(&mut self, command: impl Into<Command>) {
        self.outbox.push_back(Parcel::from(command.into()));
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_silent(&self) -> bool {
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
    }

    /// Our last message was not believed: what was in it, to go out again.
    pub(super) fn take_back(&mut self) -> Vec<Parcel> {
        core::mem::take(&mut self.in_flight)
    }

    /// Puts what was taken back before all that waits.
    pub(super) fn post_first(&mut self, parcels: Vec<Parcel>) {
        put_first(&mut self.outbox, parcels);
    }

    /// Our last message has arrived for good.
    pub(super) fn forget_in_flight(&mut self) {
        self.in_flight.clear();
    }

    /// The largest message that the peer takes. Without a declaration there is none known.
    fn budget(&self) -> Result<usize, SessionError> {
        match self.peer_max_msg_size {
            None => Ok(usize::MAX),
            Some(size) if size < SMALLEST_MESSAGE => Err(Incompatibility::MaxMsgSize.into()),
            Some(size) => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
        }
    }

    /// Looks whether the peer's messages have room for a status of a command with this identifier, before
    /// anything is executed that could then not be told of.
    ///
    /// # Errors
    ///
    /// If they have not.
    pub(super) fn check_room(&self, opening: Opening, cmd_id: &CmdId) -> Result<(), SessionError> {
        if self.budget()? >= ROOMY_MESSAGE {
            return Ok(());
        }
        let status = self.status(cmd_id, CommandName::SEQUENCE, StatusCode::OK);
        let mut draft = self.draft(opening)?;
        match draft.push(&mut status.into()) {
            Ok(_) => Ok(()),
            Err(_) => Err(Incompatibility::MaxMsgSize.into()),
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
        Draft::new(self.encoding, &header, msg_id, self.budget()?, status).map_err(fatal)
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

    /// Moves what waits into the draft, as much as fits.
    ///
    /// # Errors
    ///
    /// If something fits into no message at all.
    pub(super) fn load(&mut self, draft: &mut Draft, keep: bool) -> Result<(), SessionError> {
        let Loaded { sent, unfit } = draft.load(&mut self.outbox);
        if keep {
            self.in_flight
                .extend(sent.into_iter().map(|(parcel, _)| parcel));
        }
        match unfit.first() {
            None => Ok(()),
            Some((_, Unfit::NotEncodable)) => Err(Incompatibility::NotRepresentable.into()),
            Some(_) => Err(Incompatibility::MaxMsgSize.into()),
        }
    }

    /// Moves commands of the caller's into the draft, as many as fit.
    pub(super) fn load_tagged(
        &mut self,
        draft: &mut Draft,
        queue: &mut VecDeque<Parcel>,
        keep: bool,
    ) -> LoadedTags {
        draft.set_aside_a_status();
        let Loaded { sent, unfit } = draft.load(queue);
        let mut numbered = Vec::new();
        for (parcel, ids) in sent {
            numbered.extend(parcel.tag.map(|tag| (tag, ids)));
            if keep {
                self.in_flight.push(parcel);
            }
        }
        let refused = unfit.into_iter().filter_map(|(parcel, why)| {
            let code = match why {
                Unfit::NotEncodable => StatusCode::BAD_REQUEST,
                Unfit::Ever | Unfit::ForNow => StatusCode::REQUEST_ENTITY_TOO_LARGE,
            };
            Some((parcel.tag?, code))
        });
        LoadedTags {
            sent: numbered,
            refused: refused.collect(),
        }
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
        self.load(&mut draft, false)?;
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

/// The header of a message does not fit, or has no encoded form.
fn fatal(error: PushError) -> SessionError {
    match error {
        PushError::Full { .. } => Incompatibility::MaxMsgSize.into(),
        PushError::Encode(_) => Incompatibility::NotRepresentable.into(),
    }
}

/// The number that a reference names.
pub(super) fn reference(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// The alert with which a side leaves.
pub(super) fn session_abort() -> Alert {
    Alert {
        code: Some(AlertCode::SESSION_ABORT),
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
        Command::Alert(alert) => alert.code == Some(AlertCode::NEXT_MESSAGE),
        _ => false,
    })
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
