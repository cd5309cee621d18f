//! Change control at work: the approved master in force, at its time and once, and the hub's side of back-tests.
//!
//! ```text
//! start:        no version yet ─▶ the configured rules (file or built in) become the first one
//!               rules at the end of the log ≠ newest version ─▶ newest version into the log
//! every second: approved and due ─▶ new version + request in force (one transaction) ─▶ into the log
//! ```
//!
//! **Exactly once.** The version is written before the log is. Whoever is killed between the two finds at the next start
//! that the log does not end with the master, and appends it; killed after, that it does, and appends nothing: the log
//! itself says what is in it. **Retries.** While the log takes nothing the master waits, and the audit page shows that
//! something else runs. A request whose base was overtaken goes back to its requester.

use crate::backtest::Backtests;
use crate::config::Config;
use crate::state;
use anyhow::{Context, Result};
use greenhub_alarms::RuleSet;
use greenhub_alarms::change::{Actor, ChangeRefusal, Facts, advance};
use greenhub_dashboards::ports::{Answer, BacktestRefusal, BacktestRequest, PortFailure, RulesPort};
use greenhub_model::ConfigChange;
use greenhub_model::change::{Backtest, Change, ChangeAct, ChangeEvent};
use greenhub_storage::accounts::{AuditLog, NewAuditEntry, Outcome};
use greenhub_storage::changes::{ChangeStore, NewVersion, RuleVersion};
use greenhub_storage::log::{Clock, Log};
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{StreamsHandle, Tail, rules_recorded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the hub looks for changes whose time has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The master and the way of its versions into the log.
pub struct Master {
    store: ChangeStore,
    log: Log,
    audit: AuditLog,
    clock: Arc<dyn Clock>,
    configured: (&'static str, Arc<RuleSet>),
    /// Newest version that is in the log.
    in_log: AtomicU64,
    wake: Notify,
}

impl Master {
    /// Sees to it that the log ends with the newest approved version, before anything decides by rules.
    pub async fn establish(
        config: &Config,
        store: ChangeStore,
        log: Log,
        audit: AuditLog,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let configured = configured(config)?;
        let master = Self { store, log, audit, clock, configured, in_log: AtomicU64::new(0), wake: Notify::new() };
        if master.store.newest().await.context("read the rules")?.is_none() {
            let (origin, rules) = &master.configured;
            let number = rules.version.max(1);
            let rules = serde_json::to_value(rules.as_ref()).context("write the rule set")?;
            let at = master.clock.now().millis();
            let first = NewVersion { number, at, author: "hub", origin, rules: &rules };
            master.store.begin_with(&first).await.context("write the first version of the rules")?;
        }
        let newest = master.newest().await?;
        let wanted = rules_of(&newest)?;
        if recorded(config, &master.log)?.as_ref() == Some(&wanted) {
            master.in_log.store(newest.row.number, Ordering::Release);
        } else {
            master.append_to_log(&newest).await?;
        }
        Ok(master)
    }

    async fn newest(&self) -> Result<RuleVersion> {
        self.store.newest().await.context("read the rules")?.context("there is no version of the rules")
    }

    async fn append_to_log(&self, version: &RuleVersion) -> Result<()> {
        let change = ConfigChange::Rules { rules: version.rules.clone() };
        state::append_changes(&self.log, &version.row.author, &[change]).await?;
        self.in_log.store(version.row.number, Ordering::Release);
        info!(version = version.row.number, "rules put in force");
        Ok(())
    }

    /// Looks for what is due, every second and when woken, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look().await {
                warn!(error = format!("{error:#}"), "changes of the rules wait, trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self) -> Result<()> {
        let now = self.clock.now().millis();
        for change in self.store.scheduled().await.context("look for scheduled changes")? {
            if change.effective_at.is_none_or(|at| at <= now) {
                self.put_in_force(change, now).await?;
            }
        }
        let newest = self.newest().await?;
        if newest.row.number > self.in_log.load(Ordering::Acquire) {
            self.append_to_log(&newest).await?;
        }
        Ok(())
    }

    async fn put_in_force(&self, before: Change, now: i64) -> Result<()> {
        let master = self.newest().await?.row.number;
        let facts = Facts { now, master, scheduled: None, approve_within_ms: 0 };
        let mut change = before.clone();
        let candidate = self.store.candidate(before.id).await.context("read a candidate")?;
        let candidate = candidate.with_context(|| format!("change {} has no candidate", before.id))?;
        let usable = usable(&candidate.rules, master + 1);
        let outcome = advance(&mut change, ChangeAct::PutInForce, Actor::Hub, "", true, &facts);
        let (act, why) = match (outcome, usable) {
            (Ok(()), Ok(())) => {
                let text = format!("第 {} 版规则", master + 1);
                let event = event(&before, &change, ChangeAct::PutInForce, &text, now);
                let version = NewVersion {
                    number: master + 1,
                    at: now,
                    author: &before.requester,
                    origin: "change",
                    rules: &candidate.rules,
                };
                let stored = self.store.put_in_force(&change, before.revision, &event, &version).await;
                if stored.context("put a change in force")? {
                    self.note("change_in_force", &change, &format!("version {}", master + 1)).await;
                }
                return Ok(());
            }
            (Err(refusal @ ChangeRefusal::Stale { .. }), _) => (ChangeAct::SendBack, refusal.to_string()),
            (Err(refusal), _) => (ChangeAct::SendBack, refusal.to_string()),
            (Ok(()), Err(why)) => (ChangeAct::SendBack, why),
        };
        let mut change = before.clone();
        advance(&mut change, act, Actor::Hub, &why, true, &facts).context("send a change back")?;
        let event = event(&before, &change, act, &why, now);
        if self.store.save(&change, before.revision, None, &event).await.context("send a change back")? {
            self.note("change_send_back", &change, &why).await;
        }
        Ok(())
    }

    async fn note(&self, action: &'static str, change: &Change, detail: &str) {
        let object = format!("change {}", change.id);
        let entry = NewAuditEntry {
            at: self.clock.now(),
            actor: "hub",
            origin: "",
            action,
            object: &object,
            outcome: Outcome::Done,
            detail,
        };
        if let Err(error) = self.audit.append(&entry).await {
            warn!(%error, action, "an act of change control could not be audited");
        }
    }
}

fn event(before: &Change, after: &Change, act: ChangeAct, comment: &str, at: i64) -> ChangeEvent {
    let comment = comment.to_owned();
    ChangeEvent {
        seq: 0,
        at,
        by: Actor::Hub.name().to_owned(),
        act,
        from: Some(before.state),
        to: after.state,
        comment,
    }
}

/// The dataflow would set rules aside that it cannot use, so they do not become the master.
fn usable(rules: &serde_json::Value, number: u64) -> Result<(), String> {
    let rules: RuleSet = serde_json::from_value(rules.clone())
        .map_err(|error| format!("候选规则无法读取（{error}）；请重新编辑后提交"))?;
    if rules.version != number {
        return Err(format!("候选规则的版本号是 {}，应为 {number}；请重新编辑后提交", rules.version));
    }
    rules.validate().map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        format!("候选规则现有 {} 处问题：{first}；请改正后重新提交", problems.len())
    })
}

