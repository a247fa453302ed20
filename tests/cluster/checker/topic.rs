//! Reads the topic from its beginning, with Kafka's own client and the generated messages of the log.

use super::facts::{Command, Config, Entry, Heard, Said, What};
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wire::v1;
use wire::v1::log_record::Body;

/// How long the brokers may take to answer, or to give the next record.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reader of one topic.
pub struct Topic {
    consumer: BaseConsumer,
    name: String,
    shards: u16,
}

impl Topic {
    pub fn open(brokers: &str, name: &str, shards: u16) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "quietpulse-checker")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("reconnect.backoff.max.ms", "1000")
            .create()
            .expect("a consumer");
        Self { consumer, name: name.to_owned(), shards }
    }

    /// Where each shard ends now.
    pub fn ends(&self) -> Vec<u64> {
        (0..self.shards).map(|shard| self.bounds(shard).1).collect()
    }

    /// Whether every replica of every shard is in sync.
    pub fn is_in_sync(&self) -> bool {
        let metadata = self.consumer.fetch_metadata(Some(&self.name), Duration::from_secs(5));
        metadata.is_ok_and(|metadata| {
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            partitions.all(|partition| partition.leader() >= 0 && partition.isr().len() == partition.replicas().len())
        })
    }

    /// The broker that leads a shard, as its number; `None`: nobody does.
    pub fn leader(&self, shard: u16) -> Option<i32> {
        let metadata = self.consumer.fetch_metadata(Some(&self.name), Duration::from_secs(5)).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        let leader = partitions.iter().find(|partition| partition.id() == i32::from(shard))?.leader();
        Some(leader).filter(|leader| *leader >= 0)
    }

    /// The shards that a broker leads.
    pub fn led_by(&self, broker: i32) -> Vec<u16> {
        (0..self.shards).filter(|shard| self.leader(*shard) == Some(broker)).collect()
    }

    /// Where a shard begins and ends. A broker that has just come back may need to be asked again.
    fn bounds(&self, shard: u16) -> (u64, u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.consumer.fetch_watermarks(&self.name, i32::from(shard), Duration::from_secs(5)) {
                Ok((first, next)) => return (first as u64, next as u64),
                Err(error) if Instant::now() > deadline => panic!("the bounds of shard {shard}: {error}"),
                Err(_) => {}
            }
        }
    }

    /// Every record below `ends`, shard by shard. Panics when one cannot be had: no record may be skipped.
    pub fn read(&self, ends: &[u64]) -> Vec<Vec<Entry>> {
        let mut wanted: BTreeMap<u16, u64> = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for (shard, end) in (0..).zip(ends.iter().copied()).filter(|(_, end)| *end > 0) {
            assert_eq!(self.bounds(shard).0, 0, "shard {shard} no longer begins at its beginning");
            wanted.insert(shard, end);
            list.add_partition_offset(&self.name, i32::from(shard), Offset::Offset(0)).expect("an offset");
        }
        self.consumer.assign(&list).expect("an assignment");
        let log = self.collect(ends, wanted);
        self.consumer.assign(&TopicPartitionList::new()).expect("no assignment");
        log
    }

    fn collect(&self, ends: &[u64], mut wanted: BTreeMap<u16, u64>) -> Vec<Vec<Entry>> {
        let mut log: Vec<Vec<Entry>> = ends.iter().map(|_| Vec::new()).collect();
        let mut deadline = Instant::now() + PATIENCE;
        while !wanted.is_empty() {
            assert!(Instant::now() < deadline, "the topic gives nothing more; still wanted: {wanted:?}");
            // Errors of a broker that is away come here too; the client tries again by itself.
            let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(200)) else { continue };
            deadline = Instant::now() + PATIENCE;
            let entry = read(&message);
            let end = ends[usize::from(entry.shard)];
            let shard = &mut log[usize::from(entry.shard)];
            if entry.offset >= end || entry.offset < shard.len() as u64 {
                continue;
            }
            assert_eq!(entry.offset, shard.len() as u64, "a hole in shard {}", entry.shard);
            if entry.offset + 1 == end {
                wanted.remove(&entry.shard);
            }
            shard.push(entry);
        }
        log
    }
}

fn read(message: &impl Message) -> Entry {
    let at = message.timestamp();
    assert!(
        matches!(at, rdkafka::Timestamp::LogAppendTime(_)),
        "the topic stamps records by the client's time: {at:?}"
    );
    let mut entry = decode(message.payload().unwrap_or_default());
    entry.shard = u16::try_from(message.partition()).expect("few shards");
    entry.offset = u64::try_from(message.offset()).expect("an offset");
    entry.append_ms = at.to_millis().expect("a time");
    entry
}

