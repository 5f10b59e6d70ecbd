//! What we write as WBXML, an independent reader reads with the same meaning: `wbxml2xml` of libwbxml,
//! looked up on `PATH` (Debian: `libwbxml2-utils`).

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use bytes::Bytes;
use dm_proto::{
    Text,
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Item, Meta, Replace, SyncMl},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::vectors;

/// Converts a document, or `None` where the program is not installed.
fn wbxml2xml(wbxml: &Bytes) -> Option<Bytes> {
    let folder = std::env::temp_dir().join(format!("dm-proto-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let thread = format!("{:?}", std::thread::current().id());
    let input = folder.join(format!("{thread}.wbxml"));
    std::fs::write(&input, wbxml).expect("a temporary file");
    let output = Command::new("wbxml2xml")
        .args(["-m", "0", "-o", "-"])
        .arg(&input)
        .stderr(Stdio::piped())
        .output();
    let _ = std::fs::remove_file(&input);
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("SKIPPED: wbxml2xml is not installed (Debian: libwbxml2-utils)");
            return None;
        }
        Err(error) => panic!("wbxml2xml: {error}"),
    };
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "wbxml2xml: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout.into())
}

fn read(encoding: Encoding, octets: &Bytes) -> SyncMl {
    match decode(encoding, octets, &DecodeOptions::default()) {
        Ok(decoded) => decoded.message,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(octets)),
    }
}

#[test]
fn vectors_mean_the_same_to_wbxml2xml() {
    for name in vectors::names() {
        // It copies octets into its XML as they are, and makes a prefix of a name that has none.
        if ["binary-results", "windows-original-error"].contains(&name.as_str()) {
            continue;
        }
        let octets = vectors::octets(&name, Encoding::Wbxml);
        let Some(xml) = wbxml2xml(&octets) else {
            return;
        };
        assert_eq!(
            read(Encoding::Xml, &xml),
            read(Encoding::Wbxml, &octets),
            "{name}"
        );
    }
}

/// Text that the program does not change on its way: it trims, and writes line ends as they are.
fn text() -> impl Strategy<Value = Text> {
    "[!-~é€]([ -~é€]{0,30}[!-~é€])?".prop_map(Text::from)
}

fn generated() -> impl Strategy<Value = SyncMl> {
    let item = (text(), text(), text(), text()).prop_map(|(target, format, type_, data)| {
        Item::for_target(target)
            .with_meta(Meta::format(format).with_type(type_))
            .with_data(data)
    });
    let items = proptest::collection::vec(item, 1..4);
    (text(), text(), items, proptest::bool::ANY).prop_map(
        |(session_id, cmd_id, items, is_final)| {
            let mut message = SyncMl {
                is_final,
                ..SyncMl::default()
            };
            message.header.ver_dtd = "1.2".into();
            message.header.ver_proto = "DM/1.2".into();
            message.header.session_id = session_id.into();
            message.header.target = "t".into();
            message.commands = vec![
                Alert {
                    cmd_id: cmd_id.clone().into(),
                    ..Alert::default()
                }
                .into(),
                Replace {
                    cmd_id: cmd_id.into(),
                    items,
                    ..Replace::default()
                }
                .into(),
            ];
            message
        },
    )
}

#[test]
fn generated_messages_mean_the_same_to_wbxml2xml() {
    let mut runner = TestRunner::deterministic();
    let strategy = generated();
    for _ in 0..50 {
        let message = strategy.new_tree(&mut runner).expect("a message").current();
        let octets = encode(Encoding::Wbxml, &message).expect("wbxml has a form for it");
        let Some(xml) = wbxml2xml(&octets) else {
            return;
        };
        assert_eq!(read(Encoding::Xml, &xml), message);
    }
}
