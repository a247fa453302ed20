//! A shard from its first record to its last.

use super::clock::Clock;
use super::hearing::{Hearing, Span};
use super::watch::{Last, Watch};
use domain::command::{Action, Command, MonitorView, Status};
use domain::ids::{CommandId, MonitorId, TransitionId};
use domain::monitor::{MonitorConfig, Policy};
use domain::ping::Ping;
use domain::record::{Body, Params, Record};
use domain::token::MAX_GENERATION;
use domain::transition::{Reason, Transition, TransitionKind};
use std::collections::{BTreeMap, BTreeSet};

/// Commands that are known to have been carried out, at least.
const COMMANDS: usize = 4_096;

/// A transition that the log implies, and the record at which it must be concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    pub monitor: MonitorId,
    pub offset: u64,
    pub kind: TransitionKind,
    pub reason: Reason,
    pub to: Status,
    pub occurred_ms: i64,
    pub deadline_ms: Option<i64>,
}

/// All that a shard's log implies.
#[derive(Debug)]
pub struct Opinion {
    pub implied: Vec<Implied>,
    /// Each monitor's status from an offset on.
    pub statuses: BTreeMap<MonitorId, Vec<(u64, Status)>>,
    /// Why this opinion ends where it does: what the rules here do not cover.
    pub beyond: Option<String>,
    clock: Clock,
    hearing: Hearing,
    watches: BTreeMap<MonitorId, Watch>,
    seen: BTreeSet<(u64, u64)>,
    commands: BTreeSet<CommandId>,
    faded: Faded,
    /// The records that opened incidents somebody may acknowledge, by the ids that were given to them.
    incidents: BTreeMap<TransitionId, (MonitorId, u64)>,
}

/// What is left of the memory of records and commands once it was asked to be shorter.
#[derive(Debug, Default)]
struct Faded {
    /// Seen before the memory was last shortened, and since the time before.
    seen: BTreeSet<(u64, u64)>,
    /// By producer: everything up to here was seen, or lost.
    floors: BTreeMap<u64, u64>,
    commands: BTreeSet<CommandId>,
}

impl Faded {
    fn knows(&self, number: (u64, u64)) -> bool {
        self.seen.contains(&number) || self.floors.get(&number.0).is_some_and(|floor| number.1 <= *floor)
    }
}

impl Opinion {
    /// Before the first record. `params` hold until the log says otherwise.
    pub fn new(params: Params) -> Self {
        Self {
            implied: Vec::new(),
            statuses: BTreeMap::new(),
            beyond: None,
            clock: Clock::new(params),
            hearing: Hearing::default(),
            watches: BTreeMap::new(),
            seen: BTreeSet::new(),
            commands: BTreeSet::new(),
            faded: Faded::default(),
            incidents: BTreeMap::new(),
        }
    }

    /// As [`Self::new`], in the middle of a log: `now_ms` is the shard's time there.
    pub fn starting_at(now_ms: i64, params: Params) -> Self {
        let mut opinion = Self::new(params);
        opinion.clock.now = now_ms;
        opinion
    }

    /// Takes a monitor on in the middle of a log. When it is expected is not known until it is heard.
    pub fn know(&mut self, view: &MonitorView) {
        let now = self.clock.now;
        let mut watch = Watch::new(view.config.clone(), now);
        match view.live.status {
            Status::Paused => watch.pause(view.live.paused_until_ms, now),
            Status::Late => watch.status = Status::Up,
            status => watch.status = status,
        }
        (watch.version, watch.generation) = (view.version, view.generation);
        watch.last = view.live.last_ping.as_ref().map(|ping| Last { at: ping.at_ms, kind: ping.kind, run: ping.run });
        drop(watch.take_conclusions());
        self.statuses.insert(view.monitor, vec![(0, watch.status)]);
        self.watches.insert(view.monitor, watch);
    }

    /// A monitor's status now; `None`: it is not known, or deleted.
    pub fn status(&self, monitor: MonitorId) -> Option<Status> {
        self.watches.get(&monitor).filter(|watch| !watch.is_deleted).map(|watch| watch.status)
    }

    /// The record of a monitor's last ping that was not ignored, as far as it was read.
    pub fn heard(&self, monitor: MonitorId) -> Option<u64> {
        self.watches.get(&monitor)?.heard
    }

    /// How a monitor is judged now.
    pub fn policy(&self, monitor: MonitorId) -> Option<&Policy> {
        self.watches.get(&monitor).map(|watch| &watch.config.policy)
    }

    /// Keeps of the records that were read before this was last called only how far each producer had come: what it had
    /// not sent by then was lost.
    pub fn forget_repeats(&mut self) {
        for (producer, sequence) in std::mem::replace(&mut self.faded.seen, std::mem::take(&mut self.seen)) {
            let floor = self.faded.floors.entry(producer).or_default();
            *floor = sequence.max(*floor);
        }
    }

