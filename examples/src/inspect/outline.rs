//! The outline: a message as people read it, without its secrets.

use core::fmt::Write as _;

use dm_proto::{
    Data, MsgId, Piece,
    codec::{Document, DocumentOptions},
    message::{Alert, Chal, Command, Item, Location, Meta, Results, Status, SyncHdr, SyncMl},
};

use super::document::write_outline;

/// A message as indented lines: header, commands, end of the package. Control characters are escaped;
/// credentials, nonces and the values of nodes that hold passwords show as `(secret)`.
pub fn outline(message: &SyncMl) -> String {
    let mut out = Outline(String::new());
    out.header(&message.header);
    let mut open = vec![message.commands.iter()];
    while let Some(level) = open.last_mut() {
        let Some(command) = level.next() else {
            open.pop();
            continue;
        };
        let indent = open.len();
        out.line(indent, &format!("{} {}", id(command), summary(command)));
        out.details(indent.saturating_add(1), command);
        // Not recursive, although the codec's limits bound the depth.
        open.push(command.children().iter());
    }
    out.line(
        1,
        if message.is_final {
            "Final"
        } else {
            "(the package goes on in the next message)"
        },
    );
    out.0
}

/// A command in one line, without its identifier: its name and what tells it from others of that name.
pub fn summary(command: &Command) -> String {
    let name = command.name();
    match command {
        Command::Alert(alert) => alert_summary(alert),
        Command::Status(status) => status_summary(status),
        Command::Results(results) => {
            let Results {
                msg_ref, cmd_ref, ..
            } = results;
            let message = msg_ref.as_ref().map_or("1", MsgId::as_str);
            let sources = results.items.iter().filter_map(Item::source_uri);
            format!(
                "Results for {} of message {}{}",
                shown(cmd_ref.as_str()),
                shown(message),
                list(sources.map(|uri| uri.as_str()))
            )
        }
        Command::Exec(exec) => {
            let mut line = format!("Exec{}", list(targets(&exec.items)));
            if let Some(correlator) = &exec.correlator {
                let _ = write!(line, " correlator {:?}", correlator.as_str());
            }
            line
        }
        Command::Atomic(atomic) => format!("Atomic of {}", atomic.commands.len()),
        Command::Sequence(sequence) => format!("Sequence of {}", sequence.commands.len()),
        Command::Unsupported(_) => format!("{} (not used in DM)", shown(name.as_str())),
        _ => format!("{}{}", shown(name.as_str()), list(targets(command.items()))),
    }
}

fn alert_summary(alert: &Alert) -> String {
    let mut line = match alert.code {
        Some(code) => format!("Alert {code:?}"),
        None => String::from("Alert without code"),
    };
    let meta = alert.items.iter().find_map(|item| item.meta.as_deref());
    if let Some(type_) = meta.and_then(|meta| meta.type_.as_ref()) {
        let _ = write!(line, " {}", shown(type_));
    }
    if let Some(correlator) = &alert.correlator {
        let _ = write!(line, " correlator {:?}", correlator.as_str());
    }
    line
}

fn status_summary(status: &Status) -> String {
    let mut line = format!(
        "Status {:?} for {}",
        status.data,
        shown(status.cmd.as_str())
    );
    if status.cmd_ref != "0" {
        let _ = write!(line, " {}", shown(status.cmd_ref.as_str()));
    }
    let _ = write!(line, " of message {}", shown(status.msg_ref.as_str()));
    let refs = status.target_refs.iter().chain(&status.source_refs);
    line.push_str(&list(refs.map(|text| text.as_str())));
    line
}

struct Outline(String);

