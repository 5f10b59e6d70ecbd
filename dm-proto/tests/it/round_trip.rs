//! What is written is read back, and both encodings mean the same.

use base64_of::base64;
use bytes::Bytes;
use dm_proto::{
    Data,
    codec::{
        DecodeOptions, Encoding, MessageBuilder, PushError, decode, decode_fragment, encode,
        encode_fragment,
    },
    message::{Command, Item, SyncMl},
};
use proptest::prelude::*;

use crate::strategy::{Characters, message};

fn read(encoding: Encoding, octets: &Bytes) -> SyncMl {
    match decode(encoding, octets, &DecodeOptions::default()) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(octets)),
    }
}

/// The message as XML gives it back: octets, and text that XML cannot hold, are Base64.
fn through_xml(mut message: SyncMl) -> SyncMl {
    let mut open: Vec<&mut Command> = message.commands.iter_mut().collect();
    while let Some(command) = open.pop() {
        match command {
            Command::Atomic(container) => open.extend(&mut container.commands),
            Command::Sequence(container) => open.extend(&mut container.commands),
            Command::Add(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Copy(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Delete(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Exec(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Get(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Replace(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Alert(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Status(command) => command.items.iter_mut().for_each(item_through_xml),
            Command::Results(command) => command.items.iter_mut().for_each(item_through_xml),
            _ => {}
        }
    }
    message
}

fn item_through_xml(item: &mut Item) {
    if let Some(data) = &item.data
        && data.is_binary()
    {
        item.data = Some(Data::text(base64(data.as_bytes().unwrap_or_default())));
        std::sync::Arc::make_mut(item.meta.get_or_insert_default()).format = Some("b64".into());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wbxml_gives_a_message_back(message in message(Characters::Any)) {
        let octets = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        prop_assert_eq!(read(Encoding::Wbxml, &octets), message);
    }

    #[test]
    fn xml_gives_a_message_back(message in message(Characters::Xml)) {
        let octets = encode(Encoding::Xml, &message).expect("xml has a form for it");
        prop_assert_eq!(read(Encoding::Xml, &octets), through_xml(message));
    }

    #[test]
    fn xml_to_wbxml_and_back_changes_nothing(message in message(Characters::Xml)) {
        let xml = encode(Encoding::Xml, &message).expect("xml has a form for it");
        let model = read(Encoding::Xml, &xml);
        let wbxml = encode(Encoding::Wbxml, &model).expect("wbxml has a form for it");
        let again = read(Encoding::Wbxml, &wbxml);
        prop_assert_eq!(&again, &model);
        prop_assert_eq!(encode(Encoding::Xml, &again), Ok(xml));
    }

    #[test]
    fn json_gives_a_message_back(message in message(Characters::Any)) {
        let json = serde_json::to_string(&message).expect("it is data");
        prop_assert_eq!(serde_json::from_str::<SyncMl>(&json).expect("it was written"), message);
    }

    #[test]
    fn a_document_converts_without_the_model(message in message(Characters::Xml)) {
        // The version chooses the namespace, which elements by themselves do not tell.
        prop_assume!(!["1.0", "1.1"].contains(&message.header.ver_dtd.as_str()));
        let options = DecodeOptions::default();
        let xml = encode(Encoding::Xml, &message).expect("xml has a form for it");
        let fragment = decode_fragment(Encoding::Xml, &xml, &options).expect("it was written");
        let wbxml = encode_fragment(Encoding::Wbxml, &fragment).expect("wbxml has a form for it");
        prop_assert_eq!(&decode_fragment(Encoding::Wbxml, &wbxml, &options).expect("it was written"), &fragment);
        let through = encode_fragment(Encoding::Xml, &fragment).expect("it was xml");
        prop_assert_eq!(read(Encoding::Xml, &through), through_xml(message));
    }

    #[test]
    fn a_builder_writes_the_same_octets(
        mut message in message(Characters::Xml),
        encoding in prop_oneof![Just(Encoding::Xml), Just(Encoding::Wbxml)],
    ) {
        message.extra = Default::default();
        message.is_final = true;
        let octets = encode(encoding, &message).expect("both have a form for it");
        let mut builder = MessageBuilder::new(encoding, &message.header, octets.len()).expect("it fits");
        for command in &message.commands {
            // What does not fit leaves no trace.
            let too_large = Command::Add(dm_proto::message::Add {
                items: vec![Item::for_target("./a").with_data("x".repeat(octets.len()).as_str())],
                ..Default::default()
            });
            let refused = builder.push(&too_large);
            prop_assert!(matches!(refused, Err(PushError::Full { .. })), "{:?}", refused);
            builder.push(command).expect("it fits");
        }
        prop_assert_eq!(builder.room(), 0);
        prop_assert_eq!(builder.finish(true), octets);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_budget_is_never_exceeded(
        mut message in message(Characters::Xml),
        encoding in prop_oneof![Just(Encoding::Xml), Just(Encoding::Wbxml)],
        part in 0.0..1.1_f64,
        is_final in any::<bool>(),
    ) {
        message.extra = Default::default();
        message.is_final = true;
        let whole = encode(encoding, &message).expect("both have a form for it").len();
        let budget = (whole as f64 * part) as usize;
        let commands = core::mem::take(&mut message.commands);
        let empty = encode(encoding, &message).expect("both have a form for it").len();
        let mut builder = match MessageBuilder::new(encoding, &message.header, budget) {
            Ok(builder) => builder,
            Err(error) => {
                prop_assert_eq!(error, PushError::Full { needed: empty, room: budget });
                prop_assert!(budget < empty);
                return Ok(());
            }
        };
        for command in commands {
            let (len, room) = (builder.len(), builder.room());
            message.commands.push(command);
            // What the message would be with it tells what it needs.
            let with = encode(encoding, &message).expect("both have a form for it").len();
            match builder.push(message.commands.last().expect("it was pushed")) {
                Ok(()) => prop_assert_eq!(builder.len(), with),
                Err(error) => {
                    prop_assert_eq!(error, PushError::Full { needed: with - len, room });
                    prop_assert!(with > budget);
                    prop_assert_eq!(builder.len(), len);
                    message.commands.pop();
                }
            }
        }
        message.is_final = is_final;
        let octets = builder.finish(is_final);
        prop_assert!(octets.len() <= budget);
        // What was refused has left nothing in it.
        prop_assert_eq!(Ok(octets), encode(encoding, &message));
    }

    #[test]
    fn writing_the_same_gives_the_same(message in message(Characters::Any)) {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let once = encode(encoding, &message);
            prop_assert_eq!(&encode(encoding, &message.clone()), &once);
            if let (Encoding::Xml, Ok(octets)) = (encoding, &once) {
                // Escapes, never sections; no layout.
                prop_assert!(!octets.windows(3).any(|octets| octets == b"<!["));
            }
        }
    }
}

/// A Base64 of the tests' own.
mod base64_of {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    pub(super) fn base64(octets: &[u8]) -> String {
        let mut text = String::new();
        for chunk in octets.chunks(3) {
            let mut bits = [0; 4];
            bits[1..=chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes(bits);
            for at in 0..4 {
                let digit = bits >> (18 - 6 * at) & 0x3F;
                text.push(if at > chunk.len() {
                    '='
                } else {
                    char::from(ALPHABET[digit as usize])
                });
            }
        }
        text
    }
}
