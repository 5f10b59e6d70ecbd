//! A whole session of a server with a Windows device, message by message. MS-MDM, and what devices of it are
//! seen to send: no credentials, login status, identifiers of their own kind, `./User` and `./Device`,
//! statuses with attributes of another namespace.

use bytes::Bytes;
use dm_proto::{
    StatusCode,
    auth::Credentials,
    codec::Encoding,
    message::{Command, Get, Item, Meta, Replace},
    session::{DeviceProfile, Ending, Transmit},
    testing::message,
};

use crate::session_support::*;

/// Where the device sends its messages: the query is its own, and comes back as it is.
const SERVER: &str = "https://mdm.test/dm?mode=Maintenance&amp;Platform=WoA";
const DEVICE: &str = "urn:uuid:4F0E5C0A-0D2C-4A4F-9A4F-2F6E4E0C7B11";

fn header(session_id: &str, msg_id: u32) -> String {
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>{session_id}</SessionID><MsgID>{msg_id}</MsgID>\
         <Target><LocURI>{SERVER}</LocURI></Target><Source><LocURI>{DEVICE}</LocURI></Source></SyncHdr>"
    )
}

fn answer_header(session_id: &str, msg_id: u32) -> String {
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr>\
         <VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>{session_id}</SessionID><MsgID>{msg_id}</MsgID>\
         <Target><LocURI>{DEVICE}</LocURI></Target><Source><LocURI>{SERVER}</LocURI></Source>\
         <Meta><MaxMsgSize xmlns=\"syncml:metinf\">65536</MaxMsgSize>\
         <MaxObjSize xmlns=\"syncml:metinf\">1048576</MaxObjSize></Meta></SyncHdr>"
    )
}

/// The status of a header.
fn of_header(cmd_id: u32, msg_ref: u32) -> String {
    format!(
        "<Status><CmdID>{cmd_id}</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>\
         <TargetRef>{SERVER}</TargetRef><SourceRef>{DEVICE}</SourceRef><Data>200</Data></Status>"
    )
}

fn status(cmd_id: u32, msg_ref: u32, cmd_ref: &str, name: &str, code: u16) -> String {
    format!(
        "<Status><CmdID>{cmd_id}</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>{cmd_ref}</CmdRef>\
         <Cmd>{name}</Cmd><Data>{code}</Data></Status>"
    )
}

fn request(template: &Transmit, xml: String) -> Transmit {
    let mut request = template.clone();
    request.body = Bytes::from(xml);
    request
}

/// What the server says, as it is written.
fn said(answer: &Transmit) -> String {
    String::from_utf8(answer.body.to_vec()).expect("xml is text")
}

#[test]
fn a_windows_device_is_managed_from_its_first_message_to_its_last() {
    let uri = "./Device/Vendor/MSFT/Policy/Config";
    let get: Command = Get {
        items: vec![Item::for_target(uri)],
        ..Get::default()
    }
    .into();
    let replace: Command = Replace {
        items: vec![
            Item::for_target("./User/Vendor/MSFT/Policy/Config/Start/Some%20Name")
                .with_meta(Meta::of_type("text/plain").with_format("int"))
                .with_data("1"),
        ],
        ..Replace::default()
    }
    .into();
    // Decimal, hexadecimal, and none at all.
    for session_id in ["7", "1A", "0"] {
        let scene = Scene::new(Encoding::Xml)
            .accounts(account(Credentials::transport(), Credentials::transport()))
            .batch([get.clone(), replace.clone()]);
        let mut pair = scene.pair();
        let template = pair.client.transmit().expect("a message to be like");

        let package_1 = header(session_id, 1)
            + "<SyncBody><Alert><CmdID>2</CmdID><Data>1201</Data></Alert>\
               <Alert><CmdID>3</CmdID><Data>1224</Data><Item><Meta>\
               <Type xmlns=\"syncml:metinf\">com.microsoft/MDM/LoginStatus</Type></Meta>\
               <Data>user</Data></Item></Alert>\
               <Replace><CmdID>4</CmdID>\
               <Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>4F0E5C0A</Data></Item>\
               <Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Maker</Data></Item>\
               <Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>Model</Data></Item>\
               <Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.3</Data></Item>\
               <Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en-US</Data></Item>\
               </Replace><Final/></SyncBody></SyncML>";
        let package_2 = pair.server.exchange(&request(&template, package_1));
        let package_2 = package_2.expect("package 2");
        assert_eq!(
            said(&package_2),
            answer_header(session_id, 1)
                + "<SyncBody>"
                + &of_header(1, 1)
                + &status(2, 1, "2", "Alert", 200)
                + &status(3, 1, "3", "Alert", 200)
                + &status(4, 1, "4", "Replace", 200)
                + &format!(
                    "<Get><CmdID>5</CmdID><Item><Target><LocURI>{uri}</LocURI></Target></Item></Get>"
                )
                + "<Replace><CmdID>6</CmdID><Item><Target><LocURI>\
                   ./User/Vendor/MSFT/Policy/Config/Start/Some%20Name</LocURI></Target><Meta>\
                   <Format xmlns=\"syncml:metinf\">int</Format>\
                   <Type xmlns=\"syncml:metinf\">text/plain</Type></Meta><Data>1</Data></Item></Replace>\
                   <Final/></SyncBody></SyncML>"
        );

        let package_3 = header(session_id, 2)
            + "<SyncBody xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\">"
            + &of_header(1, 1)
            + &status(2, 1, "5", "Get", 200)
            + "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>5</CmdRef><Item>\
               <Source><LocURI>./Device/Vendor/MSFT/Policy/Config</LocURI></Source><Meta>\
               <Format xmlns=\"syncml:metinf\">node</Format></Meta>\
               <Data>Some%20Name/Other%2FName</Data></Item></Results>\
               <Status><CmdID>4</CmdID><MsgRef>1</MsgRef><CmdRef>6</CmdRef><Cmd>Replace</Cmd>\
               <Data msft:originalerror=\"0x86000002\">404</Data></Status>\
               <Final/></SyncBody></SyncML>";
        let package_4 = pair.server.exchange(&request(&template, package_3));
        assert_eq!(
            said(&package_4.expect("package 4")),
            answer_header(session_id, 2)
                + "<SyncBody>"
                + &of_header(1, 2)
                + "<Final/></SyncBody></SyncML>"
        );

        assert_eq!(
            pair.server.manager.heard,
            [
                "opened 1201 5",
                "alert 1224",
                "ready",
                "status 1.0 200",
                "results 1.0 1",
                "status 2.0 404 originalerror=0x86000002",
                "ready",
                "ended Complete"
            ],
            "{session_id}"
        );
        assert_eq!(pair.server.ending, Some(Ending::Complete));
    }
}

