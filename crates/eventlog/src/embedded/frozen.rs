//! Rows of the log as bytes, for the suite that keeps those of every version (`tests/compat`). No promise is made of
//! anything in here.

use super::frame::{Frame, FrameBuilder};
use crate::RawRecord;
use bytes::Bytes;
use domain::ids::ShardId;
use domain::time::UnixMs;

/// The row of records that were committed together.
pub fn write(shard: ShardId, first_offset: u64, append: UnixMs, records: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = FrameBuilder::with_capacity(0);
    records.iter().for_each(|record| builder.push(record));
    builder.seal(shard, first_offset, append).bytes.to_vec()
}

/// The records of a row that says of itself what the other columns say. Errors are in words.
pub fn read(
    shard: ShardId,
    first_offset: u64,
    count: u32,
    append: UnixMs,
    bytes: &[u8],
) -> Result<Vec<RawRecord>, String> {
    let frame = Frame { first_offset, count, append, bytes: Bytes::copy_from_slice(bytes) };
    frame.check(shard).map_err(|error| error.to_string())?;
    let mut cursor = frame.seek(first_offset).map_err(|error| error.to_string())?;
    let records = std::iter::from_fn(|| frame.read(&mut cursor).transpose());
    records.collect::<Result<_, _>>().map_err(|error| error.to_string())
}
