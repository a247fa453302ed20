//! The thread that is the member: polls, passes changes on, and gives partitions back when it is time.

use super::group::{Group, Shared, Step, unassign};
use crate::kafka::{KafkaOptions, OpenError, config};
use crate::metric;
use crate::placement::PlacementChange;
use domain::ids::ShardId;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How long a shard's owner may take to hand it over.
const HAND_OVER: Duration = Duration::from_secs(10);
/// A newcomer is given nothing at first, since others hand over before it gets their shards. Only after so long does it
/// mean that there is none for it.
const SETTLED: Duration = Duration::from_secs(15);
/// How long a poll waits: so late is a hand-over, or the wish to leave, noticed.
const POLL: Duration = Duration::from_millis(20);
/// A member that is outside the group for so many session timeouts is made anew.
const OUTSIDE_SESSIONS: u32 = 5;
/// But not before so long: the first join waits for the brokers.
const OUTSIDE_LEAST: Duration = Duration::from_secs(60);

pub(super) struct Member {
    options: KafkaOptions,
    shared: Arc<Shared>,
    changes: mpsc::Sender<PlacementChange>,
    consumer: BaseConsumer<Group>,
    owned: BTreeSet<ShardId>,
    /// Whether it was told what it owns: also a member that gets nothing is to know that it is in.
    has_answer: bool,
    /// When the group gave it nothing first.
    empty_since: Option<Instant>,
    hand_over: Option<HandOver>,
    /// When this consumer was made.
    made: Instant,
}

/// Shards that are revoked and whose owner is not done.
struct HandOver {
    shards: Vec<ShardId>,
    done: oneshot::Receiver<()>,
    deadline: Instant,
}

impl Member {
    pub fn new(
        options: &KafkaOptions,
        shared: Arc<Shared>,
        changes: mpsc::Sender<PlacementChange>,
    ) -> Result<Self, OpenError> {
        let (consumer, options) = (join(options, &shared)?, options.clone());
        let (owned, made) = (BTreeSet::new(), Instant::now());
        let (has_answer, empty_since, hand_over) = (false, None, None);
        Ok(Self { options, shared, changes, consumer, owned, has_answer, empty_since, hand_over, made })
    }

    /// Until it is told to leave. Dropping the consumer leaves the group, which then deals out its shards at once.
    pub fn run(mut self) {
        while !self.shared.is_leaving() {
            // Messages do not come, and errors were logged by the context.
            let _ = self.consumer.poll(POLL);
            let steps = std::mem::take(&mut *self.consumer.context().steps.lock());
            steps.into_iter().for_each(|step| self.pass_on(step));
            self.finish_hand_over(Instant::now());
            self.settle_for_nothing(Instant::now());
            self.join_anew_if_outside();
        }
        if let Some(open) = self.hand_over.take() {
            unassign(&self.consumer, &self.list(&open.shards));
        }
    }

    fn pass_on(&mut self, step: Step) {
        match step {
            Step::Gained(shards) => self.gain(shards),
            Step::Revoked(shards) => self.hand_over(shards),
            Step::Lost(shards) => self.lose(shards),
        }
        metric::set_placed_shards(self.owned.len());
    }

    fn gain(&mut self, shards: Vec<ShardId>) {
        if shards.is_empty() {
            self.empty_since.get_or_insert_with(Instant::now);
        } else {
            self.say_gained(shards);
        }
    }

    fn settle_for_nothing(&mut self, now: Instant) {
        let settled = self.empty_since.is_some_and(|since| now.duration_since(since) >= SETTLED);
        if settled && !self.has_answer {
            self.say_gained(Vec::new());
        }
    }

    fn say_gained(&mut self, shards: Vec<ShardId>) {
        info!(shards = shards.len(), "shards gained");
        self.has_answer = true;
        self.owned.extend(&shards);
        self.send(PlacementChange::Gained(shards));
    }

    fn hand_over(&mut self, shards: Vec<ShardId>) {
        info!(shards = shards.len(), "shards are to be handed over");
        let done = self.say_lost(shards.clone());
        self.hand_over = Some(HandOver { shards, done, deadline: Instant::now() + HAND_OVER });
    }

    /// Nobody waits for `done` here.
    fn lose(&mut self, shards: Vec<ShardId>) {
        self.hand_over = None;
        if !shards.is_empty() {
            warn!(shards = shards.len(), "shards were lost without a word: the session with the brokers expired");
            drop(self.say_lost(shards));
        }
    }

    fn say_lost(&mut self, shards: Vec<ShardId>) -> oneshot::Receiver<()> {
        self.owned.retain(|shard| !shards.contains(shard));
        let (done, receiver) = oneshot::channel();
        self.send(PlacementChange::Lost { shards, done });
        receiver
    }

    fn send(&self, change: PlacementChange) {
        // An error means that it is leaving.
        let _ = self.changes.blocking_send(change);
    }

    fn finish_hand_over(&mut self, now: Instant) {
        let Some(open) = &mut self.hand_over else { return };
        let waiting = matches!(open.done.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        if waiting && now < open.deadline {
            return;
        }
        if waiting {
            let seconds = HAND_OVER.as_secs();
            warn!(shards = open.shards.len(), seconds, "shards are handed over though their owner is not done");
        }
        if let Some(open) = self.hand_over.take() {
            unassign(&self.consumer, &self.list(&open.shards));
        }
    }

    /// The client may have lost touch without saying so, as producers do.
    fn join_anew_if_outside(&mut self) {
        let patience = OUTSIDE_LEAST.max(self.options.session_timeout * OUTSIDE_SESSIONS);
        let since = self.shared.outside_since().map(|since| since.max(self.made));
        if since.is_none_or(|since| since.elapsed() < patience) {
            return;
        }
        self.made = Instant::now();
        warn!(seconds = patience.as_secs(), "outside the consumer group for long; joining with a new client");
        match join(&self.options, &self.shared) {
            Ok(new) => {
                metric::count_consumer_recreated();
                let old = std::mem::replace(&mut self.consumer, new);
                if let Err(error) = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || drop(old)) {
                    warn!(%error, "no thread to retire a client on");
                }
            }
            Err(error) => warn!(%error, "no new client could be made"),
        }
    }

    fn list(&self, shards: &[ShardId]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(shards.len());
        for shard in shards {
            list.add_partition(&self.options.topic, i32::from(shard.0));
        }
        list
    }
}

impl Drop for Member {
    /// Also should the thread ever panic: then `/readyz` says so.
    fn drop(&mut self) {
        self.shared.note_outside();
        metric::set_placed_shards(0);
    }
}

fn join(options: &KafkaOptions, shared: &Arc<Shared>) -> Result<BaseConsumer<Group>, KafkaError> {
    let consumer: BaseConsumer<Group> = config::member(options).create_with_context(Group::new(shared.clone()))?;
    consumer.subscribe(&[&options.topic])?;
    Ok(consumer)
}
