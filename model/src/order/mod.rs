//! Work orders (工单): one value from the first report to the closed case. Types only; the life cycle lives in
//! `dispatch::core`, the rules it asks in [`crate::dispatch`].
//!
//! ```text
//! Reported ─file─▶ Filed ─dispatch─▶ Dispatched ─accept─▶ Accepted ─arrive─▶ InProgress ─finish─▶ Finished ─pass─▶ Closed
//!  上报            立案               派遣                  接单               处置                  反馈           结案
//! ```
//!
//! An order is the fold of its acts: the same acts in the same order give the same order, so a past moment is the fold
//! of the acts until then. Words follow CJJ/T 106-2010 and GB/T 47678.

mod event;
mod refusal;

pub use event::{OrderEntry, OrderEvent, SplitPart, act_word};
pub use refusal::OrderRefusal;

use crate::alarm::Priority;
use crate::dispatch::LimitKind;
use crate::ids::{AlarmId, Class, DeviceId, FileId, OrderId};
use serde::{Deserialize, Serialize};

/// Where an order stands (city-management flow, 2026 wording).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// 待受理: reported, nobody has decided whether it is a case.
    Reported,
    /// 待派遣: filed (立案), not yet sent to anybody; may have somebody in mind (assigned).
    Filed,
    /// 待接单: sent to somebody, not yet accepted.
    Dispatched,
    /// 已接单: accepted.
    Accepted,
    /// 处置中: somebody is there and works.
    InProgress,
    /// 挂账: cannot be done now, approved; its clocks stand.
    Suspended,
    /// 待核查: done, to be checked.
    Finished,
    /// 已结案: checked and closed.
    Closed,
    /// 不予立案: no case.
    Rejected,
    /// 已并案: goes on in another order.
    Merged,
    /// 已拆分: goes on in several others.
    Split,
    /// 已作废: void.
    Cancelled,
}

impl OrderState {
    /// All states in their fixed order.
    pub const ALL: [OrderState; 12] = [
        OrderState::Reported,
        OrderState::Filed,
        OrderState::Dispatched,
        OrderState::Accepted,
        OrderState::InProgress,
        OrderState::Suspended,
        OrderState::Finished,
        OrderState::Closed,
        OrderState::Rejected,
        OrderState::Merged,
        OrderState::Split,
        OrderState::Cancelled,
    ];

    /// The state in Chinese, as people say it.
    pub fn word(self) -> &'static str {
        match self {
            OrderState::Reported => "待受理",
            OrderState::Filed => "待派遣",
            OrderState::Dispatched => "待接单",
            OrderState::Accepted => "已接单",
            OrderState::InProgress => "处置中",
            OrderState::Suspended => "挂账",
            OrderState::Finished => "待核查",
            OrderState::Closed => "已结案",
            OrderState::Rejected => "不予立案",
            OrderState::Merged => "已并案",
            OrderState::Split => "已拆分",
            OrderState::Cancelled => "已作废",
        }
    }

    /// Whether something is still to be done.
    pub fn is_open(self) -> bool {
        use OrderState::*;
        matches!(self, Reported | Filed | Dispatched | Accepted | InProgress | Suspended | Finished)
    }
}

/// Where an order came from.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderSource {
    /// An alarm of a device.
    Alarm,
    /// A patrol officer or crew on a phone (巡查上报).
    Patrol,
    /// A citizen (市民投诉, web or counter).
    Citizen,
    /// 12345 热线.
    Hotline,
    /// Another department.
    Department,
    /// The district's city-operation platform (区城运平台).
    CityPlatform,
    /// Made by hand at the desk.
    Desk,
}

/// A coded kind of case: which list, component (部件) or matter (事件), and its code there. Components and matters share
/// numbers, so the category is part of the key (GB/T 47678.5-2026).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseKind {
    /// Name of the code list, for example `gbt47678-2026`.
    pub scheme: String,
    /// Component or matter.
    pub category: CaseCategory,
    /// Code in that list, for example `06042`.
    pub code: String,
}

/// Component or matter.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseCategory {
    /// 部件: a thing of the city.
    Component,
    /// 事件: something that happens.
    Matter,
}

/// Number of the case in another system; unique there, so an import that comes twice opens one order.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Name of the system, for example `12345` or `chengyun`.
    pub system: String,
    /// Its number there; never edited here.
    pub number: String,
    /// When the other system wants it done, Unix ms: the outer clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
}

/// Who reported it. Shown only to those who need it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reporter {
    /// Name; empty where unknown.
    #[serde(default)]
    pub name: String,
    /// Telephone; empty where unknown.
    #[serde(default)]
    pub phone: String,
}

/// Where it is.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Degrees east, WGS-84.
    #[serde(default)]
    pub lon: Option<f64>,
    /// Degrees north, WGS-84.
    #[serde(default)]
    pub lat: Option<f64>,
    /// Address in words.
    #[serde(default)]
    pub address: String,
    /// Grid cell (单元网格), up to 15 digits; empty where unknown.
    #[serde(default)]
    pub grid: String,
    /// Sub-district (街道); found from the point where it is empty.
    #[serde(default)]
    pub sub_district: String,
}

