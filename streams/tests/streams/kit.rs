//! A district in a test: a real log in a directory of its own, a clock that the test moves, and the dataflow over it.

use crossbeam_channel::{Receiver, bounded};
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::decode::Decode;
use greenhub_model::ledger::Counts;
use greenhub_model::{Batch, BatchOutput, Channel, Output, ReceivedTime, Record, RecordKind};
use greenhub_storage::log::{Burst, Clock, Log, LogConfig, RealDisk};
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{Recorded, Streams, StreamsConfig, StreamsHandle};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where every test begins: 2025-11-23T12:00:00Z.
pub const START_MS: i64 = 1_763_899_200_000;
/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn decoder() -> Arc<dyn Decode> {
    Arc::new(JsonDecoder)
}

/// A wall clock that the test moves.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> ReceivedTime {
        ReceivedTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub struct District {
    pub log: Log,
    clock: Arc<TestClock>,
    pub dir: tempfile::TempDir,
}

impl Default for District {
    fn default() -> Self {
        Self::new()
    }
}

impl District {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let clock = TestClock::at(START_MS);
        let log = open_log(dir.path(), clock.clone());
        Self { log, clock, dir }
    }

    /// Moves the clock to so many milliseconds after the start.
    pub fn at(&self, ms: i64) -> &Self {
        self.clock.set(START_MS + ms);
        self
    }

    /// Commits the records as one burst, which is one batch when nobody else appends; returns its number.
    pub fn append(&self, records: &[Record<'_>]) -> u64 {
        let mut burst = Burst::new();
        records.iter().for_each(|record| burst.push(record).expect("small"));
        let ticket = self.log.try_append(&burst).expect("room");
        ticket.wait(PATIENCE).expect("in time").expect("committed");
        self.log.committed().batch
    }

    /// One message of a registered device, as a batch of its own.
    pub fn send(&self, topic: &str, payload: &str) -> u64 {
        self.append(&[message(topic, payload)])
    }

    pub fn config(&self, json: &serde_json::Value) -> u64 {
        self.append(&[Record::own(RecordKind::Config, "admin", json.to_string().as_bytes())])
    }

    pub fn command(&self, json: &serde_json::Value) -> u64 {
        self.append(&[Record::own(RecordKind::Command, "dispatcher", json.to_string().as_bytes())])
    }

    pub fn register(&self, class: &str, device: &str) -> u64 {
        self.register_as(serde_json::json!({ "device": device, "class": class, "name": format!("设备 {device}") }))
    }

    pub fn register_as(&self, profile: serde_json::Value) -> u64 {
        self.config(&serde_json::json!({ "change": "device", "profile": profile }))
    }

    /// Everything in the log.
    pub fn batches(&self) -> Vec<Batch> {
        let last = self.log.committed().batch;
        let mut reader = self.log.reader(1).expect("from the first");
        let mut all = Vec::new();
        while all.last().is_none_or(|b: &Batch| b.number < last) {
            all.push(reader.next(PATIENCE).expect("readable").expect("in time"));
        }
        all
    }

    pub fn hub(&self, workers: usize) -> Hub {
        self.hub_with(workers, Duration::from_secs(3600))
    }

    pub fn hub_with(&self, workers: usize, snapshot_every: Duration) -> Hub {
        let snapshots = SnapshotStore::open(self.dir.path().join("snapshots")).expect("a directory");
        let (sender, outputs) = bounded(64);
        let sinks_at = Arc::new(AtomicU64::new(0));
        let asked = sinks_at.clone();
        let handle = Streams::start(
            StreamsConfig { workers, snapshot_every, ..StreamsConfig::default() },
            self.log.clone(),
            decoder(),
            snapshots,
            sender,
            Arc::new(move || asked.load(Ordering::SeqCst)),
        )
        .expect("the dataflow starts");
        Hub { handle, outputs, sinks_at, seen: Vec::new() }
    }
}

pub fn open_log(dir: &Path, clock: Arc<TestClock>) -> Log {
    let config =
        LogConfig { segment_bytes: 4 * 1024 * 1024, buffer_bytes: 1024 * 1024, ..LogConfig::at(dir.join("log")) };
    Log::open(config, Arc::new(RealDisk), clock).expect("a log")
}

