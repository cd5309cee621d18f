//! Adapters: what the web tier asks for, answered by the crates that have it.

use greenhub_dashboards::ports::{Answer, AsyncReadWrite, MqttDoor, OrderBook, OrderQuery, PortFailure};
use greenhub_dispatch::{OrderFilter, Orders};
use greenhub_gateway::mqtt::Doors;
use greenhub_model::OrderId;
use greenhub_model::order::Order;
use greenhub_storage::relational::{Page, PageRequest};
use std::net::SocketAddr;

/// The order book of `dispatch`.
pub struct Book(pub Orders);

impl OrderBook for Book {
    fn list<'a>(
        &'a self,
        query: &'a OrderQuery,
        page: &'a PageRequest,
    ) -> Answer<'a, Result<Page<Order>, PortFailure>> {
        Box::pin(async move {
            let filter = OrderFilter {
                states: query.states.clone(),
                priorities: query.priorities.clone(),
                created: query.created,
                ..OrderFilter::default()
            };
            self.0.list(&filter, page).await.map_err(failure)
        })
    }

    fn get<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Order>, PortFailure>> {
        Box::pin(async move { self.0.get(id).await.map_err(failure) })
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
