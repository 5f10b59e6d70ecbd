//! Courses against devices that answer as the documents say, and against those that do not.

use std::sync::Arc;

use dm_proto::{
    AlertCode, Correlator, Data, StatusCode,
    message::{Alert, Command, Item, Meta},
    session::{DeviceProfile, NotSent},
};

use super::*;
use crate::remote::{Question, Unmet};

const TYPE: &str = "urn:test:mo:1.0";
const REPORT: &str = "urn:test:at:Complete";

/// Sets what it is told to set, and executes `./O/Run`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Test {
    prepare: Vec<Prepare>,
    reads: bool,
    resends: bool,
    every: bool,
    /// Its operations can be read.
    lists: bool,
    unmet: Option<Unmet>,
    /// What it sends may be large.
    large: bool,
}

impl Script for Test {
    const MO_IDS: &'static [&'static str] = &[TYPE];
    const REPORTS: &'static [&'static str] = &[REPORT];

    fn reads(&self) -> Vec<&'static str> {
        if self.reads { vec!["List"] } else { Vec::new() }
    }

    fn plan(&self, root: &NodeUri, _: &Snapshot) -> Option<Plan> {
        if self.reads {
            return None;
        }
        Some(Plan {
            prepare: self.prepare.clone(),
            exec: root.join("Run").ok()?,
            acl: root.clone(),
        })
    }

    fn resends(&self, _: &Order) -> bool {
        self.resends
    }

    fn every(&self) -> bool {
        self.every
    }

    fn operation(&self) -> Option<Text> {
        (!self.reads).then(|| "Run".into())
    }

    fn sends_large(&self) -> bool {
        self.large
    }

    fn offered_in(&self) -> Option<&'static str> {
        self.lists.then_some("")
    }

    fn unmet(&self, _: &NodeUri, _: &Snapshot) -> Option<Unmet> {
        self.unmet
    }
}

type Statuses = &'static [(u16, u32, u16)];

struct Run {
    course: Course<Test>,
}

fn uri(text: &str) -> NodeUri {
    NodeUri::parse(text).expect("a uri")
}

fn order() -> Order {
    Order::new("me", "c-1").with_usual_roots([uri("./O")])
}

fn two_values() -> Prepare {
    Prepare::Replace(vec![
        Setting::leaf(uri("./O/A"), "bool", "true"),
        Setting::leaf(uri("./O/B"), "bool", "false"),
    ])
}

impl Run {
    fn new(prepare: Vec<Prepare>, order: Order) -> Self {
        let script = Test {
            prepare,
            reads: false,
            resends: true,
            every: false,
            lists: false,
            unmet: None,
            large: false,
        };
        Self {
            course: Course::new(script, order),
        }
    }

    /// A course that has found its object.
    fn found(prepare: Vec<Prepare>, order: Order) -> Self {
        let mut run = Self::new(prepare, order);
        run.find();
        run
    }

    fn find(&mut self) {
        assert_eq!(self.sent(), "Get ./O?prop=Type");
        self.results(0, &[("./O?prop=Type", "", TYPE)]);
        self.answered(&[(0, 0, 200)]);
    }

    /// What is sent now.
    fn sent(&mut self) -> String {
        // Whoever takes it up again goes on as if nothing had happened.
        let saved = postcard::to_allocvec(&self.course).expect("it can be stored");
        self.course = postcard::from_bytes(&saved).expect("it can be read");
        match self.course.step() {
            Step::Send(commands) => commands.iter().map(text).collect::<Vec<_>>().join(", "),
            Step::Wait => "wait".into(),
            Step::Done => "done".into(),
        }
    }

    fn results(&mut self, command: u16, items: &[(&str, &str, &str)]) {
        let items: Vec<Item> = items
            .iter()
            .map(|(source, format, data)| {
                let item = Item::for_source(*source);
                let item = match *format {
                    "" => item,
                    format => item.with_meta(Meta::format(format)),
                };
                item.with_data(*data)
            })
            .collect();
        self.course.handle(Reply::Results {
            command,
            part: 0,
            items: &items,
        });
    }

    fn statuses(&mut self, statuses: &[(u16, u32, u16)]) {
        for (command, part, status) in statuses {
            self.course.handle(Reply::Status {
                command: *command,
                part: *part,
                target_ref: None,
                status: StatusCode::new(*status),
                items: &[],
            });
        }
    }

    fn answered(&mut self, statuses: &[(u16, u32, u16)]) {
        self.statuses(statuses);
        self.course.handle(Reply::Answered);
    }

    fn report(&mut self, alert: &Alert) {
        assert!(self.course.claims(alert));
        self.course.handle(Reply::Alert(alert));
    }

    fn ended(&self) -> Option<Ended> {
        match self.course.conclusion() {
            Some(Conclusion::Ended(ended)) => Some(*ended),
            _ => None,
        }
    }

    fn result(&self) -> Option<u16> {
        match self.course.conclusion() {
            Some(Conclusion::Result(code, _)) => Some(code.as_u16()),
            _ => None,
        }
    }
}

fn text(command: &Command) -> String {
    let children: Vec<String> = command.children().iter().map(text).collect();
    if !children.is_empty() {
        return format!("{}({})", command.name(), children.join(", "));
    }
    let target = |item: &Item| item.target_uri().map(ToString::to_string);
    let items: Vec<String> = command.items().iter().filter_map(target).collect();
    match command {
        Command::Alert(alert) => format!("Ask {:?}", alert.items[1].data),
        Command::Replace(replace) => {
            let data = replace.items[0].data.as_ref().and_then(Data::as_str);
            format!("{}={}", items.join("+"), data.unwrap_or_default())
        }
        command => format!("{} {}", command.name(), items.join("+")),
    }
}

fn alert(correlator: Option<&str>, source: &str, data: &str) -> Alert {
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: correlator.map(Correlator::from),
        items: vec![
            Item::for_source(source)
                .with_meta(Meta::of_type(REPORT).with_format("int"))
                .with_data(data),
        ],
        ..Alert::default()
    }
}

fn code(number: u16) -> StatusCode {
    StatusCode::new(number)
}

// ---- the Exec -----------------------------------------------------------------------------------

#[test]
fn the_status_of_an_exec_decides_what_it_ends_in() {
    for (status, ended) in [
        (401, Ended::Refused(code(401))),
        (403, Ended::Refused(code(403))),
        (404, Ended::Refused(code(404))),
        (405, Ended::Refused(code(405))),
        (500, Ended::Refused(code(500))),
        (510, Ended::Refused(code(510))),
        (215, Ended::Skipped),
        (304, Ended::Declined(code(304))),
        (214, Ended::Declined(code(214))),
        (408, Ended::Declined(code(408))),
        (1401, Ended::Declined(code(1401))),
    ] {
        let mut run = Run::found(vec![], order());
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, status)]);
        assert_eq!(run.ended(), Some(ended), "{status}");
        assert_eq!(run.sent(), "done");
    }
    for status in [200, 1200, 1250, 1405, 1501] {
        let mut run = Run::found(vec![], order());
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, status)]);
        assert_eq!(run.result(), Some(status));
    }
}

