//! XML: declarations, entities, characters, attributes, namespaces, sections.

use bytes::Bytes;
use dm_proto::{
    Data, DecodeErrorKind as Kind, EncodeError, Limits,
    codec::{DecodeOptions, Encoding, ToleranceKind, decode, encode},
    message::{Alert, Item, Replace, SyncMl},
};

use super::{MIB, kinds, read, refusal};

const START: &str = "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody>";
const END: &str = "</SyncBody></SyncML>";

fn document(body: &str) -> Bytes {
    [START, body, END].concat().into()
}

fn item(content: &str) -> Bytes {
    document(&format!(
        "<Replace><CmdID>1</CmdID><Item><Data>{content}</Data></Item></Replace>"
    ))
}

/// The text of the Data with this content.
fn data(content: &str) -> String {
    let decoded = read(Encoding::Xml, &item(content));
    let data = decoded.message.commands[0].items()[0].data.clone();
    data.as_ref().and_then(Data::as_str).expect("text").into()
}

fn refused(input: &str, kind: &Kind) {
    let offset = input.find('¦').expect("a mark");
    let found = refusal(Encoding::Xml, &input.replace('¦', "").into());
    assert_eq!((found.0, &found.1), (offset, kind), "{input}");
}

fn refused_in_data(content: &str, kind: &Kind) {
    let octets = item(content);
    refused(core::str::from_utf8(&octets).expect("text"), kind);
}

#[test]
fn a_document_type_cannot_declare_anything() {
    let laughs: String = (1..10)
        .map(|level| {
            let below = format!("&lol{};", level - 1).repeat(10);
            format!("<!ENTITY lol{level} '{below}'>")
        })
        .collect();
    for subset in [
        format!("<!ENTITY lol0 'lol'>{laughs}"),
        "<!ENTITY a SYSTEM 'file:///etc/passwd'>".into(),
        "<!ENTITY % a SYSTEM 'http://example.com/a'>%a;".into(),
        "<!ATTLIST SyncML a CDATA 'b'>".into(),
        "<!ENTITY a 'x'>".repeat(10_000),
    ] {
        refused(
            &format!("¦<!DOCTYPE SyncML [{subset}]><SyncML><SyncHdr/><SyncBody>&lol9;{END}"),
            &Kind::InternalSubset,
        );
    }
}

#[test]
fn an_external_subset_is_named_and_never_fetched() {
    let octets = [
        "<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'file:///nothing/here.dtd'>",
        START,
        END,
    ]
    .concat();
    assert_eq!(kinds(&read(Encoding::Xml, &octets.into())), []);
}

#[test]
fn no_entity_is_known_but_the_five_of_xml() {
    assert_eq!(data("&lt;&gt;&amp;&apos;&quot;"), "<>&'\"");
    for name in ["nbsp", "lol9", "AMP", "lt2"] {
        refused_in_data(
            &format!("¦&{name};"),
            &Kind::UndefinedEntity { name: name.into() },
        );
    }
    let long = "x".repeat(100_000);
    let (_, kind) = refusal(Encoding::Xml, &item(&format!("&{long};")));
    assert!(
        matches!(&kind, Kind::UndefinedEntity { .. } | Kind::Syntax { .. }),
        "{kind}"
    );
}

#[test]
fn an_ampersand_begins_a_reference() {
    let kind = Kind::Syntax {
        reason: "an & that begins no reference",
    };
    for content in ["a ¦& b", "a¦&", "¦&&amp;"] {
        refused_in_data(content, &kind);
    }
}

#[test]
fn a_character_reference_is_a_character_of_xml() {
    for (reference, value) in [
        ("&#0;", 0),
        ("&#1;", 1),
        ("&#xB;", 0xB),
        ("&#xD800;", 0xD800),
        ("&#xDFFF;", 0xDFFF),
        ("&#xFFFE;", 0xFFFE),
        ("&#xFFFF;", 0xFFFF),
        ("&#x110000;", 0x11_0000),
        ("&#2147483648;", 0x8000_0000),
        ("&#4294967296;", u32::MAX),
        ("&#99999999999999999999999;", u32::MAX),
    ] {
        refused_in_data(&format!("¦{reference}"), &Kind::InvalidCharacter { value });
    }
    assert_eq!(data("&#x10FFFF;&#xD;&#0000000000000065;"), "\u{10FFFF}\rA");
}

