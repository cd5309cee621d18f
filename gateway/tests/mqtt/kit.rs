//! A broker on a log whose disk fails on command, and a raw client that speaks in bytes and never waits without a bound.

use futures_util::future::{BoxFuture, FutureExt};
use greenhub_gateway::auth::{Authenticate, Credentials, Denied, Identity, Rights};
use greenhub_gateway::mqtt::wire::frame::{cut, put_length};
use greenhub_gateway::mqtt::wire::{Version, publish};
use greenhub_gateway::mqtt::{Broker, BrokerConfig, BrokerHandle, BrokerStats, Limits, TlsConfig};
use greenhub_model::{DeviceId, RecordKind};
use greenhub_storage::log::faults::FaultDisk;
use greenhub_storage::log::{Log, LogConfig, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const V3: Version = Version::V3;
pub const V5: Version = Version::V5;
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Users of the tests: `device-X` is the device X, `denied` is not let in, anybody else may do all.
pub struct Door;

impl Authenticate for Door {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Identity, Denied>> {
        let name = credentials
            .certificate
            .as_deref()
            .and_then(greenhub_gateway::auth::certificate_common_name)
            .or(credentials.user_name)
            .unwrap_or_else(|| "tester".into());
        let answer = match name.strip_prefix("device-") {
            _ if name == "denied" => Err(Denied::BadCredentials),
            Some(id) => Ok(Identity {
                principal: id.into(),
                rights: Rights::Device { class: None, device: DeviceId::new(id).expect("an id") },
                unregistered: false,
            }),
            None => Ok(Identity { principal: name.as_str().into(), rights: Rights::all(), unregistered: false }),
        };
        async move { answer }.boxed()
    }
}

pub struct Hub {
    pub disk: FaultDisk,
    pub log: Log,
    pub broker: BrokerHandle,
    snapshots: tempfile::TempDir,
    limits: Limits,
}

fn limits() -> Limits {
    Limits {
        will_grace_after_restart: Duration::ZERO,
        snapshot_every: Duration::from_millis(200),
        sys_every: Duration::from_millis(200),
        ..Limits::default()
    }
}

fn open_log(disk: &FaultDisk) -> Log {
    let config = LogConfig { segment_bytes: 1 << 20, ..LogConfig::at("/log") };
    Log::open(config, Arc::new(disk.clone()), Arc::new(SystemClock)).expect("the log opens")
}

async fn start_broker(
    log: &Log,
    snapshots: &tempfile::TempDir,
    limits: &Limits,
    tls: Option<TlsConfig>,
) -> BrokerHandle {
    let config = BrokerConfig { limits: limits.clone(), tls, ..BrokerConfig::local(snapshots.path().to_owned()) };
    Broker::start(config, log.clone(), Arc::new(Door)).await.expect("the broker starts")
}

impl Hub {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        Self::with_tls(change, None).await
    }

    pub async fn with_tls(change: impl FnOnce(&mut Limits), tls: Option<TlsConfig>) -> Self {
        let (disk, snapshots, mut limits) = (FaultDisk::new(7), tempfile::tempdir().expect("a directory"), limits());
        change(&mut limits);
        let log = open_log(&disk);
        let broker = start_broker(&log, &snapshots, &limits, tls).await;
        Self { disk, log, broker, snapshots, limits }
    }

    /// Stops in order and starts again from snapshot and log.
    pub async fn restart(self) -> Self {
        let Hub { disk, log, broker, snapshots, limits } = self;
        broker.shutdown().await;
        log.close().await;
        drop(log);
        let log = open_log(&disk);
        let broker = start_broker(&log, &snapshots, &limits, None).await;
        Self { disk, log, broker, snapshots, limits }
    }

    /// Power fails: unsynced writes are lost, no snapshot is left, everything comes from the log.
    pub async fn crash(self) -> Self {
        let Hub { disk, log, broker, snapshots, limits } = self;
        disk.power_cut();
        broker.shutdown().await;
        log.close().await;
        drop((log, snapshots));
        let snapshots = tempfile::tempdir().expect("a directory");
        let log = open_log(&disk);
        let broker = start_broker(&log, &snapshots, &limits, None).await;
        Self { disk, log, broker, snapshots, limits }
    }

    pub async fn client(&self) -> Client {
        Client::to(TcpStream::connect(self.broker.local_addr().expect("a listener")).await.expect("connects"))
    }

    /// A client with a clean session.
    pub async fn clean(&self, version: Version, id: &str) -> Client {
        self.connected(Connect { version, id, ..Connect::default() }).await.0
    }

    /// A client let in as asked, and whether a session was present.
    pub async fn connected(&self, connect: Connect<'_>) -> (Client, bool) {
        let mut client = self.client().await;
        client.version = connect.version;
        client.send(&connect.bytes()).await;
        let (first, body) = client.packet().await;
        assert_eq!((first, body[1]), (0x20, 0), "CONNACK of success, got {first:x} {body:?}");
        (client, body[0] == 1)
    }

    /// Messages in the log: topic and payload.
    pub fn messages(&self) -> Vec<(String, String)> {
        let mut reader = self.log.reader(0).expect("a reader");
        let mut found = vec![];
        while reader.next_number() <= self.log.committed().batch {
            let batch = reader.next(PATIENCE).expect("readable").expect("committed");
            for record in batch.records() {
                let (_, record) = record.expect("whole");
                if record.kind == RecordKind::Message {
                    found.push((record.topic.into(), String::from_utf8_lossy(record.payload).into_owned()));
                }
            }
        }
        found
    }

    /// Session records in the log that name this change.
    pub fn records_of_sessions(&self, change: &str) -> usize {
        let (mut reader, mut found) = (self.log.reader(0).expect("a reader"), 0);
        while reader.next_number() <= self.log.committed().batch {
            let batch = reader.next(PATIENCE).expect("readable").expect("committed");
            let named = |r: &greenhub_model::Record<'_>| String::from_utf8_lossy(r.payload).contains(change);
            let records = batch.records().map(|record| record.expect("whole").1);
            found += records.filter(|r| r.kind == RecordKind::Session && named(r)).count();
        }
        found
    }

    /// Waits until the figures are as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&BrokerStats) -> bool) {
        let start = std::time::Instant::now();
        while !wanted(&self.broker.stats()) {
            assert!(start.elapsed() < PATIENCE, "{what} did not come: {:?}", self.broker.stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What a CONNECT says.
#[derive(Clone, Copy)]
pub struct Connect<'a> {
    pub version: Version,
    pub id: &'a str,
    pub clean: bool,
    pub keep_alive: u16,
    /// Encoded v5 properties.
    pub properties: &'a [u8],
    /// Topic, payload, encoded v5 will properties.
    pub will: Option<(&'a str, &'a str, &'a [u8])>,
    pub user: Option<&'a str>,
}

impl Default for Connect<'_> {
    fn default() -> Self {
        Self { version: V5, id: "", clean: true, keep_alive: 0, properties: &[], will: None, user: None }
    }
}

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A packet from its first byte and body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    put_length(body.len() as u32, &mut out);
    out.extend_from_slice(body);
    out
}

impl Connect<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let v5 = self.version == V5;
        let mut body = b"\x00\x04MQTT".to_vec();
        let flags = u8::from(self.clean) << 1 | self.will.map_or(0, |_| 0x04 | 0x08) | self.user.map_or(0, |_| 0x80);
        body.extend_from_slice(&[if v5 { 5 } else { 4 }, flags]);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if v5 {
            put_length(self.properties.len() as u32, &mut body);
            body.extend_from_slice(self.properties);
        }
        put(self.id.as_bytes(), &mut body);
        if let Some((topic, payload, properties)) = self.will {
            if v5 {
                put_length(properties.len() as u32, &mut body);
                body.extend_from_slice(properties);
            }
            put(topic.as_bytes(), &mut body);
            put(payload.as_bytes(), &mut body);
        }
        if let Some(user) = self.user {
            put(user.as_bytes(), &mut body);
        }
        packet(0x10, &body)
    }
}

