//! `greenhub serve`: wires the parts, announces itself, shuts down in order.
//!
//! ```text
//! start:  log → database → snapshots, history → configuration into the log → dataflow → broker, doors, web → ready
//! stop:   doors and broker (nothing new) → dataflow → sinks (everything decided is stored) → web → log
//! ```

use crate::admission::Admission;
use crate::changes::{Desk, Master};
use crate::commands::{Commands, Waiting};
use crate::config::Config;
use crate::intakes::Intakes;
use crate::outputs::{self, SinkState, Sinks};
use crate::past::PastLog;
use crate::ports::{Book, Door};
use crate::staffing::Staffing;
use crate::system::Overview;
use crate::{Place, accounts, demo, notify, order_notices, orders, state};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use greenhub_dashboards::live::{Live, LiveConfig};
use greenhub_dashboards::past::PastMoments;
use greenhub_dashboards::ports::RulesPort;
use greenhub_dashboards::{AppState, NotifyDoor, Parts, PushDoor, ServeOptions, WebOptions};
use greenhub_dispatch::Shifts;
use greenhub_gateway::mqtt::{Broker, BrokerConfig, BrokerHandle, Limits, TlsConfig};
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_storage::accounts::Accounts;
use greenhub_storage::changes::ChangeStore;
use greenhub_storage::devices::DeviceCredentials;
use greenhub_storage::history::{History, HistoryConfig};
use greenhub_storage::log::{Clock, Log, RealDisk, SystemClock};
use greenhub_storage::notify::NotifyJournal;
use greenhub_storage::relational::{AlarmStore, BatchSink, Database, DeskStore, QuarantineStore};
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{Streams, StreamsConfig};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Batches between the dataflow and the fan-out.
const OUTPUTS_QUEUE: usize = 64;

#[derive(Args)]
pub struct ServeArgs {
    #[command(flatten)]
    place: Place,
    /// HTTP address; port 0 picks a free one.
    #[arg(long)]
    http: Option<SocketAddr>,
    /// MQTT address; port 0 picks a free one.
    #[arg(long)]
    mqtt: Option<SocketAddr>,
    /// Demo district, demo accounts, unknown devices let in from loopback, simulator.
    #[arg(long)]
    demo: bool,
    /// Do not start the simulator.
    #[arg(long, requires = "demo")]
    no_simulator: bool,
}

