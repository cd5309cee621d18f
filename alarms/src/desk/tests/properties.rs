//! Random lives of a few devices: reference, order, restart, scale, forgetting.

use super::*;
use proptest::prelude::*;

/// One thing that happens at a desk.
#[derive(Debug, Clone)]
enum Step {
    /// A condition of device, code, part; event time this far behind; by one of two sources.
    Say { device: u8, code: u8, part: bool, active: bool, severity: u8, behind_ms: i64, second_source: bool },
    /// A command on the newest alarm of a device.
    Ask { device: u8, verb: u8, request: u8 },
    /// Time goes on.
    Wait { ms: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let say = (0..3u8, 0..3u8, any::<bool>(), any::<bool>(), 0..5u8, 0..400_000i64, any::<bool>()).prop_map(
        |(device, code, part, active, severity, behind_ms, second_source)| Step::Say {
            device,
            code,
            part,
            active,
            severity,
            behind_ms,
            second_source,
        },
    );
    let ask = (0..3u8, 0..5u8, 0..6u8).prop_map(|(device, verb, request)| Step::Ask { device, verb, request });
    let wait = prop_oneof![0..20_000i64, 0..5_000_000i64].prop_map(|ms| Step::Wait { ms });
    proptest::collection::vec(prop_oneof![5 => say, 3 => ask, 3 => wait], 1..60)
}

fn severity(number: u8) -> Option<Severity> {
    [None, Some(Severity::Warning), Some(Severity::Minor), Some(Severity::Major), Some(Severity::Critical)]
        [usize::from(number)]
}

/// What is done to the desks between steps.
#[derive(Clone, Copy)]
struct Manner {
    desks: usize,
    restart: bool,
    advance_only_when_due: bool,
}

/// Outputs of each step, per device in order, so that they do not depend on which desk came first.
fn live(steps: &[Step], manner: Manner) -> Vec<BTreeMap<String, Vec<DeskOutput>>> {
    let codes = ["FURNACE_TEMPERATURE_LOW", "DATA_QUALITY_BAD", "ODOUR_HIGH"];
    let rules = RuleSet::builtin();
    let mut desks = vec![AlarmDesk::new(); manner.desks];
    let mut newest: BTreeMap<u8, AlarmId> = BTreeMap::new();
    let mut now = 1_000_000i64;
    let mut lives = vec![];
    for (number, step) in steps.iter().enumerate() {
        let (received, position) = (ReceivedTime::from_millis(now), Position(number as u64));
        let mut out = vec![];
        for desk in &mut desks {
            if !manner.advance_only_when_due || desk.deadline().is_some_and(|due| due <= received) {
                desk.advance(&rules, received, position, &mut out);
            }
        }
        let whose = |device: &u8| usize::from(*device) % manner.desks;
        match step {
            Step::Wait { ms } => now += ms,
            Step::Say { device, code, part, active, severity: level, behind_ms, second_source } => {
                let said = Condition {
                    severity: severity(*level),
                    sub_component: part.then(|| "1".into()),
                    received,
                    position,
                    late: *behind_ms > rules.time.late_after_ms,
                    by: if *second_source { "limit".into() } else { "device".into() },
                    ..condition(&format!("D{device}"), codes[usize::from(*code)], *active, now - behind_ms)
                };
                desks[whose(device)].apply(&rules, said, &mut out);
            }
            Step::Ask { device, verb, request: id } => {
                let verb = ["ack", "shelve", "unshelve", "comment", "ack"][usize::from(*verb)];
                if let Some(alarm) = newest.get(device) {
                    let asked = request(&format!("r{id}"), command(verb, alarm.clone(), now + 300_000));
                    let result = desks[whose(device)].command(&rules, &asked, received, position, &mut out);
                    assert!(
                        result.is_ok() || out.iter().all(|o| matches!(o, DeskOutput::Alarm(_) | DeskOutput::Order(_)))
                    );
                }
            }
        }
        let mut by_device: BTreeMap<String, Vec<DeskOutput>> = BTreeMap::new();
        for output in out {
            let device = match &output {
                DeskOutput::Alarm(change) => change.alarm.device.to_string(),
                DeskOutput::Order(order) => order.device.to_string(),
                DeskOutput::Service(change) => change.device.to_string(),
            };
            if let DeskOutput::Alarm(change) = &output {
                let digit = device.as_bytes()[1] - b'0';
                newest.insert(digit, change.alarm.id.clone());
            }
            by_device.entry(device).or_default().push(output);
        }
        lives.push(by_device);
        if manner.restart {
            desks = desks.iter().map(restarted).collect();
        }
    }
    lives
}

const PLAIN: Manner = Manner { desks: 1, restart: false, advance_only_when_due: false };

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_between_any_two_steps_changes_nothing(steps in steps()) {
        prop_assert_eq!(live(&steps, PLAIN), live(&steps, Manner { restart: true, ..PLAIN }));
    }

