//! Reading a list to its end, page by page.

use crate::{Page, StoreError};

/// More pages than any rule's list has: a list that never ends fails instead of hanging.
const MAX_PAGES: usize = 10_000;

/// All rows of a list. No page is longer than asked, and no token comes twice.
pub(super) async fn read_all<T>(
    limit: u32,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Page<T>, StoreError>,
) -> Vec<T> {
    let (mut rows, mut tokens) = (Vec::new(), Vec::new());
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let read = page(after.clone()).await.unwrap();
        assert!(read.rows.len() <= limit as usize, "a page of {} rows, asked were {limit}", read.rows.len());
        rows.extend(read.rows);
        let Some(next) = read.next else { return rows };
        assert!(!tokens.contains(&next), "the page after `{next}` leads to itself");
        tokens.push(next.clone());
        after = Some(next);
    }
    panic!("a list without an end");
}
