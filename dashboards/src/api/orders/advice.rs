//! What helps to decide: whom to send, a plan for many, what may be the same case. Nothing is done here.

use crate::extract::{Body, Named};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::OrderId;
use greenhub_model::dispatch::{Candidate, Duplicate, Plan};
use serde::Deserialize;

fn unknown(id: &OrderId) -> Problem {
    Problem::not_found(format!("没有编号为 {id} 的工单。 There is no order {id}."))
}

/// Whom to send, best first, at most 20, each with its reasons in minutes.
#[utoipa::path(get, path = "/api/v1/orders/{id}/candidates", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = Vec<Candidate>), (status = 404, body = Problem)))]
pub async fn candidates(
    State(state): State<AppState>,
    Named(id): Named<OrderId>,
) -> Result<Json<Vec<Candidate>>, Problem> {
    let found = state.staffing.candidates(&id, state.now().millis()).await?;
    Ok(Json(found.ok_or_else(|| unknown(&id))?))
}

/// Open orders that may be the same case, best first.
#[utoipa::path(get, path = "/api/v1/orders/{id}/duplicates", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = Vec<Duplicate>), (status = 404, body = Problem)))]
pub async fn duplicates(
    State(state): State<AppState>,
    Named(id): Named<OrderId>,
) -> Result<Json<Vec<Duplicate>>, Problem> {
    Ok(Json(state.staffing.duplicates(&id).await?.ok_or_else(|| unknown(&id))?))
}

/// Which orders to plan.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// 1 to 500 of them; missing: all that wait to be sent, nearest deadline first.
    #[serde(default)]
    pub orders: Option<Vec<OrderId>>,
}

/// A plan that is least late in all. The page sends the acts after somebody has looked at it.
#[utoipa::path(post, path = "/api/v1/orders/plan", tag = "orders", request_body = PlanRequest,
    responses((status = 200, body = Plan), (status = 422, body = Problem)))]
pub async fn plan(State(state): State<AppState>, Body(request): Body<PlanRequest>) -> Result<Json<Plan>, Problem> {
    if request.orders.as_ref().is_some_and(|orders| !(1..=super::acts::ORDERS_MAX).contains(&orders.len())) {
        return Err(Problem::unusable(format!("一次请选择 1 到 {} 件工单", super::acts::ORDERS_MAX)));
    }
    Ok(Json(state.staffing.plan(request.orders, state.now().millis()).await?))
}
