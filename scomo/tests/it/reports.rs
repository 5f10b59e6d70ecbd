//! The final report: what it looks like, and what else is understood.

use dm_proto::{
    Data,
    auth::Side,
    codec::Encoding,
    message::{Alert, Command, Item, Meta, SyncMl},
    session::Trigger,
};
use dm_tree::{object::Job, remote::Notice, testing::Disk};
use scomo::{
    OPERATION_COMPLETE, OPERATION_COMPLETE_1_1, OPERATION_COMPLETE_DRAFT, ResultCode,
    device::{Component, Config, Request},
    server::{AnyOperation, Invoke},
};

use crate::support::{Result, Setup, URL, config, each, each_way, game, order, start};

/// The generic alerts that the device sent.
fn reports(setup: &Setup) -> Vec<Alert> {
    let alerts = |message: &SyncMl| -> Vec<Alert> {
        let alerts = message.commands.iter().filter_map(|command| match command {
            Command::Alert(alert) if alert.code.is_some_and(|code| code.as_u16() == 1226) => {
                Some(alert.clone())
            }
            _ => None,
        });
        alerts.collect()
    };
    let sent = setup.bench.transcript.iter();
    sent.filter(|(side, _)| *side == Side::Client)
        .flat_map(|(_, message)| alerts(message))
        .collect()
}

/// Source, target, type, format, mark and data of an item.
fn told(item: &Item) -> [String; 6] {
    let meta = item.meta.as_deref().cloned().unwrap_or_default();
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        text(item.source_uri().map(|uri| uri.as_str())),
        text(item.target_uri().map(|uri| uri.as_str())),
        text(meta.type_.as_deref()),
        text(meta.format.as_deref()),
        text(meta.mark.as_deref()),
        text(item.data.as_ref().and_then(Data::as_str)),
    ]
}

fn of(code: u16, id: &str) -> String {
    format!("<ResultCode>{code}</ResultCode><Identifier>{id}</Identifier>")
}

#[test]
fn one_alert_has_an_item_for_each_component_with_where_it_is_now() -> Result {
    each(&config(), |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("job-19")))?;
        let reports = reports(setup);
        let [report] = &reports[..] else {
            panic!("{reports:?}");
        };
        assert_eq!(
            report.correlator.as_ref().map(|c| c.as_str()),
            Some("job-19")
        );
        let expected = ["app", "lib"].map(|part| {
            [
                "./SCOMO/Download/game/Operations/DownloadInstall".into(),
                format!("./SCOMO/Inventory/Deployed/game.{part}"),
                OPERATION_COMPLETE.into(),
                "text/plain".into(),
                "informational".into(),
                of(1200, &format!("game.{part}")),
            ]
        });
        let items: Vec<_> = report.items.iter().map(told).collect();
        assert_eq!(items, expected);
        Ok(())
    })
}

