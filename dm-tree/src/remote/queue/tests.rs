//! Queues against a device.

use dm_proto::{
    Text,
    auth::{Account, Credentials},
    codec::Encoding,
    message::Meta,
    session::Trigger,
    testing::Fault,
};

use super::*;
use crate::{
    NodeUri,
    object::ManagementObject,
    remote::command,
    std_objects::{DevInfo, DmAcc},
    testing::{Bench, Disk},
};

/// Reads DevInfo a number of times, then waits for an alert with its name.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Toy {
    name: Text,
    /// How often it has nothing to send at first.
    idle: u32,
    /// How often it sends.
    sends: u32,
    heard: Vec<Text>,
}

impl Toy {
    fn new(name: &str, idle: u32, sends: u32) -> Self {
        Self {
            name: name.into(),
            idle,
            sends,
            heard: Vec::new(),
        }
    }
}

impl Operation for Toy {
    type Outcome = Vec<Text>;

    fn step(&mut self) -> Step {
        if self.idle > 0 {
            self.idle -= 1;
            return Step::Wait;
        }
        if self.sends == 0 {
            return Step::Wait;
        }
        self.sends -= 1;
        let uri = NodeUri::parse("./DevInfo/Man").expect("a uri");
        Step::Send(vec![command::get(&uri, ""), command::get(&uri, "")])
    }

    fn handle(&mut self, reply: Reply<'_>) {
        self.heard.push(match reply {
            Reply::Status {
                command, status, ..
            } => format!("{command}: {status}").into(),
            Reply::Results { command, items, .. } => {
                format!("{command}: {} items", items.len()).into()
            }
            Reply::NoStatus { command, .. } => format!("{command}: none").into(),
            Reply::NotSent { command, reason } => format!("{command}: {reason:?}").into(),
            Reply::Answered => "answered".into(),
            Reply::Alert(_) => "alert".into(),
            Reply::SessionOver => "over".into(),
        });
    }

    fn claims(&self, alert: &Alert) -> bool {
        alert.items.iter().any(|item| {
            let type_ = item.meta.as_ref().and_then(|meta| meta.type_.as_ref());
            type_ == Some(&self.name)
        })
    }

    fn cancel(&mut self) -> bool {
        false
    }

    fn expire(&mut self) {}

    fn progress(&self) -> Progress {
        if self.outcome().is_some() {
            Progress::Finished
        } else {
            Progress::Queued
        }
    }

    fn outcome(&self) -> Option<Vec<Text>> {
        self.heard
            .contains(&Text::from("alert"))
            .then(|| self.heard.clone())
    }
}

fn bench() -> Bench<Toy> {
    let account = Account {
        server_id: "srv".into(),
        server_uri: "http://localhost/dm".into(),
        device_uri: "urn:device".into(),
        client: Credentials::transport(),
        server: Credentials::transport(),
    };
    let provisioned = account.clone();
    let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
        let uri = |text| NodeUri::parse(text).expect("a uri");
        vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("urn:device", "Maker", "Model")),
            ),
            (
                uri(DmAcc::ROOT),
                Box::new(DmAcc::new(vec![provisioned.clone()])),
            ),
        ]
    };
    Bench::new(Disk::default(), account, Box::new(objects), Encoding::Wbxml).expect("a device")
}

fn alert(name: &str, data: &str) -> Alert {
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        items: vec![
            Item::for_source("./DevInfo")
                .with_meta(Meta::of_type(name).with_format("chr"))
                .with_data(data),
        ],
        ..Alert::default()
    }
}

fn notices(bench: &mut Bench<Toy>) -> Vec<Notice> {
    let mut notices = core::mem::take(&mut bench.notices);
    notices.retain(|notice| {
        matches!(
            notice,
            Notice::Sent(_) | Notice::Finished(_) | Notice::Unclaimed(_)
        )
    });
    notices
}

