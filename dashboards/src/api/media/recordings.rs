//! Recordings of units: begun and ended by hand, listed, played, cut, verified, held.
//!
//! What is cut is not re-encoded: a clip is the head and the fragments of the recording itself, from a key picture on.

use super::{REASON_CHARS_MAX, refused, unavailable};
use crate::access::Caller;
use crate::api::List;
use crate::api::audit::note;
use crate::extract::{Body, Named, Params};
use crate::ports::{MediaDoor, RecordingBytes};
use crate::problem::{Chain, Problem};
use crate::send_file::{Sent, header_text, send};
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use greenhub_model::DeviceId;
use greenhub_model::media::{Recording, RecordingProof};
use greenhub_storage::accounts::Outcome;
use serde::Deserialize;
use std::io::SeekFrom;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

const MEDIA_TYPE: &str = "video/mp4";
const PIECE: u64 = 64 << 10;
/// Longest time that one list may span: 31 days.
const SPAN_MS_MAX: i64 = 31 * 86_400_000;

/// A switch.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSwitch {
    /// On or off.
    pub on: bool,
}

/// A hold or its end.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingHold {
    /// On or off.
    pub on: bool,
    /// For what it is kept, up to 200 characters; not empty where it is switched on.
    #[serde(default)]
    pub why: String,
}

/// The time that is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecordingSpan {
    /// From, Unix ms.
    pub from: i64,
    /// To, Unix ms, at most 31 days later.
    pub to: i64,
}

/// What of a recording is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClipQuery {
    /// From, Unix ms; with `to` only.
    #[serde(default)]
    pub from: Option<i64>,
    /// To, Unix ms.
    #[serde(default)]
    pub to: Option<i64>,
    /// 1: saved, not shown.
    #[serde(default)]
    pub save: Option<u8>,
}

/// Record a unit whenever it sends, or no longer.
#[utoipa::path(post, path = "/api/v1/media/{unit}/record", tag = "media", params(("unit" = DeviceId, Path)),
    request_body = RecordSwitch, responses((status = 204, description = "it is so from now on"), (status = 400, body = Problem),
        (status = 409, body = Problem), (status = 507, body = Problem)))]
