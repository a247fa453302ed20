//! The small adapters between stages: who owns a shard, how a channel is tested.

use domain::ids::ShardId;
use notifier::Notifier;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::row::ChannelRow;
use tokio::time::Instant;
use wire::shard_client::OwnerResolver;

/// How long an owner is believed without asking the store again. Owners change when a process dies.
const OWNER_TRUSTED: Duration = Duration::from_secs(1);

type Known = Arc<Mutex<BTreeMap<ShardId, (Instant, String)>>>;

/// Finds shard owners in the store. A store that does not answer knows nobody.
pub fn owner_resolver(store: Arc<dyn Store>) -> OwnerResolver {
    let known = Known::default();
    Arc::new(move |shard| {
        let (store, known) = (store.clone(), known.clone());
        Box::pin(async move { owner_of(shard, store.as_ref(), &known).await })
    })
}

async fn owner_of(shard: ShardId, store: &dyn Store, known: &Known) -> Option<String> {
    let fresh = |(asked, _): &&(Instant, String)| asked.elapsed() < OWNER_TRUSTED;
    if let Some((_, address)) = known.lock().get(&shard).filter(fresh) {
        return Some(address.clone());
    }
    let owner = match store.shard_owner(shard).await {
        Ok(owner) => owner?.address,
        Err(error) => {
            tracing::info!(%error, %shard, "the store does not say who owns the shard");
            return None;
        }
    };
    known.lock().insert(shard, (Instant::now(), owner.clone()));
    Some(owner)
}

/// Test messages go through the code that sends alerts.
pub struct Tester(pub Notifier);

#[async_trait::async_trait]
impl api::ChannelTester for Tester {
    async fn test(&self, channel: ChannelRow) -> Result<(), String> {
        self.0.test_channel(&channel).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::ShardTables;
    use store::embedded::EmbeddedStore;
    use store::row::ShardOwner;

    #[tokio::test]
    async fn an_owner_is_believed_for_a_second_and_then_asked_for_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        let resolve = owner_resolver(store.clone());
        assert_eq!(resolve(ShardId(0)).await, None);
        let owner = |address: &str| ShardOwner { address: address.into(), node: 1, since_ms: 0 };
        store.claim_shard(ShardId(0), owner("127.0.0.1:1")).await.unwrap();
        assert_eq!(resolve(ShardId(0)).await.as_deref(), Some("127.0.0.1:1"));
        store.claim_shard(ShardId(0), owner("127.0.0.1:2")).await.unwrap();
        tokio::time::pause();
        assert_eq!(resolve(ShardId(0)).await.as_deref(), Some("127.0.0.1:1"));
        tokio::time::advance(OWNER_TRUSTED).await;
        tokio::time::resume();
        assert_eq!(resolve(ShardId(0)).await.as_deref(), Some("127.0.0.1:2"));
    }
}
