//! Proofs of correlation: scenarios, properties, validation.

mod learn;
mod properties;
mod rules;
mod scenarios;

use super::rules::{CauseRule, Matcher, NearRule};
use super::*;
use greenhub_model::alarm::{AlarmState, Priority, Severity};
use greenhub_model::order::OrderTrigger;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, OrderId};

pub(super) const START: i64 = 1_763_899_200_000;

pub(super) fn device(id: &str) -> DeviceId {
    DeviceId::new(id).expect("grammar")
}

pub(super) fn code(text: &str) -> AlarmCode {
    AlarmCode::new(text).expect("grammar")
}

/// An alarm of a light that stands, raised `at` seconds after the start.
pub(super) fn alarm(id: &str, text: &str, at: i64) -> Alarm {
    let (device, code) = (device(id), code(text));
    Alarm {
        id: AlarmId::new(&format!("{id}.{text}.1")).expect("grammar"),
        class: if id.starts_with("ODR") { Class::Plant } else { Class::Light },
        device_name: format!("{id}号"),
        sub_component: None,
        title: text.into(),
        cause: String::new(),
        consequence: String::new(),
        action: String::new(),
        text: String::new(),
        severity: Severity::Minor,
        priority: if text == "CIRCUIT_TRIP" { Priority::P2 } else { Priority::P4 },
        priority_reasons: vec![],
        explanation: vec![],
        state: AlarmState::Unacknowledged,
        active: true,
        acknowledged: false,
        acknowledged_by: None,
        acknowledged_at: None,
        shelved_until: None,
        raised_at: START + at * 1000,
        last_seen_at: START + at * 1000,
        returned_at: None,
        count: 1,
        annunciations: 1,
        value: None,
        limit: None,
        unit: Unit::default(),
        lon: None,
        lat: None,
        sub_district: "滨江街道".into(),
        late: false,
        folded_under: None,
        folds: 0,
        first_position: Position(1),
        last_position: Position(1),
        device,
        code,
    }
}

/// A change of it as the desk says it, `at` seconds after the start.
pub(super) fn change(mut alarm: Alarm, kind: AlarmEventKind, at: i64) -> Output {
    let at = START + at * 1000;
    match kind {
        AlarmEventKind::Raised => (alarm.active, alarm.state) = (true, AlarmState::Unacknowledged),
        AlarmEventKind::Returned => {
            (alarm.active, alarm.state) = (false, AlarmState::ReturnedUnacknowledged);
            alarm.returned_at = Some(at);
        }
        _ => {}
    }
    let event = AlarmEvent {
        alarm: alarm.id.clone(),
        kind,
        at,
        position: Position(1),
        by: alarm.device.to_string(),
        text: String::new(),
        state: alarm.state,
        value: None,
        called: kind == AlarmEventKind::Raised,
        repeats: None,
    };
    Output::Alarm(Box::new(AlarmChange { alarm, event }))
}

pub(super) fn raised(id: &str, text: &str, at: i64) -> Output {
    change(alarm(id, text, at), AlarmEventKind::Raised, at)
}

pub(super) fn returned(id: &str, text: &str, raised_at: i64, at: i64) -> Output {
    change(alarm(id, text, raised_at), AlarmEventKind::Returned, at)
}

/// Acknowledged after its return: over.
pub(super) fn over(id: &str, text: &str, raised_at: i64, at: i64) -> Output {
    let Output::Alarm(mut change) = returned(id, text, raised_at, at) else { unreachable!("made as an alarm") };
    change.alarm.state = AlarmState::Normal;
    change.event.state = AlarmState::Normal;
    change.event.kind = AlarmEventKind::Acknowledged;
    Output::Alarm(change)
}

pub(super) fn order(id: &str, text: &str) -> Output {
    let alarm = alarm(id, text, 0);
    Output::Order(Box::new(OrderTrigger {
        order: OrderId::of_alarm(&alarm.id),
        alarm: alarm.id,
        title: String::new(),
        priority: Priority::P2,
        device: alarm.device,
        class: alarm.class,
        lon: None,
        lat: None,
        sub_district: String::new(),
        at: 0,
    }))
}

/// One output in a few words: `L-1.SUPPLY_LOSS raised quiet under K-1.CIRCUIT_TRIP +0`.
pub(super) fn tell(output: &Output) -> String {
    let short = |id: &AlarmId| id.as_str().rsplit_once('.').expect("has a position").0.to_owned();
    match output {
        Output::Alarm(change) => {
            let kind = serde_json::to_value(change.event.kind).expect("plain data");
            let called = if change.event.called { "calls" } else { "quiet" };
            let under = change.alarm.folded_under.as_ref().map_or("top".into(), |top| format!("under {}", short(top)));
            let kind = kind.as_str().expect("a unit variant");
            format!("{} {kind} {called} {under} +{}", short(&change.alarm.id), change.alarm.folds)
        }
        Output::Order(trigger) => format!("{} order", short(&trigger.alarm)),
        Output::Flood(flood) => format!("{} flood {} x{}", flood.desk, flood.flooded, flood.count),
        other => format!("{other:?}"),
    }
}

/// A correlator that is written down and read again before each batch.
pub(super) struct Hub {
    pub(super) correlator: Correlator,
    pub(super) rules: RuleSet,
}

impl Hub {
    pub(super) fn new() -> Self {
        let mut correlator = Correlator::new();
        for lamp in 1..=40 {
            correlator.register(&device(&format!("L-{lamp}")), Some(&device("K-1")));
        }
        Self { correlator, rules: RuleSet::builtin() }
    }

    /// A batch received `at` seconds after the start; what came of it in words.
    pub(super) fn batch(&mut self, at: i64, outputs: Vec<Output>) -> Vec<String> {
        self.full(at, outputs).iter().map(tell).collect()
    }

    pub(super) fn full(&mut self, at: i64, outputs: Vec<Output>) -> Vec<Output> {
        self.correlator = restarted(&self.correlator);
        let received = ReceivedTime::from_millis(START + at * 1000);
        let out = self.correlator.batch(&self.rules, received, Position(7), outputs);
        assert_sound(&self.correlator);
        out
    }
}

pub(super) fn restarted(correlator: &Correlator) -> Correlator {
    let bytes = serde_json::to_vec(correlator).expect("plain data");
    let again: Correlator = serde_json::from_slice(&bytes).expect("its own bytes");
    assert_eq!(&again, correlator, "nothing is lost in writing");
    again
}

/// Every alarm is a top or lies under one top; the tops count what lies under them.
pub(super) fn assert_sound(correlator: &Correlator) {
    let mut counts = std::collections::BTreeMap::<&AlarmId, u32>::new();
    for alarm in correlator.standing() {
        if let Some(top) = &alarm.folded_under {
            let found = correlator.memory.get(top).expect("the top is remembered");
            assert_eq!(found.alarm.folded_under, None, "a top is not folded");
            *counts.entry(top).or_default() += 1;
        }
    }
    for alarm in correlator.standing() {
        assert_eq!(alarm.folds, counts.get(&alarm.id).copied().unwrap_or(0), "{}", alarm.id);
    }
}
