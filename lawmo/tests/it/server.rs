//! The server's side: what it can know, whom it lets ask, and how it keeps what it is asked for.

use std::sync::{Arc, Mutex};

use dm_proto::{
    AlertCode, StatusCode,
    codec::Encoding,
    message::{Alert, Command, Item, Meta},
    session::{DeviceProfile, Prompt, Trigger, UserReply},
};
use dm_tree::{
    Acl, NodeUri, Right,
    object::ManagementObject,
    remote::{
        self, Actor, Checks, Combined, Decision, Desk, DeviceRequest, Instance, Next, Notice,
        Operation as _, Order, Question, Refusal, Reply, Request, RequestTypes, Rules, Step,
        Summary, SummaryState, Understood, Unmet,
    },
    std_objects::{DevDetail, DevInfo, DmAcc},
    testing::{Bench, Disk},
};
use lawmo::{
    Operation, ResultCode, State, alert,
    device::{Lawmo, Reporting},
    server::{
        AnyOperation, AnyOutcome, Ended, FactoryReset, Lock, LockOutcome, ReadState, ReadStates,
        Report, Requested, Vendor, VendorOutcome, Wipe,
    },
};

use crate::support::{
    Phone, Result, Setup, account, config, each, flat, order, order_in_sequence, start, uri,
};

fn wbxml() -> Result<Setup> {
    start(config(), Disk::default(), Encoding::Wbxml)
}

fn read(setup: &mut Setup, id: u32, order: Order) -> Result<lawmo::server::LockStatus> {
    let read = AnyOperation::from(ReadState::new(order));
    setup.bench.push(id, read)?;
    setup.bench.settle()?;
    match setup.outcome(id)? {
        Some(AnyOutcome::ReadState(Ok(status))) => Ok(status),
        other => panic!("nothing was read: {other:?}"),
    }
}

// ---- reading ------------------------------------------------------------------------------------

#[test]
fn the_state_of_an_object_has_what_it_offers_and_where_it_is() -> Result {
    let config = config().offering([Operation::PartiallyLock, Operation::Wipe]);
    each(&config, |setup| {
        let status = read(setup, 1, order("r"))?;
        assert_eq!(status.root, uri("./LAWMO"));
        assert_eq!(status.state, Some(State::Unlocked));
        for operation in Operation::ALL {
            let is_offered = matches!(
                operation,
                Operation::PartiallyLock | Operation::Wipe | Operation::UnLock
            );
            assert_eq!(status.offers(operation), Some(is_offered), "{operation:?}");
        }
        assert!(status.vendor_operations.is_empty() && status.others.is_empty());
        Ok(())
    })
}

/// A device with two such objects: the phone's own, and that of the watch that belongs to it.
fn phone_and_watch() -> Result<(Setup, Phone)> {
    let (phone, watch) = (Phone::default(), Phone::default());
    let devices = (phone.clone(), watch.clone());
    let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
        let (phone, watch) = devices.clone();
        vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("IMEI:493005100592800", "Maker", "Model")),
            ),
            (
                uri(DevDetail::ROOT),
                Box::new(DevDetail::new("phone", "Maker", "1", "1", "1")),
            ),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()]))),
            (uri("./LAWMO"), Box::new(Lawmo::new(phone, config()))),
            (uri("./Watch"), Box::new(Lawmo::new(watch, config()))),
        ]
    };
    let bench = Bench::new(
        Disk::default(),
        account(),
        Box::new(objects),
        Encoding::Wbxml,
    )?;
    Ok((Setup { bench, phone }, watch))
}

