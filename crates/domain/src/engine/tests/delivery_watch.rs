//! Deliveries seen from outside, by the rows and offers they put out: the rules of invariant I7 that hold at every step.

use crate::command::Status;
use crate::delivery::{Delivery, DeliveryState, RETRY_MS};
use crate::engine::effects::Effect;
use crate::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use crate::monitor::Identity;
use crate::transition::{Reason, Transition, TransitionKind};
use std::collections::BTreeMap;

const MAX_ATTEMPTS: u32 = RETRY_MS.len() as u32;

/// What was seen from outside.
#[derive(Default)]
pub struct Watch {
    /// Also of what joined a digest later than other news of its monitor came to be.
    pub strict: bool,
    pub told: BTreeMap<TransitionId, MonitorId>,
    pub rows: BTreeMap<DeliveryId, Delivery>,
    pub attempts: BTreeMap<DeliveryId, u32>,
    /// What is said about a monitor on a channel, in the order in which it came to be, and the delivery that says it.
    lines: BTreeMap<(MonitorId, ChannelId), Vec<(TransitionId, DeliveryId)>>,
}

impl Watch {
    pub fn see(&mut self, effect: Effect) {
        match effect {
            Effect::Delivery(row) => self.see_row(*row),
            Effect::Offer { delivery, attempt } => self.see_offer(delivery, attempt),
            Effect::Withdraw { .. } | Effect::DisableChannel { .. } => {}
            other => panic!("deliveries have no part in {other:?}"),
        }
    }

    fn see_row(&mut self, row: Delivery) {
        if let Some(before) = self.rows.get(&row.id) {
            assert!(!before.state.is_terminal(), "{before:?} had ended and became {row:?}");
            assert!(row.transitions.starts_with(&before.transitions) && row.channel == before.channel);
        }
        for said in row.transitions.iter().map(|id| (*id, row.id)) {
            let line = self.lines.entry((self.told[&said.0], row.channel)).or_default();
            let known = line
                .iter()
                .any(|(transition, delivery)| *delivery == said.1 && (!self.strict || *transition == said.0));
            line.extend((!known).then_some(said));
        }
        self.rows.insert(row.id, row);
    }

    fn see_offer(&mut self, id: DeliveryId, attempt: u32) {
        let row = &self.rows[&id];
        assert_eq!(row.state, DeliveryState::Offered, "offered: {row:?}");
        assert_eq!((attempt, row.attempts), (self.attempts.get(&id).map_or(1, |last| last + 1), attempt));
        assert!(attempt <= MAX_ATTEMPTS, "attempt {attempt} of {id}");
        for said in &row.transitions {
            let line = &self.lines[&(self.told[said], row.channel)];
            let place = |(other, delivery): &&(TransitionId, DeliveryId)| match self.strict {
                true => other != said,
                false => *delivery != id,
            };
            let older = line.iter().take_while(place).filter(|(_, delivery)| *delivery != id);
            let open = { older }.find(|(_, delivery)| !self.rows[delivery].state.is_terminal());
            assert_eq!(open, None, "{id} was offered before an older word about {} had ended", self.told[said]);
        }
        self.attempts.insert(id, attempt);
    }

    /// Every failure is said on the built-in channel, and only failures are said again.
    pub fn check_fallbacks(&self) {
        let failed =
            self.rows.values().filter(|row| row.state == DeliveryState::Failed && row.channel != ChannelId::LOG);
        let of_failed: Vec<_> = failed.map(|row| row.transitions.clone()).collect();
        let log: Vec<_> = self.rows.values().filter(|row| row.channel == ChannelId::LOG).collect();
        let direct = |row: &&Delivery| crate::delivery::delivery_id(row.transitions[0], ChannelId::LOG) == row.id;
        assert_eq!(log.iter().filter(|row| !direct(row)).count(), of_failed.len());
        assert!(of_failed.iter().all(|told| log.iter().any(|row| row.transitions == *told)));
    }
}

/// A transition of which only what deliveries look at need be set.
pub fn blank() -> Transition {
    Transition {
        id: TransitionId::default(),
        monitor: MonitorId(0),
        identity: Identity { tenant: TenantId(1), ..Identity::default() },
        kind: TransitionKind::Down,
        reason: Reason::Failed,
        from: Status::Up,
        to: Status::Down,
        occurred_ms: 0,
        known_ms: 0,
        offset: 0,
        version: 1,
        expected_ms: None,
        deadline_ms: None,
        last_ping: None,
        incident: None,
        zone: String::new(),
        schedule: String::new(),
        grace_secs: 0,
        detail: String::new(),
        run_started_ms: None,
        blind: None,
        retracts: None,
        channels: vec![],
    }
}
