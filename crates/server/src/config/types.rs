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
    pub shutdown_delay: Length,
    pub http: Http,
    pub grpc: Grpc,
    pub admin: Admin,
    pub log: Log,
    pub store: Store,
    pub engine: Engine,
    pub notifier: Notifier,
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
}

impl Role {
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
    pub trusted_proxies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    pub listen: ListenAddr,
    pub reflection: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub listen: ListenAddr,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub backend: Backend,
    pub shards: u16,
    pub retain_bytes: ByteSize,
    pub retain_for: Length,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub backend: Backend,
    pub history_for: Length,
    pub transitions_for: Length,
}

/// What keeps the log or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Backend {
    Embedded,
}

impl TryFrom<String> for Backend {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "embedded" => Ok(Self::Embedded),
            other => {
                Err(format!("found \"{}\", which is not in this build; allowed: \"embedded\"", other.escape_debug()))
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub append_timeout: Length,
    pub snapshot_every: Length,
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

/// The value that `text` is the word for.
fn one_of<T, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, String> {
    let allowed = words.each_ref().map(|(word, _)| format!("\"{word}\"")).join(", ");
    let found = words.into_iter().find(|(word, _)| *word == text).map(|(_, value)| value);
    found.ok_or_else(|| format!("found \"{}\", allowed: {allowed}", text.escape_debug()))
}