#[test]
fn a_status_101_is_not_the_last_word() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 101), (0, 0, 1200)]);
    assert_eq!(run.result(), Some(1200));
}

#[test]
fn a_busy_device_is_tried_again_in_the_next_session() {
    for busy in [417, 503] {
        let mut run = Run::found(vec![], order());
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, busy)]);
        assert_eq!(run.sent(), "wait", "not in this session");
        run.course.handle(Reply::SessionOver);
        run.find();
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, 202)]);
        assert_eq!(run.sent(), "wait");
        assert_eq!(run.course.progress(), Progress::Accepted);
    }
}

#[test]
fn a_device_that_is_always_busy_refuses() {
    let mut run = Run::new(vec![], order());
    for _ in 0..3 {
        run.find();
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, 503)]);
        run.course.handle(Reply::SessionOver);
    }
    assert_eq!(run.ended(), Some(Ended::Refused(code(503))));
}

#[test]
fn what_was_prepared_for_a_busy_device_is_prepared_anew_in_the_next_session() {
    let mut run = Run::found(vec![two_values()], order());
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    run.answered(&[(0, 1, 200), (0, 2, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 417)]);
    run.course.handle(Reply::SessionOver);
    run.find();
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
}

#[test]
fn a_status_that_came_before_the_session_broke_off_counts() {
    let mut run = Run::new(vec![], order());
    run.course.script.resends = false;
    run.find();
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.statuses(&[(0, 0, 1200)]);
    run.course.handle(Reply::SessionOver);
    assert_eq!(run.result(), Some(1200));
}

#[test]
fn what_a_sequence_was_answered_before_the_session_broke_off_counts() {
    let sequence = "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)";
    let answers: [(Statuses, _); 3] = [
        (&[(0, 1, 200), (0, 2, 1200)], Progress::Finished),
        (&[(0, 0, 200), (0, 1, 200), (0, 2, 202)], Progress::Accepted),
        // The device is busy: another session begins with another question.
        (&[(0, 1, 200), (0, 2, 503)], Progress::Sent),
    ];
    for (statuses, progress) in answers {
        for resends in [true, false] {
            let mut run = Run::new(vec![], asking_in_sequence());
            run.course.script.resends = resends;
            run.find();
            assert_eq!(run.sent(), sequence);
            run.statuses(statuses);
            run.course.handle(Reply::SessionOver);
            assert_eq!(run.course.progress(), progress, "{statuses:?}");
            if progress == Progress::Sent {
                run.find();
                assert_eq!(run.sent(), sequence);
            }
        }
    }
}

#[test]
fn what_cannot_be_sent_is_told_apart_from_what_the_device_refuses() {
    for reason in [NotSent::TooLarge, NotSent::DoesNotFit] {
        let mut run = Run::found(vec![], order());
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.course.handle(Reply::NotSent { command: 0, reason });
        run.answered(&[]);
        assert_eq!(run.ended(), Some(Ended::NotSent(reason)));
    }
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 413)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(413))));
}

#[test]
fn an_exec_that_cannot_be_sent_again_may_have_arrived_before() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[]);
    assert_eq!(run.sent(), "Exec ./O/Run");
    let reason = NotSent::DoesNotFit;
    run.course.handle(Reply::NotSent { command: 0, reason });
    run.answered(&[]);
    assert_eq!(run.ended(), Some(Ended::Unknown));
}

#[test]
fn values_that_do_not_fit_into_a_message_together_are_set_one_by_one() {
    let mut run = Run::found(vec![two_values()], order());
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    let reason = NotSent::DoesNotFit;
    run.course.handle(Reply::NotSent { command: 0, reason });
    run.answered(&[]);
    assert_eq!(run.sent(), "./O/A=true, ./O/B=false");
}

#[test]
fn an_exec_without_a_status_is_sent_again_three_times_at_most() {
    let mut run = Run::found(vec![], order());
    for _ in 0..3 {
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.course.handle(Reply::NoStatus {
            command: 0,
            part: 0,
        });
        run.answered(&[]);
    }
    assert_eq!(run.ended(), Some(Ended::Unknown));
}

#[test]
fn an_exec_that_must_not_be_repeated_is_unknown_once_its_answer_is_lost() {
    for end in [Reply::Answered, Reply::SessionOver] {
        let mut run = Run::new(vec![], order());
        run.course.script.resends = false;
        run.find();
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.course.handle(end);
        assert_eq!(run.ended(), Some(Ended::Unknown));
    }
}

#[test]
fn an_exec_whose_session_ended_is_sent_again_with_its_correlator() {
    let mut run = Run::found(vec![], order());
    for _ in 0..2 {
        let Step::Send(commands) = run.course.step() else {
            panic!("nothing is sent");
        };
        let [Command::Exec(exec)] = commands.as_slice() else {
            panic!("no exec: {commands:?}");
        };
        assert_eq!(exec.correlator, Some(Correlator::from("c-1")));
        run.course.handle(Reply::SessionOver);
    }
}

// ---- reports ------------------------------------------------------------------------------------

fn accepted(order: Order) -> Run {
    let mut run = Run::found(vec![], order);
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 202)]);
    run
}

#[test]
fn a_report_is_known_by_its_correlator_whatever_white_space_is_around_it() {
    let mut run = accepted(order());
    assert!(!run.course.claims(&alert(Some("c-2"), "./O/Run", "1200")));
    assert!(!run.course.claims(&alert(None, "./O/Run", "1200")));
    run.report(&alert(Some("\n c-1 "), "./elsewhere", "1200"));
    assert_eq!(run.result(), Some(1200));
    // A copy is ours, and changes nothing.
    run.report(&alert(Some("c-1"), "./O/Run", "1405"));
    assert_eq!(run.result(), Some(1405), "another item of the same report");
}

#[test]
fn where_correlators_are_not_echoed_a_report_is_known_by_its_source() {
    let mut profile = DeviceProfile::STANDARD;
    profile.correlator = false;
    let mut run = accepted(order().with_profile(profile));
    assert!(!run.course.claims(&alert(None, "./O/Other", "1200")));
    run.report(&alert(None, "./O/Run", "1405"));
    assert_eq!(run.result(), Some(1405));
    assert!(run.course.claims(&alert(None, "./O/Run", "1405")), "a copy");
    assert!(!run.course.claims(&alert(None, "./O/Run", "1200")));
}

#[test]
fn nothing_is_claimed_before_the_exec_was_sent() {
    let run = Run::found(vec![], order());
    assert!(!run.course.claims(&alert(Some("c-1"), "./O/Run", "1200")));
}

#[test]
fn several_alerts_on_one_operation_are_one_outcome() {
    let mut run = accepted(order());
    run.report(&alert(Some("c-1"), "./O/Run", "1200"));
    run.report(&alert(Some("c-1"), "./O/Run", "1406"));
    run.report(&alert(Some("c-1"), "./O/Run", "1406"));
    let Some(Conclusion::Result(result, components)) = run.course.conclusion() else {
        panic!("no result: {:?}", run.course.conclusion());
    };
    assert_eq!((result.as_u16(), components.len()), (1406, 2));
}

