//! The nodes of the object: which there are, who may do what with them, and what an Exec needs.

use dm_proto::{
    Data, SessionId, StatusCode,
    message::{Item, Meta},
    session::{Execute, Origin, Verb},
};
use dm_tree::{
    Acl, Node, NodeFormat, Right, Transaction, Tree,
    description::{Access, NodeDescription},
    object::{Decision, Job, JobId, Outcome},
    store::Memory,
};
use scomo::{
    Operation, ResultCode,
    device::{Component, Config, PackageIs, Reporting, Request, Scomo, Sink},
    server::Invoke,
};

use crate::support::{Car, Result, URL, config, each, game, order, uri};

/// An object without an agent.
pub(crate) fn tree_at(root: &str, config: &Config, car: &Car) -> Tree {
    let mut tree = Tree::new(Box::new(Memory::default())).at(1);
    let object = Scomo::new(car.clone(), config.clone());
    tree.mount(uri(root), Box::new(object)).expect("mounted");
    tree
}

pub(crate) fn tree(config: &Config) -> Tree {
    tree_at("./SCOMO", config, &Car::default())
}

fn origin() -> Origin {
    Origin {
        session_id: SessionId::from("1"),
        msg_id: "1".into(),
        cmd_id: "1".into(),
        item: 0,
    }
}

/// The status of a command on `path` below the root.
pub(crate) fn status(
    tree: &mut Tree,
    server: &str,
    verb: Verb,
    path: &str,
    data: Option<&str>,
) -> u16 {
    let mut item = Item::for_target(format!("./SCOMO{path}"));
    item.data = data.map(Data::from);
    if data.is_none() && verb == Verb::Add {
        item = item.with_meta(Meta::format("node"));
    }
    let mut transaction = tree.begin(1);
    let answer = transaction.execute(server, &Execute::new(origin(), verb, item));
    if answer.status.is_success() {
        transaction.commit().expect("committed");
    }
    answer.status.as_u16()
}

pub(crate) fn job(server: &str, path: &str) -> Job {
    job_of(1, server, path)
}

pub(crate) fn job_of(id: u64, server: &str, path: &str) -> Job {
    let node = uri(&format!("./SCOMO/{path}"));
    Job::new(JobId(id), server, node, origin())
}

/// The status of deleting `path` below the root.
pub(crate) fn delete(transaction: &mut Transaction<'_>, server: &str, path: &str) -> StatusCode {
    let item = Item::for_target(format!("./SCOMO{path}"));
    let command = Execute::new(origin(), Verb::Delete, item);
    transaction.execute(server, &command).status
}

/// The status with which an Exec is refused, or 202.
pub(crate) fn exec(tree: &mut Tree, server: &str, path: &str) -> u16 {
    let mut transaction = tree.begin(1);
    match transaction.decide(&mut job(server, path)) {
        Decision::Refuse(status) => status.as_u16(),
        _ => 202,
    }
}

pub(crate) fn value(tree: &Tree, path: &str) -> Option<String> {
    let text = tree.view().text(&uri(&format!("./SCOMO/{path}"))).ok()?;
    Some(text.to_string())
}

pub(crate) fn children(tree: &Tree, path: &str) -> Vec<String> {
    let names = tree.view().children(&uri(&format!("./SCOMO{path}")));
    names
        .unwrap_or_default()
        .iter()
        .map(|name| name.to_string())
        .collect()
}

/// A tree in which servers have added a package to each branch, and the device a component.
pub(crate) fn filled(config: Config) -> Tree {
    filled_with(config, Component::new("c").with_version("1"))
}

fn filled_with(config: Config, component: Component) -> Tree {
    let mut tree = tree(&config.with_components([component]));
    for (path, data) in [
        ("/Download/d", None),
        ("/Download/d/PkgID", Some("d")),
        ("/Download/d/PkgURL", Some(URL)),
        ("/Inventory/Delivered/p", None),
        ("/Inventory/Delivered/p/PkgID", Some("p")),
        ("/Inventory/Delivered/p/Data", Some("content")),
    ] {
        assert_eq!(
            status(&mut tree, "srv1", Verb::Add, path, data),
            200,
            "{path}"
        );
    }
    for branch in ["/Download/d", "/Inventory/Delivered/p"] {
        for name in ["Name", "InstallParams", "Description", "EnvType", "PkgType"] {
            let path = format!("{branch}/{name}");
            let added = status(&mut tree, "srv1", Verb::Add, &path, Some("x"));
            assert_eq!(added, 200, "{path}");
        }
    }
    tree
}

