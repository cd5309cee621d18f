//! Orders and acts as rows.

use super::{OrderChange, Orders};
use crate::core::clock;
use crate::core::{Actor, RulesInForce};
use greenhub_model::OrderId;
use greenhub_model::order::{Order, OrderEntry, OrderState};
use greenhub_storage::relational::{Backend, StoreError, enum_word, parse_word};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// A place that is none, in millionths of a degree.
const NOWHERE: i64 = i64::MIN;

pub(super) fn order_of(row: &AnyRow) -> Result<Order, StoreError> {
    let body: &str = row.try_get(0).map_err(StoreError::row("orders"))?;
    serde_json::from_str(body).map_err(StoreError::row("orders"))
}

/// `at, actor, state, event, version, done_at`.
pub(super) fn event_of(row: &AnyRow) -> Result<OrderEntry, StoreError> {
    let bad = || StoreError::row("order_events");
    let version: i64 = row.try_get(4).map_err(bad())?;
    let (state, event): (String, String) = (row.try_get(2).map_err(bad())?, row.try_get(3).map_err(bad())?);
    // Row 0 holds the order as opened.
    let event = match version {
        0 => None,
        _ => Some(serde_json::from_str(&event).map_err(StoreError::row("order_events"))?),
    };
    let done_at: i64 = row.try_get(5).map_err(bad())?;
    Ok(OrderEntry {
        version: version as u64,
        done_at: (done_at > 0).then_some(done_at),
        at: row.try_get(0).map_err(bad())?,
        by: row.try_get(1).map_err(bad())?,
        state: parse_word(&state).ok_or(state).map_err(StoreError::row("order_events"))?,
        event,
    })
}

/// What a text search looks through.
fn search_text(order: &Order) -> String {
    let number = order.external.as_ref().map_or("", |external| external.number.as_str());
    let device = order.device.as_ref().map_or("", |device| device.as_str());
    [order.id.as_str(), &order.title, &order.text, &order.address, number, device].join("\n").to_lowercase()
}

/// Who has it in hand: whoever it is given to, or while a look on site is awaited whoever was asked for it.
fn holder(order: &Order) -> &str {
    let asked =
        order.verification.as_ref().filter(|look| look.finding.is_none() && order.state == OrderState::Reported);
    order.assignee.as_deref().or(asked.map(|look| look.user.as_str())).unwrap_or_default()
}

fn kind_text(order: &Order) -> String {
    order.kind.as_ref().map_or(String::new(), |kind| format!("{}:{}", enum_word(&kind.category), kind.code))
}

fn micro(degrees: Option<f64>) -> i64 {
    degrees.map_or(NOWHERE, |degrees| (degrees * 1e6).round() as i64)
}

fn body_of(order: &Order) -> Result<String, StoreError> {
    serde_json::to_string(order).map_err(StoreError::row("orders"))
}

/// The row of an order, locked until the transaction ends.
pub(super) async fn lock(
    connection: &mut AnyConnection,
    backend: Backend,
    id: &OrderId,
) -> Result<Option<Order>, StoreError> {
    let sql = match backend {
        Backend::Sqlite => "SELECT body FROM orders WHERE id = $1",
        Backend::Postgres => "SELECT body FROM orders WHERE id = $1 FOR UPDATE",
    };
    let row = sqlx::query(sql)
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::when("read an order"))?;
    row.as_ref().map(order_of).transpose()
}

