//! The timely host: threads and channels around the stages, and nothing of what they decide.
//!
//! ```text
//! worker 0   source ──▶ feed ──┬─▶ devices ─▶ alarms ─┐
//! worker 1..n                  └─▶ devices ─▶ alarms ─┴─▶ correlate (worker 0) ──▶ sink, in the order of batches
//! ```
//!
//! The batch number is the time stamp. Each batch goes to every worker as one shared buffer; a stage runs a batch when
//! the frontier says that nothing more of it can come, so what it sees does not depend on who was faster. At most
//! [`IN_FLIGHT_MAX`] batches are under way; a slow sink holds the source back, and through the log's holds nothing is
//! lost. Worker 0 reads the source itself: when nothing is under way it blocks in the source's wait, else it steps.
//!
//! A panic in an operator ends the whole computation: the worker that panics raises the alarm flag on its way out and
//! the others leave. Outside input cannot cause one (decoders are caught, see the device stage).

mod source;
mod stage;

pub use source::{BatchSource, Fetch, Offline, Recorded, Tail, Until};

use self::stage::staged;
use crate::operators::{
    AlarmPart, AlarmStage, CorrelatePart, CorrelateStage, DevicePart, DeviceStage, Parts, ToAlarm, ToGather,
};
use greenhub_alarms::RuleSet;
use greenhub_model::decode::Decode;
use greenhub_model::{Batch, BatchOutput, Position, ReceivedTime};
use greenhub_storage::log::LogError;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Most batches between the source and the sink.
const IN_FLIGHT_MAX: u64 = 8;
/// Stages with timers: devices, alarms, correlation.
const STAGES: usize = 3;
/// How long worker 0 waits for a batch when nothing is under way; also how soon a stop is seen.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// How long a worker with nothing to do parks before it looks at the flags again.
const PARK: Duration = Duration::from_millis(50);
/// How long worker 0 parks while other workers are at work.
const PARK_BUSY: Duration = Duration::from_micros(200);

/// Flags and figures shared by the workers and the handle.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Take no more batches; finish those under way.
    pub stop: AtomicBool,
    /// A worker panicked or the source failed: leave at once.
    pub abort: AtomicBool,
    /// Number and receive time of the newest batch handed to the sink.
    pub applied: AtomicU64,
    pub applied_received: AtomicI64,
    /// Per worker and stage, when time alone will change something, µs; `i64::MAX` for never.
    deadlines: Vec<[AtomicI64; STAGES]>,
    /// The rules of the newest batch that the device stage of worker 0 has run.
    pub rules: Mutex<Option<Arc<RuleSet>>>,
    /// What went wrong, where something did.
    pub failure: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            stop: AtomicBool::new(false),
            abort: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            applied_received: AtomicI64::new(0),
            deadlines: (0..workers).map(|_| std::array::from_fn(|_| AtomicI64::new(i64::MAX))).collect(),
            rules: Mutex::new(None),
            failure: Mutex::new(None),
        }
    }

    /// When time alone will change something in any operator.
    pub(crate) fn deadline(&self) -> Option<ReceivedTime> {
        let all = self.deadlines.iter().flatten().map(|d| d.load(Ordering::Acquire));
        all.min().filter(|at| *at < i64::MAX).map(ReceivedTime)
    }

    fn set_deadline(&self, worker: usize, stage: usize, at: Option<ReceivedTime>) {
        self.deadlines[worker][stage].store(at.map_or(i64::MAX, |at| at.0), Ordering::Release);
    }

    fn show_rules(&self, rules: &Arc<RuleSet>) {
        let mut shown = self.rules.lock();
        if !shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, rules)) {
            *shown = Some(rules.clone());
        }
    }

    pub(crate) fn fail(&self, why: String) {
        self.failure.lock().get_or_insert(why);
        self.abort.store(true, Ordering::Release);
    }

    fn is_leaving(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }
}

