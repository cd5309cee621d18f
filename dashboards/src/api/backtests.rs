//! Back-tests of candidates: started here, run in a process of their own, one at a time.

use super::audit::note;
use super::changes::{candidate_text, found, version};
use crate::access::Caller;
use crate::extract::{Body, Named};
use crate::ports::{BacktestRefusal, BacktestRequest};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_model::change::{Backtest, Change};
use greenhub_storage::accounts::Outcome;
use serde::Deserialize;

/// Longest stretch of a back-test.
const DAYS_MAX: u32 = 90;

/// How far to look back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestDays {
    /// Days, 1 to 90.
    pub days: u32,
}

/// Run the candidate over what was recorded.
#[utoipa::path(post, path = "/api/v1/changes/{id}/backtest", tag = "changes", params(("id" = i64, Path)),
    request_body = BacktestDays,
    responses((status = 202, body = Backtest), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "another one runs"), (status = 422, body = Problem)))]
pub async fn start(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    Body(request): Body<BacktestDays>,
) -> Result<(StatusCode, Json<Backtest>), Problem> {
    if !(1..=DAYS_MAX).contains(&request.days) {
        return Err(Problem::unusable(format!("回测天数须在 1 至 {DAYS_MAX} 之间，请改正")));
    }
    let change = found(&state, id).await?;
    let request = BacktestRequest {
        change: id,
        candidate: change.candidate,
        days: request.days,
        by: caller.session.username.clone(),
        at: state.now(),
        base: version(&state, change.base).await?.rules,
        rules: candidate_text(&state, id).await?.rules,
    };
    let days = request.days;
    let started = state.rules.start_backtest(request).await;
    let outcome = if started.is_ok() { Outcome::Done } else { Outcome::Refused };
    note(&state, &caller, "change_backtest", &format!("change {id}"), outcome, &format!("{days} days")).await;
    let backtest = started.map_err(|refusal| match refusal {
        BacktestRefusal::Busy { .. } => Problem::new(StatusCode::CONFLICT, refusal.to_string()),
        BacktestRefusal::Failed(why) => Problem::unavailable("start a back-test", &why),
    })?;
    Ok((StatusCode::ACCEPTED, Json(shown(backtest, &change))))
}

/// The newest back-test: its progress, or its result.
#[utoipa::path(get, path = "/api/v1/changes/{id}/backtest", tag = "changes", params(("id" = i64, Path)),
    responses((status = 200, body = Backtest), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Named(id): Named<i64>) -> Result<Json<Backtest>, Problem> {
    let change = found(&state, id).await?;
    let backtest = newest(&state, &change).await?;
    backtest.map(Json).ok_or_else(|| Problem::not_found(format!("第 {id} 号变更申请还没有回测")))
}

/// Stop the one that runs.
#[utoipa::path(delete, path = "/api/v1/changes/{id}/backtest", tag = "changes", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn cancel(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
) -> Result<StatusCode, Problem> {
    found(&state, id).await?;
    if !state.rules.cancel_backtest(id) {
        return Err(Problem::not_found(format!("第 {id} 号变更申请没有正在运行的回测")));
    }
    note(&state, &caller, "change_backtest_cancel", &format!("change {id}"), Outcome::Done, "").await;
    Ok(StatusCode::NO_CONTENT)
}

/// The running one, or else the newest one that ended.
pub(super) async fn newest(state: &AppState, change: &Change) -> Result<Option<Backtest>, Problem> {
    let backtest = match state.rules.backtest(change.id) {
        Some(running) => Some(running),
        None => state.changes.backtest(change.id).await?,
    };
    Ok(backtest.map(|backtest| shown(backtest, change)))
}

fn shown(backtest: Backtest, change: &Change) -> Backtest {
    Backtest { present: backtest.candidate == change.candidate, ..backtest }
}
