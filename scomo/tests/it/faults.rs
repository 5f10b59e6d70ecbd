//! Lost and doubled messages, and power cuts between every two steps.

use dm_proto::{codec::Encoding, testing::Fault};
use dm_tree::testing::Disk;
use scomo::{
    device::Reporting,
    server::{AnyOperation, Invoke},
};

use crate::support::{Result, Setup, URL, config, game, order, start};

const REPORTING: [Reporting; 3] = [
    Reporting::Synchronous,
    Reporting::InSession,
    Reporting::AfterSession,
];

fn setup(reporting: Reporting) -> Result<Setup> {
    on_disk(reporting, &Disk::default())
}

fn on_disk(reporting: Reporting, disk: &Disk) -> Result<Setup> {
    let config = config().with_reporting(reporting);
    let mut setup = start(config, disk.clone(), Encoding::Wbxml)?;
    let install = Invoke::download_install(game(), URL, order("d-1"));
    setup.bench.push(1, AnyOperation::Invoke(install))?;
    Ok(setup)
}

/// A server that hears nothing more has the device come again.
fn settle(setup: &mut Setup) -> Result {
    setup.bench.settle()?;
    if setup.outcome(1)?.is_none() {
        setup.bench.queue(|queue| queue.session_lost())?;
        setup.bench.settle()?;
    }
    Ok(())
}

fn is_installed(setup: &mut Setup, case: &str) -> Result {
    assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200), "{case}");
    assert!(setup.is_told_once(), "{case}: {:?}", setup.bench.notices);
    assert_eq!(
        setup.children("Inventory/Deployed")?,
        ["game.app", "game.lib"],
        "{case}"
    );
    assert_eq!(setup.children("Download")?, [""; 0], "{case}");
    Ok(())
}

#[test]
fn a_lost_or_doubled_message_installs_once() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        whole.bench.settle()?;
        for exchange in 1..=whole.bench.exchanges() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::RepeatRequest] {
                let case = format!("{reporting:?}, {fault:?} at {exchange}");
                let mut setup = setup(reporting)?;
                setup.bench.fault(exchange, fault);
                settle(&mut setup)?;
                is_installed(&mut setup, &case)?;
                assert_eq!(setup.car.done().len(), 2, "{case}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_session_that_breaks_off_anywhere_installs_once() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        whole.bench.settle()?;
        for exchange in 1..=whole.bench.exchanges() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
                let case = format!("{reporting:?}, {fault:?} at {exchange}");
                let mut setup = setup(reporting)?;
                setup.bench.configure(|config| config.retries = 0)?;
                setup.bench.fault(exchange, fault);
                settle(&mut setup)?;
                is_installed(&mut setup, &case)?;
                assert_eq!(setup.car.done().len(), 2, "{case}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_power_cut_before_any_step_resumes_where_it_was() -> Result {
    for reporting in REPORTING {
        let mut whole = setup(reporting)?;
        whole.bench.settle()?;
        let plain = [
            format!("fetch game from {URL}"),
            "install game Active".into(),
        ];
        assert_eq!(whole.car.done(), plain);
        for step in 0..whole.bench.steps() {
            let case = format!("{reporting:?}, power cut at {step}");
            let mut setup = setup(reporting)?;
            setup.bench.power_cut(step);
            settle(&mut setup)?;
            is_installed(&mut setup, &case)?;
            let done = setup.car.done();
            let without_again: Vec<String> = done
                .iter()
                .map(|what| what.trim_end_matches(" again").into())
                .collect();
            // Each phase once; the one that was cut off is told so.
            assert_eq!(without_again, plain, "{case}: {done:?}");
            let resumed = done.iter().filter(|what| what.ends_with(" again")).count();
            assert!(resumed <= 1, "{case}: {done:?}");
        }
    }
    Ok(())
}

/// The disk fails when something is to be written: before a phase, after it, or elsewhere.
#[test]
fn a_write_that_fails_neither_loses_nor_hides_a_phase() -> Result {
    for reporting in REPORTING {
        let disk = Disk::default();
        let mut whole = on_disk(reporting, &disk)?;
        let first = disk.commits();
        whole.bench.settle()?;
        for commit in first..disk.commits() {
            let case = format!("{reporting:?}, commit {commit}");
            let disk = Disk::default();
            let mut setup = on_disk(reporting, &disk)?;
            disk.fail_at(commit);
            settle(&mut setup)?;
            is_installed(&mut setup, &case)?;
            let done = setup.car.done();
            let first_times = done.iter().filter(|what| !what.ends_with(" again")).count();
            assert!(first_times <= 2 && done.len() <= 3, "{case}: {done:?}");
        }
    }
    Ok(())
}
