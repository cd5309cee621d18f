//! The rules in force, their versions, and the check of what runs against what was approved.

use super::audit::note;
use super::changes::version as stored;
use super::changes::{ChangeDetail, NewChange, detail, master, parse, rules_of, write_down};
use crate::access::Caller;
use crate::extract::{Body, Named, Params};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_alarms::RuleSet;
use greenhub_alarms::change::{Source, diff};
use greenhub_model::change::{ChangeState, Difference};
use greenhub_storage::accounts::Outcome;
use greenhub_storage::changes::{ChangeFilter, VersionRow};
use greenhub_storage::relational::PageRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The approved rules, and which version runs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RulesAnswer {
    /// Newest approved version.
    pub version: u64,
    /// Version that the dataflow runs; none before its first batch.
    pub running_version: Option<u64>,
    /// Who asked for it, or `hub`.
    pub by: String,
    /// Master since, Unix ms.
    pub at: i64,
    /// The request it came from.
    pub change: Option<i64>,
    /// The whole rule set.
    pub rules: Value,
}

/// The rules in force.
#[utoipa::path(get, path = "/api/v1/rules", tag = "changes", responses((status = 200, body = RulesAnswer)))]
pub async fn show(State(state): State<AppState>) -> Result<Json<RulesAnswer>, Problem> {
    let master = master(&state).await?;
    Ok(Json(RulesAnswer {
        version: master.row.number,
        running_version: state.rules.running().map(|rules| rules.version),
        by: master.row.author,
        at: master.row.at,
        change: master.row.request,
        rules: master.rules,
    }))
}

/// A version without its rules.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VersionInfo {
    /// Its number.
    pub version: u64,
    /// Who asked for it, or `hub`.
    pub by: String,
    /// Master since, Unix ms.
    pub at: i64,
    /// The request it came from.
    pub change: Option<i64>,
    /// `builtin`, `file` or `change`.
    pub origin: String,
}

impl From<VersionRow> for VersionInfo {
    fn from(row: VersionRow) -> Self {
        Self { version: row.number, by: row.author, at: row.at, change: row.request, origin: row.origin }
    }
}

/// All versions, newest first.
#[utoipa::path(get, path = "/api/v1/rules/versions", tag = "changes",
    responses((status = 200, body = Vec<VersionInfo>)))]
pub async fn versions(State(state): State<AppState>) -> Result<Json<Vec<VersionInfo>>, Problem> {
    Ok(Json(state.changes.versions().await?.into_iter().map(VersionInfo::from).collect()))
}

/// With what to compare a version.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgainstQuery {
    /// Another version; the one before where it is missing.
    #[serde(default)]
    pub against: Option<u64>,
}

/// A version with its rules.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VersionDetail {
    /// About it.
    #[serde(flatten)]
    pub info: VersionInfo,
    /// The whole rule set.
    pub rules: Value,
    /// What differs from the version it is compared with.
    pub diff: Vec<Difference>,
}

/// One version, and what it changed.
#[utoipa::path(get, path = "/api/v1/rules/versions/{id}", tag = "changes", params(("id" = u64, Path), AgainstQuery),
    responses((status = 200, body = VersionDetail), (status = 404, body = Problem)))]
pub async fn version(
    State(state): State<AppState>,
    Named(number): Named<u64>,
    Params(query): Params<AgainstQuery>,
) -> Result<Json<VersionDetail>, Problem> {
    let found = stored(&state, number).await?;
    let before = match query.against {
        Some(other) => Some(stored(&state, other).await?),
        None => {
            let older = state.changes.versions().await?.into_iter().find(|row| row.number < number);
            match older {
                Some(row) => Some(stored(&state, row.number).await?),
                None => None,
            }
        }
    };
    let diff = match before {
        Some(before) => diff(&rules_of(&before)?, &rules_of(&found)?),
        None => vec![],
    };
    Ok(Json(VersionDetail { info: found.row.into(), rules: found.rules, diff }))
}

/// A draft that brings a version back.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Write down a request that brings a version back.
#[utoipa::path(post, path = "/api/v1/rules/versions/{id}/rollback", tag = "changes", params(("id" = u64, Path)),
    request_body = RollbackRequest,
    responses((status = 201, body = ChangeDetail), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn rollback(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(number): Named<u64>,
    Body(request): Body<RollbackRequest>,
) -> Result<(StatusCode, Json<ChangeDetail>), Problem> {
    stored(&state, number).await?;
    let newest = master(&state).await?.row.number;
    if number == newest {
        let text = format!("第 {number} 版就是现行规则，无需回退；请选择更早的版本");
        return Err(Problem::new(StatusCode::CONFLICT, text));
    }
    let reason = request.reason.filter(|reason| !reason.trim().is_empty());
    let new = NewChange {
        title: format!("回退到第 {number} 版规则"),
        reason: reason.unwrap_or_else(|| format!("第 {newest} 版规则运行效果不符合预期，恢复第 {number} 版")),
        effective_at: None,
    };
    let change = write_down(&state, &caller, new, Some(newest), Source::Restore(number)).await?;
    Ok((StatusCode::CREATED, Json(detail(&state, &caller, change).await?)))
}

/// Something that is not as it was approved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// `running_differs`, `file_differs`, `builtin_differs`, `approval_overdue` or `emergency_rejected`.
    pub kind: &'static str,
    /// What it is and what to do (Chinese).
    pub text: String,
    /// What differs: from the approved master to what was found.
    pub diff: Vec<Difference>,
    /// The request it is about.
    pub change: Option<i64>,
}