/// A message as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub topic: String,
    pub payload: String,
    pub qos: u8,
    pub retain: bool,
    pub dup: bool,
    pub id: u16,
    pub properties: Vec<u8>,
}

pub struct Client<S = TcpStream> {
    pub stream: S,
    pub version: Version,
    got: Vec<u8>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    pub fn to(stream: S) -> Self {
        Self { stream, version: V5, got: vec![] }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the broker takes bytes");
    }

    /// The next packet; `None` when the connection ends first.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = async {
            loop {
                if let Some(frame) = cut(&self.got, 1 << 24).expect("the broker sends packets") {
                    let (first, body, len) = (frame.first, frame.body.to_vec(), frame.whole.len());
                    self.got.drain(..len);
                    return Some((first, body));
                }
                match self.stream.read_buf(&mut self.got).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("a packet or the end in time")
    }

    pub async fn packet(&mut self) -> (u8, Vec<u8>) {
        self.next().await.expect("a packet before the connection ends")
    }

    /// Expects exactly this packet.
    pub async fn expect(&mut self, first: u8, body: &[u8]) {
        let got = self.packet().await;
        assert_eq!(got, (first, body.to_vec()));
    }

    pub async fn expect_end(&mut self) {
        let got = self.next().await;
        assert_eq!(got, None, "the connection should have ended");
    }

