//! [`Step`]: one command of a message, and the list of all of them.

use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};

use crate::{
    AlertCode, CmdId, Correlator, StatusCode,
    message::{Command, CommandName, Item, Meta},
    session::{
        config::ClientConfig,
        event::{Answer, Prompt, Verb},
    },
};

/// One command.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Step {
    pub(super) cmd_id: CmdId,
    pub(super) name: CommandName,
    pub(super) parent: Option<usize>,
    /// The step after the last one inside.
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// What is inside and not yet processed gets 215.
    pub(super) is_halted: bool,
    /// Answers so far: one for each item of a leaf command, one for all else.
    pub(super) answers: Vec<Answer>,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum Kind {
    /// Answered without being run.
    Refused {
        code: StatusCode,
        /// It is a question on whose consent a container may hang.
        is_confirmation: bool,
    },
    Items {
        verb: Verb,
        correlator: Option<Correlator>,
        /// What the items have in common: given to each when its turn comes, since thousands of copies
        /// of a long text would take gigabytes.
        meta: Option<Arc<Meta>>,
        items: Vec<Item>,
    },
    Question(Box<Prompt>),
    Sequence,
    Atomic,
}

impl Step {
    /// The next item has its answer.
    pub(super) fn answered(&mut self, answer: Answer) {
        if let Kind::Items { items, .. } = &self.kind
            && self.answers.is_empty()
        {
            self.answers.reserve_exact(items.len());
        }
        self.answers.push(answer);
    }
}

impl Kind {
    pub(super) fn refused(code: StatusCode) -> Self {
        Self::Refused {
            code,
            is_confirmation: false,
        }
    }

    /// What an Atomic answers at once for a command that it must not hold. OMA-TS-DM_RepPro,
    /// `Atomic`; the code for an Exec is that of devices in the field.
    pub(super) fn refusal_in_atomic(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { code, .. } if *code != StatusCode::OK => Some(*code),
            Self::Atomic
            | Self::Items {
                verb: Verb::Exec | Verb::Get,
                ..
            } => Some(StatusCode::COMMAND_FAILED),
            _ => None,
        }
    }
}

/// The steps of a message. Statuses are not among them.
pub(super) fn steps_of(commands: Vec<Command>, config: &ClientConfig) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(commands.len());
    let mut ids = Ids::default();
    let mut outermost = commands.into_iter();
    // The containers around, with what is still to come in each.
    let mut open: Vec<(usize, alloc::vec::IntoIter<Command>)> = Vec::new();
    loop {
        let (parent, command) = match open.last_mut() {
            Some((parent, children)) => (Some(*parent), children.next()),
            None => (None, outermost.next()),
        };
        let Some(command) = command else {
            let Some((container, _)) = open.pop() else {
                return steps;
            };
            let end = steps.len();
            if let Some(step) = steps.get_mut(container) {
                step.end = end;
            }
            continue;
        };
        if matches!(command, Command::Status(_)) {
            continue;
        }
        let cmd_id = command.cmd_id().clone();
        let is_proper = ids.take(&cmd_id, &steps);
        let index = steps.len();
        let name = command.name();
        let (kind, children) = sort(command, parent.is_none(), config.user_interaction);
        let refusal = match kind {
            _ if !is_proper => Some(StatusCode::BAD_REQUEST),
            Kind::Atomic if !config.atomic => Some(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED),
            _ => None,
        };
        steps.push(Step {
            cmd_id,
            name,
            parent,
            end: index.saturating_add(1),
            kind: refusal.map_or(kind, Kind::refused),
            // What is in a refused container is not looked at.
            is_halted: refusal.is_some(),
            answers: Vec::new(),
        });
        if !children.is_empty() {
            open.push((index, children.into_iter()));
        }
    }
}

/// The identifiers of a message so far. OMA-TS-DM_RepPro, `CmdID`: there, not 0, unique in the message.
#[derive(Default)]
struct Ids {
    /// The last one, while they are numbers that grow, as nearly always: then none comes twice.
    last: u32,
    /// All of them, since they are something else.
    seen: Option<BTreeSet<CmdId>>,
}

