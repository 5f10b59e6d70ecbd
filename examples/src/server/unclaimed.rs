//! [`Unclaimed`]: an alert of a device's that belongs to no operation and asks for nothing, as it is shown.

use dm_proto::message::Alert;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{device::head, operation::Late, outcome::kebab};

/// An alert that belongs to no operation: a report of what the device did by itself, or for another server; or
/// something of its maker's.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Unclaimed {
    alert: Late,
    correlator: Option<String>,
    /// What it says, if it is a report.
    report: Option<Reported>,
}

/// A report of either object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Reported {
    /// `lawmo` or `scomo`.
    object: String,
    /// Where the object is, and what was executed, where the report's source is of the standard.
    root: Option<String>,
    operation: Option<String>,
    code: u16,
}

impl Unclaimed {
    pub(super) fn new(alert: &Alert, now: i64) -> Self {
        let correlator = alert.correlator.as_ref();
        Self {
            alert: Late::new(alert, now),
            correlator: correlator.map(|correlator| head(correlator.as_str())),
            report: Reported::read(alert),
        }
    }

    /// Takes another one for a copy of this one, if it is.
    pub(super) fn folds(&mut self, other: &Self) -> bool {
        self.correlator == other.correlator && self.alert.folds(&other.alert)
    }

    pub(super) fn view(&self) -> Value {
        let mut view = self.alert.view();
        if let Some(object) = view.as_object_mut() {
            object.insert("correlator".into(), json!(self.correlator));
            let report = self.report.as_ref().map(|report| {
                json!({
                    "object": report.object,
                    "root": report.root,
                    "operation": report.operation,
                    "code": report.code,
                })
            });
            object.insert("report".into(), report.into());
        }
        view
    }
}

impl Reported {
    fn read(alert: &Alert) -> Option<Self> {
        if let Some(report) = lawmo::server::Report::read(alert) {
            let of = report.requested.as_ref();
            return Some(Self {
                object: "lawmo".to_owned(),
                root: of.map(|of| head(of.root.as_str())),
                operation: of.map(|of| kebab(of.operation.node_name())),
                code: report.result.as_u16(),
            });
        }
        let report = scomo::server::Report::read(alert)?;
        let of = report.requested.as_ref();
        Some(Self {
            object: "scomo".to_owned(),
            root: of.map(|of| head(of.root.as_str())),
            operation: of.map(|of| kebab(of.operation.as_str())),
            code: report.result.as_u16(),
        })
    }
}
