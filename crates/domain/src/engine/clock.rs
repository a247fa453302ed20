//! The shard's clock T: the greatest append time so far (rule 1), set back only when 30 ticks in a row prove
//! that the log's clock had run ahead (rule 8). Nothing else makes time pass.

use crate::codec::{CodecError, Reader, Writer};
use crate::planted;
use crate::record::Params;
use crate::time::UnixMs;

/// Ticks in a row that must contradict T before it is set back.
const TICKS_TO_SET_BACK: u8 = 30;
/// How far behind T a tick must lie to contradict it, in milliseconds.
const AHEAD_MS: i64 = 60_000;

/// Where a shard stands in its log and in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardClock {
    /// T.
    now: UnixMs,
    params: Params,
    /// The offset the next record must have at least.
    next_offset: u64,
    /// Hybrid log time in microseconds: strictly grows, follows the append time.
    hlt_us: i64,
    contradictions: u8,
}

/// What a record did to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// T moved on or stood still.
    Forward,
    /// T had been wrong; it is now the tick's append time.
    SetBack { from: UnixMs },
}

impl ShardClock {
    /// A clock before any record.
    pub fn new(params: Params) -> Self {
        Self { now: UnixMs(0), params: sound(params), next_offset: 0, hlt_us: 0, contradictions: 0 }
    }

    /// T.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// T in whole seconds, rounded down: timers are due at a second.
    pub fn second(&self) -> u32 {
        u32::try_from(self.now.secs_floor()).unwrap_or(if self.now.0 < 0 { 0 } else { u32::MAX })
    }

    /// W in milliseconds.
    pub fn w_ms(&self) -> i64 {
        i64::from(self.params.w_ms)
    }

    /// C in milliseconds.
    pub fn c_ms(&self) -> i64 {
        i64::from(self.params.c_ms)
    }

    /// The numbers in force.
    pub fn params(&self) -> Params {
        self.params
    }

    /// Puts new numbers in force, from the record at hand on.
    pub fn set_params(&mut self, params: Params) {
        self.params = sound(params);
    }

    /// The offset of the next record to apply.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// Hybrid log time of the last record, microseconds since the epoch.
    pub fn hlt_us(&self) -> i64 {
        self.hlt_us
    }

    /// Whether a record at `offset` was applied before.
    pub fn has_applied(&self, offset: u64) -> bool {
        offset < self.next_offset
    }

    /// Takes note of a record's place and append time.
    pub fn observe(&mut self, offset: u64, append: UnixMs, is_tick: bool) -> Observed {
        self.next_offset = offset.saturating_add(1);
        self.hlt_us = self.hlt_us.saturating_add(1).max(append.0.saturating_mul(1000));
        if append.0 >= self.now.0.saturating_sub(AHEAD_MS) {
            self.contradictions = if is_tick { 0 } else { self.contradictions };
            self.now = planted!("time-steps-back", self.now.max(append), append);
            return Observed::Forward;
        }
        self.contradictions += u8::from(is_tick);
        if self.contradictions < planted!("set-back-at-once", TICKS_TO_SET_BACK, 3) {
            return Observed::Forward;
        }
        self.contradictions = 0;
        let from = std::mem::replace(&mut self.now, append);
        Observed::SetBack { from }
    }

    /// How long before T a record was received (rule 3), in milliseconds, and whether it had to be cut.
    pub fn lateness_ms(&self, append: UnixMs, received: UnixMs) -> (i64, bool) {
        let late = append.since(received);
        (late.clamp(0, planted!("lateness-unbounded", self.w_ms(), i64::MAX)), late > self.w_ms())
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.i64(self.now.0).u64(self.next_offset).i64(self.hlt_us).u8(self.contradictions);
        w.u32(self.params.w_ms).u32(self.params.c_ms).u32(self.params.rules);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (now, next_offset, hlt_us, contradictions) = (UnixMs(r.i64()?), r.u64()?, r.i64()?, r.u8()?);
        let params = Params { w_ms: r.u32()?, c_ms: r.u32()?, rules: r.u32()? };
        Ok(Self { now, params, next_offset, hlt_us, contradictions })
    }
}

/// C above W would let a deadline close before the gap it fell into is known (rule 4 needs C <= W).
fn sound(params: Params) -> Params {
    Params { c_ms: params.c_ms.min(params.w_ms), ..params }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> ShardClock {
        let mut clock = ShardClock::new(Params::EMBEDDED);
        clock.observe(0, UnixMs(1_000_000), false);
        clock
    }

    #[test]
    fn rule_1_append_time_may_step_back_but_t_does_not() {
        let mut clock = clock();
        assert_eq!(clock.observe(1, UnixMs(990_000), false), Observed::Forward);
        assert_eq!(clock.now(), UnixMs(1_000_000));
        clock.observe(2, UnixMs(1_000_500), false);
        assert_eq!(clock.now(), UnixMs(1_000_500));
    }

    #[test]
    fn rule_3_lateness_is_between_zero_and_w() {
        let clock = clock();
        assert_eq!(clock.lateness_ms(UnixMs(10_000), UnixMs(9_000)), (1_000, false));
        assert_eq!(clock.lateness_ms(UnixMs(10_000), UnixMs(11_000)), (0, false));
        assert_eq!(clock.lateness_ms(UnixMs(10_000), UnixMs(1_000)), (3_000, true));
    }

    #[test]
    fn rule_8_thirty_ticks_behind_t_set_it_back() {
        let mut clock = clock();
        clock.observe(1, UnixMs(5_000_000), false);
        for tick in 0..29 {
            assert_eq!(clock.observe(2 + tick, UnixMs(1_001_000), true), Observed::Forward);
        }
        assert_eq!(clock.observe(40, UnixMs(1_030_000), true), Observed::SetBack { from: UnixMs(5_000_000) });
        assert_eq!(clock.now(), UnixMs(1_030_000));
    }

    #[test]
    fn rule_8_one_tick_that_agrees_starts_the_count_again() {
        let mut clock = clock();
        for tick in 0..29 {
            clock.observe(1 + tick, UnixMs(900_000), true);
        }
        clock.observe(30, UnixMs(999_000), true);
        assert_eq!(clock.observe(31, UnixMs(900_000), true), Observed::Forward);
        assert_eq!(clock.now(), UnixMs(1_000_000));
    }

    #[test]
    fn c_is_never_above_w() {
        let clock = ShardClock::new(Params { w_ms: 1_000, c_ms: 9_000, rules: 1 });
        assert_eq!(clock.c_ms(), 1_000);
    }
}
