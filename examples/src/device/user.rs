//! [`User`]: whoever can be asked and told, at a terminal, by command line or by script.

use core::time::Duration;
use std::{
    collections::VecDeque,
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, PoisonError, mpsc},
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

/// The user at the terminal.
///
/// A question that its server gives no time (`MAXDT`) waits a minute. What was typed before the question
/// stood there is no answer to it; at the end of input, nobody is there. To a question of yes or no, an empty
/// line is a no, whatever its server preselects (`DR`); to the others it is what is preselected, if anything.
#[derive(Debug)]
pub struct Terminal {
    lines: mpsc::Receiver<String>,
}

impl Terminal {
    /// The user at standard input.
    pub fn new() -> Self {
        Self::reading(io::BufReader::new(io::stdin()))
    }

    /// A user who types what is read here.
    pub fn reading(input: impl BufRead + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        // A read cannot be given up, so a thread of its own waits for it. It ends with the process.
        thread::spawn(move || {
            for line in input.lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { lines }
    }

    fn line(&self, deadline: Instant) -> Option<String> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).ok()
    }

    /// Asks until there is an answer that `read` understands, or the time is over.
    fn answer(
        &self,
        deadline: Instant,
        hint: &str,
        read: impl Fn(&str) -> Option<UserReply>,
    ) -> UserReply {
        loop {
            show(&format!("{hint} "));
            match self.line(deadline) {
                None => {
                    show("\nno answer\n");
                    return UserReply::TimedOut;
                }
                Some(line) => match line.trim() {
                    "c" | "cancel" => return UserReply::Cancelled,
                    line => {
                        if let Some(reply) = read(line) {
                            return reply;
                        }
                    }
                },
            }
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl User for Terminal {
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        while self.lines.try_recv().is_ok() {}
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
        while self.lines.try_recv().is_ok() {}
        show(&format!("\n{}\n", printable(question)));
        let hint = format!("[yes, NO, later; {} s]", PATIENCE.as_secs());
        self.answer(Instant::now() + PATIENCE, &hint, |line| match line {
            "l" | "later" => Some(UserReply::Cancelled),
            line => yes_or_no(line),
        })
    }

    fn tell(&mut self, message: &str) {
        show(&format!("{}\n", printable(message)));
    }
}

fn yes_or_no(line: &str) -> Option<UserReply> {
    match line {
        "y" | "yes" => Some(UserReply::Yes),
        "" | "n" | "no" => Some(UserReply::No),
        _ => None,
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
        let (_sender, lines) = mpsc::channel();
        assert_eq!(Terminal { lines }.ask(&question()), UserReply::TimedOut);
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer_to_it() {
        let (sender, lines) = mpsc::channel();
        sender.send("yes".to_owned()).unwrap();
        assert_eq!(Terminal { lines }.ask(&question()), UserReply::TimedOut);
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
        assert_eq!(typed(question(), &[" YES \n", "yes\n"]), UserReply::Yes);
        assert_eq!(typed(question(), &["c\n"]), UserReply::Cancelled);
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
