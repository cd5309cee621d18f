//! The sink: outputs of the dataflow become rows, together with the number of the batch they came from.
//!
//! ```text
//! apply(outputs) ─ drop batches ≤ the newest taken in
//!                ├─ any row to write? ─ yes ─▶ one transaction: alarms, quarantine, appliers, ledger, batch number
//!                └─ no ─▶ remember ledger and number; commit them when 250 ms have passed since the last commit
//! ```
//!
//! **Exactly once.** `committed()` is the newest batch on disk. After a crash the dataflow replays from there or from
//! before; what is at or below it is skipped. A failed transaction leaves both database and memory as they were: call
//! again with the same outputs. **Cost** of a batch without rows: one look at each item, no allocation.

use super::alarms;
use super::database::Database;
use super::desks;
use super::error::StoreError;
use super::ledger::Progress;
use super::quarantine::{QuarantineDraft, QuarantineMemory};
use greenhub_model::ledger::Counts;
use greenhub_model::time::Monotonic;
use greenhub_model::{BatchOutput, Channel, Output};
use sqlx::AnyConnection;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// Longest time that position and ledger wait for a commit, microseconds.
pub const COALESCE_US: u64 = 250_000;

/// The future of [`BatchApplier::apply`].
pub type Applying<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A capability that turns outputs into rows of its own tables, within the sink's transaction.
///
/// It must be idempotent and keep no memory that a rolled back transaction would make wrong.
pub trait BatchApplier: Send + Sync {
    /// Name for logs.
    fn name(&self) -> &'static str;
    /// Whether this output makes it write something.
    fn wants(&self, output: &Output) -> bool;
    /// Writes the rows of these batches, which are in order and new.
    fn apply<'a>(&'a self, connection: &'a mut AnyConnection, batches: &'a [&'a Arc<BatchOutput>]) -> Applying<'a>;
}

#[derive(Debug)]
struct State {
    /// As committed.
    durable: Progress,
    /// As taken in; ahead of `durable` while batches without rows are coalesced.
    seen: Progress,
    /// Timer clock at the last commit.
    committed_at: Option<Monotonic>,
    quarantine: QuarantineMemory,
}

/// The one writer of everything that comes out of the dataflow.
pub struct BatchSink {
    db: Database,
    appliers: Vec<Arc<dyn BatchApplier>>,
    state: Mutex<State>,
    committed: AtomicU64,
    decided: parking_lot::Mutex<[Counts; Channel::ALL.len()]>,
}

impl BatchSink {
    /// A sink that goes on where the database stands.
    pub async fn new(db: Database, appliers: Vec<Arc<dyn BatchApplier>>) -> Result<Self, StoreError> {
        let durable = Progress::load(db.writer()).await?;
        let quarantine = QuarantineMemory::load(db.writer()).await?;
        Ok(Self {
            db,
            appliers,
            committed: AtomicU64::new(durable.batch),
            decided: parking_lot::Mutex::new(durable.decided),
            state: Mutex::new(State { durable, seen: durable, committed_at: None, quarantine }),
        })
    }

    /// Newest batch that is on disk with all its rows.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Decided messages per channel, in the order of [`Channel::ALL`], up to the newest batch taken in.
    pub fn decided(&self) -> [Counts; Channel::ALL.len()] {
        *self.decided.lock()
    }

    /// Takes in these batches, which must be in order; returns the newest batch on disk.
    pub async fn apply(&self, outputs: &[Arc<BatchOutput>], now: Monotonic) -> Result<u64, StoreError> {
        let mut state = self.state.lock().await;
        let mut seen = state.seen;
        let mut fresh = Vec::with_capacity(outputs.len());
        for output in outputs {
            if output.batch > seen.batch {
                seen.add(output);
                fresh.push(output);
            }
        }
        if fresh.is_empty() {
            return Ok(state.durable.batch);
        }
        let with_rows: Vec<_> = fresh.into_iter().filter(|o| o.items.iter().any(|item| self.wants(item))).collect();
        if !with_rows.is_empty() || is_due(&state, now) {
            self.commit(&mut state, seen, &with_rows, now).await?;
        } else {
            state.seen = seen;
        }
        *self.decided.lock() = seen.decided;
        Ok(state.durable.batch)
    }

    /// Commits what was coalesced when its time has come, or at once when `now` is none. To be called when nothing
    /// arrives, and at the end.
    pub async fn flush(&self, now: Option<Monotonic>) -> Result<u64, StoreError> {
        let mut state = self.state.lock().await;
        if state.seen != state.durable && now.is_none_or(|now| is_due(&state, now)) {
            let seen = state.seen;
            let at = now.or(state.committed_at).unwrap_or(Monotonic(0));
            self.commit(&mut state, seen, &[], at).await?;
        }
        Ok(state.durable.batch)
    }

    fn wants(&self, output: &Output) -> bool {
        matches!(output, Output::Alarm(_) | Output::Service(_) | Output::Flood(_) | Output::Quarantine(_))
            || self.appliers.iter().any(|a| a.wants(output))
    }

    async fn commit(
        &self,
        state: &mut State,
        seen: Progress,
        with_rows: &[&Arc<BatchOutput>],
        now: Monotonic,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let draft = self.write(&mut tx, state, &seen, with_rows).await?;
        tx.commit().await.map_err(StoreError::when("commit a batch"))?;
        state.quarantine.remember(draft);
        state.durable = seen;
        state.seen = seen;
        state.committed_at = Some(now);
        self.committed.store(seen.batch, Ordering::Release);
        Ok(())
    }

    async fn write(
        &self,
        connection: &mut AnyConnection,
        state: &State,
        seen: &Progress,
        with_rows: &[&Arc<BatchOutput>],
    ) -> Result<QuarantineDraft, StoreError> {
        alarms::write(connection, with_rows).await?;
        desks::write(connection, with_rows).await?;
        let draft = state.quarantine.write(connection, with_rows).await?;
        for applier in &self.appliers {
            applier.apply(connection, with_rows).await?;
        }
        seen.save(connection, &state.durable).await?;
        Ok(draft)
    }
}

fn is_due(state: &State, now: Monotonic) -> bool {
    state.committed_at.is_none_or(|at| now.0.saturating_sub(at.0) >= COALESCE_US)
}
