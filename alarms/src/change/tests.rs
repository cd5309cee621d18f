//! Change control: the whole table of states and acts, who may act, candidates and differences.

use super::candidate::same_effect;
use super::machine::{is_requester, is_reviewer};
use super::patch::{self, Operation};
use super::*;
use crate::rules::RuleSet;
use greenhub_model::Role;
use greenhub_model::change::{Change, ChangeAct, ChangeState, DifferenceKind};
use serde_json::{Value, json};

const FACTS: Facts = Facts { now: 1_000, master: 5, scheduled: None, approve_within_ms: 500 };
const ASKS: Actor<'_> = Actor::Person { name: "li", role: Role::PlantOperator };
const OTHER: Actor<'_> = Actor::Person { name: "wang", role: Role::Administrator };

fn draft() -> Change {
    let mut change = new_change("提高限值", "误报多", 5, ASKS, &FACTS).expect("a draft");
    (change.id, change.differences, change.backtested) = (7, 1, true);
    change
}

fn in_state(state: ChangeState, emergency: bool, approved: bool) -> Change {
    let approver = approved.then(|| "wang".to_owned());
    Change { state, emergency, approver, ..draft() }
}

/// Who does an act when it is allowed.
fn right_actor(act: ChangeAct) -> Actor<'static> {
    match act {
        ChangeAct::Create | ChangeAct::Edit | ChangeAct::Submit | ChangeAct::Withdraw | ChangeAct::Emergency => ASKS,
        ChangeAct::Review | ChangeAct::Approve | ChangeAct::Reject | ChangeAct::Verify => OTHER,
        ChangeAct::PutInForce | ChangeAct::SendBack => Actor::Hub,
    }
}

/// Rows: state, `!` for an emergency change without its approval. Cells in the order of [`ChangeAct::ALL`]:
/// the first letters of the state after it, or `-` for a refusal.
const TABLE: &str = "
               create edit submit withdraw emergency review approve reject force back verify
draft          -      dra  in_r   wit      sch       -      -       -      -     -    -
in_review      -      -    -      wit      -         in_a   -       rej    -     -    -
in_approval    -      -    -      wit      -         -      sch     rej    -     -    -
scheduled      -      -    -      wit      -         -      -       -      in_f  dra  -
in_force       -      -    -      -        -         -      -       -      -     -    clo
closed         -      -    -      -        -         -      -       -      -     -    -
rejected       -      -    -      -        -         -      -       -      -     -    -
withdrawn      -      -    -      -        -         -      -       -      -     -    -
draft!         -      dra  in_r   wit      sch       -      -       -      -     -    -
in_review!     -      -    -      wit      -         in_a   -       rej    -     -    -
in_approval!   -      -    -      wit      -         -      sch     rej    -     -    -
scheduled!     -      -    -      -        -         -      -       -      in_f  dra  -
in_force!      -      -    -      -        -         -      in_f    rej    -     -    -
closed!        -      -    -      -        -         -      -       -      -     -    -
rejected!      -      -    -      -        -         -      -       -      -     -    -
withdrawn!     -      -    -      -        -         -      -       -      -     -    -
";

fn word(state: ChangeState) -> String {
    serde_json::to_value(state).expect("a word").as_str().expect("a word").to_owned()
}

#[test]
fn every_state_meets_every_act() {
    let mut asked = 0;
    for line in TABLE.lines().skip(2) {
        let mut cells = line.split_whitespace();
        let name = cells.next().expect("a state");
        let (name, emergency) = (name.trim_end_matches('!'), name.ends_with('!'));
        let state = ChangeState::ALL.into_iter().find(|s| word(*s) == name).expect("a state of the table");
        for act in ChangeAct::ALL {
            let want = cells.next().expect("a cell for every act");
            let before = in_state(state, emergency, !emergency);
            let mut change = before.clone();
            let got = advance(&mut change, act, right_actor(act), "因为", true, &FACTS);
            asked += 1;
            if want == "-" {
                assert!(got.is_err(), "{name} {act:?} must be refused");
                assert_eq!(change, before, "{name} {act:?}: a refusal changes nothing");
            } else {
                assert_eq!(got, Ok(()), "{name} emergency={emergency} {act:?}");
                assert!(word(change.state).starts_with(want), "{name} {act:?}: {:?}", change.state);
                assert_eq!(change.revision, before.revision + 1);
            }
            let offered = may(&before, right_actor(act)).contains(&act);
            let missing = matches!(got, Err(ChangeRefusal::ApprovalMissing));
            assert_eq!(offered, got.is_ok() || missing, "{name} {act:?}: what is offered is what is taken");
        }
    }
    assert_eq!(asked, ChangeState::ALL.len() * ChangeAct::ALL.len() * 2);
}

