//! Orders: the book that `dispatch` keeps. Lists and details here, what changes them in [`acts`], what they follow in
//! [`rules`].
//!
//! Who reported a case is shown to the desk and the auditor only.

pub mod acts;
pub mod advice;
pub mod export;
pub mod rules;
pub mod statistics;

use super::List;
use crate::access::Caller;
use crate::extract::{Named, Params, paging, words};
use crate::ports::{OrderCaller, OrderQuery};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use greenhub_model::order::{CaseCategory, CaseKind, Order, OrderEntry};
use greenhub_model::{Alarm, OrderId, Role};
use serde::{Deserialize, Serialize};

/// Which orders.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct OrdersQuery {
    /// Comma list of states; `open` stands for all open ones.
    pub state: Option<String>,
    /// Comma list of priorities.
    pub priority: Option<String>,
    /// Comma list of sources.
    pub source: Option<String>,
    /// Given to this user; `me` is the caller, with what the caller's team may take.
    pub assignee: Option<String>,
    /// Given to this team.
    pub team: Option<String>,
    /// Of this kind: `component:06042`, `matter:06042`, or with the code list before, `gbt47678-2026:matter:06042`.
    pub kind: Option<String>,
    /// In this sub-district.
    pub sub_district: Option<String>,
    /// Number, title, text, address or device holds this.
    pub q: Option<String>,
    /// Only those with a clock that is over.
    pub overdue: Option<bool>,
    /// Nearest deadline first instead of newest first.
    pub late_first: Option<bool>,
    /// Opened at or after, Unix ms.
    pub created_from: Option<i64>,
    /// Opened before, Unix ms.
    pub created_to: Option<i64>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl OrdersQuery {
    /// The checked query of a caller.
    pub fn checked(&self, caller: &OrderCaller) -> Result<OrderQuery, Problem> {
        let state = self.state.as_deref().map(|states| {
            states.split(',').map(|s| if s.trim() == "open" { OPEN_WORDS } else { s }).collect::<Vec<_>>().join(",")
        });
        let me = self.assignee.as_deref() == Some("me");
        let created = match (self.created_from, self.created_to) {
            (None, None) => None,
            (from, to) => Some((from.unwrap_or(0), to.unwrap_or(i64::MAX))),
        };
        if self.q.as_ref().is_some_and(|q| q.chars().count() > 100) {
            return Err(Problem::bad_request("搜索文字 q 不能超过 100 个字"));
        }
        Ok(OrderQuery {
            states: words("state", state.as_deref())?,
            priorities: words("priority", self.priority.as_deref())?,
            sources: words("source", self.source.as_deref())?,
            mine: me.then(|| caller.user.clone()),
            assignee: self.assignee.clone().filter(|_| !me),
            team: self.team.clone(),
            kind: self.kind.as_deref().map(kind_of).transpose()?,
            sub_district: self.sub_district.clone(),
            text: self.q.clone(),
            overdue_at: self.overdue.unwrap_or(false).then_some(caller.at),
            late_first: self.late_first.unwrap_or(false),
            created,
        })
    }
}

const OPEN_WORDS: &str = "reported,filed,dispatched,accepted,in_progress,suspended,finished";

fn kind_of(text: &str) -> Result<CaseKind, Problem> {
    let wrong = || Problem::bad_request("kind 请写作 matter:06042 或 component:01037");
    let parts: Vec<&str> = text.split(':').collect();
    let (scheme, category, code) = match parts.as_slice() {
        [category, code] => ("gbt47678-2026", *category, *code),
        [scheme, category, code] => (*scheme, *category, *code),
        _ => return Err(wrong()),
    };
    let category = match category {
        "component" => CaseCategory::Component,
        "matter" => CaseCategory::Matter,
        _ => return Err(wrong()),
    };
    Ok(CaseKind { scheme: scheme.to_owned(), category, code: code.to_owned() })
}

/// The caller as the order book knows them.
pub fn caller_of(state: &AppState, caller: &Caller) -> OrderCaller {
    OrderCaller { user: caller.session.username.clone(), role: caller.session.role, at: state.now().millis() }
}

/// Who may see names and telephones of people outside the case's own work.
pub fn sees_people(role: Role) -> bool {
    matches!(role, Role::Dispatcher | Role::Clerk | Role::Administrator | Role::Auditor)
}

/// The order as this role may see it.
pub fn shown(mut order: Order, role: Role) -> Order {
    if !sees_people(role) {
        order.reporter = None;
    }
    order
}

/// A page of orders, newest first or nearest deadline first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(OrdersQuery),
    responses((status = 200, body = List<Order>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<OrdersQuery>,
) -> Result<Json<List<Order>>, Problem> {
    let page = paging(query.limit, query.cursor.clone())?;
    let wanted = query.checked(&caller_of(&state, &caller))?;
    let mut page: List<Order> = state.orders.list(&wanted, &page).await?.into();
    let role = caller.session.role;
    page.items = page.items.into_iter().map(|order| shown(order, role)).collect();
    Ok(Json(page))
}

/// An order, the alarm behind it and all that happened to it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderDetail {
    /// The order.
    pub order: Order,
    /// The alarm, where one is behind it.
    pub alarm: Option<Alarm>,
    /// Its acts in the order they happened; the first is the opening.
    pub entries: Vec<OrderEntry>,
    /// Orders merged into it, or split from it.
    pub children: Vec<Order>,
    /// Open orders that may be the same case.
    pub duplicates: u32,
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderDetail), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<OrderId>,
) -> Result<Json<OrderDetail>, Problem> {
    let role = caller.session.role;
    let (order, entries, children, duplicates) = match state.orders.thread(&id).await? {
        Some(thread) => (thread.order, thread.entries, thread.children, thread.duplicates),
        // Triggered a moment ago, not yet in the book.
        None => match state.live.order(&id) {
            Some(order) => (order, vec![], vec![], 0),
            None => return Err(Problem::not_found(format!("没有编号为 {id} 的工单。 There is no order {id}."))),
        },
    };
    let alarm = match &order.alarm {
        None => None,
        Some(alarm) => match state.live.alarm(alarm) {
            Some(alarm) => Some(alarm),
            None => state.alarms.get(alarm).await?,
        },
    };
    let children = children.into_iter().map(|child| shown(child, role)).collect();
    Ok(Json(OrderDetail { order: shown(order, role), alarm, entries, children, duplicates }))
}
