//! Naive watches: at every step the whole history is looked at again. Whole seconds only; samples arrive when measured.
//!
//! Each says what the judgement is at a moment, given all samples up to it. [`gate`] then walks the moments of change and
//! applies the delays from the definition: on once the judgement has been on, unbroken, for the on-delay. A delay that
//! ends at T ends before what is new at T is looked at.

/// A judgement: on, off, in between; none where it cannot be judged.
type Judgement = Option<i8>;

const ON: i8 = 1;
const OFF: i8 = 0;
const BETWEEN: i8 = 2;

pub(super) struct NaiveRate {
    pub window: i64,
    pub rise: f64,
    pub fall: f64,
    pub deadband: f64,
}

impl NaiveRate {
    pub(super) fn edges(&self, samples: &[(i64, f64)], end: i64, on: i64, off: i64) -> Vec<(i64, bool)> {
        // Samples closer than a twenty-fourth of the window are thinned out, counted from the first.
        let apart = (self.window * 1000 / 24).max(1);
        let mut kept: Vec<(i64, f64)> = vec![];
        for sample in samples {
            if kept.last().is_none_or(|last| (sample.0 - last.0) * 1000 >= apart) {
                kept.push(*sample);
            }
        }
        let judge = |(now, value): (i64, f64)| -> Judgement {
            let oldest = kept.iter().find(|(at, _)| *at < now && now - at <= self.window)?;
            let span = now - oldest.0;
            if span * 1000 < self.window * 1000 / 2 {
                return None;
            }
            let rate = (value - oldest.1) / span as f64;
            Some(if rate > self.rise || -rate > self.fall {
                ON
            } else if rate <= self.rise - self.deadband && -rate <= self.fall - self.deadband {
                OFF
            } else {
                BETWEEN
            })
        };
        let judged: Vec<(i64, Judgement)> = samples.iter().map(|sample| (sample.0, judge(*sample))).collect();
        gate(&judged, end, on, off)
    }
}

pub(super) struct NaiveStuck {
    pub held: i64,
    pub epsilon: f64,
}

impl NaiveStuck {
    pub(super) fn edges(&self, samples: &[(i64, f64)], end: i64, on: i64, off: i64) -> Vec<(i64, bool)> {
        let mut judged = vec![];
        for last in 0..samples.len() {
            // Cut the whole past into runs anew; the last run is the one that counts.
            let mut began = 0;
            for next in 1..=last {
                let moved = (samples[next].1 - samples[began].1).abs() > self.epsilon;
                let gap = (samples[next].0 - samples[next - 1].0) * 1000 > self.held * 1000 / 2;
                if moved || gap {
                    began = next;
                }
            }
            let stuck = samples[last].0 - samples[began].0 >= self.held;
            judged.push((samples[last].0, Some(if stuck { ON } else { OFF })));
        }
        gate(&judged, end, on, off)
    }
}

pub(super) struct NaiveCount {
    pub at_least: usize,
    pub window: i64,
}

impl NaiveCount {
    pub(super) fn edges(&self, samples: &[(i64, f64)], end: i64, on: i64, off: i64) -> Vec<(i64, bool)> {
        // Counted at every second, not only when something arrives: what leaves the window leaves it before what is new
        // is looked at. Before the first sample there is nothing to judge.
        let first = samples.first().map_or(end + 1, |sample| sample.0);
        let judged: Vec<(i64, Judgement)> = (first..=end)
            .flat_map(|now| [(now, now - 1), (now, now)])
            .map(|(now, seen)| {
                let inside = samples.iter().filter(|(at, value)| *value > 0.0 && *at <= seen && now - at < self.window);
                (now, Some(if inside.count() >= self.at_least { ON } else { OFF }))
            })
            .collect();
        gate(&judged, end, on, off)
    }
}

/// The edges of a series of judgements.
fn gate(judged: &[(i64, Judgement)], end: i64, on_delay: i64, off_delay: i64) -> Vec<(i64, bool)> {
    let mut edges = vec![];
    let mut on = false;
    for now in 0..=end {
        let (before, by_now) =
            (judged.iter().filter(|(at, _)| *at < now).count(), judged.iter().filter(|(at, _)| *at <= now).count());
        for seen in before..=by_now {
            // What cannot be judged is as if it had not been said.
            let said: Vec<(i64, i8)> = judged[..seen].iter().filter_map(|(at, what)| Some((*at, (*what)?))).collect();
            let against = if on { OFF } else { ON };
            let run = said.iter().rev().take_while(|(_, what)| *what == against).last();
            let delay = if on { off_delay } else { on_delay };
            if run.is_some_and(|(began, _)| now - began >= delay) {
                on = !on;
                edges.push((now, on));
            }
        }
    }
    edges
}
