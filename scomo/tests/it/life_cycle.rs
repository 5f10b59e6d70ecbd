//! States and statuses of packages and components against the tables of the object.

use bytes::Bytes;
use dm_proto::{codec::Encoding, session::Trigger};
use dm_tree::testing::Disk;
use scomo::{
    ResultCode,
    device::{Component, FETCHED, INSTALLING, PackageIs, Request, STARTED},
    server::{AnyOperation, Invoke},
};

use crate::support::{Result, Setup, URL, config, game, order, start};

fn setup() -> Result<Setup> {
    let config = config().with_components([Component::new("nav")]);
    start(config, Disk::default(), Encoding::Wbxml)
}

#[test]
fn a_failed_download_has_status_20_and_can_be_tried_again() -> Result {
    let mut setup = setup()?;
    setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
    setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
    assert_eq!(setup.value("Download/game/Status")?, "20");
    setup.car.fetches(ResultCode::SUCCESSFUL);
    // The nodes are there: the server finds them so, and goes on.
    setup.carry_out(2, Invoke::download(game(), URL, order("b")))?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
    Ok(())
}

#[test]
fn a_failed_installation_says_whether_the_package_is_still_there() -> Result {
    for (package, download, delivered) in [
        (PackageIs::Kept, "60", "50"),
        (PackageIs::Deleted, "70", "60"),
    ] {
        let mut setup = setup()?;
        setup
            .car
            .cannot_install(ResultCode::INSTALL_OUT_OF_MEMORY, package);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("failed", 0, 1406));
        assert_eq!(setup.value("Download/game/Status")?, download);

        let data = Bytes::from_static(b"package");
        setup.carry_out(2, Invoke::deliver_install(game(), data, order("b")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1406));
        assert_eq!(setup.value("Inventory/Delivered/game/Status")?, delivered);
        assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
        assert_eq!(setup.children("Inventory/Deployed")?, ["nav"]);

        // Without its content it cannot be installed.
        setup.car.installs(PackageIs::Kept);
        setup.carry_out(3, Invoke::install("game", order("c")))?;
        match package {
            PackageIs::Kept => assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200)),
            PackageIs::Deleted => assert_eq!(setup.codes(3)?, ("failed", 404, 0)),
        }
    }
    Ok(())
}

#[test]
fn what_fails_keeps_its_state_and_says_so_in_its_status() -> Result {
    let mut setup = setup()?;
    setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
    for (id, result, operation, leaf, state, status) in [
        (
            2,
            ResultCode::ACTIVATE_FAILED,
            Invoke::activate("nav", order("b")),
            "Inventory/Deployed/nav",
            "10",
            "40",
        ),
        (
            3,
            ResultCode::REMOVE_FAILED,
            Invoke::remove_component("nav", order("c")),
            "Inventory/Deployed/nav",
            "10",
            "20",
        ),
        (
            4,
            ResultCode::REMOVE_FAILED,
            Invoke::remove_package("game", order("d")),
            "Inventory/Delivered/game",
            "10",
            "20",
        ),
    ] {
        setup.car.ends_with(result);
        setup.carry_out(id, operation)?;
        assert_eq!(setup.codes(id)?, ("failed", 0, result.as_u16()));
        assert_eq!(setup.value(&format!("{leaf}/State"))?, state);
        assert_eq!(setup.value(&format!("{leaf}/Status"))?, status);
    }
    setup.car.ends_with(ResultCode::SUCCESSFUL);
    setup.carry_out(5, Invoke::activate("nav", order("e")))?;
    assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "10");
    setup.car.ends_with(ResultCode::DEACTIVATE_FAILED);
    setup.carry_out(6, Invoke::deactivate("nav", order("f")))?;
    assert_eq!(setup.value("Inventory/Deployed/nav/State")?, "20");
    assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "60");
    Ok(())
}

#[test]
fn a_package_is_removed_and_its_components_stay() -> Result {
    let mut setup = setup()?;
    setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
    setup.carry_out(2, Invoke::remove_package("game", order("b")))?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
    assert_eq!(
        setup.children("Inventory/Deployed")?,
        ["game.app", "game.lib", "nav"]
    );
    Ok(())
}

#[test]
fn a_kept_package_is_delivered_again_once_its_last_component_is_gone() -> Result {
    let mut setup = setup()?;
    setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
    setup.carry_out(2, Invoke::remove_component("game.app", order("b")))?;
    assert_eq!(setup.value("Inventory/Delivered/game/State")?, "20");
    setup.carry_out(3, Invoke::remove_component("game.lib", order("c")))?;
    assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
    setup.carry_out(4, Invoke::install("game", order("d")))?;
    assert_eq!(setup.codes(4)?, ("succeeded", 0, 1200));
    Ok(())
}

/// The device knows what it has fetched by its `PkgID`.
#[test]
fn a_package_that_is_gone_with_its_installation_is_not_said_to_be_there_from_before() -> Result {
    let mut setup = setup()?;
    setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
    setup
        .car
        .cannot_install(ResultCode::INSTALL_FAILED, PackageIs::Kept);
    setup.carry_out(2, Invoke::download_install(game(), URL, order("b")))?;
    assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "10");
    setup
        .car
        .cannot_install(ResultCode::INSTALL_FAILED, PackageIs::Deleted);
    setup.carry_out(3, Invoke::download_install(game(), URL, order("c")))?;
    assert_eq!(setup.value("Download/game/Status")?, "70");
    assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "60");
    assert_eq!(setup.value("Inventory/Delivered/game/Data")?, "missing");
    setup.car.done();
    setup.carry_out(4, Invoke::install("game", order("d")))?;
    let (state, _, result) = setup.codes(4)?;
    assert!(state != "succeeded" && result == 0, "{state} {result}");
    assert!(setup.car.done().is_empty(), "there is nothing to install");

    setup.carry_out(5, Invoke::download(game(), URL, order("e")))?;
    assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "10");
    setup.car.installs(PackageIs::Deleted);
    setup.carry_out(6, Invoke::download_install(game(), URL, order("f")))?;
    assert_eq!(setup.codes(6)?, ("succeeded", 0, 1200));
    assert_eq!(setup.children("Inventory/Delivered")?, [""; 0]);
    Ok(())
}

