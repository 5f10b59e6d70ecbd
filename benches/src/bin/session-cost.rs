//! Runs one thing over and over, for a tool that counts instructions:
//! `valgrind --tool=callgrind target/release/session-cost pair wbxml lock 101`. What a run costs is the
//! difference between two counts of runs; what a session costs, that of `pair` less that of `setup`, which
//! makes the two sides and what they are to say.

use std::env;

use dm_benches::session::{Session, codec_work};
use dm_proto::codec::Encoding;

fn main() {
    let mut arguments = env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .expect("pair|setup|codec xml|wbxml lock|inventory RUNS")
    };
    let what = next();
    let encoding = match next().as_str() {
        "xml" => Encoding::Xml,
        _ => Encoding::Wbxml,
    };
    let name = next();
    let session = Session::ALL
        .into_iter()
        .find(|session| session.name() == name);
    let session = session.expect("lock or inventory");
    let runs: usize = next().parse().expect("a number of runs");
    let messages = session.messages(encoding);
    for _ in 0..runs {
        match what.as_str() {
            "pair" => drop(session.run(session.pair(encoding))),
            "setup" => drop(session.pair(encoding)),
            _ => assert!(codec_work(encoding, &messages) > 0),
        }
    }
}
