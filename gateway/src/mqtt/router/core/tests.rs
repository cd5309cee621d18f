use super::*;
use crate::mqtt::session::outbound::Link;
use crate::mqtt::wire::Version;
use crate::mqtt::wire::frame::cut;
use crate::mqtt::wire::packet::AckKind;
use greenhub_model::{Position, ReceivedTime};
use std::time::Duration;

fn core() -> Core {
    Core::new(Limits::default(), Pool::new(1 << 20))
}

/// Batches from lists of records, numbered and positioned as the log does.
#[derive(Default)]
struct Script {
    batches: Vec<Batch>,
    position: u64,
}

impl Script {
    fn push(&mut self, records: &[Record<'_>]) {
        let mut bytes = vec![];
        records.iter().for_each(|record| record.encode(&mut bytes).expect("small"));
        let number = self.batches.len() as u64 + 1;
        let first = Position(self.position);
        self.position += records.len() as u64;
        let received = ReceivedTime(number as i64 * 1_000_000);
        let count = records.len() as u32;
        self.batches.push(Batch { number, first, count, received, bytes: Arc::new(bytes) });
    }

    fn change(&mut self, client: &str, change: &Change) {
        let payload = change.encode();
        self.push(&[Change::record(client, "p", &payload)]);
    }

    /// Returns the message's position.
    fn message(&mut self, topic: &str, qos: u8, retain: bool, payload: &[u8]) -> u64 {
        self.push(&[Record { qos, retain, ..Record::message(Channel::Mqtt, topic, "p", payload) }]);
        self.position - 1
    }
}

fn open(epoch: u64, clean: bool, will: Option<Will>) -> Change {
    Change::Open { epoch, clean, expiry: 100, will }
}

fn subscribe(epoch: u64, filter: &str, qos: u8) -> Change {
    let options = Options { qos, no_local: false, retain_as_published: false, retain_handling: 0 };
    Change::Subscribe { epoch, packet_id: 1, identifier: Some(3), filters: vec![(filter.into(), options, qos)] }
}

fn will(delay: u32) -> Will {
    Will {
        topic: "will".into(),
        payload: b"w".to_vec(),
        qos: 1,
        retain: false,
        delay,
        expiry: None,
        properties: vec![],
        unregistered: false,
    }
}

/// A log with a bit of everything.
fn eventful() -> Script {
    let mut script = Script::default();
    script.message("r/a", 1, true, b"retained");
    script.change("a", &open(1, false, Some(will(9))));
    script.change("a", &subscribe(1, "r/#", 1));
    script.change("b", &open(2, false, None));
    script.change("b", &subscribe(2, "$share/g/m/+", 2));
    script.change("c", &open(3, false, None));
    script.change("c", &subscribe(3, "$share/g/m/+", 2));
    let shared: Vec<u64> = (0..4).map(|_| script.message("m/x", 2, false, b"shared")).collect();
    script.change("b", &Change::Assigned { epoch: 2, sent: vec![(1, shared[0]), (2, shared[2])] });
    script.change("b", &Change::Received { epoch: 2, sent: vec![(1, shared[0])] });
    script.change("c", &Change::Settled { epoch: 3, positions: vec![shared[1], shared[3]] });
    let own = Properties { client: Some("a"), ..Properties::default() };
    let mut properties = vec![];
    own.encode(&mut properties);
    let held =
        Record { qos: 2, packet_id: 5, properties: &properties, ..Record::message(Channel::Mqtt, "q", "p", b"") };
    script.push(&[held, Record { packet_id: 6, ..held }]);
    script.change("a", &Change::Released { ids: vec![6] });
    script.message("r/a", 1, true, b"");
    script.message("r/b", 1, true, b"new");
    script.change("a", &Change::Unsubscribe { epoch: 1, packet_id: 4, filters: vec!["r/#".into()] });
    script.change("a", &Change::Closed { epoch: 1, will: true, expiry: None });
    script.change("d", &open(4, false, None));
    script.change("d", &Change::Ended { born: 4 });
    script.change("a", &open(5, true, None));
    script
}

#[test]
fn a_snapshot_at_any_batch_and_the_log_behind_it_give_the_same_state() {
    let script = eventful();
    let mut whole = core();
    script.batches.iter().for_each(|batch| whole.apply(batch).expect("whole records"));
    for cut in 0..=script.batches.len() {
        let mut first = core();
        script.batches[..cut].iter().for_each(|batch| first.apply(batch).expect("whole records"));
        let image = first.image();
        let mut second = Core::restore(Limits::default(), Pool::new(1 << 20), &image).expect("our own image");
        assert_eq!(second.image(), image, "image after batch {cut}");
        script.batches[cut..].iter().for_each(|batch| second.apply(batch).expect("whole records"));
        assert_eq!(parts(&second), parts(&whole), "snapshot after batch {cut}");
    }
}

/// The image as text, whose record offsets do not depend on the order of writing.
fn parts(core: &Core) -> (String, String, usize) {
    let image = core.image();
    let text = |name: &str| String::from_utf8(image[name].clone()).expect("JSON");
    (text("sessions.json"), text("retained.json"), image["records"].len())
}

#[test]
fn damaged_images_are_refused_not_believed() {
    let script = eventful();
    let mut whole = core();
    script.batches.iter().for_each(|batch| whole.apply(batch).expect("whole records"));
    let image = whole.image();
    for name in image.keys() {
        let mut missing = image.clone();
        missing.remove(name);
        assert!(Core::restore(Limits::default(), Pool::new(1), &missing).is_err(), "without {name}");
        let mut cut = image.clone();
        cut.get_mut(name).expect("a part").truncate(3);
        assert!(Core::restore(Limits::default(), Pool::new(1), &cut).is_err(), "{name} cut off");
    }
}

/// Connects `client` to a live core and returns what it would read.
fn read(core: &mut Core, client: &str, epoch: u64) -> Vec<Vec<u8>> {
    core.change(client, "p", true, open(epoch, false, None), 0);
    let Some(Effect::Attach(_, Ok(attached))) = core.take_effects().pop() else { panic!("a session") };
    let mut outbound = attached.session.outbound();
    outbound.attach(Link { version: Version::V5, packet_bytes_max: 1000, window: 100 }, 0);
    let ids = outbound.unconfirmed();
    outbound.confirm(&ids, 0);
    let (mut bytes, mut packets) = (vec![], vec![]);
    outbound.take_ready(&mut bytes);
    let mut rest = &bytes[..];
    while let Some(frame) = cut(rest, 1 << 20).expect("our own bytes") {
        packets.push(frame.whole.to_vec());
        rest = &rest[frame.whole.len()..];
    }
    packets
}

#[test]
fn a_share_group_has_each_message_once_after_a_replay() {
    let script = eventful();
    let mut replayed = core();
    script.batches.iter().for_each(|batch| replayed.apply(batch).expect("whole records"));
    replayed.go_live(Duration::ZERO, 0);
    let mut count = 0;
    for (client, epoch) in [("b", 10), ("c", 11)] {
        count += read(&mut replayed, client, epoch).len();
    }
    assert_eq!(count, 2, "one to be released, one to be sent again; two are done");
}

#[test]
fn a_will_comes_when_due_and_not_after_a_return() {
    let mut live = core();
    live.go_live(Duration::ZERO, 0);
    let second = 1_000_000;
    live.change("a", "p", true, open(1, false, Some(will(5))), 0);
    live.change("a", "p", true, Change::Closed { epoch: 1, will: true, expiry: None }, 0);
    live.take_effects();
    live.advance(4 * second);
    assert!(live.take_effects().is_empty());
    live.advance(5 * second);
    assert!(matches!(live.take_effects()[..], [Effect::Publish { epoch: 1, .. }]));
    live.advance(6 * second);
    assert!(live.take_effects().is_empty(), "on its way once");
    live.not_appended("a");
    live.advance(7 * second);
    assert!(matches!(live.take_effects()[..], [Effect::Publish { .. }]), "tried again");
    live.change("a", "p", true, Change::WillDone { epoch: 1 }, 0);
    live.advance(99 * second);
    assert!(live.take_effects().is_empty());
    live.advance(100 * second);
    assert!(matches!(live.take_effects()[..], [Effect::End { born: 1, .. }]), "the session's time is over");
    live.change("a", "p", true, open(2, false, Some(will(5))), 0);
    live.change("a", "p", true, Change::Ended { born: 9 }, 0);
    live.change("a", "p", true, Change::Closed { epoch: 1, will: true, expiry: None }, 0);
    assert_eq!(live.gauges()[..2], [1, 1], "records of other lives change nothing");
}

#[test]
fn a_restart_gives_lost_clients_time_before_their_wills() {
    let mut restarted = core();
    let mut script = Script::default();
    script.change("a", &open(1, false, Some(will(0))));
    script.batches.iter().for_each(|batch| restarted.apply(batch).expect("whole records"));
    restarted.go_live(Duration::from_secs(30), 0);
    restarted.advance(29_000_000);
    assert!(restarted.take_effects().is_empty());
    restarted.advance(30_000_000);
    assert!(matches!(restarted.take_effects()[..], [Effect::Publish { .. }]));
}

#[test]
fn an_acknowledgement_is_only_for_the_life_that_has_the_message() {
    let mut live = core();
    live.go_live(Duration::ZERO, 0);
    let mut script = Script::default();
    script.change("a", &open(1, false, None));
    script.change("a", &subscribe(1, "m", 1));
    let position = script.message("m", 1, false, b"x");
    script.batches.iter().for_each(|batch| live.apply(batch).expect("whole records"));
    live.take_effects();
    let first = read(&mut live, "a", 2);
    assert_eq!(first.len(), 1);
    // A late record of an earlier life does not settle what is in flight now.
    live.change("a", "p", true, Change::Settled { epoch: 1, positions: vec![position] }, 0);
    let Some(entry) = live.entry_mut("a") else { panic!("a session") };
    let settled = entry.session.outbound().settle(AckKind::PubAck, 1, Reason::SUCCESS);
    assert_eq!(settled, crate::mqtt::session::outbound::Settled::Done(position));
}
