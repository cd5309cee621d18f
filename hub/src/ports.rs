//! Adapters: what the web tier asks for, answered by the crates that have it.

use greenhub_dashboards::ports::{
    Answer, AsyncReadWrite, DispatchRulesVersion, MqttDoor, OpenCall, OrderBook, OrderCall, OrderCaller, OrderFailure,
    OrderQuery, OrderThread, PortFailure,
};
use greenhub_dispatch::core::codes;
use greenhub_dispatch::{ActError, Actor, OrderAct, OrderFilter, OrderOpening, Orders, PutRules, RulesRow};
use greenhub_gateway::mqtt::Doors;
use greenhub_model::OrderId;
use greenhub_model::dispatch::{CodeEntry, DispatchRules};
use greenhub_model::order::{CaseCategory, Order};
use greenhub_storage::relational::{Page, PageRequest};
use std::net::SocketAddr;

/// The order book of `dispatch`.
pub struct Book(pub Orders);

fn actor(by: &OrderCaller) -> Actor {
    Actor::person(&by.user, by.role)
}

fn refused(error: ActError) -> OrderFailure {
    match error {
        ActError::Unknown(id) => OrderFailure::Unknown(id),
        ActError::Refused(refusal) => OrderFailure::Refused(refusal),
        ActError::Store(error) => OrderFailure::Port(failure(error)),
    }
}

fn version_of(row: &RulesRow) -> DispatchRulesVersion {
    DispatchRulesVersion { rules: row.rules.clone(), at: row.at, author: row.author.clone() }
}

impl Book {
    fn filter(&self, query: &OrderQuery) -> OrderFilter {
        let rules = self.0.in_force();
        let team = |user: &String| rules.member(user).map(|member| member.team.clone()).unwrap_or_default();
        OrderFilter {
            states: query.states.clone(),
            priorities: query.priorities.clone(),
            sources: query.sources.clone(),
            assignee: query.assignee.clone(),
            team: query.team.clone(),
            mine: query.mine.as_ref().map(|user| (user.clone(), team(user))),
            kind: query.kind.clone(),
            sub_district: query.sub_district.clone(),
            text: query.text.clone(),
            overdue_at: query.overdue_at,
            late_first: query.late_first,
            created: query.created,
        }
    }
}

impl OrderBook for Book {
    fn list<'a>(
        &'a self,
        query: &'a OrderQuery,
        page: &'a PageRequest,
    ) -> Answer<'a, Result<Page<Order>, PortFailure>> {
        Box::pin(async move { self.0.list(&self.filter(query), page).await.map_err(failure) })
    }

    fn get<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Order>, PortFailure>> {
        Box::pin(async move { self.0.get(id).await.map_err(failure) })
    }

    fn thread<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<OrderThread>, PortFailure>> {
        Box::pin(async move {
            let Some(order) = self.0.get(id).await.map_err(failure)? else {
                return Ok(None);
            };
            let entries = self.0.entries(id).await.map_err(failure)?;
            let children = self.0.get_all(&order.children).await.map_err(failure)?;
            let found = if order.state.is_open() { self.0.duplicates(&order).await.map_err(failure)?.len() } else { 0 };
            let duplicates = u32::try_from(found).unwrap_or(u32::MAX);
            Ok(Some(OrderThread { order, entries, children, duplicates }))
        })
    }

    fn open(&self, by: OrderCaller, call: OpenCall) -> Answer<'_, Result<(Order, bool), OrderFailure>> {
        Box::pin(async move {
            let OpenCall { request_id, form, file, done_at } = call;
            let opening = OrderOpening { request_id, form, file, actor: actor(&by), at: by.at, done_at };
            self.0.open_order(&opening).await.map_err(refused)
        })
    }

    fn act(
        &self,
        by: OrderCaller,
        calls: Vec<OrderCall>,
    ) -> Answer<'_, Result<Vec<Result<Order, OrderFailure>>, PortFailure>> {
        Box::pin(async move {
            let act = |call: OrderCall| OrderAct {
                order: call.order,
                request_id: call.request_id,
                actor: actor(&by),
                at: by.at,
                done_at: call.done_at,
                version: call.version,
                event: call.event,
            };
            let acts: Vec<OrderAct> = calls.into_iter().map(act).collect();
            let results = self.0.act_together(&acts).await.map_err(failure)?;
            Ok(results.into_iter().map(|result| result.map_err(refused)).collect())
        })
    }

    fn allowed(&self, order: &Order, by: &OrderCaller) -> Vec<String> {
        self.0.allowed(order, &actor(by)).into_iter().map(str::to_owned).collect()
    }

    fn rules(&self) -> DispatchRulesVersion {
        version_of(&self.0.rules().newest())
    }

    fn put_rules(
        &self,
        by: OrderCaller,
        rules: DispatchRules,
    ) -> Answer<'_, Result<DispatchRulesVersion, OrderFailure>> {
        Box::pin(async move {
            match self.0.rules().put(rules, &by.user, by.at).await {
                Ok(row) => Ok(version_of(&row)),
                Err(PutRules::Wrong(problems)) => Err(OrderFailure::Wrong(problems)),
                Err(PutRules::Overtaken(version)) => Err(OrderFailure::Overtaken(version)),
                Err(PutRules::Store(error)) => Err(OrderFailure::Port(failure(error))),
            }
        })
    }

    fn rules_versions(
        &self,
        before: Option<u64>,
        limit: u32,
    ) -> Answer<'_, Result<Vec<DispatchRulesVersion>, PortFailure>> {
        Box::pin(async move {
            let rows = self.0.rules().versions(before, i64::from(limit)).await.map_err(failure)?;
            Ok(rows.iter().map(version_of).collect())
        })
    }

    fn codes(&self, words: &str, scheme: Option<&str>, category: Option<CaseCategory>) -> Vec<CodeEntry> {
        codes::find(words, scheme, category)
    }
}

/// The broker's door for MQTT over WebSocket.
pub struct Door {
    /// The broker's doors.
    pub doors: Doors,
    /// HTTP is served behind TLS, so what comes through here is encrypted.
    pub encrypted: bool,
}

impl MqttDoor for Door {
    fn serve(&self, stream: Box<dyn AsyncReadWrite>, peer: SocketAddr) {
        self.doors.serve_stream(stream, Some(peer), self.encrypted);
    }
}

fn failure(error: impl std::error::Error) -> PortFailure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    PortFailure(text)
}
