//! The time of a shard.

use domain::record::Params;

/// So many ticks in a row, each so far behind, prove that the clock ran ahead (rule 8).
const TICKS: u32 = 30;
const AHEAD_MS: i64 = 60_000;

/// T, and the numbers in force.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now: i64,
    pub w: i64,
    pub c: i64,
    behind: u32,
}

impl Clock {
    pub fn new(params: Params) -> Self {
        let mut clock = Self { now: 0, w: 0, c: 0, behind: 0 };
        clock.set(params);
        clock
    }

    /// C is at most W.
    pub fn set(&mut self, params: Params) {
        (self.w, self.c) = (params.w_ms.into(), params.c_ms.min(params.w_ms).into());
    }

    /// Takes a record's append time. True: the clock had run ahead and is set back.
    pub fn take(&mut self, append: i64, is_tick: bool) -> bool {
        if append >= self.now - AHEAD_MS {
            self.now = self.now.max(append);
            if is_tick {
                self.behind = 0;
            }
            return false;
        }
        if is_tick {
            self.behind += 1;
        }
        if self.behind < TICKS {
            return false;
        }
        (self.now, self.behind) = (append, 0);
        true
    }

    /// When a ping counts: T, less the time between its receipt and its place in the log, at most W (rule 3).
    pub fn effective(&self, append: i64, received: i64) -> i64 {
        self.now - (append - received).clamp(0, self.w)
    }

    /// Whether what falls due at `at` is looked at: time is watched by whole seconds.
    pub fn has_passed(&self, at: i64) -> bool {
        ceil_to_second(at) <= self.now
    }
}

/// The next whole second, in milliseconds.
pub fn ceil_to_second(ms: i64) -> i64 {
    let over = ms.rem_euclid(1_000);
    if over == 0 { ms } else { ms.saturating_add(1_000 - over) }
}
