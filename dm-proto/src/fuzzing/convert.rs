//! Documents of every type, without the model.

use bytes::Bytes;

use super::wide_limits;
use crate::{
    DecodeError, DecodeErrorKind, Limits,
    codec::{
        ConvertOptions, Converted, DecodeOptions, DocumentType, Encoding, decode, encode,
        wbxml_to_xml, xml_to_wbxml,
    },
    message::Command,
};

/// A document converts or is refused at a place within it, and what it becomes stays within a multiple
/// of the memory budget. There and back gives a document that conversion does not change any more.
/// Indentation changes layout only. A message of the letter means the same in both forms.
pub fn convert(octets: &[u8]) {
    let Some(encoding) = Encoding::detect(octets) else {
        return;
    };
    let octets = Bytes::copy_from_slice(octets);
    let mut types = alloc::vec![None];
    if matches!(
        once(encoding, &octets, &ConvertOptions::default().with_limits(limits())),
        Err(error) if *error.kind() == DecodeErrorKind::UnknownDocument
    ) {
        types = DocumentType::ALL.iter().copied().map(Some).collect();
    }
    for document in types {
        for embedded in [true, false] {
            let mut options = ConvertOptions::default()
                .with_limits(limits())
                .with_embedded(embedded);
            options.document = document;
            there_and_back(encoding, &octets, &options);
        }
    }
    same_message(encoding, &octets);
}

/// Small, so that inputs of the fuzzer reach them.
fn limits() -> Limits {
    Limits::default()
        .with_memory(256 << 10)
        .with_message_size(64 << 10)
}

fn once(
    encoding: Encoding,
    octets: &Bytes,
    options: &ConvertOptions,
) -> Result<Converted, DecodeError> {
    let converted = match encoding {
        Encoding::Xml => xml_to_wbxml(octets, options),
        Encoding::Wbxml => wbxml_to_xml(octets, options),
    };
    match &converted {
        Ok(converted) => {
            let memory = options.limits.memory;
            let len = converted.octets.len();
            assert!(len <= memory.saturating_mul(4), "{len} octets");
        }
        Err(error) => assert!(error.offset() <= octets.len()),
    }
    converted
}

fn other(encoding: Encoding) -> Encoding {
    match encoding {
        Encoding::Xml => Encoding::Wbxml,
        Encoding::Wbxml => Encoding::Xml,
    }
}

fn there_and_back(encoding: Encoding, octets: &Bytes, options: &ConvertOptions) {
    let Ok(there) = once(encoding, octets, options) else {
        return;
    };
    let wide = ConvertOptions {
        limits: wide_limits().with_depth(options.limits.depth),
        document: Some(there.document),
        ..options.clone()
    };
    let mut last = there.octets;
    let mut at = other(encoding);
    let mut steps = alloc::vec::Vec::new();
    for _ in 0..4 {
        match once(at, &last, &wide) {
            Ok(next) => {
                assert_eq!(next.document, there.document);
                steps.push(next.octets.clone());
                last = next.octets;
            }
            // Namespaces and attributes are read from string tables in any number.
            Err(error)
                if at == Encoding::Xml
                    && matches!(
                        error.kind(),
                        DecodeErrorKind::TooManyAttributes { .. }
                            | DecodeErrorKind::TooManyNamespaces { .. }
                            | DecodeErrorKind::InvalidNamespace
                    ) =>
            {
                return;
            }
            Err(error) => panic!("what was converted is not read: {error}"),
        }
        at = other(at);
    }
    assert_eq!(steps.first(), steps.get(2), "there and back again");
    assert_eq!(steps.get(1), steps.get(3), "there and back again");
    if encoding == Encoding::Wbxml {
        let indented = once(encoding, octets, &options.clone().with_indent(true));
        if let Ok(indented) = indented {
            let back = once(Encoding::Xml, &indented.octets, &wide);
            assert_eq!(
                back.ok().as_ref().map(|back| &back.octets),
                steps.first(),
                "layout means nothing"
            );
        }
    }
}

/// What keeps to the letter means the same when it is converted and when it is read and written.
fn same_message(encoding: Encoding, octets: &Bytes) {
    let strict = DecodeOptions::strict(limits());
    let Ok(decoded) = decode(encoding, octets, &strict) else {
        return;
    };
    let options = ConvertOptions::default()
        .with_limits(wide_limits())
        .with_embedded(false);
    let Ok(converted) = once(encoding, octets, &options) else {
        return;
    };
    let converted = decode(
        other(encoding),
        &converted.octets,
        &DecodeOptions::lenient(wide_limits()),
    )
    .expect("a message");
    let message = match encoding {
        Encoding::Xml => decoded.message,
        // In what is kept as it came, octets have no form of their own.
        Encoding::Wbxml if has_unsupported(&decoded.message.commands) => return,
        // Octets become Base64.
        Encoding::Wbxml => {
            let Ok(xml) = encode(Encoding::Xml, &decoded.message) else {
                return;
            };
            super::read(Encoding::Xml, &xml)
        }
    };
    assert_eq!(converted.message, message);
}

fn has_unsupported(commands: &[Command]) -> bool {
    let mut open: alloc::vec::Vec<&Command> = commands.iter().collect();
    while let Some(command) = open.pop() {
        if matches!(command, Command::Unsupported(_)) {
            return true;
        }
        open.extend(command.children());
    }
    false
}
