//! The wipe list while the device runs, and wipes item by item.

use dm_proto::{StatusCode, codec::Encoding, testing::Fault};
use dm_tree::{object::Outcome, testing::Disk};
use lawmo::{
    ResultCode,
    device::{Config, ItemOutcome, Reporting, Request, WipeItem, WipeList, WipeListError},
    server::{AnyOperation, Wipe},
};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, Result, config, each, order, start, uri},
};

const WIPE: &str = "./LAWMO/Operations/Wipe";

fn mark(item: &str) -> dm_proto::message::Command {
    let leaf = format!("./LAWMO/AvailableWipeList/{item}/ToBeWiped");
    replace(&leaf, "bool", "true")
}

fn list() -> WipeList {
    WipeList::of(uri("./LAWMO"))
}

fn names(rig: &mut Rig) -> Vec<(String, bool)> {
    let items = list().items(rig.agent()).expect("a list");
    items
        .into_iter()
        .map(|(item, is_marked)| (format!("{}: {}", item.node, item.list_item_name), is_marked))
        .collect()
}

fn rig(phone: &Phone, config: Config) -> Rig {
    Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml)
}

#[test]
fn items_come_and_go_while_the_device_runs_and_stay_so() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![mark("Contacts"), mark("Media")]]);
    let call_logs = WipeItem::new("CallLogs").named("Call logs");
    list().add(rig.agent(), &call_logs, 3000).expect("added");
    let renamed = WipeItem::new("Media").named("Films");
    list().add(rig.agent(), &renamed, 3000).expect("renamed");
    assert!(
        list()
            .remove(rig.agent(), "Contacts", 3000)
            .expect("removed")
    );
    assert!(
        !list()
            .remove(rig.agent(), "Contacts", 3000)
            .expect("nothing")
    );
    let expected = [
        ("AppData: AppData".to_owned(), false),
        ("CallLogs: Call logs".to_owned(), false),
        ("Media: Films".to_owned(), true),
    ];
    assert_eq!(names(&mut rig), expected);
    rig.cut();
    assert_eq!(names(&mut rig), expected, "durable");
    // A server sees and marks what is there, and nothing else.
    rig.says(0, vec![vec![mark("CallLogs"), mark("Contacts")]]);
    assert_eq!(rig.servers[0].manager.codes(), [200, 200, 200, 404]);
    rig.says(0, vec![vec![exec(WIPE, Some("w"))]]);
    rig.settle();
    assert_eq!(phone.done(), ["wipe CallLogs+Media"]);
}

#[test]
fn the_whole_list_can_be_set_and_what_stays_keeps_its_mark() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![mark("Contacts"), mark("Media")]]);
    let items = [WipeItem::new("Media"), WipeItem::new("Notes")];
    list().set(rig.agent(), &items, 3000).expect("set");
    let expected = [
        ("Media: Media".to_owned(), true),
        ("Notes: Notes".to_owned(), false),
    ];
    assert_eq!(names(&mut rig), expected);
    let refused = list().set(rig.agent(), &[WipeItem::new("a/b")], 3000);
    assert!(matches!(refused, Err(WipeListError::Name(_))));
    assert_eq!(names(&mut rig), expected);
}

#[test]
fn at_a_start_the_device_says_what_can_be_wiped_now() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![mark("Media")]]);
    phone.can_wipe(vec![WipeItem::new("Media"), WipeItem::new("Notes")]);
    assert_eq!(names(&mut rig).len(), 3, "not while it runs");
    rig.cut();
    assert_eq!(
        names(&mut rig),
        [
            ("Media: Media".to_owned(), true),
            ("Notes: Notes".to_owned(), false)
        ]
    );
}

#[test]
fn without_a_list_there_is_nothing_to_maintain() {
    let phone = Phone::default();
    phone.can_wipe(vec![WipeItem::new("Notes")]);
    let mut rig = rig(&phone, Config::new(["srv1"]));
    let refused = list().add(rig.agent(), &WipeItem::new("Notes"), 3000);
    assert!(matches!(refused, Err(WipeListError::NoList(_))));
    let elsewhere = WipeList::of(uri("./Elsewhere")).items(rig.agent());
    assert!(matches!(elsewhere, Err(WipeListError::NoList(_))));
}

