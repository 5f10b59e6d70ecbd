//! What vendors add below `Operations/Ext` and `Ext` of packages, components and the object.

use dm_proto::{codec::Encoding, session::Verb, testing::Fault};
use dm_tree::{
    Node, NodeFormat,
    description::{Access, NodeDescription, Occurrence},
    object::Decision,
    remote::Ended,
    testing::Disk,
};
use scomo::{
    Branch, ResultCode,
    device::{Asked, Cause, Component, Config, Consent, Prompts, Reporting, Request, Subject},
    server::{AnyOperation, AnyOutcome, Inventory, Invoke, Outcome, Vendor},
};

use crate::{
    nodes::{children, exec, filled, job, status, tree, value},
    support::{Car, Result, Setup, URL, config, each, each_way, game, order, start, uri},
};

const SCAN: &str = "Operations/Ext/Scan";

/// A note that comes with what it is on, and one that servers add and delete.
fn with_notes(config: Config, branch: Branch) -> Config {
    let note = |name| {
        NodeDescription::leaf(name, NodeFormat::Chr)
            .access(Access::ADD | Access::GET | Access::REPLACE | Access::DELETE)
    };
    let added = note("Added").dynamic().occurrence(Occurrence::ZeroOrOne);
    config
        .with_vendor_node_of(branch, note("Note").default_value("new"))
        .with_vendor_node_of(branch, added)
        .with_vendor_node_of(
            branch,
            // Named like a branch, with a job on what is named like a package of it.
            NodeDescription::interior("Download").child(
                NodeDescription::interior("x").child(
                    NodeDescription::leaf("Status", NodeFormat::Int)
                        .access(Access::GET | Access::REPLACE)
                        .default_value("30"),
                ),
            ),
        )
}

fn vendors_config() -> Config {
    let check = NodeDescription::leaf("CheckNow", NodeFormat::Null).access(Access::EXEC);
    let mut config = config()
        .with_permanent_download("slot")
        .with_components([Component::new("nav").with_version("1")])
        .with_vendor_node(check);
    for branch in Branch::ALL {
        config = with_notes(config, branch).with_vendor_operation(branch, "Scan");
    }
    config
}

// ---- operations -----------------------------------------------------------------------------------

#[test]
fn a_vendor_operation_is_run_and_reported_like_the_others() -> Result {
    each_way(&vendors_config(), |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        setup.car.done();
        let slot = Branch::Download;
        let operations = [
            (
                Vendor::new(slot, "slot", SCAN, order("b")),
                " at ./SCOMO/Download/slot",
                "do Operations/Ext/Scan on ",
            ),
            (
                Vendor::new(Branch::Delivered, "game", SCAN, order("c")),
                "game at ./SCOMO/Inventory/Delivered/game",
                "do Operations/Ext/Scan on game",
            ),
            (
                Vendor::new(Branch::Deployed, "nav", SCAN, order("d")),
                "nav at ./SCOMO/Inventory/Deployed/nav",
                "do Operations/Ext/Scan on nav",
            ),
            (
                Vendor::of_object("Ext/CheckNow", order("e")),
                "",
                "do Ext/CheckNow on the object",
            ),
        ];
        let before = everything(setup)?;
        for (id, (operation, reported, done)) in (2..).zip(operations) {
            let code = if id % 2 == 0 { 1250 } else { 1450 };
            setup.car.ends_with(ResultCode::new(code));
            setup.carry_out(id, operation)?;
            let (state, status, result, components) = setup.summary(id)?;
            let expected = if id % 2 == 0 { "succeeded" } else { "failed" };
            assert_eq!((state, status, result), (expected, 0, code));
            assert_eq!(setup.car.done(), [done]);
            // The result may have come in the status, which tells of no component.
            if let [component] = components.as_slice() {
                assert!(component.ends_with(reported), "{component} {reported}");
            }
        }
        assert_eq!(everything(setup)?, before, "nothing else has changed");
        Ok(())
    })
}

/// Statuses, States, and what is there.
fn everything(setup: &mut Setup) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for branch in Branch::ALL {
        for name in setup.children(branch.path())? {
            let node = format!("{branch}/{name}");
            for leaf in setup.children(&node)? {
                let path = format!("{node}/{leaf}");
                let value = setup.value(&path)?;
                let below = setup.children(&path)?.join(" ");
                all.push(format!("{path}={value} {below}"));
            }
        }
    }
    Ok(all)
}

