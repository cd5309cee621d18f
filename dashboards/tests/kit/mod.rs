//! A web tier on a free port: real database, accounts, history and live state in a directory of its own, and neighbours
//! (commands, orders, broker door) simple enough to be read in one look.

#![allow(dead_code)]

pub mod samples;

use greenhub_alarms::RuleSet;
use greenhub_dashboards::past::PastMoments;
use greenhub_dashboards::ports::{
    Answer, BacktestRefusal, BacktestRequest, DispatchRulesVersion, NoticeBook, OpenCall, OrderCall, OrderCaller,
    OrderFailure, OrderQuery, OrderThread, PastPort, PastView, PortFailure, RulesPort, SignedCall,
};
use greenhub_dashboards::ports::{FixesStored, PhoneFix, ShiftView, Staffing, StatisticsQuestion};
use greenhub_dashboards::{
    AppState, AsyncReadWrite, CommandFailure, CommandPort, Live, LiveConfig, MqttDoor, NotifyDoor, OrderBook, Parts,
    PushDoor, Readiness, ReadyCheck, ServeOptions, SystemInfo, WebOptions, router, serve,
};
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::change::{Backtest, BacktestState};
use greenhub_model::dispatch::{Candidate, Duplicate, Plan, StaffView};
use greenhub_model::dispatch::{CodeEntry, DispatchRules};
use greenhub_model::notice::{OrderMessage, OrderNotice};
use greenhub_model::notify::NotifyChannel;
use greenhub_model::order::Assignee;
use greenhub_model::order::{CaseCategory, Order};
use greenhub_model::statistics::{OrderFigures, OrderStatistics, StatisticsRow};
use greenhub_model::time::Monotonic;
use greenhub_model::{BatchOutput, Command, CommandRefusal, CommandRequest, OrderId, Output, ReceivedTime, Role};
use greenhub_storage::accounts::{Accounts, LoginConfig, NewUser, PasswordPolicy, PolicyProfile};
use greenhub_storage::changes::{ChangeStore, NewVersion};
use greenhub_storage::files::{FileStore, FilesConfig};
use greenhub_storage::history::{History, HistoryConfig, HistoryWriter};
use greenhub_storage::log::{Clock, SystemClock};
use greenhub_storage::notify::NotifyJournal;
use greenhub_storage::relational::{AlarmStore, BatchSink, Database, DeskStore, Page, PageRequest, QuarantineStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Password of all users of the kit.
pub const PASSWORD: &str = "Lamp-post 47 hums";

/// A running web tier.
pub struct Hub {
    pub live: Live,
    pub accounts: Accounts,
    pub sink: Arc<BatchSink>,
    pub history: HistoryWriter,
    pub address: SocketAddr,
    pub http: reqwest::Client,
    pub ready: Arc<AtomicBool>,
    batches: Arc<AtomicU64>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

/// Nobody was told anything.
struct NoNotices;

impl NoticeBook for NoNotices {
    fn messages<'a>(
        &'a self,
        _user: &'a str,
        _unread: bool,
        _page: &'a PageRequest,
        _now: i64,
    ) -> Answer<'a, Result<Page<OrderMessage>, PortFailure>> {
        Box::pin(async { Ok(Page { items: vec![], next: None }) })
    }
    fn read<'a>(&'a self, _user: &'a str, _id: i64, _now: i64) -> Answer<'a, Result<bool, PortFailure>> {
        Box::pin(async { Ok(false) })
    }
    fn of_order<'a>(&'a self, _order: &'a OrderId) -> Answer<'a, Result<Vec<OrderNotice>, PortFailure>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn called<'a>(&'a self, _result: SignedCall<'a>) -> Answer<'a, Result<bool, PortFailure>> {
        Box::pin(async { Ok(false) })
    }
}

/// A log that keeps no past.
struct NoPast;

impl PastPort for NoPast {
    fn open(&self, _at: ReceivedTime, _speed: f64) -> Result<Arc<dyn PastView>, PortFailure> {
        Err(PortFailure("the log begins later".into()))
    }
}

/// Commands on alarms, answered by a change of the alarm in the live state.
struct Desk {
    live: Live,
    batches: Arc<AtomicU64>,
}