#[test]
fn each_node_supports_the_commands_of_its_table_and_no_others() {
    use NodeFormat::{Bin, Chr, Int, Node, Null};
    // Path and format; Get, Replace, Delete, Exec.
    let rows = [
        ("", Node, 200, 405, 405, 405),
        ("/Download", Node, 200, 405, 405, 405),
        ("/Download/d", Node, 200, 405, 200, 405),
        ("/Download/d/PkgID", Chr, 200, 200, 405, 405),
        ("/Download/d/Name", Chr, 200, 200, 405, 405),
        ("/Download/d/PkgURL", Chr, 200, 200, 405, 405),
        ("/Download/d/InstallParams", Chr, 200, 200, 405, 405),
        ("/Download/d/Description", Chr, 200, 200, 405, 405),
        ("/Download/d/Status", Int, 200, 405, 405, 405),
        ("/Download/d/EnvType", Chr, 200, 200, 405, 405),
        ("/Download/d/PkgType", Chr, 200, 200, 405, 405),
        ("/Download/d/Operations", Node, 200, 405, 405, 405),
        ("/Download/d/Operations/Download", Null, 200, 405, 405, 202),
        (
            "/Download/d/Operations/DownloadInstall",
            Null,
            200,
            405,
            405,
            202,
        ),
        (
            "/Download/d/Operations/DownloadInstallInactive",
            Null,
            200,
            405,
            405,
            202,
        ),
        ("/Inventory", Node, 200, 405, 405, 405),
        ("/Inventory/Delivered", Node, 200, 405, 405, 405),
        ("/Inventory/Delivered/p", Node, 200, 405, 200, 405),
        ("/Inventory/Delivered/p/PkgID", Chr, 200, 200, 405, 405),
        ("/Inventory/Delivered/p/Data", Bin, 405, 200, 405, 405),
        ("/Inventory/Delivered/p/Name", Chr, 200, 200, 405, 405),
        (
            "/Inventory/Delivered/p/InstallParams",
            Chr,
            200,
            200,
            405,
            405,
        ),
        (
            "/Inventory/Delivered/p/Description",
            Chr,
            200,
            200,
            405,
            405,
        ),
        ("/Inventory/Delivered/p/Status", Int, 200, 405, 405, 405),
        ("/Inventory/Delivered/p/EnvType", Chr, 200, 200, 405, 405),
        ("/Inventory/Delivered/p/PkgType", Chr, 200, 200, 405, 405),
        ("/Inventory/Delivered/p/State", Int, 200, 405, 405, 405),
        (
            "/Inventory/Delivered/p/Operations",
            Node,
            200,
            405,
            405,
            405,
        ),
        (
            "/Inventory/Delivered/p/Operations/Install",
            Null,
            200,
            405,
            405,
            202,
        ),
        (
            "/Inventory/Delivered/p/Operations/InstallInactive",
            Null,
            200,
            405,
            405,
            202,
        ),
        (
            "/Inventory/Delivered/p/Operations/Remove",
            Null,
            200,
            405,
            405,
            202,
        ),
        ("/Inventory/Deployed", Node, 200, 405, 405, 405),
        ("/Inventory/Deployed/c", Node, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/ID", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/PkgIDRef", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/Name", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/Description", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/Version", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/EnvType", Chr, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/Status", Int, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/State", Int, 200, 405, 405, 405),
        ("/Inventory/Deployed/c/Operations", Node, 200, 405, 405, 405),
        (
            "/Inventory/Deployed/c/Operations/Activate",
            Null,
            200,
            405,
            405,
            202,
        ),
        (
            "/Inventory/Deployed/c/Operations/Deactivate",
            Null,
            200,
            405,
            405,
            202,
        ),
        (
            "/Inventory/Deployed/c/Operations/Remove",
            Null,
            200,
            405,
            405,
            202,
        ),
    ];
    let mut component = Component::new("c").named("x").with_version("1");
    component.pkg_id = Some("x".into());
    component.description = Some("x".into());
    component.env_type = Some("x".into());
    for (path, format, get, replace, delete, executed) in rows {
        let tree = &mut filled_with(config(), component.clone());
        let node = tree.view().node(&uri(&format!("./SCOMO{path}"))).unwrap();
        assert_eq!(node.format, format, "{path}");
        if matches!(format, Chr | Int) {
            assert_eq!(node.type_, "text/plain", "{path}");
        }
        assert_eq!(
            status(tree, "srv1", Verb::Get, path, None),
            get,
            "Get {path}"
        );
        if let Some(path) = path.strip_prefix('/') {
            assert_eq!(exec(tree, "srv1", path), executed, "Exec {path}");
        }
        let replaced = status(tree, "srv1", Verb::Replace, path, Some("10"));
        assert_eq!(replaced, replace, "Replace {path}");
        let deleted = status(tree, "srv1", Verb::Delete, path, None);
        assert_eq!(deleted, delete, "Delete {path}");
    }
}

