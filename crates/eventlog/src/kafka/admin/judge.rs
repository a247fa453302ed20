//! What a topic must be like to hold the log. Pure: the brokers' answer in, findings out.

use super::describe::Topic;
use crate::MAX_RECORD_BYTES;
use crate::kafka::config::OVERHEAD_BYTES;
use domain::ids::ShardCount;
use std::fmt;

/// An evaluator that is away for longer than this over a week-end must still find its records.
const RETAIN_HOURS: i64 = 72;
/// Below this an ordinary restart may find the log gone.
const LEAST_RETAIN_HOURS: i64 = 1;
/// From so many copies on, losing one must not stop writing, nor may a single one acknowledge.
const SAFE_REPLICATION: usize = 3;
const SAFE_IN_SYNC: i64 = 2;
const HOUR_MS: i64 = 3_600_000;

/// What was found out about one setting of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// As Kafka calls it.
    pub setting: &'static str,
    pub found: String,
    pub wanted: String,
    pub severity: Severity,
}

/// What a finding means for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Ok,
    /// It works, with less safety than the product promises.
    Warning,
    /// The log does not open.
    Refused,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, wanted: {}", self.setting, self.found, self.wanted)
    }
}

/// One finding per setting that matters, fitting ones included.
pub(in crate::kafka) fn judge(topic: &Topic, shards: Option<ShardCount>) -> Vec<Finding> {
    vec![
        partitions(topic, shards),
        replication(topic),
        text(topic, "message.timestamp.type", "LogAppendTime", |found| found == "LogAppendTime"),
        text(topic, "cleanup.policy", "delete", |found| !found.split(',').any(|part| part.trim() == "compact")),
        in_sync(topic),
        number(topic, "retention.ms", "at least 72 hours", retention),
        number(topic, "retention.bytes", "-1: only age takes records", |bytes| warn_unless(bytes < 0)),
        number(topic, "max.message.bytes", &format!("at least {}", largest()), |bytes| {
            refuse_unless(bytes >= largest())
        }),
        unclean(topic),
    ]
}

/// Those that keep the log from opening, in words; `None` when there are none.
pub(in crate::kafka) fn refused(findings: &[Finding]) -> Option<String> {
    let refused: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Refused).map(Finding::to_string).collect();
    (!refused.is_empty()).then(|| refused.join("; "))
}

fn partitions(topic: &Topic, shards: Option<ShardCount>) -> Finding {
    let wanted = shards.map_or_else(|| "1 to 4096".to_owned(), |shards| shards.get().to_string());
    let count = u16::try_from(topic.partitions).ok().and_then(ShardCount::new);
    let fits = count.is_some() && (shards.is_none() || count == shards);
    finding("partitions", topic.partitions.to_string(), wanted, refuse_unless(fits))
}

fn replication(topic: &Topic) -> Finding {
    let severity = warn_unless(topic.replication >= SAFE_REPLICATION);
    finding("replication", topic.replication.to_string(), format!("at least {SAFE_REPLICATION}"), severity)
}

/// With fewer copies than three there is nothing to gain by asking for two: losing one would stop all writing.
fn in_sync(topic: &Topic) -> Finding {
    let wanted = match topic.replication >= SAFE_REPLICATION {
        true => format!("at least {SAFE_IN_SYNC}, and fewer than {}", topic.replication),
        false => format!("at most {}", topic.replication),
    };
    number(topic, "min.insync.replicas", &wanted, |found| in_sync_severity(found, topic.replication))
}

fn in_sync_severity(found: i64, replication: usize) -> Severity {
    let copies = i64::try_from(replication).unwrap_or(i64::MAX);
    match replication >= SAFE_REPLICATION {
        // Nothing could ever be written.
        _ if found > copies => Severity::Refused,
        true => warn_unless(found >= SAFE_IN_SYNC && found < copies),
        false => Severity::Ok,
    }
}

fn retention(ms: i64) -> Severity {
    // Below zero nothing is ever too old.
    match (ms < 0, ms / HOUR_MS) {
        (true, _) | (_, RETAIN_HOURS..) => Severity::Ok,
        (_, LEAST_RETAIN_HOURS..) => Severity::Warning,
        _ => Severity::Refused,
    }
}

fn unclean(topic: &Topic) -> Finding {
    let setting = "unclean.leader.election.enable";
    let found = topic.settings.get(setting).map_or("not told", String::as_str);
    finding(setting, found.to_owned(), "false".to_owned(), warn_unless(found == "false"))
}

fn largest() -> i64 {
    (MAX_RECORD_BYTES + OVERHEAD_BYTES) as i64
}

