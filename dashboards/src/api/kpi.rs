//! Key figures of a desk and what a shift hands over: read page by page, counted by `alarms::kpi`, told as JSON or as a
//! table for spreadsheets.
//!
//! At most two reports are counted at one time, so that the readers of the database stay free for the lists; the others
//! wait. A report stops reading after [`FACTS_READ_MAX`] events or [`READING_MAX`] and says so; what stood before the period
//! may take half of either.

use super::kpi_csv;
use crate::extract::Params;
use crate::ports::OrderQuery;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use greenhub_alarms::RuleSet;
use greenhub_alarms::kpi::{LEAD_MS, Outcome, PERIOD_MS_MAX, Question, Tally};
use greenhub_alarms::nuisance::flood::FloodRule;
use greenhub_model::alarm::AlarmState;
use greenhub_model::kpi::{
    DeskFilter, DeskName, Handover, Hidden, KpiReport, PriorityCount, Remark, Standing, TrendWidth,
};
use greenhub_model::order::Order;
use greenhub_model::{AlarmId, Priority};
use greenhub_storage::relational::{FACTS_MAX, FactPlace, PageRequest};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most events of one report.
const FACTS_READ_MAX: usize = 1_000_000;
/// Longest time that a report reads; an answer takes at most 30 s.
const READING_MAX: Duration = Duration::from_secs(20);
/// Most rows of each list of a hand-over.
const LIST_MAX: usize = 500;
/// Where the trend goes over from hours to days when the call does not say.
const HOURS_UP_TO_MS: i64 = 14 * 86_400_000;
/// Shanghai.
const UTC_OFFSET_MIN: i32 = 480;

/// Which desk and period.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeriodQuery {
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included; the present where it lies ahead.
    pub to: i64,
    /// A desk of `/api/v1/desks`; all alarms where it is missing.
    #[serde(default)]
    pub desk: Option<String>,
    /// Width of the trend; by the hour up to 14 days where it is missing.
    #[serde(default)]
    pub trend: Option<TrendWidth>,
    /// Minutes east of UTC, to cut days and hours; 480 where it is missing.
    #[serde(default)]
    pub utc_offset_min: Option<i32>,
}

/// The desks that may be asked about.
#[utoipa::path(get, path = "/api/v1/desks", tag = "kpi", responses((status = 200, body = Vec<DeskName>)))]
pub async fn desks(State(state): State<AppState>) -> Json<Vec<DeskName>> {
    let rules = rules_now(&state);
    let all = DeskFilter::everything();
    let mut desks = vec![DeskName { id: all.id, title: all.title }];
    desks.extend(rules.correlate.desks.iter().map(|desk| DeskName { id: desk.id.clone(), title: desk.title.clone() }));
    Json(desks)
}

/// Key figures of a desk and period (ISA-18.2-2016, table 7).
#[utoipa::path(get, path = "/api/v1/alarm-kpi", tag = "kpi", params(PeriodQuery),
    responses((status = 200, body = KpiReport), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<AppState>,
    Params(query): Params<PeriodQuery>,
) -> Result<Json<KpiReport>, Problem> {
    Ok(Json(count(&state, &query).await?.1.report))
}

/// The same as a table for spreadsheets.
#[utoipa::path(get, path = "/api/v1/alarm-kpi.csv", tag = "kpi", params(PeriodQuery),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub async fn show_csv(State(state): State<AppState>, Params(query): Params<PeriodQuery>) -> Result<Response, Problem> {
    let (_, outcome) = count(&state, &query).await?;
    Ok(kpi_csv::kpi(&outcome.report).into_response("alarm-kpi.csv"))
}

/// What a shift hands over.
#[utoipa::path(get, path = "/api/v1/handover", tag = "kpi", params(PeriodQuery),
    responses((status = 200, body = Handover), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn handover(
    State(state): State<AppState>,
    Params(query): Params<PeriodQuery>,
) -> Result<Json<Handover>, Problem> {
    Ok(Json(hand_over(&state, &query).await?))
}

/// The same as a table for spreadsheets.
#[utoipa::path(get, path = "/api/v1/handover.csv", tag = "kpi", params(PeriodQuery),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub async fn handover_csv(
    State(state): State<AppState>,
    Params(query): Params<PeriodQuery>,
) -> Result<Response, Problem> {
    let handover = hand_over(&state, &query).await?;
    Ok(kpi_csv::handover(&handover).into_response("handover.csv"))
}

