//! Reading a report: the data of an `OperationComplete` alert, in all the forms that devices send.

use dm_proto::{
    AlertCode, Correlator, Data, LocUri, Piece, StatusCode, Text,
    message::{Alert, Item},
};

use super::ComponentResult;
use crate::NodeUri;

/// A report, whoever's operation it is about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The node that was executed.
    pub source: Option<Text>,
    /// The correlator, if it has one.
    pub correlator: Option<Correlator>,
    /// The result code of the whole: of the first component that failed, or of the first.
    pub result: StatusCode,
    /// What it says per component.
    pub components: Vec<ComponentResult>,
}

impl Report {
    /// Reads an alert of one of these types, in every form that devices send; `None` if it is of none, or
    /// has no result code.
    pub fn read(alert: &Alert, types: &[&str]) -> Option<Self> {
        if !is_of_type(alert, types) {
            return None;
        }
        let components = components(alert);
        let source = alert.items.iter().find_map(Item::source_uri);
        Some(Self {
            source: source.map(|uri| Text::from(uri.as_str())),
            correlator: alert.correlator.clone(),
            result: overall(&components)?,
            components,
        })
    }
}

/// Whether an alert is a generic alert of one of these types. White space and the prefixes that the
/// documents ask for and devices leave out do not matter.
pub(super) fn is_of_type(alert: &Alert, types: &[&str]) -> bool {
    alert.code == Some(AlertCode::GENERIC_ALERT)
        && alert.items.iter().any(|item| {
            item.meta
                .as_ref()
                .and_then(|meta| meta.type_.as_ref())
                .is_some_and(|type_| types.contains(&bare_type(type_)))
        })
}

/// A type without white space around it, and without the prefixes of the documents.
pub(super) fn bare_type(type_: &str) -> &str {
    let type_ = type_.trim();
    ["Reversed-Domain-Name:", "Content-Type:"]
        .into_iter()
        .find_map(|prefix| type_.strip_prefix(prefix))
        .unwrap_or(type_)
        .trim()
}

/// Whether any item has this node as its source, however it is spelled.
pub(super) fn is_from(alert: &Alert, source: &NodeUri) -> bool {
    let is_it = |uri: &LocUri| NodeUri::parse(uri.as_str()).is_ok_and(|uri| uri == *source);
    alert
        .items
        .iter()
        .any(|item| item.source_uri().is_some_and(is_it))
}

/// Whether any item says what became of an operation, whatever the type of the alert.
pub(super) fn has_result_code(alert: &Alert) -> bool {
    alert.code == Some(AlertCode::GENERIC_ALERT)
        && components(alert)
            .iter()
            .any(|component| component.code.is_result_code())
}

/// What each item says; items without a result code say nothing.
pub(super) fn components(alert: &Alert) -> Vec<ComponentResult> {
    alert.items.iter().filter_map(component).collect()
}

/// The code of the whole: the first failure, or the first success.
pub(super) fn overall(components: &[ComponentResult]) -> Option<StatusCode> {
    components
        .iter()
        .find(|component| !component.code.is_success())
        .or_else(|| components.first())
        .map(|component| component.code)
}

fn component(item: &Item) -> Option<ComponentResult> {
    let data = item.data.as_ref()?;
    let (code, id) = match data.as_markup() {
        Some(markup) => from_pieces(markup.pieces()),
        None => from_text(data)?,
    };
    let uri = item
        .target_uri()
        .map(|uri| Text::from(uri.as_str()))
        .filter(|uri| !uri.is_empty());
    Some(ComponentResult {
        uri,
        id,
        code: code?,
    })
}

fn from_text(data: &Data) -> Option<(Option<StatusCode>, Option<Text>)> {
    let text = core::str::from_utf8(data.as_bytes()?).ok()?.trim();
    if let Some(code) = number(text) {
        return Some((Some(code), None));
    }
    let mut text = without_comments(text);
    for (escaped, plain) in [("<![CDATA[", ""), ("]]>", "")] {
        text = text.replace(escaped, plain);
    }
    if element(&text, "ResultCode").is_none() && text.contains("&lt;") {
        // Escaped once more than the message asks for.
        text = unescape(&text).to_string();
    }
    let code = element(&text, "ResultCode").and_then(number);
    let id = element(&text, "Identifier").map(|id| unescape(id.trim()));
    Some((code, id))
}

fn from_pieces(pieces: &[Piece]) -> (Option<StatusCode>, Option<Text>) {
    let (mut code, mut id) = (None, None);
    let mut open = None;
    for piece in pieces {
        match piece {
            Piece::Start(name) => open = Some(name.local.clone()),
            Piece::End => open = None,
            Piece::Text(text) => match open.as_deref() {
                Some("ResultCode") => code = code.or_else(|| number(text)),
                Some("Identifier") => id = id.or_else(|| Some(Text::from(text.trim()))),
                Some(_) => {}
                None => code = code.or_else(|| number(text)),
            },
            _ => {}
        }
    }
    (code, id)
}

