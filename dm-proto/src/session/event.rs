//! What sessions ask and tell their callers, and the answers.

use alloc::{vec, vec::Vec};
use core::fmt;

use super::{Chunk, CommandTag, Ending, Source, Ticket};
use crate::{
    AlertCode, CmdId, Correlator, Extra, MsgId, SessionId, StatusCode, Text,
    auth::{Nonce, Side},
    message::{Alert, Item},
};

/// What a client session asks or tells its caller.
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum ClientEvent {
    /// Run one item of one command on the tree; answer with [`ClientSession::answer`](super::ClientSession::answer).
    Execute(Ticket, Execute),
    /// Store a piece of a large object, if [`ClientConfig::chunks`](super::ClientConfig::chunks) asks
    /// for it. Answer with [`ClientSession::answer`](super::ClientSession::answer) and any status of
    /// success, or with why it cannot be stored, such as 420: then nothing more comes of the object.
    ///
    /// Behind the last piece comes [`Execute`](Self::Execute) for the item, without data. After a
    /// restart a piece that was stored may come again.
    Chunk(Ticket, Chunk),
    /// The large object whose pieces came will never be a whole: forget them.
    Discard,
    /// The next message needs data of an [`Answer::source`]; give it with
    /// [`ClientSession::provide`](super::ClientSession::provide).
    NeedPayload {
        /// The source.
        id: u64,
        /// Octets of it that were taken already.
        offset: u64,
        /// Octets that are needed at most; fewer do too, but each message is made of what was given.
        len: u64,
    },
    /// An Atomic begins: what follows must be undoable. All questions of the Atomic were asked before.
    Savepoint,
    /// The Atomic succeeded.
    Release,
    /// The Atomic failed: undo everything since [`Savepoint`](Self::Savepoint), and answer with
    /// [`ClientSession::rolled_back`](super::ClientSession::rolled_back).
    Rollback(Ticket),
    /// Ask the user; answer with [`ClientSession::reply`](super::ClientSession::reply).
    Ask(Ticket, Prompt),
    /// The server answered an alert given with [`ClientSession::alert`](super::ClientSession::alert).
    Answered {
        /// The alert's tag.
        tag: CommandTag,
        /// The server's answer.
        status: StatusCode,
    },
    /// The alert was not sent and will not be in this session; of one with several items some may have
    /// been.
    NotSent {
        /// The alert's tag.
        tag: CommandTag,
        /// Why.
        reason: NotSent,
    },
    /// The server has our message with this number: what it carried has arrived.
    Delivered(MsgId),
    /// The nonce of one side's next digest changed: store it in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over.
    Ended(Ending),
}

/// One item of a command, to be run on the tree.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Execute {
    /// Which item of which command of the session this is; the same when the event is repeated after
    /// a restart.
    pub origin: Origin,
    /// The command.
    pub verb: Verb,
    /// The correlator of an Exec.
    pub correlator: Option<Correlator>,
    /// The item, its `Meta` completed from that of the command.
    pub item: Item,
}

impl Execute {
    /// One item of a command without a correlator.
    pub fn new(origin: Origin, verb: Verb, item: Item) -> Self {
        Self {
            origin,
            verb,
            correlator: None,
            item,
        }
    }
}

/// The place of an item in a session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Origin {
    /// The session.
    pub session_id: SessionId,
    /// The server's message.
    pub msg_id: MsgId,
    /// The command in it.
    pub cmd_id: CmdId,
    /// The item of the command, from 0.
    pub item: u32,
}

/// A command on a node.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verb {
    /// Create.
    Add,
    /// Copy a leaf; the item's source is what is copied.
    Copy,
    /// Remove.
    Delete,
    /// Start the process behind the node.
    Exec,
    /// Read.
    Get,
    /// Set the value.
    Replace,
}

/// A question or message to the user.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Prompt {
    /// Which kind: 1100 to 1104.
    pub code: AlertCode,
    /// The text.
    pub text: Text,
    /// The choices of 1103 and 1104, numbered from 1.
    pub choices: Vec<Text>,
    /// `MINDT`: seconds to show it at least.
    pub min_display: Option<u32>,
    /// `MAXDT`: seconds to wait at most; then the reply is [`UserReply::TimedOut`].
    pub max_display: Option<u32>,
    /// `DR`: the initial state of the question, unless it is a 1100. Never an answer.
    pub initial: Option<Text>,
    /// `MAXLEN` of a 1102: characters of input at most.
    pub max_length: Option<u32>,
    /// `IT` of a 1102: the kind of input.
    pub input_type: Option<char>,
    /// `ET=P` of a 1102: hide the input.
    pub hide_input: bool,
}

