//! [`Plan`]: the commands of one message on their way to their statuses.
//!
//! OMA-TS-DM_RepPro, `Atomic`, `Sequence`; OMA-TS-DM_Protocol, user interaction commands. The plan is
//! flat, in document order, with an index where each container ends: walking it needs no recursion,
//! and it can be saved between any two items.

use alloc::{vec, vec::Vec};

use self::step::{Kind, Step, is_complete, steps_of};
use super::{
    config::{ClientConfig, SequencePolicy},
    event::{Answer, Prompt, Verb},
    memory::octets_of,
    meta::complete_meta,
    object::{Chunk, Incoming, Rules},
    package::Parcel,
};
use crate::{
    AlertCode, CmdId, Correlator, MsgId, StatusCode,
    message::{Command, Item},
};

mod replies;
mod step;

pub(super) use self::{replies::Trial, step::refusal_of};

/// The commands of one message.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(in crate::session) struct Plan {
    pub(in crate::session) msg_id: MsgId,
    steps: Vec<Step>,
    cursor: usize,
    /// The user cancelled: nothing of the message is processed any more.
    is_stopped: bool,
    /// The Atomic whose savepoint is set.
    atomic: Option<usize>,
    /// Octets of the results so far, about.
    results: usize,
    pub(in crate::session) wait: Option<Wait>,
    rules: Rules,
    /// The large object of which the last chunk has not come.
    object: Option<Incoming>,
    /// The chunk that the caller has to take.
    chunk: Option<Chunk>,
    /// There is a chunk in this message.
    has_chunk: bool,
    /// Objects that something else came instead of the rest of.
    broken: Vec<Item>,
}

/// What the plan waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(in crate::session) enum Wait {
    /// The next item of this step.
    Item(usize),
    /// The caller taking a chunk, which is the next item of this step.
    Chunk(usize),
    /// The user's reply to this step.
    Ask(usize),
    /// The changes of this Atomic being undone.
    Rollback(usize),
}

/// What the plan tells on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::session) enum Note {
    Savepoint,
    Release,
    /// The chunks that the caller took will never be a whole.
    Discard,
}
impl Plan {
    /// The commands of a message. Statuses are not among them. `object` is what the message before
    /// left open.
    pub(in crate::session) fn new(
        msg_id: MsgId,
        commands: Vec<Command>,
        config: &ClientConfig,
        object: Option<Incoming>,
    ) -> Self {
        Self {
            msg_id,
            steps: steps_of(commands, config),
            cursor: 0,
            is_stopped: false,
            atomic: None,
            results: 0,
            wait: None,
            rules: Rules {
                are_taken: config.large_objects,
                max_size: config.max_obj_size,
                to_sink: config.chunks,
            },
            object,
            chunk: None,
            has_chunk: false,
            broken: Vec::new(),
        }
    }

    /// Answers everything with one code, and runs nothing.
    pub(in crate::session) fn refuse(&mut self, code: StatusCode) {
        for step in &mut self.steps {
            step.answers = vec![code.into()];
        }
        self.cursor = self.steps.len();
        self.has_chunk = true;
    }

    /// The identifiers of the commands.
    pub(in crate::session) fn cmd_ids(&self) -> impl Iterator<Item = &CmdId> {
        self.steps.iter().map(|step| &step.cmd_id)
    }

