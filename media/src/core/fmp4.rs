//! Fragmented MP4 (ISO/IEC 14496-12): an initialisation segment, then fragments that each can be played as soon as they
//! are whole. The same bytes are the recording, the clip and what a browser's MSE takes.
//!
//! ```text
//! ftyp moov{ mvhd trak(video) trak(audio) mvex }   moof{ mfhd traf{ tfhd tfdt trun }… } mdat   moof … mdat   …
//! ```
//!
//! Video is H.264 as `avc1` with its parameter sets in the `avcC` (ISO/IEC 14496-15), NAL units by four-byte length;
//! sound is Opus (Opus in ISOBMFF, version 0). Track 1 counts 90,000 ticks a second, track 2 counts 48,000.

use super::h264;

/// Ticks a second of the video track.
pub const VIDEO_TICKS: u32 = 90_000;
/// Ticks a second of the sound track.
pub const AUDIO_TICKS: u32 = 48_000;
const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;
/// Samples that a decoder can begin with, and those it cannot (clause 8.6.4.3 `sample_flags`).
const KEY_FLAGS: u32 = 0x0200_0000;
const OTHER_FLAGS: u32 = 0x0101_0000;

/// What a decoder must know before the first picture: the newest parameter sets of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    sps: Vec<u8>,
    pps: Vec<u8>,
    width: u32,
    height: u32,
}

