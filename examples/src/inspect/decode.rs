//! `dm-inspect decode`.

use bytes::Bytes;
use dm_proto::{
    DecodeError, DecodeErrorKind,
    codec::{
        self, ConvertOptions, DecodeOptions, Document, DocumentOptions, DocumentType, Encoding,
        Mode, Tolerance, wbxml_to_xml, xml_to_wbxml,
    },
};

use super::{
    DecodeArgs, Doc, Failure, From, To, document::document_to_json, document::outline_document,
    json::to_json, limits, outline, read_input, write_output,
};
use crate::printable::printable_line;

/// Reads a document, lists tolerances on standard error and writes it on standard output.
pub(super) fn run(args: &DecodeArgs) -> Result<(), Failure> {
    let octets = Bytes::from(read_input(&args.file)?);
    let encoding = match args.from {
        From::Auto => guess(&octets),
        From::Xml => Encoding::Xml,
        From::Wbxml => Encoding::Wbxml,
    };
    let document = match args.doc {
        Doc::Syncml => return message(args, encoding, &octets),
        Doc::Auto => match DocumentType::detect(encoding, &octets) {
            Some(DocumentType::SyncMl) => return message(args, encoding, &octets),
            // What is not known is called what it is not: a message.
            None => {
                return message(args, encoding, &octets).map_err(|failure| match failure {
                    Failure::Decode(error) if is_other(&error) => Failure::Unidentified(error),
                    failure => failure,
                });
            }
            Some(document) => document,
        },
        Doc::Metinf => DocumentType::MetInf,
        Doc::Devinf => DocumentType::DevInf,
        Doc::Dmddf => DocumentType::DmDdf,
        Doc::Cp => DocumentType::Provisioning,
    };
    other(args, encoding, &octets, document)
}

/// Whether an error says that WBXML is no message.
fn is_other(error: &DecodeError) -> bool {
    error.encoding() == Encoding::Wbxml && matches!(error.kind(), DecodeErrorKind::NotSyncMl { .. })
}

/// Reads a document that is no message, and writes it in another form.
fn other(
    args: &DecodeArgs,
    encoding: Encoding,
    octets: &Bytes,
    document: DocumentType,
) -> Result<(), Failure> {
    let options = document_options(args.strict).with_document(document);
    // Between the encodings, values change their form too.
    let convert = ConvertOptions::default()
        .with_limits(options.limits.clone())
        .with_document(document)
        .with_mode(options.mode)
        .with_indent(true);
    let converted = match (encoding, args.to) {
        (Encoding::Wbxml, To::Xml) => Some(wbxml_to_xml(octets, &convert)),
        (Encoding::Xml, To::Wbxml) => Some(xml_to_wbxml(octets, &convert)),
        _ => None,
    };
    let out = match converted {
        Some(converted) => {
            let converted = converted.map_err(Failure::Decode)?;
            warn(encoding, &converted.tolerances);
            converted.octets
        }
        None => {
            let document = read(encoding, octets, &options)?;
            match args.to {
                To::Xml => document.to_xml(true).map_err(Failure::Encode)?,
                To::Wbxml => document.encode(Encoding::Wbxml).map_err(Failure::Encode)?,
                To::Json => format!("{:#}", document_to_json(&document)).into(),
                To::Outline => outline_document(&document).into(),
            }
        }
    };
    write_output(&out)?;
    match args.to {
        // A shell prompt should not stand behind the last tag.
        To::Xml | To::Json => write_output(b"\n"),
        To::Wbxml | To::Outline => Ok(()),
    }
}

/// Reads a document as elements, and lists tolerances on standard error.
pub(super) fn read(
    encoding: Encoding,
    octets: &Bytes,
    options: &DocumentOptions,
) -> Result<Document, Failure> {
    let document = Document::read(encoding, octets, options).map_err(Failure::Decode)?;
    warn(encoding, document.tolerances());
    Ok(document)
}

fn warn(encoding: Encoding, tolerances: &[Tolerance]) {
    for tolerance in tolerances {
        let warning = format!("warning: {encoding} {tolerance}");
        anstream::eprintln!("{}", printable_line(&warning));
    }
}

/// How documents are read here.
pub(super) fn document_options(strict: bool) -> DocumentOptions {
    let depth = DocumentOptions::default().limits.depth;
    let mode = if strict { Mode::Strict } else { Mode::Lenient };
    DocumentOptions::default()
        .with_limits(limits().with_depth(depth))
        .with_mode(mode)
}

/// Decodes a message, and writes it in another form.
fn message(args: &DecodeArgs, encoding: Encoding, octets: &Bytes) -> Result<(), Failure> {
    let options = if args.strict {
        DecodeOptions::strict(limits())
    } else {
        DecodeOptions::lenient(limits())
    };
    let decoded = codec::decode(encoding, octets, &options).map_err(Failure::Decode)?;
    let message = &decoded.message;
    // Between the encodings, what the model has no place for is kept, and documents in Data follow.
    let convert = ConvertOptions::default()
        .with_limits(options.limits)
        .with_document(DocumentType::SyncMl)
        .with_mode(options.mode);
    let converted = match (encoding, args.to) {
        (Encoding::Wbxml, To::Xml) => Some(wbxml_to_xml(octets, &convert)),
        (Encoding::Xml, To::Wbxml) => Some(xml_to_wbxml(octets, &convert)),
        _ => None,
    };
    let mut tolerances = decoded.tolerances;
    if let Some(converted) = converted {
        let converted = converted.map_err(Failure::Decode)?;
        let new = converted.tolerances.into_iter();
        tolerances.extend(
            new.filter(|tolerance| !tolerances.contains(tolerance))
                .collect::<Vec<_>>(),
        );
        tolerances.sort_by_key(|tolerance| tolerance.offset);
        warn(encoding, &tolerances);
        write_output(&converted.octets)?;
        return match args.to {
            // A shell prompt should not stand behind the last tag.
            To::Xml => write_output(b"\n"),
            _ => Ok(()),
        };
    }
    warn(encoding, &tolerances);
    match args.to {
        To::Xml => {
            let xml = codec::encode(Encoding::Xml, message).map_err(Failure::Encode)?;
            write_output(&xml)?;
            // A shell prompt should not stand behind the last tag.
            write_output(b"\n")
        }
        To::Wbxml => {
            let wbxml = codec::encode(Encoding::Wbxml, message).map_err(Failure::Encode)?;
            write_output(&wbxml)
        }
        To::Json => write_output(format!("{:#}\n", to_json(message)).as_bytes()),
        To::Outline => write_output(outline(message).as_bytes()),
    }
}

/// XML if it begins like XML: `<` after a byte order mark and white space, or UTF-16. No WBXML version
/// octet in use looks like any of these.
pub(super) fn guess(octets: &[u8]) -> Encoding {
    if octets.starts_with(b"\xFE\xFF") || octets.starts_with(b"\xFF\xFE") {
        return Encoding::Xml;
    }
    let text = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    if text.trim_ascii_start().starts_with(b"<") {
        Encoding::Xml
    } else {
        Encoding::Wbxml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_told_by_its_first_character_or_byte_order_mark() {
        for xml in [
            &b"<SyncML/>"[..],
            b"\r\n <?xml",
            b"\xEF\xBB\xBF<a/>",
            b"\xFF\xFE<\0",
        ] {
            assert_eq!(guess(xml), Encoding::Xml, "{xml:?}");
        }
        for wbxml in [&b"\x02\xA4\x01\x6A\0"[..], b"\x03\0\0", b""] {
            assert_eq!(guess(wbxml), Encoding::Wbxml, "{wbxml:?}");
        }
    }
}
