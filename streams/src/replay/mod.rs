//! Replay: the same operators over the recorded log, to see that they say the same, or what other rules would have said.
//!
//! [`replay`] runs all batches from the start (the beginning of the log, or a snapshot) and reports on those received
//! within `from..to`; what lies before builds the state. It writes nothing: outputs go into a hash and into sums. The hash
//! is BLAKE3 over the ordered outputs ([`crate::canonical`]); it does not depend on the number of workers.
//!
//! With candidate rules the log is run twice: once with the rules of its time and once with the candidate instead of all
//! of them; [`AlarmComparison`] is the difference in alarms, which is what somebody judges before approving a change.
//!
//! **Costs** the speed of one core per worker; memory for one summary per alarm raised within the time span.

mod compare;

pub use compare::{AlarmChanged, AlarmComparison, AlarmSummary};

use crate::canonical;
use crate::error::StreamsError;
use crate::host::{self, BatchSource, Shared, Sink, Start};
use crate::operators::Parts;
use crate::restore;
use greenhub_alarms::RuleSet;
use greenhub_model::decode::Decode;
use greenhub_model::ledger::Counts;
use greenhub_model::{AlarmId, Batch, BatchOutput, Channel, OrderId, Output, ReceivedTime};
use greenhub_storage::snapshot::Snapshot;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What to replay, and how.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// Report on batches received at or after this.
    pub from: Option<ReceivedTime>,
    /// Stop before the first batch received at or after this.
    pub to: Option<ReceivedTime>,
    /// Candidate rules to compare with those of the log.
    pub rules: Option<RuleSet>,
    /// Worker threads; 0 is 1.
    pub workers: usize,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// Batches reported on.
    pub batches: u64,
    /// Records in them, of all kinds.
    pub records: u64,
    /// Outputs of them.
    pub outputs: u64,
    /// BLAKE3 over the ordered outputs, in hexadecimal.
    pub output_hash: String,
    /// Messages decided, per channel in the order of [`Channel::ALL`].
    pub counts: [Counts; Channel::ALL.len()],
    /// Receive time of the first and the last batch reported on.
    pub span: Option<(ReceivedTime, ReceivedTime)>,
    /// Alarms that were raised or changed, by occurrence.
    pub alarms: Vec<AlarmSummary>,
    /// Orders that were triggered.
    pub orders: BTreeSet<OrderId>,
    /// The same span under candidate rules, where some were given.
    pub candidate: Option<CandidateReport>,
}

/// What candidate rules would have said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateReport {
    /// Version of the candidate.
    pub version: u64,
    /// Its output hash.
    pub output_hash: String,
    /// The difference in alarms.
    pub comparison: AlarmComparison,
}

/// Runs the recorded batches. `open` gives a source that begins after `snapshot` (at the first batch without one); it
/// is called once for each run.
pub fn replay<S: BatchSource + 'static>(
    open: impl Fn() -> Result<S, StreamsError>,
    snapshot: Option<&Snapshot>,
    decoder: Arc<dyn Decode>,
    options: &ReplayOptions,
) -> Result<ReplayReport, StreamsError> {
    let run = |pinned: Option<Arc<RuleSet>>| {
        let mut start = match snapshot {
            Some(snapshot) => restore::read(snapshot)?.0,
            None => Start::default(),
        };
        start.pinned = pinned;
        run(open()?, start, decoder.clone(), options)
    };
    let mut report = run(None)?;
    if let Some(rules) = &options.rules {
        let candidate = run(Some(Arc::new(rules.clone())))?;
        report.candidate = Some(CandidateReport {
            version: rules.version,
            output_hash: candidate.output_hash,
            comparison: AlarmComparison::of(&report.alarms, &candidate.alarms),
        });
    }
    Ok(report)
}

fn run<S: BatchSource + 'static>(
    source: S,
    start: Start,
    decoder: Arc<dyn Decode>,
    options: &ReplayOptions,
) -> Result<ReplayReport, StreamsError> {
    let workers = options.workers.max(1);
    let shared = Arc::new(Shared::new(workers));
    let tally = Arc::new(Mutex::new(Tally::new(options.from)));
    let source = Before { source, to: options.to };
    let running = host::launch(workers, start, decoder, source, HashSink(tally.clone()), shared.clone())
        .map_err(StreamsError::Host)?;
    finish(running, &shared)?;
    let report = tally.lock().report();
    Ok(report)
}

