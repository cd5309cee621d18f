//! A chattering alarm is heard three times, then not until it was quiet for the window.

use super::*;
use greenhub_model::alarm::AlarmEventKind;

/// Applies raises (+) and returns (-) at these seconds; the seconds at which an operator was called.
fn calls(steps: &[(i64, char)]) -> Vec<i64> {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut heard = vec![];
    for (second, step) in steps {
        let mut out = vec![];
        let now = ReceivedTime::from_millis(second * 1000);
        desk.advance(&rules, now, Position(0), &mut out);
        match step {
            'a' => {
                let alarm = desk.standing().next().expect("stands").id.clone();
                let asked = request(&format!("r{second}"), command("ack", alarm, 0));
                desk.command(&rules, &asked, now, Position(0), &mut out).expect("may be acknowledged");
            }
            '.' => {}
            sign => desk.apply(&rules, condition("D", "FAN_FAULT", *sign == '+', second * 1000), &mut out),
        }
        for output in &out {
            let DeskOutput::Alarm(change) = output else { continue };
            if change.event.called {
                assert_eq!(change.event.kind, AlarmEventKind::Raised);
                heard.push(change.event.at / 1000);
            }
        }
        desk = restarted(&desk);
        let counted = desk.standing().next().map_or(0, |alarm| alarm.annunciations);
        assert_eq!(counted, heard.len() as u64, "the alarm counts what was heard");
    }
    heard
}

#[test]
fn chattering_is_heard_three_times_and_again_after_quiet() {
    let burst =
        [(0, '+'), (5, '-'), (10, '+'), (15, '-'), (20, '+'), (25, '-'), (30, '+'), (35, '-'), (80, '+'), (85, '-')];
    assert_eq!(calls(&burst), [0, 10, 20], "each raise less than a minute after the one before");
    let mut quiet = burst.to_vec();
    quiet.extend([(141, '+'), (150, '-')]);
    assert_eq!(calls(&quiet), [0, 10, 20, 141], "61 s of quiet");
    let mut short = burst.to_vec();
    short.extend([(140, '+'), (150, '-')]);
    assert_eq!(calls(&short), [0, 10, 20], "60 s are not more than a minute");
}

#[test]
fn what_settles_and_still_holds_calls_once_unless_it_was_seen() {
    let settled =
        [(0, '+'), (5, '-'), (10, '+'), (15, '-'), (20, '+'), (25, '-'), (30, '+'), (89, '.'), (95, '.'), (400, '.')];
    assert_eq!(calls(&settled), [0, 10, 20, 90]);
    let seen =
        [(0, '+'), (5, '-'), (10, '+'), (15, '-'), (20, '+'), (25, '-'), (30, '+'), (60, 'a'), (95, '.'), (400, '.')];
    assert_eq!(calls(&seen), [0, 10, 20]);
}