/// What the operators start from.
#[derive(Default)]
pub(crate) struct Start {
    /// Batch after which the states were taken; 0 for none.
    pub batch: u64,
    pub devices: Vec<DevicePart>,
    pub alarms: Vec<AlarmPart>,
    pub correlate: Option<CorrelatePart>,
    /// Rules that win over all rules in the log (candidates in a replay).
    pub pinned: Option<Arc<RuleSet>>,
}

/// What comes out of the computation, in the order of batches; called on worker 0.
pub(crate) trait Sink: Send + 'static {
    fn batch(&mut self, output: BatchOutput, parts: Parts);
    /// Whether the states should be taken after the batch that is about to be fed.
    fn wants_snapshot(&mut self) -> bool {
        false
    }
    /// Nothing is under way and nothing arrived for a while.
    fn idle(&mut self, _deadline: Option<ReceivedTime>) {}
}

/// One batch on its way to one worker.
#[derive(Clone, Serialize, Deserialize)]
struct Feed {
    to: u64,
    snapshot: bool,
    number: u64,
    first: Position,
    count: u32,
    received: ReceivedTime,
    bytes: Arc<Vec<u8>>,
}

impl Feed {
    fn of(batch: &Batch, to: usize, snapshot: bool) -> Self {
        Self {
            to: to as u64,
            snapshot,
            number: batch.number,
            first: batch.first,
            count: batch.count,
            received: batch.received,
            bytes: batch.bytes.clone(),
        }
    }

    fn batch(&self) -> Batch {
        Batch {
            number: self.number,
            first: self.first,
            count: self.count,
            received: self.received,
            bytes: self.bytes.clone(),
        }
    }
}

/// A running computation.
pub(crate) struct Running {
    guards: timely::communication::WorkerGuards<()>,
}

impl Running {
    /// Waits for the workers to leave; says why, where one did not leave in peace.
    pub(crate) fn join(self) -> Result<(), String> {
        self.guards.join().into_iter().collect()
    }
}

/// Starts `workers` threads that run the stages over `source` until it ends or `shared.stop` is set.
pub(crate) fn launch<S: BatchSource + 'static, K: Sink>(
    workers: usize,
    start: Start,
    decoder: Arc<dyn Decode>,
    source: S,
    sink: K,
    shared: Arc<Shared>,
) -> Result<Running, String> {
    let config = if workers <= 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let (start, source, sink) = (Arc::new(start), Mutex::new(Some(source)), Arc::new(Mutex::new(sink)));
    let guards = timely::execute(config, move |worker| {
        let _watch = PanicWatch(&shared);
        let first = worker.index() == 0;
        let (input, probe) = build(worker, &start, &decoder, &sink, &shared);
        let source = if first { source.lock().take() } else { None };
        match source {
            Some(source) => drive(worker, input, &probe, source, &sink, start.batch, &shared),
            None => drop(input),
        }
        // What is still under way; a worker without dataflows has left the computation.
        while worker.has_dataflows() && !shared.is_leaving() {
            worker.step_or_park(Some(PARK));
        }
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
    })?;
    Ok(Running { guards })
}

/// Tells the others when this worker panics.
struct PanicWatch<'s>(&'s Shared);

impl Drop for PanicWatch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("an operator panicked; the computation has ended".to_owned());
        }
    }
}

type FeedInput = InputHandle<u64, timely::container::CapacityContainerBuilder<Vec<Feed>>>;