#[test]
fn the_object_tells_its_identifier() {
    let root = filled(config()).view().node(&uri("./SCOMO")).unwrap();
    assert_eq!(root.type_, scomo::MO_ID);
}

#[test]
fn the_device_adds_status_state_and_primitives_to_what_a_server_adds() {
    let mut tree = tree(&config());
    for (path, expected) in [
        ("/Download/d", &["Operations", "Status"][..]),
        ("/Inventory/Delivered/p", &["Operations", "State", "Status"]),
    ] {
        assert_eq!(status(&mut tree, "srv1", Verb::Add, path, None), 200);
        assert_eq!(children(&tree, path), expected);
        assert_eq!(
            value(&tree, &format!("{}/Status", &path[1..])).as_deref(),
            Some("10")
        );
    }
    assert_eq!(
        children(&tree, "/Download/d/Operations"),
        ["Download", "DownloadInstall", "DownloadInstallInactive"]
    );
    assert_eq!(
        children(&tree, "/Inventory/Delivered/p/Operations"),
        ["Install", "InstallInactive", "Remove"]
    );
    assert_eq!(
        value(&tree, "Inventory/Delivered/p/State").as_deref(),
        Some("10")
    );
}

#[test]
fn a_server_makes_no_components_and_no_nodes_that_are_none() {
    let tree = &mut filled(config());
    for path in [
        "/Inventory/Deployed/x",
        "/Inventory/Deployed/c/PkgIDRef",
        "/Download/d/Data",
        "/Download/d/Version",
        "/Download/d/Operations/Install",
        "/Inventory/Delivered/p/PkgURL",
        "/Nothing",
    ] {
        let added = status(tree, "srv1", Verb::Add, path, Some("x"));
        assert_eq!(added, 405, "{path}");
    }
    let ext = "/Inventory/Delivered/p/Ext";
    assert_eq!(status(tree, "srv1", Verb::Add, ext, None), 405);
    // Names differ by case.
    assert_eq!(status(tree, "srv1", Verb::Get, "/inventory", None), 404);
}

#[test]
fn only_the_servers_that_the_root_names_may_execute_and_write() {
    let config = config().with_reporting(Reporting::Synchronous);
    let tree = &mut filled(config);
    for (server, exec_status, replaced, added) in [("srv1", 202, 200, 200), ("srv2", 425, 425, 425)]
    {
        let primitive = "Inventory/Deployed/c/Operations/Activate";
        assert_eq!(exec(tree, server, primitive), exec_status);
        let path = "/Download/d/PkgURL";
        assert_eq!(
            status(tree, server, Verb::Replace, path, Some(URL)),
            replaced
        );
        let path = format!("/Download/of-{server}");
        assert_eq!(status(tree, server, Verb::Add, &path, None), added);
    }
}

