//! What the agent does with Execs, questions, reports, restarts. Run with every transport fault.

use std::collections::{BTreeSet, VecDeque};

use dm_proto::{
    AlertCode, StatusCode,
    message::{Alert, Command, Exec, Get, Item, Replace, Sequence},
    notification::Notification,
    session::{Ending, SessionError, UserReply},
};
use dm_tree::{
    agent::{Agent, AgentConfig, AgentError, Output},
    object::ManagementObject,
    std_objects::DmAcc,
    store::{Batch, Kind, Memory, Store},
};

use crate::support::{DONE, GO, Loss, REPORT_TYPE, Script, Setting, account, exec, told, uri};

fn setting(script: Script, batches: Vec<Vec<Command>>) -> Setting {
    Setting::new(Memory::new(), script, batches)
}

fn get(target: &str) -> Command {
    Get {
        items: vec![Item::for_target(target)],
        ..Get::default()
    }
    .into()
}

fn replace(target: &str, data: &str) -> Command {
    Replace {
        items: vec![Item::for_target(target).with_data(data)],
        ..Replace::default()
    }
    .into()
}

fn confirm(text: &str) -> Command {
    Alert {
        code: Some(AlertCode::CONFIRM_OR_REJECT),
        items: vec![Item::default(), Item::default().with_data(text)],
        ..Alert::default()
    }
    .into()
}

fn sequence(commands: Vec<Command>) -> Command {
    Sequence {
        commands,
        ..Sequence::default()
    }
    .into()
}

fn state(setting: &mut Setting) -> String {
    let agent = setting.agent.as_mut().unwrap();
    let transaction = agent.begin(1);
    let text = transaction.view().text(&uri("./Lock/State")).unwrap();
    text.to_string()
}

#[test]
fn a_job_that_runs_before_its_answer_is_answered_with_its_result() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 1200)]);
    assert!(setting.manager().reports.is_empty());
    assert_eq!(setting.endings, [Ending::Complete]);
    assert_eq!(setting.world().starts, [(false, 0)]);
    assert_eq!(state(&mut setting), "10");
    assert_eq!(setting.store.count(Kind::Job), 0, "the result has arrived");
    assert_eq!(setting.store.count(Kind::Session), 0);
}

#[test]
fn an_accepted_job_runs_once_the_202_is_known_and_reports_in_the_same_session() {
    let mut setting = setting(Script::Accept, vec![vec![exec(GO, Some(" c\n"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202)]);
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(Some(" c\n"), "1200", "int")]);
    // The package that says nothing but "arrived" closes the session; the report continues it.
    assert_eq!(setting.trace, "TTRTC");
    assert_eq!(setting.endings.len(), 1);
    assert_eq!(setting.store.count(Kind::Report), 0);
    assert_eq!(setting.store.count(Kind::Job), 0);
}

#[test]
fn a_job_for_after_the_session_reports_in_another_one() {
    let mut setting = setting(Script::AfterSession, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202)]);
    assert_eq!(setting.endings, [Ending::Complete, Ending::Complete]);
    let first = setting.trace.find('C').unwrap();
    assert_eq!(setting.trace.find('R'), Some(first + 1));
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(Some("c"), "1200", "int")]);
}

#[test]
fn an_exec_without_correlator_is_reported_without_one() {
    let mut setting = setting(Script::Accept, vec![vec![exec(GO, None)]]);
    setting.run();
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(None, "1200", "int")]);
}

#[test]
fn a_refusal_is_the_status_and_leaves_nothing() {
    let mut setting = setting(Script::Refuse, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 403)]);
    assert_eq!(state(&mut setting), "30");
    assert!(setting.world().starts.is_empty());
    assert_eq!(setting.store.count(Kind::Job), 0);
}

#[test]
fn what_cannot_be_executed_is_told_as_the_tree_does() {
    let mut setting = setting(
        Script::Now,
        vec![vec![
            exec("./Lock/Operations/None", None),
            exec("./Lock/State", None),
            exec("./DevInfo/DevId", None),
            exec("./Lock//x", None),
            exec("./Lock/Operations/Go?prop=Name", None),
        ]],
    );
    setting.run();
    let mut statuses = setting.manager().statuses.clone();
    statuses.sort_unstable();
    assert_eq!(statuses, [(1, 404), (2, 405), (3, 425), (4, 400), (5, 405)]);
}

