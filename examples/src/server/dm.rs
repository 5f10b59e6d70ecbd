//! The DM endpoint: a message in, a message out, everything stored before the answer leaves.

use core::fmt;
use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State as Shares},
    http::{HeaderValue, StatusCode as Http, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use dm_proto::{
    StatusCode,
    auth::HMAC_HEADER,
    codec::{DecodeOptions, Encoding},
    session::{
        Disposition, Headers, ReceiveError, Received, ServerConfig, ServerSession, Transmit,
        refusal, refusal_of_stranger,
    },
};
use dm_tree::remote::{Notice, Queue};

use super::{
    Direction, Traffic,
    desk::DeviceDesk,
    device::{Nonces, Row, Slot},
    operation::{AnyOperation, Record},
    shared::{Shared, Updates, nonce, now},
    store::StoreError,
};

/// `POST /dm`. OMA-TS-SyncML_HTTPBinding: one message per request and one per answer.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/dm", post(receive)).with_state(shared)
}

/// Why a request has no SyncML answer.
enum Refusal {
    /// Neither of the two media types.
    MediaType,
    /// More octets than a message may have.
    TooLarge(usize),
    /// The octets are not a message; the text says where and why.
    NotAMessage(String),
    /// Our own fault.
    Internal,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MediaType => write!(
                f,
                "send a DM message as {} or {}",
                Encoding::Xml.media_type(),
                Encoding::Wbxml.media_type()
            ),
            Self::TooLarge(limit) => write!(f, "a message may have {limit} octets"),
            Self::NotAMessage(why) => f.write_str(why),
            Self::Internal => f.write_str("the server failed; send the message again later"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::MediaType => Http::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => Http::PAYLOAD_TOO_LARGE,
            Self::NotAMessage(_) => Http::BAD_REQUEST,
            Self::Internal => Http::SERVICE_UNAVAILABLE,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// The answer to a message: a message, or nothing where nothing is left to say.
struct Answer(Option<Transmit>);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let private = (header::CACHE_CONTROL, HeaderValue::from_static("private"));
        match self.0 {
            Some(transmit) => {
                let media_type = HeaderValue::from_static(transmit.encoding.media_type());
                let headers = [private, (header::CONTENT_TYPE, media_type)];
                let mut response = (headers, transmit.body).into_response();
                // A session makes none that no header can hold.
                let hmac = transmit
                    .hmac
                    .map(|hmac| HeaderValue::from_bytes(hmac.as_bytes()));
                if let Some(Ok(hmac)) = hmac {
                    response.headers_mut().insert(HMAC_HEADER, hmac);
                }
                response
            }
            None => (Http::NO_CONTENT, [private]).into_response(),
        }
    }
}

async fn receive(Shares(shared): Shares<Arc<Shared>>, request: Request) -> Response {
    match answer(&shared, request).await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => {
            shared.log(format_args!("a message was refused: {refusal}"));
            refusal.into_response()
        }
    }
}

async fn answer(shared: &Shared, request: Request) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    // Before the body is read: nothing else is worth the memory.
    Encoding::from_media_type(content_type).ok_or(Refusal::MediaType)?;
    let octets = read_body(body, shared.session.limits.message_size).await?;
    let options = DecodeOptions::lenient(shared.session.limits.clone());
    // What is not text signs nothing.
    let hmac = parts.headers.get(HMAC_HEADER);
    let hmac = hmac.map(|value| core::str::from_utf8(value.as_bytes()).unwrap_or_default());
    let headers = Headers::new(content_type).with_hmac(hmac);
    let received = match Received::read(octets.clone(), headers, &options) {
        Ok(received) => received,
        Err(ReceiveError::UnsupportedMediaType(_)) => return Err(Refusal::MediaType),
        Err(error) => {
            let Some(answer) = Received::refuse_unreadable(&octets, headers, &options) else {
                return Err(Refusal::NotAMessage(error.to_string()));
            };
            shared.log(format_args!("a message was refused: {error}"));
            return Ok(Answer(Some(answer)));
        }
    };
    shared.tell(
        Direction::FromDevice,
        &received,
        received.encoding(),
        &octets,
    );
    let answer = exchange(shared, &received).await.map_err(|error| {
        shared.log(format_args!("{error}"));
        Refusal::Internal
    })?;
    if let Some(Transmit { encoding, body, .. }) = &answer.0 {
        shared.tell(Direction::ToDevice, &received, *encoding, body);
    }
    Ok(answer)
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn core::error::Error> = Some(&error);
        while let Some(error) = cause {
            if error.to_string().contains("length limit exceeded") {
                return Refusal::TooLarge(limit);
            }
            cause = error.source();
        }
        Refusal::NotAMessage(String::from("the body broke off"))
    })
}