/// A setting that the brokers do not tell is refused: an unknown topic looks just so.
fn text(topic: &Topic, setting: &'static str, wanted: &str, fits: impl Fn(&str) -> bool) -> Finding {
    let found = topic.settings.get(setting);
    let severity = refuse_unless(found.is_some_and(|found| fits(found)));
    finding(setting, told(found), wanted.to_owned(), severity)
}

fn number(topic: &Topic, setting: &'static str, wanted: &str, judge: impl Fn(i64) -> Severity) -> Finding {
    let found = topic.settings.get(setting);
    let severity = found.and_then(|found| found.parse().ok()).map_or(Severity::Refused, judge);
    finding(setting, told(found), wanted.to_owned(), severity)
}

fn told(found: Option<&String>) -> String {
    found.cloned().unwrap_or_else(|| "not told".to_owned())
}

fn finding(setting: &'static str, found: String, wanted: String, severity: Severity) -> Finding {
    Finding { setting, found, wanted, severity }
}

fn refuse_unless(fits: bool) -> Severity {
    if fits { Severity::Ok } else { Severity::Refused }
}

fn warn_unless(fits: bool) -> Severity {
    if fits { Severity::Ok } else { Severity::Warning }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Topic {
        let settings = [
            ("message.timestamp.type", "LogAppendTime"),
            ("cleanup.policy", "delete"),
            ("min.insync.replicas", "2"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "-1"),
            ("max.message.bytes", "2097152"),
            ("unclean.leader.election.enable", "false"),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Topic { partitions: 64, replication: 3, settings }
    }

    fn with(setting: &str, value: &str) -> Topic {
        let mut topic = good();
        topic.settings.insert(setting.to_owned(), value.to_owned());
        topic
    }

    /// The one setting that is not as it should be.
    fn odd(topic: &Topic) -> (&'static str, Severity) {
        let odd: Vec<_> = judge(topic, None).into_iter().filter(|f| f.severity != Severity::Ok).collect();
        assert_eq!(odd.len(), 1, "{odd:?}");
        (odd[0].setting, odd[0].severity)
    }

    #[test]
    fn a_good_topic_has_nothing_to_find() {
        let findings = judge(&good(), ShardCount::new(64));
        assert!(findings.iter().all(|f| f.severity == Severity::Ok), "{findings:?}");
        assert_eq!(refused(&findings), None);
    }

    #[test]
    fn what_would_lose_or_garble_records_is_refused_by_name() {
        for (setting, value) in [
            ("message.timestamp.type", "CreateTime"),
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "compact,delete"),
            ("min.insync.replicas", "4"),
            ("retention.ms", "3599999"),
            ("max.message.bytes", "1048588"),
            ("retention.ms", "soon"),
        ] {
            assert_eq!(odd(&with(setting, value)), (setting, Severity::Refused), "{value}");
        }
    }

    #[test]
    fn what_makes_it_less_safe_is_a_warning() {
        for (setting, value) in [
            ("min.insync.replicas", "1"),
            ("min.insync.replicas", "3"),
            ("retention.ms", "259199999"),
            ("retention.bytes", "1000000"),
            ("unclean.leader.election.enable", "true"),
        ] {
            assert_eq!(odd(&with(setting, value)), (setting, Severity::Warning), "{value}");
        }
        assert_eq!(
            odd(&with("retention.ms", "259200000").tap(|t| t.replication = 2)),
            ("replication", Severity::Warning)
        );
    }

    #[test]
    fn what_the_brokers_do_not_tell_is_refused() {
        for setting in
            ["message.timestamp.type", "cleanup.policy", "min.insync.replicas", "retention.ms", "max.message.bytes"]
        {
            let mut topic = good();
            topic.settings.remove(setting);
            assert_eq!(odd(&topic), (setting, Severity::Refused));
        }
        let refused = refused(&judge(&Topic { partitions: 4, ..Topic::default() }, None)).unwrap();
        assert!(refused.starts_with("message.timestamp.type is not told, wanted: LogAppendTime; "), "{refused}");
    }

    #[test]
    fn partitions_are_as_many_as_shards() {
        let severity = |partitions, shards| {
            let topic = Topic { partitions, ..good() };
            judge(&topic, shards)[0].severity
        };
        assert_eq!(severity(64, ShardCount::new(64)), Severity::Ok);
        assert_eq!(severity(64, ShardCount::new(4)), Severity::Refused);
        assert_eq!(severity(1, None), Severity::Ok);
        assert_eq!(severity(0, None), Severity::Refused);
        assert_eq!(severity(5_000, None), Severity::Refused);
    }

    trait Tap: Sized {
        fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
            change(&mut self);
            self
        }
    }

    impl Tap for Topic {}
}
