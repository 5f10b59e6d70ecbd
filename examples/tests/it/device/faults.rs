//! A device that is stopped at any moment ends what it was told once, and its server knows how.

use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{process::Stdio, sync::Arc, thread};

use dm_examples::device::{
    Error, Reporting,
    locks::Locked,
    package::{ManifestComponent, Sha256Digest, build},
};
use dm_proto::codec::Encoding;
use serde_json::Value;

use super::{Lab, download_install, lawmo, web};

/// A package, and the order to install it.
fn game() -> Value {
    let component = ManifestComponent::new("game", "Game", "1.0");
    let level = vec![7; 100_000];
    let files = [("bin/game", b"#!".as_slice()), ("level", level.as_slice())];
    let package = build(&[(component, &files)]).unwrap();
    let params = format!("sha256={}", Sha256Digest::of(&package));
    download_install(&web("200 OK", package), &params)
}

/// Stops the device at each of its moments in turn, restarts it, and hands the lab to `check`.
fn stop_at_each_moment(request: &Value, reporting: Reporting, check: impl Fn(&Lab, &str)) {
    let mut at = 0;
    loop {
        let lab = Lab::new();
        let operation = lab.order(request);
        let mut device = lab.device_reporting(reporting, Encoding::Wbxml);
        let seen = Arc::new(AtomicUsize::new(0));
        device.watch(move |_| seen.fetch_add(1, Ordering::SeqCst) != at);
        let ended = device.run_once();
        drop(device);
        match ended {
            Err(Error::Stopped) => {
                let mut device = lab.device_reporting(reporting, Encoding::Wbxml);
                device.run_once().expect("the rest");
                drop(device);
                check(&lab, &operation);
                at += 1;
            }
            Ok(()) => {
                check(&lab, &operation);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(at > 5, "it was stopped at {at} moments only");
}

#[test]
fn stopped_at_any_moment_it_ends_a_lock_once() {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        stop_at_each_moment(&lawmo("fully-lock"), reporting, |lab, operation| {
            assert_eq!(lab.outcome(operation), ("succeeded".to_owned(), 1200));
            assert_eq!(lab.device().locked().unwrap(), Locked::Fully);
        });
    }
}

#[test]
fn stopped_at_any_moment_it_ends_an_installation_once() {
    for reporting in [Reporting::InSession, Reporting::AfterSession] {
        stop_at_each_moment(&game(), reporting, |lab, operation| {
            assert_eq!(lab.outcome(operation), ("succeeded".to_owned(), 1200));
            assert!(lab.root().join("opt/game/level").exists());
            // Nothing is left on the way.
            let cache = lab.root().join("var/cache/dm").read_dir();
            assert_eq!(cache.map_or(0, Iterator::count), 0);
        });
    }
}

#[test]
fn stopped_at_any_moment_it_ends_a_factory_reset() {
    let reset = lawmo("factory-reset");
    stop_at_each_moment(&reset, Reporting::InSession, |lab, operation| {
        assert_eq!(lab.outcome(operation).0, "accepted");
        assert!(!lab.state().join("reset").exists());
        assert_eq!(lab.device().locked().unwrap(), Locked::No);
    });
}

/// Kills the program at random moments until it has ended by itself; whatever moments these are, the
/// outcome is the same.
fn kill_at_random(request: &Value, check: impl Fn(&Lab, &str)) {
    const ROUNDS: u32 = 4;
    for _ in 0..ROUNDS {
        let lab = Lab::new();
        let operation = lab.order(request);
        // Longer each time, so that some come late, and it ends.
        for longest in [40, 80, 160, 320] {
            let mut octets = [0; 2];
            getrandom::fill(&mut octets).unwrap();
            let delay = u64::from(u16::from_le_bytes(octets)) % longest;
            let mut child = lab
                .program()
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(delay));
            // SIGKILL.
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let output = lab.program().output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        check(&lab, &operation);
    }
}

#[test]
fn killed_at_random_it_ends_a_lock_once() {
    kill_at_random(&lawmo("fully-lock"), |lab, operation| {
        assert_eq!(lab.outcome(operation), ("succeeded".to_owned(), 1200));
        assert!(lab.root().join("etc/nologin").exists());
    });
}

#[test]
fn killed_at_random_it_ends_an_installation_once() {
    kill_at_random(&game(), |lab, operation| {
        assert_eq!(lab.outcome(operation), ("succeeded".to_owned(), 1200));
        assert!(lab.root().join("opt/game/level").exists());
    });
}
