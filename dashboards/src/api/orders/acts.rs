//! What changes orders: openings and acts, one or many, each once whatever is sent twice.

use super::{caller_of, shown};
use crate::access::Caller;
use crate::api::audit::note;
use crate::extract::{Body, Named};
use crate::ports::{OpenCall, OrderCall, OrderCaller, OrderFailure};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_model::OrderId;
use greenhub_model::dispatch::Candidate;
use greenhub_model::order::{Assignee, CaseForm, Order, OrderEvent, OrderState};
use greenhub_storage::accounts::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most orders of one call.
pub const ORDERS_MAX: usize = 500;

/// A report that opens an order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Idempotency key, 1 to 128 characters: the same key of the same user again returns the order it opened.
    pub request_id: String,
    /// The form.
    pub form: CaseForm,
    /// File it at once (the desk only).
    #[serde(default)]
    pub file: bool,
    /// When it was written, Unix ms, where that was earlier than now (a phone without network).
    #[serde(default)]
    pub at: Option<i64>,
}

/// An act on one order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAct {
    /// Idempotency key, 1 to 128 characters: the same key of the same user again returns the order without acting.
    pub request_id: String,
    /// What.
    pub event: OrderEvent,
    /// When it was done, Unix ms, where that was earlier than now (a phone without network).
    #[serde(default)]
    pub done_at: Option<i64>,
    /// Only while the order is at this version.
    #[serde(default)]
    pub version: Option<u64>,
}

/// The same act on many orders.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActs {
    /// Idempotency key, 1 to 128 characters.
    pub request_id: String,
    /// 1 to 500 orders.
    pub orders: Vec<OrderId>,
    /// What.
    pub event: OrderEvent,
}

/// What became of one of many.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActAnswer {
    /// The order.
    pub id: OrderId,
    /// The order after the act; none where it did not happen.
    pub order: Option<Order>,
    /// Whether it happened.
    pub ok: bool,
    /// Why not.
    pub problem: Option<Problem>,
}

/// Opens an order; the same request, or the same number of the same system, again gives the existing one.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", request_body = NewOrder,
    responses((status = 201, body = Order), (status = 200, body = Order), (status = 422, body = Problem)))]
pub async fn open(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let by = caller_of(&state, &caller);
    let call = OpenCall { request_id: new.request_id, form: new.form, file: new.file, done_at: new.at };
    let (order, is_new) = state.orders.open(by, call).await?;
    if is_new {
        let object = format!("order {}", order.id);
        note(&state, &caller, "order_open", &object, Outcome::Done, &order.title).await;
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(order, caller.session.role))))
}

/// Lets an act happen.
#[utoipa::path(post, path = "/api/v1/orders/{id}/acts", tag = "orders", params(("id" = OrderId, Path)),
    request_body = NewAct, responses((status = 200, body = Order), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn act(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<OrderId>,
    Body(new): Body<NewAct>,
) -> Result<Json<Order>, Problem> {
    let by = caller_of(&state, &caller);
    let word = new.event.name();
    let NewAct { request_id, event, done_at, version } = new;
    if let Some(problem) = unexplained(&state, std::slice::from_ref(&id), &event).await?.remove(&id) {
        return Err(problem);
    }
    let call = OrderCall { order: id.clone(), request_id, event, done_at, version };
    let result = state.orders.act(by, vec![call]).await?.pop();
    let result = result.unwrap_or_else(|| Err(OrderFailure::Unknown(id.clone())));
    audit(&state, &caller, &id, word, &result).await;
    Ok(Json(shown(result?, caller.session.role)))
}

/// Whoever gives an order to somebody else than the first proposal says why: the orders of these for which that is
/// missing, with what to say. An order that is on its way already is the life cycle's to judge, so that a request sent
/// twice is answered as before.
async fn unexplained(
    state: &AppState,
    ids: &[OrderId],
    event: &OrderEvent,
) -> Result<BTreeMap<OrderId, Problem>, Problem> {
    let (OrderEvent::Assign { to: Some(to), reason } | OrderEvent::Dispatch { to: Some(to), reason }) = event else {
        return Ok(BTreeMap::new());
    };
    if !reason.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut waits = Vec::new();
    for id in ids {
        let order = state.orders.get(id).await?;
        let order = order.filter(|order| order.state == OrderState::Filed && !is_given(order, to));
        waits.extend(order.map(|order| order.id));
    }
    if waits.is_empty() {
        return Ok(BTreeMap::new());
    }
    let overridden = state.staffing.overridden(&waits, to, state.now().millis()).await?;
    let problem = |first: Candidate| {
        let cost = first.cost;
        Problem::unusable(format!("首选建议是{}（约 {cost:.0} 分钟）；改派他人请在 reason 中写明原因", first.name))
    };
    Ok(overridden.into_iter().map(|(id, first)| (id, problem(first))).collect())
}

fn is_given(order: &Order, to: &Assignee) -> bool {
    match to {
        Assignee::Person { user } => order.assignee.as_ref() == Some(user),
        Assignee::Team { team } => order.assignee.is_none() && order.team.as_ref() == Some(team),
    }
}

/// Lets the same act happen on many orders; each is answered for itself.
#[utoipa::path(post, path = "/api/v1/orders/acts", tag = "orders", request_body = NewActs,
    responses((status = 200, body = [ActAnswer]), (status = 400, body = Problem)))]
