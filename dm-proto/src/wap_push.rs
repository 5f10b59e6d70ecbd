//! WAP push: how notifications and bootstrap messages travel by SMS.
//!
//! OMA-TS-DM_Notification, transport; OMA-WAP-TS-ProvBoot; WAP-230-WSP, push. Connectionless and not secured:
//! octets of a datagram to port 2948, split over several short messages where one does not hold them.
//!
//! ```text
//! short message ──► Segment::read ──► Assembly::add ──► Push::read ──► notification::Received, bootstrap::Message
//! ```

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use nom::{
    Finish as _, IResult, Parser as _,
    bytes::complete::{tag, take, take_till},
    combinator::{all_consuming, flat_map, verify},
    error::{Error, ErrorKind},
    multi::many0,
    number::complete::u8,
    sequence::terminated,
};

use crate::Text;

/// The port of pushes that are not secured, where notifications and bootstrap messages come in.
pub const PORT: u16 = 2948;

/// The `X-Wap-Application-Id` of device management (`x-wap-application:syncml.dm`).
pub const APPLICATION_DM: u8 = 7;

/// The content types that have a code, of those that matter here.
const CODES: [(u8, &str); 2] = [
    (0x36, "application/vnd.wap.connectivity-wbxml"),
    (0x44, crate::notification::MEDIA_TYPE),
];

/// A push.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Push {
    /// Names the push.
    pub push_id: u8,
    /// Type and parameters as a `Content-Type` of HTTP has them, such as
    /// `application/vnd.wap.connectivity-wbxml; SEC=1; MAC=..`. A type that has only a number which is not
    /// known here is empty.
    pub content_type: Text,
    /// `X-Wap-Application-Id`, where it is there and a small number.
    pub application: Option<u8>,
    /// What is pushed.
    pub body: Vec<u8>,
}

/// The octets of a short message that belongs to a push.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The port that it is for.
    pub destination: u16,
    /// The port that it is from.
    pub source: u16,
    /// Its place where there are several: reference, how many, which (from 1).
    pub place: Option<(u16, u8, u8)>,
    /// Its part of the datagram.
    pub octets: Vec<u8>,
}

/// Why octets are not a push, or one cannot be sent.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PushError {
    /// The octets are not what they should be from here on.
    #[error("wap push byte {offset}: malformed")]
    Malformed {
        /// Where.
        offset: usize,
    },
    /// The message is for another port.
    #[error("wap push for port {0}")]
    Port(u16),
    /// More octets than 255 short messages hold.
    #[error("a wap push of {0} octets does not fit into short messages")]
    TooLong(usize),
    /// A content type that is not text of one line.
    #[error("the content type cannot be written")]
    ContentType,
}

impl Push {
    /// A push with an `X-Wap-Application-Id` of device management.
    pub fn new(push_id: u8, content_type: impl Into<Text>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            push_id,
            content_type: content_type.into(),
            application: Some(APPLICATION_DM),
            body: body.into(),
        }
    }

    /// Reads a push, from its identifier on.
    ///
    /// # Errors
    ///
    /// If the octets are not one. Headers that are not known are passed over.
    pub fn read(octets: &[u8]) -> Result<Self, PushError> {
        let malformed = |error: Error<&[u8]>| PushError::Malformed {
            offset: octets.len().saturating_sub(error.input.len()),
        };
        let (body, (push_id, _, headers)) = (u8, tag([PUSH].as_slice()), flat_map(uintvar, take))
            .parse(octets)
            .finish()
            .map_err(malformed)?;
        let (headers, content_type) = content_type(headers).finish().map_err(malformed)?;
        let (_, headers) = all_consuming(many0(header))
            .parse(headers)
            .finish()
            .map_err(malformed)?;
        let application = headers.iter().find_map(|header| match header {
            (Some(X_WAP_APPLICATION_ID), Value::Short(id)) => Some(*id),
            _ => None,
        });
        Ok(Self {
            push_id,
            content_type: content_type.into(),
            application,
            body: body.to_vec(),
        })
    }

    /// The octets, from the identifier on.
    ///
    /// # Errors
    ///
    /// If the content type cannot be written.
    pub fn to_octets(&self) -> Result<Vec<u8>, PushError> {
        let mut headers = written_type(&self.content_type)?;
        if let Some(application) = self.application {
            headers.push(0x80 | X_WAP_APPLICATION_ID);
            match application {
                0..0x80 => headers.push(0x80 | application),
                _ => headers.extend([1, application]),
            }
        }
        let mut octets = vec![self.push_id, PUSH];
        put_uintvar(&mut octets, headers.len());
        octets.extend(headers);
        octets.extend(&self.body);
        Ok(octets)
    }

    /// The user data of the short messages that carry it, header included: one if that holds it.
    /// `reference` tells the parts of this push from those of another, `source_port` is free.
    ///
    /// # Errors
    ///
    /// If the content type cannot be written, or it takes more than 255 short messages.
    pub fn to_sms(&self, source_port: u16, reference: u8) -> Result<Vec<Vec<u8>>, PushError> {
        let octets = self.to_octets()?;
        let [high, low] = source_port.to_be_bytes();
        let [port_high, port_low] = PORT.to_be_bytes();
        let ports = [0x05, 0x04, port_high, port_low, high, low];
        if octets.len() <= SMS - 7 {
            return Ok(vec![[&[6][..], &ports, &octets].concat()]);
        }
        let parts = octets.chunks(SMS - 12);
        let count = u8::try_from(parts.len()).map_err(|_| PushError::TooLong(octets.len()))?;
        let numbered = (1_u8..).zip(parts);
        Ok(numbered
            .map(|(number, part)| {
                let place = [0x00, 0x03, reference, count, number];
                [&[11][..], &ports, &place, part].concat()
            })
            .collect())
    }
}