#[test]
fn a_report_that_says_nothing_leaves_the_outcome_unknown() {
    let mut run = accepted(order());
    run.report(&alert(Some("c-1"), "./O/Run", "what?"));
    assert_eq!(run.ended(), Some(Ended::Unknown));
}

#[test]
fn an_alert_of_another_type_with_the_correlator_is_no_report() {
    let mut run = accepted(order());
    let mut progress = alert(Some("c-1"), "./O/Run", "50");
    progress.items[0].meta = Some(Arc::new(Meta::of_type("com.vendor.progress")));
    let mut event = alert(Some("c-1"), "./O/Run", "1200");
    event.code = Some(AlertCode::CLIENT_EVENT);
    for other in [progress.clone(), event] {
        assert!(!run.course.claims(&other));
    }
    // Some vendors have a type of their own for the report itself.
    progress.items[0].data = Some("1200".into());
    run.report(&progress);
    assert_eq!(run.result(), Some(1200));
}

#[test]
fn a_report_may_come_before_the_status() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.report(&alert(Some("c-1"), "./O/Run", "1200"));
    run.answered(&[(0, 0, 202)]);
    assert_eq!(run.result(), Some(1200));
}

// ---- consent ------------------------------------------------------------------------------------

fn asking() -> Order {
    order().confirmed_by_user("Sure?", Some(30))
}

fn asking_in_sequence() -> Order {
    asking().with_profile(DeviceProfile::STANDARD.with_sequence_guards())
}

#[test]
fn a_question_carries_its_time_and_never_an_answer() {
    let mut run = Run::found(vec![], asking());
    let Step::Send(commands) = run.course.step() else {
        panic!("nothing is sent");
    };
    let [Command::Alert(alert)] = commands.as_slice() else {
        panic!("no question: {commands:?}");
    };
    assert_eq!(alert.code, Some(AlertCode::CONFIRM_OR_REJECT));
    let data = alert
        .items
        .iter()
        .map(|item| item.data.as_ref().and_then(Data::as_str));
    assert_eq!(data.collect::<Vec<_>>(), [Some("MAXDT=30"), Some("Sure?")]);
}

#[test]
fn only_a_200_lets_the_next_message_carry_the_operation() {
    let mut run = Run::found(vec![], asking());
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
    for (status, ended) in [
        (304, Ended::Declined(code(304))),
        (214, Ended::Declined(code(214))),
        (408, Ended::Declined(code(408))),
        (406, Ended::NotAsked(Some(code(406)))),
        (412, Ended::NotAsked(Some(code(412)))),
        (416, Ended::NotAsked(Some(code(416)))),
        (202, Ended::NotAsked(Some(code(202)))),
        (500, Ended::NotAsked(Some(code(500)))),
    ] {
        let mut run = Run::found(vec![], asking());
        assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
        run.answered(&[(0, 0, status)]);
        assert_eq!(run.ended(), Some(ended), "{status}");
    }
    let mut run = Run::found(vec![], asking());
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    run.course.handle(Reply::NoStatus {
        command: 0,
        part: 0,
    });
    run.answered(&[]);
    assert_eq!(run.ended(), Some(Ended::NotAsked(None)));
}

#[test]
fn a_session_that_ends_before_the_exec_takes_the_consent_with_it() {
    let mut run = Run::found(vec![two_values()], asking());
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    run.course.handle(Reply::SessionOver);
    run.find();
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
}

#[test]
fn consent_is_not_kept_for_a_device_that_refused_for_now() {
    for refusal in [417, 425] {
        let mut run = Run::found(vec![], asking());
        assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
        run.answered(&[(0, 0, 200)]);
        assert_eq!(run.sent(), "Exec ./O/Run");
        run.answered(&[(0, 0, refusal)]);
        run.course.handle(Reply::SessionOver);
        run.find();
        assert_eq!(run.sent(), "Ask Some(\"Sure?\")", "{refusal}");
    }
}

/// Clients in the field run the Exec whatever the user said.
#[test]
fn an_exec_that_ran_without_a_yes_is_told_apart_from_success() {
    for (answer, exec) in [(304, 202), (214, 200), (408, 1200), (406, 202)] {
        let mut run = Run::found(vec![], asking_in_sequence());
        assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
        run.answered(&[(0, 0, 200), (0, 1, answer), (0, 2, exec)]);
        assert_eq!(
            run.ended(),
            Some(Ended::WithoutConsent {
                answer: Some(code(answer)),
                result: code(exec)
            })
        );
    }
}

#[test]
fn a_report_of_success_without_a_yes_is_told_apart_too() {
    let mut run = Run::found(vec![], asking_in_sequence());
    assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
    // LIBDM: the Sequence says 200, nothing in it has a status, and then comes a report.
    run.answered(&[(0, 0, 200)]);
    run.report(&alert(Some("c-1"), "./O/Run", "1200"));
    assert_eq!(
        run.ended(),
        Some(Ended::WithoutConsent {
            answer: None,
            result: code(1200)
        })
    );
    // The report may come with the answer.
    let mut run = Run::found(vec![], asking_in_sequence());
    assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
    run.statuses(&[(0, 1, 304)]);
    run.report(&alert(Some("c-1"), "./O/Run", "1200"));
    assert_eq!(
        run.ended(),
        Some(Ended::WithoutConsent {
            answer: Some(code(304)),
            result: code(1200)
        })
    );
}

#[test]
fn a_refused_sequence_ends_as_the_user_said() {
    let answers: [Statuses; 2] = [
        &[(0, 0, 200), (0, 1, 304), (0, 2, 215)],
        // LIBDM: the Sequence has the user's answer, and what is skipped has none.
        &[(0, 0, 304), (0, 1, 304)],
    ];
    for statuses in answers {
        let mut run = Run::found(vec![], asking_in_sequence());
        assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
        run.answered(statuses);
        assert_eq!(run.ended(), Some(Ended::Declined(code(304))));
        run.report(&alert(Some("c-1"), "./O/Run", "1200"));
        assert_eq!(
            run.ended(),
            Some(Ended::Declined(code(304))),
            "what comes now is too late"
        );
    }
}

#[test]
fn a_device_without_sequences_is_asked_in_a_message_of_its_own() {
    let mut run = Run::found(vec![], asking_in_sequence());
    assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
    run.answered(&[(0, 0, 406)]);
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
}

#[test]
fn a_failure_before_the_exec_of_a_sequence_is_looked_at_without_asking_again() {
    let mut run = Run::found(vec![two_values()], asking_in_sequence());
    assert_eq!(
        run.sent(),
        "Sequence(Ask Some(\"Sure?\"), ./O/A=true, ./O/B=false, Exec ./O/Run)"
    );
    run.answered(&[
        (0, 0, 200),
        (0, 1, 200),
        (0, 2, 200),
        (0, 3, 500),
        (0, 4, 215),
    ]);
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    run.answered(&[(0, 0, 507), (0, 1, 216), (0, 2, 500)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(500))));
}

