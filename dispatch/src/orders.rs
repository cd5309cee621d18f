//! The orders' tables and all SQL that names them.
//!
//! An act reads the order, asks [`crate::core::step`], and writes order and event in one transaction, guarded by a
//! version: who lost a race reads again, a few times at most. The order itself is JSON beside the columns that lists
//! filter by, like alarms.

use crate::core::{OrderAct, OrderRefusal, step};
use greenhub_model::order::{Order, OrderEntry, OrderState};
use greenhub_model::{BatchOutput, OrderId, Output, Priority};
use greenhub_storage::relational::filter::Select;
use greenhub_storage::relational::migration::Migration;
use greenhub_storage::relational::{
    Applying, BatchApplier, Database, Page, PageRequest, StoreError, enum_word, insert_rows, parse_word,
};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::sync::Arc;

const MODULE: &str = "dispatch";
const MIGRATIONS: &[Migration] = &[Migration::common(1, include_str!("migrations/0001_orders.sql"))];
const RACES_MAX: u32 = 5;
const EVENTS_MAX: i64 = 1000;
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Which orders to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Any of these states.
    pub states: Vec<OrderState>,
    /// Any of these priorities.
    pub priorities: Vec<Priority>,
    /// Given to this user.
    pub assignee: Option<String>,
    /// Opened at or after the first and before the second, Unix ms.
    pub created: Option<(i64, i64)>,
}

impl OrderFilter {
    /// All orders that are neither closed nor cancelled.
    pub fn open() -> Self {
        Self { states: OrderState::ALL.into_iter().filter(|state| state.is_open()).collect(), ..Self::default() }
    }
}

