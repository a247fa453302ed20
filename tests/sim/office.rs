//! People who edit monitors, now and then at the worst moment.

use crate::clock::SimClock;
use crate::plan::{Edit, EditPlan, JobPlan};
use crate::store::SimStore;
use crate::world::{TENANT, monitor_of, slug_of};
use domain::command::{Action, Command};
use domain::engine::effects::StatusRow;
use domain::ids::{CommandId, ShardCount};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::record::Body;
use domain::time::Clock;
use eventlog::producer::Producer;
use std::sync::Arc;
use std::time::Duration;

/// How often a command is tried that was not acknowledged, each time under its id.
const TRIES: usize = 20;

/// The office, and the way into the log that API nodes have.
pub struct Office {
    pub producer: Producer,
    pub store: Arc<SimStore>,
    pub clock: Arc<SimClock>,
    pub shards: ShardCount,
    pub begin_ms: i64,
    pub commands: u64,
}

impl Office {
    /// The configuration of a job's monitor.
    pub fn config(job: u64, policy: &Policy) -> MonitorConfig {
        let slug = slug_of(job);
        let identity = Identity { tenant: TENANT, name: slug.clone(), slug, ..Identity::default() };
        MonitorConfig { identity, policy: policy.clone() }
    }

    /// Makes every monitor.
    pub async fn open(&mut self, jobs: &[JobPlan]) {
        for job in jobs {
            let action = Action::Create(Box::new(Self::config(job.number, &job.policy)));
            self.command(job.number, action).await;
        }
    }

    /// Makes every edit at its time.
    pub async fn work(mut self, edits: Vec<EditPlan>) {
        for edit in edits {
            let at = self.begin_ms + edit.at_secs as i64 * 1_000;
            self.until(at).await;
            if edit.at_deadline
                && let Some(deadline) = self.deadline(edit.job)
                && deadline > at
                && deadline < at + 120_000
            {
                self.until(deadline).await;
            }
            if let Some(action) = self.action(&edit) {
                self.command(edit.job, action).await;
            }
        }
    }

    fn deadline(&self, job: u64) -> Option<i64> {
        self.status(job).and_then(|status| status.live.deadline_ms)
    }

    fn action(&self, edit: &EditPlan) -> Option<Action> {
        let slug = slug_of(edit.job);
        let stored = self.store.monitors().into_iter().find(|row| row.config.identity.slug == slug);
        Some(match &edit.what {
            Edit::Policy(policy) => {
                let config = Box::new(Self::config(edit.job, policy));
                Action::Update { config, version: stored?.version }
            }
            Edit::Pause(secs) => Action::Pause { until_ms: secs.map(|secs| self.clock.now().0 + secs as i64 * 1_000) },
            Edit::Resume => Action::Resume,
            Edit::Delete => Action::Delete,
            Edit::Create => Action::Create(Box::new(stored?.config)),
            Edit::Rotate => Action::RotateToken,
            Edit::Acknowledge => Action::Acknowledge { incident: self.status(edit.job)?.live.incident?.id },
        })
    }

    fn status(&self, job: u64) -> Option<StatusRow> {
        let slug = slug_of(job);
        self.store.statuses().into_iter().find(|row| row.slug == slug)
    }

    async fn command(&mut self, job: u64, action: Action) {
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        let monitor = monitor_of(job);
        let command = Command { id: CommandId(id), tenant: TENANT, monitor, actor: "office".to_owned(), action };
        let body = Body::Command(command);
        for _ in 0..TRIES {
            if self.producer.append(self.shards.shard_of(monitor), &body, self.clock.now()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    async fn until(&self, at_ms: i64) {
        let wait = at_ms - self.clock.now().0;
        tokio::time::sleep(Duration::from_millis(wait.max(0) as u64)).await;
    }
}
