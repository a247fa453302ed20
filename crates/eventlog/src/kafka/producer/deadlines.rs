//! Until when each record may be acknowledged: queues in the order of deadlines, since all have the same timeout.

use crate::slot::Slot;
use crate::ticket::{ROWS, own_row};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

type Row = Mutex<VecDeque<(Instant, Arc<Slot>)>>;

/// One queue per appending thread, so that threads do not wait for each other.
#[derive(Default)]
pub(super) struct Deadlines {
    rows: [Row; ROWS],
}

impl Deadlines {
    pub fn push(&self, deadline: Instant, slot: Arc<Slot>) {
        if let Some(row) = self.rows.get(own_row()) {
            row.lock().push_back((deadline, slot));
        }
    }

    /// Takes out those whose time has come, and forgets those in front that have their outcome.
    pub fn overdue(&self, now: Instant) -> Vec<Arc<Slot>> {
        let mut overdue = Vec::new();
        for row in &self.rows {
            let mut row = row.lock();
            while let Some((deadline, slot)) = row.front() {
                let known = slot.is_known();
                if !known && *deadline > now {
                    break;
                }
                overdue.extend(row.pop_front().filter(|_| !known).map(|(_, slot)| slot));
            }
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Board;
    use crate::{AppendError, Appended};
    use domain::time::UnixMs;
    use std::time::Duration;

    #[test]
    fn only_those_without_an_outcome_are_overdue() {
        let (board, deadlines, start) = (Arc::new(Board::default()), Deadlines::default(), Instant::now());
        let slots: Vec<_> = (0..4).map(|_| Slot::new(&board, 0)).collect();
        for (n, slot) in slots.iter().enumerate() {
            deadlines.push(start + Duration::from_secs(n as u64), slot.clone());
        }
        board.settle([(slots[0].clone(), Ok(Appended { offset: 0, append: UnixMs(1) }))]);
        assert!(deadlines.overdue(start).is_empty());
        let overdue = deadlines.overdue(start + Duration::from_secs(2));
        assert!(overdue.len() == 2 && Arc::ptr_eq(&overdue[0], &slots[1]) && Arc::ptr_eq(&overdue[1], &slots[2]));
        board.settle(overdue.into_iter().map(|slot| (slot, Err(AppendError::TimedOut))));
        assert_eq!(deadlines.overdue(start + Duration::from_secs(3)).len(), 1);
        assert!(deadlines.overdue(start + Duration::from_secs(9)).is_empty(), "each is named once");
    }
}
