//! The keyspace itself, and the one table that must be there before there can be a lease.

use super::{CHANGE_TIMEOUT, Replication, agree, change, is_unknown_to_it};
use crate::StoreError;
use crate::scylla::ScyllaOptions;
use crate::scylla::dialect::Dialect;
use crate::scylla::retry::refused;
use crate::scylla::session::centres;
use scylla::client::session::Session;
use scylla::statement::Statement;
use std::collections::BTreeSet;

/// Makes what is not there. A keyspace that is there keeps the replication it has.
pub(super) async fn make(
    session: &Session,
    dialect: Dialect,
    options: &ScyllaOptions,
    replication: Replication,
    progress: &mut (dyn FnMut(String) + Send),
) -> Result<(), StoreError> {
    let keyspace = &options.keyspace;
    if !exists(session, keyspace).await? {
        let local = (!options.local_dc.is_empty()).then(|| BTreeSet::from([options.local_dc.clone()]));
        let centres = local.unwrap_or_else(|| centres(session));
        let named = centres.iter().cloned().collect::<Vec<_>>().join(", ");
        progress(format!("making the keyspace `{keyspace}`, {} copies in {named}", replication.factor));
        make_keyspace(session, dialect, keyspace, &centres, replication).await?;
    }
    agree(session).await?;
    change(session, &table_of_versions(dialect, keyspace)).await
}

/// Part 0 holds everything. Version 0 is the lease.
fn table_of_versions(dialect: Dialect, keyspace: &str) -> String {
    let columns = "part int, version int, name text, min_reader int, applied_ms bigint, holder text";
    let table =
        format!("CREATE TABLE IF NOT EXISTS {keyspace}.schema_version ({columns}, PRIMARY KEY ((part), version))");
    match dialect {
        // Two nodes that make a table at the same moment give it two ids, and the cluster never agrees, unless the
        // id is given.
        Dialect::Cassandra => format!("{table} WITH ID = {}", table_id(keyspace)),
        // Changes of the schema go through Raft there.
        Dialect::Scylla => table,
    }
}

/// A UUID (version 8) of the keyspace's name.
fn table_id(keyspace: &str) -> String {
    let hash = |seed: u64| {
        let bytes = keyspace.bytes().chain(*b".schema_version");
        bytes.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    // FNV-1a from two starts.
    let (high, low) = (hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142));
    let (version, variant) = (high & !0xf000 | 0x8000, low & !(0b11 << 62) | (0b10 << 62));
    let [a, b, c] = [version >> 32, version >> 16 & 0xffff, version & 0xffff];
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", variant >> 48, variant & 0xffff_ffff_ffff)
}

async fn exists(session: &Session, keyspace: &str) -> Result<bool, StoreError> {
    let mut question = Statement::new("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?");
    question.set_consistency(scylla::statement::Consistency::One);
    let answer = session.query_unpaged(question, (keyspace,)).await.map_err(|e| refused(&e))?;
    Ok(answer.into_rows_result().is_ok_and(|rows| rows.rows_num() > 0))
}

async fn make_keyspace(
    session: &Session,
    dialect: Dialect,
    keyspace: &str,
    centres: &BTreeSet<String>,
    replication: Replication,
) -> Result<(), StoreError> {
    let copies: String =
        centres.iter().map(|centre| format!(", '{}': {}", centre.replace('\'', "''"), replication.factor)).collect();
    let plain = format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy'{copies}}}"
    );
    if dialect == Dialect::Scylla && without_tablets(session, &plain).await? {
        return Ok(());
    }
    change(session, &plain).await
}

/// Releases of ScyllaDB up to 2025.3 have no conditional writes in a keyspace with tablets. `false`: this one does not
/// know the word yet, or is set to allow nothing else any more.
async fn without_tablets(session: &Session, plain: &str) -> Result<bool, StoreError> {
    let mut statement = Statement::new(format!("{plain} AND tablets = {{'enabled': false}}"));
    statement.set_request_timeout(Some(CHANGE_TIMEOUT));
    match session.query_unpaged(statement, ()).await {
        Ok(_) => Ok(true),
        Err(error) if is_unknown_to_it(&error) => Ok(false),
        Err(error) => Err(refused(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_table_is_a_uuid_of_the_keyspace() {
        let id = table_id("quietpulse");
        assert_eq!(id.len(), 36);
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        assert_ne!(id, table_id("quietpulse2"));
    }
}