pub fn message<'a>(topic: &'a str, payload: &'a str) -> Record<'a> {
    Record::message(Channel::Mqtt, topic, "somebody", payload.as_bytes())
}

/// A running dataflow with a sink that takes everything and remembers it.
pub struct Hub {
    pub handle: StreamsHandle,
    pub outputs: Receiver<Arc<BatchOutput>>,
    pub sinks_at: Arc<AtomicU64>,
    pub seen: Vec<Arc<BatchOutput>>,
}

impl Hub {
    /// Takes outputs up to and including `batch`.
    pub fn until(&mut self, batch: u64) -> &[Arc<BatchOutput>] {
        let from = self.seen.len();
        let end = Instant::now() + PATIENCE;
        while self.seen.last().is_none_or(|seen| seen.batch < batch) {
            match self.outputs.recv_timeout(Duration::from_millis(200)) {
                Ok(output) => {
                    self.seen.push(output);
                    self.sinks_at.store(self.seen.last().expect("pushed").batch, Ordering::SeqCst);
                }
                Err(_) => assert!(Instant::now() < end, "no output of batch {batch}: {:?}", self.handle.failure()),
            }
        }
        &self.seen[from..]
    }

    /// Outputs of the batches up to `batch` that were not taken before, ticks' batches included.
    pub fn items(&mut self, batch: u64) -> Vec<Output> {
        self.until(batch).iter().flat_map(|output| output.items.clone()).collect()
    }

    pub fn counts(&self) -> [Counts; Channel::ALL.len()] {
        sum(self.seen.iter().map(AsRef::as_ref))
    }
}

pub fn sum<'a>(outputs: impl Iterator<Item = &'a BatchOutput>) -> [Counts; Channel::ALL.len()] {
    let mut sum = [Counts::default(); Channel::ALL.len()];
    for output in outputs {
        for (sum, counts) in sum.iter_mut().zip(output.counts) {
            sum.applied += counts.applied;
            sum.quarantined += counts.quarantined;
        }
    }
    sum
}

/// Waits for a condition.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// A source over batches in memory.
pub fn recorded(batches: &[Batch]) -> Recorded {
    Recorded(batches.iter().cloned().collect())
}

/// Builds a batch as the log would.
pub fn batch_of(number: u64, first: u64, received_ms: i64, records: &[Record<'_>]) -> Batch {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| record.encode(&mut bytes).expect("small"));
    Batch {
        number,
        first: greenhub_model::Position(first),
        count: u32::try_from(records.len()).expect("few"),
        received: ReceivedTime::from_millis(received_ms),
        bytes: Arc::new(bytes),
    }
}

/// What an output is, in a few words: enough to read a timeline by.
pub fn brief(output: &Output) -> String {
    match output {
        Output::Unit(u) => format!(
            "unit {} {:?} at {:?}{}",
            u.id,
            u.state,
            u.time.map(|t| t - START_MS),
            if u.sos { " SOS" } else { "" }
        ),
        Output::Device(d) => {
            let values: Vec<String> = d.values.iter().map(|v| format!("{}={}", v.point, v.value)).collect();
            format!("device {} {:?} [{}]", d.id, d.state, values.join(" "))
        }
        Output::Removed { device, .. } => format!("removed {device}"),
        Output::Track(t) => format!("track {} at {}", t.unit, t.time - START_MS),
        Output::Sample(s) => format!("sample {} at {}", s.device, s.time - START_MS),
        Output::Alarm(a) => format!(
            "alarm {} {} {:?} {:?}{}",
            a.alarm.device,
            a.alarm.code,
            a.event.kind,
            a.alarm.state,
            if a.alarm.late { " late" } else { "" }
        ),
        Output::Flood(f) => format!("flood {} {}", f.desk, f.flooded),
        Output::Service(s) => format!("service {} {}", s.device, if s.permit.is_some() { "out" } else { "back" }),
        Output::Order(o) => format!("order {} {:?}", o.device, o.priority),
        Output::Quarantine(q) => format!("quarantine {}", q.reject.code()),
        Output::CommandDone { request_id, result } => {
            format!("answer {request_id} {}", if result.is_ok() { "ok" } else { "refused" })
        }
    }
}

pub fn briefs(outputs: &[Output]) -> Vec<String> {
    outputs.iter().map(brief).collect()
}
