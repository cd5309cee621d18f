//! What all tasks of the broker share: handles, counters, and who is connected under which client id.

use super::config::Limits;
use super::router::core::{Attached, Routed};
use super::session::change::Change;
use super::session::outbound::Pool;
use super::wire::Reason;
use crate::auth::Authenticate;
use futures_util::task::AtomicWaker;
use greenhub_storage::log::{Clock, Log, SystemClock};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A change of a session that does not come through the log, on its way to the router.
#[derive(Debug)]
pub(super) struct Command {
    pub client: Arc<str>,
    pub principal: Arc<str>,
    /// Newest committed batch when it was sent: what was in the log before comes first.
    pub after: u64,
    pub what: Asked,
}

/// What a [`Command`] asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Apply a change; the gate counts it down.
    Change(Change, Arc<Gate>),
    /// A will or an end could not be appended; try again later.
    NotAppended,
}

/// Changes one connection has on their way to the router: its part of the bound of that queue.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicUsize);

impl Gate {
    /// Most changes of one connection on their way.
    pub const MAX: usize = 64;

    pub fn enter(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
    pub fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire) < Self::MAX
    }
}

/// Counters of the shells, since start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub connections: AtomicUsize,
    pub accepted: AtomicU64,
    pub over_limit: AtomicU64,
    pub denied: AtomicU64,
    pub malformed: AtomicU64,
    pub silent: AtomicU64,
    pub stalled: AtomicU64,
    pub taken_over: AtomicU64,
    pub publishes: AtomicU64,
    pub refused: AtomicU64,
    pub not_stored: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub wills_lost: AtomicU64,
}

/// The router's figures, refreshed by it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub routed: Routed,
    pub gauges: [u64; 6],
    pub batch: u64,
}

/// Why a connection is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    TakenOver,
    Shutdown,
}

/// The handle by which others end a connection and wait for its end.
#[derive(Debug, Default)]
pub(super) struct Control {
    stop: AtomicU8,
    bell: AtomicWaker,
    pub done: CancellationToken,
}

impl Control {
    pub fn stop(&self, why: Stop) {
        let code = if why == Stop::TakenOver { 1 } else { 2 };
        self.stop.store(code, Ordering::Release);
        self.bell.wake();
    }

    pub fn stopped(&self, waker: &Waker) -> Option<Stop> {
        self.bell.register(waker);
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::TakenOver),
            _ => Some(Stop::Shutdown),
        }
    }
}

struct Registered {
    principal: Arc<str>,
    control: Arc<Control>,
}

pub(super) struct Shared {
    pub limits: Limits,
    pub log: Log,
    pub auth: Arc<dyn Authenticate>,
    pub commands: mpsc::UnboundedSender<Command>,
    pub counters: Counters,
    pub pool: Arc<Pool>,
    pub figures: Mutex<Figures>,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    epochs: AtomicU64,
    waiters: Mutex<HashMap<u64, oneshot::Sender<Result<Attached, Reason>>>>,
    registry: Mutex<HashMap<Arc<str>, Registered>>,
}

impl Shared {
    pub fn new(
        limits: Limits,
        log: Log,
        auth: Arc<dyn Authenticate>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Arc<Self> {
        let first_epoch = u64::try_from(now()).unwrap_or(1);
        Arc::new(Self {
            pool: Pool::new(limits.queue_bytes_total),
            limits,
            log,
            auth,
            commands,
            counters: Counters::default(),
            figures: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            epochs: AtomicU64::new(first_epoch),
            waiters: Mutex::default(),
            registry: Mutex::default(),
        })
    }

    /// A number no connection of this or an earlier run has (it starts from the wall clock in microseconds).
    pub fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }

    /// Announces that a connection waits for the router's answer under its epoch.
    pub fn wait_for(&self, epoch: u64) -> oneshot::Receiver<Result<Attached, Reason>> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.lock().insert(epoch, sender);
        receiver
    }

    pub fn waiter(&self, epoch: u64) -> Option<oneshot::Sender<Result<Attached, Reason>>> {
        self.waiters.lock().remove(&epoch)
    }

    /// Hands a change to the router. The channel is open as long as the router runs; after that nobody needs it.
    pub fn send(&self, client: &Arc<str>, principal: &Arc<str>, what: Asked) {
        let after = self.log.committed().batch;
        let command = Command { client: client.clone(), principal: principal.clone(), after, what };
        if self.commands.send(command).is_err() {
            tracing::debug!(%client, "the router has stopped; a change of its session is not applied");
        }
    }

    /// Takes the client id for a connection: `Err(None)` when another principal has it, `Err(Some)` when the same one
    /// has it and has been told to stop (wait, then ask again).
    pub fn register(
        &self,
        client: &Arc<str>,
        principal: &Arc<str>,
        control: &Arc<Control>,
    ) -> Result<(), Option<CancellationToken>> {
        let mut registry = self.registry.lock();
        match registry.get(client) {
            Some(other) if other.principal != *principal => Err(None),
            Some(other) => {
                other.control.stop(Stop::TakenOver);
                Err(Some(other.control.done.clone()))
            }
            None => {
                let (principal, control) = (principal.clone(), control.clone());
                registry.insert(client.clone(), Registered { principal, control });
                Ok(())
            }
        }
    }

    pub fn unregister(&self, client: &Arc<str>, control: &Arc<Control>) {
        let mut registry = self.registry.lock();
        if registry.get(client).is_some_and(|registered| Arc::ptr_eq(&registered.control, control)) {
            registry.remove(client);
        }
    }

    pub fn stop_all(&self) {
        self.registry.lock().values().for_each(|registered| registered.control.stop(Stop::Shutdown));
    }
}

/// Wall clock, Unix microseconds.
pub(super) fn now() -> i64 {
    SystemClock.now().0
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, n: u64) {
    if n > 0 {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
