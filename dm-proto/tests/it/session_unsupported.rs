//! Commands of data synchronization, which DM does not use (OMA-TS-DM_RepPro, commands): known, so
//! that the answer to each is 406, and the session goes on.

use dm_proto::{codec::Encoding, message::Command, testing::message};

use crate::{session_support::*, tolerance};

const COMMANDS: [&str; 5] = ["Put", "Map", "Search", "Sync", "Move"];

/// One of each, and one in a container, with identifiers from 50.
fn unused() -> Vec<Command> {
    let mut body: String = (50..)
        .zip(COMMANDS)
        .map(|(id, name)| format!("<{name}><CmdID>{id}</CmdID><Item/></{name}>"))
        .collect();
    body.push_str("<Sequence><CmdID>60</CmdID><Map><CmdID>61</CmdID></Map></Sequence>");
    let octets = tolerance::xml(&body);
    tolerance::lenient(Encoding::Xml, &octets).message.commands
}

fn expected() -> Vec<String> {
    COMMANDS.iter().map(|name| format!("{name} 406")).collect()
}

#[test]
fn a_server_answers_406_and_goes_on() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut pair = Scene::new(encoding).send(get(&["./A"])).pair();
        let request = pair.client.transmit().expect("package 1");
        let mut first = message(&request).expect("a message");
        // A container of a client is 405 with all that is in it.
        first.commands.extend(unused().into_iter().take(5));
        let answer = pair
            .server
            .exchange(&with_message(&request, &first))
            .expect("an answer");
        let answer = message(&answer).expect("a message");
        let statuses = statuses(&answer);
        let found: Vec<&String> = statuses
            .iter()
            .filter(|status| status.contains("406"))
            .collect();
        assert_eq!(found, expected().iter().collect::<Vec<_>>(), "{statuses:?}");
        assert!(names(&answer).contains(&"Get".to_owned()), "{encoding}");
    }
}

#[test]
fn a_client_answers_406_and_goes_on() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut pair = Scene::new(encoding).send(get(&["./A"])).pair();
        let request = pair.client.transmit().expect("package 1");
        let answer = pair.server.exchange(&request).expect("package 2");
        let mut changed = message(&answer).expect("a message");
        changed.commands.extend(unused());
        deliver(&mut pair.client, &with_message(&answer, &changed));
        let next = pair.client.transmit().expect("package 3");
        let next = message(&next).expect("a message");
        let statuses = statuses(&next);
        let found: Vec<&String> = statuses
            .iter()
            .filter(|status| status.contains("406"))
            .collect();
        // The one in the container is the last.
        let mut expected = expected();
        expected.push("Map 406".into());
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{statuses:?}");
        assert!(statuses.contains(&"Get 200".to_owned()), "{statuses:?}");
    }
}
