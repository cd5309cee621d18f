//! Process faults. Conditions with limits learnt from a normal run, judged by the alarm core as they would be
//! in a hub: how long after the fault the first alarm comes, and how often one comes without a fault.
//!
//! `tep` (simulated plant, 52 values every 3 minutes): limits from the first day of the normal run; false alarms counted in
//! its second day and in the 8 hours before each fault. `skab` (a pump on a bench, 8 values a second): limits from the first
//! 400 samples of each experiment, as its authors do; false alarms counted from there to the labelled fault.
//!
//! Every value has one watch: deviation from the learnt mean by more than k sigma, half a sigma of deadband, and delays.

use crate::set;
use greenhub_alarms::watch::{self, Moment, Voice, WatchMemory, Watcher};
use greenhub_model::{Quality, ReceivedTime};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A recording: seconds from its beginning, the values of each moment, whether the fault was there.
struct Recording {
    name: String,
    channels: Vec<String>,
    times: Vec<i64>,
    rows: Vec<Vec<f64>>,
    fault: Vec<bool>,
}

/// How the conditions are set.
#[derive(Clone, Copy)]
struct Setting {
    sigmas: f64,
    on_delay_s: i64,
    off_delay_s: i64,
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    all.sort();
    all
}

fn table(path: &Path, separator: char) -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(path).expect("UTF-8");
    let cells = |line: &str| line.split(separator).map(str::to_owned).collect::<Vec<String>>();
    let mut lines = text.lines();
    let header = cells(lines.next().expect("a header"));
    (header, lines.map(cells).collect())
}

fn number(cell: &str) -> f64 {
    cell.parse().expect("a number")
}

/// Seconds of `2020-03-09 10:14:33`, counted from the first of the month: no run lasts longer.
fn seconds(text: &str) -> i64 {
    let part = |from: usize| text.get(from..from + 2).and_then(|two| two.parse::<i64>().ok()).expect("digits");
    ((part(8) * 24 + part(11)) * 60 + part(14)) * 60 + part(17)
}

fn tep(path: &Path) -> Recording {
    let (header, rows) = table(path, ',');
    Recording {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        channels: header[2..].to_vec(),
        times: rows.iter().map(|row| row[0].parse::<i64>().expect("minutes") * 60).collect(),
        fault: rows.iter().map(|row| row[1] != "0").collect(),
        rows: rows.iter().map(|row| row[2..].iter().map(|cell| number(cell)).collect()).collect(),
    }
}

fn skab(path: &Path) -> Recording {
    let (header, rows) = table(path, ';');
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
    let began = seconds(&rows[0][0]);
    Recording {
        name: format!("{folder}/{}", path.file_stem().expect("a name").to_string_lossy()),
        channels: header[1..9].iter().map(|name| name.replace(' ', "_")).collect(),
        times: rows.iter().map(|row| seconds(&row[0]) - began).collect(),
        fault: rows.iter().map(|row| number(&row[9]) > 0.5).collect(),
        rows: rows.iter().map(|row| row[1..9].iter().map(|cell| number(cell)).collect()).collect(),
    }
}

/// One watch per channel, with limits learnt from `rows`.
fn learn(channels: &[String], rows: &[Vec<f64>], setting: Setting) -> Vec<Watcher> {
    let watcher = |(column, name): (usize, &String)| {
        let count = rows.len() as f64;
        let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
        let sigma = (rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-6);
        let rule = json!({ "id": name, "class": "plant", "code": "DEVIATION",
            "on_delay_ms": setting.on_delay_s * 1000, "off_delay_ms": setting.off_delay_s * 1000,
            "when": { "deviation": { "point": name, "from": mean, "band": setting.sigmas * sigma,
                "deadband": 0.5 * sigma } } });
        Watcher::new(serde_json::from_value(rule).expect("a watch"))
    };
    channels.iter().enumerate().map(watcher).collect()
}

/// Raises as (second, channel), and whether any condition was on after each row from `from` on.
fn judge(watchers: &[Watcher], recording: &Recording, from: usize) -> (Vec<(i64, String)>, Vec<bool>) {
    let mut memories = vec![WatchMemory::default(); watchers.len()];
    let (mut raises, mut on, mut edges) = (vec![], vec![], vec![]);
    for (second, row) in recording.times.iter().zip(&recording.rows).skip(from) {
        let at = Moment { time: second * 1000, received: second * 1_000_000 };
        for ((watcher, memory), value) in watchers.iter().zip(&mut memories).zip(row) {
            let voice = Voice { heard: at.received, listening: 0 };
            watch::advance(watcher, memory, ReceivedTime(at.received), voice, &mut edges);
            watch::hear(watcher, memory, 0, at, *value, Quality::Good, false).expect("the rows are in order");
            watch::judge(watcher, memory, at, &mut edges);
            let raised = edges.drain(..).filter(|edge| edge.active);
            raises.extend(raised.map(|edge| (edge.at / 1000, watcher.rule().id.clone())));
        }
        on.push(memories.iter().any(WatchMemory::is_on));
    }
    raises.sort();
    (raises, on)
}