    /// Lets go of what can matter no more: all but the last commands, names of incidents, past statuses, and blind
    /// stretches that ended before `blind_before_ms`.
    pub fn forget(&mut self, blind_before_ms: i64) {
        if self.commands.len() >= COMMANDS {
            self.faded.commands = std::mem::take(&mut self.commands);
        }
        self.incidents.clear();
        self.statuses.values_mut().for_each(|known| drop(known.drain(..known.len().saturating_sub(1))));
        self.hearing.forget(blind_before_ms);
    }

    /// An id is given by whoever concludes, so that a later record can speak of it. One that is named early says nothing:
    /// an incident is known from the record that opens it.
    pub fn name(&mut self, concluded: &Transition) {
        self.incidents.insert(concluded.id, (concluded.monitor, concluded.offset));
    }

    /// A monitor's status just before a record.
    pub fn status_before(&self, monitor: MonitorId, offset: u64) -> Option<Status> {
        let known = self.statuses.get(&monitor)?.iter().rev();
        known.into_iter().find(|(from, _)| *from < offset).map(|(_, status)| *status)
    }

    /// The slug of a monitor.
    pub fn slug(&self, monitor: MonitorId) -> &str {
        self.watches.get(&monitor).map_or("?", |watch| &watch.config.identity.slug)
    }

    /// Stretches in which nobody could be heard, by origin.
    pub fn blind(&self) -> impl Iterator<Item = (u8, Span)> {
        self.hearing.blind()
    }

    /// The shard's time now.
    pub fn now_ms(&self) -> i64 {
        self.clock.now
    }

    /// The deadline of a monitor's silence, if one is armed.
    pub fn due(&self, monitor: MonitorId) -> Option<i64> {
        self.watches.get(&monitor).and_then(Watch::due)
    }

    /// Reads the next record.
    pub fn read(&mut self, record: &Record) {
        if self.beyond.is_some() {
            return;
        }
        let is_tick = matches!(record.body, Body::Tick);
        if self.clock.take(record.append.0, is_tick) {
            self.hearing.set_back(self.clock.now);
            self.watches.values_mut().for_each(|watch| watch.restart(self.clock.now));
        }
        let envelope = &record.envelope;
        // A record that a producer sent twice is one record.
        let number = (envelope.producer, envelope.sequence);
        if envelope.producer != 0 && (self.faded.knows(number) || !self.seen.insert(number)) {
            return;
        }
        self.listen(record);
        match &record.body {
            Body::Ping(ping) => self.ping(record, ping),
            Body::Tick => self.look_at_all(record),
            Body::Deaf { from, to } => self.deaf(record, (from.0, to.0)),
            Body::Command(command) => self.command(record, command),
            Body::Params(params) => {
                self.look_at_all(record);
                self.clock.set(*params);
            }
            Body::Moved | Body::Adopt(_) => self.beyond = Some(format!("monitors move at offset {}", record.offset)),
            Body::Canary | Body::Boot | Body::Outcome(_) | Body::ChannelClosed { .. } => {}
        }
    }

    /// What an ingest wrote proves that it could hear.
    fn listen(&mut self, record: &Record) {
        if !record.body.is_evidence() {
            return;
        }
        let (origin, node) = (record.envelope.origin, record.envelope.node);
        match record.body {
            Body::Boot => self.hearing.booted(origin, node, self.clock.now, self.clock.c),
            _ => self.hearing.heard(origin, node, self.clock.now, self.clock.c),
        }
        self.watches.values_mut().for_each(Watch::wake);
    }

    fn ping(&mut self, record: &Record, ping: &Ping) {
        let is_alive = self.watches.get(&ping.monitor).is_some_and(|watch| !watch.is_deleted);
        if let Some(config) = ping.create.as_ref().filter(|_| !is_alive) {
            if !self.create(record, ping.monitor, config) {
                return;
            }
        } else if !is_alive {
            return;
        }
        let Some(watch) = self.watches.get_mut(&ping.monitor) else { return };
        if is_alive && ping.generation.is_some_and(|shown| shown != watch.generation) {
            return;
        }
        self.look_at(ping.monitor, record);
        let at = self.clock.effective(record.append.0, record.envelope.received.0);
        self.change(record, ping.monitor, |watch, _| watch.ping(ping, record.envelope.origin, at));
    }

