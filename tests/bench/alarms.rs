//! Alarms accepted and merged, beside prometheus-alertmanager in the same run: alerts per second and per CPU second.
//!
//! All are told the same 500 alerts over and over. The hub takes them by MQTT at QoS 1, stores each on disk before it
//! acknowledges, merges repeats and counts each in its tables: once as 500 devices send them, one alarm a message, and once
//! as five stations with a hundred connectors each send them, a hundred alarms of one device in a message. alertmanager
//! takes them by its HTTP API in arrays of 100, as Prometheus sends them, and keeps them in memory.

use crate::load;
use crate::process::cpu_seconds;
use crate::serve::{Bench, quiet};
use anyhow::{Context, Result, ensure};
use greenhub_tests::now_ms;
use greenhub_tests::peers::Peer;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ALERTS: usize = 500;
const PER_REQUEST: usize = 100;
const SENDERS: usize = 4;
const ROUNDS: usize = 3;
const WARM: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(2);

/// Accept and deduplicate.
pub async fn alarms() -> Result<()> {
    println!(
        "{ALERTS} alerts told over and over, median of {ROUNDS} rounds of {MEASURE:?}, turn about; the hub's clock runs until"
    );
    println!("nothing is pending and every repeat is counted in its tables.\n");
    println!("| | alerts/s | per CPU s | standing |");
    println!("|---|---|---|---|");
    let (mut single, mut arrays, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet().await?;
        single.push(hub().await?);
        quiet().await?;
        arrays.push(stations().await?);
        theirs.push(alertmanager().await?);
    }
    let (single, arrays, theirs) = (median(single), median(arrays), median(theirs));
    println!("| greenhub, on disk, QoS 1, one alarm a message | {:.0} | {:.0} | {} |", single.0, single.1, single.2);
    println!(
        "| greenhub, on disk, QoS 1, {PER_REQUEST} alarms a message | {:.0} | {:.0} | {} |",
        arrays.0, arrays.1, arrays.2
    );
    println!(
        "| prometheus-alertmanager 0.25, in memory, {PER_REQUEST} a request | {:.0} | {:.0} | {} |",
        theirs.0, theirs.1, theirs.2
    );
    println!("| ratio, one a message | {:.1} | {:.1} | |", single.0 / theirs.0, single.1 / theirs.1);
    println!("| ratio, {PER_REQUEST} a message | {:.1} | {:.1} | |\n", arrays.0 / theirs.0, arrays.1 / theirs.1);
    Ok(())
}

/// Alerts per second, per CPU second, and how many stand.
type Figure = (f64, f64, usize);

fn median(mut figures: Vec<Figure>) -> Figure {
    figures.sort_by(|a, b| a.1.total_cmp(&b.1));
    figures[figures.len() / 2]
}

async fn hub() -> Result<Figure> {
    let bench = Bench::start(ALERTS).await?;
    let body = json!({"time": now_ms(), "code": "LOW_BATTERY", "active": true, "severity": "minor", "value": 11.5})
        .to_string();
    let topic = |login: &load::Login| format!("greenhub/v1/patrol/{}/alarm", login.id);
    flooded(&bench, topic, &body, 20, 1).await
}

/// A hundred alarms of one device in a message.
async fn stations() -> Result<Figure> {
    let bench = Bench::start_with("charger", ALERTS / PER_REQUEST).await?;
    let time = now_ms();
    let alarm = |n: usize| {
        json!({"time": time, "code": "OVER_TEMPERATURE", "active": true, "severity": "minor", "value": 71.5,
            "sub_component": format!("gun-{n:03}")})
    };
    let body = Value::from((0..PER_REQUEST).map(alarm).collect::<Vec<_>>()).to_string();
    let topic = |login: &load::Login| format!("greenhub/v1/charger/{}/alarm", login.id);
    flooded(&bench, topic, &body, 4, PER_REQUEST).await
}

/// Tells the hub `body` with `each` alarms in it over and over, `window` messages in flight on each connection.
async fn flooded(
    bench: &Bench,
    topic: impl Fn(&load::Login) -> String,
    body: &str,
    window: usize,
    each: usize,
) -> Result<Figure> {
    let (cpu, started) = (cpu_seconds(bench.hub.pid()), Instant::now());
    load::flood_all(bench.hub.mqtt(), &bench.devices, topic, body.as_bytes(), window, WARM, MEASURE).await?;
    let accepted = bench.settled().await as usize * each;
    let (seconds, used) = (started.elapsed().as_secs_f64(), cpu_seconds(bench.hub.pid()) - cpu);
    // What was counted and not told yet is told within a second, and then in the tables.
    let told = Instant::now();
    let alarms = loop {
        let alarms = bench.api.list("/api/v1/alarms?standing=true").await;
        let counted: u64 = alarms.iter().filter_map(|alarm| alarm["count"].as_u64()).sum();
        if counted == accepted as u64 {
            break alarms;
        }
        ensure!(told.elapsed() < Duration::from_secs(20), "{counted} of {accepted} alarms are counted in the tables");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    ensure!(alarms.len() == ALERTS, "{} alarms stand", alarms.len());
    Ok((accepted as f64 / seconds, accepted as f64 / used, alarms.len()))
}

async fn alertmanager() -> Result<Figure> {
    let peer = Peer::alertmanager();
    let pid = peer.pid().context("alertmanager runs")?;
    let url = format!("http://{}/api/v2/alerts", peer.address());
    let alert = |n: usize| {
        json!({"labels": {"alertname": "LOW_BATTERY", "device": format!("B-{n:04}"), "class": "patrol", "severity": "minor"},
            "annotations": {"value": "11.5"}})
    };
    let bodies: Vec<String> = (0..ALERTS / PER_REQUEST)
        .map(|part| {
            Value::from((0..PER_REQUEST).map(|n| alert(part * PER_REQUEST + n)).collect::<Vec<_>>()).to_string()
        })
        .collect();
    let (cpu, started) = (cpu_seconds(pid), Instant::now());
    let end = started + WARM + MEASURE;
    let senders = (0..SENDERS).map(|sender| {
        let (url, bodies, client) = (url.clone(), bodies.clone(), reqwest::Client::new());
        tokio::spawn(async move {
            let mut told = 0usize;
            for n in sender.. {
                if Instant::now() >= end {
                    break;
                }
                let request = client.post(&url).header("content-type", "application/json");
                let answer = request.body(bodies[n % bodies.len()].clone()).send().await.context("post alerts")?;
                ensure!(answer.status().is_success(), "alertmanager answers {}", answer.status());
                told += PER_REQUEST;
            }
            anyhow::Ok(told)
        })
    });
    let mut told = 0;
    for sender in senders.collect::<Vec<_>>() {
        told += sender.await.context("a sender failed")??;
    }
    let (seconds, used) = (started.elapsed().as_secs_f64(), cpu_seconds(pid) - cpu);
    let standing: Value = reqwest::get(&url).await.context("list alerts")?.json().await.context("read alerts")?;
    Ok((told as f64 / seconds, told as f64 / used, standing.as_array().map_or(0, Vec::len)))
}
