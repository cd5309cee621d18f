//! From the device to the viewer: throughput of the whole pipeline, and many viewers.

use crate::load::{self, Rate};
use crate::process::{cpu_seconds, resident_mib};
use crate::serve::{Bench, payload, topic_of};
use anyhow::{Context, Result};
use greenhub_tests::live::Viewer;
use greenhub_tests::now_ms;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time before measuring.
pub const WARM: Duration = Duration::from_secs(1);
/// Time of measuring.
pub const MEASURE: Duration = Duration::from_secs(8);

/// Flat out: everything published is stored, decided, kept and shown to one viewer; the clock stops when nothing is
/// pending any more.
pub async fn pipeline() -> Result<()> {
    println!(
        "Whole pipeline flat out, 50 connections × 100 in flight, one viewer at 10 Hz; the clock runs until nothing"
    );
    println!("is pending.\n");
    println!(
        "| messages decided per s | per CPU s of the hub | PUBACKs per s | backlog at the end of the load | RSS MiB |"
    );
    println!("|---|---|---|---|---|");
    let bench = Bench::start(50).await?;
    let mut viewer = Viewer::connect(&bench.hub, &bench.api.token, json!({})).await;
    let watching = tokio::spawn(async move {
        loop {
            viewer.next().await;
        }
    });
    let body = payload(now_ms());
    let (cpu, started) = (cpu_seconds(bench.hub.pid()), Instant::now());
    let rate = load::flood_all(bench.hub.mqtt(), &bench.devices, topic_of, &body, 100, WARM, MEASURE).await?;
    let backlog = bench.api.get("/api/v1/ledger").await["pending"].as_u64().unwrap_or(0);
    let accepted = bench.settled().await;
    let seconds = started.elapsed().as_secs_f64();
    let used = cpu_seconds(bench.hub.pid()) - cpu;
    watching.abort();
    println!(
        "| {:.0} | {:.0} | {:.0} | {backlog} | {:.0} |\n",
        accepted as f64 / seconds,
        accepted as f64 / used,
        rate.per_second(),
        resident_mib(bench.hub.pid())
    );
    Ok(())
}

/// One viewer as cheap as can be: handshake, subscription, then bytes are counted and thrown away.
async fn idle_viewer(address: String, token: String) -> Result<TcpStream> {
    idle_socket(&address, &token, r#"{"subscribe":["units"],"bbox":null,"resume":null}"#).await
}

async fn idle_socket(address: &str, token: &str, body: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /api/v1/live?token={token} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.context("read the upgrade")?);
    }
    anyhow::ensure!(head.starts_with(b"HTTP/1.1 101"), "no upgrade: {}", String::from_utf8_lossy(&head));
    // A client frame: final text, masked with zeros so that the payload stays as it is.
    let mut frame = vec![0x81, 0x80 | body.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(body.as_bytes());
    stream.write_all(&frame).await?;
    Ok(stream)
}

/// 2,000 viewers while 5,000 updates a second come in.
pub async fn viewers() -> Result<()> {
    println!("2,000 viewers at 10 Hz, 5,000 positions/s of 50 units, {MEASURE:?}.\n");
    println!("| viewers | hub CPU, cores | MiB/s to viewers | RSS MiB |");
    println!("|---|---|---|---|");
    for count in [1usize, 2_000] {
        let bench = Bench::start(50).await?;
        let received = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut readers = Vec::new();
        for _ in 0..count {
            let mut stream = idle_viewer(bench.hub.http().to_owned(), bench.api.token.clone()).await?;
            let received = std::sync::Arc::clone(&received);
            readers.push(tokio::spawn(async move {
                let mut input = vec![0u8; 16 * 1024];
                while let Ok(got) = stream.read(&mut input).await {
                    if got == 0 {
                        break;
                    }
                    received.fetch_add(got as u64, std::sync::atomic::Ordering::Relaxed);
                }
            }));
        }
        let (cpu, bytes, started) =
            (cpu_seconds(bench.hub.pid()), received.load(std::sync::atomic::Ordering::Relaxed), Instant::now());
        let rate = steady(&bench, 5_000).await?;
        let seconds = started.elapsed().as_secs_f64();
        let cores = (cpu_seconds(bench.hub.pid()) - cpu) / seconds;
        let flow = (received.load(std::sync::atomic::Ordering::Relaxed) - bytes) as f64 / seconds / 1_048_576.0;
        readers.iter().for_each(tokio::task::JoinHandle::abort);
        anyhow::ensure!(rate.messages > 0, "nothing was published");
        println!("| {count} | {cores:.2} | {flow:.1} | {:.0} |", resident_mib(bench.hub.pid()));
    }
    println!();
    Ok(())
}

