//! Placement by a consumer group: the group deals out the partitions, one member each, and nothing else. What is read
//! and from where is the evaluators' business; no offset is ever committed, so that losing the group's offsets loses
//! nothing.
//!
//! The member lives on a thread of its own, which must poll whatever happens, or the group believes it dead. A
//! partition that is revoked is given back once its owner has written a fresh snapshot, or patience ends. One that was
//! lost, since the session expired, is told of and given up at once: somebody else may own it already.

mod group;
mod member;

use super::{KafkaOptions, OpenError};
use crate::placement::{Placement, PlacementChange};
use async_trait::async_trait;
use group::Shared;
use member::Member;
use std::sync::Arc;
use std::thread;
use tokio::sync::{mpsc, watch};

/// Changes that nobody took yet. Above, the member waits, and the group drops it in the end.
const MOST_CHANGES: usize = 64;

/// [`Placement`] by a consumer group.
pub(super) struct GroupPlacement {
    changes: mpsc::Receiver<PlacementChange>,
    shared: Arc<Shared>,
    left: watch::Receiver<bool>,
}

impl GroupPlacement {
    /// Joins in the background.
    pub fn join(options: &KafkaOptions) -> Result<Self, OpenError> {
        let (sender, changes) = mpsc::channel(MOST_CHANGES);
        let (left_sender, left) = watch::channel(false);
        let shared = Arc::new(Shared::new(&options.group));
        let member = Member::new(options, shared.clone(), sender)?;
        thread::Builder::new().name("kafka-placement".to_owned()).spawn(move || {
            member.run();
            left_sender.send_replace(true);
        })?;
        Ok(Self { changes, shared, left })
    }
}

#[async_trait]
impl Placement for GroupPlacement {
    async fn next(&mut self) -> PlacementChange {
        match self.changes.recv().await {
            Some(change) => change,
            // It was left: there is no change any more.
            None => std::future::pending().await,
        }
    }

    async fn leave(&mut self) {
        self.shared.leave();
        // The member may be waiting for room.
        self.changes.close();
        // An error means that the thread is gone.
        let _ = self.left.wait_for(|left| *left).await;
    }

    fn obstacle(&self) -> Option<String> {
        self.shared.obstacle()
    }
}

impl Drop for GroupPlacement {
    fn drop(&mut self) {
        self.shared.leave();
    }
}
