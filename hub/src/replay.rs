//! `greenhub replay`: the recorded log through the same operators again. Writes nothing; works beside a running hub.

use crate::backtest::Line;
use crate::config::Config;
use crate::state;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use greenhub_alarms::rules::RuleSet;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::ReceivedTime;
use greenhub_model::change::{BacktestChanged, BacktestResult, BacktestRow};
use greenhub_storage::log::OfflineReader;
use greenhub_storage::snapshot::{Snapshot, SnapshotStore};
use greenhub_streams::{AlarmComparison, AlarmSummary, Offline, ReplayOptions, ReplayProgress, ReplayReport, replay};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    place: crate::Place,
    /// Report on what was received from then on (RFC 3339).
    #[arg(long)]
    from: Option<String>,
    /// Stop there (RFC 3339).
    #[arg(long)]
    to: Option<String>,
    /// Candidate rule set (TOML, or JSON by its name): show which alarms it would have gained, lost or changed.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// Compare the candidate with this rule set instead of the rules of the time.
    #[arg(long, requires = "rules")]
    against: Option<PathBuf>,
    /// Print lines of JSON of bounded size: a back-test of the candidate.
    #[arg(long, value_enum, requires = "rules", requires = "from")]
    report: Option<Report>,
    /// With --report: print the progress once a second.
    #[arg(long, requires = "report")]
    progress: bool,
    /// Worker threads of the dataflow.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

/// Forms of the report of a back-test.
#[derive(Clone, Copy, ValueEnum)]
enum Report {
    /// Lines of JSON.
    Json,
}

/// What devices said for so long before the stretch is run as well, so that what stood at its beginning is known.
const WARM_UP_US: i64 = 6 * 3_600_000_000;
/// Most rows of a kind in the report of a back-test.
const ROWS_MAX: usize = 500;
/// How a back-test ends that nobody listens to.
const EXIT_UNHEARD: i32 = 3;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Reads and checks a rule set.
pub fn read_rules(file: &Path) -> Result<RuleSet> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read rules {}", file.display()))?;
    let parsed: Result<RuleSet> = if file.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(Into::into)
    } else {
        toml::from_str(&text).map_err(Into::into)
    };
    let rules = parsed.with_context(|| format!("parse rules {}", file.display()))?;
    if let Err(problems) = rules.validate() {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        bail!("the rules {} cannot be used:\n  {}", file.display(), lines.join("\n  "));
    }
    Ok(rules)
}

pub fn run(args: &ReplayArgs) -> Result<()> {
    let config = args.place.load()?;
    let options = ReplayOptions {
        from: args.from.as_deref().map(instant).transpose()?,
        to: args.to.as_deref().map(instant).transpose()?,
        rules: args.rules.as_deref().map(read_rules).transpose()?,
        workers: args.workers,
        against: args.against.as_deref().map(read_rules).transpose()?,
        ..ReplayOptions::default()
    };
    if args.report.is_some() {
        return back_test(&config, options, args.progress);
    }
    let directory = state::log_directory(&config.data);
    let snapshot = beginning(&config, &directory)?;
    let from_batch = snapshot.as_ref().map_or(0, |s| s.batch + 1);
    let started = Instant::now();
    let report = replay(
        || Ok(Offline(OfflineReader::open(&directory, from_batch)?)),
        snapshot.as_ref(),
        Arc::new(JsonDecoder),
        &options,
    )
    .with_context(|| format!("replay the log in {}", directory.display()))?;
    let elapsed = started.elapsed();
    if args.json { print_json(&report, elapsed) } else { print_text(&report, elapsed) }
}

/// A back-test: bounded output, no hash, and only the stretch with a warm-up before it.
fn back_test(config: &Config, options: ReplayOptions, tells: bool) -> Result<()> {
    let directory = state::log_directory(&config.data);
    let progress = Arc::new(ReplayProgress::default());
    let options = ReplayOptions {
        warm: options.from.map(|from| ReceivedTime(from.0 - WARM_UP_US)),
        is_backtest: true,
        progress: Some(progress.clone()),
        ..options
    };
    let snapshot = beginning(config, &directory)?;
    let end = options.to.unwrap_or_else(state::now);
    let (ended, told) = std::sync::mpsc::channel::<()>();
    let teller = std::thread::spawn(move || {
        while tells && told.recv_timeout(PROGRESS_EVERY) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let load = |value: &std::sync::atomic::AtomicI64| value.load(Ordering::Relaxed);
            let (first, newest) = (load(&progress.first), load(&progress.newest));
            let share = (newest - first) as f64 / (end.0 - first).max(1) as f64;
            let count = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed) as f64;
            let (ended, needed) = (count(&progress.runs), count(&progress.runs_needed).max(1.0));
            let line = Line::Progress(((ended + share.clamp(0.0, 1.0)) / needed).min(1.0));
            // Nobody listens any more: a hub that was killed could not end us. Nothing is open that wants closing.
            if say(&line).is_err() {
                std::process::exit(EXIT_UNHEARD);
            }
        }
    });
    let started = Instant::now();
    let report =
        replay(|| Ok(Offline(OfflineReader::open(&directory, 0)?)), snapshot.as_ref(), Arc::new(JsonDecoder), &options)
            .with_context(|| format!("replay the log in {}", directory.display()));
    drop(ended);
    teller.join().map_err(|_| anyhow::anyhow!("the thread that tells the progress panicked"))?;
    say(&Line::Result(Box::new(result(report?, started.elapsed())?)))
}

