//! Commands of several servers on a tree, beside the same on a model.
//!
//! The input is a program: steps of a few octets, each a command of one of three servers on one of some
//! dozens of nodes, the end of a job, or the begin and the end of a savepoint or a transaction.

use bytes::Bytes;
use dm_proto::{
    Data, StatusCode,
    codec::Encoding,
    message::{Item, Meta},
    session::{Answer, Execute, Origin, Verb},
};

use super::{
    model::{
        DocumentNode, INSTANCE_TYPE, Model, Outcome, Rights, SERVERS, Taken, UNKNOWN, Value, World,
        text_of, uri_of,
    },
    objects::{Executed, Open, root},
};
use crate::{
    Acl, NodeFormat, NodeUri, Transaction, Tree, View,
    object::{Decision, Job, JobId},
    std_objects::Inbox,
    store::{Kind, Memory, Store},
    tnds::{Tnds, TndsNode},
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
    let open = Open::new(Acl::parse(&text_of(&acl)).expect("it is one"));
    tree.mount(root("M"), Box::new(open)).expect("it is new");
    tree.mount(root("E"), Box::new(Executed::new()))
        .expect("it is new");
    tree.mount(root("Inbox"), Box::new(Inbox::new()))
        .expect("it is new");
    let mut committed = World::new(acl);
    let mut statuses = Vec::new();
    let mut next_job = 0;
    while !steps.0.is_empty() {
        let mut transaction = tree.begin(1);
        let mut world = committed.clone();
        // The model as it was at each open savepoint.
        let mut saved = Vec::new();
        let is_kept = loop {
            let Some(step) = steps.octet() else {
                break true;
            };
            let code = if step < 192 { step % 32 } else { step };
            match code {
                0 if saved.len() < MAX_SAVEPOINTS => {
                    transaction.savepoint();
                    saved.push(world.clone());
                }
                // Without a savepoint, nothing happens.
                0 | 1 => {
                    transaction.release();
                    saved.pop();
                }
                2 => {
                    transaction.rollback();
                    world = saved.pop().unwrap_or(world);
                    compare(transaction.view(), &world.tree);
                }
                3 => break true,
                4 => break false,
                192..=201 => {
                    next_job += 1;
                    statuses.push(exec(&mut transaction, &mut world, next_job, &mut steps));
                    compare(transaction.view(), &world.tree);
                }
                202..=205 => {
                    finish(&mut transaction, &mut world);
                    compare(transaction.view(), &world.tree);
                }
                code => {
                    let status = command(&mut transaction, &mut world, code, &mut steps);
                    statuses.push(status);
                    compare(transaction.view(), &world.tree);
                }
            }
        };
        if is_kept {
            transaction.commit().expect("it has room");
            committed = world;
        }
        compare(tree.view(), &committed.tree);
        let mut jobs = Vec::new();
        let mut keep = |id, record: Vec<u8>| jobs.push((id, record));
        tree.store()
            .records(Kind::Job, &mut keep)
            .expect("it does not fail");
        let known = committed.jobs.iter();
        assert!(
            known
                .map(|(id, place)| (*id, uri_of(place).into_bytes()))
                .eq(jobs)
        );
    }
    statuses
}

/// Executes a node: what is accepted is a job.
fn exec(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    id: u64,
    steps: &mut Steps<'_>,
) -> u16 {
    let server = SERVERS[usize::from(steps.below(3))];
    let place = steps.executed();
    let expected = world.whole(|world| world.exec(server, &place));
    let mut job = job(id, server, &uri_of(&place));
    let met = match transaction.decide(&mut job) {
        Decision::Refuse(status) => Err(status.as_u16()),
        Decision::Now => Ok(Taken::Now),
        Decision::Accept => Ok(Taken::Accepted),
        Decision::AfterSession => Ok(Taken::AfterSession),
        Decision::OnceTold | Decision::Ask => unreachable!("these objects have reports"),
    };
    assert_eq!(met, expected, "{server}: Exec {}", job.node);
    match met {
        Err(status) => status,
        Ok(Taken::Now) => {
            transaction.finish(&job, &StatusCode::OK.into());
            world.finish();
            200
        }
        Ok(Taken::Accepted | Taken::AfterSession) => {
            let record = job.node.as_str().as_bytes().to_vec();
            transaction.put(Kind::Job, id, Some(record));
            world.jobs.insert(id, place);
            202
        }
    }
}

