//! Tables as Excel workbooks, of the same cells as [`crate::csv`]: numbers are numbers there and moments are dates, so
//! that a pivot table works at once.
//!
//! A text is written as a text and never run as a formula, whatever it begins with. A sheet is built in memory before it
//! is sent, so who writes one bounds its rows; Excel itself takes [`ROWS_MAX`], and what goes beyond is an error.

use crate::csv::Cell;
use crate::problem::Problem;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

/// Most rows of a sheet, as Excel has it.
pub const ROWS_MAX: u32 = 1_048_576;
/// Longest text of a cell in characters, as Excel has it.
const TEXT_CHARS_MAX: usize = 32_767;
const COLUMN_WIDTH: f64 = 16.0;
const COLUMNS_SIZED: u16 = 32;

/// A workbook of one sheet that grows by rows.
pub struct Xlsx {
    sheet: Worksheet,
    next: u32,
    utc_offset_min: i32,
    head: Format,
    moment: Format,
    failed: Option<XlsxError>,
}

impl Xlsx {
    /// An empty sheet whose times are this many minutes east of UTC. The name has 1 to 31 characters, none of
    /// `[ ] : * ? / \`.
    pub fn new(name: &str, utc_offset_min: i32) -> Self {
        let mut sheet = Worksheet::new();
        let failed = sheet.set_name(name).and_then(|sheet| {
            (0..COLUMNS_SIZED).try_for_each(|column| sheet.set_column_width(column, COLUMN_WIDTH).map(drop))
        });
        Self {
            sheet,
            next: 0,
            utc_offset_min,
            head: Format::new().set_bold().set_text_wrap(),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            failed: failed.err(),
        }
    }

    /// Adds a row.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        if self.next >= ROWS_MAX {
            self.failed.get_or_insert(XlsxError::RowColumnLimitError);
            return;
        }
        let row = self.next;
        self.next += 1;
        for (column, cell) in (0u16..).zip(cells) {
            if let Err(error) = self.write(row, column, cell) {
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Adds a row of headings.
    pub fn heads(&mut self, texts: &[&str]) {
        let row = self.next;
        self.row([]);
        for (column, text) in (0u16..).zip(texts) {
            if let Err(error) = self.sheet.write_string_with_format(row, column, cut(text), &self.head) {
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Adds an empty row.
    pub fn gap(&mut self) {
        self.row([]);
    }

    /// Keeps the rows so far in view when the sheet is scrolled.
    pub fn freeze(&mut self) {
        if let Err(error) = self.sheet.set_freeze_panes(self.next, 0) {
            self.failed.get_or_insert(error);
        }
    }

    fn write(&mut self, row: u32, column: u16, cell: Cell<'_>) -> Result<(), XlsxError> {
        let sheet = &mut self.sheet;
        match cell {
            Cell::Text(text) => sheet.write_string(row, column, cut(text)),
            Cell::Count(number) => sheet.write_number(row, column, number as f64),
            Cell::Number(number) if number.is_finite() => sheet.write_number(row, column, number),
            Cell::Time(at) => {
                let local = at.div_euclid(1000) + i64::from(self.utc_offset_min) * 60;
                match ExcelDateTime::from_timestamp(local) {
                    Ok(moment) => sheet.write_datetime_with_format(row, column, &moment, &self.moment),
                    // Excel knows no year before 1900 and none after 9999.
                    Err(_) => sheet.write_string(row, column, crate::csv::local_time(at, self.utc_offset_min)),
                }
            }
            Cell::Number(_) | Cell::Empty => return Ok(()),
        }
        .map(drop)
    }

    /// The bytes of the file.
    pub fn into_bytes(self) -> Result<Vec<u8>, XlsxError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut workbook = Workbook::new();
        workbook.push_worksheet(self.sheet);
        workbook.save_to_buffer()
    }

    /// The workbook as a file to save.
    pub fn into_response(self, name: &'static str) -> Result<Response, Problem> {
        let bytes = self.into_bytes().map_err(|error| Problem::unavailable("write a workbook", &error))?;
        let mut response = bytes.into_response();
        let headers = response.headers_mut();
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let disposition = format!("attachment; filename=\"{name}\"");
        let disposition = HeaderValue::from_str(&disposition).expect("file names of this program are plain ASCII");
        headers.insert(header::CONTENT_DISPOSITION, disposition);
        Ok(response)
    }
}

fn cut(text: &str) -> &str {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workbook_is_made_of_any_cells() {
        let mut xlsx = Xlsx::new("统计", 480);
        xlsx.heads(&["名称", "数量"]);
        xlsx.freeze();
        let long = "长".repeat(40_000);
        xlsx.row([
            Cell::Text("=1+1"),
            Cell::Text(&long),
            Cell::Count(3),
            Cell::Number(f64::NAN),
            Cell::Number(0.5),
            Cell::Time(1_763_899_200_000),
            Cell::Time(i64::MIN / 2),
            Cell::Empty,
        ]);
        xlsx.gap();
        let bytes = xlsx.into_bytes().expect("all cells can be written");
        assert_eq!(&bytes[..2], b"PK", "a workbook is a zip archive");
    }

    #[test]
    fn a_name_that_excel_refuses_is_an_error_not_a_panic() {
        let mut xlsx = Xlsx::new("a/b", 0);
        xlsx.row([Cell::Count(1)]);
        assert!(xlsx.into_bytes().is_err());
    }
}
