//! The stated cases, and random limits against a reference that walks minute by minute.

use super::*;
use proptest::prelude::*;

fn calendar_2026() -> Calendar {
    let span = |month: u32, days: std::ops::RangeInclusive<u32>| days.map(move |d| format!("2026-{month:02}-{d:02}"));
    let holidays = span(1, 1..=3)
        .chain(span(2, 15..=23))
        .chain(span(4, 4..=6))
        .chain(span(5, 1..=5))
        .chain(span(6, 19..=21))
        .chain(span(9, 25..=27))
        .chain(span(10, 1..=7));
    let extra = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"];
    Calendar {
        utc_offset_min: 480,
        work_periods: vec![("09:00".into(), "12:00".into()), ("13:00".into(), "17:30".into())],
        holidays: holidays.collect(),
        extra_workdays: extra.map(str::to_owned).into(),
    }
}

fn compiled() -> CompiledCalendar {
    CompiledCalendar::new(&calendar_2026()).expect("the calendar of 2026 is right")
}

/// `2026-09-04 22:00` in China.
fn at(text: &str) -> i64 {
    let (day, time) = text.split_once(' ').expect("day and time");
    compiled().at(parse_day(day).expect("a day"), parse_time(time).expect("a time"))
}

fn shown(at: i64) -> String {
    let calendar = compiled();
    let minutes = calendar.time_of_day(at) / MINUTE_MS;
    format!("{} {:02}:{:02}", calendar.day_text(at), minutes / 60, minutes % 60)
}

#[test]
fn limits_end_as_stated() {
    use LimitKind::*;
    let cases = [
        ("urgent runs through the night", "2026-09-04 22:00", UrgentHour, 4.0, "2026-09-05 02:00"),
        ("4 work hours inside a day", "2026-09-03 09:30", WorkHour, 4.0, "2026-09-03 14:30"),
        ("4 work hours over the weekend", "2026-09-04 16:30", WorkHour, 4.0, "2026-09-07 12:00"),
        ("starts after hours", "2026-09-03 20:00", WorkHour, 2.0, "2026-09-04 11:00"),
        ("starts in the lunch break", "2026-09-03 12:20", WorkHour, 1.0, "2026-09-03 14:00"),
        ("1 work day", "2026-09-03 15:00", WorkDay, 1.0, "2026-09-04 17:30"),
        ("1 work day from a worked Saturday", "2026-10-10 10:00", WorkDay, 1.0, "2026-10-12 17:30"),
        ("5 work days over the national holiday", "2026-09-29 10:00", WorkDay, 5.0, "2026-10-12 17:30"),
        ("15 work days, complex hotline case", "2026-09-24 09:00", WorkDay, 15.0, "2026-10-22 17:30"),
        ("2 work days over the spring festival", "2026-02-13 16:00", WorkDay, 2.0, "2026-02-24 17:30"),
        ("4 work hours across a worked Sunday", "2026-09-18 16:00", WorkHour, 4.0, "2026-09-20 11:30"),
        ("3 natural days", "2026-10-01 08:00", NaturalDay, 3.0, "2026-10-04 08:00"),
        // Beyond the published ones.
        ("half an hour, urgent", "2026-09-04 23:45", UrgentHour, 0.5, "2026-09-05 00:15"),
        ("half a work day counts whole", "2026-09-03 15:00", WorkDay, 0.5, "2026-09-04 17:30"),
        ("a work day from a holiday", "2026-10-03 15:00", WorkDay, 1.0, "2026-10-08 17:30"),
        ("a work hour from a holiday", "2026-10-03 15:00", WorkHour, 0.25, "2026-10-08 09:15"),
        ("nothing ends at once", "2026-09-03 03:00", WorkHour, 0.0, "2026-09-03 03:00"),
    ];
    for (name, start, kind, value, want) in cases {
        assert_eq!(shown(compiled().deadline(at(start), kind, value)), want, "{name}");
    }
}

#[test]
fn a_limit_without_end_ends_all_the_same() {
    for kind in [LimitKind::UrgentHour, LimitKind::WorkHour, LimitKind::WorkDay, LimitKind::NaturalDay] {
        for value in [1e9, 1e300, f64::INFINITY] {
            let end = compiled().deadline(at("2026-09-03 09:30"), kind, value);
            assert!((at("2300-01-01 00:00")..=LATEST_MS).contains(&end), "{kind:?} {value}: {end}");
        }
        assert_eq!(compiled().deadline(5, kind, f64::NAN), 5);
    }
}

