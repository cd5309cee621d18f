//! Devices out of service, with the permit that says why (ISA-18.2), and the floods of the desks.

use super::alarms::command;
use super::devices;
use crate::access::Caller;
use crate::extract::{Body, Named, Params};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_model::output::{Flood, ServiceChange};
use greenhub_model::{Command, DeviceId};
use serde::{Deserialize, Serialize};

/// Devices out of service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OutOfService {
    /// Longest first.
    pub items: Vec<ServiceChange>,
}

/// Devices out of service now, longest first.
#[utoipa::path(get, path = "/api/v1/out-of-service", tag = "alarms",
    responses((status = 200, body = OutOfService)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<OutOfService>, Problem> {
    Ok(Json(OutOfService { items: state.desks.out_of_service().await? }))
}

/// Take a device out of service.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveRequest {
    /// Number of the work permit.
    pub permit: String,
    /// Why.
    pub reason: String,
    /// When it is planned to be back, Unix ms.
    pub planned_return: i64,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Give a device back to service.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnRequest {
    /// A remark.
    #[serde(default)]
    pub comment: Option<String>,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Take a device out of service: its alarms are kept, but call nobody.
#[utoipa::path(post, path = "/api/v1/devices/{id}/remove-from-service", tag = "alarms",
    params(("id" = DeviceId, Path)), request_body = RemoveRequest,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn remove(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<DeviceId>,
    Body(request): Body<RemoveRequest>,
) -> Result<StatusCode, Problem> {
    devices::known(&state, &id)?;
    let RemoveRequest { permit, reason, planned_return, request_id } = request;
    let asked = Command::RemoveFromService { device: id, permit, reason, planned_return };
    command(&state, &caller, "device_out_of_service", asked, request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a device back to service: what is still in alarm calls again.
#[utoipa::path(post, path = "/api/v1/devices/{id}/return-to-service", tag = "alarms",
    params(("id" = DeviceId, Path)), request_body = ReturnRequest,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn give_back(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<DeviceId>,
    Body(request): Body<ReturnRequest>,
) -> Result<StatusCode, Problem> {
    devices::known(&state, &id)?;
    let asked = Command::ReturnToService { device: id, comment: request.comment.unwrap_or_default() };
    command(&state, &caller, "device_return_to_service", asked, request.request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which stretch.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FloodQuery {
    /// Unix ms, included.
    pub from: i64,
    /// Unix ms, not included.
    pub to: i64,
}

/// Floods of the desks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Floods {
    /// In flood now, as the live state knows it.
    pub now: Vec<Flood>,
    /// Beginnings and ends in the stretch, in order of time.
    pub items: Vec<Flood>,
}

/// Floods of the desks: those that are under way, and what began or ended in a stretch of time.
#[utoipa::path(get, path = "/api/v1/floods", tag = "alarms", params(FloodQuery),
    responses((status = 200, body = Floods)))]
pub async fn floods(State(state): State<AppState>, Params(query): Params<FloodQuery>) -> Result<Json<Floods>, Problem> {
    Ok(Json(Floods { now: state.live.floods(), items: state.desks.floods(query.from, query.to).await? }))
}
