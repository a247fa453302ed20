//! The settings as types that carry their unit. What each means stands in `default.toml`.

use super::value::{ByteSize, Length, ListenAddr, Secret};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The whole configuration. Prints without secrets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    pub roles: BTreeSet<Role>,
    pub installation: PathBuf,
    pub shutdown_delay: Length,
    pub http: Http,
    pub grpc: Grpc,
    pub admin: Admin,
    pub log: Log,
    pub kafka: Kafka,
    pub store: Store,
    pub scylla: Scylla,
    pub engine: Engine,
    pub notifier: Notifier,
    pub auditor: Auditor,
    pub smtp: Smtp,
    pub telegram: Telegram,
    pub telemetry: Telemetry,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Role {
    Ingest,
    Evaluator,
    Notifier,
    Api,
    Auditor,
}

impl Role {
    /// Those without which an installation does not do its work.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Evaluator, Self::Notifier, Self::Api];
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words = [
            ("ingest", Self::Ingest),
            ("evaluator", Self::Evaluator),
            ("notifier", Self::Notifier),
            ("api", Self::Api),
            ("auditor", Self::Auditor),
        ];
        one_of(&text, words)
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: ListenAddr,
    pub public_url: String,
    pub body_limit: ByteSize,
    pub workers: u16,
    pub max_connections: u32,
    pub ready_needs_canaries: Choice,
    pub trusted_proxies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    pub listen: ListenAddr,
    pub advertise: String,
    pub reflection: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub listen: ListenAddr,
}

/// A setting that has a natural answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Choice {
    Auto,
    Yes,
    No,
}

impl Choice {
    /// The answer, where `natural` is the one of `auto`.
    pub fn or(self, natural: bool) -> bool {
        match self {
            Self::Auto => natural,
            Self::Yes => true,
            Self::No => false,
        }
    }
}

impl TryFrom<String> for Choice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        one_of(&text, [("auto", Self::Auto), ("yes", Self::Yes), ("no", Self::No)])
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub backend: LogBackend,
    pub shards: u16,
    pub retain_bytes: ByteSize,
    pub retain_for: Length,
}

/// What keeps the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogBackend {
    Embedded,
    Kafka,
}

impl TryFrom<String> for LogBackend {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        one_built(&text, [("embedded", Self::Embedded), ("kafka", Self::Kafka)])
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub brokers: Vec<String>,
    pub topic: String,
    pub group: String,
    pub append_timeout: Length,
    pub skew_bound: Length,
    pub linger: Length,
    pub queue_records: u32,
    pub queue_bytes: ByteSize,
    pub session_timeout: Length,
    pub tls: bool,
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub sasl: Sasl,
    pub username: String,
    pub password: Secret,
    pub replication: u16,
    pub min_in_sync: u16,
    pub retain_for: Length,
}

/// How a password is proved to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Sasl {
    None,
    Plain,
    ScramSha256,
    ScramSha512,
}

impl TryFrom<String> for Sasl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words = [
            ("", Self::None),
            ("plain", Self::Plain),
            ("scram-sha-256", Self::ScramSha256),
            ("scram-sha-512", Self::ScramSha512),
        ];
        one_of(&text, words)
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub backend: StoreBackend,
    pub history_for: Length,
    pub transitions_for: Length,
}

/// What keeps the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreBackend {
    Embedded,
    Scylla,
}

impl TryFrom<String> for StoreBackend {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        one_built(&text, [("embedded", Self::Embedded), ("scylla", Self::Scylla)])
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scylla {
    pub contact_points: Vec<String>,
    pub keyspace: String,
    pub replication: u16,
    pub local_dc: String,
    pub username: String,
    pub password: Secret,
    pub tls: bool,
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub request_timeout: Length,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub append_timeout: Length,
    pub snapshot_every: Length,
    pub snapshot_format: u16,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifier {
    pub evaluators: Vec<String>,
    pub capacity: u32,
    pub egress_allow: Vec<String>,
    pub https_only: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    pub behind: Length,
    pub monitors: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub server: String,
    pub from: String,
    pub username: String,
    pub password: Secret,
    pub security: SmtpSecurity,
    pub ca_file: PathBuf,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SmtpSecurity {
    Starttls,
    Tls,
    None,
}

impl TryFrom<String> for SmtpSecurity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        one_of(&text, [("starttls", Self::Starttls), ("tls", Self::Tls), ("none", Self::None)])
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    pub base_url: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    pub log_format: LogFormat,
    pub log_filter: String,
    pub otlp_endpoint: String,
    pub otlp_sample: f64,
}

/// The form of log lines, and of the lines on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    Human,
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        one_of(&text, [("human", Self::Human), ("json", Self::Json)])
    }
}

/// As [`one_of`], where only the first word's value is in every build.
fn one_built<T>(text: &str, words: [(&str, T); 2]) -> Result<T, String> {
    let known = words.iter().any(|(word, _)| *word == text);
    if known && text != words[0].0 && !cfg!(feature = "cluster") {
        return Err(format!("found \"{text}\", which is not in this build; allowed: \"{}\"", words[0].0));
    }
    one_of(text, words)
}

/// The value that `text` is the word for.
fn one_of<T, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, String> {
    let allowed = words.each_ref().map(|(word, _)| format!("\"{word}\"")).join(", ");
    let found = words.into_iter().find(|(word, _)| *word == text).map(|(_, value)| value);
    found.ok_or_else(|| format!("found \"{}\", allowed: {allowed}", text.escape_debug()))
}

impl Config {
    /// Where the installation's secrets are.
    pub fn installation_file(&self) -> PathBuf {
        match self.installation.as_os_str().is_empty() {
            true => self.data_dir.join(crate::installation::FILE),
            false => self.installation.clone(),
        }
    }

    /// Whether the log lies in this process's own data directory.
    pub fn keeps_its_own_log(&self) -> bool {
        self.log.backend == LogBackend::Embedded
    }

    /// After this a ping that was not acknowledged is answered 503.
    pub fn append_timeout(&self) -> Length {
        if self.keeps_its_own_log() { self.engine.append_timeout } else { self.kafka.append_timeout }
    }

    /// How far the clocks that stamp a ping and its record may lie apart. One machine has one clock.
    pub fn skew_bound_ms(&self) -> u64 {
        if self.keeps_its_own_log() { 0 } else { self.kafka.skew_bound.as_ms() }
    }
}