#[test]
fn an_exec_is_refused_in_the_order_missing_forbidden_not_executable_incomplete() {
    let mut config = config();
    config.permanent_downloads.push("slot".into());
    let tree = &mut filled(config);
    assert_eq!(
        status(tree, "srv1", Verb::Add, "/Download/empty", None),
        200
    );
    assert_eq!(status(tree, "srv1", Verb::Add, "/Download/noid", None), 200);
    let path = "/Download/noid/PkgURL";
    assert_eq!(status(tree, "srv1", Verb::Add, path, Some(URL)), 200);
    let path = "/Inventory/Delivered/nodata";
    assert_eq!(status(tree, "srv1", Verb::Add, path, None), 200);
    let path = "/Inventory/Delivered/nodata/PkgID";
    assert_eq!(status(tree, "srv1", Verb::Add, path, Some("n")), 200);
    for (below, data) in [
        ("", None),
        ("/PkgID", Some("t")),
        ("/Data", Some("t")),
        ("/EnvType", Some("toaster")),
    ] {
        let path = format!("/Inventory/Delivered/toaster{below}");
        assert_eq!(status(tree, "srv1", Verb::Add, &path, data), 200);
    }
    for (server, path, expected) in [
        ("srv1", "Download/none/Operations/Download", 404),
        ("srv2", "Download/none/Operations/Download", 404),
        ("srv2", "Download/d/Operations/Download", 425),
        ("srv2", "Download/d/Status", 425),
        ("srv1", "Download/d/Status", 405),
        ("srv1", "Download/d/Operations", 405),
        ("srv1", "Download/d", 405),
        ("srv1", "", 405),
        ("srv1", "Download/empty/Operations/Download", 404),
        ("srv1", "Download/noid/Operations/DownloadInstall", 404),
        ("srv1", "Download/slot/Operations/Download", 404),
        ("srv1", "Inventory/Delivered/nodata/Operations/Install", 404),
        ("srv1", "Inventory/Delivered/nodata/Operations/Remove", 202),
        // For whatever it was made, it can be removed.
        (
            "srv1",
            "Inventory/Delivered/toaster/Operations/Install",
            1413,
        ),
        ("srv1", "Inventory/Delivered/toaster/Operations/Remove", 202),
        ("srv1", "Download/d/Operations/Download", 202),
        (
            "srv1",
            "Inventory/Delivered/p/Operations/InstallInactive",
            202,
        ),
    ] {
        let path = path.trim_end_matches('/');
        let found = if path.is_empty() {
            let mut root = job(server, "x");
            root.node = uri("./SCOMO");
            match tree.begin(1).decide(&mut root) {
                Decision::Refuse(status) => status.as_u16(),
                _ => 202,
            }
        } else {
            exec(tree, server, path)
        };
        assert_eq!(found, expected, "{server} {path}");
    }
}

#[test]
fn the_data_of_an_exec_is_ignored() {
    let mut tree = filled(config());
    let mut memos = Vec::new();
    for argument in [None, Some(Data::from("whatever"))] {
        let mut job = job("srv1", "Download/d/Operations/Download");
        job.argument = argument;
        let mut transaction = tree.begin(1);
        assert_eq!(transaction.decide(&mut job), Decision::Accept);
        memos.push(job.memo);
    }
    assert_eq!(memos.first(), memos.last());
}

#[test]
fn a_node_that_a_job_is_on_is_neither_changed_nor_deleted() {
    let mut tree = filled(config());
    for (primitive, leaf, node) in [
        (
            "Inventory/Delivered/p/Operations/Install",
            "/Inventory/Delivered/p/Data",
            "/Inventory/Delivered/p",
        ),
        (
            "Inventory/Delivered/p/Operations/Remove",
            "/Inventory/Delivered/p/Name",
            "/Inventory/Delivered/p",
        ),
    ] {
        let mut job = job("srv1", primitive);
        let mut transaction = tree.begin(1);
        assert_eq!(transaction.decide(&mut job), Decision::Accept);
        transaction.commit().expect("committed");
        assert_eq!(
            status(&mut tree, "srv1", Verb::Replace, leaf, Some("x")),
            403
        );
        assert_eq!(status(&mut tree, "srv1", Verb::Delete, node, None), 403);
        let request = Request::of(&job).expect("it is ours");
        let outcome = match request.operation() {
            Some(Operation::RemovePackage) => request.outcome(ResultCode::REMOVE_FAILED),
            _ => request.failed(ResultCode::INSTALL_FAILED, PackageIs::Kept),
        };
        let mut transaction = tree.begin(2);
        transaction.finish(&job, &outcome);
        transaction.commit().expect("committed");
        let replaced = status(&mut tree, "srv1", Verb::Replace, leaf, Some("x"));
        assert_eq!(replaced, 200);
    }
}

