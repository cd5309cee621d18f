//! Cuts the frames of a unit into fragments and files.
//!
//! | what comes | what it does |
//! |---|---|
//! | a key picture, after at least half a fragment | the fragment ends before it |
//! | a fragment as long as it may be | it ends |
//! | other parameter sets (size, codec), a new source, a gap | the file ends, the next one begins with the key picture |
//! | the file is as long as it may be, at a key picture | likewise |
//!
//! A file begins at a key picture. A unit that sends sound only is recorded as sound only, when no picture has come for
//! a while. What is lost between two frames shows as a gap in the track's time, never as a shift.

use super::fmp4::{self, AUDIO_TICKS, Parameters, Sample, VIDEO_TICKS};
use std::mem::take;

/// Longest fragment, milliseconds of media.
pub const FRAGMENT_MS_MAX: u64 = 1_000;
/// Longest file.
pub const FILE_MS_MAX: i64 = 10 * 60_000;
/// A gap in arrival that ends a file.
pub const GAP_MS: i64 = 5_000;
/// Sound alone becomes a recording when no picture has come for so long.
const SOUND_ALONE_MS: i64 = 3_000;
/// Frames that one fragment may hold, whatever their times say.
const SAMPLES_MAX: usize = 600;
/// How long a picture lasts when nothing comes after it.
const LAST_PICTURE_TICKS: u32 = VIDEO_TICKS / 25;
/// An Opus packet of a browser: 20 ms.
const SOUND_TICKS: u32 = AUDIO_TICKS / 50;

/// A frame as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Number of the source.
    pub source: u64,
    /// Picture or sound.
    pub picture: bool,
    /// Whether a decoder can begin here.
    pub key: bool,
    /// Media time in ticks of its kind.
    pub ticks: u64,
    /// Arrival, Unix ms.
    pub at: i64,
    /// Annex B access unit, or Opus packet.
    pub data: &'a [u8],
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// A new file begins with these bytes.
    File {
        /// Initialisation segment.
        head: Vec<u8>,
        /// First moment it shows, Unix ms.
        begin: i64,
        /// Width and height; none for sound alone.
        size: Option<(u32, u32)>,
    },
    /// A fragment of the present file.
    Fragment {
        /// Its bytes.
        bytes: Vec<u8>,
        /// First moment it shows, Unix ms.
        begin: i64,
        /// End of what it shows, Unix ms.
        end: i64,
        /// Whether a decoder can begin with it.
        key: bool,
    },
    /// The present file ends.
    End,
}

#[derive(Debug)]
struct Open {
    source: u64,
    parameters: Option<Parameters>,
    begin: i64,
    sequence: u32,
    /// First tick of each track in this file, so that tracks begin at 0.
    zero: [Option<u64>; 2],
}

/// Cuts one unit's frames.
#[derive(Debug, Default)]
pub struct Cutter {
    open: Option<Open>,
    video: Vec<Sample>,
    audio: Vec<Sample>,
    begin: i64,
    last_at: i64,
    last_picture_at: Option<i64>,
    first_at: Option<i64>,
}

impl Cutter {
    /// Takes a frame; what is to be written now, in order.
    pub fn push(&mut self, frame: Arrived<'_>) -> Vec<Cut> {
        let mut cuts = Vec::new();
        self.first_at.get_or_insert(frame.at);
        let parameters = if frame.picture && frame.key { Parameters::of(frame.data) } else { None };
        if let Some(open) = &self.open {
            let other = parameters.as_ref().is_some_and(|new| open.parameters.as_ref() != Some(new));
            let long = parameters.is_some() && frame.at - open.begin >= FILE_MS_MAX;
            if open.source != frame.source || other || long || frame.at - self.last_at > GAP_MS {
                self.close(&mut cuts);
            }
        }
        if frame.picture {
            self.last_picture_at = Some(frame.at);
        }
        self.last_at = frame.at;
        if self.open.is_none() && !self.start(&frame, parameters, &mut cuts) {
            return cuts;
        }
        if self.full(&frame) {
            self.flush(&mut cuts);
        }
        self.keep(&frame);
        cuts
    }

