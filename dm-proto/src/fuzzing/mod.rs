//! Bodies of the fuzz targets in `fuzz/`, here so that they are compiled, linted and changed with the
//! code. Each states the properties that it enforces; breaking one panics.

mod convert;
mod cross_codec;
#[cfg(feature = "session")]
mod notification;
#[cfg(feature = "session")]
mod push;
#[cfg(feature = "testing")]
mod sessions;

use bytes::Bytes;

#[cfg(feature = "bootstrap")]
pub use self::push::bootstrap;
#[cfg(feature = "testing")]
pub use self::sessions::{client_session, server_session};
pub use self::{convert::convert, cross_codec::cross_codec};
#[cfg(feature = "session")]
pub use self::{notification::notification, push::wap_push};
use crate::{
    EncodeError, Fragment, Limits,
    codec::{DecodeOptions, Encoding, decode, decode_fragment, encode, encode_fragment},
    message::{Command, Item, Meta, SyncMl},
};

/// XML: any octets give a message or an error, see [`wbxml_decode`].
pub fn xml_decode(octets: &[u8]) {
    check_decode(Encoding::Xml, octets);
}

/// WBXML: any octets give a message or an error.
///
/// Strict mode accepts exactly what lenient mode reads without a tolerance, and reads it the same.
/// Offsets lie within the input.
pub fn wbxml_decode(octets: &[u8]) {
    check_decode(Encoding::Wbxml, octets);
}

/// What is read is written and read back the same, in its own encoding and from XML through WBXML. From
/// WBXML to XML it is the same, or refused, since XML has no form for some of it.
pub fn round_trip(octets: &[u8]) {
    let Some(encoding) = Encoding::detect(octets) else {
        return;
    };
    let octets = Bytes::copy_from_slice(octets);
    let options = DecodeOptions::default();
    if let Ok(fragment) = decode_fragment(encoding, &octets, &options) {
        round_trip_fragment(encoding, &fragment);
    }
    let Ok(decoded) = decode(encoding, &octets, &options) else {
        return;
    };
    let message = decoded.message;
    let again = match encode(encoding, &message) {
        Ok(octets) => read(encoding, &octets),
        // Undeclared prefixes are read in any number, but have to be declared.
        Err(EncodeError::TooManyNamespaces { .. } | EncodeError::TooManyAttributes { .. }) => {
            return;
        }
        Err(error) => panic!("what was read cannot be written: {error}"),
    };
    if !has_octets_called_base64(&message) {
        assert_eq!(again, message);
    }
    match encoding {
        Encoding::Xml => assert_eq!(read_back(Encoding::Wbxml, &message), message),
        Encoding::Wbxml => {
            if let Ok(xml) = encode(Encoding::Xml, &message) {
                let through = read(Encoding::Xml, &xml);
                assert_eq!(encode(Encoding::Xml, &through), Ok(xml));
            }
        }
    }
}

fn round_trip_fragment(encoding: Encoding, fragment: &Fragment) {
    match encode_fragment(encoding, fragment) {
        Ok(octets) => {
            let again = decode_fragment(encoding, &octets, &DecodeOptions::lenient(wide_limits()));
            assert_eq!(again.as_ref(), Ok(fragment));
        }
        Err(EncodeError::TooManyNamespaces { .. } | EncodeError::TooManyAttributes { .. }) => {}
        Err(error) => panic!("what was read cannot be written: {error}"),
    }
}

fn check_decode(encoding: Encoding, octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    let lenient = decode(encoding, &octets, &DecodeOptions::default());
    let strict = decode(encoding, &octets, &DecodeOptions::strict(Limits::default()));
    match lenient {
        Ok(lenient) => {
            for tolerance in &lenient.tolerances {
                assert!(tolerance.offset <= octets.len());
            }
            match strict {
                Ok(strict) => assert_eq!(strict, lenient),
                Err(error) => assert_eq!(
                    lenient.tolerances.first().map(|tolerance| tolerance.offset),
                    Some(error.offset()),
                ),
            }
        }
        Err(error) => {
            assert!(error.offset() <= octets.len());
            assert!(strict.is_err());
        }
    }
}

fn read_back(encoding: Encoding, message: &SyncMl) -> SyncMl {
    let octets = encode(encoding, message).expect("what was read can be written");
    read(encoding, &octets)
}

fn read(encoding: Encoding, octets: &Bytes) -> SyncMl {
    decode(encoding, octets, &DecodeOptions::lenient(wide_limits()))
        .expect("what was written can be read")
        .message
}

/// The other encoding may need more octets for the same message.
fn wide_limits() -> Limits {
    Limits::default()
        .with_message_size(64 << 20)
        .with_memory(256 << 20)
}

