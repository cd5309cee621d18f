//! Two stages that run the same log under different rules, side by side: what devices said is read and decoded once.
//!
//! **Why that is the same.** Who is registered, admitted and in which slot follows from the records alone, in their order;
//! the rules have no say in it. So both stages keep each device in the same slot, under the same profile, and a message
//! that one of them has read is read for the other too. Of the rules the decoder asks one thing, how device time is
//! judged; where the two sets differ in that, each stage reads for itself.
//!
//! **Muted** stages count what they would show to viewers and write to the history, and do not make it: a back-test asks
//! for alarms only. Conditions and commands go on as ever, with the places in the order that they would have had.

use super::record::Heard;
use super::state::Device;
use super::{DeviceStage, ToAlarm};
use greenhub_model::{Batch, RecordKind};

impl DeviceStage {
    /// From now on, outputs of this stage are counted and not made.
    pub(crate) fn mute(&mut self) {
        self.muted = true;
    }

    /// How many outputs were withheld since this was asked last.
    pub(crate) fn take_withheld(&mut self) -> u64 {
        std::mem::take(&mut self.withheld)
    }

    /// Runs one batch with both stages. They must have begun alike but for their rules, and have run the same batches since.
    pub(crate) fn batch_both(&mut self, other: &mut Self, batch: &Batch) -> [ToAlarm; 2] {
        let (mut said, mut said_other) = (self.begin(batch, false), other.begin(batch, false));
        let reads_alike = self.rules.time == other.rules.time;
        let mut decoded = std::mem::take(&mut self.decoded);
        for (position, record) in batch.records().map_while(Result::ok) {
            if record.kind == RecordKind::Message && reads_alike {
                let heard = self.read(&record, &said, &mut decoded);
                other.admit_alike(&heard, self);
                self.take_in(&heard, &decoded, (position, &record), &mut said);
                other.take_in(&heard, &decoded, (position, &record), &mut said_other);
            } else {
                self.record(position, &record, &mut said);
                other.record(position, &record, &mut said_other);
            }
        }
        self.decoded = decoded;
        [self.end(said), other.end(said_other)]
    }

    /// Takes in the device that the first stage has just admitted.
    fn admit_alike(&mut self, heard: &Heard, first: &Self) {
        let Heard::Elements(slot) = heard else { return };
        if self.devices.get(*slot).is_some() {
            return;
        }
        if let Some(Some(device)) = first.devices.slots.get(*slot as usize) {
            let admitted = self.admit(Device::new(device.profile.clone(), device.registered));
            assert_eq!(admitted, *slot, "both stages fill and free their slots by the same records in the same order");
        }
    }
}