#[test]
fn a_stage_is_durable_before_the_job_goes_on() {
    let mut setting = setting(Script::Staged, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.world().starts, [(false, 0), (false, 1)]);
    assert!(setting.trace.contains("RR"), "{}", setting.trace);
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(Some("c"), "1200", "int")]);
}

#[test]
fn what_is_noted_at_a_stage_is_what_the_job_goes_on_with() {
    let mut setting = setting(Script::Noted, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.world().starts, [(false, 0), (false, 1)]);
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(Some("c"), "1200", "int")]);
}

#[test]
fn who_asks_first_answers_202_on_yes_and_runs_after_the_session() {
    let mut setting = setting(Script::Ask, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202)]);
    assert_eq!(setting.world().starts, [(false, 0), (false, 1)]);
    // Once within the session, once behind it.
    let (session, behind) = setting.trace.split_once('C').unwrap();
    assert!(
        session.contains('R') && behind.starts_with('R'),
        "{}",
        setting.trace
    );
}

#[test]
fn who_asks_first_answers_no_with_its_own_status() {
    let both = vec![
        exec(GO, Some("c")),
        exec("./Lock/Operations/Other", Some("d")),
    ];
    let mut setting = setting(Script::AskRefused, vec![both]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 1200), (2, 1200)]);
    assert!(setting.manager().reports.is_empty());
}

#[test]
fn an_exec_is_not_answered_before_who_asks_knows() {
    let mut setting = setting(Script::AskLater, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert!(setting.manager().statuses.is_empty());
    setting.kill();
    setting.run();
    assert!(setting.manager().statuses.is_empty(), "nor after a restart");
    let job = dm_tree::object::JobId(1);
    let agent = setting.agent.as_mut().unwrap();
    agent.after_session(job, 1, 9).unwrap();
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202)]);
    assert_eq!(setting.world().starts, [(false, 0), (true, 0), (false, 1)]);
}

#[test]
fn what_goes_on_elsewhere_is_answered_202_and_completed_later() {
    let mut setting = setting(Script::NowThenLater, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202)]);
    assert!(setting.manager().reports.is_empty());
    let agent = setting.agent.as_mut().unwrap();
    let job = dm_tree::object::JobId(1);
    agent.complete(job, DONE.into(), 9).unwrap();
    assert!(matches!(
        agent.complete(job, DONE.into(), 9),
        Err(AgentError::UnknownJob(unknown)) if unknown == job
    ));
    setting.run();
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(Some("c"), "1200", "int")]);
}

#[test]
fn jobs_run_one_at_a_time_in_their_order() {
    let both = vec![
        exec(GO, Some("1")),
        exec("./Lock/Operations/Other", Some("2")),
    ];
    let mut setting = setting(Script::NowThenLater, vec![both]);
    setting.run();
    // The second could run at once, but for the first.
    assert_eq!(setting.manager().statuses, [(1, 202), (2, 202)]);
    assert_eq!(setting.world().starts.len(), 1);
    let agent = setting.agent.as_mut().unwrap();
    agent
        .complete(dm_tree::object::JobId(1), DONE.into(), 9)
        .unwrap();
    setting.run();
    assert_eq!(setting.world().starts.len(), 2);
}

#[test]
fn a_repeat_is_known_by_its_correlator_while_the_job_is_open() {
    let mut setting = setting(
        Script::NowThenLater,
        vec![
            vec![exec(GO, Some("c"))],
            vec![
                exec(GO, Some("\n c ")),
                exec("./Lock/Operations/Other", Some("c")),
            ],
        ],
    );
    setting.run();
    // The second node is another key: it waits for its turn.
    assert_eq!(setting.manager().statuses, [(1, 202), (2, 202), (3, 202)]);
    assert_eq!(setting.world().starts.len(), 1);
    assert_eq!(setting.store.count(Kind::Job), 2);
}

