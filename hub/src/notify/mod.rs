//! Telling people: the router reads what the tables have, the journal keeps what was decided, the sender sends it.
//!
//! ```text
//! alarm_events ─place─▶ router task: alarms::notify ─one transaction─▶ journal ─due─▶ sender task ─▶ Channel ─▶ HTTP
//!                          ▲ rules in force: PUT /api/v1/notify/rules               └─▶ sent │ again later │ gave up
//!                                                                          └─due─▶ Pusher ─▶ browsers ([`push`])
//! ```
//!
//! The router reads events only after the tables have committed them, so it lives on a cursor of its own and slows nobody:
//! neither the dataflow nor the doors know of it. Its memory, its cursor and its decisions commit together; a hub that was
//! away goes on where it stopped, and looks that it missed count as one. Where it starts for the first time it begins
//! with the present. A delivery is tried again after `retry_min`, twice that, and so on up to `retry_max`, and gives up
//! after `tries_max`; a receiver that fails keeps only its own deliveries waiting.

pub mod adapters;
mod address;
pub mod client;
pub mod metrics;
pub mod push;

use crate::config::Config;
use adapters::Channel;
use anyhow::{Context, Result};
use client::Client;
use greenhub_alarms::notify::{Notifier, Routing, builtin};
use greenhub_dashboards::ports::RulesPort;
use greenhub_model::kpi::DeskFilter;
use greenhub_model::notify::{Delivery, NotifyRules, Receiver};
use greenhub_storage::log::Clock;
use greenhub_storage::notify::{NotifyJournal, Tried};
use greenhub_storage::relational::{AlarmStore, BatchSink, FACTS_MAX, FactPlace, StoreError};
use push::{Pusher, Vapid};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the router looks for new events and due decisions.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the sender looks for due deliveries.
const SEND_EVERY: Duration = Duration::from_millis(500);
/// A cursor that moved over events that concern nobody is kept this often.
const KEEP_PLACE_EVERY: Duration = Duration::from_secs(10);
/// The journal is tidied this often.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Longest pause of a sender after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Deliveries taken at one time.
const TOGETHER: i64 = 64;
/// Pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What both tasks need.
pub struct Parts {
    /// The journal.
    pub journal: NotifyJournal,
    /// Events of alarms.
    pub alarms: AlarmStore,
    /// How far the tables are.
    pub tables: Arc<BatchSink>,
    /// Desks of the rules in force.
    pub rules: Arc<dyn RulesPort>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Rung when the rules or the queue change.
    pub bell: Arc<Notify>,
    /// Who the hub is to push services; none where notices are switched off.
    pub vapid: Option<Arc<Vapid>>,
}

/// The running tasks; they end with the token they were given.
pub struct Tasks(Vec<tokio::task::JoinHandle<()>>);

impl Tasks {
    /// Waits until both have ended.
    pub async fn ended(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                warn!(%error, "a task of the notices failed");
            }
        }
    }
}

/// Starts the router and the sender.
pub fn start(config: &Config, parts: Parts, stop: &CancellationToken) -> Result<Tasks> {
    let section = config.notify.clone();
    if !section.enabled {
        info!("notices are switched off");
        return Ok(Tasks(vec![]));
    }
    let channels = adapters::channels(&section).context("read the receivers of [notify]")?;
    let client = Client::new(section.timeout.0, section.private_addresses).context("prepare calls to receivers")?;
    let vapid = parts.vapid.clone();
    let (outside, inside) = (client.reaching(false), client.reaching(true));
    let sending = Arc::new(Sending {
        journal: parts.journal.clone(),
        clock: parts.clock.clone(),
        client,
        retry_min: section.retry_min.0,
        retry_max: section.retry_max.0,
        tries_max: section.tries_max,
        retain: section.retain.0,
    });
    let pusher =
        vapid.map(|vapid| Pusher { vapid, outside, inside, hosts: section.push.hosts, ttl: section.push.ttl.0 });
    let known: BTreeSet<String> = channels.keys().map(Receiver::to_string).collect();
    let mut tasks = vec![tokio::spawn(route(parts, stop.clone()))];
    tasks.push(tokio::spawn(sending.clone().tidy(known, stop.clone())));
    for (receiver, channel) in channels {
        tasks.push(tokio::spawn(sending.clone().serve(receiver.to_string(), channel, stop.clone())));
    }
    if let Some(pusher) = pusher {
        tasks.push(tokio::spawn(Arc::new(pusher).serve(sending, stop.clone())));
    }
    Ok(Tasks(tasks))
}

