//! Old rows go, in steps small enough that no other write waits long for one.
//!
//! History has no index by age, which would double the cost of every ping. Instead each monitor's oldest
//! rows are looked at: offsets grow with time, so what lies below an expired row is old as well.

use super::connection::broken;
use super::{Readers, Writer};
use crate::{StoreError, metric};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

/// Rows of one step.
const STEP_ROWS: usize = 2_000;
/// Monitors looked at in one step, most of which have nothing old.
const STEP_MONITORS: usize = 5_000;
/// Rows that are not old before a monitor counts as done. More than one, since a few rows may be dated ahead
/// (a log's clock that ran wrong is set right after 30 ticks) and must not shield what came after them.
const YOUNG_ROWS: usize = 60;

const NEXT_MONITOR: &str = "select monitor from history where monitor > ?1 order by monitor limit 1";
const FIRST_MONITOR: &str = "select monitor from history order by monitor limit 1";
const OLDEST: &str = "select log_offset, at_ms from history where monitor = ?1 order by log_offset";
const DROP_HISTORY: &str = "delete from history where monitor = ?1 and log_offset <= ?2";
const DROP_TRANSITIONS: &str =
    "delete from transition where seq in (select seq from transition where known_ms < ?1 limit ?2)";
/// Those still under way stay, however old.
const DROP_DELIVERIES: &str = "delete from delivery
    where id in (select id from delivery where created_ms < ?1 and terminal = 1 limit ?2)";

/// Removes history older than `before_ms`; how many rows.
pub(super) async fn history(readers: &Readers, writer: &Writer, before_ms: i64) -> Result<u64, StoreError> {
    let (mut removed, mut done) = (0, None);
    loop {
        let step = readers.run(move |connection| find(connection, before_ms, done).map_err(broken)).await?;
        if !step.old.is_empty() {
            removed += writer.run(step.rows, move |connection| drop_history(connection, &step.old)).await?;
        }
        if step.at_end {
            break;
        }
        done = step.done;
    }
    metric::count_expired("history", removed);
    Ok(removed)
}

/// Removes transitions and finished deliveries older than `before_ms`; how many rows.
pub(super) async fn transitions(writer: &Writer, before_ms: i64) -> Result<u64, StoreError> {
    let transitions = drop_all(writer, DROP_TRANSITIONS, before_ms).await?;
    metric::count_expired("transition", transitions);
    let deliveries = drop_all(writer, DROP_DELIVERIES, before_ms).await?;
    metric::count_expired("delivery", deliveries);
    Ok(transitions + deliveries)
}

async fn drop_all(writer: &Writer, sql: &'static str, before_ms: i64) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let step =
            writer.run(STEP_ROWS, move |connection| drop_some(connection, sql, before_ms).map_err(broken)).await?;
        removed += step as u64;
        if step < STEP_ROWS {
            return Ok(removed);
        }
    }
}

fn drop_some(connection: &Connection, sql: &str, before_ms: i64) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![before_ms, STEP_ROWS as i64])
}

/// What one step found.
struct Step {
    /// Per monitor the newest old offset.
    old: Vec<(i64, i64)>,
    rows: usize,
    /// The last monitor that needs no second look.
    done: Option<i64>,
    at_end: bool,
}

/// Looks at the monitors after `done`. One with more old rows than fit is looked at again in the next step.
fn find(connection: &Connection, before_ms: i64, done: Option<i64>) -> rusqlite::Result<Step> {
    let mut step = Step { old: Vec::new(), rows: 0, done, at_end: false };
    for _ in 0..STEP_MONITORS {
        let Some(monitor) = monitor_after(connection, step.done)? else { return Ok(Step { at_end: true, ..step }) };
        let room = STEP_ROWS - step.rows;
        let (newest_old, rows) = old_rows(connection, monitor, before_ms, room)?;
        step.old.extend(newest_old.map(|offset| (monitor, offset)));
        step.rows += rows;
        if rows >= room {
            break;
        }
        step.done = Some(monitor);
    }
    Ok(step)
}

fn monitor_after(connection: &Connection, done: Option<i64>) -> rusqlite::Result<Option<i64>> {
    let read = |statement: &mut CachedStatement<'_>| match done {
        Some(done) => statement.query_row([done], |row| row.get(0)).optional(),
        None => statement.query_row((), |row| row.get(0)).optional(),
    };
    read(&mut connection.prepare_cached(if done.is_some() { NEXT_MONITOR } else { FIRST_MONITOR })?)
}

/// The newest old offset among a monitor's oldest rows, and how many rows lie up to it, at most `room`.
fn old_rows(
    connection: &Connection,
    monitor: i64,
    before_ms: i64,
    room: usize,
) -> rusqlite::Result<(Option<i64>, usize)> {
    let mut statement = connection.prepare_cached(OLDEST)?;
    let mut rows = statement.query([monitor])?;
    let (mut newest_old, mut old, mut young) = (None, 0, 0);
    while let Some(row) = rows.next()? {
        let (offset, at_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        if at_ms >= before_ms {
            young += 1;
        } else {
            (newest_old, old, young) = (Some(offset), old + young + 1, 0);
        }
        if young == YOUNG_ROWS || old >= room {
            break;
        }
    }
    Ok((newest_old, old))
}

fn drop_history(connection: &Connection, old: &[(i64, i64)]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(DROP_HISTORY).map_err(broken)?;
    let rows = old.iter().map(|(monitor, offset)| statement.execute([monitor, offset]));
    rows.map(|rows| rows.map(|rows| rows as u64).map_err(broken)).sum()
}
