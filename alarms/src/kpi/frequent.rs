//! The calls of one alarm of one device: how many, how many of them chattering, how many fleeting.
//!
//! A call is judged when it leaves the chatter window: only then is it known whether it belonged to a burst. At most
//! [`RECENT_MAX`] calls wait; in a burst longer than that the oldest are judged early, which they can be: they are in it.

use greenhub_model::AlarmId;
use std::collections::VecDeque;

const RECENT_MAX: usize = 64;

/// Counts of one alarm of one device.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub device_name: String,
    pub title: String,
    pub newest: AlarmId,
    /// Calls in the period.
    pub count: u64,
    /// Bursts of chattering that the period saw.
    pub bursts: u64,
    /// Calls in those bursts.
    pub chattered: u64,
    /// Fleeting calls.
    pub fleeting: u64,
    recent: VecDeque<Call>,
}

#[derive(Debug, Clone)]
struct Call {
    at: i64,
    alarm: AlarmId,
    counts: bool,
    in_burst: bool,
    fleeting: bool,
}

impl Calls {
    pub fn new(device_name: &str, title: &str, newest: AlarmId) -> Self {
        Self {
            device_name: device_name.to_owned(),
            title: title.to_owned(),
            newest,
            count: 0,
            bursts: 0,
            chattered: 0,
            fleeting: 0,
            recent: VecDeque::new(),
        }
    }

    /// Notes a call; `counts` when it lies in the period.
    pub fn call(&mut self, at: i64, alarm: &AlarmId, counts: bool, (raises, window_ms): (usize, i64)) {
        self.settle(|call| at - call.at > window_ms);
        while self.recent.len() >= RECENT_MAX {
            self.judge_oldest();
        }
        self.recent.push_back(Call { at, alarm: alarm.clone(), counts, in_burst: false, fleeting: false });
        if counts {
            self.count += 1;
            self.newest = alarm.clone();
        }
        if self.recent.len() >= raises.max(2) {
            let goes_on = self.recent.iter().any(|call| call.in_burst);
            self.bursts += u64::from(!goes_on && counts);
            self.recent.iter_mut().for_each(|call| call.in_burst = true);
        }
    }

    /// The newest call of this occurrence was over within seconds, and nobody had acted.
    pub fn was_fleeting(&mut self, alarm: &AlarmId) {
        if let Some(call) = self.recent.iter_mut().rev().find(|call| &call.alarm == alarm) {
            call.fleeting = true;
        }
    }

    /// Judges what still waits.
    pub fn finish(&mut self) {
        self.settle(|_| true);
    }

    fn settle(&mut self, due: impl Fn(&Call) -> bool) {
        while self.recent.front().is_some_and(&due) {
            self.judge_oldest();
        }
    }

    fn judge_oldest(&mut self) {
        let Some(call) = self.recent.pop_front().filter(|call| call.counts) else { return };
        self.chattered += u64::from(call.in_burst);
        self.fleeting += u64::from(call.fleeting && !call.in_burst);
    }
}
