//! [`Trace`]: what was seen of a flow, and what it says.

use std::sync::{Arc, Mutex, PoisonError};

use dm_proto::{
    AlertCode, StatusCode,
    codec::Encoding,
    message::{Alert, Command, Item, SyncMl},
};

/// Who takes part in a flow, in the order in which they are drawn.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the architecture documents' list")]
pub enum Actor {
    /// The external management infrastructure.
    Emi,
    /// The DM server.
    Server,
    /// The device.
    Device,
    /// Its user.
    User,
    /// The web server that has the packages.
    Packages,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Emi,
        Self::Server,
        Self::Device,
        Self::User,
        Self::Packages,
    ];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emi => "EMI",
            Self::Server => "Server",
            Self::Device => "Device",
            Self::User => "User",
            Self::Packages => "Packages",
        }
    }
}

/// Something that one told another.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Arrow {
    /// Who.
    pub from: Actor,
    /// Whom.
    pub to: Actor,
    /// What, in a few words.
    pub title: String,
    /// What exactly: a line per command.
    pub details: Vec<String>,
}

/// A line of a flow.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Line {
    /// Something that one told another.
    Arrow(Arrow),
    /// Something that happened to one.
    Note(Actor, String),
}

/// A message as it was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message, decoded.
    pub message: SyncMl,
    /// Its encoding.
    pub encoding: Encoding,
    /// Its octets.
    pub octets: bytes::Bytes,
}

/// What is being seen. Clones see into the same.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    lines: Vec<Line>,
    messages: Vec<Sent>,
    session: Session,
}

/// Which package a message belongs to. OMA-TS-DM_Protocol, packages: 1 and 2 set a session up, 3 and 4
/// follow each other until it ends.
#[derive(Debug, Default)]
struct Session {
    id: Option<dm_proto::SessionId>,
    /// Whether the server has taken package 1: it challenges first if it does not know the nonce.
    is_set_up: bool,
}

