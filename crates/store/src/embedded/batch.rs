//! One step of a shard's owner as statements. Cells are encoded by the caller, so that the writer thread does
//! nothing but SQL. Every statement is an upsert that an older write of the same row loses: two believed
//! owners end with the same rows, whoever comes last (invariant I6).

use super::connection::broken;
use super::pack::{Pack, pack};
use crate::cell::Cell;
use crate::row::Revocation;
use crate::{ShardBatch, StoreError, metric};
use domain::engine::effects::MonitorRow;
use rusqlite::{CachedStatement, Connection, params};

const PUT_HISTORY: &str = "insert into history (monitor, log_offset, first_offset, at_ms, hlt, cell)
    values (?1, ?2, ?3, ?4, ?5, ?6)
    on conflict do update set at_ms = excluded.at_ms, hlt = excluded.hlt, cell = excluded.cell
    where excluded.hlt >= hlt";
const PUT_MONITOR: &str = "insert into monitor (tenant, slug, hlt, deleted, cell) values (?1, ?2, ?3, ?4, ?5)
    on conflict do update set hlt = excluded.hlt, deleted = excluded.deleted, cell = excluded.cell
    where excluded.hlt >= hlt";
const CLEAR_TAGS: &str = "delete from monitor_tag where tenant = ?1 and slug = ?2";
const PUT_TAG: &str = "insert or ignore into monitor_tag (tenant, slug, tag) values (?1, ?2, ?3)";
const PUT_STATUS: &str = "insert into status (tenant, slug, hlt, incident_opened_ms, cell) values (?1, ?2, ?3, ?4, ?5)
    on conflict do update set hlt = excluded.hlt, incident_opened_ms = excluded.incident_opened_ms, cell = excluded.cell
    where excluded.hlt >= hlt";
/// A rewrite keeps its place in the order: cursors have passed it.
const PUT_TRANSITION: &str = "insert into transition (id, tenant, monitor, log_offset, known_ms, hlt, cell)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    on conflict (id) do update set tenant = excluded.tenant, monitor = excluded.monitor,
        log_offset = excluded.log_offset, known_ms = excluded.known_ms, hlt = excluded.hlt, cell = excluded.cell
    where excluded.hlt >= hlt";
const PUT_DELIVERY: &str = "insert into delivery (id, channel, created_ms, terminal, hlt, cell)
    values (?1, ?2, ?3, ?4, ?5, ?6)
    on conflict do update set channel = excluded.channel, created_ms = excluded.created_ms,
        terminal = excluded.terminal, hlt = excluded.hlt, cell = excluded.cell
    where excluded.hlt >= hlt";
const PUT_REVOCATION: &str = "insert into revocation (monitor, least_generation, hlt) values (?1, ?2, ?3)
    on conflict do update set least_generation = excluded.least_generation, hlt = excluded.hlt
    where excluded.hlt >= hlt";

/// A batch with its cells encoded.
pub(super) struct Encoded {
    batch: ShardBatch,
    monitors: Vec<Vec<u8>>,
    statuses: Vec<Vec<u8>>,
    history: Vec<Pack>,
    transitions: Vec<Vec<u8>>,
    deliveries: Vec<Vec<u8>>,
}

fn cells<T: Cell>(rows: &[T]) -> Vec<Vec<u8>> {
    rows.iter().map(T::to_cell).collect()
}

impl Encoded {
    pub(super) fn new(batch: ShardBatch) -> Self {
        Self {
            monitors: cells(&batch.monitors),
            statuses: cells(&batch.statuses),
            history: pack(&batch.history),
            transitions: cells(&batch.transitions),
            deliveries: cells(&batch.deliveries),
            batch,
        }
    }

    /// Of the tables, where many pings are one row.
    pub(super) fn rows(&self) -> usize {
        let b = &self.batch;
        let lists = [b.monitors.len(), b.statuses.len(), self.history.len(), b.transitions.len(), b.deliveries.len()];
        lists.iter().sum::<usize>() + b.revocations.len()
    }

    /// Writes everything. What lost against newer rows is counted, and no error.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let written = self.put_all(connection).map_err(broken)?;
        let stale = self.rows().saturating_sub(written);
        if stale > 0 {
            metric::count_stale_writes(stale as u64);
        }
        Ok(())
    }

    fn put_all(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let (batch, hlt) = (&self.batch, self.batch.hlt_us);
        let mut written = put_monitors(connection, hlt, &batch.monitors, &self.monitors)?;
        written += put(connection, PUT_STATUS, &batch.statuses, &self.statuses, |s, row, cell| {
            let opened_ms = row.live.incident.as_ref().map(|incident| incident.opened_ms);
            s.execute(params![row.tenant.0, row.slug, hlt, opened_ms, cell])
        })?;
        written += put_history(connection, hlt, &self.history)?;
        written += put(connection, PUT_TRANSITION, &batch.transitions, &self.transitions, |s, row, cell| {
            let (monitor, offset) = (row.monitor.0 as i64, row.offset as i64);
            s.execute(params![&row.id.0[..], row.identity.tenant.0, monitor, offset, row.known_ms, hlt, cell])
        })?;
        written += put(connection, PUT_DELIVERY, &batch.deliveries, &self.deliveries, |s, row, cell| {
            let terminal = row.state.is_terminal();
            s.execute(params![&row.id.0[..], row.channel.0 as i64, row.created_ms, terminal, hlt, cell])
        })?;
        Ok(written + put_revocations(connection, hlt, &batch.revocations)?)
    }
}

/// One statement for all rows of a table; how many rows it wrote.
fn put<R>(
    connection: &Connection,
    sql: &str,
    rows: &[R],
    cells: &[Vec<u8>],
    mut each: impl FnMut(&mut CachedStatement<'_>, &R, &[u8]) -> rusqlite::Result<usize>,
) -> rusqlite::Result<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached(sql)?;
    let mut pairs = rows.iter().zip(cells);
    pairs.try_fold(0, |written, (row, cell)| Ok(written + each(&mut statement, row, cell)?))
}

fn put_history(connection: &Connection, hlt: i64, packs: &[Pack]) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(PUT_HISTORY)?;
    packs.iter().try_fold(0, |written, pack| {
        let values = params![pack.monitor, pack.newest, pack.oldest, pack.at_ms, hlt, pack.cell];
        Ok(written + statement.execute(values)?)
    })
}

fn put_monitors(connection: &Connection, hlt: i64, rows: &[MonitorRow], cells: &[Vec<u8>]) -> rusqlite::Result<usize> {
    put(connection, PUT_MONITOR, rows, cells, |statement, row, cell| {
        let identity = &row.config.identity;
        let written = statement.execute(params![identity.tenant.0, identity.slug, hlt, row.deleted, cell])?;
        if written > 0 {
            put_tags(connection, row)?;
        }
        Ok(written)
    })
}

fn put_revocations(connection: &Connection, hlt: i64, rows: &[Revocation]) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(PUT_REVOCATION)?;
    let mut written = 0;
    for row in rows {
        written += statement.execute(params![row.monitor.0 as i64, row.least_generation, hlt])?;
    }
    Ok(written)
}

/// The tags of the row just written; a deleted monitor has none to be found by.
fn put_tags(connection: &Connection, row: &MonitorRow) -> rusqlite::Result<()> {
    let identity = &row.config.identity;
    connection.prepare_cached(CLEAR_TAGS)?.execute(params![identity.tenant.0, identity.slug])?;
    if row.deleted || identity.tags.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(PUT_TAG)?;
    identity.tags.iter().try_for_each(|tag| statement.execute(params![identity.tenant.0, identity.slug, tag]).map(drop))
}
