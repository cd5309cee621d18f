//! Change control: versions of the rules (the master), requests to change them, what was done to each, back-tests.
//!
//! ```text
//! rule_versions     number, rules, who, when, which request   only grows; the newest is the approved master
//! change_requests   the request as JSON, its candidate rules, the edits they came from
//! change_events     who did what, when, with which remark     only grows
//! change_backtests  the newest few results of each request
//! ```
//!
//! **Invariants.** A request is saved only over the revision it was read at (compare and set), together with the event
//! that says what happened: of two people who act at once, one is told. Putting in force writes the new version and
//! the request's new state in one transaction, and a version number is taken once, so it happens exactly once whatever
//! is killed when. The master is not in the log; the log holds what ran, the master what was approved.
//!
//! **Deliberately absent**: who may do what (`alarms::change`), and what rules are: here they are JSON.
//! **Bounds**: [`BACKTESTS_KEPT`] results of each request; requests, events and versions are written by people.

mod row;
#[cfg(test)]
mod tests;
mod versions;

pub use versions::{NewVersion, RuleVersion, VersionRow};

use self::row::{change_of, json_at, text};
use crate::relational::filter::Select;
use crate::relational::migration::Migration;
use crate::relational::{Backend, Database, Page, PageRequest, StoreError, enum_word};
use greenhub_model::change::{Backtest, BacktestState, Change, ChangeEvent, ChangeState};
use serde_json::Value;
use sqlx::{AnyConnection, Row};

const MODULE: &str = "changes";
const MIGRATIONS: &[Migration] = &[Migration::common(1, include_str!("migrations/0001_changes.sql"))];
/// Results of back-tests kept of each request.
pub const BACKTESTS_KEPT: i64 = 5;
/// Most events shown of one request.
const EVENTS_MAX: i64 = 1_000;
pub(crate) const COLUMNS: &str = "SELECT body, tested, id FROM change_requests";

/// Which requests to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Any of these states.
    pub states: Vec<ChangeState>,
    /// Asked for by this person.
    pub requester: Option<String>,
    /// Only emergency changes without their approval.
    pub waits_for_approval: bool,
}

/// A candidate: the rules and the edits they came from, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateText {
    /// The edits.
    pub source: Value,
    /// The whole rules.
    pub rules: Value,
}

/// Requests, versions and back-tests of a database.
#[derive(Debug, Clone)]
pub struct ChangeStore {
    pub(crate) db: Database,
}

