//! Text of others as a terminal or a log may show it.

/// The text with what could steer a terminal, or show its reader another order of letters than it has,
/// written as an escape: control characters but for line breaks, the controls of bidirectional text, and
/// the separators that some terminals take for line breaks.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |c| c != '\n' && steers(c))
}

/// The same for one line: line breaks are escaped, too.
pub(crate) fn printable_line(text: &str) -> String {
    escaped(text, steers)
}

/// Whether a character is not to be shown as it is.
pub(crate) fn steers(c: char) -> bool {
    let reorders = matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    reorders || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, steers: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            // Tabs and the like have short escapes.
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_an_escape() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\nc");
        assert_eq!(printable_line("a\r\nb\tc\u{9b}"), "a\\r\\nb\\tc\\u{9b}");
        assert_eq!(printable("Grüße, 你好, שלום"), "Grüße, 你好, שלום");
    }

    #[test]
    fn what_reorders_text_is_shown_as_an_escape() {
        let reordering = ['\u{61C}', '\u{200E}', '\u{200F}', '\u{2028}', '\u{2029}'];
        for c in reordering
            .into_iter()
            .chain('\u{202A}'..='\u{202E}')
            .chain('\u{2066}'..='\u{2069}')
        {
            let expected = format!("a\\u{{{:x}}}b", u32::from(c));
            assert_eq!(printable(&format!("a{c}b")), expected);
        }
    }
}
