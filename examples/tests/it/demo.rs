//! `dm-demo`: every flow ends as it must, and an independent reader understands every message.

use std::{io::ErrorKind, path::Path, process::Command};

use bytes::Bytes;
use dm_examples::demo;
use dm_proto::{
    codec::{DecodeOptions, Encoding, decode},
    message::SyncMl,
};

#[test]
fn every_flow_ends_as_it_must_in_both_encodings() {
    let folder = tempfile::tempdir().unwrap();
    for encoding in ["xml", "wbxml"] {
        let diagrams = folder.path().join(format!("{encoding}.md"));
        let output = Command::new(env!("CARGO_BIN_EXE_dm-demo"))
            .args(["--encoding", encoding, "--mermaid"])
            .arg(&diagrams)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        // What is no terminal gets no colour.
        assert!(!text.contains('\u{1b}'));
        let last = text.lines().last().unwrap();
        let flows: usize = last.split(' ').next().unwrap().parse().unwrap();
        assert!(last.starts_with(&format!("{flows} of {flows} flows")));
        let diagrams = std::fs::read_to_string(diagrams).unwrap();
        assert_eq!(diagrams.matches("sequenceDiagram").count(), flows);
    }
}

#[test]
fn every_message_means_the_same_to_wbxml2xml() {
    let folder = tempfile::tempdir().unwrap();
    let report = demo::run(Encoding::Wbxml, &mut std::io::sink()).unwrap();
    assert!(report.messages.len() > 100);
    let mut octets = 0;
    for sent in &report.messages {
        let Some(xml) = wbxml2xml(folder.path(), &sent.octets) else {
            println!("SKIPPED: wbxml2xml is not installed (Debian: libwbxml2-utils)");
            return;
        };
        // It writes octets as they are, which is no XML: those of the package that is delivered in pieces.
        if xml.contains(&0) {
            octets += 1;
            continue;
        }
        let options = DecodeOptions::default();
        let read = decode(Encoding::Xml, &xml, &options)
            .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&xml)));
        assert_same(&read.message, &sent.message);
    }
    assert!(octets < 5, "{octets} messages were passed over");
}

/// Converts a document, or `None` where the program is not installed.
fn wbxml2xml(folder: &Path, wbxml: &Bytes) -> Option<Bytes> {
    let file = folder.join("message.wbxml");
    std::fs::write(&file, wbxml).unwrap();
    let output = match Command::new("wbxml2xml")
        .args(["-m", "0", "-o", "-"])
        .arg(&file)
        .output()
    {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("wbxml2xml: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{errors}"
    );
    Some(output.stdout.into())
}

fn assert_same(read: &SyncMl, sent: &SyncMl) {
    assert_eq!(read, sent);
}
