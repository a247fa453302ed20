//! Where partitions begin and end, asked of their leaders, since only they know what stood in the log when asked.
//!
//! One thread asks for everybody: questions that come while it waits for the brokers share the next two requests,
//! however many shards they name. The client is its own, because a broker answers the requests of a connection one
//! after the other, and a reader's connection mostly has a fetch pending there.

use super::client_log::ClientLog;
use super::{KafkaOptions, OpenError, config};
use crate::{Bounds, ReadError, metric};
use domain::ids::{ShardCount, ShardId};
use parking_lot::{Condvar, Mutex};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::warn;

/// For one try of the batch; and for those of each leader when that failed.
const TRY: Duration = Duration::from_secs(1);
/// Between two tries: a leader that just changed is known a moment later.
const PAUSE: Duration = Duration::from_millis(100);
/// The client is given up for a new one when nothing was answered for so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the client is polled for its errors, and how long.
const SERVE_EVERY: Duration = Duration::from_secs(2);
const SERVE: Duration = Duration::from_millis(1);
/// How long the thread sleeps when nobody asks.
const IDLE: Duration = Duration::from_secs(5);

type Answer = Result<Bounds, ReadError>;
type Question = (ShardId, Box<dyn FnOnce(Answer) + Send>);

/// Asks the brokers. Its thread goes with the last owner.
pub(super) struct Surveyor(Arc<Inbox>);

struct Inbox {
    options: KafkaOptions,
    shards: ShardCount,
    questions: Mutex<Questions>,
    bell: Condvar,
    /// The ends heard of last, by shard: where a reader that keeps up must be.
    heard: Vec<AtomicU64>,
}

#[derive(Default)]
struct Questions {
    waiting: Vec<Question>,
    closed: bool,
}

impl Surveyor {
    pub fn start(options: &KafkaOptions, shards: ShardCount) -> Result<Self, OpenError> {
        let heard = shards.all().map(|_| AtomicU64::new(0)).collect();
        let (options, questions, bell) = (options.clone(), Mutex::default(), Condvar::new());
        let inbox = Arc::new(Inbox { options, shards, questions, bell, heard });
        let (client, now) = (client(&inbox.options)?, Instant::now());
        let desk = SurveyDesk { client, inbox: inbox.clone(), answered: now, served: now };
        thread::Builder::new().name("kafka-bounds".to_owned()).spawn(move || desk.run())?;
        Ok(Self(inbox))
    }

    /// What of `shard` stands in the log, as of a moment within this call.
    pub async fn bounds(&self, shard: ShardId) -> Answer {
        let (sender, receiver) = oneshot::channel();
        // Nobody may wait for it any more.
        self.ask(shard, move |answer| drop(sender.send(answer)));
        receiver.await.unwrap_or(Err(ReadError::Closed))
    }

    /// As [`bounds`](Self::bounds) for who cannot wait: `then` is called on the thread that asks.
    pub fn ask(&self, shard: ShardId, then: impl FnOnce(Answer) + Send + 'static) {
        if shard.0 >= self.0.shards.get() {
            return then(Err(ReadError::Broken(format!("there is no shard {shard}"))));
        }
        let mut questions = self.0.questions.lock();
        if questions.closed {
            drop(questions);
            return then(Err(ReadError::Closed));
        }
        questions.waiting.push((shard, Box::new(then)));
        self.0.bell.notify_one();
    }

    /// The end of `shard` that was heard of last; 0 when nobody asked yet.
    pub fn last_heard(&self, shard: ShardId) -> u64 {
        self.0.heard.get(usize::from(shard.0)).map_or(0, |heard| heard.load(Ordering::Relaxed))
    }

    pub fn close(&self) {
        self.0.questions.lock().closed = true;
        self.0.bell.notify_one();
    }
}

impl Drop for Surveyor {
    fn drop(&mut self) {
        self.close();
    }
}

impl Drop for SurveyDesk {
    /// Should the thread ever panic: nobody waits for it.
    fn drop(&mut self) {
        let mut questions = self.inbox.questions.lock();
        questions.closed = true;
        let waiting = std::mem::take(&mut questions.waiting);
        drop(questions);
        waiting.into_iter().for_each(|(_, then)| then(Err(ReadError::Closed)));
    }
}

/// The thread's side.
struct SurveyDesk {
    inbox: Arc<Inbox>,
    client: BaseConsumer<ClientLog>,
    answered: Instant,
    served: Instant,
}

fn client(options: &KafkaOptions) -> Result<BaseConsumer<ClientLog>, KafkaError> {
    config::bounds(options).create_with_context(ClientLog::new("bounds"))
}

impl SurveyDesk {
    fn run(mut self) {
        while let Some(questions) = self.wait() {
            let mut shards: Vec<_> = questions.iter().map(|(shard, _)| *shard).collect();
            shards.sort_unstable();
            shards.dedup();
            let answers = if shards.is_empty() { BTreeMap::new() } else { self.survey(&shards) };
            for (shard, then) in questions {
                then(answers.get(&shard).cloned().unwrap_or(Err(ReadError::Closed)));
            }
            self.serve_client();
        }
    }