impl Prompt {
    /// `DR` of a 1101: whether *accept* is highlighted at first. Never an answer.
    pub fn initially_accepts(&self) -> Option<bool> {
        match self.initial.as_deref()?.trim() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }

    /// `DR` of a 1103 or 1104: the choices that are marked at first, numbered from 1. What is no number of a
    /// choice is left out; of a single choice there is one at most. Never an answer.
    pub fn initial_choices(&self) -> Vec<u16> {
        let numbers = self.initial.as_deref().unwrap_or_default().split('-');
        let numbers = numbers.filter_map(|number| number.trim().parse::<u16>().ok());
        let mut chosen: Vec<u16> = Vec::new();
        let limit = match self.code {
            AlertCode::SINGLE_CHOICE => 1,
            AlertCode::MULTIPLE_CHOICE => self.choices.len(),
            _ => 0,
        };
        for number in numbers {
            if self.has_choice(number) && !chosen.contains(&number) && chosen.len() < limit {
                chosen.push(number);
            }
        }
        chosen
    }

    /// Whether a reply fits the question: text the kind and the length of input, choices the choices. One
    /// that does not is answered like a question that cannot be shown; who asks the user may ask again.
    pub fn takes(&self, reply: &UserReply) -> bool {
        match (self.code, reply) {
            (_, UserReply::No | UserReply::Cancelled) => true,
            (_, UserReply::TimedOut | UserReply::CannotDisplay) => true,
            (AlertCode::DISPLAY | AlertCode::CONFIRM_OR_REJECT, UserReply::Yes) => true,
            (AlertCode::TEXT_INPUT, UserReply::Text(text)) => self.takes_text(text),
            (AlertCode::SINGLE_CHOICE, UserReply::Choices(chosen)) => {
                chosen.len() == 1 && self.takes_choices(chosen)
            }
            (AlertCode::MULTIPLE_CHOICE, UserReply::Choices(chosen)) => self.takes_choices(chosen),
            (_, UserReply::Yes | UserReply::Text(_) | UserReply::Choices(_)) => false,
        }
    }

    fn has_choice(&self, number: u16) -> bool {
        (1..=self.choices.len()).contains(&usize::from(number))
    }

    /// Each exists, and is chosen once.
    fn takes_choices(&self, chosen: &[u16]) -> bool {
        let mut numbers = chosen.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len() == chosen.len() && numbers.iter().all(|number| self.has_choice(*number))
    }

    fn takes_text(&self, text: &str) -> bool {
        let is_short = self.max_length.is_none_or(|limit| {
            u32::try_from(text.chars().count()).is_ok_and(|length| length <= limit)
        });
        is_short && self.input_type.is_none_or(|kind| is_of_kind(kind, text))
    }
}

/// Whether text is of a kind of input. OMA-TS-DM_Protocol, user interaction options, `IT`.
fn is_of_kind(kind: char, text: &str) -> bool {
    let all = |allowed: fn(&u8) -> bool, text: &str| text.bytes().all(|octet| allowed(&octet));
    let is_digits = |text: &str| !text.is_empty() && all(u8::is_ascii_digit, text);
    // The number that two digits make, from `at` on.
    let two = |at: usize| {
        let digits = text.get(at..at.checked_add(2)?)?;
        digits.parse::<u8>().ok().filter(|_| is_digits(digits))
    };
    let within = |at, range: core::ops::RangeInclusive<u8>| {
        two(at).is_some_and(|number| range.contains(&number))
    };
    match kind {
        'N' => {
            let number = text.strip_prefix(['+', '-']).unwrap_or(text);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            match (whole, fraction) {
                ("", fraction) => is_digits(fraction) && number.starts_with('.'),
                (whole, "") => is_digits(whole),
                (whole, fraction) => is_digits(whole) && is_digits(fraction),
            }
        }
        // DDMMYYYY
        'D' => text.len() == 8 && within(0, 1..=31) && within(2, 1..=12) && is_digits(text),
        // hhmmss
        'T' => text.len() == 6 && within(0, 0..=23) && within(2, 0..=59) && within(4, 0..=59),
        'P' => {
            let number = text.strip_prefix('+').unwrap_or(text);
            let allowed =
                |octet: &u8| octet.is_ascii_digit() || matches!(octet, b'p' | b'w' | b's');
            !number.is_empty() && all(allowed, number)
        }
        'I' => {
            let parts = text.split('.');
            parts.clone().count() == 4
                && parts
                    .clone()
                    .all(|part| part.len() <= 3 && is_digits(part) && part.parse::<u8>().is_ok())
        }
        _ => true,
    }
}