/// Our own faults while a message is handled.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] super::shared::NoRandomness),
    #[error("too many requests for one device at a time")]
    Contention,
}

/// Handles a message of a device. Of several processes or tasks that hold the same message one executes
/// it; the others find its answer.
async fn exchange(shared: &Shared, received: &Received) -> Result<Answer, Fault> {
    let id = received.header().source.loc_uri.as_str();
    for _ in 0..ATTEMPTS {
        let Some(row) = shared.store.row(id).await? else {
            shared.log(format_args!("a message of {id:?}, which is not registered"));
            let (header, encoding) = (received.header(), received.encoding());
            return Ok(Answer(refusal_of_stranger(header, encoding, &nonce()?)));
        };
        match attempt(shared, received, row).await {
            // Somebody was faster: with this very message, or with an operation.
            Err(Fault::Store(StoreError::Conflict)) => {}
            done => return done,
        }
    }
    Err(Fault::Contention)
}

/// Handles a message on the row as it was read.
async fn attempt(shared: &Shared, received: &Received, mut row: Row) -> Result<Answer, Fault> {
    let now = now();
    let Route { slot, session } = match route(shared, received, &row) {
        Ok(route) => route,
        Err(answer) => return Ok(answer),
    };
    let mut slot = slot;
    let mut session = session;
    let handled = session.handle(received.clone(), nonce()?);
    if let Err(error) = &handled {
        shared.log(format_args!("session of {:?}: {error}", row.id));
    }
    let mut updates = Updates::default();
    let authenticated = session.is_authenticated();
    if authenticated {
        updates.expire(&mut row, now);
    }
    let mut told = |session: &mut ServerSession, updates: &mut Updates| {
        let notices = if authenticated {
            drive(shared, &mut row, session, updates, now)?
        } else {
            // Who has not proved to be the device does not touch its operations.
            Queue::<AnyOperation>::new().drive(session)
        };
        for notice in notices {
            match notice {
                Notice::NonceChanged { side, nonce } => slot.nonces.set(side, nonce),
                notice if authenticated => {
                    log(shared, &row, &notice);
                    updates.notice(&mut row, &notice, now);
                }
                _ => {}
            }
        }
        Ok::<(), Fault>(())
    };
    told(&mut session, &mut updates)?;
    let transmit = session.poll_transmit();
    // A closing package ends the session as it is made: who waits for that need not wait longer.
    told(&mut session, &mut updates)?;
    if transmit.is_none() && handled.is_err() {
        // The message did not enter the session, whose last answer stays what it was.
        return Ok(refuse(received, StatusCode::BAD_REQUEST));
    }
    slot.saved = session.save();
    slot.last_sent.clone_from(&transmit);
    if authenticated {
        // A device that is reset begins with the nonces that it was given with its account, and does not
        // believe who goes on with others, nor who notifies it with them.
        row.nonces = match row.queue.awaits_reset() {
            true => Nonces::default(),
            false => slot.nonces.clone(),
        };
        row.session = Some(slot);
        row.candidate = None;
        row.seen = Some(now);
    } else {
        row.candidate = Some(slot);
    }
    // Session, operations and answer are stored before a byte of the answer leaves.
    shared.commit(row, updates, None).await?;
    Ok(Answer(transmit))
}

/// The session that a message belongs to.
struct Route {
    slot: Slot,
    session: ServerSession,
}

/// Finds or begins the session of a message; or the answer, if none needs to handle it.
fn route(shared: &Shared, received: &Received, row: &Row) -> Result<Route, Answer> {
    // Both are asked: who knows a device's name and session id can begin a candidate with them, which
    // must not stand between the device and its own session.
    let slots = [&row.session, &row.candidate]
        .into_iter()
        .flatten()
        .map(|slot| (slot, slot.saved.disposition(received)));
    let of = |wanted| {
        slots
            .clone()
            .filter_map(move |(slot, found)| (found == wanted).then_some(slot))
    };
    if let Some(slot) = of(Disposition::Repeat).next() {
        shared.log(format_args!("{:?} repeats a message", row.id));
        return Err(Answer(slot.last_sent.clone()));
    }
    // Where it could be the next of either: credentials are for a session that was asked for them.
    let proves = received.has_credentials();
    let mut next = of(Disposition::Next);
    if let Some(slot) = if proves { next.last() } else { next.next() } {
        return restore(shared, received, row, slot);
    }
    let is_known = |slot: &&Slot| *slot.saved.session_id() == received.header().session_id;
    if of(Disposition::NewSession).next().is_none()
        && of(Disposition::OutOfOrder).any(|slot| is_known(&slot))
    {
        // A late copy, or a message that was never ours to have: it begins nothing.
        shared.log(format_args!("{:?} sends a message out of order", row.id));
        return Err(refuse(received, StatusCode::BAD_REQUEST));
    }
    // The old session stays until the new one has authenticated.
    let nonces = row.nonces.clone();
    let server_uri = &received.header().target.loc_uri;
    let account = row.device.account(&row.id, server_uri, &nonces);
    match ServerSession::accept(received, session_config(shared, row), &account) {
        Ok(session) => Ok(Route {
            slot: Slot {
                saved: session.save(),
                last_sent: None,
                nonces,
            },
            session,
        }),
        Err(error) => {
            shared.log(format_args!("a message of {:?}: {error}", row.id));
            Err(refuse(received, StatusCode::BAD_REQUEST))
        }
    }
}

