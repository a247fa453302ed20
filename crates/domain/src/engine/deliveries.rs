//! Every delivery until its terminal state (invariant I7). Per monitor and channel only the oldest is
//! offered, so that nobody hears `up` before its `down`. A retry that a later state made pointless is closed
//! with the reason; a first attempt is always made. A storm becomes a digest that lists its monitors.

use super::effects::Effect;
use crate::codec::{CodecError, Reader, Writer};
use crate::command::{AttemptOutcome, AttemptResult};
use crate::delivery::{Delivery, DeliveryState, delivery_id, retry_delay_ms};
use crate::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId, derive};
use crate::planted;
use crate::transition::{Transition, TransitionKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many alerts of one channel within this time go out one by one; what follows is gathered.
const STORM_ALERTS: usize = 10;
const STORM_MS: i64 = 10_000;
/// The most transitions of one digest.
const DIGEST_MAX: usize = 100;
/// Errors are kept up to this many characters.
const ERROR_CHARS: usize = 300;

/// A delivery that is not terminal yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub(super) row: Delivery,
    kind: TransitionKind,
    /// The monitors in whose queues it stands; one, or those of a digest.
    monitors: Vec<MonitorId>,
    /// A digest that still gathers, until this time.
    gathers_until: Option<i64>,
}

/// The open deliveries of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    open: BTreeMap<DeliveryId, Open>,
    queues: BTreeMap<(MonitorId, ChannelId), VecDeque<DeliveryId>>,
    /// Retries by due time.
    due: BTreeSet<(i64, DeliveryId)>,
    /// When each channel was told something lately.
    recent: BTreeMap<ChannelId, VecDeque<i64>>,
    gathering: BTreeMap<ChannelId, DeliveryId>,
}

impl Deliveries {
    /// Starts the deliveries of a transition.
    pub fn tell(&mut self, transition: &Transition, now: i64, effects: &mut Vec<Effect>) {
        for channel in &transition.channels {
            self.supersede_older(transition, *channel, now, effects);
            if self.is_storm(*channel, now) {
                self.gather(transition, *channel, now, effects);
            } else {
                let id = delivery_id(transition.id, *channel);
                self.start(id, transition, *channel, None, now, effects);
            }
        }
    }

    /// Takes a notifier's answer. One to an older attempt, or to a closed delivery, changes nothing.
    pub fn settle(&mut self, outcome: &AttemptOutcome, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get(&outcome.delivery) else { return };
        if open.row.attempts != outcome.attempt || open.row.state != DeliveryState::Offered {
            return;
        }
        let (id, row) = (outcome.delivery, open.row.clone());
        match &outcome.result {
            AttemptResult::Delivered => self.close(id, DeliveryState::Delivered, "", now, effects),
            AttemptResult::Retry { after_ms, error } => self.retry(id, *after_ms, error, now, effects),
            AttemptResult::Failed { error } => self.give_up(id, error, now, effects),
            AttemptResult::Gone { error } => {
                let reason = cut(error);
                effects.push(Effect::DisableChannel { tenant: row.tenant, channel: row.channel, reason });
                self.give_up(id, error, now, effects);
            }
        }
    }

