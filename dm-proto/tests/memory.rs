//! What a peer sends does not make us take more memory than the budget allows. A binary of its own whose
//! tests take turns, since the allocator counts for the whole process.

#[path = "memory/documents.rs"]
mod documents;

use std::sync::Mutex;

use bytes::Bytes;
use dm_proto::{
    DecodeError, DecodeErrorKind, Limits, StatusCode,
    auth::{Account, Credentials, Nonce},
    codec::{DecodeOptions, Encoding, decode, decode_fragment},
    session::{ClientConfig, ClientEvent, ClientSession, Headers, Received, Start, Trigger},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;

/// A WBXML message with this string table and body.
fn wbxml(table: &[u8], body: &[u8]) -> Bytes {
    let length = u32::try_from(table.len()).expect("small");
    let mut octets = vec![0x02, 0xA4, 0x01, 0x6A];
    octets.extend([
        0x80 | (length >> 21 & 0x7F) as u8,
        0x80 | (length >> 14 & 0x7F) as u8,
        0x80 | (length >> 7 & 0x7F) as u8,
        (length & 0x7F) as u8,
    ]);
    octets.extend_from_slice(table);
    // SyncML, an empty SyncHdr, SyncBody.
    octets.extend([0x6D, 0x2C, 0x6B]);
    octets.extend_from_slice(body);
    octets.extend([0x01, 0x01]);
    octets.into()
}

fn xml(body: &str) -> Bytes {
    format!("<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody>{body}</SyncBody></SyncML>")
        .into()
}

/// Pieces of one command, repeated until there is a MiB of them.
fn repeated(start: &[u8], piece: &[u8], end: &[u8]) -> Vec<u8> {
    let mut octets = start.to_vec();
    while octets.len() < MIB - 70_000 {
        octets.extend_from_slice(piece);
    }
    octets.extend_from_slice(end);
    octets
}

#[test]
fn peak_memory_stays_within_twice_the_budget() {
    let _turn = TURN.lock();
    let replace = [0x60_u8, 0x4B, 0x03, b'1', 0, 0x01];
    let table = [b'x'; 60_000];
    let in_item = [&replace[..], &[0x54, 0x4F]].concat();
    let text = |text: &str| text.repeat((MIB - 200) / text.len());
    let inputs = [
        (
            "empty items",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&replace, &[0x14], &[0x01])),
        ),
        (
            "empty adds",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&[], &[0x05], &[])),
        ),
        (
            "empty statuses",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&[], &[0x29], &[])),
        ),
        (
            "references in data",
            Encoding::Wbxml,
            wbxml(
                &table,
                &repeated(&in_item, &[0x83, 0x00], &[0x01, 0x01, 0x01]),
            ),
        ),
        (
            "references in dropped text",
            Encoding::Wbxml,
            wbxml(&table, &repeated(&replace, &[0x83, 0x00], &[0x01])),
        ),
        (
            "references in one attribute",
            Encoding::Wbxml,
            wbxml(&table, &repeated(&[0x85, 0x05], &[0x83, 0x00], &[0x01])),
        ),
        (
            "references in target references",
            Encoding::Wbxml,
            wbxml(
                &table,
                &repeated(&[0x69], &[0x6F, 0x83, 0x00, 0x01], &[0x01]),
            ),
        ),
        (
            "attributes",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&[0x85], &[0x05], &[0x01])),
        ),
        (
            "duplicates",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&replace, &[0x0B], &[0x01])),
        ),
        (
            "unknown tokens",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&[], &[0x3E], &[])),
        ),
        (
            "entities",
            Encoding::Wbxml,
            wbxml(b"", &repeated(&in_item, &[0x02, 0x41], &[0x01, 0x01, 0x01])),
        ),
        (
            "opaque parts",
            Encoding::Wbxml,
            wbxml(
                b"",
                &repeated(&in_item, &[0xC3, 0x01, 0xFF], &[0x01, 0x01, 0x01]),
            ),
        ),
        ("xml empty commands", Encoding::Xml, xml(&text("<Add/>"))),
        (
            "xml empty items",
            Encoding::Xml,
            xml(&format!("<Add>{}</Add>", text("<Item/>"))),
        ),
        (
            "xml references",
            Encoding::Xml,
            xml(&format!(
                "<Add><Item><Data>{}</Data></Item></Add>",
                text("&#65;")
            )),
        ),
        (
            "xml sections",
            Encoding::Xml,
            xml(&format!(
                "<Add><Item><Data>{}</Data></Item></Add>",
                text("<![CDATA[a]]>")
            )),
        ),
        (
            "xml attributes",
            Encoding::Xml,
            xml(&text("<Add a='' b='' c='' d='' e='' f='' g=''/>")),
        ),
        ("xml foreign elements", Encoding::Xml, xml(&text("<a/>"))),
        (
            "xml declarations",
            Encoding::Xml,
            xml(&text(
                "<Add xmlns:a='a' xmlns:b='b' xmlns:c='c' xmlns:d='d'/>",
            )),
        ),
    ];
    let mut refused = 0;
    for (name, encoding, octets) in inputs.into_iter().chain(large()).chain(hostile()) {
        for memory in [256 << 10, Limits::DEFAULT.memory] {
            let limits = Limits::DEFAULT
                .with_message_size(octets.len())
                .with_memory(memory);
            for (reading, read) in READINGS {
                ALLOCATOR.reset_peak_usage();
                let before = ALLOCATOR.current_usage();
                let result = read(encoding, &octets, &limits);
                let peak = ALLOCATOR.peak_usage().saturating_sub(before);
                assert!(
                    peak <= 2 * memory,
                    "{name}, {reading}: {peak} octets with a budget of {memory}"
                );
                let Some(error) = result else {
                    continue;
                };
                if *error.kind() == (DecodeErrorKind::TooMuchMemory { limit: memory }) {
                    refused += 1;
                } else {
                    assert!(is_refusal(error.kind()), "{name}, {reading}: {error}");
                }
            }
        }
    }
    assert!(refused > 0, "no input reached the budget");
    memory_grows_no_faster_than_the_input();
}

