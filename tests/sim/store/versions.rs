//! A row with its last few states, for reads that are stale.

/// How many writes back a stale read looks at most.
pub(super) const MAX_AGE: usize = 3;

/// Sees everything.
pub(super) const NOW: u64 = u64::MAX;

/// A row as it stands, and as it stood before its last writes. `turn` numbers all writes of a store.
pub(super) struct Versions<T> {
    turn: u64,
    hlt_us: i64,
    row: T,
    /// Newest last.
    past: Vec<(u64, T)>,
}

impl<T> Versions<T> {
    pub(super) fn new(turn: u64, hlt_us: i64, row: T) -> Self {
        Self { turn, hlt_us, row, past: Vec::new() }
    }

    /// Whether the write stands: no older one does.
    pub(super) fn put(&mut self, turn: u64, hlt_us: i64, row: T) -> bool {
        if hlt_us < self.hlt_us {
            return false;
        }
        if self.past.len() == MAX_AGE {
            self.past.remove(0);
        }
        let before = std::mem::replace(&mut self.row, row);
        self.past.push((self.turn, before));
        (self.turn, self.hlt_us) = (turn, hlt_us);
        true
    }

    pub(super) fn now(&self) -> &T {
        &self.row
    }

    pub(super) fn now_mut(&mut self) -> &mut T {
        &mut self.row
    }

    /// The row as it stood before the write of this turn; `None`: it was not there.
    pub(super) fn before(&self, turn: u64) -> Option<&T> {
        if self.turn < turn {
            return Some(&self.row);
        }
        self.past.iter().rev().find(|(written, _)| *written < turn).map(|(_, row)| row)
    }

    /// As it stood before its last `age` writes.
    pub(super) fn aged(&self, age: usize) -> Option<&T> {
        match age {
            0 => Some(&self.row),
            _ => self.past.len().checked_sub(age).and_then(|at| self.past.get(at)).map(|(_, row)| row),
        }
    }
}

/// When a list was last written.
#[derive(Default)]
pub(super) struct Turns(Vec<u64>);

impl Turns {
    pub(super) fn add(&mut self, turn: u64) {
        if self.0.len() == MAX_AGE {
            self.0.remove(0);
        }
        self.0.push(turn);
    }

    /// The turn before which a list is that old.
    pub(super) fn aged(&self, age: usize) -> u64 {
        match age {
            0 => NOW,
            _ => self.0.len().checked_sub(age).and_then(|at| self.0.get(at)).copied().unwrap_or(0),
        }
    }
}