    /// Offers retries whose time has come, and digests that have gathered long enough.
    pub fn offer_due(&mut self, now: i64, effects: &mut Vec<Effect>) {
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            self.offer(id, now, effects);
        }
        let ripe = |open: &Open| open.gathers_until.is_some_and(|until| until <= now);
        let ripe: Vec<DeliveryId> =
            self.gathering.values().filter(|id| self.open.get(id).is_some_and(ripe)).copied().collect();
        for id in ripe {
            self.end_gathering(id, now, effects);
        }
    }

    /// Closes everything of a monitor that nobody needs to hear any more.
    pub fn silence(&mut self, monitor: MonitorId, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        let alone = |open: &Open| open.monitors == [monitor];
        self.supersede(alone, reason, now, effects);
    }

    /// Closes the reminders of a monitor.
    pub fn drop_reminders(&mut self, monitor: MonitorId, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        let reminders = |open: &Open| open.monitors == [monitor] && open.kind == TransitionKind::Reminder;
        self.supersede(reminders, reason, now, effects);
    }

    /// Closes everything on its way to a channel.
    pub fn close_channel(&mut self, channel: ChannelId, now: i64, effects: &mut Vec<Effect>) {
        self.supersede(|open| open.row.channel == channel, "the channel was deleted", now, effects);
    }

    pub fn offered(&self) -> impl Iterator<Item = (&Delivery, u32)> {
        let offered = self.open.values().filter(|open| open.row.state == DeliveryState::Offered);
        offered.map(|open| (&open.row, open.row.attempts))
    }

    pub fn get(&self, id: DeliveryId) -> Option<&Delivery> {
        self.open.get(&id).map(|open| &open.row)
    }

    pub fn backlog(&self) -> (usize, Option<i64>) {
        (self.open.len(), self.open.values().map(|open| open.row.created_ms).min())
    }

    /// The open deliveries that stand in a monitor's queues, in the order of its queues. A digest goes with the first
    /// of its monitors.
    pub fn of(&self, monitor: MonitorId) -> impl Iterator<Item = &Open> {
        let queues = self.queues.range((monitor, ChannelId(0))..=(monitor, ChannelId(u64::MAX)));
        let ids = queues.flat_map(|(_, queue)| queue.iter());
        ids.filter_map(|id| self.open.get(id)).filter(move |open| open.monitors.first() == Some(&monitor))
    }

    /// Takes on deliveries that began elsewhere. An attempt that may be under way is offered again: it carries the
    /// same id.
    pub fn adopt(&mut self, deliveries: &[Open], now: i64, effects: &mut Vec<Effect>) {
        for open in deliveries {
            let id = open.row.id;
            // Its other monitors may be judged by another shard from now on: it stands in one queue only.
            let monitors = vec![open.row.monitor];
            let open = Open { monitors, gathers_until: None, ..open.clone() };
            self.queues.entry((open.row.monitor, open.row.channel)).or_default().push_back(id);
            effects.push(Effect::Delivery(Box::new(open.row.clone())));
            match open.row.state {
                DeliveryState::Offered => effects.push(Effect::Offer { delivery: id, attempt: open.row.attempts }),
                DeliveryState::Retrying => drop(self.due.insert((open.row.due_ms, id))),
                _ => {}
            }
            self.open.insert(id, open);
        }
        for open in deliveries {
            self.offer_if_first(open.row.id, now, effects);
        }
    }

    /// The log's clock was set back: nothing waits for a time that will not come for long.
    pub fn set_back(&mut self, now: i64) {
        self.due.clear();
        for (id, open) in self.open.iter_mut().filter(|(_, open)| open.row.state == DeliveryState::Retrying) {
            open.row.due_ms = open.row.due_ms.min(now);
            self.due.insert((open.row.due_ms, *id));
        }
        self.recent.clear();
        self.open.values_mut().for_each(|open| open.gathers_until = open.gathers_until.map(|until| until.min(now)));
    }

    fn start(
        &mut self,
        id: DeliveryId,
        transition: &Transition,
        channel: ChannelId,
        gathers_until: Option<i64>,
        now: i64,
        effects: &mut Vec<Effect>,
    ) {
        if self.open.contains_key(&id) {
            return;
        }
        let row = Delivery {
            id,
            tenant: transition.identity.tenant,
            monitor: transition.monitor,
            channel,
            transitions: vec![transition.id],
            state: DeliveryState::Queued,
            attempts: 0,
            created_ms: now,
            changed_ms: now,
            due_ms: now,
            error: String::new(),
        };
        let open = Open { row, kind: transition.kind, monitors: vec![transition.monitor], gathers_until };
        effects.push(Effect::Delivery(Box::new(open.row.clone())));
        self.open.insert(id, open);
        self.queues.entry((transition.monitor, channel)).or_default().push_back(id);
        self.offer_if_first(id, now, effects);
    }

    /// Whether a channel was told so much lately that what comes now is gathered. The built-in channel is
    /// never: a line costs nothing.
    fn is_storm(&mut self, channel: ChannelId, now: i64) -> bool {
        if channel == ChannelId::LOG {
            return false;
        }
        let recent = self.recent.entry(channel).or_default();
        while recent.front().is_some_and(|at| now - at >= STORM_MS) {
            recent.pop_front();
        }
        if recent.len() >= STORM_ALERTS {
            return true;
        }
        recent.push_back(now);
        false
    }

    fn gather(&mut self, transition: &Transition, channel: ChannelId, now: i64, effects: &mut Vec<Effect>) {
        if let Some(id) = self.gathering.get(&channel).copied() {
            if self.joins(id, transition) {
                self.join(id, transition, now, effects);
                return;
            }
            self.end_gathering(id, now, effects);
        }
        let id = DeliveryId(derive("quietpulse digest v1", &[&transition.id.0, &channel.0.to_be_bytes()]));
        self.gathering.insert(channel, id);
        self.start(id, transition, channel, Some(now + STORM_MS), now, effects);
    }

    /// Whether a digest may take a transition in: not before news of the same monitor that wait behind the digest.
    fn joins(&self, id: DeliveryId, transition: &Transition) -> bool {
        let Some(open) = self.open.get(&id) else { return false };
        let queue = self.queues.get(&(transition.monitor, open.row.channel));
        let is_last = !open.monitors.contains(&transition.monitor) || queue.and_then(VecDeque::back) == Some(&id);
        is_last && open.row.tenant == transition.identity.tenant && open.row.transitions.len() < DIGEST_MAX
    }

    fn join(&mut self, id: DeliveryId, transition: &Transition, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.row.transitions.push(transition.id);
        open.row.changed_ms = now;
        if !open.monitors.contains(&transition.monitor) {
            open.monitors.push(transition.monitor);
            self.queues.entry((transition.monitor, open.row.channel)).or_default().push_back(id);
        }
        effects.push(Effect::Delivery(Box::new(open.row.clone())));
    }

    fn end_gathering(&mut self, id: DeliveryId, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.gathers_until = None;
        self.gathering.remove(&open.row.channel);
        self.offer_if_first(id, now, effects);
    }

    /// Offers a waiting delivery if it is the oldest in the queues of all its monitors.
    fn offer_if_first(&mut self, id: DeliveryId, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get(&id) else { return };
        let first = open
            .monitors
            .iter()
            .all(|monitor| self.queues.get(&(*monitor, open.row.channel)).and_then(VecDeque::front) == Some(&id));
        if planted!("no-queue", first, true) && open.gathers_until.is_none() && open.row.state == DeliveryState::Queued
        {
            self.offer(id, now, effects);
        }
    }

    fn offer(&mut self, id: DeliveryId, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.row.state = DeliveryState::Offered;
        open.row.attempts += 1;
        open.row.changed_ms = now;
        let attempt = open.row.attempts;
        effects.push(Effect::Delivery(Box::new(open.row.clone())));
        effects.push(Effect::Offer { delivery: id, attempt });
    }

    fn retry(&mut self, id: DeliveryId, after_ms: Option<u64>, error: &str, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if let Some(later) = later_state(&self.queues, open) {
            let reason = format!("superseded by a later state ({later}); last error: {}", cut(error));
            self.close(id, DeliveryState::Superseded, &reason, now, effects);
            return;
        }
        let Some(delay) = retry_delay_ms(id, open.row.attempts, after_ms) else {
            let reason = format!("all {} attempts failed; last error: {}", open.row.attempts, cut(error));
            self.give_up(id, &reason, now, effects);
            return;
        };
        open.row.state = DeliveryState::Retrying;
        open.row.error = cut(error);
        open.row.changed_ms = now;
        open.row.due_ms = now.saturating_add(delay as i64);
        planted!("retry-never-due", self.due.insert((open.row.due_ms, id)), false);
        effects.push(Effect::Delivery(Box::new(open.row.clone())));
        effects.push(Effect::Withdraw { delivery: id });
    }

    /// A delivery that cannot succeed. The built-in channel says it instead, so that nothing is lost in silence.
    fn give_up(&mut self, id: DeliveryId, error: &str, now: i64, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get(&id).cloned() else { return };
        self.close(id, DeliveryState::Failed, &cut(error), now, effects);
        if open.row.channel == ChannelId::LOG {
            return;
        }
        let fallback = DeliveryId(derive("quietpulse fallback v1", &[&id.0]));
        let row = Delivery {
            id: fallback,
            channel: ChannelId::LOG,
            state: DeliveryState::Queued,
            attempts: 0,
            created_ms: now,
            changed_ms: now,
            due_ms: now,
            error: String::new(),
            ..open.row
        };
        for monitor in &open.monitors {
            self.queues.entry((*monitor, ChannelId::LOG)).or_default().push_back(fallback);
        }
        effects.push(Effect::Delivery(Box::new(row.clone())));
        self.open.insert(fallback, Open { row, gathers_until: None, ..open });
        self.offer_if_first(fallback, now, effects);
    }

    fn supersede_older(&mut self, transition: &Transition, channel: ChannelId, now: i64, effects: &mut Vec<Effect>) {
        if transition.kind == TransitionKind::Warning {
            return;
        }
        let monitor = transition.monitor;
        let pointless = |open: &Open| {
            let same = open.row.channel == channel && open.monitors == [monitor];
            let failed_before = open.row.state == DeliveryState::Retrying && is_state(transition.kind);
            same && (failed_before
                || (open.kind == TransitionKind::Reminder && open.row.state != DeliveryState::Offered))
        };
        let reason = format!("superseded by a later state ({})", transition.kind);
        self.supersede_in_queue(monitor, channel, pointless, &reason, now, effects);
    }

    fn supersede_in_queue(
        &mut self,
        monitor: MonitorId,
        channel: ChannelId,
        which: impl Fn(&Open) -> bool,
        reason: &str,
        now: i64,
        effects: &mut Vec<Effect>,
    ) {
        let Some(queue) = self.queues.get(&(monitor, channel)) else { return };
        let ids: Vec<DeliveryId> = queue.iter().filter(|id| self.open.get(id).is_some_and(&which)).copied().collect();
        for id in ids {
            self.close(id, DeliveryState::Superseded, reason, now, effects);
        }
    }

    fn supersede(&mut self, which: impl Fn(&Open) -> bool, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        let ids: Vec<DeliveryId> = self.open.iter().filter(|(_, open)| which(open)).map(|(id, _)| *id).collect();
        for id in ids {
            self.close(id, DeliveryState::Superseded, reason, now, effects);
        }
    }

    fn close(&mut self, id: DeliveryId, state: DeliveryState, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        let Some(mut open) = self.open.remove(&id) else { return };
        self.due.remove(&(open.row.due_ms, id));
        if self.gathering.get(&open.row.channel) == Some(&id) {
            self.gathering.remove(&open.row.channel);
        }
        open.row.state = state;
        open.row.changed_ms = now;
        open.row.error = reason.to_owned();
        effects.push(Effect::Withdraw { delivery: id });
        let channel = open.row.channel;
        effects.push(Effect::Delivery(Box::new(open.row)));
        for monitor in open.monitors {
            self.leave_queue(id, monitor, channel, now, effects);
        }
    }

    fn leave_queue(
        &mut self,
        id: DeliveryId,
        monitor: MonitorId,
        channel: ChannelId,
        now: i64,
        effects: &mut Vec<Effect>,
    ) {
        let Some(queue) = self.queues.get_mut(&(monitor, channel)) else { return };
        queue.retain(|other| *other != id);
        match queue.front().copied() {
            Some(next) => self.offer_if_first(next, now, effects),
            None => {
                self.queues.remove(&(monitor, channel));
            }
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.open.values(), write_open);
        w.list(self.queues.iter(), |w, ((monitor, channel), queue)| {
            w.u64(monitor.0).u64(channel.0).list(queue.iter(), |w, id| {
                w.raw(&id.0);
            });
        });
        w.list(self.recent.iter(), |w, (channel, times)| {
            w.u64(channel.0).list(times.iter(), |w, at| {
                w.i64(*at);
            });
        });
        w.list(self.gathering.iter(), |w, (channel, id)| {
            w.u64(channel.0).raw(&id.0);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let open: BTreeMap<_, _> = r.list(read_open)?.into_iter().map(|open| (open.row.id, open)).collect();
        let queues = r.list(|r| {
            let key = (MonitorId(r.u64()?), ChannelId(r.u64()?));
            Ok((key, r.list(|r| r.id().map(DeliveryId))?.into()))
        })?;
        let recent = r.list(|r| Ok((ChannelId(r.u64()?), r.list(Reader::i64)?.into())))?;
        let gathering = r.list(|r| Ok((ChannelId(r.u64()?), DeliveryId(r.id()?))))?;
        let retrying = open.values().filter(|open| open.row.state == DeliveryState::Retrying);
        let due = retrying.map(|open| (open.row.due_ms, open.row.id)).collect();
        let (queues, recent) = (queues.into_iter().collect(), recent.into_iter().collect());
        Ok(Self { open, queues, due, recent, gathering: gathering.into_iter().collect() })
    }
}

/// Whether a kind says where a monitor stands, and so makes an older word about it pointless.
fn is_state(kind: TransitionKind) -> bool {
    matches!(kind, TransitionKind::Down | TransitionKind::Up | TransitionKind::Unobserved)
}

/// Whether something newer waits behind a delivery in the queue of its only monitor.
fn later_state(queues: &BTreeMap<(MonitorId, ChannelId), VecDeque<DeliveryId>>, open: &Open) -> Option<DeliveryId> {
    let [monitor] = open.monitors[..] else { return None };
    queues.get(&(monitor, open.row.channel))?.get(1).copied()
}

fn cut(error: &str) -> String {
    error.chars().take(ERROR_CHARS).collect()
}

const KINDS: [TransitionKind; 6] = [
    TransitionKind::Down,
    TransitionKind::Up,
    TransitionKind::Unobserved,
    TransitionKind::Reminder,
    TransitionKind::Warning,
    TransitionKind::Silent,
];
const STATES: [DeliveryState; 6] = [
    DeliveryState::Queued,
    DeliveryState::Offered,
    DeliveryState::Retrying,
    DeliveryState::Delivered,
    DeliveryState::Failed,
    DeliveryState::Superseded,
];

impl Open {
    pub(super) fn write(&self, w: &mut Writer) {
        write_open(w, self);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        read_open(r)
    }
}

fn write_open(w: &mut Writer, open: &Open) {
    let row = &open.row;
    w.raw(&row.id.0).u32(row.tenant.0).u64(row.monitor.0).u64(row.channel.0);
    w.list(row.transitions.iter(), |w, id| {
        w.raw(&id.0);
    });
    w.u8(row.state as u8).u32(row.attempts).i64(row.created_ms).i64(row.changed_ms).i64(row.due_ms).text(&row.error);
    w.u8(open.kind as u8).list(open.monitors.iter(), |w, monitor| {
        w.u64(monitor.0);
    });
    w.option(open.gathers_until, |w, until| {
        w.i64(until);
    });
}

fn read_open(r: &mut Reader<'_>) -> Result<Open, CodecError> {
    let row = Delivery {
        id: DeliveryId(r.id()?),
        tenant: TenantId(r.u32()?),
        monitor: MonitorId(r.u64()?),
        channel: ChannelId(r.u64()?),
        transitions: r.list(|r| r.id().map(TransitionId))?,
        state: *STATES.get(usize::from(r.u8()?)).ok_or(CodecError::Value("delivery state"))?,
        attempts: r.u32()?,
        created_ms: r.i64()?,
        changed_ms: r.i64()?,
        due_ms: r.i64()?,
        error: r.text()?,
    };
    let kind = *KINDS.get(usize::from(r.u8()?)).ok_or(CodecError::Value("transition kind"))?;
    let monitors = r.list(|r| r.u64().map(MonitorId))?;
    Ok(Open { row, kind, monitors, gathers_until: r.option(Reader::i64)? })
}
