//! When each monitor has to be looked at: one `u32` second a monitor in a flat array, with a lazy lower
//! bound per block of 2,048. Re-arming is one store (a ping only raises its deadline, so the block's bound
//! stays valid); a tick scans only blocks whose bound has passed. No wheel, no heap, nothing to cascade.

/// Monitors per block.
const BLOCK: usize = 2_048;
/// "Never".
pub const NEVER: u32 = u32::MAX;

/// One timer a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    wake: Vec<u32>,
    /// At most the least `wake` of the block.
    bound: Vec<u32>,
}

impl Timers {
    /// Adds the timer of the next slot.
    pub fn push(&mut self, second: u32) {
        self.wake.push(second);
        let block = (self.wake.len() - 1) / BLOCK;
        match self.bound.get_mut(block) {
            Some(bound) => *bound = (*bound).min(second),
            None => self.bound.push(second),
        }
    }

    /// The second at which `slot` is due.
    pub fn get(&self, slot: u32) -> u32 {
        self.wake[slot as usize]
    }

    /// Re-arms `slot`.
    pub fn set(&mut self, slot: u32, second: u32) {
        self.wake[slot as usize] = second;
        let bound = &mut self.bound[slot as usize / BLOCK];
        *bound = (*bound).min(second);
    }

    /// Hands every slot due at `now` to `due`, in order of slots. It must be re-armed after that: the
    /// bounds are made exact afterwards by [`Self::settle`].
    pub fn collect_due(&self, now: u32, due: &mut Vec<u32>) {
        for (block, bound) in self.bound.iter().enumerate() {
            if *bound <= now {
                let start = block * BLOCK;
                let end = (start + BLOCK).min(self.wake.len());
                let slots = self.wake[start..end].iter().enumerate();
                due.extend(slots.filter(|(_, wake)| **wake <= now).map(|(place, _)| (start + place) as u32));
            }
        }
    }

    /// Makes the bounds of passed blocks exact again.
    pub fn settle(&mut self, now: u32) {
        for (block, bound) in self.bound.iter_mut().enumerate() {
            if *bound <= now {
                let start = block * BLOCK;
                let end = (start + BLOCK).min(self.wake.len());
                *bound = self.wake[start..end].iter().copied().min().unwrap_or(NEVER);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_exactly_what_is_due(steps in prop::collection::vec((0u32..5_000, 1u32..100), 1..200)) {
            let mut timers = Timers::default();
            (0..5_000).for_each(|_| timers.push(NEVER));
            for (now, (slot, second)) in steps.into_iter().enumerate() {
                timers.set(slot, second);
                let now = now as u32;
                let mut due = Vec::new();
                timers.collect_due(now, &mut due);
                let expected: Vec<u32> = (0..5_000).filter(|s| timers.get(*s) <= now).collect();
                prop_assert_eq!(&due, &expected);
                due.into_iter().for_each(|s| timers.set(s, NEVER));
                timers.settle(now);
            }
        }
    }
}
