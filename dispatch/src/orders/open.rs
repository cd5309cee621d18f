//! Openings: every source fills in one form; the same request, or the same number elsewhere, opens one order.

use super::act::{check_request_id, earlier};
use super::rows::order_of;
use super::{ActError, OrderChange, Orders};
use crate::core::assign::candidates;
use crate::core::opening::open_form;
use crate::core::review::{responsible, routine};
use crate::core::roles::DESK;
use crate::core::{Actor, OrderAct, RulesInForce, step};
use greenhub_model::OrderId;
use greenhub_model::order::{Assignee, CaseForm, Order, OrderEntry, OrderEvent, OrderRefusal, OrderState};
use greenhub_storage::relational::StoreError;
use sqlx::{AnyConnection, Row};

/// A form that opens an order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderOpening {
    /// Idempotency key, unique for a user.
    pub request_id: String,
    /// The form.
    pub form: CaseForm,
    /// Whether it is a case at once; for the desk.
    pub file: bool,
    /// Who opens it.
    pub actor: Actor,
    /// When the hub got it, Unix ms.
    pub at: i64,
    /// When it was written, where that was earlier (a phone without network).
    pub done_at: Option<i64>,
}

impl Orders {
    /// Opens an order; returns it, and whether it is new.
    pub async fn open_order(&self, opening: &OrderOpening) -> Result<(Order, bool), ActError> {
        check_request_id(&opening.request_id)?;
        let done_at = earlier(opening.done_at, opening.at)?;
        let role = opening.actor.role;
        if opening.file && role.is_some_and(|role| !DESK.contains(&role)) {
            return Err(OrderRefusal::Role { act: "file".into(), role }.into());
        }
        let rules = self.rules.current();
        for _race in 0..3 {
            let mut tx = self.db.begin().await?;
            if let Some(order) = self.opened_before(&mut tx, opening).await? {
                return Ok((order, false));
            }
            let id = number(&mut tx, opening.at, &rules).await?;
            let mut form = opening.form.clone();
            form.seen_at = form.seen_at.or(done_at);
            let order = open_form(id, form, (&opening.actor.user, opening.at), opening.file, &rules)?;
            self.check_files(&mut tx, &order.attachments).await?;
            let key = (opening.request_id.as_str(), &opening.actor);
            // Somebody opened it in this very moment: look again.
            let Some(change) = self.write_opened(&mut tx, order, key, done_at, &rules).await? else {
                continue;
            };
            let mut changes = vec![change];
            self.review(&mut tx, &mut changes, &rules).await?;
            self.follow(&mut tx, &changes).await?;
            tx.commit().await.map_err(StoreError::when("commit an opening"))?;
            self.tell(&changes);
            let order = changes.pop().map(|change| change.after).expect("the opening is one of the changes");
            return Ok((order, true));
        }
        Err(StoreError::Row { table: "orders", why: "others open the same order again and again".into() }.into())
    }

    async fn opened_before(
        &self,
        connection: &mut AnyConnection,
        opening: &OrderOpening,
    ) -> Result<Option<Order>, StoreError> {
        let failed = || StoreError::when("look for an opening");
        let row = sqlx::query("SELECT body FROM orders WHERE opened_by = $1 AND request_id = $2")
            .bind(opening.actor.user.as_str())
            .bind(opening.request_id.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed())?;
        let external = opening.form.external.as_ref();
        let row = match (row, external) {
            (None, Some(external)) => {
                sqlx::query("SELECT body FROM orders WHERE external_system = $1 AND external_number = $2")
                    .bind(external.system.as_str())
                    .bind(external.number.as_str())
                    .fetch_optional(connection)
                    .await
                    .map_err(failed())?
            }
            (row, _) => row,
        };
        row.as_ref().map(order_of).transpose()
    }

    /// Files a routine case at once, and sends it where its rule says so.
    async fn review(
        &self,
        connection: &mut AnyConnection,
        changes: &mut Vec<OrderChange>,
        rules: &RulesInForce,
    ) -> Result<(), ActError> {
        let Some(order) = changes.last().map(|change| change.after.clone()) else {
            return Ok(());
        };
        if order.state != OrderState::Reported {
            return Ok(());
        }
        // Asked only where some rule could file it.
        let likely = match routine(&order, 0.0, rules) {
            Some(_) => self.duplicates(&order).await?.first().map_or(0.0, |found| found.score),
            None => return Ok(()),
        };
        let Some(rule) = routine(&order, likely, rules) else {
            return Ok(());
        };
        let file = OrderEvent::File { text: format!("按自动立案规则「{}」立案", rule.name) };
        self.act_of_hub(connection, changes, file, rules).await?;
        if rule.dispatch
            && let Some((to, whom)) = self.best(&order, rules).await?
        {
            let reason = format!("按规则「{}」派给{whom}", rule.name);
            self.act_of_hub(connection, changes, OrderEvent::Dispatch { to: Some(to), reason }, rules).await?;
        }
        Ok(())
    }

    /// The first proposal, and what it is in words; the team that answers for it where nothing is proposed.
    async fn best(&self, order: &Order, rules: &RulesInForce) -> Result<Option<(Assignee, String)>, StoreError> {
        let staff = self.staff(rules, order.created_at).await?;
        if let Some(first) = candidates(order, &rules.document, &staff).into_iter().next() {
            let whom = format!("首选建议{}（约 {:.0} 分钟）", first.name, first.cost);
            return Ok(Some((first.to, whom)));
        }
        let team = responsible(order, rules);
        Ok(team.map(|team| (Assignee::Team { team: team.id.clone() }, format!("责任班组{}", team.name))))
    }

    /// An act of the hub on the newest of the changes, in the same transaction.
    async fn act_of_hub(
        &self,
        connection: &mut AnyConnection,
        changes: &mut Vec<OrderChange>,
        event: OrderEvent,
        rules: &RulesInForce,
    ) -> Result<(), ActError> {
        let Some(order) = changes.last().map(|change| change.after.clone()) else {
            return Ok(());
        };
        let request_id = format!("review-{}", event.name());
        let act = OrderAct {
            order: order.id.clone(),
            request_id,
            actor: Actor::hub(),
            at: order.updated_at,
            done_at: None,
            version: None,
            event,
        };
        let after = step(&order, &act, rules)?;
        let entry = OrderEntry {
            version: after.version,
            at: after.updated_at,
            done_at: None,
            by: act.actor.user.clone(),
            state: after.state,
            event: Some(act.event.clone()),
        };
        let change = OrderChange { before: Some(order), after, entry };
        self.write(connection, &change, (&act.request_id, &act.actor), rules).await?;
        changes.push(change);
        Ok(())
    }
}

/// The next number of the local day: `W20261124-00017`.
async fn number(connection: &mut AnyConnection, at: i64, rules: &RulesInForce) -> Result<OrderId, StoreError> {
    let failed = || StoreError::when("number an order");
    let day = rules.calendar.day_text(at).replace('-', "");
    let sql = "INSERT INTO order_numbers (day, n) VALUES ($1, 1) ON CONFLICT (day) DO UPDATE SET n = order_numbers.n + 1 \
               RETURNING n";
    let row = sqlx::query(sql).bind(day.as_str()).fetch_one(connection).await.map_err(failed())?;
    let n: i64 = row.try_get(0).map_err(failed())?;
    OrderId::new(&format!("W{day}-{n:05}")).map_err(StoreError::row("order_numbers"))
}
