//! `greenhub replay`: the recorded log through the same operators again. Writes nothing; works beside a running hub.

use crate::config::Config;
use crate::state;
use anyhow::{Context, Result, bail};
use clap::Args;
use greenhub_alarms::rules::RuleSet;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::ReceivedTime;
use greenhub_storage::log::OfflineReader;
use greenhub_storage::snapshot::{Snapshot, SnapshotStore};
use greenhub_streams::{AlarmSummary, Offline, ReplayOptions, ReplayReport, replay};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    /// Candidate rule set (TOML): show which alarms it would have gained, lost or changed.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// Worker threads of the dataflow.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

/// Reads and checks a rule set.
pub fn read_rules(file: &Path) -> Result<RuleSet> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read rules {}", file.display()))?;
    let rules: RuleSet = toml::from_str(&text).with_context(|| format!("parse rules {}", file.display()))?;
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
    };
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
