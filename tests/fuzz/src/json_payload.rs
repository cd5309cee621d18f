//! JSON payloads: one verdict per element, numbers finite and within what the contract says, the same answer twice.
//! The first byte of an input chooses the message kind (two bits) and the datum (the third), the rest is the payload.

use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::decode::{Decode, DecodeContext, ELEMENTS_MAX};
use greenhub_model::geodesy::Datum;
use greenhub_model::time::TimeRules;
use greenhub_model::topic::MessageKind;
use greenhub_model::{Class, DeviceTopic, Observation, Observed, ReceivedTime, Reject};

const KINDS: [MessageKind; 4] = [MessageKind::Position, MessageKind::Reading, MessageKind::Alarm, MessageKind::Status];
/// Receive time of the vectors, Unix milliseconds.
const RECEIVED: i64 = 1_763_899_200_500;
/// No reason may grow with its message.
const REASON_BYTES_MAX: usize = 4096;

type Verdicts = Vec<Result<Observed, (Option<usize>, Reject)>>;

/// Any bytes.
pub fn check(bytes: &[u8]) {
    let Some((&choice, payload)) = bytes.split_first() else { return };
    let message = KINDS[usize::from(choice & 3)];
    let datum = if choice & 4 == 0 { Datum::Wgs84 } else { Datum::Gcj02 };
    let topic = DeviceTopic { class: Class::Patrol, device: "P-001", message };
    let context = DecodeContext { received: ReceivedTime::from_millis(RECEIVED), datum, time: TimeRules::default() };
    let earlier = || Err((Some(usize::MAX), Reject::Empty));
    let mut out: Verdicts = vec![earlier()];
    JsonDecoder.decode(&topic, &context, payload, &mut out);
    let mut again: Verdicts = vec![earlier()];
    JsonDecoder.decode(&topic, &context, payload, &mut again);
    assert_eq!(format!("{out:?}"), format!("{again:?}"), "decoding is a function of its input");
    assert_eq!(format!("{:?}", out.remove(0)), format!("{:?}", earlier()), "earlier verdicts stay");
    assert!(out.len() <= ELEMENTS_MAX);
    let mut last = None;
    for (number, verdict) in out.iter().enumerate() {
        match verdict {
            Ok(observed) => sound(observed, message, &context),
            Err((index, reject)) => {
                assert!(format!("{reject:?}").len() < REASON_BYTES_MAX, "a reason without bound: {reject:?}");
                match index {
                    None => assert_eq!(out.len(), 1, "a refusal of the whole message stands alone"),
                    Some(index) => {
                        assert_eq!(*index, number, "verdicts come in the order of the elements");
                        assert!(last < Some(*index));
                        last = Some(*index);
                    }
                }
            }
        }
    }
}

fn sound(observed: &Observed, message: MessageKind, context: &DecodeContext) {
    let received = context.received.millis();
    let (rules, time) = (context.time, observed.time.0);
    assert!((received - rules.age_max_ms..=received + rules.future_max_ms).contains(&time), "time {time}");
    let small = |name: &str, value: Option<f32>, max: f32| {
        assert!(value.is_none_or(|v| (0.0..=max).contains(&v)), "{name} {value:?}");
    };
    let text = |text: &Option<String>, chars: usize| {
        let fits = |t: &String| t.chars().count() <= chars && !t.chars().any(char::is_control);
        assert!(text.as_ref().is_none_or(fits), "{text:?}");
    };
    match (&observed.what, message) {
        (Observation::Position(p), MessageKind::Position) => {
            assert!((-180.0..=180.0).contains(&p.lon) && (-90.0..=90.0).contains(&p.lat), "{p:?}");
            small("speed", p.speed_kmh, 500.0);
            small("heading", p.heading_deg, 360.0);
            small("accuracy", p.accuracy_m, 100_000.0);
            small("battery", p.battery_pct, 100.0);
        }
        (Observation::Reading(r), MessageKind::Reading) => {
            assert!((1..=256).contains(&r.values.len()));
            assert!(r.values.windows(2).all(|pair| pair[0].0 < pair[1].0), "points in order, each once");
            assert!(r.values.iter().all(|(_, value)| value.is_finite() && value.abs() <= 1e12), "{r:?}");
        }
        (Observation::Alarm(a), MessageKind::Alarm) => {
            assert!(a.value.is_none_or(|v| v.is_finite() && v.abs() <= 1e12), "{a:?}");
            text(&a.text, 500);
            text(&a.sub_component, 64);
        }
        (Observation::Status(s), MessageKind::Status) => {
            small("dimming", s.dim_pct, 100.0);
            small("battery", s.battery_pct, 100.0);
            text(&s.firmware, 64);
        }
        (what, kind) => panic!("a {kind:?} message became {what:?}"),
    }
}

/// The one-line payloads of the decoder's vectors, and an array.
pub fn seeds() -> Vec<Vec<u8>> {
    let vectors = include_str!("../../../gateway/src/protocols/json/vectors.toml");
    let (mut kind, mut seeds) = (0u8, Vec::new());
    for line in vectors.lines() {
        let quoted = |key: &str, mark: char| line.strip_prefix(key)?.strip_prefix(mark)?.strip_suffix(mark);
        if let Some(word) = quoted("message = ", '"') {
            kind = KINDS.iter().position(|k| k.as_str() == word).map_or(0, |at| at as u8);
        }
        if let Some(text) = quoted("text = ", '\'').filter(|text| !text.starts_with('\'')) {
            seeds.push([&[kind], text.as_bytes()].concat());
        }
    }
    let place = r#"{"time":"2025-11-23T19:59:00+08:00","lon":121.42,"lat":31.22,"speed_kmh":3.5}"#;
    seeds.push(format!("\x04[{place},{{\"lon\":0,\"lat\":0}},7,{place}]").into_bytes());
    seeds
}
