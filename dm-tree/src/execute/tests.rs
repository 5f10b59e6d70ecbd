//! The status of each case that OMA-TS-DM_TND and OMA-TS-DM_RepPro name, a row each.
//!
//! What a session decides (chunks, Get and Exec inside an Atomic, what a Sequence skips) is tested there.

use bytes::Bytes;
use dm_proto::{
    CmdId, Correlator, Data, MsgId, SessionId,
    message::{Item, Meta},
    session::Origin,
};

use super::*;
use crate::{
    Acl, Edit, Node, NodeFormat, Tree, UriLimits, View,
    description::{Access, NodeDescription, Occurrence},
    object::{Decision, Job, JobId, ManagementObject},
    std_objects::Inbox,
    store::Memory,
    tree::TreeOptions,
};

/// Refuses to touch `held`, and to run `Unsupported`.
struct Object(NodeDescription);

impl ManagementObject for Object {
    fn description(&self) -> &NodeDescription {
        &self.0
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let acl = "Add=s&Delete=s&Exec=s&Get=s+r&Replace=s";
        let acl = Acl::parse(acl).map_err(|_| StatusCode::COMMAND_FAILED)?;
        edit.put("", Node::interior("urn:t:1.0").with_acl(acl))?;
        edit.put("Ext/held", Node::leaf(NodeFormat::Chr, "v"))?;
        edit.put("Ext/null", Node::leaf(NodeFormat::Null, ""))?;
        edit.put("Ext/octets", Node::leaf(NodeFormat::Bin, vec![0, 255]))?;
        edit.put("Many/a", Node::interior(""))
    }

    fn check(&self, _: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        match change {
            Change::Replace(uri, _) | Change::Delete(uri) if uri.name() == "held" => {
                Err(StatusCode::FORBIDDEN)
            }
            _ => Ok(()),
        }
    }

    fn decide(&self, _: &mut Edit<'_>, job: &mut Job) -> Decision {
        match job.node.name() {
            "Unsupported" => Decision::Refuse(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED),
            _ => Decision::Accept,
        }
    }
}

fn tree() -> Tree {
    let all = Access::GET | Access::REPLACE | Access::DELETE | Access::COPY | Access::ADD;
    let leaf = |name: &'static str, format| NodeDescription::leaf(name, format).access(all);
    let description = NodeDescription::interior("T")
        .type_("urn:t:1.0")
        .access(Access::GET)
        .child(leaf("Chr", NodeFormat::Chr).default_value("v"))
        .child(leaf("Int", NodeFormat::Int).default_value("1"))
        .child(leaf("Either", NodeFormat::Chr).or_type("text/html"))
        .child(NodeDescription::leaf("Read", NodeFormat::Chr))
        .child(NodeDescription::leaf("Secret", NodeFormat::Chr).access(Access::REPLACE))
        .child(NodeDescription::leaf("Run", NodeFormat::Null).access(Access::EXEC))
        .child(NodeDescription::leaf("Unsupported", NodeFormat::Null).access(Access::EXEC))
        .child(NodeDescription::interior("Empty"))
        .child(
            NodeDescription::interior("Many")
                .access(Access::ADD | Access::GET)
                .child(
                    NodeDescription::any()
                        .access(Access::GET | Access::REPLACE)
                        .child(leaf("Id", NodeFormat::Chr).dynamic())
                        .child(leaf("Born", NodeFormat::Chr).occurrence(Occurrence::ZeroOrOne)),
                ),
        )
        .child(NodeDescription::interior("Ext").access(all).open());
    let mut tree = Tree::new(Box::new(Memory::new()));
    tree.set_options(TreeOptions {
        max_value: Some(10),
        ..TreeOptions::default()
    });
    tree.set_uri_limits(UriLimits {
        max_depth: 6,
        max_tot_len: 40,
        max_seg_len: 12,
    });
    tree.mount(uri("./T"), Box::new(Object(description)))
        .unwrap();
    tree.mount(uri("./Inbox"), Box::new(Inbox::new())).unwrap();
    tree
}

