//! [`UsePolicy`]: what stays usable while the device is locked. [`Standing`]: how far it is, and by whom.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    NodeUri, Right, View,
    agent::Agent,
    store::{StoreError, StoreErrorKind},
};

use super::effect;
use crate::{State, nodes};

/// Functions of a device that a lock takes away or leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Function {
    /// Notifications and sessions with servers that may have them ([`UsePolicy::sessions`]); always left.
    DeviceManagement,
    /// Emergency calls; always left.
    EmergencyCalls,
    /// Being called.
    IncomingCalls,
    /// Calling anybody.
    OutgoingCalls,
    /// Data services.
    DataServices,
    /// Looking at the user's data.
    UserData,
    /// Unlocking with the user's own code.
    LocalUnlock,
    /// A function of this kind of device, by whatever name its integrator knows it.
    Vendor(Text),
}

/// Which servers a locked device speaks with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Sessions {
    /// Any whose ACL allows Exec on an operation.
    #[default]
    Entitled,
    /// Only the one that locked it, as long as it may execute something: else the device would stay locked
    /// for ever. Accounts are not looked at: `Transaction::revoke` takes the rights of a server whose account
    /// goes.
    LockingServer,
}

/// What stays usable while the device is locked. Data for the integrator: nothing here enforces it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UsePolicy {
    /// While fully locked, beyond management and emergency calls. Default: nothing.
    pub fully_locked: Vec<Function>,
    /// While partially locked, beyond management and emergency calls. Default: incoming calls.
    pub partially_locked: Vec<Function>,
    /// Which servers the locked device speaks with. Default: the entitled ones.
    pub sessions: Sessions,
}

impl Default for UsePolicy {
    fn default() -> Self {
        Self {
            fully_locked: Vec::new(),
            partially_locked: vec![Function::IncomingCalls],
            sessions: Sessions::default(),
        }
    }
}

impl UsePolicy {
    /// Whether a function is usable in a state.
    pub fn allows(&self, state: State, function: &Function) -> bool {
        let left = match state {
            State::Unlocked => return true,
            State::PartiallyLocked => &self.partially_locked,
            State::FullyLocked => &self.fully_locked,
        };
        matches!(
            function,
            Function::DeviceManagement | Function::EmergencyCalls
        ) || left.contains(function)
    }

    /// Whether the device speaks with a server now: asked before a notification is followed
    /// (`Agent::notified`) or a session is begun. `root` is where the object is mounted, `view` that of
    /// `Agent::begin`. An unlocked device speaks with all; one that cannot tell whether it is, with nobody.
    pub fn admits(&self, view: &View<'_>, root: &NodeUri, server: &str) -> bool {
        let Ok(standing) = Standing::read(view, root) else {
            return false;
        };
        if standing.state == State::Unlocked {
            return true;
        }
        match (self.sessions, standing.locked_by) {
            (Sessions::LockingServer, Some(locked_by)) if is_entitled(view, root, &locked_by) => {
                locked_by == server
            }
            _ => is_entitled(view, root, server),
        }
    }
}

/// How far the device is locked, and by whom: as it is in the tree.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Standing {
    /// The state. [`State::Unlocked`] if the object is not there.
    pub state: State,
    /// The ServerID of the server that brought a locked device into its state (`Ext/LockedBy`).
    pub locked_by: Option<Text>,
}

impl Standing {
    /// Reads it. `root` is where the object is mounted.
    ///
    /// # Errors
    ///
    /// 510 if the storage fails: it may be locked or not.
    pub fn read(view: &View<'_>, root: &NodeUri) -> Result<Self, StatusCode> {
        let text = |path: &str| match root.join(path).map(|leaf| view.text(&leaf)) {
            Err(_) | Ok(Err(StatusCode::NOT_FOUND)) => Ok(None),
            Ok(text) => text.map(Some),
        };
        let state = text(nodes::STATE)?.and_then(|state| State::parse(&state));
        Ok(Self {
            state: state.unwrap_or_default(),
            locked_by: text(nodes::LOCKED_BY_PATH)?,
        })
    }

    /// Writes down a state that no server has brought about: a repair shop's unlock, a lock by the user's own
    /// means. Whether there is an object at `root`. Durable when it returns; nothing happens if the state is
    /// that already. Servers read it; to tell them, there is `Agent::raise`.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn change(
        agent: &mut Agent,
        root: &NodeUri,
        state: State,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = agent.begin(now);
        let Some(mut edit) = transaction.edit(root) else {
            return Ok(false);
        };
        let is_there = match effect::enter(&mut edit, state, None) {
            Ok(()) => true,
            Err(StatusCode::NOT_FOUND) => false,
            Err(_) => return Err(StoreError::new(StoreErrorKind::Io)),
        };
        transaction.commit()?;
        Ok(is_there)
    }
}

/// Whether the ACL of any operation allows a server to execute it.
fn is_entitled(view: &View<'_>, root: &NodeUri, server: &str) -> bool {
    let Ok(operations) = root.join(nodes::OPERATIONS) else {
        return false;
    };
    let names = view.children(&operations).unwrap_or_default();
    names.iter().any(|name| {
        let operation = operations.join(name).ok();
        let acl = operation.and_then(|operation| view.effective_acl(&operation).ok());
        acl.is_some_and(|acl| acl.allows(Right::Exec, server))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn management_and_emergency_calls_are_left_in_every_state() {
        let policy = UsePolicy::default();
        for state in [State::FullyLocked, State::PartiallyLocked, State::Unlocked] {
            for function in [Function::DeviceManagement, Function::EmergencyCalls] {
                assert!(policy.allows(state, &function), "{state:?}: {function:?}");
            }
        }
    }

    #[test]
    fn a_lock_takes_what_the_policy_does_not_leave() {
        let mut policy = UsePolicy::default();
        let torch = Function::Vendor("torch".into());
        policy.partially_locked.push(torch.clone());
        let left = |state, function: &Function| policy.allows(state, function);
        for (function, partially) in [
            (&Function::IncomingCalls, true),
            (&torch, true),
            (&Function::OutgoingCalls, false),
            (&Function::DataServices, false),
            (&Function::UserData, false),
            (&Function::LocalUnlock, false),
            (&Function::Vendor("radio".into()), false),
        ] {
            assert_eq!(left(State::PartiallyLocked, function), partially);
            assert!(!left(State::FullyLocked, function), "{function:?}");
            assert!(left(State::Unlocked, function), "{function:?}");
        }
    }
}
