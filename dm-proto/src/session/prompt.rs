//! Alerts 1100 to 1104: what the user is asked, and what the answer means.
//!
//! OMA-TS-DM_Protocol, user interaction commands.

use alloc::{format, string::String, vec, vec::Vec};

use super::event::{Prompt, UserReply};
use crate::{
    AlertCode, StatusCode, Text,
    message::{Alert, Item},
};

impl Prompt {
    /// Reads a user interaction alert: options, text, choices.
    ///
    /// # Errors
    ///
    /// 412 if an item is missing.
    pub(super) fn read(code: AlertCode, alert: &Alert) -> Result<Self, StatusCode> {
        let incomplete = StatusCode::INCOMPLETE_COMMAND;
        let [options, text, choices @ ..] = alert.items.as_slice() else {
            return Err(incomplete);
        };
        let choices: Vec<Text> = choices
            .iter()
            .map(data_of)
            .collect::<Option<_>>()
            .ok_or(incomplete)?;
        let wants_choices = matches!(code, AlertCode::SINGLE_CHOICE | AlertCode::MULTIPLE_CHOICE);
        if wants_choices && choices.is_empty() {
            return Err(incomplete);
        }
        let mut prompt = Self {
            code,
            text: data_of(text).ok_or(incomplete)?,
            choices,
            min_display: None,
            max_display: None,
            initial: None,
            max_length: None,
            input_type: None,
            hide_input: false,
        };
        if let Some(options) = data_of(options) {
            prompt.take_options(&options);
        }
        Ok(prompt)
    }

    /// Unknown and unusable options are skipped, and so are those of another kind of question.
    fn take_options(&mut self, options: &str) {
        let is_input = self.code == AlertCode::TEXT_INPUT;
        for option in options.split('&') {
            let Some((name, value)) = option.split_once('=') else {
                continue;
            };
            let value = url_decoded(value.trim());
            match name.trim() {
                "MINDT" => self.min_display = positive(&value),
                "MAXDT" => self.max_display = positive(&value),
                "DR" if self.code != AlertCode::DISPLAY => self.initial = Some(value.into()),
                "MAXLEN" if is_input => self.max_length = positive(&value),
                "IT" if is_input => {
                    self.input_type = value
                        .chars()
                        .next()
                        .filter(|kind| value.len() == 1 && "ANDTPI".contains(*kind));
                }
                "ET" if is_input => self.hide_input = value == "P",
                _ => {}
            }
        }
    }

    /// The status that a reply means, and its items. A reply that does not fit the question is no
    /// consent to anything: it counts as a question that could not be shown.
    pub(super) fn status_of(&self, reply: UserReply) -> (StatusCode, Vec<Item>) {
        let code = match reply {
            reply if !self.takes(&reply) => StatusCode::REQUESTED_SIZE_TOO_BIG,
            UserReply::CannotDisplay => StatusCode::REQUESTED_SIZE_TOO_BIG,
            UserReply::Yes => StatusCode::OK,
            UserReply::Text(text) => return (StatusCode::OK, vec![text_item(text)]),
            UserReply::Choices(chosen) => {
                let items = chosen.iter().map(|number| text_item(format!("{number}")));
                return (StatusCode::OK, items.collect());
            }
            UserReply::No if self.code == AlertCode::CONFIRM_OR_REJECT => StatusCode::NOT_MODIFIED,
            UserReply::No | UserReply::Cancelled => StatusCode::OPERATION_CANCELLED,
            UserReply::TimedOut => StatusCode::REQUEST_TIMEOUT,
        };
        (code, Vec::new())
    }
}

fn text_item(text: impl Into<Text>) -> Item {
    Item::default().with_data(text.into())
}

fn data_of(item: &Item) -> Option<Text> {
    Some(item.data.as_ref()?.as_str()?.into())
}

fn positive(value: &str) -> Option<u32> {
    value.parse().ok().filter(|number| *number > 0)
}

