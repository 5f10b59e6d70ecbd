//! Messages of every shape that the model has, for property tests.
//!
//! They are canonical: what the documentation of `encode` says does not come back is left out.

use std::sync::Arc;

use dm_proto::{
    AlertCode, CmdId, Correlator, Data, Extra, ForeignAttribute, Fragment, LocUri, Name, Piece,
    Secret, StatusCode, Text,
    message::{
        Add, Alert, Anchor, Atomic, Chal, Command, CommandName, Copy, Cred, Delete, Exec, Get,
        Item, Location, Mem, Meta, Replace, Results, Sequence, SharedMem, Status, SyncHdr, SyncMl,
        Unsupported,
    },
};
use proptest::{collection::vec, option, prelude::*};

/// Which characters texts may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Characters {
    /// Those that XML has a form for.
    Xml,
    /// All, which WBXML has a form for.
    Any,
}

/// Text without surrounding white space, perhaps empty.
fn word(characters: Characters) -> BoxedStrategy<Text> {
    let inner = match characters {
        Characters::Xml => "([!-~é€\u{1F600}]([ -~\t\n\r\u{85}é]{0,12}[!-~])?)?",
        Characters::Any => "([!-~é\u{1}]([ -~\t\n\r\u{0}-\u{1F}\u{FFFE}é]{0,12}[!-~])?)?",
    };
    prop_oneof![
        8 => inner.prop_map(Text::from),
        1 => "[a-z]{25,80}".prop_map(Text::from),
        1 => Just(Text::from("a]]>b&amp;<![CDATA[c")),
    ]
    .boxed()
}

/// Text to the letter.
fn verbatim(characters: Characters) -> BoxedStrategy<Text> {
    let inner = match characters {
        Characters::Xml => "[ -~\t\n\r<&>\"'é\u{FFFD}\u{10FFFF}]{0,40}",
        Characters::Any => "[ -~\t\n\r\u{1}-\u{1F}\u{FFFE}é]{0,40}",
    };
    prop_oneof![4 => inner.prop_map(Text::from), 1 => Just(Text::from(" \r\n "))].boxed()
}

fn secret() -> BoxedStrategy<Secret> {
    "[A-Za-z0-9+/]{0,30}={0,2}".prop_map(Secret::from).boxed()
}

fn foreign_name() -> BoxedStrategy<Name> {
    (
        prop_oneof![
            Just(""),
            Just("urn:x"),
            Just("http://e/?a&b='\""),
            Just("SYNCML:SYNCML1.2"),
            Just("syncml:metinf"),
            Just("http://www.w3.org/XML/1998/namespace"),
        ],
        prop_oneof![
            Just("Foo"),
            Just("bar-1"),
            Just("Größe"),
            Just("originalerror")
        ],
    )
        .prop_map(|(namespace, local)| Name::new(namespace, local))
        .boxed()
}

fn known_name() -> BoxedStrategy<Name> {
    prop_oneof![
        Just(Name::new("SYNCML:SYNCML1.2", "Item")),
        Just(Name::new("SYNCML:SYNCML1.2", "Meta")),
        Just(Name::new("syncml:metinf", "Type")),
        Just(Name::new("syncml:metinf", "MetInf")),
    ]
    .boxed()
}

fn attributes(on: &'static str, c: Characters) -> BoxedStrategy<Vec<ForeignAttribute>> {
    vec((foreign_name(), verbatim(c)), 0..3)
        .prop_map(move |attributes| {
            let mut kept: Vec<ForeignAttribute> = Vec::new();
            for (name, value) in attributes {
                if !kept.iter().any(|other| other.name == name) {
                    kept.push(ForeignAttribute {
                        on: Text::from_static(on),
                        name,
                        value,
                    });
                }
            }
            kept
        })
        .boxed()
}

/// One element around others: its name, attributes, and content.
fn around(
    name: BoxedStrategy<Name>,
    inner: BoxedStrategy<Vec<Piece>>,
    c: Characters,
) -> BoxedStrategy<Vec<Piece>> {
    let text = option::of(verbatim(c).prop_filter("empty text is none", |text| !text.is_empty()));
    (name, attributes("", c), vec(inner, 0..3), text)
        .prop_map(|(name, attributes, children, text)| {
            let mut pieces = vec![Piece::Start(name)];
            pieces.extend(
                attributes
                    .into_iter()
                    .map(|a| Piece::Attribute(a.name, a.value)),
            );
            pieces.extend(children.into_iter().flatten());
            pieces.extend(text.map(Piece::Text));
            pieces.push(Piece::End);
            pieces
        })
        .boxed()
}