/// Runs batches held in memory and returns their outputs: for tests and tools that want to look at each.
pub fn run_recorded(
    batches: Vec<Batch>,
    decoder: Arc<dyn Decode>,
    workers: usize,
) -> Result<Vec<BatchOutput>, StreamsError> {
    struct Collect(Arc<Mutex<Vec<BatchOutput>>>);
    impl Sink for Collect {
        fn batch(&mut self, output: BatchOutput, _parts: Parts) {
            self.0.lock().push(output);
        }
    }
    let workers = workers.max(1);
    let (shared, outputs) = (Arc::new(Shared::new(workers)), Arc::new(Mutex::new(Vec::new())));
    let source = host::Recorded(batches.into());
    let running = host::launch(workers, Start::default(), decoder, source, Collect(outputs.clone()), shared.clone())
        .map_err(StreamsError::Host)?;
    finish(running, &shared)?;
    let outputs = std::mem::take(&mut *outputs.lock());
    Ok(outputs)
}

fn finish(running: host::Running, shared: &Shared) -> Result<(), StreamsError> {
    let ended = running.join();
    match shared.failure.lock().take() {
        Some(why) => Err(StreamsError::Host(why)),
        None => ended.map_err(StreamsError::Host),
    }
}

/// A source that ends before the first batch received at or after `to`.
struct Before<S> {
    source: S,
    to: Option<ReceivedTime>,
}

impl<S: BatchSource> BatchSource for Before<S> {
    fn next(&mut self, wait: Duration) -> Result<host::Fetch, greenhub_storage::log::LogError> {
        Ok(match self.source.next(wait)? {
            host::Fetch::Batch(batch) if self.to.is_some_and(|to| batch.received >= to) => host::Fetch::End,
            other => other,
        })
    }
}

struct HashSink(Arc<Mutex<Tally>>);

impl Sink for HashSink {
    fn batch(&mut self, output: BatchOutput, _parts: Parts) {
        self.0.lock().take(&output);
    }
}

struct Tally {
    from: Option<ReceivedTime>,
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
    batches: u64,
    outputs: u64,
    records: u64,
    /// Position after the newest batch, reported on or not: the difference is the number of records.
    end: u64,
    counts: [Counts; Channel::ALL.len()],
    span: Option<(ReceivedTime, ReceivedTime)>,
    alarms: BTreeMap<AlarmId, AlarmSummary>,
    orders: BTreeSet<OrderId>,
}

impl Tally {
    fn new(from: Option<ReceivedTime>) -> Self {
        Self {
            from,
            hasher: blake3::Hasher::new(),
            bytes: Vec::new(),
            batches: 0,
            outputs: 0,
            records: 0,
            end: 0,
            counts: Default::default(),
            span: None,
            alarms: BTreeMap::new(),
            orders: BTreeSet::new(),
        }
    }

    fn take(&mut self, output: &BatchOutput) {
        let records = output.end.0.saturating_sub(self.end);
        self.end = output.end.0;
        if self.from.is_some_and(|from| output.received < from) {
            return;
        }
        self.batches += 1;
        self.outputs += output.items.len() as u64;
        self.records += records;
        for (sum, counts) in self.counts.iter_mut().zip(&output.counts) {
            sum.applied += counts.applied;
            sum.quarantined += counts.quarantined;
        }
        self.span = Some((self.span.map_or(output.received, |s| s.0), output.received));
        self.bytes.clear();
        canonical::write(output, &mut self.bytes);
        self.hasher.update(&self.bytes);
        for item in &output.items {
            match item {
                Output::Alarm(change) => {
                    self.alarms.insert(change.alarm.id.clone(), AlarmSummary::of(&change.alarm));
                }
                Output::Order(trigger) => {
                    self.orders.insert(trigger.order.clone());
                }
                _ => {}
            }
        }
    }

    fn report(&mut self) -> ReplayReport {
        let mut alarms: Vec<AlarmSummary> = std::mem::take(&mut self.alarms).into_values().collect();
        alarms.sort_by(|a, b| (a.first_position, &a.alarm).cmp(&(b.first_position, &b.alarm)));
        ReplayReport {
            batches: self.batches,
            records: self.records,
            outputs: self.outputs,
            output_hash: self.hasher.finalize().to_hex().to_string(),
            counts: self.counts,
            span: self.span,
            alarms,
            orders: std::mem::take(&mut self.orders),
            candidate: None,
        }
    }
}
