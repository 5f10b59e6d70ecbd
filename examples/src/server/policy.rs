//! A [`Policy`] from a file: which requests of devices are granted, and with what.

use std::{path::Path, sync::Arc};

use dm_proto::message::Alert;
use serde::Deserialize;

use super::{
    Policy,
    device::{Device, MoRoots},
    request::{OperationRequest, RequestError},
};

/// A request of a device's that is granted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The type of the alert.
    alert: String,
    /// The source of its item, where it matters.
    #[serde(default)]
    source: Option<String>,
    /// The device, where it matters.
    #[serde(default)]
    device: Option<String>,
    /// What is done.
    operation: OperationRequest,
}

/// Why a file gives no policy.
#[derive(Debug, thiserror::Error)]
pub(super) enum PolicyError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("rule {number}: {error}")]
    Rule { number: usize, error: RequestError },
}

/// Reads a policy: a JSON array of rules, the first that fits of which counts.
pub(super) fn read(path: &Path) -> Result<Policy, PolicyError> {
    let rules: Vec<Rule> = serde_json::from_slice(&std::fs::read(path)?)?;
    for (number, rule) in (1..).zip(&rules) {
        // What makes no sense is said now, not when a device asks.
        let mut anyone = Device::new("anyone");
        anyone.mo_roots = MoRoots::default();
        let built = rule.operation.build(&anyone, "");
        built.map_err(|error| PolicyError::Rule { number, error })?;
    }
    Ok(Arc::new(move |device, alert| {
        let rule = rules.iter().find(|rule| rule.fits(device, alert))?;
        Some(rule.operation.clone())
    }))
}

impl Rule {
    fn fits(&self, device: &str, alert: &Alert) -> bool {
        self.device.as_ref().is_none_or(|named| named == device)
            && alert.items.iter().any(|item| {
                let type_ = item.meta.as_ref().and_then(|meta| meta.type_.as_deref());
                let source = item.source.as_ref().map(|source| source.loc_uri.as_str());
                type_.is_some_and(|type_| type_.trim() == self.alert)
                    && (self.source.is_none() || self.source.as_deref() == source)
            })
    }
}
