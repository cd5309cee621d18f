//! What the dataflow says about one batch: an ordered list, the same whenever and wherever the batch is run.

use crate::alarm::{Alarm, AlarmEvent};
use crate::command::CommandRefusal;
use crate::ids::{Class, DeviceId, PointName};
use crate::ledger::Counts;
use crate::observation::Quality;
use crate::order::OrderTrigger;
use crate::record::{Channel, Position};
use crate::reject::Reject;
use crate::time::ReceivedTime;
use crate::view::{DeviceView, UnitView};
use serde::{Deserialize, Serialize};

/// All outputs of one batch, in order, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchOutput {
    /// Batch number.
    pub batch: u64,
    /// Receive time of the batch.
    pub received: ReceivedTime,
    /// Position after the batch's last record.
    pub end: Position,
    /// What was decided, in order.
    pub items: Vec<Output>,
    /// Messages decided in this batch, per channel (`accepted` is unused here).
    pub counts: [Counts; Channel::ALL.len()],
}

/// One output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// New state of a unit.
    Unit(Box<UnitView>),
    /// New state of a device.
    Device(Box<DeviceView>),
    /// A device was struck off; live views forget it.
    Removed {
        /// The device.
        device: DeviceId,
        /// Its class.
        class: Class,
    },
    /// A point of a track, late ones included.
    Track(TrackPoint),
    /// Values of a device's points, late ones included.
    Sample(Sample),
    /// An alarm changed: its state after the change and the event that did it.
    Alarm(Box<AlarmChange>),
    /// A desk is in flood, or no longer.
    Flood(Flood),
    /// A device went out of service, or came back.
    Service(Box<ServiceChange>),
    /// Open an order.
    Order(Box<OrderTrigger>),
    /// A message that could not be used.
    Quarantine(Box<Quarantined>),
    /// Answer to a human command.
    CommandDone {
        /// Its idempotency key.
        request_id: String,
        /// What came of it.
        result: Result<(), CommandRefusal>,
    },
}

/// A position for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackPoint {
    /// Unit.
    pub unit: DeviceId,
    /// Device time, Unix ms.
    pub time: i64,
    /// Degrees east, WGS-84.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
    /// km/h.
    pub speed_kmh: Option<f32>,
    /// Degrees clockwise from north.
    pub heading_deg: Option<f32>,
}

/// Readings for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Device.
    pub device: DeviceId,
    /// Device time, Unix ms.
    pub time: i64,
    /// Values by point.
    pub values: Vec<(PointName, f64)>,
    /// Quality of all of them.
    pub quality: Quality,
}

/// State of an alarm after a change, and the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmChange {
    /// After the change.
    pub alarm: Alarm,
    /// The change.
    pub event: AlarmEvent,
}

/// A flood of alarms at one operator desk began or ended (ISA-18.2: more annunciations than a person can answer).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// Desk, as the rules name it.
    pub desk: String,
    /// Name for people.
    pub title: String,
    /// Began, or ended.
    pub flooded: bool,
    /// When, Unix ms.
    pub at: i64,
    /// Annunciations in the window at that moment.
    pub count: u32,
}

/// A device went out of service with a permit, or came back.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceChange {
    /// The device.
    pub device: DeviceId,
    /// Why it is out of service; none when it is back.
    pub permit: Option<Permit>,
    /// Who said so.
    pub by: String,
    /// When, Unix ms.
    pub at: i64,
}

/// Leave for a device to be out of service (ISA-18.2: out of service needs a permit).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Number of the work permit.
    pub permit: String,
    /// Why.
    pub reason: String,
    /// Who took it out.
    pub by: String,
    /// Since when, Unix ms.
    pub since: i64,
    /// When it is planned to be back, Unix ms.
    pub planned_return: i64,
}

/// A message in quarantine.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its place in the log, where the raw bytes are.
    pub position: Position,
    /// Receive time, Unix ms.
    pub received: i64,
    /// The door it came in by.
    pub channel: Channel,
    /// Who sent it.
    pub principal: String,
    /// Topic as sent.
    pub topic: String,
    /// Device named by the topic, where it names one.
    pub device: Option<DeviceId>,
    /// Why.
    pub reject: Reject,
    /// Index of the bad element where the message was an array.
    pub element: Option<usize>,
    /// The first bytes of the payload, lossily as text, at most 512 characters.
    pub excerpt: String,
    /// Size of the payload in bytes.
    pub bytes: usize,
}
