//! What we write, the WBXML dissector of Wireshark reads token by token as our reader does: `tshark`,
//! looked up on `PATH` (Debian: `tshark`). All messages of a test go into one capture and one run.
//!
//! What is not compared: it shows 240 octets of a line at most, of opaque octets their number, and
//! control characters in a spelling of its own. Names and attributes from the string table are left
//! out on both sides.

use bytes::Bytes;
use dm_proto::{
    Name, Piece,
    codec::{DecodeOptions, Encoding, decode_fragment, encode},
    message::SyncMl,
};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{
    libwbxml,
    strategy::{Characters, message},
    tools::run,
    vectors,
};

/// A capture of HTTP answers, each a message in one segment of a connection of its own.
fn capture(messages: &[Bytes]) -> Vec<u8> {
    // Little endian, version 2.4, no limit, raw IP.
    let mut capture = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    capture.extend(0x0004_0000_u32.to_le_bytes());
    capture.extend(101_u32.to_le_bytes());
    for (port, message) in (2000_u16..).zip(messages) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            Encoding::Wbxml.media_type(),
            message.len()
        );
        let length = u16::try_from(40 + head.len() + message.len()).expect("one packet");
        // IPv4 from and to the own host, TCP from port 80, without checksums.
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 80]);
        packet.extend(port.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        packet.extend(head.bytes());
        packet.extend_from_slice(message);
        capture.extend([0; 8]);
        for _ in 0..2 {
            capture.extend(u32::from(length).to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

#[derive(Debug, PartialEq)]
enum Seen {
    Start(String),
    Text(String),
    Opaque(usize),
}

/// What was read, and whether the line was cut.
type Line = (Seen, bool);

#[derive(Debug, Default)]
struct Dissected {
    version: String,
    public_id: String,
    charset: String,
    table: usize,
    lines: Vec<Line>,
}

fn dissected(output: &str) -> Vec<Dissected> {
    let mut all = Vec::new();
    for line in output.lines() {
        if line.starts_with("WAP Binary XML") {
            all.push(Dissected::default());
        }
        let Some(current) = all.last_mut() else {
            continue;
        };
        let (is_cut, line) = match line.trim_start().strip_prefix("[truncated]") {
            Some(line) => (true, line),
            None => (false, line),
        };
        match line.trim().split_once(": ") {
            Some(("Version", value)) => current.version = value.into(),
            Some(("Public Identifier (known)", value)) => current.public_id = value.into(),
            Some(("Character Set", value)) => current.charset = value.into(),
            Some(("String table", value)) => {
                let length = value.split(' ').next().and_then(|value| value.parse().ok());
                current.table = length.expect("a number");
            }
            _ => {}
        }
        let columns: Vec<&str> = line.splitn(5, '|').collect();
        let [_, " Tag   ", _, token, shown] = columns[..] else {
            continue;
        };
        let (token, shown) = (token.trim(), shown.trim());
        let seen = if token.starts_with("Known Tag") {
            let name = shown
                .trim_start_matches('<')
                .trim_end_matches(['/', '>', ' ']);
            Seen::Start(name.into())
        } else if token.starts_with("STR_I") || token.starts_with("STR_T") {
            let text = shown.strip_prefix('\'').unwrap_or_default();
            let text = match is_cut {
                true => text,
                false => text.strip_suffix('\'').expect("quoted"),
            };
            Seen::Text(text.into())
        } else if token.starts_with("OPAQUE") {
            let digits = shown.trim_start_matches('(').split(' ').next();
            let length = digits.and_then(|digits| digits.parse().ok());
            Seen::Opaque(length.unwrap_or_default())
        } else {
            continue;
        };
        current.lines.push((seen, is_cut));
    }
    all
}

/// What our reader finds in the same octets.
fn ours(octets: &Bytes) -> Vec<Seen> {
    let fragment = decode_fragment(Encoding::Wbxml, octets, &DecodeOptions::default());
    let fragment = fragment.unwrap_or_else(|error| panic!("{error}"));
    let seen = |piece: &Piece| match piece {
        Piece::Start(name) if is_known(name) => Some(Seen::Start(name.local.to_string())),
        Piece::Text(text) => Some(Seen::Text(text.to_string())),
        Piece::Opaque(octets) => Some(Seen::Opaque(octets.len())),
        _ => None,
    };
    fragment.pieces().iter().filter_map(seen).collect()
}

/// Whether there is a token for it; the others are those that generated messages make up.
fn is_known(name: &Name) -> bool {
    let made_up = ["Foo", "bar-1", "Größe", "originalerror"];
    ["SYNCML:SYNCML1.2", "syncml:metinf"].contains(&name.namespace.as_str())
        && !made_up.contains(&name.local.as_str())
}

/// The spelling of the characters that are spelled alike; `false` if there are others behind them.
fn spelled(text: &str) -> (String, bool) {
    let mut spelled = String::new();
    for character in text.chars() {
        match character {
            '\n' => spelled += "\\n",
            '\r' => spelled += "\\r",
            '\t' => spelled += "\\t",
            '\\' | ' '..='~' | '\u{A0}'..='\u{D7FF}' => spelled.push(character),
            _ => return (spelled, false),
        }
    }
    (spelled, true)
}

fn agree(ours: &Seen, (theirs, is_cut): &Line) -> bool {
    match (ours, theirs) {
        (Seen::Text(ours), Seen::Text(theirs)) => match spelled(ours) {
            // White space at the ends of a line is lost in `trim`.
            (ours, true) if *is_cut => ours.starts_with(theirs.as_str()),
            (ours, true) => ours == *theirs,
            (start, false) => {
                theirs.starts_with(&start) || (*is_cut && start.starts_with(theirs.as_str()))
            }
        },
        (Seen::Start(ours), Seen::Start(theirs)) if *is_cut => ours.starts_with(theirs.as_str()),
        (Seen::Opaque(_), Seen::Opaque(_)) if *is_cut => true,
        (ours, theirs) => ours == theirs,
    }
}

/// Compares messages, or says that there is nothing to compare with.
pub(crate) fn compare(messages: &[Bytes]) {
    let arguments = ["-n", "-V", "-O", "wbxml", "-r"];
    let Some(output) = run("tshark", "tshark", &arguments, &capture(messages)) else {
        return;
    };
    let output = String::from_utf8_lossy(&output);
    let all = dissected(&output);
    assert_eq!(all.len(), messages.len());
    for (octets, theirs) in messages.iter().zip(&all) {
        assert_eq!(octets[0], 0x02);
        let (version_of_table, public_id) = match octets[1..3] {
            [0xA4, 0x01] => ("1.2", "0x00001201"),
            [0x9F, 0x53] => ("1.1", "0x00000fd3"),
            [0x9F, 0x51] => ("1.0", "0x00000fd1"),
            _ => panic!("another public identifier: {:02x?}", &octets[..4]),
        };
        assert_eq!(theirs.version, "1.2 (0x02)");
        assert!(theirs.public_id.contains(public_id), "{}", theirs.public_id);
        assert_eq!(octets[3], 0x6A);
        assert_eq!(theirs.charset, "UTF-8 (106)");
        let length = match octets[4..6] {
            [low, _] if low < 0x80 => usize::from(low),
            [high, low] => usize::from(high & 0x7F) << 7 | usize::from(low),
            _ => panic!("no string table"),
        };
        assert_eq!(theirs.table, length);
        let ours = ours(octets);
        for (ours, theirs) in ours.iter().zip(&theirs.lines) {
            // Its tables of SyncML 1.0 and 1.1 lack what came later; our documents are of one table.
            let is_later = version_of_table != "1.2"
                && theirs.0
                    == Seen::Start("(Requested token not defined for this content type)".into());
            assert!(
                is_later || agree(ours, theirs),
                "{ours:?}, and to tshark {theirs:?}"
            );
        }
        assert_eq!(ours.len(), theirs.lines.len());
    }
}

fn wbxml(message: &SyncMl) -> Bytes {
    encode(Encoding::Wbxml, message).expect("wbxml has a form for it")
}

#[test]
fn vectors_are_the_same_tokens_to_tshark() {
    let octets = |name: String| vectors::octets(&name, Encoding::Wbxml);
    let messages: Vec<Bytes> = vectors::names().into_iter().map(octets).collect();
    compare(&messages);
}

#[test]
fn generated_messages_are_the_same_tokens_to_tshark() {
    let messages: Vec<Bytes> = libwbxml::some(100).iter().map(wbxml).collect();
    compare(&messages);
}

#[test]
fn messages_of_every_shape_are_the_same_tokens_to_tshark() {
    let mut runner = TestRunner::deterministic();
    let strategy = message(Characters::Xml);
    let messages: Vec<Bytes> = (0..60)
        .map(|_| wbxml(&strategy.new_tree(&mut runner).expect("a message").current()))
        .filter(|octets| octets.len() < 60_000)
        .collect();
    compare(&messages);
}