impl CommandPort for Desk {
    fn submit(&self, request: CommandRequest) -> Answer<'_, Result<(), CommandFailure>> {
        Box::pin(async move {
            let id = request.command.alarm().cloned().expect("the kit knows alarms only");
            let Some(mut alarm) = self.live.alarm(&id) else {
                return Err(CommandRefusal::NoSuchAlarm { alarm: id }.into());
            };
            if let Command::Comment { text, .. } = &request.command
                && text.is_empty()
            {
                return Err(CommandRefusal::Invalid { why: "a comment needs a text".into() }.into());
            }
            if alarm.acknowledged {
                let (state, why) = ("acknowledged".to_owned(), "it is acknowledged already".to_owned());
                return Err(CommandRefusal::NotNow { alarm: id, state, why }.into());
            }
            alarm.acknowledged = true;
            alarm.acknowledged_by = Some(request.by);
            alarm.state = AlarmState::Acknowledged;
            let number = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
            let change = samples::alarm_change(alarm, AlarmEventKind::Acknowledged, 5);
            self.live.apply(&samples::batch(number, vec![change]));
            Ok(())
        })
    }
}

/// An order book that holds what the live state holds, and lets anybody do anything once.
struct Book(Live);

fn no_rules() -> DispatchRules {
    serde_json::from_value(serde_json::json!({
        "version": 1, "calendar": {"utc_offset_min": 480, "work_periods": [["09:00", "17:00"]]}, "limits": [],
        "warn_share": 0.7, "escalate_share": 0.5, "outer_margin_min": 60, "teams": [], "members": [], "notices": [],
    }))
    .expect("rules")
}

impl OrderBook for Book {
    fn list<'a>(
        &'a self,
        _query: &'a OrderQuery,
        _page: &'a PageRequest,
    ) -> Answer<'a, Result<Page<Order>, PortFailure>> {
        Box::pin(async { Ok(Page { items: vec![], next: None }) })
    }
    fn get<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Order>, PortFailure>> {
        Box::pin(async { Ok(self.0.order(id)) })
    }
    fn thread<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<OrderThread>, PortFailure>> {
        let thread = |order| OrderThread { order, entries: vec![], children: vec![], duplicates: 0 };
        Box::pin(async move { Ok(self.0.order(id).map(thread)) })
    }
    fn open(&self, by: OrderCaller, call: OpenCall) -> Answer<'_, Result<(Order, bool), OrderFailure>> {
        Box::pin(async move {
            let id = OrderId::new(&format!("W-{}", call.request_id)).expect("a plain key");
            let known = self.0.order(&id);
            let order = known.clone().unwrap_or_else(|| Order::of_form(id, call.form, by.at));
            self.0.put_orders(std::slice::from_ref(&order), 0);
            Ok((order, known.is_none()))
        })
    }
    fn act(
        &self,
        _by: OrderCaller,
        calls: Vec<OrderCall>,
    ) -> Answer<'_, Result<Vec<Result<Order, OrderFailure>>, PortFailure>> {
        let act = |call: OrderCall| {
            let mut order = self.0.order(&call.order).ok_or(OrderFailure::Unknown(call.order))?;
            order.version += 1;
            self.0.put_orders(std::slice::from_ref(&order), 0);
            Ok(order)
        };
        let results = calls.into_iter().map(act).collect();
        Box::pin(async move { Ok(results) })
    }
    fn allowed(&self, _order: &Order, _by: &OrderCaller) -> Vec<String> {
        vec!["comment".into()]
    }
    fn rules(&self) -> DispatchRulesVersion {
        DispatchRulesVersion { rules: no_rules(), at: 0, author: "hub".into() }
    }
    fn put_rules(
        &self,
        by: OrderCaller,
        rules: DispatchRules,
    ) -> Answer<'_, Result<DispatchRulesVersion, OrderFailure>> {
        Box::pin(async move { Ok(DispatchRulesVersion { rules, at: by.at, author: by.user }) })
    }
    fn rules_versions(
        &self,
        _before: Option<u64>,
        _limit: u32,
    ) -> Answer<'_, Result<Vec<DispatchRulesVersion>, PortFailure>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn codes(&self, _words: &str, _scheme: Option<&str>, _category: Option<CaseCategory>) -> Vec<CodeEntry> {
        vec![]
    }
}

/// Rules that run as built in; a back-test of them is done at once.
struct Rules(ChangeStore);

