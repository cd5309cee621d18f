//! Repeats are told together, and every message belongs to exactly one event.

use super::*;
use greenhub_model::alarm::AlarmEventKind::{Acknowledged, Escalated, Raised, Repeated, Returned};
use greenhub_model::alarm::{AlarmEventKind, Repeats};
use proptest::prelude::*;

/// Kind, event time, position and repeats of each event.
fn told(out: &mut Vec<DeskOutput>) -> Vec<(AlarmEventKind, i64, u64, Option<Repeats>)> {
    let events = out.drain(..).filter_map(|output| match output {
        DeskOutput::Alarm(change) => Some(change.event),
        _ => None,
    });
    events.map(|event| (event.kind, event.at, event.position.0, event.repeats)).collect()
}

#[test]
fn repeats_within_a_second_are_told_together() {
    let rules = RuleSet::builtin();
    let (mut desk, mut out) = (AlarmDesk::new(), vec![]);
    for ms in [10_000, 10_200, 10_400, 10_900] {
        desk.apply(&rules, condition("D", "H2S_HIGH", true, ms), &mut out);
    }
    assert_eq!(told(&mut out), [(Raised, 10_000, 10_000, None)]);
    let due = ReceivedTime::from_millis(11_000);
    assert_eq!(desk.deadline(), Some(due), "nobody need speak again for them to be told");
    let mut desk = restarted(&desk);
    desk.advance(&rules, due, Position(0), &mut out);
    let three = Repeats { count: 3, first: Position(10_200), from: 10_200 };
    assert_eq!(told(&mut out), [(Repeated, 10_900, 10_900, Some(three))]);
    desk.apply(&rules, condition("D", "H2S_HIGH", true, 12_500), &mut out);
    assert_eq!(told(&mut out), [(Repeated, 12_500, 12_500, None)], "after a quiet second at once");
    let alarm = desk.standing().next().expect("it stands");
    assert_eq!((alarm.count, alarm.last_seen_at, alarm.last_position), (5, 12_500, Position(12_500)));
}

#[test]
fn what_is_held_is_told_before_anything_else_happens() {
    let rules = RuleSet::builtin();
    let hold = |desk: &mut AlarmDesk, out: &mut Vec<DeskOutput>| {
        desk.apply(&rules, condition("D", "H2S_HIGH", true, 10_000), out);
        desk.apply(&rules, condition("D", "H2S_HIGH", true, 10_100), out);
        assert_eq!(told(out).len(), 1);
    };
    let critical = Condition { severity: Some(Severity::Critical), ..condition("D", "H2S_HIGH", true, 10_200) };
    let first = Condition { severity: Some(Severity::Minor), ..condition("D", "LEACHATE_LEVEL_HIGH", true, 9_000) };
    for (then, kind) in [(condition("D", "H2S_HIGH", false, 10_200), Returned), (critical, Escalated)] {
        let (mut desk, mut out) = (AlarmDesk::new(), vec![]);
        let lower = Condition { severity: Some(Severity::Minor), ..condition("D", "H2S_HIGH", true, 9_000) };
        desk.apply(&rules, lower.clone(), &mut out);
        desk.apply(&rules, Condition { at: 9_100, received: ReceivedTime::from_millis(9_100), ..lower }, &mut out);
        assert_eq!(told(&mut out).len(), 1);
        desk.apply(&rules, then, &mut out);
        let kinds: Vec<_> = told(&mut out).into_iter().map(|event| event.0).collect();
        assert_eq!(kinds, [Repeated, kind]);
    }
    let (mut desk, mut out) = (AlarmDesk::new(), vec![]);
    desk.apply(&rules, first, &mut out);
    hold(&mut desk, &mut vec![]);
    out.clear();
    let alarm = desk.standing().find(|alarm| alarm.code == code("H2S_HIGH")).map(|alarm| alarm.id.clone());
    let asked = request("r", command("ack", alarm.expect("it stands"), 0));
    desk.command(&rules, &asked, ReceivedTime::from_millis(10_300), Position(10_300), &mut out).expect("may be");
    let kinds: Vec<_> = told(&mut out).into_iter().map(|event| event.0).collect();
    assert_eq!(kinds, [Repeated, Acknowledged]);
}