fn say(line: &Line) -> Result<()> {
    let text = serde_json::to_string(line).context("write a line")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("write to standard output")
}

fn result(report: ReplayReport, elapsed: Duration) -> Result<BacktestResult> {
    let messages = messages(&report);
    let candidate = report.candidate.context("a back-test has a candidate")?;
    let AlarmComparison { mut gained, mut lost, mut changed, same } = candidate.comparison;
    let totals = [gained.len(), lost.len(), changed.len()].map(|n| n as u64);
    gained.truncate(ROWS_MAX);
    lost.truncate(ROWS_MAX);
    changed.truncate(ROWS_MAX);
    Ok(BacktestResult {
        messages,
        elapsed_s: elapsed.as_secs_f64(),
        gained_total: totals[0],
        lost_total: totals[1],
        changed_total: totals[2],
        same,
        gained: gained.into_iter().map(row).collect(),
        lost: lost.into_iter().map(row).collect(),
        changed: changed
            .into_iter()
            .map(|changed| BacktestChanged { was: row(changed.was), would_be: row(changed.would_be) })
            .collect(),
        before: report.kpi,
        after: candidate.kpi,
        truncated: report.truncated || totals.iter().any(|total| *total > ROWS_MAX as u64),
    })
}

fn row(alarm: AlarmSummary) -> BacktestRow {
    BacktestRow {
        alarm: alarm.alarm,
        device: alarm.device,
        device_name: alarm.device_name,
        code: alarm.code,
        title: alarm.title,
        sub_component: alarm.sub_component,
        severity: alarm.severity,
        priority: alarm.priority,
        raised_at: alarm.raised_at,
        returned_at: alarm.returned_at,
        count: alarm.count,
        annunciations: alarm.annunciations,
        first_position: alarm.first_position,
    }
}

/// The whole log replays from nothing. Where retention has taken its beginning, the newest snapshot is the beginning.
fn beginning(config: &Config, directory: &Path) -> Result<Option<Snapshot>> {
    let mut reader =
        OfflineReader::open(directory, 0).with_context(|| format!("open the log in {}", directory.display()))?;
    let first = reader.next().context("read the log")?;
    if first.is_none_or(|batch| batch.number <= 1) {
        return Ok(None);
    }
    let snapshots = config.data.join("snapshots");
    let newest = SnapshotStore::beside(&snapshots)
        .newest()
        .with_context(|| format!("read snapshots in {}", snapshots.display()))?;
    if newest.is_none() {
        bail!("the beginning of the log is gone and there is no snapshot to start from");
    }
    Ok(newest)
}

fn instant(text: &str) -> Result<ReceivedTime> {
    let at: jiff::Timestamp =
        text.parse().with_context(|| format!("{text:?} is no time; write for example 2026-11-24T08:00:00+08:00"))?;
    Ok(ReceivedTime(at.as_microsecond()))
}

fn messages(report: &ReplayReport) -> u64 {
    report.counts.iter().map(|c| c.applied + c.quarantined).sum()
}

fn print_json(report: &ReplayReport, elapsed: Duration) -> Result<()> {
    let mut value = serde_json::to_value(report).context("write the report")?;
    value["messages"] = json!(messages(report));
    value["elapsed_s"] = json!(elapsed.as_secs_f64());
    println!("{value}");
    Ok(())
}

fn print_text(report: &ReplayReport, elapsed: Duration) -> Result<()> {
    let seconds = elapsed.as_secs_f64();
    println!("batches   {}", report.batches);
    println!("records   {}", report.records);
    println!("messages  {}", messages(report));
    println!("outputs   {}", report.outputs);
    println!("alarms    {}", report.alarms.len());
    if let Some((first, last)) = report.span {
        let recorded = (last.0 - first.0) as f64 / 1e6;
        println!("recorded  {recorded:.1} s, replayed in {seconds:.2} s, {:.0} times real time", recorded / seconds);
    }
    println!("hash      {}", report.output_hash);
    let Some(candidate) = &report.candidate else { return Ok(()) };
    let comparison = &candidate.comparison;
    println!(
        "candidate gained {}, lost {}, changed {}, same {}",
        comparison.gained.len(),
        comparison.lost.len(),
        comparison.changed.len(),
        comparison.same
    );
    let line = |sign: &str, a: &AlarmSummary| println!("  {sign} {:?} {} {} {}", a.priority, a.device, a.code, a.title);
    comparison.gained.iter().for_each(|a| line("+", a));
    comparison.lost.iter().for_each(|a| line("-", a));
    comparison.changed.iter().for_each(|c| line("~", &c.would_be));
    Ok(())
}