impl RulesPort for Rules {
    fn running(&self) -> Option<Arc<RuleSet>> {
        Some(Arc::new(RuleSet::builtin()))
    }
    fn configured(&self) -> (&'static str, Arc<RuleSet>) {
        ("builtin", Arc::new(RuleSet::builtin()))
    }
    fn look(&self) {}
    fn restore(&self) -> Answer<'_, Result<(), PortFailure>> {
        Box::pin(async { Ok(()) })
    }
    fn start_backtest(&self, request: BacktestRequest) -> Answer<'_, Result<Backtest, BacktestRefusal>> {
        Box::pin(async move {
            let backtest = Backtest {
                change: request.change,
                candidate: request.candidate,
                present: true,
                state: BacktestState::Done,
                by: request.by,
                days: request.days,
                from: 0,
                to: request.at.millis(),
                started_at: request.at.millis(),
                finished_at: Some(request.at.millis()),
                progress: 1.0,
                seconds_left: None,
                error: None,
                result: Some(Default::default()),
            };
            self.0.save_backtest(&backtest).await.expect("kept");
            Ok(backtest)
        })
    }
    fn backtest(&self, _change: i64) -> Option<Backtest> {
        None
    }
    fn cancel_backtest(&self, _change: i64) -> bool {
        false
    }
}

/// A broker that says back what it hears.
struct Echo;

impl MqttDoor for Echo {
    fn serve(&self, mut stream: Box<dyn AsyncReadWrite>, _peer: SocketAddr) {
        tokio::spawn(async move {
            let mut buffer = [0u8; 1000];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..n]).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        });
    }
}

struct Ready(Arc<AtomicBool>);

impl Readiness for Ready {
    fn checks(&self) -> Vec<ReadyCheck> {
        let ready = self.0.load(Ordering::Relaxed);
        let detail = if ready { String::new() } else { "the disk is full".into() };
        vec![ReadyCheck { name: "log".into(), ready, detail }]
    }
}

/// People of whom nobody is there.
struct Nobody;

impl Staffing for Nobody {
    fn staff(&self, _at: i64) -> Answer<'_, Result<Vec<StaffView>, PortFailure>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn candidates<'a>(&'a self, _id: &'a OrderId, _at: i64) -> Answer<'a, Result<Option<Vec<Candidate>>, PortFailure>> {
        Box::pin(async { Ok(None) })
    }
    fn overridden<'a>(
        &'a self,
        _orders: &'a [OrderId],
        _to: &'a Assignee,
        _at: i64,
    ) -> Answer<'a, Result<Vec<(OrderId, Candidate)>, PortFailure>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn plan(&self, _orders: Option<Vec<OrderId>>, _at: i64) -> Answer<'_, Result<Plan, PortFailure>> {
        Box::pin(async { Ok(Plan { lines: vec![], left: vec![], lateness_min: 0.0, cost: 0.0, bound: 0.0 }) })
    }
    fn duplicates<'a>(&'a self, _id: &'a OrderId) -> Answer<'a, Result<Option<Vec<Duplicate>>, PortFailure>> {
        Box::pin(async { Ok(None) })
    }
    fn shift<'a>(&'a self, user: &'a str, _at: i64) -> Answer<'a, Result<ShiftView, PortFailure>> {
        let view = ShiftView { on: false, since: None, member: false, team: String::new(), device: Some(user.into()) };
        Box::pin(async { Ok(view) })
    }
    fn turn<'a>(
        &'a self,
        user: &'a str,
        _request_id: &'a str,
        on: bool,
        at: i64,
    ) -> Answer<'a, Result<ShiftView, PortFailure>> {
        Box::pin(async move { Ok(ShiftView { on, since: Some(at), ..self.shift(user, at).await? }) })
    }
    fn positions<'a>(
        &'a self,
        _user: &'a str,
        fixes: &'a [PhoneFix],
        _at: i64,
    ) -> Answer<'a, Result<FixesStored, PortFailure>> {
        Box::pin(async { Ok(FixesStored { stored: fixes.len() as u32, off_shift: 0 }) })
    }
    fn statistics<'a>(&'a self, question: &'a StatisticsQuestion) -> Answer<'a, Result<OrderStatistics, PortFailure>> {
        let row = StatisticsRow { key: "t".into(), label: "=一班".into(), figures: OrderFigures::default() };
        let report = OrderStatistics {
            from: question.from,
            to: question.to,
            by: question.by,
            utc_offset_min: 480,
            total: OrderFigures { due: 3, handled_in_time_share: Some(0.5), ..OrderFigures::default() },
            rows: vec![row],
            complete: true,
        };
        Box::pin(async { Ok(report) })
    }
}

