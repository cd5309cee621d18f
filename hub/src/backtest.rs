//! Back-tests of candidate rules: `greenhub replay` as a child process at the lowest priority, one at a time.
//!
//! The child reads the log as it lies on disk and disturbs nobody; it prints lines of JSON, its progress and at the end
//! the result, both of bounded size. What comes of it is stored with the request. Whoever cancels, and a hub that stops,
//! ends the child; a child that nobody hears any more ends itself.
//!
//! **Nothing vanishes.** That one is at work is stored before the asker is answered, and how far it is every
//! [`KEEP_EVERY_MS`]; a hub that starts finds what the one before left at work and ends it as interrupted, with a sentence.
//! It does not start it again: what killed the hub may have been the back-test.

use anyhow::{Context, Result};
use greenhub_dashboards::ports::{BacktestRefusal, BacktestRequest};
use greenhub_model::change::{Backtest, BacktestResult, BacktestState};
use greenhub_storage::changes::ChangeStore;
use greenhub_storage::log::Clock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Most bytes that a child may print.
const OUTPUT_BYTES_MAX: u64 = 32 << 20;
/// Words of a child that failed which are kept.
const ERROR_BYTES_MAX: u64 = 4_096;
/// How often the progress of the one at work is stored, milliseconds.
const KEEP_EVERY_MS: i64 = 10_000;
/// How often a result that the database does not take is offered again.
const STORE_TRIES: u32 = 30;

/// A line that the child prints.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// Share done, 0 to 1.
    Progress(f64),
    /// What it found.
    Result(Box<BacktestResult>),
}

/// Starts, follows and ends back-tests.
pub struct Backtests {
    data: PathBuf,
    store: ChangeStore,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    at_work: Mutex<Option<AtWork>>,
}

struct AtWork {
    backtest: Backtest,
    /// When the tables last heard of it, Unix ms.
    kept_at: i64,
    cancel: CancellationToken,
}

impl Backtests {
    /// None at work yet.
    pub fn new(data: &Path, store: ChangeStore, clock: Arc<dyn Clock>, stop: CancellationToken) -> Self {
        Self { data: data.to_owned(), store, clock, stop, at_work: Mutex::new(None) }
    }

    /// The one at work for this request.
    pub fn running(&self, change: i64) -> Option<Backtest> {
        let at_work = self.at_work.lock();
        at_work.as_ref().filter(|work| work.backtest.change == change).map(|work| work.backtest.clone())
    }

    /// Ends the one at work for this request.
    pub fn cancel(&self, change: i64) -> bool {
        let at_work = self.at_work.lock();
        let found = at_work.as_ref().filter(|work| work.backtest.change == change);
        found.inspect(|work| work.cancel.cancel()).is_some()
    }

    /// Ends, in the tables, what a hub before this one left at work. For the start, when none is.
    pub async fn recover(&self) -> Result<()> {
        let now = self.clock.now().millis();
        let ended =
            self.store.interrupt_backtests(now, interrupted).await.context("look for interrupted back-tests")?;
        for backtest in ended {
            warn!(
                change = backtest.change,
                progress = backtest.progress,
                "a back-test was interrupted by the hub's stop"
            );
        }
        Ok(())
    }

    /// Starts one; it goes on in a task of its own.
    pub async fn start(self: Arc<Self>, request: BacktestRequest) -> Result<Backtest, BacktestRefusal> {
        let now = request.at.millis();
        let backtest = Backtest {
            change: request.change,
            candidate: request.candidate,
            present: true,
            state: BacktestState::Running,
            by: request.by.clone(),
            days: request.days,
            from: now - i64::from(request.days) * 86_400_000,
            to: now,
            started_at: now,
            finished_at: None,
            progress: 0.0,
            seconds_left: None,
            error: None,
            result: None,
        };
        let (kept, told) = oneshot::channel();
        {
            let mut at_work = self.at_work.lock();
            if let Some(work) = at_work.as_ref() {
                return Err(BacktestRefusal::Busy { change: work.backtest.change });
            }
            let child =
                self.spawn(&request, &backtest).map_err(|error| BacktestRefusal::Failed(format!("{error:#}")))?;
            let cancel = self.stop.child_token();
            *at_work = Some(AtWork { backtest: backtest.clone(), kept_at: now, cancel: cancel.clone() });
            tokio::spawn(self.clone().follow(child, cancel, kept));
        }
        // An asker who goes away does not take the back-test along, so its own task stores it.
        told.await.map_err(|_| BacktestRefusal::Failed("its task has ended".to_owned()))?;
        Ok(backtest)
    }

