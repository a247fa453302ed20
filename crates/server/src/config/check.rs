//! Checks of the whole configuration that a single type cannot make. Each refusal names its setting.

use super::types::{Config, Role, Sasl, StoreBackend};
use super::value::{Length, is_host_port};
use domain::egress::EgressPolicy;
use domain::engine::snapshot::Format;
use domain::field_error::quoted;
use std::path::Path;
use std::time::Duration;

/// A setting and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub setting: &'static str,
    pub problem: String,
}

type Checked = Result<(), Refusal>;

/// Refuses the first setting that is out of its range or does not fit the others.
pub fn check(config: &Config) -> Checked {
    must(!config.roles.is_empty(), "roles", || "allowed: at least one role".into())?;
    must(!config.data_dir.as_os_str().is_empty(), "data_dir", || "must not be empty".into())?;
    lengths(config)?;
    numbers(config)?;
    addresses(config)?;
    kafka(config)?;
    scylla(config)?;
    places(config)?;
    mail(config)
}

fn lengths(config: &Config) -> Checked {
    const SECOND: u64 = 1_000;
    const DAY: u64 = 86_400 * SECOND;
    within("shutdown_delay", config.shutdown_delay, 0, 20 * SECOND, "0s to 20s")?;
    within("engine.append_timeout", config.engine.append_timeout, 500, 30 * SECOND, "500ms to 30s")?;
    within("engine.snapshot_every", config.engine.snapshot_every, SECOND, 600 * SECOND, "1s to 10m")?;
    within("auditor.behind", config.auditor.behind, SECOND, DAY, "1s to 1d")?;
    within("log.retain_for", config.log.retain_for, 3_600 * SECOND, 3_660 * DAY, "1h to 3660d")?;
    within("store.history_for", config.store.history_for, DAY, 3_660 * DAY, "1d to 3660d")?;
    within("store.transitions_for", config.store.transitions_for, 7 * DAY, 3_660 * DAY, "7d to 3660d")
}

fn numbers(config: &Config) -> Checked {
    let body = config.http.body_limit.0;
    must((1_000..=100_000).contains(&body), "http.body_limit", || format!("found {body} B, allowed: 1kB to 100kB"))?;
    let bytes = config.log.retain_bytes.0;
    must(bytes >= 64_000_000, "log.retain_bytes", || format!("found {bytes} B, allowed: at least 64MB"))?;
    count("log.shards", config.log.shards.into(), 1, 64)?;
    count("http.workers", config.http.workers.into(), 0, 256)?;
    count("http.max_connections", config.http.max_connections, 16, 1_000_000)?;
    let format = config.engine.snapshot_format;
    must(Format::from_number(format).is_some(), "engine.snapshot_format", || {
        format!("found {format}, which this build does not know; allowed: 1 or 2")
    })?;
    count("notifier.capacity", config.notifier.capacity, 1, 10_000)?;
    count("auditor.monitors", config.auditor.monitors, 1, 1_000_000)?;
    let sample = config.telemetry.otlp_sample;
    must((0.0..=1.0).contains(&sample), "telemetry.otlp_sample", || format!("found {sample}, allowed: 0.0 to 1.0"))
}

fn addresses(config: &Config) -> Checked {
    if !config.http.public_url.is_empty() {
        base_url("http.public_url", &config.http.public_url)?;
    }
    base_url("telegram.base_url", &config.telegram.base_url)?;
    if !config.telemetry.otlp_endpoint.is_empty() {
        base_url("telemetry.otlp_endpoint", &config.telemetry.otlp_endpoint)?;
    }
    hosts("notifier.evaluators", &config.notifier.evaluators)?;
    if !config.grpc.advertise.is_empty() {
        hosts("grpc.advertise", std::slice::from_ref(&config.grpc.advertise))?;
    }
    let networks = "allowed: networks such as 10.0.0.0/8 or ::1/128";
    for network in &config.http.trusted_proxies {
        let known = network.parse::<ingest::Cidr>().is_ok();
        must(known, "http.trusted_proxies", || format!("found {}, {networks}", quoted(network)))?;
    }
    EgressPolicy::parse_allow(&config.notifier.egress_allow)
        .map_err(|error| Refusal { setting: "notifier.egress_allow", problem: error.message })?;
    crate::telemetry::parse_filter(&config.telemetry.log_filter)
        .map(drop)
        .map_err(|problem| Refusal { setting: "telemetry.log_filter", problem })
}

fn hosts(setting: &'static str, addresses: &[String]) -> Checked {
    let bad = addresses.iter().find(|address| !is_host_port(address));
    bad.map_or(Ok(()), |bad| Err(Refusal { setting, problem: format!("found {}, allowed: host:port", quoted(bad)) }))
}

