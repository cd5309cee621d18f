//! The router's task: batches in, answers, wills and snapshots out.

use super::core::{Core, Effect};
use crate::mqtt::session::change::Change;
use crate::mqtt::session::message::Properties;
use crate::mqtt::shared::{Asked, Command, Figures, Shared, count, now};
use greenhub_model::{Channel, Record};
use greenhub_storage::log::{Burst, Hold, LogError, LogReader};
use greenhub_storage::snapshot::SnapshotStore;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

/// Name of the broker's hold on the log.
const HOLD: &str = "mqtt";
/// How often time goes on for wills and expiry.
const TICK: Duration = Duration::from_secs(1);
/// Attempts to append a will whose session is gone.
const WILL_ATTEMPTS: u32 = 30;

/// A snapshot that has been published: its batch, and the batch the log must be held at.
struct Saved {
    batch: u64,
    needed: u64,
}

/// The router and what it needs.
pub(crate) struct Router {
    shared: Arc<Shared>,
    core: Core,
    reader: LogReader,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Commands whose batch has not been applied; bounded by the gates of their connections.
    waiting: VecDeque<Command>,
    snapshots: Arc<SnapshotStore>,
    hold: Hold,
    /// Newest batch applied.
    batch: u64,
    /// Newest batch in a published snapshot.
    saved: u64,
    /// A snapshot is being written.
    saving: Option<tokio::task::JoinHandle<Option<Saved>>>,
}

/// Restores sessions and retained messages: the newest snapshot, then the log from there to its end. Blocks.
pub(crate) fn restore(
    shared: Arc<Shared>,
    snapshots: SnapshotStore,
    commands: mpsc::UnboundedReceiver<Command>,
) -> Result<Router, LogError> {
    let log = shared.log.clone();
    let hold = log.hold(HOLD);
    let limits = shared.limits.clone();
    let (mut core, mut from) = (Core::new(limits.clone(), shared.pool.clone()), log.oldest_batch());
    match snapshots.newest() {
        Ok(Some(snapshot)) if snapshot.batch > log.committed().batch => {
            warn!(
                snapshot = snapshot.batch,
                log = log.committed().batch,
                "broker snapshot is ahead of the log: ignored"
            );
        }
        Ok(Some(snapshot)) => match Core::restore(limits.clone(), shared.pool.clone(), &snapshot.parts) {
            Ok(restored) => (core, from) = (restored, snapshot.batch + 1),
            Err(error) => error!(%error, "broker snapshot cannot be used; reading the whole log"),
        },
        Ok(None) => {}
        Err(error) => error!(%error, "broker snapshot cannot be read; reading the whole log"),
    }
    let saved = from.saturating_sub(1);
    let until = log.committed().batch;
    let mut reader = log.reader(from.max(log.oldest_batch()))?;
    let mut batch = saved;
    while reader.next_number() <= until {
        let Some(next) = reader.next(Duration::from_secs(10))? else { continue };
        if let Err(error) = core.apply(&next) {
            error!(%error, batch = next.number, "log batch with a damaged record; its rest is not routed");
        }
        core.take_effects();
        batch = next.number;
    }
    core.go_live(limits.will_grace_after_restart, now());
    let [sessions, _, subscriptions, retained, ..] = core.gauges();
    info!(from, until, sessions, subscriptions, retained, "broker sessions restored");
    let (snapshots, waiting) = (Arc::new(snapshots), VecDeque::new());
    Ok(Router { shared, core, reader, commands, waiting, snapshots, hold, batch, saved, saving: None })
}

