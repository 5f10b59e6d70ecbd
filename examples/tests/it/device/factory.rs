//! A factory reset to an image that somebody gave.

use core::time::Duration;
use std::{fs, net::UdpSocket, path::Path, process::Command};

use super::{Lab, lawmo};

/// What a maker puts on a device.
fn firmware(folder: &Path) {
    for (path, content) in [
        ("etc/os-release", "ID=gateway\n"),
        ("usr/bin/gateway", "#!"),
        ("home/user/Contacts/support.vcf", "BEGIN:VCARD"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// All below a folder but the marker, as `diff` sees it.
fn same(one: &Path, other: &Path) -> bool {
    let mut diff = Command::new("diff");
    diff.args(["-r", "-x", ".dm-device-root"])
        .args([one, other]);
    let diff = diff.output().unwrap();
    print!("{}", String::from_utf8_lossy(&diff.stdout));
    diff.status.success()
}

#[test]
fn an_empty_root_is_laid_out_from_the_image_and_a_reset_brings_it_back() {
    let made = tempfile::tempdir().unwrap();
    let folder = made.path().join("firmware");
    firmware(&folder);
    let tar = made.path().join("firmware.tar");
    let mut builder = tar::Builder::new(fs::File::create(&tar).unwrap());
    builder.append_dir_all(".", &folder).unwrap();
    builder.finish().unwrap();
    for image in [&folder, &tar] {
        let lab = Lab::new();
        let run = |verb: &str| {
            let operation = lab.order(&lawmo(verb));
            let mut program = lab.program();
            let output = program.arg("--factory-image").arg(image).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{errors}");
            lab.outcome(&operation).0
        };
        assert_eq!(run("partially-lock"), "succeeded");
        assert!(!same(&folder, &lab.root()), "it is locked");
        fs::remove_dir_all(lab.root().join("usr")).unwrap();
        assert_eq!(run("factory-reset"), "accepted");
        assert!(same(&folder, &lab.root()));
    }
}

#[test]
fn a_new_image_counts_from_the_next_reset_on() {
    let lab = Lab::new();
    assert!(lab.program().output().unwrap().status.success());
    assert!(lab.root().join("etc/hostname").exists());
    let folder = lab.state().with_extension("firmware");
    firmware(&folder);
    let operation = lab.order(&lawmo("factory-reset"));
    let mut program = lab.program();
    program.arg("--factory-image").arg(&folder);
    assert!(program.output().unwrap().status.success());
    assert_eq!(lab.outcome(&operation).0, "accepted");
    assert!(same(&folder, &lab.root()));
}

#[test]
fn a_device_that_was_reset_believes_the_next_notification() {
    let lab = Lab::new();
    let mut device = lab.device();
    // The nonces of both sides move on.
    assert_eq!(lab.run(&mut device, &lawmo("fully-lock")).1, 1200);
    assert_eq!(lab.run(&mut device, &lawmo("factory-reset")).0, "accepted");
    // It is there again, and nothing is to be done.
    device.run_once().unwrap();

    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    lab.notify_at(&phone.local_addr().unwrap().to_string());
    let operation = lab.order(&lawmo("fully-lock"));
    let mut octets = [0; 512];
    let length = phone.recv(&mut octets).unwrap();
    assert!(device.notified(&octets[..length]).unwrap());
    assert_eq!(lab.outcome(&operation).1, 1200);
}

#[test]
fn an_image_that_cannot_be_restored_is_refused_and_nothing_changes() {
    let lab = Lab::new();
    let image = lab.state().with_extension("tar");
    fs::write(&image, vec![b'x'; 2048]).unwrap();
    let refused = |image: &Path, reason: &str| {
        let mut program = lab.program();
        let output = program.arg("--factory-image").arg(image).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(reason), "{errors}");
        assert!(!lab.state().join("factory.tar").exists());
    };
    refused(&image, "state.tar: ");
    refused(&lab.root(), "must not contain each other");
    refused(Path::new("/nothing"), "/nothing: ");
    assert_eq!(fs::read_dir(lab.root()).unwrap().count(), 0);
}
