//! Speed of a back-test: plant points that send one reading each ten seconds, run once under the built-in rules and once
//! under a candidate, without the hash, as `greenhub replay --report json` does. One JSON line per run.
//!
//! ```text
//! cargo run --release -p greenhub-streams --example backtest_bench -- [points] [minutes] [values per message]
//! ```

use greenhub_alarms::RuleSet;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::{Batch, Channel, Position, ReceivedTime, Record, RecordKind};
use greenhub_streams::{Recorded, ReplayOptions, replay};
use std::sync::Arc;
use std::time::Instant;

const START_MS: i64 = 1_763_899_200_000;
const PERIOD_MS: i64 = 10_000;
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
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (points, minutes, together) = (number(0, 1_000), number(1, 60), number(2, 1).clamp(1, POINTS.len()));
    let batches = record(points, minutes, together)?;
    let base = RuleSet::builtin();
    let mut candidate = RuleSet { version: base.version + 1, ..base.clone() };
    candidate.limits.iter_mut().for_each(|limit| limit.on_delay_ms = 0);
    let options =
        ReplayOptions { against: Some(base), rules: Some(candidate), is_backtest: true, ..ReplayOptions::default() };
    for _ in 0..2 {
        let begin = Instant::now();
        let report = replay(|| Ok(Recorded(batches.clone().into())), None, Arc::new(JsonDecoder), &options)?;
        let took = begin.elapsed().as_secs_f64();
        let readings = (points * minutes * 6) as u64;
        let applied = report.counts[Channel::Mqtt as usize].applied;
        anyhow::ensure!(applied * together as u64 >= readings, "{applied} messages applied");
        let candidate = report.candidate.expect("a candidate was given");
        let line = serde_json::json!({
            "bench": "backtest", "points": points, "minutes": minutes, "values_per_message": together,
            "readings": readings, "took_s": took, "readings_per_s": (readings as f64 / took).round(),
            "thirty_days_s": (took / minutes as f64 * 43_200.0).round(),
            "gained": candidate.comparison.gained.len(), "alarms": report.alarms.len(),
            "calls_before": report.kpi.annunciations, "calls_after": candidate.kpi.annunciations,
        });
        println!("{line}");
    }
    Ok(())
}

/// A log in memory. Each device has ten points; `together` of them go in one message.
fn record(points: usize, minutes: usize, together: usize) -> anyhow::Result<Vec<Batch>> {
    let devices = points.div_ceil(POINTS.len());
    let mut batches: Vec<Batch> = Vec::new();
    let mut position = 0u64;
    let mut push = |received_ms: i64, bytes: Vec<u8>, count: u32| {
        let (number, received) = (batches.len() as u64 + 1, ReceivedTime::from_millis(received_ms));
        batches.push(Batch { number, first: Position(position), count, received, bytes: Arc::new(bytes) });
        position += u64::from(count);
    };
    let mut bytes = Vec::new();
    for n in 0..devices {
        let profile = format!("{{\"device\":\"E-{n:04}\",\"class\":\"plant\",\"name\":\"测点{n}\"}}");
        let change = format!("{{\"change\":\"device\",\"profile\":{profile}}}");
        Record::own(RecordKind::Config, "admin", change.as_bytes()).encode(&mut bytes)?;
    }
    push(START_MS, bytes, devices as u32);
    for round in 0..minutes * 6 {
        let received = START_MS + round as i64 * PERIOD_MS;
        let (mut bytes, mut count) = (Vec::new(), 0);
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
                let topic = format!("greenhub/v1/plant/E-{n:04}/reading");
                Record::message(Channel::Mqtt, &topic, "device", payload.as_bytes()).encode(&mut bytes)?;
                count += 1;
            }
        }
        push(received, bytes, count);
    }
    Ok(batches)
}
