//! What the agent does at a start and after a reset.

use dm_proto::session::{ClientSession, Transmit};

use super::{
    Agent, AgentError,
    drive::{Active, SessionRecord, seal},
    unreadable,
};
use crate::{
    NodeUri,
    std_objects::uri_limits,
    store::{Kind, decode},
};

impl Agent {
    /// The session that was open when the last process ended.
    pub(super) fn restore(&self) -> Result<Option<Active>, AgentError> {
        let store = self.tree.store();
        let Some(record) = store.record(Kind::Session, 0)? else {
            return Ok(None);
        };
        // A session that another version of this software has saved is lost; its jobs and reports are
        // not: they have forms of their own.
        let Ok(record) = decode::<SessionRecord>(&record) else {
            return Ok(None);
        };
        let last_sent = store
            .record(Kind::LastSent, 0)?
            .map(|record| decode::<Transmit>(&record))
            .transpose();
        let Ok(last_sent) = last_sent else {
            return Ok(None);
        };
        let Some(account) = self.account(&record.server)? else {
            return Ok(None);
        };
        let config = self.session_config()?;
        let Ok(session) = ClientSession::restore(record.saved, last_sent, config, &account) else {
            return Ok(None);
        };
        let mut active = Active::new(session, record.server, record.trigger);
        active.alerted = record.alerted;
        active.is_waiting = record.ended.is_some();
        active.ended = record.ended;
        active.spool = record.spool;
        Ok(Some(active))
    }

    /// Lets the objects see to what a restart left behind.
    pub(super) fn restart(&mut self, now: u64) -> Result<(), AgentError> {
        let is_lost =
            self.active.is_none() && self.tree.store().record(Kind::Session, 0)?.is_some();
        if self.active.is_none() {
            self.ledger.session_lost(self.config.retries);
        }
        // What no object answers for any more would stand in the way of all that comes after it.
        let mounts = self.tree.mounts();
        self.ledger
            .forget_jobs_but(|node| mounts.iter().any(|mount| node.below(&mount.root).is_some()));
        let mut strays = Vec::new();
        if self.active.is_none() {
            // Of a large object whose session is lost.
            let store = self.tree.store();
            store.records(Kind::Spool, &mut |id, _| strays.push(id))?;
        }
        let jobs = self.ledger.open_jobs();
        let roots: Vec<NodeUri> = self
            .tree
            .mounts()
            .iter()
            .map(|mount| mount.root.clone())
            .collect();
        let mut transaction = self.tree.begin(now);
        for root in roots {
            transaction
                .restarted(&root, &jobs)
                .map_err(|status| AgentError::Restart { root, status })?;
        }
        for id in strays {
            transaction.put(Kind::Spool, id, None);
        }
        if is_lost {
            seal(&mut transaction, &mut self.ledger, None)?;
        } else {
            self.ledger.flush(&mut transaction)?;
        }
        transaction.commit()?;
        let limits = uri_limits(self.tree.view(), self.tree.mounts()).map_err(unreadable)?;
        self.tree.set_uri_limits(limits);
        Ok(())
    }

    /// The device was reset. Until everything is removed the job counts as started; from then on the
    /// storage is that of a new device, whatever happens on the way.
    pub(super) fn reset(&mut self, now: u64) -> Result<(), AgentError> {
        // Whoever still works on a job of before must not end another one.
        self.ledger = self.ledger.anew();
        self.active = None;
        let result = self
            .tree
            .reset()
            .map_err(AgentError::from)
            .and_then(|()| self.restart(now));
        self.is_reset = result.is_ok();
        self.watch(result)
    }
}
