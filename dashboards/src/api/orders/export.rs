//! All orders that a list would show, as one file: CSV as it is read, or a workbook.
//!
//! **Bounds.** A page of orders is in memory at a time. CSV leaves page by page, however many there are; if the book fails
//! on the way the transfer breaks off, so a half file is never taken for a whole one. A workbook keeps its rows in a
//! temporary file and only its packed form in memory, and has at most [`WORKBOOK_ROWS_MAX`].

use super::{OrdersQuery, caller_of, shown};
use crate::access::Caller;
use crate::csv::{Cell, Csv, local_time};
use crate::extract::Params;
use crate::ports::{OrderQuery, PortFailure};
use crate::problem::Problem;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use greenhub_model::Role;
use greenhub_model::order::{ClockState, Order, Stage};
use greenhub_storage::relational::{PageRequest, enum_word};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, XlsxError};
use serde::Deserialize;
use tokio::sync::mpsc;

/// Orders read at one time.
const PAGE: u32 = 500;
/// Most rows of a workbook.
const WORKBOOK_ROWS_MAX: usize = 200_000;
const CELL_CHARS_MAX: usize = 32_000;

const HEADS: [&str; 30] = [
    "编号",
    "来源",
    "外部系统",
    "外部编号",
    "标题",
    "描述",
    "编码方案",
    "类别",
    "代码",
    "优先级",
    "状态",
    "设备",
    "地址",
    "经度",
    "纬度",
    "单元网格",
    "街道",
    "报告人",
    "报告电话",
    "发现时间",
    "上报时间",
    "更新时间",
    "处置人",
    "班组",
    "处置期限",
    "处置是否超时",
    "退回次数",
    "延期次数",
    "返工次数",
    "附件数",
];

/// In which form.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `csv` (default) or `xlsx`.
    #[serde(default)]
    pub format: Option<String>,
}

/// All orders of a list as a file; `limit` and `cursor` do not count.
#[utoipa::path(get, path = "/api/v1/orders/export", tag = "orders", params(OrdersQuery, ExportQuery),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 400, body = Problem),
        (status = 413, body = Problem)))]
pub async fn export(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<OrdersQuery>,
    Params(form): Params<ExportQuery>,
) -> Result<Response, Problem> {
    let pages = Pages {
        wanted: query.checked(&caller_of(&state, &caller))?,
        utc_offset_min: state.orders.rules().rules.calendar.utc_offset_min,
        role: caller.session.role,
        page: Some(PageRequest::first(PAGE)),
        state,
    };
    match form.format.as_deref() {
        None | Some("csv") => Ok(csv(pages)),
        Some("xlsx") => xlsx(pages).await,
        Some(_) => Err(Problem::bad_request("format 请写 csv 或 xlsx")),
    }
}

/// Where the reading stands.
struct Pages {
    state: AppState,
    wanted: OrderQuery,
    role: Role,
    utc_offset_min: i32,
    page: Option<PageRequest>,
}

impl Pages {
    /// The next orders; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<Order>>, PortFailure> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let rows = self.state.orders.list(&self.wanted, &page).await?;
        self.page = rows.next.map(|next| PageRequest { limit: PAGE, cursor: Some(next) });
        Ok(Some(rows.items.into_iter().map(|order| shown(order, self.role)).collect()))
    }
}

fn csv(pages: Pages) -> Response {
    let mut table = Csv::new(pages.utc_offset_min).decimals(7);
    table.heads(&HEADS);
    let body = stream::try_unfold((pages, table), |(mut pages, mut table)| async move {
        let Some(orders) = pages.next().await? else { return Ok(None) };
        for order in &orders {
            table.row(row(order).iter().map(Value::cell));
        }
        Ok::<_, PortFailure>(Some((table.take(), (pages, table))))
    });
    saved(Body::from_stream(body), "text/csv; charset=utf-8", "orders.csv")
}

