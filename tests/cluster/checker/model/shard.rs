//! A shard from its first record to its last.

use super::hearing::{Hearing, Span};
use super::time::Clock;
use super::watch::{Conclusion, Status, Watch};
use crate::checker::facts::{Command, Entry, Heard, What};
use std::collections::{BTreeMap, BTreeSet};

/// A transition that the log implies, and the record at which it must be concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    pub monitor: u64,
    pub offset: u64,
    pub kind: &'static str,
    pub reason: &'static str,
    pub deadline_ms: Option<i64>,
}

/// All that a shard's log implies.
#[derive(Debug, Default)]
pub struct Opinion {
    pub implied: Vec<Implied>,
    /// Each monitor's status from an offset on.
    pub statuses: BTreeMap<u64, Vec<(u64, Status)>>,
    pub slugs: BTreeMap<u64, String>,
    pub blind: Vec<Span>,
    /// What the rules here do not cover.
    pub beyond: Vec<String>,
    clock: Clock,
    hearing: Hearing,
    watches: BTreeMap<u64, Watch>,
    seen: BTreeSet<(u64, u64)>,
    commands: BTreeSet<String>,
}

impl Opinion {
    /// Reads a whole shard.
    pub fn of(entries: &[Entry]) -> Self {
        let mut opinion = Self::default();
        entries.iter().for_each(|entry| opinion.read(entry));
        opinion.blind = opinion.hearing.blind().to_vec();
        opinion
    }

    /// A monitor's status just before a record.
    pub fn status_before(&self, monitor: u64, offset: u64) -> Option<Status> {
        let known = self.statuses.get(&monitor)?.iter().rev();
        known.into_iter().find(|(from, _)| *from < offset).map(|(_, status)| *status)
    }

    fn read(&mut self, entry: &Entry) {
        if matches!(entry.what, What::Unreadable(_)) {
            return;
        }
        if self.clock.take(entry.append_ms, entry.what == What::Tick) {
            self.hearing.set_back(self.clock.now);
            self.watches.values_mut().for_each(|watch| watch.restart(self.clock.now));
        }
        // A record that a producer sent twice is one record.
        if entry.producer != 0 && !self.seen.insert((entry.producer, entry.sequence)) {
            return;
        }
        self.listen(entry);
        match &entry.what {
            What::Ping(heard) => self.ping(entry, heard),
            What::Tick => self.look_at_all(entry),
            What::Deaf { from_ms, to_ms } => self.deaf(entry, (*from_ms, *to_ms)),
            What::Command { id, monitor, action } => self.command(entry, id, *monitor, action),
            What::Params { w_ms, c_ms } => {
                self.look_at_all(entry);
                (self.clock.w, self.clock.c) = (*w_ms, *c_ms.min(w_ms));
            }
            What::Canary | What::Boot | What::Aside | What::Unreadable(_) => {}
        }
    }

    /// What an ingest wrote proves that it could hear.
    fn listen(&mut self, entry: &Entry) {
        let (now, c) = (self.clock.now, self.clock.c);
        match &entry.what {
            What::Boot => self.hearing.booted(entry.node, now, c),
            What::Ping(_) | What::Canary | What::Deaf { .. } => self.hearing.heard(entry.node, now, c),
            _ => return,
        }
        self.watches.values_mut().for_each(Watch::wake);
    }

    fn ping(&mut self, entry: &Entry, heard: &Heard) {
        self.look_at(heard.monitor, entry);
        let at = self.clock.effective(entry.append_ms, entry.received_ms);
        let Some(watch) = self.watches.get_mut(&heard.monitor) else { return };
        let concluded = watch.ping(heard.signal, heard.run.clone(), at);
        self.note(heard.monitor, entry, concluded);
    }

    /// What is due is judged first; then the stretch is blind, and what it explains is taken back.
    fn deaf(&mut self, entry: &Entry, (from, to): Span) {
        self.look_at_all(entry);
        let blind = (from, to.min(self.clock.now));
        self.hearing.add(blind);
        if blind.0 >= blind.1 {
            return;
        }
        let monitors: Vec<u64> = self.watches.keys().copied().collect();
        for monitor in monitors {
            let Some(watch) = self.watches.get_mut(&monitor) else { continue };
            let concluded = watch.explain(blind, &self.clock);
            self.note(monitor, entry, concluded);
        }
    }

    fn command(&mut self, entry: &Entry, id: &str, monitor: u64, action: &Command) {
        // A command that was repeated has been carried out.
        if !self.commands.insert(id.to_owned()) {
            return;
        }
        if let Command::Create(config) = action {
            return self.create(entry, monitor, config);
        }
        self.look_at(monitor, entry);
        let now = self.clock.now;
        let Some(watch) = self.watches.get_mut(&monitor) else { return };
        let concluded = match action {
            Command::Pause { until_ms } => watch.pause(*until_ms, now),
            Command::Resume if watch.status == Status::Paused => Some(watch.resume()),
            Command::Update { config, version } if *version == watch.version => {
                self.beyond.extend(config.beyond.iter().map(|what| format!("{}: {what}", config.slug)));
                watch.update(config.clone(), now);
                None
            }
            _ => None,
        };
        self.note(monitor, entry, concluded);
    }

    fn create(&mut self, entry: &Entry, monitor: u64, config: &crate::checker::facts::Config) {
        if self.watches.contains_key(&monitor) {
            return;
        }
        self.beyond.extend(config.beyond.iter().map(|what| format!("{}: {what}", config.slug)));
        self.slugs.insert(monitor, config.slug.clone());
        self.watches.insert(monitor, Watch::new(config.clone()));
        self.note(monitor, entry, None);
    }

    fn look_at_all(&mut self, entry: &Entry) {
        let monitors: Vec<u64> = self.watches.keys().copied().collect();
        monitors.into_iter().for_each(|monitor| self.look_at(monitor, entry));
    }

    fn look_at(&mut self, monitor: u64, entry: &Entry) {
        let Some(watch) = self.watches.get_mut(&monitor) else { return };
        let concluded = watch.look(&self.clock, &self.hearing);
        self.note(monitor, entry, concluded);
    }

    fn note(&mut self, monitor: u64, entry: &Entry, concluded: impl IntoIterator<Item = Conclusion>) {
        for Conclusion { kind, reason, deadline_ms } in concluded {
            self.implied.push(Implied { monitor, offset: entry.offset, kind, reason, deadline_ms });
        }
        let Some(watch) = self.watches.get(&monitor) else { return };
        let statuses = self.statuses.entry(monitor).or_default();
        if statuses.last().is_none_or(|(_, status)| *status != watch.status) {
            statuses.push((entry.offset, watch.status));
        }
    }
}
