//! The events of a period with what a count needs of their alarms: columns only, no JSON is read.
//!
//! ```text
//! facts(from, to)      all events but repeats, in order of (receive time, batch, item): a partial index holds exactly these
//! standing_before(at)  alarms that may have stood at `at`, and facts_of(them, at): their events before it
//! ```
//!
//! Both come in pages, so that no reader keeps a snapshot of the database for the length of a report.

use super::alarms::{AlarmStore, json_of};
use super::error::StoreError;
use super::filter::{Select, Value};
use super::rows::parse_word;
use greenhub_model::kpi::{AlarmFact, Remark};
use greenhub_model::{AlarmCode, AlarmEvent, AlarmId, Class, DeviceId};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Most facts of one page.
pub const FACTS_MAX: i64 = 5_000;
/// Most ids of one page, and of one list to be looked up.
const IDS_MAX: usize = 500;

const TABLE: &str = "alarm_events";
const FACTS: &str = "SELECT e.alarm, e.batch, e.item, e.kind, e.received, e.priority, e.state, e.called, a.device, \
                     a.device_name, a.class, a.code, a.title, a.sub_district \
                     FROM alarm_events e JOIN alarms a ON a.id = e.alarm WHERE e.kind <> 'repeated'";

/// A place in the order of all facts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FactPlace {
    /// Receive time, Unix ms.
    pub at: i64,
    /// Batch.
    pub batch: u64,
    /// Place in the batch.
    pub item: u64,
}

impl FactPlace {
    /// Where this fact stands.
    pub fn of(fact: &AlarmFact) -> Self {
        Self { at: fact.at, batch: fact.batch, item: fact.item }
    }

    fn values(self) -> [Value; 3] {
        [Value::Number(self.at), Value::Number(self.batch as i64), Value::Number(self.item as i64)]
    }
}

impl AlarmStore {
    /// A page of facts received in `from..to` (Unix ms) after a place, in order, at most [`FACTS_MAX`].
    pub async fn facts(&self, from: i64, to: i64, after: Option<FactPlace>) -> Result<Vec<AlarmFact>, StoreError> {
        let mut select = Select::new(FACTS);
        select.and("e.received", ">=", from).and("e.received", "<", to);
        if let Some(after) = after {
            select.and_above("e.received, e.batch, e.item", after.values());
        }
        let order = "e.received, e.batch, e.item";
        let rows = select.fetch(self.db.readers(), order, FACTS_MAX, "read the events of a period").await?;
        rows.iter().map(fact_of).collect()
    }

    /// The place of the newest fact; the first place there is where there is none.
    pub async fn newest_fact(&self) -> Result<FactPlace, StoreError> {
        let select = Select::new("SELECT received, batch, item FROM alarm_events WHERE kind <> 'repeated'");
        let order = "received DESC, batch DESC, item DESC";
        let rows = select.fetch(self.db.readers(), order, 1, "find the newest event").await?;
        let Some(row) = rows.first() else { return Ok(FactPlace::default()) };
        let failed = || StoreError::row(TABLE);
        Ok(FactPlace { at: row.try_get(0).map_err(failed())?, batch: unsigned(row, 1)?, item: unsigned(row, 2)? })
    }

    /// Ids of alarms that began before `at` and may have stood then, in order, after one of them.
    pub async fn standing_before(&self, at: i64, after: Option<&AlarmId>) -> Result<Vec<AlarmId>, StoreError> {
        let head = "SELECT id FROM alarms WHERE (standing = 1 OR touched >= $1)";
        let mut select = Select::with(head, [at.into()]);
        select.and("began", "<", at);
        if let Some(after) = after {
            select.and("id", ">", after.as_str());
        }
        let attempt = "find the alarms that stood";
        let rows = select.fetch(self.db.readers(), "id", IDS_MAX as i64, attempt).await?;
        rows.iter().map(|row| id(row, 0, AlarmId::new)).collect()
    }

