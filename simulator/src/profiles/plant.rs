//! The waste disposal centre (invented): three furnaces with flue monitors and fans, eight odour monitors, four tanks.
//!
//! Limits: furnace ≥ 850 °C (GB 18485), boundary odour after GB 14554-93 class 2 new (H2S 0.06 mg/m3, NH3 1.5 mg/m3,
//! odour 20), flue gas hourly means of GB 18485-2014. Delays are short so that a demo shows an alarm while one watches;
//! a real plant judges five-minute means.

use super::{limited, point, profile};
use crate::district::District;
use crate::roads::Metres;
use greenhub_model::alarm::Severity::{Critical, Major, Minor};
use greenhub_model::profile::{DeviceProfile, LimitSide::High, LimitSide::Low, PointProfile};
use greenhub_model::{Class, DeviceId};

pub(super) fn devices(district: &District) -> Vec<DeviceProfile> {
    let centre = district.facilities("waste_plant").next().map_or(Metres { x: 0.0, y: 0.0 }, |f| f.at);
    let at = |x: f64, y: f64| Some(Metres { x: centre.x + x, y: centre.y + y });
    let mut all = Vec::new();
    let mut add = |id: String, kind: &str, name: String, place, parent: Option<String>, points: Vec<PointProfile>| {
        let mut device = profile(&id, Class::Plant, kind, name, place);
        device.parent = parent.map(|p| DeviceId::new(&p).expect("the simulator's ids are letters, digits and dashes"));
        device.points = points;
        all.push(device);
    };
    for line in 1..=3usize {
        let x = (line as f64 - 2.0) * 55.0;
        let furnace = format!("FUR-{line}");
        add(furnace.clone(), "furnace", format!("{line}号焚烧炉"), at(x, 30.0), None, furnace_points());
        add(
            format!("FLU-{line}"),
            "flue_gas",
            format!("{line}号炉烟气在线"),
            at(x, 85.0),
            Some(furnace.clone()),
            flue_points(),
        );
        for (number, role, y) in [(2 * line - 1, "一次风机", 5.0), (2 * line, "引风机", 62.0)] {
            let name = format!("{line}号炉{role}");
            add(format!("FAN-{number}"), "fan", name, at(x + 16.0, y), Some(furnace.clone()), fan_points());
        }
    }
    const SIDES: [(&str, f64, f64); 8] = [
        ("厂界东", 185.0, 10.0),
        ("厂界东南", 135.0, -115.0),
        ("厂界南", 5.0, -150.0),
        ("厂界西南", -130.0, -120.0),
        ("厂界西", -180.0, 0.0),
        ("厂界西北", -135.0, 115.0),
        ("厂界北", 0.0, 155.0),
        ("卸料大厅", -40.0, -55.0),
    ];
    for (i, (side, x, y)) in SIDES.iter().enumerate() {
        add(format!("ODR-{}", i + 1), "odour_monitor", format!("{side}恶臭监测点"), at(*x, *y), None, odour_points());
    }
    for (i, tank) in ["渗滤液调节池", "渗滤液厌氧罐", "渗滤液硝化池", "渗滤液清水池"].iter().enumerate()
    {
        add(
            format!("LCH-{}", i + 1),
            "leachate_tank",
            (*tank).to_owned(),
            at(80.0 + 30.0 * i as f64, -60.0),
            None,
            tank_points(),
        );
    }
    all
}

fn furnace_points() -> Vec<PointProfile> {
    let temperature = point("temperature", "炉膛温度", "Cel", Some((870.0, 950.0)));
    vec![
        limited(temperature, "FURNACE_TEMP_LOW", Low, (850.0, 10.0), (10, 15), Critical),
        point("oxygen", "烟气含氧量", "%", Some((6.0, 11.0))),
        point("pressure", "炉膛负压", "Pa", Some((-100.0, -20.0))),
        point("load", "垃圾处理量", "t/h", Some((18.0, 24.0))),
        point("steam", "主蒸汽流量", "t/h", Some((45.0, 62.0))),
    ]
}

fn flue_points() -> Vec<PointProfile> {
    let high = |p, code, limit: f64| limited(p, code, High, (limit, limit * 0.05), (60, 60), Major);
    vec![
        high(point("so2", "二氧化硫", "mg/m3", Some((0.0, 80.0))), "FLUE_SO2_HIGH", 100.0),
        high(point("nox", "氮氧化物", "mg/m3", Some((0.0, 250.0))), "FLUE_NOX_HIGH", 300.0),
        high(point("hcl", "氯化氢", "mg/m3", Some((0.0, 50.0))), "FLUE_HCL_HIGH", 60.0),
        high(point("dust", "颗粒物", "mg/m3", Some((0.0, 20.0))), "FLUE_DUST_HIGH", 30.0),
    ]
}

fn fan_points() -> Vec<PointProfile> {
    let vibration = point("vibration", "轴承振动", "mm/s", Some((0.8, 4.5)));
    let bearing = point("temperature", "轴承温度", "Cel", Some((30.0, 70.0)));
    vec![
        limited(vibration, "VIBRATION_HIGH", High, (7.1, 0.5), (15, 30), Major),
        limited(bearing, "BEARING_TEMP_HIGH", High, (85.0, 2.0), (60, 60), Major),
        point("current", "电机电流", "A", Some((120.0, 210.0))),
    ]
}

fn odour_points() -> Vec<PointProfile> {
    let h2s = point("h2s", "硫化氢", "mg/m3", Some((0.0, 0.04)));
    let nh3 = point("nh3", "氨", "mg/m3", Some((0.0, 1.0)));
    let odour = point("odour", "臭气浓度", "1", Some((0.0, 15.0)));
    vec![
        limited(h2s, "H2S_HIGH", High, (0.06, 0.005), (8, 20), Major),
        limited(nh3, "NH3_HIGH", High, (1.5, 0.1), (8, 20), Major),
        limited(odour, "ODOUR_HIGH", High, (20.0, 2.0), (8, 20), Minor),
    ]
}

fn tank_points() -> Vec<PointProfile> {
    let level = point("level", "液位", "%", Some((25.0, 75.0)));
    vec![
        limited(level, "LEACHATE_LEVEL_HIGH", High, (85.0, 4.0), (60, 60), Major),
        point("ph", "pH", "[pH]", Some((6.5, 8.5))),
        point("cod", "化学需氧量", "mg/L", Some((0.0, 500.0))),
    ]
}
