//! What only the embedded store promises: its file, its crashes, its copies.

mod backup;
mod counting;
mod damage;
mod durability;
mod expiry;
mod opening;
mod paging;
mod watching;

use std::path::Path;
use std::sync::Arc;
use store::embedded::EmbeddedStore;

fn open(directory: &Path) -> Arc<EmbeddedStore> {
    EmbeddedStore::open(directory).unwrap()
}

/// The file itself, past the store.
fn raw(directory: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(directory.join("store.sqlite")).unwrap()
}
