//! Measures the history: bytes a row, rows a second in, and a day's track out. One JSON line on stdout.
//!
//! `cargo run --release -p greenhub-storage --example history_bench -- [units] [hours]` (20 units, 24 hours, 1 Hz).
//! The data are seeded walks along streets with receiver noise, speed in 0.1 km/h, heading in whole degrees, and one
//! sensor of two points at a tenth of the rate. What is measured is the file after a flush, all pages counted.

use greenhub_model::ledger::Counts;
use greenhub_model::output::{Sample, TrackPoint};
use greenhub_model::{BatchOutput, Channel, DeviceId, Output, PointName, Position, Quality, ReceivedTime};
use greenhub_storage::history::{History, HistoryConfig, Pressure};
use std::time::Instant;

const START: i64 = 1_763_899_200_000;
const BATCH_SECONDS: i64 = 1;

/// A small seeded generator (xorshift64*), so that two runs measure the same bytes.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

struct Walker {
    id: DeviceId,
    lon: f64,
    lat: f64,
    heading: f64,
    speed_ms: f64,
    error: [f64; 2],
}

impl Walker {
    fn step(&mut self, noise: &mut Noise) -> TrackPoint {
        if noise.unit() < 0.01 {
            self.heading = (self.heading + 90.0 * (1.0 + (noise.unit() * 3.0).floor())) % 360.0;
            self.speed_ms = if noise.unit() < 0.3 { 0.0 } else { 1.0 + noise.unit() };
        }
        let metre = 1.0 / 111_195.0;
        self.lat += self.speed_ms * self.heading.to_radians().cos() * metre;
        self.lon += self.speed_ms * self.heading.to_radians().sin() * metre / 0.855;
        for error in &mut self.error {
            // A receiver's error wanders: correlated from second to second, a few metres in all.
            *error = *error * 0.98 + noise.normal() * 0.15;
        }
        let speed = (self.speed_ms * 3.6 + noise.normal() * 0.2).max(0.0);
        TrackPoint {
            unit: self.id.clone(),
            time: 0,
            lon: ((self.lon + self.error[0] * metre) * 1e7).round() / 1e7,
            lat: ((self.lat + self.error[1] * metre) * 1e7).round() / 1e7,
            speed_kmh: Some(((speed * 10.0).round() / 10.0) as f32),
            heading_deg: Some(((self.heading + noise.normal() * 4.0).rem_euclid(360.0).round()) as f32),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let units: usize = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let hours: i64 = arguments.next().map_or(Ok(24), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(units, hours))
}

async fn measure(units: usize, hours: i64) -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("greenhub-history-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("history.db");
    let (history, mut writer) = History::open(&path, HistoryConfig::default()).await?;
    let mut noise = Noise(7);
    let mut walkers: Vec<Walker> = (0..units)
        .map(|n| Walker {
            id: DeviceId::new(&format!("P-{n:03}")).expect("an id of letters and digits"),
            lon: 121.45,
            lat: 31.25,
            heading: 90.0,
            speed_ms: 1.4,
            error: [0.0; 2],
        })
        .collect();
    let points = [PointName::new("h2s")?, PointName::new("temperature")?];
    let (mut rows, mut inside) = (0u64, std::time::Duration::ZERO);
    for second in 0..hours * 3600 {
        let time = START + second * 1000;
        let mut items: Vec<Output> =
            walkers.iter_mut().map(|w| Output::Track(TrackPoint { time, ..w.step(&mut noise) })).collect();
        if second % 10 == 0 {
            for walker in &walkers {
                let h2s = (0.04 + noise.normal() * 0.004).max(0.0);
                let temperature = 851.2 + noise.normal();
                let values = vec![
                    (points[0].clone(), (h2s * 1000.0).round() / 1000.0),
                    (points[1].clone(), (temperature * 10.0).round() / 10.0),
                ];
                let device = walker.id.clone();
                items.push(Output::Sample(Sample { device, time, values, quality: Quality::Good }));
            }
            rows += units as u64;
        }
        rows += items.len() as u64;
        let batch = BatchOutput {
            batch: (second / BATCH_SECONDS) as u64 + 1,
            received: ReceivedTime::from_millis(time),
            end: Position(rows),
            items,
            counts: [Counts::default(); Channel::ALL.len()],
        };
        let begin = Instant::now();
        if writer.push(&batch)? == Pressure::FlushNow || second % 600 == 599 {
            writer.flush().await?;
        }
        inside += begin.elapsed();
    }
    let begin = Instant::now();
    writer.flush().await?;
    inside += begin.elapsed();

    let unit = DeviceId::new("P-000")?;
    let to = START + hours * 3_600_000;
    let mut best = [f64::INFINITY; 2];
    let mut answered = [0; 2];
    for _try in 0..5 {
        for (n, max_points) in [usize::MAX, 2_000].into_iter().enumerate() {
            let begin = Instant::now();
            let track = history.track(&unit, to - 86_400_000, to, max_points).await?;
            best[n] = best[n].min(begin.elapsed().as_secs_f64() * 1000.0);
            answered[n] = track.points.len();
        }
    }
    writer.close().await?;
    let bytes = std::fs::metadata(&path)?.len();
    std::fs::remove_dir_all(&dir)?;
    println!(
        "{{\"bench\":\"history\",\"units\":{units},\"hours\":{hours},\"rows\":{rows},\"bytes_per_row\":{:.2},\
         \"rows_per_s\":{:.0},\"track_24h_rows\":{},\"track_24h_ms\":{:.1},\"track_24h_thinned_rows\":{},\
         \"track_24h_thinned_ms\":{:.1}}}",
        bytes as f64 / rows as f64,
        rows as f64 / inside.as_secs_f64(),
        answered[0],
        best[0],
        answered[1],
        best[1],
    );
    Ok(())
}
