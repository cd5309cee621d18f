//! The hub about itself.

use crate::ports::SystemInfo;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// Version, log, dataflow, viewers, connections.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, body = SystemInfo)))]
pub async fn show(State(state): State<AppState>) -> Json<SystemInfo> {
    Json(SystemInfo { viewers: state.live.stats().viewers, ..(state.system)() })
}
