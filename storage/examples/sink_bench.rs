//! Measures the relational sink on SQLite. One JSON line on stdout.
//!
//! `cargo run --release -p greenhub-storage --example sink_bench`: a million positions in batches of a thousand (no
//! row is written, position and ledger are coalesced), then ten thousand quarantined messages, which all are rows.

use greenhub_model::ledger::Counts;
use greenhub_model::output::{Quarantined, TrackPoint};
use greenhub_model::time::Monotonic;
use greenhub_model::{BatchOutput, Channel, DeviceId, Output, Position, ReceivedTime, Reject};
use greenhub_storage::relational::{BatchSink, Database};
use std::sync::Arc;
use std::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("greenhub-sink-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let sink = BatchSink::new(Database::open_file(&dir.join("hub.db")).await?, vec![]).await?;
    let begin = Instant::now();
    let now = || Monotonic(begin.elapsed().as_micros() as u64);
    let unit = DeviceId::new("P-001")?;
    let position = |time| {
        let (speed_kmh, heading_deg) = (Some(4.5), Some(90.0));
        Output::Track(TrackPoint { unit: unit.clone(), time, lon: 121.45, lat: 31.25, speed_kmh, heading_deg })
    };
    let quiet: Vec<Arc<BatchOutput>> = (1..=1000).map(|n| batch(n, (0..1000).map(position).collect())).collect();
    let start = Instant::now();
    for output in &quiet {
        sink.apply(std::slice::from_ref(output), now()).await?;
    }
    sink.flush(None).await?;
    let quiet_per_s = 1e6 / start.elapsed().as_secs_f64();

    let refused: Vec<Arc<BatchOutput>> =
        (1001..=1100).map(|n| batch(n, (0..100).map(|m| refusal(&unit, n * 100 + m)).collect())).collect();
    let start = Instant::now();
    for some in refused.chunks(10) {
        sink.apply(some, now()).await?;
    }
    let rows_per_s = 1e4 / start.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&dir)?;
    println!("{{\"bench\":\"sink\",\"outputs_without_rows_per_s\":{quiet_per_s:.0},\"rows_per_s\":{rows_per_s:.0}}}");
    Ok(())
}

fn batch(number: u64, items: Vec<Output>) -> Arc<BatchOutput> {
    let mut counts = [Counts::default(); Channel::ALL.len()];
    counts[Channel::Mqtt as usize].applied = items.len() as u64;
    let received = ReceivedTime::from_millis(1_763_899_200_000 + number as i64);
    Arc::new(BatchOutput { batch: number, received, end: Position(number * 1000), items, counts })
}

fn refusal(device: &DeviceId, position: u64) -> Output {
    Output::Quarantine(Box::new(Quarantined {
        position: Position(position),
        received: 1_763_899_200_000,
        channel: Channel::Mqtt,
        principal: device.to_string(),
        topic: format!("greenhub/v1/patrol/{device}/position"),
        device: Some(device.clone()),
        reject: Reject::Empty,
        element: None,
        excerpt: String::new(),
        bytes: 0,
    }))
}
