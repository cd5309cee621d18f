//! The door without power: a broker on a disk that forgets what was not synced, publishers at full speed, the power cut
//! at random moments. What was acknowledged is in the log as sent, at QoS 2 once; a full or failing disk acknowledges
//! nothing and says so.
//!
//! `GREENHUB_TEST_POWER_CUTS` sets the number of cuts (20 by default), `GREENHUB_TEST_SEED` replays a run's choices.
//!
//! Publishers speak through the gateway's own wire functions, because they must survive their broker the way a device
//! does: one session over all cuts, unacknowledged messages repeated with their packet ids, ids soon used again.

use greenhub_gateway::auth::{Authenticate, Credentials, Denied, Identity, Rights};
use greenhub_gateway::mqtt::wire::frame::{cut, put_length};
use greenhub_gateway::mqtt::wire::{Version, publish::Outgoing};
use greenhub_gateway::mqtt::{Broker, BrokerConfig, BrokerHandle};
use greenhub_model::RecordKind;
use greenhub_storage::log::faults::FaultDisk;
use greenhub_storage::log::{Log, LogConfig, SystemClock};
use greenhub_tests::{PATIENCE, Random, now_ms, until};
use rumqttc::v5;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WINDOW: usize = 100;
/// Packet ids in use: few, so that one the broker wrongly holds is met again soon.
const IDS: u64 = 300;
const PACKET_BYTES_MAX: u32 = 1 << 20;

struct Open;

impl Authenticate for Open {
    fn authenticate(&self, _: Credentials) -> Pin<Box<dyn Future<Output = Result<Identity, Denied>> + Send + '_>> {
        let identity = Identity { principal: "tester".into(), rights: Rights::all(), unregistered: false };
        Box::pin(async move { Ok(identity) })
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn open_log(disk: &FaultDisk) -> Log {
    let config = LogConfig { segment_bytes: 1 << 20, ..LogConfig::at("/log") };
    Log::open(config, Arc::new(disk.clone()), Arc::new(SystemClock)).expect("the log opens on what survived")
}

async fn start(log: &Log, listen: Option<SocketAddr>, snapshots: &Path) -> BrokerHandle {
    let mut config = BrokerConfig::local(snapshots.to_owned());
    config.listen = listen.or(config.listen);
    config.limits.snapshot_every = Duration::from_millis(50);
    Broker::start(config, log.clone(), Arc::new(Open)).await.expect("the broker starts")
}

/// Messages in the log in order, walked so that a gap in numbers or positions is seen.
fn messages(log: &Log) -> Vec<(String, Vec<u8>)> {
    let mut reader = log.reader(0).expect("a reader");
    let (mut found, mut before) = (Vec::new(), None);
    while reader.next_number() <= log.committed().batch {
        let batch = reader.next(PATIENCE).expect("readable").expect("committed");
        if let Some((number, end)) = before {
            assert_eq!((batch.number, batch.first), (number + 1, end), "batches and positions continue");
        }
        before = Some((batch.number, batch.end()));
        let mut count = 0;
        for record in batch.records() {
            let (_, record) = record.expect("whole");
            count += 1;
            if record.kind == RecordKind::Message {
                found.push((record.topic.to_owned(), record.payload.to_vec()));
            }
        }
        assert_eq!(count, batch.count);
    }
    assert_eq!(before.map(|(_, end)| end), (log.committed().batch > 0).then_some(log.committed().end));
    found
}

/// What one device keeps over all lives of its broker.
struct Publisher {
    name: String,
    qos: u8,
    /// Messages made so far; number `n` has packet id `1 + n % IDS`.
    made: u64,
    /// Sent, not acknowledged, in order.
    pending: VecDeque<u64>,
    /// QoS 2: acknowledged as received, not yet as complete.
    releasing: BTreeSet<u16>,
    acknowledged: BTreeSet<u64>,
    refused: u64,
    /// The broker has confirmed a session.
    known: bool,
}

impl Publisher {
    fn new(number: usize) -> Self {
        Self {
            name: format!("device-{number}"),
            qos: 1 + (number % 2) as u8,
            made: 0,
            pending: VecDeque::new(),
            releasing: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            refused: 0,
            known: false,
        }
    }

    fn topic(&self) -> String {
        format!("power/{}", self.name)
    }

    fn payload(&self, n: u64) -> Vec<u8> {
        let mut payload = format!("{} {n} ", self.name).into_bytes();
        let mut random = Random(n);
        let length = payload.len() + random.below(600) as usize;
        payload.resize_with(length, || random.draw() as u8);
        payload
    }

    fn id(n: u64) -> u16 {
        (1 + n % IDS) as u16
    }

    fn publish(&self, n: u64, dup: bool, out: &mut Vec<u8>) {
        let (topic, payload) = (self.topic(), self.payload(n));
        let outgoing = Outgoing {
            dup,
            qos: self.qos,
            retain: false,
            topic: &topic,
            packet_id: Self::id(n),
            expiry: None,
            subscriptions: &[],
            properties: &[],
            payload: &payload,
        };
        assert!(outgoing.encode(Version::V5, PACKET_BYTES_MAX, out));
    }

