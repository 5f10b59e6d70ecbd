//! Reports: which alerts are those of an operation, and what they make of it.

use dm_proto::{StatusCode, Text, message::Alert};

use super::{Conclusion, Course, Phase, Script, consent::Consent};
use crate::remote::{ComponentResult, Ended, report};

/// What is kept of a report; no package has as many components.
const COMPONENTS: usize = 1024;

impl<S: Script> Course<S> {
    /// As [`Operation::claims`](crate::remote::Operation::claims).
    pub fn claims(&self, alert: &Alert) -> bool {
        if !self.executed {
            return false;
        }
        let vendor = self.order.report_types.iter().map(Text::as_str);
        let types: Vec<&str> = S::REPORTS.iter().copied().chain(vendor).collect();
        let is_report = report::is_of_type(alert, &types);
        if let Some(correlator) = &alert.correlator {
            // Alerts of the vendor's may carry the correlator too: on the progress, say.
            return correlator.is_same(&self.order.correlator)
                && (is_report || report::has_result_code(alert));
        }
        // Without a correlator a report is ours only if the device is known to echo none; else it is
        // unsolicited.
        if self.order.profile.correlator || !is_report {
            return false;
        }
        match &self.report {
            Some(report) => report.items == alert.items,
            None => {
                self.conclusion.is_none()
                    && self
                        .plan
                        .as_ref()
                        .is_some_and(|plan| report::is_from(alert, &plan.exec))
            }
        }
    }

    pub(super) fn reported(&mut self, alert: &Alert) {
        if self.report.is_none() && alert.correlator.is_none() {
            self.report = Some(alert.clone());
        }
        let mut components = report::components(alert);
        let overall = report::overall(&components);
        components.truncate(COMPONENTS);
        match &mut self.conclusion {
            None => {}
            // Several alerts may report on one operation, an item each.
            Some(Conclusion::Result(code, known)) if !known.is_empty() => {
                for component in components {
                    if known.len() < COMPONENTS && !known.contains(&component) {
                        known.push(component);
                    }
                }
                if code.is_success() {
                    *code = overall.unwrap_or(*code);
                }
                return;
            }
            Some(_) => return,
        }
        let Some(code) = overall else {
            self.end(Ended::Unknown);
            return;
        };
        // The answer may be in the same message, and not looked at yet.
        let consent = match (&self.phase, self.replies.status(0, 1)) {
            (Phase::AskInSequence, Some(answer)) if answer != StatusCode::OK => {
                Consent::Withheld(Some(answer))
            }
            _ => self.consent,
        };
        match consent {
            Consent::Withheld(answer) if code.is_success() => {
                self.end(Ended::WithoutConsent {
                    answer,
                    result: code,
                });
            }
            _ => self.result(code, components),
        }
    }

    pub(super) fn result(&mut self, code: StatusCode, components: Vec<ComponentResult>) {
        // 1401 in both objects: the device asked its user.
        if code.as_u16() == 1401 {
            self.end(Ended::Declined(code));
        } else {
            self.conclude(Conclusion::Result(code, components));
        }
    }
}