#[test]
fn a_vendor_operation_is_asked_about_and_put_off_like_the_others() -> Result {
    let config = vendors_config().with_prompts(Prompts::ALL);
    each_way(&config, |setup| {
        let scan = |correlator| Vendor::new(Branch::Deployed, "nav", SCAN, order(correlator));
        setup.car.user_answers([Consent::No]);
        setup.carry_out(1, scan("a"))?;
        assert_eq!(setup.codes(1)?, ("declined", 0, 1401));
        assert_eq!(setup.car.done(), ["ask Vendor nav"]);
        setup.car.puts_off([Cause::Battery]);
        setup.carry_out(2, scan("b"))?;
        assert_eq!(setup.outcome(2)?, None);
        setup.bench.power_up()?;
        let job = setup.bench.agent()?.deferred_jobs().next().cloned();
        let job = job.expect("it is put off");
        let request = Request::of(&job).expect("it is ours");
        assert_eq!(request.asked, Asked::Vendor(SCAN.into()));
        setup.bench.agent()?.take_up(job.id, 5)?;
        setup.bench.settle()?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        let done = [
            "ask Vendor nav".to_owned(),
            format!("not now: do {SCAN} on nav"),
            format!("do {SCAN} on nav"),
        ];
        assert_eq!(setup.car.done(), done, "not asked again, not resumed");
        Ok(())
    })
}

#[test]
fn a_lost_or_doubled_message_or_a_power_cut_performs_a_vendor_operation_once() -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let run = |change: &dyn Fn(&mut Setup)| -> Result<Setup> {
            let config = vendors_config().with_reporting(reporting);
            let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
            let scan = Vendor::new(Branch::Deployed, "nav", SCAN, order("a"));
            setup.bench.push(1, AnyOperation::Vendor(scan))?;
            change(&mut setup);
            setup.bench.settle()?;
            if setup.outcome(1)?.is_none() {
                setup.bench.queue(|queue| queue.session_lost())?;
                setup.bench.settle()?;
            }
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200), "{reporting:?}");
            assert!(setup.is_told_once(), "{reporting:?}");
            assert_eq!(setup.value("Inventory/Deployed/nav/Ext/Jobs")?, "missing");
            Ok(setup)
        };
        let whole = run(&|_| ())?;
        let once = format!("do {SCAN} on nav");
        for exchange in 1..=whole.bench.exchanges() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::RepeatRequest] {
                let setup = run(&|setup| setup.bench.fault(exchange, fault))?;
                assert_eq!(setup.car.done(), [once.as_str()], "{fault:?} at {exchange}");
            }
        }
        for step in 0..whole.bench.steps() {
            let setup = run(&|setup| setup.bench.power_cut(step))?;
            let done = setup.car.done();
            let without_again: Vec<_> = done
                .iter()
                .map(|what| what.trim_end_matches(" again"))
                .collect();
            assert_eq!(without_again, [once.as_str()], "{step}");
        }
    }
    Ok(())
}

#[test]
fn a_vendor_operation_that_is_not_there_is_unsupported() -> Result {
    each(&vendors_config(), |setup| {
        let nope = Vendor::new(Branch::Deployed, "nav", "Operations/Ext/Nope", order("a"));
        setup.carry_out(1, nope)?;
        let nobody = Vendor::new(Branch::Deployed, "nobody", SCAN, order("b"));
        setup.carry_out(2, nobody)?;
        setup.carry_out(3, Vendor::of_object("Ext/Nope", order("c")))?;
        setup.carry_out(4, Vendor::of_object("Inventory/Ext", order("d")))?;
        for (id, ended) in [
            (1, Ended::Unsupported),
            (2, Ended::NotFound),
            (3, Ended::Unsupported),
        ] {
            let outcome = setup.outcome(id)?;
            let expected = AnyOutcome::Vendor(Outcome::Ended(ended));
            assert_eq!(outcome, Some(expected), "{id}");
        }
        assert!(matches!(
            setup.outcome(4)?,
            Some(AnyOutcome::Vendor(Outcome::Ended(Ended::Unmet(_))))
        ));
        assert!(setup.car.done().is_empty());
        Ok(())
    })
}

