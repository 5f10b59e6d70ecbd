//! Peers of DM 1.1, 1.2 and 1.3. OMA-TS-DM_RepPro, `VerDTD`, `VerProto`.

use dm_proto::{
    StatusCode,
    codec::Encoding,
    message::Command,
    session::{Ending, Incompatibility, ProtocolVersion, SessionError},
    testing::{PairError, message},
};

use crate::session_support::*;

#[test]
fn a_session_is_held_in_the_version_of_the_device_from_end_to_end() {
    for encoding in ENCODINGS {
        for version in ProtocolVersion::ALL {
            let mut scene = Scene::new(encoding)
                .send(exec("./Op"))
                .batch([get(&["./A"]), replace(&["./B"])]);
            scene.client.version = *version;
            let pair = scene.run();

            assert_eq!(
                pair.client.device.executed,
                ["Exec ./Op", "Get ./A", "Replace ./B"],
                "{version:?}"
            );
            assert_eq!(pair.client.ending, Some(Ending::Complete));
            for (_, message) in pair.messages().expect("messages") {
                assert_eq!(message.header.ver_dtd, version.ver_dtd());
                assert_eq!(message.header.ver_proto, version.ver_proto());
            }
            let octets = &pair.transcript[0].1.body;
            match (encoding, version) {
                (Encoding::Xml, ProtocolVersion::Dm1_1) => {
                    assert!(octets.starts_with(b"<SyncML xmlns=\"SYNCML:SYNCML1.1\">"));
                }
                // The public identifier of SyncML 1.1.
                (Encoding::Wbxml, ProtocolVersion::Dm1_1) => {
                    assert_eq!(octets[1..3], [0x9F, 0x53]);
                }
                (Encoding::Wbxml, _) => assert_eq!(octets[1..3], [0xA4, 0x01]),
                _ => assert!(octets.starts_with(b"<SyncML xmlns=\"SYNCML:SYNCML1.2\">")),
            }
        }
    }
}

#[test]
fn a_version_that_is_not_configured_is_refused_with_those_that_are() {
    let cases: [(&[ProtocolVersion], _, u16, &[&str], _); 3] = [
        (
            &[ProtocolVersion::Dm1_2],
            ProtocolVersion::Dm1_3,
            513,
            &["DM/1.2"],
            Incompatibility::VerProto("DM/1.3".into()),
        ),
        (
            &[ProtocolVersion::Dm1_2, ProtocolVersion::Dm1_3],
            ProtocolVersion::Dm1_1,
            505,
            &["1.2"],
            Incompatibility::VerDtd("1.1".into()),
        ),
        (
            &[ProtocolVersion::Dm1_1],
            ProtocolVersion::Dm1_2,
            505,
            &["1.1"],
            Incompatibility::VerDtd("1.2".into()),
        ),
    ];
    for (known, spoken, code, told, cause) in cases {
        let mut scene = Scene::new(Encoding::Wbxml).send(exec("./Op"));
        scene.client.version = spoken;
        scene.server.versions = known.to_vec();
        let mut pair = scene.pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("a refusal");
        let refusal = message(&answer).expect("a message");

        let Some(Command::Status(status)) = refusal.commands.first() else {
            panic!("the first command is a status");
        };
        assert_eq!(status.data, StatusCode::new(code));
        let items: Vec<&str> = status
            .items
            .iter()
            .filter_map(|item| item.data.as_ref()?.as_str())
            .collect();
        assert_eq!(items, told);
        assert_eq!(
            pair.server.ending,
            Some(Ending::Failed(SessionError::PeerIncompatible(cause)))
        );
        assert!(
            pair.server
                .manager
                .heard
                .iter()
                .all(|line| line.starts_with("ended"))
        );
    }
}

#[test]
fn a_device_that_is_refused_for_its_version_hears_which_status_it_was() {
    let mut scene = Scene::new(Encoding::Xml);
    scene.client.version = ProtocolVersion::Dm1_3;
    scene.server.versions = vec![ProtocolVersion::Dm1_2];
    let ended = scene.pair().run();
    assert_eq!(
        ended,
        Err(PairError::Client(SessionError::Rejected(
            StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED
        )))
    );
}
