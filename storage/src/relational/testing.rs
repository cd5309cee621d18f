//! The shared behaviour suite's stage: the same check on every database there is. Only built for tests.
//!
//! SQLite always, in a directory of its own. PostgreSQL when `GREENHUB_TEST_POSTGRES` names a server
//! (`postgres://user@host:port/postgres`): each check gets a database of its own there. Without it the check says that
//! it was skipped on PostgreSQL.

use super::Database;
use crate::devices::Secret;
use greenhub_model::alarm::AlarmEventKind;
use greenhub_model::ledger::Counts;
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::{AlarmChange, Quarantined};
use greenhub_model::{
    Alarm, AlarmEvent, BatchOutput, Channel, DeviceId, OrderId, Output, Position, ReceivedTime, Reject,
};
use sqlx::Executor;
use std::path::PathBuf;
use std::sync::Arc;

/// A database of a check's own.
pub struct Stage {
    /// What to print when it fails.
    pub label: &'static str,
    url: String,
    dir: Option<PathBuf>,
    admin: Option<(String, String)>,
}

impl Stage {
    /// Opens the database; again and again, like a hub that restarts.
    pub async fn open(&self) -> Database {
        Database::open(&self.url).await.unwrap_or_else(|e| panic!("{}: {e:?}", self.label))
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn tidy_up(self) {
        if let Some(dir) = self.dir {
            std::fs::remove_dir_all(&dir).unwrap_or_else(|e| panic!("remove {}: {e}", dir.display()));
        }
        if let Some((admin, name)) = self.admin {
            run_as_admin(&admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// Runs a check on every database there is.
pub async fn on_every_database(check: impl AsyncFn(&Stage)) {
    for stage in stages().await {
        check(&stage).await;
        stage.tidy_up().await;
    }
}

async fn stages() -> Vec<Stage> {
    let secret = Secret::random().expect("random bytes");
    let name = format!("greenhub_test_{}", secret.reveal());
    let dir = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&dir).expect("a directory for the test");
    let url = format!("sqlite://{}/hub.db", dir.display());
    let mut stages = vec![Stage { label: "sqlite", url, dir: Some(dir), admin: None }];
    match std::env::var("GREENHUB_TEST_POSTGRES") {
        Ok(admin) if !admin.is_empty() => {
            run_as_admin(&admin, format!("CREATE DATABASE {name}")).await;
            let (server, _) = admin.rsplit_once('/').expect("the address ends with a database");
            let url = format!("{server}/{name}");
            stages.push(Stage { label: "postgres", url, dir: None, admin: Some((admin, name)) });
        }
        _ => eprintln!("skipped on PostgreSQL: GREENHUB_TEST_POSTGRES names no server"),
    }
    stages
}

async fn run_as_admin(url: &str, sql: String) {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(url).await.expect("the server that GREENHUB_TEST_POSTGRES names");
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.expect("a database for the test");
    pool.close().await;
}

/// A batch with these outputs.
pub fn batch(number: u64, items: Vec<Output>) -> Arc<BatchOutput> {
    let quarantined = items.iter().filter(|item| matches!(item, Output::Quarantine(_))).count() as u64;
    let mut counts = [Counts::default(); Channel::ALL.len()];
    counts[Channel::Mqtt as usize] = Counts { accepted: 0, applied: number, quarantined };
    let received = ReceivedTime::from_millis(1_763_899_200_000 + number as i64);
    Arc::new(BatchOutput { batch: number, received, end: Position(number * 10), items, counts })
}

/// An alarm of this device whose first message stands at this position. Made from JSON, as an older hub wrote it, so
/// that a member added with a default needs no edit here.
pub fn alarm(device: &str, first: u64) -> Alarm {
    let at = 1_763_899_200_000 + first as i64;
    let alarm = serde_json::json!({
        "id": format!("{device}.OVER_TEMPERATURE.{first}"), "device": device, "class": "charger",
        "device_name": "三号桩", "sub_component": null, "code": "OVER_TEMPERATURE", "title": "过温", "cause": "",
        "consequence": "", "action": "", "text": "温度 91.5 °C", "severity": "major", "priority": "P2",
        "priority_reasons": [{"code": "severity", "text": "严重程度", "points": 60}], "state": "unacknowledged",
        "active": true, "acknowledged": false, "acknowledged_by": null, "acknowledged_at": null,
        "shelved_until": null, "raised_at": at, "last_seen_at": at, "returned_at": null, "count": 1,
        "annunciations": 1, "value": 91.5, "limit": 90.0, "unit": "Cel", "lon": 121.4, "lat": 31.2,
        "sub_district": "临汾路街道", "late": false, "first_position": first, "last_position": first,
    });
    serde_json::from_value(alarm).expect("an alarm of the model")
}

/// A change of this alarm at this position.
pub fn change(alarm: &Alarm, kind: AlarmEventKind, position: u64) -> Output {
    let event = AlarmEvent {
        alarm: alarm.id.clone(),
        kind,
        at: alarm.last_seen_at,
        position: Position(position),
        by: alarm.device.to_string(),
        text: alarm.text.clone(),
        state: alarm.state,
        value: alarm.value,
        called: false,
        repeats: None,
    };
    Output::Alarm(Box::new(AlarmChange { alarm: alarm.clone(), event }))
}

/// The trigger for this alarm's order.
pub fn trigger(alarm: &Alarm) -> Output {
    Output::Order(Box::new(OrderTrigger {
        order: OrderId::of_alarm(&alarm.id),
        alarm: alarm.id.clone(),
        title: alarm.title.clone(),
        priority: alarm.priority,
        device: alarm.device.clone(),
        class: alarm.class,
        lon: alarm.lon,
        lat: alarm.lat,
        sub_district: alarm.sub_district.clone(),
        at: alarm.raised_at,
    }))
}

/// A refused message, of a device or (empty) of a principal only.
pub fn refused(device: &str, principal: &str, position: u64, reject: Reject) -> Output {
    Output::Quarantine(Box::new(Quarantined {
        position: Position(position),
        received: 1_763_899_200_000 + position as i64,
        channel: Channel::Mqtt,
        principal: principal.into(),
        topic: "greenhub/v1/charger/x/reading".into(),
        device: DeviceId::new(device).ok(),
        reject,
        element: None,
        excerpt: "not json \0".into(),
        bytes: 9,
    }))
}