impl Trace {
    fn see(&self, see: impl FnOnce(&mut Seen)) {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes the lines since the last call.
    pub fn take(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.see(|seen| lines = core::mem::take(&mut seen.lines));
        lines
    }

    /// How often one said this since the lines were taken, by itself or in a message.
    pub fn said(&self, by: Actor, what: &str) -> usize {
        let mut times = 0;
        self.see(|seen| {
            let lines = seen.lines.iter();
            times = lines
                .filter_map(|line| match line {
                    Line::Arrow(arrow) if arrow.from == by => Some(arrow),
                    Line::Arrow(_) | Line::Note(..) => None,
                })
                .flat_map(|arrow| core::iter::once(&arrow.title).chain(&arrow.details))
                .filter(|line| line.contains(what))
                .count();
        });
        times
    }

    /// All messages since the beginning.
    pub fn messages(&self) -> Vec<Sent> {
        let mut messages = Vec::new();
        self.see(|seen| messages.clone_from(&seen.messages));
        messages
    }

    /// One told another.
    pub fn arrow(&self, from: Actor, to: Actor, title: impl Into<String>) {
        self.see(|seen| {
            seen.lines.push(Line::Arrow(Arrow {
                from,
                to,
                title: title.into(),
                details: Vec::new(),
            }));
        });
    }

    /// Something happened to one.
    pub fn note(&self, actor: Actor, note: impl Into<String>) {
        self.see(|seen| seen.lines.push(Line::Note(actor, note.into())));
    }

    /// A message passed the server.
    pub fn message(&self, from: Actor, to: Actor, sent: Sent) {
        self.see(|seen| {
            let package = seen.session.package(from, &sent.message);
            let mut details = Vec::new();
            for command in &sent.message.commands {
                describe(command, 0, &mut details);
            }
            if !sent.message.is_final {
                details.push("(the package goes on)".to_owned());
            }
            seen.lines.push(Line::Arrow(Arrow {
                from,
                to,
                title: format!(
                    "package {package}, message {} ({} octets of {})",
                    sent.message.header.msg_id,
                    sent.octets.len(),
                    sent.encoding,
                ),
                details,
            }));
            seen.messages.push(sent);
        });
    }
}

impl Session {
    fn package(&mut self, from: Actor, message: &SyncMl) -> u8 {
        let id = &message.header.session_id;
        if self.id.as_ref() != Some(id) {
            self.id = Some(id.clone());
            self.is_set_up = false;
        }
        if from == Actor::Device {
            return if self.is_set_up { 3 } else { 1 };
        }
        if self.is_set_up {
            return 4;
        }
        self.is_set_up = message.commands.iter().any(|command| {
            matches!(command, Command::Status(status)
                if status.cmd.as_str() == "SyncHdr" && status.data.is_success())
        });
        2
    }
}

/// Says what a command is, a line for itself and one for each inside it.
fn describe(command: &Command, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut more = Vec::new();
    let text = match command {
        Command::Alert(alert) => {
            more = alert_items(alert);
            alert_text(alert)
        }
        Command::Status(status) => {
            let of = status
                .target_refs
                .first()
                .or_else(|| status.source_refs.first())
                .map(|uri| uri.as_str());
            let is_header = status.cmd.as_str() == "SyncHdr";
            let place = match of {
                Some(uri) if !is_header => format!(" {uri}"),
                _ => String::new(),
            };
            let challenge = if status.chal.is_some() && !status.data.is_success() {
                ", with a challenge"
            } else {
                ""
            };
            format!(
                "Status of {}{place}: {}{challenge}",
                status.cmd,
                code_text(status.data, of.unwrap_or_default())
            )
        }
        Command::Exec(exec) => {
            let correlator = exec
                .correlator
                .as_ref()
                .map(|correlator| format!(" (correlator {correlator})"))
                .unwrap_or_default();
            let mut items = exec.items.iter().map(item_text);
            let first = items.next().unwrap_or_default();
            more = items.collect();
            format!("Exec {first}{correlator}")
        }
        other => {
            let mut items = other.items().iter().map(item_text);
            let first = items.next().unwrap_or_default();
            more = items.collect();
            format!("{} {first}", other.name())
        }
    };
    lines.push(format!("{indent}{}", text.trim_end()));
    lines.extend(more.into_iter().map(|more| format!("{indent}    {more}")));
    // Containers do not nest deeper than the codec's limit on depth allows.
    for child in command.children() {
        describe(child, depth.saturating_add(1), lines);
    }
}

fn alert_text(alert: &Alert) -> String {
    let Some(code) = alert.code else {
        return "Alert".to_owned();
    };
    let name = code.name().unwrap_or_default();
    if code.is_user_interaction() {
        let text = alert.items.get(1).and_then(|item| item.data.as_ref());
        let text = text.and_then(|text| text.as_str()).unwrap_or_default();
        return format!("Alert {code} {name}: {text:?}");
    }
    if code != AlertCode::GENERIC_ALERT {
        return format!("Alert {code} {name}");
    }
    let correlator = alert
        .correlator
        .as_ref()
        .map(|correlator| format!(" (correlator {correlator})"))
        .unwrap_or_default();
    format!("Alert {code} {name}{correlator}")
}

/// What a generic alert tells, a line for each item.
fn alert_items(alert: &Alert) -> Vec<String> {
    if alert.code != Some(AlertCode::GENERIC_ALERT) {
        return Vec::new();
    }
    let text = |item: &Item| {
        let source = item
            .source_uri()
            .map(|uri| uri.as_str())
            .unwrap_or_default();
        let type_ = item.meta.as_ref().and_then(|meta| meta.type_.as_ref());
        let type_ = type_.map(|type_| type_.as_str()).unwrap_or_default();
        let target = item.target_uri().map(|uri| format!(" -> {uri}"));
        let target = target.unwrap_or_default();
        [
            type_.to_owned(),
            format!("  {source}{target} = {}", report_text(item, source)),
        ]
    };
    alert.items.iter().flat_map(text).collect()
}

/// The data of a report: a result code with its name, bare or among elements.
fn report_text(item: &Item, source: &str) -> String {
    let data = item.data.as_ref().and_then(|data| data.as_str());
    let data = data.unwrap_or_default();
    match data.trim().parse() {
        Ok(code) => code_text(StatusCode::new(code), source),
        Err(_) => data.to_owned(),
    }
}

fn code_text(code: StatusCode, uri: &str) -> String {
    let number = code.as_u16();
    let name = if code.is_result_code() && uri.contains("/SCOMO/") {
        scomo::ResultCode::new(number).name()
    } else if code.is_result_code() {
        lawmo::ResultCode::new(number).name()
    } else {
        code.name()
    };
    match name {
        Some(name) => format!("{number} {name}"),
        None => number.to_string(),
    }
}

fn item_text(item: &Item) -> String {
    let uri = item.target_uri().or_else(|| item.source_uri());
    let uri = uri.map(|uri| uri.as_str()).unwrap_or_default();
    match &item.data {
        Some(data) => match data.as_str() {
            Some("") => uri.to_owned(),
            Some(text) => format!("{uri} = {}", shorten(text)),
            None => {
                let octets = data.as_bytes().map_or(0, <[u8]>::len);
                format!("{uri} = {octets} octets")
            }
        },
        None => uri.to_owned(),
    }
}

fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}…")
}
