//! Health for supervisors: is the process there, does the hub accept messages.

use crate::ports::ReadyCheck;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

/// The process answers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Healthy {
    /// Always `ok`.
    pub status: String,
}

/// Whether the process is there.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Healthy)))]
pub async fn process() -> Json<Healthy> {
    Json(Healthy { status: "ok".to_owned() })
}

/// Whether the hub accepts messages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReadyAnswer {
    /// All checks hold.
    pub ready: bool,
    /// Why not, one sentence per check that does not hold.
    pub reasons: Vec<String>,
    /// Each check.
    pub checks: Vec<ReadyCheck>,
}

/// Whether the hub accepts messages, and why not.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = ReadyAnswer), (status = 503, body = ReadyAnswer)))]
pub async fn ready(State(state): State<AppState>) -> (StatusCode, Json<ReadyAnswer>) {
    let checks = state.readiness.checks();
    let failed = checks.iter().filter(|check| !check.ready);
    let reasons: Vec<String> = failed.map(|check| format!("{}: {}", check.name, check.detail)).collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadyAnswer { ready, reasons, checks }))
}