    /// Whether the message holds no command at all.
    pub(in crate::session) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Goes on until there is something to wait for, or nothing left.
    pub(in crate::session) fn advance(
        &mut self,
        policy: SequencePolicy,
        note: &mut dyn FnMut(Note),
    ) {
        while self.wait.is_none() {
            if let Some(atomic) = self.atomic
                && self
                    .steps
                    .get(atomic)
                    .is_none_or(|step| self.cursor >= step.end)
            {
                self.close(atomic, policy, note);
                continue;
            }
            let index = self.cursor;
            let is_skipped = self.is_skipped(index);
            if is_skipped || self.interrupts(index) {
                self.break_off(!is_skipped, note);
            }
            let Some(step) = self.steps.get_mut(index) else {
                return;
            };
            if is_skipped {
                step.is_halted = true;
                step.answers = vec![StatusCode::NOT_EXECUTED.into()];
                self.cursor = index.saturating_add(1);
                continue;
            }
            match &step.kind {
                Kind::Refused {
                    code,
                    is_confirmation,
                } => {
                    let (code, is_confirmation) = (*code, *is_confirmation);
                    step.answers = vec![code.into()];
                    self.cursor = index.saturating_add(1);
                    if is_confirmation {
                        self.halt_around(index);
                    }
                    if !code.is_success() {
                        self.failed(index, policy);
                    }
                }
                Kind::Sequence => {
                    // 200 whatever happens inside: it has begun.
                    step.answers = vec![StatusCode::OK.into()];
                    self.cursor = index.saturating_add(1);
                }
                Kind::Atomic => self.open(index, policy, note),
                // Inside an Atomic it was asked before the savepoint.
                Kind::Question(_) if !step.answers.is_empty() => {
                    self.cursor = index.saturating_add(1);
                }
                Kind::Question(_) => self.wait = Some(Wait::Ask(index)),
                Kind::Items { .. } => self.run_items(index, policy, note),
            }
        }
    }

    /// Nothing more is run. What an open Atomic has changed is undone by who leaves, so that its answers
    /// say nothing.
    pub(in crate::session) fn abandon(&mut self) {
        let Some(atomic) = self.atomic.take() else {
            return;
        };
        for step in self.inside(atomic) {
            step.answers.clear();
        }
    }

    /// The item that is waited for, with its place.
    pub(in crate::session) fn item(
        &self,
        index: usize,
    ) -> Option<(usize, Verb, Option<Correlator>, Item)> {
        let step = self.steps.get(index)?;
        let Kind::Items {
            verb,
            correlator,
            meta,
            items,
        } = &step.kind
        else {
            return None;
        };
        let place = step.answers.len();
        let mut item = items.get(place)?.clone();
        complete_meta(&mut item, meta.as_deref());
        Some((place, *verb, correlator.clone(), item))
    }

    /// The question of a step.
    pub(in crate::session) fn question(&self, index: usize) -> Option<&Prompt> {
        match &self.steps.get(index)?.kind {
            Kind::Question(prompt) => Some(prompt),
            _ => None,
        }
    }

    pub(in crate::session) fn cmd_id(&self, index: usize) -> Option<&CmdId> {
        Some(&self.steps.get(index)?.cmd_id)
    }

    /// The item that was waited for has its answer. Results that take more than `budget` octets
    /// together are 413: thousands of short commands could ask for the whole tree each.
    pub(in crate::session) fn answer_item(
        &mut self,
        index: usize,
        mut answer: Answer,
        budget: usize,
    ) {
        self.wait = None;
        let octets = answer.results.iter().map(octets_of);
        let results = octets.fold(self.results, usize::saturating_add);
        if results <= budget {
            self.results = results;
        } else {
            answer = StatusCode::REQUEST_ENTITY_TOO_LARGE.into();
        }
        if let Some(step) = self.steps.get_mut(index) {
            step.answered(answer);
        }
    }

    /// The question that was waited for has its answer.
    pub(in crate::session) fn answer_question(
        &mut self,
        index: usize,
        code: StatusCode,
        items: Vec<Item>,
        policy: SequencePolicy,
    ) {
        self.wait = None;
        let Some(step) = self.steps.get_mut(index) else {
            return;
        };
        step.answers = vec![Answer {
            items,
            ..Answer::from(code)
        }];
        let is_confirmation = matches!(
            &step.kind,
            Kind::Question(prompt) if prompt.code == AlertCode::CONFIRM_OR_REJECT
        );
        let is_ahead = self.cursor != index;
        if !is_ahead {
            self.cursor = index.saturating_add(1);
        }
        if code == StatusCode::OK {
            return;
        }
        let is_cancelled = matches!(
            code,
            StatusCode::OPERATION_CANCELLED | StatusCode::REQUEST_TIMEOUT
        );
        if is_cancelled || is_confirmation {
            self.halt_around(index);
        }
        self.is_stopped |= is_cancelled;
        if is_ahead {
            // It was asked ahead of its Atomic, which now does not begin.
            self.fail_before_begin(self.cursor, index, code, policy);
        } else {
            self.failed(index, policy);
        }
    }