/// Everything but the place.
fn decode(payload: &[u8]) -> Entry {
    let record = v1::LogRecord::decode(payload);
    let what = match &record {
        Ok(record) => record.body.as_ref().map_or_else(|| What::Unreadable("no body".into()), what),
        Err(error) => What::Unreadable(error.to_string()),
    };
    let v1::LogRecord { producer, sequence, node, received_ms, .. } = record.unwrap_or_default();
    Entry { shard: 0, offset: 0, append_ms: 0, producer, sequence, node, received_ms, what }
}

fn what(body: &Body) -> What {
    match body {
        Body::Ping(ping) => What::Ping(heard(ping)),
        Body::Canary(_) => What::Canary,
        Body::Boot(_) => What::Boot,
        Body::Deaf(deaf) => What::Deaf { from_ms: deaf.from_ms, to_ms: deaf.to_ms },
        Body::Tick(_) => What::Tick,
        Body::Command(command) => What::Command {
            id: command.id.iter().map(|byte| format!("{byte:02x}")).collect(),
            monitor: command.monitor,
            action: command.action.as_ref().map_or(Command::Other, action),
        },
        Body::Outcome(_) | Body::ChannelClosed(_) | Body::Moved(_) | Body::Adopt(_) => What::Aside,
        Body::Params(params) => What::Params { w_ms: params.w_ms.into(), c_ms: params.c_ms.into() },
    }
}

fn heard(ping: &v1::LogPing) -> Heard {
    let signal = match (v1::PingSignal::try_from(ping.signal), ping.exit_code) {
        (Ok(v1::PingSignal::Success), _) | (Ok(v1::PingSignal::Exit), 0) => Said::Success,
        (Ok(v1::PingSignal::Start), _) => Said::Start,
        (Ok(v1::PingSignal::Log), _) | (Err(_), _) => Said::Note,
        (Ok(v1::PingSignal::Fail | v1::PingSignal::Exit), _) => Said::Failure,
    };
    let body = ping.details.as_ref().map(|details| details.body.as_slice()).unwrap_or_default();
    let run = (!ping.run.is_empty()).then(|| ping.run.iter().map(|byte| format!("{byte:02x}")).collect());
    Heard { monitor: ping.monitor, signal, run, id: String::from_utf8_lossy(body).into_owned() }
}

fn action(action: &v1::log_command::Action) -> Command {
    use v1::log_command::Action;
    match action {
        Action::Create(created) => Command::Create(config(created)),
        Action::Update(update) => {
            Command::Update { config: update.config.as_ref().map(config).unwrap_or_default(), version: update.version }
        }
        Action::Pause(pause) => Command::Pause { until_ms: pause.until_ms },
        Action::Resume(_) => Command::Resume,
        Action::Delete(_) | Action::RotateToken(_) | Action::Acknowledge(_) => Command::Other,
    }
}

fn config(config: &v1::LogMonitorConfig) -> Config {
    let policy = config.policy.clone().unwrap_or_default();
    let ms = |seconds: u32| i64::from(seconds) * 1_000;
    let period = match policy.schedule {
        Some(v1::log_policy::Schedule::PeriodSecs(seconds)) => Some(ms(seconds)),
        _ => None,
    };
    Config {
        slug: config.slug.clone(),
        period_ms: period.unwrap_or_default(),
        grace_ms: ms(policy.grace_secs),
        max_runtime_ms: policy.max_runtime_secs.map(ms),
        beyond: beyond(&policy, period.is_some()),
    }
}

/// What a policy asks for that `model` has no rules for.
fn beyond(policy: &v1::LogPolicy, has_period: bool) -> Vec<String> {
    let asked = [
        (!has_period, "a schedule by the calendar"),
        (policy.early_secs.is_some(), "early"),
        (policy.failures_before_alert > 1, "failures_before_alert"),
        (policy.successes_before_recovery > 1, "successes_before_recovery"),
        (policy.first_ping_within_secs.is_some(), "first_ping_within"),
        (policy.remind_every_secs.is_some(), "remind_every"),
        (policy.on_blind == "down" || policy.on_blind == "hold", "on_blind"),
        (policy.manual_resume || policy.post_only, "manual_resume or post_only"),
        (!policy.assertions.is_empty() || policy.min_runtime_secs.is_some(), "assertions or min_runtime"),
        (policy.overlap == "fail" || policy.overlap == "warn", "overlap"),
    ];
    asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, what)| what.to_owned()).collect()
}
