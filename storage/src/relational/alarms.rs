//! Alarms and the events of their life.
//!
//! A row holds the whole alarm as JSON and, beside it, the columns that lists filter and sort by. Lists are sorted by
//! the first log position, newest first: it never changes and no two changes of the list can pass each other, which
//! device time could. Events keep the batch and place they came from, so that writing them again changes nothing.
//!
//! **Bound.** A condition that repeats for ever would fill the events: of one occurrence only the newest
//! [`REPEATS_MAX`] repeats are kept (trimmed once every 256 of them); what a person did is never trimmed.

use super::database::Database;
use super::error::StoreError;
use super::filter::Select;
use super::page::{Page, PageRequest};
use super::rows::{enum_word, insert_rows};
use greenhub_model::alarm::{AlarmEventKind, Repeats};
use greenhub_model::output::AlarmChange;
use greenhub_model::{
    Alarm, AlarmEvent, AlarmId, AlarmState, BatchOutput, Class, DeviceId, Output, Position, Priority,
};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Repeats kept of one occurrence.
pub const REPEATS_MAX: i64 = 1000;
const TRIM_EVERY: u64 = 256;
const EVENTS_MAX: i64 = 5000;

/// Which alarms to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Any of these states.
    pub states: Vec<AlarmState>,
    /// Any of these priorities.
    pub priorities: Vec<Priority>,
    /// Raised by this device.
    pub source: Option<DeviceId>,
    /// Raised by devices of this class.
    pub class: Option<Class>,
    /// Standing (anything but normal), or over.
    pub standing: Option<bool>,
    /// Folded under this one.
    pub folded_under: Option<AlarmId>,
}

/// One raise or repeat that was merged into an occurrence.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlarmMember {
    /// Log position of the message; of the last one where it stands for several.
    pub position: Position,
    /// The messages it stands for, where it is more than one.
    pub repeats: Option<Repeats>,
    /// Event time, Unix ms.
    pub at: i64,
    /// Value it brought.
    pub value: Option<f64>,
    /// Its text.
    pub text: String,
}

/// Reads alarms.
#[derive(Debug, Clone)]
pub struct AlarmStore {
    pub(super) db: Database,
}

impl AlarmStore {
    /// Alarms of this database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// A page of alarms, newest first.
    pub async fn list(&self, filter: &AlarmFilter, page: &PageRequest) -> Result<Page<Alarm>, StoreError> {
        let mut select = Select::new("SELECT body FROM alarms");
        select.and_one_of("state", filter.states.iter().map(enum_word));
        select.and_one_of("priority", filter.priorities.iter().map(enum_word));
        if let Some(source) = &filter.source {
            select.and("device", "=", source.as_str());
        }
        if let Some(class) = filter.class {
            select.and("class", "=", class.as_str());
        }
        if let Some(standing) = filter.standing {
            select.and("standing", "=", i64::from(standing));
        }
        if let Some(cause) = &filter.folded_under {
            select.and("folded_under", "=", cause.as_str());
        }
        select.and_below("first_position, id", page.after()?);
        let rows = select.fetch(self.db.readers(), "first_position DESC, id DESC", page.fetch(), "list alarms").await?;
        let alarms = rows.iter().map(alarm_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(alarms, |alarm| (alarm.first_position.0 as i64, alarm.id.to_string())))
    }

    /// One occurrence.
    pub async fn get(&self, id: &AlarmId) -> Result<Option<Alarm>, StoreError> {
        let row = sqlx::query("SELECT body FROM alarms WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("read an alarm"))?;
        row.as_ref().map(alarm_of).transpose()
    }

    /// Its events in the order they happened; of a very long life the newest 5,000.
    pub async fn events(&self, id: &AlarmId) -> Result<Vec<AlarmEvent>, StoreError> {
        let mut select = Select::new("SELECT body FROM alarm_events");
        select.and("alarm", "=", id.as_str());
        let order = "batch DESC, item DESC";
        let rows = select.fetch(self.db.readers(), order, EVENTS_MAX, "read the events of an alarm").await?;
        rows.iter().rev().map(|row| json_of(row, "alarm_events")).collect()
    }

    /// The raises and repeats merged into it, oldest first; of many the newest 1,000 and more.
    pub async fn members(&self, id: &AlarmId) -> Result<Vec<AlarmMember>, StoreError> {
        let member = |event: AlarmEvent| AlarmMember {
            position: event.position,
            repeats: event.repeats,
            at: event.at,
            value: event.value,
            text: event.text,
        };
        let brings = |event: &AlarmEvent| {
            matches!(event.kind, AlarmEventKind::Raised | AlarmEventKind::Repeated | AlarmEventKind::Escalated)
        };
        Ok(self.events(id).await?.into_iter().filter(brings).map(member).collect())
    }
}

fn alarm_of(row: &AnyRow) -> Result<Alarm, StoreError> {
    json_of(row, "alarms")
}

pub(super) fn json_of<T: serde::de::DeserializeOwned>(row: &AnyRow, table: &'static str) -> Result<T, StoreError> {
    let body: &str = row.try_get("body").map_err(StoreError::row(table))?;
    serde_json::from_str(body).map_err(StoreError::row(table))
}

struct EventRow<'a> {
    change: &'a AlarmChange,
    batch: u64,
    item: usize,
    received: i64,
}

