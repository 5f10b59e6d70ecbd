//! Saved sessions: their size, their forms, and that each form ever released is still read.
//!
//! `testdata/saved/README.md` says when to write new fixtures, and how.

use std::{env, fs, path::PathBuf, sync::Arc};

use dm_proto::{
    auth::Nonce,
    codec::{DecodeOptions, Encoding},
    message::{Item, Replace},
    session::{
        ClientEvent, ClientSession, CommandTag, Received, Saved, ServerEvent, ServerSession,
        Transmit,
    },
    testing::read,
};

use crate::{
    session_faults::{through_json, through_postcard},
    session_support::*,
};

/// Every form that there is a fixture of; the last is what is written today.
const FORMS: [&str; 1] = ["v1"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/saved")
        .join(name)
}

fn scene() -> Scene {
    Scene::new(Encoding::Xml)
        .accounts(account(client_md5(b"c"), server_md5(b"s")))
        .alert(0, report("first"), 70)
        .batch([
            sequence([confirm(), exec("./Op")]),
            atomic([add("./A"), replace(&["./B", "./C"])]),
            get(&["./D"]),
        ])
}

/// A value that takes several messages, and a command behind it.
fn large_scene() -> Scene {
    let value = Replace {
        items: vec![Item::for_target("./Large").with_data("large ".repeat(300))],
        ..Replace::default()
    };
    let mut scene = Scene::new(Encoding::Xml)
        .accounts(account(client_md5(b"c"), server_md5(b"s")))
        .batch([value.into(), exec("./Op")]);
    scene.client.max_msg_size = 1800;
    scene
}

fn received(transmit: &Transmit) -> Received {
    read(transmit, &DecodeOptions::default()).expect("a message")
}

/// A device in the middle of an Atomic, with package 2 half executed and an alert answered.
fn device() -> ClientSession {
    let mut pair = scene().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    let mut session = pair.client.session;
    session
        .handle(received(&answer), Nonce::from([9; 16]))
        .expect("package 2");
    while let Some(event) = session.poll_event() {
        match event {
            ClientEvent::Ask(ticket, _) => {
                session.reply(ticket, dm_proto::session::UserReply::Yes);
            }
            ClientEvent::Execute(ticket, execute) => {
                if execute.item.target_uri().is_some_and(|uri| *uri == "./B") {
                    return session;
                }
                session.answer(ticket, pair.client.device.answer_to(&execute));
            }
            _ => {}
        }
    }
    panic!("no second command in the Atomic");
}

/// A device that has the first piece of a large object.
fn device_with_object() -> ClientSession {
    let mut pair = large_scene().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("the first piece");
    let mut session = pair.client.session;
    session
        .handle(received(&answer), Nonce::from([9; 16]))
        .expect("the first piece");
    while session.poll_event().is_some() {}
    session
}

/// A server that has sent the first piece of a large object, and the device's answer.
fn server_with_object() -> (ServerSession, Received) {
    let mut pair = large_scene().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("the first piece");
    deliver(&mut pair.client, &answer);
    let request = pair.client.transmit().expect("a status of the piece");
    (pair.server.session.expect("a session"), received(&request))
}

/// A device goes on to its next message.
fn go_on(mut session: ClientSession) -> Transmit {
    let device = Scripted::default();
    while let Some(event) = session.poll_event() {
        if let ClientEvent::Execute(ticket, execute) = event {
            session.answer(ticket, device.answer_to(&execute));
        }
    }
    session.poll_transmit().expect("package 3")
}

/// A server that waits for package 3, with a command that was not sent yet, and that package.
fn server() -> (ServerSession, Received) {
    let mut pair = scene().pair();
    let request = pair.client.transmit().expect("package 1");
    let answer = pair.server.exchange(&request).expect("package 2");
    deliver(&mut pair.client, &answer);
    let request = pair.client.transmit().expect("package 3");
    let mut session = pair.server.session.expect("a session");
    session.send(exec("./Later"), CommandTag(9));
    (session, received(&request))
}

/// A server takes package 3: what it tells, and its answer.
fn take(mut session: ServerSession, message: Received) -> (Vec<ServerEvent>, Option<Transmit>) {
    session
        .handle(message, Nonce::from([8; 16]))
        .expect("package 3");
    let events: Vec<_> = core::iter::from_fn(|| session.poll_event()).collect();
    (events, session.poll_transmit())
}

fn restored_device(scene: Scene, saved: Saved) -> ClientSession {
    let last_sent = scene.clone().pair().client.transmit();
    let config = Arc::new(scene.client);
    ClientSession::restore(saved, last_sent, config, &scene.client_account).expect("a session")
}

fn restored_server(scene: Scene, saved: Saved) -> ServerSession {
    let config = Arc::new(scene.server);
    ServerSession::restore(saved, None, config, &scene.server_account).expect("a session")
}

