//! What goes wrong, and when: five scripts that repeat with jitter from the seed.
//!
//! The first round falls into the first minute and a half, so that a viewer sees the desk work; afterwards each script
//! waits its period ± 20 %. A script picks one of its candidates and asks it; one that cannot (a unit in a tunnel, a pile
//! without a car) says so and the next is asked, at most [`ASKED_MAX`] of them.

use crate::random::Dice;
use greenhub_model::Class;
use greenhub_model::profile::DeviceProfile;

const ASKED_MAX: usize = 60;

struct Script {
    name: &'static str,
    first_ms: i64,
    period_ms: i64,
    lasts_ms: i64,
    candidates: Vec<usize>,
    due: i64,
    dice: Dice,
}

/// Keeps the scripts.
pub(super) struct Director {
    scripts: Vec<Script>,
}

impl Director {
    pub(super) fn new(seed: u64, start: i64) -> Self {
        // Name, first after, period, duration; seconds.
        const SCRIPTS: [(&str, i64, i64, i64); 5] = [
            ("pile", 12, 260, 110),
            ("odour", 22, 420, 120),
            ("sos", 36, 540, 75),
            ("circuit", 50, 900, 240),
            ("furnace", 75, 660, 150),
        ];
        let scripts = SCRIPTS.into_iter().map(|(name, first, period, lasts)| {
            let mut dice = Dice::of(seed, name);
            let first_ms = (first as f64 * 1000.0 * dice.between(0.9, 1.1)) as i64;
            Script {
                name,
                first_ms,
                period_ms: period * 1000,
                lasts_ms: lasts * 1000,
                candidates: Vec::new(),
                due: start + first_ms,
                dice,
            }
        });
        Self { scripts: scripts.collect() }
    }

    /// Notes a device as a candidate of the script that fits it.
    pub(super) fn consider(&mut self, profile: &DeviceProfile, index: usize) {
        let name = match (profile.class, profile.kind.as_str()) {
            (Class::Charger, "dc_pile") => "pile",
            (Class::Plant, "odour_monitor") => "odour",
            (Class::Patrol, _) => "sos",
            (Class::Light, "circuit") => "circuit",
            (Class::Plant, "furnace") => "furnace",
            _ => return,
        };
        for script in self.scripts.iter_mut().filter(|s| s.name == name) {
            script.candidates.push(index);
        }
    }

    /// When the next script is due, model time.
    pub(super) fn due(&self) -> i64 {
        self.scripts.iter().filter(|s| !s.candidates.is_empty()).map(|s| s.due).min().unwrap_or(i64::MAX)
    }

    /// Starts the script that is due: the actor that took it, and until when.
    pub(super) fn next(&mut self, now: i64, mut ask: impl FnMut(usize, i64) -> bool) -> Option<(usize, i64)> {
        let script = self.scripts.iter_mut().find(|s| s.due <= now && !s.candidates.is_empty())?;
        let wait = script.period_ms as f64 * script.dice.between(0.8, 1.2);
        script.due = now + (wait as i64).max(script.first_ms);
        let until = now + (script.lasts_ms as f64 * script.dice.between(0.85, 1.15)) as i64;
        let count = script.candidates.len();
        let from = script.dice.below(count);
        let asked = (0..count.min(ASKED_MAX)).map(|i| script.candidates[(from + i) % count]);
        asked.into_iter().find(|&index| ask(index, until)).map(|index| (index, until))
    }
}
