//! A back-test in one pass: the stages of one worker twice, once under each set of rules, fed by one reader.
//!
//! ```text
//!                        ┌─▶ devices ─▶ alarms ─▶ correlate ─▶ tally   the rules it is compared with
//! log ─▶ read, decode ───┤
//!                        └─▶ devices ─▶ alarms ─▶ correlate ─▶ tally   the candidate
//! ```
//!
//! The stages are those of the host, called in the same order with the same batches; what a batch says does not depend on
//! the number of workers, so one thread without the host says the same, and saves its channels and its bookkeeping.
//! Outputs that are neither alarms nor orders are counted and not made. A test holds the report against that of two runs
//! one after the other.

use super::{ReplayOptions, ReplayReport, Tally};
use crate::error::StreamsError;
use crate::host::{BatchSource, Fetch, Start};
use crate::operators::{AlarmStage, CorrelateStage, DeviceStage, ToAlarm};
use greenhub_alarms::RuleSet;
use greenhub_model::decode::Decode;
use std::sync::Arc;
use std::time::Duration;

/// How long a source may take to say that it has nothing yet.
const WAIT: Duration = Duration::from_millis(100);

/// The stages under one set of rules, and what they said.
struct Lane {
    devices: DeviceStage,
    alarms: AlarmStage,
    correlate: CorrelateStage,
    tally: Tally,
}

impl Lane {
    fn new(start: Start, decoder: Arc<dyn Decode>, options: &ReplayOptions) -> Self {
        let rules = start.devices.first().map_or_else(|| Arc::new(RuleSet::builtin()), |part| part.rules().clone());
        let mut devices = DeviceStage::new(0, 1, decoder, rules.clone(), start.pinned, &start.devices);
        devices.mute();
        Self {
            devices,
            alarms: AlarmStage::new(0, 1, rules.clone(), &start.alarms),
            correlate: CorrelateStage::new(rules, &start.correlate.unwrap_or_default()),
            tally: Tally::new(options.from, false),
        }
    }

    /// Takes a batch on from what the devices said.
    fn judge(&mut self, told: ToAlarm) {
        let piece = self.alarms.batch(vec![told]).expect("one worker told of the batch");
        let (output, _parts) = self.correlate.batch(vec![piece]).expect("one worker spoke of the batch");
        self.tally.take(&output, self.devices.take_withheld());
    }
}

/// Runs `source` under the rules of both starts.
pub(super) fn run(
    mut source: impl BatchSource,
    starts: [Start; 2],
    decoder: Arc<dyn Decode>,
    options: &ReplayOptions,
) -> Result<[ReplayReport; 2], StreamsError> {
    let mut next = starts[0].batch + 1;
    let [mut first, mut second] = starts.map(|start| Lane::new(start, decoder.clone(), options));
    loop {
        match source.next(WAIT) {
            Ok(Fetch::Batch(batch)) if batch.number < next => {}
            Ok(Fetch::Batch(batch)) => {
                next = batch.number + 1;
                let [told, told_second] = first.devices.batch_both(&mut second.devices, &batch);
                first.judge(told);
                second.judge(told_second);
            }
            Ok(Fetch::Nothing) => {}
            Ok(Fetch::End) => return Ok([first.tally.report(), second.tally.report()]),
            Err(error) => return Err(StreamsError::Host(format!("the log cannot be read: {error}"))),
        }
    }
}