/// What a photo or file shows.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentRole {
    /// The reported state.
    Report,
    /// Before the work, from near.
    BeforeNear,
    /// Before the work, from afar.
    BeforeFar,
    /// After the work, from near.
    AfterNear,
    /// After the work, from afar.
    AfterFar,
    /// The check.
    Check,
    /// Anything else.
    Other,
}

/// A stored file and what it shows.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The file; it must be whole when an act names it.
    pub file: FileId,
    /// What it shows.
    pub role: AttachmentRole,
}

/// The one form that every source fills in (案卷).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseForm {
    /// Where it came from.
    pub source: OrderSource,
    /// Number elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Title, 1 to 100 characters.
    pub title: String,
    /// What is the matter, up to 2,000 characters.
    #[serde(default)]
    pub text: String,
    /// Coded kind; a reviewer adds it where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CaseKind>,
    /// How soon to act.
    pub priority: Priority,
    /// Where.
    #[serde(default)]
    pub place: Place,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<Reporter>,
    /// When it was seen, Unix ms; not after the report. Missing: when reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<i64>,
    /// Device it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Photos and files.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// Changes to the form of an open order; what is missing stays.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CasePatch {
    /// New title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// New text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// New kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<CaseKind>,
    /// New priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// New place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Whom an order is given to: a team, or one of its people.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Assignee {
    /// A person, by user name.
    Person {
        /// User name.
        user: String,
    },
    /// A team; whoever of it accepts first has it.
    Team {
        /// Team id of the dispatch rules.
        team: String,
    },
}

/// What a site check of a report found (核实).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteFinding {
    /// It is there.
    Exists,
    /// It is not there.
    NotThere,
    /// Could not be told.
    Unknown,
}

/// A check on site that was asked for before filing.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Who is to look.
    pub user: String,
    /// Asked at, Unix ms.
    pub asked_at: i64,
    /// What they found; none while open.
    pub finding: Option<SiteFinding>,
}

/// What needs somebody's approval.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// 延期: a later handling deadline.
    Delay {
        /// Wanted deadline, Unix ms.
        until: i64,
    },
    /// 挂账: stop for now, clocks stand.
    Suspend {
        /// Look at it again at, Unix ms; none: until resumed.
        #[serde(default)]
        until: Option<i64>,
    },
    /// 申诉: a closed order or its judgement is contested; decided by pre-check, department, leader in turn.
    Appeal,
}

/// A wish that waits for a decision. An order has at most one.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingWish {
    /// What is wanted.
    #[serde(flatten)]
    pub wish: Wish,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Asked at, Unix ms.
    pub at: i64,
    /// Approvals it has; an appeal needs three (预审, 部门, 领导), a first delay one, a later one of an administrator.
    pub approvals: Vec<String>,
}

/// 督办: somebody above wants it done.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// 1 normal, 2 important, 3 urgent.
    pub level: u8,
    /// Who.
    pub by: String,
    /// What they said.
    pub text: String,
    /// When, Unix ms.
    pub at: i64,
}

/// The stages that have a clock.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// 受理: reported until filed or rejected.
    Acceptance,
    /// 派遣: filed until dispatched.
    Dispatch,
    /// 接单: dispatched until accepted.
    Receive,
    /// 处置: dispatched until finished; ends before an outer deadline by the configured margin.
    Handling,
    /// 核查: finished until checked.
    Check,
    /// The deadline another system gave for the whole (outer clock).
    Outer,
}

/// How a clock stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Counts.
    Running,
    /// Stands, with an approved reason.
    Paused,
    /// The stage ended before the deadline.
    Done,
    /// The stage ended after it.
    DoneLate,
}

/// One clock of an order: the limit of one stage. A running clock keeps the limit in force when its stage began.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Which stage.
    pub stage: Stage,
    /// How the limit counts.
    pub kind: LimitKind,
    /// The limit in hours or days by `kind`.
    pub value: f64,
    /// Began, Unix ms.
    pub started_at: i64,
    /// To end by, Unix ms; while paused as it was.
    pub deadline: i64,
    /// How it stands.
    pub state: ClockState,
    /// Paused since, Unix ms.
    pub paused_at: Option<i64>,
    /// Warn at, Unix ms.
    pub warn_at: i64,
    /// Warned.
    pub warned: bool,
    /// Overdue steps told so far: 0 none, 1 at the deadline, then one for each further share of the limit.
    pub escalations: u32,
    /// Ended, Unix ms.
    pub ended_at: Option<i64>,
}