fn build<K: Sink>(
    worker: &mut Worker,
    start: &Start,
    decoder: &Arc<dyn Decode>,
    sink: &Arc<Mutex<K>>,
    shared: &Arc<Shared>,
) -> (FeedInput, ProbeHandle<u64>) {
    let (index, peers) = (worker.index(), worker.peers());
    let rules = start.devices.first().map_or_else(|| Arc::new(RuleSet::builtin()), |part| part.rules().clone());
    if index == 0 && !start.devices.is_empty() {
        shared.show_rules(&rules);
    }
    let mut devices =
        DeviceStage::new(index, peers, decoder.clone(), rules.clone(), start.pinned.clone(), &start.devices);
    let mut alarms = AlarmStage::new(index, peers, rules.clone(), &start.alarms);
    // Batches come together at worker 0 only; the others' correlation never sees one.
    let part = start.correlate.clone().filter(|_| index == 0).unwrap_or_default();
    let mut correlate = CorrelateStage::new(rules, &part);
    shared.set_deadline(index, 2, correlate.deadline());
    shared.set_deadline(index, 0, devices.deadline());
    shared.set_deadline(index, 1, alarms.deadline());
    let (for_devices, for_alarms, for_sink) = (shared.clone(), shared.clone(), shared.clone());
    let sink = sink.clone();
    worker.dataflow::<u64, _, _>(|scope| {
        let (input, feeds) = scope.new_input::<Vec<Feed>>();
        let told = staged(
            feeds,
            "devices",
            |feed: &Feed| feed.to,
            move |_, feeds: Vec<Feed>| {
                let told = feeds.into_iter().map(|feed| devices.batch(&feed.batch(), feed.snapshot)).collect();
                for_devices.set_deadline(index, 0, devices.deadline());
                if index == 0 {
                    for_devices.show_rules(devices.rules());
                }
                told
            },
        );
        let pieces = staged(
            told,
            "alarms",
            |told: &ToAlarm| told.to,
            move |_, told| {
                let piece = alarms.batch(told);
                for_alarms.set_deadline(index, 1, alarms.deadline());
                piece.into_iter().collect()
            },
        );
        let done = staged(
            pieces,
            "correlate",
            |_: &ToGather| 0,
            move |_, pieces| {
                if let Some((output, parts)) = correlate.batch(pieces) {
                    for_sink.set_deadline(index, 2, correlate.deadline());
                    let (batch, received) = (output.batch, output.received);
                    sink.lock().batch(output, parts);
                    for_sink.applied.store(batch, Ordering::Release);
                    for_sink.applied_received.store(received.0, Ordering::Release);
                }
                Vec::<()>::new()
            },
        );
        let (probe, _) = done.probe();
        (input, probe)
    })
}

/// Worker 0's loop: wait for one thing, push it, step.
fn drive<S: BatchSource, K: Sink>(
    worker: &mut Worker,
    mut input: FeedInput,
    probe: &ProbeHandle<u64>,
    mut source: S,
    sink: &Mutex<K>,
    start: u64,
    shared: &Shared,
) {
    let peers = worker.peers();
    let mut next = start + 1;
    input.advance_to(next);
    while !shared.stop.load(Ordering::Acquire) && !shared.is_leaving() {
        let behind = probe.with_frontier(|frontier| frontier.first().map_or(0, |done| next.saturating_sub(*done)));
        if behind < IN_FLIGHT_MAX {
            let wait = if behind == 0 { IDLE_WAIT } else { Duration::ZERO };
            match source.next(wait) {
                Ok(Fetch::Batch(batch)) => {
                    if batch.number < next {
                        continue;
                    }
                    let snapshot = sink.lock().wants_snapshot();
                    input.advance_to(batch.number);
                    for to in 0..peers {
                        input.send(Feed::of(&batch, to, snapshot));
                    }
                    next = batch.number + 1;
                    input.advance_to(next);
                    worker.step();
                    continue;
                }
                Ok(Fetch::Nothing) if behind == 0 => {
                    sink.lock().idle(shared.deadline());
                    worker.step();
                    continue;
                }
                Ok(Fetch::Nothing) => {}
                Ok(Fetch::End) | Err(LogError::Closed) => break,
                Err(error) => {
                    shared.fail(format!("the log cannot be read: {error}"));
                    break;
                }
            }
        }
        worker.step_or_park(Some(PARK_BUSY));
    }
    input.close();
}
