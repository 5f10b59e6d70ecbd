//! [`User`]: whoever can be asked and told, at a terminal, by command line or by script.

use core::time::Duration;
use std::{
    collections::VecDeque,
    io::{self, BufRead, Read as _, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use dm_proto::{
    AlertCode,
    session::{Prompt, UserReply},
};

use super::progress::Hidden;
use crate::printable::{printable, printable_line};

/// How long a question waits that does not say how long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever can be asked and told.
pub trait User: Send {
    /// Asks a question, or shows a text. Silence is [`UserReply::TimedOut`], never consent.
    fn ask(&mut self, prompt: &Prompt) -> UserReply;

    /// Asks a question of the device's own, to be answered with yes, no, or another time
    /// ([`UserReply::Cancelled`]). Silence is no answer.
    fn confirm(&mut self, question: &str) -> UserReply;

    /// Tells something that wants no answer.
    fn tell(&mut self, message: &str);
}

/// A user that several parts of a device share.
#[derive(Clone)]
pub struct SharedUser(Arc<Mutex<Box<dyn User>>>);

impl SharedUser {
    /// Shares a user.
    pub fn new(user: impl User + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(user))))
    }

    /// Asks the user.
    pub fn ask(&self, prompt: &Prompt) -> UserReply {
        self.with(|user| user.ask(prompt))
    }

    /// Asks the user a question of the device's own.
    pub fn confirm(&self, question: &str) -> UserReply {
        self.with(|user| user.confirm(question))
    }

    /// Tells the user.
    pub fn tell(&self, message: &str) {
        self.with(|user| user.tell(message));
    }

    fn with<T>(&self, speak: impl FnOnce(&mut dyn User) -> T) -> T {
        let mut user = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Bars of what goes on in the background would be drawn over what stands on the terminal.
        let _hidden = Hidden::new();
        speak(user.as_mut())
    }
}

/// The longest line that can be an answer, in octets.
const LONGEST_LINE: u64 = 4096;

/// The most lines that wait to be looked at.
const MOST_LINES: usize = 64;

/// The user at the terminal.
///
/// A question that its server gives no time (`MAXDT`) waits a minute. What was typed before the question
/// stood there is no answer to it; at the end of input, nobody is there. To a question of yes or no, an empty
/// line is a no, whatever its server preselects (`DR`); to the others it is what is preselected, if anything.
/// What is no text, or too long, is no answer, and asked for again.
#[derive(Debug)]
pub struct Terminal {
    typed: Arc<Typed>,
}

/// What was typed and not looked at. While nobody is asked, what is typed is forgotten.
#[derive(Debug, Default)]
struct Typed {
    state: Mutex<TypedState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct TypedState {
    is_asked: bool,
    is_over: bool,
    lines: VecDeque<Line>,
}

#[derive(Debug, Eq, PartialEq)]
enum Line {
    Text(String),
    /// No text, or too long.
    Unreadable,
}

impl Typed {
    fn state(&self) -> MutexGuard<'_, TypedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line for a question that waits for one; if none does, it is forgotten.
    fn line(&self, line: Line) {
        let mut state = self.state();
        if state.is_asked && state.lines.len() < MOST_LINES {
            state.lines.push_back(line);
            self.changed.notify_all();
        }
    }

    fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// From here on, or no more, lines are answers.
    fn ask(&self, is_asked: bool) {
        let mut state = self.state();
        state.is_asked = is_asked;
        state.lines.clear();
    }

