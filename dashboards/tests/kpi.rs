//! Key figures and hand-over over real requests: only calls count, lists tell the end of the period, tables are safe.

mod kit;

use greenhub_dashboards::routes::KPI_READERS;
use greenhub_model::alarm::AlarmEventKind::{self, Acknowledged, Commented, Raised, Shelved};
use greenhub_model::alarm::AlarmState;
use greenhub_model::{Alarm, Output, Role};
use kit::{Hub, samples};
use serde_json::json;

/// Receive time of batch 0 of the kit.
const T0: i64 = 1_000_000;

fn told(alarm: &Alarm, state: AlarmState, kind: AlarmEventKind, called: bool, text: &str) -> Output {
    let alarm = Alarm { state, acknowledged: state == AlarmState::Acknowledged, ..alarm.clone() };
    match samples::alarm_change(alarm, kind, 1) {
        Output::Alarm(mut change) => {
            change.event.called = called;
            change.event.text = text.into();
            Output::Alarm(change)
        }
        other => other,
    }
}

/// Three alarms: one called and was acknowledged, one was shelved, one was raised without a call.
async fn shift(hub: &Hub) {
    let mut alarms = ["C-1", "C-2", "C-3"].map(|id| samples::alarm(id, 1, AlarmState::Unacknowledged, 1));
    alarms[0].device_name = "=cmd|'/C calc'!A0".into();
    let [first, second, third] = &alarms;
    let calls = [first, second].map(|alarm| told(alarm, AlarmState::Unacknowledged, Raised, true, ""));
    hub.apply(calls.to_vec()).await;
    let silent = told(third, AlarmState::SuppressedByDesign, Raised, false, "");
    let shelved = told(second, AlarmState::Shelved, Shelved, false, "等备件");
    hub.apply(vec![silent, shelved, told(first, AlarmState::Unacknowledged, Commented, false, "已派人")]).await;
    hub.apply(vec![told(first, AlarmState::Acknowledged, Acknowledged, false, "")]).await;
}

#[tokio::test]
async fn a_report_counts_calls_and_a_handover_tells_what_stands() {
    let hub = Hub::start().await;
    shift(&hub).await;
    let token = hub.token(Role::Auditor).await;
    let period = format!("from={}&to={}", T0 - 1000, T0 + 3_600_000);
    let (status, report) = hub.get(&token, &format!("/api/v1/alarm-kpi?{period}")).await;
    assert_eq!((status, report["called"].as_u64()), (200, Some(2)), "{report}");
    assert_eq!(report["desk"], json!({"id": "all", "title": "全部告警"}));
    assert_eq!(report["top"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["acknowledge"][0]["median_ms"], json!(2), "the kit's batches are a millisecond apart");
    let (_, handover) = hub.get(&token, &format!("/api/v1/handover?{period}")).await;
    let devices = |list: &str| {
        let rows = handover[list].as_array().expect("a list");
        rows.iter().map(|row| row["device"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((devices("unacknowledged"), devices("open")), (vec![], vec!["C-1".to_owned()]), "{handover}");
    assert_eq!(devices("suppressed"), ["C-3"]);
    assert_eq!(handover["shelved"][0]["reason"], "等备件");
    assert_eq!(handover["shelved"][0]["standing"]["device"], "C-2");
    assert_eq!(handover["comments"][0]["text"], "已派人");
    assert_eq!(handover["standing"], json!([{"priority": "P2", "count": 3}]));
    // A moment earlier nothing was acknowledged or hidden.
    let (_, earlier) = hub.get(&token, &format!("/api/v1/handover?from={}&to={}", T0 - 1000, T0 + 2)).await;
    assert_eq!(earlier["unacknowledged"].as_array().map(Vec::len), Some(2), "{earlier}");
    hub.stop().await;
}

#[tokio::test]
async fn desks_count_their_own_and_unknown_ones_are_named() {
    let hub = Hub::start().await;
    shift(&hub).await;
    let token = hub.token(Role::Dispatcher).await;
    let (_, desks) = hub.get(&token, "/api/v1/desks").await;
    let ids: Vec<_> = desks.as_array().expect("a list").iter().map(|desk| desk["id"].clone()).collect();
    assert_eq!(ids, ["all", "dispatch", "plant"]);
    for (desk, called) in [("dispatch", 2), ("plant", 0)] {
        let path = format!("/api/v1/alarm-kpi?desk={desk}&from={}&to={}", T0 - 1, T0 + 1000);
        let (_, report) = hub.get(&token, &path).await;
        assert_eq!(report["called"], json!(called), "{desk}");
    }
    for (path, expected) in [
        ("/api/v1/alarm-kpi?desk=moon&from=1&to=2", 404),
        ("/api/v1/alarm-kpi?from=2&to=1", 400),
        ("/api/v1/alarm-kpi?from=1", 400),
        ("/api/v1/handover?from=-40000000000&to=2000000000000", 400),
        ("/api/v1/handover?from=1&to=2&utc_offset_min=900", 400),
    ] {
        let (status, problem) = hub.get(&token, path).await;
        assert_eq!(status, expected, "{path}: {problem}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn tables_open_in_a_spreadsheet_and_run_no_formula() {
    let hub = Hub::start().await;
    shift(&hub).await;
    let token = hub.token(Role::Clerk).await;
    for name in ["alarm-kpi.csv", "handover.csv"] {
        let url = hub.url(&format!("/api/v1/{name}?from={}&to={}", T0 - 1000, T0 + 3_600_000));
        let answer = hub.http.get(url).bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
        assert!(answer.headers()["content-disposition"].to_str().expect("plain").contains(name));
        let bytes = answer.bytes().await.expect("a body");
        assert_eq!(bytes[..3], [0xef, 0xbb, 0xbf], "a byte order mark, else Excel reads GBK");
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(text.contains("平均每小时报警") && text.contains("\r\n"), "{text}");
        assert!(text.contains("\"'=cmd|"), "{text}");
        assert!(!text.contains(",=") && !text.contains("\n="), "{text}");
    }
    assert!(!KPI_READERS.admits(Some(Role::Crew)) && !KPI_READERS.admits(Some(Role::PatrolOfficer)));
    hub.stop().await;
}
