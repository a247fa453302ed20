//! Who owns which shard, as far as this process knows: believed for a second, forgotten at the first word against it.

use super::OwnerResolver;
use domain::ids::ShardId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long an owner is believed without looking again. A former owner that does not know it yet answers with what
/// it saw last, so this bounds how old that is.
const BELIEVED: Duration = Duration::from_secs(1);
/// How long a look may take while there is somebody to ask meanwhile.
const PATIENCE: Duration = Duration::from_millis(300);

/// The owners of shards.
pub(super) struct Owners {
    resolve: OwnerResolver,
    known: Mutex<BTreeMap<ShardId, Known>>,
}

#[derive(Clone)]
struct Known {
    address: String,
    since: Instant,
}

impl Owners {
    pub(super) fn new(resolve: OwnerResolver) -> Self {
        Self { resolve, known: Mutex::default() }
    }

    /// The `host:port` of a shard's owner. When nobody can say, it is the one that was known last and was not
    /// refuted: the resolver may be away while the owner is not.
    pub(super) async fn of(&self, shard: ShardId) -> Option<String> {
        let known = self.known.lock().get(&shard).cloned();
        let found = match &known {
            Some(known) if known.since.elapsed() < BELIEVED => return Some(known.address.clone()),
            Some(_) => timeout(PATIENCE, (self.resolve)(shard)).await.ok().flatten(),
            None => (self.resolve)(shard).await,
        };
        if let Some(address) = &found {
            self.known.lock().insert(shard, Known { address: address.clone(), since: Instant::now() });
        }
        found.or(known.map(|known| known.address))
    }

    /// `address` does not answer for the shard: the next question looks again.
    pub(super) fn refute(&self, shard: ShardId, address: &str) {
        let mut known = self.known.lock();
        if known.get(&shard).is_some_and(|known| known.address == address) {
            known.remove(&shard);
        }
    }
}
