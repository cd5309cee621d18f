//! Viewers on real loopback sockets, updates into the live tier, and what both cost: one JSON line.
//!
//! ```text
//! cargo run --release -p greenhub-dashboards --example live_bench -- VIEWERS UPDATES_PER_S [SECONDS [RATE_HZ [UNITS]]]
//! ```
//!
//! Server and clients live in one process on runtimes of their own; CPU is read per thread, so the figure for the hub
//! holds only the hub's threads. The mass of viewers asks for RATE_HZ (10) and counts bytes; four probes ask for every
//! change at once and take the time from the publishing of each update to its arrival. Updates come as one batch a
//! millisecond, as the log commits them.

#[path = "../tests/kit/mod.rs"]
mod kit;

use futures_util::{SinkExt, StreamExt};
use greenhub_dashboards::{LiveConfig, WebOptions};
use greenhub_model::view::UnitView;
use greenhub_model::{Output, Role};
use kit::samples::{batch, unit};
use kit::{Hub, now};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PROBES: usize = 4;
/// Kernel clock ticks per second of `/proc/*/stat` (USER_HZ, 100 on every Linux this runs on).
const TICKS_PER_S: f64 = 100.0;

#[derive(Default)]
struct Tally {
    over: AtomicBool,
    bytes: AtomicU64,
}

fn runtime(name: &str) -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// CPU seconds so far of all threads with this name.
fn cpu_s(name: &str) -> f64 {
    let mut ticks = 0u64;
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let Ok(text) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let Some((head, tail)) = text.rsplit_once(')') else { continue };
        if head.ends_with(name) {
            let fields: Vec<&str> = tail.split_whitespace().collect();
            ticks += [11, 12].iter().map(|n| fields[*n].parse::<u64>().unwrap_or(0)).sum::<u64>();
        }
    }
    ticks as f64 / TICKS_PER_S
}

async fn open(hub: &Hub, token: &str, rate_hz: f64) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let url = format!("ws://{}/api/v1/live?token={token}", hub.address);
    let (mut socket, _) = connect_async(url).await.expect("the socket opens");
    let wish = json!({"subscribe": ["units", "alarms"], "max_rate_hz": rate_hz});
    socket.send(Message::text(wish.to_string())).await.expect("it is sent");
    socket
}

/// A viewer that only counts: no frame is taken apart, so that the clients stay cheap.
async fn count(socket: WebSocketStream<MaybeTlsStream<TcpStream>>, tally: Arc<Tally>) {
    let mut stream = socket.into_inner();
    let mut buffer = vec![0u8; 64 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        tally.bytes.fetch_add(n as u64, Relaxed);
    }
}

/// A viewer that takes the time of each update.
async fn probe(mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>, tally: Arc<Tally>) -> Vec<u64> {
    let mut micros = vec![];
    while let Some(Ok(message)) = socket.next().await {
        let arrived = now();
        if tally.over.load(Relaxed) {
            break;
        }
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
        if frame["type"] != "delta" {
            continue;
        }
        for unit in frame["units"].as_array().into_iter().flatten() {
            let sent = unit["received"].as_f64().unwrap_or(0.0);
            micros.push(((arrived.millis_f64() - sent) * 1000.0).max(0.0) as u64);
        }
    }
    micros
}

fn publish(hub: &Hub, updates_per_s: u64, units: usize, seconds: f64) -> u64 {
    let names: Vec<String> = (0..units).map(|n| format!("P-{n:05}")).collect();
    let (started, mut sent, mut number) = (Instant::now(), 0u64, 1u64);
    while started.elapsed().as_secs_f64() < seconds {
        let due = (started.elapsed().as_secs_f64() * updates_per_s as f64) as u64;
        if due > sent {
            let stamp = now().millis_f64();
            let items = (sent..due).map(|n| {
                let place = n as f64 * 1e-6;
                let view = unit(&names[n as usize % units], 121.4 + place, 31.2, stamp as i64);
                Output::Unit(Box::new(UnitView { received: stamp, ..view }))
            });
            number += 1;
            hub.live.apply(&batch(number, items.collect()));
            sent = due;
        }
        std::thread::sleep(Duration::from_micros(900));
    }
    sent
}

fn main() {
    let number = |n: usize, default: f64| std::env::args().nth(n).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (viewers, updates) = (number(1, 100.0) as usize, number(2, 1_000.0) as u64);
    let (seconds, rate_hz, units) = (number(3, 10.0), number(4, 10.0), number(5, 1_000.0) as usize);
    let (server, clients) = (runtime("hub"), runtime("client"));
    let hub = server.block_on(Hub::start_with(LiveConfig::new(), WebOptions::default()));
    let tally = Arc::new(Tally::default());
    let mut tasks = JoinSet::new();
    let mut probes = JoinSet::new();
    clients.block_on(async {
        let token = hub.token(Role::Dispatcher).await;
        for _ in 0..viewers {
            let socket = open(&hub, &token, rate_hz).await;
            tasks.spawn(count(socket, tally.clone()));
        }
        for _ in 0..PROBES {
            let socket = open(&hub, &token, 0.0).await;
            probes.spawn(probe(socket, tally.clone()));
        }
    });
    publish(&hub, updates, units, 1.0);
    let (before, bytes, cpu, started) = (hub.live.stats(), tally.bytes.load(Relaxed), cpu_s("(hub"), Instant::now());
    let sent = publish(&hub, updates, units, seconds);
    let (elapsed, cpu, after) = (started.elapsed().as_secs_f64(), cpu_s("(hub") - cpu, hub.live.stats());
    let bytes = tally.bytes.load(Relaxed) - bytes;
    tally.over.store(true, Relaxed);
    publish(&hub, 100, 1, 0.2);
    let mut micros: Vec<u64> = clients.block_on(probes.join_all()).into_iter().flatten().collect();
    micros.sort_unstable();
    let at = |share: f64| micros.get(((micros.len() as f64 - 1.0) * share) as usize).copied();
    let line = json!({
        "bench": "live", "viewers": viewers, "viewer_rate_hz": rate_hz, "probes": PROBES, "units": units,
        "updates_per_s": sent as f64 / elapsed, "seconds": elapsed, "hub_cpu_cores": cpu / elapsed,
        "frames_sent_per_s": (after.frames_sent - before.frames_sent) as f64 / elapsed,
        "frames_encoded_per_s": (after.frames_encoded - before.frames_encoded) as f64 / elapsed,
        "catch_ups": after.catch_ups - before.catch_ups, "closed_slow": after.closed_slow,
        "viewer_mib_per_s": bytes as f64 / elapsed / 1048576.0,
        "latency_us": {"p50": at(0.5), "p99": at(0.99), "max": at(1.0), "samples": micros.len()},
    });
    println!("{line}");
    tasks.abort_all();
    server.block_on(hub.stop());
}
