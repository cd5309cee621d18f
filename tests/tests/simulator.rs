//! The simulated district speaks the hub's language: nothing it says is refused, nobody speaks who is not registered,
//! and every alarm it raises has a type in the rule set.

use greenhub_alarms::rules::RuleSet;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::decode::{Decode, DecodeContext};
use greenhub_model::{DeviceProfile, DeviceTopic, MessageKind, Observation, ReceivedTime};
use greenhub_simulator::{SimulateOptions, World, profiles};
use std::collections::BTreeMap;

/// Monday evening in the district: lamps on, piles busy.
const START_MS: i64 = 1_763_982_000_000;
const STEP_MS: i64 = 250;
const STEPS: i64 = 10 * 60 * 1000 / STEP_MS;

#[test]
fn ten_minutes_of_a_district_decode_without_a_refusal() {
    let options = SimulateOptions::default();
    let registered: BTreeMap<String, DeviceProfile> =
        profiles(&options.size, options.seed).into_iter().map(|p| (p.device.to_string(), p)).collect();
    assert_eq!(registered.len(), options.size.devices(), "every device once");
    let rules = RuleSet::builtin();
    let mut world = World::new(&options, START_MS);
    let (mut kinds, mut codes, mut heard) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut verdicts = Vec::new();
    for step in 1..=STEPS {
        let now = START_MS + step * STEP_MS;
        for message in world.step(now) {
            let topic = DeviceTopic::parse(&message.topic).expect("a topic of the contract");
            let profile = registered.get(topic.device).unwrap_or_else(|| panic!("{} is not registered", topic.device));
            assert_eq!(profile.class, topic.class, "{}", message.topic);
            let context =
                DecodeContext { received: ReceivedTime::from_millis(now), datum: profile.datum, time: rules.time };
            verdicts.clear();
            JsonDecoder.decode(&topic, &context, message.payload.as_bytes(), &mut verdicts);
            assert!(!verdicts.is_empty(), "{} said nothing: {}", message.topic, message.payload);
            for verdict in &verdicts {
                let observed = verdict.as_ref().unwrap_or_else(|refused| {
                    panic!("{} refused {refused:?}: {}", message.topic, message.payload);
                });
                match &observed.what {
                    Observation::Alarm(alarm) => {
                        let known = rules.types.get(&topic.class).is_some_and(|types| types.contains_key(&alarm.code));
                        assert!(known, "{} of {} is not in the rule set", alarm.code, topic.class);
                        *codes.entry(alarm.code.to_string()).or_insert(0u64) += 1;
                    }
                    Observation::Reading(reading) => {
                        for (point, _) in &reading.values {
                            let named = profile.points.iter().any(|p| &p.name == point);
                            assert!(named, "{} measures {point}, which its profile does not have", topic.device);
                        }
                    }
                    Observation::Position(_) | Observation::Status(_) => {}
                }
            }
            *kinds.entry(topic.message.as_str()).or_insert(0u64) += 1;
            *heard.entry(topic.device.to_owned()).or_insert(0u64) += 1;
        }
    }
    println!("{kinds:?} {codes:?}, {} of {} devices heard", heard.len(), registered.len());
    // A silent world would pass all of the above.
    for kind in [MessageKind::Position, MessageKind::Reading, MessageKind::Alarm, MessageKind::Status] {
        assert!(kinds.get(kind.as_str()).is_some_and(|count| *count > 0), "no {} in ten minutes", kind.as_str());
    }
    let moving = (options.size.patrol + options.size.vehicle) as u64;
    assert!(kinds["position"] > moving * 500, "about one position per second and unit");
}
