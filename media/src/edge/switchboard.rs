//! Who gets whose frames: the peers of every unit, and the rules between them.
//!
//! | from | to |
//! |---|---|
//! | sender of a unit | its watchers from a key frame on, its taps |
//! | watcher who may talk | the sender (loudspeaker), one at a time: the first one until they are silent for a second |
//!
//! A unit's stream outlives its sender: watchers and taps wait for the next one. It is gone with the last of them.

use super::peer::{Given, Peer};
use super::{
    Answer, Command, EdgeConfig, Frame, FrameKind, Happening, MediaError, MediaEvent, OFFER_BYTES_MAX, TAP_FRAMES_MAX,
};
use crate::core::h264;
use greenhub_model::media::{MediaAim, MediaOffer, MediaState, MediaStream, MediaWatcher};
use greenhub_model::{DeviceId, MediaSessionId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use str0m::Input;
use str0m::media::MediaData;
use str0m::net::{Protocol, Receive};
use tokio::sync::broadcast;

/// Bytes that may wait to be sent within one turn of the loop.
const OUTBOX_BYTES_MAX: usize = 16 * 1024 * 1024;
const STALL: Duration = Duration::from_secs(2);
const TALK_HOLD: Duration = Duration::from_secs(1);

type PeerId = u64;

struct Stream {
    sender: Option<PeerId>,
    watchers: Vec<PeerId>,
    taps: broadcast::Sender<Arc<Frame>>,
    size: Option<(u32, u32)>,
    last_media: Option<Instant>,
    talker: Option<(PeerId, Instant)>,
}

impl Stream {
    fn new() -> Self {
        let taps = broadcast::channel(TAP_FRAMES_MAX).0;
        Self { sender: None, watchers: Vec::new(), taps, size: None, last_media: None, talker: None }
    }

    fn idle(&self) -> bool {
        self.sender.is_none() && self.watchers.is_empty() && self.taps.receiver_count() == 0
    }
}

/// All sessions and streams.
pub(super) struct Switchboard {
    address: SocketAddr,
    config: EdgeConfig,
    events: broadcast::Sender<MediaEvent>,
    peers: BTreeMap<PeerId, Peer>,
    streams: BTreeMap<DeviceId, Stream>,
    by_address: HashMap<SocketAddr, PeerId>,
    by_session: HashMap<MediaSessionId, PeerId>,
    next: PeerId,
    /// Datagrams to send: their bytes in one buffer, their ends and destinations.
    bytes: Vec<u8>,
    outbox: Vec<(usize, SocketAddr)>,
    pending: VecDeque<(PeerId, Given)>,
}

impl Switchboard {
    pub fn new(address: SocketAddr, config: EdgeConfig, events: broadcast::Sender<MediaEvent>) -> Self {
        Self {
            address,
            config,
            events,
            peers: BTreeMap::new(),
            streams: BTreeMap::new(),
            by_address: HashMap::new(),
            by_session: HashMap::new(),
            next: 1,
            bytes: Vec::new(),
            outbox: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.peers.values().map(|peer| peer.deadline).min()
    }

    pub fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Open { offer, reply } => {
                let answer = self.open(offer, now);
                let _ = reply.send(answer);
            }
            Command::End { session, by, why, reply } => {
                let found = self.by_session.get(&session).copied();
                let mine =
                    |id: &PeerId| by.as_ref().is_none_or(|by| self.peers.get(id).is_some_and(|p| p.offer.by == *by));
                let found = found.filter(mine);
                if let Some(id) = found {
                    self.end(id, why);
                }
                let _ = reply.send(found.is_some());
            }
            Command::Streams { unit, reply } => {
                let wanted = |id: &&DeviceId| unit.as_ref().is_none_or(|unit| unit == *id);
                let list = self.streams.keys().filter(wanted).map(|unit| self.view(unit, now)).collect();
                let _ = reply.send(list);
            }
            Command::Tap { unit, reply } => {
                let stream = self.streams.entry(unit).or_insert_with(Stream::new);
                let tap = stream.taps.subscribe();
                let sender = stream.sender;
                let _ = reply.send(tap);
                self.ask_key(sender, now);
            }
            Command::Key { unit } => {
                let sender = self.streams.get(&unit).and_then(|stream| stream.sender);
                self.ask_key(sender, now);
            }
        }
    }

    fn open(&mut self, offer: MediaOffer, now: Instant) -> Result<Answer, MediaError> {
        if offer.sdp.len() > OFFER_BYTES_MAX {
            return Err(MediaError::Offer(format!("it is longer than {OFFER_BYTES_MAX} bytes")));
        }
        if self.peers.len() >= self.config.sessions_max {
            return Err(MediaError::Full("音视频会话数已达上限，请稍后再试"));
        }
        let (unit, aim) = (offer.unit.clone(), offer.aim);
        let stream = self.streams.get(&unit);
        match aim {
            MediaAim::Publish => {
                let senders = self.streams.values().filter(|stream| stream.sender.is_some()).count();
                if senders >= self.config.senders_max && stream.is_none_or(|stream| stream.sender.is_none()) {
                    return Err(MediaError::Full("同时回传的单兵数已达上限"));
                }
            }
            MediaAim::Watch => {
                if stream.is_some_and(|stream| stream.watchers.len() >= self.config.watchers_per_unit_max) {
                    return Err(MediaError::Full("该单兵的观看人数已达上限"));
                }
            }
        }
        let session = new_session()?;
        let made = Peer::answer(session.clone(), offer, unix_ms(), self.address, now);
        let (peer, sdp) = made.map_err(MediaError::Offer)?;
        let id = self.next;
        self.next += 1;
        self.peers.insert(id, peer);
        self.by_session.insert(session.clone(), id);
        let stream = self.streams.entry(unit).or_insert_with(Stream::new);
        let before = match aim {
            MediaAim::Publish => stream.sender.replace(id),
            MediaAim::Watch => {
                stream.watchers.push(id);
                None
            }
        };
        if let Some(before) = before {
            self.end(before, "同一单兵重新开始回传");
        }
        self.drain(id);
        Ok(Answer { session, sdp })
    }

    pub fn receive(&mut self, datagram: &[u8], source: SocketAddr, now: Instant) {
        let Ok(contents) = datagram.try_into() else { return };
        let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
        let input = Input::Receive(now, receive);
        let known = self.by_address.get(&source).copied();
        let known = known.filter(|id| self.peers.get(id).is_some_and(|peer| peer.accepts(&input)));
        let found = known.or_else(|| self.peers.iter().find(|(_, peer)| peer.accepts(&input)).map(|(id, _)| *id));
        let Some(id) = found else { return };
        if known.is_none() {
            self.by_address.insert(source, id);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.take(input);
        }
        self.drain(id);
        self.settle(now);
    }

    /// Lets the time of all peers whose deadline has come go on.
    pub fn advance(&mut self, now: Instant) {
        let due: Vec<PeerId> = self.peers.iter().filter(|(_, peer)| peer.deadline <= now).map(|(id, _)| *id).collect();
        for id in due {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.take(Input::Timeout(now));
            }
            self.drain(id);
        }
        self.settle(now);
    }

    /// Once a second: figures, and the end of what is silent.
    pub fn housekeeping(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (id, peer) in &mut self.peers {
            peer.meter.turn(now);
            if !peer.connected && now.duration_since(peer.opened) > self.config.connect_timeout {
                over.push((*id, "未能建立连接"));
            } else if peer.connected && now.duration_since(peer.heard) > self.config.silence_timeout {
                over.push((*id, "网络中断"));
            }
        }
        for (id, why) in over {
            self.end(id, why);
        }
        self.streams.retain(|_, stream| !stream.idle());
    }

    /// Hands over what is to be sent.
    pub fn send(&mut self, mut transmit: impl FnMut(&[u8], SocketAddr)) {
        let mut begin = 0;
        for (end, to) in self.outbox.drain(..) {
            transmit(&self.bytes[begin..end], to);
            begin = end;
        }
        self.bytes.clear();
    }

    fn drain(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (bytes, outbox, pending) = (&mut self.bytes, &mut self.outbox, &mut self.pending);
        peer.drain(
            |datagram, to| {
                if bytes.len() + datagram.len() <= OUTBOX_BYTES_MAX {
                    bytes.extend_from_slice(datagram);
                    outbox.push((bytes.len(), to));
                }
            },
            |given| pending.push_back((id, given)),
        );
    }

    /// Lets everything that peers gave have its effect; effects may give more.
    fn settle(&mut self, now: Instant) {
        while let Some((id, given)) = self.pending.pop_front() {
            match given {
                Given::Connected => {
                    self.tell(id, Happening::Connected, "");
                    let sender = self.sender_of(id);
                    self.ask_key(sender, now);
                }
                Given::Media(data) => self.media(id, &data, now),
                Given::WantsKey => {
                    let sender = self.sender_of(id).filter(|sender| *sender != id);
                    self.ask_key(sender, now);
                }
                Given::Over(why) => self.end(id, why),
            }
        }
    }

    fn media(&mut self, id: PeerId, data: &MediaData, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let audio = data.params.spec().codec.is_audio();
        peer.meter.count(data.data.len(), !audio);
        match peer.offer.aim {
            MediaAim::Publish => self.outward(id, data, now),
            MediaAim::Watch if audio && peer.offer.talk => self.talk(id, data, now),
            MediaAim::Watch => {}
        }
    }

    fn outward(&mut self, id: PeerId, data: &MediaData, now: Instant) {
        let Some(unit) = self.peers.get(&id).map(|peer| peer.offer.unit.clone()) else { return };
        let Some(stream) = self.streams.get_mut(&unit).filter(|stream| stream.sender == Some(id)) else { return };
        let audio = data.params.spec().codec.is_audio();
        let key = audio || h264::is_key(&data.data);
        stream.last_media = Some(now);
        if !audio && key {
            stream.size = h264::picture_size(&data.data).or(stream.size);
        }
        if stream.taps.receiver_count() > 0 {
            let _ = stream.taps.send(Arc::new(Frame {
                source: id,
                kind: if audio { FrameKind::Audio } else { FrameKind::Video },
                key,
                ticks: data.time.numer(),
                at: unix_ms() - i64::try_from(now.duration_since(data.network_time).as_millis()).unwrap_or(0),
                data: data.data.clone(),
            }));
        }
        let watchers = stream.watchers.clone();
        let mut wants_key = !audio && !data.contiguous;
        for watcher in watchers {
            let Some(peer) = self.peers.get_mut(&watcher) else { continue };
            if !audio && peer.started != Some(id) {
                if !key {
                    wants_key |= peer.connected;
                    continue;
                }
                if peer.connected {
                    peer.started = Some(id);
                }
            }
            peer.forward(id, data, now);
            self.drain(watcher);
        }
        if wants_key {
            self.ask_key(Some(id), now);
        }
    }

    /// A watcher speaks: to the unit's loudspeaker, and only one at a time.
    fn talk(&mut self, id: PeerId, data: &MediaData, now: Instant) {
        let Some(unit) = self.peers.get(&id).map(|peer| peer.offer.unit.clone()) else { return };
        let Some(stream) = self.streams.get_mut(&unit) else { return };
        match stream.talker {
            Some((other, since)) if other != id && now.duration_since(since) < TALK_HOLD => return,
            _ => {}
        }
        let begins = stream.talker.is_none_or(|(other, since)| other != id || now.duration_since(since) >= TALK_HOLD);
        stream.talker = Some((id, now));
        let sender = stream.sender;
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.talked = Some(now);
        }
        if begins {
            self.tell(id, Happening::Talks, "");
        }
        if let Some(sender) = sender {
            if let Some(peer) = self.peers.get_mut(&sender) {
                peer.forward(id, data, now);
            }
            self.drain(sender);
        }
    }

    fn sender_of(&self, id: PeerId) -> Option<PeerId> {
        self.streams.get(&self.peers.get(&id)?.offer.unit)?.sender
    }

    fn ask_key(&mut self, sender: Option<PeerId>, now: Instant) {
        let Some(sender) = sender else { return };
        if let Some(peer) = self.peers.get_mut(&sender) {
            peer.ask_key(now);
            self.drain(sender);
        }
    }

    fn end(&mut self, id: PeerId, why: &str) {
        self.tell(id, Happening::Ended, why);
        let Some(mut peer) = self.peers.remove(&id) else { return };
        peer.close();
        self.by_session.remove(&peer.session);
        self.by_address.retain(|_, owner| *owner != id);
        if let Some(stream) = self.streams.get_mut(&peer.offer.unit) {
            stream.watchers.retain(|watcher| *watcher != id);
            if stream.sender == Some(id) {
                (stream.sender, stream.size) = (None, None);
            }
            if stream.idle() {
                self.streams.remove(&peer.offer.unit);
            }
        }
    }

    fn tell(&self, id: PeerId, what: Happening, why: &str) {
        if let Some(peer) = self.peers.get(&id) {
            let _ = self.events.send(MediaEvent {
                session: peer.session.clone(),
                unit: peer.offer.unit.clone(),
                by: peer.offer.by.clone(),
                what,
                why: why.to_owned(),
            });
        }
    }

    fn view(&self, unit: &DeviceId, now: Instant) -> MediaStream {
        let stream = &self.streams[unit];
        let sender = stream.sender.and_then(|id| self.peers.get(&id));
        let fresh = stream.last_media.is_some_and(|at| now.duration_since(at) < STALL);
        let state = match sender {
            None => MediaState::Waiting,
            Some(peer) if !peer.connected => MediaState::Connecting,
            Some(_) if fresh => MediaState::Live,
            Some(_) => MediaState::Stalled,
        };
        let watchers = stream.watchers.iter().filter_map(|id| self.peers.get(id)).map(|peer| MediaWatcher {
            session: peer.session.clone(),
            by: peer.offer.by.clone(),
            since: peer.since,
            connected: peer.connected,
            talking: peer.talked.is_some_and(|at| now.duration_since(at) < TALK_HOLD),
            link: peer.meter.link,
        });
        MediaStream {
            unit: unit.clone(),
            state,
            session: sender.map(|peer| peer.session.clone()),
            by: sender.map(|peer| peer.offer.by.clone()).unwrap_or_default(),
            since: sender.map(|peer| peer.since),
            video: sender.is_some_and(|peer| peer.has(str0m::format::Codec::H264)),
            audio: sender.is_some_and(|peer| peer.has(str0m::format::Codec::Opus)),
            size: stream.size,
            link: sender.map(|peer| peer.meter.link).unwrap_or_default(),
            watchers: watchers.collect(),
            recording: false,
        }
    }
}

fn new_session() -> Result<MediaSessionId, MediaError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| MediaError::Full("系统随机数不可用"))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(MediaSessionId::new(&text).expect("32 hexadecimal digits are an id"))
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
