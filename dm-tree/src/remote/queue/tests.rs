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
    remote::{Combined, Next, Summarize, Summary, SummaryState, command},
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
    deadline: Option<u64>,
    doubtful: bool,
    /// How it was ended from outside.
    ended: Option<Text>,
}

impl Toy {
    fn new(name: &str, idle: u32, sends: u32) -> Self {
        Self {
            name: name.into(),
            idle,
            sends,
            heard: Vec::new(),
            deadline: None,
            doubtful: false,
            ended: None,
        }
    }

    fn until(mut self, deadline: u64) -> Self {
        self.deadline = Some(deadline);
        self
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
            Reply::Unsendable { command, reason } => {
                format!("{command} is unsendable: {reason:?}").into()
            }
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
        let is_unsent = self.ended.is_none() && self.heard.is_empty();
        if is_unsent {
            self.ended = Some("cancelled".into());
        }
        is_unsent
    }

    fn expire(&mut self) {
        self.ended.get_or_insert_with(|| "expired".into());
    }

    fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    fn progress(&self) -> Progress {
        if self.outcome().is_some() {
            Progress::Finished
        } else if self.name == "job" && self.heard.contains(&Text::from("answered")) {
            Progress::Accepted
        } else {
            Progress::Queued
        }
    }

    fn erases(&self) -> bool {
        self.name == "reset" && self.outcome().is_some()
    }

    fn doubt(&mut self) {
        self.doubtful = self.progress() == Progress::Accepted;
    }

    fn forget(&mut self) {
        if core::mem::take(&mut self.doubtful) && self.outcome().is_none() {
            self.ended.get_or_insert_with(|| "forgotten".into());
        }
    }

    fn outcome(&self) -> Option<Vec<Text>> {
        if self.name == "reset" && self.heard.contains(&Text::from("answered")) {
            return Some(vec!["taken".into()]);
        }
        let ended = self.ended.iter().map(|ended| vec![ended.clone()]).next();
        ended.or_else(|| {
            let is_reported = self.heard.contains(&Text::from("alert"));
            is_reported.then(|| self.heard.clone())
        })
    }
}

fn bench<O: Operation>() -> Bench<O> {
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
            Notice::Sent(_) | Notice::Finished(_) | Notice::Late { .. } | Notice::Unclaimed(_)
        )
    });
    notices
}