#[test]
fn identifiers_of_commands_may_be_uuids_in_both_roles() {
    const UUID: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    // The device's, at a server.
    let mut pair = Scene::new(Encoding::Xml).pair();
    let template = pair.client.transmit().expect("a message to be like");
    let alert = header("1", 1)
        + &format!(
            "<SyncBody><Alert><CmdID>{UUID}</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
        );
    let answer = pair.server.exchange(&request(&template, alert));
    let answer = said(&answer.expect("package 2"));
    assert!(
        answer.contains(&status(2, 1, UUID, "Alert", 200)),
        "{answer}"
    );

    // A server's, at a device.
    let mut pair = Scene::new(Encoding::Xml).send(exec("./Op")).pair();
    let package_1 = pair.client.transmit().expect("package 1");
    let package_2 = pair.server.exchange(&package_1).expect("package 2");
    let mut changed = message(&package_2).expect("a message");
    for command in &mut changed.commands {
        if let Command::Exec(exec) = command {
            exec.cmd_id = UUID.into();
        }
    }
    deliver(&mut pair.client, &with_message(&package_2, &changed));
    let package_3 = pair.client.transmit().expect("package 3");
    let package_3 = message(&package_3).expect("a message");
    let refs: Vec<&str> = package_3
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Status(status) => Some(status.cmd_ref.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(refs, ["0", UUID]);
}

#[test]
fn the_error_of_the_system_stays_with_its_status() {
    let xml = header("1", 2)
        + "<SyncBody xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\"><Status><CmdID>1</CmdID>\
           <MsgRef>1</MsgRef><CmdRef>6</CmdRef><Cmd>Replace</Cmd>\
           <Data msft:originalerror=\"0x86000002\">404</Data></Status><Final/></SyncBody></SyncML>";
    let template = Scene::new(Encoding::Xml).pair().client.transmit();
    let received = message(&request(&template.expect("one to be like"), xml)).expect("a message");

    let Some(Command::Status(status)) = received.commands.first() else {
        panic!("the first command is a status");
    };
    assert_eq!(status.data, StatusCode::NOT_FOUND);
    let attribute = status.extra.attributes().first().expect("an attribute");
    assert_eq!(attribute.on, "Data");
    assert_eq!(attribute.name.local, "originalerror");
    assert_eq!(attribute.value, "0x86000002");
}

#[test]
fn a_device_that_only_says_goodbye_is_answered() {
    // The user leaves the management: an alert of its own type, without the form of a URN.
    let mut pair = Scene::new(Encoding::Xml).pair();
    let template = pair.client.transmit().expect("a message to be like");
    let package_1 = header("2", 1)
        + "<SyncBody><Alert><CmdID>2</CmdID><Data>1201</Data></Alert>\
           <Alert><CmdID>3</CmdID><Data>1226</Data><Item><Meta>\
           <Type xmlns=\"syncml:metinf\">com.microsoft:mdm.unenrollment.userrequest</Type>\
           <Format xmlns=\"syncml:metinf\">int</Format>\
           <Mark xmlns=\"syncml:metinf\">critical</Mark></Meta><Data>1</Data></Item></Alert>\
           <Final/></SyncBody></SyncML>";
    let package_2 = pair.server.exchange(&request(&template, package_1));
    let package_2 = message(&package_2.expect("package 2")).expect("a message");

    assert_eq!(
        statuses(&package_2),
        ["SyncHdr 200", "Alert 200", "Alert 200"]
    );
    assert_eq!(
        pair.server.manager.heard,
        ["opened 1201 0", "alert 1226", "ready", "ended Complete"]
    );
}

#[test]
fn nobody_is_asked_on_a_windows_device_and_nothing_relies_on_what_it_has_not() {
    let profile = DeviceProfile::WINDOWS;
    assert!(
        !profile.user_interaction,
        "1100 to 1104 are not among its alerts"
    );
    assert!(!profile.correlator && !profile.acl && !profile.large_objects);
    assert!(profile.atomic);
}
