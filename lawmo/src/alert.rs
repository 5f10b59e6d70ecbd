//! The alerts of a device: `OperationComplete`, the final alert of an operation, and requests to the server.

use dm_proto::{
    AlertCode, LocUri, Text,
    message::{Alert, Item, Meta},
};
use dm_tree::{NodeUri, object::Job, remote::DeviceRequest};

use crate::{Operation, ResultCode, device::ReportStyle, nodes};

/// The report on a job: the bare result code, from the node that was executed.
pub(crate) fn operation_complete(job: &Job, result: ResultCode, style: &ReportStyle) -> Alert {
    let mut meta = Meta::of_type(style.alert_type.clone()).with_format(style.format.clone());
    if style.mark {
        meta.mark = Some(mark(result).into());
    }
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: job.correlator.clone(),
        items: vec![
            Item::for_source(LocUri::from(job.node.as_str()))
                .with_meta(meta)
                .with_data(result.to_string()),
        ],
        ..Alert::default()
    }
}

/// A device asks its server for an operation: an alert for [`Agent::raise`](dm_tree::agent::Agent::raise).
///
/// The standard has no such alert: `alert_type` is whatever device and server have agreed upon, and so is
/// `data`, which may be empty. The server answers 200 if it does it now, 202 if later.
pub fn request(
    root: &NodeUri,
    operation: Operation,
    alert_type: impl Into<Text>,
    data: impl Into<Text>,
) -> Alert {
    let node = nodes::operation(root, operation).unwrap_or_else(|| root.clone());
    DeviceRequest::alert(alert_type, node.as_str(), data)
}

fn mark(result: ResultCode) -> &'static str {
    match result {
        result if result.is_success() => "informational",
        ResultCode::USER_CANCELLED | ResultCode::WIPE_NOT_PERFORMED => "warning",
        _ => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_says_how_bad_it_is() {
        for (code, expected) in [
            (1200, "informational"),
            (1202, "informational"),
            (1299, "informational"),
            (1401, "warning"),
            (1406, "warning"),
            (1400, "critical"),
            (1405, "critical"),
        ] {
            assert_eq!(mark(ResultCode::new(code)), expected, "{code}");
        }
    }
}
