//! SCOMO AD 5.4.3, alternative flows.

use dm_proto::{
    AlertCode,
    message::{Alert, Item, Meta},
    session::Trigger,
};
use dm_tree::remote::Notice;
use scomo::server::{AnyOperation, AnyOutcome, Inventory, Invoke, Package};

use crate::support::{Result, Setup, URL, config, each, each_way, game, order};

/// Alternative 1: the device asks the server to invoke an operation.
#[test]
fn a_request_of_the_device_is_served_in_its_own_session() -> Result {
    each_way(&config(), |setup| {
        // 1: the device starts the session, and says what it wants.
        let request = Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            items: vec![
                Item::for_source("./SCOMO")
                    .with_meta(Meta::of_type("com.example.scomo.request").with_format("chr"))
                    .with_data("game"),
            ],
            ..Alert::default()
        };
        setup.bench.agent()?.raise("srv1", request.clone(), 1)?;
        // The server has something to do for such a device anyway: it looks, and acts.
        setup
            .bench
            .push(1, AnyOperation::Inventory(Inventory::new(order("i"))))?;
        let install = Invoke::download_install(game(), URL, order("d"));
        setup.bench.push(2, AnyOperation::Invoke(install))?;
        setup.bench.run_session(Trigger::Client)?;
        let asked = setup.bench.notices.iter().any(|notice| match notice {
            Notice::Unclaimed(alert) => alert.items == request.items,
            _ => false,
        });
        assert!(asked, "the request is passed on: {:?}", setup.bench.notices);
        assert!(matches!(
            setup.outcome(1)?,
            Some(AnyOutcome::Inventory(Ok(_)))
        ));
        // 2: the server asked for the operation in the same session.
        assert!(setup.server_sent().iter().any(|message| message == "Exec"));
        // 3, 4: the device performs it, and reports.
        setup.bench.settle()?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert_eq!(setup.bench.agent()?.report_due()?, None);
        let opened: Vec<_> = sessions(setup);
        assert!(
            opened
                .iter()
                .all(|code| *code == AlertCode::CLIENT_INITIATED_MGMT)
        );
        Ok(())
    })
}

/// Alternative 1, where the server comes back later: its answer is 202, and then a notification.
#[test]
fn a_request_of_the_device_may_be_served_later() -> Result {
    each_way(&config(), |setup| {
        let request = Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            items: vec![
                Item::for_source("./SCOMO")
                    .with_meta(Meta::of_type("com.example.scomo.request").with_format("chr"))
                    .with_data("game"),
            ],
            ..Alert::default()
        };
        setup.bench.agent()?.raise("srv1", request, 1)?;
        setup.bench.run_session(Trigger::Client)?;
        assert_eq!(setup.bench.agent()?.report_due()?, None, "it was taken");
        setup.carry_out(1, Invoke::download_install(game(), URL, order("d")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(
            sessions(setup).get(..2).unwrap_or_default(),
            [
                AlertCode::CLIENT_INITIATED_MGMT,
                AlertCode::SERVER_INITIATED_MGMT
            ]
        );
        Ok(())
    })
}

/// Who asked for each session.
fn sessions(setup: &Setup) -> Vec<AlertCode> {
    let notices = setup.bench.notices.iter();
    notices
        .filter_map(|notice| match notice {
            Notice::Opened { trigger, .. } => Some(*trigger),
            _ => None,
        })
        .collect()
}

/// Alternative 2: the management infrastructure asks the server before step 1.
#[test]
fn what_is_queued_waits_for_a_session_and_its_result_is_there_afterwards() -> Result {
    each_way(&config(), |setup| {
        // The infrastructure asks; the server queues, and wants a session.
        let install = Invoke::download_install(game(), URL, order("d"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        assert!(setup.bench.queue(|queue| queue.wants_session())?);
        assert_eq!(setup.outcome(1)?, None);
        // 1 to 4: as in the normal flow.
        setup.bench.run_session(Trigger::Server)?;
        setup.bench.settle()?;
        // The result can be asked for.
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert!(setup.is_told_once());
        assert!(!setup.bench.queue(|queue| queue.wants_session())?);
        Ok(())
    })
}

/// Alternative 3: combined operations, one report for the whole.
#[test]
fn combined_primitives_end_in_one_report() -> Result {
    for (active, state) in [(true, "20"), (false, "10")] {
        each_way(&config(), |setup| {
            // 2: one primitive for all of it.
            let install = if active {
                Invoke::download_install(game(), URL, order("d"))
            } else {
                Invoke::download_install_inactive(game(), URL, order("d"))
            };
            setup.carry_out(1, install)?;
            // 3: the device does one after the other.
            let activation = if active { "Active" } else { "Inactive" };
            assert_eq!(
                setup.car.done(),
                [
                    format!("fetch game from {URL}"),
                    format!("install game {activation}")
                ]
            );
            for part in ["app", "lib"] {
                let leaf = format!("Inventory/Deployed/game.{part}/State");
                assert_eq!(setup.value(&leaf)?, state);
            }
            // 4: and reports once.
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
            assert!(setup.is_told_once());
            Ok(())
        })?;
    }
    Ok(())
}

/// Alternative 3 with a package that is on the device: install and activate.
#[test]
fn a_package_on_the_device_is_installed_and_activated_by_one_primitive() -> Result {
    each_way(&config(), |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "20");
        Ok(())
    })
}

/// Alternative 3: any other combination is one operation after the other.
#[test]
fn install_then_activate_later_are_two_operations() -> Result {
    each_way(&config(), |setup| {
        let install = Invoke::download_install_inactive(game(), URL, order("a"));
        setup.carry_out(1, install)?;
        setup.carry_out(2, Invoke::activate("game.app", order("b")))?;
        assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "20");
        assert_eq!(setup.value("Inventory/Deployed/game.lib/State")?, "10");
        Ok(())
    })
}

