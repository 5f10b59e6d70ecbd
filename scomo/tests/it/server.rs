//! The server's side: what it can know, whom it lets ask, and what it makes of what devices say.

use bytes::Bytes;
use dm_proto::{
    AlertCode, StatusCode, Text,
    codec::Encoding,
    message::{Alert, Item, Meta},
    session::{Trigger, UserReply},
};
use dm_tree::{
    NodeUri,
    object::ManagementObject,
    remote::{
        Checks, Combined, Decision, Desk, DeviceRequest, Instance, Next, Notice, Order, Refusal,
        Request, RequestTypes, Summary, SummaryState, Understood, Unmet,
    },
    std_objects::{DevDetail, DevInfo, DmAcc},
    testing::{Bench, Disk},
};
use scomo::{
    DeliveredState, DeliveredStatus, DeployedState, DownloadStatus, OPERATION_COMPLETE,
    OPERATION_COMPLETE_1_1, OPERATION_COMPLETE_DRAFT, Operation, ResultCode, alert,
    device::{Component, Config, PackageIs, Scomo},
    server::{
        AnyOperation, AnyOutcome, Contents, Ended, Inventories, Inventory, Invoke, Outcome, Report,
        Requested,
    },
};

use crate::support::{Car, Result, Setup, URL, account, config, each, game, order, start, uri};

fn with_nav() -> Config {
    config().with_components([Component::new("nav").named("Navigation").with_version("3")])
}

fn wbxml(config: Config) -> Result<Setup> {
    start(config, Disk::default(), Encoding::Wbxml)
}

fn read(setup: &mut Setup, id: u32, order: Order) -> Result<Contents> {
    setup.carry_out(id, Inventory::new(order))?;
    match setup.outcome(id)? {
        Some(AnyOutcome::Inventory(Ok(contents))) => Ok(contents),
        other => panic!("nothing was read: {other:?}"),
    }
}

fn ended(setup: &mut Setup, id: u32) -> Result<Option<Ended>> {
    Ok(match setup.outcome(id)? {
        Some(AnyOutcome::Invoke(Outcome::Ended(ended))) => Some(ended),
        _ => None,
    })
}

// ---- reading ------------------------------------------------------------------------------------

#[test]
fn an_inventory_has_every_leaf_and_what_can_be_done() -> Result {
    each(&with_nav(), |setup| {
        let package = game()
            .with_install_params("params")
            .with_env_type("env")
            .with_pkg_type("application/zip");
        setup.carry_out(1, Invoke::download(package.clone(), URL, order("d")))?;
        setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
        let mut other = package;
        other.id = "other".into();
        setup.carry_out(2, Invoke::download(other, URL, order("o")))?;
        let contents = read(setup, 3, order("r"))?;
        assert_eq!(contents.root, uri("./SCOMO"));

        let [download] = contents.downloads.as_slice() else {
            panic!("one download: {contents:?}");
        };
        assert_eq!(download.pkg_id, "other");
        assert_eq!(download.pkg_url.as_deref(), Some(URL));
        assert_eq!(download.status, Some(DownloadStatus::DownloadFailed));
        let offers = download.operations.offers(Operation::DownloadInstall);
        assert_eq!(offers, Some(true));

        let package = contents.package("game").expect("a package");
        assert_eq!(package.name.as_deref(), Some("The game"));
        assert_eq!(package.install_params.as_deref(), Some("params"));
        assert_eq!(package.env_type.as_deref(), Some("env"));
        assert_eq!(package.pkg_type.as_deref(), Some("application/zip"));
        assert_eq!(package.state, Some(DeliveredState::Delivered));
        assert_eq!(package.status, Some(DeliveredStatus::Idle));
        assert_eq!(package.operations.offers(Operation::Install), Some(true));

        let component = contents.component("nav").expect("a component");
        assert_eq!(component.name.as_deref(), Some("Navigation"));
        assert_eq!(component.version.as_deref(), Some("3"));
        assert_eq!(component.state, Some(DeployedState::Inactive));
        assert_eq!(component.operations.offers(Operation::Activate), Some(true));
        assert_eq!(component.operations.offers(Operation::Install), Some(false));
        Ok(())
    })
}

