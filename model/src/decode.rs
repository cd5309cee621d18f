//! The seam between protocol decoders (gateway) and the dataflow (streams): pure, so that a replay decodes the same.

use crate::geodesy::Datum;
use crate::observation::Observed;
use crate::reject::Reject;
use crate::time::{ReceivedTime, TimeRules};
use crate::topic::DeviceTopic;

/// Largest device message in bytes (JSON payloads of the contract).
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Most elements in one array message (a buffered upload).
pub const ELEMENTS_MAX: usize = 10_000;

/// What a decoder needs to know besides the bytes.
#[derive(Debug, Clone, Copy)]
pub struct DecodeContext {
    /// Receive time of the batch.
    pub received: ReceivedTime,
    /// Datum of the device's positions, from its profile.
    pub datum: Datum,
    /// Bounds for device time.
    pub time: TimeRules,
}

/// Turns the payload of one message into observations.
pub trait Decode: Send + Sync {
    /// Appends one entry per element to `out`, in order: an observation, or the index of the element (none for a
    /// message that is no array) with the reason it was refused. A payload that cannot be read at all gives one refusal.
    fn decode(
        &self,
        topic: &DeviceTopic<'_>,
        context: &DecodeContext,
        payload: &[u8],
        out: &mut Vec<Result<Observed, (Option<usize>, Reject)>>,
    );
}
