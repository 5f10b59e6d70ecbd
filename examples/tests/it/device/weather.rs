//! A network that loses, cuts, garbles and doubles messages: no operation fails by it.

use core::time::Duration;

use dm_examples::device::{
    Device,
    package::{ManifestComponent, Sha256Digest, build},
    transport::{Answer, Http, Transport, TransportError},
    user::Script,
};
use dm_proto::session::Transmit;
use serde_json::json;

use super::{Lab, download_install, web};

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
