//! A network that loses, cuts, garbles and doubles messages: no operation fails by it.

use core::time::Duration;

use dm_examples::device::{
    Device,
    package::{ManifestComponent, Sha256Digest, build},
    transport::{Answer, Http, Transport, TransportError},
    user::Script,
};
use dm_proto::session::Transmit;
use lawmo::device::Unanswered;
use serde_json::json;

use super::{Lab, download_install, lawmo, web};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// A network that is gone after so many messages.
struct Gone {
    http: Http,
    left: u32,
}

impl Transport for Gone {
    fn exchange(&mut self, message: &Transmit) -> Result<Answer, TransportError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(TransportError::Status(503));
        };
        self.left = left;
        self.http.exchange(message)
    }
}

/// A bad network.
struct Bad {
    http: Http,
    dice: Dice,
}

impl Transport for Bad {
    fn exchange(&mut self, message: &Transmit) -> Result<Answer, TransportError> {
        let weather = self.dice.roll(12);
        match weather {
            0..=2 => return Err(TransportError::Status(503)),
            // The message comes twice.
            3 => drop(self.http.exchange(message)?),
            _ => {}
        }
        let mut answer = self.http.exchange(message)?;
        match weather {
            4 | 5 => {
                return Err(TransportError::Cut(
                    std::io::ErrorKind::UnexpectedEof.into(),
                ));
            }
            6 => {
                let garbage = answer.body.iter().map(|_| self.dice.roll(256) as u8);
                answer.body = garbage.collect();
            }
            7 => answer.content_type = "text/html".to_owned(),
            _ => {}
        }
        Ok(answer)
    }
}

#[test]
fn whatever_the_network_does_each_operation_ends_well() {
    let component = ManifestComponent::new("game", "Game", "1.0");
    let package = build(&[(component, &[("bin/game", b"#!".as_slice())])]).unwrap();
    let params = format!("sha256={}", Sha256Digest::of(&package));
    let url = web("200 OK", package);
    for seed in 0..40 {
        let lab = Lab::new();
        let mut dice = Dice(seed);
        let open = |seed: u64| {
            let mut config = lab.config();
            config.retry_after = Duration::from_micros(100);
            let transport = Bad {
                http: Http::new(),
                dice: Dice(seed),
            };
            Device::with_transport(config, Script::default(), transport).unwrap()
        };
        let requests = [
            download_install(&url, &params),
            json!({"scomo": "deactivate", "component": "game"}),
            json!({"scomo": "activate", "component": "game"}),
            json!({"scomo": "remove", "component": "game"}),
        ];
        for request in requests {
            let operation = lab.order(&request);
            for _ in 0..20 {
                // A device that gave up is started again, and goes on.
                let _ = open(dice.roll(1 << 30)).run_once();
                if lab.shown(&operation)["final"] == true {
                    break;
                }
            }
            let shown = lab.shown(&operation);
            let state = shown["state"].as_str().unwrap();
            // An Exec whose answer was lost three times is not sent again.
            assert!(
                state == "succeeded" || state == "unknown",
                "seed {seed}: {shown}"
            );
        }
    }
}

/// Whether the device is erased if its network goes after so many messages, and is gone when it is started
/// again and again.
fn is_erased(unanswered: Unanswered, messages: u32) -> bool {
    let lab = Lab::new();
    let open = |left| {
        let mut config = lab.config();
        config.retry_after = Duration::from_micros(100);
        config.unanswered = unanswered;
        let http = Http::new();
        Device::with_transport(config, Script::default(), Gone { http, left }).unwrap()
    };
    drop(open(0));
    let data = lab.root().join("home/user/Photos/mine");
    std::fs::write(&data, "").unwrap();
    lab.order(&lawmo("factory-reset"));
    let _ = open(messages).run_once();
    for _ in 0..5 {
        let _ = open(0).run_once();
    }
    !data.exists()
}

#[test]
fn a_reset_whose_server_cannot_be_told_takes_place_unless_it_is_to_be_abandoned() {
    let erased = |unanswered| {
        let erased = (0..5).filter(|messages| is_erased(unanswered, *messages));
        erased.collect::<Vec<_>>()
    };
    // With the third answer comes the Exec; the fourth message is the device's answer to it.
    assert_eq!(erased(Unanswered::Proceed), [2, 3, 4]);
    assert_eq!(erased(Unanswered::Abandon), [3, 4]);
}
