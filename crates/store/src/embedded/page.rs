//! Fills pages from SQLite's rows; tokens are those of [`crate::page`].

use super::connection::broken;
use crate::cell::Cell;
pub(super) use crate::page::{List, MAX_BYTES, clamp, foreign_token, keep};
use crate::{Page, StoreError};
use rusqlite::{Row, Rows};
use wire::convert::DecodeError;

/// The only number of a key.
pub(super) fn number(key: &[u8]) -> Result<i64, StoreError> {
    key.try_into().map(i64::from_be_bytes).map_err(|_| foreign_token())
}

/// The two numbers of a key.
pub(super) fn two_numbers(key: &[u8]) -> Result<(i64, i64), StoreError> {
    let (first, second) = key.split_first_chunk::<8>().ok_or_else(foreign_token)?;
    Ok((i64::from_be_bytes(*first), number(second)?))
}

/// One row as read: its key, and its cell decoded if it can be.
pub(super) struct Item<T> {
    pub key: Vec<u8>,
    pub bytes: usize,
    pub row: Result<T, DecodeError>,
}

impl<T: Cell> Item<T> {
    /// An item of one cell, in column 0.
    pub(super) fn of_cell(row: &Row<'_>, key: Vec<u8>) -> rusqlite::Result<Self> {
        let cell = row.get_ref(0)?.as_blob()?;
        Ok(Self { key, bytes: cell.len(), row: T::from_cell(cell) })
    }
}

/// Fills a page from `rows`, which should give one more than `limit`. Damaged rows are left out, counted and
/// logged; a page may be short for that reason or for its bytes, and still have a next one.
pub(super) fn fill<T>(
    list: &List,
    table: &'static str,
    limit: usize,
    mut rows: Rows<'_>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Item<T>>,
) -> Result<Page<T>, StoreError> {
    let mut page = Page { rows: Vec::new(), next: None };
    let (mut seen, mut bytes, mut last) = (0, 0, Vec::new());
    while let Some(row) = rows.next().map_err(broken)? {
        if seen == limit || bytes >= MAX_BYTES {
            page.next = Some(list.token(&last));
            break;
        }
        let item = read(row).map_err(broken)?;
        (seen, bytes, last) = (seen + 1, bytes + item.bytes, item.key);
        page.rows.extend(keep(table, item.row));
    }
    Ok(page)
}
