//! What stands beside the alarms of a desk: devices out of service with their permits, and its floods.
//!
//! One row per device that is out of service now; one per beginning or end of a flood, the newest [`FLOODS_MAX`] of them.
//! Both come out of the dataflow with their batch and can be computed again from the log.

use super::alarms::{json_of, to_json};
use super::database::Database;
use super::error::StoreError;
use super::filter::Select;
use super::rows::insert_rows;
use greenhub_model::output::{Flood, ServiceChange};
use greenhub_model::{BatchOutput, DeviceId, Output};
use sqlx::AnyConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Edges of floods kept.
pub const FLOODS_MAX: i64 = 10_000;
const LIST_MAX: i64 = 10_000;

/// Reads what stands beside the alarms.
#[derive(Debug, Clone)]
pub struct DeskStore {
    db: Database,
}

impl DeskStore {
    /// The desks of this database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// Devices out of service, longest first, at most 10,000.
    pub async fn out_of_service(&self) -> Result<Vec<ServiceChange>, StoreError> {
        let select = Select::new("SELECT body FROM out_of_service");
        let rows = select.fetch(self.db.readers(), "since, device", LIST_MAX, "list devices out of service").await?;
        rows.iter().map(|row| json_of(row, "out_of_service")).collect()
    }

    /// Beginnings and ends of floods within `from..to` (Unix ms) in order of time, at most 10,000.
    pub async fn floods(&self, from: i64, to: i64) -> Result<Vec<Flood>, StoreError> {
        let mut select = Select::new("SELECT body FROM floods");
        select.and("at", ">=", from).and("at", "<", to);
        let rows = select.fetch(self.db.readers(), "at, desk, flooded", LIST_MAX, "list floods").await?;
        rows.iter().map(|row| json_of(row, "floods")).collect()
    }
}

/// Writes the service changes and floods of these batches.
pub(super) async fn write(connection: &mut AnyConnection, batches: &[&Arc<BatchOutput>]) -> Result<(), StoreError> {
    let mut services: BTreeMap<&DeviceId, &ServiceChange> = BTreeMap::new();
    let mut floods: BTreeMap<(&str, i64, bool), &Flood> = BTreeMap::new();
    for what in batches.iter().flat_map(|output| &output.items) {
        match what {
            Output::Service(change) => drop(services.insert(&change.device, change)),
            Output::Flood(flood) => drop(floods.insert((&flood.desk, flood.at, flood.flooded), flood)),
            _ => {}
        }
    }
    write_services(connection, &services.into_values().collect::<Vec<_>>()).await?;
    write_floods(connection, &floods.into_values().collect::<Vec<_>>()).await
}

async fn write_services(connection: &mut AnyConnection, changes: &[&ServiceChange]) -> Result<(), StoreError> {
    for back in changes.iter().filter(|change| change.permit.is_none()) {
        sqlx::query("DELETE FROM out_of_service WHERE device = $1")
            .bind(back.device.as_str())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::when("give a device back to service"))?;
    }
    let out: Vec<_> = changes.iter().filter(|change| change.permit.is_some()).collect();
    let head = "INSERT INTO out_of_service (device, since, body)";
    let tail = "ON CONFLICT (device) DO UPDATE SET since = excluded.since, body = excluded.body";
    insert_rows(connection, "write devices out of service", (head, 3, tail), &out, |query, change| {
        query.bind(change.device.as_str().to_owned()).bind(change.at).bind(to_json(change))
    })
    .await
}

async fn write_floods(connection: &mut AnyConnection, floods: &[&Flood]) -> Result<(), StoreError> {
    if floods.is_empty() {
        return Ok(());
    }
    let head = "INSERT INTO floods (desk, at, flooded, body)";
    let tail = "ON CONFLICT (desk, at, flooded) DO NOTHING";
    insert_rows(connection, "write floods", (head, 4, tail), floods, |query, flood| {
        query.bind(flood.desk.clone()).bind(flood.at).bind(i64::from(flood.flooded)).bind(to_json(flood))
    })
    .await?;
    let sql =
        "DELETE FROM floods WHERE at < (SELECT MIN(at) FROM (SELECT at FROM floods ORDER BY at DESC LIMIT $1) AS n)";
    sqlx::query(sql).bind(FLOODS_MAX).execute(&mut *connection).await.map_err(StoreError::when("trim the floods"))?;
    Ok(())
}
