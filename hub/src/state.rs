//! The data directory: where everything lives, and how deciding configuration gets into the log.
//!
//! ```text
//! data/log/            the truth            data/greenhub.sqlite    alarms, orders, accounts, ledger
//! data/snapshots/      operator state       data/history.sqlite     tracks and readings
//! data/broker/         sessions, retained   data/inbox/             configuration on its way into the log
//! data/in-force/       hash of the demo district that was last put into the log
//! data/files/           photos and documents by content, unfinished uploads
//! data/backtests/      the two rule sets of the newest back-test
//! data/vapid.pk8       who the hub is to push services; a hub that moves takes it along
//! ```

use crate::config::Config;
use anyhow::{Context, Result};
use greenhub_model::record::{Record, RecordKind};
use greenhub_model::{ConfigChange, ReceivedTime};
use greenhub_storage::log::{Burst, Clock, Log, LogConfig, SystemClock};
use greenhub_storage::relational::Database;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Wall clock, for commands that run beside a hub.
pub fn now() -> ReceivedTime {
    SystemClock.now()
}

/// Directory of the log.
pub fn log_directory(data: &Path) -> PathBuf {
    data.join("log")
}

/// The log as configured.
pub fn log_config(config: &Config) -> LogConfig {
    LogConfig {
        dir: log_directory(&config.data),
        segment_bytes: config.log.segment.0,
        buffer_bytes: usize::try_from(config.log.buffer.0).unwrap_or(usize::MAX),
        retain_bytes: config.log.retain.0,
        retain_age: config.log.retain_age.0,
    }
}

/// The relational database as configured; the data directory is made where it is missing.
pub async fn open_database(config: &Config) -> Result<Database> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("make data directory {}", config.data.display()))?;
    let url = &config.database.url.0;
    if url.is_empty() {
        let file = config.data.join("greenhub.sqlite");
        Database::open_file(&file).await.with_context(|| format!("open database {}", file.display()))
    } else {
        Database::open(url).await.context("open the database of database.url")
    }
}

fn inbox(data: &Path) -> PathBuf {
    data.join("inbox")
}

/// Hands configuration to the hub: a file in the inbox, complete before it has its name.
pub fn drop_into_inbox(config: &Config, changes: &[ConfigChange]) -> Result<()> {
    let directory = inbox(&config.data);
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    let text = serde_json::to_string(changes).context("write the configuration change")?;
    let name = format!("{:020}-{}", now().0, std::process::id());
    let (draft, file) = (directory.join(format!("{name}.draft")), directory.join(format!("{name}.json")));
    std::fs::write(&draft, text).with_context(|| format!("write {}", draft.display()))?;
    std::fs::rename(&draft, &file).with_context(|| format!("rename {}", draft.display()))
}

/// Puts configuration changes into the log, on disk when it returns.
pub async fn append_changes(log: &Log, by: &str, changes: &[ConfigChange]) -> Result<()> {
    for lot in changes.chunks(1_000) {
        let mut burst = Burst::new();
        for change in lot {
            let payload = serde_json::to_vec(change).context("write a configuration change")?;
            burst.push(&Record::own(RecordKind::Config, by, &payload)).context("record a configuration change")?;
        }
        let ticket = log.append(&burst).await.context("append configuration to the log")?;
        ticket.committed().await.context("store configuration in the log")?;
    }
    Ok(())
}

/// Puts `changes` into the log unless exactly these are in force already under `name`.
pub async fn put_in_force(log: &Log, data: &Path, name: &str, changes: &[ConfigChange]) -> Result<()> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(changes).context("write configuration")?.hash(&mut hasher);
    let mark = format!("{:016x}\n", hasher.finish());
    let directory = data.join("in-force");
    let file = directory.join(name);
    if std::fs::read_to_string(&file).is_ok_and(|there| there == mark) {
        return Ok(());
    }
    append_changes(log, "configuration", changes).await?;
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    std::fs::write(&file, mark).with_context(|| format!("write {}", file.display()))?;
    info!(%name, changes = changes.len(), "configuration put in force");
    Ok(())
}

/// Appends what is in the inbox now, oldest first. A file that cannot be read is set aside, never lost.
pub async fn empty_inbox(log: &Log, data: &Path) -> Result<()> {
    let directory = inbox(data);
    let Ok(entries) = std::fs::read_dir(&directory) else { return Ok(()) };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        match serde_json::from_str::<Vec<ConfigChange>>(&text) {
            Ok(changes) => {
                append_changes(log, "command-line", &changes).await?;
                std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
                info!(changes = changes.len(), "configuration taken from the inbox");
            }
            Err(error) => {
                warn!(file = %file.display(), %error, "configuration in the inbox cannot be read, set aside");
                std::fs::rename(&file, file.with_extension("refused"))
                    .with_context(|| format!("set {} aside", file.display()))?;
            }
        }
    }
    Ok(())
}

/// Looks into the inbox every second until `stop`.
pub async fn watch_inbox(log: Log, data: PathBuf, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if let Err(error) = empty_inbox(&log, &data).await {
            warn!(error = format!("{error:#}"), "the inbox could not be emptied, trying again");
        }
    }
}
