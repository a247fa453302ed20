//! Reads one shard in order: from memory where it reaches, else from the file in chunks of rows.

use super::Shared;
use super::frame::{Cursor, Frame, FrameError};
use super::tail::{Head, Tail};
use crate::{RawRecord, ReadError, ShardReader, metric};
use async_trait::async_trait;
use bytes::Bytes;
use domain::ids::ShardId;
use domain::time::UnixMs;
use rusqlite::{Connection, Row, params};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// A chunk ends with the row that reaches this many bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// From the row that holds ?2 on; rows of a shard have no holes between them.
const ROWS: &str = "SELECT first_offset, count, append_ms, bytes FROM batch
    WHERE shard = ?1 AND first_offset >= (SELECT max(first_offset) FROM batch WHERE shard = ?1 AND first_offset <= ?2)
    ORDER BY first_offset";

pub(super) struct EmbeddedReader {
    shared: Arc<Shared>,
    shard: ShardId,
    /// The offset to give next. Moves only as records are handed out, never across an await.
    next: u64,
    head: watch::Receiver<Head>,
    /// Rows fetched and not yet handed out; the first holds `next`.
    ahead: VecDeque<Frame>,
    /// Within the first of `ahead`.
    cursor: Option<Cursor>,
}

impl EmbeddedReader {
    /// Refused when `from` lies outside what the shard holds. `from` may be where the next record will stand.
    pub fn new(shared: Arc<Shared>, shard: ShardId, from: u64) -> Result<Self, ReadError> {
        let head = shared.tail(shard)?.watch();
        check(shard, from, &head.borrow())?;
        Ok(Self { shared, shard, next: from, head, ahead: VecDeque::new(), cursor: None })
    }

    /// Brings the row with `next` into `ahead`, waiting until there is one.
    async fn fetch(&mut self, limit: usize) -> Result<(), ReadError> {
        let head = *self.head.borrow_and_update();
        check(self.shard, self.next, &head)?;
        if self.next < head.bounds.next {
            self.ahead = self.rows(limit).await?;
            return Ok(());
        }
        if head.closed {
            return Err(ReadError::Closed);
        }
        self.head.changed().await.map_err(|_| ReadError::Closed)
    }

    async fn rows(&self, limit: usize) -> Result<VecDeque<Frame>, ReadError> {
        let tail = self.shared.tail(self.shard)?;
        let newest = tail.frames_from(self.next, limit);
        if !newest.is_empty() {
            return Ok(newest);
        }
        let (shard, from) = (self.shard, self.next);
        let rows = self.shared.pool.read(move |connection| read_rows(connection, shard, from, limit)).await?;
        verify(tail, shard, from, &rows)?;
        Ok(rows)
    }

    /// What of `ahead` can be handed out, at most `limit` records.
    fn take(&mut self, limit: usize) -> Result<Vec<RawRecord>, FrameError> {
        let mut records = Vec::with_capacity(limit.min(1024));
        while records.len() < limit {
            let Some(frame) = self.ahead.front() else { break };
            let mut cursor = self.cursor.map_or_else(|| frame.seek(self.next), Ok)?;
            let record = frame.read(&mut cursor)?;
            self.cursor = record.is_some().then_some(cursor);
            if record.is_none() {
                self.ahead.pop_front();
            }
            records.extend(record);
        }
        self.next += records.len() as u64;
        Ok(records)
    }
}

#[async_trait]
impl ShardReader for EmbeddedReader {
    async fn next(&mut self, limit: usize) -> Result<Vec<RawRecord>, ReadError> {
        let limit = limit.max(1);
        loop {
            let records = self.take(limit).map_err(|error| damaged(self.shard, self.next, error))?;
            if !records.is_empty() {
                return Ok(records);
            }
            self.fetch(limit).await?;
        }
    }
}

fn check(shard: ShardId, wanted: u64, head: &Head) -> Result<(), ReadError> {
    let (first, next) = (head.bounds.first, head.bounds.next);
    let inside = (first..=next).contains(&wanted);
    if inside { Ok(()) } else { Err(ReadError::OutOfRange { shard, wanted, first, next }) }
}

fn read_rows(connection: &Connection, shard: ShardId, from: u64, limit: usize) -> rusqlite::Result<VecDeque<Frame>> {
    let mut statement = connection.prepare_cached(ROWS)?;
    let mut rows = statement.query(params![shard.0, from as i64])?;
    let (mut frames, mut bytes) = (VecDeque::new(), 0);
    let wanted = from.saturating_add(limit as u64);
    while let Some(row) = rows.next()? {
        let frame = frame_of(row)?;
        bytes += frame.bytes.len();
        let enough = frame.end() >= wanted || bytes >= CHUNK_BYTES;
        frames.push_back(frame);
        if enough {
            break;
        }
    }
    Ok(frames)
}

fn frame_of(row: &Row) -> rusqlite::Result<Frame> {
    let bytes: Vec<u8> = row.get(3)?;
    Ok(Frame {
        first_offset: row.get::<_, i64>(0)? as u64,
        count: row.get(1)?,
        append: UnixMs(row.get(2)?),
        bytes: Bytes::from(bytes),
    })
}

/// Every row must be whole and follow the one before. That the first is missing is no damage when retention
/// was quicker than this reader.
fn verify(tail: &Tail, shard: ShardId, from: u64, rows: &VecDeque<Frame>) -> Result<(), ReadError> {
    check(shard, from, &tail.head())?;
    let Some(first) = rows.front() else { return Err(hole(shard, from)) };
    if !(first.first_offset..first.end()).contains(&from) {
        return Err(hole(shard, from));
    }
    let mut next = first.first_offset;
    for row in rows {
        if row.first_offset != next {
            return Err(hole(shard, next));
        }
        row.check(shard).map_err(|error| damaged(shard, row.first_offset, error))?;
        next = row.end();
    }
    Ok(())
}

fn hole(shard: ShardId, offset: u64) -> ReadError {
    metric::count_damaged_row();
    ReadError::Broken(format!("shard {shard} has no row that holds offset {offset}"))
}

fn damaged(shard: ShardId, offset: u64, error: FrameError) -> ReadError {
    metric::count_damaged_row();
    ReadError::Broken(format!("{error}, shard {shard}, offset {offset}"))
}
