//! What the web tier needs from its neighbours, as traits: `hub` connects them.
//!
//! `dashboards` may not know `dispatch`, `gateway` or `streams`, and later they may run on other machines. What crosses
//! here is a `model` value or plain data.

mod media;
mod notices;
mod orders;
mod staffing;

pub use media::{MediaDoor, MediaRefusal, RecordingBytes};
pub use notices::{CallResult, NoticeBook, SignedCall};
pub use orders::{
    DispatchRulesVersion, OpenCall, OrderBook, OrderCall, OrderCaller, OrderFailure, OrderQuery, OrderThread,
};
pub use staffing::{FixesStored, PhoneFix, ShiftView, Staffing, StatisticsQuestion};

use crate::live::Live;
use crate::problem::Chain;
use greenhub_alarms::RuleSet;
use greenhub_model::change::Backtest;
use greenhub_model::ids::{DeviceId, PointName};
use greenhub_model::{CommandRefusal, CommandRequest, ReceivedTime};
use greenhub_storage::history::{History, Track, Values};
use serde::Serialize;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A boxed future, so that the ports can be trait objects.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A port could not answer: what was attempted and why it failed, for the log; clients see 503.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct PortFailure(pub String);

/// Human commands into the log, and their result back out of the dataflow.
pub trait CommandPort: Send + Sync {
    /// Appends the command, waits until the dataflow has decided it and the live state shows it.
    fn submit(&self, request: CommandRequest) -> Answer<'_, Result<(), CommandFailure>>;
}

/// Why a command has no (known) effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandFailure {
    /// The alarm core refused it.
    #[error(transparent)]
    Refused(#[from] CommandRefusal),
    /// The hub does not accept anything now; nothing was stored.
    #[error("the hub does not accept commands now: {why}")]
    NotAccepting {
        /// Why not.
        why: String,
    },
    /// It is stored, but the dataflow has not answered in time; repeating it with the same request id is safe.
    #[error("the command is stored, its result is not known yet")]
    Pending,
}

/// Stored positions and readings. Times are device times, Unix ms, both ends included.
pub trait HistorySource: Send + Sync {
    /// Where a unit was, down-sampled to about `max_points`.
    fn track<'a>(
        &'a self,
        unit: &'a DeviceId,
        from: i64,
        to: i64,
        max_points: usize,
    ) -> Answer<'a, Result<Track, PortFailure>>;
    /// What a point of a device measured, down-sampled by minimum and maximum per bucket.
    fn series<'a>(
        &'a self,
        device: &'a DeviceId,
        point: &'a PointName,
        from: i64,
        to: i64,
        max_points: usize,
    ) -> Answer<'a, Result<Values, PortFailure>>;
}

impl HistorySource for History {
    fn track<'a>(
        &'a self,
        unit: &'a DeviceId,
        from: i64,
        to: i64,
        max_points: usize,
    ) -> Answer<'a, Result<Track, PortFailure>> {
        Box::pin(async move {
            History::track(self, unit, from, to, max_points).await.map_err(|e| PortFailure(Chain(&e).to_string()))
        })
    }

    fn series<'a>(
        &'a self,
        device: &'a DeviceId,
        point: &'a PointName,
        from: i64,
        to: i64,
        max_points: usize,
    ) -> Answer<'a, Result<Values, PortFailure>> {
        Box::pin(async move {
            let values = History::series(self, device, point.as_str(), from, to, max_points).await;
            values.map_err(|e| PortFailure(Chain(&e).to_string()))
        })
    }
}

/// A byte stream with both directions.
pub trait AsyncReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> AsyncReadWrite for T {}

/// The broker's door for MQTT over WebSocket.
pub trait MqttDoor: Send + Sync {
    /// Takes over the stream of a client; returns at once and serves it in a task of the broker's own.
    fn serve(&self, stream: Box<dyn AsyncReadWrite>, peer: SocketAddr);
}

/// One thing that must hold for the hub to accept messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReadyCheck {
    /// Stable name, for example `log` or `streams`.
    pub name: String,
    /// Whether it holds.
    pub ready: bool,
    /// Why not, in words; empty when it holds.
    pub detail: String,
}

