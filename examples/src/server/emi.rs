//! The REST API for the external management infrastructure of the architecture documents.

use core::{convert::Infallible, fmt, net::IpAddr};
use std::{collections::VecDeque, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, Query, Request, State as Shares,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode as Http, header, uri::Authority},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
    routing::{get, post},
};
use dm_proto::Secret;
use dm_tree::remote::Refusal;
use futures_util::stream;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    desk::{Asked, FrontDesk},
    device::{Device, DeviceError, Row},
    operation::Record,
    request::{OperationRequest, RequestError},
    shared::{NoRandomness, Shared, Updates, identifier, now},
    store::{Key, StoreError},
};

/// The REST API; with a token, every request must carry it.
pub(super) fn router(shared: Arc<Shared>, token: Option<Secret>) -> Router {
    let router = Router::new()
        .route("/devices", get(devices))
        .route("/devices/{id}", get(device).put(put_device))
        .route(
            "/devices/{id}/operations",
            post(post_operation).layer(DefaultBodyLimit::max(OPERATION_LIMIT)),
        )
        .route("/devices/{id}/requests", get(requests))
        .route("/operations/{id}", get(operation).delete(cancel))
        .route("/operations/{id}/events", get(events))
        .fallback(async || Problem::NotFound("resource"))
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::map_response_with_state(
            Arc::clone(&shared),
            log_fault,
        ))
        .with_state(shared);
    match token {
        Some(token) => router.layer(middleware::from_fn(move |request, next| {
            let token = token.clone();
            async move { authorize(&token, request, next).await }
        })),
        None => router.layer(middleware::from_fn(insist_on_address)),
    }
}

/// Without a token, only loopback is listened on, and a browser there could be tricked: a name that
/// its page owns is made to mean this host. So requests must name this host by its address.
async fn insist_on_address(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|value| value.to_str().ok());
    let host = host.and_then(|value| value.parse::<Authority>().ok());
    let is_address = host.is_some_and(|host| {
        let name = host.host();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
    });
    if is_address {
        next.run(request).await
    } else {
        Problem::Host.into_response()
    }
}

/// A fault of our own, on its way to the log; who asked is not told more than that there was one.
#[derive(Clone, Debug)]
struct Fault(String);

async fn log_fault(Shares(shared): Shares<Arc<Shared>>, response: Response) -> Response {
    if let Some(Fault(fault)) = response.extensions().get() {
        shared.log(format_args!("{fault}"));
    }
    response
}

async fn authorize(token: &Secret, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let fits = given.is_some_and(|(_, given)| {
        bool::from(given.trim().as_bytes().ct_eq(token.expose().as_bytes()))
    });
    if fits {
        next.run(request).await
    } else {
        Problem::Unauthorized.into_response()
    }
}

