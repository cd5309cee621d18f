//! Work orders: what dispatch creates and gives to people. Types only; the life cycle lives in `dispatch::core`.

use crate::alarm::Priority;
use crate::ids::{AlarmId, Class, DeviceId, OrderId};
use serde::{Deserialize, Serialize};

/// Where an order stands (city-management flow, 2026 wording).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// 待派遣: filed, nobody has it.
    Unassigned,
    /// 已派遣: given to somebody, not yet accepted.
    Dispatched,
    /// 已接单: accepted.
    Accepted,
    /// 处置中: somebody is there and works.
    InProgress,
    /// 待核查: done, to be checked.
    Finished,
    /// 已结案: checked and closed.
    Closed,
    /// 已作废: void.
    Cancelled,
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

/// A work order as it stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// The alarm behind it, if one is.
    pub alarm: Option<AlarmId>,
    /// Title for people.
    pub title: String,
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
    /// Sub-district.
    pub sub_district: String,
    /// User it is given to.
    pub assignee: Option<String>,
    /// Opened, Unix ms.
    pub created_at: i64,
    /// Last change, Unix ms.
    pub updated_at: i64,
}