/// Whether that is what other limits and the grammar say of the inputs here.
fn is_refusal(kind: &DecodeErrorKind) -> bool {
    matches!(
        kind,
        DecodeErrorKind::TooDeep { .. }
            | DecodeErrorKind::TooManyAttributes { .. }
            | DecodeErrorKind::TooManyNamespaces { .. }
            | DecodeErrorKind::UnexpectedEnd
            | DecodeErrorKind::UndefinedEntity { .. }
            | DecodeErrorKind::MismatchedEnd { .. }
            | DecodeErrorKind::DuplicateAttribute { .. }
            | DecodeErrorKind::InternalSubset
            | DecodeErrorKind::LengthPastEnd { .. }
            | DecodeErrorKind::InvalidCharacter { .. }
            | DecodeErrorKind::NotSyncMl { .. }
            | DecodeErrorKind::Strict(_)
    )
}

type Reading = fn(Encoding, &Bytes, &Limits) -> Option<DecodeError>;

/// The ways to read a document.
const READINGS: [(&str, Reading); 3] = [
    ("lenient", |encoding, octets, limits| {
        decode(encoding, octets, &DecodeOptions::lenient(limits.clone())).err()
    }),
    ("strict", |encoding, octets, limits| {
        decode(encoding, octets, &DecodeOptions::strict(limits.clone())).err()
    }),
    ("as a fragment", |encoding, octets, limits| {
        decode_fragment(encoding, octets, &DecodeOptions::lenient(limits.clone())).err()
    }),
];

