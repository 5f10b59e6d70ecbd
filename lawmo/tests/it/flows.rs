//! The numbered steps of LAWMO AD 5.4.1 and 5.4.2, message by message, both
//! sides, in both encodings and on both stores.

use dm_proto::{
    auth::Side,
    message::{Alert, Command, CommandName, Item, SyncMl},
    session::{Trigger, UserReply},
};
use dm_tree::remote::Order;
use lawmo::{
    device::{Config, Consent, Prompts, Reporting},
    server::{AnyOperation, FactoryReset, Lock, Wipe},
};

use crate::support::{Result, Setup, config, each, order, order_in_sequence};

/// What was said in all sessions: a line for each message that says more than where the object is.
fn said(setup: &Setup) -> Vec<String> {
    let line = |(side, message): &(Side, SyncMl)| {
        let who = match side {
            Side::Client => "device:",
            Side::Server => "server:",
        };
        let said: Vec<String> = message.commands.iter().filter_map(told).collect();
        (!said.is_empty()).then(|| format!("{who} {}", said.join(", ")))
    };
    setup.bench.transcript.iter().filter_map(line).collect()
}

/// A command in short. What serves to find the object is left out.
fn told(command: &Command) -> Option<String> {
    let name = |item: &Item| {
        let uri = item.target_uri().or_else(|| item.source_uri());
        let uri = uri.map(|uri| uri.as_str().to_owned()).unwrap_or_default();
        let path = uri.strip_prefix("./LAWMO/").unwrap_or(&uri).to_owned();
        path.trim_start_matches("AvailableWipeList/").to_owned()
    };
    let data = |item: &Item| {
        let data = item.data.as_ref().and_then(|data| data.as_str());
        data.unwrap_or_default().to_owned()
    };
    let of = |correlator: &Option<dm_proto::Correlator>| {
        let correlator = correlator.as_ref();
        correlator.map_or(String::new(), |it| format!(" [{}]", it.as_str()))
    };
    let inside = |commands: &[Command]| {
        let inside: Vec<String> = commands.iter().filter_map(told).collect();
        inside.join(", ")
    };
    Some(match command {
        Command::Alert(Alert {
            code,
            items,
            correlator,
            ..
        }) => {
            let code = code.map_or(0, |code| code.as_u16());
            match (code, items.first()) {
                (1226, Some(item)) => {
                    format!("Alert 1226 {} {}{}", name(item), data(item), of(correlator))
                }
                _ => format!("Alert {code}"),
            }
        }
        Command::Exec(exec) => {
            let names: Vec<String> = exec.items.iter().map(name).collect();
            format!("Exec {}{}", names.join("+"), of(&exec.correlator))
        }
        Command::Replace(replace) => match replace.items.as_slice() {
            [item] => format!("Replace {}={}", name(item), data(item)),
            _ => "DevInfo".to_owned(),
        },
        Command::Atomic(atomic) => format!("Atomic({})", inside(&atomic.commands)),
        Command::Sequence(sequence) => format!("Sequence({})", inside(&sequence.commands)),
        Command::Status(status) => {
            const SHOWN: [CommandName; 5] = [
                CommandName::ALERT,
                CommandName::ATOMIC,
                CommandName::SEQUENCE,
                CommandName::EXEC,
                CommandName::REPLACE,
            ];
            if !SHOWN.contains(&status.cmd) {
                return None;
            }
            format!("{} {}", status.cmd, status.data.as_u16())
        }
        _ => return None,
    })
}

const REPORTING: [Reporting; 3] = [
    Reporting::Synchronous,
    Reporting::InSession,
    Reporting::AfterSession,
];

/// 1: the server starts a session.
const BEGUN: [&str; 2] = [
    "device: Alert 1200, DevInfo",
    "server: Alert 200, Replace 200",
];

/// The list as it is set for the contacts alone.
const MARKS: &str = "Replace AppData/ToBeWiped=false, Replace Contacts/ToBeWiped=true, \
                     Replace Media/ToBeWiped=false";

