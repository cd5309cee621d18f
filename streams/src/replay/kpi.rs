//! What the operators would have had to bear, counted from the events of a run: calls, their densest ten minutes, who
//! called most often, and the spread over priorities. Times are receive times: that is when somebody was called.
//!
//! **Bounds**: one counter per ten minutes of the stretch, and [`SOURCES_MAX`] sources; further ones count in the sums only.

use super::compare::AlarmSummary;
use greenhub_model::change::{BacktestKpi, BacktestTop};
use greenhub_model::output::AlarmChange;
use greenhub_model::{AlarmCode, DeviceId, ReceivedTime};
use std::collections::BTreeMap;

const BIN_MS: i64 = 600_000;
const SOURCES_MAX: usize = 100_000;
const TOP: usize = 10;

/// Counters of one run.
#[derive(Default)]
pub(super) struct Calls {
    all: u64,
    bins: BTreeMap<i64, u64>,
    sources: BTreeMap<(DeviceId, AlarmCode), Source>,
}

struct Source {
    calls: u64,
    device_name: String,
    title: String,
}

impl Calls {
    /// Takes an event in.
    pub(super) fn take(&mut self, change: &AlarmChange, received: ReceivedTime) {
        if !change.event.called {
            return;
        }
        self.all += 1;
        *self.bins.entry(received.millis().div_euclid(BIN_MS)).or_default() += 1;
        let alarm = &change.alarm;
        let key = (alarm.device.clone(), alarm.code.clone());
        if let Some(source) = self.sources.get_mut(&key) {
            source.calls += 1;
        } else if self.sources.len() < SOURCES_MAX {
            let (device_name, title) = (alarm.device_name.clone(), alarm.title.clone());
            self.sources.insert(key, Source { calls: 1, device_name, title });
        }
    }

    /// The figures of a stretch.
    pub(super) fn figures(&self, alarms: &[AlarmSummary], span: Option<(ReceivedTime, ReceivedTime)>) -> BacktestKpi {
        let hours = span.map_or(0.0, |(first, last)| (last.0 - first.0) as f64 / 3.6e9);
        // Of two stretches with as many calls the earlier one.
        let peak = self.bins.iter().max_by_key(|(bin, calls)| (**calls, -**bin));
        let mut by_priority = BTreeMap::new();
        alarms.iter().for_each(|alarm| *by_priority.entry(alarm.priority).or_default() += 1);
        let mut order: Vec<_> = self.sources.iter().collect();
        order.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then(a.0.cmp(b.0)));
        let top = order.into_iter().take(TOP).map(|((device, code), source)| BacktestTop {
            device: device.clone(),
            device_name: source.device_name.clone(),
            code: code.clone(),
            title: source.title.clone(),
            annunciations: source.calls,
        });
        BacktestKpi {
            alarms: alarms.len() as u64,
            annunciations: self.all,
            per_hour: self.all as f64 / hours.max(1.0),
            peak_10min: peak.map_or(0, |(_, calls)| *calls),
            peak_at: peak.map(|(bin, _)| bin * BIN_MS),
            by_priority,
            top: top.collect(),
        }
    }
}
