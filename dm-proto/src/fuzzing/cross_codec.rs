//! One message in both encodings.

use bytes::Bytes;

use super::{has_octets_called_base64, read, wide_limits};
use crate::{
    EncodeError, Extra,
    codec::{
        DecodeOptions, Encoding, MessageBuilder, PushError, Tolerance, ToleranceKind, decode,
        decode_fragment, encode,
    },
    message::SyncMl,
};

/// What is read from one encoding means the same in the other, there and back.
///
/// Both encodings are written deterministically, and in the size that a builder told before; a builder
/// with an octet less refuses, and what it holds is what it held. Lenient reading finds no fault that
/// writing mends. What strict reads of the original, it reads of what is written.
pub fn cross_codec(octets: &[u8]) {
    let Some(encoding) = Encoding::detect(octets) else {
        return;
    };
    let octets = Bytes::copy_from_slice(octets);
    let Ok(decoded) = decode(encoding, &octets, &DecodeOptions::default()) else {
        return;
    };
    let message = decoded.message;
    let is_strict = decoded.tolerances.is_empty();
    let xml = written(Encoding::Xml, &message, is_strict);
    let wbxml = written(Encoding::Wbxml, &message, is_strict);
    if encoding == Encoding::Xml {
        assert!(wbxml.is_some(), "what XML holds, WBXML has a form for");
    }
    let (Some(xml), Some(wbxml)) = (xml, wbxml) else {
        return;
    };
    // Octets under Format b64 are Base64 in one encoding and octets in the other.
    if has_octets_called_base64(&message) {
        return;
    }
    let (from_xml, from_wbxml) = (read(Encoding::Xml, &xml), read(Encoding::Wbxml, &wbxml));
    assert_eq!(from_wbxml, message);
    assert_eq!(encode(Encoding::Xml, &from_wbxml).as_ref(), Ok(&xml));
    let crossed = encode(Encoding::Wbxml, &from_xml).expect("it was XML");
    assert_eq!(read(Encoding::Wbxml, &crossed), from_xml);
    // Readers of single elements see one document as well.
    let options = DecodeOptions::lenient(wide_limits());
    for (encoding, octets) in [(Encoding::Xml, &xml), (Encoding::Wbxml, &wbxml)] {
        decode_fragment(encoding, octets, &options).expect("what was written can be read");
    }
}

/// The message in an encoding, if there is a form for it.
fn written(encoding: Encoding, message: &SyncMl, is_strict: bool) -> Option<Bytes> {
    let octets = match encode(encoding, message) {
        Ok(octets) => octets,
        Err(
            EncodeError::NotRepresentable { .. }
            | EncodeError::OctetsNotRepresentable { .. }
            | EncodeError::DuplicateAttribute { .. }
            | EncodeError::TooManyAttributes { .. }
            | EncodeError::TooManyNamespaces { .. },
        ) if encoding == Encoding::Xml => return None,
        Err(error) => panic!("what was read cannot be written: {error}"),
    };
    assert_eq!(encode(encoding, message).as_ref(), Ok(&octets));
    predicted(encoding, message);
    let lenient = DecodeOptions::lenient(wide_limits());
    let read = decode(encoding, &octets, &lenient).expect("what was written can be read");
    for tolerance in &read.tolerances {
        assert!(!is_mended(&tolerance.kind), "{tolerance} was written");
    }
    if is_strict {
        // Text with U+0000 has no other form, and a required text that is empty is left out.
        let has_no_other_form = |tolerance: &Tolerance| {
            matches!(
                tolerance.kind,
                ToleranceKind::OpaqueString { .. } | ToleranceKind::MissingElement { .. }
            )
        };
        let strict = DecodeOptions::strict(wide_limits());
        match decode(encoding, &octets, &strict) {
            Ok(strict) => assert_eq!(strict, read),
            Err(error) => assert!(read.tolerances.iter().all(has_no_other_form), "{error}"),
        }
    }
    Some(octets)
}

/// Whether writing mends it, in whatever it stood.
fn is_mended(kind: &ToleranceKind) -> bool {
    matches!(
        kind,
        ToleranceKind::ElementOrder { .. }
            | ToleranceKind::DuplicateElement { .. }
            | ToleranceKind::SurroundingSpace { .. }
            | ToleranceKind::MissingMetInfNamespace { .. }
            | ToleranceKind::MissingNamespace
            | ToleranceKind::UndeclaredPrefix { .. }
            | ToleranceKind::ElementInText { .. }
            | ToleranceKind::StrayText
            | ToleranceKind::BareLocation
            | ToleranceKind::CmdInResults
            | ToleranceKind::RawOctets { .. }
            | ToleranceKind::StatusCode
            | ToleranceKind::TrailingBytes { .. }
            | ToleranceKind::LeftoverPage
            | ToleranceKind::ExtensionToken { .. }
            | ToleranceKind::UnknownVersion { .. }
    )
}

/// A builder knows the size of each command before it takes it, and refuses what is an octet too large
/// without a trace.
fn predicted(encoding: Encoding, message: &SyncMl) {
    let message = SyncMl {
        is_final: true,
        extra: Extra::NONE,
        ..message.clone()
    };
    let octets = encode(encoding, &message).expect("it was written with more in it");
    let begin = |budget| {
        MessageBuilder::new(encoding, &message.header, budget).expect("room for the header")
    };
    let mut exact = begin(octets.len());
    for command in &message.commands {
        exact.push(command).expect("room for it");
    }
    assert_eq!(exact.room(), 0);
    assert_eq!(exact.finish(true), octets);

    let Some((last, before)) = message.commands.split_last() else {
        return;
    };
    let mut tight = begin(octets.len().saturating_sub(1));
    for command in before {
        tight.push(command).expect("room for it");
    }
    let (len, room) = (tight.len(), tight.room());
    let needed = octets.len().saturating_sub(len);
    assert_eq!(tight.push(last), Err(PushError::Full { needed, room }));
    assert_eq!(tight.len(), len);
    let without = SyncMl {
        commands: before.to_vec(),
        ..message
    };
    assert_eq!(Ok(tight.finish(true)), encode(encoding, &without));
}
