//! What the health page, the system page and the metrics show, gathered from the parts.

use crate::intakes::describe;
use crate::outputs::SinkState;
use greenhub_dashboards::metrics::Metrics;
use greenhub_dashboards::ports::{LogInfo, Readiness, ReadyCheck, StreamsInfo, SystemInfo};
use greenhub_gateway::intake::IntakeState;
use greenhub_gateway::mqtt::Doors;
use greenhub_model::Channel;
use greenhub_model::ledger::Ledger;
use greenhub_storage::history::History;
use greenhub_storage::log::{Clock, Log};
use greenhub_storage::relational::BatchSink;
use greenhub_streams::StreamsHandle;
use std::sync::Arc;
use std::time::Instant;

/// The dataflow may be this far behind the log before the hub calls itself not ready, milliseconds.
const LAG_MS_MAX: i64 = 30_000;

/// Handles of everything that has something to show.
pub struct Overview {
    /// The log.
    pub log: Log,
    /// The dataflow.
    pub streams: Arc<StreamsHandle>,
    /// The broker.
    pub broker: Doors,
    /// Tables.
    pub tables: Arc<BatchSink>,
    /// Progress and trouble of tables and history.
    pub sinks: Arc<SinkState>,
    /// History.
    pub history: History,
    /// Fetching doors.
    pub intakes: Vec<(&'static str, Arc<IntakeState>)>,
    /// Whether this is the demo.
    pub demo: bool,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// When the process started.
    pub started: Instant,
}

impl Overview {
    /// The ledger from two independent counts: the log's and the dataflow's.
    pub fn ledger(&self) -> Ledger {
        // Decided first: what is decided meanwhile can only add to what was accepted before.
        let decided = self.tables.decided();
        Ledger::of(&self.log.accepted(), &decided)
    }

    /// `/api/v1/system`
    pub fn system(&self) -> SystemInfo {
        let status = self.log.status();
        let (latency, seen) = (&status.commit_latency, status.commit_latency.count > 0);
        SystemInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            demo: self.demo,
            log: LogInfo {
                accepting: status.accepting,
                why: status.why.as_deref().map(str::to_owned),
                batch: status.committed.batch,
                oldest_batch: status.oldest_batch,
                end: status.committed.end.0,
                bytes: status.bytes,
                segments: status.segments as u64,
                fsync_p50_us: seen.then_some(latency.p50_us),
                fsync_p99_us: seen.then_some(latency.p99_us),
            },
            streams: StreamsInfo { batch: self.streams.applied(), lag_ms: self.lag_ms() },
            viewers: 0,
            connections: self.broker.stats().connections,
        }
    }

    fn lag_ms(&self) -> i64 {
        if self.streams.applied() >= self.log.committed().batch {
            return 0;
        }
        self.clock.now().millis() - self.streams.applied_received().millis()
    }

    fn broker_metrics(&self, out: &mut Metrics) {
        let stats = self.broker.stats();
        let counters = [
            ("accepted", "Clients let in.", stats.accepted),
            ("over_limit", "Connections closed because there were too many.", stats.over_limit),
            ("denied", "Clients denied by their credentials.", stats.denied),
            ("malformed", "Connections ended because of what the peer sent.", stats.malformed),
            ("silent", "Connections ended because the peer was silent.", stats.silent),
            ("stalled", "Connections ended because the peer took nothing.", stats.stalled),
            ("taken_over", "Connections ended because another took the session.", stats.taken_over),
            ("publishes", "PUBLISH packets received.", stats.publishes),
            ("refused", "PUBLISH packets refused by topic permissions.", stats.refused),
            ("not_stored", "PUBLISH packets the log did not take.", stats.not_stored),
            ("sent", "PUBLISH packets sent.", stats.sent),
            ("dropped_slow", "QoS 0 messages dropped for slow subscribers.", stats.dropped_slow),
            ("dropped_queue", "Messages dropped from full queues.", stats.dropped_queue),
            ("expired", "Messages that expired before they were sent.", stats.expired),
            ("bytes_in", "Bytes read.", stats.bytes_in),
            ("bytes_out", "Bytes written.", stats.bytes_out),
        ];
        for (name, help, value) in counters {
            out.counter(&format!("greenhub_gateway_{name}_total"), help, &[], value);
        }
        let gauges = [
            ("connections", "Open connections.", stats.connections),
            ("sessions", "Sessions, connected or not.", stats.sessions),
            ("subscriptions", "Subscriptions.", stats.subscriptions),
            ("retained", "Retained messages.", stats.retained),
            ("queued_bytes", "Bytes of messages waiting for clients.", stats.queued_bytes),
        ];
        for (name, help, value) in gauges {
            out.gauge(&format!("greenhub_gateway_{name}"), help, &[], value as f64);
        }
    }