    /// The next line, if one comes in time.
    fn take(&self, deadline: Instant) -> Option<Line> {
        let mut state = self.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                return Some(line);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.is_over || left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Terminal {
    /// The user at standard input.
    pub fn new() -> Self {
        Self::reading(io::BufReader::new(io::stdin()))
    }

    /// A user who types what is read here.
    pub fn reading(input: impl BufRead + Send + 'static) -> Self {
        let typed = Arc::new(Typed::default());
        let to = Arc::clone(&typed);
        // A read cannot be given up, so a thread of its own waits for it. It ends with the process.
        thread::spawn(move || {
            let mut input = input;
            while let Ok(Some(line)) = read_line(&mut input) {
                to.line(line);
            }
            to.end();
        });
        Self { typed }
    }

    /// Asks until there is an answer that `read` understands, or the time is over.
    fn answer(
        &self,
        deadline: Instant,
        hint: &str,
        read: impl Fn(&str) -> Option<UserReply>,
    ) -> UserReply {
        self.typed.ask(true);
        let reply = loop {
            show(&format!("{hint} "));
            let Some(line) = self.typed.take(deadline) else {
                show("\nno answer\n");
                break UserReply::TimedOut;
            };
            let Line::Text(line) = line else { continue };
            let line = line.trim();
            if is_one_of(line, &["c", "cancel"]) {
                break UserReply::Cancelled;
            }
            if let Some(reply) = read(line) {
                break reply;
            }
        };
        self.typed.ask(false);
        reply
    }
}

/// The next line of an input; `None` at its end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::Unreadable));
    }
    let text = String::from_utf8(line);
    Ok(Some(text.map_or(Line::Unreadable, Line::Text)))
}

/// Whether a line is one of these words, in any case.
fn is_one_of(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.eq_ignore_ascii_case(word))
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl User for Terminal {
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        let patience = prompt
            .max_display
            .map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()));
        let deadline = Instant::now() + patience;
        show(&format!("\n{}\n", printable(&prompt.text)));
        for (number, choice) in prompt.choices.iter().enumerate() {
            show(&format!(
                "  {}. {}\n",
                number.saturating_add(1),
                printable_line(choice)
            ));
        }
        let choices = prompt.choices.len();
        let seconds = patience.as_secs();
        let initial = prompt.initial.as_deref().unwrap_or_default().trim();
        let preselected = match initial {
            "" => String::new(),
            initial => format!("; {}", printable_line(initial)),
        };
        match prompt.code {
            AlertCode::DISPLAY => UserReply::Yes,
            AlertCode::CONFIRM_OR_REJECT => self.answer(
                deadline,
                &format!("[yes, NO, cancel; {seconds} s]"),
                yes_or_no,
            ),
            // A terminal that would show a password as it is typed is no place to ask for one.
            AlertCode::TEXT_INPUT if prompt.hide_input => UserReply::CannotDisplay,
            AlertCode::TEXT_INPUT => {
                let hint = format!("[text, or cancel; {seconds} s{preselected}]");
                self.answer(deadline, &hint, |line| {
                    let line = if line.is_empty() { initial } else { line };
                    let fits = prompt
                        .max_length
                        .is_none_or(|max| line.chars().count() <= max as usize);
                    (!line.is_empty() && fits).then(|| UserReply::Text(line.into()))
                })
            }
            AlertCode::SINGLE_CHOICE => {
                let hint = format!("[a number, or cancel; {seconds} s{preselected}]");
                self.answer(deadline, &hint, |line| {
                    let line = if line.is_empty() { initial } else { line };
                    numbers(line, choices)
                        .filter(|numbers| numbers.len() == 1)
                        .map(UserReply::Choices)
                })
            }
            AlertCode::MULTIPLE_CHOICE => {
                let hint = format!("[numbers, or cancel; {seconds} s{preselected}]");
                self.answer(deadline, &hint, |line| {
                    let line = if line.is_empty() { initial } else { line };
                    numbers(line, choices).map(UserReply::Choices)
                })
            }
            _ => UserReply::CannotDisplay,
        }
    }

    fn confirm(&mut self, question: &str) -> UserReply {
        show(&format!("\n{}\n", printable(question)));
        let hint = format!("[yes, NO, later; {} s]", PATIENCE.as_secs());
        self.answer(Instant::now() + PATIENCE, &hint, |line| {
            if is_one_of(line, &["l", "later"]) {
                return Some(UserReply::Cancelled);
            }
            yes_or_no(line)
        })
    }

    fn tell(&mut self, message: &str) {
        show(&format!("{}\n", printable(message)));
    }
}

fn yes_or_no(line: &str) -> Option<UserReply> {
    if is_one_of(line, &["y", "yes"]) {
        Some(UserReply::Yes)
    } else if is_one_of(line, &["", "n", "no"]) {
        Some(UserReply::No)
    } else {
        None
    }
}

