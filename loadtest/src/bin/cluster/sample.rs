//! Records of the product as they stand in its topic: what librdkafka's own producer is to send as well.

use crate::site::TOPIC;
use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// From the end of each partition. So many that a repeated one is farther away than lz4 looks back (64 KiB): records of
/// many monitors compress little, and sent again and again from a short list they would compress to nothing.
pub const OF_A_PARTITION: i64 = 4_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// The last records of each partition, as many as come in time. Blocks.
pub fn take(broker: &str, shards: u16) -> Result<Vec<Vec<u8>>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", "quietpulse.bench.sample")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut places = TopicPartitionList::new();
    for partition in 0..i32::from(shards) {
        places.add_partition_offset(TOPIC, partition, Offset::OffsetTail(OF_A_PARTITION))?;
    }
    consumer.assign(&places)?;
    let (begun, wanted) = (Instant::now(), usize::from(shards) * OF_A_PARTITION as usize);
    let mut records = Vec::new();
    while records.len() < wanted && begun.elapsed() < PATIENCE {
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            records.extend(message?.payload().map(<[u8]>::to_vec));
        }
    }
    ensure!(records.len() * 10 >= wanted * 9, "only {} of {wanted} records could be read", records.len());
    Ok(records)
}

/// Bytes of the record in the middle.
pub fn typical_bytes(records: &[Vec<u8>]) -> usize {
    crate::words::median(records.iter().map(|record| record.len() as f64)) as usize
}
