//! The shell: the world's messages go out over real MQTT 3.1.1, QoS 1.
//!
//! One task steps the world and hands each message to its connection's task. A connection's task owns the rumqttc event
//! loop and a bounded queue; what was sent and not acknowledged when a connection breaks goes back to the front of the
//! queue, so a restarting hub loses nothing that fits ([`Link`] of a unit: 900 messages, of a gateway: 4,000; the oldest
//! fall away and are counted). Reconnection backs off from 0.25 s to 5 s.
//!
//! The only clock of this crate is read here.

use crate::message::Publish;
use crate::options::{Broker, SimulateOptions};
use crate::world::{Link, World};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, NetworkOptions, Outgoing, QoS};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{debug, info, warn};

/// Largest packet; the contract allows payloads of 256 KiB.
const PACKET_BYTES_MAX: usize = 512 * 1024;
const WINDOW: usize = 50;
const HANDOVER_MAX: usize = 1024;
const UNIT_QUEUE_MAX: usize = 900;
const GATEWAY_QUEUE_MAX: usize = 4000;
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
const STEP_MIN: Duration = Duration::from_millis(20);
const STEP_MAX: Duration = Duration::from_millis(250);
const REPORT_EVERY: Duration = Duration::from_secs(60);
const GOODBYE: Duration = Duration::from_secs(5);

/// Why a simulation did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The broker's address cannot be read.
    #[error("broker address {url:?}: {why}")]
    Address {
        /// The address, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a simulation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SimulateReport {
    /// Messages the world produced.
    pub produced: u64,
    /// Messages the broker acknowledged.
    pub acknowledged: u64,
    /// Messages that fell out of a full queue.
    pub dropped: u64,
    /// Connections that broke or could not be made.
    pub failures: u64,
    /// Commands and orders that came down.
    pub downlinks: u64,
    /// Connections that had not said goodbye when time was up.
    pub unfinished: u64,
}

#[derive(Default)]
struct Counters {
    acknowledged: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    downlinks: AtomicU64,
    connected: AtomicU64,
}

impl Counters {
    fn report(&self, produced: u64) -> SimulateReport {
        SimulateReport {
            produced,
            acknowledged: self.acknowledged.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            failures: self.failures.load(Relaxed),
            downlinks: self.downlinks.load(Relaxed),
            unfinished: 0,
        }
    }
}

/// Runs a simulated district against a broker until `shutdown` resolves. A broker that is away is waited for; only an
/// address that cannot be read is an error.
pub async fn run(
    options: SimulateOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<SimulateReport, SimulateError> {
    let broker = Broker::parse(&options.mqtt).map_err(|why| {
        let url = options.mqtt.rsplit_once('@').map_or(options.mqtt.as_str(), |(_, address)| address).to_owned();
        SimulateError::Address { url, why }
    })?;
    let mut world = World::new(&options, wall_ms());
    let counters = Arc::new(Counters::default());
    let (mut doors, mut tasks) = (Vec::new(), Vec::new());
    for (number, link) in world.links().iter().enumerate() {
        let (door, inbox) = mpsc::channel(HANDOVER_MAX);
        // Connections come one after another, not all at once.
        let delay = Duration::from_millis(5 * number as u64);
        let mut connection = Connection::new(link.clone(), &broker, counters.clone());
        connection.spokesman = number == 0;
        tasks.push(tokio::spawn(connection.serve(inbox, delay)));
        doors.push(door);
    }
    info!(
        broker = ?broker, devices = options.size.devices(), connections = doors.len(), seed = options.seed,
        rate_hz = options.rate_hz, speed = options.speed, "simulated district starts"
    );
    let mut shutdown = pin!(shutdown);
    let mut produced = 0u64;
    let mut report_at = Instant::now() + Duration::from_secs(10);
    loop {
        for message in world.step(wall_ms()) {
            produced += 1;
            let link = message.link;
            if doors[link].try_send(message).is_err() {
                counters.dropped.fetch_add(1, Relaxed);
            }
        }
        if Instant::now() >= report_at {
            report_at = Instant::now() + REPORT_EVERY;
            let SimulateReport { acknowledged, dropped, failures, downlinks, .. } = counters.report(produced);
            let connected = counters.connected.load(Relaxed);
            info!(connected, produced, acknowledged, dropped, failures, downlinks, "simulated district runs");
        }
        let wait = world.next_due().saturating_sub(wall_ms()).max(0);
        let wait = Duration::from_millis(wait.unsigned_abs()).clamp(STEP_MIN, STEP_MAX);
        tokio::select! {
            () = sleep(wait) => {}
            () = &mut shutdown => break,
        }
    }
    drop(doors);
    let mut unfinished = 0;
    let until = Instant::now() + GOODBYE;
    for mut task in tasks {
        match timeout_at(until, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "a simulated connection ended badly"),
            Err(_) => {
                task.abort();
                unfinished += 1;
            }
        }
    }
    let report = SimulateReport { unfinished, ..counters.report(produced) };
    info!(?report, "simulated district ends");
    Ok(report)
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    i64::try_from(since.as_millis()).expect("milliseconds since 1970 fit 63 bits for ages")
}

