//! Which records were seen before. A producer numbers its records of a shard; the log may repeat one (a
//! send that was reported as failed and was not) or lose one. What was seen is remembered for 3 W.

use crate::codec::{CodecError, Reader, Writer};
use std::collections::BTreeSet;

/// Producers remembered at most; the one silent for longest goes first.
const MAX_PRODUCERS: usize = 1_024;
/// Missing numbers remembered per producer.
const MAX_MISSING: usize = 1_024;

/// What a record's number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// New; `gap` records of the producer between the last one and this have given up being late.
    New { gap: u64 },
    /// Applied before.
    Repeated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Memory {
    producer: u64,
    highest: u64,
    last_ms: i64,
    /// Numbers below `highest` that have not come.
    missing: BTreeSet<u64>,
    /// When the newest of them was found missing.
    missing_ms: i64,
}

/// What a shard remembers of its producers, the most recently heard last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers(Vec<Memory>);

impl Producers {
    /// Takes note of `sequence` of `producer` at T = `now_ms`.
    pub fn observe(&mut self, producer: u64, sequence: u64, now_ms: i64, w_ms: i64) -> Seen {
        match self.0.iter().rposition(|memory| memory.producer == producer) {
            Some(place) => self.0[place].observe(sequence, now_ms, 3 * w_ms),
            None => {
                self.remember(producer, sequence, now_ms, 3 * w_ms);
                Seen::New { gap: 0 }
            }
        }
    }

    fn remember(&mut self, producer: u64, sequence: u64, now_ms: i64, keep_ms: i64) {
        self.0.retain(|memory| now_ms.saturating_sub(memory.last_ms) <= keep_ms.max(60_000));
        if self.0.len() >= MAX_PRODUCERS {
            let stalest = self.0.iter().enumerate().min_by_key(|(_, m)| m.last_ms).map(|(place, _)| place);
            stalest.map(|place| self.0.remove(place));
        }
        let missing = BTreeSet::new();
        self.0.push(Memory { producer, highest: sequence, last_ms: now_ms, missing, missing_ms: now_ms });
    }

    pub(super) fn set_back(&mut self, now_ms: i64) {
        self.0.iter_mut().for_each(|memory| {
            memory.last_ms = memory.last_ms.min(now_ms);
            memory.missing_ms = memory.missing_ms.min(now_ms);
        });
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.0.iter(), |w, m| {
            w.u64(m.producer).u64(m.highest).i64(m.last_ms).i64(m.missing_ms);
            w.list(m.missing.iter(), |w, n| {
                w.u64(*n);
            });
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let memories = r.list(|r| {
            let (producer, highest, last_ms, missing_ms) = (r.u64()?, r.u64()?, r.i64()?, r.i64()?);
            let missing = r.list(Reader::u64)?.into_iter().collect();
            Ok(Memory { producer, highest, last_ms, missing, missing_ms })
        })?;
        Ok(Self(memories))
    }
}

impl Memory {
    fn observe(&mut self, sequence: u64, now_ms: i64, keep_ms: i64) -> Seen {
        self.last_ms = self.last_ms.max(now_ms);
        if sequence > self.highest {
            let gap = self.forget_missing(now_ms, keep_ms) + self.skip_to(sequence, now_ms);
            self.highest = sequence;
            return Seen::New { gap };
        }
        if self.missing.remove(&sequence) { Seen::New { gap: 0 } } else { Seen::Repeated }
    }

    /// Numbers between the highest and `sequence` are missing for now; too many are given up at once.
    fn skip_to(&mut self, sequence: u64, now_ms: i64) -> u64 {
        let between = sequence - self.highest - 1;
        if between == 0 {
            return 0;
        }
        if between as usize > MAX_MISSING.saturating_sub(self.missing.len()) {
            return between;
        }
        self.missing_ms = now_ms;
        self.missing.extend(self.highest + 1..sequence);
        0
    }

    fn forget_missing(&mut self, now_ms: i64, keep_ms: i64) -> u64 {
        if self.missing.is_empty() || now_ms.saturating_sub(self.missing_ms) <= keep_ms {
            return 0;
        }
        let given_up = self.missing.len() as u64;
        self.missing.clear();
        given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: i64 = 1_000;

    #[test]
    fn a_repeat_is_told_from_a_second_record() {
        let mut producers = Producers::default();
        assert_eq!(producers.observe(1, 1, 0, W), Seen::New { gap: 0 });
        assert_eq!(producers.observe(1, 2, 0, W), Seen::New { gap: 0 });
        assert_eq!(producers.observe(1, 2, 5, W), Seen::Repeated);
        assert_eq!(producers.observe(2, 2, 5, W), Seen::New { gap: 0 });
    }

    #[test]
    fn a_late_record_counts_once() {
        let mut producers = Producers::default();
        producers.observe(1, 1, 0, W);
        producers.observe(1, 4, 10, W);
        assert_eq!(producers.observe(1, 3, 20, W), Seen::New { gap: 0 });
        assert_eq!(producers.observe(1, 3, 30, W), Seen::Repeated);
    }

    #[test]
    fn a_lost_record_is_counted_after_3_w() {
        let mut producers = Producers::default();
        producers.observe(1, 1, 0, W);
        producers.observe(1, 3, 10, W);
        assert_eq!(producers.observe(1, 4, 3_000, W), Seen::New { gap: 0 });
        assert_eq!(producers.observe(1, 5, 3_011, W), Seen::New { gap: 1 });
        assert_eq!(producers.observe(1, 9_999, 3_012, W), Seen::New { gap: 9_993 });
    }

    #[test]
    fn memory_is_bounded() {
        let mut producers = Producers::default();
        for producer in 0..5_000 {
            producers.observe(producer, 1, producer as i64, W);
        }
        assert_eq!(producers.0.len(), MAX_PRODUCERS);
    }
}