fn number(text: &str) -> Option<StatusCode> {
    text.trim().parse().ok().map(StatusCode::new)
}

/// The content of the first element of that name, whatever its attributes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        let Some(tail) = after.strip_prefix(name) else {
            continue;
        };
        if !tail.starts_with(['>', ' ', '\t', '\r', '\n']) {
            continue;
        }
        let (_, content) = tail.split_once('>')?;
        let (content, end) = content.split_once("</")?;
        return end.starts_with(name).then_some(content);
    }
    None
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

fn unescape(text: &str) -> Text {
    if !text.contains('&') {
        return Text::from(text);
    }
    // The ampersand last, so that nothing is unescaped twice.
    Text::from(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use dm_proto::message::Meta;

    use super::*;

    fn read(data: impl Into<Data>) -> Option<(u16, Option<Text>)> {
        component(&Item::default().with_data(data)).map(|c| (c.code.as_u16(), c.id))
    }

    #[test]
    fn data_is_read_in_every_form_that_devices_send() {
        let id = Some(Text::from("com.example.game"));
        let forms = [
            "<ResultCode>1200</ResultCode><Identifier>com.example.game</Identifier>",
            " <ResultCode> 1200 </ResultCode>\r\n<Identifier>\n com.example.game </Identifier> ",
            "<ResultCode>1200</ResultCode><!-- <ResultCode>1 --><Identifier>com.example.game</Identifier>",
            "<![CDATA[<ResultCode>1200</ResultCode><Identifier>com.example.game</Identifier>]]>",
            "<Identifier>com.example.game</Identifier><ResultCode xmlns='x'>1200</ResultCode>",
            "<Report><ResultCode>1200</ResultCode><Identifier>com.example.game</Identifier></Report>",
            "&lt;ResultCode&gt;1200&lt;/ResultCode&gt;&lt;Identifier&gt;com.example.game&lt;/Identifier&gt;",
        ];
        for form in forms {
            assert_eq!(read(form), Some((1200, id.clone())), "{form}");
        }
    }

    #[test]
    fn a_bare_number_is_a_code_without_identifier() {
        assert_eq!(read("1405"), Some((1405, None)));
        assert_eq!(read(" 1405\n"), Some((1405, None)));
        assert_eq!(read("<ResultCode>1405</ResultCode>"), Some((1405, None)));
        assert_eq!(read(Data::binary(b"1405".as_slice())), Some((1405, None)));
    }

    #[test]
    fn data_without_a_code_says_nothing() {
        for data in [
            "",
            "done",
            "<ResultCode>",
            "<ResultCode>x</ResultCode>",
            "99999",
        ] {
            assert_eq!(read(data), None, "{data}");
        }
    }

    #[test]
    fn an_identifier_is_unescaped_once() {
        let data = "<ResultCode>1200</ResultCode><Identifier>a&amp;lt;b&amp;c</Identifier>";
        assert_eq!(read(data), Some((1200, Some(Text::from("a&lt;b&c")))));
    }

    #[test]
    fn a_source_is_a_node_however_it_is_spelled() {
        let node = NodeUri::parse("./L/Operations/Wipe").expect("a uri");
        for (source, is_it) in [
            ("./L/Operations/Wipe", true),
            (" L/Operations/Wipe ", true),
            ("./L/Operations/Wipe/", false),
            ("./L/Operations/Wiped", false),
            ("./XL/Operations/Wipe", false),
            ("Wipe", false),
            ("", false),
        ] {
            let alert = Alert {
                items: vec![Item::for_source(source)],
                ..Alert::default()
            };
            assert_eq!(is_from(&alert, &node), is_it, "{source:?}");
        }
    }

    #[test]
    fn one_failed_component_fails_the_whole() {
        let result = |code| ComponentResult::new(None, None, StatusCode::new(code));
        assert_eq!(overall(&[]), None);
        assert_eq!(
            overall(&[result(1200), result(1405), result(1406)]),
            Some(StatusCode::new(1405))
        );
        assert_eq!(
            overall(&[result(1250), result(1200)]),
            Some(StatusCode::new(1250))
        );
    }

    #[test]
    fn alert_types_are_compared_without_prefix_and_white_space() {
        for type_ in [
            "urn:x",
            " urn:x\n",
            "Reversed-Domain-Name: urn:x",
            "Content-Type:urn:x",
        ] {
            let alert = Alert {
                code: Some(AlertCode::GENERIC_ALERT),
                items: vec![Item::default().with_meta(Meta::of_type(type_))],
                ..Alert::default()
            };
            assert!(is_of_type(&alert, &["urn:x"]), "{type_}");
            assert!(!is_of_type(&alert, &["urn:X"]), "{type_}");
        }
    }
}
