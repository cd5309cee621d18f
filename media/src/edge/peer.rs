//! One session: a str0m instance, what it is for, and what it measured.

use crate::core::timeline::Timeline;
use greenhub_model::MediaSessionId;
use greenhub_model::media::{MediaLink, MediaOffer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Direction, Frequency, KeyframeRequestKind, MediaData, MediaKind, MediaTime, Mid};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// A picture is not asked for more often.
const KEY_REQUEST_GAP: Duration = Duration::from_millis(300);
const STATS_EVERY: Duration = Duration::from_secs(1);

/// What a peer gives the switchboard.
pub(super) enum Given {
    /// It is connected.
    Connected,
    /// A frame arrived.
    Media(Box<MediaData>),
    /// Its player cannot go on without a key frame.
    WantsKey,
    /// It is over.
    Over(&'static str),
}

/// One session.
pub(super) struct Peer {
    pub session: MediaSessionId,
    /// Whose, and for what.
    pub offer: MediaOffer,
    /// Unix ms.
    pub since: i64,
    pub opened: Instant,
    pub heard: Instant,
    pub connected: bool,
    pub deadline: Instant,
    /// Until when it counts as talking.
    pub talked: Option<Instant>,
    /// Whether its player has had a key frame of the present source.
    pub started: Option<u64>,
    pub meter: Meter,
    rtc: Rtc,
    video: Track,
    audio: Track,
    last_key_request: Option<Instant>,
    epoch: Instant,
}

struct Track {
    mid: Option<Mid>,
    sends: bool,
    line: Timeline,
}

/// Counts of the running second and the link as the last whole second had it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub link: MediaLink,
    bytes: u64,
    pictures: u32,
    since: Option<Instant>,
}

impl Meter {
    pub fn count(&mut self, bytes: usize, picture: bool) {
        self.bytes += bytes as u64;
        self.pictures += u32::from(picture);
    }

    /// Takes the past second's figures.
    pub fn turn(&mut self, now: Instant) {
        if let Some(since) = self.since {
            let seconds = now.duration_since(since).as_secs_f64().max(0.001);
            self.link.kbps = (self.bytes as f64 * 8.0 / 1000.0 / seconds).round() as u32;
            self.link.fps = (f64::from(self.pictures) / seconds * 10.0).round() as f32 / 10.0;
        }
        (self.bytes, self.pictures, self.since) = (0, 0, Some(now));
    }
}

impl Peer {
    /// A session since `since` (Unix ms) that answers `offer`; the answer as SDP.
    pub fn answer(
        session: MediaSessionId,
        offer: MediaOffer,
        since: i64,
        local: SocketAddr,
        now: Instant,
    ) -> Result<(Self, String), String> {
        let sdp = SdpOffer::from_sdp_string(&offer.sdp).map_err(|problem| problem.to_string())?;
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_h264(true)
            .enable_opus(true, false)
            .set_ice_lite(true)
            .set_stats_interval(Some(STATS_EVERY))
            .build(now);
        let candidate = Candidate::host(local, "udp").map_err(|problem| problem.to_string())?;
        rtc.add_local_candidate(candidate);
        let answer = rtc.sdp_api().accept_offer(sdp).map_err(|problem| problem.to_string())?;
        let peer = Self {
            session,
            offer,
            since,
            opened: now,
            heard: now,
            connected: false,
            deadline: now,
            talked: None,
            started: None,
            meter: Meter::default(),
            rtc,
            video: Track { mid: None, sends: false, line: Timeline::new(90_000) },
            audio: Track { mid: None, sends: false, line: Timeline::new(48_000) },
            last_key_request: None,
            epoch: now,
        };
        Ok((peer, answer.to_sdp_string()))
    }

    /// Whether a datagram is for this session.
    pub fn accepts(&self, input: &Input<'_>) -> bool {
        self.rtc.accepts(input)
    }

    /// Takes a datagram or the time.
    pub fn take(&mut self, input: Input<'_>) {
        if let Input::Receive(now, _) = &input {
            self.heard = *now;
        }
        if self.rtc.is_alive() && self.rtc.handle_input(input).is_err() {
            self.rtc.disconnect();
        }
    }