/// The leaves are the server's: what is there stays until a server changes it, whatever became of the
/// operation before.
#[test]
fn leaves_stay_until_a_server_changes_them() -> Result {
    let config = config().with_permanent_download("slot");
    each(&config, |setup| {
        setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
        let package = game().with_install_params("first");
        setup.carry_out(1, Invoke::download_install(package, URL, order("a")))?;
        assert_eq!(setup.value("Download/game/InstallParams")?, "first");
        // In a permanent node they stay after a success too.
        setup.car.fetches(ResultCode::SUCCESSFUL);
        let mut package = game().at_node("slot").with_install_params("third");
        let install = Invoke::download_install(package.clone(), URL, order("b"));
        setup.carry_out(2, install)?;
        assert_eq!(setup.value("Download/slot/InstallParams")?, "third");
        // A server that does not name them empties them.
        package.install_params = None;
        let install = Invoke::download_install(package, URL, order("c"));
        setup.carry_out(3, install)?;
        assert_eq!(setup.value("Download/slot/InstallParams")?, "");
        Ok(())
    })
}

#[test]
fn a_permanent_download_cannot_be_deleted_and_can_be_tried_again() -> Result {
    let config = config().with_permanent_download("slot");
    let tree = &mut filled(config.clone());
    assert_eq!(
        status(tree, "srv1", Verb::Delete, "/Download/slot", None),
        405
    );
    assert_eq!(status(tree, "srv1", Verb::Add, "/Download/slot", None), 418);
    let url = "/Download/slot/PkgURL";
    assert_eq!(status(tree, "srv1", Verb::Replace, url, Some(URL)), 200);
    each(&config, |setup| {
        setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
        let package = game().at_node("slot");
        setup.carry_out(1, Invoke::download(package.clone(), URL, order("a")))?;
        assert_eq!(setup.value("Download/slot/Status")?, "20");
        setup.car.fetches(ResultCode::SUCCESSFUL);
        setup.carry_out(2, Invoke::download(package, URL, order("b")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert_eq!(setup.value("Download/slot/Status")?, "10");
        Ok(())
    })
}

#[test]
fn new_nodes_take_over_the_acl_of_what_they_came_from() -> Result {
    each(&config(), |setup| {
        setup.car.fetches(ResultCode::DOWNLOAD_FAILED);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let acl = Acl::all(["srv1"]).grant(Right::Get, "auditor");
        let mut transaction = setup.bench.agent()?.begin(1);
        let node = transaction.view().node(&uri("./SCOMO/Download/game"));
        let node = node.expect("it failed, and stays").with_acl(acl.clone());
        let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
        edit.put("Download/game", node).expect("written");
        transaction.commit().expect("committed");
        setup.car.fetches(ResultCode::SUCCESSFUL);
        setup.carry_out(2, Invoke::download_install(game(), URL, order("b")))?;
        let transaction = setup.bench.agent()?.begin(1);
        for path in ["Inventory/Delivered/game", "Inventory/Deployed/game.app"] {
            let node = transaction.view().node(&uri(&format!("./SCOMO/{path}")));
            assert_eq!(node.expect("it is there").acl, acl, "{path}");
        }
        Ok(())
    })
}

#[test]
fn without_an_acl_of_its_own_a_package_leaves_new_nodes_to_the_root() -> Result {
    each(&config(), |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let transaction = setup.bench.agent()?.begin(1);
        for path in ["Inventory/Delivered/game", "Inventory/Deployed/game.app"] {
            let node = uri(&format!("./SCOMO/{path}"));
            assert!(
                transaction
                    .view()
                    .node(&node)
                    .expect("there")
                    .acl
                    .is_empty()
            );
            let acl = transaction.view().effective_acl(&node).expect("there");
            assert!(acl.allows(Right::Exec, "srv1"), "{path}");
            assert!(!acl.allows(Right::Exec, "srv2"), "{path}");
        }
        Ok(())
    })
}

#[test]
fn who_creates_a_package_without_the_right_to_replace_keeps_exec_and_get() {
    let mut tree = tree(&config());
    let mut transaction = tree.begin(1);
    let root = transaction.view().node(&uri("./SCOMO")).expect("mounted");
    let acl = Acl::default()
        .grant(Right::Add, "srv1")
        .grant(Right::Get, "srv1")
        .grant(Right::Exec, "srv1");
    let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
    edit.put("", root.with_acl(acl)).expect("written");
    transaction.commit().expect("committed");
    for (path, data) in [
        ("/Download/d", None),
        ("/Download/d/PkgID", Some("d")),
        ("/Download/d/PkgURL", Some(URL)),
    ] {
        assert_eq!(status(&mut tree, "srv1", Verb::Add, path, data), 200);
    }
    let primitive = "Download/d/Operations/Download";
    assert_eq!(exec(&mut tree, "srv1", primitive), 202);
}

#[test]
fn a_primitive_that_waits_leaves_the_status_of_the_one_that_runs() {
    let mut tree = filled(config());
    for primitive in ["Activate", "Remove"] {
        let path = format!("Inventory/Deployed/c/Operations/{primitive}");
        let mut transaction = tree.begin(1);
        let decision = transaction.decide(&mut job("srv1", &path));
        assert_eq!(decision, Decision::Accept);
        transaction.commit().expect("committed");
        let status = value(&tree, "Inventory/Deployed/c/Status");
        assert_eq!(status.as_deref(), Some("50"), "{primitive}");
    }
}

#[test]
fn a_package_that_is_fetched_again_leaves_the_status_of_the_job_that_is_on_it() {
    let mut tree = filled(config());
    let name = status(
        &mut tree,
        "srv1",
        Verb::Replace,
        "/Download/d/PkgID",
        Some("p"),
    );
    assert_eq!(name, 200);
    let mut install = job("srv1", "Inventory/Delivered/p/Operations/Install");
    let mut download = job("srv1", "Download/d/Operations/Download");
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut install), Decision::Accept);
    assert_eq!(transaction.decide(&mut download), Decision::Accept);
    let request = Request::of(&download).expect("it is ours");
    transaction.finish(&download, &request.outcome(ResultCode::SUCCESSFUL));
    transaction.commit().expect("committed");
    assert_eq!(children(&tree, "/Download"), [""; 0]);
    assert_eq!(
        value(&tree, "Inventory/Delivered/p/Status").as_deref(),
        Some("40")
    );
    // Once it is through, the node is as any other.
    let request = Request::of(&install).expect("it is ours");
    let mut transaction = tree.begin(2);
    transaction.finish(
        &install,
        &request.failed(ResultCode::INSTALL_FAILED, PackageIs::Kept),
    );
    transaction.commit().expect("committed");
    assert_eq!(
        value(&tree, "Inventory/Delivered/p/Status").as_deref(),
        Some("50")
    );
}

