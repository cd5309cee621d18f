//! Units, alarms and orders with as little noise as their types allow, and batches made of them.

use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::ids::AlarmCode;
use greenhub_model::output::AlarmChange;
use greenhub_model::view::{DeviceView, UnitView};
use greenhub_model::{Alarm, AlarmEvent, AlarmId, BatchOutput, DeviceId, OrderId, Output, Position, ReceivedTime};
use serde_json::json;

/// A device id.
pub fn device_id(text: &str) -> DeviceId {
    DeviceId::new(text).expect("a good id")
}

/// The id of the alarm of a device that began at `position`.
pub fn alarm_id(device: &str, position: u64) -> AlarmId {
    AlarmId::of(&device_id(device), &AlarmCode::new("OVER_TEMPERATURE").expect("a good code"), position)
}

/// A unit at a place.
pub fn unit(id: &str, lon: f64, lat: f64, time: i64) -> UnitView {
    serde_json::from_value(json!({
        "id": id, "class": "patrol", "name": format!("巡查 {id}"), "lon": lon, "lat": lat, "speed_kmh": 4.5,
        "heading_deg": 90.0, "accuracy_m": 5.0, "battery_pct": 80.0, "sos": false, "time": time,
        "received": time as f64 + 0.25, "state": "online",
    }))
    .expect("a unit")
}

/// A device at a place with one value.
pub fn device(id: &str, lon: f64, lat: f64, value: f64) -> DeviceView {
    serde_json::from_value(json!({
        "id": id, "class": "environment", "name": id, "kind": "station", "lon": lon, "lat": lat,
        "sub_district": "静安寺街道", "parent": null, "state": "online", "on": null, "dim_pct": null,
        "values": [{"point": "h2s", "label": "硫化氢", "value": value, "unit": "mg/m3", "quality": "good", "time": 1,
            "normal": null}],
        "time": 1, "received": 1.0,
    }))
    .expect("a device")
}

/// An alarm of a device, in a state.
pub fn alarm(device: &str, position: u64, state: AlarmState, count: u64) -> Alarm {
    serde_json::from_value(json!({
        "id": alarm_id(device, position), "device": device, "class": "charger", "device_name": device,
        "sub_component": null, "code": "OVER_TEMPERATURE", "title": "充电桩过温", "cause": "散热不良",
        "consequence": "可能起火", "action": "断电检查", "text": "", "severity": "major", "priority": "P2",
        "priority_reasons": [{"code": "severity", "text": "严重程度 major", "points": 60}], "state": state,
        "active": true, "acknowledged": false, "acknowledged_by": null, "acknowledged_at": null,
        "shelved_until": null, "raised_at": 1000, "last_seen_at": 1000, "returned_at": null, "count": count,
        "annunciations": 1, "value": 91.5, "limit": 85.0, "unit": "Cel", "lon": 121.45, "lat": 31.23,
        "sub_district": "静安寺街道", "late": false, "first_position": position, "last_position": position,
    }))
    .expect("an alarm")
}

/// An alarm and the event that led to its state.
pub fn alarm_change(alarm: Alarm, kind: AlarmEventKind, at: i64) -> Output {
    let event = AlarmEvent {
        alarm: alarm.id.clone(),
        kind,
        at,
        position: alarm.last_position,
        by: alarm.device.to_string(),
        text: String::new(),
        state: alarm.state,
        value: alarm.value,
        called: false,
        repeats: None,
    };
    Output::Alarm(Box::new(AlarmChange { alarm, event }))
}

/// A request to open the order of an alarm.
pub fn order_trigger(device: &str, position: u64, at: i64) -> Output {
    let alarm = alarm_id(device, position);
    let trigger = serde_json::from_value(json!({
        "order": OrderId::of_alarm(&alarm), "alarm": alarm, "title": "充电桩过温", "priority": "P2", "device": device,
        "class": "charger", "lon": 121.45, "lat": 31.23, "sub_district": "静安寺街道", "at": at,
    }));
    Output::Order(Box::new(trigger.expect("an order trigger")))
}

/// A batch of these outputs.
pub fn batch(number: u64, items: Vec<Output>) -> BatchOutput {
    BatchOutput {
        batch: number,
        received: ReceivedTime::from_millis(1_000_000 + number as i64),
        end: Position(number),
        items,
        counts: Default::default(),
    }
}