    /// Ends the present file: what was collected, then its end.
    pub fn finish(&mut self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        self.close(&mut cuts);
        cuts
    }

    fn start(&mut self, frame: &Arrived<'_>, parameters: Option<Parameters>, cuts: &mut Vec<Cut>) -> bool {
        let waited = self.first_at.is_some_and(|first| frame.at - first >= SOUND_ALONE_MS);
        let alone = !frame.picture && self.last_picture_at.is_none_or(|at| frame.at - at > SOUND_ALONE_MS) && waited;
        if parameters.is_none() && !alone {
            return false;
        }
        let size = parameters.as_ref().map(Parameters::size);
        cuts.push(Cut::File { head: fmp4::initialisation(parameters.as_ref(), true), begin: frame.at, size });
        self.begin = frame.at;
        self.open = Some(Open { source: frame.source, parameters, begin: frame.at, sequence: 0, zero: [None, None] });
        true
    }

    fn full(&self, frame: &Arrived<'_>) -> bool {
        let (list, rate) = if frame.picture { (&self.video, VIDEO_TICKS) } else { (&self.audio, AUDIO_TICKS) };
        let Some(first) = list.first() else { return false };
        let zero = self.zero(frame.picture).unwrap_or(0);
        let ms = frame.ticks.saturating_sub(zero).saturating_sub(first.ticks) * 1000 / u64::from(rate);
        let key = frame.picture && frame.key && ms * 2 >= FRAGMENT_MS_MAX;
        // Sound alone is cut by its own length; beside pictures it goes where they go.
        let by_length = ms >= FRAGMENT_MS_MAX && (frame.picture || self.video.is_empty());
        key || by_length || list.len() >= SAMPLES_MAX
    }

    fn zero(&self, picture: bool) -> Option<u64> {
        self.open.as_ref().and_then(|open| open.zero[usize::from(!picture)])
    }

    fn keep(&mut self, frame: &Arrived<'_>) {
        let Some(open) = &mut self.open else { return };
        if frame.picture && open.parameters.is_none() {
            return;
        }
        let zero = &mut open.zero[usize::from(!frame.picture)];
        // The tracks begin together: who begins later is later by the time between their arrivals.
        let rate = if frame.picture { VIDEO_TICKS } else { AUDIO_TICKS };
        let late = u64::try_from((frame.at - open.begin).max(0)).unwrap_or(0) * u64::from(rate) / 1000;
        let zero = *zero.get_or_insert(frame.ticks.saturating_sub(late));
        let ticks = frame.ticks.saturating_sub(zero);
        let list = if frame.picture { &mut self.video } else { &mut self.audio };
        if let Some(last) = list.last_mut() {
            // A frame that comes late or twice would turn the track's time back.
            if ticks <= last.ticks {
                return;
            }
            last.duration = u32::try_from(ticks - last.ticks).unwrap_or(u32::MAX);
        }
        if self.video.is_empty() && self.audio.is_empty() {
            self.begin = frame.at;
        }
        let list = if frame.picture { &mut self.video } else { &mut self.audio };
        let data = if frame.picture { fmp4::avcc(frame.data) } else { frame.data.to_vec() };
        let duration = if frame.picture { LAST_PICTURE_TICKS } else { SOUND_TICKS };
        list.push(Sample { ticks, duration, key: frame.key, data });
    }

    fn flush(&mut self, cuts: &mut Vec<Cut>) {
        let (video, audio) = (take(&mut self.video), take(&mut self.audio));
        let Some(open) = &mut self.open else { return };
        if video.is_empty() && audio.is_empty() {
            return;
        }
        open.sequence += 1;
        let key = if open.parameters.is_some() { video.first().is_some_and(|first| first.key) } else { true };
        let bytes = fmp4::fragment(open.sequence, &video, &audio);
        cuts.push(Cut::Fragment { bytes, begin: self.begin, end: self.last_at.max(self.begin + 1), key });
    }

