//! From counts to the table: targets and verdicts of ISA-18.2-2016 table 7, sentences in Chinese.
//!
//! Where the standard names a target and a maximum, a figure between them is manageable. Where it asks for a plan of
//! action instead of a maximum (most frequent, chattering, fleeting, stale), a figure beyond the target is manageable
//! with a plan. Everything else beyond its target is too much.

use super::frequent::Calls;
use super::tally::{PRIORITIES, Tally};
use super::{BIN_CALLS_MAX, BIN_MS, DAY_MS};
use greenhub_model::kpi::{
    Bins, DeskName, FloodTime, Frequent, KpiReport, KpiRow, Peak, PriorityShare, Standing, Took, Verdict,
};
use greenhub_model::{AlarmCode, DeviceId};

const TOP: usize = 10;
const LISTED_MAX: usize = 100;
const STALE_MAX: usize = 500;
const DAYS_WANTED: i64 = 30;
/// Shares that the convention for four levels asks for.
const SHARES: [f64; 4] = [0.01, 0.05, 0.15, 0.80];

type Row<'a> = (&'a (DeviceId, AlarmCode), &'a Calls);

impl Tally {
    pub(super) fn report(mut self, mut stale: Vec<Standing>) -> KpiReport {
        stale.truncate(STALE_MAX);
        self.find_peaks();
        let ms = self.question.to - self.question.from;
        let bins = Bins { total: self.bins.len() as u64, over: self.bins_over() };
        let peak = self.peak();
        let spans = std::mem::take(&mut self.spans);
        let flood = FloodTime { ms: self.flood_ms, share: self.flood_ms as f64 / ms as f64, spans };
        let counted = |count: fn(&Calls) -> u64| {
            let mut rows: Vec<Row> = self.calls.iter().filter(|(_, calls)| count(calls) > 0).collect();
            rows.sort_by(|(a_key, a), (b_key, b)| count(b).cmp(&count(a)).then(a_key.cmp(b_key)));
            rows
        };
        let top: Vec<_> = counted(|calls| calls.count);
        let top: Vec<Frequent> = top.into_iter().take(TOP).map(|row| self.row(row, |c| c.count, false)).collect();
        let chatterers: Vec<_> = counted(|calls| calls.bursts);
        let flickering: Vec<_> = counted(|calls| calls.fleeting);
        let table = self.table(&bins, peak, &flood, &top, (chatterers.len(), flickering.len()));
        let listed = |rows: Vec<Row>, count: fn(&Calls) -> u64, bursts| {
            rows.into_iter().take(LISTED_MAX).map(|row| self.row(row, count, bursts)).collect()
        };
        let chattering = listed(chatterers, |calls| calls.chattered, true);
        let fleeting = listed(flickering, |calls| calls.fleeting, false);
        KpiReport {
            desk: DeskName { id: self.question.desk.id.clone(), title: self.question.desk.title.clone() },
            from: self.question.from,
            to: self.question.to,
            utc_offset_min: self.question.utc_offset_min,
            complete: self.complete,
            called: self.called,
            table,
            peak,
            bins,
            flood,
            top,
            chattering,
            fleeting,
            stale,
            priorities: self.priorities(),
            acknowledge: took(&self.acknowledged),
            r#return: took(&self.returned),
            trend: self.trend,
        }
    }

    fn find_peaks(&mut self) {
        let first = self.question.from.div_euclid(BIN_MS) * BIN_MS;
        for bin in 0..self.bins.len() {
            let point = self.point_of(first + bin as i64 * BIN_MS);
            let calls = u64::from(self.bins[bin]);
            let point = &mut self.trend[point];
            point.peak = point.peak.max(calls);
        }
    }

    /// The first of the fullest bins.
    fn peak(&self) -> Option<Peak> {
        let first = self.question.from.div_euclid(BIN_MS) * BIN_MS;
        let fullest = self.bins.iter().enumerate().filter(|(_, calls)| **calls > 0);
        let (bin, calls) = fullest.max_by(|(a, x), (b, y)| x.cmp(y).then(b.cmp(a)))?;
        Some(Peak { at: first + bin as i64 * BIN_MS, count: u64::from(*calls) })
    }

    fn row(&self, (key, calls): Row<'_>, count: fn(&Calls) -> u64, bursts: bool) -> Frequent {
        Frequent {
            device: key.0.clone(),
            device_name: calls.device_name.clone(),
            code: key.1.clone(),
            title: calls.title.clone(),
            count: count(calls),
            share: share(count(calls), self.called),
            bursts: bursts.then_some(calls.bursts),
            alarm: calls.newest.clone(),
        }
    }

