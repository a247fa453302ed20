//! Why a log on Kafka could not be opened.

use rdkafka::error::KafkaError;

/// Why the topic is not used. Each message names the setting, of ours or of the topic, that is concerned.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No broker answered; `cause` is what the client library saw.
    #[error("no broker of kafka.brokers = {brokers:?} answered: check that, kafka.tls and kafka.sasl{}", because(.cause))]
    Unreachable { brokers: String, cause: String },
    #[error("the brokers of kafka.brokers = {brokers:?} refuse the login: check {settings}{}", because(.cause))]
    Login { brokers: String, settings: &'static str, cause: String },
    #[error("no encrypted connection to kafka.brokers = {brokers:?}: check {settings}{}", because(.cause))]
    Encryption { brokers: String, settings: &'static str, cause: String },
    #[error("kafka.topic = {topic:?} does not exist: `quietpulse admin topic create` makes it")]
    NoTopic { topic: String },
    /// The topic would lose or garble what it holds.
    #[error("kafka.topic = {topic:?} cannot hold the log: {findings}")]
    Unfit { topic: String, findings: String },
    /// One of our own settings.
    #[error("{setting}: {found}")]
    Setting { setting: &'static str, found: String },
    /// The client library does not take a value; it is not repeated here, since it may be a secret.
    #[error("the kafka client does not take {key}: {problem}")]
    ClientSetting { key: String, problem: String },
    #[error("kafka: {0}")]
    Client(KafkaError),
    #[error("no thread for the kafka client: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<KafkaError> for OpenError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, problem, key, _) => Self::ClientSetting { key, problem },
            other => Self::Client(other),
        }
    }
}

fn because(cause: &str) -> String {
    if cause.is_empty() { String::new() } else { format!(" ({cause})") }
}
