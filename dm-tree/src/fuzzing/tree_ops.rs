//! Commands of several servers on a tree, beside the same on a model.
//!
//! The input is a program: steps of a few octets, each a command of one of three servers on one of some
//! dozens of nodes, or the begin and the end of a savepoint or a transaction.

use dm_proto::{
    Data, StatusCode,
    message::{Item, Meta},
    session::{Answer, Execute, Origin, Verb},
};

use super::model::{Model, Rights, SERVERS, Value, text_of, uri_of};
use crate::{
    Acl, Edit, Node, NodeUri, Transaction, Tree, View,
    description::NodeDescription,
    object::ManagementObject,
    store::{Memory, Store},
};

/// Any commands, savepoints and transactions on a tree in memory.
///
/// Every status, every result and every node with its properties is that of the model: what failed has
/// changed nothing, what was rolled back is as it was, and what was committed is there in the next
/// transaction.
pub fn tree_ops(octets: &[u8]) {
    tree_ops_on(Box::new(Memory::new()), octets);
}

/// The same on any store. The statuses that there were.
pub(super) fn tree_ops_on(store: Box<dyn Store>, octets: &[u8]) -> Vec<u16> {
    let mut steps = Steps(octets);
    let acl = acls()[usize::from(steps.below(3))].1.clone();
    let acl = acl.unwrap_or_default();
    let mut tree = Tree::new(store);
    let object = Open {
        description: NodeDescription::interior("M").open(),
        acl: Acl::parse(&text_of(&acl)).expect("it is one"),
    };
    let root = NodeUri::parse("./M").expect("it is one");
    tree.mount(root.clone(), Box::new(object))
        .expect("there is nothing yet");
    let mut committed = Model::new(acl);
    committed.children.get_mut("M").expect("it was made").ver_no = 1;
    let mut statuses = Vec::new();
    while !steps.0.is_empty() {
        let mut transaction = tree.begin(1);
        let mut model = committed.clone();
        // The model as it was at each open savepoint.
        let mut saved = Vec::new();
        let is_kept = loop {
            let Some(step) = steps.octet() else {
                break true;
            };
            match step % 32 {
                0 if saved.len() < MAX_SAVEPOINTS => {
                    transaction.savepoint();
                    saved.push(model.clone());
                }
                // Without a savepoint, nothing happens.
                0 | 1 => {
                    transaction.release();
                    saved.pop();
                }
                2 => {
                    transaction.rollback();
                    model = saved.pop().unwrap_or(model);
                    compare(transaction.view(), &model);
                }
                3 => break true,
                4 => break false,
                step => {
                    let status = command(&mut transaction, &mut model, step, &mut steps);
                    statuses.push(status);
                    compare(transaction.view(), &model);
                }
            }
        };
        if is_kept {
            transaction.commit().expect("it has room");
            committed = model;
        }
        compare(tree.view(), &committed);
    }
    statuses
}

