//! A worker's coarse clock and the connections it watches.

use crate::http::connection::{Conn, Limits};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A count of the worker's ticks.
pub(crate) type Tick = u32;

/// The longest tick: how late a time-out may be noticed.
const LONGEST_TICK: Duration = Duration::from_millis(250);
/// How long the client may take to read the last reply before its connection is cut.
const LINGER: Duration = Duration::from_secs(2);
/// The share of a worker's connections that is closed at once when there is no room, as a divisor, so that
/// looking for the longest idle ones costs little for each.
const EVICTION_SHARE: usize = 64;

/// Counts ticks, so that noting a time costs a connection one load.
#[derive(Default)]
pub(crate) struct TickClock(Cell<Tick>);

impl TickClock {
    pub(crate) fn now(&self) -> Tick {
        self.0.get()
    }

    pub(crate) fn advance(&self) {
        self.0.set(self.0.get().wrapping_add(1));
    }

    /// Whether more than `limit` whole ticks have passed since a time in the tick `since`.
    pub(crate) fn is_past(&self, since: Tick, limit: Tick) -> bool {
        self.now().wrapping_sub(since) > limit
    }
}

/// A tick short enough for the shortest limit, and the limits in ticks.
pub(crate) fn tick_and_limits(head: Duration, idle: Duration, age: Duration) -> (Duration, Limits) {
    let tick = LONGEST_TICK.min(head / 4).min(idle / 4).max(Duration::from_millis(5));
    let ticks = |limit: Duration| limit.as_millis().div_ceil(tick.as_millis()) as Tick;
    (tick, Limits { head: ticks(head), idle: ticks(idle), linger: ticks(LINGER), age: ticks(age) })
}

/// The open connections of one worker, at most `capacity`.
pub(crate) struct Pool {
    open: RefCell<HashMap<u64, Watched>>,
    capacity: usize,
    next_id: Cell<u64>,
}

struct Watched {
    conn: Rc<Conn>,
    task: AbortHandle,
}

impl Pool {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { open: RefCell::default(), capacity: capacity.max(1), next_id: Cell::new(0) }
    }

    /// The id the next connection gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get().wrapping_add(1))
    }

    pub(crate) fn add(&self, id: u64, conn: Rc<Conn>, task: AbortHandle) {
        self.open.borrow_mut().insert(id, Watched { conn, task });
    }

    pub(crate) fn remove(&self, id: u64) {
        self.open.borrow_mut().remove(&id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Closes the longest idle connections if there is no room for one more. Whether there is now.
    pub(crate) fn make_room(&self) -> bool {
        if self.open.borrow().len() < self.capacity {
            return true;
        }
        let mut idle: Vec<_> =
            self.open.borrow().iter().filter_map(|(id, watched)| Some((watched.conn.idle_since()?, *id))).collect();
        let share = (self.capacity / EVICTION_SHARE).max(1).min(idle.len());
        if share == 0 {
            return false;
        }
        idle.select_nth_unstable(share - 1);
        idle.into_iter().take(share).for_each(|(_, id)| self.cut(id));
        true
    }

    /// Cuts every connection that has been in its state for too long.
    pub(crate) fn sweep(&self, limits: &Limits) {
        let overdue = self.ids_of(|conn| conn.is_overdue(limits));
        overdue.into_iter().for_each(|id| self.cut(id));
    }

    /// Lets every connection know that its next reply is the last.
    pub(crate) fn retire_all(&self) {
        self.open.borrow().values().for_each(|watched| watched.conn.retire());
    }

    /// Asks every connection for an orderly end. One on which nothing ever came is cut.
    pub(crate) fn close_all(&self) {
        self.open.borrow().values().for_each(|watched| watched.conn.close());
        let untouched = self.ids_of(Conn::is_untouched);
        untouched.into_iter().for_each(|id| self.cut(id));
    }

    /// Cuts all that are left; how many those were.
    pub(crate) fn cut_all(&self) -> usize {
        let ids = self.ids_of(|_| true);
        ids.iter().for_each(|id| self.cut(*id));
        ids.len()
    }

    fn ids_of(&self, wanted: impl Fn(&Conn) -> bool) -> Vec<u64> {
        let open = self.open.borrow();
        open.iter().filter(|(_, watched)| wanted(&watched.conn)).map(|(id, _)| *id).collect()
    }

    fn cut(&self, id: u64) {
        let watched = self.open.borrow_mut().remove(&id);
        if let Some(watched) = watched {
            watched.task.abort();
        }
    }
}
