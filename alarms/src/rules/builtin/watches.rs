//! The first watches and the fence of the district.
//!
//! They say what limits cannot: a furnace that cools too fast to be noticed in time, an odour monitor whose value never
//! moves, an air station whose PM2.5 is missing while it goes on speaking, a circuit that does not do as it was told, a
//! vehicle that drives off. The numbers leave room for what is normal: a furnace may wander 15 °C in minutes, a breaker may
//! need ten minutes until somebody is there.

use super::*;
use crate::fence::Trespass;
use crate::watch::{Input, Watch};

const MINUTE: i64 = 60_000;

fn point(name: &str) -> Input {
    Input::Point(PointName::new(name).expect("the tables follow the grammar of points"))
}

fn code(text: &str) -> AlarmCode {
    AlarmCode::new(text).expect("the tables follow the grammar of codes")
}

fn watch(id: &str, class: Class, kind: &str, raises: &str, delays_ms: (i64, i64), when: Watch) -> WatchRule {
    WatchRule {
        id: id.to_owned(),
        class,
        kind: Some(kind.to_owned()),
        code: code(raises),
        severity: None,
        on_delay_ms: delays_ms.0,
        off_delay_ms: delays_ms.1,
        when,
    }
}

pub(super) fn watches() -> Vec<WatchRule> {
    vec![
        watch(
            "furnace-temperature-rate",
            Class::Plant,
            "furnace",
            "FURNACE_TEMPERATURE_RATE",
            (MINUTE, MINUTE),
            Watch::Rate {
                point: point("temperature"),
                window_ms: 5 * MINUTE,
                per_ms: MINUTE,
                rise: Some(40.0),
                fall: Some(40.0),
                deadband: 5.0,
            },
        ),
        watch(
            "odour-monitor-stuck",
            Class::Plant,
            "odour_monitor",
            "SENSOR_STUCK",
            (0, 0),
            Watch::Stuck { point: point("h2s"), for_ms: 60 * MINUTE, epsilon: 0.0 },
        ),
        watch(
            "air-station-pm25-missing",
            Class::Environment,
            "air_station",
            "NO_DATA",
            (0, MINUTE),
            Watch::NoData { point: point("pm25"), for_ms: 10 * MINUTE, also_silent: false },
        ),
        watch(
            "circuit-does-not-follow",
            Class::Light,
            "circuit",
            "COMMAND_MISMATCH",
            (10 * MINUTE, 15_000),
            Watch::Mismatch { commanded: point("commanded"), reported: point("feedback"), tolerance: 0.0 },
        ),
        watch(
            "pile-keeps-stopping",
            Class::Charger,
            "dc_pile",
            "REPEATED_FAULT",
            (0, 0),
            Watch::Count {
                of: Input::Alarm(code("EMERGENCY_STOP")),
                above: None,
                below: None,
                at_least: 3,
                window_ms: 60 * MINUTE,
            },
        ),
    ]
}

pub(super) fn fences() -> Vec<Fence> {
    vec![Fence {
        id: "district".to_owned(),
        title: "全区作业范围".to_owned(),
        // The district with a margin of about a kilometre.
        polygon: vec![[121.325, 31.170], [121.455, 31.170], [121.455, 31.249], [121.325, 31.249]],
        classes: vec![Class::Vehicle],
        kinds: vec![],
        devices: vec![],
        on: Trespass::Leave,
        hours: None,
        hysteresis_m: 50.0,
        accuracy_max_m: 100.0,
        on_delay_ms: MINUTE,
        off_delay_ms: 30_000,
        code: code("FENCE_LEFT"),
        severity: None,
    }]
}