#[test]
fn of_several_objects_an_order_names_one_and_an_inventory_has_them_all() -> Result {
    let (car, trailer) = (Car::default(), Car::default());
    let devices = (car.clone(), trailer.clone());
    let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
        let (car, trailer) = devices.clone();
        vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("VIN:WVWZZZ1JZXW000001", "Maker", "Model")),
            ),
            (
                uri(DevDetail::ROOT),
                Box::new(DevDetail::new("car", "Maker", "1", "1", "1")),
            ),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()]))),
            (uri("./SCOMO"), Box::new(Scomo::new(car, with_nav()))),
            (uri("./Trailer"), Box::new(Scomo::new(trailer, config()))),
        ]
    };
    let bench = Bench::new(
        Disk::default(),
        account(),
        Box::new(objects),
        Encoding::Wbxml,
    )?;
    let mut setup = Setup { bench, car };
    let at = order("t").for_instance(Instance::At(uri("./Trailer")));
    setup.carry_out(1, Invoke::download(game(), URL, at))?;
    assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
    assert_eq!(trailer.done(), [format!("fetch game from {URL}")]);
    assert!(setup.car.done().is_empty());

    setup.bench.push(2, Inventories::new(order("all")).into())?;
    setup.bench.settle()?;
    let Some(AnyOutcome::Inventories(Ok(all))) = setup.outcome(2)? else {
        panic!("nothing was read: {:?}", setup.outcome(2)?);
    };
    let counts: Vec<_> = all
        .iter()
        .map(|contents| {
            let (delivered, deployed) = (contents.delivered.len(), contents.deployed.len());
            (contents.root.as_str(), delivered, deployed)
        })
        .collect();
    assert_eq!(counts, [("./SCOMO", 0, 1), ("./Trailer", 1, 0)]);
    Ok(())
}

#[test]
fn what_a_request_does_not_name_is_not_left_over_from_one_that_failed() {
    for at_permanent_node in [false, true] {
        let config = config().with_permanent_download("game");
        let config = if at_permanent_node {
            config
        } else {
            with_nav()
        };
        each(&config, |setup| {
            let first = game()
                .with_env_type("JVM")
                .with_install_params("--quiet")
                .with_pkg_type("application/zip");
            setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
            setup.carry_out(1, Invoke::download(first, URL, order("1")))?;
            assert_eq!(setup.codes(1)?, ("failed", 0, 1402));
            setup.car.fetches(ResultCode::SUCCESSFUL);
            let second = scomo::server::Package::new("game");
            setup.carry_out(2, Invoke::download(second, URL, order("2")))?;
            assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
            let contents = read(setup, 3, order("r"))?;
            let package = contents.package("game").expect("a package");
            let is_unset = |leaf: &Option<Text>| leaf.as_ref().is_none_or(|leaf| leaf.is_empty());
            assert!(is_unset(&package.env_type), "{package:?}");
            assert!(is_unset(&package.install_params), "{package:?}");
            assert!(is_unset(&package.pkg_type), "{package:?}");
            assert!(is_unset(&package.name), "{package:?}");
            Ok(())
        })
        .unwrap();
    }
}

// ---- checks -------------------------------------------------------------------------------------

