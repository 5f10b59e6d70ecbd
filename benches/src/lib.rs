//! Inputs of the benches, each with a line on its shape.

pub mod session;
pub mod tree;

use std::sync::Arc;

use dm_proto::{
    AlertCode, Data, StatusCode,
    message::{
        Add, Alert, Atomic, Command, Cred, Get, Item, Meta, Replace, Results, Sequence, Status,
        SyncMl,
    },
};

/// A message and its name in the paths of the benches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Input {
    /// The last part of the path.
    pub name: &'static str,
    /// The message.
    pub message: SyncMl,
}

/// Every input of the codec's benches.
#[must_use]
pub fn codec_inputs() -> Vec<Input> {
    vec![
        Input {
            name: "package",
            message: package(),
        },
        Input {
            name: "inventory",
            message: inventory(),
        },
        Input {
            name: "statuses",
            message: statuses(),
        },
        Input {
            name: "deep",
            message: deep(),
        },
        Input {
            name: "large-text",
            message: large(Data::text("0123456789abcde\n".repeat(4096))),
        },
        Input {
            name: "large-octets",
            message: large(Data::binary(octets())),
        },
    ]
}

/// A client's first message, about 2 KB as XML: two alerts, credentials, and DevInfo in eight items.
#[must_use]
pub fn package() -> SyncMl {
    let mut message = empty();
    message.header.cred = Some(Box::new(Cred {
        meta: Some(Arc::new(Meta::format("b64").with_type("syncml:auth-md5"))),
        data: "Zz6EivR3yeaaENcRN6lpAQ==".into(),
        ..Cred::default()
    }));
    let values = [
        ("./DevInfo/DevId", "IMEI:004999010640000"),
        ("./DevInfo/Man", "Example"),
        ("./DevInfo/Mod", "Lamp 3"),
        ("./DevInfo/DmV", "1.2"),
        ("./DevInfo/Lang", "en"),
        ("./DevInfo/Ext/Vendor/Serial", "4711-0815"),
        ("./DevInfo/Ext/Vendor/Region", "Europe"),
        ("./DevInfo/Ext/Vendor/Channel", "stable"),
    ];
    message.commands = vec![
        alert(1, AlertCode::SERVER_INITIATED_MGMT),
        alert(2, AlertCode::GENERIC_ALERT),
        Replace {
            cmd_id: 3.into(),
            items: values.map(|(uri, value)| leaf(uri, value)).to_vec(),
            ..Replace::default()
        }
        .into(),
    ];
    message
}

/// About 100 KB as XML: results in 400 items with URIs, types and values of 30 to 60 octets.
#[must_use]
pub fn inventory() -> SyncMl {
    let mut message = empty();
    let items = (0..400)
        .map(|number| {
            leaf(
                &format!("./SCOMO/Inventory/Deployed/Component-{number}/Version"),
                &format!("{number}.17.4 (build of the 4th of May, {number})"),
            )
        })
        .collect();
    message.commands = vec![
        Results {
            cmd_id: 1.into(),
            msg_ref: Some(2.into()),
            cmd_ref: 5.into(),
            items,
            ..Results::default()
        }
        .into(),
    ];
    message
}

/// Three hundred statuses, each with a target reference, and nothing else.
#[must_use]
pub fn statuses() -> SyncMl {
    let mut message = empty();
    message.commands = (1..=300)
        .map(|number| {
            Status {
                cmd_id: number.into(),
                msg_ref: 1.into(),
                cmd_ref: number.into(),
                cmd: "Replace".into(),
                target_refs: vec![format!("./Example/{number}").into()],
                data: StatusCode::OK,
                ..Status::default()
            }
            .into()
        })
        .collect();
    message
}

/// Twenty-four containers, each in the other, each with a `Get` of its own: as deep as the default
/// limit allows, about 4 KB as XML.
#[must_use]
pub fn deep() -> SyncMl {
    let mut message = empty();
    for number in 0..24_u32 {
        let mut commands: Vec<Command> = vec![
            Get {
                cmd_id: (100 + number).into(),
                items: vec![Item::for_target(
                    format!("./Example/Level-{number}").as_str(),
                )],
                ..Get::default()
            }
            .into(),
        ];
        commands.append(&mut message.commands);
        message.commands = vec![if number % 2 == 0 {
            Sequence {
                cmd_id: number.into(),
                commands,
                ..Sequence::default()
            }
            .into()
        } else {
            Atomic {
                cmd_id: number.into(),
                commands,
                ..Atomic::default()
            }
            .into()
        }];
    }
    message
}

/// One `Add` with 64 KB of data, and a `Get`.
fn large(data: Data) -> SyncMl {
    let mut message = empty();
    let format = if data.is_binary() { "bin" } else { "chr" };
    message.commands = vec![
        Add {
            cmd_id: 1.into(),
            items: vec![
                Item::for_target("./Example/Large")
                    .with_meta(Meta::format(format))
                    .with_data(data),
            ],
            ..Add::default()
        }
        .into(),
        Get {
            cmd_id: 2.into(),
            items: vec![Item::for_target("./DevDetail")],
            ..Get::default()
        }
        .into(),
    ];
    message
}

fn octets() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(65_536).collect()
}

fn empty() -> SyncMl {
    let mut message = SyncMl {
        is_final: true,
        ..SyncMl::default()
    };
    let header = &mut message.header;
    header.ver_dtd = "1.2".into();
    header.ver_proto = "DM/1.2".into();
    header.session_id = "2A".into();
    header.msg_id = 1.into();
    header.target = "https://dm.example.com/dm".into();
    header.source = "IMEI:004999010640000".into();
    header.meta = Some(Arc::new(Meta {
        max_msg_size: Some(65_536),
        ..Meta::default()
    }));
    message
}

fn alert(number: u32, code: AlertCode) -> Command {
    Alert {
        cmd_id: number.into(),
        code: Some(code),
        ..Alert::default()
    }
    .into()
}

fn leaf(uri: &str, value: &str) -> Item {
    Item::for_source(uri)
        .with_meta(Meta::format("chr").with_type("text/plain"))
        .with_data(value)
}

#[cfg(test)]
mod tests {
    use dm_proto::codec::{Encoding, encode};

    use super::*;

    #[test]
    fn inputs_have_the_sizes_that_their_descriptions_give() {
        for (message, sizes) in [
            (package(), 1800..2300),
            (inventory(), 90_000..110_000),
            (statuses(), 30_000..60_000),
            (deep(), 3_000..5_000),
        ] {
            let octets = encode(Encoding::Xml, &message).expect("xml has a form for it");
            assert!(sizes.contains(&octets.len()), "{} octets", octets.len());
        }
    }
}