#[test]
fn what_a_vendor_declared_is_executed_by_who_may_and_nothing_else_is() {
    let tree = &mut filled(vendors_config());
    for (server, path, expected) in [
        ("srv1", "Download/d/Operations/Ext/Scan", 202),
        ("srv1", "Inventory/Delivered/p/Operations/Ext/Scan", 202),
        ("srv1", "Inventory/Deployed/c/Operations/Ext/Scan", 202),
        ("srv1", "Ext/CheckNow", 202),
        ("srv2", "Inventory/Deployed/c/Operations/Ext/Scan", 425),
        ("srv2", "Ext/CheckNow", 425),
        ("srv1", "Inventory/Deployed/c/Operations/Ext/Nope", 404),
        ("srv1", "Inventory/Deployed/c/Operations/Ext", 405),
        ("srv1", "Inventory/Deployed/c/Ext/Note", 405),
        ("srv1", "Inventory/Deployed/c/Ext", 405),
    ] {
        assert_eq!(exec(tree, server, path), expected, "{server} {path}");
    }
    // A vendor's needs nothing of a package but its node.
    assert_eq!(
        status(tree, "srv1", Verb::Add, "/Download/empty", None),
        200
    );
    assert_eq!(
        exec(tree, "srv1", "Download/empty/Operations/Ext/Scan"),
        202
    );
    let mut asked = job("srv1", "Inventory/Delivered/p/Operations/Ext/Scan");
    assert_eq!(tree.begin(1).decide(&mut asked), Decision::Accept);
    let Some(Subject::Package(package)) = Request::of(&asked).map(|request| request.subject) else {
        panic!("a package");
    };
    assert_eq!(package.data.as_deref(), Some(&b"content"[..]));
}

#[test]
fn what_a_vendor_operation_is_on_is_neither_changed_nor_deleted() {
    let mut tree = filled(vendors_config());
    for node in ["Download/d", "Inventory/Delivered/p"] {
        let mut scan = job("srv1", &format!("{node}/{SCAN}"));
        let mut transaction = tree.begin(1);
        assert_eq!(transaction.decide(&mut scan), Decision::Accept);
        transaction.commit().expect("committed");
        let name = format!("/{node}/Name");
        let note = format!("/{node}/Ext/Note");
        let node = format!("/{node}");
        assert_eq!(
            status(&mut tree, "srv1", Verb::Replace, &name, Some("n")),
            403
        );
        assert_eq!(status(&mut tree, "srv1", Verb::Delete, &node, None), 403);
        // A vendor's own is the vendor's to see to.
        assert_eq!(
            status(&mut tree, "srv1", Verb::Replace, &note, Some("n")),
            200
        );
        let request = Request::of(&scan).expect("it is ours");
        let mut transaction = tree.begin(2);
        transaction.finish(&scan, &request.outcome(ResultCode::SUCCESSFUL));
        transaction.commit().expect("committed");
        assert_eq!(
            status(&mut tree, "srv1", Verb::Replace, &name, Some("n")),
            200
        );
        assert_eq!(status(&mut tree, "srv1", Verb::Delete, &node, None), 200);
    }
}

#[test]
fn a_primitive_behind_a_vendor_operation_waits_for_it() -> Result {
    let config = vendors_config();
    each(&config, |setup| {
        setup.car.puts_off([Cause::Battery]);
        let scan = Vendor::new(Branch::Deployed, "nav", SCAN, order("a"));
        setup.carry_out(1, scan)?;
        setup.carry_out(2, Invoke::remove_component("nav", order("b")))?;
        assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "10");
        let job = setup
            .bench
            .agent()?
            .deferred_jobs()
            .next()
            .map(|job| job.id);
        setup.bench.agent()?.take_up(job.expect("put off"), 5)?;
        setup.bench.settle()?;
        let done = setup.car.done();
        assert_eq!(
            done.last().map(String::as_str),
            Some("remove component nav")
        );
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
        Ok(())
    })
}

