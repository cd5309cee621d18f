//! Settings of the broker and the bounds of everything an outsider can make it hold.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the broker.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Address of the plain listener; port 0 picks a free one. `None` opens none.
    pub listen: Option<SocketAddr>,
    /// The TLS listener.
    pub tls: Option<TlsConfig>,
    /// Directory of the broker's own snapshots.
    pub data_dir: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

impl BrokerConfig {
    /// Loopback, any free port, snapshots in `data_dir`, default bounds.
    pub fn local(data_dir: PathBuf) -> Self {
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { listen, tls: None, data_dir, limits: Limits::default() }
    }
}

/// The TLS listener: server certificate, and whether clients show one.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// Address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// PEM file with the server's certificate chain.
    pub certificate_file: PathBuf,
    /// PEM file with its private key.
    pub key_file: PathBuf,
    /// PEM file with the authorities that sign client certificates; `None` asks clients for none.
    pub client_ca_file: Option<PathBuf>,
    /// Refuse clients without a certificate (needs `client_ca_file`).
    pub client_certificate_required: bool,
}

/// Bounds. Every default is safe for 20,000 devices on one machine.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, all doors together; more are closed at once and counted.
    pub connections_max: usize,
    /// From accept to a complete CONNECT, TLS handshake included.
    pub connect_timeout: Duration,
    /// Largest packet in or out, in bytes.
    pub packet_bytes_max: u32,
    /// QoS 1 and 2 messages a client may have unacknowledged (v5: announced; v3.1.1: reading pauses there).
    pub receive_max: u16,
    /// Topic aliases a client may define.
    pub topic_alias_max: u16,
    /// Longest keep-alive; v5 clients that ask for more or none are told this one.
    pub keep_alive_max: Duration,
    /// Longest time a session outlives its connection; also what v3.1.1 `clean_session = 0` gets.
    pub session_expiry_max: Duration,
    /// Sessions held, connected or not.
    pub sessions_max: usize,
    /// Subscriptions of one session.
    pub subscriptions_max: usize,
    /// QoS 1 and 2 messages in flight to one client (its own receive maximum may be lower).
    pub inflight_max: u16,
    /// Messages waiting for one client, beyond those in flight; the oldest are dropped first, counted.
    pub queue_messages_max: usize,
    /// The same in bytes.
    pub queue_bytes_max: usize,
    /// Bytes waiting over all sessions; beyond it every session is treated as full.
    pub queue_bytes_total: usize,
    /// Encoded bytes ready for one client's socket; beyond it QoS 0 messages are dropped, counted, others wait.
    pub ready_bytes_max: usize,
    /// A client that takes nothing for this long while bytes wait is disconnected, counted.
    pub write_stall: Duration,
    /// Publishes per second of one connection; beyond it the hub stops reading for a while. `None`: no limit.
    pub publish_rate_max: Option<u32>,
    /// Bursts of one connection that wait for their fsync; beyond it the hub stops reading.
    pub pipeline_max: usize,
    /// Retained messages kept; further topics are refused, counted.
    pub retained_max: usize,
    /// The same in bytes.
    pub retained_bytes_max: usize,
    /// How often the broker writes a snapshot of its sessions, when anything changed.
    pub snapshot_every: Duration,
    /// Shortest wait for a lost client's will after a restart of the hub: it may only be us who went away.
    pub will_grace_after_restart: Duration,
    /// How often `$SYS` figures are published to their subscribers.
    pub sys_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 25_000,
            connect_timeout: Duration::from_secs(10),
            packet_bytes_max: 1024 * 1024,
            receive_max: 4096,
            topic_alias_max: 64,
            keep_alive_max: Duration::from_secs(3600),
            session_expiry_max: Duration::from_secs(7 * 24 * 3600),
            sessions_max: 50_000,
            subscriptions_max: 1_000,
            inflight_max: 1_024,
            queue_messages_max: 100_000,
            queue_bytes_max: 64 * 1024 * 1024,
            queue_bytes_total: 1024 * 1024 * 1024,
            ready_bytes_max: 4 * 1024 * 1024,
            write_stall: Duration::from_secs(30),
            publish_rate_max: None,
            pipeline_max: 64,
            retained_max: 100_000,
            retained_bytes_max: 256 * 1024 * 1024,
            snapshot_every: Duration::from_secs(30),
            will_grace_after_restart: Duration::from_secs(30),
            sys_every: Duration::from_secs(10),
        }
    }
}