#[test]
fn a_sequence_that_was_sent_twice_and_then_refused_leaves_the_outcome_unknown() {
    let mut run = Run::found(vec![], asking_in_sequence());
    assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
    run.course.handle(Reply::SessionOver);
    assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
    run.answered(&[(0, 0, 200), (0, 1, 304), (0, 2, 215)]);
    assert_eq!(run.ended(), Some(Ended::Unknown));
}

#[test]
fn a_reset_in_a_sequence_without_an_answer_is_not_sent_again() {
    for end in [Reply::Answered, Reply::SessionOver] {
        let mut run = Run::new(vec![], asking_in_sequence());
        run.course.script.resends = false;
        run.find();
        assert_eq!(run.sent(), "Sequence(Ask Some(\"Sure?\"), Exec ./O/Run)");
        run.course.handle(end);
        assert_eq!(run.ended(), Some(Ended::Unknown));
    }
}

// ---- preparation --------------------------------------------------------------------------------

#[test]
fn the_exec_follows_an_atomic_whose_parts_all_succeeded() {
    let answers: [Statuses; 2] = [
        &[(0, 0, 200), (0, 1, 200), (0, 2, 200)],
        // LIBDM has no status for the Atomic itself.
        &[(0, 1, 200), (0, 2, 200)],
    ];
    for statuses in answers {
        let mut run = Run::found(vec![two_values()], order());
        assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
        run.answered(statuses);
        assert_eq!(run.sent(), "Exec ./O/Run");
    }
}

#[test]
fn a_failed_atomic_ends_with_the_failure_that_caused_it() {
    let refused = |status| Ended::Refused(code(status));
    let half_done = |status| Ended::HalfDone(code(status));
    let answers: [(Statuses, Ended); 6] = [
        (&[(0, 0, 507), (0, 1, 216), (0, 2, 425)], refused(425)),
        (&[(0, 0, 507), (0, 1, 200), (0, 2, 425)], refused(425)),
        (&[(0, 0, 507), (0, 1, 415), (0, 2, 215)], refused(415)),
        (&[(0, 0, 507)], refused(507)),
        // LIBDM undoes nothing; and one that wants to may be unable to.
        (&[(0, 1, 200), (0, 2, 500)], half_done(500)),
        (&[(0, 0, 516), (0, 1, 516), (0, 2, 500)], half_done(500)),
    ];
    for (statuses, ended) in answers {
        let mut run = Run::found(vec![two_values()], order().without_acl_repair());
        assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
        run.answered(statuses);
        assert_eq!(run.ended(), Some(ended));
    }
}

#[test]
fn a_value_that_has_gone_since_it_was_read_leaves_the_operation_unprepared() {
    let mut run = Run::found(vec![two_values()], order());
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    run.answered(&[(0, 0, 507), (0, 1, 404), (0, 2, 215)]);
    assert_eq!(run.ended(), Some(Ended::NotPrepared));

    let mut profile = DeviceProfile::STANDARD;
    profile.atomic = false;
    let mut run = Run::found(vec![two_values()], order().with_profile(profile));
    assert_eq!(run.sent(), "./O/A=true, ./O/B=false");
    run.answered(&[(0, 0, 200), (1, 0, 404)]);
    assert_eq!(run.ended(), Some(Ended::NotPrepared));
}

#[test]
fn without_atomic_values_are_set_one_by_one_and_read_back() {
    let mut never = DeviceProfile::STANDARD;
    never.atomic = false;
    for (profile, is_known) in [(DeviceProfile::STANDARD, false), (never, true)] {
        for (read, is_same) in [
            (["true", "false"], true),
            (["1", "FALSE"], true),
            (["1", "1"], false),
        ] {
            let mut run = Run::found(vec![two_values()], order().with_profile(profile.clone()));
            if !is_known {
                assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
                run.answered(&[(0, 0, 406), (0, 1, 215), (0, 2, 215)]);
            }
            assert_eq!(run.sent(), "./O/A=true, ./O/B=false");
            run.answered(&[(0, 0, 200), (1, 0, 200)]);
            assert_eq!(
                run.sent(),
                "Get ./O/A?list=StructData, Get ./O/B?list=StructData"
            );
            run.results(0, &[("./O/A", "bool", read[0])]);
            run.results(1, &[("./O/B", "bool", read[1])]);
            run.answered(&[(0, 0, 200), (1, 0, 200)]);
            if is_same {
                assert_eq!(run.sent(), "Exec ./O/Run");
            } else {
                assert_eq!(run.ended(), Some(Ended::NotPrepared));
            }
        }
    }
}

#[test]
fn an_add_of_what_is_there_sets_its_value_and_what_is_for_people_may_fail() {
    let add = Prepare::Add(vec![
        Setting::interior(uri("./O/X")),
        Setting::leaf(uri("./O/X/ID"), "chr", "id"),
        Setting::leaf(uri("./O/X/Name"), "chr", "name").optional(),
    ]);
    let mut run = Run::found(vec![add.clone()], order());
    assert_eq!(run.sent(), "Add ./O/X, Add ./O/X/ID, Add ./O/X/Name");
    run.answered(&[(0, 0, 418), (1, 0, 418), (2, 0, 405)]);
    assert_eq!(run.sent(), "./O/X/ID=id");
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");

    let mut run = Run::found(vec![add], order());
    assert_eq!(run.sent(), "Add ./O/X, Add ./O/X/ID, Add ./O/X/Name");
    run.answered(&[(0, 0, 200), (1, 0, 420), (2, 0, 200)]);
    assert_eq!(run.ended(), Some(Ended::HalfDone(code(420))));
}

