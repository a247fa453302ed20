//! Which shards a process is to own. On one machine: all of them, for good. In a cluster the log's consumer group
//! deals them out, and takes them back.
//!
//! Placement is advice. Two processes that both believe to own a shard do no harm (invariant I6); what placement
//! gives is that soon only one does the work.

use async_trait::async_trait;
use domain::ids::{ShardCount, ShardId};
use tokio::sync::oneshot;

/// A change of what is owned here.
#[derive(Debug)]
pub enum PlacementChange {
    /// These are ours from now on. One that is ours already is named again when it was lost without a word. Where there
    /// are none to give, the first answer names none, after a while in which some might have come.
    Gained(Vec<ShardId>),
    /// These are to be given up. Whoever comes next is not told before `done` is used or dropped, or patience ends
    /// on the other side: time for a fresh snapshot.
    Lost { shards: Vec<ShardId>, done: oneshot::Sender<()> },
}

/// Says which shards are ours.
#[async_trait]
pub trait Placement: Send {
    /// The next change; waits until there is one. Safe to cancel.
    async fn next(&mut self) -> PlacementChange;

    /// Gives up all shards at once, so that others get them without waiting for a time-out. Called after the work
    /// on them has ended.
    async fn leave(&mut self);

    /// What keeps this process from being given shards, in words for `/readyz`; `None`: nothing.
    fn obstacle(&self) -> Option<String> {
        None
    }
}

/// All shards, at once and for good.
pub struct EveryShard(Option<ShardCount>);

impl EveryShard {
    pub fn of(shards: ShardCount) -> Self {
        Self(Some(shards))
    }
}

#[async_trait]
impl Placement for EveryShard {
    async fn next(&mut self) -> PlacementChange {
        match self.0.take() {
            Some(shards) => PlacementChange::Gained(shards.all().collect()),
            None => std::future::pending().await,
        }
    }

    async fn leave(&mut self) {}
}