    /// The changes of an Atomic are undone, or not all of them.
    pub(in crate::session) fn rolled_back(
        &mut self,
        atomic: usize,
        is_complete: bool,
        policy: SequencePolicy,
    ) {
        self.wait = None;
        let code = if is_complete {
            StatusCode::ATOMIC_ROLL_BACK_OK
        } else {
            StatusCode::ATOMIC_ROLL_BACK_FAILED
        };
        for step in self.inside(atomic) {
            let undone = match step.kind {
                Kind::Items { .. } => code,
                // A question leaves nothing to undo.
                Kind::Question(_) | Kind::Refused { .. } => StatusCode::ATOMIC_ROLL_BACK_OK,
                Kind::Sequence | Kind::Atomic => continue,
            };
            for answer in &mut step.answers {
                if answer.status.is_success() {
                    *answer = undone.into();
                }
            }
        }
        self.end_atomic(atomic, StatusCode::ATOMIC_FAILED, policy);
    }

    /// The statuses and results of everything, in document order.
    pub(in crate::session) fn into_replies(self, mut trial: Trial<'_>) -> Vec<Parcel> {
        let msg_id = self.msg_id;
        // A status each, and most with results.
        let mut replies = Vec::with_capacity(self.steps.len().saturating_mul(2));
        for step in self.steps {
            step.reply(&msg_id, &mut trial, &mut replies);
        }
        replies
    }

    /// The chunk that is waited to be taken.
    pub(in crate::session) fn chunk(&self) -> Option<&Chunk> {
        self.chunk.as_ref()
    }

    /// The chunk that was waited for is stored, or the status says why not.
    pub(in crate::session) fn answer_chunk(&mut self, index: usize, status: StatusCode) {
        self.wait = None;
        let Some(chunk) = self.chunk.take() else {
            return;
        };
        if !status.is_success() {
            self.object = None;
            self.push_answer(index, status);
        } else if chunk.last {
            self.complete_object(index);
        } else {
            self.push_answer(index, StatusCode::CHUNK_ACCEPTED);
        }
    }

    /// The message is through. Returns the object that is still open, and the places of those that
    /// were broken off.
    pub(in crate::session) fn take_objects(
        &mut self,
        is_final: bool,
        note: &mut dyn FnMut(Note),
    ) -> (Option<Incoming>, Vec<Item>) {
        if is_final && !self.has_chunk {
            self.break_off(true, note);
        }
        (self.object.take(), core::mem::take(&mut self.broken))
    }

    /// Gives up the object that is open.
    pub(in crate::session) fn drop_object(&mut self) -> Option<Incoming> {
        self.chunk = None;
        self.object.take()
    }

    /// Whether a step is something else than the rest of the object that is open.
    fn interrupts(&self, index: usize) -> bool {
        let Some((object, step)) = self.object.as_ref().zip(self.steps.get(index)) else {
            return false;
        };
        match &step.kind {
            // Control of the exchange.
            Kind::Refused { code, .. } => *code != StatusCode::OK,
            Kind::Items { items, .. } => items
                .get(step.answers.len())
                .is_some_and(|item| step.parent.is_some() || !object.goes_on(&step.name, item)),
            Kind::Question(_) | Kind::Sequence | Kind::Atomic => true,
        }
    }

    /// The rest of the object that is open will not come.
    fn break_off(&mut self, is_told: bool, note: &mut dyn FnMut(Note)) {
        if let Some(object) = self.object.take() {
            if object.is_in_sink() {
                note(Note::Discard);
            }
            if is_told {
                self.broken.push(Item {
                    meta: None,
                    ..object.item()
                });
            }
        }
    }