/// 2 of a wipe: the list, and what it is answered.
fn marked() -> [String; 2] {
    [
        format!("server: Atomic({MARKS})"),
        "device: Atomic 200, Replace 200, Replace 200, Replace 200".to_owned(),
    ]
}

/// 3, 5 and 5b: what the Exec is answered, and the report if that is not all.
fn ended(reporting: Reporting, operation: &str, code: u16) -> Vec<String> {
    let report = format!("Alert 1226 Operations/{operation} {code} [c]");
    let [status, report, taken] = match reporting {
        Reporting::Synchronous => return vec![format!("device: Exec {code}")],
        Reporting::InSession => [
            "device: Exec 202".to_owned(),
            format!("device: {report}"),
            "server: Alert 200".to_owned(),
        ],
        Reporting::AfterSession => [
            "device: Exec 202".to_owned(),
            format!("device: Alert 1201, DevInfo, {report}"),
            "server: Alert 200, Replace 200, Alert 200".to_owned(),
        ],
    };
    vec![status, report, taken]
}

fn exec(operation: &str) -> Vec<String> {
    vec![format!("server: Exec Operations/{operation} [c]")]
}

fn lines(parts: &[&[String]]) -> Vec<String> {
    let begun = BEGUN.map(str::to_owned);
    let parts = [begun.as_slice()].into_iter().chain(parts.iter().copied());
    parts.flatten().cloned().collect()
}

fn wipe(order: Order) -> AnyOperation {
    AnyOperation::Wipe(Wipe::items(["Contacts"], order))
}

fn reset(order: Order) -> AnyOperation {
    AnyOperation::FactoryReset(FactoryReset::new(order))
}

fn asking(order: Order) -> Order {
    order.confirmed_by_user("Really?", Some(60))
}

/// What is said, and what the phone does about it.
fn flow(
    config: &Config,
    operation: &AnyOperation,
    prepare: impl Fn(&mut Setup),
    expected: &[String],
    done: &[&str],
) -> Result {
    each(config, |setup| {
        prepare(setup);
        setup.bench.push(1, operation.clone())?;
        setup.bench.run_session(Trigger::Server)?;
        setup.bench.settle()?;
        assert_eq!(said(setup), expected);
        assert_eq!(setup.phone.done(), done);
        let last = setup.bench.transcript.last();
        assert!(last.is_some_and(|(side, message)| *side == Side::Server && message.is_final));
        Ok(())
    })
}

#[test]
fn flow_5_4_1_a_lock_is_asked_for_performed_and_reported() -> Result {
    for reporting in REPORTING {
        for (lock, operation, done) in [
            (Lock::fully(order("c")), "FullyLock", "lock fully"),
            (
                Lock::partially(order("c")),
                "PartiallyLock",
                "lock partially",
            ),
            (Lock::unlock(order("c")), "UnLock", "unlock"),
        ] {
            flow(
                &config().with_reporting(reporting),
                &AnyOperation::Lock(lock),
                |_| {},
                &lines(&[&exec(operation), &ended(reporting, operation, 1200)]),
                &[done],
            )?;
        }
    }
    Ok(())
}

#[test]
fn flow_5_4_1_a_wipe_sets_the_list_and_is_asked_for_one_message_later() -> Result {
    for reporting in REPORTING {
        flow(
            &config().with_reporting(reporting),
            &wipe(order("c")),
            |_| {},
            &lines(&[&marked(), &exec("Wipe"), &ended(reporting, "Wipe", 1201)]),
            &["wipe Contacts"],
        )?;
    }
    Ok(())
}

#[test]
fn flow_5_4_1_a_factory_reset_stops_after_its_status() -> Result {
    for reporting in REPORTING {
        flow(
            &config().with_reporting(reporting),
            &reset(order("c")),
            |_| {},
            &lines(&[&exec("FactoryReset"), &["device: Exec 202".to_owned()]]),
            &["reset"],
        )?;
    }
    Ok(())
}

/// 3 and 4b: the question alone, and the answer.
fn asked(status: u16) -> [String; 2] {
    [
        "server: Alert 1101".to_owned(),
        format!("device: Alert {status}"),
    ]
}