/// Crew accounts of the phones; each is logged in on several. Fewer than one address may log in at once (20).
const CREWS: usize = 15;
/// Phones of the dispatch crews.
const PHONES: usize = 1_000;
/// A phone on shift sends its position so often.
const FIX_EVERY: Duration = Duration::from_secs(10);

/// 1,000 phones of crews: each holds its socket and sends its position; a third ask for list and messages each time.
pub async fn phones() -> Result<()> {
    println!(
        "{PHONES} phones on shift: a socket each, a position each 10 s, every third with its list and messages, 30 s.\n"
    );
    println!("| phones | hub CPU, cores | RSS MiB | positions/s | answered p50 ms | p99 ms | failed |");
    println!("|---|---|---|---|---|---|---|");
    let bench = Bench::start(0).await?;
    let crews = bench.crews(CREWS).await?;
    println!("| 0 | | {:.0} | | | | |", resident_mib(bench.hub.pid()));
    let mut sockets = Vec::new();
    for n in 0..PHONES {
        sockets.push(
            idle_socket(bench.hub.http(), &crews[n % CREWS].token, r#"{"subscribe":[],"bbox":null,"resume":null}"#)
                .await?,
        );
    }
    let (cpu, started) = (cpu_seconds(bench.hub.pid()), Instant::now());
    let phone = |n: usize| {
        let api = &crews[n % CREWS];
        async move {
            let (mut took, mut failed) = (Vec::new(), 0usize);
            // Phones are not in step.
            let begin = FIX_EVERY.mul_f64(n as f64 / PHONES as f64);
            tokio::time::sleep(begin).await;
            while started.elapsed() < FIX_EVERY * 3 {
                let fix = json!({"time": now_ms(), "lon": 121.4 + n as f64 / 1e5, "lat": 31.2, "accuracy_m": 8.0});
                let sent = Instant::now();
                let (status, _) = api.try_post("/api/v1/me/positions", &json!({"fixes": [fix]})).await;
                took.push(sent.elapsed().as_secs_f64() * 1e3);
                failed += usize::from(!status.is_success());
                if n.is_multiple_of(3) {
                    for path in ["/api/v1/orders?assignee=me&state=open", "/api/v1/me/messages?unread=true"] {
                        failed += usize::from(!api.try_get(path).await.0.is_success());
                    }
                }
                tokio::time::sleep(FIX_EVERY.saturating_sub(sent.elapsed())).await;
            }
            (took, failed)
        }
    };
    let all = futures_util::future::join_all((0..PHONES).map(phone)).await;
    let seconds = started.elapsed().as_secs_f64();
    let cores = (cpu_seconds(bench.hub.pid()) - cpu) / seconds;
    let failed: usize = all.iter().map(|(_, failed)| failed).sum();
    let mut took: Vec<f64> = all.into_iter().flat_map(|(took, _)| took).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let rss = resident_mib(bench.hub.pid());
    let rate = took.len() as f64 / seconds;
    println!("| {PHONES} | {cores:.2} | {rss:.0} | {rate:.0} | {:.1} | {:.1} | {failed} |\n", at(0.5), at(0.99));
    drop(sockets);
    Ok(())
}

/// Publishes at a steady rate over all devices for [`MEASURE`].
async fn steady(bench: &Bench, rate: u64) -> Result<Rate> {
    let mut streams = Vec::new();
    for login in &bench.devices {
        streams.push((load::connect(bench.hub.mqtt(), login).await?, topic_of(login)));
    }
    let (start, mut sent, mut drain) = (Instant::now(), 0u64, vec![0u8; 64 * 1024]);
    while start.elapsed() < MEASURE {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent < due {
            let (stream, topic) = &mut streams[(sent % bench.devices.len() as u64) as usize];
            let body = format!(r#"{{"time":{},"lon":{:.6},"lat":31.2}}"#, now_ms(), 121.0 + (sent % 1000) as f64 / 1e4);
            let (mut packet, at) = load::publish(topic, body.as_bytes());
            packet[at..at + 2].copy_from_slice(&((sent % 65_535 + 1) as u16).to_be_bytes());
            stream.write_all(&packet).await?;
            sent += 1;
        }
        for (stream, _) in &mut streams {
            // Acknowledgements are read away so that the broker never waits for us.
            let _nothing_yet = stream.try_read(&mut drain);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(Rate { messages: sent, seconds: start.elapsed().as_secs_f64() })
}
