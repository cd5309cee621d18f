//! The promise of the live tier, tried at random: whatever a client missed, asked for or changed, after its next frame
//! it holds exactly what the hub holds for its filter, and has heard every alarm event once and in order.

#[path = "../../tests/kit/samples.rs"]
mod samples;

use super::filter::{Filter, Subscribe, Wish};
use super::group::Frame;
use super::*;
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::order::OrderState;
use greenhub_model::{Output, ReceivedTime};
use proptest::prelude::*;
use samples::*;
use serde_json::Value;
use std::collections::BTreeMap;

struct FixedClock;
impl Clock for FixedClock {
    fn now(&self) -> ReceivedTime {
        ReceivedTime::from_millis(1_000_000)
    }
}

/// What a client keeps: things by kind and id, events in the order they came.
#[derive(Default)]
struct Held {
    things: BTreeMap<(&'static str, String), Value>,
    events: Vec<String>,
    cursor: Option<String>,
    snapshots: usize,
}

const KINDS: [&str; 4] = ["units", "devices", "alarms", "orders"];

impl Held {
    fn take(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).expect("frames are JSON");
        if frame["type"] == "snapshot" {
            self.things.clear();
            self.events.clear();
            self.snapshots += 1;
        }
        for kind in KINDS {
            let mut seen = std::collections::BTreeSet::new();
            for thing in frame[kind].as_array().into_iter().flatten() {
                let id = thing["id"].as_str().expect("things have ids").to_owned();
                assert!(seen.insert(id.clone()), "{id} is twice in one frame");
                self.things.insert((kind, id), thing.clone());
            }
            for id in frame["removed"][kind].as_array().into_iter().flatten() {
                self.things.remove(&(kind, id.as_str().expect("ids are text").to_owned()));
            }
        }
        for event in frame["events"].as_array().into_iter().flatten() {
            self.events.push(format!("{}@{}", event["alarm"].as_str().expect("an id"), event["at"]));
        }
        self.cursor = frame["cursor"].as_str().map(str::to_owned);
    }
}

struct Client {
    held: Held,
    wish: Wish,
    joined: Joined,
    cursor: u64,
    heard_from: u64,
}

fn take(held: &mut Held, frame: &Frame, heard_from: &mut u64) {
    let text = frame.bytes.as_str();
    if text.is_empty() {
        return;
    }
    let snapshots = held.snapshots;
    held.take(text);
    if held.snapshots > snapshots {
        *heard_from = frame.to;
    }
}

impl Client {
    fn new(live: &Live, filter: Filter) -> Self {
        let wish = Wish { filter, interval_us: 0, resume: None, notices: false };
        let joined = live.join(&wish, None);
        let (mut held, mut heard_from) = (Held::default(), 0);
        take(&mut held, &joined.first, &mut heard_from);
        let cursor = joined.first.to;
        Self { held, wish, joined, cursor, heard_from }
    }

    /// Takes the newest frame of its group, as the viewer loop does.
    fn follow(&mut self, live: &Live) {
        let frame = self.joined.listener.borrow_and_update().clone();
        if frame.to <= self.cursor {
            return;
        }
        let frame =
            if frame.follows(self.cursor) { frame } else { self.joined.group.catch_up(live.inner(), self.cursor) };
        self.cursor = frame.to;
        take(&mut self.held, &frame, &mut self.heard_from);
    }

    /// Comes again with the cursor of its last message: on the same socket (perhaps with another filter) or a new one.
    fn come_again(&mut self, live: &Live, filter: Filter, same_socket: bool) {
        let standing = same_socket.then_some((self.wish.filter, self.cursor));
        let changed = filter != self.wish.filter;
        self.wish =
            Wish { filter, interval_us: self.wish.interval_us, resume: self.held.cursor.clone(), notices: false };
        self.joined = live.join(&self.wish, standing);
        if changed {
            // As the contract says: who unsubscribes from a kind forgets it.
            let keep = [filter.units, filter.devices, filter.alarms, filter.orders];
            self.held.things.retain(|(kind, _), _| KINDS.iter().zip(keep).any(|(k, keep)| k == kind && keep));
        }
        let frame = self.joined.first.clone();
        take(&mut self.held, &frame, &mut self.heard_from);
        self.cursor = frame.to;
        // Where there is nothing to tell, an `alive` carries the cursor.
        self.held.cursor = Some(self.joined.group.cursor(live.inner(), frame.to).to_string());
    }
}

