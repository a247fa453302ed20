//! Options for tests beside the code.

use super::{KafkaOptions, KafkaSecurity};
use std::time::Duration;

pub(super) fn options() -> KafkaOptions {
    KafkaOptions {
        brokers: "127.0.0.1:1".into(),
        topic: "quietpulse.log".into(),
        group: "quietpulse".into(),
        append_timeout: Duration::from_secs(5),
        linger: Duration::from_millis(3),
        queue_records: 10_000,
        queue_bytes: 16 << 20,
        session_timeout: Duration::from_secs(6),
        security: KafkaSecurity::default(),
    }
}
