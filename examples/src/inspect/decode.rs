//! `dm-inspect decode`.

use bytes::Bytes;
use dm_proto::codec::{
    self, ConvertOptions, DecodeOptions, DocumentType, Encoding, wbxml_to_xml, xml_to_wbxml,
};

use super::{
    DecodeArgs, Doc, Failure, From, To, json::to_json, limits, outline, read_input, write_output,
};

/// Reads a document, lists tolerances on standard error and writes it on standard output.
pub(super) fn run(args: &DecodeArgs) -> Result<(), Failure> {
    let octets = Bytes::from(read_input(&args.file)?);
    let encoding = match args.from {
        From::Auto => guess(&octets),
        From::Xml => Encoding::Xml,
        From::Wbxml => Encoding::Wbxml,
    };
    let document = match args.doc {
        Doc::Auto | Doc::Syncml => return message(args, encoding, &octets),
        Doc::Devinf => DocumentType::DevInf,
        Doc::Dmddf => DocumentType::DmDdf,
        Doc::Cp => DocumentType::Provisioning,
    };
    convert(args.to, encoding, octets, document)
}

/// Converts a document that is no message, without a model of it.
fn convert(
    to: To,
    encoding: Encoding,
    octets: Bytes,
    document: DocumentType,
) -> Result<(), Failure> {
    if matches!(to, To::Json | To::Outline) {
        return Err(Failure::Unsupported(
            "outlines and JSON of documents other than messages (see --to xml)",
        ));
    }
    let options = ConvertOptions::default()
        .with_limits(limits())
        .with_document(document);
    // Through XML in any case: what is shown is what was understood.
    let xml = match encoding {
        Encoding::Wbxml => {
            let options = options.clone().with_indent(to == To::Xml);
            wbxml_to_xml(&octets, &options)
                .map_err(Failure::Decode)?
                .octets
        }
        _ => octets,
    };
    let wbxml = |xml: &Bytes| {
        let converted = xml_to_wbxml(xml, &options).map_err(Failure::Decode)?;
        Ok(converted.octets)
    };
    match (to, encoding) {
        (To::Wbxml, _) => write_output(&wbxml(&xml)?),
        (_, Encoding::Wbxml) => {
            write_output(&xml)?;
            write_output(b"\n")
        }
        _ => {
            let options = options.clone().with_indent(true);
            let read = wbxml_to_xml(&wbxml(&xml)?, &options).map_err(Failure::Decode)?;
            write_output(&read.octets)?;
            write_output(b"\n")
        }
    }
}

/// Decodes a message, and writes it in another form.
fn message(args: &DecodeArgs, encoding: Encoding, octets: &Bytes) -> Result<(), Failure> {
    let options = if args.strict {
        DecodeOptions::strict(limits())
    } else {
        DecodeOptions::lenient(limits())
    };
    let decoded = codec::decode(encoding, octets, &options).map_err(Failure::Decode)?;
    for tolerance in &decoded.tolerances {
        anstream::eprintln!("warning: {encoding} {tolerance}");
    }
    let message = &decoded.message;
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
fn guess(octets: &[u8]) -> Encoding {
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
