//! The dataflow: log batches in, everything the hub decides about them out, in one order that is the same whenever and
//! wherever the batches are run.
//!
//! ```text
//! log ──▶ host (timely, time stamp = batch number) ──▶ outputs, batch by batch ──▶ sinks
//!            │ operators: devices ─▶ alarms ─▶ gather        │
//!            └── states every few seconds ──▶ snapshot ◀─────┘ published when all sinks are past it
//! ```
//!
//! **Time** is the receive time in the batch; nothing in here that decides reads a clock. When nobody sends, the host
//! appends a tick to the log as soon as a timer is due, so even silence is replayed.
//! **Recovery** = newest snapshot + log from there. The first output after a start from a snapshot carries the
//! snapshot's batch number and the state of everything, so that live views are whole; sinks have that batch and skip it.
//! **Replay** runs the same operators over the recorded log ([`replay`]).
//! **Bounds**: at most 8 batches under way, the channel to the sinks, one snapshot at a time, and the operators' own.
//!
//! **Deliberately absent**: what a limit, a priority or a repeat is (`alarms`), payloads (`gateway`), tables (`storage`).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod canonical;
mod error;
mod host;
mod keeper;
mod operators;
mod past;
mod replay;
mod restore;
mod start;

pub use error::StreamsError;
pub use host::{BatchSource, Fetch, Offline, Recorded, Tail, Until};
pub use operators::PartError;
pub use past::{Past, PastState, SPEED_MAX};
pub use replay::{
    ALARMS_MAX, AlarmChanged, AlarmComparison, AlarmSummary, CandidateReport, ReplayOptions, ReplayProgress,
    ReplayReport, replay, run_recorded,
};
pub use restore::{RESTORED_BY, rules_recorded};
pub use start::{Streams, StreamsConfig, StreamsHandle};
