//! The devices of the district: who they are, where they stand, what they measure, which limits they have.
//!
//! The hub's demo mode registers exactly these; the simulated world plays exactly these. Both call [`profiles`] with the
//! same size and seed, so nothing has to be transferred between them.
//!
//! ```text
//! P-001 …  patrol units          V-001 …  sweepers, refuse trucks, sprinklers
//! FUR-1 …  waste plant (FUR furnace, FLU flue gas, ODR odour monitor, LCH leachate tank, FAN fan)
//! C-001 …  charging piles        E-01 …   air stations
//! K-001 …  light circuits        L-001-01 … the fixtures of circuit K-001
//! ```
//!
//! Alarm codes that devices raise themselves are in [`codes`]; all other codes come from limits in the profiles.

pub mod lights;
mod plant;

use crate::district::{District, district, to_lonlat};
use crate::random::Dice;
use crate::roads::Metres;
use crate::size::Size;
use greenhub_model::alarm::Severity;
use greenhub_model::geodesy::Datum;
use greenhub_model::profile::{DeviceProfile, LimitProfile, LimitSide, PointProfile};
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceId, PointName};

/// Codes of the alarm messages that simulated devices send themselves.
pub mod codes {
    /// A charging pile is too hot (charger).
    pub const OVER_TEMPERATURE: &str = "OVER_TEMPERATURE";
    /// A circuit breaker opened (light, kind `circuit`).
    pub const CIRCUIT_TRIP: &str = "CIRCUIT_TRIP";
    /// A fixture lost its supply: its last words (light, kind `fixture`). TALQ calls it supplyLoss.
    pub const SUPPLY_LOSS: &str = "SUPPLY_LOSS";
    /// A person asks for help (patrol).
    pub const SOS: &str = "SOS";
}

/// All devices of a district of this size, in a fixed order: units, plant, piles, air, circuits each with its fixtures.
pub fn profiles(size: &Size, seed: u64) -> Vec<DeviceProfile> {
    let district = district();
    let mut all = Vec::with_capacity(size.devices());
    all.extend(patrol(district, size.patrol));
    all.extend(vehicles(size.vehicle));
    all.extend(plant::devices(district));
    all.extend(chargers(district, size.charger));
    all.extend(air(district, size.air, seed));
    all.extend(lights::devices(district, size.circuit));
    all
}

/// A profile with everything a device needs besides its points.
pub(crate) fn profile(id: &str, class: Class, kind: &str, name: String, place: Option<Metres>) -> DeviceProfile {
    DeviceProfile {
        device: DeviceId::new(id).expect("the simulator's ids are letters, digits and dashes"),
        class,
        name,
        place: place.map(to_lonlat),
        datum: Datum::Wgs84,
        sub_district: place.map(|at| district().sub_district(at).to_owned()).unwrap_or_default(),
        parent: None,
        kind: kind.to_owned(),
        points: Vec::new(),
    }
}

/// A measured point without limits.
pub(crate) fn point(name: &str, label: &str, unit: &str, normal: Option<(f64, f64)>) -> PointProfile {
    PointProfile {
        name: PointName::new(name).expect("the simulator's point names are lower case letters and digits"),
        label: label.to_owned(),
        unit: Unit(unit.to_owned()),
        normal,
        limits: Vec::new(),
    }
}

/// Adds a limit to a point. Delays in seconds.
pub(crate) fn limited(
    mut point: PointProfile,
    code: &str,
    side: LimitSide,
    (limit, deadband): (f64, f64),
    (on_delay_s, off_delay_s): (i64, i64),
    severity: Severity,
) -> PointProfile {
    point.limits.push(LimitProfile {
        code: AlarmCode::new(code).expect("the simulator's alarm codes are upper case letters and underscores"),
        side,
        limit,
        deadband,
        on_delay_ms: on_delay_s * 1000,
        off_delay_ms: off_delay_s * 1000,
        severity,
    });
    point
}

fn patrol(district: &'static District, count: usize) -> impl Iterator<Item = DeviceProfile> {
    let areas = district.sub_districts();
    (0..count).map(move |i| {
        let area = &areas[i % areas.len()];
        let short = short_name(&area.name);
        let name = format!("{short}巡查{:02}", i / areas.len() + 1);
        let mut unit = profile(&format!("P-{:03}", i + 1), Class::Patrol, "officer", name, None);
        unit.sub_district = area.name.clone();
        unit
    })
}

/// The sub-district's name without its ending.
pub(crate) fn short_name(name: &str) -> &str {
    name.split("示范").next().unwrap_or(name)
}

fn vehicles(count: usize) -> impl Iterator<Item = DeviceProfile> {
    const KINDS: [(&str, &str); 5] = [
        ("sweeper", "清扫车"),
        ("refuse_truck", "垃圾清运车"),
        ("sweeper", "清扫车"),
        ("refuse_truck", "垃圾清运车"),
        ("sprinkler", "洒水车"),
    ];
    (0..count).map(|i| {
        let (kind, label) = KINDS[i % KINDS.len()];
        profile(&format!("V-{:03}", i + 1), Class::Vehicle, kind, format!("{label}{:02}号", i + 1), None)
    })
}

