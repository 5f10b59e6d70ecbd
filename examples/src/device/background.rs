//! Downloads, which go on while the device talks to its servers. One that drags on for an
//! hour must not keep the lock from a device that was stolen.

use core::time::Duration;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use dm_tree::object::Job;
use scomo::{ResultCode, device::Facts};

/// Whether what goes on in the background may still touch the files of the device.
///
/// What works there enters before each thing that it does to files. Once the gate is closed nothing enters
/// any more, and nothing is inside: the device need not wait for a thread that waits for its network.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<bool>>);

/// The gate was closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Closed;

impl Gate {
    /// Lets the caller do one thing, which must not take long.
    pub(super) fn enter(&self) -> Result<MutexGuard<'_, bool>, Closed> {
        let is_closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            Err(Closed)
        } else {
            Ok(is_closed)
        }
    }

    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// A job whose download is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) result: Result<Facts, ResultCode>,
    gate: Gate,
}

/// What goes on in the background, shared by the object that begins it and the device that ends it.
#[derive(Clone, Debug)]
pub(super) struct Background {
    sender: mpsc::Sender<Ended>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    ended: mpsc::Receiver<Ended>,
    gate: Gate,
    open: usize,
}

impl Background {
    pub(super) fn new() -> Self {
        let (sender, ended) = mpsc::channel();
        let state = State {
            ended,
            gate: Gate::default(),
            open: 0,
        };
        Self {
            sender,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Begins some work for a job.
    pub(super) fn spawn(
        &self,
        job: Job,
        work: impl FnOnce(&Gate) -> Result<Facts, ResultCode> + Send + 'static,
    ) -> io::Result<()> {
        let mut state = self.state();
        let gate = state.gate.clone();
        let sender = self.sender.clone();
        let name = format!("job {}", job.id.0);
        thread::Builder::new().name(name).spawn(move || {
            let result = work(&gate);
            // If the device is gone, its next start goes on.
            let _ = sender.send(Ended { job, result, gate });
        })?;
        state.open = state.open.saturating_add(1);
        Ok(())
    }

    /// Whether anything goes on.
    pub(super) fn is_busy(&self) -> bool {
        self.state().open > 0
    }

    /// Waits for the end of something, so long at most.
    pub(super) fn wait(&self, most: Duration) -> Option<Ended> {
        let mut state = self.state();
        loop {
            let ended = state.ended.recv_timeout(most).ok()?;
            if ended.gate.enter().is_ok() {
                state.open = state.open.saturating_sub(1);
                return Some(ended);
            }
        }
    }

    /// Ends all that goes on: from here on it changes nothing.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.gate.close();
        state.gate = Gate::default();
        state.open = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dm_proto::session::Origin;
    use dm_tree::{NodeUri, object::JobId};

    use super::*;

    fn job() -> Job {
        let node = NodeUri::parse("./SCOMO/Download/p/Operations/Download").unwrap();
        let origin = Origin {
            session_id: 1.into(),
            msg_id: 1.into(),
            cmd_id: 1.into(),
            item: 0,
        };
        Job::new(JobId(1), "s", node, origin)
    }

    #[test]
    fn what_was_stopped_enters_nothing_and_never_ends() {
        let background = Background::new();
        let (go, going) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let spawned = background.spawn(job(), move |gate| {
            assert!(gate.enter().is_ok());
            tell.send(false).unwrap();
            going.recv().unwrap();
            tell.send(gate.enter().is_err()).unwrap();
            Ok(Facts::default())
        });
        spawned.unwrap();
        assert_eq!(told.recv(), Ok(false));
        assert!(background.is_busy());
        background.stop();
        assert!(!background.is_busy());
        go.send(()).unwrap();
        assert_eq!(told.recv(), Ok(true), "the gate is closed");
        // What is begun later ends as ever.
        let spawned = background.spawn(job(), |_| Err(ResultCode::DOWNLOAD_FAILED));
        spawned.unwrap();
        let ended = background.wait(Duration::from_secs(60)).expect("an end");
        assert_eq!(ended.result, Err(ResultCode::DOWNLOAD_FAILED));
        assert!(!background.is_busy());
    }
}