/// `+` and `%20` for a space. What is no escape, or no text once decoded, stays as it is.
fn url_decoded(value: &str) -> String {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                octets.push((high << 4) | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8(octets).unwrap_or_else(|_| value.into())
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(items: &[&str]) -> Alert {
        Alert {
            items: items.iter().map(|text| text_item(*text)).collect(),
            ..Alert::default()
        }
    }

    #[test]
    fn options_are_read_and_unusable_ones_skipped() {
        let alert = alert(&[
            "MINDT=10&MAXDT=60&DR=a+b%2Bc&MAXLEN=0&IT=N&ET=P&XX=1&rubbish&MINDT",
            "Name?",
        ]);

        let prompt = Prompt::read(AlertCode::TEXT_INPUT, &alert);

        assert_eq!(
            prompt,
            Ok(Prompt {
                code: AlertCode::TEXT_INPUT,
                text: "Name?".into(),
                choices: Vec::new(),
                min_display: Some(10),
                max_display: Some(60),
                initial: Some("a b+c".into()),
                max_length: None,
                input_type: Some('N'),
                hide_input: true,
            })
        );
    }

    #[test]
    fn malformed_options_are_skipped_and_the_last_of_a_name_counts() {
        let read = |options: &str| {
            let alert = alert(&[options, "?"]);
            Prompt::read(AlertCode::TEXT_INPUT, &alert).expect("a question")
        };
        let plain = read("");
        for options in [
            "&&&",
            "=",
            "MINDT",
            "MINDT=",
            "MINDT=-1",
            "MAXDT=1.5",
            "MAXDT=99999999999",
            "IT=X",
            "IT=",
            "IT=NN",
            "mindt=5",
            "MAXLEN=abc",
            "ET=X",
            "\u{fc}=1",
        ] {
            assert_eq!(read(options), plain, "{options}");
        }
        assert_eq!(read("MINDT=1&MINDT=2").min_display, Some(2));
        assert_eq!(read(" MAXDT = 20 ").max_display, Some(20));
        assert!(read("ET=P").hide_input && !read("ET=P&ET=T").hide_input);
    }

    #[test]
    fn options_of_another_kind_of_question_are_skipped() {
        let read = |code, options: &str| {
            Prompt::read(code, &alert(&[options, "?", "one"])).expect("a question")
        };
        for code in [
            AlertCode::DISPLAY,
            AlertCode::CONFIRM_OR_REJECT,
            AlertCode::SINGLE_CHOICE,
            AlertCode::MULTIPLE_CHOICE,
        ] {
            assert_eq!(read(code, "MAXLEN=1&IT=N&ET=P"), read(code, ""), "{code:?}");
            let has_initial = read(code, "DR=1").initial.is_some();
            assert_eq!(has_initial, code != AlertCode::DISPLAY, "{code:?}");
            assert_eq!(read(code, "MINDT=1&MAXDT=2").max_display, Some(2));
        }
    }

    #[test]
    fn choices_have_the_order_and_so_the_numbers_of_their_items() {
        for code in [AlertCode::SINGLE_CHOICE, AlertCode::MULTIPLE_CHOICE] {
            let alert = alert(&["DR=2", "Which?", "third", "first", "second"]);
            let prompt = Prompt::read(code, &alert).expect("a question");

            assert_eq!(prompt.text, "Which?");
            assert_eq!(prompt.choices, ["third", "first", "second"]);
        }
    }

    #[test]
    fn missing_items_are_412() {
        let cases: [(AlertCode, &[&str]); 4] = [
            (AlertCode::DISPLAY, &[]),
            (AlertCode::CONFIRM_OR_REJECT, &["MINDT=1"]),
            (AlertCode::SINGLE_CHOICE, &["", "Which?"]),
            (AlertCode::MULTIPLE_CHOICE, &["", "Which?"]),
        ];
        for (code, items) in cases {
            assert_eq!(
                Prompt::read(code, &alert(items)),
                Err(StatusCode::INCOMPLETE_COMMAND)
            );
        }
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        for (coded, plain) in [
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%FF", "%FF"),
            ("%C3%A9", "\u{e9}"),
        ] {
            assert_eq!(url_decoded(coded), plain);
        }
    }

    #[test]
    fn each_reply_has_its_status() {
        let confirm = alert(&["", "Sure?"]);
        let choice = alert(&["", "Which?", "one", "two"]);
        let cases: [(AlertCode, &Alert, UserReply, u16, &[&str]); 13] = [
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::Yes,
                200,
                &[],
            ),
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::No,
                304,
                &[],
            ),
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::Cancelled,
                214,
                &[],
            ),
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::TimedOut,
                408,
                &[],
            ),
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::CannotDisplay,
                416,
                &[],
            ),
            (
                AlertCode::CONFIRM_OR_REJECT,
                &confirm,
                UserReply::Text("yes".into()),
                416,
                &[],
            ),
            (AlertCode::DISPLAY, &confirm, UserReply::Yes, 200, &[]),
            (
                AlertCode::TEXT_INPUT,
                &confirm,
                UserReply::Text("me".into()),
                200,
                &["me"],
            ),
            (AlertCode::TEXT_INPUT, &confirm, UserReply::Yes, 416, &[]),
            (
                AlertCode::SINGLE_CHOICE,
                &choice,
                UserReply::Choices(vec![2]),
                200,
                &["2"],
            ),
            (
                AlertCode::SINGLE_CHOICE,
                &choice,
                UserReply::Choices(vec![1, 2]),
                416,
                &[],
            ),
            (
                AlertCode::MULTIPLE_CHOICE,
                &choice,
                UserReply::Choices(vec![2, 1]),
                200,
                &["2", "1"],
            ),
            (
                AlertCode::MULTIPLE_CHOICE,
                &choice,
                UserReply::Choices(vec![3]),
                416,
                &[],
            ),
        ];
        for (code, alert, reply, status, items) in cases {
            let prompt = Prompt::read(code, alert).expect("complete alert");
            let items: Vec<Item> = items.iter().map(|text| text_item(*text)).collect();
            assert_eq!(
                prompt.status_of(reply.clone()),
                (StatusCode::new(status), items),
                "{code:?} {reply:?}"
            );
        }
    }
}