#[test]
fn of_several_objects_an_order_names_one_or_takes_the_first() -> Result {
    let (mut setup, watch) = phone_and_watch()?;
    let at = order("w").for_instance(Instance::At(uri("./Watch")));
    for (id, order) in [(1, at), (2, order("p"))] {
        let lock = AnyOperation::from(Lock::fully(order));
        setup.bench.push(id, lock)?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(id)?, ("succeeded", 0, 1200));
    }
    assert_eq!(watch.done(), ["lock fully"]);
    assert_eq!(setup.phone.done(), ["lock fully"]);

    let only = order("o").for_instance(Instance::Only);
    setup.bench.push(3, Lock::unlock(only).into())?;
    setup.bench.settle()?;
    assert_eq!(
        setup.outcome(3)?,
        Some(AnyOutcome::Lock(LockOutcome::Ended(Ended::Ambiguous)))
    );
    let instances = setup
        .bench
        .queue(|queue| queue.get(3).map(|lock| lock.instances().to_vec()))?;
    assert_eq!(instances, Some(vec![uri("./LAWMO"), uri("./Watch")]));
    assert!(watch.done().is_empty() && setup.phone.done().is_empty());
    Ok(())
}

#[test]
fn every_object_of_a_device_is_read_by_one_operation() -> Result {
    let (mut setup, _) = phone_and_watch()?;
    let at = order("w").for_instance(Instance::At(uri("./Watch")));
    setup.bench.push(1, Lock::partially(at).into())?;
    setup.bench.push(2, ReadStates::new(order("r")).into())?;
    setup.bench.settle()?;
    let Some(AnyOutcome::ReadStates(Ok(all))) = setup.outcome(2)? else {
        panic!("nothing was read: {:?}", setup.outcome(2)?);
    };
    let states: Vec<_> = all
        .iter()
        .map(|status| (status.root.as_str(), status.state))
        .collect();
    assert_eq!(
        states,
        [
            ("./LAWMO", Some(State::Unlocked)),
            ("./Watch", Some(State::PartiallyLocked)),
        ]
    );
    assert_eq!(setup.summary(2)?, ("succeeded", 0, 0));
    Ok(())
}

// ---- checks -------------------------------------------------------------------------------------