impl Segment {
    /// Reads the user data of a short message, header included.
    ///
    /// # Errors
    ///
    /// If its header does not say which port it is for.
    pub fn read(octets: &[u8]) -> Result<Self, PushError> {
        let malformed = |error: Error<&[u8]>| PushError::Malformed {
            offset: octets.len().saturating_sub(error.input.len()),
        };
        let (left, header) = flat_map(u8, take)
            .parse(octets)
            .finish()
            .map_err(malformed)?;
        let (_, elements) = all_consuming(many0((u8, flat_map(u8, take))))
            .parse(header)
            .finish()
            .map_err(malformed)?;
        let (mut ports, mut place) = (None, None);
        for element in elements {
            match element {
                (0x05, [a, b, c, d]) => {
                    ports = Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])));
                }
                (0x00, [reference, count, number]) => {
                    place = Some((u16::from(*reference), *count, *number));
                }
                (0x08, [high, low, count, number]) => {
                    place = Some((u16::from_be_bytes([*high, *low]), *count, *number));
                }
                _ => {}
            }
        }
        let (destination, source) = ports.ok_or(PushError::Malformed { offset: 0 })?;
        let is_sound = place.is_none_or(|(_, count, number)| (1..=count).contains(&number));
        if !is_sound {
            return Err(PushError::Malformed { offset: 0 });
        }
        Ok(Self {
            destination,
            source,
            place,
            octets: left.to_vec(),
        })
    }
}

/// Parts of pushes that are not complete. Keep one for each sender of short messages.
///
/// At most [`CAPACITY`](Self::CAPACITY) pushes are waited for at a time; a part of another one then takes the
/// place of the one with the lowest reference.
#[derive(Clone, Debug, Default)]
pub struct Assembly(BTreeMap<(u16, u16, u8), BTreeMap<u8, Vec<u8>>>);

impl Assembly {
    /// How many pushes may be incomplete.
    pub const CAPACITY: usize = 8;

    /// Adds a part. The datagram, once it is complete.
    ///
    /// # Errors
    ///
    /// If it is for another port than that of pushes.
    pub fn add(&mut self, segment: Segment) -> Result<Option<Vec<u8>>, PushError> {
        if segment.destination != PORT {
            return Err(PushError::Port(segment.destination));
        }
        let Some((reference, count, number)) = segment.place else {
            return Ok(Some(segment.octets));
        };
        let key = (reference, segment.source, count);
        if !self.0.contains_key(&key) && self.0.len() >= Self::CAPACITY {
            self.0.pop_first();
        }
        let parts = self.0.entry(key).or_default();
        parts.insert(number, segment.octets);
        if parts.len() < usize::from(count) {
            return Ok(None);
        }
        let parts = self.0.remove(&key).unwrap_or_default();
        Ok(Some(parts.into_values().flatten().collect()))
    }
}

