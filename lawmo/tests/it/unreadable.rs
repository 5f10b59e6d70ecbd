//! A storage that cannot be read for a while: what is not known is not decided on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_proto::{Text, codec::Encoding};
use dm_tree::{
    Node, NodeUri,
    store::{Batch, Kind, Memory, Store, StoreError, StoreErrorKind},
    testing::Disk,
};
use lawmo::device::{Config, Reporting, Standing, UsePolicy, WipeList, WipeListError};

use crate::{
    raw::{Rig, exec, replace},
    support::{Phone, config, uri},
};

const LOCK: &str = "./LAWMO/Operations/FullyLock";
const WIPE: &str = "./LAWMO/Operations/Wipe";
const LIST: &str = "./LAWMO/AvailableWipeList";
const CONTACTS: &str = "./LAWMO/AvailableWipeList/Contacts/ToBeWiped";
const MEDIA: &str = "./LAWMO/AvailableWipeList/Media/ToBeWiped";

/// The node that cannot be read now, if there is one.
#[derive(Clone, Default)]
struct Scratch(Arc<Mutex<Option<&'static str>>>);

impl Scratch {
    fn node(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_on(&self, uri: &NodeUri) -> Result<(), StoreError> {
        match *self.node() {
            Some(node) if uri.as_str() == node => Err(StoreError::new(StoreErrorKind::Io)),
            _ => Ok(()),
        }
    }
}

/// A store with a scratch.
struct Scratched(Memory, Scratch);

impl Store for Scratched {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.1.is_on(uri)?;
        self.0.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.1.is_on(uri)?;
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

fn rig(phone: &Phone, config: Config) -> (Rig, Scratch) {
    let scratch = Scratch::default();
    let disk = Disk::new(Scratched(Memory::default(), scratch.clone()));
    let config = config.with_reporting(Reporting::Synchronous);
    let rig = Rig::new(phone, &[("./LAWMO", config)], Encoding::Wbxml).on(disk);
    (rig, scratch)
}

#[test]
fn a_list_that_cannot_be_read_wipes_neither_everything_nor_a_part() {
    for node in [LIST, CONTACTS, MEDIA] {
        for wipe_all in [false, true] {
            let phone = Phone::default();
            let mut config = config();
            config.wipe_all = wipe_all;
            let (mut rig, scratch) = rig(&phone, config);
            let mark = |node| replace(node, "bool", "true");
            rig.says(0, vec![vec![mark(CONTACTS), mark(MEDIA)]]);
            *scratch.node() = Some(node);
            rig.says(0, vec![vec![exec(WIPE, Some("a"))]]);
            assert_eq!(rig.servers[0].manager.codes(), [200, 200, 510], "{node}");
            assert!(phone.done().is_empty(), "{node}");
            let list = WipeList::of(uri("./LAWMO")).items(rig.agent());
            assert!(matches!(list, Err(WipeListError::Store(_))), "{node}");
            *scratch.node() = None;
            rig.says(0, vec![vec![exec(WIPE, Some("a"))]]);
            assert_eq!(rig.servers[0].manager.status_of(4), Some(1201));
            assert_eq!(phone.done(), ["wipe Contacts+Media"]);
        }
    }
}

#[test]
fn a_user_who_is_perhaps_to_be_told_is_not_passed_over() {
    let phone = Phone::default();
    let mut config = config();
    config.notify_user = true;
    let (mut rig, scratch) = rig(&phone, config);
    rig.run();
    *scratch.node() = Some("./LAWMO/LAWMOConfig/NotifyUser");
    rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
    assert_eq!(rig.servers[0].manager.codes(), [510]);
    assert!(phone.done().is_empty());
}

#[test]
fn a_locked_device_is_not_unlocked_by_a_state_that_cannot_be_read() {
    for node in ["./LAWMO/State", "./LAWMO/Ext/LockedBy"] {
        let phone = Phone::default();
        let (mut rig, scratch) = rig(&phone, config());
        rig.says(0, vec![vec![exec(LOCK, Some("a"))]]);
        *scratch.node() = Some(node);
        let transaction = rig.agent().begin(3000);
        let view = transaction.view();
        assert!(Standing::read(&view, &uri("./LAWMO")).is_err(), "{node}");
        let policy = UsePolicy::default();
        assert!(!policy.admits(&view, &uri("./LAWMO"), "anybody"), "{node}");
        drop(transaction);
        // A start says that it failed, and nothing of a lock that is none.
        rig.cut();
        let told = phone.standings().len();
        assert!(!rig.starts(), "{node}");
        assert_eq!(phone.standings().len(), told, "{node}");
        *scratch.node() = None;
        assert!(rig.starts());
        let standing = phone.standings().pop().expect("it is told");
        assert_eq!(standing.state, lawmo::State::FullyLocked, "{node}");
        assert_eq!(standing.locked_by.as_deref(), Some("srv1"), "{node}");
    }
}
