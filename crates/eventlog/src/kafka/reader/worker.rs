//! A consumer on its thread: fetches for all seats and deals out, without letting one hold up another.

use super::fetcher::{Command, Fetcher};
use super::repair::Survey;
use super::seat::{Seat, Verdict};
use super::signal::Signal;
use crate::kafka::bounds::Surveyor;
use crate::kafka::client_log::ClientLog;
use crate::kafka::{KafkaOptions, append_time, config};
use crate::{RawRecord, ReadError, metric};
use bytes::Bytes;
use domain::ids::ShardId;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// What one turn takes from the client before it deals out.
const TURN_RECORDS: usize = 512;
const TURN_BYTES: usize = 1 << 20;
/// An empty answer may mean that the client served an event of its own. After so many the queue is empty.
const EMPTY_ANSWERS: u32 = 4;
/// The longest sleep, in case a ring was missed.
const NAP: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    pub consumer: BaseConsumer<ClientLog>,
    pub options: KafkaOptions,
    pub handle: Arc<Fetcher>,
    pub surveyor: Arc<Surveyor>,
    /// One reader per shard.
    pub seats: BTreeMap<ShardId, Seat>,
    /// When seats were last looked at for being stuck.
    pub checked: Instant,
    /// When the ends of quiet ones were last asked for.
    pub asked: Instant,
    pub survey: Survey,
}

impl Worker {
    pub fn new(options: &KafkaOptions, handle: Arc<Fetcher>, surveyor: Arc<Surveyor>) -> Result<Self, KafkaError> {
        let (consumer, options) = (consumer(options, &handle.signal)?, options.clone());
        let (seats, now, survey) = (BTreeMap::new(), Instant::now(), Survey::default());
        Ok(Self { consumer, options, handle, surveyor, seats, checked: now, asked: now, survey })
    }

    /// Until it is told to close.
    pub fn run(mut self) {
        loop {
            for command in self.handle.take_commands() {
                if let Command::Close = command {
                    return self.leave_all(&ReadError::Closed);
                }
                self.obey(command);
            }
            let emptied = self.fetch();
            self.deal_out();
            self.repair(Instant::now());
            if emptied {
                self.handle.signal.wait(NAP);
            }
        }
    }