impl ChangeStore {
    /// Opens the tables, making them where they are missing.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        Ok(Self { db })
    }

    /// Writes a new request down and gives it its number.
    pub async fn create(
        &self,
        change: &Change,
        candidate: &CandidateText,
        event: &ChangeEvent,
    ) -> Result<Change, StoreError> {
        let failed = || StoreError::when("write a change request");
        let mut tx = self.db.begin().await?;
        if self.db.backend() == Backend::Postgres {
            let lock = "LOCK TABLE change_requests IN EXCLUSIVE MODE";
            sqlx::raw_sql(lock).execute(&mut *tx).await.map_err(failed())?;
        }
        let sql = "SELECT COALESCE(MAX(id), 0) + 1 FROM change_requests";
        let id: i64 = sqlx::query(sql).fetch_one(&mut *tx).await.map_err(failed())?.try_get(0).map_err(failed())?;
        let change = Change { id, ..change.clone() };
        let sql = "INSERT INTO change_requests \
                   (id, state, requester, revision, effective_at, waits, tested, body, source, rules) \
                   VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)";
        sqlx::query(sql)
            .bind(id)
            .bind(enum_word(&change.state))
            .bind(change.requester.as_str())
            .bind(change.revision)
            .bind(change.effective_at.unwrap_or(0))
            .bind(waits(&change))
            .bind(text(&change))
            .bind(text(&candidate.source))
            .bind(text(&candidate.rules))
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        write_event(&mut tx, id, event).await?;
        tx.commit().await.map_err(failed())?;
        Ok(change)
    }

    /// One request.
    pub async fn get(&self, id: i64) -> Result<Option<Change>, StoreError> {
        let mut select = Select::new(COLUMNS);
        select.and("id", "=", id);
        let rows = select.fetch(self.db.readers(), "id", 1, "read a change request").await?;
        rows.first().map(change_of).transpose()
    }

    /// The candidate of a request.
    pub async fn candidate(&self, id: i64) -> Result<Option<CandidateText>, StoreError> {
        let mut select = Select::new("SELECT source, rules FROM change_requests");
        select.and("id", "=", id);
        let rows = select.fetch(self.db.readers(), "id", 1, "read a candidate").await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(CandidateText {
            source: json_at(row, 0, "change_requests")?,
            rules: json_at(row, 1, "change_requests")?,
        }))
    }

    /// A page of requests, newest first.
    pub async fn list(&self, filter: &ChangeFilter, page: &PageRequest) -> Result<Page<Change>, StoreError> {
        let mut select = Select::new(COLUMNS);
        select.and_one_of("state", filter.states.iter().map(enum_word));
        if let Some(requester) = &filter.requester {
            select.and("requester", "=", requester.as_str());
        }
        if filter.waits_for_approval {
            select.and("waits", "=", 1);
        }
        if let Some((id, _)) = page.after()? {
            select.and("id", "<", id);
        }
        let rows = select.fetch(self.db.readers(), "id DESC", page.fetch(), "list change requests").await?;
        let items = rows.iter().map(change_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(items, |change| (change.id, String::new())))
    }

    /// What was done to a request, in order.
    pub async fn events(&self, id: i64) -> Result<Vec<ChangeEvent>, StoreError> {
        let mut select = Select::new("SELECT body FROM change_events");
        select.and("request", "=", id);
        let rows = select.fetch(self.db.readers(), "seq", EVENTS_MAX, "read the events of a request").await?;
        rows.iter().map(|row| json_at(row, 0, "change_events")).collect()
    }

    /// Saves a changed request over revision `read_at`, with its new candidate where that changed. False when somebody
    /// else was faster: nothing is written.
    pub async fn save(
        &self,
        change: &Change,
        read_at: i64,
        candidate: Option<&CandidateText>,
        event: &ChangeEvent,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if !save_in(&mut tx, change, read_at, candidate, event).await? {
            return Ok(false);
        }
        tx.commit().await.map_err(StoreError::when("write a change request"))?;
        Ok(true)
    }

    /// Requests that are approved and not in force yet, in the order of their time.
    pub async fn scheduled(&self) -> Result<Vec<Change>, StoreError> {
        let mut select = Select::new(COLUMNS);
        select.and("state", "=", enum_word(&ChangeState::Scheduled));
        let rows = select.fetch(self.db.readers(), "effective_at, id", 1_000, "look for scheduled changes").await?;
        rows.iter().map(change_of).collect()
    }

    /// Keeps how a back-test stands; one that is done counts for the candidate it was made of.
    pub async fn save_backtest(&self, backtest: &Backtest) -> Result<(), StoreError> {
        let failed = || StoreError::when("write a back-test");
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO change_backtests (request, started_at, candidate, body) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (request, started_at) DO UPDATE SET body = excluded.body";
        sqlx::query(sql)
            .bind(backtest.change)
            .bind(backtest.started_at)
            .bind(backtest.candidate)
            .bind(text(backtest))
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        let sql = "DELETE FROM change_backtests WHERE request = $1 AND started_at NOT IN \
                   (SELECT started_at FROM change_backtests WHERE request = $1 ORDER BY started_at DESC LIMIT $2)";
        sqlx::query(sql).bind(backtest.change).bind(BACKTESTS_KEPT).execute(&mut *tx).await.map_err(failed())?;
        if backtest.state == BacktestState::Done {
            let sql = "UPDATE change_requests SET tested = $2 WHERE id = $1 AND tested < $2";
            sqlx::query(sql).bind(backtest.change).bind(backtest.candidate).execute(&mut *tx).await.map_err(failed())?;
        }
        tx.commit().await.map_err(failed())
    }

    /// Ends the back-tests that a hub left at work when it stopped, at `at` and with what `why` says of each; returns them.
    /// For the start of a hub, when none is at work.
    pub async fn interrupt_backtests(
        &self,
        at: i64,
        why: impl Fn(&Backtest) -> String,
    ) -> Result<Vec<Backtest>, StoreError> {
        // Quotes within texts are escaped, so nobody's words can look like this.
        let sql =
            "SELECT body FROM change_backtests WHERE body LIKE '%\"state\":\"running\"%' ORDER BY request, started_at";
        let rows = sqlx::query(sql).fetch_all(self.db.readers()).await.map_err(StoreError::when("read back-tests"))?;
        let mut ended = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut backtest: Backtest = json_at(row, 0, "change_backtests")?;
            backtest.error = Some(why(&backtest));
            backtest.state = BacktestState::Interrupted;
            (backtest.finished_at, backtest.seconds_left) = (Some(at), None);
            self.save_backtest(&backtest).await?;
            ended.push(backtest);
        }
        Ok(ended)
    }

    /// The newest back-test of a request.
    pub async fn backtest(&self, id: i64) -> Result<Option<Backtest>, StoreError> {
        let mut select = Select::new("SELECT body FROM change_backtests");
        select.and("request", "=", id);
        let rows = select.fetch(self.db.readers(), "started_at DESC", 1, "read a back-test").await?;
        rows.first().map(|row| json_at(row, 0, "change_backtests")).transpose()
    }
}

fn waits(change: &Change) -> i64 {
    i64::from(change.is_overdue(i64::MAX))
}

/// Saves a request within a transaction, if it still is at revision `read_at`.
pub(crate) async fn save_in(
    connection: &mut AnyConnection,
    change: &Change,
    read_at: i64,
    candidate: Option<&CandidateText>,
    event: &ChangeEvent,
) -> Result<bool, StoreError> {
    let failed = || StoreError::when("write a change request");
    let sql = "UPDATE change_requests SET state = $3, revision = $4, effective_at = $5, waits = $6, body = $7 \
               WHERE id = $1 AND revision = $2";
    let done = sqlx::query(sql)
        .bind(change.id)
        .bind(read_at)
        .bind(enum_word(&change.state))
        .bind(change.revision)
        .bind(change.effective_at.unwrap_or(0))
        .bind(waits(change))
        .bind(text(change))
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(candidate) = candidate {
        sqlx::query("UPDATE change_requests SET source = $2, rules = $3 WHERE id = $1")
            .bind(change.id)
            .bind(text(&candidate.source))
            .bind(text(&candidate.rules))
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
    }
    write_event(connection, change.id, event).await?;
    Ok(true)
}

/// The next event of a request; its number is given here.
async fn write_event(connection: &mut AnyConnection, id: i64, event: &ChangeEvent) -> Result<(), StoreError> {
    let failed = || StoreError::when("write the events of a request");
    let sql = "SELECT COALESCE(MAX(seq), 0) + 1 FROM change_events WHERE request = $1";
    let row = sqlx::query(sql).bind(id).fetch_one(&mut *connection).await.map_err(failed())?;
    let seq: i64 = row.try_get(0).map_err(failed())?;
    sqlx::query("INSERT INTO change_events (request, seq, body) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(seq)
        .bind(text(&ChangeEvent { seq, ..event.clone() }))
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    Ok(())
}
