//! Files of cases: their store as configured, its tidying, its counters.

use crate::config::Config;
use anyhow::{Context, Result};
use greenhub_dashboards::Metrics;
use greenhub_storage::files::{FileStore, FilesConfig, Scanner};
use greenhub_storage::log::Clock;
use greenhub_storage::relational::Database;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often old uploads and files are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The store as configured.
pub async fn open(config: &Config, db: Database) -> Result<FileStore> {
    let section = &config.files;
    let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let settings = FilesConfig {
        photo_max: section.photo_max.0,
        video_max: section.video_max.0,
        document_max: section.document_max.0,
        daily_max: section.daily_max.0,
        disk_floor: section.disk_floor.0,
        pixels_max: section.pixels_max,
        unfinished_ms: millis(section.unfinished_for.0),
        unreferenced_ms: millis(section.unreferenced_for.0),
        utc_offset_min: section.utc_offset_min,
        scanner: Scanner::parse(&section.scanner).map_err(anyhow::Error::msg).context("read files.scanner")?,
        scanner_timeout: section.scanner_timeout.0,
        take_unscanned: section.take_unscanned,
    };
    let directory = config.data.join("files");
    FileStore::open(db, &directory, settings)
        .await
        .with_context(|| format!("open the files in {}", directory.display()))
}

/// Removes what has had its time, until the hub stops.
pub async fn tidy(files: FileStore, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        // Cut between two steps it leaves what the next round finds.
        tokio::select! {
            () = stop.cancelled() => return,
            done = files.tidy(clock.now().millis()) => if let Err(error) = done {
                warn!(error = format!("{:#}", anyhow::Error::from(error)), "the files could not be tidied, trying again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TIDY_EVERY) => {}
        }
    }
}

/// What happened to uploads.
pub fn metrics(files: &FileStore, out: &mut Metrics) {
    let counts = files.counts();
    for (name, help, count) in [
        ("greenhub_files_uploads_begun_total", "Uploads begun.", &counts.begun),
        ("greenhub_files_upload_bytes_total", "Bytes of uploads taken.", &counts.bytes),
        ("greenhub_files_uploads_stored_total", "Uploads that became files.", &counts.stored),
        ("greenhub_files_uploads_refused_total", "Uploads refused for good.", &counts.refused),
        ("greenhub_files_uploads_expired_total", "Unfinished uploads removed.", &counts.expired),
        ("greenhub_files_unreferenced_total", "Files removed that no order named.", &counts.unreferenced),
    ] {
        out.counter(name, help, &[], count.load(Ordering::Relaxed));
    }
}
