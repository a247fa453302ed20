//! The reading side: one consumer on one thread for all shards that this process reads, records dealt out to a bounded
//! queue per reader.
//!
//! The consumer is told its partitions and where to begin (`incremental_assign`); no group deals them out and nothing
//! is committed. A partition whose reader is slow is paused, so that it holds up no other. A second reader of a shard
//! gets a consumer of its own, since a consumer reads a partition only once.

mod fetcher;
mod queue;
mod repair;
mod seat;
mod signal;
mod worker;

use super::KafkaOptions;
use super::bounds::Surveyor;
use crate::{RawRecord, ReadError, ShardReader};
use async_trait::async_trait;
use domain::ids::ShardId;
use fetcher::Fetcher;
use parking_lot::Mutex;
use queue::Queue;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;

/// Consumers beside the first: so many more readers may one shard have.
const MOST_FETCHERS: usize = 32;

/// All readers of this process.
pub(super) struct Hub {
    options: KafkaOptions,
    surveyor: Arc<Surveyor>,
    desks: Mutex<Desks>,
}

#[derive(Default)]
struct Desks {
    closed: bool,
    next_reader: u64,
    next_desk: u64,
    /// By the order in which they were opened. The first stays, others go with their last reader.
    open: BTreeMap<u64, Desk>,
}

/// A consumer's thread, and which of its readers reads which shard.
struct Desk {
    fetcher: Arc<Fetcher>,
    seats: BTreeMap<ShardId, u64>,
}

impl Hub {
    /// Connects when the first reader comes: a process that only appends needs no consumer.
    pub fn new(options: &KafkaOptions, surveyor: Arc<Surveyor>) -> Arc<Self> {
        Arc::new(Self { options: options.clone(), surveyor, desks: Mutex::default() })
    }

    /// A reader whose next record is `from`, refused when that is outside the log.
    pub async fn reader(self: &Arc<Self>, shard: ShardId, from: u64) -> Result<KafkaReader, ReadError> {
        let bounds = self.surveyor.bounds(shard).await?;
        if !(bounds.first..=bounds.next).contains(&from) {
            return Err(ReadError::OutOfRange { shard, wanted: from, first: bounds.first, next: bounds.next });
        }
        self.seat(shard, from)
    }

    fn seat(self: &Arc<Self>, shard: ShardId, from: u64) -> Result<KafkaReader, ReadError> {
        let mut desks = self.desks.lock();
        if desks.closed {
            return Err(ReadError::Closed);
        }
        desks.open.retain(|_, desk| desk.fetcher.is_alive());
        let free = desks.open.iter().find(|(_, desk)| !desk.seats.contains_key(&shard)).map(|(number, _)| *number);
        let number = match free {
            Some(number) => number,
            None => self.open_desk(&mut desks)?,
        };
        desks.next_reader += 1;
        let id = desks.next_reader;
        let desk = desks.open.get_mut(&number).ok_or(ReadError::Closed)?;
        desk.seats.insert(shard, id);
        let queue = Arc::new(Queue::default());
        desk.fetcher.join(id, shard, from, queue.clone());
        let fetcher = desk.fetcher.clone();
        Ok(KafkaReader { id, shard, queue, fetcher, desk: number, hub: self.clone() })
    }

    fn open_desk(&self, desks: &mut Desks) -> Result<u64, ReadError> {
        if desks.open.len() > MOST_FETCHERS {
            return Err(ReadError::Broken(format!("more than {MOST_FETCHERS} readers of one shard")));
        }
        let fetcher = Fetcher::start(&self.options, self.surveyor.clone());
        let fetcher = fetcher.map_err(|error| ReadError::Broken(error.to_string()))?;
        let number = desks.next_desk;
        desks.next_desk += 1;
        desks.open.insert(number, Desk { fetcher, seats: BTreeMap::new() });
        Ok(number)
    }

    fn leave(&self, number: u64, shard: ShardId, id: u64) {
        let mut desks = self.desks.lock();
        let Some(desk) = desks.open.get_mut(&number) else { return };
        desk.seats.retain(|_, seat| *seat != id);
        // Under the lock: whoever takes the seat next joins after this.
        desk.fetcher.leave(id, shard);
        if desk.seats.is_empty() && number > 0 {
            desk.fetcher.close();
            desks.open.remove(&number);
        }
    }

    /// Ends all readers with [`ReadError::Closed`], and takes no more.
    pub fn close(&self) {
        let mut desks = self.desks.lock();
        desks.closed = true;
        desks.open.values().for_each(|desk| desk.fetcher.close());
    }
}

/// [`ShardReader`] over a partition.
pub(super) struct KafkaReader {
    id: u64,
    shard: ShardId,
    queue: Arc<Queue>,
    fetcher: Arc<Fetcher>,
    desk: u64,
    hub: Arc<Hub>,
}

#[async_trait]
impl ShardReader for KafkaReader {
    async fn next(&mut self, limit: usize) -> Result<Vec<RawRecord>, ReadError> {
        let taken = poll_fn(|context| self.queue.poll(limit.max(1), context.waker())).await?;
        if taken.has_room_again {
            self.fetcher.resume(self.id, self.shard);
        }
        Ok(taken.records)
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.hub.leave(self.desk, self.shard, self.id);
    }
}