/// Why a request was not carried out.
#[derive(Debug)]
enum Problem {
    Unauthorized,
    Host,
    NotFound(&'static str),
    Method,
    MediaType,
    Body(String, Http),
    TooLarge(usize),
    Path,
    NoObject,
    Json(serde_json::Error),
    Identifier,
    Device(DeviceError),
    Request(RequestError),
    KeyTooLong,
    KeyReused,
    Refused(Refusal, usize),
    Query(String),
    TooLate(&'static str),
    Store(StoreError),
    Randomness(NoRandomness),
    Contention,
}

impl Problem {
    fn status(&self) -> Http {
        match self {
            Self::Unauthorized => Http::UNAUTHORIZED,
            Self::Host => Http::FORBIDDEN,
            Self::NotFound(_) => Http::NOT_FOUND,
            Self::Method => Http::METHOD_NOT_ALLOWED,
            Self::MediaType => Http::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(_, status) => *status,
            Self::TooLarge(_) => Http::PAYLOAD_TOO_LARGE,
            Self::Path | Self::NoObject | Self::KeyTooLong => Http::BAD_REQUEST,
            Self::Json(error) if error.is_data() => Http::UNPROCESSABLE_ENTITY,
            Self::Json(_) => Http::BAD_REQUEST,
            Self::Identifier | Self::Device(_) | Self::Request(_) => Http::UNPROCESSABLE_ENTITY,
            Self::Refused(Refusal::TooMany, _) | Self::KeyReused | Self::TooLate(_) => {
                Http::CONFLICT
            }
            Self::Refused(Refusal::Unsupported | Refusal::Unintelligible, _) => {
                Http::UNPROCESSABLE_ENTITY
            }
            Self::Refused(..) => Http::FORBIDDEN,
            Self::Query(_) => Http::BAD_REQUEST,
            Self::Store(_) | Self::Randomness(_) | Self::Contention => Http::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("a valid bearer token is required"),
            Self::Host => {
                f.write_str("without a token, name this host as localhost or by its address")
            }
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::Method => f.write_str("this resource does not have that method"),
            Self::MediaType => f.write_str("send the body as application/json"),
            Self::Body(text, _) => f.write_str(text),
            Self::TooLarge(limit) => {
                write!(f, "the body has more than the {limit} octets that this resource takes")
            }
            Self::Path => f.write_str("the path is not percent-encoded UTF-8"),
            Self::NoObject => f.write_str("the body does not fit: it must be a JSON object"),
            Self::Json(error) => write!(f, "the body does not fit: {error}"),
            Self::Identifier => f.write_str("a device has an identifier of 1 to 255 octets, without control characters and spaces around it"),
            Self::Device(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::KeyTooLong => f.write_str("Idempotency-Key must have 1 to 255 octets of ASCII"),
            Self::KeyReused => {
                f.write_str("this Idempotency-Key was used for another operation on the device")
            }
            Self::Refused(refusal @ Refusal::TooMany, limit) => {
                write!(f, "{refusal}: {limit} are open, which is the most that may be")
            }
            Self::Refused(refusal @ Refusal::NeedsConsent, _) => {
                write!(f, "{refusal}: say in \"confirm\" what the user is asked")
            }
            Self::Refused(refusal, _) => refusal.fmt(f),
            Self::Query(text) => write!(f, "the query does not fit: {text}"),
            Self::TooLate(state) => write!(f, "the operation cannot be cancelled: it is {state}"),
            Self::Store(_) | Self::Randomness(_) => {
                f.write_str("the server failed; ask again later")
            }
            Self::Contention => f.write_str("the device is busy; ask again"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.to_string() });
        if let (Self::Refused(refusal, _), Some(body)) = (&self, body.as_object_mut()) {
            body.insert("refusal".into(), name(*refusal).into());
        }
        let mut response = (self.status(), Json(body)).into_response();
        match self {
            Self::Unauthorized => {
                let scheme = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::Store(error) => {
                response.extensions_mut().insert(Fault(error.to_string()));
            }
            Self::Randomness(error) => {
                response.extensions_mut().insert(Fault(error.to_string()));
            }
            _ => {}
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        Self::Randomness(error)
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::Path
    }
}

/// The name of a refusal.
fn name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotItsPlace(_) => "not-its-place",
        Refusal::NotEntitled => "not-entitled",
        Refusal::NeedsConsent => "needs-consent",
        Refusal::Unsupported => "unsupported",
        Refusal::Unintelligible => "unintelligible",
        Refusal::TooMany => "too-many",
        _ => "refused",
    }
}

/// What a handler takes out of a path: one percent-encoded segment.
type Id = Result<Path<String>, PathRejection>;
type Octets = Result<Bytes, BytesRejection>;

/// Reads a JSON body, and insists that it is called that: no form of a browser can send one unasked.
fn body<T: DeserializeOwned>(
    headers: &HeaderMap,
    octets: Octets,
    limit: usize,
) -> Result<T, Problem> {
    let octets = octets.map_err(|error| match error.status() {
        Http::PAYLOAD_TOO_LARGE => Problem::TooLarge(limit),
        status => Problem::Body(error.body_text(), status),
    })?;
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    if !essence.is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::MediaType);
    }
    // An array of members in their order would do for serde.
    if !octets.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::NoObject);
    }
    serde_json::from_slice(&octets).map_err(Problem::Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    after: String,
}

