//! What stands between a package and its installation, and what an update changes.

use bytes::Bytes;
use dm_proto::{codec::Encoding, session::Trigger};
use dm_tree::testing::Disk;
use scomo::{
    ResultCode,
    device::{Component, FETCHED, Facts, PackageIs, Request, VERIFIED, Verdict},
    server::{AnyOperation, Invoke, Package},
};

use crate::support::{Result, Setup, URL, config, each, each_way, game, order, start};

const INVALID: Verdict = Verdict::Invalid {
    result: ResultCode::PACKAGE_VALIDATION_FAILED,
    package: PackageIs::Kept,
};

fn setup() -> Result<Setup> {
    start(config(), Disk::default(), Encoding::Wbxml)
}

#[test]
fn a_fetched_package_that_is_not_valid_is_1407_and_not_installed() -> Result {
    for (package, status) in [(PackageIs::Kept, "60"), (PackageIs::Deleted, "70")] {
        each(&config(), |setup| {
            setup.car.finds(Verdict::Invalid {
                result: ResultCode::PACKAGE_VALIDATION_FAILED,
                package,
            });
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            assert_eq!(setup.codes(1)?, ("failed", 0, 1407));
            assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
            assert_eq!(setup.value("Download/game/Status")?, status);
            assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_delivered_package_that_is_not_valid_is_1407_and_not_installed() -> Result {
    for len in [100, 200_000] {
        each(&config(), |setup| {
            setup.car.has_sink(u64::MAX);
            setup.car.finds(INVALID);
            let data = Bytes::from(vec![7; len]);
            setup.carry_out(1, Invoke::deliver_install(game(), data, order("a")))?;
            assert_eq!(setup.codes(1)?, ("failed", 0, 1407));
            assert!(setup.car.done().is_empty());
            assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "50");
            assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_package_that_was_downloaded_before_is_checked_when_it_is_installed() -> Result {
    each(&config(), |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        setup.car.finds(INVALID);
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1407));
        setup.car.finds(Verdict::Valid);
        setup.carry_out(3, Invoke::install("game", order("c")))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_check_that_takes_its_time_goes_on_with_the_installation() -> Result {
    each(&config(), |setup| {
        setup.car.finds(Verdict::Later);
        let install = Invoke::download_install(game(), URL, order("a"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        setup.bench.leaves_jobs = true;
        setup.bench.run_session(Trigger::Server)?;
        let job = setup.bench.left.pop().expect("a job is left");
        setup.bench.leaves_jobs = false;
        // It runs, and stops at the check.
        setup.bench.agent()?.run(job.id, 1)?;
        setup.bench.run()?;
        assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
        assert_eq!(setup.value("Download/game/Status")?, "40");
        // The check is done: it is valid.
        setup.bench.agent()?.reached(job.id, VERIFIED, 2)?;
        setup.bench.agent()?.take_up(job.id, 2)?;
        setup.bench.settle()?;
        assert_eq!(setup.car.done(), ["install game Active"]);
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_check_that_takes_its_time_may_find_the_package_invalid() -> Result {
    let mut setup = setup()?;
    setup.car.finds(Verdict::Later);
    let install = Invoke::download_install(game(), URL, order("a"));
    setup.bench.push(1, AnyOperation::Invoke(install))?;
    setup.bench.leaves_jobs = true;
    setup.bench.run_session(Trigger::Server)?;
    let job = setup.bench.left.pop().expect("a job is left");
    setup.bench.leaves_jobs = false;
    setup.bench.agent()?.run(job.id, 1)?;
    setup.bench.run()?;
    let request = Request::of(&job).expect("it is ours");
    let outcome = request.failed(ResultCode::PACKAGE_VALIDATION_FAILED, PackageIs::Deleted);
    setup.bench.agent()?.complete(job.id, outcome, 2)?;
    setup.bench.settle()?;
    assert_eq!(setup.codes(1)?, ("failed", 0, 1407));
    assert_eq!(setup.value("Download/game/Status")?, "70");
    Ok(())
}

fn app(version: &str) -> Component {
    Component::new("game.app").with_version(version)
}

/// Installs version `params` of the game.
fn install(setup: &mut Setup, id: u32, version: &str) -> Result<(&'static str, u16, u16)> {
    setup.car.announces([app(version)]);
    let package = game().with_install_params(version);
    let correlator = format!("c{id}");
    setup.carry_out(
        id,
        Invoke::download_install(package, URL, order(&correlator)),
    )?;
    setup.codes(id)
}

#[test]
fn a_version_that_goes_back_is_1405_and_changes_nothing() -> Result {
    each(&config(), |setup| {
        assert_eq!(install(setup, 1, "1.9")?, ("succeeded", 0, 1200));
        assert_eq!(install(setup, 2, "1.10")?, ("succeeded", 0, 1200));
        setup.car.done();
        assert_eq!(install(setup, 3, "1.9")?, ("failed", 0, 1405));
        assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "1.10");
        // The same version again is none that goes back; nor is another component.
        assert_eq!(install(setup, 4, "1.10")?, ("succeeded", 0, 1200));
        setup
            .car
            .announces([Component::new("other").with_version("0")]);
        let package = Package::new("other");
        setup.carry_out(5, Invoke::download_install(package, URL, order("c5")))?;
        assert_eq!(setup.codes(5)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_version_that_goes_back_is_refused_after_a_restart_too() -> Result {
    let mut setup = setup()?;
    install(&mut setup, 1, "2")?;
    setup.bench.power_up()?;
    assert_eq!(install(&mut setup, 2, "1")?, ("failed", 0, 1405));
    Ok(())
}

#[test]
fn a_version_may_go_back_where_that_is_allowed() -> Result {
    let mut config = config();
    config.downgrades = true;
    each(&config, |setup| {
        assert_eq!(install(setup, 1, "2")?, ("succeeded", 0, 1200));
        assert_eq!(install(setup, 2, "1")?, ("succeeded", 0, 1200));
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "1");
        Ok(())
    })
}

#[test]
fn an_update_keeps_its_node_and_takes_away_what_is_gone() -> Result {
    each(&config(), |setup| {
        install(setup, 1, "1")?;
        setup.car.announces([]);
        setup.car.updates(vec![app("2")], vec!["game.lib".into()]);
        let package = game().with_install_params("2");
        setup.carry_out(2, Invoke::download_install(package, URL, order("b")))?;
        let (state, _, result, components) = setup.summary(2)?;
        assert_eq!((state, result), ("succeeded", 1200));
        assert_eq!(
            components,
            ["game.app at ./SCOMO/Inventory/Deployed/game.app"]
        );
        assert_eq!(setup.children("Inventory/Deployed")?, ["game.app"]);
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "2");
        assert_eq!(setup.value("Inventory/Deployed/game.app/Status")?, "10");
        Ok(())
    })
}

#[test]
fn a_component_that_a_package_brings_twice_is_one_and_reported_once() -> Result {
    each(&config(), |setup| {
        setup.car.updates(vec![app("1"), app("2")], vec![]);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let (state, _, result, components) = setup.summary(1)?;
        assert_eq!((state, result), ("succeeded", 1200));
        assert_eq!(
            components,
            ["game.app at ./SCOMO/Inventory/Deployed/game.app"]
        );
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "2");
        Ok(())
    })
}

#[test]
fn an_update_by_another_package_leaves_the_first_one_delivered() -> Result {
    each(&config(), |setup| {
        install(setup, 1, "1")?;
        assert_eq!(setup.value("Inventory/Delivered/game/State")?, "20");
        setup.car.announces([]);
        setup.car.updates(vec![app("2")], vec!["game.lib".into()]);
        let package = Package::new("game-2");
        let install = Invoke::download_install_inactive(package, URL, order("b"));
        setup.carry_out(2, install)?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        let pkg_id = setup.value("Inventory/Deployed/game.app/PkgIDRef")?;
        assert_eq!(pkg_id, "game-2");
        // The primitive says what state it is in afterwards, new or not.
        assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "10");
        assert_eq!(setup.value("Inventory/Delivered/game-2/State")?, "20");
        assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
        Ok(())
    })
}

#[test]
fn a_failed_update_leaves_the_component_as_it_was() -> Result {
    each(&config(), |setup| {
        install(setup, 1, "1")?;
        setup
            .car
            .cannot_install(ResultCode::INSTALL_FAILED, PackageIs::Deleted);
        let package = game().with_install_params("2");
        setup.carry_out(
            2,
            Invoke::download_install_inactive(package, URL, order("b")),
        )?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1405));
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "1");
        assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "20");
        Ok(())
    })
}

// ---- what was found out when it was fetched -------------------------------------------------------

#[test]
fn what_a_download_found_out_is_there_when_the_package_is_verified() -> Result {
    let facts = || {
        Facts::default()
            .with_size(7)
            .with_digest("sha-256", [1, 2, 3])
    };
    each_way(&config(), |setup| {
        setup.car.finds_out(facts());
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.car.verified(), [facts()]);
        // The package is kept, and installed again after a restart.
        setup.bench.power_up()?;
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        assert_eq!(setup.car.verified(), [facts()]);
        // Downloaded for later.
        setup.carry_out(3, Invoke::download(Package::new("map"), URL, order("c")))?;
        setup.carry_out(4, Invoke::install("map", order("d")))?;
        assert_eq!(setup.car.verified(), [facts()]);
        // Of what a server delivers nothing is known but what the server says.
        let data = Bytes::from_static(b"content");
        let delivered = Package::new("delivered");
        setup.carry_out(5, Invoke::deliver_install(delivered, data, order("e")))?;
        assert_eq!(setup.car.verified(), [Facts::default()]);
        Ok(())
    })
}

#[test]
fn what_a_download_found_out_elsewhere_is_kept_too() -> Result {
    let facts = || Facts::default().with_size(7);
    each(&config(), |setup| {
        let install = Invoke::download_install(game(), URL, order("a"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        setup.bench.leaves_jobs = true;
        setup.bench.run_session(Trigger::Server)?;
        let job = setup.bench.left.pop().expect("a job is left");
        setup.bench.leaves_jobs = false;
        let memo = Request::of(&job).and_then(|request| request.fetched(facts()));
        let memo = memo.expect("it is ours");
        setup.bench.agent()?.note(job.id, FETCHED, memo, 2)?;
        setup.bench.agent()?.take_up(job.id, 2)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.car.done(), ["install game Active"]);
        assert_eq!(setup.car.verified(), [facts()]);
        Ok(())
    })
}

#[test]
fn what_a_descriptor_says_of_a_package_can_be_kept() {
    let xml = br#"<media xmlns="http://www.openmobilealliance.org/xmlns/dd"><type>a/b</type>
        <size>12</size><objectURI>http://localhost/o</objectURI><installParam>p</installParam></media>"#;
    let descriptor = scomo::descriptor::Descriptor::parse(xml).expect("a descriptor");
    let facts = Facts::from(&descriptor);
    assert_eq!(facts.size, Some(12));
    assert_eq!(facts.types, ["a/b"]);
    assert_eq!(facts.install_param.as_deref(), Some("p"));
    assert!(!facts.is_empty() && facts.digest.is_none());
}
