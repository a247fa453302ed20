//! A consumer and its thread: fetches for all seats, deals out, and ends exactly those whose records are gone.

use super::queue::Queue;
use super::seat::{Seat, Verdict};
use super::signal::Signal;
use crate::kafka::bounds::Surveyor;
use crate::kafka::client_log::ClientLog;
use crate::kafka::{KafkaOptions, OpenError, append_time, config};
use crate::{Bounds, RawRecord, ReadError, metric};
use bytes::Bytes;
use domain::ids::ShardId;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// What one turn takes from the client before it deals out.
const TURN_RECORDS: usize = 512;
const TURN_BYTES: usize = 1 << 20;
/// An empty answer may mean that the client served an event of its own. After so many the queue is empty.
const EMPTY_ANSWERS: u32 = 4;
/// The longest sleep, in case a ring was missed.
const NAP: Duration = Duration::from_millis(100);
/// How often seats are looked at for being stuck.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// A seat that was assigned anew so often, in vain, takes the consumer with it.
const MOST_NUDGES: u32 = 2;

/// The handle of a consumer's thread.
pub(super) struct Fetcher {
    commands: Mutex<Vec<Command>>,
    signal: Arc<Signal>,
}

enum Command {
    Join { id: u64, shard: ShardId, from: u64, queue: Arc<Queue> },
    Leave { id: u64, shard: ShardId },
    Resume { id: u64, shard: ShardId },
    Surveyed { shard: ShardId, answer: Result<Bounds, ReadError> },
    Close,
}

impl Fetcher {
    pub fn start(options: &KafkaOptions, surveyor: Arc<Surveyor>) -> Result<Arc<Self>, OpenError> {
        let fetcher = Arc::new(Self { commands: Mutex::default(), signal: Arc::default() });
        let worker = Worker {
            consumer: consumer(options, &fetcher.signal)?,
            options: options.clone(),
            handle: fetcher.clone(),
            surveyor,
            seats: BTreeMap::new(),
            checked: Instant::now(),
            survey: Survey::default(),
        };
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

    fn tell(&self, command: Command) {
        self.commands.lock().push(command);
        self.signal.ring();
    }
}

fn consumer(options: &KafkaOptions, signal: &Arc<Signal>) -> Result<BaseConsumer<ClientLog>, KafkaError> {
    let mut consumer: BaseConsumer<_> = config::reader(options).create_with_context(ClientLog::new("reader"))?;
    let signal = signal.clone();
    consumer.set_nonempty_callback(move || signal.ring());
    Ok(consumer)
}

/// Which shards' bounds are being asked for, after an out-of-range error that named none.
#[derive(Default)]
struct Survey {
    open: usize,
    /// Asked for again when the present one is through.
    again: bool,
}

struct Worker {
    consumer: BaseConsumer<ClientLog>,
    options: KafkaOptions,
    handle: Arc<Fetcher>,
    surveyor: Arc<Surveyor>,
    /// One reader per shard.
    seats: BTreeMap<ShardId, Seat>,
    checked: Instant,
    survey: Survey,
}

impl Worker {
    fn run(mut self) {
        loop {
            let commands = std::mem::take(&mut *self.handle.commands.lock());
            for command in commands {
                if let Command::Close = command {
                    return self.end_all();
                }
                self.obey(command);
            }
            let emptied = self.fetch();
            self.deal_out();
            self.check(Instant::now());
            if emptied {
                self.handle.signal.wait(NAP);
            }
        }
    }

    fn end_all(self) {
        self.seats.values().for_each(|seat| seat.queue.end(ReadError::Closed));
        // Who joined a moment ago is not in a seat yet.
        let commands = std::mem::take(&mut *self.handle.commands.lock());
        for command in commands {
            if let Command::Join { queue, .. } = command {
                queue.end(ReadError::Closed);
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
            seat.note_progress(now);
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
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => self.begin_survey(),
            KafkaError::MessageConsumptionFatal(code) => {
                error!(?code, "the consumer cannot go on");
                self.recreate();
            }
            // Others were logged by the client's context, and the library tries again by itself.
            _ => {}
        }
    }

    /// One of the partitions does not reach back, or on, to where it is read. Which one is not said.
    fn begin_survey(&mut self) {
        if self.survey.open > 0 {
            self.survey.again = true;
            return;
        }
        self.survey = Survey { open: self.seats.len(), again: false };
        for shard in self.seats.keys().copied() {
            let handle = self.handle.clone();
            self.surveyor.ask(shard, move |answer| handle.tell(Command::Surveyed { shard, answer }));
        }
    }

    fn hear(&mut self, shard: ShardId, answer: Result<Bounds, ReadError>) {
        self.survey.open = self.survey.open.saturating_sub(1);
        match (self.seats.get(&shard).map(|seat| seat.expected), answer) {
            (Some(wanted), Ok(Bounds { first, next })) if !(first..=next).contains(&wanted) => {
                metric::count_out_of_range();
                self.end(shard, ReadError::OutOfRange { shard, wanted, first, next });
            }
            // It may be the one all the same, and have been out of range for a moment: then it is silent now.
            (Some(wanted), Ok(Bounds { next, .. })) if wanted < next => self.reassign(shard),
            (Some(_), Err(_)) => self.survey.again = true,
            _ => {}
        }
        if self.survey.open == 0 && self.survey.again {
            self.begin_survey();
        }
    }

    fn end(&mut self, shard: ShardId, reason: ReadError) {
        error!(shard = shard.0, %reason, "a reader of the log stops");
        self.unassign(shard);
        if let Some(mut seat) = self.seats.remove(&shard) {
            seat.queue.push(&mut seat.fresh);
            seat.queue.end(reason);
        }
    }

    /// The client may have lost touch without saying so, as producers do (CLUSTER.md): who is behind and gets nothing
    /// is assigned anew, and then the consumer is made anew.
    fn check(&mut self, now: Instant) {
        if now.saturating_duration_since(self.checked) < CHECK_EVERY {
            return;
        }
        self.checked = now;
        let surveyor = self.surveyor.clone();
        let stuck: Vec<_> = self
            .seats
            .values_mut()
            .filter_map(|seat| Some((seat.shard, seat.is_stuck(surveyor.last_heard(seat.shard), now)?)))
            .collect();
        if stuck.iter().any(|(_, nudges)| *nudges >= MOST_NUDGES) {
            error!(shards = stuck.len(), "shards get no records though there are some; a new consumer takes over");
            return self.recreate();
        }
        for (shard, _) in stuck {
            warn!(shard = shard.0, "a shard gets no records though there are some; assigning it anew");
            self.reassign(shard);
        }
    }

    fn recreate(&mut self) {
        match consumer(&self.options, &self.handle.signal) {
            Ok(new) => {
                metric::count_consumer_recreated();
                let old = std::mem::replace(&mut self.consumer, new);
                let retired = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || drop(old));
                self.note(
                    ShardId(0),
                    "no thread to retire a consumer on",
                    retired.map(drop).map_err(|_| KafkaError::Canceled),
                );
                let shards: Vec<_> = self.seats.keys().copied().collect();
                shards.into_iter().for_each(|shard| self.assign(shard));
            }
            Err(error) => error!(%error, "no new consumer could be made"),
        }
    }

    fn reassign(&mut self, shard: ShardId) {
        self.unassign(shard);
        self.assign(shard);
    }

    fn assign(&mut self, shard: ShardId) {
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

    fn note(&self, shard: ShardId, what: &str, result: Result<(), KafkaError>) {
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