fn uri(uri: &str) -> NodeUri {
    NodeUri::parse(uri).unwrap()
}

fn origin() -> Origin {
    Origin {
        session_id: SessionId::from("1"),
        msg_id: MsgId::from("1"),
        cmd_id: CmdId::from("1"),
        item: 0,
    }
}

fn item(target: &str, format: &str, data: Option<&str>) -> Item {
    let mut item = Item::for_target(target);
    item.data = data.map(Data::from);
    item.meta = match format.split_once(' ') {
        _ if format.is_empty() => None,
        Some((format, type_)) => Some(Meta::format(format).with_type(type_).into()),
        None => Some(Meta::format(format).into()),
    };
    item
}

fn answered(tree: &mut Tree, server: &str, verb: Verb, item: Item) -> Answer {
    let mut transaction = tree.begin(1);
    let answer = transaction.execute(server, &Execute::new(origin(), verb, item));
    transaction.commit().unwrap();
    answer
}

/// Status, who, target, Format (and Type) of the Meta, data, and the case in the documents.
type Row<'a> = (u16, &'a str, &'a str, &'a str, Option<&'a str>, &'a str);

fn check(verb: Verb, rows: &[Row<'_>]) {
    for (status, server, target, format, data, case) in rows {
        let mut tree = tree();
        let answer = answered(&mut tree, server, verb, item(target, format, *data));
        assert_eq!(answer.status.as_u16(), *status, "{verb:?} {target}: {case}");
    }
}

const XML: &str = "xml application/vnd.syncml.dmtnds+xml";
const ONE: &str = "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>n</NodeName></Node></MgmtTree>";
const LONG: &str = "12345678901";

#[test]
fn get() {
    check(
        Verb::Get,
        &[
            (200, "r", "./T/Chr", "", None, "leaf"),
            (200, "r", "./T/Ext/null", "", None, "leaf without a value"),
            (200, "r", "./T/Ext/octets", "", None, "leaf with octets"),
            (200, "r", "./T", "", None, "interior node"),
            (
                200,
                "r",
                "./T/Empty",
                "",
                None,
                "interior node without children",
            ),
            (200, "r", ".", "", None, "root"),
            (200, "r", "./T/Chr?prop=VerNo", "", None, "property"),
            (200, "r", "./T?list=Struct", "", None, "structure"),
            (
                200,
                "r",
                "./T?list=StructData",
                "",
                None,
                "structure with data",
            ),
            (200, "r", "./T?list=TNDS+Value", "", None, "serialized"),
            (404, "r", "./T/None", "", None, "node missing"),
            (
                404,
                "r",
                "./T/None?prop=ACL",
                "",
                None,
                "node of a property missing",
            ),
            (425, "x", "./T/Chr", "", None, "no right"),
            (
                425,
                "x",
                "./T/Chr?prop=Name",
                "",
                None,
                "no right to a property",
            ),
            (
                425,
                "x",
                "./T?list=TNDS",
                "",
                None,
                "no right to any node of a list",
            ),
            (405, "s", "./T/Secret", "", None, "access type without Get"),
            (405, "s", "./Inbox", "", None, "the Inbox"),
            (405, "s", "./Inbox/x?prop=ACL", "", None, "below the Inbox"),
            (
                406,
                "r",
                "./T?list=Other",
                "",
                None,
                "list that is not supported",
            ),
            (
                406,
                "r",
                "./T?list=TNDS+ACL-Value",
                "",
                None,
                "mixed selection",
            ),
            (
                406,
                "r",
                "./T?prop=Other",
                "",
                None,
                "property that is not supported",
            ),
            (
                406,
                "r",
                "./T?prop=Size",
                "",
                None,
                "size of an interior node",
            ),
            (406, "r", "./T?other=x", "", None, "query that is not known"),
            (400, "r", "./T/", "", None, "slash at the end"),
            (400, "r", "./T/../T", "", None, "dot segment"),
            (414, "r", "./T/a/b/c/d/e", "", None, "too deep"),
        ],
    );
}

#[test]
fn add() {
    check(
        Verb::Add,
        &[
            (200, "s", "./T/Ext/x", "chr", Some("v"), "leaf"),
            (200, "s", "./T/Many/b", "node", None, "interior node"),
            (200, "s", "./T/Ext", XML, Some(ONE), "serialized"),
            (418, "s", "./T/Chr", "chr", Some("v"), "target exists"),
            (418, "s", ".", "node", None, "root"),
            (404, "s", "./T/Ext/x/y", "chr", Some("v"), "parent missing"),
            (405, "s", "./T/Chr/x", "chr", Some("v"), "parent is a leaf"),
            (405, "s", "./T/New", "chr", Some("v"), "not described"),
            (405, "s", "./T/Many/a/Born", "chr", Some("v"), "permanent"),
            (
                405,
                "s",
                "./T/Empty/x",
                "chr",
                Some("v"),
                "access type without Add",
            ),
            (
                425,
                "r",
                "./T/Ext/x",
                "chr",
                Some("v"),
                "no right on the parent",
            ),
            (415, "s", "./T/Many/a/Id", "int", Some("1"), "format"),
            (
                415,
                "s",
                "./T/Many/a/Id",
                "chr image/png",
                Some("1"),
                "type",
            ),
            (
                415,
                "s",
                "./T/Many/b",
                "node",
                Some("v"),
                "interior node with a value",
            ),
            (415, "s", "./T/Ext/x", "other", Some("v"), "unknown format"),
            (400, "s", "./T/Ext", XML, Some("<x/>"), "malformed document"),
            (413, "s", "./T/Ext/x", "chr", Some(LONG), "value too large"),
            (
                414,
                "s",
                "./T/Ext/1234567890123",
                "chr",
                Some("v"),
                "name too long",
            ),
            (
                405,
                "s",
                "./T/Ext/x?prop=Title",
                "chr",
                Some("v"),
                "property",
            ),
            (400, "s", "", "chr", Some("v"), "no target"),
        ],
    );
}

#[test]
fn replace() {
    check(
        Verb::Replace,
        &[
            (200, "s", "./T/Chr", "chr", Some("w"), "value"),
            (200, "s", "./T/Chr", "", Some("w"), "value without Meta"),
            (
                404,
                "s",
                "./T/Ext/x",
                "chr",
                Some("v"),
                "node missing: not made",
            ),
            (
                405,
                "s",
                "./T/Empty",
                "chr",
                Some("v"),
                "interior node, plain data",
            ),
            (
                405,
                "s",
                "./T",
                XML,
                Some(ONE),
                "serialized, access type without Replace",
            ),
            (
                403,
                "s",
                "./T/Ext",
                XML,
                Some(ONE),
                "serialized, with a node in use",
            ),
            (405, "s", "./T/Chr", "node", None, "leaf with format node"),
            (425, "r", "./T/Chr", "chr", Some("v"), "no right"),
            (
                405,
                "s",
                "./T/Read",
                "chr",
                Some("v"),
                "access type without Replace",
            ),
            (403, "s", "./T/Ext/held", "chr", Some("v"), "node in use"),
            (415, "s", "./T/Int", "int", Some("x"), "not of the format"),
            (415, "s", "./T/Chr", "chr image/png", Some("v"), "type"),
            (
                405,
                "s",
                "./T/Either",
                "chr text/html",
                Some("v"),
                "other type, permanent",
            ),
            (413, "s", "./T/Chr", "chr", Some(LONG), "too large"),
            (200, "s", "./T/Chr?prop=ACL", "", Some("Get=*"), "ACL"),
            (200, "s", "./T/Chr?prop=ACL", "", Some(""), "ACL removed"),
            (
                400,
                "s",
                "./T/Chr?prop=ACL",
                "",
                Some("Get"),
                "malformed ACL",
            ),
            (
                425,
                "r",
                "./T/Chr?prop=ACL",
                "",
                Some("Get=*"),
                "ACL without right",
            ),
            (200, "s", "./T/Chr?prop=Title", "", Some("t"), "Title"),
            (200, "s", "./T/Many/a?prop=Name", "", Some("b"), "Name"),
            (
                418,
                "s",
                "./T/Ext/held?prop=Name",
                "",
                Some("null"),
                "name of a sibling",
            ),
            (
                405,
                "s",
                "./T/Chr?prop=Name",
                "",
                Some("b"),
                "name of a permanent node",
            ),
            (425, "s", ".?prop=Name", "", Some("b"), "name of the root"),
            (
                400,
                "s",
                "./T/Many/a?prop=Name",
                "",
                Some("b/c"),
                "name with a slash",
            ),
            (400, "s", "./T/Many/a?prop=Name", "", Some(""), "empty name"),
            (
                414,
                "s",
                "./T/Many/a?prop=Name",
                "",
                Some("1234567890123"),
                "long name",
            ),
            (405, "s", "./T/Chr?prop=Format", "", Some("int"), "Format"),
            (405, "s", "./T/Chr?prop=Size", "", Some("1"), "Size"),
            (405, "s", "./T/Chr?prop=TStamp", "", Some("x"), "TStamp"),
            (405, "s", "./T/Chr?prop=Type", "", Some("x"), "Type"),
            (405, "s", "./T/Chr?prop=VerNo", "", Some("1"), "VerNo"),
            (
                406,
                "s",
                "./T/Chr?prop=Other",
                "",
                Some("1"),
                "unknown property",
            ),
            (405, "s", "./T/Chr?list=Struct", "", Some("1"), "list"),
        ],
    );
}

#[test]
fn delete() {
    check(
        Verb::Delete,
        &[
            (200, "s", "./T/Ext/null", "", None, "node"),
            (404, "s", "./T/None", "", None, "missing"),
            (405, "s", ".", "", None, "root"),
            (405, "s", "./T/Chr", "", None, "permanent"),
            (
                405,
                "s",
                "./T/Many/a",
                "",
                None,
                "access type without Delete",
            ),
            (425, "r", "./T/Ext/null", "", None, "no right"),
            (403, "s", "./T/Ext/held", "", None, "in use"),
            (405, "s", "./T/Chr?prop=Title", "", None, "property"),
        ],
    );
}

#[test]
fn copy() {
    for (status, server, source, target, case) in [
        (200, "s", "./T/Read", "./T/Chr", "overwritten"),
        (200, "s", "./T/Read", "./T/Ext/x", "made"),
        (404, "s", "./T/None", "./T/Chr", "source missing"),
        (
            405,
            "s",
            "./T/Empty",
            "./T/Chr",
            "source is an interior node",
        ),
        (
            405,
            "s",
            "./T/Chr",
            "./T/Empty",
            "target is an interior node",
        ),
        (405, "s", "./T/Secret", "./T/Chr", "source without Get"),
        (405, "s", "./T/Chr", "./T/Read", "target without Copy"),
        (403, "s", "./T/Chr", "./T/Ext/held", "target in use"),
        (415, "s", "./T/Chr", "./T/Int", "another format"),
        (200, "s", "./T/Chr", "./T/Chr", "onto itself"),
        (425, "x", "./T/Chr", "./T/Ext/x", "no Get on the source"),
        (425, "r", "./T/Chr", "./T/Int", "no Replace on the target"),
        (
            425,
            "r",
            "./T/Chr",
            "./T/Ext/x",
            "no Add on the parent of the target",
        ),
        (414, "s", "./T/Chr", "./T/a/b/c/d/e", "target too deep"),
    ] {
        let mut command = item(target, "", None);
        command.source = Some(source.into());
        let answer = answered(&mut tree(), server, Verb::Copy, command);
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{source} to {target}: {case}"
        );
    }
    let answer = answered(&mut tree(), "s", Verb::Copy, item("./T/Chr", "", None));
    assert_eq!(answer.status.as_u16(), 400, "no source");
}