pub async fn act_many(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewActs>,
) -> Result<Json<Vec<ActAnswer>>, Problem> {
    if new.orders.is_empty() || new.orders.len() > ORDERS_MAX {
        return Err(Problem::bad_request(format!("一次可办理 1 到 {ORDERS_MAX} 张工单")));
    }
    let by: OrderCaller = caller_of(&state, &caller);
    let call = |order: &OrderId| OrderCall {
        order: order.clone(),
        request_id: new.request_id.clone(),
        event: new.event.clone(),
        done_at: None,
        version: None,
    };
    let unexplained = unexplained(&state, &new.orders, &new.event).await?;
    let calls = new.orders.iter().filter(|id| !unexplained.contains_key(*id)).map(call).collect();
    let mut results = state.orders.act(by, calls).await?.into_iter();
    let mut answers = Vec::with_capacity(new.orders.len());
    for id in new.orders {
        // An order that is named twice is answered twice.
        if let Some(problem) = unexplained.get(&id) {
            answers.push(ActAnswer { id, order: None, ok: false, problem: Some(problem.clone()) });
            continue;
        }
        let result = results.next().unwrap_or_else(|| Err(OrderFailure::Unknown(id.clone())));
        answers.push(match result {
            Ok(order) => ActAnswer { id, order: Some(shown(order, caller.session.role)), ok: true, problem: None },
            Err(failure) => ActAnswer { id, order: None, ok: false, problem: Some(failure.into()) },
        });
    }
    let done = answers.iter().filter(|answer| answer.ok).count();
    let detail = format!("{}: {done} of {}", new.event.name(), answers.len());
    note(&state, &caller, "order_acts", "orders", Outcome::Done, &detail).await;
    Ok(Json(answers))
}

/// Names of the acts that the caller may do now.
#[utoipa::path(get, path = "/api/v1/orders/{id}/acts/allowed", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = [String]), (status = 404, body = Problem)))]
pub async fn allowed(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<OrderId>,
) -> Result<Json<Vec<String>>, Problem> {
    let order = state.orders.get(&id).await?.ok_or(OrderFailure::Unknown(id))?;
    Ok(Json(state.orders.allowed(&order, &caller_of(&state, &caller))))
}

async fn audit(state: &AppState, caller: &Caller, id: &OrderId, word: &str, result: &Result<Order, OrderFailure>) {
    let object = format!("order {id}");
    let (outcome, detail) = match result {
        Ok(order) => (Outcome::Done, format!("{word}: {} v{}", order.state.word(), order.version)),
        Err(OrderFailure::Refused(refusal)) => (Outcome::Refused, format!("{word}: {refusal}")),
        Err(_) => return,
    };
    note(state, caller, "order_act", &object, outcome, &detail).await;
}