#[test]
fn the_user_is_not_asked_about_what_the_device_does_not_offer() -> Result {
    let config = config().offering([Operation::PartiallyLock]);
    for sequence in [false, true] {
        each(&config, |setup| {
            setup
                .bench
                .set_user(|_| panic!("nobody is to be asked about that"));
            let order = match sequence {
                true => order_in_sequence("r"),
                false => order("r"),
            };
            let order = order.confirmed_by_user("Reset?", None);
            setup.bench.push(1, FactoryReset::new(order).into())?;
            setup.bench.settle()?;
            let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
            assert_eq!(summary, Some(Summary::from(Ended::Unsupported)));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_such_devices_do_not_offer_needs_no_session() -> Result {
    let mut setup = wbxml()?;
    let names = [Operation::PartiallyLock, Operation::UnLock].map(Operation::node_name);
    let known = order("a").offering(names);
    setup.bench.push(1, Lock::fully(known.clone()).into())?;
    setup.bench.push(2, Lock::partially(known).into())?;
    let unchecked = order("b").offering(names).with_checks(Checks::Off);
    setup.bench.push(3, Lock::fully(unchecked).into())?;
    assert_eq!(
        setup.outcome(1)?,
        Some(AnyOutcome::Lock(LockOutcome::Ended(Ended::Unsupported)))
    );
    setup.bench.settle()?;
    assert_eq!(setup.phone.done(), ["lock partially", "lock fully"]);
    Ok(())
}

// ---- confirmation -------------------------------------------------------------------------------

/// The four answers of the user, in both variants.
#[test]
fn each_answer_of_the_user_is_told_apart_in_both_variants() -> Result {
    for sequence in [false, true] {
        for (reply, state, status) in [
            (UserReply::Yes, "accepted", 0),
            (UserReply::No, "declined", 304),
            (UserReply::Cancelled, "declined", 214),
            (UserReply::TimedOut, "declined", 408),
            (UserReply::CannotDisplay, "declined", 416),
        ] {
            each(&config(), |setup| {
                let reply = reply.clone();
                setup.bench.set_user(move |_| reply.clone());
                let order = match sequence {
                    true => order_in_sequence("r"),
                    false => order("r"),
                };
                let order = order.confirmed_by_user("Reset?", Some(10));
                setup.bench.push(1, FactoryReset::new(order).into())?;
                setup.bench.settle()?;
                assert_eq!(setup.summary(1)?, (state, status, 0));
                let is_done = !setup.phone.done().is_empty();
                assert_eq!(is_done, state == "accepted");
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn a_question_comes_to_the_user_with_its_times_and_no_answer_in_advance() -> Result {
    let mut setup = wbxml()?;
    let asked: Arc<Mutex<Vec<Prompt>>> = Arc::default();
    let log = Arc::clone(&asked);
    setup.bench.set_user(move |prompt| {
        log.lock().expect("a log").push(prompt.clone());
        UserReply::Yes
    });
    let question = Question::new("Wipe it?").shown_for(5).waiting(60);
    let wipe = Wipe::everything(order("w").asking(question));
    setup.bench.push(1, wipe.into())?;
    setup.bench.settle()?;
    let asked = asked.lock().expect("a log");
    let [prompt] = asked.as_slice() else {
        panic!("one question: {asked:?}");
    };
    assert_eq!(prompt.code, AlertCode::CONFIRM_OR_REJECT);
    assert_eq!(prompt.text, "Wipe it?");
    assert_eq!(
        (prompt.min_display, prompt.max_display),
        (Some(5), Some(60))
    );
    assert_eq!(prompt.initial, None);
    Ok(())
}

// ---- combined operations ------------------------------------------------------------------------

/// LAWMO AD 5.4.1, a phone that was stolen: full lock and wipe
#[test]
fn a_stolen_phone_is_locked_and_wiped_by_one_request_with_one_outcome() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        each(&config().with_reporting(reporting), |setup| {
            let both = AnyOperation::lock_and_wipe(&order("stolen"), Wipe::everything);
            setup.bench.push(1, both)?;
            setup.bench.settle()?;
            assert_eq!(
                setup.phone.done(),
                ["lock fully", "wipe AppData+Contacts+Media"]
            );
            assert!(setup.is_told_once(), "{:?}", setup.bench.notices);
            assert_eq!(setup.value("State")?, "10");
            let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
            let summary = summary.expect("an outcome");
            assert_eq!(summary.state, SummaryState::Succeeded);
            let parts: Vec<_> = summary.parts.iter().flatten().map(flat).collect();
            assert_eq!(
                parts.iter().map(|part| part.0).collect::<Vec<_>>(),
                ["succeeded", "succeeded"]
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn the_wipe_is_done_too_if_the_lock_fails_and_the_whole_has_failed() -> Result {
    each(&config(), |setup| {
        setup.phone.ends_once_with(ResultCode::FULLY_LOCK_FAILED);
        let both = AnyOperation::lock_and_wipe(&order("stolen"), Wipe::everything);
        setup.bench.push(1, both)?;
        setup.bench.settle()?;
        let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
        let summary = summary.expect("an outcome");
        assert_eq!(flat(&summary), ("failed", 0, 1402));
        let states: Vec<_> = summary
            .parts
            .iter()
            .flatten()
            .map(|part| part.state)
            .collect();
        assert_eq!(states, [SummaryState::Failed, SummaryState::Succeeded]);
        Ok(())
    })
}

#[test]
fn lock_and_wipe_that_nobody_can_be_asked_about_are_over_without_a_session() -> Result {
    let mut setup = wbxml()?;
    let order = order("sold")
        .with_profile(DeviceProfile::WINDOWS)
        .confirmed_by_user("Lock and wipe?", None);
    let both = AnyOperation::lock_and_wipe(&order, Wipe::everything);
    setup.bench.push(1, both)?;
    let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
    assert_eq!(
        summary.map(|summary| summary.state),
        Some(SummaryState::Declined)
    );
    Ok(())
}

#[test]
fn a_user_who_says_no_to_lock_and_wipe_is_asked_once_and_keeps_both() -> Result {
    each(&config(), |setup| {
        let asked: Arc<Mutex<u32>> = Arc::default();
        let count = Arc::clone(&asked);
        setup.bench.set_user(move |_| {
            *count.lock().expect("a count") += 1;
            UserReply::No
        });
        let order = order("sold").confirmed_by_user("Lock and wipe?", None);
        let both = AnyOperation::lock_and_wipe(&order, Wipe::everything);
        setup.bench.push(1, both)?;
        setup.bench.settle()?;
        assert_eq!(*asked.lock().expect("a count"), 1);
        let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
        let summary = summary.expect("an outcome");
        assert_eq!(flat(&summary), ("declined", 304, 0));
        assert!(matches!(summary.parts.as_slice(), [Some(_), None]));
        assert!(setup.phone.done().is_empty());
        Ok(())
    })
}

#[test]
fn a_combined_operation_is_cancelled_as_a_whole_until_it_is_sent_and_ends_at_its_deadline() -> Result
{
    let mut setup = wbxml()?;
    let both =
        |correlator| AnyOperation::lock_and_wipe(&order(correlator).until(10), Wipe::everything);
    setup.bench.push(1, both("a"))?;
    assert!(setup.bench.queue(|queue| queue.cancel(1))?);
    assert_eq!(setup.summary(1)?, ("cancelled", 0, 0));

    setup.phone.is_slow();
    setup.bench.push(2, both("b"))?;
    setup.bench.settle()?;
    assert!(!setup.bench.queue(|queue| queue.cancel(2))?);
    assert_eq!(setup.bench.queue(|queue| queue.expire(10))?, [2]);
    assert_eq!(setup.summary(2)?, ("unknown", 0, 0));

    // A part that was over before anything was sent holds nothing up.
    let order = order("c").offering(["Wipe"]);
    let both = AnyOperation::lock_and_wipe(&order, Wipe::everything);
    setup.bench.push(3, both)?;
    assert_eq!(setup.outcome(3)?, None, "the wipe waits for a session");
    assert!(setup.bench.queue(|queue| queue.cancel(3))?);
    let summary = setup.outcome(3)?.expect("cancelled").summary();
    let parts = summary.parts.iter().flatten().map(|part| part.state);
    assert_eq!(
        parts.collect::<Vec<_>>(),
        [SummaryState::Failed, SummaryState::Cancelled]
    );
    Ok(())
}

/// Finds the object of a device that will report later, and executes.
fn take(operation: &mut impl remote::Operation) {
    for is_found in [false, true] {
        let Step::Send(commands) = operation.step() else {
            panic!("there is something to send");
        };
        assert_eq!(matches!(commands[..], [Command::Exec(_)]), is_found);
        let items = [Item::for_source("./LAWMO?prop=Type").with_data(lawmo::MO_ID)];
        let (command, part) = (0, 0);
        operation.handle(if is_found {
            Reply::Status {
                command,
                part,
                target_ref: None,
                status: StatusCode::ACCEPTED,
                items: &[],
            }
        } else {
            Reply::Results {
                command,
                part,
                items: &items,
            }
        });
        operation.handle(Reply::Answered);
    }
}

/// The first was taken before the reset, the second was not.
#[test]
fn a_part_that_a_reset_made_the_device_forget_does_not_keep_the_whole_waiting() {
    for next in [Next::OnceTaken, Next::OnceSucceeded] {
        let whole = order("stolen");
        let parts = [
            AnyOperation::Lock(Lock::fully(whole.part(1))),
            AnyOperation::Lock(Lock::partially(whole.part(2))),
        ];
        let mut both = Combined::new(next, parts);
        take(&mut both);
        assert!(both.outcome().is_none());
        // The device takes a reset, and comes back.
        both.handle(Reply::SessionOver);
        both.doubt();
        if next == Next::OnceTaken {
            // What it takes from now on it takes after the reset.
            take(&mut both);
        }
        both.handle(Reply::SessionOver);
        both.forget();
        let forgotten = Some(AnyOutcome::Lock(LockOutcome::Ended(Ended::Forgotten)));
        let first = both.parts()[0].outcome();
        assert_eq!(first, forgotten, "{next:?}");
        let whole = both.outcome();
        match next {
            Next::OnceSucceeded => {
                let whole = whole.expect("the rest is left out");
                assert_eq!(whole.parts, [forgotten, None]);
            }
            _ => assert_eq!(whole, None, "the second still reports"),
        }
    }
}

// ---- several server processes -------------------------------------------------------------------

#[test]
fn two_server_processes_with_the_same_message_wipe_once() -> Result {
    each(&config(), |setup| {
        setup.bench.rivals = true;
        let order = order("w").confirmed_by_user("Wipe?", None);
        setup.bench.push(1, Wipe::items(["Media"], order).into())?;
        setup.bench.settle()?;
        assert_eq!(setup.phone.done(), ["wipe Media"]);
        assert_eq!(setup.summary(1)?, ("succeeded", 0, 1201));
        assert!(setup.is_told_once());
        Ok(())
    })
}

// ---- who asks -----------------------------------------------------------------------------------

const ASK: &str = "com.example.lawmo.request";
const USER: &str = "com.example.lawmo.user-request";

/// Does what a device names, by the rules.
struct Office {
    rules: Rules,
    next: u32,
}

impl Office {
    fn new(device: Decision, user: Decision) -> Self {
        let mut rules = Rules::default();
        rules.device = device;
        rules.user = user;
        Self { rules, next: 100 }
    }
}

impl Desk<AnyOperation> for Office {
    fn request_types(&self) -> RequestTypes {
        RequestTypes::of_device([ASK]).and_of_user([USER])
    }

    fn understand(&mut self, asked: &DeviceRequest) -> Understood<AnyOperation> {
        if asked.type_.is_none() {
            return Understood::NotARequest;
        }
        let requested = asked.subjects.iter().find_map(Requested::of);
        let Some(Requested {
            root, operation, ..
        }) = requested
        else {
            return Understood::Refused(Refusal::Unintelligible);
        };
        self.next += 1;
        let order = order(&format!("asked-{}", self.next)).for_instance(Instance::At(root));
        let operation = match operation {
            Operation::FullyLock => Lock::fully(order).into(),
            Operation::Wipe => Wipe::everything(order).into(),
            _ => return Understood::Refused(Refusal::Unsupported),
        };
        Understood::Operations(vec![(self.next, operation)])
    }

    fn decide(&mut self, request: &Request<'_, AnyOperation>) -> Decision {
        self.rules.decide(request)
    }
}

fn ask(setup: &mut Setup, type_: &str, operation: Operation) -> Result<Vec<u16>> {
    let alert = alert::request(&uri("./LAWMO"), operation, type_, "");
    setup.bench.agent()?.raise("srv1", alert, 1)?;
    setup.bench.run_session(Trigger::Client)?;
    let statuses = setup
        .bench
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Requested { status, .. } => status.map(StatusCode::as_u16),
            _ => None,
        });
    Ok(statuses.collect())
}

/// The device asks the server, whose policy decides: now, later, or not at all.
#[test]
fn a_device_asks_its_server_for_an_operation() -> Result {
    let refused = Decision::Refused(Refusal::NotEntitled);
    for (decision, status) in [(Decision::Now, 200), (Decision::Later, 202), (refused, 403)] {
        each(&config(), |setup| {
            setup.bench.set_desk(Office::new(decision, refused));
            assert_eq!(ask(setup, ASK, Operation::FullyLock)?, [status]);
            let done = setup.phone.done();
            match decision {
                Decision::Now => assert_eq!(done, ["lock fully"]),
                _ => assert!(done.is_empty()),
            }
            setup.bench.settle()?;
            match decision {
                Decision::Refused(_) => assert_eq!(setup.outcome(101)?, None),
                _ => assert_eq!(setup.summary(101)?, ("succeeded", 0, 1200)),
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_a_user_asks_for_at_the_device_is_decided_on_by_itself() -> Result {
    let mut setup = wbxml()?;
    let refused = Decision::Refused(Refusal::NotEntitled);
    setup.bench.set_desk(Office::new(refused, Decision::Now));
    assert_eq!(ask(&mut setup, USER, Operation::Wipe)?, [200]);
    assert_eq!(ask(&mut setup, ASK, Operation::Wipe)?, [200, 403]);
    assert_eq!(ask(&mut setup, USER, Operation::UnLock)?, [200, 403, 405]);
    assert_eq!(setup.phone.done(), ["wipe AppData+Contacts+Media"]);
    Ok(())
}

#[test]
fn the_infrastructure_asks_at_the_same_desk() -> Result {
    let mut setup = wbxml()?;
    let mut office = Office::new(Decision::Later, Decision::Later);
    office.rules.max_open = 1;
    let mut admit = |setup: &mut Setup, id, by| {
        let lock = AnyOperation::from(Lock::fully(order(&format!("e-{id}"))));
        let behalf = Actor::User;
        setup
            .bench
            .queue(|queue| queue.admit(id, by, behalf, lock, &mut office))
    };
    let refused = Decision::Refused;
    assert_eq!(admit(&mut setup, 1, Actor::Infrastructure)?, Decision::Now);
    assert_eq!(
        admit(&mut setup, 2, Actor::Infrastructure)?,
        refused(Refusal::TooMany)
    );
    assert_eq!(
        admit(&mut setup, 3, Actor::User)?,
        refused(Refusal::NotItsPlace(Actor::User))
    );
    setup.bench.settle()?;
    assert_eq!(setup.phone.done(), ["lock fully"]);
    assert_eq!(setup.summary(1)?, ("succeeded", 0, 1200));
    Ok(())
}

// ---- reports that belong to nothing -------------------------------------------------------------

#[test]
fn an_unsolicited_report_is_an_event_that_can_be_read() -> Result {
    let mut setup = wbxml()?;
    let report = Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        items: vec![
            Item::for_source("./LAWMO/Operations/UnLock")
                .with_meta(Meta::of_type(lawmo::OPERATION_COMPLETE).with_format("text/plain"))
                .with_data("<ResultCode>1200</ResultCode>"),
        ],
        ..Alert::default()
    };
    // An operation that waits for its own report is not ended by it.
    setup.phone.is_slow();
    setup.bench.push(1, Lock::unlock(order("u")).into())?;
    setup.bench.settle()?;
    setup.bench.agent()?.raise("srv1", report, 1)?;
    setup.bench.run_session(Trigger::Client)?;
    assert_eq!(setup.outcome(1)?, None);
    let unclaimed = setup.bench.notices.iter().find_map(|notice| match notice {
        Notice::Unclaimed(alert) => Report::read(alert),
        _ => None,
    });
    let report = unclaimed.expect("a report");
    assert_eq!(report.result, ResultCode::SUCCESSFUL);
    assert_eq!(report.correlator, None);
    let requested = report.requested.expect("an operation");
    assert_eq!(requested.operation, Operation::UnLock);
    assert_eq!(requested.root, uri("./LAWMO"));
    Ok(())
}

#[test]
fn a_wipe_list_that_the_server_may_not_mark_is_made_so_that_it_may() -> Result {
    each(&config(), |setup| {
        // The server may replace what is above, and so the ACL of this.
        let root = uri("./LAWMO");
        let list = uri("./LAWMO/AvailableWipeList");
        let mut transaction = setup.bench.agent()?.begin(1);
        let node = transaction.view().node(&list).expect("a wipe list");
        let node = node.with_acl(Acl::default().grant(Right::Get, "*"));
        let mut edit = transaction.edit(&root).expect("mounted");
        edit.put("AvailableWipeList", node).expect("written");
        transaction.commit().expect("committed");

        setup.bench.push(
            1,
            Wipe::everything(order("w-1").without_acl_repair()).into(),
        )?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(1)?, ("refused", 425, 0));
        assert!(setup.phone.done().is_empty());

        setup.bench.push(2, Wipe::everything(order("w-2")).into())?;
        setup.bench.settle()?;
        assert_eq!(setup.summary(2)?, ("succeeded", 0, 1201));
        let transaction = setup.bench.agent()?.begin(1);
        let node = transaction.view().node(&list).expect("a wipe list");
        let acl = node.acl.to_string();
        assert_eq!(acl, "Add=srv1&Delete=srv1&Exec=srv1&Get=*&Replace=srv1");
        Ok(())
    })
}

/// Every form of the final report that is in the field
#[test]
fn a_report_is_understood_in_every_form_that_is_in_the_field() -> Result {
    let type_ = lawmo::OPERATION_COMPLETE;
    let prefixed = "Reversed-Domain-Name: urn:oma:at:lawmo:1.0:OperationComplete";
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for (type_, format, data, expected) in [
            (type_, "int", "1200", ("succeeded", 0, 1200)),
            (type_, "text/plain", " 1200\n", ("succeeded", 0, 1200)),
            (type_, "chr", "200", ("succeeded", 0, 1200)),
            (type_, "chr", "1250", ("succeeded", 0, 1250)),
            (prefixed, "int", "1402", ("failed", 0, 1402)),
            (
                type_,
                "xml",
                "<ResultCode>1402</ResultCode>",
                ("failed", 0, 1402),
            ),
            (type_, "int", "1401", ("declined", 0, 1401)),
            (type_, "int", "1599", ("failed", 0, 1599)),
            (type_, "int", "404", ("failed", 0, 404)),
            (type_, "chr", "well", ("unknown", 0, 0)),
        ] {
            let mut setup = start(config(), Disk::default(), encoding)?;
            setup.bench.leaves_jobs = true;
            setup.bench.push(1, Lock::fully(order("c-1")).into())?;
            setup.bench.run_session(Trigger::Server)?;
            let report = Alert {
                code: Some(AlertCode::GENERIC_ALERT),
                correlator: Some(" c-1 ".into()),
                items: vec![
                    Item::for_source("./LAWMO/Operations/FullyLock")
                        .with_meta(Meta::of_type(type_).with_format(format))
                        .with_data(data),
                ],
                ..Alert::default()
            };
            for _ in 0..2 {
                // A copy changes nothing.
                setup.bench.agent()?.raise("srv1", report.clone(), 1)?;
                setup.bench.run_session(Trigger::Client)?;
                assert_eq!(setup.summary(1)?, expected, "{encoding:?} {type_} {data}");
            }
            assert!(setup.is_told_once(), "{type_} {data}");
        }
    }
    Ok(())
}

#[test]
fn a_vendors_operation_is_seen_and_executed() -> Result {
    let config = config().with_vendor_operation("Ring");
    each(&config, |setup| {
        let status = read(setup, 1, order("r"))?;
        assert_eq!(status.vendor_operations, ["Ring"]);
        let ring = Vendor::new("Operations/Ext/Ring", order("a"));
        setup.bench.push(2, ring.into())?;
        let none = Vendor::new("Operations/Ext/Whistle", order("b"));
        setup.bench.push(3, none.into())?;
        let standard = Vendor::new("Operations/Wipe", order("c"));
        setup.bench.push(4, standard.into())?;
        setup.bench.settle()?;
        let outcome = setup.outcome(2)?;
        assert!(
            matches!(
                outcome,
                Some(AnyOutcome::Vendor(
                    VendorOutcome::Done(_) | VendorOutcome::Failed(_)
                ))
            ),
            "the device has run it: {outcome:?}"
        );
        let ended = |ended| Some(AnyOutcome::Vendor(VendorOutcome::Ended(ended)));
        assert_eq!(setup.outcome(3)?, ended(Ended::Unsupported));
        assert_eq!(setup.outcome(4)?, ended(Ended::Unmet(Unmet::Incomplete)));
        Ok(())
    })
}
