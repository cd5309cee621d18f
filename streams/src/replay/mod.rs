//! Replay: the same operators over the recorded log, to see that they say the same, or what other rules would have said.
//!
//! [`replay`] runs all batches from the start (the beginning of the log, or a snapshot) and reports on those received
//! within `from..to`; what lies before builds the state. It writes nothing: outputs go into a hash and into sums. The hash
//! is BLAKE3 over the ordered outputs ([`crate::canonical`]); it does not depend on the number of workers.
//!
//! With candidate rules the log is run twice: once with the rules of its time and once with the candidate instead of all
//! of them; [`AlarmComparison`] is the difference in alarms, which is what somebody judges before approving a change.
//!
//! A back-test of a long log gives both rules (`against` and `rules`), so that nothing but the candidate differs, leaves
//! the hash out, and skips what devices said before `warm`: of that only configuration and commands are run. On one
//! worker both rules go through the log together, and each message is read and decoded once ([`pair`]); the report is the
//! same.
//!
//! **Costs** the speed of one core per worker; memory for one summary per alarm raised within the time span, at most
//! [`ALARMS_MAX`] of them.

mod compare;
mod kpi;
mod pair;

pub use compare::{AlarmChanged, AlarmComparison, AlarmSummary};

use crate::canonical;
use crate::error::StreamsError;
use crate::host::{self, BatchSource, Shared, Sink, Start};
use crate::operators::Parts;
use crate::restore;
use greenhub_alarms::RuleSet;
use greenhub_model::change::BacktestKpi;
use greenhub_model::decode::Decode;
use greenhub_model::ledger::Counts;
use greenhub_model::{AlarmId, Batch, BatchOutput, Channel, OrderId, Output, ReceivedTime, RecordKind};
use greenhub_storage::snapshot::Snapshot;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Most alarms held of one run; what is raised beyond counts, but is not compared.
pub const ALARMS_MAX: usize = 200_000;

/// What to replay, and how.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// Report on batches received at or after this.
    pub from: Option<ReceivedTime>,
    /// Stop before the first batch received at or after this.
    pub to: Option<ReceivedTime>,
    /// Candidate rules to compare with those of the log.
    pub rules: Option<RuleSet>,
    /// Rules of the first run instead of those in the log: what the candidate is compared with.
    pub against: Option<RuleSet>,
    /// Of batches received before this only those with configuration or commands are run.
    pub warm: Option<ReceivedTime>,
    /// Leave the hash out, and the registration of devices of a snapshot in: its live state is from after the stretch.
    pub is_backtest: bool,
    /// Told how far it is.
    pub progress: Option<Arc<ReplayProgress>>,
    /// Worker threads; 0 is 1.
    pub workers: usize,
    /// Run a back-test's two sets of rules one after the other, as replays are: what the shared run is measured against.
    pub apart: bool,
}

/// How far a replay is.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    /// Passes over the log that have ended.
    pub runs: AtomicU64,
    /// Passes over the log that it takes.
    pub runs_needed: AtomicU64,
    /// Receive time of the oldest batch of the log, µs; 0 before it is known.
    pub first: AtomicI64,
    /// Receive time of the newest batch taken, µs.
    pub newest: AtomicI64,
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
    /// What the operators had to bear.
    pub kpi: BacktestKpi,
    /// More alarms were raised than are held.
    pub truncated: bool,
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
    /// What the operators would have had to bear.
    pub kpi: BacktestKpi,
}

/// Runs the recorded batches. `open` gives a source that begins after `snapshot` (at the first batch without one); it
/// is called once for each run.
pub fn replay<S: BatchSource + 'static>(
    open: impl Fn() -> Result<S, StreamsError>,
    snapshot: Option<&Snapshot>,
    decoder: Arc<dyn Decode>,
    options: &ReplayOptions,
) -> Result<ReplayReport, StreamsError> {
    let begin = |pinned: Option<&RuleSet>| {
        let mut start = match snapshot {
            Some(snapshot) if options.is_backtest => restore::registrations(snapshot)?,
            Some(snapshot) => restore::read(snapshot)?.0,
            None => Start::default(),
        };
        start.pinned = pinned.cloned().map(Arc::new);
        Ok::<_, StreamsError>(start)
    };
    let together = options.is_backtest && !options.apart && options.workers <= 1;
    if let (true, Some(against), Some(rules)) = (together, &options.against, &options.rules) {
        expect_runs(options, 1);
        let starts = [begin(Some(against))?, begin(Some(rules))?];
        let [report, candidate] = pair::run(stretch(open()?, options), starts, decoder, options)?;
        run_ended(options);
        return Ok(compared(report, candidate, rules));
    }
    expect_runs(options, if options.rules.is_some() { 2 } else { 1 });
    let report = run(open()?, begin(options.against.as_ref())?, decoder.clone(), options)?;
    let Some(rules) = &options.rules else { return Ok(report) };
    let candidate = run(open()?, begin(Some(rules))?, decoder, options)?;
    Ok(compared(report, candidate, rules))
}

