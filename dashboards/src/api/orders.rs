//! Orders: the book that `dispatch` keeps.

use super::List;
use crate::extract::{Named, Params, paging, words};
use crate::ports::OrderQuery;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_model::order::Order;
use greenhub_model::{Alarm, OrderId};
use serde::{Deserialize, Serialize};

/// Which orders.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Comma list of states.
    #[serde(default)]
    pub state: Option<String>,
    /// Comma list of priorities.
    #[serde(default)]
    pub priority: Option<String>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A page of orders, newest first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(OrdersQuery),
    responses((status = 200, body = List<Order>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<OrdersQuery>,
) -> Result<Json<List<Order>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let wanted = OrderQuery {
        states: words("state", query.state.as_deref())?,
        priorities: words("priority", query.priority.as_deref())?,
        ..OrderQuery::default()
    };
    Ok(Json(state.orders.list(&wanted, &page).await?.into()))
}

/// An order and the alarm behind it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderDetail {
    /// The order.
    pub order: Order,
    /// The alarm, where one is behind it.
    pub alarm: Option<Alarm>,
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderDetail), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Named(id): Named<OrderId>) -> Result<Json<OrderDetail>, Problem> {
    let stored = state.orders.get(&id).await?;
    let order = stored
        .or_else(|| state.live.order(&id))
        .ok_or_else(|| Problem::not_found(format!("There is no order {id}.")))?;
    let alarm = match &order.alarm {
        None => None,
        Some(alarm) => match state.live.alarm(alarm) {
            Some(alarm) => Some(alarm),
            None => state.alarms.get(alarm).await?,
        },
    };
    Ok(Json(OrderDetail { order, alarm }))
}
