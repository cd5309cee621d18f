//! Vectors (bytes in, the whole output stated), then what the harness does to each of them for free.

use super::*;
use greenhub_model::decode::ELEMENTS_MAX;
use greenhub_model::geodesy::{Datum, LonLat};
use greenhub_model::{Class, MessageKind, Observation, ReceivedTime, TimeRules};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

const RECEIVED: ReceivedTime = ReceivedTime(1_763_899_200_500_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorFile {
    vector: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    #[allow(dead_code, reason = "every vector states where its bytes come from, for the reader")]
    origin: String,
    message: MessageKind,
    text: Option<String>,
    hex: Option<String>,
    expect: String,
}

impl Vector {
    fn payload(&self) -> Vec<u8> {
        match (&self.text, &self.hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => {
                hex.split_whitespace().map(|b| u8::from_str_radix(b, 16).expect("two hex digits")).collect()
            }
            _ => panic!("vector {:?} needs text or hex", self.name),
        }
    }
}

fn vectors() -> Vec<Vector> {
    toml::from_str::<VectorFile>(include_str!("vectors.toml")).expect("vectors.toml is well-formed").vector
}

fn decode_as(message: MessageKind, datum: Datum, payload: &[u8]) -> Vec<Result<Observed, (Option<usize>, Reject)>> {
    let topic = DeviceTopic { class: Class::Patrol, device: "P-001", message };
    let context = DecodeContext { received: RECEIVED, datum, time: TimeRules::default() };
    let mut out = Vec::new();
    JsonDecoder.decode(&topic, &context, payload, &mut out);
    out
}

fn decode(message: MessageKind, payload: &[u8]) -> Vec<Result<Observed, (Option<usize>, Reject)>> {
    decode_as(message, Datum::Wgs84, payload)
}

fn stated(out: &[Result<Observed, (Option<usize>, Reject)>]) -> Value {
    out.iter()
        .map(|decoded| match decoded {
            Ok(observed) => json!({ "ok": observed }),
            Err((at, reject)) => json!({ "at": at, "err": reject }),
        })
        .collect()
}

/// The sanity net: whatever the bytes, what comes out is physically possible, and something does come out.
fn check_net(out: &[Result<Observed, (Option<usize>, Reject)>]) {
    assert!(!out.is_empty(), "a message vanished");
    assert!(out.len() <= ELEMENTS_MAX);
    for observed in out.iter().filter_map(|o| o.as_ref().ok()) {
        let rules = TimeRules::default();
        let off = RECEIVED.millis() - observed.time.0;
        assert!((-rules.future_max_ms..=rules.age_max_ms).contains(&off), "time {observed:?}");
        match &observed.what {
            Observation::Position(p) => {
                assert!(LonLat { lon: p.lon, lat: p.lat }.is_plausible(), "{p:?}");
                assert!(p.speed_kmh.is_none_or(|v| (0.0..=500.0).contains(&v)), "{p:?}");
                assert!(p.heading_deg.is_none_or(|v| (0.0..=360.0).contains(&v)), "{p:?}");
            }
            Observation::Reading(r) => {
                assert!(!r.values.is_empty() && r.values.iter().all(|(_, v)| v.is_finite()), "{r:?}");
                assert!(r.values.is_sorted_by(|a, b| a.0 < b.0), "{r:?}");
            }
            Observation::Alarm(a) => assert!(a.value.is_none_or(f64::is_finite), "{a:?}"),
            Observation::Status(s) => assert!(s.dim_pct.is_none_or(|v| (0.0..=100.0).contains(&v)), "{s:?}"),
        }
    }
}

#[test]
fn every_vector_decodes_to_exactly_what_it_states() {
    let mut wrong = Vec::new();
    for vector in vectors() {
        let out = decode(vector.message, &vector.payload());
        check_net(&out);
        let expect: Value = serde_json::from_str(&vector.expect).expect("expect is JSON");
        if stated(&out) != expect {
            wrong.push(format!("{}\n  got  {}\n  want {expect}", vector.name, stated(&out)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_vector_panics_or_vanishes() {
    for vector in vectors() {
        let payload = vector.payload();
        for cut in 0..payload.len() {
            check_net(&decode(vector.message, &payload[..cut]));
        }
        for bit in 0..payload.len() * 8 {
            let mut broken = payload.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            for message in [MessageKind::Position, MessageKind::Reading, MessageKind::Alarm, MessageKind::Status] {
                check_net(&decode(message, &broken));
            }
        }
    }
}

#[test]
fn gcj02_is_converted_once() {
    let payload = br#"{"lon": 121.478224057, "lat": 31.228473742}"#;
    let place = |datum| match &decode_as(MessageKind::Position, datum, payload)[..] {
        [Ok(Observed { what: Observation::Position(p), .. })] => (p.lon, p.lat),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(Datum::Wgs84), (121.478224057, 31.228473742));
    let (lon, lat) = place(Datum::Gcj02);
    assert!((lon - 121.473701).abs() < 1e-8 && (lat - 31.230416).abs() < 1e-8, "{lon} {lat}");
}

#[test]
fn sizes_have_a_bound() {
    let one = |out: Vec<Result<Observed, (Option<usize>, Reject)>>| match <[_; 1]>::try_from(out) {
        Ok([Err((None, reject))]) => reject,
        other => panic!("not one refusal: {other:?}"),
    };
    let large = vec![b' '; PAYLOAD_BYTES_MAX + 1];
    let too_large = Reject::TooLarge { bytes: PAYLOAD_BYTES_MAX + 1, max: PAYLOAD_BYTES_MAX };
    assert_eq!(one(decode(MessageKind::Status, &large)), too_large);

    let array = |n: usize| format!("[{}]", vec!["{}"; n].join(",")).into_bytes();
    assert_eq!(decode(MessageKind::Status, &array(ELEMENTS_MAX)).len(), ELEMENTS_MAX);
    let too_many = Reject::TooMany { count: ELEMENTS_MAX + 2, max: ELEMENTS_MAX };
    assert_eq!(one(decode(MessageKind::Status, &array(ELEMENTS_MAX + 2))), too_many);

    let points = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"p{i}\":1")).collect();
        format!("{{\"values\":{{{}}}}}", members.join(",")).into_bytes()
    };
    assert!(decode(MessageKind::Reading, &points(256))[0].is_ok());
    assert_eq!(one(decode(MessageKind::Reading, &points(300))), Reject::TooMany { count: 300, max: 256 });

    let deep = |n: usize| format!("{{\"x\":{}\"[[\\\"[\"{}}}", "[".repeat(n), "]".repeat(n)).into_bytes();
    assert!(decode(MessageKind::Status, &deep(NESTING_MAX - 1))[0].is_ok());
    for n in [NESTING_MAX, 10_000] {
        let detail = "arrays and objects nest deeper than 64".to_owned();
        assert_eq!(one(decode(MessageKind::Status, &deep(n))), Reject::NotJson { detail });
    }
}

#[test]
fn long_text_is_cut_and_long_names_refused() {
    let alarm = json!({ "code": "A", "text": "长".repeat(2_000) }).to_string();
    match &decode(MessageKind::Alarm, alarm.as_bytes())[..] {
        [Ok(Observed { what: Observation::Alarm(a), .. })] => {
            assert_eq!(a.text.as_ref().map(|t| t.chars().count()), Some(500));
        }
        other => panic!("{other:?}"),
    }
    let status = json!({ "firmware": "1".repeat(65) }).to_string();
    assert!(matches!(&decode(MessageKind::Status, status.as_bytes())[..], [Err((None, Reject::WrongType { .. }))]));
}

/// JSON-like text: far more likely than random bytes to reach the judging.
fn jsonish() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        (-400i32..400).prop_map(|e| format!("1.5e{e}")),
        "\\PC{0,8}".prop_map(|s| Value::String(s).to_string()),
        Just("\"2025-11-23T12:00:00Z\"".to_owned()),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("time"),
            Just("lon"),
            Just("lat"),
            Just("sos"),
            Just("values"),
            Just("code"),
            Just("on"),
            Just("x")
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            proptest::collection::vec((key, inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// An object with members that a message kind reads.
fn object() -> impl Strategy<Value = String> {
    let key = proptest::sample::subsequence(vec!["time", "lon", "lat", "sos", "values", "code", "on", "x"], 0..8);
    key.prop_flat_map(|keys| {
        let count = keys.len();
        (Just(keys), proptest::collection::vec(jsonish(), count)).prop_map(|(keys, values)| {
            let members: Vec<String> = keys.iter().zip(values).map(|(k, v)| format!("\"{k}\":{v}")).collect();
            format!("{{{}}}", members.join(","))
        })
    })
}

fn any_message() -> impl Strategy<Value = MessageKind> {
    prop_oneof![
        Just(MessageKind::Position),
        Just(MessageKind::Reading),
        Just(MessageKind::Alarm),
        Just(MessageKind::Status)
    ]
}

proptest! {
    #[test]
    fn random_bytes_never_panic(message in any_message(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_net(&decode(message, &bytes));
    }

    #[test]
    fn random_json_never_panics(message in any_message(), text in jsonish()) {
        check_net(&decode(message, text.as_bytes()));
    }

    #[test]
    fn an_array_decodes_as_its_elements_do(message in any_message(), texts in proptest::collection::vec(object(), 1..5)) {
        let alone: Vec<_> = texts.iter().map(|t| decode(message, t.as_bytes())).collect();
        let readable = alone.iter().flatten().all(|r| !matches!(r, Err((_, Reject::NotJson { .. }))));
        prop_assume!(readable);
        let together = decode(message, format!("[{}]", texts.join(",")).as_bytes());
        let expected: Vec<_> = alone.into_iter().flatten().enumerate()
            .map(|(at, r)| r.map_err(|(_, reject)| (Some(at), reject))).collect();
        prop_assert_eq!(together, expected);
    }
}