/// The first job is done, whatever became of its node.
fn finish(transaction: &mut Transaction<'_>, world: &mut World) {
    let Some((id, place)) = world.jobs.pop_first() else {
        return;
    };
    let record = transaction.record(Kind::Job, id).expect("it can be read");
    let node = uri_of(&place);
    assert_eq!(record.as_deref(), Some(node.as_bytes()));
    transaction.finish(&job(id, SERVERS[0], &node), &StatusCode::OK.into());
    transaction.put(Kind::Job, id, None);
    world.finish();
}

fn job(id: u64, server: &'static str, node: &str) -> Job {
    let node = NodeUri::parse(node).expect("it is one");
    Job::new(JobId(id), server, node, origin())
}

fn origin() -> Origin {
    Origin {
        session_id: "1".into(),
        msg_id: 1.into(),
        cmd_id: 1.into(),
        item: 0,
    }
}

/// What a result is held against.
#[derive(Clone, Copy)]
enum Told {
    Data,
    Places,
    PlacesAndData,
    Document,
}

/// Runs a command on both. Its status.
fn command(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    step: u8,
    steps: &mut Steps<'_>,
) -> u16 {
    let server = SERVERS[usize::from(steps.below(3))];
    let place = steps.place();
    let place = &*place;
    let uri = uri_of(place);
    let model = &mut world.tree;
    let mut told = Told::Data;
    let none = |()| Vec::new();
    let (verb, item, expected) = match step {
        5..=7 => {
            let item = Item::for_target(uri.as_str());
            (
                Verb::Get,
                item,
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
            told = Told::Places;
            let item = Item::for_target(format!("{uri}?list=Struct").as_str());
            (Verb::Get, item, model.structure(server, place))
        }
        206..=209 => {
            told = Told::PlacesAndData;
            let item = Item::for_target(format!("{uri}?list=StructData").as_str());
            (Verb::Get, item, model.structure_data(server, place))
        }
        210..=213 => {
            told = Told::Document;
            let item = Item::for_target(format!("{uri}?list=TNDS").as_str());
            (Verb::Get, item, model.serialized(server, place))
        }
        11..=17 => {
            let value = steps.value();
            let expected = world.whole(|world| match place {
                ["Inbox", inside @ ..] => world.add_to_inbox(server, inside, value),
                _ => world.tree.add(server, place, value),
            });
            (Verb::Add, valued(&uri, value), expected.map(none))
        }
        18..=20 => {
            let value = steps.value();
            let expected = world.whole(|world| world.tree.replace(server, place, value));
            (Verb::Replace, valued(&uri, value), expected.map(none))
        }
        214..=229 => {
            let document = steps.document(place);
            // Below what was put there, it would have no top that is an object.
            let is_inbox = place.first() == Some(&"Inbox");
            let uri = if is_inbox { "./Inbox" } else { &uri };
            let item = carrying(uri, &document, step);
            let expected = world.whole(|world| match is_inbox {
                true => world.add_inside(server, &document),
                false => world.tree.add_document(server, place, &document),
            });
            (Verb::Add, item, expected.map(none))
        }
        230..=245 => {
            let document = steps.document(place);
            let expected =
                world.whole(|world| world.tree.replace_document(server, place, &document));
            (
                Verb::Replace,
                carrying(&uri, &document, step),
                expected.map(none),
            )
        }
        21..=23 => {
            let acls = acls();
            let (text, acl) = &acls[usize::from(steps.octet().unwrap_or(0)) % acls.len()];
            let item = Item::for_target(format!("{uri}?prop=ACL").as_str()).with_data(*text);
            let expected = model.replace_acl(server, place, acl.clone());
            (Verb::Replace, item, expected.map(none))
        }
        24 => {
            let title = "t".repeat(usize::from(steps.below(8)) * 50);
            let item = Item::for_target(format!("{uri}?prop=Title").as_str());
            let expected = model.replace_title(server, place, &title);
            let item = item.with_data(title.as_str());
            (Verb::Replace, item, expected.map(none))
        }
        25 | 26 => {
            let to = ["", "n0", "n1", "n2", "n3", "n4", "x/y", "n5"];
            let to = to[usize::from(steps.below(8))];
            let item = Item::for_target(format!("{uri}?prop=Name").as_str()).with_data(to);
            let expected = model.rename(server, place, to);
            (Verb::Replace, item, expected.map(none))
        }
        27 | 28 => {
            let item = Item::for_target(uri.as_str());
            let expected = model.delete(server, place);
            (Verb::Delete, item, expected.map(none))
        }
        _ => {
            let to = steps.place();
            let mut item = Item::for_target(uri_of(&to).as_str());
            item.source = Item::for_source(uri.as_str()).source;
            let expected = world.whole(|world| world.tree.copy(server, place, &to));
            (Verb::Copy, item, expected.map(none))
        }
    };
    let command = Execute::new(origin(), verb, item);
    let answer = transaction.execute(server, &command);
    let met = outcome(&answer, told, place);
    assert_eq!(met, expected, "{server}: {verb:?} {:?}", command.item);
    answer.status.as_u16()
}

/// The data of the results, or what of them is compared.
fn outcome(answer: &Answer, told: Told, place: &[&str]) -> Outcome<Vec<String>> {
    if answer.status != StatusCode::OK {
        assert!(answer.results.is_empty());
        return Err(answer.status.as_u16());
    }
    let text = |item: &Item| {
        let source = item.source_uri().map(|source| source.as_str());
        let source = source.unwrap_or_default().to_owned();
        let data = item
            .data
            .as_ref()
            .map(|data| data.as_str().expect("it is text"));
        match (told, data) {
            (Told::Data | Told::Document, data) => data.unwrap_or_default().to_owned(),
            (Told::Places, data) => {
                assert_eq!(data, None);
                source
            }
            (Told::PlacesAndData, None) => source,
            (Told::PlacesAndData, Some(data)) => format!("{source}={data}"),
        }
    };
    let mut results: Vec<String> = answer.results.iter().map(text).collect();
    if let Told::Document = told {
        results = results.iter().flat_map(|xml| lines(xml, place)).collect();
        results.sort();
    }
    Ok(results)
}

/// The nodes of a document, each as the model says it.
fn lines(xml: &str, start: &[&str]) -> Vec<String> {
    let octets = Bytes::copy_from_slice(xml.as_bytes());
    let document = Tnds::read(Encoding::Xml, &octets, &Tnds::limits()).expect("it is one");
    let start = uri_of(start);
    let mut open: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for node in document.nodes() {
        open.truncate(node.depth);
        let name = node.name.as_deref().expect("it has a name");
        let uri = match (open.last(), node.path.as_deref()) {
            (Some(above), _) => format!("{above}/{name}"),
            (None, None) => start.clone(),
            (None, Some("")) => format!("{start}/{name}"),
            (None, Some(path)) => format!("{start}/{path}/{name}"),
        };
        open.push(uri.clone());
        let format = node.format.expect("it has a format").name();
        let type_ = node.type_.as_deref().expect("it has a type");
        let title = node.title.as_deref().unwrap_or_default();
        let acl = node.acl.as_ref().map(Acl::to_string).unwrap_or_default();
        let ver_no = node.ver_no.expect("it has one");
        let value = node.value.as_deref();
        let value = value.map(|value| core::str::from_utf8(value).expect("it is text"));
        lines.push(format!(
            "{uri} {format} {type_} {title} {acl} {ver_no} {value:?}"
        ));
    }
    lines
}

/// An Item with a document; in either encoding.
fn carrying(uri: &str, document: &[DocumentNode], step: u8) -> Item {
    let mut tnds = Tnds::default();
    for node in document {
        let type_ = node.type_.map(Into::into);
        let acl = node
            .acl
            .as_ref()
            .map(|acl| Acl::parse(&text_of(acl)).expect("it is one"));
        tnds.push(TndsNode {
            depth: node.depth,
            name: Some(node.name.into()),
            format: Some(match node.leaf {
                Some((format, _)) => NodeFormat::from_name(format).expect("there is one"),
                None => NodeFormat::Node,
            }),
            type_,
            acl,
            title: node.title.as_deref().map(Into::into),
            value: node.leaf.map(|(_, value)| value.into()),
            ..TndsNode::default()
        });
    }
    let is_binary = step.is_multiple_of(4);
    let (encoding, type_) = match is_binary {
        true => (Encoding::Wbxml, Tnds::WBXML),
        false => (Encoding::Xml, Tnds::XML),
    };
    let octets = tnds.write(encoding).expect("it is text");
    let data = match is_binary {
        true => Data::binary(octets),
        false => Data::text(core::str::from_utf8(&octets).expect("it is XML")),
    };
    Item::for_target(uri)
        .with_data(data)
        .with_meta(Meta::default().with_type(type_))
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
    match value.text {
        Some(text) => item.with_data(text),
        None => item,
    }
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
        if let Some(place) = octet.checked_sub(4).and_then(|at| OTHERS.get(at / 3)) {
            return place.to_vec();
        }
        let levels = match octet {
            0..64 => 0,
            64..160 => 1,
            160..224 => 2,
            _ => 3,
        };
        let names = [0, 2, 4].map(|shift| NAMES[octet >> shift & 3]);
        let mut place = vec!["M"];
        place.extend(names.into_iter().take(levels));
        place
    }

    /// A node to execute, mostly one that can be.
    fn executed(&mut self) -> Vec<&'static str> {
        let octet = usize::from(self.0.first().copied().unwrap_or(0));
        if octet < 64 {
            return self.place();
        }
        self.octet();
        let others: [&[&str]; 4] = [
            &["E", "now"],
            &["E", "later"],
            &["E", "refuse"],
            &["E", "n0", "Run"],
        ];
        others[octet & 3].to_vec()
    }

    fn value(&mut self) -> Value<'static> {
        let octet = self.octet().unwrap_or(0);
        let formats = [
            Some("node"),
            Some("node"),
            None,
            Some("chr"),
            Some("int"),
            Some("bool"),
            Some("null"),
            Some(UNKNOWN),
        ];
        let format = formats[usize::from(octet % 8)];
        let text = match format {
            // Most of them without a value, as it should be.
            Some("node" | "null") if octet < 224 => None,
            _ => [None, Some("7"), Some("text"), Some("true")][usize::from(octet / 8 % 4)],
        };
        let types = [
            None,
            None,
            Some("text/plain"),
            Some("x/y"),
            Some(INSTANCE_TYPE),
        ];
        Value {
            format,
            type_: types[usize::from(octet / 32 % 5)],
            text,
        }
    }

    /// A document of up to four nodes for a target.
    fn document(&mut self, target: &[&'static str]) -> Vec<DocumentNode> {
        let mut document: Vec<DocumentNode> = Vec::new();
        for _ in 0..=self.below(4) {
            let (shape, content) = (self.octet().unwrap_or(0), self.octet().unwrap_or(0));
            let deepest = match document.last() {
                None => 0,
                Some(last) if last.leaf.is_some() => last.depth,
                Some(last) => last.depth + 1,
            };
            let own = *target.last().unwrap_or(&"n0");
            let is_first = document.is_empty();
            let name = match shape / 4 % 8 {
                // The name of the target is for the first to have, and so is none.
                4 if is_first => own,
                5 if is_first && target.first() != Some(&"Inbox") => "",
                6 => "Id",
                7 => "Count",
                number => NAMES[usize::from(number % 4)],
            };
            let formats = ["chr", "chr", "int", "bool"];
            let texts = ["", "7", "text", "true"];
            let leaf = match content % 3 {
                0 => None,
                _ => {
                    let format = formats[usize::from(content / 3 % 4)];
                    Some((format, texts[usize::from(content / 12 % 4)]))
                }
            };
            let types = [None, Some("text/plain"), Some(INSTANCE_TYPE), Some("x/y")];
            let type_ = match (leaf, content / 48 % 4) {
                (Some(_), 0..=2) => Some("text/plain"),
                (None, 1 | 2) => Some(INSTANCE_TYPE),
                (_, number) => types[usize::from(number)],
            };
            let acl = acls()[usize::from(shape % 8)].1.clone();
            document.push(DocumentNode {
                depth: usize::from(shape / 32 % 4).min(deepest),
                name,
                leaf,
                type_,
                title: (shape >= 192).then(|| "t".repeat(usize::from(content / 2) * 3)),
                acl: if shape & 64 == 0 { None } else { acl },
            });
        }
        document
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

const MAX_SAVEPOINTS: usize = 6;
const NAMES: [&str; 4] = ["n0", "n1", "n2", "n3"];
/// Places that are not below `M`.
const OTHERS: [&[&str]; 16] = [
    &["E"],
    &["E", "State"],
    &["E", "now"],
    &["E", "later"],
    &["E", "refuse"],
    &["E", "n0"],
    &["E", "n0"],
    &["E", "n0", "Run"],
    &["E", "n0", "Id"],
    &["E", "n0", "Count"],
    &["E", "n1"],
    &["E", "n1", "Id"],
    &["E", "n2"],
    &["Inbox"],
    &["Inbox", "n0"],
    &["Inbox", "n0", "Id"],
];
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
            let mut program: Vec<u8> = (0..900).map(|_| octet()).collect();
            if round % 3 > 0 {
                // Few transactions are given up, so that the tree grows.
                for step in program.iter_mut().filter(|step| **step % 32 == 4) {
                    *step = 134;
                }
            }
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
        for status in [200, 202, 400, 403, 404, 405, 406, 413, 415, 418, 425, 500] {
            assert!(
                met.get(&status).is_some_and(|times| *times > 10),
                "{status}: {met:?}"
            );
        }
    }
}