fn median(delays: &mut [i64]) -> i64 {
    delays.sort_unstable();
    delays.get(delays.len() / 2).copied().unwrap_or_default()
}

#[test]
fn faults_of_a_chemical_plant_are_called_early_and_calm_days_are_calm() {
    let Some(root) = set("tep") else { return };
    let recordings: Vec<Recording> = files(&root).iter().map(|path| tep(path)).collect();
    let (normal, faults) = recordings.split_first().expect("a normal run");
    let half = normal.rows.len() / 2;
    println!("tep: limits learnt from 24 h of normal running, {} values", normal.channels.len());
    for (sigmas, minutes) in [(3.0, 6), (4.0, 6), (5.0, 6)] {
        let setting = Setting { sigmas, on_delay_s: minutes * 60, off_delay_s: 9 * 60 };
        let watchers = learn(&normal.channels, &normal.rows[..half], setting);
        let (calm, _) = judge(&watchers, normal, half);
        let (mut false_alarms, mut calm_hours) = (calm.len(), 24.0);
        let (mut delays, mut missed) = (vec![], 0);
        println!("  mean ± {sigmas} sigma for {minutes} min: {} alarms on the second day", calm.len());
        for recording in faults {
            let onset = recording.fault.iter().position(|fault| *fault).expect("a fault");
            let onset_s = recording.times[onset];
            let (raises, _) = judge(&watchers, recording, 0);
            let early = raises.iter().filter(|(second, _)| *second < onset_s).count();
            (false_alarms, calm_hours) = (false_alarms + early, calm_hours + onset_s as f64 / 3600.0);
            match raises.iter().find(|(second, _)| *second >= onset_s) {
                Some((second, channel)) => {
                    let minutes = (second - onset_s) / 60;
                    println!("    {}: {minutes:>3} min after the fault by {channel}, {early} before", recording.name);
                    delays.push(minutes);
                }
                None => missed += 1,
            }
        }
        let rate = false_alarms as f64 / calm_hours;
        println!(
            "    found {} of {}, median delay {} min, false alarms {rate:.3} per hour over {calm_hours:.0} h",
            delays.len(),
            faults.len(),
            median(&mut delays)
        );
        if sigmas == 4.0 {
            assert_eq!(missed, 0, "each of these faults moves some value by more than four sigma");
            assert!(rate < 0.1, "{rate} false alarms per hour");
        }
    }
}

#[test]
fn faults_of_a_pump_are_called_within_a_minute_or_so() {
    let Some(root) = set("skab") else { return };
    let folders = ["other", "valve1", "valve2"];
    let recordings: Vec<Recording> =
        folders.iter().flat_map(|folder| files(&root.join(folder))).map(|path| skab(&path)).collect();
    const LEARNT: usize = 400;
    println!("skab: {} experiments, limits learnt from the first {LEARNT} samples of each", recordings.len());
    for (sigmas, on_delay_s, off_delay_s) in [(3.0, 5, 5), (4.0, 5, 20), (5.0, 5, 20)] {
        let setting = Setting { sigmas, on_delay_s, off_delay_s };
        let (mut hit, mut wrong, mut overlooked) = (0u32, 0u32, 0u32);
        let (mut delays, mut false_alarms, mut calm_s) = (vec![], 0, 0);
        for recording in &recordings {
            let watchers = learn(&recording.channels, &recording.rows[..LEARNT], setting);
            let (raises, on) = judge(&watchers, recording, LEARNT);
            for (on, fault) in on.iter().zip(&recording.fault[LEARNT..]) {
                match (on, fault) {
                    (true, true) => hit += 1,
                    (true, false) => wrong += 1,
                    (false, true) => overlooked += 1,
                    (false, false) => {}
                }
            }
            let onset = recording.fault.iter().position(|fault| *fault).expect("a fault");
            let onset_s = recording.times[onset];
            calm_s += onset_s - recording.times[LEARNT.min(onset)];
            false_alarms += raises.iter().filter(|(second, _)| *second < onset_s).count();
            // A condition that was already on says nothing new; the first moment with the fault on counts.
            let found = (onset.max(LEARNT)..recording.rows.len()).find(|row| on[row - LEARNT] && recording.fault[*row]);
            delays.extend(found.map(|row| recording.times[row] - onset_s));
        }
        let f1 = 2.0 * f64::from(hit) / f64::from(2 * hit + wrong + overlooked);
        let found = delays.len();
        println!(
            "  mean ± {sigmas} sigma, on-delay {on_delay_s} s, off-delay {off_delay_s} s: found {found} of {}, median \
             delay {} s, false alarms {:.1} per hour over {:.2} h, F1 {f1:.3}",
            recordings.len(),
            median(&mut delays),
            f64::from(false_alarms as u32) / (calm_s as f64 / 3600.0),
            calm_s as f64 / 3600.0
        );
        if sigmas == 4.0 {
            assert!(found * 10 >= recordings.len() * 9, "{found} of {}", recordings.len());
            assert!(f1 > 0.7, "F1 {f1}");
        }
    }
}
