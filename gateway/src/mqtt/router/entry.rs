//! One session as the router knows it, and the handle it shares with the session's connection.

use crate::mqtt::session::outbound::Outbound;
use crate::mqtt::wire::packet::{Options, Will};
use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// What router and connection share of a session: its outbound half and a bell.
#[derive(Debug)]
pub struct Session {
    outbound: Mutex<Outbound>,
    dirty: AtomicBool,
    bell: AtomicWaker,
}

impl Session {
    /// Wraps an outbound half.
    pub fn new(outbound: Outbound) -> Arc<Self> {
        Arc::new(Self { outbound: Mutex::new(outbound), dirty: AtomicBool::new(false), bell: AtomicWaker::new() })
    }

    /// The outbound half; held for a few copies at most, never across a wait.
    pub fn outbound(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock()
    }

    /// Tells the connection that something is ready for it.
    pub fn ring(&self) {
        self.dirty.store(true, Ordering::Release);
        self.bell.wake();
    }

    /// Whether the bell has rung since the last call; registers who is to be woken next time.
    pub fn heard(&self, waker: &Waker) -> bool {
        self.bell.register(waker);
        self.dirty.swap(false, Ordering::AcqRel)
    }
}

/// One session.
#[derive(Debug)]
pub(super) struct Entry {
    pub client: Arc<str>,
    pub principal: Arc<str>,
    pub session: Arc<Session>,
    /// Its changes go through the log.
    pub logged: bool,
    /// Filters as subscribed, with options and subscription identifier (0 for none).
    pub filters: BTreeMap<String, (Options, u32)>,
    /// QoS 2 packet ids of the client that are in the log and not released.
    pub held: BTreeSet<u16>,
    /// The connection that began the session.
    pub born: u64,
    /// The connection that has it now.
    pub epoch: Option<u64>,
    /// Seconds it outlives its connection.
    pub expiry: u32,
    /// When it ends, Unix microseconds, while nobody has it.
    pub expires_at: Option<i64>,
    /// The will and the connection that left it.
    pub will: Option<(u64, Will)>,
    /// When the will is due.
    pub will_due: Option<i64>,
    /// The will is on its way to the log.
    pub will_leaving: bool,
    /// The record that ends it is on its way to the log.
    pub ending: bool,
    /// Something was put on the outbound half in this batch.
    pub touched: bool,
}