#[test]
fn what_was_delivered_stays_whatever_becomes_of_what_is_fetched() -> Result {
    let mut setup = setup()?;
    let package = Bytes::from_static(b"package");
    setup.carry_out(1, Invoke::deliver_install(game(), package, order("a")))?;
    setup.car.installs(PackageIs::Deleted);
    setup.carry_out(2, Invoke::download_install(game(), URL, order("b")))?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "10");
    setup.carry_out(3, Invoke::install("game", order("c")))?;
    assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn the_status_shows_how_far_a_download_is() -> Result {
    let mut setup = setup()?;
    setup.bench.leaves_jobs = true;
    let install = Invoke::download_install(game(), URL, order("a"));
    setup.bench.push(1, AnyOperation::Invoke(install))?;
    setup.bench.run_session(Trigger::Server)?;
    let job = setup.bench.left.pop().expect("a job is left");
    assert_eq!(setup.value("Download/game/Status")?, "10");
    setup.bench.agent()?.reached(job.id, STARTED, 1)?;
    assert_eq!(setup.value("Download/game/Status")?, "30");
    setup.bench.agent()?.reached(job.id, FETCHED, 2)?;
    assert_eq!(setup.value("Download/game/Status")?, "40");
    setup.bench.agent()?.reached(job.id, INSTALLING, 2)?;
    assert_eq!(setup.value("Download/game/Status")?, "50");
    let request = Request::of(&job).expect("it is ours");
    let outcome = request.installed(vec![Component::new("game.app")], PackageIs::Deleted);
    setup.bench.agent()?.complete(job.id, outcome, 3)?;
    assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "20");
    setup.bench.settle()?;
    assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn what_nobody_works_on_after_a_restart_has_failed() -> Result {
    for (path, progressing, failed) in [
        ("Inventory/Deployed/nav", "30", "20"),
        ("Inventory/Deployed/nav", "50", "40"),
        ("Inventory/Deployed/nav", "70", "60"),
        ("Inventory/Deployed/nav", "10", "10"),
        ("Inventory/Delivered/game", "40", "50"),
        ("Inventory/Delivered/game", "30", "20"),
        ("Download/slot", "30", "20"),
        ("Download/slot", "40", "60"),
        ("Download/slot", "50", "60"),
    ] {
        let config = config()
            .with_components([Component::new("nav")])
            .with_permanent_download("slot");
        let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        let root = crate::support::uri("./SCOMO");
        let leaf = format!("{path}/Status");
        let mut transaction = setup.bench.agent()?.begin(1);
        transaction
            .edit(&root)
            .expect("mounted")
            .set(&leaf, progressing)
            .expect("written");
        transaction.commit().expect("committed");
        setup.bench.power_up()?;
        assert_eq!(setup.value(&leaf)?, failed, "{leaf} was {progressing}");
    }
    Ok(())
}

#[test]
fn new_content_makes_an_installed_package_a_delivered_one() -> Result {
    let mut setup = setup()?;
    let data = Bytes::from_static(b"one");
    setup.carry_out(1, Invoke::deliver_install(game(), data, order("a")))?;
    assert_eq!(setup.value("Inventory/Delivered/game/State")?, "20");
    // The second delivery finds the nodes, and sets them.
    setup
        .car
        .cannot_install(ResultCode::INSTALL_FAILED, PackageIs::Kept);
    let data = Bytes::from_static(b"two!");
    setup.carry_out(2, Invoke::deliver_install(game(), data, order("b")))?;
    assert_eq!(
        setup.car.done(),
        [
            "install game of 3 octets Active",
            "install game of 4 octets Active"
        ]
    );
    assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
    Ok(())
}

#[test]
fn a_package_that_was_fetched_is_not_overwritten() -> Result {
    let mut setup = setup()?;
    setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
    let data = Bytes::from_static(b"other");
    setup.carry_out(2, Invoke::deliver_install(game(), data, order("b")))?;
    assert_eq!(setup.codes(2)?, ("refused", 403, 0));
    setup.carry_out(3, Invoke::remove_package("game", order("c")))?;
    assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn what_cannot_be_told_after_a_restart_is_1412() -> Result {
    let mut setup = setup()?;
    setup.bench.leaves_jobs = true;
    let install = Invoke::download_install(game(), URL, order("a"));
    setup.bench.push(1, AnyOperation::Invoke(install))?;
    setup.bench.run_session(Trigger::Server)?;
    let job = setup.bench.left.pop().expect("a job is left");
    setup.bench.agent()?.reached(job.id, INSTALLING, 1)?;
    setup.bench.power_up()?;
    setup.bench.run()?;
    let job = setup.bench.left.pop().expect("it is handed out again");
    assert!(job.resumed && job.stage == INSTALLING);
    // As long as nobody has said what became of it, it counts as going on.
    assert_eq!(setup.value("Download/game/Status")?, "50");
    let request = Request::of(&job).expect("it is ours");
    let outcome = request.failed(ResultCode::UNDEFINED_ERROR, PackageIs::Kept);
    setup.bench.agent()?.complete(job.id, outcome, 2)?;
    setup.bench.settle()?;
    assert_eq!(setup.codes(1)?, ("failed", 0, 1412));
    assert_eq!(setup.value("Download/game/Status")?, "60");
    Ok(())
}