#[test]
fn an_item_that_vanished_before_the_exec_is_not_wiped_and_no_item_at_all_is_1406() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![mark("Contacts"), mark("Media")]]);
    list()
        .remove(rig.agent(), "Contacts", 3000)
        .expect("removed");
    rig.says(0, vec![vec![exec(WIPE, Some("w1"))]]);
    rig.settle();
    assert_eq!(phone.done(), ["wipe Media"]);
    rig.says(0, vec![vec![mark("AppData")]]);
    list()
        .remove(rig.agent(), "AppData", 3000)
        .expect("removed");
    rig.says(0, vec![vec![exec(WIPE, Some("w2"))]]);
    rig.settle();
    assert!(phone.done().is_empty());
    let server = &rig.servers[0].manager;
    assert_eq!(server.status_of(server.sent()), Some(1406));
    assert_eq!(server.told(), [(Some("w1".into()), WIPE.into(), 1201)]);
}

#[test]
fn an_item_that_vanishes_behind_the_exec_is_wiped_all_the_same() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config().with_reporting(Reporting::AfterSession));
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![mark("Contacts"), exec(WIPE, Some("w"))]]);
    list()
        .remove(rig.agent(), "Contacts", 3000)
        .expect("removed");
    let job = rig.left.pop().expect("a job");
    rig.agent().run(job.id, 3000).expect("it runs");
    rig.settle();
    assert_eq!(phone.done(), ["wipe Contacts"]);
    let told = rig.servers[0].manager.told();
    assert_eq!(told, [(Some("w".into()), WIPE.into(), 1201)]);
    assert_eq!(names(&mut rig).len(), 2, "it does not come back");
}

/// Each outcome of two items, and what the list looks like afterwards.
#[test]
fn each_item_has_its_outcome_and_the_wipe_has_one_code() -> Result {
    use ItemOutcome::{Erased, Failed, Gone, NotPerformed};
    for (contacts, media, code, state, left) in [
        (
            Erased,
            Erased,
            1201,
            "succeeded",
            &[("Contacts", "false"), ("Media", "false")][..],
        ),
        (Gone, Gone, 1202, "succeeded", &[]),
        (Gone, Erased, 1201, "succeeded", &[("Media", "false")]),
        (
            Erased,
            Failed,
            1405,
            "failed",
            &[("Contacts", "false"), ("Media", "true")],
        ),
        (Gone, Failed, 1405, "failed", &[("Media", "true")]),
        (
            NotPerformed,
            Erased,
            1405,
            "failed",
            &[("Contacts", "true"), ("Media", "false")],
        ),
        (
            NotPerformed,
            NotPerformed,
            1406,
            "failed",
            &[("Contacts", "true"), ("Media", "true")],
        ),
    ] {
        for reporting in [Reporting::Synchronous, Reporting::InSession] {
            each(&config().with_reporting(reporting), |setup| {
                setup.phone.item_ends_with("Contacts", contacts);
                setup.phone.item_ends_with("Media", media);
                let wipe = Wipe::items(["Contacts", "Media"], order("w"));
                setup.bench.push(1, AnyOperation::Wipe(wipe))?;
                setup.bench.settle()?;
                assert_eq!(setup.summary(1)?, (state, 0, code));
                let mut found = Vec::new();
                for item in setup.bench.children("./LAWMO/AvailableWipeList")? {
                    let mark = setup.value(&format!("AvailableWipeList/{item}/ToBeWiped"))?;
                    found.push((item, mark));
                }
                found.retain(|(item, _)| item != "AppData");
                let found: Vec<(&str, &str)> = found
                    .iter()
                    .map(|(item, mark)| (item.as_str(), mark.as_str()))
                    .collect();
                assert_eq!(found, left);
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn a_wipe_that_is_cut_off_goes_on_with_the_rest() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let begin = || {
            let config = config().with_reporting(reporting);
            let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
            setup.phone.wipes_at_a_time(1);
            let wipe = Wipe::everything(order("w"));
            setup.bench.push(1, AnyOperation::Wipe(wipe))?;
            Ok::<_, dm_tree::testing::BenchError>(setup)
        };
        let mut whole = begin()?;
        whole.bench.settle()?;
        let once = ["wipe AppData", "wipe Contacts", "wipe Media"];
        assert_eq!(whole.phone.done(), once);
        for step in 0..whole.bench.steps() {
            let mut setup = begin()?;
            setup.bench.power_cut(step);
            setup.bench.settle()?;
            if setup.outcome(1)?.is_none() {
                setup.bench.queue(|queue| queue.session_lost())?;
                setup.bench.settle()?;
            }
            let case = format!("{reporting:?}, power cut at {step}");
            // Each item once, in order, and one of them as resumed.
            let done = setup.phone.done();
            let items: Vec<&str> = done
                .iter()
                .map(|done| done.trim_end_matches(" again"))
                .collect();
            assert_eq!(items, once, "{case}: {done:?}");
            assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201), "{case}");
            assert!(setup.is_told_once(), "{case}");
        }
    }
    Ok(())
}

#[test]
fn a_wipe_that_goes_on_elsewhere_keeps_how_far_it_is() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.leaves_jobs = true;
    rig.says(
        0,
        vec![vec![mark("Contacts"), mark("Media"), exec(WIPE, Some("w"))]],
    );
    rig.run();
    let job = rig.left.pop().expect("a job");
    let request = Request::of(&job).expect("ours");
    assert_eq!(request.rest().len(), 2);
    let memo = request.partly_wiped(&[ItemOutcome::Gone]).expect("a memo");
    let stage = lawmo::device::PERFORMING;
    rig.agent().note(job.id, stage, memo, 3000).expect("noted");
    rig.cut();
    rig.run();
    let job = rig.left.pop().expect("the job again");
    assert!(job.resumed);
    let request = Request::of(&job).expect("ours");
    let rest: Vec<_> = request
        .rest()
        .iter()
        .map(|item| item.node.as_str())
        .collect();
    assert_eq!(rest, ["Media"]);
    let outcome = request.wiped(&[ItemOutcome::Gone]);
    rig.agent().complete(job.id, outcome, 3000).expect("done");
    rig.settle();
    let told = rig.servers[0].manager.told();
    assert_eq!(told, [(Some("w".into()), WIPE.into(), 1202)]);
    assert_eq!(names(&mut rig), [("AppData: AppData".to_owned(), false)]);
}