#[test]
fn without_a_correlator_every_exec_is_a_new_one() {
    let mut setting = setting(
        Script::Now,
        vec![vec![exec(GO, None)], vec![exec(GO, None)]],
    );
    setting.run();
    assert_eq!(setting.world().starts.len(), 2);
    assert_eq!(setting.manager().statuses, [(1, 1200), (2, 1200)]);
}

#[test]
fn a_result_that_did_not_arrive_is_told_again_and_nothing_runs_twice() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, Some("c"))]]);
    // Package 1 passes (and is challenged or not); the message with the result never does.
    setting.losses = VecDeque::from([None]);
    setting.losses.extend([Some(Loss::Request); 4]);
    setting.run();
    assert_eq!(
        setting.endings,
        [Ending::Failed(SessionError::Unreachable)],
        "{}",
        setting.trace
    );
    assert_eq!(setting.store.count(Kind::Job), 1);
    // Another session, the same operation.
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(GO, Some("c"))]);
    setting.run();
    assert_eq!(setting.manager().statuses.last(), Some(&(2, 1200)));
    assert_eq!(setting.world().starts, [(false, 0)]);
    assert_eq!(setting.store.count(Kind::Job), 0);
    // Now that it has arrived, the same correlator is a new operation.
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(GO, Some("c"))]);
    setting.run();
    assert_eq!(setting.world().starts.len(), 2);
}

#[test]
fn a_result_has_not_arrived_because_a_session_of_the_same_id_goes_on() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, Some("c"))]]);
    setting.has_one_id = true;
    setting.losses = VecDeque::from([None]);
    setting.losses.extend([Some(Loss::Request); 4]);
    setting.run();
    assert_eq!(setting.world().starts, [(false, 0)]);
    // The message that had the result in the lost session has another in this one.
    let batches = &mut setting.server.manager.batches;
    batches.push_back(vec![get("./Lock/State")]);
    batches.push_back(vec![exec(GO, Some("c"))]);
    setting.run();
    assert_eq!(setting.world().starts, [(false, 0)], "{}", setting.trace);
    assert_eq!(setting.manager().statuses.last(), Some(&(3, 1200)));
    assert_eq!(setting.store.count(Kind::Job), 0);
}

#[test]
fn without_a_correlator_an_exec_of_another_session_of_the_same_id_is_a_new_one() {
    let mut setting = setting(Script::NowThenLater, vec![vec![exec(GO, None)]]);
    setting.has_one_id = true;
    setting.run();
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(GO, None)]);
    setting.is_wanted = true;
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202), (2, 202)]);
    assert_eq!(setting.store.count(Kind::Job), 2);
}

#[test]
fn a_repeat_is_recognised_though_its_node_is_gone() {
    let node = "./Lock/x/Run";
    let mut setting = setting(Script::NowThenLater, vec![vec![exec(node, Some("c"))]]);
    let mut agent = setting.open().unwrap();
    let mut transaction = agent.begin(1);
    let mut edit = transaction.edit(&uri("./Lock")).unwrap();
    edit.put("x", dm_tree::Node::interior("")).unwrap();
    edit.put("x/Run", dm_tree::Node::leaf(dm_tree::NodeFormat::Null, ""))
        .unwrap();
    transaction.commit().unwrap();
    setting.agent = Some(agent);
    setting.run();
    let mut transaction = setting.agent.as_mut().unwrap().begin(1);
    transaction
        .edit(&uri("./Lock"))
        .unwrap()
        .remove("x")
        .unwrap();
    transaction.commit().unwrap();
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(node, Some("c")), exec(node, Some("d"))]);
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 202), (2, 202), (3, 404)]);
}