#[test]
fn exec() {
    for (expected, server, node, case) in [
        (None, "s", "./T/Run", "accepted"),
        (Some(404), "s", "./T/None", "missing"),
        (Some(425), "r", "./T/Run", "no right"),
        (Some(405), "s", "./T/Chr", "access type without Exec"),
        (Some(405), "s", "./T/Ext/null", "below an open subtree"),
        (Some(406), "s", "./T/Unsupported", "refused by its object"),
    ] {
        let mut tree = tree();
        let mut job = Job {
            id: JobId(1),
            server: server.into(),
            node: uri(node),
            correlator: Some(Correlator::from("c")),
            argument: None,
            origin: origin(),
            memo: Vec::new(),
            stage: 0,
            resumed: false,
            deferrals: 0,
            deferred_since: None,
            ahead: 0,
            unanswered: false,
        };
        let decision = tree.begin(1).decide(&mut job);
        let expected = match expected {
            Some(status) => Decision::Refuse(StatusCode::new(status)),
            None => Decision::Accept,
        };
        assert_eq!(decision, expected, "{node}: {case}");
    }
    let answer = answered(&mut tree(), "s", Verb::Exec, item("./T/Run", "", None));
    assert_eq!(
        answer.status.as_u16(),
        405,
        "an Exec is no change of the tree"
    );
}

