//! Every statement, prepared once per process. `{ks}` stands for the keyspace.

use super::retry::{Failure, judge};
use crate::StoreError;
use scylla::client::session::Session;
use scylla::errors::{ExecutionError, PrepareError};
use scylla::statement::prepared::PreparedStatement;

/// How often a statement may be carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// As often as one likes: the driver may ask a second node before the first has answered.
    Often,
    /// A conditional write: its second time has another answer.
    Once,
}

macro_rules! statements {
    ($($repeat:ident $name:ident: $cql:literal;)+) => {
        /// All of them.
        pub(super) struct Statements {
            $(pub $name: PreparedStatement,)+
        }

        impl Statements {
            /// Prepares all on the nodes of a session.
            pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, StoreError> {
                Ok(Self { $($name: prepare(session, keyspace, Repeat::$repeat, $cql).await?,)+ })
            }
        }
    };
}

statements! {
    Often schema_version: "SELECT version FROM {ks}.schema_version WHERE part = 0 LIMIT 1";

    Often put_chunk: "INSERT INTO {ks}.shard_chunk (shard, kind, grp, idx, epoch, bytes)
        VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    Often drop_chunk: "DELETE FROM {ks}.shard_chunk USING TIMESTAMP ?
        WHERE shard = ? AND kind = ? AND grp = ? AND idx = ? AND epoch = ?";
    Often chunk: "SELECT bytes FROM {ks}.shard_chunk
        WHERE shard = ? AND kind = ? AND grp = ? AND idx = ? AND epoch = ?";

    Often put_register: "INSERT INTO {ks}.register (kind, id, name, cell) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    Often register: "SELECT cell, WRITETIME(cell) FROM {ks}.register WHERE kind = ? AND id = ? AND name = ?";
    Often registers: "SELECT name, cell FROM {ks}.register WHERE kind = ? AND id = ?";

    Often put_config: "INSERT INTO {ks}.monitor (tenant, bucket, slug, config) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    Often put_status: "INSERT INTO {ks}.monitor (tenant, bucket, slug, status) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    Often monitor: "SELECT config, WRITETIME(config), status, WRITETIME(status) FROM {ks}.monitor
        WHERE tenant = ? AND bucket = ? AND slug = ?";
    Often monitors: "SELECT slug, config, status FROM {ks}.monitor WHERE tenant = ? AND bucket = ? AND slug > ?";

    Often put_incident: "INSERT INTO {ks}.open_incident (tenant, bucket, opened_ms, slug)
        VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    Often drop_incident: "DELETE FROM {ks}.open_incident USING TIMESTAMP ?
        WHERE tenant = ? AND bucket = ? AND opened_ms = ? AND slug = ?";
    Often incidents: "SELECT opened_ms, slug FROM {ks}.open_incident
        WHERE tenant = ? AND bucket = ? AND (opened_ms, slug) > (?, ?)";

    Often put_span: "INSERT INTO {ks}.span (kind, id, bucket) VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    Often spans: "SELECT bucket FROM {ks}.span WHERE kind = ? AND id = ? AND bucket <= ?";

    Often put_history: "INSERT INTO {ks}.history (monitor, day, log_offset, cell)
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    Often history: "SELECT log_offset, cell FROM {ks}.history WHERE monitor = ? AND day = ? AND log_offset < ?";

    Often put_transition: "INSERT INTO {ks}.transition (monitor, month, log_offset, nth, id, cell)
        VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    Often transitions: "SELECT log_offset, nth, id, cell FROM {ks}.transition
        WHERE monitor = ? AND month = ? AND (log_offset, nth, id) < (?, ?, ?)";
    Often put_transition_by_id: "INSERT INTO {ks}.transition_by_id (id, cell) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?";
    Often transition_by_id: "SELECT cell, WRITETIME(cell) FROM {ks}.transition_by_id WHERE id = ?";

    Often put_feed: "INSERT INTO {ks}.tenant_feed (tenant, lane, era_us, log_offset, nth, id)
        VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    Often feed: "SELECT era_us, log_offset, nth, id FROM {ks}.tenant_feed
        WHERE tenant = ? AND lane = ? AND (era_us, log_offset, nth, id) > (?, ?, ?, ?) LIMIT ?";

    Often feed_place: "SELECT era_us FROM {ks}.tenant_feed
        WHERE tenant = ? AND lane = ? AND era_us = ? AND log_offset = ? AND nth = ? AND id = ?";

    Often put_delivery: "INSERT INTO {ks}.delivery (id, cell) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?";
    Often delivery: "SELECT cell FROM {ks}.delivery WHERE id = ?";
    Often put_channel_delivery: "INSERT INTO {ks}.channel_delivery (channel, month, created_ms, id, cell)
        VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    Often channel_deliveries: "SELECT created_ms, id, cell FROM {ks}.channel_delivery
        WHERE channel = ? AND month = ? AND (created_ms, id) < (?, ?)";

    Often entry: "SELECT version, cell FROM {ks}.directory WHERE scope = ? AND kind = ? AND name = ?";
    Often entries: "SELECT cell FROM {ks}.directory WHERE scope = ? AND kind = ?";
    Once add_entry: "INSERT INTO {ks}.directory (scope, kind, name, version, cell) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS";
    Once replace_entry: "UPDATE {ks}.directory SET version = ?, cell = ?
        WHERE scope = ? AND kind = ? AND name = ? IF EXISTS";
    Once advance_entry: "UPDATE {ks}.directory SET version = ?, cell = ?
        WHERE scope = ? AND kind = ? AND name = ? IF version = ?";
    Once drop_entry: "DELETE FROM {ks}.directory WHERE scope = ? AND kind = ? AND name = ?";
}

async fn prepare(
    session: &Session,
    keyspace: &str,
    repeat: Repeat,
    cql: &str,
) -> Result<PreparedStatement, StoreError> {
    let prepared = session.prepare(cql.replace("{ks}", keyspace)).await;
    let mut prepared = prepared.map_err(|error| unprepared(cql, error))?;
    prepared.set_is_idempotent(repeat == Repeat::Often);
    Ok(prepared)
}

fn unprepared(cql: &str, error: PrepareError) -> StoreError {
    let problem = format!("`{cql}` cannot be prepared: {error}");
    match judge(&ExecutionError::PrepareError(error)) {
        Failure::Passing | Failure::Unknown => StoreError::Busy(problem),
        Failure::Lasting => StoreError::Broken(problem),
    }
}
