//! What dispatch follows: limits, calendar, teams, review and escalation, as one versioned document that a person edits
//! (派单规则). Types only; what they mean is `dispatch::core`'s.
//!
//! Nothing here is a constant of the program: limits differ by city and change by notice, holidays come yearly from the
//! State Council, and a document of last year stays readable.

use crate::alarm::Priority;
use crate::ids::{AlarmCode, Class, DeviceId, OrderId};
use crate::order::{Assignee, CaseKind, OrderSource, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a limit counts.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// 紧急工作时: hours by the wall clock, day and night.
    UrgentHour,
    /// 工作时: hours inside the work periods of work days.
    WorkHour,
    /// 工作日: ends at the close of the n-th work day after the day of the start.
    WorkDay,
    /// 自然日: days of 24 hours by the wall clock.
    NaturalDay,
}

/// When people work. Days are `YYYY-MM-DD`, times `HH:MM`, both local.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Minutes east of UTC (China: 480, no summer time).
    pub utc_offset_min: i32,
    /// Work periods of a work day, from and to, in order and apart.
    pub work_periods: Vec<(String, String)>,
    /// Days off besides Saturday and Sunday.
    #[serde(default)]
    pub holidays: BTreeSet<String>,
    /// Saturdays and Sundays that are worked.
    #[serde(default)]
    pub extra_workdays: BTreeSet<String>,
}

/// One line of the limit table. The most exact line that fits and is in force holds; of equals the newest.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitLine {
    /// Which stage.
    pub stage: Stage,
    /// Code list; missing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Beginning of the code, for example `06` or `06042`; missing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Priority; missing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Source; missing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<OrderSource>,
    /// Class of area, a name of `areas`; missing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// How it counts.
    pub kind: LimitKind,
    /// Hours or days by `kind`, above 0.
    pub value: f64,
    /// In force from this local day on.
    pub from: String,
}

/// A team (班组, 养护单位, 街道所) that orders can be given to.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Id in data.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Sub-districts or grid cells it answers for; empty: the whole district.
    #[serde(default)]
    pub areas: BTreeSet<String>,
    /// Beginnings of codes it handles; empty: all.
    #[serde(default)]
    pub codes: BTreeSet<String>,
    /// Device classes whose alarms it handles; empty: all.
    #[serde(default)]
    pub classes: BTreeSet<Class>,
    /// Who is told when nobody of the team answers.
    #[serde(default)]
    pub lead: Option<String>,
    /// Another system that takes the team's orders, a name of the configuration's `dispatch.targets`.
    #[serde(default)]
    pub target: Option<String>,
}

/// A person who can be given orders.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffMember {
    /// User name.
    pub user: String,
    /// Name for people.
    pub name: String,
    /// Team id.
    pub team: String,
    /// Beginnings of codes they are trained for; empty: all of the team.
    #[serde(default)]
    pub skills: BTreeSet<String>,
    /// Telephone, for SMS and voice; empty: none.
    #[serde(default)]
    pub phone: String,
    /// 5G unit or vehicle they carry, whose position is theirs.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// Who is asked next when they do not answer.
    #[serde(default)]
    pub backup: Option<String>,
}

