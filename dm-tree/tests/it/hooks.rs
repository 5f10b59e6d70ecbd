//! What an object can do: nodes that are computed, and results whose storage fails. `execute.rs` has the
//! refusals and computed values, `agent.rs` and `crash.rs` Execs that are done at once or later.

use std::sync::{Arc, Mutex};

use dm_proto::{
    Data, SessionId, StatusCode, Text,
    message::{Alert, Item},
    session::{Origin, Verb},
};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, NodeUri, Right, Tree, TreeError, View,
    description::{Access, NodeDescription},
    object::{Decision, Job, JobId, ManagementObject, Outcome},
    store::{Batch, Kind, Memory, Store, StoreError, StoreErrorKind},
};

use crate::support::{execute, item, uri};

type Processes = Arc<Mutex<Vec<(u32, &'static str)>>>;

/// `./Sys/Processes/<pid>/{Name,Kill}`, as the system has them just now; `./Sys/Note` is stored.
struct System {
    description: NodeDescription,
    processes: Processes,
}

impl System {
    fn new(processes: &Processes) -> Self {
        let kill = NodeDescription::leaf("Kill", NodeFormat::Null).access(Access::EXEC);
        let name = NodeDescription::leaf("Name", NodeFormat::Chr)
            .access(Access::GET | Access::REPLACE | Access::COPY);
        let process = NodeDescription::any()
            .access(Access::GET | Access::ADD | Access::DELETE | Access::REPLACE)
            .child(name)
            .child(kill);
        let description = NodeDescription::interior("Sys")
            .child(
                NodeDescription::interior("Processes")
                    .access(Access::GET | Access::ADD)
                    .computed()
                    .child(process),
            )
            .child(
                NodeDescription::leaf("Note", NodeFormat::Chr)
                    .access(Access::GET | Access::REPLACE),
            );
        Self {
            description,
            processes: Arc::clone(processes),
        }
    }
}

impl ManagementObject for System {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let acl = Acl::all(["s"]).grant(Right::Get, "reader");
        edit.put("", self.description.initial().with_acl(acl))
    }

    fn list(&self, view: &View<'_>, node: &NodeUri) -> Result<Vec<(Text, Node)>, StatusCode> {
        // What it sees is what is stored: it does not ask itself.
        assert!(view.children(&uri("./Sys/Processes")).unwrap().is_empty());
        let processes = self.processes.lock().unwrap();
        if *node == uri("./Sys/Processes") {
            return Ok(processes
                .iter()
                .map(|(pid, name)| {
                    let acl = match *name {
                        "secret" => Acl::all(["s"]),
                        _ => Acl::default(),
                    };
                    let node = Node::interior("").with_acl(acl);
                    (format!("{pid} {name}").into(), node)
                })
                .collect());
        }
        let (_, name) = processes
            .iter()
            .find(|(pid, _)| node.name().starts_with(&format!("{pid}%20")))
            .ok_or(StatusCode::NOT_FOUND)?;
        Ok(vec![
            ("Name".into(), Node::leaf(NodeFormat::Chr, *name)),
            ("Kill".into(), Node::leaf(NodeFormat::Null, "")),
        ])
    }

    fn decide(&self, _: &mut Edit<'_>, job: &mut Job) -> Decision {
        job.memo = job.node.as_str().into();
        Decision::Now
    }
}

fn system() -> (Tree, Processes) {
    let processes = Arc::new(Mutex::new(vec![(7, "init"), (12, "secret"), (3, "sh")]));
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.mount(uri("./Sys"), Box::new(System::new(&processes)))
        .unwrap();
    (tree, processes)
}

/// The data of the results, or the status.
fn get(tree: &mut Tree, server: &str, target: &str) -> Result<Vec<String>, u16> {
    let mut transaction = tree.begin(0);
    let answer = execute(
        &mut transaction,
        server,
        Verb::Get,
        Item::for_target(target),
    );
    match answer.status {
        StatusCode::OK => Ok(answer
            .results
            .iter()
            .map(|item| {
                let source = item.source_uri().unwrap().as_str();
                let data = item.data.as_ref().and_then(Data::as_str);
                format!("{source}={}", data.unwrap_or("-"))
            })
            .collect()),
        status => Err(status.as_u16()),
    }
}

