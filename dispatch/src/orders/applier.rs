//! Opens the orders that the dataflow triggers, within the sink's transaction. It keeps no memory.
//!
//! An order opened by an alarm carries an id made from the alarm's, so a replayed batch opens no second one.

use super::{OrderChange, Orders};
use crate::core::Actor;
use crate::core::opening::open_alarm;
use greenhub_model::{BatchOutput, Output};
use greenhub_storage::relational::{Applying, BatchApplier};
use sqlx::AnyConnection;
use std::sync::Arc;

/// See the module.
pub struct OrderApplier {
    orders: Orders,
}

impl OrderApplier {
    /// An applier for these orders.
    pub fn new(orders: Orders) -> Self {
        Self { orders }
    }
}

impl BatchApplier for OrderApplier {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn wants(&self, output: &Output) -> bool {
        matches!(output, Output::Order(_))
    }

    fn apply<'a>(&'a self, connection: &'a mut AnyConnection, batches: &'a [&'a Arc<BatchOutput>]) -> Applying<'a> {
        Box::pin(async move {
            let rules = self.orders.in_force();
            let mut changes: Vec<OrderChange> = Vec::new();
            for item in batches.iter().flat_map(|batch| &batch.items) {
                if let Output::Order(trigger) = item {
                    let order = open_alarm(trigger, &rules);
                    let key = ("", &Actor::hub());
                    changes.extend(self.orders.write_opened(connection, order, key, None, &rules).await?);
                }
            }
            self.orders.follow(connection, &changes).await?;
            // Told before the commit: the live state shows an order as soon as its alarm anyway, and a batch that is
            // rolled back comes again.
            self.orders.tell(&changes);
            Ok(())
        })
    }
}