fn to_json(saved: &Saved) -> String {
    serde_json::to_string_pretty(saved).expect("json") + "\n"
}

fn to_postcard(saved: &Saved) -> Vec<u8> {
    postcard::to_allocvec(saved).expect("postcard")
}

/// Both fixtures of one side of one form.
fn fixtures(form: &str, side: &str) -> [Saved; 2] {
    let read = |extension: &str| {
        let path = file(&format!("{form}-{side}.{extension}"));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    [
        serde_json::from_slice(&read("json")).expect("a form that is still read"),
        postcard::from_bytes(&read("postcard")).expect("a form that is still read"),
    ]
}

#[test]
fn what_is_saved_has_the_form_of_its_fixture() {
    let form = FORMS[FORMS.len() - 1];
    for (side, saved) in [
        ("client", device().save()),
        ("server", server().0.save()),
        ("client-object", device_with_object().save()),
        ("server-object", server_with_object().0.save()),
    ] {
        let files = [
            (format!("{form}-{side}.json"), to_json(&saved).into_bytes()),
            (format!("{form}-{side}.postcard"), to_postcard(&saved)),
        ];
        for (name, octets) in files {
            let path = file(&name);
            if env::var_os("DM_WRITE_TESTDATA").is_some() {
                fs::write(&path, &octets).expect("a writable file");
            }
            assert!(
                fs::read(&path).is_ok_and(|fixture| fixture == octets),
                "what is saved is not {name}: see testdata/saved/README.md",
            );
        }
    }
}

/// The fixtures of `client` and `server` go on as these sessions do.
fn go_on_alike(
    scene: &Scene,
    (client, device): (&str, ClientSession),
    (server, (session, message)): (&str, (ServerSession, Received)),
) {
    let sent = go_on(restored_device(scene.clone(), device.save()));
    let told = take(session, message.clone());
    for form in FORMS {
        for saved in fixtures(form, client) {
            assert_eq!(go_on(restored_device(scene.clone(), saved)), sent, "{form}");
        }
        for saved in fixtures(form, server) {
            assert_eq!(
                take(restored_server(scene.clone(), saved), message.clone()),
                told,
                "{form}"
            );
        }
    }
}

#[test]
fn a_session_saved_in_any_form_goes_on() {
    go_on_alike(&scene(), ("client", device()), ("server", server()));
}

#[test]
fn a_session_saved_in_any_form_with_an_open_object_goes_on() {
    go_on_alike(
        &large_scene(),
        ("client-object", device_with_object()),
        ("server-object", server_with_object()),
    );
}

#[test]
fn an_unknown_form_is_an_error_that_names_it() {
    let text = to_json(&device().save()).replacen("\"V1\"", "\"V999\"", 1);
    let error = serde_json::from_str::<Saved>(&text).expect_err("of no version");
    assert!(error.to_string().contains("V999"), "{error}");

    let mut octets = to_postcard(&device().save());
    octets[0] = 99;
    assert!(postcard::from_bytes::<Saved>(&octets).is_err());
}

#[test]
fn cut_and_broken_forms_are_errors_or_sessions_but_no_panic() {
    let octets = to_postcard(&device().save());
    for end in 0..octets.len() {
        assert!(postcard::from_bytes::<Saved>(&octets[..end]).is_err());
    }
    for place in 0..octets.len() {
        let mut broken = octets.clone();
        broken[place] ^= 0x55;
        if let Ok(saved) = postcard::from_bytes::<Saved>(&broken) {
            let scene = scene();
            let config = Arc::new(scene.client);
            if let Ok(mut session) =
                ClientSession::restore(saved, None, config, &scene.client_account)
            {
                let _ = session.poll_event();
                let _ = session.poll_transmit();
            }
        }
    }
}

#[test]
fn an_idle_session_takes_at_most_1_kb_in_either_form() {
    let mut pair = scene().pair();
    let mut sizes = Vec::new();
    while let Some(request) = pair.client.transmit() {
        let answer = pair.server.exchange(&request).expect("an answer");
        deliver(&mut pair.client, &answer);
    }
    let idle = [
        pair.client.session.save(),
        pair.server.session.expect("a session").save(),
    ];
    for saved in idle {
        for size in [
            serde_json::to_string(&saved).expect("json").len(),
            to_postcard(&saved).len(),
        ] {
            sizes.push(size);
        }
    }
    assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
}

#[test]
fn saving_twice_gives_the_same_in_both_forms() {
    let saved = device().save();
    assert_eq!(to_json(&through_json(saved.clone())), to_json(&saved));
    assert_eq!(to_json(&through_postcard(saved.clone())), to_json(&saved));
}
