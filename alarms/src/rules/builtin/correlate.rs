//! What explains what in a district like ours. A site adds its feeders and network segments as tables of topology; these
//! rules need only the registry's parents (circuit of a lamp, furnace of its fans and flue monitor).
//!
//! Windows follow how soon a consequence is noticed: a lamp says at once that its supply is gone, silence is noticed after
//! ten minutes. Nothing here folds what may cost a life; that is no matter of rules.

use super::*;
use crate::correlate::rules::{CauseRule, CorrelateRules, Matcher, NearRule, PARENT, SAME};

/// Id, title, relation, class, causes, effects, window and grace in seconds.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Option<Class>,
    &'static [&'static str],
    &'static [&'static str],
    [i64; 2],
);

const CAUSES: [Row; 10] = [
    (
        "circuit_trip",
        "回路跳闸，其下灯具失电",
        PARENT,
        Some(Class::Light),
        &["CIRCUIT_TRIP"],
        &["SUPPLY_LOSS", "LAMP_FAULT", "LAMP_FAILURE", "CONTROL_GEAR_FAULT", "DIMMING_FAULT", "DEVICE_OFFLINE"],
        [120, 60],
    ),
    (
        "contactor",
        "回路接触器故障，其下灯具不受控",
        PARENT,
        Some(Class::Light),
        &["CONTACTOR_FAULT"],
        &["SUPPLY_LOSS", "LAMP_UNEXPECTED_ON", "DIMMING_FAULT"],
        [300, 60],
    ),
    (
        "circuit_dead",
        "回路跳闸后自身失电",
        SAME,
        Some(Class::Light),
        &["CIRCUIT_TRIP"],
        &["UNDER_VOLTAGE", "DEVICE_OFFLINE", "CONTACTOR_FAULT"],
        [120, 60],
    ),
    (
        "upper_offline",
        "上级设备离线，下级一并失联",
        PARENT,
        None,
        &["DEVICE_OFFLINE"],
        &["DEVICE_OFFLINE", "DATA_QUALITY_BAD"],
        [900, 120],
    ),
    ("offline", "设备离线，数据随之不可信", SAME, None, &["DEVICE_OFFLINE"], &["DATA_QUALITY_BAD"], [900, 60]),
    (
        "power_below",
        "上级失电，下级停机或失联",
        PARENT,
        Some(Class::Plant),
        &["POWER_LOSS"],
        &["POWER_LOSS", "DEVICE_OFFLINE", "FAN_FAULT", "PUMP_FAULT", "CONVEYOR_JAM", "DATA_QUALITY_BAD"],
        [900, 120],
    ),
    (
        "power",
        "设备失电，随之停机或失联",
        SAME,
        Some(Class::Plant),
        &["POWER_LOSS"],
        &["DEVICE_OFFLINE", "FAN_FAULT", "PUMP_FAULT", "CONVEYOR_JAM", "DATA_QUALITY_BAD"],
        [900, 60],
    ),
    (
        "fan",
        "风机故障，振动与轴承温度随之异常",
        SAME,
        Some(Class::Plant),
        &["FAN_FAULT"],
        &["VIBRATION_HIGH", "BEARING_TEMP_HIGH"],
        [600, 60],
    ),
    (
        "emergency_stop",
        "急停按下，充电随之中断",
        SAME,
        Some(Class::Charger),
        &["EMERGENCY_STOP"],
        &["CONNECTOR_LOCK_FAILURE", "EV_COMMUNICATION_ERROR", "INTERNAL_ERROR", "RESET_FAILURE"],
        [60, 30],
    ),
    (
        "sensor",
        "传感器故障，数据随之不可信",
        SAME,
        Some(Class::Environment),
        &["SENSOR_FAULT"],
        &["DATA_QUALITY_BAD"],
        [600, 60],
    ),
];

/// Id, title, types, radius in metres, window in seconds.
type Near = (&'static str, &'static str, &'static [(Class, &'static [&'static str])], f64, i64);

const NEAR: [Near; 3] = [
    (
        "odour",
        "邻近点位恶臭超标",
        &[
            (Class::Plant, &["ODOUR_HIGH", "ODOUR_EXCEEDANCE", "H2S_HIGH", "NH3_HIGH"]),
            (Class::Environment, &["H2S_HIGH", "NH3_HIGH"]),
        ],
        200.0,
        1800,
    ),
    ("dust", "邻近点位颗粒物超标", &[(Class::Environment, &["PM25_HIGH", "PM10_HIGH"])], 500.0, 3600),
    ("water", "邻近点位积水", &[(Class::Environment, &["WATER_LEVEL_HIGH"])], 300.0, 3600),
];

pub(super) fn rules() -> CorrelateRules {
    let codes = |texts: &[&str]| -> Vec<AlarmCode> {
        texts.iter().map(|text| AlarmCode::new(text).expect("the tables follow the grammar of codes")).collect()
    };
    let causes = CAUSES.iter().map(|(id, title, relation, class, cause, effect, [within, grace])| CauseRule {
        id: (*id).into(),
        title: (*title).into(),
        relation: (*relation).into(),
        cause: Matcher { class: *class, codes: codes(cause) },
        effect: Matcher { class: *class, codes: codes(effect) },
        within_ms: within * 1000,
        grace_ms: grace * 1000,
    });
    let near = NEAR.iter().map(|(id, title, types, radius_m, window)| NearRule {
        id: (*id).into(),
        title: (*title).into(),
        codes: types.iter().map(|(class, texts)| (*class, codes(texts))).collect(),
        radius_m: *radius_m,
        window_ms: window * 1000,
    });
    CorrelateRules { causes: causes.collect(), near: near.collect(), ..CorrelateRules::default() }
}
