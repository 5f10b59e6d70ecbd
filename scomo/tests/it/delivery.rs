//! Direct delivery: large packages go past the tree, piece by piece.

use bytes::Bytes;
use dm_proto::{
    codec::Encoding,
    session::{NotSent, Trigger},
    testing::Fault,
};
use dm_tree::testing::Disk;
use scomo::{
    device::{Cause, Config, PackageIs},
    server::{AnyOperation, AnyOutcome, Ended, Invoke, Outcome},
};

use crate::support::{Result, Setup, URL, config, each, game, order, start, start_as};

const NODE: &str = "./SCOMO/Inventory/Delivered/game";

fn octets(len: usize) -> Bytes {
    (0..=255).cycle().take(len).collect()
}

fn with_sink(config: Config, encoding: Encoding) -> Result<Setup> {
    let setup = start(config, Disk::default(), encoding)?;
    setup.car.has_sink(u64::MAX);
    Ok(setup)
}

fn deliver(setup: &mut Setup, len: usize) -> Result {
    let install = Invoke::deliver_install(game(), octets(len), order("d"));
    setup.bench.push(1, AnyOperation::Invoke(install))
}

#[test]
fn a_large_package_goes_to_the_sink_and_is_installed_from_there() -> Result {
    each(&config(), |setup| {
        setup.car.has_sink(u64::MAX);
        setup
            .bench
            .configure(|config| config.session.max_msg_size = 16_384)?;
        deliver(setup, 200_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(
            setup.car.done(),
            ["install game of 200000 octets in the sink Active"]
        );
        assert!(setup.car.sunk() == [(NODE.into(), octets(200_000).to_vec())]);
        assert!(setup.car.largest_piece() < 16_384, "it comes in pieces");
        assert_eq!(setup.value("Inventory/Delivered/game/Data")?, "");
        assert_eq!(
            setup.value("Inventory/Delivered/game/Ext/Content")?,
            "received 200000"
        );
        assert_eq!(setup.value("Inventory/Delivered/game/State")?, "20");
        setup.carry_out(2, Invoke::remove_package("game", order("r")))?;
        assert!(setup.car.sunk().is_empty());
        assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
        Ok(())
    })
}

#[test]
fn a_package_that_fits_into_a_message_comes_in_the_tree() -> Result {
    each(&config(), |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 100)?;
        setup.bench.settle()?;
        assert_eq!(setup.car.done(), ["install game of 100 octets Active"]);
        assert!(setup.car.sunk().is_empty());
        Ok(())
    })
}

#[test]
fn another_package_for_the_same_node_takes_the_place_of_the_first() -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut setup = with_sink(config(), encoding)?;
        for (id, len, expected) in [
            (1, 90_000, "install game of 90000 octets in the sink Active"),
            (2, 50, "install game of 50 octets Active"),
            (3, 70_000, "install game of 70000 octets in the sink Active"),
        ] {
            let correlator = format!("c{id}");
            let install = Invoke::deliver_install(game(), octets(len), order(&correlator));
            setup.carry_out(id, install)?;
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200));
            assert_eq!(setup.car.done(), [expected]);
        }
    }
    Ok(())
}

#[test]
fn a_power_cut_between_any_two_pieces_loses_and_doubles_nothing() -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let run = |cut| -> Result<Setup> {
            let mut setup = with_sink(config(), encoding)?;
            deliver(&mut setup, 200_000)?;
            if let Some(step) = cut {
                setup.bench.power_cut(step);
            }
            setup.bench.settle()?;
            Ok(setup)
        };
        let steps = run(None)?.bench.steps();
        assert!(steps > 6);
        for step in 0..steps {
            let mut setup = run(Some(step))?;
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200), "{step}");
            assert!(
                setup.car.sunk() == [(NODE.into(), octets(200_000).to_vec())],
                "{step}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_breaks_off_is_abandoned_and_cannot_be_installed() -> Result {
    let mut setup = with_sink(config(), Encoding::Wbxml)?;
    setup.bench.configure(|config| config.retries = 0)?;
    deliver(&mut setup, 200_000)?;
    setup.bench.fault(5, Fault::LoseAnswer);
    setup.bench.run_session(Trigger::Server)?;
    assert!(setup.car.sunk().is_empty(), "its room is free again");
    assert_eq!(
        setup.value("Inventory/Delivered/game/Ext/Content")?,
        "missing"
    );
    // And it comes again, as a whole.
    setup.bench.queue(|queue| queue.session_lost())?;
    setup.bench.settle()?;
    assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn without_room_nothing_is_taken() -> Result {
    each(&config(), |setup| {
        setup.car.has_sink(150_000);
        deliver(setup, 200_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("refused", 420, 0));
        assert!(setup.car.sunk().is_empty());
        Ok(())
    })
}

#[test]
fn a_package_above_the_limit_is_413_large_or_small() -> Result {
    let mut config = config();
    config.max_package = Some(60_000);
    each(&config, |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 200_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("refused", 413, 0));
        assert!(setup.car.sunk().is_empty());
        Ok(())
    })?;
    // What cannot be told from the announced size, which may be that of Base64, is told from the pieces.
    each(&config, |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 60_001)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("refused", 413, 0));
        assert!(setup.car.sunk().is_empty());
        Ok(())
    })?;
    each(&config, |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 60_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })?;
    config.max_package = Some(60);
    each(&config, |setup| {
        deliver(setup, 61)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("refused", 413, 0));
        Ok(())
    })
}