#[test]
fn one_operation_sends_at_a_time_and_goes_on_before_others() {
    let mut bench = bench::<Toy>();
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
    let mut bench = bench::<Toy>();
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
    let mut bench = bench::<Toy>();
    bench.push(1, Toy::new("a", 0, 0)).expect("pushed");
    for data in ["done", "done", "and more"] {
        let agent = bench.agent().expect("an agent");
        agent.raise("srv", alert("a", data), 1).expect("raised");
        bench.run_session(Trigger::Client).expect("a session");
    }
    let told = notices(&mut bench);
    let [Notice::Finished(1), late @ ..] = told.as_slice() else {
        panic!("{told:?}");
    };
    // What comes behind the outcome does not change it, and is not lost.
    let late: Vec<_> = late
        .iter()
        .map(|notice| match notice {
            Notice::Late { id: 1, alert } => alert.items.first().and_then(|item| item.data.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(late, [Some("done".into()), Some("and more".into())]);
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

/// Without correlators a report looks like that of the same operation before.
#[test]
fn a_report_is_that_of_the_operation_that_waits_for_it() {
    let mut bench = bench::<Toy>();
    for id in [1, 2] {
        bench.push(id, Toy::new("job", 0, 1)).expect("pushed");
        bench.run_session(Trigger::Server).expect("a session");
        let agent = bench.agent().expect("an agent");
        agent.raise("srv", alert("job", "done"), 1).expect("raised");
        bench.run_session(Trigger::Client).expect("a session");
        assert_eq!(
            notices(&mut bench),
            [Notice::Sent(id), Notice::Finished(id)]
        );
    }
}

#[test]
fn what_was_in_flight_is_over_when_the_device_opens_another_session() {
    let mut bench = bench::<Toy>();
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

// ---- several processes, deadlines ---------------------------------------------------------------

/// A place where documents lie, with their versions.
#[derive(Default)]
struct Shelf {
    version: u64,
    document: Vec<u8>,
}

impl Shelf {
    fn store(&mut self, queue: &mut Queue<Toy>) -> Result<bool, postcard::Error> {
        queue.store(|replaced, queue| {
            if self.version != replaced {
                return Ok(false);
            }
            self.version = queue.version();
            self.document = postcard::to_allocvec(queue)?;
            Ok(true)
        })
    }

    fn read(&self) -> Queue<Toy> {
        postcard::from_bytes(&self.document).expect("a queue")
    }
}

#[test]
fn a_queue_stored_in_another_form_is_refused() {
    let mut stored = postcard::to_allocvec(&Queue::<Toy>::new()).expect("bytes");
    assert!(postcard::from_bytes::<Queue<Toy>>(&stored).is_ok());
    *stored.first_mut().expect("an octet") ^= 2;
    assert!(postcard::from_bytes::<Queue<Toy>>(&stored).is_err());
    let error = Form::try_from(7).expect_err("another form");
    assert_eq!(
        error.to_string(),
        "a stored queue of form 0x7, where 0x51550005 is expected"
    );
}

#[test]
fn of_two_processes_that_change_the_same_queue_one_has_to_begin_anew() {
    let mut shelf = Shelf::default();
    assert_eq!(shelf.store(&mut Queue::new()), Ok(true));
    assert_eq!(shelf.store(&mut Queue::new()), Ok(false), "it is there");
    let (mut one, mut other) = (shelf.read(), shelf.read());
    one.push(1, Toy::new("a", 0, 1));
    other.push(2, Toy::new("b", 0, 1));
    assert_eq!(shelf.store(&mut one), Ok(true));
    assert_eq!(shelf.store(&mut other), Ok(false));
    assert_eq!(other.version(), 1, "what was read is what it is");
    assert!(shelf.read().get(2).is_none());
    let mut other = shelf.read();
    other.push(2, Toy::new("b", 0, 1));
    assert_eq!(shelf.store(&mut other), Ok(true));
    let ids: Vec<u32> = shelf.read().iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2]);
    // Whoever stored may go on with what it has.
    assert_eq!(shelf.store(&mut other), Ok(true));
}

#[test]
fn of_two_processes_that_hold_the_same_message_one_sends() {
    let mut bench = bench::<Toy>();
    bench.rivals = true;
    bench.push(1, Toy::new("a", 0, 3)).expect("pushed");
    bench.run_session(Trigger::Server).expect("a session");
    assert_eq!(notices(&mut bench), [1, 1, 1].map(Notice::Sent));
    let heard = bench.queue(|queue| queue.get(1).map(|toy| toy.heard.clone()));
    let heard = heard.expect("a queue").expect("it is there");
    let results = heard.iter().filter(|what| what.ends_with("items")).count();
    assert_eq!(results, 6, "each command was answered once: {heard:?}");
}

#[test]
fn an_operation_ends_at_its_deadline_and_says_so_once() {
    let mut queue = Queue::new();
    queue.push(1, Toy::new("a", 0, 1).until(20));
    queue.push(2, Toy::new("b", 0, 1).until(10));
    queue.push(3, Toy::new("c", 0, 1));
    assert_eq!(queue.next_deadline(), Some(10));
    assert_eq!(queue.expire(9), [0; 0]);
    assert_eq!(queue.expire(10), [2]);
    assert_eq!(queue.expire(10), [0; 0]);
    assert_eq!(queue.next_deadline(), Some(20));
    assert!(queue.cancel(1));
    assert!(!queue.cancel(1));
    assert!(!queue.cancel(4), "there is none");
    assert_eq!(queue.expire(u64::MAX), [0; 0]);
    assert_eq!(queue.next_deadline(), None);
    assert!(queue.get(3).is_some_and(|toy| toy.outcome().is_none()));
}

// ---- requests -----------------------------------------------------------------------------------

/// Makes a toy of each request, and decides as it is told.
struct Counter {
    decision: Decision,
    next: u32,
}

impl Desk<Toy> for Counter {
    fn request_types(&self) -> super::super::RequestTypes {
        super::super::RequestTypes::of_device(["ask"]).and_of_user(["please"])
    }

    fn understand(&mut self, asked: &DeviceRequest) -> Understood<Toy> {
        let Some(subject) = asked.subjects.first() else {
            return Understood::NotARequest;
        };
        match subject.data.as_deref() {
            Some("nothing") => Understood::Operations(Vec::new()),
            Some("nonsense") => Understood::Refused(Refusal::Unintelligible),
            data => {
                self.next += 1;
                let toy = Toy::new(data.unwrap_or("toy"), 0, 1);
                Understood::Operations(vec![(self.next, toy)])
            }
        }
    }

    fn decide(&mut self, request: &Request<'_, Toy>) -> Decision {
        assert_eq!(request.asked.is_some(), request.by == Actor::Device);
        match request.behalf {
            Actor::User => Decision::Refused(Refusal::NotEntitled),
            _ => self.decision,
        }
    }
}

fn asking(decision: Decision) -> Bench<Toy> {
    let mut bench = bench::<Toy>();
    bench.set_desk(Counter { decision, next: 0 });
    bench
}

/// What came of a request, and the answer to it.
type Answer = (Verdict, Option<u16>);

/// What the server decided on each request, and how it answered.
fn answers(bench: &Bench<Toy>) -> Vec<Answer> {
    let requested = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Requested {
            verdict, status, ..
        } => Some((verdict.clone(), status.map(StatusCode::as_u16))),
        _ => None,
    });
    requested.collect()
}

fn raise(bench: &mut Bench<Toy>, type_: &str, data: &str) {
    let agent = bench.agent().expect("an agent");
    let alert = DeviceRequest::alert(type_, "./DevInfo", data);
    agent.raise("srv", alert, 1).expect("raised");
}

fn sent(bench: &Bench<Toy>) -> usize {
    let sent = |notice: &&Notice| matches!(notice, Notice::Sent(_));
    bench.notices.iter().filter(sent).count()
}

#[test]
fn what_a_device_asks_for_is_done_in_the_same_session() {
    let mut bench = asking(Decision::Now);
    raise(&mut bench, "ask", "");
    bench.run_session(Trigger::Client).expect("a session");
    assert_eq!(
        answers(&bench),
        [(Verdict::Decided(vec![(1, Decision::Now)]), Some(200))]
    );
    assert_eq!((sent(&bench), bench.endings.len()), (1, 1));
    let asked = bench.queue(|queue| queue.asked(1).map(|asked| asked.behalf));
    assert_eq!(asked.expect("a queue"), Some(Actor::Device));
}

#[test]
fn what_is_put_off_waits_for_the_next_session() {
    let mut bench = asking(Decision::Later);
    raise(&mut bench, "ask", "");
    bench.run_session(Trigger::Client).expect("a session");
    assert_eq!(
        answers(&bench),
        [(Verdict::Decided(vec![(1, Decision::Later)]), Some(202))]
    );
    assert_eq!(sent(&bench), 0);
    let wants = bench.queue(|queue| queue.wants_session());
    assert!(wants.expect("a queue"), "the device is to be notified");
    bench.run_session(Trigger::Server).expect("a session");
    assert_eq!(sent(&bench), 1);
}

#[test]
fn what_is_refused_is_answered_with_why_and_not_queued() {
    for (type_, data, status) in [
        ("please", "", 403),
        ("ask", "nonsense", 412),
        ("ask", "nothing", 200),
    ] {
        let mut bench = asking(Decision::Now);
        raise(&mut bench, type_, data);
        bench.run_session(Trigger::Client).expect("a session");
        let [(verdict, answer)] = answers(&bench).try_into().expect("one request");
        assert_eq!(answer, Some(status), "{type_} {data}");
        assert_eq!(verdict.refusal().is_some(), status != 200, "{verdict:?}");
        assert_eq!(bench.queue(|queue| queue.iter().count()).ok(), Some(0));
    }
}

#[test]
fn a_request_that_comes_again_is_not_carried_out_again() {
    let mut bench = asking(Decision::Now);
    for _ in 0..2 {
        raise(&mut bench, "ask", "");
        bench.run_session(Trigger::Client).expect("a session");
    }
    assert_eq!(
        answers(&bench),
        [
            (Verdict::Decided(vec![(1, Decision::Now)]), Some(200)),
            (Verdict::Again(vec![1]), Some(202)),
        ]
    );
    assert_eq!(sent(&bench), 1);
    // Once it is over it can be asked for again.
    bench.queue(|queue| queue.remove(1)).expect("a queue");
    raise(&mut bench, "ask", "");
    bench.run_session(Trigger::Client).expect("a session");
    let granted = Verdict::Decided(vec![(2, Decision::Now)]);
    assert_eq!(answers(&bench)[2].0, granted);
}

#[test]
fn the_infrastructure_goes_through_the_same_desk() {
    let mut queue: Queue<Toy> = Queue::new();
    let mut desk = Counter {
        decision: Decision::Now,
        next: 0,
    };
    let mut admit = |id, by, behalf| queue.admit(id, by, behalf, Toy::new("a", 0, 1), &mut desk);
    let infrastructure = Actor::Infrastructure;
    assert_eq!(admit(1, infrastructure, infrastructure), Decision::Now);
    let refused = Decision::Refused(Refusal::NotEntitled);
    assert_eq!(admit(2, infrastructure, Actor::User), refused);
    // A user asks the infrastructure, or the device.
    let refused = Decision::Refused(Refusal::NotItsPlace(Actor::User));
    assert_eq!(admit(3, Actor::User, Actor::User), refused);
    let ids: Vec<u32> = queue.iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [1]);
}

