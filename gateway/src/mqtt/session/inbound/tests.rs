use super::*;
use crate::auth::Identity;
use crate::mqtt::wire::frame::put_length;
use greenhub_model::record::RecordError;
use greenhub_model::{Class, DeviceId};
use proptest::prelude::*;

/// Records kept as text: `topic payload qos id client`.
#[derive(Default)]
struct Kept(Vec<String>);

impl Records for Kept {
    fn push(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        let client = Properties::decode(record.properties).client.unwrap_or("-").to_owned();
        let payload = String::from_utf8_lossy(record.payload);
        self.0.push(format!("{} {payload} {} {} {client}", record.topic, record.qos, record.packet_id));
        Ok(())
    }
}

fn inbound(version: Version, logged: bool) -> Inbound {
    let rights = Rights::Device { class: Some(Class::Patrol), device: DeviceId::new("P-1").expect("an id") };
    let setup = Setup {
        version,
        client: "c".into(),
        identity: Identity { principal: "P-1".into(), rights, unregistered: false },
        epoch: 9,
        logged,
        expiry: u32::from(logged) * 100,
        receive_max: 3,
        topic_alias_max: 2,
        subscriptions_max: 3,
        packet_bytes_max: 1000,
    };
    Inbound::new(setup, BTreeSet::new(), BTreeMap::new())
}

const OWN: &str = "greenhub/v1/patrol/P-1/x";

fn publish(version: Version, flags: u8, topic: &str, id: u16) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    if flags & 6 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    if version == Version::V5 {
        body.push(0);
    }
    body.push(b'p');
    let mut out = vec![0x30 | flags];
    put_length(body.len() as u32, &mut out);
    out.extend(body);
    out
}

#[test]
fn a_chunk_is_taken_packet_by_packet_and_the_unfinished_one_left() {
    let mut bytes = publish(Version::V3, 0, OWN, 0);
    let first = bytes.len();
    bytes.extend(publish(Version::V3, 2, OWN, 7));
    let whole = bytes.len();
    bytes.extend([0xC0, 0]);
    for cut in 0..=bytes.len() {
        let mut work = Work::<Kept>::default();
        let taken = inbound(Version::V3, false).receive(&bytes[..cut], &mut work).expect("valid");
        assert!(taken <= cut);
        assert_eq!(work.records.0.len(), usize::from(cut >= whole) + usize::from(cut >= first));
        assert_eq!((work.acks.len(), work.pings), (usize::from(cut >= whole), u32::from(cut == bytes.len())));
    }
}

#[test]
fn acknowledgements_follow_the_burst_in_order_and_free_the_window() {
    let (mut core, mut work, mut out) = (inbound(Version::V5, false), Work::<Kept>::default(), vec![]);
    let mut bytes = publish(Version::V5, 2, OWN, 1);
    bytes.extend(publish(Version::V5, 4, OWN, 2));
    bytes.extend(publish(Version::V5, 2, "other", 3));
    core.receive(&bytes, &mut work).expect("valid");
    assert_eq!(work.records.0, [format!("{OWN} p 1 0 -"), format!("{OWN} p 2 2 c")]);
    assert_eq!(core.unacknowledged(), 3);
    let more = core.receive(&publish(Version::V5, 2, OWN, 4), &mut Work::<Kept>::default());
    assert_eq!(more.map_err(|e| e.reason), Err(Reason::RECEIVE_MAXIMUM));
    core.committed(&work.acks, &mut out);
    assert_eq!(out, [0x40, 2, 0, 1, 0x50, 2, 0, 2, 0x40, 3, 0, 3, 0x87]);
    assert_eq!(core.unacknowledged(), 1, "QoS 2 counts until PUBCOMP");
    work.clear(|kept| kept.0.clear());
    core.receive(&[0x62, 2, 0, 2], &mut work).expect("valid");
    out.clear();
    core.committed(&work.acks, &mut out);
    assert_eq!((out, core.unacknowledged()), (vec![0x70, 2, 0, 2], 0));
}

#[test]
fn a_repeated_qos_2_message_is_answered_and_not_written() {
    let (mut core, mut work) = (inbound(Version::V5, true), Work::<Kept>::default());
    core.receive(&publish(Version::V5, 4, OWN, 2), &mut work).expect("valid");
    core.receive(&publish(Version::V5, 4 | 8, OWN, 2), &mut work).expect("valid");
    assert_eq!((work.records.0.len(), work.acks.len(), core.unacknowledged()), (1, 2, 1));
    core.receive(&[0x62, 2, 0, 2], &mut work).expect("valid");
    assert_eq!((work.records.0.len(), work.recorded), (2, 1), "the release is written");
    core.receive(&publish(Version::V5, 4, OWN, 2), &mut work).expect("valid");
    assert_eq!(work.records.0.len(), 3, "the id is free again");
}

