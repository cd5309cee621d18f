//! Charging piles: sessions with power, current, energy, the battery's charge, and a connector that warms.
//!
//! Constant power to 70 % charge, then tapering; the connector follows the square of the load with a time constant of
//! three minutes. The over-temperature incident is a worn connector: it heats to about 95 °C in half a minute, the pile
//! raises its alarm at 85 °C and throttles, and takes the alarm back below 70 °C.

use super::{Actor, Scene};
use crate::message::{Alarm, Status, json, reading, round};
use crate::profiles::codes;
use crate::random::Dice;
use crate::sun::hour_of_day;
use greenhub_model::Class;
use greenhub_model::profile::DeviceProfile;

const RAISE_CEL: f64 = 85.0;
const CLEAR_CEL: f64 = 70.0;
const CHARGING_PERIOD_MS: i64 = 10_000;
const IDLE_PERIOD_MS: i64 = 60_000;
const INCIDENT_PERIOD_MS: i64 = 3_000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Session {
    Idle { until: i64 },
    Charging { soc: f64, target: f64, capacity_kwh: f64 },
}

/// A charging pile.
pub(super) struct Pile {
    id: String,
    link: usize,
    fast: bool,
    rated_kw: f64,
    session: Session,
    temperature: f64,
    energy_kwh: f64,
    dice: Dice,
    last_ms: i64,
    until: Option<i64>,
    alarmed: bool,
    said: Option<&'static str>,
    said_at: i64,
}

impl Pile {
    pub(super) fn new(profile: &DeviceProfile, link: usize, start_ms: i64, mut dice: Dice) -> Self {
        let fast = profile.kind == "dc_pile";
        let rated_kw = if fast { [60.0, 90.0, 120.0][dice.below(3)] } else { 7.0 };
        let mut pile = Self {
            id: profile.device.as_str().to_owned(),
            link,
            fast,
            rated_kw,
            session: Session::Idle { until: start_ms },
            temperature: 24.0,
            energy_kwh: round(dice.between(8_000.0, 90_000.0), 1),
            last_ms: start_ms,
            until: None,
            alarmed: false,
            said: None,
            said_at: 0,
            dice,
        };
        // Some are in the middle of a session when we begin to look.
        if pile.dice.chance(wanted(start_ms)) {
            pile.session = pile.arrival();
            pile.temperature = 38.0;
        } else {
            pile.session = Session::Idle { until: start_ms + pile.idle_ms(start_ms) };
        }
        pile
    }

    fn arrival(&mut self) -> Session {
        let capacity_kwh = self.dice.between(42.0, 88.0);
        Session::Charging { soc: self.dice.between(12.0, 62.0), target: self.dice.between(82.0, 99.0), capacity_kwh }
    }

    fn idle_ms(&mut self, now: i64) -> i64 {
        (self.dice.between(4.0, 60.0) * 60_000.0 * (1.3 - wanted(now))) as i64
    }

    fn power(&self, soc: f64) -> f64 {
        let taper = if self.fast && soc > 70.0 { (1.0 - (soc - 70.0) / 38.0).max(0.2) } else { 1.0 };
        let throttle = if self.alarmed { 0.25 } else { 1.0 };
        self.rated_kw * if self.fast { 0.82 } else { 0.95 } * taper * throttle
    }

