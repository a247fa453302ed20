//! The consumer group: who is told to own which shards. It believes members until they are silent for a session, and
//! members believe what they were told last.

use async_trait::async_trait;
use domain::ids::{ShardCount, ShardId};
use eventlog::placement::{Placement, PlacementChange};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// After so much silence a member is out.
pub const SESSION: Duration = Duration::from_secs(6);
/// How long a member may take to give shards up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The group.
pub struct Group {
    shards: ShardCount,
    members: Mutex<BTreeMap<u64, Member>>,
}

struct Member {
    changes: mpsc::UnboundedSender<PlacementChange>,
    owned: BTreeSet<u16>,
}

impl Group {
    pub fn new(shards: ShardCount) -> Arc<Self> {
        Arc::new(Self { shards, members: Mutex::default() })
    }

    /// A member comes; the others give it a share.
    pub fn join(self: &Arc<Self>, member: u64) -> Seat {
        let (changes, news) = mpsc::unbounded_channel();
        self.members.lock().insert(member, Member { changes, owned: BTreeSet::new() });
        tokio::spawn(Arc::clone(self).deal());
        Seat { news, group: Arc::clone(self), member }
    }

    /// A member is out, whatever it believes.
    pub fn expel(self: &Arc<Self>, member: u64) {
        if self.members.lock().remove(&member).is_some() {
            tokio::spawn(Arc::clone(self).deal());
        }
    }

    /// Tells every member that it owns everything.
    pub fn split(&self) {
        for member in self.members.lock().values_mut() {
            member.owned = self.shards.all().map(|shard| shard.0).collect();
            let _ = member.changes.send(PlacementChange::Gained(self.shards.all().collect()));
        }
    }

    /// Gives every shard to one member, and as evenly as can be.
    pub async fn deal(self: Arc<Self>) {
        let (lost, wanted) = {
            let mut members = self.members.lock();
            let ids: Vec<u64> = members.keys().copied().collect();
            if ids.is_empty() {
                return;
            }
            let mut wanted: BTreeMap<u64, BTreeSet<u16>> = BTreeMap::new();
            for shard in self.shards.all() {
                wanted.entry(ids[usize::from(shard.0) % ids.len()]).or_default().insert(shard.0);
            }
            let mut lost = Vec::new();
            for (id, member) in members.iter_mut() {
                let keeps = wanted.get(id).cloned().unwrap_or_default();
                let gone: Vec<ShardId> = member.owned.difference(&keeps).map(|shard| ShardId(*shard)).collect();
                if !gone.is_empty() {
                    let (done, waiting) = oneshot::channel();
                    let _ = member.changes.send(PlacementChange::Lost { shards: gone, done });
                    lost.push(waiting);
                }
                member.owned.retain(|shard| keeps.contains(shard));
            }
            (lost, wanted)
        };
        let all = futures::future::join_all(lost);
        let _late = tokio::time::timeout(PATIENCE, all).await;
        let mut members = self.members.lock();
        for (id, member) in members.iter_mut() {
            let due = wanted.get(id).cloned().unwrap_or_default();
            let new: Vec<ShardId> = due.difference(&member.owned).map(|shard| ShardId(*shard)).collect();
            member.owned.extend(due);
            let _ = member.changes.send(PlacementChange::Gained(new));
        }
    }
}

/// A member's place in the group.
pub struct Seat {
    news: mpsc::UnboundedReceiver<PlacementChange>,
    group: Arc<Group>,
    member: u64,
}

#[async_trait]
impl Placement for Seat {
    async fn next(&mut self) -> PlacementChange {
        match self.news.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    async fn leave(&mut self) {
        self.group.expel(self.member);
    }
}
