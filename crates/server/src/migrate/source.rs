//! The old installation: a data directory, and the server that works with it if one does.

use crate::admin::remote::Remote;
use crate::admin::server_of;
use crate::config::types::Config;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::serve::open::{self, Existing, Opened};
use bytes::Bytes;
use domain::ids::{ShardCount, ShardId};
use domain::record::Body;
use domain::time::UnixMs;
use eventlog::RawRecord;
use eventlog::producer::Producer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Records read at once.
const BATCH: usize = 500;

/// What is moved.
pub struct Source {
    config: Config,
    directory: PathBuf,
    installation: Installation,
    door: Mutex<Door>,
}

/// How it is reached.
enum Door {
    Server(Box<Remote>),
    /// Nobody works with the directory: this process holds it.
    Held(Arc<Opened>),
}

/// A stretch of a shard's log.
pub enum Stretch {
    Records(Vec<RawRecord>),
    /// The server has stopped and nothing is left.
    End,
}

impl Source {
    /// Finds the installation and whoever holds it.
    pub async fn open(config: &Config, api_key: Option<String>) -> Result<Self, Failure> {
        let directory = std::path::absolute(&config.data_dir)
            .map_err(|error| Failure::failed(format_args!("data_dir {}: {error}", config.data_dir.display())))?;
        let installation = Installation::open(&directory).map_err(Failure::failed)?;
        let door = match open::open_existing(config).await? {
            Existing::Free(opened) => Door::Held(Arc::new(*opened)),
            Existing::Held(refusal) => Door::Server(Box::new(server_of(config, api_key, &refusal)?)),
        };
        Ok(Self { config: config.clone(), directory, installation, door: Mutex::new(door) })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    pub fn shards(&self) -> ShardCount {
        self.installation.shards
    }

    /// Ends all judging; where that stands in each shard's log.
    pub async fn mark(&self) -> Result<Vec<u64>, Failure> {
        match &*self.door.lock().await {
            Door::Server(remote) => remote.begin_move().await,
            Door::Held(opened) => mark(opened).await,
        }
    }

    /// Everything as it stood at some moment after the mark: a copy, or the directory itself when nobody writes to it.
    pub async fn state(&self) -> Result<Arc<Opened>, Failure> {
        let door = self.door.lock().await;
        let Door::Server(remote) = &*door else {
            let Door::Held(opened) = &*door else { return Err(Failure::failed("the old data directory is not held")) };
            return Ok(Arc::clone(opened));
        };
        let copy = self.copy();
        let _left_by_an_earlier_try = std::fs::remove_dir_all(&copy);
        remote.backup(&copy).await?;
        match open::open_existing(&Config { data_dir: copy, ..self.config.clone() }).await? {
            Existing::Free(opened) => Ok(Arc::new(*opened)),
            Existing::Held(refusal) => Err(Failure::failed(refusal)),
        }
    }

    /// Lets go of the state, and of the copy if it is one.
    pub async fn discard(&self, state: Arc<Opened>) {
        let is_copy = state.place.directory != self.directory;
        if is_copy {
            state.log.shared().close().await;
            drop(state);
            let _best_effort = std::fs::remove_dir_all(self.copy());
        }
    }

    /// Records of a shard from `from` on, to which `take` is shown what comes. Ends when the server has stopped and
    /// everything in its log was shown.
    pub async fn follow<F>(
        &self,
        shard: ShardId,
        mut from: u64,
        mut take: impl FnMut(Stretch) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        loop {
            let stream = match &*self.door.lock().await {
                Door::Held(_) => None,
                Door::Server(remote) => Some(remote.clone()),
            };
            let Some(remote) = stream else { break };
            if let Ok(mut stream) = remote.follow_log(shard.0.into(), from).await {
                while let Ok(Some(message)) = stream.message().await {
                    let records: Vec<RawRecord> = message.records.into_iter().map(raw).collect();
                    from = records.last().map_or(from, |record| record.offset + 1);
                    if !take(Stretch::Records(records)).await? {
                        return Ok(());
                    }
                }
            }
            self.look_whether_it_stopped().await?;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        self.drain(shard, from, &mut take).await
    }

    /// The rest of a log that nobody writes to.
    async fn drain<F>(&self, shard: ShardId, mut from: u64, take: &mut impl FnMut(Stretch) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        let log = match &*self.door.lock().await {
            Door::Held(opened) => opened.log.shared(),
            Door::Server(_) => return Ok(()),
        };
        let end = log.bounds(shard).await.map_err(Failure::failed)?.next;
        if from < end {
            let mut reader = log.reader(shard, from).await.map_err(Failure::failed)?;
            while from < end {
                let records = reader.next(BATCH).await.map_err(Failure::failed)?;
                from = records.last().map_or(end, |record| record.offset + 1);
                take(Stretch::Records(records)).await?;
            }
        }
        take(Stretch::End).await.map(drop)
    }

    /// A server that is gone leaves its directory to us, and nobody else may start on it.
    async fn look_whether_it_stopped(&self) -> Result<(), Failure> {
        let mut door = self.door.lock().await;
        if matches!(*door, Door::Server(_))
            && let Existing::Free(opened) = open::open_existing(&self.config).await?
        {
            *door = Door::Held(Arc::new(*opened));
        }
        Ok(())
    }

    fn copy(&self) -> PathBuf {
        let mut name = self.directory.clone().into_os_string();
        name.push("-moving");
        PathBuf::from(name)
    }
}

async fn mark(opened: &Opened) -> Result<Vec<u64>, Failure> {
    let log = opened.log.shared();
    let producer = crate::installation::random_u64().map_err(Failure::failed)?.max(1);
    let producer = Producer::new(log.clone(), producer, opened.place.installation.node, 0);
    let mut offsets = Vec::new();
    for shard in log.shards().all() {
        let appended = producer.append(shard, &Body::Moved, opened.clock.now()).await;
        offsets.push(appended.map_err(Failure::failed)?.offset);
    }
    Ok(offsets)
}

fn raw(record: wire::v1::LoggedRecord) -> RawRecord {
    let wire::v1::LoggedRecord { offset, append_ms, payload } = record;
    RawRecord { offset, append: UnixMs(append_ms), payload: Bytes::from(payload) }
}