#[test]
fn what_a_vendor_calls_like_a_branch_is_none() {
    let leaf =
        |name, format| NodeDescription::leaf(name, format).access(Access::GET | Access::REPLACE);
    let vendor = NodeDescription::interior("Download").child(
        NodeDescription::interior("x")
            .child(leaf("Status", NodeFormat::Int).default_value("30"))
            .child(leaf("Note", NodeFormat::Chr)),
    );
    let mut tree = tree(&config().with_vendor_node(vendor));
    let note = "/Ext/Download/x/Note";
    assert_eq!(
        status(&mut tree, "srv1", Verb::Replace, note, Some("new")),
        200
    );
    assert_eq!(value(&tree, "Ext/Download/x/Note").as_deref(), Some("new"));
}

/// Its Status is still 10.
#[test]
fn a_download_that_is_accepted_and_has_not_begun_is_neither_changed_nor_deleted() {
    let mut tree = filled(config());
    let mut download = job("srv1", "Download/d/Operations/DownloadInstall");
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut download), Decision::Accept);
    transaction.commit().expect("committed");
    assert_eq!(value(&tree, "Download/d/Status").as_deref(), Some("10"));
    assert_eq!(value(&tree, "Download/d/Ext/Jobs").as_deref(), Some("1"));
    for (verb, path, data) in [
        (
            Verb::Replace,
            "/Download/d/PkgURL",
            Some("http://elsewhere"),
        ),
        (Verb::Replace, "/Download/d/PkgID", Some("other")),
        (Verb::Replace, "/Download/d?prop=Name", Some("other")),
        (Verb::Delete, "/Download/d", None),
    ] {
        assert_eq!(status(&mut tree, "srv1", verb, path, data), 403, "{path}");
    }
    // Others are not concerned.
    assert_eq!(
        status(&mut tree, "srv1", Verb::Add, "/Download/e", None),
        200
    );
    let failed = ResultCode::DOWNLOAD_FAILED;
    let request = Request::of(&download).expect("it is ours");
    let mut transaction = tree.begin(2);
    transaction.finish(&download, &request.outcome(failed));
    transaction.commit().expect("committed");
    let path = "/Download/d/PkgURL";
    assert_eq!(
        status(&mut tree, "srv1", Verb::Replace, path, Some("x")),
        200
    );
    assert_eq!(
        status(&mut tree, "srv1", Verb::Delete, "/Download/d", None),
        200
    );
}