    fn release(id: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x62, 2]);
        out.extend_from_slice(&id.to_be_bytes());
    }

    fn connect(&self) -> Vec<u8> {
        // Not a clean start; the session outlives its connection by an hour.
        let mut body = b"\x00\x04MQTT\x05\x00\x00\x00\x05\x11\x00\x00\x0e\x10".to_vec();
        body.extend_from_slice(&(self.name.len() as u16).to_be_bytes());
        body.extend_from_slice(self.name.as_bytes());
        let mut out = vec![0x10];
        put_length(body.len() as u32, &mut out);
        [out, body].concat()
    }

    /// One connection: repeats what is open, then publishes at full speed until the broker refuses or goes away.
    async fn live(&mut self, broker: SocketAddr) {
        let Ok(mut stream) = TcpStream::connect(broker).await else { return };
        let (mut out, mut got, mut welcome) = (self.connect(), Vec::new(), false);
        loop {
            if welcome {
                while self.pending.len() + self.releasing.len() < WINDOW {
                    let n = self.made;
                    self.publish(n, false, &mut out);
                    self.pending.push_back(n);
                    self.made += 1;
                }
            }
            if stream.write_all(&out).await.is_err() {
                return;
            }
            out.clear();
            match timeout(PATIENCE, stream.read_buf(&mut got)).await.expect("the broker answers or hangs up") {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let mut taken = 0;
            while let Some(frame) = cut(&got[taken..], PACKET_BYTES_MAX).expect("the broker sends packets") {
                taken += frame.whole.len();
                if !self.hear(frame.first, frame.body, &mut out) {
                    return;
                }
                welcome = true;
            }
            got.drain(..taken);
        }
    }

    /// One packet of the broker; `false` when it ends the connection.
    fn hear(&mut self, first: u8, body: &[u8], out: &mut Vec<u8>) -> bool {
        if first == 0x20 {
            let (present, code) = (body[0] == 1, body[1]);
            if code != 0 {
                return false;
            }
            assert!(present || !self.known, "{}: a session the broker had confirmed is gone", self.name);
            self.known = true;
            self.releasing.iter().for_each(|id| Self::release(*id, out));
            self.pending.iter().for_each(|n| self.publish(*n, true, out));
            return true;
        }
        if first == 0xE0 {
            return false;
        }
        let id = u16::from_be_bytes([body[0], body[1]]);
        let refused = body.get(2).is_some_and(|code| *code >= 0x80);
        match first {
            0x40 | 0x50 => {
                assert_eq!(first == 0x50, self.qos == 2);
                let at = self.pending.iter().position(|n| Self::id(*n) == id).expect("acknowledges what was sent");
                let n = self.pending.remove(at).expect("just found");
                if refused {
                    self.refused += 1;
                    return false;
                }
                self.acknowledged.insert(n);
                if self.qos == 2 {
                    self.releasing.insert(id);
                    Self::release(id, out);
                }
            }
            0x70 => {
                self.releasing.remove(&id);
            }
            other => panic!("a packet nobody asked for: {other:x} {body:?}"),
        }
        true
    }

    /// Holds what the log has of this publisher against what was sent and acknowledged.
    fn judge(&self, log: &[Vec<u8>]) {
        let name = &self.name;
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        let mut highest = None;
        for payload in log {
            let text = String::from_utf8_lossy(payload);
            let n = text.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("invented: {text}"));
            assert!(n < self.made, "{name}: message {n} was never sent");
            assert!(*payload == self.payload(n), "{name}: message {n} is not as sent");
            let count = counts.entry(n).or_default();
            *count += 1;
            assert!(*count > 1 || highest < Some(n), "{name}: message {n} came behind {highest:?}");
            highest = highest.max(Some(n));
            assert!(*count == 1 || self.qos == 1, "{name}: QoS 2 message {n} is in the log twice");
        }
        let lost: Vec<_> = self.acknowledged.iter().filter(|n| !counts.contains_key(n)).collect();
        assert!(lost.is_empty(), "{name}: acknowledged at QoS {} and lost: {lost:?}", self.qos);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_power_cuts_at_qos_2_exactly_once() {
    let (cuts, seed) = (number("GREENHUB_TEST_POWER_CUTS", 20), number("GREENHUB_TEST_SEED", now_ms() as u64));
    println!("GREENHUB_TEST_SEED={seed} GREENHUB_TEST_POWER_CUTS={cuts}");
    let (mut random, disk) = (Random(seed), FaultDisk::new(seed));
    let mut publishers: Vec<_> = (0..4).map(Publisher::new).collect();
    let (mut address, mut snapshots) = (None, tempfile::tempdir().expect("a directory"));
    let mut committed = 0;
    for round in 0..=cuts {
        let log = open_log(&disk);
        assert!(log.committed().end.0 >= committed, "round {round}: committed positions are gone");
        let found = messages(&log);
        for publisher in &publishers {
            let topic = publisher.topic();
            let own: Vec<_> = found.iter().filter(|(t, _)| *t == topic).map(|(_, payload)| payload.clone()).collect();
            publisher.judge(&own);
        }
        let known = publishers.iter().map(Publisher::topic).collect::<BTreeSet<_>>();
        assert!(found.iter().all(|(topic, _)| known.contains(topic)), "round {round}: a topic nobody published to");
        if round == cuts {
            break;
        }
        // Half of the time the broker's snapshots are lost too and its sessions come from the log alone.
        if random.below(2) == 0 {
            snapshots = tempfile::tempdir().expect("a directory");
        }
        let broker = start(&log, None, snapshots.path()).await;
        address = broker.local_addr().or(address);
        disk.power_cut_after(random.below(120));
        let lives = publishers.into_iter().map(|mut publisher| {
            let broker = address.expect("a listener");
            tokio::spawn(async move {
                publisher.live(broker).await;
                publisher
            })
        });
        let mut back = Vec::new();
        for life in lives.collect::<Vec<_>>() {
            back.push(timeout(PATIENCE, life).await.expect("every device notices").expect("no device panics"));
        }
        publishers = back;
        until("a log without power says so", async || (!log.status().accepting).then_some(())).await;
        committed = log.committed().end.0;
        disk.power_cut();
        broker.shutdown().await;
        log.close().await;
    }
    let acknowledged: usize = publishers.iter().map(|p| p.acknowledged.len()).sum();
    let refused: u64 = publishers.iter().map(|p| p.refused).sum();
    println!("{acknowledged} messages acknowledged over {cuts} cuts, {refused} refused");
    assert!(acknowledged as u64 > cuts * 100, "{acknowledged} acknowledged: the load was no load");
}

/// Publishes one message after another with a real client until one is refused; how many were taken, and the reason.
async fn until_refused(address: SocketAddr, qos: v5::mqttbytes::QoS, size: usize) -> (usize, String) {
    let mut options = v5::MqttOptions::new("real", address.ip().to_string(), address.port());
    options.set_clean_start(true);
    options.set_max_packet_size(Some(PACKET_BYTES_MAX));
    let (client, mut events) = v5::AsyncClient::new(options, 8);
    let mut taken = 0;
    let work = async {
        loop {
            client.publish("real", qos, false, vec![b'x'; size]).await.expect("a queue with room");
            let reason = loop {
                match events.poll().await {
                    Ok(v5::Event::Incoming(v5::Incoming::PubAck(ack))) => break format!("{:?}", ack.reason),
                    Ok(v5::Event::Incoming(v5::Incoming::PubRec(rec))) => break format!("{:?}", rec.reason),
                    Ok(_) => {}
                    // At QoS 2 the broker hangs up, so that the client repeats the message; the reason is in its goodbye.
                    Err(v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect { reason_code, .. })) => {
                        break format!("{reason_code:?}");
                    }
                    Err(error) => panic!("a v5 client is told, not cut off: {error}"),
                }
            };
            match reason.as_str() {
                "Success" | "NoMatchingSubscribers" => taken += 1,
                _ => return reason,
            }
        }
    };
    let reason = timeout(PATIENCE, work).await.expect("refused in time");
    (taken, reason)
}

