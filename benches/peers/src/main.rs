//! Measures the codec beside its peers: same messages, interleaved in one process, ratios of medians.
//!
//! The floor is what no codec gets below, whatever it does: the memory of the model and a look at each
//! octet in decoding, one look at each octet and one copy of what is written in encoding and converting.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` (`-- --test` runs each once,
//! `-- package` one input only).

mod libwbxml;

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use dm_proto::{
    codec::{self, DecodeOptions, EncodeOptions, Encoding},
    message::SyncMl,
};
use quick_xml::{NsReader, Reader, events::Event};

/// Times both in turns and returns the medians in nanoseconds.
fn interleaved(rounds: usize, mut ours: impl FnMut(), mut peer: impl FnMut()) -> (f64, f64) {
    fn batch(work: &mut impl FnMut()) -> u32 {
        let start = Instant::now();
        work();
        let once = start.elapsed().as_nanos().max(1);
        u32::try_from((2_000_000 / once).clamp(1, 10_000)).unwrap_or(1)
    }

    fn time(work: &mut impl FnMut(), times: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..times {
            work();
        }
        start.elapsed().as_nanos() as f64 / f64::from(times)
    }
    let (our_batch, peer_batch) = (batch(&mut ours), batch(&mut peer));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(time(&mut ours, our_batch));
        b.push(time(&mut peer, peer_batch));
    }
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    (a[a.len() / 2], b[b.len() / 2])
}

/// The median of a bound from below, in nanoseconds.
fn floor(rounds: usize, work: impl FnMut()) -> f64 {
    interleaved(rounds, work, || ()).0
}

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") {
        1
    } else {
        61
    };
    println!(
        "| work | input | ours ns | peer ns | peer / ours | floor ns | peer / floor |\n\
         |---|---|---:|---:|---:|---:|---:|"
    );
    let chosen = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    for input in dm_benches::codec_inputs() {
        if chosen.as_deref().is_some_and(|chosen| chosen != input.name) {
            continue;
        }
        compare(rounds, input.name, &input.message);
    }
}

fn compare(rounds: usize, name: &str, message: &SyncMl) {
    let wbxml = codec::encode(Encoding::Wbxml, message).expect("an input encodes");
    let xml = codec::encode(Encoding::Xml, message).expect("an input encodes");
    let options = DecodeOptions::default();
    let row = |work: &str, (ours, peer): (f64, f64)| {
        println!(
            "| {work} | {name} | {ours:.0} | {peer:.0} | {:.1} | | |",
            peer / ours
        );
    };
    let bounded = |work: &str, (ours, peer): (f64, f64), floor: f64| {
        println!(
            "| {work} | {name} | {ours:.0} | {peer:.0} | {:.1} | {floor:.0} | {:.1} |",
            peer / ours,
            peer / floor
        );
    };
    let decode = |encoding, octets: &Bytes| {
        black_box(codec::decode(encoding, black_box(octets), &options).expect("an input decodes"));
    };

    let is_text = |octets: &[u8]| {
        black_box(simdutf8::basic::from_utf8(black_box(octets)).is_ok());
    };
    bounded(
        "wbxml decode, libwbxml's tree",
        interleaved(
            rounds,
            || decode(Encoding::Wbxml, &wbxml),
            || drop(libwbxml::Tree::from_wbxml(&wbxml)),
        ),
        // A model has its memory, its text is UTF-8, and a string ends at a NUL.
        floor(rounds, || {
            is_text(&wbxml);
            black_box(memchr::memchr(0xFF, black_box(&wbxml)));
            drop(black_box(black_box(message).clone()));
        }),
    );
    let tree = libwbxml::Tree::from_wbxml(&wbxml);
    bounded(
        "wbxml encode, libwbxml's from its tree",
        interleaved(
            rounds,
            || {
                drop(black_box(
                    codec::encode(Encoding::Wbxml, black_box(message)).expect("an input encodes"),
                ))
            },
            || {
                black_box(tree.to_wbxml(false));
            },
        ),
        // A string with a NUL goes another way, and the octets have to be written.
        floor(rounds, || {
            black_box(memchr::memchr(0xFF, black_box(&wbxml)));
            drop(black_box(wbxml.to_vec()));
        }),
    );
    let table = EncodeOptions::default().with_string_table(true);
    let shared = || {
        codec::encode_with(Encoding::Wbxml, black_box(message), &table).expect("an input encodes")
    };
    let (our_size, peer_size) = (shared().len(), tree.to_wbxml(true));
    assert!(
        our_size * 100 <= peer_size * 105,
        "{our_size} octets, libwbxml {peer_size}"
    );
    // libwbxml takes two seconds for the largest.
    row(
        &format!("wbxml encode with string table ({our_size} octets, libwbxml {peer_size})"),
        interleaved(
            if name == "inventory" { 1 } else { rounds },
            || drop(black_box(shared())),
            || {
                black_box(tree.to_wbxml(true));
            },
        ),
    );
    row(
        "wbxml to xml by the model, libwbxml's conversion",
        interleaved(
            rounds,
            || {
                let decoded =
                    codec::decode(Encoding::Wbxml, &wbxml, &options).expect("an input decodes");
                black_box(
                    codec::encode(Encoding::Xml, &decoded.message).expect("an input encodes"),
                );
            },
            || {
                black_box(libwbxml::wbxml_to_xml(&wbxml));
            },
        ),
    );
    let convert = codec::ConvertOptions::default();
    bounded(
        "wbxml to xml as a stream, libwbxml's conversion",
        interleaved(
            rounds,
            || {
                black_box(
                    codec::wbxml_to_xml(black_box(&wbxml), &convert).expect("an input converts"),
                );
            },
            || {
                black_box(libwbxml::wbxml_to_xml(&wbxml));
            },
        ),
        floor(rounds, || {
            is_text(&wbxml);
            drop(black_box(xml.to_vec()));
        }),
    );
    row(
        "xml to wbxml as a stream, libwbxml's conversion",
        interleaved(
            rounds,
            || {
                black_box(
                    codec::xml_to_wbxml(black_box(&xml), &convert).expect("an input converts"),
                );
            },
            || {
                black_box(libwbxml::xml_to_wbxml(&xml));
            },
        ),
    );
    row(
        "xml decode, NsReader that resolves and unescapes",
        interleaved(
            rounds,
            || decode(Encoding::Xml, &xml),
            || {
                black_box(ns_reader(&xml));
            },
        ),
    );
    row(
        "xml decode, bare Reader",
        interleaved(
            rounds,
            || decode(Encoding::Xml, &xml),
            || {
                black_box(bare_reader(&xml));
            },
        ),
    );
    row(
        "xml decode, quick-xml with serde derive",
        interleaved(
            rounds,
            || decode(Encoding::Xml, &xml),
            || drop(black_box(serde(&xml))),
        ),
    );
}