    /// Takes the next item of a step as a chunk.
    fn run_chunk(&mut self, index: usize, note: &mut dyn FnMut(Note)) {
        let Some((step, item)) = self
            .steps
            .get(index)
            .and_then(|step| Some((step, self.item(index)?.3)))
        else {
            return;
        };
        let may_be_large = matches!(
            &step.kind,
            Kind::Items {
                verb: Verb::Add | Verb::Replace | Verb::Exec,
                ..
            }
        );
        // OMA-TS-DM_Protocol: Atomic and Sequence stand in one message.
        if !may_be_large || step.parent.is_some() {
            self.push_answer(index, StatusCode::REQUEST_ENTITY_TOO_LARGE);
            return;
        }
        let open = match self.object.take() {
            Some(object) => Ok(object),
            None => Incoming::begin(&step.name, &item, self.rules),
        };
        let taken = open.and_then(|mut object| {
            self.has_chunk = true;
            match object.take(&item) {
                Ok(chunk) => Ok((object, chunk)),
                Err(code) => {
                    if object.is_in_sink() {
                        note(Note::Discard);
                    }
                    Err(code)
                }
            }
        });
        match taken {
            Err(code) => self.push_answer(index, code),
            Ok((object, chunk)) => {
                let (is_in_sink, is_last) = (object.is_in_sink(), chunk.last);
                self.object = Some(object);
                if is_in_sink {
                    self.chunk = Some(chunk);
                    self.wait = Some(Wait::Chunk(index));
                } else if is_last {
                    self.complete_object(index);
                } else {
                    self.push_answer(index, StatusCode::CHUNK_ACCEPTED);
                }
            }
        }
    }

    /// The last chunk is here: the item is run as if it had come in one piece.
    fn complete_object(&mut self, index: usize) {
        let Some(object) = self.object.take() else {
            return;
        };
        if let Some(step) = self.steps.get_mut(index)
            && let Kind::Items { items, .. } = &mut step.kind
            && let Some(item) = items.get_mut(step.answers.len())
        {
            *item = object.into_item();
            self.wait = Some(Wait::Item(index));
        }
    }

    fn push_answer(&mut self, index: usize, code: StatusCode) {
        if let Some(step) = self.steps.get_mut(index) {
            step.answered(code.into());
        }
    }

    /// Runs the items of a command one after the other.
    fn run_items(&mut self, index: usize, policy: SequencePolicy, note: &mut dyn FnMut(Note)) {
        let in_atomic = self.atomic.is_some();
        let is_open = self.object.is_some();
        let Some(step) = self.steps.get_mut(index) else {
            return;
        };
        let Kind::Items { verb, items, .. } = &step.kind else {
            return;
        };
        let has_failed = step
            .answers
            .iter()
            .any(|answer| !answer.status.is_success());
        match items.get(step.answers.len()) {
            Some(_) if in_atomic && has_failed => {
                step.answered(StatusCode::NOT_EXECUTED.into());
            }
            Some(item) if !is_open && !is_complete(*verb, item) => {
                step.answered(StatusCode::INCOMPLETE_COMMAND.into());
            }
            Some(item) if is_open || item.more_data => self.run_chunk(index, note),
            Some(_) => self.wait = Some(Wait::Item(index)),
            None => {
                self.cursor = index.saturating_add(1);
                if has_failed {
                    self.failed(index, policy);
                }
            }
        }
    }

