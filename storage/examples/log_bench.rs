//! How much of the disk's own speed the log gives on.
//!
//! ```sh
//! cargo run --release -p greenhub-storage --example log_bench -- [directory] [seconds per figure]
//! ```
//!
//! One line of JSON. `raw_*` is one `pwrite` of as many bytes plus `fdatasync`, over and over on a file written full of
//! zeros before; `log_*` is the log with one appender that waits for every batch, so that a batch is exactly one burst;
//! `deep_*` keeps a second burst on its way meanwhile, as sessions do (a batch may then hold both). All three take turns
//! in the same run. `ratio_*` is log to raw. `commit_us_p50` is append to durable of single messages, one at a time.

use greenhub_model::{Channel, Record};
use greenhub_storage::log::{Burst, Log, LogConfig, RealDisk, SystemClock, Ticket};
use std::collections::VecDeque;
use std::error::Error;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAYLOAD: &[u8] = br#"{"time":1763899200123,"lon":121.4234,"lat":31.2201,"speed_kmh":12.5,"heading_deg":270,"accuracy_m":5,"battery_pct":80,"sos":false}"#;
const PATIENCE: Duration = Duration::from_secs(30);

fn batch(records: usize) -> Outcome<Burst> {
    let mut burst = Burst::new();
    for n in 0..records {
        let topic = format!("greenhub/v1/patrol/unit-{:05}/position", n % 20_000);
        burst.push(&Record { qos: 1, ..Record::message(Channel::Mqtt, &topic, "unit-00001", PAYLOAD) })?;
    }
    Ok(burst)
}

/// Records per second of bare writes of `bytes`.
fn raw(dir: &Path, records: usize, bytes: usize, time: Duration) -> Outcome<f64> {
    const FILE: usize = 64 * 1024 * 1024;
    let path = dir.join("raw");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
    if file.metadata()?.len() < FILE as u64 {
        for at in (0..FILE).step_by(1 << 20) {
            file.write_all_at(&vec![0; 1 << 20], at as u64)?;
        }
        file.sync_all()?;
    }
    let data = vec![7u8; bytes];
    let (start, mut done, mut at) = (Instant::now(), 0, 0);
    while start.elapsed() < time {
        if at + bytes > FILE {
            at = 0;
        }
        file.write_all_at(&data, at as u64)?;
        file.sync_data()?;
        (done, at) = (done + records, at + bytes);
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// Records per second through the log with `depth` bursts under way.
fn through_log(log: &Log, burst: &Burst, depth: usize, time: Duration) -> Outcome<f64> {
    let (start, mut done) = (Instant::now(), 0);
    let mut under_way: VecDeque<Ticket> = VecDeque::new();
    while start.elapsed() < time {
        under_way.push_back(log.try_append(burst)?);
        if under_way.len() >= depth
            && let Some(first) = under_way.pop_front()
        {
            first.wait(PATIENCE).ok_or("no commit in time")??;
        }
        done += burst.len();
    }
    for last in under_way {
        last.wait(PATIENCE).ok_or("no commit in time")??;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("greenhub-log-bench"), Into::into);
    let time = Duration::from_secs_f64(arguments.next().map_or(Ok(3.0), |s| s.parse())?) / 5;
    std::fs::create_dir_all(&dir)?;
    let config = LogConfig { retain_bytes: 256 * 1024 * 1024, ..LogConfig::at(dir.join("log")) };
    let opening = Instant::now();
    let log = Log::open(config, Arc::new(RealDisk), Arc::new(SystemClock))?;
    let open_ms = opening.elapsed().as_secs_f64() * 1e3;

    // Until segments are recycled, as in a hub that runs for long.
    let warm = batch(8192)?;
    while log.oldest_batch() == 1 {
        through_log(&log, &warm, 2, Duration::from_millis(100))?;
    }
    let single = batch(1)?;
    let (mut commit, mut sync) = (vec![], vec![]);
    let small = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join("raw"))?;
    raw(&dir, 1, 4096, Duration::from_millis(10))?;
    for n in 0..400 {
        let start = Instant::now();
        log.try_append(&single)?.wait(PATIENCE).ok_or("no commit in time")??;
        commit.push(start.elapsed().as_secs_f64() * 1e6);
        let start = Instant::now();
        small.write_all_at(&[1; 256], n * 256)?;
        small.sync_data()?;
        sync.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let mut line = format!(
        r#"{{"open_ms":{open_ms:.1},"commit_us_p50":{:.0},"raw_sync_us_p50":{:.0}"#,
        median(commit),
        median(sync)
    );
    for records in [64, 1024] {
        let burst = batch(records)?;
        let (mut raws, mut logs, mut deeps) = (vec![], vec![], vec![]);
        for _ in 0..5 {
            raws.push(raw(&dir, records, burst.bytes_len(), time)?);
            logs.push(through_log(&log, &burst, 1, time)?);
            deeps.push(through_log(&log, &burst, 2, time)?);
        }
        let (raw, log, deep) = (median(raws), median(logs), median(deeps));
        line += &format!(
            r#","batch_bytes_{records}":{},"raw_{records}":{raw:.0},"log_{records}":{log:.0},"deep_{records}":{deep:.0},"ratio_{records}":{:.2},"deep_ratio_{records}":{:.2}"#,
            burst.bytes_len(),
            log / raw,
            deep / raw
        );
    }
    println!("{line}}}");
    drop(log);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
