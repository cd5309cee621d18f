//! How long a message takes: to its PUBACK, and to a viewer's WebSocket, alone and under load.

use crate::live::{MEASURE, WARM};
use crate::load;
use crate::serve::{Bench, payload, quiet, topic_of};
use anyhow::{Context, Result};
use greenhub_tests::live::Viewer;
use greenhub_tests::now_ms;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn percentile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Publish → WebSocket, fsync included, for a viewer that asks for no coalescing.
pub async fn latency() -> Result<()> {
    println!("Publish → WebSocket (fsync included), 50 connections, viewer with `max_rate_hz` 0, {MEASURE:?} each.\n");
    println!("| messages/s | seen by the viewer | p50 ms | p99 ms | max ms |");
    println!("|---|---|---|---|---|");
    for rate in [1_000u64, 5_000, 50_000] {
        quiet().await?;
        let bench = Bench::start(50).await?;
        let mut streams = Vec::new();
        for login in &bench.devices {
            streams.push((load::connect(bench.hub.mqtt(), login).await?, topic_of(login)));
        }
        let mut viewer = Viewer::connect(&bench.hub, &bench.api.token, json!({"max_rate_hz": 0})).await;
        viewer.until("a snapshot", |v| v.snapshots == 1).await;
        let total = rate * MEASURE.as_secs();
        let (sent, mut latencies) = (Arc::new(parking_times(total)), Vec::new());
        let times = Arc::clone(&sent);
        let start = Instant::now();
        let sender = tokio::spawn(async move {
            let mut next = 0u64;
            let mut drain = vec![0u8; 64 * 1024];
            while next < total {
                let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
                while next < due.min(total) {
                    let (stream, topic) = &mut streams[(next % 50) as usize];
                    // The longitude carries the message's number: a unit's newest state names the newest message.
                    let lon = 100.0 + next as f64 / 1e6;
                    let body = format!(r#"{{"time":{},"lon":{lon:.6},"lat":31.2}}"#, now_ms());
                    let (mut packet, at) = load::publish(topic, body.as_bytes());
                    let id = (next % 65_535 + 1) as u16;
                    packet[at..at + 2].copy_from_slice(&id.to_be_bytes());
                    times[next as usize].store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                    stream.write_all(&packet).await.context("publish")?;
                    next += 1;
                }
                for (stream, _) in &mut streams {
                    // Acknowledgements are read away so that the broker never waits for us.
                    let _nothing_yet = stream.try_read(&mut drain);
                }
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
            anyhow::Ok(())
        });
        let mut last = 0u64;
        while last + 50 < total {
            let message = viewer.next().await;
            let arrived = start.elapsed().as_nanos() as u64;
            for unit in message["units"].as_array().into_iter().flatten() {
                let Some(lon) = unit["lon"].as_f64() else { continue };
                let number = ((lon - 100.0) * 1e6).round() as u64;
                last = last.max(number);
                let sent = sent[number as usize].load(Ordering::Relaxed);
                latencies.push(arrived.saturating_sub(sent) as f64 / 1e6);
            }
        }
        sender.await.context("the sending task failed")??;
        latencies.sort_by(f64::total_cmp);
        println!(
            "| {rate} | {} | {:.2} | {:.2} | {:.2} |",
            latencies.len(),
            percentile(&latencies, 0.5),
            percentile(&latencies, 0.99),
            percentile(&latencies, 1.0)
        );
    }
    println!();
    Ok(())
}

fn parking_times(count: u64) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// Rounds of [`puback`], ours and the disk's turn about.
const ROUNDS: usize = 5;
/// Messages, and writes, of one round.
const PER_ROUND: usize = 400;
/// Pause between two messages: light load.
const PAUSE: Duration = Duration::from_millis(2);

/// One message in flight: PUBLISH → PUBACK beside one `pwrite` of as many bytes and one `fdatasync`.
pub async fn puback() -> Result<()> {
    println!(
        "PUBLISH → PUBACK, one connection, one message each {PAUSE:?}, beside one write of 4 KiB + fdatasync into a"
    );
    println!("file written full before, on the same file system. {ROUNDS} × {PER_ROUND}, turn about.\n");
    println!("| PUBACK p50 µs | p99 µs | write + fdatasync p50 µs | p99 µs | ratio of p50 |");
    println!("|---|---|---|---|---|");
    quiet().await?;
    let bench = Bench::start(1).await?;
    let login = &bench.devices[0];
    let mut stream = load::connect(bench.hub.mqtt(), login).await?;
    let (mut packet, id_at) = load::publish(&topic_of(login), &payload(now_ms()));
    let directory = tempfile::tempdir().context("make a directory")?;
    let mut file = OpenOptions::new().create_new(true).read(true).write(true).open(directory.path().join("raw"))?;
    file.write_all(&vec![0; 4096 * PER_ROUND])?;
    file.sync_all()?;
    let block = [7u8; 4096];
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    let mut answer = [0u8; 4];
    for _ in 0..ROUNDS {
        for n in 0..PER_ROUND {
            tokio::time::sleep(PAUSE).await;
            packet[id_at..id_at + 2].copy_from_slice(&(n as u16 + 1).to_be_bytes());
            let sent = Instant::now();
            stream.write_all(&packet).await?;
            stream.read_exact(&mut answer).await.context("read PUBACK")?;
            ours.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        for n in 0..PER_ROUND {
            tokio::time::sleep(PAUSE).await;
            let begun = Instant::now();
            file.write_all_at(&block, n as u64 * 4096)?;
            file.sync_data()?;
            raw.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    ours.sort_by(f64::total_cmp);
    raw.sort_by(f64::total_cmp);
    let (p50, base) = (percentile(&ours, 0.5), percentile(&raw, 0.5));
    println!(
        "| {p50:.0} | {:.0} | {base:.0} | {:.0} | {:.2} |\n",
        percentile(&ours, 0.99),
        percentile(&raw, 0.99),
        p50 / base
    );
    Ok(())
}

/// A tracer's times to a viewer while the other connections publish at half the rate the hub decided flat out.
pub async fn half_load() -> Result<()> {
    println!(
        "Publish → WebSocket of one tracer (100/s) at half load: 50 connections at half of what they reach flat out, the"
    );
    println!("viewer looks at the tracer's place, `max_rate_hz` 0.\n");
    println!("| flat out msgs/s | load msgs/s | tracer seen | p50 ms | p99 ms | max ms |");
    println!("|---|---|---|---|---|---|");
    quiet().await?;
    let bench = Bench::start(51).await?;
    let (tracer, crowd) = bench.devices.split_last().context("fifty-one devices")?;
    let body = payload(now_ms());
    let flat = load::flood_all(bench.hub.mqtt(), crowd, topic_of, &body, 100, WARM, Duration::from_secs(4)).await?;
    bench.settled().await;
    let half = flat.per_second() / 2.0;
    let place = json!({"max_rate_hz": 0, "subscribe": ["units"], "bbox": [99.0, 31.0, 102.0, 32.0]});
    let mut viewer = Viewer::connect(&bench.hub, &bench.api.token, place).await;
    viewer.until("a snapshot", |v| v.snapshots == 1).await;
    let (address, crowd) = (bench.hub.mqtt().to_owned(), crowd.to_vec());
    // The load has a thread of its own: the viewer's clock must not wait for it.
    let load = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load::paced(&address, &crowd, topic_of, &body, half, WARM + MEASURE))
    });
    let mut stream = load::connect(bench.hub.mqtt(), tracer).await?;
    let topic = topic_of(tracer);
    tokio::time::sleep(WARM).await;
    let total = MEASURE.as_secs() * 100;
    let (start, mut latencies, mut sent) = (Instant::now(), Vec::new(), Vec::new());
    let mut drain = vec![0u8; 4096];
    let mut due = tokio::time::interval(Duration::from_millis(10));
    while (latencies.len() as u64) < total {
        tokio::select! {
            _ = due.tick(), if (sent.len() as u64) < total => {
                let body = format!(r#"{{"time":{},"lon":{:.6},"lat":31.2}}"#, now_ms(), 100.0 + sent.len() as f64 / 1e6);
                let (mut packet, at) = load::publish(&topic, body.as_bytes());
                packet[at..at + 2].copy_from_slice(&(sent.len() as u16 + 1).to_be_bytes());
                sent.push(start.elapsed());
                stream.write_all(&packet).await?;
                let _nothing_yet = stream.try_read(&mut drain);
            }
            message = viewer.next() => {
                let arrived = start.elapsed();
                for lon in message["units"].as_array().into_iter().flatten().filter_map(|unit| unit["lon"].as_f64()) {
                    let number = ((lon - 100.0) * 1e6).round() as usize;
                    // States may fold on their way: the newest one answers for those before it.
                    while latencies.len() <= number.min(sent.len() - 1) {
                        latencies.push((arrived - sent[latencies.len()]).as_secs_f64() * 1e3);
                    }
                }
            }
        }
    }
    let rate = load.join().map_err(|_| anyhow::anyhow!("the load's thread failed"))??;
    latencies.sort_by(f64::total_cmp);
    println!(
        "| {:.0} | {:.0} | {} | {:.2} | {:.2} | {:.2} |\n",
        flat.per_second(),
        rate.per_second(),
        latencies.len(),
        percentile(&latencies, 0.5),
        percentile(&latencies, 0.99),
        percentile(&latencies, 1.0)
    );
    Ok(())
}