#[test]
fn a_component_is_not_activated_twice_unless_the_server_does_not_look() -> Result {
    each(&with_nav(), |setup| {
        setup.carry_out(1, Invoke::activate("nav", order("a")))?;
        let messages = setup.bench.exchanges();
        setup.carry_out(2, Invoke::activate("nav", order("b")))?;
        assert_eq!(ended(setup, 2)?, Some(Ended::Unmet(Unmet::AlreadySo)));
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 0));
        assert!(setup.bench.exchanges() > messages, "it was looked at");
        assert!(
            !setup
                .server_sent()
                .iter()
                .skip(messages)
                .any(|sent| sent == "Exec")
        );
        let unchecked = order("c").with_checks(Checks::Off);
        setup.carry_out(3, Invoke::activate("nav", unchecked))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn a_package_whose_content_is_gone_or_never_was_is_not_installed() -> Result {
    each(&config(), |setup| {
        let incomplete = Some(Ended::Unmet(Unmet::Incomplete));
        let failed = ResultCode::INSTALL_FAILED;
        setup.car.cannot_install(failed, PackageIs::Deleted);
        let data = Bytes::from_static(b"package");
        setup.carry_out(1, Invoke::deliver_install(game(), data, order("a")))?;
        setup.car.done();
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        assert_eq!(ended(setup, 2)?, incomplete);
        let messages = setup.bench.exchanges();
        for (id, operation) in [
            (3, Invoke::deliver_install(game(), Bytes::new(), order("c"))),
            (4, Invoke::download(game(), "", order("d"))),
            (5, Invoke::activate("", order("e"))),
        ] {
            setup.carry_out(id, operation)?;
            assert_eq!(ended(setup, id)?, incomplete);
        }
        assert_eq!(setup.bench.exchanges(), messages, "no session is needed");
        assert!(setup.car.done().is_empty());
        Ok(())
    })
}

#[test]
fn what_a_component_does_not_offer_is_unsupported_before_the_user_is_asked() -> Result {
    let config = with_nav().offering([Operation::Activate]);
    each(&config, |setup| {
        setup
            .bench
            .set_user(|_| panic!("nobody is to be asked about that"));
        let asked = order("r").confirmed_by_user("Remove it?", None);
        setup.carry_out(1, Invoke::remove_component("nav", asked))?;
        assert_eq!(ended(setup, 1)?, Some(Ended::Unsupported));
        let known = order("i").offering([Operation::Activate.as_str()]);
        setup.carry_out(2, Invoke::download(game(), URL, known))?;
        assert_eq!(ended(setup, 2)?, Some(Ended::Unsupported));
        Ok(())
    })
}

// ---- combined operations ------------------------------------------------------------------------

fn install_and_activate(order: &Order) -> AnyOperation {
    let install = Invoke::download_install_inactive(game(), URL, order.part(1));
    let parts = [
        AnyOperation::from(install),
        AnyOperation::from(Invoke::activate("game.app", order.part(2))),
        AnyOperation::from(Invoke::activate("game.lib", order.part(3))),
    ];
    AnyOperation::from(Combined::new(Next::OnceSucceeded, parts))
}

/// What no primitive does as a whole: each part after the outcome of the one before, one outcome.
#[test]
fn a_combined_operation_goes_on_once_the_part_before_has_succeeded() -> Result {
    each(&config(), |setup| {
        setup.bench.push(1, install_and_activate(&order("c")))?;
        setup.bench.settle()?;
        assert_eq!(
            setup.car.done(),
            [
                format!("fetch game from {URL}"),
                "install game Inactive".into(),
                "activate game.app".into(),
                "activate game.lib".into(),
            ]
        );
        assert!(setup.is_told_once());
        let (state, _, result, components) = setup.summary(1)?;
        assert_eq!((state, result), ("succeeded", 1200));
        assert!(components.len() >= 4, "of every part: {components:?}");
        Ok(())
    })
}

#[test]
fn a_part_that_fails_leaves_out_the_rest() -> Result {
    each(&config(), |setup| {
        setup.car.fetches(ResultCode::PACKAGE_VALIDATION_FAILED);
        setup.bench.push(1, install_and_activate(&order("c")))?;
        setup.bench.settle()?;
        assert_eq!(setup.car.done(), [format!("fetch game from {URL}")]);
        assert_eq!(setup.codes(1)?, ("failed", 0, 1407));
        let outcome = setup.outcome(1)?;
        let Some(AnyOutcome::Combined(combined)) = &outcome else {
            panic!("no outcome: {outcome:?}");
        };
        assert!(matches!(
            combined.parts.as_slice(),
            [Some(AnyOutcome::Invoke(Outcome::Failed { .. })), None, None]
        ));
        assert!(!setup.bench.queue(|queue| queue.wants_session())?);
        Ok(())
    })
}

#[test]
fn a_power_cut_at_any_step_of_a_combined_operation_doubles_nothing() -> Result {
    let steps = {
        let mut setup = wbxml(config())?;
        setup.bench.push(1, install_and_activate(&order("c")))?;
        setup.bench.settle()?;
        setup.bench.steps()
    };
    for step in 0..steps {
        let mut setup = wbxml(config())?;
        setup.bench.power_cut(step);
        setup.bench.push(1, install_and_activate(&order("c")))?;
        setup.bench.settle()?;
        let done = setup.car.done();
        for what in [
            "install game Inactive",
            "activate game.app",
            "activate game.lib",
        ] {
            let times = done.iter().filter(|done| *done == what).count();
            assert!(times <= 1, "step {step}: {done:?}");
        }
        assert!(setup.is_told_once(), "step {step}");
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200), "step {step}");
    }
    Ok(())
}

// ---- what devices say ---------------------------------------------------------------------------