/// Runs a command on both. Its status.
fn command(
    transaction: &mut Transaction<'_>,
    model: &mut Model,
    step: u8,
    steps: &mut Steps<'_>,
) -> u16 {
    let server = SERVERS[usize::from(steps.below(3))];
    let place = steps.place();
    let place = &*place;
    let uri = uri_of(place);
    let (verb, item, expected) = match step {
        5..=7 => {
            let get = (Verb::Get, Item::for_target(uri.as_str()));
            (
                get.0,
                get.1,
                model.get(server, place).map(|data| vec![data]),
            )
        }
        8 | 9 => {
            let property = PROPERTIES[usize::from(steps.below(8))];
            let item = Item::for_target(format!("{uri}?prop={property}").as_str());
            let expected = model.property(server, place, property);
            (Verb::Get, item, expected.map(|data| vec![data]))
        }
        10 => {
            let item = Item::for_target(format!("{uri}?list=Struct").as_str());
            (Verb::Get, item, model.structure(server, place))
        }
        11..=17 => {
            let value = steps.value();
            let expected = model.add(server, place, value);
            (
                Verb::Add,
                valued(&uri, value),
                expected.map(|()| Vec::new()),
            )
        }
        18..=20 => {
            let value = steps.value();
            let expected = model.replace(server, place, value);
            (
                Verb::Replace,
                valued(&uri, value),
                expected.map(|()| Vec::new()),
            )
        }
        21..=23 => {
            let acls = acls();
            let (text, acl) = &acls[usize::from(steps.octet().unwrap_or(0)) % acls.len()];
            let item = Item::for_target(format!("{uri}?prop=ACL").as_str()).with_data(*text);
            let expected = model.replace_acl(server, place, acl.clone());
            (Verb::Replace, item, expected.map(|()| Vec::new()))
        }
        24 => {
            let title = "t".repeat(usize::from(steps.below(8)) * 50);
            let item = Item::for_target(format!("{uri}?prop=Title").as_str());
            let expected = model.replace_title(server, place, &title);
            let item = item.with_data(title.as_str());
            (Verb::Replace, item, expected.map(|()| Vec::new()))
        }
        25 | 26 => {
            let to = ["", "n0", "n1", "n2", "n3", "n4", "x/y", "n5"];
            let to = to[usize::from(steps.below(8))];
            let item = Item::for_target(format!("{uri}?prop=Name").as_str()).with_data(to);
            let expected = model.rename(server, place, to);
            (Verb::Replace, item, expected.map(|()| Vec::new()))
        }
        27 | 28 => {
            let item = Item::for_target(uri.as_str());
            let expected = model.delete(server, place);
            (Verb::Delete, item, expected.map(|()| Vec::new()))
        }
        _ => {
            let to = steps.place();
            let mut item = Item::for_target(uri_of(&to).as_str());
            item.source = Item::for_source(uri.as_str()).source;
            let expected = model.copy(server, place, &to);
            (Verb::Copy, item, expected.map(|()| Vec::new()))
        }
    };
    let origin = Origin {
        session_id: "1".into(),
        msg_id: 1.into(),
        cmd_id: 1.into(),
        item: 0,
    };
    let is_list = step == 10;
    let command = Execute::new(origin, verb, item);
    let answer = transaction.execute(server, &command);
    let met = outcome(&answer, is_list);
    assert_eq!(met, expected, "{server}: {verb:?} {:?}", command.item);
    answer.status.as_u16()
}

/// The data of the results, or for lists their URIs.
fn outcome(answer: &Answer, is_list: bool) -> Result<Vec<String>, u16> {
    if answer.status != StatusCode::OK {
        assert!(answer.results.is_empty());
        return Err(answer.status.as_u16());
    }
    let text = |item: &Item| {
        if is_list {
            let source = item.source_uri().map(|source| source.as_str());
            source.unwrap_or_default().to_owned()
        } else {
            let data = item.data.as_ref().and_then(Data::as_str);
            data.unwrap_or_default().to_owned()
        }
    };
    Ok(answer.results.iter().map(text).collect())
}

/// Holds every node against the model, and the model against every node.
fn compare(view: View<'_>, model: &Model) {
    let mut pending = vec![(NodeUri::ROOT, model)];
    while let Some((uri, model)) = pending.pop() {
        let node = view.node(&uri).expect("the model has it");
        assert_eq!(node.is_interior(), model.leaf.is_none(), "{uri}");
        if let Some(leaf) = &model.leaf {
            let met = (node.format.name(), node.as_str());
            assert_eq!(met, (leaf.format, Some(leaf.value.as_str())), "{uri}");
        }
        assert_eq!(node.type_, *model.type_, "{uri}");
        assert_eq!(node.title, *model.title, "{uri}");
        assert_eq!(node.acl.to_string(), text_of(&model.acl), "{uri}");
        assert_eq!(node.ver_no, model.ver_no, "{uri}");
        let names = view.children(&uri).expect("it is there");
        assert!(
            names
                .iter()
                .map(|name| name.as_str())
                .eq(model.children.keys()),
            "{uri}: {names:?}"
        );
        let entries = view.entries(&uri).expect("it is there");
        assert!(
            entries.iter().map(|(name, _)| name).eq(names.iter()),
            "{uri}"
        );
        for (name, child) in &model.children {
            pending.push((uri.child_named(name), child));
        }
    }
}

fn valued(uri: &str, value: Value<'_>) -> Item {
    let mut item = Item::for_target(uri);
    if value.format.is_some() || value.type_.is_some() {
        item.meta = Some(std::sync::Arc::new(Meta {
            format: value.format.map(Into::into),
            type_: value.type_.map(Into::into),
            ..Meta::default()
        }));
    }
    if value.text.is_empty() {
        return item;
    }
    item.with_data(value.text)
}

/// Octets of the program.
struct Steps<'a>(&'a [u8]);

