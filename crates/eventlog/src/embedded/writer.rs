//! What the committer says to SQLite: one transaction per batch, one row per batch and shard.

use super::frame::{Frame, FrameBuilder};
use crate::ticket::ShardStart;
use domain::ids::{ShardCount, ShardId};
use domain::time::UnixMs;
use rusqlite::{Connection, OptionalExtension, params};

/// Holds the one connection that writes, and the offsets it gives out.
pub(super) struct Writer {
    connection: Connection,
    shards: ShardCount,
    /// Per shard, where the next record will stand.
    next: Vec<u64>,
    /// A commit failed half way: what stands in the table must be read again before the next.
    doubtful: bool,
}

/// Rows of one shard that stand in the table, oldest first and without their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowInfo {
    pub shard: ShardId,
    pub end: u64,
    pub append: UnixMs,
    pub bytes: u64,
}

const INSERT: &str = "INSERT INTO batch (shard, first_offset, count, append_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
const FIRST: &str = "SELECT first_offset FROM batch WHERE shard = ?1 ORDER BY first_offset LIMIT 1";
const NEXT: &str = "SELECT first_offset + count FROM batch WHERE shard = ?1 ORDER BY first_offset DESC LIMIT 1";
const OLDEST: &str = "SELECT first_offset + count, append_ms, length(bytes) FROM batch
    WHERE shard = ?1 ORDER BY first_offset LIMIT ?2";
const REMOVE: &str = "DELETE FROM batch WHERE shard = ?1 AND first_offset < ?2";

impl Writer {
    pub fn new(connection: Connection, shards: ShardCount) -> rusqlite::Result<Self> {
        let next = read_next(&connection, shards)?;
        Ok(Self { connection, shards, next, doubtful: false })
    }

    /// Per shard, where the next record will stand.
    pub fn next(&self) -> &[u64] {
        &self.next
    }

    /// Per shard, the first offset that stands in the table, or the next one when there is none.
    pub fn first(&self) -> rusqlite::Result<Vec<u64>> {
        let mut statement = self.connection.prepare(FIRST)?;
        let mut first = self.next.clone();
        for (shard, first) in self.shards.all().zip(&mut first) {
            let found: Option<i64> = statement.query_row([shard.0], |row| row.get(0)).optional()?;
            *first = found.map_or(*first, |offset| offset as u64);
        }
        Ok(first)
    }

    /// Writes the lanes' records under consecutive offsets and the time `append`. When this returns they are
    /// on disk. After an error they are not known to be, and no later record stands on their offsets unless
    /// they are gone.
    pub fn commit(&mut self, lanes: Vec<(ShardId, Vec<FrameBuilder>)>, append: UnixMs) -> rusqlite::Result<Committed> {
        self.settle()?;
        self.doubtful = true;
        let committed = self.seal(lanes, append);
        self.transact(|connection| {
            let mut insert = connection.prepare_cached(INSERT)?;
            committed.rows.iter().try_for_each(|(shard, frame)| {
                let row = params![shard.0, frame.first_offset as i64, frame.count, frame.append.0, &frame.bytes[..]];
                insert.execute(row).map(|_| ())
            })
        })?;
        self.doubtful = false;
        for (shard, frame) in &committed.rows {
            self.next[usize::from(shard.0)] = frame.end();
        }
        Ok(committed)
    }

    fn seal(&self, lanes: Vec<(ShardId, Vec<FrameBuilder>)>, append: UnixMs) -> Committed {
        let mut committed =
            Committed { rows: Vec::with_capacity(lanes.len()), starts: Vec::with_capacity(lanes.len()) };
        for (shard, frames) in lanes {
            let mut next = self.next[usize::from(shard.0)];
            committed.starts.push(ShardStart { shard, first_offset: next, append });
            for builder in frames {
                let frame = builder.seal(shard, next, append);
                next = frame.end();
                committed.rows.push((shard, frame));
            }
        }
        committed
    }

    /// After a failure, reads from the table what became of it.
    fn settle(&mut self) -> rusqlite::Result<()> {
        if self.doubtful {
            self.roll_back()?;
            self.next = read_next(&self.connection, self.shards)?;
            self.doubtful = false;
        }
        Ok(())
    }

    /// The oldest rows of `shard`, at most `limit`.
    pub fn oldest(&self, shard: ShardId, limit: u32) -> rusqlite::Result<Vec<RowInfo>> {
        let mut statement = self.connection.prepare_cached(OLDEST)?;
        let rows = statement.query_map(params![shard.0, limit], |row| {
            let (end, append, bytes): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(RowInfo { shard, end: end as u64, append: UnixMs(append), bytes: bytes as u64 })
        })?;
        rows.collect()
    }