#[test]
fn what_an_earlier_operation_left_in_a_node_that_is_there_is_emptied() {
    let add = Prepare::Add(vec![
        Setting::interior(uri("./O/X")),
        Setting::cleared(uri("./O/X/Env"), "chr"),
        Setting::leaf(uri("./O/X/ID"), "chr", "id"),
    ]);
    let sent = "Get ./O/X, Add ./O/X, Add ./O/X/ID";
    // Not every device that has the node says 418.
    for (answers, left) in [
        (
            [(0, 0, 200), (1, 0, 418), (2, 0, 418)],
            "./O/X/Env=, ./O/X/ID=id",
        ),
        (
            [(0, 0, 405), (1, 0, 418), (2, 0, 418)],
            "./O/X/Env=, ./O/X/ID=id",
        ),
        ([(0, 0, 200), (1, 0, 200), (2, 0, 200)], "./O/X/Env="),
        ([(0, 0, 200), (1, 0, 418), (2, 0, 200)], "./O/X/Env="),
    ] {
        let mut run = Run::found(vec![add.clone()], order());
        assert_eq!(run.sent(), sent);
        run.answered(&answers);
        assert_eq!(run.sent(), left, "{answers:?}");
        run.answered(&[(0, 0, 404), (1, 0, 200)]);
        assert_eq!(run.sent(), "Exec ./O/Run");
    }

    let mut run = Run::found(vec![add.clone()], order());
    assert_eq!(run.sent(), sent);
    run.answered(&[(0, 0, 404), (1, 0, 200), (2, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run", "nothing can be left in it");

    // That it could be looked at is no part of the operation that was done.
    let mut run = Run::found(vec![add], order().without_acl_repair());
    assert_eq!(run.sent(), sent);
    run.answered(&[(0, 0, 200), (1, 0, 418), (2, 0, 425)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

#[test]
fn adds_without_a_status_are_sent_again_until_they_are_given_up() {
    let add = Prepare::Add(vec![Setting::interior(uri("./O/X"))]);
    let mut run = Run::found(vec![add], order());
    for _ in 0..3 {
        assert_eq!(run.sent(), "Add ./O/X");
        run.answered(&[]);
    }
    assert_eq!(run.ended(), Some(Ended::NotPrepared));
}

// ---- rights -------------------------------------------------------------------------------------

const ACLS: &str = "Get ./O/Run?prop=ACL, Get ./O?prop=ACL, Get .?prop=ACL";

/// What the root of the object allows is hidden by an ACL below it.
#[test]
fn a_425_of_an_acl_further_down_is_repaired_there() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), ACLS);
    run.results(0, &[("./O/Run?prop=ACL", "", "Exec=you")]);
    run.results(1, &[("./O?prop=ACL", "", "Exec=me&Replace=me")]);
    run.answered(&[(0, 0, 200), (1, 0, 200), (2, 0, 425)]);
    assert_eq!(
        run.sent(),
        "./O/Run?prop=ACL=Add=me&Delete=me&Exec=you+me&Get=me&Replace=me"
    );
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
}

#[test]
fn a_425_is_repaired_once_keeping_the_rights_of_others() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), ACLS);
    run.results(0, &[("./O/Run?prop=ACL", "", "")]);
    run.results(1, &[("./O?prop=ACL", "", "")]);
    run.results(2, &[(".?prop=ACL", "", "Add=*&Get=*&Replace=you")]);
    run.answered(&[(0, 0, 200), (1, 0, 200), (2, 0, 200)]);
    assert_eq!(
        run.sent(),
        "./O?prop=ACL=Add=*&Delete=me&Exec=me&Get=*&Replace=you+me"
    );
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

/// OMA-TS-DM_TND, access control: who may replace the parent of an interior node may set the ACL of that.
#[test]
fn a_425_of_what_prepares_an_operation_is_repaired_once_too() {
    let mut one_by_one = DeviceProfile::STANDARD;
    one_by_one.atomic = false;
    let add = Prepare::Add(vec![
        Setting::interior(uri("./O/X")),
        Setting::leaf(uri("./O/X/ID"), "chr", "id"),
    ]);
    let standard = DeviceProfile::STANDARD;
    let rows: [(_, _, _, Statuses, _); 3] = [
        (
            standard.clone(),
            two_values(),
            "Atomic(./O/A=true, ./O/B=false)",
            &[(0, 0, 507), (0, 1, 425), (0, 2, 215)],
            "Get ./O/A?prop=ACL, Get ./O?prop=ACL, Get .?prop=ACL",
        ),
        (
            one_by_one.clone(),
            two_values(),
            "./O/A=true, ./O/B=false",
            &[(0, 0, 425), (1, 0, 425)],
            "Get ./O/A?prop=ACL, Get ./O?prop=ACL, Get .?prop=ACL",
        ),
        (
            standard,
            add,
            "Add ./O/X, Add ./O/X/ID",
            &[(0, 0, 425), (1, 0, 404)],
            "Get ./O/X?prop=ACL, Get ./O?prop=ACL, Get .?prop=ACL",
        ),
    ];
    for (profile, prepare, sent, refused, asked) in rows {
        let begin = || {
            let order = order().with_profile(profile.clone());
            let mut run = Run::found(vec![prepare.clone()], order);
            assert_eq!(run.sent(), sent);
            run.answered(refused);
            assert_eq!(run.sent(), asked);
            run.results(1, &[("./O?prop=ACL", "", "Exec=me&Get=*")]);
            run.answered(&[(0, 0, 404), (1, 0, 200), (2, 0, 425)]);
            let acl = "./O?prop=ACL=Add=me&Delete=me&Exec=me&Get=*&Replace=me";
            assert_eq!(run.sent(), acl);
            run
        };
        let mut run = begin();
        run.answered(&[(0, 0, 200)]);
        assert_eq!(run.sent(), sent, "once more");
        run.answered(refused);
        assert_eq!(run.ended(), Some(Ended::Refused(code(425))), "not twice");
        let mut run = begin();
        run.answered(&[(0, 0, 425)]);
        assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
        let mut run = begin();
        run.course.handle(Reply::SessionOver);
        assert_eq!(run.sent(), "Get ./O?prop=Type", "everything begins anew");
    }

    let order = order().with_profile(one_by_one);
    let mut run = Run::found(vec![two_values()], order);
    assert_eq!(run.sent(), "./O/A=true, ./O/B=false");
    run.answered(&[(0, 0, 200), (1, 0, 425)]);
    let half_done = Ended::HalfDone(code(425));
    assert_eq!(
        run.ended(),
        Some(half_done),
        "the object lets it, a value does not"
    );
}

#[test]
fn what_is_repaired_is_the_acl_that_holds_and_none_above_the_object() {
    // The ACLs of ./O/A, ./O and . as they are read; what is written.
    for (acls, written) in [
        (
            [Some("Get=*"), Some("Get=*&Replace=me"), Some("Add=*")],
            Some("./O/A?prop=ACL=Add=me&Delete=me&Exec=me&Get=*&Replace=me"),
        ),
        (
            [Some(""), Some(""), Some("Get=*")],
            Some("./O?prop=ACL=Add=me&Delete=me&Exec=me&Get=*&Replace=me"),
        ),
        ([Some(""), None, Some("Get=*")], None),
        ([None, Some("Get=*"), Some("Get=*")], None),
    ] {
        let mut run = Run::found(vec![two_values()], order());
        assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
        run.answered(&[(0, 0, 507), (0, 1, 425), (0, 2, 215)]);
        let asked = "Get ./O/A?prop=ACL, Get ./O?prop=ACL, Get .?prop=ACL";
        assert_eq!(run.sent(), asked);
        for (command, acl) in (0..).zip(acls) {
            match acl {
                Some(acl) => {
                    run.results(command, &[("./x", "", acl)]);
                    run.statuses(&[(command, 0, 200)]);
                }
                None => run.statuses(&[(command, 0, 425)]),
            }
        }
        run.answered(&[]);
        match written {
            Some(written) => assert_eq!(run.sent(), written),
            None => assert_eq!(run.ended(), Some(Ended::Refused(code(425))), "{acls:?}"),
        }
    }
}

#[test]
fn an_acl_that_cannot_be_read_is_not_overwritten() {
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), ACLS);
    run.results(2, &[(".?prop=ACL", "", "Add=*&Get=*")]);
    run.answered(&[(0, 0, 200), (1, 0, 425), (2, 0, 200)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

#[test]
fn a_device_without_acls_is_not_repaired() {
    let mut profile = DeviceProfile::STANDARD;
    profile.acl = false;
    let mut run = Run::found(vec![], order().with_profile(profile));
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

// ---- finding and reading ------------------------------------------------------------------------

#[test]
fn an_object_is_found_in_the_structure_of_the_whole_tree() {
    let mut run = Run::new(vec![], Order::new("me", "c-1"));
    assert_eq!(run.sent(), "Get .?list=Struct");
    let items: Vec<Item> = [
        ("./DevInfo", "urn:other"),
        ("./Deep/O", TYPE),
        ("./O", TYPE),
    ]
    .into_iter()
    .map(|(source, type_)| {
        Item::for_source(source).with_meta(Meta::of_type(type_).with_format("node"))
    })
    .collect();
    run.course.handle(Reply::Results {
        command: 0,
        part: 0,
        items: &items,
    });
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
    assert_eq!(run.course.root(), Some(&uri("./O")));
}

#[test]
fn an_object_may_stand_in_the_part_of_a_large_tree_that_was_not_kept() {
    let mut run = Run::new(vec![], Order::new("me", "c-1"));
    assert_eq!(run.sent(), "Get .?list=Struct");
    let item = |number| Item::for_source(format!("./V/N{number}")).with_meta(Meta::format("node"));
    let items: Vec<Item> = (0..10_000).map(item).collect();
    run.course.handle(Reply::Results {
        command: 0,
        part: 0,
        items: &items,
    });
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Get ., Get .?prop=Type");
    run.results(0, &[(".", "node", "V/O")]);
    run.answered(&[(0, 0, 200), (1, 0, 406)]);
    assert_eq!(
        run.sent(),
        "Get ./V, Get ./V?prop=Type, Get ./O, Get ./O?prop=Type"
    );
    run.results(3, &[("./O?prop=Type", "", TYPE)]);
    run.answered(&[(0, 0, 404), (3, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./O/Run");
}

#[test]
fn a_device_without_structures_is_walked() {
    let mut run = Run::new(vec![], Order::new("me", "c-1"));
    assert_eq!(run.sent(), "Get .?list=Struct");
    run.answered(&[(0, 0, 406)]);
    assert_eq!(run.sent(), "Get ., Get .?prop=Type");
    run.results(0, &[(".", "node", "DevInfo/V")]);
    run.answered(&[(0, 0, 200), (1, 0, 406)]);
    assert_eq!(
        run.sent(),
        "Get ./DevInfo, Get ./DevInfo?prop=Type, Get ./V, Get ./V?prop=Type"
    );
    run.results(0, &[("./DevInfo", "node", "DevId")]);
    run.results(2, &[("./V", "node", "O")]);
    run.answered(&[(0, 0, 200), (1, 0, 200), (2, 0, 200), (3, 0, 200)]);
    assert_eq!(
        run.sent(),
        "Get ./DevInfo/DevId, Get ./DevInfo/DevId?prop=Type, Get ./V/O, Get ./V/O?prop=Type"
    );
    run.results(3, &[("./V/O?prop=Type", "", TYPE)]);
    run.answered(&[(0, 0, 200), (1, 0, 200), (2, 0, 200), (3, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./V/O/Run");
}

#[test]
fn who_may_not_read_the_root_of_the_tree_does_not_know_that_an_object_is_missing() {
    let mut run = Run::new(vec![], Order::new("me", "c-1"));
    assert_eq!(run.sent(), "Get .?list=Struct");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), "Get ., Get .?prop=Type");
    run.answered(&[(0, 0, 425), (1, 0, 425)]);
    let refused = Ended::Refused(StatusCode::PERMISSION_DENIED);
    assert_eq!(run.ended(), Some(refused));
}

#[test]
fn a_tree_without_end_is_not_walked_to_its_end() {
    let mut run = Run::new(vec![], Order::new("me", "c-1"));
    assert_eq!(run.sent(), "Get .?list=Struct");
    run.answered(&[(0, 0, 406)]);
    let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    for round in 0.. {
        assert!(round < 100, "it goes on and on");
        let sent = run.sent();
        if sent == "done" {
            break;
        }
        for (command, _) in (0..).step_by(2).zip(sent.split(", ").step_by(2)) {
            run.results(command, &[("", "node", &names.join("/"))]);
        }
        run.answered(&[]);
    }
    assert_eq!(run.ended(), Some(Ended::NotFound));
}

fn reading() -> Run {
    let script = Test {
        prepare: Vec::new(),
        reads: true,
        resends: true,
        every: false,
        lists: false,
        unmet: None,
        large: false,
    };
    let mut run = Run {
        course: Course::new(script, order()),
    };
    run.find();
    assert_eq!(run.sent(), "Get ./O/List?list=StructData");
    run
}

#[test]
fn a_subtree_is_read_at_once() {
    let mut run = reading();
    run.results(
        0,
        &[
            ("./O/List", "node", ""),
            ("./O/List/X", "node", ""),
            ("./O/List/X/Name", "", "x"),
            ("./Elsewhere", "", "not asked for"),
        ],
    );
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.course.conclusion(), Some(&Conclusion::Read));
    let seen = run.course.snapshot();
    assert_eq!(seen.text(&uri("./O/List/X/Name")), Some("x"));
    assert!(!seen.exists(&uri("./Elsewhere")));
    assert_eq!(seen.children(&uri("./O/List")).count(), 1);
}

#[test]
fn a_subtree_is_walked_where_lists_are_refused_or_taken_for_a_plain_get() {
    for is_refused in [true, false] {
        let mut run = reading();
        if is_refused {
            run.answered(&[(0, 0, 406)]);
        } else {
            run.results(0, &[("./O/List", "node", "X/Y")]);
            run.answered(&[(0, 0, 200)]);
        }
        assert_eq!(run.sent(), "Get ./O/List");
        run.results(0, &[("./O/List", "node", "X/Y")]);
        run.answered(&[(0, 0, 200)]);
        assert_eq!(run.sent(), "Get ./O/List/X, Get ./O/List/Y");
        run.results(0, &[("./O/List/X", "", "x")]);
        // What may not be read is not there.
        run.answered(&[(0, 0, 200), (1, 0, 405)]);
        assert_eq!(run.course.conclusion(), Some(&Conclusion::Read));
        assert_eq!(run.course.snapshot().text(&uri("./O/List/X")), Some("x"));
        assert!(!run.course.snapshot().exists(&uri("./O/List/Y")));
    }
}

#[test]
fn a_subtree_of_a_device_that_always_has_more_is_not_read_to_its_end() {
    let mut run = reading();
    run.answered(&[(0, 0, 406)]);
    let names: Vec<String> = (0..100).map(|number| format!("N{number}")).collect();
    let names = names.join("/");
    for _ in 0..200 {
        if run.course.conclusion().is_some() {
            break;
        }
        let sent = run.sent();
        let mut statuses = Vec::new();
        for (command, get) in (0_u16..).zip(sent.split(", ")) {
            let node = get.strip_prefix("Get ").expect("a Get");
            run.results(command, &[(node, "node", &names)]);
            statuses.push((command, 0, 200));
        }
        run.answered(&statuses);
    }
    assert_eq!(run.course.conclusion(), Some(&Conclusion::Read));
    assert!(!run.course.snapshot().is_complete(), "and says so");
}

#[test]
fn a_subtree_that_is_not_there_is_empty_and_one_that_may_not_be_read_is_refused() {
    let mut run = reading();
    run.answered(&[(0, 0, 404)]);
    assert_eq!(run.course.conclusion(), Some(&Conclusion::Read));
    let mut run = reading();
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), "Get ./O/List");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

// ---- cancelling ---------------------------------------------------------------------------------

#[test]
fn an_operation_can_be_cancelled_until_something_was_sent_that_changes_the_device() {
    let mut run = Run::found(vec![two_values()], asking());
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    assert!(run.course.clone().cancel());
    run.answered(&[(0, 0, 200)]);
    assert!(run.course.clone().cancel());
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    assert!(!run.course.cancel());
    run.course.expire();
    assert_eq!(run.ended(), Some(Ended::ExpiredHalfDone));
}

#[test]
fn a_deadline_tells_what_the_device_may_have_been_left_with() {
    let expired = |mut run: Run| {
        let could_cancel = run.course.clone().cancel();
        run.course.expire();
        (run.ended(), could_cancel)
    };
    let untouched = (Some(Ended::Expired), true);
    let half_done = (Some(Ended::ExpiredHalfDone), false);
    let unknown = (Some(Ended::Unknown), false);

    let mut run = Run::new(vec![two_values()], asking());
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        }),
        untouched
    );
    run.find();
    assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
    run.answered(&[(0, 0, 200)]);
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        }),
        untouched,
        "asked"
    );
    assert_eq!(run.sent(), "Atomic(./O/A=true, ./O/B=false)");
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        }),
        half_done,
        "sent"
    );
    let mut again = Run {
        course: run.course.clone(),
    };
    again.course.handle(Reply::SessionOver);
    assert_eq!(
        expired(again),
        half_done,
        "sent in a session that broke off"
    );
    run.answered(&[(0, 0, 200), (0, 1, 200), (0, 2, 200)]);
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        }),
        half_done,
        "taken"
    );
    assert_eq!(run.sent(), "Exec ./O/Run");
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        }),
        unknown,
        "executed"
    );
    run.answered(&[(0, 0, 503)]);
    assert_eq!(expired(run), half_done, "too busy to execute");

    // Without preparation nothing is left of what was not executed, but for a repaired ACL.
    let mut run = Run::found(vec![], order());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), ACLS);
    assert_eq!(
        expired(Run {
            course: run.course.clone()
        })
        .0,
        untouched.0
    );
    run.results(1, &[("./O?prop=ACL", "chr", "Get=*&Replace=me")]);
    run.answered(&[(0, 0, 404), (1, 0, 200), (2, 0, 404)]);
    assert!(run.sent().starts_with("./O?prop=ACL="), "a Replace");
    assert_eq!(expired(run), half_done);
}

