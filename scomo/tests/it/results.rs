//! Result codes: each by the way that leads to it, and what an integrator says that is none.

use bytes::Bytes;
use dm_proto::{StatusCode, codec::Encoding};
use dm_tree::testing::Disk;
use scomo::{
    ResultCode,
    device::{Cause, Component, PackageIs, Reporting, Verdict},
    server::Invoke,
};

use crate::support::{Result, Setup, URL, config, game, order, start};

/// In each way to report, a device with an active and an inactive component and a package.
fn each(flow: impl Fn(&mut Setup) -> Result) -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let mut active = Component::new("run");
        active.active = true;
        let config = config()
            .with_reporting(reporting)
            .with_components([Component::new("nav"), active]);
        let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
        setup.carry_out(1, Invoke::download(game(), URL, order("there")))?;
        setup.car.done();
        flow(&mut setup)?;
    }
    Ok(())
}

fn state_of(code: u16) -> &'static str {
    match code {
        1200..=1299 => "succeeded",
        1401 => "declined",
        _ => "failed",
    }
}

#[test]
fn each_code_of_a_download_arrives_as_it_is() -> Result {
    for code in [
        1200, 1250, 1299, 1400, 1401, 1402, 1403, 1404, 1411, 1412, 1450, 1499, 1500, 1501, 1550,
        1599,
    ] {
        each(|setup| {
            setup.car.fetches(ResultCode::new(code));
            setup.carry_out(2, Invoke::download(game(), URL, order("a")))?;
            assert_eq!(setup.codes(2)?, (state_of(code), 0, code));
            let status = setup.value("Download/game/Status")?;
            let gone_or_failed = if code < 1300 { "missing" } else { "20" };
            assert_eq!(status, gone_or_failed, "{code}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn each_code_of_an_installation_arrives_as_it_is() -> Result {
    for code in [1400, 1401, 1405, 1406, 1407, 1411, 1412, 1413, 1450, 1499] {
        each(|setup| {
            setup
                .car
                .cannot_install(ResultCode::new(code), PackageIs::Kept);
            setup.carry_out(2, Invoke::install("game", order("a")))?;
            assert_eq!(setup.codes(2)?, (state_of(code), 0, code));
            assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "50");
            setup.carry_out(3, Invoke::download_install(game(), URL, order("b")))?;
            assert_eq!(setup.codes(3)?, (state_of(code), 0, code));
            assert_eq!(setup.value("Download/game/Status")?, "60");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn each_code_of_the_other_primitives_arrives_as_it_is() -> Result {
    type Case = (fn() -> Invoke, &'static [u16], &'static str, &'static str);
    let cases: [Case; 4] = [
        (
            || Invoke::remove_package("game", order("a")),
            &[1400, 1401, 1408, 1412, 1450],
            "Inventory/Delivered/game",
            "20",
        ),
        (
            || Invoke::remove_component("nav", order("a")),
            &[1400, 1401, 1408, 1412, 1450],
            "Inventory/Deployed/nav",
            "20",
        ),
        (
            || Invoke::activate("nav", order("a")),
            &[1400, 1401, 1409, 1412, 1450],
            "Inventory/Deployed/nav",
            "40",
        ),
        (
            || Invoke::deactivate("run", order("a")),
            &[1400, 1401, 1410, 1412, 1450],
            "Inventory/Deployed/run",
            "60",
        ),
    ];
    for (invoke, codes, node, status) in cases {
        for code in codes {
            each(|setup| {
                setup.car.ends_with(ResultCode::new(*code));
                setup.carry_out(2, invoke())?;
                assert_eq!(setup.codes(2)?, (state_of(*code), 0, *code));
                assert_eq!(setup.value(&format!("{node}/Status"))?, status, "{code}");
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn without_memory_a_download_is_1404_and_an_installation_1406() -> Result {
    each(|setup| {
        let causes = core::iter::repeat_n(Cause::Memory, 9);
        setup.car.puts_off(causes);
        setup.carry_out(2, Invoke::download_install(game(), URL, order("a")))?;
        setup.carry_out(3, Invoke::install("game", order("b")))?;
        for (id, code) in [(2, 1404), (3, 1406)] {
            let job = setup.bench.agent()?.deferred_jobs().next().cloned();
            let job = job.expect("it was put off");
            let request = scomo::device::Request::of(&job).expect("it is ours");
            let outcome = request.given_up(Cause::Memory, &job);
            setup.bench.agent()?.complete(job.id, outcome, 1)?;
            setup.bench.settle()?;
            assert_eq!(setup.codes(id)?, ("failed", 0, code));
        }
        Ok(())
    })
}

/// 200 or 202, say: the one would be taken for a success, the other for a promise.
#[test]
fn what_is_no_result_code_is_an_undefined_error() -> Result {
    for code in [0, 200, 202, 401, 1199, 1600] {
        each(|setup| {
            let none = ResultCode::new(code);
            setup.car.fetches(none);
            setup.carry_out(2, Invoke::download(game(), URL, order("a")))?;
            assert_eq!(setup.codes(2)?, ("failed", 0, 1412), "{code}");
            assert_eq!(setup.value("Download/game/Status")?, "20");
            setup.car.ends_with(none);
            setup.carry_out(3, Invoke::activate("nav", order("b")))?;
            assert_eq!(setup.codes(3)?, ("failed", 0, 1412), "{code}");
            assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "40");
            setup.car.cannot_install(none, PackageIs::Kept);
            setup.carry_out(4, Invoke::install("game", order("c")))?;
            assert_eq!(setup.codes(4)?, ("failed", 0, 1412), "{code}");
            assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "50");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_failure_that_calls_itself_a_success_is_a_failure_all_the_same() -> Result {
    each(|setup| {
        setup
            .car
            .cannot_install(ResultCode::SUCCESSFUL, PackageIs::Kept);
        setup.carry_out(2, Invoke::install("game", order("a")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1405));
        assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "50");
        setup.car.finds(Verdict::Invalid {
            result: ResultCode::SUCCESSFUL,
            package: PackageIs::Kept,
        });
        let package = Bytes::from_static(b"package");
        setup.carry_out(
            3,
            Invoke::deliver_install(game().at_node("other"), package, order("b")),
        )?;
        assert_eq!(setup.codes(3)?, ("failed", 0, 1407));
        assert_eq!(setup.value("Inventory/Delivered/other/Status")?, "50");
        Ok(())
    })
}

/// Nobody could ever activate or remove it.
#[test]
fn a_component_without_an_id_is_none_and_the_result_not_known() -> Result {
    each(|setup| {
        let components = ["game.app", ""].map(Component::new);
        setup.car.updates(components.to_vec(), vec!["nav".into()]);
        setup.carry_out(2, Invoke::install("game", order("a")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1412));
        assert_eq!(setup.children("Inventory/Deployed")?, ["nav", "run"]);
        assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "50");
        Ok(())
    })?;
    let config = config().with_components([Component::new("")]);
    let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
    assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
    Ok(())
}

#[test]
fn a_veto_that_calls_itself_a_success_is_a_veto_all_the_same() -> Result {
    for status in [200, 202, 212, 1200, 1250] {
        each(|setup| {
            setup.car.vetoes(StatusCode::new(status));
            setup.carry_out(2, Invoke::remove_package("game", order("a")))?;
            assert_eq!(setup.codes(2)?, ("refused", 403, 0), "{status}");
            assert!(setup.car.done().is_empty());
            assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "10");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn an_installation_may_end_with_a_success_of_the_vendors() -> Result {
    each(|setup| {
        setup.car.installs_with(ResultCode::new(1251));
        setup.carry_out(2, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1251));
        setup.carry_out(3, Invoke::install("game", order("b")))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1251));
        assert_eq!(
            setup.children("Inventory/Deployed")?,
            ["game.app", "game.lib", "nav", "run"]
        );
        Ok(())
    })
}
