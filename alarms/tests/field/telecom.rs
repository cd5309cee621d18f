//! `alarms_telecom`: learned suggestions against the experts' edges of two networks, with the options as built in.

use super::{code, device, rows, scores, set};
use greenhub_alarms::correlate::learn::{LearnOptions, Occurrence, learn};
use std::collections::BTreeSet;
use std::path::Path;

fn history(path: &Path) -> Vec<Occurrence> {
    let number = |text: &String| text.parse::<i64>().expect("seconds");
    let one = |row: &Vec<String>| Occurrence {
        at: number(&row[2]) * 1000,
        device: device(&row[1]),
        code: code(&row[0]),
        end: Some(number(&row[3]) * 1000),
    };
    rows(path)[1..].iter().map(one).collect()
}

fn judge(folder: &str, file: &str, published: f64) {
    let Some(root) = set("alarms_telecom") else { return };
    let root = root.join(folder);
    let mut options = LearnOptions::default();
    if root.join("topology_edges.csv").exists() {
        for row in &rows(&root.join("topology_edges.csv"))[1..] {
            let (a, b) = (device(&row[0]), device(&row[1]));
            options.links.entry(a.clone()).or_default().insert(b.clone());
            options.links.entry(b).or_default().insert(a);
        }
    }
    let truth: BTreeSet<(String, String)> =
        rows(&root.join("causal_edges.csv"))[1..].iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let history = history(&root.join(file));
    let start = std::time::Instant::now();
    let suggestions = learn(&history, &options);
    let took = start.elapsed();
    let said: BTreeSet<(String, String)> =
        suggestions.iter().map(|s| (s.cause.to_string(), s.effect.to_string())).collect();
    let (p, r, f1) = scores(said.intersection(&truth).count(), said.len(), truth.len());
    println!(
        "{folder}: {} suggestions of {} edges, precision {p:.2} recall {r:.2} F1 {f1:.3} (published {published}), {} ms",
        said.len(),
        truth.len(),
        took.as_millis()
    );
    for suggestion in suggestions.iter().take(3) {
        println!("  {} → {}: {}", suggestion.cause, suggestion.effect, suggestion.text);
    }
    for (z_min, gap_s) in [(1.0, 120), (3.0, 120), (2.0, 60), (2.0, 300)] {
        let other = LearnOptions { z_min, gap_ms: gap_s * 1000, ..options.clone() };
        let found: BTreeSet<_> =
            learn(&history, &other).iter().map(|s| (s.cause.to_string(), s.effect.to_string())).collect();
        let (p, r, f1) = scores(found.intersection(&truth).count(), found.len(), truth.len());
        println!("  with z {z_min} and a gap of {gap_s} s: precision {p:.2} recall {r:.2} F1 {f1:.3}");
    }
    assert!(f1 > published, "F1 {f1:.3} is not above the published {published}");
}

#[test]
fn suggestions_of_the_wireless_network_beat_the_published_figure() {
    judge("18V_55N_Wireless", "alarms.csv", 0.58);
}

#[test]
fn suggestions_of_the_microwave_network_beat_the_published_figure() {
    judge("24V_439N_Microwave", "alarms.csv.gz", 0.37);
}