/// Whether the hub accepts messages, and why not.
pub trait Readiness: Send + Sync {
    /// All checks, in a fixed order.
    fn checks(&self) -> Vec<ReadyCheck>;
}

/// The log in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LogInfo {
    /// Whether it takes messages.
    pub accepting: bool,
    /// Why not.
    pub why: Option<String>,
    /// Newest committed batch.
    pub batch: u64,
    /// Oldest kept batch.
    pub oldest_batch: u64,
    /// Position after the newest committed record.
    pub end: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Median time of an fsync, microseconds.
    pub fsync_p50_us: Option<u64>,
    /// 99th percentile of the time of an fsync, microseconds.
    pub fsync_p99_us: Option<u64>,
}

/// The dataflow in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StreamsInfo {
    /// Newest batch applied.
    pub batch: u64,
    /// How far it is behind the log, milliseconds.
    pub lag_ms: i64,
}

/// What `/api/v1/system` shows; `viewers` is filled in by the web tier.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SystemInfo {
    /// Version of the hub.
    pub version: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Whether it shows the demo district.
    pub demo: bool,
    /// The log.
    pub log: LogInfo,
    /// The dataflow.
    pub streams: StreamsInfo,
    /// Viewers of the live socket.
    pub viewers: u64,
    /// Devices and programs connected to the broker.
    pub connections: u64,
}

/// How the clock of a past moment stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PastState {
    /// The moment it shows, Unix ms.
    pub now: i64,
    /// Times the wall clock; 0 while it stands still.
    pub speed: f64,
    /// The asked moment is reached; before, the state is being built.
    pub ready: bool,
    /// The log has nothing later.
    pub ended: bool,
}

/// A past moment that is open; dropping it closes it, which may take a moment of a thread's time.
pub trait PastView: Send + Sync {
    /// The live tier that shows it.
    fn live(&self) -> Live;
    /// How its clock stands.
    fn state(&self) -> PastState;
    /// Why it failed, where it did.
    fn failure(&self) -> Option<String>;
    /// Sets the pace: times the wall clock, 0 to 60.
    fn set_speed(&self, speed: f64);
}

/// Opens past moments from the recorded log.
pub trait PastPort: Send + Sync {
    /// Opens `at`; blocks while a snapshot is read.
    fn open(&self, at: ReceivedTime, speed: f64) -> Result<Arc<dyn PastView>, PortFailure>;
}

/// The rules as they run, and the tests of candidates: what of change control lies outside the tables.
pub trait RulesPort: Send + Sync {
    /// The rules that the dataflow runs now; none before its first batch.
    fn running(&self) -> Option<Arc<RuleSet>>;
    /// The rules that a configuration file (`file`) or the program itself (`builtin`) brings.
    fn configured(&self) -> (&'static str, Arc<RuleSet>);
    /// Looks at once for changes whose time has come.
    fn look(&self);
    /// Puts the approved master in force again.
    fn restore(&self) -> Answer<'_, Result<(), PortFailure>>;
    /// Starts a back-test in a process of its own.
    fn start_backtest(&self, request: BacktestRequest) -> Answer<'_, Result<Backtest, BacktestRefusal>>;
    /// The back-test of a request that is at work now.
    fn backtest(&self, change: i64) -> Option<Backtest>;
    /// Ends it; false where there is none.
    fn cancel_backtest(&self, change: i64) -> bool;
}

/// What to back-test.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestRequest {
    /// The request.
    pub change: i64,
    /// Which candidate of it.
    pub candidate: i64,
    /// Days to look back.
    pub days: u32,
    /// Who asks.
    pub by: String,
    /// Now.
    pub at: ReceivedTime,
    /// Rules of the base.
    pub base: serde_json::Value,
    /// Rules of the candidate.
    pub rules: serde_json::Value,
}

/// Why a back-test does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BacktestRefusal {
    /// One at a time.
    #[error("第 {change} 号申请的回测正在运行，一次只能运行一个；请等其结束或先取消")]
    Busy {
        /// Whose runs.
        change: i64,
    },
    /// It could not be started.
    #[error("回测无法启动：{0}")]
    Failed(String),
}