impl Ids {
    /// Takes the identifier of the command that follows `steps`. Whether it is a proper one.
    fn take(&mut self, id: &CmdId, steps: &[Step]) -> bool {
        if self.seen.is_none()
            && let Some(number) = number_of(id)
            && number > self.last
        {
            self.last = number;
            return true;
        }
        let seen = self
            .seen
            .get_or_insert_with(|| steps.iter().map(|step| step.cmd_id.clone()).collect());
        !id.as_str().is_empty() && *id != "0" && seen.insert(id.clone())
    }
}

/// The number that is written so and not otherwise.
fn number_of(id: &CmdId) -> Option<u32> {
    let digits = id.as_str();
    let is_plain = digits.len() <= 9 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse().ok()?;
    (is_plain && !digits.starts_with('0')).then_some(number)
}

/// Whether an item has the addresses that its command needs.
pub(super) fn is_complete(verb: Verb, item: &Item) -> bool {
    let has = |uri: Option<&crate::LocUri>| uri.is_some_and(|uri| !uri.as_str().is_empty());
    has(item.target_uri()) && (verb != Verb::Copy || has(item.source_uri()))
}

/// What a command of the server is to us, and the commands inside it.
fn sort(command: Command, is_outermost: bool, user_interaction: bool) -> (Kind, Vec<Command>) {
    let items = |verb, correlator, meta: Option<Arc<Meta>>, items: Vec<Item>| {
        if items.is_empty() {
            return Kind::refused(StatusCode::INCOMPLETE_COMMAND);
        }
        Kind::Items {
            verb,
            correlator,
            meta,
            items,
        }
    };
    let kind = match command {
        Command::Add(command) => items(Verb::Add, None, command.meta, command.items),
        Command::Copy(command) => items(Verb::Copy, None, command.meta, command.items),
        Command::Delete(command) => items(Verb::Delete, None, command.meta, command.items),
        Command::Exec(command) => {
            items(Verb::Exec, command.correlator, command.meta, command.items)
        }
        Command::Get(command) => items(Verb::Get, None, command.meta, command.items),
        Command::Replace(command) => items(Verb::Replace, None, command.meta, command.items),
        Command::Alert(alert) => match alert.code {
            None => Kind::refused(StatusCode::INCOMPLETE_COMMAND),
            // Control of the exchange, not of the device: seen to by the session.
            Some(AlertCode::NEXT_MESSAGE | AlertCode::NO_END_OF_DATA) if is_outermost => {
                Kind::refused(StatusCode::OK)
            }
            Some(code) if code.is_user_interaction() => {
                let prompt = match user_interaction {
                    true => Prompt::read(code, &alert),
                    false => Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED),
                };
                match prompt {
                    Ok(prompt) => Kind::Question(Box::new(prompt)),
                    Err(refusal) => Kind::Refused {
                        code: refusal,
                        is_confirmation: code == AlertCode::CONFIRM_OR_REJECT,
                    },
                }
            }
            Some(_) => Kind::refused(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED),
        },
        Command::Atomic(atomic) => return (Kind::Atomic, atomic.commands),
        Command::Sequence(sequence) => return (Kind::Sequence, sequence.commands),
        Command::Unsupported(command) => Kind::refused(refusal_of(&command.name)),
        // Only a client has results.
        Command::Results(_) | Command::Status(_) => Kind::refused(StatusCode::COMMAND_NOT_ALLOWED),
    };
    (kind, Vec::new())
}

/// The answer to a command that DM does not have.
pub(in crate::session) fn refusal_of(name: &CommandName) -> StatusCode {
    let is_syncml = [
        CommandName::MAP,
        CommandName::MOVE,
        CommandName::PUT,
        CommandName::SEARCH,
        CommandName::SYNC,
    ]
    .contains(name);
    if is_syncml {
        StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED
    } else {
        StatusCode::COMMAND_NOT_IMPLEMENTED
    }
}