#[test]
fn the_root_keeps_an_acl_that_lets_everybody_add() {
    let mut tree = tree();
    let mut transaction = tree.begin(1);
    let acl = Acl::parse("Add=*&Get=*&Replace=s").unwrap();
    transaction
        .raw()
        .write(NodeUri::ROOT, Node::interior("").with_acl(acl), None);
    transaction.commit().unwrap();
    for (status, acl) in [
        (405, ""),
        (405, "Get=*&Replace=s"),
        (405, "Add=s&Get=*&Replace=s"),
        (200, "Add=*&Get=*&Replace=s+t"),
    ] {
        let command = item(".?prop=ACL", "", Some(acl));
        let answer = answered(&mut tree, "s", Verb::Replace, command);
        assert_eq!(answer.status.as_u16(), status, "{acl}");
    }
    let answer = answered(
        &mut tree,
        "s",
        Verb::Replace,
        item(".?prop=Name", "", Some("x")),
    );
    assert_eq!(answer.status.as_u16(), 405, "the name of the root");
}

#[test]
fn values_are_told_with_what_is_not_default() {
    let mut tree = tree();
    let mut told = |target: &str| {
        let answer = answered(&mut tree, "r", Verb::Get, item(target, "", None));
        let result = answer.results.into_iter().next().unwrap();
        let meta = result.meta.map(|meta| {
            let text = |text: Option<Text>| text.map(|text| text.to_string());
            (text(meta.format.clone()), text(meta.type_.clone()))
        });
        (result.data.and_then(|data| data.to_bytes()), meta)
    };
    let some = |text: &str| Some(text.to_owned());
    let bytes = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!(told("./T/Chr"), (bytes("v"), None));
    assert_eq!(told("./T/Int"), (bytes("1"), Some((some("int"), None))));
    assert_eq!(
        told("./T/Ext/null"),
        (bytes(""), Some((some("null"), None)))
    );
    assert_eq!(
        told("./T/Empty"),
        (bytes(""), Some((some("node"), some("text/plain"))))
    );
    assert_eq!(
        told("./T/Many"),
        (bytes("a"), Some((some("node"), some("text/plain"))))
    );
    assert_eq!(told("./T/Chr?prop=Format"), (bytes("chr"), None));
}