#[test]
fn what_the_device_cannot_take_is_known_before_anything_is_sent() -> Result {
    each(&config(), |setup| {
        setup
            .bench
            .configure(|config| config.session.max_obj_size = 100_000)?;
        deliver(setup, 200_000)?;
        setup.bench.settle()?;
        let outcome = setup.outcome(1)?;
        assert_eq!(
            outcome,
            Some(AnyOutcome::Invoke(Outcome::Ended(Ended::NotSent(
                NotSent::TooLarge
            ))))
        );
        assert_eq!(setup.codes(1)?, ("failed", 413, 0));
        assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
        Ok(())
    })
}

#[test]
fn a_device_without_large_objects_gets_what_fits_into_a_message() -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut setup = start_as(config(), Disk::default(), encoding, |detail| {
            detail.lrg_obj = false;
        })?;
        deliver(&mut setup, 200_000)?;
        setup.bench.settle()?;
        let outcome = setup.outcome(1)?;
        assert_eq!(
            outcome,
            Some(AnyOutcome::Invoke(Outcome::Ended(Ended::NotSent(
                NotSent::DoesNotFit
            ))))
        );
        assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
        setup.carry_out(
            2,
            Invoke::deliver_install(game(), octets(20_000), order("small")),
        )?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    }
    Ok(())
}

#[test]
fn a_package_that_was_fetched_is_not_overwritten_by_pieces() -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut setup = with_sink(config(), encoding)?;
        let url = URL;
        setup.carry_out(7, Invoke::download(game(), url, order("f")))?;
        deliver(&mut setup, 200_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("refused", 403, 0));
        assert!(setup.car.sunk().is_empty());
    }
    Ok(())
}

#[test]
fn data_without_content_is_no_package() -> Result {
    each(&config(), |setup| {
        deliver(setup, 0)?;
        setup.bench.settle()?;
        let (state, _, result) = setup.codes(1)?;
        assert_ne!((state, result), ("succeeded", 1200));
        assert!(setup.car.done().is_empty());
        Ok(())
    })
}

#[test]
fn an_installation_that_deletes_its_package_takes_the_node_along() -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut setup = with_sink(config(), encoding)?;
        setup.car.installs(PackageIs::Deleted);
        deliver(&mut setup, 90_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
    }
    Ok(())
}

// ---- what is fetched over what was delivered ------------------------------------------------------

#[test]
fn content_that_is_fetched_anew_is_abandoned_in_the_sink() -> Result {
    each(&config(), |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 90_000)?;
        setup.bench.settle()?;
        assert_eq!(setup.car.sunk().len(), 1);
        setup.carry_out(2, Invoke::download(game(), URL, order("f")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert!(setup.car.sunk().is_empty());
        let content = "Inventory/Delivered/game/Ext/Content";
        assert_eq!(setup.value(content)?, "fetched");
        Ok(())
    })
}

#[test]
fn content_in_the_tree_takes_the_place_of_what_the_sink_had() -> Result {
    each(&config(), |setup| {
        setup.car.has_sink(u64::MAX);
        deliver(setup, 90_000)?;
        setup.bench.settle()?;
        let small = Invoke::deliver_install(game(), octets(50), order("s"));
        setup.carry_out(2, small)?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert!(setup.car.sunk().is_empty());
        Ok(())
    })
}

/// The installation was asked for before the download was over, and gets what was there then.
#[test]
fn content_that_an_installation_will_read_stays_in_the_sink_until_it_is_over() -> Result {
    for kept in [PackageIs::Kept, PackageIs::Deleted] {
        each(&config(), |setup| {
            setup.car.has_sink(u64::MAX);
            deliver(setup, 90_000)?;
            setup.bench.settle()?;
            setup.car.done();
            setup.car.installs(kept);
            setup.car.puts_off([Cause::Network]);
            setup.carry_out(2, Invoke::download(game(), URL, order("f")))?;
            setup.carry_out(3, Invoke::install("game", order("i")))?;
            // The download is through, and the installation is put off.
            setup.car.done();
            setup.car.runs_and_puts_off([Cause::Battery]);
            take_up(setup)?;
            assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
            assert_eq!(setup.car.sunk().len(), 1, "it is read yet");
            let content = "Inventory/Delivered/game/Ext/Content";
            assert_eq!(setup.value(content)?, "fetched anew");
            setup.bench.power_up()?;
            setup.bench.settle()?;
            assert_eq!(setup.car.sunk().len(), 1, "and after a restart");
            take_up(setup)?;
            assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
            let done = setup.car.done();
            let last = done.last().map(String::as_str);
            assert_eq!(
                last,
                Some("install game of 90000 octets in the sink Active")
            );
            assert!(setup.car.sunk().is_empty());
            if kept == PackageIs::Kept {
                assert_eq!(setup.value(content)?, "fetched");
                // What was fetched is what is installed from now on.
                setup.carry_out(4, Invoke::install("game", order("j")))?;
                assert_eq!(setup.car.done(), ["install game Active"]);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Takes up what is put off.
fn take_up(setup: &mut Setup) -> Result {
    let job = setup
        .bench
        .agent()?
        .deferred_jobs()
        .next()
        .map(|job| job.id);
    setup.bench.agent()?.take_up(job.expect("put off"), 5)?;
    setup.bench.settle()
}
