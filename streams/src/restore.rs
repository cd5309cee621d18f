//! From a snapshot to what the operators start from, and to the output that makes live views whole.

use crate::error::StreamsError;
use crate::host::{BatchSource, Fetch, Start};
use crate::operators::{AlarmPart, CorrelatePart, DevicePart, PartError, read_part, rules_of, write_part};
use greenhub_alarms::RuleSet;
use greenhub_model::alarm::{AlarmEvent, AlarmEventKind};
use greenhub_model::output::AlarmChange;
use greenhub_model::{Alarm, AlarmState, BatchOutput, Output, Position, ReceivedTime, RecordKind};
use greenhub_storage::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Name of the part that says when the snapshot was taken.
const HEAD: &str = "head";
/// Who the events of a restored output are by; they tell of no change.
pub const RESTORED_BY: &str = "snapshot";

/// When a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SnapshotHead {
    /// Form of the parts; another form is refused rather than misread.
    form: u32,
    received: ReceivedTime,
    end: Position,
}

/// The form this version writes.
const FORM: u32 = 1;

/// The part that goes with the parts of the operators.
pub(crate) fn head_part(output: &BatchOutput) -> (String, Vec<u8>) {
    let head = SnapshotHead { form: FORM, received: output.received, end: output.end };
    (HEAD.to_owned(), write_part(&head))
}

/// Reads a snapshot, whatever the number of workers that wrote it.
pub(crate) fn read(snapshot: &Snapshot) -> Result<(Start, BatchOutput), PartError> {
    let mut start = Start { batch: snapshot.batch, ..Start::default() };
    let mut output = BatchOutput {
        batch: snapshot.batch,
        received: ReceivedTime(0),
        end: Position(0),
        items: Vec::new(),
        counts: Default::default(),
    };
    for (name, bytes) in &snapshot.parts {
        match name.split('.').next() {
            Some("devices") => start.devices.push(DevicePart::read(name, bytes)?),
            Some("alarms") => start.alarms.push(AlarmPart::read(name, bytes)?),
            Some("correlate") => start.correlate = Some(CorrelatePart::read(name, bytes)?),
            Some(HEAD) => {
                let head: SnapshotHead = read_part(name, bytes)?;
                if head.form != FORM {
                    use serde::de::Error;
                    let source = serde_json::Error::custom(format!("form {} where {FORM} is known", head.form));
                    return Err(PartError { part: name.clone(), source });
                }
                (output.received, output.end) = (head.received, head.end);
            }
            _ => {}
        }
    }
    let views = start.devices.iter().flat_map(DevicePart::views);
    let correlate = start.correlate.get_or_insert_with(|| {
        let rules = start.devices.first().map_or_else(|| Arc::new(RuleSet::builtin()), |part| part.rules().clone());
        let stood = start.alarms.iter().flat_map(AlarmPart::standing).map(standing).collect();
        CorrelatePart::of(&rules, &start.devices, stood, (output.received, output.end))
    });
    let floods = correlate.floods().map(Output::Flood);
    output.items = views.chain(correlate.standing().map(standing)).chain(floods).collect();
    Ok((start, output))
}

/// Only the registrations of a snapshot: for a run over a stretch of the log that lies before it.
pub(crate) fn registrations(snapshot: &Snapshot) -> Result<Start, PartError> {
    let (mut start, _) = read(snapshot)?;
    start.batch = 0;
    start.alarms.clear();
    start.devices.iter_mut().for_each(DevicePart::forget);
    start.correlate = start.devices.first().map(|part| {
        let nothing_before = (ReceivedTime(0), Position(0));
        CorrelatePart::of(part.rules(), &start.devices, Vec::new(), nothing_before)
    });
    Ok(start)
}

/// The rules in force at the end of a recorded log: those of the snapshot, then whatever configuration follows it.
/// None where there never were any.
pub fn rules_recorded<S: BatchSource>(
    snapshot: Option<&Snapshot>,
    mut source: S,
) -> Result<Option<RuleSet>, StreamsError> {
    let mut newest = None;
    for (name, bytes) in snapshot.into_iter().flat_map(|snapshot| &snapshot.parts) {
        if newest.is_none() && name.split('.').next() == Some("devices") {
            newest = Some(DevicePart::read(name, bytes)?.rules().as_ref().clone());
        }
    }
    while let Fetch::Batch(batch) = source.next(Duration::ZERO)? {
        for (_, record) in batch.records().map_while(Result::ok) {
            if record.kind == RecordKind::Config
                && let Some(Ok(rules)) = rules_of(record.payload)
            {
                newest = Some(rules);
            }
        }
    }
    Ok(newest)
}

/// A standing alarm as an output. The event repeats the newest fact about it and is by [`RESTORED_BY`].
fn standing(alarm: &Alarm) -> Output {
    let kind = match alarm.state {
        AlarmState::Shelved => AlarmEventKind::Shelved,
        AlarmState::Acknowledged | AlarmState::LatchedAcknowledged => AlarmEventKind::Acknowledged,
        AlarmState::ReturnedUnacknowledged | AlarmState::LatchedUnacknowledged => AlarmEventKind::Returned,
        _ => AlarmEventKind::Raised,
    };
    let event = AlarmEvent {
        alarm: alarm.id.clone(),
        kind,
        at: alarm.last_seen_at,
        position: alarm.last_position,
        by: RESTORED_BY.to_owned(),
        text: String::new(),
        state: alarm.state,
        value: alarm.value,
        called: false,
        repeats: None,
    };
    Output::Alarm(Box::new(AlarmChange { alarm: alarm.clone(), event }))
}
