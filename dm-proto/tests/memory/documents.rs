//! Documents that are converted or read as trees.

use bytes::Bytes;
use dm_proto::{
    DecodeErrorKind, Limits,
    codec::{ConvertOptions, Document, DocumentOptions, Encoding, wbxml_to_xml, xml_to_wbxml},
};

use super::{ALLOCATOR, MIB, TURN, wbxml, xml};

const TYPE: &str = "application/vnd.syncml.dmtnds";

/// Inputs made to take much memory; each names what it tries.
fn inputs() -> Vec<(&'static str, Encoding, Bytes)> {
    let table = [b'x'; 60_000];
    let replace = [0x60_u8, 0x4B, 0x03, b'1', 0, 0x01];
    let data = |octets: &[u8]| [&replace, &[0x54, 0x4F][..], octets, &[1, 1, 1]].concat();
    let string = |octet: u8| [&[0x03][..], &[octet].repeat(MIB - 300), &[0]].concat();
    // A Type for all items, and a document in each but one, whose Type has to change alone.
    let tnds = [
        &[0x03, 0, 0, 0x6A, 0x1B][..],
        b"-//OMA//DTD-DM-DDF 1.2//EN\0",
        &[0, 2, 0x20],
    ]
    .concat();
    let mut shared = replace.to_vec();
    shared.extend([0x5A, 0, 1, 0x53, 3]);
    shared.extend(TYPE.bytes().chain(*b"+wbxml"));
    shared.extend([0, 1, 1, 0, 0, 0x54, 0x0F, 1]);
    let item = [&[0x54, 0x4F, 0xC3, tnds.len() as u8][..], &tnds, &[1, 1]].concat();
    while shared.len() < MIB - 1000 {
        shared.extend(&item);
    }
    shared.push(1);
    let in_data = |content: &str| {
        let content = content.repeat((MIB - 500) / content.len());
        xml(&format!("<Add><Item><Data>{content}</Data></Item></Add>"))
    };
    let names: String = (0..60_000).map(|number| format!("<n{number}/>")).collect();
    let element = format!(
        "<MgmtTree xmlns='syncml:dmddf1.2'>{}</MgmtTree>",
        "<Node/>".repeat(60_000)
    );
    let typed = format!("<Meta><Type xmlns='syncml:metinf'>{TYPE}+xml</Type></Meta>");
    let utf_16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(
            format!("<SyncML>{}</SyncML>", "<Final/>".repeat(60_000))
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    vec![
        (
            "references",
            Encoding::Wbxml,
            wbxml(&table, &data(&[0x83, 0].repeat(400_000))),
        ),
        ("escapes", Encoding::Wbxml, wbxml(b"", &data(&string(b'&')))),
        ("base64", Encoding::Wbxml, wbxml(b"", &data(&string(1)))),
        (
            "text that turns out to be octets",
            Encoding::Wbxml,
            wbxml(b"", &data(&[&string(b'<')[..], &[0xC3, 1, 0xFF]].concat())),
        ),
        (
            "empty items",
            Encoding::Wbxml,
            wbxml(b"", &[&replace[..], &vec![0x14; MIB - 300], &[1]].concat()),
        ),
        ("documents", Encoding::Wbxml, wbxml(b"", &shared)),
        (
            "unknown tokens",
            Encoding::Wbxml,
            wbxml(b"", &vec![0x3E; MIB - 300]),
        ),
        (
            "attributes",
            Encoding::Wbxml,
            wbxml(b"", &[&[0x85][..], &vec![0x05; MIB - 300], &[1]].concat()),
        ),
        ("pieces of text", Encoding::Xml, in_data("&amp;")),
        (
            "white space in sections",
            Encoding::Xml,
            in_data("<![CDATA[ ]]>"),
        ),
        ("names", Encoding::Xml, xml(&names)),
        (
            "foreign elements",
            Encoding::Xml,
            xml(&"<a b=''/>".repeat(100_000)),
        ),
        (
            "a document in data",
            Encoding::Xml,
            xml(&format!(
                "<Add><Item>{typed}<Data>{element}</Data></Item></Add>"
            )),
        ),
        (
            "documents in data",
            Encoding::Xml,
            xml(&format!(
                "<Add>{typed}<Item/>{}</Add>",
                "<Item><Data><MgmtTree xmlns='syncml:dmddf1.2'/></Data></Item>".repeat(15_000)
            )),
        ),
        ("utf-16", Encoding::Xml, utf_16.into()),
    ]
}

#[test]
fn converting_and_reading_documents_takes_at_most_twice_the_budget() {
    let _turn = TURN.lock();
    let (mut converted, mut refused) = (0, 0);
    for (name, encoding, octets) in inputs() {
        for memory in [256 << 10, Limits::DEFAULT.memory] {
            let limits = Limits::DEFAULT
                .with_message_size(octets.len())
                .with_memory(memory);
            let check = |what: &str, run: &dyn Fn() -> Option<DecodeErrorKind>| {
                ALLOCATOR.reset_peak_usage();
                let before = ALLOCATOR.current_usage();
                let error = run();
                let peak = ALLOCATOR.peak_usage().saturating_sub(before);
                // What the limits do not count is constant.
                assert!(
                    peak <= 2 * memory + 4096,
                    "{what} {name}: {peak} octets with a budget of {memory}"
                );
                error
            };
            for indent in [false, true] {
                let options = ConvertOptions::default()
                    .with_limits(limits.clone())
                    .with_indent(indent);
                let error = check("converting", &|| {
                    let done = match encoding {
                        Encoding::Wbxml => wbxml_to_xml(&octets, &options),
                        _ => xml_to_wbxml(&octets, &options),
                    };
                    match done {
                        Ok(done) => {
                            assert!(done.octets.len() <= memory, "{name}");
                            None
                        }
                        Err(error) => Some(error.kind().clone()),
                    }
                });
                match error {
                    None => converted += 1,
                    Some(DecodeErrorKind::TooMuchMemory { limit }) => {
                        assert_eq!(limit, memory, "{name}");
                        refused += 1;
                    }
                    Some(kind) => assert!(
                        matches!(kind, DecodeErrorKind::TooManyAttributes { .. }),
                        "{name}: {kind}"
                    ),
                }
            }
            let options = DocumentOptions::default().with_limits(limits);
            check("reading", &|| {
                let read = Document::read(encoding, &octets, &options);
                read.err().map(|error| error.kind().clone())
            });
        }
    }
    assert!(converted > 5 && refused > 5, "{converted}, {refused}");
}
