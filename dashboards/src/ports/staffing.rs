//! People, whom to send, what is the same case, and the figures of a period, as the web tier asks for them.

use super::{Answer, PortFailure};
use greenhub_model::OrderId;
use greenhub_model::dispatch::{Candidate, Duplicate, Plan, StaffView};
use greenhub_model::order::Assignee;
use greenhub_model::statistics::{OrderStatistics, StatisticsBy};
use serde::{Deserialize, Serialize};

/// Somebody's own shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShiftView {
    /// On shift now, by the roster or their own switch.
    pub on: bool,
    /// Since, Unix ms.
    pub since: Option<i64>,
    /// They are somebody whom orders can be given to.
    pub member: bool,
    /// Their team; empty where they have none.
    pub team: String,
    /// The unit as which their phone is shown.
    pub device: Option<String>,
}

/// One position of a phone.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneFix {
    /// When, Unix ms.
    pub time: i64,
    /// Degrees east, WGS-84.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
    /// Radius of 68 % confidence, metres.
    #[serde(default)]
    pub accuracy_m: Option<f64>,
    /// Speed over ground, km/h.
    #[serde(default)]
    pub speed_kmh: Option<f64>,
    /// Course, degrees clockwise from north.
    #[serde(default)]
    pub heading_deg: Option<f64>,
    /// They ask for help.
    #[serde(default)]
    pub sos: Option<bool>,
}

/// What became of positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FixesStored {
    /// On disk.
    pub stored: u32,
    /// Not kept: taken while off shift, without a call for help.
    pub off_shift: u32,
}

/// Which figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsQuestion {
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, not included; not after now.
    pub to: i64,
    /// What rows are made of.
    pub by: Option<StatisticsBy>,
    /// Only orders of this person.
    pub who: Option<String>,
}

/// People and advice.
pub trait Staffing: Send + Sync {
    /// Everybody as the dispatcher sees them.
    fn staff(&self, at: i64) -> Answer<'_, Result<Vec<StaffView>, PortFailure>>;
    /// Whom to send, best first; none where there is no such order.
    fn candidates<'a>(&'a self, id: &'a OrderId, at: i64) -> Answer<'a, Result<Option<Vec<Candidate>>, PortFailure>>;
    /// The orders for which `to` is not the first proposal, with that: giving them there needs a reason.
    fn overridden<'a>(
        &'a self,
        orders: &'a [OrderId],
        to: &'a Assignee,
        at: i64,
    ) -> Answer<'a, Result<Vec<(OrderId, Candidate)>, PortFailure>>;
    /// A batch plan for these orders, or for all that wait.
    fn plan(&self, orders: Option<Vec<OrderId>>, at: i64) -> Answer<'_, Result<Plan, PortFailure>>;
    /// Open orders that may be the same case; none where there is no such order.
    fn duplicates<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Vec<Duplicate>>, PortFailure>>;
    /// Somebody's own shift.
    fn shift<'a>(&'a self, user: &'a str, at: i64) -> Answer<'a, Result<ShiftView, PortFailure>>;
    /// Turns somebody's switch, once for a request.
    fn turn<'a>(
        &'a self,
        user: &'a str,
        request_id: &'a str,
        on: bool,
        at: i64,
    ) -> Answer<'a, Result<ShiftView, PortFailure>>;
    /// Positions into the log; on disk when it answers.
    fn positions<'a>(
        &'a self,
        user: &'a str,
        fixes: &'a [PhoneFix],
        at: i64,
    ) -> Answer<'a, Result<FixesStored, PortFailure>>;
    /// The figures of a period.
    fn statistics<'a>(&'a self, question: &'a StatisticsQuestion) -> Answer<'a, Result<OrderStatistics, PortFailure>>;
}
