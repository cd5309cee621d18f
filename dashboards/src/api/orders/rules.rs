//! What dispatch follows: its rules, their versions, and the code lists.

use super::caller_of;
use crate::access::Caller;
use crate::api::List;
use crate::api::audit::note;
use crate::extract::{Body, Params};
use crate::ports::DispatchRulesVersion;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use greenhub_model::dispatch::{CodeEntry, DispatchRules};
use greenhub_model::order::CaseCategory;
use greenhub_storage::accounts::Outcome;
use serde::{Deserialize, Serialize};

/// A version of the dispatch rules.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DispatchRulesAnswer {
    /// The rules.
    pub rules: DispatchRules,
    /// In force since, Unix ms.
    pub at: i64,
    /// Who made them; `hub` for those it began with.
    pub by: String,
}

impl From<DispatchRulesVersion> for DispatchRulesAnswer {
    fn from(version: DispatchRulesVersion) -> Self {
        Self { rules: version.rules, at: version.at, by: version.author }
    }
}

/// The rules in force.
#[utoipa::path(get, path = "/api/v1/dispatch/rules", tag = "orders",
    responses((status = 200, body = DispatchRulesAnswer)))]
pub async fn dispatch_rules(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Json<DispatchRulesAnswer> {
    let mut version = state.orders.rules();
    if !super::sees_people(caller.session.role) {
        version.rules.members.iter_mut().for_each(|member| member.phone.clear());
    }
    Json(version.into())
}

/// Puts rules in force that were made from the version they name; `If-Match` may name it too.
#[utoipa::path(put, path = "/api/v1/dispatch/rules", tag = "orders", request_body = DispatchRules,
    responses((status = 200, body = DispatchRulesAnswer), (status = 409, body = Problem),
    (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn put_dispatch_rules(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(mut rules): Body<DispatchRules>,
) -> Result<Json<DispatchRulesAnswer>, Problem> {
    if let Some(wanted) = headers.get(header::IF_MATCH) {
        let wanted = wanted.to_str().unwrap_or_default().trim_matches(['"', ' ']).parse::<u64>();
        let why = "If-Match 应为当前版本号，例如 If-Match: 3";
        rules.version = wanted.map_err(|_| Problem::new(StatusCode::PRECONDITION_FAILED, why))?;
    }
    let version = state.orders.put_rules(caller_of(&state, &caller), rules).await?;
    let object = format!("dispatch rules {}", version.rules.version);
    note(&state, &caller, "dispatch_rules_put", &object, Outcome::Done, "").await;
    Ok(Json(version.into()))
}

/// Which versions.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct DispatchVersionsQuery {
    /// Rows wanted, 1 to 100; 20 where it is missing.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Versions of the rules, newest first.
#[utoipa::path(get, path = "/api/v1/dispatch/rules/versions", tag = "orders", params(DispatchVersionsQuery),
    responses((status = 200, body = List<DispatchRulesAnswer>), (status = 400, body = Problem)))]
pub async fn dispatch_versions(
    State(state): State<AppState>,
    Params(query): Params<DispatchVersionsQuery>,
) -> Result<Json<List<DispatchRulesAnswer>>, Problem> {
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::bad_request("limit 应在 1 到 100 之间"));
    }
    let before = query.cursor.map(|cursor| cursor.parse::<u64>()).transpose();
    let before = before.map_err(|_| Problem::bad_request("cursor 应为上一页给出的 next"))?;
    let rows = state.orders.rules_versions(before, limit + 1).await?;
    let more = rows.len() > limit as usize;
    let items: Vec<DispatchRulesAnswer> = rows.into_iter().take(limit as usize).map(Into::into).collect();
    let next = items.last().filter(|_| more).map(|last| last.rules.version.to_string());
    Ok(Json(List { items, next }))
}

/// Which codes.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct CodesQuery {
    /// Words, parted by spaces: the code begins with, or name or class hold, each of them.
    pub q: Option<String>,
    /// Code list, for example `gbt47678-2026`.
    pub scheme: Option<String>,
    /// `component` or `matter`.
    pub category: Option<String>,
}

/// Entries of the code lists, at most 500.
#[utoipa::path(get, path = "/api/v1/dispatch/codes", tag = "orders", params(CodesQuery),
    responses((status = 200, body = [CodeEntry]), (status = 400, body = Problem)))]
pub async fn codes(
    State(state): State<AppState>,
    Params(query): Params<CodesQuery>,
) -> Result<Json<Vec<CodeEntry>>, Problem> {
    let category: Vec<CaseCategory> = crate::extract::words("category", query.category.as_deref())?;
    let words = query.q.unwrap_or_default();
    if words.chars().count() > 100 {
        return Err(Problem::bad_request("搜索文字 q 不能超过 100 个字"));
    }
    Ok(Json(state.orders.codes(&words, query.scheme.as_deref(), category.first().copied())))
}
