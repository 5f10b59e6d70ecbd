//! The objects whose subtrees [`tree_ops`](super::tree_ops) is about.

use dm_proto::{StatusCode, message::Alert};

use super::model::{INSTANCE_TYPE, KEPT, MOST_INSTANCES, REFUSED, uri_of};
use crate::{
    Acl, Edit, Node, NodeFormat, NodeUri, View,
    description::{Access, NodeDescription, Occurrence},
    object::{Change, Decision, Job, ManagementObject, Outcome},
};

/// `M`: below it everything is open, and its ACL is what the program says.
pub(super) struct Open {
    description: NodeDescription,
    acl: Acl,
}

impl Open {
    pub(super) fn new(acl: Acl) -> Self {
        Self {
            description: NodeDescription::interior("M").open(),
            acl,
        }
    }
}

impl ManagementObject for Open {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        edit.put("", Node::interior("").with_acl(self.acl.clone()))
    }
}

/// `E`: takes Execs in every way, and has instances of which it lets one not go.
pub(super) struct Executed(NodeDescription);

impl Executed {
    pub(super) fn new() -> Self {
        let run =
            |name: &'static str| NodeDescription::leaf(name, NodeFormat::Null).access(Access::EXEC);
        let all = Access::ADD | Access::DELETE | Access::GET | Access::REPLACE;
        let id = NodeDescription::leaf("Id", NodeFormat::Chr)
            .dynamic()
            .occurrence(Occurrence::ZeroOrOne)
            .access(all | Access::COPY)
            .default_value("d");
        let most = u32::try_from(MOST_INSTANCES).expect("it is small");
        let instance = NodeDescription::any()
            .type_(INSTANCE_TYPE)
            .occurrence(Occurrence::ZeroOrN(most))
            .access(all)
            .child(run("Run"))
            .child(NodeDescription::leaf("Count", NodeFormat::Int).default_value("1"))
            .child(id);
        let description = NodeDescription::interior("E")
            .access(Access::ADD | Access::GET)
            .child(NodeDescription::leaf("State", NodeFormat::Int).default_value("0"))
            .child(run("now"))
            .child(run("later"))
            .child(run("refuse"))
            .child(instance);
        Self(description)
    }
}

/// Adds to a number; nothing happens if it is gone.
fn add_to(edit: &mut Edit<'_>, path: &str, more: i32) {
    let Ok(uri) = edit.root().join(path) else {
        return;
    };
    if let Ok(text) = edit.view().text(&uri) {
        let number: i32 = text.parse().expect("it is one");
        let next = number.wrapping_add(more).to_string();
        edit.set(path, next).expect("it is there");
    }
}

/// Whether a change is one of the value of an `Id`.
fn id_of<'c>(change: &Change<'c>) -> Option<&'c Node> {
    match change {
        Change::Add(uri, node) | Change::Replace(uri, node) if uri.name() == "Id" => Some(node),
        _ => None,
    }
}

impl ManagementObject for Executed {
    fn description(&self) -> &NodeDescription {
        &self.0
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let acl = Acl::parse("Add=*&Delete=a+b&Exec=a+b&Get=*&Replace=a").expect("it is one");
        edit.put("", Node::interior("").with_acl(acl))
    }

    fn check(&self, _: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let is_kept = matches!(change, Change::Delete(uri) if uri.as_str() == uri_of(&KEPT));
        if is_kept || id_of(change).is_some_and(|id| id.value == "7") {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(())
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        if let Change::Add(uri, _) = change
            && uri.parent().is_some_and(|parent| parent == *edit.root())
        {
            add_to(edit, "State", 1);
        }
        let is_refused = matches!(change, Change::Add(uri, _) if uri.as_str() == uri_of(&REFUSED));
        if is_refused || id_of(change).is_some_and(|id| id.value == "text") {
            // What it wrote before it failed is not to be seen.
            edit.set("State", "99")?;
            return Err(StatusCode::COMMAND_FAILED);
        }
        Ok(())
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        let path = job.node.below(edit.root()).unwrap_or_default().to_owned();
        match path.as_str() {
            "now" | "later" => add_to(edit, "State", 1),
            "refuse" => {
                add_to(edit, "State", 98);
                return Decision::Refuse(StatusCode::FORBIDDEN);
            }
            path => {
                let instance = path.strip_suffix("/Run").expect("it can be executed");
                add_to(edit, &format!("{instance}/Count"), 1);
            }
        }
        job.memo = path.clone().into_bytes();
        match path.as_str() {
            "now" => Decision::Now,
            "later" => Decision::Accept,
            _ => Decision::AfterSession,
        }
    }

    fn finish(&self, edit: &mut Edit<'_>, _: &Job, _: &Outcome) -> Option<Alert> {
        add_to(edit, "State", 10);
        None
    }
}

/// Where the objects are.
pub(super) fn root(name: &str) -> NodeUri {
    NodeUri::ROOT.child_named(name)
}