impl Outline {
    fn line(&mut self, indent: usize, text: &str) {
        for _ in 0..indent {
            self.0.push_str("  ");
        }
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn header(&mut self, header: &SyncHdr) {
        let SyncHdr {
            session_id, msg_id, ..
        } = header;
        let versions = (header.ver_proto.as_str(), header.ver_dtd.as_str());
        let mut line = format!(
            "message {} of session {}",
            shown(msg_id.as_str()),
            shown(session_id.as_str())
        );
        if versions != ("DM/1.2", "1.2") {
            let (proto, dtd) = versions;
            let _ = write!(line, " ({}, DTD {})", shown(proto), shown(dtd));
        }
        self.line(0, &line);
        self.line(
            1,
            &format!("{} -> {}", place(&header.source), place(&header.target)),
        );
        if let Some(uri) = &header.resp_uri {
            self.line(1, &format!("answer to {}", shown(uri)));
        }
        if let Some(cred) = &header.cred {
            let type_ = cred.meta.as_ref().and_then(|meta| meta.type_.as_ref());
            let type_ = type_.map_or("of unknown type", |text| text.as_str());
            self.line(1, &format!("credentials {}: (secret)", shown(type_)));
        }
        if let Some(meta) = &header.meta {
            self.meta(1, meta);
        }
        if !header.extra.is_empty() {
            self.line(1, "(unknown elements or attributes)");
        }
    }

    fn details(&mut self, indent: usize, command: &Command) {
        let meta = match command {
            Command::Add(command) => command.meta.as_deref(),
            Command::Atomic(command) => command.meta.as_deref(),
            Command::Copy(command) => command.meta.as_deref(),
            Command::Delete(command) => command.meta.as_deref(),
            Command::Exec(command) => command.meta.as_deref(),
            Command::Get(command) => command.meta.as_deref(),
            Command::Replace(command) => command.meta.as_deref(),
            Command::Results(command) => command.meta.as_deref(),
            Command::Sequence(command) => command.meta.as_deref(),
            Command::Alert(_) | Command::Status(_) | Command::Unsupported(_) => None,
            _ => None,
        };
        if let Some(meta) = meta {
            self.meta(indent, meta);
        }
        if let Command::Status(Status {
            chal: Some(chal), ..
        }) = command
        {
            self.challenge(indent, chal);
        }
        for item in command.items() {
            // The summary has named it already.
            let named = command.items().len() <= SUMMARY_NAMES && is_bare(item);
            if !named || matches!(command, Command::Alert(_) | Command::Status(_)) {
                self.item(indent, item, meta);
            }
        }
        if let Command::Unsupported(command) = command {
            let count = command.element.pieces().len();
            self.line(indent, &format!("({count} pieces of markup)"));
        }
    }

    fn challenge(&mut self, indent: usize, chal: &Chal) {
        let type_ = chal.meta.type_.as_ref().map_or("?", |text| text.as_str());
        let nonce = match chal.meta.next_nonce {
            Some(_) => ", next nonce (secret)",
            None => "",
        };
        self.line(indent, &format!("challenge {}{nonce}", shown(type_)));
    }

    fn item(&mut self, indent: usize, item: &Item, meta: Option<&Meta>) {
        // A document of another type is shown below.
        let (document, broken) = match Document::in_item(item, meta, &DocumentOptions::default()) {
            Ok(document) => (document, None),
            Err(error) => (None, Some(error)),
        };
        let mut line = String::new();
        match (&item.target, &item.source) {
            (Some(target), None) => line.push_str(&place(target)),
            (None, Some(source)) => line.push_str(&place(source)),
            (Some(target), Some(source)) => {
                let _ = write!(line, "{} -> {}", place(source), place(target));
            }
            (None, None) => {}
        }
        if let Some(data) = &item.data {
            if !line.is_empty() {
                line.push(' ');
            }
            let secret = [&item.target, &item.source]
                .into_iter()
                .flatten()
                .any(|location| is_secret(location.loc_uri.as_str()));
            let value = match &document {
                _ if secret => String::from("(secret)"),
                Some(document) => format!("({} document)", document.document_type()),
                // Not as text: what would be hidden in a document cannot be told from the rest.
                None => match (&broken, data.to_bytes()) {
                    (Some(error), Some(octets)) => format!(
                        "({} octets, not the document they should be: {})",
                        octets.len(),
                        shown(&error.to_string())
                    ),
                    _ => value(data),
                },
            };
            let _ = write!(line, "= {value}");
        }
        if item.more_data {
            line.push_str(" (more follows)");
        }
        let meta = item.meta.as_deref().map(meta_words).unwrap_or_default();
        if !meta.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            let _ = write!(line, "[{meta}]");
        }
        if line.is_empty() {
            line.push_str("(empty item)");
        }
        self.line(indent, &line);
        if let Some(document) = document {
            write_outline(&mut self.0, indent.saturating_add(1), &document);
        }
    }

    fn meta(&mut self, indent: usize, meta: &Meta) {
        let words = meta_words(meta);
        if !words.is_empty() {
            self.line(indent, &format!("[{words}]"));
        }
    }
}

/// What a `Meta` says, in words; nonces as `(secret)`.
fn meta_words(meta: &Meta) -> String {
    let mut words = Vec::new();
    let named = [
        ("format", &meta.format),
        ("type", &meta.type_),
        ("mark", &meta.mark),
        ("version", &meta.version),
    ];
    for (name, text) in named {
        if let Some(text) = text {
            words.push(format!("{name} {}", shown(text)));
        }
    }
    let sizes = [
        ("size", meta.size),
        ("MaxMsgSize", meta.max_msg_size),
        ("MaxObjSize", meta.max_obj_size),
    ];
    for (name, size) in sizes {
        if let Some(size) = size {
            words.push(format!("{name} {size}"));
        }
    }
    if meta.next_nonce.is_some() {
        words.push(String::from("next nonce (secret)"));
    }
    words.join(", ")
}

/// Whether an item is nothing but one address.
fn is_bare(item: &Item) -> bool {
    let ((Some(address), None) | (None, Some(address))) = (&item.target, &item.source) else {
        return false;
    };
    item.data.is_none() && item.meta.is_none() && !item.more_data && address.loc_name.is_none()
}

/// How many addresses a summary names.
const SUMMARY_NAMES: usize = 3;

fn id(command: &Command) -> String {
    match command.cmd_id().as_str() {
        "" => String::from("-"),
        id => shown(id),
    }
}