#[test]
fn an_outcome_does_not_change_once_it_is_there() {
    let mut run = Run::found(vec![], order());
    assert!(run.course.cancel());
    assert!(!run.course.cancel());
    run.course.expire();
    run.course.handle(Reply::SessionOver);
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.ended(), Some(Ended::Cancelled));
}

// ---- several objects ----------------------------------------------------------------------------

fn roots(run: &mut Run) {
    let items: Vec<Item> = [("./Deep/O", TYPE), ("./P", TYPE), ("./Other", "urn:other")]
        .into_iter()
        .map(|(source, type_)| {
            Item::for_source(source).with_meta(Meta::of_type(type_).with_format("node"))
        })
        .collect();
    run.course.handle(Reply::Results {
        command: 0,
        part: 0,
        items: &items,
    });
    run.answered(&[(0, 0, 200)]);
}

#[test]
fn an_order_may_be_for_one_object_and_no_other() {
    let at = order().for_instance(Instance::At(uri("./P")));
    let mut run = Run::new(vec![], at.clone());
    assert_eq!(run.sent(), "Get ./P?prop=Type");
    run.results(0, &[("./P?prop=Type", "", TYPE)]);
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.sent(), "Exec ./P/Run");

    for (results, status) in [(Some("urn:other"), 200), (None, 404)] {
        let mut run = Run::new(vec![], at.clone());
        assert_eq!(run.sent(), "Get ./P?prop=Type");
        if let Some(type_) = results {
            run.results(0, &[("./P?prop=Type", "", type_)]);
        }
        run.answered(&[(0, 0, status)]);
        assert_eq!(run.ended(), Some(Ended::NotFound), "no other is looked for");
    }
    // Where Types cannot be asked for one by one, it is looked for in the tree.
    let mut run = Run::new(vec![], at);
    assert_eq!(run.sent(), "Get ./P?prop=Type");
    run.answered(&[(0, 0, 406)]);
    assert_eq!(run.sent(), "Get .?list=Struct");
    roots(&mut run);
    assert_eq!(run.sent(), "Exec ./P/Run");
}

