//! The indicators of a period, as JSON, as a table for spreadsheets, or as a workbook.

use crate::access::Caller;
use crate::csv::{Cell, Csv};
use crate::extract::Params;
use crate::ports::StatisticsQuestion;
use crate::problem::Problem;
use crate::state::AppState;
use crate::xlsx::Xlsx;
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use greenhub_model::statistics::{OrderFigures, OrderStatistics, StatisticsBy};
use serde::Deserialize;

const PERIOD_MS_MAX: i64 = 400 * 86_400_000;

/// In which form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatisticsFormat {
    /// JSON.
    #[default]
    Json,
    /// Comma-separated values.
    Csv,
    /// Excel workbook.
    Xlsx,
}

/// Which figures.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included; the present where it lies ahead.
    pub to: i64,
    /// What rows are made of; missing: only the total.
    #[serde(default)]
    pub by: Option<StatisticsBy>,
    /// `json`, `csv` or `xlsx`; `json` where it is missing.
    #[serde(default)]
    pub format: StatisticsFormat,
}

/// Which period of one's own.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnStatisticsQuery {
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included; the present where it lies ahead.
    pub to: i64,
}

/// The indicators of a period.
#[utoipa::path(get, path = "/api/v1/orders/statistics", tag = "orders", params(StatisticsQuery),
    responses((status = 200, body = OrderStatistics), (status = 400, body = Problem)))]
pub async fn show(State(state): State<AppState>, Params(query): Params<StatisticsQuery>) -> Result<Response, Problem> {
    let question = checked(&state, query.from, query.to, query.by, None)?;
    let report = counted(&state, &question).await?;
    match query.format {
        StatisticsFormat::Json => Ok(Json(report).into_response()),
        StatisticsFormat::Csv => {
            let mut csv = Csv::new(report.utc_offset_min);
            tell(&report, &mut |row| match row {
                Told::Heads(texts) => csv.heads(texts),
                Told::Cells(cells) => csv.row(cells),
                Told::Gap => csv.gap(),
            });
            Ok(csv.into_response("order-statistics.csv"))
        }
        StatisticsFormat::Xlsx => {
            let mut xlsx = Xlsx::new("工单统计", report.utc_offset_min);
            tell(&report, &mut |row| match row {
                Told::Heads(texts) => {
                    xlsx.heads(texts);
                    xlsx.freeze();
                }
                Told::Cells(cells) => xlsx.row(cells),
                Told::Gap => xlsx.gap(),
            });
            xlsx.into_response("order-statistics.xlsx")
        }
    }
}

/// One's own figures.
#[utoipa::path(get, path = "/api/v1/me/statistics", tag = "orders", params(OwnStatisticsQuery),
    responses((status = 200, body = OrderStatistics), (status = 400, body = Problem)))]
pub async fn mine(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<OwnStatisticsQuery>,
) -> Result<Json<OrderStatistics>, Problem> {
    let who = Some(caller.session.username.clone());
    let question = checked(&state, query.from, query.to, None, who)?;
    Ok(Json(counted(&state, &question).await?))
}

fn checked(
    state: &AppState,
    from: i64,
    to: i64,
    by: Option<StatisticsBy>,
    who: Option<String>,
) -> Result<StatisticsQuestion, Problem> {
    let to = to.min(state.now().millis());
    if from >= to {
        return Err(Problem::bad_request("开始时间 from 应早于结束时间 to，并早于现在（Unix 毫秒）"));
    }
    if to.saturating_sub(from) > PERIOD_MS_MAX {
        return Err(Problem::bad_request("统计时段最长 400 天，请缩短后再查"));
    }
    Ok(StatisticsQuestion { from, to, by, who })
}

/// At most a few reports are counted at one time, so that lists keep their readers.
async fn counted(state: &AppState, question: &StatisticsQuestion) -> Result<OrderStatistics, Problem> {
    let _turn = state.reports.acquire().await.map_err(|error| Problem::unavailable("wait for a report", &error))?;
    Ok(state.staffing.statistics(question).await?)
}

enum Told<'a> {
    /// Headings, or a remark.
    Heads(&'a [&'a str]),
    Cells(Vec<Cell<'a>>),
    Gap,
}

const HEADS: [&str; 20] = [
    "上报数",
    "立案数",
    "立案率",
    "派遣数",
    "准确派遣数",
    "准确派遣率",
    "应处置数",
    "处置数",
    "按期处置数",
    "超期处置数",
    "超期未处置数",
    "按期处置率",
    "应结案数",
    "结案数",
    "按期结案数",
    "按期结案率",
    "核查数",
    "返工数",
    "返工率",
    "平均处置时长（小时）",
];

fn tell(report: &OrderStatistics, row: &mut impl FnMut(Told<'_>)) {
    row(Told::Cells(vec!["工单统计".into(), Cell::Time(report.from), Cell::Time(report.to)]));
    if !report.complete {
        row(Told::Heads(&["工单过多，只统计了一部分，请缩短时段"]));
    }
    row(Told::Gap);
    let first = match report.by {
        None => "范围",
        Some(StatisticsBy::Team) => "班组",
        Some(StatisticsBy::Kind) => "问题类别",
        Some(StatisticsBy::SubDistrict) => "街道",
        Some(StatisticsBy::Assignee) => "人员",
        Some(StatisticsBy::Source) => "来源",
        Some(StatisticsBy::Day) => "日期",
    };
    let heads: Vec<&str> = [first].into_iter().chain(HEADS).collect();
    row(Told::Heads(&heads));
    for line in &report.rows {
        row(Told::Cells(cells(&line.label, &line.figures)));
    }
    row(Told::Cells(cells("合计", &report.total)));
}

fn cells<'a>(label: &'a str, figures: &OrderFigures) -> Vec<Cell<'a>> {
    let share = |share: Option<f64>| share.map_or(Cell::Empty, Cell::Number);
    vec![
        Cell::Text(label),
        Cell::Count(figures.reported),
        Cell::Count(figures.filed),
        share(figures.filed_share),
        Cell::Count(figures.dispatched),
        Cell::Count(figures.dispatched_right),
        share(figures.dispatched_right_share),
        Cell::Count(figures.due),
        Cell::Count(figures.handled),
        Cell::Count(figures.handled_in_time),
        Cell::Count(figures.handled_late),
        Cell::Count(figures.overdue),
        share(figures.handled_in_time_share),
        Cell::Count(figures.close_due),
        Cell::Count(figures.closed),
        Cell::Count(figures.closed_in_time),
        share(figures.closed_in_time_share),
        Cell::Count(figures.checked),
        Cell::Count(figures.reworked),
        share(figures.reworked_share),
        share(figures.handling_hours),
    ]
}
