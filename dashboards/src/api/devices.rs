//! Fixed devices: how they stand, what they measured.

use super::{List, list_by_id, stretch, units};
use crate::extract::{Named, Params, paging};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::observation::Quality;
use greenhub_model::view::DeviceView;
use greenhub_model::{Class, DeviceId, PointName};
use greenhub_storage::history::SeriesRow;
use serde::{Deserialize, Serialize};

/// Which devices.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeviceQuery {
    /// Only this class.
    #[serde(default)]
    pub class: Option<Class>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A page of devices by id, as they stand.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", params(DeviceQuery),
    responses((status = 200, body = List<DeviceView>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<DeviceQuery>,
) -> Result<Json<List<DeviceView>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let after = units::after(page.cursor.as_deref())?;
    let limit = page.limit as usize;
    let rows = state.live.devices(query.class, after.as_ref(), limit + 1);
    Ok(Json(list_by_id(rows, limit, |device| device.id.to_string())))
}

/// One device as it stands.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = DeviceView), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Named(id): Named<DeviceId>) -> Result<Json<DeviceView>, Problem> {
    state.live.device(&id).map(Json).ok_or_else(|| Problem::not_found(format!("There is no device {id}.")))
}

/// Refuses a device that nobody has heard of.
pub(super) fn known(state: &AppState, id: &DeviceId) -> Result<(), Problem> {
    match state.live.device(id).is_some() || state.live.unit(id).is_some() {
        true => Ok(()),
        false => Err(Problem::not_found(format!("There is no device {id}."))),
    }
}

/// Which stretch of which point.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The point.
    #[param(value_type = String)]
    pub point: PointName,
    /// Device time, Unix ms, included.
    pub from: i64,
    /// Device time, Unix ms, included.
    pub to: i64,
    /// Most points wanted, 2 to 20000; 2000 where it is missing.
    #[serde(default)]
    pub max_points: Option<u32>,
}

/// A stretch of a series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HistoryAnswer {
    /// Whose.
    pub device: DeviceId,
    /// Of which point.
    pub point: PointName,
    /// UCUM code; empty where no profile names one.
    pub unit: String,
    /// `[time, value, quality]` in the order of time, down-sampled by minimum and maximum.
    #[schema(value_type = Vec<(i64, f64, Quality)>)]
    pub points: Vec<(i64, f64, Quality)>,
    /// Values stored in the stretch.
    pub total: u64,
}

/// What a point of a device measured. Units answer too: their battery is a point.
#[utoipa::path(get, path = "/api/v1/devices/{id}/history", tag = "devices", params(("id" = DeviceId, Path), HistoryQuery),
    responses((status = 200, body = HistoryAnswer), (status = 400, body = Problem)))]
pub async fn history(
    State(state): State<AppState>,
    Named(id): Named<DeviceId>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let (from, to, most) = stretch(query.from, query.to, query.max_points)?;
    let series = state.history.series(&id, &query.point, from, to, most).await?;
    let device = state.live.device(&id);
    let shown = device.iter().flat_map(|d| &d.values).find(|v| v.point == query.point);
    let row = |p: SeriesRow| (p.time, p.value, p.quality);
    Ok(Json(HistoryAnswer {
        unit: shown.map(|v| v.unit.clone()).unwrap_or_default(),
        device: id,
        point: query.point,
        points: series.points.into_iter().map(row).collect(),
        total: series.total,
    }))
}
