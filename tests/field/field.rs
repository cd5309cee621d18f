//! `make field`: real GPS sets (refuse trucks, ploughs, people in Shanghai and Beijing) published through MQTT faster than
//! real time must arrive complete in the tracks and on the map.
//!
//! The sets lie outside this repository (`../shared/data`, or `GREENHUB_TEST_FIELD_DATA`). Each set's times are moved as a
//! whole so that it ends now; spacing, gaps, repeats and disorder stay as recorded.

use greenhub_tests::api::Api;
use greenhub_tests::device::publish_all;
use greenhub_tests::hub::Hub;
use greenhub_tests::live::Viewer;
use greenhub_tests::{now_ms, until};
use jiff::civil::DateTime;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// One recorded fix: milliseconds on the set's own clock, degrees as text keep every recorded digit.
struct Fix {
    unit: String,
    time: i64,
    lon: f64,
    lat: f64,
}

struct Set {
    folder: &'static str,
    file: &'static str,
    unit: &'static str,
    time: &'static str,
    class: &'static str,
}

const SETS: [Set; 5] = [
    Set { folder: "fleet_jersey_garbage", file: "points.csv", unit: "unit_id", time: "time_local", class: "vehicle" },
    Set { folder: "fleet_syracuse_plows", file: "points.csv", unit: "unit_id", time: "time_utc", class: "vehicle" },
    Set { folder: "fleet_chicago_plows", file: "feed.csv", unit: "unit_id", time: "posted_local", class: "vehicle" },
    Set { folder: "gps_shanghai", file: "points.csv.gz", unit: "unit_id", time: "elapsed_s", class: "patrol" },
    Set { folder: "gps_fleet", file: "points.csv.gz", unit: "unit_id", time: "elapsed_s", class: "patrol" },
];

fn data() -> Option<PathBuf> {
    let named = std::env::var_os("GREENHUB_TEST_FIELD_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    named.or(Some(beside)).filter(|path| path.is_dir())
}

fn lines(path: &Path) -> Vec<String> {
    let bytes = if path.extension().is_some_and(|e| e == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().expect("run gzip");
        assert!(output.status.success(), "gzip could not read {}", path.display());
        output.stdout
    } else {
        std::fs::read(path).expect("read the set")
    };
    String::from_utf8(bytes).expect("the sets are UTF-8").lines().map(str::to_owned).collect()
}

/// Milliseconds on the set's clock: seconds elapsed, or a date and time whose zone is the same throughout a set.
fn millis(text: &str) -> i64 {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds * 1000;
    }
    let plain = text.get(..19).expect("a date and a time");
    let at: DateTime = plain.parse().expect("ISO 8601");
    at.to_zoned(jiff::tz::TimeZone::UTC).expect("UTC has every time").timestamp().as_millisecond()
}

fn read(root: &Path, set: &Set) -> Vec<Fix> {
    let lines = lines(&root.join(set.folder).join(set.file));
    let header: Vec<&str> = lines[0].split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap_or_else(|| panic!("no column {name}"));
    let (unit, time, lon, lat) = (column(set.unit), column(set.time), column("lon"), column("lat"));
    let fix = |line: &String| {
        let cells: Vec<&str> = line.split(',').collect();
        let degrees = |at: usize| cells[at].parse::<f64>().expect("degrees");
        Fix { unit: format!("F-{}", cells[unit]), time: millis(cells[time]), lon: degrees(lon), lat: degrees(lat) }
    };
    lines[1..].iter().map(fix).collect()
}

/// What a track keeps: time, and degrees to 1e-7 (about a centimetre).
type Kept = (i64, i64, i64);

fn kept(time: i64, lon: f64, lat: f64) -> Kept {
    (time, (lon * 1e7).round() as i64, (lat * 1e7).round() as i64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_fleets_arrive_complete_in_tracks_and_on_the_map() {
    let Some(root) = data() else {
        println!("skipped: the field data sets are not here (../shared/data or GREENHUB_TEST_FIELD_DATA)");
        return;
    };
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let mut viewer = Viewer::connect(&hub, &api.token, json!({})).await;
    let mut accepted = 0u64;
    for set in &SETS {
        let mut fixes = read(&root, set);
        let shift = now_ms() - fixes.iter().map(|f| f.time).max().expect("a set has rows");
        fixes.iter_mut().for_each(|fix| fix.time += shift);
        let mut by_unit: BTreeMap<String, BTreeSet<Kept>> = BTreeMap::new();
        let mut messages = Vec::with_capacity(fixes.len());
        for fix in &fixes {
            by_unit.entry(fix.unit.clone()).or_default().insert(kept(fix.time, fix.lon, fix.lat));
            let payload = format!(r#"{{"time":{},"lon":{},"lat":{}}}"#, fix.time, fix.lon, fix.lat);
            messages.push((format!("greenhub/v1/{}/{}/position", set.class, fix.unit), payload.into_bytes()));
        }
        let (first, last) = (fixes.iter().map(|f| f.time).min(), fixes.iter().map(|f| f.time).max());
        let (first, last) = (first.expect("rows"), last.expect("rows"));
        let (count, units, started) = (messages.len() as u64, by_unit.len(), Instant::now());
        for (n, chunk) in messages.chunks(20_000).enumerate() {
            publish_all(hub.mqtt(), &format!("field-{}-{n}", set.folder), chunk.to_vec()).await;
        }
        accepted += count;
        let ledger = api.settled_ledger(accepted).await;
        assert_eq!(ledger["quarantined"], 0, "{}: {ledger}", set.folder);
        let took = started.elapsed().as_secs_f64();
        for (unit, points) in &by_unit {
            let path = format!("/api/v1/units/{unit}/track?from={first}&to={last}&max_points=20000");
            until("the whole track", async || {
                let track = api.get(&path).await;
                let rows = track["points"].as_array().expect("points");
                let number = |v: &serde_json::Value| v.as_f64().expect("a number");
                let stored: BTreeSet<Kept> =
                    rows.iter().map(|p| kept(p[0].as_i64().expect("time"), number(&p[1]), number(&p[2]))).collect();
                (stored == *points).then_some(())
            })
            .await;
            // Some feeds give several places for one moment: any of the newest ones is right.
            let newest = points.last().expect("a unit has fixes").0;
            let what = format!("{}: {unit} at its last place {:?}", set.folder, points.last());
            viewer
                .until(&what, |v| {
                    v.entity("units", unit).is_some_and(|u| {
                        let number = |key: &str| u[key].as_f64().unwrap_or(f64::NAN);
                        points.contains(&kept(newest, number("lon"), number("lat")))
                    })
                })
                .await;
        }
        println!(
            "{}: {count} positions of {units} units over {:.1} h in {took:.1} s, {:.0} times real time, complete",
            set.folder,
            (last - first) as f64 / 3.6e6,
            (last - first) as f64 / 1000.0 / took
        );
    }
}
