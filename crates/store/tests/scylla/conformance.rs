//! The store of a cluster against the rules of every store.

use crate::support::open;
use store::conformance::Fixture;

async fn fixture() -> Fixture {
    Fixture::new(open().await, ())
}

store::store_conformance!(fixture);