    fn spawn(&self, request: &BacktestRequest, backtest: &Backtest) -> Result<Child> {
        let directory = self.data.join("backtests");
        std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let write = |name: &str, rules: &serde_json::Value| -> Result<PathBuf> {
            let file = directory.join(name);
            std::fs::write(&file, rules.to_string()).with_context(|| format!("write {}", file.display()))?;
            Ok(file)
        };
        let (base, rules) = (write("base.json", &request.base)?, write("candidate.json", &request.rules)?);
        let time = |ms: i64| -> Result<String> {
            let time = jiff::Timestamp::from_millisecond(ms).context("the stretch of a back-test is no time")?;
            Ok(time.to_string())
        };
        let program = std::env::current_exe().context("find our own binary")?;
        Command::new("nice")
            .args(["-n", "19"])
            .arg(program)
            .arg("replay")
            .arg("--data")
            .arg(&self.data)
            .args(["--from", &time(backtest.from)?, "--to", &time(backtest.to)?])
            .arg("--against")
            .arg(base)
            .arg("--rules")
            .arg(rules)
            .args(["--report", "json", "--progress"])
            .env("GREENHUB_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start the replay")
    }

    async fn follow(self: Arc<Self>, mut child: Child, cancel: CancellationToken, kept: oneshot::Sender<()>) {
        self.keep().await;
        // Whoever asked may be gone.
        let _gone = kept.send(());
        let outcome = tokio::select! {
            () = cancel.cancelled() => None,
            outcome = self.listen(&mut child) => Some(outcome),
        };
        if outcome.is_none()
            && let Err(error) = child.kill().await
        {
            warn!(%error, "a back-test could not be ended");
        }
        let Some(mut backtest) = self.at_work.lock().as_ref().map(|work| work.backtest.clone()) else { return };
        backtest.finished_at = Some(self.clock.now().millis());
        backtest.seconds_left = None;
        match outcome {
            None if self.stop.is_cancelled() => {
                backtest.state = BacktestState::Interrupted;
                backtest.error = Some(interrupted(&backtest));
            }
            None => backtest.state = BacktestState::Cancelled,
            Some(Ok(result)) => {
                (backtest.state, backtest.progress, backtest.result) = (BacktestState::Done, 1.0, Some(result));
            }
            Some(Err(error)) => {
                backtest.state = BacktestState::Failed;
                backtest.error = Some(format!("{error:#}"));
            }
        }
        info!(change = backtest.change, state = ?backtest.state, "back-test ended");
        for _ in 0..STORE_TRIES {
            match self.store.save_backtest(&backtest).await {
                Ok(()) => break,
                Err(_) if self.stop.is_cancelled() => break,
                Err(error) => warn!(%error, "the result of a back-test waits for the database"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        *self.at_work.lock() = None;
    }

    async fn listen(&self, child: &mut Child) -> Result<BacktestResult> {
        let output = child.stdout.take().context("the replay has no output")?;
        let mut errors = child.stderr.take().context("the replay has no error output")?;
        let words = tokio::spawn(async move {
            let mut text = Vec::new();
            let mut first = (&mut errors).take(ERROR_BYTES_MAX);
            // What it says is for people only; a broken pipe ends it.
            let _ended = first.read_to_end(&mut text).await;
            let _rest = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let mut lines = BufReader::new(output.take(OUTPUT_BYTES_MAX)).lines();
        let mut result = None;
        while let Some(line) = lines.next_line().await.context("read the output of the replay")? {
            match serde_json::from_str::<Line>(&line).context("the replay said something unknown")? {
                Line::Progress(share) => {
                    if self.advance(share) {
                        self.keep().await;
                    }
                }
                Line::Result(found) => result = Some(*found),
            }
        }
        let status = child.wait().await.context("wait for the replay")?;
        let words = words.await.unwrap_or_default();
        result.filter(|_| status.success()).with_context(|| format!("the replay ended with {status}: {words}"))
    }

    /// Stores how the one at work stands; the tables hear of it again later where they take nothing now.
    async fn keep(&self) {
        let Some(backtest) = self.at_work.lock().as_ref().map(|work| work.backtest.clone()) else { return };
        if let Err(error) = self.store.save_backtest(&backtest).await {
            warn!(%error, "the progress of a back-test cannot be stored");
        }
    }

    /// Notes how far it is; whether it is time to store that.
    fn advance(&self, share: f64) -> bool {
        let now = self.clock.now().millis();
        let mut at_work = self.at_work.lock();
        let Some(work) = at_work.as_mut() else { return false };
        let share = share.clamp(0.0, 1.0);
        work.backtest.progress = share;
        let seconds = (now - work.backtest.started_at) as f64 / 1e3;
        work.backtest.seconds_left = (share > 0.01).then(|| seconds / share * (1.0 - share));
        let due = now - work.kept_at >= KEEP_EVERY_MS;
        if due {
            work.kept_at = now;
        }
        due
    }
}

/// What people read of a back-test that the hub's stop ended.
fn interrupted(backtest: &Backtest) -> String {
    format!("中心在进行到 {:.0}% 时停止，没有结果；请重新运行", backtest.progress * 100.0)
}