/// The rules in force; before the first batch those that will be.
pub(super) fn rules_now(state: &AppState) -> Arc<RuleSet> {
    state.rules.running().unwrap_or_else(|| state.rules.configured().1)
}

/// The desk, and its rule for floods.
fn desk_of(rules: &RuleSet, id: Option<&str>) -> Result<(DeskFilter, FloodRule), Problem> {
    let everything = DeskFilter::everything();
    let Some(id) = id.filter(|id| *id != everything.id) else { return Ok((everything, FloodRule::default())) };
    let desk = rules.correlate.desks.iter().find(|desk| desk.id == id);
    let desk = desk.ok_or_else(|| Problem::not_found(format!("没有名为 {id:?} 的值班台")))?;
    let filter = DeskFilter {
        id: desk.id.clone(),
        title: desk.title.clone(),
        classes: desk.classes.clone(),
        sub_districts: desk.sub_districts.clone(),
    };
    Ok((filter, desk.flood))
}

async fn count(state: &AppState, query: &PeriodQuery) -> Result<(DeskFilter, Outcome), Problem> {
    let rules = rules_now(state);
    let (desk, flood) = desk_of(&rules, query.desk.as_deref())?;
    let to = query.to.min(state.now().millis());
    if query.from >= to {
        return Err(Problem::bad_request("from must lie before to and before the present (Unix milliseconds)"));
    }
    if to.saturating_sub(query.from) > PERIOD_MS_MAX {
        return Err(Problem::bad_request("from and to may be at most 400 days apart"));
    }
    let utc_offset_min = query.utc_offset_min.unwrap_or(UTC_OFFSET_MIN);
    if !(-14 * 60..=14 * 60).contains(&utc_offset_min) {
        return Err(Problem::bad_request("utc_offset_min must lie between -840 and 840"));
    }
    let hours = to - query.from <= HOURS_UP_TO_MS;
    let question = Question {
        desk: desk.clone(),
        from: query.from,
        to,
        utc_offset_min,
        trend: query.trend.unwrap_or(if hours { TrendWidth::Hour } else { TrendWidth::Day }),
        flood,
        chatter_raises: rules.merge.chatter_raises as usize,
        chatter_window_ms: rules.merge.chatter_window_ms,
        // Nothing hides an alarm but a command that the desk has checked, or a rule of the approved set.
        unauthorised_suppression: Some(0),
        unauthorised_change: unauthorised_changes(state).await,
    };
    let _one_of_two = state.reports.acquire().await.expect("the permits are never closed");
    Ok((desk, read(state, question).await?))
}

/// Differences between what runs and what was approved, as they are now; none where that cannot be said.
async fn unauthorised_changes(state: &AppState) -> Option<u64> {
    let audit = super::rules::audit(State(state.clone())).await.ok()?.0;
    audit.running_version?;
    let unauthorised = audit.findings.iter().filter(|f| matches!(f.kind, "running_differs" | "approval_overdue"));
    Some(unauthorised.map(|finding| finding.diff.len().max(1) as u64).sum())
}