/// What the hub holds for a filter.
fn expected(live: &Live, filter: &Filter) -> BTreeMap<(&'static str, String), Value> {
    let store = live.inner().store.read();
    let all = store.snapshot(filter, &mut Default::default());
    let mut things = BTreeMap::new();
    let mut put = |kind, text: &str| {
        let thing: Value = serde_json::from_str(text).expect("states are JSON");
        things.insert((kind, thing["id"].as_str().expect("an id").to_owned()), thing);
    };
    all.units.iter().for_each(|s| put("units", s.json()));
    all.devices.iter().for_each(|s| put("devices", s.json()));
    all.alarms.iter().for_each(|s| put("alarms", s.json()));
    all.orders.iter().for_each(|s| put("orders", s.json()));
    things
}

#[derive(Debug, Clone)]
enum Step {
    Unit(u8, i8, i8),
    Device(u8, i8, i8),
    Strike(u8),
    Alarm(u8, bool),
    Order(u8),
    CloseOrder(u8),
    Advance,
    Follow(u8),
    ComeAgain(u8, u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u8, -2..3i8, -2..3i8).prop_map(|(id, x, y)| Step::Unit(id, x, y)),
        2 => (0..5u8, -2..3i8, -2..3i8).prop_map(|(id, x, y)| Step::Device(id, x, y)),
        1 => (0..5u8).prop_map(Step::Strike),
        3 => (0..5u8, any::<bool>()).prop_map(|(id, over)| Step::Alarm(id, over)),
        1 => (0..5u8).prop_map(Step::Order),
        1 => (0..5u8).prop_map(Step::CloseOrder),
        3 => Just(Step::Advance),
        3 => (0..3u8).prop_map(Step::Follow),
        2 => (0..3u8, 0..4u8, any::<bool>()).prop_map(|(c, f, s)| Step::ComeAgain(c, f, s)),
    ]
}

fn filter(n: u8) -> Filter {
    let text = match n {
        0 => r#"{"subscribe":["units","devices","alarms","orders"]}"#,
        1 => r#"{"subscribe":["units","devices","alarms","orders"],"bbox":[0,0,2,2]}"#,
        2 => r#"{"subscribe":["units","devices","alarms"],"bbox":[-1,-1,1,1]}"#,
        _ => r#"{"subscribe":["alarms","orders","units"]}"#,
    };
    Subscribe::parse(text).expect("a good message").filter
}

struct World {
    live: Live,
    batches: u64,
    /// Version and name of every alarm event.
    events: Vec<(u64, String)>,
}

impl World {
    fn new() -> Self {
        let config = LiveConfig { epoch: 7, tombstones_max: 3, events_max: 6, ..LiveConfig::new() };
        Self { live: Live::new(config, Arc::new(FixedClock)), batches: 0, events: vec![] }
    }

    fn apply(&mut self, item: Output) {
        self.batches += 1;
        if let Output::Alarm(change) = &item {
            let version = self.live.stats().version + 1;
            self.events.push((version, format!("{}@{}", change.event.alarm, change.event.at)));
        }
        self.live.apply(&batch(self.batches, vec![item]));
    }

    fn change(&mut self, step: &Step) {
        let n = self.batches as i64;
        match step {
            Step::Unit(id, x, y) => {
                self.apply(Output::Unit(Box::new(unit(&format!("P{id}"), f64::from(*x), f64::from(*y), n))));
            }
            Step::Device(id, x, y) => {
                self.apply(Output::Device(Box::new(device(&format!("E{id}"), f64::from(*x), f64::from(*y), n as f64))));
            }
            Step::Strike(id) => {
                let class = greenhub_model::Class::Patrol;
                self.apply(Output::Removed { device: device_id(&format!("P{id}")), class });
                self.apply(Output::Removed { device: device_id(&format!("E{id}")), class });
            }
            Step::Alarm(id, over) => {
                let state = if *over { AlarmState::Normal } else { AlarmState::Unacknowledged };
                let alarm = alarm(&format!("C{id}"), u64::from(*id), state, n as u64);
                self.apply(alarm_change(alarm, AlarmEventKind::Raised, n));
            }
            Step::Order(id) => self.apply(order_trigger(&format!("C{id}"), u64::from(*id), n)),
            Step::CloseOrder(id) => {
                let id = greenhub_model::OrderId::of_alarm(&alarm_id(&format!("C{id}"), u64::from(*id)));
                if let Some(mut order) = self.live.order(&id) {
                    order.state = OrderState::Closed;
                    self.live.put_orders(&[order], 0);
                }
            }
            Step::Advance | Step::Follow(_) | Step::ComeAgain(..) => {}
        }
    }

