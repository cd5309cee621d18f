//! Who is recorded, and by whom it was asked: a unit that calls for help, or one that a person switched on.
//!
//! Looked at once a second: a unit that sends and is wanted has a recorder; one that is not wanted any more has none. A
//! recorder that the disk stopped is tried again after a while, and says so in the log until it succeeds.

use anyhow::{Context, Result};
use greenhub_dashboards::live::Live;
use greenhub_dashboards::ports::MediaRefusal;
use greenhub_media::Edge;
use greenhub_media::record::{Keep, Shelf, record};
use greenhub_model::DeviceId;
use greenhub_model::media::MediaState;
use greenhub_storage::log::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

const LOOK: Duration = Duration::from_secs(1);
const TIDY: Duration = Duration::from_secs(600);
/// What happens after a call for help is taken back belongs to it.
const AFTER_HELP: Duration = Duration::from_secs(60);
/// A disk that refused is not asked again before.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Units that may be asked for at one time.
const ASKED_MAX: usize = 1_000;

/// Which units a person wants recorded, and by whom it was asked, kept over a restart; and which are recorded now.
#[derive(Debug)]
pub struct Wishes {
    file: PathBuf,
    asked: Mutex<BTreeMap<DeviceId, String>>,
    running: Mutex<BTreeSet<DeviceId>>,
}

impl Wishes {
    /// Those of the data directory.
    pub fn open(data: &Path) -> Result<Self> {
        let file = data.join("recordings").join("asked.json");
        let asked = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("read {}", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        Ok(Self { file, asked: Mutex::new(asked), running: Mutex::default() })
    }

    /// Sets or takes back a wish: on disk when it returns, and not set where the disk refuses.
    pub fn set(&self, unit: DeviceId, on: bool, by: String) -> Result<(), MediaRefusal> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = asked.clone();
        if !on {
            next.remove(&unit);
        } else if next.len() < ASKED_MAX || next.contains_key(&unit) {
            next.insert(unit, by);
        } else {
            return Err(MediaRefusal::Full(format!("手动录制的单兵最多 {ASKED_MAX} 个，请先停止一些")));
        }
        self.write(&next).map_err(|error| MediaRefusal::Disk(format!("录制开关未能保存：{error}")))?;
        *asked = next;
        Ok(())
    }

    fn write(&self, asked: &BTreeMap<DeviceId, String>) -> std::io::Result<()> {
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(asked)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.file)?;
        match self.file.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Whether a unit is recorded now.
    pub fn running(&self, unit: &DeviceId) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(unit)
    }

    fn asked_by(&self, unit: &DeviceId) -> Option<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(unit).cloned()
    }

    fn note(&self, units: impl Iterator<Item = DeviceId>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = units.collect();
    }
}

/// What the recorders lean on.
pub struct Recorders {
    pub edge: Edge,
    pub shelf: Arc<Shelf>,
    pub live: Live,
    pub wishes: Arc<Wishes>,
    pub clock: Arc<dyn Clock>,
    pub sos: bool,
    pub keep: Keep,
}

struct Running {
    over: CancellationToken,
    work: JoinHandle<std::io::Result<()>>,
}

/// The shelf below the data directory.
pub fn shelf(data: &Path) -> Result<Arc<Shelf>> {
    let root = data.join("recordings");
    Ok(Arc::new(Shelf::open(&root).with_context(|| format!("open the recordings in {}", root.display()))?))
}