/// Inputs made to take memory or time: each names what it tries.
fn hostile() -> Vec<(&'static str, Encoding, Bytes)> {
    let table = [b'x'; 60_000];
    let declarations: String = (0..200_000)
        .map(|number| format!(" xmlns:a{number}='u'"))
        .collect();
    let laughs: String = (1..20)
        .map(|level| {
            let below = format!("&lol{};", level - 1).repeat(10);
            format!("<!ENTITY lol{level} '{below}'>")
        })
        .collect();
    let latin_1 = [
        &b"<?xml version='1.0' encoding='ISO-8859-1'?>"[..],
        &xml("<Add><Item><Data>*</Data></Item></Add>"),
    ]
    .concat();
    let star = latin_1.iter().position(|&octet| octet == b'*');
    let (start, end) = latin_1.split_at(star.expect("it is there"));
    let latin_1 = [start, &vec![0xE9; MIB], end].concat();
    let without_mark: Vec<u8> = format!("<a>{}</a>", "€".repeat(MIB))
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let length = [0x8F, 0xFF, 0xFF, 0xFF, 0x7F];
    let in_data = |octets: &[u8]| [&[0x60, 0x54, 0x4F][..], octets].concat();
    vec![
        (
            "billion laughs",
            Encoding::Xml,
            format!("<!DOCTYPE SyncML [<!ENTITY lol0 'lol'>{laughs}]><SyncML>&lol19;</SyncML>")
                .into(),
        ),
        (
            "200 000 declarations",
            Encoding::Xml,
            xml(&format!("<Add{declarations}/>")),
        ),
        (
            "declarations in depth",
            Encoding::Xml,
            xml(&"<Sequence xmlns='urn:a' xmlns:b='urn:&#98;'>".repeat(100_000)),
        ),
        (
            "200 000 attributes in wbxml",
            Encoding::Wbxml,
            wbxml(
                b"a\0",
                &[
                    &[0xC5][..],
                    &[0x04, 0x00, 0x03, b'v', 0].repeat(200_000),
                    &[0x01; 2],
                ]
                .concat(),
            ),
        ),
        (
            "references in names",
            Encoding::Wbxml,
            wbxml(&table, &[0x04, 0x00].repeat(400_000)),
        ),
        (
            "references in names of attributes",
            Encoding::Wbxml,
            wbxml(
                &table,
                &[&[0x85][..], &[0x04, 0x00].repeat(400_000), &[0x01]].concat(),
            ),
        ),
        (
            "references in instructions",
            Encoding::Wbxml,
            wbxml(
                &table,
                &[0x43, 0x04, 0x00, 0x83, 0x00, 0x01].repeat(100_000),
            ),
        ),
        (
            "a length of nearly 4 GiB",
            Encoding::Wbxml,
            wbxml(b"", &in_data(&[&[0xC3][..], &length].concat())),
        ),
        (
            "a table of nearly 4 GiB",
            Encoding::Wbxml,
            [&[0x02, 0xA4, 0x01, 0x6A][..], &length].concat().into(),
        ),
        (
            "an entity of nearly 2^32",
            Encoding::Wbxml,
            wbxml(b"", &in_data(&[&[0x02][..], &length].concat())),
        ),
        ("latin-1", Encoding::Xml, latin_1.into()),
        ("utf-16 without a mark", Encoding::Xml, without_mark.into()),
        (
            "ends of sections in text",
            Encoding::Xml,
            xml(&format!(
                "<Add><Item><Data>{}</Data></Item></Add>",
                "]]>".repeat(MIB)
            )),
        ),
        (
            "ends of sections between elements",
            Encoding::Xml,
            xml(&"]]><Add/>".repeat(100_000)),
        ),
        (
            "declarations of the document",
            Encoding::Xml,
            [&b"<?xml version='9.9'?>".repeat(100_000)[..], &xml("")]
                .concat()
                .into(),
        ),
        (
            "comments and instructions",
            Encoding::Xml,
            xml(&"<!-- --><?a b?>".repeat(500_000)),
        ),
        (
            "markup in data",
            Encoding::Xml,
            xml(&format!(
                "<Add><Item><Data>{}</Data></Item></Add>",
                "<a b='c'/>".repeat(100_000)
            )),
        ),
        (
            "octets that become Base64",
            Encoding::Wbxml,
            wbxml(
                b"",
                &[0x60, 0x54, 0x4F, 0xC3, 0x01, 0xFF, 0x01, 0x01, 0x01].repeat(100_000),
            ),
        ),
        (
            "text that is escaped",
            Encoding::Wbxml,
            wbxml(
                b"",
                &in_data(&[&[0x03][..], &vec![b'&'; MIB], &[0, 0x01, 0x01, 0x01]].concat()),
            ),
        ),
    ]
}