/// A work order as it stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// Where it came from.
    pub source: OrderSource,
    /// Number elsewhere.
    pub external: Option<External>,
    /// The alarm behind it, if one is.
    pub alarm: Option<AlarmId>,
    /// Title for people.
    pub title: String,
    /// What is the matter.
    pub text: String,
    /// Coded kind.
    pub kind: Option<CaseKind>,
    /// How soon to act.
    pub priority: Priority,
    /// Where it stands.
    pub state: OrderState,
    /// Device it concerns.
    pub device: Option<DeviceId>,
    /// Its class.
    pub class: Option<Class>,
    /// Place, WGS-84 degrees.
    pub lon: Option<f64>,
    /// Latitude.
    pub lat: Option<f64>,
    /// Address in words.
    pub address: String,
    /// Grid cell.
    pub grid: String,
    /// Sub-district.
    pub sub_district: String,
    /// Who reported it; none for those who need not know.
    pub reporter: Option<Reporter>,
    /// When it was seen, Unix ms.
    pub seen_at: i64,
    /// User who has it or is meant to: planned while filed, asked while dispatched, theirs from accepted on.
    pub assignee: Option<String>,
    /// Team it is given to.
    pub team: Option<String>,
    /// Photos and files of the form and of all acts.
    pub attachments: Vec<Attachment>,
    /// A check on site before filing.
    pub verification: Option<Verification>,
    /// A wish that waits for a decision.
    pub pending: Option<PendingWish>,
    /// 督办, the newest.
    pub supervision: Option<Supervision>,
    /// How often the check sent it back.
    pub rework_count: u32,
    /// How often it was delayed.
    pub delay_count: u32,
    /// How often it was given back.
    pub return_count: u32,
    /// The order it goes on in.
    pub merged_into: Option<OrderId>,
    /// The order it was split from.
    pub parent: Option<OrderId>,
    /// Orders merged into this one, or split from it.
    pub children: Vec<OrderId>,
    /// Its clocks, in the order they began; a stage that began again has the newest last.
    pub clocks: Vec<Clock>,
    /// Opened, Unix ms.
    pub created_at: i64,
    /// Last change, Unix ms.
    pub updated_at: i64,
    /// Number of acts so far; the opening is 0.
    pub version: u64,
    /// Who brought it to where it stands; `hub` for the hub itself.
    #[serde(default)]
    pub state_by: String,
    /// Since when it stands there, Unix ms.
    #[serde(default)]
    pub state_at: i64,
    /// Who last said that it is done; somebody else has to check it.
    #[serde(default)]
    pub finished_by: Option<String>,
    /// Where it stood before it was suspended; it goes on there.
    #[serde(default)]
    pub suspended_from: Option<OrderState>,
    /// When a suspended order goes on by itself, Unix ms.
    #[serde(default)]
    pub suspended_until: Option<i64>,
}

impl Order {
    /// The order that a form opens; its clocks are the life cycle's to start.
    pub fn of_form(id: OrderId, form: CaseForm, at: i64) -> Self {
        Self {
            id,
            source: form.source,
            external: form.external,
            alarm: None,
            title: form.title,
            text: form.text,
            kind: form.kind,
            priority: form.priority,
            state: OrderState::Reported,
            device: form.device,
            class: None,
            lon: form.place.lon,
            lat: form.place.lat,
            address: form.place.address,
            grid: form.place.grid,
            sub_district: form.place.sub_district,
            reporter: form.reporter,
            seen_at: form.seen_at.unwrap_or(at),
            assignee: None,
            team: None,
            attachments: form.attachments,
            verification: None,
            pending: None,
            supervision: None,
            rework_count: 0,
            delay_count: 0,
            return_count: 0,
            merged_into: None,
            parent: None,
            children: Vec::new(),
            clocks: Vec::new(),
            created_at: at,
            updated_at: at,
            version: 0,
            state_by: String::new(),
            state_at: at,
            finished_by: None,
            suspended_from: None,
            suspended_until: None,
        }
    }

    /// The order that an alarm opens: filed at once, its kind and clocks are the life cycle's to add.
    pub fn of_alarm(trigger: &OrderTrigger) -> Self {
        let form = CaseForm {
            source: OrderSource::Alarm,
            external: None,
            title: trigger.title.clone(),
            text: String::new(),
            kind: None,
            priority: trigger.priority,
            place: Place {
                lon: trigger.lon,
                lat: trigger.lat,
                sub_district: trigger.sub_district.clone(),
                ..Place::default()
            },
            reporter: None,
            seen_at: None,
            device: Some(trigger.device.clone()),
            attachments: Vec::new(),
        };
        let order = Self::of_form(trigger.order.clone(), form, trigger.at);
        Self { alarm: Some(trigger.alarm.clone()), class: Some(trigger.class), state: OrderState::Filed, ..order }
    }

    /// The newest clock of a stage.
    pub fn clock(&self, stage: Stage) -> Option<&Clock> {
        self.clocks.iter().rev().find(|clock| clock.stage == stage)
    }
}

/// A request to open an order, emitted by the dataflow exactly once per alarm occurrence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderTrigger {
    /// Identity of the order it opens.
    pub order: OrderId,
    /// The alarm behind it.
    pub alarm: AlarmId,
    /// Title for people.
    pub title: String,
    /// How soon to act.
    pub priority: Priority,
    /// Device it concerns.
    pub device: DeviceId,
    /// Its class.
    pub class: Class,
    /// Place, WGS-84 degrees.
    pub lon: Option<f64>,
    /// Latitude.
    pub lat: Option<f64>,
    /// Sub-district.
    pub sub_district: String,
    /// When it was triggered (receive time, Unix ms).
    pub at: i64,
}
