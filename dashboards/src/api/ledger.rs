//! The ledger: nothing vanishes.

use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::ledger::Ledger;

/// Messages accepted, applied, quarantined and pending, per source.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "system", responses((status = 200, body = Ledger)))]
pub async fn show(State(state): State<AppState>) -> Json<Ledger> {
    Json((state.ledger)())
}