#[test]
fn a_report_names_the_package_where_it_is_now() -> Result {
    for (result, target, mark) in [
        (
            ResultCode::SUCCESSFUL,
            "Inventory/Delivered",
            "informational",
        ),
        (ResultCode::DOWNLOAD_FAILED, "Download", "critical"),
        (ResultCode::USER_CANCELLED, "Download", "warning"),
    ] {
        each(&config(), |setup| {
            setup.car.fetches(result);
            setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
            let reports = reports(setup);
            let items: Vec<_> = reports.iter().flat_map(|report| &report.items).collect();
            let [item] = items[..] else {
                panic!("{items:?}");
            };
            let [source, found, _, _, found_mark, data] = told(item);
            assert_eq!(source, "./SCOMO/Download/game/Operations/Download");
            assert_eq!(found, format!("./SCOMO/{target}/game"));
            assert_eq!(found_mark, mark);
            assert_eq!(data, of(result.as_u16(), "game"));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn type_format_and_mark_of_a_report_are_configurable() -> Result {
    let mut config = config();
    config.report.alert_type = OPERATION_COMPLETE_1_1.into();
    config.report.format = "chr".into();
    config.report.marks = None;
    each(&config, |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        let reports = reports(setup);
        let items: Vec<_> = reports.iter().flat_map(|report| &report.items).collect();
        let [_, _, type_, format, mark, _] = told(items[0]);
        assert_eq!(
            [&*type_, &format, &mark],
            [OPERATION_COMPLETE_1_1, "chr", "-"]
        );
        Ok(())
    })
}

#[test]
fn a_report_is_the_same_every_time_it_is_sent() -> Result {
    let mut setup = accepted(&config())?;
    let job = setup.bench.left.pop().expect("a job is left");
    let request = Request::of(&job).expect("it is ours");
    let outcome = request.outcome(ResultCode::SUCCESSFUL);
    setup.bench.agent()?.complete(job.id, outcome, 1)?;
    setup.bench.configure(|config| config.retries = 0)?;
    let next = setup.bench.exchanges() + 1;
    setup
        .bench
        .fault(next, dm_proto::testing::Fault::LoseAnswer);
    setup.bench.settle()?;
    let sent: Vec<_> = reports(&setup)
        .into_iter()
        .map(|report| (report.correlator, report.items))
        .collect();
    assert!(sent.len() > 1, "{sent:?}");
    assert!(sent.iter().all(|report| *report == sent[0]), "{sent:?}");
    assert!(setup.is_told_once());
    Ok(())
}

// ---- what else is understood ----------------------------------------------------------------------

/// A device that has accepted a download, and is going to report on it.
fn accepted(config: &Config) -> Result<Setup> {
    let mut setup = start(config.clone(), Disk::default(), Encoding::Wbxml)?;
    let download = Invoke::download(game(), URL, order("c-1"));
    setup.bench.push(1, AnyOperation::Invoke(download))?;
    setup.bench.leaves_jobs = true;
    setup.bench.run_session(Trigger::Server)?;
    Ok(setup)
}

/// What the server makes of a report that another implementation would send.
fn read(job: impl FnOnce(&Job) -> Alert) -> Result<(&'static str, u16, Vec<String>)> {
    let mut setup = accepted(&config())?;
    let left = setup.bench.left.pop().expect("a job is left");
    let alert = job(&left);
    setup.bench.agent()?.raise("srv1", alert, 1)?;
    setup.bench.settle()?;
    let (state, _, result, components) = setup.summary(1)?;
    Ok((state, result, components))
}

fn alert(job: &Job, meta: Meta, data: impl Into<Data>) -> Alert {
    Alert {
        code: Some(dm_proto::AlertCode::GENERIC_ALERT),
        correlator: job.correlator.clone(),
        items: vec![
            Item::for_source(job.node.as_str())
                .with_meta(meta)
                .with_data(data.into()),
        ],
        ..Alert::default()
    }
}

#[test]
fn the_data_of_a_report_is_read_in_all_its_forms() -> Result {
    for (data, id) in [
        (&*of(1200, "game"), "game"),
        (
            "  <ResultCode> 1200 </ResultCode>\r\n\t<Identifier>game</Identifier>\n",
            "game",
        ),
        (
            "<ResultCode>1200</ResultCode><!-- done --><Identifier>game</Identifier>",
            "game",
        ),
        (
            "<!-- done --><Identifier>game</Identifier><ResultCode>1200</ResultCode>",
            "game",
        ),
        ("<ResultCode>1200</ResultCode>", "?"),
        (
            "<Identifier>a&amp;b</Identifier><ResultCode>1200</ResultCode>",
            "a&b",
        ),
        ("1200", "?"),
        (" 1200\n", "?"),
    ] {
        let meta = Meta::of_type(OPERATION_COMPLETE).with_format("text/plain");
        let (state, result, components) = read(|job| alert(job, meta, data))?;
        assert_eq!((state, result), ("succeeded", 1200), "{data}");
        assert_eq!(components, [format!("{id} at ?")], "{data}");
    }
    Ok(())
}

#[test]
fn a_report_is_known_by_any_of_its_types_in_any_format() -> Result {
    let prefixed = format!("\n Reversed-Domain-Name: {OPERATION_COMPLETE_DRAFT}");
    for type_ in [
        OPERATION_COMPLETE,
        OPERATION_COMPLETE_1_1,
        OPERATION_COMPLETE_DRAFT,
        &prefixed,
        " urn:oma:at:scomo:1.0:OperationComplete\n",
    ] {
        for format in [
            Some("text/plain"),
            Some("chr"),
            Some("xml"),
            Some("int"),
            None,
        ] {
            let mut meta = Meta::of_type(type_);
            meta.format = format.map(Into::into);
            let (state, result, _) = read(|job| alert(job, meta, of(1200, "game")))?;
            assert_eq!((state, result), ("succeeded", 1200), "{type_} {format:?}");
        }
    }
    Ok(())
}

#[test]
fn result_codes_of_vendors_are_read_by_their_hundreds() -> Result {
    for (code, expected) in [
        (1250, "succeeded"),
        (1299, "succeeded"),
        (1450, "failed"),
        (1499, "failed"),
        (1550, "failed"),
        (1599, "failed"),
    ] {
        let meta = Meta::of_type(OPERATION_COMPLETE).with_format("chr");
        let (state, result, _) = read(|job| alert(job, meta, of(code, "game")))?;
        assert_eq!((state, result), (expected, code));
    }
    Ok(())
}

#[test]
fn a_report_may_come_as_several_items_or_alerts_and_a_padded_correlator() -> Result {
    let meta = || Meta::of_type(OPERATION_COMPLETE).with_format("chr");
    let (state, result, components) = read(|job| {
        let mut report = alert(job, meta(), of(1200, "game.app"));
        let failed = alert(job, meta(), of(1405, "game.lib"));
        report.items.extend(failed.items);
        report.correlator = Some("\r\n  c-1\r\n".into());
        report
    })?;
    assert_eq!((state, result), ("failed", 1405));
    assert_eq!(components, ["game.app at ?", "game.lib at ?"]);
    Ok(())
}

#[test]
fn a_job_that_later_software_cannot_read_is_reported_as_unknown() -> Result {
    let mut setup = accepted(&config())?;
    let job = setup.bench.left.pop().expect("a job is left");
    let memo = b"another form".to_vec();
    setup.bench.agent()?.note(job.id, 0, memo, 1)?;
    setup.bench.leaves_jobs = false;
    setup.bench.power_up()?;
    setup.bench.settle()?;
    assert_eq!(setup.codes(1)?, ("failed", 0, 1412));
    assert!(setup.car.done().is_empty(), "nothing was done");
    // The place is free for another one.
    let download = Invoke::download(game(), URL, order("c-2"));
    setup.carry_out(2, download)?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    Ok(())
}

#[test]
fn a_report_that_takes_several_messages_is_one_outcome_with_every_component() -> Result {
    each_way(&config(), |setup| {
        setup
            .bench
            .configure(|config| config.session.max_msg_size = 8192)?;
        let components = (0..200).map(|number| Component::new(format!("component {number}")));
        setup.car.updates(components.collect(), Vec::new());
        setup.carry_out(1, Invoke::download_install(game(), URL, order("many")))?;
        let (state, _, code, components) = setup.summary(1)?;
        assert_eq!((state, code), ("succeeded", 1200));
        let is_reported = setup
            .bench
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Accepted(_)));
        assert_eq!(components.len(), if is_reported { 200 } else { 0 });
        assert!(setup.is_told_once());
        let is_late = |notice: &Notice| matches!(notice, Notice::Late { .. });
        assert!(!setup.bench.notices.iter().any(is_late));
        Ok(())
    })
}
