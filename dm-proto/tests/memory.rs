//! What a peer sends does not make us take more memory than the budget allows. A binary of its own whose
//! tests take turns, since the allocator counts for the whole process.

use std::sync::Mutex;

use bytes::Bytes;
use dm_proto::{
    DecodeErrorKind, Limits, StatusCode,
    auth::{Account, Credentials, Nonce},
    codec::{DecodeOptions, Encoding, decode},
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
    for (name, encoding, octets) in inputs.into_iter().chain(large()) {
        for memory in [256 << 10, Limits::DEFAULT.memory] {
            let limits = Limits::DEFAULT.with_message_size(octets.len());
            let options = DecodeOptions::lenient(limits.with_memory(memory));
            ALLOCATOR.reset_peak_usage();
            let before = ALLOCATOR.current_usage();
            let result = decode(encoding, &octets, &options);
            let peak = ALLOCATOR.peak_usage().saturating_sub(before);
            assert!(
                peak <= 2 * memory,
                "{name}: {peak} octets with a budget of {memory}"
            );
            match result {
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        DecodeErrorKind::TooDeep { .. }
                            | DecodeErrorKind::TooManyAttributes { .. }
                            | DecodeErrorKind::UnexpectedEnd
                            | DecodeErrorKind::UndefinedEntity { .. }
                            | DecodeErrorKind::MismatchedEnd { .. }
                            | DecodeErrorKind::DuplicateAttribute { .. }
                    ) => {}
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        &DecodeErrorKind::TooMuchMemory { limit: memory },
                        "{name}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "no input reached the budget");
    memory_grows_no_faster_than_the_input();
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
    let makers: [(&str, Encoding, Make<'_>); 6] = [
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