/// What runs against what was approved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RulesAudit {
    /// Looked at, Unix ms.
    pub at: i64,
    /// Version that runs.
    pub running_version: Option<u64>,
    /// Newest approved version.
    pub master_version: u64,
    /// What is not as it should be; empty is the target.
    pub findings: Vec<Finding>,
}

/// Versions that a file is compared with before it is called unknown.
const VERSIONS_COMPARED: usize = 50;

/// Compare what runs with what was approved.
#[utoipa::path(get, path = "/api/v1/rules/audit", tag = "changes", responses((status = 200, body = RulesAudit)))]
pub async fn audit(State(state): State<AppState>) -> Result<Json<RulesAudit>, Problem> {
    let now = state.now().millis();
    let newest = master(&state).await?;
    let (number, master) = (newest.row.number, rules_of(&newest)?);
    let running = state.rules.running();
    let mut findings = Vec::new();
    if let Some(running) = &running {
        let diff = diff(&master, running);
        if !diff.is_empty() || running.version != number {
            let text = format!(
                "正在运行的是第 {} 版规则，与已批准的第 {number} 版有 {} 处不同；请恢复已批准的版本，或就这些差异提交变更申请",
                running.version,
                diff.len()
            );
            findings.push(Finding { kind: "running_differs", text, diff, change: None });
        }
    }
    let (origin, configured) = state.rules.configured();
    if !is_known(&state, &configured).await? {
        let (kind, source) = if origin == "file" {
            ("file_differs", "配置文件 streams.rules 中的规则")
        } else {
            ("builtin_differs", "本程序自带的规则")
        };
        let text = format!("{source}与已批准的各版都不同，没有生效；如需采用，请就这些差异提交变更申请");
        findings.push(Finding { kind, text, diff: diff(&master, &configured), change: None });
    }
    let waiting = ChangeFilter { waits_for_approval: true, ..ChangeFilter::default() };
    for change in state.changes.list(&waiting, &PageRequest::first(1_000)).await?.items {
        if change.is_overdue(now) {
            let text = format!(
                "第 {} 号紧急变更“{}”已超过补批期限；请由另一名值班操作员或管理员批准或驳回",
                change.id, change.title
            );
            findings.push(Finding { kind: "approval_overdue", text, diff: vec![], change: Some(change.id) });
        }
    }
    let request = match newest.row.request {
        Some(id) => state.changes.get(id).await?,
        None => None,
    };
    if let Some(change) = request.filter(|change| change.state == ChangeState::Rejected) {
        let text =
            format!("第 {number} 版规则来自已被驳回的第 {} 号紧急变更；请回退到第 {} 版", change.id, change.base);
        findings.push(Finding { kind: "emergency_rejected", text, diff: vec![], change: Some(change.id) });
    }
    let running_version = running.map(|rules| rules.version);
    Ok(Json(RulesAudit { at: now, running_version, master_version: number, findings }))
}

/// Whether any version says the same.
async fn is_known(state: &AppState, rules: &RuleSet) -> Result<bool, Problem> {
    for row in state.changes.versions().await?.into_iter().take(VERSIONS_COMPARED) {
        let found = stored(state, row.number).await?;
        if parse(&found.rules).is_ok_and(|known| diff(&known, rules).is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why the master is put in force again.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Remark.
    pub comment: String,
}

/// Put the approved master in force again.
#[utoipa::path(post, path = "/api/v1/rules/restore", tag = "changes", request_body = RestoreRequest,
    responses((status = 204), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn restore(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<RestoreRequest>,
) -> Result<StatusCode, Problem> {
    if request.comment.trim().is_empty() {
        return Err(Problem::unusable("请填写恢复的原因"));
    }
    let result = state.rules.restore().await;
    let outcome = if result.is_ok() { Outcome::Done } else { Outcome::Failed };
    note(&state, &caller, "rules_restore", "rules", outcome, request.comment.trim()).await;
    result?;
    Ok(StatusCode::NO_CONTENT)
}