/// Every form of the final report that is in the field
#[test]
fn a_report_is_understood_in_every_form_that_is_in_the_field() -> Result {
    let plain = "<ResultCode>1200</ResultCode><Identifier>x</Identifier>";
    let rows = [
        (OPERATION_COMPLETE, "text/plain", plain, 1200, Some("x")),
        (OPERATION_COMPLETE, "chr", plain, 1200, Some("x")),
        (OPERATION_COMPLETE, "xml", plain, 1200, Some("x")),
        (OPERATION_COMPLETE_1_1, "chr", plain, 1200, Some("x")),
        (OPERATION_COMPLETE_DRAFT, "chr", plain, 1200, Some("x")),
        (
            "Reversed-Domain-Name: org.openmobilealliance.dm.softwarecomponent.OperationComplete",
            "chr",
            plain,
            1200,
            Some("x"),
        ),
        (
            " urn:oma:at:scomo:1.0:OperationComplete\n",
            "chr",
            plain,
            1200,
            Some("x"),
        ),
        (OPERATION_COMPLETE, "int", "1405", 1405, None),
        (OPERATION_COMPLETE, "int", "200", 1200, None),
        (OPERATION_COMPLETE, "int", "404", 404, None),
        (OPERATION_COMPLETE, "int", "0", 0, None),
        (
            OPERATION_COMPLETE,
            "chr",
            "<ResultCode>1405</ResultCode>",
            1405,
            None,
        ),
        (
            OPERATION_COMPLETE,
            "chr",
            "\n <ResultCode> 1405 </ResultCode><!-- why? -->\n<Identifier> x </Identifier>",
            1405,
            Some("x"),
        ),
        (
            OPERATION_COMPLETE,
            "chr",
            "<![CDATA[<ResultCode>1200</ResultCode><Identifier>x</Identifier>]]>",
            1200,
            Some("x"),
        ),
        (
            OPERATION_COMPLETE,
            "chr",
            "<Result><ResultCode>1501</ResultCode><Identifier>x</Identifier></Result>",
            1501,
            Some("x"),
        ),
        (
            OPERATION_COMPLETE,
            "chr",
            "&lt;ResultCode&gt;1200&lt;/ResultCode&gt;&lt;Identifier&gt;x&lt;/Identifier&gt;",
            1200,
            Some("x"),
        ),
    ];
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for (type_, format, data, result, id) in rows {
            let mut setup = start(with_nav(), Disk::default(), encoding)?;
            setup.bench.leaves_jobs = true;
            setup
                .bench
                .push(1, Invoke::activate("nav", order("c-1")).into())?;
            setup.bench.run_session(Trigger::Server)?;
            let report = Alert {
                code: Some(AlertCode::GENERIC_ALERT),
                correlator: Some("\n  c-1\n".into()),
                items: vec![
                    Item::for_source("./SCOMO/Inventory/Deployed/nav/Operations/Activate")
                        .with_meta(Meta::of_type(type_).with_format(format))
                        .with_data(data),
                ],
                ..Alert::default()
            };
            setup.bench.agent()?.raise("srv1", report, 1)?;
            setup.bench.run_session(Trigger::Client)?;
            let summary = setup.outcome(1)?.map(|outcome| outcome.summary());
            let summary = summary.unwrap_or_else(|| Summary::new(SummaryState::Unknown));
            let code = summary.result.map(StatusCode::as_u16);
            assert_eq!(code, Some(result), "{encoding:?} {type_} {data}");
            let first = summary.components.first();
            let found = first.and_then(|component| component.id.as_deref());
            assert_eq!(found, id, "{encoding:?} {type_} {data}");
        }
    }
    Ok(())
}

#[test]
fn an_unsolicited_report_is_an_event_that_can_be_read() -> Result {
    let mut setup = wbxml(with_nav())?;
    let item = |target: &str, code: u16| Item {
        target: Some(target.into()),
        ..Item::for_source("./SCOMO/Inventory/Delivered/game/Operations/Install")
            .with_meta(Meta::of_type(OPERATION_COMPLETE).with_format("chr"))
            .with_data(format!("<ResultCode>{code}</ResultCode>"))
    };
    let report = Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        items: vec![item("./SCOMO/A", 1200), item("./SCOMO/B", 1406)],
        ..Alert::default()
    };
    setup.bench.agent()?.raise("srv1", report, 1)?;
    setup.bench.run_session(Trigger::Client)?;
    let unclaimed = setup.bench.notices.iter().find_map(|notice| match notice {
        Notice::Unclaimed(alert) => Report::read(alert),
        _ => None,
    });
    let report = unclaimed.expect("a report");
    assert_eq!(report.result, ResultCode::INSTALL_OUT_OF_MEMORY);
    assert_eq!(report.components.len(), 2);
    let requested = report.requested.expect("a primitive");
    assert_eq!(requested.operation, Operation::Install);
    assert_eq!(requested.node, "game");
    Ok(())
}

