//! Reading, and questions about the log, through what keeps a client from it.

use super::client::{Sight, SimClient};
use super::shard::Shard;
use async_trait::async_trait;
use domain::ids::ShardId;
use eventlog::{RawRecord, ReadError, ShardReader};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Its place moves only when records are given: a dropped call loses none.
pub(super) struct SimReader {
    client: Arc<SimClient>,
    shard: ShardId,
    at: u64,
}

impl SimReader {
    pub(super) fn new(client: Arc<SimClient>, shard: ShardId, at: u64) -> Self {
        Self { client, shard, at }
    }

    /// `None`: there is nothing to be seen.
    fn look(&self, place: &Shard, limit: usize) -> Result<Option<Vec<RawRecord>>, ReadError> {
        match self.client.sight() {
            Sight::Closed => return Err(ReadError::Closed),
            Sight::Cut { .. } | Sight::Frozen => return Ok(None),
            Sight::Clear => {}
        }
        let records = place.read(self.shard, self.at, limit)?;
        if records.is_empty() {
            return Ok(None);
        }
        self.client.break_read().map(|()| Some(records))
    }
}

#[async_trait]
impl ShardReader for SimReader {
    async fn next(&mut self, limit: usize) -> Result<Vec<RawRecord>, ReadError> {
        let place = self.client.core.shard_or_refusal(self.shard)?;
        loop {
            let mut news = pin!(place.news.notified());
            news.as_mut().enable();
            if let Some(records) = self.look(place, limit)? {
                self.at += records.len() as u64;
                return Ok(records);
            }
            news.await;
        }
    }
}

impl SimClient {
    /// Waits until the client may ask something of the log. One that is cut off gives up after the time of an append.
    pub(super) async fn reach(&self, place: &Shard) -> Result<(), ReadError> {
        let begun = Instant::now();
        loop {
            let mut news = pin!(place.news.notified());
            news.as_mut().enable();
            match self.sight() {
                Sight::Clear => return Ok(()),
                Sight::Closed => return Err(ReadError::Closed),
                Sight::Frozen => news.await,
                Sight::Cut { timeout_ms } => {
                    let given_up = begun + Duration::from_millis(timeout_ms);
                    if timeout_at(given_up, news).await.is_err() {
                        return Err(ReadError::Broken("the log does not answer".into()));
                    }
                }
            }
        }
    }
}
