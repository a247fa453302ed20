//! The clock of a shard.

/// So many ticks in a row, each so far behind, prove that the clock ran ahead (rule 8).
const TICKS: u32 = 30;
const AHEAD_MS: i64 = 60_000;

/// T, and what moves it.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now: i64,
    pub w: i64,
    pub c: i64,
    behind: u32,
}

impl Default for Clock {
    /// One machine's numbers, until the log says otherwise.
    fn default() -> Self {
        Self { now: 0, w: 3_000, c: 3_000, behind: 0 }
    }
}

impl Clock {
    /// Takes a record's append time. True: the clock had run ahead and is set back.
    pub fn take(&mut self, append: i64, is_tick: bool) -> bool {
        if append < self.now - AHEAD_MS {
            self.behind += u32::from(is_tick);
            if self.behind == TICKS {
                (self.now, self.behind) = (append, 0);
                return true;
            }
        } else {
            if is_tick {
                self.behind = 0;
            }
            self.now = self.now.max(append);
        }
        false
    }

    /// When a record counts: T, less the time between its receipt and its place in the log.
    pub fn effective(&self, append: i64, received: i64) -> i64 {
        self.now - (append - received).clamp(0, self.w)
    }

    /// Whether what falls due at `at` has been looked at: deadlines are watched by whole seconds.
    pub fn has_passed(&self, at: i64) -> bool {
        ceil_to_second(at) <= self.now
    }
}

/// The next whole second, in milliseconds.
pub fn ceil_to_second(ms: i64) -> i64 {
    ms.div_euclid(1_000) * 1_000 + if ms.rem_euclid(1_000) > 0 { 1_000 } else { 0 }
}
