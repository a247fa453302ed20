//! What the group says, as the client library calls it from within `poll`.

use crate::kafka::client_log::ClientLog;
use crate::metric;
use domain::ids::ShardId;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tracing::warn;

/// What the member's thread and its owner have in common.
pub(super) struct Shared {
    group: String,
    leaving: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// Since when it has no place in the group.
    outside_since: Option<Instant>,
    trouble: Option<String>,
}

impl Shared {
    pub fn new(group: &str) -> Self {
        let state = State { outside_since: Some(Instant::now()), trouble: None };
        Self { group: group.to_owned(), leaving: AtomicBool::new(false), state: Mutex::new(state) }
    }

    pub fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    pub fn note_joined(&self) {
        let mut state = self.state.lock();
        (state.outside_since, state.trouble) = (None, None);
    }

    pub fn note_outside(&self) {
        self.state.lock().outside_since.get_or_insert_with(Instant::now);
    }

    pub fn outside_since(&self) -> Option<Instant> {
        self.state.lock().outside_since
    }

    fn note_trouble(&self, reason: &str) {
        let mut state = self.state.lock();
        if state.outside_since.is_some() {
            state.trouble = Some(reason.to_owned());
        }
    }

    /// In words for `/readyz`.
    pub fn obstacle(&self) -> Option<String> {
        let state = self.state.lock();
        state.outside_since?;
        let cause = state.trouble.as_ref().map(|trouble| format!(": {trouble}")).unwrap_or_default();
        Some(format!("not in the consumer group kafka.group = {:?}{cause}", self.group))
    }
}

/// What a rebalance asks for. Done after the callback has returned, so that the member goes on polling meanwhile.
pub(super) enum Step {
    Gained(Vec<ShardId>),
    /// To be given back when their owner is done.
    Revoked(Vec<ShardId>),
    /// Gone already.
    Lost(Vec<ShardId>),
}

/// The context of the member's client.
pub(super) struct Group {
    pub shared: Arc<Shared>,
    pub log: ClientLog,
    /// In the order in which the group said them.
    pub steps: Mutex<Vec<Step>>,
}

impl Group {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, log: ClientLog::new("placement"), steps: Mutex::default() }
    }

    fn gain(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        self.shared.note_joined();
        let shards = shards_of(list);
        // At a fixed place, so that the group's offsets are not even asked for; and nothing is read there.
        let placed = list.set_all_offsets(Offset::Offset(0));
        let assigned = placed.and_then(|()| consumer.incremental_assign(list)).and_then(|()| pause(consumer, list));
        if let Err(error) = assigned {
            warn!(%error, shards = shards.len(), "shards from the consumer group were not taken");
        }
        self.say(Step::Gained(shards));
    }

    fn lose(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shards = shards_of(list);
        let lost = consumer.assignment_lost();
        if !lost && !self.shared.is_leaving() && !shards.is_empty() {
            return self.say(Step::Revoked(shards));
        }
        unassign(consumer, list);
        if lost {
            self.shared.note_outside();
            metric::count_lost_without_a_word(shards.len());
        }
        self.say(Step::Lost(shards));
    }

    fn say(&self, step: Step) {
        self.steps.lock().push(step);
    }
}

/// An empty list is no partition, but an error to the library.
fn pause(consumer: &BaseConsumer<Group>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    if list.count() == 0 { Ok(()) } else { consumer.pause(list) }
}

/// Gives partitions back to the group, which waits for it.
pub(super) fn unassign(consumer: &BaseConsumer<Group>, list: &TopicPartitionList) {
    if let Err(error) = consumer.incremental_unassign(list) {
        warn!(%error, shards = list.count(), "shards were not given back to the consumer group");
    }
}

fn shards_of(list: &TopicPartitionList) -> Vec<ShardId> {
    list.elements().iter().filter_map(|element| u16::try_from(element.partition()).ok()).map(ShardId).collect()
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.note_trouble(reason);
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.gain(consumer, list),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.lose(consumer, list),
            other => {
                warn!(code = ?other, "the consumer group failed to deal out shards");
                unassign(consumer, list);
            }
        }
    }
}