async fn a_broken_disk_is_told(name: &str, hurt: impl Fn(&FaultDisk), why: &str) {
    for qos in [v5::mqttbytes::QoS::AtLeastOnce, v5::mqttbytes::QoS::ExactlyOnce] {
        let (disk, snapshots) = (FaultDisk::new(3), tempfile::tempdir().expect("a directory"));
        let log = open_log(&disk);
        let broker = start(&log, None, snapshots.path()).await;
        let address = broker.local_addr().expect("a listener");
        hurt(&disk);
        let (taken, reason) = until_refused(address, qos, 50_000).await;
        assert!(matches!(reason.as_str(), "UnspecifiedError" | "QuotaExceeded"), "{name}: {reason}");
        assert_eq!(messages(&log).len(), taken, "{name}: the log holds what was acknowledged and nothing else");
        let said = until("the log says why", async || log.status().why).await;
        assert!(said.contains(why), "{name}: {said:?} does not say {why:?}");
        // A 3.1.1 client has no reason codes: its connection ends without an acknowledgement.
        let payload = vec![("old".to_owned(), vec![b'x'; 900_000])];
        let acknowledged = greenhub_tests::device::publish_until_cut(&address.to_string(), "old", payload).await;
        assert!(acknowledged.is_empty(), "{name}: acknowledged on a broken disk");
        broker.shutdown().await;
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_is_told_and_nothing_of_it_is_acknowledged() {
    a_broken_disk_is_told("fsync", |disk| disk.fail_sync(5), "sync").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_nothing_of_it_is_acknowledged() {
    a_broken_disk_is_told("full", |disk| disk.fill_after(0), "full").await;
}