fn kafka(config: &Config) -> Checked {
    const SECOND: u64 = 1_000;
    let kafka = &config.kafka;
    hosts("kafka.brokers", &kafka.brokers)?;
    within("kafka.append_timeout", kafka.append_timeout, 500, 30 * SECOND, "500ms to 30s")?;
    within("kafka.skew_bound", kafka.skew_bound, 0, 30 * SECOND, "0s to 30s")?;
    within("kafka.linger", kafka.linger, 0, 100, "0ms to 100ms")?;
    within("kafka.session_timeout", kafka.session_timeout, SECOND, 300 * SECOND, "1s to 5m")?;
    within("kafka.retain_for", kafka.retain_for, 3_600 * SECOND, 3_660 * 86_400 * SECOND, "1h to 3660d")?;
    count("kafka.queue_records", kafka.queue_records, 1_000, 10_000_000)?;
    let bytes = kafka.queue_bytes.0;
    must((4_000_000..=2_000_000_000).contains(&bytes), "kafka.queue_bytes", || {
        format!("found {bytes} B, allowed: 4MB to 2GB")
    })?;
    count("kafka.replication", kafka.replication.into(), 1, 15)?;
    count("kafka.min_in_sync", kafka.min_in_sync.into(), 1, kafka.replication.into())?;
    must(is_topic(&kafka.topic), "kafka.topic", || "allowed: 1 to 200 of a-z A-Z 0-9 . _ -".into())?;
    must(!kafka.group.is_empty(), "kafka.group", || "must not be empty".into())?;
    let login = [!kafka.username.is_empty(), !kafka.password.is_empty()];
    must(login == [kafka.sasl != Sasl::None; 2], "kafka.sasl", || {
        "kafka.sasl, kafka.username and kafka.password go together".into()
    })?;
    pair("kafka.key_file", &kafka.certificate_file, &kafka.key_file)?;
    if config.keeps_its_own_log() {
        return Ok(());
    }
    must(!kafka.brokers.is_empty(), "kafka.brokers", || "must name a broker when log.backend is \"kafka\"".into())
}

fn scylla(config: &Config) -> Checked {
    let scylla = &config.scylla;
    hosts("scylla.contact_points", &scylla.contact_points)?;
    within("scylla.request_timeout", scylla.request_timeout, 500, 60_000, "500ms to 60s")?;
    count("scylla.replication", scylla.replication.into(), 1, 15)?;
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let keyspace = &scylla.keyspace;
    let named =
        word(keyspace) && keyspace.starts_with(|first: char| first.is_ascii_lowercase()) && keyspace.len() <= 48;
    must(named, "scylla.keyspace", || "allowed: at most 48 of a-z 0-9 _, a letter first".into())?;
    let half = scylla.username.is_empty() != scylla.password.is_empty();
    must(!half, "scylla.password", || "scylla.username and scylla.password go together".into())?;
    pair("scylla.key_file", &scylla.certificate_file, &scylla.key_file)?;
    let needed = config.store.backend == StoreBackend::Scylla;
    must(!needed || !scylla.contact_points.is_empty(), "scylla.contact_points", || {
        "must name a node when store.backend is \"scylla\"".into()
    })
}

/// What a process must be told when it is one of several.
fn places(config: &Config) -> Checked {
    if config.keeps_its_own_log() {
        return Ok(());
    }
    let plays = |role: Role| config.roles.contains(&role);
    let finds_feed = !plays(Role::Notifier) || plays(Role::Evaluator) || !config.notifier.evaluators.is_empty();
    must(finds_feed, "notifier.evaluators", || "must name the evaluators where none runs in the same process".into())?;
    let knows_url = !plays(Role::Api) || plays(Role::Ingest) || !config.http.public_url.is_empty();
    must(knows_url, "http.public_url", || "must say where pings are taken: this process takes none itself".into())
}

fn pair(setting: &'static str, certificate: &Path, key: &Path) -> Checked {
    let half = certificate.as_os_str().is_empty() != key.as_os_str().is_empty();
    must(!half, setting, || "a certificate and its key go together".into())
}

/// As Kafka names topics, and short enough for its file names.
fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=200).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".."
}

fn mail(config: &Config) -> Checked {
    let smtp = &config.smtp;
    if smtp.server.is_empty() {
        return Ok(());
    }
    must(is_host_port(&smtp.server), "smtp.server", || format!("found {}, allowed: host:port", quoted(&smtp.server)))?;
    must(smtp.from.contains('@'), "smtp.from", || "must name a sender when smtp.server is set".into())?;
    let half = smtp.username.is_empty() != smtp.password.is_empty();
    must(!half, "smtp.password", || "smtp.username and smtp.password go together".into())
}

fn must(holds: bool, setting: &'static str, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Refusal { setting, problem: problem() }) }
}

fn within(setting: &'static str, found: Length, least_ms: u64, most_ms: u64, allowed: &str) -> Checked {
    let fits = (Duration::from_millis(least_ms)..=Duration::from_millis(most_ms)).contains(&found.duration());
    must(fits, setting, || format!("found {} ms, allowed: {allowed}", found.as_ms()))
}

fn count(setting: &'static str, found: u32, least: u32, most: u32) -> Checked {
    must((least..=most).contains(&found), setting, || format!("found {found}, allowed: {least} to {most}"))
}

/// An http or https URL to which a path can be added.
fn base_url(setting: &'static str, text: &str) -> Checked {
    let allowed = "allowed: an http or https URL without query, fragment, user or password";
    let refusal = || Refusal { setting, problem: format!("found {}, {allowed}", quoted(text)) };
    let url = url::Url::parse(text).map_err(|_| refusal())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none() && url.has_host();
    must(plain && nobody, setting, || refusal().problem)
}
