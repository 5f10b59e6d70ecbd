//! What a wipe and a factory reset erase, and what they must not touch.

use std::{fs, os::unix::fs::symlink};

use dm_examples::device::{Reporting, locks::Locked};
use dm_proto::codec::Encoding;

use super::{Lab, lawmo, wipe};

#[test]
fn a_wipe_erases_what_is_listed_and_nothing_behind_a_link() {
    let lab = Lab::new();
    let mut device = lab.device();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "mine").unwrap();
    let contacts = lab.root().join("home/user/Contacts");
    fs::create_dir(contacts.join("friends")).unwrap();
    fs::write(contacts.join("friends/a.vcf"), "").unwrap();
    symlink(outside.path(), contacts.join("link")).unwrap();
    assert_eq!(
        lab.run(&mut device, &wipe(&["Contacts"])),
        ("succeeded".to_owned(), 1201)
    );
    assert_eq!(fs::read_dir(&contacts).unwrap().count(), 0);
    assert!(outside.path().join("precious").exists());
    assert!(lab.root().join("home/user/Messages/welcome.txt").exists());
}

#[test]
fn a_wipe_of_a_folder_that_became_a_link_fails_and_erases_the_others() {
    let lab = Lab::new();
    let mut device = lab.device();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "mine").unwrap();
    let contacts = lab.root().join("home/user/Contacts");
    fs::remove_dir_all(&contacts).unwrap();
    symlink(outside.path(), &contacts).unwrap();
    assert_eq!(
        lab.run(&mut device, &wipe(&["Contacts", "Messages"])),
        ("failed".to_owned(), 1405)
    );
    assert!(outside.path().join("precious").exists());
    assert!(!lab.root().join("home/user/Messages/welcome.txt").exists());
}

#[test]
fn a_reset_brings_back_root_and_tree_and_the_device_goes_on() {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let lab = Lab::new();
        let mut device = lab.device_reporting(Reporting::InSession, encoding);
        lab.run(&mut device, &lawmo("fully-lock"));
        assert_eq!(device.locked().unwrap(), Locked::Fully);
        fs::write(lab.root().join("home/user/Photos/me.jpg"), "").unwrap();
        let (state, _) = lab.run(&mut device, &lawmo("factory-reset"));
        assert_eq!(state, "accepted");
        assert_eq!(device.locked().unwrap(), Locked::No);
        assert!(!lab.root().join("home/user/Photos/me.jpg").exists());
        assert!(!lab.state().join("reset").exists());
        // With its factory account it is a device like any other.
        let lock = lab.run(&mut device, &lawmo("partially-lock"));
        assert_eq!(lock, ("succeeded".to_owned(), 1200));
        assert_eq!(device.locked().unwrap(), Locked::Partially);
    }
}

#[test]
fn the_lock_survives_a_restart() {
    let lab = Lab::new();
    lab.run(&mut lab.device(), &lawmo("fully-lock"));
    assert_eq!(lab.device().locked().unwrap(), Locked::Fully);
    lab.run(&mut lab.device(), &lawmo("unlock"));
    assert_eq!(lab.device().locked().unwrap(), Locked::No);
}
