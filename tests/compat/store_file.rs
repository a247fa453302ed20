//! `store.sqlite`: a file of any version opens and gives its rows; a new file with the same rows is what the frozen one
//! is, keys and sorting columns included.

use crate::frozen::{self, UNKNOWN};
use crate::rows::{self, channel_text};
use crate::story::SHARD;
use crate::values::{self, MONITOR, START};
use crate::{database, text};
use domain::engine::effects::MonitorRow;
use domain::ids::{ChannelId, TenantId};
use std::path::Path;
use std::sync::Arc;
use store::embedded::EmbeddedStore;
use store::row::{ApiKeyRow, ChannelRow, Revocation, ShardOwner};
use store::{ChunkKey, Directory, MonitorFilter, ShardBatch, ShardTables, SnapshotWrite, StoreError, TenantReads};

pub const WHAT: &str = "store-file";
const NEWEST: u16 = 1;
const RAISE: &str =
    "a new step in crates/store/src/embedded/schema, never a changed one, and `NEWEST` in tests/compat/store_file.rs";
const FILE: &str = "store.sqlite";
const TENANT: TenantId = TenantId(3);
const CHUNK: ChunkKey = ChunkKey { kind: 1, index: 2, epoch: 3 };

fn open(directory: &Path) -> Result<Arc<EmbeddedStore>, String> {
    EmbeddedStore::open(directory).map_err(|error| error.to_string())
}

fn batch() -> ShardBatch {
    ShardBatch {
        hlt_us: START * 1_000,
        monitors: vec![MonitorRow { deleted: false, ..rows::monitor() }],
        statuses: vec![rows::status()],
        history: vec![rows::ping(7), rows::ping(8)],
        transitions: vec![rows::transition()],
        deliveries: vec![rows::delivery()],
        revocations: vec![Revocation { monitor: MONITOR, least_generation: 5 }],
    }
}

/// Writes a row into every table.
async fn fill(store: &EmbeddedStore) -> Result<(), StoreError> {
    store.write(SHARD, batch()).await?;
    let (chunks, manifest) = (vec![(CHUNK, vec![1, 2, 3])], vec![9, 9]);
    store.save_snapshot(SHARD, SnapshotWrite { hlt_us: START * 1_000, chunks, manifest, forget: vec![] }).await?;
    let owner = ShardOwner { address: "[2001:db8::1]:7443".into(), node: u64::MAX, since_ms: START };
    store.claim_shard(SHARD, owner).await?;
    store.put_tenant(rows::tenant()).await?;
    store.add_api_key(ApiKeyRow { revoked: false, ..rows::api_key() }).await?;
    store.add_channel(ChannelRow { deleted: false, version: 1, ..rows::channel() }).await
}

/// Everything that can be read from a store, in words.
async fn contents(store: &EmbeddedStore) -> Result<String, StoreError> {
    let filter = MonitorFilter { tags: vec!["db".into()] };
    let mut text = format!("{:#?}\n", store.monitors(TENANT, &filter, 10, None).await?);
    text += &format!("{:#?}\n", store.open_incidents(TENANT, 10, None).await?.rows.len());
    text += &format!("{:#?}\n", store.history(MONITOR, 10, None).await?);
    text += &format!("{:#?}\n", store.transitions(MONITOR, 10, None).await?);
    text += &format!("{:#?}\n", store.transition_by_id(TENANT, rows::transition().id).await?.map(|row| row.id));
    text += &format!("{:#?}\n", store.deliveries(ChannelId(77), 10, None).await?);
    text += &format!("{:#?}\n", store.revocations().await?);
    text += &format!("{:?} {:?}\n", store.load_manifest(SHARD).await?, store.load_chunks(SHARD, &[CHUNK]).await?);
    text += &format!("{:#?}\n", store.shard_owner(SHARD).await?);
    text += &format!("{:#?}\n", store.tenant(TENANT).await?);
    text += &format!("{:#?}\n", store.api_keys(TENANT).await?);
    let channels = store.channels(TENANT).await?;
    channels.iter().for_each(|row| text += &format!("{}\n", channel_text(row)));
    text += &format!("{}\n", values::identity().slug);
    Ok(text)
}

#[tokio::test]
async fn a_new_file_is_what_the_frozen_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    fill(&store).await.unwrap();
    let (today, sql) = (database::dump(&directory.path().join(FILE)), frozen::file_of(WHAT, NEWEST, "sql"));
    if frozen::is_freezing() {
        frozen::freeze(&frozen::file_of(WHAT, NEWEST, "txt"), &contents(&store).await.unwrap());
        frozen::freeze(&sql, &today);
    }
    let advice = frozen::advice(WHAT, NEWEST, RAISE);
    let frozen = frozen::read(&sql).unwrap_or_else(|| panic!("{}", frozen::missing(&sql)));
    assert!(today == frozen, "{FILE} is not what frozen/{sql} is: {:?}\n{advice}", text::compare(&frozen, &today));
    let empty =
        today.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ").or(line.strip_prefix("create table ")));
    for table in empty.filter_map(|rest| rest.split_whitespace().next()) {
        assert!(
            today.contains(&format!("insert into {table} values")),
            "the table {table} holds nothing that is frozen"
        );
    }
}

#[tokio::test]
async fn every_version_opens_and_gives_its_rows() {
    for (version, sql) in
        (1..).map_while(|version| Some((version, frozen::read(&frozen::file_of(WHAT, version, "sql"))?)))
    {
        let directory = tempfile::tempdir().unwrap();
        database::make(&directory.path().join(FILE), &sql);
        let today = contents(&open(directory.path()).unwrap()).await.unwrap();
        let text = frozen::read(&frozen::file_of(WHAT, version, "txt")).expect("its text is in git");
        if let Err(difference) = text::compare(&text, &today) {
            panic!("version {version} is not read as it was: {difference}");
        }
    }
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    let Some(sql) = frozen::read(&frozen::file_of(WHAT, NEWEST, "sql")) else { return };
    let directory = tempfile::tempdir().unwrap();
    database::make(&directory.path().join(FILE), &format!("{sql}pragma user_version = {UNKNOWN};"));
    let refusal = open(directory.path()).err().expect("a file of the future is refused");
    assert!(refusal.contains("format 99"), "{refusal}");
}