/// A sent message that waits for its acknowledgement; rumqttc tells the packet id when it writes it.
struct Flying {
    packet: Option<u16>,
    message: Publish,
}

struct Connection {
    link: Link,
    client: AsyncClient,
    events: EventLoop,
    queue_max: usize,
    waiting: VecDeque<Publish>,
    flying: VecDeque<Flying>,
    connected: bool,
    closing: bool,
    failed_in_a_row: u32,
    /// Speaks in the log for all connections.
    spokesman: bool,
    counters: Arc<Counters>,
}

impl Connection {
    fn new(link: Link, broker: &Broker, counters: Arc<Counters>) -> Self {
        let mut options = MqttOptions::new(&link.client_id, &broker.host, broker.port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_inflight(WINDOW as u16);
        // A buffered upload out of a tunnel is one large message; the client's own bound is 10 KiB.
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        options.set_clean_session(true);
        if let Some((user, password)) = &broker.login {
            options.set_credentials(user, password);
        }
        if let Some((topic, payload)) = &link.will {
            options.set_last_will(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, false));
        }
        let (client, mut events) = AsyncClient::new(options, WINDOW + 8);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let queue_max = if link.will.is_some() { UNIT_QUEUE_MAX } else { GATEWAY_QUEUE_MAX };
        Self {
            link,
            client,
            events,
            queue_max,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            connected: false,
            closing: false,
            failed_in_a_row: 0,
            spokesman: false,
            counters,
        }
    }

    async fn serve(mut self, mut inbox: mpsc::Receiver<Publish>, delay: Duration) {
        self.rest(&mut inbox, delay).await;
        loop {
            if self.done() {
                return;
            }
            let event = {
                // The event loop is polled to the end: what arrives meanwhile is handed over beside it.
                let Self { events, client, waiting, flying, connected, closing, queue_max, counters, link, .. } =
                    &mut self;
                let mut poll = pin!(events.poll());
                loop {
                    tokio::select! {
                        event = &mut poll => break event,
                        message = inbox.recv(), if !*closing => {
                            match message {
                                Some(message) => accept(waiting, message, *queue_max, counters),
                                None => {
                                    *closing = true;
                                    say_goodbye(link, waiting);
                                    // Nothing left to say and nobody to say it to: no event would wake us.
                                    let silent = waiting.is_empty() && flying.is_empty();
                                    if !*connected || (silent && client.try_disconnect().is_err()) {
                                        return;
                                    }
                                }
                            }
                            hand_over(client, *connected, waiting, flying);
                        }
                    }
                }
            };
            match event {
                Ok(event) => self.on_event(event),
                Err(error) => {
                    if self.closing {
                        return;
                    }
                    self.on_failure(&error);
                    let pause = self.back_off();
                    self.rest(&mut inbox, pause).await;
                }
            }
        }
    }