pub async fn switch(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(unit): Named<DeviceId>,
    Body(wish): Body<RecordSwitch>,
) -> Result<StatusCode, Problem> {
    let door = door(&state)?;
    let action = if wish.on { "media_record" } else { "media_record_end" };
    let set = door.record(unit.clone(), wish.on, caller.session.username.clone()).await;
    let (outcome, why) = match &set {
        Ok(()) => (Outcome::Done, String::new()),
        Err(refusal) => (Outcome::Refused, refusal.to_string()),
    };
    note(&state, &caller, action, unit.as_str(), outcome, &why).await;
    set.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

/// Recordings of a unit that show some of a time.
#[utoipa::path(get, path = "/api/v1/media/{unit}/recordings", tag = "media",
    params(("unit" = DeviceId, Path), RecordingSpan),
    responses((status = 200, body = List<Recording>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Named(unit): Named<DeviceId>,
    Params(span): Params<RecordingSpan>,
) -> Result<Json<List<Recording>>, Problem> {
    if span.from >= span.to || span.to.saturating_sub(span.from) > SPAN_MS_MAX {
        return Err(Problem::bad_request("from must be before to, and at most 31 days before it"));
    }
    Ok(Json(List { items: door(&state)?.recordings(unit, span.from, span.to).await?, next: None }))
}

/// The recording, or the part of it that shows `from` to `to`.
#[utoipa::path(get, path = "/api/v1/media/{unit}/recordings/{id}/video", tag = "media",
    params(("unit" = DeviceId, Path), ("id" = i64, Path), ClipQuery),
    responses((status = 200, body = Vec<u8>, content_type = "video/mp4"),
        (status = 206, body = Vec<u8>, content_type = "video/mp4"), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn video(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named((unit, id)): Named<(DeviceId, i64)>,
    Params(query): Params<ClipQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let span = match (query.from, query.to) {
        (None, None) => None,
        (Some(from), Some(to)) if from < to => Some((from, to)),
        _ => return Err(Problem::bad_request("give both from and to, from before to, or neither")),
    };
    let bytes = door(&state)?.bytes(unit.clone(), id, span).await?.ok_or_else(unknown)?;
    let save = query.save == Some(1);
    // A player reads in many ranges; that it began is what counts.
    if header_text(&headers, header::RANGE).is_none_or(|range| range.starts_with("bytes=0-")) {
        let words = span.map(|(from, to)| format!("{from}-{to}")).unwrap_or_default();
        let action = if save { "media_export" } else { "media_playback" };
        note(&state, &caller, action, &format!("{unit}/{id}"), Outcome::Done, &words).await;
    }
    let name = match span {
        Some((from, to)) => format!("{unit}-{from}-{to}.mp4"),
        None => format!("{unit}-{id}.mp4"),
    };
    if span.is_some() {
        return clip(bytes, &name, save).await;
    }
    let upto = bytes.runs.first().map(|run| run.1);
    let tag = format!("{unit}-{id}-{}", upto.unwrap_or(0));
    let sent = Sent { path: &bytes.path, blanks: Vec::new(), media_type: MEDIA_TYPE, tag, inline: !save, name, upto };
    send(&headers, sent).await
}

/// The runs one after the other, in pieces.
async fn clip(bytes: RecordingBytes, name: &str, save: bool) -> Result<Response, Problem> {
    if bytes.runs.is_empty() {
        return Err(Problem::not_found("这段时间没有录像。 Nothing was recorded in that time."));
    }
    let length: u64 = bytes.runs.iter().map(|run| run.1).sum();
    let lost = |error: std::io::Error| Problem::unavailable("read a recording", &Chain(&error));
    let file = File::open(&bytes.path).await.map_err(lost)?;
    let mut runs = bytes.runs;
    runs.reverse();
    let body = stream::try_unfold((file, runs), |(mut file, mut runs)| async move {
        let Some((offset, left)) = runs.pop() else { return Ok::<_, std::io::Error>(None) };
        let now = left.min(PIECE);
        let mut piece = vec![0; usize::try_from(now).unwrap_or(0)];
        file.seek(SeekFrom::Start(offset)).await?;
        file.read_exact(&mut piece).await?;
        if left > now {
            runs.push((offset + now, left - now));
        }
        Ok(Some((piece, (file, runs))))
    });
    let kind = if save { "attachment" } else { "inline" };
    let headers = [
        (header::CONTENT_TYPE, MEDIA_TYPE.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::CONTENT_DISPOSITION, format!("{kind}; filename=\"{name}\"")),
    ];
    Ok((headers, axum::body::Body::from_stream(body)).into_response())
}

/// Follow the chain over a recording: whether it is as it was recorded, and by whose key.
#[utoipa::path(get, path = "/api/v1/media/{unit}/recordings/{id}/verification", tag = "media",
    params(("unit" = DeviceId, Path), ("id" = i64, Path)),
    responses((status = 200, body = RecordingProof), (status = 404, body = Problem)))]
pub async fn verify(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named((unit, id)): Named<(DeviceId, i64)>,
) -> Result<Json<RecordingProof>, Problem> {
    let found = door(&state)?.verify(unit.clone(), id).await?.ok_or_else(unknown)?;
    let outcome = if found.intact { Outcome::Done } else { Outcome::Refused };
    note(&state, &caller, "media_verify", &format!("{unit}/{id}"), outcome, &found.hash).await;
    Ok(Json(found))
}

/// Keep a recording whatever its age, or no longer.
#[utoipa::path(put, path = "/api/v1/media/{unit}/recordings/{id}/hold", tag = "media",
    params(("unit" = DeviceId, Path), ("id" = i64, Path)), request_body = RecordingHold,
    responses((status = 204, description = "it is so from now on"), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn hold(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named((unit, id)): Named<(DeviceId, i64)>,
    Body(wish): Body<RecordingHold>,
) -> Result<StatusCode, Problem> {
    let why = wish.why.trim();
    if wish.on && (why.is_empty() || why.chars().count() > REASON_CHARS_MAX) {
        return Err(Problem::unusable(format!("请说明留存事由，最多 {REASON_CHARS_MAX} 个字")));
    }
    if !door(&state)?.hold(unit.clone(), id, wish.on, why.to_owned()).await? {
        return Err(unknown());
    }
    let action = if wish.on { "media_hold" } else { "media_hold_end" };
    note(&state, &caller, action, &format!("{unit}/{id}"), Outcome::Done, why).await;
    Ok(StatusCode::NO_CONTENT)
}

fn door(state: &AppState) -> Result<Arc<dyn MediaDoor>, Problem> {
    state.media.clone().ok_or_else(unavailable)
}

fn unknown() -> Problem {
    Problem::not_found("没有这段录像。 There is no such recording.")
}