#[test]
fn lost_messages_and_answers_are_sent_again_and_change_nothing() {
    for script in [
        Script::Now,
        Script::Accept,
        Script::AfterSession,
        Script::Staged,
        Script::Noted,
        Script::Ask,
    ] {
        for at in 0..8 {
            for loss in [Loss::Request, Loss::Answer] {
                let mut setting = setting(script, vec![vec![exec(GO, Some("c"))]]);
                setting.losses = (0..at).map(|_| None).collect();
                setting.losses.push_back(Some(loss));
                setting.run();
                let effects = setting.world().effects.values().all(|times| *times == 1);
                assert!(effects, "{script:?} {at} {loss:?}");
                let told = setting.manager().reports.len()
                    + setting
                        .manager()
                        .statuses
                        .iter()
                        .filter(|(_, code)| *code != 202)
                        .count();
                assert_eq!(told, 1, "{script:?} {at} {loss:?} {}", setting.trace);
            }
        }
    }
}

#[test]
fn without_an_answer_to_the_202_a_job_for_after_the_session_goes_ahead_and_says_so() {
    for (lost, is_unanswered) in [(0, false), (3, false), (4, true)] {
        for loss in [Loss::Answer, Loss::Request] {
            let mut setting = setting(Script::Reset, vec![vec![exec(GO, Some("c"))]]);
            setting.losses = VecDeque::from([None]);
            setting.losses.extend(vec![Some(loss); lost]);
            setting.run();
            assert_eq!(setting.world().resets, 1);
            assert_eq!(setting.resets, 1);
            let case = format!("{lost} of {loss:?} lost");
            assert_eq!(setting.world().unanswered, is_unanswered, "{case}");
        }
    }
}

#[test]
fn a_reset_comes_after_the_session_and_leaves_a_new_device() {
    let mut setting = setting(
        Script::Reset,
        vec![vec![replace("./Lock/Wish", "kept?"), exec(GO, Some("c"))]],
    );
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 200), (2, 202)]);
    assert!(setting.manager().reports.is_empty());
    assert!(setting.trace.ends_with("CRX"), "{}", setting.trace);
    assert_eq!(
        setting.world().restarted_with,
        [0, 0],
        "as at a first start"
    );
    assert_eq!(state(&mut setting), "30");
    let transaction = setting.agent.as_mut().unwrap().begin(1);
    assert_eq!(transaction.view().text(&uri("./Lock/Wish")).unwrap(), "");
    for kind in [Kind::Job, Kind::Report, Kind::Session, Kind::LastSent] {
        assert_eq!(setting.store.count(kind), 0, "{kind:?}");
    }
}

#[test]
fn the_user_is_asked_and_a_no_keeps_the_exec_from_running() {
    for (user, statuses, starts) in [
        (UserReply::Yes, vec![200, 200, 1200], 1),
        (UserReply::No, vec![200, 304, 215], 0),
        (UserReply::TimedOut, vec![200, 408, 215], 0),
    ] {
        let guarded = sequence(vec![confirm("Lock it?"), exec(GO, Some("c"))]);
        let mut setting = setting(Script::Now, vec![vec![guarded]]);
        setting.user = user;
        setting.run();
        assert_eq!(setting.asked, ["Lock it?"]);
        let codes: Vec<_> = setting
            .manager()
            .statuses
            .iter()
            .map(|(_, code)| *code)
            .collect();
        assert_eq!(codes, statuses);
        assert_eq!(setting.world().starts.len(), starts);
    }
}

#[test]
fn a_question_comes_again_after_a_restart() {
    let guarded = sequence(vec![confirm("Lock it?"), exec(GO, Some("c"))]);
    let mut setting = setting(Script::Now, vec![vec![guarded]]);
    while setting.asked.is_empty() {
        setting.step().unwrap();
    }
    // Asked and answered, but not committed yet.
    setting.kill();
    setting.run();
    assert_eq!(setting.asked, ["Lock it?", "Lock it?"]);
    assert_eq!(setting.world().starts, [(false, 0)]);
    assert_eq!(setting.manager().statuses.last(), Some(&(1, 1200)));
}

#[test]
fn a_report_stays_the_same_until_it_is_taken() {
    let mut setting = setting(Script::AfterSession, vec![vec![exec(GO, Some("c"))]]);
    setting.server.manager.report_answers =
        VecDeque::from([StatusCode::COMMAND_FAILED, StatusCode::SERVICE_UNAVAILABLE]);
    setting.run();
    let reports = &setting.manager().reports;
    assert_eq!(reports.len(), 3);
    assert!(
        reports
            .iter()
            .all(|report| told(report) == (Some("c"), "1200", "int"))
    );
    assert_eq!(setting.endings.len(), 4, "one try for each session");
    assert_eq!(setting.store.count(Kind::Report), 0);
}

