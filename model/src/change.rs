//! Change control: a request to change the rules, where it stands, and what the back-test of its candidate found.
//!
//! Types only; who may do what when is decided by `alarms::change`.

use crate::alarm::{Priority, Severity};
use crate::ids::{AlarmCode, AlarmId, DeviceId};
use crate::record::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a request stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Being written.
    Draft,
    /// Waits for the technical review.
    InReview,
    /// Reviewed; waits for the approval.
    InApproval,
    /// Will be put in force at its time.
    Scheduled,
    /// In force; waits for its verification (an emergency change for its approval before that).
    InForce,
    /// Verified, well or badly.
    Closed,
    /// Refused by a reviewer or approver.
    Rejected,
    /// Taken back by its requester.
    Withdrawn,
}

impl ChangeState {
    /// All states in their fixed order.
    pub const ALL: [ChangeState; 8] = [
        ChangeState::Draft,
        ChangeState::InReview,
        ChangeState::InApproval,
        ChangeState::Scheduled,
        ChangeState::InForce,
        ChangeState::Closed,
        ChangeState::Rejected,
        ChangeState::Withdrawn,
    ];

    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            ChangeState::Draft => "草稿",
            ChangeState::InReview => "待审核",
            ChangeState::InApproval => "待批准",
            ChangeState::Scheduled => "待生效",
            ChangeState::InForce => "已生效，待核实",
            ChangeState::Closed => "已关闭",
            ChangeState::Rejected => "已驳回",
            ChangeState::Withdrawn => "已撤回",
        }
    }
}

/// What is done to a request.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAct {
    /// Written down for the first time.
    Create,
    /// Its words, time or candidate are changed.
    Edit,
    /// Handed to the reviewers.
    Submit,
    /// Taken back.
    Withdraw,
    /// Put in force at once, to be approved afterwards.
    Emergency,
    /// Found technically right.
    Review,
    /// Approved.
    Approve,
    /// Refused.
    Reject,
    /// By the hub: its time has come.
    PutInForce,
    /// By the hub: its base is no longer the newest version, so it goes back to its requester.
    SendBack,
    /// Checked in operation.
    Verify,
}

impl ChangeAct {
    /// All acts in their fixed order.
    pub const ALL: [ChangeAct; 11] = [
        ChangeAct::Create,
        ChangeAct::Edit,
        ChangeAct::Submit,
        ChangeAct::Withdraw,
        ChangeAct::Emergency,
        ChangeAct::Review,
        ChangeAct::Approve,
        ChangeAct::Reject,
        ChangeAct::PutInForce,
        ChangeAct::SendBack,
        ChangeAct::Verify,
    ];

    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            ChangeAct::Create => "新建",
            ChangeAct::Edit => "修改",
            ChangeAct::Submit => "提交审核",
            ChangeAct::Withdraw => "撤回",
            ChangeAct::Emergency => "紧急生效",
            ChangeAct::Review => "审核通过",
            ChangeAct::Approve => "批准",
            ChangeAct::Reject => "驳回",
            ChangeAct::PutInForce => "生效",
            ChangeAct::SendBack => "退回",
            ChangeAct::Verify => "核实",
        }
    }
}

/// A request to change the rules, without the rules themselves.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Number, counted from 1.
    pub id: i64,
    /// What is to change, in a few words.
    pub title: String,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: ChangeState,
    /// Counts every act; an act on an older revision is refused.
    pub revision: i64,
    /// Counts every edit of the rules; a back-test belongs to one of them.
    pub candidate: i64,
    /// Version of the rules it starts from.
    pub base: u64,
    /// Version it brings back, where it is a roll-back.
    #[serde(default)]
    pub restores: Option<u64>,
    /// In force before its approval.
    #[serde(default)]
    pub emergency: bool,
    /// When it is to be in force, Unix ms; none: as soon as it is approved.
    #[serde(default)]
    pub effective_at: Option<i64>,
    /// Who asks.
    pub requester: String,
    /// First written, Unix ms.
    pub created_at: i64,
    /// Handed to the reviewers, Unix ms.
    #[serde(default)]
    pub submitted_at: Option<i64>,
    /// Who found it right.
    #[serde(default)]
    pub reviewer: Option<String>,
    /// When, Unix ms.
    #[serde(default)]
    pub reviewed_at: Option<i64>,
    /// Who approved it.
    #[serde(default)]
    pub approver: Option<String>,
    /// When, Unix ms.
    #[serde(default)]
    pub approved_at: Option<i64>,
    /// Emergency only: the approval must be there by then, Unix ms.
    #[serde(default)]
    pub approve_by: Option<i64>,
    /// Emergency only: it is not there, and it is later. Worked out when it is shown.
    #[serde(default)]
    pub overdue: bool,
    /// The version it became.
    #[serde(default)]
    pub version: Option<u64>,
    /// In force since, Unix ms.
    #[serde(default)]
    pub in_force_at: Option<i64>,
    /// Whether it does what it should, as checked in operation.
    #[serde(default)]
    pub verified: Option<bool>,
    /// Who checked.
    #[serde(default)]
    pub verifier: Option<String>,
    /// Over since, Unix ms.
    #[serde(default)]
    pub closed_at: Option<i64>,
    /// A finished back-test belongs to the present candidate.
    #[serde(default)]
    pub backtested: bool,
    /// Attributes that differ from the base.
    #[serde(default)]
    pub differences: u64,
}