    /// The client's own events; there are no messages. Takes the whole time it is given, so not every time.
    fn serve_client(&mut self) {
        if self.served.elapsed() > SERVE_EVERY {
            self.served = Instant::now();
            let _ = self.client.poll(SERVE);
        }
    }

    /// None when the log is closed; who still waits hears so when the desk is dropped.
    fn wait(&self) -> Option<Vec<Question>> {
        let mut questions = self.inbox.questions.lock();
        if questions.waiting.is_empty() && !questions.closed {
            self.inbox.bell.wait_for(&mut questions, IDLE);
        }
        if questions.closed {
            return None;
        }
        Some(std::mem::take(&mut questions.waiting))
    }

    fn survey(&mut self, shards: &[ShardId]) -> BTreeMap<ShardId, Answer> {
        let begun = Instant::now();
        let answers = match self.ask(shards) {
            Ok(found) => found.into_iter().map(|(shard, bounds)| (shard, Ok(bounds))).collect(),
            Err(_) => self.ask_each_leader(shards, begun + self.inbox.options.append_timeout),
        };
        metric::observe_bounds(begun.elapsed().as_secs_f64());
        if answers.values().any(Result::is_ok) {
            self.answered = Instant::now();
        } else if self.answered.elapsed() > PATIENCE {
            self.replace_client();
        }
        answers
    }

    /// All in two requests to each leader. The beginning first: it can only be older than the end.
    fn ask(&self, shards: &[ShardId]) -> Result<Vec<(ShardId, Bounds)>, KafkaError> {
        let firsts = self.offsets(shards, Offset::Beginning)?;
        let nexts = self.offsets(shards, Offset::End)?;
        let both = shards.iter().map(|shard| Some((*firsts.get(shard)?, *nexts.get(shard)?)));
        let bounds = shards.iter().zip(both).map(|(shard, both)| {
            let (first, next) = both.ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::BadMessage))?;
            self.note(*shard, next);
            Ok((*shard, Bounds { first, next: next.max(first) }))
        });
        bounds.collect()
    }

    /// In Kafka's protocol the end and the beginning are the times -1 and -2, as which the library's logical offsets
    /// are written.
    fn offsets(&self, shards: &[ShardId], which: Offset) -> Result<BTreeMap<ShardId, u64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(shards.len());
        for shard in shards {
            list.add_partition_offset(&self.inbox.options.topic, i32::from(shard.0), which)?;
        }
        let found = self.client.offsets_for_times(list, TRY)?;
        let mut offsets = BTreeMap::new();
        for element in found.elements() {
            element.error()?;
            if let (Ok(shard), Offset::Offset(offset)) = (u16::try_from(element.partition()), element.offset()) {
                offsets.insert(ShardId(shard), offset.unsigned_abs());
            }
        }
        Ok(offsets)
    }

    fn note(&self, shard: ShardId, next: u64) {
        if let Some(heard) = self.inbox.heard.get(usize::from(shard.0)) {
            heard.store(next, Ordering::Relaxed);
        }
    }

    /// A batch fails as a whole when one of its shards has no leader, or a dead one: here each leader is asked for
    /// its own, again and again until `deadline`.
    fn ask_each_leader(&self, shards: &[ShardId], deadline: Instant) -> BTreeMap<ShardId, Answer> {
        let (mut answers, mut missing) = (BTreeMap::new(), shards.to_vec());
        let mut last = None;
        while !missing.is_empty() && Instant::now() < deadline && !self.inbox.questions.lock().closed {
            thread::sleep(PAUSE);
            for group in self.by_leader(&missing) {
                match self.ask(&group) {
                    Ok(found) => answers.extend(found.into_iter().map(|(shard, bounds)| (shard, Ok(bounds)))),
                    Err(error) => last = Some(error),
                }
            }
            missing.retain(|shard| !answers.contains_key(shard));
        }
        let reason = last.map_or_else(|| "no leader".to_owned(), |error| error.to_string());
        for shard in missing {
            let text = format!("the brokers do not say where shard {shard} ends: {reason}");
            answers.insert(shard, Err(ReadError::Broken(text)));
        }
        answers
    }

    /// Shards without a leader are left out. With no answer at all everything is one group.
    fn by_leader(&self, shards: &[ShardId]) -> Vec<Vec<ShardId>> {
        let topic = &self.inbox.options.topic;
        let Ok(metadata) = self.client.fetch_metadata(Some(topic), TRY) else { return vec![shards.to_vec()] };
        let mut groups: BTreeMap<i32, Vec<ShardId>> = BTreeMap::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let shard = shards.iter().find(|shard| i32::from(shard.0) == partition.id());
            if let (Some(shard), true) = (shard, partition.leader() >= 0) {
                groups.entry(partition.leader()).or_default().push(*shard);
            }
        }
        groups.into_values().collect()
    }

    fn replace_client(&mut self) {
        self.answered = Instant::now();
        match client(&self.inbox.options) {
            Ok(new) => {
                warn!("no broker says where the log ends; asking with a new client");
                metric::count_consumer_recreated();
                let old = std::mem::replace(&mut self.client, new);
                let _ = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || drop(old));
            }
            Err(error) => warn!(%error, "no new client could be made"),
        }
    }
}