/// The rules in force: the newest kept, or those built in.
pub async fn rules_in_force(journal: &NotifyJournal) -> Result<NotifyRules, StoreError> {
    Ok(journal.rules().await?.map_or_else(builtin, |row| row.rules))
}

fn desks(rules: &dyn RulesPort) -> Vec<DeskFilter> {
    let rules = rules.running().unwrap_or_else(|| rules.configured().1);
    let desk = |desk: &greenhub_alarms::correlate::rules::DeskRule| DeskFilter {
        id: desk.id.clone(),
        title: desk.title.clone(),
        classes: desk.classes.clone(),
        sub_districts: desk.sub_districts.clone(),
    };
    rules.correlate.desks.iter().map(desk).collect()
}

/// The router and where it stands.
struct Router {
    parts: Parts,
    notifier: Notifier,
    routing: Routing,
    place: FactPlace,
    kept: FactPlace,
    kept_at: Instant,
}

async fn route(parts: Parts, stop: CancellationToken) {
    let mut router = loop {
        match Router::open(&parts).await {
            Ok((notifier, routing, place)) => {
                break Router { parts, notifier, routing, place, kept: place, kept_at: Instant::now() };
            }
            Err(error) => warn!(error = format!("{error:#}"), "the memory of notices cannot be read, trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    };
    let mut failing = false;
    loop {
        let bell = router.parts.bell.clone();
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell.notified() => {}
            () = tokio::time::sleep(if failing { PAUSE } else { LOOK_EVERY }) => {}
        }
        match router.look().await {
            Ok(()) => failing = false,
            Err(error) if failing => tracing::debug!(%error, "notices still wait for the database"),
            Err(error) => {
                failing = true;
                warn!(%error, "notices wait for the database");
            }
        }
    }
}

impl Router {
    async fn open(parts: &Parts) -> Result<(Notifier, Routing, FactPlace)> {
        let rules = rules_in_force(&parts.journal).await.context("read the notification rules")?;
        let routing = Routing::new(rules, desks(parts.rules.as_ref()));
        if let Some((place, memory)) = parts.journal.memory().await.context("read the memory of notices")? {
            let mut notifier: Notifier = serde_json::from_str(&memory).context("read the memory of notices")?;
            notifier.reroute(&routing, parts.clock.now().millis());
            return Ok((notifier, routing, place));
        }
        let (notifier, place) = (Notifier::default(), parts.alarms.newest_fact().await.context("find the present")?);
        let memory = serde_json::to_string(&notifier).context("write the memory of notices")?;
        parts.journal.decide(place, &memory, &[], parts.clock.now().millis()).await.context("keep the present")?;
        Ok((notifier, routing, place))
    }

    /// Reads on, decides what is due, keeps both.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now = self.parts.clock.now().millis();
        let mut next = self.notifier.clone();
        let rules = rules_in_force(&self.parts.journal).await?;
        let desks = desks(self.parts.rules.as_ref());
        let routing = Routing::new(rules, desks);
        if routing != self.routing {
            next.reroute(&routing, now);
            info!(version = routing.rules().version, "notification rules in force");
        }
        let mut place = self.place;
        if self.parts.tables.committed() > place.batch {
            loop {
                let facts = self.parts.alarms.facts(place.at, i64::MAX, Some(place)).await?;
                facts.iter().for_each(|fact| next.hear(&routing, fact));
                let Some(last) = facts.last() else { break };
                place = FactPlace::of(last);
                if facts.len() < FACTS_MAX as usize {
                    break;
                }
            }
        }
        let notices = next.advance(&routing, now);
        let moved = place != self.kept && self.kept_at.elapsed() >= KEEP_PLACE_EVERY;
        if next != self.notifier || !notices.is_empty() || moved {
            let memory = serde_json::to_string(&next).expect("the memory has string keys only");
            self.parts.journal.decide(place, &memory, &notices, now).await?;
            (self.kept, self.kept_at) = (place, Instant::now());
        }
        (self.notifier, self.routing, self.place) = (next, routing, place);
        Ok(())
    }
}

/// The key pair of the data directory, and the browsers that belong to it; none where notices are switched off.
pub async fn identity(config: &Config, journal: &NotifyJournal) -> Result<Option<Arc<Vapid>>> {
    if !config.notify.enabled {
        return Ok(None);
    }
    let file = config.data.join("vapid.pk8");
    let vapid = Vapid::open(&file, &config.notify.push.contact).context("prepare pushes to browsers")?;
    let gone = journal.forget_browsers_of_other_keys(vapid.public()).await.context("look after the browsers")?;
    if gone > 0 {
        warn!(browsers = gone, "the key of the hub is another one, browsers have to be subscribed again");
    }
    Ok(Some(Arc::new(vapid)))
}

/// What the senders share. Each receiver has a sender of its own, so one that is away keeps nobody else waiting.
pub struct Sending {
    journal: NotifyJournal,
    clock: Arc<dyn Clock>,
    client: Client,
    retry_min: Duration,
    retry_max: Duration,
    tries_max: u32,
    retain: Duration,
}

impl Sending {
    /// Sends what is due to one receiver, in order. After a failure it pauses: what else waits would fail as well.
    async fn serve(self: Arc<Self>, receiver: String, channel: Arc<dyn Channel>, stop: CancellationToken) {
        let mut pause = SEND_EVERY;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // A call that runs when the hub stops is cut; its delivery is tried again at the next start.
            pause = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send_due(&receiver, channel.as_ref()) => match sent {
                    Ok(pause) => pause,
                    Err(error) => {
                        warn!(%error, %receiver, "deliveries wait for the database");
                        PAUSE
                    }
                },
            };
        }
    }

    async fn send_due(&self, receiver: &str, channel: &dyn Channel) -> Result<Duration, StoreError> {
        for delivery in self.journal.due(receiver, self.clock.now().millis(), TOGETHER).await? {
            let tried = self.try_one(&delivery, channel).await;
            let now = self.clock.now().millis();
            self.journal.settle(&delivery, &tried, now).await?;
            if let Tried::Again(why, at) = &tried {
                warn!(receiver, seq = delivery.seq, %why, "a notice was not delivered, it is tried again");
                let pause = Duration::from_millis(u64::try_from(at - now).unwrap_or(0));
                return Ok(pause.clamp(SEND_EVERY.min(self.retry_min), PAUSE_MAX));
            }
            if let Tried::GaveUp(why) = &tried {
                warn!(receiver, seq = delivery.seq, %why, "a notice was given up");
            }
        }
        Ok(SEND_EVERY)
    }

    async fn try_one(&self, delivery: &Delivery, channel: &dyn Channel) -> Tried {
        let now = self.clock.now().millis();
        let outcome = match self.client.send(channel.call(&delivery.notice, now)).await {
            Ok(answer) => channel.judge(&answer).map(|()| answer.excerpt()),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(response) => Tried::Sent(response),
            Err(why) if delivery.tries + 1 >= self.tries_max => Tried::GaveUp(why),
            Err(why) => Tried::Again(why, next_try(now, delivery.tries, self.retry_min, self.retry_max)),
        }
    }

    /// Removes old rows, and gives up what waits for receivers that the configuration does not name any more.
    async fn tidy(self: Arc<Self>, known: BTreeSet<String>, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tidy_once(&known).await {
                warn!(%error, "the journal of notices could not be tidied, trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
        }
    }

    async fn tidy_once(&self, known: &BTreeSet<String>) -> Result<(), StoreError> {
        let now = self.clock.now().millis();
        let awaited = self.journal.awaited().await?;
        // Browsers are nobody's configuration; what waits for one that is gone ends where pushes are sent.
        let strange = awaited.iter().filter(|receiver| !known.contains(*receiver) && !receiver.starts_with("push:"));
        for receiver in strange {
            for delivery in self.journal.due(receiver, i64::MAX, TOGETHER).await? {
                let why = "the configuration does not name this receiver any more".to_owned();
                self.journal.settle(&delivery, &Tried::GaveUp(why), now).await?;
            }
        }
        let retain = i64::try_from(self.retain.as_millis()).unwrap_or(i64::MAX);
        self.journal.forget(now.saturating_sub(retain)).await.map(drop)
    }
}

/// Twice as long after each try, up to a bound.
pub fn next_try(now: i64, tries: u32, min: Duration, max: Duration) -> i64 {
    let wait = min.saturating_mul(2_u32.saturating_pow(tries.min(20))).min(max);
    now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_stretch_up_to_a_bound() {
        let (min, max) = (Duration::from_secs(5), Duration::from_secs(60));
        let waits: Vec<_> = (0..6).map(|tries| next_try(0, tries, min, max)).collect();
        assert_eq!(waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        assert_eq!(next_try(0, u32::MAX, min, max), 60_000);
    }
}
