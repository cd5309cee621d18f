//! `alarms_cern`: 21 months of chatter and floods through desk and correlator. Merging must lose nothing: every raw event
//! belongs to exactly one alarm, and what stands at the end is what the raw log says. An operator acknowledges everything
//! five minutes after it called.

use super::{condition, millis, rows, set};
use greenhub_alarms::correlate::learn::{LearnOptions, Occurrence, Suggestion, learn};
use greenhub_alarms::correlate::rules::{ANY, CauseRule, Matcher};
use greenhub_alarms::{AlarmDesk, Correlator, DeskOutput, RuleSet};
use greenhub_model::alarm::{Alarm, AlarmEventKind};
use greenhub_model::output::Output;
use greenhub_model::{AlarmId, Class, Command, CommandRequest, Position, ReceivedTime, Role};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const ACKNOWLEDGED_AFTER_MS: i64 = 300_000;

struct Event {
    at: i64,
    device: String,
    code: String,
    active: bool,
}

fn events() -> Option<Vec<Event>> {
    let root = set("alarms_cern")?;
    let one = |row: &Vec<String>| Event {
        at: millis(&row[0]),
        device: row[1].clone(),
        code: row[2].clone(),
        active: row[4] == "Y",
    };
    let mut all: Vec<Event> = rows(&root.join("events.csv"))[1..].iter().map(one).collect();
    all.sort_by_key(|event| event.at);
    Some(all)
}

#[derive(Default)]
struct Run {
    /// Newest state of every alarm ever said.
    alarms: BTreeMap<AlarmId, Alarm>,
    /// Event times of calls.
    calls: Vec<i64>,
    /// Statements that an alarm holds, per alarm.
    raises: BTreeMap<AlarmId, u64>,
    floods: usize,
    standing: BTreeSet<(String, String)>,
}

fn run(events: &[Event], rules: &RuleSet) -> Run {
    let (mut desk, mut correlator, mut run) = (AlarmDesk::new(), Correlator::new(), Run::default());
    let mut to_acknowledge: VecDeque<(i64, AlarmId)> = VecDeque::new();
    for (number, event) in events.iter().enumerate() {
        while let Some((at, alarm)) = to_acknowledge.pop_front_if(|(at, _)| *at <= event.at) {
            let command = Command::Acknowledge { alarm: alarm.clone(), comment: String::new() };
            let request_id = format!("a{number}-{alarm}-{at}");
            let request = CommandRequest { request_id, by: "operator".into(), role: Role::Dispatcher, command };
            let (received, position) = (ReceivedTime::from_millis(at), Position(number as u64));
            let mut said = vec![];
            desk.advance(rules, received, position, &mut said);
            // What has been acknowledged or is over meanwhile is refused, which is right.
            drop(desk.command(rules, &request, received, position, &mut said));
            run.take(&mut correlator, rules, received, said, &mut to_acknowledge);
        }
        let condition = condition(Class::Plant, &event.device, &event.code, event.active, event.at, number as u64 + 1);
        let mut said = vec![];
        desk.advance(rules, condition.received, condition.position, &mut said);
        let received = condition.received;
        desk.apply(rules, condition, &mut said);
        run.take(&mut correlator, rules, received, said, &mut to_acknowledge);
    }
    // Repeats that are held back are told within a second.
    let end = events.last().map_or(0, |event| event.at) + 1_000;
    let (received, mut said) = (ReceivedTime::from_millis(end), vec![]);
    desk.advance(rules, received, Position(events.len() as u64), &mut said);
    run.take(&mut correlator, rules, received, said, &mut to_acknowledge);
    let active = correlator.standing().filter(|alarm| alarm.active);
    run.standing = active.map(|alarm| (alarm.device.to_string(), alarm.code.to_string())).collect();
    // Every alarm that stands is a top, or lies under exactly one that stands or has just ended.
    for alarm in correlator.standing() {
        if let Some(top) = &alarm.folded_under {
            assert_eq!(run.alarms[top].folded_under, None, "{} is folded under a top", alarm.id);
        }
    }
    run
}

impl Run {
    fn take(
        &mut self,
        correlator: &mut Correlator,
        rules: &RuleSet,
        received: ReceivedTime,
        said: Vec<DeskOutput>,
        to_acknowledge: &mut VecDeque<(i64, AlarmId)>,
    ) {
        let outputs = said.into_iter().map(|output| match output {
            DeskOutput::Alarm(change) => Output::Alarm(change),
            DeskOutput::Order(trigger) => Output::Order(trigger),
            DeskOutput::Service(change) => Output::Service(change),
        });
        for output in correlator.batch(rules, received, Position(0), outputs.collect()) {
            match output {
                Output::Alarm(change) => {
                    let (id, event) = (&change.alarm.id, &change.event);
                    if event.called {
                        self.calls.push(event.at);
                    }
                    if matches!(event.kind, AlarmEventKind::Raised | AlarmEventKind::Repeated) && event.by != "系统" {
                        *self.raises.entry(id.clone()).or_default() += event.repeats.map_or(1, |repeats| repeats.count);
                        to_acknowledge.push_back((received.millis() + ACKNOWLEDGED_AFTER_MS, id.clone()));
                    }
                    self.alarms.insert(id.clone(), change.alarm);
                }
                Output::Flood(flood) => self.floods += usize::from(flood.flooded),
                _ => {}
            }
        }
    }

