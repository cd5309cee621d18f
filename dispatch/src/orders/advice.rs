//! What advice needs of the tables: what people have in hand, what waits for a plan, what is near a case, and the orders
//! of a period with their acts.

use super::rows::{event_of, order_of};
use super::{Orders, TOGETHER_MAX};
use crate::core::RulesInForce;
use crate::core::duplicates::{COMPARED_MAX, duplicates, window};
use crate::core::duty::{Known, Load, staff};
use crate::core::statistics::Tally;
use greenhub_model::OrderId;
use greenhub_model::dispatch::{Duplicate, StaffMember, StaffView};
use greenhub_model::order::{Order, OrderEntry, OrderState};
use greenhub_storage::relational::filter::Select;
use greenhub_storage::relational::{StoreError, enum_word, parse_word};
use sqlx::Row;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Orders read together for a report.
const PAGE: i64 = 400;
/// Most orders of a report.
const REPORTED_MAX: usize = 500_000;
/// Longest time that a report reads.
const READING_MAX: Duration = Duration::from_secs(20);
/// What was done before a period may be due within it: the longest limits are weeks, delays included.
const DUE_AHEAD_MS: i64 = 120 * 86_400_000;
/// Orders without a point that one without, or with an address, is compared with.
const PLACELESS_MAX: i64 = 500;
/// Most acts read with the orders of a page.
const ACTS_MAX: i64 = 200_000;

impl Orders {
    /// Everybody as the dispatcher sees them: roster and own switch, last position, what they have in hand.
    pub async fn staff(&self, rules: &RulesInForce, at: i64) -> Result<Vec<StaffView>, StoreError> {
        let members = &rules.document.members;
        let fix_of = |member: &StaffMember| self.positions.as_ref().and_then(|positions| positions(member));
        let fixes = members.iter().filter_map(|member| Some((member.user.clone(), fix_of(member)?))).collect();
        let known = Known { switches: self.shifts.all().await?, loads: self.loads().await?, fixes };
        Ok(staff(members, &rules.document.roster, &rules.calendar, &known, at))
    }

