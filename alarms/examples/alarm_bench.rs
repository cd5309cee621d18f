//! Measures desk and correlator with many alarms standing. One JSON line on stdout.
//!
//! `cargo run --release -p greenhub-alarms --example alarm_bench -- 50000`: circuits of 40 lamps; every circuit trips and
//! takes its lamps under it until so many alarms stand; then a storm of returns, raises and repeats at random devices, in
//! batches of a hundred, each through the desk, then through the correlator.

use greenhub_alarms::{AlarmDesk, Condition, Correlator, DeskOutput, RuleSet};
use greenhub_model::output::Output;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceId, Position, ReceivedTime};
use std::time::{Duration, Instant};

const LAMPS: usize = 40;
const BATCH: usize = 100;
const STORM: usize = 100_000;

struct Bench {
    rules: RuleSet,
    desk: AlarmDesk,
    correlator: Correlator,
    position: u64,
    now: i64,
    at_desk: Duration,
    at_correlator: Duration,
    folded: usize,
}

impl Bench {
    fn batch(&mut self, said: &[(usize, usize, bool)]) {
        let received = ReceivedTime::from_millis(self.now);
        let first = Position(self.position);
        let mut out = vec![];
        let start = Instant::now();
        for (circuit, lamp, active) in said {
            self.position += 1;
            let condition = condition(*circuit, *lamp, *active, self.now, self.position);
            self.desk.apply(&self.rules, condition, &mut out);
        }
        self.at_desk += start.elapsed();
        let outputs = out.into_iter().map(|output| match output {
            DeskOutput::Alarm(change) => Output::Alarm(change),
            DeskOutput::Order(trigger) => Output::Order(trigger),
            DeskOutput::Service(change) => Output::Service(change),
        });
        let outputs: Vec<Output> = outputs.collect();
        let start = Instant::now();
        let out = self.correlator.batch(&self.rules, received, first, outputs);
        self.at_correlator += start.elapsed();
        let folded = |output: &&Output| matches!(output, Output::Alarm(change) if change.alarm.folded_under.is_some());
        self.folded += out.iter().filter(folded).count();
        self.now += 10;
    }
}

fn name(circuit: usize, lamp: usize) -> DeviceId {
    let text = if lamp == 0 { format!("K-{circuit}") } else { format!("L-{circuit}-{lamp}") };
    DeviceId::new(&text).expect("letters, digits and dashes")
}

fn condition(circuit: usize, lamp: usize, active: bool, at: i64, position: u64) -> Condition {
    let device = name(circuit, lamp);
    let code = if lamp == 0 { "CIRCUIT_TRIP" } else { "SUPPLY_LOSS" };
    Condition {
        by: device.to_string(),
        device_name: format!("{device}号"),
        device,
        class: Class::Light,
        kind: String::new(),
        sub_district: format!("街道{}", circuit % 10),
        lon: Some(121.4 + circuit as f64 * 0.0001),
        lat: Some(31.2),
        sub_component: None,
        code: AlarmCode::new(code).expect("follows the grammar"),
        active,
        severity: None,
        value: None,
        limit: None,
        unit: Unit::default(),
        text: String::new(),
        at,
        received: ReceivedTime::from_millis(at),
        position: Position(position),
        late: false,
    }
}

fn main() {
    let standing: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let circuits = standing.div_ceil(LAMPS + 1).max(1);
    let mut bench = Bench {
        rules: RuleSet::builtin(),
        desk: AlarmDesk::new(),
        correlator: Correlator::new(),
        position: 0,
        now: 1_763_899_200_000,
        at_desk: Duration::ZERO,
        at_correlator: Duration::ZERO,
        folded: 0,
    };
    for circuit in 0..circuits {
        for lamp in 1..=LAMPS {
            bench.correlator.register(&name(circuit, lamp), Some(&name(circuit, 0)));
        }
    }
    for circuit in 0..circuits {
        let trip: Vec<_> = (0..=LAMPS).map(|lamp| (circuit, lamp, true)).collect();
        bench.batch(&trip);
    }
    let held = bench.correlator.standing().count();
    (bench.at_desk, bench.at_correlator, bench.folded) = (Duration::ZERO, Duration::ZERO, 0);
    // A fixed walk through all devices (xorshift), so that every run does the same.
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for _ in 0..STORM / BATCH {
        let said: Vec<_> = (0..BATCH).map(|_| (next(circuits), 1 + next(LAMPS), next(3) > 0)).collect();
        bench.batch(&said);
    }
    let start = Instant::now();
    for _ in 0..1000 {
        let empty = bench.correlator.batch(&bench.rules, ReceivedTime::from_millis(bench.now), Position(0), vec![]);
        assert!(empty.is_empty(), "nothing changed");
    }
    let idle_us = start.elapsed().as_secs_f64() * 1e3;
    let us = |spent: Duration| spent.as_secs_f64() * 1e6 / STORM as f64;
    let both = bench.at_desk + bench.at_correlator;
    println!(
        "{{\"bench\":\"alarms\",\"standing\":{held},\"events\":{STORM},\"events_per_s\":{:.0},\"desk_us_per_event\":{:.2},\"correlator_us_per_event\":{:.2},\"batch_without_alarms_us\":{idle_us:.2},\"folded\":{}}}",
        STORM as f64 / both.as_secs_f64(),
        us(bench.at_desk),
        us(bench.at_correlator),
        bench.folded,
    );
}