/// One element of this name, and others in it.
fn element(name: BoxedStrategy<Name>, c: Characters) -> BoxedStrategy<Vec<Piece>> {
    let any_name = prop_oneof![foreign_name(), known_name()].boxed();
    let leaf = around(any_name.clone(), Just(Vec::new()).boxed(), c);
    let inner = leaf.prop_recursive(2, 6, 2, move |inner| {
        around(any_name.clone(), inner.boxed(), c)
    });
    around(name, inner.boxed(), c)
}

fn foreign_element(c: Characters) -> BoxedStrategy<Vec<Piece>> {
    element(foreign_name().boxed(), c).boxed()
}

/// Attributes on the element itself and on the child `on`, and elements.
fn extra(on: &'static str, c: Characters) -> BoxedStrategy<Extra> {
    prop_oneof![
        4 => Just(Extra::NONE),
        1 => (attributes("", c), attributes(on, c), vec(foreign_element(c), 0..2)).prop_map(
            move |(own, child, elements)| {
                let mut extra = Extra::NONE;
                own.into_iter().for_each(|attribute| extra.push_attribute(attribute));
                if !on.is_empty() {
                    child.into_iter().for_each(|attribute| extra.push_attribute(attribute));
                }
                elements.into_iter().flatten().for_each(|piece| extra.push_piece(piece));
                extra
            }
        ),
    ]
    .boxed()
}

/// Attributes on the element itself.
fn own_attributes(c: Characters) -> BoxedStrategy<Extra> {
    attributes("", c)
        .prop_map(|attributes| {
            let mut extra = Extra::NONE;
            attributes
                .into_iter()
                .for_each(|attribute| extra.push_attribute(attribute));
            extra
        })
        .boxed()
}

fn location(c: Characters) -> BoxedStrategy<Location> {
    (word(c), option::of(word(c)), extra("LocURI", c))
        .prop_map(|(loc_uri, loc_name, extra)| Location {
            loc_uri: loc_uri.into(),
            loc_name,
            extra,
        })
        .boxed()
}

fn loc_uri(c: Characters) -> BoxedStrategy<Box<LocUri>> {
    word(c).prop_map(|uri| Box::new(uri.into())).boxed()
}

fn anchor(c: Characters) -> BoxedStrategy<Anchor> {
    (option::of(word(c)), word(c), extra("Next", c))
        .prop_map(|(last, next, extra)| Anchor { last, next, extra })
        .boxed()
}

fn mem(c: Characters) -> BoxedStrategy<Mem> {
    (
        any::<bool>(),
        any::<u64>(),
        any::<u64>(),
        extra("FreeMem", c),
    )
        .prop_map(|(shared, free_mem, free_id, extra)| Mem {
            shared: if shared {
                SharedMem::Yes
            } else {
                SharedMem::No
            },
            free_mem,
            free_id,
            extra,
        })
        .boxed()
}

pub(crate) fn meta(c: Characters) -> BoxedStrategy<Meta> {
    let format = option::of(prop_oneof![
        Just(Text::from("chr")),
        Just(Text::from("b64")),
        Just(Text::from("bin")),
        word(c),
    ]);
    (
        (
            format,
            option::of(word(c)),
            option::of(word(c)),
            option::of(any::<u64>()),
        ),
        (
            option::of(anchor(c)),
            option::of(word(c)),
            option::of(secret()),
        ),
        (
            option::of(any::<u64>()),
            option::of(any::<u64>()),
            vec(word(c), 0..3),
        ),
        (option::of(mem(c)), any::<bool>(), extra("", c)),
    )
        .prop_map(
            |(
                (format, type_, mark, size),
                (anchor, version, next_nonce),
                (max_msg_size, max_obj_size, emi),
                (mem, field_level, extra),
            )| Meta {
                format,
                type_,
                mark,
                size,
                anchor: anchor.map(Box::new),
                version,
                next_nonce,
                max_msg_size,
                max_obj_size,
                emi,
                mem: mem.map(Box::new),
                field_level,
                extra,
            },
        )
        .boxed()
}

fn boxed_meta(c: Characters) -> BoxedStrategy<Option<Arc<Meta>>> {
    option::weighted(0.3, meta(c).prop_map(Arc::new)).boxed()
}

fn cred(c: Characters) -> BoxedStrategy<Option<Box<Cred>>> {
    let cred = (boxed_meta(c), secret(), extra("Data", c))
        .prop_map(|(meta, data, extra)| Box::new(Cred { meta, data, extra }));
    option::weighted(0.1, cred).boxed()
}

fn markup(c: Characters) -> BoxedStrategy<Data> {
    (
        option::of(verbatim(c)),
        vec(
            element(prop_oneof![foreign_name(), known_name()].boxed(), c),
            1..3,
        ),
    )
        .prop_map(|(text, elements)| {
            let mut fragment = Fragment::EMPTY;
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                fragment.push(Piece::Text(text));
            }
            elements
                .into_iter()
                .flatten()
                .for_each(|piece| fragment.push(piece));
            Data::markup(fragment)
        })
        .boxed()
}

