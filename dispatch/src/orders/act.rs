//! Acts: one transaction for each call, whatever number of orders it touches.

use super::rows::{insert_event, lock, update_order};
use super::{OrderChange, Orders, TOGETHER_MAX};
use crate::core::life::{invalid, part_ids};
use crate::core::opening::open_part;
use crate::core::{Actor, OrderAct, RulesInForce, step};
use greenhub_model::OrderId;
use greenhub_model::order::{Order, OrderEntry, OrderEvent, OrderRefusal};
use greenhub_storage::relational::StoreError;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeSet;

const REQUEST_ID_CHARS_MAX: usize = 128;
/// How far a phone's clock may be ahead of ours.
const AHEAD_MS: i64 = 300_000;

/// Why an act had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No such order.
    #[error("没有编号为 {0} 的工单")]
    Unknown(OrderId),
    /// The life cycle does not allow it.
    #[error(transparent)]
    Refused(#[from] OrderRefusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks an idempotency key.
pub(super) fn check_request_id(request_id: &str) -> Result<(), OrderRefusal> {
    if request_id.is_empty() || request_id.chars().count() > REQUEST_ID_CHARS_MAX {
        return Err(invalid(format!("request_id 需要 1 到 {REQUEST_ID_CHARS_MAX} 个字符")));
    }
    Ok(())
}

/// A time that a phone gave: never after ours, never before there were phones.
pub(super) fn earlier(done_at: Option<i64>, at: i64) -> Result<Option<i64>, OrderRefusal> {
    match done_at {
        Some(done) if done > at + AHEAD_MS => Err(invalid("办理时间晚于现在，请检查手机的日期和时间")),
        Some(done) if done < 946_684_800_000 => Err(invalid("办理时间早于 2000 年，请检查手机的日期和时间")),
        done => Ok(done.filter(|done| *done < at)),
    }
}

impl Orders {
    /// Lets an act happen; returns the order after it. The same request again returns the order as it is now.
    pub async fn act(&self, act: &OrderAct) -> Result<Order, ActError> {
        let mut results = self.act_together(std::slice::from_ref(act)).await?;
        results.pop().unwrap_or_else(|| Err(ActError::Unknown(act.order.clone())))
    }

    /// Lets several acts happen in one transaction, each for itself: one that is refused does not hinder the others.
    pub async fn act_together(&self, acts: &[OrderAct]) -> Result<Vec<Result<Order, ActError>>, StoreError> {
        let rules = self.rules.current();
        let mut results = Vec::with_capacity(acts.len());
        for acts in acts.chunks(TOGETHER_MAX) {
            let mut tx = self.db.begin().await?;
            self.lock_all(&mut tx, acts).await?;
            let mut changes = Vec::with_capacity(acts.len());
            let begun = results.len();
            for act in acts {
                match self.act_in(&mut tx, act, &rules, &mut changes).await {
                    Err(ActError::Store(error)) => return Err(error),
                    result => results.push(result),
                }
            }
            self.follow(&mut tx, &changes).await?;
            if results[begun..].iter().any(Result::is_ok) {
                tx.commit().await.map_err(StoreError::when("commit an act"))?;
                self.tell(&changes);
            }
        }
        Ok(results)
    }

    /// Locks every order that the acts name, in the order of their ids, so that no two calls wait for each other.
    async fn lock_all(&self, connection: &mut AnyConnection, acts: &[OrderAct]) -> Result<(), StoreError> {
        let mut ids: BTreeSet<&OrderId> = acts.iter().map(|act| &act.order).collect();
        ids.extend(acts.iter().filter_map(|act| match &act.event {
            OrderEvent::Merge { into, .. } => Some(into),
            _ => None,
        }));
        if ids.len() > 1 {
            for id in ids {
                lock(connection, self.db.backend(), id).await?;
            }
        }
        Ok(())
    }

    async fn act_in(
        &self,
        connection: &mut AnyConnection,
        act: &OrderAct,
        rules: &RulesInForce,
        changes: &mut Vec<OrderChange>,
    ) -> Result<Order, ActError> {
        check_request_id(&act.request_id)?;
        let done_at = earlier(act.done_at, act.at)?;
        let order = lock(connection, self.db.backend(), &act.order).await?;
        let order = order.ok_or_else(|| ActError::Unknown(act.order.clone()))?;
        if self.seen(connection, act).await? {
            return Ok(order);
        }
        let next = step(&order, act, rules)?;
        self.check_files(connection, act.event.attachments()).await?;
        let others = self.others(connection, (&order, &next), act, rules).await?;
        let entry = entry_of(act, &next, done_at);
        let change = OrderChange { before: Some(order), after: next.clone(), entry };
        self.write(connection, &change, (&act.request_id, &act.actor), rules).await?;
        changes.push(change);
        for other in others {
            let request_id =
                format!("{}-{}-{}", other.entry.event.as_ref().map_or("part", |e| e.name()), act.order, next.version);
            match &other.before {
                Some(_) => self.write(connection, &other, (&request_id, &Actor::hub()), rules).await?,
                None => {
                    let key = (request_id.as_str(), &act.actor);
                    let written = self.write_opened(connection, other.after.clone(), key_of(&other, key), None, rules);
                    if written.await?.is_none() {
                        return Err(invalid("拆分出的工单编号已被占用，请刷新后重试").into());
                    }
                }
            }
            changes.push(other);
        }
        Ok(next)
    }

    /// Whether the same request has acted before; another event under its key is refused.
    async fn seen(&self, connection: &mut AnyConnection, act: &OrderAct) -> Result<bool, ActError> {
        let failed = || StoreError::when("look for a request");
        let sql = "SELECT event FROM order_events WHERE order_id = $1 AND actor = $2 AND request_id = $3";
        let row = sqlx::query(sql)
            .bind(act.order.as_str())
            .bind(act.actor.user.as_str())
            .bind(act.request_id.as_str())
            .fetch_optional(connection)
            .await
            .map_err(failed())?;
        let Some(row) = row else {
            return Ok(false);
        };
        let before: String = row.try_get(0).map_err(failed())?;
        let event = serde_json::to_string(&act.event).map_err(StoreError::row("order_events"))?;
        if before != event {
            return Err(invalid(format!("request_id {:?} 已用于另一个动作，请换一个", act.request_id)).into());
        }
        Ok(true)
    }

    /// What the act does to other orders, decided before anything is written.
    async fn others(
        &self,
        connection: &mut AnyConnection,
        (order, next): (&Order, &Order),
        act: &OrderAct,
        rules: &RulesInForce,
    ) -> Result<Vec<OrderChange>, ActError> {
        let backend = self.db.backend();
        match &act.event {
            OrderEvent::Merge { into, .. } => {
                let missing = || OrderRefusal::Other { act: "merge".to_owned(), other: into.clone() };
                let target = lock(connection, backend, into).await?.filter(|target| target.state.is_open());
                Ok(vec![joined(&target.ok_or_else(missing)?, &order.id, true, act.at, rules)?])
            }
            OrderEvent::Unmerge { .. } => {
                let Some(into) = &order.merged_into else {
                    return Ok(vec![]);
                };
                // One that has ended meanwhile keeps what it ended with.
                let target = lock(connection, backend, into).await?.filter(|target| target.state.is_open());
                target.map(|target| joined(&target, &order.id, false, act.at, rules)).into_iter().collect()
            }
            OrderEvent::Split { parts, .. } => {
                let ids = part_ids(order, parts.len())?;
                let mut opened = Vec::with_capacity(parts.len());
                for pair in ids.into_iter().zip(parts) {
                    let after = open_part(order, pair, (&act.actor.user, next.updated_at), rules)?;
                    let (at, by, state) = (after.created_at, act.actor.user.clone(), after.state);
                    let entry = OrderEntry { version: 0, at, done_at: None, by, state, event: None };
                    opened.push(OrderChange { before: None, after, entry });
                }
                Ok(opened)
            }
            _ => Ok(vec![]),
        }
    }

    /// Asks those who know files whether they are there and whole.
    pub(super) async fn check_files(
        &self,
        connection: &mut AnyConnection,
        files: &[greenhub_model::order::Attachment],
    ) -> Result<(), ActError> {
        if files.is_empty() {
            return Ok(());
        }
        for follower in &self.followers {
            if let Some(why) = follower.check(connection, files).await? {
                return Err(invalid(why).into());
            }
        }
        Ok(())
    }

    pub(super) async fn write(
        &self,
        connection: &mut AnyConnection,
        change: &OrderChange,
        key: (&str, &Actor),
        rules: &RulesInForce,
    ) -> Result<(), StoreError> {
        let written = update_order(connection, &change.after, rules).await?
            && insert_event(connection, change, key, rules).await?;
        // The row is locked, so nobody can have been faster; if it is not so, nothing of this call happens.
        let why = "the order changed under its lock";
        if written { Ok(()) } else { Err(StoreError::Row { table: "orders", why: why.to_owned() }) }
    }
}

/// Parts of one split must not share a key: each takes its own id into it.
fn key_of<'a>(part: &'a OrderChange, (_, actor): (&str, &'a Actor)) -> (&'a str, &'a Actor) {
    (part.after.id.as_str(), actor)
}

fn entry_of(act: &OrderAct, next: &Order, done_at: Option<i64>) -> OrderEntry {
    let (by, event) = (act.actor.user.clone(), Some(act.event.clone()));
    OrderEntry { version: next.version, at: next.updated_at, done_at, by, state: next.state, event }
}

fn joined(
    target: &Order,
    other: &OrderId,
    joined: bool,
    at: i64,
    rules: &RulesInForce,
) -> Result<OrderChange, ActError> {
    let act = OrderAct {
        order: target.id.clone(),
        request_id: String::new(),
        actor: Actor::hub(),
        at,
        done_at: None,
        version: None,
        event: OrderEvent::Joined { other: other.clone(), joined },
    };
    let after = step(target, &act, rules)?;
    let entry = entry_of(&act, &after, None);
    Ok(OrderChange { before: Some(target.clone()), after, entry })
}
