//! [`Finder`]: finds the root of an object by its Type property.

use std::collections::{BTreeSet, VecDeque};

use dm_proto::message::{Command, Item};
use serde::{Deserialize, Serialize};

use super::{command, reader, replies::Replies};
use crate::NodeUri;

/// Finds the root of an object: where it was the last time and where such objects usually are, if the
/// Type there agrees; then in a list of the whole tree; then by walking it, a bounded way.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Finder {
    stage: Stage,
    sent: Vec<NodeUri>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Stage {
    Candidates(Vec<NodeUri>),
    List,
    Walk {
        pending: VecDeque<NodeUri>,
        seen: BTreeSet<NodeUri>,
    },
}

/// How far a [`Finder`] is.
pub(super) enum Find {
    More(Finder),
    Found(NodeUri),
    Missing,
}

/// Nodes looked at while walking.
const NODES: usize = 256;
/// Levels below the root of the tree: objects stand high up.
const DEPTH: usize = 3;
/// Nodes asked for in one message while walking.
const BATCH: usize = 16;

impl Finder {
    pub(super) fn new(candidates: Vec<NodeUri>) -> Self {
        let stage = if candidates.is_empty() {
            Stage::List
        } else {
            Stage::Candidates(candidates)
        };
        Self {
            stage,
            sent: Vec::new(),
        }
    }

    pub(super) fn commands(&mut self) -> Vec<Command> {
        match &mut self.stage {
            Stage::Candidates(candidates) => {
                self.sent.clone_from(candidates);
                candidates
                    .iter()
                    .map(|uri| command::get(uri, "?prop=Type"))
                    .collect()
            }
            Stage::List => vec![command::get(&NodeUri::ROOT, "?list=Struct")],
            Stage::Walk { pending, .. } => {
                self.sent = pending.drain(..pending.len().min(BATCH)).collect();
                self.sent
                    .iter()
                    .flat_map(|uri| [command::get(uri, ""), command::get(uri, "?prop=Type")])
                    .collect()
            }
        }
    }

    pub(super) fn answered(self, replies: &Replies, mo_ids: &[&str]) -> Find {
        let Self { stage, sent } = self;
        let is_object = |command: u16| {
            replies
                .items(command)
                .filter_map(reader::text)
                .any(|type_| mo_ids.contains(&type_.trim()))
        };
        match stage {
            Stage::Candidates(_) => {
                for (command, uri) in (0_u16..).zip(sent) {
                    if is_object(command) {
                        return Find::Found(uri);
                    }
                }
                Find::More(Self {
                    stage: Stage::List,
                    sent: Vec::new(),
                })
            }
            Stage::List => {
                let found = replies
                    .items(0)
                    .filter(|item| has_type(item, mo_ids))
                    .filter_map(reader::source)
                    .min_by_key(|uri| uri.segments().count());
                if let Some(uri) = found {
                    return Find::Found(uri);
                }
                // A list that holds more than the root itself was a list, and complete.
                if replies.items(0).nth(1).is_some() {
                    return Find::Missing;
                }
                Find::More(Self {
                    stage: Stage::Walk {
                        pending: VecDeque::from([NodeUri::ROOT]),
                        seen: BTreeSet::new(),
                    },
                    sent: Vec::new(),
                })
            }
            Stage::Walk {
                mut pending,
                mut seen,
            } => {
                for (command, uri) in (0_u16..).step_by(2).zip(&sent) {
                    let plain = replies.items(command).next();
                    if is_object(command.saturating_add(1))
                        || plain.is_some_and(|item| has_type(item, mo_ids))
                    {
                        return Find::Found(uri.clone());
                    }
                    let Some(item) = plain.filter(|item| reader::is_interior(item)) else {
                        continue;
                    };
                    if uri.segments().count() >= DEPTH {
                        continue;
                    }
                    let names = reader::text(item).unwrap_or_default();
                    for name in names.split('/') {
                        if seen.len() < NODES
                            && let Ok(child) = uri.join(name.trim())
                            && seen.insert(child.clone())
                        {
                            pending.push_back(child);
                        }
                    }
                }
                if pending.is_empty() {
                    return Find::Missing;
                }
                Find::More(Self {
                    stage: Stage::Walk { pending, seen },
                    sent: Vec::new(),
                })
            }
        }
    }
}

fn has_type(item: &Item, mo_ids: &[&str]) -> bool {
    item.meta
        .as_ref()
        .and_then(|meta| meta.type_.as_ref())
        .is_some_and(|type_| mo_ids.contains(&type_.trim()))
}