/// An alarm in its last state, and the receive times of its first and last change in these batches, Unix ms.
struct AlarmRow<'a> {
    alarm: &'a Alarm,
    began: i64,
    touched: i64,
}

/// Writes the alarm changes of these batches: each alarm once in its last state, each event.
pub(super) async fn write(connection: &mut AnyConnection, batches: &[&Arc<BatchOutput>]) -> Result<(), StoreError> {
    let mut newest: BTreeMap<&AlarmId, AlarmRow<'_>> = BTreeMap::new();
    let mut events = vec![];
    for output in batches {
        let received = output.received.millis();
        for (item, what) in output.items.iter().enumerate() {
            if let Output::Alarm(change) = what {
                let alarm = &change.alarm;
                let began = newest.get(&alarm.id).map_or(received, |row| row.began);
                newest.insert(&alarm.id, AlarmRow { alarm, began, touched: received });
                events.push(EventRow { change: change.as_ref(), batch: output.batch, item, received });
            }
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    write_alarms(connection, &newest.into_values().collect::<Vec<_>>()).await?;
    write_events(connection, &events).await?;
    trim_repeats(connection, &events).await
}

async fn write_alarms(connection: &mut AnyConnection, alarms: &[AlarmRow<'_>]) -> Result<(), StoreError> {
    let head = "INSERT INTO alarms (id, device, class, code, state, priority, standing, raised_at, first_position, \
                last_position, folded_under, title, device_name, sub_district, began, touched, body)";
    let tail = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, priority = excluded.priority, \
                standing = excluded.standing, raised_at = excluded.raised_at, \
                last_position = excluded.last_position, folded_under = excluded.folded_under, \
                title = excluded.title, device_name = excluded.device_name, sub_district = excluded.sub_district, \
                touched = excluded.touched, body = excluded.body";
    insert_rows(connection, "write alarms", (head, 17, tail), alarms, |query, row| {
        let alarm = row.alarm;
        query
            .bind(alarm.id.as_str().to_owned())
            .bind(alarm.device.as_str().to_owned())
            .bind(alarm.class.as_str())
            .bind(alarm.code.as_str().to_owned())
            .bind(enum_word(&alarm.state))
            .bind(enum_word(&alarm.priority))
            .bind(i64::from(alarm.state != AlarmState::Normal))
            .bind(alarm.raised_at)
            .bind(alarm.first_position.0 as i64)
            .bind(alarm.last_position.0 as i64)
            .bind(alarm.folded_under.as_ref().map(|cause| cause.as_str().to_owned()).unwrap_or_default())
            .bind(without_nul(&alarm.title))
            .bind(without_nul(&alarm.device_name))
            .bind(without_nul(&alarm.sub_district))
            .bind(row.began)
            .bind(row.touched)
            .bind(to_json(alarm))
    })
    .await
}

async fn write_events(connection: &mut AnyConnection, events: &[EventRow<'_>]) -> Result<(), StoreError> {
    let head = "INSERT INTO alarm_events (alarm, position, batch, item, kind, received, priority, state, called, body)";
    let tail = "ON CONFLICT (alarm, batch, item) DO NOTHING";
    insert_rows(connection, "write alarm events", (head, 10, tail), events, |query, row| {
        let event = &row.change.event;
        query
            .bind(event.alarm.as_str().to_owned())
            .bind(event.position.0 as i64)
            .bind(row.batch as i64)
            .bind(row.item as i64)
            .bind(enum_word(&event.kind))
            .bind(row.received)
            .bind(enum_word(&row.change.alarm.priority))
            .bind(enum_word(&event.state))
            .bind(i64::from(event.called))
            .bind(to_json(event))
    })
    .await
}

/// PostgreSQL stores no NUL character in a text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Whether this repeat is one of the few after which the repeats of its alarm are trimmed. A row that stands for many
/// messages steps over many multiples of [`TRIM_EVERY`]; its position then decides, which is as good as a die.
fn due_for_trimming(change: &AlarmChange) -> bool {
    let messages = change.event.repeats.map_or(1, |repeats| repeats.count);
    let steps = |count: u64| count / TRIM_EVERY;
    let stepped = steps(change.alarm.count) != steps(change.alarm.count.saturating_sub(messages));
    let thrown = change.event.position.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58 == 0;
    stepped && (messages < TRIM_EVERY || thrown)
}

async fn trim_repeats(connection: &mut AnyConnection, events: &[EventRow<'_>]) -> Result<(), StoreError> {
    let mut due: Vec<&AlarmId> = events
        .iter()
        .filter(|row| row.change.event.kind == AlarmEventKind::Repeated)
        .filter(|row| due_for_trimming(row.change))
        .map(|row| &row.change.alarm.id)
        .collect();
    due.dedup();
    for alarm in due {
        let sql = "DELETE FROM alarm_events WHERE alarm = $1 AND kind = 'repeated' AND batch < \
                   (SELECT MIN(batch) FROM (SELECT batch FROM alarm_events WHERE alarm = $1 AND kind = 'repeated' \
                   ORDER BY batch DESC, item DESC LIMIT $2) AS newest)";
        sqlx::query(sql)
            .bind(alarm.as_str())
            .bind(REPEATS_MAX)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::when("trim the repeats of an alarm"))?;
    }
    Ok(())
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a model value has string keys only and always becomes JSON")
}