#[test]
fn characters_that_xml_forbids_are_refused_as_themselves() {
    for character in [
        '\0', '\u{1}', '\u{8}', '\u{B}', '\u{1F}', '\u{FFFE}', '\u{FFFF}',
    ] {
        let kind = Kind::InvalidCharacter {
            value: character.into(),
        };
        refused_in_data(&format!("ab¦{character}"), &kind);
        refused_in_data(&format!("<![CDATA[ab¦{character}]]>"), &kind);
    }
    // C1 controls are characters.
    assert_eq!(data("\u{7F}\u{85}\u{9F}"), "\u{7F}\u{85}\u{9F}");
}

#[test]
fn what_xml_cannot_hold_goes_as_base64_or_not_at_all() {
    let in_data = SyncMl {
        commands: vec![
            Replace {
                items: vec![Item::for_target("./A").with_data("a\u{1}")],
                ..Replace::default()
            }
            .into(),
        ],
        ..SyncMl::default()
    };
    let xml = encode(Encoding::Xml, &in_data).expect("it has a form");
    let decoded = read(Encoding::Xml, &xml);
    let found = &decoded.message.commands[0].items()[0];
    assert_eq!(found.data.as_ref().and_then(Data::as_str), Some("YQE="));
    let format = found.meta.as_ref().and_then(|meta| meta.format.as_deref());
    assert_eq!(format, Some("b64"));

    for character in ['\0', '\u{1}', '\u{FFFE}'] {
        let in_id = SyncMl {
            commands: vec![
                Alert {
                    cmd_id: format!("{character}").into(),
                    ..Alert::default()
                }
                .into(),
            ],
            ..SyncMl::default()
        };
        assert_eq!(
            encode(Encoding::Xml, &in_id),
            Err(EncodeError::NotRepresentable {
                element: "CmdID",
                character: character.into(),
            })
        );
        assert!(encode(Encoding::Wbxml, &in_id).is_ok());
    }
}

#[test]
fn line_ends_are_normalized_and_references_to_them_are_not() {
    assert_eq!(data("a\r\nb\rc\nd&#13;&#10;e"), "a\nb\nc\nd\r\ne");
    assert_eq!(data("<![CDATA[a\r\nb\r]]>\n"), "a\nb\n\n");
}

#[test]
fn sections_and_comments_do_not_split_text() {
    let content = "a<![CDATA[<b>&amp;]]]]><![CDATA[>c]]><!-- - --><![CDATA[]]>d<?x y?>e";
    assert_eq!(data(content), "a<b>&amp;]]>cde");
    let pieces = 60_000;
    let content = "<![CDATA[a]]><!---->".repeat(pieces);
    assert_eq!(data(&content), "a".repeat(pieces));
    let open = item("<![CDATA[a]]");
    let found = refusal(Encoding::Xml, &open);
    assert_eq!(found, (open.len(), Kind::UnexpectedEnd));
}

#[test]
fn attributes_and_prefixes_have_their_limits() {
    let attributes = |count: usize| -> String {
        let list: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        format!("<SyncML{list}><SyncHdr/><SyncBody/></SyncML>")
    };
    read(Encoding::Xml, &attributes(1024).into());
    for count in [1025, 200_000] {
        let found = refusal(Encoding::Xml, &attributes(count).into());
        assert_eq!(found, (0, Kind::TooManyAttributes { limit: 1024 }));
    }
    let namespaces = |count: usize| -> String {
        let list: String = (0..count)
            .map(|number| format!(" xmlns:a{number}='u'"))
            .collect();
        format!("<SyncML{list}><SyncHdr/><SyncBody/></SyncML>")
    };
    read(Encoding::Xml, &namespaces(100).into());
    for count in [129, 1000, 200_000] {
        let (_, kind) = refusal(Encoding::Xml, &namespaces(count).into());
        assert!(
            matches!(
                kind,
                Kind::TooManyNamespaces { limit: 128 } | Kind::TooManyAttributes { limit: 1024 }
            ),
            "{kind}"
        );
    }
    // The same in depth: each element declares some more.
    let nested: String = (0..30)
        .map(|level| {
            let list: String = (0..10)
                .map(|n| format!(" xmlns:p{level}x{n}='u'"))
                .collect();
            format!("<Sequence{list}>")
        })
        .collect();
    let (_, kind) = refusal(Encoding::Xml, &document(&nested));
    assert_eq!(kind, Kind::TooManyNamespaces { limit: 128 });
}

#[test]
fn an_attribute_stands_once() {
    for second in ["a='2'", "x:a='2' y:a='3'"] {
        let octets = format!("<SyncML xmlns:x='u' xmlns:y='u' a='1' {second}><SyncHdr/></SyncML>");
        let (_, kind) = refusal(Encoding::Xml, &octets.into());
        assert!(matches!(kind, Kind::DuplicateAttribute { .. }), "{kind}");
    }
}

