//! The thread beside the flusher: prepares the next segment ahead, and lets old ones go.
//!
//! Everything that changes metadata (creating, growing, renaming, removing files) happens here, so that a commit does
//! not wait for it.

use super::append::Shared;
use super::segments::{self, Segment};
use super::{Disk, LogError};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Retention is looked at this often, and a failed preparation repeated after as long.
const TICK: Duration = Duration::from_millis(250);
/// Every further failure doubles the wait up to this: each try fills a full disk for a moment.
const TICK_MAX: Duration = Duration::from_secs(4);

pub(super) fn run(shared: &Shared) {
    let mut wait = TICK;
    loop {
        retain(shared);
        if shared.shelf.files.lock().prepared.is_none() {
            prepare(shared);
        }
        let mut files = shared.shelf.files.lock();
        if shared.keeper_stop.load(Ordering::Acquire) {
            return;
        }
        wait = if files.trouble.is_some() { (wait * 2).min(TICK_MAX) } else { TICK };
        if files.prepared.is_some() || files.trouble.is_some() {
            shared.shelf.bell.wait_for(&mut files, wait);
        }
        if shared.keeper_stop.load(Ordering::Acquire) {
            return;
        }
    }
}

fn prepare(shared: &Shared) {
    let (index, len, spare) = {
        let files = shared.shelf.files.lock();
        let Some(last) = files.live.back() else { return };
        let len = segments::next_len(&shared.config, last.len.load(Ordering::Relaxed));
        (last.header.index + 1, len, files.spare)
    };
    let made = match spare {
        Some(len) => segments::recycle(&*shared.disk, &shared.config.dir, index, len),
        None => segments::create(&*shared.disk, &shared.config.dir, index, len, None),
    };
    let mut files = shared.shelf.files.lock();
    files.tries += 1;
    if spare.is_some() {
        files.spare = None;
    }
    match made {
        Ok(prepared) => {
            files.trouble = None;
            files.prepared = Some(prepared);
        }
        Err(error) => {
            let why: Arc<str> = describe(&error).into();
            if files.trouble.as_ref() != Some(&why) {
                tracing::warn!(%why, "next log segment is not ready");
            }
            files.trouble = Some(why);
        }
    }
    shared.shelf.bell.notify_all();
}

fn describe(error: &LogError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let full = matches!(error, LogError::Io { source, .. }
        if matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded));
    format!("{}{error}: {cause}", if full { "the disk is full: " } else { "" })
}

/// Lets go of the oldest segments while they are too many or too old, and nobody holds them.
pub(super) fn retain(shared: &Shared) {
    while let Some((segment, last_batch)) = oldest_to_go(shared) {
        let mut files = shared.shelf.files.lock();
        files.live.pop_front();
        let reusable = files.spare.is_none()
            && segment.len.load(Ordering::Relaxed) == shared.config.segment_bytes
            && Arc::strong_count(&segment) == 1;
        drop(files);
        tracing::info!(segment = %segment.path.display(), last_batch, "log segment leaves by retention");
        match let_go(&*shared.disk, shared, &segment, reusable) {
            Ok(()) if reusable => {
                shared.shelf.files.lock().spare = Some(segment.len.load(Ordering::Relaxed));
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %describe(&error), "old log segment cannot be removed now");
                // Removing a younger one first would leave a gap.
                shared.shelf.files.lock().live.push_front(segment);
                return;
            }
        }
    }
}

fn oldest_to_go(shared: &Shared) -> Option<(Arc<Segment>, u64)> {
    let config = &shared.config;
    let files = shared.shelf.files.lock();
    let (oldest, next) = (files.live.front()?, files.live.get(1)?);
    let last_batch = next.header.first_batch - 1;
    let bytes: u64 = files.live.iter().map(|s| s.len.load(Ordering::Relaxed)).sum();
    let age_us = shared.clock.now().0.saturating_sub(next.header.last_received.0);
    let too_old = u128::try_from(age_us).is_ok_and(|us| us > config.retain_age.as_micros());
    let unwanted = bytes > config.retain_bytes || too_old;
    (unwanted && shared.holds.consumed() >= last_batch).then(|| (oldest.clone(), last_batch))
}

/// One directory sync per segment: after a power cut the files that are left are still consecutive.
fn let_go(disk: &dyn Disk, shared: &Shared, segment: &Segment, reusable: bool) -> Result<(), LogError> {
    let dir = &shared.config.dir;
    let gone =
        if reusable { disk.rename(&segment.path, &dir.join(segments::SPARE)) } else { disk.remove(&segment.path) };
    gone.and_then(|()| disk.sync_dir(dir)).map_err(segments::io_error("remove log segment", &segment.path))
}
