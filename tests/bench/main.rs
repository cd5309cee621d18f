//! `make bench`: figures of the whole hub beside real peers in the same run. Prints a Markdown table.
//!
//! Each figure is a ratio against a peer, or a number for orientation: machines are shared and noisy. The load generator
//! runs on the same machine, on one thread. `greenhub-bench ingest|forward|puback|pipeline|latency|alarms|viewers|phones` runs one part.

mod alarms;
mod ingest;
mod latency;
mod live;
mod load;
mod process;
mod serve;

use anyhow::Result;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|w| w == part);
    println!("machine: {}\n", process::machine());
    if wants("ingest") {
        ingest::ingest().await?;
    }
    if wants("forward") {
        ingest::forward().await?;
    }
    if wants("puback") {
        latency::puback().await?;
    }
    if wants("pipeline") {
        live::pipeline().await?;
    }
    if wants("latency") {
        latency::latency().await?;
        latency::half_load().await?;
    }
    if wants("alarms") {
        alarms::alarms().await?;
    }
    if wants("viewers") {
        live::viewers().await?;
    }
    if wants("phones") {
        live::phones().await?;
    }
    Ok(())
}