impl Steps<'_> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `end`; 0 at the end of the program.
    fn below(&mut self, end: u8) -> u8 {
        self.octet().unwrap_or(0).checked_rem(end).unwrap_or(0)
    }

    /// A node, mostly below `M`, up to three levels.
    fn place(&mut self) -> Vec<&'static str> {
        let octet = usize::from(self.octet().unwrap_or(0));
        match octet {
            0 => return Vec::new(),
            1 => return vec!["X"],
            _ => {}
        }
        let mut place = vec!["M"];
        for (level, shift) in [0, 2, 4].into_iter().enumerate() {
            if level < octet >> 6 {
                place.push(NAMES[octet >> shift & 3]);
            }
        }
        place
    }

    fn value(&mut self) -> Value<'static> {
        let octet = self.octet().unwrap_or(0);
        let formats = [Some("node"), Some("node"), None, Some("chr"), Some("int")];
        let types = [None, None, Some("text/plain"), Some("x/y")];
        let texts = ["", "7", "text"];
        let format = formats[usize::from(octet % 5)];
        let text = match format {
            // Most of them without a value, as it should be.
            Some("node") if !octet.is_multiple_of(8) => "",
            _ => texts[usize::from(octet / 5 % 3)],
        };
        Value {
            format,
            type_: types[usize::from(octet / 15 % 4)],
            text,
        }
    }
}

/// Texts of ACLs, and what they mean; the first three for `M`.
fn acls() -> [(&'static str, Option<Rights>); 10] {
    let everyone = vec![
        ("Add", vec!["*"]),
        ("Delete", vec!["*"]),
        ("Get", vec!["*"]),
        ("Replace", vec!["*"]),
    ];
    let shared = vec![
        ("Add", vec!["b", "a"]),
        ("Delete", vec!["a"]),
        ("Exec", vec!["b"]),
        ("Get", vec!["*"]),
        ("Replace", vec!["a"]),
    ];
    [
        ("Add=*&Delete=*&Get=*&Replace=*", Some(everyone)),
        ("Replace=a&Get=b+*&Exec=b&Delete=a&Add=b+a+b", Some(shared)),
        ("Add=c&Add=a", Some(vec![("Add", vec!["c", "a"])])),
        ("", Some(Vec::new())),
        ("Get=*", Some(vec![("Get", vec!["*"])])),
        (
            "Replace=b&Get=a",
            Some(vec![("Get", vec!["a"]), ("Replace", vec!["b"])]),
        ),
        ("Delete=c", Some(vec![("Delete", vec!["c"])])),
        ("Get", None),
        ("Get=a+", None),
        ("get=a", None),
    ]
}

/// Below `M` everything is open, and its ACL is what the program says.
struct Open {
    description: NodeDescription,
    acl: Acl,
}

impl ManagementObject for Open {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        edit.put("", Node::interior("").with_acl(self.acl.clone()))
    }
}

const MAX_SAVEPOINTS: usize = 6;
const NAMES: [&str; 4] = ["n0", "n1", "n2", "n3"];
const PROPERTIES: [&str; 8] = [
    "ACL", "Format", "Name", "Size", "Title", "Type", "VerNo", "Owner",
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::store::Redb;

    fn redb() -> Redb {
        let backend = redb::backends::InMemoryBackend::new();
        let database = redb::Database::builder().create_with_backend(backend);
        Redb::with_database(database.unwrap()).unwrap()
    }

    #[test]
    fn every_seed_keeps_its_promises() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/tree_ops");
        let mut seeds = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            tree_ops(&seed);
            tree_ops_on(Box::new(redb()), &seed);
            seeds += 1;
        }
        assert!(seeds >= 4);
    }

    #[test]
    fn any_commands_of_several_servers_end_as_in_a_simple_model() {
        let mut random = 1_u64;
        let mut octet = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 40) as u8
        };
        let mut met = std::collections::BTreeMap::new();
        for round in 0..300 {
            let program: Vec<u8> = (0..900).map(|_| octet()).collect();
            let statuses = if round % 10 == 0 {
                tree_ops_on(Box::new(redb()), &program)
            } else {
                tree_ops_on(Box::new(Memory::new()), &program)
            };
            for status in statuses {
                *met.entry(status).or_insert(0) += 1;
            }
        }
        // Every status that the model knows is among them, and often.
        for status in [200, 400, 404, 405, 406, 413, 415, 418, 425] {
            assert!(
                met.get(&status).is_some_and(|times| *times > 20),
                "{status}: {met:?}"
            );
        }
    }
}