/// Whether some data is octets while its Format says Base64, which the writer corrects.
fn has_octets_called_base64(message: &SyncMl) -> bool {
    let mut open: alloc::vec::Vec<&Command> = message.commands.iter().collect();
    while let Some(command) = open.pop() {
        let meta = match command {
            Command::Add(command) => command.meta.as_deref(),
            Command::Copy(command) => command.meta.as_deref(),
            Command::Delete(command) => command.meta.as_deref(),
            Command::Exec(command) => command.meta.as_deref(),
            Command::Get(command) => command.meta.as_deref(),
            Command::Replace(command) => command.meta.as_deref(),
            Command::Results(command) => command.meta.as_deref(),
            _ => None,
        };
        if command
            .items()
            .iter()
            .any(|item| is_octets_called_base64(item, meta))
        {
            return true;
        }
        open.extend(command.children());
    }
    false
}

fn is_octets_called_base64(item: &Item, command: Option<&Meta>) -> bool {
    let format = item
        .meta
        .as_deref()
        .and_then(|meta| meta.format.as_deref())
        .or_else(|| command?.format.as_deref());
    format == Some("b64") && item.data.as_ref().is_some_and(crate::Data::is_binary)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        vec::Vec,
    };

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// What is in a folder, in order.
    fn entries(folder: &Path) -> Vec<PathBuf> {
        let mut entries: Vec<_> = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        entries.sort();
        entries
    }

    fn replay(target: &str, body: fn(&[u8])) {
        let folder = root().join("fuzz/corpus").join(target);
        let seeds = entries(&folder);
        assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
        for seed in seeds {
            body(&fs::read(seed).expect("a readable seed"));
        }
    }

    #[test]
    fn every_target_has_seeds_that_are_replayed() {
        let crates = ["dm-proto", "dm-tree", "scomo"].map(|name| {
            let path = root().join(name).join("src/fuzzing/mod.rs");
            fs::read_to_string(path).expect("the bodies of targets")
        });
        let targets = entries(&root().join("fuzz/fuzz_targets"));
        assert_eq!(targets.len(), entries(&root().join("fuzz/corpus")).len());
        for target in targets {
            let name = target.file_stem().expect("a name").to_string_lossy();
            let replay = alloc::format!("replay(\"{name}\", ");
            assert!(
                crates.iter().any(|bodies| bodies.contains(&replay)),
                "{name}"
            );
        }
    }

    #[test]
    fn every_class_of_hazards_has_the_seeds_that_its_row_names() {
        let text = fs::read_to_string(root().join("SECURITY.md")).expect("it is there");
        for class in 1..=12 {
            let row = text
                .lines()
                .find(|line| line.starts_with(&alloc::format!("| {class} |")))
                .unwrap_or_else(|| panic!("no row for class {class}"));
            let seeds = row.rsplit('|').nth(1).expect("a last column");
            let seeds: Vec<&str> = seeds.split_whitespace().collect();
            assert!(!seeds.is_empty(), "class {class}");
            for seed in seeds {
                let path = root().join("fuzz/corpus").join(seed.trim_matches('`'));
                assert!(path.is_file(), "{seed} of class {class}");
            }
        }
    }

    #[test]
    fn seeds_of_xml_decode_hold_its_properties() {
        replay("xml_decode", xml_decode);
    }

    #[test]
    fn seeds_of_wbxml_decode_hold_its_properties() {
        replay("wbxml_decode", wbxml_decode);
    }

    #[test]
    fn seeds_of_round_trip_hold_its_properties() {
        replay("round_trip", round_trip);
    }

    #[test]
    fn seeds_of_cross_codec_hold_its_properties() {
        replay("cross_codec", cross_codec);
    }

    #[test]
    fn seeds_of_convert_hold_its_properties() {
        replay("convert", convert);
    }

    #[cfg(feature = "session")]
    #[test]
    fn seeds_of_notification_hold_its_properties() {
        replay("notification", notification);
    }

    #[cfg(feature = "session")]
    #[test]
    fn seeds_of_wap_push_hold_its_properties() {
        replay("wap_push", wap_push);
    }

    #[cfg(feature = "bootstrap")]
    #[test]
    fn seeds_of_bootstrap_hold_its_properties() {
        replay("bootstrap", bootstrap);
    }

    #[cfg(feature = "testing")]
    #[test]
    fn seeds_of_client_session_hold_its_properties() {
        replay("client_session", client_session);
    }

    #[cfg(feature = "testing")]
    #[test]
    fn seeds_of_server_session_hold_its_properties() {
        replay("server_session", server_session);
    }
}
