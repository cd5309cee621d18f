//! The audit log: written by all other calls, read, and checked for tampering.

use super::List;
use crate::access::Caller;
use crate::extract::{Paging, Params};
use crate::problem::{Chain, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_storage::accounts::{AuditEntry, NewAuditEntry, Outcome};
use serde::Serialize;
use tracing::warn;

/// A row of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// When, Unix ms.
    pub at: i64,
    /// User name, `hub` or `command line`.
    pub actor: String,
    /// Address of the peer.
    pub origin: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// `done`, `refused` or `failed`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// Words for people.
    pub detail: String,
    /// Hash of this row, which covers the hash of the row before.
    pub hash: String,
}

impl From<AuditEntry> for AuditRow {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { seq, at, actor, origin, action, object, outcome, detail, hash, .. } = entry;
        Self { seq, at, actor, origin, action, object, outcome, detail, hash }
    }
}

/// A page of the audit log, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Paging),
    responses((status = 200, body = List<AuditRow>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<AuditRow>>, Problem> {
    let page = state.accounts.audit().list(&paging.request()?).await?;
    Ok(Json(List { items: page.items.into_iter().map(AuditRow::from).collect(), next: page.next }))
}

/// What a check of the chain found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VerdictAnswer {
    /// Rows checked.
    pub entries: i64,
    /// First row that does not follow from the one before.
    pub broken_at: Option<i64>,
    /// Hash of the newest sound row.
    pub head: String,
}

/// Walks the whole chain of hashes.
#[utoipa::path(get, path = "/api/v1/audit/verdict", tag = "audit", responses((status = 200, body = VerdictAnswer)))]
pub async fn verify(State(state): State<AppState>) -> Result<Json<VerdictAnswer>, Problem> {
    let verdict = state.accounts.audit().verify().await?;
    Ok(Json(VerdictAnswer { entries: verdict.entries, broken_at: verdict.broken_at, head: verdict.head }))
}

/// Writes what somebody did through the interface into the audit log.
pub(super) async fn note(
    state: &AppState,
    caller: &Caller,
    action: &'static str,
    object: &str,
    outcome: Outcome,
    detail: &str,
) {
    let origin = caller.peer.to_string();
    let actor = caller.session.username.as_str();
    let entry = NewAuditEntry { at: state.now(), actor, origin: &origin, action, object, outcome, detail };
    // What was done is done and stored elsewhere; a missing audit line must not make it look undone.
    if let Err(error) = state.accounts.audit().append(&entry).await {
        warn!(error = %Chain(&error), action, "an act could not be audited");
    }
}
