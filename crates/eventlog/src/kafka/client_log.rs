//! What the client library says of itself: its log lines go to `tracing`, its errors too, one line in ten seconds, and
//! the one that explains most is kept for whoever has to tell a person why nothing works.

use super::{KafkaOptions, OpenError};
use crate::metric;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{debug, warn};

/// At most one line of a kind in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// The context of one client.
#[derive(Clone)]
pub(super) struct ClientLog(Arc<Inner>);

struct Inner {
    /// Which client of ours, in log lines.
    role: &'static str,
    pace: Pace,
    trouble: Mutex<Option<Trouble>>,
}

#[derive(Clone)]
struct Trouble {
    code: RDKafkaErrorCode,
    reason: String,
}

impl ClientLog {
    pub fn new(role: &'static str) -> Self {
        Self(Arc::new(Inner { role, pace: Pace::default(), trouble: Mutex::new(None) }))
    }

    /// What went wrong last, in the library's words.
    pub fn last_reason(&self) -> Option<String> {
        self.0.trouble.lock().as_ref().map(|trouble| trouble.reason.clone())
    }

    /// Trying longer does not help: the login, or the encryption, is wrong.
    pub fn is_hopeless(&self) -> bool {
        self.0.trouble.lock().as_ref().is_some_and(|trouble| weight(trouble.code) == HOPELESS)
    }

    /// Why no broker answered, as far as the library told.
    pub fn explain(&self, options: &KafkaOptions) -> OpenError {
        let (brokers, trouble) = (options.brokers.clone(), self.0.trouble.lock().clone());
        let cause = trouble.as_ref().map(|trouble| trouble.reason.clone()).unwrap_or_default();
        match trouble.map(|trouble| trouble.code) {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                OpenError::Login { brokers, settings: "kafka.sasl, kafka.username and kafka.password", cause }
            }
            Some(RDKafkaErrorCode::SSL) => {
                let settings = "kafka.tls, kafka.ca_file, kafka.certificate_file and kafka.key_file";
                OpenError::Encryption { brokers, settings, cause }
            }
            _ => OpenError::Unreachable { brokers, cause },
        }
    }

    fn keep(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut trouble = self.0.trouble.lock();
        if trouble.as_ref().is_none_or(|kept| weight(code) >= weight(kept.code)) {
            *trouble = Some(Trouble { code, reason: reason.to_owned() });
        }
    }
}

const HOPELESS: u8 = 2;

/// What explains most stays: that all brokers are down follows from why each is.
fn weight(code: RDKafkaErrorCode) -> u8 {
    match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL => {
            HOPELESS
        }
        RDKafkaErrorCode::AllBrokersDown => 0,
        _ => 1,
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(role = self.0.role, level = ?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        self.keep(code, reason);
        metric::count_kafka_error(self.0.role);
        if let Some(unsaid) = self.0.pace.ask(Instant::now()) {
            warn!(role = self.0.role, code = ?code, reason, unsaid, "trouble with the brokers");
        }
    }
}

impl ConsumerContext for ClientLog {}

/// Lets one line through in ten seconds and counts the others.
#[derive(Default)]
pub(super) struct Pace(Mutex<(Option<Instant>, u64)>);

impl Pace {
    pub const fn new() -> Self {
        Self(Mutex::new((None, 0)))
    }

    /// How many lines were held back since the last, when one may be written now.
    pub fn ask(&self, now: Instant) -> Option<u64> {
        let (last, unsaid) = &mut *self.0.lock();
        if last.is_some_and(|last| now.saturating_duration_since(last) < COMPLAIN_EVERY) {
            *unsaid += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::fixture::options;

    fn heard(codes: &[RDKafkaErrorCode]) -> String {
        let log = ClientLog::new("producer");
        codes.iter().for_each(|code| log.error(KafkaError::Global(*code), &format!("{code:?}!")));
        log.explain(&options()).to_string()
    }

    #[test]
    fn the_setting_concerned_is_named() {
        let login = heard(&[RDKafkaErrorCode::Authentication, RDKafkaErrorCode::AllBrokersDown]);
        assert!(login.contains("kafka.username") && login.contains("(Authentication!)"), "{login}");
        let tls = heard(&[RDKafkaErrorCode::BrokerTransportFailure, RDKafkaErrorCode::SSL]);
        assert!(tls.contains("kafka.ca_file"), "{tls}");
        let gone = heard(&[RDKafkaErrorCode::BrokerTransportFailure, RDKafkaErrorCode::AllBrokersDown]);
        assert!(gone.starts_with("no broker of kafka.brokers = ") && gone.contains("BrokerTransport"), "{gone}");
        assert!(!heard(&[]).contains('('));
    }

    #[test]
    fn a_line_in_ten_seconds_counts_the_others() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.ask(start), Some(0));
        assert_eq!(pace.ask(start + Duration::from_secs(1)), None);
        assert_eq!(pace.ask(start + Duration::from_secs(9)), None);
        assert_eq!(pace.ask(start + Duration::from_secs(10)), Some(2));
    }
}
