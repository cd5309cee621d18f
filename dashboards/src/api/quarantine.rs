//! Messages that could not be used, and how many there were.

use super::List;
use crate::extract::{Params, paging};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::output::Quarantined;
use greenhub_storage::relational::{QuarantineCount, QuarantineFilter};
use serde::{Deserialize, Serialize};

/// Which messages.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuarantineQuery {
    /// Only of this device.
    #[serde(default)]
    pub device: Option<String>,
    /// Only with this code of the reason, for example `not_json`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A message in quarantine, with its reason in words.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct QuarantineRow {
    /// The message as far as it is kept.
    #[serde(flatten)]
    pub message: Quarantined,
    /// Stable code of the reason.
    pub code: String,
    /// The reason as a sentence.
    pub explanation: String,
}

impl From<Quarantined> for QuarantineRow {
    fn from(message: Quarantined) -> Self {
        Self { code: message.reject.code().to_owned(), explanation: message.reject.to_string(), message }
    }
}

/// A page of messages in quarantine, newest first.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", params(QuarantineQuery),
    responses((status = 200, body = List<QuarantineRow>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<QuarantineQuery>,
) -> Result<Json<List<QuarantineRow>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let filter = QuarantineFilter { device: query.device, reason: query.reason };
    let rows = state.quarantine.list(&filter, &page).await?;
    Ok(Json(List { items: rows.items.into_iter().map(QuarantineRow::from).collect(), next: rows.next }))
}

/// How often a sender was refused for one reason.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CountRow {
    /// Device named by the topic; empty where it named none.
    pub device: String,
    /// Authenticated sender, where the topic named no device; else empty.
    pub principal: String,
    /// Code of the reason.
    pub reason: String,
    /// Messages and array elements.
    pub count: u64,
    /// Receive time of the newest, Unix ms.
    pub last: i64,
}

impl From<QuarantineCount> for CountRow {
    fn from(row: QuarantineCount) -> Self {
        Self { device: row.device, principal: row.principal, reason: row.reason, count: row.count, last: row.last }
    }
}

/// Counts per device and reason, most frequent first, at most 1000.
#[utoipa::path(get, path = "/api/v1/quarantine/counts", tag = "quarantine",
    responses((status = 200, body = Vec<CountRow>)))]
pub async fn counts(State(state): State<AppState>) -> Result<Json<Vec<CountRow>>, Problem> {
    Ok(Json(state.quarantine.counts(1_000).await?.into_iter().map(CountRow::from).collect()))
}