#[test]
fn a_report_that_is_refused_tries_another_format_once_and_is_parked() {
    let mut setting = setting(Script::AfterSession, vec![vec![exec(GO, Some("c"))]]);
    setting.server.manager.report_answers = VecDeque::from([
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    ]);
    setting.run();
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(
        reports,
        [(Some("c"), "1200", "int"), (Some("c"), "1200", "chr")]
    );
    let agent = setting.agent.as_mut().unwrap();
    let parked: Vec<_> = agent.parked_reports().collect();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].server_id, "srv");
    assert_eq!(agent.report_due().unwrap(), None);
    // Its result is still known to who asks by the same key.
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(GO, Some("c"))]);
    setting.run();
    assert_eq!(setting.manager().statuses.last(), Some(&(2, 1200)));
    let agent = setting.agent.as_mut().unwrap();
    agent.forget_report(parked[0].id, 1).unwrap();
    assert_eq!(agent.parked_reports().count(), 0);
    assert_eq!(setting.store.count(Kind::Report), 0);
    assert_eq!(setting.store.count(Kind::Job), 0);
}

#[test]
fn each_answer_to_a_report_says_whether_it_is_sent_again() {
    for (answers, sent, parked) in [
        (&[200][..], 1, 0),
        (&[202], 1, 0),
        (&[412, 202], 2, 0),
        (&[415, 200], 2, 0),
        (&[412, 415], 2, 1),
        (&[404], 1, 1),
        (&[500, 202], 2, 0),
        (&[503, 415, 202], 3, 0),
    ] {
        let mut setting = setting(Script::AfterSession, vec![vec![exec(GO, Some("c"))]]);
        let codes = answers.iter().copied().map(StatusCode::new);
        setting.server.manager.report_answers = codes.collect();
        setting.run();
        assert_eq!(setting.manager().reports.len(), sent, "{answers:?}");
        let agent = setting.agent.as_mut().unwrap();
        assert_eq!(agent.report_due().unwrap(), None, "{answers:?}");
        assert_eq!(agent.parked_reports().count(), parked, "{answers:?}");
        assert_eq!(setting.store.count(Kind::Job), parked, "{answers:?}");
    }
}

#[test]
fn a_server_that_takes_no_reports_does_not_fill_the_storage() {
    let batches = (0..20).map(|_| vec![exec(GO, None); 10]).collect();
    let mut setting = setting(Script::Accept, batches);
    setting.server.manager.report_answers = VecDeque::from(vec![StatusCode::FORBIDDEN; 500]);
    setting.run();
    let full = setting
        .manager()
        .statuses
        .iter()
        .filter(|(_, code)| *code == 420);
    assert!(full.count() > 0);
    assert!(setting.store.count(Kind::Report) <= 192);
    assert!(setting.store.count(Kind::Job) <= 192);
}

#[test]
fn an_alert_of_the_devices_own_is_due_and_delivered() {
    let mut setting = setting(Script::Now, Vec::new());
    setting.is_wanted = false;
    let mut agent = setting.open().unwrap();
    let alert = Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        items: vec![
            Item::for_source(GO)
                .with_meta(dm_proto::message::Meta::of_type(REPORT_TYPE).with_format("chr"))
                .with_data("hello"),
        ],
        ..Alert::default()
    };
    agent.raise("srv", alert.clone(), 1).unwrap();
    // It goes to a server that is not there any more never.
    agent.raise("nobody", alert, 1).unwrap();
    drop(agent);
    setting.run();
    let reports: Vec<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, [(None, "hello", "chr")]);
    assert_eq!(setting.store.count(Kind::Report), 1);
}