#[test]
fn a_subtree_that_is_not_stored_is_listed_and_read_as_it_is_now() {
    let (mut tree, processes) = system();
    let root = "./Sys/Processes";
    let shell = "./Sys/Processes/3%20sh";
    assert_eq!(
        get(&mut tree, "s", root),
        Ok(vec![format!("{root}=12%20secret/3%20sh/7%20init")])
    );
    assert_eq!(
        get(&mut tree, "s", shell),
        Ok(vec![format!("{shell}=Kill/Name")])
    );
    let name = format!("{shell}/Name");
    assert_eq!(get(&mut tree, "s", &name), Ok(vec![format!("{name}=sh")]));
    let format = format!("{name}?prop=Format");
    assert_eq!(
        get(&mut tree, "s", &format),
        Ok(vec![format!("{format}=chr")])
    );
    for missing in ["./Sys/Processes/4%20x", "./Sys/Processes/4%20x/Name"] {
        assert_eq!(get(&mut tree, "s", missing), Err(404));
    }
    processes.lock().unwrap().clear();
    assert_eq!(get(&mut tree, "s", root), Ok(vec![format!("{root}=")]));
    assert_eq!(get(&mut tree, "s", shell), Err(404));
}

#[test]
fn structures_hold_what_is_computed_as_far_as_a_server_may_read_it() {
    let (mut tree, _) = system();
    let all = get(&mut tree, "s", "./Sys?list=StructData").unwrap();
    assert_eq!(
        all,
        [
            "./Sys=-",
            "./Sys/Note=",
            "./Sys/Processes=-",
            "./Sys/Processes/12%20secret=-",
            "./Sys/Processes/12%20secret/Kill=-",
            "./Sys/Processes/12%20secret/Name=secret",
            "./Sys/Processes/3%20sh=-",
            "./Sys/Processes/3%20sh/Kill=-",
            "./Sys/Processes/3%20sh/Name=sh",
            "./Sys/Processes/7%20init=-",
            "./Sys/Processes/7%20init/Kill=-",
            "./Sys/Processes/7%20init/Name=init",
        ]
    );
    let some = get(&mut tree, "reader", "./Sys/Processes?list=Struct").unwrap();
    assert_eq!(some.len(), 7);
    assert_eq!(
        get(&mut tree, "reader", "./Sys/Processes/12%20secret/Name"),
        Err(425)
    );
    assert_eq!(get(&mut tree, "nobody", "./Sys/Processes"), Err(425));
    assert!(get(&mut tree, "reader", "./Sys/Processes/3%20sh/Name").is_ok());
}

#[test]
fn what_is_computed_cannot_be_changed_and_nothing_of_it_is_stored() {
    let (mut tree, _) = system();
    let mut transaction = tree.begin(0);
    let node = "./Sys/Processes/3%20sh";
    let leaf = "./Sys/Processes/3%20sh/Name";
    let int = Some(("node", ""));
    for (verb, target, data, meta) in [
        (Verb::Add, "./Sys/Processes/9", None, int),
        (Verb::Add, "./Sys/Processes/3%20sh/More", Some("x"), None),
        (Verb::Replace, leaf, Some("x"), None),
        (
            Verb::Replace,
            "./Sys/Processes/3%20sh?prop=Name",
            Some("x"),
            None,
        ),
        (
            Verb::Replace,
            "./Sys/Processes/3%20sh?prop=ACL",
            Some("Get=*"),
            None,
        ),
        (
            Verb::Replace,
            "./Sys/Processes/3%20sh/Name?prop=Title",
            Some("x"),
            None,
        ),
        (Verb::Delete, node, None, None),
    ] {
        let answer = execute(&mut transaction, "s", verb, item(target, data, meta));
        assert_eq!(answer.status.as_u16(), 405, "{verb:?} {target}");
    }
    let mut copy = item(leaf, None, None);
    copy.source = Some(Item::for_source("./Sys/Note").source.unwrap());
    let answer = execute(&mut transaction, "s", Verb::Copy, copy);
    assert_eq!(answer.status.as_u16(), 405);
    // From there it may be copied.
    let mut copy = item("./Sys/Note", None, None);
    copy.source = Some(Item::for_source(leaf).source.unwrap());
    let answer = execute(&mut transaction, "s", Verb::Copy, copy);
    assert_eq!(answer.status.as_u16(), 405, "Note supports no Copy");
    // The ACL of the node above is stored, and counts for what is below.
    let acl = item("./Sys/Processes?prop=ACL", Some("Get=late"), None);
    let answer = execute(&mut transaction, "s", Verb::Replace, acl);
    assert_eq!(answer.status.as_u16(), 200);
    transaction.commit().unwrap();
    assert!(get(&mut tree, "late", leaf).is_ok());
    assert_eq!(get(&mut tree, "reader", leaf), Err(425));
}