/// The user's answer. Silence is [`TimedOut`](Self::TimedOut), never consent.
///
/// `Debug` leaves out what was typed: it may be a password ([`Prompt::hide_input`]).
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum UserReply {
    /// Shown, or confirmed: 200.
    Yes,
    /// Rejected: 304.
    No,
    /// Cancelled: 214.
    Cancelled,
    /// No answer in time: 408.
    TimedOut,
    /// It cannot be shown: 416.
    CannotDisplay,
    /// Text that was typed: 200.
    Text(Text),
    /// The numbers chosen, from 1: 200.
    Choices(Vec<u16>),
}

impl fmt::Debug for UserReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("Yes"),
            Self::No => f.write_str("No"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::CannotDisplay => f.write_str("CannotDisplay"),
            Self::Text(text) => write!(f, "Text({} octets)", text.len()),
            Self::Choices(chosen) => f.debug_tuple("Choices").field(chosen).finish(),
        }
    }
}

/// What came of an item.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Items of the status, such as the node that failed.
    pub items: Vec<Item>,
    /// The items of the `Results`.
    pub results: Vec<Item>,
    /// Where the data of the one item of the results is, if it is not in it: it is asked for with
    /// [`ClientEvent::NeedPayload`].
    pub source: Option<Source>,
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            items: Vec::new(),
            results: Vec::new(),
            source: None,
        }
    }
}

impl Answer {
    /// 200 with results.
    pub fn results(results: Vec<Item>) -> Self {
        Self {
            status: StatusCode::OK,
            items: Vec::new(),
            results,
            source: None,
        }
    }

    /// 200 with one result, whose data the caller provides while it is sent.
    pub fn from_source(item: Item, source: Source) -> Self {
        Self {
            source: Some(source),
            ..Self::results(vec![Item { data: None, ..item }])
        }
    }
}

/// What a server session tells its caller.
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum ServerEvent {
    /// The device has authenticated and opened the session. Comes once.
    Opened {
        /// 1200 or 1201.
        trigger: AlertCode,
        /// The items of the DevInfo Replace.
        dev_info: Vec<Item>,
    },
    /// A status for a command given with [`ServerSession::send`](super::ServerSession::send).
    Status {
        /// The command.
        tag: CommandTag,
        /// 0 for the command itself, n for the n-th command inside it, depth first.
        part: u32,
        /// The item it is for, where the status names one.
        target_ref: Option<Text>,
        /// The code.
        status: StatusCode,
        /// More about it. Where one status is for several items, with the event of the first.
        items: Vec<Item>,
        /// What it held beyond the DTD, such as `msft:originalerror` of Windows, the error of the system as an
        /// attribute on `Data`. Likewise with the first.
        extra: Extra,
    },
    /// A piece of a large object in the results of a command, if
    /// [`ServerConfig::chunks`](super::ServerConfig::chunks) asks for it. Behind the last piece comes
    /// [`Results`](Self::Results) without data; if something else comes for the command, or a piece
    /// with offset 0, there will be no whole.
    Chunk {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
        /// The piece.
        chunk: Chunk,
    },
    /// The next message needs data of a source that was given to
    /// [`ServerSession::send_from`](super::ServerSession::send_from); give it with
    /// [`ServerSession::provide`](super::ServerSession::provide).
    NeedPayload {
        /// The source.
        id: u64,
        /// Octets of it that were taken already.
        offset: u64,
        /// Octets that are needed at most; fewer do too, but each message is made of what was given.
        len: u64,
    },
    /// Data that a command asked for.
    Results {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
        /// The data; `Meta` completed from that of the Results.
        items: Vec<Item>,
    },
    /// The device ended its package, or the session ended, and this command has no status.
    NoStatus {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
    },
    /// The command was not sent, with all that is in it, and will not be in this session.
    NotSent {
        /// The command.
        tag: CommandTag,
        /// Why.
        reason: NotSent,
    },
    /// A generic alert or client event of the device; answer with [`ServerSession::answer`](super::ServerSession::answer).
    Alert(Ticket, Alert),
    /// The device waits for commands. What is sent before the next transmit goes out with it; if
    /// nothing is, and nothing waits from before, the session closes.
    Ready,
    /// The nonce of one side's next digest changed: store it in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over. After [`Ending::Complete`] a late report of the device may still come in
    /// it, and is handled as ever.
    Ended(Ending),
}