#[test]
fn the_requester_neither_reviews_nor_approves_nor_rejects() {
    for (state, act) in [
        (ChangeState::InReview, ChangeAct::Review),
        (ChangeState::InApproval, ChangeAct::Approve),
        (ChangeState::InReview, ChangeAct::Reject),
    ] {
        let mut change = in_state(state, false, false);
        let refusal = advance(&mut change, act, ASKS, "x", true, &FACTS);
        assert_eq!(refusal, Err(ChangeRefusal::Own { act }));
        // The same name in another role is the same person.
        let again = Actor::Person { name: "li", role: Role::Administrator };
        assert!(advance(&mut change, act, again, "x", true, &FACTS).is_err());
    }
    let mut emergency = in_state(ChangeState::InForce, true, false);
    let refusal = advance(&mut emergency, ChangeAct::Approve, ASKS, "", true, &FACTS);
    assert_eq!(refusal, Err(ChangeRefusal::Own { act: ChangeAct::Approve }));
    assert!(refusal.expect_err("refused").to_string().contains("另一名"));
}

#[test]
fn roles_are_asked_for_every_act() {
    for role in Role::ALL {
        let (mine, theirs) = (Actor::Person { name: "li", role }, Actor::Person { name: "zhao", role });
        let try_act = |state, act, actor| advance(&mut in_state(state, false, true), act, actor, "x", true, &FACTS);
        assert_eq!(new_change("a", "b", 5, mine, &FACTS).is_ok(), is_requester(role), "{role}");
        assert_eq!(try_act(ChangeState::Draft, ChangeAct::Submit, mine).is_ok(), is_requester(role), "{role}");
        assert!(try_act(ChangeState::Draft, ChangeAct::Submit, theirs).is_err(), "{role}: not theirs");
        assert_eq!(try_act(ChangeState::Draft, ChangeAct::Emergency, mine).is_ok(), is_reviewer(role), "{role}");
        for (state, act) in [
            (ChangeState::InReview, ChangeAct::Review),
            (ChangeState::InApproval, ChangeAct::Approve),
            (ChangeState::InApproval, ChangeAct::Reject),
            (ChangeState::InForce, ChangeAct::Verify),
        ] {
            assert_eq!(try_act(state, act, theirs).is_ok(), is_reviewer(role), "{role} {act:?}");
        }
        assert!(try_act(ChangeState::Scheduled, ChangeAct::PutInForce, theirs).is_err(), "only time does that");
    }
}

#[test]
fn approval_needs_the_back_test_the_newest_base_and_nobody_else_in_line() {
    let approve = |change: &mut Change, facts: &Facts| advance(change, ChangeAct::Approve, OTHER, "", true, facts);
    let ready = || in_state(ChangeState::InApproval, false, false);
    let mut untested = Change { backtested: false, ..ready() };
    assert_eq!(approve(&mut untested, &FACTS), Err(ChangeRefusal::NotBacktested));
    let moved = Facts { master: 6, ..FACTS };
    assert_eq!(approve(&mut ready(), &moved), Err(ChangeRefusal::Stale { base: 5, master: 6 }));
    let busy = Facts { scheduled: Some(3), ..FACTS };
    assert_eq!(approve(&mut ready(), &busy), Err(ChangeRefusal::AnotherScheduled { id: 3 }));
    assert_eq!(approve(&mut ready(), &FACTS), Ok(()));
    let mut emergency = Change { backtested: false, ..draft() };
    assert_eq!(advance(&mut emergency, ChangeAct::Emergency, ASKS, "泄漏", true, &FACTS), Ok(()));
    assert_eq!((emergency.effective_at, emergency.approve_by), (Some(1_000), Some(1_500)));
    assert_eq!(advance(&mut emergency, ChangeAct::PutInForce, Actor::Hub, "", true, &FACTS), Ok(()));
    assert_eq!(emergency.version, Some(6));
    assert!(!emergency.is_overdue(1_500) && emergency.is_overdue(1_501));
    let verified = advance(&mut emergency, ChangeAct::Verify, OTHER, "", true, &FACTS);
    assert_eq!(verified, Err(ChangeRefusal::ApprovalMissing));
    // Afterwards the master has moved on, which is no obstacle to the approval.
    assert_eq!(approve(&mut emergency, &moved), Ok(()));
    assert!(!emergency.is_overdue(i64::MAX));
    assert_eq!(advance(&mut emergency, ChangeAct::Verify, OTHER, "", true, &moved), Ok(()));
}

