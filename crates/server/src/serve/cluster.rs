//! The settings of the cluster's backends as those want them.

use crate::config::types::{Config, Kafka, Sasl};
use domain::ids::ShardCount;
use eventlog::kafka::{KafkaOptions, KafkaSasl, KafkaSecurity, KafkaTls, SaslMechanism};
use store::scylla::{ScyllaOptions, ScyllaTls};

/// How Kafka is reached.
pub fn kafka_options(config: &Config) -> KafkaOptions {
    let kafka = &config.kafka;
    KafkaOptions {
        brokers: kafka.brokers.join(","),
        topic: kafka.topic.clone(),
        group: kafka.group.clone(),
        append_timeout: kafka.append_timeout.duration(),
        linger: kafka.linger.duration(),
        queue_records: kafka.queue_records as usize,
        queue_bytes: usize::try_from(kafka.queue_bytes.0).unwrap_or(usize::MAX),
        session_timeout: kafka.session_timeout.duration(),
        security: security(kafka),
    }
}

fn security(kafka: &Kafka) -> KafkaSecurity {
    let mechanism = match kafka.sasl {
        Sasl::None => None,
        Sasl::Plain => Some(SaslMechanism::Plain),
        Sasl::ScramSha256 => Some(SaslMechanism::ScramSha256),
        Sasl::ScramSha512 => Some(SaslMechanism::ScramSha512),
    };
    let tls = KafkaTls {
        ca_file: kafka.ca_file.clone(),
        certificate_file: kafka.certificate_file.clone(),
        key_file: kafka.key_file.clone(),
    };
    KafkaSecurity {
        tls: kafka.tls.then_some(tls),
        sasl: mechanism.map(|mechanism| KafkaSasl {
            mechanism,
            username: kafka.username.clone(),
            password: kafka.password.reveal().to_owned(),
        }),
    }
}

/// How the database is reached.
pub fn scylla_options(config: &Config, shards: ShardCount) -> ScyllaOptions {
    let scylla = &config.scylla;
    let tls = ScyllaTls {
        ca_file: scylla.ca_file.clone(),
        certificate_file: scylla.certificate_file.clone(),
        key_file: scylla.key_file.clone(),
    };
    ScyllaOptions {
        contact_points: scylla.contact_points.clone(),
        keyspace: scylla.keyspace.clone(),
        local_dc: scylla.local_dc.clone(),
        username: scylla.username.clone(),
        password: scylla.password.reveal().to_owned(),
        tls: scylla.tls.then_some(tls),
        request_timeout: scylla.request_timeout.duration(),
        shards,
        history_for: config.store.history_for.duration(),
        transitions_for: config.store.transitions_for.duration(),
    }
}
