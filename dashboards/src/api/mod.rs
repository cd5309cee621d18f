//! HTTP calls, one file for each capability. Handlers read the clock once, ask one neighbour, and answer in the forms
//! of `docs/api.md`; whom they admit stands in [`crate::routes`].

pub mod alarms;
pub mod audit;
pub mod backtests;
pub mod changes;
pub mod devices;
pub mod files;
pub mod health;
pub mod kpi;
mod kpi_csv;
pub mod ledger;
pub mod live;
pub mod map;
pub mod media;
pub mod messages;
pub mod metrics;
pub mod mqtt;
pub mod notify;
pub mod openapi;
pub mod orders;
pub mod past;
pub mod push;
pub mod quarantine;
pub mod rules;
pub mod service;
pub mod session;
pub mod staff;
pub mod suggestions;
pub mod system;
pub mod units;
pub mod users;

use crate::problem::Problem;
use greenhub_storage::relational::Page;
use serde::Serialize;

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct List<T> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// Cursor of the next page; null at the end.
    pub next: Option<String>,
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

/// Rows sorted by id, one more than asked for where there are more.
fn list_by_id<T>(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> String) -> List<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(id);
    List { items: rows, next }
}

/// Longest stretch of history in one call.
const STRETCH_MS_MAX: i64 = 400 * 86_400_000;
/// Most points in one answer.
const POINTS_MAX: u32 = 20_000;
/// Points where the call does not say.
const POINTS_DEFAULT: u32 = 2_000;

/// A checked stretch of time: from, to, most points.
fn stretch(from: i64, to: i64, max_points: Option<u32>) -> Result<(i64, i64, usize), Problem> {
    if from >= to {
        return Err(Problem::bad_request("from must lie before to (both Unix milliseconds)"));
    }
    if to.saturating_sub(from) > STRETCH_MS_MAX {
        return Err(Problem::bad_request("from and to may be at most 400 days apart"));
    }
    match max_points.unwrap_or(POINTS_DEFAULT) {
        n @ 2..=POINTS_MAX => Ok((from, to, n as usize)),
        _ => Err(Problem::bad_request(format!("max_points must be between 2 and {POINTS_MAX}"))),
    }
}
