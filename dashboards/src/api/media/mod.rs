//! Patrol media: WHIP (RFC 9725) for who sends a unit's picture and sound, WHEP for who watches, and who does so now.
//!
//! An offer goes in, an answer comes out, the media itself goes by the relay's own port. A session is its creator's: only
//! they, or an administrator, end it. Whoever carries a unit sends for it; who watches is written into the audit log and
//! shown to the one who is watched.

pub mod recordings;

use super::List;
use super::audit::note;
use crate::access::Caller;
use crate::extract::{Named, Params};
use crate::ports::{MediaDoor, MediaRefusal};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenhub_model::media::{MediaAim, MediaOffer, MediaStream};
use greenhub_model::{DeviceId, MediaSessionId, Role};
use greenhub_storage::accounts::Outcome;
use serde::Deserialize;
use std::sync::Arc;

const SDP: &str = "application/sdp";
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;

/// Why somebody watches.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// Purpose in words, up to 200 characters; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Send a unit's picture and sound: SDP offer in, SDP answer out.
#[utoipa::path(post, path = "/api/v1/media/{unit}/whip", tag = "media", params(("unit" = DeviceId, Path)),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp"), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem)))]
pub async fn publish(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(unit): Named<DeviceId>,
    headers: HeaderMap,
    offer: String,
) -> Result<Response, Problem> {
    let door = opened(&state, &headers)?;
    let user = caller.session.username.clone();
    let anyones = matches!(caller.session.role, Role::Dispatcher | Role::Administrator);
    if !anyones && !door.carries(&user, &unit).await {
        note(&state, &caller, "media_publish", unit.as_str(), Outcome::Refused, "不是本人携带的单兵").await;
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("{unit} 不是您携带的单兵，请使用自己的设备回传")));
    }
    let offer = MediaOffer { unit: unit.clone(), aim: MediaAim::Publish, by: user, talk: false, sdp: offer };
    let answer = door.open(offer).await;
    answered(&state, &caller, "media_publish", &unit, "", answer).await
}

/// Watch a unit: SDP offer in, SDP answer out. A sound line that also sends is heard by the unit.
#[utoipa::path(post, path = "/api/v1/media/{unit}/whep", tag = "media",
    params(("unit" = DeviceId, Path), WatchQuery),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp"), (status = 409, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem)))]
pub async fn watch(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(unit): Named<DeviceId>,
    Params(query): Params<WatchQuery>,
    headers: HeaderMap,
    offer: String,
) -> Result<Response, Problem> {
    let door = opened(&state, &headers)?;
    let reason = query.reason.unwrap_or_default();
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(Problem::unusable(format!("观看事由最多 {REASON_CHARS_MAX} 个字，请缩短")));
    }
    let talk = matches!(caller.session.role, Role::Dispatcher | Role::Administrator);
    let by = caller.session.username.clone();
    let answer = door.open(MediaOffer { unit: unit.clone(), aim: MediaAim::Watch, by, talk, sdp: offer }).await;
    answered(&state, &caller, "media_watch", &unit, &reason, answer).await
}

/// End a session of one's own; an administrator ends any.
#[utoipa::path(delete, path = "/api/v1/media/sessions/{session}", tag = "media",
    params(("session" = MediaSessionId, Path)),
    responses((status = 204, description = "it is over"), (status = 404, body = Problem)))]
pub async fn end(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(session): Named<MediaSessionId>,
) -> Result<StatusCode, Problem> {
    let door = state.media.clone().ok_or_else(unavailable)?;
    let by = (caller.session.role != Role::Administrator).then(|| caller.session.username.clone());
    if door.end(session.clone(), by).await {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("没有这个音视频会话，或它已经结束"))
    }
}

/// Streams there are now, and who watches them.
#[utoipa::path(get, path = "/api/v1/media", tag = "media", responses((status = 200, body = List<MediaStream>)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<List<MediaStream>>, Problem> {
    let door = state.media.clone().ok_or_else(unavailable)?;
    Ok(Json(List { items: door.streams(None).await, next: None }))
}

/// The stream of a unit. Who carries it sees who watches.
#[utoipa::path(get, path = "/api/v1/media/{unit}", tag = "media", params(("unit" = DeviceId, Path)),
    responses((status = 200, body = MediaStream), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(unit): Named<DeviceId>,
) -> Result<Json<MediaStream>, Problem> {
    let door = state.media.clone().ok_or_else(unavailable)?;
    let carrier = matches!(caller.session.role, Role::PatrolOfficer | Role::Crew);
    if carrier && !door.carries(&caller.session.username, &unit).await {
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("{unit} 不是您携带的单兵")));
    }
    let stream = door.streams(Some(unit.clone())).await.into_iter().next();
    stream.map(Json).ok_or_else(|| Problem::not_found(format!("{unit} 现在没有音视频回传")))
}

fn unavailable() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "本机未启用音视频转发")
}

fn opened(state: &AppState, headers: &HeaderMap) -> Result<Arc<dyn MediaDoor>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP)) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the offer as application/sdp."));
    }
    state.media.clone().ok_or_else(unavailable)
}

async fn answered(
    state: &AppState,
    caller: &Caller,
    action: &'static str,
    unit: &DeviceId,
    reason: &str,
    answer: Result<(MediaSessionId, String), MediaRefusal>,
) -> Result<Response, Problem> {
    let (outcome, detail) = match &answer {
        Ok(_) => (Outcome::Done, reason.to_owned()),
        Err(refusal) => (Outcome::Refused, refusal.to_string()),
    };
    note(state, caller, action, unit.as_str(), outcome, &detail).await;
    match answer {
        Ok((session, sdp)) => {
            let place = format!("/api/v1/media/sessions/{session}");
            Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, place)], sdp)
                .into_response())
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: MediaRefusal) -> Problem {
    match refusal {
        MediaRefusal::Offer(why) => Problem::unusable(why),
        MediaRefusal::Full(why) => Problem::new(StatusCode::CONFLICT, why),
        MediaRefusal::Disk(why) => Problem::new(StatusCode::INSUFFICIENT_STORAGE, why),
        MediaRefusal::Gone => unavailable(),
    }
}
