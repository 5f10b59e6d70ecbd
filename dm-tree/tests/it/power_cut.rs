//! The power goes at every write, every change of length and every flush below redb, in the middle of a
//! long series of commands: what is found afterwards is a state that was committed, and servers see no
//! difference. The same with a process that is killed.

use std::{
    collections::BTreeMap,
    fs, io,
    io::{BufRead, BufReader},
    process,
    sync::{Arc, Mutex, MutexGuard},
};

use dm_proto::{
    Text,
    message::{Add, Alert, Atomic, Command, Delete, Item, Meta, Replace},
};
use dm_tree::{
    Node, NodeFormat, NodeUri, Tree,
    store::{Batch, Kind, Memory, Redb, Store, StoreError},
};
use redb::{Database, StorageBackend};

use crate::large;
use crate::support::{GO, Lock, Random, Script, Setting, exec, told, uri};

/// A disk with a cache: what was not flushed may be lost, in any part and any order.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    durable: Vec<u8>,
    /// What reads see.
    current: Vec<u8>,
    /// Since the last flush.
    pending: Vec<Pending>,
    /// Writes, changes of length, and flushes.
    operations: u32,
    reads: u64,
    cut_at: Option<u32>,
    is_off: bool,
}

#[derive(Clone, Debug)]
enum Pending {
    Len(usize),
    Write(usize, Vec<u8>),
}

impl Pending {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Len(len) => image.resize(*len, 0),
            Self::Write(at, octets) => {
                let end = at + octets.len();
                image.resize(image.len().max(end), 0);
                image[*at..end].copy_from_slice(octets);
            }
        }
    }
}

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// Counts an operation; the one at which the power goes fails, and all after it.
    fn operate(&self, pending: Option<Pending>) -> io::Result<()> {
        let mut platter = self.platter();
        if !platter.is_off {
            platter.operations += 1;
            platter.is_off = Some(platter.operations) == platter.cut_at;
            if let Some(pending) = pending {
                pending.apply(&mut platter.current);
                platter.pending.push(pending);
            } else if !platter.is_off {
                platter.durable = platter.current.clone();
                platter.pending.clear();
            }
        }
        if platter.is_off {
            return Err(io::ErrorKind::Other.into());
        }
        Ok(())
    }

    fn is_off(&self) -> bool {
        self.platter().is_off
    }

    /// The power comes back. Of what was not flushed, `random` decides what reached the disk.
    fn power_on(&self, random: &mut Random) {
        let mut platter = self.platter();
        let mut image = core::mem::take(&mut platter.durable);
        let mood = random.below(4);
        for pending in core::mem::take(&mut platter.pending) {
            let has_arrived = match mood {
                0 => false,
                1 => true,
                _ => random.below(2) == 0,
            };
            match pending {
                _ if !has_arrived => {}
                // Torn: some sectors of it.
                Pending::Write(at, octets) if mood == 3 => {
                    for (number, sector) in octets.chunks(512).enumerate() {
                        if random.below(2) == 0 {
                            Pending::Write(at + number * 512, sector.to_vec()).apply(&mut image);
                        }
                    }
                }
                pending => pending.apply(&mut image),
            }
        }
        platter.current = image.clone();
        platter.durable = image;
        platter.is_off = false;
        platter.cut_at = None;
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut platter = self.platter();
        if platter.is_off {
            return Err(io::ErrorKind::Other.into());
        }
        platter.reads += out.len() as u64;
        let start = usize::try_from(offset).unwrap();
        let octets = platter.current.get(start..start + out.len());
        out.copy_from_slice(octets.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate(Some(Pending::Len(usize::try_from(len).unwrap())))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(None)
    }

    fn write(&self, offset: u64, octets: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.operate(Some(Pending::Write(offset, octets.to_vec())))
    }
}

