//! The alerts of a device: `OperationComplete`, the final alert of an operation, and requests to the server.

use dm_proto::{
    AlertCode, LocUri, Text,
    message::{Alert, Item, Location, Meta},
};
use dm_tree::{NodeUri, object::Job, remote::DeviceRequest};

use crate::{Operation, ResultCode, device::ReportStyle, nodes};

/// A package or component that is reported on.
#[derive(PartialEq)]
pub(crate) struct Reported {
    uri: NodeUri,
    identifier: Text,
}

impl Reported {
    /// What is at `uri` now, by its `ID` or `PkgID`.
    pub(crate) fn new(uri: &NodeUri, identifier: &Text) -> Self {
        Self {
            uri: uri.clone(),
            identifier: identifier.clone(),
        }
    }
}

/// The report on a job: one alert with an item for each component, all from the node that was executed.
pub(crate) fn operation_complete(
    job: &Job,
    result: ResultCode,
    reported: &[Reported],
    style: &ReportStyle,
) -> Alert {
    let mut meta = Meta::of_type(style.alert_type.clone()).with_format(style.format.clone());
    meta.mark = style.marks.as_ref().map(|marks| marks.of(result).clone());
    let item = |data: String| {
        Item::for_source(LocUri::from(job.node.as_str()))
            .with_meta(meta.clone())
            .with_data(data)
    };
    let mut items: Vec<_> = reported
        .iter()
        .map(|reported| Item {
            target: Some(Location::from(reported.uri.as_str())),
            ..item(data(result, Some(&reported.identifier)))
        })
        .collect();
    if items.is_empty() {
        items.push(item(data(result, None)));
    }
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: job.correlator.clone(),
        items,
        ..Alert::default()
    }
}

/// Two elements side by side, as text: they are data, which the codec writes as such.
fn data(result: ResultCode, identifier: Option<&Text>) -> String {
    let mut data = format!("<ResultCode>{result}</ResultCode>");
    // A package that nobody named has none.
    if let Some(identifier) = identifier.filter(|identifier| !identifier.is_empty()) {
        data.push_str("<Identifier>");
        for c in identifier.chars() {
            match c {
                '&' => data.push_str("&amp;"),
                '<' => data.push_str("&lt;"),
                '>' => data.push_str("&gt;"),
                c => data.push(c),
            }
        }
        data.push_str("</Identifier>");
    }
    data
}

/// A device asks its server for a primitive on a package or component, whose node is `node`: an alert for
/// [`Agent::raise`](dm_tree::agent::Agent::raise).
///
/// The standard has no such alert: `alert_type` is whatever device and server have agreed upon, and so is
/// `data`, which may be empty. The server answers 200 if it does it now, 202 if later.
pub fn request(
    node: &NodeUri,
    operation: Operation,
    alert_type: impl Into<Text>,
    data: impl Into<Text>,
) -> Alert {
    let primitive = node
        .join(nodes::OPERATIONS)
        .and_then(|operations| operations.join(operation.node_name()));
    let source = primitive.as_ref().unwrap_or(node);
    DeviceRequest::alert(alert_type, source.as_str(), data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Marks;

    #[test]
    fn an_identifier_cannot_end_its_element() {
        let identifier = Text::from("</Identifier><ResultCode>&");
        assert_eq!(
            data(ResultCode::SUCCESSFUL, Some(&identifier)),
            "<ResultCode>1200</ResultCode>\
             <Identifier>&lt;/Identifier&gt;&lt;ResultCode&gt;&amp;</Identifier>"
        );
    }

    #[test]
    fn what_has_no_identifier_is_reported_without() {
        for identifier in [None, Some(&Text::EMPTY)] {
            let data = data(ResultCode::SUCCESSFUL, identifier);
            assert_eq!(data, "<ResultCode>1200</ResultCode>");
        }
    }

    #[test]
    fn the_mark_says_how_bad_it_is() {
        for (code, expected) in [
            (1200, "informational"),
            (1401, "warning"),
            (1405, "critical"),
            (1501, "critical"),
        ] {
            assert_eq!(
                Marks::default().of(ResultCode::new(code)),
                expected,
                "{code}"
            );
        }
    }
}
