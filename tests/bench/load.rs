//! An MQTT 3.1.1 load generator that costs as little as can be: packets are encoded once and patched, acknowledgements
//! are counted by their bytes. One thread for all connections.

use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who a connection is.
#[derive(Clone)]
pub struct Login {
    /// Client id; also user name where a password is given.
    pub id: String,
    /// Password.
    pub password: Option<String>,
}

/// Result of a run.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Messages acknowledged (or delivered) in the measured time.
    pub messages: u64,
    /// Measured seconds.
    pub seconds: f64,
}

impl Rate {
    /// Messages a second.
    pub fn per_second(&self) -> f64 {
        self.messages as f64 / self.seconds
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut left = body.len();
    loop {
        let byte = (left % 128) as u8;
        left /= 128;
        out.push(if left > 0 { byte | 128 } else { byte });
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

/// Connects and waits for CONNACK.
pub async fn connect(address: &str, login: &Login) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend_from_slice(&[4, if login.password.is_some() { 0xc2 } else { 0x02 }, 0, 60]);
    text(&mut body, &login.id);
    if let Some(password) = &login.password {
        text(&mut body, &login.id);
        text(&mut body, password);
    }
    stream.write_all(&packet(0x10, &body)).await?;
    let mut answer = [0u8; 4];
    stream.read_exact(&mut answer).await.context("read CONNACK")?;
    if answer != [0x20, 2, 0, 0] {
        bail!("CONNECT of {} was refused: {answer:?}", login.id);
    }
    Ok(stream)
}

/// Subscribes at QoS 0 and waits for SUBACK.
pub async fn subscribe(stream: &mut TcpStream, filter: &str) -> Result<()> {
    let mut body = vec![0, 1];
    text(&mut body, filter);
    body.push(0);
    stream.write_all(&packet(0x82, &body)).await?;
    let mut answer = [0u8; 5];
    stream.read_exact(&mut answer).await.context("read SUBACK")?;
    if answer[4] > 2 {
        bail!("SUBSCRIBE of {filter} was refused");
    }
    Ok(())
}

/// A PUBLISH at QoS 1 and the place of its packet id.
pub fn publish(topic: &str, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    text(&mut body, topic);
    let id_in_body = body.len();
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(payload);
    let whole = packet(0x32, &body);
    let at = whole.len() - body.len() + id_in_body;
    (whole, at)
}

/// Publishes on one connection with `window` messages in flight until `end`; returns those acknowledged after `begin`.
pub async fn flood(
    mut stream: TcpStream,
    topic: String,
    payload: Vec<u8>,
    window: usize,
    begin: Instant,
    end: Instant,
) -> Result<u64> {
    let (template, id_at) = publish(&topic, &payload);
    let (mut reader, mut writer) = stream.split();
    let mut outstanding = 0usize;
    let mut id = 0u16;
    let mut counted = 0u64;
    let mut input = vec![0u8; 64 * 1024];
    let mut partial = 0usize;
    let mut output = Vec::with_capacity(template.len() * window);
    loop {
        output.clear();
        let sending = Instant::now() < end;
        while sending && outstanding < window {
            id = if id == u16::MAX { 1 } else { id + 1 };
            let start = output.len();
            output.extend_from_slice(&template);
            output[start + id_at..start + id_at + 2].copy_from_slice(&id.to_be_bytes());
            outstanding += 1;
        }
        if !output.is_empty() {
            writer.write_all(&output).await.context("write")?;
        }
        if outstanding == 0 {
            return Ok(counted);
        }
        let got = reader.read(&mut input).await.context("read acknowledgements")?;
        if got == 0 {
            bail!("the broker hung up");
        }
        // PUBACK of 3.1.1 is always four bytes.
        let acknowledged = (partial + got) / 4;
        partial = (partial + got) % 4;
        outstanding = outstanding.saturating_sub(acknowledged);
        let now = Instant::now();
        if now >= begin && now <= end {
            counted += acknowledged as u64;
        }
    }
}

/// Floods on `logins.len()` connections for `measure` after a warm-up of `warm`.
pub async fn flood_all(
    address: &str,
    logins: &[Login],
    topic_of: impl Fn(&Login) -> String,
    payload: &[u8],
    window: usize,
    warm: Duration,
    measure: Duration,
) -> Result<Rate> {
    let mut streams = Vec::new();
    for login in logins {
        streams.push((connect(address, login).await?, topic_of(login)));
    }
    let begin = Instant::now() + warm;
    let end = begin + measure;
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|(stream, topic)| tokio::spawn(flood(stream, topic, payload.to_vec(), window, begin, end)))
        .collect();
    let mut messages = 0;
    for task in tasks {
        messages += task.await.context("a load task failed")??;
    }
    Ok(Rate { messages, seconds: measure.as_secs_f64() })
}

/// Publishes on all connections at `rate` messages a second in all, in bursts each millisecond, reading acknowledgements
/// away; what the broker does not take at once waits here, so `rate` is what was written.
pub async fn paced(
    address: &str,
    logins: &[Login],
    topic_of: impl Fn(&Login) -> String,
    payload: &[u8],
    rate: f64,
    time: Duration,
) -> Result<Rate> {
    let mut connections = Vec::new();
    for login in logins {
        let (packet, id_at) = publish(&topic_of(login), payload);
        connections.push((connect(address, login).await?, packet, id_at));
    }
    let start = Instant::now();
    let (mut sent, mut output, mut drain, mut turn) = (0u64, Vec::new(), vec![0u8; 256 * 1024], 0usize);
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        let share = (due - sent).div_ceil(logins.len() as u64);
        while sent < due {
            let (stream, packet, id_at) = &mut connections[turn];
            turn = (turn + 1) % logins.len();
            output.clear();
            for n in 0..share.min(due - sent) {
                let at = output.len();
                output.extend_from_slice(packet);
                output[at + *id_at..at + *id_at + 2].copy_from_slice(&(((sent + n) % 65_535) as u16 + 1).to_be_bytes());
            }
            stream.write_all(&output).await.context("publish")?;
            sent += share.min(due - sent);
            let _nothing_yet = stream.try_read(&mut drain);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(Rate { messages: sent, seconds: start.elapsed().as_secs_f64() })
}

/// Counts PUBLISH packets of a fixed size arriving at a subscriber between `begin` and `end`.
pub async fn count_deliveries(mut stream: TcpStream, begin: Instant, end: Instant) -> Result<u64> {
    let mut input = vec![0u8; 256 * 1024];
    let mut counted = 0u64;
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(got) = tokio::time::timeout(left, stream.read(&mut input)).await else { return Ok(counted) };
        let got = got.context("read deliveries")?;
        if got == 0 {
            bail!("the broker dropped the subscriber");
        }
        pending.extend_from_slice(&input[..got]);
        let (packets, used) = count_packets(&pending);
        pending.drain(..used);
        if Instant::now() >= begin {
            counted += packets;
        }
    }
}

/// Whole PUBLISH packets at the start of `bytes`, and the bytes all whole packets take.
fn count_packets(bytes: &[u8]) -> (u64, usize) {
    let (mut count, mut at) = (0, 0);
    while at + 2 <= bytes.len() {
        let (mut length, mut shift, mut head) = (0usize, 0, 1);
        loop {
            let Some(byte) = bytes.get(at + head) else { return (count, at) };
            length |= ((byte & 127) as usize) << shift;
            head += 1;
            shift += 7;
            if byte & 128 == 0 {
                break;
            }
        }
        if at + head + length > bytes.len() {
            break;
        }
        count += u64::from(bytes[at] >> 4 == 3);
        at += head + length;
    }
    (count, at)
}
