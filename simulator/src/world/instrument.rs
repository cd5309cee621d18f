//! Devices that measure: everything in the waste plant, and the air stations.
//!
//! Each signal is a middle, a daily rhythm, and noise that wanders; an incident pulls some signals away with a time
//! constant and lets them return. Middles and deviations are chosen so that only an incident passes a limit.

use super::{Actor, Scene};
use crate::message::{Status, json, reading, round};
use crate::random::{Dice, Wander};
use crate::sun::hour_of_day;
use greenhub_model::Class;
use greenhub_model::profile::DeviceProfile;

const STATUS_EVERY_MS: i64 = 600_000;

struct Signal {
    name: &'static str,
    middle: f64,
    wander: Wander,
    decimals: i32,
    /// Swing over the day and the hour of its (first) peak; two peaks a day where `twice`.
    daily: (f64, f64),
    twice: bool,
    /// Where an incident pulls it, and how fast (seconds).
    pull: (f64, f64),
    pulled: f64,
}

/// A measuring device.
pub(super) struct Instrument {
    id: String,
    class: Class,
    link: usize,
    period_ms: i64,
    signals: Vec<Signal>,
    dice: Dice,
    last_ms: i64,
    until: Option<i64>,
    status_due: i64,
}

/// Name, middle, deviation, memory (s), decimals.
type Row = (&'static str, f64, f64, f64, i32);

fn rows(kind: &str) -> (&'static [Row], i64) {
    match kind {
        "furnace" => (
            &[
                ("temperature", 906.0, 7.5, 240.0, 1),
                ("oxygen", 8.3, 0.5, 120.0, 2),
                ("pressure", -58.0, 7.0, 20.0, 1),
                ("load", 21.4, 0.5, 600.0, 2),
                ("steam", 54.0, 1.4, 300.0, 1),
            ],
            5000,
        ),
        "flue_gas" => (
            &[
                ("so2", 34.0, 6.0, 200.0, 1),
                ("nox", 176.0, 12.0, 200.0, 1),
                ("hcl", 17.0, 3.5, 200.0, 1),
                ("dust", 5.6, 0.9, 300.0, 2),
            ],
            5000,
        ),
        "fan" => (
            &[("vibration", 2.5, 0.3, 40.0, 2), ("temperature", 53.0, 1.6, 900.0, 1), ("current", 164.0, 5.0, 60.0, 1)],
            5000,
        ),
        "odour_monitor" => {
            (&[("h2s", 0.019, 0.0035, 180.0, 4), ("nh3", 0.46, 0.07, 180.0, 3), ("odour", 8.5, 1.0, 180.0, 0)], 5000)
        }
        "leachate_tank" => {
            (&[("level", 55.0, 2.5, 3600.0, 1), ("ph", 7.4, 0.12, 1800.0, 2), ("cod", 240.0, 18.0, 1800.0, 0)], 10_000)
        }
        _ => (
            &[
                ("pm25", 39.0, 5.0, 1800.0, 1),
                ("pm10", 64.0, 7.0, 1800.0, 1),
                ("no2", 41.0, 4.0, 1200.0, 1),
                ("o3", 58.0, 5.0, 1800.0, 1),
                ("temperature", 15.5, 0.6, 3600.0, 1),
                ("humidity", 68.0, 3.0, 3600.0, 1),
            ],
            30_000,
        ),
    }
}

fn rhythm(kind: &str, signal: &str) -> ((f64, f64), bool) {
    match (kind, signal) {
        ("leachate_tank", "level") => ((8.0, 18.0), false),
        // Traffic makes two peaks; ozone follows the sun.
        ("air_station", "pm25") => ((10.0, 8.5), true),
        ("air_station", "pm10") => ((15.0, 8.5), true),
        ("air_station", "no2") => ((13.0, 8.0), true),
        ("air_station", "o3") => ((32.0, 14.5), false),
        ("air_station", "temperature") => ((4.5, 14.5), false),
        ("air_station", "humidity") => ((-13.0, 14.5), false),
        _ => ((0.0, 0.0), false),
    }
}

fn pull(kind: &str, signal: &str) -> (f64, f64) {
    match (kind, signal) {
        ("furnace", "temperature") => (-82.0, 14.0),
        ("furnace", "oxygen") => (2.6, 20.0),
        ("furnace", "steam") => (-7.0, 40.0),
        ("odour_monitor", "h2s") => (0.082, 7.0),
        ("odour_monitor", "nh3") => (0.55, 9.0),
        ("odour_monitor", "odour") => (21.0, 7.0),
        _ => (0.0, 10.0),
    }
}

impl Instrument {
    pub(super) fn new(profile: &DeviceProfile, link: usize, start_ms: i64, mut dice: Dice) -> Self {
        let kind = profile.kind.as_str();
        let (rows, period_ms) = rows(kind);
        let signals = rows
            .iter()
            .map(|&(name, middle, deviation, memory_s, decimals)| {
                let (daily, twice) = rhythm(kind, name);
                // Two devices of a kind are never quite alike.
                let own = dice.between(-0.6, 0.6) * deviation;
                let wander = Wander::new(deviation, memory_s, &mut dice);
                Signal {
                    name,
                    middle: middle + own,
                    wander,
                    decimals,
                    daily,
                    twice,
                    pull: pull(kind, name),
                    pulled: 0.0,
                }
            })
            .collect();
        let id = profile.device.as_str().to_owned();
        let class = profile.class;
        Self { id, class, link, period_ms, signals, dice, last_ms: start_ms, until: None, status_due: start_ms }
    }
}

impl Actor for Instrument {
    fn act(&mut self, now: i64, scene: &mut Scene<'_>) -> i64 {
        let dt_s = (now - self.last_ms) as f64 / 1000.0;
        self.last_ms = now;
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
        }
        let hour = hour_of_day(now);
        let mut values = Vec::with_capacity(self.signals.len());
        for signal in &mut self.signals {
            let (target, time_constant) = if self.until.is_some() { signal.pull } else { (0.0, signal.pull.1) };
            signal.pulled += (target - signal.pulled) * (1.0 - (-dt_s / time_constant).exp());
            let (swing, peak) = signal.daily;
            let turn = (hour - peak) / 24.0 * std::f64::consts::TAU * if signal.twice { 2.0 } else { 1.0 };
            let value =
                signal.middle + swing * turn.cos() + signal.wander.advance(dt_s, &mut self.dice) + signal.pulled;
            // Only the furnace pressure may be below nothing.
            let floor = if signal.middle < 0.0 || signal.name == "temperature" { f64::MIN } else { 0.0 };
            values.push((signal.name, round(value.max(floor), signal.decimals)));
        }
        if now >= self.status_due {
            self.status_due = now + STATUS_EVERY_MS;
            let status = Status { time: scene.stamp(now), online: true, firmware: Some("1.8"), ..Status::default() };
            scene.send(self.link, self.class, &self.id, "status", json(&status));
        }
        scene.send(self.link, self.class, &self.id, "reading", reading(scene.stamp(now), &values));
        now + if self.until.is_some() { 2000 } else { self.period_ms }
    }

    fn afflict(&mut self, until: i64) -> bool {
        let can = self.until.is_none();
        if can {
            self.until = Some(until);
        }
        can
    }
}