#[test]
fn an_order_for_the_only_object_is_ambiguous_if_there_are_two() {
    let mut run = Run::new(vec![], order().for_instance(Instance::Only));
    assert_eq!(run.sent(), "Get .?list=Struct");
    roots(&mut run);
    assert_eq!(run.ended(), Some(Ended::Ambiguous));
    assert_eq!(run.course.instances(), [uri("./P"), uri("./Deep/O")]);

    let mut run = Run::new(vec![], order());
    assert_eq!(run.sent(), "Get ./O?prop=Type");
    run.answered(&[(0, 0, 404)]);
    assert_eq!(run.sent(), "Get .?list=Struct");
    roots(&mut run);
    assert_eq!(run.sent(), "Exec ./P/Run", "the first is the highest");
}

#[test]
fn every_object_can_be_read_also_where_the_tree_has_to_be_walked() {
    let script = Test {
        prepare: Vec::new(),
        reads: true,
        resends: true,
        every: true,
        lists: false,
        unmet: None,
        large: false,
    };
    let mut run = Run {
        course: Course::new(script, order()),
    };
    assert_eq!(run.sent(), "Get .?list=Struct");
    run.answered(&[(0, 0, 406)]);
    assert_eq!(run.sent(), "Get ., Get .?prop=Type");
    run.results(0, &[(".", "node", "A/B")]);
    run.answered(&[(0, 0, 200), (1, 0, 406)]);
    assert_eq!(
        run.sent(),
        "Get ./A, Get ./A?prop=Type, Get ./B, Get ./B?prop=Type"
    );
    run.results(0, &[("./A", "node", "List")]);
    run.results(1, &[("./A?prop=Type", "", TYPE)]);
    run.results(2, &[("./B", "node", "List")]);
    run.results(3, &[("./B?prop=Type", "", TYPE)]);
    run.answered(&[(0, 0, 200), (1, 0, 200), (2, 0, 200), (3, 0, 200)]);
    assert_eq!(
        run.sent(),
        "Get ./A/List?list=StructData, Get ./B/List?list=StructData"
    );
    run.answered(&[(0, 0, 404), (1, 0, 404)]);
    assert_eq!(run.course.conclusion(), Some(&Conclusion::Read));
    let read: Vec<_> = run.course.read_instances().cloned().collect();
    assert_eq!(read, [uri("./A"), uri("./B")]);
}

// ---- checks -------------------------------------------------------------------------------------