#[test]
fn one_operation_sends_at_a_time_and_goes_on_before_others() {
    let mut bench = bench();
    for (id, toy) in [
        (1, Toy::new("a", 1, 2)),
        (2, Toy::new("b", 0, 3)),
        (3, Toy::new("c", 0, 1)),
    ] {
        bench.push(id, toy).expect("pushed");
    }
    bench.run_session(Trigger::Server).expect("a session");
    let sent = [2, 2, 2, 1, 1, 3].map(Notice::Sent);
    assert_eq!(notices(&mut bench), sent);
}

#[test]
fn an_operation_hears_of_all_its_commands_and_then_that_they_are_answered() {
    let mut bench = bench();
    bench.push(7, Toy::new("a", 0, 1)).expect("pushed");
    bench.run_session(Trigger::Server).expect("a session");
    let heard = bench
        .queue(|queue| queue.get(7).map(|toy| toy.heard.clone()))
        .expect("a queue")
        .expect("it is there");
    let (answers, rest) = heard.split_at(5);
    let mut answers = answers.to_vec();
    answers.sort();
    assert_eq!(
        answers,
        ["0: 1 items", "0: 200", "1: 1 items", "1: 200", "over"]
    );
    assert_eq!(rest, ["answered", "over"]);
}

#[test]
fn a_report_is_heard_once_and_its_copies_are_known() {
    let mut bench = bench();
    bench.push(1, Toy::new("a", 0, 0)).expect("pushed");
    for _ in 0..3 {
        let agent = bench.agent().expect("an agent");
        agent.raise("srv", alert("a", "done"), 1).expect("raised");
        bench.run_session(Trigger::Client).expect("a session");
    }
    assert_eq!(notices(&mut bench), [Notice::Finished(1)]);
    let heard = bench.outcome(1).expect("a queue").expect("an outcome");
    assert_eq!(heard.iter().filter(|what| **what == "alert").count(), 1);
    // Once the operation is gone, nobody knows what they were.
    bench.queue(|queue| queue.remove(1)).expect("a queue");
    let agent = bench.agent().expect("an agent");
    agent.raise("srv", alert("a", "done"), 1).expect("raised");
    bench.run_session(Trigger::Client).expect("a session");
    assert_eq!(
        notices(&mut bench)
            .iter()
            .filter(|notice| matches!(notice, Notice::Unclaimed(_)))
            .count(),
        1
    );
    let due = bench.agent().expect("an agent").report_due();
    assert_eq!(due.expect("storage"), None, "each was answered");
}

#[test]
fn what_was_in_flight_is_over_when_the_device_opens_another_session() {
    let mut bench = bench();
    bench
        .configure(|config| config.retries = 0)
        .expect("a device");
    bench.push(1, Toy::new("a", 0, 2)).expect("pushed");
    // The answer to the first commands does not arrive.
    bench.fault(2, Fault::LoseRequest);
    bench.run_session(Trigger::Server).expect("a session");
    assert_eq!(notices(&mut bench), [Notice::Sent(1)]);
    let wants = bench.queue(|queue| queue.wants_session());
    assert!(!wants.expect("a queue"), "it waits for an answer");
    bench.run_session(Trigger::Client).expect("a session");
    assert_eq!(notices(&mut bench), [Notice::Sent(1)]);
    let heard = bench
        .queue(|queue| queue.get(1).map(|toy| toy.heard.clone()))
        .expect("a queue");
    let overs = heard
        .iter()
        .flatten()
        .filter(|what| **what == "over")
        .count();
    assert_eq!(
        overs, 3,
        "at the start of each session, and at the end: {heard:?}"
    );
}

#[test]
fn a_tag_names_operation_and_command() {
    for (id, command) in [(0, 0), (1, 2), (u32::MAX, u16::MAX)] {
        assert_eq!(untagged(tag(id, command)), Some((id, command)));
    }
    assert_eq!(untagged(CommandTag(1 << 63)), None);
}
