//! Chance with a seed: SplitMix64 (Steele, Lea, Flood 2014), eight bytes of state.
//!
//! Every simulated device owns its own dice, seeded from the world's seed and its id, so that adding a device changes no
//! other one's fate and twenty thousand of them cost nothing. Not for secrets.

/// A seeded source of chance.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice for one named thing in one seeded world.
    pub fn of(seed: u64, name: &str) -> Self {
        // FNV-1a over the name, then mixed with the seed; one draw apart from the raw value.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.next();
        dice
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Even over `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Even over `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Whole number below `count`; 0 when there is nothing to choose from.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and deviation 1 (Box–Muller, one of the pair).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// A first-order Gauss–Markov process: noise that remembers. Used for GPS errors and for plant values that wander.
#[derive(Debug, Clone)]
pub struct Wander {
    value: f64,
    deviation: f64,
    memory_s: f64,
}

impl Wander {
    /// Starts somewhere plausible. `memory_s` is the time over which it forgets (1/e), in seconds.
    pub fn new(deviation: f64, memory_s: f64, dice: &mut Dice) -> Self {
        Self { value: dice.normal() * deviation, deviation, memory_s }
    }

    /// Moves on by `dt_s` seconds and gives the new value.
    pub fn advance(&mut self, dt_s: f64, dice: &mut Dice) -> f64 {
        let keep = (-dt_s.max(0.0) / self.memory_s).exp();
        self.value = self.value * keep + dice.normal() * self.deviation * (1.0 - keep * keep).sqrt();
        // Four deviations are the bound: a test can then promise where a unit is.
        self.value = self.value.clamp(-4.0 * self.deviation, 4.0 * self.deviation);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_repeat_for_a_seed_and_differ_between_names() {
        let draw =
            |seed, name| (0..8).map(|_| 0).scan(Dice::of(seed, name), |d, _: i32| Some(d.next())).collect::<Vec<_>>();
        assert_eq!(draw(7, "P-001"), draw(7, "P-001"));
        assert_ne!(draw(7, "P-001"), draw(7, "P-002"));
        assert_ne!(draw(7, "P-001"), draw(8, "P-001"));
    }

    #[test]
    fn wander_keeps_its_deviation_and_its_bound() {
        let mut dice = Dice::of(1, "wander");
        let mut wander = Wander::new(4.0, 30.0, &mut dice);
        let values: Vec<f64> = (0..20_000).map(|_| wander.advance(1.0, &mut dice)).collect();
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!((variance.sqrt() - 4.0).abs() < 0.6, "deviation {}", variance.sqrt());
        assert!(values.iter().all(|v| v.abs() <= 16.0));
        let step = values.windows(2).map(|w| (w[1] - w[0]).abs()).sum::<f64>() / 19_999.0;
        assert!(step < 1.2, "neighbours differ by {step} on average: not correlated");
    }
}