#[test]
fn what_the_log_did_not_take_is_not_acknowledged() {
    let rows = [
        (Version::V5, 2, Ok(vec![0x40, 3, 0, 1, 0x97])),
        (Version::V5, 4, Err(Reason::QUOTA)),
        (Version::V3, 2, Err(Reason::QUOTA)),
        (Version::V3, 0, Ok(vec![])),
    ];
    for (version, flags, want) in rows {
        let (mut core, mut work, mut out) = (inbound(version, false), Work::<Kept>::default(), vec![]);
        core.receive(&publish(version, flags, OWN, 1), &mut work).expect("valid");
        let failed = core.failed(&work.acks, false, Reason::QUOTA, &mut out);
        assert_eq!(failed.map(|()| out).map_err(|e| e.reason), want, "{version:?} {flags}");
    }
    let mut core = inbound(Version::V5, true);
    assert!(core.failed(&[], true, Reason::QUOTA, &mut vec![]).is_err(), "a change of the session that is lost");
}

#[test]
fn trespass_is_refused_by_version_and_qos() {
    let rows = [
        (Version::V5, 0, Ok(0)),
        (Version::V5, 2, Ok(1)),
        (Version::V5, 4, Ok(1)),
        (Version::V3, 0, Ok(0)),
        (Version::V3, 2, Err(Reason::NOT_AUTHORISED)),
    ];
    for (version, flags, want) in rows {
        let mut work = Work::<Kept>::default();
        let got = inbound(version, false).receive(&publish(version, flags, "greenhub/v1/patrol/P-2/x", 1), &mut work);
        assert_eq!(got.map(|_| work.acks.len()).map_err(|e| e.reason), want, "{version:?} {flags}");
        assert_eq!((work.refused, work.records.0.len()), (1, 0));
    }
}

#[test]
fn changes_go_through_the_log_or_straight_to_the_router() {
    let subscribe = b"\x82\x0A\x00\x01\x00\x00\x04xyz/\x00";
    for logged in [false, true] {
        let (mut core, mut work) = (inbound(Version::V5, logged), Work::<Kept>::default());
        core.receive(subscribe, &mut work).expect("valid");
        assert_eq!((work.changes.len(), work.recorded), (usize::from(!logged), u32::from(logged)));
    }
}

#[test]
fn goodbye_is_the_last_word() {
    let (mut core, mut work) = (inbound(Version::V5, true), Work::<Kept>::default());
    let mut bytes = b"\xE0\x07\x04\x05\x11\x00\x00\x00\x05".to_vec();
    bytes.extend(publish(Version::V5, 0, OWN, 0));
    core.receive(&bytes, &mut work).expect("valid");
    assert_eq!(work.goodbye, Some(Goodbye { will: true, expiry: Some(5) }));
    assert!(work.records.0.is_empty());
    let late = inbound(Version::V5, false).receive(&bytes, &mut Work::<Kept>::default());
    assert_eq!(late.map_err(|e| e.reason), Err(Reason::PROTOCOL), "an expiry only at the end");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_splitting_changes_nothing(
        packets in proptest::collection::vec((0u8..=255, proptest::collection::vec(any::<u8>(), 0..30)), 0..6),
        cuts in proptest::collection::vec(0usize..100, 0..4),
        v5: bool,
    ) {
        let version = if v5 { Version::V5 } else { Version::V3 };
        let mut bytes = vec![];
        for (first, body) in &packets {
            bytes.push(*first);
            put_length(body.len() as u32, &mut bytes);
            bytes.extend_from_slice(body);
        }
        let mut whole = Work::<Kept>::default();
        let in_one = inbound(version, true).receive(&bytes, &mut whole).map(|_| ());
        let (mut split, mut core, mut from) = (Work::<Kept>::default(), inbound(version, true), 0);
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let mut in_parts = Ok(());
        for end in ends {
            match core.receive(&bytes[from..end], &mut split) {
                Ok(taken) => from += taken,
                Err(refused) => {
                    in_parts = Err(refused);
                    break;
                }
            }
        }
        prop_assert_eq!(in_one, in_parts);
        prop_assert_eq!(whole.records.0, split.records.0);
        prop_assert_eq!(whole.acks, split.acks);
    }
}
