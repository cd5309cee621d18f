//! Orders as they stood at a past moment: the fold of their acts until then, each by the rules it was decided by.

use super::Orders;
use super::rows::order_of;
use crate::core::{Actor, OrderAct, apply};
use greenhub_model::order::Order;
use greenhub_model::{OrderId, Role};
use greenhub_storage::relational::{StoreError, enum_word};
use sqlx::Row;
use sqlx::any::AnyRow;

impl Orders {
    /// Orders that were open at `at`, newest first, at most `limit`.
    pub async fn open_at(&self, at: i64, limit: i64) -> Result<Vec<Order>, StoreError> {
        let sql = "SELECT body FROM orders WHERE created_at <= $1 AND (updated_at > $1 OR state NOT IN \
                   ('closed', 'rejected', 'merged', 'split', 'cancelled')) ORDER BY created_at DESC, id DESC LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(at)
            .bind(limit)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("read the orders of a past moment"))?;
        let mut orders = Vec::new();
        for row in &rows {
            let now = order_of(row)?;
            let then = if now.updated_at <= at { Some(now) } else { self.folded(&now.id, at).await? };
            orders.extend(then.filter(|order| order.state.is_open()));
        }
        Ok(orders)
    }

    /// Orders that changed after `from` and up to `to`, each as it stood at `to`; at most `limit`.
    pub async fn changed_between(&self, from: i64, to: i64, limit: i64) -> Result<Vec<Order>, StoreError> {
        let sql = "SELECT DISTINCT order_id FROM order_events WHERE at > $1 AND at <= $2 ORDER BY order_id LIMIT $3";
        let rows = sqlx::query(sql)
            .bind(from)
            .bind(to)
            .bind(limit)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("read the orders of a past moment"))?;
        let mut orders = Vec::new();
        for row in &rows {
            let id: &str = row.try_get(0).map_err(StoreError::row("order_events"))?;
            let id = OrderId::new(id).map_err(StoreError::row("order_events"))?;
            orders.extend(self.folded(&id, to).await?);
        }
        Ok(orders)
    }

    /// The fold of an order's acts up to and including `at`; none before it was opened, or for one that an older hub
    /// opened without keeping how.
    pub async fn folded(&self, id: &OrderId, at: i64) -> Result<Option<Order>, StoreError> {
        let sql = "SELECT event, at, actor, role, rules_version, done_at FROM order_events \
                   WHERE order_id = $1 AND at <= $2 ORDER BY version";
        let rows = sqlx::query(sql)
            .bind(id.as_str())
            .bind(at)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("read the acts of an order"))?;
        let Some((first, rest)) = rows.split_first() else {
            return Ok(None);
        };
        let body: &str = first.try_get(0).map_err(StoreError::row("order_events"))?;
        if body.is_empty() {
            return Ok(None);
        }
        let mut order: Order = serde_json::from_str(body).map_err(StoreError::row("order_events"))?;
        for row in rest {
            let (act, version) = act_of(id, row)?;
            let why = || StoreError::Row { table: "order_events", why: format!("rules version {version} is gone") };
            let rules = self.rules.version(version).await?.ok_or_else(why)?;
            order = apply(&order, &act, &rules).map_err(StoreError::row("order_events"))?;
        }
        Ok(Some(order))
    }
}

fn act_of(id: &OrderId, row: &AnyRow) -> Result<(OrderAct, u64), StoreError> {
    let bad = || StoreError::row("order_events");
    let (event, role): (&str, String) = (row.try_get(0).map_err(bad())?, row.try_get(3).map_err(bad())?);
    let version: i64 = row.try_get(4).map_err(bad())?;
    let done_at: i64 = row.try_get(5).map_err(bad())?;
    let role = Role::ALL.into_iter().find(|known| enum_word(known) == role);
    let act = OrderAct {
        order: id.clone(),
        request_id: String::new(),
        actor: Actor { user: row.try_get(2).map_err(bad())?, role },
        at: row.try_get(1).map_err(bad())?,
        done_at: (done_at > 0).then_some(done_at),
        version: None,
        event: serde_json::from_str(event).map_err(StoreError::row("order_events"))?,
    };
    Ok((act, version as u64))
}
