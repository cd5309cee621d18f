//! What is learned from a history made for it.

use super::super::learn::{Evidence, LearnOptions, Occurrence, learn};
use super::*;

fn occurrence(at_s: i64, id: &str, text: &str, lasts_s: i64) -> Occurrence {
    let end = Some((at_s + lasts_s) * 1000);
    Occurrence { at: at_s * 1000, device: device(id), code: code(text), end }
}

/// Hourly: a trip, its lamp two seconds later; at other times faults and doors in no order.
fn history() -> Vec<Occurrence> {
    let mut all = vec![];
    for hour in 0..40 {
        let at = hour * 3600;
        all.push(occurrence(at, "K-1", "TRIP", 60));
        all.push(occurrence(at + 2, "L-1", "LOSS", 58));
        let (door, fault) = if hour % 2 == 0 { (0, 5) } else { (5, 0) };
        all.push(occurrence(at + 1800 + door, "K-1", "DOOR", 30));
        all.push(occurrence(at + 1800 + fault, "K-1", "FAULT", 30));
        all.push(occurrence(at + 900, "K-2", "STATE", 30));
        all.push(occurrence(at + 900, "K-2", "NOTE", 0));
    }
    all
}

fn linked() -> LearnOptions {
    let links = [(device("K-1"), [device("L-1")].into()), (device("L-1"), [device("K-1")].into())];
    LearnOptions { links: links.into(), ..LearnOptions::default() }
}

#[test]
fn order_and_standing_tell_cause_from_consequence_and_chance_tells_nothing() {
    let found = learn(&history(), &linked());
    let pairs: Vec<_> = found.iter().map(|s| (s.cause.as_str(), s.effect.as_str(), s.evidence)).collect();
    assert_eq!(pairs, [("TRIP", "LOSS", Evidence::Precedence), ("STATE", "NOTE", Evidence::Standing)]);
    let trip = &found[0];
    assert_eq!((trip.relation.as_str(), trip.typical_lag_ms, trip.share), ("linked", Some(2000), 1.0));
    assert_eq!(trip.examples.len(), 5);
    assert!(trip.text.contains("TRIP 在先 80 次") && trip.text.contains("2 秒"), "{}", trip.text);
    assert_eq!(found[1].relation, "same");
}

#[test]
fn without_the_link_nothing_is_known_of_the_lamp() {
    let found = learn(&history(), &LearnOptions::default());
    assert!(found.iter().all(|s| s.effect.as_str() != "LOSS"), "{found:?}");
}

#[test]
fn the_order_of_the_history_does_not_matter_and_chatter_weighs_once() {
    let mut turned = history();
    turned.reverse();
    assert_eq!(learn(&turned, &linked()), learn(&history(), &linked()));
    let mut chattering = history();
    for second in 3..60 {
        chattering.push(occurrence(second, "L-1", "LOSS", 1));
    }
    let (plain, chattered) = (learn(&history(), &linked()), learn(&chattering, &linked()));
    assert_eq!(plain[0].cause_first, chattered[0].cause_first);
}

#[test]
fn what_follows_on_other_devices_is_proposed_with_its_evidence() {
    let mut all = history();
    for hour in 0..100 {
        let at = hour * 3600 + 300;
        let door = |n: i64| format!("D-{}", n % 7);
        all.push(occurrence(at, "T-1", "GRID_DIP", 1));
        all.push(occurrence(at + 4, &door(hour), "PILE_STOP", 600));
        // Its own device does not count, nor does what comes as often before as after.
        all.push(occurrence(at + 4, "T-1", "OWN", 1));
        all.push(occurrence(at + if hour % 2 == 0 { 9 } else { -9 }, "E-1", "DUST", 1));
    }
    let found = learn(&all, &linked());
    let across: Vec<_> = found.iter().filter(|s| s.evidence == Evidence::Across).collect();
    assert_eq!(across.len(), 1, "{across:?}");
    let only = across[0];
    assert_eq!((only.cause.as_str(), only.effect.as_str(), only.relation.as_str()), ("GRID_DIP", "PILE_STOP", "any"));
    assert_eq!((only.cause_first, only.effect_first, only.typical_lag_ms), (100, 0, Some(4000)));
    assert!(only.examples.iter().all(|one| one.cause_device != one.effect_device), "{only:?}");
    assert!(only.text.contains("未登记上下级关系"), "{}", only.text);
}
