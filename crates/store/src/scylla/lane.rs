//! Rows of one partition, read page by page as they are needed. Lists that lie in several partitions are merged
//! from one lane each.

use super::db::Db;
use crate::StoreError;
use futures::future::try_join_all;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::PagingState;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use std::collections::VecDeque;

/// The rest of a partition.
pub(super) struct Lane<R> {
    statement: PreparedStatement,
    values: Vec<CqlValue>,
    /// `None`: there are no more pages.
    next: Option<PagingState>,
    pub rows: VecDeque<R>,
}

impl<R> Lane<R>
where
    R: for<'f> DeserializeRow<'f, 'f>,
{
    /// A lane that reads `page_rows` at a time.
    pub(super) fn new(statement: &PreparedStatement, values: Vec<CqlValue>, page_rows: i32) -> Self {
        let mut statement = statement.clone();
        statement.set_page_size(page_rows.max(1));
        Self { statement, values, next: Some(PagingState::start()), rows: VecDeque::new() }
    }

    /// Reads until there is a row, or nothing more.
    pub(super) async fn fill(&mut self, db: &Db) -> Result<(), StoreError> {
        while self.rows.is_empty()
            && let Some(from) = self.next.take()
        {
            // The place is put back if this fails: a lane that lost it would look finished.
            match db.page::<R>(&self.statement, &self.values, from.clone()).await {
                Ok((rows, next)) => (self.rows, self.next) = (rows.into(), next),
                Err(error) => {
                    self.next = Some(from);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Fills all lanes at once.
pub(super) async fn fill_all<'l, R>(db: &Db, lanes: impl Iterator<Item = &'l mut Lane<R>>) -> Result<(), StoreError>
where
    R: for<'f> DeserializeRow<'f, 'f> + 'l,
{
    try_join_all(lanes.filter(|lane| lane.rows.is_empty()).map(|lane| lane.fill(db))).await.map(drop)
}

/// The lane whose first row has the least key.
pub(super) fn least<R, K: Ord>(lanes: &mut [Lane<R>], key: impl Fn(&R) -> K) -> Option<&mut Lane<R>> {
    let heads = lanes.iter_mut().filter_map(|lane| lane.rows.front().map(&key).map(|key| (key, lane)));
    heads.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, lane)| lane)
}
