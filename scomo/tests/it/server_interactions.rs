//! SCOMO AD 5.4.3, normal flow: server interactions.

use bytes::Bytes;
use dm_proto::{
    AlertCode,
    session::{Trigger, UserReply},
};
use dm_tree::remote::{Checks, Notice};
use scomo::{
    DeliveredState, DeployedState, DeployedStatus, Operation, ResultCode,
    device::{Component, PackageIs, Reporting},
    server::{AnyOperation, AnyOutcome, Ended, Inventory, Invoke, Outcome},
};

use crate::support::{Result, URL, config, each, each_way, game, order};

const REPORTING: [Reporting; 3] = [
    Reporting::Synchronous,
    Reporting::InSession,
    Reporting::AfterSession,
];

/// Indirect delivery: download, then install, then the inventory.
#[test]
fn a_package_is_downloaded_and_installed_step_by_step() -> Result {
    for reporting in REPORTING {
        each(&config().with_reporting(reporting), |setup| {
            // 1: the server starts a session. 2: it adds the package, and asks for the download.
            let mut package = game().with_install_params("7").with_env_type("car");
            package.description = Some("A game".into());
            package.pkg_type = Some("application/zip".into());
            let download = Invoke::download(package, URL, order("d-1"));
            setup.bench.push(1, AnyOperation::Invoke(download))?;
            setup.bench.run_session(Trigger::Server)?;
            assert_eq!(
                setup.server_sent().get(..3).unwrap_or_default(),
                ["Get", "Get, Add, Add, Add, Add, Add, Add, Add, Add", "Exec"]
            );
            // 3, 4: the device performs it and reports.
            setup.bench.settle()?;
            assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
            assert_eq!(setup.children("Download")?, [""; 0]);
            assert_eq!(setup.children("Inventory/Delivered")?, ["game"]);
            assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
            assert_eq!(setup.value("Inventory/Delivered/game/Status")?, "10");
            for (leaf, value) in [
                ("PkgID", "game"),
                ("Name", "The game"),
                ("Description", "A game"),
                ("InstallParams", "7"),
                ("EnvType", "car"),
                ("PkgType", "application/zip"),
            ] {
                let leaf = format!("Inventory/Delivered/game/{leaf}");
                assert_eq!(setup.value(&leaf)?, value, "{leaf}");
            }

            setup.carry_out(2, Invoke::install_inactive("game", order("i-1")))?;
            assert_eq!(setup.car.done(), ["install game Inactive"]);
            assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
            assert_eq!(setup.value("Inventory/Delivered/game/State")?, "20");
            // A component that does not say what it runs on runs on what its package does.
            assert_eq!(setup.value("Inventory/Deployed/game.app/EnvType")?, "car");
            assert_eq!(setup.value("Inventory/Deployed/game.app/Name")?, "app");

            setup.carry_out(3, Inventory::new(order("inv")))?;
            let Some(AnyOutcome::Inventory(Ok(contents))) = setup.outcome(3)? else {
                panic!("no inventory: {:?}", setup.outcome(3)?);
            };
            let delivered: Vec<_> = contents
                .delivered
                .iter()
                .map(|package| (package.pkg_id.as_str(), package.state))
                .collect();
            assert_eq!(delivered, [("game", Some(DeliveredState::Installed))]);
            let deployed: Vec<_> = contents
                .deployed
                .iter()
                .map(|component| {
                    assert_eq!(component.pkg_id.as_deref(), Some("game"));
                    assert_eq!(component.status, Some(DeployedStatus::Idle));
                    (
                        component.id.as_str(),
                        component.version.as_deref(),
                        component.state,
                    )
                })
                .collect();
            let inactive = Some(DeployedState::Inactive);
            assert_eq!(
                deployed,
                [
                    ("game.app", Some("7"), inactive),
                    ("game.lib", Some("7"), inactive)
                ]
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn one_report_tells_of_every_component_where_it_is_now() -> Result {
    // A result in the Status comes without a report.
    for reporting in [Reporting::InSession, Reporting::AfterSession] {
        each(&config().with_reporting(reporting), |setup| {
            setup.carry_out(1, Invoke::download_install(game(), URL, order("d-1")))?;
            let (state, _, result, components) = setup.summary(1)?;
            assert_eq!((state, result), ("succeeded", 1200));
            assert_eq!(
                components,
                [
                    "game.app at ./SCOMO/Inventory/Deployed/game.app",
                    "game.lib at ./SCOMO/Inventory/Deployed/game.lib",
                ]
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_package_is_delivered_in_the_tree_and_installed() -> Result {
    for kept in [PackageIs::Kept, PackageIs::Deleted] {
        each_way(&config(), |setup| {
            setup.car.installs(kept);
            let data = Bytes::from_iter((0..=255).cycle().take(5000));
            let install = Invoke::deliver_install(game(), data, order("i-1"));
            setup.carry_out(1, install)?;
            assert_eq!(setup.car.done(), ["install game of 5000 octets Active"]);
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
            assert_eq!(setup.value("Inventory/Deployed/game.app/State")?, "20");
            let state = setup.value("Inventory/Delivered/game/State")?;
            match kept {
                PackageIs::Kept => assert_eq!(state, "20"),
                PackageIs::Deleted => assert_eq!(state, "missing"),
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_package_larger_than_a_message_is_delivered_in_pieces() -> Result {
    each_way(&config(), |setup| {
        let data = Bytes::from_iter((0..=255).cycle().take(200_000));
        let install = Invoke::deliver_install(game(), data, order("i-1"));
        setup.carry_out(1, install)?;
        assert_eq!(setup.car.done(), ["install game of 200000 octets Active"]);
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_package_larger_than_the_device_takes_is_not_sent() -> Result {
    each(&config(), |setup| {
        let data = Bytes::from_iter((0..=255).cycle().take(2_000_000));
        let install = Invoke::deliver_install(game(), data, order("i-1"));
        setup.carry_out(1, install)?;
        assert_eq!(setup.codes(1)?, ("failed", 413, 0));
        assert!(setup.car.done().is_empty());
        Ok(())
    })
}

#[test]
fn components_are_activated_deactivated_and_removed() -> Result {
    let config = config().with_components([Component::new("nav").with_version("3")]);
    for reporting in REPORTING {
        each(&config.clone().with_reporting(reporting), |setup| {
            setup.carry_out(1, Invoke::activate("nav", order("a")))?;
            assert_eq!(setup.value("Inventory/Deployed/nav/State")?, "20");
            setup.carry_out(2, Invoke::deactivate("nav", order("b")))?;
            assert_eq!(setup.value("Inventory/Deployed/nav/State")?, "10");
            // Once more has no effect, and is a success: of the device's, if the server does not look.
            let unchecked = order("c").with_checks(Checks::Off);
            setup.carry_out(3, Invoke::deactivate("nav", unchecked))?;
            setup.carry_out(4, Invoke::remove_component("nav", order("d")))?;
            assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
            for id in 1..=4 {
                assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200), "{id}");
            }
            assert_eq!(
                setup.car.done(),
                ["activate nav", "deactivate nav", "remove component nav"]
            );
            // What is gone is not found, and nothing is sent.
            setup.carry_out(5, Invoke::activate("nav", order("e")))?;
            assert_eq!(
                setup.outcome(5)?,
                Some(AnyOutcome::Invoke(Outcome::Ended(Ended::NotFound)))
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn with_confirmation_the_question_comes_alone_and_a_no_leaves_no_node() -> Result {
    each_way(&config(), |setup| {
        setup.bench.set_user(|_| UserReply::No);
        let order_no = order("d-1").confirmed_by_user("Install the game?", None);
        setup.carry_out(1, Invoke::download_install(game(), URL, order_no))?;
        assert_eq!(setup.codes(1)?, ("declined", 304, 0));
        assert_eq!(setup.server_sent(), ["Get", "Alert", ""]);
        assert_eq!(setup.children("Download")?, [""; 0]);

        setup.bench.set_user(|_| UserReply::Yes);
        let order_yes = order("d-2").confirmed_by_user("Install the game?", None);
        setup.carry_out(2, Invoke::download_install(game(), URL, order_yes))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn in_sequence_question_package_and_exec_are_one_message() -> Result {
    use dm_proto::session::DeviceProfile;
    for (reply, state, status) in [
        (UserReply::Yes, "succeeded", 0),
        (UserReply::No, "declined", 304),
    ] {
        each_way(&config(), |setup| {
            let reply = reply.clone();
            setup.bench.set_user(move |_| reply.clone());
            let order = order("d-1")
                .confirmed_by_user("Install the game?", None)
                .with_profile(DeviceProfile::STANDARD.with_sequence_guards());
            setup.carry_out(1, Invoke::download_install(game(), URL, order))?;
            assert_eq!(
                setup.server_sent().get(1).map(String::as_str),
                Some("Sequence(Alert, Add, Add, Add, Add, Exec)")
            );
            let (found, answer, _) = setup.codes(1)?;
            assert_eq!((found, answer), (state, status));
            Ok(())
        })?;
    }
    Ok(())
}

/// The first Add fails in the Sequence, since the node is there: the rest is skipped, and sent again
/// without a second question.
#[test]
fn in_sequence_a_node_that_is_there_costs_a_message_and_no_second_question() -> Result {
    use dm_proto::session::DeviceProfile;
    let config = config().with_permanent_download("slot");
    each(&config, |setup| {
        let asked = std::rc::Rc::new(core::cell::Cell::new(0));
        let counter = std::rc::Rc::clone(&asked);
        setup.bench.set_user(move |_| {
            counter.set(counter.get() + 1);
            UserReply::Yes
        });
        let order = order("d-1")
            .confirmed_by_user("Install the game?", None)
            .with_profile(DeviceProfile::STANDARD.with_sequence_guards());
        let package = game().at_node("slot");
        setup.carry_out(1, Invoke::download_install(package, URL, order))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(asked.get(), 1);
        assert_eq!(setup.car.done().len(), 2, "fetched and installed once");
        Ok(())
    })
}

#[test]
fn a_permanent_node_is_filled_in_and_stays() -> Result {
    let config = config().with_permanent_download("slot");
    each_way(&config, |setup| {
        for (id, correlator) in [(1, "a"), (2, "b")] {
            let package = game().at_node("slot");
            setup.carry_out(
                id,
                Invoke::download_install(package, URL, order(correlator)),
            )?;
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200));
            assert_eq!(setup.children("Download")?, ["slot"]);
            assert_eq!(setup.value("Download/slot/Status")?, "10");
        }
        Ok(())
    })
}

#[test]
fn what_the_device_refuses_ends_refused() -> Result {
    each_way(&config(), |setup| {
        setup.car.vetoes(dm_proto::StatusCode::FORBIDDEN);
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("refused", 403, 0));
        setup.car.vetoes(dm_proto::StatusCode::new(1401));
        setup.carry_out(2, Invoke::download(game(), URL, order("b")))?;
        assert_eq!(setup.codes(2)?, ("declined", 0, 1401));
        assert!(setup.car.done().is_empty());
        Ok(())
    })
}

#[test]
fn a_package_for_another_environment_is_rejected_at_once() -> Result {
    each_way(&config(), |setup| {
        let package = game().with_env_type("toaster");
        setup.carry_out(1, Invoke::download(package.clone(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("failed", 0, 1413));
        let data = Bytes::from_static(b"package");
        setup.carry_out(2, Invoke::deliver_install(package, data, order("b")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1413));
        assert!(setup.car.done().is_empty());
        // To get rid of it nothing is needed.
        setup.carry_out(3, Invoke::remove_package("game", order("c")))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

/// Unless the device says otherwise, a component is of the environment of its package.
#[test]
fn a_component_tells_its_package_and_its_environment() -> Result {
    each(&config(), |setup| {
        let mut package = game();
        package.env_type = Some("linux".into());
        setup.carry_out(1, Invoke::download_install(package, URL, order("a")))?;
        for leaf in ["PkgIDRef", "EnvType"] {
            let expected = if leaf == "EnvType" { "linux" } else { "game" };
            let path = format!("Inventory/Deployed/game.app/{leaf}");
            assert_eq!(setup.value(&path)?, expected);
        }
        Ok(())
    })
}

#[test]
fn a_primitive_that_is_not_offered_is_unsupported() -> Result {
    let config = config().offering([Operation::Download]);
    each(&config, |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(
            setup.outcome(1)?,
            Some(AnyOutcome::Invoke(Outcome::Ended(Ended::Unsupported)))
        );
        setup.carry_out(2, Invoke::download(game(), URL, order("b")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_leaf_that_the_device_does_not_know_is_left_out_if_it_is_for_people() -> Result {
    each(&config(), |setup| {
        let mut package = game();
        package.reboot = Some("after".into());
        setup.carry_out(1, Invoke::download_install(package, URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_right_that_is_missing_below_an_own_node_is_repaired_once() -> Result {
    // The root has no ACL for anybody but the owner of everything; the creator of a node gets the
    // automatic one.
    each(&config(), |setup| {
        use dm_tree::{Acl, NodeUri, Right};
        let root = NodeUri::parse("./SCOMO").expect("a uri");
        // The server may add, but execute only where it gives itself the right.
        let acl = Acl::default()
            .grant(Right::Add, "srv1")
            .grant(Right::Get, "*");
        let now = 1;
        let mut transaction = setup.bench.agent()?.begin(now);
        let node = transaction.view().node(&root).expect("the root");
        transaction
            .edit(&root)
            .expect("mounted")
            .put("", node.with_acl(acl))
            .expect("written");
        transaction.commit().expect("committed");

        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        let sent = setup.server_sent();
        assert_eq!(
            sent.get(..5).unwrap_or_default(),
            [
                "Get",
                "Get, Add, Add, Add, Add",
                "Exec",
                "Get, Get, Get, Get, Get, Get",
                "Replace"
            ]
        );
        assert_eq!(sent.iter().filter(|message| *message == "Exec").count(), 2);
        Ok(())
    })
}

/// Alternative 1, and the end of the normal flow: the report opens a session of the device's own.
#[test]
fn a_late_report_comes_in_a_session_of_the_device() -> Result {
    each(&config().with_reporting(Reporting::AfterSession), |setup| {
        let install = Invoke::download_install(game(), URL, order("d-1"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        setup.bench.run_session(Trigger::Server)?;
        assert_eq!(setup.outcome(1)?, None);
        assert!(setup.bench.notices.contains(&Notice::Accepted(1)));
        setup.bench.settle()?;
        let opened = setup
            .bench
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Opened { trigger, .. } => Some(*trigger),
                _ => None,
            });
        assert_eq!(
            opened.collect::<Vec<_>>(),
            [
                AlertCode::SERVER_INITIATED_MGMT,
                AlertCode::CLIENT_INITIATED_MGMT
            ]
        );
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn the_first_failing_phase_decides() -> Result {
    // A result in the Status comes without a report.
    for reporting in [Reporting::InSession, Reporting::AfterSession] {
        each(&config().with_reporting(reporting), |setup| {
            setup.car.fetches(ResultCode::DOWNLOAD_SERVER_UNAVAILABLE);
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            assert_eq!(setup.codes(1)?, ("failed", 0, 1501));
            assert_eq!(setup.value("Download/game/Status")?, "20");
            assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
            let (_, _, _, components) = setup.summary(1)?;
            assert_eq!(components, ["game at ./SCOMO/Download/game"]);
            Ok(())
        })?;
    }
    Ok(())
}