/// Inputs above the default size of messages, or with one limit of their own.
fn large() -> Vec<(&'static str, Encoding, Bytes)> {
    let attributes: String = (0..200_000)
        .map(|number| format!(" a{number}=''"))
        .collect();
    let long = "a".repeat(MIB - 300);
    let half = "a".repeat(MIB / 2 - 300);
    let utf_16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(
            core::str::from_utf8(&xml(&format!("<Data>{}</Data>", "€".repeat(500_000))))
                .unwrap_or_default()
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    vec![
        ("utf-16", Encoding::Xml, Bytes::from(utf_16)),
        ("a long name", Encoding::Xml, xml(&format!("<{long}/>"))),
        (
            "a long entity",
            Encoding::Xml,
            xml(&format!("<Add>&{long};</Add>")),
        ),
        (
            "a long end tag",
            Encoding::Xml,
            xml(&format!("<Add></{long}>")),
        ),
        (
            "a long attribute twice",
            Encoding::Xml,
            xml(&format!("<Add {half}='' {half}=''/>")),
        ),
        (
            "64 MiB of empty items",
            Encoding::Wbxml,
            wbxml(b"", &[&[0x60][..], &vec![0x14; 64 * MIB], &[0x01]].concat()),
        ),
        (
            "64 MiB of empty items in xml",
            Encoding::Xml,
            xml(&format!("<Add>{}</Add>", "<Item/>".repeat(64 * MIB / 7))),
        ),
        (
            "a million levels",
            Encoding::Wbxml,
            wbxml(b"", &[0x64; 1_000_000]),
        ),
        (
            "a million levels in xml",
            Encoding::Xml,
            xml(&"<Sequence>".repeat(1_000_000)),
        ),
        (
            "a million levels of unknown tokens",
            Encoding::Wbxml,
            wbxml(b"", &[0x7F; 1_000_000]),
        ),
        (
            "entities of five octets",
            Encoding::Wbxml,
            wbxml(
                b"",
                &[
                    &[0x60, 0x54, 0x4F][..],
                    &[0x02, 0x80, 0x80, 0x80, 0x80, 0x41].repeat(MIB),
                    &[0x01; 3],
                ]
                .concat(),
            ),
        ),
        (
            "200 000 attributes",
            Encoding::Xml,
            xml(&format!("<Add{attributes}/>")),
        ),
        (
            "16 MiB of white space",
            Encoding::Xml,
            xml(&" \n".repeat(8 * MIB)),
        ),
        (
            "16 MiB of extension tokens",
            Encoding::Wbxml,
            wbxml(b"", &vec![0xC0; 16 * MIB]),
        ),
    ]
}

/// Of inputs that are read, twice as much takes at most twice the memory.
fn memory_grows_no_faster_than_the_input() {
    let peak = |octets: &Bytes, encoding| {
        let limits = Limits::DEFAULT.with_memory(256 << 20);
        let options = DecodeOptions::lenient(limits.with_message_size(octets.len()));
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let decoded = decode(encoding, octets, &options).expect("within the limits");
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        drop(decoded);
        peak
    };
    let item = [0x54_u8, 0x4F, 0x03, b'a', 0, 0x01, 0x01];
    let in_data = |piece: &[u8], count| {
        wbxml(
            b"",
            &[&[0x60, 0x54, 0x4F][..], &piece.repeat(count), &[0x01; 3]].concat(),
        )
    };
    type Make<'a> = &'a dyn Fn(usize) -> Bytes;
    let makers: [(&str, Encoding, Make<'_>); 13] = [
        ("items", Encoding::Wbxml, &|count| {
            wbxml(b"", &[&[0x60][..], &item.repeat(count), &[0x01]].concat())
        }),
        ("entities", Encoding::Wbxml, &|count| {
            in_data(&[0x02, 0x41], count)
        }),
        ("pieces of text", Encoding::Wbxml, &|count| {
            in_data(&[0x03, b'a', b'b', 0], count)
        }),
        ("sections", Encoding::Xml, &|count| {
            let data = "<![CDATA[a]]>".repeat(count);
            xml(&format!("<Add><Item><Data>{data}</Data></Item></Add>"))
        }),
        ("references", Encoding::Xml, &|count| {
            let data = "&#65;".repeat(count);
            xml(&format!("<Add><Item><Data>{data}</Data></Item></Add>"))
        }),
        ("xml items", Encoding::Xml, &|count| {
            xml(&format!("<Add>{}</Add>", "<Item/>".repeat(count)))
        }),
        ("elements that nobody knows", Encoding::Xml, &|count| {
            xml(&"<a b='c'><d/></a>".repeat(count))
        }),
        ("declarations", Encoding::Xml, &|count| {
            xml(&"<Add xmlns:a='b'/>".repeat(count))
        }),
        ("ends of sections", Encoding::Xml, &|count| {
            xml(&"]]><Add/>".repeat(count))
        }),
        ("utf-16", Encoding::Xml, &|count| {
            let text = xml(&"<Add/>".repeat(count));
            let text = core::str::from_utf8(&text).unwrap_or_default();
            let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            octets.into()
        }),
        ("references to a table", Encoding::Wbxml, &|count| {
            wbxml(b"abc\0", &[0x45, 0x4B, 0x83, 0, 0x01, 0x01].repeat(count))
        }),
        ("literals", Encoding::Wbxml, &|count| {
            wbxml(b"abc\0", &[0x04, 0x00].repeat(count))
        }),
        ("switches of pages", Encoding::Wbxml, &|count| {
            wbxml(b"", &[0x00, 0x01, 0x00, 0x00, 0x05].repeat(count))
        }),
    ];
    for (name, encoding, make) in makers {
        // A power of two, so that what grows by doubling is as full both times.
        let once = peak(&make(1 << 14), encoding);
        let twice = peak(&make(1 << 15), encoding);
        assert!(
            twice <= 2 * once + 4096,
            "{name}: {once} octets, then {twice}"
        );
    }
}

#[test]
fn a_long_type_is_not_copied_to_each_item_of_its_command() {
    let _turn = TURN.lock();
    let account = Account {
        server_id: "srv".into(),
        server_uri: "http://server.test/dm".into(),
        device_uri: "IMEI:1".into(),
        client: Credentials::transport(),
        server: Credentials::transport(),
    };
    let start = Start::new(Trigger::Client, "1".into(), Vec::new());
    let mut session = ClientSession::start(ClientConfig::default().into(), &account, start);
    let _ = session.poll_transmit();
    let message = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>IMEI:1</LocURI></Target>\
         <Source><LocURI>srv</LocURI></Source></SyncHdr><SyncBody><Replace><CmdID>1</CmdID>\
         <Meta><Type>{}</Type></Meta>{}</Replace><Final/></SyncBody></SyncML>",
        "x".repeat(100_000),
        "<Item><Target><LocURI>./A</LocURI></Target></Item>".repeat(1_000),
    );
    let headers = Headers::new(Encoding::Xml.media_type());
    let received = Received::read(message.into(), headers, &DecodeOptions::default());

    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let nonce = Nonce::default();
    session
        .handle(received.expect("a message"), nonce)
        .expect("message 1");
    let mut executed = 0;
    while let Some(event) = session.poll_event() {
        if let ClientEvent::Execute(ticket, execute) = event {
            let type_ = execute.item.meta.and_then(|meta| meta.type_.clone());
            assert_eq!(type_.map(|type_| type_.len()), Some(100_000));
            session.answer(ticket, StatusCode::OK.into());
            executed += 1;
        }
    }
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);

    assert_eq!(executed, 1_000);
    assert!(peak <= 4 * MIB, "{peak} octets");
}
