use super::*;
use greenhub_model::dispatch::Calendar;

fn calendar() -> CompiledCalendar {
    let periods = vec![("09:00".to_owned(), "17:00".to_owned())];
    let (holidays, extra_workdays) = Default::default();
    let calendar = Calendar { utc_offset_min: 480, work_periods: periods, holidays, extra_workdays };
    CompiledCalendar::new(&calendar).expect("a plain calendar")
}

fn at(text: &str) -> i64 {
    let (day, time) = text.split_once(' ').expect("day and time");
    calendar().at(parse_day(day).expect("a day"), parse_time(time).expect("a time"))
}

fn duty(user: &str, day: &str, from: &str, to: &str) -> Duty {
    Duty { user: user.into(), day: day.into(), from: from.into(), to: to.into() }
}

#[test]
fn the_newest_of_roster_and_switch_holds() {
    // 2026-11-23 is a Monday.
    let roster = [duty("wang", "mon", "08:00", "16:00"), duty("li", "2026-11-23", "22:00", "06:00")];
    type Case = (&'static str, &'static str, Option<(bool, &'static str)>, bool, Option<&'static str>);
    let cases: [Case; 14] = [
        ("wang", "2026-11-23 09:00", None, true, Some("2026-11-23 08:00")),
        ("wang", "2026-11-23 16:00", None, false, Some("2026-11-23 16:00")),
        ("wang", "2026-11-23 07:59", None, false, Some("2026-11-16 16:00")),
        ("wang", "2026-11-24 09:00", None, false, Some("2026-11-23 16:00")),
        ("wang", "2026-11-23 09:00", Some((false, "2026-11-23 08:30")), false, Some("2026-11-23 08:30")),
        ("wang", "2026-11-23 09:00", Some((false, "2026-11-23 07:30")), true, Some("2026-11-23 08:00")),
        ("wang", "2026-11-23 17:00", Some((true, "2026-11-23 16:30")), true, Some("2026-11-23 16:30")),
        ("wang", "2026-11-23 17:00", Some((true, "2026-11-23 15:30")), false, Some("2026-11-23 16:00")),
        ("li", "2026-11-24 05:59", None, true, Some("2026-11-23 22:00")),
        ("li", "2026-11-24 06:00", None, false, Some("2026-11-24 06:00")),
        ("li", "2026-11-23 21:00", None, false, None),
        ("zhao", "2026-11-23 12:00", Some((true, "2026-11-23 10:00")), true, Some("2026-11-23 10:00")),
        ("zhao", "2026-11-24 02:00", Some((true, "2026-11-23 10:00")), false, None),
        ("zhao", "2026-11-23 12:00", None, false, None),
    ];
    for (user, now, switch, on, since) in cases {
        let switch = switch.map(|(on, turned)| Switch { on, at: at(turned) });
        let got = on_shift(user, &roster, &calendar(), switch, at(now));
        assert_eq!(got, (on, since.map(at)), "{user} at {now} with {switch:?}");
    }
}

#[test]
fn the_board_shows_what_everybody_does() {
    let now = at("2026-11-23 12:00");
    let users = ["ready", "underway", "onsite", "silent", "off"];
    let member = |user: &&str| StaffMember {
        user: (*user).into(),
        name: String::new(),
        team: "t".into(),
        skills: Default::default(),
        phone: String::new(),
        device: None,
        backup: None,
    };
    let members: Vec<StaffMember> = users.iter().map(member).collect();
    let switch = |user: &str| (user.to_owned(), Switch { on: user != "off", at: now - 3_600_000 });
    let fix = |user: &str| {
        let old = if user == "silent" || user == "onsite" { SILENT_MS + 1 } else { 1_000 };
        (user.to_owned(), Fix { lon: 121.4, lat: 31.2, at: now - old, device: phone_of(user).expect("an id") })
    };
    let mut known = Known::default();
    use OrderState::*;
    let orders = [
        ("underway", Accepted),
        ("underway", Dispatched),
        ("onsite", InProgress),
        ("ready", Filed),
        ("ready", Finished),
    ];
    for (user, state) in orders {
        known.loads.entry(user.into()).or_default().add(state, 1);
    }
    known.switches = users.iter().map(|user| switch(user)).collect();
    known.fixes = users.iter().map(|user| fix(user)).collect();
    let board = staff(&members, &[], &calendar(), &known, now);
    let seen: Vec<_> = board.iter().map(|view| (view.name.as_str(), view.state, view.load)).collect();
    use DutyState::{OffShift, Offline, OnSite, Ready, Underway};
    let want = [
        ("ready", Ready, 0),
        ("underway", Underway, 2),
        ("onsite", OnSite, 1),
        ("silent", Offline, 0),
        ("off", OffShift, 0),
    ];
    assert_eq!(seen, want);
}

#[test]
fn a_phone_has_an_id_of_its_own() {
    let id = |user: &str| phone_of(user).map(|id| id.to_string());
    assert_eq!(id("wang.li"), Some("P-wang-dot-li".into()));
    assert_eq!(id("wang_li"), Some("P-wang_li".into()));
    assert_eq!(id(&"x".repeat(64)), None);
}
