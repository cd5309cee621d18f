//! Telling people of alarms: the rules that say whom, and the notices that come of them. Types only; the routing is
//! `alarms::notify`, the journal `storage::notify`, the sending the hub's.
//!
//! The words are Alertmanager's, because its behaviour is: a tree of routes, groups, a wait before the first notice, an
//! interval between looks, a repetition.

use crate::alarm::Priority;
use crate::ids::{AlarmCode, AlarmId, Class, DeviceId};
use crate::push::Urgency;
use crate::user::Role;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Who is told of what, in one value that a person can read and edit.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyRules {
    /// Version, counted from 1; each change takes the next number.
    pub version: u64,
    /// Minutes east of UTC, for the hours of matchers.
    #[serde(default = "shanghai")]
    pub utc_offset_min: i32,
    /// The first one that fits takes an alarm, and those after it while they say `continue`.
    pub routes: Vec<NotifyRoute>,
}

fn shanghai() -> i32 {
    480
}

/// One route. What is missing comes from the route it stands under; at the top from the defaults given here.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyRoute {
    /// Name of the route in data; unique in the tree.
    pub id: String,
    /// Name for people.
    #[serde(default)]
    pub title: String,
    /// Which alarms.
    #[serde(default, rename = "match")]
    pub matching: AlarmMatch,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<Vec<Receiver>>,
    /// Alarms with equal values of these share a notice; empty: all of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<BTreeSet<GroupLabel>>,
    /// The first notice of a group waits this long, seconds; 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_wait_s: Option<u32>,
    /// Between looks at a group, seconds; 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_interval_s: Option<u32>,
    /// Between notices of a group that has not changed, seconds; 14400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_interval_s: Option<u32>,
    /// Tell also when it is over; false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_resolved: Option<bool>,
    /// Whom to tell besides when nobody acknowledges; by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Vec<Escalation>>,
    /// Routes after this one may take the alarm as well.
    #[serde(default)]
    pub r#continue: bool,
    /// Routes for some of these alarms.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub routes: Vec<NotifyRoute>,
}

/// Which alarms: all that are named must fit; what names nothing fits everything.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmMatch {
    /// Any of these classes.
    pub classes: BTreeSet<Class>,
    /// Any of these alarm types.
    pub codes: BTreeSet<AlarmCode>,
    /// Any of these priorities.
    pub priorities: BTreeSet<Priority>,
    /// Of any of these desks.
    pub desks: BTreeSet<String>,
    /// In any of these sub-districts.
    pub sub_districts: BTreeSet<String>,
    /// Called within these hours of the day.
    pub hours: Option<Hours>,
}

/// Hours of the day, `HH:MM`; `from` is included, `to` is not; over midnight where `to` is not after `from`.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Begin.
    pub from: String,
    /// End.
    pub to: String,
}

/// What members of a group share.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupLabel {
    /// The first desk that takes it.
    Desk,
    /// Class of the device.
    Class,
    /// Alarm type.
    Code,
    /// Device.
    Device,
    /// Sub-district.
    SubDistrict,
    /// Priority.
    Priority,
    /// The occurrence itself: no grouping.
    Alarm,
}

impl GroupLabel {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupLabel::Desk => "desk",
            GroupLabel::Class => "class",
            GroupLabel::Code => "code",
            GroupLabel::Device => "device",
            GroupLabel::SubDistrict => "sub_district",
            GroupLabel::Priority => "priority",
            GroupLabel::Alarm => "alarm",
        }
    }
}

/// Whom to tell besides, when nobody acknowledges.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// This long after the call, seconds.
    pub after_s: u32,
    /// Whom.
    pub receivers: Vec<Receiver>,
}

/// Somebody or something that is told. Names are those of the hub's configuration.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// Everybody with this role, in the page.
    Role(Role),
    /// This person, in the page.
    User(String),
    /// A program, by a signed call.
    Webhook(String),
    /// Telephones, by the operator's gateway.
    Sms(String),
    /// A group of enterprise WeChat, by its robot.
    Wecom(String),
    /// A browser that somebody has subscribed, as `USER/BROWSER`; people do that themselves, rules do not name it.
    Push(String),
}

impl Receiver {
    /// By which channel.
    pub fn channel(&self) -> NotifyChannel {
        match self {
            Receiver::Role(_) | Receiver::User(_) => NotifyChannel::Page,
            Receiver::Webhook(_) => NotifyChannel::Webhook,
            Receiver::Sms(_) => NotifyChannel::Sms,
            Receiver::Wecom(_) => NotifyChannel::Wecom,
            Receiver::Push(_) => NotifyChannel::Push,
        }
    }

