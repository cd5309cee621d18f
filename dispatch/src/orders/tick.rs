//! The clock's look: which orders have something due, and the hub's own acts on them.
//!
//! An index on the next due moment makes the look cheap whatever number of orders is open. The acts have keys made of
//! clock, deadline and step, so a hub that is killed between two of them, or two hubs, tell nothing twice.

use super::Orders;
use super::rows::order_of;
use crate::core::{Actor, OrderAct, clock};
use greenhub_storage::relational::StoreError;
use sqlx::Row;

/// Orders taken in one transaction.
const AT_ONCE: i64 = 200;
/// How long the clocks of an order wait that cannot be read.
const UNREADABLE_MS: i64 = 3_600_000;

impl Orders {
    /// Does what is due at `now`; returns the number of acts. At most `rounds` transactions.
    pub async fn tick(&self, now: i64, rounds: u32) -> Result<usize, StoreError> {
        let mut acted = 0;
        for _round in 0..rounds {
            let (acts, more) = self.acts_due(now).await?;
            acted += acts.len();
            for result in self.act_together(&acts).await? {
                if let Err(error) = result {
                    // Somebody was faster than the clock: what he did has moved the due moment.
                    tracing::debug!(%error, "a clock's act was not needed any more");
                }
            }
            if !more {
                break;
            }
        }
        Ok(acted)
    }

    async fn acts_due(&self, now: i64) -> Result<(Vec<OrderAct>, bool), StoreError> {
        let sql = "SELECT body, id FROM orders WHERE next_due <= $1 ORDER BY next_due LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(now)
            .bind(AT_ONCE)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("look for clocks that are due"))?;
        let rules = self.rules.current();
        let mut acts = Vec::new();
        for row in &rows {
            let order = match order_of(row) {
                Ok(order) => order,
                Err(error) => {
                    // One row that cannot be read must not stop the clocks of all others.
                    let id: String = row.try_get(1).map_err(StoreError::row("orders"))?;
                    tracing::error!(%id, %error, "an order cannot be read, its clocks wait an hour");
                    self.put_off(&id, now + UNREADABLE_MS).await?;
                    continue;
                }
            };
            let due = clock::due(&order, now, &rules);
            if due.is_empty() {
                // Newer rules escalate later: look again then.
                self.put_off(order.id.as_str(), self.next_due(&order, &rules).max(now + 1)).await?;
            }
            acts.extend(due.into_iter().map(|(request_id, event)| OrderAct {
                order: order.id.clone(),
                request_id,
                actor: Actor::hub(),
                at: now,
                done_at: None,
                version: None,
                event,
            }));
        }
        Ok((acts, rows.len() as i64 == AT_ONCE))
    }

    async fn put_off(&self, id: &str, until: i64) -> Result<(), StoreError> {
        // Only what is still due: an act that came in between has set a moment of its own.
        sqlx::query("UPDATE orders SET next_due = $2 WHERE id = $1 AND next_due < $2")
            .bind(id)
            .bind(until)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("put off a clock"))?;
        Ok(())
    }
}