#[test]
fn a_prefix_bound_to_another_namespace_is_not_syncml() {
    let octets = "<a:SyncML xmlns:a='urn:x'><a:SyncHdr/></a:SyncML>";
    let (offset, kind) = refusal(Encoding::Xml, &octets.into());
    assert_eq!(
        (offset, kind),
        (
            0,
            Kind::NotSyncMl {
                root: "{urn:x}SyncML".into()
            }
        )
    );
    let inside = document("<x:Exec xmlns:x='urn:x'><CmdID>1</CmdID></x:Exec>");
    let decoded = read(Encoding::Xml, &inside);
    let executes = decoded
        .message
        .commands
        .iter()
        .any(|command| matches!(command, dm_proto::message::Command::Exec(_)));
    assert!(!executes);
}

#[test]
fn utf_16_and_byte_order_marks_are_understood() {
    let text = format!("<?xml version='1.0' encoding='UTF-16'?>{START}{END}");
    for (mark, to_octets) in [
        ([0xFF, 0xFE], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xFE, 0xFF], u16::to_be_bytes),
    ] {
        let mut octets = mark.to_vec();
        octets.extend(text.encode_utf16().flat_map(to_octets));
        assert_eq!(kinds(&read(Encoding::Xml, &octets.clone().into())), []);
        // Half a code unit, and half a pair of them.
        octets.push(0x3C);
        let (offset, kind) = refusal(Encoding::Xml, &octets.clone().into());
        assert!(offset >= octets.len() - 2, "{kind} at {offset}");
    }
    let marked = format!("\u{FEFF}{START}{END}");
    assert_eq!(kinds(&read(Encoding::Xml, &marked.into())), []);
}

#[test]
fn a_million_levels_of_xml_are_refused_at_the_first_too_many() {
    let limit = Limits::DEFAULT.depth;
    for level in ["<Sequence>", "<a>", "<Item>"] {
        let octets = document(&level.repeat(1_000_000));
        let (offset, kind) = refusal(Encoding::Xml, &octets);
        assert_eq!(kind, Kind::TooDeep { limit });
        assert!(offset <= START.len() + level.len() * limit, "{offset}");
    }
}

#[test]
fn small_elements_of_xml_by_the_million_meet_the_memory_budget() {
    for (start, piece, end) in [
        ("<Replace>", "<Item/>", "</Replace>"),
        ("", "<Add/>", ""),
        ("", "<a/>", ""),
    ] {
        let count = 64 * MIB / piece.len();
        let octets = document(&[start, &piece.repeat(count), end].concat());
        let limits = Limits::DEFAULT.with_message_size(octets.len());
        let error = decode(Encoding::Xml, &octets, &DecodeOptions::lenient(limits))
            .expect_err("over the budget");
        assert_eq!(
            error.kind(),
            &Kind::TooMuchMemory {
                limit: Limits::DEFAULT.memory
            }
        );
        assert!(error.offset() < MIB, "{error}");
    }
}

#[test]
fn white_space_between_elements_takes_no_memory() {
    let space = " \n".repeat(8 * MIB);
    let octets = document(&format!("{space}<Final/>{space}"));
    let limits = Limits::DEFAULT
        .with_message_size(octets.len())
        .with_memory(64 << 10);
    let decoded = decode(Encoding::Xml, &octets, &DecodeOptions::lenient(limits));
    assert!(decoded.expect("a message").message.is_final);
}

#[test]
fn an_attribute_has_white_space_before_it() {
    for attributes in [
        "a='1'¦b='2'",
        "xmlns:a=\"u\"¦b='2'",
        "a='1' b = '>' c='2'¦d='3'",
    ] {
        let octets = format!("<SyncML {attributes}><SyncHdr/><SyncBody/></SyncML>");
        let reason = "no white space before an attribute";
        refused(&octets, &Kind::Syntax { reason });
    }
    let spaced = "<SyncML\ta='1'\r\nb = \"it's\" ><SyncHdr\tc=''/><SyncBody/></SyncML>";
    read(Encoding::Xml, &spaced.into());
}

#[test]
fn comments_and_instructions_hold_text_only() {
    let kind = |value| Kind::InvalidCharacter { value };
    refused_in_data("<!-- ¦\u{1} -->", &kind(1));
    refused_in_data("<?pi ¦\u{FFFE}?>", &kind(0xFFFE));
    assert_eq!(data("<!-- \r\n\u{E9} -->a<?pi \t?>"), "a");

    // Behind the root it is no comment either.
    let octets = [&document("")[..], b"<!--\x02-->"].concat();
    let decoded = read(Encoding::Xml, &octets.into());
    assert_eq!(
        kinds(&decoded).last(),
        Some(&ToleranceKind::TrailingBytes { count: 8 })
    );
}
