//! Dates, times and numbers as the formats of nodes have them. OMA-TS-DM_TND, DFFormat.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

/// A calendar date of ISO 8601 with its century: `20010711` or `2001-07-11`.
pub(super) fn is_date(text: &str) -> bool {
    let date = || {
        let (year, rest) = number(text, 4)?;
        let (dash, rest) = separator(rest, "-");
        let (month, rest) = number(rest, 2)?;
        let (day, rest) = number(rest.strip_prefix(dash)?, 2)?;
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        Some(rest.is_empty() && (1..=days).contains(&day))
    };
    date() == Some(true)
}

/// A time of day of ISO 8601: `163817` or `16:38:17`, with or without seconds, their fraction, and a zone.
pub(super) fn is_time(text: &str) -> bool {
    let time = || {
        let (hour, rest) = number(text, 2)?;
        let (colon, rest) = separator(rest, ":");
        let (minute, mut rest) = number(rest, 2)?;
        let mut second = 0;
        let is_zone = |rest: &str| rest.is_empty() || rest.starts_with(['Z', '+', '-']);
        if !is_zone(rest) {
            (second, rest) = number(rest.strip_prefix(colon)?, 2)?;
            if let Some(fraction) = rest.strip_prefix(['.', ',']) {
                rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if rest.len() == fraction.len() {
                    return None;
                }
            }
        }
        // The end of a day is 24:00, and a leap second counts on.
        let is_in_day = hour < 24 || (hour == 24 && minute == 0 && second == 0);
        Some(is_in_day && minute < 60 && second <= 60 && is_offset(rest)?)
    };
    time() == Some(true)
}

/// What a time ends with: nothing, `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn is_offset(text: &str) -> Option<bool> {
    if matches!(text, "" | "Z") {
        return Some(true);
    }
    let (hour, rest) = number(text.strip_prefix(['+', '-'])?, 2)?;
    if rest.is_empty() {
        return Some(hour < 24);
    }
    let (minute, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    Some(rest.is_empty() && hour < 24 && minute < 60)
}

/// A number as XML Schema's `float` has it.
pub(super) fn is_float(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    matches!(text, "INF" | "-INF" | "NaN")
        || (text.chars().all(is_plain) && text.parse::<f64>().is_ok())
}

/// A number of so many digits, and what follows it.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| Some((number.parse().ok()?, rest)))?
}

/// The separator, if it is used, and what follows it.
fn separator<'t>(text: &'t str, separator: &'static str) -> (&'static str, &'t str) {
    match text.strip_prefix(separator) {
        Some(rest) => (separator, rest),
        None => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is_one: fn(&str) -> bool, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(is_one(text), "{text}");
        }
        for text in no {
            assert!(!is_one(text), "{text}");
        }
    }

    #[test]
    fn a_date_is_one_of_the_calendar_with_its_century() {
        let no = [
            "",
            "010711",
            "2001-0711",
            "200107-11",
            "20010732",
            "20011301",
            "20010229",
            "19000229",
            "2001-07-11T16:38:17Z",
            "2001-07-1\u{0661}",
            "tomorrow",
        ];
        check(is_date, &["20010711", "2001-07-11", "20000229"], &no);
    }

    #[test]
    fn a_time_is_one_of_the_day() {
        let yes = [
            "163817",
            "16:38:17",
            "1638",
            "16:38",
            "163817Z",
            "16:38:17.5Z",
            "24:00:00",
            "23:59:60",
            "16:38+02",
            "163817-0130",
            "16:38:17,25+01:30",
        ];
        let no = [
            "",
            "16",
            "163",
            "25:00:00",
            "24:00:01",
            "16:60",
            "16:38:61",
            "16:3817",
            "1638:17",
            "16:38:17.",
            "16:38:17+",
            "16:38:17+2",
            "16:38:17+24:00",
            "16:38:17z",
            "noon",
        ];
        check(is_time, &yes, &no);
    }

    #[test]
    fn a_float_is_a_decimal_number() {
        let yes = ["0", "-1.5", "+.5", "1e10", "1.5E-3", "INF", "-INF", "NaN"];
        let no = [
            "", ".", "e", "1,5", "1.5f", "inf", "nan", "infinity", "0x10", "1 2",
        ];
        check(is_float, &yes, &no);
    }
}
