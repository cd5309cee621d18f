//! A naive limit: for every second it looks at the whole history again. Whole seconds only; samples arrive when measured.
//!
//! Written from the definition: the condition is on at T when the samples up to T end in an unbroken run of samples beyond
//! the limit that began at least the delay ago. A delay that ends at T ends before a sample measured at T is looked at.

use greenhub_model::profile::LimitSide;

pub(super) struct Naive {
    pub side: LimitSide,
    pub limit: f64,
    pub deadband: f64,
    pub on_delay: i64,
    pub off_delay: i64,
}

impl Naive {
    /// Edges as (second, on) until `end`, for samples (second, value) in order.
    pub(super) fn edges(&self, samples: &[(i64, f64)], end: i64) -> Vec<(i64, bool)> {
        let mut edges = vec![];
        let mut on = false;
        for now in 0..=end {
            for seen in [now - 1, now] {
                let known: Vec<_> = samples.iter().filter(|(at, _)| *at <= seen).collect();
                let run = known.iter().rev().take_while(|(_, value)| self.against(on, *value)).last();
                let delay = if on { self.off_delay } else { self.on_delay };
                if run.is_some_and(|(began, _)| now - began >= delay) {
                    on = !on;
                    edges.push((now, on));
                }
            }
        }
        edges
    }

    fn against(&self, on: bool, value: f64) -> bool {
        let (beyond, back) = match self.side {
            LimitSide::High => (value > self.limit, value <= self.limit - self.deadband),
            LimitSide::Low => (value < self.limit, value >= self.limit + self.deadband),
        };
        if on { back } else { beyond }
    }
}