/// What became of the first operation, and what the last session told of it.
fn ended(bench: &mut Bench<Toy>, trigger: Trigger) -> (Option<Text>, Vec<&'static str>) {
    bench.notices.clear();
    bench.run_session(trigger).expect("a session");
    let told = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Finished(1) => Some("finished"),
        Notice::Late { id: 1, .. } => Some("late"),
        _ => None,
    });
    let told = told.collect();
    let ended = bench.queue(|queue| queue.get(1).and_then(|toy| toy.ended.clone()));
    (ended.expect("a queue"), told)
}

#[test]
fn what_a_device_took_before_its_reset_ends_once_it_has_come_back_without_a_report() {
    let mut bench = bench::<Toy>();
    let push = |bench: &mut Bench<Toy>, id, name| {
        bench
            .queue(|queue| queue.push(id, Toy::new(name, 0, 1)))
            .expect("a queue");
    };
    push(&mut bench, 1, "job");
    assert_eq!(ended(&mut bench, Trigger::Server), (None, vec![]));
    push(&mut bench, 2, "reset");
    assert_eq!(
        ended(&mut bench, Trigger::Server),
        (None, vec![]),
        "it may still report"
    );
    let awaits_reset = bench.queue(|queue| queue.awaits_reset());
    assert_eq!(awaits_reset.ok(), Some(true));
    push(&mut bench, 3, "job");
    let forgotten = Some(Text::from("forgotten"));
    assert_eq!(
        ended(&mut bench, Trigger::Client),
        (forgotten.clone(), vec!["finished"])
    );
    let awaits_reset = bench.queue(|queue| queue.awaits_reset());
    assert_eq!(awaits_reset.ok(), Some(false));
    // What it takes in the session in which it comes back it takes after the reset.
    assert_eq!(
        ended(&mut bench, Trigger::Client),
        (forgotten.clone(), vec![])
    );
    let third = bench.queue(|queue| queue.get(3).map(Operation::progress));
    assert_eq!(third.expect("a queue"), Some(Progress::Accepted));
    bench.queue(|queue| queue.remove(3)).expect("a queue");
    // It was not reset, or the report was on its way all the time.
    raise(&mut bench, "job", "");
    assert_eq!(
        ended(&mut bench, Trigger::Client),
        (forgotten, vec!["late"])
    );
}