/// How the sessions of a device behave: not every device takes large objects.
fn session_config(shared: &Shared, row: &Row) -> Arc<ServerConfig> {
    let mut config = Arc::clone(&shared.session);
    if !row.device.profile.to_profile().large_objects {
        Arc::make_mut(&mut config).large_objects = false;
    }
    config
}

fn restore(shared: &Shared, received: &Received, row: &Row, slot: &Slot) -> Result<Route, Answer> {
    let server_uri = &received.header().target.loc_uri;
    let account = row.device.account(&row.id, server_uri, &slot.nonces);
    let config = session_config(shared, row);
    let last_sent = slot.last_sent.clone();
    let session = ServerSession::restore(slot.saved.clone(), last_sent, config, &account);
    match session {
        Ok(session) => Ok(Route {
            slot: slot.clone(),
            session,
        }),
        Err(error) => {
            shared.log(format_args!("session of {:?}: {error}", row.id));
            Err(refuse(received, StatusCode::COMMAND_FAILED))
        }
    }
}

/// Takes what happened in the session to the operations of a device that has proved to be itself, and
/// decides on what it asks for.
fn drive(
    shared: &Shared,
    row: &mut Row,
    session: &mut ServerSession,
    updates: &mut Updates,
    now: i64,
) -> Result<Vec<Notice>, Fault> {
    let mut desk = DeviceDesk::new(&shared.policy, &row.id, &row.device, row.next_number);
    let notices = row.queue.drive_with(session, &mut desk);
    if let Some(fault) = desk.fault {
        return Err(fault.into());
    }
    for note in &desk.notes {
        shared.log(format_args!("{note}"));
    }
    let (made, next_number) = desk.into_made();
    row.next_number = next_number;
    for made in made {
        // What was refused is not there.
        if row.queue.get(made.number).is_some() {
            row.opened(made.number, &made.id, made.deadline);
            let (number, deadline) = (made.number, made.deadline);
            let record = Record::new(made.id, &row.id, number, &made.request, deadline, now);
            updates.add(record.asked_by_device(made.behalf));
        }
    }
    Ok(notices)
}

fn log(shared: &Shared, row: &Row, notice: &Notice) {
    let id = &row.id;
    match notice {
        Notice::Opened { trigger, .. } => {
            shared.log(format_args!("{id:?} opens a session: {trigger:?}"));
        }
        Notice::Unclaimed(alert) => {
            let meta = alert.items.iter().find_map(|item| item.meta.as_deref());
            let type_ = meta.and_then(|meta| meta.type_.as_deref());
            let type_ = type_.unwrap_or_default();
            shared.log(format_args!(
                "{id:?} sends an alert of type {type_:?}, which belongs to no operation"
            ));
        }
        Notice::Late { id: number, .. } => {
            shared.log(format_args!(
                "{id:?} sends more of operation {}, whose outcome is known",
                row.id_of(*number).unwrap_or("that is forgotten")
            ));
        }
        Notice::Ended(ending) => shared.log(format_args!("session of {id:?} ends: {ending:?}")),
        _ => {}
    }
}

/// The answer to a message that no session takes: a status for its header, and the end.
fn refuse(received: &Received, status: StatusCode) -> Answer {
    Answer(refusal(received.header(), received.encoding(), status))
}

impl Shared {
    fn tell(&self, direction: Direction, received: &Received, encoding: Encoding, octets: &Bytes) {
        if let Some(tap) = &self.hooks.tap {
            tap(&Traffic {
                direction,
                device: received.header().source.loc_uri.as_str().to_owned(),
                encoding,
                octets: octets.clone(),
            });
        }
    }
}

/// How often a message is tried when others change the device's row at the same time.
const ATTEMPTS: u32 = 32;