impl Parameters {
    /// From an access unit that brings both parameter sets; none otherwise.
    pub fn of(annex_b: &[u8]) -> Option<Self> {
        let mut sets = (None, None);
        for unit in h264::nal_units(annex_b) {
            match unit[0] & 0x1f {
                7 if unit.len() >= 4 => sets.0 = Some(unit),
                8 => sets.1 = Some(unit),
                _ => {}
            }
        }
        let (sps, pps) = (sets.0?, sets.1?);
        let fits = |set: &[u8]| u16::try_from(set.len()).is_ok();
        let (width, height) = h264::sps_size(sps)?;
        (fits(sps) && fits(pps)).then(|| Self { sps: sps.to_vec(), pps: pps.to_vec(), width, height })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

/// One picture or sound packet, as a fragment takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Media time of the track in ticks.
    pub ticks: u64,
    /// How long it lasts in ticks.
    pub duration: u32,
    /// Whether a decoder can begin here.
    pub key: bool,
    /// Video: NAL units by four-byte length ([`avcc`]); sound: the packet.
    pub data: Vec<u8>,
}

/// An access unit with four-byte lengths instead of start codes, without parameter sets and delimiters.
pub fn avcc(annex_b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(annex_b.len() + 16);
    for unit in h264::nal_units(annex_b).filter(|unit| !matches!(unit[0] & 0x1f, 7..=9)) {
        out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// The initialisation segment of a recording with the tracks that are given.
pub fn initialisation(video: Option<&Parameters>, audio: bool) -> Vec<u8> {
    let mut out = Boxes::default();
    out.put(b"ftyp", |b| {
        b.bytes(b"iso6").u32(0).bytes(b"iso6").bytes(b"mp41");
    });
    out.put(b"moov", |b| {
        b.full(b"mvhd", 0, 0, |b| {
            b.u32(0).u32(0).u32(1000).u32(0).u32(0x0001_0000).u16(0x0100).zeros(10);
            matrix(b);
            b.zeros(24).u32(3);
        });
        if let Some(video) = video {
            track(b, VIDEO_TRACK, VIDEO_TICKS, Some(video));
        }
        if audio {
            track(b, AUDIO_TRACK, AUDIO_TICKS, None);
        }
        b.put(b"mvex", |b| {
            for track in [(video.is_some(), VIDEO_TRACK), (audio, AUDIO_TRACK)].into_iter().filter(|t| t.0) {
                b.full(b"trex", 0, 0, |b| {
                    b.u32(track.1).u32(1).u32(0).u32(0).u32(0);
                });
            }
        });
    });
    out.0
}

/// One fragment; at least one list must hold a sample. `sequence` counts from 1 in its file.
pub fn fragment(sequence: u32, video: &[Sample], audio: &[Sample]) -> Vec<u8> {
    let mut out = Boxes::default();
    let mut places = Vec::new();
    out.put(b"moof", |b| {
        b.full(b"mfhd", 0, 0, |b| {
            b.u32(sequence);
        });
        for (id, samples) in [(VIDEO_TRACK, video), (AUDIO_TRACK, audio)] {
            let Some(first) = samples.first() else { continue };
            b.put(b"traf", |b| {
                // default-base-is-moof
                b.full(b"tfhd", 0, 0x02_0000, |b| {
                    b.u32(id);
                });
                b.full(b"tfdt", 1, 0, |b| {
                    b.u64(first.ticks);
                });
                // data offset, and for each sample duration, size and flags
                b.full(b"trun", 0, 0x0701, |b| {
                    b.u32(u32::try_from(samples.len()).unwrap_or(u32::MAX));
                    places.push(b.0.len());
                    b.u32(0);
                    for sample in samples {
                        b.u32(sample.duration).u32(u32::try_from(sample.data.len()).unwrap_or(u32::MAX));
                        b.u32(if sample.key { KEY_FLAGS } else { OTHER_FLAGS });
                    }
                });
            });
        }
    });
    let head = out.0.len() + 8;
    out.put(b"mdat", |b| {
        for sample in video.iter().chain(audio) {
            b.bytes(&sample.data);
        }
    });
    let mut offset = head;
    let mut lists = [video, audio].into_iter().filter(|list| !list.is_empty());
    for place in places {
        let at = u32::try_from(offset).unwrap_or(u32::MAX).to_be_bytes();
        out.0[place..place + 4].copy_from_slice(&at);
        offset += lists.next().unwrap_or_default().iter().map(|sample| sample.data.len()).sum::<usize>();
    }
    out.0
}

fn track(b: &mut Boxes, id: u32, ticks: u32, video: Option<&Parameters>) {
    b.put(b"trak", |b| {
        let (width, height) = video.map_or((0, 0), Parameters::size);
        b.full(b"tkhd", 0, 3, |b| {
            b.u32(0).u32(0).u32(id).u32(0).u32(0).zeros(8).u16(0).u16(0);
            b.u16(if video.is_some() { 0 } else { 0x0100 }).u16(0);
            matrix(b);
            b.u32(width << 16).u32(height << 16);
        });
        b.put(b"mdia", |b| {
            b.full(b"mdhd", 0, 0, |b| {
                // language `und`
                b.u32(0).u32(0).u32(ticks).u32(0).u16(0x55c4).u16(0);
            });
            b.full(b"hdlr", 0, 0, |b| {
                b.u32(0).bytes(if video.is_some() { b"vide" } else { b"soun" }).zeros(12).zeros(1);
            });
            b.put(b"minf", |b| {
                match video {
                    Some(_) => b.full(b"vmhd", 0, 1, |b| {
                        b.zeros(8);
                    }),
                    None => b.full(b"smhd", 0, 0, |b| {
                        b.zeros(4);
                    }),
                };
                b.put(b"dinf", |b| {
                    b.full(b"dref", 0, 0, |b| {
                        b.u32(1);
                        b.full(b"url ", 0, 1, |_| {});
                    });
                });
                b.put(b"stbl", |b| {
                    b.full(b"stsd", 0, 0, |b| {
                        b.u32(1);
                        match video {
                            Some(video) => picture_entry(b, video),
                            None => sound_entry(b),
                        }
                    });
                    for (name, empty) in [(b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4)] {
                        b.full(name, 0, 0, |b| {
                            b.zeros(empty);
                        });
                    }
                });
            });
        });
    });
}

fn picture_entry(b: &mut Boxes, video: &Parameters) {
    b.put(b"avc1", |b| {
        b.zeros(6).u16(1).zeros(16);
        b.u16(u16::try_from(video.width).unwrap_or(0)).u16(u16::try_from(video.height).unwrap_or(0));
        b.u32(0x0048_0000).u32(0x0048_0000).u32(0).u16(1).zeros(32).u16(24).u16(0xffff);
        b.put(b"avcC", |b| {
            b.bytes(&[1]).bytes(&video.sps[1..4]).bytes(&[0xff, 0xe1]);
            b.u16(u16::try_from(video.sps.len()).unwrap_or(0)).bytes(&video.sps).bytes(&[1]);
            b.u16(u16::try_from(video.pps.len()).unwrap_or(0)).bytes(&video.pps);
            // Profiles above Main say their colour format too; 4:2:0 at 8 bit is all that arrives here.
            if matches!(video.sps[1], 100 | 110 | 122 | 144) {
                b.bytes(&[0xfd, 0xf8, 0xf8, 0]);
            }
        });
    });
}

fn sound_entry(b: &mut Boxes) {
    b.put(b"Opus", |b| {
        b.zeros(6).u16(1).zeros(8).u16(2).u16(16).u32(0).u32(AUDIO_TICKS << 16);
        b.put(b"dOps", |b| {
            // version 0, stereo, no skip, 48 kHz, no gain, mapping family 0
            b.bytes(&[0, 2]).u16(0).u32(AUDIO_TICKS).u16(0).bytes(&[0]);
        });
    });
}

fn matrix(b: &mut Boxes) {
    for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        b.u32(value);
    }
}

/// A writer of boxes whose sizes are filled in when they end.
#[derive(Default)]
struct Boxes(Vec<u8>);

impl Boxes {
    fn put(&mut self, name: &[u8; 4], fill: impl FnOnce(&mut Self)) -> &mut Self {
        let begin = self.0.len();
        self.u32(0).bytes(name);
        fill(self);
        let size = u32::try_from(self.0.len() - begin).unwrap_or(u32::MAX).to_be_bytes();
        self.0[begin..begin + 4].copy_from_slice(&size);
        self
    }

    fn full(&mut self, name: &[u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.put(name, |b| {
            b.u32(u32::from(version) << 24 | flags);
            fill(b);
        })
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and bodies of the boxes in `bytes`; panics where they do not fill it exactly.
    fn boxes(bytes: &[u8]) -> Vec<(String, &[u8])> {
        let (mut at, mut found) = (0, Vec::new());
        while at < bytes.len() {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
            let name = String::from_utf8(bytes[at + 4..at + 8].to_vec()).expect("a name");
            found.push((name, &bytes[at + 8..at + size]));
            at += size;
        }
        assert_eq!(at, bytes.len());
        found
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        boxes(bytes).into_iter().map(|(name, _)| name).collect()
    }

    fn sample(ticks: u64, key: bool, data: &[u8]) -> Sample {
        Sample { ticks, duration: 3600, key, data: data.to_vec() }
    }

    #[test]
    fn parameter_sets_leave_the_access_unit_and_lengths_replace_start_codes() {
        let unit = [0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 7, 7, 0, 0, 1, 0x41, 8];
        assert_eq!(avcc(&unit), [0, 0, 0, 3, 0x65, 7, 7, 0, 0, 0, 2, 0x41, 8]);
        assert_eq!(Parameters::of(&[0, 0, 1, 0x65, 1]), None);
    }

    #[test]
    fn an_initialisation_segment_names_its_tracks() {
        let segment = initialisation(None, true);
        assert_eq!(names(&segment), ["ftyp", "moov"]);
        let moov = boxes(&segment)[1].1;
        assert_eq!(names(moov), ["mvhd", "trak", "mvex"]);
    }

    #[test]
    fn a_fragment_points_at_each_tracks_bytes() {
        let video = [sample(90_000, true, b"PICTURE"), sample(93_600, false, b"next")];
        let audio = [sample(48_000, true, b"sound")];
        let bytes = fragment(7, &video, &audio);
        assert_eq!(names(&bytes), ["moof", "mdat"]);
        let moof = boxes(&bytes)[0].1;
        assert_eq!(names(moof), ["mfhd", "traf", "traf"]);
        for (traf, first) in boxes(moof).into_iter().skip(1).zip([&b"PICTURE"[..], b"sound"]) {
            let trun = boxes(traf.1).into_iter().find(|(name, _)| name == "trun").expect("a run").1;
            let offset = u32::from_be_bytes(trun[8..12].try_into().expect("four bytes")) as usize;
            assert!(bytes[offset..].starts_with(first), "offset {offset}");
        }
        let bare = fragment(1, &[], &audio);
        assert_eq!(names(boxes(&bare)[0].1), ["mfhd", "traf"]);
    }
}