fn place(location: &Location) -> String {
    let uri = shown(location.loc_uri.as_str());
    match &location.loc_name {
        Some(name) => format!("{uri} ({})", shown(name)),
        None => uri,
    }
}

fn targets(items: &[Item]) -> impl Iterator<Item = &str> {
    items
        .iter()
        .filter_map(Item::target_uri)
        .map(|uri| uri.as_str())
}

/// Up to [`SUMMARY_NAMES`] names, each behind a space, and how many more there are.
fn list<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for name in names.by_ref().take(SUMMARY_NAMES) {
        let _ = write!(out, " {}", shown(name));
    }
    let more = names.count();
    if more > 0 {
        let _ = write!(out, " and {more} more");
    }
    out
}

/// Text of the peer's, with control characters escaped, so that it cannot drive a terminal.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return String::from("\"\"");
    }
    text.chars()
        .flat_map(|c| {
            // `escape_debug` also escapes quotes, which need none here.
            let escape = crate::printable::steers(c);
            let escaped = escape.then(|| c.escape_debug());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn value(data: &Data) -> String {
    if let Some(text) = data.as_str() {
        return abbreviated(text);
    }
    if let Some(octets) = data.as_bytes() {
        return format!("({} octets)", octets.len());
    }
    let root = data
        .as_markup()
        .and_then(|fragment| fragment.pieces().first());
    match root {
        Some(Piece::Start(name)) => format!("<{}> ...", shown(&name.local)),
        _ => String::from("(markup)"),
    }
}

/// Text in quotes, its end cut off where it is long.
pub(super) fn abbreviated(text: &str) -> String {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => {
            let head = text.get(..at).unwrap_or_default();
            format!("{head:?}... ({} octets)", text.len())
        }
        None => format!("{text:?}"),
    }
}

/// Whether the node at `uri` holds a password or nonce: the leaves of DMAcc (OMA-TS-DM_StdObj) and those
/// of DM 1.1 accounts.
pub(super) fn is_secret(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    matches!(
        name,
        "AAuthSecret" | "AAuthData" | "ClientPW" | "ServerPW" | "ClientNonce" | "ServerNonce"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dm_proto::{
        AlertCode, StatusCode,
        message::{CommandName, Cred, Exec, Replace, Sequence},
    };

    use super::*;

    fn message() -> SyncMl {
        SyncMl {
            header: SyncHdr {
                ver_dtd: "1.2".into(),
                ver_proto: "DM/1.2".into(),
                session_id: "1A".into(),
                msg_id: 2.into(),
                target: "http://dm.example".into(),
                source: Location {
                    loc_name: Some("phone".into()),
                    ..Location::from("IMEI:1")
                },
                cred: Some(Box::new(Cred {
                    meta: Some(Arc::new(Meta::of_type("syncml:auth-md5"))),
                    data: "hidden".into(),
                    ..Cred::default()
                })),
                ..SyncHdr::default()
            },
            commands: vec![
                Status {
                    cmd_id: 1.into(),
                    msg_ref: 1.into(),
                    cmd_ref: "0".into(),
                    cmd: CommandName::SYNC_HDR,
                    data: StatusCode::AUTHENTICATION_ACCEPTED,
                    ..Status::default()
                }
                .into(),
                Sequence {
                    cmd_id: 2.into(),
                    commands: vec![
                        Alert {
                            cmd_id: 3.into(),
                            code: Some(AlertCode::CONFIRM_OR_REJECT),
                            items: vec![Item::default().with_data("Erase\u{1b}[2J?")],
                            ..Alert::default()
                        }
                        .into(),
                        Exec {
                            cmd_id: 4.into(),
                            correlator: Some("op 1".into()),
                            items: vec![Item::for_target("./LAWMO/Operations/Wipe")],
                            ..Exec::default()
                        }
                        .into(),
                    ],
                    ..Sequence::default()
                }
                .into(),
                Replace {
                    cmd_id: 5.into(),
                    items: vec![
                        Item::for_target("./DMAcc/x/AppAuth/c/AAuthSecret").with_data("hidden"),
                    ],
                    ..Replace::default()
                }
                .into(),
            ],
            is_final: true,
            ..SyncMl::default()
        }
    }

    #[test]
    fn an_outline_shows_who_says_what_and_hides_secrets_and_control_characters() {
        let expected = r#"message 2 of session 1A
  IMEI:1 (phone) -> http://dm.example
  credentials syncml:auth-md5: (secret)
  1 Status 212 authentication accepted for SyncHdr of message 1
  2 Sequence of 2
    3 Alert 1101 confirm or reject
      = "Erase\u{1b}[2J?"
    4 Exec ./LAWMO/Operations/Wipe correlator "op 1"
  5 Replace ./DMAcc/x/AppAuth/c/AAuthSecret
    ./DMAcc/x/AppAuth/c/AAuthSecret = (secret)
  Final
"#;
        assert_eq!(outline(&message()), expected);
    }
}