#[test]
fn a_mark_that_is_set_while_a_wipe_runs_is_not_taken_away_by_it() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.leaves_jobs = true;
    let unmark = replace("./LAWMO/AvailableWipeList/Media/ToBeWiped", "bool", "false");
    rig.says(
        0,
        vec![vec![mark("Contacts"), mark("Media"), exec(WIPE, Some("a"))]],
    );
    // While it goes on, its server chooses what the next one wipes: the same, and something else.
    rig.says(0, vec![vec![mark("Contacts"), mark("AppData"), unmark]]);
    let job = rig.left.pop().expect("a job");
    rig.cut();
    rig.run();
    let again = rig.left.pop().expect("the job again");
    assert_eq!(again.id, job.id);
    rig.leaves_jobs = false;
    rig.agent().run(job.id, 3000).expect("it runs");
    assert_eq!(phone.done(), ["wipe Contacts+Media again"]);
    let marks: Vec<bool> = names(&mut rig).iter().map(|(_, marked)| *marked).collect();
    assert_eq!(marks, [true, true, false]);
    rig.says(0, vec![vec![exec(WIPE, Some("b"))]]);
    rig.settle();
    assert_eq!(phone.done(), ["wipe AppData+Contacts"]);
}

#[test]
fn a_start_leaves_out_what_cannot_be_in_the_list() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config());
    rig.says(0, vec![vec![mark("Media")]]);
    // The last is a name, but not below this root.
    let too_long = "x".repeat(2030);
    phone.can_wipe(
        [
            "Media",
            "a/b",
            "",
            "..",
            "Notes",
            "Notes",
            too_long.as_str(),
        ]
        .map(|name| WipeItem::new(name.to_owned()))
        .to_vec(),
    );
    rig.cut();
    assert_eq!(
        names(&mut rig),
        [
            ("Media: Media".to_owned(), true),
            ("Notes: Notes".to_owned(), false)
        ]
    );
    let refused = list().add(rig.agent(), &WipeItem::new(too_long), 3000);
    assert!(matches!(refused, Err(WipeListError::Name(_))));
}

