//! Hands the outputs of each batch on: live state first, then tables and history, then whoever waits for a command.
//!
//! ```text
//! streams ─bounded─▶ fan-out thread ─▶ Live::apply (at once)
//!                        ├─bounded─▶ sink task:    rows + batch number in one transaction ─▶ command answers
//!                        └─bounded─▶ history task: chunks, flushed with their batch number
//! ```
//!
//! A slow disk fills the bounded queues and so slows the dataflow, never the doors: they only need the log. A failing
//! database or history is retried with the same batch for ever and shown on the health page; a batch they have already
//! stored changes nothing.

use crate::commands::Waiting;
use crossbeam_channel::Receiver;
use greenhub_dashboards::live::Live;
use greenhub_model::time::Monotonic;
use greenhub_model::{BatchOutput, Output};
use greenhub_storage::history::{HistoryWriter, Pressure};
use greenhub_storage::relational::BatchSink;
use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, warn};

/// Batches that may wait for the sink or the history.
const QUEUE: usize = 64;
/// Batches taken into one transaction.
const TOGETHER: usize = 256;
/// Longest time that history waits for a flush.
const HISTORY_FLUSH_EVERY: Duration = Duration::from_secs(10);
/// Series looked at for old chunks after each flush.
const FORGET_SERIES: usize = 500;
/// Pause before a failed transaction is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Trouble of one sink, for the health page.
#[derive(Default)]
pub struct Trouble(Mutex<Option<String>>);

impl Trouble {
    /// What is wrong now.
    pub fn now(&self) -> Option<String> {
        self.0.lock().clone()
    }

    fn clear(&self) {
        *self.0.lock() = None;
    }

    /// Keeps the trouble visible; says so in the log once per kind.
    fn note(&self, what: &str, why: String) {
        let mut seen = self.0.lock();
        if seen.as_deref() != Some(why.as_str()) {
            error!(error = %why, "cannot {what}, trying again");
        }
        *seen = Some(why);
    }
}

/// How far the sinks are, and what troubles them.
#[derive(Default)]
pub struct SinkState {
    /// Batch that the history has on disk.
    pub history_at: AtomicU64,
    /// Trouble of the relational sink.
    pub tables: Trouble,
    /// Trouble of the history.
    pub history: Trouble,
}

/// Where outputs go.
pub struct Sinks {
    /// Live state.
    pub live: Live,
    /// Tables.
    pub tables: Arc<BatchSink>,
    /// Tracks and readings.
    pub history: HistoryWriter,
    /// How long tracks and readings are kept.
    pub history_retain: Duration,
    /// Callers waiting for a command's result.
    pub waiting: Arc<Waiting>,
    /// Progress and trouble.
    pub state: Arc<SinkState>,
}

/// The running fan-out; everything ends by itself once the dataflow drops its sender.
pub struct FanOut {
    thread: std::thread::JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts the fan-out of `outputs`.
pub fn start(outputs: Receiver<Arc<BatchOutput>>, sinks: Sinks) -> std::io::Result<FanOut> {
    let (to_tables, from_fan_out) = mpsc::channel(QUEUE);
    let (to_history, for_history) = mpsc::channel(QUEUE);
    let started = Instant::now();
    let tables = tokio::spawn(feed_tables(sinks.tables, sinks.waiting, sinks.state.clone(), from_fan_out, started));
    let history = tokio::spawn(feed_history(sinks.history, sinks.history_retain, sinks.state, for_history));
    let live = sinks.live;
    let thread = std::thread::Builder::new().name("fan-out".to_owned()).spawn(move || {
        for output in outputs {
            live.apply(&output);
            // Both fail only when their task is gone, which ends the process on its own.
            if to_tables.blocking_send(output.clone()).is_err() || to_history.blocking_send(output).is_err() {
                error!("a sink is gone, the fan-out ends");
                return;
            }
        }
    })?;
    Ok(FanOut { thread, tasks: vec![tables, history] })
}

impl FanOut {
    /// Waits until all outputs are stored; the dataflow must have been stopped.
    pub async fn finished(self) {
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            error!("the fan-out thread failed");
        }
        for task in self.tasks {
            if let Err(error) = task.await {
                error!(%error, "a sink task failed");
            }
        }
    }
}