/// A duty (值班): who works when. Local days and times; a shift over midnight ends before it begins.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// User name.
    pub user: String,
    /// Local day, or a weekday `mon` … `sun` for every week.
    pub day: String,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`.
    pub to: String,
}

/// A routine case that is filed without a person, when all that is named fits.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRule {
    /// Name for people; the trace quotes it.
    pub name: String,
    /// Any of these sources; empty: all.
    #[serde(default)]
    pub sources: BTreeSet<OrderSource>,
    /// Beginnings of codes; empty: any code, but one must be there.
    #[serde(default)]
    pub codes: BTreeSet<String>,
    /// At least so many photos.
    #[serde(default)]
    pub photos: u32,
    /// Not if a duplicate of at least this score (0 to 1) is open.
    #[serde(default = "likely")]
    pub duplicate_below: f64,
    /// Send it at once to the first proposal.
    #[serde(default)]
    pub dispatch: bool,
}

fn likely() -> f64 {
    0.6
}

/// How one is told, and how long that is given before the next way.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeStep {
    /// Which way.
    pub way: NoticeWay,
    /// Whom.
    pub who: NoticeWho,
    /// After so many seconds without an answer.
    pub after_s: u32,
}

/// A way to tell somebody.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeWay {
    /// Live socket and Web Push of their phone or page.
    App,
    /// Text message.
    Sms,
    /// Voice call (语音催告).
    Voice,
}

/// Whom a step tells.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeWho {
    /// Whom the order is given to (all of a team on shift).
    Assignee,
    /// Their backup.
    Backup,
    /// The team's lead.
    Lead,
    /// The dispatchers.
    Desk,
}

/// Everything that dispatch follows.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchRules {
    /// Version, counted from 1; each change takes the next number.
    pub version: u64,
    /// When people work.
    pub calendar: Calendar,
    /// Limits by stage and kind.
    pub limits: Vec<LimitLine>,
    /// Classes of area: name to the sub-districts and grid cells in it.
    #[serde(default)]
    pub areas: BTreeMap<String, BTreeSet<String>>,
    /// Warn after this share of a limit, 0 to 1.
    pub warn_share: f64,
    /// Escalate again after each further share of the limit, above 0.
    pub escalate_share: f64,
    /// The handling clock ends at least this many minutes before an outer deadline.
    pub outer_margin_min: u32,
    /// Teams.
    pub teams: Vec<Team>,
    /// People.
    pub members: Vec<StaffMember>,
    /// Duty roster.
    #[serde(default)]
    pub roster: Vec<Duty>,
    /// Routine cases; the first that fits holds.
    #[serde(default)]
    pub review: Vec<ReviewRule>,
    /// Kind of case by alarm code, for orders that alarms open.
    #[serde(default)]
    pub alarm_kinds: BTreeMap<AlarmCode, CaseKind>,
    /// Kind of case by class, where the code names none.
    #[serde(default)]
    pub class_kinds: BTreeMap<Class, CaseKind>,
    /// How the one who is given an order is told, by time; the first is at 0 seconds.
    pub notices: Vec<NoticeStep>,
}

/// One entry of a code list.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeEntry {
    /// The kind.
    #[serde(flatten)]
    pub kind: CaseKind,
    /// Name of its class (大类).
    pub class: String,
    /// Name (小类).
    pub name: String,
}

/// What a person who can be given orders does now (状态看板).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyState {
    /// 待命: on shift, nothing to do.
    Ready,
    /// 前往: has accepted and is on the way.
    Underway,
    /// 到场: works on site.
    OnSite,
    /// 离线: on shift, but not heard of.
    Offline,
    /// 休班: not on shift.
    OffShift,
}

/// A person as the dispatcher sees them.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaffView {
    /// User name.
    pub user: String,
    /// Name for people.
    pub name: String,
    /// Team id.
    pub team: String,
    /// What they do.
    pub state: DutyState,
    /// Switched on by themselves or by the roster.
    pub on_shift: bool,
    /// Since, Unix ms.
    pub since: Option<i64>,
    /// Degrees east, WGS-84.
    pub lon: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Time of that position, Unix ms.
    pub fix_at: Option<i64>,
    /// The unit whose position it is.
    pub device: Option<DeviceId>,
    /// Open orders they have.
    pub load: u32,
}

/// A proposal whom to send, with its reasons (派单建议).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Whom.
    pub to: Assignee,
    /// Name for people.
    pub name: String,
    /// Lower is better: expected minutes until there, with what else counts turned into minutes.
    pub cost: f64,
    /// Metres in a straight line; none without a position.
    pub distance_m: Option<f64>,
    /// Open orders they have.
    pub load: u32,
    /// Each thing that counted, in words, with its minutes.
    pub reasons: Vec<Ground>,
}

/// One thing that counted.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ground {
    /// In words (Chinese).
    pub text: String,
    /// What it adds to the cost or score; below 0 it helps.
    pub share: f64,
}

/// A batch of proposals that together are least late (批量派单).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Who gets what.
    pub lines: Vec<PlanLine>,
    /// Orders for which nobody fits, with the reason in words.
    pub left: Vec<(OrderId, String)>,
    /// Expected lateness of all lines together, minutes.
    pub lateness_min: f64,
    /// Total cost, minutes.
    pub cost: f64,
    /// No plan can cost less than this.
    pub bound: f64,
}

/// One order of a plan.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// The order.
    pub order: OrderId,
    /// For whom and why.
    pub candidate: Candidate,
    /// Expected lateness against its handling clock, minutes; 0 in time.
    pub late_min: f64,
}

/// An open order that may be the same case (疑似重复).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The other order.
    pub order: OrderId,
    /// Its title.
    pub title: String,
    /// 0 to 1.
    pub score: f64,
    /// Why, in words.
    pub reasons: Vec<Ground>,
}