    fn leave_all(&self, reason: &ReadError) {
        self.handle.note_gone();
        self.seats.values().for_each(|seat| seat.queue.end(reason.clone()));
        // Who joined a moment ago is not in a seat yet.
        for command in self.handle.take_commands() {
            if let Command::Join { queue, .. } = command {
                queue.end(reason.clone());
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Join { id, shard, from, queue } => {
                self.seats.insert(shard, Seat::new(id, shard, from, queue));
                self.assign(shard);
            }
            Command::Leave { id, shard } => {
                if self.seats.get(&shard).is_some_and(|seat| seat.id == id) {
                    self.unassign(shard);
                    self.seats.remove(&shard);
                }
            }
            Command::Resume { id, shard } => self.resume(id, shard),
            Command::Surveyed { shard, answer } => self.hear(shard, answer),
            Command::Close => {}
        }
    }

    /// One turn. True when the client has nothing more.
    fn fetch(&mut self) -> bool {
        let (mut records, mut bytes, mut empty) = (0, 0, 0);
        // Taken out, so that messages, which borrow it, can be dealt with.
        let Self { consumer, seats, .. } = self;
        let (mut jumps, mut errors) = (Vec::new(), Vec::new());
        while records < TURN_RECORDS && bytes < TURN_BYTES && empty < EMPTY_ANSWERS {
            match consumer.poll(Duration::ZERO) {
                None => empty += 1,
                Some(Ok(message)) => {
                    records += 1;
                    bytes += message.payload_len();
                    jumps.extend(receive(seats, &message));
                }
                Some(Err(error)) => {
                    records += 1;
                    errors.push(error);
                }
            }
        }
        jumps.into_iter().for_each(|jump| self.heed(jump));
        errors.into_iter().for_each(|error| self.heed_error(&error));
        empty >= EMPTY_ANSWERS
    }

    fn deal_out(&mut self) {
        let now = Instant::now();
        let mut full = Vec::new();
        for seat in self.seats.values_mut().filter(|seat| !seat.fresh.is_empty()) {
            seat.note_fed(now);
            if seat.queue.push(&mut seat.fresh) {
                seat.paused = true;
                full.push(seat.shard);
            }
        }
        for shard in full {
            metric::count_paused();
            let paused = self.consumer.pause(&self.list(shard, None));
            self.note(shard, "not paused", paused);
        }
    }

    fn resume(&mut self, id: u64, shard: ShardId) {
        let Some(seat) = self.seats.get_mut(&shard).filter(|seat| seat.id == id) else { return };
        seat.paused = false;
        let resumed = self.consumer.resume(&self.list(shard, None));
        self.note(shard, "not resumed", resumed);
    }

    fn heed(&mut self, jump: Jump) {
        let Some(seat) = self.seats.get(&jump.shard) else { return };
        if jump.verdict == Verdict::AskAgain {
            warn!(
                shard = jump.shard.0,
                expected = seat.expected,
                found = jump.found,
                "asking for missing records again"
            );
            return self.reassign(jump.shard);
        }
        let shard = jump.shard;
        let text = match jump.verdict {
            Verdict::Hole => format!("shard {shard} goes from offset {} on to {}", seat.expected, jump.found),
            _ => format!("the record at offset {} of shard {shard} has no time", jump.found),
        };
        self.end(shard, ReadError::Broken(text));
    }

    fn heed_error(&mut self, error: &KafkaError) {
        match error {
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => self.survey.wish(),
            KafkaError::MessageConsumptionFatal(code) => {
                error!(?code, "the consumer cannot go on");
                self.recreate();
            }
            // Others were logged by the client's context, and the library tries again by itself.
            _ => {}
        }
    }

    pub fn end(&mut self, shard: ShardId, reason: ReadError) {
        error!(shard = shard.0, %reason, "a reader of the log stops");
        self.unassign(shard);
        if let Some(mut seat) = self.seats.remove(&shard) {
            seat.queue.push(&mut seat.fresh);
            seat.queue.end(reason);
        }
    }

    pub fn reassign(&mut self, shard: ShardId) {
        self.unassign(shard);
        self.assign(shard);
    }

    pub fn assign(&mut self, shard: ShardId) {
        let Some(seat) = self.seats.get_mut(&shard) else { return };
        seat.note_assigned();
        let (expected, paused) = (seat.expected, seat.paused);
        let assigned = self.consumer.incremental_assign(&self.list(shard, Some(expected)));
        if let Err(error) = assigned {
            return self.end(shard, ReadError::Broken(format!("shard {shard} cannot be read: {error}")));
        }
        if paused {
            let paused = self.consumer.pause(&self.list(shard, None));
            self.note(shard, "not paused", paused);
        }
    }

    fn unassign(&self, shard: ShardId) {
        if self.seats.get(&shard).is_some_and(|seat| seat.paused) {
            // A pause outlives the assignment in the library.
            let resumed = self.consumer.resume(&self.list(shard, None));
            self.note(shard, "not resumed", resumed);
        }
        let unassigned = self.consumer.incremental_unassign(&self.list(shard, None));
        self.note(shard, "not unassigned", unassigned);
    }

    pub fn note(&self, shard: ShardId, what: &str, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            warn!(shard = shard.0, %error, "a partition was {what}");
        }
    }

    fn list(&self, shard: ShardId, from: Option<u64>) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(&self.options.topic, i32::from(shard.0));
        let offset = from.and_then(|from| i64::try_from(from).ok());
        // Any offset that is not negative is one.
        offset.into_iter().for_each(|offset| drop(element.set_offset(Offset::Offset(offset))));
        list
    }
}

impl Drop for Worker {
    /// Should the thread ever panic: nobody waits for it.
    fn drop(&mut self) {
        self.leave_all(&ReadError::Broken("the thread that reads has ended".to_owned()));
    }
}

pub(super) fn consumer(options: &KafkaOptions, signal: &Arc<Signal>) -> Result<BaseConsumer<ClientLog>, KafkaError> {
    let mut consumer: BaseConsumer<_> = config::reader(options).create_with_context(ClientLog::new("reader"))?;
    let signal = signal.clone();
    consumer.set_nonempty_callback(move || signal.ring());
    Ok(consumer)
}

/// A record that could not be taken.
struct Jump {
    shard: ShardId,
    found: u64,
    verdict: Verdict,
}

/// Puts a message to its seat.
fn receive(seats: &mut BTreeMap<ShardId, Seat>, message: &BorrowedMessage<'_>) -> Option<Jump> {
    let shard = ShardId(u16::try_from(message.partition()).ok()?);
    let found = u64::try_from(message.offset()).ok()?;
    let seat = seats.get_mut(&shard)?;
    match seat.judge(found) {
        Verdict::Take => {}
        Verdict::Ignore => return None,
        verdict => return Some(Jump { shard, found, verdict }),
    }
    let Some(append) = append_time(message.timestamp()) else {
        return Some(Jump { shard, found, verdict: Verdict::Take });
    };
    let payload = message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice);
    seat.take(RawRecord { offset: found, append, payload });
    None
}