#[test]
fn more_operations_than_may_be_open_are_1400() -> Result {
    let mut config = vendors_config();
    config.max_open = 1;
    each(&config, |setup| {
        setup.car.puts_off([Cause::Battery]);
        setup.carry_out(1, Vendor::of_object("Ext/CheckNow", order("a")))?;
        setup.carry_out(2, Invoke::activate("nav", order("b")))?;
        assert_eq!(setup.codes(2)?, ("failed", 0, 1400));
        assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "10");
        let job = setup
            .bench
            .agent()?
            .deferred_jobs()
            .next()
            .map(|job| job.id);
        setup.bench.agent()?.take_up(job.expect("put off"), 5)?;
        setup.bench.settle()?;
        setup.carry_out(3, Invoke::activate("nav", order("c")))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

// ---- nodes ----------------------------------------------------------------------------------------

#[test]
fn vendor_nodes_come_with_what_they_are_on_and_servers_write_what_they_may() {
    let tree = &mut filled(vendors_config());
    for node in [
        "Download/d",
        "Download/slot",
        "Inventory/Delivered/p",
        "Inventory/Deployed/c",
    ] {
        let path = |leaf: &str| format!("/{node}/Ext/{leaf}");
        assert_eq!(
            value(tree, &path("Note")[1..]).as_deref(),
            Some("new"),
            "{node}"
        );
        let mut write = |verb, leaf: &str, data| status(tree, "srv1", verb, &path(leaf), data);
        assert_eq!(write(Verb::Replace, "Note", Some("old")), 200, "{node}");
        assert_eq!(
            write(Verb::Replace, "Note", Some("forbidden")),
            403,
            "{node}"
        );
        assert_eq!(write(Verb::Delete, "Note", None), 405, "{node}: permanent");
        assert_eq!(write(Verb::Add, "Added", Some("a")), 200, "{node}");
        assert_eq!(write(Verb::Delete, "Added", None), 200, "{node}");
        assert_eq!(write(Verb::Add, "Nope", Some("a")), 405, "{node}");
        assert_eq!(write(Verb::Add, "Jobs", Some("1")), 405, "{node}: ours");
        // Named like a branch, and none.
        assert_eq!(
            write(Verb::Replace, "Download/x/Status", Some("50")),
            200,
            "{node}"
        );
        assert_eq!(
            value(tree, &path("Note")[1..]).as_deref(),
            Some("old"),
            "{node}"
        );
        let name = format!("/{node}/Ext");
        assert_eq!(
            status(tree, "srv1", Verb::Delete, &name, None),
            405,
            "{node}"
        );
    }
}

#[test]
fn vendor_nodes_stay_with_what_they_are_on_whatever_becomes_of_it() -> Result {
    each_way(&vendors_config(), |setup| {
        let delivered = "Inventory/Delivered/game/Ext/Note";
        let deployed = "Inventory/Deployed/game.app/Ext/Note";
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.value(delivered)?, "new");
        assert_eq!(setup.value(deployed)?, "new");
        for (path, note) in [(delivered, "of a package"), (deployed, "of a component")] {
            let mut transaction = setup.bench.agent()?.begin(1);
            let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
            edit.set(path, note).expect("written");
            transaction.commit().expect("committed");
        }
        let operations = [
            Invoke::deactivate("game.app", order("b")),
            Invoke::activate("game.app", order("c")),
            // Content in the tree instead of what was fetched, and back: an update each time.
            Invoke::install("game", order("d")),
        ];
        for (id, operation) in (2..).zip(operations) {
            setup.carry_out(id, operation)?;
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200), "{id}");
            setup.bench.power_up()?;
            assert_eq!(setup.value(delivered)?, "of a package", "{id}");
            assert_eq!(setup.value(deployed)?, "of a component", "{id}");
        }
        // A failed installation that loses the package takes away what is ours, and nothing else.
        let deleted = scomo::device::PackageIs::Deleted;
        setup
            .car
            .cannot_install(ResultCode::INSTALL_FAILED, deleted);
        setup.carry_out(6, Invoke::install("game", order("e")))?;
        assert_eq!(setup.codes(6)?, ("failed", 0, 1405));
        assert_eq!(setup.value(delivered)?, "of a package");
        assert_eq!(
            setup.children("Inventory/Delivered/game/Ext")?,
            ["Download", "Note"]
        );
        // Fetched again: nobody has written a note there.
        setup.carry_out(7, Invoke::download(game(), URL, order("f")))?;
        assert_eq!(setup.codes(7)?, ("succeeded", 0, 1200));
        assert_eq!(setup.value(delivered)?, "of a package");
        assert_eq!(setup.value(deployed)?, "of a component");
        Ok(())
    })
}