#[test]
fn a_request_that_is_overtaken_goes_back_without_its_approval() {
    let mut change = Change { reviewer: Some("wang".into()), ..in_state(ChangeState::Scheduled, false, true) };
    let moved = Facts { master: 6, ..FACTS };
    let late = advance(&mut change, ChangeAct::PutInForce, Actor::Hub, "", true, &moved);
    assert_eq!(late, Err(ChangeRefusal::Stale { base: 5, master: 6 }));
    assert_eq!(advance(&mut change, ChangeAct::SendBack, Actor::Hub, "", true, &moved), Ok(()));
    assert_eq!((change.state, change.reviewer, change.approver), (ChangeState::Draft, None, None));
}

#[test]
fn words_are_demanded_where_somebody_will_ask_for_them() {
    assert_eq!(new_change(" ", "b", 5, ASKS, &FACTS), Err(ChangeRefusal::Words { what: "标题" }));
    assert_eq!(new_change("a", "", 5, ASKS, &FACTS), Err(ChangeRefusal::Words { what: "变更理由" }));
    assert!(new_change("a", "b", 4, ASKS, &FACTS).is_err(), "an old base");
    let silent = |state, act, passed| {
        advance(&mut in_state(state, false, true), act, right_actor(act), " ", passed, &FACTS).is_err()
    };
    assert!(silent(ChangeState::InReview, ChangeAct::Reject, true));
    assert!(silent(ChangeState::Draft, ChangeAct::Emergency, true));
    assert!(silent(ChangeState::InForce, ChangeAct::Verify, false));
    assert!(!silent(ChangeState::InForce, ChangeAct::Verify, true));
    let mut empty = Change { differences: 0, ..draft() };
    let refusal = advance(&mut empty, ChangeAct::Submit, ASKS, "", true, &FACTS);
    assert_eq!(refusal, Err(ChangeRefusal::NoDifference));
}

fn edits(list: Value) -> Source {
    Source::Edits(serde_json::from_value(list).expect("a JSON Patch"))
}

#[test]
fn json_patch_and_merge_patch_do_what_the_standards_say() {
    let apply = |mut document: Value, list: Value| {
        let operations: Vec<Operation> = serde_json::from_value(list).expect("operations");
        patch::apply(&mut document, &operations).map(|()| document)
    };
    let add = json!([{"op": "add", "path": "/a/1", "value": 9}, {"op": "add", "path": "/a/-", "value": 8}]);
    assert_eq!(apply(json!({"a": [1, 2]}), add), Ok(json!({"a": [1, 9, 2, 8]})));
    let other = json!([{"op": "remove", "path": "/a/0"}, {"op": "replace", "path": "/b~1c", "value": null}]);
    assert_eq!(apply(json!({"a": [1, 2], "b/c": 3}), other), Ok(json!({"a": [2], "b/c": null})));
    assert!(apply(json!({"a": 1}), json!([{"op": "test", "path": "/a", "value": 1.0}])).is_ok());
    for bad in [
        json!([{"op": "test", "path": "/a", "value": 2}]),
        json!([{"op": "remove", "path": "/b"}]),
        json!([{"op": "replace", "path": "/b", "value": 1}]),
        json!([{"op": "add", "path": "/a/0", "value": 1}]),
        json!([{"op": "add", "path": "a", "value": 1}]),
        json!([{"op": "remove", "path": ""}]),
    ] {
        assert!(apply(json!({"a": 1}), bad.clone()).is_err(), "{bad}");
    }
    let mut document = json!({"a": {"b": 1, "c": 2}, "d": [1]});
    patch::merge(&mut document, &json!({"a": {"b": null, "e": {"f": null, "g": 1}}, "d": [2, 3]}));
    assert_eq!(document, json!({"a": {"c": 2, "e": {"g": 1}}, "d": [2, 3]}));
}