/// Update: a newer package for the same components.
#[test]
fn a_newer_package_updates_the_same_nodes() -> Result {
    each_way(&config(), |setup| {
        for (id, version) in [(1, "1.0"), (2, "2.0")] {
            let package = game().with_install_params(version);
            let install = Invoke::download_install(package, URL, order(version));
            setup.carry_out(id, install)?;
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200));
            assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, version);
        }
        assert_eq!(
            setup.children("Inventory/Deployed")?,
            ["game.app", "game.lib"]
        );
        assert_eq!(setup.children("Inventory/Delivered")?, ["game"]);
        Ok(())
    })
}

#[test]
fn identifiers_that_are_no_node_names_get_names_of_their_own() -> Result {
    each(&config(), |setup| {
        for (id, package) in [(1, "a/b"), (2, "a?b"), (3, "..")] {
            let package = Package::new(package);
            let install = Invoke::download_install(package, URL, order(&format!("c{id}")));
            setup.carry_out(id, install)?;
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200), "{id}");
        }
        assert_eq!(setup.children("Inventory/Deployed")?.len(), 6);
        setup.carry_out(4, Invoke::remove_component("a?b.app", order("r")))?;
        assert_eq!(setup.codes(4)?, ("succeeded", 0, 1200));
        assert!(
            setup
                .car
                .done()
                .contains(&"remove component a?b.app".into())
        );
        Ok(())
    })
}

/// SCOMO 1.1: another identifier, and one leaf more, which goes to the installer as it is.
#[test]
fn an_object_of_version_1_1_is_found_and_takes_the_reboot_leaf() -> Result {
    let mut config = config();
    config.mo_id = scomo::MO_ID_1_1.into();
    config.report.alert_type = scomo::OPERATION_COMPLETE_1_1.into();
    config.report.format = "xml".into();
    config.report.marks = None;
    each(&config, |setup| {
        setup.bench.leaves_jobs = true;
        let mut package = game();
        package.reboot = Some("after".into());
        let install = Invoke::download_install(package, URL, order("a"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        setup.bench.run_session(Trigger::Server)?;
        let job = setup.bench.left.pop().expect("a job is left");
        let request = scomo::device::Request::of(&job).expect("it is ours");
        let scomo::device::Subject::Package(package) = &request.subject else {
            panic!("no package: {request:?}");
        };
        assert_eq!(package.reboot.as_deref(), Some("after"));
        let outcome = request.failed(
            scomo::ResultCode::INSTALL_FAILED,
            scomo::device::PackageIs::Kept,
        );
        setup.bench.agent()?.complete(job.id, outcome, 1)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(1)?, ("failed", 0, 1405));
        Ok(())
    })
}
