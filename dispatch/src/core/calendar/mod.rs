//! When people work, and when a limit ends (时限计算).
//!
//! ```text
//! worked time  ▁▁▁▁╱▔▔╱▁▁▁▁╱▔▔╱▁▁▁▁▁▁▁▁▁▁▁▁   W(t): milliseconds worked before t, never falls
//!              night Thu     Fri    weekend
//! deadline of n work hours = the first t with W(t) = W(start) + n h
//! ```
//!
//! | limit | ends |
//! |---|---|
//! | 紧急工作时 urgent hour, 自然日 natural day | by the wall clock |
//! | 工作时 work hour | when so much worked time has gone by |
//! | 工作日 work day | at the close of the n-th work day; the day of the start does not count, a begun day counts whole |
//!
//! A work day is Monday to Friday or a weekend day that is worked, and no holiday. The offset from UTC is fixed: China
//! has no summer time. Holidays are data of the yearly notice; where none are named, weekends alone are free.
//!
//! **Cost.** Work days are counted by closed form plus two binary searches, so a limit over years costs what one over
//! an hour does. **Bounds.** Answers stop at [`LATEST_MS`], far beyond any order.

#[cfg(test)]
mod tests;

use greenhub_model::dispatch::{Calendar, LimitKind};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// No moment is later: the end of the year 9999.
pub const LATEST_MS: i64 = 253_402_300_799_000;
/// Most work periods of a day.
pub const PERIODS_MAX: usize = 12;
/// Most holidays, and most worked weekend days.
pub const DAYS_MAX: usize = 5_000;

const LATEST_DAY: i64 = LATEST_MS / DAY_MS;
/// 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// A calendar that can be asked. Made once per version of the dispatch rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledCalendar {
    offset_ms: i64,
    /// From and to, milliseconds of the local day, in order and apart; never empty.
    periods: Vec<(i64, i64)>,
    /// Worked milliseconds of a work day, above 0.
    day_work_ms: i64,
    /// Holidays on Monday to Friday, days since 1970-01-01, in order.
    days_off: Vec<i64>,
    /// Worked Saturdays and Sundays, likewise.
    days_on: Vec<i64>,
}

