//! What a shard's log says about one monitor, in order and in words: what led to a verdict, and what came of it.
//!
//! - [`Timeline`]: reads records one by one and keeps the events of one monitor. Pure: nothing is opened, asked or
//!   written, so a simulator can use it as well as `quietpulse explain`.
//! - [`Event`], [`What`]: one thing that happened, and its words.
//! - [`Hearing`]: who was heard in a stretch, and where nobody was.
//! - [`When`]: instants in a monitor's own zone.
//! - [`mod@narrow`]: a log as it would be if only some monitors were in it.

mod event;
mod hearing;
mod narrow;
mod when;
mod words;

pub use event::{Event, What};
pub use hearing::Hearing;
pub(crate) use narrow::made;
pub use narrow::narrow;
pub use when::When;
pub use words::policy as policy_words;

use crate::model::Opinion;
use domain::command::Action;
use domain::ids::{DeliveryId, MonitorId};
use domain::record::{Body, Params, Record};
use std::collections::VecDeque;

/// Events that are kept at most; the oldest go.
const MAX_EVENTS: usize = 10_000;

/// Whose story is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub monitor: MonitorId,
    /// Records that are told of. Those before are read for what they say about deadlines and hearing.
    pub from: u64,
    pub end: u64,
    /// Attempts at these are told of.
    pub deliveries: Vec<DeliveryId>,
}

/// Follows one monitor through a shard's log.
#[derive(Debug)]
pub struct Timeline {
    asked: Asked,
    opinion: Opinion,
    events: VecDeque<Event>,
    due: Option<i64>,
    blind: usize,
}

/// The events of one monitor among `records`, which are in the order of the log. `params` hold at the first of them.
///
/// Deadlines and what the log implies are told only if the monitor is made among them: they follow from all it did.
pub fn timeline<'a>(records: impl IntoIterator<Item = &'a Record>, asked: Asked, params: Params) -> Vec<Event> {
    let mut timeline = Timeline::new(asked, params);
    records.into_iter().for_each(|record| timeline.read(record));
    timeline.events()
}

impl Timeline {
    /// Before the first record.
    pub fn new(asked: Asked, params: Params) -> Self {
        Self { asked, opinion: Opinion::new(params), events: VecDeque::new(), due: None, blind: 0 }
    }

    /// Reads the next record.
    pub fn read(&mut self, record: &Record) {
        let monitor = self.asked.monitor;
        self.opinion.read(&narrow(record, |other| other == monitor));
        self.told(record).into_iter().for_each(|what| self.push(record, what));
        self.blind_stretches(record);
        for implied in std::mem::take(&mut self.opinion.implied) {
            self.push(record, What::Implied(implied));
        }
        let due = self.opinion.due(monitor);
        if due != self.due {
            self.due = due;
            self.push(record, What::Deadline { at_ms: due });
        }
    }

    /// What was found.
    pub fn events(self) -> Vec<Event> {
        self.events.into()
    }

    fn push(&mut self, record: &Record, what: What) {
        if !(self.asked.from..self.asked.end).contains(&record.offset) {
            return;
        }
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { offset: record.offset, append_ms: record.append.0, what });
    }

    fn told(&self, record: &Record) -> Option<What> {
        match &record.body {
            Body::Ping(ping) if ping.monitor == self.asked.monitor => Some(What::ping(record, ping)),
            Body::Command(command) if command.monitor == self.asked.monitor => Some(match &command.action {
                Action::Create(config) => What::Made(config.clone()),
                Action::Update { config, version } => What::Edited(config.clone(), version.saturating_add(1)),
                Action::Pause { until_ms } => What::Paused { until_ms: *until_ms },
                Action::Resume => What::Resumed,
                Action::Delete => What::Deleted,
                Action::RotateToken => What::TokenRotated,
                Action::Acknowledge { incident } => What::Acknowledged { incident: *incident },
            }),
            Body::Outcome(outcome) if self.asked.deliveries.contains(&outcome.delivery) => {
                Some(What::Attempt(outcome.clone()))
            }
            Body::Boot => Some(What::Boot { node: record.envelope.node, origin: record.envelope.origin }),
            Body::Deaf { from, to } => Some(What::Deaf { from_ms: from.0, to_ms: to.0 }),
            Body::Params(params) => Some(What::Params(*params)),
            Body::Moved => Some(What::Moved),
            Body::Adopt(adopted) if adopted.monitor() == self.asked.monitor => Some(What::Adopted),
            _ => None,
        }
    }

    fn blind_stretches(&mut self, record: &Record) {
        if !record.body.is_evidence() {
            return;
        }
        let known: Vec<(u8, (i64, i64))> = self.opinion.blind().collect();
        if known.len() > self.blind
            && let Some((origin, (from_ms, to_ms))) = known.iter().max_by_key(|(_, span)| span.1).copied()
        {
            self.push(record, What::Blind { origin, from_ms, to_ms });
        }
        self.blind = known.len();
    }
}
