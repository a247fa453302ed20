//! A constant load: jobs of several kinds that go on whatever happens to the cluster, drawn from a seed, and what they
//! saw in a [`History`](crate::history::History).
//!
//! - `roster`: which jobs there are.
//! - `job`: what each kind does, for as long as the load lives.
//! - `pinger`: one job's way to ping: a connection that it keeps, and the same ping again until it is taken.
//! - `office`: what people do to monitors: make, pause, resume, edit.

mod job;
mod office;
mod pinger;
mod roster;

pub use office::Office;
pub use roster::{Plan, roster};

use crate::history::History;
use job::Job;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The jobs; they end with this value.
pub struct Load {
    tasks: Vec<JoinHandle<()>>,
    monitors: Vec<u64>,
}

impl Load {
    /// Makes the monitors, then lets all jobs go.
    pub async fn start(plans: Vec<Plan>, front: SocketAddr, office: Arc<Office>, history: Arc<History>) -> Self {
        let made = office.create_all(&plans).await;
        let monitors = made.iter().map(|one| one.id).collect();
        let jobs = plans.into_iter().zip(made).map(|(plan, made)| {
            let job = Job::new(plan, &made.path, front, Arc::clone(&office), Arc::clone(&history));
            tokio::spawn(job.run())
        });
        Self { tasks: jobs.collect(), monitors }
    }

    /// The ids of all monitors.
    pub fn monitors(&self) -> &[u64] {
        &self.monitors
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