    fn live(&mut self, now: i64, dt_s: f64) -> f64 {
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
        }
        let mut power = 0.0;
        self.session = match self.session {
            Session::Idle { until } if now >= until => self.arrival(),
            Session::Charging { soc, target, .. } if soc >= target && self.until.is_none() && !self.alarmed => {
                Session::Idle { until: now + self.idle_ms(now) }
            }
            Session::Charging { soc, target, capacity_kwh } => {
                power = self.power(soc);
                let energy = power * dt_s / 3600.0;
                self.energy_kwh += energy;
                Session::Charging { soc: (soc + energy / capacity_kwh * 100.0).min(100.0), target, capacity_kwh }
            }
            idle => idle,
        };
        let ambient = 17.0 + 5.0 * ((hour_of_day(now) - 14.0) / 24.0 * std::f64::consts::TAU).cos();
        let load = power / self.rated_kw;
        let (warm, time_constant) = if self.until.is_some() {
            (97.0, 14.0)
        } else {
            (ambient + 33.0 * load * load, if self.temperature > 60.0 { 25.0 } else { 180.0 })
        };
        self.temperature += (warm - self.temperature) * (1.0 - (-dt_s / time_constant).exp());
        power * self.dice.between(0.985, 1.015)
    }

    fn judge(&mut self, now: i64, scene: &mut Scene<'_>) {
        let next = if self.alarmed { self.temperature >= CLEAR_CEL } else { self.temperature > RAISE_CEL };
        if next == self.alarmed {
            return;
        }
        self.alarmed = next;
        let text = if next { "充电枪接头过温，已降功率" } else { "接头温度恢复正常" };
        let alarm = Alarm {
            time: scene.stamp(now),
            code: codes::OVER_TEMPERATURE,
            active: next,
            severity: "major",
            text: text.to_owned(),
            value: Some(round(self.temperature, 1)),
        };
        scene.send(self.link, Class::Charger, &self.id, "alarm", json(&alarm));
    }
}

/// How much of the piles is wanted at this hour: little before dawn, much at noon and in the evening.
fn wanted(now: i64) -> f64 {
    let hour = hour_of_day(now);
    let bump = |middle: f64, width: f64| (-((hour - middle) / width).powi(2)).exp();
    0.22 + 0.24 * bump(12.5, 2.5) + 0.36 * bump(20.0, 3.2)
}

impl Actor for Pile {
    fn act(&mut self, now: i64, scene: &mut Scene<'_>) -> i64 {
        let dt_s = (now - self.last_ms) as f64 / 1000.0;
        self.last_ms = now;
        let power = self.live(now, dt_s);
        self.judge(now, scene);
        let (state, soc) = match self.session {
            Session::Idle { .. } => ("Available", None),
            Session::Charging { soc, .. } if self.alarmed => ("SuspendedEVSE", Some(soc)),
            Session::Charging { soc, .. } => ("Charging", Some(soc)),
        };
        if self.said != Some(state) || now - self.said_at >= 300_000 {
            (self.said, self.said_at) = (Some(state), now);
            let on = Some(soc.is_some());
            let status = Status { time: scene.stamp(now), online: true, on, state: Some(state), ..Status::default() };
            scene.send(self.link, Class::Charger, &self.id, "status", json(&status));
        }
        let voltage = match (self.fast, soc) {
            (true, Some(soc)) => 340.0 + soc * 0.9,
            (true, None) => 0.0,
            (false, _) => 221.0 + self.dice.between(-3.0, 3.0),
        };
        let current = if voltage > 1.0 { power * 1000.0 / voltage } else { 0.0 };
        let mut values = vec![
            ("temperature", round(self.temperature + self.dice.between(-0.2, 0.2), 1)),
            ("power", round(power, 2)),
            ("current", round(current, 1)),
            ("voltage", round(voltage, 1)),
            ("energy", round(self.energy_kwh, 2)),
        ];
        if let Some(soc) = soc {
            values.push(("soc", round(soc, 1)));
        }
        scene.send(self.link, Class::Charger, &self.id, "reading", reading(scene.stamp(now), &values));
        let period = match self.session {
            _ if self.until.is_some() || self.alarmed => INCIDENT_PERIOD_MS,
            Session::Charging { .. } => CHARGING_PERIOD_MS,
            Session::Idle { until } => IDLE_PERIOD_MS.min((until - now).max(1000)),
        };
        now + (period as f64 * self.dice.between(0.95, 1.05)) as i64
    }

    fn afflict(&mut self, until: i64) -> bool {
        let can = self.until.is_none() && matches!(self.session, Session::Charging { soc, .. } if soc < 80.0);
        if can {
            self.until = Some(until);
        }
        can
    }
}
