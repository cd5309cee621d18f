//! A person at the HTTP API.

use crate::PATIENCE;
use crate::hub::Hub;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Password of the demo accounts.
pub const DEMO_PASSWORD: &str = "greenhub-demo";

/// A logged-in person.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
    /// Bearer token.
    pub token: String,
}

impl Api {
    /// Logs a demo account in.
    pub async fn login(hub: &Hub, username: &str) -> Self {
        Self::login_as(hub, username, DEMO_PASSWORD).await.expect("the demo accounts may log in")
    }

    /// Logs in; the status and body where that is refused.
    pub async fn login_as(hub: &Hub, username: &str, password: &str) -> Result<Self, (StatusCode, Value)> {
        let client = Client::new();
        let base = format!("http://{}", hub.http());
        let answer = client
            .post(format!("{base}/api/v1/session"))
            .json(&json!({"username": username, "password": password}))
            .send()
            .await
            .expect("reach the hub");
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        if !status.is_success() {
            return Err((status, body));
        }
        let token = body["token"].as_str().expect("a session has a token").to_owned();
        Ok(Self { client, base, token })
    }

    /// The address of the hub.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`, status and body.
    pub async fn try_get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// `GET path` as text, must succeed.
    pub async fn text(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await;
        let answer = answer.and_then(|answer| answer.error_for_status());
        let text = answer.unwrap_or_else(|error| panic!("GET {path}: {error}")).text().await;
        text.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// `GET path`, must succeed.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// `POST path`, status and body.
    pub async fn try_post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("POST {path}: {error}"));
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// `POST path`, must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_post(path, body).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// `PUT path`, must succeed.
    pub async fn put(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.put(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("PUT {path}: {error}"));
        let status = answer.status();
        let body = answer.json().await.unwrap_or(Value::Null);
        assert!(status.is_success(), "PUT {path}: {status} {body}");
        body
    }

    /// `DELETE path`, its status.
    pub async fn delete(&self, path: &str) -> StatusCode {
        let answer = self.client.delete(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await;
        answer.unwrap_or_else(|error| panic!("DELETE {path}: {error}")).status()
    }

    /// `PATCH path`, status and body.
    pub async fn try_patch(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.client.patch(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("PATCH {path}: {error}"));
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// All pages of a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The ledger once nothing is pending and at least `accepted` messages are in; panics if it does not balance.
    pub async fn settled_ledger(&self, accepted: u64) -> Value {
        let (mut decided, mut moved) = (0, Instant::now());
        loop {
            let ledger = self.get("/api/v1/ledger").await;
            let number = |key: &str| ledger[key].as_u64().expect("a count");
            assert_eq!(
                number("accepted"),
                number("applied") + number("quarantined") + number("pending"),
                "the ledger does not balance: {ledger}"
            );
            if number("pending") == 0 && number("accepted") >= accepted {
                return ledger;
            }
            // A hub that was killed a thousand times has a long log to read again: patience counts from the last step.
            if number("applied") + number("quarantined") > decided {
                (decided, moved) = (number("applied") + number("quarantined"), Instant::now());
            }
            assert!(moved.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for the ledger to settle: {ledger}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
