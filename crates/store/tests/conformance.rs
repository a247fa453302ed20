//! The embedded store against the rules of every store.

use std::sync::Arc;
use store::conformance::Fixture;
use store::embedded::EmbeddedStore;

async fn open() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn store::Store> = EmbeddedStore::open(directory.path()).unwrap();
    Fixture::new(store, directory)
}

store::store_conformance!(open);