#[test]
fn a_candidate_says_attribute_by_attribute_what_it_changes() {
    let base = RuleSet::builtin();
    let limit = &base.limits[0];
    let (was, room) = (limit.limit, limit.limit * 0.01);
    let source = edits(json!([
        {"op": "test", "path": "/limits/0/code", "value": limit.code},
        {"op": "replace", "path": "/limits/0/limit", "value": was + room},
        {"op": "replace", "path": "/limits/0/on_delay_ms", "value": 90_000},
    ]));
    let candidate = build(&base, &source, None).expect("a candidate");
    assert_eq!(candidate.rules.version, base.version + 1);
    let found = &candidate.differences;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|d| d.path.starts_with("limits[") && d.kind == DifferenceKind::Changed), "{found:?}");
    assert!(found[0].path.ends_with("].limit") && found[0].label.starts_with("限值 · "), "{found:?}");
    assert_eq!(found[0].was, Some(json!(was)));
    assert_eq!((found[1].label.rsplit(" · ").next(), found[1].becomes_text.as_str()), (Some("触发延时"), "90 秒"));
    let class = limit.class.to_string();
    let merge = Source::Patch(json!({"classes": {class: {"silent_after_ms": 70_000, "offline_after_ms": 900_000}}}));
    let candidate = build(&base, &merge, None).expect("a candidate");
    assert!(candidate.differences.iter().all(|d| d.path.starts_with("classes.")), "{:?}", candidate.differences);
    assert!(!candidate.differences.is_empty());
}

#[test]
fn a_row_that_moved_is_no_difference_and_one_put_in_between_is_one() {
    let base = RuleSet::builtin();
    let mut turned = base.clone();
    turned.limits.reverse();
    assert_eq!(diff(&base, &turned), vec![]);
    let mut fewer = base.clone();
    let gone = fewer.limits.remove(2);
    let found = diff(&base, &fewer);
    assert_eq!((found.len(), found[0].kind), (1, DifferenceKind::Removed));
    assert!(found[0].path.contains(gone.code.as_str()), "{found:?}");
    assert_eq!(diff(&fewer, &base)[0].kind, DifferenceKind::Added);
    let renumbered = RuleSet { version: 99, ..base.clone() };
    assert_eq!(diff(&base, &renumbered), vec![], "the number of the version is no difference");
}

#[test]
fn what_cannot_be_used_is_refused_with_every_sentence() {
    let base = RuleSet::builtin();
    let bad = edits(json!([
        {"op": "replace", "path": "/limits/0/deadband", "value": -1},
        {"op": "replace", "path": "/limits/1/on_delay_ms", "value": -5},
    ]));
    let problems = build(&base, &bad, None).expect_err("refused").problems();
    assert!(problems.len() >= 2, "{problems:?}");
    let unknown = Source::Patch(json!({"colour": "red"}));
    assert!(matches!(build(&base, &unknown, None), Err(CandidateError::Form(_))));
    assert!(matches!(build(&base, &Source::Rules(json!(3)), None), Err(CandidateError::Form(_))));
    let gone = edits(json!([{"op": "remove", "path": "/limits/99999"}]));
    assert!(matches!(build(&base, &gone, None), Err(CandidateError::Patch(_))));
}

#[test]
fn a_roll_back_is_the_old_version_under_a_new_number() {
    let first = RuleSet::builtin();
    let mut second = RuleSet { version: 2, ..first.clone() };
    second.limits.pop();
    let back = build(&second, &Source::Restore(1), Some(&first)).expect("a candidate");
    assert_eq!(back.rules, RuleSet { version: 3, ..first.clone() });
    assert_eq!(back.differences.len(), 1);
    assert!(build(&second, &Source::Restore(9), None).is_err());
}

#[test]
fn edits_taken_over_to_another_base_must_mean_the_same() {
    let base = RuleSet::builtin();
    let source = edits(json!([{"op": "replace", "path": "/limits/1/on_delay_ms", "value": 45_000}]));
    let before = build(&base, &source, None).expect("a candidate").differences;
    let mut other_words = base.clone();
    other_words.version = 2;
    other_words.merge.remember_ms += 1;
    let after = build(&other_words, &source, None).expect("a candidate").differences;
    assert!(same_effect(&before, &after), "another part of the rules changed");
    let mut shifted = base.clone();
    shifted.limits.remove(0);
    let after = build(&shifted, &source, None).expect("a candidate").differences;
    assert!(!same_effect(&before, &after), "the place holds another row now");
}