#[test]
fn what_a_device_reports_when_it_comes_back_counts_whatever_it_took_since() {
    let mut bench = bench::<Toy>();
    for (id, name) in [(1, "job"), (2, "reset")] {
        bench
            .queue(|queue| queue.push(id, Toy::new(name, 0, 1)))
            .expect("a queue");
    }
    assert_eq!(ended(&mut bench, Trigger::Server), (None, vec![]));
    raise(&mut bench, "job", "");
    assert_eq!(ended(&mut bench, Trigger::Client), (None, vec!["finished"]));
    let heard = bench.queue(|queue| queue.get(1).and_then(Toy::outcome));
    assert!(
        heard
            .expect("a queue")
            .expect("an outcome")
            .contains(&"alert".into())
    );
}

impl Summarize for Vec<Text> {
    fn summary(&self) -> Summary {
        let is_forgotten = self.contains(&Text::from("forgotten"));
        Summary::new(match is_forgotten {
            true => SummaryState::Unknown,
            false => SummaryState::Succeeded,
        })
    }
}

#[test]
fn a_combined_operation_ends_too_once_the_device_has_come_back_from_a_reset() {
    // The reset is of the same operation, or of another that comes before all of this one is taken.
    for (parts, other) in [
        (vec![Toy::new("job", 0, 1), Toy::new("reset", 0, 1)], None),
        (
            vec![Toy::new("job", 0, 1), Toy::new("job", 4, 1)],
            Some(Toy::new("reset", 0, 1)),
        ),
    ] {
        let is_other = other.is_some();
        let mut bench: Bench<Combined<Toy>> = bench();
        let combined = Combined::new(Next::OnceTaken, parts);
        let other = other.map(|other| Combined::new(Next::OnceTaken, [other]));
        let push = |queue: &mut Queue<_>| {
            queue.push(1, combined);
            if let Some(other) = other {
                queue.push(2, other);
            }
        };
        bench.queue(push).expect("a queue");
        bench.run_session(Trigger::Server).expect("a session");
        let awaits_reset = bench.queue(|queue| queue.awaits_reset());
        assert_eq!(awaits_reset.ok(), Some(true), "{is_other}");
        bench.run_session(Trigger::Client).expect("a session");
        let parts = bench.queue(|queue| {
            let combined = queue.get(1).expect("an operation");
            let ended = combined.parts().iter().map(|part| part.ended.clone());
            (ended.collect::<Vec<_>>(), combined.progress())
        });
        let (ended, progress) = parts.expect("a queue");
        assert_eq!(ended, [Some(Text::from("forgotten")), None], "{is_other}");
        let awaits_reset = bench.queue(|queue| queue.awaits_reset());
        assert_eq!(awaits_reset.ok(), Some(false), "one reset counts once");
        // What it has not taken yet may still be done.
        assert_eq!(progress == Progress::Finished, !is_other);
    }
}
