//! Paging by cursor: a cursor names the last row shown, so rows that arrive meanwhile neither repeat nor hide one.

use super::error::StoreError;

/// Most rows of one page.
pub const LIMIT_MAX: u32 = 1000;

/// What a list call asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows wanted: 1 to [`LIMIT_MAX`]; 0 means 100.
    pub limit: u32,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// Cursor of the next page; none at the end.
    pub next: Option<String>,
}

/// A cursor that no page gave out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cursor {0:?} was given out by no page of this list")]
pub struct CursorError(pub String);

impl PageRequest {
    /// The first page with this many rows.
    pub fn first(limit: u32) -> Self {
        Self { limit, cursor: None }
    }

    /// Rows to fetch: one more than shown, to know whether there is a next page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.shown()) + 1
    }

    fn shown(&self) -> u32 {
        if self.limit == 0 { 100 } else { self.limit.min(LIMIT_MAX) }
    }

    /// The cursor taken apart: a number and, after `~`, an id.
    pub fn after(&self) -> Result<Option<(i64, String)>, CursorError> {
        let Some(text) = &self.cursor else {
            return Ok(None);
        };
        let wrong = || CursorError(text.chars().take(200).collect());
        let (number, id) = text.split_once('~').ok_or_else(wrong)?;
        Ok(Some((number.parse().map_err(|_| wrong())?, id.to_owned())))
    }

    /// Cuts fetched rows to a page; `place` names a row as [`PageRequest::after`] will read it.
    pub fn page<T>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> (i64, String)) -> Page<T> {
        let shown = self.shown() as usize;
        let more = rows.len() > shown;
        rows.truncate(shown);
        let next = rows.last().filter(|_| more).map(|row| {
            let (number, id) = place(row);
            format!("{number}~{id}")
        });
        Page { items: rows, next }
    }
}

impl From<CursorError> for StoreError {
    fn from(error: CursorError) -> Self {
        StoreError::Row { table: "cursor", why: error.to_string() }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_given_or_is_refused() {
        let request = PageRequest::first(2);
        let page = request.page(vec![3, 2, 1], |n| (*n, format!("id{n}")));
        assert_eq!((page.items.as_slice(), page.next.as_deref()), ([3, 2].as_slice(), Some("2~id2")));
        let next = PageRequest { limit: 2, cursor: page.next };
        assert_eq!(next.after(), Ok(Some((2, "id2".to_owned()))));
        assert_eq!(next.page(vec![1], |n| (*n, String::new())).next, None);
        for bad in ["", "x", "x~y", "1"] {
            assert!(PageRequest { limit: 1, cursor: Some(bad.into()) }.after().is_err(), "{bad}");
        }
        assert_eq!(PageRequest::first(9_999).fetch(), 1001);
    }
}