impl Change {
    /// Whether it runs without the approval that should be there by `now`, Unix ms.
    pub fn is_overdue(&self, now: i64) -> bool {
        let waits = self.emergency
            && self.approver.is_none()
            && matches!(self.state, ChangeState::InForce | ChangeState::Scheduled);
        waits && self.approve_by.is_some_and(|by| by < now)
    }
}

/// One act on a request.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEvent {
    /// Counts from 1 within the request.
    pub seq: i64,
    /// When, Unix ms.
    pub at: i64,
    /// User name, or `hub`.
    pub by: String,
    /// What was done.
    pub act: ChangeAct,
    /// State before; none for the first.
    pub from: Option<ChangeState>,
    /// State after.
    pub to: ChangeState,
    /// Remark.
    pub comment: String,
}

/// How an attribute differs.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// Only the new rules have it.
    Added,
    /// Only the old rules have it.
    Removed,
    /// Both have it, with other values.
    Changed,
}

/// One attribute that differs between two rule sets.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Keys to it; rows of a list are named by what they are, not by their place.
    pub path: String,
    /// The same for people (Chinese).
    pub label: String,
    /// How it differs.
    pub kind: DifferenceKind,
    /// Old value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Value>,
    /// New value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Value>,
    /// Old value for people.
    pub was_text: String,
    /// New value for people.
    pub becomes_text: String,
}

/// How a back-test stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BacktestState {
    /// At work.
    Running,
    /// It has a result.
    Done,
    /// It ended without one.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The hub stopped under it.
    Interrupted,
}

/// The candidate of a request over what was recorded.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The request.
    pub change: i64,
    /// Which candidate of it.
    pub candidate: i64,
    /// It is the candidate as it is now. Worked out when it is shown.
    #[serde(default)]
    pub present: bool,
    /// How it stands.
    pub state: BacktestState,
    /// Who asked for it.
    pub by: String,
    /// Days looked back.
    pub days: u32,
    /// Beginning of the stretch, Unix ms.
    pub from: i64,
    /// End of the stretch, Unix ms.
    pub to: i64,
    /// Started, Unix ms.
    pub started_at: i64,
    /// Ended, Unix ms.
    pub finished_at: Option<i64>,
    /// Share done, 0 to 1.
    pub progress: f64,
    /// Estimate.
    pub seconds_left: Option<f64>,
    /// Why there is no result.
    pub error: Option<String>,
    /// What it found.
    pub result: Option<BacktestResult>,
}

/// What a back-test found.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BacktestResult {
    /// Messages run.
    pub messages: u64,
    /// How long it took.
    pub elapsed_s: f64,
    /// Alarms that only the candidate raises.
    pub gained_total: u64,
    /// Alarms that only the base raises.
    pub lost_total: u64,
    /// Alarms that both raise, but not alike.
    pub changed_total: u64,
    /// Alarms that both raise alike.
    pub same: u64,
    /// The first of those gained.
    pub gained: Vec<BacktestRow>,
    /// The first of those lost.
    pub lost: Vec<BacktestRow>,
    /// The first of those changed.
    pub changed: Vec<BacktestChanged>,
    /// Figures under the base.
    pub before: BacktestKpi,
    /// Figures under the candidate.
    pub after: BacktestKpi,
    /// There are more rows than are listed, or more alarms than could be held.
    pub truncated: bool,
}

/// An alarm as a back-test saw it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestRow {
    /// The occurrence.
    pub alarm: AlarmId,
    /// Device.
    pub device: DeviceId,
    /// Name of the device for people.
    pub device_name: String,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// Part of the device.
    pub sub_component: Option<String>,
    /// Highest severity.
    pub severity: Severity,
    /// Priority at the end.
    pub priority: Priority,
    /// First raise, Unix ms.
    pub raised_at: i64,
    /// Return, Unix ms.
    pub returned_at: Option<i64>,
    /// Raises and repeats merged into it.
    pub count: u64,
    /// Times an operator was called.
    pub annunciations: u64,
    /// First log position.
    pub first_position: Position,
}

/// One alarm under both sets of rules.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestChanged {
    /// Under the base.
    pub was: BacktestRow,
    /// Under the candidate.
    pub would_be: BacktestRow,
}

/// What the operators would have had to bear.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BacktestKpi {
    /// Occurrences.
    pub alarms: u64,
    /// Times an operator was called.
    pub annunciations: u64,
    /// Calls per hour, on average.
    pub per_hour: f64,
    /// Most calls within ten minutes of the clock.
    pub peak_10min: u64,
    /// Beginning of those ten minutes, Unix ms.
    pub peak_at: Option<i64>,
    /// Occurrences per priority.
    pub by_priority: BTreeMap<Priority, u64>,
    /// What called most often.
    pub top: Vec<BacktestTop>,
}

/// One of those that called most often.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestTop {
    /// Device.
    pub device: DeviceId,
    /// Name of the device for people.
    pub device_name: String,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// Times it called.
    pub annunciations: u64,
}