#[test]
fn said_again_is_the_same_as_said_in_full() {
    let rules = RuleSet::builtin();
    let (mut full, mut short) = ((AlarmDesk::new(), vec![]), (AlarmDesk::new(), vec![]));
    let parts = |n: i64| Some(format!("P{n}"));
    for step in 0..600i64 {
        // Twenty parts, so that keys are found by name; gaps beyond a second, a word from the past, an end now and then.
        let now = 10_000 + step * 30 + step / 40 * 1_200;
        let of = Condition {
            sub_component: parts(step % 20),
            text: "高".into(),
            severity: (step % 3 == 0).then_some(Severity::Minor),
            ..condition("D", ["H2S_HIGH", "UNHEARD_OF"][usize::from(step % 2 == 0)], step % 97 != 0, now)
        };
        let at = if step % 41 == 0 { now - 5_000 } else { now + i64::from(step % 13 == 0) * 40 };
        let (received, position) = (ReceivedTime::from_millis(now), Position(step as u64 + 1));
        let again = Again { at, received, position, value: Some(step as f64) };
        for (desk, out) in [&mut full, &mut short] {
            desk.advance(&rules, received, position, out);
        }
        full.0.apply(&rules, of.once_more(again), &mut full.1);
        let earlier = Condition { value: None, at: 1, position: Position(0), late: true, ..of };
        short.0.again(&rules, &earlier, again, &mut short.1);
        assert_eq!(full.1, short.1, "step {step}");
        assert_eq!(full.0, short.0, "step {step}");
    }
    assert!(told(&mut short.1).iter().any(|event| event.3.is_some()), "some were told together");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// However dense the messages are, each is in the range of exactly one event of its alarm, and counted once.
    #[test]
    fn every_message_belongs_to_one_event(
        said in proptest::collection::vec((0..2u8, 0..400i64, 0..8u8, 0..300i64, any::<bool>()), 1..80),
    ) {
        let rules = RuleSet::builtin();
        let codes = ["H2S_HIGH", "LEACHATE_LEVEL_HIGH"];
        let (mut desk, mut out, mut now) = (AlarmDesk::new(), vec![], 1_000_000i64);
        let mut raises: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, (which, gap, what, behind, second)) in said.iter().enumerate() {
            now += gap;
            let (received, position) = (ReceivedTime::from_millis(now), Position(number as u64 + 1));
            desk.advance(&rules, received, position, &mut out);
            let by = if *second && *what == 7 { "limit".into() } else { "D".into() };
            let text = codes[usize::from(*which)];
            let behind = if *what == 6 { *behind } else { 0 };
            let word = Condition { received, position, by, ..condition("D", text, *what != 0, now - behind) };
            if word.active {
                raises.entry(text.into()).or_default().push(position.0);
            }
            desk.apply(&rules, word, &mut out);
        }
        desk.advance(&rules, ReceivedTime::from_millis(now + 1_000), Position(999), &mut out);
        let mut counted: BTreeMap<AlarmId, u64> = BTreeMap::new();
        let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for output in &out {
            let DeskOutput::Alarm(change) = output else { continue };
            let event = &change.event;
            if event.by == "系统" || !matches!(event.kind, Raised | Repeated | Escalated) {
                continue;
            }
            let own = &raises[change.alarm.code.as_str()];
            let first = event.repeats.map_or(event.position, |repeats| repeats.first).0;
            let within: Vec<u64> = own.iter().copied().filter(|at| (first..=event.position.0).contains(at)).collect();
            prop_assert_eq!(within.len() as u64, event.repeats.map_or(1, |repeats| repeats.count));
            *counted.entry(event.alarm.clone()).or_default() += within.len() as u64;
            found.entry(change.alarm.code.to_string()).or_default().extend(within);
        }
        found.values_mut().for_each(|positions| positions.sort_unstable());
        prop_assert_eq!(&found, &raises);
        for alarm in desk.standing() {
            prop_assert_eq!(counted[&alarm.id], alarm.count);
        }
    }
}
