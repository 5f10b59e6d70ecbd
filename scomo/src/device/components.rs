//! [`Components`]: what is on the device, at run time.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    Edit, NodeUri,
    agent::Agent,
    store::{StoreError, StoreErrorKind},
};

use super::{Component, Config, busy, inventory, place::Place};
use crate::Branch;

/// The components of a device while it runs: some come and go without a server, installed from elsewhere
/// or with a new firmware.
///
/// Each call is durable when it returns. Servers hear nothing of it: they read the inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    root: NodeUri,
    config: Config,
}

/// Why the components were not changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentsError {
    /// There is no object at the root.
    #[error("no object at {0}")]
    NoObject(NodeUri),
    /// A component without an `ID`.
    #[error("a component has no identifier")]
    NoId,
    /// A job is on the component.
    #[error("a job is on component {0:?}")]
    Busy(Text),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Components {
    /// Those of the object mounted at `root` with this configuration.
    pub fn of(root: NodeUri, config: Config) -> Self {
        Self { root, config }
    }

    /// What is there, by the names of the nodes.
    ///
    /// # Errors
    ///
    /// If there is no object, or the storage fails.
    pub fn all(&self, agent: &mut Agent) -> Result<Vec<Component>, ComponentsError> {
        let mut transaction = agent.begin(0);
        let edit = transaction.edit(&self.root).ok_or_else(|| self.none())?;
        let view = edit.view();
        let places = inventory::places(&edit, Branch::Deployed);
        let components = places
            .iter()
            .map(|place| inventory::component(&view, place));
        components
            // A node without an ID is none that anybody made.
            .filter(|component| *component != Err(StatusCode::NOT_FOUND))
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Makes a component, or makes the one with this ID what is said here, its state included.
    ///
    /// # Errors
    ///
    /// If there is no object, a job is on the component, or the storage fails.
    pub fn put(
        &self,
        agent: &mut Agent,
        component: &Component,
        now: u64,
    ) -> Result<(), ComponentsError> {
        if component.id.is_empty() {
            return Err(ComponentsError::NoId);
        }
        self.change(agent, &component.id, now, |edit, _| {
            let origins = inventory::origins(edit, [&component.id].into_iter());
            inventory::put_component(edit, component, component.active, None, &self.config)?;
            inventory::uninstalled(edit, &origins)
        })
    }

    /// Removes a component; whether it was there.
    ///
    /// # Errors
    ///
    /// If there is no object, a job is on the component, or the storage fails.
    pub fn remove(&self, agent: &mut Agent, id: &str, now: u64) -> Result<bool, ComponentsError> {
        self.change(agent, id, now, |edit, place| {
            let Some(place) = place else {
                return Ok(false);
            };
            let origins = inventory::origins(edit, [&Text::from(id)].into_iter());
            edit.remove(&place.path)?;
            inventory::uninstalled(edit, &origins)?;
            Ok(true)
        })
    }

    fn change<T>(
        &self,
        agent: &mut Agent,
        id: &str,
        now: u64,
        change: impl FnOnce(&mut Edit<'_>, Option<Place>) -> Result<T, StatusCode>,
    ) -> Result<T, ComponentsError> {
        let mut transaction = agent.begin(now);
        let mut edit = transaction.edit(&self.root).ok_or_else(|| self.none())?;
        let place = inventory::component_place(&edit, id);
        let is_busy = place
            .as_ref()
            .is_some_and(|place| busy::is_busy(&edit.view(), place));
        if is_busy {
            return Err(ComponentsError::Busy(id.into()));
        }
        let result = change(&mut edit, place).map_err(failed)?;
        transaction.commit()?;
        Ok(result)
    }

    fn none(&self) -> ComponentsError {
        ComponentsError::NoObject(self.root.clone())
    }
}

fn failed(status: StatusCode) -> ComponentsError {
    let kind = match status {
        StatusCode::DEVICE_FULL => StoreErrorKind::Full,
        _ => StoreErrorKind::Io,
    };
    StoreError::new(kind).into()
}
