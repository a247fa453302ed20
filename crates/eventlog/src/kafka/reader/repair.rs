//! What goes wrong with a consumer without its saying so, or without its saying where.

use super::fetcher::Command;
use super::worker::{Worker, consumer};
use crate::{Bounds, ReadError, metric};
use domain::ids::ShardId;
use std::thread;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// How often seats are looked at for being stuck.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often the ends of shards from which nothing comes are asked for.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// A seat that was assigned anew so often, in vain, takes the consumer with it.
const MOST_NUDGES: u32 = 2;
/// Between two surveys: one that explains nothing must not follow the other at once.
const SURVEY_EVERY: Duration = Duration::from_millis(500);

/// Asking for the bounds of all shards, after an out-of-range error that named none.
#[derive(Default)]
pub(super) struct Survey {
    wished: bool,
    begun: Option<Instant>,
    /// Answers that are still to come.
    open: usize,
}

impl Survey {
    pub fn wish(&mut self) {
        self.wished = true;
    }

    /// True when one is to begin, of `seats` shards.
    fn begin(&mut self, seats: usize, now: Instant) -> bool {
        let resting = self.begun.is_some_and(|begun| now.saturating_duration_since(begun) < SURVEY_EVERY);
        if !self.wished || self.open > 0 || resting {
            return false;
        }
        *self = Self { wished: false, begun: Some(now), open: seats };
        true
    }
}

impl Worker {
    /// Once a turn.
    pub fn repair(&mut self, now: Instant) {
        if self.survey.begin(self.seats.len(), now) {
            self.ask_for_bounds();
        }
        if now.saturating_duration_since(self.checked) >= CHECK_EVERY {
            self.checked = now;
            self.check(now);
            self.ask_for_quiet(now);
        }
    }

    /// So that who gets nothing is known to be at the end, or stuck, even if nobody else asks.
    fn ask_for_quiet(&mut self, now: Instant) {
        if now.saturating_duration_since(self.asked) < ASK_EVERY {
            return;
        }
        self.asked = now;
        for seat in self.seats.values().filter(|seat| seat.is_quiet(now)) {
            // The surveyor remembers what it hears.
            self.surveyor.ask(seat.shard, |_| {});
        }
    }

    /// One of the partitions does not reach back, or on, to where it is read. Which one is not said.
    fn ask_for_bounds(&self) {
        for shard in self.seats.keys().copied() {
            let handle = self.handle.clone();
            self.surveyor.ask(shard, move |answer| handle.tell(Command::Surveyed { shard, answer }));
        }
    }

    pub fn hear(&mut self, shard: ShardId, answer: Result<Bounds, ReadError>) {
        self.survey.open = self.survey.open.saturating_sub(1);
        match (self.seats.get(&shard).map(|seat| seat.expected), answer) {
            (Some(wanted), Ok(Bounds { first, next })) if !(first..=next).contains(&wanted) => {
                metric::count_out_of_range();
                self.end(shard, ReadError::OutOfRange { shard, wanted, first, next });
            }
            // It may be the one all the same, and have been out of range for a moment: then it is silent now.
            (Some(wanted), Ok(Bounds { next, .. })) if wanted < next => self.reassign(shard),
            (Some(_), Err(_)) => self.survey.wish(),
            _ => {}
        }
    }

    /// The client may have lost touch without saying so, as producers do (after a broker stood still for 12 s two
    /// consumers in eight had): who is behind and gets nothing is assigned anew, and as that mostly does not help the
    /// consumer is made anew next.
    fn check(&mut self, now: Instant) {
        let surveyor = self.surveyor.clone();
        let stuck: Vec<_> = self
            .seats
            .values_mut()
            .filter_map(|seat| Some((seat.shard, seat.is_stuck(surveyor.last_heard(seat.shard), now)?)))
            .collect();
        if stuck.iter().any(|(_, nudges)| *nudges >= MOST_NUDGES) {
            error!(shards = stuck.len(), "shards get no records though there are some; a new consumer takes over");
            return self.recreate();
        }
        for (shard, _) in stuck {
            warn!(shard = shard.0, "a shard gets no records though there are some; assigning it anew");
            self.reassign(shard);
        }
    }

    pub fn recreate(&mut self) {
        match consumer(&self.options, &self.handle.signal) {
            Ok(new) => {
                metric::count_consumer_recreated();
                let old = std::mem::replace(&mut self.consumer, new);
                if let Err(error) = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || drop(old)) {
                    warn!(%error, "no thread to retire a consumer on");
                }
                let shards: Vec<_> = self.seats.keys().copied().collect();
                shards.into_iter().for_each(|shard| self.assign(shard));
            }
            Err(error) => error!(%error, "no new consumer could be made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surveys_follow_each_other_only_after_a_rest() {
        let (mut survey, start) = (Survey::default(), Instant::now());
        assert!(!survey.begin(2, start), "nobody wished for one");
        survey.wish();
        assert!(survey.begin(2, start));
        survey.wish();
        assert!(!survey.begin(2, start + SURVEY_EVERY), "two answers are still to come");
        survey.open = 0;
        assert!(!survey.begin(2, start + SURVEY_EVERY / 2));
        assert!(survey.begin(2, start + SURVEY_EVERY));
        survey.open = 0;
        assert!(!survey.begin(2, start + SURVEY_EVERY * 9), "it was wished for once");
    }
}