impl Router {
    /// Runs until the broker stops and all connections are gone, then writes a last snapshot.
    pub(crate) async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut next_sys, mut next_save) = (Instant::now(), Instant::now() + self.shared.limits.snapshot_every);
        let stop = self.shared.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                batch = self.reader.next_async() => match batch {
                    Ok(batch) => {
                        self.apply(&batch);
                        // Connections just woken may sit in this thread's own slot, which nobody else can take.
                        tokio::task::yield_now().await;
                    }
                    Err(LogError::Closed) => break,
                    Err(error) => {
                        error!(%error, "the broker cannot read the log: subscribers get nothing until a restart");
                        break;
                    }
                },
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.waiting.push_back(command);
                        self.commands_in_turn();
                    }
                    None => break,
                },
                _ = tick.tick() => {
                    self.core.advance(now());
                    self.effects();
                    self.publish_figures();
                    if Instant::now() >= next_sys {
                        next_sys = Instant::now() + self.shared.limits.sys_every;
                        self.announce();
                    }
                    if Instant::now() >= next_save {
                        next_save = Instant::now() + self.shared.limits.snapshot_every;
                        self.save();
                    }
                    self.saved().await;
                }
            }
        }
        self.finish().await;
    }

    /// A command takes its place in the order of the log: behind what was committed when it was sent, before what was
    /// not. So a SUBSCRIBE does not hear of messages acknowledged earlier, and does hear of its own client's next one.
    fn apply(&mut self, batch: &greenhub_model::Batch) {
        while let Ok(command) = self.commands.try_recv() {
            self.waiting.push_back(command);
        }
        self.commands_in_turn();
        if let Err(error) = self.core.apply(batch) {
            error!(%error, batch = batch.number, "log batch with a damaged record; its rest is not routed");
        }
        self.batch = batch.number;
        self.publish_figures();
        self.effects();
        self.commands_in_turn();
    }

    fn commands_in_turn(&mut self) {
        while let Some(command) = self.waiting.pop_front_if(|command| command.after <= self.batch) {
            self.command(command);
        }
    }

    fn command(&mut self, command: Command) {
        match command.what {
            Asked::Change(change, gate) => {
                // `logged` of a session that exists does not change by a command; a new one is not in the log.
                self.core.change(&command.client, &command.principal, false, change, now());
                self.core.ring();
                gate.leave();
                self.publish_figures();
                self.effects();
            }
            Asked::NotAppended => self.core.not_appended(&command.client),
        }
    }

    fn effects(&mut self) {
        for effect in self.core.take_effects() {
            match effect {
                Effect::Attach(epoch, attached) => {
                    if let Some(waiter) = self.shared.waiter(epoch) {
                        // A connection that gave up waiting has said so in the log or by command.
                        let _ = waiter.send(attached);
                    }
                }
                effect => {
                    self.shared.tasks.spawn(append(self.shared.clone(), effect));
                }
            }
        }
    }

    fn publish_figures(&self) {
        let gauges = self.core.gauges();
        *self.shared.figures.lock() = Figures { routed: self.core.routed(), gauges, batch: self.batch };
    }

    fn announce(&mut self) {
        let [sessions, connected, subscriptions, retained, _, queued] = self.core.gauges();
        let (tally, counters) = (self.shared.pool.tally(), &self.shared.counters);
        let received = counters.publishes.load(std::sync::atomic::Ordering::Relaxed);
        let rows = [
            ("clients/connected", connected),
            ("clients/total", sessions),
            ("subscriptions/count", subscriptions),
            ("retained messages/count", retained),
            ("messages/received", received),
            ("messages/sent", tally.sent),
            ("messages/dropped", tally.dropped_slow + tally.dropped_queue),
            ("store/messages/bytes", queued),
        ];
        for (name, value) in rows {
            self.core.announce(&format!("$SYS/broker/{name}"), &value.to_string(), now());
        }
    }

    /// Writes a snapshot when anything happened since the last, on a thread of its own.
    fn save(&mut self) {
        if self.saving.is_some() || self.batch == self.saved {
            return;
        }
        let (parts, batch, snapshots) = (self.core.image(), self.batch, self.snapshots.clone());
        self.saving = Some(tokio::task::spawn_blocking(move || {
            let written = snapshots.write(batch, &parts).and_then(|pending| pending.publish());
            match written {
                Ok(needed) => Some(Saved { batch, needed }),
                Err(error) => {
                    warn!(%error, batch, "broker snapshot not written; the log is kept for it");
                    None
                }
            }
        }));
    }

    /// Takes note of a snapshot that has been written.
    async fn saved(&mut self) {
        if self.saving.as_ref().is_some_and(tokio::task::JoinHandle::is_finished) {
            self.await_saving().await;
        }
    }

    async fn await_saving(&mut self) {
        let Some(saving) = self.saving.take() else { return };
        match saving.await {
            Ok(Some(saved)) => {
                self.saved = saved.batch;
                self.hold.advance(saved.needed);
            }
            Ok(None) => {}
            Err(error) => error!(%error, "writing a broker snapshot ended abnormally"),
        }
    }

    /// The broker stops: connections have been told; apply what they still send, then save.
    async fn finish(mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.waiting.push_back(command);
        }
        self.commands_in_turn();
        let until = self.shared.log.committed().batch;
        while self.batch < until {
            match tokio::time::timeout(Duration::from_secs(5), self.reader.next_async()).await {
                Ok(Ok(batch)) => self.apply(&batch),
                _ => break,
            }
        }
        self.await_saving().await;
        self.save();
        self.await_saving().await;
        self.publish_figures();
    }
}

/// Appends a will or the end of a session, and says so when it could not.
async fn append(shared: Arc<Shared>, effect: Effect) {
    let (client, principal, burst, gone) = match &effect {
        Effect::Publish { client, principal, epoch, will, logged } => {
            let mut properties = vec![];
            Properties { expiry: will.expiry, client: None, handed: &will.properties }.encode(&mut properties);
            let record = Record {
                qos: will.qos,
                retain: will.retain,
                unregistered: will.unregistered,
                properties: &properties,
                ..Record::message(Channel::Hub, &will.topic, principal, &will.payload)
            };
            let done = Change::WillDone { epoch: *epoch }.encode();
            let mut burst = Burst::new();
            let pushed = burst.push(&record).and_then(|()| match logged {
                true => burst.push(&Change::record(client, principal, &done)),
                false => Ok(()),
            });
            if let Err(error) = pushed {
                return error!(%client, %error, "will cannot be written");
            }
            (client.clone(), principal.clone(), burst, !logged)
        }
        Effect::End { client, principal, born } => {
            let ended = Change::Ended { born: *born }.encode();
            let mut burst = Burst::new();
            if let Err(error) = burst.push(&Change::record(client, principal, &ended)) {
                return error!(%client, %error, "end of a session cannot be written");
            }
            (client.clone(), principal.clone(), burst, false)
        }
        Effect::Attach(..) => return,
    };
    let attempts = if gone { WILL_ATTEMPTS } else { 1 };
    for attempt in 1..=attempts {
        let appended = match shared.log.append(&burst).await {
            Ok(ticket) => ticket.committed().await.is_ok(),
            Err(_) => false,
        };
        if appended {
            return;
        }
        if shared.stop.is_cancelled() {
            break;
        }
        if attempt < attempts {
            tokio::time::sleep(TICK).await;
        }
    }
    if gone {
        count(&shared.counters.wills_lost, 1);
        error!(%client, "the log took no will for half a minute: it is lost");
    } else {
        shared.send(&client, &principal, Asked::NotAppended);
    }
}
