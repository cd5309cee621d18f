//! The set as forms: one request a row, its type as a local code.

use greenhub_model::Priority;
use greenhub_model::order::{CaseCategory, CaseForm, CaseKind, External, OrderSource, Place};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One request.
pub struct Ticket {
    pub id: String,
    pub opened: i64,
    pub target: Option<i64>,
    pub closed: Option<i64>,
    /// The set's own word.
    pub overdue: bool,
    pub duplicate: bool,
    pub duplicate_of: Option<String>,
    pub title: String,
    pub kind: String,
    /// The type as a code of its own.
    pub code: String,
    pub department: String,
    neighbourhood: String,
    lon: Option<f64>,
    lat: Option<f64>,
}

impl Ticket {
    /// The form that a clerk would fill in.
    pub fn form(&self) -> CaseForm {
        let title: String = if self.title.is_empty() { &self.kind } else { &self.title }.chars().take(100).collect();
        CaseForm {
            source: OrderSource::Hotline,
            external: Some(External { system: "311".into(), number: self.id.clone(), deadline: self.target }),
            title,
            text: String::new(),
            kind: Some(CaseKind { scheme: "local".into(), category: CaseCategory::Matter, code: self.code.clone() }),
            priority: Priority::P3,
            place: Place {
                lon: self.lon,
                lat: self.lat,
                sub_district: self.neighbourhood.chars().take(50).collect(),
                ..Place::default()
            },
            reporter: None,
            seen_at: None,
            device: None,
            attachments: vec![],
        }
    }
}

/// All requests in the order they were opened; none where the set is absent.
pub fn read() -> Option<Vec<Ticket>> {
    let named = std::env::var_os("GREENHUB_TEST_FIELD_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let file = named.unwrap_or(beside).join("tickets_boston311/tickets.csv.gz");
    if !file.is_file() {
        return None;
    }
    let output = Command::new("gzip").arg("-dc").arg(&file).output().expect("run gzip");
    assert!(output.status.success(), "gzip could not read {}", file.display());
    let text = String::from_utf8(output.stdout).expect("the set is UTF-8");
    let mut rows = rows(&text).into_iter();
    let head = rows.next().expect("a head");
    let column = |name: &str| head.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
    let names = ["case_enquiry_id", "open_dt", "target_dt", "closed_dt", "ontime", "flagged_duplicate", "duplicate_of"];
    let [id, opened, target, closed, ontime, flagged, of] = names.map(column);
    let names = ["case_title", "type", "department", "neighborhood", "latitude", "longitude"];
    let [title, kind, department, neighbourhood, lat, lon] = names.map(column);
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    let mut tickets: Vec<Ticket> = Vec::new();
    for row in rows {
        let next = format!("T{:03}", codes.len());
        let code = codes.entry(row[kind].clone()).or_insert(next).clone();
        let opened = moment(&row[opened]).expect("every request was opened");
        tickets.push(Ticket {
            id: row[id].clone(),
            opened,
            target: moment(&row[target]),
            // A few were closed before they were opened, by the clock of another machine.
            closed: moment(&row[closed]).map(|closed| closed.max(opened)),
            overdue: row[ontime] == "OVERDUE",
            duplicate: row[flagged] == "1",
            duplicate_of: Some(row[of].clone()).filter(|of| !of.is_empty()),
            title: row[title].trim().to_owned(),
            kind: row[kind].clone(),
            code,
            department: row[department].clone(),
            neighbourhood: row[neighbourhood].trim().to_owned(),
            lon: row[lon].parse().ok(),
            lat: row[lat].parse().ok(),
        });
    }
    tickets.sort_by(|a, b| a.opened.cmp(&b.opened).then_with(|| a.id.cmp(&b.id)));
    Some(tickets)
}

/// New York in summer time; the set ends before the clocks go back.
fn moment(text: &str) -> Option<i64> {
    let there: jiff::civil::DateTime = text.parse().ok()?;
    let moment = there.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-4))).ok()?;
    Some(moment.timestamp().as_millisecond())
}

/// RFC 4180 rows.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            letter => cell.push(letter),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}
