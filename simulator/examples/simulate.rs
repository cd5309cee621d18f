//! A simulated district against any broker, without the hub's binary:
//! `cargo run -p greenhub-simulator --example simulate -- mqtt://127.0.0.1:1883 [SECONDS] [DEVICES]`.

use greenhub_simulator::{SimulateOptions, Size, run};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), greenhub_simulator::SimulateError> {
    let mut arguments = std::env::args().skip(1);
    let mut options = SimulateOptions::default();
    if let Some(url) = arguments.next() {
        options.mqtt = url;
    }
    let seconds = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(u64::MAX / 2000);
    if let Some(devices) = arguments.next().and_then(|s| s.parse().ok()) {
        options.size = Size::of_devices(devices);
    }
    let report = run(options, tokio::time::sleep(Duration::from_secs(seconds))).await?;
    eprintln!("{report:?}");
    Ok(())
}