impl Hub {
    /// Starts with the usual bounds.
    pub async fn start() -> Self {
        Self::start_with(LiveConfig::new(), WebOptions { login_burst: 1_000, ..WebOptions::default() }).await
    }

    /// Starts with these bounds.
    pub async fn start_with(config: LiveConfig, options: WebOptions) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let db = Database::open_file(&directory.path().join("hub.db")).await.expect("a database");
        let accounts = Accounts::new(db.clone(), PasswordPolicy::of(PolicyProfile::Asvs5), LoginConfig::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        for role in Role::ALL {
            let new = NewUser { username: role.as_str(), name: "", role, password: PASSWORD, must_change: false };
            accounts.seed(&new, clock.now()).await.expect("a user");
        }
        let changes = ChangeStore::open(db.clone()).await.expect("the tables of change control");
        let rules = serde_json::to_value(RuleSet::builtin()).expect("plain data");
        let first = NewVersion { number: 1, at: 0, author: "hub", origin: "builtin", rules: &rules };
        changes.begin_with(&first).await.expect("the first version");
        let sink = Arc::new(BatchSink::new(db.clone(), vec![]).await.expect("a sink"));
        let history_file = directory.path().join("history.db");
        let (history, writer) = History::open(&history_file, HistoryConfig::default()).await.expect("a history");
        let live = Live::new(config, clock.clone());
        let (ready, batches) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let state = AppState::new(Parts {
            live: live.clone(),
            alarms: AlarmStore::new(db.clone()),
            desks: DeskStore::new(db.clone()),
            quarantine: QuarantineStore::new(db.clone()),
            accounts: accounts.clone(),
            orders: Arc::new(Book(live.clone())),
            order_notices: Arc::new(NoNotices),
            files: FileStore::open(db.clone(), &directory.path().join("files"), FilesConfig::default())
                .await
                .expect("a directory of files"),
            staffing: Arc::new(Nobody),
            history: Arc::new(history),
            past: Arc::new(PastMoments::new(Arc::new(NoPast))),
            changes: changes.clone(),
            rules: Arc::new(Rules(changes)),
            notify: NotifyDoor {
                journal: NotifyJournal::open(db.clone()).await.expect("the journal of notices"),
                receivers: Arc::new([("ops".to_owned(), (NotifyChannel::Webhook, "ops.example".to_owned()))].into()),
                bell: Arc::default(),
                push: Some(PushDoor { key: "BKey".into(), hosts: ["127.0.0.1:9000".to_owned()].as_slice().into() }),
            },
            commands: Arc::new(Desk { live: live.clone(), batches: batches.clone() }),
            mqtt: Some(Arc::new(Echo)),
            media: None,
            ledger: Arc::new(Default::default),
            system: Arc::new(|| SystemInfo { version: "1".into(), ..SystemInfo::default() }),
            readiness: Arc::new(Ready(ready.clone())),
            metrics: vec![Arc::new(|page| page.counter("greenhub_kit_total", "Kit.", &[], 7))],
            district: r#"{"type":"FeatureCollection","features":[]}"#.into(),
            clock,
            options,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, router(state), ServeOptions::default(), stop.clone()));
        let http = reqwest::Client::builder().build().expect("a client");
        Self { live, accounts, sink, history: writer, address, http, ready, batches, stop, _directory: directory }
    }

    /// An address of the hub.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Logs in and returns the token.
    pub async fn token(&self, role: Role) -> String {
        let body = serde_json::json!({"username": role.as_str(), "password": PASSWORD});
        let answer = self.http.post(self.url("/api/v1/session")).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// A GET with a token: status and JSON.
    pub async fn get(&self, token: &str, path: &str) -> (u16, serde_json::Value) {
        let answer = self.http.get(self.url(path)).bearer_auth(token).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A POST with a token: status and JSON.
    pub async fn post(&self, token: &str, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
        let answer = self.http.post(self.url(path)).bearer_auth(token).json(&body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Applies outputs as one batch, to the live state and to the tables.
    pub async fn apply(&self, items: Vec<Output>) {
        let number = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        let batch: Arc<BatchOutput> = Arc::new(samples::batch(number, items));
        self.live.apply(&batch);
        self.sink.apply(&[batch], Monotonic(number)).await.expect("the tables take it");
    }

    /// Ends the server.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.live.close().await;
    }
}

/// Waits until a condition holds, at most ten seconds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "in vain waited for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The wall clock.
pub fn now() -> ReceivedTime {
    SystemClock.now()
}
