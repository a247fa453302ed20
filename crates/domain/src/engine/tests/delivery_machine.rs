//! The life of deliveries under any order of news, answers, ticks and closings (invariant I7), watched from outside: by
//! the rows and offers it puts out, as a store and a notifier see them.

use super::delivery_watch::{Watch, blank};
use crate::codec::{Reader, Writer};
use crate::command::{AttemptOutcome, AttemptResult};
use crate::delivery::DeliveryState;
use crate::engine::deliveries::Deliveries;
use crate::engine::effects::Effect;
use crate::ids::{ChannelId, DeliveryId, MonitorId, TransitionId};
use crate::transition::{Transition, TransitionKind};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const MONITORS: u64 = 5;
const CHANNELS: [ChannelId; 3] = [ChannelId::LOG, ChannelId(7), ChannelId(8)];

#[derive(Clone, Debug)]
enum Step {
    /// The monitor goes down, or comes up.
    Turn(u64, u8),
    Tell(u64, u8, TransitionKind),
    Answer(prop::sample::Index, u8),
    /// An answer to an attempt before the last, or to a delivery that is closed.
    AnswerLate(prop::sample::Index, u8),
    Wait(i64),
    SetBack(i64),
    Silence(u64),
    DropReminders(u64),
    CloseChannel(prop::sample::Index),
    Restart,
    /// So much is told to a channel that what follows is gathered.
    Storm,
}

fn step() -> impl Strategy<Value = Step> {
    let (index, channels) = (any::<prop::sample::Index>, 1u8..8);
    let kind = prop::sample::select(vec![
        TransitionKind::Unobserved,
        TransitionKind::Reminder,
        TransitionKind::Warning,
        TransitionKind::Down,
    ]);
    prop_oneof![
        10 => (0..MONITORS, channels.clone()).prop_map(|(monitor, channels)| Step::Turn(monitor, channels)),
        4 => (0..MONITORS, channels, kind).prop_map(|(monitor, channels, kind)| Step::Tell(monitor, channels, kind)),
        10 => (index(), any::<u8>()).prop_map(|(which, how)| Step::Answer(which, how)),
        1 => (index(), any::<u8>()).prop_map(|(which, how)| Step::AnswerLate(which, how)),
        6 => (0i64..3_000).prop_map(Step::Wait),
        2 => (0i64..30_000_000).prop_map(Step::Wait),
        1 => (0i64..100_000).prop_map(Step::SetBack),
        1 => (0..MONITORS).prop_map(Step::Silence),
        1 => (0..MONITORS).prop_map(Step::DropReminders),
        1 => index().prop_map(Step::CloseChannel),
        1 => Just(Step::Restart),
        1 => Just(Step::Storm),
    ]
}

fn result(how: u8) -> AttemptResult {
    let error = "503".to_owned();
    match how % 8 {
        0 | 1 => AttemptResult::Delivered,
        2 => AttemptResult::Failed { error },
        3 => AttemptResult::Gone { error },
        4 => AttemptResult::Retry { after_ms: Some(u64::from(how) * 10_000), error },
        _ => AttemptResult::Retry { after_ms: None, error },
    }
}

struct Machine {
    deliveries: Deliveries,
    watch: Watch,
    now: i64,
    down: BTreeSet<u64>,
}

impl Machine {
    fn new() -> Self {
        Self { deliveries: Deliveries::default(), watch: Watch::default(), now: 1_000_000_000, down: BTreeSet::new() }
    }