fn chargers(district: &'static District, count: usize) -> impl Iterator<Item = DeviceProfile> {
    let stations: Vec<_> = district.facilities("charging_station").collect();
    (0..count).map(move |i| {
        let (station, slot) = (stations[i % stations.len()], i / stations.len());
        // Rows of eight bays, 5 m apart, rows 12 m apart.
        let at = Metres {
            x: station.at.x + (slot % 8) as f64 * 5.0 - 17.5,
            y: station.at.y + (slot / 8) as f64 * 12.0 - 6.0,
        };
        let (kind, rated) = if i % 5 < 3 { ("dc_pile", 120.0) } else { ("ac_pile", 7.0) };
        let name = format!("{}{:02}号桩", station.name, slot + 1);
        let mut pile = profile(&format!("C-{:03}", i + 1), Class::Charger, kind, name, Some(at));
        pile.points = vec![
            point("temperature", "接头温度", "Cel", Some((-10.0, 70.0))),
            point("power", "充电功率", "kW", Some((0.0, rated))),
            point("current", "电流", "A", Some((0.0, if rated > 10.0 { 250.0 } else { 32.0 }))),
            point("voltage", "电压", "V", Some(if rated > 10.0 { (300.0, 750.0) } else { (198.0, 242.0) })),
            point("energy", "累计电量", "kW.h", None),
            point("soc", "车辆电量", "%", Some((0.0, 100.0))),
        ];
        pile
    })
}

fn air(district: &'static District, count: usize, seed: u64) -> impl Iterator<Item = DeviceProfile> {
    let sites: Vec<_> = district.facilities("air_station").collect();
    (0..count).map(move |i| {
        let site = sites[i % sites.len()];
        let mut dice = Dice::of(seed, &format!("air {i}"));
        let away = if i < sites.len() { 0.0 } else { 400.0 };
        let at = Metres { x: site.at.x + dice.between(-away, away), y: site.at.y + dice.between(-away, away) };
        let mut station =
            profile(&format!("E-{:02}", i + 1), Class::Environment, "air_station", site.name.clone(), Some(at));
        if i >= sites.len() {
            station.name = format!("{}{}", site.name, i / sites.len() + 1);
        }
        let high = |p, code, limit: f64, severity| {
            limited(p, code, LimitSide::High, (limit, limit * 0.05), (60, 60), severity)
        };
        station.points = vec![
            high(point("pm25", "PM2.5", "ug/m3", Some((0.0, 75.0))), "PM25_HIGH", 150.0, Severity::Minor),
            high(point("pm10", "PM10", "ug/m3", Some((0.0, 150.0))), "PM10_HIGH", 350.0, Severity::Minor),
            point("no2", "二氧化氮", "ug/m3", Some((0.0, 80.0))),
            point("o3", "臭氧", "ug/m3", Some((0.0, 160.0))),
            point("temperature", "气温", "Cel", Some((-5.0, 38.0))),
            point("humidity", "相对湿度", "%", Some((20.0, 100.0))),
        ];
        station
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_demo_has_what_the_contract_promises() {
        let all = profiles(&Size::default(), 1);
        assert_eq!(all.len(), Size::default().devices());
        let count = |class, kind: &str| all.iter().filter(|p| p.class == class && p.kind == kind).count();
        assert_eq!((count(Class::Patrol, "officer"), count(Class::Light, "circuit")), (60, 75));
        assert_eq!((count(Class::Light, "fixture"), count(Class::Environment, "air_station")), (3000, 12));
        assert_eq!(all.iter().filter(|p| p.class == Class::Vehicle).count(), 40);
        assert_eq!(all.iter().filter(|p| p.class == Class::Plant).count(), Size::PLANT);
        assert_eq!(all.iter().filter(|p| p.class == Class::Charger).count(), 200);
        assert_eq!(all, profiles(&Size::default(), 1), "the same for a seed");
    }

    #[test]
    fn ids_are_unique_and_parents_exist_up_to_twenty_thousand() {
        let all = profiles(&Size::of_devices(20_000), 3);
        assert!(all.len() > 19_000, "{}", all.len());
        let ids: BTreeSet<_> = all.iter().map(|p| p.device.clone()).collect();
        assert_eq!(ids.len(), all.len());
        for profile in &all {
            assert!(profile.parent.as_ref().is_none_or(|parent| ids.contains(parent)), "{}", profile.device);
            assert!(!profile.name.is_empty());
            assert!(profile.class == Class::Vehicle || !profile.sub_district.is_empty(), "{}", profile.device);
        }
    }

    #[test]
    fn fixed_devices_stand_in_the_district_or_at_its_edge() {
        let district = district();
        for profile in profiles(&Size::default(), 1).iter().filter(|p| !p.class.is_unit()) {
            let at = crate::district::to_metres(profile.place.expect("fixed devices have a place"));
            let edge = district.outline().ring.iter().map(|p| p.distance(at)).fold(f64::INFINITY, f64::min);
            assert!(district.outline().contains(at) || edge < 160.0, "{} stands {edge} m outside", profile.device);
        }
    }
}