    /// Facts of these alarms (at most 500) received before `before`, each alarm's in order; reading stops with the page that
    /// reaches `enough`.
    pub async fn facts_of(&self, alarms: &[AlarmId], before: i64, enough: usize) -> Result<Vec<AlarmFact>, StoreError> {
        let mut facts: Vec<AlarmFact> = vec![];
        for lot in alarms.chunks(IDS_MAX) {
            let mut after: Option<[Value; 3]> = None;
            loop {
                let mut select = Select::new(FACTS);
                select.and("e.received", "<", before);
                select.and_one_of("e.alarm", lot.iter().map(AlarmId::to_string));
                if let Some(after) = after.take() {
                    select.and_above("e.alarm, e.batch, e.item", after);
                }
                let order = "e.alarm, e.batch, e.item";
                let rows = select.fetch(self.db.readers(), order, FACTS_MAX, "read the events of alarms").await?;
                facts.extend(rows.iter().map(fact_of).collect::<Result<Vec<_>, _>>()?);
                if facts.len() >= enough {
                    return Ok(facts);
                }
                if rows.len() < FACTS_MAX as usize {
                    break;
                }
                after = facts.last().map(|fact| {
                    [fact.alarm.as_str().into(), Value::Number(fact.batch as i64), Value::Number(fact.item as i64)]
                });
            }
        }
        Ok(facts)
    }

    /// Remarks made in `from..to`, oldest first, at most `limit`, with class and sub-district of their alarms.
    pub async fn remarks(&self, from: i64, to: i64, limit: i64) -> Result<Vec<(Class, String, Remark)>, StoreError> {
        let mut select = Select::new(
            "SELECT e.body AS body, e.received, a.class, a.sub_district, a.title \
             FROM alarm_events e JOIN alarms a ON a.id = e.alarm WHERE e.kind <> 'repeated'",
        );
        select.and("e.kind", "=", "commented").and("e.received", ">=", from).and("e.received", "<", to);
        let order = "e.received, e.batch, e.item";
        let rows = select.fetch(self.db.readers(), order, limit, "read the remarks of a period").await?;
        let remark = |row: &AnyRow| {
            let event: AlarmEvent = json_of(row, TABLE)?;
            let at = row.try_get(1).map_err(StoreError::row(TABLE))?;
            let remark = Remark { alarm: event.alarm, title: text(row, 4)?, at, by: event.by, text: event.text };
            Ok((word(row, 2)?, text(row, 3)?, remark))
        };
        rows.iter().map(remark).collect()
    }

    /// The newest event before `before` that hid each of these alarms (at most 500).
    pub async fn hidings(&self, alarms: &[AlarmId], before: i64) -> Result<BTreeMap<AlarmId, AlarmEvent>, StoreError> {
        let mut newest = BTreeMap::new();
        if alarms.is_empty() {
            return Ok(newest);
        }
        let mut select = Select::new("SELECT body FROM alarm_events");
        select.and_one_of("alarm", alarms.iter().take(IDS_MAX).map(AlarmId::to_string));
        select.and_one_of("kind", ["shelved", "removed_from_service", "suppressed"].map(str::to_owned));
        select.and("received", "<", before);
        let rows = select.fetch(self.db.readers(), "batch, item", FACTS_MAX, "read who hid alarms").await?;
        for row in &rows {
            let event: AlarmEvent = json_of(row, TABLE)?;
            newest.insert(event.alarm.clone(), event);
        }
        Ok(newest)
    }
}

fn fact_of(row: &AnyRow) -> Result<AlarmFact, StoreError> {
    let failed = || StoreError::row(TABLE);
    Ok(AlarmFact {
        alarm: id(row, 0, AlarmId::new)?,
        batch: unsigned(row, 1)?,
        item: unsigned(row, 2)?,
        kind: word(row, 3)?,
        at: row.try_get(4).map_err(failed())?,
        priority: word(row, 5)?,
        state: word(row, 6)?,
        called: row.try_get::<i64, _>(7).map_err(failed())? != 0,
        device: id(row, 8, DeviceId::new)?,
        device_name: text(row, 9)?,
        class: word(row, 10)?,
        code: id(row, 11, AlarmCode::new)?,
        title: text(row, 12)?,
        sub_district: text(row, 13)?,
    })
}

fn text(row: &AnyRow, column: usize) -> Result<String, StoreError> {
    row.try_get(column).map_err(StoreError::row(TABLE))
}

fn unsigned(row: &AnyRow, column: usize) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column).map_err(StoreError::row(TABLE))?;
    u64::try_from(number).map_err(StoreError::row(TABLE))
}

fn id<T, E: std::fmt::Display>(
    row: &AnyRow,
    column: usize,
    new: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(TABLE))?;
    new(text).map_err(StoreError::row(TABLE))
}

fn word<T: DeserializeOwned>(row: &AnyRow, column: usize) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(TABLE))?;
    parse_word(text).ok_or_else(|| StoreError::Row { table: TABLE, why: format!("unknown word {text:?}") })
}