/// Why a command of ours was not sent, or not all of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub enum NotSent {
    /// It fits into no message of the peer's `MaxMsgSize`, and cannot be split: a Sequence or Atomic
    /// stands in one message. OMA-TS-DM_Protocol, multiple messages in package.
    DoesNotFit,
    /// It has data above the peer's `MaxObjSize`.
    TooLarge,
    /// It has no form in the encoding of the session.
    NotEncodable,
    /// It is a large object of which the peer did not get the rest: something else came instead (Alert
    /// 1225).
    BrokenOff,
}

impl NotSent {
    /// The status that says most nearly the same: 413, 400 for what cannot be encoded, 500 for what was
    /// broken off.
    pub const fn status_code(self) -> StatusCode {
        match self {
            Self::DoesNotFit | Self::TooLarge => StatusCode::REQUEST_ENTITY_TOO_LARGE,
            Self::NotEncodable => StatusCode::BAD_REQUEST,
            Self::BrokenOff => StatusCode::COMMAND_FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn prompt(code: AlertCode) -> Prompt {
        Prompt {
            code,
            text: "?".into(),
            choices: vec!["a".into(), "b".into(), "c".into()],
            min_display: None,
            max_display: None,
            initial: None,
            max_length: None,
            input_type: None,
            hide_input: false,
        }
    }

    #[test]
    fn text_must_be_of_the_kind_that_is_asked_for() {
        let cases: [(char, &[&str], &[&str]); 6] = [
            ('A', &["", "anything \u{fc}"], &[]),
            (
                'N',
                &["0", "-12", "+1.5", "12.", ".5"],
                &["", "-", ".", "1.2.3", "1e5", "\u{663}", "- 1"],
            ),
            (
                'D',
                &["31122026", "01012000"],
                &["32012000", "01132000", "00012000", "1122026", "+1012000"],
            ),
            (
                'T',
                &["000000", "235959"],
                &["240000", "006000", "2359", "+10000"],
            ),
            ('P', &["112", "+491p2w3s"], &["", "+", "1+1", "1 2"]),
            (
                'I',
                &["192.168.000.001", "1.2.3.4"],
                &["1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2..4", "1.2.3.0004"],
            ),
        ];
        for (kind, good, bad) in cases {
            let mut prompt = prompt(AlertCode::TEXT_INPUT);
            prompt.input_type = Some(kind);
            let takes = |text: &&str| prompt.takes(&UserReply::Text((*text).into()));
            assert!(good.iter().all(takes), "{kind}");
            for text in bad {
                assert!(!takes(text), "{kind} {text:?}");
            }
        }
    }

    #[test]
    fn text_may_have_so_many_characters() {
        let mut prompt = prompt(AlertCode::TEXT_INPUT);
        prompt.max_length = Some(3);
        assert!(prompt.takes(&UserReply::Text("\u{fc}\u{fc}\u{fc}".into())));
        assert!(!prompt.takes(&UserReply::Text("four".into())));
    }

    #[test]
    fn choices_exist_and_are_chosen_once() {
        let single = prompt(AlertCode::SINGLE_CHOICE);
        let multiple = prompt(AlertCode::MULTIPLE_CHOICE);
        for (chosen, one, several) in [
            (vec![], false, true),
            (vec![3], true, true),
            (vec![1, 3], false, true),
            (vec![1, 1], false, false),
            (vec![0], false, false),
            (vec![4], false, false),
        ] {
            let reply = UserReply::Choices(chosen);
            assert_eq!(single.takes(&reply), one, "{reply:?}");
            assert_eq!(multiple.takes(&reply), several, "{reply:?}");
        }
    }

    #[test]
    fn what_is_marked_at_first_is_no_answer() {
        let mut multiple = prompt(AlertCode::MULTIPLE_CHOICE);
        multiple.initial = Some("3-1-3-9-x".into());
        assert_eq!(multiple.initial_choices(), [3, 1]);
        assert!(multiple.takes(&UserReply::TimedOut));
        let mut single = prompt(AlertCode::SINGLE_CHOICE);
        assert_eq!(single.initial_choices(), [] as [u16; 0]);
        single.initial = Some("2-3".into());
        assert_eq!(single.initial_choices(), [2]);
        let mut confirm = prompt(AlertCode::CONFIRM_OR_REJECT);
        for (initial, expected) in [
            (None, None),
            (Some("1"), Some(true)),
            (Some("0"), Some(false)),
            (Some("yes"), None),
        ] {
            confirm.initial = initial.map(Into::into);
            assert_eq!(confirm.initially_accepts(), expected);
        }
        assert_eq!(confirm.initial_choices(), [] as [u16; 0]);
    }
}
