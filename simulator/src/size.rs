//! How large the simulated district is.

/// Numbers of devices of each sort. The default is the demo: 100 units, one waste plant, 200 piles, 3,000 lamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Patrol units.
    pub patrol: usize,
    /// Vehicles.
    pub vehicle: usize,
    /// Charging piles.
    pub charger: usize,
    /// Air stations.
    pub air: usize,
    /// Light circuits; each feeds [`Size::LAMPS_PER_CIRCUIT`] fixtures.
    pub circuit: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { patrol: 60, vehicle: 40, charger: 200, air: 12, circuit: 75 }
    }
}

impl Size {
    /// Fixtures on each circuit.
    pub const LAMPS_PER_CIRCUIT: usize = 40;
    /// Devices of the one waste plant.
    pub const PLANT: usize = 24;
    /// Most devices in all that a world takes.
    pub const DEVICES_MAX: usize = 20_000;

    /// This size with `units` moving units, six patrol units to four vehicles.
    pub fn with_units(self, units: usize) -> Self {
        let patrol = (units * 6).div_ceil(10);
        Self { patrol, vehicle: units - patrol, ..self }
    }

    /// A district scaled to about `devices` devices in all, in the proportions of the demo (one plant whatever the
    /// size), at most [`Size::DEVICES_MAX`].
    pub fn of_devices(devices: usize) -> Self {
        let base = Self::default();
        let rest = (devices.min(Self::DEVICES_MAX)).saturating_sub(Self::PLANT);
        let scale = |n: usize| n * rest / (base.devices() - Self::PLANT);
        Self {
            patrol: scale(base.patrol),
            vehicle: scale(base.vehicle),
            charger: scale(base.charger),
            air: scale(base.air),
            circuit: scale(base.circuit),
        }
    }

    /// Devices in all.
    pub fn devices(&self) -> usize {
        self.patrol
            + self.vehicle
            + Self::PLANT
            + self.charger
            + self.air
            + self.circuit * (1 + Self::LAMPS_PER_CIRCUIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_scale_and_stay_bounded() {
        assert_eq!(Size::default().devices(), 3411);
        assert_eq!((Size::default().with_units(10).patrol, Size::default().with_units(10).vehicle), (6, 4));
        let large = Size::of_devices(1_000_000).devices();
        assert!((19_900..=20_000).contains(&large), "{large}");
    }
}
