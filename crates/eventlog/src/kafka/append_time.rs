//! When a record was appended: by the brokers' clock, since the topic is set so.

use super::client_log::Pace;
use crate::metric;
use domain::time::UnixMs;
use rdkafka::Timestamp;
use std::time::Instant;
use tracing::error;

static PACE: Pace = Pace::new();

/// None when the record carries no time at all.
///
/// A sender's own time means that the topic was changed while in use. It is taken, loudly: what is written cannot be
/// mended, and a shard that stops at it would stop for as long as the topic keeps it.
pub(super) fn append_time(timestamp: Timestamp) -> Option<UnixMs> {
    match timestamp {
        Timestamp::LogAppendTime(ms) => Some(UnixMs(ms)),
        Timestamp::CreateTime(ms) => {
            metric::count_foreign_time();
            if let Some(unsaid) = PACE.ask(Instant::now()) {
                error!(unsaid, "records carry their sender's time: set message.timestamp.type=LogAppendTime again");
            }
            Some(UnixMs(ms))
        }
        Timestamp::NotAvailable => None,
    }
}