#[test]
fn the_integrator_may_say_of_the_whole_wipe_what_came_of_it() {
    let complete = |outcome: fn(&Request) -> Outcome| {
        let phone = Phone::default();
        let mut rig = rig(&phone, config());
        rig.leaves_jobs = true;
        rig.says(
            0,
            vec![vec![mark("Contacts"), mark("Media"), exec(WIPE, Some("w"))]],
        );
        let job = rig.left.pop().expect("a job");
        let outcome = outcome(&Request::of(&job).expect("ours"));
        rig.agent().complete(job.id, outcome, 3000).expect("done");
        rig.settle();
        let left = names(&mut rig);
        let told = rig.servers[0].manager.told();
        let is_left = |wanted: bool| {
            let marked = left.iter().filter(|(_, is_marked)| *is_marked == wanted);
            marked.count()
        };
        (told[0].2, is_left(true), is_left(false))
    };
    assert_eq!(
        complete(|it| it.outcome(ResultCode::new(1201))),
        (1201, 0, 3)
    );
    assert_eq!(
        complete(|it| it.outcome(ResultCode::new(1202))),
        (1202, 0, 1)
    );
    assert_eq!(
        complete(|it| it.outcome(ResultCode::new(1405))),
        (1405, 2, 1)
    );
    // Who knows no more than a code says the same.
    assert_eq!(complete(|_| StatusCode::new(1201).into()), (1201, 0, 3));
    assert_eq!(complete(|_| StatusCode::new(1202).into()), (1202, 0, 1));
    assert_eq!(complete(|_| StatusCode::new(1405).into()), (1405, 2, 1));
}

#[test]
fn an_item_that_goes_and_comes_back_during_a_wipe_keeps_the_mark_that_it_gets_then() {
    let phone = Phone::default();
    let mut rig = rig(&phone, config().with_reporting(Reporting::AfterSession));
    rig.leaves_jobs = true;
    rig.says(0, vec![vec![mark("Contacts"), exec(WIPE, Some("w"))]]);
    let job = rig.left.pop().expect("a job");
    list()
        .remove(rig.agent(), "Contacts", 3000)
        .expect("removed");
    list()
        .add(rig.agent(), &WipeItem::new("Contacts"), 3000)
        .expect("added");
    rig.now = 3000;
    rig.says(0, vec![vec![mark("Contacts")]]);
    rig.leaves_jobs = false;
    rig.agent().run(job.id, 3000).expect("it runs");
    assert_eq!(phone.done(), ["wipe Contacts"]);
    let contacts = names(&mut rig).into_iter().nth(1);
    assert_eq!(contacts, Some(("Contacts: Contacts".to_owned(), true)));
}

/// A server that has lost its session says everything again, since it does not know what has arrived.
#[test]
fn the_marks_that_come_with_a_repeat_are_those_of_the_wipe_that_it_repeats() {
    // Done and answered; not done; done, and its report not taken.
    for (reporting, leaves_jobs, code) in [
        (Reporting::Synchronous, false, 1201),
        (Reporting::InSession, true, 202),
        (Reporting::AfterSession, true, 202),
        (Reporting::InSession, false, 202),
        (Reporting::AfterSession, false, 202),
    ] {
        let phone = Phone::default();
        let mut rig = rig(&phone, config().with_reporting(reporting));
        let all = || {
            vec![
                vec![mark("Contacts"), mark("Media")],
                vec![exec(WIPE, Some("w"))],
            ]
        };
        // Package 1, the marks, and the message with what the Exec is answered.
        rig.retries = Some(0);
        rig.faults.insert(3, Fault::LoseRequest);
        rig.servers[0].manager.fails = true;
        rig.leaves_jobs = leaves_jobs;
        rig.says(0, all());
        rig.says(0, all());
        rig.leaves_jobs = false;
        if let Some(job) = rig.left.pop() {
            rig.agent().run(job.id, 3000).expect("it runs");
        }
        rig.servers[0].manager.fails = false;
        rig.settle();
        let case = format!("{reporting:?}, leaves jobs: {leaves_jobs}");
        assert_eq!(phone.done(), ["wipe Contacts+Media"], "{case}");
        let server = &rig.servers[0].manager;
        assert_eq!(server.status_of(server.sent()), Some(code), "{case}");
        let marked = names(&mut rig).into_iter().filter(|(_, marked)| *marked);
        assert_eq!(marked.count(), 0, "{case}");
    }
}

#[test]
fn what_a_repeat_of_a_failed_wipe_has_marked_stays_marked() {
    let phone = Phone::default();
    phone.item_ends_with("Media", ItemOutcome::Failed);
    let mut rig = rig(&phone, config().with_reporting(Reporting::Synchronous));
    rig.retries = Some(0);
    rig.faults.insert(3, Fault::LoseRequest);
    for _ in 0..2 {
        rig.says(
            0,
            vec![
                vec![mark("Contacts"), mark("Media")],
                vec![exec(WIPE, Some("w"))],
            ],
        );
    }
    assert_eq!(phone.done(), ["wipe Contacts+Media"]);
    let server = &rig.servers[0].manager;
    assert_eq!(server.status_of(server.sent()), Some(1405));
    let media = names(&mut rig).pop();
    assert_eq!(media, Some(("Media: Photos and films".to_owned(), true)));
}
