//! What the REST API tells of a device: what is read, and how what does not come to a result ended.

use dm_examples::{
    device::{
        Device,
        package::{ManifestComponent, Sha256Digest, build},
        user::{Heard, Script},
    },
    server::{Answer, Policy, Rule},
};
use dm_proto::session::UserReply;
use serde_json::{Value, json};

use super::{Lab, download_install, lawmo, web, wipe};

fn game(version: &str) -> Value {
    let component = ManifestComponent::new("game", "Game", version);
    let package = build(&[(component, &[("bin/game", version.as_bytes())])]).unwrap();
    let params = format!("sha256={}", Sha256Digest::of(&package));
    download_install(&web("200 OK", package), &params)
}

/// Orders an operation, lets the device come, and returns what is shown of it.
fn shown(lab: &Lab, device: &mut Device, request: &Value) -> Value {
    let operation = lab.order(request);
    device.run_once().expect("a session");
    let shown = lab.shown(&operation);
    assert_eq!(shown["final"], true, "{shown}");
    shown
}

#[test]
fn lock_state_and_inventory_are_read_as_typed_values() {
    let lab = Lab::new();
    let mut device = lab.device();
    lab.run(&mut device, &lawmo("partially-lock"));
    let state = shown(&lab, &mut device, &lawmo("state"));
    let contents = &state["contents"][0];
    assert_eq!(contents["root"], "./LAWMO");
    assert_eq!(contents["state"], "partially-locked");
    let names = contents["wipe_list"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|item| item["node"].as_str().unwrap()).collect();
    assert_eq!(names, ["Contacts", "Messages", "Photos"]);

    lab.run(&mut device, &game("1.0"));
    let read = shown(&lab, &mut device, &json!({"scomo": "inventory"}));
    let contents = &read["contents"][0];
    assert_eq!(contents["root"], "./SCOMO");
    let game = &contents["deployed"][0];
    assert_eq!(game["id"], "game");
    assert_eq!(game["version"], "1.0");
    assert_eq!(game["state"], "active");
    assert_eq!(game["status"], "idle");
    let offered = game["operations"]["known"].as_array().unwrap();
    assert!(offered.contains(&"deactivate".into()), "{offered:?}");
}