    fn priorities(&self) -> Vec<PriorityShare> {
        let row = |(rank, priority)| {
            let (count, target) = (self.by_priority[rank], SHARES[rank]);
            let share = share(count, self.called);
            let good = if rank == 3 { share >= target } else { share <= target };
            let verdict = match (self.called, good) {
                (0, _) => Verdict::Unknown,
                (_, true) => Verdict::Good,
                (_, false) => Verdict::Manageable,
            };
            PriorityShare { priority, count, share, target, verdict }
        };
        PRIORITIES.into_iter().enumerate().map(row).collect()
    }

    fn table(
        &self,
        bins: &Bins,
        peak: Option<Peak>,
        flood: &FloodTime,
        top: &[Frequent],
        (chattering, fleeting): (usize, usize),
    ) -> Vec<KpiRow> {
        let ms = (self.question.to - self.question.from) as f64;
        let called = self.called as f64;
        let short = self.question.to - self.question.from < DAYS_WANTED * DAY_MS;
        let note = if short { "标准按至少 30 天的数据评价，本时段较短，仅供参考" } else { "" };
        let busiest = self.stale_days.values().copied().max().unwrap_or(0);
        let top: u64 = top.iter().map(|row| row.count).sum();
        let plan = "超出目标的每一项都须有整改计划";
        vec![
            Line("per_hour", "平均每小时报警", "条/小时").of(called * 3_600_000.0 / ms, 6.0, Some(12.0), note),
            Line("per_10_min", "平均每 10 分钟报警", "条/10 分钟").of(called * 600_000.0 / ms, 1.0, Some(2.0), ""),
            Line("per_day", "平均每天报警", "条/天").of(called * 86_400_000.0 / ms, 150.0, Some(300.0), ""),
            Line("bins_over", "超过 10 条的 10 分钟时段占比", "%").of(share(bins.over, bins.total), 0.01, None, ""),
            Line("peak", "10 分钟内最多报警", "条").of(
                peak.map_or(0.0, |p| p.count as f64),
                BIN_CALLS_MAX as f64,
                None,
                "平均值达标不够，须同时看峰值",
            ),
            Line("flood", "处于报警泛滥的时间占比", "%").of(flood.share, 0.01, None, ""),
            Line("top_share", "最频繁的 10 种报警占比", "%").with_plan(share(top, self.called), 0.05, plan),
            Line("chattering", "抖动报警", "种").with_plan(chattering as f64, 0.0, plan),
            Line("fleeting", "瞬时报警", "种").with_plan(fleeting as f64, 0.0, plan),
            // The standard asks for fewer than five.
            Line("stale", "单日最多陈旧报警", "条").with_plan(busiest as f64, 4.0, "持续 24 小时以上，目标少于 5 条"),
            Line("unauthorised_suppression", "未经授权的抑制", "次").known(self.question.unauthorised_suppression),
            Line("unauthorised_change", "未经授权的属性修改", "次").known(self.question.unauthorised_change),
        ]
    }
}

/// Id, label and unit of a row.
struct Line(&'static str, &'static str, &'static str);

impl Line {
    fn row(self, value: Option<f64>, target: f64, limit: Option<f64>, verdict: Verdict, text: &str) -> KpiRow {
        let Line(id, label, unit) = self;
        KpiRow {
            id: id.into(),
            label: label.into(),
            unit: unit.into(),
            value,
            target,
            limit,
            verdict,
            text: text.into(),
        }
    }

    fn of(self, value: f64, target: f64, limit: Option<f64>, text: &str) -> KpiRow {
        let verdict = match limit {
            _ if value <= target => Verdict::Good,
            Some(limit) if value <= limit => Verdict::Manageable,
            _ => Verdict::Excess,
        };
        self.row(Some(value), target, limit, verdict, text)
    }

    fn with_plan(self, value: f64, target: f64, text: &str) -> KpiRow {
        let verdict = if value <= target { Verdict::Good } else { Verdict::Manageable };
        self.row(Some(value), target, None, verdict, text)
    }

    fn known(self, value: Option<u64>) -> KpiRow {
        match value {
            Some(value) => self.of(value as f64, 0.0, None, ""),
            None => self.row(None, 0.0, None, Verdict::Unknown, "本时段没有核对记录"),
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn took(measured: &[Vec<i64>; 4]) -> Vec<Took> {
    let all: Vec<i64> = measured.concat();
    let mut rows = vec![took_row(None, all)];
    rows.extend(PRIORITIES.into_iter().zip(measured).map(|(priority, each)| took_row(Some(priority), each.clone())));
    rows
}

/// Quantiles by rank: the smallest measured value that the share does not exceed.
fn took_row(priority: Option<greenhub_model::Priority>, mut values: Vec<i64>) -> Took {
    values.sort_unstable();
    let at = |tenths: usize| {
        let rank = (values.len() * tenths).div_ceil(10);
        rank.checked_sub(1).and_then(|rank| values.get(rank).copied())
    };
    Took { priority, count: values.len() as u64, median_ms: at(5), p90_ms: at(9) }
}
