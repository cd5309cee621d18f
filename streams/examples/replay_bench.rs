//! Replay speed: units that send a position each second, replayed from memory with the output hash, as `greenhub replay`
//! does. One JSON line per run.
//!
//! ```text
//! cargo run --release -p greenhub-streams --example replay_bench -- [devices] [seconds] [messages per batch] [workers]
//! ```

use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::{Batch, Channel, Position, ReceivedTime, Record, RecordKind};
use greenhub_streams::{Recorded, ReplayOptions, replay};
use std::sync::Arc;
use std::time::Instant;

const START_MS: i64 = 1_763_899_200_000;

fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (devices, seconds, per_batch, workers) = (number(0, 1_000), number(1, 600), number(2, 100), number(3, 1));
    let batches = record(devices, seconds, per_batch)?;
    let options = ReplayOptions { workers, ..ReplayOptions::default() };
    for _ in 0..3 {
        let begin = Instant::now();
        let report = replay(|| Ok(Recorded(batches.clone().into())), None, Arc::new(JsonDecoder), &options)?;
        let took = begin.elapsed().as_secs_f64();
        let applied = report.counts[Channel::Mqtt as usize].applied;
        anyhow::ensure!(applied == (devices * seconds) as u64, "{applied} messages applied");
        let line = serde_json::json!({
            "bench": "replay", "devices": devices, "seconds": seconds, "messages_per_batch": per_batch,
            "workers": workers, "messages": applied, "outputs": report.outputs, "took_s": took,
            "messages_per_s": (applied as f64 / took).round(), "times_real_time": (seconds as f64 / took).round(),
            "output_hash": &report.output_hash[..16],
        });
        println!("{line}");
    }
    Ok(())
}

/// A log in memory: registrations, then the messages in the order of their times.
fn record(devices: usize, seconds: usize, per_batch: usize) -> anyhow::Result<Vec<Batch>> {
    let mut batches = Vec::new();
    let mut position = 0u64;
    let mut push = |received_ms: i64, bytes: Vec<u8>, count: usize| {
        let number = batches.len() as u64 + 1;
        batches.push(Batch {
            number,
            first: Position(position),
            count: count as u32,
            received: ReceivedTime::from_millis(received_ms),
            bytes: Arc::new(bytes),
        });
        position += count as u64;
    };
    let mut bytes = Vec::new();
    for n in 0..devices {
        let change = format!(
            "{{\"change\":\"device\",\"profile\":{{\"device\":\"P-{n:05}\",\"class\":\"patrol\",\"name\":\"巡查{n}\"}}}}"
        );
        Record::own(RecordKind::Config, "admin", change.as_bytes()).encode(&mut bytes)?;
    }
    push(START_MS, bytes, devices);
    let total = devices * seconds;
    for first in (0..total).step_by(per_batch) {
        let until = (first + per_batch).min(total);
        let (mut bytes, mut received) = (Vec::new(), START_MS);
        for at in first..until {
            let (second, n) = (at / devices, at % devices);
            received = START_MS + (second * 1000 + n * 1000 / devices) as i64;
            let (lon, lat) = (121.40 + n as f64 * 1e-4 + second as f64 * 1e-5, 31.20 + n as f64 * 1e-5);
            let payload = format!(
                "{{\"time\": {received}, \"lon\": {lon:.6}, \"lat\": {lat:.6}, \"speed_kmh\": {:.1}, \"heading_deg\": {}, \
                 \"accuracy_m\": 5, \"battery_pct\": 80, \"sos\": false}}",
                (at % 60) as f64 / 4.0,
                at % 360
            );
            let topic = format!("greenhub/v1/patrol/P-{n:05}/position");
            Record::message(Channel::Mqtt, &topic, "device", payload.as_bytes()).encode(&mut bytes)?;
        }
        push(received, bytes, until - first);
    }
    Ok(batches)
}
