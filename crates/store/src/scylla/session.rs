//! Connecting: the settings that were measured on real servers.
//!
//! ScyllaDB's shard-aware port is used where a node offers one; Cassandra offers none, so nothing is switched off
//! for it.

use super::{ScyllaOptions, tls};
use crate::StoreError;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, MetadataError, NewSessionError,
};
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A connection that says nothing for both together is given up.
const KEEPALIVE: Duration = Duration::from_secs(2);
/// A node that has not answered for so long is asked no more than it was: another is asked as well. With one of
/// three nodes frozen this made the difference between 183 time-outs and none.
const SPECULATE_AFTER: Duration = Duration::from_millis(200);
const SPECULATE_TIMES: usize = 2;

/// A session with these options.
pub(super) async fn connect(options: &ScyllaOptions) -> Result<Session, StoreError> {
    check_keyspace(&options.keyspace)?;
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.contact_points)
        .keyspaces_to_fetch([&options.keyspace])
        .default_execution_profile_handle(profile(options).into_handle())
        // Whoever changes the schema looks at it again anyway.
        .refresh_metadata_on_auto_schema_agreement(false)
        .connection_timeout(options.request_timeout)
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE);
    if !options.username.is_empty() {
        builder = builder.user(&options.username, &options.password);
    }
    if let Some(tls) = &options.tls {
        builder = builder.tls_context(Some(tls::client(tls)?));
    }
    let session = builder.build().await.map_err(|error| unreachable_database(options, &error))?;
    check_centre(&session, &options.local_dc)?;
    Ok(session)
}

/// The data centres that the session sees.
pub(super) fn centres(session: &Session) -> BTreeSet<String> {
    let state = session.get_cluster_state();
    state.get_nodes_info().iter().filter_map(|node| node.datacenter.clone()).collect()
}

/// With a wrong name no node would ever be asked.
fn check_centre(session: &Session, local_dc: &str) -> Result<(), StoreError> {
    let seen = centres(session);
    if local_dc.is_empty() || seen.contains(local_dc) {
        return Ok(());
    }
    let seen = seen.into_iter().collect::<Vec<_>>().join(", ");
    Err(StoreError::Broken(format!("there is no data centre `{}`; there are: {seen}", local_dc.escape_debug())))
}

fn profile(options: &ScyllaOptions) -> ExecutionProfile {
    let mut routing = DefaultPolicy::builder().token_aware(true);
    if !options.local_dc.is_empty() {
        routing = routing.prefer_datacenter(options.local_dc.clone());
    }
    let speculation =
        SimpleSpeculativeExecutionPolicy { max_retry_count: SPECULATE_TIMES, retry_interval: SPECULATE_AFTER };
    ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .request_timeout(Some(options.request_timeout))
        .load_balancing_policy(routing.build())
        .speculative_execution_policy(Some(Arc::new(speculation)))
        .build()
}

fn unreachable_database(options: &ScyllaOptions, error: &NewSessionError) -> StoreError {
    let problem = format!("no session with {}: {error}", options.contact_points.join(", "));
    match error {
        NewSessionError::MetadataError(error) if is_refused_login(error) => StoreError::Broken(problem),
        NewSessionError::MetadataError(_) | NewSessionError::FailedToResolveAnyHostname(_) => StoreError::Busy(problem),
        _ => StoreError::Broken(problem),
    }
}

/// A name or password that is not known will not be known at the next try.
fn is_refused_login(error: &MetadataError) -> bool {
    let MetadataError::ConnectionPoolError(ConnectionPoolError::Broken { last_connection_error, .. }) = error else {
        return false;
    };
    let ConnectionError::ConnectionSetupRequestError(refusal) = last_connection_error else { return false };
    matches!(refusal.error, ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, _))
}

/// The name stands in statements as it is: letters, digits and underscores, a letter first, 48 at most.
fn check_keyspace(name: &str) -> Result<(), StoreError> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_on = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match begins && goes_on && name.len() <= 48 {
        true => Ok(()),
        false => Err(StoreError::Broken(format!(
            "`{}` is no name for a keyspace: lower-case letters, digits and underscores, a letter first, 48 at most",
            name.escape_debug()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_is_a_plain_name() {
        for good in ["quietpulse", "q", "q_1"] {
            assert_eq!(check_keyspace(good), Ok(()));
        }
        for bad in ["", "1q", "Quiet", "a;drop", "a.b", "ü", &"a".repeat(49)] {
            assert!(check_keyspace(bad).is_err(), "{bad}");
        }
    }
}