#[test]
fn a_stolen_device_is_locked_and_wiped_by_one_request_with_one_outcome() {
    let lab = Lab::new();
    let mut device = lab.device();
    let request = json!({"lawmo": "lock-and-wipe", "items": ["*"]});
    let shown = shown(&lab, &mut device, &request);
    assert_eq!(shown["state"], "succeeded");
    assert_eq!(shown["result"]["code"], 1201);
    let codes = shown["parts"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.map(|part| part["result"]["code"].clone()).collect();
    assert_eq!(codes, [1200, 1201]);
    assert!(lab.root().join("etc/nologin").exists());
    let photos = lab.root().join("home/user/Photos").read_dir().unwrap();
    assert_eq!(photos.count(), 0);
}

#[test]
fn what_does_not_come_to_a_result_says_why() {
    let lab = Lab::new();
    let mut device = lab.device();
    let mut elsewhere = lawmo("fully-lock");
    elsewhere["root"] = "./Elsewhere".into();
    let remove = json!({"scomo": "remove", "component": "nothing"});
    let environment = json!({
        "scomo": "download-install",
        "package": {"id": "p", "url": "http://127.0.0.1:9/", "env_type": "symbian"},
    });
    for (request, state, reason, code) in [
        (&elsewhere, "failed", Some("not-found"), Some(404)),
        (&remove, "failed", Some("not-found"), Some(404)),
        (
            &wipe(&["Jewels"]),
            "failed",
            Some("unknown-items"),
            Some(404),
        ),
        (&environment, "failed", None, Some(1413)),
    ] {
        let shown = shown(&lab, &mut device, request);
        assert_eq!(shown["state"], state, "{shown}");
        assert_eq!(shown["reason"].as_str(), reason, "{shown}");
        let result = shown["result"]["code"].as_u64();
        let found = result.or_else(|| shown["status"].as_u64());
        assert_eq!(found, code, "{shown}");
    }
    let unlocked = shown(&lab, &mut device, &json!({"scomo": "inventory"}));
    assert_eq!(unlocked["contents"][0]["deployed"], json!([]));
}

#[test]
fn a_version_goes_back_only_where_that_is_allowed() {
    let lab = Lab::new();
    let mut device = lab.device();
    let succeeded = ("succeeded".to_owned(), 1200);
    assert_eq!(lab.run(&mut device, &game("1.10")), succeeded);
    let outcome = lab.run(&mut device, &game("1.9"));
    assert_eq!(outcome, ("failed".to_owned(), 1405));
    let installed = || std::fs::read(lab.root().join("opt/game/bin/game")).unwrap();
    assert_eq!(installed(), b"1.10");
    drop(device);
    let mut config = lab.config();
    config.downgrades = true;
    let mut device = Device::open(config, Script::default()).unwrap();
    assert_eq!(lab.run(&mut device, &game("1.9")), succeeded);
    assert_eq!(installed(), b"1.9");
}

#[test]
fn the_device_asks_its_user_by_itself_and_again_if_it_is_put_off() {
    for (replies, state, code) in [
        (vec![UserReply::Yes, UserReply::Yes], "succeeded", 1200),
        (vec![UserReply::Yes, UserReply::No], "declined", 1401),
        (vec![UserReply::No], "declined", 1401),
        (
            vec![UserReply::Cancelled, UserReply::Yes, UserReply::Yes],
            "succeeded",
            1200,
        ),
        // Nobody is there, again and again.
        (Vec::new(), "declined", 1401),
    ] {
        let lab = Lab::new();
        let user = Script::default();
        let mut config = lab.config();
        config.prompts = scomo::device::Prompts::ALL;
        let mut device = Device::open(config, user.clone()).unwrap();
        replies
            .iter()
            .cloned()
            .for_each(|reply| user.answers(reply));
        let operation = lab.order(&game("1.0"));
        for _ in 0..6 {
            device.run_once().expect("a session");
        }
        let (found, result) = lab.outcome(&operation);
        assert_eq!((found.as_str(), result), (state, code), "{replies:?}");
        let asked = user
            .take_heard()
            .into_iter()
            .filter_map(|heard| match heard {
                Heard::Asked(question, _) => Some(question),
                Heard::Told(_) => None,
            });
        let asked: Vec<_> = asked.collect();
        assert_eq!(asked.first().map(String::as_str), Some("Download p?"));
        if code == 1200 {
            assert_eq!(asked.last().map(String::as_str), Some("Install p?"));
        }
    }
}

#[test]
fn a_failed_download_can_be_asked_for_again_in_another_way() {
    let lab = Lab::new();
    let mut device = lab.device();
    let mut request = game("1.0");
    let good = request["package"]["url"].clone();
    request["package"]["url"] = web("503 Busy", Vec::new()).into();
    request["scomo"] = "download".into();
    let failed = lab.run(&mut device, &request);
    assert_eq!(failed, ("failed".to_owned(), 1500));
    let read = shown(&lab, &mut device, &json!({"scomo": "inventory"}));
    let status = &read["contents"][0]["downloads"][0]["status"];
    assert_eq!(status, "download-failed", "{read}");
    request["scomo"] = "download-install".into();
    request["package"]["url"] = good;
    let succeeded = ("succeeded".to_owned(), 1200);
    assert_eq!(lab.run(&mut device, &request), succeeded);
    let read = shown(&lab, &mut device, &json!({"scomo": "inventory"}));
    assert_eq!(read["contents"][0]["downloads"], json!([]));
}

#[test]
fn a_package_on_the_device_is_checked_by_an_operation_of_a_vendors() {
    let lab = Lab::new();
    let mut device = lab.device();
    let mut request = game("1.0");
    request["scomo"] = "download".into();
    let succeeded = ("succeeded".to_owned(), 1200);
    assert_eq!(lab.run(&mut device, &request), succeeded);
    let read = shown(&lab, &mut device, &json!({"scomo": "inventory"}));
    let offered = &read["contents"][0]["delivered"][0]["operations"]["vendor"];
    assert_eq!(*offered, json!(["Check"]));
    let check = json!({"scomo": "vendor", "package": {"id": "p"}, "path": "Operations/Ext/Check"});
    assert_eq!(lab.run(&mut device, &check), succeeded);
    for file in std::fs::read_dir(lab.root().join("var/cache/dm")).unwrap() {
        std::fs::write(file.unwrap().path(), "what is no package").unwrap();
    }
    assert_eq!(lab.run(&mut device, &check), ("failed".to_owned(), 1407));
    let nope = json!({"scomo": "vendor", "component": "game", "path": "Ext/Nope"});
    let nope = shown(&lab, &mut device, &nope);
    assert_eq!(nope["reason"], "not-found", "{nope}");
}

#[test]
fn the_device_asks_before_a_lock_a_wipe_and_a_reset_where_it_is_told_to() {
    for request in [
        lawmo("fully-lock"),
        wipe(&["Photos"]),
        lawmo("factory-reset"),
    ] {
        for (reply, state) in [
            (Some(UserReply::Yes), None),
            (Some(UserReply::No), Some("declined")),
            // Nobody is there.
            (None, Some("declined")),
        ] {
            let lab = Lab::new();
            let user = Script::default();
            let mut config = lab.config();
            config.lock_prompts = lawmo::device::Prompts::ALL;
            let mut device = Device::open(config, user.clone()).unwrap();
            reply.iter().cloned().for_each(|reply| user.answers(reply));
            let operation = lab.order(&request);
            device.run_once().expect("a session");
            let (found, code) = lab.outcome(&operation);
            match state {
                Some(state) => assert_eq!((found.as_str(), code), (state, 1401), "{request}"),
                None => assert!(
                    matches!(found.as_str(), "succeeded" | "accepted"),
                    "{found}"
                ),
            }
        }
    }
}

#[test]
fn who_uses_the_device_hears_that_its_request_was_refused_and_once() {
    let wanted = "com.example.Wanted";
    let mut rule = Rule::default();
    rule.alert = Some(wanted.to_owned());
    rule.answer = Answer::Refuse;
    let mut policy = Policy::default();
    policy.rules = vec![rule];
    let lab = Lab::with("md5", policy);
    let user = Script::default();
    let mut device = Device::open(lab.config(), user.clone()).unwrap();
    device.request(wanted, "./SCOMO", "").unwrap();
    device.run_once().expect("a session");
    let told = Heard::Told(format!("The server \"s\" refuses {wanted}."));
    assert_eq!(user.take_heard(), [told]);
    device.run_once().expect("a session");
    assert_eq!(user.take_heard(), []);
}