#[test]
fn reads_and_writes_of_one_message_are_answered_in_order() {
    let mut setting = setting(
        Script::Now,
        vec![vec![
            replace("./Lock/Wish", "a wish"),
            get("./Lock/Wish"),
            get("./None"),
        ]],
    );
    setting.run();
    assert_eq!(setting.manager().statuses, [(1, 200), (2, 200), (3, 404)]);
    let results = &setting.manager().results;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].data.as_ref().unwrap().as_str(), Some("a wish"));
    assert_eq!(results[0].source_uri().unwrap(), &"./Lock/Wish");
}

#[test]
fn objects_hear_of_their_open_jobs_at_a_restart() {
    let mut setting = setting(Script::NowThenLater, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    setting.kill();
    setting.run();
    assert_eq!(setting.world().restarted_with, [0, 1]);
    assert_eq!(setting.world().starts, [(false, 0), (true, 0)]);
}

#[test]
fn a_session_that_cannot_be_read_is_given_up_but_its_job_is_not() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, Some("c"))]]);
    setting.fail_next_run();
    let mut batch = Batch::default();
    batch
        .records
        .insert((Kind::Session, 0), Some(b"?".to_vec()));
    setting.store.clone().commit(batch).unwrap();
    // The server never got the nonce that it was to use: it has to be challenged for its answer to
    // the report.
    setting.run();
    assert_eq!(setting.world().starts, [(true, 0)]);
    let reports: BTreeSet<_> = setting.manager().reports.iter().map(told).collect();
    assert_eq!(reports, BTreeSet::from([(Some("c"), "1200", "int")]));
    assert_eq!(setting.store.count(Kind::Report), 0);
}

#[test]
fn a_job_that_lost_its_exec_is_still_known_to_a_repeat() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, Some("c"))]]);
    setting.fail_next_run();
    let mut batch = Batch::default();
    batch.records.insert((Kind::Session, 0), None);
    setting.store.clone().commit(batch).unwrap();
    setting.script = Script::NowThenLater;
    setting
        .server
        .manager
        .batches
        .push_back(vec![exec(GO, Some("c"))]);
    setting.run();
    assert_eq!(setting.manager().statuses.last(), Some(&(2, 202)));
    assert_eq!(setting.world().starts, [(true, 0)]);
}

#[test]
fn a_job_whose_object_is_gone_does_not_stand_in_the_way() {
    let mut setting = setting(Script::NowThenLater, vec![vec![exec(GO, Some("c"))]]);
    setting.run();
    setting.kill();
    let store = Box::new(setting.store.clone());
    let account = DmAcc::new(vec![account()]);
    let objects: Vec<(_, Box<dyn ManagementObject>)> = vec![(uri(DmAcc::ROOT), Box::new(account))];
    let mut agent = Agent::open(store, objects, AgentConfig::default(), 1).unwrap();
    assert!(matches!(agent.poll(1).unwrap(), Output::Idle));
    assert_eq!(setting.store.count(Kind::Job), 0);
}

#[test]
fn every_item_of_an_exec_is_a_job_of_its_own() {
    for (script, code, reports) in [(Script::Now, 1200, 0), (Script::Accept, 202, 2)] {
        let both: Command = Exec {
            correlator: Some("c".into()),
            items: vec![
                Item::for_target(GO),
                Item::for_target("./Lock/Operations/Other"),
            ],
            ..Exec::default()
        }
        .into();
        let mut setting = setting(script, vec![vec![both]]);
        setting.run();
        let codes: BTreeSet<_> = setting.manager().statuses.iter().cloned().collect();
        assert_eq!(codes, BTreeSet::from([(1, code)]));
        assert_eq!(setting.world().starts, [(false, 0), (false, 0)]);
        assert_eq!(setting.manager().reports.len(), reports);
        assert_eq!(setting.store.count(Kind::Job), 0);
    }
}

