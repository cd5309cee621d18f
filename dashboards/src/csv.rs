//! Tables for spreadsheets: UTF-8 with a byte order mark (else Excel reads Chinese as GBK), CRLF, quotes where needed.
//!
//! A text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an
//! apostrophe before it: device names and remarks come from outside. Numbers are written by [`Csv::row`]'s own type and
//! need none.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// One cell.
pub enum Cell<'a> {
    /// A text from anywhere.
    Text(&'a str),
    /// A whole number.
    Count(u64),
    /// A figure, written with at most four decimals where the table does not say otherwise.
    Number(f64),
    /// A moment, Unix ms, written as local time.
    Time(i64),
    /// Nothing.
    Empty,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(text)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Cell::Text(text)
    }
}

/// A table that grows by rows.
pub struct Csv {
    text: String,
    utc_offset_min: i32,
    decimals: usize,
}

impl Csv {
    /// An empty table whose times are this many minutes east of UTC.
    pub fn new(utc_offset_min: i32) -> Self {
        Self { text: "\u{feff}".to_owned(), utc_offset_min, decimals: 4 }
    }

    /// The same with this many decimals at most, for example for degrees.
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.decimals = decimals;
        self
    }

    /// What has grown since it was taken last, to be sent before the rest.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Adds a row.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        for (column, cell) in cells.into_iter().enumerate() {
            if column > 0 {
                self.text.push(',');
            }
            match cell {
                Cell::Text(text) => self.quoted(text),
                Cell::Count(number) => self.text.push_str(&number.to_string()),
                Cell::Number(number) => self.text.push_str(&short(number, self.decimals)),
                Cell::Time(at) => self.text.push_str(&local_time(at, self.utc_offset_min)),
                Cell::Empty => {}
            }
        }
        self.text.push_str("\r\n");
    }

    /// Adds a row of texts.
    pub fn heads(&mut self, texts: &[&str]) {
        self.row(texts.iter().map(|text| Cell::Text(text)));
    }

    /// Adds an empty row.
    pub fn gap(&mut self) {
        self.text.push_str("\r\n");
    }

    fn quoted(&mut self, text: &str) {
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        if text.contains(['"', ',', '\n', '\r']) || !guard.is_empty() {
            self.text.push('"');
            self.text.push_str(guard);
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(text);
        }
    }

    /// The table as a file to save.
    pub fn into_response(self, name: &'static str) -> Response {
        let mut response = self.text.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        let disposition = format!("attachment; filename=\"{name}\"");
        let disposition = HeaderValue::from_str(&disposition).expect("file names of this program are plain ASCII");
        headers.insert(header::CONTENT_DISPOSITION, disposition);
        response
    }
}

fn short(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// `2026-11-24 08:00:00` at this many minutes east of UTC.
pub fn local_time(at: i64, utc_offset_min: i32) -> String {
    let seconds = at.div_euclid(1000) + i64::from(utc_offset_min) * 60;
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Date of a day counted from 1970-01-01 (Gregorian; years begin in March within the count, so leap days come last).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut csv = Csv::new(480);
        csv.row([
            Cell::Text("过温, 三号桩"),
            Cell::Text("he said \"no\""),
            Cell::Text("=HYPERLINK(\"http://x\")"),
            Cell::Text("-1+1"),
            Cell::Text("\t=1"),
            Cell::Number(-0.5),
            Cell::Number(1.319_444),
            Cell::Count(41),
            Cell::Empty,
            Cell::Time(1_763_899_200_000),
        ]);
        let expected = "\u{feff}\"过温, 三号桩\",\"he said \"\"no\"\"\",\"'=HYPERLINK(\"\"http://x\"\")\",\"'-1+1\",\
                        \"'\t=1\",-0.5,1.3194,41,,2025-11-23 20:00:00\r\n";
        assert_eq!(csv.text, expected);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (at, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_199_999, "2024-02-29 23:59:59"),
            (1_709_251_200_000, "2024-03-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(local_time(at, 0), expected, "{at}");
        }
    }
}