    /// What is due is judged first; then the stretch is blind, and what it explains is taken back.
    fn deaf(&mut self, record: &Record, (from, to): Span) {
        self.look_at_all(record);
        let (origin, blind) = (record.envelope.origin, (from, to.min(self.clock.now)));
        self.hearing.deaf(origin, blind);
        if blind.0 < blind.1 {
            self.change_all(record, |watch, clock| watch.explain(origin, blind, clock));
        }
    }

    fn command(&mut self, record: &Record, command: &Command) {
        // A command that was repeated has been carried out.
        if self.faded.commands.contains(&command.id) || !self.commands.insert(command.id) {
            return;
        }
        if let Action::Create(config) = &command.action {
            if config.identity.tenant == command.tenant {
                self.create(record, command.monitor, config);
            }
            return;
        }
        let owned = |watch: &&Watch| !watch.is_deleted && watch.config.identity.tenant == command.tenant;
        if self.watches.get(&command.monitor).filter(owned).is_none() {
            return;
        }
        self.look_at(command.monitor, record);
        let incident = match &command.action {
            Action::Acknowledge { incident } => self.incidents.get(incident),
            _ => None,
        };
        let incident = incident.filter(|(monitor, _)| *monitor == command.monitor).map(|(_, opened)| *opened);
        self.change(record, command.monitor, |watch, clock| match &command.action {
            Action::Update { config, version } => {
                let same = (watch.config.identity.tenant, &watch.config.identity.slug)
                    == (config.identity.tenant, &config.identity.slug);
                if *version == watch.version && same && config.check(domain::time::UnixMs(clock.now)).is_ok() {
                    watch.update((**config).clone(), clock.now);
                }
            }
            Action::Pause { until_ms } => watch.pause(*until_ms, clock.now),
            Action::Resume if watch.status == Status::Paused => watch.resume(clock.now, clock.now),
            Action::Delete => watch.delete(clock.now),
            Action::RotateToken if watch.generation < MAX_GENERATION => {
                watch.generation += 1;
                watch.version += 1;
            }
            Action::Acknowledge { .. } => incident.into_iter().for_each(|opened| watch.acknowledge(opened)),
            Action::Create(_) | Action::Resume | Action::RotateToken => {}
        });
    }

    /// Whether there is such a monitor now that was not there before.
    fn create(&mut self, record: &Record, monitor: MonitorId, config: &MonitorConfig) -> bool {
        let now = self.clock.now;
        if config.check(domain::time::UnixMs(now)).is_err() {
            return false;
        }
        match self.watches.get_mut(&monitor) {
            None => drop(self.watches.insert(monitor, Watch::new(config.clone(), now))),
            Some(watch) => {
                let (old, new) = (&watch.config.identity, &config.identity);
                let is_same = (old.tenant, &old.slug) == (new.tenant, &new.slug);
                if !watch.is_deleted || !is_same || watch.generation >= MAX_GENERATION {
                    return false;
                }
                watch.revive(config.clone(), now);
            }
        }
        self.change(record, monitor, |_, _| {});
        true
    }

    fn look_at_all(&mut self, record: &Record) {
        let hearing = std::mem::take(&mut self.hearing);
        self.change_all(record, |watch, clock| watch.look(clock, &hearing));
        self.hearing = hearing;
    }

    fn look_at(&mut self, monitor: MonitorId, record: &Record) {
        let hearing = std::mem::take(&mut self.hearing);
        self.change(record, monitor, |watch, clock| watch.look(clock, &hearing));
        self.hearing = hearing;
    }

    fn change_all(&mut self, record: &Record, mut change: impl FnMut(&mut Watch, &Clock)) {
        for (monitor, watch) in &mut self.watches {
            watch.offset = record.offset;
            change(watch, &self.clock);
            note(*monitor, watch, record, &mut self.implied, &mut self.statuses);
        }
    }

    fn change(&mut self, record: &Record, monitor: MonitorId, change: impl FnOnce(&mut Watch, &Clock)) {
        let Some(watch) = self.watches.get_mut(&monitor) else { return };
        watch.offset = record.offset;
        change(watch, &self.clock);
        note(monitor, watch, record, &mut self.implied, &mut self.statuses);
    }
}

fn note(
    monitor: MonitorId,
    watch: &mut Watch,
    record: &Record,
    implied: &mut Vec<Implied>,
    statuses: &mut BTreeMap<MonitorId, Vec<(u64, Status)>>,
) {
    for one in watch.take_conclusions() {
        implied.push(Implied {
            monitor,
            offset: record.offset,
            kind: one.kind,
            reason: one.reason,
            to: one.to,
            occurred_ms: one.occurred_ms,
            deadline_ms: one.deadline_ms,
        });
    }
    let known = statuses.entry(monitor).or_default();
    if known.last().is_none_or(|(_, status)| *status != watch.status) {
        known.push((record.offset, watch.status));
    }
}
