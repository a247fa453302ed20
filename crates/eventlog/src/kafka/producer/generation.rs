//! One librdkafka producer out of a row of them: the last is in use, those before are being taken down.

use super::acks::{Acks, Report};
use crate::kafka::client_log::{ClientLog, Pace};
use crate::kafka::{KafkaOptions, OpenError, append_time, config};
use crate::slot::Slot;
use crate::{AppendError, Appended, metric};
use domain::ids::ShardId;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tracing::warn;

/// A producer with the thread that polls it.
pub(in crate::kafka) struct Generation {
    number: u32,
    producer: ThreadedProducer<Reports>,
    load: Arc<Load>,
    limit_records: usize,
    limit_bytes: usize,
}

/// What is with librdkafka: given back when it reports, which may be later than the ticket's end.
#[derive(Default)]
struct Load {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

/// Takes librdkafka's delivery reports.
pub(super) struct Reports {
    number: u32,
    acks: Arc<Acks>,
    load: Arc<Load>,
    log: ClientLog,
    pace: Pace,
}

impl Generation {
    /// Connects nowhere yet.
    pub(super) fn new(options: &KafkaOptions, acks: Arc<Acks>, number: u32) -> Result<Self, OpenError> {
        Self::with(&config::producer(options), options, acks, number)
    }

    pub(super) fn with(
        config: &rdkafka::ClientConfig,
        options: &KafkaOptions,
        acks: Arc<Acks>,
        number: u32,
    ) -> Result<Self, OpenError> {
        let load = Arc::new(Load::default());
        let log = ClientLog::new("producer");
        let reports = Reports { number, acks, load: load.clone(), log, pace: Pace::default() };
        let producer = config.create_with_context(reports)?;
        let (limit_records, limit_bytes) = (options.queue_records.max(1), options.queue_bytes.max(1));
        Ok(Self { number, producer, load, limit_records, limit_bytes })
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn acks(&self) -> Arc<Acks> {
        self.producer.client().context().acks.clone()
    }

    /// Hands a record over. `Busy` at once when the queue is full.
    pub fn send(&self, topic: &str, shard: ShardId, payload: &[u8], slot: Arc<Slot>) -> Result<(), AppendError> {
        self.reserve(payload.len())?;
        let record: BaseRecord<'_, (), [u8], _> =
            BaseRecord::with_opaque_to(topic, slot).partition(i32::from(shard.0)).payload(payload);
        self.producer.send(record).map_err(|(error, _)| {
            self.load.give_back(payload.len());
            refusal(&error)
        })
    }

    fn reserve(&self, bytes: usize) -> Result<(), AppendError> {
        let records = self.load.records.fetch_add(1, Ordering::Relaxed);
        let queued = self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        // A record that alone is over the limit still fits an empty queue.
        if records >= self.limit_records || (queued > 0 && queued + bytes > self.limit_bytes) {
            self.load.give_back(bytes);
            return Err(AppendError::Busy);
        }
        Ok(())
    }

    /// Records that were not reported yet, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        (self.load.records.load(Ordering::Relaxed), self.load.bytes.load(Ordering::Relaxed))
    }

    /// Why this producer will never send again, if that is so.
    pub fn fatal_error(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(code, reason)| format!("{code:?}: {reason}"))
    }

    /// What went wrong last with the brokers.
    pub fn last_trouble(&self) -> String {
        self.producer.client().context().log.last_reason().unwrap_or_default()
    }

    /// Asks the brokers for the topic, which also connects; blocks.
    pub fn fetch_topic(&self, topic: &str, limit: Duration) -> Result<(), KafkaError> {
        self.producer.client().fetch_metadata(Some(topic), limit).map(drop)
    }
}

impl Load {
    fn give_back(&self, bytes: usize) {
        self.records.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Slot>;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: Arc<Slot>) {
        self.load.give_back(slot.bytes);
        let outcome = match result {
            Ok(message) => appended(message.offset(), append_time(message.timestamp())),
            Err((error, _)) => Err(self.note_refusal(error)),
        };
        self.acks.push(Report { slot, outcome, generation: self.number });
    }
}

impl Reports {
    fn note_refusal(&self, error: &KafkaError) -> AppendError {
        let refusal = refusal(error);
        metric::count_refused_delivery();
        if let Some(unsaid) = self.pace.ask(Instant::now()) {
            let code = error.rdkafka_error_code();
            warn!(?code, unsaid, "records were not acknowledged");
        }
        refusal
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

fn appended(offset: i64, append: Option<domain::time::UnixMs>) -> Result<Appended, AppendError> {
    let offset = u64::try_from(offset).map_err(|_| AppendError::Broken)?;
    Ok(Appended { offset, append: append.ok_or(AppendError::Broken)? })
}

fn refusal(error: &KafkaError) -> AppendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => AppendError::Busy,
        // Purged: with a producer that was given up because nothing was acknowledged.
        Some(RDKafkaErrorCode::MessageTimedOut | RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
            AppendError::TimedOut
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => AppendError::TooLarge,
        _ => AppendError::Broken,
    }
}