/// The PDU type of a push.
const PUSH: u8 = 0x06;
/// The octets that a short message holds.
const SMS: usize = 140;
const X_WAP_APPLICATION_ID: u8 = 0x2F;
/// Parameters of a content type: `SEC` and `MAC` of provisioning.
const SEC: u8 = 0x11;
const MAC: u8 = 0x12;
/// A length follows that is not below this.
const LENGTH_QUOTE: u8 = 31;

/// The value of a header or parameter.
#[derive(Debug)]
enum Value<'i> {
    /// A number below 128.
    Short(u8),
    Text(&'i [u8]),
    Other,
}

type Parsed<'i, T> = IResult<&'i [u8], T>;

/// A number of up to 28 bits, seven in each octet.
fn uintvar(input: &[u8]) -> Parsed<'_, u32> {
    let (mut left, mut number) = (input, 0_u32);
    for _ in 0..4 {
        let (after, octet) = u8(left)?;
        left = after;
        number = (number << 7) | u32::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            return Ok((left, number));
        }
    }
    Err(nom::Err::Error(Error::new(input, ErrorKind::TooLarge)))
}

fn put_uintvar(octets: &mut Vec<u8>, number: usize) {
    let groups = usize::BITS.div_ceil(7);
    for group in (0..groups).rev() {
        let rest = number.checked_shr(group.saturating_mul(7)).unwrap_or(0);
        if rest > 0 || group == 0 {
            let octet = u8::try_from(rest & 0x7F).unwrap_or_default();
            octets.push(if group == 0 { octet } else { octet | 0x80 });
        }
    }
}

/// Text up to its NUL, without the quote that stands before text with a first octet above 127 and the quotation
/// mark of quoted text.
fn text(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (left, text) =
        terminated(take_till(|octet| octet == 0), tag([0].as_slice())).parse(input)?;
    Ok((left, text.strip_prefix(&[0x7F]).unwrap_or(text)))
}

fn value(input: &[u8]) -> Parsed<'_, Value<'_>> {
    let (left, first) = u8(input)?;
    match first {
        // No-value (WAP-230-WSP, section 8.4.2.3): the empty text.
        0 => Ok((left, Value::Text(&[]))),
        1..LENGTH_QUOTE => {
            let (left, octets) = take(first)(left)?;
            Ok((
                left,
                match octets {
                    [octet] => Value::Short(*octet),
                    _ => Value::Other,
                },
            ))
        }
        LENGTH_QUOTE => {
            let (left, _) = flat_map(uintvar, take).parse(left)?;
            Ok((left, Value::Other))
        }
        32..=127 => {
            let (left, text) = text(input)?;
            Ok((left, Value::Text(text)))
        }
        _ => Ok((left, Value::Short(first & 0x7F))),
    }
}

/// A header: its number, where it has one.
fn header(input: &[u8]) -> Parsed<'_, (Option<u8>, Value<'_>)> {
    let (left, first) = u8(input)?;
    match first {
        // Another page of header numbers: those on it are not ours.
        0x7F => {
            let (left, _) = u8(left)?;
            Ok((left, (None, Value::Other)))
        }
        0x80.. => {
            let (left, value) = value(left)?;
            Ok((left, (Some(first & 0x7F), value)))
        }
        _ => {
            let (left, _) = text(input)?;
            let (left, _) = text(left)?;
            Ok((left, (None, Value::Other)))
        }
    }
}

fn content_type(input: &[u8]) -> Parsed<'_, String> {
    let (left, first) = u8(input)?;
    let (left, octets) = match first {
        0..LENGTH_QUOTE => take(first)(left)?,
        LENGTH_QUOTE => flat_map(uintvar, take).parse(left)?,
        _ => {
            let (left, media) = value(input)?;
            return Ok((left, named(&media)));
        }
    };
    let (parameters, media) = value(octets)?;
    let mut written = named(&media);
    let (_, parameters) = all_consuming(many0(parameter)).parse(parameters)?;
    for (name, value) in parameters {
        if let (Some(name), Some(value)) = (name, value) {
            written += &format!("; {name}={value}");
        }
    }
    Ok((left, written))
}

fn named(media: &Value<'_>) -> String {
    match media {
        Value::Short(code) => {
            let known = CODES.iter().find(|(number, _)| number == code);
            known.map_or_else(String::new, |(_, name)| (*name).into())
        }
        Value::Text(text) => line(text).unwrap_or_default(),
        Value::Other => String::new(),
    }
}

/// Text that can stand in a header.
fn line(text: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(text).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.into())
}

type Parameter = (Option<String>, Option<String>);