/// Writes a new order; false where there is one with its id, its request or its number elsewhere.
pub(super) async fn insert_order(
    connection: &mut AnyConnection,
    order: &Order,
    (opened_by, request_id): (&str, &str),
    rules: &RulesInForce,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO orders (id, alarm, source, opened_by, request_id, external_system, external_number, created_at, \
               state, priority, assignee, team, kind, sub_district, lon_e6, lat_e6, updated_at, deadline, next_due, \
               version, search, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
               $17, $18, $19, $20, $21, $22) ON CONFLICT DO NOTHING";
    let external = order.external.as_ref();
    let done = sqlx::query(sql)
        .bind(order.id.as_str())
        .bind(order.alarm.as_ref().map_or(String::new(), ToString::to_string))
        .bind(enum_word(&order.source))
        .bind(opened_by)
        .bind(request_id)
        .bind(external.map_or("", |external| external.system.as_str()))
        .bind(external.map_or("", |external| external.number.as_str()))
        .bind(order.created_at)
        .bind(enum_word(&order.state))
        .bind(enum_word(&order.priority))
        .bind(holder(order))
        .bind(order.team.clone().unwrap_or_default())
        .bind(kind_text(order))
        .bind(order.sub_district.as_str())
        .bind(micro(order.lon))
        .bind(micro(order.lat))
        .bind(order.updated_at)
        .bind(clock::nearest_deadline(order).unwrap_or(i64::MAX))
        .bind(clock::next_due(order, rules).unwrap_or(i64::MAX))
        .bind(order.version as i64)
        .bind(search_text(order))
        .bind(body_of(order)?)
        .execute(connection)
        .await
        .map_err(StoreError::when("open an order"))?;
    Ok(done.rows_affected() > 0)
}

/// Writes an order that changed; false when its version in the table is not the one before.
pub(super) async fn update_order(
    connection: &mut AnyConnection,
    order: &Order,
    rules: &RulesInForce,
) -> Result<bool, StoreError> {
    let sql = "UPDATE orders SET state = $3, priority = $4, assignee = $5, team = $6, kind = $7, sub_district = $8, \
               lon_e6 = $9, lat_e6 = $10, updated_at = $11, deadline = $12, next_due = $13, search = $14, body = $15, \
               version = $2 + 1 WHERE id = $1 AND version = $2";
    let done = sqlx::query(sql)
        .bind(order.id.as_str())
        .bind(order.version as i64 - 1)
        .bind(enum_word(&order.state))
        .bind(enum_word(&order.priority))
        .bind(holder(order))
        .bind(order.team.clone().unwrap_or_default())
        .bind(kind_text(order))
        .bind(order.sub_district.as_str())
        .bind(micro(order.lon))
        .bind(micro(order.lat))
        .bind(order.updated_at)
        .bind(clock::nearest_deadline(order).unwrap_or(i64::MAX))
        .bind(clock::next_due(order, rules).unwrap_or(i64::MAX))
        .bind(search_text(order))
        .bind(body_of(order)?)
        .execute(connection)
        .await
        .map_err(StoreError::when("change an order"))?;
    Ok(done.rows_affected() > 0)
}

/// Writes the row of an act; false where the version or the key is taken.
pub(super) async fn insert_event(
    connection: &mut AnyConnection,
    change: &OrderChange,
    (request_id, actor): (&str, &Actor),
    rules: &RulesInForce,
) -> Result<bool, StoreError> {
    let entry = &change.entry;
    let event = match &entry.event {
        Some(event) => serde_json::to_string(event).map_err(StoreError::row("order_events"))?,
        None => body_of(&change.after)?,
    };
    let sql = "INSERT INTO order_events (order_id, version, request_id, at, done_at, actor, role, state, rules_version, event) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let done = sqlx::query(sql)
        .bind(change.after.id.as_str())
        .bind(entry.version as i64)
        .bind(request_id)
        .bind(entry.at)
        .bind(entry.done_at.unwrap_or(0))
        .bind(entry.by.as_str())
        .bind(actor.role.map_or("", |role| role.as_str()))
        .bind(enum_word(&entry.state))
        .bind(rules.document.version as i64)
        .bind(event)
        .execute(connection)
        .await
        .map_err(StoreError::when("write the act of an order"))?;
    Ok(done.rows_affected() > 0)
}

impl Orders {
    /// Writes a new order and its first entry; nothing where it is there already.
    pub(super) async fn write_opened(
        &self,
        connection: &mut AnyConnection,
        order: Order,
        (request_id, actor): (&str, &Actor),
        done_at: Option<i64>,
        rules: &RulesInForce,
    ) -> Result<Option<OrderChange>, StoreError> {
        if !insert_order(connection, &order, (&actor.user, request_id), rules).await? {
            return Ok(None);
        }
        let entry = OrderEntry {
            version: 0,
            at: order.created_at,
            done_at,
            by: actor.user.clone(),
            state: order.state,
            event: None,
        };
        let change = OrderChange { before: None, after: order, entry };
        insert_event(connection, &change, (request_id, actor), rules).await?;
        Ok(Some(change))
    }
}
