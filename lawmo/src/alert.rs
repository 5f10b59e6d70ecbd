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
    if let Some(marks) = &style.marks {
        meta.mark = Some(marks.of(result).clone());
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

#[cfg(test)]
mod tests {
    use dm_proto::{MsgId, SessionId, session::Origin};
    use dm_tree::object::JobId;

    use super::*;
    use crate::device::Marks;

    fn job(correlator: Option<&str>) -> Job {
        let origin = Origin {
            session_id: SessionId::from("1"),
            msg_id: MsgId::from("1"),
            cmd_id: "1".into(),
            item: 0,
        };
        let node = NodeUri::parse("./LAWMO/Operations/Wipe").expect("a uri");
        let mut job = Job::new(JobId(1), "srv1", node, origin);
        job.correlator = correlator.map(Into::into);
        job
    }

    #[test]
    fn a_report_names_the_executed_node_and_the_bare_code() {
        let result = ResultCode::WIPE_SUCCESSFUL;
        let alert = operation_complete(&job(Some("w")), result, &ReportStyle::default());
        assert_eq!(alert.code, Some(AlertCode::GENERIC_ALERT));
        let [item] = &alert.items[..] else {
            panic!("{alert:?}");
        };
        assert_eq!(
            item.source_uri().map(LocUri::as_str),
            Some("./LAWMO/Operations/Wipe")
        );
        assert_eq!(item.target_uri(), None);
        assert_eq!(
            item.data.as_ref().and_then(|data| data.as_str()),
            Some("1201")
        );
        let meta = item.meta.as_ref().expect("a meta");
        assert_eq!(meta.type_.as_deref(), Some(crate::OPERATION_COMPLETE));
        assert_eq!(meta.format.as_deref(), Some("int"));
        assert_eq!(meta.mark.as_deref(), Some("informational"));
    }

    #[test]
    fn a_correlator_is_echoed_to_the_letter_or_absent() {
        let style = ReportStyle::default();
        for correlator in [None, Some("a"), Some("\r\n  wipe-7\t\n"), Some("")] {
            let alert = operation_complete(&job(correlator), ResultCode::SUCCESSFUL, &style);
            assert_eq!(
                alert.correlator,
                correlator.map(Into::into),
                "{correlator:?}"
            );
        }
    }

    #[test]
    fn type_format_and_marks_are_the_configurations() {
        let mut style = ReportStyle {
            alert_type: "x-vendor:done".into(),
            format: "chr".into(),
            ..ReportStyle::default()
        };
        style.marks = Some(Marks {
            failure: "fatal".into(),
            ..Marks::default()
        });
        let meta_of = |style: &ReportStyle| {
            let result = ResultCode::WIPE_FAILED;
            let alert = operation_complete(&job(None), result, style);
            let meta = alert.items.first().and_then(|item| item.meta.clone());
            meta.expect("a meta")
        };
        let meta = meta_of(&style);
        assert_eq!(meta.type_.as_deref(), Some("x-vendor:done"));
        assert_eq!(meta.format.as_deref(), Some("chr"));
        assert_eq!(meta.mark.as_deref(), Some("fatal"));
        style.marks = None;
        assert_eq!(meta_of(&style).mark, None);
    }

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
            let marks = Marks::default();
            assert_eq!(marks.of(ResultCode::new(code)), expected, "{code}");
        }
    }
}