fn parameter(input: &[u8]) -> Parsed<'_, Parameter> {
    let (left, first) = u8(input)?;
    let (left, name) = match first {
        0x80.. => (
            left,
            match first & 0x7F {
                SEC => Some("SEC".into()),
                MAC => Some("MAC".into()),
                _ => None,
            },
        ),
        _ => {
            let (left, name) = verify(text, |name: &[u8]| !name.is_empty()).parse(input)?;
            (left, line(name))
        }
    };
    let (left, value) = value(left)?;
    let value = match value {
        Value::Short(number) => Some(format!("{number}")),
        Value::Text(text) => line(text.strip_prefix(b"\"").unwrap_or(text)),
        Value::Other => None,
    };
    Ok((left, (name, value)))
}

/// The octets of a content type: a code where there is one.
fn written_type(content_type: &str) -> Result<Vec<u8>, PushError> {
    if content_type.is_empty() || content_type.chars().any(char::is_control) {
        return Err(PushError::ContentType);
    }
    let mut parts = content_type.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    if name.is_empty() {
        return Err(PushError::ContentType);
    }
    let mut media = Vec::new();
    match CODES
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(name))
    {
        Some((code, _)) => media.push(0x80 | code),
        None => put_text(&mut media, name),
    }
    let is_bare = media.len();
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or(PushError::ContentType)?;
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        // A parameter of no name would end the header for a reader.
        if name.is_empty() {
            return Err(PushError::ContentType);
        }
        let number = value.parse::<u8>().ok().filter(|number| *number < 0x80);
        match (name, number) {
            ("SEC", Some(number)) => media.extend([0x80 | SEC, 0x80 | number]),
            ("MAC", _) => {
                media.push(0x80 | MAC);
                put_text(&mut media, value);
            }
            _ => {
                put_text(&mut media, name);
                put_text(&mut media, value);
            }
        }
    }
    if media.len() == is_bare {
        return readable(media);
    }
    let mut written = Vec::new();
    match u8::try_from(media.len()) {
        Ok(length) if length < LENGTH_QUOTE => written.push(length),
        _ => {
            written.push(LENGTH_QUOTE);
            put_uintvar(&mut written, media.len());
        }
    }
    written.extend(media);
    readable(written)
}

/// A content type as it is written, if a reader gets to its end: names of unusual characters may not.
fn readable(written: Vec<u8>) -> Result<Vec<u8>, PushError> {
    let is_read = all_consuming(content_type).parse(&written).is_ok();
    is_read.then_some(written).ok_or(PushError::ContentType)
}