/// A store on a disk whose power goes, and comes back when the process has died of it. What is found
/// then is compared with what was committed.
struct PowerCut {
    disk: Disk,
    redb: Option<Redb>,
    /// What must be there.
    committed: Memory,
    random: Random,
    cuts: Arc<Mutex<u32>>,
}

impl PowerCut {
    fn new(disk: &Disk, seed: u64) -> Self {
        Self {
            disk: disk.clone(),
            redb: Some(open(disk).unwrap()),
            committed: Memory::new(),
            random: Random::new(seed),
            cuts: Arc::default(),
        }
    }

    fn redb(&self) -> &Redb {
        self.redb.as_ref().unwrap()
    }

    fn write(
        &mut self,
        write: impl Fn(&mut dyn Store) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = self.committed.clone();
        write(&mut after)?;
        let written = write(self.redb.as_mut().unwrap());
        if written.is_ok() {
            self.committed = after;
            return written;
        }
        assert!(self.disk.is_off(), "{written:?}");
        *self.cuts.lock().unwrap() += 1;
        self.redb = None;
        self.disk.power_on(&mut self.random);
        let reopened = open(&self.disk).unwrap();
        let found = dump(&reopened);
        if found == dump(&after) {
            self.committed = after;
        } else {
            assert_eq!(found, dump(&self.committed), "neither before nor after");
        }
        self.redb = Some(reopened);
        written
    }
}

impl Store for PowerCut {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.redb().node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.redb().children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.redb().record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.redb().records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.write(|store| store.commit(batch.clone()))
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.write(|store| store.clear())
    }
}

fn open(disk: &Disk) -> Result<Redb, StoreError> {
    let database = Database::builder().create_with_backend(disk.clone());
    Redb::with_database(database.unwrap())
}

type Dump = (BTreeMap<NodeUri, Node>, BTreeMap<(Kind, u64), Vec<u8>>);

fn dump(store: &dyn Store) -> Dump {
    let mut nodes = BTreeMap::new();
    let mut pending = vec![NodeUri::ROOT];
    while let Some(uri) = pending.pop() {
        let Some(node) = store.node(&uri).unwrap() else {
            continue;
        };
        store
            .children(&uri, &mut |name| pending.push(uri.child(&name).unwrap()))
            .unwrap();
        nodes.insert(uri, node);
    }
    let mut records = BTreeMap::new();
    for kind in [
        Kind::Session,
        Kind::LastSent,
        Kind::Job,
        Kind::Report,
        Kind::Agent,
        Kind::Spool,
    ] {
        let mut keep = |id, record| {
            records.insert((kind, id), record);
        };
        store.records(kind, &mut keep).unwrap();
    }
    (nodes, records)
}

/// Replace, Add, Delete, Exec and Atomic, in messages of up to four. Many fail, as they should: who
/// ran one of them twice would get other statuses.
fn batches(random: &mut Random, messages: u32) -> Vec<Vec<Command>> {
    let mut number = 0;
    let mut leaf = |random: &mut Random| -> Command {
        number += 1;
        let instance = format!("./Lock/n{}", random.below(4));
        match random.below(3) {
            0 => Replace {
                items: vec![Item::for_target("./Lock/Wish").with_data(format!("wish {number}"))],
                ..Replace::default()
            }
            .into(),
            1 => Add {
                items: vec![Item::for_target(instance.as_str()).with_meta(Meta::format("node"))],
                ..Add::default()
            }
            .into(),
            _ => Delete {
                items: vec![Item::for_target(instance.as_str())],
                ..Delete::default()
            }
            .into(),
        }
    };
    (0..messages)
        .map(|message| {
            (0..=random.below(4))
                .map(|place| match random.below(6) {
                    0 => exec(GO, Some(&format!("{message}-{place}"))),
                    1 => exec(GO, None),
                    2 => Atomic {
                        commands: (0..=random.below(3)).map(|_| leaf(random)).collect(),
                        ..Atomic::default()
                    }
                    .into(),
                    _ => leaf(random),
                })
                .collect()
        })
        .collect()
}