/// The data of an item and the meta that goes with it.
fn data_and_meta(c: Characters) -> BoxedStrategy<(Option<Data>, Option<Arc<Meta>>)> {
    let text = (option::of(verbatim(c).prop_map(Data::text)), boxed_meta(c));
    let with_nul = (
        "[a-z]{0,4}\u{0}[a-z]{0,4}".prop_map(|text| Some(Data::text(text))),
        Just(Some(Arc::new(Meta::format("chr").with_type("text/plain")))),
    );
    let markup = (markup(c).prop_map(Some), boxed_meta(c));
    // Octets are octets where Format or Type says so, whatever they are.
    let binary = (
        vec(any::<u8>(), 0..64).prop_map(|octets| Some(Data::binary(octets))),
        (meta(c), any::<bool>()).prop_map(|(meta, by_format)| {
            Some(Arc::new(if by_format {
                meta.with_format("bin")
            } else {
                meta.with_format("chr").with_type("application/x+wbxml")
            }))
        }),
    );
    match c {
        Characters::Xml => prop_oneof![4 => text, 1 => markup, 1 => binary].boxed(),
        Characters::Any => prop_oneof![4 => text, 1 => with_nul, 1 => markup, 1 => binary].boxed(),
    }
    .boxed()
}

pub(crate) fn item(c: Characters) -> BoxedStrategy<Item> {
    (
        (option::of(location(c)), option::of(location(c))),
        (
            option::weighted(0.1, loc_uri(c)),
            option::weighted(0.1, loc_uri(c)),
        ),
        data_and_meta(c),
        any::<bool>(),
        extra("Data", c),
    )
        .prop_map(
            |((target, source), (source_parent, target_parent), (data, meta), more_data, extra)| {
                let mut kept = Extra::NONE;
                for attribute in extra.attributes() {
                    if data.is_some() || attribute.on.is_empty() {
                        kept.push_attribute(attribute.clone());
                    }
                }
                extra
                    .elements()
                    .iter()
                    .for_each(|piece| kept.push_piece(piece.clone()));
                Item {
                    target,
                    source,
                    source_parent,
                    target_parent,
                    meta,
                    data,
                    more_data,
                    extra: kept,
                }
            },
        )
        .boxed()
}

macro_rules! item_command {
    ($name:ident, $c:expr, { $($field:ident: $strategy:expr),* $(,)? }) => {
        (
            (word($c), any::<bool>(), cred($c), boxed_meta($c), vec(item($c), 0..3), extra("", $c)),
            (Just(()), $($strategy,)*),
        )
            .prop_map(|((cmd_id, no_resp, cred, meta, items, extra), ((), $($field,)*))| {
                Command::$name($name {
                    cmd_id: cmd_id.into(), no_resp, cred, meta, items, extra, $($field,)*
                })
            })
    };
}

fn correlator(c: Characters) -> BoxedStrategy<Option<Correlator>> {
    option::of(verbatim(c).prop_map(Correlator::from)).boxed()
}

fn alert(c: Characters) -> BoxedStrategy<Command> {
    (
        (word(c), any::<bool>(), cred(c), option::of(any::<u16>())),
        (correlator(c), vec(item(c), 0..3), extra("Data", c)),
    )
        .prop_map(
            |((cmd_id, no_resp, cred, code), (correlator, items, extra))| {
                Command::Alert(Alert {
                    cmd_id: cmd_id.into(),
                    no_resp,
                    cred,
                    code: code.map(AlertCode::new),
                    correlator,
                    items,
                    extra,
                })
            },
        )
        .boxed()
}

fn status(c: Characters) -> BoxedStrategy<Command> {
    let chal = (meta(c), extra("", c)).prop_map(|(meta, extra)| Box::new(Chal { meta, extra }));
    (
        (word(c), word(c), word(c), word(c)),
        (
            vec(word(c), 0..3),
            vec(word(c), 0..3),
            cred(c),
            option::of(chal),
        ),
        (any::<u16>(), vec(item(c), 0..2), extra("Data", c)),
    )
        .prop_map(
            |(
                (cmd_id, msg_ref, cmd_ref, cmd),
                (target_refs, source_refs, cred, chal),
                (data, items, extra),
            )| {
                Command::Status(Status {
                    cmd_id: cmd_id.into(),
                    msg_ref: msg_ref.into(),
                    cmd_ref: cmd_ref.into(),
                    cmd: cmd.into(),
                    target_refs,
                    source_refs,
                    cred,
                    chal,
                    data: StatusCode::new(data),
                    items,
                    extra,
                })
            },
        )
        .boxed()
}

