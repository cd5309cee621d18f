//! Moving units: where they are, where they were.

use super::{List, list_by_id, stretch};
use crate::extract::{Named, Paging, Params};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::DeviceId;
use greenhub_model::view::UnitView;
use greenhub_storage::history::Fix;
use serde::{Deserialize, Serialize};

/// A page of units by id, as they stand.
#[utoipa::path(get, path = "/api/v1/units", tag = "units", params(Paging),
    responses((status = 200, body = List<UnitView>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<UnitView>>, Problem> {
    let page = paging.request()?;
    let after = after(page.cursor.as_deref())?;
    let limit = page.limit as usize;
    let rows = state.live.units(after.as_ref(), limit + 1);
    Ok(Json(list_by_id(rows, limit, |unit| unit.id.to_string())))
}

/// The device id after which a page begins.
pub(super) fn after(cursor: Option<&str>) -> Result<Option<DeviceId>, Problem> {
    let parsed = cursor.map(DeviceId::new).transpose();
    parsed.map_err(|_| Problem::bad_request("the cursor was given out by no page of this list"))
}

/// One unit as it stands.
#[utoipa::path(get, path = "/api/v1/units/{id}", tag = "units", params(("id" = DeviceId, Path)),
    responses((status = 200, body = UnitView), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Named(id): Named<DeviceId>) -> Result<Json<UnitView>, Problem> {
    state.live.unit(&id).map(Json).ok_or_else(|| Problem::not_found(format!("There is no unit {id}.")))
}

/// Which stretch of a track.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Stretch {
    /// Device time, Unix ms, included.
    pub from: i64,
    /// Device time, Unix ms, included.
    pub to: i64,
    /// Most points wanted, 2 to 20000; 2000 where it is missing.
    #[serde(default)]
    pub max_points: Option<u32>,
}

/// Time (Unix ms), longitude, latitude, km/h, degrees from north.
pub type TrackRow = (i64, f64, f64, Option<f32>, Option<f32>);

/// A stretch of a track.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrackAnswer {
    /// Whose.
    pub unit: DeviceId,
    /// `[time, lon, lat, speed_kmh or null, heading_deg or null]` in the order of time, down-sampled.
    #[schema(value_type = Vec<Vec<Option<f64>>>)]
    pub points: Vec<TrackRow>,
    /// Points stored in the stretch.
    pub total: u64,
}

/// Where a unit was.
#[utoipa::path(get, path = "/api/v1/units/{id}/track", tag = "units", params(("id" = DeviceId, Path), Stretch),
    responses((status = 200, body = TrackAnswer), (status = 400, body = Problem)))]
pub async fn track(
    State(state): State<AppState>,
    Named(id): Named<DeviceId>,
    Params(wanted): Params<Stretch>,
) -> Result<Json<TrackAnswer>, Problem> {
    let (from, to, most) = stretch(wanted.from, wanted.to, wanted.max_points)?;
    let track = state.history.track(&id, from, to, most).await?;
    let row = |p: Fix| (p.time, p.lon, p.lat, p.speed_kmh, p.heading_deg);
    Ok(Json(TrackAnswer { unit: id, points: track.points.into_iter().map(row).collect(), total: track.total }))
}