pub fn run(args: ServeArgs) -> Result<()> {
    let mut config = args.place.load()?;
    config.http.listen = args.http.unwrap_or(config.http.listen);
    config.mqtt.listen = args.mqtt.unwrap_or(config.mqtt.listen);
    info!("effective configuration:\n{}", config.effective());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let outcome = runtime.block_on(serve(&config, args.demo, args.demo && !args.no_simulator));
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

/// Resolves at SIGINT or SIGTERM.
pub async fn asked_to_stop() {
    let watch = |kind| signal(kind).expect("a process may watch its own signals");
    let (mut interrupt, mut terminate) = (watch(SignalKind::interrupt()), watch(SignalKind::terminate()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn serve(config: &Config, is_demo: bool, simulated: bool) -> Result<()> {
    let started = Instant::now();
    let demo_password = if is_demo {
        let tls = config.mqtt.tls_listen.parse::<SocketAddr>().ok();
        let addresses: Vec<_> = [config.http.listen, config.mqtt.listen].into_iter().chain(tls).collect();
        Some(demo::password(&addresses)?)
    } else {
        None
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let db = state::open_database(config).await?;
    let people = accounts::open(config, db.clone());
    if !is_demo && !people.has_administrator().await.context("look for an administrator")? {
        bail!(
            "there is no administrator yet; make one first: greenhub user add NAME --role administrator --data {}",
            config.data.display()
        );
    }
    let log = Log::open(state::log_config(config), Arc::new(RealDisk), clock.clone()).context("open the log")?;
    let stop = CancellationToken::new();

    // Configuration before anything that decides by it.
    let changes = ChangeStore::open(db.clone()).await.context("open the change requests")?;
    let master = Master::establish(config, changes.clone(), log.clone(), people.audit().clone(), clock.clone()).await?;
    let master = Arc::new(master);
    if let Some(password) = &demo_password {
        demo::prepare(&people, password, &log, &config.data).await?;
    }
    state::empty_inbox(&log, &config.data).await?;

    let live = Live::new(LiveConfig { viewers_max: config.http.viewers_max, ..LiveConfig::new() }, clock.clone());
    let district: &'static [u8] = if is_demo { greenhub_simulator::district().geojson() } else { EMPTY_DISTRICT };
    // Their tables before the first act writes into them.
    let files = crate::files::open(config, db.clone()).await?;
    let notes = greenhub_dispatch::notices::Notices::open(db.clone()).await.context("open the notices of orders")?;
    let orders = orders::open(&db, district, &live, clock.now().millis()).await?;
    let tables = BatchSink::new(db.clone(), vec![orders.applier()]).await.context("open the tables")?;
    let tables = Arc::new(tables);
    let (history, writer) = History::open(&config.data.join("history.sqlite"), HistoryConfig::default())
        .await
        .context("open the history")?;
    orders::show_open(&live, &orders, tables.committed()).await?;
    let shifts = Shifts::open(db.clone()).await.context("open the switches")?;
    let order_clock = tokio::spawn(orders::watch_clocks(orders.clone(), clock.clone(), stop.clone()));

    let (waiting, sinks) = (Arc::new(Waiting::default()), Arc::new(SinkState::default()));
    sinks.history_at.store(history.committed_batch(), Ordering::Release);
    let (sender, receiver) = crossbeam_channel::bounded(OUTPUTS_QUEUE);
    let fan_out = outputs::start(
        receiver,
        Sinks {
            live: live.clone(),
            tables: tables.clone(),
            history: writer,
            history_retain: config.history.retain.0,
            waiting: waiting.clone(),
            state: sinks.clone(),
        },
    )
    .context("start the fan-out thread")?;
    let streams = start_streams(config, &log, sender, &tables, &sinks)?;
    let broker = start_broker(config, &log, &db, &people, is_demo, clock.clone()).await?;
    let intakes = Intakes::start(config, &log, is_demo, &stop)?;
    tokio::spawn(master.clone().watch(stop.clone()));
    tokio::spawn(state::watch_inbox(log.clone(), config.data.clone(), stop.clone()));

    let desk = Desk::new(master, streams.clone(), &config.data, &stop);
    desk.backtests.recover().await?;
    let rules: Arc<dyn RulesPort> = Arc::new(desk);
    let journal = NotifyJournal::open(db.clone()).await.context("open the journal of notices")?;
    let vapid = notify::identity(config, &journal).await?;
    let bell = Arc::new(tokio::sync::Notify::new());
    let notices = notify::start(
        config,
        notify::Parts {
            journal: journal.clone(),
            alarms: AlarmStore::new(db.clone()),
            tables: tables.clone(),
            rules: rules.clone(),
            clock: clock.clone(),
            bell: bell.clone(),
            vapid: vapid.clone(),
        },
        &stop,
    )?;

    tokio::spawn(crate::files::tidy(files.clone(), clock.clone(), stop.clone()));

    let (order_notices, telling) =
        order_notices::start(config, notes, (&orders, &people, &db), journal.push_sender(), clock.clone(), &stop)
            .await?;

    let overview = Arc::new(Overview {
        log: log.clone(),
        streams: streams.clone(),
        broker: broker.doors(),
        tables,
        sinks,
        history: history.clone(),
        intakes: intakes.states(),
        demo: is_demo,
        clock: clock.clone(),
        started,
    });
    let media = crate::media::start(config, people.audit().clone(), live.clone(), clock.clone(), &stop)?;
    let past = Arc::new(PastMoments::new(Arc::new(PastLog::of(config, orders.clone()))));
    tokio::spawn(crate::past::close_idle(past.clone(), clock.clone(), stop.clone()));
    let parts = Parts {
        live: live.clone(),
        alarms: AlarmStore::new(db.clone()),
        desks: DeskStore::new(db.clone()),
        quarantine: QuarantineStore::new(db.clone()),
        accounts: people,
        staffing: Arc::new(Staffing { orders: orders.clone(), shifts, live: live.clone(), log: log.clone() }),
        orders: Arc::new(Book(orders)),
        order_notices,
        files: files.clone(),
        history: Arc::new(history),
        past: past.clone(),
        changes,
        rules,
        notify: NotifyDoor {
            journal: journal.clone(),
            receivers: Arc::new(notify::adapters::kinds(&config.notify)),
            bell,
            push: vapid.map(|vapid| PushDoor {
                key: vapid.public().into(),
                hosts: config.notify.push.hosts.as_slice().into(),
            }),
        },
        commands: Arc::new(Commands { log: log.clone(), waiting }),
        mqtt: Some(Arc::new(Door { doors: broker.doors(), encrypted: config.http.behind_tls })),
        media: media.as_ref().map(|media| media.door.clone()),
        ledger: {
            let o = overview.clone();
            Arc::new(move || o.ledger())
        },
        system: {
            let o = overview.clone();
            Arc::new(move || o.system())
        },
        readiness: overview.clone(),
        metrics: vec![
            {
                let o = overview.clone();
                Arc::new(move |out: &mut _| o.metrics(out))
            },
            Arc::new(move |out: &mut _| crate::files::metrics(&files, out)),
            Arc::new(move |out: &mut _| notify::metrics::write(&journal, out)),
        ],
        district: Bytes::from_static(district),
        clock,
        options: WebOptions {
            secure_cookie: config.http.behind_tls,
            approve_within_ms: i64::try_from(config.changes.approve_within.0.as_millis()).unwrap_or(i64::MAX),
            ..WebOptions::default()
        },
    };
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("bind HTTP address {}", config.http.listen))?;
    let http = listener.local_addr().context("read the HTTP address")?;
    let web_stop = CancellationToken::new();
    let router = greenhub_dashboards::router(AppState::new(parts));
    let web = tokio::spawn(greenhub_dashboards::serve(listener, router, ServeOptions::default(), web_stop.clone()));

    let mqtt = broker.local_addr().context("the broker has a plain listener")?;
    announce(http, mqtt, demo_password.as_deref());
    let simulator = if simulated { Some(demo::start_simulator(mqtt)?) } else { None };
    wait(simulator, &streams).await;

    info!("stopping");
    stop.cancel();
    intakes.closed().await;
    notices.ended().await;
    for task in telling {
        task.await.context("a task of the order notices failed")?;
    }
    order_clock.await.context("the clock of the orders failed")?;
    if let Some(media) = media {
        media.recorders.await.context("the recorders failed")?;
    }
    broker.shutdown().await;
    let ended = streams.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || ended.stop()).await.context("stop the dataflow")? {
        error!(%error, "the dataflow did not end in order");
    }
    fan_out.finished().await;
    live.close().await;
    web_stop.cancel();
    web.await.context("the web task failed")?;
    log.close().await;
    db.close().await;
    info!("stopped");
    match streams.failure() {
        Some(why) => bail!("the dataflow failed: {why}"),
        None => Ok(()),
    }
}

/// A district without geometry: the map shows devices on an empty ground until the department's own is configured.
const EMPTY_DISTRICT: &[u8] = br#"{"type":"FeatureCollection","demo":false,"features":[]}"#;

fn start_streams(
    config: &Config,
    log: &Log,
    outputs: crossbeam_channel::Sender<Arc<greenhub_model::BatchOutput>>,
    tables: &Arc<BatchSink>,
    sinks: &Arc<SinkState>,
) -> Result<Arc<greenhub_streams::StreamsHandle>> {
    let directory = config.data.join("snapshots");
    let snapshots =
        SnapshotStore::open(&directory).with_context(|| format!("open snapshots in {}", directory.display()))?;
    let settings = StreamsConfig {
        workers: config.streams.workers,
        snapshot_every: config.streams.snapshot_every.0,
        ..StreamsConfig::default()
    };
    let (tables, sinks) = (tables.clone(), sinks.clone());
    let sinks_at = Arc::new(move || tables.committed().min(sinks.history_at.load(Ordering::Acquire)));
    let handle = Streams::start(settings, log.clone(), Arc::new(JsonDecoder), snapshots, outputs, sinks_at)
        .context("start the dataflow")?;
    Ok(Arc::new(handle))
}

async fn start_broker(
    config: &Config,
    log: &Log,
    db: &Database,
    people: &Accounts,
    is_demo: bool,
    clock: Arc<dyn Clock>,
) -> Result<BrokerHandle> {
    let section = &config.mqtt;
    let tls = (!section.tls_listen.is_empty()).then(|| {
        let authorities = &section.tls_client_authorities;
        anyhow::Ok(TlsConfig {
            listen: section.tls_listen.parse().context("mqtt.tls_listen is no address")?,
            certificate_file: section.tls_certificate.clone(),
            key_file: section.tls_key.clone(),
            client_ca_file: (!authorities.as_os_str().is_empty()).then(|| authorities.clone()),
            client_certificate_required: section.tls_client_required,
        })
    });
    let settings = BrokerConfig {
        listen: Some(section.listen),
        tls: tls.transpose()?,
        data_dir: config.data.join("broker"),
        limits: Limits {
            connections_max: section.connections_max,
            packet_bytes_max: u32::try_from(section.packet_max.0).unwrap_or(u32::MAX),
            queue_bytes_max: usize::try_from(section.subscriber_queue.0).unwrap_or(usize::MAX),
            session_expiry_max: section.session_expiry_max.0,
            publish_rate_max: (section.publish_rate_max > 0).then_some(section.publish_rate_max),
            ..Limits::default()
        },
    };
    let admission =
        Admission { devices: DeviceCredentials::new(db.clone()), accounts: people.clone(), demo: is_demo, clock };
    Broker::start(settings, log.clone(), Arc::new(admission)).await.context("start the broker")
}

/// Tells people and programs where the hub is. The ready line is a contract.
fn announce(http: SocketAddr, mqtt: SocketAddr, demo_password: Option<&str>) {
    let mut out = std::io::stdout().lock();
    let mut text = String::new();
    if let Some(password) = demo_password {
        let shown = if password == demo::DEFAULT_PASSWORD { password } else { "(GREENHUB_DEMO_PASSWORD)" };
        let names: Vec<_> = demo::ACCOUNTS.iter().map(|(name, _, _)| *name).collect();
        text.push_str(&format!("open http://{http} and log in as {} with password {shown}\n", names.join(", ")));
    }
    text.push_str(&format!("greenhub ready http={http} mqtt={mqtt}\n"));
    // Nobody may be reading; the hub works all the same.
    let _nobody_reads = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Waits for a signal or the end of the dataflow; a simulator that dies is reported, the hub goes on.
async fn wait(mut simulator: Option<tokio::process::Child>, streams: &greenhub_streams::StreamsHandle) {
    let stopped = asked_to_stop();
    tokio::pin!(stopped);
    loop {
        let simulator_ended = async {
            match &mut simulator {
                Some(child) => child.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stopped => break,
            status = simulator_ended => {
                warn!(?status, "the simulator has ended");
                simulator = None;
            }
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if let Some(why) = streams.failure() {
                    error!(error = %why, "the dataflow has failed, the hub ends so that it can be started again");
                    break;
                }
            }
        }
    }
    if let Some(mut child) = simulator
        && let Err(error) = child.kill().await
    {
        warn!(%error, "the simulator could not be ended");
    }
}
