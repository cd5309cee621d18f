//! The report and the hand-over as tables for spreadsheets: one block per part, a title above each.

use crate::csv::{Cell, Csv};
use greenhub_model::alarm::AlarmState;
use greenhub_model::kpi::{Frequent, Handover, Hidden, KpiReport, Standing, Took, Verdict};
use greenhub_model::order::OrderState;

/// The report.
pub(super) fn kpi(report: &KpiReport) -> Csv {
    let mut csv = Csv::new(report.utc_offset_min);
    put_kpi(&mut csv, report, "报警指标");
    csv.gap();
    csv.heads(&["趋势", "报警数", "P1", "P2", "P3", "P4", "10 分钟峰值"]);
    for point in &report.trend {
        let [p1, p2, p3, p4] = point.by_priority.map(Cell::Count);
        csv.row([Cell::Time(point.at), Cell::Count(point.called), p1, p2, p3, p4, Cell::Count(point.peak)]);
    }
    csv
}

/// The hand-over.
pub(super) fn handover(handover: &Handover) -> Csv {
    let mut csv = Csv::new(handover.kpi.utc_offset_min);
    put_kpi(&mut csv, &handover.kpi, "交接班报告");
    csv.gap();
    csv.heads(&["在册报警", "条数"]);
    for row in &handover.standing {
        csv.row([Cell::Text(&format!("{:?}", row.priority)), Cell::Count(row.count)]);
    }
    put_standing(&mut csv, "未确认", &handover.unacknowledged);
    put_standing(&mut csv, "已确认未恢复", &handover.open);
    put_hidden(&mut csv, "已搁置", &handover.shelved);
    put_hidden(&mut csv, "停用", &handover.out_of_service);
    put_standing(&mut csv, "按设计抑制或已归并", &handover.suppressed);
    csv.gap();
    csv.heads(&["备注时间", "报警", "人员", "内容"]);
    for remark in &handover.comments {
        csv.row([Cell::Time(remark.at), (&remark.title).into(), (&remark.by).into(), (&remark.text).into()]);
    }
    csv.gap();
    csv.heads(&["新开工单", "标题", "优先级", "状态", "街道", "开单时间"]);
    for order in &handover.orders {
        let priority = format!("{:?}", order.priority);
        let (id, state) = (order.id.as_str().into(), order_state(order.state).into());
        let (title, place) = ((&order.title).into(), (&order.sub_district).into());
        csv.row([id, title, Cell::Text(&priority), state, place, Cell::Time(order.created_at)]);
    }
    if handover.truncated {
        csv.gap();
        csv.heads(&["有列表超过 500 行，只列出前 500 行"]);
    }
    csv
}