fn put_text(octets: &mut Vec<u8>, text: &str) {
    if text.as_bytes().first().is_some_and(|first| *first >= 0x80) {
        octets.push(0x7F);
    }
    octets.extend(text.as_bytes());
    octets.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        crate::vectors::octets(hex)
    }

    /// OMA-TS-DM_Notification, its example as a short message: headers of ports and push, package 0.
    const VECTOR: &str = "06 0504 0b84 c002 01 06 03 c4 af87 \
        bc1817ccde348b802f2d4973e580018b 02d0000000 1234 12 636f6d2e6d676d747372762e6d616e616765";

    #[test]
    fn a_parameter_without_a_value_keeps_its_name() {
        let push = Push::read(&octets("01 06 05 04 c4 6500 00 ff")).unwrap();
        assert_eq!(push.content_type, "application/vnd.syncml.notification; e=");
        let again = Push::read(&push.to_octets().unwrap()).unwrap();
        assert_eq!(again, push);
    }

    #[test]
    fn a_type_or_parameter_of_no_name_is_not_written() {
        for content_type in [" ", ";a=b", "text/plain; =b"] {
            let push = Push {
                content_type: content_type.into(),
                ..Push::read(&octets("01 06 01 c4")).unwrap()
            };
            assert_eq!(
                push.to_octets(),
                Err(PushError::ContentType),
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn the_vector_of_a_notification_is_written_and_read() {
        let sms = octets(VECTOR);
        let push = Push::new(1, "application/vnd.syncml.notification", &sms[13..]);
        assert_eq!(push.to_sms(0xC002, 9), Ok(vec![sms.clone()]));

        let segment = Segment::read(&sms).expect("a segment");
        assert_eq!((segment.destination, segment.source), (PORT, 0xC002));
        let datagram = Assembly::default().add(segment).expect("for our port");
        assert_eq!(Push::read(&datagram.expect("complete")), Ok(push));
    }

    #[test]
    fn the_vector_of_a_bootstrap_header_is_written_and_read() {
        let mac = "C9F2B672906761A303D7E4F86F79DA1F196DF3F9";
        let header = [
            octets("01 06 2f 1f2d b6 9181 92"),
            mac.as_bytes().to_vec(),
            vec![0],
        ]
        .concat();
        let mut push = Push::new(
            1,
            format!("application/vnd.wap.connectivity-wbxml; SEC=1; MAC={mac}"),
            *b"document",
        );
        push.application = None;
        let expected = [&header[..], b"document"].concat();
        assert_eq!(push.to_octets(), Ok(expected.clone()));
        assert_eq!(Push::read(&expected), Ok(push));
    }

    #[test]
    fn a_long_push_takes_several_messages_that_come_in_any_order() {
        let push = Push::new(7, "text/x; charset=utf-8", vec![0x55; 500]);
        let sent = push.to_sms(1, 42).expect("short messages");
        assert_eq!(sent.len(), 5);
        assert!(sent.iter().all(|sms| sms.len() <= 140));
        let mut assembly = Assembly::default();
        let mut whole = None;
        for sms in sent.iter().rev().chain(&sent[..1]) {
            let segment = Segment::read(sms).expect("a segment");
            if let Some(complete) = assembly.add(segment).expect("for our port") {
                whole = Some(complete);
            }
        }
        assert_eq!(Push::read(&whole.expect("complete")), Ok(push));
    }

    #[test]
    fn parts_that_never_become_whole_do_not_heap_up() {
        let mut assembly = Assembly::default();
        for reference in 0..100 {
            let segment = Segment {
                destination: PORT,
                source: 1,
                place: Some((reference, 255, 1)),
                octets: vec![0; 100],
            };
            assert_eq!(assembly.add(segment), Ok(None));
        }
        assert_eq!(assembly.0.len(), Assembly::CAPACITY);
    }

    #[test]
    fn too_much_for_255_messages_is_refused() {
        let push = Push::new(1, "text/x", vec![0; 40_000]);
        assert!(matches!(push.to_sms(1, 1), Err(PushError::TooLong(_))));
    }

    #[test]
    fn other_headers_are_passed_over() {
        // Content type in text, a text header, a length of its own, a page shift, a long value.
        let headers = [
            b"text/x\0".as_slice(),
            b"X-Note\0hello\0",
            &[0x80 | 0x0D, 0x02, 0x01, 0x02],
            &[0x7F, 0x05],
            &[0x80 | 0x21, 31, 1, 0xAA],
            &[0xAF, 0x01, 0x90],
        ]
        .concat();
        let push = [
            &[3, 6, u8::try_from(headers.len()).expect("short")][..],
            &headers,
            b"!",
        ]
        .concat();
        let push = Push::read(&push).expect("a push");
        assert_eq!(push.content_type, "text/x");
        assert_eq!(push.application, Some(0x90));
        assert_eq!(push.body, b"!");
    }

    #[test]
    fn what_is_no_push_says_where() {
        for (hex, offset) in [
            ("", 0),
            ("01", 1),
            ("01 07 01 c4", 1),
            ("01 06 05 c4", 3),
            ("01 06 ffffffff01 c4", 2),
            ("01 06 02 1f 05", 5),
        ] {
            let error = Push::read(&octets(hex)).expect_err(hex);
            let text = format!("wap push byte {offset}: malformed");
            assert_eq!(format!("{error}"), text, "{hex}");
        }
        for hex in [
            "",
            "05",
            "02 05 04",
            "03 00 01 00",
            "0b 05040b84c002 0003 01 02 03",
        ] {
            assert!(Segment::read(&octets(hex)).is_err(), "{hex}");
        }
        let mut segment = Segment::read(&octets(VECTOR)).expect("a segment");
        segment.destination = 2949;
        assert_eq!(Assembly::default().add(segment), Err(PushError::Port(2949)));
    }

    #[test]
    fn no_prefix_of_a_push_panics() {
        let push = Push::new(1, "a/b; SEC=1; MAC=00; x=y", *b"body");
        let octets = push.to_octets().expect("octets");
        for end in 0..octets.len() {
            let _ = Push::read(&octets[..end]);
        }
        assert_eq!(
            Push::new(1, "a/b\r\n", *b"").to_octets(),
            Err(PushError::ContentType)
        );
    }
}
