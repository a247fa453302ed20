//! A shard's state without its owner: from the snapshot and the log, for who only wants to look.

use crate::EvaluatorError;
use crate::shard::worker::load;
use domain::engine::Engine;
use domain::ids::ShardId;
use domain::record::{Params, Record};
use eventlog::{EventLog, ReadError};
use store::Store;

/// Records read at once.
const BATCH: usize = 4_096;

/// The shard as the log has it below `end`. What the engine wants done is not done: its owner does it.
pub async fn replay(shard: ShardId, log: &dyn EventLog, store: &dyn Store, end: u64) -> Result<Engine, EvaluatorError> {
    let first = log.bounds(shard).await.map_err(|source| EvaluatorError::Log { shard, source })?.first;
    let (engine, _) = load(shard, store, first).await?;
    apply(engine, log, end).await
}

/// The same from the log alone, which must reach back to its first record.
pub async fn replay_from_the_start(shard: ShardId, log: &dyn EventLog, end: u64) -> Result<Engine, EvaluatorError> {
    apply(Engine::new(shard, Params::EMBEDDED), log, end).await
}

async fn apply(mut engine: Engine, log: &dyn EventLog, end: u64) -> Result<Engine, EvaluatorError> {
    let shard = engine.shard();
    let fail = |source: ReadError| EvaluatorError::Log { shard, source };
    if engine.next_offset() >= end {
        return Ok(engine);
    }
    let mut reader = log.reader(shard, engine.next_offset()).await.map_err(fail)?;
    let mut effects = Vec::new();
    loop {
        for raw in reader.next(BATCH).await.map_err(fail)? {
            if raw.offset >= end {
                return Ok(engine);
            }
            let last = raw.offset + 1 >= end;
            // A record that cannot be read is skipped by every reader.
            if let Ok((envelope, body)) = wire::convert::log::decode_record(&raw.payload) {
                engine.apply(&Record { offset: raw.offset, append: raw.append, envelope, body }, &mut effects);
                effects.clear();
            }
            if last {
                return Ok(engine);
            }
        }
    }
}