/// A user whose answer to every confirmation is decided beforehand, on the command line. Other questions
/// cannot be put to it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Decided(pub UserReply);

impl User for Decided {
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        show(&format!("{}\n", printable(&prompt.text)));
        match prompt.code {
            AlertCode::DISPLAY => UserReply::Yes,
            AlertCode::CONFIRM_OR_REJECT => self.0.clone(),
            _ => UserReply::CannotDisplay,
        }
    }

    fn confirm(&mut self, question: &str) -> UserReply {
        show(&format!("{}\n", printable(question)));
        self.0.clone()
    }

    fn tell(&mut self, message: &str) {
        show(&format!("{}\n", printable(message)));
    }
}

/// A user who answers from a script; when it is over, with silence.
#[derive(Clone, Debug, Default)]
pub struct Script {
    replies: Arc<Mutex<VecDeque<UserReply>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// What a [`Script`] was asked or told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Heard {
    /// A question, and the answer given.
    Asked(String, UserReply),
    /// A message.
    Told(String),
}

impl Script {
    /// Adds the answer to the next question that has none.
    pub fn answers(&self, reply: UserReply) {
        self.replies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(reply);
    }

    /// Takes what was asked and told since the last call.
    pub fn take_heard(&self) -> Vec<Heard> {
        core::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, heard: Heard) {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(heard);
    }
}

impl User for Script {
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        self.confirm(&prompt.text)
    }

    fn confirm(&mut self, question: &str) -> UserReply {
        let reply = self
            .replies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .unwrap_or(UserReply::TimedOut);
        self.hear(Heard::Asked(question.to_owned(), reply.clone()));
        reply
    }

    fn tell(&mut self, message: &str) {
        self.hear(Heard::Told(message.to_owned()));
    }
}