    /// Begins an Atomic: looks for what it must not hold, then asks its questions, then sets the
    /// savepoint.
    fn open(&mut self, atomic: usize, policy: SequencePolicy, note: &mut dyn FnMut(Note)) {
        let inside = atomic.saturating_add(1);
        let end = self.steps.get(atomic).map_or(inside, |step| step.end);
        let steps = self.steps.get(inside..end).unwrap_or_default();
        let refused = steps
            .iter()
            .enumerate()
            .find_map(|(place, step)| Some((place, step.kind.refusal_in_atomic()?)));
        if let Some((place, code)) = refused {
            let index = inside.saturating_add(place);
            if self.steps.get(index).is_some_and(|step| {
                matches!(
                    step.kind,
                    Kind::Refused {
                        is_confirmation: true,
                        ..
                    }
                )
            }) {
                self.halt_around(index);
            }
            self.fail_before_begin(atomic, index, code, policy);
            return;
        }
        let unasked = steps
            .iter()
            .position(|step| matches!(step.kind, Kind::Question(_)) && step.answers.is_empty());
        if let Some(place) = unasked {
            self.wait = Some(Wait::Ask(inside.saturating_add(place)));
            return;
        }
        note(Note::Savepoint);
        self.atomic = Some(atomic);
        self.cursor = inside;
    }

    /// An Atomic fails before its first change: as if it had been rolled back.
    fn fail_before_begin(
        &mut self,
        atomic: usize,
        failed: usize,
        code: StatusCode,
        policy: SequencePolicy,
    ) {
        let before = failed.saturating_sub(atomic).saturating_sub(1);
        for (place, step) in self.inside(atomic).iter_mut().enumerate() {
            let status = match place.cmp(&before) {
                core::cmp::Ordering::Less if matches!(step.kind, Kind::Sequence) => StatusCode::OK,
                core::cmp::Ordering::Less => StatusCode::ATOMIC_ROLL_BACK_OK,
                core::cmp::Ordering::Equal => code,
                core::cmp::Ordering::Greater => StatusCode::NOT_EXECUTED,
            };
            step.answers = vec![status.into()];
        }
        self.end_atomic(atomic, StatusCode::ATOMIC_FAILED, policy);
    }

    /// Everything in the Atomic is done or skipped.
    fn close(&mut self, atomic: usize, policy: SequencePolicy, note: &mut dyn FnMut(Note)) {
        if self.steps.get(atomic).is_some_and(|step| step.is_halted) {
            self.wait = Some(Wait::Rollback(atomic));
        } else {
            note(Note::Release);
            self.end_atomic(atomic, StatusCode::OK, policy);
        }
    }

    fn end_atomic(&mut self, atomic: usize, code: StatusCode, policy: SequencePolicy) {
        self.atomic = None;
        if let Some(step) = self.steps.get_mut(atomic) {
            step.answers = vec![code.into()];
            self.cursor = step.end;
        }
        if !code.is_success() {
            self.failed(atomic, policy);
        }
    }

    /// A command failed: its Atomic does, or the rest of its Sequence may be skipped.
    fn failed(&mut self, index: usize, policy: SequencePolicy) {
        if let Some(atomic) = self.atomic {
            self.halt(atomic);
        } else if policy == SequencePolicy::Stop
            && let Some(parent) = self.steps.get(index).and_then(|step| step.parent)
        {
            self.halt(parent);
        }
    }

    /// Consent was not given: the rest of every container around is skipped.
    fn halt_around(&mut self, index: usize) {
        let mut parent = self.steps.get(index).and_then(|step| step.parent);
        while let Some(index) = parent {
            self.halt(index);
            parent = self.steps.get(index).and_then(|step| step.parent);
        }
    }

    fn halt(&mut self, index: usize) {
        if let Some(step) = self.steps.get_mut(index) {
            step.is_halted = true;
        }
    }

    fn is_skipped(&self, index: usize) -> bool {
        let parent = self.steps.get(index).and_then(|step| step.parent);
        // What is skipped is halted itself, so that looking at the parent is enough, but for a
        // Sequence that was running when its Atomic failed.
        self.is_stopped
            || [parent, self.atomic]
                .into_iter()
                .flatten()
                .filter_map(|container| self.steps.get(container))
                .any(|step| step.is_halted)
    }

    fn inside(&mut self, container: usize) -> &mut [Step] {
        let end = self.steps.get(container).map_or(0, |step| step.end);
        self.steps
            .get_mut(container.saturating_add(1)..end)
            .unwrap_or_default()
    }
}
