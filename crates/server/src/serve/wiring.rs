//! The small adapters between stages: who owns a shard, how a channel is tested.

use domain::ids::ShardId;
use notifier::Notifier;
use std::sync::Arc;
use store::Store;
use store::row::ChannelRow;
use wire::shard_client::OwnerResolver;

/// Finds shard owners in the store. A store that does not answer knows nobody.
pub fn owner_resolver(store: Arc<dyn Store>) -> OwnerResolver {
    Arc::new(move |shard| {
        let store = store.clone();
        Box::pin(async move { owner_of(shard, store.as_ref()).await })
    })
}

async fn owner_of(shard: ShardId, store: &dyn Store) -> Option<String> {
    match store.shard_owner(shard).await {
        Ok(owner) => owner.map(|owner| owner.address),
        Err(error) => {
            tracing::info!(%error, %shard, "the store does not say who owns the shard");
            None
        }
    }
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
    async fn an_owner_is_asked_for_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        let resolve = owner_resolver(store.clone());
        assert_eq!(resolve(ShardId(0)).await, None);
        let owner = |address: &str| ShardOwner { address: address.into(), node: 1, since_ms: 0 };
        for address in ["127.0.0.1:1", "127.0.0.1:2"] {
            store.claim_shard(ShardId(0), owner(address)).await.unwrap();
            assert_eq!(resolve(ShardId(0)).await.as_deref(), Some(address));
        }
    }
}