async fn feed_tables(
    sink: Arc<BatchSink>,
    waiting: Arc<Waiting>,
    state: Arc<SinkState>,
    mut outputs: mpsc::Receiver<Arc<BatchOutput>>,
    started: Instant,
) {
    let now = || Monotonic(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    let mut taken = Vec::with_capacity(TOGETHER);
    loop {
        let idle = tokio::time::timeout(Duration::from_millis(250), outputs.recv_many(&mut taken, TOGETHER)).await;
        match idle {
            Ok(0) => break,
            Ok(_) => {
                retried(&state.tables, "store a batch in the tables", || sink.apply(&taken, now())).await;
                for item in taken.drain(..).flat_map(|output| command_results(&output)) {
                    waiting.answer(&item.0, item.1);
                }
            }
            Err(_) => {
                retried(&state.tables, "store the ledger", || sink.flush(Some(now()))).await;
            }
        }
    }
    retried(&state.tables, "store the ledger", || sink.flush(None)).await;
}

type CommandResult = (String, Result<(), greenhub_model::CommandRefusal>);

fn command_results(output: &BatchOutput) -> Vec<CommandResult> {
    let result = |item: &Output| match item {
        Output::CommandDone { request_id, result } => Some((request_id.clone(), result.clone())),
        _ => None,
    };
    output.items.iter().filter_map(result).collect()
}

async fn feed_history(
    mut history: HistoryWriter,
    retain: Duration,
    state: Arc<SinkState>,
    mut outputs: mpsc::Receiver<Arc<BatchOutput>>,
) {
    let mut flushed = Instant::now();
    loop {
        let left = HISTORY_FLUSH_EVERY.saturating_sub(flushed.elapsed());
        match tokio::time::timeout(left, outputs.recv()).await {
            Ok(None) => break,
            Ok(Some(output)) => {
                let full = match history.push(&output) {
                    Ok(pressure) => pressure == Pressure::FlushNow,
                    Err(_) => true,
                };
                if full {
                    flush_history(&mut history, &state).await;
                    flushed = Instant::now();
                    if let Err(error) = history.push(&output) {
                        error!(%error, "a batch does not fit into an empty history buffer, its rows are not kept");
                    }
                }
            }
            Err(_) => {}
        }
        if flushed.elapsed() >= HISTORY_FLUSH_EVERY {
            flush_history(&mut history, &state).await;
            flushed = Instant::now();
            let before = crate::state::now().millis() - i64::try_from(retain.as_millis()).unwrap_or(i64::MAX);
            if let Err(error) = history.forget_before(before, FORGET_SERIES).await {
                warn!(%error, "old history could not be removed, trying again");
            }
        }
    }
    flush_history(&mut history, &state).await;
    if let Err(error) = history.close().await {
        error!(%error, "the history could not be closed");
    }
}

async fn flush_history(history: &mut HistoryWriter, state: &SinkState) {
    loop {
        match history.flush().await {
            Ok(batch) => {
                state.history.clear();
                state.history_at.store(batch, Ordering::Release);
                return;
            }
            Err(error) => state.history.note("store the history", error.to_string()),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Tries until it works; says so once when it stops working and keeps the trouble visible meanwhile.
async fn retried<T, E, F>(trouble: &Trouble, what: &str, attempt: impl Fn() -> F) -> T
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    loop {
        match attempt().await {
            Ok(value) => {
                trouble.clear();
                return value;
            }
            Err(error) => trouble.note(what, error.to_string()),
        }
        tokio::time::sleep(RETRY).await;
    }
}
