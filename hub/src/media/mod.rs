//! The media relay at work: its port from the configuration, its sessions for the web tier, their ends in the audit log.

mod recording;

use crate::config::Config;
use anyhow::{Context, Result};
use greenhub_dashboards::live::Live;
use greenhub_dashboards::ports::{Answer, MediaDoor, MediaRefusal, PortFailure, RecordingBytes};
use greenhub_dispatch::core::duty::phone_of;
use greenhub_media::record::{Keep, Shelf, ShelfError};
use greenhub_media::{Edge, EdgeConfig, Happening, MediaError, MediaEvent};
use greenhub_model::media::{MediaOffer, MediaStream, Recording, RecordingProof};
use greenhub_model::{DeviceId, MediaSessionId};
use greenhub_storage::accounts::{AuditLog, NewAuditEntry, Outcome};
use greenhub_storage::log::Clock;
use recording::{Recorders, Wishes};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const DAY_MS: i64 = 86_400_000;

/// The relay's door for the web tier.
struct Relay {
    edge: Edge,
    shelf: Arc<Shelf>,
    wishes: Arc<Wishes>,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// Asks the shelf on a thread that may wait for the disk; nothing where there is no such recording.
    async fn look<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Shelf) -> Result<T, ShelfError> + Send + 'static,
    ) -> Result<Option<T>, PortFailure> {
        let shelf = self.shelf.clone();
        match tokio::task::spawn_blocking(move || ask(&shelf)).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(ShelfError::Unknown)) => Ok(None),
            Ok(Err(problem)) => Err(PortFailure(format!("{:#}", anyhow::Error::from(problem)))),
            Err(problem) => Err(PortFailure(problem.to_string())),
        }
    }
}

impl MediaDoor for Relay {
    fn open(&self, offer: MediaOffer) -> Answer<'_, Result<(MediaSessionId, String), MediaRefusal>> {
        Box::pin(async move {
            let answer = self.edge.open(offer).await;
            answer.map(|answer| (answer.session, answer.sdp)).map_err(|error| match error {
                MediaError::Offer(why) => MediaRefusal::Offer(format!("无法应答该会话描述：{why}")),
                MediaError::Full(why) => MediaRefusal::Full(why.to_owned()),
                MediaError::Gone => MediaRefusal::Gone,
            })
        })
    }

    fn end(&self, session: MediaSessionId, by: Option<String>) -> Answer<'_, bool> {
        Box::pin(self.edge.end(session, by, "已结束"))
    }

    fn streams(&self, unit: Option<DeviceId>) -> Answer<'_, Vec<MediaStream>> {
        Box::pin(async move {
            let mut streams = self.edge.streams(unit).await;
            for stream in &mut streams {
                stream.recording = self.wishes.running(&stream.unit);
            }
            streams
        })
    }

    fn carries<'a>(&'a self, user: &'a str, unit: &'a DeviceId) -> Answer<'a, bool> {
        Box::pin(async move { phone_of(user).as_ref() == Some(unit) })
    }

    fn record(&self, unit: DeviceId, on: bool, by: String) -> Answer<'_, Result<(), MediaRefusal>> {
        let wishes = self.wishes.clone();
        Box::pin(async move {
            let set = tokio::task::spawn_blocking(move || wishes.set(unit, on, by)).await;
            set.unwrap_or_else(|problem| Err(MediaRefusal::Disk(problem.to_string())))
        })
    }

    fn recordings(&self, unit: DeviceId, from: i64, to: i64) -> Answer<'_, Result<Vec<Recording>, PortFailure>> {
        let now = self.clock.now().millis();
        Box::pin(async move { Ok(self.look(move |shelf| shelf.list(&unit, from, to, now)).await?.unwrap_or_default()) })
    }

    fn bytes(
        &self,
        unit: DeviceId,
        id: i64,
        span: Option<(i64, i64)>,
    ) -> Answer<'_, Result<Option<RecordingBytes>, PortFailure>> {
        Box::pin(self.look(move |shelf| {
            let pieces = shelf.pieces(&unit, id, span)?;
            let runs = pieces.into_iter().map(|piece| (piece.offset, piece.length)).collect();
            Ok(RecordingBytes { path: shelf.file(&unit, id), runs })
        }))
    }

    fn verify(&self, unit: DeviceId, id: i64) -> Answer<'_, Result<Option<RecordingProof>, PortFailure>> {
        Box::pin(self.look(move |shelf| shelf.verify(&unit, id)))
    }

    fn hold(&self, unit: DeviceId, id: i64, on: bool, why: String) -> Answer<'_, Result<bool, PortFailure>> {
        Box::pin(async move { Ok(self.look(move |shelf| shelf.hold(&unit, id, on, &why)).await?.is_some()) })
    }
}

/// The relay at work.
pub struct Started {
    /// For the web tier.
    pub door: Arc<dyn MediaDoor>,
    /// Ends when all recordings have come to their end.
    pub recorders: JoinHandle<()>,
}

/// Starts the relay; nothing where it is switched off.
pub fn start(
    config: &Config,
    audit: AuditLog,
    live: Live,
    clock: Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<Option<Started>> {
    let section = &config.media;
    if !section.enabled {
        return Ok(None);
    }
    let listen = if section.listen.is_empty() {
        SocketAddr::new(config.http.listen.ip(), 0)
    } else {
        section.listen.parse().with_context(|| format!("media.listen {:?} is no address", section.listen))?
    };
    let advertise = (!section.advertise.is_empty())
        .then(|| {
            section.advertise.parse().with_context(|| format!("media.advertise {:?} is no address", section.advertise))
        })
        .transpose()?;
    let settings = EdgeConfig {
        listen,
        advertise,
        senders_max: section.senders_max,
        watchers_per_unit_max: section.watchers_per_unit_max,
        sessions_max: section.sessions_max,
        ..EdgeConfig::default()
    };
    let edge = Edge::start(settings).with_context(|| format!("bind the media port {listen}"))?;
    info!(address = %edge.address(), "patrol media");
    tokio::spawn(journal(edge.events(), audit, clock.clone(), stop.clone()));
    let shelf = recording::shelf(&config.data)?;
    let wishes = Arc::new(Wishes::open(&config.data)?);
    let recorders = Recorders {
        edge: edge.clone(),
        shelf: shelf.clone(),
        live,
        wishes: wishes.clone(),
        clock: clock.clone(),
        sos: section.record_sos,
        keep: Keep { age_ms: i64::from(section.keep_days) * DAY_MS, bytes_max: section.bytes_max },
    };
    let recorders = tokio::spawn(recorders.run(stop.clone()));
    Ok(Some(Started { door: Arc::new(Relay { edge, shelf, wishes, clock }), recorders }))
}

/// Writes what happens to sessions by itself into the audit log: connected, talking, ended. Their opening is written by
/// the call that opens them.
async fn journal(
    mut events: tokio::sync::broadcast::Receiver<MediaEvent>,
    audit: AuditLog,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = stop.cancelled() => return,
        };
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(missed)) => {
                warn!(missed, "events of media sessions were not audited");
                continue;
            }
        };
        let action = match event.what {
            Happening::Connected => "media_connected",
            Happening::Talks => "media_talk",
            Happening::Ended => "media_ended",
        };
        let entry = NewAuditEntry {
            at: clock.now(),
            actor: &event.by,
            origin: "",
            action,
            object: event.unit.as_str(),
            outcome: Outcome::Done,
            detail: &event.why,
        };
        if let Err(error) = audit.append(&entry).await {
            warn!(%error, "a media session could not be audited");
        }
    }
}