    /// What everybody has in hand.
    pub async fn loads(&self) -> Result<BTreeMap<String, Load>, StoreError> {
        let sql = "SELECT assignee, state, CAST(COUNT(*) AS BIGINT) FROM orders WHERE assignee <> '' AND \
                   state IN ('dispatched', 'accepted', 'in_progress') GROUP BY assignee, state";
        let rows = sqlx::query(sql)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("count what people have in hand"))?;
        let bad = || StoreError::row("orders");
        let mut loads: BTreeMap<String, Load> = BTreeMap::new();
        for row in &rows {
            let state: &str = row.try_get(1).map_err(bad())?;
            let state: OrderState = parse_word(state).ok_or(state).map_err(StoreError::row("orders"))?;
            let n: i64 = row.try_get(2).map_err(bad())?;
            let user: String = row.try_get(0).map_err(bad())?;
            loads.entry(user).or_default().add(state, u32::try_from(n).unwrap_or(u32::MAX));
        }
        Ok(loads)
    }

    /// Orders that wait to be sent, nearest deadline first, at most 500.
    pub async fn waiting(&self) -> Result<Vec<Order>, StoreError> {
        let mut select = Select::new("SELECT body FROM orders");
        select.and("state", "=", enum_word(&OrderState::Filed));
        let order = "deadline, created_at, id";
        let rows = select.fetch(self.db.readers(), order, TOGETHER_MAX as i64, "read what waits").await?;
        rows.iter().map(order_of).collect()
    }

    /// Open orders that may be the same case, best first.
    ///
    /// The index of places answers first; state and time are tested on the few rows it finds. The additions keep a
    /// database from choosing the index of states instead, which holds every open order there is.
    pub async fn duplicates(&self, order: &Order) -> Result<Vec<Duplicate>, StoreError> {
        let window = window(order);
        let mut near: Vec<Order> = Vec::new();
        if let Some(sides) = window.sides {
            let [west, south, east, north] = sides.map(|degrees| (degrees * 1e6).round() as i64);
            let mut select = Select::new("SELECT body FROM orders");
            select.and("lat_e6", ">=", south).and("lat_e6", "<=", north);
            select.and("lon_e6", ">=", west).and("lon_e6", "<=", east);
            select.and("created_at + 0", ">=", window.from).and("created_at + 0", "<=", window.to);
            select.and_one_of("COALESCE(state, '')", open_words());
            let sort = "created_at DESC, id DESC";
            let rows = select.fetch(self.db.readers(), sort, COMPARED_MAX as i64, "look for duplicates").await?;
            near = rows.iter().map(order_of).collect::<Result<_, _>>()?;
        }
        if window.sides.is_none() || !order.address.is_empty() {
            let mut select = Select::new("SELECT body FROM orders");
            select.and("lat_e6", "=", i64::MIN).and("lon_e6", "=", i64::MIN);
            select.and("created_at + 0", ">=", window.from).and("created_at + 0", "<=", window.to);
            select.and_one_of("COALESCE(state, '')", open_words());
            let sort = "created_at DESC, id DESC";
            let rows = select.fetch(self.db.readers(), sort, PLACELESS_MAX, "look for duplicates").await?;
            for row in &rows {
                near.push(order_of(row)?);
            }
        }
        Ok(duplicates(order, &near))
    }

    /// Counts all orders that belong to the period of a report, those of one person where `who` names one.
    pub async fn tally(&self, tally: &mut Tally<'_>, from: i64, to: i64, who: Option<&str>) -> Result<(), StoreError> {
        let began = Instant::now();
        let (mut after, mut read) = (String::new(), 0);
        loop {
            let mut select = Select::new("SELECT body FROM orders");
            select.and("id", ">", after.as_str()).and("created_at", "<", to);
            select.and_text(
                "(updated_at >= {} OR deadline < {})",
                [from.saturating_sub(DUE_AHEAD_MS).into(), i64::MAX.into()],
            );
            if let Some(who) = who {
                select.and("assignee", "=", who);
            }
            let rows = select.fetch(self.db.readers(), "id", PAGE, "read the orders of a period").await?;
            let orders = rows.iter().map(order_of).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = orders.last() else { return Ok(()) };
            after = last.id.to_string();
            let acts = self.acts_of(&orders).await?;
            for order in &orders {
                tally.add(order, acts.get(&order.id).map_or(&[], Vec::as_slice));
            }
            read += orders.len();
            if orders.len() < PAGE as usize {
                return Ok(());
            }
            if read >= REPORTED_MAX || began.elapsed() > READING_MAX {
                tally.cut_off();
                return Ok(());
            }
        }
    }

    async fn acts_of(&self, orders: &[Order]) -> Result<BTreeMap<OrderId, Vec<OrderEntry>>, StoreError> {
        let mut select = Select::new("SELECT at, actor, state, event, version, done_at, order_id FROM order_events");
        select.and_one_of("order_id", orders.iter().map(|order| order.id.to_string()));
        let sort = "order_id, version";
        let rows = select.fetch(self.db.readers(), sort, ACTS_MAX, "read the acts of a period").await?;
        let mut acts: BTreeMap<OrderId, Vec<OrderEntry>> = BTreeMap::new();
        for row in &rows {
            let id: &str = row.try_get(6).map_err(StoreError::row("order_events"))?;
            let id = OrderId::new(id).map_err(StoreError::row("order_events"))?;
            acts.entry(id).or_default().push(event_of(row)?);
        }
        Ok(acts)
    }
}

fn open_words() -> impl Iterator<Item = String> {
    OrderState::ALL.into_iter().filter(|state| state.is_open()).map(|state| enum_word(&state))
}