#[test]
fn the_integrator_is_told_of_a_download_that_a_server_gives_up() {
    let car = Car::default();
    let tree = &mut tree_at("./SCOMO", &config().with_permanent_download("slot"), &car);
    let fail = |tree: &mut Tree, name: &str| {
        let mut download = job("srv1", &format!("Download/{name}/Operations/Download"));
        let mut transaction = tree.begin(1);
        assert_eq!(transaction.decide(&mut download), Decision::Accept);
        let request = Request::of(&download).expect("it is ours");
        transaction.finish(&download, &request.outcome(ResultCode::DOWNLOAD_FAILED));
        transaction.commit().expect("committed");
    };
    for (path, data) in [
        ("/Download/a", None),
        ("/Download/a/PkgID", Some("a")),
        ("/Download/a/PkgURL", Some(URL)),
        ("/Download/slot/PkgID", Some("s")),
        ("/Download/slot/PkgURL", Some(URL)),
        ("/Inventory/Delivered/b", None),
        ("/Inventory/Delivered/b/PkgID", Some("a")),
    ] {
        let verb = match path.starts_with("/Download/slot") {
            true => Verb::Replace,
            false => Verb::Add,
        };
        assert_eq!(status(tree, "srv1", verb, path, data), 200, "{path}");
    }
    assert!(car.done().is_empty(), "nothing was fetched yet");
    fail(tree, "slot");
    let path = "/Download/slot/PkgURL";
    assert_eq!(status(tree, "srv1", Verb::Replace, path, Some(URL)), 200);
    assert!(car.done().is_empty(), "it is the same package");
    assert_eq!(status(tree, "srv2", Verb::Replace, path, Some("x")), 425);
    assert!(car.done().is_empty(), "it was refused");
    let path = "/Download/slot/PkgID";
    assert_eq!(status(tree, "srv1", Verb::Replace, path, Some("t")), 200);
    assert_eq!(car.done(), ["abandon s, Deleted elsewhere"]);
    // Untouched, there is nothing of it.
    assert_eq!(status(tree, "srv1", Verb::Add, "/Download/c", None), 200);
    assert_eq!(status(tree, "srv1", Verb::Delete, "/Download/c", None), 200);
    assert!(car.done().is_empty());
    fail(tree, "a");
    // Before it is durable: no crash lies between. What comes to nothing is told again.
    let mut transaction = tree.begin(1);
    let item = Item::for_target("./SCOMO/Download/a");
    let deleted = transaction.execute("srv1", &Execute::new(origin(), Verb::Delete, item));
    assert_eq!(deleted.status.as_u16(), 200);
    assert_eq!(car.done(), ["abandon a, Kept elsewhere"]);
    drop(transaction);
    assert_eq!(status(tree, "srv1", Verb::Delete, "/Download/a", None), 200);
    assert_eq!(car.done(), ["abandon a, Kept elsewhere"]);
    // Another download of the same package goes on with what is here.
    for name in ["e", "f"] {
        for (leaf, data) in [("", None), ("/PkgID", Some("same")), ("/PkgURL", Some(URL))] {
            let path = format!("/Download/{name}{leaf}");
            assert_eq!(status(tree, "srv1", Verb::Add, &path, data), 200, "{path}");
        }
    }
    fail(tree, "e");
    let mut download = job("srv1", "Download/f/Operations/Download");
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut download), Decision::Accept);
    transaction.commit().expect("committed");
    assert_eq!(status(tree, "srv1", Verb::Delete, "/Download/e", None), 200);
    assert!(car.done().is_empty());
}