// ---- who asks -----------------------------------------------------------------------------------

const ASK: &str = "com.example.scomo.request";

/// A shop: what a device asks for is installed, and who opens a session is looked at.
struct Shop {
    decision: Decision,
    looks: bool,
}

impl Desk<AnyOperation> for Shop {
    fn request_types(&self) -> RequestTypes {
        RequestTypes::of_device([ASK])
    }

    fn understand(&mut self, asked: &DeviceRequest) -> Understood<AnyOperation> {
        if asked.type_.is_none() {
            return match self.looks {
                true => {
                    let look = Inventory::new(order("look"));
                    Understood::Operations(vec![(1, look.into())])
                }
                false => Understood::NotARequest,
            };
        }
        let requested = asked.subjects.iter().find_map(Requested::of);
        match requested.map(|requested| requested.operation) {
            Some(Operation::DownloadInstall) => {
                let install = Invoke::download_install(game(), URL, order("asked"));
                Understood::Operations(vec![(2, install.into())])
            }
            _ => Understood::Refused(Refusal::Unintelligible),
        }
    }

    fn decide(&mut self, _: &Request<'_, AnyOperation>) -> Decision {
        self.decision
    }
}

/// SCOMO AD 5.4.3, alternative 1: the device asks, the server decides.
#[test]
fn a_device_asks_its_server_for_an_operation() -> Result {
    let refused = Decision::Refused(Refusal::NotEntitled);
    for (decision, expected) in [(Decision::Now, 200), (Decision::Later, 202), (refused, 403)] {
        each(&config(), |setup| {
            setup.bench.set_desk(Shop {
                decision,
                looks: false,
            });
            let node = uri("./SCOMO/Download/game");
            let alert = alert::request(&node, Operation::DownloadInstall, ASK, "2.0");
            setup.bench.agent()?.raise("srv1", alert, 1)?;
            setup.bench.run_session(Trigger::Client)?;
            let answered = setup.bench.notices.iter().find_map(|notice| match notice {
                Notice::Requested { status, .. } => *status,
                _ => None,
            });
            assert_eq!(answered.map(StatusCode::as_u16), Some(expected));
            let is_now = !setup.car.done().is_empty();
            assert_eq!(is_now, decision == Decision::Now);
            setup.bench.settle()?;
            match decision {
                Decision::Refused(_) => assert_eq!(setup.outcome(2)?, None),
                _ => assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200)),
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The interoperable form: a session opened with 1201, in which the server reads and decides.
#[test]
fn a_session_that_the_device_opens_is_a_request_too() -> Result {
    each(&with_nav(), |setup| {
        setup.bench.set_desk(Shop {
            decision: Decision::Now,
            looks: true,
        });
        setup.bench.run_session(Trigger::Client)?;
        let Some(AnyOutcome::Inventory(Ok(contents))) = setup.outcome(1)? else {
            panic!("nothing was read: {:?}", setup.outcome(1)?);
        };
        assert!(contents.component("nav").is_some());
        // One that it was called to is not.
        setup.bench.queue(|queue| queue.remove(1))?;
        setup.bench.run_session(Trigger::Server)?;
        assert_eq!(setup.outcome(1)?, None);
        Ok(())
    })
}

#[test]
fn two_server_processes_with_the_same_message_install_once() -> Result {
    each(&config(), |setup| {
        setup.bench.rivals = true;
        setup.bench.set_user(|_| UserReply::Yes);
        let asked = order("i").confirmed_by_user("Install?", None);
        let data = Bytes::from_iter((0..=255).cycle().take(20_000));
        setup.carry_out(1, Invoke::deliver_install(game(), data, asked))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.car.done(), ["install game of 20000 octets Active"]);
        assert!(setup.is_told_once());
        Ok(())
    })
}