/// The same structure of elements as the input, for serde to derive a reader from: what a program has
/// that does without a codec.
#[expect(dead_code, reason = "read, and nothing more")]
mod derived {
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct SyncMl {
        pub sync_hdr: SyncHdr,
        pub sync_body: SyncBody,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct SyncHdr {
        #[serde(rename = "VerDTD")]
        pub ver_dtd: String,
        pub ver_proto: String,
        #[serde(rename = "SessionID")]
        pub session_id: String,
        #[serde(rename = "MsgID")]
        pub msg_id: String,
        pub target: Location,
        pub source: Location,
        pub cred: Option<Cred>,
        pub meta: Option<Meta>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Location {
        #[serde(rename = "LocURI")]
        pub loc_uri: String,
        pub loc_name: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Cred {
        pub meta: Option<Meta>,
        pub data: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Meta {
        pub format: Option<String>,
        pub r#type: Option<String>,
        pub size: Option<u64>,
        pub max_msg_size: Option<u64>,
        pub max_obj_size: Option<u64>,
    }

    #[derive(Debug, Deserialize)]
    pub struct SyncBody {
        #[serde(rename = "$value", default)]
        pub children: Vec<Child>,
    }

    #[derive(Debug, Deserialize)]
    pub enum Child {
        Add(Command),
        Alert(Command),
        Atomic(Container),
        Get(Command),
        Replace(Command),
        Results(Command),
        Sequence(Container),
        Status(Status),
        Final,
        #[serde(rename = "CmdID")]
        CmdId(String),
    }

    #[derive(Debug, Deserialize)]
    pub struct Container {
        #[serde(rename = "$value", default)]
        pub children: Vec<Child>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Command {
        #[serde(rename = "CmdID")]
        pub cmd_id: String,
        pub msg_ref: Option<String>,
        pub cmd_ref: Option<String>,
        pub meta: Option<Meta>,
        pub data: Option<String>,
        pub correlator: Option<String>,
        #[serde(rename = "Item", default)]
        pub items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Status {
        #[serde(rename = "CmdID")]
        pub cmd_id: String,
        pub msg_ref: String,
        pub cmd_ref: String,
        pub cmd: String,
        #[serde(rename = "TargetRef", default)]
        pub target_refs: Vec<String>,
        pub data: u16,
        #[serde(rename = "Item", default)]
        pub items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Item {
        pub target: Option<Location>,
        pub source: Option<Location>,
        pub meta: Option<Meta>,
        pub data: Option<String>,
    }
}

fn serde(xml: &[u8]) -> derived::SyncMl {
    let text = std::str::from_utf8(xml).expect("utf-8");
    quick_xml::de::from_str(text).expect("the structure of the inputs")
}

fn ns_reader(xml: &[u8]) -> usize {
    let mut reader = NsReader::from_str(std::str::from_utf8(xml).expect("utf-8"));
    let mut seen = 0;
    loop {
        match reader.read_resolved_event().expect("well-formed") {
            (_, Event::Eof) => return seen,
            (_, Event::GeneralRef(reference)) => {
                seen += usize::from(reference.resolve_char_ref().is_ok())
            }
            (_, Event::Text(text)) => seen += text.xml10_content().len(),
            (namespace, Event::Start(_)) => {
                black_box(namespace);
                seen += 1;
            }
            _ => seen += 1,
        }
    }
}

fn bare_reader(xml: &[u8]) -> usize {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).expect("utf-8"));
    let mut seen = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => return seen,
            _ => seen += 1,
        }
    }
}