impl Recorders {
    /// Runs until the hub stops; what is being recorded then comes to its end.
    pub async fn run(self, stop: CancellationToken) {
        let mut running: BTreeMap<DeviceId, Running> = BTreeMap::new();
        let mut helped: BTreeMap<DeviceId, Instant> = BTreeMap::new();
        let mut failed: BTreeMap<DeviceId, Instant> = BTreeMap::new();
        let mut tidied: Option<Instant> = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
            let now = Instant::now();
            helped.retain(|_, at| now.duration_since(*at) < AFTER_HELP);
            failed.retain(|_, at| now.duration_since(*at) < AFTER_FAILURE);
            self.reap(&mut running, &mut failed, now).await;
            let mut wanted = BTreeMap::new();
            for stream in self.edge.streams(None).await {
                if !matches!(stream.state, MediaState::Live | MediaState::Stalled) {
                    continue;
                }
                if self.sos && self.live.unit(&stream.unit).is_some_and(|unit| unit.sos) {
                    helped.insert(stream.unit.clone(), now);
                }
                let why = if helped.contains_key(&stream.unit) {
                    Some("紧急求助".to_owned())
                } else {
                    self.wishes.asked_by(&stream.unit).map(|by| format!("{by} 手动录制"))
                };
                if let Some(why) = why {
                    wanted.insert(stream.unit, why);
                }
            }
            for (unit, one) in &running {
                if !wanted.contains_key(unit) {
                    one.over.cancel();
                }
            }
            for (unit, why) in wanted {
                if !running.contains_key(&unit) && !failed.contains_key(&unit) {
                    self.begin(unit, why, &mut running).await;
                }
            }
            self.wishes.note(running.keys().cloned());
            if tidied.is_none_or(|at| now.duration_since(at) > TIDY) {
                tidied = Some(now);
                self.tidy().await;
            }
        }
        for (unit, one) in running {
            one.over.cancel();
            if let Ok(Err(problem)) = one.work.await {
                warn!(%unit, %problem, "a recording did not come to its end");
            }
        }
    }

    /// Takes away the recorders that have ended.
    async fn reap(
        &self,
        running: &mut BTreeMap<DeviceId, Running>,
        failed: &mut BTreeMap<DeviceId, Instant>,
        now: Instant,
    ) {
        let ended: Vec<DeviceId> =
            running.iter().filter(|(_, one)| one.work.is_finished()).map(|(unit, _)| unit.clone()).collect();
        for unit in ended {
            let Some(one) = running.remove(&unit) else { continue };
            let problem = match one.work.await {
                Ok(Ok(())) => continue,
                Ok(Err(problem)) => problem.to_string(),
                Err(problem) => problem.to_string(),
            };
            error!(%unit, problem, "a unit is not recorded");
            failed.insert(unit, now);
        }
    }

    async fn begin(&self, unit: DeviceId, why: String, running: &mut BTreeMap<DeviceId, Running>) {
        let Some(tap) = self.edge.tap(unit.clone()).await else { return };
        info!(%unit, why, "recording");
        let over = CancellationToken::new();
        let (edge, asked, shelf) = (self.edge.clone(), unit.clone(), self.shelf.clone());
        let ask_key = async move || edge.ask_key(asked.clone()).await;
        let work = tokio::spawn(record(shelf, unit.clone(), why, tap, over.clone().cancelled_owned(), ask_key));
        running.insert(unit, Running { over, work });
    }

    async fn tidy(&self) {
        let (shelf, keep, now) = (self.shelf.clone(), self.keep, self.clock.now().millis());
        match tokio::task::spawn_blocking(move || shelf.tidy(keep, now)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(gone)) => info!(gone, "old recordings removed"),
            Ok(Err(problem)) => warn!(%problem, "old recordings could not be removed"),
            Err(problem) => warn!(%problem, "old recordings could not be removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_outlives_a_restart_and_is_bounded() {
        let data = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(data.path().join("recordings")).expect("made");
        let unit = |n: usize| DeviceId::new(&format!("P-{n}")).expect("an id");
        let wishes = Wishes::open(data.path()).expect("none yet");
        for n in 0..ASKED_MAX {
            wishes.set(unit(n), true, "dispatcher".into()).expect("set");
        }
        assert!(matches!(wishes.set(unit(ASKED_MAX), true, "dispatcher".into()), Err(MediaRefusal::Full(_))));
        wishes.set(unit(0), false, "dispatcher".into()).expect("taken back");
        let again = Wishes::open(data.path()).expect("as it was left");
        assert_eq!((again.asked_by(&unit(0)), again.asked_by(&unit(1))), (None, Some("dispatcher".into())));
        std::fs::remove_dir_all(data.path().join("recordings")).expect("the disk is gone");
        assert!(matches!(again.set(unit(1), false, String::new()), Err(MediaRefusal::Disk(_))));
        assert!(again.asked_by(&unit(1)).is_some(), "what the disk refused is not so");
    }
}
