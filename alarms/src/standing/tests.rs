//! The published scripts, and the full table of state × event.

use super::*;
use AlarmState::*;

fn shelf() -> Event {
    Event::Shelve(Shelf { until: 1, one_shot: false })
}

fn event(word: &str) -> Event {
    match word {
        "on" => Event::On,
        "off" => Event::Off,
        "escalate" => Event::Escalate,
        "re_alarm" => Event::ReAlarm,
        "ack" => Event::Acknowledge,
        "reset" => Event::Reset,
        "shelve" => shelf(),
        "unshelve" | "shelve_expired" => Event::Unshelve,
        "suppress" => Event::Suppress("rule".into()),
        "unsuppress" => Event::Unsuppress("rule".into()),
        "oos" => Event::RemoveFromService,
        "return_to_service" => Event::ReturnToService,
        other => panic!("{other} is no event"),
    }
}

fn state(word: &str) -> AlarmState {
    match word {
        "NORMAL" => Normal,
        "UNACK" => Unacknowledged,
        "ACKED" => Acknowledged,
        "RTN_UNACK" => ReturnedUnacknowledged,
        "LATCHED_UNACK" => LatchedUnacknowledged,
        "LATCHED_ACKED" => LatchedAcknowledged,
        "SHELVED" => Shelved,
        "SUPPRESSED_BY_DESIGN" => SuppressedByDesign,
        "OUT_OF_SERVICE" => OutOfService,
        other => panic!("{other} is no state"),
    }
}

#[test]
fn the_published_scripts_give_the_published_states() {
    const PLAIN: Options = Options { ack_required: true, latching: false };
    const QUIET: Options = Options { ack_required: false, latching: false };
    const LATCHING: Options = Options { ack_required: true, latching: true };
    let scripts: [(&str, Options, &str, u64); 14] = [
        ("plain", PLAIN, "on UNACK, ack ACKED, off NORMAL", 1),
        ("return before ack", PLAIN, "on UNACK, off RTN_UNACK, ack NORMAL", 1),
        ("re-alarm while RTN_UNACK", PLAIN, "on UNACK, off RTN_UNACK, on UNACK, ack ACKED, off NORMAL", 2),
        ("ack not required", QUIET, "on ACKED, off NORMAL", 1),
        ("latching, ack then clear", LATCHING, "on UNACK, ack ACKED, off LATCHED_ACKED, reset NORMAL", 1),
        (
            "latching, clear then reset then ack",
            LATCHING,
            "on UNACK, off LATCHED_UNACK, reset RTN_UNACK, ack NORMAL",
            1,
        ),
        (
            "latching, reset refused while active",
            LATCHING,
            "on UNACK, ack ACKED, reset ACKED, off LATCHED_ACKED, reset NORMAL",
            1,
        ),
        ("escalation high to high-high", PLAIN, "on UNACK, ack ACKED, escalate UNACK, ack ACKED, off NORMAL", 2),
        (
            "shelve while active, clears inside",
            PLAIN,
            "on UNACK, shelve SHELVED, off SHELVED, shelve_expired NORMAL",
            1,
        ),
        (
            "shelve while active, still active at expiry",
            PLAIN,
            "on UNACK, ack ACKED, shelve SHELVED, shelve_expired UNACK, ack ACKED, off NORMAL",
            2,
        ),
        (
            "chatter while shelved is not annunciated",
            PLAIN,
            "shelve SHELVED, on SHELVED, off SHELVED, on SHELVED, off SHELVED, on SHELVED, unshelve UNACK",
            1,
        ),
        (
            "suppress by design",
            PLAIN,
            "suppress SUPPRESSED_BY_DESIGN, on SUPPRESSED_BY_DESIGN, unsuppress UNACK, ack ACKED, off NORMAL",
            1,
        ),
        (
            "out of service wins over shelve",
            PLAIN,
            "on UNACK, shelve SHELVED, oos OUT_OF_SERVICE, off OUT_OF_SERVICE, return_to_service SHELVED, unshelve NORMAL",
            1,
        ),
        ("ack of a hidden alarm has no effect", PLAIN, "on UNACK, shelve SHELVED, ack SHELVED, unshelve UNACK", 2),
    ];
    for (name, options, script, annunciations) in scripts {
        let mut memories = Memories::default();
        for (number, line) in script.split(", ").enumerate() {
            let (word, expected) = line.split_once(' ').expect("event and state");
            let before = memories.clone();
            if step(&mut memories, options, event(word)).is_err() {
                assert_eq!(memories, before, "{name}: a refusal changes nothing");
            }
            assert_eq!(memories.state(), state(expected), "{name}, step {number} {word}");
            let bytes = serde_json::to_vec(&memories).expect("plain data");
            memories = serde_json::from_slice(&bytes).expect("its own bytes");
        }
        assert_eq!(memories.annunciations, annunciations, "{name}");
    }
}