    /// Its name in the hub's configuration, where it has one.
    pub fn configured(&self) -> Option<&str> {
        match self {
            Receiver::Role(_) | Receiver::User(_) | Receiver::Push(_) => None,
            Receiver::Webhook(name) | Receiver::Sms(name) | Receiver::Wecom(name) => Some(name),
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Receiver::Role(role) => write!(f, "role:{role}"),
            Receiver::User(name) => write!(f, "user:{name}"),
            Receiver::Webhook(name) => write!(f, "webhook:{name}"),
            Receiver::Sms(name) => write!(f, "sms:{name}"),
            Receiver::Wecom(name) => write!(f, "wecom:{name}"),
            Receiver::Push(browser) => write!(f, "push:{browser}"),
        }
    }
}

/// The way a notice takes.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyChannel {
    /// In the page of people.
    Page,
    /// Signed HTTP call.
    Webhook,
    /// Short message gateway.
    Sms,
    /// Robot of an enterprise WeChat group.
    Wecom,
    /// Push service of a browser.
    Push,
}

impl NotifyChannel {
    /// All of them, in the order of their numbers.
    pub const ALL: [NotifyChannel; 5] =
        [NotifyChannel::Page, NotifyChannel::Webhook, NotifyChannel::Sms, NotifyChannel::Wecom, NotifyChannel::Push];

    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            NotifyChannel::Page => "page",
            NotifyChannel::Webhook => "webhook",
            NotifyChannel::Sms => "sms",
            NotifyChannel::Wecom => "wecom",
            NotifyChannel::Push => "push",
        }
    }
}

/// Why a notice goes out.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Something calls that did not before.
    Firing,
    /// It still does.
    Repeat,
    /// It is over.
    Resolved,
    /// Nobody has acknowledged in time.
    Escalation,
    /// A trial.
    Test,
    /// Somebody is told of something that is no alarm, such as an order.
    Message,
}

/// What one receiver is told.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Id of the decision and the receiver; the same for each try.
    pub id: String,
    /// Why.
    pub kind: NoticeKind,
    /// When it was decided, Unix ms.
    pub at: i64,
    /// Whom.
    pub receiver: Receiver,
    /// Route it came by.
    pub route: String,
    /// Name of the route for people.
    pub route_title: String,
    /// What the members share.
    pub group: BTreeMap<String, String>,
    /// Most urgent priority of those that call.
    pub priority: Option<Priority>,
    /// One line for people.
    pub title: String,
    /// Lines for people.
    pub text: String,
    /// The alarms, those that call first, at most 50.
    pub alarms: Vec<NoticeAlarm>,
    /// All of them.
    pub total: u64,
    /// How it is shown where it is pushed; what is missing follows from the alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushHints>,
}

/// How a notice is shown on a screen that is not looked at.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushHints {
    /// Page to open, a path of the hub.
    pub url: String,
    /// A later notice of the same tag takes the place of this one; empty for none.
    pub tag: String,
    /// How much it may cost.
    pub urgency: Urgency,
}

/// An alarm of a notice.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAlarm {
    /// The occurrence.
    pub alarm: AlarmId,
    /// Device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Its class.
    pub class: Class,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// Priority.
    pub priority: Priority,
    /// Sub-district.
    pub sub_district: String,
    /// It calls; else it is over.
    pub firing: bool,
    /// When it called, Unix ms.
    pub called_at: i64,
}

/// How far a delivery is.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not tried yet.
    Queued,
    /// The receiver has it.
    Sent,
    /// Tried in vain, to be tried again.
    Failed,
    /// Tried in vain as often as allowed.
    GaveUp,
}

/// A row of the journal.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Counts up.
    pub seq: i64,
    /// Id of the notice; no second row has it.
    pub key: String,
    /// When it was decided, Unix ms.
    pub at: i64,
    /// The way it takes.
    pub channel: NotifyChannel,
    /// Whom, in one word.
    pub receiver: String,
    /// How far it is.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next, Unix ms; none where it is not.
    pub next_try: Option<i64>,
    /// When it came to its end, Unix ms.
    pub done_at: Option<i64>,
    /// What came back of the newest try, shortened.
    pub response: String,
    /// What is told.
    pub notice: Notice,
}

/// What a person was told in the page.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Counts up.
    pub seq: i64,
    /// When, Unix ms.
    pub at: i64,
    /// What.
    pub notice: Notice,
}