/// What servers and the tree know in the end.
#[derive(Debug, PartialEq)]
struct End {
    statuses: BTreeMap<u64, Vec<u16>>,
    reports: Vec<(Option<String>, String)>,
    starts: usize,
    nodes: BTreeMap<NodeUri, Node>,
    records: BTreeMap<(Kind, u64), Vec<u8>>,
}

fn end(setting: &Setting) -> End {
    let mut statuses: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for (tag, code) in &setting.manager().statuses {
        statuses.entry(*tag).or_default().push(*code);
    }
    let mut reports: Vec<_> = setting
        .manager()
        .reports
        .iter()
        .map(told)
        .map(|(correlator, code, _)| (correlator.map(str::to_owned), code.to_owned()))
        .collect();
    reports.sort();
    let (mut nodes, mut records) = dump(&setting.store);
    // How many sessions it took is the crash's affair: a nonce is used up with each, and what the agent
    // remembers beside the number of its next job is of the last.
    nodes.retain(|uri, _| uri.name() != "AAuthData");
    records.retain(|(kind, id), _| *kind != Kind::Agent || *id == 0);
    End {
        statuses,
        reports,
        starts: setting.world().effects.len(),
        nodes,
        records,
    }
}

fn run(script: Script, seed: u64, cut_at: Option<u32>) -> (End, Disk, u32) {
    let disk = Disk::default();
    let batches = batches(&mut Random::new(seed), 12);
    let store = PowerCut::new(&disk, seed ^ u64::from(cut_at.unwrap_or(0)));
    disk.platter().cut_at = cut_at;
    let cuts = Arc::clone(&store.cuts);
    let mut setting = Setting::new(store, script, batches);
    setting.run();
    let cuts = *cuts.lock().unwrap();
    (end(&setting), disk, cuts)
}

fn at_every_operation(script: Script, seed: u64) {
    let (expected, disk, cuts) = run(script, seed, None);
    assert_eq!(cuts, 0);
    assert!(expected.statuses.len() > 12);
    let operations = disk.platter().operations;
    let first = {
        let disk = Disk::default();
        drop(PowerCut::new(&disk, 0));
        disk.platter().operations + 1
    };
    let mut seen = 0;
    for cut_at in first..=operations {
        let (met, _, cuts) = run(script, seed, Some(cut_at));
        seen += cuts;
        let what = format!("{script:?} {seed} cut at {cut_at}");
        assert_eq!(met.statuses, expected.statuses, "{what}");
        assert_eq!(met.reports, expected.reports, "{what}");
        assert_eq!(met.records, expected.records, "{what}");
        assert_eq!(met.starts, expected.starts, "{what}");
        for (uri, node) in &expected.nodes {
            assert_eq!(met.nodes.get(uri), Some(node), "{uri}: {what}");
        }
        assert_eq!(met.nodes.len(), expected.nodes.len(), "{what}");
    }
    assert!(operations - first > 200, "{operations}");
    // The last operations are those of closing.
    assert!(seen + 20 > operations - first, "{seen} of {operations}");
}

#[test]
fn a_power_cut_at_any_operation_of_the_disk_changes_nothing_that_a_server_sees() {
    at_every_operation(Script::Now, 1);
}

#[test]
fn nor_does_it_when_jobs_run_later() {
    at_every_operation(Script::Accept, 2);
}

/// Large values come in, one in the place of another, and the power goes: statuses with the values read at
/// last, the disk, and how often it went.
fn run_large(cut_at: Option<u32>) -> (Told, Disk, u32) {
    let disk = Disk::default();
    let batches = vec![
        vec![
            large::add("./Files/A", &large::octets(5000)),
            large::add("./Files/B", &large::octets(3000)),
        ],
        vec![
            large::replace("./Files/A", &large::octets(4000)),
            large::delete("./Files/B"),
        ],
        vec![large::get("./Files/A")],
    ];
    let store = PowerCut::new(&disk, u64::from(cut_at.unwrap_or(0)));
    disk.platter().cut_at = cut_at;
    let cuts = Arc::clone(&store.cuts);
    let mut setting = large::Setting::new(store, batches);
    let sender = setting.run();
    let told = (sender.statuses.clone(), sender.results.clone());
    assert_eq!(setting.pieces(), 0, "pieces are left: cut at {cut_at:?}");
    drop(setting);
    let cuts = *cuts.lock().unwrap();
    (told, disk, cuts)
}