/// After an update of the device's software, say.
#[test]
fn a_job_that_cannot_be_read_is_reported_as_not_known_and_holds_nothing_up() {
    let mut tree = filled(config());
    let mut install = job("srv1", "Inventory/Delivered/p/Operations/Install");
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut install), Decision::Accept);
    install.memo = vec![0xff];
    let outcome = Outcome::from(StatusCode::from(ResultCode::UNDEFINED_ERROR));
    let report = transaction.finish(&install, &outcome).expect("a report");
    transaction.commit().expect("committed");
    let data = report.items.first().and_then(|item| item.data.clone());
    let data = data.expect("an item with data");
    assert_eq!(data.as_str(), Some("<ResultCode>1412</ResultCode>"));
    assert_eq!(
        value(&tree, "Inventory/Delivered/p/Status").as_deref(),
        Some("50")
    );
    let delete = status(
        &mut tree,
        "srv1",
        Verb::Delete,
        "/Inventory/Delivered/p",
        None,
    );
    assert_eq!(delete, 200);
}

#[test]
fn what_came_of_a_delivery_that_broke_off_goes_with_its_node_and_keeps_its_name() {
    let car = Car::default();
    car.has_sink(u64::MAX);
    let tree = &mut tree_at("./SCOMO", &config(), &car);
    let node = "/Inventory/Delivered/p";
    assert_eq!(status(tree, "srv1", Verb::Add, node, None), 200);
    // As a restart that has lost its session leaves it.
    Sink::begin(&car, &uri(&format!("./SCOMO{node}")), 10).expect("begun");
    let mut transaction = tree.begin(1);
    let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
    edit.put("Inventory/Delivered/p/Ext", Node::interior(""))
        .expect("written");
    let content = Node::leaf(NodeFormat::Chr, "receiving");
    edit.put("Inventory/Delivered/p/Ext/Content", content)
        .expect("written");
    transaction.commit().expect("committed");
    let name = format!("{node}?prop=Name");
    assert_eq!(status(tree, "srv1", Verb::Replace, &name, Some("q")), 403);
    assert_eq!(car.sunk().len(), 1);
    assert_eq!(status(tree, "srv1", Verb::Delete, node, None), 200);
    assert!(car.sunk().is_empty());
}

/// The device knows by them what it has fetched.
#[test]
fn the_names_of_a_package_that_was_fetched_stay() -> Result {
    each(&config(), |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        for (path, name, expected) in [
            ("game/PkgID", "game", 200),
            ("game/PkgID", "other", 403),
            ("game?prop=Name", "other", 403),
        ] {
            let mut transaction = setup.bench.agent()?.begin(1);
            let item = Item::for_target(format!("./SCOMO/Inventory/Delivered/{path}"));
            let mut command = Execute::new(origin(), Verb::Replace, item);
            command.item.data = Some(Data::from(name));
            let status = transaction.execute("srv1", &command).status;
            assert_eq!(status.as_u16(), expected, "{path} {name}");
        }
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        Ok(())
    })
}
