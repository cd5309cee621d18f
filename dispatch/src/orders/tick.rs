//! The clock's look: which orders have something due, and the hub's own acts on them.
//!
//! An index on the next due moment makes the look cheap whatever number of orders is open. The acts have keys made of
//! clock, deadline and step, so a hub that is killed between two of them, or two hubs, tell nothing twice.

use super::Orders;
use super::rows::order_of;
use crate::core::{Actor, OrderAct, clock};
use greenhub_storage::relational::StoreError;

/// Orders taken in one transaction.
const AT_ONCE: i64 = 200;

impl Orders {
    /// Does what is due at `now`; returns the number of acts. At most `rounds` transactions.
    pub async fn tick(&self, now: i64, rounds: u32) -> Result<usize, StoreError> {
        let mut acted = 0;
        for _round in 0..rounds {
            let due = self.acts_due(now).await?;
            let (acts, more) = due;
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
        let sql = "SELECT body FROM orders WHERE next_due <= $1 ORDER BY next_due LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(now)
            .bind(AT_ONCE)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("look for clocks that are due"))?;
        let rules = self.rules.current();
        let mut acts = Vec::new();
        for row in &rows {
            let order = order_of(row)?;
            let due = clock::due(&order, now, &rules);
            if due.is_empty() {
                // Newer rules escalate later: look again then.
                self.look_again(&order, now, &rules).await?;
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

    async fn look_again(
        &self,
        order: &greenhub_model::order::Order,
        now: i64,
        rules: &crate::core::RulesInForce,
    ) -> Result<(), StoreError> {
        let next = self.next_due(order, rules).max(now + 1);
        sqlx::query("UPDATE orders SET next_due = $3 WHERE id = $1 AND version = $2")
            .bind(order.id.as_str())
            .bind(order.version as i64)
            .bind(next)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("put off a clock"))?;
        Ok(())
    }
}
