//! The handle of a consumer's thread: what its readers want of it, and what it hears of the log's bounds.

use super::queue::Queue;
use super::signal::Signal;
use super::worker::Worker;
use crate::kafka::bounds::Surveyor;
use crate::kafka::{KafkaOptions, OpenError};
use crate::{Bounds, ReadError};
use domain::ids::ShardId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub(super) struct Fetcher {
    commands: Mutex<Vec<Command>>,
    pub(super) signal: Arc<Signal>,
    gone: AtomicBool,
}

pub(super) enum Command {
    Join { id: u64, shard: ShardId, from: u64, queue: Arc<Queue> },
    Leave { id: u64, shard: ShardId },
    Resume { id: u64, shard: ShardId },
    Surveyed { shard: ShardId, answer: Result<Bounds, ReadError> },
    Close,
}

impl Fetcher {
    pub fn start(options: &KafkaOptions, surveyor: Arc<Surveyor>) -> Result<Arc<Self>, OpenError> {
        let fetcher =
            Arc::new(Self { commands: Mutex::default(), signal: Arc::default(), gone: AtomicBool::new(false) });
        let worker = Worker::new(options, fetcher.clone(), surveyor)?;
        thread::Builder::new().name("kafka-reader".to_owned()).spawn(move || worker.run())?;
        Ok(fetcher)
    }

    pub fn join(&self, id: u64, shard: ShardId, from: u64, queue: Arc<Queue>) {
        self.tell(Command::Join { id, shard, from, queue });
    }

    pub fn leave(&self, id: u64, shard: ShardId) {
        self.tell(Command::Leave { id, shard });
    }

    /// The reader's queue has room again.
    pub fn resume(&self, id: u64, shard: ShardId) {
        self.tell(Command::Resume { id, shard });
    }

    pub fn close(&self) {
        self.tell(Command::Close);
    }

    /// False once its thread has ended, whatever the reason.
    pub fn is_alive(&self) -> bool {
        !self.gone.load(Ordering::SeqCst)
    }

    /// For the thread: nobody joins any more.
    pub(super) fn note_gone(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    pub(super) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock())
    }

    pub(super) fn tell(&self, command: Command) {
        self.commands.lock().push(command);
        self.signal.ring();
    }
}
