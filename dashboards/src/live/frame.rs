//! JSON frames, put together from the fragments that each state keeps of itself.

use super::cursor::Cursor;
use super::delta::{Delta, Removed};
use super::table::State;
use axum::extract::ws::Utf8Bytes;
use greenhub_model::ReceivedTime;
use greenhub_model::notify::Notification;
use greenhub_model::output::Flood;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;

/// A frame `snapshot`: all lists of the delta are written, empty ones too; events and removals are not.
pub fn snapshot(delta: &Delta, cursor: Cursor, now: ReceivedTime) -> Utf8Bytes {
    let mut out = head("snapshot", cursor, now, size(delta));
    list(&mut out, "units", &delta.units, true);
    list(&mut out, "devices", &delta.devices, true);
    list(&mut out, "alarms", &delta.alarms, true);
    list(&mut out, "orders", &delta.orders, true);
    floods(&mut out, delta.floods.as_deref());
    out.push('}');
    out.into()
}

/// A frame `delta`: empty members are left out.
pub fn delta(delta: &Delta, cursor: Cursor, now: ReceivedTime) -> Utf8Bytes {
    let mut out = head("delta", cursor, now, size(delta));
    list(&mut out, "units", &delta.units, false);
    list(&mut out, "devices", &delta.devices, false);
    list(&mut out, "alarms", &delta.alarms, false);
    list(&mut out, "orders", &delta.orders, false);
    list(&mut out, "events", &delta.events, false);
    floods(&mut out, delta.floods.as_deref());
    removed(&mut out, &delta.removed);
    out.push('}');
    out.into()
}

/// A frame `alive`.
pub fn alive(cursor: Cursor, now: ReceivedTime) -> Utf8Bytes {
    let mut out = head("alive", cursor, now, 0);
    out.push('}');
    out.into()
}

/// A frame `notices`: what the viewer has just been told; `look` where more than this may have come.
pub fn notices(items: &[Arc<Notification>], look: bool, now: ReceivedTime) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Notices<'a> {
        r#type: &'static str,
        now: f64,
        items: Vec<&'a Notification>,
        look: bool,
    }
    let items = items.iter().map(Arc::as_ref).collect();
    let frame = Notices { r#type: "notices", now: now.millis_f64(), items, look };
    serde_json::to_string(&frame).expect("notices have string keys only").into()
}

/// A frame `error`: the client's last message was not taken.
pub fn error(detail: &str) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Error<'a> {
        r#type: &'static str,
        detail: &'a str,
    }
    serde_json::to_string(&Error { r#type: "error", detail }).expect("two strings are always JSON").into()
}

fn head(kind: &str, cursor: Cursor, now: ReceivedTime, size: usize) -> String {
    let mut out = String::with_capacity(size + 160);
    write!(out, r#"{{"type":"{kind}","cursor":"{cursor}","now":{}"#, now.millis_f64())
        .expect("writing to a string cannot fail");
    out
}

fn size(delta: &Delta) -> usize {
    fn of<T: Serialize>(states: &[Arc<State<T>>]) -> usize {
        states.iter().map(|s| s.json().len() + 1).sum::<usize>() + 16
    }
    let removed = &delta.removed;
    let ids = removed.units.len() + removed.devices.len() + removed.alarms.len() + removed.orders.len();
    of(&delta.units) + of(&delta.devices) + of(&delta.alarms) + of(&delta.orders) + of(&delta.events) + ids * 24
}

fn list<T: Serialize>(out: &mut String, name: &str, states: &[Arc<State<T>>], even_empty: bool) {
    if states.is_empty() && !even_empty {
        return;
    }
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":[");
    for (n, state) in states.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(state.json());
    }
    out.push(']');
}

fn floods(out: &mut String, floods: Option<&[Flood]>) {
    if let Some(floods) = floods {
        out.push_str(",\"floods\":");
        out.push_str(&serde_json::to_string(floods).expect("texts and numbers are always JSON"));
    }
}

fn removed(out: &mut String, removed: &Removed) {
    if removed.is_empty() {
        return;
    }
    out.push_str(",\"removed\":{");
    let mut first = true;
    ids(out, "units", &removed.units, &mut first);
    ids(out, "devices", &removed.devices, &mut first);
    ids(out, "alarms", &removed.alarms, &mut first);
    ids(out, "orders", &removed.orders, &mut first);
    out.push('}');
}

/// Ids follow grammars of plain ASCII without quotes or backslashes, so they need no escaping.
fn ids<I: std::fmt::Display>(out: &mut String, name: &str, ids: &[I], first: &mut bool) {
    if ids.is_empty() {
        return;
    }
    if !std::mem::take(first) {
        out.push(',');
    }
    write!(out, "\"{name}\":[").expect("writing to a string cannot fail");
    for (n, id) in ids.iter().enumerate() {
        write!(out, "{}\"{id}\"", if n > 0 { "," } else { "" }).expect("writing to a string cannot fail");
    }
    out.push(']');
}