/// `GET /devices`: up to 1000 of them; `?after=` goes on.
async fn devices(
    Shares(shared): Shares<Arc<Shared>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = page.map_err(|error| Problem::Query(error.body_text()))?;
    let rows = shared.store.rows(page.after, PAGE).await?;
    let views: Vec<Value> = rows.iter().map(Row::view).collect();
    Ok(Json(json!({ "devices": views })).into_response())
}

/// `GET /devices/{id}`
async fn device(Shares(shared): Shares<Arc<Shared>>, id: Id) -> Result<Response, Problem> {
    let Path(id) = id?;
    match shared.store.row(&id).await? {
        Some(row) => Ok(Json(row.view()).into_response()),
        None => Err(Problem::NotFound("device")),
    }
}

/// `PUT /devices/{id}`: sets the account. Operations stay; a session goes on if its credentials stay.
async fn put_device(
    Shares(shared): Shares<Arc<Shared>>,
    id: Id,
    headers: HeaderMap,
    octets: Octets,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    if !(1..=255).contains(&id.len()) || id.trim() != id || id.contains(char::is_control) {
        return Err(Problem::Identifier);
    }
    let device: Device = body(&headers, octets, BODY_LIMIT)?;
    device.check().map_err(Problem::Device)?;
    for _ in 0..ATTEMPTS {
        let (row, status) = match shared.store.row(&id).await? {
            Some(mut row) => {
                row.set_device(device.clone());
                (row, Http::OK)
            }
            None => (Row::new(&id, device.clone()), Http::CREATED),
        };
        match shared.commit(row, Updates::default(), None).await {
            Ok(row) => return Ok((status, Json(row.view())).into_response()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::Contention)
}

/// `POST /devices/{id}/operations`: queues an operation, once per `Idempotency-Key`.
async fn post_operation(
    Shares(shared): Shares<Arc<Shared>>,
    id: Id,
    headers: HeaderMap,
    octets: Octets,
) -> Result<Response, Problem> {
    let Path(device) = id?;
    let key = match headers.get("idempotency-key") {
        Some(key) => {
            let key = key.to_str().map_err(|_| Problem::KeyTooLong)?;
            if !(1..=255).contains(&key.len()) {
                return Err(Problem::KeyTooLong);
            }
            Some(key.to_owned())
        }
        None => None,
    };
    let request: OperationRequest = body(&headers, octets, OPERATION_LIMIT)?;
    // The same request, however its JSON was written.
    let digest: [u8; 32] = Sha256::digest(json!(request).to_string().as_bytes()).into();
    for _ in 0..ATTEMPTS {
        let Some(mut row) = shared.store.row(&device).await? else {
            return Err(Problem::NotFound("device"));
        };
        if let Some(key) = &key
            && let Some(used) = shared.store.key(&device, key).await?
        {
            if used.digest != digest {
                return Err(Problem::KeyReused);
            }
            let record = record(&shared, &used.operation).await?;
            return Ok(Json(record.view(record.last())).into_response());
        }
        let id = identifier()?;
        let operation = request.build(&row.device, &id);
        let operation = operation.map_err(Problem::Request)?;
        let deadline = request.deadline().map_err(Problem::Request)?;
        let mut desk = FrontDesk {
            policy: &shared.policy,
            request: &request,
        };
        let admitted = row.admit(&id, deadline, request.behalf(), operation, &mut desk);
        let number = admitted.map_err(|refusal| {
            shared.log(format_args!(
                "{} on {device:?} is refused: {refusal}",
                request.verb()
            ));
            Problem::Refused(refusal, shared.policy.max_open)
        })?;
        let mut updates = Updates::default();
        let asked = Record::new(id.clone(), &device, number, &request, deadline, now());
        updates.add(asked);
        updates.settle(&mut row, number);
        updates.expire(&mut row, now());
        let key = key.clone().map(|key| Key {
            key,
            digest,
            operation: id.clone(),
        });
        match shared.commit(row, updates, key).await {
            Ok(_) => {
                let location = [(header::LOCATION, format!("/operations/{id}"))];
                let record = record(&shared, &id).await?;
                let view = record.view(record.last());
                return Ok((Http::CREATED, location, Json(view)).into_response());
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::Contention)
}

async fn record(shared: &Shared, id: &str) -> Result<Record, Problem> {
    let record = shared.store.record(id).await?;
    record.ok_or(Problem::NotFound("operation"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestsPage {
    #[serde(default)]
    after: u64,
}

/// `GET /devices/{id}/requests`: what the device has asked for and how it was answered, oldest first;
/// `?after=` goes on behind a number.
async fn requests(
    Shares(shared): Shares<Arc<Shared>>,
    id: Id,
    page: Result<Query<RequestsPage>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let Query(page) = page.map_err(|error| Problem::Query(error.body_text()))?;
    if shared.store.row(&id).await?.is_none() {
        return Err(Problem::NotFound("device"));
    }
    let requests = shared.store.requests(&id, page.after, PAGE).await?;
    let views: Vec<Value> = requests.iter().map(Asked::view).collect();
    Ok(Json(json!({ "requests": views })).into_response())
}

/// `GET /operations/{id}`
async fn operation(Shares(shared): Shares<Arc<Shared>>, id: Id) -> Result<Response, Problem> {
    let Path(id) = id?;
    let record = record(&shared, &id).await?;
    Ok(Json(record.view(record.last())).into_response())
}

/// `DELETE /operations/{id}`: cancels it while nothing that changes the device was sent.
async fn cancel(Shares(shared): Shares<Arc<Shared>>, id: Id) -> Result<Response, Problem> {
    let Path(id) = id?;
    for _ in 0..ATTEMPTS {
        let found = record(&shared, &id).await?;
        let state = found.state();
        if state.as_str() == "cancelled" {
            return Ok(Json(found.view(found.last())).into_response());
        }
        let too_late = Problem::TooLate(state.as_str());
        if state.is_final() {
            return Err(too_late);
        }
        let Some(mut row) = shared.store.row(&found.device).await? else {
            return Err(Problem::NotFound("device"));
        };
        if !row.queue.cancel(found.number) {
            return Err(too_late);
        }
        let mut updates = Updates::default();
        updates.finish(&mut row, found.number);
        match shared.commit(row, updates, None).await {
            Ok(_) => {
                let record = record(&shared, &id).await?;
                return Ok(Json(record.view(record.last())).into_response());
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::Contention)
}

/// `GET /operations/{id}/events`: every change of state as a server-sent event, until the final one.
/// `Last-Event-ID` goes on behind what was seen.
async fn events(
    Shares(shared): Shares<Arc<Shared>>,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    record(&shared, &id).await?;
    let seen = headers.get("last-event-id");
    let seen = seen.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let watcher = Watcher {
        commits: shared.commits.subscribe(),
        shared,
        id,
        seen: seen.unwrap_or(0),
        waiting: VecDeque::new(),
        looked: false,
        over: false,
    };
    let stream = stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let events = Sse::new(stream).keep_alive(KeepAlive::default());
    Ok(events.into_response())
}

/// Follows one operation.
struct Watcher {
    shared: Arc<Shared>,
    commits: tokio::sync::watch::Receiver<u64>,
    id: String,
    seen: u64,
    waiting: VecDeque<sse::Event>,
    looked: bool,
    over: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.looked {
                tokio::select! {
                    changed = self.commits.changed() => changed.ok()?,
                    () = self.shared.ended() => return None,
                }
            }
            self.looked = true;
            let record = self.shared.store.record(&self.id).await.ok()??;
            self.over = record.state().is_final();
            for (number, event) in record.events().filter(|(number, _)| *number > self.seen) {
                let data = record.view(event).to_string();
                let event = sse::Event::default().event("state");
                self.waiting
                    .push_back(event.id(number.to_string()).data(data));
            }
            self.seen = record
                .events()
                .map(|(number, _)| number)
                .last()?
                .max(self.seen);
        }
    }
}

/// The largest body of a request in octets.
const BODY_LIMIT: usize = 64 << 10;

/// That of one for an operation, which may bring a package: as large as an object that a device takes by
/// default, in Base64.
const OPERATION_LIMIT: usize = 3 << 19;

/// The most devices in one answer.
const PAGE: usize = 1000;

/// How often a request is tried when others change the device's row at the same time.
const ATTEMPTS: u32 = 32;