/// The first report with what the candidate would have said.
fn compared(mut report: ReplayReport, candidate: ReplayReport, rules: &RuleSet) -> ReplayReport {
    report.truncated |= candidate.truncated;
    report.candidate = Some(CandidateReport {
        version: rules.version,
        output_hash: candidate.output_hash,
        comparison: AlarmComparison::of(&report.alarms, &candidate.alarms),
        kpi: candidate.kpi,
    });
    report
}

fn expect_runs(options: &ReplayOptions, runs: u64) {
    if let Some(progress) = &options.progress {
        progress.runs_needed.store(runs, Ordering::Release);
    }
}

fn run_ended(options: &ReplayOptions) {
    if let Some(progress) = &options.progress {
        progress.runs.fetch_add(1, Ordering::AcqRel);
    }
}

fn stretch<S>(source: S, options: &ReplayOptions) -> Stretch<S> {
    Stretch { source, warm: options.warm, to: options.to, progress: options.progress.clone() }
}

fn run<S: BatchSource + 'static>(
    source: S,
    start: Start,
    decoder: Arc<dyn Decode>,
    options: &ReplayOptions,
) -> Result<ReplayReport, StreamsError> {
    let workers = options.workers.max(1);
    let shared = Arc::new(Shared::new(workers));
    let tally = Arc::new(Mutex::new(Tally::new(options.from, !options.is_backtest)));
    let source = stretch(source, options);
    let running = host::launch(workers, start, decoder, source, HashSink(tally.clone()), shared.clone())
        .map_err(StreamsError::Host)?;
    finish(running, &shared)?;
    run_ended(options);
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

/// A source that ends before the first batch received at or after `to`, and passes over what devices said before `warm`.
struct Stretch<S> {
    source: S,
    warm: Option<ReceivedTime>,
    to: Option<ReceivedTime>,
    progress: Option<Arc<ReplayProgress>>,
}

impl<S: BatchSource> BatchSource for Stretch<S> {
    fn next(&mut self, wait: Duration) -> Result<host::Fetch, greenhub_storage::log::LogError> {
        loop {
            let batch = match self.source.next(wait)? {
                host::Fetch::Batch(batch) if self.to.is_some_and(|to| batch.received >= to) => {
                    return Ok(host::Fetch::End);
                }
                host::Fetch::Batch(batch) => batch,
                other => return Ok(other),
            };
            if let Some(progress) = &self.progress {
                let unknown = progress.first.load(Ordering::Relaxed) == 0;
                if unknown {
                    progress.first.store(batch.received.0, Ordering::Relaxed);
                }
                progress.newest.store(batch.received.0, Ordering::Relaxed);
            }
            if self.warm.is_none_or(|warm| batch.received >= warm) || decides(&batch) {
                return Ok(host::Fetch::Batch(batch));
            }
        }
    }
}

/// Whether a batch holds configuration or commands, which outlast what devices say.
fn decides(batch: &Batch) -> bool {
    let mut records = batch.records().map_while(Result::ok);
    records.any(|(_, record)| matches!(record.kind, RecordKind::Config | RecordKind::Command))
}

struct HashSink(Arc<Mutex<Tally>>);

impl Sink for HashSink {
    fn batch(&mut self, output: BatchOutput, _parts: Parts) {
        self.0.lock().take(&output, 0);
    }
}

struct Tally {
    from: Option<ReceivedTime>,
    hashes: bool,
    calls: kpi::Calls,
    truncated: bool,
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
    fn new(from: Option<ReceivedTime>, hashes: bool) -> Self {
        Self {
            from,
            hashes,
            calls: kpi::Calls::default(),
            truncated: false,
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

    /// Takes the outputs of a batch in; `withheld` more were counted and not made.
    fn take(&mut self, output: &BatchOutput, withheld: u64) {
        let records = output.end.0.saturating_sub(self.end);
        self.end = output.end.0;
        if self.from.is_some_and(|from| output.received < from) {
            return;
        }
        self.batches += 1;
        self.outputs += output.items.len() as u64 + withheld;
        self.records += records;
        for (sum, counts) in self.counts.iter_mut().zip(&output.counts) {
            sum.applied += counts.applied;
            sum.quarantined += counts.quarantined;
        }
        self.span = Some((self.span.map_or(output.received, |s| s.0), output.received));
        if self.hashes {
            self.bytes.clear();
            canonical::write(output, &mut self.bytes);
            self.hasher.update(&self.bytes);
        }
        for item in &output.items {
            match item {
                Output::Alarm(change) => {
                    self.calls.take(change, output.received);
                    if self.alarms.len() < ALARMS_MAX || self.alarms.contains_key(&change.alarm.id) {
                        self.alarms.insert(change.alarm.id.clone(), AlarmSummary::of(&change.alarm));
                    } else {
                        self.truncated = true;
                    }
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
            kpi: self.calls.figures(&alarms, self.span),
            truncated: self.truncated,
            alarms,
            orders: std::mem::take(&mut self.orders),
            candidate: None,
        }
    }
}