    /// Spans of ten minutes with more than ten of these times, and the most in one.
    fn spans(times: &[i64]) -> (usize, usize) {
        let mut bins: BTreeMap<i64, usize> = BTreeMap::new();
        for at in times {
            *bins.entry(at.div_euclid(600_000)).or_default() += 1;
        }
        (bins.values().filter(|count| **count > 10).count(), bins.values().copied().max().unwrap_or(0))
    }
}

/// Learned pairs as rules of a whole site, the strict ones only.
fn as_rules(suggestions: &[Suggestion]) -> Vec<CauseRule> {
    let strict = suggestions.iter().filter(|s| s.share >= 0.5 && s.incidents >= 10);
    let mut rules: Vec<CauseRule> = vec![];
    for s in strict {
        let back = |rule: &CauseRule| rule.cause.codes[0] == s.effect && rule.effect.codes[0] == s.cause;
        if !rules.iter().any(back) {
            rules.push(CauseRule {
                id: format!("{}-{}", s.cause, s.effect),
                title: s.text.clone(),
                relation: ANY.into(),
                cause: Matcher { class: Some(Class::Plant), codes: vec![s.cause.clone()] },
                effect: Matcher { class: Some(Class::Plant), codes: vec![s.effect.clone()] },
                within_ms: 120_000,
                grace_ms: 60_000,
            });
        }
    }
    rules
}

#[test]
fn merging_is_lossless_and_what_stands_is_what_the_log_says() {
    let Some(events) = events() else { return };
    let raw: Vec<i64> = events.iter().filter(|event| event.active).map(|event| event.at).collect();
    let plain = run(&events, &RuleSet::builtin());
    let mut last: BTreeMap<(String, String), bool> = BTreeMap::new();
    for event in &events {
        last.insert((event.device.clone(), event.code.clone()), event.active);
    }
    let expected: BTreeSet<_> = last.iter().filter(|(_, active)| **active).map(|(pair, _)| pair.clone()).collect();
    assert_eq!(plain.standing, expected, "what stands at the end");
    assert_eq!(plain.raises.values().sum::<u64>(), raw.len() as u64, "every raw raise is one event of one alarm");
    let counted: u64 = plain.alarms.values().map(|alarm| alarm.count).sum();
    assert_eq!(counted, raw.len() as u64, "and is counted once");
    let seen: BTreeSet<_> = plain.alarms.values().map(|a| (a.device.to_string(), a.code.to_string())).collect();
    let ever: BTreeSet<_> = events.iter().filter(|e| e.active).map(|e| (e.device.clone(), e.code.clone())).collect();
    assert_eq!(seen, ever, "every pair that was ever raised is visible");

    // Pairs learned from 2014 only, applied to all.
    let year = millis("2015-01-01T00:00:00");
    let history: Vec<Occurrence> = events
        .iter()
        .filter(|event| event.active && event.at < year)
        .map(|e| Occurrence { at: e.at, device: super::device("SITE"), code: super::code(&e.code), end: None })
        .collect();
    let mut rules = RuleSet::builtin();
    rules.version = 2;
    rules.correlate.causes = as_rules(&learn(&history, &LearnOptions::default()));
    let folded = run(&events, &rules);
    assert_eq!(folded.standing, expected, "folding hides nothing");
    assert_eq!(folded.raises.values().sum::<u64>(), raw.len() as u64);
    let of = |run: &Run, from: i64| run.calls.iter().filter(|at| **at >= from).count();
    let (raw_spans, raw_peak) = Run::spans(&raw);
    for (name, run) in [("merged", &plain), ("merged and folded by pairs learned from 2014", &folded)] {
        let (spans, peak) = Run::spans(&run.calls);
        println!(
            "alarms_cern {name}: {} raises → {} alarms, {} calls (reduction {:.2}; 2015 alone {:.2}); ten-minute spans over 10: {raw_spans} → {spans}, peak {raw_peak} → {peak}; {} floods",
            raw.len(),
            run.alarms.len(),
            run.calls.len(),
            raw.len() as f64 / run.calls.len().max(1) as f64,
            raw.iter().filter(|at| **at >= year).count() as f64 / of(run, year).max(1) as f64,
            run.floods,
        );
    }
    println!("alarms_cern: {} learned rules", rules.correlate.causes.len());
    assert!(plain.calls.len() * 10 <= raw.len() * 9, "repeats and chatter make up a tenth at least");
    assert!(folded.calls.len() * 3 <= raw.len() * 2, "learned pairs take a third of the calls away at least");
}
