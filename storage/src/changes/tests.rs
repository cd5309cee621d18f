//! What change control promises, on every database.

use super::*;
use crate::relational::testing::{Stage, on_every_database};
use greenhub_model::change::ChangeAct;
use serde_json::json;

async fn store(stage: &Stage) -> ChangeStore {
    ChangeStore::open(stage.open().await).await.expect("the tables")
}

fn change(requester: &str) -> Change {
    let body = json!({
        "id": 0, "title": "提高限值", "reason": "误报 \0 多", "state": "draft", "revision": 1, "candidate": 1, "base": 1,
        "requester": requester, "created_at": 5,
    });
    serde_json::from_value(body).expect("a request")
}

fn event(act: ChangeAct, to: ChangeState) -> ChangeEvent {
    ChangeEvent { seq: 0, at: 9, by: "li".into(), act, from: None, to, comment: "好".into() }
}

fn candidate(n: i64) -> CandidateText {
    CandidateText { source: json!({"patch": n}), rules: json!({"version": n}) }
}

async fn created(store: &ChangeStore, requester: &str) -> Change {
    let made = store.create(&change(requester), &candidate(1), &event(ChangeAct::Create, ChangeState::Draft)).await;
    made.expect("written")
}

fn version<'a>(number: u64, rules: &'a Value) -> NewVersion<'a> {
    NewVersion { number, at: 10, author: "li", origin: "change", rules }
}

#[tokio::test]
async fn requests_are_numbered_listed_and_found_again() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        for (n, name) in ["li", "wang", "li"].into_iter().enumerate() {
            assert_eq!(created(&store, name).await.id, n as i64 + 1, "{}", stage.label);
        }
        let list = async |filter: ChangeFilter, page: PageRequest| {
            let page = store.list(&filter, &page).await.expect("a page");
            (page.items.iter().map(|c| c.id).collect::<Vec<_>>(), page.next)
        };
        let (first, next) = list(ChangeFilter::default(), PageRequest::first(2)).await;
        assert_eq!(first, [3, 2], "{}", stage.label);
        let (rest, end) = list(ChangeFilter::default(), PageRequest { limit: 2, cursor: next }).await;
        assert_eq!((rest, end), (vec![1], None));
        let of_li = ChangeFilter { requester: Some("li".into()), ..ChangeFilter::default() };
        assert_eq!(list(of_li, PageRequest::first(9)).await.0, [3, 1]);
        let closed = ChangeFilter { states: vec![ChangeState::Closed], ..ChangeFilter::default() };
        assert!(list(closed, PageRequest::first(9)).await.0.is_empty());
        let again = ChangeStore::open(stage.open().await).await.expect("opened again");
        let found = again.get(2).await.expect("read").expect("there");
        assert_eq!((found.requester.as_str(), found.id), ("wang", 2));
        assert_eq!(again.candidate(2).await.expect("read"), Some(candidate(1)));
        assert_eq!(again.events(2).await.expect("read").len(), 1);
        assert_eq!(again.get(9).await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn of_two_who_act_at_once_one_is_told() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        let made = created(&store, "li").await;
        let submitted = Change { state: ChangeState::InReview, revision: 2, ..made.clone() };
        let withdrawn = Change { state: ChangeState::Withdrawn, revision: 2, ..made.clone() };
        let (a, b) =
            (event(ChangeAct::Submit, ChangeState::InReview), event(ChangeAct::Withdraw, ChangeState::Withdrawn));
        let other = candidate(2);
        let (first, second) =
            tokio::join!(store.save(&submitted, 1, Some(&other), &a), store.save(&withdrawn, 1, None, &b));
        let (first, second) = (first.expect("answered"), second.expect("answered"));
        assert!(first != second, "{}: {first} {second}", stage.label);
        let events = store.events(made.id).await.expect("read");
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2], "{}", stage.label);
        let stands = store.get(made.id).await.expect("read").expect("there");
        assert_eq!(stands.state, events[1].to, "{}", stage.label);
        let rules = store.candidate(made.id).await.expect("read").expect("there");
        assert_eq!(rules == candidate(2), first, "the loser writes nothing at all");
    })
    .await;
}

#[tokio::test]
async fn a_version_is_put_in_force_once() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        assert_eq!(store.newest().await.expect("read"), None);
        let (one, two) = (json!({"version": 1}), json!({"version": 2}));
        let first = NewVersion { origin: "builtin", author: "hub", ..version(1, &one) };
        assert!(store.begin_with(&first).await.expect("written"), "{}", stage.label);
        assert!(!store.begin_with(&first).await.expect("refused"), "there is one already");
        let made = created(&store, "li").await;
        let scheduled = Change { state: ChangeState::Scheduled, revision: 2, effective_at: Some(7), ..made.clone() };
        let approved = event(ChangeAct::Approve, ChangeState::Scheduled);
        assert!(store.save(&scheduled, 1, None, &approved).await.expect("saved"));
        assert_eq!(store.scheduled().await.expect("read"), vec![scheduled.clone()], "{}", stage.label);
        let running = Change { state: ChangeState::InForce, revision: 3, version: Some(2), ..scheduled.clone() };
        let put = event(ChangeAct::PutInForce, ChangeState::InForce);
        let gap = version(2, &two);
        let stale = Change { base: 4, ..running.clone() };
        assert!(!store.put_in_force(&stale, 2, &put, &gap).await.expect("refused"), "the base is not the newest");
        let next = version(2, &two);
        assert!(!store.put_in_force(&running, 1, &put, &next).await.expect("refused"), "an old revision");
        assert_eq!(store.versions().await.expect("read").len(), 1, "{}: whole or not at all", stage.label);
        let (a, b) =
            tokio::join!(store.put_in_force(&running, 2, &put, &next), store.put_in_force(&running, 2, &put, &next));
        assert!(a.expect("answered") != b.expect("answered"), "{}: exactly one", stage.label);
        assert!(store.scheduled().await.expect("read").is_empty());
        let newest = store.newest().await.expect("read").expect("there");
        assert_eq!((newest.row.number, newest.row.request, newest.rules), (2, Some(made.id), two.clone()));
        let numbers: Vec<u64> = store.versions().await.expect("read").iter().map(|v| v.number).collect();
        assert_eq!(numbers, [2, 1]);
        assert_eq!(store.version(1).await.expect("read").expect("there").row.origin, "builtin");
    })
    .await;
}

