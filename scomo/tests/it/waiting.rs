//! Jobs that wait behind one that takes their node away.

use dm_proto::session::Verb;
use dm_tree::{
    Tree,
    object::{Decision, Job},
};
use scomo::{
    ResultCode,
    device::{INSTALLING, Request, STARTED},
};

use crate::{
    nodes::{filled, job_of, status, value},
    support::{config, uri},
};

fn accept(tree: &mut Tree, id: u64, path: &str) -> Job {
    let mut job = job_of(id, "srv1", path);
    let mut transaction = tree.begin(1);
    assert_eq!(transaction.decide(&mut job), Decision::Accept);
    transaction.commit().expect("committed");
    job
}

fn finish(tree: &mut Tree, job: &Job, result: ResultCode) -> String {
    let request = Request::of(job).expect("it is ours");
    let mut transaction = tree.begin(2);
    let report = transaction
        .finish(job, &request.outcome(result))
        .expect("a report");
    transaction.commit().expect("committed");
    let item = report.items.first().expect("an item");
    item.data
        .as_ref()
        .and_then(|data| data.as_str())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_job_leaves_alone_what_a_server_made_where_its_node_was() {
    for (node, first, second, leaf) in [
        ("Download/d", "Download", "DownloadInstall", "PkgURL"),
        ("Inventory/Delivered/p", "Remove", "Install", "Data"),
    ] {
        let tree = &mut filled(config());
        let before = accept(tree, 1, &format!("{node}/Operations/{first}"));
        let mut behind = accept(tree, 2, &format!("{node}/Operations/{second}"));
        finish(tree, &before, ResultCode::SUCCESSFUL);
        // The node is gone, and a server makes another one there.
        for (below, data) in [
            ("", None),
            ("/PkgID", Some("new")),
            (&format!("/{leaf}"), Some("new")),
        ] {
            let path = format!("/{node}{below}");
            assert_eq!(status(tree, "srv1", Verb::Add, &path, data), 200, "{path}");
        }
        // Also after a restart.
        let mut transaction = tree.begin(3);
        transaction
            .restarted(&uri("./SCOMO"), &[behind.clone()])
            .expect("settled");
        transaction.commit().expect("committed");
        for stage in [STARTED, INSTALLING] {
            behind.stage = stage;
            let mut transaction = tree.begin(3);
            transaction.stage(&behind);
            transaction.commit().expect("committed");
            assert_eq!(
                value(tree, &format!("{node}/Status")).as_deref(),
                Some("10"),
                "{node}"
            );
        }
        let renamed = status(
            tree,
            "srv1",
            Verb::Replace,
            &format!("/{node}/PkgID"),
            Some("newer"),
        );
        assert_eq!(renamed, 200, "nobody is on it");
        for result in [ResultCode::INSTALL_FAILED, ResultCode::SUCCESSFUL] {
            let told = finish(tree, &behind, result);
            assert!(told.contains(&result.to_string()), "{told}");
            assert_eq!(
                value(tree, &format!("{node}/Status")).as_deref(),
                Some("10"),
                "{node}"
            );
            assert_eq!(
                value(tree, &format!("{node}/PkgID")).as_deref(),
                Some("newer"),
                "{node}"
            );
        }
        let state = value(tree, &format!("{node}/State"));
        assert!(state.is_none_or(|state| state == "10"));
    }
}
