//! Measures the codec beside its peers: same messages, interleaved in one process, ratios of medians.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` (`-- --test` runs each once).

mod libwbxml;

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use dm_proto::{
    codec::{self, DecodeOptions, Encoding},
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

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") {
        1
    } else {
        61
    };
    println!("| work | input | ours ns | peer ns | peer / ours |\n|---|---|---:|---:|---:|");
    for input in dm_benches::codec_inputs() {
        compare(rounds, input.name, &input.message);
    }
}

fn compare(rounds: usize, name: &str, message: &SyncMl) {
    let wbxml = codec::encode(Encoding::Wbxml, message).expect("an input encodes");
    let xml = codec::encode(Encoding::Xml, message).expect("an input encodes");
    let options = DecodeOptions::default();
    let row = |work: &str, (ours, peer): (f64, f64)| {
        println!(
            "| {work} | {name} | {ours:.0} | {peer:.0} | {:.1} |",
            peer / ours
        );
    };
    let decode = |encoding, octets: &Bytes| {
        black_box(codec::decode(encoding, black_box(octets), &options).expect("an input decodes"));
    };

    row(
        "wbxml decode, libwbxml's tree",
        interleaved(
            rounds,
            || decode(Encoding::Wbxml, &wbxml),
            || drop(libwbxml::Tree::from_wbxml(&wbxml)),
        ),
    );
    let tree = libwbxml::Tree::from_wbxml(&wbxml);
    row(
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
    row(
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