    /// Expects the end, after a DISCONNECT with this reason for a v5 client.
    pub async fn expect_refused(&mut self, reason: u8) {
        if self.version == V5 {
            let (first, body) = self.packet().await;
            assert_eq!((first, body[0]), (0xE0, reason), "{body:?}");
        }
        self.expect_end().await;
    }

    /// The next message; other packets are a failure.
    pub async fn message(&mut self) -> Seen {
        let (first, body) = self.packet().await;
        assert_eq!(first & 0xF0, 0x30, "a PUBLISH, got {first:x} {body:?}");
        let p = publish::decode(first, &body, self.version).expect("a PUBLISH");
        Seen {
            topic: p.topic.into(),
            payload: String::from_utf8_lossy(p.payload).into_owned(),
            qos: p.qos,
            retain: p.retain,
            dup: p.dup,
            id: p.packet_id,
            properties: p.properties.to_vec(),
        }
    }

    /// Payload of the next message.
    pub async fn payload(&mut self) -> String {
        self.message().await.payload
    }

    /// A round trip: everything the broker had ready for us before it has been read by whoever comes next.
    pub async fn ping(&mut self) {
        self.send(&[0xC0, 0]).await;
        self.expect(0xD0, &[]).await;
    }

    pub fn publish_bytes(&self, flags: u8, topic: &str, id: u16, properties: &[u8], payload: &str) -> Vec<u8> {
        let mut body = vec![];
        put(topic.as_bytes(), &mut body);
        if flags & 6 != 0 {
            body.extend_from_slice(&id.to_be_bytes());
        }
        if self.version == V5 {
            put_length(properties.len() as u32, &mut body);
            body.extend_from_slice(properties);
        }
        body.extend_from_slice(payload.as_bytes());
        packet(0x30 | flags, &body)
    }

    /// `flags`: DUP 8, QoS 2 and 4, retain 1.
    pub async fn publish(&mut self, flags: u8, topic: &str, id: u16, payload: &str) {
        let bytes = self.publish_bytes(flags, topic, id, &[], payload);
        self.send(&bytes).await;
    }

    /// QoS 1, acknowledged.
    pub async fn publish_acked(&mut self, flags: u8, topic: &str, payload: &str) {
        self.publish(flags | 2, topic, 77, payload).await;
        self.expect(0x40, &[0, 77]).await;
    }

    pub async fn send_subscribe(&mut self, properties: &[u8], filters: &[(&str, u8)]) {
        let mut body = vec![0, 9];
        if self.version == V5 {
            put_length(properties.len() as u32, &mut body);
            body.extend_from_slice(properties);
        }
        for (filter, options) in filters {
            put(filter.as_bytes(), &mut body);
            body.push(*options);
        }
        self.send(&packet(0x82, &body)).await;
    }

    /// Subscribes and expects these codes.
    pub async fn subscribe(&mut self, filters: &[(&str, u8)], codes: &[u8]) {
        self.send_subscribe(&[], filters).await;
        let mut want = vec![0, 9];
        if self.version == V5 {
            want.push(0);
        }
        want.extend_from_slice(codes);
        self.expect(0x90, &want).await;
    }

    pub async fn disconnect(mut self) {
        self.send(&[0xE0, 0]).await;
        self.expect_end().await;
    }
}