/// Statuses, and values.
type Told = (Vec<(u64, u16)>, Vec<Vec<u8>>);

#[test]
fn nor_does_it_while_large_values_come_in() {
    let (told, disk, _) = run_large(None);
    assert_eq!(told.1.concat(), large::octets(4000));
    let last = disk.platter().operations;
    let mut seen = 0;
    for cut_at in 40..=last {
        let (met, _, cuts) = run_large(Some(cut_at));
        seen += cuts;
        assert_eq!(met, told, "cut at {cut_at}");
    }
    assert!(seen > 100, "{seen} of {last}");
}

/// Opens a store of so many nodes that was closed, or whose power went, and says how many octets that
/// read, and how many there are.
fn opened(nodes: u32, has_power: bool, has_quick_repair: bool) -> (u64, u64) {
    let disk = Disk::default();
    let mut store = open(&disk).unwrap();
    store.set_quick_repair(has_quick_repair);
    for first in (0..nodes).step_by(1000) {
        let mut batch = Batch::default();
        for number in first..first + 1000 {
            let node = Node::leaf(NodeFormat::Chr, "v".repeat(50));
            let leaf = uri(&format!("./Folder-{}/Leaf-{number}", number / 10));
            batch.nodes.insert(leaf, Some(node));
        }
        store.commit(batch).unwrap();
    }
    if !has_power {
        let operations = disk.platter().operations;
        disk.platter().cut_at = Some(operations + 1);
    }
    drop(store);
    if !has_power {
        disk.power_on(&mut Random::new(1));
    }
    disk.platter().reads = 0;
    let store = open(&disk).unwrap();
    let leaf = uri("./Folder-7/Leaf-77");
    assert!(store.node(&leaf).unwrap().is_some());
    let platter = disk.platter();
    (platter.reads, platter.current.len() as u64)
}

#[test]
fn opening_a_store_reads_a_few_pages_of_it() {
    for (has_power, has_quick_repair) in [(true, false), (true, true), (false, true)] {
        let (small, _) = opened(1000, has_power, has_quick_repair);
        let (large, len) = opened(40_000, has_power, has_quick_repair);
        let what = format!("{has_power} {has_quick_repair}: {small} and {large} of {len}");
        println!("{what}");
        assert!(len > 4 << 20, "{what}");
        assert!(large < len / 20 && large < small * 3, "{what}");
    }
    // What quick repair is for.
    let (all, len) = opened(40_000, false, false);
    assert!(all > len / 2, "{all} of {len}");
}

const KILLED: &str = "DM_KILLED_WITH";

/// The process that is killed: it raises one report after the other, and says so.
#[test]
#[ignore = "run by `a_killed_process_leaves_all_reports_that_it_told_of`"]
fn raises_reports_until_it_is_killed() {
    let Ok(path) = std::env::var(KILLED) else {
        return;
    };
    let setting = Setting::new(Redb::open(path).unwrap(), Script::Now, Vec::new());
    let mut agent = setting.open().unwrap();
    let first = setting.store.count(Kind::Report);
    for number in first.. {
        let alert = Alert {
            items: vec![Item::for_source(GO).with_data(number.to_string())],
            ..Alert::default()
        };
        agent.raise("srv", alert, 1).unwrap();
        println!("committed {number}");
    }
}