#[test]
fn what_such_devices_are_known_not_to_offer_is_unsupported_without_a_message() {
    let mut run = Run::new(vec![], order().offering(["Walk"]));
    assert_eq!(run.ended(), Some(Ended::Unsupported));
    assert_eq!(run.sent(), "done");
    for order in [
        order().offering(["Walk", "Run"]),
        order().offering(["Walk"]).with_checks(Checks::Off),
    ] {
        let mut run = Run::found(vec![], order);
        assert_eq!(run.sent(), "Exec ./O/Run");
    }
}

#[test]
fn nobody_is_asked_about_what_the_object_does_not_offer() {
    for (offers, ended) in [
        (&["Walk"][..], Some(Ended::Unsupported)),
        (&["Walk", "Run"], None),
        // What can only be executed may not be shown at all.
        (&[], None),
    ] {
        let mut run = Run::new(vec![], asking());
        run.course.script.lists = true;
        run.find();
        assert_eq!(run.sent(), "Get ./O?list=StructData");
        let paths: Vec<String> = offers.iter().map(|name| format!("./O/{name}")).collect();
        run.results(0, &[("./O", "node", "")]);
        for path in &paths {
            run.results(0, &[(path, "null", "")]);
        }
        run.answered(&[(0, 0, 200)]);
        assert_eq!(run.ended(), ended, "{offers:?}");
        if ended.is_none() {
            assert_eq!(run.sent(), "Ask Some(\"Sure?\")");
        }
    }
}

/// A server may have the right to execute, and none to look.
#[test]
fn an_object_that_does_not_let_its_offer_be_read_stops_nothing() {
    for order in [asking(), order().with_checks(Checks::Read)] {
        let next = match order.question {
            Some(_) => "Ask Some(\"Sure?\")",
            None => "Exec ./O/Run",
        };
        let mut run = Run::new(vec![], order);
        run.course.script.lists = true;
        run.find();
        assert_eq!(run.sent(), "Get ./O?list=StructData");
        run.answered(&[(0, 0, 425)]);
        assert_eq!(run.sent(), "Get ./O");
        run.answered(&[(0, 0, 425)]);
        assert_eq!(run.sent(), next);
    }
}

#[test]
fn what_is_offered_is_read_before_any_operation_if_the_order_says_so() {
    let mut run = Run::new(vec![], order().with_checks(Checks::Read));
    run.course.script.lists = true;
    run.find();
    assert_eq!(run.sent(), "Get ./O?list=StructData");
    run.results(0, &[("./O", "node", ""), ("./O/Walk", "null", "")]);
    run.answered(&[(0, 0, 200)]);
    assert_eq!(run.ended(), Some(Ended::Unsupported));
}

#[test]
fn what_makes_no_sense_as_the_device_is_is_not_sent() {
    let mut run = Run::new(vec![], order());
    run.course.script.unmet = Some(Unmet::AlreadySo);
    run.find();
    assert_eq!(run.ended(), Some(Ended::Unmet(Unmet::AlreadySo)));
    let mut run = Run::new(vec![], order().with_checks(Checks::Off));
    run.course.script.unmet = Some(Unmet::AlreadySo);
    run.find();
    assert_eq!(run.sent(), "Exec ./O/Run");
}

#[test]
fn a_425_is_the_last_word_if_the_order_says_so() {
    let mut run = Run::found(vec![], order().without_acl_repair());
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(425))));
}

#[test]
fn a_status_of_the_devices_own_is_not_taken_for_a_command_that_was_not_sent() {
    let add = Prepare::Add(vec![
        Setting::leaf(uri("./O/A"), "chr", "a").optional(),
        Setting::leaf(uri("./O/B"), "chr", "b"),
    ]);
    let mut run = Run::found(vec![add], order());
    assert_eq!(run.sent(), "Add ./O/A, Add ./O/B");
    let reason = NotSent::TooLarge;
    run.course.handle(Reply::NotSent { command: 0, reason });
    run.answered(&[(1, 0, 413)]);
    assert_eq!(run.ended(), Some(Ended::Refused(code(413))));
}

#[test]
fn a_type_of_the_vendors_own_makes_an_alert_a_report() {
    let mut run = Run::found(vec![], order().with_report_types(["com.vendor.done"]));
    assert_eq!(run.sent(), "Exec ./O/Run");
    run.answered(&[(0, 0, 202)]);
    let mut report = alert(Some("c-1"), "./O/Run", "200");
    report.items[0].meta = Some(Arc::new(Meta::of_type("com.vendor.done")));
    run.report(&report);
    assert_eq!(run.result(), Some(200));
}

#[test]
fn a_question_is_shown_no_longer_than_it_waits() {
    for (question, options) in [
        (Question::new("?"), ""),
        (Question::new("?").shown_for(5), "MINDT=5"),
        (
            Question::new("?").waiting(30).shown_for(5),
            "MINDT=5&MAXDT=30",
        ),
        (
            Question::new("?").waiting(30).shown_for(60),
            "MINDT=30&MAXDT=30",
        ),
    ] {
        assert_eq!(question.options(), options);
    }
}

#[test]
fn what_may_be_large_waits_until_the_device_has_said_whether_it_takes_that() {
    const LIST: &str = "./DevDetail/LrgObj";
    for (value, takes) in [("false", false), ("0", false), ("true", true), ("?", true)] {
        let mut run = Run::new(Vec::new(), order());
        run.course.script.large = true;
        run.find();
        assert_eq!(run.sent(), "Get ./DevDetail/LrgObj?list=StructData");
        run.results(0, &[(LIST, "bool", value)]);
        run.answered(&[(0, 0, 200)]);
        assert_eq!(run.course.takes_large_objects(), takes, "{value}");
        assert_eq!(run.sent(), "Exec ./O/Run");
    }
    // Not every device has it, or lets it be read.
    let mut run = Run::new(Vec::new(), order());
    run.course.script.large = true;
    run.find();
    assert_eq!(run.sent(), "Get ./DevDetail/LrgObj?list=StructData");
    run.answered(&[(0, 0, 425)]);
    assert_eq!(run.sent(), "Get ./DevDetail/LrgObj");
    run.answered(&[(0, 0, 425)]);
    assert!(run.course.takes_large_objects());
    assert_eq!(run.sent(), "Exec ./O/Run");
    // Who knows does not ask.
    for order in [
        order().with_profile(DeviceProfile::WINDOWS),
        order().with_checks(Checks::Off),
    ] {
        let mut run = Run::new(Vec::new(), order);
        run.course.script.large = true;
        run.find();
        assert_eq!(run.sent(), "Exec ./O/Run");
    }
}

#[test]
fn what_cannot_be_sent_ends_it_with_the_device_untouched() {
    let reason = NotSent::TooLarge;
    let mut run = Run::found(vec![two_values()], order());
    run.sent();
    run.course.handle(Reply::Unsendable { command: 0, reason });
    assert!(!run.course.has_changed());
    assert_eq!(
        run.course.conclusion(),
        Some(&Conclusion::Ended(Ended::NotSent(reason)))
    );
    assert_eq!(run.sent(), "done");
}
