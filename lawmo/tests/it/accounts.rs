//! Reports whose servers cannot be reached, or are gone.

use dm_proto::codec::Encoding;
use lawmo::device::{Config, Reporting};

use crate::{
    raw::{Rig, exec},
    support::{Phone, uri},
};

const LOCK: &str = "./LAWMO/Operations/FullyLock";

/// A phone that owes a report to each of its servers.
fn indebted(phone: &Phone) -> Rig {
    let config = Config::new(["srv1", "srv2"]).with_reporting(Reporting::AfterSession);
    let mut rig = Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml);
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    rig.says(1, vec![vec![exec(LOCK, Some("b"))]]);
    rig
}

fn due(rig: &mut Rig) -> Option<String> {
    let due = rig.agent().report_due().expect("it is read");
    due.map(|server| server.to_string())
}

#[test]
fn a_server_that_cannot_be_reached_keeps_no_other_from_its_report() {
    let phone = Phone::default();
    let mut rig = indebted(&phone);
    rig.unreachable.insert(0);
    let mut tried = Vec::new();
    for _ in 0..4 {
        let server = due(&mut rig).expect("a report is due");
        tried.push(server.clone());
        rig.session_with(
            usize::from(server == "srv2"),
            dm_proto::session::Trigger::Client,
        );
    }
    assert_eq!(tried, ["srv1", "srv2", "srv1", "srv1"]);
    assert_eq!(rig.servers[1].manager.told().len(), 1);
    // A day later, over a restart.
    rig.cut();
    rig.unreachable.clear();
    rig.settle();
    let told = rig.servers[0].manager.told();
    assert_eq!(told, [(Some("a".into()), LOCK.into(), 1200)]);
    assert_eq!(rig.servers[1].manager.told().len(), 1);
}

#[test]
fn a_report_to_a_server_without_account_is_shown_and_can_be_dropped() {
    let phone = Phone::default();
    let mut rig = indebted(&phone);
    assert_eq!(rig.agent().parked_reports().count(), 0);
    let mut transaction = rig.agent().begin(3000);
    let mut accounts = transaction.edit(&uri("./DMAcc")).expect("the accounts");
    accounts.remove("srv1").expect("it is removed");
    transaction.commit().expect("it is stored");
    assert_eq!(due(&mut rig).as_deref(), Some("srv2"));
    rig.settle();
    let parked: Vec<_> = rig.agent().parked_reports().collect();
    let [report] = parked.as_slice() else {
        panic!("one report: {parked:?}");
    };
    assert_eq!(report.server_id, "srv1");
    rig.agent().forget_report(report.id, 3000).expect("dropped");
    assert_eq!(rig.agent().parked_reports().count(), 0);
    rig.cut();
    assert_eq!(rig.agent().parked_reports().count(), 0);
}