/// Rows: how to get into the state. Columns: event. Cell: the state after it, `*` when the operator is called, `-` when
/// refused. N normal, U unacknowledged, A acknowledged, R returned, LU/LA latched, S shelved, D by design, O out of service.
const TABLE: &str = "
state  reached by                  | on  off escalate re_alarm ack reset shelve unshelve suppress unsuppress oos return_to_service
N      -                           | U*  -   -        -        -   -     S      -        D        -          O   -
U      on                          | -   LU  U*       -        A   -     S      -        D        -          O   -
A      on,ack                      | -   LA  U*       U*       -   -     S      -        D        -          O   -
R      on,off,reset                | U*  -   -        -        N   -     S      -        D        -          O   -
LU     on,off                      | U*  -   -        -        LA  R     S      -        D        -          O   -
LA     on,ack,off                  | U*  -   -        -        -   N     S      -        D        -          O   -
S      shelve                      | S   -   -        -        -   -     S      N        D        -          O   -
S      on,shelve                   | -   S   S        -        -   -     S      U*       D        -          O   -
S      on,ack,shelve               | -   S   S        -        -   -     S      U*       D        -          O   -
S      on,ack,off,shelve           | S   -   -        -        -   -     S      LU*      D        -          O   -
D      suppress                    | D   -   -        -        -   -     D      -        D        N          O   -
D      on,suppress                 | -   D   D        -        -   -     D      -        D        U*         O   -
D      on,shelve,suppress          | -   D   D        -        -   -     D      D        D        S          O   -
O      oos                         | O   -   -        -        -   -     O      -        O        -          -   N
O      on,oos                      | -   O   O        -        -   -     O      -        O        -          -   U*
O      on,suppress,oos             | -   O   O        -        -   -     O      -        O        O          -   D
O      on,shelve,oos               | -   O   O        -        -   -     O      O        O        -          -   S
";

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    let mut lines = TABLE.trim().lines();
    let columns: Vec<_> = lines.next().expect("heads").split('|').nth(1).expect("columns").split_whitespace().collect();
    assert_eq!(columns.len(), 12, "all events");
    let short = |memories: &Memories| match memories.state() {
        Normal => "N",
        Unacknowledged => "U",
        Acknowledged => "A",
        ReturnedUnacknowledged => "R",
        LatchedUnacknowledged => "LU",
        LatchedAcknowledged => "LA",
        Shelved => "S",
        SuppressedByDesign => "D",
        OutOfService => "O",
    };
    let options = Options { ack_required: true, latching: true };
    let mut states = BTreeSet::new();
    for line in lines {
        let (row, cells) = line.split_once('|').expect("a row");
        let words: Vec<_> = row.split_whitespace().collect();
        let mut start = Memories::default();
        for word in words[1].split(',').filter(|word| *word != "-") {
            step(&mut start, options, event(word)).expect("the way into the state is allowed");
        }
        assert_eq!(short(&start), words[0], "{line}");
        states.insert(words[0]);
        for (word, cell) in columns.iter().zip(cells.split_whitespace()) {
            let mut memories = start.clone();
            let told = match step(&mut memories, options, event(word)) {
                Ok(true) => format!("{}*", short(&memories)),
                Ok(false) => short(&memories).to_owned(),
                Err(_) => {
                    assert_eq!(memories, start, "a refusal changes nothing: {line} {word}");
                    "-".to_owned()
                }
            };
            assert_eq!(told, cell, "{line}\n{word}");
            let calls = memories.annunciations - start.annunciations;
            assert_eq!(calls, u64::from(cell.ends_with('*')), "{line}\n{word}");
        }
    }
    assert_eq!(states.len(), 9, "all states");
}

#[test]
fn a_one_shot_shelf_ends_with_the_condition() {
    let mut memories = Memories::default();
    let options = Options::default();
    for (event, expected) in [
        (Event::On, Unacknowledged),
        (Event::Shelve(Shelf { until: 1, one_shot: true }), Shelved),
        (Event::Off, Normal),
        (Event::On, Unacknowledged),
    ] {
        step(&mut memories, options, event).expect("allowed");
        assert_eq!(memories.state(), expected);
    }
    assert_eq!(memories.annunciations, 2);
}

#[test]
fn suppressing_rules_are_counted_one_by_one_and_bounded() {
    let mut memories = Memories::default();
    for n in 0..SUPPRESSORS_MAX {
        step(&mut memories, Options::default(), Event::Suppress(n.to_string())).expect("room");
    }
    assert_eq!(step(&mut memories, Options::default(), Event::Suppress("one more".into())), Err(Refused::TooMany));
    for n in 0..SUPPRESSORS_MAX {
        assert_eq!(memories.state(), SuppressedByDesign);
        step(&mut memories, Options::default(), Event::Unsuppress(n.to_string())).expect("it is on");
    }
    assert_eq!(memories.state(), Normal);
}
