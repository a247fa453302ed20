//! What others see of a monitor: rows for the store, views for the API.

use super::Engine;
use super::effects::{Effect, MonitorRow, StatusRow};
use super::table::Flags;
use crate::command::{IncidentView, Live, MonitorView, Status};
use crate::duration::format_duration;
use crate::ids::MonitorId;
use crate::monitor::{MonitorConfig, Policy};
use crate::ping::PingSummary;
use crate::schedule::Schedule;

impl Engine {
    /// A monitor as it is now; `None` for an unknown or deleted one.
    pub fn view(&self, monitor: MonitorId) -> Option<MonitorView> {
        let slot = self.table.slot(monitor).filter(|slot| !self.is_deleted(*slot))?;
        Some(self.view_of(slot))
    }

    pub(super) fn view_of(&self, slot: u32) -> MonitorView {
        let hot = &self.table.hot[slot as usize];
        MonitorView {
            monitor: self.table.id(slot),
            config: MonitorConfig {
                identity: self.table.identity(slot).0,
                policy: Policy::clone(self.table.policy(slot)),
            },
            version: hot.version,
            generation: hot.generation,
            live: self.live(slot),
        }
    }

    fn live(&self, slot: u32) -> Live {
        let hot = &self.table.hot[slot as usize];
        let expects = hot.expected != 0 && hot.status != Status::Paused;
        let expected_ms = expects.then_some(i64::from(hot.expected) * 1000);
        Live {
            status: self.status_now(slot),
            runs: self.runs_of(slot).len() as u32,
            pings: hot.pings,
            created_ms: self.table.identity(slot).1,
            last_ping: self.last_ping(slot),
            next_expected_ms: expected_ms,
            deadline_ms: self.next_deadline_ms(slot),
            paused_until_ms: self.paused_until.get(&slot).copied(),
            incident: self.incidents.get(&slot).map(|incident| IncidentView {
                id: incident.id,
                opened_ms: incident.opened_ms,
                acknowledged: incident.acknowledged,
            }),
        }
    }

    /// The status with `late` computed from T: due, still in grace.
    fn status_now(&self, slot: u32) -> Status {
        let hot = &self.table.hot[slot as usize];
        let overdue = self.clock.now().0 > i64::from(hot.expected) * 1000;
        match hot.status {
            Status::Up if hot.expected != 0 && overdue => Status::Late,
            status => status,
        }
    }

    /// The first second at which something becomes a verdict.
    fn next_deadline_ms(&self, slot: u32) -> Option<i64> {
        let silence = self.is_armed(slot).then(|| self.deadline_ms(slot));
        let running = self.table.hot[slot as usize].status != Status::Down;
        let runs = self.runs_of(slot).iter().map(|run| run.deadline_ms).filter(|at| running && *at != i64::MAX);
        runs.chain(silence).min()
    }

    pub(super) fn last_ping(&self, slot: u32) -> Option<PingSummary> {
        let hot = &self.table.hot[slot as usize];
        let (at_ms, kind, duration_ms) = hot.last()?;
        let extras = match hot.flags.has(Flags::EXTRAS) {
            true => self.extras.get(&slot).cloned().unwrap_or_default(),
            false => super::Extras::default(),
        };
        Some(PingSummary { kind, at_ms, number: hot.pings, duration_ms, metrics: extras.metrics, run: extras.run })
    }

    pub(super) fn push_status(&self, slot: u32, effects: &mut Vec<Effect>) {
        let (identity, _) = self.table.identity(slot);
        effects.push(Effect::Status(Box::new(StatusRow {
            monitor: self.table.id(slot),
            tenant: identity.tenant,
            slug: identity.slug,
            live: self.live(slot),
            known_ms: self.clock.now().0,
        })));
    }

    pub(super) fn push_monitor_row(&self, slot: u32, effects: &mut Vec<Effect>) {
        let view = self.view_of(slot);
        effects.push(Effect::Monitor(Box::new(MonitorRow {
            monitor: view.monitor,
            config: view.config,
            version: view.version,
            generation: view.generation,
            created_ms: view.live.created_ms,
            changed_ms: self.clock.now().0,
            deleted: self.is_deleted(slot),
        })));
    }
}

/// A schedule in words, for alerts.
pub(super) fn schedule_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Period { seconds } => format!("every {}", format_duration(u64::from(*seconds))),
        Schedule::Cron { cron, .. } => format!("cron {}", cron.source()),
        Schedule::OnCalendar { calendar, .. } => format!("calendar {}", calendar.source().replace('\n', "; ")),
    }
}