async fn xlsx(mut pages: Pages) -> Result<Response, Problem> {
    let (send, receive) = mpsc::channel(2);
    let utc_offset_min = pages.utc_offset_min;
    let written = tokio::task::spawn_blocking(move || workbook(receive, utc_offset_min));
    let mut rows = 0;
    while let Some(orders) = pages.next().await? {
        rows += orders.len();
        if rows > WORKBOOK_ROWS_MAX {
            let text = format!("Excel 导出最多 {WORKBOOK_ROWS_MAX} 行，请缩小筛选范围或改用 CSV 导出");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        // A writer that failed is gone; its own error says why.
        if send.send(orders).await.is_err() {
            break;
        }
    }
    drop(send);
    let written = written.await.map_err(|died| Problem::unavailable("write a workbook", &died))?;
    let bytes = written.map_err(|error| Problem::unavailable("write a workbook", &error))?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(saved(Body::from(bytes), kind, "orders.xlsx"))
}

/// Writes a sheet row by row; texts are texts and never formulas.
fn workbook(mut pages: mpsc::Receiver<Vec<Order>>, utc_offset_min: i32) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (bold, moment) = (Format::new().set_bold(), Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"));
    let sheet = book.add_worksheet_with_constant_memory()?;
    sheet.set_name("工单")?.set_freeze_panes(1, 0)?;
    for (column, head) in (0..).zip(HEADS) {
        sheet.set_column_width(column, 16.0)?.write_string_with_format(0, column, head, &bold)?;
    }
    let mut at = 0;
    while let Some(orders) = pages.blocking_recv() {
        for order in &orders {
            at += 1;
            for (column, value) in (0..).zip(row(order)) {
                match value {
                    Value::Text(text) => {
                        sheet.write_string(at, column, text.chars().take(CELL_CHARS_MAX).collect::<String>())?;
                    }
                    Value::Count(number) => {
                        sheet.write_number(at, column, number as f64)?;
                    }
                    Value::Number(number) if number.is_finite() => {
                        sheet.write_number(at, column, number)?;
                    }
                    Value::Time(time) => {
                        let local = time.div_euclid(1000) + i64::from(utc_offset_min) * 60;
                        match ExcelDateTime::from_timestamp(local) {
                            Ok(date) => sheet.write_datetime_with_format(at, column, &date, &moment)?,
                            // Excel knows no year before 1900 and none after 9999.
                            Err(_) => sheet.write_string(at, column, local_time(time, utc_offset_min))?,
                        };
                    }
                    Value::Number(_) | Value::Empty => {}
                }
            }
        }
    }
    book.save_to_buffer()
}

/// A cell that owns its text.
enum Value {
    Text(String),
    Count(u64),
    Number(f64),
    Time(i64),
    Empty,
}

impl Value {
    fn text(text: impl ToString) -> Self {
        Value::Text(text.to_string())
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Value::Text(text) => Cell::Text(text),
            Value::Count(number) => Cell::Count(*number),
            Value::Number(number) => Cell::Number(*number),
            Value::Time(at) => Cell::Time(*at),
            Value::Empty => Cell::Empty,
        }
    }
}

fn row(order: &Order) -> [Value; HEADS.len()] {
    let some = |text: Option<String>| text.map_or(Value::Empty, Value::Text);
    let degrees = |value: Option<f64>| value.map_or(Value::Empty, Value::Number);
    let (external, kind, reporter) = (order.external.as_ref(), order.kind.as_ref(), order.reporter.as_ref());
    let handling = order.clock(Stage::Handling);
    let late =
        handling.map(|clock| if clock.state == ClockState::DoneLate || clock.escalations > 0 { "是" } else { "否" });
    [
        Value::text(&order.id),
        Value::text(enum_word(&order.source)),
        some(external.map(|external| external.system.clone())),
        some(external.map(|external| external.number.clone())),
        Value::text(&order.title),
        Value::text(&order.text),
        some(kind.map(|kind| kind.scheme.clone())),
        some(kind.map(|kind| enum_word(&kind.category))),
        some(kind.map(|kind| kind.code.clone())),
        Value::text(enum_word(&order.priority)),
        Value::text(enum_word(&order.state)),
        some(order.device.as_ref().map(ToString::to_string)),
        Value::text(&order.address),
        degrees(order.lon),
        degrees(order.lat),
        Value::text(&order.grid),
        Value::text(&order.sub_district),
        some(reporter.map(|reporter| reporter.name.clone())),
        some(reporter.map(|reporter| reporter.phone.clone())),
        Value::Time(order.seen_at),
        Value::Time(order.created_at),
        Value::Time(order.updated_at),
        some(order.assignee.clone()),
        some(order.team.clone()),
        handling.map_or(Value::Empty, |clock| Value::Time(clock.deadline)),
        some(late.map(str::to_owned)),
        Value::Count(order.return_count.into()),
        Value::Count(order.delay_count.into()),
        Value::Count(order.rework_count.into()),
        Value::Count(order.attachments.len() as u64),
    ]
}

fn saved(body: Body, kind: &'static str, name: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("file names of this program are plain ASCII"));
    response
}