/// Why an act had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No such order.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// The life cycle does not allow it.
    #[error(transparent)]
    Refused(#[from] OrderRefusal),
    /// Others changed the order again and again meanwhile.
    #[error("order {0} is being changed by others, try again")]
    Contended(OrderId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All orders.
#[derive(Debug, Clone)]
pub struct Orders {
    db: Database,
}

impl Orders {
    /// Orders in this database; makes their tables.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        Ok(Self { db })
    }

    /// What the sink needs to open orders.
    pub fn applier(&self) -> Arc<dyn BatchApplier> {
        Arc::new(OrderApplier)
    }

    /// A page of orders, newest first.
    pub async fn list(&self, filter: &OrderFilter, page: &PageRequest) -> Result<Page<Order>, StoreError> {
        let mut select = Select::new("SELECT body FROM orders");
        select.and_one_of("state", filter.states.iter().map(enum_word));
        select.and_one_of("priority", filter.priorities.iter().map(enum_word));
        if let Some(assignee) = &filter.assignee {
            select.and("assignee", "=", assignee.as_str());
        }
        if let Some((from, to)) = filter.created {
            select.and("created_at", ">=", from).and("created_at", "<", to);
        }
        select.and_below("created_at, id", page.after()?);
        let order = "created_at DESC, id DESC";
        let rows = select.fetch(self.db.readers(), order, page.fetch(), "list orders").await?;
        let orders = rows.iter().map(order_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(orders, |order| (order.created_at, order.id.to_string())))
    }

    /// One order.
    pub async fn get(&self, id: &OrderId) -> Result<Option<Order>, StoreError> {
        let row = sqlx::query("SELECT body FROM orders WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("read an order"))?;
        row.as_ref().map(order_of).transpose()
    }

    /// Its events in the order they happened, at most 1,000.
    pub async fn events(&self, id: &OrderId) -> Result<Vec<OrderEntry>, StoreError> {
        let mut select = Select::new("SELECT at, actor, state, event, version FROM order_events");
        select.and("order_id", "=", id.as_str());
        let rows = select.fetch(self.db.readers(), "version", EVENTS_MAX, "read the events of an order").await?;
        rows.iter().map(event_of).collect()
    }

    /// Lets an event happen; returns the order after it. The same request id again returns the order as it is now.
    pub async fn act(&self, act: &OrderAct) -> Result<Order, ActError> {
        if act.request_id.is_empty() || act.request_id.chars().count() > REQUEST_ID_CHARS_MAX {
            let why = format!("request_id needs 1 to {REQUEST_ID_CHARS_MAX} characters");
            return Err(OrderRefusal::Invalid { why }.into());
        }
        for _race in 0..RACES_MAX {
            if let Some(order) = self.try_act(act).await? {
                return Ok(order);
            }
        }
        Err(ActError::Contended(act.order.clone()))
    }

    /// One try; nothing when somebody else was faster.
    async fn try_act(&self, act: &OrderAct) -> Result<Option<Order>, ActError> {
        let failed = || StoreError::when("change an order");
        let mut tx = self.db.begin().await?;
        let row = sqlx::query("SELECT body, version FROM orders WHERE id = $1")
            .bind(act.order.as_str())
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        let row = row.ok_or_else(|| ActError::Unknown(act.order.clone()))?;
        let order = order_of(&row)?;
        let version: i64 = row.try_get(1).map_err(failed())?;
        let seen = sqlx::query("SELECT event FROM order_events WHERE order_id = $1 AND request_id = $2")
            .bind(act.order.as_str())
            .bind(act.request_id.as_str())
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        let event = serde_json::to_string(&act.event).map_err(StoreError::row("order_events"))?;
        if let Some(seen) = seen {
            let before: String = seen.try_get(0).map_err(failed())?;
            if before != event {
                let why = format!("request_id {:?} was used for another event", act.request_id);
                return Err(OrderRefusal::Invalid { why }.into());
            }
            return Ok(Some(order));
        }
        let next = step(&order, act)?;
        let sql = "UPDATE orders SET state = $3, assignee = $4, version = $2 + 1, body = $5 \
                   WHERE id = $1 AND version = $2";
        let done = sqlx::query(sql)
            .bind(act.order.as_str())
            .bind(version)
            .bind(enum_word(&next.state))
            .bind(next.assignee.clone().unwrap_or_default())
            .bind(serde_json::to_string(&next).map_err(StoreError::row("orders"))?)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let sql = "INSERT INTO order_events (order_id, version, request_id, at, actor, state, event) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(act.order.as_str())
            .bind(version + 1)
            .bind(act.request_id.as_str())
            .bind(act.at.millis())
            .bind(act.by.as_str())
            .bind(enum_word(&next.state))
            .bind(event)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        tx.commit().await.map_err(failed())?;
        Ok(Some(next))
    }
}

fn order_of(row: &AnyRow) -> Result<Order, StoreError> {
    let body: &str = row.try_get(0).map_err(StoreError::row("orders"))?;
    serde_json::from_str(body).map_err(StoreError::row("orders"))
}

fn event_of(row: &AnyRow) -> Result<OrderEntry, StoreError> {
    let bad = || StoreError::row("order_events");
    let (state, event): (String, String) = (row.try_get(2).map_err(bad())?, row.try_get(3).map_err(bad())?);
    let event = if event.is_empty() {
        None
    } else {
        Some(serde_json::from_str(&event).map_err(StoreError::row("order_events"))?)
    };
    Ok(OrderEntry {
        version: row.try_get::<i64, _>(4).map_err(bad())? as u64,
        done_at: None,
        at: row.try_get(0).map_err(bad())?,
        by: row.try_get(1).map_err(bad())?,
        state: parse_word(&state).ok_or(state).map_err(StoreError::row("order_events"))?,
        event,
    })
}

/// Opens the orders that the dataflow triggers, within the sink's transaction. It keeps no memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderApplier;

impl BatchApplier for OrderApplier {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn wants(&self, output: &Output) -> bool {
        matches!(output, Output::Order(_))
    }

    fn apply<'a>(&'a self, connection: &'a mut AnyConnection, batches: &'a [&'a Arc<BatchOutput>]) -> Applying<'a> {
        Box::pin(async move {
            let opened: Vec<Order> = batches
                .iter()
                .flat_map(|batch| &batch.items)
                .filter_map(
                    |item| if let Output::Order(trigger) = item { Some(Order::of_alarm(trigger)) } else { None },
                )
                .collect();
            write_opened(connection, &opened).await
        })
    }
}

async fn write_opened(connection: &mut AnyConnection, opened: &[Order]) -> Result<(), StoreError> {
    let head = "INSERT INTO orders (id, alarm, state, priority, assignee, created_at, version, body)";
    let tail = "ON CONFLICT (id) DO NOTHING";
    insert_rows(connection, "open orders", (head, 8, tail), opened, |query, order| {
        query
            .bind(order.id.as_str().to_owned())
            .bind(order.alarm.as_ref().map_or(String::new(), ToString::to_string))
            .bind(enum_word(&order.state))
            .bind(enum_word(&order.priority))
            .bind("")
            .bind(order.created_at)
            .bind(0i64)
            .bind(serde_json::to_string(order).expect("an order has string keys only and always becomes JSON"))
    })
    .await?;
    let head = "INSERT INTO order_events (order_id, version, request_id, at, actor, state, event)";
    let tail = "ON CONFLICT DO NOTHING";
    insert_rows(connection, "open orders", (head, 7, tail), opened, |query, order| {
        query
            .bind(order.id.as_str().to_owned())
            .bind(0i64)
            .bind("")
            .bind(order.created_at)
            .bind("hub")
            .bind(enum_word(&order.state))
            .bind("")
    })
    .await
}
