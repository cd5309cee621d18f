//! Light circuits and their fixtures: on at dusk, dimmed late, off by plan or at dawn.
//!
//! A circuit is one actor and plays its forty fixtures, because what befalls the circuit befalls them: when its breaker
//! trips, each fixture says its last words (supply loss) within three seconds and falls silent until power is back.
//! What is commanded and what is reported are two values: the contactor follows its command after a second or two, and
//! a fixture in about 250 is broken and never lights.

use super::{Actor, Scene};
use crate::message::{Alarm, Status, json, reading, round};
use crate::profiles::codes;
use crate::profiles::lights::{Use, circuit_id, fixture_id};
use crate::random::Dice;
use crate::size::Size;
use crate::sun::{altitude_deg, hour_of_day};
use greenhub_model::Class;

const CIRCUIT_PERIOD_MS: i64 = 15_000;
const FIXTURE_PERIOD_MS: i64 = 60_000;
const FIRST_ROUND_MS: f64 = 20_000.0;
/// Every so many reports of a fixture one carries readings.
const READING_EVERY: u32 = 5;

struct Fixture {
    due: i64,
    reports: u32,
    rated_w: f64,
    broken: bool,
    /// Its last words are said, or its return is.
    dark: bool,
}

/// A circuit with its fixtures.
pub(super) struct Circuit {
    number: usize,
    id: String,
    used_for: Use,
    link: usize,
    dice: Dice,
    /// The sun's altitude at which it switches, degrees.
    threshold_deg: f64,
    /// Hour at which it goes off by plan; roads burn until dawn.
    off_hour: f64,
    /// What was commanded: level in per cent, 0 is off; and since when.
    commanded: f64,
    commanded_at: i64,
    fixtures: Vec<Fixture>,
    due: i64,
    until: Option<i64>,
    tripped: bool,
}

impl Circuit {
    pub(super) fn new(number: usize, used_for: Use, link: usize, start_ms: i64, seed: u64) -> Self {
        let id = circuit_id(number);
        let mut dice = Dice::of(seed, &id);
        let fixtures = (0..Size::LAMPS_PER_CIRCUIT)
            .map(|_| Fixture {
                due: start_ms + 500 + (dice.unit() * FIRST_ROUND_MS) as i64,
                reports: dice.below(READING_EVERY as usize) as u32,
                rated_w: if used_for == Use::Road { 120.0 } else { [18.0, 36.0, 54.0][dice.below(3)] },
                broken: dice.chance(0.004),
                dark: false,
            })
            .collect();
        let mut circuit = Self {
            number,
            id,
            used_for,
            link,
            threshold_deg: dice.between(-3.0, -1.2),
            off_hour: if used_for == Use::Road { 24.0 } else { dice.between(22.0, 22.75) },
            dice,
            commanded: 0.0,
            commanded_at: start_ms - 60_000,
            fixtures,
            due: start_ms,
            until: None,
            tripped: false,
        };
        circuit.commanded = circuit.plan(start_ms);
        circuit
    }

    /// The level that the plan wants at this moment, per cent.
    fn plan(&self, now: i64) -> f64 {
        if altitude_deg(now) > self.threshold_deg {
            return 0.0;
        }
        let hour = hour_of_day(now);
        // After midnight the landscape stays dark until the next dusk; the roads stay lit until dawn.
        let night = hour < 12.0;
        match self.used_for {
            Use::Road if night || hour >= 23.0 => 60.0,
            Use::Road => 100.0,
            _ if night || hour >= self.off_hour => 0.0,
            _ if hour >= 21.0 => 70.0,
            _ => 100.0,
        }
    }

    /// The level that really burns: the contactor needs a moment, and a tripped breaker feeds nothing.
    fn level(&self, now: i64) -> f64 {
        if self.tripped || now - self.commanded_at < 2000 { 0.0 } else { self.commanded }
    }

    fn follow_plan(&mut self, now: i64) {
        let wanted = self.plan(now);
        if wanted != self.commanded {
            (self.commanded, self.commanded_at) = (wanted, now);
            self.rouse(now, 2500, 8000.0);
        }
    }

    /// All fixtures report within `within_ms` after `after_ms`.
    fn rouse(&mut self, now: i64, after_ms: i64, within_ms: f64) {
        for fixture in &mut self.fixtures {
            fixture.due = now + after_ms + (self.dice.unit() * within_ms) as i64;
        }
    }

