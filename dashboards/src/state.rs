//! What every handler can reach. Built once by `hub`; cheap to clone.

use crate::live::Live;
use crate::login_limit::LoginLimit;
use crate::past::PastMoments;
use crate::ports::{
    CommandPort, HistorySource, MediaDoor, MqttDoor, NoticeBook, OrderBook, Readiness, RulesPort, Staffing, SystemInfo,
};
use bytes::Bytes;
use greenhub_model::ReceivedTime;
use greenhub_model::ledger::Ledger;
use greenhub_model::notify::NotifyChannel;
use greenhub_storage::accounts::Accounts;
use greenhub_storage::changes::ChangeStore;
use greenhub_storage::files::FileStore;
use greenhub_storage::log::Clock;
use greenhub_storage::notify::NotifyJournal;
use greenhub_storage::relational::{AlarmStore, DeskStore, QuarantineStore};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reports counted at one time: each holds a reader of the database now and then.
const REPORTS_MAX: usize = 2;

/// Appends metrics of one part of the hub in Prometheus text form (see [`crate::metrics::Metrics`]).
pub type MetricsSource = Arc<dyn Fn(&mut crate::metrics::Metrics) + Send + Sync>;

/// Switches of the web tier.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Mark the session cookie `Secure`: set it when people reach the hub by HTTPS.
    pub secure_cookie: bool,
    /// Origins (`https://host:port`) besides our own that may open the live socket.
    pub allowed_origins: Vec<String>,
    /// Logins that one address may try at once.
    pub login_burst: u32,
    /// Logins a minute that one address may try in the long run.
    pub logins_per_minute: u32,
    /// How long an emergency change of the rules may run without its approval, milliseconds.
    pub approve_within_ms: i64,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            secure_cookie: false,
            allowed_origins: vec![],
            login_burst: 20,
            logins_per_minute: 20,
            approve_within_ms: 86_400_000,
        }
    }
}

/// What the calls about notices need.
#[derive(Clone)]
pub struct NotifyDoor {
    /// Rules and deliveries.
    pub journal: NotifyJournal,
    /// Receivers of the configuration by name: channel, and the host they lead to.
    pub receivers: Arc<BTreeMap<String, (NotifyChannel, String)>>,
    /// Rung when rules or queue have changed.
    pub bell: Arc<tokio::sync::Notify>,
    /// Pushes to browsers; none where notices are switched off.
    pub push: Option<PushDoor>,
}

/// What browsers need to be pushed to.
#[derive(Debug, Clone)]
pub struct PushDoor {
    /// Public key of the hub, base64url.
    pub key: Arc<str>,
    /// Push services of one's own.
    pub hosts: Arc<[String]>,
}

/// The parts that `hub` puts together.
pub struct Parts {
    /// Live state.
    pub live: Live,
    /// Alarms of all time.
    pub alarms: AlarmStore,
    /// What stands beside the alarms: devices out of service, floods.
    pub desks: DeskStore,
    /// Messages that could not be used.
    pub quarantine: QuarantineStore,
    /// Users and their logins.
    pub accounts: Accounts,
    /// Orders.
    pub orders: Arc<dyn OrderBook>,
    /// Who was told of orders.
    pub order_notices: Arc<dyn NoticeBook>,
    /// Photos and other files.
    pub files: FileStore,
    /// People, and advice on whom to send.
    pub staffing: Arc<dyn Staffing>,
    /// Tracks and series.
    pub history: Arc<dyn HistorySource>,
    /// Past moments that are open.
    pub past: Arc<PastMoments>,
    /// Requests to change the rules, and the versions of the rules.
    pub changes: ChangeStore,
    /// The rules as they run.
    pub rules: Arc<dyn RulesPort>,
    /// Notices: their journal, and whom the hub can reach.
    pub notify: NotifyDoor,
    /// Human commands.
    pub commands: Arc<dyn CommandPort>,
    /// MQTT over WebSocket, where the broker runs in this process.
    pub mqtt: Option<Arc<dyn MqttDoor>>,
    /// Patrol media, where the relay runs in this process.
    pub media: Option<Arc<dyn MediaDoor>>,
    /// The ledger as it stands.
    pub ledger: Arc<dyn Fn() -> Ledger + Send + Sync>,
    /// What `/api/v1/system` shows.
    pub system: Arc<dyn Fn() -> SystemInfo + Send + Sync>,
    /// What `/readyz` shows.
    pub readiness: Arc<dyn Readiness>,
    /// What `/metrics` shows besides the web tier's own.
    pub metrics: Vec<MetricsSource>,
    /// GeoJSON of the district.
    pub district: Bytes,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Switches.
    pub options: WebOptions,
}

/// State of all handlers.
#[derive(Clone)]
pub struct AppState {
    shared: Arc<Shared>,
}

/// The parts and what the web tier keeps beside them.
pub struct Shared {
    parts: Parts,
    pub(crate) login_limit: LoginLimit,
    /// Reports that may be counted at one time.
    pub(crate) reports: tokio::sync::Semaphore,
    pub(crate) counters: crate::metrics::HttpCounters,
}

impl std::ops::Deref for Shared {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let login_limit = LoginLimit::new(parts.options.login_burst, parts.options.logins_per_minute);
        let reports = tokio::sync::Semaphore::new(REPORTS_MAX);
        Self { shared: Arc::new(Shared { parts, login_limit, reports, counters: Default::default() }) }
    }

    /// The wall clock, to be read once per request.
    pub fn now(&self) -> ReceivedTime {
        self.clock.now()
    }
}
