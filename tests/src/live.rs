//! A viewer of the live socket that keeps its own copy of the state, as the page does.

use crate::PATIENCE;
use crate::hub::Hub;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Collections of the live socket.
pub const COLLECTIONS: [&str; 4] = ["units", "devices", "alarms", "orders"];

/// A viewer with its state.
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Entities by collection and id.
    pub state: BTreeMap<String, BTreeMap<String, Value>>,
    /// Alarm and order events in arrival order.
    pub events: Vec<Value>,
    /// Latest cursor.
    pub cursor: Value,
    /// Snapshots received so far.
    pub snapshots: usize,
}

impl Viewer {
    /// Connects and subscribes to everything; `extra` members go into the subscription.
    pub async fn connect(hub: &Hub, token: &str, extra: Value) -> Self {
        Self::connect_at(hub, token, "/api/v1/live", extra).await
    }

    /// Connects to a socket that speaks like the live one.
    pub async fn connect_at(hub: &Hub, token: &str, path: &str, extra: Value) -> Self {
        let url = format!("ws://{}{path}?token={token}", hub.http());
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("open the live socket");
        let mut viewer = Self { socket, state: BTreeMap::new(), events: vec![], cursor: Value::Null, snapshots: 0 };
        viewer.subscribe(extra).await;
        viewer
    }

    /// Sends a subscription.
    pub async fn subscribe(&mut self, extra: Value) {
        let mut request = json!({"subscribe": COLLECTIONS, "bbox": null, "resume": null});
        if let (Some(request), Some(extra)) = (request.as_object_mut(), extra.as_object()) {
            request.extend(extra.clone());
        }
        self.socket.send(Message::text(request.to_string())).await.expect("send the subscription");
    }

    /// Takes the next message into the state and returns it.
    pub async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the hub speaks");
            let Message::Text(text) = message.expect("the socket is open").expect("a whole message") else { continue };
            let message: Value = serde_json::from_str(&text).expect("messages are JSON");
            self.take(&message);
            return message;
        }
    }

    fn take(&mut self, message: &Value) {
        if !message["cursor"].is_null() {
            self.cursor = message["cursor"].clone();
        }
        if message["type"] == "snapshot" {
            self.state.clear();
            self.snapshots += 1;
        }
        for collection in COLLECTIONS {
            let entities = self.state.entry(collection.to_owned()).or_default();
            for entity in message[collection].as_array().into_iter().flatten() {
                let id = entity["id"].as_str().expect("an entity has an id").to_owned();
                entities.insert(id, entity.clone());
            }
            for id in message["removed"][collection].as_array().into_iter().flatten() {
                entities.remove(id.as_str().expect("ids are text"));
            }
        }
        self.events.extend(message["events"].as_array().into_iter().flatten().cloned());
    }

    /// Reads on until `condition` holds on the state.
    pub async fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let started = std::time::Instant::now();
        while !condition(self) {
            assert!(started.elapsed() < PATIENCE, "the live socket never showed: {what}");
            self.next().await;
        }
    }

    /// All entities of a collection.
    pub fn all(&self, collection: &str) -> impl Iterator<Item = &Value> {
        self.state.get(collection).into_iter().flat_map(BTreeMap::values)
    }

    /// An entity.
    pub fn entity(&self, collection: &str, id: &str) -> Option<&Value> {
        self.state.get(collection).and_then(|entities| entities.get(id))
    }
}