#[tokio::test]
async fn a_back_test_counts_for_its_own_candidate_and_disturbs_nobody() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        let made = created(&store, "li").await;
        let test = |started_at: i64, candidate: i64, state: BacktestState| Backtest {
            change: made.id,
            candidate,
            present: false,
            state,
            by: "li".into(),
            days: 7,
            from: 0,
            to: 1,
            started_at,
            finished_at: Some(started_at + 1),
            progress: 1.0,
            seconds_left: None,
            error: None,
            result: Some(Default::default()),
        };
        store.save_backtest(&test(1, 1, BacktestState::Failed)).await.expect("kept");
        assert!(!store.get(made.id).await.expect("read").expect("there").backtested);
        store.save_backtest(&test(2, 1, BacktestState::Done)).await.expect("kept");
        let tested = store.get(made.id).await.expect("read").expect("there");
        assert!(tested.backtested && tested.revision == 1, "{}: {tested:?}", stage.label);
        let edited = Change { candidate: 2, revision: 2, ..tested };
        let edit = event(ChangeAct::Edit, ChangeState::Draft);
        assert!(store.save(&edited, 1, Some(&candidate(2)), &edit).await.expect("saved"));
        assert!(!store.get(made.id).await.expect("read").expect("there").backtested, "another candidate");
        for n in 3..20 {
            store.save_backtest(&test(n, 2, BacktestState::Done)).await.expect("kept");
        }
        assert_eq!(store.backtest(made.id).await.expect("read").map(|b| b.started_at), Some(19), "{}", stage.label);
        let sql = "SELECT COUNT(*) FROM change_backtests";
        let db = stage.open().await;
        let row = sqlx::query(sql).fetch_one(db.readers()).await.expect("a count");
        assert_eq!(row.try_get::<i64, _>(0).expect("a number"), BACKTESTS_KEPT, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_back_test_left_at_work_is_ended_with_a_sentence_and_no_other_is() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        let made = created(&store, "li").await;
        let at_work = Backtest {
            change: made.id,
            candidate: 1,
            present: false,
            state: BacktestState::Running,
            by: "li".into(),
            days: 7,
            from: 0,
            to: 1,
            started_at: 5,
            finished_at: None,
            progress: 0.25,
            seconds_left: Some(30.0),
            error: None,
            result: None,
        };
        // Words that look like the state of one at work.
        let words = Some(r#"{"state":"running"}"#.to_owned());
        let failed = Backtest { state: BacktestState::Failed, started_at: 4, error: words, ..at_work.clone() };
        store.save_backtest(&failed).await.expect("kept");
        store.save_backtest(&at_work).await.expect("kept");
        let why = |one: &Backtest| format!("{} at {}", one.change, one.progress);
        let ended = store.interrupt_backtests(9, why).await.expect("ended");
        let expected = Backtest {
            state: BacktestState::Interrupted,
            finished_at: Some(9),
            seconds_left: None,
            error: Some(format!("{} at 0.25", made.id)),
            ..at_work
        };
        assert_eq!(ended, std::slice::from_ref(&expected), "{}", stage.label);
        assert_eq!(store.backtest(made.id).await.expect("read"), Some(expected), "{}", stage.label);
        assert!(!store.get(made.id).await.expect("read").expect("there").backtested, "it counts for nothing");
        assert_eq!(store.interrupt_backtests(10, why).await.expect("none"), [], "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn emergency_changes_without_approval_are_found() {
    on_every_database(async |stage| {
        let store = store(stage).await;
        let made = created(&store, "li").await;
        created(&store, "wang").await;
        let running = Change { state: ChangeState::InForce, emergency: true, approve_by: Some(1), revision: 2, ..made };
        let put = event(ChangeAct::PutInForce, ChangeState::InForce);
        assert!(store.save(&running, 1, None, &put).await.expect("saved"));
        let waiting = ChangeFilter { waits_for_approval: true, ..ChangeFilter::default() };
        let found = store.list(&waiting, &PageRequest::first(9)).await.expect("a page").items;
        assert_eq!(found.iter().map(|c| c.id).collect::<Vec<_>>(), [running.id], "{}", stage.label);
        let approved = Change { approver: Some("wang".into()), revision: 3, ..running };
        assert!(store.save(&approved, 2, None, &put).await.expect("saved"));
        assert!(store.list(&waiting, &PageRequest::first(9)).await.expect("a page").items.is_empty());
    })
    .await;
}
