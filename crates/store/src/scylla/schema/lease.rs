//! One node changes the schema at a time. The lease is a row with a lifetime: that of a node that died runs out
//! by itself, by the database's clock.

use super::conditional;
use crate::StoreError;
use scylla::client::session::Session;
use scylla::value::CqlValue::Text;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LIFE: Duration = Duration::from_secs(60);
/// Renewed when so much of its life is over; a change of the schema takes half a second.
const RENEW_AFTER: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long one waits for others: each of them has some steps to take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The right to change the schema.
pub(super) struct Lease<'s> {
    session: &'s Session,
    keyspace: &'s str,
    holder: String,
    renewed: Instant,
}

impl<'s> Lease<'s> {
    /// Waits until no other node holds it.
    pub(super) async fn take(
        session: &'s Session,
        keyspace: &'s str,
        progress: &mut (dyn FnMut(String) + Send),
    ) -> Result<Self, StoreError> {
        let holder = format!("{:016x}", RandomState::new().hash_one("holder"));
        let mut lease = Self { session, keyspace, holder, renewed: Instant::now() };
        let (begun, mut has_said) = (Instant::now(), false);
        while !lease.try_take().await? {
            if !std::mem::replace(&mut has_said, true) {
                progress("another node is at it; waiting".to_owned());
            }
            if begun.elapsed() > PATIENCE {
                return Err(StoreError::Busy("another node has been changing the schema for too long".into()));
            }
            sleep(ASK_AGAIN).await;
        }
        Ok(lease)
    }

    async fn try_take(&mut self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let statement = format!(
            "INSERT INTO {}.schema_version (part, version, holder) VALUES (0, 0, ?) IF NOT EXISTS USING TTL {}",
            self.keyspace,
            LIFE.as_secs()
        );
        let values = vec![Text(self.holder.clone())];
        // After a doubt the row may be ours already.
        let taken = conditional(self.session, &statement, values).await? || self.extend().await?;
        self.renewed = asked;
        Ok(taken)
    }

    /// Whether it is still ours; if so, for its whole life from now.
    async fn extend(&self) -> Result<bool, StoreError> {
        let statement = format!(
            "UPDATE {}.schema_version USING TTL {} SET holder = ? WHERE part = 0 AND version = 0 IF holder = ?",
            self.keyspace,
            LIFE.as_secs()
        );
        conditional(self.session, &statement, vec![Text(self.holder.clone()), Text(self.holder.clone())]).await
    }

    /// Before each change.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        if self.renewed.elapsed() < RENEW_AFTER {
            return Ok(());
        }
        let asked = Instant::now();
        if !self.extend().await? {
            return Err(StoreError::Busy("this took so long that another node may be changing the schema".into()));
        }
        self.renewed = asked;
        Ok(())
    }

    /// Gives it back. If that fails it runs out.
    pub(super) async fn release(self) {
        let statement =
            format!("DELETE FROM {}.schema_version WHERE part = 0 AND version = 0 IF holder = ?", self.keyspace);
        if let Err(error) = conditional(self.session, &statement, vec![Text(self.holder)]).await {
            tracing::info!(%error, seconds = LIFE.as_secs(), "the lease on the schema runs out by itself");
        }
    }
}