    /// Removes each shard's rows that begin below its offset. Their pages are used again by later rows.
    pub fn remove(&mut self, below: &[(ShardId, u64)]) -> rusqlite::Result<()> {
        self.settle()?;
        self.transact(|connection| {
            let mut remove = connection.prepare_cached(REMOVE)?;
            below.iter().try_for_each(|(shard, offset)| remove.execute(params![shard.0, *offset as i64]).map(|_| ()))
        })
    }

    /// What the file holds, in bytes, without pages that are free to be used again.
    pub fn live_bytes(&self) -> rusqlite::Result<u64> {
        let pragma = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let pages = pragma("page_count")? - pragma("freelist_count")?;
        Ok(u64::try_from(pages * pragma("page_size")?).unwrap_or(0))
    }

    fn transact(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.roll_back()?;
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work(&self.connection).and_then(|()| self.connection.prepare_cached("COMMIT")?.execute([]));
        match done {
            Ok(_) => Ok(()),
            Err(error) => {
                // The first error is the one to report; the next transaction rolls back again if this fails.
                let _ = self.roll_back();
                Err(error)
            }
        }
    }

    /// Leaves a transaction that is open; SQLite closes some of those that fail itself.
    fn roll_back(&self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() { Ok(()) } else { self.connection.execute_batch("ROLLBACK") }
    }
}

/// What a commit put on disk.
pub(super) struct Committed {
    pub rows: Vec<(ShardId, Frame)>,
    pub starts: Vec<ShardStart>,
}

fn read_next(connection: &Connection, shards: ShardCount) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare_cached(NEXT)?;
    let next = |shard: ShardId| statement.query_row([shard.0], |row| row.get::<_, i64>(0)).optional();
    shards.all().map(next).map(|found| Ok(found?.unwrap_or(0) as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::database::{file_in, open_writer};

    const SHARD: ShardId = ShardId(1);

    fn writer(directory: &tempfile::TempDir) -> Writer {
        let shards = ShardCount::new(2).unwrap();
        Writer::new(open_writer(&file_in(directory.path()), shards, UnixMs(0)).unwrap(), shards).unwrap()
    }

    fn lanes(payload: &[u8], count: usize) -> Vec<(ShardId, Vec<FrameBuilder>)> {
        let mut builder = FrameBuilder::with_capacity(0);
        (0..count).for_each(|_| builder.push(payload));
        vec![(SHARD, vec![builder])]
    }

    #[test]
    fn offsets_go_on_where_the_table_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = writer(&directory);
        first.commit(lanes(b"a", 3), UnixMs(1)).unwrap();
        drop(first);
        let mut second = writer(&directory);
        assert_eq!(second.next(), [0, 3]);
        let committed = second.commit(lanes(b"b", 2), UnixMs(2)).unwrap();
        assert_eq!(committed.starts[0].first_offset, 3);
        assert_eq!(second.first().unwrap(), [0, 0]);
    }

    #[test]
    fn a_full_disk_breaks_one_batch_and_not_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory);
        writer.commit(lanes(b"a", 1), UnixMs(1)).unwrap();
        writer.connection.pragma_update(None, "max_page_count", 1).unwrap();
        let error = writer.commit(lanes(&[0; 100_000], 1), UnixMs(2)).err().unwrap();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
        writer.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        let committed = writer.commit(lanes(b"b", 1), UnixMs(3)).unwrap();
        assert_eq!(committed.starts[0].first_offset, 1);
    }

    #[test]
    fn a_transaction_left_open_is_left_first() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory);
        writer.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(writer.commit(lanes(b"a", 1), UnixMs(1)).unwrap().starts[0].first_offset, 0);
    }

    #[test]
    fn removed_rows_make_room() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory);
        (0..20).for_each(|at| drop(writer.commit(lanes(&[1; 50_000], 1), UnixMs(at)).unwrap()));
        let full = writer.live_bytes().unwrap();
        assert_eq!(writer.oldest(SHARD, 2).unwrap().iter().map(|row| row.end).collect::<Vec<_>>(), [1, 2]);
        writer.remove(&[(SHARD, 15)]).unwrap();
        assert_eq!(writer.first().unwrap(), [0, 15]);
        assert!(writer.live_bytes().unwrap() < full / 2);
    }
}
