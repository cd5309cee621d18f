//! Proofs of the desk: scenarios, reference, order, restart, scale, and that forgetting never shows.

mod bounds;
mod chatter;
mod properties;
mod repeats;
mod scenarios;

use super::*;
use greenhub_model::alarm::{AlarmState, Severity};
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, Command, Role};

pub(super) fn device(id: &str) -> DeviceId {
    DeviceId::new(id).expect("grammar")
}

pub(super) fn code(text: &str) -> AlarmCode {
    AlarmCode::new(text).expect("grammar")
}

/// A condition of a plant device, on time, by the device itself.
pub(super) fn condition(id: &str, text: &str, active: bool, ms: i64) -> Condition {
    Condition {
        device: device(id),
        class: Class::Plant,
        kind: String::new(),
        device_name: String::new(),
        sub_district: String::new(),
        lon: None,
        lat: None,
        sub_component: None,
        code: code(text),
        active,
        severity: None,
        value: None,
        limit: None,
        unit: Unit::default(),
        text: String::new(),
        at: ms,
        received: ReceivedTime::from_millis(ms),
        position: Position(u64::try_from(ms).unwrap_or(0)),
        late: false,
        by: id.to_owned(),
    }
}

pub(super) fn request(request_id: &str, command: Command) -> CommandRequest {
    CommandRequest { request_id: request_id.into(), by: "wang".into(), role: Role::Dispatcher, command }
}

pub(super) fn command(verb: &str, alarm: AlarmId, until: i64) -> Command {
    match verb {
        "ack" => Command::Acknowledge { alarm, comment: String::new() },
        "shelve" => Command::Shelve { alarm, until, reason: "检修".into(), one_shot: false, witness: None },
        "oneshot" => Command::Shelve { alarm, until, reason: "检修".into(), one_shot: true, witness: None },
        "unfold" => Command::Unfold { alarm, reason: "不是同一件事".into() },
        "out" => Command::RemoveFromService {
            device: device("D"),
            permit: "W-7".into(),
            reason: "换泵".into(),
            planned_return: until,
        },
        "back" => Command::ReturnToService { device: device("D"), comment: "已修好".into() },
        "unshelve" => Command::Unshelve { alarm },
        "reset" => Command::Reset { alarm },
        "comment" => Command::Comment { alarm, text: "已通知".into() },
        other => panic!("{other} is no verb"),
    }
}

/// The desk after it was written down and read again.
pub(super) fn restarted(desk: &AlarmDesk) -> AlarmDesk {
    let bytes = serde_json::to_vec(desk).expect("plain data");
    let again: AlarmDesk = serde_json::from_slice(&bytes).expect("its own bytes");
    assert_eq!(&again, desk, "nothing is lost in writing");
    assert_eq!(again.deadline(), desk.deadline(), "nor are the timers");
    again
}

/// One output in a few words: `raised unacknowledged P1 x1`, `order P1`.
pub(super) fn tell(output: &DeskOutput) -> String {
    let word = |value: serde_json::Value| value.as_str().expect("a unit variant").to_owned();
    match output {
        DeskOutput::Alarm(change) => {
            let kind = word(serde_json::to_value(change.event.kind).expect("plain data"));
            let state = word(serde_json::to_value(change.event.state).expect("plain data"));
            format!("{kind} {state} {:?} x{}", change.alarm.priority, change.alarm.count)
        }
        DeskOutput::Order(order) => format!("order {:?}", order.priority),
        DeskOutput::Service(change) => format!("service {}", if change.permit.is_some() { "out" } else { "back" }),
    }
}