/// Reads what the question is about, in pages.
async fn read(state: &AppState, question: Question) -> Result<Outcome, Problem> {
    let started = Instant::now();
    let (begin, to) = (question.from.saturating_sub(LEAD_MS), question.to);
    let mut tally = Tally::new(question);
    let mut after: Option<AlarmId> = None;
    let mut read = 0;
    loop {
        let stood = state.alarms.standing_before(begin, after.as_ref()).await?;
        let Some(last) = stood.last() else { break };
        // What stood before takes half of what a report may read, so that something is left for the period itself.
        if read >= FACTS_READ_MAX / 2 || started.elapsed() >= READING_MAX / 2 {
            tally.leave_out();
            break;
        }
        let facts = state.alarms.facts_of(&stood, begin, FACTS_READ_MAX / 2 - read).await?;
        read += facts.len();
        facts.iter().for_each(|fact| tally.add(fact));
        after = Some(last.clone());
    }
    let mut place: Option<FactPlace> = None;
    loop {
        let facts = state.alarms.facts(begin, to, place).await?;
        facts.iter().for_each(|fact| tally.add(fact));
        read += facts.len();
        let Some(last) = facts.last().filter(|_| facts.len() as i64 == FACTS_MAX) else { break };
        if read >= FACTS_READ_MAX || started.elapsed() >= READING_MAX {
            tally.cut(last.at);
            break;
        }
        place = Some(FactPlace::of(last));
    }
    Ok(tally.finish())
}

async fn hand_over(state: &AppState, query: &PeriodQuery) -> Result<Handover, Problem> {
    let (desk, outcome) = count(state, query).await?;
    let Outcome { report: kpi, standing } = outcome;
    let mut truncated = false;
    let mut counts: BTreeMap<Priority, u64> = BTreeMap::new();
    let mut lists: [Vec<Standing>; 5] = Default::default();
    for alarm in standing {
        *counts.entry(alarm.priority).or_default() += 1;
        let list = match alarm.state {
            AlarmState::Shelved => 2,
            AlarmState::OutOfService => 3,
            AlarmState::SuppressedByDesign => 4,
            _ if alarm.folded => 4,
            _ if alarm.acknowledged => 1,
            _ => 0,
        };
        match lists[list].len() {
            LIST_MAX.. => truncated = true,
            _ => lists[list].push(alarm),
        }
    }
    let [unacknowledged, open, shelved, out_of_service, suppressed] = lists;
    let remarks = state.alarms.remarks(kpi.from, kpi.to, 4 * LIST_MAX as i64).await?;
    let ours = remarks.into_iter().filter(|(class, sub_district, _)| desk.takes(*class, sub_district));
    let mut comments: Vec<Remark> = ours.map(|(_, _, remark)| remark).collect();
    let mut orders = opened(state, &desk, &kpi).await?;
    truncated |= comments.len() > LIST_MAX || orders.len() > LIST_MAX;
    comments.truncate(LIST_MAX);
    orders.truncate(LIST_MAX);
    Ok(Handover {
        standing: counts.into_iter().map(|(priority, count)| PriorityCount { priority, count }).collect(),
        unacknowledged,
        open,
        shelved: hidden(state, shelved, kpi.to).await?,
        out_of_service: hidden(state, out_of_service, kpi.to).await?,
        suppressed,
        comments,
        orders,
        truncated,
        kpi,
    })
}

/// Who hid these, why and until when.
async fn hidden(state: &AppState, standing: Vec<Standing>, before: i64) -> Result<Vec<Hidden>, Problem> {
    let ids: Vec<AlarmId> = standing.iter().map(|row| row.alarm.clone()).collect();
    let mut hidings = state.alarms.hidings(&ids, before).await?;
    let mut rows = vec![];
    for standing in standing {
        let event = hidings.remove(&standing.alarm);
        let until = match standing.state {
            AlarmState::Shelved => state.alarms.get(&standing.alarm).await?.and_then(|alarm| alarm.shelved_until),
            _ => None,
        };
        let (by, at, reason) = event.map_or_else(Default::default, |event| (event.by, event.at, event.text));
        rows.push(Hidden { standing, by, at, reason, until });
    }
    Ok(rows)
}

async fn opened(state: &AppState, desk: &DeskFilter, kpi: &KpiReport) -> Result<Vec<Order>, Problem> {
    let query = OrderQuery { created: Some((kpi.from, kpi.to)), ..OrderQuery::default() };
    let page = state.orders.list(&query, &PageRequest::first(1000)).await?;
    let ours = |order: &Order| order.class.is_none_or(|class| desk.takes(class, &order.sub_district));
    Ok(page.items.into_iter().filter(ours).collect())
}