#[test]
fn a_wrong_calendar_says_all_that_is_wrong() {
    let sentences = |change: fn(&mut Calendar)| {
        let mut calendar = calendar_2026();
        change(&mut calendar);
        CompiledCalendar::new(&calendar).err().unwrap_or_default().join("；")
    };
    type Change = fn(&mut Calendar);
    let cases: [(Change, &str); 10] = [
        (|c| c.utc_offset_min = 2000, "2000"),
        (|c| c.work_periods.clear(), "0 段"),
        (|c| c.work_periods = vec![("9:00".into(), "12:00".into())], "9:00–12:00 无法识别"),
        (|c| c.work_periods = vec![("22:00".into(), "06:00".into())], "分成两段"),
        (|c| c.work_periods.swap(0, 1), "重叠或次序颠倒"),
        (|c| assert!(c.holidays.insert("2026-02-30".into())), "2026-02-30"),
        (|c| assert!(c.holidays.insert("20261001".into())), "20261001"),
        (|c| assert!(c.extra_workdays.insert("2026-09-21".into())), "2026-09-21 不是周六或周日"),
        (|c| assert!(c.extra_workdays.insert("2026-10-04".into())), "2026-10-04 既是节假日"),
        (|c| (c.utc_offset_min, c.work_periods) = (9000, vec![]), "时段"),
    ];
    for (change, want) in cases {
        let said = sentences(change);
        assert!(said.contains(want), "{said:?} should contain {want:?}");
    }
    let both = sentences(|c| (c.utc_offset_min, c.work_periods) = (9000, vec![]));
    assert!(both.contains("9000") && both.contains("0 段"), "{both}");
}

#[test]
fn a_pause_gives_back_what_was_left() {
    use LimitKind::*;
    let cases = [
        (UrgentHour, "2026-09-03 12:00", "2026-09-03 10:00", "2026-09-03 11:00", "2026-09-03 13:00"),
        (WorkHour, "2026-09-03 14:30", "2026-09-03 11:00", "2026-09-04 16:30", "2026-09-07 10:30"),
        (WorkHour, "2026-09-03 14:30", "2026-09-03 18:00", "2026-09-04 16:30", "2026-09-03 14:30"),
        (WorkDay, "2026-09-04 17:30", "2026-09-03 15:00", "2026-09-07 10:00", "2026-09-08 17:30"),
        (WorkDay, "2026-09-04 17:30", "2026-09-04 15:00", "2026-09-07 10:00", "2026-09-07 17:30"),
        (WorkDay, "2026-09-04 17:30", "2026-09-03 20:00", "2026-09-03 22:00", "2026-09-04 17:30"),
        (NaturalDay, "2026-09-04 17:30", "2026-09-03 15:00", "2026-09-05 15:00", "2026-09-06 17:30"),
    ];
    for (kind, deadline, paused, resumed, want) in cases {
        let got = compiled().resumed(kind, at(deadline), at(paused), at(resumed));
        assert_eq!(shown(got), want, "{kind:?} until {deadline}, paused {paused} to {resumed}");
    }
}

#[test]
fn a_warning_counts_as_its_limit_does() {
    let share = |start, deadline, kind| shown(compiled().share_at(at(start), at(deadline), kind, 0.5));
    assert_eq!(share("2026-09-04 16:30", "2026-09-07 12:00", LimitKind::WorkHour), "2026-09-07 10:00");
    assert_eq!(share("2026-09-04 22:00", "2026-09-05 02:00", LimitKind::UrgentHour), "2026-09-05 00:00");
    assert_eq!(share("2026-09-03 15:00", "2026-09-04 17:30", LimitKind::WorkDay), "2026-09-04 11:30");
}

/// A calendar of a few weeks around the turn of 2025 with random periods and days, and its naive reading.
#[derive(Debug, Clone)]
struct Naive {
    calendar: Calendar,
    /// Minutes of a day that are worked.
    minutes: Vec<bool>,
    first_day: i64,
}

const WEEKS: i64 = 26;

impl Naive {
    fn works_on(&self, day: i64) -> bool {
        let text = day_text(day);
        let weekend = [5, 6].contains(&(day + 3).rem_euclid(7));
        if weekend { self.calendar.extra_workdays.contains(&text) } else { !self.calendar.holidays.contains(&text) }
    }

    fn works_at(&self, minute: i64) -> bool {
        let local = minute + i64::from(self.calendar.utc_offset_min);
        self.works_on(local.div_euclid(1440)) && self.minutes[local.rem_euclid(1440) as usize]
    }
}