#[test]
fn flow_5_4_2_the_question_goes_alone_and_on_yes_the_operation_follows() -> Result {
    for reporting in REPORTING {
        let config = config().with_reporting(reporting);
        flow(
            &config,
            &wipe(asking(order("c"))),
            |_| {},
            &lines(&[
                &asked(200),
                &marked(),
                &exec("Wipe"),
                &ended(reporting, "Wipe", 1201),
            ]),
            &["wipe Contacts"],
        )?;
        flow(
            &config,
            &reset(asking(order("c"))),
            |_| {},
            &lines(&[
                &asked(200),
                &exec("FactoryReset"),
                &["device: Exec 202".to_owned()],
            ]),
            &["reset"],
        )?;
    }
    Ok(())
}

type Reply = fn() -> UserReply;

/// The answers that are not *yes*.
const NO: [(Reply, u16); 4] = [
    (|| UserReply::No, 304),
    (|| UserReply::Cancelled, 214),
    (|| UserReply::TimedOut, 408),
    (|| UserReply::CannotDisplay, 416),
];

#[test]
fn flow_5_4_2_on_anything_else_nothing_follows() -> Result {
    for (reply, status) in NO {
        for operation in [wipe(asking(order("c"))), reset(asking(order("c")))] {
            flow(
                &config(),
                &operation,
                |setup| setup.bench.set_user(move |_| reply()),
                &lines(&[&asked(status)]),
                &[],
            )?;
        }
    }
    Ok(())
}

#[test]
fn flow_5_4_2_in_a_sequence_question_list_and_exec_are_one_message() -> Result {
    let wipe = wipe(asking(order_in_sequence("c")));
    let exec = "Exec Operations/Wipe [c]";
    let sequence = format!("server: Sequence(Alert 1101, {MARKS}, {exec})");
    for reporting in REPORTING {
        let mut ended = ended(reporting, "Wipe", 1201);
        let before = "Sequence 200, Alert 200, Replace 200, Replace 200, Replace 200";
        if let Some(status) = ended.first_mut() {
            *status = status.replace("device: ", &format!("device: {before}, "));
        }
        flow(
            &config().with_reporting(reporting),
            &wipe,
            |_| {},
            &lines(&[core::slice::from_ref(&sequence), &ended]),
            &["wipe Contacts"],
        )?;
    }
    for (reply, status) in NO {
        let skipped = "Replace 215, Replace 215, Replace 215, Exec 215";
        let answered = format!("device: Sequence 200, Alert {status}, {skipped}");
        flow(
            &config(),
            &wipe,
            |setup| setup.bench.set_user(move |_| reply()),
            &lines(&[&[sequence.clone(), answered]]),
            &[],
        )?;
    }
    Ok(())
}

/// The alternative reading of step 4.
#[test]
fn flow_5_4_2_a_device_that_asks_by_itself_says_so_in_the_report_and_of_a_reset_in_the_status()
-> Result {
    for reporting in REPORTING {
        let config = config()
            .with_reporting(reporting)
            .with_prompts(Prompts::ALL);
        for (consent, code, done) in [
            (
                Consent::Yes,
                1201,
                &["ask the user: Wipe", "wipe Contacts"][..],
            ),
            (Consent::No, 1401, &["ask the user: Wipe"]),
        ] {
            flow(
                &config,
                &wipe(order("c")),
                |setup| setup.phone.user_says(consent),
                &lines(&[&marked(), &exec("Wipe"), &ended(reporting, "Wipe", code)]),
                done,
            )?;
        }
        for (consent, status, done) in [
            (
                Consent::Yes,
                202,
                &["ask the user: FactoryReset", "reset"][..],
            ),
            (Consent::No, 1401, &["ask the user: FactoryReset"]),
        ] {
            flow(
                &config,
                &reset(order("c")),
                |setup| setup.phone.user_says(consent),
                &lines(&[&exec("FactoryReset"), &[format!("device: Exec {status}")]]),
                done,
            )?;
        }
    }
    Ok(())
}