    fn advance(&self, clients: &[Client]) {
        clients.iter().for_each(|c| c.joined.group.advance(self.live.inner()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_sequence_a_client_holds_what_the_hub_holds(steps in proptest::collection::vec(step(), 1..120)) {
        // Groups want a runtime to start their tasks on; they are never polled, the test is the task.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let _inside = runtime.enter();
        let mut world = World::new();
        let mut clients: Vec<Client> = (0..3).map(|n| Client::new(&world.live, filter(n))).collect();
        for step in &steps {
            match step {
                Step::Advance => world.advance(&clients),
                Step::Follow(n) => clients[usize::from(*n)].follow(&world.live),
                Step::ComeAgain(n, f, same) => clients[usize::from(*n)].come_again(&world.live, filter(*f), *same),
                change => world.change(change),
            }
        }
        world.advance(&clients);
        for client in &mut clients {
            client.follow(&world.live);
            prop_assert_eq!(&client.held.things, &expected(&world.live, &client.wish.filter));
            let told = world.events.iter().filter(|(version, _)| *version > client.heard_from).map(|(_, e)| e.clone());
            prop_assert_eq!(&client.held.events, &told.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_resume_within_memory_is_a_delta_and_beyond_it_a_snapshot() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _inside = runtime.enter();
    let mut world = World::new();
    world.change(&Step::Unit(0, 1, 1));
    let mut client = Client::new(&world.live, Filter::ALL);
    world.change(&Step::Unit(1, 1, 1));
    client.come_again(&world.live, Filter::ALL, false);
    assert_eq!((client.held.snapshots, client.held.things.len()), (1, 2), "one change is a delta");
    for n in 0..7 {
        world.change(&Step::Alarm(n % 5, false));
    }
    client.joined.group.advance(world.live.inner());
    client.come_again(&world.live, Filter::ALL, false);
    assert_eq!(client.held.snapshots, 2, "more events than are remembered are a snapshot");
    let other = client.held.cursor.clone().expect("a cursor").replacen('7', "8", 1);
    client.held.cursor = Some(other);
    client.come_again(&world.live, Filter::ALL, false);
    assert_eq!(client.held.snapshots, 3, "a cursor of another life is a snapshot");
}

#[test]
fn orders_the_book_knows_are_not_opened_again() {
    let live = Live::new(LiveConfig::new(), Arc::new(FixedClock));
    live.put_orders(&[], 5);
    live.apply(&batch(5, vec![order_trigger("C1", 1, 1)]));
    assert_eq!(live.stats().orders, 0);
    live.apply(&batch(6, vec![order_trigger("C2", 2, 1)]));
    assert_eq!(live.stats().orders, 1);
}

#[test]
fn viewers_with_one_filter_share_the_bytes_of_a_frame() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _inside = runtime.enter();
    let mut world = World::new();
    let mut clients: Vec<Client> = (0..10).map(|_| Client::new(&world.live, Filter::ALL)).collect();
    let before = world.live.stats();
    for n in 0..5 {
        world.change(&Step::Unit(n, 1, 1));
        world.advance(&clients[..1]);
        clients.iter_mut().for_each(|c| c.follow(&world.live));
    }
    let after = world.live.stats();
    assert_eq!(after.frames_encoded - before.frames_encoded, 5, "once for all ten");
    assert_eq!((after.groups, after.catch_ups), (1, 0));
    // Ten that all slept through the same two frames catch up with one more encoding.
    world.change(&Step::Unit(0, 1, 2));
    world.advance(&clients[..1]);
    world.change(&Step::Unit(1, 1, 2));
    world.advance(&clients[..1]);
    clients.iter_mut().for_each(|c| c.follow(&world.live));
    assert_eq!(world.live.stats().frames_encoded - after.frames_encoded, 3);
}
