//! `greenhub export …`: stored data as JSON lines on standard output. Reads only; works beside a running hub.

use crate::Place;
use crate::state;
use anyhow::{Context, Result};
use clap::Subcommand;
use greenhub_model::record::{Record, RecordKind};
use greenhub_storage::log::OfflineReader;
use serde_json::json;
use std::io::{BufWriter, Write};

#[derive(Subcommand)]
pub enum ExportCommand {
    /// Every record of the log.
    Log {
        /// First batch.
        #[arg(long, default_value_t = 0)]
        from_batch: u64,
        #[command(flatten)]
        place: Place,
    },
    /// The rule set built into this binary, as TOML: the start of a rule set of your own.
    Rules {
        #[command(flatten)]
        place: Place,
    },
}

pub fn run(command: ExportCommand) -> Result<()> {
    match command {
        ExportCommand::Log { from_batch, place } => log(from_batch, &place),
        ExportCommand::Rules { .. } => {
            let rules = greenhub_alarms::rules::RuleSet::builtin();
            print!("{}", toml::to_string(&rules).context("write the rule set as TOML")?);
            Ok(())
        }
    }
}

fn log(from_batch: u64, place: &Place) -> Result<()> {
    let config = place.load()?;
    let directory = state::log_directory(&config.data);
    let mut reader = OfflineReader::open(&directory, from_batch)
        .with_context(|| format!("open the log in {}", directory.display()))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    while let Some(batch) = reader.next().context("read the log")? {
        for record in batch.records() {
            let (position, record) = record.with_context(|| format!("read a record of batch {}", batch.number))?;
            let mut line = describe(&record);
            line["position"] = json!(position.0);
            line["batch"] = json!(batch.number);
            line["received"] = json!(batch.received.millis_f64());
            writeln!(out, "{line}").context("write to standard output")?;
        }
    }
    out.flush().context("write to standard output")
}

fn describe(record: &Record<'_>) -> serde_json::Value {
    let kind = match record.kind {
        RecordKind::Message => "message",
        RecordKind::Session => "session",
        RecordKind::Command => "command",
        RecordKind::Config => "config",
        RecordKind::Tick => "tick",
    };
    let mut line = json!({
        "kind": kind,
        "channel": record.channel,
        "topic": record.topic,
        "principal": record.principal,
        "qos": record.qos,
        "retain": record.retain,
    });
    match std::str::from_utf8(record.payload) {
        Ok(text) => line["payload"] = json!(text),
        Err(_) => line["payload_hex"] = json!(record.payload.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }
    line
}
