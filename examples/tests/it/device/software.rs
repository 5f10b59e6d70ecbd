//! Packages over HTTP: what is installed, and which code each failure gets.

use std::net::TcpListener;

use base64::{Engine, engine::general_purpose::STANDARD};
use dm_examples::device::{
    Device,
    package::{ManifestComponent, Sha256Digest, build},
    user::Script,
};
use dm_proto::codec::Encoding;
use serde_json::json;

use super::{Lab, download_install, lawmo, web};

fn game() -> (Vec<u8>, String) {
    let component = ManifestComponent::new("game", "Game", "1.0");
    let package = build(&[(component, &[("bin/game", b"#!".as_slice())])]).unwrap();
    let params = format!("sha256={}", Sha256Digest::of(&package));
    (package, params)
}

#[test]
fn each_failure_has_its_code_and_leaves_nothing() {
    let lab = Lab::new();
    let mut device = lab.device();
    let (package, params) = game();
    let good = web("200 OK", package.clone());
    let mut other = package;
    *other.last_mut().unwrap() ^= 1;
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let no_tar = b"no package at all".to_vec();
    let no_tar_params = format!("sha256={}", Sha256Digest::of(&no_tar));
    let cases: [(&str, &str, &str, u64); 9] = [
        ("other content", &web("200 OK", other), &params, 1407),
        ("no digest", &good, "reboot=no", 1407),
        ("half a digest", &good, "sha256=00ff", 1407),
        (
            "authentication",
            &web("401 Unauthorized", Vec::new()),
            &params,
            1403,
        ),
        ("missing", &web("404 Not Found", Vec::new()), &params, 1402),
        ("server error", &web("503 Busy", Vec::new()), &params, 1500),
        ("nobody", &nobody, &params, 1501),
        ("no tar", &web("200 OK", no_tar), &no_tar_params, 1405),
        ("empty", &web("200 OK", Vec::new()), &params, 1407),
    ];
    for (name, url, params, code) in cases {
        let outcome = lab.run(&mut device, &download_install(url, params));
        assert_eq!(outcome, ("failed".to_owned(), code), "{name}");
        assert!(!lab.root().join("opt/game").exists(), "{name}");
    }
    let outcome = lab.run(&mut device, &download_install(&good, &params));
    assert_eq!(outcome, ("succeeded".to_owned(), 1200));
    assert!(lab.root().join("opt/game/bin/game").exists());
}

#[test]
fn a_package_is_delivered_in_the_session_in_pieces() {
    // What is random enough not to be all the same.
    let content: Vec<u8> = (0..120_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let component = ManifestComponent::new("game", "Game", "1.0");
    let package = build(&[(component, &[("bin/game", content.as_slice())])]).unwrap();
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let lab = Lab::new();
        let mut config = lab.config();
        config.encoding = encoding;
        config.max_msg_size = 8192;
        let mut device = Device::open(config, Script::default()).expect("the device opens");
        let outcome = lab.run(
            &mut device,
            &json!({
                "scomo": "install",
                "package": {"id": "game", "name": "Game", "data": STANDARD.encode(&package)},
            }),
        );
        assert_eq!(outcome, ("succeeded".to_owned(), 1200));
        assert!(std::fs::read(lab.root().join("opt/game/bin/game")).unwrap() == content);
    }
}

#[test]
fn a_component_that_left_the_factory_with_the_device_comes_back_with_a_reset() {
    let lab = Lab::new();
    // An image is taken of what is there at the first start.
    let record = json!({
        "component": {"id": "viewer", "name": "Viewer", "version": "1", "files": []},
        "package": "factory",
        "job": null,
    });
    let viewer = lab.root().join("opt/viewer");
    std::fs::create_dir_all(&viewer).unwrap();
    std::fs::write(lab.root().join(".dm-device-root"), "").unwrap();
    std::fs::write(viewer.join(".dm-component.json"), record.to_string()).unwrap();
    let mut device = lab.device();
    let remove = json!({"scomo": "remove", "component": "viewer"});
    let succeeded = ("succeeded".to_owned(), 1200);
    assert_eq!(lab.run(&mut device, &remove), succeeded);
    assert!(!viewer.exists());
    lab.run(&mut device, &lawmo("factory-reset"));
    assert!(viewer.exists());
    // It is in the tree again, too.
    assert_eq!(lab.run(&mut device, &remove), succeeded);
}