    /// Ends it: what is still to be said is said with the next drain.
    pub fn close(&mut self) {
        self.rtc.disconnect();
    }

    /// All that it has to send and to tell, until it waits again.
    pub fn drain(&mut self, mut transmit: impl FnMut(&[u8], SocketAddr), mut given: impl FnMut(Given)) {
        loop {
            if !self.rtc.is_alive() {
                return given(Given::Over("断开"));
            }
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline;
                    return;
                }
                Ok(Output::Transmit(packet)) => transmit(&packet.contents, packet.destination),
                Ok(Output::Event(event)) => self.told(event, &mut given),
                Err(_) => self.rtc.disconnect(),
            }
        }
    }

    fn told(&mut self, event: Event, given: &mut impl FnMut(Given)) {
        match event {
            Event::Connected => {
                self.connected = true;
                given(Given::Connected);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed => self.rtc.disconnect(),
            Event::MediaAdded(media) => {
                let track = match media.kind {
                    MediaKind::Video => &mut self.video,
                    MediaKind::Audio => &mut self.audio,
                };
                if track.mid.is_none() {
                    track.mid = Some(media.mid);
                    track.sends = matches!(media.direction, Direction::SendOnly | Direction::SendRecv);
                }
            }
            Event::MediaData(data) => given(Given::Media(Box::new(data))),
            Event::KeyframeRequest(_) => given(Given::WantsKey),
            Event::MediaIngressStats(stats) if self.video.mid == Some(stats.mid) => {
                self.meter.link.loss_pct = stats.loss.unwrap_or(0.0) * 100.0;
                self.meter.link.rtt_ms = stats.rtt.map(|rtt| u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX));
            }
            Event::MediaEgressStats(stats) if self.video.mid == Some(stats.mid) => {
                self.meter.link.loss_pct = stats.loss.unwrap_or(0.0) * 100.0;
                self.meter.link.rtt_ms = stats.rtt.map(|rtt| u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX));
            }
            _ => {}
        }
    }

    /// Whether it brings or takes pictures and sound at all.
    pub fn has(&self, codec: Codec) -> bool {
        if codec.is_audio() { self.audio.mid.is_some() } else { self.video.mid.is_some() }
    }

    /// Sends a frame on; what it cannot decode or has no line for is left out.
    pub fn forward(&mut self, source: u64, data: &MediaData, now: Instant) {
        let audio = data.params.spec().codec.is_audio();
        let track = if audio { &mut self.audio } else { &mut self.video };
        let (Some(mid), true, true) = (track.mid, track.sends, self.connected) else { return };
        let Some(writer) = self.rtc.writer(mid) else { return };
        let Some(pt) = writer.match_params(data.params) else { return };
        let since = i64::try_from(now.duration_since(self.epoch).as_micros()).unwrap_or(i64::MAX);
        let rate = if audio { Frequency::FORTY_EIGHT_KHZ } else { Frequency::NINETY_KHZ };
        let ticks = track.line.map(source, data.time.rebase(rate).numer(), since);
        let frame: Arc<[u8]> = data.data.clone();
        self.meter.count(frame.len(), !audio);
        if writer.write(pt, now, MediaTime::new(ticks, rate), frame).is_err() {
            self.rtc.disconnect();
        }
    }

    /// Asks the far end for a key frame, not too often.
    pub fn ask_key(&mut self, now: Instant) {
        let Some(mid) = self.video.mid else { return };
        if self.last_key_request.is_some_and(|last| now.duration_since(last) < KEY_REQUEST_GAP) {
            return;
        }
        let Some(mut writer) = self.rtc.writer(mid) else { return };
        let kind = if writer.is_request_keyframe_possible(KeyframeRequestKind::Pli) {
            KeyframeRequestKind::Pli
        } else {
            KeyframeRequestKind::Fir
        };
        if writer.request_keyframe(None, kind).is_ok() {
            self.last_key_request = Some(now);
        }
    }
}
