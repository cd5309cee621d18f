//! The orders' tables and all SQL that names them.
//!
//! ```text
//! act ─▶ one transaction: lock the order ─ seen before? ─ core::step ─ order row, event row, followers ─▶ commit ─▶ told
//! ```
//!
//! **An answered act is on disk**: SQLite syncs each transaction, PostgreSQL commits synchronously. An act carries an
//! idempotency key, unique for a user and an order, so a request that a phone sends twice acts once. Acts on the same
//! order queue on its row (SQLite: on the one writer), each sees what the one before has done, and the core decides;
//! none is lost. What touches several orders (merge, split) is one transaction.
//!
//! **Fold.** The row of an order is the fold of its event rows: row 0 holds the order as opened, each further row an act
//! and the version of the rules it was decided by. The row is kept beside them so that lists need no fold.
//!
//! **Cost.** An act reads one row and writes two; the clock's look each second is one indexed range.

mod act;
mod advice;
mod applier;
mod audit;
mod list;
mod open;
mod past;
mod rows;
mod rules;
mod tick;
#[cfg(test)]
mod upgrade;

pub use act::ActError;
pub use applier::OrderApplier;
pub use audit::HubActs;
pub use list::OrderFilter;
pub use open::OrderOpening;
pub use rules::{PutRules, RulesBook, RulesRow};

use crate::core::RulesInForce;
use crate::core::district::District;
use crate::core::duty::Fix;
use crate::core::roles::allowed;
use crate::core::{Actor, clock};
use crate::shifts::Shifts;
use greenhub_model::OrderId;
use greenhub_model::dispatch::StaffMember;
use greenhub_model::order::{Order, OrderEntry};
use greenhub_storage::relational::filter::Select;
use greenhub_storage::relational::migration::Migration;
use greenhub_storage::relational::{Applying, BatchApplier, Database, StoreError};
use rows::{event_of, order_of};
use sqlx::AnyConnection;
use std::sync::Arc;

const MODULE: &str = "dispatch";
const MIGRATIONS: &[Migration] = &[
    Migration::common(1, include_str!("../migrations/0001_orders.sql")),
    Migration {
        version: 2,
        sqlite: include_str!("../migrations/0002_life.sqlite.sql"),
        postgres: include_str!("../migrations/0002_life.postgres.sql"),
    },
];
/// Most entries of a trace.
pub const ENTRIES_MAX: i64 = 5_000;
/// Most orders in one call.
pub const TOGETHER_MAX: usize = 500;

/// One change of an order, as followers see it within its transaction.
#[derive(Debug, Clone)]
pub struct OrderChange {
    /// Before; none for an opening.
    pub before: Option<Order>,
    /// After.
    pub after: Order,
    /// The act.
    pub entry: OrderEntry,
}

/// A capability that writes rows of its own in the transaction of an act: what it writes is there exactly when the act is.
pub trait OrderFollower: Send + Sync {
    /// Looks at the files that an act brings, before it happens; a sentence refuses it.
    fn check<'a>(
        &'a self,
        connection: &'a mut AnyConnection,
        files: &'a [greenhub_model::order::Attachment],
    ) -> Checking<'a>;
    /// Writes what follows from these changes, which are in order.
    fn follow<'a>(&'a self, connection: &'a mut AnyConnection, changes: &'a [OrderChange]) -> Applying<'a>;
}

/// The future of [`OrderFollower::check`]: nothing, or why the files cannot be used.
pub type Checking<'a> =
    std::pin::Pin<Box<dyn std::future::Future<Output = Result<Option<String>, StoreError>> + Send + 'a>>;

/// Hears of changed orders once they are stored.
pub type Told = Arc<dyn Fn(&[Order]) + Send + Sync>;

/// Says where somebody was last, where that is known.
pub type Positions = Arc<dyn Fn(&StaffMember) -> Option<Fix> + Send + Sync>;

/// All orders.
#[derive(Clone)]
pub struct Orders {
    db: Database,
    rules: RulesBook,
    shifts: Shifts,
    positions: Option<Positions>,
    followers: Vec<Arc<dyn OrderFollower>>,
    told: Option<Told>,
}

impl Orders {
    /// Orders in this database; makes their tables and, where there are none, the first rules.
    pub async fn open(db: Database, district: District, now: i64) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        let rules = RulesBook::open(db.clone(), Arc::new(district), now).await?;
        let shifts = Shifts::open(db.clone()).await?;
        Ok(Self { db, rules, shifts, positions: None, followers: vec![], told: None })
    }

    /// The same orders with somebody who knows where people are: proposals count the way.
    pub fn knowing(mut self, positions: Positions) -> Self {
        self.positions = Some(positions);
        self
    }

    /// The same orders with somebody who writes along.
    pub fn followed(mut self, follower: Arc<dyn OrderFollower>) -> Self {
        self.followers.push(follower);
        self
    }

    /// The same orders with somebody who hears of each change.
    pub fn telling(mut self, told: Told) -> Self {
        self.told = Some(told);
        self
    }

    /// The rules.
    pub fn rules(&self) -> &RulesBook {
        &self.rules
    }

    /// The rules in force.
    pub fn in_force(&self) -> Arc<RulesInForce> {
        self.rules.current()
    }

    /// What the sink needs to open orders.
    pub fn applier(&self) -> Arc<dyn BatchApplier> {
        Arc::new(OrderApplier::new(self.clone()))
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

    /// These orders, in the order of their ids; those that are not there are left out.
    pub async fn get_all(&self, ids: &[OrderId]) -> Result<Vec<Order>, StoreError> {
        if ids.is_empty() {
            return Ok(vec![]);
        }
        let mut select = Select::new("SELECT body FROM orders");
        select.and_one_of("id", ids.iter().take(TOGETHER_MAX).map(ToString::to_string));
        let rows = select.fetch(self.db.readers(), "id", TOGETHER_MAX as i64, "read orders").await?;
        rows.iter().map(order_of).collect()
    }

    /// Its acts in the order they happened.
    pub async fn entries(&self, id: &OrderId) -> Result<Vec<OrderEntry>, StoreError> {
        let mut select = Select::new("SELECT at, actor, state, event, version, done_at FROM order_events");
        select.and("order_id", "=", id.as_str());
        let rows = select.fetch(self.db.readers(), "version", ENTRIES_MAX, "read the events of an order").await?;
        rows.iter().map(event_of).collect()
    }

    /// Names of the acts that somebody may do now.
    pub fn allowed(&self, order: &Order, actor: &Actor) -> Vec<&'static str> {
        allowed(order, actor, &self.rules.current())
    }

    /// When the hub has to look at an order again.
    fn next_due(&self, order: &Order, rules: &RulesInForce) -> i64 {
        clock::next_due(order, rules).unwrap_or(i64::MAX)
    }

    fn tell(&self, changes: &[OrderChange]) {
        if let Some(told) = &self.told
            && !changes.is_empty()
        {
            let orders: Vec<Order> = changes.iter().map(|change| change.after.clone()).collect();
            told(&orders);
        }
    }

    async fn follow(&self, connection: &mut AnyConnection, changes: &[OrderChange]) -> Result<(), StoreError> {
        for follower in &self.followers {
            follower.follow(connection, changes).await?;
        }
        Ok(())
    }
}
