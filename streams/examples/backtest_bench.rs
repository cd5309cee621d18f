//! Speed and memory of a back-test: plant points that send one reading each ten seconds, in a log on disk, read as
//! `greenhub replay --report json` reads it, under the built-in rules and under a candidate that changes every limit. One
//! JSON line per run; `cpu_s` is what one core works, whatever else the machine does.
//!
//! ```text
//! cargo run --release -p greenhub-streams --example backtest_bench -- [points] [minutes] [values per message] [batches per round] [apart]
//! ```
//!
//! `apart` runs the two sets of rules one after the other through the dataflow's host.

use greenhub_alarms::RuleSet;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::{Channel, ReceivedTime, Record, RecordKind};
use greenhub_storage::log::{Burst, Clock, Log, LogConfig, OfflineReader, RealDisk};
use greenhub_streams::{Offline, ReplayOptions, replay};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const START_MS: i64 = 1_763_899_200_000;
const PERIOD_MS: i64 = 10_000;
/// Ticks of the kernel's accounting per second on Linux.
const TICKS: f64 = 100.0;
/// Points of the built-in rules that a plant device may send, with a usual value and its swing.
const POINTS: [(&str, f64, f64); 10] = [
    ("h2s", 0.03, 0.05),
    ("nh3", 0.7, 0.9),
    ("odour", 10.0, 12.0),
    ("so2", 50.0, 60.0),
    ("nox", 150.0, 170.0),
    ("hcl", 30.0, 40.0),
    ("dust", 10.0, 25.0),
    ("vibration", 3.0, 5.0),
    ("level", 60.0, 30.0),
    ("methane", 0.5, 0.9),
];

fn main() -> anyhow::Result<()> {
    let (words, numbers): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "apart");
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (points, minutes, together) = (number(0, 1_000), number(1, 60), number(2, 1).clamp(1, POINTS.len()));
    let (batches, apart) = (number(3, 1).max(1), !words.is_empty());
    let directory = tempfile::tempdir()?;
    record(directory.path(), points, minutes, together, batches)?;
    let base = RuleSet::builtin();
    let mut candidate = RuleSet { version: base.version + 1, ..base.clone() };
    candidate.limits.iter_mut().for_each(|limit| limit.on_delay_ms = 0);
    let (against, rules) = (Some(base), Some(candidate));
    let options = ReplayOptions { against, rules, is_backtest: true, apart, ..ReplayOptions::default() };
    for _ in 0..2 {
        let (begin, cpu) = (Instant::now(), cpu_s());
        let open = || Ok(Offline(OfflineReader::open(directory.path(), 0)?));
        let report = replay(open, None, Arc::new(JsonDecoder), &options)?;
        let (took, cpu) = (begin.elapsed().as_secs_f64(), cpu_s() - cpu);
        let readings = (points * minutes * 6) as u64;
        let applied = report.counts[Channel::Mqtt as usize].applied;
        anyhow::ensure!(applied * together as u64 >= readings, "{applied} messages applied");
        let candidate = report.candidate.expect("a candidate was given");
        let thirty_days = |seconds: f64| (seconds / minutes as f64 * 43_200.0).round();
        let line = serde_json::json!({
            "bench": "backtest", "apart": apart, "points": points, "minutes": minutes, "values_per_message": together,
            "batches": report.batches, "readings": readings, "took_s": took, "cpu_s": cpu,
            "readings_per_cpu_s": (readings as f64 / cpu.max(0.01)).round(),
            "thirty_days_s": thirty_days(took), "thirty_days_cpu_s": thirty_days(cpu), "rss_peak_mib": rss_peak_mib(),
            "changed": candidate.comparison.changed.len(), "gained": candidate.comparison.gained.len(),
            "alarms": report.alarms.len(),
            "calls_before": report.kpi.annunciations, "calls_after": candidate.kpi.annunciations,
        });
        println!("{line}");
    }
    Ok(())
}

/// What this process has worked so far, in and out of the kernel, s. The fields stand behind the name in parentheses.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The most memory this process has held, MiB.
fn rss_peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

/// A clock that the bench sets.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> ReceivedTime {
        ReceivedTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Writes the log. Each device has ten points; `together` of them go in one message, and a round of all goes in so many
/// batches.
fn record(dir: &Path, points: usize, minutes: usize, together: usize, batches: usize) -> anyhow::Result<()> {
    let devices = points.div_ceil(POINTS.len());
    let clock = Arc::new(SetClock(AtomicI64::new(START_MS)));
    let config = LogConfig { retain_bytes: u64::MAX, retain_age: Duration::from_secs(1 << 32), ..LogConfig::at(dir) };
    let log = Log::open(config, Arc::new(RealDisk), clock.clone())?;
    let commit = |burst: &Burst| -> anyhow::Result<()> {
        let ticket = log.try_append(burst)?;
        ticket.wait(Duration::from_secs(60)).ok_or_else(|| anyhow::anyhow!("the log is stuck"))??;
        Ok(())
    };
    let mut burst = Burst::new();
    for n in 0..devices {
        let profile = format!("{{\"device\":\"E-{n:04}\",\"class\":\"plant\",\"name\":\"测点{n}\"}}");
        let change = format!("{{\"change\":\"device\",\"profile\":{profile}}}");
        burst.push(&Record::own(RecordKind::Config, "admin", change.as_bytes()))?;
    }
    commit(&burst)?;
    for round in 0..minutes * 6 {
        let received = START_MS + round as i64 * PERIOD_MS;
        let mut messages = Vec::new();
        for n in 0..devices {
            for lot in POINTS.chunks(together) {
                let values: Vec<String> = lot
                    .iter()
                    .map(|(name, usual, swing)| {
                        // Slow waves of each device's own; the crests pass the limits now and then.
                        let wave = ((round as f64 / 40.0 + n as f64) * 0.7).sin() * ((n % 7) as f64 / 6.0);
                        format!("\"{name}\":{:.3}", (usual + swing * wave).max(0.0))
                    })
                    .collect();
                let payload = format!("{{\"time\":{received},\"values\":{{{}}}}}", values.join(","));
                messages.push((format!("greenhub/v1/plant/E-{n:04}/reading"), payload));
            }
        }
        for (nth, lot) in messages.chunks(messages.len().div_ceil(batches)).enumerate() {
            clock.0.store(received + nth as i64 * PERIOD_MS / batches as i64, Ordering::SeqCst);
            let mut burst = Burst::new();
            for (topic, payload) in lot {
                burst.push(&Record::message(Channel::Mqtt, topic, "device", payload.as_bytes()))?;
            }
            commit(&burst)?;
        }
    }
    Ok(())
}
