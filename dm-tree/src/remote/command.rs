//! Commands as operations send them.

use dm_proto::{
    AlertCode, Correlator, Data, LocUri,
    message::{Add, Alert, Atomic, Command, Exec, Get, Item, Meta, Replace, Sequence},
};

use super::{Question, Setting};
use crate::NodeUri;

/// A Get of a node, or of what `query` (such as `?prop=Type`) says of it.
pub(super) fn get(uri: &NodeUri, query: &str) -> Command {
    Get {
        items: vec![Item::for_target(loc_uri(uri, query))],
        ..Get::default()
    }
    .into()
}

/// An Add of a node.
pub(super) fn add(setting: &Setting) -> Command {
    Add {
        items: vec![item(setting)],
        ..Add::default()
    }
    .into()
}

/// A Replace of a value.
pub(super) fn replace(setting: &Setting) -> Command {
    Replace {
        items: vec![item(setting)],
        ..Replace::default()
    }
    .into()
}

/// A Replace of an ACL.
pub(super) fn replace_acl(uri: &NodeUri, acl: &str) -> Command {
    Replace {
        items: vec![
            Item::for_target(loc_uri(uri, "?prop=ACL"))
                .with_meta(Meta::format("chr").with_type("text/plain"))
                .with_data(acl),
        ],
        ..Replace::default()
    }
    .into()
}

/// An Exec.
pub(super) fn exec(uri: &NodeUri, correlator: &Correlator) -> Command {
    Exec {
        correlator: Some(correlator.clone()),
        items: vec![Item::for_target(loc_uri(uri, ""))],
        ..Exec::default()
    }
    .into()
}

/// An Atomic.
pub(super) fn atomic(commands: Vec<Command>) -> Command {
    Atomic {
        commands,
        ..Atomic::default()
    }
    .into()
}

/// A Sequence.
pub(super) fn sequence(commands: Vec<Command>) -> Command {
    Sequence {
        commands,
        ..Sequence::default()
    }
    .into()
}

/// An Alert 1101. `DR` is never sent: a client may take it for the answer of a silent user.
pub(super) fn question(question: &Question) -> Command {
    Alert {
        code: Some(AlertCode::CONFIRM_OR_REJECT),
        items: vec![
            Item::default().with_data(question.options()),
            Item::default().with_data(question.text.clone()),
        ],
        ..Alert::default()
    }
    .into()
}

fn item(setting: &Setting) -> Item {
    let mut meta = Meta::format(setting.format.clone());
    let item = Item::for_target(loc_uri(&setting.uri, ""));
    match &setting.value {
        Some(value) => {
            if let Some(type_) = &setting.type_ {
                meta = meta.with_type(type_.clone());
            }
            item.with_meta(meta).with_data(Data::clone(value))
        }
        None => item.with_meta(meta),
    }
}

fn loc_uri(uri: &NodeUri, query: &str) -> LocUri {
    LocUri::from(format!("{uri}{query}"))
}