    fn breaker(&mut self, now: i64, scene: &mut Scene<'_>) {
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
        }
        let tripped = self.until.is_some();
        if tripped == self.tripped {
            return;
        }
        self.tripped = tripped;
        let text = if tripped { "回路漏电保护跳闸，40 盏灯失电" } else { "回路合闸，供电恢复" };
        let alarm = Alarm {
            time: scene.stamp(now),
            code: codes::CIRCUIT_TRIP,
            active: tripped,
            severity: "major",
            text: text.to_owned(),
            value: None,
        };
        scene.send(self.link, Class::Light, &self.id, "alarm", json(&alarm));
        self.rouse(now, 200, if tripped { 2800.0 } else { 6000.0 });
        self.due = now;
    }

    fn report(&mut self, now: i64, scene: &mut Scene<'_>) {
        let lit = self.level(now) > 0.0;
        let burning = self.fixtures.iter().filter(|f| !f.broken).map(|f| f.rated_w).sum::<f64>();
        let power_kw =
            if lit { burning * self.level(now) / 100.0 / 1000.0 * self.dice.between(0.98, 1.02) } else { 0.0 };
        let voltage = if self.tripped { 0.0 } else { 223.0 + self.dice.between(-3.5, 3.5) - power_kw * 0.4 };
        let leakage = if self.tripped { 0.0 } else { 4.0 + self.dice.between(-1.0, 1.5) + if lit { 3.0 } else { 0.0 } };
        let values = [
            ("voltage", round(voltage, 1)),
            ("current", round(if voltage > 1.0 { power_kw * 1000.0 / voltage / 0.95 } else { 0.0 }, 2)),
            ("power", round(power_kw, 3)),
            ("leakage", round(leakage, 1)),
            ("commanded", if self.commanded > 0.0 { 1.0 } else { 0.0 }),
            ("feedback", if lit { 1.0 } else { 0.0 }),
        ];
        let time = scene.stamp(now);
        let status = Status {
            time,
            online: true,
            on: Some(lit),
            dim_pct: Some(self.level(now)),
            state: self.tripped.then_some("Tripped"),
            ..Status::default()
        };
        scene.send(self.link, Class::Light, &self.id, "status", json(&status));
        scene.send(self.link, Class::Light, &self.id, "reading", reading(time, &values));
    }

    fn fixture(&mut self, index: usize, now: i64, scene: &mut Scene<'_>) {
        let level = self.level(now);
        let id = fixture_id(self.number, index);
        let (tripped, link, time) = (self.tripped, self.link, scene.stamp(now));
        let fixture = &mut self.fixtures[index];
        if tripped != fixture.dark {
            fixture.dark = tripped;
            let text = if tripped { "灯具失电" } else { "灯具恢复供电" };
            let alarm = Alarm {
                time,
                code: codes::SUPPLY_LOSS,
                active: tripped,
                severity: "warning",
                text: text.to_owned(),
                value: None,
            };
            scene.send(link, Class::Light, &id, "alarm", json(&alarm));
        }
        if tripped {
            // Without power it says nothing more; the circuit rouses it when power is back.
            fixture.due = i64::MAX;
            return;
        }
        let on = level > 0.0 && !fixture.broken;
        let status = Status {
            time,
            online: true,
            on: Some(on),
            dim_pct: Some(if on { level } else { 0.0 }),
            ..Status::default()
        };
        scene.send(link, Class::Light, &id, "status", json(&status));
        fixture.reports += 1;
        if fixture.reports.is_multiple_of(READING_EVERY) {
            let power = if on { fixture.rated_w * level / 100.0 * self.dice.between(0.97, 1.03) } else { 0.3 };
            let values = [
                ("power", round(power, 1)),
                ("voltage", round(221.0 + self.dice.between(-4.0, 4.0), 1)),
                ("temperature", round(16.0 + power * 0.22 + self.dice.between(-1.0, 1.0), 1)),
            ];
            scene.send(link, Class::Light, &id, "reading", reading(time, &values));
        }
        fixture.due = now + (FIXTURE_PERIOD_MS as f64 * self.dice.between(0.85, 1.15)) as i64;
    }
}

impl Actor for Circuit {
    fn act(&mut self, now: i64, scene: &mut Scene<'_>) -> i64 {
        self.breaker(now, scene);
        if now >= self.due {
            self.follow_plan(now);
            self.report(now, scene);
            self.due = now + (CIRCUIT_PERIOD_MS as f64 * self.dice.between(0.95, 1.05)) as i64;
        }
        for index in 0..self.fixtures.len() {
            if self.fixtures[index].due <= now {
                self.fixture(index, now, scene);
            }
        }
        let first = self.fixtures.iter().map(|f| f.due).min().unwrap_or(i64::MAX);
        first.min(self.due).min(self.until.unwrap_or(i64::MAX))
    }

    fn afflict(&mut self, until: i64) -> bool {
        let can = self.until.is_none() && !self.tripped;
        if can {
            self.until = Some(until);
        }
        can
    }
}