impl CompiledCalendar {
    /// Reads a calendar, or says everything that is wrong with it.
    pub fn new(calendar: &Calendar) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        if !(-14 * 60..=14 * 60).contains(&calendar.utc_offset_min) {
            let offset = calendar.utc_offset_min;
            wrong.push(format!("时差 utc_offset_min 是 {offset} 分钟，应在 -840 到 840 之间；中国为 480"));
        }
        let periods = read_periods(&calendar.work_periods, &mut wrong);
        let holidays = read_days("节假日 holidays", &calendar.holidays, &mut wrong);
        let extra = read_days("调休上班日 extra_workdays", &calendar.extra_workdays, &mut wrong);
        for day in extra.iter().filter(|day| !is_weekend(**day)) {
            wrong.push(format!("调休上班日 {} 不是周六或周日，请从 extra_workdays 中去掉", day_text(*day)));
        }
        for day in extra.iter().filter(|day| holidays.binary_search(day).is_ok()) {
            wrong.push(format!("{} 既是节假日又是调休上班日，请只保留一处", day_text(*day)));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            offset_ms: i64::from(calendar.utc_offset_min) * MINUTE_MS,
            day_work_ms: periods.iter().map(|(from, to)| to - from).sum(),
            periods,
            days_off: holidays.into_iter().filter(|day| !is_weekend(*day)).collect(),
            days_on: extra,
        })
    }

    /// When a limit of `value` hours or days that begins at `start` ends, Unix ms. A value that is not above 0 ends at
    /// once.
    pub fn deadline(&self, start: i64, kind: LimitKind, value: f64) -> i64 {
        if value.is_nan() || value <= 0.0 {
            return start;
        }
        // A number too large becomes the largest one, and is cut off at LATEST_MS below.
        let wall = |unit: i64| start.saturating_add((value * unit as f64).round() as i64).min(LATEST_MS);
        match kind {
            LimitKind::UrgentHour => wall(HOUR_MS),
            LimitKind::NaturalDay => wall(DAY_MS),
            LimitKind::WorkHour => self.after_work(start, (value * HOUR_MS as f64).round() as i64),
            LimitKind::WorkDay => self.close_of(self.nth_work_day(self.day(start), value.ceil() as i64)),
        }
    }

    /// The moment when `share` (0 to 1) of the time from `start` to `deadline` has gone by, counted as the limit counts:
    /// work limits in worked time, the others by the wall clock.
    pub fn share_at(&self, start: i64, deadline: i64, kind: LimitKind, share: f64) -> i64 {
        let part = |whole: i64| (whole as f64 * share.clamp(0.0, 1.0)).round() as i64;
        match kind {
            LimitKind::UrgentHour | LimitKind::NaturalDay => start + part(deadline - start),
            LimitKind::WorkHour | LimitKind::WorkDay => {
                self.after_work(start, part(self.worked(start, deadline))).min(deadline)
            }
        }
    }

    /// The deadline after a pause from `paused` to `resumed`: what was left then is left again. A limit that was over
    /// already stays as it was; one in work days ends with a work day again.
    pub fn resumed(&self, kind: LimitKind, deadline: i64, paused: i64, resumed: i64) -> i64 {
        if paused >= deadline || resumed <= paused {
            return deadline;
        }
        match kind {
            LimitKind::UrgentHour | LimitKind::NaturalDay => deadline.saturating_add(resumed - paused).min(LATEST_MS),
            LimitKind::WorkHour => self.after_work(resumed, self.worked(paused, deadline)),
            LimitKind::WorkDay => {
                self.close_of(self.day(self.after_work(resumed, self.worked(paused, deadline).max(1))))
            }
        }
    }

    /// Time worked from `from` to `to`, milliseconds; below 0 where `to` is the earlier one.
    pub fn worked(&self, from: i64, to: i64) -> i64 {
        self.work_before(to) - self.work_before(from)
    }

    /// The first moment when `work_ms` have been worked since `start`; `start` itself for 0 or less.
    pub fn after_work(&self, start: i64, work_ms: i64) -> i64 {
        if work_ms <= 0 {
            return start;
        }
        let wanted = self.work_before(start).saturating_add(work_ms);
        // The work day on which it comes true: the one before which less than that has been worked.
        let whole_days = (wanted - 1).div_euclid(self.day_work_ms);
        let day = self.day_with_count(whole_days, self.day(start));
        let mut rest = wanted - whole_days * self.day_work_ms;
        for (from, to) in &self.periods {
            if rest <= to - from {
                return self.at(day, from + rest);
            }
            rest -= to - from;
        }
        LATEST_MS
    }

    /// Whether somebody works on the local day that holds this moment.
    pub fn is_work_day(&self, at: i64) -> bool {
        self.works_on(self.day(at))
    }

    /// Whether it is work time at this moment.
    pub fn is_work_time(&self, at: i64) -> bool {
        let time = self.time_of_day(at);
        self.is_work_day(at) && self.periods.iter().any(|(from, to)| (*from..*to).contains(&time))
    }

    /// Local days since 1970-01-01.
    pub fn day(&self, at: i64) -> i64 {
        at.saturating_add(self.offset_ms).div_euclid(DAY_MS)
    }

    /// The local day as `YYYY-MM-DD`.
    pub fn day_text(&self, at: i64) -> String {
        day_text(self.day(at))
    }

    /// Milliseconds since local midnight.
    pub fn time_of_day(&self, at: i64) -> i64 {
        at.saturating_add(self.offset_ms).rem_euclid(DAY_MS)
    }

    /// The moment of a local day and time of day.
    pub fn at(&self, day: i64, time_of_day_ms: i64) -> i64 {
        (day.min(LATEST_DAY) * DAY_MS + time_of_day_ms - self.offset_ms).min(LATEST_MS)
    }

    fn works_on(&self, day: i64) -> bool {
        if is_weekend(day) {
            self.days_on.binary_search(&day).is_ok()
        } else {
            self.days_off.binary_search(&day).is_err()
        }
    }

    /// Worked milliseconds before a moment, from an arbitrary but fixed zero.
    fn work_before(&self, at: i64) -> i64 {
        let day = self.day(at);
        let mut work = self.work_days_before(day) * self.day_work_ms;
        if self.works_on(day) {
            let time = self.time_of_day(at);
            work += self.periods.iter().map(|(from, to)| (time.min(*to) - from).max(0)).sum::<i64>();
        }
        work
    }

    /// Work days before a day, from an arbitrary but fixed zero. Never falls, and grows by at most one a day.
    fn work_days_before(&self, day: i64) -> i64 {
        let (weeks, weekday) = ((day + EPOCH_WEEKDAY).div_euclid(7), (day + EPOCH_WEEKDAY).rem_euclid(7));
        let before = |days: &[i64]| days.partition_point(|other| *other < day) as i64;
        weeks * 5 + weekday.min(5) - before(&self.days_off) + before(&self.days_on)
    }

    /// The n-th work day after a day.
    fn nth_work_day(&self, day: i64, n: i64) -> i64 {
        self.day_with_count(self.work_days_before(day + 1).saturating_add(n.max(1) - 1), day)
    }

    /// The work day, not before `from`, before which there are `count` work days.
    fn day_with_count(&self, count: i64, from: i64) -> i64 {
        let (mut low, mut step) = (from, 1);
        // Invariant: the day sought is not before `low`. First a day that is late enough, then halving.
        while self.work_days_before(low + step + 1) <= count {
            low += step;
            step *= 2;
            if low > LATEST_DAY {
                return LATEST_DAY;
            }
        }
        let mut high = low + step;
        while low < high {
            let middle = low + (high - low) / 2;
            if self.work_days_before(middle + 1) > count { high = middle } else { low = middle + 1 }
        }
        low
    }

    fn close_of(&self, day: i64) -> i64 {
        let close = self.periods.last().map_or(DAY_MS, |(_, to)| *to);
        self.at(day, close)
    }
}

