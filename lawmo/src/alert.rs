//! The final alert of an operation: `OperationComplete`.

use dm_proto::{
    AlertCode, LocUri,
    message::{Alert, Item, Meta},
};
use dm_tree::object::Job;

use crate::{ResultCode, device::ReportStyle};

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
