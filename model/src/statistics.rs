//! Figures of city management over a period (综合评价指标, GB/T 30428.4), as reports and exports show them.
//!
//! What is due counts in the period its deadline lies in, not the one it was reported in; otherwise rates would shift at
//! the ends of periods. Shares are 0 to 1, and absent where there is nothing to divide by.

use serde::{Deserialize, Serialize};

/// What rows are made of.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatisticsBy {
    /// Team that has the order.
    Team,
    /// Kind of case.
    Kind,
    /// Sub-district.
    SubDistrict,
    /// Person who has the order.
    Assignee,
    /// Where the order came from.
    Source,
    /// Local day; each figure on the day on which it happened.
    Day,
}

/// The indicators.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderFigures {
    /// 上报数: reported in the period.
    pub reported: u64,
    /// 立案数: of those, how many were filed by now.
    pub filed: u64,
    /// 立案率: filed of reported.
    pub filed_share: Option<f64>,
    /// 派遣数: dispatches in the period.
    pub dispatched: u64,
    /// 准确派遣数: of those, how many were not given back.
    pub dispatched_right: u64,
    /// 准确派遣率.
    pub dispatched_right_share: Option<f64>,
    /// 应处置数: handling deadlines that lie in the period.
    pub due: u64,
    /// 处置数: of those, how many are done.
    pub handled: u64,
    /// 按期处置数: done by the deadline.
    pub handled_in_time: u64,
    /// 超期处置数: done after it.
    pub handled_late: u64,
    /// 超期未处置数: still not done.
    pub overdue: u64,
    /// 按期处置率: in time, of those due.
    pub handled_in_time_share: Option<f64>,
    /// 应结案数: closing deadlines that lie in the period (outer deadline, else that of the check).
    pub close_due: u64,
    /// 结案数: closed in the period.
    pub closed: u64,
    /// 按期结案数: of those to be closed, how many were by the deadline.
    pub closed_in_time: u64,
    /// 按期结案率: in time, of those due.
    pub closed_in_time_share: Option<f64>,
    /// 核查数: checks in the period.
    pub checked: u64,
    /// 返工数: of those, how many sent it back.
    pub reworked: u64,
    /// 返工率.
    pub reworked_share: Option<f64>,
    /// 平均处置时长: mean hours from dispatch to done, of what was done in the period, by the wall clock.
    pub handling_hours: Option<f64>,
}

/// The figures of one team, kind, day and so on.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsRow {
    /// What it is in data; empty where the orders name none.
    pub key: String,
    /// What it is for people.
    pub label: String,
    /// Its figures.
    pub figures: OrderFigures,
}

/// A report over a period.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderStatistics {
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included; the present where more was asked.
    pub to: i64,
    /// What the rows are made of; none: only the total.
    pub by: Option<StatisticsBy>,
    /// Minutes east of UTC of the days.
    pub utc_offset_min: i32,
    /// All together.
    pub total: OrderFigures,
    /// Rows in the order of their keys.
    pub rows: Vec<StatisticsRow>,
    /// False where there were too many orders to read them all.
    pub complete: bool,
}
