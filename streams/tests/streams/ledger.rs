//! Random messages in random batches: nothing vanishes, nothing panics, the number of workers does not show, and the
//! order of arrival does not change where a unit ends.

use crate::kit::{START_MS, batch_of, decoder, message, recorded, sum};
use greenhub_model::{Batch, Channel, Output, Record, RecordKind};
use greenhub_streams::{ReplayOptions, replay, run_recorded};
use proptest::prelude::*;

/// A record as the generator makes it.
#[derive(Debug, Clone)]
struct Made {
    kind: RecordKind,
    channel: Channel,
    topic: String,
    payload: Vec<u8>,
    retain: bool,
    unregistered: bool,
}

impl Made {
    fn record(&self) -> Record<'_> {
        Record {
            kind: self.kind,
            channel: self.channel,
            retain: self.retain,
            unregistered: self.unregistered,
            ..Record::message(self.channel, &self.topic, "somebody", &self.payload)
        }
    }
}

fn topic() -> impl Strategy<Value = String> {
    let class = prop_oneof![Just("patrol"), Just("plant"), Just("charger"), Just("boat")];
    let kind = prop_oneof![Just("position"), Just("reading"), Just("alarm"), Just("status"), Just("command")];
    prop_oneof![
        9 => (class, 0..6u8, kind).prop_map(|(class, n, kind)| format!("greenhub/v1/{class}/D-{n}/{kind}")),
        1 => "\\PC{0,20}",
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let time = prop_oneof![
        3 => (-200_000i64..100_000).prop_map(|t| (START_MS + t).to_string()),
        1 => Just("null".to_owned()),
        1 => any::<i64>().prop_map(|t| t.to_string()),
    ];
    let rest = prop_oneof![
        (100.0..140.0f64, -95.0..95.0f64, any::<bool>())
            .prop_map(|(lon, lat, sos)| format!("\"lon\": {lon}, \"lat\": {lat}, \"sos\": {sos}")),
        (-50.0..2_000.0f64).prop_map(|v| format!("\"values\": {{\"temperature\": {v}, \"h2s\": {}}}", v / 1e4)),
        any::<bool>().prop_map(|active| format!("\"code\": \"OVER_TEMPERATURE\", \"active\": {active}")),
        any::<bool>().prop_map(|online| format!("\"online\": {online}")),
        Just("\"x\": 1".to_owned()),
    ];
    let object = (time, rest).prop_map(|(time, rest)| format!("{{\"time\": {time}, {rest}}}"));
    prop_oneof![
        6 => object.clone().prop_map(String::into_bytes),
        2 => proptest::collection::vec(object, 0..4).prop_map(|all| format!("[{}]", all.join(",")).into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let kind = prop_oneof![
        12 => Just(RecordKind::Message),
        1 => Just(RecordKind::Session),
        1 => Just(RecordKind::Command),
        1 => Just(RecordKind::Config),
        1 => Just(RecordKind::Tick),
    ];
    let channel = proptest::sample::select(Channel::ALL.to_vec());
    (kind, channel, topic(), payload(), proptest::bool::weighted(0.1), proptest::bool::weighted(0.8)).prop_map(
        |(kind, channel, topic, payload, retain, unregistered)| Made {
            kind,
            channel,
            topic,
            payload,
            retain,
            unregistered,
        },
    )
}

/// Batches with growing receive times, some after long silence.
fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let gap = prop_oneof![5 => 0..2_000i64, 1 => 0..700_000i64];
    proptest::collection::vec((gap, proptest::collection::vec(made(), 1..8)), 1..12).prop_map(|parts| {
        let (mut position, mut time) = (0, START_MS);
        let number = |(at, (gap, made)): (usize, (i64, Vec<Made>))| {
            time += gap;
            let records: Vec<Record<'_>> = made.iter().map(Made::record).collect();
            let batch = batch_of(at as u64 + 1, position, time, &records);
            position = batch.end().0;
            batch
        };
        parts.into_iter().enumerate().map(number).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_decided_exactly_once_and_workers_agree(batches in batches()) {
        let one = run_recorded(batches.clone(), decoder(), 1).expect("runs");
        let two = run_recorded(batches.clone(), decoder(), 2).expect("runs");
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(one.len(), batches.len());

        let mut accepted = [0u64; Channel::ALL.len()];
        for record in batches.iter().flat_map(|b| b.records().map(|r| r.expect("whole").1)) {
            accepted[record.channel as usize] += u64::from(record.kind == RecordKind::Message);
        }
        let decided = sum(one.iter());
        for channel in Channel::ALL {
            let counts = decided[channel as usize];
            prop_assert_eq!(counts.applied + counts.quarantined, accepted[channel as usize], "{:?}", channel);
        }
        let reasons = one.iter().flat_map(|o| &o.items).filter(|i| matches!(i, Output::Quarantine(_))).count() as u64;
        let quarantined: u64 = decided.iter().map(|c| c.quarantined).sum();
        prop_assert!(reasons >= quarantined, "each quarantined message has a reason");
    }

    #[test]
    fn a_replay_equals_itself_on_any_number_of_workers(batches in batches(), workers in 1..4usize) {
        let run = |workers| {
            let options = ReplayOptions { workers, ..ReplayOptions::default() };
            replay(|| Ok(recorded(&batches)), None, decoder(), &options).expect("replays")
        };
        prop_assert_eq!(run(1), run(workers));
    }

    #[test]
    fn the_order_of_arrival_does_not_change_where_a_unit_ends(
        times in proptest::sample::subsequence((0..60i64).collect::<Vec<_>>(), 1..20).prop_shuffle(),
        cuts in proptest::collection::vec(1..4usize, 20),
    ) {
        let payload = |t: i64| format!("{{\"time\": {}, \"lon\": {}, \"lat\": 31}}", START_MS + t * 1000, 121.0 + t as f64 / 1000.0);
        let mut rest: Vec<String> = times.iter().map(|t| payload(*t)).collect();
        let mut batches = Vec::new();
        let mut position = 0;
        for (at, cut) in cuts.iter().enumerate() {
            let part: Vec<String> = rest.drain(..(*cut).min(rest.len())).collect();
            if part.is_empty() {
                break;
            }
            let records: Vec<Record<'_>> = part
                .iter()
                .map(|p| Record { unregistered: true, ..message("greenhub/v1/patrol/P-1/position", p) })
                .collect();
            let batch = batch_of(at as u64 + 1, position, START_MS + 60_000 + at as i64, &records);
            position = batch.end().0;
            batches.push(batch);
        }
        let taken = times.len() - rest.len();
        let newest = times[..taken].iter().max().expect("at least one");
        let outputs = run_recorded(batches, decoder(), 1).expect("runs");
        let items: Vec<&Output> = outputs.iter().flat_map(|o| &o.items).collect();
        prop_assert_eq!(items.iter().filter(|i| matches!(i, Output::Track(_))).count(), taken);
        match items.last() {
            Some(Output::Unit(unit)) => {
                prop_assert_eq!(unit.time, Some(START_MS + newest * 1000));
                prop_assert_eq!(unit.lon, Some(121.0 + *newest as f64 / 1000.0));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