/// The local day `YYYY-MM-DD` as days since 1970-01-01.
pub fn parse_day(text: &str) -> Option<i64> {
    let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(Date::constant(1970, 1, 1).duration_until(date).as_secs() / 86_400)
}

/// A time of day `HH:MM` in milliseconds; `24:00` is the end of the day.
pub fn parse_time(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    let digits = |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<i64>().ok() } else { None };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    let time = hour * HOUR_MS + minute * MINUTE_MS;
    (minute < 60 && time <= DAY_MS).then_some(time)
}

/// Monday 0 to Sunday 6.
pub fn weekday(day: i64) -> i64 {
    (day + EPOCH_WEEKDAY).rem_euclid(7)
}

/// A day since 1970-01-01 as `YYYY-MM-DD`.
pub fn day_text(day: i64) -> String {
    let day = day.clamp(-LATEST_DAY, LATEST_DAY);
    let date = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(day));
    date.map_or_else(|_| String::new(), |date| date.to_string())
}

fn is_weekend(day: i64) -> bool {
    weekday(day) >= 5
}

fn read_periods(periods: &[(String, String)], wrong: &mut Vec<String>) -> Vec<(i64, i64)> {
    if periods.is_empty() || periods.len() > PERIODS_MAX {
        wrong.push(format!("工作时段 work_periods 有 {} 段，应为 1 到 {PERIODS_MAX} 段", periods.len()));
        return Vec::new();
    }
    let mut read: Vec<(i64, i64)> = Vec::new();
    for (from, to) in periods {
        let (Some(begin), Some(end)) = (parse_time(from), parse_time(to)) else {
            wrong.push(format!("工作时段 {from}–{to} 无法识别，请按 09:00 的样子填写"));
            continue;
        };
        if begin >= end {
            wrong.push(format!("工作时段 {from}–{to} 的结束不晚于开始；跨夜的时段请分成两段"));
        } else if read.last().is_some_and(|(_, before)| begin < *before) {
            wrong.push(format!("工作时段 {from}–{to} 与前一段重叠或次序颠倒，请按时间先后排列"));
        } else {
            read.push((begin, end));
        }
    }
    read
}

fn read_days(what: &str, days: &BTreeSet<String>, wrong: &mut Vec<String>) -> Vec<i64> {
    if days.len() > DAYS_MAX {
        wrong.push(format!("{what} 有 {} 天，最多 {DAYS_MAX} 天；请去掉过去的年份", days.len()));
        return Vec::new();
    }
    let mut read = Vec::new();
    for text in days {
        match parse_day(text) {
            Some(day) => read.push(day),
            None => wrong.push(format!("{what} 中的 {text:?} 不是日期，请按 2026-10-01 的样子填写")),
        }
    }
    read.sort_unstable();
    read
}
