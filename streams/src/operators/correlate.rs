//! The last stage, one for all workers: puts their pieces together in one order and lets correlation say what is
//! explained by what.
//!
//! **Watches** nothing itself: what folds, calls and floods is decided by [`greenhub_alarms::correlate`]. **Remembers** the
//! correlator. **Late data** and order: what reaches it is sorted by place, so it is the same whatever the workers.

use super::gather::gather;
use super::{DevicePart, PartError, Parts, ToGather, read_part, write_part};
use greenhub_alarms::RuleSet;
use greenhub_alarms::correlate::Correlator;
use greenhub_model::output::Flood;
use greenhub_model::{Alarm, BatchOutput, DeviceId, Output, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name under which this stage's state stands in a snapshot.
pub(crate) const PART: &str = "correlate";

/// A device that hangs on another one now, or is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hanging {
    pub device: DeviceId,
    /// What it hangs on; none where it hangs on nothing.
    pub parent: Option<DeviceId>,
    /// It was struck off.
    pub gone: bool,
}

/// The correlation of all alarms.
pub(crate) struct CorrelateStage {
    rules: Arc<RuleSet>,
    correlator: Correlator,
}

/// The stage's state as it stands in a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CorrelatePart {
    correlator: Correlator,
}

impl CorrelatePart {
    /// What the correlation would know, had it seen the devices and alarms of a snapshot from before there was one.
    pub(crate) fn of(
        rules: &RuleSet,
        devices: &[DevicePart],
        standing: Vec<Output>,
        head: (ReceivedTime, Position),
    ) -> Self {
        let mut correlator = Correlator::new();
        for (device, parent) in devices.iter().flat_map(DevicePart::parents) {
            correlator.register(device, parent);
        }
        // What it says now was said to the sinks before the snapshot, without folds; they follow with the next change.
        let _said_before = correlator.batch(rules, head.0, head.1, standing);
        Self { correlator }
    }

    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Self, PartError> {
        read_part(name, bytes)
    }
    /// The alarms that stand, with their folds.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.correlator.standing()
    }
    /// The desks in flood.
    pub(crate) fn floods(&self) -> impl Iterator<Item = Flood> + '_ {
        self.correlator.floods()
    }
}

impl CorrelateStage {
    pub(crate) fn new(rules: Arc<RuleSet>, part: &CorrelatePart) -> Self {
        Self { rules, correlator: part.correlator.clone() }
    }

    /// When time alone will make it speak.
    pub(crate) fn deadline(&self) -> Option<ReceivedTime> {
        self.correlator.deadline(&self.rules)
    }

    /// Runs one batch: what the alarm stages of all workers have to say of it.
    pub(crate) fn batch(&mut self, pieces: Vec<ToGather>) -> Option<(BatchOutput, Parts)> {
        let head = pieces.first()?.head.clone();
        let (mut output, hanging, mut parts) = gather(pieces)?;
        if let Some(rules) = head.rules {
            self.rules = rules;
        }
        for Hanging { device, parent, gone } in &hanging {
            match gone {
                true => self.correlator.remove(device),
                false => self.correlator.register(device, parent.as_ref()),
            }
        }
        let items = std::mem::take(&mut output.items);
        output.items = self.correlator.batch(&self.rules, output.received, head.first, items);
        if head.snapshot {
            parts.push((PART.to_owned(), write_part(&CorrelatePart { correlator: self.correlator.clone() })));
        }
        Some((output, parts))
    }
}
