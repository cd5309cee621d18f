//! People: who is there, one's own shift, and the positions of one's phone.
//!
//! Where somebody is on duty is personal data: the desk and the auditor see it. A phone's positions go through the log like
//! those of any unit; while off shift they are not kept, a call for help always is.

use crate::access::Caller;
use crate::extract::Body;
use crate::ports::{FixesStored, PhoneFix, ShiftView};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use greenhub_model::dispatch::StaffView;
use greenhub_model::geodesy::LonLat;
use serde::Deserialize;

/// Most positions of one call.
pub const FIXES_MAX: usize = 500;

/// Everybody who can be given orders, and what they do now.
#[utoipa::path(get, path = "/api/v1/staff", tag = "staff", responses((status = 200, body = Vec<StaffView>)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<Vec<StaffView>>, Problem> {
    Ok(Json(state.staffing.staff(state.now().millis()).await?))
}

/// One's own shift.
#[utoipa::path(get, path = "/api/v1/me/shift", tag = "staff", responses((status = 200, body = ShiftView)))]
pub async fn shift(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ShiftView>, Problem> {
    Ok(Json(state.staffing.shift(&caller.session.username, state.now().millis()).await?))
}

/// A turn of one's own switch.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftTurn {
    /// On or off.
    pub on: bool,
    /// Idempotency key, 1 to 128 characters.
    pub request_id: String,
}

/// Turns one's own switch.
#[utoipa::path(post, path = "/api/v1/me/shift", tag = "staff", request_body = ShiftTurn,
    responses((status = 200, body = ShiftView), (status = 422, body = Problem)))]
pub async fn turn(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(turn): Body<ShiftTurn>,
) -> Result<Json<ShiftView>, Problem> {
    if !(1..=128).contains(&turn.request_id.chars().count()) {
        return Err(Problem::unusable("请求编号 request_id 需要 1 到 128 个字符"));
    }
    let (user, at) = (&caller.session.username, state.now().millis());
    Ok(Json(state.staffing.turn(user, &turn.request_id, turn.on, at).await?))
}

/// Positions of one's phone.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneFixes {
    /// 1 to 500 of them, in any order.
    pub fixes: Vec<PhoneFix>,
}

/// Stores positions of one's phone, and with them a call for help.
#[utoipa::path(post, path = "/api/v1/me/positions", tag = "staff", request_body = PhoneFixes,
    responses((status = 200, body = FixesStored), (status = 422, body = Problem)))]
pub async fn positions(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<PhoneFixes>,
) -> Result<Json<FixesStored>, Problem> {
    if !(1..=FIXES_MAX).contains(&body.fixes.len()) {
        return Err(Problem::unusable(format!("一次请上传 1 到 {FIXES_MAX} 个位置")));
    }
    for (n, fix) in body.fixes.iter().enumerate() {
        if !(LonLat { lon: fix.lon, lat: fix.lat }).is_plausible() {
            return Err(Problem::unusable(format!("第 {} 个位置不在地球上，请检查经纬度", n + 1)));
        }
    }
    let (user, at) = (&caller.session.username, state.now().millis());
    Ok(Json(state.staffing.positions(user, &body.fixes, at).await?))
}