    /// Whether everything is said: asks the broker for the end once nothing is left.
    fn done(&mut self) -> bool {
        if !self.closing {
            return false;
        }
        if !self.connected {
            return true;
        }
        let all_said = self.waiting.is_empty() && self.flying.is_empty();
        // The request queue is empty by then, so it takes one more; if not, the closing socket says the same.
        all_said && self.client.try_disconnect().is_err()
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Incoming(Incoming::ConnAck(_)) => {
                self.connected = true;
                self.failed_in_a_row = 0;
                self.counters.connected.fetch_add(1, Relaxed);
                self.subscribe();
            }
            Event::Incoming(Incoming::PubAck(ack)) => {
                if let Some(at) = self.flying.iter().position(|f| f.packet == Some(ack.pkid)) {
                    self.flying.remove(at);
                    self.counters.acknowledged.fetch_add(1, Relaxed);
                }
            }
            Event::Incoming(Incoming::Publish(publish)) => {
                self.counters.downlinks.fetch_add(1, Relaxed);
                debug!(topic = %publish.topic, bytes = publish.payload.len(), "downlink");
            }
            Event::Outgoing(Outgoing::Disconnect) => self.connected = false,
            Event::Outgoing(Outgoing::Publish(packet)) => {
                if let Some(first) = self.flying.iter_mut().find(|f| f.packet.is_none()) {
                    first.packet = Some(packet);
                }
            }
            _ => {}
        }
        hand_over(&self.client, self.connected, &mut self.waiting, &mut self.flying);
    }

    /// A unit hears its commands and orders; gateways hear none.
    fn subscribe(&self) {
        let Some((topic, _)) = &self.link.will else { return };
        let Some(base) = topic.strip_suffix("/status") else { return };
        for what in ["command", "order"] {
            if let Err(error) = self.client.try_subscribe(format!("{base}/{what}"), QoS::AtLeastOnce) {
                debug!(%error, client = %self.link.client_id, "subscription not sent");
            }
        }
    }

    fn on_failure(&mut self, error: &rumqttc::ConnectionError) {
        self.counters.failures.fetch_add(1, Relaxed);
        if std::mem::replace(&mut self.connected, false) {
            self.counters.connected.fetch_sub(1, Relaxed);
        }
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        if self.spokesman && self.failed_in_a_row.is_power_of_two() {
            warn!(%error, attempts = self.failed_in_a_row, "broker is away, trying again");
        }
        // Our own queue is the only memory: rumqttc forgets what we shall send again.
        self.events.clean();
        self.events.pending.clear();
        while let Some(back) = self.flying.pop_back() {
            self.waiting.push_front(back.message);
        }
    }

    fn back_off(&self) -> Duration {
        // Jitter by the client's name, so that a restarted hub is not met by all at once.
        let jitter = self.link.client_id.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))) % 250;
        let doubled = BACK_OFF_MIN * 2u32.saturating_pow(self.failed_in_a_row.saturating_sub(1).min(6));
        doubled.min(BACK_OFF_MAX) + Duration::from_millis(jitter)
    }

    /// Waits, and goes on queueing what the world says.
    async fn rest(&mut self, inbox: &mut mpsc::Receiver<Publish>, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                message = inbox.recv() => match message {
                    Some(message) => accept(&mut self.waiting, message, self.queue_max, &self.counters),
                    // The world has ended while the broker was away: nobody to say goodbye to.
                    None => {
                        self.waiting.clear();
                        self.closing = true;
                        return;
                    }
                }
            }
        }
    }
}

fn accept(waiting: &mut VecDeque<Publish>, message: Publish, queue_max: usize, counters: &Counters) {
    if waiting.len() >= queue_max {
        waiting.pop_front();
        counters.dropped.fetch_add(1, Relaxed);
    }
    waiting.push_back(message);
}

fn say_goodbye(link: &Link, waiting: &mut VecDeque<Publish>) {
    if let Some((topic, payload)) = link.will.clone() {
        waiting.push_back(Publish { link: 0, topic, payload });
    }
}

/// Gives rumqttc as many messages as fit the window.
fn hand_over(client: &AsyncClient, connected: bool, waiting: &mut VecDeque<Publish>, flying: &mut VecDeque<Flying>) {
    while connected && flying.len() < WINDOW {
        let Some(message) = waiting.pop_front() else { return };
        let sent = client.try_publish(&message.topic, QoS::AtLeastOnce, false, message.payload.clone());
        if sent.is_err() {
            waiting.push_front(message);
            return;
        }
        flying.push_back(Flying { packet: None, message });
    }
}

#[cfg(test)]
mod tests;
