//! Lists of orders: filters, two orders (newest first, nearest deadline first), text search.

use super::Orders;
use super::rows::order_of;
use greenhub_model::Priority;
use greenhub_model::order::{CaseKind, Order, OrderSource, OrderState};
use greenhub_storage::relational::filter::{Select, Value};
use greenhub_storage::relational::{Page, PageRequest, StoreError, enum_word};

/// Where a page goes on behind an order and its deadline.
type Place = fn(&(Order, i64)) -> (i64, String);

/// Which orders to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Any of these states.
    pub states: Vec<OrderState>,
    /// Any of these priorities.
    pub priorities: Vec<Priority>,
    /// Any of these sources.
    pub sources: Vec<OrderSource>,
    /// Given to this user.
    pub assignee: Option<String>,
    /// Given to this team.
    pub team: Option<String>,
    /// Given to this user, or to this team while nobody of it has it; beside `assignee`, for those who work.
    pub mine: Option<(String, String)>,
    /// Of this kind.
    pub kind: Option<CaseKind>,
    /// In this sub-district.
    pub sub_district: Option<String>,
    /// Number, title, text, address or device holds this.
    pub text: Option<String>,
    /// Only those with a clock over at this moment, Unix ms.
    pub overdue_at: Option<i64>,
    /// Nearest deadline first instead of newest first.
    pub late_first: bool,
    /// Opened at or after the first and before the second, Unix ms.
    pub created: Option<(i64, i64)>,
}

impl OrderFilter {
    /// All orders that are open.
    pub fn open() -> Self {
        Self { states: OrderState::ALL.into_iter().filter(|state| state.is_open()).collect(), ..Self::default() }
    }
}

impl Orders {
    /// A page of orders.
    pub async fn list(&self, filter: &OrderFilter, page: &PageRequest) -> Result<Page<Order>, StoreError> {
        let mut select = Select::new("SELECT body, deadline FROM orders");
        // Nearest deadline first is read along the index of deadlines, where what is closed stands last: the addition keeps
        // a database from sorting all that is open instead, unless somebody's own orders are asked for, which are few.
        let along = filter.late_first && filter.assignee.is_none() && filter.team.is_none() && filter.mine.is_none();
        let state = if along { "COALESCE(state, '')" } else { "state" };
        select.and_one_of(state, filter.states.iter().map(enum_word));
        select.and_one_of("priority", filter.priorities.iter().map(enum_word));
        select.and_one_of("source", filter.sources.iter().map(enum_word));
        for (column, value) in
            [("assignee", &filter.assignee), ("team", &filter.team), ("sub_district", &filter.sub_district)]
        {
            if let Some(value) = value {
                select.and(column, "=", value.as_str());
            }
        }
        if let Some((user, team)) = &filter.mine {
            let either = "(assignee = {} OR (assignee = '' AND team = {}))";
            select.and_text(either, [user.as_str().into(), team.as_str().into()]);
        }
        if let Some(kind) = &filter.kind {
            select.and("kind", "=", format!("{}:{}", enum_word(&kind.category), kind.code));
        }
        if let Some((from, to)) = filter.created {
            select.and("created_at", ">=", from).and("created_at", "<", to);
        }
        if let Some(now) = filter.overdue_at {
            select.and("deadline", "<", now);
        }
        if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let text: String = text.to_lowercase().chars().take(100).collect();
            let holds = match self.db.backend() {
                greenhub_storage::relational::Backend::Sqlite => "instr(search, {}) > 0",
                greenhub_storage::relational::Backend::Postgres => "strpos(search, {}) > 0",
            };
            select.and_text(holds, [text.into()]);
        }
        let after = page.after()?;
        let (order, place): (_, Place) = if filter.late_first {
            if let Some((number, id)) = after {
                select.and_above("deadline, id", [Value::Number(number), Value::Text(id)]);
            }
            ("deadline, id", |(order, deadline)| (*deadline, order.id.to_string()))
        } else {
            select.and_below("created_at, id", after);
            ("created_at DESC, id DESC", |(order, _)| (order.created_at, order.id.to_string()))
        };
        let rows = select.fetch(self.db.readers(), order, page.fetch(), "list orders").await?;
        let deadline = |row| sqlx::Row::try_get::<i64, _>(row, 1).map_err(StoreError::row("orders"));
        let orders =
            rows.iter().map(|row| Ok((order_of(row)?, deadline(row)?))).collect::<Result<Vec<_>, StoreError>>()?;
        let page = page.page(orders, place);
        Ok(Page { items: page.items.into_iter().map(|(order, _)| order).collect(), next: page.next })
    }
}