#[test]
fn a_notification_is_believed_only_with_the_servers_signature() {
    let setting = setting(Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let package = Notification::new(7, "srv").to_octets(&account()).unwrap();
    let notified = agent.notified(&package).unwrap();
    assert_eq!(notified.server_id, "srv");
    assert_eq!(notified.session_id.as_str(), "7");
    let mut forged = package.clone();
    forged[0] ^= 1;
    for bad in [&forged[..], &package[..20], b""] {
        let error = agent.notified(bad).unwrap_err();
        assert!(matches!(error, AgentError::Notification), "{error}");
    }
}

#[test]
fn a_notification_for_a_completed_session_begins_nothing_even_after_a_restart() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, None)]]);
    setting.run();
    assert_eq!(setting.world().starts.len(), 1);
    setting.kill();
    let mut agent = setting.open().unwrap();
    let accounts = agent.accounts().unwrap();
    let account = accounts
        .into_iter()
        .find(|account| account.server_id == "srv");
    let account = account.unwrap();
    let mut notified = |id| {
        let package = Notification::new(id, "srv").to_octets(&account).unwrap();
        agent.notified(&package)
    };
    let error = notified(1).unwrap_err();
    assert!(matches!(error, AgentError::Notification), "{error}");
    assert!(notified(2).is_ok());
    assert!(notified(2).is_ok(), "it was not completed");
}

#[test]
fn a_notification_for_the_session_that_is_open_begins_nothing() {
    let setting = setting(Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let package = |id| Notification::new(id, "srv").to_octets(&account()).unwrap();
    let notified = agent.notified(&package(0xAB)).unwrap();
    let trigger = dm_proto::session::Trigger::Server;
    let id = notified.session_id;
    agent.connect(&notified.server_id, trigger, id, 1).unwrap();
    let error = agent.notified(&package(0xAB)).unwrap_err();
    assert!(matches!(error, AgentError::Notification), "{error}");
}

#[test]
fn the_special_nonce_calls_a_device_only_where_it_may() {
    use dm_proto::notification::{Resynchronization, SpecialNonce};
    let special = SpecialNonce::Octets;
    let mut stale = account();
    stale.server.nonce = dm_proto::auth::Nonce::from(&b"before the reset"[..]);
    let notification = Notification::new(9, "srv");
    let stored = notification.to_octets(&stale).unwrap();
    let special = notification.to_octets_with(&stale, special).unwrap();
    let mut setting = setting(Script::Now, Vec::new());

    let mut agent = setting.open().unwrap();
    for package in [&stored, &special] {
        assert!(agent.notified(package).is_err());
    }
    drop(agent);
    setting.config.resynchronization = Resynchronization::Allowed;
    let mut agent = setting.open().unwrap();
    assert!(agent.notified(&stored).is_err());
    let notified = agent.notified(&special).unwrap();
    let id = notified.session_id;
    let trigger = dm_proto::session::Trigger::Server;
    agent.connect("srv", trigger, id, 1).unwrap();
    let Output::Transmit(package_1) = agent.poll(1).unwrap() else {
        panic!("package 1 comes first");
    };

    // Its credentials are over the special nonce, and those of the server may be.
    let mut config = dm_proto::session::ServerConfig::default();
    config.resynchronization = Resynchronization::Allowed;
    let mut server = dm_proto::testing::Server::new(config, stale, dm_proto::testing::Nobody);
    let answer = server.exchange(&package_1).unwrap();
    let answer = dm_proto::testing::message(&answer).unwrap();
    let Some(Command::Status(status)) = answer.commands.first() else {
        panic!("the first command is a status");
    };
    assert!(status.data.is_success(), "{}", status.data);
}

#[test]
fn misuse_is_told() {
    let mut setting = setting(Script::Now, vec![vec![exec(GO, None)]]);
    let mut agent = setting.open().unwrap();
    let id = || dm_proto::SessionId::from("1");
    let trigger = dm_proto::session::Trigger::Client;
    let error = agent.connect("nobody", trigger, id(), 1).unwrap_err();
    assert_eq!(error.to_string(), "no account of server \"nobody\"");
    agent.connect("srv", trigger, id(), 1).unwrap();
    let error = agent.connect("srv", trigger, id(), 1).unwrap_err();
    assert_eq!(error.to_string(), "a session is open");
    let job = dm_tree::object::JobId(5);
    assert_eq!(
        agent.run(job, 1).unwrap_err().to_string(),
        "no open job JobId(5)"
    );
    setting.run();
}