    #[test]
    fn three_desks_say_what_one_says(steps in steps()) {
        prop_assert_eq!(live(&steps, PLAIN), live(&steps, Manner { desks: 3, ..PLAIN }));
    }

    #[test]
    fn forgetting_never_shows(steps in steps()) {
        prop_assert_eq!(live(&steps, PLAIN), live(&steps, Manner { advance_only_when_due: true, ..PLAIN }));
    }

    #[test]
    fn an_occurrence_has_one_order_and_a_name_of_its_own(steps in steps()) {
        let outputs: Vec<_> = live(&steps, PLAIN).into_iter().flat_map(BTreeMap::into_values).flatten().collect();
        let mut orders = BTreeSet::new();
        let mut counts: BTreeMap<AlarmId, (u64, u64)> = BTreeMap::new();
        let mut keys: BTreeMap<AlarmId, Option<String>> = BTreeMap::new();
        for output in &outputs {
            match output {
                DeskOutput::Service(change) => prop_assert!(false, "nobody asked for {change:?}"),
                DeskOutput::Order(order) => prop_assert!(orders.insert(order.alarm.clone()), "{} twice", order.alarm),
                DeskOutput::Alarm(change) => {
                    let (count, calls) = counts.entry(change.alarm.id.clone()).or_default();
                    prop_assert!(change.alarm.count >= *count && change.alarm.annunciations >= *calls);
                    (*count, *calls) = (change.alarm.count, change.alarm.annunciations);
                    let part = keys.entry(change.alarm.id.clone()).or_insert_with(|| change.alarm.sub_component.clone());
                    prop_assert_eq!(&*part, &change.alarm.sub_component);
                }
            }
        }
    }
}

/// What one source says: event second, raise or return, severity.
type Words = Vec<(i64, bool, u8)>;

/// The naive standing: looks at the whole history of one key at once. No commands, all in one open occurrence.
fn naive(first: &Words, second: &Words) -> Option<(AlarmState, u64, i64, i64, Severity, Option<i64>)> {
    let all = || first.iter().chain(second);
    let raises = || all().filter(|(_, on, _)| *on);
    let last = |words: &Words| words.iter().max_by_key(|(at, _, _)| *at).copied();
    let active = [last(first), last(second)].into_iter().flatten().any(|(_, on, _)| on);
    let newest = all().map(|(at, _, _)| *at).max();
    Some((
        if active { AlarmState::Unacknowledged } else { AlarmState::ReturnedUnacknowledged },
        raises().count() as u64,
        raises().map(|(at, _, _)| *at).min()?,
        raises().map(|(at, _, _)| *at).max()?,
        raises().filter_map(|(_, _, level)| severity(*level)).max()?,
        newest.filter(|_| !active),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Reference and order: whatever order the lateness allows, the standing is that of the whole history.
    #[test]
    fn any_order_of_arrival_gives_the_standing_of_the_whole_history(
        history in proptest::collection::vec((0..20i64, any::<bool>(), any::<bool>(), 1..5u8, 0..=120_000i64), 1..25),
    ) {
        let rules = RuleSet::builtin();
        let mut at = 0i64;
        let (mut first, mut second) = (Words::new(), Words::new());
        let mut arrivals = vec![];
        for (gap, on, whose, level, delay_ms) in history {
            at += 1 + gap * 1000;
            let words = if whose { &mut first } else { &mut second };
            if !on && words.last().is_none_or(|(_, was_on, _)| !was_on) {
                continue; // returns without a raise are the business of the scenarios
            }
            words.push((at, on, level));
            arrivals.push((at + delay_ms, at, on, whose, level));
        }
        arrivals.sort_unstable();
        let mut desk = AlarmDesk::new();
        let mut out = vec![];
        for (number, (received, at, on, whose, level)) in arrivals.into_iter().enumerate() {
            let (received, position) = (ReceivedTime::from_millis(received), Position(number as u64));
            desk.advance(&rules, received, position, &mut out);
            let by = if whose { "device".into() } else { "limit".into() };
            let said = condition("D", "LEACHATE_LEVEL_HIGH", on, at);
            desk.apply(&rules, Condition { severity: severity(level), by, received, position, ..said }, &mut out);
        }
        let standing: Vec<_> = desk.standing()
            .map(|a| (a.state, a.count, a.raised_at, a.last_seen_at, a.severity, a.returned_at)).collect();
        prop_assert_eq!(standing, Vec::from_iter(naive(&first, &second)));
    }
}
