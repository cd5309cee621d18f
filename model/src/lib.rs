//! Vocabulary of Greenhub: what flows through the hub is what all crates share.
//!
//! ids, times, units, geodesy, log records, readings, alarm and order types. No IO, no clock, no
//! randomness: every function here is pure, and time is always an argument.
//!
//! **Deliberately absent**: rules (crate `alarms`), SQL and files (crate `storage`), sockets.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod alarm;
pub mod change;
pub mod command;
pub mod decode;
pub mod dispatch;
pub mod geodesy;
pub mod ids;
pub mod kpi;
pub mod ledger;
pub mod media;
pub mod notice;
pub mod notify;
pub mod observation;
pub mod order;
pub mod output;
pub mod polygon;
pub mod profile;
pub mod push;
pub mod record;
pub mod reject;
pub mod statistics;
pub mod time;
pub mod topic;
pub mod units;
pub mod user;
pub mod view;

pub use alarm::{Alarm, AlarmEvent, AlarmState, Priority, Severity};
pub use command::{Command, CommandRefusal, CommandRequest, ConfigChange};
pub use ids::{AlarmCode, AlarmId, Class, DeviceId, FileId, IdError, MediaSessionId, OrderId, PointName};
pub use observation::{Observation, Observed, Quality};
pub use output::{BatchOutput, Output};
pub use profile::{DeviceProfile, PointProfile};
pub use record::{Batch, Channel, Position, Record, RecordKind};
pub use reject::Reject;
pub use time::{DeviceTime, Moment, ReceivedTime, TimeQuality, TimeRules};
pub use topic::{DeviceTopic, MessageKind};
pub use user::Role;
