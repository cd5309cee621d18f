//! Past moments: open one, turn its clock, watch it through a socket like the live one.

use super::live::{session_check, watch};
use crate::access::Caller;
use crate::extract::{Body, Named};
use crate::past::OpenFailure;
use crate::ports::{PastState, PastView};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use greenhub_model::ReceivedTime;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which moment, and how fast it plays on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// Receive time, Unix ms.
    pub at: i64,
    /// Times the wall clock, 0 to 60; 0 (stand still) where it is missing.
    #[serde(default)]
    pub speed: f64,
}

/// How fast it plays on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeedRequest {
    /// Times the wall clock, 0 to 60.
    pub speed: f64,
}

/// A moment that is open.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PastAnswer {
    /// Its id.
    pub id: String,
    /// Its clock.
    #[serde(flatten)]
    pub state: PastState,
}

/// Open a past moment; the one this person had open is closed.
#[utoipa::path(post, path = "/api/v1/past", tag = "live", request_body = OpenRequest,
    responses((status = 200, body = PastAnswer), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn open(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<OpenRequest>,
) -> Result<Json<PastAnswer>, Problem> {
    let now = state.now();
    check_speed(request.speed)?;
    if request.at < 0 || request.at > now.millis() {
        return Err(unusable("只能打开过去的时刻。 at must lie in the past."));
    }
    let (opener, owner) = (state.clone(), caller.session.username.clone());
    let at = ReceivedTime::from_millis(request.at);
    let opened = tokio::task::spawn_blocking(move || opener.past.open(&owner, at, request.speed, now)).await;
    let id =
        opened.map_err(|error| Problem::unavailable("open a past moment", &error))?.map_err(
            |failure| match failure {
                OpenFailure::TooMany => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "同时打开的历史时刻已达上限，请稍后再试。 Too many past moments are open.",
                )
                .retry_after(60),
                OpenFailure::Port(failure) => unusable(failure.0),
            },
        )?;
    let view = found(&state, &caller, id)?;
    Ok(Json(answer(id, &view)))
}

/// How the clock of a moment stands.
#[utoipa::path(get, path = "/api/v1/past/{id}", tag = "live", params(("id" = String, Path)),
    responses((status = 200, body = PastAnswer), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<MomentId>,
) -> Result<Json<PastAnswer>, Problem> {
    let view = found(&state, &caller, id.0)?;
    if let Some(why) = view.failure() {
        return Err(Problem::unavailable("play a past moment", &crate::ports::PortFailure(why)));
    }
    Ok(Json(answer(id.0, &view)))
}

/// Turn the clock of a moment.
#[utoipa::path(put, path = "/api/v1/past/{id}/speed", tag = "live", params(("id" = String, Path)),
    request_body = SpeedRequest,
    responses((status = 200, body = PastAnswer), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn turn(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<MomentId>,
    Body(request): Body<SpeedRequest>,
) -> Result<Json<PastAnswer>, Problem> {
    check_speed(request.speed)?;
    let view = found(&state, &caller, id.0)?;
    view.set_speed(request.speed);
    Ok(Json(answer(id.0, &view)))
}

/// Close a moment.
#[utoipa::path(delete, path = "/api/v1/past/{id}", tag = "live", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn close(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<MomentId>,
) -> Result<StatusCode, Problem> {
    let closed = tokio::task::spawn_blocking(move || state.past.close(&caller.session.username, id.0)).await;
    match closed {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(gone()),
        Err(error) => Err(Problem::unavailable("close a past moment", &error)),
    }
}

/// Watch a moment: the same messages as the live socket.
#[utoipa::path(get, path = "/api/v1/past/{id}/live", tag = "live", params(("id" = String, Path),
    ("token" = Option<String>, Query, description = "session token, for clients without cookie or header")),
    responses((status = 101, description = "the socket is open"), (status = 404, body = Problem),
        (status = 426, body = Problem)))]
pub async fn upgrade(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<MomentId>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let view = found(&state, &caller, id.0)?;
    watch(view.live(), socket, session_check(state, caller.token), None)
}

/// Id of an open moment, in hexadecimal.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct MomentId(u64);

impl TryFrom<String> for MomentId {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

fn unusable(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

fn answer(id: u64, view: &Arc<dyn PastView>) -> PastAnswer {
    PastAnswer { id: format!("{id:013x}"), state: view.state() }
}

fn found(state: &AppState, caller: &Caller, id: u64) -> Result<Arc<dyn PastView>, Problem> {
    state.past.get(&caller.session.username, id, state.now()).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::not_found("该历史时刻已关闭，请重新打开。 This past moment is not open.")
}

fn check_speed(speed: f64) -> Result<(), Problem> {
    match (0.0..=60.0).contains(&speed) {
        true => Ok(()),
        false => Err(unusable("播放速度须在 0 到 60 之间。 speed must be 0 to 60.")),
    }
}