fn job(node: &str) -> Job {
    let origin = Origin {
        session_id: SessionId::from("1"),
        msg_id: "1".into(),
        cmd_id: "1".into(),
        item: 0,
    };
    Job::new(JobId(1), "s", uri(node), origin)
}

#[test]
fn what_is_computed_can_be_executed() {
    let (mut tree, _) = system();
    let mut transaction = tree.begin(0);
    let mut kill = job("./Sys/Processes/3%20sh/Kill");
    assert_eq!(transaction.decide(&mut kill), Decision::Now);
    assert_eq!(kill.memo, kill.node.as_str().as_bytes());
    for (node, status) in [
        ("./Sys/Processes/4%20x/Kill", 404),
        ("./Sys/Processes/3%20sh/Name", 405),
    ] {
        let decision = transaction.decide(&mut job(node));
        assert_eq!(
            decision,
            Decision::Refuse(StatusCode::new(status)),
            "{node}"
        );
    }
}

/// A store whose reads fail from some time on.
struct Failing(Memory, Arc<Mutex<bool>>);

impl Failing {
    fn check(&self) -> Result<(), StoreError> {
        if *self.1.lock().unwrap() {
            return Err(StoreError::new(StoreErrorKind::Io));
        }
        Ok(())
    }
}

impl Store for Failing {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.check()?;
        self.0.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.check()?;
        self.0.children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.0.records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.0.clear()
    }
}

/// Writes its result in two steps; the storage fails in between.
struct TwoSteps(NodeDescription, Arc<Mutex<bool>>);

impl ManagementObject for TwoSteps {
    fn description(&self) -> &NodeDescription {
        &self.0
    }

    fn finish(&self, edit: &mut Edit<'_>, _: &Job, outcome: &Outcome) -> Option<Alert> {
        let first = edit.set("First", "new");
        assert_eq!(first, Ok(()));
        *self.1.lock().unwrap() = outcome.code != StatusCode::OK;
        let _ = edit.set("Second", "new");
        *self.1.lock().unwrap() = false;
        // Not a failure of the storage: an object may try.
        assert_eq!(edit.set("None", "new"), Err(StatusCode::NOT_FOUND));
        Some(Alert::default())
    }
}

#[test]
fn a_result_whose_storage_fails_half_way_is_not_committed() -> Result<(), TreeError> {
    let fails = Arc::new(Mutex::new(false));
    let store = Failing(Memory::new(), Arc::clone(&fails));
    let mut tree = Tree::new(Box::new(store));
    let leaf = |name: &'static str| NodeDescription::leaf(name, NodeFormat::Chr);
    let description = NodeDescription::interior("T")
        .child(leaf("First"))
        .child(leaf("Second"));
    tree.mount(uri("./T"), Box::new(TwoSteps(description, fails)))?;
    let values = |tree: &Tree| {
        ["./T/First", "./T/Second"].map(|at| tree.view().text(&uri(at)).unwrap().to_string())
    };

    let mut transaction = tree.begin(0);
    let outcome = Outcome::from(StatusCode::COMMAND_FAILED);
    transaction.finish(&job("./T/First"), &outcome);
    assert_eq!(transaction.view().text(&uri("./T/First")).unwrap(), "");
    let error = transaction.commit().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Io);
    assert_eq!(values(&tree), ["", ""]);

    let mut transaction = tree.begin(0);
    transaction.finish(&job("./T/First"), &Outcome::from(StatusCode::OK));
    transaction.commit()?;
    assert_eq!(values(&tree), ["new", "new"]);
    Ok(())
}
