//! The broker alone, to be measured: a server with a log in a given directory, and a small load of QoS 1 publishers.
//!
//! ```text
//! broker_bench serve DIR [PORT]                                    prints `ready 127.0.0.1:PORT`, runs until killed
//! broker_bench load ADDR CONNECTIONS WINDOW SECONDS [SUBSCRIBER]   prints messages per second; SUBSCRIBER: 0, 1 or 2,
//!                                                                  the QoS of one subscriber to everything
//! ```
//!
//! Authentication and topic permissions are on: each publisher is a device that may publish below its own topic only.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenhub_gateway::auth::{Authenticate, Credentials, Denied, Identity, Rights};
use greenhub_gateway::mqtt::{Broker, BrokerConfig};
use greenhub_model::{Class, DeviceId};
use greenhub_storage::log::{Log, LogConfig, RealDisk, SystemClock};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// User `watcher` may subscribe all; any other user name is a patrol unit of that id.
struct Door;

impl Authenticate for Door {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Identity, Denied>> {
        let name = credentials.user_name.unwrap_or_default();
        let rights = match DeviceId::new(&name) {
            _ if name == "watcher" => Ok(Rights::all()),
            Ok(device) => Ok(Rights::Device { class: Some(Class::Patrol), device }),
            Err(_) => Err(Denied::BadCredentials),
        };
        let answer = rights.map(|rights| Identity { principal: name.into(), rights, unregistered: false });
        async move { answer }.boxed()
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", dir] => serve(dir.into(), 0).await,
        ["serve", dir, port] => serve(dir.into(), port.parse()?).await,
        ["load", address, connections, window, seconds] => {
            load(address.parse()?, connections.parse()?, window.parse()?, seconds.parse()?, None).await
        }
        ["load", address, connections, window, seconds, qos] => {
            load(address.parse()?, connections.parse()?, window.parse()?, seconds.parse()?, Some(qos.parse()?)).await
        }
        _ => Err("serve DIR [PORT] | load ADDR CONNECTIONS WINDOW SECONDS [SUBSCRIBER QOS]".into()),
    }
}

async fn serve(dir: PathBuf, port: u16) -> Result<(), Failure> {
    let log = Log::open(LogConfig::at(dir.join("log")), Arc::new(RealDisk), Arc::new(SystemClock))?;
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], port)));
    let config = BrokerConfig { listen, ..BrokerConfig::local(dir.join("mqtt")) };
    let broker = Broker::start(config, log, Arc::new(Door)).await?;
    let address = broker.local_addr().ok_or("no listener")?;
    println!("ready {address}");
    loop {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
}

fn connect(user: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x82\x00\x00".to_vec();
    for text in [user, user] {
        body.extend_from_slice(&(text.len() as u16).to_be_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    [&[0x10, body.len() as u8], &body[..]].concat()
}

async fn open(address: SocketAddr, user: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&connect(user)).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer != [0x20, 2, 0, 0] {
        return Err(format!("refused: {answer:?}").into());
    }
    Ok(stream)
}

/// QoS 1 publishes with ids from `first` on, a position report each.
fn block(user: &str, first: u16, count: u16) -> Vec<u8> {
    let topic = format!("greenhub/v1/patrol/{user}/position");
    let payload =
        br#"{"time":1763899200123,"lon":121.4234,"lat":31.2201,"speed_kmh":12.5,"heading_deg":270,"accuracy_m":5}"#;
    let mut bytes = vec![];
    for id in first..first + count {
        let length = 2 + topic.len() + 2 + payload.len();
        bytes.extend_from_slice(&[0x32, (length & 0x7F) as u8 | 0x80, (length >> 7) as u8]);
        bytes.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes
}

async fn publish(
    address: SocketAddr,
    user: String,
    window: u16,
    acked: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let mut stream = open(address, &user).await?;
    let half = window.div_ceil(2);
    let blocks = [block(&user, 1, half), block(&user, 1 + half, half)];
    let mut acks = vec![0; 4 * usize::from(half)];
    let halves = if window == 1 { 1 } else { 2 };
    for block in &blocks[..halves] {
        stream.write_all(block).await?;
    }
    for turn in (0..halves).cycle() {
        stream.read_exact(&mut acks).await?;
        acked.fetch_add(u64::from(half), Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        stream.write_all(&blocks[turn]).await?;
    }
    Ok(())
}

/// Counts PUBLISH packets to a subscriber, acknowledging QoS 1.
async fn watch(address: SocketAddr, qos: u8, seen: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut stream = open(address, "watcher").await?;
    stream.write_all(&[0x82, 6, 0, 1, 0, 1, b'#', qos.min(1)]).await?;
    let (mut bytes, mut acks) = (Vec::with_capacity(1 << 20), vec![]);
    while !stop.load(Ordering::Relaxed) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err("the subscriber was closed".into());
        }
        let (mut at, mut count) = (0, 0);
        while let Ok(Some(frame)) = greenhub_gateway::mqtt::wire::frame::cut(&bytes[at..], 1 << 20) {
            if frame.first & 0xF0 == 0x30 {
                count += 1;
                if frame.first & 6 != 0 {
                    let topic = usize::from(u16::from_be_bytes([frame.body[0], frame.body[1]]));
                    acks.extend_from_slice(&[0x40, 2, frame.body[2 + topic], frame.body[3 + topic]]);
                }
            }
            at += frame.whole.len();
        }
        bytes.drain(..at);
        seen.fetch_add(count, Ordering::Relaxed);
        stream.write_all(&acks).await?;
        acks.clear();
    }
    Ok(())
}

async fn load(
    address: SocketAddr,
    connections: usize,
    window: u16,
    seconds: u64,
    subscriber: Option<u8>,
) -> Result<(), Failure> {
    let (acked, seen, stop) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut tasks = vec![];
    if let Some(qos) = subscriber {
        tasks.push(tokio::spawn(watch(address, qos, seen.clone(), stop.clone())));
    }
    for n in 0..connections {
        tasks.push(tokio::spawn(publish(address, format!("bench-{n}"), window, acked.clone(), stop.clone())));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (start, acked_before, seen_before) =
        (Instant::now(), acked.load(Ordering::Relaxed), seen.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let elapsed = start.elapsed().as_secs_f64();
    let rate = |now: u64, before: u64| ((now - before) as f64 / elapsed) as u64;
    let acked_rate = rate(acked.load(Ordering::Relaxed), acked_before);
    println!("connections {connections} window {window}: {acked_rate} acknowledged/s");
    if subscriber.is_some() {
        println!("one subscriber: {} delivered/s", rate(seen.load(Ordering::Relaxed), seen_before));
    }
    stop.store(true, Ordering::Relaxed);
    let failed = tasks.iter().filter(|task| task.is_finished()).count();
    if failed > 0 {
        return Err(format!("{failed} connections ended early").into());
    }
    Ok(())
}