/// Writes to the terminal; if there is none any more, nobody reads it.
fn show(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Numbers from 1 to `choices`, parted by white space, commas or hyphens; `None` for anything else.
fn numbers(line: &str, choices: usize) -> Option<Vec<u16>> {
    let numbers = line
        .split(|c: char| matches!(c, ',' | '-') || c.is_whitespace())
        .filter(|number| !number.is_empty())
        .map(|number| {
            let number: u16 = number.parse().ok()?;
            (1..=choices).contains(&number.into()).then_some(number)
        })
        .collect::<Option<Vec<_>>>()?;
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A question that may be looked at for no time at all, with *accept* preselected.
    fn question() -> Prompt {
        serde_json::from_value(json!({
            "code": 1101,
            "text": "Erase?",
            "choices": [],
            "min_display": null,
            "max_display": 0,
            "initial": "1",
            "max_length": null,
            "input_type": null,
            "hide_input": false,
        }))
        .unwrap()
    }

    #[test]
    fn silence_is_no_consent_whatever_is_preselected() {
        let typed = Arc::default();
        assert_eq!(Terminal { typed }.ask(&question()), UserReply::TimedOut);
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer_to_it() {
        let typed = Typed::default();
        let text = |text: &str| Line::Text(text.to_owned());
        typed.line(text("before any question"));
        typed.ask(true);
        assert_eq!(typed.take(Instant::now()), None);
        for line in ["first", "too much"] {
            typed.line(text(line));
        }
        assert_eq!(typed.take(Instant::now()), Some(text("first")));
        typed.ask(false);
        typed.line(text("between two questions"));
        typed.ask(true);
        assert_eq!(typed.take(Instant::now()), None);
    }

    #[test]
    fn of_a_flood_of_lines_a_few_are_kept() {
        let typed = Typed::default();
        typed.ask(true);
        for _ in 0..10 * MOST_LINES {
            typed.line(Line::Unreadable);
        }
        assert_eq!(typed.state().lines.len(), MOST_LINES);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_no_answer_and_the_next_line_is() {
        let long = vec![b'y'; 100_000];
        for odd in [&b"\xff\xfe"[..], b"y\xc3", &long, &[0xff; 9000]] {
            let octets = [odd, b"\nno\nyes"].concat();
            let mut input = octets.as_slice();
            let lines: Vec<_> = core::iter::from_fn(|| read_line(&mut input).unwrap()).collect();
            let text = |text: &str| Line::Text(text.to_owned());
            assert_eq!(lines, [Line::Unreadable, text("no\n"), text("yes")]);
        }
        // The octets of a line come one after the other here.
        struct Odd(Vec<&'static [u8]>);
        let mut prompt = question();
        prompt.max_display = Some(3600);
        impl io::Read for Odd {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                thread::sleep(Duration::from_millis(50));
                let line = if self.0.is_empty() {
                    &[][..]
                } else {
                    self.0.remove(0)
                };
                to[..line.len()].copy_from_slice(line);
                Ok(line.len())
            }
        }
        let odd = Odd(vec![b"\xff\xfe\n", b"yes\n"]);
        let mut user = Terminal::reading(io::BufReader::new(odd));
        assert_eq!(user.ask(&prompt), UserReply::Yes);
    }

    #[test]
    fn the_end_of_input_is_no_consent() {
        let mut prompt = question();
        prompt.max_display = Some(3600);
        let mut nobody = Terminal::reading(io::empty());
        assert_eq!(nobody.ask(&prompt), UserReply::TimedOut);
    }

    /// What a user answers who types these lines once the question stands there.
    fn typed(mut prompt: Prompt, lines: &'static [&'static str]) -> UserReply {
        struct Later(&'static [&'static str]);
        impl io::Read for Later {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Ok(0)
            }
        }
        impl BufRead for Later {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                thread::sleep(Duration::from_millis(50));
                Ok(self.0.first().map_or(&[][..], |line| line.as_bytes()))
            }
            fn consume(&mut self, amount: usize) {
                if amount > 0 {
                    self.0 = self.0.get(1..).unwrap_or_default();
                }
            }
        }
        prompt.max_display = Some(3600);
        Terminal::reading(Later(lines)).ask(&prompt)
    }

    #[test]
    fn an_empty_line_is_a_no_whatever_is_preselected() {
        assert_eq!(typed(question(), &["perhaps\n", "\n"]), UserReply::No);
        assert_eq!(typed(question(), &["c\n"]), UserReply::Cancelled);
        // As the hint has it.
        assert_eq!(typed(question(), &["NO\n"]), UserReply::No);
        assert_eq!(typed(question(), &[" Yes \n"]), UserReply::Yes);
    }

    #[test]
    fn each_kind_of_question_has_its_kind_of_answer() {
        let of = |code: u16, initial: Option<&str>| {
            let mut prompt = question();
            prompt.code = AlertCode::new(code);
            prompt.initial = initial.map(Into::into);
            prompt.max_length = Some(3);
            prompt.choices = vec!["one".into(), "two".into(), "three".into()];
            prompt
        };
        let text = |text: &str| UserReply::Text(text.into());
        assert_eq!(typed(of(1100, None), &[]), UserReply::Yes);
        assert_eq!(
            typed(of(1102, None), &["\n", "long\n", "abc\n"]),
            text("abc")
        );
        assert_eq!(typed(of(1102, Some("old")), &["\n"]), text("old"));
        let choices = |numbers: &[u16]| UserReply::Choices(numbers.to_vec());
        let single = typed(of(1103, None), &["1 2\n", "4\n", "2\n"]);
        assert_eq!(single, choices(&[2]));
        assert_eq!(typed(of(1103, Some("3")), &["\n"]), choices(&[3]));
        assert_eq!(typed(of(1104, None), &["3, 1\n"]), choices(&[3, 1]));
        assert_eq!(typed(of(1104, Some("1-2")), &["\n"]), choices(&[1, 2]));
        assert_eq!(typed(of(1104, None), &["cancel\n"]), UserReply::Cancelled);
    }

    #[test]
    fn numbers_are_those_of_choices() {
        assert_eq!(numbers("2", 3), Some(vec![2]));
        assert_eq!(numbers("1, 3", 3), Some(vec![1, 3]));
        assert_eq!(numbers("2-3", 3), Some(vec![2, 3]));
        for bad in ["", "0", "4", "x", "1 x", "70000"] {
            assert_eq!(numbers(bad, 3), None, "{bad}");
        }
    }
}
