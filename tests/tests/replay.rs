//! Replay equals the run: the same outputs byte for byte, whatever the number of workers.

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, position, publish_all};
use greenhub_tests::hub::{Hub, run};
use greenhub_tests::{Random, now_ms};
use serde_json::Value;

async fn recorded() -> (tempfile::TempDir, usize) {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let mut random = Random(7);
    let mut messages = Vec::new();
    for n in 0..2_000i64 {
        let (device, now) = (random.below(30), now_ms());
        messages.push(match random.below(8) {
            0 => {
                let active = random.below(3) > 0;
                (format!("greenhub/v1/charger/R-PILE-{device}/alarm"), alarm(now, "OVER_TEMPERATURE", active, "major"))
            }
            1 => (
                format!("greenhub/v1/plant/R-NOSE-{}/reading", device % 3),
                format!(r#"{{"time":{now},"values":{{"h2s":{}}}}}"#, random.below(200) as f64 / 100.0).into_bytes(),
            ),
            _ => (format!("greenhub/v1/patrol/R-{device}/position"), position(now, 121.3 + n as f64 / 1e5, 31.2)),
        });
    }
    let count = messages.len();
    publish_all(hub.mqtt(), "recorder", messages).await;
    api.settled_ledger(count as u64).await;
    let (_, guard) = hub.stop();
    (guard.expect("a directory of its own"), count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_and_worker_counts_agree() {
    let (guard, count) = recorded().await;
    let path = guard.path().to_str().expect("temporary paths are text");
    let replay = |workers: &str| {
        let (ok, report, errors) = run(&["replay", "--data", path, "--workers", workers, "--json"]);
        assert!(ok, "{errors}");
        serde_json::from_str::<Value>(&report).expect("the report is JSON")
    };
    let (one, again, two) = (replay("1"), replay("1"), replay("2"));
    assert!(one["messages"].as_u64() >= Some(count as u64), "{one}");
    assert_eq!(one["output_hash"], again["output_hash"]);
    assert_eq!(one["output_hash"], two["output_hash"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidate_rules_show_their_difference_and_write_nothing() {
    let (guard, _) = recorded().await;
    let path = guard.path().to_str().expect("temporary paths are text");
    let (ok, rules, errors) = run(&["export", "rules", "--data", path]);
    assert!(ok, "{errors}");
    let file = guard.path().join("candidate.toml");
    let hasty = rules
        .replace("on_delay_ms = 60000\n", "on_delay_ms = 0\n")
        .replace("on_delay_ms = 120000\n", "on_delay_ms = 0\n");
    assert_ne!(rules, hasty, "the builtin rules have delays");
    std::fs::write(&file, hasty).expect("write the candidate");
    let before: Vec<_> = listing(guard.path());
    let (ok, report, errors) = run(&["replay", "--data", path, "--rules", file.to_str().expect("text"), "--json"]);
    assert!(ok, "{errors}");
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    let gained = report["candidate"]["comparison"]["gained"].as_array().expect("gained alarms");
    assert!(gained.iter().any(|alarm| alarm["device"] == "R-NOSE-0"), "{report}");
    assert_eq!(before, listing(guard.path()), "a replay must not write into the data directory");
}

fn listing(directory: &std::path::Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(directory).expect("list the data directory").flatten() {
        let meta = entry.metadata().expect("read metadata");
        if meta.is_dir() {
            rows.extend(listing(&entry.path()));
        } else {
            rows.push((entry.path(), meta.len(), meta.modified().expect("a time")));
        }
    }
    rows.sort();
    rows
}