    /// The hub's part of `/metrics`.
    pub fn metrics(&self, out: &mut Metrics) {
        let status = self.log.status();
        for channel in Channel::ALL {
            let count = status.accepted[channel as usize];
            out.counter("greenhub_log_messages_total", "Messages on disk.", &[("source", channel.as_str())], count);
        }
        for row in self.ledger().sources {
            let source = [("source", row.source.as_str())];
            out.counter("greenhub_streams_applied_total", "Messages taken into account.", &source, row.applied);
            out.counter(
                "greenhub_streams_quarantined_total",
                "Messages that could not be used.",
                &source,
                row.quarantined,
            );
            out.gauge("greenhub_streams_pending", "Messages on disk and not yet decided.", &source, row.pending as f64);
        }
        out.gauge(
            "greenhub_log_accepting",
            "1 while the log takes messages.",
            &[],
            f64::from(u8::from(status.accepting)),
        );
        out.counter("greenhub_log_batches_total", "Batches committed since start.", &[], status.batches);
        out.counter("greenhub_log_bytes_total", "Record bytes committed since start.", &[], status.record_bytes);
        out.counter(
            "greenhub_log_failed_batches_total",
            "Batches that failed since start.",
            &[],
            status.failed_batches,
        );
        out.counter("greenhub_log_refused_appends_total", "Appends refused since start.", &[], status.refused_appends);
        out.gauge("greenhub_log_disk_bytes", "Bytes of all segments.", &[], status.bytes as f64);
        for (us, name) in [(status.commit_latency.p50_us, "0.5"), (status.commit_latency.p99_us, "0.99")] {
            let help = "Write and fdatasync of a batch.";
            out.gauge("greenhub_log_commit_seconds", help, &[("quantile", name)], us as f64 / 1e6);
        }
        out.gauge(
            "greenhub_streams_lag_seconds",
            "How far the dataflow is behind the log.",
            &[],
            self.lag_ms() as f64 / 1e3,
        );
        self.broker_metrics(out);
        let history = self.history.status();
        out.counter("greenhub_history_rows_total", "Rows taken in since start.", &[], history.rows);
        out.counter("greenhub_history_dropped_total", "Rows of series beyond the bound.", &[], history.rows_dropped);
        out.gauge("greenhub_history_series", "Series known.", &[], history.series as f64);
        for (door, state) in &self.intakes {
            let (report, door) = (state.report(), [("door", *door)]);
            out.gauge(
                "greenhub_intake_connected",
                "1 while the peer answers.",
                &door,
                f64::from(u8::from(report.connected)),
            );
            out.counter("greenhub_intake_received_total", "Messages taken from the peer.", &door, report.received);
            out.counter("greenhub_intake_stored_total", "Messages on disk.", &door, report.stored);
            out.counter("greenhub_intake_refused_total", "Messages beyond the limits.", &door, report.refused);
            out.counter("greenhub_intake_reconnects_total", "Connections made again.", &door, report.reconnects);
        }
    }
}

impl Readiness for Overview {
    fn checks(&self) -> Vec<ReadyCheck> {
        let check = |name: &str, ready: bool, detail: String| ReadyCheck { name: name.to_owned(), ready, detail };
        let log = self.log.status();
        let trouble = |name: &str, trouble: Option<String>| check(name, trouble.is_none(), trouble.unwrap_or_default());
        let lag = self.lag_ms();
        let failure = self.streams.failure();
        let streams = match failure {
            Some(why) => check("streams", false, why),
            None if lag > LAG_MS_MAX => check("streams", false, format!("{lag} ms behind the log")),
            None => check("streams", true, String::new()),
        };
        let mut checks = vec![
            check("log", log.accepting, log.why.as_deref().unwrap_or_default().to_owned()),
            streams,
            trouble("tables", self.sinks.tables.now()),
            trouble("history", self.sinks.history.now()),
        ];
        for (door, state) in &self.intakes {
            let report = state.report();
            checks.push(check(door, report.connected, describe(&report)));
        }
        checks
    }
}