#[test]
fn what_is_written_to_vendor_nodes_of_a_download_goes_with_the_package() -> Result {
    let config = with_notes(config(), Branch::Download);
    let alike = with_notes(config.clone(), Branch::Delivered);
    for (config, note, added) in [(config, "missing", "missing"), (alike, "of 1", "too")] {
        each(&config, |setup| {
            for id in [1, 2] {
                setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
                let correlator = format!("a{id}");
                let download = Invoke::download(game(), URL, order(&correlator));
                setup.carry_out(id, download)?;
                let mut transaction = setup.bench.agent()?.begin(1);
                let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
                if id == 1 {
                    edit.set("Download/game/Ext/Note", "of 1").expect("written");
                } else {
                    let node = Node::leaf(NodeFormat::Chr, "too");
                    edit.put("Download/game/Ext/Added", node).expect("written");
                }
                transaction.commit().expect("committed");
                setup.car.fetches(ResultCode::SUCCESSFUL);
                let correlator = format!("b{id}");
                let download = Invoke::download(game(), URL, order(&correlator));
                setup.carry_out(10 + id, download)?;
                assert_eq!(setup.codes(10 + id)?, ("succeeded", 0, 1200));
            }
            assert_eq!(setup.value("Inventory/Delivered/game/Ext/Note")?, note);
            assert_eq!(setup.value("Inventory/Delivered/game/Ext/Added")?, added);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_vendors_add_later_comes_into_being_with_the_next_start() {
    let disk = Disk::default();
    let open = |config: &Config| {
        let object = scomo::device::Scomo::new(Car::default(), config.clone());
        let objects: Vec<(_, Box<dyn dm_tree::object::ManagementObject>)> =
            vec![(uri("./SCOMO"), Box::new(object))];
        let store = Box::new(disk.clone());
        let settings = dm_tree::agent::AgentConfig::default();
        dm_tree::agent::Agent::open(store, objects, settings, 1).expect("opened")
    };
    let plain = config().with_components([Component::new("nav")]);
    drop(open(&plain));
    let newer = with_notes(plain, Branch::Deployed).with_vendor_operation(Branch::Deployed, "Scan");
    let mut agent = open(&newer);
    let transaction = agent.begin(2);
    let view = transaction.view();
    let note = uri("./SCOMO/Inventory/Deployed/nav/Ext/Note");
    assert_eq!(view.text(&note).expect("it is there"), "new");
    assert!(
        view.node(&uri(&format!("./SCOMO/Inventory/Deployed/nav/{SCAN}")))
            .is_ok()
    );
}

#[test]
fn without_a_vendor_there_is_no_ext_but_ours_while_it_is_needed() {
    let config = config().with_reporting(Reporting::Synchronous);
    let mut tree = filled(config);
    for node in [
        "/Download/d",
        "/Inventory/Delivered/p",
        "/Inventory/Deployed/c",
    ] {
        let ext = format!("{node}/Ext");
        assert_eq!(
            status(&mut tree, "srv1", Verb::Add, &ext, None),
            405,
            "{node}"
        );
        assert!(!children(&tree, node).contains(&"Ext".to_owned()), "{node}");
    }
    let mut install = job("srv1", "Inventory/Delivered/p/Operations/Install");
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut install), Decision::Now);
    transaction.commit().expect("committed");
    assert_eq!(children(&tree, "/Inventory/Delivered/p/Ext"), ["Jobs"]);
    let request = Request::of(&install).expect("it is ours");
    let kept = scomo::device::PackageIs::Kept;
    let mut transaction = tree.begin(2);
    transaction.finish(&install, &request.failed(ResultCode::INSTALL_FAILED, kept));
    transaction.commit().expect("committed");
    assert!(!children(&tree, "/Inventory/Delivered/p").contains(&"Ext".to_owned()));
}

#[test]
fn an_inventory_shows_what_vendors_have_added() -> Result {
    each(&vendors_config(), |setup| {
        setup.carry_out(1, Inventory::new(order("i")))?;
        let Some(AnyOutcome::Inventory(Ok(contents))) = setup.outcome(1)? else {
            panic!("no inventory");
        };
        let nav = contents.component("nav").expect("a component");
        assert_eq!(nav.operations.vendor, ["Scan"]);
        let ext: Vec<_> = nav
            .ext
            .iter()
            .map(|(path, value)| format!("{path}={value}"))
            .collect();
        assert_eq!(ext, ["Note=new"]);
        Ok(())
    })
}

#[test]
fn a_name_that_is_ours_is_not_a_vendors() {
    let mine = NodeDescription::leaf("Jobs", NodeFormat::Chr)
        .access(Access::GET | Access::REPLACE)
        .default_value("17");
    let config = config()
        .with_components([Component::new("c")])
        .with_vendor_node_of(Branch::Deployed, mine);
    let tree = &mut tree(&config);
    assert_eq!(value(tree, "Inventory/Deployed/c/Ext/Jobs"), None);
    assert_eq!(
        exec(tree, "srv1", "Inventory/Deployed/c/Operations/Activate"),
        202
    );
}