fn results(c: Characters) -> BoxedStrategy<Command> {
    (
        (word(c), option::of(word(c)), word(c), boxed_meta(c)),
        (
            option::of(word(c)),
            option::of(word(c)),
            vec(item(c), 0..3),
            extra("CmdID", c),
        ),
    )
        .prop_map(
            |((cmd_id, msg_ref, cmd_ref, meta), (target_ref, source_ref, items, extra))| {
                Command::Results(Results {
                    cmd_id: cmd_id.into(),
                    msg_ref: msg_ref.map(Into::into),
                    cmd_ref: cmd_ref.into(),
                    meta,
                    target_ref,
                    source_ref,
                    items,
                    extra,
                })
            },
        )
        .boxed()
}

fn unsupported(c: Characters) -> BoxedStrategy<Command> {
    let root = prop_oneof![
        Just(Name::new("SYNCML:SYNCML1.2", "Put")),
        Just(Name::new("SYNCML:SYNCML1.2", "Map")),
        foreign_name(),
    ];
    (
        root,
        option::of(word(Characters::Xml)),
        vec(foreign_element(c), 0..3),
    )
        .prop_map(|(root, cmd_id, elements)| {
            let mut element = Fragment::EMPTY;
            let name = CommandName::from(root.local.clone());
            element.push(Piece::Start(root));
            let cmd_id = cmd_id.filter(|cmd_id| !cmd_id.is_empty());
            if let Some(cmd_id) = &cmd_id {
                element.push(Piece::Start(Name::new("SYNCML:SYNCML1.2", "CmdID")));
                element.push(Piece::Text(cmd_id.clone()));
                element.push(Piece::End);
            }
            elements
                .into_iter()
                .flatten()
                .for_each(|piece| element.push(piece));
            element.push(Piece::End);
            Command::Unsupported(Unsupported {
                name,
                cmd_id: cmd_id.map(CmdId::from).unwrap_or_default(),
                element,
            })
        })
        .boxed()
}

pub(crate) fn command(c: Characters) -> BoxedStrategy<Command> {
    let leaf = prop_oneof![
        item_command!(Add, c, {}),
        item_command!(Copy, c, {}),
        item_command!(Delete, c, { archive: any::<bool>(), sft_del: any::<bool>() }),
        item_command!(Exec, c, { correlator: correlator(c) }),
        item_command!(Get, c, { lang: option::of(word(c)) }),
        item_command!(Replace, c, {}),
        alert(c),
        status(c),
        results(c),
        unsupported(c),
    ];
    leaf.prop_recursive(3, 6, 3, move |inner| {
        (
            (word(c), any::<bool>(), boxed_meta(c)),
            (vec(inner, 0..3), own_attributes(c), any::<bool>()),
        )
            .prop_map(|((cmd_id, no_resp, meta), (commands, extra, is_atomic))| {
                let cmd_id = cmd_id.into();
                if is_atomic {
                    Command::Atomic(Atomic {
                        cmd_id,
                        no_resp,
                        meta,
                        commands,
                        extra,
                    })
                } else {
                    Command::Sequence(Sequence {
                        cmd_id,
                        no_resp,
                        meta,
                        commands,
                        extra,
                    })
                }
            })
    })
    .boxed()
}

pub(crate) fn header(c: Characters) -> BoxedStrategy<SyncHdr> {
    let ver_dtd = prop_oneof![
        4 => Just(Text::from("1.2")),
        1 => Just(Text::from("1.1")),
        1 => Just(Text::from("1.0")),
        1 => word(c),
    ];
    (
        (ver_dtd, word(c), word(c), word(c)),
        (location(c), location(c), option::of(word(c)), any::<bool>()),
        (cred(c), boxed_meta(c), extra("VerDTD", c)),
    )
        .prop_map(
            |(
                (ver_dtd, ver_proto, session_id, msg_id),
                (target, source, resp_uri, no_resp),
                (cred, meta, extra),
            )| SyncHdr {
                ver_dtd,
                ver_proto,
                session_id: session_id.into(),
                msg_id: msg_id.into(),
                target,
                source,
                resp_uri,
                no_resp,
                cred,
                meta,
                extra,
            },
        )
        .boxed()
}

/// A whole message.
pub(crate) fn message(c: Characters) -> BoxedStrategy<SyncMl> {
    (
        header(c),
        vec(command(c), 0..4),
        any::<bool>(),
        extra("SyncBody", c),
    )
        .prop_map(|(header, commands, is_final, extra)| SyncMl {
            header,
            commands,
            is_final,
            extra,
        })
        .boxed()
}
