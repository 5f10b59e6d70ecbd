//! Consent: what an answer, or the lack of one, lets an operation do.

use dm_proto::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Course, Phase, Prepare, Script};
use crate::remote::Ended;

/// What is known of the user's will.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Consent {
    /// Nobody has to be asked.
    NotNeeded,
    /// To be asked.
    Needed,
    /// The answer was 200.
    Given,
    /// It was not; or none came.
    Withheld(Option<StatusCode>),
}

impl<S: Script> Course<S> {
    /// The user's answer, and the status of the Exec, of a Sequence.
    pub(super) fn sequence_answers(&self) -> (Option<StatusCode>, Option<StatusCode>) {
        let prepared = self.plan.as_ref().map_or(0, |plan| {
            plan.prepare
                .iter()
                .map(|prepare| Prepare::commands(prepare).count())
                .sum()
        });
        let last = u32::try_from(prepared)
            .unwrap_or(u32::MAX)
            .saturating_add(2);
        (self.replies.status(0, 1), self.replies.status(0, last))
    }

    pub(super) fn answered_in_sequence(&mut self) {
        let (answer, exec) = self.sequence_answers();
        let first_time = self.attempts == 0;
        if answer == Some(StatusCode::OK) {
            self.consent = Consent::Given;
            match exec {
                Some(StatusCode::NOT_EXECUTED) => {
                    // A command before it failed: each is tried again, and the failure looked at.
                    self.executed = !first_time;
                    self.prepare(0);
                }
                Some(status) => self.exec_answered(status),
                None => self.exec_lost(),
            }
        } else if let Some(result) = exec.filter(|status| has_run(*status)) {
            self.end(Ended::WithoutConsent { answer, result });
        } else if answer.is_none() && exec.is_none() {
            let sequence = self.replies.status(0, 0);
            if sequence.is_some_and(|status| !status.is_success()) && !self.replies.any_part(0) {
                // No Sequence at all: nothing in it ran.
                self.executed = !first_time;
                self.phase = Phase::Ask;
            } else if self.script.resends(&self.order) {
                self.consent = Consent::Withheld(None);
                self.try_again(Phase::AskInSequence);
            } else {
                self.end(Ended::Unknown);
            }
        } else if first_time {
            // It will not run. If it is reported all the same, that is known for what it is, but comes too late.
            self.withheld(answer);
        } else {
            // It was sent before, and nobody knows what came of that.
            self.end(Ended::Unknown);
        }
    }

    pub(super) fn withheld(&mut self, answer: Option<StatusCode>) {
        self.consent = Consent::Withheld(answer);
        self.end(match answer {
            Some(
                status @ (StatusCode::NOT_MODIFIED
                | StatusCode::OPERATION_CANCELLED
                | StatusCode::REQUEST_TIMEOUT),
            ) => Ended::Declined(status),
            answer => Ended::NotAsked(answer),
        });
    }
}

/// Whether an Exec with this status was run, or will be.
fn has_run(status: StatusCode) -> bool {
    matches!(status, StatusCode::OK | StatusCode::ACCEPTED)
        || (status.is_result_code() && status.is_success())
}