fn put_kpi(csv: &mut Csv, report: &KpiReport, title: &str) {
    csv.row([title.into(), (&report.desk.title).into(), Cell::Time(report.from), Cell::Time(report.to)]);
    if !report.complete {
        csv.heads(&["事件过多，只统计到上面的结束时间"]);
    }
    csv.gap();
    csv.heads(&["指标", "数值", "单位", "目标", "可管理上限", "结论", "说明"]);
    for row in &report.table {
        csv.row([
            (&row.label).into(),
            row.value.map_or(Cell::Empty, Cell::Number),
            if row.unit == "%" { "比例" } else { &row.unit }.into(),
            Cell::Number(row.target),
            row.limit.map_or(Cell::Empty, Cell::Number),
            verdict(row.verdict).into(),
            (&row.text).into(),
        ]);
    }
    csv.gap();
    csv.heads(&["优先级", "报警数", "占比", "目标占比"]);
    for row in &report.priorities {
        let priority = format!("{:?}", row.priority);
        csv.row([Cell::Text(&priority), Cell::Count(row.count), Cell::Number(row.share), Cell::Number(row.target)]);
    }
    put_frequent(csv, "最频繁的 10 种报警", &report.top);
    put_frequent(csv, "抖动报警", &report.chattering);
    put_frequent(csv, "瞬时报警", &report.fleeting);
    put_standing(csv, "陈旧报警", &report.stale);
    put_took(csv, "确认用时（秒）", &report.acknowledge);
    put_took(csv, "恢复用时（秒）", &report.r#return);
    csv.gap();
    csv.heads(&["报警泛滥", "结束", "期间报警数"]);
    for span in &report.flood.spans {
        csv.row([Cell::Time(span.from), span.to.map_or(Cell::Empty, Cell::Time), Cell::Count(span.called)]);
    }
}

fn put_frequent(csv: &mut Csv, title: &str, rows: &[Frequent]) {
    csv.gap();
    csv.heads(&[title, "设备", "设备名称", "代码", "次数", "占比"]);
    for row in rows {
        csv.row([
            (&row.title).into(),
            row.device.as_str().into(),
            (&row.device_name).into(),
            row.code.as_str().into(),
            Cell::Count(row.count),
            Cell::Number(row.share),
        ]);
    }
}

fn put_standing(csv: &mut Csv, title: &str, rows: &[Standing]) {
    csv.gap();
    csv.heads(&[title, "优先级", "设备", "设备名称", "街道", "状态", "开始", "最近提示"]);
    for row in rows {
        standing(csv, row, []);
    }
}

fn put_hidden(csv: &mut Csv, title: &str, rows: &[Hidden]) {
    csv.gap();
    csv.heads(&[
        title,
        "优先级",
        "设备",
        "设备名称",
        "街道",
        "状态",
        "开始",
        "最近提示",
        "人员",
        "时间",
        "原因",
        "到期",
    ]);
    for row in rows {
        let until = row.until.map_or(Cell::Empty, Cell::Time);
        standing(csv, &row.standing, [(&row.by).into(), Cell::Time(row.at), (&row.reason).into(), until]);
    }
}

fn standing<'a, const N: usize>(csv: &mut Csv, row: &'a Standing, more: [Cell<'a>; N]) {
    let priority = format!("{:?}", row.priority);
    let cells = [
        (&row.title).into(),
        Cell::Text(&priority),
        row.device.as_str().into(),
        (&row.device_name).into(),
        (&row.sub_district).into(),
        state(row).into(),
        Cell::Time(row.since),
        row.called_at.map_or(Cell::Empty, Cell::Time),
    ];
    csv.row(cells.into_iter().chain(more));
}

fn put_took(csv: &mut Csv, title: &str, rows: &[Took]) {
    csv.gap();
    csv.heads(&[title, "次数", "中位数", "九成以内"]);
    for row in rows {
        let priority = row.priority.map_or("全部".to_owned(), |priority| format!("{priority:?}"));
        let seconds = |ms: Option<i64>| ms.map_or(Cell::Empty, |ms| Cell::Number(ms as f64 / 1000.0));
        csv.row([Cell::Text(&priority), Cell::Count(row.count), seconds(row.median_ms), seconds(row.p90_ms)]);
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "达标",
        Verdict::Manageable => "可管理",
        Verdict::Excess => "超限",
        Verdict::Unknown => "无数据",
    }
}

fn state(row: &Standing) -> &'static str {
    match row.state {
        _ if row.folded => "已归并",
        AlarmState::Normal => "正常",
        AlarmState::Unacknowledged => "未确认",
        AlarmState::Acknowledged => "已确认",
        AlarmState::ReturnedUnacknowledged => "已恢复未确认",
        AlarmState::LatchedUnacknowledged => "锁定未确认",
        AlarmState::LatchedAcknowledged => "锁定已确认",
        AlarmState::Shelved => "已搁置",
        AlarmState::SuppressedByDesign => "按设计抑制",
        AlarmState::OutOfService => "停用",
    }
}

fn order_state(state: OrderState) -> &'static str {
    match state {
        OrderState::Reported => "待受理",
        OrderState::Filed => "待派遣",
        OrderState::Dispatched => "待接单",
        OrderState::Accepted => "已接单",
        OrderState::InProgress => "处置中",
        OrderState::Suspended => "挂账",
        OrderState::Finished => "待核查",
        OrderState::Closed => "已结案",
        OrderState::Rejected => "不予立案",
        OrderState::Merged => "已并案",
        OrderState::Split => "已拆分",
        OrderState::Cancelled => "已作废",
    }
}