fn rules_of(version: &RuleVersion) -> Result<RuleSet> {
    serde_json::from_value(version.rules.clone())
        .with_context(|| format!("read version {} of the rules", version.row.number))
}

/// What the configuration brings: used as the first version, compared with all later ones.
fn configured(config: &Config) -> Result<(&'static str, Arc<RuleSet>)> {
    let file = &config.streams.rules;
    Ok(if file.as_os_str().is_empty() {
        ("builtin", Arc::new(RuleSet::builtin()))
    } else {
        ("file", Arc::new(crate::replay::read_rules(file)?))
    })
}

/// The rules with which the log ends.
fn recorded(config: &Config, log: &Log) -> Result<Option<RuleSet>> {
    let directory = config.data.join("snapshots");
    let snapshot = SnapshotStore::open(&directory)
        .and_then(|store| store.newest())
        .with_context(|| format!("read snapshots in {}", directory.display()))?;
    let from = |batch: u64| log.reader(batch).map(Tail).context("read the log");
    let oldest = log.oldest_batch();
    if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.batch + 1 >= oldest) {
        match rules_recorded(Some(&snapshot), from(snapshot.batch + 1)?) {
            Ok(rules) => return Ok(rules),
            Err(error) => warn!(%error, "the rules of the newest snapshot cannot be read, reading the whole log"),
        }
    }
    rules_recorded(None, from(oldest)?).context("read the rules in the log")
}

/// Change control as the web tier sees it.
pub struct Desk {
    /// The master.
    pub master: Arc<Master>,
    /// The dataflow.
    pub streams: Arc<StreamsHandle>,
    /// Back-tests.
    pub backtests: Arc<Backtests>,
}

impl Desk {
    /// Puts change control together; back-tests keep their files below `data`.
    pub fn new(master: Arc<Master>, streams: Arc<StreamsHandle>, data: &Path, stop: &CancellationToken) -> Self {
        let backtests = Backtests::new(data, master.store.clone(), master.clock.clone(), stop.child_token());
        Self { master, streams, backtests: Arc::new(backtests) }
    }
}

impl RulesPort for Desk {
    fn running(&self) -> Option<Arc<RuleSet>> {
        self.streams.rules()
    }

    fn configured(&self) -> (&'static str, Arc<RuleSet>) {
        self.master.configured.clone()
    }

    fn look(&self) {
        self.master.wake.notify_one();
    }

    fn restore(&self) -> Answer<'_, Result<(), PortFailure>> {
        Box::pin(async move {
            let failure = |error: anyhow::Error| PortFailure(format!("{error:#}"));
            let newest = self.master.newest().await.map_err(failure)?;
            self.master.append_to_log(&newest).await.map_err(failure)
        })
    }

    fn start_backtest(&self, request: BacktestRequest) -> Answer<'_, Result<Backtest, BacktestRefusal>> {
        Box::pin(async move { self.backtests.clone().start(request).await })
    }

    fn backtest(&self, change: i64) -> Option<Backtest> {
        self.backtests.running(change)
    }

    fn cancel_backtest(&self, change: i64) -> bool {
        self.backtests.cancel(change)
    }
}
