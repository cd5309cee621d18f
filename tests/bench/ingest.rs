//! QoS 1 ingest and forwarding, beside mosquitto in the same run, interleaved.

use crate::load::{self, Login, Rate};
use crate::process::cpu_seconds;
use crate::serve::{Bench, payload, topic_of};
use anyhow::{Context, Result};
use greenhub_tests::now_ms;
use greenhub_tests::peers::Peer;
use std::time::{Duration, Instant};

const WARM: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;

/// Rate and server CPU in µs per message.
#[derive(Clone, Copy)]
struct Figure {
    rate: f64,
    cpu_us: f64,
}

async fn figure(pid: u32, run: impl Future<Output = Result<Rate>>) -> Result<Figure> {
    let (cpu, started) = (cpu_seconds(pid), Instant::now());
    let rate = run.await?;
    let share = (cpu_seconds(pid) - cpu) / started.elapsed().as_secs_f64();
    Ok(Figure { rate: rate.per_second(), cpu_us: share / rate.per_second() * 1e6 })
}

fn median(figures: &[Figure]) -> Figure {
    let mut sorted = figures.to_vec();
    sorted.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    sorted[sorted.len() / 2]
}

/// QoS 1 PUBLISH to PUBACK at 1, 50 and 500 connections.
pub async fn ingest() -> Result<()> {
    println!(
        "QoS 1, PUBLISH → PUBACK; greenhub: fsync before PUBACK, authentication and topic permissions on, pipeline"
    );
    println!(
        "behind; mosquitto: no durability, no authentication. Median of {ROUNDS} interleaved runs of {MEASURE:?}.\n"
    );
    println!("| connections × in flight | greenhub msgs/s | CPU µs/msg | mosquitto msgs/s | CPU µs/msg | ratio |");
    println!("|---|---|---|---|---|---|");
    for (connections, window) in [(1usize, 100usize), (50, 100), (500, 1)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let bench = Bench::start(connections).await?;
            let body = payload(now_ms());
            let run = load::flood_all(bench.hub.mqtt(), &bench.devices, topic_of, &body, window, WARM, MEASURE);
            ours.push(figure(bench.hub.pid(), run).await?);
            drop(bench);
            let peer = Peer::mosquitto_bare();
            let logins: Vec<Login> =
                (0..connections).map(|n| Login { id: format!("B-{n:04}"), password: None }).collect();
            let address = peer.address();
            let run = load::flood_all(&address, &logins, topic_of, &body, window, WARM, MEASURE);
            theirs.push(figure(peer.pid().context("mosquitto runs")?, run).await?);
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        println!(
            "| {connections} × {window} | {:.0} | {:.2} | {:.0} | {:.2} | {:.2} |",
            ours.rate,
            ours.cpu_us,
            theirs.rate,
            theirs.cpu_us,
            ours.rate / theirs.rate
        );
    }
    println!();
    Ok(())
}

async fn forwarded(address: &str, subscriber: &Login, logins: &[Login], filter: &str) -> Result<Rate> {
    let mut stream = load::connect(address, subscriber).await?;
    load::subscribe(&mut stream, filter).await?;
    let begin = Instant::now() + WARM;
    let end = begin + MEASURE;
    let counter = tokio::spawn(load::count_deliveries(stream, begin, end));
    let body = payload(now_ms());
    load::flood_all(address, logins, topic_of, &body, 100, WARM, MEASURE).await?;
    let messages = counter.await.context("the counting task failed")??;
    Ok(Rate { messages, seconds: MEASURE.as_secs_f64() })
}

/// QoS 1 publishers at full speed, one QoS 0 subscriber: what it receives.
pub async fn forward() -> Result<()> {
    println!(
        "Forwarding: QoS 1 publishers at full speed to one QoS 0 subscriber of everything; messages it receives.\n"
    );
    println!("| publishers | greenhub msgs/s | mosquitto msgs/s | ratio |");
    println!("|---|---|---|---|");
    for connections in [1usize, 50] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let bench = Bench::start(connections).await?;
            let program = bench.program();
            let run = forwarded(bench.hub.mqtt(), &program, &bench.devices, "greenhub/v1/#");
            ours.push(figure(bench.hub.pid(), run).await?);
            drop(bench);
            let peer = Peer::mosquitto_bare();
            let logins: Vec<Login> =
                (0..connections).map(|n| Login { id: format!("B-{n:04}"), password: None }).collect();
            let subscriber = Login { id: "subscriber".into(), password: None };
            let address = peer.address();
            let run = forwarded(&address, &subscriber, &logins, "greenhub/v1/#");
            theirs.push(figure(peer.pid().context("mosquitto runs")?, run).await?);
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        println!("| {connections} | {:.0} | {:.0} | {:.2} |", ours.rate, theirs.rate, ours.rate / theirs.rate);
    }
    println!();
    Ok(())
}
