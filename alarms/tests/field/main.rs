//! `make field`: real alarm logs through the alarm cores. The sets lie outside this repository (`../shared/data`, or
//! `GREENHUB_TEST_FIELD_DATA`); where one is absent its test says so and passes.
//!
//! Each test prints its figures, and holds a floor below which they may not fall.

mod boston;
mod cern;
mod process;
mod telecom;

use greenhub_alarms::Condition;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceId, Position, ReceivedTime};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a set, where it is present.
fn set(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("GREENHUB_TEST_FIELD_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let found = named.or(Some(beside)).map(|root| root.join(name)).filter(|path| path.is_dir());
    if found.is_none() {
        println!("{name}: not present, skipped");
    }
    found
}

/// Rows of a CSV file without quotes, as cells, header first.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let bytes = if path.extension().is_some_and(|e| e == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().expect("run gzip");
        assert!(output.status.success(), "gzip could not read {}", path.display());
        output.stdout
    } else {
        std::fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    };
    let text = String::from_utf8(bytes).expect("the sets are UTF-8");
    text.lines().map(cells).collect()
}

/// The cells of one line; a cell in quotes may hold commas.
fn cells(line: &str) -> Vec<String> {
    let (mut found, mut cell, mut quoted) = (vec![], String::new(), false);
    for sign in line.chars() {
        match sign {
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    found.push(cell);
    found
}

/// Milliseconds of a local date and time as the sets write it, with or without fractions; days since 1970 by the civil
/// calendar.
fn millis(text: &str) -> i64 {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i64>().ok());
    let field = |from, to| number(from, to).unwrap_or_else(|| panic!("{text} is no date and time"));
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let seconds = days * 86_400 + field(11, 13) * 3600 + field(14, 16) * 60 + field(17, 19);
    seconds * 1000 + number(20, 23).unwrap_or(0)
}

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).expect("grammar")
}

fn code(text: &str) -> AlarmCode {
    AlarmCode::new(text).expect("grammar")
}

/// A condition received the moment it was stated.
fn condition(class: Class, id: &str, text: &str, active: bool, at: i64, position: u64) -> Condition {
    Condition {
        device: device(id),
        class,
        kind: String::new(),
        device_name: String::new(),
        sub_district: String::new(),
        lon: None,
        lat: None,
        sub_component: None,
        code: code(text),
        active,
        severity: None,
        value: None,
        limit: None,
        unit: Unit::default(),
        text: String::new(),
        at,
        received: ReceivedTime::from_millis(at),
        position: Position(position),
        late: false,
        by: id.to_owned(),
    }
}

/// Precision, recall and their harmonic mean.
fn scores(hits: usize, said: usize, truth: usize) -> (f64, f64, f64) {
    let (p, r) = (hits as f64 / said.max(1) as f64, hits as f64 / truth.max(1) as f64);
    (p, r, if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 })
}

#[test]
fn dates_are_read() {
    assert_eq!(millis("1970-01-01T00:00:00"), 0);
    assert_eq!(millis("2014-03-01T14:21:59.577"), 1_393_683_719_577);
    assert_eq!(cells("a,\"b,c\",d"), ["a", "b,c", "d"]);
}