/// The process that is killed: each of its commits has a node more, the number of it in another node, a
/// new job, and the end of an old one.
#[test]
#[ignore = "run by `a_killed_process_leaves_nodes_and_jobs_of_one_commit`"]
fn adds_nodes_and_jobs_until_it_is_killed() {
    let Ok(path) = std::env::var(KILLED) else {
        return;
    };
    let mut tree = Tree::new(Box::new(Redb::open(path).unwrap()));
    let object = Lock::new(Script::Now, Arc::default());
    tree.mount(uri("./Lock"), Box::new(object)).unwrap();
    let first = tree.view().text(&uri(WISH)).unwrap();
    let first = first.parse::<u64>().map_or(0, |last| last + 1);
    for number in first.. {
        let mut transaction = tree.begin(number);
        {
            let mut edit = transaction.edit(&uri("./Lock")).unwrap();
            edit.put(&format!("n{number}"), Node::interior("")).unwrap();
            edit.set("Wish", number.to_string()).unwrap();
        }
        transaction.put(Kind::Job, number, Some(number.to_le_bytes().to_vec()));
        if let Some(old) = number.checked_sub(JOBS) {
            transaction.put(Kind::Job, old, None);
        }
        transaction.commit().unwrap();
        println!("committed {number}");
    }
}

const WISH: &str = "./Lock/Wish";
/// How many jobs there are at a time.
const JOBS: u64 = 3;

/// Kills a process eight times in the middle of its commits. `check` gets what is found, and the number
/// of the last commit that the process told of.
fn kill_again_and_again(test: &str, check: impl Fn(&Dump, u64)) {
    let path = std::env::temp_dir().join(format!("dm-tree-{test}-{}.redb", process::id()));
    let _ = fs::remove_file(&path);
    let mut random = Random::new(5);
    let mut told = 0;
    for _ in 0..8 {
        let mut child = process::Command::new(std::env::current_exe().unwrap())
            .args([&format!("power_cut::{test}"), "--exact"])
            .args(["--ignored", "--nocapture"])
            .env(KILLED, &path)
            .stdout(process::Stdio::piped())
            .stderr(process::Stdio::null())
            .spawn()
            .unwrap();
        let patience = random.below(25);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let committed = lines.filter_map(|line| {
            let line = line.unwrap();
            let (_, number) = line.split_once("committed ")?;
            number.parse::<u64>().ok()
        });
        told = committed.take(patience as usize + 1).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        check(&dump(&Redb::open(&path).unwrap()), told);
    }
    assert!(told > 7);
    fs::remove_file(path).unwrap();
}

fn ids(records: &BTreeMap<(Kind, u64), Vec<u8>>, of: Kind) -> Vec<u64> {
    let ids = records.keys().filter(|(kind, _)| *kind == of);
    ids.map(|(_, id)| *id).collect()
}

#[test]
fn a_killed_process_leaves_all_reports_that_it_told_of() {
    kill_again_and_again(
        "raises_reports_until_it_is_killed",
        |(nodes, records), told| {
            assert!(nodes.len() > 20);
            let found = ids(records, Kind::Report);
            // The pipe holds what was raised after what was read.
            assert!(found.len() as u64 > told, "{found:?} of {told}");
            // Each once, in order, and none but them.
            assert!(found.iter().copied().eq(1..=found.len() as u64));
        },
    );
}

#[test]
fn a_killed_process_leaves_nodes_and_jobs_of_one_commit() {
    kill_again_and_again(
        "adds_nodes_and_jobs_until_it_is_killed",
        |(nodes, records), told| {
            let last = nodes.get(&uri(WISH)).and_then(Node::as_str).unwrap();
            let last: u64 = last.parse().unwrap();
            assert!(last >= told, "{last} of {told}");
            for number in 0..=last + 1 {
                let name = uri(&format!("./Lock/n{number}"));
                assert_eq!(nodes.contains_key(&name), number <= last, "{number}");
            }
            let open: Vec<u64> = (last.saturating_sub(JOBS - 1)..=last).collect();
            assert_eq!(ids(records, Kind::Job), open);
        },
    );
}
