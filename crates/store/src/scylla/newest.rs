//! Lists that come newest first from a partition per day or month: pings, transitions, deliveries.
//!
//! Rows lie by a time and are listed by a place in the log (or by time and id), which agree but for the seconds
//! around midnight, when a ping may count for a moment before it was received. So two neighbouring partitions
//! are merged at a time, and a page token holds a place in each.

use super::db::Db;
use super::lane::{Lane, fill_all};
use super::spans;
use super::statements::Statements;
use crate::cell::Cell;
use crate::page::{List, MAX_BYTES, clamp, foreign_token, keep};
use crate::{Page, StoreError};
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::transition::Transition;
use scylla::deserialize::row::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue::{self, BigInt, Blob, Int, SmallInt};
use std::collections::VecDeque;

/// Rows read at once from a partition; bodies make rows of 100 kB.
const PAGE_ROWS: usize = 64;

/// A row's place in its list; a later one is greater.
pub(super) trait Place: Copy + Ord + Send + Sync {
    const BYTES: usize;
    fn write(self, token: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// A kind of rows that is listed newest first.
pub(super) trait Listed: Cell {
    type Place: Place;
    type Raw: for<'f> DeserializeRow<'f, 'f> + Send;
    /// The letter of its page tokens, and the kind of its spans.
    const LETTER: u8;
    const SPAN: i8;
    fn statement(statements: &Statements) -> &PreparedStatement;
    /// The columns of the key up to `before`, which is not listed itself.
    fn key(id: i64, bucket: i32, before: Option<Self::Place>) -> Vec<CqlValue>;
    fn place(raw: &Self::Raw) -> Self::Place;
    fn cell(raw: Self::Raw) -> Option<Vec<u8>>;
}

impl Place for i64 {
    const BYTES: usize = 8;

    fn write(self, token: &mut Vec<u8>) {
        token.extend_from_slice(&self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Listed for HistoryRow {
    type Place = i64;
    type Raw = (i64, Option<Vec<u8>>);
    const LETTER: u8 = b'h';
    const SPAN: i8 = spans::HISTORY_DAY;

    fn statement(statements: &Statements) -> &PreparedStatement {
        &statements.history
    }

    fn key(id: i64, bucket: i32, before: Option<i64>) -> Vec<CqlValue> {
        vec![BigInt(id), Int(bucket), BigInt(before.unwrap_or(i64::MAX))]
    }

    fn place(raw: &Self::Raw) -> i64 {
        raw.0
    }

    fn cell(raw: Self::Raw) -> Option<Vec<u8>> {
        raw.1
    }
}

/// Ids of 16 bytes, as text in no encoding.
type Id = [u8; 16];

/// After every id: those have 16 bytes.
const PAST_ALL_IDS: [u8; 17] = [0xff; 17];

fn id_or_past_all(id: Option<Id>) -> CqlValue {
    Blob(id.map_or_else(|| PAST_ALL_IDS.to_vec(), |id| id.to_vec()))
}

/// An id as read; none has another length.
fn id_of(bytes: &[u8]) -> Id {
    bytes.try_into().unwrap_or_default()
}

impl Place for (i64, i16, Id) {
    const BYTES: usize = 26;

    fn write(self, token: &mut Vec<u8>) {
        token.extend_from_slice(&self.0.to_be_bytes());
        token.extend_from_slice(&self.1.to_be_bytes());
        token.extend_from_slice(&self.2);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (offset, rest) = bytes.split_first_chunk()?;
        let (nth, id) = rest.split_first_chunk()?;
        Some((i64::from_be_bytes(*offset), i16::from_be_bytes(*nth), id.try_into().ok()?))
    }
}

impl Listed for Transition {
    type Place = (i64, i16, Id);
    type Raw = (i64, i16, Vec<u8>, Option<Vec<u8>>);
    const LETTER: u8 = b't';
    const SPAN: i8 = spans::TRANSITION_MONTH;

    fn statement(statements: &Statements) -> &PreparedStatement {
        &statements.transitions
    }

    fn key(id: i64, bucket: i32, before: Option<Self::Place>) -> Vec<CqlValue> {
        let (offset, nth) = before.map_or((i64::MAX, i16::MAX), |(offset, nth, _)| (offset, nth));
        let before = id_or_past_all(before.map(|(_, _, id)| id));
        vec![BigInt(id), Int(bucket), BigInt(offset), SmallInt(nth), before]
    }

    fn place(raw: &Self::Raw) -> Self::Place {
        (raw.0, raw.1, id_of(&raw.2))
    }

    fn cell(raw: Self::Raw) -> Option<Vec<u8>> {
        raw.3
    }
}

impl Place for (i64, Id) {
    const BYTES: usize = 24;

    fn write(self, token: &mut Vec<u8>) {
        token.extend_from_slice(&self.0.to_be_bytes());
        token.extend_from_slice(&self.1);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (created, id) = bytes.split_first_chunk()?;
        Some((i64::from_be_bytes(*created), id.try_into().ok()?))
    }
}

impl Listed for Delivery {
    type Place = (i64, Id);
    type Raw = (i64, Vec<u8>, Option<Vec<u8>>);
    const LETTER: u8 = b'd';
    const SPAN: i8 = spans::DELIVERY_MONTH;

    fn statement(statements: &Statements) -> &PreparedStatement {
        &statements.channel_deliveries
    }

    fn key(id: i64, bucket: i32, before: Option<Self::Place>) -> Vec<CqlValue> {
        let created_ms = before.map_or(i64::MAX, |(created_ms, _)| created_ms);
        vec![BigInt(id), Int(bucket), BigInt(created_ms), id_or_past_all(before.map(|(_, id)| id))]
    }

    fn place(raw: &Self::Raw) -> Self::Place {
        (raw.0, id_of(&raw.1))
    }

    fn cell(raw: Self::Raw) -> Option<Vec<u8>> {
        raw.2
    }
}

/// Where a page begins: the newest partition that is not finished, and how far it and the one before were read.
struct Start<P> {
    bucket: i32,
    before: [Option<P>; 2],
}

impl<P: Place> Start<P> {
    fn of_token(key: &[u8]) -> Option<Self> {
        let (bucket, rest) = key.split_first_chunk()?;
        let (first, second) = rest.split_at_checked(1 + P::BYTES)?;
        let place = |bytes: &[u8]| match bytes.split_first()? {
            (0, place) if place.len() == P::BYTES => Some(None),
            (1, place) => P::read(place).map(Some),
            _ => None,
        };
        Some(Self { bucket: i32::from_be_bytes(*bucket), before: [place(first)?, place(second)?] })
    }

    fn key(&self) -> Vec<u8> {
        let mut key = self.bucket.to_be_bytes().to_vec();
        for place in self.before {
            key.push(place.is_some().into());
            let begin = key.len();
            if let Some(place) = place {
                place.write(&mut key);
            }
            key.resize(begin + P::BYTES, 0);
        }
        key
    }
}

/// A partition under way.
struct Bucket<T: Listed> {
    bucket: i32,
    /// The last row given.
    before: Option<T::Place>,
    lane: Lane<T::Raw>,
}

impl<T: Listed> Bucket<T> {
    fn head(&self) -> Option<T::Place> {
        self.lane.rows.front().map(T::place)
    }
}

/// A page of the rows of `id`, newest first.
pub(super) async fn newest_first<T: Listed>(
    db: &Db,
    id: u64,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<T>, StoreError> {
    let list = List::new(T::LETTER, id);
    let start = match after {
        Some(token) => Start::of_token(&list.key(token)?).ok_or_else(foreign_token)?,
        None => Start { bucket: i32::MAX, before: [None, None] },
    };
    let buckets = db.all::<(i32,)>(&db.statements.spans, (T::SPAN, id as i64, start.bucket)).await?;
    let buckets = buckets.into_iter().map(|(bucket,)| bucket).collect();
    let limit = clamp(limit);
    let walk = Walk::<T> { db, id: id as i64, limit, start, buckets, open: VecDeque::new() };
    let (rows, next) = walk.page().await?;
    Ok(Page { rows, next: next.map(|start| list.token(&start.key())) })
}

/// A list on its way back in time.
struct Walk<'d, T: Listed> {
    db: &'d Db,
    id: i64,
    limit: usize,
    start: Start<T::Place>,
    /// Partitions that are not open yet, newest first.
    buckets: VecDeque<i32>,
    /// The newest that is not finished and, if there is one, the partition right before it.
    open: VecDeque<Bucket<T>>,
}

impl<T: Listed> Walk<'_, T> {
    async fn page(mut self) -> Result<(Vec<T>, Option<Start<T::Place>>), StoreError> {
        let (mut rows, mut seen, mut bytes) = (Vec::new(), 0, 0);
        while self.advance().await? {
            if seen == self.limit || bytes >= MAX_BYTES {
                return Ok((rows, self.next_start()));
            }
            let Some(raw) = self.take_newest() else { continue };
            let Some(cell) = T::cell(raw) else { continue };
            (seen, bytes) = (seen + 1, bytes + cell.len());
            rows.extend(keep(T::TABLE, T::from_cell(&cell)));
        }
        Ok((rows, None))
    }

    /// Opens and fills what must be looked at for the next row; `false`: there is none.
    async fn advance(&mut self) -> Result<bool, StoreError> {
        loop {
            self.open_neighbours();
            fill_all(self.db, self.open.iter_mut().map(|bucket| &mut bucket.lane)).await?;
            match self.open.front() {
                None => return Ok(false),
                Some(newest) if newest.lane.rows.is_empty() => drop(self.open.pop_front()),
                Some(_) => return Ok(true),
            }
        }
    }

    fn open_neighbours(&mut self) {
        while self.open.len() < 2 {
            let Some(bucket) = self.buckets.front().copied() else { return };
            let is_neighbour = self.open.front().is_none_or(|newest| newest.bucket.checked_sub(1) == Some(bucket));
            if !is_neighbour {
                return;
            }
            self.buckets.pop_front();
            self.open.push_back(self.bucket(bucket));
        }
    }

    fn bucket(&self, bucket: i32) -> Bucket<T> {
        let [first, second] = self.start.before;
        let before = match self.start.bucket.checked_sub(bucket) {
            Some(0) => first,
            Some(1) => second,
            _ => None,
        };
        let statement = T::statement(&self.db.statements);
        let page_rows = (self.limit + 1).min(PAGE_ROWS) as i32;
        Bucket { bucket, before, lane: Lane::new(statement, T::key(self.id, bucket, before), page_rows) }
    }

    fn take_newest(&mut self) -> Option<T::Raw> {
        let newest =
            self.open.iter_mut().filter(|bucket| bucket.head().is_some()).max_by_key(|bucket| bucket.head())?;
        let raw = newest.lane.rows.pop_front()?;
        newest.before = Some(T::place(&raw));
        Some(raw)
    }

    fn next_start(&self) -> Option<Start<T::Place>> {
        let newest = self.open.front()?;
        let second = self.open.get(1).and_then(|bucket| bucket.before);
        Some(Start { bucket: newest.bucket, before: [newest.before, second] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<P: Place + std::fmt::Debug>(first: Option<P>, second: Option<P>) {
        let start = Start { bucket: -7, before: [first, second] };
        let again = Start::<P>::of_token(&start.key()).unwrap();
        assert_eq!((again.bucket, again.before), (-7, [first, second]));
        let key = start.key();
        assert!((0..key.len()).all(|length| Start::<P>::of_token(&key[..length]).is_none()));
        assert!(Start::<P>::of_token(&[key, vec![0]].concat()).is_none());
    }

    #[test]
    fn where_a_page_begins_comes_back_from_its_token() {
        round_trip(Some(5_i64), None);
        round_trip(None, Some(i64::MAX));
        round_trip(Some((5, 3, [9; 16])), Some((-1, 0, [0; 16])));
        round_trip(Some((5, [9; 16])), None);
    }
}
