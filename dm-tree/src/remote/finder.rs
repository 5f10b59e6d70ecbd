//! [`Finder`]: finds the root of an object by its Type property.

use std::collections::{BTreeSet, VecDeque};

use dm_proto::{
    StatusCode,
    message::{Command, Item},
};
use serde::{Deserialize, Serialize};

use super::{Ended, command, reader, replies::Replies};
use crate::NodeUri;

/// Finds the roots of objects: where one was the last time and where such objects usually are, if the
/// Type there agrees; then in a list of the whole tree; then by walking it, a bounded way.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Finder {
    wanted: Wanted,
    stage: Stage,
    sent: Vec<NodeUri>,
}

/// Which roots are looked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Wanted {
    /// The first that is met.
    First,
    /// This one.
    At(NodeUri),
    /// All of them: the whole tree is searched.
    Every,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Stage {
    Candidates(Vec<NodeUri>),
    List,
    Walk {
        pending: VecDeque<NodeUri>,
        seen: BTreeSet<NodeUri>,
        found: Vec<NodeUri>,
    },
}

/// How far a [`Finder`] is.
pub(super) enum Find {
    More(Finder),
    /// At least one, the best first.
    Found(Vec<NodeUri>),
    Missing,
    /// Not even the root of the tree could be read: nothing is known.
    Refused(Ended),
}

/// Nodes looked at while walking.
const NODES: usize = 256;
/// Levels below the root of the tree: objects stand high up.
const DEPTH: usize = 3;
/// Nodes asked for in one message while walking.
const BATCH: usize = 16;
/// Objects of one kind that are told apart; no device has as many.
const ROOTS: usize = 64;

impl Finder {
    pub(super) fn new(wanted: Wanted, candidates: Vec<NodeUri>) -> Self {
        let candidates = match &wanted {
            Wanted::First => candidates,
            Wanted::At(root) => vec![root.clone()],
            Wanted::Every => Vec::new(),
        };
        let stage = if candidates.is_empty() {
            Stage::List
        } else {
            Stage::Candidates(candidates)
        };
        Self {
            wanted,
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
        let Self {
            wanted,
            stage,
            sent,
        } = self;
        let is_object = |command: u16| {
            replies
                .items(command)
                .filter_map(reader::text)
                .any(|type_| mo_ids.contains(&type_.trim()))
        };
        let more = |wanted, stage| {
            Find::More(Self {
                wanted,
                stage,
                sent: Vec::new(),
            })
        };
        match stage {
            Stage::Candidates(_) => {
                for (command, uri) in (0_u16..).zip(sent) {
                    if is_object(command) {
                        return Find::Found(vec![uri]);
                    }
                    // Its Type is another, or it is not there: no search finds it elsewhere.
                    let is_known = replies.items(command).next().is_some()
                        || replies.status(command, 0) == Some(StatusCode::NOT_FOUND);
                    if matches!(wanted, Wanted::At(_)) && is_known {
                        return Find::Missing;
                    }
                }
                more(wanted, Stage::List)
            }
            Stage::List => {
                let mut found: Vec<NodeUri> = Vec::new();
                let items = replies.items(0).filter(|item| has_type(item, mo_ids));
                for uri in items.filter_map(reader::source) {
                    if wanted.includes(&uri) && found.len() < ROOTS && !found.contains(&uri) {
                        found.push(uri);
                    }
                }
                found.sort_by_key(NodeUri::depth);
                // Of a tree that is too large others may stand in the rest of it.
                let is_cut = replies.is_cut();
                let may_be_more = is_cut && matches!(wanted, Wanted::Every);
                if !found.is_empty() && !may_be_more {
                    return Find::Found(found);
                }
                // A list that holds more than the root itself was a list, and complete.
                if replies.items(0).nth(1).is_some() && !is_cut {
                    return Find::Missing;
                }
                let stage = Stage::Walk {
                    pending: VecDeque::from([NodeUri::ROOT]),
                    seen: BTreeSet::new(),
                    found,
                };
                more(wanted, stage)
            }
            Stage::Walk {
                mut pending,
                mut seen,
                mut found,
            } => {
                for (command, uri) in (0_u16..).step_by(2).zip(&sent) {
                    let plain = replies.items(command).next();
                    if is_object(command.saturating_add(1))
                        || plain.is_some_and(|item| has_type(item, mo_ids))
                    {
                        if wanted.includes(uri) && found.len() < ROOTS && !found.contains(uri) {
                            found.push(uri.clone());
                        }
                        if !found.is_empty() && !matches!(wanted, Wanted::Every) {
                            return Find::Found(found);
                        }
                        // No object stands inside another of its kind.
                        continue;
                    }
                    let Some(item) = plain.filter(|item| reader::is_interior(item)) else {
                        match replies.status(command, 0) {
                            Some(status)
                                if *uri == NodeUri::ROOT
                                    && !status.is_success()
                                    && found.is_empty() =>
                            {
                                return Find::Refused(replies.refused(command, status));
                            }
                            _ => continue,
                        }
                    };
                    if uri.depth() >= DEPTH {
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
                match (pending.is_empty(), found.is_empty()) {
                    (false, _) => more(
                        wanted,
                        Stage::Walk {
                            pending,
                            seen,
                            found,
                        },
                    ),
                    (true, false) => Find::Found(found),
                    (true, true) => Find::Missing,
                }
            }
        }
    }
}

impl Wanted {
    fn includes(&self, uri: &NodeUri) -> bool {
        match self {
            Self::First | Self::Every => true,
            Self::At(root) => root == uri,
        }
    }
}

fn has_type(item: &Item, mo_ids: &[&str]) -> bool {
    item.meta
        .as_ref()
        .and_then(|meta| meta.type_.as_ref())
        .is_some_and(|type_| mo_ids.contains(&type_.trim()))
}
