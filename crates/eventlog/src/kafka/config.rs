//! What the clients are told: one function per client, each setting with its reason.

use super::{KafkaOptions, KafkaSasl, KafkaTls, OpenError, SaslMechanism};
use crate::MAX_RECORD_BYTES;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::Duration;

/// What a batch and a record around the payload take, generously; also what the topic must allow beyond a record.
pub(super) const OVERHEAD_BYTES: usize = 1024;
/// How long the broker keeps a question for records when there are none. A partition that is assigned meanwhile waits
/// as long for its first record.
const FETCH_WAIT: Duration = Duration::from_millis(100);
/// A member of the group that was not polled for so long is out. Longer than a shard may take to be handed over.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Refuses what no client could work with.
pub(super) fn check(options: &KafkaOptions) -> Result<(), OpenError> {
    let refuse = |setting, found: &str| Err(OpenError::Setting { setting, found: found.to_owned() });
    if options.brokers.trim().is_empty() {
        return refuse("kafka.brokers", "empty, wanted: host:port of some brokers");
    }
    if options.topic.is_empty() {
        return refuse("kafka.topic", "empty");
    }
    if options.group.is_empty() {
        return refuse("kafka.group", "empty");
    }
    if options.linger >= options.append_timeout {
        return refuse("kafka.linger", "not shorter than the append timeout");
    }
    match &options.security.tls {
        Some(tls) => check_files(tls),
        None => Ok(()),
    }
}

fn check_files(tls: &KafkaTls) -> Result<(), OpenError> {
    let files = [
        ("kafka.ca_file", &tls.ca_file),
        ("kafka.certificate_file", &tls.certificate_file),
        ("kafka.key_file", &tls.key_file),
    ];
    for (setting, path) in files {
        if given(path).is_some() {
            let unreadable = |error| OpenError::Setting { setting, found: format!("{}: {error}", path.display()) };
            std::fs::File::open(path).map_err(unreadable)?;
        }
    }
    Ok(())
}

/// What all clients have in common; enough for administration.
pub(super) fn common(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "quietpulse")
        .set("socket.keepalive.enable", "true")
        // A frozen broker is left for another after this.
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "10000")
        // A broker that is back is found within a second, not ten.
        .set("reconnect.backoff.max.ms", "1000")
        // A leader that froze says nothing of its successor.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("enable.metrics.push", "false")
        .set_log_level(RDKafkaLogLevel::Info);
    secure(&mut config, options);
    config
}

/// Of the one producer of the process.
pub(super) fn producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", ms(options.append_timeout))
        .set("linger.ms", ms(options.linger))
        .set("compression.type", "lz4")
        .set("message.max.bytes", (MAX_RECORD_BYTES + OVERHEAD_BYTES).to_string())
        // Our own limits are checked first; these are behind them.
        .set("queue.buffering.max.messages", options.queue_records.saturating_add(1_000).min(1 << 30).to_string())
        .set("queue.buffering.max.kbytes", ((options.queue_bytes + MAX_RECORD_BYTES) / 1_000 + 1).to_string());
    config
}

/// Of a client that reads partitions it is told.
pub(super) fn reader(options: &KafkaOptions) -> ClientConfig {
    let mut config = bounds(options);
    config
        // The library wants a group even where nothing is committed and nobody joins.
        .set("group.id", format!("{}-reader-{:016x}", options.group, random()))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Stop loudly, never jump.
        .set("auto.offset.reset", "error")
        // A flipped bit on disk is to surface here, not in a verdict.
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", ms(FETCH_WAIT))
        .set("fetch.error.backoff.ms", "100")
        // How soon to ask again once a full prefetch queue has room.
        .set("fetch.queue.backoff.ms", "10")
        // What is prefetched is dropped when a partition is paused: no more than pays off.
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "32768")
        .set("fetch.message.max.bytes", "1048576")
        .set("fetch.max.bytes", "16777216");
    config
}

/// Of the client that asks where partitions begin and end.
pub(super) fn bounds(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    // Nobody writes transactions; one of a stranger must not hide what stands behind it.
    config.set("isolation.level", "read_uncommitted");
    config
}

/// Of the member of the consumer group.
///
/// Static membership (`group.instance.id`) is not used: such a member does not leave when it goes politely, so that its
/// shards would lie idle for a whole session timeout at each restart.
pub(super) fn member(options: &KafkaOptions) -> ClientConfig {
    let mut config = bounds(options);
    config
        .set("group.id", &options.group)
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("heartbeat.interval.ms", "500")
        .set("session.timeout.ms", ms(options.session_timeout))
        .set("max.poll.interval.ms", ms(POLL_INTERVAL.max(options.session_timeout)))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        // Partitions are paused at once; what is fetched before that is wasted.
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", "1")
        .set("fetch.message.max.bytes", "1");
    config
}

fn secure(config: &mut ClientConfig, options: &KafkaOptions) {
    let security = &options.security;
    let protocol = match (&security.tls, &security.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    security.tls.iter().for_each(|tls| encrypt(config, tls));
    security.sasl.iter().for_each(|sasl| log_in(config, sasl));
}

fn encrypt(config: &mut ClientConfig, tls: &KafkaTls) {
    let files = [
        ("ssl.ca.location", &tls.ca_file),
        ("ssl.certificate.location", &tls.certificate_file),
        ("ssl.key.location", &tls.key_file),
    ];
    for (key, path) in files {
        if let Some(path) = given(path) {
            config.set(key, path.to_string_lossy());
        }
    }
}

fn log_in(config: &mut ClientConfig, sasl: &KafkaSasl) {
    let mechanism = match sasl.mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    };
    config.set("sasl.mechanism", mechanism).set("sasl.username", &sasl.username).set("sasl.password", &sasl.password);
}

fn given(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Not secret, only different each time.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::fixture::options;

    #[test]
    fn the_library_takes_every_setting() {
        let mut options = options();
        let mechanism = SaslMechanism::ScramSha512;
        options.security.sasl = Some(KafkaSasl { mechanism, username: "u".into(), password: "p".into() });
        options.security.tls = Some(KafkaTls::default());
        for config in [common, producer, reader, bounds, member] {
            config(&options).create_native_config().unwrap();
        }
    }

    #[test]
    fn the_protocol_follows_from_what_is_given() {
        let protocol = |options: &KafkaOptions| common(options).get("security.protocol").map(str::to_owned);
        let mut options = options();
        assert_eq!(protocol(&options).as_deref(), Some("plaintext"));
        options.security.tls = Some(KafkaTls::default());
        assert_eq!(protocol(&options).as_deref(), Some("ssl"));
    }

    #[test]
    fn a_bad_setting_is_refused_by_name() {
        let refusal = |change: fn(&mut KafkaOptions)| {
            let mut options = options();
            change(&mut options);
            check(&options).unwrap_err().to_string()
        };
        assert!(refusal(|o| o.brokers = " ".into()).starts_with("kafka.brokers: "));
        assert!(refusal(|o| o.linger = o.append_timeout).starts_with("kafka.linger: "));
        let tls = |o: &mut KafkaOptions| {
            o.security.tls = Some(KafkaTls { ca_file: "/nowhere/ca.pem".into(), ..KafkaTls::default() });
        };
        assert!(refusal(tls).starts_with("kafka.ca_file: /nowhere/ca.pem: "));
    }

    #[test]
    fn two_readers_are_two_groups() {
        let options = options();
        assert_ne!(reader(&options).get("group.id"), reader(&options).get("group.id"));
    }
}