fn naive() -> impl Strategy<Value = Naive> {
    let periods = proptest::collection::btree_set(0..=1440i64, 2..7);
    let days = proptest::collection::btree_set(0..WEEKS * 7, 0..60);
    (periods, days, -840..=840i32).prop_map(|(edges, days, utc_offset_min)| {
        let first_day = parse_day("2025-11-01").expect("a day");
        let text = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let edges: Vec<i64> = edges.into_iter().collect();
        let periods: Vec<(i64, i64)> = edges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let (weekend, work): (Vec<i64>, Vec<i64>) =
            days.into_iter().map(|day| first_day + day).partition(|day| [5, 6].contains(&(day + 3).rem_euclid(7)));
        let minutes = (0..1440).map(|minute| periods.iter().any(|(from, to)| (*from..*to).contains(&minute)));
        Naive {
            minutes: minutes.collect(),
            first_day,
            calendar: Calendar {
                utc_offset_min,
                work_periods: periods.iter().map(|(from, to)| (text(*from), text(*to))).collect(),
                holidays: work.into_iter().map(day_text).collect(),
                extra_workdays: weekend.into_iter().map(day_text).collect(),
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn work_hours_equal_a_walk_minute_by_minute(naive in naive(), start in 0..40 * 1440i64, work in 1..6000i64) {
        let calendar = CompiledCalendar::new(&naive.calendar).expect("random calendars are right");
        let start = naive.first_day * 1440 + start;
        let (mut minute, mut left) = (start, work);
        // Bounded: the days of the calendar are over by then, and every week has work days again.
        while left > 0 && minute < start + 2000 * 1440 {
            left -= i64::from(naive.works_at(minute));
            minute += 1;
        }
        prop_assume!(left == 0);
        let end = calendar.deadline(start * MINUTE_MS, LimitKind::WorkHour, work as f64 / 60.0);
        prop_assert_eq!(end, minute * MINUTE_MS);
        prop_assert_eq!(calendar.worked(start * MINUTE_MS, end), work * MINUTE_MS);
        prop_assert_eq!(calendar.worked(end, start * MINUTE_MS), -work * MINUTE_MS);
    }

    #[test]
    fn work_days_equal_a_walk_day_by_day(naive in naive(), start in 0..40 * 1440i64, days in 1..40i64) {
        let calendar = CompiledCalendar::new(&naive.calendar).expect("random calendars are right");
        let start = naive.first_day * 1440 + start;
        let mut day = (start + i64::from(naive.calendar.utc_offset_min)).div_euclid(1440);
        let mut left = days;
        while left > 0 {
            day += 1;
            left -= i64::from(naive.works_on(day));
        }
        let close = naive.minutes.iter().rposition(|works| *works).expect("somebody works") as i64 + 1;
        let want = (day * 1440 + close - i64::from(naive.calendar.utc_offset_min)) * MINUTE_MS;
        prop_assert_eq!(calendar.deadline(start * MINUTE_MS, LimitKind::WorkDay, days as f64), want);
    }

    #[test]
    fn worked_time_adds_up_and_never_exceeds_the_clock(
        naive in naive(), a in 0..9_000_000_000i64, b in 0..9_000_000_000i64, c in 0..9_000_000_000i64,
    ) {
        let calendar = CompiledCalendar::new(&naive.calendar).expect("random calendars are right");
        let zero = naive.first_day * DAY_MS;
        let (a, b, c) = (zero + a, zero + b, zero + c);
        prop_assert_eq!(calendar.worked(a, b) + calendar.worked(b, c), calendar.worked(a, c));
        prop_assert!((0..=(b - a).abs()).contains(&calendar.worked(a.min(b), a.max(b))));
        prop_assert_eq!(calendar.is_work_time(a), calendar.worked(a, a + 1) == 1);
    }

    #[test]
    fn a_pause_in_pieces_is_a_pause_at_once(
        naive in naive(), start in 0..2_000_000_000i64, hours in 1..60u32, gaps in proptest::collection::vec(1..90_000_000i64, 3),
    ) {
        let calendar = CompiledCalendar::new(&naive.calendar).expect("random calendars are right");
        let start = naive.first_day * DAY_MS + start;
        for kind in [LimitKind::UrgentHour, LimitKind::WorkHour, LimitKind::NaturalDay, LimitKind::WorkDay] {
            let deadline = calendar.deadline(start, kind, f64::from(hours));
            let (paused, between, resumed) = (start + gaps[0], start + gaps[0] + gaps[1], start + gaps.iter().sum::<i64>());
            let once = calendar.resumed(kind, deadline, paused, resumed);
            prop_assert!(once >= deadline, "{:?}: a pause never shortens", kind);
            prop_assert_eq!(calendar.resumed(kind, deadline, paused, paused), deadline);
            if paused < deadline && matches!(kind, LimitKind::UrgentHour | LimitKind::WorkHour | LimitKind::NaturalDay) {
                let twice = calendar.resumed(kind, calendar.resumed(kind, deadline, paused, between), between, resumed);
                prop_assert_eq!(twice, once, "{:?}", kind);
                if kind == LimitKind::WorkHour {
                    prop_assert_eq!(calendar.worked(resumed, once), calendar.worked(paused, deadline));
                }
            }
        }
    }
}