    fn act(&mut self, act: impl FnOnce(&mut Deliveries, i64, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        act(&mut self.deliveries, self.now, &mut effects);
        effects.into_iter().for_each(|effect| self.watch.see(effect));
        let open: BTreeMap<_, _> = self.deliveries.offered().map(|(row, attempt)| (row.id, attempt)).collect();
        let rows = self.watch.rows.values().filter(|row| row.state == DeliveryState::Offered);
        assert_eq!(open, rows.map(|row| (row.id, row.attempts)).collect(), "what is on offer is what was offered");
    }

    fn tell(&mut self, monitor: u64, channels: u8, kind: TransitionKind) {
        let (monitor, number) = (MonitorId(monitor), self.watch.told.len() as u128 + 1);
        let id = TransitionId(number.to_be_bytes());
        self.watch.told.insert(id, monitor);
        let channels = CHANNELS.into_iter().enumerate().filter(|(bit, _)| channels & (1 << bit) != 0);
        let transition = Transition { id, monitor, kind, channels: channels.map(|(_, id)| id).collect(), ..blank() };
        self.act(|deliveries, now, effects| deliveries.tell(&transition, now, effects));
    }

    fn answer(&mut self, delivery: DeliveryId, attempt: u32, result: AttemptResult) {
        let outcome = AttemptOutcome { delivery, attempt, result };
        self.act(|deliveries, now, effects| deliveries.settle(&outcome, now, effects));
    }

    fn answer_late(&mut self, which: prop::sample::Index, how: u8) {
        let attempted: Vec<_> = self.watch.attempts.iter().map(|(id, attempt)| (*id, *attempt)).collect();
        let Some((id, attempt)) = attempted.get(which.index(attempted.len().max(1))).copied() else { return };
        let ended = self.watch.rows[&id].state != DeliveryState::Offered;
        let before = self.deliveries.clone();
        self.answer(id, if ended { attempt } else { attempt - 1 }, result(how));
        assert_eq!(self.deliveries, before, "a late answer changed something");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Turn(monitor, channels) => {
                let kind = if self.down.remove(&monitor) { TransitionKind::Up } else { TransitionKind::Down };
                self.down.extend((kind == TransitionKind::Down).then_some(monitor));
                self.tell(monitor, channels, kind);
            }
            Step::Tell(monitor, channels, kind) => self.tell(monitor, channels, kind),
            Step::Answer(which, how) => {
                let offered: Vec<_> = self.deliveries.offered().map(|(row, attempt)| (row.id, attempt)).collect();
                if let Some((id, attempt)) = offered.get(which.index(offered.len().max(1))).copied() {
                    self.answer(id, attempt, result(how));
                }
            }
            Step::AnswerLate(which, how) => self.answer_late(which, how),
            Step::Wait(ms) => {
                self.now += ms;
                self.act(|deliveries, now, effects| deliveries.offer_due(now, effects));
            }
            Step::SetBack(ms) => {
                self.now -= ms;
                self.act(|deliveries, now, _| deliveries.set_back(now));
            }
            Step::Silence(id) => self.act(|d, now, effects| d.silence(MonitorId(id), "paused", now, effects)),
            Step::DropReminders(id) => {
                self.act(|d, now, effects| d.drop_reminders(MonitorId(id), "seen", now, effects))
            }
            Step::CloseChannel(which) => {
                let channel = CHANNELS[which.index(CHANNELS.len())];
                self.act(|deliveries, now, effects| deliveries.close_channel(channel, now, effects));
            }
            Step::Restart => self.restart(),
            Step::Storm => (0..10).for_each(|n| self.tell(100 + n, 2, TransitionKind::Warning)),
        }
    }

    fn restart(&mut self) {
        let mut w = Writer::versioned(1);
        self.deliveries.write(&mut w);
        let bytes = w.finish();
        let restored = Deliveries::read(&mut Reader::versioned(&bytes, 1).unwrap()).unwrap();
        assert_eq!(restored, std::mem::replace(&mut self.deliveries, restored.clone()));
    }

    /// Everything is taken from now on: nothing may stay open. A digest gathers for 10 s, a retry waits 10 h at most.
    fn drain(&mut self) {
        for _ in 0..=self.watch.rows.len() + 1 {
            let offered: Vec<_> = self.deliveries.offered().map(|(row, attempt)| (row.id, attempt)).collect();
            offered.into_iter().for_each(|(id, attempt)| self.answer(id, attempt, AttemptResult::Delivered));
            self.step(Step::Wait(36_000_000));
        }
        let open: Vec<_> = self.watch.rows.values().filter(|row| !row.state.is_terminal()).collect();
        assert!(open.is_empty() && self.deliveries.backlog() == (0, None), "still open: {open:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn i7_every_delivery_ends_once_and_in_its_order(steps in prop::collection::vec(step(), 1..150)) {
        let mut machine = Machine::new();
        steps.into_iter().for_each(|step| machine.step(step));
        machine.drain();
        machine.watch.check_fallbacks();
        let told: BTreeSet<_> = machine.watch.rows.values().flat_map(|row| row.transitions.iter().copied()).collect();
        prop_assert_eq!(told.len(), machine.watch.told.len(), "every transition has a delivery");
    }
}

/// A digest gathers for 10 s; ten alerts of the 10 s before make one. So one that began with the tenth alert still
/// gathers when the first of them no longer counts, and news may pass it by and wait behind it. What comes then must not
/// be told with the digest, before the news that it follows.
#[test]
fn i7_nothing_joins_a_digest_that_other_news_of_its_monitor_waits_behind() {
    let mut machine = Machine::new();
    machine.watch.strict = true;
    let hook = 2;
    machine.tell(9, hook, TransitionKind::Warning);
    machine.step(Step::Wait(5_000));
    (0..9).for_each(|n| machine.tell(100 + n, hook, TransitionKind::Warning));
    machine.step(Step::Wait(4_000));
    machine.tell(0, hook, TransitionKind::Down);
    machine.step(Step::Wait(1_500));
    machine.tell(0, hook, TransitionKind::Up);
    machine.tell(0, hook, TransitionKind::Down);
    machine.drain();
}