    fn close(&mut self, cuts: &mut Vec<Cut>) {
        self.flush(cuts);
        if self.open.take().is_some() {
            cuts.push(Cut::End);
        }
        (self.first_at, self.last_picture_at) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 26] = [
        0, 0, 0, 1, 0x67, 66, 0, 31, 0xda, 0x01, 0x40, 0x16, 0xe8, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 0x80,
    ];
    const PICTURE: [u8; 6] = [0, 0, 0, 1, 0x41, 0x9a];

    fn picture(source: u64, n: u64, key: bool) -> Arrived<'static> {
        let data: &'static [u8] = if key { &KEY } else { &PICTURE };
        let at = i64::try_from(1_000_000 + n * 40).expect("small");
        Arrived { source, picture: true, key, ticks: 77 + n * 3600, at, data }
    }

    fn sound(n: u64) -> Arrived<'static> {
        let at = i64::try_from(1_000_000 + n * 20).expect("small");
        Arrived { source: 1, picture: false, key: true, ticks: n * 960, at, data: b"opus" }
    }

    fn words(cuts: &[Cut]) -> String {
        let word = |cut: &Cut| match cut {
            Cut::File { .. } => 'F',
            Cut::Fragment { key: true, .. } => 'K',
            Cut::Fragment { .. } => '.',
            Cut::End => 'E',
        };
        cuts.iter().map(word).collect()
    }

    #[test]
    fn the_test_picture_has_parameters() {
        assert!(Parameters::of(&KEY).is_some());
    }

    #[test]
    fn a_file_begins_at_a_key_and_fragments_are_a_second_long_at_most() {
        let mut cutter = Cutter::default();
        let mut cuts = Vec::new();
        for n in 0..100 {
            cuts.extend(cutter.push(picture(1, n, n == 3 || n == 70)));
        }
        cuts.extend(cutter.finish());
        // From picture 3: 25, 25, 17 until the key at 70, 25, the rest.
        assert_eq!(words(&cuts), "FK..K.E");
        for cut in &cuts {
            if let Cut::Fragment { begin, end, .. } = cut {
                assert!(end - begin <= 1040, "{begin}..{end}");
            }
        }
    }

    #[test]
    fn a_new_source_or_a_gap_begins_a_new_file() {
        let mut cutter = Cutter::default();
        let mut cuts = cutter.push(picture(1, 0, true));
        cuts.extend(cutter.push(picture(1, 1, false)));
        cuts.extend(cutter.push(picture(2, 2, false)));
        assert_eq!(words(&cuts), "FKE", "nothing can begin with this picture");
        cuts = cutter.push(picture(2, 3, true));
        cuts.extend(cutter.push(picture(2, 3 + 200, false)));
        assert_eq!(words(&cuts), "FKE");
    }

    #[test]
    fn sound_goes_with_the_pictures_and_alone_after_a_while() {
        let mut cutter = Cutter::default();
        let mut cuts = Vec::new();
        for n in 0..60 {
            cuts.extend(cutter.push(picture(1, n, n == 0)));
            cuts.extend(cutter.push(sound(2 * n)));
            cuts.extend(cutter.push(sound(2 * n + 1)));
        }
        assert_eq!(words(&cuts), "FK.");
        let mut alone = Cutter::default();
        let mut cuts = Vec::new();
        for n in 0..250 {
            cuts.extend(alone.push(sound(n)));
        }
        assert_eq!(words(&cuts), "FK", "after three seconds without a picture; a second of it is written");
    }

    #[test]
    fn a_frame_that_comes_twice_does_not_turn_time_back() {
        let mut cutter = Cutter::default();
        cutter.push(picture(1, 0, true));
        cutter.push(picture(1, 1, false));
        cutter.push(picture(1, 1, false));
        assert_eq!(cutter.video.len(), 2);
    }
}
