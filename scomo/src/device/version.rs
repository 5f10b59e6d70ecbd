//! Which of two versions is newer, where nobody knows better.

use core::cmp::Ordering;

/// Compares two versions, for [`Device::compare_versions`](super::Device::compare_versions).
///
/// A version is a list of numbers and words; everything else, and each change between digits and
/// others, separates them. Numbers are compared by their value, whatever their length; words by their
/// letters, ASCII case aside; a number is newer than a word. Where one list ends first, the other is
/// newer if it goes on with a number and older if it goes on with a word: `1.9 < 1.10`,
/// `2.0-rc1 < 2.0 < 2.0.1`.
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (parts(one), parts(other));
    loop {
        let order = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (Some(Part::Number(digits)), None) => match is_zero(digits) {
                true => continue,
                false => Ordering::Greater,
            },
            (None, Some(Part::Number(digits))) => match is_zero(digits) {
                true => continue,
                false => Ordering::Less,
            },
            (Some(Part::Word(_)), None) => Ordering::Less,
            (None, Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Number(one)), Some(Part::Number(other))) => by_value(one, other),
            (Some(Part::Number(_)), Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Word(_)), Some(Part::Number(_))) => Ordering::Less,
            (Some(Part::Word(one)), Some(Part::Word(other))) => {
                one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase())
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

enum Part<'v> {
    /// Digits.
    Number(&'v str),
    Word(&'v str),
}

fn parts(version: &str) -> impl Iterator<Item = Part<'_>> {
    version
        .split(|c: char| !c.is_alphanumeric())
        .flat_map(|word| {
            let mut rest = word;
            core::iter::from_fn(move || {
                let is_digit = rest.chars().next()?.is_ascii_digit();
                let end = rest.find(|c: char| c.is_ascii_digit() != is_digit);
                let (part, tail) = rest.split_at(end.unwrap_or(rest.len()));
                rest = tail;
                Some(if is_digit {
                    Part::Number(part)
                } else {
                    Part::Word(part)
                })
            })
        })
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

/// Of any length: no number in a version overflows.
fn by_value(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_in_which_they_come_out() {
        let rising = [
            "0.9",
            "1.0-alpha",
            "1.0-beta2",
            "1.0-beta10",
            "1.0",
            "1.0.1",
            "1.9",
            "1.10",
            "2",
            "2.0.0.99999999999999999999999999",
            "2.0.0.100000000000000000000000000",
        ];
        for (place, one) in rising.iter().enumerate() {
            for (other_place, other) in rising.iter().enumerate() {
                assert_eq!(
                    compare_versions(one, other),
                    place.cmp(&other_place),
                    "{one} {other}"
                );
            }
        }
        for (one, other) in [("1.0", "1"), ("01.2", "1.02"), ("v1", "V1"), ("1_2", "1-2")] {
            assert_eq!(
                compare_versions(one, other),
                Ordering::Equal,
                "{one} {other}"
            );
        }
    }
}
