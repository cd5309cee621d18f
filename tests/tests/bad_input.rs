//! Bad input ends in quarantine with a reason, or is refused; nothing is lost and nothing falls over.

use greenhub_tests::api::Api;
use greenhub_tests::device::publish_all;
use greenhub_tests::hub::Hub;
use greenhub_tests::now_ms;

const POSITION: &str = "greenhub/v1/patrol/B-001/position";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_bad_message_is_quarantined_with_its_reason() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let year = 365 * 86_400_000i64;
    let at = |time: i64| format!(r#"{{"time":{time},"lon":121.4,"lat":31.2}}"#).into_bytes();
    let big = format!(r#"{{"lon":121.4,"lat":31.2,"pad":"{}"}}"#, "x".repeat(1_000_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (POSITION, b"this is no JSON".to_vec(), "not_json"),
        (POSITION, b"".to_vec(), "empty"),
        (POSITION, br#"{"lon":"east","lat":31.2}"#.to_vec(), "wrong_type"),
        (POSITION, br#"{"lat":31.2}"#.to_vec(), "missing_member"),
        (POSITION, br#"{"lon":NaN,"lat":31.2}"#.to_vec(), "not_json"),
        (POSITION, br#"{"lon":200.5,"lat":31.2}"#.to_vec(), "off_earth"),
        (POSITION, br#"{"lon":0,"lat":0}"#.to_vec(), "off_earth"),
        (POSITION, br#"{"lon":121.4,"lat":31.2,"speed_kmh":-4}"#.to_vec(), "out_of_range"),
        (POSITION, at(0), "time_too_old"),
        (POSITION, at(now_ms() + year), "time_in_future"),
        (POSITION, vec![b'{', 0xff, 0xfe, b'}'], "not_utf8"),
        (POSITION, big.into_bytes(), "too_large"),
        ("greenhub/v1/boat/B-001/position", at(now_ms()), "unknown_topic"),
        ("greenhub/v1/patrol/B-001/song", at(now_ms()), "unknown_topic"),
        ("elsewhere/entirely", at(now_ms()), "unknown_topic"),
        ("greenhub/v1/patrol/../position", at(now_ms()), "bad_device_id"),
    ];
    for (number, (topic, payload, _)) in cases.iter().enumerate() {
        publish_all(hub.mqtt(), &format!("bad-{number}"), vec![((*topic).to_owned(), payload.clone())]).await;
    }
    let ledger = api.settled_ledger(cases.len() as u64).await;
    assert_eq!(ledger["quarantined"], cases.len(), "{ledger}");
    let mut rows = api.list("/api/v1/quarantine").await;
    rows.sort_by_key(|row| row["position"].as_u64());
    assert_eq!(rows.len(), cases.len());
    for (row, (topic, _, reason)) in rows.iter().zip(&cases) {
        assert_eq!((row["topic"].as_str(), row["reject"]["reason"].as_str()), (Some(*topic), Some(*reason)), "{row}");
    }
    let counts = api.get("/api/v1/quarantine/counts").await;
    let of_device = |reason: &str| {
        counts.as_array().expect("a list").iter().find(|c| c["device"] == "B-001" && c["reason"] == reason).cloned()
    };
    assert_eq!(of_device("off_earth").map(|c| c["count"].clone()), Some(2.into()), "{counts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_element_of_an_array_does_not_cost_the_good_ones() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let now = now_ms();
    let payload = format!(
        r#"[{{"time":{},"lon":121.40,"lat":31.2}},{{"time":{},"lon":999,"lat":31.2}},{{"time":{},"lon":121.42,"lat":31.2}}]"#,
        now - 3000,
        now - 2000,
        now - 1000
    );
    publish_all(hub.mqtt(), "buffered", vec![(POSITION.to_owned(), payload.into_bytes())]).await;
    let ledger = api.settled_ledger(1).await;
    assert_eq!((&ledger["applied"], &ledger["quarantined"]), (&0.into(), &1.into()), "{ledger}");
    let rows = api.list("/api/v1/quarantine?device=B-001").await;
    assert_eq!((rows.len(), &rows[0]["element"]), (1, &1.into()), "{rows:?}");
    let unit = api.get("/api/v1/units/B-001").await;
    assert_eq!(unit["lon"], 121.42, "{unit}");
}
