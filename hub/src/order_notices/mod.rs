//! Telling people of orders: the journal decides, this sends.
//!
//! ```text
//! rings that are due ─▶ core::notices (people as they are now) ─▶ journal ─▶ app: in their messages, and Web Push
//!                                                                     ├─▶ SMS task    ─▶ gateway
//!                                                                     ├─▶ voice task  ─▶ gateway ─▶ result of the call
//!                                                                     └─▶ a task for each other system
//! ```
//!
//! Each way has a task of its own, so one that is away keeps nobody else waiting. Where a person has no number or the hub
//! has no gateway, the notice fails at once and the next step of the dispatch rules comes.

mod ways;

use crate::config::Config;
use crate::notify::adapters::{Answer, Call};
use crate::notify::client::Client;
use crate::notify::next_try;
use anyhow::{Context, Result};
use greenhub_dashboards::ports::{self, CallResult, NoticeBook, PortFailure, SignedCall};
use greenhub_dispatch::core::duty::on_shift;
use greenhub_dispatch::core::notices::{People, Telling};
use greenhub_dispatch::notices::{Due, Notices, Outcome, Pushed, Work};
use greenhub_dispatch::{Orders, Shifts};
use greenhub_model::dispatch::NoticeWay;
use greenhub_model::notice::{OrderMessage, OrderNotice, OrderNoticeWay};
use greenhub_model::push::{PushMessage, Urgency};
use greenhub_model::{OrderId, Role};
use greenhub_storage::accounts::Accounts;
use greenhub_storage::log::Clock;
use greenhub_storage::notify::PushSender;
use greenhub_storage::relational::{Database, Page, PageRequest, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use ways::Ways;

/// How often due rings and notices are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Who is at the desk and on shift is read again this often.
const PEOPLE_FRESH_MS: i64 = 15_000;
/// Dispatchers told of one matter.
const DESK_MAX: usize = 50;
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// A person waits: tries of a text or call before the next way.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// What the tasks share.
pub struct Sending {
    notices: Notices,
    orders: Orders,
    shifts: Shifts,
    accounts: Accounts,
    clock: Arc<dyn Clock>,
    ways: Arc<Ways>,
    push: PushSender,
    client: Client,
    retry_min: Duration,
    retry_max: Duration,
    tries_max: u32,
    retain: Duration,
}

/// The journal with what judges results of calls, for the web tier.
pub struct Book {
    notices: Notices,
    ways: Arc<Ways>,
}

/// Opens the journal and starts the tasks; they end with `stop`.
pub async fn start(
    config: &Config,
    notices: Notices,
    (orders, accounts, db): (&Orders, &Accounts, &Database),
    push: PushSender,
    clock: Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<(Arc<Book>, Vec<JoinHandle<()>>)> {
    let ways = Arc::new(Ways::open(&config.dispatch)?);
    let book = Arc::new(Book { notices: notices.clone(), ways: ways.clone() });
    let section = &config.notify;
    let client = Client::new(section.timeout.0, section.private_addresses).context("prepare calls about orders")?;
    let shared = Arc::new(Sending {
        notices,
        orders: orders.clone(),
        shifts: Shifts::open(db.clone()).await.context("open the shifts")?,
        accounts: accounts.clone(),
        clock,
        ways: ways.clone(),
        push,
        client,
        retry_min: section.retry_min.0,
        retry_max: section.retry_max.0,
        tries_max: section.tries_max,
        retain: config.dispatch.retain_notices.0,
    });
    let mut tasks = vec![
        tokio::spawn(shared.clone().ring(stop.clone())),
        tokio::spawn(shared.clone().send(OrderNoticeWay::Sms, None, stop.clone())),
        tokio::spawn(shared.clone().send(OrderNoticeWay::Voice, None, stop.clone())),
        tokio::spawn(shared.clone().tidy(stop.clone())),
    ];
    for target in ways.targets() {
        let (way, to) = (OrderNoticeWay::Target, Some(target.clone()));
        tasks.push(tokio::spawn(shared.clone().send(way, to, stop.clone())));
    }
    Ok((book, tasks))
}

/// People as they were read last.
#[derive(Default)]
struct Known {
    at: i64,
    desk: Vec<String>,
    on_shift: BTreeSet<String>,
}

impl Sending {
    async fn ring(self: Arc<Self>, stop: CancellationToken) {
        let (mut known, mut failing) = (Known::default(), false);
        loop {
            match self.ring_once(&mut known).await {
                Ok(()) if failing => {
                    info!("notices of orders go on");
                    failing = false;
                }
                Ok(()) => {}
                Err(error) if !failing => {
                    warn!(%error, "notices of orders wait, trying again");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(if failing { PAUSE } else { LOOK_EVERY }) => {}
            }
        }
    }

    async fn ring_once(&self, known: &mut Known) -> Result<(), StoreError> {
        let now = self.clock.now().millis();
        let due = self.notices.due_rings(now).await?;
        if due.is_empty() {
            return Ok(());
        }
        let rules = self.orders.in_force();
        if now - known.at >= PEOPLE_FRESH_MS {
            *known = self.people(now).await?;
        }
        for (id, work) in due {
            let ring = match work {
                Work::Ring(ring) => ring,
                Work::Target(news) => {
                    self.notices.queue_target(&id, &news, now).await?;
                    continue;
                }
            };
            let order = self.orders.get(&ring.order).await?;
            let people = People { rules: &rules.document, on_shift: &known.on_shift, desk: &known.desk };
            let number = |user: &str| {
                let member = rules.document.members.iter().find(|member| member.user == user);
                let phone = member.map(|member| member.phone.trim().to_owned()).filter(|phone| !phone.is_empty());
                phone.ok_or_else(|| "没有登记电话号码".to_owned())
            };
            let route = |telling: &Telling| match telling.way {
                NoticeWay::App => Ok(String::new()),
                NoticeWay::Sms if !self.ways.has_sms() => Err("未配置短信网关".to_owned()),
                NoticeWay::Voice if !self.ways.has_voice() => Err("未配置语音网关".to_owned()),
                NoticeWay::Sms | NoticeWay::Voice => number(&telling.user),
            };
            for told in self.notices.look((&id, ring), order.as_ref(), people, route, now).await? {
                self.push(&told, known.desk.contains(&told.user), now).await?;
            }
        }
        Ok(())
    }

    /// Wakes their browsers; the message is in their list in any case.
    async fn push(&self, told: &Pushed, at_desk: bool, now: i64) -> Result<(), StoreError> {
        let order = told.message.order.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = PushMessage {
            key: format!("order-notice-{}", told.message.id),
            title: told.message.title.clone(),
            body: told.message.text.clone(),
            url: if at_desk { format!("/orders?order={order}") } else { format!("/m/orders/{order}") },
            tag: format!("order-{order}"),
            urgency: if told.urgent { Urgency::High } else { Urgency::Normal },
        };
        self.push.send(&told.user, &message, now).await.map(drop)
    }

    async fn people(&self, now: i64) -> Result<Known, StoreError> {
        let users = self.accounts.list().await?;
        let at_desk = users.into_iter().filter(|user| user.role == Role::Dispatcher && !user.disabled);
        let (rules, switches) = (self.orders.in_force(), self.shifts.all().await?);
        let works =
            |user: &str| on_shift(user, &rules.document.roster, &rules.calendar, switches.get(user).copied(), now).0;
        let on_shift = rules.document.members.iter().map(|member| member.user.clone());
        Ok(Known {
            at: now,
            desk: at_desk.map(|user| user.username).take(DESK_MAX).collect(),
            on_shift: on_shift.filter(|user| works(user)).collect(),
        })
    }

    /// Sends what is due by one way, in order.
    async fn send(self: Arc<Self>, way: OrderNoticeWay, to: Option<String>, stop: CancellationToken) {
        loop {
            // A call that runs when the hub stops is cut; it is made again at the next start under the same key.
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send_due(way, to.as_deref()) => match sent {
                    Ok(()) => LOOK_EVERY,
                    Err(error) => {
                        warn!(%error, ?way, "notices of orders wait for the database");
                        PAUSE
                    }
                },
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn send_due(&self, way: OrderNoticeWay, to: Option<&str>) -> Result<(), StoreError> {
        for due in self.notices.due(way, to, self.clock.now().millis()).await? {
            let (id, tries) = (due.notice.id, due.notice.tries);
            let outcome = self.try_one(&due).await;
            let now = self.clock.now().millis();
            let tries_max = if way == OrderNoticeWay::Target { self.tries_max } else { self.tries_max.min(TRIES_MAX) };
            let outcome = match outcome {
                Ok(response) => Outcome::Sent(response),
                Err(why) if tries + 1 >= tries_max => {
                    warn!(id, ?way, %why, "a notice of an order was given up");
                    Outcome::Failed(why)
                }
                Err(why) => {
                    warn!(id, ?way, %why, "a notice of an order was not delivered, it is tried again");
                    Outcome::Again(why, next_try(now, tries, self.retry_min, self.retry_max))
                }
            };
            self.notices.settle(id, &outcome, now).await?;
            // What another system is told comes in order: what waits behind a failure waits with it.
            if way == OrderNoticeWay::Target && matches!(outcome, Outcome::Again(..)) {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn try_one(&self, due: &Due) -> Result<String, String> {
        let now = self.clock.now().millis();
        let plain = |answer: &Answer| match answer.status {
            200..300 => Ok(()),
            _ => Err(answer.excerpt()),
        };
        let said = |error: anyhow::Error| format!("{error:#}");
        match due.notice.way {
            OrderNoticeWay::Sms => {
                let (call, judge) = self.ways.sms(due, now).map_err(said)?;
                self.call(call, judge).await
            }
            OrderNoticeWay::Voice => self.call(self.ways.voice(due, now).map_err(said)?, plain).await,
            OrderNoticeWay::Target => self.call(self.ways.target(due, now).map_err(said)?, plain).await,
            OrderNoticeWay::App => Ok(String::new()),
        }
    }

    async fn call(&self, call: Call, judge: impl Fn(&Answer) -> Result<(), String>) -> Result<String, String> {
        let answer = self.client.send(call).await?;
        judge(&answer).map(|()| answer.excerpt())
    }

    async fn tidy(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let retain = i64::try_from(self.retain.as_millis()).unwrap_or(i64::MAX);
            if let Err(error) = self.notices.forget(self.clock.now().millis().saturating_sub(retain)).await {
                warn!(%error, "old notices of orders could not be removed, trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
        }
    }
}

fn failure(error: StoreError) -> PortFailure {
    PortFailure(format!("{:#}", anyhow::Error::from(error)))
}

impl NoticeBook for Book {
    fn messages<'a>(
        &'a self,
        user: &'a str,
        unread: bool,
        page: &'a PageRequest,
        now: i64,
    ) -> ports::Answer<'a, Result<Page<OrderMessage>, PortFailure>> {
        Box::pin(async move { self.notices.messages(user, unread, page, now).await.map_err(failure) })
    }

    fn read<'a>(&'a self, user: &'a str, id: i64, now: i64) -> ports::Answer<'a, Result<bool, PortFailure>> {
        Box::pin(async move { self.notices.read(user, id, now).await.map_err(failure) })
    }

    fn of_order<'a>(&'a self, order: &'a OrderId) -> ports::Answer<'a, Result<Vec<OrderNotice>, PortFailure>> {
        Box::pin(async move { self.notices.of_order(order).await.map_err(failure) })
    }

    fn called<'a>(&'a self, call: SignedCall<'a>) -> ports::Answer<'a, Result<bool, PortFailure>> {
        Box::pin(async move {
            if !self.ways.is_voice(call.timestamp, call.signature, call.body, call.now) {
                return Ok(false);
            }
            let outcome = match call.result {
                CallResult::Ringing => Outcome::Delivered("振铃".into()),
                CallResult::Answered => Outcome::Read("已接听".into()),
                CallResult::NoAnswer => Outcome::Failed("无人接听".into()),
                CallResult::Busy => Outcome::Failed("占线".into()),
                CallResult::Failed => Outcome::Failed("呼叫失败".into()),
            };
            self.notices.settle_call(call.notice, &outcome, call.now).await.map_err(failure)?;
            Ok(true)
        })
    }
}
